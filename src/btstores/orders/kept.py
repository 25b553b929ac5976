"""Legs of an earlier run, from what the journal has kept of them."""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterable, List, Mapping, NamedTuple, Optional, Set

from btstores.orders.book import OrderRecord
from btstores.orders.legs import Emulated, Leg, Wire

__all__ = ["Sent", "kept_legs"]


class Sent(NamedTuple):
    """What was sent for an order: what may still work, and the ids of what does not any more."""

    wire: Optional[Wire]
    past: Set[str]


def kept_legs(
    kept: Iterable[Mapping[str, Any]],
    find: Callable[[str], Optional[OrderRecord]],
    sent: Callable[[str], Sent],
) -> List[Leg]:
    """Return the legs of orders that ``find`` still knows, tied to their relatives.

    ``kept`` is what `Leg.to_dict` has told of each; ``sent`` is asked for each order. An order
    that others only hang on becomes a leg too.
    """
    told = {each["client_order_id"]: each for each in kept}
    legs: Dict[str, Leg] = {}

    def leg_of(key: str) -> Optional[Leg]:
        record = find(key)
        if key in legs or record is None:
            return legs.get(key)
        leg = legs[key] = Leg(record, frozenset(), record.request.size)
        leg.wire, leg.past = sent(key)
        return leg

    for key, each in told.items():
        leg = leg_of(key)
        if leg is None:
            continue
        leg.does = frozenset(Emulated(name) for name in each["does"])
        leg.wanted = each["wanted"]
        leg.take_back(each)
        leg.record.emulated = bool(leg.does)
        if leg.wire is not None and leg.wire.client_order_id == each.get("wire"):
            leg.wire.ends_ns = each.get("ends_ns")
        parent = leg_of(each["parent_id"]) if each.get("parent_id") is not None else None
        if parent is not None and all(child is not leg for child in parent.children):
            leg.parent = parent
            parent.children.append(leg)
        group = [leg_of(other) for other in each["group"]]
        shared = next((one.group for one in group if one is not None and one.group), leg.group)
        for one in group:
            if one is not None:
                one.group = shared
                if all(member is not one for member in shared):
                    shared.append(one)
    return list(legs.values())
