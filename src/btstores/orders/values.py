"""The bare values of an order: what numbers can be, and which of them a type needs.

What is wrong is told in the words of the arguments that a strategy writes.
"""

from __future__ import annotations

import datetime
import math
import numbers
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple

from btstores.orders.reasons import Problem
from btstores.reports import OrderRequest, OrderType, TimeInForce

__all__ = [
    "PRICES",
    "TIFS",
    "TRAILING",
    "Price",
    "is_amount",
    "plain",
    "problem",
    "problems_of_time",
    "problems_of_values",
]

#: No order has more, and no price is higher. Floats count whole numbers well beyond it.
_LARGEST = 1e15
_NUMBER = "a number above 0 and at most 1e15"

_NUMERIC = ("size", "price", "limit_price", "trail_amount", "trail_percent", "expire_ns")
_PLAIN = (float, int, type(None))

_EPOCH = datetime.datetime(1970, 1, 1)
#: Nanoseconds are kept in 64 bits, which end in the year 2262.
_NS_LIMIT = 2**63
_NUM_LIMIT = datetime.date.max.toordinal() + 1
_LONGEST = datetime.timedelta(days=200 * 365)

TIFS = "one of " + ", ".join(TimeInForce.__members__)
TRAILING = (OrderType.STOP_TRAIL, OrderType.STOP_TRAIL_LIMIT)
_IMMEDIATE = (OrderType.MARKET, OrderType.LIMIT)
_AT_ONCE = (TimeInForce.IOC, TimeInForce.FOK)


class Price(NamedTuple):
    """One price of an order type: its field, the strategy's word, whether it must be there.

    ``rounding`` is the direction for a buy, and the opposite for a sell: a limit never gets
    worse, a trigger never earlier. It is 0 for a price that need not be on the grid.
    """

    field: str
    word: str
    needed: bool = True
    rounding: int = 0


_LIMIT = Price("price", "price", rounding=-1)
_TRIGGER = Price("price", "price", rounding=1)
_START = Price("price", "price", needed=False)
PRICES: Dict[OrderType, Tuple[Price, ...]] = {
    OrderType.MARKET: (),
    OrderType.CLOSE: (),
    OrderType.LIMIT: (_LIMIT,),
    OrderType.STOP: (_TRIGGER,),
    OrderType.STOP_LIMIT: (_TRIGGER, Price("limit_price", "plimit", rounding=-1)),
    OrderType.STOP_TRAIL: (_START,),
    OrderType.STOP_TRAIL_LIMIT: (
        _START,
        Price("limit_price", "plimit", needed=False, rounding=-1),
    ),
}


def problems_of_values(
    size: Any,
    price: Any,
    plimit: Any,
    trailamount: Any,
    trailpercent: Any,
    order_type: Any,
    valid: Any = None,
    tif: Any = None,
) -> List[Problem]:
    """Return what is wrong with the bare values of an order, whatever it is for.

    ``order_type`` is an `OrderType`, or what was given in its place. ``valid`` is backtrader's;
    ``tif`` is None, a `TimeInForce` or its name. A value that the type does not use may be any
    number; what could never be one is told all the same, because nobody means it.
    """
    problems = []
    if not _is_number(size) or not 0 < size < math.inf:
        problems.append(problem("SIZE_INVALID", "size", size, "a number above 0"))
    elif size > _LARGEST:
        problems.append(problem("SIZE_TOO_LARGE", "size", size, "at most 1e15"))
    if isinstance(order_type, OrderType):
        given = {"price": price, "limit_price": plimit}
        for field, word, needed, _ in PRICES[order_type]:
            value = given.pop(field)
            if not (is_amount(value) or (value is None and not needed)):
                problems.append(problem("PRICE_INVALID", word, value, _NUMBER))
        if order_type in TRAILING:
            problems.extend(_problems_of_trail(trailamount, trailpercent))
        else:
            given.update(trailamount=trailamount, trailpercent=trailpercent)
        problems.extend(_problems_of_unused(given))
    else:
        names = ", ".join(each.value for each in OrderType)
        problems.append(problem("TYPE_INVALID", "exectype", order_type, f"one of {names}"))
    if not _is_validity(valid):
        expected = "None, 0, a date, datetime or timedelta, or date2num's number"
        problems.append(problem("VALID_INVALID", "valid", valid, expected))
    if not (tif is None or isinstance(tif, TimeInForce) or _is_name_of_tif(tif)):
        problems.append(problem("TIF_INVALID", "tif", tif, TIFS))
    return problems


def problems_of_time(
    request: OrderRequest, now_ns: int, session_end_ns: Optional[int]
) -> List[Problem]:
    """Return what is wrong with how long an order may wait.

    ``session_end_ns`` is the end of the session for an order that does not name one.
    """
    problems = []
    tif: Any = request.tif
    expire_ns, order_type = request.expire_ns, request.order_type
    if not isinstance(tif, TimeInForce):
        problems.append(problem("TIF_INVALID", "tif", tif, TIFS))
    elif tif in _AT_ONCE:
        if expire_ns is not None:
            text = f"tif={tif.value}: expected no valid, the order never waits"
            problems.append(Problem("TIF_INVALID", text))
        if order_type not in _IMMEDIATE:
            text = f"tif={tif.value}: expected a Market or Limit order, not {order_type.value}"
            problems.append(Problem("TIF_INVALID", text))
    elif expire_ns is None and tif is TimeInForce.GTD:
        problems.append(Problem("TIF_INVALID", "tif=GTD: expected valid to say until when"))
    elif expire_ns is None and tif is TimeInForce.DAY:
        text = f"tif=DAY: the end of the session of {request.symbol} is not known"
        problems.append(Problem("NO_SESSION", text))
    if expire_ns is not None:
        problems.extend(_problems_of_expiry(expire_ns, now_ns))
    if order_type is OrderType.CLOSE and not (
        _is_time(request.session_end_ns) or _is_time(session_end_ns)
    ):
        text = f"exectype=Close: the end of the session of {request.symbol} is not known"
        problems.append(Problem("NO_SESSION", text))
    return problems


def _problems_of_expiry(expire_ns: Any, now_ns: int) -> List[Problem]:
    if not _is_time(expire_ns):
        expected = "epoch nanoseconds before the year 2262, or None to wait without end"
        return [problem("VALID_INVALID", "valid", expire_ns, expected)]
    if expire_ns > now_ns:
        return []
    text = f"valid={_utc(expire_ns)}: expected a time to come, it is {_utc(now_ns)}"
    return [Problem("EXPIRED", text)]


def _problems_of_trail(amount: Any, percent: Any) -> List[Problem]:
    if amount is None and percent is None:
        text = "trailamount=None, trailpercent=None: expected one of them"
        return [Problem("TRAIL_INVALID", text)]
    problems = []
    if not (amount is None or is_amount(amount)):
        problems.append(problem("TRAIL_INVALID", "trailamount", amount, _NUMBER))
    if not (percent is None or (is_amount(percent) and percent < 1)):
        expected = "a fraction between 0 and 1"
        problems.append(problem("TRAIL_INVALID", "trailpercent", percent, expected))
    return problems


def _problems_of_unused(given: Mapping[str, Any]) -> List[Problem]:
    problems = []
    for name, value in given.items():
        if value is not None and not (_is_number(value) and 0 <= value <= _LARGEST):
            code = "TRAIL_INVALID" if name.startswith("trail") else "PRICE_INVALID"
            word = "plimit" if name == "limit_price" else name
            problems.append(problem(code, word, value, "nothing, or a number from 0 to 1e15"))
    return problems


def _is_number(value: Any) -> bool:
    kind = type(value)
    if kind is float or kind is int:
        return True
    return isinstance(value, numbers.Real) and kind is not bool


def is_amount(value: Any) -> bool:
    """Return whether ``value`` is a number that a size or a price can be."""
    return _is_number(value) and bool(0 < value <= _LARGEST)


def _is_time(value: Any) -> bool:
    is_whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    return is_whole and -_NS_LIMIT <= value < _NS_LIMIT


def _is_validity(valid: Any) -> bool:
    if isinstance(valid, datetime.timedelta):
        return bool(valid <= _LONGEST)
    if isinstance(valid, datetime.date):
        return bool(valid == valid)  # pandas' NaT is a datetime, and equals nothing
    return valid is None or (_is_number(valid) and bool(0 <= valid < _NUM_LIMIT))


def _is_name_of_tif(tif: Any) -> bool:
    return isinstance(tif, str) and tif.upper() in TimeInForce.__members__


def plain(request: OrderRequest) -> OrderRequest:
    """Return the order with Python's own numbers in place of numpy's."""
    changes: Dict[str, Any] = {}
    for field in _NUMERIC:
        value = getattr(request, field)
        if type(value) not in _PLAIN and _is_number(value):
            changes[field] = int(value) if isinstance(value, numbers.Integral) else float(value)
    return request._replace(**changes) if changes else request


def problem(code: str, word: str, value: Any, expected: str) -> Problem:
    """Return the problem that the argument ``word`` has another value than expected."""
    return Problem(code, f"{word}={_shown(value)}: expected {expected}")


def _shown(value: Any) -> str:
    """Return a value for a sentence: short, and without fail."""
    if type(value) is float:
        return f"{value:.12g}"
    try:
        text = repr(value)
    except Exception:
        text = f"<{type(value).__name__}>"
    return text if len(text) <= 60 else f"{text[:57]}..."


def _utc(time_ns: int) -> str:
    moment = _EPOCH + datetime.timedelta(microseconds=int(time_ns) // 1000)
    return f"{moment.isoformat(sep=' ')} UTC"
