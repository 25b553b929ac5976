"""Made-up prices: the same seed gives the same prices on every Python.

The logarithm of the price walks at random, and its volatility comes in clusters: each move
raises what the next ones may be, which dies away again (GARCH(1,1)). Each symbol has its own
stream of random numbers, so adding a symbol leaves the others as they are.
"""

from __future__ import annotations

import dataclasses
import datetime
import math
import random
from typing import Iterator, List, Optional, Sequence, Tuple, Union

from btstores.clock import NS_PER_SECOND
from btstores.errors import ConfigError, UnsupportedError
from btstores.instruments import Instrument, TimeFrame
from btstores.markets.sessions import Sessions
from btstores.markets.zones import date_in
from btstores.reports import Quote, Side, Tick
from btstores.sim.prices.series import BarColumns, Series, duration_end, series_of

__all__ = ["Generator"]

NS_PER_DAY = 86_400 * NS_PER_SECOND
_SECONDS_PER_YEAR = 365.25 * 86_400
_STEPS_PER_BAR = 8

Session = Tuple[datetime.time, datetime.time]


@dataclasses.dataclass(frozen=True)
class Generator:
    """How prices are made up.

    ``volatility`` is a year's, as a fraction; ``spread`` counts ticks; ``volume`` is the
    usual size of a bar, or a hundred times that of a trade. ``start_ns`` is when it begins.
    ``sessions`` are those of a market, or UTC times of day from Monday to Friday; without them
    trading never stops. ``instrument`` is what the prices are of, whatever the symbol; its ticks
    replace ``tick_size``.
    """

    seed: int = 0
    start_ns: int = 1_704_153_600 * NS_PER_SECOND  # 2024-01-02
    price: float = 100.0
    volatility: float = 0.3
    tick_size: float = 0.01
    volume: float = 10_000.0
    spread: int = 2
    sessions: Union[Sessions, Sequence[Session]] = ()
    instrument: Optional[Instrument] = None

    def __post_init__(self) -> None:
        for name in ("price", "volatility", "tick_size", "volume", "spread"):
            value = getattr(self, name)
            if not (value > 0 and math.isfinite(value)):
                raise ConfigError.of(name, value, "a number above zero")
        for first, last in () if isinstance(self.sessions, Sessions) else self.sessions:
            if not first < last:
                raise ConfigError.of("sessions", (first, last), "an opening before its close")

    def bars(
        self,
        symbol: str,
        count: int,
        timeframe: int = TimeFrame.MINUTES,
        compression: int = 1,
    ) -> Series:
        """Return ``count`` bars of seconds, minutes or days, stamped at their end."""
        if timeframe not in (TimeFrame.SECONDS, TimeFrame.MINUTES, TimeFrame.DAYS):
            raise UnsupportedError("bars are made up in seconds, minutes or days only")
        length = duration_end(0, timeframe, compression)
        walk = _Walk(self, symbol, length / _STEPS_PER_BAR)
        bars = BarColumns(symbol, int(timeframe), compression)
        ends = self._ends(length)
        for _ in range(_checked(count)):
            prices = [walk.step() for _ in range(_STEPS_PER_BAR)]
            open_, close = prices[0], prices[-1]
            volume = self.volume * walk.activity()
            bars.append(next(ends), open_, max(prices), min(prices), close, float(round(volume)), 0)
        return series_of(self._instrument(symbol), bars, timeframe, compression)

    def ticks(self, symbol: str, count: int, every: float = 1.0) -> List[Series]:
        """Return ``count`` trades, ``every`` so many seconds on average, and their quotes."""
        walk = _Walk(self, symbol, every * NS_PER_SECOND)
        ticks: List[Tick] = []
        quotes: List[Quote] = []
        time_ns = self.start_ns
        for number in range(1, _checked(count) + 1):
            wait = -math.log(1.0 - walk.random.random()) * every
            time_ns = self._open_time(time_ns + max(1, round(wait * 1e6)) * 1_000)
            middle = walk.step()
            size = float(max(1, round(self.volume / 100 * walk.activity())))
            buys = walk.random.random() < 0.5
            quote = self._quote(symbol, time_ns, middle, walk)
            price = quote.ask if buys else quote.bid
            assert price is not None
            side = Side.BUY if buys else Side.SELL
            quotes.append(quote)
            ticks.append(Tick(symbol, time_ns, price, size, side, str(number)))
        instrument = self._instrument(symbol)
        return [
            series_of(instrument, quotes, TimeFrame.TICKS, quotes=True),
            series_of(instrument, ticks, TimeFrame.TICKS),
        ]

    def _quote(self, symbol: str, time_ns: int, middle: float, walk: _Walk) -> Quote:
        tick_size = self.tick_at(middle)
        bid = max(tick_size, round(middle - tick_size * (self.spread // 2), 10))
        ask = round(bid + tick_size * self.spread, 10)
        sizes = [float(max(1, round(self.volume / 50 * walk.activity()))) for _ in range(2)]
        return Quote(symbol, time_ns, bid, ask, sizes[0], sizes[1])

    def tick_at(self, price: float) -> float:
        """Return the tick size at a price."""
        own = self.instrument.tick_at(price) if self.instrument is not None else None
        return own or self.tick_size

    def _instrument(self, symbol: str) -> Instrument:
        if self.instrument is not None:
            return self.instrument._replace(symbol=symbol)
        return Instrument(symbol, tick_size=self.tick_size, timezone="UTC")

    def _ends(self, length: int) -> Iterator[int]:
        """Yield when the bars end."""
        end_ns = self.start_ns
        while True:
            end_ns += length
            if length < NS_PER_DAY:
                end_ns = self._open_time(end_ns - length) + length
            elif self.sessions:
                while not self._trades_on(end_ns - length):
                    end_ns += length
            yield end_ns

    def _trades_on(self, time_ns: int) -> bool:
        if isinstance(self.sessions, Sessions):
            return bool(self.sessions.sessions_on(date_in("UTC", time_ns)))
        return _weekday(time_ns) <= 4

    def _open_time(self, time_ns: int) -> int:
        """Return the time, or the next opening when trading rests."""
        if isinstance(self.sessions, Sessions):
            return time_ns if self.sessions.is_open(time_ns) else self.sessions.next_open(time_ns)
        while self.sessions:
            day, rest = divmod(time_ns, NS_PER_DAY)
            if _weekday(time_ns) < 5:
                for first, last in sorted(self.sessions):
                    if rest < _of_day(last):
                        return day * NS_PER_DAY + max(rest, _of_day(first))
            time_ns = (day + 1) * NS_PER_DAY
        return time_ns


class _Walk:
    """The price of one symbol, step by step."""

    #: How much of the variance is long-run, the last move's, and the last variance.
    WEIGHTS = (0.05, 0.10, 0.85)

    def __init__(self, settings: Generator, symbol: str, step_ns: float) -> None:
        self.random = random.Random(f"{settings.seed}:{symbol}")
        self._tick_at = settings.tick_at
        self._log = math.log(settings.price)
        years = step_ns / NS_PER_SECOND / _SECONDS_PER_YEAR
        self._usual = settings.volatility**2 * years
        self._variance = self._usual

    def step(self) -> float:
        """Return the next price, on the grid."""
        move = self.random.gauss(0.0, 1.0) * math.sqrt(self._variance)
        usual, last, before = self.WEIGHTS
        self._variance = usual * self._usual + last * move * move + before * self._variance
        self._log += move - self._variance / 2
        price = math.exp(self._log)
        tick_size = self._tick_at(price)
        return round(max(1, round(price / tick_size)) * tick_size, 10)

    def activity(self) -> float:
        """Return how busy the market is, 1 on average; it is when prices move."""
        return math.sqrt(self._variance / self._usual) * (0.5 + self.random.random())


def _of_day(time: datetime.time) -> int:
    seconds = (time.hour * 60 + time.minute) * 60 + time.second
    return seconds * NS_PER_SECOND + time.microsecond * 1_000


def _weekday(time_ns: int) -> int:
    """Return the day of the week, Monday is 0; 1970-01-01 was a Thursday."""
    return (time_ns // NS_PER_DAY + 3) % 7


def _checked(count: Optional[int]) -> int:
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise ConfigError.of("count", count, "a whole number above zero")
    return count
