"""The fees of a market as commission schemes, for backtests, paper accounts and live ones.

    cerebro.broker.addcommissioninfo(HKStockCommInfo(plan="fixed"))

backtrader tells a scheme the signed size and the price of a trade and nothing else:

- The sign is the side, so what only sellers pay is right.
- The date is not told. ``date`` is a day, ``2024-03-01`` or a `datetime.date`, or a function
  that returns the day, such as ``lambda: data.datetime.date(0)``. None means the newest rates.
- Which order a trade belongs to is not told. Each fill is charged by itself, and an order that
  turns a position around as two trades. Minimum charges and rounding then count each time.
- Whether a futures trade opens or closes is not told: ``offset`` says it for all trades.
"""

from __future__ import annotations

import datetime
from typing import Any, Optional, Tuple

from btstores.brokers.comminfo import StoreCommInfo
from btstores.errors import ConfigError
from btstores.markets.fees import FeeItem, Fees, FeeSchedule, Trade, broker_fee, financed_days
from btstores.markets.feetables import SCHEDULES, crypto_schedule, forex_schedule, plan_of

__all__ = [
    "CNFutureCommInfo",
    "CNStockCommInfo",
    "CryptoCommInfo",
    "ForexCommInfo",
    "HKStockCommInfo",
    "MarketCommInfo",
    "USStockCommInfo",
]


class MarketCommInfo(StoreCommInfo):
    """Commission scheme that reads the fee tables of a market.

    ``plan`` is the name of a broker's price list, ``none``, or a tuple of `FeeItem`.
    ``commission`` replaces the plan's commission by a rate that the broker has agreed to, per
    share in the United States and of the value elsewhere, with its ``minimum`` per trade.
    ``kind`` is ``stock``, ``etf`` or ``warrant``.
    """

    params: Any = (("date", None), ("plan", "none"), ("minimum", None), ("kind", "stock"))
    market = ""
    commission_basis = "value"

    def __init__(self) -> None:
        super().__init__()
        self.schedule = self._schedule()
        self._fixed_date = None if callable(self.p.date) else _day(self.p.date)
        if not callable(self.p.date):
            self.fees(1, 1.0)  # what can never be charged is told here, not in the first trade

    def fees(self, size: float, price: float) -> Fees:
        """Return the fees of a trade line by line. ``size`` is negative for a sale."""
        return self.schedule.charge(self._trade(size, price))

    def _getcommission(self, size: float, price: float, pseudoexec: bool) -> float:
        return float(self.fees(size, price).total)

    def _trade(self, size: float, price: float) -> Trade:
        return Trade(
            side="sell" if size < 0 else "buy",
            size=abs(size),
            price=price,
            date=self._fixed_date if self._fixed_date is not None else self._asked_date(),
            kind=self.p.kind,
            multiplier=self.p.mult,
        )

    def _asked_date(self) -> Optional[datetime.date]:
        if not callable(self.p.date):
            return None
        return _day(self.p.date())

    def _schedule(self) -> FeeSchedule:
        return SCHEDULES[self.market].plus(*self._agreed(self._plan()))

    def _plan(self) -> Tuple[FeeItem, ...]:
        plan = self.p.plan
        return plan_of(self.market, plan) if isinstance(plan, str) else tuple(plan)

    def _agreed(self, plan: Tuple[FeeItem, ...]) -> Tuple[FeeItem, ...]:
        """Return the plan with the commission that the parameters ask for instead of its own."""
        if not self.p.commission:
            return plan
        own = broker_fee(
            "commission", self.commission_basis, self.p.commission, minimum=self.p.minimum
        )
        return (own, *(item for item in plan if item.name != own.name))


class HKStockCommInfo(MarketCommInfo):
    """Hong Kong shares, ETFs (``kind="etf"``) and warrants, in HKD."""

    market = "hk_stock"
    params: Any = (("plan", "fixed"),)


class USStockCommInfo(MarketCommInfo):
    """United States shares and ETFs, in USD. ``commission`` is per share."""

    market = "us_stock"
    commission_basis = "unit"
    params: Any = (("plan", "fixed"),)


class CNStockCommInfo(MarketCommInfo):
    """A shares and ETFs of Shanghai and Shenzhen, in CNY.

    ``commission`` is the rate agreed with the broker, without the exchange's handling and
    management fees, and at least ``minimum`` per trade.
    """

    market = "cn_stock"
    params: Any = (("minimum", 5.0),)


class _MarginCommInfo(MarketCommInfo):
    """Positions take a part of their value as margin: ``margin_rate``, or ``margin`` per unit."""

    params: Any = (
        ("stocklike", False),
        ("commtype", StoreCommInfo.COMM_FIXED),
        ("margin_rate", 1.0),
    )

    def __init__(self) -> None:
        self._margin = self.p.margin  # the base class fills in 1.0
        if not self.p.margin_rate > 0:
            raise ConfigError.of("margin_rate", self.p.margin_rate, "above 0")
        super().__init__()

    def get_margin(self, price: float) -> float:
        """Return the margin of one contract or unit at ``price``."""
        if self._margin:
            return float(self._margin)
        return float(price * self.p.mult * self.p.margin_rate)


class CNFutureCommInfo(_MarginCommInfo):
    """Chinese futures of one product, in CNY: what the exchange takes, and the broker on top.

    ``symbol`` is a contract or product such as ``rb2610`` or ``rb`` and ``mult`` its multiplier.
    The broker adds ``commission`` of the value and ``per_contract`` for each contract.
    ``offset`` is ``open``, ``close`` or ``close_today`` for all trades: ``close_today`` shows
    the most that trading within the day can cost.
    """

    market = "cn_future"
    params: Any = (("symbol", ""), ("per_contract", 0.0), ("offset", "open"), ("kind", "future"))

    def _agreed(self, plan: Tuple[FeeItem, ...]) -> Tuple[FeeItem, ...]:
        items = super()._agreed(plan)
        if not self.p.per_contract:
            return items
        return (broker_fee("per contract", "unit", self.p.per_contract), *items)

    def _trade(self, size: float, price: float) -> Trade:
        trade = super()._trade(size, price)
        return trade._replace(symbol=self.p.symbol, offset=self.p.offset)


class ForexCommInfo(_MarginCommInfo):
    """Currencies from a dealer without commission, in the quote currency.

    Prices are middle prices, and each trade pays half of ``spread``. A position that is held
    over night pays ``long_rate`` or ``short_rate`` a year of its value at the close, three
    days' worth on Wednesdays; negative rates are credits. backtrader takes it from cash.
    """

    market = "forex"
    params: Any = (
        ("spread", 0.0),
        ("long_rate", 0.0),
        ("short_rate", 0.0),
        ("interest_long", True),
        ("kind", "forex"),
    )

    def _schedule(self) -> FeeSchedule:
        return forex_schedule(self.p.spread).plus(*self._agreed(self._plan()))

    def _get_credit_interest(
        self,
        data: Any,
        size: float,
        price: float,
        days: int,
        dt0: datetime.date,
        dt1: datetime.date,
    ) -> float:
        rate = self.p.long_rate if size > 0 else self.p.short_rate
        notional = abs(size) * data.close[0] * self.p.mult
        return float(notional * rate * financed_days(dt1, dt0) / 365)


class CryptoCommInfo(MarketCommInfo):
    """Crypto spot, in the quote currency: ``maker`` or ``taker`` of the value.

    The rates are a venue's and a customer's own; those here are what several large venues
    publish for new customers. ``liquidity`` says which of the two all trades pay.
    """

    market = "crypto"
    params: Any = (("maker", 0.001), ("taker", 0.001), ("liquidity", "taker"), ("kind", "crypto"))

    def _schedule(self) -> FeeSchedule:
        return crypto_schedule(self.p.maker, self.p.taker).plus(*self._agreed(self._plan()))

    def _trade(self, size: float, price: float) -> Trade:
        return super()._trade(size, price)._replace(liquidity=self.p.liquidity)


def _day(value: Any) -> Optional[datetime.date]:
    """Return a day from what a person writes or a function returns; None means the newest."""
    if isinstance(value, datetime.datetime):
        return value.date()
    if value is None or isinstance(value, datetime.date):
        return value
    try:
        return datetime.date.fromisoformat(value)
    except (TypeError, ValueError):
        expected = "a day such as '2024-03-01', a function that returns one, or None"
        raise ConfigError.of("date", value, expected) from None
