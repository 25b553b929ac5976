"""Ready-made sessions. Expected times are written by hand from what exchanges publish."""

from __future__ import annotations

import csv
import dataclasses
import datetime
from pathlib import Path

import pytest

from btstores.errors import ConfigError
from btstores.markets import MarketType, get_market_config, hours
from btstores.markets.segments import Kind
from tests.unit.markets.test_calendars import needs_library

REBAR, COPPER, GOLD = (hours.cn_future(end) for end in ("23:00", "01:00", "02:30"))
EGGS = hours.cn_future()
ALL = {
    "HK_STOCK": hours.HK_STOCK,
    "HK_FUTURE": hours.HK_FUTURE,
    "US_STOCK": hours.US_STOCK,
    "US_FUTURE": hours.US_FUTURE,
    "CN_STOCK": hours.CN_STOCK,
    "REBAR": REBAR,
    "COPPER": COPPER,
    "GOLD": GOLD,
    "EGGS": EGGS,
    "FOREX": hours.FOREX,
    "CRYPTO": hours.CRYPTO,
}


def at(text, hours_ahead=8):
    moment = datetime.datetime.strptime(text, "%Y-%m-%d %H:%M")
    seconds = (moment - datetime.datetime(1970, 1, 1)).total_seconds() - hours_ahead * 3600
    return int(seconds) * 10**9


def day(text):
    return datetime.date.fromisoformat(text)


# 2024-06-12 is a Wednesday without holidays near; times are local.
@pytest.mark.parametrize(
    ("name", "ahead", "time", "kind", "regular", "extended"),
    [
        ("HK_STOCK", 8, "08:59", None, False, False),
        ("HK_STOCK", 8, "09:00", Kind.OPENING_AUCTION, False, True),
        ("HK_STOCK", 8, "09:25", Kind.OPENING_AUCTION, False, False),
        ("HK_STOCK", 8, "09:30", Kind.CONTINUOUS, True, True),
        ("HK_STOCK", 8, "12:00", None, False, False),
        ("HK_STOCK", 8, "12:59", None, False, False),
        ("HK_STOCK", 8, "13:00", Kind.CONTINUOUS, True, True),
        ("HK_STOCK", 8, "16:00", Kind.CLOSING_AUCTION, False, True),
        ("HK_STOCK", 8, "16:10", None, False, False),
        ("HK_FUTURE", 8, "02:59", Kind.NIGHT, True, True),
        ("HK_FUTURE", 8, "03:00", None, False, False),
        ("HK_FUTURE", 8, "08:45", Kind.OPENING_AUCTION, False, True),
        ("HK_FUTURE", 8, "09:15", Kind.CONTINUOUS, True, True),
        ("HK_FUTURE", 8, "12:15", None, False, False),
        ("HK_FUTURE", 8, "12:30", Kind.OPENING_AUCTION, False, True),
        ("HK_FUTURE", 8, "16:29", Kind.CONTINUOUS, True, True),
        ("HK_FUTURE", 8, "17:00", None, False, False),
        ("HK_FUTURE", 8, "17:15", Kind.NIGHT, True, True),
        ("US_STOCK", -4, "03:49", Kind.OVERNIGHT, False, True),
        ("US_STOCK", -4, "03:50", None, False, False),
        ("US_STOCK", -4, "04:00", Kind.PRE_MARKET, False, True),
        ("US_STOCK", -4, "09:30", Kind.CONTINUOUS, True, True),
        ("US_STOCK", -4, "15:59", Kind.CONTINUOUS, True, True),
        ("US_STOCK", -4, "16:00", Kind.AFTER_HOURS, False, True),
        ("US_STOCK", -4, "19:59", Kind.AFTER_HOURS, False, True),
        ("US_STOCK", -4, "20:00", Kind.OVERNIGHT, False, True),
        ("US_FUTURE", -5, "15:59", Kind.CONTINUOUS, True, True),
        ("US_FUTURE", -5, "16:00", None, False, False),
        ("US_FUTURE", -5, "17:00", Kind.CONTINUOUS, True, True),
        ("CN_STOCK", 8, "09:14", None, False, False),
        ("CN_STOCK", 8, "09:15", Kind.OPENING_AUCTION, False, True),
        ("CN_STOCK", 8, "09:25", None, False, False),
        ("CN_STOCK", 8, "09:30", Kind.CONTINUOUS, True, True),
        ("CN_STOCK", 8, "11:30", None, False, False),
        ("CN_STOCK", 8, "13:00", Kind.CONTINUOUS, True, True),
        ("CN_STOCK", 8, "14:57", Kind.CLOSING_AUCTION, True, True),
        ("CN_STOCK", 8, "15:00", None, False, False),
        ("REBAR", 8, "10:15", None, False, False),
        ("REBAR", 8, "10:30", Kind.CONTINUOUS, True, True),
        ("REBAR", 8, "11:30", None, False, False),
        ("REBAR", 8, "13:30", Kind.CONTINUOUS, True, True),
        ("REBAR", 8, "15:00", None, False, False),
        ("REBAR", 8, "20:55", Kind.OPENING_AUCTION, False, True),
        ("REBAR", 8, "21:00", Kind.NIGHT, True, True),
        ("REBAR", 8, "23:00", None, False, False),
        ("COPPER", 8, "00:59", Kind.NIGHT, True, True),
        ("COPPER", 8, "01:00", None, False, False),
        ("GOLD", 8, "02:29", Kind.NIGHT, True, True),
        ("GOLD", 8, "02:30", None, False, False),
        ("EGGS", 8, "08:55", Kind.OPENING_AUCTION, False, True),
        ("EGGS", 8, "21:30", None, False, False),
        ("FOREX", -4, "17:00", Kind.CONTINUOUS, True, True),
        ("CRYPTO", 0, "23:59", Kind.CONTINUOUS, True, True),
    ],
)
def test_the_parts_of_a_day(name, ahead, time, kind, regular, extended):
    sessions, now = ALL[name], at(f"2024-06-12 {time}", ahead)
    session = sessions.session_of(now)
    assert (session and session.kind) == kind
    assert sessions.is_open(now) is regular
    assert sessions.is_open(now, extended=True) is extended


@pytest.mark.parametrize(
    ("name", "ahead", "time", "expected"),
    [
        # A night belongs to the next trading day, from the auction on; Friday's to Monday.
        ("REBAR", 8, "2024-06-12 14:59", "2024-06-12"),
        ("REBAR", 8, "2024-06-12 15:00", "2024-06-13"),
        ("REBAR", 8, "2024-06-12 21:30", "2024-06-13"),
        ("GOLD", 8, "2024-06-13 01:30", "2024-06-13"),
        ("GOLD", 8, "2024-06-14 21:30", "2024-06-17"),
        ("GOLD", 8, "2024-06-15 02:00", "2024-06-17"),
        ("GOLD", 8, "2024-06-15 12:00", "2024-06-17"),
        ("HK_FUTURE", 8, "2024-06-12 16:29", "2024-06-12"),
        ("HK_FUTURE", 8, "2024-06-14 17:15", "2024-06-17"),
        ("HK_FUTURE", 8, "2024-06-15 02:59", "2024-06-17"),
        ("HK_STOCK", 8, "2024-06-12 12:30", "2024-06-12"),
        ("HK_STOCK", 8, "2024-06-12 16:09", "2024-06-12"),
        ("HK_STOCK", 8, "2024-06-12 16:10", "2024-06-13"),
        ("US_STOCK", -4, "2024-06-12 19:59", "2024-06-12"),
        ("US_STOCK", -4, "2024-06-12 20:00", "2024-06-13"),
        ("US_STOCK", -4, "2024-06-14 20:00", "2024-06-17"),
        ("US_STOCK", -4, "2024-06-16 20:00", "2024-06-17"),
        ("US_FUTURE", -5, "2024-06-12 15:59", "2024-06-12"),
        ("US_FUTURE", -5, "2024-06-12 16:30", "2024-06-13"),
        ("US_FUTURE", -5, "2024-06-16 17:00", "2024-06-17"),
        ("FOREX", -4, "2024-06-14 16:59", "2024-06-14"),
        ("FOREX", -4, "2024-06-14 17:00", "2024-06-17"),
        ("CRYPTO", 0, "2024-06-15 23:59", "2024-06-15"),
    ],
)
def test_the_trading_day(name, ahead, time, expected):
    assert ALL[name].trading_day(at(time, ahead)) == day(expected)


def test_a_night_tells_both_its_days():
    session = GOLD.session_of(at("2024-06-15 02:00"))
    assert session.trading_day == day("2024-06-17")
    assert (session.start_ns, session.end_ns) == (at("2024-06-14 21:00"), at("2024-06-15 02:30"))


@pytest.mark.parametrize(
    ("time", "ahead", "is_open"),
    [
        ("2024-06-14 16:59", -4, True),  # Friday
        ("2024-06-14 17:00", -4, False),
        ("2024-06-15 12:00", -4, False),
        ("2024-06-16 16:59", -4, False),  # Sunday
        ("2024-06-16 17:00", -4, True),
        ("2024-03-08 16:59", -5, True),  # clocks go forward in the week-end
        ("2024-03-08 17:00", -5, False),
        ("2024-03-10 16:59", -4, False),
        ("2024-03-10 17:00", -4, True),
        ("2024-11-01 16:59", -4, True),  # and back
        ("2024-11-03 16:59", -5, False),
        ("2024-11-03 17:00", -5, True),
    ],
)
def test_the_week_of_foreign_exchange(time, ahead, is_open):
    assert hours.FOREX.is_open(at(time, ahead)) is is_open


def test_a_broker_may_have_a_daily_break():
    broker = hours.forex("17:03", "16:58")
    assert broker.is_open(at("2024-06-12 16:57", -4))
    assert not broker.is_open(at("2024-06-12 16:58", -4))
    assert not broker.is_open(at("2024-06-12 17:02", -4))
    assert broker.is_open(at("2024-06-12 17:03", -4))
    assert broker.next_open(at("2024-06-14 16:58", -4)) == at("2024-06-16 17:03", -4)


@pytest.mark.parametrize("night_end", ["22:00", "", 23, "2:30"])
def test_a_night_that_no_product_has_is_refused(night_end):
    with pytest.raises(ConfigError, match=r"23:00, 01:00, 02:30") as caught:
        hours.cn_future(night_end)
    assert caught.value.field == "night_end"


# Evenings without a night: the notices of Dalian (2021-12-17) and Shanghai
# (2022-12-27, 2023-12-26).
NO_NIGHT = {
    2022: "01-28 04-01 04-29 06-02 09-09 09-30 12-30",
    2023: "01-20 04-04 04-28 06-21 09-28 12-29",
}


@needs_library
@pytest.mark.parametrize("year", NO_NIGHT)
def test_no_night_before_a_holiday(year):
    with open(Path(__file__).parent / "data" / "cn.csv", encoding="utf-8") as lines:
        table = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    closed = {row["date"] for row in table if row["day"] == "closed"}
    without = {f"{year}-{text}" for text in NO_NIGHT[year].split()}
    date = datetime.date(year, 1, 1)
    while date.year == year:
        expected = date.weekday() < 5 and str(date) not in closed | without
        for sessions in (REBAR, COPPER, GOLD):
            assert sessions.is_open(at(f"{date} 22:00")) is expected, date
        date += datetime.timedelta(days=1)


@needs_library
@pytest.mark.parametrize(
    ("evening", "is_open"),
    [
        ("2020-01-22", True),
        ("2020-01-23", False),  # before Spring Festival
        ("2020-02-03", False),  # suspended from this evening
        ("2020-04-30", False),
        ("2020-05-05", False),
        ("2020-05-06", True),  # resumed in this evening
    ],
)
def test_nights_were_suspended_in_the_epidemic(evening, is_open):
    assert REBAR.is_open(at(f"{evening} 21:30")) is is_open
    assert REBAR.is_open(at("2020-03-02 09:30"))


@needs_library
@pytest.mark.parametrize(
    ("name", "ahead", "now", "next_open", "next_close"),
    [
        # National Day: Monday 2024-09-30 has no night; trading resumes on Tuesday 2024-10-08.
        ("REBAR", 8, "2024-09-30 15:00", "2024-10-08 09:00", "2024-10-08 10:15"),
        ("REBAR", 8, "2024-10-08 15:00", "2024-10-08 21:00", "2024-10-08 23:00"),
        ("CN_STOCK", 8, "2024-09-30 15:00", "2024-10-08 09:30", "2024-10-08 11:30"),
        # After hours in Hong Kong lead over a holiday: 2024-10-01 is one.
        ("HK_FUTURE", 8, "2024-09-30 16:30", "2024-09-30 17:15", "2024-10-01 03:00"),
        ("HK_FUTURE", 8, "2024-10-01 03:00", "2024-10-02 09:15", "2024-10-02 12:00"),
        # Overnight before Wednesday's holiday (Juneteenth) is left out, before Thursday it is not.
        ("US_STOCK", -4, "2024-06-18 16:00", "2024-06-20 09:30", "2024-06-20 16:00"),
    ],
)
def test_around_holidays(name, ahead, now, next_open, next_close):
    sessions, now = ALL[name], at(now, ahead)
    assert sessions.next_open(now) == at(next_open, ahead)
    assert sessions.next_close(now) == at(next_close, ahead)


@needs_library
def test_no_overnight_session_leads_into_a_holiday():
    assert not hours.US_STOCK.is_open(at("2024-06-18 21:00", -4), extended=True)
    assert hours.US_STOCK.is_open(at("2024-06-19 21:00", -4), extended=True)
    assert hours.US_STOCK.trading_day(at("2024-06-19 21:00", -4)) == day("2024-06-20")


@needs_library
@pytest.mark.parametrize(
    ("name", "ahead", "date", "expected"),
    [
        (
            "HK_STOCK",
            8,
            "2024-12-24",
            [("09:00", "09:22"), ("09:22", "09:30"), ("09:30", "12:00"), ("12:00", "12:10")],
        ),
        (
            "US_STOCK",
            -5,
            "2024-11-29",
            [("04:00", "09:30"), ("09:30", "13:00"), ("13:00", "17:00")],
        ),
        ("HK_FUTURE", 8, "2024-12-24", [("08:45", "09:15"), ("09:15", "12:30")]),
    ],
)
def test_half_days(name, ahead, date, expected):
    found = [
        (s.start_ns, s.end_ns)
        for s in ALL[name].sessions_on(day(date))
        if s.start_ns >= at(f"{date} 00:00", ahead)
    ]
    assert found == [(at(f"{date} {a}", ahead), at(f"{date} {b}", ahead)) for a, b in expected]


@needs_library
def test_globex_closes_early_on_holidays_of_the_stock_market_and_reopens_in_the_evening():
    # Thanksgiving 2024-11-28: halt at 12:00 in Chicago until 17:00.
    assert hours.US_FUTURE.is_open(at("2024-11-28 11:59", -6))
    assert not hours.US_FUTURE.is_open(at("2024-11-28 12:00", -6))
    assert hours.US_FUTURE.next_open(at("2024-11-28 12:00", -6)) == at("2024-11-28 17:00", -6)
    assert not hours.US_FUTURE.is_open(at("2024-12-25 10:00", -6))


@pytest.mark.parametrize("name", ALL)
def test_sources_are_in_the_data(name):
    sources = ALL[name].sources
    assert bool(sources) is (name != "CRYPTO")
    for source in sources:
        assert source.document
        assert source.url.startswith("http")
        assert source.effective > datetime.date(2000, 1, 1)


def test_a_ready_made_market_is_changed_by_replace():
    own = dataclasses.replace(hours.HK_STOCK, calendar=None, holidays={day("2024-06-12")})
    assert not own.sessions_on(day("2024-06-12"))
    assert own.next_open(at("2024-06-12 10:00")) == at("2024-06-13 09:30")


#: By the broker's list of night sessions of July 2025, and the texts of CFFEX's contracts.
@pytest.mark.parametrize(
    ("symbol", "time", "is_open"),
    [
        ("SHFE.rb2610", "2024-06-13 22:59", True),
        ("SHFE.rb2610", "2024-06-13 23:00", False),
        ("SHFE.cu2610", "2024-06-14 00:59", True),
        ("SHFE.cu2610", "2024-06-14 01:00", False),
        ("SHFE.au2612", "2024-06-14 02:29", True),
        ("INE.sc2612", "2024-06-14 02:29", True),
        ("INE.lu2612", "2024-06-13 23:00", False),
        ("DCE.i2701", "2024-06-13 22:59", True),
        ("DCE.jd2701", "2024-06-13 21:00", False),
        ("CZCE.TA701", "2024-06-13 21:00", True),
        ("CZCE.AP701", "2024-06-13 21:00", False),
        ("GFEX.si2611", "2024-06-13 21:00", False),
        ("CFFEX.IF2612", "2024-06-13 09:15", False),
        ("CFFEX.IF2612", "2024-06-13 10:20", True),
        ("CFFEX.IF2612", "2024-06-13 15:00", False),
        ("CFFEX.T2612", "2024-06-13 15:14", True),
        ("CFFEX.T2612", "2024-06-13 15:15", False),
    ],
)
def test_products_of_chinese_futures_keep_their_own_hours(symbol, time, is_open):
    sessions = get_market_config(MarketType.CN_FUTURE).sessions_of(symbol)
    assert sessions.is_open(at(time)) is is_open


@pytest.mark.parametrize(
    ("market", "time", "ahead", "is_open"),
    [
        (MarketType.HK_OPTION, "2024-06-13 09:29", 8, False),
        (MarketType.HK_OPTION, "2024-06-13 12:00", 8, False),
        (MarketType.HK_OPTION, "2024-06-13 15:59", 8, True),
        (MarketType.US_OPTION, "2024-06-13 09:29", -4, False),
        (MarketType.US_OPTION, "2024-06-13 15:59", -4, True),
        (MarketType.US_OPTION, "2024-06-13 16:00", -4, False),
        (MarketType.CN_OPTION, "2024-06-13 14:58", 8, True),
        (MarketType.CN_OPTION, "2024-06-13 15:00", 8, False),
    ],
)
def test_the_hours_of_options(market, time, ahead, is_open):
    assert get_market_config(market).sessions.is_open(at(time, ahead)) is is_open
