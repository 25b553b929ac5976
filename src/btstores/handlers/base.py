"""What every handler has in common, and who listens to it."""

from __future__ import annotations

import abc
from typing import Any, Callable, ClassVar, Iterable, Optional, Tuple, TypeVar

from btstores.orders.book import OrderRecord
from btstores.reports import (
    AccountReport,
    FillReport,
    OrderEvent,
    OrderReport,
    PositionReport,
)

__all__ = ["Handler", "Listener"]

T = TypeVar("T")


class Listener:
    """Hears what handlers found out; `StoreBroker` is one. The base class ignores it all."""

    def on_run(self) -> None:
        """Hear that a run begins: all that follows starts with what the venue knows."""

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


def describe(report: OrderReport) -> str:
    """Return the ids of an order report as one log field."""
    return f"client_id={report.client_order_id} venue_id={report.venue_order_id}"


def tell_all(listeners: Iterable[Callable[[T], None]], report: T) -> None:
    """Call each with ``report``; what one of them raises is raised after all have heard."""
    failed: Optional[Exception] = None
    for listener in listeners:
        try:
            listener(report)
        except Exception as error:
            failed = error
    if failed is not None:
        raise failed
