"""How to test a store: a small simulation of the venue, and sessions of stock Cerebro on it."""

from __future__ import annotations

import contextlib
import json
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, Dict, Iterator, List, Tuple

import backtrader as bt
from tiny_store import TinyStore

from btstores.clock import SimulatedClock

START = 1_700_000_040
CLOSES = [10.0, 11.0, 12.0, 11.0, 9.0, 10.0]


class TinyVenue:
    """The venue's side: a market order trades at once, a limit order with the bar that reaches it.

    A bar a minute; the next one is published whenever somebody asks for news and there are none.
    """

    def __init__(self) -> None:
        self.bars = [self._bar(minute) for minute in range(len(CLOSES))]
        self.shown = 2
        self.news: List[Dict[str, Any]] = []
        self.orders: Dict[str, Dict[str, Any]] = {}
        self.cash, self.held = 1000.0, 0.0

    @property
    def now(self) -> int:
        """Return the time of the newest bar."""
        return int(self.bars[self.shown - 1]["time"])

    def answer(self, method: str, path: str, body: Any) -> Tuple[int, Any]:
        """Answer one request with a status and a JSON value."""
        what, _, rest = path[1:].partition("/")
        if (method, what) == ("POST", "orders"):
            return self._take_order(body)
        if (method, what) == ("DELETE", "orders"):
            self._tell("order", self._told(self.orders.pop(rest), state="canceled"))
        if what == "news":
            return 200, self._news_after(int(rest))
        known = {
            "newest": len(self.news),
            "instruments": {"TINY": {"currency": "USD"}},
            "bars": self.bars[: self.shown],
            "status": {
                "orders": [self._told(order, state="accepted") for order in self.orders.values()],
                "fills": [],
                "positions": [["TINY", self.held, 10.0]] if self.held else [],
                "account": self._account(),
            },
        }
        return 200, known.get(what)

    def _bar(self, minute: int) -> Dict[str, Any]:
        close = CLOSES[minute]
        prices = {"open": close, "high": close + 0.5, "low": close - 0.5, "close": close}
        return dict(prices, symbol="TINY", time=START + 60 * minute, volume=100.0)

    def _told(self, order: Dict[str, Any], **more: Any) -> Dict[str, Any]:
        return dict(order, time=self.now, **more)

    def _tell(self, kind: str, item: Dict[str, Any]) -> None:
        self.news.append(dict(item, type=kind, number=len(self.news) + 1))

    def _account(self) -> Dict[str, Any]:
        value = self.cash + self.held * self.bars[self.shown - 1]["close"]
        account = {"account": "T1", "currency": "USD", "cash": self.cash, "value": value}
        return dict(account, time=self.now)

    def _take_order(self, order: Dict[str, Any]) -> Tuple[int, Any]:
        if order["size"] > 50:
            return 400, "at most 50"
        order = dict(order, order=f"V{len(self.orders)}", filled=0.0)
        self.orders[order["tag"]] = order
        self._tell("order", self._told(order, state="accepted"))
        if order["limit"] is None:
            self._trade(order, self.bars[self.shown - 1]["close"])
        return 200, None

    def _trade(self, order: Dict[str, Any], price: float) -> None:
        del self.orders[order["tag"]]
        sign = 1 if order["side"] == "buy" else -1
        self.held += sign * order["size"]
        self.cash -= sign * order["size"] * price + 1.0
        self._tell("fill", self._told(order, fill=f"F{len(self.news)}", price=price, fee=1.0))
        self._tell("account", self._account())

    def _news_after(self, seen: int) -> List[Dict[str, Any]]:
        if seen == len(self.news):
            if self.shown == len(self.bars):
                self._tell("closed", {"symbol": "TINY", "time": self.now})
            else:
                self._next_bar()
        return self.news[seen:]

    def _next_bar(self) -> None:
        bar = self.bars[self.shown]
        self.shown += 1
        self._tell("bar", bar)
        for order in list(self.orders.values()):
            if bar["low"] <= order["limit"] <= bar["high"]:
                self._trade(order, order["limit"])


@contextlib.contextmanager
def serve(venue: TinyVenue) -> Iterator[int]:
    """Let ``venue`` answer on a port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, said = venue.answer(self.command, self.path, json.loads(body or b"null"))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(said).encode())

        do_GET = do_POST = do_DELETE = _answer

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(server.serve_forever, poll_interval=0.01)
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            server.server_close()


class Diary(bt.Strategy):
    """Buys with a limit on its third bar, asks for too much on its fourth."""

    def __init__(self) -> None:
        self.told: List[Tuple[Any, ...]] = []
        self.bars: List[float] = []
        self.statuses: List[str] = []

    def next(self) -> None:
        """Trade."""
        self.bars.append(self.data.close[0])
        if len(self.bars) == 3:
            self.buy(size=5, exectype=bt.Order.Limit, price=9.25)
        if len(self.bars) == 4:
            self.buy(size=500)

    def notify_order(self, order: bt.Order) -> None:
        """Write down what became of an order."""
        done = order.executed
        self.told.append((order.created.size, order.getstatusname(), done.size, done.price))

    def notify_data(self, data: Any, status: int, *args: Any, **kwargs: Any) -> None:
        """Write down how the data stands."""
        self.statuses.append(data._getstatusname(status))


def run_session(venue: TinyVenue) -> Tuple[bt.Cerebro, Diary]:
    """Run the diary on stock Cerebro, over HTTP, on a clock that does not wait."""
    with serve(venue) as port:
        store = TinyStore(port=port, token="secret", clock=SimulatedClock(START * 10**9))  # noqa: S106
        cerebro = bt.Cerebro(stdstats=False)
        cerebro.setbroker(store.getbroker())
        cerebro.adddata(store.getdata(dataname="TINY", timeframe=bt.TimeFrame.Minutes))
        cerebro.addstrategy(Diary)
        (diary,) = cerebro.run()
    return cerebro, diary


def test_history_joins_live_bars_without_a_seam() -> None:
    _, diary = run_session(TinyVenue())
    assert diary.bars == CLOSES
    assert diary.statuses == ["DELAYED", "LIVE"]


def test_an_order_is_told_from_sending_to_execution() -> None:
    venue = TinyVenue()
    cerebro, diary = run_session(venue)
    assert [told[1:] for told in diary.told if told[0] == 5] == [
        ("Submitted", 0, 0.0),
        ("Accepted", 0, 0.0),
        ("Completed", 5.0, 9.25),
    ]
    assert cerebro.broker.getposition(cerebro.datas[0]).size == venue.held == 5
    assert cerebro.broker.getcash() == venue.cash == 1000 - 5 * 9.25 - 1
    assert cerebro.broker.getvalue() == venue.cash + 5 * 9.0


def test_a_refused_order_is_rejected() -> None:
    _, diary = run_session(TinyVenue())
    assert [told[1] for told in diary.told if told[0] == 500] == ["Submitted", "Rejected"]
