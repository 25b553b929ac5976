"""Orders against the rules of the market that a store trades."""

from __future__ import annotations

import datetime

import pytest

from btstores.clock import NS_PER_SECOND, SimulatedClock
from btstores.instruments import Instrument, is_on_grid
from btstores.markets import MarketType
from btstores.orders.book import OrderRecord
from btstores.reports import (
    Bar,
    FillReport,
    LinkReport,
    LinkState,
    OrderRequest,
    OrderType,
    PositionReport,
    Side,
)
from btstores.stores.facts import selling
from btstores.stores.paper import PaperStore
from tests.support.venue import ScriptedStore, new_store

SHANGHAI = datetime.timezone(datetime.timedelta(hours=8))


def at(*moment):
    return round(datetime.datetime(*moment, tzinfo=SHANGHAI).timestamp()) * NS_PER_SECOND


#: A Wednesday, no holiday.
MORNING = at(2024, 3, 13, 10, 0)


def store_in(market):
    class Dated(ScriptedStore):
        def make_clock(self):
            return SimulatedClock(MORNING)

    store = Dated(account=new_store().params.account + market.name, market=market)
    store.connect()
    return store


def order(store, symbol, side, size, price=None, number=[0]):  # noqa: B006  counts
    number[0] += 1
    kind = OrderType.MARKET if price is None else OrderType.LIMIT
    request = OrderRequest(f"c{number[0]}", symbol, side, size, kind, price, reference_price=price)
    record = OrderRecord(request)
    store.order_create(record)
    return record


def codes(record):
    return [problem.code for problem in record.problems]


@pytest.mark.parametrize(
    ("market", "symbol", "size", "price", "expected"),
    [
        # The spread table of Hong Kong in force since 2013: 0.2 from 100, 0.05 from 10 up.
        (MarketType.HK_STOCK, "HK.00700", 100.0, 271.0, []),
        (MarketType.HK_STOCK, "HK.00700", 100.0, 271.1, ["PRICE_TICK"]),
        (MarketType.US_STOCK, "US.AAPL", 1.0, 171.01, []),
        (MarketType.US_STOCK, "US.AAPL", 1.0, 171.011, ["PRICE_TICK"]),
        (MarketType.US_STOCK, "US.PENNY", 1.0, 0.1234, []),
        (MarketType.CN_STOCK, "SH.600519", 100.0, 1700.01, []),
        (MarketType.CN_STOCK, "SH.600519", 150.0, 1700.01, ["SIZE_LOT"]),
        (MarketType.CN_STOCK, "SH.600519", 50.0, 1700.01, ["SIZE_TOO_SMALL"]),
        (MarketType.CN_STOCK, "SH.688981", 199.0, 50.0, ["SIZE_TOO_SMALL"]),
        (MarketType.CN_STOCK, "SH.688981", 201.0, 50.0, []),
        (MarketType.CN_STOCK, "SH.510050", 100.0, 2.451, []),
        (MarketType.CN_STOCK, "SH.600519", 1_000_100.0, 10.0, ["SIZE_TOO_LARGE"]),
        (MarketType.CN_FUTURE, "SHFE.rb2410", 1.0, 3700.0, []),
        (MarketType.CN_FUTURE, "SHFE.rb2410", 1.0, 3700.5, ["PRICE_TICK"]),
    ],
)
def test_the_markets_grid_and_sizes_hold_where_the_venue_tells_none(
    market, symbol, size, price, expected
):
    assert codes(order(store_in(market), symbol, Side.BUY, size, price)) == expected


def holds(store, sizes):
    for symbol, size in sizes.items():
        store.put(PositionReport(symbol, size, time_ns=store.clock.time_ns()))
    store.process_events()


def test_what_was_bought_today_may_be_sold_tomorrow():
    store = store_in(MarketType.CN_STOCK)
    held = {"SH.600519": 300.0}
    holds(store, held)
    bought = order(store, "SH.600519", Side.BUY, 200.0)
    fill = FillReport("f", "SH.600519", Side.BUY, 200.0, 10.0, MORNING, bought.client_order_id)
    store.put(fill)
    store.process_events()
    refused = order(store, "SH.600519", Side.SELL, 200.0)
    assert codes(refused) == ["NOT_SELLABLE"]
    assert "at most 100" in refused.problems[0].text
    assert codes(order(store, "SH.600519", Side.SELL, 100.0)) == []
    store.clock.advance(24 * 3600)
    store.put(LinkReport(LinkState.READY, store.clock.time_ns()))
    store.process_events()
    assert codes(order(store, "SH.600519", Side.SELL, 200.0)) == []


def test_an_odd_rest_is_sold_as_a_whole():
    store = store_in(MarketType.CN_STOCK)
    holds(store, {"SH.600519": 130.0})
    assert codes(order(store, "SH.600519", Side.SELL, 30.0)) == []
    assert codes(order(store, "SH.600519", Side.SELL, 20.0)) == ["SIZE_TOO_SMALL"]


@pytest.mark.parametrize(
    ("market", "symbol", "told", "size", "expected"),
    [
        # 3,000 lots in Hong Kong, where the lot is the venue's.
        (MarketType.HK_STOCK, "HK.00700", {"lot": 100.0}, 300_000.0, []),
        (MarketType.HK_STOCK, "HK.00700", {"lot": 100.0}, 300_100.0, ["SIZE_TOO_LARGE"]),
        (MarketType.HK_STOCK, "HK.00700", {"lot": 100.0}, 150.0, ["SIZE_LOT"]),
        (MarketType.HK_STOCK, "HK.00700", {"lot": 500.0}, 300_500.0, []),
        # Whole shares in the United States, unless the venue takes parts of one.
        (MarketType.US_STOCK, "US.AAPL", {}, 0.5, ["SIZE_TOO_SMALL"]),
        (MarketType.US_STOCK, "US.AAPL", {"fractional": True}, 0.5, []),
        (MarketType.US_STOCK, "US.AAPL", {"lot": 10.0}, 15.0, ["SIZE_LOT"]),
        # What a venue tells of the STAR Market's least size does not undo the steps of 1.
        (MarketType.CN_STOCK, "SH.688981", {"lot": 200.0}, 201.0, []),
    ],
)
def test_the_venues_own_sizes_win_over_the_markets(market, symbol, told, size, expected):
    store = store_in(market)
    store.instruments[symbol] = Instrument(symbol, **told)
    assert codes(order(store, symbol, Side.BUY, size, 50.0)) == expected


def test_an_entry_and_what_follows_it_on_the_same_side_both_count_as_sales():
    parent = OrderRequest("p", "A", Side.SELL, 60.0, OrderType.LIMIT, 9.0)
    child = parent._replace(client_order_id="c", parent_id="p")
    new = parent._replace(client_order_id="n")
    assert selling(new, [OrderRecord(parent), OrderRecord(child)]) == 120.0


def test_an_order_for_the_day_ends_with_the_session_of_its_product():
    night = at(2024, 3, 13, 22, 0)
    day = store_in(MarketType.CN_FUTURE).get_market_config()
    assert day.sessions_of("SHFE.rb2410").end_of_day(night) == at(2024, 3, 14, 15, 0)
    assert day.sessions_of("CFFEX.T2406").end_of_day(MORNING) == at(2024, 3, 13, 15, 15)


@pytest.mark.parametrize(
    ("market", "symbol", "currency", "price", "tick", "multiplier", "margin", "first"),
    [
        (MarketType.HK_STOCK, "HK.00700", "HKD", 100.0, 0.05, 1.0, None, (9, 31)),
        (MarketType.CN_STOCK, "SH.600519", "CNY", 100.0, 0.01, 1.0, None, (9, 31)),
        (MarketType.CN_FUTURE, "SHFE.rb2610", "CNY", 10_000.0, 1.0, 10.0, 0.05, (9, 1)),
        (MarketType.CN_FUTURE, "CFFEX.IF2609", "CNY", 2_000.0, 0.2, 300.0, 0.08, (9, 31)),
        (MarketType.FOREX, "EUR_USD", "USD", 1.0, 0.00001, 1.0, None, (8, 1)),
        (MarketType.CRYPTO, "BTC/USDT", "USDT", 100.0, 0.01, 1.0, None, (8, 1)),
    ],
)
def test_a_paper_account_has_the_instruments_and_prices_of_its_market(
    market, symbol, currency, price, tick, multiplier, margin, first
):
    store = PaperStore(symbols=[symbol], market=market, bars=600)
    (series,) = store._series
    instrument = series.instrument
    assert (instrument.currency, instrument.multiplier) == (currency, multiplier)
    assert instrument.margin == margin
    assert store.gateway.mass_status().accounts[0].currency == currency
    assert instrument.tick_at(price * 0.99) == tick
    closes = [bar.close for bar in series.events]
    assert closes[0] == pytest.approx(price, rel=0.01)
    assert all(is_on_grid(close, instrument.tick_at(close)) for close in closes)
    begun = datetime.datetime.fromtimestamp(series.times[0] / NS_PER_SECOND, SHANGHAI)
    assert (begun.hour, begun.minute) == first
    sessions = store.get_market_config().sessions_of(symbol)
    assert all(sessions.is_open(time_ns - 1) for time_ns in series.times)


def test_prices_from_elsewhere_are_of_the_markets_contract():
    bars = [
        Bar("SHFE.rb2610", 4, 1, MORNING + n * 60 * NS_PER_SECOND, *[3700.0] * 4) for n in (1, 2)
    ]
    (series,) = PaperStore(prices=bars, market=MarketType.CN_FUTURE)._series
    assert (series.instrument.multiplier, series.instrument.margin) == (10.0, 0.05)


def test_the_currency_of_a_paper_account_is_its_markets_unless_one_is_named():
    def currency(**of):
        # Without any argument it would be the store that another test has left.
        return PaperStore(seed=1, **of).gateway.mass_status().accounts[0].currency

    assert currency() == "USD"
    assert currency(market=MarketType.HK_STOCK) == "HKD"
    assert currency(market=MarketType.HK_STOCK, currency="USD") == "USD"
