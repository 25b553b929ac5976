"""Parameters of stores."""

from __future__ import annotations

import pytest

from btstores.config import Param, check_params
from btstores.errors import ConfigError

SPECS = (
    Param("host", "localhost", (str,)),
    Param("port", None, (int,), minimum=1),
    Param("timeout", 30.0, (float,), minimum=0.001),
    Param("env", "SIM", (str,), choices=("SIM", "REAL")),
    Param("debug", False, (bool,)),
    Param("password", None, (str,), secret=True),
    Param("anything", None),
)


def check(**given):
    return check_params("TestStore", SPECS, given)


def test_defaults_fill_in_what_is_not_given_and_values_read_as_attributes_or_items():
    params = check(port=11111)
    assert params.host == params["host"] == "localhost"
    assert params.port == 11111
    assert set(params) == {spec.name for spec in SPECS}
    assert len(params) == len(SPECS)
    with pytest.raises(AttributeError):
        params.hots  # noqa: B018


def test_a_whole_number_serves_as_a_float():
    timeout = check(timeout=5).timeout
    assert (timeout, type(timeout)) == (5.0, float)


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("host", 5, "str"),
        ("port", "11111", "int"),
        ("port", 1.5, "int"),
        ("port", True, "int"),
        ("port", 0, "at least 1"),
        ("timeout", "soon", "float"),
        ("timeout", True, "float"),
        ("timeout", float("nan"), "a number"),
        ("timeout", -1.0, "at least 0.001"),
        ("env", "sim", "one of 'SIM', 'REAL'"),
        ("debug", 1, "bool"),
    ],
)
def test_a_wrong_value_names_field_value_and_expectation(field, value, expected):
    with pytest.raises(ConfigError) as caught:
        check(**{field: value})
    error = caught.value
    assert (error.field, error.expected) == (field, expected)
    assert repr(error.value) == repr(value)
    assert str(error) == f"{field}={value!r}: expected {expected}"


def test_an_unknown_name_is_told_with_the_known_ones():
    with pytest.raises(ConfigError, match=r"no parameter 'hots'; it has: .*host") as e:
        check(hots="x")
    assert e.value.field == "hots"


def test_none_is_always_allowed_and_anything_goes_without_a_kind():
    assert check(host=None, port=None).host is None
    marker = object()
    assert check(anything=marker).anything is marker


def test_the_representation_shows_what_differs_from_the_defaults_and_no_secret():
    params = check(port=5, password="hunter2")
    assert repr(params) == "Params(port=5, password=***)"
    assert "hunter2" not in str(params)
    assert params.password == "hunter2"


def test_an_error_shows_no_secret():
    with pytest.raises(ConfigError) as caught:
        check(password=b"hunter2")
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(caught.value.value)
    assert caught.value.field == "password"
