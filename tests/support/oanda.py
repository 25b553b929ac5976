"""A simulated OANDA for tests, and the genuine client that asks it."""

from __future__ import annotations

import json
from typing import Any, Dict, Optional
from urllib import request as http

import oandapyV20
from oandapyV20.endpoints import accounts, instruments, orders, positions, pricing, trades
from oandapyV20.endpoints import transactions as ledger

from btstores.clock import NS_PER_SECOND, SimulatedClock
from btstores.instruments import Instrument, TimeFrame
from btstores.reports import Quote
from btstores.sim.prices.series import series_of
from btstores.sim.switches import Faults
from btstores.stores.oanda.simulator import AccountConfig
from btstores.stores.oanda.simulator.faults import FAULTS
from btstores.stores.oanda.simulator.server import OandaServer
from btstores.stores.oanda.simulator.venue import Oanda

#: Wednesday 2024-01-03, 15:00 UTC.
START = 1_704_294_000 * NS_PER_SECOND
ACCOUNT = "101-004-1234567-001"


def quote(symbol: str, bid: float, ask: float, seconds: float = 0.0) -> Quote:
    return Quote(symbol, START + round(seconds * NS_PER_SECOND), bid, ask)


class Desk:
    """OANDA at a price that stays where it is put, and requests of oandapyV20."""

    def __init__(self, wall: Any, *accounts_: AccountConfig, **options: Any) -> None:
        self.clock = SimulatedClock(START)
        first = [quote("EUR_USD", 1.1, 1.1002, -1), quote("USD_JPY", 150.0, 150.02, -1)]
        series = [
            series_of(Instrument(one.symbol), [one], TimeFrame.TICKS, quotes=True) for one in first
        ]
        configs = accounts_ or (AccountConfig(ACCOUNT),)
        self.venue = Oanda(series, self.clock, configs, START - 1, None)
        self.faults = Faults(FAULTS)
        options = {"heartbeat": 0.05, "throttled": False, **options}
        self.server = OandaServer(self.venue, self.faults, wall, **options)
        self.server.start()
        environments = oandapyV20.oandapyV20.TRADING_ENVIRONMENTS
        environments["test"] = {"api": self.server.url, "stream": self.server.url}
        self.api = oandapyV20.API("token", environment="test", request_params={"timeout": 10})

    def price(self, bid: float, ask: float, symbol: str = "EUR_USD") -> None:
        """Let a price come a second later."""
        self.clock.advance(1.0)
        self.venue.happen(Quote(symbol, self.clock.time_ns(), bid, ask))

    def ask(self, request: Any) -> Dict[str, Any]:
        answer: Dict[str, Any] = self.api.request(request)
        return answer

    def summary(self, account: str = ACCOUNT) -> Dict[str, Any]:
        found: Dict[str, Any] = self.ask(accounts.AccountSummary(account))["account"]
        return found

    def order(self, account: str = ACCOUNT, **terms: Any) -> Dict[str, Any]:
        body = {"type": "MARKET", "instrument": "EUR_USD", "units": "1000", **terms}
        return self.ask(orders.OrderCreate(account, data={"order": body}))

    def trades(self, account: str = ACCOUNT) -> Any:
        return self.ask(trades.OpenTrades(account))["trades"]

    def pending(self, account: str = ACCOUNT) -> Any:
        return self.ask(orders.OrdersPending(account))["orders"]

    def since(self, number: int, account: str = ACCOUNT) -> Any:
        asked = ledger.TransactionsSinceID(account, params={"id": number})
        return self.ask(asked)["transactions"]

    def candles(self, **params: Any) -> Any:
        asked = instruments.InstrumentsCandles("EUR_USD", params=params)
        return self.ask(asked)["candles"]

    def control(self, path: str, body: Optional[Dict[str, Any]] = None) -> Dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        with http.urlopen(http.Request(f"{self.server.url}/control/{path}", data)) as answer:
            found: Dict[str, Any] = json.loads(answer.read())
        return found


__all__ = ["ACCOUNT", "START", "Desk", "accounts", "orders", "positions", "pricing", "trades"]
