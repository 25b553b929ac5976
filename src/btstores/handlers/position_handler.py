"""Keeps what the venue says the account holds."""

from __future__ import annotations

from typing import Dict, Optional

from btstores.handlers.base import Handler, Listener
from btstores.reports import PositionReport

__all__ = ["PositionHandler"]


class PositionHandler(Handler):
    """The newest position report of each symbol; one older than what is known is ignored."""

    reports = (PositionReport,)

    def __init__(self, listener: Optional[Listener] = None) -> None:
        self.listener = listener if listener is not None else Listener()
        self.positions: Dict[str, PositionReport] = {}

    def handle(self, report: PositionReport) -> None:
        known = self.positions.get(report.symbol)
        if known is not None and report.time_ns < known.time_ns:
            return
        self.positions[report.symbol] = report
        self.on_position_update(report)

    def on_position_update(self, report: PositionReport) -> None:
        """Hear of a position."""
        self.listener.on_position(report)
