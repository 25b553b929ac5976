"""FutuStore: stocks, funds, futures and options of Hong Kong, the United States and China."""

from __future__ import annotations

import dataclasses
import os
from typing import (
    Any,
    Callable,
    ClassVar,
    Dict,
    FrozenSet,
    Hashable,
    Iterator,
    Optional,
    Tuple,
    Type,
)

from btstores.brokers.storebroker import StoreBroker
from btstores.config import Param, Params
from btstores.errors import ConfigError
from btstores.feeds.storefeed import StoreFeed
from btstores.markets import MarketType
from btstores.reports import OrderType, TimeInForce
from btstores.stores.base import BaseStore
from btstores.stores.examine import Finding
from btstores.stores.futu.bars import KL_TYPES
from btstores.stores.futu.doctor import examine_opend
from btstores.stores.futu.gateway import FutuGateway
from btstores.stores.futu.symbols import MARKETS, REAL, SIMULATE, written
from btstores.stores.gateway import Capabilities, Gateway, RateLimit

__all__ = ["FutuBroker", "FutuData", "FutuStore", "capabilities_of"]

_LIMITS = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT, OrderType.STOP_TRAIL_LIMIT})
_ALL = _LIMITS | {OrderType.MARKET, OrderType.STOP, OrderType.STOP_TRAIL}
_SIMULATED = frozenset({OrderType.MARKET, OrderType.LIMIT})

#: Order types of a real account (vendor's documentation 10.2, order types by market).
_REAL_TYPES: Dict[MarketType, FrozenSet[OrderType]] = {
    MarketType.HK_STOCK: _ALL,
    MarketType.US_STOCK: _ALL,
    MarketType.CN_STOCK: _LIMITS,
    MarketType.HK_OPTION: _LIMITS,
    MarketType.US_OPTION: _ALL,
    MarketType.HK_FUTURE: _ALL,
    MarketType.US_FUTURE: _ALL,
}
_CHANGES = frozenset({"size", "price", "limit_price", "trail_amount", "trail_percent"})

#: Per account: 15 orders, and 20 changes and cancels, in 30 seconds, and how far apart.
RATES = (
    RateLimit(frozenset({"place"}), 15, 30.0),
    RateLimit(frozenset({"place"}), 1, 0.02),
    RateLimit(frozenset({"cancel", "modify"}), 20, 30.0),
    RateLimit(frozenset({"cancel", "modify"}), 1, 0.04),
)


def capabilities_of(market: MarketType, environment: str) -> Capabilities:
    """Return what Futu does in a market, with real money (REAL) or without (SIMULATE)."""
    is_real = environment == REAL
    changes = _CHANGES if is_real else frozenset({"size", "price"})
    return Capabilities(
        order_types=_REAL_TYPES[market] if is_real else _SIMULATED,
        # A simulated account keeps all orders for the day.
        tifs=frozenset({TimeInForce.DAY, TimeInForce.GTC} if is_real else {TimeInForce.DAY}),
        modify=frozenset() if is_real and market is MarketType.CN_STOCK else changes,
        short=market not in (MarketType.CN_STOCK, MarketType.HK_STOCK),
        freezes=True,
        timeframes=frozenset(KL_TYPES),
        ticks=True,
        quotes=True,
        history=True,
        options=market in (MarketType.HK_OPTION, MarketType.US_OPTION),
        rates=RATES,
        extras=frozenset({"fill_outside_rth", "session"}),
    )


class FutuData(StoreFeed):
    """A feed of Futu."""


class FutuBroker(StoreBroker):
    """The broker of an account at Futu."""


class FutuStore(BaseStore):
    """One account at Futu, through a running OpenD.

    ``market`` is what is traded and ``trade_env`` whether with real money: REAL or SIMULATE, or
    futu's own constants. ``account`` is needed where more than one fits. ``unlock`` is a function
    that returns the password for trading, which is kept nowhere; without it unlock in OpenD's
    window. ``rsa_key`` is the file of the key that OpenD has too, if it listens to others.
    """

    name = "futu"
    capabilities = capabilities_of(MarketType.HK_STOCK, SIMULATE)
    broker_class: Optional[Type[Any]] = FutuBroker
    data_class: Optional[Type[Any]] = FutuData
    gateway: FutuGateway

    PARAMS: ClassVar[Tuple[Param, ...]] = (
        Param("port", 11111, (int,), "port of OpenD", minimum=1),
        Param("market", MarketType.HK_STOCK, (MarketType,), "the market this account trades"),
        Param("trade_env", SIMULATE, (str,), "with real money or without", (SIMULATE, REAL)),
        Param("security_firm", None, (str,), "broker of the group, such as 'FUTUSECURITIES'"),
        Param("account", None, (str, int), "number of the account; None: the only one that fits"),
        Param("rsa_key", None, (str, os.PathLike), "file of the RSA key, to encrypt the link"),
        Param("short", None, (bool,), "whether it may sell short; None: all but HK and CN stocks"),
        Param("unlock", None, (), "function that returns the password for trading", secret=True),
    )

    @classmethod
    def identity(cls, params: Params) -> Optional[Hashable]:
        account = None if params.account is None else str(params.account)
        return params.host, params.port, params.market, params.trade_env, account

    def __init__(self, params: Params) -> None:
        if params.market not in MARKETS:
            names = ", ".join(market.name for market in MARKETS)
            raise ConfigError.of("market", params.market, f"one that Futu trades: {names}")
        if params.unlock is not None and not callable(params.unlock):
            raise ConfigError.of("unlock", "***", "a function that returns the password")
        can = capabilities_of(params.market, params.trade_env)
        short = can.short if params.short is None else params.short
        self.capabilities = dataclasses.replace(can, short=short)
        super().__init__(params)

    def make_gateway(self) -> Gateway:
        params = self.params
        unlock: Optional[Callable[[], str]] = params.unlock
        return FutuGateway(
            self.clock,
            params.host,
            params.port,
            params.market,
            params.trade_env,
            self.get_market_config,
            account=None if params.account is None else str(params.account),
            firm=params.security_firm,
            rsa_key=None if params.rsa_key is None else os.fspath(params.rsa_key),
            unlock=unlock,
        )

    def examine(self) -> Iterator[Finding]:
        """Look at what a trader has to have right; see `btstores doctor`."""
        return examine_opend(self.params)

    def symbol_of(self, dataname: str) -> str:
        """Return a symbol as we write it: '700.HK' is 'HK.00700'. Raises `ConfigError`."""
        return written(dataname)
