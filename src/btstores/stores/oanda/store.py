"""OandaStore: an account at OANDA, by its v20 interface."""

from __future__ import annotations

from typing import Any, ClassVar, Hashable, Optional, Tuple, Type

from btstores.brokers.storebroker import StoreBroker
from btstores.config import Param, Params
from btstores.errors import ConfigError
from btstores.feeds.storefeed import StoreFeed
from btstores.markets import MarketType
from btstores.reports import OrderType, TimeInForce
from btstores.stores.base import BaseStore
from btstores.stores.gateway import Capabilities, Gateway, RateLimit
from btstores.stores.oanda.client import LIVE, PRACTICE, Place
from btstores.stores.oanda.convert import TIMEFRAMES
from btstores.stores.oanda.gateway import OandaGateway

__all__ = [
    "OandaBroker",
    "OandaData",
    "OandaStore",
    "OandaV20Broker",
    "OandaV20Data",
    "OandaV20Store",
]

#: A hundred requests a second are advised, more than 120 refused (v20 best practices).
_RATES = (RateLimit(frozenset({"place", "cancel", "modify"}), 50, 1.0),)


class OandaData(StoreFeed):
    """A feed of OANDA.

    ``bidask`` and ``useask`` are those of backtrader's own feed, and must be what the store's
    ``price`` is; the others of that feed are taken and not needed. Raises `ConfigError`.
    """

    params: Any = (
        ("bidask", None),
        ("useask", None),
        ("includeFirst", None),
        ("reconnections", None),
        ("reconntimeout", None),
    )

    def start(self) -> None:
        bidask, useask = self.p.bidask, self.p.useask
        if bidask is not None or useask is not None:
            wanted = "mid" if bidask is False else "ask" if useask else "bid"
            given = self._store.params.price
            if wanted != given:
                field = "bidask" if useask is None else "useask"
                expected = f"what the store's price={given!r} is; or OandaStore(price={wanted!r})"
                raise ConfigError.of(field, getattr(self.p, field), expected)
        super().start()


class OandaBroker(StoreBroker):
    """The broker of an account at OANDA."""


class OandaStore(BaseStore):
    """One account at OANDA: currencies, metals, indices and other contracts for difference.

    ``token`` is a personal access token, ``account`` may be left out where the token has only one,
    ``practice`` is whether it is a practice account. ``price`` is what ticks and bars are made of:
    mid, bid or ask. With a ``port`` OANDA is looked for at ``http://host:port``: a simulated one.
    """

    name = "oanda"
    capabilities = Capabilities(
        order_types=frozenset({OrderType.MARKET, OrderType.LIMIT, OrderType.STOP}),
        tifs=frozenset(TimeInForce),
        bracket=True,
        bracket_children=2,
        exits=frozenset({OrderType.LIMIT, OrderType.STOP, OrderType.STOP_TRAIL}),
        modify=frozenset({"size", "price", "trail_amount"}),
        short=True,
        timeframes=TIMEFRAMES,
        ticks=True,
        quotes=True,
        history=True,
        tells_power=False,
        partial=False,
        rates=_RATES,
    )
    broker_class: Optional[Type[Any]] = OandaBroker
    data_class: Optional[Type[Any]] = OandaData
    gateway: OandaGateway

    PARAMS: ClassVar[Tuple[Param, ...]] = (
        Param("token", "", (str,), "personal access token", secret=True),
        Param("account", None, (str,), "such as 101-004-1234567-001; None: the only one"),
        Param("practice", False, (bool,), "a practice account"),
        Param("price", "mid", (str,), "what ticks and bars are made of", ("mid", "bid", "ask")),
        Param("silence", 12.0, (float,), "seconds that a stream may be silent", minimum=5.5),
        Param("account_tmout", 10.0, (float,), "not used any more: sums come every second"),
        Param("market", MarketType.FOREX, (MarketType,), "the market this account trades"),
    )

    @classmethod
    def identity(cls, params: Params) -> Optional[Hashable]:
        return params.host, params.port, params.account, params.practice

    def __init__(self, params: Params) -> None:
        if not params.token:
            raise ConfigError.of("token", "", "a personal access token of OANDA")
        super().__init__(params)

    def make_gateway(self) -> Gateway:
        params = self.params
        api, stream = PRACTICE if params.practice else LIVE
        if params.port is not None:
            api = stream = f"http://{params.host}:{params.port}"
        place = Place(api, stream, params.token, min(20.0, params.timeout))
        return OandaGateway(self.clock, place, params.account, params.price, params.silence)

    def symbol_of(self, dataname: str) -> str:
        """Return a symbol as OANDA writes it: 'EUR/USD' is 'EUR_USD'."""
        return dataname.replace("/", "_").upper()


#: The names of a store for backtrader that many have used before.
OandaV20Store, OandaV20Broker, OandaV20Data = OandaStore, OandaBroker, OandaData
