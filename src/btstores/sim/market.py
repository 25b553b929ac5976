"""Plays series of prices on a clock, as a venue publishes them."""

from __future__ import annotations

import heapq
import logging
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

from btstores.clock import NS_PER_SECOND, Clock, SimulatedClock, Timer
from btstores.errors import ConfigError
from btstores.instruments import Instrument
from btstores.sim.prices.series import Event, Series
from btstores.sim.replay import ReplayClock

__all__ = ["Market", "Published"]

log = logging.getLogger(__name__)


class Published(NamedTuple):
    """One event as it is published; ``last`` when its series has no more."""

    series: Series
    event: Event
    last: bool


Sink = Callable[[Sequence[Published]], None]


class Market:
    """Several series on one clock, merged in time order.

    What lies before ``start`` is history: a number of bars of the first series, or epoch
    nanoseconds when it is above ten million. ``clock`` is the base clock; `clock`, the
    attribute, is the one to build the venue on: a simulated clock itself (then prices come
    as fast as it is moved), else a `ReplayClock` that shows the time of the prices and goes
    ``speed`` times as fast as the wall. ``max_pause`` is the longest wait for the next
    prices in real seconds: nights and week-ends are jumped over.

    All events of one time are published in one call of the sink, the finer ones first.
    """

    def __init__(
        self,
        series: Sequence[Series],
        clock: Clock,
        start: int = 0,
        speed: Optional[float] = 1.0,
        max_pause: Optional[float] = None,
    ) -> None:
        if not series:
            raise ConfigError.of("series", series, "at least one series of prices")
        self.series = list(series)
        self.instruments: Dict[str, Instrument] = {}
        for one in self.series:
            self.instruments.setdefault(one.instrument.symbol, one.instrument)
        self.position_ns = self._find_start(start)
        if max_pause is not None and not max_pause >= 0:
            raise ConfigError.of("max_pause", max_pause, "seconds, zero or more")
        self._max_pause = max_pause
        if clock.threaded and speed is None:
            raise ConfigError.of("speed", speed, "a number; only a simulated clock has no speed")
        self.clock = clock
        if clock.threaded and speed is not None:
            self.clock = ReplayClock(clock, self.position_ns, speed)
        self._heap: List[Tuple[int, Tuple[int, int, int], int, int]] = []
        self._sink: Optional[Sink] = None
        self._timer: Optional[Timer] = None

    def resume_from(self, time_ns: int) -> None:
        """Take what lies before ``time_ns`` for history as well; before `play` only."""
        self.position_ns = max(self.position_ns, time_ns)
        self.catch_up()

    def catch_up(self) -> None:
        """Let the clock be no earlier than what has been published."""
        if isinstance(self.clock, ReplayClock):
            self.clock.jump(self.position_ns)
        elif isinstance(self.clock, SimulatedClock):
            self.clock.advance_to(self.position_ns)

    def play(self, sink: Sink) -> None:
        """Publish to ``sink`` from now on; on the clock's thread."""
        if self._sink is not None:
            return
        self._sink = sink
        self._heap = []
        for number, series in enumerate(self.series):
            self._push(number, series.known_at(self.position_ns))
        if isinstance(self.clock, ReplayClock):
            self.clock.run()
        self._schedule()

    def stop(self) -> None:
        """Publish nothing more; `play` goes on where this stopped."""
        self._sink = None
        if self._timer is not None:
            self._timer.cancel()
        if isinstance(self.clock, ReplayClock):
            self.clock.stop()

    def ended(self, series: Series) -> bool:
        """Return whether all of a series has been published."""
        return series.known_at(self.position_ns) == len(series.times)

    def _find_start(self, start: int) -> int:
        if isinstance(start, bool) or not isinstance(start, int) or start < 0:
            raise ConfigError.of("start", start, "a number of bars or epoch nanoseconds")
        if start > 10_000_000:
            return start
        if start == 0:
            return min(series.published_ns(0) for series in self.series) - 1
        first = self.series[0]
        if start > len(first.times):
            raise ConfigError.of("start", start, f"at most the {len(first.times)} there are")
        return first.published_ns(start - 1)

    def _push(self, number: int, index: int) -> None:
        series = self.series[number]
        if index < len(series.times):
            name = series.subscription
            order = (name.timeframe, name.compression, 0 if name.quotes else 1)
            heapq.heappush(self._heap, (series.published_ns(index), order, number, index))

    def _schedule(self) -> None:
        if not self._heap:
            return
        due_ns = self._heap[0][0]
        if isinstance(self.clock, ReplayClock) and self._max_pause is not None:
            pause_ns = round(self._max_pause * self.clock.speed * NS_PER_SECOND)
            if due_ns - self.clock.time_ns() > pause_ns:
                self.clock.jump(due_ns - pause_ns)
        self._timer = self.clock.call_at(due_ns, self._publish)

    def _publish(self) -> None:
        sink = self._sink
        if sink is None:
            return
        due_ns = self._heap[0][0]
        batch = []
        while self._heap and self._heap[0][0] == due_ns:
            _, _, number, index = heapq.heappop(self._heap)
            series = self.series[number]
            batch.append(Published(series, series.events[index], index + 1 == len(series.times)))
            self._push(number, index + 1)
        self.position_ns = due_ns
        try:
            sink(batch)
        finally:
            if self._sink is not None:
                self._schedule()
