"""Trading hours. Expected times are written by hand, in UTC."""

from __future__ import annotations

import dataclasses
import datetime
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btstores.errors import ConfigError
from btstores.markets import MarketConfig, MarketType, Sessions, hours
from btstores.markets.segments import Kind, On, Segment
from btstores.markets.zones import zone

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
    assert "_memory" not in repr(one)


def test_sessions_survive_a_copy_by_pickle():
    one = dataclasses.replace(HONG_KONG, half_days={datetime.date(2024, 6, 12): "12:00"})
    one.is_open(utc("2024-06-12 01:30"))
    copy = pickle.loads(pickle.dumps(one))
    assert copy == one
    assert copy.end_of_day(utc("2024-06-12 01:30")) == utc("2024-06-12 04:00")


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
        ((Segment("9", "16:00"),), "pairs of times"),
        ((Segment("09:30", "16:00", kind="night"),), "a Kind and an On"),
        ((Segment("09:30", "16:00", on="today"),), "a Kind and an On"),
        ((Segment("09:30", "16:00", Kind.PRE_MARKET),), "regular trading"),
        ((Segment("17:00", "16:00", on=On.DAY_BEFORE), ("15:00", "17:00")), "ascending"),
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


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("holidays", 5),
        ("holidays", ["2024-06-12"]),
        ("holidays", [datetime.datetime(2024, 6, 12)]),
        ("half_days", 5),
        ("half_days", {"2024-06-12": "12:00"}),
        ("half_days", {datetime.date(2024, 6, 12): "noon"}),
        ("half_days", {datetime.date(2024, 6, 12): None}),
        ("half_days", [datetime.date(2024, 6, 12)]),
        ("half_close", "noon"),
        ("half_close", 12),
    ],
)
def test_days_off_that_cannot_be_are_refused(field, value):
    with pytest.raises(ConfigError) as caught:
        Sessions("UTC", (("09:30", "16:00"),), **{field: value})
    assert caught.value.field == field


# Half days and late opens, as shown by the rules of Hong Kong: an afternoon that is left out, a
# closing auction that comes earlier; and by segments of every kind around a day.
FULL = (
    Segment("20:00", "04:00", Kind.OVERNIGHT, On.DAY_BEFORE),
    Segment("09:00", "09:30", Kind.OPENING_AUCTION),
    Segment("09:30", "12:00"),
    Segment("12:30", "13:00", Kind.OPENING_AUCTION),
    Segment("13:00", "16:00"),
    Segment("16:00", "16:10", Kind.CLOSING_AUCTION),
)
WEDNESDAY = datetime.date(2024, 6, 12)


def shown(sessions, date):
    return [
        f"{clock(found.start_ns)} {clock(found.end_ns)}" for found in sessions.sessions_on(date)
    ]


def clock(time_ns):
    moment = datetime.datetime.fromtimestamp(time_ns // 10**9, datetime.timezone.utc)
    return moment.strftime("%d-%H:%M")


@pytest.mark.parametrize(
    ("closes", "expected"),
    [
        (
            "12:00",
            ["11-20:00 12-04:00", "12-09:00 12-09:30", "12-09:30 12-12:00", "12-12:00 12-12:10"],
        ),
        (
            "11:00",
            ["11-20:00 12-04:00", "12-09:00 12-09:30", "12-09:30 12-11:00", "12-11:00 12-11:10"],
        ),
        # Longer than the morning usually is.
        (
            "12:30",
            ["11-20:00 12-04:00", "12-09:00 12-09:30", "12-09:30 12-12:30", "12-12:30 12-12:40"],
        ),
        (
            "14:00",
            [
                "11-20:00 12-04:00",
                "12-09:00 12-09:30",
                "12-09:30 12-12:00",
                "12-12:30 12-13:00",
                "12-13:00 12-14:00",
                "12-14:00 12-14:10",
            ],
        ),
        ("09:30", []),
        ("08:00", []),
    ],
)
def test_a_half_day_ends_regular_trading_and_brings_the_rest_forward(closes, expected):
    sessions = Sessions("UTC", FULL, half_days={WEDNESDAY: closes})
    assert shown(sessions, WEDNESDAY) == expected
    assert len(shown(sessions, WEDNESDAY + datetime.timedelta(days=1))) == 6


def test_a_half_day_makes_a_trading_day_of_a_day_off():
    saturday = datetime.date(2024, 6, 15)
    sessions = Sessions("UTC", FULL, holidays={WEDNESDAY}, half_days={saturday: "16:00"})
    assert len(shown(sessions, saturday)) == 6
    assert shown(sessions, WEDNESDAY) == []
    assert sessions.next_open(utc("2024-06-11 16:00")) == utc("2024-06-13 09:30")


@pytest.mark.parametrize(
    ("on", "holiday", "expected"),
    [
        # The night of Monday the 17th, with and without Friday the 14th as a holiday.
        (On.TRADING_DAY, None, "2024-06-17 21:00"),
        (On.DAY_BEFORE, None, "2024-06-16 21:00"),
        (On.WEEKDAY_BEFORE, None, "2024-06-14 21:00"),
        (On.TRADING_DAY_BEFORE, None, "2024-06-14 21:00"),
        (On.TRADING_DAY, 14, "2024-06-17 21:00"),
        (On.DAY_BEFORE, 14, "2024-06-16 21:00"),
        (On.WEEKDAY_BEFORE, 14, None),
        (On.TRADING_DAY_BEFORE, 14, "2024-06-13 21:00"),
    ],
)
def test_the_evening_that_a_night_is_on(on, holiday, expected):
    night = Segment("21:00", "23:00", Kind.NIGHT, on)
    parts = (("09:00", "15:00"), night) if on is On.TRADING_DAY else (night, ("09:00", "15:00"))
    holidays = set() if holiday is None else {datetime.date(2024, 6, holiday)}
    found = Sessions("UTC", parts, holidays=holidays).sessions_on(datetime.date(2024, 6, 17))
    starts = [session.start_ns for session in found if session.kind is Kind.NIGHT]
    assert starts == ([] if expected is None else [utc(expected)])


def test_days_without_their_night():
    first, last = datetime.date(2024, 6, 12), datetime.date(2024, 6, 13)
    night = Segment("21:00", "23:00", Kind.NIGHT, On.WEEKDAY_BEFORE)
    sessions = Sessions("UTC", (night, ("09:00", "15:00")), no_nights=((first, last),))
    assert [len(shown(sessions, datetime.date(2024, 6, day))) for day in (11, 12, 13, 14)] == [
        2,
        1,
        1,
        2,
    ]


# Against a look at every minute

MINUTE = 60 * 10**9
SAMPLED = {
    "HK_STOCK": hours.HK_STOCK,
    "HK_FUTURE": hours.HK_FUTURE,
    "US_STOCK": hours.US_STOCK,
    "US_FUTURE": hours.US_FUTURE,
    "CN_STOCK": hours.CN_STOCK,
    "GOLD": hours.cn_future("02:30"),
    "EGGS": hours.cn_future(),
    "FOREX": hours.FOREX,
    "BROKER": hours.forex("17:03", "16:58"),
    "CRYPTO": hours.CRYPTO,
    "OWN": Sessions("UTC", FULL, holidays={WEDNESDAY}),
    "SHANGHAI": SHANGHAI,
}
some_market = st.sampled_from(sorted(SAMPLED))
a_minute = st.integers(utc("2019-12-01 00:00") // MINUTE, utc("2025-02-01 00:00") // MINUTE)


@settings(max_examples=300, deadline=None)
@given(some_market, a_minute, a_minute, st.booleans())
def test_what_was_asked_before_changes_no_answer(name, before, minute, extended):
    sessions, now = SAMPLED[name], minute * MINUTE
    fresh = dataclasses.replace(sessions)
    sessions.is_open(before * MINUTE)
    sessions.end_of_day(before * MINUTE)
    for ask in ("session_of", "trading_day", "end_of_day"):
        assert getattr(sessions, ask)(now) == getattr(fresh, ask)(now)
    for ask in ("is_open", "next_open", "next_close"):
        assert getattr(sessions, ask)(now, extended) == getattr(fresh, ask)(now, extended)


def starts_and_ends(sessions, start, extended):
    """Return the minutes of a week at which trading starts and ends, by looking at each."""
    starts, ends = [], []
    before = None
    for minute in range(start, start + 7 * 24 * 60):
        now = minute * MINUTE
        state = sessions.trading_day(now) if sessions.is_open(now, extended) else None
        if before is not None and state != before[0]:
            if before[0] is not None:
                ends.append(now)
            if state is not None:
                starts.append(now)
        before = (state,)
    return starts, ends


@settings(max_examples=40, deadline=None)
@given(some_market, a_minute, st.booleans())
def test_openings_and_closings_are_where_each_minute_shows_them(name, start, extended):
    sessions = SAMPLED[name]
    starts, ends = starts_and_ends(sessions, start, extended)
    for ask, moments in ((sessions.next_open, starts), (sessions.next_close, ends)):
        found, now = [], start * MINUTE
        while True:
            now = ask(now, extended)
            if now >= (start + 7 * 24 * 60) * MINUTE:
                break
            found.append(now)
        assert found == moments


LENGTHS = [1, 2, 5, 15, 30, 60, 120, 240, 7]


@settings(max_examples=60, deadline=None)
@given(some_market, a_minute, st.integers(0, 5 * 24 * 60), st.sampled_from(LENGTHS))
def test_bars_between_are_those_counted_minute_by_minute(name, start, length, minutes):
    sessions = SAMPLED[name]
    bars = set()
    for minute in range(start, start + length):
        if sessions.is_open(minute * MINUTE):
            moment = datetime.datetime.fromtimestamp(minute * 60, datetime.timezone.utc)
            local = moment.astimezone(zone(sessions.timezone))
            bars.add((local.date(), (local.hour * 60 + local.minute) // minutes))
    found = sessions.bars_between(start * MINUTE, (start + length) * MINUTE, minutes * 60)
    assert found == len(bars)


@settings(max_examples=60, deadline=None)
@given(some_market, a_minute, st.integers(0, 5 * 24 * 60))
def test_days_between_are_the_trading_days_of_its_minutes(name, start, length):
    sessions = SAMPLED[name]
    days = {
        sessions.trading_day(minute * MINUTE)
        for minute in range(start, start + length)
        if sessions.is_open(minute * MINUTE)
    }
    found = sessions.bars_between(start * MINUTE, (start + length) * MINUTE, 86400)
    assert found == len(days)


@pytest.mark.parametrize(
    ("sessions", "start", "end", "seconds", "expected"),
    [
        # 2.5 and 3 hours a day in Hong Kong.
        (HONG_KONG, "2024-06-12 00:00", "2024-06-13 00:00", 60, 330),
        (HONG_KONG, "2024-06-12 00:00", "2024-06-13 00:00", 1, 19800),
        (HONG_KONG, "2024-06-12 00:00", "2024-06-13 00:00", 300, 66),
        # From 9, 10, 11 (morning) and 13, 14, 15: the first is half a bar.
        (HONG_KONG, "2024-06-12 00:00", "2024-06-13 00:00", 3600, 6),
        # From 8 and 12: the second begins in the break.
        (HONG_KONG, "2024-06-12 00:00", "2024-06-13 00:00", 4 * 3600, 2),
        (HONG_KONG, "2024-06-12 03:59", "2024-06-12 05:01", 60, 2),
        (HONG_KONG, "2024-06-12 04:00", "2024-06-12 05:00", 60, 0),
        (HONG_KONG, "2024-06-12 05:00", "2024-06-12 04:00", 60, 0),
        (HONG_KONG, "2024-06-14 07:59", "2024-06-17 01:31", 60, 2),
        (HONG_KONG, "2024-06-10 00:00", "2024-06-17 00:00", 86400, 5),
        (CRYPTO, "2024-06-12 00:00", "2024-06-13 00:00", 60, 1440),
        (CRYPTO, "2024-06-10 00:00", "2024-06-17 00:00", 86400, 7),
        (FOREX, "2024-06-14 20:00", "2024-06-16 22:00", 3600, 2),
    ],
)
def test_bars_between(sessions, start, end, seconds, expected):
    assert sessions.bars_between(utc(start), utc(end), seconds) == expected


@pytest.mark.parametrize("seconds", [0, -60, 86401, 60.0, None, "60"])
def test_bars_of_no_length_are_refused(seconds):
    with pytest.raises(ConfigError, match="from 1 to 86400") as caught:
        HONG_KONG.bars_between(0, 1, seconds)
    assert caught.value.field == "seconds"


def test_many_days_are_not_all_kept():
    sessions = Sessions("UTC", (("09:30", "16:00"),))
    sessions.bars_between(utc("1990-01-01 00:00"), utc("2024-01-01 00:00"), 60)
    assert len(sessions._memory.days) <= 1000
