"""When a market trades: its hours on the days of the week, in its own time zone."""

from __future__ import annotations

import dataclasses
import datetime
import re
from typing import Any, FrozenSet, NamedTuple, Tuple

from btstores.errors import ConfigError
from btstores.markets.zones import zone

__all__ = ["MONDAY_TO_FRIDAY", "Sessions"]

MONDAY_TO_FRIDAY: FrozenSet[int] = frozenset(range(5))

_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00")
_MINUTES_OF_DAY = 24 * 60
_NS_PER_SECOND = 1_000_000_000
_ONE_DAY = datetime.timedelta(days=1)
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


class _Day(NamedTuple):
    """One trading day. From ``start_ns`` to ``end_ns`` it is the one that runs or comes next."""

    start_ns: int
    end_ns: int
    sessions: Tuple[Tuple[int, int], ...]
    next_open_ns: int


@dataclasses.dataclass(frozen=True)
class Sessions:
    """The trading hours of a market. A session includes its first instant and not its last.

    ``hours`` are pairs of "HH:MM" in the local time of ``timezone``, in ascending order;
    "24:00" is the end of the day. A last pair whose end is not after its start passes midnight
    and belongs to the day on which it began. ``weekdays`` counts Monday as 0. Methods take and
    return epoch nanoseconds in UTC. Raises `ConfigError` for bad hours, days or zones.
    """

    timezone: str
    hours: Tuple[Tuple[str, str], ...]
    weekdays: FrozenSet[int] = MONDAY_TO_FRIDAY
    _day: _Day = dataclasses.field(default=_Day(0, 0, (), 0), init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        zone(self.timezone)
        _read_hours(self.hours)
        object.__setattr__(self, "hours", tuple((opens, closes) for opens, closes in self.hours))
        object.__setattr__(self, "weekdays", _read_weekdays(self.weekdays))

    def is_open(self, time_ns: int) -> bool:
        """Return whether a session runs."""
        return any(opens <= time_ns < closes for opens, closes in self._day_of(time_ns).sessions)

    def end_of_day(self, time_ns: int) -> int:
        """Return the end of the trading day that runs, or of the next one when none does.

        A day runs from its first session to the end of its last, breaks included.
        """
        return self._day_of(time_ns).end_ns

    def next_open(self, time_ns: int) -> int:
        """Return the start of the first session that begins after ``time_ns``."""
        day = self._day_of(time_ns)
        for opens, _ in day.sessions:
            if opens > time_ns:
                return opens
        return day.next_open_ns

    def sessions_on(self, date: datetime.date) -> Tuple[Tuple[int, int], ...]:
        """Return start and end of each session that begins on a local date; none on a day off."""
        if date.weekday() not in self.weekdays:
            return ()
        midnight = datetime.datetime.combine(date, datetime.time())
        return tuple(
            (self._utc_ns(midnight, opens), self._utc_ns(midnight, closes))
            for opens, closes in _read_hours(self.hours)
        )

    def _day_of(self, time_ns: int) -> _Day:
        day = self._day
        if not day.start_ns <= time_ns < day.end_ns:
            day = self._find_day(time_ns)
            object.__setattr__(self, "_day", day)
        return day

    def _find_day(self, time_ns: int) -> _Day:
        moment = _EPOCH + datetime.timedelta(seconds=time_ns // _NS_PER_SECOND)
        # Yesterday's last session may run past midnight.
        date = moment.astimezone(zone(self.timezone)).date() - _ONE_DAY
        start_ns = time_ns
        while True:
            date, sessions = self._first_from(date)
            end_ns = sessions[-1][1]
            date += _ONE_DAY
            if time_ns < end_ns:
                return _Day(start_ns, end_ns, sessions, self._first_from(date)[1][0][0])
            start_ns = end_ns

    def _first_from(self, date: datetime.date) -> Tuple[datetime.date, Tuple[Tuple[int, int], ...]]:
        sessions = self.sessions_on(date)
        while not sessions:
            date += _ONE_DAY
            sessions = self.sessions_on(date)
        return date, sessions

    def _utc_ns(self, midnight: datetime.datetime, minutes: int) -> int:
        local = midnight + datetime.timedelta(minutes=minutes)
        utc = local.replace(tzinfo=zone(self.timezone)).astimezone(datetime.timezone.utc)
        return (utc - _EPOCH) // datetime.timedelta(seconds=1) * _NS_PER_SECOND


def _read_hours(hours: Any) -> Tuple[Tuple[int, int], ...]:
    """Return the sessions in minutes after midnight, beyond a day's when they pass it."""
    try:
        pairs = [_session(opens, closes) for opens, closes in hours]
    except (TypeError, ValueError):
        pairs = []
    if not pairs:
        raise ConfigError.of("hours", hours, "pairs of times such as ('09:30', '16:00')")
    bounds = [minutes for pair in pairs for minutes in pair]
    # The next day's first session is the last bound.
    bounds.append(bounds[0] + _MINUTES_OF_DAY)
    if sorted(bounds) != bounds:
        raise ConfigError.of("hours", hours, "sessions in ascending order that do not overlap")
    return tuple(pairs)


def _session(opens: Any, closes: Any) -> Tuple[int, int]:
    start, end = _minutes(opens), _minutes(closes)
    return start, end if end > start else end + _MINUTES_OF_DAY


def _minutes(text: Any) -> int:
    """Return minutes after midnight. Raises `TypeError` or `ValueError` for what is no time."""
    if not _CLOCK.fullmatch(text):
        raise ValueError(text)
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


def _read_weekdays(weekdays: Any) -> FrozenSet[int]:
    try:
        read = frozenset(weekdays)
    except TypeError:
        read = frozenset()
    if not read or not read <= frozenset(range(7)):
        raise ConfigError.of("weekdays", weekdays, "numbers from 0 (Monday) to 6 (Sunday)")
    return read
