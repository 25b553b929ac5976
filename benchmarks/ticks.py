"""More ticks than one at a time: a busy feed beside a quiet one, and a burst on all feeds."""

from __future__ import annotations

import threading
import time
from typing import Any, Dict, Iterator, List, NamedTuple, Type

import backtrader as bt

from benchmarks.harness import Plan, Row, median, percentile
from benchmarks.sides import FIRST_PRICE, Ours, Upstream, run

RATE = 100
BURST_FEEDS = 10
LIMIT = 60.0
MS_NS = 1_000_000


class Flood(NamedTuple):
    """Ticks sent and seen when the last was sent, and the delays in milliseconds."""

    sent: int
    seen: int
    delays: List[float]


class Seer(bt.Strategy):
    """Notes when it sees each price of the first feed."""

    params = (("ready", None), ("seen", None))

    def next(self) -> None:
        self.p.seen.setdefault(self.datas[0].close[0], time.perf_counter())
        self.p.ready.set()


def flood(kind: Type[Any], seconds: float, qcheck: float) -> Flood:
    """Send 100 ticks a second on one of two feeds."""
    side = kind(2, qcheck)
    ready = threading.Event()
    seen: Dict[float, float] = {}
    sent: Dict[float, float] = {}
    known = [0]

    def send() -> None:
        ready.wait(LIMIT)
        time.sleep(2 * qcheck)
        start = time.perf_counter()
        for i in range(round(RATE * seconds)):
            time.sleep(max(0.0, start + i / RATE - time.perf_counter()))
            price = FIRST_PRICE + 1 + i
            sent[price] = time.perf_counter()
            side.tick(0, time.time_ns(), price)
        time.sleep(0.1)  # for what is on its way
        known[0] = len(seen) - 1  # without the first

    run(side, Seer, send, ready=ready, seen=seen)
    delays = [1000 * (seen[price] - sent[price]) for price in sent if price in seen]
    return Flood(len(sent), known[0], delays)


class BurstSeer(bt.Strategy):
    params = (("ready", None), ("price", None), ("done", None), ("times", None), ("cpu", None))

    def next(self) -> None:
        self.p.ready.set()
        price = self.p.price[0]
        if price and all(data.close[0] == price for data in self.datas):
            self.p.times.append(time.perf_counter())
            self.p.cpu.append(time.thread_time())
            self.p.price[0] = None
            self.p.done.set()


class Bursts(NamedTuple):
    """Milliseconds until all was seen, and of processor time from one burst to the next."""

    delays: List[float]
    cpu: List[float]


def burst(kind: Type[Any], count: int, qcheck: float) -> Bursts:
    """Send a tick on each feed, stamped 1 ms apart, ``count`` times."""
    side = kind(BURST_FEEDS, qcheck)
    ready, done = threading.Event(), threading.Event()
    price: List[Any] = [None]
    starts: List[float] = []
    times: List[float] = []
    cpu: List[float] = []

    def send() -> None:
        ready.wait(LIMIT)
        time.sleep(2 * qcheck)
        for i in range(count):
            time.sleep(0.05)
            done.clear()
            price[0] = FIRST_PRICE + 1 + i
            start_ns = time.time_ns()
            starts.append(time.perf_counter())
            for feed in range(BURST_FEEDS):
                side.tick(feed, start_ns + feed * MS_NS, FIRST_PRICE + 1 + i)
            if not done.wait(LIMIT):
                raise TimeoutError("the burst was not delivered")

    run(side, BurstSeer, send, ready=ready, price=price, done=done, times=times, cpu=cpu)
    return Bursts(
        [1000 * (end - start) for start, end in zip(starts, times)],
        [1000 * (end - start) for start, end in zip(cpu, cpu[1:])],
    )


def rows(plan: Plan) -> Iterator[Row]:
    yield from _flood_rows(plan)
    yield from _burst_rows(plan)


def _flood_rows(plan: Plan) -> Iterator[Row]:
    seconds = 8 * max(plan.scale, plan.qcheck)
    ours = plan.run(flood, Ours, seconds, plan.qcheck)
    upstream = plan.run(flood, Upstream, seconds, plan.qcheck)
    title, against = f"{RATE} ticks/s on one of 2 feeds", "queue.get feeds"
    yield Row(f"{title}, handled", ours.seen / seconds, "/s", upstream.seen / seconds, against)
    yield Row(
        f"{title}, backlog after {seconds:g} s",
        ours.sent - ours.seen,
        "ticks",
        upstream.sent - upstream.seen,
        against,
        most=0,
    )
    for percent in (50, 99):
        yield Row(
            f"{title}, tick to next(), p{percent}",
            percentile(ours.delays, percent),
            "ms",
            percentile(upstream.delays, percent),
            against,
        )


def _burst_rows(plan: Plan) -> Iterator[Row]:
    count = plan.count(60, least=3)
    ours = [plan.run(burst, Ours, count, plan.qcheck) for _ in range(plan.repeats)]
    upstream = plan.run(burst, Upstream, plan.count(2, least=1), plan.qcheck)
    title = f"burst of {BURST_FEEDS} ticks on {BURST_FEEDS} feeds"
    for percent in (50, 99):
        yield Row(
            f"{title}, all delivered, p{percent}",
            median([percentile(bursts.delays, percent) for bursts in ours]),
            "ms",
            median(upstream.delays),
            "queue.get feeds",
            most=10 if percent == 50 else None,
        )
    used = median([percentile(bursts.cpu, 50) for bursts in ours])
    yield Row(f"{title}, processor time, p50", used, "ms")
