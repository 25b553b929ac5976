"""Orders and fills as OpenD knows them, and how they look in Futu's messages."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple

from btstores.clock import NS_PER_SECOND
from btstores.markets import MarketConfig
from btstores.markets.segments import Kind as SessionKind
from btstores.markets.zones import zone
from btstores.reports import OrderRequest, OrderType, TimeInForce
from btstores.reports import Side as OurSide
from btstores.stores.futu.opend.codes import (
    CURRENCIES,
    FINAL,
    SEC_MARKETS,
    Kind,
    Session,
    Side,
    Status,
    Tif,
    TrdMarket,
)
from btstores.stores.futu.opend.text import read_time, rule_symbol, timezone_of

__all__ = [
    "AUCTIONS",
    "TOUCH",
    "TRAILS",
    "FutuFill",
    "FutuOrder",
    "Ticket",
    "expiry_of",
    "matches",
    "order_from",
    "request_of",
    "time_text",
    "trail_of",
    "write_fill",
    "write_order",
]

NS_PER_DAY = 86_400 * NS_PER_SECOND

#: Orders that wait until the market comes to their trigger from the better side.
TOUCH = frozenset({Kind.MARKET_IF_TOUCHED, Kind.LIMIT_IF_TOUCHED})
AUCTIONS = frozenset({Kind.AUCTION, Kind.AUCTION_LIMIT})
TRAILS = frozenset({Kind.TRAILING_STOP, Kind.TRAILING_STOP_LIMIT})

#: The longest life of an order that is good until it is cancelled, in days.
GTC_DAYS = 90

#: Optional numbers of an order that the fault na_numbers leaves out.
_ORDER_NUMBERS = ("price", "fillQty", "fillAvgPrice", "auxPrice", "trailValue", "trailSpread")


class Ticket(NamedTuple):
    """An order as somebody asks for it. Prices and sizes are as sent, checked by nobody."""

    symbol: str
    side: int
    qty: float
    price: float = 0.0
    kind: int = Kind.NORMAL
    tif: int = Tif.DAY
    remark: Optional[str] = None
    outside: bool = False
    session: int = Session.NONE
    aux_price: Optional[float] = None
    trail_type: Optional[int] = None
    trail_value: Optional[float] = None
    trail_spread: Optional[float] = None
    expire_time: str = ""
    #: None, or by which part the price may be moved onto the grid: up, or down if negative.
    adjust: Optional[float] = None

    @property
    def extended(self) -> bool:
        """Return whether it may be filled outside regular hours."""
        return self.outside or self.session > Session.RTH


@dataclasses.dataclass
class FutuOrder:
    """One order of an account.

    ``live_id`` is its client order id at the exchange, None while it is not there. ``waits`` says
    what for: 'touch' of its trigger, regular 'hours', or to be enabled ('disabled'). ``base`` is
    what was filled before it went to the exchange, ``told`` what was pushed last.
    """

    order_id: int
    key: str
    symbol: str
    name: str
    trd_market: int
    side: int
    kind: int
    qty: float
    price: float
    currency: str
    created_ns: int
    updated_ns: int
    status: int = Status.SUBMITTING
    tif: int = Tif.DAY
    remark: Optional[str] = None
    outside: bool = False
    session: int = Session.NONE
    aux_price: Optional[float] = None
    trail_type: Optional[int] = None
    trail_value: Optional[float] = None
    trail_spread: Optional[float] = None
    expire_time: str = ""
    expire_ns: Optional[int] = None
    filled: float = 0.0
    value: float = 0.0
    error: str = ""
    fees: List[Tuple[str, float]] = dataclasses.field(default_factory=list)
    live_id: Optional[str] = None
    waits: str = ""
    attempts: int = 0
    touched: bool = False
    base: float = 0.0
    told: Optional[List[Any]] = None

    @property
    def code(self) -> str:
        """Return the code without the market."""
        return self.symbol.partition(".")[2]

    @property
    def active(self) -> bool:
        """Return whether anything can still happen to it."""
        return self.status not in FINAL

    @property
    def rest(self) -> float:
        """Return how much is not filled."""
        return max(0.0, round(self.qty - self.filled, 10))

    @property
    def extended(self) -> bool:
        """Return whether it may be filled outside regular hours."""
        return self.outside or self.session > Session.RTH

    @property
    def average(self) -> float:
        """Return the average price of what is filled, 0 for nothing."""
        return self.value / self.filled if self.filled else 0.0

    @property
    def our_side(self) -> OurSide:
        """Return the side in our words."""
        return OurSide.SELL if Side(self.side).sells else OurSide.BUY

    def watched(self) -> List[Any]:
        """Return the eight fields of which a change is pushed."""
        return [
            int(self.status),
            self.price,
            self.qty,
            self.filled,
            self.aux_price,
            self.trail_type,
            self.trail_value,
            self.trail_spread,
        ]

    def as_dict(self) -> Dict[str, Any]:
        """Return plain JSON values."""
        return {**self.__dict__, "fees": list(self.fees)}


@dataclasses.dataclass
class FutuFill:
    """One execution; ``status`` 0 is good, 1 cancelled."""

    fill_id: int
    key: str
    order_id: int
    order_key: str
    symbol: str
    name: str
    trd_market: int
    side: int
    qty: float
    price: float
    time_ns: int
    updated_ns: int
    fee: float = 0.0
    status: int = 0

    @property
    def code(self) -> str:
        """Return the code without the market."""
        return self.symbol.partition(".")[2]

    @property
    def created_ns(self) -> int:
        """Return when it happened."""
        return self.time_ns


# Time


def time_text(time_ns: int, timezone: str) -> str:
    """Return 'YYYY-MM-DD HH:MM:SS.mmm' in the zone of the exchange."""
    seconds, rest = divmod(time_ns, NS_PER_SECOND)
    local = datetime.datetime.fromtimestamp(seconds, zone(timezone))
    return f"{local:%Y-%m-%d %H:%M:%S}.{rest // 1_000_000:03d}"


def expiry_of(ticket: Ticket, config: MarketConfig, now_ns: int) -> Optional[int]:
    """Return when the order ends, in epoch nanoseconds; None for one of the moment.

    A DAY order ends with the session that runs or comes next, one of an
    auction with that, a GTC one after 90 days and a
    GTD one at its time, with the day where that is only a date. How the real OpenD tells the
    end of a DAY order, and what it takes for expireTime, is not verified. Raises `ValueError`
    for a time that cannot be read.
    """
    if ticket.tif == Tif.GTC:
        return now_ns + GTC_DAYS * NS_PER_DAY
    if ticket.tif == Tif.GTD:
        return read_time(ticket.expire_time, timezone_of(ticket.symbol), end=True)
    if ticket.tif == Tif.IOC:
        return None
    sessions = config.sessions_of(rule_symbol(ticket.symbol))
    if sessions is None:
        return now_ns + NS_PER_DAY
    running = sessions.session_of(now_ns)
    if ticket.kind in AUCTIONS and running is not None:
        return running.end_ns
    late = (SessionKind.AFTER_HOURS, SessionKind.OVERNIGHT, SessionKind.PRE_MARKET)
    infos = sessions.sessions_on(sessions.trading_day(now_ns))
    ends = [one.end_ns for one in infos if ticket.extended or one.kind not in late]
    if ends and max(ends) > now_ns:
        return max(ends)
    return sessions.end_of_day(now_ns)


# To the exchange


def request_of(order: FutuOrder, last: Optional[float], now_ns: int) -> OrderRequest:
    """Return the order in our words, for what of it is not filled. ``last`` is the last price."""
    side, kind = order.our_side, order.kind
    terms: Dict[str, Any] = {"price": order.price}
    order_type, tif = OrderType.LIMIT, _TIFS[Tif(order.tif)]
    if kind == Kind.SPECIAL_LIMIT:
        tif = TimeInForce.IOC
    elif kind in (Kind.SPECIAL_LIMIT_ALL, Kind.ABSOLUTE_LIMIT):
        tif = TimeInForce.FOK
    elif kind in (Kind.MARKET, Kind.MARKET_IF_TOUCHED):
        order_type, terms = OrderType.MARKET, {}
    elif kind == Kind.AUCTION:
        order_type, terms = OrderType.CLOSE, {"session_end_ns": order.expire_ns}
    elif kind == Kind.STOP:
        order_type, terms = OrderType.STOP, {"price": order.aux_price}
    elif kind == Kind.STOP_LIMIT:
        order_type = OrderType.STOP_LIMIT
        terms = {"price": order.aux_price, "limit_price": order.price}
    elif kind in TRAILS:
        order_type, terms = OrderType.STOP_TRAIL, {"price": last, **trail_of(order)}
        if kind == Kind.TRAILING_STOP_LIMIT and last is not None:
            order_type = OrderType.STOP_TRAIL_LIMIT
            # The exchange keeps the distance of this price to the last one.
            terms["limit_price"] = last + side.sign * (order.trail_spread or 0.0)
    expire_ns = order.expire_ns
    if kind == Kind.AUCTION and expire_ns is not None:
        # It is executed at the end of its session, and must outlive that.
        expire_ns += NS_PER_SECOND
    return OrderRequest(
        order.live_id or order.key,
        order.symbol,
        side,
        order.rest,
        order_type,
        tif=tif,
        expire_ns=expire_ns,
        time_ns=now_ns,
        reference_price=last,
        **terms,
    )


def trail_of(order: FutuOrder) -> Dict[str, float]:
    """Return the distance of a trailing order; 20 percent are told as 20."""
    value = order.trail_value or 0.0
    return {"trail_percent": value / 100} if order.trail_type == 1 else {"trail_amount": value}


_TIFS = {
    Tif.DAY: TimeInForce.DAY,
    Tif.GTC: TimeInForce.GTC,
    Tif.IOC: TimeInForce.IOC,
    Tif.GTD: TimeInForce.GTD,
}

# To the client


def write_order(message: Any, order: FutuOrder, no_numbers: bool = False) -> None:
    """Fill in a Trd_Common.Order."""
    message.trdSide = order.side
    message.orderType = order.kind
    message.orderStatus = order.status
    message.orderID = order.order_id
    message.orderIDEx = order.key
    message.code = order.code
    message.name = order.name
    message.qty = order.qty
    message.price = order.price
    message.createTime = time_text(order.created_ns, timezone_of(order.symbol))
    message.updateTime = time_text(order.updated_ns, timezone_of(order.symbol))
    message.fillQty = order.filled
    message.fillAvgPrice = order.average
    message.lastErrMsg = order.error
    message.secMarket = SEC_MARKETS.get(order.symbol.partition(".")[0], 0)
    message.createTimestamp = order.created_ns / NS_PER_SECOND
    message.updateTimestamp = order.updated_ns / NS_PER_SECOND
    message.timeInForce = order.tif
    message.currency = CURRENCIES.get(order.currency, 0)
    message.trdMarket = order.trd_market
    if order.remark is not None:
        message.remark = order.remark
    if order.trd_market == TrdMarket.US:
        message.fillOutsideRTH = order.outside
        message.session = order.session
    for field, value in (
        ("auxPrice", order.aux_price),
        ("trailType", order.trail_type),
        ("trailValue", order.trail_value),
        ("trailSpread", order.trail_spread),
        ("expireTime", order.expire_time or None),
    ):
        if value is not None:
            setattr(message, field, value)
    if no_numbers:
        for field in _ORDER_NUMBERS:
            message.ClearField(field)


def write_fill(message: Any, fill: FutuFill) -> None:
    """Fill in a Trd_Common.OrderFill."""
    message.trdSide = fill.side
    message.fillID = fill.fill_id
    message.fillIDEx = fill.key
    message.orderID = fill.order_id
    message.orderIDEx = fill.order_key
    message.code = fill.code
    message.name = fill.name
    message.qty = fill.qty
    message.price = fill.price
    message.createTime = time_text(fill.time_ns, timezone_of(fill.symbol))
    message.createTimestamp = fill.time_ns / NS_PER_SECOND
    message.updateTimestamp = fill.updated_ns / NS_PER_SECOND
    message.secMarket = SEC_MARKETS.get(fill.symbol.partition(".")[0], 0)
    message.status = fill.status
    message.trdMarket = fill.trd_market
    if fill.trd_market == TrdMarket.HK:
        message.counterBrokerID = 5
        message.counterBrokerName = ""


def matches(item: Any, filters: Any) -> bool:
    """Return whether an order or fill passes a Trd_Common.TrdFilterConditions.

    Times are compared as texts in the zone of the exchange, as precise as they are asked for.
    """
    is_order = isinstance(item, FutuOrder)
    codes, ids, keys = filters.codeList, filters.idList, filters.orderIDExList
    if codes and item.code not in codes:
        return False
    if ids and (item.order_id if is_order else item.fill_id) not in ids:
        return False
    if keys and (item.key if is_order else item.order_key) not in keys:
        return False
    if filters.filterMarket and item.trd_market != filters.filterMarket:
        return False
    created = time_text(item.created_ns, timezone_of(item.symbol))
    begin, end = filters.beginTime, filters.endTime
    if begin and created[: len(begin)] < begin:
        return False
    return not end or created[: len(end)] <= end


def order_from(record: Mapping[str, Any]) -> FutuOrder:
    """Return the order that `FutuOrder.as_dict` described."""
    values = dict(record)
    values["fees"] = [(title, amount) for title, amount in values["fees"]]
    return FutuOrder(**values)
