"""One order against limits: what it does to a position, and a function for each limit."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import (
    Any,
    Callable,
    Deque,
    Dict,
    Iterable,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Set,
    Tuple,
)

from btstores.clock import NS_PER_SECOND
from btstores.orders.book import Group, OrderRecord, group_of
from btstores.orders.reasons import Problem
from btstores.orders.riskrules import EVERY, Limits, Rate
from btstores.reports import OrderRequest, OrderType

__all__ = ["CheckedOrder", "Facts", "Family", "Scope", "number_text", "reduces", "within"]

# backtrader fills in a price for these which means nothing.
_WITHOUT_PRICE = frozenset({OrderType.MARKET, OrderType.CLOSE})


class Facts(NamedTuple):
    """What is known at the moment of an order.

    ``now_ns`` only measures spans: best from a clock that never steps back. ``position`` is
    the account's of the instrument, negative when short, ``price`` its last known price,
    ``value`` what the account is worth now. ``live`` holds the live orders of the account
    and, of a bracket that goes out at once, the orders before this one. The order itself is
    left out wherever it is in ``live``, so that a change can be checked as the order that it
    leads to.
    """

    now_ns: int
    position: float = 0.0
    price: Optional[float] = None
    multiplier: float = 1.0
    live: Sequence[OrderRecord] = ()
    value: Optional[float] = None


def within(value: float, limit: float) -> bool:
    """Return whether ``value`` is at most ``limit``, rounding errors aside; never for NaN."""
    return value <= limit + 1e-9 * abs(limit)


def number_text(value: float) -> str:
    """Return a number as a person writes it."""
    return format(value, ".12g")


# What an order does to a position.


def reduces(request: OrderRequest, facts: Facts) -> bool:
    """Return whether the order and the live ones beside it can only make a position smaller.

    Orders of which only one can be filled (the exits of a bracket, an OCO group) count once.
    The exits of a bracket may close what its entry has yet to open.
    """
    entries = {
        record.client_order_id: record
        for record in facts.live
        if record.request.symbol == request.symbol and record.request.side is not request.side
    }
    closing = sum(
        max(0.0, size - _will_open(entries.get(parent_id or ""), facts.position))
        for (parent_id, _), size in _sizes(request, _beside(request, facts.live)).items()
    )
    return within(closing, max(0.0, -request.side.sign * facts.position))


def _will_open(entry: Optional[OrderRecord], position: float) -> float:
    """Return how much an entry has yet to open; nothing if it closes what is held against it."""
    if entry is None or entry.request.side.sign * position < 0:
        return 0.0
    return entry.remaining


def _beside(request: OrderRequest, live: Iterable[OrderRecord]) -> List[OrderRecord]:
    """Return the other live orders of the same instrument and side."""
    return [
        record
        for record in live
        if record.request.symbol == request.symbol
        and record.request.side is request.side
        and record.client_order_id != request.client_order_id
    ]


def _sizes(request: OrderRequest, beside: Iterable[OrderRecord]) -> Dict[Group, float]:
    """Return the most that can be filled of each group in which one fill ends the others."""
    sizes = {group_of(request): request.size}
    for record in beside:
        group = group_of(record.request)
        sizes[group] = max(sizes.get(group, 0.0), record.remaining)
    return sizes


def _is_exit(request: OrderRequest, ids_beside: Set[str]) -> bool:
    """Return whether the order closes what its parent opens.

    A parent on the same side opens as its child does. One that is not there has been filled,
    or goes out together with the order: validation has seen to that.
    """
    return request.parent_id is not None and request.parent_id not in ids_beside


class CheckedOrder:
    """An order and the facts; what needs a look at all live orders is found out when asked.

    ``loss`` is the day's, None if it is not known.
    """

    def __init__(self, request: OrderRequest, facts: Facts, loss: Optional[float]) -> None:
        self.request = request
        self.facts = facts
        self.loss = loss
        self._reduces: Optional[bool] = None

    @property
    def reduces(self) -> bool:
        """Return whether it can only make a position smaller."""
        if self._reduces is None:
            self._reduces = reduces(self.request, self.facts)
        return self._reduces

    @property
    def spared(self) -> bool:
        """Return whether it passes the limits that would bar the way out."""
        beside = _beside(self.request, self.facts.live)
        return _is_exit(self.request, {record.client_order_id for record in beside}) or self.reduces

    @property
    def prices(self) -> List[Tuple[str, float]]:
        """Return the prices that it names, a limit before a trigger."""
        asked = self.request
        if asked.order_type in _WITHOUT_PRICE:
            return []
        both = (("limit_price", asked.limit_price), ("price", asked.price))
        return [(name, value) for name, value in both if value is not None]


# The limits. Each function returns None, or a code and what is wrong.

_Said = Optional[Tuple[str, str]]


def _too_much(code: str, value: float, limit: float, unit: str = "") -> _Said:
    if within(value, limit):
        return None
    return code, f"{number_text(value)}{unit} is above {number_text(limit)}"


def _order_size(order: CheckedOrder, scope: Scope, limit: float) -> _Said:
    return _too_much("RISK_ORDER_SIZE", order.request.size, limit)


def _order_value(order: CheckedOrder, scope: Scope, limit: float) -> _Said:
    price = order.prices[0][1] if order.prices else order.facts.price
    if price is None:
        return "RISK_NO_PRICE", "cannot be checked, no price is known"
    value = order.request.size * abs(price) * order.facts.multiplier
    return _too_much("RISK_ORDER_VALUE", value, limit)


def _position(order: CheckedOrder, scope: Scope, limit: float) -> _Said:
    side = order.request.side
    if within(_upper_bound(order), limit):
        return None  # without a look at which orders exclude each other
    beside = _beside(order.request, order.facts.live)
    ids = {record.client_order_id for record in beside}
    entries = [record for record in beside if not _is_exit(record.request, ids)]
    worst = side.sign * order.facts.position + sum(_sizes(order.request, entries).values())
    return _too_much("RISK_POSITION", worst, limit, " long" if side.sign > 0 else " short")


def _upper_bound(order: CheckedOrder) -> float:
    symbol, side = order.request.symbol, order.request.side
    sizes = [
        each.request.size
        for each in order.facts.live
        if each.request.side is side and each.request.symbol == symbol
    ]
    return side.sign * order.facts.position + order.request.size + sum(sizes)


def _open_orders(order: CheckedOrder, scope: Scope, limit: int) -> _Said:
    if len(order.facts.live) < limit:
        return None  # whoever made them: no need to look at each
    own_id = order.request.client_order_id
    count = 1 + sum(
        scope.holds(record.request) and record.client_order_id != own_id
        for record in order.facts.live
    )
    return _too_much("RISK_OPEN_ORDERS", count, limit)


def _order_rate(order: CheckedOrder, scope: Scope, limit: Rate) -> _Said:
    sent = scope.sent
    if len(sent) < limit.orders or _seconds(sent[0], order.facts.now_ns) >= limit.seconds:
        return None
    seconds = number_text(limit.seconds)
    return "RISK_ORDER_RATE", f"{limit.orders + 1} within {seconds} s is above {limit.orders}"


def _price_collar(order: CheckedOrder, scope: Scope, limit: float) -> _Said:
    last = order.facts.price
    if not order.prices:
        return None
    if last is None:
        return "RISK_NO_PRICE", "cannot be checked, no price is known"
    wide = [
        f"{name}={number_text(value)}"
        for name, value in order.prices
        if not within(abs(value - last), limit * abs(last))
    ]
    if not wide:
        return None
    far = f"further than {number_text(limit)} from the last price {number_text(last)}"
    return "RISK_PRICE_COLLAR", f"{', '.join(wide)} is {far}"


def _daily_loss(order: CheckedOrder, scope: Scope, limit: float) -> _Said:
    if order.loss is None:
        return "RISK_NO_ACCOUNT", "cannot be checked, the account's value is not known"
    return _too_much("RISK_DAILY_LOSS", order.loss, limit)


def _duplicate(order: CheckedOrder, scope: Scope, limit: float) -> _Said:
    sent_ns, client_order_id = scope.same.get(_signature(order.request), (0, None))
    if client_order_id is None or client_order_id == order.request.client_order_id:
        return None
    seconds = _seconds(sent_ns, order.facts.now_ns)
    if seconds >= limit:
        return None
    ago = f"the same order {client_order_id} was sent {number_text(seconds)} s ago"
    return "RISK_DUPLICATE", f"{ago}, less than {number_text(limit)}"


def _seconds(since_ns: int, now_ns: int) -> float:
    return (now_ns - since_ns) / NS_PER_SECOND


def _signature(request: OrderRequest) -> Tuple[Any, ...]:
    return (
        request.strategy,
        request.symbol,
        request.side,
        request.size,
        request.order_type,
        request.price if request.order_type not in _WITHOUT_PRICE else None,
        request.limit_price,
        request.trail_amount,
        request.trail_percent,
    )


class _Check(NamedTuple):
    say: Callable[[CheckedOrder, Scope, Any], _Said]
    spares: bool  # what only reduces passes it


_CHECKS: Dict[str, _Check] = {
    "max_order_size": _Check(_order_size, False),
    "max_order_value": _Check(_order_value, True),
    "max_position": _Check(_position, True),
    "max_open_orders": _Check(_open_orders, True),
    "max_order_rate": _Check(_order_rate, False),
    "price_collar": _Check(_price_collar, False),
    "max_daily_loss": _Check(_daily_loss, True),
    "duplicate_seconds": _Check(_duplicate, False),
}


class Scope:
    """The limits of the account, one instrument or one strategy, and what counts for them.

    ``field`` is the field of a request that tells whether it belongs here, None for all.
    """

    def __init__(
        self, source: str, limits: Limits, field: Optional[str] = None, name: Optional[str] = None
    ) -> None:
        self.sent: Deque[int] = deque(maxlen=1)
        self.same: OrderedDict[Tuple[Any, ...], Tuple[int, str]] = OrderedDict()
        self._source = source
        self._limits = limits
        self._field = field
        self._name = name
        self._set = [
            (limit, check, getattr(limits, limit))
            for limit, check in _CHECKS.items()
            if getattr(limits, limit) is not None
        ]
        if limits.max_order_rate is not None:
            self.sent = deque(maxlen=limits.max_order_rate.orders)

    def holds(self, request: OrderRequest) -> bool:
        """Return whether an order counts for these limits."""
        return self._field is None or getattr(request, self._field) == self._name

    def problems(self, order: CheckedOrder) -> List[Problem]:
        """Return the limits that speak against an order."""
        found = []
        for limit, check, bound in self._set:
            said = check.say(order, self, bound)
            if said is not None and not (check.spares and order.spared):
                code, text = said
                where = f"limit of {self._source}"
                found.append(Problem(code, f"{limit} for {order.request.symbol}: {text} ({where})"))
        return found

    def note(self, request: OrderRequest, now_ns: int) -> None:
        """Count an order that has been sent."""
        self.sent.append(now_ns)
        window = self._limits.duplicate_seconds
        if window is None:
            return
        signature = _signature(request)
        self.same[signature] = (now_ns, request.client_order_id)
        self.same.move_to_end(signature)
        while _seconds(next(iter(self.same.values()))[0], now_ns) >= window:
            self.same.popitem(last=False)


class Family:
    """The scopes of all instruments, or of all strategies, made as they are met."""

    def __init__(self, limits: Mapping[str, Limits], kind: str, field: str) -> None:
        self._limits = limits
        self._kind = kind
        self._field = field
        self._scopes: Dict[Optional[str], Scope] = {}

    def scope_of(self, name: Optional[str]) -> Optional[Scope]:
        """Return the scope of an instrument or a strategy, None without limits."""
        limits = self._limits.get(name or EVERY, self._limits.get(EVERY))
        if limits is None:
            return None
        if name not in self._scopes:
            source = f"{self._kind} {name}" if name in self._limits else f"every {self._kind}"
            self._scopes[name] = Scope(source, limits, self._field, name)
        return self._scopes[name]
