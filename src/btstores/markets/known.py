"""The markets that we know, each put together of its hours, rules and fees."""

from __future__ import annotations

from typing import Callable, Dict

from btstores.markets import MarketConfig, MarketType, crypto, forex, futures, hk, hours, us
from btstores.markets import cn as china
from btstores.markets.feetables import SCHEDULES

__all__ = ["KNOWN", "known_market"]

_T = MarketType


def _config(
    market: MarketType, name: str, currency: str, timezone: str, **more: object
) -> Callable[[], MarketConfig]:
    fees = SCHEDULES.get(market.value)
    values: Dict[str, object] = {"name": name, "currency": currency, "fees": fees, **more}
    return lambda: MarketConfig(market, timezone=timezone, **values)  # type: ignore[arg-type]


#: What is known of each market. Hours of Chinese futures are those of products without a night
#: session: the others have `btstores.markets.hours.cn_future`.
KNOWN: Dict[MarketType, Callable[[], MarketConfig]] = {
    _T.HK_STOCK: _config(
        _T.HK_STOCK,
        "Stocks in Hong Kong",
        "HKD",
        "Asia/Hong_Kong",
        sessions=hours.HK_STOCK,
        rules=hk.RULES,
    ),
    _T.HK_FUTURE: _config(
        _T.HK_FUTURE,
        "Futures in Hong Kong",
        "HKD",
        "Asia/Hong_Kong",
        sessions=hours.HK_FUTURE,
        rules=futures.RULES,
    ),
    _T.US_STOCK: _config(
        _T.US_STOCK,
        "Stocks in the United States",
        "USD",
        "America/New_York",
        sessions=hours.US_STOCK,
        rules=us.RULES,
    ),
    _T.US_FUTURE: _config(
        _T.US_FUTURE,
        "Futures of CME Group",
        "USD",
        "America/Chicago",
        sessions=hours.US_FUTURE,
        rules=futures.RULES,
    ),
    _T.CN_STOCK: _config(
        _T.CN_STOCK,
        "Stocks in Shanghai, Shenzhen and Beijing",
        "CNY",
        "Asia/Shanghai",
        sessions=hours.CN_STOCK,
        rules=china.RULES,
    ),
    _T.CN_FUTURE: _config(
        _T.CN_FUTURE,
        "Futures in mainland China",
        "CNY",
        "Asia/Shanghai",
        sessions=hours.cn_future(None),
        rules=futures.RULES,
    ),
    _T.FOREX: _config(
        _T.FOREX,
        "Foreign exchange",
        "USD",
        "America/New_York",
        sessions=hours.FOREX,
        rules=forex.RULES,
    ),
    _T.CRYPTO: _config(
        _T.CRYPTO, "Crypto exchanges", "USDT", "UTC", sessions=hours.CRYPTO, rules=crypto.RULES
    ),
}


def known_market(market: MarketType) -> MarketConfig:
    """Return what is known of a market; of one without tables the bare defaults."""
    make = KNOWN.get(market)
    return make() if make is not None else MarketConfig(market)
