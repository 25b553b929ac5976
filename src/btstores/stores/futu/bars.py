"""Closed bars out of pushes that repeat the running one.

A bar is closed when the next one begins, or when its time is over: the latter is confirmed by a
question, because the last trades of a minute may be on their way.
"""

from __future__ import annotations

import dataclasses
from typing import Dict, List, Optional, Tuple

from btstores.clock import NS_PER_SECOND
from btstores.inbox import Guard
from btstores.instruments import TimeFrame
from btstores.reports import Bar, Subscription

__all__ = ["KL_TYPES", "SUB_TYPES", "BarCloser", "is_intraday"]

_M, _D = int(TimeFrame.MINUTES), int(TimeFrame.DAYS)
_W, _MO, _Y = int(TimeFrame.WEEKS), int(TimeFrame.MONTHS), int(TimeFrame.YEARS)

#: Numbers of Qot_Common.KLType and SubType by time frame and compression.
KL_TYPES: Dict[Tuple[int, int], int] = {
    (_M, 1): 1,
    (_M, 3): 10,
    (_M, 5): 6,
    (_M, 10): 12,
    (_M, 15): 7,
    (_M, 30): 8,
    (_M, 60): 9,
    (_M, 120): 13,
    (_M, 180): 14,
    (_M, 240): 15,
    (_D, 1): 2,
    (_W, 1): 3,
    (_MO, 1): 4,
    (_MO, 3): 11,
    (_Y, 1): 5,
}
SUB_TYPES: Dict[Tuple[int, int], int] = {
    (_M, 1): 11,
    (_M, 3): 17,
    (_M, 5): 7,
    (_M, 10): 18,
    (_M, 15): 8,
    (_M, 30): 9,
    (_M, 60): 10,
    (_M, 120): 19,
    (_M, 180): 20,
    (_M, 240): 21,
    (_D, 1): 6,
    (_W, 1): 12,
    (_MO, 1): 13,
    (_MO, 3): 15,
    (_Y, 1): 16,
}

#: Seconds after its end for which a bar waits for its last trades.
GRACE = 1.0
#: Seconds between two questions for a bar that OpenD does not confirm, and how often to ask.
_AGAIN = 3.0
_TRIES = 5


def is_intraday(timeframe: int) -> bool:
    """Return whether bars are stamped with their end, and not with their day."""
    return timeframe < TimeFrame.DAYS


@dataclasses.dataclass
class _Running:
    bar: Bar
    ends_ns: int
    due_ns: int
    tries: int = 0


class BarCloser:
    """The running bars of all streams. Any thread.

    A bar is given with the time at which it ends, which is not its stamp for days and weeks.
    """

    def __init__(self) -> None:
        self._lock = Guard()
        self._running: Dict[Subscription, _Running] = {}
        self._delivered: Dict[Subscription, Bar] = {}

    def hear(self, bar: Bar, ends_ns: int) -> Optional[Bar]:
        """Take a bar that may change still; return the one that it closes, or None.

        A push of the bar closed last that has been overtaken, and knows more of it, is returned.
        """
        stream = _stream_of(bar)
        with self._lock:
            last = self._delivered.get(stream)
            if last is not None and bar.time_ns <= last.time_ns:
                if bar.time_ns < last.time_ns or not _is_older(last, bar):
                    return None
                self._delivered[stream] = bar
                return bar
            before = self._running.get(stream)
            if before is not None and _is_older(bar, before.bar):
                return None
            due_ns = ends_ns + round(GRACE * NS_PER_SECOND)
            self._running[stream] = _Running(bar, ends_ns, due_ns)
            if before is None or before.bar.time_ns == bar.time_ns:
                return None
            self._delivered[stream] = before.bar
            return before.bar

    def due(self, now_ns: int) -> List[Bar]:
        """Return the running bars whose time is over, to be confirmed."""
        found = []
        with self._lock:
            for running in self._running.values():
                if running.due_ns <= now_ns:
                    running.due_ns = now_ns + round(_AGAIN * NS_PER_SECOND)
                    running.tries += 1
                    found.append(running.bar)
        return found

    def confirm(self, bar: Bar) -> Optional[Bar]:
        """Close a running bar that is over; return it as it is to be delivered, or None."""
        stream = _stream_of(bar)
        with self._lock:
            running = self._running.get(stream)
            if running is None or running.bar.time_ns != bar.time_ns:
                return None  # the next one was faster
            del self._running[stream]
            self._delivered[stream] = bar
            return bar

    def gave_up(self, bar: Bar) -> bool:
        """Return whether a bar has been asked for often enough: it is taken as it is."""
        with self._lock:
            running = self._running.get(_stream_of(bar))
            return running is not None and running.tries >= _TRIES

    def next_due_ns(self) -> Optional[int]:
        """Return when the next running bar is over."""
        with self._lock:
            times = [running.due_ns for running in self._running.values()]
        return min(times) if times else None

    def forget(self, stream: Subscription) -> None:
        """Forget a stream that has been ended."""
        with self._lock:
            self._running.pop(stream, None)

    def pause(self) -> None:
        """Forget the running bars when the link is gone; history brings what is missing."""
        with self._lock:
            self._running.clear()


def _is_older(bar: Bar, other: Bar) -> bool:
    """Return whether a push has been overtaken by another: volume only grows."""
    if bar.time_ns != other.time_ns:
        return bar.time_ns < other.time_ns
    return bar.volume is not None and other.volume is not None and bar.volume < other.volume


def _stream_of(bar: Bar) -> Subscription:
    return Subscription(bar.symbol, bar.timeframe, bar.compression)
