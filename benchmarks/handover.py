"""From the thread that puts a report to the handler on another, without the engine."""

from __future__ import annotations

import queue
import random
import threading
import time
from typing import Any, Callable, Iterator, List, Tuple

from benchmarks.harness import Plan, Row, median, percentile
from benchmarks.venue import START_NS, BenchStore
from btstores.inbox import Wakeup
from btstores.instruments import TimeFrame
from btstores.reports import Subscription, Tick

#: Seconds between two ticks, from and to.
Gap = Tuple[float, float]
PAUSE: Gap = (0.001, 0.001)
TIMEOUT = 0.5


def _consume(store: BenchStore, consumer: Callable[[Any], None], done: threading.Event) -> Any:
    """Return a function that brings the ticks of ``store`` to ``consumer`` as the engine does."""
    wakeup = Wakeup()
    store.attach(wakeup)
    store.data_handler.add_consumer(Subscription("S", TimeFrame.TICKS), consumer)

    def loop() -> None:
        while not done.is_set():
            if wakeup.wait(TIMEOUT):
                store.process_events()

    return loop


def rate(count: int) -> float:
    """Return the reports a second of one producer."""
    store = BenchStore()
    done = threading.Event()
    reports = [Tick("S", START_NS + i, 1.0) for i in range(count)]
    last = reports[-1]
    ended: List[float] = []

    def consumer(tick: Tick) -> None:
        if tick is last:
            ended.append(time.perf_counter())
            done.set()

    thread = threading.Thread(target=_consume(store, consumer, done))
    thread.start()
    put = store.put
    start = time.perf_counter()
    for report in reports:
        put(report)
    thread.join()
    return count / (ended[0] - start)


def _paced(
    count: int, put: Callable[[Tick], None], loop: Callable[[], None], gap: Gap = PAUSE
) -> None:
    """Put single ticks, stamped with the time of their making, to a thread that runs ``loop``."""
    thread = threading.Thread(target=loop)
    thread.start()
    chance = random.Random(count)
    for _ in range(count):
        time.sleep(chance.uniform(*gap))
        put(Tick("S", time.perf_counter_ns(), 1.0))
    thread.join()


def handover(count: int) -> List[float]:
    """Return the microseconds from put to handler."""
    store = BenchStore()
    done = threading.Event()
    delays: List[float] = []

    def consumer(tick: Tick) -> None:
        delays.append((time.perf_counter_ns() - tick.time_ns) / 1000)
        if len(delays) == count:
            done.set()

    _paced(count, store.put, _consume(store, consumer, done))
    return delays


def bare_handover(count: int, gap: Gap = PAUSE) -> List[float]:
    """Return the microseconds through a queue and nothing else."""
    line: queue.SimpleQueue = queue.SimpleQueue()
    delays: List[float] = []

    def loop() -> None:
        while len(delays) < count:
            tick = line.get()
            delays.append((time.perf_counter_ns() - tick.time_ns) / 1000)

    _paced(count, line.put, loop, gap)
    return delays


def rows(plan: Plan) -> Iterator[Row]:
    reports = plan.count(300_000, least=1000)
    rates = [plan.run(rate, reports) for _ in range(plan.repeats)]
    yield Row("inbox to handler, one producer", median(rates), "reports/s", least=150_000)
    count = plan.count(2000, least=50)
    ours, bare = plan.each(handover, bare_handover, args=(count,))
    for percent in (50, 99):
        yield Row(
            f"hand-over to the handler, p{percent}",
            median([percentile(delays, percent) for delays in ours]),
            "us",
            median([percentile(delays, percent) for delays in bare]),
            "bare SimpleQueue",
            ratio_most=2.5 if percent == 50 else None,
        )
