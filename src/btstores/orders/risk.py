"""The risk control: whether an order may be sent. It sees requests and facts, and sends nothing.

An order that only reduces a position passes the limits on value, position, open orders and
loss, and an unknown outcome: else there would be no way out. Limits on size, rate, prices and
duplicates hold for every order, and so does a halt.
"""

from __future__ import annotations

from typing import Callable, Hashable, List, Optional, Tuple

from btstores.errors import ConfigError
from btstores.orders.reasons import Problem
from btstores.orders.risklimits import CheckedOrder, Facts, Family, Scope, number_text, within
from btstores.orders.riskrules import Limits, Rate, RiskRules, TradingState, read_rules
from btstores.reports import OrderRequest

__all__ = [
    "Facts",
    "Limits",
    "Rate",
    "RiskControl",
    "RiskRules",
    "TradingState",
    "read_rules",
    "strictest",
]

_STRICTNESS = {TradingState.ACTIVE: 0, TradingState.REDUCING: 1, TradingState.HALTED: 2}
_NO_RULES = RiskRules()


def strictest(*states: TradingState) -> TradingState:
    """Return the state that lets the fewest orders pass."""
    return max(states, key=_STRICTNESS.__getitem__)


Tell = Callable[[TradingState, TradingState, str], None]


def _ignore(old: TradingState, new: TradingState, cause: str) -> None:
    pass


class RiskControl:
    """Limits, trading state and the memory they need, for one account or several together.

    ``tell`` is called with old state, new state and cause when the trading state changes.
    ``whole`` is what reasons call all that the rules are about.
    """

    def __init__(
        self, rules: RiskRules = _NO_RULES, tell: Tell = _ignore, whole: str = "the account"
    ) -> None:
        self.rules = rules
        self._tell = tell
        self._state = TradingState.ACTIVE
        self._cause = ""
        self._account = Scope(whole, rules.account)
        self._instruments = Family(rules.instruments, "instrument", "symbol")
        self._strategies = Family(rules.strategies, "strategy", "strategy")
        self._day: Hashable = None
        self._start: Optional[float] = None
        self._over_loss = False

    @property
    def state(self) -> TradingState:
        """Return the trading state."""
        return self._state

    def set_state(self, state: TradingState, cause: str) -> bool:
        """Set the trading state by hand; return whether it has changed."""
        old, new = self._state, TradingState(state)
        if new is old:
            return False
        self._state, self._cause = new, cause
        self._tell(old, new, cause)
        return True

    def on_event(self, event: str, cause: str = "") -> None:
        """Go to the state that the rules name for ``event``, if that is a stricter one.

        Raises `ConfigError` for an event that does not exist.
        """
        if event not in self.rules.on:
            raise ConfigError.of("event", event, "one of " + ", ".join(self.rules.on))
        state = self.rules.on[event]
        if strictest(state, self._state) is not self._state:
            self.set_state(state, f"{event}: {cause}" if cause else event)

    @property
    def day_start(self) -> Tuple[Hashable, Optional[float]]:
        """Return the day and the value that it has begun with, None while that is not known."""
        return self._day, self._start

    @day_start.setter
    def day_start(self, start: Tuple[Hashable, Optional[float]]) -> None:
        self._day, self._start = start

    def on_value(self, value: Optional[float], day: Hashable) -> None:
        """Take the account's value; the first one of a ``day`` is what the day starts with.

        Each time that the day's loss goes above ``max_daily_loss`` is the event ``daily_loss``.
        """
        if day != self._day:
            self._day, self._start = day, None
        if self._start is None:
            self._start = value
        loss, limit = self._loss(value), self.rules.account.max_daily_loss
        if loss is None or limit is None:
            return
        was_over, self._over_loss = self._over_loss, not within(loss, limit)
        if self._over_loss and not was_over:
            cause = f"a loss of {number_text(loss)} is above max_daily_loss {number_text(limit)}"
            self.on_event("daily_loss", cause)

    def _loss(self, value: Optional[float]) -> Optional[float]:
        if value is None or self._start is None:
            return None
        return self._start - value

    def problems(self, request: OrderRequest, facts: Facts) -> List[Problem]:
        """Return everything that speaks against sending ``request``; changes nothing."""
        order = CheckedOrder(request, facts, self._loss(facts.value))
        found = self._problems_of_state(order) + _problems_of_outcomes(order)
        for scope in self._scopes_of(request):
            found += scope.problems(order)
        return found

    def note(self, request: OrderRequest, now_ns: int) -> None:
        """Remember that ``request`` has been sent, for the limits on rate and duplicates."""
        for scope in self._scopes_of(request):
            scope.note(request, now_ns)

    def _scopes_of(self, request: OrderRequest) -> List[Scope]:
        scopes = (
            self._account,
            self._instruments.scope_of(request.symbol),
            self._strategies.scope_of(request.strategy),
        )
        return [scope for scope in scopes if scope is not None]

    def _problems_of_state(self, order: CheckedOrder) -> List[Problem]:
        if self._state is TradingState.HALTED:
            return [Problem("RISK_HALTED", f"trading is halted ({self._cause})")]
        if self._state is TradingState.REDUCING and not order.reduces:
            asked = order.request
            what = f"{asked.side.value} {number_text(asked.size)} of {asked.symbol}"
            held = f"the position {number_text(order.facts.position)}"
            text = f"with the live orders, {what} does more than reduce {held}"
            return [Problem("RISK_REDUCING", f"{text}; trading is reducing ({self._cause})")]
        return []


def _problems_of_outcomes(order: CheckedOrder) -> List[Problem]:
    symbol = order.request.symbol
    unknown = next(
        (
            each
            for each in order.facts.live
            if each.outcome_unknown and each.request.symbol == symbol
        ),
        None,
    )
    if unknown is None or order.spared:
        return []
    text = f"the outcome of order {unknown.client_order_id} on {symbol} is unknown"
    return [Problem("RISK_OUTCOME_UNKNOWN", text)]
