"""Rates of exchange: direct, inverse, crossed; never guessed, never old."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btstores.errors import ConfigError, UsageError
from btstores.markets.currencies import Rate, RateError, Rates, RateStaleError, convert

SECOND = 1_000_000_000


@pytest.fixture
def rates():
    table = Rates("USD")
    table.set("USD", "HKD", 7.8)
    table.set("EUR", "USD", 1.2)
    table.set("USD", "JPY", 150.0)
    return table


@pytest.mark.parametrize(
    ("amount", "source", "target", "expected"),
    [
        (100, "USD", "USD", 100),
        (100, "XYZ", "XYZ", 100),  # needs no rate
        (100, "USD", "HKD", 780),
        (780, "HKD", "USD", 100),
        (100, "EUR", "USD", 120),
        (120, "USD", "EUR", 100),
        # through the dollar: 100 x 1.2 x 7.8, 936 / 7.8 / 1.2
        (100, "EUR", "HKD", 936),
        (936, "HKD", "EUR", 100),
        # 780 / 7.8 x 150
        (780, "HKD", "JPY", 15_000),
        (-780, "HKD", "USD", -100),
        (0, "HKD", "USD", 0),
    ],
)
def test_amounts_in_another_currency(rates, amount, source, target, expected):
    assert convert(amount, source, target, rates) == pytest.approx(expected, rel=1e-12)


def test_a_pairs_own_rate_goes_before_the_cross(rates):
    rates.set("EUR", "HKD", 9.5)  # the cross would be 9.36
    assert rates.rate("EUR", "HKD") == 9.5
    assert rates.rate("HKD", "EUR") == pytest.approx(1 / 9.5)


def test_the_newest_rate_replaces_the_earlier_one_in_both_directions(rates):
    rates.set("HKD", "USD", 0.125, 5)
    assert rates.rate("HKD", "USD") == 0.125
    assert rates.rate("USD", "HKD") == 8
    assert [rate for rate in rates if "HKD" in rate[:2]] == [Rate("HKD", "USD", 0.125, 5)]


@pytest.mark.parametrize("pair", [("USD", "CNY"), ("CNY", "USD"), ("CNY", "HKD"), ("HKD", "CNY")])
def test_a_missing_rate_is_an_error_that_names_the_pair(rates, pair):
    with pytest.raises(RateError) as missing:
        rates.rate(*pair)
    assert "/".join(pair) in str(missing.value)
    assert missing.value.pair == pair
    assert missing.value.code == "RATE_MISSING"
    assert isinstance(missing.value, UsageError)


def test_two_currencies_of_one_country_are_not_the_same(rates):
    rates.set("USD", "CNY", 7.1)
    with pytest.raises(RateError, match="USD/CNH"):
        rates.rate("USD", "CNH")


def test_a_cross_goes_through_the_base_alone(rates):
    rates.set("HKD", "CNY", 0.91)
    with pytest.raises(RateError, match="USD/CNY, nor a cross through USD"):
        rates.rate("USD", "CNY")


# Age


@pytest.fixture
def aging():
    table = Rates("USD", max_age_ns=60 * SECOND)
    table.set("USD", "HKD", 7.8, 100 * SECOND)
    table.set("EUR", "USD", 1.2, 130 * SECOND)
    table.set("USD", "AED", 3.6725)  # pegged: never ages
    return table


def test_a_rate_may_be_as_old_as_allowed(aging):
    assert aging.rate("USD", "HKD", 160 * SECOND) == 7.8
    assert aging.rate("USD", "AED", 9_999 * SECOND) == 3.6725
    assert aging.rate("HKD", "HKD") == 1


@pytest.mark.parametrize("pair", [("USD", "HKD"), ("HKD", "USD"), ("EUR", "HKD"), ("HKD", "EUR")])
def test_an_old_rate_is_an_error_that_names_the_pair_and_the_age(aging, pair):
    with pytest.raises(RateStaleError) as stale:
        aging.rate(*pair, now_ns=161 * SECOND)
    assert str(stale.value) == "the rate of USD/HKD is 61 s old, 60 s are allowed"
    assert stale.value.code == "RATE_STALE"
    assert stale.value.pair == ("USD", "HKD")


def test_a_table_whose_rates_age_needs_the_time(aging):
    with pytest.raises(ConfigError, match="now_ns"):
        aging.rate("USD", "HKD")


# Bad input


@pytest.mark.parametrize("value", [0, -7.8, float("nan"), float("inf"), "7.8", None, True])
def test_a_rate_is_a_number_above_zero(rates, value):
    with pytest.raises(ConfigError, match="number above 0"):
        rates.set("USD", "HKD", value)
    assert rates.rate("USD", "HKD") == 7.8


@pytest.mark.parametrize("code", ["", "usd", "U", "US$", "USD ", None, 5, "USD\n"])
def test_a_currency_is_a_code(rates, code):
    for call in (
        lambda: rates.set(code, "USD", 1.0),
        lambda: rates.set("USD", code, 1.0),
        lambda: rates.rate("USD", code),
        lambda: rates.rate(code, "USD"),
        lambda: Rates(code),
    ):
        with pytest.raises(ConfigError, match="a currency such as"):
            call()


def test_a_currency_has_no_rate_to_itself(rates):
    with pytest.raises(ConfigError, match="between two currencies"):
        rates.set("USD", "USD", 1.0)


# Properties


@given(st.floats(1e-6, 1e6), st.floats(1e-6, 1e6), st.floats(-1e9, 1e9))
def test_there_and_back_is_the_same_amount(first, second, amount):
    rates = Rates("USD")
    rates.set("EUR", "USD", first)
    rates.set("USD", "JPY", second)
    there = convert(amount, "EUR", "JPY", rates)
    assert convert(there, "JPY", "EUR", rates) == pytest.approx(amount, rel=1e-9)
