"""A clock that shows the time of recorded prices and runs faster or slower than the wall."""

from __future__ import annotations

import heapq
import logging
import math
import threading
from typing import Callable, List, Optional, Tuple

from btstores.clock import Clock, Timer
from btstores.errors import ConfigError

__all__ = ["ReplayClock"]

log = logging.getLogger(__name__)


class ReplayClock(Clock):
    """Time of the recording: stands at ``start_ns`` until `run`, then goes ``speed`` times.

    `time_ns` and `call_at` are in recorded time. `call_later` and `call_soon` are in real
    seconds, so that time-outs stay what they are. All timers run on the base clock's thread;
    while one runs that thread sees the very time it was set for.
    """

    def __init__(self, base: Clock, start_ns: int, speed: float = 1.0) -> None:
        if not (isinstance(speed, (int, float)) and 0 < speed < math.inf):
            raise ConfigError.of("speed", speed, "a number above zero")
        super().__init__(0)
        self.random = base.random
        self.threaded = base.threaded
        self.speed = speed
        self._base = base
        self._lock = threading.RLock()
        self._timers: List[Tuple[int, int, Timer]] = []
        self._armed: Optional[Timer] = None
        self._running = False
        self._shown_ns = start_ns
        self._since_ns = 0
        self._due_ns: Optional[int] = None  # of the timer that runs
        self._thread: Optional[int] = None

    def time_ns(self) -> int:
        with self._lock:
            if self._due_ns is not None and threading.get_ident() == self._thread:
                return self._due_ns
            return self._passed_ns()

    def monotonic_ns(self) -> int:
        return self._base.monotonic_ns()

    def call_at(self, when_ns: int, callback: Callable[[], None]) -> Timer:
        timer = Timer(when_ns, callback)
        with self._lock:
            heapq.heappush(self._timers, (when_ns, next(self._order), timer))
            self._arm()
        return timer

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        return self._base.call_later(seconds, callback)

    def call_soon(self, callback: Callable[[], None]) -> Timer:
        return self._base.call_soon(callback)

    def jump(self, time_ns: int) -> None:
        """Move on to a time; it never goes back."""
        with self._lock:
            self._shown_ns = max(self._passed_ns(), time_ns)
            self._since_ns = self._base.monotonic_ns()
            self._arm()

    def run(self) -> None:
        """Let time pass from where it stands."""
        with self._lock:
            self._shown_ns = self._passed_ns()
            self._since_ns = self._base.monotonic_ns()
            self._running = True
            self._arm()

    def stop(self) -> None:
        """Stand still."""
        with self._lock:
            self._shown_ns = self._passed_ns()
            self._running = False
            self._arm()

    def _passed_ns(self) -> int:
        if not self._running:
            return self._shown_ns
        passed = self._base.monotonic_ns() - self._since_ns
        return self._shown_ns + round(passed * self.speed)

    def _arm(self) -> None:
        """Have the base clock call when the next timer is due."""
        if self._armed is not None:
            self._armed.cancel()
            self._armed = None
        while self._timers and self._timers[0][2].cancelled:
            heapq.heappop(self._timers)
        if self._running and self._timers:
            # Rounded up: a base clock that stands still would never come to what is missing.
            wait_ns = math.ceil(max(0, self._timers[0][0] - self._passed_ns()) / self.speed)
            self._armed = self._base.call_at(self._base.time_ns() + wait_ns, self._run_due)

    def _run_due(self) -> None:
        """Run the first timer if it is due, one only: others wait for the base clock too."""
        with self._lock:
            if not self._running or not self._timers or self._timers[0][0] > self._passed_ns():
                self._arm()
                return
            timer = heapq.heappop(self._timers)[2]
            self._due_ns, self._thread = timer.when_ns, threading.get_ident()
        try:
            timer.run()
        except Exception:
            log.exception("timer.failed")
        finally:
            self._due_ns = None
            with self._lock:
                self._arm()
