"""A strategy that does whatever chance wants, and writes down what it is told."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, NamedTuple, Tuple

import backtrader as bt

from btstores.instruments import round_to_grid
from btstores.testing.chaos.arena import Arena

__all__ = ["Gambler", "Shown", "shown"]

Order = bt.Order

#: What is done with a tick, and how often next to the rest.
_ACTIONS = {
    "market": 3,
    "limit": 4,
    "stop": 2,
    "stop_limit": 1,
    "trail": 1,
    "bracket": 2,
    "oco": 1,
    "cancel": 3,
    "modify": 2,
}
#: So many orders may be open, and so many lots held.
_OPEN, _HELD = 12, 8


class Shown(NamedTuple):
    """A bar as a strategy sees it."""

    time_ns: int
    open: float
    high: float
    low: float
    close: float


def shown(bar: Any) -> Shown:
    """Return what a strategy should see of a report."""
    return Shown(bar.time_ns, bar.open, bar.high, bar.low, bar.close)


def _prices(data: Any) -> Tuple[Any, ...]:
    return data.open, data.high, data.low, data.close


class Gambler(bt.Strategy):
    """Trades the first feed by chance as long as ``session`` lets it."""

    params = (("session", None), ("arena", None), ("chance", None))

    def __init__(self) -> None:
        self._arena: Arena = self.p.arena
        self._chance = self.p.chance
        self.stopped = False
        #: Executed size, signed, by client order id, as told.
        self.executed: Dict[str, float] = {}
        self.problems: List[str] = []
        #: The bars of the second feed, each when it was shown first.
        self.bars: List[Shown] = []
        self.news: List[Tuple[str, Tuple[Any, ...]]] = []
        self.p.session.strategy = self

    def next(self) -> None:
        bars = self.datas[1]
        if len(bars) > len(self.bars):
            self.bars.append(Shown(bars.time_ns, *(line[0] for line in _prices(bars))))
        if (
            not self.stopped
            and len(self.data)
            and self.data.is_live
            and self._chance.random() < self._arena.eagerness
        ):
            (name,) = self._chance.choices(list(_ACTIONS), list(_ACTIONS.values()))
            open_orders = [order for order in self.broker.get_orders_open() if order.alive()]
            if name in ("cancel", "modify"):
                if open_orders:
                    getattr(self, f"_{name}")(self._chance.choice(open_orders))
            elif len(open_orders) < _OPEN:
                getattr(self, f"_{name}")()

    def prenext(self) -> None:
        self.next()

    def _price(self, steps: float) -> float:
        """Return a price so many thousandths away from the last one, on the grid."""
        price = self.data.close[0] * (1 + steps / 1000)
        return round_to_grid(price, self.data.instrument.tick_at(price) or 0.01)

    def _side(self) -> Tuple[Callable[..., Any], int, float]:
        """Return how to trade, with its sign and size: mostly to where the position is small."""
        held = self.position.size / self._arena.lot
        buys = self._chance.random() < 0.5 - held / (2 * _HELD)
        size = self._chance.choice((1, 1, 2, 3))
        if not self._arena.short and not buys:
            size = min(size, int(held))
            if size < 1:
                buys, size = True, 1
        return (self.buy, 1, size) if buys else (self.sell, -1, size)

    def _send(self, call: Callable[..., Any], lots: float, **terms: Any) -> Any:
        return call(data=self.data, size=lots * self._arena.lot, **terms)

    def _market(self) -> None:
        trade, _, size = self._side()
        self._send(trade, size)

    def _limit(self) -> None:
        trade, sign, size = self._side()
        price = self._price(-sign * self._chance.choice((-2, 0, 1, 3)))
        self._send(trade, size, exectype=Order.Limit, price=price)

    def _stop(self) -> None:
        trade, sign, size = self._side()
        price = self._price(sign * self._chance.choice((1, 2, 4)))
        self._send(trade, size, exectype=Order.Stop, price=price)

    def _stop_limit(self) -> None:
        trade, sign, size = self._side()
        terms = {"price": self._price(sign * 2), "plimit": self._price(sign * 4)}
        self._send(trade, size, exectype=Order.StopLimit, **terms)

    def _trail(self) -> None:
        trade, _, size = self._side()
        amount = abs(self._price(3) - self._price(0)) or self._price(0) / 100
        self._send(trade, size, exectype=Order.StopTrail, trailamount=amount)

    def _bracket(self) -> None:
        long = not self._arena.short or self._chance.random() < 0.5
        sign = 1 if long else -1
        call = self.buy_bracket if long else self.sell_bracket
        is_limit = self._chance.random() < 0.5
        self._send(
            call,
            self._chance.choice((1, 2, 3)),
            exectype=Order.Limit if is_limit else Order.Market,
            price=self._price(-sign) if is_limit else None,
            stopprice=self._price(-4 * sign),
            limitprice=self._price(4 * sign),
        )

    def _oco(self) -> None:
        if not self._arena.short:
            return
        size = self._chance.choice((1, 2))
        limit = {"exectype": Order.Limit}
        first = self._send(self.buy, size, price=self._price(-3), **limit)
        self._send(self.sell, size, price=self._price(3), oco=first, **limit)

    def _cancel(self, order: Any) -> None:
        self.cancel(order)

    def _modify(self, order: Any) -> None:
        if order.exectype in (Order.Limit, Order.Stop):
            self.broker.modify(order, price=self._price(self._chance.choice((-3, -1, 1, 3))))

    # What it is told

    def notify_order(self, order: Any) -> None:
        key, size = order.info.get("client_order_id"), order.executed.size
        if key is None or order.info.get("foreign"):
            return
        before = self.executed.get(key, 0.0)
        if abs(size) < abs(before):
            self.problems.append(f"order {key}: executed {before:g}, then {size:g}")
        self.executed[key] = size

    def notify_store(self, msg: Any, *args: Any, **kwargs: Any) -> None:
        self.news.append((msg, args))
