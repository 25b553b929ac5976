"""Orders as Futu's messages, filled into the client's own message classes."""

from __future__ import annotations

import pytest

pytest.importorskip("futu", reason="futu-api is not installed")

from btstores.reports import (
    OrderModification,
    OrderRequest,
    OrderType,
    Side,
    TimeInForce,
)
from btstores.stores.futu import sdk
from btstores.stores.futu.orders import (
    Terms,
    account_report,
    fill_change,
    fill_order,
    number,
    position_report,
    time_ns,
)

PAPER = Terms(1001, "SIMULATE", 1, "Asia/Hong_Kong")
REAL = Terms(2001, "REAL", 1, "Asia/Hong_Kong")


def sent(request, terms=REAL):
    c2s = sdk.pb("Trd_PlaceOrder").C2S()
    fill_order(c2s, request, terms)
    return c2s


def ask(kind, side=Side.BUY, **fields):
    return OrderRequest("c1", "HK.00700", side, 100.0, kind, **fields)


def test_what_every_order_says():
    c2s = sent(ask(OrderType.LIMIT, price=320.0))
    assert (c2s.header.trdEnv, c2s.header.accID, c2s.header.trdMarket) == (1, 2001, 1)
    assert (c2s.trdSide, c2s.orderType, c2s.code, c2s.secMarket) == (1, 1, "00700", 1)
    assert (c2s.qty, c2s.price, c2s.remark) == (100.0, 320.0, "c1")
    assert sent(ask(OrderType.LIMIT, price=1.0), PAPER).header.trdEnv == 0


@pytest.mark.parametrize(
    ("kind", "tif", "terms", "expected"),
    [
        (OrderType.LIMIT, TimeInForce.GTC, REAL, 1),
        (OrderType.LIMIT, TimeInForce.DAY, REAL, 0),
        (OrderType.MARKET, TimeInForce.GTC, REAL, 0),
        (OrderType.LIMIT, TimeInForce.GTC, PAPER, 0),
    ],
)
def test_how_long_an_order_waits(kind, tif, terms, expected):
    assert sent(ask(kind, price=320.0, tif=tif), terms).timeInForce == expected


def test_a_market_order_has_some_price():
    c2s = sent(ask(OrderType.MARKET, reference_price=319.0))
    assert (c2s.orderType, c2s.price) == (2, 319.0)
    assert sent(ask(OrderType.MARKET)).HasField("price")


def test_stops():
    stop = sent(ask(OrderType.STOP, price=330.0))
    assert (stop.orderType, stop.auxPrice) == (10, 330.0)
    limited = sent(ask(OrderType.STOP_LIMIT, price=330.0, limit_price=331.0))
    assert (limited.orderType, limited.auxPrice, limited.price) == (11, 330.0, 331.0)


@pytest.mark.parametrize(
    ("given", "kind", "value"),
    [({"trail_amount": 2.0}, 2, 2.0), ({"trail_percent": 0.05}, 1, 5.0)],
)
def test_trailing_stops(given, kind, value):
    c2s = sent(ask(OrderType.STOP_TRAIL, Side.SELL, price=320.0, **given))
    assert (c2s.orderType, c2s.trailType, c2s.trailValue) == (14, kind, pytest.approx(value))
    limited = sent(
        ask(OrderType.STOP_TRAIL_LIMIT, Side.SELL, price=320.0, limit_price=319.0, **given)
    )
    assert (limited.orderType, limited.trailSpread) == (15, 1.0)


def test_what_futu_alone_knows_is_handed_on():
    c2s = sent(ask(OrderType.LIMIT, price=1.0, extras={"fill_outside_rth": True, "session": 2}))
    assert (c2s.fillOutsideRTH, c2s.session) == (True, 2)


@pytest.mark.parametrize(
    ("now", "change", "expected"),
    [
        (ask(OrderType.LIMIT, price=320.0), {"size": 200.0}, (200.0, 320.0, None)),
        (ask(OrderType.LIMIT, price=320.0), {"price": 321.0}, (100.0, 321.0, None)),
        (
            ask(OrderType.STOP_LIMIT, price=330.0, limit_price=331.0),
            {"price": 332.0},
            (100.0, 331.0, 332.0),
        ),
        (
            ask(OrderType.STOP_LIMIT, price=330.0, limit_price=331.0),
            {"limit_price": 333.0},
            (100.0, 333.0, 330.0),
        ),
    ],
)
def test_a_change_names_all_terms(now, change, expected):
    c2s = sdk.pb("Trd_ModifyOrder").C2S()
    fill_change(c2s, "F7", OrderModification("c1", "F7", **change), now, REAL)
    assert (c2s.orderIDEx, c2s.orderID, c2s.modifyOrderOp) == ("F7", 0, 1)
    assert (c2s.qty, c2s.price, number(c2s, "auxPrice")) == expected


def test_numbers_may_be_missing_or_nonsense():
    line = sdk.pb("Qot_Common").KLine()
    assert number(line, "openPrice") is None
    line.openPrice = float("nan")
    assert number(line, "openPrice") is None
    line.openPrice = 3.5
    assert number(line, "openPrice") == 3.5


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2023-11-15 06:13:20", 1_700_000_000_000_000_000),
        ("2023-11-15 06:13:20.250", 1_700_000_000_250_000_000),
        ("", 0),
        ("N/A", 0),
    ],
)
def test_times_without_a_timestamp_are_texts_of_the_market(text, expected):
    order = sdk.pb("Trd_Common").Order()
    order.createTime = text
    assert time_ns(order, "createTimestamp", "createTime", "Asia/Hong_Kong") == expected
    order.createTimestamp = 1_600_000_000.5
    assert time_ns(order, "createTimestamp", "createTime", "X") == 1_600_000_000_500_000_000


def test_a_short_position_is_negative_and_has_nothing_to_sell():
    held = sdk.pb("Trd_Common").Position()
    held.positionID, held.positionSide, held.code, held.name = 1, 0, "00700", "TENCENT"
    held.qty, held.canSellQty, held.price, held.val, held.plVal = 300.0, 200.0, 320.0, 0.0, 0.0
    held.averageCostPrice, held.secMarket = 310.5, 1
    report = position_report(held, REAL, 5)
    assert (report.symbol, report.size, report.price) == ("HK.00700", 300.0, 310.5)
    assert (report.sellable, report.market_price) == (200.0, 320.0)
    held.positionSide = 1
    short = position_report(held, REAL, 5)
    assert (short.size, short.sellable) == (-300.0, None)
    held.ClearField("averageCostPrice")
    assert position_report(held, REAL, 5).price is None


def test_the_currency_of_a_balance_is_the_one_that_it_names():
    funds = sdk.pb("Trd_Common").Funds()
    funds.power, funds.totalAssets, funds.cash = 3.0, 2.0, 1.0
    report = account_report(funds, REAL, "HKD", 5)
    assert (report.account, report.currency, report.cash) == ("2001", "HKD", 1.0)
    assert (report.value, report.power, report.margin) == (2.0, 3.0, None)
    funds.currency = 2
    assert account_report(funds, REAL, "HKD", 5).currency == "USD"
