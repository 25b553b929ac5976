from __future__ import annotations

import datetime

import pytest

from btstores.markets import MarketType
from btstores.stores.futu.opend import text

HONG_KONG, NEW_YORK = "Asia/Hong_Kong", "America/New_York"


@pytest.mark.parametrize(
    ("symbol", "market", "code"),
    [
        ("HK.00700", 1, "00700"),
        ("HK.MHImain", 1, "MHImain"),
        ("US.BRK.B", 11, "BRK.B"),
        ("SH.600519", 21, "600519"),
        ("SZ.300750", 22, "300750"),
    ],
)
def test_a_symbol_goes_to_the_wire_and_back(symbol, market, code):
    assert text.security_of(symbol) == (market, code)
    assert text.symbol_of(market, code) == symbol


def test_the_old_number_of_hong_kong_futures_is_understood():
    assert text.symbol_of(2, "HSImain") == "HK.HSImain"


@pytest.mark.parametrize(("market", "code"), [(0, "00700"), (31, "D05"), (1, "")])
def test_other_markets_have_no_symbol(market, code):
    assert text.symbol_of(market, code) is None


@pytest.mark.parametrize("symbol", ["00700", "SG.D05", "HK."])
def test_a_symbol_of_another_market_is_refused(symbol):
    with pytest.raises(ValueError, match="symbol: "):
        text.security_of(symbol)


@pytest.mark.parametrize(
    ("symbol", "market"),
    [
        ("HK.00700", MarketType.HK_STOCK),
        ("HK.HSI2612", MarketType.HK_FUTURE),
        ("HK.MHImain", MarketType.HK_FUTURE),
        ("HK.TCH230629C300000", MarketType.HK_OPTION),
        ("US.AAPL", MarketType.US_STOCK),
        ("US.BRK.B", MarketType.US_STOCK),
        ("US.ES2603", MarketType.US_FUTURE),
        ("US.CLmain", MarketType.US_FUTURE),
        ("US.AAPL230616C150000", MarketType.US_OPTION),
        ("SH.688981", MarketType.CN_STOCK),
        ("XX.1", MarketType.UNKNOWN),
    ],
)
def test_the_spelling_tells_the_market(symbol, market):
    assert text.market_type_of(symbol) is market


def test_american_futures_are_known_by_their_exchange():
    assert text.rule_symbol("US.ESmain") == "CME.ESmain"
    assert text.rule_symbol("US.CL2603") == "NYMEX.CL2603"
    assert text.rule_symbol("US.GCmain") == "COMEX.GCmain"
    assert text.rule_symbol("US.XYZmain") == "US.XYZmain"
    assert text.rule_symbol("HK.00700") == "HK.00700"


def test_times_are_local_and_follow_daylight_saving():
    noon = 1_704_283_200 * 10**9  # 2024-01-03 12:00 UTC
    assert text.time_text(noon, HONG_KONG) == "2024-01-03 20:00:00"
    assert text.time_text(noon + 999_999_999, NEW_YORK) == "2024-01-03 07:00:00"
    assert text.time_text(1_720_008_000 * 10**9, NEW_YORK) == "2024-07-03 08:00:00"


def test_a_time_is_read_as_it_was_written():
    for written in ("2024-01-03 09:31:00", "2024-07-03 16:00:00"):
        assert text.time_text(text.read_time(written, NEW_YORK), NEW_YORK) == written


def test_a_date_is_its_first_or_its_last_moment():
    first = text.read_time("2024-03-10", NEW_YORK)
    last = text.read_time("2024-03-10", NEW_YORK, end=True)
    assert first == text.day_ns(datetime.date(2024, 3, 10), NEW_YORK)
    # The clocks go forward on this day.
    assert last + 1 - first == 23 * 3600 * 10**9


@pytest.mark.parametrize("wrong", ["", "2024", "2024-13-01", "2024-01-01 25:00:00", "yesterday"])
def test_what_is_no_time_is_refused(wrong):
    with pytest.raises(ValueError, match=r".+"):
        text.read_time(wrong, HONG_KONG)
