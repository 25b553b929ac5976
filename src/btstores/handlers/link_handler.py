"""Follows the link to the venue."""

from __future__ import annotations

from typing import Callable, List

from btstores.handlers.base import Handler, drop, tell_all
from btstores.reports import LinkReport, LinkState

__all__ = ["LinkHandler"]

_CONNECTED = frozenset({LinkState.UP, LinkState.READY})


class LinkHandler(Handler):
    """State of the link as a whole; news of one subscription goes to the watchers only."""

    reports = (LinkReport,)

    def __init__(self) -> None:
        self.state = LinkState.DOWN
        self._watchers: List[Callable[[LinkReport], None]] = []

    @property
    def connected(self) -> bool:
        """Return whether the venue can be reached."""
        return self.state in _CONNECTED

    @property
    def ready(self) -> bool:
        """Return whether orders may be sent."""
        return self.state is LinkState.READY

    def watch(self, watcher: Callable[[LinkReport], None]) -> None:
        """Call ``watcher`` with all news of the link and of subscriptions."""
        self._watchers.append(watcher)

    def unwatch(self, watcher: Callable[[LinkReport], None]) -> None:
        """Stop calling ``watcher``."""
        drop(self._watchers, watcher)

    def handle(self, report: LinkReport) -> None:
        if report.subscription is None:
            self.state = report.state
        self.on_link(report)

    def on_link(self, report: LinkReport) -> None:
        """Hear of the link, or of one subscription."""
        tell_all(list(self._watchers), report)
