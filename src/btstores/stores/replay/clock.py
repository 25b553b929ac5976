"""The clock of a replay."""

from __future__ import annotations

from typing import Callable

from btstores.clock import SimulatedClock, Timer

__all__ = ["RecordedClock"]


class RecordedClock(SimulatedClock):
    """Shows the times of a recording. Timers do not ring: what came of them is recorded."""

    def __init__(self, start_ns: int) -> None:
        super().__init__(start_ns, seed=None)

    def call_at(self, when_ns: int, callback: Callable[[], None]) -> Timer:
        return Timer(when_ns, callback)

    def ring_at(self, when_ns: int, callback: Callable[[], None]) -> Timer:
        """Run ``callback`` when the time has come, as other clocks do."""
        return super().call_at(when_ns, callback)
