"""Finding stores by name: ours, and those of other packages."""

from __future__ import annotations

import sys
from typing import Any, Dict, Type

if sys.version_info >= (3, 8):
    from importlib.metadata import EntryPoint, entry_points
else:
    from importlib_metadata import EntryPoint, entry_points

from btstores.errors import MissingExtraError, UnknownStoreError
from btstores.stores.base import BaseStore

__all__ = ["GROUP", "find_store", "installed_stores", "open_store"]

#: The entry-point group by which a package offers stores.
GROUP = "btstores.stores"


def installed_stores() -> Dict[str, EntryPoint]:
    """Return the stores at hand by name, without importing any of them."""
    found: Any = entry_points()
    if hasattr(found, "select"):
        offered = found.select(group=GROUP)
    else:
        offered = found.get(GROUP, ())  # the form of Python 3.8 and 3.9
    return {point.name: point for point in sorted(offered, key=lambda point: str(point.name))}


def find_store(name: str) -> Type[BaseStore]:
    """Return the store class called ``name``.

    Raises `UnknownStoreError`, or `MissingExtraError` when its client library is missing.
    """
    offered = installed_stores()
    if name not in offered:
        known = ", ".join(offered) or "none"
        raise UnknownStoreError(f"no store is called {name!r}; installed are: {known}")
    try:
        loaded: Any = offered[name].load()  # type: ignore[no-untyped-call]
    except ModuleNotFoundError as error:
        library = str(error.name)
        if library.split(".")[0] == "btstores":
            raise
        raise MissingExtraError(library, name) from error
    store: Type[BaseStore] = loaded
    return store


def open_store(name: str, **params: Any) -> BaseStore:
    """Return a store by name with its parameters; the same parameters give the same store.

    Raises `UnknownStoreError`, `MissingExtraError` or `ConfigError`.
    """
    store: BaseStore = find_store(name)(**params)
    return store
