"""What is known of each order at OpenD, and what a message adds to it."""

from __future__ import annotations

import dataclasses
import logging
from typing import Any, Dict, Iterator, List, Optional, Set, Tuple, Union

from btstores.inbox import Guard
from btstores.reports import FillReport, OrderEvent, OrderReport, OrderRequest
from btstores.stores.futu.orders import (
    ENDED,
    EVENTS,
    Terms,
    fill_report,
    number,
    request_of,
    time_ns,
)
from btstores.stores.futu.symbols import SIMULATE

__all__ = ["Known", "Tracker", "lacks_power"]

log = logging.getLogger(__name__)

_NO_POWER = ("buying power", "购买力", "購買力")
_DISABLED, _FILL_CANCELED = 22, 24
#: A fill that is no execution: cancelled, changed, paid out.
_FILL_OK = 0


@dataclasses.dataclass
class Known:
    """An order at OpenD: its newest terms, and how much of it has been told."""

    order_id: str
    request: OrderRequest
    status: int = -1
    updated_ns: int = 0
    accepted: bool = False
    filled: float = 0.0
    value: float = 0.0
    told: float = 0.0
    fills: List[FillReport] = dataclasses.field(default_factory=list)
    #: What the message said that ``request`` was made of.
    terms_told: Tuple[Any, ...] = ()

    @property
    def ended(self) -> bool:
        return self.status in ENDED


class Tracker:
    """The orders of one account. Messages may come twice, late and in any order; any thread.

    A simulated account tells no fills: they are made of what its orders say to be filled, a fill
    for each increase, and named by the order and the size reached.
    """

    def __init__(self, terms: Terms, keep: int = 10_000) -> None:
        self._terms = terms
        self._keep = keep
        self._lock = Guard()
        self._orders: Dict[str, Known] = {}
        self._by_client_id: Dict[str, str] = {}
        self._fills: Dict[str, Set[str]] = {}

    def find(self, client_order_id: str, order_id: Optional[str]) -> Optional[Known]:
        """Return what is known of an order by the id of either side."""
        with self._lock:
            return self._orders.get(order_id or self._by_client_id.get(client_order_id, ""))

    def client_id_of(self, order_id: str) -> Optional[str]:
        """Return our id of an order, if it has been told."""
        with self._lock:
            known = self._orders.get(order_id)
            return None if known is None else known.request.client_order_id

    def sent(self, request: OrderRequest, order_id: str) -> None:
        """Note the id that OpenD has given to an order."""
        with self._lock:
            self._by_client_id[request.client_order_id] = order_id
            self._orders.setdefault(order_id, Known(order_id, request))

    def lacking_fills(self) -> List[str]:
        """Return the ids of orders of which more is filled than fills have told."""
        with self._lock:
            return [
                each.order_id for each in self._orders.values() if each.filled > each.told + 1e-9
            ]

    def hear(self, order: Any, now_ns: int) -> List[Union[OrderReport, FillReport]]:
        """Return what a Trd_Common.Order adds to what has been told before."""
        with self._lock:
            return list(self._hear(order, now_ns))

    def _hear(self, order: Any, now_ns: int) -> Iterator[Union[OrderReport, FillReport]]:
        known = self._orders.get(order.orderIDEx)
        is_new, terms = known is None, _terms_told(order)
        if known is not None and terms == known.terms_told:
            request: Optional[OrderRequest] = known.request
        else:
            request = request_of(order, self._terms)
        if request is None:
            return  # of another market of the account
        if known is None:
            known = self._add(Known(order.orderIDEx, request))
        updated_ns = time_ns(order, "updateTimestamp", "updateTime", self._terms.timezone) or now_ns
        is_old = known.ended or updated_ns < known.updated_ns
        status = known.status if is_old else order.orderStatus
        event = EVENTS.get(status)
        if event is not None and not known.accepted:
            known.accepted = True
            if event is not OrderEvent.REJECTED:
                yield self._report(OrderEvent.ACCEPTED, order, known, request, now_ns)
        elif not is_old and not is_new and _terms_of(request) != _terms_of(known.request):
            yield self._report(OrderEvent.MODIFIED, order, known, request, now_ns)
        yield from self._fill_of_order(order, known, updated_ns)
        if is_old:
            return
        ends = order.orderStatus in ENDED and not known.ended
        known.request, known.updated_ns, known.status = request, updated_ns, order.orderStatus
        known.terms_told = terms
        if ends and event is not None and event is not OrderEvent.ACCEPTED:
            yield self._report(event, order, known, request, now_ns)
        elif order.orderStatus in (_DISABLED, _FILL_CANCELED):
            log.error("futu.order_status order=%s status=%d", known.order_id, order.orderStatus)

    def _fill_of_order(
        self, order: Any, known: Known, updated_ns: int
    ) -> Iterator[Union[OrderReport, FillReport]]:
        """Take what an order says to be filled; in a simulated account, tell the increase."""
        filled, price = number(order, "fillQty"), number(order, "fillAvgPrice")
        if filled is None or not price:
            return  # what is not told now is told later: the orders are asked for again and again
        size = filled - known.filled
        if size <= 1e-9:
            return
        before, known.filled = known.value, filled
        known.value = price * filled
        if self._terms.environment == SIMULATE:
            known.told = filled
            fill = FillReport(
                f"{known.order_id}/{filled:.10g}",
                known.request.symbol,
                known.request.side,
                size,
                round((known.value - before) / size, 10),
                updated_ns,
                known.request.client_order_id,
                known.order_id,
            )
            known.fills.append(fill)
            yield fill

    def fills_of(self, order: Any, now_ns: int) -> List[FillReport]:
        """Return all fills of a Trd_Common.Order of a simulated account, told before or not."""
        with self._lock:
            for _ in self._hear(order, now_ns):
                pass  # a mass status tells where orders are
            known = self._orders.get(order.orderIDEx)
            return [] if known is None else list(known.fills)

    def hear_fill(self, fill: Any) -> Optional[FillReport]:
        """Return a Trd_Common.OrderFill as a report, unless it has been told before."""
        with self._lock:
            order_id = fill.orderIDEx
            known = self._orders.get(order_id)
            client_id = None if known is None else known.request.client_order_id
            report = fill_report(fill, self._terms, client_id)
            if report is None:
                return None
            if fill.status != _FILL_OK:
                log.error("futu.fill_status fill=%s status=%d", fill.fillIDEx, fill.status)
                return None
            seen = self._fills.setdefault(order_id, set())
            if report.fill_id not in seen:
                seen.add(report.fill_id)
                if known is not None:
                    known.told += report.size
            return report

    def _add(self, known: Known) -> Known:
        self._orders[known.order_id] = known
        self._by_client_id.setdefault(known.request.client_order_id, known.order_id)
        seen = len(self._fills.get(known.order_id, ()))
        if seen:
            log.debug("futu.fill_before_order order=%s fills=%d", known.order_id, seen)
        if len(self._orders) > self._keep:
            self._forget()
        return known

    def _forget(self) -> None:
        for order_id, known in list(self._orders.items())[: self._keep // 10]:
            if known.ended:
                del self._orders[order_id]
                self._fills.pop(order_id, None)
                self._by_client_id.pop(known.request.client_order_id, None)

    def status(self, order: Any, now_ns: int) -> Optional[OrderReport]:
        """Return where an order is, for a mass status; None when there is nothing to say."""
        request = request_of(order, self._terms)
        event = EVENTS.get(order.orderStatus, OrderEvent.ACCEPTED)
        if request is None or order.orderStatus in (0, 1, 2, 4, -1):
            return None
        with self._lock:
            known = self._orders.get(order.orderIDEx) or self._add(Known(order.orderIDEx, request))
            known.accepted = True
            known.request, known.status = request, order.orderStatus
            known.terms_told = _terms_told(order)
            return self._report(event, order, known, request, now_ns)

    def _report(
        self, event: OrderEvent, order: Any, known: Known, request: OrderRequest, now_ns: int
    ) -> OrderReport:
        reason, code = (order.lastErrMsg or None), None
        if event is OrderEvent.REJECTED and lacks_power(order.lastErrMsg):
            event = OrderEvent.MARGIN
        return OrderReport(
            event,
            now_ns,
            request.client_order_id,
            known.order_id,
            request.symbol,
            reason,
            code,
            filled=number(order, "fillQty"),
            size=request.size,
            price=request.price,
            limit_price=request.limit_price,
            request=request,
        )


def lacks_power(text: str) -> bool:
    """Return whether OpenD says that the money is not enough."""
    lowered = text.lower()
    return any(words in lowered for words in _NO_POWER)


def _terms_of(request: OrderRequest) -> Tuple[Any, ...]:
    return (
        request.size,
        request.price,
        request.limit_price,
        request.trail_amount,
        request.trail_percent,
    )


def _terms_told(order: Any) -> Tuple[Any, ...]:
    """Return what of an order can change, as it is told: most messages tell of other things."""
    return (
        order.orderType,
        order.qty,
        order.price,
        order.auxPrice,
        order.trailType,
        order.trailValue,
    )
