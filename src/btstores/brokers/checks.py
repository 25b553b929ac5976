"""What can be wrong with an order before there is a request; pure functions.

Here is what has to do with backtrader: feeds, other orders, and values of which backtrader
could not make an order. All else is checked by the store's order desk.
"""

from __future__ import annotations

from typing import Any, Dict, List, Tuple

import backtrader as bt

from btstores.brokers.convert import order_type_of, tif_of
from btstores.brokers.positions import symbol_of
from btstores.orders.reasons import Problem
from btstores.orders.validation import problems_of_values
from btstores.reports import OrderType

__all__ = [
    "is_order",
    "prices_of",
    "problems_of_asked",
    "problems_of_data",
    "problems_of_relatives",
]


def problems_of_asked(
    asked: Dict[str, Any], size: Any, valid: Any, tif: Any, data: Any
) -> List[Problem]:
    """Return what is wrong with the values of an order."""
    price, plimit = prices_of(asked, data)
    problems = problems_of_values(
        size,
        price,
        plimit,
        asked["trailamount"],
        asked["trailpercent"],
        order_type_of(asked["exectype"]),
        valid,
        tif,
    )
    if not problems:
        problems += _problems_of_validity(valid, tif)
    return problems


def prices_of(asked: Dict[str, Any], data: Any) -> Tuple[Any, Any]:
    """Return the price and the limit that backtrader makes of those that were given.

    One stands for both; without any the price is the close.
    """
    price, plimit = asked["price"], asked["pricelimit"]
    if price is None and plimit is None and len(data):
        return data.close[0], None
    if plimit is None and order_type_of(asked["exectype"]) is OrderType.STOP_LIMIT:
        return price, price
    return plimit if price is None else price, plimit


def _problems_of_validity(valid: Any, tif: Any) -> List[Problem]:
    """Return whether ``valid`` and ``tif`` contradict each other."""
    if tif is None:
        return []
    given = tif_of(tif, valid)
    if valid is None:
        return []  # what GTD lacks is told with the other checks
    meant = tif_of(None, valid)
    if given is meant:
        return []
    text = f"tif={given.value}, valid={valid!r}: expected only one of them, this is {meant.value}"
    return [Problem("TIF_INVALID", text)]


def problems_of_data(data: Any, is_ours: bool, on_history: bool) -> List[Problem]:
    """Return why no order can be made on what a feed shows now."""
    symbol = symbol_of(data)
    if not is_ours:
        return [Problem("OTHER_STORE", f"{symbol} is a feed of another store than the broker's")]
    if not len(data):
        return [Problem("NO_BAR", f"{symbol} has no bar yet, so there is no price to order at")]
    # What a broken link means for an order is for the sender to say.
    if not (data.is_live or on_history or data._laststatus == data.CONNBROKEN):
        status = data._getstatusname(data._laststatus)
        return [Problem("NOT_LIVE", f"{symbol} is {status}, not LIVE: it shows the past")]
    return []


def problems_of_relatives(broker: Any, parent: Any, oco: Any) -> List[Problem]:
    """Return what is wrong with the orders that an order is to hang on."""
    problems = []
    if parent is not None and not is_order(parent):
        problems.append(Problem("PARENT_GONE", f"parent={parent!r}: expected an order"))
    if oco is not None and not is_order(oco):
        problems.append(Problem("OCO_GONE", f"oco={oco!r}: expected an order"))
    for code, other in (("PARENT_GONE", parent), ("OCO_OTHER_STORE", oco)):
        if is_order(other) and other.broker not in (None, broker):
            text = "the other order belongs to the broker of another store"
            problems.append(Problem(code, text))
    return problems


def is_order(value: Any) -> bool:
    """Return whether something is an order of backtrader."""
    return isinstance(value, bt.order.OrderBase)
