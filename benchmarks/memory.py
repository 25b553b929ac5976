"""Memory of long runs, on a simulated clock.

The memory of the process is what counts, but hides small growth in what was free before; so
Python's own count of what it has allocated is taken too, in a run of its own. Where there is
no /proc, only the peak of the process is known.
"""

from __future__ import annotations

import contextlib
import gc
import os
import sys
import tracemalloc
from typing import Any, Iterator, List

import backtrader as bt

from benchmarks.harness import Plan, Row
from benchmarks.venue import START_NS, BenchStore, live_bars, price_at
from btstores.clock import SimulatedClock
from btstores.reports import OrderEvent, OrderReport

FEEDS = 100
HOURS = 24


def memory_kb() -> float:
    """Return what Python has allocated, when that is traced, or else the process's memory."""
    gc.collect()
    if tracemalloc.is_tracing():
        return tracemalloc.get_traced_memory()[0] / 1024
    try:
        with open("/proc/self/statm", encoding="ascii") as figures:
            return int(figures.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1024
    except OSError:
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / 1024 if sys.platform == "darwin" else peak


class Sampler(bt.Strategy):
    """Notes the memory every so many bars, and trades in turns if told to."""

    params = (("every", 60), ("samples", None), ("wanted", 1), ("trades", False))

    def next(self) -> None:
        if self.p.trades:
            self.sell() if self.position.size else self.buy()
        if len(self.data) % self.p.every == 0:
            self.p.samples.append(memory_kb())
            if len(self.p.samples) == self.p.wanted:
                self.env.runstop()


def _run(feeds: int, samples: int, every: int, trades: bool, **broker: Any) -> List[float]:
    """Return the memory in kB after each ``every`` minutes of bars on ``feeds`` feeds."""
    clock = SimulatedClock(START_NS)
    store = BenchStore(clock=clock)
    gateway = store.gateway

    def fill(request: Any) -> None:
        now_ns = clock.time_ns()
        gateway.put(OrderReport(OrderEvent.ACCEPTED, now_ns, request.client_order_id))
        gateway.fill(request, request.size, price_at(now_ns), now_ns)

    gateway.on_place = fill
    cerebro = bt.Cerebro(exactbars=1)
    cerebro.setbroker(store.getbroker(**broker))
    for data in live_bars(store, [f"S{i}" for i in range(feeds)]):
        cerebro.adddata(data)
    found: List[float] = []
    cerebro.addstrategy(Sampler, every=every, samples=found, wanted=samples, trades=trades)
    cerebro.run()
    return found


def day(feeds: int, minutes_an_hour: int) -> List[float]:
    return _run(feeds, HOURS, minutes_an_hour, trades=False)


def traced_day(feeds: int, minutes_an_hour: int) -> List[float]:
    with _traced():
        return day(feeds, minutes_an_hour)


def order_bytes(orders: int, keep_orders: int) -> float:
    """Return the bytes that stay of each order, of the last half of ``orders``."""
    with _traced():
        samples = _run(1, 2, orders // 2, trades=True, keep_orders=keep_orders)
    return 1024 * (samples[1] - samples[0]) / (orders // 2)


@contextlib.contextmanager
def _traced() -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
    finally:
        tracemalloc.stop()


def rows(plan: Plan) -> Iterator[Row]:
    feeds, minutes = (FEEDS, 60) if plan.scale >= 0.1 else (2, 5)
    samples = plan.run(day, feeds, minutes)
    half = HOURS // 2
    title = f"{feeds} feeds, exactbars=1"
    for hour in (1, 6, half, 18, HOURS):
        yield Row(f"{title}, memory after {hour} h", samples[hour - 1] / 1024, "MB")
    yield Row(f"{title}, growth of the last {half} h", samples[-1] - samples[half - 1], "kB")
    traced = plan.run(traced_day, feeds, minutes)
    # A line that grew would keep a float of each bar: 8 bytes.
    for title, each in (("of the process", samples), ("as Python counts", traced)):
        per_bar = 1024 * (each[-1] - each[half - 1]) / (half * minutes * feeds)
        yield Row(f"growth of the last {half} h per bar, {title}", per_bar, "bytes", most=1)
    orders = plan.count(20_000, least=400)
    trimmed = plan.run(order_bytes, orders, 100)
    kept = plan.run(order_bytes, orders, orders)
    yield Row("memory an order, trimmed", trimmed, "bytes", kept, "no trimming")
