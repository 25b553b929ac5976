"""Requests for orders: into the journal first, then in line, then to the venue.

Two threads meet here. `OrderSender` belongs to Cerebro's: it writes the journal, and reads
and marks the records. The `_Line` belongs to the sending thread: it knows by ids alone what
has not been sent yet, lets cancels go first, keeps to the venue's rates, and tells what
became of a request. What a failure means is decided here, once for all venues: a refusal is
told as one, and anything that proves nothing leaves the outcome unknown.
"""

from __future__ import annotations

import itertools
import logging
from collections import deque
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Collection,
    Deque,
    Dict,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

from btstores.clock import NS_PER_SECOND, Timer
from btstores.errors import BtstoresError, JournalError, UsageError, VenueRefused
from btstores.journal.records import Payload, encode
from btstores.orders.book import OrderRecord
from btstores.orders.legs import Leg
from btstores.orders.reasons import Problem
from btstores.reports import (
    OrderEvent,
    OrderModification,
    OrderReport,
    OrderRequest,
    TimeInForce,
    to_record,
)
from btstores.stores.gateway import RateLimit
from btstores.stores.throttle import TokenBuckets

if TYPE_CHECKING:
    from btstores.stores.base import BaseStore

__all__ = ["OrderSender"]

log = logging.getLogger(__name__)

_REFUSED = {
    "place": OrderEvent.REJECTED,
    "cancel": OrderEvent.CANCEL_REJECTED,
    "modify": OrderEvent.MODIFY_REJECTED,
}
_NEVER_SENT = {**_REFUSED, "place": OrderEvent.CANCELED}


class OrderSender:
    """Sends orders, cancels and changes of one store. Cerebro's thread only."""

    def __init__(self, store: BaseStore) -> None:
        self._store = store
        self.keep_to(store.capabilities.rates)

    def keep_to(self, rates: Sequence[RateLimit]) -> None:
        """Keep to these rates of the venue, before anything is sent."""
        self._buckets = TokenBuckets(rates, self._store.clock)
        self._line = _Line(self._store, self._buckets)

    def place(self, legs: Sequence[Tuple[OrderRecord, OrderRequest]], must: bool = False) -> None:
        """Record and send one order, or a bracket with its parent first.

        Each leg is what was ordered and what goes over the wire for it. The records are in
        the book already. When the journal fails nothing is sent and all are rejected, but for
        orders that ``must`` be sent: that they are wanted has been recorded before.
        """
        store = self._store
        tifs = store.capabilities.tifs
        legs = [(record, _with_known_tif(request, tifs)) for record, request in legs]
        records = [record for record, _ in legs]
        try:
            for record, request in legs:
                seq = self._append("intent", record, writable(request))
                record.journal_seq = seq if record.journal_seq is None else record.journal_seq
            store.journal.commit()
        except BtstoresError as error:
            if not must:
                self._journal_failed(records, error)
                return
            store.desk.journal_failed(error)
        for record in records:
            record.in_flight, record.sent_ns = True, store.clock.time_ns()
        requests = {request.client_order_id: request for _, request in legs}
        waiting = {
            request.client_order_id: _Leg(record.client_order_id, request.parent_id)
            for record, request in legs
        }

        def call() -> None:
            # Only those that have not been withdrawn meanwhile.
            store.gateway.place([requests[wire_id] for wire_id in waiting])

        self._line.add(_Job("place", waiting, call))

    def cancel(self, record: OrderRecord) -> None:
        """Ask the venue to cancel an order, or withdraw it if it has not been sent yet."""
        record.pending_cancel = True
        wire_id, venue_id = record.wire_id or record.client_order_id, record.venue_order_id
        record.sent_ns = self._store.clock.time_ns()
        self._note("intent_cancel", record, {"client_order_id": wire_id})
        self._add("cancel", record, lambda: self._store.gateway.cancel(wire_id, venue_id))

    def withdraw(self, record: OrderRecord) -> None:
        """Take an order out of the line if it has not been sent; do not ask the venue."""
        self._note("intent_cancel", record, {"client_order_id": record.client_order_id})
        self._add("cancel", record, None)

    def modify(self, record: OrderRecord, **changes: Any) -> None:
        """Ask the venue to change an order."""
        record.ask_modify(changes.get("size"))
        record.sent_ns = self._store.clock.time_ns()
        wire_id = record.wire_id or record.client_order_id
        change = OrderModification(wire_id, record.venue_order_id, **changes)
        self._note("intent_modify", record, change)
        self._add("modify", record, lambda: self._store.gateway.modify(change))

    def stop(self) -> None:
        """Send nothing more of what still waits for the venue's rate, and tell so.

        Call it before the link is closed; the sender may be used again afterwards.
        """
        # A line of its own for what follows: a call that hangs keeps the old one busy.
        line, self._line = self._line, _Line(self._store, self._buckets)
        self._store.outbox.submit(line.close)

    def _add(self, kind: str, record: OrderRecord, call: Optional[Callable[[], None]]) -> None:
        client_id = record.client_order_id
        self._line.add(_Job(kind, {record.wire_id or client_id: _Leg(client_id)}, call))

    def _append(self, kind: str, record: OrderRecord, payload: Payload) -> int:
        return self._store.journal.append(
            kind, payload, cause=record.journal_seq, correlation=record.client_order_id
        )

    def record_kept(self, records: Sequence[OrderRecord], legs: Sequence[Leg]) -> bool:
        """Record orders that are kept here; reject all of them when the journal fails.

        With them go their ``legs``, so that a crash leaves no order without what is done for it.
        """
        try:
            for record in records:
                payload = to_record(writable(record.request))
                record.journal_seq = self._append("kept", record, payload)
            for leg in legs:
                self._append("leg", leg.record, leg.to_dict())
            self._store.journal.commit()
        except BtstoresError as error:
            self._journal_failed(records, error)
            return False
        return True

    def _journal_failed(self, records: Sequence[OrderRecord], error: BtstoresError) -> None:
        now_ns = self._store.clock.time_ns()
        problems = [Problem("JOURNAL", f"the journal failed: {error}")]
        for record in records:
            self._store.order_handler.handle(record.refuse(OrderEvent.REJECTED, problems, now_ns))
        self._store.desk.journal_failed(error)

    def _note(self, kind: str, record: OrderRecord, payload: Payload) -> None:
        try:
            self._append(kind, record, payload)
            self._store.journal.commit()
        except BtstoresError as error:
            # A cancel reduces risk: it is sent although it could not be recorded.
            self._store.desk.journal_failed(error)


def _with_known_tif(request: OrderRequest, tifs: Collection[TimeInForce]) -> OrderRequest:
    """Return a DAY order as one until a date, where the venue knows only those."""
    if request.tif is TimeInForce.DAY and TimeInForce.DAY not in tifs:
        return request._replace(tif=TimeInForce.GTD)
    return request


def writable(request: OrderRequest) -> OrderRequest:
    """Return an order as it can be written down: an argument that cannot by its type alone."""
    if not request.extras:
        return request
    extras = {}
    for name, value in request.extras.items():
        try:
            encode({name: value})
            extras[name] = value
        except JournalError:
            extras[name] = f"<{type(value).__name__}>"
    return request._replace(extras=extras)


class _Leg(NamedTuple):
    """One order of a request: its own client id, and its parent's."""

    client_id: str
    parent_id: Optional[str] = None


class _Job:
    """One call to the venue and the orders it is about, by their ids on the wire.

    Without a ``call`` it only takes out of the line what waits there.
    """

    __slots__ = ("call", "changes", "kind", "legs", "number")

    def __init__(
        self, kind: str, legs: Dict[str, _Leg], call: Optional[Callable[[], None]]
    ) -> None:
        self.kind = kind
        self.legs = legs
        self.call = call
        #: Changes of these orders, to be sent after them.
        self.changes: List[_Job] = []
        self.number = 0


class _Line:
    """The requests that wait to be sent.

    All but `add` runs on the sending thread, so nothing here is locked. What the two threads
    share is the deque of arrivals, whose append and popleft are atomic. It is emptied in
    order before anything is chosen: a cancel is looked at after the place of its order,
    however early it is called, and so finds it in line or knows that it has been sent.
    """

    #: So many withdrawn orders are remembered, to drop what is still asked of them.
    keep = 1000

    def __init__(self, store: BaseStore, buckets: TokenBuckets) -> None:
        self._store = store
        self._buckets = buckets
        self._arrived: Deque[_Job] = deque()
        self._waiting: Dict[str, Deque[_Job]] = {kind: deque() for kind in _REFUSED}
        self._unsent: Dict[str, _Job] = {}
        self._withdrawn: Dict[str, None] = {}
        self._numbers = itertools.count()
        self._timer: Optional[Timer] = None
        self._throttled = False
        self._sending = False

    def add(self, job: _Job) -> None:
        """Put a request in line. Any thread may call it."""
        self._arrived.append(job)
        self._store.outbox.submit(self.run, urgent=job.kind == "cancel")

    def run(self) -> None:
        """Send all that may go now."""
        if self._sending:
            return  # asked for by the venue within a call: the loop that made it goes on
        self._sending = True
        try:
            for job in iter(self._next, None):
                self._send(job)
        finally:
            self._sending = False

    def close(self) -> None:
        """Drop what waits, and tell so."""
        self._take_arrived()
        if self._timer is not None:
            self._timer.cancel()
        for line in self._waiting.values():
            for job in line:
                self._drop(job, "the store was stopped before it was sent")
            line.clear()
        self._unsent.clear()

    # What arrives.

    def _take_arrived(self) -> None:
        while self._arrived:
            self._take(self._arrived.popleft())

    def _take(self, job: _Job) -> None:
        job.number = next(self._numbers)
        if job.kind == "place":
            for wire_id in job.legs:
                self._unsent[wire_id] = job
                self._withdrawn.pop(wire_id, None)
        elif self._ends_here(job) or job.call is None:
            return
        self._waiting[job.kind].append(job)

    def _ends_here(self, job: _Job) -> bool:
        """Deal with a cancel or a change of an order that the venue has never seen."""
        (wire_id,) = job.legs
        place = self._unsent.get(wire_id)
        if place is not None and job.kind == "cancel":
            self._withdraw(place, wire_id)
        elif place is not None:
            place.changes.append(job)
        elif wire_id not in self._withdrawn:
            return False
        elif job.kind == "modify":
            self._drop(job, "the order was cancelled before it was sent")
        return True

    def _withdraw(self, place: _Job, wire_id: str) -> None:
        """Take an order out of its group, and all that hang on it."""
        gone = {wire_id}
        for leg_id, leg in list(place.legs.items()):
            if leg_id not in gone and leg.parent_id not in gone:
                continue
            gone.update((leg_id, leg.client_id))
            del place.legs[leg_id]
            self._unsent.pop(leg_id, None)
            self._remember(leg_id)
            self._tell("place", leg_id, "cancelled before it was sent")
        for change in place.changes:
            if not gone.isdisjoint(change.legs):
                self._drop(change, "the order was cancelled before it was sent")
        place.changes = [change for change in place.changes if gone.isdisjoint(change.legs)]

    def _remember(self, wire_id: str) -> None:
        self._withdrawn[wire_id] = None
        if len(self._withdrawn) > self.keep:
            del self._withdrawn[next(iter(self._withdrawn))]

    # What leaves.

    def _next(self) -> Optional[_Job]:
        """Return what may be sent now: a cancel before all others, then what waits longest."""
        self._take_arrived()
        heads = list(self._heads())
        if not heads:
            self._throttled = False
            return None
        wait_ns, _, _, job = min(heads, key=lambda head: head[:3])
        if wait_ns:
            self._sleep(wait_ns, job.kind)
            return None
        return self._waiting[job.kind].popleft()

    def _heads(self) -> Iterator[Tuple[int, bool, int, _Job]]:
        for kind, line in self._waiting.items():
            while line and not line[0].legs:
                line.popleft()  # withdrawn
            if line:
                job = line[0]
                wait_ns = self._buckets.wait_ns(kind, len(job.legs))
                yield wait_ns, kind != "cancel", job.number, job

    def _sleep(self, wait_ns: int, kind: str) -> None:
        """Go on in ``wait_ns``, without keeping the sending thread until then."""
        if not self._throttled:
            self._throttled = True
            seconds = wait_ns / NS_PER_SECOND
            log.info("throttle.wait store=%s kind=%s seconds=%.3f", self._store.name, kind, seconds)
        clock, timer = self._store.clock, self._timer
        when_ns = clock.time_ns() + wait_ns
        if timer is None or timer.cancelled or when_ns < timer.when_ns:
            if timer is not None:
                timer.cancel()
            self._timer = clock.call_at(when_ns, self._wake)

    def _wake(self) -> None:
        self._store.outbox.submit(self.run, urgent=True)

    def _send(self, job: _Job) -> None:
        if job.kind == "place":
            for wire_id in job.legs:
                self._unsent.pop(wire_id, None)
            self._waiting["modify"].extend(job.changes)
        try:
            if job.call is not None:
                job.call()
        except (VenueRefused, UsageError) as error:
            self._fail(job, _REFUSED[job.kind], error)
        except Exception as error:
            ids = [leg.client_id for leg in job.legs.values()]
            log.exception("send.failed store=%s orders=%s", self._store.name, ids)
            self._fail(job, OrderEvent.OUTCOME_UNKNOWN, error)
        # Counted from the end of the call: the request left at some moment within.
        self._buckets.take(job.kind, len(job.legs))

    # What is told.

    def _fail(self, job: _Job, event: OrderEvent, error: Exception) -> None:
        code = getattr(error, "venue_code", None) or getattr(error, "code", None)
        for wire_id in job.legs:
            self._put(event, wire_id, str(error) or type(error).__name__, code)

    def _drop(self, job: _Job, reason: str) -> None:
        for wire_id in job.legs:
            self._tell(job.kind, wire_id, reason)
        for change in job.changes:
            self._drop(change, reason)

    def _tell(self, kind: str, wire_id: str, reason: str) -> None:
        self._put(_NEVER_SENT[kind], wire_id, reason, "NEVER_SENT")

    def _put(self, event: OrderEvent, wire_id: str, reason: str, code: Optional[str]) -> None:
        now_ns = self._store.clock.time_ns()
        self._store.put(OrderReport(event, now_ns, wire_id, reason=reason, reason_code=code))
