"""Applies executions, each exactly once."""

from __future__ import annotations

import logging
from typing import Optional

from btstores.handlers.base import Handler, Listener
from btstores.orders.book import ROUNDING, OrderBook, OrderRecord
from btstores.orders.lifecycle import FINAL, OwnEvent, next_state
from btstores.reports import FillReport

__all__ = ["TradeHandler"]

log = logging.getLogger(__name__)


class TradeHandler(Handler):
    """Counts fills into their orders. A fill id seen before changes nothing."""

    reports = (FillReport,)

    def __init__(
        self, book: Optional[OrderBook] = None, listener: Optional[Listener] = None
    ) -> None:
        self.book = book if book is not None else OrderBook()
        self.listener = listener if listener is not None else Listener()

    def handle(self, report: FillReport) -> None:
        if self.book.is_known_fill(report):
            log.debug("fill.duplicate fill_id=%s", report.fill_id)
            return
        record = self.book.find(report.client_order_id, report.venue_order_id)
        if record is not None:
            self._apply(record, report)
            for held in self.book.take_held_fills(report.venue_order_id):
                self.handle(held)
            for orphan in self.book.take_orphan_fills():
                self.handle(orphan)
        elif (
            self.book.in_flight
            and report.client_order_id is None
            and report.venue_order_id is not None
        ):
            # The fill may have overtaken the ack that names the order.
            self.book.hold_fill(report)
        else:
            self.book.add_fill(None, report)
            self.listener.on_foreign_fill(report)

    def _apply(self, record: OrderRecord, fill: FillReport) -> None:
        size, before = record.largest_size, record.filled
        record.filled = before + fill.size
        complete = record.is_filled
        state = next_state(record.state, OwnEvent.FILL_ALL if complete else OwnEvent.FILL_PART)
        if state is None:
            record.filled = before
            log.error("fill.impossible fill_id=%s state=%s", fill.fill_id, record.state.value)
            return
        record.forgive()
        if complete and record.filled > size * (1 + ROUNDING):
            record.reason_code = "OVERFILL"
            record.reason = f"filled {record.filled:g} of {size:g}"
            log.error("fill.overfill client_id=%s %s", record.client_order_id, record.reason)
        record.state = state
        wire_id = record.wire_id or record.client_order_id
        if record.venue_order_id is None and fill.client_order_id == wire_id:
            self.book.set_venue_id(record, fill.venue_order_id)
        self.book.learn_venue_id(record, fill.venue_order_id)
        of_wire = record.venue_order_id == fill.venue_order_id
        if fill.client_order_id is not None:
            of_wire = fill.client_order_id == wire_id
        if state in FINAL or of_wire:
            # The fill of an earlier wire is no evidence that the present one came through.
            record.in_flight = record.outcome_unknown = False
        self.book.add_fill(record, fill)
        if state in FINAL:
            record.pending_cancel = False
            record.answer_modify(all_of_them=True)
            self.book.finish(record)
        self.on_trade(record, fill)
        if complete:
            self.on_completed(record, fill)
        else:
            self.on_partial(record, fill)

    def on_trade(self, record: OrderRecord, fill: FillReport) -> None:
        """Hear of any execution of an order."""
        self.listener.on_fill(record, fill)

    def on_partial(self, record: OrderRecord, fill: FillReport) -> None:
        """Hear of an execution that leaves something to fill."""

    def on_completed(self, record: OrderRecord, fill: FillReport) -> None:
        """Hear of the execution that fills an order."""
