"""A numbered case, what it needs, and the list of all of them."""

from __future__ import annotations

import importlib
import inspect
from typing import Any, Callable, Dict, Generator, List, Mapping, NamedTuple, Optional, Tuple

from btstores.reports import OrderType, TimeInForce
from btstores.stores.base import BaseStore
from btstores.stores.gateway import Capabilities
from btstores.testing.venue import POWERS, Venue

__all__ = ["RESTART", "Case", "Script", "Skip", "all_cases", "case", "missing"]

#: What a case is made of: it yields what it waits for.
Script = Generator[Any, None, Any]

#: A case yields this to end the run and begin a new one on the same account.
RESTART = "restart"


class Skip(Exception):
    """A case finds out while it runs that it does not apply."""


class Case(NamedTuple):
    """One case. ``title`` says what it shows.

    ``needs`` are powers of the venue (`POWERS`), switches of `Capabilities`, and what is
    written in two words: ``type StopTrail``, ``tif IOC``, ``modify price``,
    ``extra reduce_only``. ``params`` are for the store, ``capabilities`` what the venue is
    taken to have instead of its own. ``takes`` is how many seconds it waits for something on
    purpose. ``option`` trades the venue's option. A case that ``lies`` lets the venue tell
    what is not so: its books cannot agree with ours afterwards.
    """

    id: str
    name: str
    title: str
    body: Callable[[Any], Script]
    needs: Tuple[str, ...] = ()
    params: Mapping[str, Any] = {}
    capabilities: Mapping[str, Any] = {}
    takes: float = 0.0
    option: bool = False
    lies: bool = False


_CASES: Dict[str, Case] = {}


def case(id: str, **about: Any) -> Callable[[Callable[[Any], Script]], Callable[[Any], Script]]:
    """Register a generator function as a case; its docstring is the title.

    Takes the fields of `Case`. Raises ValueError for an id that is in use.
    """

    def register(body: Callable[[Any], Script]) -> Callable[[Any], Script]:
        if id in _CASES:
            raise ValueError(f"case {id} is there already: {_CASES[id].name}")
        title = inspect.cleandoc(body.__doc__ or "").splitlines()[0].rstrip(".")
        _CASES[id] = Case(id, body.__name__, title, body, **about)
        return body

    return register


def all_cases() -> List[Case]:
    """Return all cases: E before N, each by number."""
    importlib.import_module("btstores.testing.cases")  # they register themselves
    return sorted(_CASES.values(), key=lambda one: (one.id[0], int(one.id[1:])))


def missing(wanted: Case, venue: Venue, store: Optional[BaseStore] = None) -> str:
    """Return what a case needs and does not find, in words, or an empty string."""
    if wanted.takes > venue.patience:
        return f"takes {wanted.takes:g} s"
    if wanted.option and venue.option_symbol is None:
        return "not declared: options"
    for need in wanted.needs:
        if need in POWERS:
            if not venue.has(need):
                return f"needs a simulated venue: {need}"
        elif store is not None and not _can(store, need):
            return f"not declared: {need.split()[-1]}"
    return ""


#: What the core does for a venue that lacks it.
_EMULATED_TIFS = frozenset({TimeInForce.DAY, TimeInForce.GTD})
_EMULATED = ("bracket", "oco")


def _can(store: BaseStore, need: str) -> bool:
    can = store.capabilities
    emulates = dict(store.params).get("on_unsupported") == "emulate"
    kind, _, name = need.partition(" ")
    if kind in _EMULATED:
        return emulates or bool(getattr(can, kind))
    if not name:
        return bool(getattr(can, kind.replace("native-", "")))
    return (emulates and _is_emulated(kind, name)) or _declares(can, kind, name)


def _declares(can: Capabilities, kind: str, name: str) -> bool:
    if kind == "type":
        return OrderType(name) in can.order_types
    if kind == "tif":
        return TimeInForce(name) in can.tifs
    if kind == "modify":
        return name in can.modify
    if kind == "extra":
        return name in can.extras
    raise ValueError(f"{kind} {name}: expected type, tif, modify or extra")


def _is_emulated(kind: str, name: str) -> bool:
    return kind == "type" or (kind == "tif" and TimeInForce(name) in _EMULATED_TIFS)
