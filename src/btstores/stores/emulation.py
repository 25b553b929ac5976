"""What of an order the venue does, what the core does, and what nobody can; pure functions."""

from __future__ import annotations

from typing import Any, FrozenSet, Iterable, List, NamedTuple, Sequence, Set, Tuple

from btstores.errors import ConfigError
from btstores.orders.legs import Emulated
from btstores.reports import OrderRequest, OrderType, TimeInForce
from btstores.stores.gateway import Capabilities

__all__ = ["EMULATED_NAMES", "Plan", "Relations", "has_bracket", "plan_of", "read_emulate"]

#: What `emulate` may name, and what it stands for.
EMULATED_NAMES = {
    OrderType.STOP.value: Emulated.STOP,
    OrderType.STOP_LIMIT.value: Emulated.STOP,
    OrderType.STOP_TRAIL.value: Emulated.STOP,
    OrderType.STOP_TRAIL_LIMIT.value: Emulated.STOP,
    OrderType.CLOSE.value: Emulated.CLOSE,
    "bracket": Emulated.BRACKET,
    "oco": Emulated.OCO,
    "expiry": Emulated.EXPIRY,
    "renewal": Emulated.RENEWAL,
}


#: What many venues know by these names, and what an order must not ask for in vain.
STANDARD_EXTRAS = ("reduce_only", "post_only", "iceberg")


class Relations(NamedTuple):
    """How an order hangs together with others.

    ``children`` is how many exits its bracket has, ``fits`` whether a venue that has brackets
    can have this one; ``kept`` says that a relative is kept by the core, so that the venue does
    not know it.
    """

    in_bracket: bool = False
    in_oco: bool = False
    children: int = 0
    fits: bool = True
    kept: bool = False


class Plan(NamedTuple):
    """What the core does of an order, and what cannot be had."""

    does: FrozenSet[Emulated] = frozenset()
    lacking: Tuple[str, ...] = ()


def read_emulate(names: Any) -> FrozenSet[str]:
    """Return the names of what the core is to do although the venue could.

    Raises `ConfigError` for a name that is none of order types that can be emulated,
    ``bracket``, ``oco``, ``expiry``, ``renewal`` and ``all``.
    """
    given = [names] if isinstance(names, str) else list(names)
    if "all" in given:
        return frozenset(EMULATED_NAMES)
    for name in given:
        if name not in EMULATED_NAMES:
            known = ", ".join(["all", *EMULATED_NAMES])
            raise ConfigError.of("emulate", name, f"some of {known}")
    return frozenset(given)


def has_bracket(group: Sequence[OrderRequest], can: Capabilities) -> bool:
    """Return whether a venue takes orders that go out together as a bracket of its own."""
    children = [request for request in group if request.parent_id is not None]
    if not can.bracket or not children:
        return False
    if can.bracket_children is not None and len(children) > can.bracket_children:
        return False
    if not can.exits:
        return True
    entries = {request.client_order_id: request for request in group}
    limits = [request for request in children if request.order_type is OrderType.LIMIT]
    return max(len(limits), len(children) - len(limits)) <= 1 and all(
        request.order_type in can.exits
        and request.trail_percent is None
        and str(request.parent_id) in entries
        and request.size == entries[str(request.parent_id)].size
        for request in children
    )


def plan_of(
    request: OrderRequest,
    relations: Relations,
    can: Capabilities,
    emulate: FrozenSet[str],
    allowed: bool,
) -> Plan:
    """Return who does what of an order; ``allowed`` is whether the core may do anything."""
    does: Set[Emulated] = set()
    lacking: List[str] = []
    for what, had, kind, words in _demands(request, relations, can):
        if had and what not in emulate:
            continue
        if kind is not None and (allowed or what in emulate or relations.kept):
            does.add(kind)
        else:
            lacking.append(words)
    return Plan(frozenset(does), tuple(lacking))


#: These may go on after the day.
_LASTING = (TimeInForce.GTC, TimeInForce.GTD)


def _demands(
    request: OrderRequest, relations: Relations, can: Capabilities
) -> Iterable[Tuple[str, bool, Any, str]]:
    """Yield what an order needs: its name, whether the venue has it, who else does, in words."""
    kind = request.order_type
    after = OrderType.LIMIT if request.limit_price is not None else OrderType.MARKET
    substitute = EMULATED_NAMES.get(kind.value) if after in can.order_types else None
    native = relations.in_bracket and can.bracket and relations.fits and not relations.kept
    had = kind in can.order_types or (native and kind in can.exits)
    yield kind.value, had, substitute, f"{kind.value} orders"
    tif, lasting = request.tif, {TimeInForce.GTC, TimeInForce.DAY} & can.tifs
    if tif is not TimeInForce.GTC:
        timed = request.expire_ns is not None and lasting
        had = tif in can.tifs or (tif is TimeInForce.DAY and TimeInForce.GTD in can.tifs)
        name = "expiry" if request.expire_ns is not None else ""
        yield name, had, Emulated.EXPIRY if timed else None, f"{tif.value} orders"
    if tif in _LASTING and lasting == {TimeInForce.DAY} and kind is not OrderType.MARKET:
        yield "renewal", tif in can.tifs, Emulated.RENEWAL, f"{tif.value} orders"
    if relations.in_bracket:
        words = "brackets" if relations.fits else "brackets of such orders"
        yield "bracket", native, Emulated.BRACKET, words
    for extra in STANDARD_EXTRAS:
        if request.extras.get(extra):
            yield extra, extra in can.extras, None, f"{extra} orders"
    if relations.in_oco:
        yield "oco", can.oco and not relations.kept, Emulated.OCO, "OCO orders"
