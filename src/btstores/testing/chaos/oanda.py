"""A simulated OANDA and the genuine client library, over real sockets and in real time."""

from __future__ import annotations

from typing import Any, ClassVar, Dict, List, Mapping, Optional, Tuple

from btstores.sim.faults import Chance
from btstores.stores.oanda.simulator import AccountConfig, OandaConfig, make_oanda
from btstores.stores.oanda.simulator.faults import FAULTS
from btstores.stores.oanda.simulator.orders import Order
from btstores.stores.oanda.store import OandaStore
from btstores.testing.chaos.arena import FOREIGN, Arena, Book, chances_of, options_of

__all__ = ["OandaArena"]

_SPEED = 20.0


class OandaArena(Arena):
    """An account that nets at a simulated OANDA in this process.

    Time goes twenty times as fast there; lengths of faults are in its seconds.
    """

    symbol = "EUR_USD"
    lot = 1000.0
    emulations = ((), ("Stop",))
    rest = 1200.0
    #: What margin is left moves with the price; a lot binds 36 dollars.
    cash_slack = 10.0
    eagerness = 0.3
    chances: ClassVar[Mapping[str, Chance]] = chances_of(
        FAULTS,
        {
            "stream_end": (2, 0),
            "stream_cut": (2, 0),
            "reset": (2, 0),
            "listener_down": (1, 60),
            "silence": (1, 60),
            "status": (3, 0),
            "ack_lost": (3, 0),
            "ack_late": (2, 40),
            "unanswered": (2, 0),
            "not_json": (2, 0),
            "transaction_twice": (3, 0),
            "transaction_late": (3, 0),
            "transaction_lost": (3, 0),
            "garbage_line": (1, 0),
            "empty_price": (2, 0),
        },
    )

    def __init__(self, seed: int, seconds: float, emulate: Any = ()) -> None:
        self._emulate = emulate
        self._config = AccountConfig(balance=1_000_000.0)
        self._server = make_oanda(
            OandaConfig(
                port=0,
                symbols=(self.symbol,),
                seed=seed,
                speed=_SPEED,
                heartbeat=0.5,
                throttled=False,
                accounts=(self._config,),
            )
        )
        self._server.start()
        venue = self._server.venue
        self._account = venue.accounts[self._config.account_id]
        self._dealer = venue.dealers[self._config.account_id]
        self._store: Optional[OandaStore] = None
        self._others = 0

    def make_store(self, **params: Any) -> OandaStore:
        make: Any = OandaStore
        store: OandaStore = make(
            port=self._server.port,
            token="chaos",  # noqa: S106  of a simulated account
            account=self._config.account_id,
            clock=self._server.venue.clock,
            timeout=3.0,
            start_timeout=60.0,
            reconnect_interval=0.1,
            emulate=self._emulate,
            **params,
        )
        store.desk.sender.keep_to(())
        self._store = store
        return store

    def strike(self, name: str, options: Mapping[str, Any], draw: float) -> None:
        if name == "somebody":
            self._trade(1 if draw < 0.5 else -1)
            return
        given = options_of(FAULTS[name], options, _SPEED)
        if name == "status":
            given["code"] = 429 if draw < 0.5 else 503
        self._server.faults.on(name, **given)

    def _trade(self, sign: int) -> None:
        self._others += 1
        order = Order("MARKET", self.symbol, sign * self.lot, tif="FOK", fill="REDUCE_FIRST")
        order.client = {"id": f"{FOREIGN}-{self._others}"}
        with self._server.venue.lock, self._account.ledger.batch():
            self._dealer.take(order)

    def calm(self) -> None:
        self._server.faults.clear()

    def sever(self) -> None:
        if self._store is not None:
            self._store.gateway.disconnect()

    def book(self) -> Book:
        with self._server.venue.lock:
            return self._read()

    def _read(self) -> Book:
        orders: Dict[str, Tuple[float, bool]] = {}
        twice: List[str] = []
        for order in self._account.orders.values():
            key = order.client.get("id", order.order_id)
            if order.replaced_by_id is not None:
                continue  # the same order goes on under another id
            if key in orders:
                twice.append(key)
            size = abs(order.units) if order.state == "FILLED" else 0.0
            orders[key] = (size, order.state == "PENDING")
        fills: Dict[str, Tuple[str, float]] = {}
        for one in self._account.ledger.since(0):
            if one["type"] == "ORDER_FILL":
                key = one.get("clientOrderID", one["orderID"])
                fills[one["id"]] = (key, float(one["units"]))
        held = sum(trade.units for trade in self._account.open_trades(self.symbol))
        left = float(self._account.summary(unix=False)["marginAvailable"])
        return Book(orders, fills, held, left, tuple(twice))

    def close(self) -> None:
        if self._store is not None:
            self._store.stop()
        self._server.stop()
