"""The link of one store to its venue: up, down, and up again."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Optional

from btstores.clock import NS_PER_SECOND, SimulatedClock, Timer
from btstores.errors import LinkError
from btstores.inbox import Signal
from btstores.reports import LinkReport, LinkState

if TYPE_CHECKING:
    from btstores.stores.base import BaseStore

__all__ = ["Link"]

log = logging.getLogger(__name__)

_LONGEST_WAIT = 60.0


class Link:
    """Brings the link up on the sending thread, and tries again when it breaks."""

    def __init__(self, store: BaseStore) -> None:
        self._store = store
        self._attempts = 0
        self._retry: Optional[Timer] = None

    @property
    def tries(self) -> int:
        """Return how many attempts there have been since the link broke."""
        return self._attempts

    def reset(self) -> None:
        """Wait as short as ever before the next attempt."""
        self._attempts = 0

    def bring_up(self) -> None:
        """Do the one recovery path: connect, mass status, subscribe. Raises `LinkError`."""
        store = self._store
        store.gateway.connect(store.put, store.params.timeout)
        store.put(LinkReport(LinkState.UP, store.clock.time_ns()))
        store.put(store.gateway.mass_status(store.recovery.wanted_since_ns()))
        store.streams.restore()
        store.put(LinkReport(LinkState.READY, store.clock.time_ns()))

    def begin(self) -> None:
        """Bring the link up for the first time; try again for ``start_timeout`` seconds.

        Raises `LinkError`. Other errors, such as a password that is refused, end it at once.
        """
        store = self._store
        seconds: float = store.params.start_timeout
        give_up_ns = store.clock.monotonic_ns() + round(seconds * NS_PER_SECOND)
        while True:
            try:
                self.bring_up()
                return
            except (LinkError, OSError) as error:
                wait = self._next_wait()
                wait_ns = round(wait * NS_PER_SECOND)
                if store.clock.monotonic_ns() + wait_ns >= give_up_ns:
                    raise
                log.warning("connect.failed store=%s again=%.1f s: %s", store.name, wait, error)
                store.put_notification("no link yet", str(error))
            self.log_out()
            if isinstance(store.clock, SimulatedClock):
                store.clock.advance(wait)
            else:
                Signal().wait(wait)

    def log_out(self) -> None:
        """Disconnect; what goes wrong is only logged."""
        try:
            self._store.gateway.disconnect()
        except Exception as error:
            log.warning("disconnect.failed store=%s error=%s", self._store.name, error)

    def retry_later(self) -> None:
        """Try again after a while, which grows from attempt to attempt."""
        store = self._store
        if self._retry is not None and not self._retry.cancelled:
            return  # a venue may tell twice, or once more while it is disconnected
        wait = self._next_wait()
        self._retry = store.clock.call_later(wait, lambda: store.outbox.submit(self._reconnect))

    def _next_wait(self) -> float:
        """Return the seconds to the next attempt, which grow and differ from store to store."""
        store = self._store
        # The power is bounded: a week-end of attempts would not fit a float.
        wait: float = store.params.reconnect_interval * 2.0 ** min(self._attempts, 10)
        self._attempts += 1
        return min(_LONGEST_WAIT, wait) * (0.75 + 0.5 * store.clock.random.random())

    def give_up(self) -> None:
        """Try no more."""
        if self._retry is not None:
            self._retry.cancel()

    def _reconnect(self) -> None:
        store = self._store
        if store.stopped or store.authenticated:
            return  # a venue may tell twice that the link is down
        try:
            store.gateway.disconnect()
            self.bring_up()
        except Exception as error:
            log.warning("reconnect.failed store=%s error=%s", store.name, error)
            store.put(LinkReport(LinkState.DOWN, store.clock.time_ns(), detail=str(error)))
