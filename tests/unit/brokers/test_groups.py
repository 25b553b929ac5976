"""Brackets and one-cancels-other groups."""

from __future__ import annotations

import backtrader as bt
import pytest

from btstores.errors import VenueRefused
from btstores.reports import OrderEvent, OrderType
from tests.support.session import Session

NAN = float("nan")
T = OrderType


@pytest.fixture
def session():
    session = Session()
    session.feed()
    session.bars(10, 11, 12)
    return session


def sent(session):
    """Return type and parent's number of each order that the venue got."""
    ids = [request.client_order_id for request in session.venue.placed]
    return [
        (r.order_type, None if r.parent_id is None else ids.index(r.parent_id))
        for r in session.venue.placed
    ]


def statuses(diary):
    return [diary.statuses_of(order) for order in diary.made]


def child(strategy, parent, exectype, price, transmit):
    return strategy.sell(size=5, price=price, exectype=exectype, parent=parent, transmit=transmit)


def parent_of(strategy, **options):
    return strategy.buy(size=5, price=9.0, exectype=bt.Order.Limit, **options)


@pytest.mark.parametrize(
    ("legs", "expected"),
    [
        ({"stopprice": 8.0, "limitprice": 12.0}, [(T.LIMIT, None), (T.STOP, 0), (T.LIMIT, 0)]),
        ({"stopprice": 8.0, "limitexec": None}, [(T.LIMIT, None), (T.STOP, 0)]),
        ({"limitprice": 12.0, "stopexec": None}, [(T.LIMIT, None), (T.LIMIT, 0)]),
    ],
    ids=["three", "parent and stop", "parent and limit"],
)
def test_a_bracket_is_sent_whole_with_its_parent_first(session, legs, expected):
    diary = session.run(
        script={1: lambda s: [o for o in s.buy_bracket(size=5, price=9.0, **legs) if o]}
    )
    assert sent(session) == expected
    assert statuses(diary) == [["Submitted"]] * len(expected)


def test_nothing_is_sent_before_the_last_order_of_the_group(session):
    counts = []

    def parts(strategy):
        parent = parent_of(strategy, transmit=False)
        stop = child(strategy, parent, bt.Order.Stop, 8.0, transmit=False)
        counts.append(len(session.venue.placed))
        limit = child(strategy, parent, bt.Order.Limit, 12.0, transmit=True)
        counts.append(len(session.venue.placed))
        return [parent, stop, limit]

    session.run(script={1: parts})
    assert counts == [0, 3]


def test_a_held_group_may_be_completed_at_a_later_bar(session):
    script = {
        1: lambda s: parent_of(s, transmit=False),
        3: lambda s: child(s, s.made[0], bt.Order.Stop, 8.0, transmit=True),
    }
    diary = session.run(script=script)
    assert sent(session) == [(T.LIMIT, None), (T.STOP, 0)]
    assert [told.bars for told in diary.told] == [3, 3]


def test_a_cancelled_child_is_left_out_of_its_group(session):
    def parts(strategy):
        parent = parent_of(strategy, transmit=False)
        stop = child(strategy, parent, bt.Order.Stop, 8.0, transmit=False)
        strategy.cancel(stop.clone())  # strategies often have only the copy they were told
        limit = child(strategy, parent, bt.Order.Limit, 12.0, transmit=True)
        return [parent, stop, limit]

    diary = session.run(script={1: parts})
    assert sent(session) == [(T.LIMIT, None), (T.LIMIT, 0)]
    assert statuses(diary) == [["Submitted"], ["Canceled"], ["Submitted"]]
    assert diary.made[1].status == bt.Order.Canceled
    assert session.venue.cancelled == []


def test_a_cancelled_parent_takes_its_held_children_with_it(session):
    def parts(strategy):
        parent = parent_of(strategy, transmit=False)
        stop = child(strategy, parent, bt.Order.Stop, 8.0, transmit=False)
        strategy.cancel(parent)
        limit = child(strategy, parent, bt.Order.Limit, 12.0, transmit=True)
        return [parent, stop, limit]

    diary = session.run(script={1: parts})
    assert session.venue.placed == []
    assert statuses(diary) == [["Canceled"], ["Canceled"], ["Rejected"]]
    assert diary.made[2].info.reason_code == "PARENT_GONE"


@pytest.mark.parametrize("leg", ["stopprice", "limitprice", "price"])
def test_a_bracket_with_a_senseless_leg_is_refused_whole(session, leg):
    prices = {"price": 9.0, "stopprice": 8.0, "limitprice": 12.0, leg: NAN}
    diary = session.run(script={1: lambda s: list(s.buy_bracket(size=5, **prices))})
    assert session.venue.placed == []
    assert statuses(diary) == [["Rejected"]] * 3
    assert session.broker.get_orders_open() == []
    reasons = {order.info.reason_code for order in diary.made}
    assert reasons <= {"PRICE_INVALID", "BRACKET_INVALID", "PARENT_GONE"}


def test_children_of_a_live_parent_are_held_and_sent_together(session):
    def children(strategy):
        parent = strategy.made[0]
        return [
            child(strategy, parent, bt.Order.Stop, 8.0, transmit=False),
            child(strategy, parent, bt.Order.Limit, 12.0, transmit=True),
        ]

    session.accept(61)
    diary = session.run(script={1: parent_of, 2: children})
    assert sent(session) == [(T.LIMIT, None), (T.STOP, 0), (T.LIMIT, 0)]
    assert statuses(diary)[1:] == [["Submitted"], ["Submitted"]]


def test_children_held_while_their_parent_ends_are_refused(session):
    script = {
        1: parent_of,
        2: lambda s: child(s, s.made[0], bt.Order.Stop, 8.0, transmit=False),
        3: lambda s: child(s, s.made[0], bt.Order.Limit, 12.0, transmit=True),
    }
    session.order(130, OrderEvent.CANCELED)
    diary = session.run(script=script)
    assert len(session.venue.placed) == 1
    assert statuses(diary) == [["Submitted", "Canceled"], ["Rejected"], ["Rejected"]]
    assert diary.made[2].info.reason_code == "PARENT_GONE"


def test_a_bracket_that_the_venue_refuses_is_rejected_in_all_its_parts(session):
    session.venue.place_error = VenueRefused("no brackets today")
    diary = session.run(
        script={1: lambda s: list(s.buy_bracket(size=5, price=9.0, stopprice=8.0, limitprice=12.0))}
    )
    assert statuses(diary) == [["Submitted", "Rejected"]] * 3


def test_the_members_of_an_oco_group_name_the_first_one(session):
    def group(strategy):
        first = strategy.buy(size=5, price=9.0, exectype=bt.Order.Limit)
        second = strategy.buy(size=5, price=12.0, exectype=bt.Order.Stop, oco=first)
        third = strategy.sell(size=5, price=8.0, exectype=bt.Order.Stop, oco=first)
        return [first, second, third]

    session.run(script={1: group})
    first, second, third = session.venue.placed
    assert first.oco_id is None
    assert second.oco_id == third.oco_id == first.client_order_id


def test_the_venues_cancel_of_the_other_leg_is_told(session):
    session.fill(61, 0)
    session.fill(62, 2)
    session.order(63, OrderEvent.CANCELED, 1)
    diary = session.run(
        script={1: lambda s: list(s.buy_bracket(size=5, price=9.0, stopprice=8.0, limitprice=12.0))}
    )
    assert statuses(diary) == [
        ["Submitted", "Completed"],
        ["Submitted", "Canceled"],
        ["Submitted", "Completed"],
    ]
    assert diary.trades[-1][2], "the trade is closed"
    assert not diary.position.size
