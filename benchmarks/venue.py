"""A venue that does what a benchmark wants, and its store."""

from __future__ import annotations

import itertools
from typing import Any, Callable, List, Optional, Sequence

import backtrader as bt

from btstores.instruments import Instrument
from btstores.reports import (
    AccountReport,
    Bar,
    FillReport,
    MassStatus,
    OrderRequest,
    OrderType,
    Subscription,
)
from btstores.stores.base import BaseStore, Param
from btstores.stores.gateway import Capabilities, Gateway, PutReport

START_NS = 1_700_000_040 * 10**9
MINUTE_NS = 60 * 10**9


class BenchGateway(Gateway):
    """Hands on what it is told to. ``on_subscribe`` and ``on_place`` are called as their names say.

    ``bars`` gives the history of a symbol.
    """

    capabilities = Capabilities(
        order_types=frozenset({OrderType.MARKET, OrderType.LIMIT}),
        timeframes=frozenset({(4, 1)}),
        ticks=True,
        history=True,
    )

    def __init__(self) -> None:
        self.put: PutReport = lambda report: None
        self.placed: List[OrderRequest] = []
        self.on_subscribe: Callable[[Subscription], None] = lambda subscription: None
        self.on_place: Callable[[OrderRequest], None] = self.placed.append
        self.bars: Callable[[str], Sequence[Any]] = lambda symbol: ()
        self._fill_ids = itertools.count(1)

    def connect(self, put: PutReport, timeout: float) -> None:
        self.put = put

    def disconnect(self) -> None:
        pass

    def instrument(self, symbol: str) -> Instrument:
        return Instrument(symbol)

    def subscribe(self, subscription: Subscription) -> None:
        self.on_subscribe(subscription)

    def unsubscribe(self, subscription: Subscription) -> None:
        pass

    def history(
        self,
        subscription: Subscription,
        start_ns: Optional[int],
        end_ns: Optional[int],
        count: Optional[int] = None,
    ) -> Sequence[Any]:
        return self.bars(subscription.symbol)

    def place(self, group: Sequence[OrderRequest]) -> None:
        for request in group:
            self.on_place(request)

    def cancel(self, client_order_id: str, venue_order_id: Optional[str]) -> None:
        pass

    def mass_status(self, since_ns: Optional[int] = None) -> MassStatus:
        return MassStatus(0, accounts=(AccountReport("bench", "USD", 1e9, 1e9),))

    def fill(self, request: OrderRequest, size: float, price: float, time_ns: int) -> None:
        """Report an execution of ``request``."""
        self.put(
            FillReport(
                f"F{next(self._fill_ids)}",
                request.symbol,
                request.side,
                size,
                price,
                time_ns,
                client_order_id=request.client_order_id,
                venue_order_id=f"V{request.client_order_id}",
            )
        )


class BenchStore(BaseStore):
    """A store of its own for each benchmark, on a `BenchGateway`."""

    name = "bench"
    capabilities = BenchGateway.capabilities
    PARAMS = (Param("gateway", None, (Gateway,), "the venue"),)
    gateway: BenchGateway

    @classmethod
    def identity(cls, params: Any) -> None:
        return None

    def make_gateway(self) -> Gateway:
        return self.params.gateway or BenchGateway()


def price_at(time_ns: int) -> float:
    return 100.0 + (time_ns // MINUTE_NS) % 97


def live_bars(store: BenchStore, symbols: Sequence[str]) -> List[Any]:
    """Return live feeds that get a bar each minute of the store's simulated clock."""
    clock = store.clock

    def minute() -> None:
        now_ns = clock.time_ns()
        price = price_at(now_ns)
        for symbol in symbols:
            store.put(Bar(symbol, 4, 1, now_ns, price, price + 1, price - 1, price, 1000.0))
        clock.call_later(60, minute)

    clock.call_later(60, minute)
    kind = {"timeframe": bt.TimeFrame.Minutes, "compression": 1, "backfill_start": False}
    return [store.getdata(dataname=symbol, **kind) for symbol in symbols]
