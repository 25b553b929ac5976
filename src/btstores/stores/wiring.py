"""What the contingent engine asks of a store: `btstores.orders.contingent.Actions`."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Tuple

from btstores.clock import NS_PER_SECOND, Timer
from btstores.errors import BtstoresError
from btstores.instruments import TimeFrame, round_to_grid
from btstores.orders.book import OrderRecord
from btstores.orders.legs import Leg
from btstores.orders.watch import Source
from btstores.reports import OrderReport, OrderRequest, Subscription, TimerReport
from btstores.stores.sender import OrderSender

if TYPE_CHECKING:
    from btstores.stores.base import BaseStore

__all__ = ["AUTO", "Wiring"]

log = logging.getLogger(__name__)

#: `trigger_on`: the best kind of price that the venue has.
AUTO = "auto"


class Wiring:
    """Connects the engine to sender, journal, clock, inbox and market data."""

    def __init__(self, store: BaseStore, sender: OrderSender) -> None:
        self._store = store
        self._sender = sender
        self._watched: Dict[str, Tuple[str, Subscription]] = {}

    @property
    def ready(self) -> bool:
        """Return whether requests can be sent."""
        return self._store.authenticated

    def now_ns(self) -> int:
        """Return the time."""
        return self._store.clock.time_ns()

    def new_id(self) -> str:
        """Return a new client order id."""
        return self._store.clock.new_id()

    def fit(self, request: OrderRequest, limit: float) -> float:
        """Return a limit on the instrument's grid, never a worse one."""
        instrument = self._store.known_instrument(request.symbol)
        tick = instrument.tick_at(limit) if instrument is not None else None
        return limit if tick is None else round_to_grid(limit, tick, -request.side.sign)

    def place(self, record: OrderRecord, request: OrderRequest) -> None:
        """Send ``request`` for an order."""
        if request.client_order_id != record.client_order_id:
            self._store.book.add_alias(record, request.client_order_id)
        self._sender.place([(record, request)], must=True)

    def cancel(self, record: OrderRecord) -> None:
        """Ask for the cancellation of what works of an order."""
        self._sender.cancel(record)

    @property
    def can_resize(self) -> bool:
        """Return whether the venue can change the size of an order."""
        return "size" in self._store.capabilities.modify

    @property
    def pause_ns(self) -> int:
        """Return how far apart changes are that use half of what the venue takes."""
        pauses = [
            2 * rate.seconds / rate.requests
            for rate in self._store.capabilities.rates
            if "modify" in rate.kinds
        ]
        return round(max(pauses, default=0.0) * NS_PER_SECOND)

    def resize(self, record: OrderRecord, size: float) -> None:
        """Ask for another size."""
        self._sender.modify(record, size=size)

    def tell(self, report: OrderReport) -> None:
        """Report what becomes of an order that is kept here."""
        self._store.put(report)

    def alert(self, msg: str, *args: Any) -> None:
        """Tell strategies what they must look at."""
        self._store.put_notification(msg, *args)

    def keep(self, leg: Leg) -> None:
        """Write the state of a leg into the journal."""
        try:
            self._store.journal.append("leg", leg.to_dict())
        except BtstoresError as error:
            self._store.desk.journal_failed(error)

    def wake_at(self, time_ns: int, client_order_id: str) -> Timer:
        """Report when the time has come."""
        store = self._store
        return store.clock.call_at(
            time_ns, lambda: store.put(TimerReport(time_ns, client_order_id))
        )

    def day_ends_ns(self, symbol: str) -> Optional[int]:
        """Return when regular trading of a symbol's day ends; None if that is not known."""
        sessions = self._store.get_market_config().sessions_of(symbol)
        return None if sessions is None else sessions.end_of_day(self.now_ns())

    def opens_ns(self, symbol: str) -> Optional[int]:
        """Return when a symbol opens for the next time; None if that is not known."""
        sessions = self._store.get_market_config().sessions_of(symbol)
        return None if sessions is None else sessions.next_open(self.now_ns())

    # The prices that trigger.

    def source_of(self, symbol: str) -> Optional[Tuple[str, Subscription]]:
        """Return the kind of prices to trigger by and their stream, or None."""
        wanted = self._store.params.trigger_on
        for source in Source.ALL if wanted == AUTO else (wanted,):
            subscription = self._stream(source, symbol)
            if subscription is not None and not self._store.problem_of(subscription):
                return source, subscription
        return None

    def _stream(self, source: str, symbol: str) -> Optional[Subscription]:
        if source != Source.BARS:
            return Subscription(symbol, int(TimeFrame.TICKS), 1, source == Source.QUOTES)
        # A venue may have streams of an instrument under other names: those are at other prices.
        streams = [data.subscription for data in self._store.datas.values()]
        shown: List[Subscription] = [each for each in streams if each.symbol == symbol]
        bars = [each for each in shown if each.timeframe != TimeFrame.TICKS]
        if bars:
            return min(bars, key=lambda each: (each.timeframe, each.compression))
        frames = self._store.capabilities.timeframes
        if not frames:
            return None
        timeframe, compression = min(frames)
        return Subscription(symbol, timeframe, compression or 1)

    def watch(self, symbol: str) -> str:
        """Ask for the prices of a symbol, unless they come already; return their kind."""
        if symbol in self._watched:
            return self._watched[symbol][0]
        found = self.source_of(symbol)
        if found is None:
            self._store.put_notification("no prices to trigger by", symbol)
            return Source.TICKS
        source, subscription = self._watched[symbol] = found
        self._store.streams.add(subscription)
        return source

    def unwatch(self, symbol: str) -> None:
        """Ask for them no more."""
        source_and_stream = self._watched.pop(symbol, None)
        if source_and_stream is not None:
            self._store.streams.remove(source_and_stream[1])

    def stop(self) -> None:
        """Forget what was asked for: all streams end with the store."""
        self._watched.clear()
