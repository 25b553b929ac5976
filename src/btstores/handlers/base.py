"""What every handler has in common, and who listens to it."""

from __future__ import annotations

import abc
from typing import Any, Callable, ClassVar, Iterable, List, Optional, Tuple, Type, TypeVar

from btstores.orders.book import OrderRecord
from btstores.reports import (
    AccountReport,
    FillReport,
    OrderEvent,
    OrderReport,
    PositionReport,
)

__all__ = ["Handler", "Listener", "Listeners", "drop"]


H = TypeVar("H", bound="Handler")


def drop(hearers: List[Any], hearer: Any) -> None:
    """Take a function out of a list, if it is there.

    Python 3.7 compares the objects of two methods by ``==``, which feeds have for other things.
    """
    for place, other in enumerate(hearers):
        if name_of(other) == name_of(hearer):
            del hearers[place]
            return


def name_of(function: Any) -> Tuple[int, Optional[str]]:
    """Return what is the same for two objects of one method, and can be a key."""
    owner = getattr(function, "__self__", function)
    return id(owner), getattr(function, "__name__", None)


class Listener:
    """Hears what handlers found out; `StoreBroker` is one. The base class ignores it all."""

    def on_run(self) -> None:
        """Hear that a run begins: all that follows starts with what the venue knows."""

    def on_submitted(self, record: OrderRecord) -> None:
        """Hear that an order of ours has passed all checks and is on its way."""

    def on_order(self, record: OrderRecord, event: OrderEvent) -> None:
        """Hear that an order has changed, or that a request for it was answered."""

    def on_fill(self, record: OrderRecord, fill: FillReport) -> None:
        """Hear of an execution of an order; ``record`` counts it already."""

    def on_foreign_order(self, record: OrderRecord) -> None:
        """Hear of an order that this process did not send."""

    def on_foreign_fill(self, fill: FillReport) -> None:
        """Hear of an execution of an order that this process does not know."""

    def on_position(self, report: PositionReport) -> None:
        """Hear what the account holds of one instrument."""

    def on_account(self, report: AccountReport) -> None:
        """Hear of cash and value."""


class Listeners(Listener):
    """Several listeners, told one after the other."""

    def __init__(self, *listeners: Listener) -> None:
        self._listeners = listeners

    def on_run(self) -> None:
        self._tell("on_run")

    def on_submitted(self, record: OrderRecord) -> None:
        self._tell("on_submitted", record)

    def on_order(self, record: OrderRecord, event: OrderEvent) -> None:
        self._tell("on_order", record, event)

    def on_fill(self, record: OrderRecord, fill: FillReport) -> None:
        self._tell("on_fill", record, fill)

    def on_foreign_order(self, record: OrderRecord) -> None:
        self._tell("on_foreign_order", record)

    def on_foreign_fill(self, fill: FillReport) -> None:
        self._tell("on_foreign_fill", fill)

    def on_position(self, report: PositionReport) -> None:
        self._tell("on_position", report)

    def on_account(self, report: AccountReport) -> None:
        self._tell("on_account", report)

    def _tell(self, what: str, *args: Any) -> None:
        tell_all([getattr(listener, what) for listener in self._listeners], *args)


class Handler(abc.ABC):
    """Handles some kinds of report, one at a time, on Cerebro's thread.

    Pass an instance to a store with ``handlers=[...]``: a subclass of one of the standard
    handlers takes its place, anything else is called after them.
    """

    #: The report classes it wants.
    reports: ClassVar[Tuple[type, ...]] = ()

    @abc.abstractmethod
    def handle(self, report: Any) -> None:
        """Take note of ``report``."""


def pick(given: Iterable[Handler], kind: Type[H]) -> H:
    """Return the first of ``kind`` that was given, or else a new one."""
    for handler in given:
        if isinstance(handler, kind):
            return handler
    return kind()


def describe(report: OrderReport) -> str:
    """Return the ids of an order report as one log field."""
    return f"client_id={report.client_order_id} venue_id={report.venue_order_id}"


def tell_all(listeners: Iterable[Callable[..., None]], *args: Any) -> None:
    """Call each with the same; what one of them raises is raised after all have heard."""
    failed: Optional[Exception] = None
    for listener in listeners:
        try:
            listener(*args)
        except Exception as error:
            failed = error
    if failed is not None:
        raise failed
