"""What can be changed of a live order; pure functions."""

from __future__ import annotations

from typing import Any, Dict, FrozenSet, List, Mapping, Optional

from btstores.orders.book import OrderRecord
from btstores.orders.legs import Leg
from btstores.orders.reasons import Problem
from btstores.reports import OrderType
from btstores.stores.gateway import Capabilities

__all__ = ["WORDS", "problems_of_change"]

#: The fields of a request that can be changed, and the words of a strategy for them.
WORDS: Dict[str, str] = {
    "size": "size",
    "price": "price",
    "limit_price": "plimit",
    "trail_amount": "trailamount",
    "trail_percent": "trailpercent",
}

_TRAIL = frozenset({"trail_amount", "trail_percent"})
_FIELDS: Dict[OrderType, FrozenSet[str]] = {
    OrderType.MARKET: frozenset(),
    OrderType.CLOSE: frozenset(),
    OrderType.LIMIT: frozenset({"price"}),
    OrderType.STOP: frozenset({"price"}),
    OrderType.STOP_LIMIT: frozenset({"price", "limit_price"}),
    OrderType.STOP_TRAIL: _TRAIL | {"price"},
    OrderType.STOP_TRAIL_LIMIT: _TRAIL | {"price", "limit_price"},
}


def problems_of_change(
    record: OrderRecord, changes: Mapping[str, Any], can: Capabilities, leg: Optional[Leg]
) -> List[Problem]:
    """Return what of a change cannot be; ``leg`` is there if the core keeps the order."""
    if not record.live:
        return [Problem("ORDER_FINISHED", f"the order is {record.state.value}")]
    kind = record.request.order_type
    wire = leg.wire if leg is not None else None
    triggered = leg is not None and leg.triggered
    problems = []
    if wire is not None and wire.ask is not None and not wire.stalled:
        text = "the venue has yet to answer what has been asked of the order"
        problems.append(Problem("MODIFY_BUSY", text))
    for name in changes:
        word = WORDS[name]
        # A stop that is triggered has become a Market or a Limit order.
        at_venue = "price" if triggered and name == "limit_price" else name
        if name != "size" and name not in _FIELDS[kind]:
            problems.append(Problem("MODIFY_USELESS", f"a {kind.value} order has no {word}"))
        elif triggered and name not in ("size", "limit_price"):
            text = f"the stop has been triggered: {word} does not count any more"
            problems.append(Problem("MODIFY_USELESS", text))
        elif not (leg is not None and (wire is None or name == "size")) and (
            at_venue not in can.modify
        ):
            known = ", ".join(WORDS[each] for each in sorted(can.modify) if each in WORDS)
            text = f"the venue cannot change {word} of an order; it can: {known or 'nothing'}"
            problems.append(Problem("MODIFY_UNSUPPORTED", text))
    size = changes.get("size")
    if isinstance(size, (int, float)) and 0 < size <= record.filled:
        text = f"size={size:g}: {record.filled:g} is filled already"
        problems.append(Problem("MODIFY_BELOW_FILLED", text))
    return problems
