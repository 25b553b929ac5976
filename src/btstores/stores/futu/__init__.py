"""FutuStore: Futu's OpenD as a store, and a simulated OpenD to try it on."""

from __future__ import annotations

from typing import Any

__all__ = ["FutuBroker", "FutuData", "FutuStore"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from btstores.stores.futu import store

    return getattr(store, name)
