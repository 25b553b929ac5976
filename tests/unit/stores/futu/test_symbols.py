"""How symbols are written, and the numbers of exchanges and markets."""

from __future__ import annotations

import types

import pytest

from btstores.errors import ConfigError
from btstores.markets import MarketType
from btstores.stores.futu.symbols import (
    REAL,
    SIMULATE,
    quote_security,
    symbol_of_order,
    symbol_of_security,
    trade_market,
    trading_code,
    written,
)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("HK.00700", "HK.00700"),
        ("00700.HK", "HK.00700"),
        ("700.HK", "HK.00700"),
        ("hk.700", "HK.00700"),
        (" HK.700 ", "HK.00700"),
        ("US.AAPL", "US.AAPL"),
        ("aapl.us", "US.AAPL"),
        ("US.BRK.B", "US.BRK.B"),
        ("BRK.B.US", "US.BRK.B"),
        ("SH.600519", "SH.600519"),
        ("600519.SH", "SH.600519"),
        ("600519.SS", "SH.600519"),
        ("SZ.1", "SZ.000001"),
        ("HK.HSImain", "HK.HSImain"),
        ("US.ESmain", "US.ESmain"),
    ],
)
def test_ways_to_write_a_symbol(given, expected):
    assert written(given) == expected


@pytest.mark.parametrize("given", ["AAPL", "700", "HK.", ".HK", "", "XX.1", "US"])
def test_what_names_no_exchange_is_refused(given):
    with pytest.raises(ConfigError, match=r"expected a symbol such as 'HK\.00700'") as caught:
        written(given)
    assert caught.value.field == "dataname"


@pytest.mark.parametrize(
    ("symbol", "quotes", "orders"),
    [("HK.00700", 1, 1), ("US.AAPL", 11, 2), ("SH.600519", 21, 31), ("SZ.000001", 22, 32)],
)
def test_numbers_of_exchanges(symbol, quotes, orders):
    security = types.SimpleNamespace()
    quote_security(symbol, security)
    assert (security.market, security.code) == (quotes, symbol[3:])
    assert symbol_of_security(security) == symbol
    assert trading_code(symbol) == (orders, symbol[3:])
    assert symbol_of_order(orders, symbol[3:], 0) == symbol


def test_an_order_that_does_not_say_where_its_code_is_from_is_of_its_market():
    assert symbol_of_order(0, "00700", 1) == "HK.00700"
    assert symbol_of_order(0, "AAPL", 2) == "US.AAPL"
    assert symbol_of_order(0, "600519", 3) is None, "Shanghai or Shenzhen?"


@pytest.mark.parametrize(
    ("market", "real", "simulated"),
    [
        (MarketType.HK_STOCK, 1, 1),
        (MarketType.US_STOCK, 2, 2),
        (MarketType.CN_STOCK, 4, 3),
        (MarketType.HK_FUTURE, 5, 10),
        (MarketType.US_FUTURE, 5, 11),
    ],
)
def test_numbers_of_markets(market, real, simulated):
    assert trade_market(market, REAL) == real
    assert trade_market(market, SIMULATE) == simulated
