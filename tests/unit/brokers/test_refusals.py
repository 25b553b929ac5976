"""Orders that must not be sent: rejected with a reason, and nothing reaches the venue."""

from __future__ import annotations

import datetime

import backtrader as bt
import pytest

from btstores.brokers.convert import problems_of, problems_of_valid
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


def check_refused(session, diary, *fragments, orders=1):
    assert session.venue.placed == []
    assert [told.status for told in diary.told] == ["Rejected"] * orders
    order = diary.made[0]
    assert not order.alive()
    assert order.info.reason_code == "INVALID"
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
    check_refused(session, diary, "B has no bar yet")


def test_an_order_for_a_feed_of_another_store_is_refused(session):
    other = new_store()
    other.gateway.bars["B"] = [bar(0, symbol="B")]
    feed = other.getdata(dataname="B", timeframe=bt.TimeFrame.Minutes, historical=True)
    session.cerebro.adddata(feed)
    diary = session.run(script={2: lambda s: s.buy(data=s.datas[1], size=5)})
    check_refused(session, diary, "B is a feed of another store than scripted")
    assert other.gateway.placed == []


def test_an_order_for_a_feed_of_backtrader_is_refused_and_told(session):
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.adddata(ListFeed(bars=[bar(1), bar(2)], timeframe=bt.TimeFrame.Minutes, name="B"))
    cerebro.setbroker(session.broker)
    cerebro.addstrategy(Diary, script={1: lambda s: s.buy(size=5)})
    diary = cerebro.run(runonce=False)[0]
    check_refused(session, diary, "B is a feed of another store than scripted")


@pytest.mark.parametrize("value", [1, 1.5, 10**9])
def test_plain_numbers_are_fine(value):
    assert problems_of(value, value, value, value, value, bt.Order.Stop) == []
    assert problems_of(value, None, None, None, None, None) == []


@pytest.mark.parametrize(
    "valid",
    [
        None,
        0,
        738000.5,
        datetime.date(2030, 1, 1),
        datetime.datetime(2030, 1, 1, 12),
        datetime.timedelta(days=3),
        bt.Order.DAY,
    ],
)
def test_every_documented_validity_is_fine(valid):
    assert problems_of_valid(valid) == []


def test_true_is_no_number():
    assert problems_of(True, None, None, None, None, None) == [
        "size=True: expected a positive number"
    ]
