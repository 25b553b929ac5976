"""Brings market data to the feeds that asked for it."""

from __future__ import annotations

from typing import Callable, Dict, List, Tuple, Union

from btstores.handlers.base import Handler, drop, tell_all
from btstores.instruments import TimeFrame
from btstores.reports import Bar, HistoryReport, Quote, Subscription, Tick

__all__ = ["DataHandler"]

MarketData = Union[Bar, Tick, Quote]
Consumer = Callable[[MarketData], None]

_TICKS = int(TimeFrame.TICKS)


class DataHandler(Handler):
    """Any number of consumers for each subscription; history goes to the one who asked."""

    reports = (Bar, Tick, Quote, HistoryReport)

    def __init__(self) -> None:
        self._consumers: Dict[Tuple[str, int, int, bool], List[Consumer]] = {}
        self._askers: Dict[int, Callable[[HistoryReport], None]] = {}

    def add_consumer(self, subscription: Subscription, consumer: Consumer) -> None:
        """Bring what arrives for ``subscription`` to ``consumer`` from now on."""
        self._consumers.setdefault(subscription, []).append(consumer)

    def remove_consumer(self, subscription: Subscription, consumer: Consumer) -> None:
        """Stop bringing; unknown consumers are ignored."""
        drop(self._consumers.get(subscription, []), consumer)

    def expect_history(self, request_id: int, asker: Callable[[HistoryReport], None]) -> None:
        """Bring the answer to a history request to ``asker``, once."""
        self._askers[request_id] = asker

    def handle(self, report: Union[MarketData, HistoryReport]) -> None:
        if isinstance(report, HistoryReport):
            asker = self._askers.pop(report.request_id, None)
            if asker is not None:
                asker(report)
            return
        tell_all(self._consumers.get(subscription_of(report), ()), report)


def subscription_of(report: MarketData) -> Tuple[str, int, int, bool]:
    """Return what equals the subscription that a piece of market data belongs to.

    A plain tuple, because this is asked for each report and a named one takes longer to make.
    """
    if isinstance(report, Bar):
        return report.symbol, report.timeframe, report.compression, False
    return report.symbol, _TICKS, 1, isinstance(report, Quote)
