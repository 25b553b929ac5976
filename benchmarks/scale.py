"""Ten thousand subscriptions, two hundred strategies, and how many reports one core handles."""

from __future__ import annotations

import functools
import time
from typing import Any, Callable, Dict, Iterator, List

from benchmarks.harness import Plan, Row, median
from benchmarks.livecerebro import (
    QCHECK,
    QUIET,
    Engine,
    Loaded,
    burst_seconds,
    event_seconds,
    feed_kb,
    live,
    stock,
)
from benchmarks.sides import FIRST_PRICE, Ours
from benchmarks.venue import START_NS, BenchStore
from btstores.inbox import Wakeup
from btstores.instruments import TimeFrame
from btstores.orders.book import OrderRecord
from btstores.reports import (
    Bar,
    FillReport,
    OrderRequest,
    OrderType,
    Quote,
    Report,
    Side,
    Subscription,
    Tick,
)

SUBSCRIPTIONS = 10_000
STRATEGIES = 200
#: So many feeds each strategy has where all strategies share them.
SHARED = 50
MINUTE = 60 * 10**9
ORDER = "C1"

#: The n-th report of a symbol, by what a row calls it.
REPORTS: Dict[str, Callable[[str, int], Report]] = {
    "ticks": lambda symbol, n: Tick(symbol, START_NS + n, FIRST_PRICE, 1.0),
    "quotes": lambda symbol, n: Quote(symbol, START_NS + n, FIRST_PRICE, FIRST_PRICE, 1.0, 1.0),
    "minute bars": lambda symbol, n: Bar(
        symbol, 4, 1, START_NS + n * MINUTE, 1.0, 1.0, 1.0, 1.0, 1.0
    ),
    "fills of one order": lambda symbol, n: FillReport(
        f"F{n}", symbol, Side.BUY, 1.0, FIRST_PRICE, START_NS + n, ORDER, f"V{ORDER}"
    ),
}


def handling_rate(kind: str, subscriptions: int, count: int) -> float:
    """Return the reports that a second of processor time brings from the inbox to consumers."""
    store = BenchStore(quality=QUIET)
    store.attach(Wakeup())
    symbols = [f"S{number}" for number in range(subscriptions)]
    for symbol in symbols:
        for stream in (
            Subscription(symbol, TimeFrame.TICKS),
            Subscription(symbol, TimeFrame.TICKS, quotes=True),
            Subscription(symbol, TimeFrame.MINUTES),
        ):
            store.data_handler.add_consumer(stream, _ignore)
    request = OrderRequest(ORDER, symbols[0], Side.BUY, float(count), OrderType.LIMIT, FIRST_PRICE)
    store.order_handler.submit(OrderRecord(request))
    make = REPORTS[kind]
    for number in range(count):
        store.put(make(symbols[number % subscriptions], number))
    began = time.process_time()
    handled = store.process_events()
    return handled / (time.process_time() - began)


def _ignore(report: Any) -> None:
    pass


def fan_out_us(consumers: int, count: int) -> float:
    """Return the processor time in microseconds that brings one tick to all its consumers."""
    store = BenchStore(quality=QUIET)
    store.attach(Wakeup())
    for _ in range(consumers):
        store.data_handler.add_consumer(Subscription("S", TimeFrame.TICKS), _ignore)
    for number in range(count):
        store.put(Tick("S", START_NS + number, FIRST_PRICE))
    began = time.process_time()
    store.process_events()
    return 1e6 * (time.process_time() - began) / count


def start_seconds(engine: Engine, feeds: int) -> float:
    """Return the time from the making of feeds to all of them LIVE."""
    took: List[float] = []
    began = time.perf_counter()
    side = Ours(feeds, QCHECK, engine=engine, quality=QUIET)

    def ready() -> None:
        took.append(time.perf_counter() - began)
        side.cerebro.runstop()

    side.cerebro.addstrategy(Loaded, ready=ready, seen=lambda: None, indicators=0)
    side.cerebro.run()
    return took[0]


def rows(plan: Plan) -> Iterator[Row]:
    many, count = plan.count(SUBSCRIPTIONS, least=5), plan.count(300_000, least=500)

    def times(function: Callable[..., float], *args: Any) -> float:
        return median([plan.run(function, *args) for _ in range(plan.repeats)])

    for kind in REPORTS:
        least = 200_000 if kind == "ticks" else None
        rate = times(handling_rate, kind, 1, count)
        yield Row(f"{kind} through inbox and handlers, one core", rate, "/s", least=least)
    rate = times(handling_rate, "ticks", many, count)
    yield Row(f"ticks of {many:,} subscriptions, one core", rate, "/s")
    strategies = plan.count(STRATEGIES, least=2)
    delivered = times(fan_out_us, strategies, plan.count(5000, least=10))
    alone = times(fan_out_us, 1, plan.count(5000, least=10))
    title = f"a tick to the feeds of {strategies} strategies"
    yield Row(title, delivered, "us", alone, "to one feed")
    shared = plan.count(SHARED, least=2)
    ours = times(event_seconds, live, shared, plan.count(300, least=5), 0, strategies - 1)
    theirs = plan.run(event_seconds, stock, shared, plan.count(50, least=5), 0, strategies - 1)
    title = f"a tick to next() of {strategies} strategies with {shared} feeds each"
    yield Row(title, 1e6 * ours, "us", 1e6 * theirs, "bt.Cerebro, store feeds")
    quiet = functools.partial(event_seconds, live, indicators=0)
    ticks = plan.count(3000, least=20)
    cost, single = times(quiet, many, ticks), times(quiet, 1, ticks)
    title = f"tick on 1 of {many:,} feeds, no indicators"
    yield Row(title, 1e6 * cost, "us", 1e6 * single, "1 feed", ratio_most=2.0)
    start = times(start_seconds, live, many) / many
    fewer = plan.count(1000, least=2)
    base = times(start_seconds, live, fewer) / fewer
    title = f"to LIVE, for each of {many:,} feeds"
    yield Row(title, 1e3 * start, "ms", 1e3 * base, f"each of {fewer:,}", ratio_most=2.0)
    yield Row(f"memory a feed, of {many:,}", plan.run(feed_kb, live, many, 0), "kB", most=30.0)
    burst = times(functools.partial(burst_seconds, live, indicators=0), many)
    yield Row(f"{many:,} feeds with a bar of one instant, no indicators", burst, "s")
