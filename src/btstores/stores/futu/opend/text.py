"""How Futu writes symbols and times, and what a symbol says of its market."""

from __future__ import annotations

import datetime
import functools
import re
from typing import Dict, Optional, Tuple

from btstores.clock import NS_PER_SECOND
from btstores.feeds.times import EPOCH_ORDINAL
from btstores.markets import MarketType
from btstores.markets.zones import zone

__all__ = [
    "QOT_MARKETS",
    "date_text",
    "day_ns",
    "is_future",
    "market_type_of",
    "read_time",
    "rule_symbol",
    "security_of",
    "symbol_of",
    "time_text",
    "timezone_of",
]

#: Numbers of Qot_Common.QotMarket by the letters in front of a code.
QOT_MARKETS: Dict[str, int] = {"HK": 1, "US": 11, "SH": 21, "SZ": 22}
_PREFIXES = {number: prefix for prefix, number in QOT_MARKETS.items()}
# The number that Hong Kong futures had of old; the newer one is said back.
_PREFIXES[2] = "HK"

_TIMEZONES = {
    "HK": "Asia/Hong_Kong",
    "US": "America/New_York",
    "SH": "Asia/Shanghai",
    "SZ": "Asia/Shanghai",
}

_FUTURE = re.compile(r"([A-Z0-9]{1,4}?)(?:\d{4}|main|current|next)")
_OPTION = re.compile(r"[A-Z]{1,6}\d{6}[CP]\d+")

#: The exchange on which a product of CME Group trades, where the symbol says US.
_EXCHANGES = {
    "ES": "CME",
    "MES": "CME",
    "NQ": "CME",
    "MNQ": "CME",
    "CL": "NYMEX",
    "GC": "COMEX",
}


def symbol_of(market: int, code: str) -> Optional[str]:
    """Return the symbol of a security on the wire, None for a market that is not played."""
    prefix = _PREFIXES.get(market)
    return f"{prefix}.{code}" if prefix is not None and code else None


def security_of(symbol: str) -> Tuple[int, str]:
    """Return QotMarket and code of a symbol. Raises `ValueError` for another market's."""
    prefix, _, code = symbol.partition(".")
    if prefix not in QOT_MARKETS or not code:
        raise ValueError(f"symbol: {symbol!r} is not one of {', '.join(QOT_MARKETS)} and a code")
    return QOT_MARKETS[prefix], code


@functools.lru_cache(maxsize=4096)
def market_type_of(symbol: str) -> MarketType:
    """Return the market of a symbol as its spelling tells it."""
    prefix, _, code = symbol.partition(".")
    if prefix == "HK":
        if code.isdigit():
            return MarketType.HK_STOCK
        return MarketType.HK_OPTION if _OPTION.fullmatch(code) else MarketType.HK_FUTURE
    if prefix == "US":
        if _OPTION.fullmatch(code):
            return MarketType.US_OPTION
        return MarketType.US_FUTURE if _FUTURE.fullmatch(code) else MarketType.US_STOCK
    if prefix in ("SH", "SZ"):
        return MarketType.CN_STOCK
    return MarketType.UNKNOWN


def is_future(symbol: str) -> bool:
    """Return whether a symbol is a future's."""
    return market_type_of(symbol) in (MarketType.HK_FUTURE, MarketType.US_FUTURE)


@functools.lru_cache(maxsize=4096)
def rule_symbol(symbol: str) -> str:
    """Return the symbol by which btstores.markets knows it: 'CME.ESmain' for 'US.ESmain'."""
    if market_type_of(symbol) is not MarketType.US_FUTURE:
        return symbol
    code = symbol.partition(".")[2]
    found = _FUTURE.fullmatch(code)
    exchange = _EXCHANGES.get(found[1]) if found else None
    return symbol if exchange is None else f"{exchange}.{code}"


def timezone_of(symbol: str) -> str:
    """Return the IANA name of the zone in which Futu tells the times of a symbol."""
    return _TIMEZONES.get(symbol.partition(".")[0], "UTC")


@functools.lru_cache(maxsize=65536)
def _text(seconds: int, timezone: str) -> str:
    moment = datetime.datetime.fromtimestamp(seconds, zone(timezone))
    return moment.replace(tzinfo=None).isoformat(" ")


def time_text(time_ns: int, timezone: str) -> str:
    """Return "YYYY-MM-DD HH:MM:SS" in an IANA time zone."""
    return _text(time_ns // NS_PER_SECOND, timezone)


def date_text(day: datetime.date) -> str:
    """Return "YYYY-MM-DD"."""
    return day.isoformat()


@functools.lru_cache(maxsize=16384)
def day_ns(day: datetime.date, timezone: str) -> int:
    """Return when a date begins in an IANA time zone, in epoch nanoseconds."""
    midnight = datetime.datetime(day.year, day.month, day.day, tzinfo=zone(timezone))
    offset = midnight.utcoffset()
    assert offset is not None
    seconds = (day.toordinal() - EPOCH_ORDINAL) * 86_400 - round(offset.total_seconds())
    return seconds * NS_PER_SECOND


def read_time(text: str, timezone: str, end: bool = False) -> int:
    """Return epoch nanoseconds of "YYYY-MM-DD" with or without "HH:MM:SS".

    With ``end`` a date alone is its last nanosecond. Raises `ValueError`.
    """
    date, _, time = text.strip().partition(" ")
    day = datetime.datetime.strptime(date, "%Y-%m-%d").date()  # noqa: DTZ007
    if not time:
        following = day + datetime.timedelta(days=1)
        return day_ns(following, timezone) - 1 if end else day_ns(day, timezone)
    clock = datetime.datetime.strptime(time.partition(".")[0], "%H:%M:%S").time()  # noqa: DTZ007
    moment = datetime.datetime.combine(day, clock, zone(timezone))
    return round(moment.timestamp()) * NS_PER_SECOND
