"""An account at a simulated OpenD under control, for the conformance suite."""

from __future__ import annotations

import dataclasses
import threading
from typing import Any, ClassVar, Optional, Tuple, Union

from btstores.clock import NS_PER_SECOND, Clock, wall_clock
from btstores.instruments import TimeFrame
from btstores.markets import MarketType
from btstores.reports import OrderRequest, OrderType, Quote, Tick
from btstores.sim.prices.series import series_of
from btstores.sim.switches import Faults
from btstores.stores.futu.opend.accountconfig import AccountConfig
from btstores.stores.futu.opend.faults import FAULTS
from btstores.stores.futu.opend.listings import made_up
from btstores.stores.futu.opend.quotes import Quotes
from btstores.stores.futu.opend.server import OpenD
from btstores.stores.futu.opend.trading import Trading
from btstores.stores.futu.opend.world import World
from btstores.stores.futu.store import FutuStore
from btstores.testing.venue import Venue

SPEED = 20.0
MUCH = 1_000_000.0


class OpenDVenue(Venue):
    """OpenD in this process, the genuine client, and a price that stays where it is put."""

    store_name = FutuStore.name
    symbol = "HK.00700"
    timeframe = TimeFrame.TICKS
    size = 1000.0
    lot = 100
    speed: ClassVar[float] = SPEED
    patience = 3600.0
    expiry = 5.0
    qcheck = 0.01
    timeout = 30.0 * SPEED
    market: ClassVar[MarketType] = MarketType.HK_STOCK
    account: ClassVar[AccountConfig] = AccountConfig(7, cash={"HKD": 10_000_000.0}, fees=False)
    #: Wednesday 2024-01-03, 15:50 in Hong Kong: the session ends in ten minutes.
    start_ns: ClassVar[int] = 1_704_268_200 * NS_PER_SECOND
    start_price: ClassVar[float] = 300.0

    def __init__(self, **params: Any) -> None:
        self._params = params
        self._price = self.start_price
        self._quote: Optional[Quote] = None
        self._telling = threading.Lock()
        self._opend: Optional[OpenD] = None
        self._trading: Optional[Trading] = None
        self._world: Optional[World] = None
        self._beating = False

    @classmethod
    def store_of_process(cls, port: int, journal: str, clock: Clock) -> FutuStore:
        """Return a store for another process than the venue's."""
        make: Any = FutuStore
        store: FutuStore = make(port=port, journal=journal, clock=clock, reconnect_interval=0.2)
        return store

    def place(self) -> Tuple[int, Clock]:
        """Return where the venue is for another process, and its clock."""
        opend, world = self._running()
        return opend.port, world.clock

    def make_store(self, **params: Any) -> FutuStore:
        opend, world = self._running()
        make: Any = FutuStore
        store: FutuStore = make(
            port=opend.port,
            market=self.market,
            trade_env=self.account.trd_env,
            clock=world.clock,
            timeout=20.0,
            reconnect_interval=0.2,
            **{**self._params, **params},
        )
        # What OpenD lets through in thirty seconds is tested elsewhere.
        store.capabilities = dataclasses.replace(store.capabilities, rates=())
        store.desk.sender.keep_to(())
        return store

    def _running(self) -> Any:
        if self._opend is None:
            (like,) = made_up((self.symbol,), bars=1)
            first = Tick(self.symbol, self.start_ns - 1, self.start_price, 100.0)
            series = series_of(like.instrument, [first], TimeFrame.TICKS)
            self._world = world = World([series], wall_clock(), speed=SPEED, history=self.start_ns)
            faults = Faults(FAULTS)
            quotes = Quotes(world, faults, throttled=False)
            self._trading = Trading(world, [self.account], faults, throttled=False)
            self._opend = OpenD(world, [quotes, self._trading], port=0, faults=faults)
            self._opend.start()
            self._beating = True
            self._beat()
        return self._opend, self._world

    def _beat(self) -> None:
        """Tell the quote, or trade at the price of the moment, twenty times a second.

        A trade would bring a quote of its own.
        """
        world = self._world
        if self._beating and world is not None:
            with self._telling:
                self._inject(self._quote or Tick(self.symbol, 0, self._price, MUCH))
            world.clock.call_later(1.0 / SPEED, self._beat)

    @property
    def desk(self) -> Any:
        """Return the account as its owner sees it in the app."""
        assert self._trading is not None
        return self._trading.accounts[self.account.acc_id]

    def close(self) -> None:
        self._beating = False
        if self._opend is not None:
            self._opend.stop()

    # Powers

    def trade(self, price: float, size: Optional[float] = None) -> None:
        tick = Tick(self.symbol, 0, price, MUCH if size is None else size)
        with self._telling:
            if size is None:
                self._price, self._quote = price, None
            self._inject(tick)
        self._until_happened()

    def quote(self, bid: float, ask: float) -> None:
        with self._telling:
            self._quote = Quote(self.symbol, 0, bid, ask, MUCH, MUCH)
            self._inject(self._quote)
        self._until_happened()

    def _inject(self, event: Union[Tick, Quote]) -> None:
        assert self._world is not None
        self._world.inject(event)

    def _until_happened(self) -> None:
        """Wait for the world's thread, lest the next order overtake the price."""
        assert self._world is not None
        happened = threading.Event()
        self._world.clock.call_soon(happened.set)
        assert happened.wait(10.0)

    def halt(self, halted: bool) -> None:
        self.desk.halt(self.symbol, halted)

    def foreign_order(self, gateway: Any, request: OrderRequest) -> None:
        price = request.price if request.order_type is OrderType.LIMIT else None
        self.desk.place_by_hand(
            self.symbol, request.side.value, request.size, price, remark=request.client_order_id
        )

    def foreign_cancel(
        self, gateway: Any, client_order_id: str, venue_order_id: Optional[str]
    ) -> None:
        (key,) = [one["key"] for one in self.desk.order_list() if one["remark"] == client_order_id]
        self.desk.cancel_by_hand(key)


class RealVenue(OpenDVenue):
    """The same with real money: fills are told, and all order types are there."""

    account = AccountConfig(
        8,
        "REAL",
        markets=("HK",),
        sim_acc_type="NONE",
        cash={"HKD": 10_000_000.0},
        password="123456",
        fees=False,
    )

    def __init__(self, **params: Any) -> None:
        super().__init__(unlock=lambda: "123456", **params)


class MarginVenue(RealVenue):
    """A margin account in the United States, which may sell short."""

    symbol = "US.AAPL"
    size = 100.0
    market = MarketType.US_STOCK
    account = AccountConfig(
        9,
        "REAL",
        markets=("US",),
        sim_acc_type="NONE",
        cash={"USD": 10_000_000.0},
        margin=True,
        password="123456",
        fees=False,
    )
    #: Wednesday 2024-01-03, 15:50 in New York.
    start_ns = 1_704_315_000 * NS_PER_SECOND
    start_price = 185.0
