"""What it costs to go on from a journal."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from typing import Any, Dict, Iterator, List, Tuple

import backtrader as bt

from benchmarks.harness import Plan, Row, median
from benchmarks.sides import Ours, run
from benchmarks.venue import BenchStore
from btstores.clock import wall_clock
from btstores.journal.sqlite import SqliteJournal
from btstores.journal.state import JournalState, rebuild
from btstores.reports import (
    FillReport,
    LinkReport,
    LinkState,
    MassStatus,
    OrderEvent,
    OrderReport,
    OrderRequest,
    OrderType,
    PositionReport,
    Side,
)

ORDERS, FILLS = 10_000, 3
FEEDS, PAUSE, LIMIT = 100, 0.01, 30.0
SYMBOL = "A"


def rows(plan: Plan) -> Iterator[Row]:
    count = plan.count(ORDERS, least=20)
    found = [plan.run(measure, count) for _ in range(plan.repeats)]
    records, rebuilt, recovered = (median(values) for values in zip(*found))
    yield Row("replay of a journal", records / rebuilt, "records/s", least=100_000)
    title = f"recovery of {count:,} live orders, {FILLS} fills each"
    yield Row(title, recovered, "s", rebuilt, "replay alone", most=3.0)
    seconds = median(plan.run(reconnect, FEEDS, plan.count(20, least=3)))
    title = f"a link that breaks, until {FEEDS} feeds are LIVE again, p50"
    yield Row(title, seconds, "s", PAUSE, "the pause before a new link", most=2.0)


class Waits(bt.Strategy):
    """Tells when all feeds are LIVE."""

    params = (("live", None), ("ready", None))

    def notify_data(self, data: Any, status: int, *args: Any, **kwargs: Any) -> None:
        live = self.p.live
        if status == data.LIVE:
            live.add(data)
        else:
            live.discard(data)
        if len(live) == len(self.datas):
            self.p.ready.set()


def reconnect(feeds: int, count: int) -> List[float]:
    """Return the seconds from the word that the link is down until all feeds are LIVE again."""
    side = Ours(feeds, 0.5, reconnect_interval=PAUSE)
    ready = threading.Event()
    found: List[float] = []

    def send() -> None:
        for _ in range(count + 1):
            if not ready.wait(LIMIT):
                raise TimeoutError("the feeds are not LIVE")
            ready.clear()
            if len(found) == count:
                return
            start = time.perf_counter()
            side.store.put(LinkReport(LinkState.DOWN, detail="cut"))
            if not ready.wait(LIMIT):
                raise TimeoutError("the feeds are not LIVE again")
            found.append(time.perf_counter() - start)

    run(side, Waits, send, live=set(), ready=ready)
    return found


def measure(count: int) -> Tuple[int, float, float]:
    """Return the records of a journal, and the seconds of its replay and of a whole recovery."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "account.journal")
        records = write(path, count)
        with SqliteJournal(path, wall_clock()) as journal:
            start = time.perf_counter()
            state = rebuild(journal)
            rebuilt = time.perf_counter() - start
        store: Any = BenchStore(account=path, journal=path)
        status = status_of(state, store.clock.time_ns())
        store.gateway.mass_status = lambda since_ns=None: status
        broker = store.getbroker()
        start = time.perf_counter()
        store.start(broker=broker)
        recovered = time.perf_counter() - start
        live = len(store.book.live())
        store.stop()
    if live != count:
        raise RuntimeError(f"{live} orders recovered, {count} written")
    return records, rebuilt, recovered


def write(path: str, count: int) -> int:
    """Write the journal of a session that was killed; return how many records it has."""
    with SqliteJournal(path, wall_clock()) as journal:
        journal.append("reconciled", {})
        for number in range(count):
            key = f"{number:016x}"
            request = OrderRequest(key, SYMBOL, Side.BUY, FILLS + 1.0, OrderType.LIMIT, 9.0)
            state: Dict[str, Any] = {"client_order_id": key, "size": FILLS + 1.0, "price": 9.0}
            journal.append("intent", request)
            ack = OrderReport(OrderEvent.ACCEPTED, number, key, f"V{number}", SYMBOL)
            journal.append("order", ack)
            journal.append("order_state", {**state, "state": "accepted", "filled": 0.0})
            for done, fill in enumerate(fills_of(number), 1):
                journal.append("fill", fill)
                journal.append("order_state", {**state, "state": "partial", "filled": done})
                own = float(FILLS * number + done)
                holding = {"symbol": SYMBOL, "own": own, "price": 9.0, "foreign": 0.0}
                journal.append("holding", holding)
        return journal.last_seq


def fills_of(number: int) -> List[FillReport]:
    key = f"{number:016x}"
    return [
        FillReport(f"F{number}.{each}", SYMBOL, Side.BUY, 1.0, 9.0, number, key, f"V{number}")
        for each in range(FILLS)
    ]


def status_of(state: JournalState, now_ns: int) -> MassStatus:
    """Return what a venue says that has heard of no more since."""
    orders = [
        OrderReport(
            OrderEvent.ACCEPTED,
            now_ns,
            one.client_order_id,
            symbol=SYMBOL,
            filled=one.filled,
            request=one.request,
        )
        for one in state.live()
    ]
    fills = [fill for number in range(len(orders)) for fill in fills_of(number)]
    held = PositionReport(SYMBOL, float(len(fills)), 9.0, now_ns)
    return MassStatus(now_ns, tuple(orders), tuple(fills), (held,))
