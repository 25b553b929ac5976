"""A venue in memory: instruments, one account, an order book fed with prices.

It does no I/O, runs on one thread, knows the time from its clock alone and tells everything
through ``put``: what is wrong with an order is a report, never an exception. The rules are
in `btstores.sim.book.matching` (fills) and `btstores.sim.book.contingency` (brackets and groups).
"""

from __future__ import annotations

import logging
import math
from typing import Any, Callable, Dict, Iterable, Mapping, Optional, Sequence

from btstores.clock import Clock
from btstores.errors import ConfigError, UnknownInstrumentError
from btstores.instruments import Instrument
from btstores.reports import (
    Bar,
    MassStatus,
    OrderModification,
    OrderRequest,
    Quote,
    Report,
    Tick,
)
from btstores.sim.book.account import Account, Fees, no_fees
from btstores.sim.book.desk import Desk
from btstores.sim.book.matching import Book

__all__ = ["Exchange"]

log = logging.getLogger(__name__)


def _nobody(report: Report) -> None:
    """Stand in until the exchange is told where reports go."""


class Exchange:
    """One simulated venue with one account; the `book` fill model.

    ``fees`` returns the commission of an execution. ``participation`` is the part of a
    bar's volume that our orders may have. ``allow_partial`` False fills an order in one
    piece or not at all. ``order_delay`` and ``report_delay`` are the seconds that requests
    and reports are on their way. ``keep`` is how many finished orders, and how many fills,
    are remembered for mass status and to refuse duplicates.
    """

    #: The market feeds it. An engine that the broker steps bar by bar says False.
    fed_by_market = True

    def __init__(
        self,
        clock: Clock,
        instruments: Iterable[Instrument] = (),
        account: Optional[Account] = None,
        fees: Fees = no_fees,
        participation: float = 0.1,
        allow_partial: bool = True,
        order_delay: float = 0.0,
        report_delay: float = 0.0,
        keep: int = 100_000,
    ) -> None:
        if not 0 < participation <= 1:
            raise ConfigError.of("participation", participation, "a fraction above 0, up to 1")
        self.clock = clock
        self.account = account or Account()
        self.put: Callable[[Report], None] = _nobody
        self._participation = participation
        self._allow_partial = allow_partial
        self._order_delay = order_delay
        self._report_delay = report_delay
        self._desk = Desk(clock, self.account, fees, self._tell, keep)
        for instrument in instruments:
            self.add_instrument(instrument)

    def add_instrument(self, instrument: Instrument) -> None:
        """List an instrument, or change what is known of it."""
        self.account.instruments[instrument.symbol] = instrument
        books = self._desk.books
        if instrument.symbol in books:
            books[instrument.symbol].instrument = instrument
        else:
            books[instrument.symbol] = Book(
                instrument, self._desk.hooks, self._participation, self._allow_partial
            )

    def instrument(self, symbol: str) -> Instrument:
        """Return what is listed under ``symbol``. Raises `UnknownInstrumentError`."""
        book = self._desk.books.get(symbol)
        if book is None:
            raise UnknownInstrumentError(symbol, "the venue", ", ".join(sorted(self._desk.books)))
        return book.instrument

    # Market data in. What is no price is ignored: it must not stop the venue.

    def on_bar(self, bar: Bar) -> None:
        """Let a complete bar pass."""
        book = self._book(bar.symbol, bar[4:8])
        if book is not None and bar.complete:
            self._desk.expire(bar.time_ns)
            book.on_bar(bar)
            self._desk.end_immediate(bar.symbol)
            self._mark(book)
            if self.account.position(bar.symbol).size:
                self._tell_account()

    def on_tick(self, tick: Tick) -> None:
        """Let a trade of the market pass."""
        book = self._book(tick.symbol, (tick.price,))
        if book is not None:
            self._desk.expire(tick.time_ns)
            book.on_tick(tick)
            self._desk.end_immediate(tick.symbol)
            self._mark(book)

    def on_quote(self, quote: Quote) -> None:
        """Take a new best bid and ask."""
        sides = [price for price in (quote.bid, quote.ask) if price is not None]
        book = self._book(quote.symbol, sides)
        if book is not None:
            self._desk.expire(quote.time_ns)
            book.on_quote(quote)
            self._desk.end_immediate(quote.symbol)
            self._mark(book)

    def halt(self, symbol: str) -> None:
        """Stop trading in ``symbol``: orders are taken and can be cancelled, none executes."""
        self.instrument(symbol)
        self._desk.books[symbol].halted = True

    def resume(self, symbol: str) -> None:
        """Let trading in ``symbol`` go on."""
        self.instrument(symbol)
        book = self._desk.books[symbol]
        book.halted = False
        book.retry()
        book.close_auction(self.clock.time_ns())

    # Requests in, answered by reports

    def submit(self, group: Sequence[OrderRequest]) -> None:
        """Take one order, or a bracket whose first request is the parent."""
        self._later(self._order_delay, lambda: self._desk.submit(group))

    def cancel(self, client_order_id: str) -> None:
        """Cancel an order."""
        self._later(self._order_delay, lambda: self._desk.cancel(client_order_id))

    def modify(self, modification: OrderModification) -> None:
        """Change an order. A new price or a larger size costs it its time priority."""
        self._later(self._order_delay, lambda: self._desk.modify(modification))

    def deposit(self, amount: float) -> None:
        """Add ``amount`` of the account's currency; a negative amount takes it away."""
        self.account.deposit(amount)
        self._tell_account()

    # State out

    def mass_status(self, since_ns: Optional[int] = None) -> MassStatus:
        """Return live orders, what ended or was executed since ``since_ns``, and balances."""
        now, since = self.clock.time_ns(), -1 if since_ns is None else since_ns
        orders = [o for o in self._desk.orders.values() if o.live or o.changed_ns >= since]
        return MassStatus(
            now,
            tuple(order.status() for order in orders),
            tuple(fill for fill in self._desk.fills if fill.time_ns >= since),
            tuple(self.account.position_report(symbol, now) for symbol in self.account.positions),
            (self.account.report(now),),
        )

    def snapshot(self) -> Dict[str, Any]:
        """Return the whole state as plain JSON values; reports on their way are not in it."""
        return {"account": self.account.to_dict(), **self._desk.to_dict()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become the exchange that `snapshot` described."""
        for symbol in state["books"]:
            if symbol not in self._desk.books:
                self.add_instrument(Instrument(symbol))
        self.account.load(state["account"])
        self._desk.load(state)

    # Inside

    def _book(self, symbol: str, prices: Sequence[float]) -> Optional[Book]:
        book = self._desk.books.get(symbol)
        sane = all(math.isfinite(price) and price > 0 for price in prices)
        if book is None or not sane:
            log.warning("exchange.price_ignored symbol=%s prices=%s", symbol, tuple(prices))
            return None
        return book

    def _mark(self, book: Book) -> None:
        if book.last is not None:
            self.account.marks[book.instrument.symbol] = book.last

    def _tell(self, report: Report) -> None:
        self._later(self._report_delay, lambda: self.put(report))

    def _tell_account(self) -> None:
        self._tell(self.account.report(self.clock.time_ns()))

    def _later(self, seconds: float, call: Callable[[], None]) -> None:
        if seconds > 0:
            self.clock.call_later(seconds, call)
        else:
            call()
