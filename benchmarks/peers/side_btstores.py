"""btstores: a store that gets ticks, and for orders a paper account on its prices.

The variants are ``live`` (LiveCerebro), ``stock`` (`bt.Cerebro`) and ``journal`` (LiveCerebro, and
a journal in a file).
"""

from __future__ import annotations

import os
import tempfile
import time
from typing import Any, Dict

import backtrader as bt

import btstores
from benchmarks.peers import bt_strategy
from benchmarks.peers.shapes import CASH, FIRST_PRICE, Shape, main
from benchmarks.venue import BenchStore
from btstores import LiveCerebro, PaperStore
from btstores.reports import Quote, Tick

#: More than all orders take.
DEEP = 1e9


def run(shape: Shape, variant: str) -> None:
    cerebro: Any = bt.Cerebro(stdstats=False)
    if variant != "stock":
        cerebro = LiveCerebro(stdstats=False)
    journal = None
    if variant == "journal":
        journal = os.path.join(tempfile.mkdtemp(), "peers.journal")
    store = BenchStore()
    gateway = store.gateway
    first_ns = time.time_ns()
    gateway.on_subscribe = lambda subscription: gateway.put(
        Tick(subscription.symbol, first_ns, FIRST_PRICE)
    )
    trading: Any = store
    if shape.has_orders:
        trading = PaperStore(data=store, cash=float(CASH), journal=journal)
    cerebro.setbroker(trading.getbroker())
    symbols = [f"S{i}" for i in range(shape.instruments)]
    for symbol in symbols:
        cerebro.adddata(
            store.getdata(dataname=symbol, timeframe=bt.TimeFrame.Ticks, backfill_start=False)
        )

    def send(instrument: int, price: float) -> None:
        now_ns = time.time_ns()
        if shape.has_orders:
            # The paper account trades with quotes at once; a lone trade price fills the next order.
            gateway.put(Quote(symbols[instrument], now_ns, price, price, DEEP, DEEP))
        gateway.put(Tick(symbols[instrument], now_ns, price))

    bt_strategy.run(cerebro, shape, send)


def versions() -> Dict[str, str]:
    return {"btstores": btstores.__version__, "backtrader": bt.__version__}


if __name__ == "__main__":
    main(run, versions)
