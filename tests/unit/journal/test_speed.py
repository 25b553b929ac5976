"""How fast the journal is here and now: pytest -m long -s tests/unit/journal/test_speed.py"""

from __future__ import annotations

import os
import statistics
from time import perf_counter

import pytest

from btstores.clock import RealClock
from btstores.journal import SqliteJournal
from btstores.reports import (
    Bar,
    FillReport,
    OrderEvent,
    OrderReport,
    OrderRequest,
    OrderType,
    Side,
    Tick,
)

pytestmark = pytest.mark.long

COUNT = 200_000


def mixed(number):
    time = 1_700_000_000_000_000_000 + number
    order = f"c{number}"
    return (
        Bar("AAPL", 4, 1, time, 1.1, 2.2, 0.5, 1.25, 1000.0, 0.0, time),
        Tick("AAPL", time, 1.25, 100.0, Side.BUY, str(number), time),
        OrderReport(OrderEvent.ACCEPTED, time, order, "v" + order, "AAPL", received_ns=time),
        FillReport("f" + order, "AAPL", Side.BUY, 100.0, 123.25, time, order, received_ns=time),
    )


def best_rate(work, rounds=3):
    rates = []
    for _ in range(rounds):
        began = perf_counter()
        count = work()
        rates.append(count / (perf_counter() - began))
    return max(rates)


@pytest.fixture
def journal(tmp_path):
    with SqliteJournal(tmp_path / "a.journal", RealClock()) as journal:
        yield journal


def test_append_and_read(journal):
    reports = [report for number in range(250) for report in mixed(number)]

    def append():
        for _ in range(COUNT // len(reports)):
            for report in reports:
                journal.append_report(report)
        journal.commit()
        return COUNT

    rate = best_rate(append)
    print(f"\nappend with group commit: {rate:,.0f} records/s")
    read = best_rate(lambda: sum(1 for _ in journal.records()))
    print(f"read: {read:,.0f} records/s")
    decoded = best_rate(lambda: sum(record.report is not None for record in journal.records()))
    print(f"read and decode: {decoded:,.0f} records/s")
    assert rate > 10_000  # a slow machine under load; the aim is 50,000
    assert read > 20_000


def test_durable_intent(journal, tmp_path):
    request = OrderRequest("c1", "AAPL", Side.BUY, 100.0, OrderType.LIMIT, 123.25)
    intents, syncs = [], []
    with open(str(tmp_path / "bare"), "wb", buffering=0) as file:
        for _ in range(500):
            began = perf_counter()
            journal.append_durable("intent", request)
            between = perf_counter()
            file.write(b"x" * 12_288)
            os.fsync(file.fileno())
            intents.append(between - began)
            syncs.append(perf_counter() - between)
    intent, sync = (statistics.median(times) * 1e3 for times in (intents, syncs))
    print(
        f"\ndurable intent: median {intent:.3f} ms, of which a bare write and fsync {sync:.3f} ms"
    )
    assert intent < sync + 5.0  # the aim is 1 ms
