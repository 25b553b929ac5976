"""Currency pairs: pips and pipettes."""

from __future__ import annotations

import datetime

import pytest

from btstores.markets import forex

RULES = forex.RULES
DAY = datetime.date(2026, 11, 2)


@pytest.mark.parametrize(
    ("symbol", "pip", "pipette"),
    [
        ("EUR_USD", 0.0001, 0.00001),
        ("GBP_CHF", 0.0001, 0.00001),
        ("AUD_NZD", 0.0001, 0.00001),
        ("USD_CAD", 0.0001, 0.00001),
        ("USD_JPY", 0.01, 0.001),
        ("EUR_JPY", 0.01, 0.001),
    ],
)
def test_pips_and_their_tenths(symbol, pip, pipette):
    assert forex.pip_of(symbol) == pip
    assert RULES.tick_table_of(symbol, DAY).tick_at(1.0) == pipette


def test_rounding_to_pipettes():
    euro, yen = RULES.tick_table_of("EUR_USD", DAY), RULES.tick_table_of("USD_JPY", DAY)
    assert euro.is_on_grid(1.08345)
    assert not euro.is_on_grid(1.083455)
    assert euro.round(1.083455, -1) == 1.08345
    assert euro.round(1.083455, 1) == 1.08346
    assert yen.round(151.2345, -1) == 151.234
    assert yen.round(151.2345, 1) == 151.235


@pytest.mark.parametrize("symbol", ["XAU_USD", "USD_HUF", "EURUSD", "EUR_", "_JPY", "BTC/USDT"])
def test_of_other_pairs_the_venue_has_to_tell(symbol):
    assert forex.pip_of(symbol) is None
    assert RULES.tick_table_of(symbol, DAY) is None


def test_sizes_are_the_venues_own():
    assert RULES.size_rule_of("EUR_USD", DAY, lot=1000.0) is None
    assert RULES.sellable("EUR_USD", 1000.0, 1000.0) == 1000.0
