"""Live trading for backtrader: one Store contract, many brokers.

    from btstores import open_store

    store = open_store("paper", prices="AAPL.csv")
    cerebro.setbroker(store.getbroker())
    cerebro.adddata(store.getdata(dataname="AAPL"))

Names are loaded when first used, so that importing btstores costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import Any, List

from btstores.compat import install as _install_import_names

__version__ = "0.1.0"

_HOMES = {
    "BaseStore": "btstores.stores.base",
    "BtstoresError": "btstores.errors",
    "Capabilities": "btstores.stores.gateway",
    "FutuStore": "btstores.stores.futu",
    "Gateway": "btstores.stores.gateway",
    "Instrument": "btstores.instruments",
    "LiveCerebro": "btstores.cerebro",
    "MarketConfig": "btstores.markets",
    "MarketType": "btstores.markets",
    "OandaStore": "btstores.stores.oanda",
    "PaperStore": "btstores.stores.paper",
    "ReplayStore": "btstores.stores.replay",
    "RouterBroker": "btstores.brokers.router",
    "StoreBroker": "btstores.brokers.storebroker",
    "StoreCommInfo": "btstores.brokers.comminfo",
    "StoreFeed": "btstores.feeds.storefeed",
    "get_market_config": "btstores.markets",
    "installed_stores": "btstores.stores.registry",
    "open_store": "btstores.stores.registry",
    "register_market": "btstores.markets",
}

__all__ = sorted([*_HOMES, "__version__"])

_install_import_names()


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'btstores' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> List[str]:
    return __all__
