"""Instruments, time frames and how symbols are written."""

from __future__ import annotations

import enum
from typing import NamedTuple, Optional, Union

__all__ = ["Instrument", "TimeFrame", "timeframe_name"]


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
    ``None`` means that the venue does not say.
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
