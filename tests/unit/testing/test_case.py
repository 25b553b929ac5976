"""The list of cases, and what they need."""

from __future__ import annotations

import re

import pytest

from btstores.stores.gateway import Capabilities
from btstores.testing import StoreConformance, Venue, all_cases
from btstores.testing.case import Case, case, missing
from btstores.testing.paper import ControlledPaper

# Of the published execution table, those that apply to stocks, futures and currencies.
NUMBERS = (1, 2, 3, 4, 6, *range(10, 24), *range(30, 37), *range(40, 45), 50, 51, 52, 61, 62, 63)
NUMBERS += (*range(71, 79), *range(80, 88), 90, 91, 94, 96, 99, 100, 101)


def test_all_that_the_table_asks_for_is_there():
    assert [one.id for one in all_cases() if one.id.startswith("E")] == [
        f"E{number:02}" for number in NUMBERS
    ]


def test_each_case_says_what_it_shows():
    cases = all_cases()
    assert len({one.title for one in cases}) == len(cases)
    assert len({one.name for one in cases}) == len(cases)
    for one in cases:
        assert re.fullmatch(r"[A-Z`].{10,90}[^.]", one.title), one


def test_each_case_is_a_test_of_its_own():
    tests = [name for name in vars(StoreConformance) if name.startswith("test_")]
    assert tests == [f"test_{one.id}_{one.name}" for one in all_cases()]
    assert "test_E10_limit_buy_rests" in tests


def test_a_number_is_given_once():
    with pytest.raises(ValueError, match="E01 is there already: market_buy"):
        case("E01")(lambda t: iter(()))


class Bare(Venue):
    symbol = "S"
    patience = 60.0

    def make_store(self, **params):
        raise AssertionError("nobody asked for it")


def needing(*needs, **about):
    return Case("X01", "x", "x", lambda t: iter(()), needs, **about)


def test_powers_are_what_a_venue_defines():
    assert missing(needing("trade"), Bare()) == "needs a simulated venue: trade"
    assert missing(needing("trade", "quote", "halt"), ControlledPaper()) == ""


def test_patience_and_options():
    assert missing(needing(takes=61.0), Bare()) == "takes 61 s"
    assert missing(needing(takes=60.0), Bare()) == ""
    assert missing(needing(option=True), Bare()) == "not declared: options"


class Declaring:
    def __init__(self, on_unsupported, **can):
        self.capabilities = Capabilities(**can)
        self.params = {"on_unsupported": on_unsupported}


@pytest.mark.parametrize(
    ("need", "lacking", "emulated"),
    [
        ("short", "short", False),
        ("options", "options", False),
        ("type Stop", "Stop", True),
        ("tif IOC", "IOC", False),
        ("tif GTD", "GTD", True),
        ("tif DAY", "DAY", True),
        ("modify price", "price", False),
        ("extra reduce_only", "reduce_only", False),
        ("bracket", "bracket", True),
        ("native-bracket", "native-bracket", False),
        ("oco", "oco", True),
    ],
)
def test_what_is_not_declared_is_named_unless_the_core_does_it(need, lacking, emulated):
    words = f"not declared: {lacking}"
    assert missing(needing(need), Bare(), Declaring("reject")) == words
    assert missing(needing(need), Bare(), Declaring("emulate")) == ("" if emulated else words)


def test_what_is_declared_is_not_missing():
    can = ControlledPaper().make_store().capabilities
    store = Declaring("reject", **{name: getattr(can, name) for name in vars(can)})
    for need in ("short", "type StopTrail", "tif IOC", "modify price", "native-bracket", "oco"):
        assert missing(needing(need), Bare(), store) == ""


def test_a_need_that_nobody_understands_is_a_mistake():
    with pytest.raises(ValueError, match="expected type, tif, modify or extra"):
        missing(needing("colour red"), Bare(), Declaring("reject"))
