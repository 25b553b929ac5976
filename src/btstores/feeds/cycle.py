"""One cycle of the engine, shared by all feeds of a Cerebro.

Stock Cerebro polls its feeds one after the other, twice per cycle, and a feed that waits
makes all the others late. Here the first feed polled in a cycle does the waiting for all:
it ends as soon as any store has a report, whatever it is about. The feeds then agree on
the earliest bar at hand, so that no feed loads a bar that the engine would put back.
"""

from __future__ import annotations

from typing import Any, Dict, List, Optional

from btstores.inbox import Wakeup

__all__ = ["NOTHING_YET", "Cycle"]

#: Before any time.
NOTHING_YET = -(2**63)


class Cycle:
    """What the feeds, stores and brokers of one Cerebro know of each other."""

    def __init__(self, wakeup: Wakeup) -> None:
        self.wakeup = wakeup
        self.stores: List[Any] = []
        #: By id: backtrader's lines compare to new lines.
        self.feeds: Dict[int, Any] = {}
        self.brokers: List[Any] = []
        #: Time of the earliest bar at hand in this cycle, or None when there is none.
        self.horizon_ns: Optional[int] = None
        #: Whether that bar belongs to a feed that shows bars as they come, unresampled.
        self.plain_due = False
        self._begun = -1

    @classmethod
    def of(cls, cerebro: Any) -> Cycle:
        """Return the one of ``cerebro``, made when first asked for.

        It is kept on the Cerebro itself, so that both go together.
        """
        cycle: Optional[Cycle] = getattr(cerebro, "_btstores_cycle", None)
        if cycle is None:
            kind = getattr(cerebro, "_btstores_cycle_kind", cls)
            cycle = cerebro._btstores_cycle = kind(Wakeup())
        return cycle

    def add_store(self, store: Any) -> None:
        """Let reports of ``store`` end the wait."""
        if store not in self.stores:
            self.stores.append(store)
            store.attach(self.wakeup)

    def add_feed(self, feed: Any) -> None:
        """Poll ``feed`` in each cycle."""
        self.remove_feed(feed)
        self.feeds[id(feed)] = feed

    def remove_feed(self, feed: Any) -> None:
        """Stop polling ``feed``."""
        self.feeds.pop(id(feed), None)

    def touch(self, feed: Any) -> None:
        """Hear that ``feed`` may have something to show or to tell. Here all are asked anyway."""

    def begin(self, timeout: float) -> None:
        """Handle what has arrived and, when no feed has anything, wait. Once per cycle."""
        if self._begun == self.wakeup.cycle:
            return
        self._begun = self.wakeup.cycle
        # What has just been heard may have left a status to tell, so that is no time to wait.
        if not self._process() and not self._anything():
            if self.wakeup.wait(timeout):
                self._process()
            else:
                for store in self.stores:
                    store.idle()
        self._look()

    def _process(self) -> int:
        return sum(store.process_events() for store in self.stores)

    def _anything(self) -> bool:
        # While one feed awaits its history, what the others have cannot be shown.
        held = any(feed.awaits_first_history for feed in self.feeds.values())
        return (
            any(feed.notifs or (not held and feed.haslivedata()) for feed in self.feeds.values())
            or any(broker.has_notification() for broker in self.brokers)
            or all(feed.is_over() for feed in self.feeds.values())
        )

    def _look(self) -> None:
        horizon_ns: Optional[int] = None
        plain_due = awaits_history = False
        for feed in self.feeds.values():
            awaits_history = awaits_history or feed.awaits_first_history
            head_ns = feed.head_ns()
            if head_ns is None:
                continue
            if horizon_ns is None or head_ns < horizon_ns:
                horizon_ns, plain_due = head_ns, False
            if head_ns == horizon_ns and not feed.is_resampled:
                plain_due = True
        # Feeds start together, or one would show days of history before the others.
        self.horizon_ns = NOTHING_YET if awaits_history else horizon_ns
        self.plain_due = plain_due and not awaits_history
