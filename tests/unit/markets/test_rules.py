"""Types and arithmetic of the rules. Grids are told again in decimals, and not by the code."""

from __future__ import annotations

import datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btstores.errors import ConfigError
from btstores.markets import MarketType, cn, crypto, forex, futures, get_market_config, hk, us
from btstores.markets.rules import LimitRule, SizeRule, Source, TickTable, in_force
from btstores.reports import OrderType, Side

DAY = datetime.date(2020, 1, 1)
SOURCE = Source("a document", "https://example.com", DAY)
ALL_RULES = (hk.RULES, us.RULES, cn.RULES, futures.RULES, forex.RULES, crypto.RULES)
TABLES = [
    *(table for tables in hk.TICKS.values() for table in tables),
    *us.TICKS,
    *(table for tables in cn.TICKS.values() for table in tables),
    *(table for contract in futures.CONTRACTS.values() for table in contract.ticks),
    forex.RULES.tick_table_of("EUR_USD", DAY),
    forex.RULES.tick_table_of("USD_JPY", DAY),
]


def decimal_of(value):
    return Decimal(repr(float(value)))


def is_on_grid_of_its_row(table, price):
    """Return whether a price is a whole number of its own row's ticks, counted in decimals."""
    tick = [tick for start, tick in table.rows if start <= price][-1]
    return decimal_of(price) % decimal_of(tick) == 0


@settings(max_examples=600, deadline=None)
@given(
    st.sampled_from(TABLES),
    st.floats(0.011, 12000.0, allow_nan=False),
    st.sampled_from([-1, 0, 1]),
)
def test_a_rounded_price_is_on_the_grid_of_the_row_it_falls_into(table, price, direction):
    rounded = table.round(price, direction)
    if rounded > 0:
        assert is_on_grid_of_its_row(table, rounded)
        assert table.is_on_grid(rounded)
    assert table.round(rounded, direction) == rounded or rounded == 0
    moved = decimal_of(rounded) - decimal_of(price)
    tick = decimal_of(table.tick_at(price))
    assert abs(moved) < tick
    dust = tick * Decimal("1.1e-6")
    assert direction != -1 or moved <= dust, "a buy's limit got worse"
    assert direction != 1 or moved >= -dust, "a sale's limit got worse"


BORDERS = [(table, border) for table in TABLES for border, _ in table.rows[1:]]


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(BORDERS),
    st.floats(-3.0, 3.0, allow_nan=False),
    st.sampled_from([-1, 0, 1]),
)
def test_rounding_near_a_border_stays_on_a_grid(at, ticks, direction):
    table, border = at
    price = border + ticks * table.tick_at(border - 1e-9)
    rounded = table.round(price, direction)
    assert is_on_grid_of_its_row(table, rounded)
    assert (rounded - price) * direction >= -1.1e-6 * table.tick_at(price)


def test_dust_beside_a_border_is_forgiven():
    table = hk.TICKS["stock"][0]
    assert table.round(5000 + 4e-6, 1) == 5000.0
    assert table.round(5000 - 1e-6, -1) == 5000.0
    assert table.round(5000 + 1e-4, 1) == 5005.0
    assert table.round(5000 - 1e-4, -1) == 4998.0


def test_there_are_borders_to_look_at():
    assert len(BORDERS) >= 40
    assert len(TABLES) >= 55


@pytest.mark.parametrize(
    "rows",
    [
        (),
        ((1.0, 0.01), (0.5, 0.02)),
        ((1.0, 0.01), (1.0, 0.02)),
        ((1.0, 0.0),),
        ((0.0, 0.01), (1.005, 0.005)),  # not on the grid below
        ((0.0, 0.01), (1.01, 0.02)),  # not on its own
    ],
)
def test_a_table_whose_borders_fit_no_grid_is_refused(rows):
    with pytest.raises(ConfigError, match="rows"):
        TickTable(rows, SOURCE)


def test_there_is_no_tick_below_the_first_row():
    table = TickTable(((0.01, 0.001),), SOURCE)
    assert table.tick_at(0.009) is None
    assert table.round(0.009) is None
    assert table.is_on_grid(0.009) is False


def test_the_newest_rule_that_is_effective_holds():
    first = SizeRule(SOURCE, 1.0, 1.0)
    second = SizeRule(SOURCE._replace(effective=datetime.date(2021, 6, 1)), 2.0, 1.0)
    assert in_force((first, second), datetime.date(2019, 12, 31)) is None
    assert in_force((first, second), datetime.date(2020, 1, 1)) is first
    assert in_force((first, second), datetime.date(2021, 5, 31)) is first
    assert in_force((first, second), datetime.date(2021, 6, 1)) is second
    assert in_force((), DAY) is None


def test_largest_sizes_are_told_by_type():
    rule = SizeRule(SOURCE, 1.0, 1.0, 100.0, 50.0)
    for order_type in (OrderType.LIMIT, OrderType.STOP_LIMIT, OrderType.STOP_TRAIL_LIMIT):
        assert rule.most_of(order_type) == 100.0
    for order_type in (OrderType.MARKET, OrderType.CLOSE, OrderType.STOP, OrderType.STOP_TRAIL):
        assert rule.most_of(order_type) == 50.0


def test_steps_are_counted_from_the_least_size():
    rule = SizeRule(SOURCE, 150.0, 100.0)
    assert [size for size in (100, 150, 200, 250, 300) if rule.accepts(Side.BUY, size)] == [
        150,
        250,
    ]


def test_an_odd_rest_is_not_sold_where_it_may_not():
    rule = SizeRule(SOURCE, 100.0, 100.0)
    assert rule.accepts(Side.SELL, 200.0, 250.0)
    assert not rule.accepts(Side.SELL, 50.0, 250.0)


@settings(max_examples=300, deadline=None)
@given(
    st.integers(1, 10**6),
    st.sampled_from(["0.05", "0.1", "0.2", "0.3"]),
    st.sampled_from(["0.01", "0.001"]),
)
def test_limits_are_on_the_grid_and_less_than_a_tick_from_the_percentage(steps, part, tick):
    previous, part = Decimal(tick) * steps, Decimal(part)
    low, high = LimitRule(SOURCE, part, part).prices(float(previous), float(tick))
    assert decimal_of(low) % Decimal(tick) == 0
    assert decimal_of(high) % Decimal(tick) == 0
    assert low < high
    assert abs(decimal_of(high) - previous * (1 + part)) <= Decimal(tick)
    assert abs(decimal_of(low) - previous * (1 - part)) <= Decimal(tick)


@pytest.mark.parametrize("previous", [0.0, -1.0, float("nan"), float("inf")])
def test_limits_need_a_price(previous):
    with pytest.raises(ConfigError, match="previous_close"):
        LimitRule(SOURCE, Decimal("0.1"), Decimal("0.1")).prices(previous, 0.01)


def test_every_table_has_a_source():
    for rules in ALL_RULES:
        assert rules is crypto.RULES or rules.sources
        for source in rules.sources:
            assert source.document
            assert source.url.startswith("http")
            assert datetime.date(1990, 1, 1) < source.effective < datetime.date(2028, 1, 1)
    named = {source._replace(effective=DAY) for rules in ALL_RULES for source in rules.sources}
    assert {table.source._replace(effective=DAY) for table in TABLES} <= named


@pytest.mark.parametrize("rules", ALL_RULES)
@pytest.mark.parametrize("symbol", ["", "X", "ZZ.1", "HK.7", "US", "SH.123", "日本"])
def test_what_is_not_known_is_none(rules, symbol):
    assert rules.tick_table_of(symbol, DAY) is None
    assert rules.size_rule_of(symbol, DAY) is None
    assert rules.size_rule_of(symbol, datetime.date.max, lot=100.0) is None
    assert rules.limits_of(symbol, 10.0, DAY) is None
    assert rules.settlement_days(symbol, DAY) in (None, 0)


def test_crypto_is_left_to_the_venue():
    assert crypto.RULES.tick_table_of("BTC/USDT", DAY) is None
    assert crypto.RULES.size_rule_of("BTC/USDT", DAY, lot=0.001) is None
    assert crypto.RULES.sellable("BTC/USDT", 2.0, 2.0) == 2.0
    assert crypto.RULES.settlement_days("BTC/USDT", DAY) == 0


@pytest.mark.parametrize(
    ("market", "time", "day"),
    [
        # The next trading day has begun when the last one has ended.
        (MarketType.HK_STOCK, "2024-06-13T16:09:00+08:00", "2024-06-13"),
        (MarketType.HK_STOCK, "2024-06-13T16:10:00+08:00", "2024-06-14"),
        (MarketType.FOREX, "2024-06-14T16:59:00-04:00", "2024-06-14"),
        (MarketType.FOREX, "2024-06-14T17:00:00-04:00", "2024-06-17"),
        # Without hours it is the date.
        (MarketType.UNKNOWN, "2024-06-15T23:59:00+00:00", "2024-06-15"),
    ],
)
def test_the_trading_day_of_a_market(market, time, day):
    time_ns = int(datetime.datetime.fromisoformat(time).timestamp()) * 1_000_000_000
    assert get_market_config(market).trading_day(time_ns).isoformat() == day
