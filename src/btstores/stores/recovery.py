"""What a store does so that it stands where its venue stands: after a start, a break, a crash.

First comes what the journal knows, then the venue's mass status, as ordinary reports. What the two
do not agree on is looked at again and then settled, by a policy for each kind of difference.
"""

from __future__ import annotations

import datetime
import logging
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Set

from btstores.clock import NS_PER_SECOND, Timer
from btstores.errors import ConfigError
from btstores.handlers.base import Listener
from btstores.journal.state import STATE_KINDS, Holding, JournalState, rebuild
from btstores.orders.book import OrderRecord
from btstores.orders.legs import Leg, room
from btstores.orders.reasons import REASONS
from btstores.reports import (
    FillReport,
    FindingReport,
    MassStatus,
    OrderEvent,
    OrderReport,
    PositionReport,
)
from btstores.stores.reconcile import ON_ITS_WAY_NS, news_of, reports_of, waits_for_answer
from btstores.stores.restore import restore_orders

if TYPE_CHECKING:
    from btstores.stores.base import BaseStore

__all__ = ["POLICIES", "Recovery", "read_reconcile"]

log = logging.getLogger(__name__)

#: What is done about each kind of difference, unless the parameter ``reconcile`` says otherwise.
POLICIES = {"position": "halt", "order": "report"}
_KNOWN = {"position": ("report", "align", "halt"), "order": ("report", "halt")}

#: A difference counts when two looks in a row have found it, so many seconds apart at least.
_LOOKS, _PAUSE, _LONGEST_PAUSE = 2, 1.0, 30.0
_FAILURES = 3
#: After so long an order that the venue has taken is in its list.
_LISTED_NS = 10 * NS_PER_SECOND
_DUST = 1e-9


def read_reconcile(given: Mapping[str, Any]) -> Dict[str, str]:
    """Return the policy for each kind of difference. Raises `ConfigError`."""
    for name, policy in given.items():
        if name not in _KNOWN:
            raise ConfigError.of("reconcile", name, f"some of {', '.join(_KNOWN)}")
        if policy not in _KNOWN[name]:
            raise ConfigError.of(
                f"reconcile[{name!r}]", policy, f"one of {', '.join(_KNOWN[name])}"
            )
    return {**POLICIES, **given}


class _Doubt(NamedTuple):
    """Something that does not agree: since when, how often it was seen, what it was."""

    since_ns: int
    looks: int
    what: Any


class Recovery(Listener):
    """Brings one store to where its venue is. Cerebro's thread only."""

    def __init__(self, store: BaseStore) -> None:
        self._store = store
        self._policies = read_reconcile(store.params.reconcile)
        self._state = JournalState()
        #: Orders of an earlier run that were alive when it ended, to be shown to strategies.
        self.alive: List[OrderRecord] = []
        #: Whether an earlier process has written the journal, and this one has not asked yet.
        self._is_new = False
        self._before: Optional[Dict[str, Holding]] = None
        self._doubts: Dict[str, _Doubt] = {}
        self._traded_ns: Dict[str, int] = {}
        self._timer: Optional[Timer] = None
        self._looks = self._failures = 0
        #: Whether an order was too young to be missed.
        self._early = False

    # The journal

    def restore(self) -> None:
        """Take up what the journal knows of earlier runs. Raises `JournalError`."""
        store = self._store
        self._before, self.alive = None, []
        if not store.recorder.active:
            return
        self._state = state = rebuild(store.journal)
        if state.reconciled:
            self._before = {
                symbol: Holding(held.own, held.price, held.foreign)
                for symbol, held in state.holdings.items()
            }
        if len(store.book):
            return  # a second run of this process: its orders are known
        self._is_new = True
        if state.day is not None:
            day, value = state.day
            store.desk.risk.day_start = (datetime.date.fromisoformat(day), value)
        self.alive = restore_orders(store, state)
        for record in self.alive:
            unsent = not state.orders[record.client_order_id].wires
            if unsent and record not in store.desk.engine:
                self._settle(record, "NEVER_SENT")

    def snapshot(self) -> None:
        """Write the whole state into the journal when that is due.

        Raises `JournalError`.
        """
        journal, state = self._store.journal, self._state
        if not journal.snapshot_due:
            return
        for record in journal.records(state.seq + 1, STATE_KINDS):
            state.feed(record)
        journal.append("snapshot", state.to_dict())

    # A mass status

    def wanted_since_ns(self) -> Optional[int]:
        """Return how far back a new link's first status must go: to the oldest live order."""
        made_ns = (record.request.time_ns for record in self._store.book.live())
        return min(made_ns, default=None)

    def begin(self, status: MassStatus) -> None:
        """Divide the positions of the venue before a run's first status is applied."""
        before = self._before
        if before is None:
            return
        for fill in status.fills:
            if not self._store.book.is_known_fill(fill):
                self._count(before, fill)
        held = {one.symbol: one for one in status.positions}
        for symbol in sorted(held.keys() | before.keys()):
            share, one = before.setdefault(symbol, Holding()), held.get(symbol)
            told, expected = one.size if one is not None else 0.0, share.own + share.foreign
            if abs(told - expected) > _DUST:
                self._differs(symbol, expected, told)
                aligned = self._policies["position"] == "align"
                _divide(share, told, aligned, one.price if one is not None else None)

    def share(self, report: PositionReport) -> Holding:
        """Return which part of a position at the start of a run is the strategies' own."""
        before = self._before
        if before is None:
            return Holding(report.size, report.price or 0.0)
        share = before.get(report.symbol, Holding())
        if share.own == report.size and report.price is not None:
            share.price = report.price
        return share

    def _count(self, before: Dict[str, Holding], fill: FillReport) -> None:
        share, signed = before.setdefault(fill.symbol, Holding()), fill.side.sign * fill.size
        if self._store.book.find(fill.client_order_id, fill.venue_order_id) is None:
            share.foreign = round(share.foreign + signed, 10)
        else:
            share.price = share.price if share.own else fill.price
            share.own = round(share.own + signed, 10)

    def apply(self, status: MassStatus, first: bool) -> None:
        """Handle a status as reports; then look at what it leaves open."""
        store = self._store
        if status.error is not None:
            self._failed(status.error)
            return
        if first:
            # What was told before the status is in it.
            store.order_handler.listener.on_run()
            self.begin(status)
            self._count_bought(status)
        unanswered = [one for one in store.book.live() if _is_unanswered(one, status.asked_ns)]
        reports = reports_of(status, store.get_positions())
        known = store.book, store.position_handler, status.asked_ns
        # One after the other: what comes of one decides whether the next can tell something.
        for report in reports if first else news_of(reports, *known):
            store.handle(report)
        self._failures = 0
        self._look_at_orders(status)
        if not first:
            store.desk.cancel_again(unanswered)
            self._look_at_positions(status)
        else:
            store.recorder.note(
                "reconciled", {"orders": len(status.orders), "fills": len(status.fills)}
            )
        self._plan_next()

    def _count_bought(self, status: MassStatus) -> None:
        """Count what an earlier process has bought today; what is new is told as any fill."""
        is_new, self._is_new = self._is_new, False
        for fill in status.fills if is_new else ():
            if self._store.book.is_known_fill(fill):
                self._store.desk.count_bought(fill)

    def on_fill(self, record: OrderRecord, fill: FillReport) -> None:
        self.on_foreign_fill(fill)

    def on_foreign_fill(self, fill: FillReport) -> None:
        self._traded_ns[fill.symbol] = self._store.clock.time_ns()

    def on_order(self, record: OrderRecord, event: OrderEvent) -> None:
        if event is OrderEvent.OUTCOME_UNKNOWN:
            record.sent_ns = self._store.clock.time_ns()
            self._looks = 0
            self._look_in(_PAUSE)

    def _look_at_orders(self, status: MassStatus) -> None:
        named: Set[Optional[str]] = set(status.pending)
        for report in status.orders:
            named.update((report.client_order_id, report.venue_order_id))
        named.discard(None)
        store, now_ns = self._store, self._store.clock.time_ns()
        asked_ns = now_ns if status.asked_ns is None else status.asked_ns
        engine = store.desk.engine
        self._early = False
        for record in [*store.book.live(), *engine.leftovers()]:
            key, wire_id = record.client_order_id, record.wire_id or record.client_order_id
            told = wire_id in named or record.venue_order_id in named
            if record.live and _has_traded_all(record, engine.leg(record)):
                # A change of its size was asked for, and nothing has come of it.
                store.handle(FindingReport(now_ns, "filled", key))
                continue
            if told or not store.desk.is_at_venue(record) or record.sent_ns >= asked_ns:
                self._doubts.pop(key, None)
                continue
            if not record.in_flight and asked_ns - record.sent_ns < _LISTED_NS:
                self._early = True  # what the venue has taken need not be in its list at once
                continue
            doubt = self._doubt(key, wire_id)
            least_ns = ON_ITS_WAY_NS if record.in_flight else 0
            if doubt.looks >= _LOOKS and now_ns - doubt.since_ns >= least_ns:
                del self._doubts[key]
                if record.in_flight or not record.live:
                    store.handle(FindingReport(now_ns, "lost", key))
                else:
                    self._settle(record, "NOT_AT_VENUE")

    def _look_at_positions(self, status: MassStatus) -> None:
        store = self._store
        holdings = store.desk.holdings
        told = {one.symbol: one.size for one in status.positions}
        asked_ns = status.time_ns if status.asked_ns is None else status.asked_ns
        for symbol in sorted(told.keys() | set(holdings.held_symbols())):
            size, expected = told.get(symbol, 0.0), holdings.account_size(symbol)
            key = f"position {symbol}"
            if abs(size - expected) <= _DUST or self._traded_ns.get(symbol, 0) >= asked_ns:
                self._doubts.pop(key, None)
            elif self._doubt(key, round(size - expected, 9)).looks >= _LOOKS:
                del self._doubts[key]
                now_ns, more = store.clock.time_ns(), size - expected
                store.handle(FindingReport(now_ns, "position", symbol=symbol, size=more))

    def _doubt(self, key: str, what: Any) -> _Doubt:
        known = self._doubts.get(key)
        if known is None or known.what != what:
            known = _Doubt(self._store.clock.time_ns(), 0, what)
        self._doubts[key] = known = known._replace(looks=known.looks + 1)
        return known

    # What is found

    def hears(self) -> Dict[type, Callable[[Any], None]]:
        """Return what is to be called with which kind of report."""
        return {FindingReport: self._on_finding}

    def _on_finding(self, report: FindingReport) -> None:
        store, key = self._store, report.client_order_id
        left = (one for one in store.desk.engine.leftovers() if one.client_order_id == key)
        record = store.book.find(key) or next(left, None)
        if report.what == "position":
            symbol, more = str(report.symbol), report.size or 0.0
            expected = store.desk.holdings.account_size(symbol)
            self._differs(symbol, expected, expected + more)
            own = self._policies["position"] == "align"
            store.desk.holdings.take_difference(symbol, more, own)
        elif record is not None and report.what == "filled":
            store.order_handler.complete(record, self._word(record, OrderEvent.MODIFIED))
        elif record is not None and not store.desk.engine.lost(record):
            self._settle(record, "NEVER_ARRIVED")

    def _settle(self, record: OrderRecord, code: str) -> None:
        """End an order that the venue does not have."""
        store = self._store
        log.warning("order.missing client_id=%s code=%s", record.client_order_id, code)
        report = self._word(record, OrderEvent.CANCELED)
        report = report._replace(reason=REASONS[code].meaning, reason_code=code)
        store.handle(report)
        store.put_notification("order missing", record.client_order_id, code)
        if self._policies["order"] == "halt":
            text = f"order {record.client_order_id}: {report.reason}"
            store.desk.risk.on_event("mismatch", text)

    def _word(self, record: OrderRecord, event: OrderEvent) -> OrderReport:
        """Return our own word on what works, or worked, at the venue for an order."""
        wire_id, now_ns = record.wire_id or record.client_order_id, self._store.clock.time_ns()
        venue_id, symbol = record.venue_order_id, record.request.symbol
        return OrderReport(event, now_ns, wire_id, venue_id, symbol, reconciled=True)

    def _differs(self, symbol: str, expected: float, told: float) -> None:
        store, policy = self._store, self._policies["position"]
        text = f"{symbol}: {told:g} at {store.name}, {expected:g} by its fills"
        log.warning("position.differs symbol=%s venue=%g known=%g", symbol, told, expected)
        store.recorder.note("mismatch", {"symbol": symbol, "expected": expected, "told": told})
        store.put_notification("position differs", symbol, expected, told, policy)
        if policy == "halt":
            store.desk.risk.on_event("mismatch", text)

    # Looking again

    def _plan_next(self) -> None:
        waits = any(one.in_flight or one.outcome_unknown for one in self._store.book.live())
        if self._doubts or waits or self._early:
            self._look_in(min(_LONGEST_PAUSE, _PAUSE * 2 ** min(self._looks, 5)))
            self._looks += 1
        else:
            self._looks = 0
            self._look_in(self._audit_interval())

    def _audit_interval(self) -> float:
        interval: Optional[float] = self._store.params.audit_interval
        if interval is None:
            interval = 60.0 if self._store.clock.threaded else 0.0
        return interval

    def _look_in(self, seconds: float) -> None:
        """Ask the venue for its status after so many seconds, in place of what was planned."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        store = self._store
        if seconds and not store.stopped:
            self._timer = store.clock.call_later(seconds, lambda: store.outbox.submit(self._ask))

    def _ask(self) -> None:
        """Ask for the status; on the sending thread. A query that fails says nothing."""
        store = self._store
        if store.stopped or not store.authenticated:
            return
        asked_ns = store.clock.time_ns()
        try:
            status = store.gateway.mass_status()._replace(asked_ns=asked_ns)
        except Exception as error:
            text = str(error) or type(error).__name__
            status = MassStatus(asked_ns, error=text)
        store.put(status)

    def _failed(self, error: str) -> None:
        self._failures += 1
        log.warning("audit.failed store=%s error=%s", self._store.name, error)
        if self._failures == _FAILURES:
            self._store.put_notification("audit failed", error)
        self._look_in(min(_LONGEST_PAUSE, _PAUSE * 2 ** min(self._failures, 5)))

    def stop(self) -> None:
        """Look no more."""
        self._look_in(0.0)
        self._doubts.clear()


def _is_unanswered(record: OrderRecord, asked_ns: Optional[int]) -> bool:
    """Return whether nobody has answered the last request, or ever will."""
    if record.outcome_unknown or asked_ns is None:
        return record.outcome_unknown
    return record.pending_cancel and not waits_for_answer(record, asked_ns)


def _has_traded_all(record: OrderRecord, leg: Optional[Leg]) -> bool:
    """Return whether an order is filled, nothing works for it and nothing more is wanted."""
    if not record.filled or not record.is_filled:
        return False
    return leg is None or (leg.wire is None and room(leg) <= record.filled)


def _divide(share: Holding, told: float, aligned: bool, price: Optional[float]) -> None:
    """Let a share add up to what the venue tells: the difference is the others', if it can be."""
    if aligned:
        share.own = round(told - share.foreign, 10)
        share.price = price if price is not None else share.price
        return
    # Nobody holds more than the account does, nor the other way.
    if share.own * told <= 0:
        share.own = 0.0
    elif abs(share.own) > abs(told):
        share.own = told
    share.foreign = round(told - share.own, 10)
