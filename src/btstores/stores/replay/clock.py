"""The clock of a replay."""

from __future__ import annotations

from typing import Callable

from btstores.clock import SimulatedClock, Timer

__all__ = ["RecordedClock"]


class RecordedClock(SimulatedClock):
    """Shows the times of a recording. Timers do not ring: what came of them is recorded.

    It says that it is ``threaded`` when the recorded one was, although all runs on one thread: then
    no answer was there at once.
    """

    def __init__(self, start_ns: int, threaded: bool) -> None:
        super().__init__(start_ns, seed=None)
        self.threaded = threaded

    def call_at(self, when_ns: int, callback: Callable[[], None]) -> Timer:
        return Timer(when_ns, callback)

    def show(self, time_ns: int) -> None:
        """Show this time, or the one shown already if that is later."""
        self._now_ns = max(self._now_ns, time_ns)

    def ring_at(self, when_ns: int, callback: Callable[[], None]) -> Timer:
        """Run ``callback`` when the time has come, as other clocks do."""
        return super().call_at(when_ns, callback)
