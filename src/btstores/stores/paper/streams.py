"""What the paper venue can show of a market: its own series, and coarser bars made of them."""

from __future__ import annotations

import bisect
from typing import Dict, List, Optional, Sequence, Union, cast

from btstores.errors import UnknownInstrumentError, UnsupportedError
from btstores.feeds.aggregate import Aggregator, can_aggregate
from btstores.instruments import TimeFrame, timeframe_name
from btstores.reports import Bar, Subscription, Tick
from btstores.sim.prices.series import Event, Series

__all__ = ["CoarseStream", "Streams", "between"]


class CoarseStream:
    """Bars made of a finer series, as far as that has been published."""

    def __init__(self, source: Series, subscription: Subscription) -> None:
        self.source = source
        self.bars: List[Bar] = []
        #: The end of the bar that somebody waits for.
        self.watched_ns: Optional[int] = None
        self._maker = Aggregator(
            subscription.symbol,
            subscription.timeframe,
            subscription.compression,
            tz=source.instrument.timezone,
        )
        self._taken = 0
        self._given = 0

    @property
    def due_ns(self) -> Optional[int]:
        """Return when the open bar's time is over, None when none is open."""
        return self._maker.due_ns

    def catch_up(self, published_ns: int, now_ns: int) -> None:
        """Take what the source has published; close the open bar if its time is over."""
        known = self.source.known_at(published_ns)
        for index in range(self._taken, known):
            event = self.source.ends(self.source.events[index])
            self.bars += self._maker.add(cast("Union[Bar, Tick]", event))
        self._taken = known
        if self._has_more():
            return  # prices that lag behind the clock are still to come into the open bar
        closed = self._maker.close_at(now_ns)
        if closed is not None:
            self.bars.append(closed)

    def _has_more(self) -> bool:
        """Return whether the next price, not published yet, belongs to the open bar."""
        due_ns, events = self._maker.due_ns, self.source.events
        if due_ns is None or self._taken >= len(events):
            return False
        return self.source.ends(events[self._taken]).time_ns <= due_ns

    def skip(self) -> None:
        """Take the bars made so far for known; `new_bars` does not return them."""
        self._given = len(self.bars)

    def new_bars(self) -> List[Bar]:
        """Return the bars made since the last call."""
        new = self.bars[self._given :]
        self._given = len(self.bars)
        return new


class Streams:
    """Finds the series, or makes the coarser bars, that a subscription asks for."""

    def __init__(self, series: Sequence[Series]) -> None:
        self._series = {one.subscription: one for one in series}
        self._coarse: Dict[Subscription, CoarseStream] = {}

    def find(self, subscription: Subscription) -> Union[Series, CoarseStream]:
        """Return where a subscription's data comes from.

        Raises `UnknownInstrumentError` and, for what is finer than anything here,
        `UnsupportedError`.
        """
        native = self._series.get(subscription)
        if native is not None:
            return native
        if subscription not in self._coarse:
            source = self._source_for(subscription)
            self._coarse[subscription] = CoarseStream(source, subscription)
        return self._coarse[subscription]

    def driving(self) -> Dict[str, Sequence[Series]]:
        """Return for each symbol the series that orders are matched against: the finest.

        Quotes always take part; bars do where there are no trades and no quotes.
        """
        chosen: Dict[str, Sequence[Series]] = {}
        for symbol in {name.symbol for name in self._series}:
            own = [one for name, one in self._series.items() if name.symbol == symbol]
            ticks = [one for one in own if not one.is_bars]
            finest = min(own, key=lambda one: tuple(one.subscription[1:3]))
            chosen[symbol] = ticks or [finest]
        return chosen

    def _source_for(self, subscription: Subscription) -> Series:
        own = [one for name, one in self._series.items() if name.symbol == subscription.symbol]
        if not own:
            known = ", ".join(sorted({name.symbol for name in self._series}))
            raise UnknownInstrumentError(subscription.symbol, "the paper venue", known)
        frame = (subscription.timeframe, subscription.compression)
        usable = [one for one in own if can_aggregate(one.subscription, *frame)]
        if subscription.quotes or not usable:
            there = ", ".join(_name(one.subscription) for one in own)
            raise UnsupportedError(
                f"{subscription.symbol} has {there}; {_name(subscription)} cannot be made of that"
            )
        # The coarsest of the bars is the least work; ticks know more than bars of others.
        return max(usable, key=lambda one: tuple(one.subscription[1:3]))


def _name(subscription: Subscription) -> str:
    if subscription.quotes:
        return "quotes"
    if subscription.timeframe == TimeFrame.TICKS:
        return "ticks"
    return timeframe_name(subscription.timeframe, subscription.compression)


def between(
    events: Sequence[Event],
    times: Sequence[int],
    start_ns: Optional[int],
    end_ns: Optional[int],
    count: Optional[int],
    known: int,
) -> List[Event]:
    """Return, of the first ``known`` events, the newest ``count`` in start <= time <= end."""
    first = 0 if start_ns is None else bisect.bisect_left(times, start_ns, 0, known)
    last = known if end_ns is None else bisect.bisect_right(times, end_ns, 0, known)
    if count is not None:
        first = max(first, last - count)
    return list(events[first:last]) if first < last else []
