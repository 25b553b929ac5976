"""Finding stores by name: ours, and those of other packages."""

from __future__ import annotations

from typing import Any, Dict, Type

from btstores.entrypoints import EntryPoint, entry_points_of
from btstores.errors import MissingExtraError, UnknownStoreError
from btstores.stores.base import BaseStore

__all__ = ["GROUP", "find_store", "installed_stores", "open_store"]

#: The entry-point group by which a package offers stores.
GROUP = "btstores.stores"


def installed_stores() -> Dict[str, EntryPoint]:
    """Return the stores at hand by name, without importing any of them."""
    return entry_points_of(GROUP)


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
