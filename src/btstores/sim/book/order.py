"""One order as the simulated venue keeps it: its states, its terms, what is wrong with them."""

from __future__ import annotations

import dataclasses
import enum
import math
from typing import Any, Dict, FrozenSet, Mapping, NamedTuple, Optional, Tuple

from btstores.instruments import Instrument
from btstores.reports import (
    OrderEvent,
    OrderModification,
    OrderReport,
    OrderRequest,
    OrderType,
    Side,
    TimeInForce,
    to_record,
)

__all__ = [
    "TRANSITIONS",
    "Refusal",
    "SimOrder",
    "State",
    "modified_terms",
    "prices_of",
    "refusal",
    "request_from",
    "round_price",
    "tidy",
]


class State(enum.Enum):
    """Where an order is in its life at the venue."""

    HELD = "held"  # a bracket's child that waits for its parent
    WORKING = "working"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REJECTED = "rejected"
    MARGIN = "margin"


#: What may follow what. A state that leads nowhere is final.
TRANSITIONS: Mapping[State, FrozenSet[State]] = {
    State.HELD: frozenset({State.WORKING, State.CANCELED, State.EXPIRED}),
    State.WORKING: frozenset({State.FILLED, State.CANCELED, State.EXPIRED, State.MARGIN}),
    State.FILLED: frozenset(),
    State.CANCELED: frozenset(),
    State.EXPIRED: frozenset(),
    State.REJECTED: frozenset(),
    State.MARGIN: frozenset(),
}

#: How a state is told. A filled order is told by its fills.
EVENTS: Mapping[State, OrderEvent] = {
    State.HELD: OrderEvent.ACCEPTED,
    State.WORKING: OrderEvent.ACCEPTED,
    State.FILLED: OrderEvent.ACCEPTED,
    State.CANCELED: OrderEvent.CANCELED,
    State.EXPIRED: OrderEvent.EXPIRED,
    State.REJECTED: OrderEvent.REJECTED,
    State.MARGIN: OrderEvent.MARGIN,
}

TRAILING = frozenset({OrderType.STOP_TRAIL, OrderType.STOP_TRAIL_LIMIT})
STOPS = frozenset({OrderType.STOP, OrderType.STOP_LIMIT}) | TRAILING
LIMITS = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT, OrderType.STOP_TRAIL_LIMIT})

#: Prices that a type cannot do without, and those that mean nothing to it.
NEEDED = {
    OrderType.LIMIT: ("price",),
    OrderType.STOP: ("price",),
    OrderType.STOP_LIMIT: ("price", "limit_price"),
}
_ALL = frozenset({"price", "limit_price", "trail_amount", "trail_percent"})
_TRAIL = frozenset({"trail_amount", "trail_percent"})
UNUSED = {
    OrderType.MARKET: _ALL,
    OrderType.CLOSE: _ALL,
    OrderType.LIMIT: _TRAIL | {"limit_price"},
    OrderType.STOP: _TRAIL | {"limit_price"},
    OrderType.STOP_LIMIT: _TRAIL,
    OrderType.STOP_TRAIL: frozenset({"limit_price"}),
    OrderType.STOP_TRAIL_LIMIT: frozenset(),
}


class Refusal(NamedTuple):
    """Why the venue says no: a stable code and a sentence."""

    code: str
    reason: str


def tidy(size: float) -> float:
    """Return ``size`` without the dust that adding fractions leaves behind."""
    return round(size, 10)


def round_price(price: float, instrument: Instrument) -> float:
    """Return the price on the instrument's grid that is nearest."""
    tick_size = instrument.tick_at(price)
    if not tick_size:
        return price
    return round(round(price / tick_size) * tick_size, 10)


def is_multiple(value: float, step: Optional[float]) -> bool:
    """Return whether ``value`` lies on the grid of ``step``, as far as floats can tell."""
    if not step:
        return True
    steps = value / step
    return abs(steps - round(steps)) <= 1e-9 * max(1.0, abs(steps))


def is_positive(value: Any) -> bool:
    """Return whether ``value`` is a finite number above zero."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return math.isfinite(value) and value > 0


def refusal(request: OrderRequest, instrument: Instrument, now_ns: int) -> Optional[Refusal]:
    """Return what is wrong with the terms of an order, or None."""
    return (
        _bad_kind(request)
        or _bad_size(request.size, instrument)
        or _bad_prices(request, instrument)
        or _bad_trail(request)
        or _bad_expiry(request.expire_ns, now_ns)
        or _bad_tif(request)
    )


def _bad_kind(request: OrderRequest) -> Optional[Refusal]:
    side: Any = request.side
    order_type: Any = request.order_type
    if not isinstance(side, Side):
        return Refusal("BAD_SIDE", f"side {side!r}: expected buy or sell")
    if not isinstance(order_type, OrderType):
        return Refusal("BAD_TYPE", f"order type {order_type!r} is not known here")
    return None


def _bad_size(size: Any, instrument: Instrument) -> Optional[Refusal]:
    if not is_positive(size):
        return Refusal("BAD_SIZE", f"size {size!r}: expected a number above zero")
    if instrument.lot and not is_multiple(size, instrument.lot):
        return Refusal("BAD_LOT", f"size {size:g}: expected a multiple of {instrument.lot:g}")
    if instrument.min_size and size < instrument.min_size:
        return Refusal("TOO_SMALL", f"size {size:g}: the least is {instrument.min_size:g}")
    if instrument.max_size and size > instrument.max_size:
        return Refusal("TOO_LARGE", f"size {size:g}: the most is {instrument.max_size:g}")
    return None


def _bad_prices(request: OrderRequest, instrument: Instrument) -> Optional[Refusal]:
    needed = NEEDED.get(request.order_type, ())
    for name in ("price", "limit_price"):
        value = getattr(request, name)
        if name in UNUSED[request.order_type] or (value is None and name not in needed):
            continue
        if not is_positive(value):
            return Refusal("BAD_PRICE", f"{name} {value!r}: expected a number above zero")
        # A trailing order's price is only what it starts from.
        tick_size = None if request.order_type in TRAILING else instrument.tick_at(value)
        if not is_multiple(value, tick_size):
            return Refusal("BAD_TICK", f"{name} {value:g}: expected a multiple of {tick_size:g}")
    return None


def _bad_trail(request: OrderRequest) -> Optional[Refusal]:
    if request.order_type not in TRAILING:
        return None
    amount, percent = request.trail_amount, request.trail_percent
    if amount is None and percent is None:
        return Refusal("BAD_TRAIL", "a trailing order needs trail_amount or trail_percent")
    if amount is not None and not is_positive(amount):
        return Refusal("BAD_TRAIL", f"trail_amount {amount!r}: expected a number above zero")
    if percent is not None and not (is_positive(percent) and percent < 1):
        return Refusal("BAD_TRAIL", f"trail_percent {percent!r}: expected a fraction below one")
    return None


def _bad_expiry(expire_ns: Any, now_ns: int) -> Optional[Refusal]:
    if expire_ns is None:
        return None
    if isinstance(expire_ns, bool) or not isinstance(expire_ns, int):
        return Refusal("BAD_EXPIRY", f"expire_ns {expire_ns!r}: expected epoch nanoseconds")
    if expire_ns < now_ns:
        return Refusal("BAD_EXPIRY", "the order's expiry has passed")
    return None


def _bad_tif(request: OrderRequest) -> Optional[Refusal]:
    immediate = request.tif in (TimeInForce.IOC, TimeInForce.FOK)
    if immediate and request.order_type not in (OrderType.MARKET, OrderType.LIMIT):
        kind = request.order_type.value
        return Refusal("BAD_TIF", f"a {kind} order cannot be {request.tif.value}")
    return None


@dataclasses.dataclass
class SimOrder:
    """An order at the venue. ``request`` holds the terms as they are now.

    ``sequence`` is its time priority. ``best`` is the best price a trailing order has seen,
    ``offset`` the distance from its trigger down to its limit. ``queue`` is what others have
    in front of a resting order at its price. ``born`` counts the price events that the
    venue had seen when the order came, ``close_ns`` is the session end that a Close order
    waits for.
    """

    request: OrderRequest
    venue_id: str
    sequence: int
    state: State
    filled: float = 0.0
    triggered: bool = False
    best: Optional[float] = None
    offset: float = 0.0
    maker: bool = False
    queue: float = 0.0
    born: int = 0
    close_ns: Optional[int] = None
    reference: Optional[float] = None
    changed_ns: int = 0
    reason: Optional[str] = None
    reason_code: Optional[str] = None

    @property
    def id(self) -> str:
        """Return the client order id."""
        return self.request.client_order_id

    @property
    def live(self) -> bool:
        """Return whether anything can still happen to the order."""
        return bool(TRANSITIONS[self.state])

    @property
    def remaining(self) -> float:
        """Return how much is not executed yet."""
        return tidy(self.request.size - self.filled)

    @property
    def waiting(self) -> bool:
        """Return whether the order is a stop that has not been triggered."""
        return not self.triggered and self.request.order_type in STOPS

    def move_to(self, state: State) -> None:
        """Change the state; a step that the table lacks is a programming error."""
        if state not in TRANSITIONS[self.state]:
            raise AssertionError(f"order {self.id}: {self.state.value} to {state.value}")
        self.state = state

    def trail(self, price: float) -> None:
        """Let a trailing order see a price."""
        if self.request.order_type not in TRAILING or self.triggered:
            return
        better = max if self.request.side is Side.SELL else min
        self.best = price if self.best is None else better(self.best, price)

    def trigger_price(self, instrument: Instrument) -> Optional[float]:
        """Return where the stop is; None when a trailing one has seen no price."""
        if self.request.order_type not in TRAILING:
            return self.request.price
        if self.best is None:
            return None
        distance = self.request.trail_amount
        if distance is None:
            distance = self.best * (self.request.trail_percent or 0.0)
        return round_price(self.best + self.request.side.sign * distance, instrument)

    def limit(self, instrument: Instrument) -> Optional[float]:
        """Return the worst price the order accepts; None when any will do."""
        kind = self.request.order_type
        if kind is OrderType.LIMIT:
            return self.request.price
        if kind is OrderType.STOP_LIMIT:
            return self.request.limit_price
        if kind is OrderType.STOP_TRAIL_LIMIT:
            trigger = self.trigger_price(instrument)
            return None if trigger is None else round_price(trigger - self.offset, instrument)
        return None

    def report(self, event: OrderEvent, time_ns: int, **more: Any) -> OrderReport:
        """Return a report of this order with its terms as they are now."""
        return OrderReport(
            event,
            time_ns,
            client_order_id=self.id,
            venue_order_id=self.venue_id,
            symbol=self.request.symbol,
            filled=self.filled,
            size=self.request.size,
            price=self.request.price,
            limit_price=self.request.limit_price,
            **more,
        )

    def status(self) -> OrderReport:
        """Return what a mass status says of the order."""
        return self.report(
            EVENTS[self.state],
            self.changed_ns,
            reason=self.reason,
            reason_code=self.reason_code,
            request=self.request,
        )

    def to_dict(self) -> Dict[str, Any]:
        """Return plain JSON values."""
        record = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        record["request"] = to_record(self.request)
        record["state"] = self.state.value
        return record

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> SimOrder:
        """Return the order that `to_dict` described."""
        values = dict(record)
        values["request"] = request_from(values["request"])
        values["state"] = State(values["state"])
        return cls(**values)


def request_from(record: Mapping[str, Any]) -> OrderRequest:
    """Return the request that `btstores.reports.to_record` described."""
    values = dict(record)
    values["side"] = Side(values["side"])
    values["order_type"] = OrderType(values["order_type"])
    values["tif"] = TimeInForce(values["tif"])
    return OrderRequest(**values)


def prices_of(request: OrderRequest) -> Tuple[Optional[float], ...]:
    """Return the terms that decide at which price the order trades."""
    return request.price, request.limit_price, request.trail_amount, request.trail_percent


def modified_terms(
    order: SimOrder, modification: OrderModification, instrument: Instrument, now_ns: int
) -> OrderRequest:
    """Return the order's terms after ``modification``. Raises `ModifyRefused`."""
    names = ("size", "price", "limit_price", "trail_amount", "trail_percent", "expire_ns")
    new = {n: v for n, v in zip(names, (getattr(modification, n) for n in names)) if v is not None}
    kind = order.request.order_type
    useless = sorted(UNUSED[kind] & set(new))
    if useless:
        raise ModifyRefused("NOT_APPLICABLE", f"a {kind.value} order has no {useless[0]}")
    if order.triggered and set(new) & (_TRAIL | {"price"}):
        raise ModifyRefused("TRIGGERED", "the stop has been triggered")
    if "trail_percent" in new and "trail_amount" not in new:
        new["trail_amount"] = None
    terms: OrderRequest = order.request._replace(**new)
    problem = refusal(terms, instrument, now_ns)
    if problem is not None:
        raise ModifyRefused(*problem)
    if terms.size <= order.filled:
        raise ModifyRefused(
            "BELOW_FILLED", f"size {terms.size:g}: {order.filled:g} has been executed already"
        )
    return terms


class ModifyRefused(Exception):
    """A change that the venue does not make; ``args`` are those of `Refusal`."""
