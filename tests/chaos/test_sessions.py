"""Whole sessions in which things go wrong, compared with the venue's own book.

`btstores chaos` plays the same: a seed that fails here can be looked at there.
"""

from __future__ import annotations

import json

import backtrader as bt
import pytest

from btstores import LiveCerebro
from btstores.cli import main
from btstores.sim.faults import Planned, plan_of_seed
from btstores.testing.chaos import run_session
from btstores.testing.chaos.paper import PaperArena

ALL = ("Stop", "StopLimit", "StopTrail", "bracket", "oco")


def play(
    seed, folder, minutes=3.0, plan=None, arena=PaperArena, emulate=(), rate=4.0, engine=bt.Cerebro
):
    seconds = 60.0 * minutes
    plan = plan_of_seed(arena.chances, seed, seconds, rate) if plan is None else plan
    return run_session(arena(seed, seconds, emulate), seed, seconds, plan, folder, engine)


def chaos(capsys, *arguments):
    """Run the command; return its status and what it printed, an object a line."""
    status = main(["chaos", "--json", *arguments])
    return status, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize("emulate", [(), ALL], ids=["by the venue", "by the core"])
@pytest.mark.parametrize("seed", range(1, 5))
def test_a_session_agrees_with_the_venue(seed, emulate, tmp_path):
    report = play(seed, tmp_path, emulate=emulate)
    assert report.differences == ()
    assert report.orders > 3
    assert report.fills > 1


@pytest.mark.parametrize("seed", range(5, 9))
def test_a_session_on_the_loop_of_many_feeds_agrees_too(seed, tmp_path):
    report = play(seed, tmp_path, engine=LiveCerebro)
    assert report.differences == ()
    assert report.fills > 1


def test_on_that_loop_too_a_killed_process_leaves_its_journal_alone(tmp_path):
    plan = [Planned(at, "kill", {}) for at in (10.0, 30.0, 31.0, 60.0)]
    report = play(5, tmp_path, minutes=1.5, plan=plan, engine=LiveCerebro)
    assert report.faults == {"kill": 4}
    assert report.differences == ()


def test_a_seed_tells_the_same_story_again(tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    one, two = play(11, tmp_path / "one"), play(11, tmp_path / "two")
    assert one == two
    assert sum(one.faults.values()) > 5


@pytest.mark.parametrize("name", sorted(PaperArena.chances))
def test_each_fault_alone_is_survived(name, tmp_path):
    longest = PaperArena.chances[name].longest
    options = {"seconds": longest} if longest else {}
    plan = [Planned(at, name, options) for at in (10.0, 30.0, 31.0, 60.0)]
    report = play(5, tmp_path, minutes=1.5, plan=plan)
    assert report.faults == {name: 4}
    assert report.differences == ()


class LyingArena(PaperArena):
    """A venue that says otherwise than it did."""

    rest = 60.0
    lie = staticmethod(lambda book: book)

    def book(self):
        return type(self).lie(super().book())


def forget_a_fill(book):
    return book._replace(fills=dict(list(book.fills.items())[1:]))


def add_a_fill(book):
    return book._replace(fills={**book.fills, "X": ("nobody", 1.0)})


def add_an_order(book):
    return book._replace(orders={**book.orders, "X": (0.0, False)})


def revive_an_order(book):
    key = next(iter(book.orders))
    return book._replace(orders={**book.orders, key: (0.0, True)})


LIES = [
    (lambda book: book._replace(position=book.position + 1), "position"),
    (lambda book: book._replace(cash=book.cash + 1), "cash"),
    (lambda book: book._replace(twice=("X",)), "order X was sent twice"),
    (forget_a_fill, "is invented"),
    (add_a_fill, "fill X is lost"),
    (add_an_order, "order X is at the venue, and nobody sent it"),
    (revive_an_order, "is alive at the venue"),
]


@pytest.mark.parametrize(("lie", "words"), LIES, ids=[words for _, words in LIES])
def test_a_difference_is_found(lie, words, tmp_path, monkeypatch):
    monkeypatch.setattr(LyingArena, "lie", staticmethod(lie))
    report = play(2, tmp_path, minutes=1.0, plan=[], arena=LyingArena)
    assert any(words in difference for difference in report.differences), report.differences


def test_bars_are_compared_too(tmp_path, monkeypatch):
    history = PaperArena.make_store

    def make_store(self, **params):
        store = history(self, **params)
        ask = store.get_history_data

        def lie(*args, **kwargs):
            bars = list(ask(*args, **kwargs))
            bars[1] = bars[1]._replace(close=1.0)
            return [*bars[:2], *bars[3:]]

        store.get_history_data = lie
        return store

    monkeypatch.setattr(PaperArena, "make_store", make_store)
    report = play(2, tmp_path, minutes=5.0, plan=[])
    (found,) = report.differences
    assert "close=1.0" in found


def test_the_command_tells_of_each_session(capsys):
    status, told = chaos(capsys, "--seed", "3", "--sessions", "2", "--minutes", "1")
    assert status == 0
    assert [one["event"] for one in told] == ["session", "session", "summary"]
    assert [one["seed"] for one in told[:2]] == [3, 4]
    assert told[2] == {"event": "summary", "sessions": 2, "bad": 0}


def test_the_command_fails_on_a_difference(capsys, monkeypatch):
    monkeypatch.setattr(PaperArena, "rest", 60.0)
    book = PaperArena.book
    monkeypatch.setattr(
        PaperArena, "book", lambda self: book(self)._replace(cash=book(self).cash + 1)
    )
    assert main(["chaos", "--minutes", "1", "--faults", "drop"]) == 1
    assert "cash" in capsys.readouterr().out


def test_the_command_takes_a_plan_and_keeps_the_journal(capsys, tmp_path):
    plan = tmp_path / "plan.toml"
    plan.write_text('[[fault]]\nat = 10\nname = "drop"\nseconds = 5.0\n', encoding="utf-8")
    status, told = chaos(
        capsys, "--plan", str(plan), "--minutes", "1", "--keep", str(tmp_path / "kept")
    )
    assert (status, told[0]["faults"]) == (0, {"drop": 1})
    assert main(["journal", "verify", str(tmp_path / "kept" / "chaos-1.journal")]) in (0, 1)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(("--store", "nope"), "paper, futu or oanda"), (("--faults", "nope"), "drop, kill")],
)
def test_the_command_names_what_there_is(arguments, words, capsys):
    assert main(["chaos", *arguments]) == 2
    assert words in capsys.readouterr().err


def test_the_command_lists_the_faults(capsys):
    assert main(["chaos", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(PaperArena.chances)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_sessions_at_the_paper_venue(capsys):
    status, told = chaos(capsys, "--seed", "1", "--sessions", "120", "--minutes", "5")
    assert status == 0, [one for one in told if one.get("differences")]


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("store", "library"), [("futu", "futu"), ("oanda", "oandapyV20")])
def test_sessions_over_a_network(capsys, store, library):
    pytest.importorskip(library, reason=f"{library} is not installed")
    arguments = ("--store", store, "--seed", "1", "--sessions", "5", "--minutes", "5")
    status, told = chaos(capsys, *arguments)
    assert status == 0, [one for one in told if one.get("differences")]


@pytest.mark.long
@pytest.mark.timeout(600)
def test_opend_is_restarted_fifty_times_under_order_flow(tmp_path):
    pytest.importorskip("futu", reason="futu-api is not installed")
    from btstores.testing.chaos.opend import OpenDArena

    away = {"seconds": 4.0}
    plan = [Planned(20.0 + 25.0 * number, "listener_down", away) for number in range(50)]
    seconds = plan[-1].at + 25.0
    report = run_session(OpenDArena(3, seconds), 3, seconds, plan, tmp_path)
    assert report.faults == {"listener_down": 50}
    assert report.differences == ()
    assert report.orders > 10
    assert report.fills > 3
