"""The families of errors and what their messages say."""

from __future__ import annotations

import inspect

import pytest

from btstores import errors

CLASSES = [getattr(errors, name) for name in errors.__all__]


def test_every_error_is_ours_and_has_a_code_of_its_own():
    codes = [cls.code for cls in CLASSES]
    assert len(set(codes)) == len(codes)
    assert all(code == code.upper() for code in codes)
    for cls in CLASSES:
        assert issubclass(cls, errors.BtstoresError), cls
        assert inspect.getdoc(cls), cls


@pytest.mark.parametrize(
    "cls",
    [
        errors.ConfigError,
        errors.UnknownStoreError,
        errors.MissingExtraError,
        errors.UnknownInstrumentError,
        errors.UnsupportedError,
        errors.DataFileError,
    ],
)
def test_a_users_mistake_is_a_usage_error_and_a_value_error(cls):
    assert issubclass(cls, errors.UsageError)
    assert issubclass(cls, ValueError)


@pytest.mark.parametrize("cls", [errors.LinkError, errors.VenueRefused])
def test_what_the_venue_said_is_no_usage_error(cls):
    assert issubclass(cls, errors.VenueError)
    assert not issubclass(cls, errors.UsageError)


def test_an_unknown_outcome_is_neither_a_refusal_nor_a_mistake():
    assert not issubclass(errors.OutcomeUnknown, (errors.UsageError, errors.VenueError))


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (errors.ConfigError.of("port", "x", "int"), "port='x': expected int"),
        (
            errors.MissingExtraError("futu", "futu"),
            "futu is not installed. Install it with: pip install 'btstores[futu]'",
        ),
        (
            errors.UnknownInstrumentError("XX", "paper", "AAPL"),
            "paper does not know the symbol 'XX'; it knows AAPL",
        ),
        (
            errors.DataFileError("a.csv", 3, "close", "abc", "a number"),
            "a.csv, line 3, column close: 'abc', expected a number",
        ),
    ],
)
def test_messages_name_what_is_wrong_and_what_was_expected(error, message):
    assert str(error) == message


def test_errors_carry_what_a_program_needs():
    file_error = errors.DataFileError("a.csv", 3, "close", "abc", "a number")
    assert (file_error.line, file_error.column, file_error.value) == (3, "close", "abc")
    assert errors.VenueRefused("no", "E42").venue_code == "E42"
    assert errors.UnknownInstrumentError("XX", "paper").symbol == "XX"
    assert isinstance(errors.MissingExtraError("futu", "futu"), ImportError)
