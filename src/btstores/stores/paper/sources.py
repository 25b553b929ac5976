"""Prices of any kind a user may have, as the series that a market plays."""

from __future__ import annotations

import dataclasses
import datetime
import os
from typing import Any, Dict, List, Mapping, Optional

from btstores.config import Params
from btstores.errors import ConfigError
from btstores.instruments import Instrument
from btstores.markets import MarketConfig, MarketType
from btstores.reports import Bar
from btstores.sim.prices.csvfile import read_csv
from btstores.sim.prices.generator import Generator
from btstores.sim.prices.loaders import bars_from_feed, bars_from_frame, bars_from_list
from btstores.sim.prices.series import Series

__all__ = ["series_of_params"]


#: A price to begin with, in ticks: a share of 100 at ticks of a cent.
_TICKS_OF_PRICE = 10_000
_PIPETTES_OF_PRICE = 100_000


def series_of_params(params: Params, market: MarketConfig) -> List[Series]:
    """Return what ``prices`` of a PaperStore hold, or prices made up for its ``symbols``.

    What the prices do not tell of their instruments is as the market has it.
    """
    if params.prices is None:
        return [_made_up(params, market, symbol) for symbol in params.symbols]
    return [
        dataclasses.replace(one, instrument=_of_market(one.instrument, market))
        for one in _read_all(params.prices)
    ]


def _of_market(instrument: Instrument, market: MarketConfig) -> Instrument:
    """Return the instrument with the market's figures where it has those of any other."""
    rules, symbol, any_other = market.rules, instrument.symbol, Instrument("")
    figures = {
        "currency": market.currency,
        "multiplier": rules.multiplier_of(symbol),
        "margin": rules.margin_of(symbol),
    }
    changes: Dict[str, Any] = {
        name: figure
        for name, figure in figures.items()
        if figure is not None and getattr(instrument, name) == getattr(any_other, name)
    }
    return instrument._replace(**changes)


def _made_up(params: Params, market: MarketConfig, symbol: str) -> Series:
    """Return prices in the hours and on the grid of the market, or in plain numbers."""
    if market.market is MarketType.UNKNOWN:
        return Generator(seed=params.seed).bars(symbol, params.bars)
    options: Dict[str, Any] = {"seed": params.seed}
    instrument = Instrument(symbol, timezone=market.timezone)
    ticks = market.rules.tick_table_of(symbol, _first_day())
    if ticks is not None:
        instrument = instrument._replace(tick_table=ticks.rows)
        if len(ticks.rows) == 1:
            is_forex = market.market is MarketType.FOREX
            count = _PIPETTES_OF_PRICE if is_forex else _TICKS_OF_PRICE
            options["price"] = count * ticks.rows[0][1]
    elif market.tick_size is not None:
        instrument = instrument._replace(tick_size=market.tick_size)
    else:
        instrument = instrument._replace(tick_size=Generator.tick_size)
    sessions = market.sessions_of(symbol)
    if sessions is not None:
        options["sessions"] = sessions
    generator = Generator(instrument=_of_market(instrument, market), **options)
    return generator.bars(symbol, params.bars)


def _first_day() -> datetime.date:
    return datetime.date(1970, 1, 1) + datetime.timedelta(seconds=Generator.start_ns // 10**9)


def _read_all(prices: Any) -> List[Series]:
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
