"""One store object for one connection."""

from __future__ import annotations

import gc
import weakref
from typing import Any, Hashable, Iterable, Optional

from btstores.config import check_params
from btstores.errors import ConfigError

__all__ = ["KeyedInstances"]


class KeyedInstances(type):
    """Gives the same store for the same connection, and the only one for no arguments."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        if args:
            raise ConfigError(f"{cls.__name__} takes its parameters by name")
        instances: weakref.WeakValueDictionary[Hashable, Any] = cls._instances  # type: ignore[attr-defined]
        if not kwargs and len(instances) == 1:
            for store in instances.values():
                return store
        params = check_params(cls.__name__, cls.all_params(), kwargs)  # type: ignore[attr-defined]
        identity = cls.identity(params)  # type: ignore[attr-defined]
        store = instances.get(identity) if identity is not None else None
        other = _first_other(store, kwargs, params)
        if other is not None:
            # One that nobody holds any more is not open: a cycle keeps it until it is looked for.
            store = None
            gc.collect()
            store = instances.get(identity)
            other = _first_other(store, kwargs, params)
        if other is not None:
            what = "is open already with other parameters"
            raise ConfigError(f"{cls.__name__} {identity!r} {what}: {other}", other)
        if store is None:
            store = super().__call__(params)
            instances[identity if identity is not None else id(store)] = store
        return store


def _first_other(store: Any, names: Iterable[str], params: Any) -> Optional[str]:
    """Return the first of the parameters that a store has otherwise; None for no store."""
    if store is None:
        return None
    return next((name for name in names if not _same(store.params[name], params[name])), None)


def _same(one: Any, other: Any) -> bool:
    # Feeds and data frames answer == with something else than a truth value, or not at all.
    try:
        return one is other or (one == other) is True
    except Exception:
        return False
