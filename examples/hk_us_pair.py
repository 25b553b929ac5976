"""A pair on two accounts at once: one leg in Hong Kong, the other one in New York.

python examples/hk_us_pair.py     made-up prices on two paper accounts

Both accounts are one broker to the strategy, with cash and value in US dollars.
"""

import collections
import statistics

import backtrader as bt

from btstores import PaperStore
from btstores.brokers.router import RouterBroker
from btstores.sim.prices.generator import Generator

HKD = 0.128  # US dollars for one Hong Kong dollar; a feed of the rate will do as well


class Pair(bt.Strategy):
    """Sells the leg that has become dear and buys the other, in equal values.

    ``leg`` is the value of one leg in the base currency. ``enter`` and ``leave`` say how many
    standard deviations the ratio of the prices is from its average of ``period`` bars.
    """

    params = (("period", 60), ("enter", 2.0), ("leave", 0.3), ("leg", 40_000))

    def __init__(self):
        self.ratios = collections.deque(maxlen=self.p.period)
        self.pending = set()

    def next(self):
        one, other = self.datas
        # The accounts tell their bars one after the other.
        if one.datetime[0] != other.datetime[0]:
            return
        self.ratios.append(one.close[0] / other.close[0])
        if len(self.ratios) < self.p.period or self.pending:
            return
        usual = statistics.mean(self.ratios)
        far = (self.ratios[-1] - usual) / statistics.stdev(self.ratios)
        if not self.position and abs(far) > self.p.enter:
            dear, cheap = (one, other) if far > 0 else (other, one)
            self.send(self.order_target_value(data=dear, target=-self.p.leg))
            self.send(self.order_target_value(data=cheap, target=self.p.leg))
        elif self.position and abs(far) < self.p.leave:
            self.send(self.close(one))
            self.send(self.close(other))

    def send(self, order):
        if order is not None:
            self.pending.add(order.ref)

    def notify_order(self, order):
        if not order.alive():
            self.pending.discard(order.ref)
        if order.status == order.Completed:
            done, name = order.executed, order.data._name
            print(f"{self.datetime.time():%H:%M}  {name:9}{done.size:+6.0f} at {done.price:.2f}")
        elif order.status == order.Rejected:
            print(f"{order.data._name} refused: {order.info.reason}")


def account(symbol, price, currency, cash, seed):
    prices = Generator(seed=seed, price=price).bars(symbol, 390)
    return PaperStore(prices=prices, currency=currency, cash=cash)


hk = account("HK.09988", 75.0, "HKD", 800_000, seed=3)
us = account("US.BABA", 77.0, "USD", 100_000, seed=4)

cerebro = bt.Cerebro()
risk = {"account": {"max_order_value": 50_000, "max_daily_loss": 5_000}}  # in US dollars
cerebro.setbroker(RouterBroker([hk, us], currency="USD", rates={"HKD": HKD}, risk=risk))
for store, symbol in ((hk, "HK.09988"), (us, "US.BABA")):
    cerebro.adddata(store.getdata(dataname=symbol, timeframe=bt.TimeFrame.Minutes))
cerebro.addstrategy(Pair)
cerebro.run()
print(f"Hong Kong: HKD {hk.get_value():,.2f}   New York: USD {us.get_value():,.2f}")
print(f"Together:  USD {cerebro.broker.getvalue():,.2f}")
