"""The state of one symbol: its last prices, its day and its chart."""

from __future__ import annotations

import collections
import datetime
import random
from typing import ClassVar, Deque, Dict, List, NamedTuple, Optional

from btstores.instruments import Instrument, TimeFrame, round_to_grid
from btstores.markets import MarketConfig
from btstores.markets.segments import Kind
from btstores.reports import Bar, Quote, Side, Tick
from btstores.sim.prices.series import Series
from btstores.stores.futu.opend.hours import REGULAR, Hours, Period
from btstores.stores.futu.opend.lines import Chart, KBar
from btstores.stores.futu.opend.text import day_ns

__all__ = ["Board", "DayFigures", "Trade", "next_price"]

#: As many as a request can ask for.
_TICKS_KEPT = 1000
#: So many lots are quoted on average, where nobody has told.
_USUAL_LOTS = 30


class Trade(NamedTuple):
    """One trade as it was published: Futu's sequence, and the period for which it counts."""

    tick: Tick
    number: int
    period: Period


class DayFigures:
    """Prices of one trading day, or of one session outside of regular trading."""

    __slots__ = (
        "close",
        "day",
        "high",
        "last_close",
        "low",
        "open",
        "time_ns",
        "turnover",
        "volume",
    )

    NOTHING: ClassVar[DayFigures]

    def __init__(self, day: datetime.date, price: float, last_close: float) -> None:
        self.day = day
        self.open = self.high = self.low = self.close = price
        self.last_close = last_close
        self.volume = 0.0
        self.turnover = 0.0
        self.time_ns = 0

    def add(self, tick: Tick, turnover: float) -> None:
        """Add a trade."""
        self.high = max(self.high, tick.price)
        self.low = min(self.low, tick.price)
        self.close = tick.price
        self.volume += tick.size or 0.0
        self.turnover += turnover
        self.time_ns = tick.time_ns


def next_price(instrument: Instrument, price: float, direction: int) -> float:
    """Return the price one tick up (1) or down (-1); on the border of two grids, on the right one.

    It is at or below 0 when there is none.
    """
    tick = instrument.tick_at(price * (1 + direction * 1e-9)) or 0.01
    return round_to_grid(price + direction * tick, tick)


#: Of a day on which nothing was traded.
DayFigures.NOTHING = DayFigures(datetime.date.min, 0.0, 0.0)


class Board:
    """What is known of one symbol now. The world's lock guards it."""

    def __init__(
        self, instrument: Instrument, config: MarketConfig, seed: int, makes_quotes: bool
    ) -> None:
        self.instrument = instrument
        self.config = config
        self.hours = Hours(instrument.symbol, config)
        self.chart = Chart(self.hours)
        self.trades: Deque[Trade] = collections.deque(maxlen=_TICKS_KEPT)
        self.last: Optional[Trade] = None
        self.quote: Optional[Quote] = None
        self.halted = not instrument.tradable
        self.today: Optional[DayFigures] = None
        #: Of the day's sessions outside of regular trading.
        self.extended: Dict[Kind, DayFigures] = {}
        #: The minute that runs and has not been closed.
        self.running: Optional[KBar] = None
        self._makes_quotes = makes_quotes
        self._chance = random.Random(f"{seed}:{instrument.symbol}:book")
        self._number = 0
        self._day: Optional[datetime.date] = None

    def last_price(self) -> Optional[float]:
        """Return the price of the last trade."""
        return None if self.last is None else self.last.tick.price

    def remember(self, series: Series, index: int, bar: Bar, day: Optional[datetime.date]) -> None:
        """Put a bar of the past into the chart: of one minute, or of ``day``."""
        volume = bar.volume or 0.0
        middle = (bar.open + bar.high + bar.low + bar.close) / 4
        turnover = volume * middle * self.instrument.multiplier
        if day is None:
            end_ns, period = self.hours.place(series.published_ns(index) - 1)
        else:
            regular = [one for one in self.hours.periods_on(day) if one.level == REGULAR]
            unknown = Period(day, 0, day_ns(day, self.hours.timezone), REGULAR, Kind.CONTINUOUS)
            period = regular[-1] if regular else unknown
            end_ns = period.end_ns
        part = KBar(end_ns, period, bar.open, bar.high, bar.low, bar.close, volume, turnover)
        if day is None:
            self.chart.add(part)
        else:
            self.chart.days.add(part)
        last = Tick(bar.symbol, end_ns - 1_000_000, bar.close, volume)
        self.last = Trade(last, last.time_ns // 1_000, period)
        self._count(last, period, turnover, bar)

    def make_quote(self) -> None:
        """Quote around the last price where nothing else has told of a quote."""
        if self.quote is None and self.last is not None:
            self.quote_before(self.last.tick)

    def trade(self, tick: Tick) -> KBar:
        """Take a trade over; return the minute that it belongs to."""
        end_ns, period = self.hours.place(tick.time_ns)
        price, size = tick.price, tick.size or 0.0
        turnover = price * size * self.instrument.multiplier
        part = KBar(end_ns, period, price, price, price, price, size, turnover)
        minute = self.chart.add(part)
        self._number = max(self._number + 1, tick.time_ns // 1_000)
        if tick.side is None:
            tick = tick._replace(side=self._side(price))
        self.last = Trade(tick, self._number, period)
        self.trades.append(self.last)
        self._count(tick, period, turnover)
        self.running = minute if minute is not None else part
        return self.running

    def quote_before(self, tick: Tick) -> Optional[Quote]:
        """Return the quote that the trade hits; None where the series bring quotes."""
        if not self._makes_quotes:
            return None
        lot = self.instrument.lot or 1.0
        # Where thousands are traded at a time, thousands are quoted.
        unit = lot * max(1.0, (tick.size or 0.0) // (_USUAL_LOTS * lot))
        sizes = [unit * self._chance.randrange(1, 2 * _USUAL_LOTS) for _ in range(2)]
        direction = 1 if (tick.side or self._side(tick.price)) is Side.SELL else -1
        other = tick.price
        for _ in range(self._chance.choice((1, 1, 1, 2))):
            other = next_price(self.instrument, other, direction)
        bid, ask = sorted((tick.price, max(other, 0.0001)))
        self.quote = Quote(tick.symbol, tick.time_ns, bid, ask, sizes[0], sizes[1])
        return self.quote

    def bar_of(self, minute: KBar, closed: bool) -> Bar:
        """Return a minute as a report, stamped at its end."""
        return Bar(
            self.instrument.symbol,
            int(TimeFrame.MINUTES),
            1,
            minute.end_ns,
            minute.open,
            minute.high,
            minute.low,
            minute.close,
            minute.volume,
            complete=closed,
        )

    def _side(self, price: float) -> Side:
        quote, last = self.quote, self.last
        if quote is not None and quote.bid is not None and quote.ask is not None:
            return Side.BUY if 2 * price >= quote.bid + quote.ask else Side.SELL
        if last is not None and last.tick.price > price:
            return Side.SELL
        return Side.BUY

    def _count(
        self, tick: Tick, period: Period, turnover: float, bar: Optional[Bar] = None
    ) -> None:
        """Add a trade, or a bar of the past, to the figures of the day."""
        if period.day != self._day:
            self._day = period.day
            self.extended = {}
        figures = self._figures(period, bar.open if bar is not None else tick.price)
        figures.add(tick, turnover)
        if bar is not None:
            figures.high, figures.low = max(figures.high, bar.high), min(figures.low, bar.low)

    def _figures(self, period: Period, price: float) -> DayFigures:
        today = self.today
        if period.level != REGULAR:
            last_close = today.close if today is not None else price
            if period.kind not in self.extended:
                self.extended[period.kind] = DayFigures(period.day, price, last_close)
            return self.extended[period.kind]
        if today is None or today.day != period.day:
            last_close = self._close_before(period.day, price)
            self.today = today = DayFigures(period.day, price, last_close)
        return today

    def _close_before(self, day: datetime.date, price: float) -> float:
        for bar in reversed(self.chart.days.bars):
            if bar.period.day < day:
                return bar.close
        return price

    def minutes_of_day(self) -> List[KBar]:
        """Return the minutes of the day of the last regular trade, ascending."""
        found: List[KBar] = []
        today = self.today
        if today is None:
            return found
        for bar in reversed(self.chart.minutes.bars):
            if bar.period.day < today.day:
                break
            if bar.period.level == REGULAR and bar.period.day == today.day:
                found.append(bar.copy())
        found.reverse()
        return found
