"""Follows the link to the venue."""

from __future__ import annotations

from typing import Any, Callable, Dict, Optional

from btstores.handlers.base import Handler, name_of, tell_all
from btstores.reports import LinkReport, LinkState, Subscription

__all__ = ["LinkHandler"]

Watcher = Callable[[LinkReport], None]

_CONNECTED = frozenset({LinkState.UP, LinkState.READY})


class LinkHandler(Handler):
    """State of the link as a whole; news of one subscription goes to the watchers only."""

    reports = (LinkReport,)

    def __init__(self) -> None:
        self.state = LinkState.DOWN
        self._watchers: Dict[Any, Watcher] = {}
        #: By subscription those who watch that one; by None those who watch all.
        self._watching: Dict[Optional[Subscription], Dict[Any, Watcher]] = {None: {}}

    @property
    def connected(self) -> bool:
        """Return whether the venue can be reached."""
        return self.state in _CONNECTED

    @property
    def ready(self) -> bool:
        """Return whether orders may be sent."""
        return self.state is LinkState.READY

    def watch(self, watcher: Watcher, *subscriptions: Subscription) -> None:
        """Call ``watcher`` with all news of the link, and with those of its subscriptions.

        Without any it is called with those of all.
        """
        name = name_of(watcher)
        self._watchers[name] = watcher
        for subscription in subscriptions or (None,):
            self._watching.setdefault(subscription, {})[name] = watcher

    def unwatch(self, watcher: Watcher, *subscriptions: Subscription) -> None:
        """Stop calling ``watcher``, who watched the same."""
        name = name_of(watcher)
        self._watchers.pop(name, None)
        for subscription in subscriptions or (None,):
            self._watching.get(subscription, {}).pop(name, None)

    def handle(self, report: LinkReport) -> None:
        if report.subscription is None:
            self.state = report.state
        self.on_link(report)

    def on_link(self, report: LinkReport) -> None:
        """Hear of the link, or of one subscription."""
        if report.subscription is None:
            tell_all(list(self._watchers.values()), report)
            return
        for watching in (self._watching.get(report.subscription, {}), self._watching[None]):
            tell_all(list(watching.values()), report)
