"""What the tests and samples of backtrader do, in strategies of our own.

`upstream_programs` says which of them is what there.
"""

from __future__ import annotations

import datetime
import itertools
from typing import Any, List

import backtrader as bt

from tests.parity.upstream_parts import OwnMarks


class CloseCross(bt.Strategy):
    """Is long while the close is above its average; one order at a time, or ``once`` for all."""

    params = (("period", 15), ("trades", None), ("once", False))

    def __init__(self) -> None:
        average = bt.ind.SMA(self.data, period=self.p.period)
        self.cross = bt.ind.CrossOver(self.data.close, average)
        self.order, self.closed = None, 0

    def notify_order(self, order: Any) -> None:
        if order.status not in (order.Submitted, order.Accepted) and not self.p.once:
            self.order = None

    def notify_trade(self, trade: Any) -> None:
        self.closed += trade.isclosed

    def next(self) -> None:
        if self.order is not None:
            return
        if self.position.size:
            if self.cross[0] < 0:
                self.order = self.close()
        elif self.cross[0] > 0 and (self.p.trades is None or self.closed < self.p.trades):
            self.order = self.buy()


class Having(bt.Strategy):
    """Has indicators: a list of classes and keywords, of the first or of every feed."""

    params = (("kinds", ()), ("everywhere", False))

    def __init__(self) -> None:
        datas = self.datas if self.p.everywhere else self.datas[:1]
        self.made = [kind(data, **more) for data in datas for kind, more in self.p.kinds]
        self.began = self.calls = 0

    def nextstart(self) -> None:
        self.began = len(self)
        super().nextstart()

    def next(self) -> None:
        self.calls += 1


class Reversing(bt.Strategy):
    """Turns from long to short and back where two averages cross; trades may have ids by turns."""

    params = (("fast", 1), ("slow", 12), ("size", None), ("ids", 1), ("signal", 0), ("only", False))

    def __init__(self) -> None:
        data = self.datas[self.p.signal]
        averages = [bt.ind.SMA(data, period=period) for period in (self.p.fast, self.p.slow)]
        self.cross = bt.ind.CrossOver(*averages)
        self.ids = itertools.cycle(range(self.p.ids))
        self.current = 0

    def next(self) -> None:
        if not self.cross[0]:
            return
        if self.position:
            self.close(tradeid=self.current)
        self.current = next(self.ids)
        if self.cross[0] > 0:
            self.buy(size=self.p.size, tradeid=self.current)
        elif not self.p.only:
            self.sell(size=self.p.size, tradeid=self.current)


class Bracketed(bt.Strategy):
    """Enters each feed by a limit with a stop and a target on some weekdays, leaves in time.

    The three are made one by one, or by ``buy_bracket``, or only the first in the market.
    """

    params = (("way", "one by one"), ("days", (0, 1, 2, 3)), ("hold", 5), ("away", 0.003))

    def __init__(self) -> None:
        self.alive: Any = {data: [] for data in self.datas}
        self.since: Any = dict.fromkeys(self.datas, 0)

    def notify_order(self, order: Any) -> None:
        if not order.alive():
            alive = self.alive[order.data]
            alive[:] = [one for one in alive if one.ref != order.ref]

    def next(self) -> None:
        for number, data in enumerate(self.datas):
            if not len(data):
                continue
            if self.getposition(data).size:
                self.since[data] += 1
                if self.since[data] > self.p.hold:
                    self.alive[data].append(self.close(data=data))
                    self.cancel(self.alive[data][0])
            elif not self.alive[data] and self.datetime.date().weekday() == self.p.days[number]:
                self.since[data] = 0
                self.alive[data] = self.enter(data)

    def enter(self, data: Any) -> List[Any]:
        if self.p.way == "market":
            return [self.buy(data=data)]
        price = data.close[0] * (1 - self.p.away)
        stop, target = price * (1 - 3 * self.p.away), price * (1 + 3 * self.p.away)
        valid = datetime.timedelta(days=3)
        if self.p.way == "buy_bracket":
            made: List[Any] = self.buy_bracket(
                data=data, price=price, stopprice=stop, limitprice=target, valid=valid
            )
            return made
        entry = self.buy(
            data=data, exectype=bt.Order.Limit, price=price, valid=valid, transmit=False
        )
        more = {"data": data, "parent": entry, "size": entry.size}
        return [
            entry,
            self.sell(exectype=bt.Order.Stop, price=stop, transmit=False, **more),
            self.sell(exectype=bt.Order.Limit, price=target, **more),
        ]


class OneOfThree(bt.Strategy):
    """Places three limits of which one cancels the others, and leaves after some bars."""

    params = (("hold", 5), ("chained", False), ("grouped", True), ("target", False))

    def __init__(self) -> None:
        averages = [bt.ind.SMA(period=period) for period in (3, 8)]
        self.cross = bt.ind.CrossOver(*averages)
        self.alive: List[int] = []
        self.since = 0

    def notify_order(self, order: Any) -> None:
        if order.status == order.Completed:
            self.since = len(self)
        if not order.alive() and order.ref in self.alive:
            self.alive.remove(order.ref)

    def next(self) -> None:
        if self.alive:
            return
        if self.position:
            if len(self) - self.since >= self.p.hold:
                self.order_target_size(target=0) if self.p.target else self.close()
        elif self.cross[0] > 0:
            made: List[Any] = []
            for away, days in ((0.002, 5), (0.004, 90), (0.01, 90)):
                with_whom = made[-1 if self.p.chained else 0] if made and self.p.grouped else None
                keywords = {
                    "price": self.data.close[0] * (1 - away),
                    "exectype": bt.Order.Limit,
                    "valid": datetime.timedelta(days),
                    "oco": with_whom,
                }
                if self.p.target:
                    made.append(self.order_target_size(target=1, **keywords))
                else:
                    made.append(self.buy(size=1, **keywords))
            self.alive = [order.ref for order in made]


class Trailed(bt.Strategy):
    """Enters where averages cross, and leaves by a trailing stop."""

    params = (("kind", "StopTrail"), ("amount", None), ("percent", None))

    def __init__(self) -> None:
        self.up = bt.ind.CrossUp(bt.ind.SMA(period=3), bt.ind.SMA(period=8))
        self.order = None

    def next(self) -> None:
        if not self.position:
            self.order = None
            if self.up[0]:
                self.buy()
        elif self.order is None:
            price = plimit = None
            if self.p.kind == "StopTrailLimit":
                price, plimit = self.data.close[0], self.data.close[0] - 1.0
            self.order = self.sell(
                exectype=getattr(bt.Order, self.p.kind),
                price=price,
                plimit=plimit,
                trailamount=self.p.amount,
                trailpercent=self.p.percent,
            )


class Typed(bt.Strategy):
    """Enters and leaves at the crossings of an average by orders of one type."""

    params = (("kind", "Market"), ("valid", None), ("away", 0.002))

    def __init__(self) -> None:
        self.cross = bt.ind.CrossOver(self.data.close, bt.ind.SMA(period=9))
        self.order = None

    def notify_order(self, order: Any) -> None:
        if not order.alive():
            self.order = None

    def next(self) -> None:
        if self.order is not None or not self.cross[0]:
            return
        valid = None
        if self.p.valid:
            valid = self.data.datetime.datetime(0) + datetime.timedelta(days=self.p.valid)
        if self.position:
            self.order = self.close()
            return
        close, away = self.data.close[0], self.p.away
        price = plimit = None
        if self.p.kind == "Limit":
            price = close * (1 - away)
        elif self.p.kind.startswith("Stop"):
            price, plimit = close * (1 + away), close * (1 + 2 * away)
        self.order = self.buy(
            exectype=getattr(bt.Order, self.p.kind), price=price, plimit=plimit, valid=valid
        )


class Targeting(bt.Strategy):
    """Aims at a size, a value or a part that follows the day of the month."""

    params = (("at", "size"), ("value_of_a_day", 1000.0))

    def __init__(self) -> None:
        self.order = None

    def notify_order(self, order: Any) -> None:
        if not order.alive():
            self.order = None

    def next(self) -> None:
        self.broker.get_value([self.data])
        if self.order is not None:
            return
        date = self.data.datetime.date()
        day = date.day if date.month % 2 else 31 - date.day
        if self.p.at == "size":
            self.order = self.order_target_size(target=day)
        elif self.p.at == "value":
            self.order = self.order_target_value(target=day * self.p.value_of_a_day)
        else:
            self.order = self.order_target_percent(target=day / 100.0)


class AtOpen(bt.Strategy):
    """Decides before the bar that it is filled on."""

    def __init__(self) -> None:
        self.cross = bt.ind.CrossOver(bt.ind.SMA(period=4), bt.ind.SMA(period=11))
        self.order = None

    def notify_order(self, order: Any) -> None:
        if order.status == order.Completed:
            self.order = None

    def decide(self) -> None:
        if self.order is None:
            if self.position:
                if self.cross[0] < 0:
                    self.order = self.close()
            elif self.cross[0] > 0:
                self.order = self.buy()

    def next(self) -> None:
        if not self.cerebro.p.cheat_on_open:
            self.decide()

    def next_open(self) -> None:
        self.decide()


class Stopped(bt.Strategy):
    """Protects what it has bought: when it is told of it, at the same time, or as a child."""

    params = (("way", "told"), ("loss", 0.01), ("trail", 0.0))

    def __init__(self) -> None:
        self.up = bt.ind.CrossUp(bt.ind.EMA(period=4), bt.ind.EMA(period=9))
        if self.p.way == "at once":
            self.broker.set_coc(True)

    def protect(self, price: float, **more: Any) -> None:
        if self.p.trail:
            self.sell(exectype=bt.Order.StopTrail, trailamount=self.p.trail, **more)
        else:
            self.sell(exectype=bt.Order.Stop, price=price * (1 - self.p.loss), **more)

    def notify_order(self, order: Any) -> None:
        if order.status == order.Completed and self.position and self.p.way == "told":
            self.protect(order.executed.price)

    def next(self) -> None:
        if self.position or not self.up[0]:
            return
        close = self.data.close[0]
        if self.p.way == "child":
            self.protect(close, parent=self.buy(transmit=False))
        else:
            self.buy()
            if self.p.way == "at once":
                self.protect(close)


class OnTwo(bt.Strategy):
    """Trades two feeds at once by the average of the second."""

    params = (("period", 12), ("size", 1))

    def __init__(self) -> None:
        average = bt.ind.SMA(self.data1, period=self.p.period)
        self.cross = bt.ind.CrossOver(self.data1.close, average)

    def next(self) -> None:
        if self.cross[0] > 0 and not self.position:
            for data in self.datas[:2]:
                self.buy(data=data, size=self.p.size)
        elif self.cross[0] < 0 and self.position:
            for data in self.datas[:2]:
                self.sell(data=data, size=self.p.size)


class Pivots(bt.Strategy):
    """Compares the close with pivots of a larger time frame, coupled whole or by line."""

    params = (("whole", True), ("kind", bt.ind.PivotPoint))

    def __init__(self) -> None:
        pivots = self.p.kind(self.data1)
        support = pivots().s1 if self.p.whole else pivots.s1()
        self.low = self.data0.close < support

    def next(self) -> None:
        if self.low[0] and not self.position:
            self.buy()
        elif self.position and not self.low[0]:
            self.close()


class Scheduled(bt.Strategy):
    """Has timers, which may cheat, and buys when told of one."""

    params = (("timers", ()),)

    def __init__(self) -> None:
        bt.ind.SMA(period=5)
        for keywords in self.p.timers:
            self.add_timer(**keywords)
        self.order = None

    def notify_timer(self, timer: Any, when: Any, *args: Any, **kwargs: Any) -> None:
        if self.order is None or not self.order.alive():
            self.order = self.sell(size=1) if self.position else self.buy(size=1)


class Falls(bt.Strategy):
    """Buys with all it has after a fall, and sells some bars later."""

    params = (("of", "high to low"), ("fall", -0.005), ("hold", 2))

    def __init__(self) -> None:
        data = self.data
        self.change = {
            "high to low": lambda: data.low / data.high - 1.0,
            "close to close": lambda: data.close / data.close(-1) - 1.0,
            "open to close": lambda: data.close / data.open - 1.0,
        }[self.p.of]()
        self.until = 0

    def next(self) -> None:
        if self.position:
            if len(self) >= self.until:
                self.close()
        elif self.change[0] <= self.p.fall:
            self.order_target_percent(target=0.9)
            self.until = len(self) + self.p.hold


class Macd(bt.Strategy):
    """Enters where MACD crosses in a falling market; its stop follows by the true range."""

    def __init__(self) -> None:
        macd = bt.ind.MACD(period_me1=4, period_me2=9, period_signal=3)
        self.cross = bt.ind.CrossOver(macd.macd, macd.signal)
        self.range = bt.ind.ATR(period=5)
        average = bt.ind.SMA(period=10)
        self.direction = average - average(-4)
        self.stop_at = 0.0

    def next(self) -> None:
        close, distance = self.data.close[0], 2 * self.range[0]
        if not self.position:
            if self.cross[0] > 0 and self.direction[0] < 0:
                self.buy()
                self.stop_at = close - distance
        elif close < self.stop_at:
            self.close()
        else:
            self.stop_at = max(self.stop_at, close - distance)


class FutureAndSpot(bt.Strategy):
    """Buys one and sells the other later; has observers of its own on both."""

    def __init__(self) -> None:
        bt.obs.BuySell(self.data0, barplot=True)
        OwnMarks(self.data1, barplot=True)
        self.since = 0

    def next(self) -> None:
        if not self.position:
            if len(self) % 3 == 0:
                self.buy(data=self.data0)
                self.since = len(self)
        elif len(self) - self.since >= 6:
            self.sell(data=self.data1)
