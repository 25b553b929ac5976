"""A store at a simulated venue without a Cerebro, and what it is told."""

from __future__ import annotations

from typing import Any, Callable, List

from btstores.handlers.base import Listener
from btstores.orders.book import OrderRecord
from btstores.reports import (
    Bar,
    FillReport,
    LinkReport,
    LinkState,
    OrderEvent,
    OrderRequest,
    OrderType,
    Quote,
    Side,
    Tick,
)
from btstores.stores.base import BaseStore
from tests.support.opend import wait_for

__all__ = ["Stage"]


class Ears(Listener):
    """Keeps what becomes of the orders that are the store's own."""

    def __init__(self) -> None:
        self.events: List[OrderEvent] = []
        self.fills: List[FillReport] = []

    def on_order(self, record: OrderRecord, event: OrderEvent) -> None:
        self.events.append(event)

    def on_fill(self, record: OrderRecord, fill: FillReport) -> None:
        if not record.foreign:
            self.fills.append(fill)


class Stage:
    """What the store is told is in the lists. Orders are for ``size``, in a market at ``price``."""

    def __init__(self, store: BaseStore, symbol: str, size: float, price: float) -> None:
        self.store = store
        self._symbol, self._size, self._price = symbol, size, price
        self.ears = Ears()
        store.set_listener(self.ears)
        self.bars: List[Bar] = []
        self.ticks: List[Tick] = []
        self.quotes: List[Quote] = []
        self.links: List[LinkReport] = []
        self.news: List[Any] = []
        kept: Any = {
            Bar: self.bars,
            Tick: self.ticks,
            Quote: self.quotes,
            LinkReport: self.links,
        }
        for kind, told in kept.items():
            store._dispatch.add(kind, told.append)

    def until(self, condition: Callable[[], bool], limit: float = 10.0) -> None:
        def look() -> bool:
            self.store.process_events()
            self.news += self.store.get_notifications()
            return condition()

        wait_for(look, limit)

    def connect(self) -> Stage:
        self.store.connect()
        self.until(lambda: self.store.authenticated)
        return self

    def order(
        self, size: Any = None, price: Any = None, side: Side = Side.BUY, **extras: Any
    ) -> OrderRecord:
        kind = OrderType.MARKET if price is None else OrderType.LIMIT
        request = OrderRequest(
            self.store.clock.new_id(),
            self._symbol,
            side,
            self._size if size is None else size,
            kind,
            price,
            reference_price=self._price,
            time_ns=self.store.clock.time_ns(),
            extras=extras,
        )
        record = OrderRecord(request)
        self.store.order_create(record)
        return record

    def held(self) -> float:
        report = self.store.position_handler.positions.get(self._symbol)
        return 0.0 if report is None else report.size

    def told(self, *events: OrderEvent) -> None:
        """Wait until the newest events are these."""
        self.until(lambda: self.ears.events[-len(events) :] == list(events))

    def has_been(self, state: LinkState, since: int = 0) -> bool:
        """Return whether the link has been in a state after so many reports."""
        return any(link.state is state and not link.subscription for link in self.links[since:])

    def is_back(self, since: int) -> bool:
        """Return whether the link has broken, after so many reports, and is back."""
        states = [link.state for link in self.links[since:] if link.subscription is None]
        return LinkState.DOWN in states and states[-1] is LinkState.READY
