"""Orders that must not be sent: rejected with a reason, and nothing reaches the venue."""

from __future__ import annotations

import backtrader as bt
import pytest

from btstores.orders.book import OrderRecord
from btstores.orders.lifecycle import OrderState
from btstores.reports import OrderRequest, OrderType, Side
from tests.support.session import Diary, Session, bar
from tests.support.traces import ListFeed
from tests.support.venue import new_store

NAN, INF = float("nan"), float("inf")


CODES = {
    "size": "SIZE_INVALID",
    "price": "PRICE_INVALID",
    "plimit": "PRICE_INVALID",
    "trailamount": "TRAIL_INVALID",
    "trailpercent": "TRAIL_INVALID",
    "exectype": "TYPE_INVALID",
    "valid": "VALID_INVALID",
    "tif": "TIF_INVALID",
}


@pytest.fixture
def session():
    session = Session()
    session.feed()
    session.bars(10, 11)
    return session


def check_refused(session, diary, *fragments, code):
    assert session.venue.placed == []
    assert [told.status for told in diary.told] == ["Rejected"]
    order = diary.made[0]
    assert not order.alive()
    assert order.info.reason_code == code
    assert order.info.denied_by == "validation"
    for fragment in fragments:
        assert fragment in order.info.reason


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("size", value) for value in (NAN, INF)),
        *(("price", value) for value in (NAN, INF, -9, "9", 0, 1e300, True)),
        *(("plimit", value) for value in (NAN, INF, -9, "9", 1e300)),
        *(("trailamount", value) for value in (NAN, INF, -1, "1", 1e300)),
        *(("trailpercent", value) for value in (NAN, INF, -0.1, "2%", 1e300)),
        *(("exectype", value) for value in (99, "Limit", [], True)),
        *(("valid", value) for value in (NAN, INF, -1, "tomorrow", [])),
        *(("tif", value) for value in ("forever", 3, [])),
    ],
)
def test_a_senseless_value_is_refused_and_named(session, field, value):
    given = {"size": 5, "price": 9.0, "exectype": bt.Order.Limit, field: value}
    diary = session.run(script={1: lambda strategy: strategy.buy(**given)})
    check_refused(session, diary, f"{field}={value!r}: expected", code=CODES[field])


@pytest.mark.parametrize("size", [-INF, -5, 0, "5", None])
def test_a_size_that_a_strategy_could_not_even_ask_for_is_refused(session, size):
    diary = session.run(script={1: lambda s: s.broker.buy(s, s.data, size)})
    check_refused(session, diary, f"size={size!r}: expected a number above 0", code="SIZE_INVALID")


def test_everything_that_is_wrong_is_told_at_once(session):
    diary = session.run(script={1: lambda s: s.sell(size=NAN, price="x", valid="y")})
    check_refused(session, diary, "size=nan", "price='x'", "valid='y'", code="SIZE_INVALID")


def test_the_strategy_goes_on_after_a_refusal(session):
    script = {1: lambda s: s.buy(size=NAN), 2: lambda s: s.buy(size=1)}
    diary = session.run(script=script)
    assert [told.status for told in diary.told] == ["Rejected", "Submitted"]
    assert [request.size for request in session.venue.placed] == [1]


@pytest.mark.parametrize("way", ["buy", "sell"])
def test_an_order_for_a_feed_without_a_bar_is_refused(session, way):
    session.feed("B")
    diary = session.run(script={1: lambda s: getattr(s, way)(data=s.datas[1], size=5)})
    check_refused(session, diary, "B has no bar yet", code="NO_BAR")


def test_an_order_for_a_feed_of_another_store_is_refused(session):
    other = new_store()
    other.gateway.bars["B"] = [bar(0, symbol="B")]
    feed = other.getdata(dataname="B", timeframe=bt.TimeFrame.Minutes, historical=True)
    session.cerebro.adddata(feed)
    diary = session.run(script={2: lambda s: s.buy(data=s.datas[1], size=5)})
    check_refused(session, diary, "B is a feed of another store", code="OTHER_STORE")
    assert other.gateway.placed == []


def test_an_order_for_a_feed_of_backtrader_is_refused_and_told(session):
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.adddata(ListFeed(bars=[bar(1), bar(2)], timeframe=bt.TimeFrame.Minutes, name="B"))
    cerebro.setbroker(session.broker)
    cerebro.addstrategy(Diary, script={1: lambda s: s.buy(size=5)})
    diary = cerebro.run(runonce=False)[0]
    check_refused(session, diary, "B is a feed of another store", code="OTHER_STORE")


@pytest.mark.parametrize("value", [1, 1.5, 10**9])
def test_plain_numbers_are_fine(session, value):
    given = {"size": value, "price": value, "plimit": value, "exectype": bt.Order.StopLimit}
    session.run(script={1: lambda strategy: strategy.buy(**given)})
    assert [request[3:7] for request in session.venue.placed] == [
        (value, OrderType.STOP_LIMIT, value, value)
    ]


def test_true_is_no_number(session):
    diary = session.run(script={1: lambda s: s.broker.buy(s, s.data, True)})
    check_refused(session, diary, "size=True: expected a number above 0", code="SIZE_INVALID")


def test_an_order_on_a_feed_that_shows_the_past_is_refused(session):
    session.venue.bars["A"] = [bar(-1), bar(0)]
    diary = session.run(script={1: lambda s: s.buy(size=5)})
    check_refused(session, diary, "A is DELAYED, not LIVE", code="NOT_LIVE")


def test_orders_on_history_may_be_wanted(session):
    session.venue.bars["A"] = [bar(-1), bar(0)]
    session.broker.p.trade_history = True
    session.run(script={1: lambda s: s.buy(size=5)})
    assert len(session.venue.placed) == 1


TRAILS = [
    {"trailamount": 0},
    {"trailpercent": 0},
    {"trailpercent": 1},
    {"trailpercent": 1.5},
    {"trailamount": None, "trailpercent": None},
    {"trailamount": NAN},
]


@pytest.mark.parametrize("given", TRAILS, ids=str)
def test_a_trailing_stop_without_a_sensible_distance_is_refused(session, given):
    trail = {"exectype": bt.Order.StopTrail, **given}
    diary = session.run(script={1: lambda s: s.sell(size=5, **trail)})
    check_refused(session, diary, "trail", code="TRAIL_INVALID")


def test_a_parent_that_is_no_order_is_refused(session):
    diary = session.run(script={1: lambda s: s.sell(size=5, parent="mother")})
    check_refused(session, diary, "parent='mother': expected an order", code="PARENT_GONE")


def test_an_oco_partner_that_is_no_order_is_refused(session):
    diary = session.run(script={1: lambda s: s.sell(size=5, oco=17)})
    check_refused(session, diary, "oco=17: expected an order", code="OCO_GONE")


def test_an_oco_of_orders_on_two_venues_is_refused(session):
    other = Session()
    other.feed()
    other.bars(10)
    (abroad,) = other.run(script={1: lambda s: s.buy(size=1)}).made
    diary = session.run(script={1: lambda s: s.buy(size=1, oco=abroad)})
    check_refused(session, diary, "another store", code="OCO_OTHER_STORE")


def test_all_reasons_are_listed_one_by_one_too(session):
    diary = session.run(script={1: lambda s: s.sell(size=NAN, price="x", valid="y")})
    codes = [problem.code for problem in diary.made[0].info.problems]
    assert codes == ["SIZE_INVALID", "PRICE_INVALID", "VALID_INVALID"]


def test_what_is_wrong_with_value_and_instrument_is_told_together(session):
    lots = session.store.instrument("A")._replace(lot=100.0, tick_size=0.5)
    session.store.instruments["A"] = lots
    given = {"size": 150, "price": 9.3, "exectype": bt.Order.Limit, "valid": "tomorrow"}
    diary = session.run(script={1: lambda s: s.buy(**given)})
    codes = {problem.code for problem in diary.made[0].info.problems}
    assert codes == {"VALID_INVALID", "SIZE_LOT", "PRICE_TICK"}


def test_rounding_is_done_where_it_is_asked_for_and_told():
    session = Session(new_store(checks={"size": "round", "price": "round"}))
    session.feed()
    session.bars(10, 11)
    lots = session.store.instrument("A")._replace(lot=100.0, tick_size=0.5)
    session.store.instruments["A"] = lots
    given = {"size": 150, "price": 9.3, "exectype": bt.Order.Limit}
    order = session.run(script={1: lambda s: s.buy(**given)}).made[0]
    assert (session.request(0).size, session.request(0).price) == (100, 9.0)
    assert (order.created.size, order.created.price) == (100, 9.0)
    assert order.executed.remsize == 100
    assert order.info.rounded == {"size": (150, 100), "price": (9.3, 9.0)}


def test_an_instrument_that_the_venue_does_not_know_is_refused():
    store = new_store()
    store.connect()
    request = OrderRequest("c1", "?", Side.BUY, 1.0, OrderType.MARKET)
    record = OrderRecord(request)
    assert store.order_create(record) is False
    assert (record.state, record.reason_code) == (OrderState.REJECTED, "INSTRUMENT_UNKNOWN")
    assert store.gateway.placed == []
