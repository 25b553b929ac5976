"""Epoch nanoseconds and backtrader's float days, both ways."""

from __future__ import annotations

import datetime
import math
from typing import Any, Optional

from btstores.markets.zones import zone

__all__ = ["EPOCH_ORDINAL", "LocalizableTz", "ns_to_num", "num_to_ns", "zone"]

EPOCH_ORDINAL = datetime.date(1970, 1, 1).toordinal()
_NS_PER_US = 1_000
_US_PER_SECOND = 1_000_000
_US_PER_DAY = 86_400 * _US_PER_SECOND


def ns_to_num(time_ns: int) -> float:
    """Return what ``backtrader.date2num`` gives for the same UTC time, to the last bit."""
    days, microseconds = divmod(time_ns // _NS_PER_US, _US_PER_DAY)
    seconds, microseconds = divmod(microseconds, _US_PER_SECOND)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    # The same terms and the same exact sum, so that stamps compare equal with upstream's.
    return math.fsum(
        (
            float(days + EPOCH_ORDINAL),
            hours / 24.0,
            minutes / 1440.0,
            seconds / 86400.0,
            microseconds / 86400e6,
        )
    )


def num_to_ns(num: float) -> int:
    """Return epoch nanoseconds for float days, to the 10 microseconds that a float holds.

    Whole milliseconds come back exactly, and `ns_to_num` gives the same float again.
    """
    days = int(num)
    microseconds = round((num - days) * _US_PER_DAY)
    midnight_us = (days - EPOCH_ORDINAL) * _US_PER_DAY
    whole_ns = (midnight_us + round(microseconds / 1000) * 1000) * _NS_PER_US
    if ns_to_num(whole_ns) == num:
        return whole_ns
    return (midnight_us + microseconds) * _NS_PER_US


class LocalizableTz(datetime.tzinfo):
    """A time zone of any make, with the ``localize`` that backtrader asks of it."""

    def __init__(self, tz: datetime.tzinfo) -> None:
        self._tz = tz

    def localize(self, moment: datetime.datetime) -> datetime.datetime:
        """Return a naive local time with this time zone."""
        return moment.replace(tzinfo=self)

    def utcoffset(self, moment: Optional[datetime.datetime]) -> Optional[datetime.timedelta]:
        return self._tz.utcoffset(self._naive(moment))

    def dst(self, moment: Optional[datetime.datetime]) -> Optional[datetime.timedelta]:
        return self._tz.dst(self._naive(moment))

    def tzname(self, moment: Optional[datetime.datetime]) -> Optional[str]:
        return self._tz.tzname(self._naive(moment))

    def fromutc(self, moment: datetime.datetime) -> datetime.datetime:
        return self._tz.fromutc(moment.replace(tzinfo=self._tz)).replace(tzinfo=self)

    def _naive(self, moment: Optional[datetime.datetime]) -> Any:
        return None if moment is None else moment.replace(tzinfo=self._tz)

    def __repr__(self) -> str:
        return f"LocalizableTz({self._tz!r})"
