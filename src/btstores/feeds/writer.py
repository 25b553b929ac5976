"""Writes bars and ticks into the lines of a feed."""

from __future__ import annotations

from typing import Any, Tuple, Union

from btstores.feeds.times import ns_to_num
from btstores.reports import Bar, Tick

__all__ = ["LineWriter"]

_FIELDS = ("datetime", "open", "high", "low", "close", "volume", "openinterest")


class LineWriter:
    """Knows the lines of one feed, which backtrader looks up by name with each access."""

    def __init__(self, feed: Any) -> None:
        self._feed = feed
        self._all = [getattr(feed.lines, name) for name in _FIELDS]
        known = {id(line) for line in self._all}
        self._others = [line for line in feed.lines.lines if id(line) not in known]
        names = [name for name in feed.getlinealiases() if name != "datetime"]
        self._ticks = [(f"tick_{name}", getattr(feed.lines, name)) for name in names]

    def show(self, item: Union[Bar, Tick]) -> None:
        """Make the current bar the given one."""
        for line, value in zip(self._all, _values(item)):
            line[0] = value

    def append(self, item: Union[Bar, Tick]) -> None:
        """Move on by one bar, the given one: `forward` and `show` with one step for each line."""
        for line, value in zip(self._all, _values(item)):
            line.forward(value)
            if line.bindings:
                line[0] = value
        for line in self._others:
            line.forward()

    def fill_tick(self) -> None:
        """Take the current bar for what backtrader calls the tick."""
        feed = self._feed
        for name, line in self._ticks:
            setattr(feed, name, line[0])
        feed.tick_last = feed.tick_close


def _values(item: Union[Bar, Tick]) -> Tuple[float, ...]:
    """Return what lines show of a bar or a tick, in the order of the fields."""
    when = ns_to_num(item.time_ns)
    if isinstance(item, Tick):
        price = item.price
        return when, price, price, price, price, item.size or 0.0, 0.0
    volume, openinterest = item.volume or 0.0, item.openinterest or 0.0
    return when, item.open, item.high, item.low, item.close, volume, openinterest
