"""PaperStore: the simulated exchange in process, as a store like any other."""

from __future__ import annotations

import dataclasses
import os
from typing import Any, ClassVar, Dict, Hashable, List, Mapping, Optional, Tuple, Union

from btstores.brokers.storebroker import StoreBroker
from btstores.clock import Clock, SimulatedClock, wall_clock
from btstores.config import Param, Params
from btstores.errors import ConfigError
from btstores.feeds.storefeed import StoreFeed
from btstores.inbox import Outbox
from btstores.reports import Bar, Report, Side
from btstores.sim.account import Account
from btstores.sim.bars import BarExchange, BarOptions
from btstores.sim.barview import BarView, view_of
from btstores.sim.csvfile import read_csv
from btstores.sim.exchange import Exchange
from btstores.sim.generator import Generator
from btstores.sim.market import Market
from btstores.sim.prices import bars_from_feed, bars_from_frame, bars_from_list
from btstores.sim.series import Series
from btstores.stores.base import BaseStore
from btstores.stores.gateway import Gateway
from btstores.stores.paper.gateway import PaperGateway, TapGateway, capabilities_of
from btstores.stores.paper.venue import PAPER_CAPABILITIES, PaperVenue

__all__ = ["PaperBroker", "PaperData", "PaperStore"]

_BAR_OPTIONS = frozenset(field.name for field in dataclasses.fields(BarOptions))


class PaperData(StoreFeed):
    """A feed of the paper venue."""


class PaperBroker(StoreBroker):
    """The broker of a paper account, with the setters of backtrader's own broker.

    Slippage, cheating, volume fillers and their like belong to the ``backtrader`` fill
    model; with the ``book`` they raise `ConfigError`.
    """

    store: PaperStore

    def __init__(self, store: PaperStore, cash: Optional[float] = None, **kwargs: Any) -> None:
        options = {name: kwargs.pop(name) for name in list(kwargs) if name in _BAR_OPTIONS}
        super().__init__(store, **kwargs)
        self._shown: Dict[str, Any] = {}
        if options:
            self._set_options(**options)
        if cash is not None:
            self.setcash(cash)

    def trades(self, data: Any) -> bool:
        store = getattr(data, "_store", None)
        return store is not None and store in (self.store, self.store.params.data)

    def next(self) -> None:
        engine = self.store.bar_engine
        if engine is not None:
            engine.step({view[0]: view[1] for view in self._views()})
        super().next()

    def _views(self) -> List[Tuple[str, BarView]]:
        views = []
        for symbol, data in self.positions.datas.items():
            if len(data):
                shown = (len(data), data.datetime[0], data.close[0], data.volume[0])
                fresh = shown != self._shown.get(symbol)
                self._shown[symbol] = shown
                views.append((symbol, view_of(data, fresh)))
        return views

    def expire_ns(self, order: Any) -> Optional[int]:
        if order.valid == 0 and self.store.bar_engine is not None:
            return None  # as backtrader's own broker has it
        return super().expire_ns(order)

    def _value_function(self, comminfo: Any) -> Any:
        engine = self.store.bar_engine
        if engine is not None and not engine.options.shortcash:
            return comminfo.getoperationcost
        return super()._value_function(comminfo)

    # Cash.

    def setcash(self, cash: float) -> None:
        """Make ``cash`` the cash of the account, in its currency."""
        self.store.set_cash(cash)

    set_cash = setcash

    def add_cash(self, cash: float) -> None:
        """Add cash, or take it out when negative."""
        self.store.deposit(cash)
        if self._fund_shares is not None:
            self._fund_shares += cash / self.get_fundvalue()

    def get_fundshares(self) -> float:
        engine = self.store.bar_engine
        return engine.fund_shares if engine is not None else super().get_fundshares()

    fundshares = property(get_fundshares)

    def get_fundvalue(self) -> float:
        engine = self.store.bar_engine
        return engine.fund_value if engine is not None else super().get_fundvalue()

    fundvalue = property(get_fundvalue)

    # The parameters of backtrader's own broker.

    def _set_options(self, **options: Any) -> None:
        engine = self.store.bar_engine
        if engine is None:
            names = ", ".join(sorted(options))
            raise ConfigError(f"{names}: only with PaperStore(fill_model='backtrader')", names)
        engine.options = dataclasses.replace(engine.options, **options)

    def set_coc(self, coc: bool) -> None:
        """Fill market orders at the close of the bar they were made on."""
        self._set_options(coc=coc)

    def set_coo(self, coo: bool) -> None:
        """Fill market orders at the open of the bar they are made on."""
        if coo or self.store.bar_engine is not None:
            self._set_options(coo=coo)

    def set_int2pnl(self, int2pnl: bool) -> None:
        """Charge interest to the profit and loss of the trade."""
        self._set_options(int2pnl=int2pnl)

    def set_shortcash(self, shortcash: bool) -> None:
        """Let short sales of stock bring in cash."""
        self._set_options(shortcash=shortcash)

    def set_checksubmit(self, checksubmit: bool) -> None:
        """Check the cash before an order is accepted."""
        self._set_options(checksubmit=checksubmit)

    def set_eosbar(self, eosbar: bool) -> None:
        """Take a bar with the time of the session's end as its last."""
        self._set_options(eosbar=eosbar)

    seteosbar = set_eosbar

    def set_filler(self, filler: Any) -> None:
        """Bound how much of an order one bar can fill."""
        self._set_options(filler=filler)

    def set_slippage_perc(
        self,
        perc: float,
        slip_open: bool = True,
        slip_limit: bool = True,
        slip_match: bool = True,
        slip_out: bool = False,
    ) -> None:
        """Let prices slip by a fraction: 0.01 is one percent."""
        self._set_options(
            slip_perc=perc,
            slip_fixed=0.0,
            slip_open=slip_open,
            slip_limit=slip_limit,
            slip_match=slip_match,
            slip_out=slip_out,
        )

    def set_slippage_fixed(
        self,
        fixed: float,
        slip_open: bool = True,
        slip_limit: bool = True,
        slip_match: bool = True,
        slip_out: bool = False,
    ) -> None:
        """Let prices slip by an amount of currency."""
        self._set_options(
            slip_perc=0.0,
            slip_fixed=fixed,
            slip_open=slip_open,
            slip_limit=slip_limit,
            slip_match=slip_match,
            slip_out=slip_out,
        )


class PaperStore(BaseStore):
    """A paper account on recorded, made-up or another store's live prices.

    ``prices`` is a CSV file, a DataFrame, a backtrader feed, a list of `Bar` or a mapping of
    symbols to these; without it prices are made up for ``symbols`` from ``seed``. ``data``
    is another store whose live prices to trade on instead.

    ``speed`` is how many times faster than the wall the prices are played; None plays them
    as fast as the strategy can take them, on a simulated clock. ``history`` is how many bars
    have gone by when the market opens. With the ``book`` fill model orders are matched as a
    venue would; with ``backtrader`` exactly as backtrader's own broker does. ``state`` is a
    file in which the account survives a restart.
    """

    name = "paper"
    capabilities = PAPER_CAPABILITIES
    broker_class = PaperBroker
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
        Param("currency", "USD", (str,), "currency of the account"),
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
        self._series: List[Series] = []
        self._market: Optional[Market] = None
        if params.data is None:
            self._series = _series_of(params)
            self.capabilities = capabilities_of(self._series)
        else:
            self.capabilities = TapGateway.capabilities
        super().__init__(params)
        if self.bar_engine is not None:
            # It belongs to Cerebro's thread, which steps it bar by bar.
            self.outbox = Outbox(self.name, threaded=False)

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
        self._market = Market(
            self._series, base, params.history, params.speed, max_pause=params.max_pause
        )
        return self._market.clock

    def make_gateway(self) -> Gateway:
        params = self.params
        account = params.account or "paper"
        self.bar_engine: Optional[BarExchange] = None
        if params.fill_model == "backtrader":
            self.bar_engine = engine = BarExchange(
                self._hear, self._scheme_of, params.cash, account, params.currency
            )
            if self._market is None:
                raise ConfigError.of("fill_model", "backtrader", "'book' with prices from a store")
            return PaperGateway(engine, self._market, params.state)
        exchange = Exchange(
            self.clock,
            self._market.instruments.values() if self._market is not None else (),
            Account(account, params.currency, params.cash, params.allow_short),
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
        return float(broker.scheme_of(symbol).getcommission(size, price)) if broker else 0.0

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


def _series_of(params: Params) -> List[Series]:
    prices = params.prices
    if prices is None:
        generator = Generator(seed=params.seed)
        return [generator.bars(symbol, params.bars) for symbol in params.symbols]
    if isinstance(prices, Mapping):
        series: List[Series] = []
        for symbol, source in prices.items():
            series += _read(source, symbol)
        return series
    return _read(prices, None)


def _read(source: Any, symbol: Optional[str]) -> List[Series]:
    """Return the series of one source of prices, whatever kind it is."""
    if isinstance(source, Series):
        return [source]
    if isinstance(source, (str, os.PathLike)):
        path: Union[str, os.PathLike[str]] = source
        return read_csv(os.fspath(path), symbol)
    if isinstance(source, (list, tuple)) and source:
        if all(isinstance(one, Bar) for one in source):
            return [bars_from_list(source)]
        if all(isinstance(one, Series) for one in source):
            return list(source)
    if hasattr(source, "islive") and hasattr(source, "_start"):
        return [bars_from_feed(source, symbol)]
    if hasattr(source, "columns") and hasattr(source, "index"):
        if symbol is None:
            raise ConfigError("prices: a DataFrame has no symbol; give {'SYMBOL': frame}", "prices")
        return [bars_from_frame(source, symbol)]
    raise ConfigError.of(
        "prices", type(source).__name__, "a CSV file, DataFrame, backtrader feed or list of bars"
    )
