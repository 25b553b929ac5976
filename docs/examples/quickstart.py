"""A paper account that trades one symbol with stops and targets."""

import backtrader as bt

from btstores import PaperStore


class SmaCross(bt.Strategy):
    """Buys when the fast average crosses the slow one; a stop and a target end the trade."""

    params = (("fast", 5), ("slow", 20), ("size", 10))

    def __init__(self) -> None:
        fast = bt.ind.SMA(period=self.p.fast)
        slow = bt.ind.SMA(period=self.p.slow)
        self.cross = bt.ind.CrossOver(fast, slow)
        self.working = 0

    def next(self) -> None:
        """Trade, unless a trade is on."""
        if self.cross > 0 and not self.working:
            close = self.data.close[0]
            # Prices in whole cents: a venue refuses what is off its grid.
            stop, target = round(close * 0.998, 2), round(close * 1.003, 2)
            orders = self.buy_bracket(
                size=self.p.size, exectype=bt.Order.Market, stopprice=stop, limitprice=target
            )
            self.working = len(orders)

    def notify_order(self, order: bt.Order) -> None:
        """Count orders that ended, in whatever way, and say what was filled."""
        if not order.alive():
            self.working -= 1
        if order.status in (order.Partial, order.Completed):
            done = order.executed
            what = order.ordtypename() + " " + order.getordername()
            self.say(f"{what} {order.getstatusname()}: {done.size:g} at {done.price:.2f}")

    def notify_data(self, data: bt.DataBase, status: int, *args: object, **kwargs: object) -> None:
        """Say whether prices are history or live."""
        self.say(f"{data._name} is {data._getstatusname(status)}")

    def say(self, text: str) -> None:
        """Print with the time of the newest bar."""
        time = f"{self.data.datetime.datetime(0):%H:%M}" if len(self.data) else "--:--"
        print(time, text)


if __name__ == "__main__":
    store = PaperStore(symbols=["DEMO"], bars=240, history=20, seed=2)

    cerebro = bt.Cerebro()
    cerebro.setbroker(store.getbroker())
    cerebro.adddata(store.getdata(dataname="DEMO", timeframe=bt.TimeFrame.Minutes))
    cerebro.addstrategy(SmaCross)
    cerebro.run()
    print(f"Final value: {cerebro.broker.getvalue():.2f}")
