"""Scripts as they were written for backtrader's own OandaStore, and an OANDA to run them at."""

from __future__ import annotations

import datetime
import math
from typing import Any, Dict, List

import backtrader as bt

from btstores.clock import NS_PER_SECOND, wall_clock
from btstores.instruments import Instrument, TimeFrame
from btstores.reports import Quote
from btstores.sim.prices.series import series_of
from btstores.sim.switches import Faults
from btstores.stores.oanda.simulator import AccountConfig
from btstores.stores.oanda.simulator.faults import FAULTS
from btstores.stores.oanda.simulator.orders import Order
from btstores.stores.oanda.simulator.server import OandaServer
from btstores.stores.oanda.simulator.venue import Oanda

__all__ = ["EUR", "PAST", "SPREAD", "START", "START_NS", "Script", "ScriptedOanda", "bid_of", "run"]

EUR = "EUR_USD"
ACCOUNT = AccountConfig()
#: Wednesday 2024-01-03, 17:00 UTC.
START_NS = 1_704_301_200 * NS_PER_SECOND
START = datetime.datetime(2024, 1, 3, 17)
SPREAD = 0.0002
SPEED = 20.0
#: So many prices have gone by, one in five seconds.
PAST = 1440
FIVE_SECONDS: Dict[str, Any] = {"timeframe": bt.TimeFrame.Seconds, "compression": 5}
TICKS: Dict[str, Any] = {"timeframe": bt.TimeFrame.Ticks, "compression": 1}


def bid_of(number):
    """Return a price that has gone by: it swings by ten pips around 1.1."""
    return round(1.1 + 0.001 * math.sin(number / 60), 5)


class ScriptedOanda:
    """OANDA at a price that stays where it is put, and what a script needs to log in."""

    def __init__(self):
        self.bid = 1.1
        past = [
            Quote(EUR, START_NS - (PAST - one) * 5 * NS_PER_SECOND, bid, bid + SPREAD)
            for one, bid in enumerate(map(bid_of, range(PAST)))
        ]
        series = series_of(Instrument(EUR), past, TimeFrame.TICKS, quotes=True)
        self.venue = Oanda([series], wall_clock(), (ACCOUNT,), START_NS, SPEED)
        self.faults = Faults(FAULTS)
        self.server = OandaServer(
            self.venue, self.faults, wall_clock(), heartbeat=0.5, throttled=False
        )
        self.server.start()
        self._beating = True
        self._beat()
        self.login = {
            "token": "a-token",
            "account": ACCOUNT.account_id,
            "practice": True,
            "port": self.server.port,
            "clock": self.venue.clock,
            "reconnect_interval": 0.2,
        }

    def _beat(self):
        if self._beating:
            with self.venue.lock:
                now_ns = self.venue.clock.time_ns()
                self.venue.happen(Quote(EUR, now_ns, self.bid, round(self.bid + SPREAD, 5)))
            wall_clock().call_later(1.0 / SPEED, self._beat)

    @property
    def desk(self):
        return self.venue.dealers[ACCOUNT.account_id]

    def deal(self, units):
        """Let somebody else trade on the account."""
        order = Order("MARKET", EUR, units, None)
        order.tif = "FOK"
        with self.venue.lock, self.desk.account.ledger.batch():
            self.desk.take(order)

    def stop(self):
        self._beating = False
        self.server.stop()


class Script(bt.Strategy):
    """Writes down what it is told, as the samples print it, and ends after some bars."""

    params = (("bars", 3), ("only_live", True))

    def __init__(self):
        self.statuses, self.orders, self.trades, self.news = [], [], [], []
        self.closes, self.times, self.live = [], [], set()

    def notify_data(self, data, status, *args, **kwargs):
        self.statuses.append((data._name, data._getstatusname(status)))
        if status == data.LIVE:
            self.live.add(data._name)

    def notify_store(self, msg, *args, **kwargs):
        self.news.append((msg, args, kwargs))

    def notify_order(self, order):
        self.orders.append((order.ref, order.getstatusname(), order.executed.size))
        self.on_order(order)

    def notify_trade(self, trade):
        self.trades.append((trade.size, trade.isclosed))

    def on_order(self, order):
        pass

    def next(self):
        self.closes.append(tuple(data.close[0] for data in self.datas))
        self.times.append(self.data.datetime.datetime())
        if self.p.only_live and len(self.live) < len(self.datas):
            return
        self.on_bar()

    def on_bar(self):
        self.p.bars -= 1
        if self.p.bars <= 0:
            self.env.runstop()

    def of(self, order):
        """Return what was told of an order."""
        return [status for ref, status, _ in self.orders if ref == order.ref]


def run(cerebro, strategy=Script, **params):
    """Run, but not for ever."""
    guard = wall_clock().call_later(30.0, cerebro.runstop)
    cerebro.addstrategy(strategy, **params)
    (found,) = cerebro.run(stdstats=False)
    assert not guard.cancelled, "the script has not ended"
    guard.cancel()
    return found


def states_of(script: Any) -> List[str]:
    """Return what was told of feeds."""
    return [status for _, status in script.statuses]
