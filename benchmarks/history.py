"""Loading history: a DataFrame through a StoreFeed and through backtrader's PandasData.

Without observers, and in seconds of processor time, which other work on the machine disturbs
least. Taking the frame apart is part of ours, as it is of a real gateway.
"""

from __future__ import annotations

import time
from typing import Any, Iterator, List

import backtrader as bt

from benchmarks.harness import Plan, Row, median
from benchmarks.venue import MINUTE_NS, START_NS, BenchStore
from btstores.reports import Bar


class Count(bt.Strategy):
    """A strategy that looks at each bar and does nothing."""

    bars = 0

    def next(self) -> None:
        if self.data.close[0] > 0:
            self.bars += 1


def frame(count: int) -> Any:
    """Return one-minute bars."""
    import numpy
    import pandas

    index = pandas.to_datetime(START_NS + MINUTE_NS * numpy.arange(1, count + 1))
    close = 100.0 + numpy.sin(numpy.arange(count) / 500.0)
    return pandas.DataFrame(
        {
            "open": close - 0.01,
            "high": close + 0.02,
            "low": close - 0.02,
            "close": close,
            "volume": 1000.0,
        },
        index=index,
    )


def store_seconds(count: int) -> float:
    """Return the seconds of a run on a store that has the frame as its history."""
    source = frame(count)
    store = BenchStore()

    def bars(symbol: str) -> List[Bar]:
        columns = [source[name].tolist() for name in source.columns]
        times = source.index.asi8.tolist()
        return [Bar(symbol, 4, 1, time_ns, *values) for time_ns, *values in zip(times, *columns)]

    store.gateway.bars = bars
    data = store.getdata(
        dataname="S", timeframe=bt.TimeFrame.Minutes, compression=1, historical=True
    )
    return _seconds(data, count)


def pandas_seconds(count: int, **params: Any) -> float:
    """Return the seconds of a run on the frame itself."""
    data = bt.feeds.PandasData(dataname=frame(count), timeframe=bt.TimeFrame.Minutes)
    return _seconds(data, count, **params)


def next_mode_seconds(count: int) -> float:
    return pandas_seconds(count, runonce=False, preload=False)


def _seconds(data: Any, count: int, **params: Any) -> float:
    cerebro = bt.Cerebro(stdstats=False, **params)
    cerebro.adddata(data)
    cerebro.addstrategy(Count)
    start = time.process_time()
    (strategy,) = cerebro.run()
    elapsed = time.process_time() - start
    if strategy.bars != count:
        raise RuntimeError(f"{strategy.bars} of {count} bars arrived")
    return elapsed


def rows(plan: Plan) -> Iterator[Row]:
    # The large one takes minutes: one run of each.
    for count, repeats in (
        (plan.count(100_000, least=200), plan.repeats),
        (plan.count(1_000_000, least=400), 1),
    ):
        functions = (store_seconds, next_mode_seconds, pandas_seconds)
        results = plan._replace(repeats=repeats).each(*functions, args=(count,))
        ours, next_mode, default = (median(seconds) for seconds in results)
        title = f"{count:,} bars of history"
        yield Row(title, ours, "s", next_mode, "PandasData, next mode", ratio_most=1.0)
        yield Row(f"{title}, upstream at its best", ours, "s", default, "PandasData, preloaded")
