"""What it costs to make a report, and to record one in the journal."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import tempfile
import time
import timeit
from typing import Any, Callable, Dict, Iterator, List

from benchmarks.harness import Plan, Row, median
from benchmarks.venue import START_NS, BenchStore
from btstores.clock import wall_clock
from btstores.journal.sqlite import SqliteJournal
from btstores.reports import Bar, FillReport, OrderEvent, OrderReport, Side, Tick

MAKERS: Dict[str, tuple] = {
    "Tick": (Tick, ("S", START_NS, 1.0, 2.0)),
    "Bar": (Bar, ("S", 4, 1, START_NS, 1.0, 1.0, 1.0, 1.0, 2.0)),
    "OrderReport": (OrderReport, (OrderEvent.ACCEPTED, START_NS, "client", "venue")),
    "FillReport": (FillReport, ("F1", "S", Side.BUY, 1.0, 1.0, START_NS, "client", "venue")),
}


def make_ns(kind: Callable[..., Any], values: tuple, count: int) -> float:
    """Return the nanoseconds that one call takes, the best of five."""
    timer = timeit.Timer(lambda: kind(*values))
    return 1e9 * min(timer.repeat(5, count)) / count


def _dataclass_of(kind: Any) -> Any:
    """Return a frozen dataclass with the same fields."""
    fields = [
        (name, Any, dataclasses.field(default=kind._field_defaults[name]))
        if name in kind._field_defaults
        else (name, Any)
        for name in kind._fields
    ]
    return dataclasses.make_dataclass(kind.__name__, fields, frozen=True)


def making(name: str, count: int) -> List[float]:
    """Return the nanoseconds of the report and of a dataclass in its place."""
    kind, values = MAKERS[name]
    return [make_ns(each, values, count) for each in (kind, _dataclass_of(kind))]


def _fills(count: int) -> List[FillReport]:
    return [
        FillReport(f"F{i}", "S", Side.BUY, 1.0, 1.0, START_NS + i, f"C{i}", f"V{i}")
        for i in range(count)
    ]


def append_rate(count: int) -> float:
    """Return the fills a second that the journal records, a commit for every 100."""
    fills = _fills(count)
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        path = os.path.join(folder, "bench.journal")
        journal = stack.enter_context(SqliteJournal(path, wall_clock()))
        start = time.perf_counter()
        for i, fill in enumerate(fills, 1):
            journal.append_report(fill)
            if i % 100 == 0:
                journal.commit()
        journal.commit()
        return count / (time.perf_counter() - start)


def handle_us(count: int, journal: bool) -> float:
    """Return the microseconds from the inbox through the handlers, for one fill."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "bench.journal") if journal else None
        store = BenchStore(journal=path)
        store.connect()
        for fill in _fills(count):
            store.put(fill)
        start = time.perf_counter()
        store.process_events()
        store.idle()
        elapsed = time.perf_counter() - start
        store.stop()
    return 1e6 * elapsed / count


def handle_plain_us(count: int) -> float:
    return handle_us(count, journal=False)


def handle_journaled_us(count: int) -> float:
    return handle_us(count, journal=True)


def rows(plan: Plan) -> Iterator[Row]:
    for name in MAKERS:
        ours, dataclass = plan.run(making, name, plan.count(200_000, least=100))
        yield Row(f"making a {name}", ours, "ns", dataclass, "frozen dataclass")
    count = plan.count(20_000, least=100)
    rates = [plan.run(append_rate, count) for _ in range(plan.repeats)]
    yield Row("journal, fills appended and committed by hundreds", median(rates), "/s")
    plain, journaled = plan.each(handle_plain_us, handle_journaled_us, args=(count,))
    yield Row(
        "handling a fill with a journal on disk",
        median(journaled),
        "us",
        median(plain),
        "without a journal",
    )
