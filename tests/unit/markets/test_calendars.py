"""Calendars of exchanges against days written by hand from what the exchanges announced."""

from __future__ import annotations

import csv
import datetime
import importlib.util
import logging
import sys
from pathlib import Path

import pytest

from btstores.errors import ConfigError
from btstores.markets import Sessions, calendars, hours

DATA = Path(__file__).parent / "data"
ONE_DAY = datetime.timedelta(days=1)
YEARS = range(2020, 2025)
MARKETS = {"hk": hours.HK_STOCK, "us": hours.US_STOCK, "cn": hours.CN_STOCK}

needs_library = pytest.mark.skipif(
    importlib.util.find_spec("exchange_calendars") is None,
    reason="exchange_calendars is not installed: pip install 'btstores[calendars]'",
)


def day(text):
    return datetime.date.fromisoformat(text)


def utc(text):
    moment = datetime.datetime.strptime(text, "%Y-%m-%d %H:%M")
    return int((moment - datetime.datetime(1970, 1, 1)).total_seconds()) * 10**9


def rows(market):
    with open(DATA / f"{market}.csv", encoding="utf-8") as lines:
        yield from csv.DictReader(line for line in lines if not line.startswith("#"))


def days_of(year):
    date = datetime.date(year, 1, 1)
    while date.year == year:
        yield date
        date += ONE_DAY


def told(market, what):
    return {day(row["date"]) for row in rows(market) if row["day"] == what}


def closing_time(sessions, date):
    """Return the UTC time at which regular trading of a day ends."""
    end_ns = max(s.end_ns for s in sessions.sessions_on(date) if s.regular)
    return datetime.datetime.fromtimestamp(end_ns // 10**9, datetime.timezone.utc)


@needs_library
@pytest.mark.parametrize("year", YEARS)
@pytest.mark.parametrize("market", MARKETS)
def test_a_market_trades_on_each_weekday_that_is_not_told_to_be_closed(market, year):
    sessions, closed = MARKETS[market], told(market, "closed")
    for date in days_of(year):
        expected = date.weekday() < 5 and date not in closed
        assert bool(sessions.sessions_on(date)) is expected, date


# Weekdays of the year less the closed ones of the notices named in the tables, counted by hand.
# 2023 in Hong Kong is 246 by its calendar less three days without trading for storms.
TRADING_DAYS = {
    "hk": (248, 247, 246, 243, 246),
    "us": (253, 252, 251, 250, 252),
    "cn": (243, 243, 242, 242, 242),
}


@needs_library
@pytest.mark.parametrize("market", MARKETS)
def test_years_have_as_many_trading_days_as_published(market):
    sessions = MARKETS[market]
    counts = tuple(sum(bool(sessions.sessions_on(d)) for d in days_of(year)) for year in YEARS)
    assert counts == TRADING_DAYS[market]


@needs_library
@pytest.mark.parametrize("market", ["hk", "us"])
def test_half_days_are_those_told_and_no_others(market):
    half = {day(row["date"]): row["day"] for row in rows(market) if ":" in row["day"]}
    assert len(half) == {"hk": 10, "us": 9}[market]
    sessions = MARKETS[market]
    for year in YEARS:
        for date in filter(sessions.sessions_on, days_of(year)):
            ahead = 8 if market == "hk" else -5 + summer_in_new_york(date)
            local = closing_time(sessions, date) + datetime.timedelta(hours=ahead)
            assert local.strftime("%H:%M") == half.get(date, "16:00"), date


# Second Sunday of March to first Sunday of November, Energy Policy Act of 2005.
SUMMERS = {
    2020: ("2020-03-08", "2020-11-01"),
    2021: ("2021-03-14", "2021-11-07"),
    2022: ("2022-03-13", "2022-11-06"),
    2023: ("2023-03-12", "2023-11-05"),
    2024: ("2024-03-10", "2024-11-03"),
}


def summer_in_new_york(date):
    start, end = map(day, SUMMERS[date.year])
    return start <= date < end


@needs_library
@pytest.mark.parametrize("year", YEARS)
def test_new_york_opens_an_hour_earlier_in_utc_in_summer(year):
    for date in filter(hours.US_STOCK.sessions_on, days_of(year)):
        opens = f"{date} {'13' if summer_in_new_york(date) else '14'}:30"
        assert hours.US_STOCK.is_open(utc(opens)), date
        assert not hours.US_STOCK.is_open(utc(opens) - 1), date


@needs_library
def test_make_up_weekends_are_no_trading_days():
    weekends = told("cn", "make-up")
    assert len(weekends) == 35
    for date in weekends:
        assert date.weekday() >= 5, date
        assert not hours.CN_STOCK.sessions_on(date), date
        assert not hours.cn_future("02:30").sessions_on(date), date


@needs_library
@pytest.mark.parametrize(
    ("calendar", "date"),
    [
        ("XNYS", "2001-09-11"),
        ("XNYS", "2001-09-14"),
        ("XNYS", "2004-06-11"),  # President Reagan
        ("XNYS", "2007-01-02"),  # President Ford
        ("XNYS", "2012-10-29"),  # hurricane Sandy
        ("XNYS", "2012-10-30"),
        ("XNYS", "2018-12-05"),  # President Bush
        ("XNYS", "2025-01-09"),  # President Carter
        ("XHKG", "2016-08-02"),  # typhoon Nida
    ],
)
def test_closures_at_short_notice(calendar, date):
    sessions = Sessions("UTC", (("10:00", "15:00"),), calendar=calendar)
    assert not sessions.sessions_on(day(date))
    assert sessions.sessions_on(day(date) - 7 * ONE_DAY)


@needs_library
@pytest.mark.parametrize(
    ("date", "opens", "closed"),
    [("2021-06-28", "05:30", "03:00"), ("2022-08-25", "05:00", "03:00")],
)
def test_after_a_storm_hong_kong_opens_in_the_afternoon_without_an_auction(date, opens, closed):
    assert not hours.HK_STOCK.is_open(utc(f"{date} {closed}"), extended=True)
    assert not hours.HK_STOCK.is_open(utc(f"{date} {opens}") - 1, extended=True)
    assert hours.HK_STOCK.is_open(utc(f"{date} {opens}"))
    assert hours.HK_STOCK.end_of_day(utc(f"{date} {opens}")) == utc(f"{date} 08:00")
    assert hours.HK_STOCK.is_open(utc(f"{date} 08:05"), extended=True)


@needs_library
def test_a_late_open_leaves_the_night_before_as_it_was():
    # Futures of Monday 2021-06-28 traded on Friday night, and on Monday from 13:30.
    assert hours.HK_FUTURE.trading_day(utc("2021-06-25 10:00")) == day("2021-06-28")
    assert hours.HK_FUTURE.is_open(utc("2021-06-25 10:00"))
    assert hours.HK_FUTURE.next_open(utc("2021-06-25 19:00")) == utc("2021-06-28 05:30")


@needs_library
def test_every_correction_is_a_weekday():
    dates = [
        day(d) for listed in calendars.CLOSED.values() for text, _ in listed for d in text.split()
    ]
    assert len(dates) == len(set(dates)) + 1  # 2022-09-12 was a holiday in two markets
    assert all(date.weekday() < 5 for date in dates)


@needs_library
def test_china_is_known_for_2026_on_every_python():
    # https://www.etnet.com.hk, notice of 2025-12-22.
    closed = "01-01 01-02 02-16 02-17 02-18 02-19 02-20 02-23 04-06 05-01 05-04 05-05 06-19 09-25"
    closed += " 10-01 10-02 10-05 10-06 10-07"
    expected = {day(f"2026-{text}") for text in closed.split()}
    weekdays = [date for date in days_of(2026) if date.weekday() < 5]
    assert {date for date in weekdays if not hours.CN_STOCK.sessions_on(date)} == expected


@needs_library
def test_a_calendar_is_read_once_and_says_what_it_covers():
    calendar = calendars.load("XHKG")
    assert calendars.load("XHKG") is calendar
    assert calendar.outside(day("2024-02-09")) is None
    assert calendar.outside(day("1999-12-31")) == "before 2000-01-01"
    assert calendar.outside(day("2222-01-01")).startswith("after 20")
    assert calendar.early[day("2024-02-09")] == "12:00"


@needs_library
def test_an_unknown_exchange_is_refused():
    with pytest.raises(ConfigError, match="exchange_calendars knows") as caught:
        calendars.load("XMOON")
    assert caught.value.field == "calendar"


@needs_library
def test_outside_its_years_a_calendar_says_once_that_it_knows_nothing(caplog):
    calendars.warn_outside.cache_clear()
    old = Sessions("Asia/Hong_Kong", (("10:00", "12:30"),), calendar="XHKG")
    with caplog.at_level(logging.WARNING, "btstores.markets.calendars"):
        assert old.sessions_on(day("1997-07-01"))
        assert old.sessions_on(day("1998-07-01"))
    assert [record.getMessage().split(":")[0] for record in caplog.records] == [
        "the calendar of XHKG knows no holidays before 2000-01-01"
    ]


@pytest.fixture
def no_library(monkeypatch):
    for function in (calendars.load, calendars._library):
        function.cache_clear()
    monkeypatch.setitem(sys.modules, "exchange_calendars", None)
    yield
    for function in (calendars.load, calendars._library):
        function.cache_clear()


@pytest.mark.usefixtures("no_library")
def test_without_the_library_weekdays_trade_and_one_warning_names_the_command(caplog):
    sessions = Sessions("Asia/Hong_Kong", (("09:30", "16:00"),), calendar="XHKG")
    other = Sessions("America/New_York", (("09:30", "16:00"),), calendar="XNYS")
    with caplog.at_level(logging.WARNING, "btstores.markets.calendars"):
        assert sessions.has_holidays is False
        assert sessions.is_open(utc("2023-12-25 03:00"))  # Christmas
        assert other.has_holidays is False
        assert not sessions.is_open(utc("2023-12-24 03:00"))  # a Sunday
    assert len(caplog.records) == 1
    assert "pip install 'btstores[calendars]'" in caplog.text


@pytest.mark.usefixtures("no_library")
def test_without_the_library_days_of_ones_own_still_hold():
    sessions = Sessions(
        "Asia/Hong_Kong",
        (("09:30", "12:00"), ("13:00", "16:00")),
        calendar="XHKG",
        holidays=[day("2023-12-25")],
        half_days={day("2024-02-09"): "12:00"},
    )
    assert not sessions.sessions_on(day("2023-12-25"))
    assert sessions.end_of_day(utc("2024-02-09 02:00")) == utc("2024-02-09 04:00")
    assert sessions.next_open(utc("2024-02-09 02:00")) == utc("2024-02-12 01:30")


def test_a_library_that_breaks_on_import_is_told_with_its_reason(monkeypatch, caplog, no_library):
    def broken(name):
        raise AttributeError("pandas has no Int64Index")

    monkeypatch.setattr(calendars.importlib, "import_module", broken)
    with caplog.at_level(logging.WARNING, "btstores.markets.calendars"):
        assert calendars.load("XHKG") is None
    assert "pandas has no Int64Index" in caplog.text


@needs_library
def test_has_holidays_where_the_calendar_is_there():
    assert hours.HK_STOCK.has_holidays is True


def test_has_holidays_without_a_calendar():
    assert hours.CRYPTO.has_holidays is False
    own = Sessions("UTC", (("09:30", "16:00"),), holidays=[day("2024-12-25")])
    assert own.has_holidays is True


@needs_library
def test_days_of_ones_own_win_over_the_calendar():
    sessions = Sessions(
        "Asia/Hong_Kong",
        (("09:30", "12:00"), ("13:00", "16:00")),
        calendar="XHKG",
        holidays=[day("2024-06-12")],
        half_days={day("2024-06-10"): "16:00", day("2024-12-24"): "16:00"},
    )
    assert not sessions.sessions_on(day("2024-06-12"))
    # A holiday and a half day of the calendar that trade in full after all.
    assert closing_time(sessions, day("2024-06-10")).hour == 8
    assert closing_time(sessions, day("2024-12-24")).hour == 8
    assert not sessions.sessions_on(day("2024-12-25"))
