"""The parts of a trading day as data, and what an early close or a late open makes of them."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import re
from typing import Any, Dict, FrozenSet, List, Mapping, NamedTuple, Optional, Tuple

from btstores.errors import ConfigError

__all__ = [
    "Kind",
    "On",
    "Part",
    "Segment",
    "SessionInfo",
    "bounds_of",
    "check_half_close",
    "cut",
    "minutes_of",
    "read_half_days",
    "read_holidays",
    "read_hours",
    "read_weekdays",
]

MINUTES_OF_DAY = 24 * 60

_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00")


class Kind(enum.Enum):
    """Kinds of session."""

    PRE_MARKET = "pre-market"
    OPENING_AUCTION = "opening auction"
    CONTINUOUS = "continuous"
    CLOSING_AUCTION = "closing auction"
    AFTER_HOURS = "after hours"
    OVERNIGHT = "overnight"
    NIGHT = "night"


class On(enum.Enum):
    """The date on which a segment begins, seen from the trading day that it belongs to.

    ``WEEKDAY_BEFORE`` is for a night that is left out when a holiday lies between.
    """

    TRADING_DAY = "the trading day"
    DAY_BEFORE = "the calendar day before"
    WEEKDAY_BEFORE = "the weekday before, if the market trades on it"
    TRADING_DAY_BEFORE = "the trading day before"


@dataclasses.dataclass(frozen=True)
class Segment:
    """A part of a trading day, from ``opens`` to ``closes``, "HH:MM" in local time.

    ``regular`` says whether it counts as regular trading, which continuous and night segments
    do unless told otherwise; ``trades`` is False where orders are taken but none trades.
    """

    opens: str
    closes: str
    kind: Kind = Kind.CONTINUOUS
    on: On = On.TRADING_DAY
    regular: Optional[bool] = None
    trades: bool = True

    def __post_init__(self) -> None:
        if self.regular is None:
            regular = self.kind in (Kind.CONTINUOUS, Kind.NIGHT)
            object.__setattr__(self, "regular", regular)


class SessionInfo(NamedTuple):
    """A segment of one trading day, from ``start_ns`` up to but not including ``end_ns``."""

    trading_day: datetime.date
    kind: Kind
    start_ns: int
    end_ns: int
    regular: bool
    trades: bool


class Part(NamedTuple):
    """A segment in minutes after the midnight that begins its trading day."""

    segment: Segment
    start: int
    end: int


def minutes_of(text: Any) -> int:
    """Return minutes after midnight. Raises `TypeError` or `ValueError` for what is no time."""
    if not _CLOCK.fullmatch(text):
        raise ValueError(text)
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


def bounds_of(segment: Segment) -> Tuple[int, int]:
    """Return start and end in minutes after midnight, beyond a day's when it passes that."""
    start, end = minutes_of(segment.opens), minutes_of(segment.closes)
    return start, end if end > start else end + MINUTES_OF_DAY


def cut(parts: List[Part], opens: Optional[int], closes: Optional[int]) -> List[Part]:
    """Return a day's parts when it begins trading at ``opens`` and ends it at ``closes``.

    A late open leaves what began on a day before as it is. Nothing is left of a day that has
    no regular trading.
    """
    if opens is not None:
        parts = [_from(part, opens) for part in parts if _outlasts(part, opens)]
    if closes is not None:
        parts = _close_early(parts, closes)
    return parts if any(part.segment.regular for part in parts) else []


def _outlasts(part: Part, opens: int) -> bool:
    # An auction that should have begun before does not take place.
    return part.start < 0 or part.start >= opens or bool(part.segment.regular and part.end > opens)


def _from(part: Part, opens: int) -> Part:
    return part if part.start < 0 else part._replace(start=max(part.start, opens))


def _close_early(parts: List[Part], closes: int) -> List[Part]:
    regular = [part for part in parts if part.segment.regular]
    usual = regular[-1].end if regular else closes
    last = max((part.start for part in regular if part.start < closes), default=None)
    kept = []
    for part in parts:
        if part.start >= usual:
            earlier = usual - closes
            kept.append(part._replace(start=part.start - earlier, end=part.end - earlier))
        elif part.start == last:
            kept.append(part._replace(end=closes))
        elif part.start < closes:
            kept.append(part._replace(end=min(part.end, closes)))
    return kept if last is not None else []


def read_hours(hours: Any) -> Tuple[Segment, ...]:
    """Return the segments of `Sessions.hours`. Raises `ConfigError`."""
    try:
        segments = tuple(_segment(item) for item in hours)
        bounds = [minutes for segment in segments for minutes in _order(segment)]
    except (TypeError, ValueError):
        segments, bounds = (), []
    if not segments:
        raise ConfigError.of("hours", hours, "pairs of times such as ('09:30', '16:00')")
    for segment in segments:
        if not isinstance(segment.kind, Kind) or not isinstance(segment.on, On):
            raise ConfigError.of("hours", segment, "a Kind and an On")
    if not any(segment.regular for segment in segments):
        raise ConfigError.of("hours", hours, "a segment of regular trading")
    # The next day's first session is the last bound.
    bounds.append(bounds[0] + MINUTES_OF_DAY)
    if sorted(bounds) != bounds:
        raise ConfigError.of("hours", hours, "sessions in ascending order that do not overlap")
    return segments


def _segment(item: Any) -> Segment:
    if isinstance(item, Segment):
        return item
    opens, closes = item
    return Segment(opens, closes)


def _order(segment: Segment) -> Tuple[int, int]:
    start, end = bounds_of(segment)
    shift = 0 if segment.on is On.TRADING_DAY else MINUTES_OF_DAY
    return start - shift, end - shift


def read_weekdays(weekdays: Any) -> FrozenSet[int]:
    """Return `Sessions.weekdays`. Raises `ConfigError`."""
    try:
        read = frozenset(weekdays)
    except TypeError:
        read = frozenset()
    if not read or not read <= frozenset(range(7)):
        raise ConfigError.of("weekdays", weekdays, "numbers from 0 (Monday) to 6 (Sunday)")
    return read


def read_holidays(holidays: Any) -> FrozenSet[datetime.date]:
    """Return `Sessions.holidays`. Raises `ConfigError`."""
    try:
        read = frozenset(holidays)
    except TypeError:
        read = frozenset((None,))
    if not all(_is_date(date) for date in read):
        raise ConfigError.of("holidays", holidays, "dates (datetime.date)")
    return read


def read_half_days(half_days: Any) -> Dict[datetime.date, str]:
    """Return `Sessions.half_days` by date. Raises `ConfigError`."""
    try:
        read = dict(half_days.items() if isinstance(half_days, Mapping) else half_days)
        for closes in read.values():
            minutes_of(closes)
    except (TypeError, ValueError):
        read = {None: None}
    if not all(_is_date(date) for date in read):
        raise ConfigError.of("half_days", half_days, "dates with times such as '12:00'")
    return read


def check_half_close(half_close: Any) -> None:
    """Raise `ConfigError` for a `Sessions.half_close` that is no time."""
    try:
        minutes_of(half_close)
    except (TypeError, ValueError):
        raise ConfigError.of("half_close", half_close, "a time such as '12:30'") from None


def _is_date(value: Any) -> bool:
    return isinstance(value, datetime.date) and not isinstance(value, datetime.datetime)
