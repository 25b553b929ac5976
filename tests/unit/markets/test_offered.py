"""Markets of other packages, and files that change markets."""

from __future__ import annotations

import datetime

import pytest

from btstores.errors import ConfigError
from btstores.markets import MarketConfig, MarketType, get_market_config, offered, register_market
from btstores.markets.offered import read_markets
from btstores.stores.paper import PaperStore

HK = MarketType.HK_STOCK


class Point:
    """An entry point, as an installed package offers it."""

    def __init__(self, loaded):
        self.loaded = loaded

    def load(self):
        return self.loaded


@pytest.fixture
def packages(monkeypatch):
    """Offer markets as installed packages do."""

    def offer(*markets):
        points = {f"market {number}": Point(market) for number, market in enumerate(markets)}
        monkeypatch.setattr(offered, "entry_points_of", lambda group: points)
        offered._packages.cache_clear()

    yield offer
    offered._packages.cache_clear()


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "markets.toml"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def ns(text):
    return int(datetime.datetime.fromisoformat(text).timestamp()) * 1_000_000_000


def test_a_file_changes_what_it_names_and_nothing_else(write):
    path = write("[HK_STOCK]\nlot = 500\ntick_size = 1\norders_when_closed = false\n")
    (changed,) = read_markets(path).values()
    known = get_market_config(HK)
    assert (changed.market, changed.lot, changed.tick_size) == (HK, 500, 1)
    assert changed.orders_when_closed is False
    assert (changed.fees, changed.rules, changed.sessions) == (
        known.fees,
        known.rules,
        known.sessions,
    )


def test_holidays_and_half_days_are_added(write):
    known = get_market_config(HK).sessions
    path = write('[HK_STOCK]\nholidays = [2026-11-25]\nhalf_days = {"2026-11-26" = "12:00"}\n')
    hours = read_markets(path)[HK].sessions
    assert known.is_open(ns("2026-11-25T10:00:00+08:00"))
    assert not hours.is_open(ns("2026-11-25T10:00:00+08:00"))
    assert hours.is_open(ns("2026-11-26T11:00:00+08:00"))
    assert known.is_open(ns("2026-11-26T14:00:00+08:00"))
    assert not hours.is_open(ns("2026-11-26T14:00:00+08:00"))
    assert known.holidays <= hours.holidays
    assert hours.calendar == known.calendar


def test_a_market_that_nobody_knows_is_made_of_a_file(write):
    path = write(
        '[UNKNOWN]\ncurrency = "HKD"\ntimezone = "Asia/Hong_Kong"\n'
        'hours = [["09:30", "12:00"], ["13:00", "16:00"]]\ncalendar = "XHKG"\n'
    )
    market = read_markets(path)[MarketType.UNKNOWN]
    assert (market.currency, market.timezone) == ("HKD", "Asia/Hong_Kong")
    assert market.sessions.is_open(ns("2026-11-25T10:00:00+08:00"))
    assert not market.sessions.is_open(ns("2026-11-25T12:30:00+08:00"))


def test_the_file_of_one_store_counts_for_it_alone(write):
    path = write("[HK_STOCK]\nlot = 500\n")
    store = PaperStore(symbols=["HK.00700"], market=HK, markets=path)
    assert store.get_market_config().lot == 500
    assert get_market_config(HK).lot is None


def test_the_file_of_a_user_counts_for_all_stores(write, monkeypatch):
    monkeypatch.setenv("BTSTORES_MARKETS", write("[HK_STOCK]\nlot = 500\n"))
    assert get_market_config(HK).lot == 500
    assert get_market_config(MarketType.US_STOCK).lot is None
    store = PaperStore(symbols=["HK.00700"], market=HK)
    assert store.get_market_config().lot == 500
    register_market(MarketConfig(HK, lot=7))
    assert get_market_config(HK).lot == 7


def test_packages_offer_markets_and_the_users_file_changes_them(packages, write, monkeypatch):
    packages(MarketConfig(MarketType.US_OPTION, lot=1, tick_size=0.01))
    assert get_market_config(MarketType.US_OPTION).lot == 1
    monkeypatch.setenv("BTSTORES_MARKETS", write("[US_OPTION]\ntick_size = 0.05\n"))
    market = get_market_config(MarketType.US_OPTION)
    assert (market.lot, market.tick_size) == (1, 0.05)


def test_a_package_that_offers_something_else_is_named(packages):
    packages("no market")
    with pytest.raises(ConfigError, match=r"entry point market 0 of btstores\.markets"):
        get_market_config(HK)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[HK_STOCK", "not TOML"),
        ("[HK_SHARES]\nlot = 1", r"HK_SHARES: expected a table of .*\[HK_STOCK\]"),
        ("HK_STOCK = 5", "HK_STOCK: expected a table of"),
        ("[HK_STOCK]\nlots = 1", r"\[HK_STOCK\] .*no parameter 'lots'; it has: .*lot,"),
        ("[HK_STOCK]\nlot = 0", r"\[HK_STOCK\] lot=0.0: expected at least"),
        ('[HK_STOCK]\nlot = "x"', r"\[HK_STOCK\] lot='x': expected float"),
        ("[HK_STOCK]\nlot = nan", r"\[HK_STOCK\] lot=nan: expected a number"),
        ('[HK_STOCK]\ntimezone = "Mars"', r"\[HK_STOCK\] tz='Mars': expected an IANA time zone"),
        ('[HK_OPTION]\ntimezone = "Mars"', r"\[HK_OPTION\] tz='Mars': expected an IANA time zone"),
        ('[HK_STOCK]\nhours = [["9", "x"]]', r"\[HK_STOCK\] hours="),
        ("[HK_STOCK]\nhours = [5]", r"\[HK_STOCK\] hours="),
        ('[HK_STOCK]\nholidays = ["x"]', r"\[HK_STOCK\] holidays=.*expected dates"),
        ('[HK_STOCK]\nhalf_days = {x = "12:00"}', r"\[HK_STOCK\] half_days='x': expected a date"),
        ("[HK_STOCK]\nhalf_days = {2026-12-24 = 5}", r"\[HK_STOCK\] half_days="),
        ("[UNKNOWN]\nholidays = [2026-12-24]", r"\[UNKNOWN\] its hours are not known"),
    ],
)
def test_a_bad_file_is_told_with_table_and_field(write, text, message):
    with pytest.raises(ConfigError, match=message):
        read_markets(write(text))


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.toml.*a file to read"):
        PaperStore(symbols=["HK.00700"], markets=str(tmp_path / "none.toml"))


def test_a_bad_file_of_a_user_is_told_when_a_store_is_made(write, monkeypatch):
    monkeypatch.setenv("BTSTORES_MARKETS", write("[HK_STOCK]\nlots = 500\n"))
    with pytest.raises(ConfigError, match="no parameter 'lots'"):
        PaperStore(symbols=["HK.00700"], market=HK)


def test_a_file_changes_the_hours_of_all_products(write):
    market = MarketType.CN_FUTURE
    known = get_market_config(market)
    changed = read_markets(write("[CN_FUTURE]\nholidays = [2026-11-25]\n"))[market]
    for symbol in ("SHFE.rb2701", "CFFEX.IF2612", "DCE.jd2701"):
        morning = ns("2026-11-25T10:00:00+08:00")
        assert known.sessions_of(symbol).is_open(morning)
        assert not changed.sessions_of(symbol).is_open(morning)
    assert changed.sessions_of("SHFE.rb2701").is_open(ns("2026-11-26T21:30:00+08:00"))
    path = write('[CN_FUTURE]\nhours = [["09:00", "11:30"]]\n')
    assert (
        not read_markets(path)[market]
        .sessions_of("SHFE.rb2701")
        .is_open(ns("2026-11-26T21:30:00+08:00"))
    )
