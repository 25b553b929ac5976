"""Ticks to bars, and bars to coarser bars. Pure: no clock, no threads.

Intraday bars are aligned to the day in ``tz`` (UTC unless given), hold what is stamped after
their start up to and including their end, and carry their end as stamp. A day holds what is
stamped on its date and carries its session end, 23:59:59.99999 unless given; weeks (from
Monday), months and years carry the stamp of the last thing in them. This is what backtrader's
resampler shows, with two exceptions: an intraday bar that the end of the day cuts short keeps
its own end as stamp, and compressed days, weeks, months and years are counted from fixed
dates, not from the first bar.

No bar is made up for a time in which nothing happened.
"""

from __future__ import annotations

import datetime
from typing import List, Optional, Tuple, Union

from btstores.clock import NS_PER_SECOND
from btstores.errors import UnsupportedError
from btstores.feeds.times import EPOCH_ORDINAL, zone
from btstores.instruments import TimeFrame, timeframe_name
from btstores.reports import Bar, Subscription, Tick

__all__ = ["Aggregator", "can_aggregate"]

NS_PER_DAY = 86_400 * NS_PER_SECOND
SESSION_END = datetime.time(23, 59, 59, 999990)

_INTRADAY = {
    TimeFrame.MICROSECONDS: 1_000,
    TimeFrame.SECONDS: NS_PER_SECOND,
    TimeFrame.MINUTES: 60 * NS_PER_SECOND,
}


def can_aggregate(source: Subscription, timeframe: int, compression: int) -> bool:
    """Return whether whole bars of the time frame can be made from ``source``."""
    if source.quotes or compression < 1 or timeframe == TimeFrame.TICKS:
        return False
    if source.timeframe == TimeFrame.TICKS:
        return True
    unit = _INTRADAY.get(TimeFrame(source.timeframe))
    if unit is not None:
        length = unit * source.compression
        target = _INTRADAY.get(TimeFrame(timeframe), NS_PER_DAY) * compression
        return target % length == 0 and target > length
    if source.timeframe == timeframe:
        return compression % source.compression == 0 and compression > source.compression
    fits = {TimeFrame.DAYS: TimeFrame.WEEKS, TimeFrame.MONTHS: TimeFrame.YEARS}
    least = fits.get(TimeFrame(source.timeframe))
    return least is not None and source.compression == 1 and timeframe >= least


class Aggregator:
    """Makes bars of one time frame from the ticks or finer bars of one symbol.

    ``joined_late`` says that the stream began somewhere in the middle: the first bar may
    lack its beginning and comes with ``complete`` False.
    """

    def __init__(
        self,
        symbol: str,
        timeframe: int,
        compression: int = 1,
        tz: Optional[str] = None,
        session_end: datetime.time = SESSION_END,
        joined_late: bool = False,
    ) -> None:
        if timeframe == TimeFrame.TICKS or compression < 1:
            name = timeframe_name(timeframe, compression)
            raise UnsupportedError(f"{name} bars cannot be made from finer ones")
        self.symbol = symbol
        self.timeframe = int(timeframe)
        self.compression = compression
        #: When the open bar ends at the latest, epoch nanoseconds; None when none is open.
        self.due_ns: Optional[int] = None
        self._zone = zone(tz) if tz and tz != "UTC" else None
        self._session_end = session_end
        self._partial = joined_late
        self._length = _INTRADAY.get(TimeFrame(timeframe), 0) * compression
        self._day: Tuple[int, int, int] = (0, 0, 0)  # ordinal, start and end of the last day
        self._bucket: Optional[int] = None
        self._bar: Optional[List[Optional[float]]] = None
        self._last_ns = 0

    @property
    def current(self) -> Optional[Bar]:
        """Return the open bar as it is so far, not complete; None when none is open."""
        return None if self._bar is None else self._made(complete=False)

    def add(self, event: Union[Bar, Tick]) -> List[Bar]:
        """Take the next tick or finer bar; return the bars that it completes."""
        time_ns = event.time_ns
        bucket, due_ns = self._bucket_of(time_ns)
        done: List[Bar] = []
        if self._bar is not None and bucket != self._bucket:
            done.append(self._close())
        self._bucket, self.due_ns, self._last_ns = bucket, due_ns, time_ns
        self._merge(event)
        if self._length and time_ns == due_ns and isinstance(event, Bar):
            # The last of the finer bars; of ticks more may come with the same stamp.
            done.append(self._close())
        return done

    def close_at(self, now_ns: int) -> Optional[Bar]:
        """Return the open bar if its time is over at ``now_ns``."""
        if self._bar is None or self.due_ns is None or now_ns <= self.due_ns:
            return None
        return self._close()

    def _merge(self, event: Union[Bar, Tick]) -> None:
        if isinstance(event, Tick):
            new = [event.price] * 4 + [event.size, None]
        else:
            new = [event.open, event.high, event.low, event.close, event.volume]
            new.append(event.openinterest)
        bar = self._bar
        if bar is None:
            self._bar = list(new)
            return
        bar[1] = max(_known(bar[1]), _known(new[1]))
        bar[2] = min(_known(bar[2]), _known(new[2]))
        bar[3] = new[3]
        if new[4] is not None:
            bar[4] = new[4] if bar[4] is None else bar[4] + new[4]
        if new[5] is not None:
            bar[5] = new[5]

    def _close(self) -> Bar:
        bar = self._made(complete=not self._partial)
        self._partial = False
        self._bar, self.due_ns = None, None
        return bar

    def _made(self, complete: bool) -> Bar:
        assert self._bar is not None
        open_, high, low, close, volume, openinterest = self._bar
        return Bar(
            self.symbol,
            self.timeframe,
            self.compression,
            self._stamp(),
            _known(open_),
            _known(high),
            _known(low),
            _known(close),
            volume,
            openinterest,
            complete=complete,
        )

    def _stamp(self) -> int:
        if self._length:
            return self.due_ns or self._last_ns
        if self.timeframe == TimeFrame.DAYS:
            self._find_day(self._last_ns)
            return max(self._last_ns, self._local_ns(self._day[0], self._session_end))
        return self._last_ns

    # Where a bar begins and ends

    def _bucket_of(self, time_ns: int) -> Tuple[int, int]:
        """Return a number that is the same within a bar, and the bar's last nanosecond."""
        if self._length:
            # An end belongs to the bar that it ends, midnight too.
            self._find_day(time_ns - 1)
            _, start, end = self._day
            steps = -((start - time_ns) // self._length)
            due_ns = min(start + steps * self._length, end)
            return due_ns, due_ns
        self._find_day(time_ns)
        number, last_day = self._period(self._day[0])
        return number, self._midnight(last_day + 1) - 1

    def _period(self, day: int) -> Tuple[int, int]:
        """Return the number of the period of a day, counted since 1970, and its last day."""
        n = self.compression
        if self.timeframe == TimeFrame.DAYS:
            number = day // n
            return number, number * n + n - 1
        if self.timeframe == TimeFrame.WEEKS:
            number = (day + 3) // (7 * n)  # 1970-01-01 was a Thursday
            return number, (number + 1) * 7 * n - 4
        date = datetime.date.fromordinal(day + EPOCH_ORDINAL)
        months = n * (12 if self.timeframe == TimeFrame.YEARS else 1)
        number = (date.year * 12 + date.month - 1) // months
        year, month = divmod((number + 1) * months, 12)
        return number, datetime.date(year, month + 1, 1).toordinal() - EPOCH_ORDINAL - 1

    def _find_day(self, time_ns: int) -> None:
        _, start, end = self._day
        if start <= time_ns < end:
            return
        day = (time_ns + self._offset_ns(time_ns)) // NS_PER_DAY
        self._day = (day, self._midnight(day), self._midnight(day + 1))

    def _midnight(self, day: int) -> int:
        return self._local_ns(day, datetime.time())

    def _local_ns(self, day: int, time: datetime.time) -> int:
        """Return the epoch nanoseconds of a local time on a day, counted since 1970."""
        seconds = (time.hour * 60 + time.minute) * 60 + time.second
        local = day * NS_PER_DAY + seconds * NS_PER_SECOND + time.microsecond * 1000
        if self._zone is None:
            return local
        moment = datetime.datetime.fromordinal(day + EPOCH_ORDINAL)
        moment = datetime.datetime.combine(moment.date(), time, tzinfo=self._zone)
        return local - _ns(moment.utcoffset())

    def _offset_ns(self, time_ns: int) -> int:
        if self._zone is None:
            return 0
        utc = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
        moment = utc + datetime.timedelta(microseconds=time_ns // 1000)
        return _ns(moment.astimezone(self._zone).utcoffset())


def _ns(offset: Optional[datetime.timedelta]) -> int:
    return 0 if offset is None else round(offset.total_seconds()) * NS_PER_SECOND


def _known(price: Optional[float]) -> float:
    assert price is not None
    return price
