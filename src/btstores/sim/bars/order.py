"""Orders as backtrader's BackBroker keeps them, and the price at which a bar fills each type."""

from __future__ import annotations

import dataclasses
import enum
import math
from typing import Any, Callable, Dict, Mapping, NamedTuple, Optional

from btstores.feeds.times import ns_to_num, num_to_ns
from btstores.reports import OrderEvent, OrderReport, OrderRequest, OrderType, Side, to_record
from btstores.sim.bars.view import BarView
from btstores.sim.book.order import LIMITS, TRAILING, UNUSED, Refusal, request_from

__all__ = ["RULES", "BarOptions", "BarOrder", "Execution", "FillerOrder", "State"]


@dataclasses.dataclass(frozen=True)
class BarOptions:
    """The parameters of ``backtrader.brokers.BackBroker`` that decide on fills.

    Names, defaults and meaning are upstream's. ``eosbar`` is accepted and, as upstream, does
    nothing. ``filler`` is called with an order, a price and how many bars ago, and returns
    how much may be executed; the order has ``data``, ``executed.remsize``, ``created``,
    ``isbuy`` and ``issell``.
    """

    checksubmit: bool = True
    eosbar: bool = False
    filler: Optional[Callable[[Any, float, int], float]] = None
    slip_perc: float = 0.0
    slip_fixed: float = 0.0
    slip_open: bool = False
    slip_match: bool = True
    slip_limit: bool = True
    slip_out: bool = False
    coc: bool = False
    coo: bool = False
    int2pnl: bool = True
    shortcash: bool = True


class State(enum.Enum):
    """Whether an order can still be executed, and if not, why."""

    LIVE = "live"
    FILLED = "filled"
    ENDED = "ended"


class Execution(NamedTuple):
    """At which price an order trades, ``ago`` bars back, and when if not then."""

    price: float
    ago: int = 0
    days: Optional[float] = None

    def time_ns(self, order: BarOrder, view: BarView) -> int:
        """Return when it happens; ``view`` is of the data whose position changes."""
        if self.days is not None:
            return order.request.bar_time_ns or num_to_ns(self.days)
        if self.ago and view.previous_days is not None:
            return num_to_ns(view.previous_days)
        return view.time_ns


@dataclasses.dataclass(eq=False)
class BarOrder:
    """An order at work. Sizes are signed, times are backtrader's float days.

    ``price`` and ``limit`` move with a trailing stop; ``limit_offset`` is the distance that
    they keep. ``annotated`` is the last close that a Close order has seen. A child of a
    bracket is not ``active`` before its parent has been filled.
    """

    request: OrderRequest
    venue_id: str
    created: float
    reference: float
    price: float
    limit: float
    remaining: float
    active: bool
    filled: float = 0.0
    limit_offset: float = 0.0
    triggered: bool = False
    annotated: Optional[float] = None
    state: State = State.LIVE

    @classmethod
    def of(cls, request: OrderRequest, venue_id: str, created: float, reference: float) -> BarOrder:
        """Return the order of ``request``, with the prices that ``backtrader.Order`` gives it."""
        price = request.price or request.limit_price or reference
        limit = request.limit_price or price
        size = request.side.sign * request.size
        order = cls(
            request, venue_id, created, reference, price, limit, size, request.parent_id is None
        )
        if order.trails:
            order.limit_offset = price - limit
            order.price = request.side.sign * math.inf
            order.trail(price)
        return order

    @property
    def id(self) -> str:
        """Return the client order id."""
        return self.request.client_order_id

    @property
    def bracket_id(self) -> str:
        """Return the id that the orders of one bracket share: that of the parent."""
        return self.request.parent_id or self.id

    @property
    def is_buy(self) -> bool:
        """Return whether the order buys."""
        return self.request.side is Side.BUY

    @property
    def kind(self) -> OrderType:
        """Return the execution type."""
        return self.request.order_type

    @property
    def trails(self) -> bool:
        """Return whether the stop follows the price."""
        return self.kind in TRAILING

    @property
    def live(self) -> bool:
        """Return whether the order can still be executed."""
        return self.state is State.LIVE

    @property
    def session_end(self) -> float:
        """Return the end of the session in which the order was made, or 0."""
        return _days(self.request.session_end_ns) or 0.0

    def expired(self, days: float) -> bool:
        """Return whether the order is out of time. A Market order never is."""
        expiry = _days(self.request.expire_ns)
        return self.kind is not OrderType.MARKET and expiry is not None and days > expiry

    def trail(self, price: float) -> None:
        """Move the stop after ``price``, in the direction that protects."""
        request = self.request
        distance = request.trail_amount or (price * (request.trail_percent or 0.0))
        stop = price + distance if self.is_buy else price - distance
        if (stop < self.price) if self.is_buy else (stop > self.price):
            self.price = stop
            if self.kind is OrderType.STOP_TRAIL_LIMIT:
                self.limit = stop - self.limit_offset

    def fill(self, size: float) -> None:
        """Count an execution of ``size``, which is signed."""
        self.remaining -= size
        self.filled += size
        if not self.remaining:
            self.state = State.FILLED

    def problem(self, new: Mapping[str, Any]) -> Optional[Refusal]:
        """Return why the terms named in ``new`` cannot be the order's, or None."""
        useless = sorted(UNUSED[self.kind] & set(new))
        if useless:
            return Refusal("NOT_APPLICABLE", f"a {self.kind.value} order has no {useless[0]}")
        if "size" in new and new["size"] <= abs(self.filled):
            reason = f"size {new['size']:g}: {abs(self.filled):g} has been executed already"
            return Refusal("BELOW_FILLED", reason)
        return None

    def change(self, new: Mapping[str, Any]) -> None:
        """Change the terms named in ``new``; prices are where stop and limit stand now."""
        terms = dict(new)
        if "trail_percent" in new:
            terms.setdefault("trail_amount", None)
        if "size" in new:
            self.remaining += self.request.side.sign * (new["size"] - self.request.size)
        self.request = self.request._replace(**terms)
        self.price = new.get("price", self.price)
        self.limit = new.get("limit_price", self.limit)
        if self.trails and "limit_price" in new:
            self.limit_offset = self.price - self.limit

    def report(self, event: OrderEvent, time_ns: int, **more: Any) -> OrderReport:
        """Return news of this order."""
        stops_at = math.isfinite(self.price) and self.kind not in (
            OrderType.MARKET,
            OrderType.CLOSE,
        )
        return OrderReport(
            event,
            time_ns,
            client_order_id=self.id,
            venue_order_id=self.venue_id,
            symbol=self.request.symbol,
            filled=abs(self.filled),
            size=self.request.size,
            price=self.price if stops_at else None,
            limit_price=self.limit if self.kind in LIMITS - {OrderType.LIMIT} else None,
            **more,
        )

    def to_dict(self) -> Dict[str, Any]:
        """Return plain JSON values."""
        record = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        record["request"] = to_record(self.request)
        record["state"] = self.state.value
        return record

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> BarOrder:
        """Return the order that `to_dict` described."""
        values = dict(record)
        values["request"] = request_from(values["request"])
        values["state"] = State(values["state"])
        return cls(**values)


class _Executed(NamedTuple):
    remsize: float


class _Created(NamedTuple):
    dt: float
    price: float
    pricelimit: float
    size: float


class FillerOrder:
    """An order as a volume filler of backtrader sees it; ``data`` is backtrader's."""

    def __init__(self, order: BarOrder, data: Any) -> None:
        size = order.request.side.sign * order.request.size
        self.data = data
        self.size = size
        self.executed = _Executed(order.remaining)
        self.created = _Created(order.created, order.price, order.limit, size)

    def isbuy(self) -> bool:
        """Return whether the order buys."""
        return self.size > 0

    def issell(self) -> bool:
        """Return whether the order sells."""
        return self.size < 0


def _days(time_ns: Optional[int]) -> Optional[float]:
    return None if time_ns is None else ns_to_num(time_ns)


# The rules. Each looks at one bar and says at which price the order trades, or None. They may
# note on the order that it was triggered, or what it saw.


def _market(order: BarOrder, bar: BarView, options: BarOptions) -> Optional[Execution]:
    if options.coc and order.request.extras.get("coc", True):
        price, days = order.reference, order.created or None
    elif options.coo or bar.days > order.created:
        price, days = bar.open, None
    else:
        return None  # the bar on which it was made
    slipped = _slip(order, bar, price, options, options.slip_open)
    return None if slipped is None else Execution(slipped, days=days)


def _close(order: BarOrder, bar: BarView, options: BarOptions) -> Optional[Execution]:
    if bar.days > order.created and bar.days >= order.session_end:
        # The session's last bar is known only when one of the next session has come.
        if order.annotated and bar.days > order.session_end:
            return Execution(order.annotated, ago=-1)
        return Execution(bar.close)
    order.annotated = bar.close
    return None


def _limit(order: BarOrder, bar: BarView, options: BarOptions) -> Optional[Execution]:
    return _at_limit(order, bar, options, order.price)


def _at_limit(
    order: BarOrder, bar: BarView, options: BarOptions, limit: float
) -> Optional[Execution]:
    if _within(order, bar.open, limit):
        # As upstream, only a buy is kept inside the bar when it slips.
        bound = min(bar.high, limit) if order.is_buy else limit
        return _priced(_slip(order, bar, bar.open, options, options.slip_open, bound))
    if _within(order, bar.low if order.is_buy else bar.high, limit):
        return Execution(limit)
    return None


def _stop(order: BarOrder, bar: BarView, options: BarOptions) -> Optional[Execution]:
    if _beyond(order, bar.open, order.price):
        return _priced(_slip(order, bar, bar.open, options, options.slip_open))
    if _beyond(order, _far(order, bar), order.price):
        return _priced(_slip(order, bar, order.price, options))
    return None


def _stop_limit(order: BarOrder, bar: BarView, options: BarOptions) -> Optional[Execution]:
    if order.triggered:
        return _at_limit(order, bar, options, order.limit)
    if _beyond(order, bar.open, order.price):
        order.triggered = True
        return _at_limit(order, bar, options, order.limit)
    if not _beyond(order, _far(order, bar), order.price):
        return None
    order.triggered = True
    if _within(order, order.price, order.limit):
        return _priced(_slip(order, bar, order.price, options, bound=_far(order, bar)))
    # The limit lies on the near side of the stop: reached if the bar came back to close there.
    came_back = bar.open > bar.close if order.is_buy else bar.open <= bar.close
    if came_back and _within(order, bar.close, order.limit):
        return Execution(order.limit)
    return None


Rule = Callable[[BarOrder, BarView, BarOptions], Optional[Execution]]

RULES: Mapping[OrderType, Rule] = {
    OrderType.MARKET: _market,
    OrderType.CLOSE: _close,
    OrderType.LIMIT: _limit,
    OrderType.STOP: _stop,
    OrderType.STOP_LIMIT: _stop_limit,
    OrderType.STOP_TRAIL: _stop,
    OrderType.STOP_TRAIL_LIMIT: _stop_limit,
}


def _within(order: BarOrder, price: float, limit: float) -> bool:
    """Return whether the order accepts ``price``: at its limit or better."""
    return price <= limit if order.is_buy else price >= limit


def _beyond(order: BarOrder, price: float, stop: float) -> bool:
    """Return whether ``price`` is at the stop or past it."""
    return price >= stop if order.is_buy else price <= stop


def _far(order: BarOrder, bar: BarView) -> float:
    """Return the end of the bar that is worst for the order."""
    return bar.high if order.is_buy else bar.low


def _priced(price: Optional[float]) -> Optional[Execution]:
    return None if price is None else Execution(price)


def _slip(
    order: BarOrder,
    bar: BarView,
    price: float,
    options: BarOptions,
    slips: bool = True,
    bound: Optional[float] = None,
) -> Optional[float]:
    """Return ``price`` moved against the order, or None when there is no such price.

    ``bound`` is given by orders with a limit; otherwise the end of the bar bounds the price.
    """
    sign = order.request.side.sign
    if not slips or not (options.slip_perc or options.slip_fixed):
        return price
    if options.slip_perc:
        slipped = price * (1 + sign * options.slip_perc)
    else:
        slipped = price + sign * options.slip_fixed
    limited = bound is not None
    end = _far(order, bar) if bound is None else bound
    if _within(order, slipped, end):
        return slipped
    if options.slip_match or (limited and options.slip_limit):
        return slipped if options.slip_out else end
    return None
