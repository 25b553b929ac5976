"""Instruments and time frames."""

from __future__ import annotations

import backtrader as bt
import pytest

from btstores.instruments import Instrument, TimeFrame, timeframe_name


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
    for name in ("tick_size", "lot", "min_size", "max_size", "timezone"):
        assert getattr(instrument, name) is None, name
