"""Trades that may have made a bar: open, extremes and close, and some between them."""

from __future__ import annotations

import datetime
import math
import random
from typing import Iterator, List, Optional, Sequence, Tuple

from btstores.instruments import Instrument, TimeFrame, round_to_grid
from btstores.markets.zones import date_in
from btstores.reports import Bar, Side, Tick
from btstores.sim.prices.series import Series, duration_end
from btstores.stores.futu.opend.hours import NS_PER_MINUTE, Hours
from btstores.stores.futu.opend.text import day_ns

__all__ = ["BarTape", "day_of_bar"]

#: Of one bar, however long.
_MOST_TICKS = 600
_NS_PER_MS = 1_000_000
_NS_PER_DAY = 1440 * NS_PER_MINUTE
#: How much of a usual bar the made-up opening auction trades.
_AUCTION_PART = 0.5


class BarTape:
    """Makes the trades of one symbol's bars; the same seed makes the same ones.

    ``per_minute`` is how many trades a minute has. Sizes add up to the volume of the bar, in lots
    if it is a multiple of those. With ``auction`` a day whose bars do not have a print of the
    opening auction gets one, with a volume of its own.
    """

    def __init__(
        self,
        series: Series,
        instrument: Instrument,
        hours: Hours,
        seed: int = 0,
        per_minute: int = 8,
        auction: bool = True,
    ) -> None:
        self.series = series
        self.instrument = instrument
        self.hours = hours
        self._seed = seed
        self._per_minute = per_minute
        self._auction = auction
        bars = series.events
        #: An index may have no volume at all, and still trades.
        self._volumes = any(isinstance(bar, Bar) and bar.volume for bar in bars)

    def span_of(self, index: int) -> Tuple[int, int]:
        """Return when a bar begins and ends."""
        name = self.series.subscription
        if name.timeframe >= TimeFrame.DAYS:
            day = day_of_bar(self.series, index, self.hours.timezone)
            periods = self.hours.periods_on(day)
            regular = [one for one in periods if one.level == 0]
            if regular:
                return regular[0].start_ns, regular[-1].end_ns
            start_ns = day_ns(day, self.hours.timezone)
            return start_ns, start_ns + _NS_PER_DAY
        end_ns = self.series.published_ns(index)
        return end_ns - duration_end(0, name.timeframe, name.compression), end_ns

    def ticks(self, first: int = 0) -> Iterator[Tick]:
        """Yield the trades of all bars from one on, in order of time."""
        for index in range(first, len(self.series.times)):
            yield from self.ticks_of(index)

    def ticks_of(self, index: int) -> List[Tick]:
        """Return the trades of one bar."""
        bar = self.series.events[index]
        assert isinstance(bar, Bar)
        start_ns, end_ns = self.span_of(index)
        chance = self._chance(bar, end_ns)
        found: List[Tick] = []
        spans = self.hours.spans(start_ns, end_ns)
        if not spans:
            printed_ns = self.hours.auction_ns(end_ns)
            if printed_ns is not None and printed_ns < end_ns:
                # The bar of the auction: what is stamped with the opening.
                spans = [(printed_ns - 30_000 * _NS_PER_MS, printed_ns)]
            else:
                spans = [(start_ns, end_ns)]
        else:
            found += self._print(index, bar, spans[0][0], chance)
        return found + self._trades(bar, spans, chance)

    def auction_of(self, index: int) -> List[Tick]:
        """Return the print of the opening auction that is made up before a bar, if any."""
        start_ns, end_ns = self.span_of(index)
        if index and self.span_of(index - 1)[1] == start_ns:
            return []
        spans = self.hours.spans(start_ns, end_ns)
        bar = self.series.events[index]
        if not spans or not isinstance(bar, Bar):
            return []
        return self._print(index, bar, spans[0][0], self._chance(bar, end_ns))

    def _chance(self, bar: Bar, end_ns: int) -> random.Random:
        return random.Random(f"{self._seed}:{bar.symbol}:{end_ns}")

    def _opens(self, index: int, start_ns: int) -> bool:
        """Return whether no bar of the same day comes before, that of the auction included."""
        if index == 0:
            return True
        periods = self.hours.periods_on(self.hours.trading_day(start_ns))
        return bool(periods) and self.span_of(index - 1)[1] < periods[0].start_ns

    def _print(self, index: int, bar: Bar, opens_ns: int, chance: random.Random) -> List[Tick]:
        if not self._auction or (self._volumes and not bar.volume):
            return []
        printed_ns = self.hours.auction_ns(opens_ns)
        periods = self.hours.periods_on(self.hours.trading_day(opens_ns))
        is_first = bool(periods) and periods[0].start_ns == opens_ns
        if printed_ns is None or not is_first or not self._opens(index, opens_ns):
            return []
        unit = self._unit(bar.volume)
        size = max(1, round((bar.volume or 0.0) * _AUCTION_PART / unit)) * unit
        before_ns = (5 + chance.randrange(85)) * 1_000 * _NS_PER_MS
        return [Tick(bar.symbol, printed_ns - before_ns, bar.open, size)]

    def _unit(self, volume: Optional[float]) -> float:
        lot = self.instrument.lot or 1.0
        return lot if not volume or math.fmod(volume, lot) == 0 else 1.0

    def _trades(
        self, bar: Bar, spans: Sequence[Tuple[int, int]], chance: random.Random
    ) -> List[Tick]:
        volume = bar.volume if self._volumes else None
        if volume == 0:
            return []
        unit = self._unit(volume)
        length = sum(last - first for first, last in spans)
        count = max(4, min(_MOST_TICKS, round(self._per_minute * length / NS_PER_MINUTE)))
        anchors = _anchors(bar)
        if volume is not None:
            count = max(len(anchors), min(count, int(volume // unit)))
            sizes = _split(volume, unit, count, chance)
        else:
            sizes = [unit * (1 + chance.randrange(5)) for _ in range(count)]
        prices = self._path(bar, anchors, count, chance)
        times = _times(spans, count, chance)
        ticks: List[Tick] = []
        before, side = prices[0], Side.BUY if chance.random() < 0.5 else Side.SELL
        for time_ns, price, size in zip(times, prices, sizes):
            if price != before:
                side = Side.BUY if price > before else Side.SELL
            elif chance.random() < 0.3:
                side = Side.SELL if side is Side.BUY else Side.BUY
            before = price
            ticks.append(Tick(bar.symbol, time_ns, price, size, side))
        return ticks

    def _path(
        self, bar: Bar, anchors: Sequence[float], count: int, chance: random.Random
    ) -> List[float]:
        """Return prices that pass the anchors in order and leave the range of the bar nowhere."""
        places = [0]
        if len(anchors) > 1:
            inner = chance.sample(range(1, count - 1), len(anchors) - 2)
            places = [0, *sorted(inner), count - 1]
        prices: List[float] = []
        for (place, price), (next_place, next_price) in zip(
            zip(places, anchors), zip(places[1:], anchors[1:])
        ):
            prices.append(price)
            steps = next_place - place
            slope = (next_price - price) / steps
            prices += [self._on_grid(price + slope * step, bar, chance) for step in range(1, steps)]
        prices.append(anchors[-1])
        while len(prices) < count:
            prices.append(anchors[-1])
        return prices

    def _on_grid(self, price: float, bar: Bar, chance: random.Random) -> float:
        tick = self.instrument.tick_at(price) or 0.01
        price = round_to_grid(price + chance.choice((-1, 0, 0, 1)) * tick, tick)
        return min(max(price, bar.low), bar.high)


def day_of_bar(series: Series, index: int, timezone: str) -> datetime.date:
    """Return the day of a bar of days.

    A stamp at midnight UTC is a date: that day's, or at the end of a bar the day before. Another
    one is a moment of the day in the time zone.
    """
    stamp = series.times[index]
    if stamp % _NS_PER_DAY:
        return date_in(timezone, stamp - (series.stamp == "end"))
    if series.stamp == "end" and _ends_its_day(series):
        stamp -= 1
    return datetime.date(1970, 1, 1) + datetime.timedelta(days=stamp // _NS_PER_DAY)


def _ends_its_day(series: Series) -> bool:
    """Return whether stamps are the midnights after the days: no Monday then, but a Saturday."""
    days = {(stamp // _NS_PER_DAY + 3) % 7 for stamp in series.times[:50]}
    return 5 in days or 0 not in days


def _anchors(bar: Bar) -> List[float]:
    inner = [bar.low, bar.high] if bar.close >= bar.open else [bar.high, bar.low]
    anchors = [bar.open]
    for price in (*inner, bar.close):
        if price != anchors[-1]:
            anchors.append(price)
    return anchors


def _split(volume: float, unit: float, count: int, chance: random.Random) -> List[float]:
    """Return sizes that add up to a volume, each at least a unit where there are enough."""
    units = int(volume // unit)
    if units < count:
        return [volume / count] * count
    weights = [0.2 + chance.random() for _ in range(count)]
    total, passed, given = sum(weights), 0.0, 0
    sizes: List[float] = []
    for weight in weights:
        passed += weight
        upto = int((units - count) * passed / total + 0.5)
        sizes.append((1 + upto - given) * unit)
        given = upto
    sizes[-1] += volume - units * unit
    return sizes


def _times(spans: Sequence[Tuple[int, int]], count: int, chance: random.Random) -> List[int]:
    """Return moments in the spans, ascending, to the millisecond, the last before the end."""
    length = sum(last - first for first, last in spans)
    times: List[int] = []
    for number in range(count):
        rest = int(length * (number + 0.05 + 0.85 * chance.random()) / count)
        for first, last in spans:
            if rest < last - first:
                moment = first + rest
                times.append(max(first, moment - moment % _NS_PER_MS))
                break
            rest -= last - first
    return times
