"""A series of prices: bars, ticks or quotes of one instrument, all known in advance."""

from __future__ import annotations

import array
import bisect
import dataclasses
import datetime
import math
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple, Union, overload

from btstores.clock import NS_PER_SECOND
from btstores.errors import ConfigError, DataFileError
from btstores.feeds.times import EPOCH_ORDINAL
from btstores.instruments import Instrument, TimeFrame
from btstores.reports import Bar, Quote, Subscription, Tick

__all__ = [
    "BarColumns",
    "Event",
    "RowChecker",
    "Series",
    "duration_end",
    "series_of",
    "usual_timeframe",
]

Event = Union[Bar, Tick, Quote]

NS_PER_DAY = 86_400 * NS_PER_SECOND
_UNIT_NS = {
    TimeFrame.MICROSECONDS: 1_000,
    TimeFrame.SECONDS: NS_PER_SECOND,
    TimeFrame.MINUTES: 60 * NS_PER_SECOND,
    TimeFrame.DAYS: NS_PER_DAY,
    TimeFrame.WEEKS: 7 * NS_PER_DAY,
}


def duration_end(start_ns: int, timeframe: int, compression: int) -> int:
    """Return when a bar that starts at ``start_ns`` ends."""
    unit = _UNIT_NS.get(TimeFrame(timeframe))
    if unit is not None:
        return start_ns + unit * compression
    days, rest = divmod(start_ns, NS_PER_DAY)
    months = compression * (12 if timeframe == TimeFrame.YEARS else 1)
    day = datetime.date.fromordinal(days + EPOCH_ORDINAL)
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    end = datetime.date(year, month + 1, 1) + datetime.timedelta(days=day.day - 1)
    return (end.toordinal() - EPOCH_ORDINAL) * NS_PER_DAY + rest


def usual_timeframe(times: Sequence[int]) -> Tuple[int, int]:
    """Return the time frame and compression that the usual distance of stamps speaks for."""
    counts: Dict[int, int] = {}
    for before, after in zip(times[:5000], times[1:5000]):
        counts[after - before] = counts.get(after - before, 0) + 1
    if not counts:
        return TimeFrame.DAYS, 1
    usual = max(counts, key=lambda distance: (counts[distance], -distance))
    days = usual / NS_PER_DAY
    if days >= 360:
        return TimeFrame.YEARS, 1
    if days >= 28:
        return TimeFrame.MONTHS, max(1, round(days / 30.4))
    for frame in (TimeFrame.WEEKS, TimeFrame.DAYS, TimeFrame.MINUTES, TimeFrame.SECONDS):
        if usual >= _UNIT_NS[frame] and usual % _UNIT_NS[frame] == 0:
            # Days two or three apart are days with holes, not bars of several days.
            return frame, 1 if frame == TimeFrame.DAYS else usual // _UNIT_NS[frame]
    return TimeFrame.TICKS, 1


class RowError(NamedTuple):
    """What is wrong with a row: which column, its value, what was expected."""

    column: str
    value: Any
    expected: str


def bad_bar(
    open_: float, high: float, low: float, close: float, volume: Optional[float]
) -> Optional[RowError]:
    """Return what is wrong with the prices of a bar, or None."""
    named = {"open": open_, "high": high, "low": low, "close": close}
    for name, price in named.items():
        if not 0 < price < math.inf:
            return RowError(name, price, "a price above zero")
    if high < low:
        return RowError("high", high, f"at least the low, {low:g}")
    for name in ("open", "close"):
        if not low <= named[name] <= high:
            return RowError(name, named[name], f"a price between low {low:g} and high {high:g}")
    if volume is not None and not 0 <= volume < math.inf:
        return RowError("volume", volume, "zero or more")
    return None


class BarColumns(Sequence[Bar]):
    """Bars of one time frame, kept in columns: a million of them take 56 MB.

    ``volume`` and ``openinterest`` keep a missing value as NaN inside and give it as None.
    """

    def __init__(self, symbol: str, timeframe: int, compression: int) -> None:
        self.symbol = symbol
        self.timeframe = timeframe
        self.compression = compression
        self.times = array.array("q")
        self.columns = tuple(array.array("d") for _ in range(6))
        self._appends = tuple(column.append for column in self.columns)

    def append(
        self,
        time_ns: int,
        open_: float,
        high: float,
        low: float,
        close: float,
        volume: Optional[float] = None,
        openinterest: Optional[float] = None,
    ) -> None:
        """Add a bar; the caller has checked it."""
        self.times.append(time_ns)
        to_open, to_high, to_low, to_close, to_volume, to_openinterest = self._appends
        to_open(open_)
        to_high(high)
        to_low(low)
        to_close(close)
        to_volume(math.nan if volume is None else volume)
        to_openinterest(math.nan if openinterest is None else openinterest)

    def __len__(self) -> int:
        return len(self.times)

    @overload
    def __getitem__(self, index: int) -> Bar: ...

    @overload
    def __getitem__(self, index: slice) -> List[Bar]: ...

    def __getitem__(self, index: Union[int, slice]) -> Union[Bar, List[Bar]]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        return self._bar(self.times[index], *(column[index] for column in self.columns))

    def __iter__(self) -> Iterator[Bar]:
        return map(self._bar, self.times, *self.columns)

    def _bar(self, time_ns: int, o: float, h: float, l: float, c: float, v: float, i: float) -> Bar:  # noqa: E741
        return Bar(
            self.symbol,
            self.timeframe,
            self.compression,
            time_ns,
            o,
            h,
            l,
            c,
            v if v == v else None,
            i if i == i else None,
        )


@dataclasses.dataclass
class Series:
    """Prices of one kind for one instrument, in ascending time, all known in advance.

    ``stamp`` says whether bars are stamped at their "end" or their "start". What is stamped
    at the start becomes known, and is published, at the end.
    """

    instrument: Instrument
    subscription: Subscription
    events: Sequence[Event]
    stamp: str = "end"

    def __post_init__(self) -> None:
        if self.stamp not in ("end", "start"):
            raise ConfigError.of("stamp", self.stamp, "'end' or 'start'")
        if isinstance(self.events, BarColumns):
            self.times: Sequence[int] = self.events.times
        else:
            self.times = array.array("q", [event.time_ns for event in self.events])

    @property
    def is_bars(self) -> bool:
        """Return whether these are bars, not ticks or quotes."""
        return self.subscription.timeframe != TimeFrame.TICKS

    def published_ns(self, index: int) -> int:
        """Return when an event becomes known."""
        stamp = self.times[index]
        if self.stamp == "end" or not self.is_bars:
            return stamp
        return duration_end(stamp, self.subscription.timeframe, self.subscription.compression)

    def known_at(self, now_ns: int) -> int:
        """Return how many events are known at a time."""
        low, high = 0, len(self.times)
        if self.stamp == "end":
            return bisect.bisect_right(self.times, now_ns)
        while low < high:
            middle = (low + high) // 2
            if self.published_ns(middle) <= now_ns:
                low = middle + 1
            else:
                high = middle
        return low

    def ends(self, event: Event) -> Event:
        """Return the event stamped with the time at which it became known."""
        if self.stamp == "end" or not isinstance(event, Bar):
            return event
        end_ns = duration_end(event.time_ns, event.timeframe, event.compression)
        return event._replace(time_ns=end_ns)


def series_of(
    instrument: Instrument,
    events: Sequence[Event],
    timeframe: int,
    compression: int = 1,
    quotes: bool = False,
    stamp: str = "end",
) -> Series:
    """Return a series with its subscription."""
    name = Subscription(instrument.symbol, int(timeframe), compression, quotes)
    return Series(instrument, name, events, stamp)


class RowChecker:
    """Collects bars of a file, and refuses those that cannot be."""

    def __init__(self, file: str, symbol: str, timeframe: int, compression: int) -> None:
        self.file = file
        self.bars = BarColumns(symbol, timeframe, compression)

    def add(
        self,
        line: int,
        time_ns: int,
        open_: float,
        high: float,
        low: float,
        close: float,
        volume: Optional[float] = None,
        openinterest: Optional[float] = None,
    ) -> None:
        """Add the bar in ``line``. Raises `DataFileError`."""
        times = self.bars.times
        problem = None
        sane = 0 < low <= open_ <= high < math.inf and low <= close <= high
        if not sane or not (volume is None or 0 <= volume < math.inf):
            problem = bad_bar(open_, high, low, close, volume)
        elif times and time_ns <= times[-1]:
            kind = (
                "a time of its own" if time_ns == times[-1] else "a later time than the row before"
            )
            problem = RowError("time", _utc_text(time_ns), kind)
        if problem is not None:
            raise DataFileError(self.file, line, *problem)
        self.bars.append(time_ns, open_, high, low, close, volume, openinterest)


def _utc_text(time_ns: int) -> str:
    seconds, fraction = divmod(time_ns, NS_PER_SECOND)
    moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)
    return f"{moment} UTC" + (f" + {fraction} ns" if fraction else "")
