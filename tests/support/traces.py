"""What a strategy sees, call by call, on stock backtrader and on our feeds."""

from __future__ import annotations

import random
from typing import Any, Callable, Dict, List, Tuple

import backtrader as bt

from btstores.feeds.times import ns_to_num
from btstores.reports import Bar, LinkReport, LinkState, Subscription
from tests.support.venue import MINUTE, T0, new_store

Trace = List[Tuple[Any, ...]]
AddDatas = Callable[[bt.Cerebro, List[Any]], None]


class ListFeed(bt.feed.DataBase):
    """backtrader's own feed over a list of bars."""

    params = (("bars", ()),)

    def start(self):
        super().start()
        self._bars = iter(self.p.bars)

    def _load(self):
        bar = next(self._bars, None)
        if bar is None:
            return False
        self.lines.datetime[0] = ns_to_num(bar.time_ns)
        for name in ("open", "high", "low", "close", "volume"):
            getattr(self.lines, name)[0] = getattr(bar, name)
        self.lines.openinterest[0] = 0.0
        return True


class Recorder(bt.Strategy):
    """Writes down every call with what each feed shows."""

    params = (("period", 3),)

    def __init__(self):
        self.trace: Trace = []
        self.averages = [bt.ind.SMA(data, period=self.p.period) for data in self.datas]

    def _note(self, call):
        row = []
        for data, average in zip(self.datas, self.averages):
            shown = (
                (data.datetime[0], data.open[0], data.high[0], data.low[0], data.close[0])
                if len(data)
                else None
            )
            row.append((len(data), shown, average[0] if len(average) >= 3 else None))
        self.trace.append((call, tuple(row)))

    def prenext(self):
        self._note("prenext")

    def nextstart(self):
        self._note("nextstart")

    def next(self):
        self._note("next")


def random_bars(seed: int, symbol: str, count: int, holes: float) -> List[Bar]:
    """Return minute bars with some minutes missing."""
    chance = random.Random(f"{seed}{symbol}")
    bars, price = [], 100.0
    for i in range(count):
        if chance.random() < holes:
            continue
        close = round(price + chance.uniform(-1, 1), 2)
        high = max(price, close) + 0.25
        low = min(price, close) - 0.25
        bars.append(Bar(symbol, 4, 1, T0 + i * MINUTE, price, high, low, close, 100.0 + i))
        price = close
    return bars


def upstream_trace(bars: Dict[str, List[Bar]], add: AddDatas, **options: Any) -> Trace:
    """Run backtrader's own feeds, bar by bar."""
    cerebro = bt.Cerebro(runonce=False, preload=False, stdstats=False, **options)
    minutes = bt.TimeFrame.Minutes
    add(cerebro, [ListFeed(bars=b, timeframe=minutes, name=s) for s, b in bars.items()])
    cerebro.addstrategy(Recorder)
    trace: Trace = cerebro.run()[0].trace
    return trace


def store_trace(
    bars: Dict[str, List[Bar]], add: AddDatas, history: int = 0, **options: Any
) -> Trace:
    """Run our feeds: the bars of the first ``history`` minutes at once, the others live."""
    store = new_store()
    split_ns = T0 + history * MINUTE
    last_ns = split_ns
    by_time: Dict[int, List[Bar]] = {}
    for symbol, all_bars in bars.items():
        store.gateway.bars[symbol] = [bar for bar in all_bars if bar.time_ns < split_ns]
        for bar in all_bars:
            if bar.time_ns >= split_ns:
                by_time.setdefault(bar.time_ns, []).append(bar)
                last_ns = max(last_ns, bar.time_ns)

    def publish(due: List[Bar]) -> None:
        for bar in due:
            store.put(bar)

    for time_ns, due in by_time.items():
        store.clock.call_at(time_ns, lambda due=due: publish(due))  # type: ignore[misc]

    def end() -> None:
        for symbol in bars:
            store.put(LinkReport(LinkState.ENDED, last_ns, Subscription(symbol, 4, 1)))

    store.clock.call_at(last_ns + 1, end)
    cerebro = bt.Cerebro(stdstats=False, **options)
    minutes = bt.TimeFrame.Minutes
    add(cerebro, [store.getdata(dataname=s, timeframe=minutes, name=s) for s in bars])
    cerebro.addstrategy(Recorder)
    trace: Trace = cerebro.run()[0].trace
    return trace
