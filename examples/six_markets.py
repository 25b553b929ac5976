"""One strategy on three markets: only the name of the market changes.

python examples/three_markets.py              all three, one after the other
python examples/three_markets.py HK_STOCK     one of CN_STOCK, HK_STOCK, US_STOCK

Prices are made up, in each market's own hours.
"""

import datetime
import sys

import backtrader as bt

from btstores import MarketType, PaperStore
from btstores.sim.prices.generator import Generator


def hours(*spans):
    """Return trading hours in UTC, each written as 01:30-04:00."""
    return [tuple(datetime.time(*map(int, t.split(":"))) for t in s.split("-")) for s in spans]


# symbol, currency, price to begin with, tick, lot, hours of a winter's day
MARKETS = {
    "CN_STOCK": ("SH.600519", "CNY", 1700, 0.01, 100, hours("01:30-03:30", "05:00-07:00")),
    "HK_STOCK": ("HK.00700", "HKD", 300, 0.2, 100, hours("01:30-04:00", "05:00-08:00")),
    "US_STOCK": ("US.AAPL", "USD", 185, 0.01, 1, hours("14:30-21:00")),
}


class NextDayCross(bt.Strategy):
    """Buys when a fast average crosses a slow one, and sells at a later day's opposite cross.

    Shares may not be sold everywhere on the day they were bought, so it never does.
    ``part`` is how much of the account's value goes into the position, ``lot`` the size that
    orders are a multiple of.
    """

    params = (("fast", 5), ("slow", 20), ("part", 0.8), ("lot", 1))

    def __init__(self):
        fast = bt.indicators.SMA(self.data.close, period=self.p.fast)
        slow = bt.indicators.SMA(self.data.close, period=self.p.slow)
        self.cross = bt.indicators.CrossOver(fast, slow)
        self.order = self.bought = None
        self.trades = 0

    def next(self):
        if self.order is not None:
            return
        today = self.data.datetime.date()
        if self.cross[0] > 0 and not self.position:
            lots = self.broker.getvalue() * self.p.part // (self.data.close[0] * self.p.lot)
            self.order, self.bought = self.buy(size=lots * self.p.lot), today
        elif self.cross[0] < 0 and self.position and today > self.bought:
            self.order = self.close()

    def notify_order(self, order):
        if order.status == order.Rejected:
            print(f"  refused: {order.info.reason}")
        if not order.alive():
            self.order = None

    def notify_trade(self, trade):
        if trade.isclosed:
            self.trades += 1
            print(f"  {self.data.datetime.date()}  {trade.pnlcomm:+12,.2f}")


def trade(name):
    symbol, currency, price, tick, lot, sessions = MARKETS[name]
    generator = Generator(seed=7, price=price, tick_size=tick, sessions=sessions)
    store = PaperStore(
        prices=generator.bars(symbol, 1000, compression=5),
        market=MarketType[name],
        currency=currency,
        cash=1_000_000,
    )
    cerebro = bt.Cerebro()
    cerebro.setbroker(store.getbroker())
    cerebro.adddata(store.getdata(dataname=symbol, timeframe=bt.TimeFrame.Minutes, compression=5))
    cerebro.addstrategy(NextDayCross, lot=lot)
    print(f"{name}: {symbol}")
    (strategy,) = cerebro.run()
    print(f"  {strategy.trades} trades, final value {currency} {cerebro.broker.getvalue():,.2f}")


if __name__ == "__main__":
    for market in sys.argv[1:] or MARKETS:
        trade(market)
