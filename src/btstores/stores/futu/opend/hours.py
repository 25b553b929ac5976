"""Where a trade belongs: the period in which it happened and the minute that it counts for."""

from __future__ import annotations

import datetime
from typing import Dict, List, NamedTuple, Optional, Tuple

from btstores.markets import MarketConfig, MarketType
from btstores.markets.segments import Kind, SessionInfo
from btstores.markets.zones import date_in
from btstores.stores.futu.opend.text import day_ns, rule_symbol, timezone_of

__all__ = ["EXTENDED", "NS_PER_MINUTE", "OVERNIGHT", "REGULAR", "Hours", "Period"]

NS_PER_MINUTE = 60 * 1_000_000_000

#: How far from regular trading a period is; a subscription sees all up to one of these.
REGULAR, EXTENDED, OVERNIGHT = range(3)

_LEVELS = {
    Kind.PRE_MARKET: EXTENDED,
    Kind.AFTER_HOURS: EXTENDED,
    Kind.OVERNIGHT: OVERNIGHT,
}


class Period(NamedTuple):
    """A part of a trading day without a break, from ``start_ns`` to ``end_ns``."""

    day: datetime.date
    start_ns: int
    end_ns: int
    level: int
    kind: Kind


class Place(NamedTuple):
    """Where a trade counts: ``end_ns`` is the end of its minute."""

    end_ns: int
    period: Period


class Hours:
    """The hours of one symbol.

    A print of the opening auction counts for a minute of its own, which ends when trading opens.
    What comes after a period counts for its last minute.
    """

    def __init__(self, symbol: str, config: MarketConfig) -> None:
        self.timezone = timezone_of(symbol)
        self.sessions = config.sessions_of(rule_symbol(symbol))
        self._extended = config.market is MarketType.US_STOCK
        self._days: Dict[datetime.date, Tuple[Period, ...]] = {}
        self._last = Period(datetime.date.min, 0, 0, REGULAR, Kind.CONTINUOUS)

    def periods_on(self, day: datetime.date) -> Tuple[Period, ...]:
        """Return the periods of a trading day, in order; none of a day without trading."""
        found = self._days.get(day)
        if found is None:
            found = self._days[day] = tuple(self._make(day))
        return found

    def place(self, time_ns: int) -> Place:
        """Return where a trade of this time counts."""
        last = self._last
        if last.start_ns <= time_ns < last.end_ns:
            return _place(time_ns, last)
        found = self._find(time_ns)
        self._last = found.period
        return found

    def trading_day(self, time_ns: int) -> datetime.date:
        """Return the trading day that runs or comes next."""
        if self.sessions is None:
            return date_in(self.timezone, time_ns)
        return self.sessions.trading_day(time_ns)

    def is_open(self, time_ns: int, extended: bool = False) -> bool:
        """Return whether it trades."""
        return self.sessions is None or self.sessions.is_open(time_ns, extended)

    def spans(self, start_ns: int, end_ns: int) -> List[Tuple[int, int]]:
        """Return the parts of a time in which it trades, without auctions where that leaves any."""
        if self.sessions is None:
            return [(start_ns, end_ns)]
        spans: List[Tuple[int, int, bool]] = []
        day = self.sessions.trading_day(start_ns)
        while True:
            for session in self.sessions.sessions_on(day):
                first, last = max(start_ns, session.start_ns), min(end_ns, session.end_ns)
                if first < last and session.trades:
                    spans.append((first, last, session.regular))
            day += datetime.timedelta(days=1)
            if day_ns(day, self.timezone) - 2 * 1440 * NS_PER_MINUTE > end_ns:
                break
        regular = [span[:2] for span in spans if span[2]]
        return regular or [span[:2] for span in spans]

    def auction_ns(self, opens_ns: int) -> Optional[int]:
        """Return when the auction before an opening ends; None if there is none."""
        if self.sessions is None:
            return None
        day = self.sessions.trading_day(opens_ns)
        auction: Optional[SessionInfo] = None
        for session in self.sessions.sessions_on(day):
            if session.start_ns >= opens_ns:
                break
            if session.kind is Kind.OPENING_AUCTION and session.trades:
                auction = session
            elif session.regular:
                auction = None
        return None if auction is None else auction.end_ns

    def _make(self, day: datetime.date) -> List[Period]:
        if self.sessions is None:
            following = day + datetime.timedelta(days=1)
            start_ns, end_ns = day_ns(day, self.timezone), day_ns(following, self.timezone)
            return [Period(day, start_ns, end_ns, REGULAR, Kind.CONTINUOUS)]
        periods: List[Period] = []
        for one in self.sessions.sessions_on(day):
            level = _LEVELS.get(one.kind) if self._extended and not one.regular else None
            if one.regular:
                before = periods[-1] if periods else None
                if before is not None and (before.level, before.end_ns) == (REGULAR, one.start_ns):
                    periods[-1] = before._replace(end_ns=one.end_ns)
                else:
                    periods.append(Period(day, one.start_ns, one.end_ns, REGULAR, one.kind))
            elif level is not None:
                periods.append(Period(day, one.start_ns, one.end_ns, level, one.kind))
        return periods

    def _find(self, time_ns: int) -> Place:
        # A trade at the very end of the last period still is of that day.
        day = self.trading_day(time_ns - 1)
        following = self.trading_day(time_ns)
        if following != day:
            first = self.periods_on(following)[0]
            if first.start_ns <= time_ns:
                return _place(time_ns, first)
        before: Optional[Period] = None
        for period in self.periods_on(day):
            if period.start_ns <= time_ns < period.end_ns:
                return _place(time_ns, period)
            if time_ns < period.start_ns:
                if before is None or self._in_auction(time_ns):
                    return Place(period.start_ns, period)
                break
            before = period
        assert before is not None
        return Place(before.end_ns, before)

    def _in_auction(self, time_ns: int) -> bool:
        session = None if self.sessions is None else self.sessions.session_of(time_ns)
        return session is not None and session.kind is Kind.OPENING_AUCTION


def _place(time_ns: int, period: Period) -> Place:
    minutes = (time_ns - period.start_ns) // NS_PER_MINUTE + 1
    return Place(min(period.start_ns + minutes * NS_PER_MINUTE, period.end_ns), period)
