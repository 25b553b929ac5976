"""Older bars of another feed, shown before the venue's own."""

from __future__ import annotations

from typing import Any

from btstores.feeds.times import num_to_ns

__all__ = ["BackfillSource"]


class BackfillSource:
    """Reads another feed one bar at a time. It may be backtrader's own or a `StoreFeed`."""

    def __init__(self, feed: Any) -> None:
        self._feed = feed
        self._loaded = False
        #: Whether the other feed has no more bars.
        self.over = False

    def ready(self) -> bool:
        """Return whether a bar is at hand; look for one if need be."""
        if not self._loaded and not self.over:
            # A feed of ours that is read by another takes no part in the engine's cycle.
            is_ours = hasattr(self._feed, "load_next")
            loaded = self._feed.load_next() if is_ours else self._feed.next()
            self._loaded = bool(loaded)
            # None is a live feed's word for: not yet.
            self.over = not loaded and (loaded is not None or not is_ours)
        return self._loaded

    @property
    def time_ns(self) -> int:
        """Return the time of the bar at hand in epoch nanoseconds, UTC."""
        return num_to_ns(self._feed.lines.datetime[0])

    def show(self, lines: Any) -> None:
        """Copy the bar at hand into ``lines``, by name, and let go of it."""
        self._loaded = False
        for name in lines.getlinealiases():
            line = getattr(self._feed.lines, name, None)
            if line is not None:
                getattr(lines, name)[0] = line[0]
