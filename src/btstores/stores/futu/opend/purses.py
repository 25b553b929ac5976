"""The money of one currency with its exchange, and what an account remembers of a holding."""

from __future__ import annotations

import dataclasses
from typing import Any, Callable, ContextManager, Dict, Optional

from btstores.clock import Clock, Timer
from btstores.instruments import Instrument
from btstores.markets import MarketConfig, MarketType
from btstores.reports import Report
from btstores.reports import Side as OurSide
from btstores.sim.book.account import Account, Fees, Position
from btstores.sim.exchange import Exchange
from btstores.stores.futu.opend.text import rule_symbol

__all__ = ["GuardedClock", "Holding", "Purse", "listed"]

#: Where no table and no venue says how much of a future's value a position binds.
FUTURES_MARGIN = 0.1
#: Finished orders that an exchange remembers; the account remembers all of its own.
KEPT = 1_000
_FUTURES = (MarketType.HK_FUTURE, MarketType.US_FUTURE)


class GuardedClock(Clock):
    """A clock whose timers run inside a guard, so that they meet no other thread."""

    def __init__(self, clock: Clock, guard: Callable[[], ContextManager[Any]]) -> None:
        super().__init__()
        self.random = clock.random
        self.threaded = clock.threaded
        self._clock = clock
        self._guard = guard

    def time_ns(self) -> int:
        return self._clock.time_ns()

    def monotonic_ns(self) -> int:
        return self._clock.monotonic_ns()

    def new_id(self) -> str:
        return self._clock.new_id()

    def call_at(self, when_ns: int, callback: Callable[[], None]) -> Timer:
        timer = _Guarded(when_ns, callback)
        timer.below = self._clock.call_at(when_ns, lambda: self._run(timer))
        return timer

    def _run(self, timer: Timer) -> None:
        with self._guard():
            # Nothing happens if it was cancelled while this thread waited for the guard.
            timer.run()


class _Guarded(Timer):
    """A timer that stands for another one."""

    below: Optional[Timer] = None

    def cancel(self) -> None:
        super().cancel()
        if self.below is not None:
            self.below.cancel()


class Purse:
    """Cash of one currency, the positions in it, and the exchange on which they trade."""

    def __init__(
        self,
        currency: str,
        cash: float,
        clock: Clock,
        fees: Fees,
        margin: bool,
        leverage: float,
        put: Callable[[Report], None],
    ) -> None:
        self.currency = currency
        self.leverage = leverage if margin else 1.0
        # Short sales are refused when they are placed, with better words.
        self.account = Account(currency, currency, cash, allow_short=True, leverage=self.leverage)
        self.exchange = Exchange(clock, account=self.account, fees=fees, keep=KEPT)
        self.exchange.put = put

    def last(self, symbol: str) -> Optional[float]:
        """Return the last price that the exchange has seen."""
        return self.account.marks.get(symbol)


@dataclasses.dataclass
class Holding:
    """What an account remembers of a symbol besides the position itself.

    ``net`` is what was paid less what was got for the position since it was flat, so that
    ``net / size`` is the diluted cost. Sums of the day are of the trading day ``day``.
    """

    position_id: int
    size: float = 0.0
    average: float = 0.0
    net: float = 0.0
    realized: float = 0.0
    day: str = ""
    bought: float = 0.0
    bought_value: float = 0.0
    sold: float = 0.0
    sold_value: float = 0.0
    realized_today: float = 0.0

    def trade(self, side: OurSide, size: float, price: float, multiplier: float) -> None:
        """Apply an execution."""
        before = Position(self.size, self.average)
        closed = size - before.opening(side, size)
        gain = -side.sign * closed * (price - self.average) * multiplier
        self.realized += gain
        self.realized_today += gain
        before.trade(side, size, price)
        self.size, self.average = before.size, before.price
        self.net += side.sign * size * price
        if not self.size:
            self.net = 0.0
        elif closed and closed < size:
            self.net = self.size * price
        if side is OurSide.BUY:
            self.bought += size
            self.bought_value += size * price * multiplier
        else:
            self.sold += size
            self.sold_value += size * price * multiplier

    def begin(self, day: str) -> None:
        """Forget the sums of another day."""
        if day != self.day:
            self.day = day
            self.bought = self.bought_value = self.sold = self.sold_value = 0.0
            self.realized_today = 0.0


def listed(instrument: Instrument, config: MarketConfig) -> Instrument:
    """Return the instrument with what an exchange needs and the market's rules know."""
    symbol, rules = rule_symbol(instrument.symbol), config.rules
    changes: Dict[str, Any] = {}
    if instrument.lot is None and config.lot is not None:
        changes["lot"] = config.lot
    if config.market in _FUTURES:
        changes["lot"] = instrument.lot or 1.0
        if instrument.multiplier == 1.0:
            changes["multiplier"] = rules.multiplier_of(symbol) or 1.0
        if instrument.margin is None:
            changes["margin"] = rules.margin_of(symbol) or FUTURES_MARGIN
    return instrument._replace(**changes)
