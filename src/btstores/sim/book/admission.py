"""May an order enter the simulated venue: its terms, its relatives, the money for it."""

from __future__ import annotations

from typing import Dict, Mapping, Optional, Sequence

from btstores.clock import NS_PER_SECOND, Clock
from btstores.reports import OrderRequest, OrderType
from btstores.sim.book.account import Account, Fees
from btstores.sim.book.contingency import Contingencies
from btstores.sim.book.matching import Book
from btstores.sim.book.order import TRAILING, Refusal, SimOrder, State, refusal, tidy

__all__ = ["Admission", "draft"]

NS_PER_DAY = 86_400 * NS_PER_SECOND


def draft(request: OrderRequest, book: Book, now_ns: int) -> SimOrder:
    """Return the order as it would stand in the book.

    A trailing order starts from its price, the last price or its reference price, in that
    order. A Close order without a session end takes the end of the day, UTC.
    """
    order = SimOrder(request, "", 0, State.WORKING, born=book.events, changed_ns=now_ns)
    if request.order_type in TRAILING:
        order.best = request.price or book.last or request.reference_price
        if request.limit_price is not None and order.best is not None:
            order.offset = tidy(order.best - request.limit_price)
    if request.order_type is OrderType.CLOSE:
        order.close_ns = request.session_end_ns or now_ns - now_ns % NS_PER_DAY + NS_PER_DAY
    return order


class Admission:
    """Says what is wrong with a group of orders; changes nothing."""

    def __init__(
        self,
        clock: Clock,
        account: Account,
        fees: Fees,
        books: Mapping[str, Book],
        orders: Mapping[str, SimOrder],
        related: Contingencies,
    ) -> None:
        self._clock = clock
        self._account = account
        self._fees = fees
        self._books = books
        self._orders = orders
        self._related = related

    def problems(self, group: Sequence[OrderRequest]) -> Dict[str, Optional[Refusal]]:
        """Return what is wrong with each order, by client order id."""
        by_id = {request.client_order_id: request for request in group}
        return {key: self._problem(request, by_id) for key, request in by_id.items()}

    def _problem(
        self, request: OrderRequest, group: Mapping[str, OrderRequest]
    ) -> Optional[Refusal]:
        book = self._books.get(request.symbol)
        if book is None:
            return Refusal("UNKNOWN_SYMBOL", f"the symbol {request.symbol!r} is not traded here")
        return (
            refusal(request, book.instrument, self._clock.time_ns())
            or self._related.refusal(request, group)
            or self.cannot_pay(request)
        )

    def cannot_pay(self, request: OrderRequest) -> Optional[Refusal]:
        """Check funds and short sales; a bracket's exits are checked when they execute."""
        if request.parent_id is not None:
            return None
        symbol, side = request.symbol, request.side
        if self._account.opens_short(symbol, side, request.size):
            return Refusal("SHORT_NOT_ALLOWED", "the account may not sell what it does not hold")
        book = self._books[symbol]
        price = book.reference(draft(request, book, 0))
        if price is None:
            return None
        cost = self._account.cost(symbol, side, request.size, price)
        fee = self._fees(symbol, side, request.size, price)
        if self._account.affords(cost, fee, self._reserved(request)):
            return None
        return Refusal("MARGIN", f"{cost + fee:.2f} {self._account.currency} are not available")

    def _reserved(self, but: OrderRequest) -> float:
        """Return what working orders will need; of a one-cancels-other group, the most."""
        own = self._related.group_key(but.oco_id or but.client_order_id)
        needs: Dict[str, float] = {}
        for order in self._orders.values():
            key = self._related.group_key(order.id)
            if order.state is State.WORKING and key != own and order.reference is not None:
                size, side = self._related.open_size(order), order.request.side
                cost = self._account.cost(order.request.symbol, side, size, order.reference)
                needs[key] = max(needs.get(key, 0.0), cost)
        return sum(needs.values())
