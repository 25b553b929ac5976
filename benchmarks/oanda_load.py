"""Many prices of many instruments on one stream of a simulated OANDA."""

from __future__ import annotations

import array
import time
from typing import Any, Callable, List, Mapping, NamedTuple, Sequence

import backtrader as bt

from benchmarks.memory import memory_kb
from benchmarks.oanda_sides import LIMIT, Bare, Ours, until
from benchmarks.oanda_venue import symbols_of
from benchmarks.remote import Remote, Where
from benchmarks.sides import run
from btstores.reports import Bar, Quote
from btstores.stores.oanda.convert import time_of

MINUTE_NS = 60_000_000_000


class Flood(NamedTuple):
    """Prices and ended bars told and heard, milliseconds, prices, reports, kB, and seconds.

    ``taken`` is from the first price written to the last one heard.
    """

    prices: int
    heard: int
    bars: int
    bars_heard: int
    delays: List[float]
    most_on_way: int
    longest_inbox: int
    growth: float
    taken: float

    @property
    def lost(self) -> int:
        """Return how many prices were not heard, or heard twice."""
        return self.prices + self.heard - 2 * len(self.delays)


class Heard:
    """Notes when each price was heard, by its time, without taking memory meanwhile."""

    def __init__(self, most: int) -> None:
        self._times = array.array("q", bytes(8 * most))
        self._moments = array.array("q", bytes(8 * most))
        self.count = self.bars = self.longest = 0

    def price(self, time_ns: int) -> None:
        # One too many is counted and not kept.
        if self.count < len(self._times):
            self._times[self.count] = time_ns
            self._moments[self.count] = time.perf_counter_ns()
        self.count += 1

    def _forget(self, remote: Remote) -> None:
        remote.ask("forget")
        self.count = self.bars = self.longest = 0

    def measure(self, remote: Remote, symbols: Sequence[str], rate: float, seconds: float) -> Flood:
        remote.ask("flood", symbols, rate, seconds / 10)
        self._settle(0)
        self._forget(remote)
        before = memory_kb()
        self._settle(remote.ask("flood", symbols, rate, seconds))
        growth = memory_kb() - before
        times, written = remote.ask("flooded")
        ends = times[-1] // MINUTE_NS - times[0] // MINUTE_NS
        heard = dict(zip(self._times[: self.count], self._moments))
        pairs = [(start, heard[one]) for one, start in zip(times, written) if one in heard]
        return Flood(
            len(times),
            self.count,
            ends * len(symbols),
            self.bars,
            [(end - start) / 1e6 for start, end in pairs],
            _most_on_way(pairs),
            self.longest,
            growth,
            (max(heard.values(), default=written[0]) - written[0]) / 1e9,
        )

    def _settle(self, count: int) -> None:
        """Wait for so many prices and for all that still comes, but not for ever."""
        deadline = time.monotonic() + 2 * LIMIT
        before = -1
        while (self.count < count or self.count > before) and time.monotonic() < deadline:
            before = self.count
            time.sleep(0.2)


def _most_on_way(pairs: Sequence[Any]) -> int:
    """Return how many of what had been written had not been heard, at most."""
    moments = sorted([(start, 1) for start, _ in pairs] + [(end, -1) for _, end in pairs])
    on_way = most = 0
    for _, step in moments:
        on_way += step
        most = max(most, on_way)
    return most


def _ours(
    where: Where, count: int, most: int, strategy: Any, act: Callable[..., Flood], **feed: Any
) -> Flood:
    symbols = symbols_of(count)
    heard = Heard(most)
    lives: List[Any] = []
    found: List[Flood] = []
    with Remote(*where) as remote:
        port = remote.ask("fresh", symbols)
        # Observers are one a feed, which is for looking at few.
        engine = {"stdstats": False}
        side = Ours(remote, port, symbols, engine, backfill_start=False, **feed)

        def send() -> None:
            until(lambda: len(lives) >= count, "LIVE")
            # Behind all that is to be subscribed to.
            side.store.outbox.call(lambda: None, timeout=LIMIT)
            found.append(act(side, heard, remote, symbols))

        run(side, strategy, send, lives=lives, heard=heard)
    if not found:
        raise RuntimeError("nothing was measured")
    return found[0]


class Watcher(bt.Strategy):
    params = (("lives", None), ("heard", None))

    def notify_data(self, data: Any, status: int, *args: Any, **kwargs: Any) -> None:
        if status == data.LIVE:
            self.p.lives.append(data)


def ours_flood(where: Where, count: int, rate: float, seconds: float) -> Flood:
    """Return what became of quotes and bars on the engine's thread, with ``count`` feeds."""

    def act(side: Ours, heard: Heard, remote: Remote, symbols: Sequence[str]) -> Flood:
        inbox = side.store.inbox._queue

        def hear(report: Any) -> None:
            if isinstance(report, Bar):
                heard.bars += 1
            elif isinstance(report, Quote):
                heard.longest = max(heard.longest, inbox.qsize())
                heard.price(report.time_ns)

        side.store.tap(hear)
        return heard.measure(remote, symbols, rate, seconds)

    bars = {"timeframe": bt.TimeFrame.Minutes, "quotes": True}
    return _ours(where, count, round(rate * seconds), Watcher, act, **bars)


class Reader(Watcher):
    """Notes each tick that is shown. No two have the same time, so each comes by itself."""

    def next(self) -> None:
        self.p.heard.price(max(data.time_ns or 0 for data in self.datas))


def ours_ticks(where: Where, count: int, rate: float, seconds: float) -> Flood:
    """Return what became of ticks in `Strategy.next`, with ``count`` feeds."""

    def act(side: Ours, heard: Heard, remote: Remote, symbols: Sequence[str]) -> Flood:
        return heard.measure(remote, symbols, rate, seconds)

    most = round(rate * seconds)
    return _ours(where, count, most, Reader, act, timeframe=bt.TimeFrame.Ticks)


def bare_flood(where: Where, count: int, rate: float, seconds: float) -> Flood:
    """Return what became of the same prices in a loop over the stream of oandapyV20."""
    symbols = symbols_of(count)
    heard = Heard(round(rate * seconds))

    def hear(line: Mapping[str, Any]) -> None:
        heard.price(time_of(line["time"]) or 0)

    with Remote(*where) as remote:
        Bare(remote.ask("fresh", symbols), symbols, hear)
        return heard.measure(remote, symbols, rate, seconds)
