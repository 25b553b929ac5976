"""A run on the simulated clock: what the venue says and when, and what a strategy does then."""

from __future__ import annotations

import datetime
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

import backtrader as bt

from btstores.reports import (
    Bar,
    FillReport,
    LinkReport,
    LinkState,
    OrderEvent,
    OrderReport,
    OrderRequest,
)
from tests.support.venue import MINUTE, T0, ScriptedGateway, ScriptedStore, new_store

SECOND = 10**9
#: `T0` as backtrader writes it.
START = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=T0 // SECOND)

Script = Dict[int, Callable[["Diary"], Any]]


class Told(NamedTuple):
    """One call of ``notify_order``, and how many bars the strategy had seen by then."""

    ref: int
    status: str
    filled: float
    remaining: float
    bars: int


class Diary(bt.Strategy):
    """Does what its script says at the n-th call of ``next`` and writes down what it is told."""

    params: Tuple[Any, ...] = (("script", None), ("answer", None))

    def __init__(self):
        self.told: List[Told] = []
        self.copies: List[Any] = []
        self.trades: List[Tuple[float, float, bool]] = []
        self.statuses: List[Tuple[str, str]] = []
        self.news: List[Tuple[str, Tuple[Any, ...]]] = []
        self.bars: List[Tuple[Any, ...]] = []
        self.made: List[Any] = []
        self.sums: List[Tuple[float, float]] = []

    def next(self):
        self.bars.append(tuple(d.close[0] if len(d) else None for d in self.datas))
        action = (self.p.script or {}).get(len(self.bars))
        if action is not None:
            self.do(action)

    prenext = next

    def do(self, action):
        made = action(self)
        if made is not None:
            self.made.extend(made if isinstance(made, list) else [made])

    def notify_order(self, order):
        executed = order.executed
        name = order.getstatusname()
        self.told.append(Told(order.ref, name, executed.size, executed.remsize, len(self.bars)))
        self.copies.append(order)
        if self.p.answer is not None:
            self.p.answer(self, order)

    def notify_trade(self, trade):
        self.trades.append((trade.size, round(trade.pnl, 9), trade.isclosed))

    def notify_store(self, msg, *args, **kwargs):
        self.news.append((msg, args))

    def notify_data(self, data, status, *args, **kwargs):
        self.statuses.append((data._name or data.symbol, data._getstatusname(status)))

    def notify_cashvalue(self, cash, value):
        self.sums.append((cash, value))

    def statuses_of(self, order) -> List[str]:
        """Return what the strategy was told of one order, in the order of telling."""
        return [told.status for told in self.told if told.ref == order.ref]

    def messages(self) -> List[str]:
        return [msg for msg, _ in self.news]


class Session:
    """A Cerebro over a scripted venue. Times are seconds after `T0`."""

    engine: Any = bt.Cerebro

    def __init__(self, store: Optional[ScriptedStore] = None, **options: Any) -> None:
        self.store = store if store is not None else new_store()
        self.venue: ScriptedGateway = self.store.gateway
        self.clock = self.store.clock
        self.broker = self.store.getbroker()
        self.feeds: List[Any] = []
        self.cerebro = self.engine(stdstats=False, **options)
        self.cerebro.setbroker(self.broker)
        self._last_ns = T0

    def feed(self, symbol: str = "A", timeframe: int = bt.TimeFrame.Minutes, **params: Any) -> Any:
        feed = self.store.getdata(dataname=symbol, timeframe=timeframe, **params)
        self.cerebro.adddata(feed)
        self.feeds.append(feed)
        return feed

    def at(self, seconds: float, action: Callable[[], Any]) -> None:
        when_ns = T0 + round(seconds * SECOND)
        self._last_ns = max(self._last_ns, when_ns)
        self.clock.call_at(when_ns, action)

    def say(self, seconds: float, *reports: Any) -> None:
        for report in reports:
            self.at(seconds, lambda report=report: self.store.put(report))

    def bar(self, minute: int, close: float = 10.0, symbol: str = "A") -> None:
        """Let a one-minute bar come when it ends."""
        self.say(60 * minute, bar(minute, close, symbol))

    def bars(self, *closes: float, symbol: str = "A") -> None:
        for minute, close in enumerate(closes, 1):
            self.bar(minute, close, symbol)

    def run(self, strategy: Any = Diary, **params: Any) -> Any:
        """Run to one second after the last thing that was planned, when all streams end."""
        self.clock.call_at(self._last_ns + SECOND, self._end)
        self.cerebro.addstrategy(strategy, **params)
        return self.cerebro.run()[0]

    def _end(self) -> None:
        for feed in self.feeds:
            self.store.put(LinkReport(LinkState.ENDED, self._last_ns, feed.subscription))

    # What the venue says of the n-th order that it was sent.

    def request(self, number: int) -> OrderRequest:
        return self.venue.placed[number]

    def order(self, seconds: float, event: OrderEvent, number: int = 0, **fields: Any) -> None:
        def tell() -> None:
            request = self.request(number)
            fields.setdefault("venue_order_id", f"V{number}")
            now = self.clock.time_ns()
            self.store.put(OrderReport(event, now, request.client_order_id, **fields))

        self.at(seconds, tell)

    def accept(self, seconds: float, number: int = 0) -> None:
        self.order(seconds, OrderEvent.ACCEPTED, number)

    def fill(
        self,
        seconds: float,
        number: int = 0,
        size: Optional[float] = None,
        price: float = 10.0,
        fill_id: Optional[str] = None,
        **fields: Any,
    ) -> None:
        def tell() -> None:
            request = self.request(number)
            self.store.put(
                FillReport(
                    fill_id or f"F{number}@{seconds}",
                    request.symbol,
                    request.side,
                    request.size if size is None else size,
                    price,
                    self.clock.time_ns(),
                    request.client_order_id,
                    f"V{number}",
                    **fields,
                )
            )

        self.at(seconds, tell)


def bar(minute: int, close: float = 10.0, symbol: str = "A") -> Bar:
    """Return the one-minute bar that ends ``minute`` minutes after `T0`."""
    reach = min(0.5, close / 2)
    low, high = close - reach, close + 0.5
    return Bar(symbol, 4, 1, T0 + minute * MINUTE, close, high, low, close, 100.0, None)
