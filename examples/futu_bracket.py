"""The strategy of `btstores demo` at Futu: what changes is how Cerebro is fed.

btstores sim opend --speed 60
python examples/futu_bracket.py HK         a simulated account in Hong Kong
python examples/futu_bracket.py US 60      one in the United States, for 60 bars

Without a number it goes on until Ctrl-C. OpenD is asked on port 11111, or on the one that the
environment variable FUTU_PORT names.
"""

import logging
import os
import sys

import backtrader as bt

from btstores import FutuStore, MarketType

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from sma_bracket import SmaBracket

MARKETS = {
    "HK": (MarketType.HK_STOCK, "HK.00700", "Asia/Hong_Kong"),
    "US": (MarketType.US_STOCK, "US.AAPL", "America/New_York"),
}
market, symbol, timezone = MARKETS[sys.argv[1].upper() if len(sys.argv) > 1 else "HK"]
bars = int(sys.argv[2]) if len(sys.argv) > 2 else 0


class Told(SmaBracket):
    """The same, and it says what it does."""

    def __init__(self):
        super().__init__()
        self.accepted = set()
        self.live_bars = 0

    def notify_data(self, data, status, *args, **kwargs):
        super().notify_data(data, status)
        print(f"       {data._name} is {data._getstatusname(status)}")

    def notify_order(self, order):
        super().notify_order(order)
        news = order.getstatusname()
        # Partial fills are many, and so are the changes of exits that follow them. One order of
        # a bracket says why none of it was sent.
        if order.status == order.Accepted and order.ref not in self.accepted:
            self.accepted.add(order.ref)
        elif order.status == order.Completed:
            news += f": {order.executed.size:+g} at {order.executed.price:g}"
        elif order.alive() or order.info.reason_code == "BRACKET_INVALID":
            return
        elif order.info.reason:
            news += f": {order.info.reason}"
        kind = f"{order.getordername()} to {order.ordtypename()}".lower()
        print(f"{self.data.datetime.datetime(0):%H:%M}  #{order.ref:<3} {kind:16} {news}")

    def next(self):
        self.live_bars += self.may_trade
        if self.live_bars == bars > 0:
            self.env.runstop()
        else:
            super().next()


if __name__ == "__main__":
    # What is refused is printed above.
    logging.getLogger("btstores").setLevel(logging.ERROR)
    store = FutuStore(
        port=int(os.environ.get("FUTU_PORT", "11111")),
        market=market,
        # The strategy knows neither lots nor ticks.
        checks={"size": "round", "price": "round"},
    )
    cerebro = bt.Cerebro()
    cerebro.setbroker(store.getbroker())
    cerebro.adddata(
        store.getdata(dataname=symbol, timeframe=bt.TimeFrame.Minutes, bars=60, tz=timezone)
    )
    cerebro.addstrategy(Told, part=0.2)
    try:
        cerebro.run()
    finally:
        store.stop()  # also after Ctrl-C
    print(f"Final value: {store.currency} {cerebro.broker.getvalue():,.2f}")
