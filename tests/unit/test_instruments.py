"""Instruments and time frames."""

from __future__ import annotations

from decimal import Decimal

import backtrader as bt
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btstores.instruments import (
    Instrument,
    TimeFrame,
    is_on_grid,
    round_to_grid,
    timeframe_name,
)


@pytest.mark.parametrize("name", ["Ticks", "MicroSeconds", "Seconds", "Minutes", "Days", "Weeks"])
def test_time_frames_have_backtraders_numbers(name):
    assert TimeFrame[name.upper()] == getattr(bt.TimeFrame, name)


def test_all_of_backtraders_time_frames_but_none_are_there():
    assert sorted(TimeFrame) == list(range(bt.TimeFrame.Ticks, bt.TimeFrame.NoTimeFrame))


def test_a_time_frame_is_written_as_a_person_writes_it():
    assert timeframe_name(bt.TimeFrame.Minutes, 5) == "Minutes/5"
    assert timeframe_name(TimeFrame.DAYS) == "Days/1"
    with pytest.raises(ValueError, match="99"):
        timeframe_name(99)


def test_what_a_venue_does_not_say_of_an_instrument_is_none():
    instrument = Instrument("AAPL")
    assert instrument.multiplier == 1.0
    assert instrument.tick_table == ()
    assert instrument.tradable is True
    for name in ("tick_size", "lot", "min_size", "max_size", "timezone"):
        assert getattr(instrument, name) is None, name
    for name in ("price_min", "price_max", "fractional", "shortable"):
        assert getattr(instrument, name) is None, name


FLOATS = {"allow_nan": False, "allow_infinity": False}
TICKS = st.sampled_from(
    [1e-8, 0.0001, 0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 1.0, 2.5, 100]
)
PRICES = st.floats(0.0001, 1e5, **FLOATS)
HK_TABLE = ((0.01, 0.001), (0.25, 0.005), (0.5, 0.01), (10.0, 0.02), (20.0, 0.05), (100.0, 0.1))


def decimal_of(value):
    return Decimal(repr(float(value)))


@pytest.mark.parametrize(
    ("price", "tick", "expected"),
    [
        (0.29, 0.01, True),  # 28.999999999999996 ticks to a float
        (0.1 + 0.2, 0.1, True),
        (1.1 * 3, 0.1, True),
        (100 - 0.01 * 7, 0.01, True),
        (65000.00001, 0.00001, True),
        (0.00000123, 1e-8, True),
        (99999999.99, 0.01, True),
        (350.25, 0.05, True),
        (1500, 100, True),
        (0.295, 0.01, False),
        (65000.000015, 0.00001, False),
        (99999999.995, 0.01, False),
        (100.0001, 0.01, False),
        (350.25, 0.2, False),
        (150, 100, False),
    ],
)
def test_a_grid_is_one_of_decimals(price, tick, expected):
    assert is_on_grid(price, tick) is expected


@pytest.mark.parametrize(
    ("price", "tick", "down", "nearest", "up"),
    [
        (0.29, 0.01, 0.29, 0.29, 0.29),
        (0.294, 0.01, 0.29, 0.29, 0.3),
        (0.296, 0.01, 0.29, 0.3, 0.3),
        (0.1 + 0.2, 0.1, 0.3, 0.3, 0.3),
        (0.1 + 0.7, 0.1, 0.8, 0.8, 0.8),  # 0.7999999999999999
        (350.25, 0.2, 350.2, 350.2, 350.4),
        (150, 100, 100.0, 200.0, 200.0),
        (10.003, 0.005, 10.0, 10.005, 10.005),
        (0.004, 0.01, 0.0, 0.0, 0.01),
        (7, 2.5, 5.0, 7.5, 7.5),
    ],
)
def test_rounding_gives_the_float_that_is_written(price, tick, down, nearest, up):
    assert round_to_grid(price, tick, -1) == down
    assert round_to_grid(price, tick) == nearest
    assert round_to_grid(price, tick, 1) == up


def test_numpys_numbers_are_rounded_to_pythons():
    for price in (np.float64(0.294), np.float32(0.294)):
        rounded = round_to_grid(price, np.float64(0.01), 1)
        assert type(rounded) is float
        assert rounded == 0.3


@settings(max_examples=500, deadline=None)
@given(TICKS, st.integers(1, 10**9))
def test_every_step_of_a_grid_is_on_it_as_the_closest_float(tick, steps):
    price = float(decimal_of(tick) * steps)
    assert is_on_grid(price, tick)
    for direction in (-1, 0, 1):
        assert round_to_grid(price, tick, direction) == price
        assert round_to_grid(steps * float(tick), tick, direction) == price, "a product has dust"


@settings(max_examples=500, deadline=None)
@given(PRICES, TICKS, st.sampled_from([-1, 0, 1]))
def test_rounding_lands_on_the_grid_moves_less_than_a_tick_and_stays(price, tick, direction):
    rounded = round_to_grid(price, tick, direction)
    steps = decimal_of(tick)
    assert (decimal_of(rounded) / steps).quantize(1) * steps == decimal_of(rounded)
    moved = (decimal_of(rounded) - decimal_of(price)) / steps
    assert abs(moved) < 1
    dust = Decimal("1.1e-6")
    assert direction == 0 or moved * direction >= -dust
    assert direction != 0 or abs(moved) <= Decimal("0.5") + dust
    assert round_to_grid(rounded, tick, direction) == rounded
    assert is_on_grid(rounded, tick)
    away = min(abs(moved), 1 - abs(moved))
    if not Decimal("0.9e-6") < away < dust:
        assert is_on_grid(price, tick) is (away < dust)


@pytest.mark.parametrize(
    ("price", "tick"),
    [(0.01, 0.001), (0.249, 0.001), (0.25, 0.005), (9.99, 0.01), (10, 0.02), (1e6, 0.1)],
)
def test_the_tick_of_a_price_is_that_of_its_row(price, tick):
    assert Instrument("00700", tick_table=HK_TABLE).tick_at(price) == tick


def test_the_tick_of_all_prices_is_for_those_without_a_row():
    assert Instrument("X").tick_at(5.0) is None
    assert Instrument("X", tick_size=0.01).tick_at(5.0) == 0.01
    assert Instrument("X", tick_table=HK_TABLE).tick_at(0.005) is None
    assert Instrument("X", tick_size=0.5, tick_table=HK_TABLE).tick_at(0.005) == 0.5
    assert Instrument("X", tick_size=0.5, tick_table=HK_TABLE).tick_at(1.0) == 0.01
