"""Weeks in one process: memory, threads, open files and the journal stay where they are.

SOAK_BARS=1000000 takes a quarter of an hour; without it there are fewer bars.
"""

from __future__ import annotations

import collections
import gc
import os
import threading
from pathlib import Path
from typing import Any, List, NamedTuple

import backtrader as bt
import pytest

from btstores import PaperStore
from btstores.clock import wall_clock
from btstores.instruments import Instrument
from btstores.journal.sqlite import SqliteJournal
from btstores.sim.prices.generator import Generator

BARS = int(os.environ.get("SOAK_BARS", "100000"))
KEPT = 30_000_000
STATM = Path("/proc/self/statm")
#: A look at each so many bars; what is used by the third of them is what there is.
LOOKS = 10


class Used(NamedTuple):
    """What the process uses: bytes of memory and of the journal, threads, open files."""

    memory: int
    threads: int
    files: int
    journal: int


def used(path: Path) -> Used:
    gc.collect()
    pages = int(STATM.read_text(encoding="ascii").split()[1])
    memory = pages * os.sysconf("SC_PAGE_SIZE")
    files = len(os.listdir("/proc/self/fd"))
    size = sum(part.stat().st_size for part in path.parent.glob(path.name + "*"))
    return Used(memory, threading.active_count(), files, size)


class Busy(bt.Strategy):
    """Sends a limit order every twenty bars: some are filled, some cancelled."""

    params = (("every", 0), ("path", None))

    def __init__(self) -> None:
        self.sma = bt.indicators.SMA(period=20)
        self.looks: List[Used] = []
        self.seen = self.sent = 0
        self.order: Any = None

    def next(self) -> None:
        self.seen += 1
        if self.seen % self.p.every == 0:
            self.looks.append(used(self.p.path))
        if self.seen % 20 == 0 and self.data.is_live:
            if self.order is not None and self.order.alive():
                self.cancel(self.order)
            trade = self.sell if self.position.size > 0 else self.buy
            price = round(self.data.close[0] * (1.0 if self.sent % 3 else 0.9), 2)
            self.order = trade(size=1, exectype=bt.Order.Limit, price=price)
            self.sent += 1


def soak(bars: int, path: Path) -> Busy:
    generator = Generator(1, instrument=Instrument("SOAK", tick_size=0.01, lot=1.0))
    store = PaperStore(
        prices=[generator.bars("SOAK", bars)],
        cash=1e9,
        journal=SqliteJournal(str(path), wall_clock(), keep_bytes=KEPT),
        audit_interval=7 * 86_400.0,
    )
    # The simulated venue lives in this process too, and would keep a hundred thousand orders.
    venue: Any = store.gateway.engine
    venue._desk._keep, venue._desk.fills = 1000, collections.deque(maxlen=1000)
    cerebro = bt.Cerebro(stdstats=False, exactbars=1)
    cerebro.setbroker(store.getbroker())
    cerebro.adddata(store.getdata(dataname="SOAK", timeframe=bt.TimeFrame.Minutes))
    cerebro.addstrategy(Busy, every=bars // LOOKS, path=path)
    (strategy,) = cerebro.run()
    return strategy


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.skipif(not STATM.exists(), reason="the system does not tell what a process uses")
def test_what_a_process_uses_stays_where_it_is(tmp_path):
    strategy = soak(BARS, tmp_path / "soak.journal")
    for number, look in enumerate(strategy.looks, 1):
        print(f"{number * BARS // LOOKS:>9,} bars: {look}")
    assert strategy.seen > 0.99 * BARS
    assert strategy.sent > 0.99 * BARS / 20 - 10
    settled, last = strategy.looks[2], strategy.looks[-1]
    assert last.memory < settled.memory + 20_000_000
    assert last.threads == settled.threads
    assert last.files == settled.files
    assert last.journal < 1.5 * KEPT  # its write-ahead file, too
