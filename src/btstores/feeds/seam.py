"""Where history and live data of one stream meet: nothing is missing and nothing comes twice."""

from __future__ import annotations

from collections import deque
from typing import Callable, Deque, Optional, Sequence, Union

from btstores.clock import NS_PER_SECOND
from btstores.markets.sessions import Sessions
from btstores.reports import Bar, Tick

__all__ = ["Item", "Seam"]

Item = Union[Bar, Tick]
_DAY = 86_400
_MOST_TOLERATED_NS = 3600 * NS_PER_SECOND

TellGap = Callable[[int, int, str], None]


class Seam:
    """Puts the bars or ticks of one stream in line.

    Live ones wait while history is awaited. ``tell_gap`` is called with the times of the last
    item before a gap and the first one after it, and with the reason.
    """

    def __init__(self, bar_ns: int, tell_gap: TellGap) -> None:
        self._bar_ns = bar_ns
        #: Nothing later than this is taken.
        self.end_ns: Optional[int] = None
        #: When the market trades, if that is known.
        self.sessions: Optional[Sessions] = None
        self._hole_ns: Optional[int] = None
        self._tolerated_ns = 0
        self._tell_gap = tell_gap
        #: What is to be shown, in the order of its times.
        self.line: Deque[Item] = deque()
        self._early: Deque[Item] = deque()
        self._seen_trades: Deque[str] = deque(maxlen=1000)
        self._gap = ""
        #: The time of the newest item that has been in line.
        self.newest_ns: Optional[int] = None
        #: Whether history is awaited.
        self.awaits = False
        #: Whether everything up to ``end_ns`` has come.
        self.over = False
        #: Items that came late or twice.
        self.dropped = 0

    def add(self, item: Item) -> None:
        """Take what comes live."""
        if self.awaits:
            self._early.append(item)
        else:
            self._take(item)

    def has_hole_before(self, item: Item) -> bool:
        """Return whether a live bar follows the one before it later than it should.

        What history has shown to be a time without trades is tolerated from then on.
        """
        newest_ns = self.newest_ns
        if self.awaits or newest_ns is None or not isinstance(item, Bar):
            return False
        if item.time_ns - newest_ns <= self._bar_ns + self._tolerated_ns:
            return False
        seconds = self._bar_ns // NS_PER_SECOND
        if self.sessions is not None and 0 < seconds <= _DAY:
            return self.sessions.bars_between(newest_ns, item.time_ns, seconds) > 1
        return True

    def check_hole(self, item: Item) -> None:
        """Keep a live bar, and what follows, until history has shown what is before it."""
        self.awaits, self._hole_ns = True, item.time_ns

    def _judge_hole(self, history: Sequence[Item], error: Optional[str]) -> None:
        hole_ns, self._hole_ns = self._hole_ns, None
        newest_ns = self.newest_ns
        if hole_ns is None or newest_ns is None or error is not None:
            return
        if not any(newest_ns < item.time_ns < hole_ns for item in history):
            self._tolerated_ns = min(_MOST_TOLERATED_NS, 2 * (hole_ns - newest_ns))

    def join(self, history: Sequence[Item], error: Optional[str] = None) -> None:
        """Take the answer to a question for history, and then what came live meanwhile."""
        self.awaits = False
        self._judge_hole(history, error)
        newest_ns = self.newest_ns
        if error is not None:
            self.suspect(error)
        elif history and newest_ns is not None and history[0].time_ns > newest_ns:
            # The question was for all from the newest one on, that one included.
            self.suspect("the venue's history begins later")
        for item in history:
            if isinstance(item, Tick) or item.complete:
                self._take(item)
        early, self._early = self._early, deque()
        for item in early:
            self._take(item)

    def suspect(self, reason: str) -> None:
        """Take note that something may be missing before the next item."""
        if self.newest_ns is not None:
            self._gap = reason

    def _take(self, item: Item) -> None:
        """Put an item in line unless it has been there; ticks may share a time stamp."""
        if self.end_ns is not None and item.time_ns > self.end_ns:
            self.over = True
            return
        newest_ns = self.newest_ns
        if newest_ns is not None and item.time_ns <= newest_ns:
            is_known = isinstance(item, Bar) or item.trade_id in self._seen_trades
            if item.time_ns < newest_ns or is_known:
                self.dropped += 1
                return
        if self._gap:
            self._look_for_gap(item)
        if isinstance(item, Tick) and item.trade_id is not None:
            self._seen_trades.append(item.trade_id)
        self.newest_ns = item.time_ns
        self.line.append(item)

    def _look_for_gap(self, item: Item) -> None:
        reason, self._gap = self._gap, ""
        newest_ns = self.newest_ns
        if newest_ns is not None and item.time_ns - newest_ns > self._bar_ns:
            self._tell_gap(newest_ns, item.time_ns, reason)
