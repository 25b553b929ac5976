"""The engine's waiting: whatever happens on any feed is handled at once, and nothing spins.

The oracle is a feed that waits as backtrader's own live feeds do, on the same stock engine.
"""

from __future__ import annotations

import gc
import threading
import weakref

import backtrader as bt
import pytest

from btstores.clock import RealClock
from btstores.feeds.cycle import Cycle
from btstores.inbox import Wakeup
from btstores.reports import FillReport, LinkReport, LinkState, Side, Subscription, Tick
from tests.support.session import SECOND, START, Diary, Session, bar
from tests.support.upstream import OwnTime, WaitingFeed
from tests.support.venue import T0, new_store

TICKS = bt.TimeFrame.Ticks
NEVER = 3600.0  # a wait that nobody lives to see the end of
SOON = 30.0


class Timed(bt.Strategy):
    """Writes down how late it sees each new price."""

    params = (("now", None),)

    def __init__(self):
        self.delays = []

    def next(self):
        newest = max(data.datetime[0] for data in self.datas if len(data))
        self.delays.append(self.p.now() - round((newest - ORIGIN) * 86400, 3))

    prenext = next


ORIGIN = bt.date2num(START)


def upstream_delays(arrivals, until):
    """Return how late ticks are on backtrader's own kind of live feed."""
    time = OwnTime()
    cerebro = bt.Cerebro(stdstats=False)
    for ticks in arrivals:
        cerebro.adddata(WaitingFeed(arrivals=ticks, time=time, until=until, timeframe=TICKS))
    cerebro.addstrategy(Timed, now=lambda: time.now)
    return cerebro.run()[0].delays


def our_delays(arrivals):
    session = Session()
    for number, ticks in enumerate(arrivals):
        symbol = f"S{number}"
        session.feed(symbol, TICKS)
        for seconds, price in ticks:
            session.say(seconds, Tick(symbol, T0 + round(seconds * SECOND), price, 1.0))
    return session.run(Timed, now=lambda: (session.clock.time_ns() - T0) / SECOND).delays


def one_tick_on_the_last_of(feeds):
    return [()] * (feeds - 1) + [[(3.2 + 7.0 * n, 10.0 + n) for n in range(5)]]


@pytest.mark.parametrize("feeds", [1, 2, 10])
def test_a_tick_is_seen_at_once_however_many_feeds_are_quiet(feeds):
    arrivals = one_tick_on_the_last_of(feeds)
    assert our_delays(arrivals) == pytest.approx([0.0] * 5, abs=1e-3)


def test_upstream_sees_it_late():
    delays = upstream_delays(one_tick_on_the_last_of(10), until=60.0)
    assert min(delays) > 0.4


def test_a_busy_feed_is_not_held_up_by_a_quiet_one():
    arrivals = [[(1.0 + n / 100, 10.0 + n) for n in range(100)], ()]
    assert max(our_delays(arrivals)) < 1e-3
    late = upstream_delays([[(1.0 + n / 100, 10.0 + n) for n in range(100)], ()], until=200.0)
    assert max(late) > 80.0, "upstream handles a tick a second"


def test_a_burst_on_ten_feeds_is_delivered_at_once():
    arrivals = [[(1.0 + n / 1000, 10.0 + n)] for n in range(10)]
    assert max(our_delays(arrivals)) < 1e-3
    assert max(upstream_delays(arrivals, until=10.0)) > 4.0


def test_all_that_came_together_is_shown_before_the_next_wait(monkeypatch):
    seen = watch_waits(monkeypatch, lambda: len(diaries[0].bars) if diaries else 0)
    diaries = []

    class Own(Diary):
        def start(self):
            diaries.append(self)

    session = Session()
    session.feed("A", TICKS)
    session.feed("B", TICKS)
    burst = [Tick("A", T0 + SECOND + n, 10.0 + n, 1.0) for n in range(50)]
    session.at(1, lambda: [session.store.put(tick) for tick in burst])
    diary = session.run(Own)
    assert len(diary.bars) == 50
    assert set(seen) == {0, 50}, "the engine waited in the middle of the burst"


def watch_waits(monkeypatch, look):
    """Return a list of what ``look`` found whenever the engine was about to wait."""
    seen = []
    wait = Wakeup.wait

    def watched(wakeup, timeout):
        seen.append(look())
        return wait(wakeup, timeout)

    monkeypatch.setattr(Wakeup, "wait", watched)
    return seen


# With real threads. A wait that a report does not end would last an hour.


class Live:
    """A run on the wall clock, driven by a thread that plays the venue."""

    def __init__(self, symbols):
        self.store = new_store(clock=RealClock())
        self.cerebro = bt.Cerebro(stdstats=False)
        self.cerebro.setbroker(self.store.getbroker())
        self.symbols = symbols
        for symbol in symbols:
            feed = self.store.getdata(dataname=symbol, timeframe=TICKS, qcheck=NEVER)
            self.cerebro.adddata(feed)
        self.live = threading.Semaphore(0)
        self.handled = threading.Semaphore(0)
        self.late = []

    def run(self, play, script=None):
        """Run until the thread has played; return the strategy."""
        live = self

        class Own(Diary):
            def next(self):
                super().next()
                live.handled.release()

            prenext = next

            def notify_order(self, order):
                super().notify_order(order)
                live.handled.release()

            def notify_data(self, data, status, *args, **kwargs):
                super().notify_data(data, status)
                if status == data.LIVE:
                    live.live.release()

        def venue():
            for _ in self.symbols:
                if not self.live.acquire(timeout=SOON):
                    self.late.append("live")
            try:
                play()
            finally:
                for symbol in self.symbols:
                    self.put(LinkReport(LinkState.ENDED, 0, Subscription(symbol, TICKS, 1)))

        thread = threading.Thread(target=venue)
        self.cerebro.addstrategy(Own, script=script)
        thread.start()
        diary = self.cerebro.run()[0]
        thread.join()
        return diary

    def put(self, report):
        self.store.put(report)

    def expect_handled(self, what):
        if not self.handled.acquire(timeout=SOON):
            self.late.append(what)


@pytest.mark.parametrize("feeds", [1, 5, 20])
def test_a_tick_of_another_thread_ends_the_wait(feeds):
    live = Live([f"S{n}" for n in range(feeds)])
    now = live.store.clock.time_ns()

    def play():
        for n in range(20):
            live.put(Tick(live.symbols[(7 * n) % feeds], now + n, 10.0 + n, 1.0))
            live.expect_handled(n)

    diary = live.run(play)
    assert live.late == []
    assert len(diary.bars) == 20
    assert live.store.wakeup.cycle < 20 * 4 + 20, "the engine spins"


def test_an_order_is_told_at_once_although_no_bar_comes():
    live = Live(["A", "B"])
    now = live.store.clock.time_ns()

    def play():
        live.put(Tick("A", now, 10.0, 1.0))
        live.expect_handled("the tick")
        live.expect_handled("submitted")
        live.store.outbox.call(len, "", timeout=SOON)  # the sending thread has done its part
        request = live.store.gateway.placed[0]
        for n in range(10):
            fill = FillReport(f"F{n}", "A", Side.BUY, 1.0, 10.0, now, request.client_order_id)
            live.put(fill)
            live.expect_handled(n)

    diary = live.run(play, {1: lambda s: s.buy(size=10)})
    assert live.late == []
    assert len(diary.bars) == 1
    assert [told.filled for told in diary.told] == list(range(11))


# Idle engines.


class Idle:
    """Ends the run after some waits, or when the engine turns without waiting."""

    def __init__(self, session, monkeypatch, waits=4):
        self.waits = self.cycles = 0
        store = session.store
        wait, notifications = Wakeup.wait, store.get_notifications

        def counted_wait(wakeup, timeout):
            self.waits += 1
            if self.waits >= waits:
                session._end()
            return wait(wakeup, min(timeout, 0.001))

        def counted_cycles():
            self.cycles += 1
            if self.cycles > 500:
                session._end()
            return notifications()

        monkeypatch.setattr(Wakeup, "wait", counted_wait)
        monkeypatch.setattr(store, "get_notifications", counted_cycles)


def nothing(session):
    return None


def second_feed_ended(session):
    session.store.put(LinkReport(LinkState.ENDED, 0, session.feeds[1].subscription))


def second_feed_refused(session):
    session.store.put(LinkReport(LinkState.REFUSED, 0, session.feeds[1].subscription))


def link_lost(session):
    session.store.put(LinkReport(LinkState.DOWN))


@pytest.mark.parametrize(
    "happened",
    [nothing, second_feed_ended, second_feed_refused, link_lost],
    ids=lambda f: f.__name__,
)
def test_an_idle_engine_waits_and_does_not_spin(monkeypatch, happened):
    session = Session(new_store(reconnect=False))
    session.feed("A")
    session.feed("B")
    session.store.gateway.bars.update({symbol: [bar(0, symbol=symbol)] for symbol in "AB"})
    session.at(1, lambda: happened(session))
    session.at(2, lambda: None)
    session.clock.call_at = lambda *args: None  # the end comes from counting
    idle = Idle(session, monkeypatch)
    session.run()
    assert idle.waits >= 4
    assert idle.cycles <= 2 * idle.waits + 6


def test_upstream_spins_when_one_of_its_feeds_is_not_live():
    time, cycles = OwnTime(), []

    class Quiet(WaitingFeed):
        def do_qcheck(self, onoff, qlapse):
            cycles.append(time.now)
            if len(cycles) > 1000:
                self.p.until = time.now = -1.0
            super().do_qcheck(onoff, qlapse)

    cerebro = bt.Cerebro(stdstats=False)
    for live in (True, False):
        feed = Quiet(time=time, until=50.0, always=True, live=live, timeframe=TICKS)
        cerebro.adddata(feed)
    cerebro.addstrategy(bt.Strategy)
    cerebro.run()
    assert len(cycles) > 1000
    assert max(cycles) == 0.0, "no time has passed in a thousand cycles"


def test_another_thread_never_sees_an_empty_slot_while_the_engine_waits(monkeypatch):
    feeds, seen = [], []

    def read():
        if len(feeds[0]):
            seen.append(feeds[0].close[0])

    def read_in_a_thread():
        thread = threading.Thread(target=read)
        thread.start()
        thread.join()

    session = Session()
    feeds.append(session.feed())
    session.feed("B")
    session.bars(10, 11, 12)
    watch_waits(monkeypatch, read_in_a_thread)
    session.run()
    assert len(seen) >= 3
    assert set(seen) == {10, 11, 12}


def test_upstream_shows_an_empty_slot_while_it_waits():
    time = OwnTime()
    feed = WaitingFeed(arrivals=[(1.0, 10.0), (5.0, 11.0)], time=time, until=6.0, timeframe=TICKS)
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.adddata(feed)
    cerebro.addstrategy(bt.Strategy)
    cerebro.run()
    assert all(feed.seen_while_waiting)


# What a feed says it has.


def test_a_feed_has_live_data_only_when_it_can_deliver(monkeypatch):
    session = Session()
    feed = session.feed()
    session.bars(10, 11)
    seen = watch_waits(monkeypatch, lambda: feed.haslivedata())
    session.run()
    assert seen
    assert not any(seen), "the engine waited although there was something to deliver"
    feed._on_data(bar(3))
    assert feed.haslivedata()
    assert feed.head_ns() == bar(3).time_ns


def test_a_bar_that_the_engine_put_back_counts_as_live_data():
    session = Session()
    feed = session.feed()
    found = []

    def put_back(strategy):
        strategy.data.rewind()
        found.append((strategy.data.haslivedata(), strategy.data.head_ns()))
        assert strategy.data._bring_back(None, False)

    session.bars(10, 11)
    session.run(script={1: put_back})
    assert found == [(True, bar(1).time_ns)]
    assert not feed.haslivedata()


def test_a_cerebro_has_one_cycle_and_both_go_together():
    cerebro = bt.Cerebro()
    assert Cycle.of(cerebro) is Cycle.of(cerebro)
    assert Cycle.of(cerebro) is not Cycle.of(bt.Cerebro())
    gone = run_and_forget()
    gc.collect()
    assert [one() for one in gone] == [None] * 3


def run_and_forget():
    """Return weak references, from a frame of its own: backtrader keeps its locals alive."""
    session = Session()
    session.feed()
    session.bars(10)
    session.run()
    gone = [weakref.ref(one) for one in (session.cerebro, session.store, session.broker)]
    del session
    return gone
