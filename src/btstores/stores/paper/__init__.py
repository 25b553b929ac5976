"""The simulated exchange as a store: paper trading on recorded, made-up or live prices."""

from __future__ import annotations

from typing import Any

__all__ = ["PaperBroker", "PaperData", "PaperStore"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from btstores.stores.paper import store

    return getattr(store, name)
