"""What the account holds already when a run begins."""

from __future__ import annotations

import backtrader as bt
import pytest

from btstores.reports import (
    FillReport,
    MassStatus,
    OrderEvent,
    OrderReport,
    OrderRequest,
    OrderType,
    PositionReport,
    Side,
)
from tests.support.session import Diary, Session


def session_holding(*positions, orders=(), fills=()):
    session = Session()
    session.venue.status = MassStatus(0, positions=positions, orders=orders, fills=fills)
    return session


@pytest.mark.parametrize(("size", "close"), [(5, 12.0), (-5, 8.0)])
def test_closing_an_adopted_position_closes_its_trade_and_opens_none(size, close):
    session = session_holding(PositionReport("A", size, 10.0))
    session.feed()
    session.bars(11, 11)
    session.fill(65, price=close)
    diary = session.run(script={1: lambda s: s.close()})
    assert diary.trades == [(size, 0.0, False), (0, 10.0, True)]
    assert not session.broker.getposition(diary.data).size


def test_an_adopted_position_is_known_before_the_first_bar():
    session = session_holding(PositionReport("A", 5, 10.0))
    session.feed()
    session.at(30, lambda: None)
    diary = session.run()
    assert diary.bars == []
    assert diary.trades == [(5, 0.0, False)]
    assert diary.position.size == 5
    assert diary.copies[0].info.adopted


def test_a_feed_without_bars_can_be_asked_what_its_position_is_worth():
    session = session_holding(PositionReport("B", 5, 10.0))
    session.feed("A")
    session.feed("B")
    session.bars(11)
    seen = []
    session.run(script={1: lambda s: seen.append(s.broker.getvalue([s.datas[1]]))})
    assert seen == [50.0]


def test_two_feeds_on_one_symbol_share_one_position_and_one_trade():
    session = session_holding(PositionReport("A", 5, 10.0))
    session.feed("A", name="one")
    session.feed("A", name="two")
    session.bars(11, 11)
    session.fill(65, price=12.0)
    diary = session.run(script={1: lambda s: s.close(data=s.datas[0])})
    assert diary.trades[0] == (5, 0.0, False)
    assert [session.broker.getposition(data).size for data in diary.datas] == [0, 0]
    assert len(list(session.broker.positions)) == 1


def test_a_second_run_adopts_what_the_first_one_left():
    session = Session()
    session.feed()
    session.bars(10, 10)
    session.fill(65)
    first = session.run(script={1: lambda s: s.buy(size=5)})
    assert first.position.size == 5
    session.venue.status = MassStatus(0, positions=(PositionReport("A", 5, 10.0),))
    session.cerebro.strats.clear()
    session.bar(10, 12.0)
    session.fill(605, 1, price=12.0)
    second = session.run(script={1: lambda s: s.close()})
    assert second.trades == [(5, 0.0, False), (0, 10.0, True)]


def test_a_position_that_the_venue_no_longer_has_is_gone_in_the_second_run():
    session = Session()
    session.feed()
    session.bars(10, 10)
    session.fill(65)
    assert session.run(script={1: lambda s: s.buy(size=5)}).position.size == 5
    session.cerebro.strats.clear()
    session.bar(10, 12.0)
    assert session.run().position.size == 0
    assert session.store.get_positions() == {}


def test_fills_that_the_reported_position_contains_are_not_counted_again():
    fill = FillReport("old", "A", Side.BUY, 5.0, 10.0, 0, "of an earlier run", "V9")
    session = session_holding(PositionReport("A", 5, 10.0), fills=(fill,))
    session.feed()
    session.bars(10)
    session.say(70, fill)
    diary = session.run()
    assert diary.position.size == 5


def test_a_live_order_of_an_earlier_run_is_shown_and_followed():
    request = OrderRequest("old", "A", Side.SELL, 5.0, OrderType.STOP_LIMIT, 9.0, 8.5)
    report = OrderReport(
        OrderEvent.ACCEPTED, 0, "old", "V9", request=request, filled=2.0, symbol="A"
    )
    session = session_holding(PositionReport("A", 3, 10.0), orders=(report,))
    session.feed()
    session.bars(10, 10)
    session.say(65, FillReport("f", "A", Side.SELL, 3.0, 9.0, 0, "old", "V9"))
    diary = session.run()
    sells = [copy for copy in diary.copies if copy.issell()]
    assert [copy.getstatusname() for copy in sells] == ["Partial", "Completed"]
    order = sells[0]
    assert order.exectype == bt.Order.StopLimit
    assert (order.created.price, order.created.pricelimit) == (9.0, 8.5)
    assert order.executed.remsize == -3
    assert order.info.foreign
    assert diary.trades == [(3, 0.0, False), (0, -3.0, True)]


def test_an_order_of_somebody_else_during_the_run_is_shown_too():
    request = OrderRequest("theirs", "A", Side.BUY, 5.0, OrderType.LIMIT, 9.0)
    session = Session()
    session.feed()
    session.bars(10, 10)
    session.say(65, OrderReport(OrderEvent.ACCEPTED, 0, "theirs", "V9", request=request))
    seen = []
    session.at(70, lambda: seen.extend(session.broker.get_orders_open()))
    diary = session.run()
    assert [told.status for told in diary.told] == ["Accepted"]
    assert [order.info.client_order_id for order in seen] == ["theirs"]


def test_an_adopted_order_can_be_cancelled():
    request = OrderRequest("theirs", "A", Side.BUY, 5.0, OrderType.LIMIT, 9.0)
    report = OrderReport(OrderEvent.ACCEPTED, 0, "theirs", "V9", request=request)
    session = session_holding(orders=(report,))
    session.feed()
    session.bars(10)
    session.run(script={1: lambda s: s.cancel(s.broker.get_orders_open()[0])})
    assert session.venue.cancelled == ["theirs"]


def test_nothing_is_adopted_where_nothing_is_held():
    session = session_holding(PositionReport("A", 0.0), PositionReport("Z", 7.0, 1.0))
    session.feed()
    session.bars(10)
    diary = session.run(Diary)
    assert diary.told == diary.trades == []


LIMIT = OrderRequest("old", "A", Side.BUY, 10.0, OrderType.LIMIT, price=9.0)


def test_what_was_executed_of_an_adopted_order_is_counted_once():
    session = session_holding(
        PositionReport("A", 4.0, 9.0),
        orders=(OrderReport(OrderEvent.ACCEPTED, 0, "old", "V9", filled=4.0, request=LIMIT),),
        fills=(FillReport("F", "A", Side.BUY, 4.0, 9.0, 0, "old", "V9"),),
    )
    session.feed()
    session.bars(10)
    diary = session.run()
    assert session.store.book.find("old").filled == 4
    assert diary.position.size == 4


def test_an_order_that_was_filled_between_two_runs_is_counted_once():
    session = Session()
    session.feed()
    session.bars(10, 10)
    session.accept(65)
    session.run(script={1: lambda s: s.buy(size=5, price=9.0, exectype=bt.Order.Limit)})
    fill = FillReport("F", "A", Side.BUY, 5.0, 9.0, 0, session.request(0).client_order_id, "V0")
    held = (PositionReport("A", 5.0, 9.0),)
    session.venue.status = MassStatus(0, positions=held, fills=(fill,))
    session.cerebro.strats.clear()
    session.bar(10, 12.0)
    assert session.run().position.size == 5


@pytest.mark.parametrize("left", [104.0, 0.0])
def test_a_fill_that_is_told_before_the_mass_status_is_in_it(left):
    session = session_holding(*[PositionReport("A", left, 9.0)][: bool(left)])
    connect = session.venue.connect

    def trading(put, timeout):
        connect(put, timeout)
        put(FillReport("F", "A", Side.BUY, 4.0, 9.0, 0, "somebody's", "V9"))

    session.venue.connect = trading
    session.feed()
    session.bars(10)
    assert session.run().position.size == left


def test_a_trailing_stop_is_adopted_without_knowing_where_it_started():
    trail = OrderRequest("old", "A", Side.SELL, 5.0, OrderType.STOP_TRAIL, trail_amount=1.0)
    session = session_holding(orders=(OrderReport(OrderEvent.ACCEPTED, 0, "old", request=trail),))
    session.feed()
    session.bars(10)
    adopted = session.run().copies[0]
    assert adopted.trailamount == 1.0
    assert adopted.created.price is None
