"""What a trade costs: fee items as data, and the arithmetic that adds them up.

Amounts are decimals in the currency of the schedule, each line rounded as whoever charges it
rounds. The tables are in `btstores.markets.feetables`.
"""

from __future__ import annotations

import datetime
import decimal
import re
from decimal import Decimal
from typing import Dict, Mapping, NamedTuple, Optional, Tuple, Union

from btstores.errors import ConfigError

__all__ = [
    "FeeItem",
    "FeeLine",
    "FeeSchedule",
    "Fees",
    "Number",
    "Trade",
    "broker_fee",
    "financed_days",
    "financing",
    "product_of",
    "to_decimal",
]

Number = Union[int, float, str, Decimal]

_ZERO = Decimal(0)
_CENT = Decimal("0.01")
_UNIT = Decimal(1)

_KINDS = ("stock", "etf", "warrant", "future", "forex", "crypto")
_SIDES = ("buy", "sell")
_OFFSETS = ("open", "close", "close_today")
_LIQUIDITY = ("maker", "taker")
_BASES = ("value", "unit", "order")

#: Step and direction by the word that fee items use.
_ROUNDINGS: Dict[str, Tuple[Decimal, str]] = {
    "cent": (_CENT, decimal.ROUND_HALF_UP),
    "cent_up": (_CENT, decimal.ROUND_CEILING),
    "unit_up": (_UNIT, decimal.ROUND_CEILING),
}


def to_decimal(field: str, value: Number) -> Decimal:
    """Return the decimal number that a person reads in ``value``.

    Raises `ConfigError` naming ``field`` for what is no finite number.
    """
    try:
        # repr of a plain float: subclasses such as numpy's write themselves in other ways.
        exact = isinstance(value, (int, str, Decimal))
        number = Decimal(value) if exact else Decimal(repr(float(value)))
    except (decimal.InvalidOperation, TypeError, ValueError):
        number = Decimal("NaN")
    if isinstance(value, bool) or not number.is_finite():
        raise ConfigError.of(field, value, "a finite number")
    return number


def product_of(symbol: str) -> str:
    """Return the product of a futures symbol: ``rb`` of ``SHFE.rb2610``, ``IF`` of ``IF2612``."""
    found = re.match(r"(?:[A-Za-z]+\.)?([A-Za-z]+)\d*(?:\.[A-Za-z]+)?$", symbol)
    if found is None:
        raise ConfigError.of("symbol", symbol, "letters and a month, such as 'SHFE.rb2610'")
    return found[1]


class Trade(NamedTuple):
    """What is charged for: one execution, or one order that was executed at once.

    ``size`` is in shares, contracts or units of currency and positive; ``price * size *
    multiplier`` is its value. ``offset`` says what a futures trade does to the position.
    ``date`` None means the newest rates.
    """

    side: str
    size: Number
    price: Number
    date: Optional[datetime.date] = None
    kind: str = "stock"
    symbol: str = ""
    multiplier: Number = 1
    offset: str = "open"
    liquidity: str = "taker"


class FeeItem(NamedTuple):
    """One charge. ``payee`` gets it; ``source`` is the document that says so.

    ``basis`` is what ``rate`` multiplies: ``value`` of the trade, each ``unit`` (share or
    contract), or the ``order`` once. The result is kept between ``minimum`` and ``maximum``,
    then under ``maximum_part`` of the value, and rounded: ``cent`` to the nearest,
    ``cent_up``, ``unit_up`` (a whole dollar) or ``none``. ``instruments`` are kinds of
    security or futures products; an empty tuple means all. ``since`` is the first day and
    ``until`` the last one.
    """

    name: str
    payee: str
    basis: str
    rate: Decimal
    since: datetime.date = datetime.date.min
    until: datetime.date = datetime.date.max
    minimum: Optional[Decimal] = None
    maximum: Optional[Decimal] = None
    maximum_part: Optional[Decimal] = None
    sides: Tuple[str, ...] = _SIDES
    offsets: Tuple[str, ...] = _OFFSETS
    liquidity: Tuple[str, ...] = _LIQUIDITY
    instruments: Tuple[str, ...] = ()
    rounding: str = "cent"
    source: str = ""

    def applies(self, trade: Trade, instrument: str, day: datetime.date) -> bool:
        """Return whether ``trade`` pays this on ``day``."""
        return (
            self.since <= day <= self.until
            and trade.side in self.sides
            and trade.offset in self.offsets
            and trade.liquidity in self.liquidity
            and (not self.instruments or instrument in self.instruments)
        )

    def amount(self, size: Decimal, value: Decimal) -> Decimal:
        """Return what ``size`` units that are worth ``value`` pay."""
        base = {"value": value, "unit": size, "order": _UNIT}[self.basis]
        charged = self.rate * base
        if self.minimum is not None:
            charged = max(charged, self.minimum)
        if self.maximum is not None:
            charged = min(charged, self.maximum)
        if self.maximum_part is not None:
            charged = min(charged, self.maximum_part * value)
        if self.rounding == "none":
            return charged
        step, direction = _ROUNDINGS[self.rounding]
        return (charged / step).quantize(_UNIT, rounding=direction) * step


class FeeLine(NamedTuple):
    """One line of a bill."""

    name: str
    payee: str
    amount: Decimal


class Fees(NamedTuple):
    """What a trade costs: the sum, and the lines it is made of."""

    total: Decimal
    currency: str
    lines: Tuple[FeeLine, ...]

    def amount(self, name: str) -> Decimal:
        """Return the lines called ``name`` together; 0 if there is none."""
        return sum((line.amount for line in self.lines if line.name == name), _ZERO)


class FeeSchedule(NamedTuple):
    """The charges of one market.

    ``known_since`` has the first day whose rates are known, by kind of security, or by
    product where the market trades futures. What is not in it is refused, not free.
    """

    market: str
    currency: str
    known_since: Mapping[str, datetime.date]
    items: Tuple[FeeItem, ...]

    def charge(self, trade: Trade) -> Fees:
        """Return what ``trade`` costs, line by line.

        Raises `ConfigError` for a field that cannot be, and for an instrument or a date
        whose rates are not known.
        """
        size, price, multiplier = _checked(trade)
        instrument = product_of(trade.symbol) if trade.kind == "future" else trade.kind
        day = self._day(trade, instrument)
        value = size * price * multiplier
        lines = tuple(
            FeeLine(item.name, item.payee, item.amount(size, value))
            for item in self.items
            if size and item.applies(trade, instrument, day)
        )
        return Fees(sum((line.amount for line in lines), _ZERO), self.currency, lines)

    def plus(self, *items: FeeItem) -> FeeSchedule:
        """Return the schedule with a broker's own charges in front."""
        return self._replace(items=items + self.items)

    def _day(self, trade: Trade, instrument: str) -> datetime.date:
        if instrument not in self.known_since:
            field = "symbol" if trade.kind == "future" else "kind"
            known = ", ".join(sorted(self.known_since))
            expected = f"one whose rates in {self.market} are known: {known}"
            raise ConfigError.of(field, getattr(trade, field), expected)
        if trade.date is None:
            return datetime.date.max
        first = self.known_since[instrument]
        if trade.date < first:
            expected = f"{first} or later: earlier rates of {self.market} are not known"
            raise ConfigError.of("date", trade.date.isoformat(), expected)
        return trade.date


def _checked(trade: Trade) -> Tuple[Decimal, Decimal, Decimal]:
    """Return size, price and multiplier of ``trade`` as decimals."""
    words = (("kind", _KINDS), ("side", _SIDES), ("offset", _OFFSETS), ("liquidity", _LIQUIDITY))
    for field, allowed in words:
        if getattr(trade, field) not in allowed:
            expected = "one of " + ", ".join(map(repr, allowed))
            raise ConfigError.of(field, getattr(trade, field), expected)
    size = to_decimal("size", trade.size)
    price = to_decimal("price", trade.price)
    multiplier = to_decimal("multiplier", trade.multiplier)
    if size < 0:
        raise ConfigError.of("size", trade.size, "0 or more: the side says which way")
    if price < 0:
        raise ConfigError.of("price", trade.price, "0 or more")
    if multiplier <= 0:
        raise ConfigError.of("multiplier", trade.multiplier, "above 0")
    return size, price, multiplier


def broker_fee(
    name: str,
    basis: str,
    rate: Number,
    *,
    minimum: Optional[Number] = None,
    maximum: Optional[Number] = None,
    maximum_part: Optional[Number] = None,
    rounding: str = "cent",
    source: str = "as agreed with the broker",
) -> FeeItem:
    """Return a broker's own charge for every trade, such as its commission.

    Raises `ConfigError` for a rate or limit that is no number or below 0.
    """
    if basis not in _BASES:
        raise ConfigError.of("basis", basis, "one of " + ", ".join(map(repr, _BASES)))
    if rounding != "none" and rounding not in _ROUNDINGS:
        expected = "one of 'none', " + ", ".join(map(repr, _ROUNDINGS))
        raise ConfigError.of("rounding", rounding, expected)
    return FeeItem(
        name,
        "broker",
        basis,
        _not_negative("rate", rate),
        minimum=_limit("minimum", minimum),
        maximum=_limit("maximum", maximum),
        maximum_part=_limit("maximum_part", maximum_part),
        rounding=rounding,
        source=source,
    )


def _limit(field: str, value: Optional[Number]) -> Optional[Decimal]:
    return None if value is None else _not_negative(field, value)


def _not_negative(field: str, value: Number) -> Decimal:
    number = to_decimal(field, value)
    if number < 0:
        raise ConfigError.of(field, value, "0 or more")
    return number


# Financing of currency positions


def financed_days(start: datetime.date, end: datetime.date) -> int:
    """Return how many days of interest a position held from ``start`` to ``end`` pays.

    Currencies settle two business days later, so the night of a Wednesday moves settlement
    over the weekend: it counts three days, and Saturday and Sunday count none. Bank holidays
    are not known here.
    """
    whole, rest = divmod(max((end - start).days, 0), 7)
    nights = (start + datetime.timedelta(days) for days in range(rest))
    return whole * 7 + sum(_NIGHTS[night.weekday()] for night in nights)


#: Days of interest for the night after Monday, Tuesday, ... Sunday.
_NIGHTS = (1, 1, 3, 1, 1, 0, 0)


def financing(notional: Number, annual_rate: Number, days: int, year: int = 365) -> Decimal:
    """Return the interest on ``notional`` for ``days``, to the cent; negative is a credit."""
    charged = to_decimal("notional", notional) * to_decimal("annual_rate", annual_rate)
    return (charged * days / year).quantize(_CENT, rounding=decimal.ROUND_HALF_UP)
