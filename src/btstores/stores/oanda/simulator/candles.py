"""Candles of all granularities, as ``GET /v3/instruments/{name}/candles`` gives them.

Those of seconds, minutes and hours begin at whole multiples since midnight UTC, but for those of
two hours and more, which are counted from ``dailyAlignment`` o'clock (17) of
``alignmentTimezone`` (America/New_York), as days are; weeks begin on ``weeklyAlignment``
(Friday), months on their first day.
"""

from __future__ import annotations

import datetime
from typing import Callable, Dict, Iterable, List, NamedTuple, Optional

from btstores.clock import NS_PER_SECOND
from btstores.markets.zones import zone
from btstores.stores.oanda.simulator.board import Candle

__all__ = ["GRANULARITIES", "Alignment", "Granularity", "merge"]

_HOUR_NS = 3600 * NS_PER_SECOND
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

#: By name the seconds of a candle; D, W and M follow the calendar.
GRANULARITIES: Dict[str, int] = {
    **{f"S{number}": number for number in (5, 10, 15, 30)},
    **{f"M{number}": 60 * number for number in (1, 2, 4, 5, 10, 15, 30)},
    **{f"H{number}": 3600 * number for number in (1, 2, 3, 4, 6, 8, 12)},
    "D": 86_400,
    "W": 7 * 86_400,
    "M": 31 * 86_400,
}


class Alignment(NamedTuple):
    """Where days and weeks begin. Raises `ValueError` for what makes no sense."""

    hour: int = 17
    timezone: str = "America/New_York"
    weekday: str = "Friday"

    def check(self) -> Alignment:
        """Return it if it makes sense. Raises `ValueError` or `ConfigError`."""
        zone(self.timezone)
        if not 0 <= self.hour <= 23 or self.weekday not in _DAYS:
            raise ValueError("Invalid value specified for 'dailyAlignment' or 'weeklyAlignment'")
        return self


class Granularity:
    """Begins and ends of the candles of one granularity."""

    def __init__(self, name: str, alignment: Alignment) -> None:
        self.name = name
        self._seconds = GRANULARITIES[name]
        self._alignment = alignment
        self._zone = zone(alignment.timezone)
        #: Begins of the last days that were asked for, which cost much to find.
        self._known: Dict[datetime.date, int] = {}
        self._find: Callable[[int], int] = self._by_clock
        if name == "M":
            self._find = self._by_month
        elif name == "W":
            self._find = self._by_week
        elif self._seconds > 3600:
            self._find = self._by_day

    def start_of(self, time_ns: int) -> int:
        """Return when the candle of a time begins."""
        return self._find(time_ns)

    def end_of(self, start_ns: int) -> int:
        """Return when the candle that begins then ends, at the latest."""
        if self.name in ("D", "W", "M"):
            # The day after may be an hour shorter or longer.
            return self.start_of(start_ns + self._seconds * NS_PER_SECOND + 2 * _HOUR_NS)
        return start_ns + self._seconds * NS_PER_SECOND

    def _by_clock(self, time_ns: int) -> int:
        return time_ns - time_ns % (self._seconds * NS_PER_SECOND)

    def _by_day(self, time_ns: int) -> int:
        begin_ns = self._day_of(time_ns)
        length = self._seconds * NS_PER_SECOND
        return begin_ns + (time_ns - begin_ns) // length * length

    def _by_week(self, time_ns: int) -> int:
        day = self._date_of(time_ns)
        back = (day.weekday() - _DAYS.index(self._alignment.weekday)) % 7
        return self._begin(day - datetime.timedelta(days=back))

    def _by_month(self, time_ns: int) -> int:
        return self._begin(self._date_of(time_ns).replace(day=1))

    def _day_of(self, time_ns: int) -> int:
        return self._begin(self._date_of(time_ns))

    def _date_of(self, time_ns: int) -> datetime.date:
        """Return the date on which the day of a time has begun."""
        local = datetime.datetime.fromtimestamp(time_ns // NS_PER_SECOND, self._zone)
        early = local.hour < self._alignment.hour
        return local.date() - datetime.timedelta(days=1) if early else local.date()

    def _begin(self, day: datetime.date) -> int:
        if day not in self._known:
            at = datetime.time(self._alignment.hour)
            moment = datetime.datetime.combine(day, at, self._zone)
            self._known[day] = round(moment.timestamp()) * NS_PER_SECOND
        return self._known[day]


def merge(slots: Iterable[Candle], granularity: Granularity, most: int) -> List[Candle]:
    """Return up to ``most`` candles made of finer ones, which come newest first; oldest first."""
    found: List[Candle] = []
    begins: Optional[int] = None
    for slot in slots:
        if begins is None or slot.start_ns < begins:
            begins = granularity.start_of(slot.start_ns)
            if len(found) == most:
                break
            found.append(
                slot._replace(start_ns=begins, bid=[*slot.bid], mid=[*slot.mid], ask=[*slot.ask])
            )
            continue
        candle = found[-1]
        for whole, part in ((candle.bid, slot.bid), (candle.mid, slot.mid), (candle.ask, slot.ask)):
            whole[0] = part[0]
            whole[1], whole[2] = max(whole[1], part[1]), min(whole[2], part[2])
        found[-1] = candle._replace(volume=candle.volume + slot.volume)
    found.reverse()
    return found
