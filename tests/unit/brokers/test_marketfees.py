"""Commission schemes of markets in backtrader's own broker and in a paper account."""

from __future__ import annotations

import datetime
import math
import os
import subprocess
import sys
from pathlib import Path

import backtrader as bt
import pytest

from btstores import PaperStore
from btstores.brokers.marketfees import (
    CNFutureCommInfo,
    CNStockCommInfo,
    CryptoCommInfo,
    ForexCommInfo,
    HKStockCommInfo,
    USStockCommInfo,
)
from btstores.errors import ConfigError
from btstores.markets.fees import broker_fee

REPOSITORY = Path(__file__).resolve().parents[3]
MONDAY = datetime.datetime(2023, 11, 13)


class Closes(bt.feed.DataBase):
    """Days with one price each."""

    params = (("closes", ()), ("start", MONDAY))

    def start(self):
        super().start()
        self._rest = iter(enumerate(self.p.closes))

    def _load(self):
        day, close = next(self._rest, (None, None))
        if day is None:
            return False
        self.lines.datetime[0] = bt.date2num(self.p.start + datetime.timedelta(day))
        for line in ("open", "high", "low", "close"):
            getattr(self.lines, line)[0] = close
        self.lines.volume[0] = 1_000_000
        self.lines.openinterest[0] = 0
        return True


class Plan(bt.Strategy):
    """Sends orders of the sizes that ``orders`` gives by bar, and keeps what they cost."""

    params = (("orders", {}),)

    def __init__(self):
        self.commissions = []

    def next(self):
        size = self.p.orders.get(len(self), 0)
        if size:
            self.order_target_size(target=self.position.size + size)

    def notify_order(self, order):
        if order.status == order.Completed:
            self.commissions.append(round(order.executed.comm, 8))


def run(scheme, closes, orders, cash=1_000_000, **options):
    cerebro = bt.Cerebro()
    cerebro.broker.setcash(cash)
    data = Closes(closes=closes, **options)
    cerebro.adddata(data)
    cerebro.broker.addcommissioninfo(scheme(data) if callable(scheme) else scheme)
    cerebro.addstrategy(Plan, orders=orders)
    strategy = cerebro.run()[0]
    return strategy.commissions, cerebro.broker.getcash()


# In a plain backtest. The sums are those of tests/unit/markets/test_fees.py.


def test_hong_kong_in_a_plain_backtest():
    # 200 x 500: 185.50 before 2023-11-17, bought and sold at the same price
    scheme = HKStockCommInfo(plan="fixed", date="2023-11-16")
    commissions, cash = run(scheme, [500] * 4, {1: 200, 2: -200})
    assert commissions == [185.50, 185.50]
    assert cash == pytest.approx(1_000_000 - 371, rel=1e-12)


def test_the_day_of_the_trade_may_be_asked_for():
    # orders of the 15th and 16th are executed on the 16th and 17th, when the duty fell
    def scheme(data):
        return HKStockCommInfo(date=lambda: data.datetime.date(0))

    commissions, _ = run(scheme, [500] * 6, {3: 200, 4: -200})
    assert commissions == [185.50, 155.50]


def test_only_sellers_pay_in_the_united_states():
    # 1,000 x 50 on 2024-05-22
    commissions, _ = run(USStockCommInfo(date="2024-05-22"), [50] * 4, {1: 1000, 2: -1000})
    assert commissions == [5, 6.56]


def test_an_order_that_turns_a_position_around_is_charged_as_two_trades():
    # 1,000 sold as two trades of 500 x 50: each 2.50 commission, 0.70 SEC, 0.09 TAF
    commissions, _ = run(USStockCommInfo(date="2024-05-22"), [50] * 4, {1: 500, 2: -1000})
    assert commissions == [2.50, pytest.approx(6.58)]


def test_chinese_shares_in_a_plain_backtest():
    scheme = CNStockCommInfo(commission=0.00025, date="2024-01-02")
    commissions, _ = run(scheme, [10] * 4, {1: 100, 2: -100})
    assert commissions == [5.06, 5.56]


def test_chinese_futures_in_a_plain_backtest():
    # 10 x 3,500 x 10 = 350,000: 35, and 10 x 0.01; the margin is 8 %; up 20 points: 2,000
    scheme = CNFutureCommInfo(symbol="rb", mult=10, margin_rate=0.08, per_contract=0.01)
    commissions, cash = run(scheme, [3500, 3500, 3520, 3520], {1: 10, 2: -10}, cash=30_000)
    # 10 x 3,520 x 10 = 352,000: 35.20
    assert commissions == [35.10, 35.30]
    assert cash == pytest.approx(30_000 + 2000 - 35.10 - 35.30)


def test_margin_is_a_part_of_the_value_or_an_amount():
    part = CNFutureCommInfo(symbol="rb", mult=10, margin_rate=0.08)
    amount = CNFutureCommInfo(symbol="rb", mult=10, margin=4000.0)
    assert part.get_margin(3500) == pytest.approx(2800)
    assert amount.get_margin(3500) == 4000
    assert part.getoperationcost(-2, 3500) == pytest.approx(5600)
    assert CNFutureCommInfo(symbol="rb", mult=10).get_margin(3500) == 35_000


def test_closing_on_the_same_day_is_asked_for():
    # 1 x 3,900 x 300
    assert CNFutureCommInfo(symbol="IF", mult=300).getcommission(1, 3900) == 26.91
    scheme = CNFutureCommInfo(symbol="IF", mult=300, offset="close_today")
    assert scheme.getcommission(-1, 3900) == 269.10


def test_crypto_in_a_plain_backtest():
    commissions, _ = run(CryptoCommInfo(), [60_000] * 4, {1: 0.5, 2: -0.5})
    assert commissions == [30, 30]
    assert CryptoCommInfo(maker=0.0008, liquidity="maker").getcommission(-0.5, 60_000) == 24


# Currencies: Monday 2023-11-13 to Friday, bought on Tuesday


def test_currencies_pay_half_the_spread_and_interest_over_night():
    scheme = ForexCommInfo(spread=0.0001, long_rate=0.05, margin_rate=0.05)
    commissions, cash = run(scheme, [1.1] * 5, {1: 10_000, 4: -10_000})
    # held over the nights of Tuesday, Wednesday (3 days) and Thursday: 5 days of 11,000 at 5 %
    interest = 11_000 * 0.05 * 5 / 365
    assert commissions == [0.5, pytest.approx(0.5 + interest)]
    assert cash == pytest.approx(1_000_000 - 1 - interest, rel=1e-12)


def test_a_short_position_may_earn_interest():
    scheme = ForexCommInfo(short_rate=-0.02, margin_rate=0.05)
    _, cash = run(scheme, [1.1] * 5, {1: -10_000, 4: 10_000})
    assert cash == pytest.approx(1_000_000 + 11_000 * 0.02 * 5 / 365, rel=1e-12)


def test_interest_is_on_the_value_of_the_day():
    scheme = ForexCommInfo(long_rate=0.05, margin_rate=0.05)
    _, cash = run(scheme, [1.0, 1.0, 2.0, 2.0], {1: 10_000})
    # backtrader charges on Wednesday (1 day) and Thursday (3 days), both at 2.0
    interest = 20_000 * 0.05 * 4 / 365
    # the margin of the fill is held: 10,000 x 1.0 x 5 %
    assert cash == pytest.approx(1_000_000 - 500 + 10_000 - interest, rel=1e-9)


# On a paper account


class TwoTrades(bt.Strategy):
    """Buys a thousand on the third bar and sells them on the sixth."""

    def __init__(self):
        self.costs = []

    def next(self):
        if len(self) in (3, 6):
            self.order_target_size(target=1000 if len(self) == 3 else 0)

    def notify_order(self, order):
        if order.status == order.Completed:
            self.costs.append((order.executed.size, order.executed.price, order.executed.comm))


@pytest.mark.parametrize("fill_model", ["backtrader", "book"])
def test_a_paper_account_pays_the_same(fill_model):
    scheme = USStockCommInfo(date="2024-06-03")
    store = PaperStore(bars=20, seed=2, cash=1_000_000, fill_model=fill_model)
    cerebro = bt.Cerebro()
    cerebro.setbroker(store.getbroker())
    cerebro.broker.addcommissioninfo(scheme)
    cerebro.adddata(store.getdata(dataname="DEMO", timeframe=bt.TimeFrame.Minutes))
    cerebro.addstrategy(TwoTrades)
    (bought, sold) = cerebro.run()[0].costs
    assert bought[::2] == (1000, 5)
    # 27.80 per million and 0.000166 a share, each up to the cent
    sec = math.ceil(1000 * sold[1] * 0.0000278 * 100) / 100
    assert sold[2] == pytest.approx(5 + sec + 0.17)


# Parameters


def test_a_plan_can_be_none_a_name_or_ones_own():
    # 200 x 500 = 100,000 without a broker: 100 + 2.70 + 0.15 + 5.65 + 4.20
    assert HKStockCommInfo(plan="none").getcommission(200, 500) == 112.70
    own = (broker_fee("platform fee", "order", 15),)
    assert HKStockCommInfo(plan=own).getcommission(200, 500) == 127.70
    assert CNStockCommInfo().getcommission(100, 10) == 0.06


def test_a_commission_takes_the_place_of_the_plans():
    # 0.08 % of 100,000 is 80 instead of 30
    fees = HKStockCommInfo(commission=0.0008).fees(200, 500)
    assert [line.amount for line in fees.lines[:2]] == [80, 15]
    fees = HKStockCommInfo(commission=0.0008, minimum=100).fees(200, 500)
    assert fees.amount("commission") == 100
    # 0.01 a share
    assert USStockCommInfo(commission=0.01).getcommission(1000, 50) == 10


def test_kinds_of_security():
    # 1,000 x 25 = 25,000: 7.50 + 15 + 0.68 + 0.04 + 1.41, settlement 1.05
    assert HKStockCommInfo(kind="etf").getcommission(1000, 25) == 25.68
    assert CNStockCommInfo(kind="etf").getcommission(-10_000, 3.9) == 1.56


@pytest.mark.parametrize(
    "date",
    ["2024-05-21", datetime.date(2024, 5, 21), datetime.datetime(2024, 5, 21, 15, 30)],
)
def test_a_day_can_be_written_in_several_ways(date):
    assert USStockCommInfo(date=date).getcommission(-1000, 50) == 5.57
    assert USStockCommInfo(date=lambda: date).getcommission(-1000, 50) == 5.57


def test_a_function_for_the_date_is_not_asked_before_the_first_trade():
    def fail():
        raise AssertionError

    scheme = USStockCommInfo(date=fail)
    with pytest.raises(AssertionError):
        scheme.getcommission(1, 1)


@pytest.mark.parametrize(
    ("scheme", "params", "message"),
    [
        (HKStockCommInfo, {"plan": "cheap"}, "plan='cheap'"),
        (HKStockCommInfo, {"kind": "bond"}, "kind='bond'"),
        (HKStockCommInfo, {"date": "yesterday"}, "date='yesterday': expected a day such as"),
        (HKStockCommInfo, {"date": 20240101}, "date=20240101"),
        (HKStockCommInfo, {"date": "2001-01-01"}, "expected 2015-02-13 or later"),
        (HKStockCommInfo, {"commission": -0.1}, "rate=-0.1: expected 0 or more"),
        (CNStockCommInfo, {"commission": 0.1, "minimum": -5}, "minimum=-5"),
        (CNFutureCommInfo, {}, "symbol=''"),
        (CNFutureCommInfo, {"symbol": "zz"}, "symbol='zz': expected one whose rates in cn_future"),
        (CNFutureCommInfo, {"symbol": "rb", "offset": "today"}, "offset='today'"),
        (CNFutureCommInfo, {"symbol": "rb", "margin_rate": 0}, "margin_rate=0"),
        (CNFutureCommInfo, {"symbol": "rb", "mult": 0}, "multiplier=0"),
        (ForexCommInfo, {"spread": -1}, "spread=-1"),
        (CryptoCommInfo, {"maker": "low"}, "maker='low'"),
        (CryptoCommInfo, {"liquidity": "any"}, "liquidity='any'"),
    ],
)
def test_what_can_never_be_charged_is_told_at_once(scheme, params, message):
    with pytest.raises(ConfigError) as refused:
        scheme(**params)
    assert message in str(refused.value)


def test_the_example_runs():
    script = REPOSITORY / "examples" / "hk_fees_backtest.py"
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "src")}
    done = subprocess.run(
        [sys.executable, str(script)], stdout=subprocess.PIPE, check=True, env=environment
    )
    said = done.stdout.decode()
    assert "stamp duty" in said
    last = said.splitlines()[-1]
    assert last.startswith("Final value: ")
    without, with_fees = (float(word.replace(",", "")) for word in last.split()[2::3][:2])
    assert without > with_fees
