"""Where a session of chaos takes place: a venue that fails on command and shows its own book."""

from __future__ import annotations

import abc
from typing import Any, ClassVar, Dict, Mapping, NamedTuple, Sequence, Tuple

from btstores.sim.faults import Chance
from btstores.sim.switches import FaultKind
from btstores.stores.base import BaseStore

__all__ = ["FOREIGN", "Arena", "Book", "chances_of", "options_of"]

#: How the ids of orders begin that somebody else has sent.
FOREIGN = "foreign"


class Book(NamedTuple):
    """What the venue knows of the account.

    ``orders`` maps the ids that we gave to how much was filled and whether the order is alive;
    ``fills`` maps fill ids to the id that we gave to the order and the signed size. ``twice`` are
    ids that came with more than one order.
    """

    orders: Dict[str, Tuple[float, bool]]
    fills: Dict[str, Tuple[str, float]]
    position: float
    cash: float
    twice: Tuple[str, ...] = ()


class Arena(abc.ABC):
    """A venue for sessions of chaos; a new one for each session.

    ``chances`` are the faults that it knows, ``emulations`` what the core does although the venue
    could, in turn from seed to seed. The size of an order is a multiple of ``lot``, and
    ``short`` is whether the account may sell short. Of seconds, on the venue's clock, ``rest`` is
    how long it may take until all is settled after the last fault. ``eagerness`` is the part of the
    ticks with which something is done. ``cash_slack`` is how far the cash may be from the venue's,
    which may move while it is looked at.
    """

    symbol: str
    lot: float = 1.0
    short: bool = True
    rest: float = 900.0
    eagerness: float = 0.3
    cash_slack: float = 0.01
    qcheck: float = 0.01
    chances: ClassVar[Mapping[str, Chance]]
    emulations: ClassVar[Sequence[Tuple[str, ...]]] = ((),)

    @abc.abstractmethod
    def make_store(self, **params: Any) -> BaseStore:
        """Return a store for the account; called again after a kill, for the same account."""

    @abc.abstractmethod
    def strike(self, name: str, options: Mapping[str, Any], draw: float) -> None:
        """Let something go wrong. ``draw`` is a random number from 0 to 1 for what is left open."""

    @abc.abstractmethod
    def calm(self) -> None:
        """End all that goes wrong."""

    @abc.abstractmethod
    def sever(self) -> None:
        """Cut the store off as the end of its process would."""

    @abc.abstractmethod
    def book(self) -> Book:
        """Return what the venue knows, without regard to the store."""

    @abc.abstractmethod
    def close(self) -> None:
        """Free what the venue holds."""


def chances_of(
    table: Mapping[str, FaultKind], likely: Mapping[str, Tuple[float, float]]
) -> Dict[str, Chance]:
    """Return the chances of faults of a table, of a kill, and of somebody else.

    ``likely`` has for each fault its weight and how many seconds it lasts at most.
    """
    return {
        **{name: Chance(*pair, table[name].doc) for name, pair in likely.items()},
        "kill": Chance(1, 0, "the process is killed"),
        "somebody": Chance(1, 0, "somebody else trades on the account"),
    }


def options_of(kind: FaultKind, options: Mapping[str, Any], speed: float) -> Dict[str, Any]:
    """Return how to switch a fault on where the venue's time is ``speed`` times as fast."""
    seconds = float(options.get("seconds", 0.0)) / speed
    if kind.when == "while":
        return {"lasts": seconds}
    return {"seconds": seconds} if seconds else {}
