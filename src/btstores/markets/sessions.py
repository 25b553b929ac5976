"""When a market trades: the segments of its days, in its own time zone, with its holidays."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any, Dict, FrozenSet, Iterator, List, NamedTuple, Optional, Tuple

from btstores.errors import ConfigError
from btstores.markets import calendars
from btstores.markets.rules import Source
from btstores.markets.segments import (
    MINUTES_OF_DAY,
    Kind,
    On,
    Part,
    Segment,
    SessionInfo,
    bounds_of,
    check_half_close,
    cut,
    minutes_of,
    read_half_days,
    read_holidays,
    read_hours,
    read_weekdays,
)
from btstores.markets.zones import zone

__all__ = ["MONDAY_TO_FRIDAY", "Kind", "On", "Segment", "SessionInfo", "Sessions"]

MONDAY_TO_FRIDAY: FrozenSet[int] = frozenset(range(5))

_NS_PER_SECOND = 1_000_000_000
_SECONDS_OF_DAY = 24 * 60 * 60
_NS_PER_DAY = _SECONDS_OF_DAY * _NS_PER_SECOND
_ONE_DAY = datetime.timedelta(days=1)
_ONE_SECOND = datetime.timedelta(seconds=1)
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
_EPOCH_ORDINAL = _EPOCH.toordinal()
# A few years: enough for a strategy, little memory.
_DAYS_KEPT = 1_000


class _Day(NamedTuple):
    """One trading day. From ``start_ns`` to ``end_ns`` it is the one that runs or comes next."""

    date: datetime.date
    start_ns: int
    end_ns: int
    sessions: Tuple[SessionInfo, ...]


class _Span(NamedTuple):
    """A time in which no answer changes."""

    start_ns: int
    end_ns: int
    regular: bool
    extended: bool
    session: Optional[SessionInfo]


class _Memory:
    """What was found last, which changes no answer, and what is looked up often."""

    def __init__(self) -> None:
        self.tz: datetime.tzinfo = datetime.timezone.utc
        self.half_days: Dict[datetime.date, str] = {}
        self.span = _Span(0, 0, False, False, None)
        self.day = _Day(datetime.date.min, 0, 0, ())
        self.days: Dict[datetime.date, Tuple[SessionInfo, ...]] = {}


@dataclasses.dataclass(frozen=True)
class Sessions:
    """The trading hours of a market. A session includes its first instant and not its last.

    ``hours`` are `Segment` objects, or pairs of "HH:MM" for plain continuous ones, in ascending
    order in the local time of ``timezone``; "24:00" is the end of the day. One whose end is not
    after its start passes midnight. A segment belongs to the day on which it begins unless its
    `On` says otherwise. ``weekdays`` are the trading days; Monday is 0.

    ``calendar`` is an exchange whose holidays, early closes and late opens hold (see
    `btstores.markets.calendars.load`). A date in ``holidays`` is closed, and one in
    ``half_days`` trades until its time "HH:MM", whatever the calendar says. ``half_close``
    stands in for the calendar's time of an early close. On a half day regular trading ends at
    that time and what follows it comes as much earlier. ``no_nights`` are first and last
    trading days without the night before. ``sources`` tell where all this is published.

    Methods take and return epoch nanoseconds in UTC. Raises `ConfigError` for bad hours, days
    or zones.
    """

    timezone: str
    hours: Tuple[Any, ...]
    weekdays: FrozenSet[int] = MONDAY_TO_FRIDAY
    calendar: Optional[str] = None
    holidays: FrozenSet[datetime.date] = frozenset()
    half_days: Any = ()
    half_close: Optional[str] = None
    no_nights: Tuple[Tuple[datetime.date, datetime.date], ...] = ()
    sources: Tuple[Source, ...] = ()
    _memory: _Memory = dataclasses.field(
        default_factory=_Memory, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        half_days = read_half_days(self.half_days)
        self._memory.tz = zone(self.timezone)
        self._memory.half_days = half_days
        object.__setattr__(self, "hours", read_hours(self.hours))
        object.__setattr__(self, "weekdays", read_weekdays(self.weekdays))
        object.__setattr__(self, "holidays", read_holidays(self.holidays))
        object.__setattr__(self, "half_days", tuple(sorted(half_days.items())))
        if self.half_close is not None:
            check_half_close(self.half_close)

    @property
    def has_holidays(self) -> bool:
        """Return whether more is known than the days of the week."""
        if self.calendar is None:
            return bool(self.holidays)
        return calendars.load(self.calendar) is not None

    def is_open(self, time_ns: int, extended: bool = False) -> bool:
        """Return whether regular trading runs, or with ``extended`` any session that trades."""
        span = self._memory.span
        if not span.start_ns <= time_ns < span.end_ns:
            span = self._find_span(time_ns)
        return span.extended if extended else span.regular

    def session_of(self, time_ns: int) -> Optional[SessionInfo]:
        """Return the session that runs; None in breaks and when the market is closed."""
        span = self._memory.span
        if not span.start_ns <= time_ns < span.end_ns:
            span = self._find_span(time_ns)
        return span.session

    def trading_day(self, time_ns: int) -> datetime.date:
        """Return the trading day that runs, or the next one when none does.

        A day runs from its first session of any kind to the end of its last, breaks included.
        """
        return self._day_of(time_ns).date

    def end_of_day(self, time_ns: int) -> int:
        """Return the end of regular trading of the day that runs, or of the next one."""
        for day in self._days_from(time_ns):
            end_ns = max(session.end_ns for session in day.sessions if session.regular)
            if end_ns > time_ns:
                return end_ns
        raise AssertionError("days never end")

    def next_open(self, time_ns: int, extended: bool = False) -> int:
        """Return the first start of trading after ``time_ns``.

        Sessions that follow without a break are one. A new trading day is a new start.
        """
        for day in self._days_from(time_ns):
            for start_ns, _ in _periods(day, extended):
                if start_ns > time_ns:
                    return start_ns
        raise AssertionError("days never end")

    def next_close(self, time_ns: int, extended: bool = False) -> int:
        """Return the first end of trading after ``time_ns``: of what runs, or comes next."""
        for day in self._days_from(time_ns):
            for _, end_ns in _periods(day, extended):
                if end_ns > time_ns:
                    return end_ns
        raise AssertionError("days never end")

    def bars_between(self, start_ns: int, end_ns: int, seconds: int) -> int:
        """Return how many bars regular trading makes from ``start_ns`` up to ``end_ns``.

        Bars of ``seconds`` are aligned to the local midnight; one that trading fills in part
        counts, and one that spans a break counts once. 86400 counts trading days. Raises
        `ConfigError` for a length that is not from 1 to 86400.
        """
        if not isinstance(seconds, int) or not 1 <= seconds <= _SECONDS_OF_DAY:
            raise ConfigError.of("seconds", seconds, "a whole number from 1 to 86400")
        count, last = 0, -1
        for day in self._days_from(start_ns):
            if day.sessions[0].start_ns >= end_ns:
                break
            for opens, closes in _periods(day, extended=False):
                begin, end = max(opens, start_ns), min(closes, end_ns)
                if begin >= end:
                    continue
                if seconds < _SECONDS_OF_DAY:
                    first, last_here = self._bars(begin, end, seconds)
                else:
                    first = last_here = day.date.toordinal()
                count += last_here - max(first, last + 1) + 1
                last = last_here
        return count

    def sessions_on(self, date: datetime.date) -> Tuple[SessionInfo, ...]:
        """Return the sessions of a trading day; none on a day without trading."""
        found = self._memory.days.get(date)
        if found is None:
            if len(self._memory.days) >= _DAYS_KEPT:
                self._memory.days.clear()
            found = self._memory.days[date] = tuple(self._make(date))
        return found

    # Finding the day and the span

    def _find_span(self, time_ns: int) -> _Span:
        day = self._day_of(time_ns)
        start_ns = day.start_ns
        for session in day.sessions:
            if time_ns < session.start_ns:
                span = _Span(start_ns, session.start_ns, False, False, None)
                break
            if time_ns < session.end_ns:
                regular, trades = session.regular, session.trades
                span = _Span(session.start_ns, session.end_ns, regular, trades, session)
                break
            start_ns = session.end_ns
        self._memory.span = span
        return span

    def _day_of(self, time_ns: int) -> _Day:
        day = self._memory.day
        if not day.start_ns <= time_ns < day.end_ns:
            day = self._memory.day = self._find_day(time_ns)
        return day

    def _days_from(self, time_ns: int) -> Iterator[_Day]:
        """Yield the day that runs or comes next, and all that follow."""
        day = self._day_of(time_ns)
        yield day
        yield from self._following(day.date, day.end_ns)

    def _find_day(self, time_ns: int) -> _Day:
        # Yesterday's last session may run past midnight, no earlier one does.
        date = self._local(time_ns).date() - 2 * _ONE_DAY
        return next(day for day in self._following(date, time_ns) if day.end_ns > time_ns)

    def _following(self, date: datetime.date, end_ns: int) -> Iterator[_Day]:
        """Yield the trading days after ``date``, which ends at ``end_ns``."""
        while True:
            date += _ONE_DAY
            sessions = self.sessions_on(date)
            if sessions:
                start_ns, end_ns = end_ns, sessions[-1].end_ns
                yield _Day(date, start_ns, end_ns, sessions)

    # Making a day

    def _make(self, date: datetime.date) -> Iterator[SessionInfo]:
        if not self._trades(date):
            return
        opens, closes = self._limits(date)
        for segment, start, end in cut(list(self._parts(date)), opens, closes):
            yield SessionInfo(
                date,
                segment.kind,
                self._utc_ns(date, start),
                self._utc_ns(date, end),
                bool(segment.regular),
                segment.trades,
            )

    def _parts(self, date: datetime.date) -> Iterator[Part]:
        """Yield the parts that a day usually has."""
        for segment in self.hours:
            begins = self._begins(date, segment)
            if begins is not None:
                shift = (begins - date).days * MINUTES_OF_DAY
                start, end = bounds_of(segment)
                yield Part(segment, shift + start, shift + end)

    def _begins(self, date: datetime.date, segment: Segment) -> Optional[datetime.date]:
        """Return the local date on which a segment of a trading day begins; None if it does not."""
        if segment.on is On.TRADING_DAY:
            return date
        if any(first <= date <= last for first, last in self.no_nights):
            return None
        before = date - _ONE_DAY
        if segment.on is On.DAY_BEFORE:
            return before
        if segment.on is On.WEEKDAY_BEFORE:
            while before.weekday() not in self.weekdays:
                before -= _ONE_DAY
            return before if self._trades(before) else None
        while not self._trades(before):
            before -= _ONE_DAY
        return before

    def _trades(self, date: datetime.date) -> bool:
        """Return whether a date is a trading day."""
        if date in self._memory.half_days:
            return True
        if date.weekday() not in self.weekdays or date in self.holidays:
            return False
        calendar = self._calendar_of(date)
        return calendar is None or date not in calendar.holidays

    def _limits(self, date: datetime.date) -> Tuple[Optional[int], Optional[int]]:
        """Return the late open and the early close of a day, in minutes, where it has them."""
        own = self._memory.half_days.get(date)
        if own is not None:
            return None, minutes_of(own)
        calendar = self._calendar_of(date)
        if calendar is None:
            return None, None
        late, early = calendar.late.get(date), calendar.early.get(date)
        if early is not None and self.half_close is not None:
            early = self.half_close
        return (
            None if late is None else minutes_of(late),
            None if early is None else minutes_of(early),
        )

    def _calendar_of(self, date: datetime.date) -> Optional[calendars.Calendar]:
        """Return the calendar, if there is one that is good for a date."""
        if self.calendar is None:
            return None
        calendar = calendars.load(self.calendar)
        where = calendar.outside(date) if calendar is not None else None
        if where is not None:
            calendars.warn_outside(self.calendar, where)
            return None
        return calendar

    def _utc_ns(self, date: datetime.date, minutes: int) -> int:
        midnight = datetime.datetime(date.year, date.month, date.day, tzinfo=self._memory.tz)
        local = midnight + datetime.timedelta(minutes=minutes)
        seconds = (date.toordinal() - _EPOCH_ORDINAL) * _SECONDS_OF_DAY + minutes * 60
        return (seconds - _offset(local)) * _NS_PER_SECOND

    def _local(self, time_ns: int) -> datetime.datetime:
        moment = _EPOCH + datetime.timedelta(seconds=time_ns // _NS_PER_SECOND)
        return moment.astimezone(self._memory.tz)

    def _bars(self, start_ns: int, end_ns: int, seconds: int) -> Tuple[int, int]:
        """Return the numbers of the first and the last bar that a time touches."""
        offset_ns = _offset(self._local(start_ns)) * _NS_PER_SECOND
        bars_of_day = -(-_SECONDS_OF_DAY // seconds)

        def number(time_ns: int) -> int:
            day, rest = divmod(time_ns + offset_ns, _NS_PER_DAY)
            return day * bars_of_day + rest // (seconds * _NS_PER_SECOND)

        return number(start_ns), number(end_ns - 1)


def _offset(local: datetime.datetime) -> int:
    """Return the seconds by which a zone's clocks are ahead of UTC."""
    offset = local.utcoffset()
    assert offset is not None
    return offset // _ONE_SECOND


def _periods(day: _Day, extended: bool) -> List[Tuple[int, int]]:
    """Return start and end of the times in which a day trades without a break."""
    periods: List[Tuple[int, int]] = []
    for session in day.sessions:
        if not (session.trades if extended else session.regular):
            continue
        if periods and periods[-1][1] == session.start_ns:
            periods[-1] = (periods[-1][0], session.end_ns)
        else:
            periods.append((session.start_ns, session.end_ns))
    return periods
