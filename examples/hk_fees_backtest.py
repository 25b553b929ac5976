"""A backtest with the real fees of Hong Kong shares, each at the rates of its day.

python examples/hk_fees_backtest.py

The prices are made up, from June 2023 to June 2026: in that time the stamp duty fell and the
settlement fee lost its limits.
"""

import collections
import datetime

import backtrader as bt

from btstores.brokers.marketfees import HKStockCommInfo
from btstores.instruments import TimeFrame
from btstores.sim.prices.generator import Generator

LOT = 100
FIRST_DAY = datetime.datetime(2023, 6, 1)
BARS = Generator(seed=5, price=300.0, tick_size=0.2).bars("MADEUP", 780, TimeFrame.DAYS)


class MadeUp(bt.feed.DataBase):
    """Daily bars of a share on weekdays, the same ones each time."""

    def start(self):
        super().start()
        self._bars = iter(BARS.events)
        self._day = FIRST_DAY

    def _load(self):
        bar = next(self._bars, None)
        if bar is None:
            return False
        self.lines.datetime[0] = bt.date2num(self._day)
        for line in ("open", "high", "low", "close", "volume"):
            getattr(self.lines, line)[0] = getattr(bar, line)
        self.lines.openinterest[0] = 0
        self._day += datetime.timedelta(3 if self._day.weekday() == 4 else 1)
        return True


class Crossing(bt.Strategy):
    """Holds board lots while the fast average is above the slow one."""

    params = (("fast", 5), ("slow", 15), ("part", 0.9))

    def __init__(self):
        fast = bt.indicators.SMA(period=self.p.fast)
        slow = bt.indicators.SMA(period=self.p.slow)
        self.cross = bt.indicators.CrossOver(fast, slow)
        self.bill = collections.Counter()

    def next(self):
        if self.cross[0] > 0 and not self.position:
            lots = int(self.broker.getvalue() * self.p.part / self.data.close[0] / LOT)
            self.buy(size=lots * LOT)
        elif self.cross[0] < 0 and self.position:
            self.close()

    def notify_order(self, order):
        if order.status == order.Completed and isinstance(order.comminfo, HKStockCommInfo):
            fees = order.comminfo.fees(order.executed.size, order.executed.price)
            self.bill.update({line.name: line.amount for line in fees.lines})


def backtest(with_fees):
    cerebro = bt.Cerebro()
    cerebro.broker.setcash(1_000_000)
    data = MadeUp()
    cerebro.adddata(data)
    if with_fees:
        scheme = HKStockCommInfo(plan="fixed", date=lambda: data.datetime.date(0))
        cerebro.broker.addcommissioninfo(scheme)
    cerebro.addstrategy(Crossing)
    strategy = cerebro.run()[0]
    return strategy.bill, cerebro.broker.getvalue()


if __name__ == "__main__":
    _, without = backtest(with_fees=False)
    bill, value = backtest(with_fees=True)
    for name, amount in bill.items():
        print(f"{name:20}{amount:12,.2f}")
    print(f"{'all fees':20}{sum(bill.values()):12,.2f}")
    print(f"Final value: {without:,.2f} without fees, {value:,.2f} with them")
