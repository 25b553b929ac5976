"""How OANDA writes numbers and times: as strings, with the precision of what they are about."""

from __future__ import annotations

import datetime
import decimal
import re
from typing import Any, Optional

from btstores.clock import NS_PER_SECOND

__all__ = ["money", "parse_time", "price_text", "read_number", "time_text", "units_text"]

_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.](\d{1,9})\d*)?(Z|[+-]\d\d:\d\d)?"
)
_UNIX = re.compile(r"(\d{1,11})(?:[.](\d{1,9})\d*)?")
_NUMBER = re.compile(r"-?\d+([.]\d*)?|-?[.]\d+")
_EPOCH = datetime.datetime(1970, 1, 1)


def time_text(time_ns: int, unix: bool) -> str:
    """Return a time as ``1466621235.201836422``, or as RFC 3339 in UTC with nine digits."""
    seconds, rest = divmod(time_ns, NS_PER_SECOND)
    if unix:
        return f"{seconds}.{rest:09d}"
    moment = _EPOCH + datetime.timedelta(seconds=seconds)
    return f"{moment.isoformat()}.{rest:09d}Z"


def parse_time(text: str) -> int:
    """Return epoch nanoseconds of either form; a time without a zone is UTC.

    Raises `ValueError`.
    """
    unix = _UNIX.fullmatch(text)
    if unix is not None:
        return int(unix[1]) * NS_PER_SECOND + _nanoseconds(unix[2])
    found = _RFC3339.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no time")
    zone = "+00:00" if found[4] in (None, "Z") else found[4]
    moment = datetime.datetime.fromisoformat(f"{found[1]}T{found[2]}{zone}")
    return round(moment.timestamp()) * NS_PER_SECOND + _nanoseconds(found[3])


def _nanoseconds(digits: Optional[str]) -> int:
    return int((digits or "0").ljust(9, "0"))


def price_text(price: float, precision: int) -> str:
    """Return a price with so many decimal places."""
    return f"{price:.{precision}f}"


def units_text(units: float, precision: int) -> str:
    """Return units with as many decimal places as they have, at most ``precision``."""
    text = f"{units:.{precision}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def money(amount: float) -> str:
    """Return an amount of the account's currency: four decimal places."""
    return f"{amount + 0.0:.4f}"


def read_number(value: Any) -> Optional[decimal.Decimal]:
    """Return the number that a client has written as a string, or None if it is none."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = repr(value)  # some clients write numbers
    if not isinstance(value, str) or not _NUMBER.fullmatch(value):
        return None
    return decimal.Decimal(value)
