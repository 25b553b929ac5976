"""The only door to time, timers, random numbers and ids.

`RealClock` is the wall clock with one timer thread. `SimulatedClock` moves only when told:
everything that runs on it is deterministic from its seed.
"""

from __future__ import annotations

import abc
import functools
import heapq
import itertools
import logging
import random
import threading
import time
from typing import Callable, List, Optional, Tuple

__all__ = [
    "NS_PER_SECOND",
    "Clock",
    "RealClock",
    "SimulatedClock",
    "Timer",
    "give_way",
    "wall_clock",
]

NS_PER_SECOND = 1_000_000_000

#: Seconds; some systems cannot wait for months at once.
_LONGEST_WAIT = 86_400.0

log = logging.getLogger(__name__)


class Timer:
    """A scheduled call. `cancel` is safe at any time, also after it ran."""

    __slots__ = ("_callback", "when_ns")

    def __init__(self, when_ns: int, callback: Callable[[], None]) -> None:
        self.when_ns = when_ns
        self._callback: Optional[Callable[[], None]] = callback

    def cancel(self) -> None:
        """Make sure that the call does not happen any more."""
        self._callback = None

    @property
    def cancelled(self) -> bool:
        """Return whether there is nothing left to run."""
        return self._callback is None

    def run(self) -> None:
        """Run the call, once."""
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()


_Entry = Tuple[int, int, Timer]


class Clock(abc.ABC):
    """Time in epoch nanoseconds UTC, timers, random numbers and ids."""

    #: False when everything runs on the caller's thread and time only moves when told.
    threaded = True

    def __init__(self, seed: Optional[int] = None) -> None:
        self.random = random.Random(seed)
        self._order = itertools.count()

    @abc.abstractmethod
    def time_ns(self) -> int:
        """Return the time of day in epoch nanoseconds, UTC."""

    @abc.abstractmethod
    def monotonic_ns(self) -> int:
        """Return nanoseconds of a clock that never steps back."""

    @abc.abstractmethod
    def call_at(self, when_ns: int, callback: Callable[[], None]) -> Timer:
        """Run ``callback`` at ``when_ns`` epoch nanoseconds, or at once if that has passed.

        Calls run one after the other, in the order of their times, then of their making.
        """

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Run ``callback`` after ``seconds``."""
        return self.call_at(self.time_ns() + round(seconds * NS_PER_SECOND), callback)

    def call_soon(self, callback: Callable[[], None]) -> Timer:
        """Run ``callback`` after what is already due."""
        return self.call_at(self.time_ns(), callback)

    def new_id(self) -> str:
        """Return 16 hexadecimal digits, unique for practical purposes."""
        return f"{self.random.getrandbits(64):016x}"


class RealClock(Clock):
    """The wall clock. Timers run on one daemon thread, started with the first of them.

    Ids come from the operating system's randomness unless a seed is given.
    """

    def __init__(self, seed: Optional[int] = None) -> None:
        super().__init__(seed)
        if seed is None:
            self.random = random.SystemRandom()
        self._timers: List[_Entry] = []
        self._changed = threading.Condition()
        self._thread: Optional[threading.Thread] = None

    def time_ns(self) -> int:
        return time.time_ns()

    def monotonic_ns(self) -> int:
        return time.monotonic_ns()

    def call_at(self, when_ns: int, callback: Callable[[], None]) -> Timer:
        timer = Timer(when_ns, callback)
        # Kept in monotonic time, so that a step of the wall clock moves no timer.
        due = when_ns - self.time_ns() + self.monotonic_ns()
        with self._changed:
            heapq.heappush(self._timers, (due, next(self._order), timer))
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="btstores-clock", daemon=True
                )
                self._thread.start()
            self._changed.notify()
        return timer

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._timers or self._timers[0][0] > self.monotonic_ns():
                    wait = None
                    if self._timers:
                        wait = (self._timers[0][0] - self.monotonic_ns()) / NS_PER_SECOND
                        wait = min(wait, _LONGEST_WAIT)
                    self._changed.wait(wait)
                timer = heapq.heappop(self._timers)[2]
            try:
                timer.run()
            except Exception:
                log.exception("timer.failed")


class SimulatedClock(Clock):
    """A clock that stands still until told to move; timers run on the caller's thread.

    Ids and random numbers come from ``seed``; None makes them differ from run to run.
    """

    threaded = False

    def __init__(self, start_ns: int = 0, seed: Optional[int] = 0) -> None:
        super().__init__(seed)
        self._now_ns = start_ns
        self._timers: List[_Entry] = []

    def time_ns(self) -> int:
        return self._now_ns

    def monotonic_ns(self) -> int:
        return self._now_ns

    def call_at(self, when_ns: int, callback: Callable[[], None]) -> Timer:
        timer = Timer(when_ns, callback)
        heapq.heappush(self._timers, (when_ns, next(self._order), timer))
        return timer

    def next_ns(self) -> Optional[int]:
        """Return when the next timer is due, or None when nothing is scheduled."""
        while self._timers and self._timers[0][2].cancelled:
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def run_next(self) -> bool:
        """Move to the next timer and run it; return False when nothing is scheduled."""
        if self.next_ns() is None:
            return False
        when_ns, _, timer = heapq.heappop(self._timers)
        self._now_ns = max(self._now_ns, when_ns)
        timer.run()
        return True

    def advance(self, seconds: float) -> None:
        """Move on by ``seconds`` and run what falls due on the way."""
        self.advance_to(self._now_ns + round(seconds * NS_PER_SECOND))

    def advance_to(self, when_ns: int) -> None:
        """Move to ``when_ns`` and run what falls due on the way."""
        due = self.next_ns()
        while due is not None and due <= when_ns:
            self.run_next()
            due = self.next_ns()
        self._now_ns = max(self._now_ns, when_ns)


def give_way() -> None:
    """Let a thread that can go on do so now."""
    time.sleep(0)


@functools.lru_cache(maxsize=None)
def wall_clock() -> RealClock:
    """Return the one wall clock that stores share unless they are given another."""
    return RealClock()
