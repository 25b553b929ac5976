"""What markets did, as real files of prices show it, against our tables."""

from __future__ import annotations

import collections
import datetime

import backtrader as bt
import pytest

from btstores import MarketType, PaperStore
from btstores.clock import NS_PER_SECOND
from btstores.markets import get_market_config
from btstores.markets.hours import CN_STOCK, cn_future
from btstores.markets.zones import date_in
from btstores.sim.prices.csvfile import read_csv
from tests.unit.markets.test_calendars import needs_library

ETF, REBAR = "SH.510050", "SHFE.rb1601"
#: The files have local times.
SHANGHAI_NS = 8 * 3600 * NS_PER_SECOND
#: The first trading day whose night ends at 23:00; the nights before end at 01:00.
SHORTER_NIGHTS = datetime.date(2016, 5, 4)


@pytest.fixture(scope="module")
def etf(shared_data):
    """Ten years of daily closes of a fund."""
    return list(read_csv(shared_data / "SSE50_ETF.csv", ETF)[0].events)


@pytest.fixture(scope="module")
def rebar(shared_data):
    """Bars of 30 minutes of two contracts, each over a year, by their end in UTC."""
    names = ("RB1601.csv", "RB1605.csv")
    files = [read_csv(shared_data / name, REBAR)[0] for name in names]
    return [
        [bar._replace(time_ns=bar.time_ns - SHANGHAI_NS) for bar in series.events]
        for series in files
    ]


@needs_library
def test_a_fund_has_prices_on_the_trading_days_of_shanghai(etf):
    days = {date_in("UTC", bar.time_ns) for bar in etf}
    first, last = min(days), max(days)
    between = (first + datetime.timedelta(n) for n in range((last - first).days + 1))
    trading = {day for day in between if CN_STOCK.sessions_on(day)}
    assert trading <= days
    # Besides, the file has the ends of some quarters, on which the fund only told its value.
    extra = days - trading
    assert len(extra) == 10
    assert all((day + datetime.timedelta(1)).day == 1 and day.month % 3 == 0 for day in extra)


@needs_library
def test_rebar_traded_in_our_hours_and_in_all_of_them(rebar):
    for bars in rebar:
        until_one = cn_future("01:00")
        days = collections.Counter(until_one.trading_day(bar.time_ns - 1) for bar in bars)
        for day, count in days.items():
            sessions = until_one if day < SHORTER_NIGHTS else cn_future("23:00")
            parts = sessions.sessions_on(day)
            assert count == sessions.bars_between(parts[0].start_ns, parts[-1].end_ns, 1800), day
        assert all(until_one.is_open(bar.time_ns - 1) for bar in bars)


def test_all_prices_are_on_the_grid_of_their_market(etf, rebar):
    for market, symbol, bars in (
        (MarketType.CN_STOCK, ETF, etf),
        (MarketType.CN_FUTURE, REBAR, [bar for each in rebar for bar in each]),
    ):
        rules = get_market_config(market).rules
        for bar in bars:
            table = rules.tick_table_of(symbol, date_in("UTC", bar.time_ns))
            assert all(map(table.is_on_grid, (bar.open, bar.high, bar.low, bar.close))), bar


class TwoTrades(bt.Strategy):
    """Asks for what its market refuses, then buys and sells on later bars."""

    params = (("odd_size", 1.0), ("off_grid", 1.0), ("size", 1.0), ("hold", 3))

    def __init__(self):
        self.codes, self.fills = [], []

    def next(self):
        if len(self) == 1:
            self.buy(size=self.p.odd_size)
            self.buy(size=self.p.size, exectype=bt.Order.Limit, price=self.p.off_grid)
            self.buy(size=self.p.size)
        elif len(self) == 1 + self.p.hold:
            self.sell(size=self.p.size)

    def notify_order(self, order):
        if order.status == order.Rejected:
            self.codes += [code for code, _ in order.info.problems]
        elif order.status == order.Completed:
            self.fills.append((order.executed.price, order.executed.comm))


def trade(symbol, market, bars, **params):
    store = PaperStore(prices={symbol: bars}, market=market, cash=1_000_000, participation=1.0)
    cerebro = bt.Cerebro()
    cerebro.setbroker(store.getbroker())
    (series,) = store._series
    frame = {"timeframe": series.subscription.timeframe}
    frame["compression"] = series.subscription.compression
    cerebro.adddata(store.getdata(dataname=symbol, **frame))
    cerebro.addstrategy(TwoTrades, **params)
    (strategy,) = cerebro.run()
    return strategy, cerebro.broker


def test_the_fund_in_a_paper_account(etf):
    bars = [bar for bar in etf[:60] if CN_STOCK.sessions_on(date_in("UTC", bar.time_ns))]
    strategy, broker = trade(
        ETF, MarketType.CN_STOCK, bars, odd_size=150.0, off_grid=1.2345, size=10_000.0
    )
    assert strategy.codes == ["SIZE_LOT", "PRICE_TICK"]
    (bought, paid), (sold, paid_then) = strategy.fills
    # Shanghai takes 0.004 percent of a fund's trade; no stamp duty, no transfer fee.
    assert paid == round(bought * 10_000 * 0.00004, 2)
    assert paid_then == round(sold * 10_000 * 0.00004, 2)
    assert broker.getvalue() == pytest.approx(
        1_000_000 + (sold - bought) * 10_000 - paid - paid_then, abs=1e-6
    )


def test_rebar_in_a_paper_account(rebar):
    strategy, broker = trade(
        REBAR, MarketType.CN_FUTURE, rebar[0][2000:2100], odd_size=1.5, off_grid=2000.5, size=20.0
    )
    assert strategy.codes == ["SIZE_LOT", "PRICE_TICK"]
    (bought, paid), (sold, paid_then) = strategy.fills
    # The exchange takes 0.01 percent of the value, at ten tons a contract.
    assert paid == round(bought * 20 * 10 * 0.0001, 2)
    assert paid_then == round(sold * 20 * 10 * 0.0001, 2)
    assert broker.getvalue() == pytest.approx(
        1_000_000 + (sold - bought) * 20 * 10 - paid - paid_then, abs=1e-6
    )
