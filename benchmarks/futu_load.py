"""Many pushes at once, and much of the past, at a simulated OpenD."""

from __future__ import annotations

import array
import logging
import time
from typing import Any, List, NamedTuple, Sequence

import backtrader as bt

from benchmarks.futu_opend import BOOK, symbols_of
from benchmarks.futu_sides import LIMIT, Bare, Ours, Probe, until
from benchmarks.memory import memory_kb
from benchmarks.remote import Remote, Where
from benchmarks.sides import run
from btstores.reports import Bar


class Flood(NamedTuple):
    """Quotes and ended bars pushed and heard, milliseconds, reports, and kB."""

    quotes: int
    quotes_heard: int
    bars: int
    bars_heard: int
    delays: List[float]
    most_on_way: int
    longest_inbox: int
    growth: float


class Heard:
    """Notes when each quote was heard, by its number, without taking memory meanwhile."""

    def __init__(self, most: int) -> None:
        self.times = array.array("q", bytes(8 * most))
        self.quotes = self.bars = self.longest = 0

    def quote(self, number: int) -> None:
        self.times[number] = time.perf_counter_ns()
        self.quotes += 1

    def measure(self, remote: Remote, symbols: Sequence[str], rate: float, seconds: float) -> Flood:
        minute = seconds / 12
        remote.ask("flood", symbols, rate, seconds / 10, minute)
        time.sleep(seconds / 60)
        self.quotes = self.bars = self.longest = 0
        remote.ask("forget")
        before = memory_kb()
        count, ended = remote.ask("flood", symbols, rate, seconds, minute)
        deadline = time.monotonic() + LIMIT / 4
        while self.quotes < count and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(0.5)
        growth = memory_kb() - before
        written = remote.ask("written", BOOK)
        pairs = [(start, end) for start, end in zip(written, self.times) if end]
        # When so many had been written, how many of them had been heard?
        moments = sorted([(start, 1) for start, _ in pairs] + [(end, -1) for _, end in pairs])
        on_way = most = 0
        for _, step in moments:
            on_way += step
            most = max(most, on_way)
        delays = [(end - start) / 1e6 for start, end in pairs]
        heard, bars = self.quotes, self.bars
        return Flood(count, heard, ended, bars, delays, most, self.longest, growth)


class Watcher(bt.Strategy):
    params = (("lives", None),)

    def notify_data(self, data: Any, status: int, *args: Any, **kwargs: Any) -> None:
        if status == data.LIVE:
            self.p.lives.append(data)


def ours_flood(where: Where, count: int, rate: float, seconds: float) -> Flood:
    """Return what became of bars and quotes on the engine's thread, with ``count`` feeds."""
    symbols = symbols_of(count)
    heard = Heard(round(rate * seconds))
    lives: List[Any] = []
    found: List[Flood] = []
    with Remote(*where) as remote:
        port = remote.ask("fresh", symbols)
        bars = {"timeframe": bt.TimeFrame.Minutes, "quotes": True, "backfill_start": False}
        side = Ours(remote, port, symbols, **bars)
        inbox = side.store.inbox._queue

        def hear(report: Any) -> None:
            if isinstance(report, Bar):
                heard.bars += 1
                return
            heard.longest = max(heard.longest, inbox.qsize())
            heard.quote(int(report.bid_size))

        def send() -> None:
            until(lambda: len(lives) >= count, "LIVE")
            # Behind all that is to be subscribed to.
            side.store.outbox.call(lambda: None, timeout=LIMIT)
            time.sleep(min(2.0, seconds))
            side.store.tap(hear)
            found.append(heard.measure(remote, symbols, rate, seconds))

        run(side, Watcher, send, lives=lives)
    if not found:
        raise RuntimeError("nothing was measured")
    return found[0]


def bare_flood(where: Where, count: int, rate: float, seconds: float) -> Flood:
    """Return what became of the same pushes in handlers of futu-api; none of them closes bars."""
    symbols = symbols_of(count)
    heard = Heard(round(rate * seconds))
    with Remote(*where) as remote:
        bare = Bare(remote.ask("fresh", symbols), Probe())
        package = bare.package

        class Books(package.OrderBookHandlerBase):
            def on_recv_rsp(self, rsp_pb: Any) -> None:
                s2c = rsp_pb.s2c
                bid, ask = s2c.orderBookBidList[0], s2c.orderBookAskList[0]
                _ = s2c.security.code, bid.price, ask.price, ask.volume, s2c.svrRecvTimeBidTimestamp
                heard.quote(bid.volume)

        class Bars(package.CurKlineHandlerBase):
            def on_recv_rsp(self, rsp_pb: Any) -> None:
                for one in rsp_pb.s2c.klList:
                    _ = one.timestamp, one.openPrice, one.highPrice, one.lowPrice, one.closePrice
                heard.bars += 1

        bare.quotes.set_handler(Books())
        bare.quotes.set_handler(Bars())
        try:
            bare.subscribe(symbols, "ORDER_BOOK", "K_1M")
            time.sleep(min(2.0, seconds))
            return heard.measure(remote, symbols, rate, seconds)
        finally:
            bare.close()


class Reader(bt.Strategy):
    """Notes when the first bar is shown, and at the end how many each feed has had."""

    params = (("first", None), ("lengths", None))

    def next(self) -> None:
        if not self.p.first:
            self.p.first.append(time.perf_counter())

    def stop(self) -> None:
        self.p.lengths.extend(len(data) for data in self.datas)


def backfill(where: Where, count: int, bars: int, past: int) -> float:
    """Return the seconds from the start of Cerebro until all feeds have their history.

    OpenD knows ``past`` bars, of which the feeds ask for the last ``bars``. Feeds start together,
    so that the first bar is shown when the last history has come.
    """
    symbols = symbols_of(count)
    first: List[float] = []
    lengths: List[int] = []
    # Snapshots have a limit too, and each one that is refused is told.
    log = logging.getLogger("btstores.stores.futu.marketdata")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with Remote(*where) as remote:
            port = remote.ask("fresh", symbols, past, True)
            kind = {"timeframe": bt.TimeFrame.Minutes, "historical": True, "bars": bars}
            side = Ours(remote, port, symbols, **kind)
            side.cerebro.addstrategy(Reader, first=first, lengths=lengths)
            start = time.perf_counter()
            side.cerebro.run()
    finally:
        log.setLevel(level)
    if not first or set(lengths) != {bars}:
        raise RuntimeError(f"of {bars} bars {min(lengths, default=0)} have come")
    return first[0] - start
