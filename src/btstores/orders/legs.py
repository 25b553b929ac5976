"""Orders that the core keeps for a venue which lacks something: their state and arithmetic.

A leg is one order of the strategy. A wire is an order at the venue that carries it, or a
part of it: while a stop waits to be triggered there is none, and when the size must change
and the venue cannot change it, one follows the other.

Sizes are positive, in shares or contracts.
"""

from __future__ import annotations

import dataclasses
import enum
from typing import Any, Dict, FrozenSet, List, Mapping, NamedTuple, Optional, Set, Tuple

from btstores.clock import Timer
from btstores.orders.book import OrderRecord
from btstores.orders.lifecycle import OrderState
from btstores.orders.triggers import Trigger
from btstores.reports import OrderEvent, OrderRequest, OrderType, TimeInForce

__all__ = [
    "TRAILING",
    "Ask",
    "Emulated",
    "Ending",
    "Leg",
    "Wire",
    "changes_at_venue",
    "open_size",
    "reason_to_end",
    "request_at_venue",
    "room",
    "surplus",
    "tidy",
    "trigger_of",
]


class Emulated(enum.Enum):
    """What the core does in a venue's place."""

    STOP = "stop"  # any type that waits for a trigger
    CLOSE = "close"
    BRACKET = "bracket"
    OCO = "oco"
    EXPIRY = "expiry"
    RENEWAL = "renewal"  # an order for longer than the day, at a venue that keeps it for the day


#: What a stop becomes at the venue once it is triggered.
_AFTER_TRIGGER: Dict[OrderType, OrderType] = {
    OrderType.STOP: OrderType.MARKET,
    OrderType.STOP_TRAIL: OrderType.MARKET,
    OrderType.STOP_LIMIT: OrderType.LIMIT,
    OrderType.STOP_TRAIL_LIMIT: OrderType.LIMIT,
    OrderType.CLOSE: OrderType.MARKET,
}

TRAILING = frozenset({OrderType.STOP_TRAIL, OrderType.STOP_TRAIL_LIMIT})

#: Ends after which the others of a group have nothing to wait for. A refusal is none: whoever
#: asked for two exits and got one is better off with one.
_ENDS_GROUP = frozenset({OrderState.CANCELED, OrderState.EXPIRED})


class Ending(NamedTuple):
    """How a leg is to end, and why, once the venue has nothing of it any more."""

    event: OrderEvent
    code: Optional[str] = None
    reason: Optional[str] = None


class Ask(enum.Enum):
    """What has been asked of a wire and not been answered."""

    CANCEL = "cancel"
    SIZE = "size"
    CHANGE = "change"  # of a price, by the strategy


@dataclasses.dataclass(eq=False)
class Wire:
    """An order at the venue. ``asked`` is the new total size, while that is asked for.

    ``stalled`` says that the venue has refused to cancel it, or has not answered: perhaps it is
    over, and the word of it is on its way or lost. Until there is news, or time has gone by,
    nothing more is asked of it. ``unsure`` says that a cancel has not been answered, and so may
    have been made whatever is said of a later one. ``fixed`` says that a change of its size has
    failed. ``ends_ns`` is from when on the venue ends it by itself, to be renewed.
    """

    client_order_id: str
    size: float
    filled: float = 0.0
    venue_order_id: Optional[str] = None
    ask: Optional[Ask] = None
    asked: Optional[float] = None
    stalled: bool = False
    unsure: bool = False
    fixed: bool = False
    tries: int = 0
    ends_ns: Optional[int] = None

    @property
    def busy(self) -> bool:
        """Return whether there has to be an answer before anything more is asked of it."""
        return self.stalled or self.ask is not None

    @property
    def working(self) -> float:
        """Return what can still be executed, as far as the venue has said."""
        return tidy(self.size - self.filled)

    @property
    def at_most(self) -> float:
        """Return what can still be executed, if what has been asked for is done."""
        return tidy(max(self.size, self.asked or 0.0) - self.filled)

    def is_meant(self, client_order_id: Optional[str], venue_order_id: Optional[str]) -> bool:
        """Return whether a report with these ids tells of it."""
        if client_order_id is not None:
            return client_order_id == self.client_order_id
        return self.venue_order_id in (None, venue_order_id)


@dataclasses.dataclass(eq=False)
class Leg:
    """One order that the core keeps, or that others hang on.

    ``wanted`` is the size that the strategy asks for, before its relatives shrink it.
    ``since_ns`` is the time from which prices count for its trigger. ``start`` is where a
    trailing stop starts from, ``offset`` how far its limit lies from its stop. ``past`` holds
    the ids of earlier wires, ``missing`` is what the venue says that these have filled and nobody
    has told the fills of. ``rests`` says that its day is over, ``opens_ns`` is when the next one
    begins, ``grows_ns`` when it may become larger again. ``ending`` is how it is to end,
    ``ended`` that it has been told. ``exclusive`` says that all exits together must not ask
    for more than there is to close: the account may not be short.
    """

    record: OrderRecord
    does: FrozenSet[Emulated]
    wanted: float
    since_ns: int = 0
    parent: Optional[Leg] = None
    children: List[Leg] = dataclasses.field(default_factory=list)
    group: List[Leg] = dataclasses.field(default_factory=list)
    exclusive: bool = False
    start: Optional[float] = None
    offset: float = 0.0
    triggered: bool = False
    armed: bool = False
    wire: Optional[Wire] = None
    past: Set[str] = dataclasses.field(default_factory=set)
    missing: float = 0.0
    rests: bool = False
    opens_ns: int = 0
    grows_ns: int = 0
    ending: Optional[Ending] = None
    ended: bool = False
    change: Dict[str, Any] = dataclasses.field(default_factory=dict)
    timers: List[Timer] = dataclasses.field(default_factory=list)

    @property
    def key(self) -> str:
        """Return the client order id."""
        return self.record.client_order_id

    @property
    def waits(self) -> bool:
        """Return whether it waits for its trigger, or for the session's end."""
        return not self.triggered and bool(self.does & {Emulated.STOP, Emulated.CLOSE})

    @property
    def is_child(self) -> bool:
        """Return whether the core lets it follow its parent."""
        return self.parent is not None and Emulated.BRACKET in self.does

    def retire(self) -> None:
        """Forget the wire; what is told of it from now on is old."""
        wire, self.wire = self.wire, None
        if wire is None:
            return
        self.past.add(wire.client_order_id)
        if wire.venue_order_id is not None:
            self.past.add(wire.venue_order_id)
        if wire.ask is Ask.CANCEL:
            self.record.pending_cancel = False
        self.change = {}

    def relatives(self) -> List[Leg]:
        """Return all whose sizes or ends depend on this one."""
        near = list(self.children)
        near += [leg for leg in self.group if leg is not self]
        if self.parent is not None:
            near += [leg for leg in self.parent.children if leg is not self]
        return near

    def to_dict(self) -> Dict[str, Any]:
        """Return what a restart has to know besides the order itself, as JSON values."""
        wire = self.wire
        return {
            "client_order_id": self.key,
            "does": sorted(each.value for each in self.does),
            "wanted": self.wanted,
            "since_ns": self.since_ns,
            "parent_id": self.parent.key if self.parent is not None else None,
            "group": [leg.key for leg in self.group],
            "start": self.start,
            "offset": self.offset,
            "triggered": self.triggered,
            "exclusive": self.exclusive,
            "missing": self.missing,
            "opens_ns": self.opens_ns,
            "ending": None if self.ending is None else [self.ending.event.value, *self.ending[1:]],
            "wire": None if wire is None else wire.client_order_id,
            "ends_ns": None if wire is None else wire.ends_ns,
        }

    def take_back(self, kept: Mapping[str, Any]) -> None:
        """Become again what `to_dict` has told, but for relatives and wire."""
        self.since_ns, self.start = kept["since_ns"], kept.get("start")
        self.offset, self.triggered = kept["offset"], kept["triggered"]
        self.exclusive, self.missing = kept["exclusive"], kept["missing"]
        self.opens_ns = kept["opens_ns"]
        ending = kept.get("ending")
        if ending is not None:
            self.ending = Ending(OrderEvent(ending[0]), *ending[1:])


def tidy(size: float) -> float:
    """Return ``size`` without the dust that adding fractions leaves behind."""
    return round(size, 10)


def _filled(legs: List[Leg], but: Leg) -> float:
    return sum(leg.record.filled for leg in legs if leg is not but)


def room(leg: Leg) -> float:
    """Return how large the order may be, given what its relatives have traded."""
    size = leg.wanted
    if leg.is_child:
        assert leg.parent is not None
        parent = leg.parent.record
        # What the venue says to be filled is filled, though the fills may be on their way.
        opens = parent.request.size if parent.live else max(parent.filled, parent.told_filled)
        size = min(size, opens - _filled(leg.parent.children, leg))
    if leg.group:
        size = min(size, leg.wanted - _filled(leg.group, leg))
    return tidy(max(size, leg.record.filled))


def open_size(leg: Leg) -> float:
    """Return how much of the order may be at the venue now, besides what is filled."""
    if leg.waits or leg.ending is not None or not leg.record.live:
        return 0.0
    size = room(leg) - leg.record.filled - leg.missing
    if leg.is_child:
        size = min(size, _to_close(leg) - _claimed_by_others(leg))
    return tidy(max(0.0, size))


def _to_close(leg: Leg) -> float:
    """Return how much its bracket has opened and not closed."""
    assert leg.parent is not None
    children = leg.parent.children
    return leg.parent.record.filled - sum(each.record.filled for each in children)


def _claimed_by_others(leg: Leg) -> float:
    """Return what an order has to leave to other exits that must not all be asked for at once.

    Those that come before it claim all that they want, the others what still works of them: it
    has to be taken back first.
    """
    if not leg.exclusive or leg.parent is None:
        return 0.0
    rank, claimed = _rank(leg), 0.0
    for each in leg.parent.children:
        if each is leg:
            continue
        working = each.wire.at_most if each.wire is not None else 0.0
        asks = each.record.live and each.ending is None and not each.waits
        wanted = each.wanted - each.record.filled if asks and _rank(each) < rank else 0.0
        claimed += max(wanted, working)
    return claimed


def _rank(leg: Leg) -> Tuple[bool, float, str]:
    """Return what sorts exits: a triggered stop first, then the limit that is met first."""
    request = leg.record.request
    price = 0.0 if leg.triggered else -(request.price or 0.0) * request.side.sign
    return not leg.triggered, price, leg.key


def reason_to_end(leg: Leg) -> Optional[str]:
    """Return why the order has nothing to wait for any more, or None."""
    if leg.is_child:
        assert leg.parent is not None
        parent = leg.parent.record
        if not parent.live and room(leg) <= leg.record.filled:
            return "nothing of its bracket is left to close"
        for child in leg.parent.children:
            if child is not leg and child.record.state in _ENDS_GROUP:
                return f"order {child.key} of its bracket is {child.record.state.value}"
    for other in leg.group:
        if other is not leg and other.record.state in _ENDS_GROUP | {OrderState.COMPLETED}:
            return f"order {other.key} of its group is {other.record.state.value}"
    if leg.group and room(leg) <= leg.record.filled:
        return "the others of its group have traded its size"
    return None


def surplus(leg: Leg) -> float:
    """Return how much its family has traded beyond what was wanted, after a fill of ``leg``."""
    if leg.is_child:
        assert leg.parent is not None
        opened = leg.parent.record.filled
        return tidy(sum(each.record.filled for each in leg.parent.children) - opened)
    if leg.group:
        return tidy(_filled(leg.group, leg) + leg.record.filled - leg.wanted)
    return 0.0


def trigger_of(leg: Leg) -> Trigger:
    """Return what triggers a stop."""
    request = leg.record.request
    if request.order_type not in TRAILING:
        return Trigger(leg.key, request.side, request.price)
    amount, percent = request.trail_amount, request.trail_percent
    return Trigger(leg.key, request.side, None, amount, percent, leg.start)


def request_at_venue(leg: Leg, key: str, size: float) -> OrderRequest:
    """Return the order as the venue gets it, without what is done here."""
    request = leg.record.request
    changes: Dict[str, Any] = {"client_order_id": key, "size": size}
    if leg.does & {Emulated.STOP, Emulated.CLOSE}:
        kind = _AFTER_TRIGGER[request.order_type]
        changes.update(
            order_type=kind,
            price=request.limit_price if kind is OrderType.LIMIT else None,
            limit_price=None,
            trail_amount=None,
            trail_percent=None,
        )
    if leg.parent is not None:
        changes["parent_id"] = None
    if leg.group:
        changes["oco_id"] = None
    if Emulated.EXPIRY in leg.does:
        changes.update(tif=TimeInForce.GTC, expire_ns=None)
    if Emulated.RENEWAL in leg.does:
        changes.update(tif=TimeInForce.DAY, expire_ns=None)
    return request._replace(**changes)


def changes_at_venue(leg: Leg, changes: Mapping[str, Any]) -> Dict[str, Any]:
    """Return changes of an order in the terms of what works at the venue for it."""
    at_venue = dict(changes)
    if leg.wire is not None and "size" in at_venue:
        earlier = leg.record.filled - leg.wire.filled
        at_venue["size"] = tidy(at_venue["size"] - earlier)
    if leg.triggered and "limit_price" in at_venue:
        at_venue["price"] = at_venue.pop("limit_price")
    return at_venue
