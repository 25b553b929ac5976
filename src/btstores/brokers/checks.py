"""What can be wrong with an order before it is sent; pure functions.

A problem is a stable code and a sentence that names the field, the value and what was
expected. All problems of an order are told at once.
"""

from __future__ import annotations

import datetime
import math
from typing import Any, Iterable, List, NamedTuple

from btstores.brokers.convert import ORDER_TYPES
from btstores.brokers.positions import symbol_of
from btstores.stores.gateway import Capabilities

__all__ = ["Problem", "problems_of_data", "problems_of_needs", "problems_of_values"]


class Problem(NamedTuple):
    """One reason not to send an order."""

    code: str
    text: str


def problems_of_values(
    size: Any,
    price: Any,
    plimit: Any,
    trailamount: Any,
    trailpercent: Any,
    exectype: Any,
    valid: Any,
) -> List[Problem]:
    """Return what is wrong with the numbers, the type and the validity of an order."""
    texts = []
    if not _is_number(size) or size <= 0:
        texts.append(f"size={size!r}: expected a positive number")
    for name, value in (
        ("price", price),
        ("plimit", plimit),
        ("trailamount", trailamount),
        ("trailpercent", trailpercent),
    ):
        if value is not None and (not _is_number(value) or value < 0):
            texts.append(f"{name}={value!r}: expected a finite number, not negative")
    if exectype is not None and exectype not in ORDER_TYPES:
        texts.append(f"exectype={exectype!r}: expected one of bt.Order's execution types")
    if not _is_validity(valid):
        texts.append(
            f"valid={valid!r}: expected None, 0, a date, datetime or timedelta, or date2num's"
        )
    return _problems("INVALID", texts)


def problems_of_data(data: Any, is_ours: bool, on_history: bool) -> List[Problem]:
    """Return why no order can be made on what a feed shows now."""
    symbol = symbol_of(data)
    if not is_ours:
        return _problems("OTHER_STORE", [f"{symbol} is a feed of another store than the broker's"])
    if not len(data):
        return _problems("NO_BAR", [f"{symbol} has no bar yet, so there is no price to order at"])
    # What a broken link means for an order is for the sender to say.
    if not (data.is_live or on_history or data._laststatus == data.CONNBROKEN):
        status = data._getstatusname(data._laststatus)
        return _problems("NOT_LIVE", [f"{symbol} is {status}, not LIVE: it shows the past"])
    return []


def problems_of_needs(order: Any, capabilities: Capabilities) -> List[Problem]:
    """Return what a backtrader order needs and the venue lacks."""
    lacking = capabilities.problems_of_order(
        ORDER_TYPES[order.exectype],
        expires=order.p.valid is not None,
        in_oco=order.oco is not None,
        in_bracket=order.parent is not None,
    )
    return _problems("UNSUPPORTED", [f"the venue has no {what}" for what in lacking])


def _problems(code: str, texts: Iterable[str]) -> List[Problem]:
    return [Problem(code, text) for text in texts]


def _is_validity(valid: Any) -> bool:
    if valid is None or isinstance(valid, (datetime.date, datetime.timedelta)):
        return True
    return _is_number(valid) and bool(valid >= 0)


def _is_number(value: Any) -> bool:
    try:
        return math.isfinite(value) and not isinstance(value, bool)
    except TypeError:
        return False
