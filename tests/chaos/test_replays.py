"""Sessions in which things go wrong are lived again, with the same strategy and the same chance."""

from __future__ import annotations

import contextlib
import re

import backtrader as bt
import pytest

from btstores.instruments import TimeFrame
from btstores.journal.reader import JournalReader
from btstores.sim.faults import draws, plan_of_seed
from btstores.stores.replay import ReplayStore
from btstores.testing.chaos import run_session
from btstores.testing.chaos import session as sessions
from btstores.testing.chaos.gambler import Gambler
from btstores.testing.chaos.paper import PaperArena
from btstores.testing.driver import EachCycle

ALL = ("Stop", "StopLimit", "StopTrail", "bracket", "oco")
#: The session cancels what is open at its end. It is no strategy.
OF_THE_SESSION = re.compile("the cancel of .* was in the recording only")


class Seat:
    """Where a strategy is to be found."""

    strategy = None


def play(seed, seconds, folder, emulate, monkeypatch, kind=PaperArena):
    """Run a session; return its strategy and its arena."""
    players = []

    class Seen(Gambler):
        def __init__(self):
            super().__init__()
            players.append(self)

    monkeypatch.setattr(sessions, "Gambler", Seen)
    arena = kind(seed, seconds, emulate)
    faults = {name: chance for name, chance in kind.chances.items() if name != "kill"}
    plan = plan_of_seed(faults, seed, seconds, 5.0)
    report = run_session(arena, seed, seconds, plan, folder)
    assert report.differences == ()
    (player,) = players
    return player, arena


def again(seed, folder, arena):
    """Replay it; return the store and its strategy."""
    store = ReplayStore(journal=str(folder / f"chaos-{seed}.journal"))
    seat = Seat()
    with JournalReader(store.run.path) as reader:
        (calm,) = reader.records(kinds=("note",))
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.setbroker(store.getbroker())
    for frame in (TimeFrame.TICKS, TimeFrame.MINUTES):
        cerebro.adddata(store.getdata(dataname=arena.symbol, timeframe=int(frame)))
    chance = draws("gambler", seed)
    cerebro.addstrategy(Gambler, session=seat, arena=arena, chance=chance)

    def step():
        following = store.player.next_seq
        if seat.strategy is not None and (following is None or following > calm.seq):
            seat.strategy.stopped = True

    cerebro.addstore(EachCycle(step))
    with contextlib.closing(arena):
        return store, cerebro.run()[0]


def same_story(seed, seconds, folder, emulate, monkeypatch):
    then, arena = play(seed, seconds, folder, emulate, monkeypatch)
    store, now = again(seed, folder, arena)
    assert [text for text in store.differences if not OF_THE_SESSION.match(text)] == []
    assert now.bars == then.bars
    assert list(now.executed.values()) == list(then.executed.values())
    return store.comparison.matched


@pytest.mark.parametrize("emulate", [(), ALL], ids=["by the venue", "by the core"])
@pytest.mark.parametrize("seed", range(2, 6))
def test_a_session_is_lived_again(seed, emulate, tmp_path, monkeypatch):
    assert same_story(seed, 180.0, tmp_path, emulate, monkeypatch) > 3


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 160))
def test_many_sessions_are_lived_again(seed, tmp_path, monkeypatch):
    same_story(seed, 300.0, tmp_path, ALL if seed % 2 else (), monkeypatch)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1, 5))
def test_sessions_at_opend_are_lived_again(seed, tmp_path, monkeypatch):
    arena_of_opend = pytest.importorskip("btstores.testing.chaos.opend").OpenDArena
    # At twenty times real time a busy machine plays sessions that are not always lived again; why
    # is not known (docs/journal.md).
    monkeypatch.setattr(arena_of_opend, "speed", 5.0)
    then, arena = play(seed, 180.0, tmp_path, (), monkeypatch, arena_of_opend)
    store, now = again(seed, tmp_path, arena)
    assert [text for text in store.differences if not OF_THE_SESSION.match(text)] == []
    assert now.bars == then.bars
    assert list(now.executed.values()) == list(then.executed.values())
    assert store.comparison.matched > 5
