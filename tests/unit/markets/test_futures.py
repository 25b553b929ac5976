"""Futures by product. Expected terms are those of the exchanges' contracts, by hand."""

from __future__ import annotations

import datetime

import pytest

from btstores.markets import futures
from btstores.reports import OrderType, Side

RULES = futures.RULES
DAY = datetime.date(2026, 11, 2)


@pytest.mark.parametrize(
    ("symbol", "multiplier", "tick", "currency"),
    [
        ("SHFE.rb2610", 10, 1, "CNY"),
        ("SHFE.cu2612", 5, 10, "CNY"),
        ("SHFE.al2612", 5, 5, "CNY"),
        ("SHFE.au2612", 1000, 0.02, "CNY"),
        ("SHFE.ag2612", 15, 1, "CNY"),
        ("INE.sc2612", 1000, 0.1, "CNY"),
        ("DCE.i2701", 100, 0.5, "CNY"),
        ("DCE.m2701", 10, 1, "CNY"),
        ("DCE.jm2701", 60, 0.5, "CNY"),
        ("DCE.j2701", 100, 0.5, "CNY"),
        ("CZCE.SR701", 10, 1, "CNY"),
        ("CZCE.TA701", 5, 2, "CNY"),
        ("CFFEX.IF2612", 300, 0.2, "CNY"),
        ("CFFEX.IH2612", 300, 0.2, "CNY"),
        ("CFFEX.IC2612", 200, 0.2, "CNY"),
        ("CFFEX.IM2612", 200, 0.2, "CNY"),
        ("CFFEX.T2612", 10_000, 0.005, "CNY"),
        ("CFFEX.TF2612", 10_000, 0.005, "CNY"),
        ("CME.ESZ6", 50, 0.25, "USD"),
        ("CME.NQH27", 20, 0.25, "USD"),
        ("NYMEX.CLF7", 1000, 0.01, "USD"),
        ("COMEX.GCG7", 100, 0.1, "USD"),
        ("HK.HSI2612", 50, 1, "HKD"),
        ("HK.MHImain", 10, 1, "HKD"),
    ],
)
def test_terms_of_a_product(symbol, multiplier, tick, currency):
    contract = futures.contract_of(symbol)
    assert contract.multiplier == multiplier
    assert contract.currency == currency
    assert RULES.multiplier_of(symbol) == multiplier
    table = RULES.tick_table_of(symbol, DAY)
    price = 1000 * tick
    for below, on, above in ((price - tick / 2, price, price + tick / 2),):
        assert table.tick_at(below) == table.tick_at(on) == table.tick_at(above) == tick
        assert table.is_on_grid(on)
        assert not table.is_on_grid(below)
        assert table.round(below, 1) == table.round(above, -1) == pytest.approx(on)


@pytest.mark.parametrize("symbol", ["SHFE.rb", "SHFE.RB2610", "SHFE.rb2610", "SHFE.rbmain"])
def test_how_a_product_is_written(symbol):
    assert futures.contract_of(symbol).code == "rb"


@pytest.mark.parametrize(
    "symbol", ["SHFE.cu2610C70000", "DCE.rb2610", "SHFE.xx2610", "HK.00700", "rb2610", "SHFE."]
)
def test_options_and_products_that_are_not_there(symbol):
    assert futures.contract_of(symbol) is None
    assert RULES.tick_table_of(symbol, DAY) is None
    assert RULES.multiplier_of(symbol) is None
    assert RULES.margin_of(symbol) is None


@pytest.mark.parametrize(
    ("day", "tick"),
    [("2014-08-31", None), ("2014-09-01", 0.05), ("2019-12-09", 0.05), ("2019-12-10", 0.02)],
)
def test_gold_got_a_smaller_tick(day, tick):
    table = RULES.tick_table_of("SHFE.au2612", datetime.date.fromisoformat(day))
    assert (table and table.tick_at(400.0)) == tick


@pytest.mark.parametrize(
    ("symbol", "limit", "margin"),
    [
        ("SHFE.rb2610", 0.03, 0.05),
        ("CFFEX.IF2612", 0.1, 0.08),
        ("CFFEX.T2612", 0.02, 0.02),
        ("DCE.i2701", 0.04, 0.05),
        ("CZCE.TA701", 0.04, 0.05),
        ("SHFE.au2612", 0.03, None),
        ("CFFEX.IM2612", None, None),
        ("CME.ESZ6", None, None),
    ],
)
def test_limits_and_margins_of_the_text_are_told_and_refuse_nothing(symbol, limit, margin):
    assert futures.contract_of(symbol).limit == limit
    assert RULES.margin_of(symbol) == margin
    assert RULES.limits_of(symbol, 3000.0, DAY) is None


def test_sizes_are_whole_contracts():
    rule = RULES.size_rule_of("SHFE.rb2610", DAY)
    assert rule.step == 1
    for side in Side:
        assert rule.accepts(side, 1.0) is True
        assert rule.accepts(side, 0.5, held=0.5) is False
        assert rule.accepts(side, 1.5) is False


@pytest.mark.parametrize(
    ("symbol", "limit", "market"),
    [
        ("CFFEX.IF2612", 20, 10),
        ("CFFEX.IC2612", 20, None),
        ("SHFE.cu2612", 500, None),
        ("SHFE.rb2610", None, None),
        ("CME.ESZ6", None, None),
    ],
)
def test_largest_orders(symbol, limit, market):
    assert RULES.size_rule_of(symbol, DAY).most_of(OrderType.LIMIT) == limit
    assert RULES.size_rule_of(symbol, DAY).most_of(OrderType.MARKET) == market


def test_contracts_are_closed_on_the_same_day():
    assert RULES.sellable("SHFE.rb2610", 3.0, 3.0) == 3.0
    assert RULES.settlement_days("SHFE.rb2610", DAY) == 0
