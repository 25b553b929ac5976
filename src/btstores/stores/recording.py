"""What a store writes into its journal."""

from __future__ import annotations

import dataclasses
import logging
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Mapping, Optional, Union

from btstores.clock import Clock
from btstores.errors import BtstoresError, JournalError
from btstores.handlers.base import Listener
from btstores.instruments import Instrument
from btstores.journal.base import Journal, NullJournal
from btstores.journal.records import kind_of
from btstores.orders.book import OrderBook, OrderRecord
from btstores.reports import (
    Bar,
    FillReport,
    HistoryReport,
    OrderEvent,
    OrderReport,
    Quote,
    Report,
    Tick,
)
from btstores.stores.description import description_of

if TYPE_CHECKING:
    from btstores.stores.base import BaseStore

__all__ = ["Recorder", "close_journal", "open_journal"]

log = logging.getLogger(__name__)

#: So much is kept of what cannot be written exactly.
_LONGEST = 1000


def open_journal(journal: Any, clock: Clock) -> Journal:
    """Return a journal for a path, one that keeps nothing for None, or the one given."""
    if journal is None:
        return NullJournal()
    if isinstance(journal, Journal):
        return journal
    from btstores.journal.sqlite import SqliteJournal

    return SqliteJournal(str(journal), clock)


def close_journal(journal: Journal) -> None:
    """End the run in the journal. When that fails the session is over all the same."""
    try:
        journal.close()
    except JournalError as error:
        log.error("journal.not_closed error=%s", error)


def _append(journal: Journal, book: OrderBook, report: Report) -> int:
    """Append ``report``, tied to the intent that it answers; return its seq.

    Raises `JournalError`.
    """
    if isinstance(report, (Bar, Tick, Quote, HistoryReport)):
        return _append_prices(journal, report)
    cause = None
    if isinstance(report, (OrderReport, FillReport)):
        order = book.find(report.client_order_id, report.venue_order_id)
        cause = order.journal_seq if order is not None else None
    return journal.append_report(report, cause)


def _append_prices(journal: Journal, report: Union[Bar, Tick, Quote, HistoryReport]) -> int:
    try:
        return journal.append_report(report)
    except JournalError:
        if journal.broken:
            raise
        # Nonsense instead of numbers has no place in JSON, and is no reason to stop trading.
        return journal.append(
            "unreadable", {"kind": kind_of(report), "text": repr(report)[:_LONGEST]}
        )


@dataclasses.dataclass
class _Turn:
    """The seq of the first and the last report of a turn of the engine.

    ``backlog`` is what feeds had still to show when it began, ``early`` whether it was handled
    before they were asked.
    """

    first: int
    last: int
    backlog: int
    early: bool = False


class Recorder(Listener):
    """Notes where orders and positions stand after a report, for a restart to begin with."""

    def __init__(self, store: BaseStore) -> None:
        self._store = store
        self._orders: Dict[str, OrderRecord] = {}
        self._symbols: Dict[str, None] = {}
        #: Fills that have been counted since, by the order or symbol that they were counted for.
        self._fills: Dict[str, List[str]] = {}
        self._turn: Optional[_Turn] = None
        #: The feeds that may have something to show, by id.
        self._waiting: Dict[int, Any] = {}

    def on_order(self, record: OrderRecord, event: OrderEvent) -> None:
        self._changed(record)

    def on_fill(self, record: OrderRecord, fill: FillReport) -> None:
        self._changed(record)
        self._fills.setdefault(record.client_order_id, []).append(fill.fill_id)

    def on_foreign_fill(self, fill: FillReport) -> None:
        self.holding_changed(fill.symbol)
        self._fills.setdefault(fill.symbol, []).append(fill.fill_id)

    def _changed(self, record: OrderRecord) -> None:
        if record.journal_seq is not None:  # of a foreign one the venue tells all there is
            self._orders[record.client_order_id] = record

    def holding_changed(self, symbol: str) -> None:
        """Note how a position is divided, with the next `flush`."""
        self._symbols[symbol] = None

    @property
    def active(self) -> bool:
        """Return whether there is a journal."""
        return not isinstance(self._store.journal, NullJournal)

    def record(self, report: Report) -> None:
        """Write a report down before it is handed on."""
        if not self.active:
            return
        try:
            seq = _append(self._store.journal, self._store.book, report)
        except BtstoresError as error:
            self._store.desk.journal_failed(error)
            return
        if self._turn is None:
            self._turn = _Turn(seq, seq, self._backlog())
        else:
            self._turn.last = seq

    def begin_run(self) -> None:
        """Write down what kind of store this is, for a replay to be like it."""
        if self.active:
            self._turn = None
            self.note("store", description_of(self._store))
            for instrument in self._store.instruments.values():
                self.learned(instrument)

    def end_run(self) -> None:
        """Write down what strategies are not shown: what feeds still have, and what follows."""
        if self.active:
            turn, self._turn = self._turn, None
            since = turn.first if turn is not None else self._store.journal.last_seq + 1
            self.note("stop", {"since": since, "backlog": self._backlog()})
            self._waiting.clear()

    def brought(self, data: Any) -> None:
        """Hear that a feed of the store has got something to show."""
        if self.active:
            self._waiting[id(data)] = data

    def _backlog(self) -> int:
        # Of a thousand feeds few have something at hand.
        found = {key: data.backlog for key, data in self._waiting.items()}
        for key, count in found.items():
            # Filters may bring forth what nobody brought.
            if not count and self._waiting[key].is_plain:
                del self._waiting[key]
        return sum(found.values())

    def learned(self, instrument: Instrument) -> None:
        """Write down what the venue has said of an instrument."""
        if self.active and not self._store.stopped:
            self.note("instrument", instrument._asdict())

    def turn(self, handle: Callable[[], int]) -> None:
        """Begin a turn of the engine, in which ``handle`` looks for reports first.

        What was handled together in the last one is written down, unless it was a single report
        that feeds have waited for: a replay shows strategies the same at once, after the same bars.
        """
        turn, self._turn = self._turn, None
        if turn is not None and (turn.first != turn.last or turn.backlog or turn.early):
            told = {"since": turn.first, "backlog": turn.backlog, "early": turn.early}
            self.note("turn", told)
        handle()
        self._turn_is_early()

    def _turn_is_early(self) -> None:
        if self._turn is not None:
            self._turn.early = True

    def note(self, kind: str, payload: Mapping[str, Any], order: Optional[str] = None) -> None:
        """Write down something besides reports; ``order`` is the client id it belongs to."""
        try:
            self._store.journal.append(kind, payload, correlation=order)
        except BtstoresError as error:
            self._store.desk.journal_failed(error)

    def flush(self) -> None:
        """Write down what has changed."""
        if not self._orders and not self._symbols:
            return
        orders, self._orders = self._orders, {}
        symbols, self._symbols = self._symbols, {}
        fills, self._fills = self._fills, {}
        if not self.active:
            return
        for key, record in orders.items():
            self.note("order_state", {**_state_of(record), **_counted(fills.get(key))})
        for symbol in symbols:
            held = dataclasses.asdict(self._store.desk.holdings.division(symbol))
            self.note("holding", {"symbol": symbol, **held, **_counted(fills.get(symbol))})


def _counted(fill_ids: Optional[List[str]]) -> Dict[str, Any]:
    return {} if fill_ids is None else {"fills": fill_ids}


def _state_of(record: OrderRecord) -> Dict[str, Any]:
    request = record.request
    state = {
        "client_order_id": record.client_order_id,
        "state": record.state.value,
        "filled": record.filled,
        "size": request.size,
        "price": request.price,
        "limit_price": request.limit_price,
        "pending_cancel": record.pending_cancel or None,
        "triggered": record.triggered or None,
        "emulated": record.emulated or None,
    }
    return {name: value for name, value in state.items() if value is not None}
