"""Options by market."""

from __future__ import annotations

import datetime

import pytest

from btstores.markets import MarketType, get_market_config
from btstores.reports import Side

DAY = datetime.date(2026, 11, 2)


@pytest.mark.parametrize(
    ("market", "symbol", "settled"),
    [
        (MarketType.HK_OPTION, "HK.TCH261230C600000", 1),
        (MarketType.US_OPTION, "US.AAPL261218C250000", 1),
        (MarketType.CN_OPTION, "SH.10010001", 0),
    ],
)
def test_whole_contracts_and_the_settlement_of_the_premium(market, symbol, settled):
    rules = get_market_config(market).rules
    sizes = rules.size_rule_of(symbol, DAY)
    assert sizes.accepts(Side.BUY, 3.0)
    assert not sizes.accepts(Side.BUY, 0.5)
    assert rules.settlement_days(symbol, DAY) == settled
    assert rules.tick_table_of(symbol, DAY) is None, "it is the venue's"
    assert sizes.source in rules.sources
