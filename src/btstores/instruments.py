"""Instruments, time frames and how symbols are written."""

from __future__ import annotations

import bisect
import decimal
import enum
import functools
import math
from typing import NamedTuple, Optional, Tuple, Union

__all__ = ["Instrument", "TimeFrame", "bar_ns", "is_on_grid", "round_to_grid", "timeframe_name"]

#: What sums of floats leave behind, as a part of a tick or lot.
_DUST = 1e-6


class TimeFrame(enum.IntEnum):
    """Time frames with the numbers of ``backtrader.TimeFrame``."""

    TICKS = 1
    MICROSECONDS = 2
    SECONDS = 3
    MINUTES = 4
    DAYS = 5
    WEEKS = 6
    MONTHS = 7
    YEARS = 8


def timeframe_name(timeframe: int, compression: Union[int, str] = 1) -> str:
    """Return how a person writes the time frame, for example ``Minutes/5``."""
    return f"{TimeFrame(timeframe).name.capitalize()}/{compression}"


class Instrument(NamedTuple):
    """What one symbol is and how it trades.

    Prices are in ``currency`` per share or per contract unit; one contract is worth
    ``price * multiplier``. Sizes are shares or contracts and come in steps of ``lot``.
    ``price_min`` and ``price_max`` are the limits of the day. ``tick_table`` has rows of
    (from price, tick size), ascending. ``tradable`` is False while the instrument is halted.
    ``margin`` is the part of its value that a position binds (0.1 is ten percent), and profits
    and losses alone change the cash; without it a position is paid in full. ``kind`` is 'stock',
    'etf' or 'warrant' where ticks and fees tell them apart. ``None`` means that the venue does
    not say.
    """

    symbol: str
    venue: str = ""
    currency: str = "USD"
    tick_size: Optional[float] = None
    lot: Optional[float] = None
    multiplier: float = 1.0
    min_size: Optional[float] = None
    max_size: Optional[float] = None
    timezone: Optional[str] = None
    name: str = ""
    price_min: Optional[float] = None
    price_max: Optional[float] = None
    tick_table: Tuple[Tuple[float, float], ...] = ()
    fractional: Optional[bool] = None
    shortable: Optional[bool] = None
    tradable: bool = True
    margin: Optional[float] = None
    kind: Optional[str] = None

    def tick_at(self, price: float) -> Optional[float]:
        """Return the tick size at ``price``: the table's, or else that of all prices."""
        if self.tick_table:
            row = bisect.bisect_right(self.tick_table, (price, math.inf)) - 1
            if row >= 0:
                return self.tick_table[row][1]
        return self.tick_size


#: Seconds; of days and longer the most that they may be.
_SECONDS = {
    TimeFrame.SECONDS: 1,
    TimeFrame.MINUTES: 60,
    TimeFrame.DAYS: 86_400,
    TimeFrame.WEEKS: 7 * 86_400,
    TimeFrame.MONTHS: 31 * 86_400,
    TimeFrame.YEARS: 366 * 86_400,
}


def bar_ns(timeframe: int, compression: int = 1) -> int:
    """Return how many nanoseconds a bar lasts at most; 0 for ticks."""
    return _SECONDS.get(TimeFrame(timeframe), 0) * compression * 1_000_000_000


def is_on_grid(price: float, tick: float) -> bool:
    """Return whether ``price`` is a multiple of ``tick`` but for float dust.

    ``tick`` is above 0. Dust is less than a millionth of it: ``0.1 + 0.2`` is a multiple of 0.1.
    """
    return abs(price - round_to_grid(price, tick)) <= tick * _DUST


def round_to_grid(price: float, tick: float, direction: int = 0) -> float:
    """Return a multiple of ``tick``, as the float that is closest to its decimal value.

    It is the nearest one, the next one up (``direction`` 1) or the next one down (-1). A price
    on the grid stays there in every direction, and only loses its dust. ``tick`` is above 0.
    """
    price = float(price)
    numerator, denominator = _ratio(tick)
    steps = round(price * denominator / numerator)
    # Whole numbers until here: this division rounds once, and so to the closest float.
    nearest = steps * numerator / denominator
    beyond = (nearest - price) * direction
    if beyond < 0 and -beyond > tick * _DUST:
        return (steps + direction) * numerator / denominator
    return nearest


@functools.lru_cache(maxsize=1024)
def _ratio(tick: float) -> Tuple[int, int]:
    """Return the decimal number that a person reads in ``tick`` as a fraction."""
    return decimal.Decimal(repr(float(tick))).as_integer_ratio()
