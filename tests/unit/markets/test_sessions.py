"""Trading hours. Expected times are written by hand, in UTC."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btstores.errors import ConfigError
from btstores.markets import MarketConfig, MarketType, Sessions

HONG_KONG = Sessions("Asia/Hong_Kong", (("09:30", "12:00"), ("13:00", "16:00")))
NEW_YORK = Sessions("America/New_York", (("09:30", "16:00"),))
# Day and night of Chinese metals: the night passes midnight.
SHANGHAI = Sessions("Asia/Shanghai", (("09:00", "11:30"), ("13:30", "15:00"), ("21:00", "02:30")))
# From Sunday to Friday, 17:00 in New York.
FOREX = Sessions("America/New_York", (("17:00", "17:00"),), frozenset({6, 0, 1, 2, 3}))
CRYPTO = Sessions("UTC", (("00:00", "24:00"),), frozenset(range(7)))


def utc(text):
    moment = datetime.datetime.strptime(text, "%Y-%m-%d %H:%M")
    return int((moment - datetime.datetime(1970, 1, 1)).total_seconds()) * 10**9


@pytest.mark.parametrize(
    ("sessions", "now", "is_open", "end_of_day", "next_open"),
    [
        # Hong Kong is UTC+8; 2024-06-12 is a Wednesday.
        (HONG_KONG, "2024-06-12 01:29", False, "2024-06-12 08:00", "2024-06-12 01:30"),
        (HONG_KONG, "2024-06-12 01:30", True, "2024-06-12 08:00", "2024-06-12 05:00"),
        (HONG_KONG, "2024-06-12 03:59", True, "2024-06-12 08:00", "2024-06-12 05:00"),
        (HONG_KONG, "2024-06-12 04:00", False, "2024-06-12 08:00", "2024-06-12 05:00"),
        (HONG_KONG, "2024-06-12 04:59", False, "2024-06-12 08:00", "2024-06-12 05:00"),
        (HONG_KONG, "2024-06-12 05:00", True, "2024-06-12 08:00", "2024-06-13 01:30"),
        (HONG_KONG, "2024-06-12 07:59", True, "2024-06-12 08:00", "2024-06-13 01:30"),
        (HONG_KONG, "2024-06-12 08:00", False, "2024-06-13 08:00", "2024-06-13 01:30"),
        (HONG_KONG, "2024-06-14 08:00", False, "2024-06-17 08:00", "2024-06-17 01:30"),
        (HONG_KONG, "2024-06-15 03:00", False, "2024-06-17 08:00", "2024-06-17 01:30"),
        (HONG_KONG, "2024-06-16 23:00", False, "2024-06-17 08:00", "2024-06-17 01:30"),
        # New York: clocks go forward on Sunday 2024-03-10 and back on 2024-11-03.
        (NEW_YORK, "2024-03-08 14:29", False, "2024-03-08 21:00", "2024-03-08 14:30"),
        (NEW_YORK, "2024-03-08 14:30", True, "2024-03-08 21:00", "2024-03-11 13:30"),
        (NEW_YORK, "2024-03-08 21:00", False, "2024-03-11 20:00", "2024-03-11 13:30"),
        (NEW_YORK, "2024-03-11 13:30", True, "2024-03-11 20:00", "2024-03-12 13:30"),
        (NEW_YORK, "2024-03-11 20:30", False, "2024-03-12 20:00", "2024-03-12 13:30"),
        (NEW_YORK, "2024-11-01 13:30", True, "2024-11-01 20:00", "2024-11-04 14:30"),
        (NEW_YORK, "2024-11-01 20:00", False, "2024-11-04 21:00", "2024-11-04 14:30"),
        (NEW_YORK, "2024-11-04 13:30", False, "2024-11-04 21:00", "2024-11-04 14:30"),
        (NEW_YORK, "2024-11-04 20:59", True, "2024-11-04 21:00", "2024-11-05 14:30"),
        # A night belongs to the day on which it began; Friday's ends on Saturday.
        (SHANGHAI, "2024-06-12 08:00", False, "2024-06-12 18:30", "2024-06-12 13:00"),
        (SHANGHAI, "2024-06-12 15:59", True, "2024-06-12 18:30", "2024-06-13 01:00"),
        (SHANGHAI, "2024-06-12 16:00", True, "2024-06-12 18:30", "2024-06-13 01:00"),
        (SHANGHAI, "2024-06-12 18:30", False, "2024-06-13 18:30", "2024-06-13 01:00"),
        (SHANGHAI, "2024-06-14 18:29", True, "2024-06-14 18:30", "2024-06-17 01:00"),
        (SHANGHAI, "2024-06-14 18:30", False, "2024-06-17 18:30", "2024-06-17 01:00"),
        # Around the clock, with a week-end and without one.
        (FOREX, "2024-06-14 20:59", True, "2024-06-14 21:00", "2024-06-16 21:00"),
        (FOREX, "2024-06-14 21:00", False, "2024-06-17 21:00", "2024-06-16 21:00"),
        (FOREX, "2024-06-16 21:00", True, "2024-06-17 21:00", "2024-06-17 21:00"),
        (CRYPTO, "2024-06-15 23:59", True, "2024-06-16 00:00", "2024-06-16 00:00"),
        (CRYPTO, "2024-06-16 00:00", True, "2024-06-17 00:00", "2024-06-17 00:00"),
    ],
)
def test_hours_are_local_and_answers_are_utc(sessions, now, is_open, end_of_day, next_open):
    time_ns = utc(now)
    assert sessions.is_open(time_ns) is is_open
    assert sessions.end_of_day(time_ns) == utc(end_of_day)
    assert sessions.next_open(time_ns) == utc(next_open)


def test_the_last_nanosecond_of_a_session_is_in_it():
    assert HONG_KONG.is_open(utc("2024-06-12 04:00") - 1)
    assert not HONG_KONG.is_open(utc("2024-06-12 01:30") - 1)


MOMENTS = st.integers(utc("2024-01-01 00:00"), utc("2024-12-31 00:00"))
MARKETS = st.sampled_from([HONG_KONG, NEW_YORK, SHANGHAI, FOREX, CRYPTO])


@settings(max_examples=300, deadline=None)
@given(MARKETS, MOMENTS, MOMENTS)
def test_what_was_asked_before_changes_no_answer(sessions, before, time_ns):
    fresh = Sessions(sessions.timezone, sessions.hours, sessions.weekdays)
    sessions.is_open(before)
    for ask in ("is_open", "end_of_day", "next_open"):
        assert getattr(sessions, ask)(time_ns) == getattr(fresh, ask)(time_ns)


@settings(max_examples=300, deadline=None)
@given(MARKETS, MOMENTS)
def test_ends_and_openings_are_where_the_market_changes(sessions, time_ns):
    end_ns, open_ns = sessions.end_of_day(time_ns), sessions.next_open(time_ns)
    assert end_ns > time_ns
    assert open_ns > time_ns
    assert sessions.is_open(end_ns - 1)
    assert sessions.is_open(open_ns)
    if sessions.is_open(time_ns):
        assert sessions.end_of_day(end_ns - 1) == end_ns
    else:
        assert not sessions.is_open(open_ns - 1)


def test_equal_hours_are_equal_whatever_was_asked_of_them():
    one = Sessions("Asia/Hong_Kong", (("09:30", "12:00"),))
    other = Sessions("Asia/Hong_Kong", [["09:30", "12:00"]], [4, 3, 2, 1, 0])
    one.is_open(utc("2024-06-12 01:30"))
    assert one == other
    assert hash(one) == hash(other)
    assert "_day" not in repr(one)


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        ((), "pairs of times"),
        (None, "pairs of times"),
        (5, "pairs of times"),
        ("09:30-16:00", "pairs of times"),
        ((("09:30",),), "pairs of times"),
        ((("9:30", "16:00"),), "pairs of times"),
        ((("09:30", "16:60"),), "pairs of times"),
        ((("09:30", "25:00"),), "pairs of times"),
        ((("09:30", None),), "pairs of times"),
        ((("09:30", "16:00\n"),), "pairs of times"),
        ((datetime.time(9, 30), datetime.time(16)), "pairs of times"),
        ((("13:00", "16:00"), ("09:30", "12:00")), "ascending"),
        ((("09:30", "13:00"), ("12:00", "16:00")), "ascending"),
        ((("21:00", "02:30"), ("22:00", "23:00")), "ascending"),
        ((("01:00", "11:00"), ("21:00", "02:00")), "ascending"),  # runs into the next day's
    ],
)
def test_hours_that_cannot_be_are_refused(hours, expected):
    with pytest.raises(ConfigError, match=expected) as caught:
        Sessions("UTC", hours)
    assert caught.value.field == "hours"


@pytest.mark.parametrize("weekdays", [(), {7}, {-1}, {"Monday"}, 3, None])
def test_days_that_cannot_be_are_refused(weekdays):
    with pytest.raises(ConfigError, match=r"0 \(Monday\)") as caught:
        Sessions("UTC", (("09:30", "16:00"),), weekdays)
    assert caught.value.field == "weekdays"


@pytest.mark.parametrize("name", ["Mars/Olympus", "", None, 8, "../etc/passwd"])
def test_a_zone_that_is_not_there_is_refused(name):
    with pytest.raises(ConfigError, match="an IANA time zone"):
        Sessions(name, (("09:30", "16:00"),))


def test_a_market_takes_orders_when_closed_unless_it_says_otherwise():
    plain = MarketConfig(MarketType.HK_STOCK)
    assert plain.sessions is None
    assert plain.orders_when_closed is True
    assert MarketConfig(MarketType.HK_STOCK, sessions=HONG_KONG).sessions is HONG_KONG
