"""Prices for the simulated OANDA: made up, or from files."""

from __future__ import annotations

import datetime
from typing import List, Mapping, Sequence

from btstores.clock import NS_PER_SECOND
from btstores.errors import ConfigError
from btstores.instruments import TimeFrame
from btstores.markets import MarketType, get_market_config
from btstores.reports import Bar, Quote
from btstores.sim.prices.csvfile import read_csv
from btstores.sim.prices.generator import Generator
from btstores.sim.prices.series import Series, duration_end, series_of
from btstores.stores.oanda.simulator.listings import LISTINGS, Listing

__all__ = ["made_up", "of_files"]


def listing_of(symbol: str) -> Listing:
    """Return what is listed under a name. Raises `ConfigError`."""
    if symbol not in LISTINGS:
        raise ConfigError.of("symbol", symbol, "one of " + ", ".join(LISTINGS))
    return LISTINGS[symbol]


def made_up(
    symbols: Sequence[str], seed: int, count: int, every: float, start: datetime.date
) -> List[Series]:
    """Return ``count`` prices of each symbol, ``every`` so many seconds, in currency hours."""
    moment = datetime.datetime(*start.timetuple()[:3], tzinfo=datetime.timezone.utc)
    sessions = get_market_config(MarketType.FOREX).sessions_of("EUR_USD")
    found = []
    for symbol in symbols:
        listing = listing_of(symbol)
        generator = Generator(
            seed,
            start_ns=round(moment.timestamp()) * NS_PER_SECOND,
            price=listing.price,
            volatility=0.08 if listing.kind == "CURRENCY" else 0.15,
            tick_size=listing.tick_size,
            spread=max(1, round(listing.spread * 10.0**listing.pip / listing.tick_size)),
            sessions=sessions if sessions is not None else (),
        )
        found.append(generator.ticks(symbol, count, every)[0])
    return found


def of_files(files: Mapping[str, str]) -> List[Series]:
    """Return the prices of CSV files by symbol: quotes as they are, all else with our spread.

    A bar becomes four prices: open, the nearer extreme, the other one, close. Raises
    `ConfigError` and `DataFileError`.
    """
    found: List[Series] = []
    for symbol, path in files.items():
        listing = listing_of(symbol)
        series = read_csv(path, symbol)
        chosen = [one for one in series if one.subscription.quotes] or series[:1]
        found += [_taken_apart(one, listing) if one.is_bars else one for one in chosen]
    return found


def _taken_apart(series: Series, listing: Listing) -> Series:
    quotes: List[Quote] = []
    half = listing.spread * 10.0**listing.pip / 2
    for index, bar in enumerate(series.events):
        assert isinstance(bar, Bar)
        end_ns = series.published_ns(index)
        length = duration_end(0, bar.timeframe, bar.compression)
        rises = bar.close >= bar.open
        path = (bar.open, *((bar.low, bar.high) if rises else (bar.high, bar.low)), bar.close)
        begin_ns = end_ns - length + 1
        quotes += [
            Quote(listing.name, begin_ns + length * step // 4, price - half, price + half)
            for step, price in enumerate(path)
        ]
    return series_of(series.instrument, quotes, TimeFrame.TICKS, quotes=True)
