"""An account at a simulated OANDA under control, for the conformance suite."""

from __future__ import annotations

import threading
from typing import Any, ClassVar, Optional, Tuple

from btstores.clock import NS_PER_SECOND, Clock, wall_clock
from btstores.instruments import Instrument, TimeFrame
from btstores.reports import OrderRequest, OrderType, Quote
from btstores.sim.prices.series import series_of
from btstores.sim.switches import Faults
from btstores.stores.oanda.simulator import AccountConfig
from btstores.stores.oanda.simulator.faults import FAULTS
from btstores.stores.oanda.simulator.orders import Order
from btstores.stores.oanda.simulator.server import OandaServer
from btstores.stores.oanda.simulator.venue import Oanda
from btstores.stores.oanda.store import OandaStore
from btstores.testing.venue import Venue

SPEED = 20.0


class OandaVenue(Venue):
    """OANDA in this process, the genuine client, and a price that stays where it is put."""

    store_name = OandaStore.name
    symbol = "EUR_USD"
    timeframe = TimeFrame.TICKS
    size = 1000.0
    lot = 100
    speed: ClassVar[float] = SPEED
    patience = 3600.0
    expiry = 5.0
    qcheck = 0.01
    timeout = 30.0 * SPEED
    account: ClassVar[AccountConfig] = AccountConfig()
    #: Wednesday 2024-01-03, 16:50 in New York: the day ends in ten minutes.
    start_ns: ClassVar[int] = 1_704_318_600 * NS_PER_SECOND
    start_price: ClassVar[float] = 1.1

    def __init__(self, **params: Any) -> None:
        self._params = params
        self._bid = self._ask = self.start_price
        self._telling = threading.Lock()
        self._server: Optional[OandaServer] = None
        self._beating = False

    @classmethod
    def store_of_process(cls, port: int, journal: str, clock: Clock) -> OandaStore:
        """Return a store for another process than the venue's."""
        make: Any = OandaStore
        store: OandaStore = make(
            port=port, token="a-token", journal=journal, clock=clock, reconnect_interval=0.2
        )
        return store

    def place(self) -> Tuple[int, Clock]:
        """Return where the venue is for another process, and its clock."""
        server = self._running()
        return server.port, server.venue.clock

    def make_store(self, **params: Any) -> OandaStore:
        server = self._running()
        make: Any = OandaStore
        store: OandaStore = make(
            port=server.port,
            token="a-token",
            clock=server.venue.clock,
            timeout=20.0,
            reconnect_interval=0.2,
            **{**self._params, **params},
        )
        store.desk.sender.keep_to(())
        return store

    def _running(self) -> OandaServer:
        if self._server is None:
            first = Quote(self.symbol, self.start_ns - 1, self._bid, self._ask)
            series = series_of(Instrument(self.symbol), [first], TimeFrame.TICKS, quotes=True)
            accounts = (self.account,)
            venue = Oanda([series], wall_clock(), accounts, self.start_ns, SPEED)
            faults = Faults(FAULTS)
            self._server = OandaServer(venue, faults, wall_clock(), heartbeat=0.5, throttled=False)
            self._server.start()
            self._beating = True
            self._beat()
        return self._server

    def _beat(self) -> None:
        """Tell the price of the moment, twenty times a second."""
        server = self._server
        if self._beating and server is not None:
            self._tell()
            server.venue.clock.call_later(1.0 / SPEED, self._beat)

    def _tell(self) -> None:
        assert self._server is not None
        venue = self._server.venue
        with self._telling, venue.lock:
            venue.happen(Quote(self.symbol, venue.clock.time_ns(), self._bid, self._ask))

    @property
    def desk(self) -> Any:
        """Return what deals for the account."""
        assert self._server is not None
        return self._server.venue.dealers[self.account.account_id]

    def close(self) -> None:
        self._beating = False
        if self._server is not None:
            self._server.stop()

    # Powers

    def trade(self, price: float, size: Optional[float] = None) -> None:
        before = self._bid, self._ask
        self._bid = self._ask = price
        self._tell()
        if size is not None:
            self._bid, self._ask = before
            self._tell()

    def quote(self, bid: float, ask: float) -> None:
        self._bid, self._ask = bid, ask
        self._tell()

    def halt(self, halted: bool) -> None:
        assert self._server is not None
        with self._server.venue.lock:
            self._server.venue.rates.boards[self.symbol].halted = halted

    def foreign_order(self, gateway: Any, request: OrderRequest) -> None:
        kind = {OrderType.MARKET: "MARKET", OrderType.LIMIT: "LIMIT"}[request.order_type]
        order = Order(kind, self.symbol, request.side.sign * request.size, request.price)
        order.client = {"id": request.client_order_id}
        order.tif = "FOK" if kind == "MARKET" else "GTC"
        venue = self._running().venue
        with venue.lock, self.desk.account.ledger.batch():
            self.desk.take(order)

    def foreign_cancel(
        self, gateway: Any, client_order_id: str, venue_order_id: Optional[str]
    ) -> None:
        venue, account = self._running().venue, self.desk.account
        with venue.lock, account.ledger.batch():
            self.desk.cancel(account.order_of(f"@{client_order_id}"))


class HedgingVenue(OandaVenue):
    """An account that may be long and short at once."""

    account = AccountConfig("101-004-1234567-002", hedging=True, first_id=990)
