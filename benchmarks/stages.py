"""Where the microseconds go: the ways of a tick, a fill and an order, stage by stage."""

from __future__ import annotations

import contextlib
import functools
import random
import time
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Sequence, Tuple

import backtrader as bt

from benchmarks.handover import bare_handover
from benchmarks.harness import Plan, Row, median
from benchmarks.latency import Probe, Watcher
from benchmarks.livecerebro import PACES, QUIET, live, of_many
from benchmarks.orders import RISK
from benchmarks.sides import FIRST_PRICE, Ours, run
from btstores import LiveCerebro
from btstores.brokers.entry import OrderEntry
from btstores.cerebro.loop import EventLoop
from btstores.feeds.events import EventCycle
from btstores.handlers.order_handler import OrderHandler
from btstores.inbox import Wakeup
from btstores.stores.base import BaseStore
from btstores.stores.sender import OrderSender


class Stage(NamedTuple):
    """What has been reached when a method of a class has been left, or entered."""

    text: str
    owner: Any = None
    method: str = ""
    entered: bool = False


_WAKES = Stage("Cerebro's thread is awake", Wakeup, "wait")
_HANDLED = Stage("the report is handled", BaseStore, "process_events")
_AGREED = Stage("it is known which feed is due", EventCycle, "begin")


TICK = (
    _WAKES,
    _HANDLED,
    _AGREED,
    Stage("the bar is in the feed's lines", EventLoop, "_agree"),
    Stage("timers and broker have been asked", LiveCerebro, "_brokernotify"),
    Stage("next() is called"),
)
FILL = (_WAKES, _HANDLED, _AGREED, Stage("notify_order() is called"))
ORDER = (
    Stage("the order is made", OrderEntry, "submit", entered=True),
    Stage("it has passed validation and risk", OrderHandler, "submit", entered=True),
    Stage("it is known to be submitted", OrderSender, "place", entered=True),
    Stage("the sending thread calls gateway.place()"),
)

Marks = List[Tuple[str, float]]


@contextlib.contextmanager
def marked(stages: Sequence[Stage], marks: Marks) -> Iterator[None]:
    """Note in ``marks`` when a stage is reached, as long as the context lasts."""
    with contextlib.ExitStack() as stack:
        for stage in stages:
            if stage.owner is None:
                continue
            method = getattr(stage.owner, stage.method)
            setattr(stage.owner, stage.method, _noting(stage, method, marks))
            stack.callback(setattr, stage.owner, stage.method, method)
        yield


def _noting(stage: Stage, method: Callable[..., Any], marks: Marks) -> Callable[..., Any]:
    @functools.wraps(method)
    def noting(*args: Any, **kwargs: Any) -> Any:
        if stage.entered:
            marks.append((stage.text, time.perf_counter()))
            return method(*args, **kwargs)
        result = method(*args, **kwargs)
        marks.append((stage.text, time.perf_counter()))
        return result

    return noting


def own_times(stages: Sequence[Stage], start: float, marks: Marks) -> List[float]:
    """Return the microseconds of each stage; none when one of them was not passed."""
    found: List[float] = []
    left = iter(marks)
    for stage in stages:
        reached = next((when for text, when in left if text == stage.text and when >= start), None)
        if reached is None:
            return []
        found.append(1e6 * (reached - start))
        start = reached
    return found


Samples = Dict[str, List[List[float]]]


class Teller(Watcher):
    """Marks when it is told."""

    params = (("marks", None),)

    def next(self) -> None:
        self.p.marks.append((TICK[-1].text, time.perf_counter()))
        super().next()

    def notify_order(self, order: Any) -> None:
        self.p.marks.append((FILL[-1].text, time.perf_counter()))
        super().notify_order(order)


def news(feeds: int, count: int, gap: Tuple[float, float], qcheck: float) -> Samples:
    """Return the times of ticks and of fills, each of which begins when a thread puts it."""
    side = Ours(feeds, qcheck, engine=live, quality=QUIET)
    chance, probe = random.Random(feeds), Probe()
    marks: Marks = []
    samples: Samples = {"tick": [], "fill": []}

    def one(way: str, stages: Sequence[Stage], kind: str, put: Any, *args: Any) -> None:
        time.sleep(chance.uniform(*gap))
        marks.clear()
        start = time.perf_counter()
        probe.send(kind, put, *args)
        samples[way].append(own_times(stages, start, list(marks)))

    def send() -> None:
        probe.await_start(2 * qcheck)
        for i in range(count):
            probe.feed, probe.price = chance.randrange(feeds), FIRST_PRICE + 1 + i
            one("tick", TICK, "next", side.tick, probe.feed, time.time_ns(), probe.price)
        for _ in range(count):
            one("fill", FILL, "notify_order", side.report, probe.order)

    with marked(TICK, marks):
        run(side, Teller, send, probe=probe, marks=marks)
    return samples


class Buyer(bt.Strategy):
    """Buys with each live tick."""

    params = (("begin", None), ("ready", None))

    def notify_data(self, data: Any, status: int, *args: Any, **kwargs: Any) -> None:
        if status == data.LIVE:
            self.p.ready()

    def next(self) -> None:
        if self.data.is_live:
            self.p.begin()
            self.buy(size=1)


def orders(count: int, gap: Tuple[float, float], qcheck: float) -> Samples:
    """Return the times of orders, each of which begins with the call of buy()."""
    side = Ours(1, qcheck, engine=live, quality=QUIET, risk=RISK)
    chance, probe = random.Random(count), Probe()
    marks: Marks = []
    starts: List[float] = []
    samples: Samples = {"order": []}

    def begin() -> None:
        marks.clear()
        starts.append(time.perf_counter())

    def place(request: Any) -> None:
        marks.append((ORDER[-1].text, time.perf_counter()))
        side.store.gateway.fill(request, request.size, FIRST_PRICE, request.time_ns)
        if probe.kind:
            probe.see()

    def send() -> None:
        probe.await_start(2 * qcheck)
        for i in range(count):
            time.sleep(chance.uniform(*gap))
            probe.send("next", side.tick, 0, time.time_ns(), FIRST_PRICE + 1 + i)
            samples["order"].append(own_times(ORDER, starts[-1], list(marks)))

    side.store.gateway.on_place = place
    with marked(ORDER, marks):
        run(side, Buyer, send, begin=begin, ready=probe.ready.set)
    return samples


def rows(plan: Plan) -> Iterator[Row]:
    many, count = of_many(plan), plan.count(500, least=5)
    ways = {"tick": TICK, "fill": FILL, "order": ORDER}
    for pace, gap in PACES.items():
        samples: Samples = {way: [] for way in ways}
        bare: List[float] = []
        for _ in range(plan.repeats):
            bare += plan.run(bare_handover, count, gap)
            pace_of = (count, gap, plan.qcheck)
            for found in (plan.run(news, many, *pace_of), plan.run(orders, *pace_of)):
                for way, times in found.items():
                    samples[way] += [each for each in times if each]
        for way, stages in ways.items():
            for place, stage in enumerate(stages):
                own = median([times[place] for times in samples[way]])
                name = f"{way}, {pace} apart: {stage.text}"
                if stage is _WAKES:
                    yield Row(name, own, "us", median(bare), "bare SimpleQueue at this pace")
                else:
                    yield Row(name, own, "us")
            total = median([sum(times) for times in samples[way]])
            yield Row(f"{way}, {pace} apart: in all", total, "us")
