"""PaperStore: the simulated exchange in process, as a store like any other."""

from __future__ import annotations

import dataclasses
import os
from typing import Any, ClassVar, Hashable, List, Optional, Tuple, Type

from btstores.clock import Clock, SimulatedClock, wall_clock
from btstores.config import Param, Params
from btstores.errors import ConfigError
from btstores.feeds.storefeed import StoreFeed
from btstores.inbox import Outbox
from btstores.markets import MarketRegistry
from btstores.orders.validation import CHECKS
from btstores.reports import Report, Side, TimeInForce
from btstores.sim.bars.exchange import BarExchange
from btstores.sim.book.account import Account
from btstores.sim.exchange import Exchange
from btstores.sim.market import Market
from btstores.sim.prices.series import Series
from btstores.stores.base import BaseStore
from btstores.stores.gateway import Gateway
from btstores.stores.paper.broker import BarBroker, PaperBroker
from btstores.stores.paper.gateway import PaperGateway, TapGateway, capabilities_of
from btstores.stores.paper.sources import series_of_params
from btstores.stores.paper.venue import PAPER_CAPABILITIES, PaperVenue

__all__ = ["PaperBroker", "PaperData", "PaperStore"]


class PaperData(StoreFeed):
    """A feed of the paper venue."""


class PaperStore(BaseStore):
    """A paper account on recorded, made-up or another store's live prices.

    ``prices`` is a CSV file, a DataFrame, a backtrader feed, a list of `Bar` or a mapping of
    symbols to these; without it prices are made up for ``symbols`` from ``seed``, in the hours
    and ticks of the ``market``. ``data`` is another store whose live prices to trade on instead.

    ``speed`` is how many times faster than the wall the prices are played; None plays them
    as fast as the strategy can take them, on a simulated clock. ``history`` is how many bars
    have gone by when the market opens. With the ``book`` fill model orders are matched as a
    venue would; with ``backtrader`` exactly as backtrader's own broker does. ``state`` is a
    file in which the account survives a restart.
    """

    name = "paper"
    capabilities = PAPER_CAPABILITIES
    broker_class: Optional[Type[Any]] = PaperBroker
    data_class = PaperData
    gateway: PaperVenue

    PARAMS: ClassVar[Tuple[Param, ...]] = (
        Param("prices", None, (), "CSV file, DataFrame, feed, bars, or a mapping of symbols"),
        Param("data", None, (BaseStore,), "another store to trade on the live prices of"),
        Param("symbols", ("DEMO",), (list, tuple), "symbols to make prices up for"),
        Param("bars", 390, (int,), "minutes of prices to make up", minimum=1),
        Param("seed", 0, (int,), "seed of made-up prices"),
        Param("speed", None, (float,), "times faster than the wall; None: as fast as possible"),
        Param("max_pause", None, (float,), "longest wait for the next price, in seconds"),
        Param("history", 0, (int,), "bars that have gone by when the market opens", minimum=0),
        Param("cash", 10_000.0, (float,), "cash to begin with"),
        Param("currency", None, (str,), "currency of the account; None: that of the market"),
        Param("fill_model", "book", (str,), "how orders are matched", ("book", "backtrader")),
        Param("participation", 0.1, (float,), "part of a bar's volume that is ours", minimum=0),
        Param("allow_short", True, (bool,), "whether the account may sell short"),
        Param("state", None, (str, os.PathLike), "file in which the account survives"),
    )

    @classmethod
    def identity(cls, params: Params) -> Optional[Hashable]:
        identity: Optional[str] = params.account
        return identity

    def __init__(self, params: Params) -> None:
        market = MarketRegistry(params.markets).get(params.market)
        self._currency: str = params.currency or market.currency
        self._series: List[Series] = []
        self._market: Optional[Market] = None
        if params.data is None:
            self._series = series_of_params(params, market)
            self.capabilities = capabilities_of(self._series)
        else:
            self.capabilities = TapGateway.capabilities
        if params.fill_model == "backtrader":
            # What backtrader's own broker takes, it takes.
            self.default_checks = dict.fromkeys(CHECKS, "off")
            self.default_quality = "off"
            timed = frozenset({TimeInForce.GTC, TimeInForce.DAY, TimeInForce.GTD})
            self.capabilities = dataclasses.replace(self.capabilities, tifs=timed)
        super().__init__(params)
        if self.bar_engine is not None:
            self.broker_class = BarBroker
            # It belongs to Cerebro's thread, which steps it bar by bar.
            self.outbox = self.queries = Outbox(self.name, threaded=False)

    def make_clock(self) -> Clock:
        params = self.params
        if params.data is not None:
            clock: Clock = params.data.clock
            return clock
        first_ns = min(one.published_ns(0) for one in self._series)
        base: Clock = wall_clock()
        if params.speed is None:
            # An account that goes on must not use the order ids of its last run again.
            seed = params.seed if params.state is None else None
            base = SimulatedClock(first_ns - 1, seed)
        self._market = self._market_on(base)
        self._market.catch_up()
        return self._market.clock

    def _market_on(self, clock: Clock) -> Market:
        params = self.params
        return Market(self._series, clock, params.history, params.speed, max_pause=params.max_pause)

    def make_gateway(self) -> Gateway:
        params = self.params
        account = params.account or "paper"
        if self._market is None and params.data is None:
            self._market = self._market_on(params.clock)
            self.clock = self._market.clock
        self.bar_engine: Optional[BarExchange] = None
        if params.fill_model == "backtrader":
            self.bar_engine = engine = BarExchange(
                self._hear, self._scheme_of, params.cash, account, self._currency
            )
            if self._market is None:
                raise ConfigError.of("fill_model", "backtrader", "'book' with prices from a store")
            return PaperGateway(engine, self._market, params.state)
        exchange = Exchange(
            self.clock,
            self._market.instruments.values() if self._market is not None else (),
            Account(account, self._currency, params.cash, params.allow_short),
            fees=self._fee,
            participation=params.participation,
        )
        if self._market is not None:
            return PaperGateway(exchange, self._market, params.state)
        other = params.data
        return TapGateway(exchange, self.clock, other.tap, other.instrument, params.state)

    def _hear(self, report: Report) -> None:
        self.gateway.hear(report)

    def _scheme_of(self, symbol: str) -> Any:
        return self.getbroker().scheme_of(symbol)

    def _fee(self, symbol: str, side: Side, size: float, price: float) -> float:
        broker = self.broker
        if not broker:
            return 0.0
        # Schemes tell buyers from sellers by the sign.
        return float(broker.scheme_of(symbol).getcommission(side.sign * size, price))

    def deposit(self, amount: float) -> None:
        """Add ``amount`` to the cash of the account, or take it out when negative."""
        self.gateway.deposit(amount)
        self.process_events()

    def set_cash(self, cash: float) -> None:
        """Make ``cash`` the cash of the account."""
        engine = self.bar_engine
        if engine is not None:
            engine.set_cash(cash)
        else:
            status = self.gateway.mass_status()
            self.gateway.deposit(cash - (status.accounts[0].cash or 0.0))
        self.refresh_account()
