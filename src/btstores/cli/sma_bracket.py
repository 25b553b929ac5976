"""An ordinary backtrader strategy: enters when two averages cross, leaves by stop or target.

Nothing in here knows of btstores: the very same class runs on history under ``bt.Cerebro``
and live through a store.
"""

from __future__ import annotations

from typing import Any, List

import backtrader as bt


class SmaBracket(bt.Strategy):
    """Trades the crossing of a fast and a slow average with bracket orders.

    ``stop`` and ``target`` are distances from the last close, in average true ranges of
    ``slow`` bars; ``part`` is how much of the account's value goes into one position;
    ``digits`` is how many decimals prices of orders have.
    """

    params = (
        ("fast", 5),
        ("slow", 15),
        ("stop", 1.5),
        ("target", 2.5),
        ("part", 0.8),
        ("digits", 2),
    )

    def __init__(self) -> None:
        fast = bt.indicators.SMA(self.data.close, period=self.p.fast)
        slow = bt.indicators.SMA(self.data.close, period=self.p.slow)
        self.cross = bt.indicators.CrossOver(fast, slow)
        self.range = bt.indicators.ATR(self.data, period=self.p.slow)
        self.bracket: List[Any] = []
        # Orders on the history of a live feed are refused anyway; a strategy may do without
        # this. Here it keeps their refusals out of what the demo prints.
        self.may_trade = not self.data.islive()

    def notify_data(self, data: Any, status: int, *args: Any, **kwargs: Any) -> None:
        self.may_trade = status == data.LIVE

    def notify_order(self, order: Any) -> None:
        if not order.alive():
            self.bracket = [one for one in self.bracket if one.ref != order.ref]

    def next(self) -> None:
        if not self.may_trade or self.bracket or not self.cross[0]:
            return
        price = self.data.close[0]
        up = self.cross[0] > 0
        stop = self.p.stop * self.range[0]
        target = self.p.target * self.range[0]
        enter = self.buy_bracket if up else self.sell_bracket
        self.bracket = enter(
            size=int(self.broker.getvalue() * self.p.part / price),
            exectype=bt.Order.Market,
            stopprice=round(price - stop if up else price + stop, self.p.digits),
            limitprice=round(price + target if up else price - target, self.p.digits),
        )
