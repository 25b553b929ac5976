"""Prices of any kind a user may have, as the series that a market plays."""

from __future__ import annotations

import os
from typing import Any, List, Mapping, Optional

from btstores.config import Params
from btstores.errors import ConfigError
from btstores.reports import Bar
from btstores.sim.prices.csvfile import read_csv
from btstores.sim.prices.generator import Generator
from btstores.sim.prices.loaders import bars_from_feed, bars_from_frame, bars_from_list
from btstores.sim.prices.series import Series

__all__ = ["series_of_params"]


def series_of_params(params: Params) -> List[Series]:
    """Return what ``prices`` of a PaperStore hold, or prices made up for its ``symbols``."""
    prices = params.prices
    if prices is None:
        generator = Generator(seed=params.seed)
        return [generator.bars(symbol, params.bars) for symbol in params.symbols]
    if isinstance(prices, Mapping):
        series: List[Series] = []
        for symbol, source in prices.items():
            series += _read(source, symbol)
        return series
    return _read(prices, None)


def _read(source: Any, symbol: Optional[str]) -> List[Series]:
    """Return the series of one source of prices, whatever kind it is."""
    if isinstance(source, Series):
        return [source]
    if isinstance(source, (str, os.PathLike)):
        return read_csv(os.fspath(source), symbol)
    if isinstance(source, (list, tuple)) and source:
        if all(isinstance(one, Bar) for one in source):
            return [bars_from_list(source)]
        if all(isinstance(one, Series) for one in source):
            return list(source)
    if hasattr(source, "islive") and hasattr(source, "_start"):
        return [bars_from_feed(source, symbol)]
    if hasattr(source, "columns") and hasattr(source, "index"):
        if symbol is None:
            raise ConfigError("prices: a DataFrame has no symbol; give {'SYMBOL': frame}", "prices")
        return [bars_from_frame(source, symbol)]
    raise ConfigError.of(
        "prices", type(source).__name__, "a CSV file, DataFrame, backtrader feed or list of bars"
    )
