"""What an order costs, line by line, by the fee tables of its market.

Charges of a whole order: a least commission counts once for all its fills. Prices of new
customers; for futures, of which no table is kept, a sum for each contract.
"""

from __future__ import annotations

import datetime
from typing import Dict, List, NamedTuple, Optional, Tuple

from btstores.errors import ConfigError
from btstores.markets import MarketConfig, MarketType
from btstores.markets.fees import FeeSchedule, Trade, broker_fee
from btstores.markets.feetables import SCHEDULES, plan_of
from btstores.markets.zones import date_in

__all__ = ["Bill", "bill_of"]

Bill = List[Tuple[str, float]]


class _PerContract(NamedTuple):
    commission: float
    exchange: float


_CONTRACTS: Dict[MarketType, _PerContract] = {
    MarketType.HK_FUTURE: _PerContract(5.0, 4.5),
    MarketType.US_FUTURE: _PerContract(1.25, 0.6),
    MarketType.HK_OPTION: _PerContract(3.0, 3.0),
    MarketType.US_OPTION: _PerContract(0.65, 0.03),
}


def _schedules() -> Dict[MarketType, FeeSchedule]:
    connect = (
        broker_fee("commission", "value", "0.0003", minimum=3),
        broker_fee("platform fee", "order", 15),
    )
    return {
        MarketType.HK_STOCK: SCHEDULES["hk_stock"].plus(*plan_of("hk_stock", "fixed")),
        MarketType.US_STOCK: SCHEDULES["us_stock"].plus(*plan_of("us_stock", "fixed")),
        MarketType.CN_STOCK: SCHEDULES["cn_stock"].plus(*connect),
    }


_SCHEDULES = _schedules()


def bill_of(
    config: MarketConfig, symbol: str, sells: bool, size: float, price: float, time_ns: int
) -> Bill:
    """Return title and amount of each charge for a trade of ``size`` at ``price``."""
    per_contract = _CONTRACTS.get(config.market)
    if per_contract is not None:
        lines = (("Commission", per_contract.commission), ("Exchange Fee", per_contract.exchange))
        return [(title, round(amount * size, 2)) for title, amount in lines]
    schedule = _SCHEDULES.get(config.market)
    if schedule is None:
        return []
    kind = config.rules.kind_of(symbol)
    day: Optional[datetime.date] = date_in(config.timezone, time_ns)
    trade = Trade("sell" if sells else "buy", size, price, day, kind, symbol)
    try:
        fees = schedule.charge(trade)
    except ConfigError:
        # A day before the tables begin: the newest rates are better than none.
        fees = schedule.charge(trade._replace(date=None))
    return [(line.name.title(), float(line.amount)) for line in fees.lines if line.amount]
