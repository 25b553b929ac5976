"""Requests for orders: into the journal first, then to the venue, on the sending thread.

What a failure means is decided here, once for all venues: a refusal is told as one, and
anything that proves nothing leaves the outcome unknown.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Callable, Mapping, Sequence, Tuple

from btstores.errors import BtstoresError, UsageError, VenueRefused
from btstores.orders.book import OrderRecord
from btstores.reports import OrderEvent, OrderModification, OrderReport

if TYPE_CHECKING:
    from btstores.stores.base import BaseStore

__all__ = ["OrderSender"]

log = logging.getLogger(__name__)


class OrderSender:
    """Sends orders, cancels and changes of one store."""

    def __init__(self, store: BaseStore) -> None:
        self._store = store

    def place(self, group: Tuple[OrderRecord, ...]) -> None:
        """Record an order, or a bracket with its parent first, and send it."""
        store = self._store
        try:
            for record in group:
                record.journal_seq = store.journal.append(
                    "intent", record.request, correlation=record.client_order_id
                )
            store.journal.commit()
        except BtstoresError as error:
            self._deny(group, "JOURNAL", f"the journal failed: {error}")
            return
        if not store.authenticated:
            self._deny(group, "LINK_DOWN", f"{store.name} is not connected")
            return
        for record in group:
            store.order_handler.submit(record)
        requests = [record.request for record in group]
        self._send(lambda: store.gateway.place(requests), group, OrderEvent.REJECTED)

    def cancel(self, record: OrderRecord) -> None:
        """Ask the venue to cancel an order."""
        record.pending_cancel = True
        gateway = self._store.gateway
        client_id, venue_id = record.client_order_id, record.venue_order_id
        self._note("intent_cancel", record, {"client_order_id": client_id})
        self._send(
            lambda: gateway.cancel(client_id, venue_id), (record,), OrderEvent.CANCEL_REJECTED
        )

    def modify(self, record: OrderRecord, **changes: Any) -> None:
        """Ask the venue to change an order. Raises `UsageError` for what it cannot change."""
        store = self._store
        for name in changes:
            if name not in store.capabilities.modify:
                known = ", ".join(sorted(store.capabilities.modify)) or "nothing"
                raise UsageError(
                    f"{store.name} cannot change {name!r} of an order; it can: {known}"
                )
        record.pending_modify = True
        change = OrderModification(record.client_order_id, record.venue_order_id, **changes)
        self._note("intent_modify", record, {"client_order_id": record.client_order_id, **changes})
        self._send(lambda: store.gateway.modify(change), (record,), OrderEvent.MODIFY_REJECTED)

    def _send(
        self, call: Callable[[], None], group: Sequence[OrderRecord], refused: OrderEvent
    ) -> None:
        client_ids = [record.client_order_id for record in group]

        def send() -> None:
            try:
                call()
                return
            except (VenueRefused, UsageError) as error:
                event, problem = refused, error
            except Exception as error:
                log.exception("send.failed store=%s orders=%s", self._store.name, client_ids)
                event, problem = OrderEvent.OUTCOME_UNKNOWN, error  # type: ignore[assignment]
            for client_id in client_ids:
                self._store.put(self._answer(client_id, event, problem))

        self._store.outbox.submit(send)

    def _answer(self, client_id: str, event: OrderEvent, error: Exception) -> OrderReport:
        code = getattr(error, "venue_code", None) or getattr(error, "code", None)
        reason = str(error) or type(error).__name__
        now_ns = self._store.clock.time_ns()
        return OrderReport(event, now_ns, client_id, reason=reason, reason_code=code)

    def _deny(self, group: Sequence[OrderRecord], code: str, reason: str) -> None:
        """End orders that were never sent."""
        now_ns = self._store.clock.time_ns()
        for record in group:
            self._store.book.add(record)
            record.denied_by = "store"
            self._store.order_handler.handle(
                OrderReport(
                    OrderEvent.REJECTED,
                    now_ns,
                    record.client_order_id,
                    reason=reason,
                    reason_code=code,
                )
            )

    def _note(self, kind: str, record: OrderRecord, payload: Mapping[str, Any]) -> None:
        journal = self._store.journal
        try:
            journal.append(
                kind, payload, cause=record.journal_seq, correlation=record.client_order_id
            )
            journal.commit()
        except BtstoresError as error:
            # A cancel reduces risk: it is sent although it could not be recorded.
            self._store.put_notification("journal failed", error)
