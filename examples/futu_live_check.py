"""Tries FutuStore on your own OpenD and account; for people, never run by our tests.

FUTU_HOST=127.0.0.1 FUTU_PORT=11111 FUTU_ACCOUNT=12345678 FUTU_SYMBOL=HK.00700 \\
    python examples/futu_live_check.py

It examines OpenD as `btstores doctor` does, shows one bar, and places one limit order to buy a
single lot well below the price, which it cancels at once. The order needs an open market.

FUTU_ENV is SIMULATE unless you say REAL. REAL also needs FUTU_I_MEAN_IT=yes, and trading that is
unlocked in OpenD's window: then the order is a genuine one.
"""

import os

import backtrader as bt

from btstores import FutuStore, MarketType
from btstores.stores.examine import examine

NEEDED = ("FUTU_HOST", "FUTU_PORT", "FUTU_ACCOUNT", "FUTU_SYMBOL")
MARKETS = {
    "HK": MarketType.HK_STOCK,
    "US": MarketType.US_STOCK,
    "SH": MarketType.CN_STOCK,
    "SZ": MarketType.CN_STOCK,
}
PATIENCE = 180.0  # seconds for a bar and the order


class OneOrder(bt.Strategy):
    """Buys a lot far below the price once the feed is live, and cancels that."""

    def __init__(self):
        self.order = None
        self.told = []
        self.live = False

    def notify_data(self, data, status, *args, **kwargs):
        self.live = status == data.LIVE
        print(f"feed   {data._name} is {data._getstatusname(status)}", *args)

    def notify_store(self, msg, *args, **kwargs):
        print(f"store  {msg}", *args)

    def next(self):
        if not self.live or self.order is not None:
            return
        bar, store = self.data, self.broker.store
        print(f"bar    {bar.datetime.datetime(0)} UTC, close {bar.close[0]:g}")
        instrument = store.instrument(bar._dataname)
        # Hong Kong refuses what is more than 24 ticks below the best bid. `checks` rounds it down.
        away = 0.05 * bar.close[0]
        if bar._dataname.startswith("HK."):
            away = 20 * (instrument.tick_at(bar.close[0]) or 0.001)
        price = bar.close[0] - away
        self.order = self.buy(size=instrument.lot or 1, exectype=bt.Order.Limit, price=price)

    def notify_order(self, order):
        if self.order is None or order.ref != self.order.ref:
            return  # what the account holds, or what others do on it
        status = order.getstatusname()
        print(f"order  {status}", order.info.reason or "")
        if status == "Accepted" and "Accepted" not in self.told:
            self.cancel(order)
        self.told.append(status)
        if not order.alive():
            self.env.runstop()


def settings(environment):
    """Return the parameters of the store and the symbol; end the program if one is missing."""
    missing = [name for name in NEEDED if not environment.get(name)]
    if missing:
        raise SystemExit(f"Nothing done. Set {', '.join(missing)}; see the top of this file.")
    kind = environment.get("FUTU_ENV") or "SIMULATE"
    if kind not in ("SIMULATE", "REAL"):
        raise SystemExit(f"Nothing done. FUTU_ENV={kind}: expected SIMULATE or REAL.")
    if kind == "REAL" and environment.get("FUTU_I_MEAN_IT") != "yes":
        raise SystemExit("Nothing done. An order with real money needs FUTU_I_MEAN_IT=yes.")
    symbol = environment["FUTU_SYMBOL"]
    market = MARKETS.get(symbol.partition(".")[0])
    if market is None:
        raise SystemExit(f"Nothing done. FUTU_SYMBOL={symbol}: expected one such as HK.00700.")
    params = {
        "host": environment["FUTU_HOST"],
        "port": int(environment["FUTU_PORT"]),
        "account": environment["FUTU_ACCOUNT"],
        "trade_env": kind,
        "market": market,
        "checks": {"price": "round"},
    }
    return params, symbol


def main():
    params, symbol = settings(os.environ)
    store = FutuStore(**params)
    good = True
    for finding in examine(store):
        good &= finding.good
        print(f"{'ok  ' if finding.good else 'FAIL'}   {finding.what}: {finding.text}")
        if finding.cure:
            print(f"       {finding.cure}")
    if not good:
        raise SystemExit("Nothing ordered: mend the above first.")
    cerebro = bt.Cerebro()
    cerebro.setbroker(store.getbroker())
    cerebro.adddata(store.getdata(dataname=symbol, timeframe=bt.TimeFrame.Minutes, bars=5))
    cerebro.addstrategy(OneOrder)
    store.clock.call_later(PATIENCE, cerebro.runstop)
    try:
        (strategy,) = cerebro.run()
    finally:
        store.stop()
    order = strategy.order
    if order is None:
        raise SystemExit("No order was placed: no bar came. Is the market open?")
    print(f"done   {params['trade_env']} account {params['account']}, {symbol}:", end=" ")
    print(f"limit order for {order.created.size:g} at {order.created.price:g} placed,", end=" ")
    print(f"{order.getstatusname()}, filled {order.executed.size:g}")
    if order.status != order.Canceled or order.executed.size:
        raise SystemExit("It did not end as it should: look at the account in the app.")
    print("       nothing is left of it in the account")


if __name__ == "__main__":
    main()
