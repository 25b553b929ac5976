"""The markets that we know, each put together of its hours, rules and fees."""

from __future__ import annotations

import dataclasses

from btstores.markets import (
    MarketConfig,
    MarketType,
    crypto,
    forex,
    futures,
    hk,
    hours,
    options,
    us,
)
from btstores.markets import cn as china
from btstores.markets.feetables import SCHEDULES

__all__ = ["known_market"]

#: What is known of each market.
_KNOWN = (
    MarketConfig(
        MarketType.HK_STOCK,
        "HKD",
        "Asia/Hong_Kong",
        sessions=hours.HK_STOCK,
        rules=hk.RULES,
        name="Stocks in Hong Kong",
    ),
    MarketConfig(
        MarketType.HK_FUTURE,
        "HKD",
        "Asia/Hong_Kong",
        sessions=hours.HK_FUTURE,
        rules=futures.RULES,
        name="Futures in Hong Kong",
    ),
    MarketConfig(
        MarketType.HK_OPTION,
        "HKD",
        "Asia/Hong_Kong",
        sessions=hours.HK_OPTION,
        rules=options.HK_STOCK,
        name="Options on stocks in Hong Kong",
    ),
    MarketConfig(
        MarketType.US_STOCK,
        "USD",
        "America/New_York",
        sessions=hours.US_STOCK,
        rules=us.RULES,
        name="Stocks in the United States",
    ),
    MarketConfig(
        MarketType.US_FUTURE,
        "USD",
        "America/Chicago",
        sessions=hours.US_FUTURE,
        rules=futures.RULES,
        name="Futures of CME Group",
    ),
    MarketConfig(
        MarketType.US_OPTION,
        "USD",
        "America/New_York",
        sessions=hours.US_OPTION,
        rules=options.US_STOCK,
        name="Options on stocks in the United States",
    ),
    MarketConfig(
        MarketType.CN_STOCK,
        "CNY",
        "Asia/Shanghai",
        sessions=hours.CN_STOCK,
        rules=china.RULES,
        name="Stocks in Shanghai, Shenzhen and Beijing",
    ),
    MarketConfig(
        MarketType.CN_FUTURE,
        "CNY",
        "Asia/Shanghai",
        sessions=hours.cn_future(None),
        product_sessions=hours.CN_FUTURES,
        rules=futures.RULES,
        name="Futures in mainland China",
    ),
    MarketConfig(
        MarketType.CN_OPTION,
        "CNY",
        "Asia/Shanghai",
        sessions=hours.CN_OPTION,
        rules=options.CN_ETF,
        name="Options on funds in Shanghai and Shenzhen",
    ),
    MarketConfig(
        MarketType.FOREX,
        "USD",
        "America/New_York",
        sessions=hours.FOREX,
        rules=forex.RULES,
        name="Foreign exchange",
    ),
    MarketConfig(
        MarketType.CRYPTO,
        "USDT",
        "UTC",
        sessions=hours.CRYPTO,
        rules=crypto.RULES,
        name="Crypto exchanges",
    ),
)
_BY_TYPE = {
    config.market: dataclasses.replace(config, fees=SCHEDULES.get(config.market.value))
    for config in _KNOWN
}


def known_market(market: MarketType) -> MarketConfig:
    """Return what is known of a market; of one without tables the bare defaults."""
    return _BY_TYPE.get(market) or MarketConfig(market)
