"""Streams of market data: counted, asked for once, and asked for again after a break."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Callable, Dict, Optional, Tuple, Union

from btstores.errors import LinkError
from btstores.reports import Bar, HistoryReport, LinkReport, LinkState, Subscription, Tick

if TYPE_CHECKING:
    from btstores.stores.base import BaseStore

__all__ = ["Streams"]

log = logging.getLogger(__name__)


class Streams:
    """The subscriptions of one store, and its questions for history."""

    def __init__(self, store: BaseStore) -> None:
        self._store = store
        self._users: Dict[Subscription, int] = {}

    def add(self, subscription: Subscription) -> None:
        """Count one more user, and ask the venue with the first."""
        users = self._users.get(subscription, 0)
        self._users[subscription] = users + 1
        if users == 0:
            self._store.outbox.submit(lambda: self._begin(subscription))

    def remove(self, subscription: Subscription) -> None:
        """Count one user less, and tell the venue with the last."""
        users = self._users.get(subscription, 0) - 1
        if users > 0:
            self._users[subscription] = users
        elif self._users.pop(subscription, None) is not None:
            self._store.outbox.submit(lambda: self._unsubscribe(subscription))

    def restore(self) -> None:
        """Ask the venue again for all; on the sending thread. Raises `LinkError`."""
        for subscription in list(self._users):
            self._subscribe(subscription)

    def clear(self) -> None:
        """Forget all, when the link is gone for good."""
        self._users.clear()

    def fetch(
        self,
        request_id: int,
        subscription: Subscription,
        start_ns: Optional[int],
        end_ns: Optional[int],
        count: Optional[int],
    ) -> None:
        """Ask for history; the answer comes as a `HistoryReport`, also when there is none."""

        def ask() -> None:
            bars: Tuple[Union[Bar, Tick], ...] = ()
            error = None
            try:
                gateway = self._store.gateway
                bars = tuple(gateway.history(subscription, start_ns, end_ns, count))
            except Exception as problem:
                error = str(problem) or type(problem).__name__
            self._store.put(HistoryReport(request_id, subscription, bars, error))

        # In line behind the subscription, or bars in between would be in neither.
        store = self._store
        store.outbox.submit(lambda: store.queries.submit(ask))

    def _begin(self, subscription: Subscription) -> None:
        try:
            self._subscribe(subscription)
        except LinkError as error:
            # It is asked for again when the link is back.
            now_ns = self._store.clock.time_ns()
            self._store.put(LinkReport(LinkState.DOWN, now_ns, detail=str(error)))

    def _subscribe(self, subscription: Subscription) -> None:
        self._call(self._store.gateway.subscribe, subscription, LinkState.SUBSCRIBED)

    def _unsubscribe(self, subscription: Subscription) -> None:
        self._call(self._store.gateway.unsubscribe, subscription, None)

    def _call(
        self,
        function: Callable[[Subscription], None],
        subscription: Subscription,
        state: Optional[LinkState],
    ) -> None:
        detail = ""
        try:
            function(subscription)
        except LinkError:
            if state is not None:
                raise
        except Exception as error:
            log.warning("%s.failed %s: %s", function.__name__, subscription, error)
            state, detail = state and LinkState.REFUSED, str(error)
        if state is not None:
            now_ns = self._store.clock.time_ns()
            self._store.put(LinkReport(state, now_ns, subscription, detail))
