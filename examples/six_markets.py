"""One strategy on six markets: only the name of the market changes.

python examples/six_markets.py              all six, one after the other
python examples/six_markets.py HK_STOCK     one of them

Prices are made up, in the hours and ticks of each market; fees and what may be sold are those of
the market too. The strategy knows of none of it.
"""

import sys

import backtrader as bt

from btstores import MarketType, PaperStore

# market: symbol, size of an order in shares, contracts or units
MARKETS = {
    "HK_STOCK": ("HK.00700", 500),
    "US_STOCK": ("US.AAPL", 500),
    "CN_STOCK": ("SH.600519", 500),
    "CN_FUTURE": ("SHFE.rb2610", 5),
    "FOREX": ("EUR_USD", 1000),
    "CRYPTO": ("BTC/USDT", 500),
}


class Cross(bt.Strategy):
    """Buys when a fast average crosses a slow one, and sells at the opposite cross.

    What the market refuses, such as the sale of shares that were bought today, is asked for
    again with the next bar.
    """

    params = (("fast", 5), ("slow", 20), ("size", 1))

    def __init__(self):
        fast = bt.indicators.SMA(self.data.close, period=self.p.fast)
        slow = bt.indicators.SMA(self.data.close, period=self.p.slow)
        self.trend = fast > slow
        self.order = None
        self.refused = {}
        self.trades = self.commission = 0

    def next(self):
        if self.order is not None or bool(self.trend[0]) == bool(self.position):
            return
        self.order = self.close() if self.position else self.buy(size=self.p.size)

    def notify_order(self, order):
        if order.status in (order.Rejected, order.Margin):
            code = order.info.reason_code
            self.refused[code] = self.refused.get(code, 0) + 1
        if not order.alive():
            self.order = None

    def notify_trade(self, trade):
        if trade.isclosed:
            self.trades += 1
            self.commission += trade.commission


def trade(name):
    symbol, size = MARKETS[name]
    store = PaperStore(symbols=[symbol], market=MarketType[name], bars=2000, seed=7, cash=100_000)
    cerebro = bt.Cerebro()
    cerebro.setbroker(store.getbroker())
    cerebro.adddata(store.getdata(dataname=symbol, timeframe=bt.TimeFrame.Minutes))
    cerebro.addstrategy(Cross, size=size)
    (strategy,) = cerebro.run()
    currency, value = store.get_market_config().currency, cerebro.broker.getvalue()
    print(f"{name:10} {symbol:12} {strategy.trades:3} trades,", end=" ")
    print(f"fees {strategy.commission:8,.2f}, final value {currency} {value:,.2f}")
    for code, count in strategy.refused.items():
        print(f"{'':10} refused {count} times: {code}")


if __name__ == "__main__":
    for market in sys.argv[1:] or MARKETS:
        trade(market)
