"""The order desk of a simulated venue: takes, changes, executes and ends orders.

Every wrong request is answered with a report; nothing here raises for one.
"""

from __future__ import annotations

import collections
from typing import Any, Callable, Deque, Dict, List, Mapping, Optional, Sequence, Set

from btstores.clock import Clock, Timer
from btstores.reports import (
    FillReport,
    OrderEvent,
    OrderModification,
    OrderReport,
    OrderRequest,
    Report,
    Side,
    TimeInForce,
    to_record,
)
from btstores.sim.book.account import Account, Fees
from btstores.sim.book.admission import Admission, draft
from btstores.sim.book.contingency import Contingencies
from btstores.sim.book.matching import Book, Hooks
from btstores.sim.book.order import (
    TRAILING,
    ModifyRefused,
    Refusal,
    SimOrder,
    State,
    modified_terms,
    prices_of,
    tidy,
)

__all__ = ["Desk"]

#: A tuple: it is asked of each order with each price.
_IMMEDIATE = (TimeInForce.IOC, TimeInForce.FOK)


class Desk:
    """Orders, fills and the books they rest in. ``tell`` gets every report.

    ``keep`` is how many finished orders, and how many fills, are remembered.
    """

    def __init__(
        self,
        clock: Clock,
        account: Account,
        fees: Fees,
        tell: Callable[[Report], None],
        keep: int,
    ) -> None:
        self.account = account
        self.books: Dict[str, Book] = {}
        self.orders: Dict[str, SimOrder] = {}
        self.fills: Deque[FillReport] = collections.deque(maxlen=keep)
        self.related = Contingencies(self.orders)
        self.hooks = Hooks(self.related.open_size, self._execute, self._trigger)
        self._clock = clock
        self._fees = fees
        self._admission = Admission(clock, account, fees, self.books, self.orders, self.related)
        self._tell = tell
        self._keep = keep
        self._finished: Deque[str] = collections.deque()
        self._timers: Dict[str, List[Timer]] = {}
        self._counts = {"order": 0, "fill": 0, "sequence": 0}
        # Ids of another run of the same account must not come again.
        self._run_id = clock.new_id()[:8]

    # Requests

    def submit(self, group: Sequence[OrderRequest]) -> None:
        """Take a group of orders, all or none."""
        new = self._without_duplicates(group)
        problems = self._admission.problems(new)
        if any(problems.values()):
            for request in new:
                self._refuse(request, problems[request.client_order_id])
            return
        orders = [self._accept(request) for request in new]
        for order in orders:
            if order.state is State.WORKING:
                self.books[order.request.symbol].add(order)
        for symbol in sorted({request.symbol for request in new}):
            self.books[symbol].retry()
            if self.books[symbol].quoted:
                self.end_immediate(symbol, at_once=True)

    def cancel(self, client_order_id: str) -> None:
        """Cancel an order, if it is alive."""
        order = self.orders.get(client_order_id)
        if order is None or not order.live:
            self._deny(OrderEvent.CANCEL_REJECTED, client_order_id, _dead(order))
        else:
            self._finish(order, State.CANCELED)

    def modify(self, modification: OrderModification) -> None:
        """Change an order, if it is alive and the change makes sense."""
        order = self.orders.get(modification.client_order_id)
        try:
            if order is None or not order.live:
                raise ModifyRefused(*_dead(order))
            terms = self._new_terms(order, modification)
        except ModifyRefused as error:
            problem = Refusal(*error.args)
            self._deny(OrderEvent.MODIFY_REJECTED, modification.client_order_id, problem)
            return
        self._change(order, terms)

    def expire(self, before_ns: int) -> None:
        """End the orders whose expiry lies before a time."""
        for order in [o for o in self._timed() if (o.request.expire_ns or before_ns) < before_ns]:
            if order.live:
                self._finish(order, State.EXPIRED)

    def end_immediate(self, symbol: str, at_once: bool = False) -> None:
        """Cancel what is left of orders that were good for one moment of the market."""
        book = self.books[symbol]
        for order in [one for one in book.orders if one.request.tif in _IMMEDIATE]:
            has_met = at_once or book.events > order.born
            if has_met and order.live:
                why = Refusal("IMMEDIATE", "not to be had at once")
                self._finish(order, State.CANCELED, why)

    # Taking orders

    def _without_duplicates(self, group: Sequence[OrderRequest]) -> List[OrderRequest]:
        new: List[OrderRequest] = []
        seen: Set[str] = set()
        for request in group:
            if request.client_order_id in self.orders or request.client_order_id in seen:
                self._refuse_duplicate(request)
            else:
                seen.add(request.client_order_id)
                new.append(request)
        return new

    def _refuse_duplicate(self, request: OrderRequest) -> None:
        # Told without the id: the order of that id is another one, and well.
        report = OrderReport(
            OrderEvent.REJECTED,
            self._clock.time_ns(),
            symbol=request.symbol,
            reason=f"the client order id {request.client_order_id} is in use",
            reason_code="DUPLICATE_ID",
            request=request,
        )
        self._tell(report)

    def _accept(self, request: OrderRequest) -> SimOrder:
        book = self.books[request.symbol]
        order = draft(request, book, self._clock.time_ns())
        order.reference = book.reference(order)
        order.sequence = self._next("sequence")
        order.venue_id = f"{self._run_id}-{self._next('order')}"
        parent = self.orders.get(request.parent_id or "")
        if parent is not None and parent.filled == 0:
            order.state = State.HELD
        self.orders[order.id] = order
        self.related.add(order)
        self._set_timers(order)
        # With its terms: whoever listens may not be the one who has sent it.
        self._tell(order.report(OrderEvent.ACCEPTED, order.changed_ns, request=request))
        return order

    def _refuse(self, request: OrderRequest, problem: Optional[Refusal]) -> None:
        problem = problem or Refusal("GROUP_REJECTED", "another order of the group was refused")
        state = State.MARGIN if problem.code == "MARGIN" else State.REJECTED
        order = SimOrder(request, f"{self._run_id}-{self._next('order')}", 0, state)
        order.changed_ns = self._clock.time_ns()
        order.reason, order.reason_code = problem.reason, problem.code
        self.orders[order.id] = order
        self._archive(order)
        self._tell(order.status()._replace(request=None))

    def _deny(self, event: OrderEvent, client_order_id: str, problem: Refusal) -> None:
        order, now = self.orders.get(client_order_id), self._clock.time_ns()
        if order is None:
            report = OrderReport(event, now, client_order_id=client_order_id)
        else:
            report = order.report(event, now)
        self._tell(report._replace(reason=problem.reason, reason_code=problem.code))

    # Changing orders

    def _new_terms(self, order: SimOrder, modification: OrderModification) -> OrderRequest:
        book = self.books[order.request.symbol]
        terms = modified_terms(order, modification, book.instrument, self._clock.time_ns())
        if _costs_priority(order.request, terms) and order.state is State.WORKING:
            rest = terms._replace(size=tidy(terms.size - order.filled))
            problem = self._admission.cannot_pay(rest)
            if problem is not None:
                raise ModifyRefused(*problem)
        return terms

    def _change(self, order: SimOrder, terms: OrderRequest) -> None:
        old, order.request = order.request, terms
        book = self.books[terms.symbol]
        if _costs_priority(old, terms):
            order.sequence = self._next("sequence")
            order.maker, order.queue = False, 0.0
        if terms.order_type in TRAILING:
            if terms.price != old.price:
                order.best = terms.price
            if terms.limit_price is not None and order.best is not None:
                order.offset = tidy((terms.price or order.best) - terms.limit_price)
        order.reference = book.reference(order)
        self._set_timers(order)
        self._tell(order.report(OrderEvent.MODIFIED, self._clock.time_ns()))
        if order.state is State.WORKING:
            book.retry()

    def _shrink(self, order: SimOrder, size: float) -> None:
        """Make the order smaller because a relative was executed; nothing left ends it."""
        if not order.live:
            return
        size = tidy(max(size, order.filled))
        if size == order.filled:
            # The relative that took the last of it goes on.
            why = Refusal("RELATED", "nothing is left to execute")
            self._finish(order, State.CANCELED, why, siblings=False)
        elif size != order.request.size:
            order.request = order.request._replace(size=size)
            self._tell(order.report(OrderEvent.MODIFIED, self._clock.time_ns()))

    # Executing

    def _trigger(self, order: SimOrder) -> None:
        order.triggered = True
        order.sequence = self._next("sequence")
        self._tell(order.report(OrderEvent.TRIGGERED, self._clock.time_ns()))

    def _execute(self, order: SimOrder, price: float, size: float) -> float:
        """Trade, if the account allows it; return how much was traded."""
        request = order.request
        fee = self._fees(request.symbol, request.side, size, price)
        cost = self.account.cost(request.symbol, request.side, size, price)
        if self.account.opens_short(request.symbol, request.side, size):
            why = Refusal("SHORT_NOT_ALLOWED", "the account may not sell what it does not hold")
            self._finish(order, State.CANCELED, why)
            return 0.0
        if not self.account.affords(cost, fee):
            why = Refusal("MARGIN", f"{cost + fee:.2f} {self.account.currency} are not available")
            self._finish(order, State.MARGIN, why)
            return 0.0
        self.account.trade(request.symbol, request.side, size, price, fee)
        order.filled = tidy(order.filled + size)
        order.changed_ns = self._clock.time_ns()
        self._tell_fill(order, price, size, fee)
        if order.remaining <= 0:
            self._finish(order, State.FILLED)
        for child in self.related.children(order):
            if child.state is State.HELD:
                self._activate(child, price)
        if order.live:
            for sibling in self.related.siblings(order):
                self._shrink(sibling, sibling.request.size - size)
        parent = self.orders.get(request.parent_id or "")
        if parent is not None and not parent.live:
            # It may have been made larger than what there is to close.
            pool = self.related.pool(parent)
            self._shrink(order, order.filled + min(order.remaining, pool))
        return size

    def _tell_fill(self, order: SimOrder, price: float, size: float, fee: float) -> None:
        request, now = order.request, order.changed_ns
        fill = FillReport(
            f"{self._run_id}-F{self._next('fill')}",
            request.symbol,
            request.side,
            size,
            price,
            now,
            client_order_id=order.id,
            venue_order_id=order.venue_id,
            commission=fee,
            commission_currency=self.account.currency,
        )
        self.fills.append(fill)
        self._tell(fill)
        self._tell(self.account.position_report(request.symbol, now))
        self._tell(self.account.report(now))

    def _activate(self, child: SimOrder, price: float) -> None:
        child.move_to(State.WORKING)
        book = self.books[child.request.symbol]
        child.born = book.events
        if child.request.order_type in TRAILING and child.request.price is None:
            child.best = price
        book.add(child)

    def _finish(
        self,
        order: SimOrder,
        state: State,
        why: Optional[Refusal] = None,
        siblings: bool = True,
    ) -> None:
        """End an order and what hangs on it, with or without its siblings."""
        order.move_to(state)
        order.changed_ns = self._clock.time_ns()
        if why is not None:
            order.reason_code, order.reason = why
        self.books[order.request.symbol].remove(order)
        for timer in self._timers.pop(order.id, []):
            timer.cancel()
        if state is not State.FILLED:
            self._tell(order.status()._replace(request=None))
        for sibling in self.related.siblings(order) if siblings else ():
            if state is State.FILLED and self.related.has_more(sibling, order):
                self._shrink(sibling, self.related.most(sibling))
            elif sibling.live:
                why = Refusal("RELATED", f"order {order.id} of the group is {state.value}")
                self._finish(sibling, State.CANCELED, why)
        for child in self.related.children(order):
            self._shrink(child, child.filled + min(child.remaining, self.related.pool(order)))
        self._archive(order)

    # Time and memory

    def _timed(self) -> List[SimOrder]:
        return [self.orders[key] for key in self._timers]

    def _set_timers(self, order: SimOrder) -> None:
        """Wake up just after an order's expiry and after the session it waits for."""
        for timer in self._timers.pop(order.id, []):
            timer.cancel()
        times = [t for t in (order.request.expire_ns, order.close_ns) if t is not None]
        if order.live and times:
            self._timers[order.id] = [self._clock.call_at(t + 1, self._wake_up) for t in times]

    def _wake_up(self) -> None:
        now = self._clock.time_ns()
        self.expire(now)
        for book in list(self.books.values()):
            book.close_auction(now)

    def _archive(self, order: SimOrder) -> None:
        self._finished.append(order.id)
        for _ in range(len(self._finished) - self._keep):
            oldest = self.orders[self._finished.popleft()]
            if self.related.settled(oldest):
                self.related.forget(oldest)
                del self.orders[oldest.id]
            else:
                self._finished.append(oldest.id)

    def _next(self, name: str) -> int:
        self._counts[name] += 1
        return self._counts[name]

    def to_dict(self) -> Dict[str, Any]:
        """Return orders, fills and books as plain JSON values."""
        return {
            "run_id": self._run_id,
            "counts": dict(self._counts),
            "orders": [order.to_dict() for order in self.orders.values()],
            "finished": list(self._finished),
            "fills": [to_record(fill) for fill in self.fills],
            "books": {symbol: book.to_dict() for symbol, book in self.books.items()},
        }

    def load(self, record: Mapping[str, Any]) -> None:
        """Become the desk that `to_dict` described; its instruments must be listed."""
        self._run_id, self._counts = record["run_id"], dict(record["counts"])
        self.orders.clear()
        self.related.clear()
        for item in record["orders"]:
            order = SimOrder.from_dict(item)
            self.orders[order.id] = order
            self.related.add(order)
        self._finished = collections.deque(record["finished"])
        self.fills.clear()
        self.fills.extend(FillReport(**dict(f, side=Side(f["side"]))) for f in record["fills"])
        for symbol, item in record["books"].items():
            self.books[symbol].load(item, self.orders)
        for order in self.orders.values():
            self._set_timers(order)


def _costs_priority(old: OrderRequest, new: OrderRequest) -> bool:
    """Return whether a change sends the order to the end of the queue, as venues do."""
    return new.size > old.size or prices_of(new) != prices_of(old)


def _dead(order: Optional[SimOrder]) -> Refusal:
    if order is None:
        return Refusal("UNKNOWN_ORDER", "no such order")
    return Refusal("ORDER_FINISHED", f"the order is {order.state.value}")
