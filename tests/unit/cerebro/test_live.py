"""What LiveCerebro does besides: it stops all, keeps timers, and leaves the rest to backtrader."""

from __future__ import annotations

import datetime
import pickle
import threading

import backtrader as bt
import pytest

from btstores import LiveCerebro
from btstores.cerebro.depends import Dependencies
from btstores.clock import RealClock
from btstores.feeds.storefeed import StoreFeed
from btstores.reports import Tick
from tests.parity.harness import ListFeed
from tests.parity.strategies import INDICATORS
from tests.support.session import START, Session
from tests.support.upstream import OwnTime, WaitingFeed
from tests.support.venue import new_store


class Live(Session):
    engine = LiveCerebro


class Watched(bt.Strategy):
    """Fails at its third bar, and writes down how it ends."""

    params = (("error", None), ("told", None))

    def next(self):
        if len(self) == 3 and self.p.error is not None:
            raise self.p.error

    def stop(self):
        self.p.told.append("strategy")


def written_down(owner, name, told):
    stop = getattr(owner, name)

    def hook(*args, **kwargs):
        told.append(type(owner).__name__)
        return stop(*args, **kwargs)

    return hook


@pytest.mark.parametrize("error", [ValueError("a bug"), KeyboardInterrupt()])
def test_all_is_stopped_before_an_error_is_raised(error):
    session, told = Live(), []
    feed = session.feed()
    session.bars(1.0, 2.0, 3.0, 4.0)
    for owner in (session.broker, feed, session.store):
        owner.stop = written_down(owner, "stop", told)
    with pytest.raises(type(error)):
        session.run(Watched, error=error, told=told)
    assert told[0] == "strategy"
    assert {"StoreBroker", "StoreFeed", "ScriptedStore"} <= set(told)
    assert not session.store.connected


def test_a_hook_that_fails_keeps_no_other_from_running(caplog):
    session, told = Live(), []
    feed = session.feed()
    session.bars(1.0, 2.0, 3.0, 4.0)

    def broken():
        raise OSError("no disk")

    session.broker.stop = broken
    feed.stop = written_down(feed, "stop", told)
    with pytest.raises(ValueError, match="a bug"):
        session.run(Watched, error=ValueError("a bug"), told=told)
    assert told == ["strategy", "StoreFeed"]
    assert "cerebro.stop_failed" in caplog.text


def test_what_has_not_been_started_is_stopped_all_the_same():
    class Broken(bt.Strategy):
        def __init__(self):
            raise ValueError("no such indicator")

    session = Live()
    session.feed()
    with pytest.raises(ValueError, match="no such indicator"):
        session.run(Broken)
    assert not session.store.connected


class Punctual(bt.Strategy):
    """Writes down when its timer is told, and what it has seen till then."""

    params = (("cheat", False),)

    def __init__(self):
        self.told = []
        when = (START + datetime.timedelta(seconds=90)).time()
        self.add_timer(when=when, cheat=self.p.cheat)

    def notify_timer(self, timer, when, *args, **kwargs):
        now = self.data._store.clock.time_ns()
        self.told.append((now, len(self.data)))


@pytest.mark.parametrize("cheat", [False, True])
def test_a_timer_needs_no_bar(cheat):
    due_ns = Live().clock.time_ns() + 90 * 10**9
    told = {}
    for engine in (bt.Cerebro, LiveCerebro):
        session = Session()
        session.cerebro = engine(stdstats=False)
        session.cerebro.setbroker(session.broker)
        session.feed(qcheck=0.5, backfill_start=False)
        session.bar(1)
        session.bar(5)
        # Something of no interest happens each second, so that time can be looked at.
        for second in range(60, 200):
            session.say(second, Tick("other", session.clock.time_ns() + second * 10**9, 1.0))
        told[engine] = session.run(Punctual, cheat=cheat).told
    ((late_ns, bars),) = told[bt.Cerebro]
    assert (late_ns - due_ns, bars) == (210 * 10**9, 2), "with the next bar"
    ((at_ns, bars),) = told[LiveCerebro]
    assert 0 <= at_ns - due_ns <= 10**9
    assert bars == 1


def test_no_timer_before_the_feed_is_live():
    session = Live()
    session.feed(backfill_start=False)
    session.bar(2)
    strategy = session.run(Punctual)
    assert [bars for _, bars in strategy.told] == [1]


def rows(count):
    start = datetime.datetime(2024, 3, 1, 9, 30)
    minute = datetime.timedelta(minutes=1)
    return [(start + n * minute, 1.0 + n, 2.0 + n, 0.5 + n, 1.5 + n, 1.0) for n in range(count)]


def never(*args):
    raise AssertionError("the loop of backtrader is wanted")


@pytest.mark.parametrize("once", [True, False])
def test_a_backtest_is_left_to_backtrader(monkeypatch, once):
    monkeypatch.setattr("btstores.cerebro.live.EventLoop", never)
    told = {}
    for engine in (bt.Cerebro, LiveCerebro):
        cerebro = engine(runonce=once, preload=once)
        cerebro.adddata(ListFeed(bars=rows(30), timeframe=bt.TimeFrame.Minutes))
        cerebro.addstrategy(bt.strategies.MA_CrossOver, fast=2, slow=5)
        (strategy,) = cerebro.run()
        told[engine] = (len(strategy), strategy.broker.getvalue())
    assert told[bt.Cerebro] == told[LiveCerebro]


def test_live_feeds_of_others_are_left_to_backtrader(monkeypatch):
    monkeypatch.setattr("btstores.cerebro.live.EventLoop", never)
    own = OwnTime()
    session = Live()
    session.feed(historical=True)
    feed = WaitingFeed(arrivals=[], time=own, until=1.0, timeframe=bt.TimeFrame.Ticks)
    session.cerebro.adddata(feed)
    session.run(bt.Strategy)


def test_optimization_runs_too():
    cerebro = LiveCerebro(maxcpus=1, optreturn=False)
    cerebro.adddata(ListFeed(bars=rows(30), timeframe=bt.TimeFrame.Minutes))
    cerebro.optstrategy(bt.strategies.MA_CrossOver, fast=[2, 3], slow=5)
    runs = cerebro.run()
    assert [one[0].p.fast for one in runs] == [2, 3]


# bt.Cerebro counts its feeds with an itertools.count.
@pytest.mark.filterwarnings("ignore:Pickle, copy, and deepcopy support:DeprecationWarning")
def test_it_can_be_sent_to_other_processes():
    cerebro = pickle.loads(pickle.dumps(LiveCerebro(stdstats=False)))
    assert cerebro.p.stdstats is False


def test_a_second_run():
    session = Live()
    session.feed()
    session.bars(1.0, 2.0)
    first = session.run(bt.Strategy)
    assert len(first) == 2
    session.clock.call_later(1.0, session._end)
    (again, *_) = session.cerebro.run()
    assert again is not first


def test_a_run_is_ended_from_another_thread():
    store = new_store(clock=RealClock())
    cerebro = LiveCerebro(stdstats=False)
    cerebro.setbroker(store.getbroker())
    cerebro.adddata(store.getdata(dataname="A", timeframe=bt.TimeFrame.Minutes, qcheck=0.01))
    threading.Timer(0.1, cerebro.runstop).start()
    assert len(cerebro.run()[0]) == 0


def test_an_indicator_that_is_made_on_the_way_is_computed_from_then_on():
    class Late(bt.Strategy):
        def __init__(self):
            bt.ind.SMA(self.data, period=1)

        def next(self):
            if len(self) == 3:
                self.late = bt.ind.SMA(self.data, period=1)
                self.seen = bt.observers.BuySell(self.data)

    seen = {}
    for engine in (bt.Cerebro, LiveCerebro):
        session = Session()
        session.cerebro = engine(stdstats=True)
        session.cerebro.setbroker(session.broker)
        session.feed()
        session.bars(1.0, 2.0, 3.0, 4.0, 5.0)
        strategy = session.run(Late)
        seen[engine] = [len(strategy.late), strategy.late[0], len(strategy.seen)]
    assert seen[bt.Cerebro] == seen[LiveCerebro]


def test_a_strategy_that_steps_in_its_own_way_is_let():
    class Own(bt.Strategy):
        steps = 0

        def _next(self):
            self.steps += 1
            super()._next()

    session = Live()
    session.feed()
    session.bars(1.0, 2.0, 3.0)
    strategy = session.run(Own)
    assert strategy.steps == len(strategy) == 3


#: The feeds on which the indicators of the parity tests depend; None where nobody can say.
DEPENDS = {name: {0} for name in INDICATORS}
DEPENDS.update(dict.fromkeys(["laguerre", "psar", "count", "of count"]), spread={0, 1})


def test_what_indicators_are_made_of():
    found = {}

    class Asked(bt.Strategy):
        def __init__(self):
            self.made = {name: make(*self.datas[:2]) for name, make in INDICATORS.items()}
            self.alone = bt.ind.SMA(self.data2.high, period=2)
            self.inside = bt.ind.SMA(self.made["macd"].macd, period=2)
            self.lines_of_two = bt.Max(self.data0.close, self.data2.close)

        def start(self):
            known = Dependencies(self)
            found.update({name: known.of(one) for name, one in self.made.items()})
            found.update(alone=known.of(self.alone), two=known.of(self.lines_of_two))
            found.update(inside=known.of(self.inside))

    cerebro = bt.Cerebro(stdstats=False, runonce=False)
    for _ in range(3):
        cerebro.adddata(ListFeed(bars=rows(20), timeframe=bt.TimeFrame.Minutes))
    cerebro.addstrategy(Asked)
    cerebro.run()
    assert found.pop("alone") == {2}
    assert found.pop("inside") == {0}
    assert found.pop("two") == {0, 2}
    assert found == DEPENDS


def test_with_a_journal_too_a_bar_is_no_reason_to_look_at_other_feeds(tmp_path, monkeypatch):
    session = Live(new_store(journal=str(tmp_path / "account.journal")))
    for symbol in "ABC":
        session.feed(symbol, backfill_start=False)
    looked, backlog = [], StoreFeed.backlog
    looking = property(lambda feed: looked.append(feed.symbol) or backlog.fget(feed))
    session.bar(1, symbol="B")
    session.at(130, lambda: monkeypatch.setattr(StoreFeed, "backlog", looking))
    session.bar(2)
    session.bar(3)
    session.at(190, monkeypatch.undo)
    session.run()
    assert set(looked) == {"A"}
