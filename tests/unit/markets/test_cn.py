"""Mainland China: boards, lots, limits of the day, T+1. Limits are worked out by hand."""

from __future__ import annotations

import datetime

import pytest

from btstores.errors import ConfigError
from btstores.markets import cn
from btstores.markets.cn import Board
from btstores.reports import OrderType, Side

RULES = cn.RULES
DAY = datetime.date(2026, 11, 2)
OLD_ST = datetime.date(2026, 7, 3)  # the last trading day of 5 %


@pytest.mark.parametrize(
    ("symbol", "board"),
    [
        ("SH.600519", Board.MAIN),
        ("SH.601318", Board.MAIN),
        ("SH.603259", Board.MAIN),
        ("SH.605499", Board.MAIN),
        ("SZ.000001", Board.MAIN),
        ("SZ.001979", Board.MAIN),
        ("SZ.002594", Board.MAIN),
        ("SZ.003816", Board.MAIN),
        ("SH.688981", Board.STAR),
        ("SH.689009", Board.STAR),
        ("SZ.300750", Board.CHINEXT),
        ("SZ.301269", Board.CHINEXT),
        ("SZ.302132", Board.CHINEXT),
        ("BJ.430047", Board.BSE),
        ("BJ.830799", Board.BSE),
        ("BJ.870199", Board.BSE),
        ("BJ.920799", Board.BSE),
        ("SH.510050", Board.FUND_SH),
        ("SH.562500", Board.FUND_SH),
        ("SH.588000", Board.FUND_STAR),
        ("SZ.159915", Board.FUND_SZ),
        ("SZ.161725", Board.FUND_SZ),
        ("SH.900901", Board.B_SHARE_SH),
        ("SZ.200011", Board.B_SHARE_SZ),
        ("SH.113013", Board.CONVERTIBLE_SH),
        ("SH.118003", Board.CONVERTIBLE_SH),
        ("SZ.123001", Board.CONVERTIBLE_SZ),
        ("SZ.128136", Board.CONVERTIBLE_SZ),
        ("SH.000001", None),  # an index
        ("SZ.399001", None),
        ("SH.204001", None),
        ("BJ.600519", None),
        ("SZ.600519", None),
        ("HK.00700", None),
        ("600519", None),
        ("SH.60051", None),
        ("SH.60051X", None),
    ],
)
def test_a_code_tells_the_board(symbol, board):
    assert cn.board_of(symbol) is board


@pytest.mark.parametrize(
    ("symbol", "tick"),
    [
        ("SH.600519", 0.01),
        ("SH.688981", 0.01),
        ("SZ.300750", 0.01),
        ("BJ.920799", 0.01),
        ("SH.510050", 0.001),
        ("SZ.159915", 0.001),
        ("SH.900901", 0.001),
        ("SZ.200011", 0.01),
        ("SZ.123001", 0.001),
    ],
)
def test_ticks(symbol, tick):
    table = RULES.tick_table_of(symbol, DAY)
    for steps in (1, 100, 12345):
        price = round(steps * tick, 3)
        assert table.tick_at(price) == tick
        assert table.is_on_grid(price)
        assert not table.is_on_grid(price + tick / 2)


def test_ticks_that_are_not_known():
    assert RULES.tick_table_of("SH.113013", DAY) is None
    assert RULES.tick_table_of("SH.688981", datetime.date(2019, 7, 21)) is None
    assert RULES.tick_table_of("SH.000001", DAY) is None


MAIN = [
    (10.00, 9.00, 11.00),
    (10.05, 9.05, 11.06),  # 9.045 and 11.055
    (11.75, 10.58, 12.93),  # SH.600000 on 2017-05-25: 12.925, closed at 12.93
    (610.10, 549.09, 671.11),  # SH.600519 on 2018-10-29, closed at 549.09
    (15.47, 13.92, 17.02),
    (3.33, 3.00, 3.66),
    (3.35, 3.02, 3.69),
    (1.05, 0.95, 1.16),
    (0.99, 0.89, 1.09),
    (1688.00, 1519.20, 1856.80),
    (0.05, 0.04, 0.06),  # 0.045 would be the price before
    (0.04, 0.03, 0.05),
    (0.01, 0.01, 0.02),
]
ST = [
    (1.00, 0.95, 1.05),
    (2.05, 1.95, 2.15),
    (3.33, 3.16, 3.50),
    (4.50, 4.28, 4.73),
    (10.00, 9.50, 10.50),
    (0.98, 0.93, 1.03),
    (2.10, 2.00, 2.21),
    (5.11, 4.85, 5.37),
    (0.10, 0.09, 0.11),
    (7.77, 7.38, 8.16),
    (1.23, 1.17, 1.29),
    (6.30, 5.99, 6.62),
]
STAR = [
    (50.00, 40.00, 60.00),
    (23.31, 18.65, 27.97),
    (100.01, 80.01, 120.01),
    (7.77, 6.22, 9.32),
    (7.78, 6.22, 9.34),
    (1.23, 0.98, 1.48),
    (245.52, 196.42, 294.62),
    (33.33, 26.66, 40.00),
    (61.08, 48.86, 73.30),
    (1000.00, 800.00, 1200.00),
    (0.03, 0.02, 0.04),
    (0.02, 0.01, 0.03),
]
CHINEXT = [
    (9.99, 7.99, 11.99),
    (12.34, 9.87, 14.81),
    (18.88, 15.10, 22.66),
    (25.01, 20.01, 30.01),
    (46.47, 37.18, 55.76),
    (5.55, 4.44, 6.66),
    (3.07, 2.46, 3.68),
    (180.36, 144.29, 216.43),
    (401.00, 320.80, 481.20),
    (2.22, 1.78, 2.66),
    (88.88, 71.10, 106.66),
    (1.01, 0.81, 1.21),
]
BSE = [
    (10.00, 7.00, 13.00),
    (5.55, 3.89, 7.22),
    (9.99, 6.99, 12.99),
    (3.35, 2.35, 4.36),
    (17.25, 12.08, 22.43),
    (1.15, 0.81, 1.50),
    (20.01, 14.01, 26.01),
    (8.45, 5.92, 10.99),
    (33.33, 23.33, 43.33),
    (12.05, 8.44, 15.67),
    (6.66, 4.66, 8.66),
    (100.00, 70.00, 130.00),
]
FUND = [
    (2.228, 2.005, 2.451),
    (1.005, 0.905, 1.106),
    (0.995, 0.896, 1.095),
    (3.000, 2.700, 3.300),
    (4.125, 3.713, 4.538),
    (0.777, 0.699, 0.855),
    (100.123, 90.111, 110.135),
    (1.234, 1.111, 1.357),
    (5.555, 5.000, 6.111),
    (0.550, 0.495, 0.605),
    (2.835, 2.552, 3.119),
    (0.001, 0.001, 0.002),
]
B_SHARE = [
    ("SH.900901", 0.505, 0.455, 0.556),
    ("SH.900901", 0.004, 0.003, 0.005),
    ("SZ.200011", 3.35, 3.02, 3.69),
]


@pytest.mark.parametrize(
    ("symbol", "is_st", "day", "previous", "low", "high"),
    [
        *(("SH.600000", False, DAY, *row) for row in MAIN),
        *(("SZ.000001", False, DAY, *row) for row in MAIN),
        *(("SH.600000", True, OLD_ST, *row) for row in ST),
        *(("SZ.000001", True, OLD_ST, *row) for row in ST),
        *(("SH.600000", True, DAY, *row) for row in MAIN),
        *(("SH.688981", False, DAY, *row) for row in STAR),
        *(("SH.688981", True, DAY, *row) for row in STAR),
        *(("SZ.300750", False, DAY, *row) for row in CHINEXT),
        *(("SZ.300750", True, DAY, *row) for row in CHINEXT),
        *(("BJ.920799", False, DAY, *row) for row in BSE),
        *(("SH.510050", False, DAY, *row) for row in FUND),
        *((symbol, False, DAY, *row) for symbol, *row in B_SHARE),
    ],
)
def test_limits_of_the_day(symbol, is_st, day, previous, low, high):
    assert RULES.limits_of(symbol, previous, day, is_st) == (low, high)


@pytest.mark.parametrize(
    ("symbol", "is_st", "day", "low", "high"),
    [
        ("SH.600000", False, "1996-12-16", None, None),  # no tick is known yet
        ("SH.600000", False, "2006-07-03", 9.0, 11.0),
        ("SH.600000", True, "2026-07-03", 9.5, 10.5),
        ("SH.600000", True, "2026-07-05", 9.5, 10.5),
        ("SH.600000", True, "2026-07-06", 9.0, 11.0),
        ("SZ.000001", True, "2026-07-06", 9.0, 11.0),
        ("SZ.300750", False, "2009-10-29", None, None),
        ("SZ.300750", False, "2020-08-21", 9.0, 11.0),
        ("SZ.300750", True, "2020-08-21", 9.5, 10.5),
        ("SZ.300750", False, "2020-08-24", 8.0, 12.0),
        ("SZ.300750", True, "2020-08-24", 8.0, 12.0),
        ("SH.688981", False, "2019-07-19", None, None),
        ("SH.688981", False, "2019-07-22", 8.0, 12.0),
        ("BJ.830799", False, "2021-11-12", None, None),
        ("BJ.830799", False, "2021-11-15", 7.0, 13.0),
    ],
)
def test_limits_change_on_their_days(symbol, is_st, day, low, high):
    limits = RULES.limits_of(symbol, 10.0, datetime.date.fromisoformat(day), is_st)
    assert limits == (None if low is None else (low, high))


@pytest.mark.parametrize(
    ("symbol", "day", "days_listed", "limits"),
    [
        ("SH.600000", "2026-11-02", 1, None),
        ("SH.600000", "2026-11-02", 5, None),
        ("SH.600000", "2026-11-02", 6, (9.0, 11.0)),
        ("SZ.001979", "2023-04-10", 1, None),
        ("SH.600000", "2023-04-07", 2, (9.0, 11.0)),
        ("SH.600000", "2023-04-07", 1, (6.4, 14.4)),
        ("SH.600000", "2014-06-13", 1, (6.4, 14.4)),
        ("SH.600000", "2014-06-12", 1, None),
        ("SH.600000", "2014-06-12", 2, (9.0, 11.0)),
        ("SH.688981", "2019-07-26", 5, None),
        ("SH.688981", "2019-07-29", 6, (8.0, 12.0)),
        ("SZ.300750", "2020-08-21", 1, (6.4, 14.4)),
        ("SZ.300750", "2020-08-21", 2, (9.0, 11.0)),
        ("SZ.300750", "2020-08-28", 5, None),
        ("SZ.300750", "2020-08-31", 6, (8.0, 12.0)),
        ("BJ.920799", "2026-11-02", 1, None),
        ("BJ.920799", "2026-11-02", 2, (7.0, 13.0)),
        ("SZ.123001", "2026-11-02", 2, (8.0, 12.0)),
        ("SZ.123001", "2026-11-02", None, (8.0, 12.0)),
    ],
)
def test_new_listings(symbol, day, days_listed, limits):
    day = datetime.date.fromisoformat(day)
    assert RULES.limits_of(symbol, 10.0, day, days_listed=days_listed) == limits


def test_the_first_day_is_counted_from_the_issue_price():
    day = datetime.date(2019, 3, 1)
    # Issued at 7.47: 1.44 times that is 10.7568, 0.64 times 4.7808.
    assert RULES.limits_of("SH.603000", 7.47, day, days_listed=1) == (4.78, 10.76)
    assert RULES.limits_of("SZ.123001", 100.0, DAY, days_listed=1) == (56.7, 157.3)


@pytest.mark.parametrize("symbol", ["SH.588000", "SZ.159915", "SH.113013", "SH.000001"])
def test_limits_that_are_not_known(symbol):
    assert RULES.limits_of(symbol, 10.0, DAY) is None


def test_a_price_before_is_needed():
    with pytest.raises(ConfigError, match="previous_close"):
        RULES.limits_of("SH.600519", float("nan"), DAY)


BUYS = [
    *(("SH.600519", size, False) for size in (1, 99, 101, 150, 199, 201)),
    *(("SH.600519", size, True) for size in (100, 200, 300)),
    ("SH.600519", 1_000_000, True),
    ("SH.600519", 100.5, False),
    ("SH.600519", 0, False),
    ("SH.600519", -100, False),
    ("SZ.300750", 100, True),
    ("SZ.300750", 150, False),
    ("SH.688981", 199, False),
    ("SH.688981", 200, True),
    ("SH.688981", 201, True),
    ("SH.688981", 200.5, False),
    ("BJ.920799", 99, False),
    ("BJ.920799", 100, True),
    ("BJ.920799", 101, True),
    ("SH.510050", 100, True),
    ("SH.510050", 110, False),
    ("SH.113013", 9, False),
    ("SH.113013", 10, True),
    ("SH.113013", 15, False),
    ("SH.113013", 20, True),
]


@pytest.mark.parametrize(("symbol", "size", "expected"), BUYS)
def test_sizes_of_buys(symbol, size, expected):
    assert RULES.size_rule_of(symbol, DAY).accepts(Side.BUY, size, held=10_000) is expected


@pytest.mark.parametrize(
    ("symbol", "held", "size", "expected"),
    [
        ("SH.600519", 250, 50, True),  # the odd rest, alone
        ("SH.600519", 250, 150, True),  # with full lots
        ("SH.600519", 250, 250, True),
        ("SH.600519", 250, 100, True),
        ("SH.600519", 250, 200, True),
        ("SH.600519", 250, 49, False),  # a part of it
        ("SH.600519", 250, 51, False),
        ("SH.600519", 250, 149, False),
        ("SH.600519", 250, 350, False),  # more than is held
        ("SH.600519", 250, 300, True),  # whether it is a short sale is another rule's
        ("SH.600519", 50, 50, True),
        ("SH.600519", 50, 25, False),
        ("SH.600519", 200, 50, False),  # nothing odd is held
        ("SH.600519", 0, 50, False),
        ("SH.600519", 0, 100, True),
        ("SZ.300750", 333, 33, True),
        ("SZ.300750", 333, 32, False),
        ("SH.688981", 199, 199, True),
        ("SH.688981", 199, 100, False),
        ("SH.688981", 200, 199, False),
        ("SH.688981", 250, 50, False),
        ("SH.688981", 250, 201, True),  # leaves a rest, which is then sold whole
        ("SH.688981", 49, 49, True),
        ("BJ.920799", 99, 99, True),
        ("BJ.920799", 99, 98, False),
        ("BJ.920799", 150, 50, False),
        ("BJ.920799", 150, 101, True),
        ("SH.113013", 25, 5, True),
        ("SH.113013", 25, 15, True),
        ("SH.113013", 25, 4, False),
    ],
)
def test_sizes_of_sales(symbol, held, size, expected):
    assert RULES.size_rule_of(symbol, DAY).accepts(Side.SELL, size, held) is expected


@pytest.mark.parametrize(
    ("symbol", "lot", "least"),
    [
        ("SH.600519", 100, 100),
        ("SZ.300750", 100, 100),
        ("SH.688981", 1, 200),
        ("BJ.920799", 1, 100),
        ("SH.510050", 100, 100),
        ("SH.113013", 10, 10),
    ],
)
def test_lots(symbol, lot, least):
    assert RULES.size_rule_of(symbol, DAY).step == lot
    assert RULES.size_rule_of(symbol, DAY).least == least


@pytest.mark.parametrize(
    ("symbol", "limit", "market"),
    [
        ("SH.600519", 1_000_000, 1_000_000),
        ("SZ.000001", 1_000_000, 1_000_000),
        ("SH.688981", 100_000, 50_000),
        ("SZ.300750", 300_000, 150_000),
        ("SH.510050", 1_000_000, 1_000_000),
        ("BJ.920799", None, None),
        ("SH.113013", None, None),
    ],
)
def test_largest_orders(symbol, limit, market):
    assert RULES.size_rule_of(symbol, DAY).most_of(OrderType.LIMIT) == limit
    assert RULES.size_rule_of(symbol, DAY).most_of(OrderType.MARKET) == market


def test_chinext_orders_were_larger_before_the_reform():
    before, after = datetime.date(2020, 8, 21), datetime.date(2020, 8, 24)
    assert RULES.size_rule_of("SZ.300750", before).most_of(OrderType.LIMIT) == 1_000_000
    assert RULES.size_rule_of("SZ.300750", after).most_of(OrderType.LIMIT) == 300_000


@pytest.mark.parametrize(
    ("symbol", "same_day", "sellable"),
    [
        ("SH.600519", False, 300),
        ("SZ.300750", False, 300),
        ("SH.688981", False, 300),
        ("BJ.920799", False, 300),
        ("SH.900901", False, 300),
        ("SH.113013", True, 500),
        ("SZ.123001", True, 500),
        ("SH.511010", True, 500),
        ("SH.513100", True, 500),
        ("SH.518880", True, 500),
        ("SH.510050", None, 300),
        ("SZ.159915", None, 300),
        ("SH.588000", None, 300),
        ("SH.000001", None, 300),
    ],
)
def test_what_was_bought_today_is_sold_tomorrow(symbol, same_day, sellable):
    assert cn.sells_same_day(symbol) is same_day
    assert RULES.sellable(symbol, 500.0, 200.0) == sellable


def test_no_less_than_nothing_is_sellable():
    # Bought and sold again elsewhere: more was bought today than is held.
    assert RULES.sellable("SH.600519", 100.0, 300.0) == 0.0


def test_settlement_and_short_sales():
    assert RULES.settlement_days("SH.600519", DAY) == 1
    assert RULES.settlement_days("HK.00700", DAY) is None
    assert RULES.settlement_days("SH.600519", datetime.date(2014, 11, 16)) is None
    assert RULES.short_sale.listed_only is True
    assert RULES.short_sale.floor == "last"
