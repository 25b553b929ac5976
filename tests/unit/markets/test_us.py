"""United States stocks. Expected values are those of the rules, by hand."""

from __future__ import annotations

import datetime

import pytest

from btstores.markets import us
from btstores.reports import OrderType, Side

RULES = us.RULES
DAY = datetime.date(2026, 11, 2)


@pytest.mark.parametrize(
    ("price", "tick"),
    [(0.0001, 0.0001), (0.5, 0.0001), (0.9999, 0.0001), (1.0, 0.01), (1.01, 0.01), (9999.0, 0.01)],
)
def test_ticks_below_and_from_a_dollar(price, tick):
    table = RULES.tick_table_of("US.AAPL", DAY)
    assert table.tick_at(price) == tick
    assert table.is_on_grid(price)


@pytest.mark.parametrize(
    ("price", "down", "up"),
    [
        (0.99985, 0.9998, 0.9999),
        (0.99995, 0.9999, 1.0),
        (1.0001, 1.0, 1.01),
        (1.005, 1.0, 1.01),
        (190.125, 190.12, 190.13),
    ],
)
def test_rounding_around_a_dollar(price, down, up):
    table = RULES.tick_table_of("US.AAPL", DAY)
    assert not table.is_on_grid(price)
    assert table.round(price, -1) == down
    assert table.round(price, 1) == up


def test_when_half_pennies_may_be_the_venue_has_to_tell():
    assert RULES.tick_table_of("US.AAPL", datetime.date(2027, 10, 29)).tick_at(5.0) == 0.01
    assert RULES.tick_table_of("US.AAPL", datetime.date(2027, 11, 1)) is None
    assert RULES.tick_table_of("US.AAPL", datetime.date(2006, 1, 30)) is None


@pytest.mark.parametrize(
    ("day", "days"),
    [
        ("2017-09-04", None),  # three, but since when is not known here
        ("2017-09-05", 2),
        ("2024-05-24", 2),
        ("2024-05-27", 2),
        ("2024-05-28", 1),
        ("2026-11-02", 1),
    ],
)
def test_settlement_became_shorter(day, days):
    assert RULES.settlement_days("US.AAPL", datetime.date.fromisoformat(day)) == days


@pytest.mark.parametrize(
    ("size", "expected"), [(1, True), (37, True), (100, True), (0.5, False), (1.5, False)]
)
def test_whole_shares_from_one(size, expected):
    rule = RULES.size_rule_of("US.AAPL", DAY)
    assert rule.accepts(Side.BUY, size) is expected
    assert rule.accepts(Side.SELL, size, held=1.5) is expected


def test_nothing_else_binds_an_order():
    rule = RULES.size_rule_of("US.AAPL", DAY)
    assert (rule.step, rule.most_of(OrderType.LIMIT)) == (1, None)
    assert RULES.limits_of("US.AAPL", 190.0, DAY) is None
    assert RULES.sellable("US.AAPL", 10.0, 10.0) == 10.0


def test_short_sales_are_bound_after_a_fall_of_a_tenth():
    assert RULES.short_sale.listed_only is False
    assert RULES.short_sale.floor == "bid"
    assert RULES.short_sale.floor_after_fall == 0.1


@pytest.mark.parametrize("symbol", ["HK.00700", "AAPL", "SH.600519"])
def test_other_symbols_have_no_rules(symbol):
    assert RULES.tick_table_of(symbol, DAY) is None
    assert RULES.size_rule_of(symbol, DAY) is None
    assert RULES.settlement_days(symbol, DAY) is None
