"""Orders that must not be sent: rejected with a reason, and nothing reaches the venue."""

from __future__ import annotations

import dataclasses

import backtrader as bt
import pytest

from btstores.reports import OrderType
from tests.support.session import Diary, Session, bar
from tests.support.traces import ListFeed
from tests.support.venue import new_store

NAN, INF = float("nan"), float("inf")


@pytest.fixture
def session():
    session = Session()
    session.feed()
    session.bars(10, 11)
    return session


def check_refused(session, diary, *fragments, code="INVALID"):
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
        *(("price", value) for value in (NAN, INF, -9.0, "9")),
        *(("plimit", value) for value in (NAN, -9.0, "9")),
        *(("trailamount", value) for value in (NAN, -1.0, "1")),
        *(("trailpercent", value) for value in (NAN, -0.1, "2%")),
        ("exectype", 99),
        ("exectype", "Limit"),
        *(("valid", value) for value in (NAN, INF, -1, "tomorrow", [])),
    ],
)
def test_a_senseless_value_is_refused_and_named(session, field, value):
    given = {"size": 5, "price": 9.0, "exectype": bt.Order.Limit, field: value}
    diary = session.run(script={1: lambda strategy: strategy.buy(**given)})
    check_refused(session, diary, f"{field}={value!r}: expected")


@pytest.mark.parametrize("size", [-INF, -5, 0, "5", None])
def test_a_size_that_a_strategy_could_not_even_ask_for_is_refused(session, size):
    diary = session.run(script={1: lambda s: s.broker.buy(s, s.data, size)})
    check_refused(session, diary, f"size={size!r}: expected a positive number")


def test_everything_that_is_wrong_is_told_at_once(session):
    diary = session.run(script={1: lambda s: s.sell(size=NAN, price="x", valid="y")})
    check_refused(session, diary, "size=nan", "price='x'", "valid='y'")


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
    check_refused(session, diary, "size=True: expected a positive number")


def test_an_order_on_a_feed_that_shows_the_past_is_refused(session):
    session.venue.bars["A"] = [bar(-1), bar(0)]
    diary = session.run(script={1: lambda s: s.buy(size=5)})
    check_refused(session, diary, "A is DELAYED, not LIVE", code="NOT_LIVE")


def test_orders_on_history_may_be_wanted(session):
    session.venue.bars["A"] = [bar(-1), bar(0)]
    session.broker.p.trade_history = True
    session.run(script={1: lambda s: s.buy(size=5)})
    assert len(session.venue.placed) == 1


def oco(strategy):
    first = strategy.buy(size=5, price=9.0, exectype=bt.Order.Limit)
    return strategy.buy(size=5, price=8.0, exectype=bt.Order.Limit, oco=first)


@pytest.mark.parametrize(
    ("lacking", "order", "what"),
    [
        ({"order_types": frozenset()}, lambda s: s.buy(size=5), "Market orders"),
        ({"expiry": False}, lambda s: s.buy(size=5, valid=0), "orders that expire"),
        ({"oco": False}, oco, "OCO orders"),
        (
            {"bracket": False},
            lambda s: s.buy_bracket(size=5, price=9.0, stopprice=8.0, limitprice=11.0)[1],
            "brackets",
        ),
    ],
    ids=["type", "expiry", "oco", "bracket"],
)
def test_what_the_venue_lacks_is_refused_and_never_something_else(session, lacking, order, what):
    session.store.capabilities = dataclasses.replace(session.store.capabilities, **lacking)
    diary = session.run(script={1: order})
    refused = diary.made[0]
    assert diary.statuses_of(refused) == ["Rejected"]
    assert refused.info.reason_code == "UNSUPPORTED"
    assert refused.info.reason == f"the venue has no {what}"
    assert all(request.oco_id is request.parent_id is None for request in session.venue.placed)
    assert len(session.venue.placed) == (what == "OCO orders"), "but the first of the OCO group"
