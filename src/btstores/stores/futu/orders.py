"""Orders, fills and balances: our records and Futu's messages; pure functions.

Times of Futu are epoch seconds where it sends them, else texts in the market's time zone.
"""

from __future__ import annotations

import datetime
import math
from typing import Any, Dict, FrozenSet, Mapping, NamedTuple, Optional

from btstores.clock import NS_PER_SECOND
from btstores.errors import UnsupportedError, VenueError
from btstores.markets.zones import zone
from btstores.reports import (
    AccountReport,
    FillReport,
    OrderEvent,
    OrderModification,
    OrderRequest,
    OrderType,
    PositionReport,
    Side,
    TimeInForce,
)
from btstores.stores.futu.symbols import SIMULATE, symbol_of_order, trading_code

__all__ = [
    "CURRENCIES",
    "ENDED",
    "EVENTS",
    "Terms",
    "account_report",
    "fill_change",
    "fill_order",
    "fill_report",
    "number",
    "position_report",
    "positive",
    "request_of",
    "stamp_ns",
    "time_ns",
]

_ORDER_TYPES: Dict[OrderType, int] = {
    OrderType.LIMIT: 1,
    OrderType.MARKET: 2,
    OrderType.STOP: 10,
    OrderType.STOP_LIMIT: 11,
    OrderType.STOP_TRAIL: 14,
    OrderType.STOP_TRAIL_LIMIT: 15,
}
#: What orders of other programs are closest to: auctions and the like are limit orders.
_OUR_TYPES: Dict[int, OrderType] = {
    **{number: kind for kind, number in _ORDER_TYPES.items()},
    **dict.fromkeys((5, 6, 7, 8, 9), OrderType.LIMIT),
    12: OrderType.STOP,
    13: OrderType.STOP_LIMIT,
    16: OrderType.MARKET,
    17: OrderType.LIMIT,
    18: OrderType.MARKET,
    19: OrderType.LIMIT,
}
_TRAILING = (OrderType.STOP_TRAIL, OrderType.STOP_TRAIL_LIMIT)
_RATIO, _AMOUNT = 1, 2

_TIFS = {TimeInForce.DAY: 0, TimeInForce.GTC: 1}
_OUR_TIFS = {0: TimeInForce.DAY, 1: TimeInForce.GTC, 2: TimeInForce.IOC, 3: TimeInForce.GTD}

_SIDES = {Side.BUY: 1, Side.SELL: 2}
_OUR_SIDES = {1: Side.BUY, 2: Side.SELL, 3: Side.SELL, 4: Side.BUY}

#: What a status says that has happened. Others say nothing: the order is on its way, its outcome
#: is not known, or fills tell.
EVENTS: Dict[int, OrderEvent] = {
    3: OrderEvent.REJECTED,
    5: OrderEvent.ACCEPTED,
    10: OrderEvent.ACCEPTED,
    11: OrderEvent.ACCEPTED,
    14: OrderEvent.CANCELED,
    15: OrderEvent.CANCELED,
    21: OrderEvent.REJECTED,
    23: OrderEvent.CANCELED,
}
#: After these an order never lives again. A disabled one (22) may be enabled.
ENDED: FrozenSet[int] = frozenset({3, 11, 14, 15, 21, 23, 24})

CURRENCIES: Dict[int, str] = {
    1: "HKD",
    2: "USD",
    3: "CNH",
    4: "JPY",
    5: "SGD",
    6: "AUD",
    7: "CAD",
    8: "MYR",
    9: "NZD",
}


class Terms(NamedTuple):
    """What is the same for all messages on one account.

    Of an account with several markets only what is of ``exchanges`` counts; empty means all.
    """

    account: int
    environment: str
    market: int
    timezone: str
    exchanges: FrozenSet[str] = frozenset()

    def symbol_of(self, message: Any) -> Optional[str]:
        """Return the symbol of an order, fill or position; None for one that does not count."""
        market = message.trdMarket or self.market
        symbol = symbol_of_order(message.secMarket, message.code, market)
        if symbol is None or not self.exchanges or symbol.partition(".")[0] in self.exchanges:
            return symbol
        return None


def number(message: Any, name: str) -> Optional[float]:
    """Return a field of a message if it is there and a finite number."""
    if not message.HasField(name):
        return None
    value = float(getattr(message, name))
    return value if math.isfinite(value) else None


#: Seconds; what is told as later is no time.
_END_OF_TIME = 1e10


def needed(message: Any, name: str) -> float:
    """Return a field that is of no use without its number. Raises `VenueError`."""
    value = number(message, name)
    if value is None:
        raise VenueError(f"OpenD tells of {message.code!r}: {name} {getattr(message, name)!r}")
    return value


def positive(value: float) -> Optional[float]:
    """Return a number if it is one above 0."""
    return value if 0 < value < math.inf else None


def stamp_ns(message: Any, name: str) -> int:
    """Return a field with epoch seconds in nanoseconds, good to a microsecond; 0 for no time."""
    seconds = number(message, name) or 0.0
    return round(seconds * 1_000_000) * 1_000 if 0 < seconds < _END_OF_TIME else 0


def time_ns(message: Any, timestamp: str, text: str, timezone: str) -> int:
    """Return the time of a message: its epoch seconds, or else its text; 0 when there is none."""
    told_ns = stamp_ns(message, timestamp)
    if told_ns:
        return told_ns
    try:
        moment = datetime.datetime.fromisoformat(getattr(message, text).strip())
    except ValueError:
        return 0
    return round(moment.replace(tzinfo=zone(timezone)).timestamp() * 1_000_000) * 1_000


def time_text(time_ns: int, timezone: str) -> str:
    """Return a time as OpenD takes it in a filter, to the second, in the market's time zone."""
    moment = datetime.datetime.fromtimestamp(time_ns // NS_PER_SECOND, zone(timezone))
    return f"{moment:%Y-%m-%d %H:%M:%S}"


# Orders out


def fill_header(header: Any, terms: Terms) -> None:
    """Say which account a request is for."""
    header.trdEnv = 0 if terms.environment == SIMULATE else 1
    header.accID = terms.account
    header.trdMarket = terms.market


def fill_order(c2s: Any, request: OrderRequest, terms: Terms) -> None:
    """Fill a Trd_PlaceOrder in.

    A market order is for the day, like everything in a simulated account. Raises
    `UnsupportedError` for an order type or a time in force that Futu does not have.
    """
    fill_header(c2s.header, terms)
    c2s.secMarket, c2s.code = trading_code(request.symbol)
    kind = request.order_type
    c2s.trdSide, c2s.orderType = _SIDES[request.side], _known(_ORDER_TYPES, kind)
    c2s.qty = request.size
    c2s.remark = request.client_order_id
    for_day = kind is OrderType.MARKET or terms.environment == SIMULATE
    c2s.timeInForce = 0 if for_day else _known(_TIFS, request.tif)
    # A market order needs a price too, whichever.
    price = request.price if kind is OrderType.LIMIT else request.limit_price
    c2s.price = price or request.reference_price or 0.0
    if kind in (OrderType.STOP, OrderType.STOP_LIMIT) and request.price is not None:
        c2s.auxPrice = request.price
    if kind in _TRAILING:
        _fill_trail(c2s, request.trail_amount, request.trail_percent)
    if kind is OrderType.STOP_TRAIL_LIMIT:
        c2s.trailSpread = _spread(request)
    if "fill_outside_rth" in request.extras:
        c2s.fillOutsideRTH = bool(request.extras["fill_outside_rth"])
    if "session" in request.extras:
        c2s.session = int(request.extras["session"])


def _known(table: Mapping[Any, int], asked: Any) -> int:
    if asked not in table:
        raise UnsupportedError(f"Futu has no {asked.value}")
    return table[asked]


def _fill_trail(c2s: Any, amount: Optional[float], percent: Optional[float]) -> None:
    if amount is not None:
        c2s.trailType, c2s.trailValue = _AMOUNT, amount
    elif percent is not None:
        c2s.trailType, c2s.trailValue = _RATIO, percent * 100


def _spread(request: OrderRequest) -> float:
    """Return how far the limit is beyond the stop."""
    start = request.price or request.reference_price
    if start is None or request.limit_price is None:
        return 0.0
    return max(0.0, (request.limit_price - start) * request.side.sign)


def fill_change(
    c2s: Any, order_id: str, change: OrderModification, now: OrderRequest, terms: Terms
) -> None:
    """Fill a Trd_ModifyOrder in: all terms as they shall be, where ``now`` is what they are."""
    fill_header(c2s.header, terms)
    # The number is not used, and must be there.
    c2s.orderID, c2s.orderIDEx, c2s.modifyOrderOp = 0, order_id, 1
    kind = now.order_type
    c2s.qty = now.size if change.size is None else change.size
    price = change.price if change.price is not None else now.price
    limit = change.limit_price if change.limit_price is not None else now.limit_price
    c2s.price = (price if kind is OrderType.LIMIT else limit) or 0.0
    if kind in (OrderType.STOP, OrderType.STOP_LIMIT) and price is not None:
        c2s.auxPrice = price
    if kind in _TRAILING:
        given = (change.trail_amount, change.trail_percent)
        amount, percent = given if given != (None, None) else (now.trail_amount, now.trail_percent)
        _fill_trail(c2s, amount, percent)
        if kind is OrderType.STOP_TRAIL_LIMIT:
            c2s.trailSpread = _spread(now._replace(price=price, limit_price=limit))


# Orders in


def request_of(order: Any, terms: Terms) -> Optional[OrderRequest]:
    """Return the terms of a Trd_Common.Order; None for one that does not count."""
    symbol = terms.symbol_of(order)
    if symbol is None:
        return None
    kind = _OUR_TYPES.get(order.orderType, OrderType.LIMIT)
    price, trigger = number(order, "price"), number(order, "auxPrice")
    trail = number(order, "trailValue") if kind in _TRAILING else None
    limit = None
    if kind is OrderType.STOP_LIMIT:
        limit = price
    if kind in (OrderType.STOP, OrderType.STOP_LIMIT):
        price = trigger
    elif kind is not OrderType.LIMIT:
        price = None
    is_ratio = order.trailType == _RATIO
    return OrderRequest(
        order.remark or order.orderIDEx,
        symbol,
        _OUR_SIDES.get(order.trdSide, Side.BUY),
        needed(order, "qty"),
        kind,
        price,
        limit_price=limit,
        trail_amount=None if is_ratio else trail,
        trail_percent=trail / 100 if is_ratio and trail is not None else None,
        tif=_OUR_TIFS.get(order.timeInForce, TimeInForce.DAY),
        time_ns=time_ns(order, "createTimestamp", "createTime", terms.timezone),
    )


def fill_report(fill: Any, terms: Terms, client_order_id: Optional[str]) -> Optional[FillReport]:
    """Return a Trd_Common.OrderFill as a report; None for one that does not count."""
    symbol = terms.symbol_of(fill)
    if symbol is None:
        return None
    return FillReport(
        fill.fillIDEx or str(fill.fillID),
        symbol,
        _OUR_SIDES.get(fill.trdSide, Side.BUY),
        needed(fill, "qty"),
        needed(fill, "price"),
        time_ns(fill, "createTimestamp", "createTime", terms.timezone),
        client_order_id,
        fill.orderIDEx or None,
    )


# The account


def position_report(position: Any, terms: Terms, now_ns: int) -> Optional[PositionReport]:
    """Return a Trd_Common.Position as a report; None for one that does not count."""
    symbol = terms.symbol_of(position)
    if symbol is None:
        return None
    sign = -1.0 if position.positionSide == 1 else 1.0
    cost = number(position, "averageCostPrice")
    if cost is None:
        cost = number(position, "dilutedCostPrice")
    if cost is None:
        cost = number(position, "costPrice")
    size = sign * abs(needed(position, "qty"))
    return PositionReport(
        symbol,
        size,
        cost,
        now_ns,
        sellable=number(position, "canSellQty") if size > 0 else None,
        market_price=number(position, "price"),
    )


def account_report(funds: Any, terms: Terms, currency: str, now_ns: int) -> AccountReport:
    """Return a Trd_Common.Funds as a report, in the currency that it was asked for in."""
    told = CURRENCIES.get(funds.currency, currency) if funds.HasField("currency") else currency
    return AccountReport(
        str(terms.account),
        told,
        number(funds, "cash"),
        number(funds, "totalAssets"),
        now_ns,
        power=number(funds, "power"),
        margin=number(funds, "initialMargin"),
    )
