"""`btstores markets`. Figures are those that exchanges and regulators publish."""

from __future__ import annotations

import dataclasses
import datetime
import importlib.util
import json

import pytest

from btstores.cli.markets import describe, outline
from btstores.clock import NS_PER_SECOND, SimulatedClock
from btstores.markets import MarketConfig, MarketType, Sessions, get_market_config

HAS_CALENDARS = importlib.util.find_spec("exchange_calendars") is not None


@pytest.fixture
def at(monkeypatch):
    """Set the clock: no test depends on the day on which it runs."""

    def set_to(text):
        moment = datetime.datetime.fromisoformat(text).timestamp()
        clock = SimulatedClock(round(moment) * NS_PER_SECOND)
        monkeypatch.setattr("btstores.cli.markets.wall_clock", lambda: clock)

    set_to("2026-01-05T02:00:00+00:00")
    return set_to


@pytest.fixture
def told(command, at):
    """Return what is told of a market, for machines."""

    def tell(*argv):
        said = command("markets", *argv, "--json")
        assert said.status == 0
        (one,) = json.loads(said.out)["markets"]
        return one

    return tell


# The list


def test_a_line_for_each_market(command, at):
    said = command("markets")
    assert said.status == 0
    lines = {line.split()[0]: line for line in said.lines if line}
    assert {"HKD", "Asia/Hong_Kong", "T+2"} <= set(lines["HK_STOCK"].split())
    assert "09:30-12:00, 13:00-16:00" in lines["HK_STOCK"]
    assert "09:30-11:30, 13:00-15:00" in lines["CN_STOCK"]
    assert "17:00*-16:00" in lines["US_FUTURE"]
    assert "* begins on the day before" in said.lines
    assert {"USD", "09:30-16:00", "T+1", "by"} <= set(lines["US_OPTION"].split())


def test_the_list_for_machines(command, at):
    found = {one["name"]: one for one in json.loads(command("markets", "--json").out)["markets"]}
    assert set(found) == {market.name for market in MarketType} - {"UNKNOWN"}
    assert found["US_STOCK"]["settlement_days"] == 1
    assert found["US_STOCK"]["fees_known"] is True
    assert found["CRYPTO"]["ticks_known"] is False
    assert found["HK_OPTION"]["fees_known"] is False


# One market


def test_hong_kong(command, at):
    said = command("markets", "HK_STOCK", "--date", "2026-01-05")
    assert said.status == 0
    assert "on 2026-01-05: 09:30-12:00, 13:00-16:00" in said.lines
    assert "now 2026-01-05 10:00: continuous" in said.lines
    assert "next open 2026-01-05 13:00, next close 2026-01-05 12:00" in said.lines
    stamp = next(line for line in said.lines if line.startswith("stamp duty"))
    assert " 0.1 % " in stamp
    assert "3,000 lots" in said.out
    for words in ("not below the best ask", "2025-08-04", "https://www.hkex.com.hk"):
        assert words in said.out


def test_holidays_are_known_or_the_way_to_know_them_is_told(command, at):
    # Christmas Eve is a half day in Hong Kong, Christmas a holiday.
    eve = command("markets", "HK_STOCK", "--date", "2025-12-24").lines
    christmas = command("markets", "HK_STOCK", "--date", "2025-12-25").lines
    holidays = next(line for line in eve if line.startswith("holidays: "))
    if HAS_CALENDARS:
        assert "on 2025-12-24: 09:30-12:00" in eve
        assert "on 2025-12-25: no trading" in christmas
        assert "known until 20" in holidays
    else:
        assert "not known" in holidays
        assert holidays.endswith("pip install 'btstores[calendars]'")


def test_a_weekend_has_no_trading(command, at):
    said = command("markets", "US_STOCK", "--date", "2026-01-10")
    assert "on 2026-01-10: no trading" in said.lines


def test_open_and_close_are_told_from_now_in_local_time(told, at):
    # New York is five hours behind UTC in winter; Friday evening, so Monday is next.
    at("2026-01-09T22:30:00+00:00")
    now = told("US_STOCK")["now"]
    assert now["time"] == "2026-01-09T17:30-05:00"
    assert (now["open"], now["session"]) == (False, "after hours")
    assert now["next_open"] == "2026-01-12T09:30-05:00"
    assert now["next_close"] == "2026-01-12T16:00-05:00"


def test_the_day_is_that_of_the_market_by_default(told, at):
    at("2026-01-05T20:00:00+00:00")
    assert told("HK_STOCK")["date"] == "2026-01-06"
    assert told("US_STOCK")["date"] == "2026-01-05"


@pytest.mark.parametrize(
    ("day", "price", "tick"),
    [
        ("2025-08-01", 15, 0.02),
        ("2025-08-01", 30, 0.05),
        ("2026-01-05", 15, 0.01),
        ("2026-01-05", 30, 0.02),
        ("2026-01-05", 300, 0.2),
        ("2026-01-05", 5, 0.01),
        ("2026-08-03", 5, 0.005),
    ],
)
def test_ticks_are_those_of_the_date(told, day, price, tick):
    (terms,) = told("HK_STOCK", "--symbol", "HK.00700", "--date", day)["symbols"]
    assert [step for start, step in terms["ticks"]["rows"] if start <= price][-1] == tick


@pytest.mark.parametrize(("day", "days"), [("2024-05-24", 2), ("2024-05-28", 1)])
def test_settlement_is_that_of_the_date(told, day, days):
    assert told("US_STOCK", "--date", day)["symbols"][0]["settlement_days"] == days


def test_china_by_board(told):
    terms = {one["symbol"]: one for one in told("CN_STOCK")["symbols"]}
    star, main = terms["SH.688981"], terms["SH.600519"]
    assert (star["sizes"]["least"], star["sizes"]["step"], star["limits"]) == (200, 1, [-0.2, 0.2])
    assert (main["sizes"]["least"], main["sizes"]["step"], main["limits"]) == (
        100,
        100,
        [-0.1, 0.1],
    )
    assert not main["sold_same_day"]


def test_what_applies_to_a_future(told):
    one = told("CN_FUTURE", "--symbol", "SHFE.rb2610")
    (terms,) = one["symbols"]
    assert (terms["multiplier"], terms["ticks"]["rows"]) == (10, [[0, 1]])
    assert {fee["rate"] for fee in one["fees"]} == {"0.0001"}
    assert {fee["payee"] for fee in one["fees"]} == {"SHFE"}
    assert not any("CFFEX" in source["document"] for source in one["sources"])


def test_sources_of_a_market_are_not_those_of_another(told):
    documents = " ".join(source["document"] for source in told("US_FUTURE")["sources"])
    assert "CME" in documents
    assert "SHFE" not in documents


def test_fees_of_a_date(told, command):
    def sec(day):
        fees = {fee["name"]: fee for fee in told("US_STOCK", "--date", day)["fees"]}
        return fees["SEC fee"]

    # 8.00 and then 27.80 dollars a million, of sales.
    assert sec("2024-05-21")["rate"] == "0.000008"
    assert sec("2024-05-22")["rate"] == "0.0000278"
    assert sec("2024-05-22")["sides"] == ["sell"]
    said = command("markets", "US_STOCK", "--date", "2010-01-04")
    assert any(line.startswith("stock: not known before 20") for line in said.lines)
    assert not any(line.startswith("SEC fee") for line in said.lines)


def test_smallest_and_largest_fee_are_told(told):
    fees = {fee["name"]: fee for fee in told("HK_STOCK", "--date", "2024-01-02")["fees"]}
    settlement = fees["settlement fee"]
    assert (settlement["rate"], settlement["minimum"], settlement["maximum"]) == (
        "0.00002",
        "2",
        "100",
    )


def test_product_without_known_fees(command, at):
    assert "m: not known" in command("markets", "CN_FUTURE", "--symbol", "DCE.m2609").lines


def test_every_figure_has_a_source(told):
    for market in ("CN_STOCK", "CN_FUTURE", "HK_STOCK", "HK_FUTURE", "US_STOCK", "US_FUTURE"):
        one = told(market)
        assert one["sources"]
        for source in one["sources"]:
            assert source["document"]
            assert source["url"].startswith("http")
            datetime.date.fromisoformat(source["effective"])
        assert all(fee["source"] and fee["since"] for fee in one["fees"] or ())


@pytest.mark.parametrize(
    "name", [market.name for market in MarketType if market.value != "unknown"]
)
def test_every_market_can_be_shown(command, at, name):
    said = command("markets", name.lower())
    assert said.status == 0
    assert said.lines[0].startswith(f"{name}: ")


def test_a_market_of_ones_own(at):
    own = MarketConfig(
        MarketType.HK_OPTION, sessions=Sessions("Asia/Hong_Kong", (("09:30", "16:00"),))
    )
    assert outline(own)["regular_hours"] == [
        {"opens": "09:30", "closes": "16:00", "day_before": False}
    ]
    assert outline(MarketConfig(MarketType.HK_OPTION, lot=1.0))["regular_hours"] is None
    bare = dataclasses.replace(get_market_config(MarketType.HK_STOCK), sessions=None, fees=None)
    found = describe(bare, datetime.date(2026, 1, 5))
    assert (found["hours"], found["now"], found["fees"]) == ([], None, None)


# What is wrong


def test_unknown_market(refused):
    for name in ("MARS", "unknown"):
        assert refused("markets", name).startswith(f"market={name!r}: expected one of CN_STOCK, ")


@pytest.mark.parametrize(
    ("market", "symbol", "example"),
    [
        ("HK_STOCK", "US.AAPL", "HK.00700"),
        ("US_STOCK", "HK.00700", "US.AAPL"),
        ("CN_FUTURE", "CME.ESZ6", "SHFE.rb2610"),
        ("FOREX", "BTC/USDT", "EUR_USD"),
    ],
)
def test_symbol_of_another_market(refused, at, market, symbol, example):
    told = refused("markets", market, "--symbol", symbol)
    assert told.startswith(f"--symbol={symbol!r}: ")
    assert told.endswith(f"such as {example}")


@pytest.mark.parametrize("day", ["2026-13-01", "yesterday", "2026-01"])
def test_no_date(refused, day):
    assert f"argument --date: {day}: expected a day such as" in refused(
        "markets", "FOREX", "--date", day
    )


@pytest.mark.parametrize("more", [("--symbol", "HK.00700"), ("--date", "2026-01-05")])
def test_a_market_has_to_be_named(refused, more):
    assert (
        refused("markets", *more) == f"{more[0]}={more[1]!r}: expected the name of a market with it"
    )


def test_help_has_examples(command):
    said = command("markets", "--help")
    assert "examples:\n  btstores markets" in said.out
    assert "--json: one object" in said.out
