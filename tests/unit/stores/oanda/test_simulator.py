"""The simulated OANDA, asked by the genuine clients oandapyV20 and v20."""

from __future__ import annotations

import datetime
import json
from urllib.error import HTTPError

import pytest

pytest.importorskip("oandapyV20", reason="oandapyV20 is not installed")

import requests
import v20
from oandapyV20.exceptions import V20Error

from btstores.clock import SimulatedClock, wall_clock
from btstores.errors import ConfigError
from btstores.instruments import Instrument, TimeFrame
from btstores.reports import Quote
from btstores.sim.faults import Planned
from btstores.sim.prices.series import series_of
from btstores.sim.switches import Faults
from btstores.stores.oanda.simulator import AccountConfig, OandaConfig, make_oanda
from btstores.stores.oanda.simulator.board import Board, Price
from btstores.stores.oanda.simulator.candles import Alignment, Granularity, merge
from btstores.stores.oanda.simulator.faults import FAULTS, read_plan
from btstores.stores.oanda.simulator.listings import LISTINGS
from btstores.stores.oanda.simulator.text import parse_time, price_text, time_text, units_text
from btstores.stores.oanda.simulator.venue import Oanda
from tests.support.oanda import (
    ACCOUNT,
    START,
    Desk,
    accounts,
    orders,
    positions,
    pricing,
    trades,
)

UTC, MONDAY = {"hour": 0, "timezone": "UTC"}, {"weekday": "Monday"}
HEDGING = AccountConfig("101-004-1234567-002", hedging=True)


@pytest.fixture
def desk():
    made = Desk(wall_clock())
    yield made
    made.server.stop()


def refused(call, *args, **kwargs):
    """Return status and body of a request that is refused."""
    with pytest.raises(V20Error) as caught:
        call(*args, **kwargs)
    return caught.value.code, json.loads(caught.value.msg)


# The account


def test_an_account_begins_with_its_money(desk):
    summary = desk.summary()
    assert (summary["balance"], summary["NAV"]) == ("100000.0000", "100000.0000")
    assert summary["lastTransactionID"] == "2"
    assert desk.ask(accounts.AccountList())["accounts"] == [{"id": ACCOUNT, "tags": []}]
    listed = desk.ask(accounts.AccountInstruments(ACCOUNT))["instruments"]
    assert [one["name"] for one in listed] == ["EUR_USD", "USD_JPY"]
    assert listed[1]["displayPrecision"] == 3


def test_a_market_order_opens_a_trade_at_the_ask(desk):
    done = desk.order(clientExtensions={"id": "mine"})
    fill = done["orderFillTransaction"]
    assert (fill["price"], fill["units"], fill["clientOrderID"]) == ("1.10020", "1000", "mine")
    assert fill["tradeOpened"]["tradeID"] == fill["id"]
    assert done["relatedTransactionIDs"] == ["3", "4"]
    desk.price(1.1012, 1.1014)
    summary = desk.summary()
    assert (summary["NAV"], summary["unrealizedPL"]) == ("100001.0000", "1.0000")
    assert float(summary["marginUsed"]) == pytest.approx(1000 * 1.1013 * 0.0333)


def test_a_sale_reduces_the_oldest_trade_first_and_then_opens_one(desk):
    desk.order()
    desk.order(units="500")
    fill = desk.order(units="-2000")["orderFillTransaction"]
    assert [one["units"] for one in fill["tradesClosed"]] == ["-1000", "-500"]
    assert fill["tradeOpened"]["units"] == "-500"
    assert float(fill["pl"]) == pytest.approx(-0.0002 * 1500)
    (position,) = desk.ask(positions.OpenPositions(ACCOUNT))["positions"]
    assert (position["long"]["units"], position["short"]["units"]) == ("0", "-500")


def test_a_hedging_account_keeps_both_sides():
    desk = Desk(wall_clock(), HEDGING)
    name = HEDGING.account_id
    desk.order(name)
    desk.order(name, units="-400")
    assert [one["currentUnits"] for one in desk.trades(name)] == ["-400", "1000"]
    used = float(desk.summary(name)["marginUsed"])
    assert used == pytest.approx(1000 * 1.1001 * 0.0333, rel=1e-4)  # the larger side
    desk.order(name, units="-1000", positionFill="REDUCE_ONLY")
    assert [one["currentUnits"] for one in desk.trades(name)] == ["-400"]
    desk.server.stop()


def test_profit_in_another_currency_comes_home(desk):
    desk.order(instrument="USD_JPY")
    desk.price(151.0, 151.02, "USD_JPY")
    fill = desk.order(instrument="USD_JPY", units="-1000")["orderFillTransaction"]
    assert float(fill["pl"]) == pytest.approx(1000 * (151.0 - 150.02) / 151.01, rel=1e-4)


def test_without_margin_an_order_is_cancelled(desk):
    done = desk.order(units="5000000")
    assert done["orderCancelTransaction"]["reason"] == "INSUFFICIENT_MARGIN"
    assert desk.trades() == []


def test_an_account_that_has_lost_too_much_is_closed_out(desk):
    desk.order(units="2500000")
    desk.price(1.06, 1.0602)
    assert desk.trades() == []
    reasons = [one.get("reason") for one in desk.since(4) if one["type"] == "ORDER_FILL"]
    assert reasons == ["MARKET_ORDER_MARGIN_CLOSEOUT"]


def test_a_night_costs_financing(desk):
    desk.order(units="100000")
    desk.clock.advance(24 * 3600)
    desk.venue.look_at_time()
    (charged,) = [one for one in desk.since(2) if one["type"] == "DAILY_FINANCING"]
    assert float(charged["financing"]) == pytest.approx(-110_010 * 0.02 / 365, abs=0.01)


# Orders


@pytest.mark.parametrize(
    ("terms", "prices", "filled_at"),
    [
        ({"type": "LIMIT", "price": "1.09500"}, (1.0947, 1.0949), "1.09490"),
        ({"type": "STOP", "price": "1.10500"}, (1.1052, 1.1054), "1.10540"),
        ({"type": "MARKET_IF_TOUCHED", "price": "1.09500"}, (1.0940, 1.0942), "1.09420"),
        ({"type": "MARKET_IF_TOUCHED", "price": "1.10500"}, (1.1050, 1.1052), "1.10520"),
        ({"type": "LIMIT", "price": "1.09500", "units": "-1000"}, None, "1.10000"),
        ({"type": "STOP", "price": "1.09500", "units": "-1000"}, (1.0940, 1.0942), "1.09400"),
    ],
)
def test_orders_wait_for_their_price(desk, terms, prices, filled_at):
    done = desk.order(**terms)
    if prices is not None:
        assert "orderFillTransaction" not in done
        assert len(desk.pending()) == 1
        desk.price(*prices)
    (trade,) = desk.trades()
    assert trade["price"] == filled_at
    assert desk.pending() == []


@pytest.mark.parametrize(
    ("terms", "reason"),
    [
        ({"type": "LIMIT", "price": "1.09000", "timeInForce": "IOC"}, "INSUFFICIENT_LIQUIDITY"),
        ({"priceBound": "1.09900"}, "BOUNDS_VIOLATION"),
        ({"takeProfitOnFill": {"price": "1.09000"}}, "TAKE_PROFIT_ON_FILL_LOSS"),
        ({"stopLossOnFill": {"price": "1.11000"}}, "STOP_LOSS_ON_FILL_LOSS"),
        ({"positionFill": "REDUCE_ONLY"}, "INSUFFICIENT_LIQUIDITY"),
    ],
)
def test_orders_that_end_at_once(desk, terms, reason):
    assert desk.order(**terms)["orderCancelTransaction"]["reason"] == reason


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({"instrument": "XXX_YYY"}, "INSTRUMENT_NOT_TRADEABLE"),
        ({"units": "0"}, "UNITS_INVALID"),
        ({"units": "1.5"}, "UNITS_PRECISION_EXCEEDED"),
        ({"units": "100000001"}, "UNITS_LIMIT_EXCEEDED"),
        ({"type": "LIMIT"}, "PRICE_MISSING"),
        ({"type": "LIMIT", "price": "1.100001"}, "PRICE_PRECISION_EXCEEDED"),
        ({"type": "LIMIT", "price": "-1"}, "PRICE_INVALID"),
        ({"timeInForce": "GTC"}, "TIME_IN_FORCE_INVALID"),
        (
            {"type": "LIMIT", "price": "1", "timeInForce": "GTD"},
            "TIME_IN_FORCE_GTD_TIMESTAMP_MISSING",
        ),
        (
            {"type": "LIMIT", "price": "1", "timeInForce": "GTD", "gtdTime": "1000000000.0"},
            "TIME_IN_FORCE_GTD_TIMESTAMP_IN_PAST",
        ),
        ({"stopLossOnFill": {"price": "1.000001"}}, "STOP_LOSS_ON_FILL_PRICE_PRECISION_EXCEEDED"),
        ({"stopLossOnFill": {}}, "STOP_LOSS_ON_FILL_PRICE_MISSING"),
        ({"trailingStopLossOnFill": {}}, "TRAILING_STOP_LOSS_ON_FILL_PRICE_DISTANCE_MISSING"),
        ({"clientExtensions": {"id": "x" * 129}}, "CLIENT_ORDER_ID_INVALID"),
    ],
)
def test_orders_that_are_refused(desk, terms, code):
    status, body = refused(desk.order, **terms)
    assert status == 400
    assert body["errorCode"] == code
    assert body["orderRejectTransaction"]["rejectReason"] == code
    assert body["lastTransactionID"] == "3"


@pytest.mark.parametrize(
    "terms",
    [{"type": "PARABOLIC"}, {"units": "many"}, {"instrument": 5}, {"positionFill": "MAYBE"}],
)
def test_orders_that_cannot_be_read(desk, terms):
    status, body = refused(desk.order, **terms)
    assert status == 400
    assert body["errorMessage"].startswith("Invalid value specified for")
    assert desk.summary()["lastTransactionID"] == "2"


def test_an_order_id_of_a_client_is_used_once_at_a_time(desk):
    limit = {"type": "LIMIT", "price": "1.00000", "clientExtensions": {"id": "mine"}}
    desk.order(**limit)
    assert refused(desk.order, **limit)[1]["errorCode"] == "CLIENT_ORDER_ID_ALREADY_EXISTS"
    desk.ask(orders.OrderCancel(ACCOUNT, "@mine"))
    desk.order(**limit)


def test_replacing_keeps_the_clients_id(desk):
    limit = {"type": "LIMIT", "price": "1.00000", "clientExtensions": {"id": "mine"}}
    old = desk.order(**limit)["orderCreateTransaction"]["id"]
    body = {"type": "LIMIT", "instrument": "EUR_USD", "units": "2000", "price": "1.01000"}
    body["clientExtensions"] = {"id": "mine"}
    done = desk.ask(orders.OrderReplace(ACCOUNT, old, data={"order": body}))
    assert done["orderCancelTransaction"]["reason"] == "CLIENT_REQUEST_REPLACED"
    new = done["orderCreateTransaction"]
    assert (new["reason"], new["replacesOrderID"]) == ("REPLACEMENT", old)
    assert done["orderCancelTransaction"]["replacedByOrderID"] == new["id"]
    (pending,) = desk.pending()
    assert (pending["id"], pending["units"]) == (new["id"], "2000")
    status, body = refused(desk.ask, orders.OrderReplace(ACCOUNT, old, data={"order": body}))
    assert (status, body["errorCode"]) == (404, "ORDER_DOESNT_EXIST")


@pytest.mark.parametrize(("tif", "gone"), [("GTC", False), ("GFD", True), ("GTD", True)])
def test_orders_end_in_their_time(desk, tif, gone):
    end = {"gtdTime": time_text(START + 3600 * 10**9, unix=True)} if tif == "GTD" else {}
    desk.order(type="LIMIT", price="1.00000", timeInForce=tif, **end)
    desk.clock.advance(8 * 3600)  # past 17:00 in New York
    desk.venue.look_at_time()
    assert (desk.pending() == []) is gone
    if gone:
        assert desk.since(3)[-1]["reason"] == "TIME_IN_FORCE_EXPIRED"


# Exits


def test_the_target_ends_the_trade_and_the_stop(desk):
    exits = {"takeProfitOnFill": {"price": "1.11000"}, "stopLossOnFill": {"distance": "0.00500"}}
    desk.order(**exits)
    (trade,) = desk.trades()
    assert trade["stopLossOrder"]["price"] == "1.09520"
    desk.price(1.1101, 1.1103)
    assert desk.trades() == desk.pending() == []
    told = [(one["type"], one.get("reason")) for one in desk.since(6)]
    assert told == [
        ("ORDER_FILL", "TAKE_PROFIT_ORDER"),
        ("ORDER_CANCEL", "LINKED_TRADE_CLOSED"),
    ]


def test_a_trailing_stop_follows_the_best_price(desk):
    desk.order(trailingStopLossOnFill={"distance": "0.00500"})
    desk.price(1.11, 1.1102)
    (pending,) = desk.pending()
    assert pending["trailingStopValue"] == "1.10500"
    desk.price(1.1055, 1.1057)
    desk.price(1.1049, 1.1051)
    assert desk.trades() == []
    assert desk.since(5)[-1]["reason"] == "TRAILING_STOP_LOSS_ORDER"


def test_exits_are_put_on_a_trade_and_taken_off(desk):
    number = desk.order()["orderFillTransaction"]["id"]
    body = {"takeProfit": {"price": "1.12000"}, "stopLoss": {"price": "1.09000"}}
    done = desk.ask(trades.TradeCRCDO(ACCOUNT, number, data=body))
    assert done["takeProfitOrderTransaction"]["tradeID"] == number
    done = desk.ask(trades.TradeCRCDO(ACCOUNT, number, data={"stopLoss": {"price": "1.09100"}}))
    assert done["stopLossOrderCancelTransaction"]["reason"] == "CLIENT_REQUEST_REPLACED"
    desk.ask(trades.TradeCRCDO(ACCOUNT, number, data={"takeProfit": None}))
    assert [one["price"] for one in desk.pending()] == ["1.09100"]
    order = {"type": "STOP_LOSS", "tradeID": number, "price": "1.08000"}
    code = refused(desk.ask, orders.OrderCreate(ACCOUNT, data={"order": order}))[1]["errorCode"]
    assert code == "STOP_LOSS_ORDER_ALREADY_EXISTS"


def test_a_trade_and_a_position_are_closed_in_part(desk):
    number = desk.order()["orderFillTransaction"]["id"]
    desk.ask(trades.TradeClose(ACCOUNT, number, data={"units": "400"}))
    (trade,) = desk.trades()
    assert (trade["currentUnits"], trade["averageClosePrice"]) == ("600", "1.10000")
    desk.ask(positions.PositionClose(ACCOUNT, "EUR_USD", data={"longUnits": "100"}))
    assert desk.trades()[0]["currentUnits"] == "500"
    body = {"longUnits": "NONE", "shortUnits": "ALL"}
    status, said = refused(desk.ask, positions.PositionClose(ACCOUNT, "EUR_USD", data=body))
    assert (status, said["errorCode"]) == (400, "CLOSEOUT_POSITION_DOESNT_EXIST")
    status, said = refused(desk.ask, trades.TradeClose(ACCOUNT, number, data={"units": "501"}))
    assert said["errorCode"] == "CLOSE_TRADE_UNITS_EXCEED_TRADE_SIZE"


# Candles and time


def test_candles_are_made_of_all_prices(desk):
    for step in range(1, 31):
        desk.clock.advance(4.0)
        desk.price(1.1 + step / 10_000, 1.1002 + step / 10_000)
    minutes = desk.candles(granularity="M1", price="MBA", count=3)
    assert [one["complete"] for one in minutes] == [True, True, False]
    assert minutes[1]["bid"] == {"o": "1.10120", "h": "1.10230", "l": "1.10120", "c": "1.10230"}
    assert minutes[1]["volume"] == 12
    since = desk.candles(granularity="M1", **{"from": minutes[1]["time"]})
    assert [one["time"] for one in since] == [one["time"] for one in minutes[1:]]
    later = desk.candles(granularity="M1", includeFirst="False", **{"from": minutes[1]["time"]})
    assert later == since[1:]
    for wrong in ({"granularity": "M3"}, {"price": "X"}, {"count": 5001}, {"from": "soon"}):
        assert refused(desk.candles, **wrong)[0] == 400


@pytest.mark.parametrize(
    ("name", "alignment", "time", "begins", "ends"),
    [
        ("M5", {}, "2024-01-03T15:04:59Z", "2024-01-03T15:00:00Z", "2024-01-03T15:05:00Z"),
        ("H4", {}, "2024-01-03T15:04:59Z", "2024-01-03T14:00:00Z", "2024-01-03T18:00:00Z"),
        ("D", {}, "2024-01-03T15:04:59Z", "2024-01-02T22:00:00Z", "2024-01-03T22:00:00Z"),
        # The clocks go forward on Sunday 2024-03-10.
        ("D", {}, "2024-03-10T12:00:00Z", "2024-03-09T22:00:00Z", "2024-03-10T21:00:00Z"),
        (
            "D",
            {"hour": 0, "timezone": "UTC"},
            "2024-01-03T15:00:00Z",
            "2024-01-03T00:00:00Z",
            "2024-01-04T00:00:00Z",
        ),
        ("W", {}, "2024-01-03T15:00:00Z", "2023-12-29T22:00:00Z", "2024-01-05T22:00:00Z"),
        (
            "W",
            {"weekday": "Monday"},
            "2024-01-03T15:00:00Z",
            "2024-01-01T22:00:00Z",
            "2024-01-08T22:00:00Z",
        ),
        ("M", {}, "2024-02-15T15:00:00Z", "2024-02-01T22:00:00Z", "2024-03-01T22:00:00Z"),
    ],
)
def test_where_candles_begin_and_end(name, alignment, time, begins, ends):
    granularity = Granularity(name, Alignment(**alignment))
    begin = granularity.start_of(parse_time(time))
    assert begin == parse_time(begins)
    assert granularity.end_of(begin) == parse_time(ends)


def test_candles_of_candles():
    board = Board(LISTINGS["EUR_USD"])
    for second, price in ((0, 1.0), (4, 3.0), (5, 2.0), (61, 5.0)):
        board.take(Price(second * 10**9, price, price))
    one, two = merge(board.slots(), Granularity("M1", Alignment()), 10)
    assert (one.mid, one.volume) == ([1.0, 3.0, 1.0, 2.0], 3)
    assert (two.start_ns, two.mid) == (60 * 10**9, [5.0] * 4)
    assert merge(board.slots(), Granularity("M1", Alignment()), 1) == [two]


def test_instruments_that_are_in_no_table():
    listing = LISTINGS["USD_JPY"]._replace(name="X01_USD")
    first = Quote("X01_USD", START - 1, 2.0, 2.0014)
    series = [series_of(Instrument("X01_USD"), [first], TimeFrame.TICKS, quotes=True)]
    accounts = (AccountConfig(ACCOUNT),)
    listings = {"X01_USD": listing}
    venue = Oanda(series, SimulatedClock(START), accounts, START, None, listings=listings)
    assert venue.rates.names() == ["X01_USD"]
    price = venue.rates.boards["X01_USD"].price
    assert price is not None
    assert (price.bid, price.ask) == (2.0, 2.001)  # three decimal places


def test_times_and_numbers_as_they_are_written():
    assert time_text(1_466_621_235_201_836_422, True) == "1466621235.201836422"
    assert time_text(1_466_621_235_201_836_422, False) == "2016-06-22T18:47:15.201836422Z"
    for text in ("1466621235.201836422", "2016-06-22T18:47:15.201836422Z"):
        assert parse_time(text) == 1_466_621_235_201_836_422
    assert parse_time("2016-06-22T20:47:15+02:00") == 1_466_621_235 * 10**9
    with pytest.raises(ValueError, match="no time"):
        parse_time("yesterday")
    assert (price_text(1.1, 5), units_text(1000.0, 0), units_text(0.5, 1)) == (
        "1.10000",
        "1000",
        "0.5",
    )


# Streams


def lines(desk, request, number):
    found = []
    for line in desk.api.request(request):
        found.append(line)
        if len(found) == number:
            return found
    return found


def test_prices_are_streamed_with_a_snapshot_and_heartbeats(desk):
    request = pricing.PricingStream(ACCOUNT, params={"instruments": "EUR_USD"})
    first, beat = lines(desk, request, 2)
    assert (first["type"], first["bids"][0]["price"]) == ("PRICE", "1.10000")
    assert beat["type"] == "HEARTBEAT"


def test_transactions_are_streamed(desk):
    from oandapyV20.endpoints.transactions import TransactionsStream

    stream = desk.api.request(TransactionsStream(ACCOUNT))
    assert next(stream)["lastTransactionID"] == "2"
    desk.order()
    told = [line for line in (next(stream) for _ in range(20)) if line["type"] != "HEARTBEAT"]
    assert [line["id"] for line in told] == ["3", "4"]


def test_the_clients_of_oanda_itself_are_served(desk):
    context = v20.Context(desk.server.host, desk.server.port, ssl=False, token="token")
    assert context.account.summary(ACCOUNT).get("account").balance == 100_000.0
    filled = context.order.market(ACCOUNT, instrument="EUR_USD", units=100)
    assert (filled.status, filled.get("orderFillTransaction").price) == (201, 1.1002)
    changes = context.account.changes(ACCOUNT, sinceTransactionID=2)
    assert [one.id for one in changes.get("changes").transactions] == ["3", "4"]
    assert (
        context.order.limit(ACCOUNT, instrument="EUR_USD", units=1, price="1.1234567").status == 400
    )
    candles = context.instrument.candles("EUR_USD", granularity="S5", count=1)
    assert candles.get("candles")[0].mid.o == 1.1001


# Going wrong


def test_a_token_and_an_account_that_are_not_there():
    desk = Desk(wall_clock(), token="secret")
    assert refused(desk.summary)[0] == 401
    desk.server.token = None
    assert refused(desk.summary, "101-004-1234567-009")[0] == 403
    assert refused(desk.summary, "nobody")[0] == 400
    desk.server.stop()


def test_too_many_requests():
    desk = Desk(SimulatedClock(START), throttled=True)
    codes = []
    for _ in range(125):
        try:
            desk.summary()
        except V20Error as error:
            codes.append(error.code)
    assert codes == [429] * 5
    desk.server.stop()


def test_faults_of_requests(desk):
    desk.control("faults", {"name": "status", "code": 503, "path": "summary"})
    assert refused(desk.summary)[0] == 503
    desk.faults.on("not_json")
    with pytest.raises(ValueError, match="Expecting value"):
        desk.summary()
    desk.faults.on("unanswered", path="orders")
    with pytest.raises(requests.ConnectionError):
        desk.order()
    assert desk.trades() == []
    desk.faults.on("ack_lost", path="orders")
    with pytest.raises(requests.ConnectionError):
        desk.order()
    assert len(desk.trades()) == 1
    assert desk.control("faults")["faults"] == []


def test_streams_end(desk):
    request = pricing.PricingStream(ACCOUNT, params={"instruments": "EUR_USD"})
    stream = desk.api.request(request)
    next(stream)
    desk.faults.on("stream_end", stream="pricing")
    assert all(line["type"] == "HEARTBEAT" for line in stream)
    stream = desk.api.request(request)
    next(stream)
    desk.faults.on("stream_cut")
    with pytest.raises((ValueError, requests.RequestException)):
        list(stream)


def test_faults_of_the_stream_of_transactions(desk):
    from oandapyV20.endpoints.transactions import TransactionsStream

    stream = desk.api.request(TransactionsStream(ACCOUNT))
    next(stream)
    desk.faults.on("transaction_twice")
    desk.order(type="LIMIT", price="1.00000")
    desk.faults.on("transaction_late")
    desk.order()
    desk.faults.on("transaction_lost")
    desk.order(type="LIMIT", price="1.00000")
    told = [line for line in (next(stream) for _ in range(20)) if line["type"] != "HEARTBEAT"]
    assert [line["id"] for line in told] == ["3", "3", "5", "4"]
    assert desk.summary()["lastTransactionID"] == "6"


def test_an_instrument_that_is_halted_and_a_week_end(desk):
    desk.control("halt", {"instrument": "EUR_USD"})
    assert desk.order()["orderCancelTransaction"]["reason"] == "MARKET_HALTED"
    desk.control("halt", {"instrument": "EUR_USD", "halted": False})
    assert "orderFillTransaction" in desk.order()
    desk.clock.advance_to(parse_time("2024-01-06T12:00:00Z"))
    assert desk.order()["orderCancelTransaction"]["reason"] == "MARKET_HALTED"
    asked = pricing.PricingInfo(ACCOUNT, params={"instruments": "EUR_USD"})
    assert desk.ask(asked)["prices"][0]["tradeable"] is False


def test_the_control_paths(desk):
    desk.control("price", {"instrument": "EUR_USD", "bid": 1.2, "ask": 1.2002})
    desk.control("funds", {"account": ACCOUNT, "amount": -500})
    book = desk.control("book")[ACCOUNT]
    assert book["summary"]["balance"] == "99500.0000"
    assert [one["type"] for one in book["transactions"]] == ["CREATE", "TRANSFER_FUNDS"] + [
        "TRANSFER_FUNDS"
    ]
    for path, body in (("price", {"instrument": "NO"}), ("faults", {"name": "no"}), ("no", {})):
        with pytest.raises(HTTPError, match="HTTP Error 4"):
            desk.control(path, body)


def test_ids_are_counted_past_a_digit():
    desk = Desk(wall_clock(), AccountConfig(ACCOUNT, first_id=998))
    desk.order()
    assert [one["id"] for one in desk.since(999)] == ["1000", "1001"]
    desk.server.stop()


# What it is made of


def test_prices_from_a_file_and_made_up(tmp_path):
    path = tmp_path / "eur.csv"
    rows = ["time,open,high,low,close,volume"]
    rows += [f"2024-01-03 10:{minute:02d}:00,1.1,1.2,1.0,1.15,9" for minute in range(30)]
    path.write_text("\n".join(rows) + "\n")
    config = OandaConfig(data={"EUR_USD": str(path)}, symbols=["GBP_USD"], prices=100, port=0)
    server = make_oanda(config, SimulatedClock(0))
    board = server.venue.rates.boards["EUR_USD"]
    assert board.price is not None
    first = list(board.slots())[-1]
    assert first.mid[0] == pytest.approx(1.1)
    assert set(server.venue.rates.names()) == {"EUR_USD", "GBP_USD"}
    with pytest.raises(ConfigError, match="symbol='NO': expected one of EUR_USD"):
        make_oanda(OandaConfig(symbols=["NO"]))
    with pytest.raises(ConfigError, match="each account once"):
        make_oanda(OandaConfig(prices=10, accounts=(AccountConfig(), AccountConfig())))


def test_a_plan_of_faults(tmp_path):
    path = tmp_path / "plan.toml"
    path.write_text('[[fault]]\nat = 5\nname = "status"\ncode = 429\n')
    assert read_plan(path) == [Planned(5.0, "status", {"code": 429})]
    path.write_text('[[fault]]\nname = "statuss"\n')
    with pytest.raises(ConfigError, match="fault 1"):
        read_plan(path)
    assert Faults(FAULTS).current() == []


def test_a_port_that_is_taken(desk):
    config = OandaConfig(port=desk.server.port, prices=10)
    with pytest.raises(ConfigError, match="expected a port that is free"):
        make_oanda(config).start()


def test_made_up_prices_keep_the_hours(desk):
    config = OandaConfig(prices=50, every=3600.0, start=datetime.date(2024, 1, 5), port=0)
    venue = make_oanda(config, SimulatedClock(0)).venue
    days = {
        datetime.datetime.fromtimestamp(one / 10**9, datetime.timezone.utc).weekday()
        for one in venue.market.series[0].times
    }
    assert 5 not in days  # no Saturday
