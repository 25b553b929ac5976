"""LiveCerebro beside `bt.Cerebro`: the same feeds, and ten indicators on each."""

from __future__ import annotations

import functools
import os
import tempfile
import time
from typing import Any, Callable, Dict, Iterator, List, Tuple

import backtrader as bt

from benchmarks import history, latency
from benchmarks.harness import Plan, Row, median, percentile
from benchmarks.memory import memory_kb
from benchmarks.sides import FIRST_PRICE, Ours
from btstores import LiveCerebro
from btstores.reports import Tick

INDICATORS = 10
MANY = 1000
QCHECK = 0.5
#: Seconds between two events, by what a row calls it. A processor that has slept for
#: milliseconds is slow with whatever comes next.
PACES = {"15 ms": (0.005, 0.025), "1 ms": (0.0005, 0.0015)}
#: The prices of benchmarks leap.
QUIET = {"spike": "off"}

Engine = Callable[[], Any]

live = functools.partial(LiveCerebro, stdstats=False)
stock = functools.partial(bt.Cerebro, stdstats=False)


class Loaded(bt.Strategy):
    """Has indicators on each feed. Calls ``ready`` when all are LIVE, ``seen`` with each bar."""

    params = (("ready", None), ("seen", None), ("indicators", INDICATORS))

    def __init__(self) -> None:
        for data in self.datas:
            for number in range(self.p.indicators):
                bt.ind.SMA(data, period=1 + number % 3)
        self._live = 0

    def notify_data(self, data: Any, status: int, *args: Any, **kwargs: Any) -> None:
        self._live += status == data.LIVE
        if status == data.LIVE and self._live == len(self.datas):
            self.p.ready()

    def prenext(self) -> None:
        self.next()

    def next(self) -> None:
        self.p.seen()


def event_seconds(
    engine: Engine, feeds: int, count: int, indicators: int = INDICATORS, others: int = 0
) -> float:
    """Return the processor time of one tick on one of the feeds, with others in line behind it.

    ``others`` is how many strategies see it before the one that counts.
    """
    side = Ours(feeds, QCHECK, engine=engine, quality=QUIET)
    marks: List[float] = []
    left = [count]

    def ready() -> None:
        first_ns = time.time_ns()
        for number in range(count):
            feed = number * 7919 % feeds
            side.tick(feed, first_ns + 1_000_000 * number, FIRST_PRICE + number % 7 / 1000)
        left.append(count)

    def seen() -> None:
        if len(left) == 1:
            return
        left[1] -= 1
        if left[1] in (count - 1, 0):
            marks.append(time.process_time())
        if left[1] == 0:
            side.cerebro.runstop()

    for _ in range(others):
        side.cerebro.addstrategy(Loaded, ready=_ignore, seen=_ignore, indicators=indicators)
    side.cerebro.addstrategy(Loaded, ready=ready, seen=seen, indicators=indicators)
    side.cerebro.run()
    return (marks[1] - marks[0]) / (count - 1)


def _ignore() -> None:
    pass


def burst_seconds(engine: Engine, feeds: int, indicators: int = INDICATORS) -> float:
    """Return the time from the first of ticks of one instant on all feeds to the last `next`."""
    side = Ours(feeds, QCHECK, engine=engine, quality=QUIET)
    began: List[float] = []
    took: List[float] = []

    def ready() -> None:
        now_ns = time.time_ns()
        began.append(time.perf_counter())
        for symbol in side.symbols:
            side.store.gateway.put(Tick(symbol, now_ns, FIRST_PRICE))

    def seen() -> None:
        if began and all(len(data) == 2 for data in side.cerebro.datas):
            took.append(time.perf_counter() - began[0])
            side.cerebro.runstop()

    side.cerebro.addstrategy(Loaded, ready=ready, seen=seen, indicators=indicators)
    side.cerebro.run()
    return took[0]


def feed_kb(engine: Engine, feeds: int, indicators: int) -> float:
    """Return the memory of a feed that is LIVE, with its indicators and its first tick."""
    found: List[float] = []
    before = memory_kb()
    side = Ours(feeds, QCHECK, engine=engine, quality=QUIET)

    def ready() -> None:
        found.append((memory_kb() - before) / feeds)
        side.cerebro.runstop()

    side.cerebro.addstrategy(Loaded, ready=ready, seen=lambda: None, indicators=indicators)
    side.cerebro.run()
    return found[0]


def backtest_seconds(engine: Engine, count: int) -> float:
    """Return the processor time of a backtest of one-minute bars."""
    cerebro = engine()
    frame = history.frame(count)
    cerebro.adddata(bt.feeds.PandasData(dataname=frame, timeframe=bt.TimeFrame.Minutes))
    cerebro.addstrategy(Loaded, ready=lambda: None, seen=lambda: None)
    began = time.process_time()
    cerebro.run()
    return time.process_time() - began


def delays(
    engine: Engine,
    feeds: int,
    count: int,
    gap: Tuple[float, float],
    qcheck: float,
    is_journaled: bool,
) -> latency.Delays:
    """Return the milliseconds from put to seen of events with a pause between them."""
    with tempfile.TemporaryDirectory() as folder:
        journal = os.path.join(folder, "bench.journal") if is_journaled else None
        side = functools.partial(Ours, engine=engine, quality=QUIET, journal=journal)
        return latency.measure(side, feeds, count, gap, qcheck)


def of_many(plan: Plan) -> int:
    return plan.count(MANY, least=5)


def _trips(plan: Plan, feeds: int) -> Iterator[Row]:
    count = plan.count(300, least=5)
    for what, gap, is_journaled in (
        ("15 ms apart", PACES["15 ms"], False),
        ("1 ms apart", PACES["1 ms"], False),
        ("1 ms apart, with a journal on disk", PACES["1 ms"], True),
    ):
        trips = [
            plan.run(delays, live, feeds, count, gap, plan.qcheck, is_journaled)
            for _ in range(plan.repeats)
        ]
        for kind, title in latency.KINDS.items():
            for percent, most in {50: 0.3, 99: 3.0}.items():
                value = median([percentile(trip[kind], percent) for trip in trips])
                name = f"{title}, LiveCerebro, {feeds:,} feeds, {what}, p{percent}"
                yield Row(name, value, "ms", most=most)


def rows(plan: Plan) -> Iterator[Row]:
    many, count = of_many(plan), plan.count(3000, least=20)
    results: Dict[int, List[float]] = {1: [], many: []}
    for _ in range(plan.repeats):
        for feeds, found in results.items():
            found.append(plan.run(event_seconds, live, feeds, count))
    theirs = plan.run(event_seconds, stock, many, plan.count(60, least=5))
    ours, alone = median(results[many]), median(results[1])
    yield Row(
        "livecerebro.event_cost_1000_vs_1",
        1e6 * ours,
        "us",
        1e6 * alone,
        "LiveCerebro with 1 feed",
        ratio_most=2.0,
    )
    against = "bt.Cerebro, store feeds"
    yield Row(f"tick on 1 of {many:,} feeds", 1e6 * ours, "us", 1e6 * theirs, against)
    yield from _trips(plan, many)
    took = median([plan.run(burst_seconds, live, many) for _ in range(plan.repeats)])
    yield Row(f"{many:,} feeds with a bar of one instant", took, "s", most=1.0)
    for indicators in (0, INDICATORS):
        size = plan.run(feed_kb, live, many, indicators)
        yield Row(f"memory a feed with {indicators} indicators, of {many:,}", size, "kB")
    bars = plan.count(20_000, least=200)
    engines = [functools.partial(backtest_seconds, engine, bars) for engine in (live, stock)]
    mine, upstream = plan.each(*engines)
    yield Row(
        f"backtest of {bars:,} bars",
        median(mine),
        "s",
        median(upstream),
        "bt.Cerebro",
        ratio_most=1.05,
    )
