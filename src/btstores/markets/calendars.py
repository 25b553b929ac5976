"""Holidays, half days and special closes of exchanges, from the library exchange_calendars.

The library is the extra ``calendars``. It is loaded when the first day is asked for. What is
written here besides is what some release of it lacks: closures at short notice, and the Chinese
holidays that were announced after the last release for an older Python.
"""

from __future__ import annotations

import datetime
import functools
import importlib
import logging
import warnings
from typing import Any, Dict, FrozenSet, Iterator, NamedTuple, Optional, Tuple

from btstores.errors import ConfigError, MissingExtraError

__all__ = ["CLOSED", "LATE", "Calendar", "load", "warn_outside"]

log = logging.getLogger(__name__)

# Far enough back for backtests, near enough to load in a fraction of a second.
FIRST = "2000-01-01"

# The notices of the Shanghai Stock Exchange, by their dates.
_SSE = "http://www.sse.com.cn/disclosure/announcement/general, "
_MONDO = "https://mondovisione.com/media-and-resources/news/"

# By calendar: days without trading, and where that was told.
CLOSED: Dict[str, Tuple[Tuple[str, str], ...]] = {
    "XHKG": (
        ("2022-09-12", "https://www.hkex.com.hk, trading calendar 2022"),
        ("2023-07-17", "https://www.forexlive.com, 2023-07-17: typhoon Talim"),
        ("2023-09-01", "https://www.scmp.com/business/markets/article/3233800: typhoon Saola"),
        ("2023-09-08", "https://www.scmp.com/business/markets/article/3233800: black rain"),
        ("2024-09-06", _MONDO + "hkex-no-trading-today-in-securities-and-derivatives-markets"),
    ),
    "XNYS": (("2025-01-09", "https://ir.theice.com, 2024-12-30: day of mourning"),),
    "XSHG": (
        ("2022-09-12 2022-10-06 2022-10-07", _SSE + "2021-12-20"),
        ("2023-05-02 2023-05-03 2023-06-23 2023-10-06", _SSE + "2022-12-27"),
        ("2024-02-09 2024-02-16 2024-04-05 2024-05-02 2024-05-03", _SSE + "2023-12-26"),
        ("2024-09-16 2024-10-07", _SSE + "2023-12-26"),
        ("2025-01-28 2025-02-04 2025-05-02 2025-05-05 2025-06-02", _SSE + "2024-12"),
        ("2025-10-06 2025-10-07 2025-10-08", _SSE + "2024-12"),
        ("2026-01-01 2026-01-02 2026-02-16 2026-02-17 2026-02-18 2026-02-19", _SSE + "2025-12-22"),
        ("2026-02-20 2026-02-23 2026-04-06 2026-05-01 2026-05-04 2026-05-05", _SSE + "2025-12-22"),
        ("2026-06-19 2026-09-25 2026-10-01 2026-10-02 2026-10-05", _SSE + "2025-12-22"),
        ("2026-10-06 2026-10-07", _SSE + "2025-12-22"),
    ),
}
# Of whole years: a calendar that ends the day before the first one is good to the last.
WHOLE: Dict[str, Tuple[str, str]] = {"XSHG": ("2026-01-01", "2026-12-31")}
# By calendar: day, the local time at which trading began, and where that was told.
LATE: Dict[str, Tuple[Tuple[str, str, str], ...]] = {
    "XHKG": (
        ("2021-06-28", "13:30", "https://feeds.bbci.co.uk/news/business-57633696: black rain"),
        ("2022-08-25", "13:00", "https://budrigannews.com, 2022-08-25: typhoon Ma-on"),
    )
}


class Calendar(NamedTuple):
    """The days on which an exchange does not keep its usual hours.

    It is good for local dates from ``first`` to ``last``. ``holidays`` are weekdays without
    trading; ``early`` and ``late`` give the local time "HH:MM" of an early close or late open.
    """

    name: str
    first: datetime.date
    last: datetime.date
    holidays: FrozenSet[datetime.date]
    early: Dict[datetime.date, str]
    late: Dict[datetime.date, str]

    def outside(self, date: datetime.date) -> Optional[str]:
        """Return on which side of the calendar's dates a date is; None for one it is good for."""
        if date < self.first:
            return f"before {self.first}"
        return f"after {self.last}" if date > self.last else None


@functools.lru_cache(maxsize=None)
def load(name: str) -> Optional[Calendar]:
    """Return the calendar of an exchange, by its code (ISO 10383, CMES for CME Globex).

    Returns None, after one warning in the log, where the library is not installed or does not
    work. Raises `ConfigError` for a code that the library does not know.
    """
    library = _library()
    if library is None:
        return None
    with warnings.catch_warnings():
        # Of pandas, about how older releases of the library use it.
        warnings.simplefilter("ignore")
        if name not in library.get_calendar_names():
            raise ConfigError.of("calendar", name, "an exchange that exchange_calendars knows")
        return _read(name, library.get_calendar(name, start=FIRST))


@functools.lru_cache(maxsize=None)
def warn_outside(name: str, where: str) -> None:
    """Say once that a calendar knows no holidays ``where``, such as "after 2026-12-31"."""
    log.warning(
        "the calendar of %s knows no holidays %s: every weekday is taken as a full day; "
        "a newer exchange_calendars, or holidays of your own, may help",
        name,
        where,
    )


@functools.lru_cache(maxsize=None)
def _library() -> Optional[Any]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module("exchange_calendars")
    except ImportError:
        reason = str(MissingExtraError("exchange_calendars", "calendars"))
    except Exception as error:  # a pandas that it does not fit breaks it in many ways
        reason = f"exchange_calendars does not work here ({error!r})"
    log.warning("holidays and half days are not known, every weekday is a full day: %s", reason)
    return None


def _read(name: str, calendar: Any) -> Calendar:
    days = [session.date() for session in calendar.opens.index]
    first, last = datetime.date.fromisoformat(FIRST), days[-1]
    closed = {day for text, _ in CLOSED.get(name, ()) for day in _dates(text)}
    if name in WHOLE:
        start, end = map(datetime.date.fromisoformat, WHOLE[name])
        last = end if last == start - _ONE_DAY else last
    holidays = frozenset(_weekdays(first, days[-1])) - frozenset(days) | closed
    late = _times(calendar, calendar.opens, calendar.late_opens)
    late.update({datetime.date.fromisoformat(day): at for day, at, _ in LATE.get(name, ())})
    early = _times(calendar, calendar.closes, calendar.early_closes)
    return Calendar(name, first, last, holidays, early, late)


_ONE_DAY = datetime.timedelta(days=1)


def _dates(text: str) -> Iterator[datetime.date]:
    return map(datetime.date.fromisoformat, text.split())


def _weekdays(first: datetime.date, last: datetime.date) -> Iterator[datetime.date]:
    date = first
    while date <= last:
        if date.weekday() < 5:
            yield date
        date += _ONE_DAY


def _times(calendar: Any, moments: Any, sessions: Any) -> Dict[datetime.date, str]:
    """Return the local times of ``moments`` on the given sessions."""
    found = {}
    for session in sessions:
        moment = moments[session]
        # Releases for older Pythons tell UTC without saying so.
        moment = moment.tz_localize("UTC") if moment.tzinfo is None else moment
        found[session.date()] = moment.tz_convert(calendar.tz).strftime("%H:%M")
    return found
