"""backtrader: stock `bt.Cerebro`, a feed written as its own live feeds are, and BackBroker."""

from __future__ import annotations

import time
from typing import Dict

import backtrader as bt

from benchmarks.peers import bt_strategy
from benchmarks.peers.shapes import CASH, FIRST_PRICE, Shape, main
from benchmarks.queue_feed import QueueFeed

#: Seconds that a feed waits for its queue, as IBData and OandaData do.
QCHECK = 0.5


def run(shape: Shape, variant: str) -> None:
    shape.fills_with_next_tick = True
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.broker.setcash(float(CASH))
    feeds = [
        QueueFeed(timeframe=bt.TimeFrame.Ticks, name=f"S{i}", qcheck=QCHECK)
        for i in range(shape.instruments)
    ]
    first_ns = time.time_ns()
    for feed in feeds:
        feed.qlive.put((first_ns, FIRST_PRICE))
        cerebro.adddata(feed)

    def send(instrument: int, price: float) -> None:
        feeds[instrument].qlive.put((time.time_ns(), price))

    bt_strategy.run(cerebro, shape, send)


def versions() -> Dict[str, str]:
    return {"backtrader": bt.__version__}


if __name__ == "__main__":
    main(run, versions)
