"""A simulated OpenD and the genuine client library, over real sockets and in real time."""

from __future__ import annotations

import contextlib
from typing import Any, ClassVar, Dict, List, Mapping, Optional

from btstores.markets import MarketType
from btstores.sim.faults import Chance
from btstores.stores.futu.opend import OpenDConfig, make_opend
from btstores.stores.futu.opend.accountconfig import AccountConfig
from btstores.stores.futu.opend.codes import FINAL
from btstores.stores.futu.opend.faults import FAULTS
from btstores.stores.futu.opend.session import Refused
from btstores.stores.futu.store import FutuStore
from btstores.testing.chaos.arena import FOREIGN, Arena, Book, chances_of, options_of

__all__ = ["OpenDArena"]

_ACCOUNT = AccountConfig(
    8,
    "REAL",
    markets=("HK",),
    sim_acc_type="NONE",
    cash={"HKD": 10_000_000.0},
    password="chaos",  # noqa: S106  of a simulated account
    fees=False,
)
#: Real seconds after which a new order is in the list.
_LAG = 0.3


class OpenDArena(Arena):
    """An account with real money at a simulated OpenD in this process.

    Time goes ``speed`` times as fast there; lengths of faults are in its seconds.
    """

    speed: ClassVar[float] = 20.0
    symbol = "HK.00700"
    lot = 100.0
    emulations = ((), ("Stop", "StopLimit", "StopTrail"))
    short = False
    rest = 1200.0
    eagerness = 0.9
    chances: ClassVar[Mapping[str, Chance]] = chances_of(
        FAULTS,
        {
            "clean_close": (2, 0),
            "reset": (2, 0),
            "mid_frame_drop": (1, 0),
            "garbage": (1, 0),
            "listener_down": (1, 60),
            "silence": (1, 60),
            "upstream_down": (1, 60),
            "ack_lost": (3, 0),
            "ack_late": (2, 40),
            "bad_sha1": (1, 0),
            "duplicate_push": (3, 0),
            "reorder_push": (3, 0),
            "push_before_ack": (2, 60),
            "order_list_lag": (2, 60),
            "pushes_lost": (1, 300),
            "history_fails": (1, 0),
            "na_numbers": (1, 60),
        },
    )

    def __init__(self, seed: int, seconds: float, emulate: Any = ()) -> None:
        self._emulate = emulate
        self._opend = make_opend(
            OpenDConfig(
                port=0,
                symbols=(self.symbol,),
                seed=seed,
                speed=self.speed,
                throttled=False,
                accounts=(_ACCOUNT,),
            )
        )
        self._opend.start()
        self._account = self._opend.accounts[_ACCOUNT.acc_id]
        self._store: Optional[FutuStore] = None
        self._others = 0

    def make_store(self, **params: Any) -> FutuStore:
        make: Any = FutuStore
        store: FutuStore = make(
            port=self._opend.port,
            market=MarketType.HK_STOCK,
            trade_env="REAL",
            unlock=lambda: _ACCOUNT.password,
            clock=self._opend.world.clock,
            timeout=3.0,
            start_timeout=60.0,
            reconnect_interval=0.1,
            emulate=self._emulate,
            **params,
        )
        store.desk.sender.keep_to(())  # what OpenD lets through in 30 s is tested elsewhere
        self._store = store
        return store

    def strike(self, name: str, options: Mapping[str, Any], draw: float) -> None:
        if name == "somebody":
            self._others += 1
            side = "buy" if draw < 0.5 else "sell"
            remark = f"{FOREIGN}-{self._others}"
            with contextlib.suppress(Refused):  # there may be nothing to sell
                self._account.place_by_hand(self.symbol, side, self.lot, None, remark=remark)
            return
        given = options_of(FAULTS[name], options, self.speed)
        if name == "order_list_lag":
            given["seconds"] = _LAG
        self._opend.faults.on(name, **given)

    def calm(self) -> None:
        self._opend.faults.clear()

    def sever(self) -> None:
        if self._store is not None:
            self._store.gateway.disconnect()

    def book(self) -> Book:
        account = self._account
        orders: Dict[str, Any] = {}
        names: Dict[str, str] = {}
        twice: List[str] = []
        for one in account.order_list():
            key = one["remark"]
            if key in orders:
                twice.append(key)
            orders[key] = (one["filled"], one["status"] not in FINAL)
            names[one["key"]] = key
        fills = {
            one["key"]: (names[one["order_key"]], one["qty"] if one["side"] == 1 else -one["qty"])
            for one in account.fill_list()
            if one["status"] == 0
        }
        held = sum(one["qty"] for one in account.positions() if one["symbol"] == self.symbol)
        return Book(orders, fills, held, account.funds()["cash"], tuple(twice))

    def close(self) -> None:
        if self._store is not None:
            self._store.stop()
        self._opend.stop()
