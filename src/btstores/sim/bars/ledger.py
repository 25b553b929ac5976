"""The money of a bar exchange: cash, positions, interest and value as BackBroker works them out.

Floats are added in upstream's order throughout, so that the sums are upstream's to the last bit.
"""

from __future__ import annotations

import datetime
from typing import Any, Callable, Dict, List, Mapping, NamedTuple

from backtrader.position import Position

from btstores.sim.bars.order import BarOptions, BarOrder
from btstores.sim.bars.view import BarView

__all__ = ["BarLedger", "Trade"]

Views = Mapping[str, BarView]


class Trade(NamedTuple):
    """What became of an execution: its signed size and commission, or 0 when nothing traded.

    ``refused`` means that there was not enough cash to open what would have been opened.
    """

    size: float
    commission: float
    refused: bool


class BarLedger:
    """Cash and positions of one account. ``comminfo`` gives backtrader's scheme of a symbol."""

    def __init__(
        self, comminfo: Callable[[str], Any], options: BarOptions, cash: float, fund_start: float
    ) -> None:
        self.options = options
        self._comminfo = comminfo
        self._fund_start = fund_start
        self._positions: Dict[str, Position] = {}
        self._interest: Dict[str, float] = {}
        self._deposits: List[float] = []
        self.set_cash(cash)

    def set_cash(self, amount: float) -> None:
        """Start over with ``amount`` as cash, value and fund; positions stay."""
        self.cash = self.value = amount
        self.fund_value = self._fund_start
        self.fund_shares = amount / self.fund_value

    def deposit(self, amount: float) -> None:
        """Add cash, or take it when negative, when the value is next worked out."""
        self._deposits.append(amount)

    def take_deposits(self) -> None:
        """Turn deposits into cash, and into shares of the fund."""
        for amount in self._deposits:
            if self.fund_value:
                self.fund_shares += amount / self.fund_value
            self.cash += amount
        self._deposits.clear()

    def position(self, symbol: str) -> Position:
        """Return the position of ``symbol``; its first use decides its place in the sums."""
        position = self._positions.get(symbol)
        if position is None:
            position = self._positions[symbol] = Position()
        return position

    def held(self) -> List[str]:
        """Return the symbols with a position."""
        return [symbol for symbol, position in self._positions.items() if position]

    def after(
        self, order: BarOrder, held: str, cash: float, position: Position, price: float
    ) -> float:
        """Execute at ``price`` on ``position`` only; return the cash it would leave."""
        info = self._comminfo(order.request.symbol)
        _, _, opened, closed = position.update(order.remaining, price)
        if closed:
            cash += self._proceeds(info, closed, price)
            cash -= info.getcommission(closed, price)
        if opened:
            cash -= self._cost(info, opened, price)
            cash -= self._comminfo(held).getcommission(opened, price)
        return cash

    def trade(
        self, order: BarOrder, held: str, size: float, price: float, when: datetime.datetime
    ) -> Trade:
        """Execute ``size``, which is signed, on the position of ``held``.

        Closing is always possible. What would open a position needs the cash for it.
        """
        info = self._comminfo(order.request.symbol)
        position = self.position(held)
        old_price = position.price
        new_size, _, opened, closed = position.pseudoupdate(size, price)
        cash = self.cash
        closed_commission = opened_commission = 0.0
        if closed:
            pnl = info.profitandloss(-closed, old_price, price)
            cash += self._proceeds(info, closed, old_price, pnl)
            closed_commission = info.getcommission(closed, price)
            cash -= closed_commission
            cash += info.cashadjust(-closed, position.adjbase, price)
            self.cash = cash
        refused = False
        if opened:
            cash -= self._cost(info, opened, price)
            opened_commission = self._comminfo(held).getcommission(opened, price)
            cash -= opened_commission
            if cash < 0.0:
                refused, opened, opened_commission = True, 0, 0.0
            else:
                if abs(new_size) > abs(opened):
                    # Bring what was held before to this price, the common base from now on.
                    cash += info.cashadjust(new_size - opened, position.adjbase, price)
                position.adjbase = price
                self.cash = cash
        executed = closed + opened
        if executed:
            info.confirmexec(executed, price)
            position.update(executed, price, when)
            if closed and self.options.int2pnl:
                closed_commission += self._interest.pop(held, 0.0)
        return Trade(executed, closed_commission + opened_commission, refused)

    def charge_interest(self, views: Views) -> None:
        """Take the interest on positions that are due since they were last charged."""
        total = 0.0
        for symbol, position in self._positions.items():
            view = views.get(symbol)
            if position and view is not None:
                info = self._comminfo(symbol)
                interest = info.get_credit_interest(view.data, position, view.when)
                self._interest[symbol] = self._interest.get(symbol, 0.0) + interest
                total += interest
                position.datetime = view.when
        self.cash -= total

    def settle(self, views: Views) -> None:
        """Pay futures their gain since the last settlement."""
        for symbol, position in self._positions.items():
            view = views.get(symbol)
            if position and view is not None:
                info = self._comminfo(symbol)
                self.cash += info.cashadjust(position.size, position.adjbase, view.bar_close)
                position.adjbase = view.bar_close

    def work_out_value(self, views: Views) -> None:
        """Take in deposits and set ``value``, with positions at their close, and the fund."""
        self.take_deposits()
        total = 0.0
        for symbol, position in self._positions.items():
            view = views.get(symbol)
            if view is None and not position:
                continue
            # Without a view, after a restart, the last settlement's price stands.
            price = position.adjbase if view is None else view.bar_close
            info = self._comminfo(symbol)
            if self.options.shortcash:
                value = info.getvaluesize(position.size, price)
            else:
                value = abs(info.getvalue(position, price))
            gain = info.profitandloss(position.size, position.price, price)
            if value > 0:
                total += (value - gain) / info.get_leverage()
                total += gain
            else:
                total += value
        self.value = self.cash + total
        if self.fund_shares:
            self.fund_value = self.value / self.fund_shares

    def _proceeds(self, info: Any, closed: float, price: float, pnl: float = 0) -> float:
        """Return what closing brings, before commission."""
        if self.options.shortcash:
            value: float = info.getvaluesize(-closed, price)
        else:
            value = info.getoperationcost(closed, price)
        cash: float = _unlevered(info, value) + pnl * info.stocklike
        return cash

    def _cost(self, info: Any, opened: float, price: float) -> float:
        """Return what opening takes, before commission."""
        if self.options.shortcash:
            return _unlevered(info, info.getvaluesize(opened, price))
        return _unlevered(info, info.getoperationcost(opened, price))

    def to_dict(self) -> Dict[str, Any]:
        """Return plain JSON values."""
        return {
            "cash": self.cash,
            "value": self.value,
            "fund_value": self.fund_value,
            "fund_shares": self.fund_shares,
            "deposits": list(self._deposits),
            "interest": dict(self._interest),
            "positions": {symbol: _record(p) for symbol, p in self._positions.items()},
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Take over what `to_dict` returned."""
        self.cash, self.value = state["cash"], state["value"]
        self.fund_value, self.fund_shares = state["fund_value"], state["fund_shares"]
        self._deposits = list(state["deposits"])
        self._interest = dict(state["interest"])
        self._positions = {symbol: _position(r) for symbol, r in state["positions"].items()}


def _unlevered(info: Any, value: float) -> float:
    unlevered: float = value / info.get_leverage() if value > 0 else value
    return unlevered


def _record(position: Position) -> Dict[str, Any]:
    when = getattr(position, "datetime", None)
    return {
        "size": position.size,
        "price": position.price,
        "adjbase": position.adjbase,
        "when": None if when is None else when.isoformat(),
    }


def _position(record: Mapping[str, Any]) -> Position:
    position = Position(record["size"], record["price"])
    position.adjbase = record["adjbase"]
    when = record["when"]
    position.datetime = None if when is None else datetime.datetime.fromisoformat(when)
    return position
