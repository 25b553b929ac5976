"""What a venue tells us, and what we ask of it: immutable records, cheap to make.

Times are epoch nanoseconds in UTC: ``time_ns`` is when the venue says it happened,
``received_ns`` when we heard of it. Prices are in the instrument's currency. Sizes are
positive with a side, and signed only in positions. Missing is ``None``, never NaN or 0.

Named tuples are used because a venue may send thousands of reports a second: one costs
about a microsecond to make, a frozen dataclass several.
"""

from __future__ import annotations

import collections.abc
import enum
from typing import Any, Dict, Mapping, NamedTuple, Optional, Tuple, Union

__all__ = [
    "AccountReport",
    "Bar",
    "ControlReport",
    "FillReport",
    "FindingReport",
    "HistoryReport",
    "LinkReport",
    "LinkState",
    "MassStatus",
    "OrderEvent",
    "OrderModification",
    "OrderReport",
    "OrderRequest",
    "OrderType",
    "PositionReport",
    "Quote",
    "Report",
    "Side",
    "Subscription",
    "Tick",
    "TimeInForce",
    "TimerReport",
]


class Side(enum.Enum):
    """Which way an order trades."""

    BUY = "buy"
    SELL = "sell"

    @property
    def sign(self) -> int:
        """Return 1 for a buy and -1 for a sell."""
        return 1 if self is Side.BUY else -1


class OrderType(enum.Enum):
    """Execution types, named as in ``backtrader.Order``."""

    MARKET = "Market"
    CLOSE = "Close"
    LIMIT = "Limit"
    STOP = "Stop"
    STOP_LIMIT = "StopLimit"
    STOP_TRAIL = "StopTrail"
    STOP_TRAIL_LIMIT = "StopTrailLimit"


class TimeInForce(enum.Enum):
    """How long an order may wait for its execution."""

    GTC = "GTC"  # until it is cancelled
    DAY = "DAY"  # until the session ends
    GTD = "GTD"  # until a date
    IOC = "IOC"  # what can be had at once, the rest is cancelled
    FOK = "FOK"  # all of it at once, or nothing


class OrderEvent(enum.Enum):
    """What happened to an order. Executions are told by fills, not by these."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    MARGIN = "margin"  # refused or ended for want of funds
    CANCELED = "canceled"
    EXPIRED = "expired"
    TRIGGERED = "triggered"
    MODIFIED = "modified"
    CANCEL_REJECTED = "cancel_rejected"
    MODIFY_REJECTED = "modify_rejected"
    OUTCOME_UNKNOWN = "outcome_unknown"  # our own finding, never a venue's


class LinkState(enum.Enum):
    """State of the link to the venue, or of one subscription when a symbol is given."""

    UP = "up"
    DOWN = "down"
    READY = "ready"  # connected and reconciled: orders may be sent
    SUBSCRIBED = "subscribed"
    REFUSED = "refused"  # subscription refused, see ``detail``
    ENDED = "ended"  # no more data will come for this subscription
    SILENT = "silent"  # our own finding: nothing comes although it should


class Subscription(NamedTuple):
    """A stream of market data: bars of one time frame, or ticks, or quotes."""

    symbol: str
    timeframe: int
    compression: int = 1
    quotes: bool = False


class Bar(NamedTuple):
    """One price bar.

    ``time_ns`` is the stamp the feed shows; ``complete`` is False while the venue still
    changes it. ``flags`` are the checks of `btstores.handlers.quality` that found something.
    """

    symbol: str
    timeframe: int
    compression: int
    time_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: Optional[float] = None
    openinterest: Optional[float] = None
    received_ns: Optional[int] = None
    complete: bool = True
    flags: Optional[Tuple[str, ...]] = None


class Tick(NamedTuple):
    """One trade on the market."""

    symbol: str
    time_ns: int
    price: float
    size: Optional[float] = None
    side: Optional[Side] = None
    trade_id: Optional[str] = None
    received_ns: Optional[int] = None
    flags: Optional[Tuple[str, ...]] = None


class Quote(NamedTuple):
    """Best bid and ask."""

    symbol: str
    time_ns: int
    bid: Optional[float] = None
    ask: Optional[float] = None
    bid_size: Optional[float] = None
    ask_size: Optional[float] = None
    received_ns: Optional[int] = None
    flags: Optional[Tuple[str, ...]] = None


class HistoryReport(NamedTuple):
    """Answer to one history request: bars in ascending time, or why there are none.

    ``request_id`` is the number that the asking feed chose.
    """

    request_id: int
    subscription: Subscription
    bars: Tuple[Union[Bar, Tick], ...] = ()
    error: Optional[str] = None
    received_ns: Optional[int] = None


class OrderRequest(NamedTuple):
    """An order as it leaves for the venue.

    ``price`` is the limit or the trigger, ``limit_price`` the limit of a stop-limit,
    ``trail_amount`` is in currency and ``trail_percent`` a fraction (0.02 is two percent).
    ``tif`` is how long it may wait; ``expire_ns`` is when a DAY or GTD order ends and None for
    the others. ``parent_id`` and ``oco_id`` are client order ids. ``strategy`` names who asked
    for it. ``bar_time_ns`` and ``reference_price`` are the bar and the close that the
    strategy saw, ``session_end_ns`` the end of the session that a Close order waits for.
    """

    client_order_id: str
    symbol: str
    side: Side
    size: float
    order_type: OrderType
    price: Optional[float] = None
    limit_price: Optional[float] = None
    trail_amount: Optional[float] = None
    trail_percent: Optional[float] = None
    expire_ns: Optional[int] = None
    tif: TimeInForce = TimeInForce.GTC
    parent_id: Optional[str] = None
    oco_id: Optional[str] = None
    time_ns: int = 0
    reference_price: Optional[float] = None
    bar_time_ns: Optional[int] = None
    session_end_ns: Optional[int] = None
    strategy: Optional[str] = None
    extras: Mapping[str, Any] = {}


class OrderModification(NamedTuple):
    """New values for a live order; ``None`` leaves a value as it is.

    ``size`` is the new total size, what has been filled included.
    """

    client_order_id: str
    venue_order_id: Optional[str] = None
    size: Optional[float] = None
    price: Optional[float] = None
    limit_price: Optional[float] = None
    trail_amount: Optional[float] = None
    trail_percent: Optional[float] = None
    expire_ns: Optional[int] = None


class OrderReport(NamedTuple):
    """What the venue says of an order.

    In a mass status ``request`` describes an order that this process did not send, and
    ``filled`` tells how much of it has been executed. ``local`` marks what the core says of
    an order that it keeps for the venue.
    """

    event: OrderEvent
    time_ns: int
    client_order_id: Optional[str] = None
    venue_order_id: Optional[str] = None
    symbol: Optional[str] = None
    reason: Optional[str] = None
    reason_code: Optional[str] = None
    filled: Optional[float] = None
    size: Optional[float] = None
    price: Optional[float] = None
    limit_price: Optional[float] = None
    request: Optional[OrderRequest] = None
    received_ns: Optional[int] = None
    reconciled: bool = False
    local: bool = False


class FillReport(NamedTuple):
    """One execution. ``fill_id`` is the venue's own and unique per account."""

    fill_id: str
    symbol: str
    side: Side
    size: float
    price: float
    time_ns: int
    client_order_id: Optional[str] = None
    venue_order_id: Optional[str] = None
    commission: Optional[float] = None
    commission_currency: Optional[str] = None
    received_ns: Optional[int] = None
    reconciled: bool = False


class PositionReport(NamedTuple):
    """What the account holds of one instrument. ``size`` is negative when short.

    ``sellable`` is what may still be sold today: what is settled, less what working orders of
    the account are selling.
    """

    symbol: str
    size: float
    price: Optional[float] = None
    time_ns: int = 0
    sellable: Optional[float] = None
    market_price: Optional[float] = None
    received_ns: Optional[int] = None
    reconciled: bool = False


class AccountReport(NamedTuple):
    """Cash, total value and buying power in ``currency``."""

    account: str
    currency: str
    cash: Optional[float]
    value: Optional[float]
    time_ns: int = 0
    power: Optional[float] = None
    margin: Optional[float] = None
    received_ns: Optional[int] = None
    reconciled: bool = False


class LinkReport(NamedTuple):
    """News of the link, or of one subscription."""

    state: LinkState
    time_ns: int = 0
    subscription: Optional[Subscription] = None
    detail: str = ""
    received_ns: Optional[int] = None


class TimerReport(NamedTuple):
    """Our own: the time has come that somebody has waited for, about one order or stream."""

    time_ns: int
    client_order_id: str
    subscription: Optional[Subscription] = None


class FindingReport(NamedTuple):
    """Our own: what a comparison with the venue has found, and what is to be done about it.

    ``what`` is ``lost`` or ``filled`` of an order, or ``position``: of a symbol by how much the
    venue holds more than the fills say.
    """

    time_ns: int
    what: str
    client_order_id: Optional[str] = None
    symbol: Optional[str] = None
    size: Optional[float] = None


class ControlReport(NamedTuple):
    """Somebody's word on what may be traded: an ``action`` of the order desk, and why."""

    time_ns: int
    action: str
    cause: str


class MassStatus(NamedTuple):
    """Everything the venue knows of the account, taken at ``time_ns``, or why it is not known.

    ``pending`` are the client order ids of orders that it has got and neither taken nor refused.
    ``asked_ns`` is set by the store that asks while the link is up: what it has requested since
    may be missing in it.
    """

    time_ns: int
    orders: Tuple[OrderReport, ...] = ()
    fills: Tuple[FillReport, ...] = ()
    positions: Tuple[PositionReport, ...] = ()
    accounts: Tuple[AccountReport, ...] = ()
    error: Optional[str] = None
    pending: Tuple[str, ...] = ()
    asked_ns: Optional[int] = None


Report = Union[
    Bar,
    Tick,
    Quote,
    HistoryReport,
    OrderReport,
    FillReport,
    PositionReport,
    AccountReport,
    LinkReport,
    MassStatus,
    TimerReport,
    ControlReport,
    FindingReport,
]


_PLAIN = frozenset({str, int, float, bool})


def to_record(report: NamedTuple) -> Dict[str, Any]:
    """Return the fields that are set, as plain JSON values (enums by value)."""
    record = {}
    for name, value in zip(report._fields, report):
        if value is None:
            continue
        if type(value) in _PLAIN:
            pass
        elif isinstance(value, enum.Enum):
            value = value.value
        elif isinstance(value, (OrderRequest, Subscription)):
            value = to_record(value)
        elif isinstance(value, tuple):
            value = [item if isinstance(item, str) else to_record(item) for item in value]
        elif isinstance(value, collections.abc.Mapping):
            value = dict(value)
        record[name] = value
    return record
