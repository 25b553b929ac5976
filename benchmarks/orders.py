"""From `Strategy.buy` to the venue's gateway."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from typing import Any, Iterator, List, NamedTuple

import backtrader as bt

from benchmarks.harness import Plan, Row, median
from benchmarks.sides import FIRST_PRICE, Ours, run
from benchmarks.venue import START_NS, BenchStore, live_bars
from btstores.clock import SimulatedClock

LIMIT = 30.0


class Buying(NamedTuple):
    """Microseconds from the call of buy() to its return, and to the gateway's place()."""

    returned: List[float]
    placed: List[float]


class Buyer(bt.Strategy):
    """Buys on each live bar, at most ``count`` times, and notes the time before and after."""

    params = (("before", None), ("after", None), ("count", 0), ("ready", None))

    def notify_data(self, data: Any, status: int, *args: Any, **kwargs: Any) -> None:
        if self.p.ready is not None and status == data.LIVE:
            self.p.ready.set()

    def next(self) -> None:
        if self.data._laststatus != self.data.LIVE:
            return
        before = time.perf_counter()
        self.buy(size=1)
        self.p.after.append(time.perf_counter())
        self.p.before.append(before)
        if len(self.p.before) == self.p.count:
            self.env.runstop()


def _buying(before: List[float], after: List[float], placed: List[float]) -> Buying:
    return Buying(
        [1e6 * (end - start) for start, end in zip(before, after)],
        [1e6 * (end - start) for start, end in zip(before, placed)],
    )


#: Limits that all have to be looked at, and none of which is reached.
RISK = {
    "account": {
        "max_order_size": 1e9,
        "max_order_value": 1e12,
        "max_position": 1e9,
        "max_open_orders": 1_000_000,
        "max_order_rate": "1000000 per 1 s",
        "price_collar": 0.5,
        "max_daily_loss": 1e9,
    }
}


def simulated(count: int, through_store: bool, journal: bool = False, risk: Any = None) -> Buying:
    """Buy through the store, or from BackBroker, on bars of a store on a simulated clock."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "bench.journal") if journal else None
        store = BenchStore(clock=SimulatedClock(START_NS), journal=path, risk=risk)
        placed: List[float] = []

        def on_place(request: Any) -> None:
            placed.append(time.perf_counter())
            store.gateway.fill(request, request.size, FIRST_PRICE, request.time_ns)

        store.gateway.on_place = on_place
        cerebro = bt.Cerebro()
        if through_store:
            cerebro.setbroker(store.getbroker())
        else:
            cerebro.broker.setcash(1e9)
        for data in live_bars(store, ["S"]):
            cerebro.adddata(data)
        before: List[float] = []
        after: List[float] = []
        cerebro.addstrategy(Buyer, before=before, after=after, count=count)
        cerebro.run()
        store.stop()
    return _buying(before, after, placed)


def back_broker(count: int) -> Buying:
    return simulated(count, through_store=False)


def store_broker(count: int) -> Buying:
    return simulated(count, through_store=True)


def with_risk(count: int) -> Buying:
    return simulated(count, through_store=True, risk=RISK)


def journaled(count: int) -> Buying:
    return simulated(count, through_store=True, journal=True)


def fsyncs(count: int) -> List[float]:
    """Return the microseconds that the disk takes to keep a record's worth of bytes."""
    found: List[float] = []
    with tempfile.NamedTemporaryFile() as file:
        for _ in range(count):
            start = time.perf_counter()
            file.write(b"x" * 512)
            file.flush()
            os.fsync(file.fileno())
            found.append(1e6 * (time.perf_counter() - start))
    return found


def threaded(count: int) -> Buying:
    """Buy on live ticks on the wall clock: a thread of the store calls the gateway."""
    side = Ours(1, 0.5, risk=RISK)
    placed: List[float] = []
    arrived = threading.Event()

    def on_place(request: Any) -> None:
        placed.append(time.perf_counter())
        side.store.gateway.fill(request, request.size, FIRST_PRICE, request.time_ns)
        arrived.set()

    side.store.gateway.on_place = on_place
    before: List[float] = []
    after: List[float] = []
    ready = threading.Event()

    def send() -> None:
        ready.wait(LIMIT)
        for i in range(count):
            time.sleep(0.003)
            arrived.clear()
            side.tick(0, time.time_ns(), FIRST_PRICE + 1 + i)
            if not arrived.wait(LIMIT):
                raise TimeoutError("the order was not placed")

    run(side, Buyer, send, before=before, after=after, ready=ready)
    return _buying(before, after, placed)


def paced_back_broker(count: int) -> Buying:
    """Buy from BackBroker on the same live ticks, a few milliseconds apart."""
    side = Ours(1, 0.5, own_broker=False)
    before: List[float] = []
    after: List[float] = []
    ready = threading.Event()

    def send() -> None:
        ready.wait(LIMIT)
        for i in range(count):
            time.sleep(0.003)
            side.tick(0, time.time_ns(), FIRST_PRICE + 1 + i)

    run(side, Buyer, send, before=before, after=after, ready=ready)
    return _buying(before, after, after)


def rows(plan: Plan) -> Iterator[Row]:
    count = plan.count(2000, least=20)
    functions = (back_broker, store_broker, with_risk, journaled, threaded, paced_back_broker)
    back, inline, risky, with_journal, sent, paced = plan.each(*functions, args=(count,))
    warm = median([median(buying.returned) for buying in back])
    # A processor that has slept for milliseconds is slow with whatever comes next.
    cold = median([median(buying.returned) for buying in paced])
    paced_by = "buy() of BackBroker at the same pace"
    for title, found, most, baseline, against in (
        ("one thread, simulated clock", inline, None, warm, "buy() of BackBroker"),
        ("validation and all risk limits on", risky, 150.0, warm, "buy() of BackBroker"),
        ("with a journal on disk", with_journal, None, warm, "buy() of BackBroker"),
        ("through the sending thread, all limits on", sent, 150.0, cold, paced_by),
    ):
        yield Row(
            f"buy() to gateway.place(), {title}, p50",
            median([median(buying.placed) for buying in found]),
            "us",
            baseline,
            against,
            most=most,
        )
    adds = median([median(buying.placed) for buying in with_journal])
    adds -= median([median(buying.placed) for buying in inline])
    disk = median([median(plan.run(fsyncs, count)) for _ in range(plan.repeats)])
    title = "what a durable intent adds to an order, p50"
    yield Row(title, adds, "us", disk, "an fsync of 512 bytes", most=1000.0)
    yield Row(
        "buy() until it returns, through the sending thread, p50",
        median([median(buying.returned) for buying in sent]),
        "us",
        cold,
        paced_by,
    )
