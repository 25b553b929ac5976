"""Fees against examples worked by hand from the published schedules, to the cent."""

from __future__ import annotations

import datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btstores.errors import ConfigError
from btstores.markets.fees import (
    FeeItem,
    FeeSchedule,
    Trade,
    broker_fee,
    financed_days,
    financing,
    product_of,
    to_decimal,
)
from btstores.markets.feetables import (
    PLANS,
    SCHEDULES,
    crypto_schedule,
    forex_schedule,
    plan_of,
)

HK = SCHEDULES["hk_stock"]
US = SCHEDULES["us_stock"]
CN = SCHEDULES["cn_stock"]
FUTURES = SCHEDULES["cn_future"]
HK_FIXED = HK.plus(*plan_of("hk_stock", "fixed"))
US_FIXED = US.plus(*plan_of("us_stock", "fixed"))
CN_BROKER = CN.plus(broker_fee("commission", "value", "0.00025", minimum=5))


def day(text):
    return datetime.date(*map(int, text.split("-")))


def check(fees, lines, total):
    """Compare the amounts of ``fees`` in order, and what they add up to."""
    assert [line.amount for line in fees.lines] == [Decimal(each) for each in lines.split()]
    assert fees.total == Decimal(total)


# Hong Kong. Lines: commission 0.03 % (3 at least), platform 15, stamp duty (shares only, up to
# the dollar), SFC levy 0.0027 %, AFRC levy 0.00015 %, trading fee, tariff, settlement fee.


@pytest.mark.parametrize(
    ("date", "kind", "side", "size", "price", "lines", "total"),
    [
        # 100 x 300 = 30,000: 9, duty 30, 0.81, 0.045, 1.695, 0.60 -> 2
        ("2024-01-02", "stock", "buy", 100, "300", "9 15 30 .81 .05 1.70 2", "58.56"),
        # 500 x 380 = 190,000: 57, duty 190, 5.13, 0.285, 10.735, 3.80
        ("2025-06-29", "stock", "buy", 500, "380", "57 15 190 5.13 .29 10.74 3.80", "281.96"),
        # the next day settlement is 0.0042 %: 7.98
        ("2025-06-30", "stock", "buy", 500, "380", "57 15 190 5.13 .29 10.74 7.98", "286.14"),
        # 100 x 10.01 = 1,001: 0.30 -> 3, duty 1.001 -> 2, 0.027, 0.0015, 0.0566, 0.02 -> 2
        ("2024-01-02", "stock", "buy", 100, "10.01", "3 15 2 .03 0 .06 2", "22.09"),
        # 100 x 10 = 1,000: duty 1 without rounding, 0.027, 0.0015, 0.0565
        ("2024-01-02", "stock", "sell", 100, "10", "3 15 1 .03 0 .06 2", "21.09"),
        # 100 x 101 = 10,100: 3.03 is above the least, duty 10.1 -> 11, 0.2727, 0.01515, 0.57065
        ("2024-01-02", "stock", "buy", 100, "101", "3.03 15 11 .27 .02 .57 2", "31.89"),
        # 200 x 500 = 100,000: 30, duty 0.1 % 100, 2.70, trading 0.005 % 5, tariff 0.50, 2
        ("2021-07-31", "stock", "sell", 200, "500", "30 15 100 2.70 5 .50 2", "155.20"),
        # duty 0.13 % 130
        ("2021-08-01", "stock", "sell", 200, "500", "30 15 130 2.70 5 .50 2", "185.20"),
        ("2021-12-31", "stock", "sell", 200, "500", "30 15 130 2.70 5 .50 2", "185.20"),
        # AFRC levy 0.15
        ("2022-01-01", "stock", "sell", 200, "500", "30 15 130 2.70 .15 5 .50 2", "185.35"),
        ("2022-12-31", "stock", "sell", 200, "500", "30 15 130 2.70 .15 5 .50 2", "185.35"),
        # trading 0.00565 % 5.65, no tariff
        ("2023-01-01", "stock", "sell", 200, "500", "30 15 130 2.70 .15 5.65 2", "185.50"),
        ("2023-11-16", "stock", "sell", 200, "500", "30 15 130 2.70 .15 5.65 2", "185.50"),
        # duty 0.1 % 100
        ("2023-11-17", "stock", "sell", 200, "500", "30 15 100 2.70 .15 5.65 2", "155.50"),
        # 1,000 x 25 = 25,000, no duty: 7.50, 0.675, 0.0375, 1.4125, 0.50 -> 2
        ("2024-03-01", "etf", "buy", 1000, "25", "7.50 15 .68 .04 1.41 2", "26.63"),
        # 10,000 x 0.25 = 2,500, no duty: 0.75 -> 3, 0.0675, 0.00375, 0.14125, 0.105
        ("2026-01-05", "warrant", "buy", 10_000, "0.25", "3 15 .07 0 .14 .11", "18.32"),
        # 100,000 x 60 = 6,000,000: 1,800, duty 6,000, 162, 9, 339, 120 -> 100
        ("2024-06-03", "stock", "sell", 100_000, "60", "1800 15 6000 162 9 339 100", "8425"),
        # and later 252, without a limit
        ("2025-07-02", "stock", "sell", 100_000, "60", "1800 15 6000 162 9 339 252", "8577"),
    ],
)
def test_hong_kong(date, kind, side, size, price, lines, total):
    fees = HK_FIXED.charge(Trade(side, size, price, day(date), kind))
    check(fees, lines, total)
    assert fees.currency == "HKD"


def test_hong_kong_without_a_broker_has_the_lines_of_the_newest_schedule():
    # 400 x 512.5 = 205,000: duty 205, 5.535, 0.3075, 11.5825, 8.61
    fees = HK.charge(Trade("buy", 400, 512.5))
    assert [(line.name, line.payee, str(line.amount)) for line in fees.lines] == [
        ("stamp duty", "Hong Kong government", "205"),
        ("transaction levy", "SFC", "5.54"),
        ("AFRC levy", "AFRC", "0.31"),
        ("trading fee", "HKEX", "11.58"),
        ("settlement fee", "HKSCC", "8.61"),
    ]
    assert fees.total == Decimal("231.04")
    assert fees.amount("stamp duty") == 205
    assert fees.amount("commission") == 0


# United States. Lines: commission 0.005 a share (1 at least, 1 % at most), and for sales the
# SEC fee per million and the FINRA fee per share, both rounded up to the cent.


@pytest.mark.parametrize(
    ("date", "side", "size", "price", "lines", "total"),
    [
        # 1,000 x 50 = 50,000: 5, 8.00 per million 0.40, 1,000 x 0.000166 = 0.166
        ("2024-05-21", "sell", 1000, "50", "5 .40 .17", "5.57"),
        # 27.80 per million 1.39
        ("2024-05-22", "sell", 1000, "50", "5 1.39 .17", "6.56"),
        ("2025-05-13", "sell", 1000, "50", "5 1.39 .17", "6.56"),
        # 0.00 per million
        ("2025-05-14", "sell", 1000, "50", "5 0 .17", "5.17"),
        # 1,000 x 0.000195 = 0.195
        ("2026-04-03", "sell", 1000, "50", "5 0 .20", "5.20"),
        # 20.60 per million 1.03
        ("2026-04-04", "sell", 1000, "50", "5 1.03 .20", "6.23"),
        # buyers pay the broker alone
        ("2026-04-04", "buy", 1000, "50", "5", "5"),
        # 100 x 0.005 = 0.50 -> 1
        ("2026-04-04", "buy", 100, "150", "1", "1"),
        # 10 x 0.005 = 0.05 -> 1, but 1 % of 50 is 0.50
        ("2026-04-04", "buy", 10, "5", ".50", ".50"),
        # 60,000 x 2 = 120,000: 300, 2.472 -> 2.48, 11.70 -> 9.79
        ("2026-05-01", "sell", 60_000, "2", "300 2.48 9.79", "312.27"),
        # 50,205 x 0.000195 = 9.789975, just under the most; 50,205: 251.025, 1.034223
        ("2026-05-01", "sell", 50_205, "1", "251.03 1.04 9.79", "261.86"),
        # 50,000 x 0.000195 = 9.75; 50,000: 250, 1.03
        ("2026-05-01", "sell", 50_000, "1", "250 1.03 9.75", "260.78"),
        # 1 x 10: 1 -> 0.10, 0.000206 -> 0.01, 0.000195 -> 0.01
        ("2026-05-01", "sell", 1, "10", ".10 .01 .01", ".12"),
        # 10,000 x 30 = 300,000: 50, 13.00 per million 3.90, 0.000119 1.19
        ("2019-04-15", "sell", 10_000, "30", "50 3.90 1.19", "55.09"),
        # 20.70 per million 6.21
        ("2019-04-16", "sell", 10_000, "30", "50 6.21 1.19", "57.40"),
        ("2020-02-17", "sell", 10_000, "30", "50 6.21 1.19", "57.40"),
        # 22.10 per million 6.63
        ("2020-02-18", "sell", 10_000, "30", "50 6.63 1.19", "57.82"),
        ("2021-02-24", "sell", 10_000, "30", "50 6.63 1.19", "57.82"),
        # 5.10 per million 1.53
        ("2021-02-25", "sell", 10_000, "30", "50 1.53 1.19", "52.72"),
        ("2021-12-31", "sell", 10_000, "30", "50 1.53 1.19", "52.72"),
        # 0.000130 1.30
        ("2022-01-01", "sell", 10_000, "30", "50 1.53 1.30", "52.83"),
        ("2022-05-13", "sell", 10_000, "30", "50 1.53 1.30", "52.83"),
        # 22.90 per million 6.87
        ("2022-05-14", "sell", 10_000, "30", "50 6.87 1.30", "58.17"),
        ("2022-12-31", "sell", 10_000, "30", "50 6.87 1.30", "58.17"),
        # 0.000145 1.45
        ("2023-01-01", "sell", 10_000, "30", "50 6.87 1.45", "58.32"),
        ("2023-02-26", "sell", 10_000, "30", "50 6.87 1.45", "58.32"),
        # 8.00 per million 2.40
        ("2023-02-27", "sell", 10_000, "30", "50 2.40 1.45", "53.85"),
        ("2023-12-31", "sell", 10_000, "30", "50 2.40 1.45", "53.85"),
        # 0.000166 1.66
        ("2024-01-01", "sell", 10_000, "30", "50 2.40 1.66", "54.06"),
        ("2025-12-31", "sell", 10_000, "30", "50 0 1.66", "51.66"),
        # 0.000195 1.95
        ("2026-01-01", "sell", 10_000, "30", "50 0 1.95", "51.95"),
        # the limits of the years before: 100,000 x 1: 500
        ("2021-12-31", "sell", 100_000, "1", "500 .51 5.95", "506.46"),
        ("2022-01-01", "sell", 100_000, "1", "500 .51 6.49", "507"),
        ("2023-01-01", "sell", 100_000, "1", "500 2.29 7.27", "509.56"),
        ("2024-01-01", "sell", 100_000, "1", "500 .80 8.30", "509.10"),
    ],
)
def test_united_states(date, side, size, price, lines, total):
    fees = US_FIXED.charge(Trade(side, size, price, day(date)))
    check(fees, lines, total)
    assert fees.currency == "USD"


# China. Lines: commission 0.025 % (5 at least), stamp duty of sellers, transfer, handling and
# management fee; of ETFs only the handling fee, 0.004 %.


@pytest.mark.parametrize(
    ("date", "kind", "side", "size", "price", "lines", "total"),
    [
        # 100 x 1,700 = 170,000: 42.50, 1.70, 0.00341 % 5.797, 3.40
        ("2024-01-02", "stock", "buy", 100, "1700", "42.50 1.70 5.80 3.40", "53.40"),
        # and duty 0.05 % 85
        ("2024-01-02", "stock", "sell", 100, "1700", "42.50 85 1.70 5.80 3.40", "138.40"),
        # 100 x 10 = 1,000: 0.25 -> 5, 0.01, 0.0341, 0.02
        ("2024-01-02", "stock", "buy", 100, "10", "5 .01 .03 .02", "5.06"),
        ("2024-01-02", "stock", "sell", 100, "10", "5 .50 .01 .03 .02", "5.56"),
        # 2,000 x 10 = 20,000: 5 without the least, 0.20, 0.682, 0.40
        ("2024-01-02", "stock", "buy", 2000, "10", "5 .20 .68 .40", "6.28"),
        # 2,000 x 10.2 = 20,400: 5.10, 0.204, 0.69564, 0.408
        ("2024-01-02", "stock", "buy", 2000, "10.2", "5.10 .20 .70 .41", "6.41"),
        # 10,000 x 20 = 200,000: 50, duty 0.1 % 200, 0.001 % 2, 0.00487 % 9.74, 4
        ("2023-08-27", "stock", "sell", 10_000, "20", "50 200 2 9.74 4", "265.74"),
        # duty 0.05 % 100, 0.00341 % 6.82
        ("2023-08-28", "stock", "sell", 10_000, "20", "50 100 2 6.82 4", "162.82"),
        # transfer 0.002 % 4
        ("2022-04-28", "stock", "sell", 10_000, "20", "50 200 4 9.74 4", "267.74"),
        ("2022-04-29", "stock", "sell", 10_000, "20", "50 200 2 9.74 4", "265.74"),
        # 10,000 x 3.9 = 39,000: 9.75, 1.56
        ("2025-03-03", "etf", "sell", 10_000, "3.9", "9.75 1.56", "11.31"),
        # 100 x 1.5 = 150: 0.0375 -> 5, 0.006
        ("2025-03-03", "etf", "buy", 100, "1.5", "5 .01", "5.01"),
        # 300 x 33.33 = 9,999: 2.49975 -> 5, duty 9.999, 0.19998, 0.4869513, 0.19998
        ("2015-08-01", "stock", "sell", 300, "33.33", "5 10 .20 .49 .20", "15.89"),
        # 200 x 55.5 = 11,100: 2.775 -> 5, 0.111, 0.37851, 0.222
        ("2026-07-01", "stock", "buy", 200, "55.5", "5 .11 .38 .22", "5.71"),
    ],
)
def test_chinese_shares(date, kind, side, size, price, lines, total):
    fees = CN_BROKER.charge(Trade(side, size, price, day(date), kind))
    check(fees, lines, total)
    assert fees.currency == "CNY"


def test_chinese_shares_without_a_broker():
    # 1,000 x 8.88 = 8,880: 0.0888, 0.302808, 0.1776
    fees = CN.charge(Trade("buy", 1000, 8.88))
    assert [(line.name, str(line.amount)) for line in fees.lines] == [
        ("transfer fee", "0.09"),
        ("handling fee", "0.30"),
        ("management fee", "0.18"),
    ]


# Chinese futures: lots, price, multiplier, what the exchange takes.


@pytest.mark.parametrize(
    ("symbol", "offset", "size", "price", "multiplier", "total"),
    [
        # 1 x 3,500 x 10 = 35,000 at 0.01 %
        ("SHFE.rb2610", "open", 1, 3500, 10, "3.50"),
        # 10 x 3,521 x 10 = 352,100
        ("rb2610", "open", 10, 3521, 10, "35.21"),
        # 7 x 3,333 x 10 = 233,310: 23.331
        ("rb2610", "close", 7, 3333, 10, "23.33"),
        ("rb2610", "close_today", 7, 3333, 10, "23.33"),
        # 6 x 3,333 x 10 = 199,980: 19.998
        ("hc2610", "close", 6, 3333, 10, "20.00"),
        ("hc2610", "close_today", 6, 3333, 10, "20.00"),
        # 2 x 78,010 x 5 = 780,100 at 0.005 %: 39.005
        ("cu2612", "open", 2, 78_010, 5, "39.01"),
        ("cu2612", "close", 2, 78_010, 5, "39.01"),
        # and 0.01 % on the day
        ("cu2612", "close_today", 2, 78_010, 5, "78.01"),
        # 10 a lot
        ("au2612", "open", 3, "620.5", 1000, "30"),
        ("au2612", "close_today", 3, "620.5", 1000, "30"),
        # 3 a lot
        ("al2612", "close", 5, 20_700, 5, "15"),
        ("al2612", "close_today", 5, 20_700, 5, "15"),
        ("ni2612", "open", 2, 122_000, 1, "6"),
        ("ni2612", "close_today", 1, 122_000, 1, "3"),
        # 4 x 7,800 x 15 = 468,000 at 0.005 %
        ("ag2612", "open", 4, 7800, 15, "23.40"),
        ("ag2612", "close_today", 4, 7800, 15, "23.40"),
        # 10 x 780 x 100 = 780,000 at 0.01 %
        ("DCE.i2701", "open", 10, 780, 100, "78"),
        ("DCE.i2701", "close_today", 10, 780, 100, "78"),
        # 1 x 3,900 x 300 = 1,170,000 at 0.0023 %
        ("IF2612", "open", 1, 3900, 300, "26.91"),
        # and ten times that on the day
        ("IF2612", "close_today", 1, 3900, 300, "269.10"),
        # 1 x 2,700.4 x 300 = 810,120: 18.63276
        ("IH2612", "close", 1, "2700.4", 300, "18.63"),
        # 186.3276
        ("IH2612", "close_today", 1, "2700.4", 300, "186.33"),
        # 1 x 5,600 x 200 = 1,120,000 at 0.0023 % and 0.023 %
        ("CFFEX.IC2612", "open", 1, 5600, 200, "25.76"),
        ("CFFEX.IC2612", "close_today", 1, 5600, 200, "257.60"),
        # 2 x 6,500.2 x 200 = 2,600,080: 59.80184
        ("IM2612", "close", 2, "6500.2", 200, "59.80"),
        # 598.0184
        ("IM2612", "close_today", 2, "6500.2", 200, "598.02"),
    ],
)
def test_chinese_futures(symbol, offset, size, price, multiplier, total):
    for side in ("buy", "sell"):
        trade = Trade(side, size, price, None, "future", symbol, multiplier, offset)
        fees = FUTURES.charge(trade)
        assert [line.name for line in fees.lines] == ["exchange fee"]
        assert fees.total == Decimal(total)


@pytest.mark.parametrize(
    ("products", "first"),
    [
        ("rb hc cu al ni au ag", "2021-12-31"),
        ("i", "2019-07-18"),
        ("IF IH IC IM", "2023-03-20"),
    ],
)
def test_the_first_day_of_chinese_futures(products, first):
    for product in products.split():
        trade = Trade("buy", 1, 1000, day(first), "future", product, 10)
        assert FUTURES.charge(trade).total > 0
        with pytest.raises(ConfigError, match=f"expected {first} or later"):
            FUTURES.charge(trade._replace(date=day(first) - datetime.timedelta(1)))


# Crypto: nothing is rounded.


@pytest.mark.parametrize(
    ("maker", "taker", "liquidity", "size", "price", "total"),
    [
        # 0.5 x 60,000 = 30,000 at 0.1 %
        ("0.001", "0.001", "taker", "0.5", "60000", "30"),
        ("0.0008", "0.001", "maker", "0.5", "60000", "24"),
        ("0.0008", "0.001", "taker", "0.5", "60000", "30"),
        # 0.00012345 x 61,234.5 = 7.559399025
        ("0.001", "0.001", "taker", "0.00012345", "61234.5", "0.007559399025"),
        # 3 x 2,500 = 7,500 at 0.02 % and 0.05 %
        ("0.0002", "0.0005", "maker", "3", "2500", "1.50"),
        ("0.0002", "0.0005", "taker", "3", "2500", "3.75"),
        # free for makers
        ("0", "0.001", "maker", "3", "2500", "0"),
        # a rebate: 30,000 at -0.01 %
        ("-0.0001", "0.0005", "maker", "0.5", "60000", "-3"),
        # 1,000,000 x 0.00002345 = 23.45 at 0.1 %
        ("0.001", "0.001", "taker", "1000000", "0.00002345", "0.02345"),
        # 0.00000001 x 100,000 = 0.001 at 0.1 %
        ("0.001", "0.001", "taker", "0.00000001", "100000", "0.000001"),
        # 12.5 x 144.4 = 1,805 at 0.075 %
        ("0.00075", "0.00075", "maker", "12.5", "144.4", "1.35375"),
        # 250 x 0.6 = 150 at 0.26 % and 0.16 %
        ("0.0016", "0.0026", "taker", "250", "0.6", "0.39"),
        ("0.0016", "0.0026", "maker", "250", "0.6", "0.24"),
    ],
)
def test_crypto(maker, taker, liquidity, size, price, total):
    schedule = crypto_schedule(maker, taker)
    trade = Trade("buy", size, price, kind="crypto", liquidity=liquidity)
    assert schedule.charge(trade).total == Decimal(total)


# Currencies: half the spread for each trade, and interest over night.


@pytest.mark.parametrize(
    ("spread", "size", "total"),
    [
        # 10,000 x 0.00012 / 2
        ("0.00012", 10_000, "0.60"),
        ("0.00012", 100_000, "6"),
        ("0.00012", 1, "0.00006"),
        ("0.0001", 25_000, "1.25"),
        # yen: 10,000 x 0.012 / 2
        ("0.012", 10_000, "60"),
        ("0", 10_000, "0"),
    ],
)
def test_currency_trades(spread, size, total):
    trade = Trade("sell", size, "1.1", kind="forex")
    assert forex_schedule(spread).charge(trade).total == Decimal(total)


# 2026-11-23 is a Monday.
@pytest.mark.parametrize(
    ("start", "end", "days"),
    [
        ("2026-11-23", "2026-11-23", 0),
        ("2026-11-23", "2026-11-24", 1),
        ("2026-11-24", "2026-11-25", 1),
        ("2026-11-25", "2026-11-26", 3),  # Wednesday
        ("2026-11-26", "2026-11-27", 1),
        ("2026-11-27", "2026-11-28", 1),  # Friday
        ("2026-11-27", "2026-11-30", 1),  # over the weekend
        ("2026-11-28", "2026-11-30", 0),
        ("2026-11-24", "2026-11-26", 4),
        ("2026-11-23", "2026-11-30", 7),
        ("2026-11-25", "2026-12-09", 14),
        ("2026-11-25", "2026-12-10", 17),
        ("2026-11-26", "2026-11-25", 0),  # no time has passed
    ],
)
def test_days_of_financing(start, end, days):
    assert financed_days(day(start), day(end)) == days


@pytest.mark.parametrize(
    ("notional", "rate", "days", "amount"),
    [
        # 11,000 x 5 % = 550 a year: 1.50685 a day
        (11_000, "0.05", 1, "1.51"),
        (11_000, "0.05", 3, "4.52"),
        # 110 a year, a credit: 3 days 0.90411
        (11_000, "-0.01", 3, "-0.90"),
        # 1,000,000 x 2 % = 20,000: 7 days 383.5616
        (1_000_000, "0.02", 7, "383.56"),
        (11_000, "0.05", 0, "0"),
        (36_500, "0.01", 365, "365"),
    ],
)
def test_financing(notional, rate, days, amount):
    assert financing(notional, rate, days) == Decimal(amount)


def test_each_market_has_a_dozen_examples():
    tests = {name: test for name, test in globals().items() if name.startswith("test_")}
    counts = {
        name: sum(len(mark.args[1]) for mark in getattr(test, "pytestmark", []))
        for name, test in tests.items()
    }
    markets = ("hong_kong", "united_states", "chinese_shares", "chinese_futures", "crypto")
    assert all(counts[f"test_{market}"] >= 12 for market in markets)
    assert counts["test_currency_trades"] + counts["test_financing"] >= 12


# Tables


ITEMS = [item for schedule in SCHEDULES.values() for item in schedule.items]
ITEMS += [item for plans in PLANS.values() for plan in plans.values() for item in plan]


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: f"{item.name} {item.since}")
def test_every_rate_has_a_source_and_can_be_charged(item):
    assert len(item.source) > 10
    assert item.payee
    assert item.rate >= 0
    assert item.since <= item.until
    assert item.amount(Decimal(100), Decimal(1000)) >= 0


@pytest.mark.parametrize("market", sorted(SCHEDULES))
def test_a_fee_has_one_rate_a_day(market):
    schedule = SCHEDULES[market]
    for item in schedule.items:
        rivals = [
            other
            for other in schedule.items
            if other is not item
            and other.name == item.name
            and other.instruments == item.instruments
            and other.offsets == item.offsets
            and other.since <= item.until
            and item.since <= other.until
        ]
        assert not rivals, (item, rivals)


# Properties

SIZES = st.integers(1, 2_000_000)
PRICES = st.decimals("0.01", "5000", places=2)
DATES = st.dates(day("2023-08-28"), day("2027-12-31"))
SECURITIES = st.sampled_from([HK_FIXED, US_FIXED, CN_BROKER, HK, US, CN])
SIDES = st.sampled_from(["buy", "sell"])
KINDS = st.sampled_from(["stock", "etf"])


@given(SECURITIES, SIDES, SIZES, PRICES, DATES, KINDS)
def test_fees_are_whole_cents_never_negative_and_add_up(schedule, side, size, price, date, kind):
    fees = schedule.charge(Trade(side, size, price, date, kind))
    cents = [line.amount * 100 for line in fees.lines]
    assert all(cent >= 0 and cent == int(cent) for cent in cents)
    assert fees.total * 100 == sum(cents)


@given(SECURITIES, SIDES, SIZES, st.integers(0, 100_000), PRICES, DATES, KINDS)
def test_a_larger_order_never_costs_less(schedule, side, size, more, price, date, kind):
    small = schedule.charge(Trade(side, size, price, date, kind))
    large = schedule.charge(Trade(side, size + more, price, date, kind))
    for before, after in zip(small.lines, large.lines):
        assert before.name == after.name
        assert before.amount <= after.amount


@given(
    st.sampled_from(sorted(FUTURES.known_since)),
    st.sampled_from(["open", "close", "close_today"]),
    SIZES,
    PRICES,
)
def test_futures_fees_grow_with_the_order(product, offset, size, price):
    def cost(lots):
        return FUTURES.charge(Trade("buy", lots, price, None, "future", product, 10, offset)).total

    assert 0 <= cost(size) <= cost(size + 1)


@given(st.floats(0.001, 1e7), st.floats(0.01, 1e5))
def test_floats_mean_what_a_person_reads_in_them(size, price):
    floats = HK_FIXED.charge(Trade("buy", size, price))
    texts = HK_FIXED.charge(Trade("buy", repr(size), repr(price)))
    assert floats == texts


def test_nothing_is_charged_for_nothing():
    assert HK_FIXED.charge(Trade("buy", 0, 100)) == (0, "HKD", ())


# Bad input


@pytest.mark.parametrize(
    ("schedule", "changes", "message"),
    [
        (HK, {"side": "long"}, "side='long': expected one of 'buy', 'sell'"),
        (HK, {"size": -1}, "size=-1: expected 0 or more: the side says which way"),
        (HK, {"size": float("nan")}, "size=nan: expected a finite number"),
        (HK, {"size": True}, "size=True: expected a finite number"),
        (HK, {"size": None}, "size=None: expected a finite number"),
        (HK, {"price": float("inf")}, "price=inf: expected a finite number"),
        (HK, {"price": "dear"}, "price='dear': expected a finite number"),
        (HK, {"price": -0.01}, "price=-0.01: expected 0 or more"),
        (HK, {"multiplier": 0}, "multiplier=0: expected above 0"),
        (HK, {"kind": "bond"}, "kind='bond': expected one of 'stock', "),
        (HK, {"kind": "crypto"}, "kind='crypto': expected one whose rates in hk_stock are known"),
        (US, {"kind": "warrant"}, "kind='warrant': expected one whose rates in us_stock"),
        (HK, {"offset": "reverse"}, "offset='reverse': expected one of 'open'"),
        (HK, {"liquidity": "both"}, "liquidity='both': expected one of 'maker', 'taker'"),
        (HK, {"date": day("2015-02-12")}, "date='2015-02-12': expected 2015-02-13 or later"),
        (US, {"date": day("2018-05-21")}, "date='2018-05-21': expected 2018-05-22 or later"),
        (CN, {"kind": "etf", "date": day("2023-08-27")}, "expected 2023-08-28 or later"),
        (FUTURES, {"kind": "future", "symbol": "zz2610"}, "symbol='zz2610': expected one whose"),
        (FUTURES, {"kind": "future", "symbol": "2610"}, "symbol='2610': expected letters and"),
        (
            FUTURES,
            {"kind": "future", "symbol": "IF2303", "date": day("2023-03-19")},
            "date='2023-03-19': expected 2023-03-20 or later",
        ),
    ],
)
def test_what_cannot_be_charged_is_refused(schedule, changes, message):
    with pytest.raises(ConfigError) as refused:
        schedule.charge(Trade("buy", 100, 10)._replace(**changes))
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("arguments", "limits", "field"),
    [
        (("value", -0.1), {}, "rate"),
        (("value", "much"), {}, "rate"),
        (("value", 0.1), {"minimum": -1}, "minimum"),
        (("value", 0.1), {"maximum": float("nan")}, "maximum"),
        (("value", 0.1), {"maximum_part": -1}, "maximum_part"),
        (("value", 0.1), {"rounding": "down"}, "rounding"),
        (("share", 0.1), {}, "basis"),
    ],
)
def test_a_brokers_charge_is_checked(arguments, limits, field):
    with pytest.raises(ConfigError) as refused:
        broker_fee("commission", *arguments, **limits)
    assert refused.value.field == field


def test_a_spread_below_zero_is_refused():
    with pytest.raises(ConfigError, match=r"spread=-0\.1: expected 0 or more"):
        forex_schedule(-0.1)


def test_an_unknown_plan_is_refused_with_the_known_ones():
    with pytest.raises(ConfigError, match="plan='cheap': expected one of 'fixed', 'none'"):
        plan_of("hk_stock", "cheap")
    assert plan_of("cn_stock", "none") == ()


@pytest.mark.parametrize(
    ("symbol", "product"),
    [("rb2610", "rb"), ("SHFE.rb2610", "rb"), ("IF2612.CFFEX", "IF"), ("i", "i"), ("SR601", "SR")],
)
def test_product_of_a_symbol(symbol, product):
    assert product_of(symbol) == product


def test_decimals_are_those_of_the_text():
    assert to_decimal("x", 0.1) == Decimal("0.1")
    assert to_decimal("x", 10**20 + 1) == Decimal("100000000000000000001")


def test_a_schedule_can_be_made_of_ones_own_items():
    item = FeeItem("clearing", "house", "unit", Decimal("0.02"), maximum=Decimal(5))
    schedule = FeeSchedule("own", "EUR", {"stock": datetime.date.min}, (item,))
    assert schedule.charge(Trade("buy", 100, 1)).total == 2
    assert schedule.charge(Trade("buy", 1000, 1)).total == 5
