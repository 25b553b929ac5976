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
from btstores.testing.chaos.arena import FOREIGN, Arena, Book

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
_SPEED = 20.0
#: Real seconds after which a new order is in the list.
_LAG = 0.3


class OpenDArena(Arena):
    """An account with real money at a simulated OpenD in this process.

    Time goes twenty times as fast there; lengths of faults are in its seconds.
    """

    symbol = "HK.00700"
    lot = 100.0
    emulations = ((), ("Stop", "StopLimit", "StopTrail"))
    short = False
    rest = 1200.0
    eagerness = 0.9
    chances: ClassVar[Mapping[str, Chance]] = {
        "clean_close": Chance(2, 0, FAULTS["clean_close"].doc),
        "reset": Chance(2, 0, FAULTS["reset"].doc),
        "mid_frame_drop": Chance(1, 0, FAULTS["mid_frame_drop"].doc),
        "garbage": Chance(1, 0, FAULTS["garbage"].doc),
        "listener_down": Chance(1, 60, FAULTS["listener_down"].doc),
        "silence": Chance(1, 60, FAULTS["silence"].doc),
        "upstream_down": Chance(1, 60, FAULTS["upstream_down"].doc),
        "ack_lost": Chance(3, 0, FAULTS["ack_lost"].doc),
        "ack_late": Chance(2, 40, FAULTS["ack_late"].doc),
        "bad_sha1": Chance(1, 0, FAULTS["bad_sha1"].doc),
        "duplicate_push": Chance(3, 0, FAULTS["duplicate_push"].doc),
        "reorder_push": Chance(3, 0, FAULTS["reorder_push"].doc),
        "push_before_ack": Chance(2, 60, FAULTS["push_before_ack"].doc),
        "order_list_lag": Chance(2, 60, FAULTS["order_list_lag"].doc),
        "pushes_lost": Chance(1, 300, FAULTS["pushes_lost"].doc),
        "history_fails": Chance(1, 0, FAULTS["history_fails"].doc),
        "na_numbers": Chance(1, 60, FAULTS["na_numbers"].doc),
        "kill": Chance(1, 0, "the process is killed"),
        "somebody": Chance(1, 0, "somebody else trades on the account"),
    }

    def __init__(self, seed: int, seconds: float, emulate: Any = ()) -> None:
        self._emulate = emulate
        self._opend = make_opend(
            OpenDConfig(
                port=0,
                symbols=(self.symbol,),
                seed=seed,
                speed=_SPEED,
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
        given: Dict[str, Any] = {}
        seconds = float(options.get("seconds", 0.0)) / _SPEED
        if FAULTS[name].when == "while":
            given["lasts"] = seconds
            if name == "order_list_lag":
                given["seconds"] = _LAG
        elif seconds:
            given["seconds"] = seconds
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
