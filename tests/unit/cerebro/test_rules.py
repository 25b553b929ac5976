"""Rules of the loop that random runs do not reach: in each case both engines do the same."""

from __future__ import annotations

import datetime
from typing import Any, Callable, List

import backtrader as bt

from btstores import LiveCerebro
from btstores.feeds.times import ns_to_num, num_to_ns
from btstores.reports import Bar
from tests.parity.engines import Run, Twin, witnessed
from tests.parity.harness import ListFeed
from tests.support.session import START, Session
from tests.support.venue import MINUTE, T0

MICROSECOND = 1_000


def both(play: Callable[[Session], Any]) -> Twin:
    """Return what comes of a session under either engine; ``play`` makes it ready."""
    runs: List[Run] = []
    for engine in (bt.Cerebro, LiveCerebro):
        session = Session()
        session.cerebro = engine(stdstats=False)
        session.cerebro.setbroker(session.broker)
        play(session)
        session.clock.call_at(session._last_ns + 10**9, session._end)
        runs.append(witnessed(session.cerebro))
        assert not runs[-1].error
    return Twin(*runs)


def rows(*minutes: float) -> List[Any]:
    """Return bars of a historical feed that end so many minutes after the start."""
    return [
        (START + datetime.timedelta(minutes=minute), 1.0, 2.0, 0.5, 1.5, minute)
        for minute in minutes
    ]


def shown(run: Run, hook: str = "next") -> List[Any]:
    """Return the lengths of the feeds at each call of ``next``, and before."""
    return [call.lens[1:3] for call in run.calls[0] if call.hook in ("prenext", hook)]


def old(session: Session, *minutes: float) -> None:
    """Add a historical feed."""
    session.cerebro.adddata(ListFeed(bars=rows(*minutes), timeframe=bt.TimeFrame.Minutes))


class Dated(bt.Strategy):
    """Takes down its own time, which is that of the newest bar."""

    def __init__(self) -> None:
        self.times: List[float] = []

    def prenext(self) -> None:
        self.next()

    def next(self) -> None:
        self.times.append(round((self.datetime[0] - bt.date2num(START)) * 1440, 3))


def test_a_feed_whose_time_runs_backwards() -> None:
    """The newest time of a strategy is then its own older one, or that of another feed."""

    def play(session: Session) -> None:
        session.feed(backfill_start=False)
        session.bars(10.0, 10.0)
        old(session, 5, 8, 3, -1, 4, 9)
        session.cerebro.addstrategy(Dated)

    twin = both(play)
    assert not twin.differences()
    times = twin.ours.strategies[0].times
    assert times == [5, 8, 8, 8, 3, 2, 4, 9], "2 is that of the live feed's last bar"


class Feeding(bt.Strategy):
    """Lets the venue tell a bar when the second historical bar is shown."""

    params = (("tell", None),)

    def prenext(self) -> None:
        if len(self.data2) == 2:
            self.p.tell()

    next = prenext


def test_a_bar_that_was_put_back_comes_with_one_of_the_same_time() -> None:
    """What was put back has a time that its float tells, here some microseconds later."""
    time_ns = T0 + 10 * MINUTE
    while num_to_ns(ns_to_num(time_ns)) <= time_ns:
        time_ns += MICROSECOND

    def play(session: Session) -> None:
        for symbol in "AB":
            session.feed(symbol, backfill_start=False)
        old(session, 1, 2, 3)

        def tell(symbol: str) -> None:
            session.store.put(Bar(symbol, 4, 1, time_ns, 1.0, 2.0, 0.5, 1.5, 7.0))

        session.at(0, lambda: tell("A"))
        session.at(700, lambda: None)
        session.cerebro.addstrategy(Feeding, tell=lambda: tell("B"))

    twin = both(play)
    assert not twin.differences()
    assert shown(twin.ours)[-1] == (1, 1)
    assert (1, 0) not in shown(twin.ours), "both are shown at once"
