"""What a case works with: orders, prices, what was told, and what the venue has."""

from __future__ import annotations

import datetime
from typing import Any, Callable, Dict, List, NamedTuple, NoReturn, Optional, Set, Tuple

from btstores.clock import NS_PER_SECOND
from btstores.instruments import round_to_grid
from btstores.reports import (
    FillReport,
    MassStatus,
    OrderEvent,
    OrderModification,
    OrderReport,
    OrderRequest,
    Report,
    Side,
)
from btstores.stores.base import BaseStore
from btstores.testing.case import Skip
from btstores.testing.faults import FaultGateway
from btstores.testing.venue import Venue

__all__ = ["Desk", "Told", "Wait"]

Condition = Callable[[], bool]

_ALIVE = frozenset({OrderEvent.ACCEPTED, OrderEvent.TRIGGERED, OrderEvent.MODIFIED})


class Told(NamedTuple):
    """One `notify_order`, as it was at that moment. ``executed`` is signed."""

    ref: int
    status: str
    executed: float
    price: Optional[float]
    info: Dict[str, Any]
    adopted: bool


class Wait(NamedTuple):
    """A condition and how many seconds it may take, above the usual."""

    condition: Condition
    seconds: float

    def __call__(self) -> bool:
        """Return whether it has come true."""
        return self.condition()


class Desk:
    """The hands, eyes and notes of a case.

    `store`, `broker`, `data`, `strategy` and `faults` are those of the run at hand: a
    restart puts others in their place. What was told is kept over a restart.
    """

    store: BaseStore
    broker: Any
    data: Any
    strategy: Any
    faults: FaultGateway

    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        self.notices: List[Told] = []
        self.trades: List[Any] = []
        self.news: List[Any] = []
        self.own: Dict[int, Any] = {}  # orders made here or claimed, by ref
        self.others: List[OrderRequest] = []  # sent behind the store's back
        self.at_stop: List[Callable[[], Any]] = []
        self.at_live: List[Callable[[], Any]] = []
        self.all_faults: List[FaultGateway] = []
        self.sums: List[Tuple[float, float]] = []

    def attach(self, store: BaseStore, faults: FaultGateway, data: Any) -> None:
        """Go on with another run."""
        self.store, self.faults, self.data = store, faults, data
        self.broker = store.getbroker()
        self.all_faults.append(faults)

    # Orders out.

    def buy(self, **kwargs: Any) -> Any:
        """Buy the usual size, as a strategy does."""
        return self._own(self.strategy.buy(**self._usual(kwargs)))

    def sell(self, **kwargs: Any) -> Any:
        """Sell the usual size, as a strategy does."""
        return self._own(self.strategy.sell(**self._usual(kwargs)))

    def close(self, **kwargs: Any) -> Any:
        """Close the position."""
        return self._own(self.strategy.close(self.data, **kwargs))

    def bracket(self, side: str = "buy", **kwargs: Any) -> List[Any]:
        """Send a bracket of the usual size with exits a step away on both sides.

        Its entry is a limit order that trades at once, unless ``price`` says otherwise.
        """
        buys = side == "buy"
        kwargs.setdefault("price", self.through(side))
        kwargs.setdefault("stopprice", self.step(-1 if buys else 1))
        kwargs.setdefault("limitprice", self.step(1 if buys else -1))
        make = self.strategy.buy_bracket if buys else self.strategy.sell_bracket
        return [self._own(order) for order in make(**self._usual(kwargs))]

    def _usual(self, kwargs: Dict[str, Any]) -> Dict[str, Any]:
        return {"data": self.data, "size": self.venue.size, **kwargs}

    def _own(self, order: Any) -> Any:
        if order is not None:
            self.own[order.ref] = order
        return order

    def cancel(self, order: Any) -> bool:
        """Ask for a cancellation."""
        return bool(self.broker.cancel(order))

    def claim(self, order: Any) -> None:
        """Make somebody else's order this strategy's own."""
        self.broker.claim(order, self.strategy)
        self.own[order.ref] = order

    def modify(self, order: Any, **changes: Any) -> bool:
        """Ask for a change."""
        return bool(self.broker.modify(order, **changes))

    def open_position(self) -> Any:
        """Buy at the market; for ``yield from``."""
        order = self.buy()
        yield self.told(order, "Completed")
        return order

    # Prices.

    @property
    def price(self) -> float:
        """Return the last price."""
        return float(self.data.close[0])

    def step(self, steps: float, base: Optional[float] = None) -> float:
        """Return a price so many times `Venue.away` above, or below, the last or ``base``."""
        return self.rounded((self.price if base is None else base) * (1 + steps * self.venue.away))

    def through(self, side: str) -> float:
        """Return a limit at which an order trades at once."""
        return self.rounded(self.price * (1 + self.venue.reach * (1 if side == "buy" else -1)))

    @property
    def tick(self) -> float:
        """Return the smallest difference of prices at the last one."""
        return self.tick_at(self.price)

    def tick_at(self, price: float) -> float:
        """Return the smallest difference at a price; a cent where the venue tells none."""
        return float(self.data.instrument.tick_at(price) or 0.01)

    def rounded(self, price: float) -> float:
        """Return the price on the grid that is nearest."""
        return round_to_grid(price, self.tick_at(price))

    # What to wait for.

    def is_ready(self) -> bool:
        """Return whether orders can be sent."""
        return bool(self.store.authenticated and self.data.is_live and len(self.data))

    def told(self, order: Any, *statuses: str) -> Condition:
        """Return a condition: the strategy was told one of these of the order."""
        return lambda: any(status in statuses for status in self.statuses(order))

    def over(self, order: Any) -> Condition:
        """Return a condition: the order has ended."""
        return lambda: not order.alive()

    def filled(self, order: Any, size: float) -> Condition:
        """Return a condition: so much of the order is executed."""
        return lambda: bool(abs(order.executed.size) >= size)

    def heard(self, picks: Callable[[Report], bool], count: int = 1) -> Condition:
        """Return a condition: the venue has said so many of these, told or not."""
        return lambda: sum(picks(report) for report in self.faults.heard) >= count

    def seconds(self, seconds: float) -> Wait:
        """Return a condition: so much time has passed."""
        due_ns = self.store.clock.time_ns() + round(seconds * NS_PER_SECOND)
        return Wait(lambda: self.store.clock.time_ns() >= due_ns, seconds)

    def within(self, seconds: float, condition: Condition) -> Wait:
        """Return a condition that may take so many seconds more than usual."""
        return Wait(condition, seconds)

    def moment(self) -> Wait:
        """Return a condition: enough time has passed for an answer to come, if one does."""
        return self.seconds(2.0)

    # Times, as a strategy gives them.

    def in_seconds(self, seconds: float) -> datetime.datetime:
        """Return a time from now, naive and in UTC as a feed without a time zone has it."""
        now_s = self.store.clock.time_ns() / NS_PER_SECOND
        epoch = datetime.datetime(1970, 1, 1)
        return epoch + datetime.timedelta(seconds=now_s + seconds)

    # What was told.

    def notices_of(self, order: Any) -> List[Told]:
        """Return all that the strategy was told of an order."""
        return [told for told in self.notices if told.ref == order.ref]

    def statuses(self, order: Any) -> List[str]:
        """Return the statuses told of an order, each as often as it was entered anew."""
        names = [told.status for told in self.notices_of(order)]
        return [name for i, name in enumerate(names) if i == 0 or names[i - 1] != name]

    def last(self, order: Any) -> Told:
        """Return what was told last of an order."""
        return self.notices_of(order)[-1]

    def is_emulated(self, *orders: Any) -> bool:
        """Return whether part of any of the orders is done by the core."""
        return any(order.info.get("emulated") for order in orders)

    def was_emulated(self) -> bool:
        """Return whether any order of the case was."""
        return any(told.info.get("emulated") for told in self.notices)

    def messages(self) -> List[str]:
        """Return what `notify_store` was called with."""
        return [str(msg) for msg, _ in self.news]

    @property
    def position(self) -> float:
        """Return what the strategy holds."""
        return float(self.broker.getposition(self.data).size)

    @property
    def account_position(self) -> float:
        """Return what the broker takes the account to hold, others' part included."""
        return float(self.broker.account_position(self.data).size)

    @property
    def cash(self) -> float:
        """Return the broker's cash."""
        return float(self.broker.getcash())

    def open_orders(self) -> List[Any]:
        """Return the orders that the broker takes for live."""
        return list(self.broker.get_orders_open())

    def skip(self, reason: str) -> NoReturn:
        """End the case: it does not apply."""
        raise Skip(reason)

    # What the venue has.

    def account(self) -> MassStatus:
        """Return what the venue itself says now. A call to the venue."""
        status: MassStatus = self.store.outbox.call(
            self.faults.inner.mass_status, timeout=self.venue.timeout
        )
        return status

    def venue_orders(self) -> List[OrderReport]:
        """Return the orders for our symbol that are alive at the venue."""
        orders = [_whole(one) for one in self.account().orders if _is_alive(one)]
        return [one for one in orders if one.symbol == self.data.symbol]

    def held(self) -> float:
        """Return what the venue says the account holds of our symbol."""
        positions = self.account().positions
        return sum(one.size for one in positions if one.symbol == self.data.symbol)

    def at_venue(self, order: Any) -> Optional[OrderReport]:
        """Return an order as the venue has it, or None when it is not alive there."""
        picks = self.about(order)
        for report in self.venue_orders():
            if picks(report):
                return report
        return None

    def ids(self, order: Any) -> Set[Optional[str]]:
        """Return the client ids under which the venue may know an order."""
        client_id = order.info.get("client_order_id")
        record = self.store.book.find(client_id)
        return {client_id, getattr(record, "wire_id", None)} - {None}

    def about(self, order: Any) -> Callable[[Report], bool]:
        """Return what picks reports of one order."""

        def picks(report: Report) -> bool:
            if not isinstance(report, (OrderReport, FillReport)):
                return False
            venue_id = order.info.get("venue_order_id")
            same = venue_id is not None and report.venue_order_id == venue_id
            return same or report.client_order_id in self.ids(order)

        return picks

    def request(self, order: Any) -> OrderRequest:
        """Return an order as the core knows it."""
        record = self.store.book.find(order.info.get("client_order_id"))
        assert record is not None
        return record.request

    def wire(self, order: Any) -> Optional[OrderRequest]:
        """Return the request that left for an order, or None when none did."""
        ids = self.ids(order)
        for request in reversed(self.sent()):
            if request.client_order_id in ids:
                return request
        return None

    def sent(self) -> List[OrderRequest]:
        """Return all requests of this run that left."""
        calls = [call for call in self.faults.calls if call.name == "place"]
        return [request for call in calls for request in call.what[0]]

    def changes(self) -> List[OrderModification]:
        """Return all changes of this run that left."""
        return [call.what[0] for call in self.faults.calls if call.name == "modify"]

    # Behind the store's back.

    def cancel_behind(self, order: Any) -> None:
        """Let somebody else cancel an order."""
        (client_id,) = list(self.ids(order))[:1]
        record = self.store.book.find(order.info.get("client_order_id"))
        client_id = getattr(record, "wire_id", None) or client_id
        venue_id = order.info.get("venue_order_id")
        inner, venue = self.faults.inner, self.venue
        self.store.outbox.submit(lambda: venue.foreign_cancel(inner, str(client_id), venue_id))

    def order_behind(self, side: Side, **terms: Any) -> OrderRequest:
        """Let somebody else send an order on the same account; ``terms`` of an OrderRequest."""
        request = OrderRequest(
            self.store.clock.new_id(),
            self.data.symbol,
            side,
            self.venue.size,
            time_ns=self.store.clock.time_ns(),
            reference_price=self.price,
            **terms,
        )
        self.others.append(request)
        inner, venue = self.faults.inner, self.venue
        self.store.outbox.submit(lambda: venue.foreign_order(inner, request))
        return request

    # Written down by the strategy.

    def on_order(self, order: Any) -> None:
        """Note a `notify_order`."""
        executed = order.executed
        self.notices.append(
            Told(
                order.ref,
                order.getstatusname(),
                executed.size,
                executed.price if executed.size else None,
                dict(order.info),
                bool(order.info.get("adopted")),
            )
        )


def _whole(report: OrderReport) -> OrderReport:
    """Return a report with the terms that only its request tells."""
    terms = report.request
    if terms is None:
        return report
    names = ("symbol", "size", "price", "limit_price")
    told = {name: getattr(report, name) for name in names}
    return report._replace(
        **{name: getattr(terms, name) if value is None else value for name, value in told.items()}
    )


def _is_alive(report: OrderReport) -> bool:
    size = report.request.size if report.request is not None else report.size
    return report.event in _ALIVE and (size is None or (report.filled or 0.0) < size)
