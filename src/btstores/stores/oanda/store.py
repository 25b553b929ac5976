"""OandaStore: an account at OANDA, by its v20 interface."""

from __future__ import annotations

import re
from typing import Any, ClassVar, Dict, Hashable, Iterator, Optional, Tuple, Type

from backtrader.position import Position

from btstores.brokers.storebroker import StoreBroker
from btstores.config import Param, Params
from btstores.errors import ConfigError
from btstores.feeds.storefeed import StoreFeed
from btstores.markets import MarketType
from btstores.reports import (
    LinkReport,
    LinkState,
    OrderType,
    PositionReport,
    Subscription,
    TimeInForce,
)
from btstores.stores.base import BaseStore
from btstores.stores.examine import Finding
from btstores.stores.gateway import Capabilities, Gateway, RateLimit
from btstores.stores.oanda.client import LIVE, PRACTICE, Place
from btstores.stores.oanda.convert import TIMEFRAMES
from btstores.stores.oanda.doctor import examine_oanda
from btstores.stores.oanda.gateway import OandaGateway
from btstores.stores.oanda.sides import PRICES, price_wanted, stream_at
from btstores.stores.oanda.upstream import UpstreamStore

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
    """A feed of OANDA, with the parameters of backtrader's own.

    ``bidask`` False shows the middle of bid and ask, True the bid, or with ``useask`` the ask;
    without either it is the store's ``price``. ``reconnect`` False ends the feed when the link
    breaks, ``reconnections`` after so many attempts in vain. ``includeFirst`` and
    ``reconntimeout`` are taken and not needed. ``contractdetails`` is what OANDA tells of the
    instrument.

    Made by itself it takes the store's parameters too, or the only store there is. Raises
    `ConfigError`.
    """

    params: Any = (
        ("bidask", None),
        ("useask", None),
        ("includeFirst", None),
        ("reconnections", None),
        ("reconntimeout", None),
    )

    def __init__(self, **kwargs: Any) -> None:
        # With other feeds it is another name of backfill.
        self._may_reconnect, self.p.reconnect = self.p.reconnect, None
        super().__init__()
        self.contractdetails: Optional[Dict[str, Any]] = None
        self._failures = 0
        if kwargs:
            self._join(OandaStore(**kwargs))

    def _join(self, store: Any) -> None:
        name = self.p.dataname
        if not isinstance(name, str) or not name:
            raise ConfigError.of("dataname", name, "a symbol such as 'EUR_USD'")
        self._store = store
        self.p.dataname = store.symbols[name] = store.symbol_of(name)

    def setenvironment(self, env: Any) -> None:
        if self._store is None:
            make: Any = OandaStore
            self._join(make())
        super().setenvironment(env)

    @property
    def subscription(self) -> Subscription:
        stream, usual = super().subscription, self._store.params.price
        price = price_wanted(self.p.bidask, self.p.useask) or usual
        if price == usual:
            return stream  # the same for feeds that say it and that do not
        return stream._replace(symbol=stream_at(stream.symbol, price))

    def start(self) -> None:
        super().start()
        self._failures = 0
        self.contractdetails = self._store.get_instrument(self.symbol)

    def next(self, datamaster: Any = None, ticks: bool = True) -> Optional[bool]:
        shown = super().next(datamaster, ticks)
        if shown is False and self.is_over():
            self.put_notification(self.DISCONNECTED)
        return shown

    def _on_link(self, report: LinkReport) -> None:
        if self._ended:
            return
        super()._on_link(report)
        if report.subscription is not None:
            return
        if report.state is LinkState.READY:
            self._failures = 0
        elif report.state is LinkState.DOWN:
            attempts, self._failures = self._failures, self._failures + 1
            most = 0 if self._may_reconnect is False else self.p.reconnections
            if most is not None and 0 <= most <= attempts:
                self._ended, self._seam.awaits = True, False


class OandaBroker(StoreBroker):
    """The broker of an account at OANDA, with the parameters of backtrader's own.

    ``use_positions`` False leaves what the account holds at the start to others: it is in no
    position of the strategy. ``commission`` is a scheme for all instruments.

    Made by itself it takes the store's parameters too, or the only store there is.
    """

    params: Any = (("use_positions", True),)

    def __init__(self, store: Optional[BaseStore] = None, **kwargs: Any) -> None:
        if store is None:
            make: Any = OandaStore
            store, kwargs = make(**kwargs), {}
            store.broker = self
        super().__init__(store, **kwargs)

    def on_position(self, report: PositionReport) -> None:
        if self.p.use_positions:
            super().on_position(report)
        elif report.reconciled and not self._started and report.size:
            if report.symbol in self.positions.by_symbol:
                return  # it is told again
            self.positions.by_symbol[report.symbol] = Position()
            self.foreign.add(report.symbol, report.size)
            self.store.recorder.holding_changed(report.symbol)


class OandaStore(UpstreamStore):
    """One account at OANDA: currencies, metals, indices and other contracts for difference.

    ``token`` is a personal access token, ``account`` may be left out where the token has only one,
    ``practice`` is whether it is a practice account. ``price`` is what ticks and bars are made of
    where their feed does not say it: mid, bid or ask. With a ``port`` OANDA is looked for at
    ``http://host:port``: a simulated one.
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
        extras=frozenset({"price_bound"}),
    )
    broker_class: Optional[Type[Any]] = OandaBroker
    data_class: Optional[Type[Any]] = OandaData

    PARAMS: ClassVar[Tuple[Param, ...]] = (
        Param("token", "", (str,), "personal access token", secret=True),
        Param("account", None, (str,), "such as 101-004-1234567-001; None: the only one"),
        Param("practice", False, (bool,), "a practice account"),
        Param("price", "mid", (str,), "what ticks and bars are made of", PRICES),
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
        # What no header can carry would be told, token and all, by the library of requests.
        if not re.fullmatch("[!-~]+", params.token):
            raise ConfigError.of("token", "***", "one without spaces, line ends and accents")
        super().__init__(params)

    def make_gateway(self) -> Gateway:
        params = self.params
        api, stream = PRACTICE if params.practice else LIVE
        if params.port is not None:
            api = stream = f"http://{params.host}:{params.port}"
        self.place = place = Place(api, stream, params.token, min(20.0, params.timeout))
        return OandaGateway(self.clock, place, params.account, params.price, params.silence)

    def examine(self) -> Iterator[Finding]:
        """Look at what a trader has to have right; see `btstores doctor`."""
        return examine_oanda(self.params, self.place)

    def symbol_of(self, dataname: str) -> str:
        """Return a symbol as OANDA writes it: 'EUR/USD' is 'EUR_USD'."""
        return dataname.replace("/", "_").upper()


#: The names of a store for backtrader that many have used before.
OandaV20Store, OandaV20Broker, OandaV20Data = OandaStore, OandaBroker, OandaData
