"""Prices from a list of bars, a DataFrame or a backtrader feed.

Files are read by `csvfile`, made-up prices come from `generator`, both next to this.
Every reader checks every row and raises `DataFileError`, which names the row, for one that
cannot be a price.
"""

from __future__ import annotations

import types
from typing import Any, List, Optional, Sequence

from btstores.errors import DataFileError, UnsupportedError
from btstores.feeds.times import num_to_ns
from btstores.instruments import Instrument
from btstores.reports import Bar
from btstores.sim.prices.series import RowChecker, Series, series_of, usual_timeframe

__all__ = ["bars_from_feed", "bars_from_frame", "bars_from_list"]


def bars_from_list(
    bars: Sequence[Bar], instrument: Optional[Instrument] = None, stamp: str = "end"
) -> Series:
    """Return a series of bars of one symbol and time frame, given in ascending time."""
    if not bars:
        raise DataFileError("list of bars", 1, "-", "nothing", "at least one bar")
    first = bars[0]
    checker = RowChecker("list of bars", first.symbol, first.timeframe, first.compression)
    for number, bar in enumerate(bars, start=1):
        if bar[:3] != first[:3]:
            raise DataFileError(
                "list of bars", number, "symbol", bar.symbol, "one symbol and time frame"
            )
        prices = (bar.open, bar.high, bar.low, bar.close)
        checker.add(number, bar.time_ns, *prices, bar.volume, bar.openinterest)
    instrument = instrument or Instrument(first.symbol)
    return series_of(instrument, checker.bars, first.timeframe, first.compression, stamp=stamp)


def bars_from_frame(
    frame: Any,
    symbol: str,
    timeframe: Optional[int] = None,
    compression: Optional[int] = None,
    instrument: Optional[Instrument] = None,
    stamp: str = "end",
) -> Series:
    """Return the bars of a pandas DataFrame.

    The time is the index, or a column ``datetime`` or ``date``; without a time zone it is
    UTC. Columns open, high, low, close, and volume and openinterest if there are any, in any
    case and order. Without ``timeframe`` the usual distance of the rows decides.
    """
    import pandas

    columns = {str(name).lower().replace(" ", ""): name for name in frame.columns}
    named = [columns[name] for name in ("datetime", "date") if name in columns]
    index = pandas.DatetimeIndex(frame[named[0]] if named else frame.index)
    if index.tz is not None:
        index = index.tz_convert("UTC").tz_localize(None)
    times = index.values.astype("datetime64[ns]").astype("int64").tolist()
    if not times:
        raise DataFileError("DataFrame", 1, "-", "nothing", "at least one row")
    if timeframe is None:
        timeframe, compression = usual_timeframe(times)
    checker = RowChecker("DataFrame", symbol, timeframe, compression or 1)
    for number, row in enumerate(zip(times, *_frame_values(frame, columns)), start=1):
        checker.add(number, *row)
    instrument = instrument or Instrument(symbol)
    return series_of(instrument, checker.bars, timeframe, compression or 1, stamp=stamp)


def _frame_values(frame: Any, columns: Any) -> List[List[Any]]:
    values: List[List[Any]] = []
    for name in ("open", "high", "low", "close", "volume", "openinterest"):
        if name in columns:
            column = [float(value) for value in frame[columns[name]]]
            optional = name in ("volume", "openinterest")
            values.append([None if optional and v != v else v for v in column])
        elif name in ("volume", "openinterest"):
            values.append([None] * len(frame))
        else:
            raise DataFileError("DataFrame", 1, name, "nothing", "a column of that name")
    return values


def bars_from_feed(
    feed: Any, symbol: Optional[str] = None, instrument: Optional[Instrument] = None
) -> Series:
    """Return the bars of any backtrader feed that ends, loaded here without a Cerebro.

    Stamps are those that a strategy would see in ``data.datetime``, in UTC.
    """
    if feed.islive():
        raise UnsupportedError("a live feed cannot be replayed; give PaperStore its store instead")
    if getattr(feed, "_env", None) is None:
        feed.setenvironment(types.SimpleNamespace(_tradingcal=None, addstore=lambda store: None))
    feed._start()
    try:
        feed.preload()
    finally:
        feed.stop()
    symbol = symbol or feed._name or str(feed.p.dataname)
    timeframe, compression = int(feed._timeframe), int(feed._compression)
    checker = RowChecker(f"feed {symbol}", symbol, timeframe, compression)
    lines = [getattr(feed.lines, n).array for n in ("open", "high", "low", "close")]
    extra = [getattr(feed.lines, n).array for n in ("volume", "openinterest")]
    numbers = feed.lines.datetime.array
    for number, values in enumerate(zip(numbers, *lines, *extra), start=1):
        rest = [None if v != v else v for v in values[5:]]
        checker.add(number, num_to_ns(values[0]), *values[1:5], *rest)
    if not checker.bars:
        raise DataFileError(f"feed {symbol}", 1, "-", "nothing", "at least one bar")
    instrument = instrument or Instrument(symbol)
    return series_of(instrument, checker.bars, timeframe, compression)
