"""Tries OandaStore on your own account at OANDA; for people, never run there by our tests.

OANDA_TOKEN=... OANDA_ACCOUNT=101-004-1234567-001 python examples/oanda_live_check.py

It examines the account as `btstores doctor` does, asks for history, listens to prices, and places
one limit order for the least size a tenth below the price, which it changes and cancels at once.
Prices come only while the market is open. If all of that held, OANDA_TRADE=yes also buys the
least size at the market and sells it again. At the end it lists what held and what did not; the
exit status is 1 if anything did not.

OANDA_SYMBOL is EUR_USD unless you say another one. The account is a practice account unless you
say OANDA_ENV=live, which also needs OANDA_I_MEAN_IT=yes: then the orders are genuine ones.
OANDA_PORT is that of a simulated OANDA: btstores sim oanda.
"""

import os

import backtrader as bt

from btstores import OandaStore
from btstores.stores.examine import examine

NEEDED = ("OANDA_TOKEN", "OANDA_ACCOUNT")
STEPS = ("history", "stream", "place", "change", "cancel")
TRADE_STEPS = ("buy", "sell")
PATIENCE = 90.0  # seconds for all steps
BARS, PRICES = 5, 3


class Failed(Exception):
    """A step did not hold."""


class Check(bt.Strategy):
    """Takes one step after the other; the next one when what it waits for has come."""

    params = (("trade", False),)

    def __init__(self):
        self.orders = []
        self.live = False
        self.prices = 0
        self.results = []
        self.steps = self.script()
        self.current = next(self.steps)

    def script(self):
        """Yield a step and what tells whether it holds; hear whether it did."""
        yield "history", self.has_history
        if not (yield "stream", self.has_prices):
            return
        size = self.broker.store.instrument(self.data._dataname).min_size or 1
        price = self.data.close[0]
        order = self.sent(self.buy(size=size, exectype=bt.Order.Limit, price=0.9 * price))
        if (yield "place", lambda: reached(order, order.Accepted)):
            before, wanted = order.created.price, 0.89 * price
            self.broker.modify(order, price=wanted)
            yield "change", lambda: changed(order, before)
            self.cancel(order)
            yield "cancel", lambda: reached(order, order.Canceled)
        if not (self.p.trade and all(good for _, good, _ in self.results)):
            return
        if not (yield "buy", self.buys(size)):
            return
        order = self.sent(self.sell(size=size))
        yield "sell", lambda: reached(order, order.Completed)

    def sent(self, order):
        self.orders.append(order)
        return order

    def has_history(self):
        bars = self.datas[1]
        return len(bars) >= BARS and (
            f"{BARS} minutes, until {bars.datetime.datetime(0):%Y-%m-%d %H:%M} UTC"
        )

    def has_prices(self):
        return self.prices >= PRICES and f"{PRICES} prices, the newest {self.data.close[0]:g}"

    def buys(self, size):
        held = self.broker.account_position(self.data).size
        if held:
            return lambda: fail(f"the account holds {held:g} of it: give another OANDA_SYMBOL")
        order = self.sent(self.buy(size=size))
        return lambda: reached(order, order.Completed)

    def notify_data(self, data, status, *args, **kwargs):
        print(f"feed   {data._name} is {data._getstatusname(status)}", *args)
        if data is self.data:
            self.live = status == data.LIVE

    def notify_store(self, msg, *args, **kwargs):
        print(f"store  {msg}", *args)

    def notify_order(self, order):
        if order.ref not in [one.ref for one in self.orders]:
            return  # what the account holds, or what others do on it
        print(f"order  {order.ref} {order.getstatusname()}", order.info.reason or "")
        self.go_on()

    def prenext(self):
        self.go_on()

    def next(self):
        self.prices += self.live
        self.go_on()

    def go_on(self):
        while self.current is not None:
            what, holds = self.current
            try:
                text, good = holds(), True
            except Failed as error:
                text, good = str(error), False
            if not text:
                return
            self.results.append((what, good, text))
            try:
                self.current = self.steps.send(good)
            except StopIteration:
                self.current = None
                self.env.runstop()

    def stop(self):
        if self.current is not None:
            self.results.append((self.current[0], False, f"not within {PATIENCE:g} seconds"))
        for order in self.orders:
            if order.alive():
                self.cancel(order)


def fail(text):
    raise Failed(text)


def reached(order, status):
    """Return how an order came to be what it should, None until then."""
    if order.status == status:
        price = order.executed.price or order.created.price
        return (
            f"{order.ordtypename()} of {abs(order.size):g} at {price:g} is {order.getstatusname()}"
        )
    if not order.alive():
        fail(f"{order.getstatusname()}: {order.info.reason}")
    return None


def changed(order, before):
    """Return how the price of an order has changed, None until then."""
    if order.created.price != before:
        return f"from {before:g} to {order.created.price:g}"
    if not order.alive() or not order.info.pending_modify:
        fail(f"{order.getstatusname()}: {order.info.reason}")
    return None


def settings(environment):
    """Return the parameters of the store and the symbol; end the program if one is missing."""
    missing = [name for name in NEEDED if not environment.get(name)]
    if missing:
        raise SystemExit(f"Nothing done. Set {', '.join(missing)}; see the top of this file.")
    kind = environment.get("OANDA_ENV") or "practice"
    if kind not in ("practice", "live"):
        raise SystemExit(f"Nothing done. OANDA_ENV={kind}: expected practice or live.")
    if kind == "live" and environment.get("OANDA_I_MEAN_IT") != "yes":
        raise SystemExit("Nothing done. Orders with real money need OANDA_I_MEAN_IT=yes.")
    params = {
        "token": environment["OANDA_TOKEN"],
        "account": environment["OANDA_ACCOUNT"],
        "practice": kind == "practice",
        "checks": {"price": "round"},
    }
    if environment.get("OANDA_PORT"):
        params["port"] = int(environment["OANDA_PORT"])
    return params, environment.get("OANDA_SYMBOL") or "EUR_USD"


def run(store, symbol, trade):
    """Take all steps; return what came of each that was tried."""
    cerebro = bt.Cerebro()
    cerebro.setbroker(store.getbroker())
    cerebro.adddata(store.getdata(dataname=symbol, timeframe=bt.TimeFrame.Ticks))
    minutes = store.getdata(dataname=symbol, timeframe=bt.TimeFrame.Minutes, bars=BARS)
    cerebro.adddata(minutes, name=f"{symbol} minutes")
    cerebro.addstrategy(Check, trade=trade)
    timer = store.clock.call_later(PATIENCE, cerebro.runstop)
    try:
        (strategy,) = cerebro.run()
    finally:
        timer.cancel()
        store.stop()
    return strategy.results


def open_in(findings):
    """Return how many orders and trades the account has, as OANDA tells."""
    return next((one.text for one in findings if one.what == "open"), "unknown")


def main():
    params, symbol = settings(os.environ)
    trade = os.environ.get("OANDA_TRADE") == "yes"
    store = OandaStore(**params)
    found = []
    for finding in examine(store):
        found.append(finding)
        print(f"{'ok  ' if finding.good else 'FAIL'}   {finding.what}: {finding.text}")
        if finding.cure:
            print(f"       {finding.cure}")
    if not all(finding.good for finding in found):
        raise SystemExit("Nothing ordered: mend the above first.")
    results = run(store, symbol, trade)
    before, after = open_in(found), open_in(examine(store))
    nothing_left = before == after
    text = after if nothing_left else f"{after}, before {before}: look at the account"
    tried = [what for what, _, _ in results]
    results.append(("nothing is left", nothing_left, text))
    print()
    for what, good, text in results:
        print(f"{'held  ' if good else 'FAILED'} {what}: {text}")
    untried = [what for what in STEPS + TRADE_STEPS * trade if what not in tried]
    if untried:
        print(f"not tried: {', '.join(untried)}")
    bad = sum(not good for _, good, _ in results) + len(untried)
    print(f"all {len(results)} held" if not bad else f"{bad} did not hold")
    raise SystemExit(1 if bad else 0)


if __name__ == "__main__":
    main()
