"""A venue in forty lines: what a test wants it to have said, it says."""

from __future__ import annotations

import itertools
from typing import Any, Dict, List, Optional, Sequence, Tuple

from btstores.clock import SimulatedClock
from btstores.errors import UnknownInstrumentError
from btstores.instruments import Instrument
from btstores.reports import (
    LinkReport,
    LinkState,
    MassStatus,
    OrderModification,
    OrderRequest,
    Subscription,
    TimeInForce,
)
from btstores.stores.base import BaseStore, Param
from btstores.stores.gateway import ALL_ORDER_TYPES, Capabilities, Gateway, PutReport

MINUTE = 60 * 10**9
T0 = 1_700_000_040 * 10**9  # on a whole minute


class ScriptedGateway(Gateway):
    """Keeps what it was asked to do and says nothing by itself."""

    capabilities = Capabilities(
        order_types=ALL_ORDER_TYPES,
        bracket=True,
        oco=True,
        tifs=frozenset({TimeInForce.GTC, TimeInForce.DAY, TimeInForce.GTD}),
        modify=frozenset({"size", "price", "limit_price"}),
        short=True,
        fractional=True,
        timeframes=frozenset({(3, 0), (4, 0), (5, 1)}),
        ticks=True,
        quotes=True,
        history=True,
    )

    def __init__(self) -> None:
        self.put: PutReport = lambda report: None
        self.placed: List[OrderRequest] = []
        self.cancelled: List[str] = []
        self.modified: List[OrderModification] = []
        self.subscribed: List[Subscription] = []
        self.bars: Dict[str, List[Any]] = {}
        self.status = MassStatus(0)
        self.cancel_error: Optional[Exception] = None
        self.place_error: Optional[Exception] = None
        self.connect_error: Optional[Exception] = None
        self.history_error: Optional[Exception] = None
        self.asked: List[Tuple[Subscription, Optional[int], Optional[int], Optional[int]]] = []
        self.unsubscribed: List[Subscription] = []
        self.connects = 0

    def connect(self, put: PutReport, timeout: float) -> None:
        if self.connects and self.connect_error is not None:
            raise self.connect_error
        self.put = put
        self.connects += 1

    def break_link(self) -> None:
        """Say that the link is down."""
        self.put(LinkReport(LinkState.DOWN, detail="cable cut"))

    def disconnect(self) -> None:
        self.subscribed.clear()

    def instrument(self, symbol: str) -> Instrument:
        if symbol.startswith("?"):
            raise UnknownInstrumentError(symbol, "scripted")
        return Instrument(symbol)

    def subscribe(self, subscription: Subscription) -> None:
        self.subscribed.append(subscription)

    def unsubscribe(self, subscription: Subscription) -> None:
        self.subscribed.remove(subscription)
        self.unsubscribed.append(subscription)

    def history(
        self,
        subscription: Subscription,
        start_ns: Optional[int],
        end_ns: Optional[int],
        count: Optional[int] = None,
    ) -> Sequence[Any]:
        self.asked.append((subscription, start_ns, end_ns, count))
        if self.history_error is not None:
            raise self.history_error
        bars = self.bars.get(subscription.symbol, [])
        return [bar for bar in bars if start_ns is None or bar.time_ns >= start_ns]

    def place(self, group: Sequence[OrderRequest]) -> None:
        if self.place_error is not None:
            raise self.place_error
        self.placed.extend(group)

    def cancel(self, client_order_id: str, venue_order_id: Optional[str]) -> None:
        if self.cancel_error is not None:
            raise self.cancel_error
        self.cancelled.append(client_order_id)

    def modify(self, modification: OrderModification) -> None:
        self.modified.append(modification)

    def mass_status(self, since_ns: Optional[int] = None) -> MassStatus:
        return self.status


_accounts = itertools.count(1)


def new_store(**params: Any) -> ScriptedStore:
    """Return a store of its own, whatever stores other tests have left behind."""
    store: ScriptedStore = ScriptedStore(account=f"account-{next(_accounts)}", **params)
    return store


class ScriptedStore(BaseStore):
    """A store whose venue is in the hands of the test."""

    name = "scripted"
    capabilities = ScriptedGateway.capabilities
    PARAMS = (Param("gateway", None, (Gateway,), "the scripted venue"),)
    gateway: ScriptedGateway

    @classmethod
    def identity(cls, params: Any) -> Any:
        return params.account

    def make_gateway(self) -> Gateway:
        return self.params.gateway or ScriptedGateway()

    def make_clock(self) -> SimulatedClock:
        return SimulatedClock(T0)
