"""Times of day and dates as price files write them, into epoch nanoseconds."""

from __future__ import annotations

import datetime
import logging
import re
from typing import Dict, List, Optional, Tuple

from btstores.clock import NS_PER_SECOND
from btstores.feeds.times import EPOCH_ORDINAL, zone

__all__ = ["SESSION_END", "StampReader", "looks_like_time"]

log = logging.getLogger(__name__)

#: What backtrader takes for the end of a session that nobody defined.
SESSION_END = datetime.time(23, 59, 59, 999990)

NS_PER_DAY = 86_400 * NS_PER_SECOND

_EPOCH = re.compile(r"(\d{9,19})(?:\.(\d+))?$")
_YMD = re.compile(r"(\d{4})([-./])(\d{1,2})\2(\d{1,2})$")
_COMPACT = re.compile(r"(\d{4})(\d\d)(\d\d)$")
_XXY = re.compile(r"(\d{1,2})([-./])(\d{1,2})\2(\d{4})$")
_TIME = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?$")
_COMPACT_TIME = re.compile(r"(\d\d)(\d\d)(\d\d)?$")
_OFFSET = re.compile(r"\s*(Z|UTC|[+-]\d\d:?\d\d)$")


def looks_like_time(text: str) -> bool:
    """Return whether the text is a time of day with colons."""
    return _TIME.match(text.strip()) is not None


class StampReader:
    """Reads stamps; ``sample`` holds some (date, time) texts of the file to judge by.

    Where days and months cannot be told apart by the sample, the day is taken to come first.
    """

    def __init__(
        self,
        sample: List[Tuple[str, str]],
        tz: Optional[str] = None,
        date_format: Optional[str] = None,
        session_end: datetime.time = SESSION_END,
    ) -> None:
        self.example = " ".join(sample[0]).strip() if sample else "2006-01-31"
        self.has_fractions = any("." in s or "," in s for s in map(_time_part, sample))
        self._format = date_format
        self._zone = zone(tz) if tz else None
        self._session_end = _time_ns(
            session_end.hour,
            session_end.minute,
            session_end.second,
            session_end.microsecond * 1000,
        )
        self._day_first = self._is_day_first(sample)
        self._dates: Dict[str, int] = {}
        self._times: Dict[str, int] = {"": self._session_end}
        self._separator = "T" if any("T" in date for date, _ in sample) else " "

    def read(self, date: str, time: str = "") -> int:
        """Return epoch nanoseconds. Raises `ValueError` for what is no time."""
        if not time:
            date, _, time = date.partition(self._separator)
        day, of_day = self._dates.get(date), self._times.get(time)
        if day is None or of_day is None or self._zone is not None:
            return self._read(date, time)
        return day + of_day

    def _read(self, date: str, time: str) -> int:
        """Read a stamp that is not put together from parts seen before."""
        if self._format:
            return self._by_format(f"{date} {time}".strip())
        match = _EPOCH.match(date) if not time else None
        if match and not _COMPACT.match(date):
            return _epoch_ns(match)
        time = time.strip()
        offset = _OFFSET.search(time) if time else None
        if offset:
            return self._date(date) + self._time(time[: offset.start()]) - _offset_ns(offset[1])
        stamp = self._date(date) + self._time(time)
        return self._to_utc(stamp) if self._zone else stamp

    def _date(self, text: str) -> int:
        found = self._dates.get(text)
        if found is None:
            found = self._dates[text] = _day_ns(self._parse_date(text))
        return found

    def _parse_date(self, text: str) -> datetime.date:
        match = _YMD.match(text)
        if match:
            return datetime.date(int(match.group(1)), int(match.group(3)), int(match.group(4)))
        match = _COMPACT.match(text)
        if match:
            return datetime.date(*(int(part) for part in match.groups()))
        match = _XXY.match(text)
        if not match:
            raise ValueError(text)
        day, month = int(match.group(1)), int(match.group(3))
        if not self._day_first:
            day, month = month, day
        return datetime.date(int(match.group(4)), month, day)

    def _time(self, text: str) -> int:
        found = self._times.get(text)
        if found is None:
            match = _TIME.match(text) or _COMPACT_TIME.match(text)
            if not match:
                raise ValueError(text)
            hour, minute, second, *rest = (*match.groups(), None)
            fraction = int((rest[0] or "0").ljust(9, "0")[:9])
            if not (int(hour) < 24 and int(minute) < 60 and int(second or 0) < 60):
                raise ValueError(text)
            found = _time_ns(int(hour), int(minute), int(second or 0), fraction)
            if len(self._times) < 100_000:
                self._times[text] = found
        return found

    def _to_utc(self, stamp: int) -> int:
        seconds, rest = divmod(stamp, NS_PER_SECOND)
        moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)
        offset = moment.replace(tzinfo=self._zone).utcoffset() or datetime.timedelta()
        return (seconds - round(offset.total_seconds())) * NS_PER_SECOND + rest

    def _by_format(self, text: str) -> int:
        moment = datetime.datetime.strptime(text, self._format or "")  # noqa: DTZ007
        offset = moment.utcoffset()
        stamp = _day_ns(moment.date()) + _time_ns(
            moment.hour, moment.minute, moment.second, moment.microsecond * 1000
        )
        if offset is not None:
            return stamp - round(offset.total_seconds()) * NS_PER_SECOND
        if not re.search("%[HIscfXT]", self._format or ""):
            stamp += self._session_end
        return self._to_utc(stamp) if self._zone else stamp

    def _is_day_first(self, sample: List[Tuple[str, str]]) -> bool:
        matches = [_XXY.match(_split(date)[0]) for date, _ in sample]
        pairs = [(int(m.group(1)), int(m.group(3))) for m in matches if m]
        if any(second > 12 for _, second in pairs):
            return False
        if pairs and all(first <= 12 for first, _ in pairs):
            log.warning("csv.day_or_month date=%s taken=day first", self.example)
        return True


def _split(text: str) -> Tuple[str, str]:
    date, _, time = text.replace("T", " ", 1).partition(" ")
    return date, time.strip()


def _time_part(sample: Tuple[str, str]) -> str:
    date, time = sample
    return time or _split(date)[1] or (date if _EPOCH.match(date) else "")


def _day_ns(date: datetime.date) -> int:
    return (date.toordinal() - EPOCH_ORDINAL) * NS_PER_DAY


def _time_ns(hour: int, minute: int, second: int, nanosecond: int) -> int:
    return ((hour * 60 + minute) * 60 + second) * NS_PER_SECOND + nanosecond


def _epoch_ns(match: re.Match[str]) -> int:
    whole, fraction = match.group(1), match.group(2) or ""
    # 9 to 11 digits are seconds, 12 to 14 milli-, 15 to 17 micro-, 18 and 19 nanoseconds.
    places = 9 - max(0, 3 * round((len(whole) - 10) / 3))
    return int(whole + fraction.ljust(places, "0")[:places])


def _offset_ns(text: str) -> int:
    if text in ("Z", "UTC"):
        return 0
    sign = -1 if text[0] == "-" else 1
    return sign * _time_ns(int(text[1:3]), int(text[-2:]), 0, 0)
