"""The account of a simulated venue: cash, positions, buying power."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, Callable, Dict, Mapping, Optional

from btstores.errors import ConfigError
from btstores.instruments import Instrument
from btstores.reports import AccountReport, PositionReport, Side
from btstores.sim.book.order import tidy

__all__ = ["Account", "Fees", "Position", "no_fees"]

#: Commission of one execution: symbol, side, size, price -> amount of currency.
Fees = Callable[[str, Side, float, float], float]

_TOLERANCE = 1e-6


def no_fees(symbol: str, side: Side, size: float, price: float) -> float:
    """Return zero: trading is free."""
    return 0.0


@dataclasses.dataclass
class Position:
    """What is held of one instrument: signed size and average price."""

    size: float = 0.0
    price: float = 0.0

    def opening(self, side: Side, size: float) -> float:
        """Return how much of a trade would open or increase the position."""
        if self.size * side.sign >= 0:
            return size
        return max(0.0, tidy(size - abs(self.size)))

    def trade(self, side: Side, size: float, price: float) -> None:
        """Apply an execution. Closing keeps the average price; turning round starts anew."""
        opened = self.opening(side, size)
        total = tidy(self.size + side.sign * size)
        if opened == size:
            self.price = (abs(self.size) * self.price + size * price) / abs(total)
        elif total == 0:
            self.price = 0.0
        elif opened > 0:
            self.price = price
        self.size = total


class Account:
    """Cash and positions. Positions are paid in full, times ``1 / leverage`` of own money.

    Positions of instruments with a margin bind that part of their value, and profits and losses
    go into the cash when they are closed. Otherwise a short sale brings in its proceeds.
    ``marks`` holds the last price of each symbol; a position without one is valued at its
    average price.
    """

    def __init__(
        self,
        name: str = "paper",
        currency: str = "USD",
        cash: float = 0.0,
        allow_short: bool = True,
        leverage: float = 1.0,
    ) -> None:
        self.name = name
        self.currency = currency
        self.cash = _finite("cash", cash)
        self.allow_short = allow_short
        if not _finite("leverage", leverage) > 0:
            raise ConfigError.of("leverage", leverage, "a number above zero")
        self.leverage = leverage
        self.positions: Dict[str, Position] = {}
        self.marks: Dict[str, float] = {}
        self.instruments: Dict[str, Instrument] = {}

    def position(self, symbol: str) -> Position:
        """Return the position; a new, flat one where nothing is held."""
        return self.positions.get(symbol) or Position()

    def deposit(self, amount: float) -> None:
        """Add to the cash, or take away with a negative amount."""
        self.cash += _finite("amount", amount)

    def trade(self, symbol: str, side: Side, size: float, price: float, fee: float) -> None:
        """Apply an execution."""
        # Only what is held is kept, oldest first: the order in which values are summed up, so
        # it must be the same after a restart.
        held = self.positions.setdefault(symbol, Position())
        if self._margin(symbol) is not None:
            closed = tidy(size - held.opening(side, size))
            paid = -side.sign * closed * (held.price - price)
        else:
            paid = side.sign * size * price
        held.trade(side, size, price)
        if not held.size:
            del self.positions[symbol]
        self.cash -= paid * self._multiplier(symbol) + fee

    def value(self) -> float:
        """Return cash and positions at the last prices."""
        return self.cash + sum(self._value_of(s) for s in self.positions)

    def used(self) -> float:
        """Return how much own money the positions bind."""
        return sum(
            abs(p.size) * self._worth(s) * self._own_part(s) for s, p in self.positions.items()
        )

    def cost(self, symbol: str, side: Side, size: float, price: float) -> float:
        """Return how much own money the opening part of a trade would bind."""
        opened = self.position(symbol).opening(side, size)
        return opened * price * self._multiplier(symbol) * self._own_part(symbol)

    def affords(self, cost: float, fee: float, reserved: float = 0.0) -> bool:
        """Return whether free money covers a trade; one that only closes is always allowed."""
        if cost <= 0:
            return True
        free = self.value() - self.used() - reserved
        return cost + fee <= free + _TOLERANCE * max(1.0, abs(free))

    def opens_short(self, symbol: str, side: Side, size: float) -> bool:
        """Return whether a trade would leave less than nothing, where that is forbidden."""
        held = self.position(symbol).size
        return side is Side.SELL and not self.allow_short and tidy(held - size) < 0

    def report(self, time_ns: int) -> AccountReport:
        """Return the account as it is."""
        value, used = self.value(), self.used()
        return AccountReport(
            self.name, self.currency, self.cash, value, time_ns, power=value - used, margin=used
        )

    def position_report(self, symbol: str, time_ns: int) -> PositionReport:
        """Return one position as it is."""
        held = self.position(symbol)
        price: Optional[float] = held.price if held.size else None
        return PositionReport(
            symbol, held.size, price, time_ns, market_price=self.marks.get(symbol)
        )

    def to_dict(self) -> Dict[str, Any]:
        """Return plain JSON values."""
        held = {s: [p.size, p.price] for s, p in self.positions.items()}
        return {"cash": self.cash, "positions": held, "marks": dict(self.marks)}

    def load(self, record: Mapping[str, Any]) -> None:
        """Become the account that `to_dict` described."""
        self.cash = record["cash"]
        self.positions = {s: Position(*values) for s, values in record["positions"].items()}
        self.marks = dict(record["marks"])

    def _multiplier(self, symbol: str) -> float:
        instrument = self.instruments.get(symbol)
        return instrument.multiplier if instrument else 1.0

    def _margin(self, symbol: str) -> Optional[float]:
        instrument = self.instruments.get(symbol)
        return instrument.margin if instrument else None

    def _own_part(self, symbol: str) -> float:
        """Return the part of a position's worth that it binds of one's own money."""
        margin = self._margin(symbol)
        return 1 / self.leverage if margin is None else margin

    def _value_of(self, symbol: str) -> float:
        """Return what a position adds to the cash."""
        held, worth = self.positions[symbol], self._worth(symbol)
        if self._margin(symbol) is None:
            return held.size * worth
        return held.size * (worth - held.price * self._multiplier(symbol))

    def _worth(self, symbol: str) -> float:
        price = self.marks.get(symbol, self.positions[symbol].price)
        return price * self._multiplier(symbol)


def _finite(field: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ConfigError.of(field, value, "a finite number")
    return float(value)
