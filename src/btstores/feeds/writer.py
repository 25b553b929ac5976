"""Writes bars and ticks into the lines of a feed."""

from __future__ import annotations

from typing import Any, Optional, Union

from btstores.feeds.times import ns_to_num
from btstores.reports import Bar, Tick

__all__ = ["LineWriter"]

_FIELDS = ("open", "high", "low", "close", "volume", "openinterest")


class LineWriter:
    """Knows the lines of one feed, which backtrader looks up by name with each access."""

    def __init__(self, feed: Any) -> None:
        self._feed = feed
        self._datetime = feed.lines.datetime
        self._fields = [getattr(feed.lines, name) for name in _FIELDS]
        names = [name for name in feed.getlinealiases() if name != "datetime"]
        self._ticks = [(f"tick_{name}", getattr(feed.lines, name)) for name in names]

    def show(self, item: Union[Bar, Tick]) -> None:
        """Make the current bar the given one."""
        self._datetime[0] = ns_to_num(item.time_ns)
        if isinstance(item, Bar):
            self._set(item.open, item.high, item.low, item.close, item.volume, item.openinterest)
        else:
            price = item.price
            self._set(price, price, price, price, item.size, None)

    def _set(
        self,
        open_: float,
        high: float,
        low: float,
        close: float,
        volume: Optional[float],
        openinterest: Optional[float],
    ) -> None:
        fields = self._fields
        fields[0][0] = open_
        fields[1][0] = high
        fields[2][0] = low
        fields[3][0] = close
        fields[4][0] = 0.0 if volume is None else volume
        fields[5][0] = 0.0 if openinterest is None else openinterest

    def fill_tick(self) -> None:
        """Take the current bar for what backtrader calls the tick."""
        feed = self._feed
        for name, line in self._ticks:
            setattr(feed, name, line[0])
        feed.tick_last = feed.tick_close
