"""A mass status as the reports that bring us to where the venue is."""

from __future__ import annotations

from typing import Iterable, Iterator, List, Optional

from btstores.clock import NS_PER_SECOND
from btstores.handlers.order_handler import ALIVE
from btstores.handlers.position_handler import PositionHandler
from btstores.orders.book import OrderBook, OrderRecord
from btstores.reports import FillReport, MassStatus, OrderReport, PositionReport, Report

__all__ = ["ON_ITS_WAY_NS", "news_of", "reports_of", "waits_for_answer"]

#: So long a request or its answer may be on its way.
ON_ITS_WAY_NS = 5 * NS_PER_SECOND


def reports_of(status: MassStatus, held: Iterable[str]) -> List[Report]:
    """Return a mass status as reports, marked as reconciled, in the order to apply them.

    It is complete: what was ``held`` and is not in it is held no more. Fills come before
    orders: an order that is adopted counts in ``filled`` what has been executed of it. Positions
    come last: what is noted of them counts the fills.
    """
    reports: List[Report] = []
    for group in (status.accounts, status.fills, status.orders, status.positions):
        reports.extend(report._replace(reconciled=True) for report in group)  # type: ignore[attr-defined]
    gone = set(held) - {position.symbol for position in status.positions}
    reports += [
        PositionReport(symbol, 0.0, time_ns=status.time_ns, reconciled=True)
        for symbol in sorted(gone)
    ]
    return reports


def news_of(
    reports: Iterable[Report], book: OrderBook, positions: PositionHandler, asked_ns: Optional[int]
) -> Iterator[Report]:
    """Yield those of a later status that can tell something; it lists a whole day each time.

    What a status that was asked for at ``asked_ns`` says of a working order counts only when
    nothing has been requested of the order since and no answer is on its way.
    """
    for report in reports:
        if isinstance(report, FillReport):
            if book.is_known_fill(report):
                continue
        elif isinstance(report, OrderReport):
            record = book.find(report.client_order_id, report.venue_order_id)
            works = report.event in ALIVE
            if record is None:
                is_old = works and _is_done(report)
            else:
                is_early = works and asked_ns is not None and not _may_tell(record, asked_ns)
                is_old = is_early or not record.live
            if is_old:
                continue
        elif isinstance(report, PositionReport):
            known = positions.positions.get(report.symbol)
            if known is not None and _is_same(known, report):
                continue
        yield report


def _is_done(report: OrderReport) -> bool:
    """Return whether nothing is left of an order that the venue tells to be working."""
    size = report.request.size if report.request is not None else report.size
    return size is not None and report.filled is not None and report.filled >= size


def _is_same(known: PositionReport, report: PositionReport) -> bool:
    return known[1:3] == report[1:3] and known.sellable == report.sellable


def _may_tell(record: OrderRecord, asked_ns: int) -> bool:
    return record.sent_ns < asked_ns and not waits_for_answer(record, asked_ns)


def waits_for_answer(record: OrderRecord, asked_ns: int) -> bool:
    """Return whether the answer to a cancel or a change may still be on its way."""
    asked = (record.pending_cancel or record.pending_modify) and not record.outcome_unknown
    return asked and asked_ns - record.sent_ns < ON_ITS_WAY_NS
