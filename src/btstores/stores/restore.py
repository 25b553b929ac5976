"""Orders and legs of earlier runs, from the journal into a store that begins."""

from __future__ import annotations

from typing import TYPE_CHECKING, List, Optional, Set, Tuple

from btstores.journal.state import JournalState, KnownOrder, KnownWire
from btstores.orders.book import OrderRecord
from btstores.orders.kept import Sent, kept_legs
from btstores.orders.legs import Wire
from btstores.orders.lifecycle import OrderState

if TYPE_CHECKING:
    from btstores.stores.base import BaseStore

__all__ = ["restore_orders"]


def restore_orders(store: BaseStore, state: JournalState) -> List[OrderRecord]:
    """Take what the journal knows into the book and the engine; return what was alive."""
    book = store.book
    book.count_fills(state.fill_ids)
    alive = []
    for known in state.orders.values():
        record = record_of(known, is_leg=known.client_order_id in state.legs)
        book.restore(record)
        if record.live:
            alive.append(record)

    def sent(key: str) -> Sent:
        return _sent(state.orders[key])

    store.desk.engine.restore(kept_legs(state.legs.values(), book.find, sent))
    return alive


def record_of(known: KnownOrder, is_leg: bool) -> OrderRecord:
    """Return an order of an earlier run as the book has it."""
    record = OrderRecord(
        known.request,
        OrderState(known.state),
        filled=known.filled,
        fills=list(known.fills),
        pending_cancel=known.pending_cancel,
        triggered=known.triggered,
        emulated=known.emulated,
        journal_seq=known.seq,
    )
    record.told_filled = known.filled
    record.aliases = [key for key in known.wires if key != known.client_order_id]
    record.venue_ids = [one.venue_order_id for one in known.wires.values() if one.venue_order_id]
    key, wire = _working(known)
    if wire is not None and known.live:
        record.wire_id = key if key != known.client_order_id else None
        record.venue_order_id = wire.venue_order_id
        record.in_flight = not wire.heard
    elif not is_leg and record.venue_ids:
        record.venue_order_id = record.venue_ids[-1]
    return record


def _working(known: KnownOrder) -> Tuple[Optional[str], Optional[KnownWire]]:
    """Return the newest order at the venue for one of ours, unless it is known to be over."""
    for key, wire in reversed(list(known.wires.items())):
        over = wire.ended or wire.filled >= wire.size
        return (None, None) if over else (key, wire)
    return None, None


def _sent(known: KnownOrder) -> Sent:
    key, working = _working(known)
    past: Set[str] = set()
    for wire_id, each in known.wires.items():
        if wire_id != key:
            past.update(name for name in (wire_id, each.venue_order_id) if name is not None)
    if key is None or working is None:
        return Sent(None, past)
    wire = Wire(key, working.size, working.filled, working.venue_order_id)
    wire.unsure = working.cancels
    return Sent(wire, past)
