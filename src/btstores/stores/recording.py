"""What a store writes into its journal."""

from __future__ import annotations

from typing import Any

from btstores.clock import Clock
from btstores.journal.base import Journal, NullJournal
from btstores.orders.book import OrderBook
from btstores.reports import FillReport, HistoryReport, OrderReport, Report, to_record

__all__ = ["open_journal", "record_report"]


def open_journal(journal: Any, clock: Clock) -> Journal:
    """Return a journal for a path, one that keeps nothing for None, or the one given."""
    if journal is None:
        return NullJournal()
    if isinstance(journal, Journal):
        return journal
    from btstores.journal.sqlite import SqliteJournal

    return SqliteJournal(str(journal), clock)


def record_report(journal: Journal, book: OrderBook, report: Report) -> None:
    """Append ``report``, tied to the intent that it answers. Raises `JournalError`."""
    if isinstance(report, HistoryReport):
        # What was asked for can be asked for again: the bars are not kept.
        of = to_record(report.subscription)
        journal.append("history", {"of": of, "bars": len(report.bars), "error": report.error})
        return
    cause = None
    if isinstance(report, (OrderReport, FillReport)):
        order = book.find(report.client_order_id, report.venue_order_id)
        cause = order.journal_seq if order is not None else None
    journal.append_report(report, cause)
