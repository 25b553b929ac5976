"""What OANDA says as reports, and what we say as OANDA reads it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btstores.instruments import Instrument, TimeFrame
from btstores.reports import (
    Bar,
    FillReport,
    OrderEvent,
    OrderReport,
    OrderRequest,
    OrderType,
    PositionReport,
    Quote,
    Side,
    Subscription,
    Tick,
    TimeInForce,
)
from btstores.stores.oanda import convert, upstream
from btstores.stores.oanda.sides import tick_at

EUR = Instrument("EUR_USD", "OANDA", "USD", tick_size=1e-5, lot=1.0)
DE30 = Instrument("DE30_EUR", "OANDA", "EUR", tick_size=0.1, lot=0.1)
SECOND = 10**9


def minutes(compression=1):
    return Subscription("EUR_USD", int(TimeFrame.MINUTES), compression)


def request(**terms):
    base = OrderRequest("id", "EUR_USD", Side.BUY, 1000.0, OrderType.LIMIT, 1.1)
    return base._replace(**terms)


def test_an_instrument():
    row = {
        "name": "DE30_EUR",
        "displayPrecision": 1,
        "tradeUnitsPrecision": 1,
        "minimumTradeSize": "0.1",
        "maximumOrderUnits": "2500",
        "marginRate": "0.05",
    }
    found = convert.instrument_of(row)
    assert (found.tick_size, found.lot, found.min_size, found.max_size) == (0.1, 0.1, 0.1, 2500)
    assert (found.currency, found.margin, found.fractional) == ("EUR", 0.05, True)


@pytest.mark.parametrize(("wanted", "price"), [("mid", 1.10005), ("bid", 1.1), ("ask", 1.1001)])
def test_a_price(wanted, price):
    line = {
        "instrument": "EUR_USD",
        "time": "1466621235.201836422",
        "bids": [{"price": "1.10000", "liquidity": 10}],
        "asks": [{"price": "1.10010", "liquidity": 20}],
    }
    quote = convert.quote_of(line)
    tick = tick_at(quote, "EUR_USD", wanted)
    assert tick == Tick("EUR_USD", 1_466_621_235_201_836_422, price)
    assert quote == Quote("EUR_USD", 1_466_621_235_201_836_422, 1.1, 1.1001, 10.0, 20.0)


@pytest.mark.parametrize(
    "line",
    [
        {},
        {"instrument": "EUR_USD", "time": "5.0", "bids": [], "asks": []},
        {"instrument": "EUR_USD", "time": None, "bids": [{"price": "1"}], "asks": []},
        {"instrument": "EUR_USD", "time": "5.0", "bids": [{"price": "NaN"}], "asks": None},
    ],
)
def test_what_is_no_price(line):
    assert convert.quote_of(line) is None


def test_a_side_that_is_missing():
    line = {"instrument": "EUR_USD", "time": "5.0", "bids": [{"price": "1.1"}], "asks": []}
    quote = convert.quote_of(line)
    assert tick_at(quote, "EUR_USD", "mid") is None
    assert tick_at(quote, "EUR_USD", "ask") is None
    assert (quote.bid, quote.ask) == (1.1, None)


def test_only_complete_candles_are_bars():
    prices = {"o": "1.1", "h": "1.2", "l": "1.0", "c": "1.15"}
    good = {"time": "60.0", "mid": prices, "complete": True, "volume": 7}
    bad = [
        {**good, "complete": False},
        {**good, "mid": {**prices, "h": "N/A"}},
        {**good, "mid": None},
        {**good, "time": "later"},
    ]
    assert convert.bars_of([*bad, good], minutes(), "mid") == [
        Bar("EUR_USD", 4, 1, 120 * SECOND, 1.1, 1.2, 1.0, 1.15, 7.0)
    ]


@pytest.mark.parametrize(
    ("frame", "start", "end"),
    [
        ((TimeFrame.MINUTES, 240), 1_704_290_400, 1_704_304_800),
        ((TimeFrame.DAYS, 1), 1_704_232_800, 1_704_319_200),
        ((TimeFrame.DAYS, 1), 1_710_021_600, 1_710_104_400),  # 23 hours: clocks go forward
        ((TimeFrame.WEEKS, 1), 1_703_887_200, 1_704_492_000),
        ((TimeFrame.MONTHS, 1), 1_706_824_800, 1_709_330_400),
    ],
)
def test_where_bars_end(frame, start, end):
    of = Subscription("EUR_USD", int(frame[0]), frame[1])
    assert convert.end_of(start * SECOND, of) == end * SECOND


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ({"order_type": OrderType.MARKET}, {"type": "MARKET", "timeInForce": "FOK"}),
        (
            {"order_type": OrderType.MARKET, "tif": TimeInForce.IOC},
            {"type": "MARKET", "timeInForce": "IOC"},
        ),
        ({}, {"type": "LIMIT", "price": "1.10000", "timeInForce": "GTC", "units": "1000"}),
        ({"side": Side.SELL}, {"units": "-1000"}),
        ({"order_type": OrderType.STOP}, {"type": "STOP", "price": "1.10000"}),
        ({"tif": TimeInForce.DAY}, {"timeInForce": "GFD"}),
        (
            {"tif": TimeInForce.GTD, "expire_ns": 5_000_000_001},
            {"timeInForce": "GTD", "gtdTime": "5.000000001"},
        ),
    ],
)
def test_an_order_as_it_leaves(terms, expected):
    body = convert.body_of(request(**terms), EUR)
    assert {name: body[name] for name in expected} == expected
    assert body["clientExtensions"] == {"id": "id"}


def test_units_have_the_places_of_the_instrument():
    body = convert.body_of(request(symbol="DE30_EUR", size=0.3, price=16700.5), DE30)
    assert (body["units"], body["price"]) == ("0.3", "16700.5")


def test_an_order_that_is_changed_keeps_the_rest():
    order = {**convert.body_of(request(side=Side.SELL), EUR), "id": "7", "state": "PENDING"}
    body = convert.changed(order, EUR, {"size": 500.0, "price": None})
    assert (body["units"], body["price"], body["type"]) == ("-500", "1.10000", "LIMIT")
    assert "state" not in body


def row(kind, **fields):
    return {"id": "12", "type": kind, "time": "5.0", **fields}


def test_an_order_that_is_taken():
    (report,) = convert.reports_of(
        row(
            "LIMIT_ORDER",
            instrument="EUR_USD",
            units="-1000",
            price="1.10000",
            clientExtensions={"id": "mine"},
        ),
        {},
        0,
    )
    assert (report.event, report.client_order_id) == (OrderEvent.ACCEPTED, "mine")
    assert (report.venue_order_id, report.size, report.price) == ("12", 1000.0, 1.1)
    assert report.request.side is Side.SELL


def test_an_exit_has_the_units_of_its_trade():
    trades = {"4": {"instrument": "EUR_USD", "currentUnits": "1000"}}
    (report,) = convert.reports_of(row("STOP_LOSS_ORDER", tradeID="4", price="1.09"), trades, 0)
    assert report.request[1:6] == ("EUR_USD", Side.SELL, 1000.0, OrderType.STOP, 1.09)


def test_a_fill():
    (report,) = convert.reports_of(
        row(
            "ORDER_FILL",
            orderID="11",
            clientOrderID="mine",
            instrument="EUR_USD",
            units="-1000",
            price="1.10000",
            commission="0.5",
        ),
        {},
        0,
    )
    expected = FillReport("12", "EUR_USD", Side.SELL, 1000.0, 1.1, 5 * SECOND, "mine", "11", 0.5)
    assert report == expected


@pytest.mark.parametrize(
    ("reason", "event", "code"),
    [
        ("CLIENT_REQUEST", OrderEvent.CANCELED, None),
        ("TIME_IN_FORCE_EXPIRED", OrderEvent.EXPIRED, "TIME_IN_FORCE_EXPIRED"),
        ("INSUFFICIENT_MARGIN", OrderEvent.MARGIN, "INSUFFICIENT_MARGIN"),
        ("MARKET_HALTED", OrderEvent.REJECTED, "MARKET_HALTED"),
        ("FIFO_VIOLATION", OrderEvent.REJECTED, "FIFO_VIOLATION"),
        ("BOUNDS_VIOLATION", OrderEvent.REJECTED, "BOUNDS_VIOLATION"),
        ("SOMETHING_NEW", OrderEvent.REJECTED, "SOMETHING_NEW"),
    ],
)
def test_how_orders_end(reason, event, code):
    (report,) = convert.reports_of(row("ORDER_CANCEL", orderID="11", reason=reason), {}, 0)
    assert (report.event, report.reason_code, report.venue_order_id) == (event, code, "11")


def test_an_order_that_is_replaced_does_not_end():
    cancel = row("ORDER_CANCEL", orderID="11", reason="CLIENT_REQUEST_REPLACED")
    assert convert.reports_of(cancel, {}, 0) == []
    fields = {"instrument": "EUR_USD", "units": "5", "reason": "REPLACEMENT"}
    (report,) = convert.reports_of(row("LIMIT_ORDER", **fields), {}, 0)
    assert report.event is OrderEvent.MODIFIED


def test_what_is_about_something_else_tells_nothing_of_orders():
    for kind in ("DAILY_FINANCING", "TRANSFER_FUNDS", "HEARTBEAT", "MARKET_MAKER_ORDER"):
        assert convert.reports_of(row(kind), {}, 0) == []


def test_the_account_and_its_positions():
    sums = {"id": "a", "currency": "EUR", "balance": "10", "NAV": "11", "marginAvailable": "9"}
    report = convert.account_of(sums, 7)
    assert (report.cash, report.value, report.power) == (9.0, 11.0, 9.0)
    assert convert.account_of({**sums, "NAV": "N/A"}, 7).value is None
    both = {"long": {"units": "10", "averagePrice": "1.1"}, "short": {"units": "-4"}}
    assert convert.position_of({"instrument": "X", **both}, 7) == PositionReport("X", 6.0, None, 7)
    one = {"long": {"units": "10", "averagePrice": "1.1"}, "short": {"units": "0"}}
    assert convert.position_of({"instrument": "X", **one}, 7) == PositionReport("X", 10.0, 1.1, 7)


# Anything at all

WORDS = st.sampled_from(
    ["type", "id", "time", "units", "price", "reason", "orderID", "tradeID", "instrument"]
    + ["bids", "asks", "mid", "complete", "long", "short", "clientExtensions", "o", "h", "l", "c"]
)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from(["ORDER_FILL", "ORDER_CANCEL", "LIMIT_ORDER", "STOP_LOSS_ORDER", "NaN", "5.0"]),
)
ANYTHING = st.recursive(
    VALUES,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=6)),
    max_leaves=12,
)
OBJECTS = st.dictionaries(WORDS, ANYTHING, max_size=8)


@settings(deadline=None, max_examples=300)
@given(OBJECTS, OBJECTS)
def test_whatever_comes_is_a_report_or_nothing(one, other):
    trades = {str(one.get("tradeID")): other}
    for report in convert.reports_of(one, trades, 0):
        assert isinstance(report, (OrderReport, FillReport))
    convert.order_of(one, trades, 0)
    convert.account_of(one, 0)
    convert.position_of(one, 0)
    convert.quote_of(one)
    for form in ("bidask", "midpoint"):
        upstream.candle_of(one, form)
    upstream.tick_of({**one, "type": "PRICE"})
    convert.bars_of([one, other], minutes(), "mid")
