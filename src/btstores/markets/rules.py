"""What a market allows, as data with sources: ticks, sizes, limits of the day, settlement.

The tables are in the modules of the markets, each with an object ``RULES`` that answers for
them. None is always "no such rule, or not known": then the venue has the word, and a venue's own
figure wins over a table in any case. Symbols are in our spelling, such as 'SH.600519'.
"""

from __future__ import annotations

import bisect
import dataclasses
import datetime
import math
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple, Optional, Sequence, Tuple, TypeVar

from btstores.errors import ConfigError
from btstores.instruments import is_on_grid, round_to_grid
from btstores.reports import OrderType, Side

__all__ = [
    "LimitRule",
    "MarketRules",
    "SettlementRule",
    "ShortSaleRule",
    "SizeRule",
    "Source",
    "TickTable",
    "in_force",
]

#: Types that reach the exchange with no limit of their own.
_AT_MARKET = frozenset({OrderType.MARKET, OrderType.CLOSE, OrderType.STOP, OrderType.STOP_TRAIL})


class Source(NamedTuple):
    """Where a figure is from, and ``effective``, the first day on which it is known to hold."""

    document: str
    url: str
    effective: datetime.date


@dataclasses.dataclass(frozen=True)
class TickTable:
    """Tick sizes by price: rows of (from price, tick), ascending.

    Every border is on the grid below it and on the one above it, so that a price which is
    rounded to the tick of its own row never ends off the grid of another. Raises
    `ConfigError` for rows of which that is not true.
    """

    rows: Tuple[Tuple[float, float], ...]
    source: Source

    def __post_init__(self) -> None:
        prices = [price for price, _ in self.rows]
        if not prices or prices != sorted(set(prices)) or not all(t > 0 for _, t in self.rows):
            raise ConfigError.of("rows", self.rows, "ascending prices with ticks above 0")
        for (_, below), (border, tick) in zip(self.rows, self.rows[1:]):
            if not is_on_grid(border, below) or not is_on_grid(border, tick):
                expected = f"borders on both grids, which {border:.12g} is not"
                raise ConfigError.of("rows", self.rows, expected)

    def tick_at(self, price: float) -> Optional[float]:
        """Return the tick size at ``price``, None below the first row."""
        row = bisect.bisect_right(self.rows, (price, math.inf)) - 1
        return self.rows[row][1] if row >= 0 else None

    def is_on_grid(self, price: float) -> bool:
        """Return whether orders may have ``price``; float dust is forgiven."""
        tick = self.tick_at(price)
        return tick is not None and is_on_grid(price, tick)

    def round(self, price: float, direction: int = 0) -> Optional[float]:
        """Return the nearest price on the grid, the next one up (1) or the next one down (-1).

        It is None below the first row. A price on the grid stays there.
        """
        tick = self.tick_at(price)
        return None if tick is None else round_to_grid(price, tick, direction)


class SizeRule(NamedTuple):
    """Sizes of one order: at least ``least``, and more in steps of ``step``.

    ``most`` and ``most_at_market`` bound orders with a limit and those without. With
    ``odd_sale`` a rest that is too small for an order is sold as a whole, alone or together
    with full steps.
    """

    source: Source
    least: float
    step: float
    most: Optional[float] = None
    most_at_market: Optional[float] = None
    odd_sale: bool = False

    def accepts(self, side: Side, size: float, held: float = 0.0) -> bool:
        """Return whether the steps allow ``size``, when ``held`` is what is held before."""
        if size >= self.least and is_on_grid(size - self.least, self.step):
            return True
        if side is Side.BUY or not self.odd_sale or not 0 < size <= held:
            return False
        rest = held if held < self.least else math.fmod(held, self.step)
        return 0 < rest <= size and is_on_grid(size - rest, self.step)

    def most_of(self, order_type: OrderType) -> Optional[float]:
        """Return the largest size of one order of a type."""
        return self.most_at_market if order_type in _AT_MARKET else self.most


class LimitRule(NamedTuple):
    """Limits of the day as parts of the price before: 0.1 is ten percent."""

    source: Source
    down: Decimal
    up: Decimal

    def prices(self, previous: float, tick: float) -> Tuple[float, float]:
        """Return the lowest and the highest price, each on the grid of ``tick``.

        Halves are rounded up. A limit that would be the price before is one tick away from it.
        Raises `ConfigError` for a ``previous`` that is no positive number.
        """
        if not 0 < previous < math.inf:
            raise ConfigError.of("previous_close", previous, "a finite number above 0")
        step, base = Decimal(repr(float(tick))), Decimal(repr(float(previous)))
        low = min(_half_up(base * (1 - self.down), step), base - step)
        high = max(_half_up(base * (1 + self.up), step), base + step)
        return float(max(low, step)), float(high)


class SettlementRule(NamedTuple):
    """On which business day after the trade it is settled: 2 is T+2."""

    source: Source
    days: int


class ShortSaleRule(NamedTuple):
    """What binds short sales.

    ``listed_only``: only in securities on the exchange's list, which the venue knows.
    ``floor`` names what the price may not be below: the best 'ask' or the 'last' trade, or with
    'bid' that it must be above the best bid. ``floor_after_fall``: that holds only after a fall
    of this part in one day, for the rest of it and the next day.
    """

    source: Source
    listed_only: bool
    floor: Optional[str] = None
    floor_after_fall: Optional[float] = None


_Rule = TypeVar("_Rule", TickTable, SizeRule, LimitRule, SettlementRule, ShortSaleRule)


def in_force(history: Sequence[_Rule], day: datetime.date) -> Optional[_Rule]:
    """Return the rule that holds on ``day``: the newest that is effective by then, or None.

    ``history`` is in ascending order of the sources' effective days.
    """
    for rule in reversed(history):
        if rule.source.effective <= day:
            return rule
    return None


class MarketRules:
    """The rules of one market. These are the answers where the venue has the word.

    ``sources`` are the documents behind the tables, ``short_sale`` is None when nothing binds
    short sales or it is not known.
    """

    sources: Tuple[Source, ...] = ()
    short_sale: Optional[ShortSaleRule] = None

    def product_of(self, symbol: str) -> str:
        """Return what ``symbol`` is a contract of, such as 'SHFE.RB'; else the symbol itself."""
        return symbol

    def kind_of(self, symbol: str) -> str:
        """Return what a code says of its kind: 'etf' or 'warrant', else 'stock'."""
        return "stock"

    def tick_table_of(
        self, symbol: str, day: datetime.date, kind: Optional[str] = None
    ) -> Optional[TickTable]:
        """Return the tick sizes of ``symbol`` on ``day``.

        ``kind`` is what the venue says that it is; without it what its code says counts.
        """
        return None

    def size_rule_of(
        self, symbol: str, day: datetime.date, lot: Optional[float] = None
    ) -> Optional[SizeRule]:
        """Return the sizes that orders in ``symbol`` may have on ``day``.

        ``lot`` is the venue's, for rules that count in lots.
        """
        return None

    def limits_of(
        self,
        symbol: str,
        previous_close: float,
        day: datetime.date,
        is_st: bool = False,
        days_listed: Optional[int] = None,
    ) -> Optional[Tuple[float, float]]:
        """Return the lowest and the highest price of ``day``.

        ``previous_close`` is the exchange's reference: adjusted on an ex-dividend day, and the
        issue price on the first. ``is_st`` says that the stock is under risk warning (but not in
        its delisting period). ``days_listed`` counts trading days, the first as 1.
        """
        return None

    def multiplier_of(self, symbol: str) -> Optional[float]:
        """Return what a contract is worth for each unit of its price."""
        return None

    def margin_of(self, symbol: str) -> Optional[float]:
        """Return the least margin of a position, as a part of its value; None: no margin."""
        return None

    def settlement_days(self, symbol: str, day: datetime.date) -> Optional[int]:
        """Return after how many business days a trade of ``day`` is settled."""
        return None

    def sellable(self, symbol: str, held: float, bought_today: float) -> float:
        """Return how much of ``held`` may be sold today, of which ``bought_today`` is new."""
        return held


def _half_up(price: Decimal, step: Decimal) -> Decimal:
    return (price / step).quantize(Decimal(1), rounding=ROUND_HALF_UP) * step
