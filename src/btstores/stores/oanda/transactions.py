"""The account's transactions: each is handled once, whichever way it comes, and none is missed."""

from __future__ import annotations

import math
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Set, Tuple

from btstores.clock import Clock
from btstores.inbox import Guard
from btstores.reports import OrderEvent, OrderReport, Report
from btstores.stores.oanda.convert import number_of, reports_of
from btstores.stores.oanda.exits import Exits

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
        #: What an open trade is about, by its id, for the orders that end it.
        self.trades: Dict[str, Mapping[str, Any]] = {}
        self._exits = Exits()
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
            reports = self._reports_of(row)
            # In the lock: what comes of two transactions is told in the order of their handling.
            if put is not None:
                for report in reports:
                    put(report)

    def _reports_of(self, row: Mapping[str, Any]) -> List[Report]:
        now_ns = self._clock.time_ns()
        reports = reports_of(row, self.trades, now_ns)
        if self._exits.is_same(row):
            # A change of its exits is none of the entry; but its id is another.
            reports = [
                one._replace(event=OrderEvent.ACCEPTED) if isinstance(one, OrderReport) else one
                for one in reports
            ]
        return reports + self._exits.hear(row, self.trades, now_ns)

    def take(
        self, orders: Iterable[Mapping[str, Any]], trades: Mapping[str, Mapping[str, Any]]
    ) -> List[OrderReport]:
        """Take the account's pending orders and open trades; return the exits on entries."""
        with self._lock:
            self.trades.update(trades)
            return self._exits.take(orders, self._clock.time_ns())

    def entry_of(self, client_order_id: str) -> Optional[Tuple[str, str]]:
        """Return the order on which an exit waits, and the field that it is there."""
        with self._lock:
            return self._exits.entry_of(client_order_id)

    def _advance(self) -> None:
        while self.last_id + 1 in self._beyond:
            self.last_id += 1
            self._beyond.discard(self.last_id)

    def _learn(self, row: Mapping[str, Any]) -> None:
        """Remember what a new trade is about, and how much is left of one."""
        if row.get("type") != "ORDER_FILL":
            return
        opened, reduced = row.get("tradeOpened"), row.get("tradeReduced")
        if isinstance(opened, dict):
            self.trades[str(opened.get("tradeID"))] = {
                "instrument": row.get("instrument"),
                "currentUnits": opened.get("units"),
            }
        if isinstance(reduced, dict):
            trade_id = str(reduced.get("tradeID"))
            trade = self.trades.get(trade_id, {})
            units, part = number_of(trade.get("currentUnits")), number_of(reduced.get("units"))
            if units is not None and part is not None:
                left = math.copysign(max(0.0, abs(units) - abs(part)), units)
                self.trades[trade_id] = {**trade, "currentUnits": left}
        for closed in row.get("tradesClosed") or ():
            if isinstance(closed, dict):
                self.trades.pop(str(closed.get("tradeID")), None)

    def is_behind(self, last_id: Any) -> bool:
        """Return whether the venue has transactions that have not been heard."""
        try:
            return int(str(last_id)) > self.last_id
        except ValueError:
            return False
