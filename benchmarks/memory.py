"""Memory of long runs, on a simulated clock. Linux; elsewhere only peaks are known."""

from __future__ import annotations

import gc
import os
import sys
from typing import Any, Iterator, List

import backtrader as bt

from benchmarks.harness import Plan, Row
from benchmarks.venue import MINUTE_NS, START_NS, BenchStore
from btstores.clock import SimulatedClock
from btstores.reports import Bar, OrderEvent, OrderReport

FEEDS = 100
HOURS = 24


def memory_kb() -> float:
    """Return the resident memory of this process after a collection."""
    gc.collect()
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
    symbols = [f"S{i}" for i in range(feeds)]
    price = [100.0]

    def minute() -> None:
        now_ns = clock.time_ns()
        price[0] = 100.0 + (now_ns // MINUTE_NS) % 97
        for symbol in symbols:
            value = price[0]
            gateway.put(Bar(symbol, 4, 1, now_ns, value, value + 1, value - 1, value, 1000.0))
        clock.call_later(60, minute)

    def fill(request: Any) -> None:
        now_ns = clock.time_ns()
        gateway.put(OrderReport(OrderEvent.ACCEPTED, now_ns, request.client_order_id))
        gateway.fill(request, request.size, price[0], now_ns)

    gateway.on_place = fill
    clock.call_later(60, minute)
    cerebro = bt.Cerebro(exactbars=1)
    cerebro.setbroker(store.getbroker(**broker))
    for symbol in symbols:
        cerebro.adddata(
            store.getdata(
                dataname=symbol,
                timeframe=bt.TimeFrame.Minutes,
                compression=1,
                backfill_start=False,
            )
        )
    found: List[float] = []
    cerebro.addstrategy(Sampler, every=every, samples=found, wanted=samples, trades=trades)
    cerebro.run()
    return found


def day(feeds: int, minutes_an_hour: int) -> List[float]:
    return _run(feeds, HOURS, minutes_an_hour, trades=False)


def order_bytes(orders: int, keep_orders: int) -> float:
    """Return the bytes that stay of each order, of the last half of ``orders``."""
    samples = _run(1, 2, orders // 2, trades=True, keep_orders=keep_orders)
    return 1024 * (samples[1] - samples[0]) / (orders // 2)


def rows(plan: Plan) -> Iterator[Row]:
    feeds, minutes = (FEEDS, 60) if plan.scale >= 0.1 else (2, 5)
    samples = plan.run(day, feeds, minutes)
    half = HOURS // 2
    title = f"{feeds} feeds, exactbars=1"
    for hour in (1, 6, half, 18, HOURS):
        yield Row(f"{title}, memory after {hour} h", samples[hour - 1] / 1024, "MB")
    growth = samples[-1] - samples[half - 1]
    yield Row(f"{title}, growth of the last {half} h", growth, "kB")
    # A line that grew would keep a float of each bar: 8 bytes.
    per_bar = 1024 * growth / (half * minutes * feeds)
    yield Row(f"{title}, growth of the last {half} h per bar", per_bar, "bytes", most=4)
    orders = plan.count(20_000, least=400)
    trimmed = plan.run(order_bytes, orders, 100)
    kept = plan.run(order_bytes, orders, orders)
    yield Row("memory an order, trimmed", trimmed, "bytes", kept, "no trimming")
