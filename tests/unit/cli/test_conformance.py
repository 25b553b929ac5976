"""`btstores conformance`: what it runs, what it shows and how it ends."""

from __future__ import annotations

import json

import pytest

from btstores.cli import conformance
from btstores.testing import Outcome, Result, all_cases
from btstores.testing.paper import ControlledPaper
from tests.support.venue import ScriptedStore


def test_a_line_a_case_after_a_warning(command):
    said = command("conformance", "paper", "--case", "E10", "e40", "E90")
    assert said.status == 0
    assert said.err == ""
    assert said.lines == [
        "This trades on the account of paper: it sends, changes and cancels orders of 10 TEST "
        "and of twice as much. Ctrl-C leaves what is open then.",
        "E10   passed    A limit buy below the market rests",
        "E40   passed    A cancelled order is gone here and at the venue",
        "E90   skipped   A limit buy of an option rests (not declared: options)",
        "2 passed, 0 failed, 1 skipped",
    ]


def test_parameters_of_the_store_and_what_is_emulated(command):
    said = command("conformance", "paper", "--set", "emulate=all", "--size", "4", "--case", "E20")
    assert "orders of 4 TEST" in said.lines[0]
    assert said.lines[1:] == [
        "E20   emulated  A stop to buy above the market waits",
        "1 passed, 0 failed, 0 skipped",
    ]


def test_a_failure_is_explained_and_is_the_status(command):
    said = command("conformance", "paper", "--set", "cash=1", "--case", "E01", "E72")
    assert said.status == 1
    assert said.lines[1].startswith("E01   failed    A market buy")
    assert said.lines[2] == "      waited 30 s"
    assert any("Margin(0)" in line for line in said.lines)
    assert said.lines[-1] == "1 passed, 1 failed, 0 skipped"


def test_json(command):
    said = command("conformance", "paper", "--json", "--case", "E10", "E43")
    assert said.err.startswith("This trades on the account of paper")
    first, second, last = said.events
    assert first == {
        "event": "case",
        "id": "E10",
        "title": "A limit buy below the market rests",
        "outcome": "passed",
        "reason": "",
    }
    assert (second["outcome"], second["reason"]) == ("skipped", "not declared: batch_cancel")
    assert last == {"event": "summary", "passed": 1, "failed": 0, "skipped": 1}


def test_the_list_needs_no_store(command):
    said = command("conformance", "--list")
    assert said.status == 0
    assert len(said.lines) == len(all_cases())
    assert said.lines[0] == "E01   A market buy opens a long position"
    assert "E30   A resting limit buy takes another price (needs modify price)" in said.lines
    listed = [json.loads(line) for line in command("conformance", "--list", "--json").lines]
    assert [one["id"] for one in listed] == [one.id for one in all_cases()]
    assert listed[1]["needs"] == ["short"]


def test_wrong_use(refused):
    assert refused("conformance") == "which store? btstores stores lists them"
    assert "--case='E99'" not in refused("conformance", "paper", "--case", "X1")
    assert refused("conformance", "paper", "--case", "X1").startswith("--case='X1': expected")
    assert "no store is called 'nobody'" in refused("conformance", "nobody")
    assert "has no parameter 'colour'" in refused("conformance", "paper", "--set", "colour=red")
    assert "--size" in refused("conformance", "paper", "--size", "0")


class Elsewhere(ScriptedStore):
    """A store of another package."""

    name = "elsewhere"
    opened = []

    def __init__(self, params):
        super().__init__(params)
        type(self).opened.append(dict(params))


@pytest.fixture
def elsewhere(monkeypatch):
    monkeypatch.setattr(conformance, "find_store", lambda name: Elsewhere)
    monkeypatch.setattr(Elsewhere, "opened", [])


@pytest.mark.usefixtures("elsewhere")
def test_another_store_needs_a_symbol(refused):
    assert refused("conformance", "elsewhere") == "which symbol? Give --symbol"


@pytest.mark.usefixtures("elsewhere")
def test_another_store_is_opened_with_its_parameters_and_those_of_the_case(command, monkeypatch):
    ran = []

    def run(case, venue):
        ran.append((venue.symbol, venue.size, venue.option_symbol, venue.timeframe))
        venue.make_store(**case.params)
        return Result(case.id, case.title, Outcome.PASSED)

    monkeypatch.setattr(conformance, "run_case", run)
    argv = ("--symbol", "S", "--size", "200", "--option", "O", "--timeframe", "ticks")
    said = command(
        "conformance", "elsewhere", "--set", "account=demo-7", *argv, "--case", "E10", "E72"
    )
    assert said.status == 0
    assert "account of elsewhere" in said.lines[0]
    assert ran == [("S", 200.0, "O", 1)] * 2
    assert {params["account"] for params in Elsewhere.opened} == {"demo-7"}
    assert [params["on_unsupported"] for params in Elsewhere.opened][-1] == "reject"


@pytest.mark.usefixtures("elsewhere")
def test_a_venue_that_cannot_be_reached_is_told_once(command, monkeypatch):
    def connect(self):
        raise conformance.ConfigError("nobody listens there")

    monkeypatch.setattr(Elsewhere, "connect", connect)
    said = command("conformance", "elsewhere", "--symbol", "S")
    assert said.status == 2
    assert said.out == ""
    assert said.err == "btstores: error: nobody listens there\n"


def test_ctrl_c_ends_with_what_was_found_so_far(command, monkeypatch):
    def interrupted(case, venue):
        if case.id == "E02":
            raise KeyboardInterrupt
        return Result(case.id, case.title, Outcome.PASSED)

    monkeypatch.setattr(conformance, "run_case", interrupted)
    said = command("conformance", "paper")
    assert said.status == 130
    assert said.lines[-1] == "1 passed, 0 failed, 0 skipped"


def test_nothing_is_left_open_behind(command, monkeypatch):
    stores = []
    make_store = ControlledPaper.make_store

    def remember(venue, **params):
        stores.append(make_store(venue, **params))
        return stores[-1]

    monkeypatch.setattr(ControlledPaper, "make_store", remember)
    command("conformance", "paper", "--case", "E10", "E84")
    assert len(stores) == 4  # a look, a run, and one with a restart
    assert not any(store.connected for store in stores)
