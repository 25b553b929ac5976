"""LiveCerebro does what `bt.Cerebro` does: the same calls, in the same order, with the same values.

Only indicators of backtrader whose feeds have not moved are not called again; see
`btstores.cerebro`.
"""

from __future__ import annotations

import datetime
from typing import Any, Dict, List, Tuple

import backtrader as bt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from btstores import LiveCerebro
from tests.parity import fullstack, plans
from tests.parity.harness import ListFeed, Series, Setup, Trace
from tests.parity.test_random import profile

START = datetime.datetime(2024, 3, 1, 9, 30)
SECOND = datetime.timedelta(seconds=1)


class Count(bt.Indicator):
    """Remembers something besides its lines, so that it differs when it is called more often."""

    lines = ("count",)

    def __init__(self) -> None:
        self.calls = 0

    def next(self) -> None:
        self.calls += 1
        self.lines.count[0] = self.calls + self.data[0]


#: Indicators by name: of one feed, of the close of one, or of two feeds.
INDICATORS: Dict[str, Any] = {
    "sma": lambda one, two: bt.ind.SMA(one, period=3),
    "ema": lambda one, two: bt.ind.EMA(one.close, period=2),
    "macd": lambda one, two: bt.ind.MACDHisto(one, period_me1=2, period_me2=4, period_signal=2),
    "atr": lambda one, two: bt.ind.ATR(one, period=2),
    "laguerre": lambda one, two: bt.ind.LRSI(one, period=3),
    "psar": lambda one, two: bt.ind.PSAR(one),
    "highest": lambda one, two: bt.ind.Highest(one.high, period=3),
    "delay": lambda one, two: one.close(-1) + 1.0,
    "spread": lambda one, two: one.close - two.close(0),
    "cross": lambda one, two: bt.ind.CrossOver(bt.ind.SMA(one, period=2), one.close),
    "and": lambda one, two: bt.And(one.close > one.open, one.high > 5.0),
    "count": lambda one, two: Count(one),
    "of count": lambda one, two: bt.ind.SMA(Count(one), period=2),
}


class Watcher(bt.Strategy):
    """Writes down all that it is told and shown."""

    params = (("calls", None), ("wanted", ()), ("timers", ()))

    def __init__(self) -> None:
        datas = self.datas
        self.watched = [
            INDICATORS[name](datas[one % len(datas)], datas[two % len(datas)])
            for name, one, two in self.p.wanted
        ]
        for when in self.p.timers:
            self.add_timer(when=when, repeat=datetime.timedelta(minutes=3))

    def tell(self, what: str, *more: Any) -> None:
        shown = tuple(
            (len(data), data.datetime[0], data.close[0], data.volume[0]) if len(data) else None
            for data in self.datas
        )
        values = tuple(
            tuple(line[0] for line in getattr(one, "lines", [one])) if len(one) else None
            for one in self.watched
        )
        account = (self.broker.getcash(), self.broker.getvalue())
        lens = tuple(map(len, self.watched))
        self.p.calls.append((what, more, len(self), shown, lens, values, account))

    def prenext(self) -> None:
        self.tell("prenext")

    def nextstart(self) -> None:
        self.tell("nextstart")

    def next(self) -> None:
        self.tell("next", self.datetime[0])

    def prenext_open(self) -> None:
        self.tell("prenext_open")

    def next_open(self) -> None:
        self.tell("next_open")

    def notify_timer(self, timer: Any, when: Any, *args: Any, **kwargs: Any) -> None:
        self.tell("timer", when)

    def notify_data(self, data: Any, status: int, *args: Any, **kwargs: Any) -> None:
        self.p.calls.append(("data", data._name, data._getstatusname(status)))

    def notify_store(self, msg: Any, *args: Any, **kwargs: Any) -> None:
        self.p.calls.append(("store", msg))

    def stop(self) -> None:
        self.tell("stop")
        for observer in self.getobservers():
            seen = [tuple(map(repr, line.array)) for line in observer.lines]
            self.p.calls.append((type(observer).__name__, seen))


@st.composite
def series(draw: Any) -> Series:
    """Bars at times of their own, some of which others have too."""
    every = draw(st.sampled_from([30, 60, 60, 120]))
    steps = draw(st.lists(st.integers(1, 4), min_size=1, max_size=25))
    late = draw(st.sampled_from([0, 0, 1, 17]))
    rows, seconds = [], late
    price = draw(st.integers(8, 40)) / 2
    for number, step in enumerate(steps):
        seconds += step * every
        low, high = price - number % 3 / 2 - 0.5, price + number % 4 / 2
        rows.append((START + seconds * SECOND, price, high, low, price, float(number)))
        price = max(2.0, price + (number * 7 % 5 - 2) / 2)
    return Series(tuple(rows))


@st.composite
def sets(draw: Any) -> List[Series]:
    """Feeds, and some of them again, resampled or replayed; or nothing but one of these."""
    found = draw(st.lists(series(), min_size=1, max_size=5))
    if draw(st.integers(0, 5)) == 0:
        minutes = (bt.TimeFrame.Minutes, draw(st.sampled_from([2, 5])))
        alone = Series(found[0].bars, how=draw(st.sampled_from(["resample", "replay"])), to=minutes)
        found.insert(0, alone)
    for of in draw(st.lists(st.integers(0, len(found) - 1), max_size=2, unique=True)):
        if found[of].how != "add":
            continue
        how = draw(st.sampled_from(["resample", "resample", "replay"]))
        minutes = (bt.TimeFrame.Minutes, draw(st.sampled_from([2, 5])))
        found.append(Series(of=of, how=how, to=minutes))
    return found


wanted = st.lists(
    st.tuples(st.sampled_from(sorted(INDICATORS)), st.integers(0, 5), st.integers(0, 5)),
    max_size=5,
)
times = st.lists(st.sampled_from([datetime.time(9, 35), datetime.time(9, 41, 30)]), max_size=2)
cerebros = st.fixed_dictionaries({}, optional={"cheat_on_open": st.just(True)})


def calls_of(
    engine: Any,
    datas: List[Series],
    plan: Any,
    watchers: List[Any],
    old: Any,
    setup: Setup,
) -> Tuple[Trace, List[Any]]:
    calls: List[Any] = []

    def prepare(cerebro: Any) -> None:
        if old is not None:
            cerebro.adddata(ListFeed(bars=old.bars, timeframe=bt.TimeFrame.Minutes), name="old")
        for number, (names, whens) in enumerate(watchers):
            told: List[Any] = []
            calls.append((number, told))
            cerebro.addstrategy(Watcher, calls=told, wanted=names, timers=whens)

    trace, error = Trace(), None
    try:
        trace = fullstack.run_paper(datas, setup, engine, prepare, plan=plan)
    except Exception as caught:
        # Spreads of feeds that have no bar yet fail, with either engine alike.
        error = f"{type(caught).__name__}: {caught}"
    return trace, [*calls, error]


def check(*run: Any) -> None:
    theirs, their_calls = calls_of(bt.Cerebro, *run)
    ours, our_calls = calls_of(LiveCerebro, *run)
    assert repr(ours.news) == repr(theirs.news)
    assert repr(ours.rows) == repr(theirs.rows)
    for one, two in zip(their_calls, our_calls):
        if one is None or isinstance(one, str):
            assert one == two
            continue
        for number, (call, other) in enumerate(zip(one[1], two[1])):
            assert repr(call) == repr(other), number
        assert len(one[1]) == len(two[1]) or their_calls[-1] is not None


runs = st.tuples(
    sets(),
    plans.plans(20),
    st.lists(st.tuples(wanted, times), min_size=1, max_size=3),
    st.none() | series(),
    st.builds(Setup, cerebro=cerebros, broker=st.just({"cash": 10_000.0})),
)


@profile(60)
@given(runs)
def test_the_same_calls(run: Any) -> None:
    check(*run)


@pytest.mark.long
@pytest.mark.timeout(1800)
@profile(1_500)
@given(runs)
def test_the_same_calls_of_many(run: Any) -> None:
    check(*run)


@profile(20)
@given(runs)
def test_the_same_observers(run: Any) -> None:
    *others, setup = run
    check(*others, Setup(cerebro={**setup.cerebro, "stdstats": True}, broker=setup.broker))
