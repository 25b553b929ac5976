"""Making a feed from what a user asks for."""

from __future__ import annotations

from typing import Any, List, Type

import backtrader as bt

from btstores.errors import ConfigError
from btstores.feeds.quotefeed import QuoteFeed
from btstores.feeds.storefeed import StoreFeed
from btstores.instruments import TimeFrame

__all__ = ["make_feed"]


def make_feed(store: Any, *args: Any, quotes: bool = False, **kwargs: Any) -> StoreFeed:
    """Return a feed of ``store``; ``dataname`` may be the first argument.

    Raises `ConfigError` for parameters that no feed has.
    """
    if args:
        if len(args) > 1 or "dataname" in kwargs:
            raise ConfigError("getdata takes the symbol and parameters by name")
        kwargs["dataname"] = args[0]
    symbol = kwargs.get("dataname")
    if not isinstance(symbol, str) or not symbol:
        raise ConfigError.of("dataname", symbol, "a symbol such as 'AAPL'")
    kwargs["dataname"] = store.symbols[symbol] = store.symbol_of(symbol)
    compression = kwargs.get("compression", 1)
    if isinstance(compression, bool) or not isinstance(compression, int) or compression < 1:
        raise ConfigError.of("compression", compression, "a whole number of at least 1")
    timeframe = kwargs.get("timeframe", bt.TimeFrame.Days)
    if timeframe not in [int(known) for known in TimeFrame]:
        raise ConfigError.of("timeframe", timeframe, "one of bt.TimeFrame")
    kind: Type[StoreFeed] = QuoteFeed if quotes else (store.data_class or StoreFeed)
    known = set(_names_of(kind.params))
    for name in kwargs:
        if name not in known:
            raise ConfigError(
                f"a feed has no parameter {name!r}; it has: {', '.join(sorted(known))}", name
            )
    feed = kind(**kwargs)
    feed._store = store
    return feed


def _names_of(params: Any) -> List[str]:
    names: List[str] = list(params._getkeys())
    return names
