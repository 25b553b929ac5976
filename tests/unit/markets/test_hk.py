"""Hong Kong's spread tables at every border, by date and kind. Expected ticks are by hand."""

from __future__ import annotations

import datetime

import pytest

from btstores.markets import hk
from btstores.reports import OrderType, Side

RULES = hk.RULES
BEFORE, PHASE_1, PHASE_2 = (
    datetime.date(2024, 6, 3),
    datetime.date(2025, 12, 1),
    datetime.date(2026, 11, 2),
)

# Just below, at and just above each border.
OLD = [
    (0.01, 0.001),
    (0.249, 0.001),
    (0.25, 0.005),
    (0.255, 0.005),
    (0.495, 0.005),
    (0.50, 0.01),
    (0.51, 0.01),
    (9.99, 0.01),
    (10.00, 0.02),
    (10.02, 0.02),
    (19.98, 0.02),
    (20.00, 0.05),
    (20.05, 0.05),
    (99.95, 0.05),
    (100.0, 0.1),
    (100.1, 0.1),
    (199.9, 0.1),
    (200.0, 0.2),
    (200.2, 0.2),
    (499.8, 0.2),
    (500.0, 0.5),
    (500.5, 0.5),
    (999.5, 0.5),
    (1000.0, 1.0),
    (1001.0, 1.0),
    (1999.0, 1.0),
    (2000.0, 2.0),
    (2002.0, 2.0),
    (4998.0, 2.0),
    (5000.0, 5.0),
    (5005.0, 5.0),
    (9995.0, 5.0),
]
NEW_2025 = [
    *(row for row in OLD if row[0] < 10),
    (10.00, 0.01),
    (10.01, 0.01),
    (19.99, 0.01),
    (20.00, 0.02),
    (20.02, 0.02),
    (49.98, 0.02),
    (50.00, 0.05),
    (50.05, 0.05),
    *(row for row in OLD if row[0] > 99),
]
NEW_2026 = [
    (0.01, 0.001),
    (0.249, 0.001),
    (0.25, 0.005),
    (0.495, 0.005),
    (0.50, 0.005),
    (0.505, 0.005),
    (9.995, 0.005),
    *(row for row in NEW_2025 if row[0] >= 10),
]
ETF = [
    (0.01, 0.001),
    (0.25, 0.001),
    (0.999, 0.001),
    (1.0, 0.002),
    (1.002, 0.002),
    (4.998, 0.002),
    (5.0, 0.005),
    (5.005, 0.005),
    (9.995, 0.005),
    (10.0, 0.01),
    (10.01, 0.01),
    (19.99, 0.01),
    (20.0, 0.02),
    (20.02, 0.02),
    (99.98, 0.02),
    (100.0, 0.05),
    (100.05, 0.05),
    (199.95, 0.05),
    (200.0, 0.1),
    (200.1, 0.1),
    (499.9, 0.1),
    (500.0, 0.2),
    (500.2, 0.2),
    (999.8, 0.2),
    (1000.0, 0.5),
    (1000.5, 0.5),
    (1999.5, 0.5),
    (2000.0, 1.0),
    (2001.0, 1.0),
    (9999.0, 1.0),
]


def rows(kind, day, expected):
    return [(kind, day, price, tick) for price, tick in expected]


@pytest.mark.parametrize(
    ("kind", "day", "price", "tick"),
    [
        *rows("stock", BEFORE, OLD),
        *rows("stock", PHASE_1, NEW_2025),
        *rows("stock", PHASE_2, NEW_2026),
        *rows("etf", PHASE_2, ETF),
        *rows("warrant", PHASE_2, OLD),
    ],
)
def test_the_spread_of_a_price(kind, day, price, tick):
    table = RULES.tick_table_of("HK.00700", day, kind)
    assert table.tick_at(price) == tick
    assert table.is_on_grid(price)


@pytest.mark.parametrize(
    ("day", "price", "down", "up"),
    [
        (BEFORE, 10.003, 10.0, 10.02),
        (BEFORE, 9.995, 9.99, 10.0),
        (BEFORE, 19.99, 19.98, 20.0),
        (BEFORE, 20.01, 20.0, 20.05),
        (PHASE_1, 19.995, 19.99, 20.0),
        (PHASE_1, 20.01, 20.0, 20.02),
        (PHASE_1, 49.99, 49.98, 50.0),
        (PHASE_1, 50.01, 50.0, 50.05),
        (PHASE_2, 0.2495, 0.249, 0.25),
        (PHASE_2, 0.251, 0.25, 0.255),
        (PHASE_2, 9.999, 9.995, 10.0),
        (PHASE_2, 350.25, 350.2, 350.4),
        (PHASE_2, 499.9, 499.8, 500.0),
        (PHASE_2, 4999.0, 4998.0, 5000.0),
    ],
)
def test_rounding_around_the_borders(day, price, down, up):
    table = RULES.tick_table_of("HK.00700", day)
    assert not table.is_on_grid(price)
    assert table.round(price, -1) == down
    assert table.round(price, 1) == up
    assert table.is_on_grid(down)
    assert table.is_on_grid(up)


@pytest.mark.parametrize(
    ("kind", "day", "price", "tick"),
    [
        ("stock", "2006-08-01", 15.0, 0.02),
        ("stock", "2025-08-01", 15.0, 0.02),
        ("stock", "2025-08-03", 15.0, 0.02),
        ("stock", "2025-08-04", 15.0, 0.01),
        ("stock", "2025-08-01", 30.0, 0.05),
        ("stock", "2025-08-04", 30.0, 0.02),
        ("stock", "2025-08-04", 5.0, 0.01),
        ("stock", "2026-07-31", 5.0, 0.01),
        ("stock", "2026-08-02", 5.0, 0.01),
        ("stock", "2026-08-03", 5.0, 0.005),
        ("etf", "2020-05-29", 15.0, 0.02),
        ("etf", "2020-06-01", 15.0, 0.01),
        ("etf", "2026-08-03", 5.0, 0.005),
        ("warrant", "2025-08-04", 15.0, 0.02),
        ("warrant", "2026-08-03", 5.0, 0.01),
    ],
)
def test_tables_change_on_their_days(kind, day, price, tick):
    table = RULES.tick_table_of("HK.00700", datetime.date.fromisoformat(day), kind)
    assert table.tick_at(price) == tick


def test_before_the_first_known_day_there_is_no_table():
    assert RULES.tick_table_of("HK.00700", datetime.date(2006, 7, 31)) is None


@pytest.mark.parametrize(
    ("symbol", "tick"),
    [("HK.00700", 0.01), ("HK.09988", 0.01), ("HK.13579", 0.02), ("HK.28888", 0.02),
     ("HK.65432", 0.02), ("HK.80700", 0.01)],
)  # fmt: skip
def test_warrants_are_known_by_their_codes(symbol, tick):
    assert RULES.tick_table_of(symbol, PHASE_2).tick_at(15.0) == tick


@pytest.mark.parametrize("symbol", ["HK.700", "HK.HSI2612", "US.00700", "00700", "HK.007000"])
def test_other_symbols_have_no_table(symbol):
    assert RULES.tick_table_of(symbol, PHASE_2) is None


def test_an_unknown_kind_has_no_table():
    assert RULES.tick_table_of("HK.00700", PHASE_2, "bond") is None


def test_the_largest_order_is_3000_of_the_venues_lots():
    rule = RULES.size_rule_of("HK.00700", PHASE_2, lot=100)
    assert rule.most_of(OrderType.LIMIT) == 300_000
    assert rule.accepts(Side.BUY, 300.0)
    assert not rule.accepts(Side.BUY, 350.0)
    larger = RULES.size_rule_of("HK.00005", PHASE_2, lot=400)
    assert larger.most_of(OrderType.MARKET) == 1_200_000
    assert RULES.size_rule_of("US.AAPL", PHASE_2, lot=100) is None
    day = datetime.date(2020, 10, 16)
    assert RULES.size_rule_of("HK.00700", day, lot=100) is None


def test_lots_and_limits_are_left_to_the_venue():
    assert RULES.size_rule_of("HK.00700", PHASE_2) is None
    assert RULES.limits_of("HK.00700", 350.0, PHASE_2) is None


def test_shares_are_sold_at_once_and_settled_on_the_second_day():
    assert RULES.sellable("HK.00700", 300.0, 300.0) == 300.0
    assert RULES.settlement_days("HK.00700", PHASE_2) == 2
    assert RULES.settlement_days("HK.00700", datetime.date(2014, 11, 16)) is None
    assert RULES.settlement_days("US.AAPL", PHASE_2) is None


def test_short_sales_are_of_listed_stocks_and_not_below_the_ask():
    assert RULES.short_sale.listed_only is True
    assert RULES.short_sale.floor == "ask"
    assert RULES.short_sale.floor_after_fall is None
