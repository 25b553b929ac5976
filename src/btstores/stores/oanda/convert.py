"""What OANDA says, as reports, and what we say, as OANDA reads it; pure functions.

Numbers and times come as text (times as seconds since 1970, as we ask for them); each may be
missing or nonsense.
"""

from __future__ import annotations

import datetime
import math
from typing import Any, Dict, Iterable, List, Mapping, Optional, Tuple

from btstores.clock import NS_PER_SECOND
from btstores.errors import ConfigError
from btstores.instruments import Instrument, TimeFrame
from btstores.markets.zones import zone
from btstores.reports import (
    AccountReport,
    Bar,
    FillReport,
    OrderEvent,
    OrderReport,
    OrderRequest,
    OrderType,
    PositionReport,
    Quote,
    Report,
    Side,
    Subscription,
    TimeInForce,
)

__all__ = [
    "GRANULARITIES",
    "TIMEFRAMES",
    "account_of",
    "bars_of",
    "body_of",
    "changed",
    "changed_terms",
    "client_of",
    "end_of",
    "end_of_order",
    "instrument_of",
    "number_of",
    "number_text",
    "order_of",
    "position_of",
    "quote_of",
    "reports_of",
    "request_of",
    "time_of",
    "time_text",
    "timing_of",
]

_SECONDS, _MINUTES = int(TimeFrame.SECONDS), int(TimeFrame.MINUTES)
#: By time frame and compression the name of OANDA's candles and their length in seconds.
GRANULARITIES: Dict[Tuple[int, int], Tuple[str, int]] = {
    **{(_SECONDS, number): (f"S{number}", number) for number in (5, 10, 15, 30)},
    **{(_MINUTES, number): (f"M{number}", 60 * number) for number in (1, 2, 4, 5, 10, 15, 30)},
    **{(_MINUTES, 60 * hours): (f"H{hours}", 3600 * hours) for hours in (1, 2, 3, 4, 6, 8, 12)},
    (int(TimeFrame.DAYS), 1): ("D", 86_400),
    (int(TimeFrame.WEEKS), 1): ("W", 7 * 86_400),
    (int(TimeFrame.MONTHS), 1): ("M", 31 * 86_400),
}
TIMEFRAMES = frozenset(GRANULARITIES)
#: By the price that is wanted the letter that asks for it and the field that has it.
CANDLES = {"mid": ("M", "mid"), "bid": ("B", "bid"), "ask": ("A", "ask")}

_TYPES = {
    "MARKET": OrderType.MARKET,
    "LIMIT": OrderType.LIMIT,
    "STOP": OrderType.STOP,
    "MARKET_IF_TOUCHED": OrderType.LIMIT,
    "TAKE_PROFIT": OrderType.LIMIT,
    "STOP_LOSS": OrderType.STOP,
    "TRAILING_STOP_LOSS": OrderType.STOP_TRAIL,
    "FIXED_PRICE": OrderType.MARKET,
}
_KINDS = {OrderType.MARKET: "MARKET", OrderType.LIMIT: "LIMIT", OrderType.STOP: "STOP"}
_TIFS = {
    TimeInForce.GTC: "GTC",
    TimeInForce.DAY: "GFD",
    TimeInForce.GTD: "GTD",
    TimeInForce.IOC: "IOC",
    TimeInForce.FOK: "FOK",
}
_FROM_TIFS = {text: tif for tif, text in _TIFS.items()}
#: What the reasons of an ORDER_CANCEL mean; all others refuse the order.
_ENDS = {
    "CLIENT_REQUEST": OrderEvent.CANCELED,
    "CLIENT_REQUEST_REPLACED": None,  # the order lives on under another id
    "TIME_IN_FORCE_EXPIRED": OrderEvent.EXPIRED,
    "LINKED_TRADE_CLOSED": OrderEvent.CANCELED,
    "MIGRATION": OrderEvent.CANCELED,
    "ACCOUNT_LOCKED": OrderEvent.CANCELED,
    "INSUFFICIENT_LIQUIDITY": OrderEvent.CANCELED,  # of one that may not wait
    "INSUFFICIENT_MARGIN": OrderEvent.MARGIN,
}


def number_of(value: Any) -> Optional[float]:
    """Return a number that is one, or None."""
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def time_of(value: Any) -> Optional[int]:
    """Return epoch nanoseconds of ``seconds.nanoseconds``, exactly, or None."""
    seconds, _, rest = str(value).partition(".")
    if not seconds.isdigit() or (rest and not rest.isdigit()):
        return None
    return int(seconds) * NS_PER_SECOND + int(rest[:9].ljust(9, "0") or 0)


# What can be traded


def instrument_of(row: Mapping[str, Any]) -> Instrument:
    """Return an instrument of ``GET /v3/accounts/{id}/instruments``."""
    name = str(row["name"])
    precision = int(row.get("displayPrecision", 5))
    units = int(row.get("tradeUnitsPrecision", 0))
    lot = 10.0**-units
    return Instrument(
        name,
        "OANDA",
        name.partition("_")[2] or "USD",
        tick_size=round(10.0**-precision, precision),
        lot=round(lot, max(0, units)),
        min_size=number_of(row.get("minimumTradeSize")) or lot,
        max_size=number_of(row.get("maximumOrderUnits")),
        name=str(row.get("displayName", name)),
        fractional=units > 0,
        shortable=True,
        margin=number_of(row.get("marginRate")),
    )


# Prices


def quote_of(line: Mapping[str, Any]) -> Optional[Quote]:
    """Return a line of the pricing stream as a quote; a side without a price is None."""
    symbol, time_ns = str(line.get("instrument")), time_of(line.get("time"))
    bid, bid_size = _best(line.get("bids"))
    ask, ask_size = _best(line.get("asks"))
    if time_ns is None or (bid is None and ask is None):
        return None
    return Quote(symbol, time_ns, bid, ask, bid_size, ask_size)


def _best(levels: Any) -> Tuple[Optional[float], Optional[float]]:
    if not isinstance(levels, list) or not levels or not isinstance(levels[0], dict):
        return None, None
    return number_of(levels[0].get("price")), number_of(levels[0].get("liquidity"))


def bars_of(candles: Iterable[Mapping[str, Any]], of: Subscription, wanted: str) -> List[Bar]:
    """Return complete candles as bars, each stamped at its end."""
    field = CANDLES[wanted][1]
    bars = []
    for candle in candles:
        start_ns, prices = time_of(candle.get("time")), candle.get(field)
        if start_ns is None or not isinstance(prices, dict) or candle.get("complete") is not True:
            continue
        values = [number_of(prices.get(name)) for name in "ohlc"]
        if any(value is None for value in values):
            continue
        end_ns = end_of(start_ns, of)
        volume = number_of(candle.get("volume"))
        terms = (of.symbol, of.timeframe, of.compression, end_ns, *values, volume)
        bars.append(Bar(*terms))  # type: ignore[arg-type]
    return bars


def end_of(start_ns: int, of: Subscription) -> int:
    """Return when a candle ends that begins then; days and longer by New York's clock."""
    name, seconds = GRANULARITIES[(of.timeframe, of.compression)]
    if name not in ("D", "W", "M"):
        return start_ns + seconds * NS_PER_SECOND
    timezone = zone("America/New_York")
    begin = datetime.datetime.fromtimestamp(start_ns // NS_PER_SECOND, timezone)
    day = begin.date()
    if name == "M":
        first = (day.replace(day=28) + datetime.timedelta(days=4)).replace(day=1)
    else:
        first = day + datetime.timedelta(days=1 if name == "D" else 7)
    end = datetime.datetime.combine(first, begin.time(), timezone)
    return round(end.timestamp()) * NS_PER_SECOND


# Orders, as they leave


def body_of(request: OrderRequest, instrument: Instrument) -> Dict[str, Any]:
    """Return the ``order`` of a request to make one."""
    kind = _KINDS[request.order_type]
    body: Dict[str, Any] = {
        "type": kind,
        "instrument": request.symbol,
        "units": number_text(request.side.sign * request.size, instrument.lot or 1.0),
        # Also in an account that hedges a sale ends what was bought, as strategies mean it.
        "positionFill": "REDUCE_FIRST",
        "clientExtensions": {"id": request.client_order_id},
    }
    bound = request.extras.get("price_bound")
    if bound is not None:
        body["priceBound"] = number_text(_bound_of(bound, kind), instrument.tick_size or 1e-5)
    if kind == "MARKET":
        body["timeInForce"] = "IOC" if request.tif is TimeInForce.IOC else "FOK"
        return body
    body["price"] = number_text(request.price or 0.0, instrument.tick_size or 1e-5)
    body.update(timing_of(request))
    return body


def _bound_of(value: Any, kind: str) -> float:
    """Return the worst price at which an order may be filled. Raises `ConfigError`."""
    bound = number_of(value)
    if bound is None or bound <= 0:
        raise ConfigError.of("price_bound", value, "a price above 0")
    if kind == "LIMIT":
        raise ConfigError.of("price_bound", value, "none: a limit is its own bound")
    return bound


def timing_of(request: OrderRequest) -> Dict[str, Any]:
    """Return the fields that say how long an order may wait."""
    told = {"timeInForce": _TIFS[request.tif]}
    if request.tif is TimeInForce.GTD and request.expire_ns is not None:
        told["gtdTime"] = time_text(request.expire_ns)
    return told


_TERMS = (
    *("type", "instrument", "units", "tradeID", "price", "distance", "timeInForce", "gtdTime"),
    *("positionFill", "triggerCondition", "clientExtensions", "priceBound"),
    *("takeProfitOnFill", "stopLossOnFill", "trailingStopLossOnFill"),
)


def changed(
    body: Mapping[str, Any], instrument: Instrument, changes: Mapping[str, Any]
) -> Dict[str, Any]:
    """Return the ``order`` that is to replace one of the venue, with other terms."""
    told = {name: body[name] for name in _TERMS if body.get(name) is not None}
    size = changes.get("size")
    if size is not None:
        sign = -1 if str(body.get("units", "")).startswith("-") else 1
        told["units"] = number_text(sign * size, instrument.lot or 1.0)
    told.update(changed_terms(instrument, changes))
    return told


def changed_terms(instrument: Instrument, changes: Mapping[str, Any]) -> Dict[str, Any]:
    """Return the fields that orders and exits share, as far as they change."""
    told: Dict[str, Any] = {}
    for name, change in (("price", "price"), ("distance", "trail_amount")):
        value = changes.get(change)
        if value is not None:
            told[name] = number_text(value, instrument.tick_size or 1e-5)
    if changes.get("expire_ns") is not None:
        told.update(timeInForce="GTD", gtdTime=time_text(changes["expire_ns"]))
    return told


def time_text(time_ns: int) -> str:
    """Return a time as OANDA reads it."""
    seconds, rest = divmod(time_ns, NS_PER_SECOND)
    return f"{seconds}.{rest:09d}"


def number_text(value: float, step: float) -> str:
    """Return a number with as many places as its step has."""
    places = max(0, round(-math.log10(step))) if step < 1 else 0
    return f"{value:.{places}f}"


# Orders, as they are told


def request_of(
    row: Mapping[str, Any], trades: Mapping[str, Mapping[str, Any]]
) -> Optional[OrderRequest]:
    """Return an order of the venue as a request; one that ends a trade has that trade's units."""
    kind = str(row.get("type", "")).replace("_ORDER", "")
    order_type = _TYPES.get(kind)
    trade = trades.get(str(row.get("tradeID")))
    symbol, units = row.get("instrument"), number_of(row.get("units"))
    if trade is not None:
        symbol, left = trade.get("instrument"), number_of(trade.get("currentUnits"))
        units = None if left is None else -left
    if order_type is None or not symbol or not units:
        return None
    client_id = client_of(row) or str(row.get("id"))
    gtd_ns = time_of(row.get("gtdTime"))
    return OrderRequest(
        client_id,
        str(symbol),
        Side.BUY if units > 0 else Side.SELL,
        abs(units),
        order_type,
        number_of(row.get("price")),
        trail_amount=number_of(row.get("distance")) if kind == "TRAILING_STOP_LOSS" else None,
        expire_ns=gtd_ns,
        tif=_FROM_TIFS.get(str(row.get("timeInForce")), TimeInForce.GTC),
        time_ns=time_of(row.get("time", row.get("createTime"))) or 0,
    )


def order_of(
    row: Mapping[str, Any], trades: Mapping[str, Mapping[str, Any]], now_ns: int
) -> Optional[OrderReport]:
    """Return a pending order of the account as a report, or None for one that makes no sense."""
    request = request_of(row, trades)
    if request is None:
        return None
    return OrderReport(
        OrderEvent.ACCEPTED,
        time_of(row.get("createTime")) or now_ns,
        client_of(row),
        str(row.get("id")),
        request.symbol,
        filled=0.0,
        size=request.size,
        price=request.price,
        request=request,
    )


def client_of(row: Mapping[str, Any]) -> Optional[str]:
    """Return our id of an order, if it has one."""
    extensions = row.get("clientExtensions")
    found = extensions.get("id") if isinstance(extensions, dict) else None
    return str(found) if found else None


def reports_of(
    row: Mapping[str, Any], trades: Mapping[str, Mapping[str, Any]], now_ns: int
) -> List[Report]:
    """Return what a transaction means for orders; nothing for one that is about something else."""
    kind, time_ns = str(row.get("type")), time_of(row.get("time")) or now_ns
    if kind == "ORDER_FILL":
        return _fills_of(row, time_ns)
    if kind == "ORDER_CANCEL":
        return _ends_of(row, time_ns)
    name = kind.replace("_ORDER", "").replace("_REJECT", "")
    if not kind.endswith(("_ORDER", "_ORDER_REJECT")) or name not in _TYPES:
        return []
    client_id = client_of(row)
    if kind.endswith("_REJECT"):
        if client_id is None or row.get("reason") == "REPLACEMENT":
            return []  # of nobody here, or of a change that its sender hears of
        code = str(row.get("rejectReason"))
        text = code.replace("_", " ").lower()
        return [OrderReport(OrderEvent.REJECTED, time_ns, client_id, reason=text, reason_code=code)]
    request = request_of(row, trades)
    replaced = row.get("reason") == "REPLACEMENT"
    return [
        OrderReport(
            OrderEvent.MODIFIED if replaced else OrderEvent.ACCEPTED,
            time_ns,
            client_id,
            str(row.get("id")),
            None if request is None else request.symbol,
            size=None if request is None else request.size,
            price=None if request is None else request.price,
            request=request,
        )
    ]


def _fills_of(row: Mapping[str, Any], time_ns: int) -> List[Report]:
    units, price = number_of(row.get("units")), number_of(row.get("price"))
    if not units or price is None:
        return []
    fees = (number_of(row.get("commission")) or 0.0) + (
        number_of(row.get("guaranteedExecutionFee")) or 0.0
    )
    return [
        FillReport(
            str(row.get("id")),
            str(row.get("instrument")),
            Side.BUY if units > 0 else Side.SELL,
            abs(units),
            price,
            time_ns,
            row.get("clientOrderID"),
            str(row.get("orderID")),
            fees,
        )
    ]


def end_of_order(row: Mapping[str, Any]) -> Tuple[Optional[OrderEvent], str]:
    """Return what an ORDER_CANCEL means, None for a change of the order, and OANDA's reason."""
    code = str(row.get("reason"))
    return _ENDS.get(code, OrderEvent.REJECTED), code


def _ends_of(row: Mapping[str, Any], time_ns: int) -> List[Report]:
    event, code = end_of_order(row)
    if event is None:
        return []
    plain = event is OrderEvent.CANCELED and code == "CLIENT_REQUEST"
    return [
        OrderReport(
            event,
            time_ns,
            row.get("clientOrderID"),
            str(row.get("orderID")),
            reason=None if plain else code.replace("_", " ").lower(),
            reason_code=None if plain else code,
        )
    ]


# The account


def account_of(row: Mapping[str, Any], now_ns: int) -> AccountReport:
    """Return the sums of an account: its value is the NAV, its cash and power what margin is left.

    So it is in backtrader's own store, and so does its broker count cash where positions bind a
    margin.
    """
    left = number_of(row.get("marginAvailable"))
    return AccountReport(
        str(row.get("id")),
        str(row.get("currency")),
        left,
        number_of(row.get("NAV")),
        now_ns,
        left,
        number_of(row.get("marginUsed")),
    )


def position_of(row: Mapping[str, Any], now_ns: int) -> Optional[PositionReport]:
    """Return what is held of an instrument; long and short of a hedging account as one."""
    sides = [row.get(name) for name in ("long", "short")]
    parts: List[Tuple[float, Optional[float]]] = []
    for side in sides:
        if isinstance(side, dict):
            units = number_of(side.get("units"))
            if units:
                parts.append((units, number_of(side.get("averagePrice"))))
    size = round(sum(units for units, _ in parts), 9)
    price = parts[0][1] if len(parts) == 1 else None
    return PositionReport(str(row.get("instrument")), size, price, now_ns)
