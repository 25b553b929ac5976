"""The same strategy class under Cerebro: on BackBroker and plain feeds, and on PaperStore.

What is compared is what a strategy can see: its notifications with their executions, and after
each bar cash, value, the fund, positions, and where its trailing stops stand.
"""

from __future__ import annotations

import itertools
from typing import Any, Dict, List, Sequence

import backtrader as bt

from btstores.feeds.times import num_to_ns
from btstores.reports import Bar
from btstores.stores.paper import PaperStore
from tests.parity.harness import News, Planned, Series, Setup, Trace, add_datas

_accounts = itertools.count(1)


class Seen(Planned):
    """A planned strategy that writes down what it is told."""

    params = (("trace", None),)

    def start(self) -> None:
        # Orders count from here, in either run.
        self.first = next(bt.Order.refbasis) + 1

    def notify_order(self, order: bt.Order) -> None:
        execution = tuple(
            (
                *(bit.dt, bit.size, bit.price, bit.closed, bit.opened, bit.pnl, bit.comm),
                *(bit.closedvalue, bit.closedcomm, bit.openedvalue, bit.openedcomm),
            )
            for bit in order.executed.getpending()
        )
        self.p.trace.news.append(
            News(self.cycle, order.ref - self.first, order.getstatusname(), execution)
        )

    def notify_trade(self, trade: bt.Trade) -> None:
        state = (trade.size, trade.price, trade.value, trade.commission, trade.pnl, trade.pnlcomm)
        self.p.trace.news.append(News(self.cycle, -1, f"trade {trade.status}", state))

    def next(self) -> None:
        held = tuple(
            (position.size, position.price)
            for position in (self.getposition(data) for data in self.datas)
        )
        broker = self.broker
        values = (broker.getcash(), broker.getvalue(), broker.fundvalue, broker.fundshares)
        stamps = tuple(data.datetime[0] for data in self.datas if len(data))
        stops = tuple(
            (order.ref - self.first, order.created.price)
            for order in self.made
            if order.alive() and order.trailamount is not None
        )
        self.p.trace.rows.append((len(self.p.trace.rows), stamps, held, values, stops))
        super().next()


def run_upstream(datas: Sequence[Series], setup: Setup, **params: Any) -> Trace:
    """Run on BackBroker and plain feeds, told of orders at once, as our feeds have it."""
    cerebro = bt.Cerebro(runonce=False, stdstats=False, quicknotify=True, **setup.cerebro)
    broker = bt.brokers.BackBroker(**setup.broker)
    for commission in setup.commissions:
        broker.setcommission(**commission)
    cerebro.setbroker(broker)
    add_datas(cerebro, datas)
    return _run(cerebro, params)


def run_paper(datas: Sequence[Series], setup: Setup, **params: Any) -> Trace:
    """Run on PaperStore with ``fill_model="backtrader"``, its broker and its feeds."""
    return _run(paper_cerebro(datas, setup), params)


def paper_cerebro(
    datas: Sequence[Series], setup: Setup, engine: Any = bt.Cerebro, history: int = 0
) -> Any:
    """Return a Cerebro, an ``engine``, with the broker and the feeds of a PaperStore."""
    options = dict(setup.broker)
    store = PaperStore(
        account=f"parity{next(_accounts)}",
        prices={
            f"d{index}": _bars(series, f"d{index}")
            for index, series in enumerate(datas)
            if series.of is None
        },
        cash=options.pop("cash", 10_000.0),
        fill_model="backtrader",
        history=history,
    )
    cerebro = engine(**{"stdstats": False, **setup.cerebro})
    broker = store.getbroker(**options)
    for commission in setup.commissions:
        broker.setcommission(**commission)
    cerebro.setbroker(broker)
    _add_feeds(cerebro, store, datas)
    return cerebro


def _run(cerebro: bt.Cerebro, params: Dict[str, Any]) -> Trace:
    trace = Trace()
    cerebro.addstrategy(Seen, trace=trace, **params)
    cerebro.run()
    return trace


def _bars(series: Series, symbol: str) -> List[Bar]:
    return [
        Bar(
            symbol,
            series.timeframe,
            series.compression,
            num_to_ns(bt.date2num(row[0])),
            *row[1:],
            0.0,
        )
        for row in series.bars
    ]


def _add_feeds(cerebro: bt.Cerebro, store: Any, datas: Sequence[Series]) -> None:
    feeds: List[Any] = []
    for index, series in enumerate(datas):
        name = f"d{index}"
        if series.of is None:
            session = {} if series.sessionend is None else {"sessionend": series.sessionend}
            feed = store.getdata(
                dataname=name,
                timeframe=series.timeframe,
                compression=series.compression,
                **session,
            )
        else:
            feed = feeds[series.of]
        if series.how == "clone":
            feeds.append(cerebro.adddata(feed.clone(), name=name))
        elif series.how == "add":
            feeds.append(cerebro.adddata(feed, name=name))
        else:
            convert = cerebro.resampledata if series.how == "resample" else cerebro.replaydata
            timeframe, compression = series.to
            feeds.append(convert(feed, name=name, timeframe=timeframe, compression=compression))
