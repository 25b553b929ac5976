"""The account's transactions: each is handled once, whichever way it comes, and none is missed."""

from __future__ import annotations

from typing import Any, Callable, Dict, Mapping, Optional, Set

from btstores.clock import Clock
from btstores.inbox import Guard
from btstores.reports import Report
from btstores.stores.oanda.convert import reports_of

__all__ = ["Transactions"]


class Transactions:
    """Knows which transactions have been heard. Their ids are whole numbers without a gap.

    They come with the answers to requests, in the stream, and from the list that fills a gap.
    Any thread may call it.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = Guard()
        #: All up to this id have been heard; and those beyond it.
        self.last_id = 0
        self._beyond: Set[int] = set()
        #: What a trade is about, by its id, for the orders that end it.
        self.trades: Dict[str, Mapping[str, Any]] = {}
        self.put: Optional[Callable[[Report], None]] = None
        #: How many transactions have changed the account's money or positions.
        self.changes = 0

    def begin(self, last_id: int) -> None:
        """Take all up to an id for heard: a mass status holds what they have led to."""
        with self._lock:
            self.last_id = max(self.last_id, last_id)
            self._beyond = {number for number in self._beyond if number > self.last_id}
            self._advance()

    def hear(self, row: Mapping[str, Any]) -> None:
        """Handle a transaction, unless it has been heard before."""
        try:
            number = int(str(row.get("id")))
        except ValueError:
            return
        with self._lock:
            if number <= self.last_id or number in self._beyond:
                return
            self._beyond.add(number)
            self._advance()
            self._learn(row)
            self.changes += 1
            put = self.put
            reports = reports_of(row, self.trades, self._clock.time_ns())
            # In the lock: what comes of two transactions is told in the order of their handling.
            if put is not None:
                for report in reports:
                    put(report)

    def _advance(self) -> None:
        while self.last_id + 1 in self._beyond:
            self.last_id += 1
            self._beyond.discard(self.last_id)

    def _learn(self, row: Mapping[str, Any]) -> None:
        """Remember what a new trade is about."""
        opened = row.get("tradeOpened")
        if row.get("type") == "ORDER_FILL" and isinstance(opened, dict):
            self.trades[str(opened.get("tradeID"))] = {
                "instrument": row.get("instrument"),
                "currentUnits": opened.get("units"),
            }

    def is_behind(self, last_id: Any) -> bool:
        """Return whether the venue has transactions that have not been heard."""
        try:
            return int(str(last_id)) > self.last_id
        except ValueError:
            return False
