"""What stands between a trader and a store that works: looked at step by step."""

from __future__ import annotations

from typing import Any, Iterator, NamedTuple

from btstores.errors import BtstoresError

__all__ = ["Finding", "examine"]


class Finding(NamedTuple):
    """One thing that was looked at. ``cure`` says what to do about it where ``good`` is False."""

    what: str
    good: bool
    text: str
    cure: str = ""


def examine(store: Any) -> Iterator[Finding]:
    """Look at a store: what its venue knows of itself, or else whether it connects at all."""
    own = getattr(store, "examine", None)
    if own is not None:
        yield from own()
        return
    try:
        store.connect()
    except BtstoresError as error:
        yield Finding("connection", False, str(error), "look at the parameters of the store")
        return
    try:
        yield Finding("connection", True, "connected, and the account is known")
        yield Finding("account", True, f"{store.get_value()} {store.currency}")
    finally:
        store.stop()
