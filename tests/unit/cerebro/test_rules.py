"""Rules of the loop that random runs do not reach: in each case both engines do the same."""

from __future__ import annotations

import datetime
from typing import Any, Callable, List

import backtrader as bt
import pytest

from btstores import LiveCerebro
from btstores.feeds.times import ns_to_num, num_to_ns
from btstores.inbox import Wakeup
from btstores.reports import Bar, LinkReport, LinkState
from tests.parity.engines import Run, Twin, twin, witnessed
from tests.parity.harness import ListFeed, Series, Setup
from tests.support.session import START, Session, bar
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
        (START + datetime.timedelta(minutes=minute), 1.0, 2.0, 0.5, 1.5 + minute % 7 / 20, minute)
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

    run = both(play)
    assert not run.differences()
    times = run.ours.strategies[0].times
    assert times == [5, 8, 8, 8, 3, 2, 4, 9], "2 is that of the live feed's last bar"


class Feeding(bt.Strategy):
    """Lets the venue tell a bar when the last historical one is shown."""

    params = (("tell", None),)

    def prenext(self) -> None:
        if len(self.data2) == 3:
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

    run = both(play)
    assert not run.differences()
    assert shown(run.ours)[-1] == (1, 1)
    assert (1, 0) not in shown(run.ours), "both are shown at once"


HOOKS = ("notify_store", "notify_data", "notify_timer", "notify_order", "next", "next_open")


class Stopping(bt.Strategy):
    """Stops the run when a hook is called for the n-th time."""

    params = (("hook", ""), ("count", 1))

    def __init__(self) -> None:
        self.add_timer(when=START.time(), repeat=datetime.timedelta(minutes=1))
        self.calls = 0

    def called(self, hook: str) -> None:
        if hook == self.p.hook:
            self.calls += 1
            if self.calls == self.p.count:
                self.env.runstop()

    def next(self) -> None:
        self.buy(size=1)
        self.called("next")

    def next_open(self) -> None:
        self.called("next_open")

    def notify_timer(self, *args: Any, **kwargs: Any) -> None:
        self.called("notify_timer")

    def notify_store(self, *args: Any, **kwargs: Any) -> None:
        self.called("notify_store")

    def notify_data(self, *args: Any, **kwargs: Any) -> None:
        self.called("notify_data")

    def notify_order(self, order: Any) -> None:
        self.called("notify_order")


@pytest.mark.parametrize("cheats", [False, True])
@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("hook", HOOKS)
def test_a_strategy_that_stops_the_run(hook: str, count: int, cheats: bool) -> None:
    """What is stopped in a call goes no further than with the other engine, in any hook."""

    def play(session: Session) -> None:
        session.cerebro.p.cheat_on_open = cheats
        for symbol in "AB":
            session.feed(symbol)
            for minute in range(1, 6):
                session.bar(minute, symbol=symbol)
        session.say(130, LinkReport(LinkState.DOWN, T0 + 130 * 10**9))
        session.say(140, LinkReport(LinkState.UP, T0 + 140 * 10**9))
        session.at(150, lambda: session.store.put_notification("a word"))
        session.at(210, lambda: session.store.put_notification("another"))
        for _ in range(2):
            session.cerebro.addstrategy(Stopping, hook=hook, count=count)

    run = both(play)
    assert not run.differences()
    if hook != "next_open" or cheats:
        assert run.ours.strategies[0].calls >= count


@pytest.mark.parametrize("stops", [False, True])
def test_the_last_words_of_a_store(stops: bool) -> None:
    """They are told after those of the feeds, which may end it."""

    class Hearing(bt.Strategy):
        def notify_data(self, data: Any, status: int, *args: Any, **kwargs: Any) -> None:
            if stops and status == data.NOTSUBSCRIBED:
                self.env.runstop()

    def play(session: Session) -> None:
        feed = session.feed()
        session.bars(10.0, 10.0)

        def refuse() -> None:
            now_ns = session.clock.time_ns()
            session.store.put(LinkReport(LinkState.REFUSED, now_ns, feed.subscription))
            session.store.put_notification("the last")

        session._end = refuse
        session.cerebro.addstrategy(Hearing)

    run = both(play)
    assert not run.differences()
    told = [call.told[0] for call in run.ours.calls[0] if call.hook == "notify_store"]
    assert ("the last" in told) is not stops


def test_those_who_asked_cerebro_are_told_of_feeds_too() -> None:
    told: List[Any] = []

    def play(session: Session) -> None:
        mine: List[Any] = []
        told.append(mine)
        session.cerebro.adddatacb(lambda data, status, *args, **kwargs: mine.append(status))
        session.feed()
        session.bars(10.0, 10.0)
        session.cerebro.addstrategy(bt.Strategy)

    assert not both(play).differences()
    theirs, ours = told
    assert theirs == ours
    assert theirs


class Master(bt.Strategy):
    """Takes down the time of the cycle as Cerebro has it."""

    def __init__(self) -> None:
        self.times: List[Any] = []

    def prenext(self) -> None:
        self.times.append((self.cerebro._dtmaster, self.cerebro._udtmaster))

    next = prenext


def test_the_time_of_the_cycle_is_that_of_the_first_feed_with_it() -> None:
    def play(session: Session) -> None:
        for symbol, zone in zip("AB", ("Asia/Hong_Kong", "America/New_York")):
            session.feed(symbol, tz=zone, backfill_start=False)

        def tell(minute: int, *symbols: str) -> None:
            for symbol in symbols:
                session.store.put(bar(minute, symbol=symbol))

        session.at(60, lambda: tell(1, "B", "A"))
        session.at(120, lambda: tell(2, "B"))
        session.at(180, lambda: tell(3, "B", "A"))
        session.cerebro.addstrategy(Master)

    run = both(play)
    theirs, ours = (one.strategies[0].times for one in (run.theirs, run.ours))
    assert theirs == ours
    assert [(mine - utc).total_seconds() / 3600 for mine, utc in theirs] == [8, -5, 8]


@pytest.mark.parametrize("one_is_plain", [False, True])
def test_feeds_are_asked_by_their_time_frames(one_is_plain: bool) -> None:
    """In the order of their time frames, not in which they were added; filters see it."""
    asked: List[List[str]] = []

    def play(session: Session) -> None:
        mine: List[str] = []
        asked.append(mine)
        old(session, 1, 2, 6)
        session.cerebro.datas[0].addfilter(lambda data: bool(mine.append("old")))
        frames = list(zip("ABC", (5, 1, 5)))
        for symbol, minutes in frames:
            feed = session.feed(symbol, compression=minutes, backfill_start=False)
            if symbol != "C" or not one_is_plain:
                feed.addfilter(lambda data: bool(mine.append(data._dataname)))

        def tell(time_ns: int) -> None:
            for symbol, minutes in frames:
                told = Bar(symbol, 4, minutes, time_ns, 10.0, 10.1, 9.9, 10.0, 7.0)
                session.store.put(told)

        for minute in (5, 10):
            session.at(60 * minute, lambda minute=minute: tell(T0 + minute * MINUTE))
        session.cerebro.addstrategy(bt.Strategy)

    assert not both(play).differences()
    theirs, ours = asked
    assert theirs == ours
    assert theirs[:3] == ["old"] * 3
    assert theirs[3] == "B"


def test_feeds_with_filters_among_others_are_asked_in_order() -> None:
    """Also when there are many feeds between them."""
    asked: List[List[str]] = []

    def play(session: Session) -> None:
        mine: List[str] = []
        asked.append(mine)
        for number, symbol in enumerate("ABCDEFGHI"):
            feed = session.feed(symbol, backfill_start=False)
            if number in (1, 8):
                feed.addfilter(lambda data: bool(mine.append(data._dataname)))

        def tell(minute: int) -> None:
            for symbol in "IB":
                session.store.put(bar(minute, symbol=symbol))

        session.at(60, lambda: tell(1))
        session.at(120, lambda: tell(2))
        session.cerebro.addstrategy(bt.Strategy)

    assert not both(play).differences()
    theirs, ours = asked
    assert theirs == ours == ["B", "I"] * 2


@pytest.mark.parametrize("how", ["resample", "replay"])
def test_a_historical_feed_in_another_time_frame(how: str) -> None:
    """What is resampled goes with the next plain bar; what is replayed goes by its own time."""

    def prepare(cerebro: Any) -> None:
        feed = ListFeed(bars=rows(*range(-60, -20)), timeframe=bt.TimeFrame.Minutes)
        convert = getattr(cerebro, f"{how}data")
        convert(feed, timeframe=bt.TimeFrame.Minutes, compression=5)
        cerebro.addstrategy(Dated)

    live = twin([Series(tuple(rows(*range(30))))], Setup(), prepare, history=20)
    assert not live.differences()
    assert not live.theirs.error
    # Bars of the plain feed that go with one of the other.
    together = {(one, other) for one, other in shown(live.ours) if other > 1}
    assert len(together) > 5


class OnReplayed(bt.Strategy):
    """Has an indicator on the feed that is replayed."""

    def __init__(self) -> None:
        self.average = bt.ind.SMA(self.data, period=1)


@pytest.mark.parametrize("how", ["add", "replay"])
@pytest.mark.parametrize("kind", [bt.Strategy, OnReplayed])
def test_a_replayed_bar_that_is_put_back_leaves_its_feed_shorter(kind: Any, how: str) -> None:
    """An older bar of another feed comes first; until then there are not enough bars.

    That other one is longer then, or has a tick of its own and nothing is.
    """
    replayed = Series(tuple(rows(1, 4)), how="replay", to=(bt.TimeFrame.Minutes, 10))

    def prepare(cerebro: Any) -> None:
        feed = ListFeed(bars=rows(0.5, 1, 1.5, 2), timeframe=bt.TimeFrame.Minutes)
        if how == "add":
            cerebro.adddata(feed)
        else:
            cerebro.replaydata(feed, timeframe=bt.TimeFrame.Minutes, compression=10)
        cerebro.addstrategy(kind)

    run = twin([replayed, Series(tuple(rows(1, 4)))], Setup(), prepare)
    assert not run.differences()
    assert not run.theirs.error
    lens = [call.lens[1] for call in run.ours.calls[0] if call.hook in ("prenext", "next")]
    assert 0 in lens[lens.index(1) :], "it has been shorter again"


class Counted(bt.Analyzer):
    """Counts its calls."""

    def __init__(self) -> None:
        self.count = 0

    def prenext(self) -> None:
        self.count += 1

    def nextstart(self) -> None:
        self.count += 100

    def next(self) -> None:
        self.count += 10_000


class Counting(bt.observers.BuySell):
    """Shows how often it has been called, and an analyzer of its own."""

    lines = ("count", "inner")

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0
        self.analyzer = Counted()

    def next(self) -> None:
        super().next()
        self.calls += 1
        self.lines.count[0] = self.calls
        self.lines.inner[0] = self.analyzer.count


class Called(bt.observers.BuySell):
    """Shows how often it has been called, now and then."""

    lines = ("count",)

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def next(self) -> None:
        super().next()
        self.calls += 1
        if self.calls % 4 == 0:
            self.lines.count[0] = self.calls


class Marking(bt.Strategy):
    """Trades on both feeds whether they have moved or not."""

    def __init__(self) -> None:
        bt.ind.SMA(self.data1, period=4)
        for data in self.datas:
            bt.observers.BuySell(data, bardist=0.1)
            Counting(data)
            Called(data)

    def prenext(self) -> None:
        number = len(self)
        if number % 3 == 0 and len(self.datas[number % 2]):
            self.buy(data=self.datas[number % 2], size=1)
        elif number % 7 == 0:
            self.sell(data=self.data1, size=2)

    next = prenext


def test_orders_are_marked_on_feeds_that_have_not_moved() -> None:
    """And the marks of a bar are gone with the next look, as with the other engine."""
    quiet, busy = rows(9, 10, 14, 17, 18, 30), rows(*range(35))

    def prepare(cerebro: Any) -> None:
        cerebro.addstrategy(Marking)
        cerebro.addobservermulti(bt.observers.BuySell)

    run = twin(
        [Series(tuple(quiet)), Series(tuple(busy))], Setup(cerebro={"stdstats": True}), prepare
    )
    assert not run.differences()
    assert not run.theirs.error
    marks = [call.values for call in run.ours.calls[0] if call.hook == "BuySell"]
    assert any(mark == mark for mark in marks[0]), "there is a mark on the quiet feed"


class Far(bt.Strategy):
    """Has an indicator and one made of it with many between them, of a feed that rests."""

    def __init__(self) -> None:
        bt.ind.SMA(self.data2, period=2)
        average = bt.ind.SMA(self.data0, period=2)
        for period in range(2, 8):
            bt.ind.SMA(self.data2, period=period)
        bt.ind.SMA(average, period=2)


def test_indicators_are_computed_in_order_however_far_apart() -> None:
    together = Series(tuple(rows(*range(30))))

    def prepare(cerebro: Any) -> None:
        cerebro.addstrategy(Far)

    run = twin([together, together, Series(tuple(rows(*range(8))))], Setup(), prepare)
    assert not run.differences()
    assert not run.theirs.error


def test_a_run_with_nothing_to_do_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: List[float] = []
    wait = Wakeup.wait

    def watched(self: Wakeup, timeout: float) -> bool:
        waits.append(timeout)
        return wait(self, timeout)

    monkeypatch.setattr("btstores.inbox.Wakeup.wait", watched)

    def play(session: Session) -> None:
        session.feed(qcheck=0.25)
        session.bars(10.0, 10.0)
        session.cerebro.addstrategy(bt.Strategy)

    assert not both(play).differences()
    assert set(waits) == {0.25}


class Quiet(bt.Strategy):
    """Has nobody who hears of cash."""

    def __init__(self) -> None:
        self.told: List[Any] = []

    def hear(self, *values: Any) -> None:
        self.told.append((len(self), repr(values)))  # NaN is not itself


class HearsOfCash(Quiet):
    def notify_cashvalue(self, *values: Any) -> None:
        self.hear(*values)


class HearsOfFund(Quiet):
    def notify_fund(self, *values: Any) -> None:
        self.hear(*values)


class HearsByHand(Quiet):
    def start(self) -> None:
        self.notify_fund = self.hear


class HearsAll(Quiet):
    def _notify(self, *args: Any, **kwargs: Any) -> None:
        self.hear(self.broker.getvalue())
        super()._notify(*args, **kwargs)


class Orders(Quiet):
    """Buys with its first bar, and is told of the order with the next if that is asked for."""

    def next(self) -> None:
        if len(self) == 1:
            self.buy(size=1)

    def notify_order(self, order: Any) -> None:
        self.hear(order.status)


def told_to(kind: Any, prepare: Callable[[Any], Any] = lambda cerebro: None) -> Any:
    """Return the strategies that have run on the same three bars under either engine."""
    strategies = []
    for engine in (bt.Cerebro, LiveCerebro):
        session = Session()
        session.cerebro = engine(stdstats=False)
        session.cerebro.setbroker(session.broker)
        session.feed(backfill_start=False)
        session.bars(10.0, 11.0, 12.0)
        session.clock.call_at(session._last_ns + 10**9, session._end)
        session.cerebro.addstrategy(kind)
        prepare(session.cerebro)
        strategies += session.cerebro.run()
    return strategies


@pytest.mark.parametrize("kind", [Quiet, HearsOfCash, HearsOfFund, HearsByHand, HearsAll])
def test_cash_is_told_with_each_bar_to_those_who_hear_of_it(kind: Any) -> None:
    theirs, ours = told_to(kind)
    assert ours.told == theirs.told
    assert len(ours.told) == (0 if kind is Quiet else 3)


class HearingAnalyzer(bt.Analyzer):
    """Takes down the cash that it is told."""

    def start(self) -> None:
        self.told: List[str] = []

    def notify_cashvalue(self, cash: float, value: float) -> None:
        self.told.append(repr((cash, value)))


class Observing(bt.Observer):
    """Shows nothing, and has an analyzer."""

    lines = ("nothing",)

    def __init__(self) -> None:
        self.heard = self._owner._addanalyzer_slave(HearingAnalyzer)

    def next(self) -> None:
        pass


def test_analyzers_hear_of_cash_too() -> None:
    theirs, ours = told_to(Quiet, lambda cerebro: cerebro.addanalyzer(HearingAnalyzer))
    assert ours.analyzers[0].told == theirs.analyzers[0].told
    assert len(ours.analyzers[0].told) == 3


def test_analyzers_of_observers_hear_of_cash_too() -> None:
    theirs, ours = told_to(Quiet, lambda cerebro: cerebro.addobserver(Observing))
    assert ours.observers[0].heard.told == theirs.observers[0].heard.told
    assert len(ours.observers[0].heard.told) == 3


def test_orders_are_told_with_the_next_bar_to_who_wants_it_so() -> None:
    def slow(cerebro: Any) -> None:
        cerebro.setbroker(bt.brokers.BackBroker())
        cerebro.p.quicknotify = False

    theirs, ours = told_to(Orders, slow)
    assert ours.told == theirs.told
    assert ours.told
