"""The two that are compared live: our feeds and broker, and those of backtrader's kind.

Both run under the stock `bt.Cerebro` unless a benchmark says another, are LIVE from the start and
get the same ticks and order reports from another thread. All feeds have a first tick with one time
stamp.
"""

from __future__ import annotations

import threading
import time
from typing import Any, Callable

import backtrader as bt

from benchmarks.queue_feed import QueueFeed
from benchmarks.venue import BenchStore
from btstores.reports import Tick

FIRST_PRICE = 1.0
ORDER_SIZE = 1_000_000


class Upstream:
    """Queue feeds and BackBroker, with ``quicknotify``: orders would wait for a bar without."""

    def __init__(self, feeds: int, qcheck: float) -> None:
        self.cerebro = bt.Cerebro(quicknotify=True)
        self.feeds = [
            QueueFeed(timeframe=bt.TimeFrame.Ticks, qcheck=qcheck, name=f"S{i}")
            for i in range(feeds)
        ]
        first_ns = time.time_ns()
        for feed in self.feeds:
            feed.qlive.put((first_ns, FIRST_PRICE))
            self.cerebro.adddata(feed)

    def tick(self, feed: int, time_ns: int, price: float) -> None:
        self.feeds[feed].qlive.put((time_ns, price))

    def report(self, order: Any) -> None:
        """Tell that something happened to ``order``, as backtrader's live brokers do."""
        self.cerebro.broker.notify(order)


class Ours:
    """Store feeds and the store's broker, or backtrader's own."""

    def __init__(
        self,
        feeds: int,
        qcheck: float,
        risk: Any = None,
        own_broker: bool = True,
        engine: Callable[[], Any] = bt.Cerebro,
        **params: Any,
    ) -> None:
        self.cerebro = engine()
        self.store = BenchStore(risk=risk, **params)
        self.symbols = [f"S{i}" for i in range(feeds)]
        first_ns = time.time_ns()
        gateway = self.store.gateway
        gateway.on_subscribe = lambda subscription: gateway.put(
            Tick(subscription.symbol, first_ns, FIRST_PRICE)
        )
        if own_broker:
            self.cerebro.setbroker(self.store.getbroker())
        else:
            self.cerebro.broker.setcash(1e9)
        for symbol in self.symbols:
            self.cerebro.adddata(
                self.store.getdata(
                    dataname=symbol,
                    timeframe=bt.TimeFrame.Ticks,
                    qcheck=qcheck,
                    backfill_start=False,
                )
            )

    def tick(self, feed: int, time_ns: int, price: float) -> None:
        self.store.gateway.put(Tick(self.symbols[feed], time_ns, price))

    def report(self, order: Any) -> None:
        """Report an execution of a small part of ``order``."""
        gateway = self.store.gateway
        gateway.fill(gateway.placed[-1], 1.0, FIRST_PRICE, time.time_ns())


def run(side: Any, strategy: Any, sender: Callable[[], None], **params: Any) -> None:
    """Run ``strategy`` while ``sender`` runs on another thread; its end ends the run."""

    def send() -> None:
        try:
            sender()
        finally:
            side.cerebro.runstop()

    thread = threading.Thread(target=send, daemon=True)
    side.cerebro.addstrategy(strategy, **params)
    thread.start()
    side.cerebro.run()
    thread.join()
