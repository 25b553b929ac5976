"""Orders of the simulated OANDA, and how they are read from what a client sends."""

from __future__ import annotations

import dataclasses
import decimal
from typing import Any, Dict, Mapping, Optional

from btstores.stores.oanda.simulator.listings import Listing
from btstores.stores.oanda.simulator.text import parse_time, read_number, time_text

__all__ = ["EXITS", "BadRequest", "Order", "Refused", "read_order"]

#: Orders that end a trade, by the name under which they come with an entry.
EXITS = {
    "takeProfitOnFill": "TAKE_PROFIT",
    "stopLossOnFill": "STOP_LOSS",
    "trailingStopLossOnFill": "TRAILING_STOP_LOSS",
}
_ENTRIES = ("MARKET", "LIMIT", "STOP", "MARKET_IF_TOUCHED")
_TIFS = {
    "MARKET": ("FOK", "IOC"),
    "LIMIT": ("GTC", "GTD", "GFD", "FOK", "IOC"),
    "STOP": ("GTC", "GTD", "GFD", "FOK", "IOC"),
    "MARKET_IF_TOUCHED": ("GTC", "GTD", "GFD"),
}
_EXIT_TIFS = ("GTC", "GTD", "GFD")
_FILLS = ("DEFAULT", "OPEN_ONLY", "REDUCE_FIRST", "REDUCE_ONLY")
_TRIGGERS = ("DEFAULT", "INVERSE", "BID", "ASK", "MID")
_LONGEST = {"id": 128, "tag": 128, "comment": 128}


class BadRequest(Exception):
    """The request cannot be read: HTTP 400 with a message and no transaction."""


class Refused(Exception):
    """The order can be read and may not be: HTTP 400 with a reject transaction."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclasses.dataclass
class Order:
    """One order. ``units`` are signed; exits of a trade have none but its ``trade_id``."""

    kind: str
    instrument: str
    units: float = 0.0
    price: Optional[float] = None
    bound: Optional[float] = None
    distance: Optional[float] = None
    tif: str = "GTC"
    gtd_ns: Optional[int] = None
    fill: str = "DEFAULT"
    trigger: str = "DEFAULT"
    client: Mapping[str, str] = dataclasses.field(default_factory=dict)
    trade_client: Mapping[str, str] = dataclasses.field(default_factory=dict)
    exits: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)
    trade_id: Optional[str] = None
    client_trade_id: Optional[str] = None
    trailing: Optional[float] = None
    #: Of MARKET_IF_TOUCHED, whether the price was above when it was made.
    from_above: bool = False
    #: Why it fills, where its kind does not say it.
    closes_for: Optional[str] = None
    order_id: str = ""
    created_ns: int = 0
    state: str = "PENDING"
    filling_id: Optional[str] = None
    filled_ns: int = 0
    cancelling_id: Optional[str] = None
    cancelled_ns: int = 0
    opened_id: Optional[str] = None
    reduced_id: Optional[str] = None
    closed_ids: Any = ()
    replaces_id: Optional[str] = None
    replaced_by_id: Optional[str] = None

    @property
    def is_exit(self) -> bool:
        """Return whether it ends a trade."""
        return self.trade_id is not None

    def terms(self, listing: Listing, unix: bool) -> Dict[str, Any]:
        """Return what order and transaction have in common."""
        told: Dict[str, Any] = {"timeInForce": self.tif}
        if self.is_exit:
            told["tradeID"] = self.trade_id
            if self.client_trade_id is not None:
                told["clientTradeID"] = self.client_trade_id
        else:
            precision = listing.units_precision
            units = f"{self.units:.{precision}f}" if precision else f"{self.units:.0f}"
            told.update(instrument=self.instrument, units=units, positionFill=self.fill)
        for name, value in (
            ("price", self.price),
            ("priceBound", self.bound),
            ("distance", self.distance),
        ):
            if value is not None:
                told[name] = f"{value:.{listing.precision}f}"
        if self.gtd_ns is not None:
            told["gtdTime"] = time_text(self.gtd_ns, unix)
        if self.kind != "MARKET":
            told["triggerCondition"] = self.trigger
        if self.client:
            told["clientExtensions"] = dict(self.client)
        if self.trade_client:
            told["tradeClientExtensions"] = dict(self.trade_client)
        for name, terms in self.exits.items():
            told[name] = dict(terms)
        return told

    def view(self, listing: Listing, unix: bool) -> Dict[str, Any]:
        """Return it as OANDA sends it."""
        told: Dict[str, Any] = {
            "id": self.order_id,
            "createTime": time_text(self.created_ns, unix),
            "type": self.kind,
            **self.terms(listing, unix),
            "state": self.state,
        }
        if self.trailing is not None:
            told["trailingStopValue"] = f"{self.trailing:.{listing.precision}f}"
        ids = {
            "fillingTransactionID": self.filling_id,
            "cancellingTransactionID": self.cancelling_id,
            "tradeOpenedID": self.opened_id,
            "tradeReducedID": self.reduced_id,
            "replacesOrderID": self.replaces_id,
            "replacedByOrderID": self.replaced_by_id,
        }
        told.update((name, value) for name, value in ids.items() if value is not None)
        if self.closed_ids:
            told["tradeClosedIDs"] = list(self.closed_ids)
        if self.filling_id is not None:
            told["filledTime"] = time_text(self.filled_ns, unix)
        if self.cancelling_id is not None:
            told["cancelledTime"] = time_text(self.cancelled_ns, unix)
        return told


def read_order(body: Mapping[str, Any], listings: Mapping[str, Listing], now_ns: int) -> Order:
    """Return an entry order as a client has sent it.

    Raises `BadRequest`, or `Refused` with OANDA's reason for the reject transaction.
    """
    kind = body.get("type")
    if kind not in _ENTRIES:
        raise BadRequest("Invalid value specified for 'order/type'")
    name = body.get("instrument")
    if not isinstance(name, str):
        raise BadRequest("Invalid value specified for 'order/instrument'")
    units = _number(body, "units", required=True)
    if name not in listings:
        raise Refused("INSTRUMENT_NOT_TRADEABLE", "The instrument specified is not tradeable")
    listing = listings[name]
    order = Order(kind, name, float(units or 0))
    order.client = _client(body, "clientExtensions")
    order.trade_client = _client(body, "tradeClientExtensions")
    _read_tif(order, body, _TIFS[kind], "FOK" if kind == "MARKET" else "GTC", now_ns)
    order.fill = _one_of(body, "positionFill", _FILLS)
    order.trigger = _one_of(body, "triggerCondition", _TRIGGERS)
    _check_units(units, listing)
    if kind != "MARKET":
        order.price = read_price(body, "price", listing, "PRICE", required=True)
    order.bound = read_price(body, "priceBound", listing, "PRICE_BOUND")
    order.exits = {
        exit_name: read_exit(body[exit_name], exit_name, listing, now_ns)
        for exit_name in EXITS
        if body.get(exit_name) is not None
    }
    return order


def _check_units(units: Optional[decimal.Decimal], listing: Listing) -> None:
    size = abs(units or decimal.Decimal(0))
    if not size:
        raise Refused("UNITS_INVALID", "The units specified are invalid")
    if -size.normalize().as_tuple().exponent > listing.units_precision:  # type: ignore[operator]
        text = "The units specified contain more precision than is allowed for the instrument"
        raise Refused("UNITS_PRECISION_EXCEEDED", text)
    if size > decimal.Decimal(listing.maximum):
        raise Refused("UNITS_LIMIT_EXCEEDED", "The units specified exceeds the maximum number")
    if not listing.units_precision and size < decimal.Decimal(listing.minimum):
        raise Refused("UNITS_MINIMUM_NOT_MET", "The units specified are less than the minimum")


def _read_tif(order: Order, body: Mapping[str, Any], allowed: Any, usual: str, now_ns: int) -> None:
    order.tif = str(body.get("timeInForce", usual))
    if order.tif not in allowed:
        raise Refused("TIME_IN_FORCE_INVALID", "The time in force specified is invalid")
    if order.tif == "GTD":
        order.gtd_ns = read_gtd(body, "TIME_IN_FORCE", now_ns)


def read_gtd(body: Mapping[str, Any], code: str, now_ns: int) -> int:
    """Return when a GTD order ends. Raises `BadRequest` and `Refused`."""
    text = body.get("gtdTime")
    if text is None:
        raise Refused(f"{code}_GTD_TIMESTAMP_MISSING", "The GTD timestamp is missing")
    try:
        time_ns = parse_time(str(text))
    except ValueError:
        raise BadRequest("Invalid value specified for 'order/gtdTime'") from None
    if time_ns <= now_ns:
        raise Refused(f"{code}_GTD_TIMESTAMP_IN_PAST", "The GTD timestamp is in the past")
    return time_ns


def read_exit(
    terms: Any, name: str, listing: Listing, now_ns: int, kind: str = ""
) -> Dict[str, Any]:
    """Return the terms of an exit that comes with an entry or is put on a trade.

    Raises `BadRequest` and `Refused`.
    """
    if not isinstance(terms, Mapping):
        raise BadRequest(f"Invalid value specified for '{name}'")
    code = (kind or EXITS[name]) + ("_ON_FILL" if not kind else "")
    told: Dict[str, Any] = {"timeInForce": str(terms.get("timeInForce", "GTC"))}
    if told["timeInForce"] not in _EXIT_TIFS:
        raise Refused(f"{code}_TIME_IN_FORCE_INVALID", "The time in force specified is invalid")
    if told["timeInForce"] == "GTD":
        read_gtd(terms, code, now_ns)
        told["gtdTime"] = terms["gtdTime"]
    trails = name.startswith("trailing")
    price = None if trails else read_price(terms, "price", listing, code)
    distance = None
    if trails or not name.startswith("take"):
        distance = read_price(terms, "distance", listing, f"{code}_PRICE_DISTANCE")
    if (price is None) == (distance is None):
        if trails:
            raise Refused(f"{code}_PRICE_DISTANCE_MISSING", "The price distance is missing")
        missing = price is None
        what = "PRICE_MISSING" if missing else "PRICE_AND_DISTANCE_BOTH_SPECIFIED"
        raise Refused(f"{code}_{what}", "Exactly one of price and distance is expected")
    for field, value in (("price", price), ("distance", distance)):
        if value is not None:
            told[field] = f"{value:.{listing.precision}f}"
    if terms.get("triggerCondition") is not None:
        told["triggerCondition"] = _one_of(terms, "triggerCondition", _TRIGGERS)
    if terms.get("clientExtensions") is not None:
        told["clientExtensions"] = _client(terms, "clientExtensions")
    return told


def read_price(
    body: Mapping[str, Any], name: str, listing: Listing, code: str, required: bool = False
) -> Optional[float]:
    """Return a price. Raises `BadRequest` and `Refused`."""
    number = _number(body, name)
    if number is None:
        if required:
            raise Refused(f"{code}_MISSING", f"The {name} is missing")
        return None
    if -number.normalize().as_tuple().exponent > listing.precision:  # type: ignore[operator]
        exceeded = (
            code if code.endswith("DISTANCE") or code.startswith("PRICE") else f"{code}_PRICE"
        )
        text = f"The {name} specified contains more precision than is allowed for the instrument"
        raise Refused(f"{exceeded}_PRECISION_EXCEEDED", text)
    if number <= 0:
        raise Refused(f"{code}_INVALID", f"The {name} specified is invalid")
    return float(number)


def _number(
    body: Mapping[str, Any], name: str, required: bool = False
) -> Optional[decimal.Decimal]:
    value = body.get(name)
    if value is None and not required:
        return None
    number = read_number(value)
    if number is None:
        raise BadRequest(f"Invalid value specified for 'order/{name}'")
    return number


def _one_of(body: Mapping[str, Any], name: str, known: Any) -> str:
    value = body.get(name, "DEFAULT")
    if value not in known:
        raise BadRequest(f"Invalid value specified for 'order/{name}'")
    return str(value)


def _client(body: Mapping[str, Any], name: str) -> Dict[str, str]:
    given = body.get(name) or {}
    if not isinstance(given, Mapping):
        raise BadRequest(f"Invalid value specified for 'order/{name}'")
    told = {}
    for key, most in _LONGEST.items():
        value = given.get(key)
        if value is None:
            continue
        if not isinstance(value, str) or not value or len(value) > most:
            raise Refused(f"CLIENT_ORDER_{key.upper()}_INVALID", f"The client {key} is invalid")
        told[key] = value
    return told
