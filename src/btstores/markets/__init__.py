"""Markets as data: which market a store trades, and that market's own figures."""

from __future__ import annotations

import dataclasses
import datetime
import enum
from typing import Dict, Iterable, Mapping, Optional, Union

from btstores.errors import ConfigError
from btstores.markets.fees import FeeSchedule
from btstores.markets.rules import MarketRules
from btstores.markets.sessions import Sessions
from btstores.markets.zones import date_in

__all__ = [
    "MarketConfig",
    "MarketRegistry",
    "MarketType",
    "Sessions",
    "get_market_config",
    "register_market",
]


class MarketType(enum.Enum):
    """Kinds of market."""

    UNKNOWN = "unknown"
    CN_STOCK = "cn_stock"
    CN_FUTURE = "cn_future"
    CN_OPTION = "cn_option"
    HK_STOCK = "hk_stock"
    HK_FUTURE = "hk_future"
    HK_OPTION = "hk_option"
    US_STOCK = "us_stock"
    US_OPTION = "us_option"
    US_FUTURE = "us_future"
    CRYPTO = "crypto"
    FOREX = "forex"


@dataclasses.dataclass(frozen=True)
class MarketConfig:
    """The figures of one market that a venue does not tell by itself.

    ``currency`` is an ISO 4217 code, ``timezone`` an IANA name, ``tick_size`` in currency,
    ``lot`` in shares or contracts. None means that there is no rule for the whole market, and
    for ``sessions`` that the hours are not known. ``product_sessions`` are those of products
    that keep other hours, by the names of `MarketRules.product_of`. Most venues take orders while
    the market is closed; ``orders_when_closed`` False says that these do not. ``rules`` are what
    the exchange allows by symbol and day; a venue's own figure wins over them. ``fees`` are what
    exchange, clearing and state charge.
    """

    market: MarketType
    currency: str = "USD"
    timezone: str = "UTC"
    tick_size: Optional[float] = None
    lot: Optional[float] = None
    sessions: Optional[Sessions] = None
    product_sessions: Mapping[str, Sessions] = dataclasses.field(default_factory=dict, hash=False)
    orders_when_closed: bool = True
    rules: MarketRules = dataclasses.field(default_factory=MarketRules)
    fees: Optional[FeeSchedule] = None
    name: str = ""

    def sessions_of(self, symbol: str) -> Optional[Sessions]:
        """Return when ``symbol`` trades; None if that is not known."""
        if not self.product_sessions:
            return self.sessions
        return self.product_sessions.get(self.rules.product_of(symbol), self.sessions)

    def trading_day(self, time_ns: int) -> datetime.date:
        """Return the trading day that runs, or comes next; the date where no hours are known."""
        if self.sessions is not None:
            return self.sessions.trading_day(time_ns)
        return date_in(self.timezone, time_ns)


class MarketRegistry:
    """Market configurations by type.

    ``own`` are those that go before what `get_market_config` returns: `MarketConfig` objects, or
    the path of a file (see `btstores.markets.offered.read_markets`). Raises `ConfigError`.
    """

    def __init__(self, own: Union[str, Iterable[MarketConfig]] = ()) -> None:
        self._configs: Dict[MarketType, MarketConfig] = {}
        if isinstance(own, str):
            from btstores.markets.offered import read_markets

            own = read_markets(own).values()
        for config in own:
            self.register(config)

    def register(self, config: MarketConfig) -> None:
        """Add a configuration, or replace the one of the same market."""
        if not isinstance(config, MarketConfig):
            raise ConfigError.of("config", config, "a MarketConfig")
        self._configs[config.market] = config

    def get(self, market: MarketType) -> MarketConfig:
        """Return the configuration of ``market``, with plain defaults where none is known."""
        if market not in self._configs:
            self._configs[market] = get_market_config(market)
        return self._configs[market]


_REGISTERED: Dict[MarketType, MarketConfig] = {}


def register_market(config: MarketConfig) -> None:
    """Add a market for all stores of this process, or replace the one of the same type."""
    if not isinstance(config, MarketConfig):
        raise ConfigError.of("config", config, "a MarketConfig")
    _REGISTERED[config.market] = config


def get_market_config(market: MarketType) -> MarketConfig:
    """Return the figures of ``market``.

    Those that were registered come first, then the user's file and installed packages (see
    `btstores.markets.offered`), then what btstores knows. A market that nobody knows has plain
    defaults. Raises `ConfigError` for what is no market, and for a bad file.
    """
    if market not in MarketType.__members__.values():
        names = ", ".join(each.name for each in MarketType)
        raise ConfigError.of("market", market, f"a MarketType: {names}")
    if market in _REGISTERED:
        return _REGISTERED[market]
    # Tables of all markets are not loaded for one.
    from btstores.markets.known import known_market
    from btstores.markets.offered import offered_market

    return offered_market(market, known_market(market))
