"""Streams of market data: counted, asked for once, and asked for again after a break."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Callable, Dict, Optional, Sequence, Set, Tuple, Union

from btstores.errors import LinkError, UsageError
from btstores.handlers.data_handler import subscription_of
from btstores.handlers.quality import Quality, read_quality
from btstores.markets.sessions import Sessions
from btstores.reports import (
    Bar,
    HistoryReport,
    LinkReport,
    LinkState,
    Quote,
    Report,
    Subscription,
    Tick,
    TimerReport,
)
from btstores.stores.silence import Silence

if TYPE_CHECKING:
    from btstores.stores.base import BaseStore

__all__ = ["Streams"]

log = logging.getLogger(__name__)

#: Seconds before history that failed is asked for again.
_PAUSES = (1.0, 3.0)
#: Seconds before a stream that was refused after a break is asked for again.
_REFUSED = 30.0


class Streams:
    """The subscriptions of one store, and its questions for history."""

    def __init__(self, store: BaseStore) -> None:
        self._store = store
        self._users: Dict[Subscription, int] = {}
        #: Streams that the venue has sent before.
        self._proven: Set[Subscription] = set()
        policies = read_quality(store.params.quality or store.default_quality)
        self.quality = Quality(policies, self._sessions_of, self._tell, self._halt)
        self.silence = Silence(store)

    def add(self, subscription: Subscription) -> None:
        """Count one more user, and ask the venue with the first."""
        users = self._users.get(subscription, 0)
        self._users[subscription] = users + 1
        if users == 0:
            self.silence.watch(subscription)
            self._store.outbox.submit(lambda: self._begin(subscription))

    def remove(self, subscription: Subscription) -> None:
        """Count one user less, and tell the venue with the last."""
        users = self._users.get(subscription, 0) - 1
        if users > 0:
            self._users[subscription] = users
        elif self._users.pop(subscription, None) is not None:
            self.silence.forget(subscription)
            self._proven.discard(subscription)
            self._store.outbox.submit(lambda: self._unsubscribe(subscription))

    def restore(self) -> None:
        """Ask the venue again for all, and look whether it sends them; on the sending thread.

        Raises `LinkError`.
        """
        asked = [one for one in list(self._users) if self._subscribe(one)]
        for subscription in self._missing(asked):
            self._subscribe(subscription)
        missing = self._missing(asked)
        if missing:
            raise LinkError(f"{self._store.name} does not send {missing[0].symbol}")

    def _missing(self, asked: Sequence[Subscription]) -> Sequence[Subscription]:
        return self._store.gateway.missing(asked) if asked else ()

    def renew(self, subscription: Subscription) -> None:
        """Ask the venue again for a stream that has gone silent."""
        if subscription in self._users and not self._store.stopped:
            self._store.outbox.submit(lambda: self._begin(subscription))

    def clear(self) -> None:
        """Forget all, when the link is gone for good."""
        self._users.clear()
        self._proven.clear()
        self.quality.clear()
        self.silence.clear()

    def hears(self) -> Dict[type, Callable[[Any], None]]:
        """Return what is to be called with which kind of report."""
        return {TimerReport: self.silence.on_timer, LinkReport: self._on_link}

    def _on_link(self, report: LinkReport) -> None:
        if report.state is LinkState.READY:
            self.silence.link_is_back()

    def screen(self, report: Report) -> Optional[Report]:
        """Return a report as it may be read, or None: market data is checked, all else passes."""
        if isinstance(report, (Bar, Tick, Quote)):
            now_ns = self._store.clock.time_ns()
            self.silence.heard(subscription_of(report), now_ns)
            return self.quality.screen(report, now_ns)
        if isinstance(report, HistoryReport):
            return self.quality.screen_history(report, self._store.clock.time_ns())
        return report

    def _sessions_of(self, symbol: str) -> Optional[Sessions]:
        return self._store.get_market_config().sessions_of(symbol)

    def _tell(self, symbol: str, check: str, policy: str, text: str, number: int) -> None:
        log.warning("data.quality symbol=%s check=%s policy=%s %s", symbol, check, policy, text)
        self._store.put_notification("data quality", symbol, check, policy, text, number)

    def _halt(self, text: str) -> None:
        self._store.desk.risk.on_event("bad_data", text)

    def fetch(
        self,
        request_id: int,
        subscription: Subscription,
        start_ns: Optional[int],
        end_ns: Optional[int],
        count: Optional[int],
    ) -> None:
        """Ask for history; the answer comes as a `HistoryReport`, also when there is none.

        What fails is tried again after a while, unless the link is down: then the feeds ask
        again when it is back.
        """
        store, pauses = self._store, iter(_PAUSES)

        def ask() -> None:
            bars: Tuple[Union[Bar, Tick], ...] = ()
            error = None
            try:
                bars = tuple(store.gateway.history(subscription, start_ns, end_ns, count))
            except Exception as problem:
                error = str(problem) or type(problem).__name__
                is_final = isinstance(problem, UsageError) or not store.authenticated
                pause = None if is_final else next(pauses, None)
                if pause is not None:
                    log.info("history.again %s in %g s: %s", subscription, pause, error)
                    store.clock.call_later(pause, again)
                    return
            store.put(HistoryReport(request_id, subscription, bars, error))

        def again() -> None:
            if not store.stopped:
                store.queries.submit(ask)

        # In line behind the subscription, or bars in between would be in neither.
        store.outbox.submit(lambda: store.queries.submit(ask))

    def _begin(self, subscription: Subscription) -> None:
        try:
            self._subscribe(subscription)
        except LinkError as error:
            # It is asked for again when the link is back.
            now_ns = self._store.clock.time_ns()
            self._store.put(LinkReport(LinkState.DOWN, now_ns, detail=str(error)))

    def _subscribe(self, subscription: Subscription) -> bool:
        """Return whether the venue has taken it. Raises `LinkError`."""
        return self._call(self._store.gateway.subscribe, subscription, LinkState.SUBSCRIBED)

    def _unsubscribe(self, subscription: Subscription) -> None:
        self._call(self._store.gateway.unsubscribe, subscription, None)

    def _call(
        self,
        function: Callable[[Subscription], None],
        subscription: Subscription,
        state: Optional[LinkState],
    ) -> bool:
        detail = ""
        try:
            function(subscription)
        except LinkError:
            if state is not None:
                raise
        except Exception as error:
            log.warning("%s.failed %s: %s", function.__name__, subscription, error)
            state, detail = state and LinkState.REFUSED, str(error)
            if state is not None and subscription in self._proven:
                # What was there before the link broke is not gone for good: a quota is full for
                # now, or the venue is not all there yet.
                state = LinkState.SILENT
                self._store.clock.call_later(_REFUSED, lambda: self.renew(subscription))
        if state is not None:
            now_ns = self._store.clock.time_ns()
            self._store.put(LinkReport(state, now_ns, subscription, detail))
        if state is LinkState.SUBSCRIBED:
            self._proven.add(subscription)
        return state is LinkState.SUBSCRIBED
