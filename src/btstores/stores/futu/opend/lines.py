"""K-lines of every type, made from trades."""

from __future__ import annotations

import bisect
import datetime
from typing import Dict, List, Optional

from btstores.stores.futu.opend.hours import NS_PER_MINUTE, REGULAR, Hours, Period
from btstores.stores.futu.opend.text import day_ns

__all__ = ["CALENDAR", "DAY", "MINUTE", "MINUTES", "SUB_TYPES", "Chart", "KBar", "Lines"]

#: Minutes by Qot_Common.KLType.
MINUTES: Dict[int, int] = {
    1: 1,
    10: 3,
    6: 5,
    12: 10,
    7: 15,
    8: 30,
    9: 60,
    13: 120,
    14: 180,
    15: 240,
}
MINUTE, DAY, WEEK, MONTH, YEAR, QUARTER = 1, 2, 3, 4, 5, 11
CALENDAR = (DAY, WEEK, MONTH, QUARTER, YEAR)

#: KLType by Qot_Common.SubType.
SUB_TYPES: Dict[int, int] = {
    6: 2,
    7: 6,
    8: 7,
    9: 8,
    10: 9,
    11: 1,
    12: 3,
    13: 4,
    15: 11,
    16: 5,
    17: 10,
    18: 12,
    19: 13,
    20: 14,
    21: 15,
}


class KBar:
    """One K-line; the last of its line grows.

    ``end_ns`` is the stamp: the end of an intraday bar, and the midnight that begins the first
    day of a longer one. ``text`` keeps what was written for it.
    """

    __slots__ = (
        "close",
        "end_ns",
        "high",
        "low",
        "open",
        "period",
        "text",
        "turnover",
        "volume",
    )

    def __init__(
        self,
        end_ns: int,
        period: Period,
        open_: float,
        high: float,
        low: float,
        close: float,
        volume: float,
        turnover: float,
    ) -> None:
        self.end_ns = end_ns
        self.period = period
        self.open = open_
        self.high = high
        self.low = low
        self.close = close
        self.volume = volume
        self.turnover = turnover
        self.text: Optional[str] = None

    def merge(self, other: KBar) -> None:
        """Add what came later."""
        self.high = max(self.high, other.high)
        self.low = min(self.low, other.low)
        self.close = other.close
        self.volume += other.volume
        self.turnover += other.turnover

    def copy(self) -> KBar:
        """Return one that does not grow."""
        found = KBar(
            self.end_ns,
            self.period,
            self.open,
            self.high,
            self.low,
            self.close,
            self.volume,
            self.turnover,
        )
        found.text = self.text
        return found


class Lines:
    """The K-lines of one type, in ascending order."""

    def __init__(self, kl_type: int, timezone: str) -> None:
        self.bars: List[KBar] = []
        self.ends: List[int] = []
        self._timezone = timezone
        self._length = MINUTES.get(kl_type, 0) * NS_PER_MINUTE
        self._kl_type = kl_type

    def add(self, part: KBar) -> Optional[KBar]:
        """Put a minute, a day or a trade into its bar and return that.

        None is returned for what is out of hours or older than the last bar.
        """
        if not self._length and part.period.level != REGULAR:
            return None
        end_ns = self._end(part)
        if self.ends and end_ns <= self.ends[-1]:
            if end_ns < self.ends[-1]:
                return None
            self.bars[-1].merge(part)
        else:
            bar = part.copy()
            bar.end_ns, bar.text = end_ns, None
            self.bars.append(bar)
            self.ends.append(end_ns)
        return self.bars[-1]

    def tail(self, count: int, level: int) -> List[KBar]:
        """Return the last ``count`` bars that a subscription of a level sees, ascending."""
        found: List[KBar] = []
        for bar in reversed(self.bars):
            if len(found) == count:
                break
            if bar.period.level <= level:
                found.append(bar)
        found.reverse()
        return _fixed(found)

    def between(self, first_ns: int, last_ns: int, level: int, count: int) -> List[KBar]:
        """Return up to ``count`` bars stamped from ``first_ns`` to ``last_ns``, both included."""
        found: List[KBar] = []
        for index in range(bisect.bisect_left(self.ends, first_ns), len(self.bars)):
            bar = self.bars[index]
            if bar.end_ns > last_ns or len(found) == count:
                break
            if bar.period.level <= level:
                found.append(bar)
        return _fixed(found)

    def close_before(self, end_ns: int, level: int) -> Optional[float]:
        """Return the close of the bar before the one stamped ``end_ns``."""
        for index in range(bisect.bisect_left(self.ends, end_ns) - 1, -1, -1):
            if self.bars[index].period.level <= level:
                return self.bars[index].close
        return None

    def _end(self, part: KBar) -> int:
        period = part.period
        if self._length:
            if self._length == NS_PER_MINUTE:
                return part.end_ns
            passed = -(-(part.end_ns - period.start_ns) // self._length)
            return min(period.start_ns + max(1, passed) * self._length, period.end_ns)
        return day_ns(_first_day(period.day, self._kl_type), self._timezone)


class Chart:
    """All lines of one symbol. Those that nobody asked for are not kept but can be made."""

    def __init__(self, hours: Hours) -> None:
        self.hours = hours
        self.minutes = Lines(MINUTE, hours.timezone)
        self.days = Lines(DAY, hours.timezone)
        self._lines = {MINUTE: self.minutes, DAY: self.days}

    def add(self, part: KBar) -> Optional[KBar]:
        """Add a trade, or the whole of a minute; return the running minute."""
        minute = None
        for lines in self._lines.values():
            bar = lines.add(part)
            if lines is self.minutes:
                minute = bar
        return minute

    def lines(self, kl_type: int) -> Lines:
        """Return the lines of a Qot_Common.KLType. Raises `KeyError` for an unknown one."""
        found = self._lines.get(kl_type)
        if found is None:
            if kl_type not in MINUTES and kl_type not in CALENDAR:
                raise KeyError(kl_type)
            found = Lines(kl_type, self.hours.timezone)
            for part in self.minutes.bars if kl_type in MINUTES else self.days.bars:
                found.add(part)
            self._lines[kl_type] = found
        return found


def _fixed(bars: List[KBar]) -> List[KBar]:
    """Return the bars, the last of which may still grow, as they are now."""
    if bars:
        bars[-1] = bars[-1].copy()
    return bars


def _first_day(day: datetime.date, kl_type: int) -> datetime.date:
    if kl_type == DAY:
        return day
    if kl_type == WEEK:
        return day - datetime.timedelta(days=day.weekday())
    if kl_type == MONTH:
        return day.replace(day=1)
    if kl_type == QUARTER:
        return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
    return day.replace(month=1, day=1)
