"""Where the demo's prices come from: real ones if they are installed, a file, or made up."""

from __future__ import annotations

import datetime
import os
import statistics
from typing import List, NamedTuple, Optional, Tuple

from btstores.cli.record import decimals_of
from btstores.clock import NS_PER_SECOND
from btstores.errors import ConfigError, UnknownInstrumentError
from btstores.instruments import Instrument, TimeFrame
from btstores.reports import Bar, Tick
from btstores.sim.prices.csvfile import read_csv
from btstores.sim.prices.generator import Generator
from btstores.sim.prices.loaders import bars_from_list
from btstores.sim.prices.series import Series, duration_end

__all__ = ["DemoPrices", "find_prices"]

#: Bars of history, enough for the averages to be there when the market opens.
HISTORY = 40
#: The window of real prices: no split in it, and the strategy wins some and loses some.
REAL_FROM = "2005-11-16"
REAL_SYMBOLS = ("AAPL", "GOOG", "IBM", "MSFT")
#: A seed whose prices let the strategy leave by stop and by target.
SEED = 10


class DemoPrices(NamedTuple):
    """What the demo plays: ``history`` bars are over before it starts.

    ``start`` is what `PaperStore` takes as ``history``; ``live_ns`` the time that is played.
    """

    series: List[Series]
    symbol: str
    timeframe: int
    compression: int
    bars: int
    start: int
    live_ns: int
    about: str

    @property
    def is_ticks(self) -> bool:
        """Return whether there are trades or quotes and no bars."""
        return not self.series[0].is_bars


def find_prices(
    file: Optional[str], symbol: Optional[str], seed: Optional[int], bars: int
) -> DemoPrices:
    """Return the prices for what the user asked for; ``bars`` of them are played."""
    if file is not None:
        return _from_file(file, symbol, bars)
    if seed is None:
        real = _real(symbol or "AAPL", bars)
        if real is not None:
            return real
    return _made_up(symbol or "DEMO", SEED if seed is None else seed, bars)


def _real(symbol: str, bars: int) -> Optional[DemoPrices]:
    try:
        from bokeh_sampledata import stocks
    except ImportError:
        return None
    if symbol not in REAL_SYMBOLS:
        known = ", ".join(REAL_SYMBOLS)
        raise UnknownInstrumentError(symbol, "the demo", f"{known}; or give --data or --seed")
    table = getattr(stocks, symbol)
    names = ("date", "open", "high", "low", "close", "volume")
    rows = list(zip(*(table[name] for name in names)))
    first = next(index for index, row in enumerate(rows) if row[0] >= REAL_FROM)
    made = []
    for day, open_, high, low, price, volume in rows[first : first + HISTORY + bars]:
        close = datetime.datetime.fromisoformat(day).replace(hour=21, tzinfo=datetime.timezone.utc)
        time_ns = int(close.timestamp()) * NS_PER_SECOND
        made.append(Bar(symbol, TimeFrame.DAYS, 1, time_ns, open_, high, low, price, float(volume)))
    series = bars_from_list(made, Instrument(symbol, tick_size=0.01))
    return _of_bars(series, "real prices from bokeh_sampledata (public domain, Quandl WIKI)")


def _made_up(symbol: str, seed: int, bars: int) -> DemoPrices:
    # As lively as a young coin: who watches for less than a minute should see something.
    series = Generator(seed=seed, volatility=1.2, volume=100_000).bars(symbol, HISTORY + bars)
    return _of_bars(series, f"made up from seed {seed}")


def _from_file(file: str, symbol: Optional[str], bars: int) -> DemoPrices:
    if not os.path.isfile(file):
        raise ConfigError.of("--data", file, "a CSV file")
    series = read_csv(file, symbol)
    if not series[0].is_bars:
        return _of_ticks(series, file)
    whole = series[0]
    chosen = whole.events[-(HISTORY + bars) :]
    if len(chosen) < HISTORY:
        expected = f"at least {HISTORY} bars, and there are {len(chosen)}"
        raise ConfigError.of("--data", file, expected)
    part = bars_from_list([bar for bar in chosen if isinstance(bar, Bar)], whole.instrument)
    about = file
    if len(chosen) < len(whole.events):
        about += f", the last {len(chosen):,} of {len(whole.events):,} bars"
    return _of_bars(part, about)


def _of_bars(series: Series, about: str) -> DemoPrices:
    symbol, frame, compression, _ = series.subscription
    history = min(HISTORY, 2 * len(series.times) // 3)
    live = len(series.times) - history
    live_ns = live * duration_end(0, frame, compression)
    return DemoPrices([series], symbol, frame, compression, live, history, live_ns, about)


#: Time frames that a person might look at trades in, in seconds.
_STEPS: Tuple[int, ...] = (1, 5, 15, 30, 60, 300, 900, 3600)


def _of_ticks(series: List[Series], file: str) -> DemoPrices:
    if all(one.subscription.quotes for one in series):
        raise ConfigError.of("--data", file, "bars or trades; it holds only quotes")
    first, last = series[0].times[0], series[0].times[-1]
    span = (last - first) / NS_PER_SECOND
    seconds = next((step for step in _STEPS if span / step <= 300), _STEPS[-1])
    frame = TimeFrame.SECONDS if seconds < 60 else TimeFrame.MINUTES
    compression = seconds if seconds < 60 else seconds // 60
    start = first + min((last - first) // 3, HISTORY * seconds * NS_PER_SECOND)
    bars = max(1, round((last - start) / NS_PER_SECOND / seconds))
    about = f"{len(series[0].times):,} trades or quotes of {file}"
    symbol = series[0].instrument.symbol
    return DemoPrices(series, symbol, frame, compression, bars, start, last - start, about)


def price_digits(prices: DemoPrices) -> int:
    """Return how many decimals prices of orders should have."""
    tick = prices.series[0].instrument.tick_size
    if tick:
        return decimals_of(tick)
    bars = [event for event in prices.series[0].events[:500] if isinstance(event, Bar)]
    ticks = [event for event in prices.series[0].events[:500] if isinstance(event, Tick)]
    known = [bar.close for bar in bars] + [one.price for one in ticks]
    return max([2, *map(decimals_of, known)])


def usual_volume(prices: DemoPrices) -> float:
    """Return the volume of a usual bar, 0 where volumes are not known."""
    volumes = []
    for event in prices.series[0].events:
        if isinstance(event, Bar):
            volumes.append(event.volume or 0.0)
        elif isinstance(event, Tick):
            volumes.append(event.size or 0.0)
    return statistics.median(volumes) if volumes else 0.0


def first_price(prices: DemoPrices) -> float:
    """Return a price to judge sizes by."""
    for event in prices.series[0].events:
        if isinstance(event, Bar):
            return event.close
        if isinstance(event, Tick):
            return event.price
    return 100.0
