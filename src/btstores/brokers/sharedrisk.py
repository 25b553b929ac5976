"""One set of risk rules over several accounts, asked beside each account's own.

Orders, their rate, the loss of the day and values of orders count over all accounts. A position
does not: what makes it smaller at one venue does nothing to that at another.
"""

from __future__ import annotations

from typing import Callable, Hashable, Iterator, List, NamedTuple, Optional, Sequence

from btstores.markets.zones import date_in, zone
from btstores.orders.book import OrderRecord
from btstores.orders.reasons import Problem
from btstores.orders.risk import Facts, RiskControl, RiskRules, TradingState, strictest
from btstores.reports import OrderRequest, Side
from btstores.stores.base import BaseStore

__all__ = ["SharedRisk", "Sums"]

_NAN = float("nan")


class Sums(NamedTuple):
    """What is known over all accounts: value in the base currency, a store's rate to it."""

    value: Callable[[], Optional[float]]
    rate: Callable[[BaseStore], Optional[float]]


class SharedRisk:
    """The rules, and their place in the order desk of each store.

    Money is in the base currency. Days begin at midnight in ``timezone``, for all accounts at
    once.
    """

    def __init__(
        self, rules: RiskRules, stores: Sequence[BaseStore], sums: Sums, timezone: str
    ) -> None:
        self.control = RiskControl(rules, self._spread, "all accounts")
        self._stores = stores
        self._sums = sums
        zone(timezone)  # a wrong one is told now
        self._timezone = timezone

    def install(self) -> None:
        """Let the desks ask from now on."""
        for store in self._stores:
            store.desk.risk = DeskRisk(_own(store.desk.risk), self, store)

    def remove(self) -> None:
        """Let the desks ask their own rules only."""
        for store in self._stores:
            if isinstance(store.desk.risk, DeskRisk) and store.desk.risk.shared is self:
                store.desk.risk = store.desk.risk.own

    def look(self) -> None:
        """Take the value of this moment, for the loss of the day."""
        now_ns = max(store.clock.time_ns() for store in self._stores)
        self.control.on_value(self._sums.value(), date_in(self._timezone, now_ns))

    def problems(self, store: BaseStore, request: OrderRequest, facts: Facts) -> List[Problem]:
        """Return what speaks against an order of one store."""
        rate = self._sums.rate(store)
        held = facts._replace(
            now_ns=self.now_ns(),
            multiplier=facts.multiplier * (_NAN if rate is None else rate),
            live=[*facts.live, *self._elsewhere(store, request)],
            value=self._sums.value(),
        )
        found = self.control.problems(request, held)
        if rate is None:
            found = [_without_rate(problem, store) for problem in found]
        return found

    def now_ns(self) -> int:
        """Return the time by which spans are measured: on simulated clocks that of the newest."""
        return max(store.clock.monotonic_ns() for store in self._stores)

    def _elsewhere(self, store: BaseStore, request: OrderRequest) -> Iterator[OrderRecord]:
        for other in self._stores:
            if other is not store:
                for record in other.book.live():
                    yield _apart(record, request) if _is_alike(record, request) else record

    def _spread(self, old: TradingState, new: TradingState, cause: str) -> None:
        for store in self._stores:
            risk = store.desk.risk
            risk.set_state(strictest(risk.state, new), cause)


class DeskRisk(RiskControl):
    """What a desk asks under shared rules: its own first, then those."""

    def __init__(self, own: RiskControl, shared: SharedRisk, store: BaseStore) -> None:
        super().__init__(own.rules)
        self.own = own
        self.shared = shared
        self._store = store

    @property
    def state(self) -> TradingState:
        return self.own.state

    def set_state(self, state: TradingState, cause: str) -> bool:
        return self.own.set_state(state, cause)

    def on_event(self, event: str, cause: str = "") -> None:
        self.own.on_event(event, cause)
        account = self._store.params.account or self._store.name
        self.shared.control.on_event(event, f"{account}: {cause}" if cause else account)

    def on_value(self, value: Optional[float], day: Hashable) -> None:
        self.own.on_value(value, day)

    def problems(self, request: OrderRequest, facts: Facts) -> List[Problem]:
        found = self.own.problems(request, facts)
        others = self.shared.problems(self._store, request, facts)
        return found + [problem for problem in others if problem not in found]

    def note(self, request: OrderRequest, now_ns: int) -> None:
        self.own.note(request, now_ns)
        self.shared.control.note(request, self.shared.now_ns())


def _own(risk: RiskControl) -> RiskControl:
    return risk.own if isinstance(risk, DeskRisk) else risk


def _is_alike(record: OrderRecord, request: OrderRequest) -> bool:
    """Return whether an order of another account might be taken for one of this one's."""
    return (
        record.request.symbol == request.symbol
        or record.client_order_id == request.client_order_id  # simulated clocks repeat them
    )


def _apart(record: OrderRecord, request: OrderRequest) -> OrderRecord:
    """Return an order of another account that counts as open, and for no position here."""
    # Only orders of the same side are counted against a position.
    side = Side.SELL if request.side is Side.BUY else Side.BUY
    name = f"elsewhere {record.client_order_id}"
    return OrderRecord(record.request._replace(client_order_id=name, side=side, parent_id=None))


def _without_rate(problem: Problem, store: BaseStore) -> Problem:
    if problem.code != "RISK_ORDER_VALUE":
        return problem
    limit = problem.text.split(":")[0]
    text = f"{limit}: cannot be checked, no rate of {store.currency} is known"
    return Problem("RISK_NO_PRICE", f"{text} (limit of all accounts)")
