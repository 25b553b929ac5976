"""Moves orders through their states."""

from __future__ import annotations

import logging
from typing import Any, Callable, Dict, Optional

from btstores.handlers.base import Handler, Listener, describe
from btstores.orders.book import OrderBook, OrderRecord
from btstores.orders.lifecycle import FINAL, OrderState, OwnEvent, next_state
from btstores.reports import FillReport, OrderEvent, OrderReport

__all__ = ["ALIVE", "OrderHandler"]

log = logging.getLogger(__name__)

_METHODS: Dict[OrderEvent, str] = {
    OrderEvent.ACCEPTED: "on_accepted",
    OrderEvent.TRIGGERED: "on_accepted",
    OrderEvent.MODIFIED: "on_accepted",
    OrderEvent.REJECTED: "on_rejected",
    OrderEvent.MARGIN: "on_rejected",
    OrderEvent.CANCELED: "on_cancelled",
    OrderEvent.EXPIRED: "on_expired",
    OrderEvent.CANCEL_REJECTED: "on_request_rejected",
    OrderEvent.MODIFY_REJECTED: "on_request_rejected",
    OrderEvent.OUTCOME_UNKNOWN: "on_outcome_unknown",
}

_REFUSALS = frozenset({OrderEvent.CANCEL_REJECTED, OrderEvent.MODIFY_REJECTED})
_ANSWERS = frozenset({OrderEvent.MODIFIED, OrderEvent.MODIFY_REJECTED})
#: After these an order works at the venue.
ALIVE = frozenset({OrderEvent.ACCEPTED, OrderEvent.TRIGGERED, OrderEvent.MODIFIED})


class OrderHandler(Handler):
    """Applies order reports to the book and tells the listener what changed.

    A report that changes nothing (a duplicate, or an impossible transition) is not told.
    """

    reports = (OrderReport,)

    def __init__(
        self, book: Optional[OrderBook] = None, listener: Optional[Listener] = None
    ) -> None:
        self.book = book if book is not None else OrderBook()
        self.listener = listener if listener is not None else Listener()
        #: Says what a report on one of our orders comes to; None when it is nothing to tell.
        self.screen: Callable[[OrderRecord, OrderReport], Optional[OrderReport]] = _as_it_is
        #: Called with each fill that had to wait for its order to be identified.
        self.replay_fill: Callable[[FillReport], None] = lambda fill: None

    def submit(self, record: OrderRecord) -> None:
        """Take a new order into the book: it has passed all checks."""
        self.book.add(record)
        record.state = next_state(record.state, OwnEvent.SUBMIT) or record.state
        record.in_flight = True
        self.on_submitted(record)

    def handle(self, report: OrderReport) -> None:
        record = self.book.find(report.client_order_id, report.venue_order_id)
        if record is None:
            record = self._adopt(report)
            if record is None:
                # A mass status names orders of earlier days too.
                level = logging.DEBUG if report.reconciled else logging.WARNING
                log.log(level, "order.unknown %s event=%s", describe(report), report.event.value)
                return
        else:
            record.told_filled = max(record.told_filled, report.filled or 0.0)
            self.book.learn_venue_id(record, report.venue_order_id)
            screened = self.screen(record, report)
            if screened is not None:
                self.book.set_venue_id(record, report.venue_order_id)  # so that it can be told
                self._apply(record, screened)
        for fill in self.book.take_held_fills(report.venue_order_id):
            self.replay_fill(fill)
        for fill in self.book.take_orphan_fills():
            self.replay_fill(fill)

    def _adopt(self, report: OrderReport) -> Optional[OrderRecord]:
        """Take in an order that somebody else sent, or that an earlier run sent."""
        filled = report.filled or 0.0
        if report.request is None or report.event not in ALIVE or filled >= report.request.size:
            return None
        state = OrderState.PARTIAL if filled else OrderState.ACCEPTED
        record = OrderRecord(
            request=report.request,
            state=state,
            venue_order_id=report.venue_order_id,
            filled=filled,
            foreign=True,
        )
        self.book.add(record)
        record.triggered = report.event is OrderEvent.TRIGGERED
        self.listener.on_foreign_order(record)
        return record

    def _apply(self, record: OrderRecord, report: OrderReport) -> None:
        event = _true_event(record, report)
        state = next_state(record.state, event)
        if event is OrderEvent.OUTCOME_UNKNOWN and not record.awaits_answer:
            state = None  # the answer was faster than the word that there was none
        if state is None:
            if event in ALIVE and record.live:
                self._confirm(record, report)
            log.info("order.ignored %s %s in %s", describe(report), event.value, record.state.value)
            return
        was_live = record.live
        if was_live and (report.reason is not None or report.reason_code is not None):
            record.reason, record.reason_code = report.reason, report.reason_code
        if event is OrderEvent.MODIFIED:
            record.forgive()
            _change_request(record, report)
        if event in _ANSWERS:
            if not report.local:  # what we say ourselves is no answer of the venue
                record.answer_modify(all_of_them=report.reconciled)
            if was_live and record.filled and record.is_filled:
                state = OrderState.COMPLETED
        _note_event(record, report, event, state)
        record.state = state
        if state in FINAL:
            self.book.finish(record)
        if was_live:  # what loses its race against the end has nothing to tell any more
            getattr(self, _METHODS[event])(record, report._replace(event=event))

    def _confirm(self, record: OrderRecord, report: OrderReport) -> None:
        """Take what says nothing new for what it settles: the order works as it did.

        What is told out of order may be older than a change that nobody answers; a mass status
        is not. A cancel that nobody has answered is still wanted: it is asked for again.
        """
        if report.reconciled:
            record.answer_modify(all_of_them=True)
        if report.reconciled and record.foreign:
            # Its fills may have been told before anybody knew that there was such an order.
            record.filled = max(record.filled, report.filled or 0.0)
        if report.reconciled or record.in_flight:
            record.in_flight = record.outcome_unknown = False
        if report.reconciled and record.filled and record.is_filled:
            self.complete(record, report)

    def complete(self, record: OrderRecord, report: OrderReport) -> None:
        """End an order that is found to be filled: what would have made it larger was not made."""
        record.state = OrderState.COMPLETED
        record.in_flight = record.outcome_unknown = record.pending_cancel = False
        self.book.finish(record)
        self.on_accepted(record, report)

    def on_submitted(self, record: OrderRecord) -> None:
        """Hear of an order of ours that has passed all checks."""
        self.listener.on_submitted(record)

    def on_accepted(self, record: OrderRecord, report: OrderReport) -> None:
        """Hear that the venue has the order, has triggered it, or has changed it."""
        self.listener.on_order(record, report.event)

    def on_rejected(self, record: OrderRecord, report: OrderReport) -> None:
        """Hear that the venue refuses the order, or what is left of it."""
        record.denied_by = record.denied_by or "venue"
        self.listener.on_order(record, report.event)

    def on_cancelled(self, record: OrderRecord, report: OrderReport) -> None:
        """Hear that the order is cancelled, by us or by the venue."""
        self.listener.on_order(record, report.event)

    def on_expired(self, record: OrderRecord, report: OrderReport) -> None:
        """Hear that the order has expired."""
        self.listener.on_order(record, report.event)

    def on_request_rejected(self, record: OrderRecord, report: OrderReport) -> None:
        """Hear that a cancel or a change was refused; the order stands as it was."""
        self.listener.on_order(record, report.event)

    def on_outcome_unknown(self, record: OrderRecord, report: OrderReport) -> None:
        """Hear that nobody knows whether a request reached the venue."""
        self.listener.on_order(record, report.event)


def _as_it_is(record: OrderRecord, report: OrderReport) -> OrderReport:
    return report


def _note_event(
    record: OrderRecord, report: OrderReport, event: OrderEvent, state: OrderState
) -> None:
    """Set what is known of an order besides its state."""
    if event is OrderEvent.OUTCOME_UNKNOWN:
        record.outcome_unknown = True
    elif not report.local and not (event in _REFUSALS and record.in_flight):
        # Neither what we say ourselves nor the refusal of a cancel or a change of an order that
        # the venue may not have is evidence that the order came through.
        record.in_flight = record.outcome_unknown = False
    if event in (OrderEvent.CANCEL_REJECTED, OrderEvent.CANCELED) or state in FINAL:
        record.pending_cancel = False
    if state in FINAL:
        record.in_flight = record.outcome_unknown = False
        record.answer_modify(all_of_them=True)
    if event is OrderEvent.TRIGGERED:
        record.triggered = True


def _true_event(record: OrderRecord, report: OrderReport) -> OrderEvent:
    """Return what happened.

    Many venues tell an expiry as a cancel that nobody asked for. An order that is found with
    other terms than it had has been changed, and the word of it was lost.
    """
    if report.reconciled and report.event in ALIVE and record.live:
        terms = [(name, getattr(report, name)) for name in ("size", "price", "limit_price")]
        if any(v is not None and v != getattr(record.request, name) for name, v in terms):
            return OrderEvent.MODIFIED
    expire_ns = record.request.expire_ns
    is_expiry = (
        report.event is OrderEvent.CANCELED
        and not record.pending_cancel
        and report.reason_code != "RELATED"
        and expire_ns is not None
        and report.time_ns >= expire_ns
    )
    return OrderEvent.EXPIRED if is_expiry else report.event


def _change_request(record: OrderRecord, report: OrderReport) -> None:
    changes: Dict[str, Any] = {
        name: value
        for name, value in (
            ("size", report.size),
            ("price", report.price),
            ("limit_price", report.limit_price),
        )
        if value is not None
    }
    record.request = record.request._replace(**changes)
