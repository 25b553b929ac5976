"""A mass status as the reports that bring us to where the venue is."""

from __future__ import annotations

from typing import Iterable, List

from btstores.reports import MassStatus, PositionReport, Report

__all__ = ["reports_of"]


def reports_of(status: MassStatus, held: Iterable[str]) -> List[Report]:
    """Return a mass status as reports, marked as reconciled, in the order to apply them.

    It is complete: what was ``held`` and is not in it is held no more. Fills come before
    orders: an order that is adopted counts in ``filled`` what has been executed of it.
    """
    reports: List[Report] = [
        PositionReport(symbol, 0.0, time_ns=status.time_ns, reconciled=True)
        for symbol in set(held) - {position.symbol for position in status.positions}
    ]
    for group in (status.accounts, status.positions, status.fills, status.orders):
        reports.extend(report._replace(reconciled=True) for report in group)  # type: ignore[attr-defined]
    return reports
