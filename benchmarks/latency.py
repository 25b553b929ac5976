"""From a report put by another thread to the strategy, on some feeds of which one gets a tick."""

from __future__ import annotations

import random
import threading
import time
from typing import Any, Callable, Dict, Iterator, List, Tuple

import backtrader as bt

from benchmarks.harness import Plan, Row, median, percentile
from benchmarks.sides import FIRST_PRICE, ORDER_SIZE, Ours, Upstream, run

Delays = Dict[str, List[float]]

KINDS = {"next": "tick to next()", "notify_order": "fill to notify_order()"}
TARGETS = {10: 1.0, 100: 5.0}
LIMIT = 30.0


class Probe:
    """What has been sent last and waits to be seen by the strategy."""

    def __init__(self) -> None:
        self.ready = threading.Event()
        self.order: Any = None
        self.kind = ""
        self.feed = 0
        self.price = 0.0
        self.delays: Delays = {kind: [] for kind in KINDS}
        self._seen = threading.Event()
        self._sent = 0.0

    def await_start(self, pause: float) -> None:
        """Wait until the strategy has all feeds LIVE, and so many seconds more."""
        if not self.ready.wait(LIMIT):
            raise TimeoutError("the strategy did not start")
        time.sleep(pause)

    def send(self, kind: str, put: Any, *args: Any) -> None:
        """Put something and wait until the strategy has seen it."""
        self._seen.clear()
        self.kind = kind
        self._sent = time.perf_counter()
        put(*args)
        if not self._seen.wait(LIMIT):
            raise TimeoutError(f"the strategy did not see it in {LIMIT:g} s: {kind}")

    def see(self) -> None:
        self.delays[self.kind].append(1000 * (time.perf_counter() - self._sent))
        self.kind = ""
        self._seen.set()


class Watcher(bt.Strategy):
    params = (("probe", None),)

    def notify_data(self, data: Any, status: int, *args: Any, **kwargs: Any) -> None:
        if data is self.datas[-1] and status == data.LIVE:
            self.p.probe.ready.set()

    def next(self) -> None:
        probe = self.p.probe
        if probe.kind == "next" and self.datas[probe.feed].close[0] == probe.price:
            probe.see()
        if probe.order is None and probe.ready.is_set():
            # Far from the price, so that it stays open.
            price = FIRST_PRICE / 10
            probe.order = self.buy(exectype=bt.Order.Limit, price=price, size=ORDER_SIZE)

    def notify_order(self, order: Any) -> None:
        if self.p.probe.kind == "notify_order":
            self.p.probe.see()


def measure(
    kind: Callable[..., Any], feeds: int, count: int, gap: Tuple[float, float], qcheck: float
) -> Delays:
    """Return the milliseconds from put to seen: ``count`` ticks, then ``count`` order reports."""
    chance = random.Random(feeds)
    probe = Probe()
    side = kind(feeds, qcheck)

    def send() -> None:
        probe.await_start(2 * qcheck)
        for i in range(count):
            time.sleep(chance.uniform(*gap))
            probe.feed, probe.price = chance.randrange(feeds), FIRST_PRICE + 1 + i
            probe.send("next", side.tick, probe.feed, time.time_ns(), probe.price)
        for _ in range(count):
            time.sleep(chance.uniform(*gap))
            probe.send("notify_order", side.report, probe.order)

    run(side, Watcher, send, probe=probe)
    return probe.delays


def measure_ours(plan: Plan, feeds: int) -> Delays:
    return measure(Ours, feeds, plan.count(300, least=5), (0.005, 0.025), plan.qcheck)


def measure_upstream(plan: Plan, feeds: int) -> Delays:
    """Few samples, each of which takes most of a second, at any moment of a ``qcheck``."""
    gap = (plan.qcheck, 2 * plan.qcheck)
    return measure(Upstream, feeds, plan.count(8, least=5), gap, plan.qcheck)


def rows(plan: Plan) -> Iterator[Row]:
    for feeds in plan.feeds:
        ours, upstream = plan.each(measure_ours, measure_upstream, args=(plan, feeds))
        for kind, title in KINDS.items():
            slow = [delay for delays in upstream for delay in delays[kind]]
            for percent in (50, 99):
                has_target = percent == 50 and feeds in TARGETS
                yield Row(
                    f"{title}, {feeds} feed{'s'[: feeds > 1]}, p{percent}",
                    median([percentile(delays[kind], percent) for delays in ours]),
                    "ms",
                    percentile(slow, percent),
                    "queue.get feeds",
                    most=TARGETS[feeds] if has_target else None,
                    ratio_most=0.01 if has_target else None,
                )
