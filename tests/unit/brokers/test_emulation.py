"""What a venue lacks, done by the core: as a strategy sees it, and what the venue gets."""

from __future__ import annotations

import dataclasses
import datetime

import backtrader as bt
import pytest

from btstores.clock import SimulatedClock
from btstores.errors import VenueRefused
from btstores.journal.base import MemoryJournal
from btstores.markets import MarketConfig, MarketType, Sessions
from btstores.reports import (
    FillReport,
    MassStatus,
    OrderEvent,
    OrderReport,
    OrderType,
    Quote,
    Side,
    Tick,
    TimeInForce,
)
from btstores.stores.gateway import RateLimit
from tests.support.session import SECOND, Session, bar
from tests.support.venue import T0, ScriptedStore, new_store

BARE = dataclasses.replace(
    ScriptedStore.capabilities,
    order_types=frozenset({OrderType.MARKET, OrderType.LIMIT}),
    bracket=False,
    oco=False,
    tifs=frozenset({TimeInForce.GTC}),
    modify=frozenset(),
    ticks=False,
    quotes=False,
)


class BareStore(ScriptedStore):
    """A venue that takes market and limit orders and can do nothing else."""

    name = "bare"
    capabilities = BARE


def session_on(modify=(), **params):
    store = BareStore(account=new_store().params.account + " bare", **params)
    store.capabilities = dataclasses.replace(BARE, modify=frozenset(modify))
    session = Session(store)
    session.feed()
    return session


@pytest.fixture
def session():
    return session_on()


def wire(session):
    """Return what the venue got: type, side, size, price."""
    return [(r.order_type.value, r.side.value, r.size, r.price) for r in session.venue.placed]


def statuses(diary):
    return [diary.statuses_of(order) for order in diary.made]


def stop(price=9.0, size=5, **more):
    return lambda s: s.sell(size=size, price=price, exectype=bt.Order.Stop, **more)


# Stops


def test_a_stop_waits_here_and_goes_out_as_a_market_order_when_the_price_touches_it(session):
    session.bars(10, 10, 9.4, 9)
    session.fill(185, price=8.9)
    diary = session.run(script={1: stop()})
    assert wire(session) == [("Market", "sell", 5, None)]
    order = diary.made[0]
    assert session.request(0).client_order_id == order.info.client_order_id
    assert statuses(diary) == [["Submitted", "Accepted", "Completed"]]
    assert order.info.emulated is True
    assert order.triggered
    assert order.executed.price == 8.9


def test_nothing_is_sent_while_the_price_stays_away(session):
    session.bars(10, 10, 11, 9.6)
    diary = session.run(script={1: stop()})
    assert wire(session) == []
    assert statuses(diary) == [["Submitted", "Accepted"]]


def test_a_bar_that_opens_beyond_a_stop_triggers_it(session):
    session.bars(10, 7)
    session.run(script={1: stop()})
    assert wire(session) == [("Market", "sell", 5, None)]


def test_a_bar_that_had_begun_counts_by_its_close_alone(session):
    session.bars(10, 10, 10)
    session.bar(4, 10)
    session.accept(61)
    session.fill(90, size=5, price=10.0)  # the exits are made within the second minute
    sent = []
    session.at(125, lambda: sent.append(len(session.venue.placed)))
    session.run(
        script={
            1: lambda s: list(s.buy_bracket(size=5, price=10, stopprice=9.5, limitexec=None))[:2]
        }
    )
    assert sent == [1], "all bars have a low of 9.5, but the second one's may be from before"
    assert wire(session)[1] == ("Market", "sell", 5, None)


@pytest.mark.parametrize(
    ("exectype", "given", "sent"),
    [
        (bt.Order.Stop, {"price": 11.0}, ("Market", "buy", 5, None)),
        (bt.Order.StopLimit, {"price": 11.0, "plimit": 11.2}, ("Limit", "buy", 5, 11.2)),
        (bt.Order.StopTrail, {"trailamount": 1.0}, ("Market", "buy", 5, None)),
        (bt.Order.StopTrail, {"trailpercent": 0.05}, ("Market", "buy", 5, None)),
        (
            bt.Order.StopTrailLimit,
            {"price": 10.0, "plimit": 10.5, "trailamount": 1.0},
            ("Limit", "buy", 5, 11.0),  # the stop from the low of 9.5, and half above it
        ),
    ],
    ids=["stop", "stop-limit", "trail by amount", "trail by percent", "trailing limit"],
)
def test_every_kind_of_stop_is_triggered_and_sent_as_what_is_left_of_it(
    session, exectype, given, sent
):
    session.bars(10, 10, 11, 11)
    session.run(script={1: lambda s: s.buy(size=5, exectype=exectype, **given)})
    assert wire(session) == [sent]


def test_a_trailing_stop_follows_the_best_price_since_it_was_made(session):
    session.bars(10, 12, 14, 13.6, 13)
    trail = {"exectype": bt.Order.StopTrail, "trailamount": 1.0}
    diary = session.run(script={1: lambda s: s.sell(size=5, **trail)})
    # Best was the high of 14.5: touched at 13.5, by the low of 13.1 in the fourth minute.
    assert wire(session) == [("Market", "sell", 5, None)]
    assert session.store.clock.time_ns() >= T0 + 240 * SECOND
    assert diary.made[0].created.price == 13.5


def test_ticks_trigger_where_the_venue_has_them():
    session = session_on()
    session.store.capabilities = dataclasses.replace(session.store.capabilities, ticks=True)
    session.bars(10, 8)
    session.say(90, Tick("A", T0 + 90 * SECOND, 9.1), Tick("A", T0 + 91 * SECOND, 8.9))
    session.fill(95, price=8.9)
    diary = session.run(script={1: stop()})
    assert [told.bars for told in diary.told if told.status == "Completed"] == [1]


def test_quotes_trigger_a_sell_by_the_bid_and_a_buy_by_the_ask():
    session = session_on(trigger_on="quotes")
    session.store.capabilities = dataclasses.replace(session.store.capabilities, quotes=True)
    session.bars(10, 10)
    session.say(
        90,
        Quote("A", T0, bid=9.05, ask=9.5),
        Quote("A", T0, bid=None, ask=11.0),
        Quote("A", T0, bid=9.0, ask=None),
    )

    def both(s):
        return [stop()(s), s.buy(size=2, price=11.0, exectype=bt.Order.Stop)]

    session.run(script={1: both})
    assert wire(session) == [("Market", "buy", 2, None), ("Market", "sell", 5, None)]


def test_prices_that_nobody_gives_refuse_the_stop():
    session = session_on(trigger_on="ticks")
    session.bars(10, 10)
    diary = session.run(script={1: stop()})
    assert statuses(diary) == [["Rejected"]]
    assert diary.made[0].info.reason_code == "NO_TRIGGER_DATA"


def test_a_stop_that_waits_is_cancelled_without_the_venue(session):
    session.bars(10, 10, 8)
    diary = session.run(script={1: stop(), 2: lambda s: s.cancel(s.made[0])})
    assert statuses(diary) == [["Submitted", "Accepted", "Canceled"]]
    assert (wire(session), session.venue.cancelled) == ([], [])


def test_a_stop_that_waits_is_changed_without_the_venue(session):
    session.bars(10, 10, 8.6, 8)
    changes = {"price": 8.0, "size": 3}
    diary = session.run(
        script={1: stop(), 2: lambda s: s.broker.modify(s.made[0], **changes) and None}
    )
    assert statuses(diary)[0][:3] == ["Submitted", "Accepted", "Accepted"]
    assert (diary.made[0].created.price, diary.made[0].created.size) == (8.0, -3)
    assert wire(session) == [("Market", "sell", 3, None)]


def test_a_triggered_stop_that_the_venue_refuses_is_rejected(session):
    session.venue.place_error = VenueRefused("halted", "H1")
    session.bars(10, 8)
    diary = session.run(script={1: stop()})
    assert statuses(diary) == [["Submitted", "Accepted", "Rejected"]]
    assert diary.made[0].info.reason_code == "H1"


def test_a_triggered_stop_that_never_arrived_goes_out_again(session):
    session.venue.place_error = TimeoutError("no answer")
    session.at(121, lambda: setattr(session.venue, "place_error", None))
    session.bars(10, 8, 8)
    unknown = []
    session.at(122, lambda: unknown.append(diary_of(session).made[0].info.outcome_unknown))
    diary = session.run(script={1: stop()})
    assert unknown == [True]
    assert "Canceled" not in statuses(diary)[0]
    assert diary.made[0].alive()
    sent = session.venue.placed[0]  # and again: the venue knows nothing of that either
    assert sent.client_order_id != diary.made[0].info.client_order_id


def diary_of(session):
    return session.cerebro.runningstrats[0]


def test_a_stop_is_triggered_once(session):
    session.bars(10, 8, 7, 8, 7)
    session.run(script={1: stop()})
    assert len(session.venue.placed) == 1


# Brackets

LEGS = {"price": 10.0, "stopprice": 9.0, "limitprice": 12.0}


def bracket(strategy):
    return list(strategy.buy_bracket(size=10, **LEGS))


def test_the_exits_wait_until_the_entry_is_filled(session):
    session.bars(10, 10, 10)
    session.accept(61)
    session.fill(125, price=10.0)
    diary = session.run(script={1: bracket})
    assert wire(session) == [("Limit", "buy", 10, 10.0), ("Limit", "sell", 10, 12.0)]
    assert statuses(diary) == [
        ["Submitted", "Accepted", "Completed"],
        ["Submitted", "Accepted"],
        ["Submitted", "Accepted"],
    ]
    assert [order.info.emulated for order in diary.made] == [False, True, True]
    assert session.request(0).parent_id is session.request(1).parent_id is None


def test_the_target_ends_the_stop(session):
    session.bars(10, 10, 10, 8)
    session.fill(65, price=10.0)
    session.fill(130, 1, price=12.0)
    diary = session.run(script={1: bracket})
    assert len(session.venue.placed) == 2, "no stop after the target"
    assert statuses(diary)[1:] == [
        ["Submitted", "Accepted", "Canceled"],
        ["Submitted", "Accepted", "Completed"],
    ]
    assert diary.made[1].info.reason_code == "RELATED"
    assert diary.trades[-1][2]


def test_the_stop_ends_the_target(session):
    session.bars(10, 10, 8)
    session.fill(65, price=10.0)
    session.fill(185, 2, price=8.4)
    session.order(186, OrderEvent.CANCELED, 1)
    diary = session.run(script={1: bracket})
    assert wire(session)[2] == ("Market", "sell", 10, None)
    assert session.venue.cancelled == [session.request(1).client_order_id]
    assert statuses(diary)[1:] == [
        ["Submitted", "Accepted", "Completed"],
        ["Submitted", "Accepted", "Canceled"],
    ]


def test_exits_follow_the_parts_of_the_entry():
    session = session_on(modify=["size"])
    session.bars(10, 10, 8)
    session.fill(65, size=4)
    session.accept(66, 1)
    session.fill(125, size=3)
    session.order(126, OrderEvent.MODIFIED, 1, size=7.0)
    diary = session.run(script={1: bracket})
    assert wire(session)[1] == ("Limit", "sell", 4, 12.0)
    assert [change.size for change in session.venue.modified] == [7]
    assert wire(session)[2] == ("Market", "sell", 7, None), "the stop closes what is open"
    assert diary.made[2].created.size == -10, "as long as the entry may open more"


def test_where_changes_are_few_an_exit_gathers_the_parts_of_its_entry():
    session = session_on(modify=["size"])
    rates = (RateLimit(frozenset({"cancel", "modify"}), 20, 30.0),)
    session.store.capabilities = dataclasses.replace(session.store.capabilities, rates=rates)
    session.bars(10, 10, 10)
    session.fill(65, size=2)
    session.accept(65.1, 1)
    for second in (66, 66.5, 67, 68.5):
        session.fill(second, size=1)
    for second in (66.1, 69.1, 70.6):
        session.at(second, lambda: confirm_sizes(session))
    session.fill(70.5, size=4)
    session.run(script={1: bracket})
    assert [change.size for change in session.venue.modified] == [3, 6, 10]


def confirm_sizes(session):
    change = session.venue.modified[-1]
    event = OrderReport(
        OrderEvent.MODIFIED, session.clock.time_ns(), change.client_order_id, size=change.size
    )
    session.store.put(event)


def test_where_the_venue_cannot_change_a_size_the_exit_is_replaced(session):
    session.bars(10, 10, 10)
    session.fill(65, size=4)
    session.accept(66, 1)
    session.fill(125, size=6)
    session.order(130, OrderEvent.CANCELED, 1)
    session.fill(140, 2, size=10, price=12.0)
    diary = session.run(script={1: bracket})
    first, second = session.request(1), session.request(2)
    assert wire(session)[1:] == [("Limit", "sell", 4, 12.0), ("Limit", "sell", 10, 12.0)]
    assert first.client_order_id == diary.made[2].info.client_order_id != second.client_order_id
    assert session.venue.cancelled == [first.client_order_id]
    assert statuses(diary)[2] == ["Submitted", "Accepted", "Completed"]
    assert not diary.position.size


def test_a_fill_that_is_faster_than_the_replacement_counts(session):
    session.bars(10, 10, 10)
    session.fill(65, size=4)
    session.accept(66, 1)
    session.fill(125, size=6)
    session.fill(130, 1, size=1, price=12.0)
    session.order(131, OrderEvent.CANCELED, 1)
    session.run(script={1: bracket})
    assert wire(session)[2] == ("Limit", "sell", 9, 12.0)


def test_a_cancelled_entry_ends_its_exits(session):
    session.bars(10, 10, 10)
    session.accept(61)
    session.order(130, OrderEvent.CANCELED)
    diary = session.run(script={1: bracket, 2: lambda s: s.cancel(s.made[0])})
    assert [each[-1] for each in statuses(diary)] == ["Canceled"] * 3
    assert len(session.venue.placed) == 1


@pytest.mark.parametrize(
    ("event", "last"), [(OrderEvent.REJECTED, "Rejected"), (OrderEvent.MARGIN, "Margin")]
)
def test_a_refused_entry_ends_its_exits(session, event, last):
    session.bars(10, 10)
    session.order(65, event)
    diary = session.run(script={1: bracket})
    assert [each[-1] for each in statuses(diary)] == [last, "Canceled", "Canceled"]


def test_an_entry_that_is_cancelled_half_filled_leaves_exits_for_the_half(session):
    session.bars(10, 10, 10, 8)
    session.fill(65, size=4)
    session.order(130, OrderEvent.CANCELED)
    diary = session.run(script={1: bracket, 2: lambda s: s.cancel(s.made[0])})
    assert [order.created.size for order in diary.made[1:]] == [-4, -4]
    assert wire(session)[1:] == [("Limit", "sell", 4, 12.0), ("Market", "sell", 4, None)]


def test_a_partly_filled_target_shrinks_the_stop(session):
    session.bars(10, 10, 10, 8)
    session.fill(65)
    session.accept(66, 1)
    session.fill(130, 1, size=6, price=12.0)
    diary = session.run(script={1: bracket})
    assert wire(session)[2] == ("Market", "sell", 4, None)
    assert diary.made[1].created.size == -4


def test_three_exits_share_what_the_entry_has_opened(session):
    def scale_out(s):
        parent = s.buy(size=10, price=10.0, exectype=bt.Order.Limit, transmit=False)
        leg = {"parent": parent, "exectype": bt.Order.Limit, "transmit": False}
        first = s.sell(size=5, price=11.0, **leg)
        second = s.sell(size=5, price=12.0, **leg)
        last = s.sell(size=10, price=9.0, parent=parent, exectype=bt.Order.Stop)
        return [parent, first, second, last]

    session.bars(10, 10, 10, 8)
    session.fill(65)
    session.fill(130, 1, price=11.0)
    session.order(245, OrderEvent.CANCELED, 2)
    session.fill(246, 3, price=8.5)
    diary = session.run(script={1: scale_out})
    assert wire(session) == [
        ("Limit", "buy", 10, 10.0),
        ("Limit", "sell", 5, 11.0),
        ("Limit", "sell", 5, 12.0),
        ("Market", "sell", 5, None),
    ]
    assert [each[-1] for each in statuses(diary)] == ["Completed"] * 2 + ["Canceled", "Completed"]
    assert not diary.position.size


def test_a_stop_of_a_bracket_may_trail_from_where_the_entry_was_filled(session):
    def trailing(s):
        args = {"trailamount": 1.0}
        return list(
            s.buy_bracket(
                size=10, price=10.0, limitprice=14.0, stopexec=bt.Order.StopTrail, stopargs=args
            )
        )

    session.bars(10, 10, 12, 11.4)
    session.fill(65, price=10.0)
    diary = session.run(script={1: trailing})
    assert wire(session)[2] == ("Market", "sell", 10, None)
    assert diary.made[1].created.price == 11.5, "the high of 12.5 less one"


def test_when_stop_and_target_are_both_filled_the_surplus_is_named(session):
    session.bars(10, 10, 8, 8)
    session.fill(65)
    session.fill(185, 2, price=8.4)  # the stop
    session.fill(186, 1, price=12.0)  # and the target, before its cancel arrived
    diary = session.run(script={1: bracket})
    assert diary.position.size == -10
    told = [args for msg, args in diary.news if msg == "surplus"]
    assert [(symbol, size) for symbol, size, _ in told] == [("A", -10)]
    assert told[0][2].ref == diary.made[2].ref
    assert diary.made[2].info.reason_code == "SURPLUS"
    assert statuses(diary)[2][-1] == "Completed"


def test_a_late_fill_of_a_cancelled_entry_is_named_when_no_exit_is_left(session):
    session.bars(10, 10, 10)
    session.accept(61)
    session.order(130, OrderEvent.CANCELED)
    session.fill(140, size=3)
    diary = session.run(script={1: bracket, 2: lambda s: s.cancel(s.made[0])})
    told = [args[:2] for msg, args in diary.news if msg == "bracket without exits"]
    assert told == [("A", 3)]


def test_an_exit_that_the_venue_refuses_leaves_the_other_one_at_work(session):
    session.bars(10, 10, 8)
    session.fill(65)
    session.order(70, OrderEvent.REJECTED, 1, reason="no")
    diary = session.run(script={1: bracket})
    assert statuses(diary)[2][-1] == "Rejected"
    assert wire(session)[2] == ("Market", "sell", 10, None), "the stop is still there"


def test_exits_on_the_wrong_side_are_refused_before_anything_is_sent(session):
    session.bars(10, 10)
    wrong = {"price": 10.0, "stopprice": 10.5, "limitprice": 9.5}
    diary = session.run(script={1: lambda s: list(s.buy_bracket(size=1, **wrong))})
    assert [order.info.reason_code for order in diary.made] == [
        "BRACKET_INVALID",
        "PRICE_SIDE",
        "PRICE_SIDE",
    ]
    assert statuses(diary) == [["Rejected"]] * 3
    assert wire(session) == []


# OCO


def oco(strategy):
    first = strategy.buy(size=5, price=9.0, exectype=bt.Order.Limit)
    second = strategy.sell(size=5, price=11.5, exectype=bt.Order.Limit, oco=first)
    return [first, second]


def test_of_two_orders_one_is_filled_and_the_other_cancelled(session):
    session.bars(10, 10, 10)
    session.accept(61)
    session.accept(61, 1)
    session.fill(125, 1, price=11.5)
    session.order(130, OrderEvent.CANCELED, 0)
    diary = session.run(script={1: oco})
    assert session.venue.cancelled == [session.request(0).client_order_id]
    assert [each[-1] for each in statuses(diary)] == ["Canceled", "Completed"]
    assert diary.made[0].info.reason_code == "RELATED"


@pytest.mark.parametrize("ending", [OrderEvent.CANCELED, OrderEvent.EXPIRED])
def test_the_end_of_one_ends_the_other(session, ending):
    session.bars(10, 10, 10)
    session.order(125, ending, 1)
    session.order(130, OrderEvent.CANCELED, 0)
    diary = session.run(script={1: oco})
    assert session.venue.cancelled == [session.request(0).client_order_id]
    assert statuses(diary)[0][-1] == "Canceled"


def test_a_part_of_one_shrinks_the_other():
    session = session_on(modify=["size"])
    session.bars(10, 10, 10)
    session.accept(61)
    session.accept(61, 1)
    session.fill(125, 1, size=2, price=11.5)
    diary = session.run(script={1: oco})
    assert [(c.client_order_id, c.size) for c in session.venue.modified] == [
        (session.request(0).client_order_id, 3)
    ]
    assert diary.made[0].created.size == 3


def test_an_oco_with_an_order_that_is_over_is_refused(session):
    session.bars(10, 10, 10)
    session.fill(65)
    script = {
        1: lambda s: s.buy(size=5),
        2: lambda s: s.sell(size=5, price=11.5, exectype=bt.Order.Limit, oco=s.made[0]),
    }
    diary = session.run(script=script)
    assert diary.made[1].info.reason_code == "OCO_GONE"


# Time


def test_an_order_expires_although_the_venue_knows_no_expiry(session):
    session.bars(10, 10, 10, 10)
    session.accept(61)
    session.order(190, OrderEvent.CANCELED)
    two_minutes = datetime.timedelta(minutes=2)
    diary = session.run(
        script={
            1: lambda s: s.buy(size=5, price=9.0, exectype=bt.Order.Limit, valid=two_minutes),
        }
    )
    request = session.request(0)
    assert (request.tif, request.expire_ns) == (TimeInForce.GTC, None)
    assert session.venue.cancelled == [request.client_order_id]
    assert statuses(diary) == [["Submitted", "Accepted", "Expired"]]
    assert diary.made[0].info.emulated


def test_a_stop_that_waits_expires_without_the_venue(session):
    session.bars(10, 10, 10, 8)
    diary = session.run(script={1: stop(valid=datetime.timedelta(minutes=2))})
    assert statuses(diary) == [["Submitted", "Accepted", "Expired"]]
    assert (wire(session), session.venue.cancelled) == ([], [])


def test_a_close_order_goes_out_shortly_before_the_session_ends():
    session = session_on(close_lead=10.0)
    session.feeds[0].p.sessionend = datetime.time(22, 20)
    session.bars(*[10.0] * 10)
    session.run(script={1: lambda s: s.buy(size=5, exectype=bt.Order.Close)})
    assert wire(session) == [("Market", "buy", 5, None)]
    # T0 is 22:14; the bar that asked for it ended at 22:15.
    assert session.store.book.find(session.request(0).client_order_id).triggered


def session_of_days():
    """Return a session at a venue that keeps orders for the day; its days end at 22:20."""
    hours = Sessions("UTC", (("22:00", "22:20"),), frozenset(range(7)))
    market = MarketConfig(MarketType.CRYPTO, sessions=hours)
    session = session_on(market=MarketType.CRYPTO, markets=[market])
    days = dataclasses.replace(BARE, tifs=frozenset({TimeInForce.DAY}))
    session.store.capabilities = days
    return session


DAY = 24 * 3600


@pytest.mark.parametrize("event", [OrderEvent.CANCELED, OrderEvent.EXPIRED])
def test_an_order_for_longer_than_a_day_goes_out_again_when_the_next_one_begins(event):
    session = session_of_days()
    session.bars(10, 10)
    session.accept(65)
    session.order(6.5 * 60, event)  # T0 is 22:14
    sent = []
    session.at(DAY - 15 * 60, lambda: sent.append(len(session.venue.placed)))
    session.accept(DAY - 13 * 60, 1)
    session.fill(DAY - 12 * 60, 1, price=9.0)
    limit = {"exectype": bt.Order.Limit, "price": 9.0}
    diary = session.run(script={1: lambda s: s.buy(size=5, **limit)})
    assert statuses(diary) == [["Submitted", "Accepted", "Completed"]]
    assert sent == [1], "the market is closed until 22:00"
    first, second = session.venue.placed
    assert first.tif is second.tif is TimeInForce.DAY
    assert first.client_order_id != second.client_order_id


def test_what_somebody_cancels_before_the_day_is_over_is_not_renewed():
    session = session_of_days()
    session.bars(10, 10)
    session.accept(65)
    session.order(5 * 60, OrderEvent.CANCELED)
    session.at(DAY, lambda: None)
    limit = {"exectype": bt.Order.Limit, "price": 9.0}
    diary = session.run(script={1: lambda s: s.buy(size=5, **limit)})
    assert statuses(diary) == [["Submitted", "Accepted", "Canceled"]]
    assert len(session.venue.placed) == 1


def test_an_order_that_may_be_renewed_is_changed_as_any_other():
    session = session_of_days()
    modify = frozenset({"size", "price"})
    can = dataclasses.replace(session.store.capabilities, modify=modify)
    session.store.capabilities = can
    session.bars(10, 10, 10)
    session.accept(65)
    session.order(130, OrderEvent.MODIFIED, size=7.0, price=9.2)
    seen = []
    session.at(129, lambda: seen.append(session.store.book.live()[0].request.size))
    limit = {"exectype": bt.Order.Limit, "price": 9.0}
    diary = session.run(
        script={
            1: lambda s: s.made.append(s.buy(size=5, **limit)),
            2: lambda s: s.broker.modify(s.made[0], size=7, price=9.2),
        }
    )
    assert [(change.size, change.price) for change in session.venue.modified] == [(7, 9.2)]
    assert seen == [5.0], "not before the venue says so"
    assert (diary.made[0].created.size, diary.made[0].created.price) == (7, 9.2)


def test_an_order_until_a_date_is_renewed_until_then():
    session = session_of_days()
    session.bars(10, 10)
    session.accept(65)
    session.order(6.5 * 60, OrderEvent.EXPIRED)
    session.accept(DAY - 13 * 60, 1)
    session.order(DAY - 10 * 60 + 60, OrderEvent.CANCELED, 1)
    until = datetime.timedelta(seconds=DAY - 10 * 60)
    limit = {"exectype": bt.Order.Limit, "price": 9.0, "valid": until}
    diary = session.run(script={1: lambda s: s.buy(size=5, **limit)})
    assert statuses(diary) == [["Submitted", "Accepted", "Expired"]]
    assert [request.tif for request in session.venue.placed] == [TimeInForce.DAY] * 2


def test_orders_that_do_not_outlive_the_day_are_left_to_the_venue():
    session = session_of_days()
    session.bars(10, 10)
    session.run(
        script={
            1: lambda s: [
                s.buy(size=5),
                s.buy(size=5, exectype=bt.Order.Limit, price=9.0, valid=bt.Order.DAY),
            ]
        }
    )
    assert not any(
        session.store.book.find(r.client_order_id).emulated for r in session.venue.placed
    )


# Links


def test_a_stop_that_is_triggered_while_the_link_is_down_goes_out_when_it_is_back(session):
    session.bars(10, 10)
    session.at(70, session.venue.break_link)
    session.at(71, lambda: session.store.put(bar(2, 8.0)))
    session.bar(10, 8.0)
    session.run(script={1: stop()})
    assert session.venue.connects == 2
    assert wire(session) == [("Market", "sell", 5, None)]


# What is used natively


def test_what_the_venue_has_is_left_to_it():
    session = Session()
    session.feed()
    session.bars(10, 8)
    diary = session.run(script={1: stop()})
    assert [request.order_type for request in session.venue.placed] == [OrderType.STOP]
    assert not diary.made[0].info.emulated


@pytest.mark.parametrize(
    ("emulate", "sent"),
    [
        (["Stop"], []),
        (["bracket"], [OrderType.STOP]),
        ("all", []),
        ((), [OrderType.STOP]),
    ],
)
def test_what_the_core_is_told_to_do_it_does(emulate, sent):
    session = Session(new_store(emulate=emulate))
    session.feed()
    session.bars(10, 10)
    session.run(script={1: stop()})
    assert [request.order_type for request in session.venue.placed] == sent


def test_a_bracket_with_a_leg_that_is_kept_here_is_kept_as_a_whole():
    session = Session(new_store(emulate=["Stop"]))
    session.feed()
    session.bars(10, 10)
    session.run(script={1: bracket})
    assert [(r.order_type, r.parent_id) for r in session.venue.placed] == [(OrderType.LIMIT, None)]


def test_more_exits_than_the_venue_takes_are_kept_here():
    session = Session()
    can = dataclasses.replace(session.store.capabilities, bracket_children=1)
    session.store.capabilities = can
    session.feed()
    session.bars(10, 10)
    session.run(script={1: bracket})
    assert len(session.venue.placed) == 1


def test_sides_of_wires_are_those_of_the_orders(session):
    session.bars(10, 10, 8)
    session.run(script={1: stop()})
    assert session.request(0).side is Side.SELL


# What has gone wrong before


def test_a_stop_that_waits_goes_on_in_the_next_run_of_the_store():
    session = session_on()
    session.bars(10, 10)
    session.run(script={1: stop()})
    assert wire(session) == []
    session.venue.bars["A"] = []
    session.cerebro.strats.clear()
    session.bar(20, 10.0)
    session.bar(21, 8.0)
    session.bar(22, 8.0)
    second = session.run()
    assert wire(session) == [("Market", "sell", 5, None)]
    assert len(second.bars) == 3, "the feed's own stream goes on when the stop needs it no more"


def test_the_limit_of_a_trailing_stop_is_on_the_grid_and_not_worse_than_asked():
    session = session_on()
    session.store.instruments["A"] = session.store.instrument("A")._replace(tick_size=0.05)
    trail = {"exectype": bt.Order.StopTrailLimit, "trailpercent": 0.013, "plimit": 9.95}
    session.bars(10, 10.5, 10, 10)
    session.run(script={1: lambda s: s.sell(size=5, price=10.0, **trail)})
    # From the open of 10.5 the stop is at 10.3635, and the limit 0.05 below it: 10.3135.
    assert [request.price for request in session.venue.placed] == [10.35]


def test_orders_kept_here_are_written_down_before_anything_else(tmp_path):
    journal = MemoryJournal(SimulatedClock(T0))
    session = session_on(journal=journal)
    session.bars(10, 8)
    session.run(script={1: stop(note=object())})
    kinds = [record.kind for record in journal.records()]
    assert kinds.index("kept") < kinds.index("leg") < kinds.index("intent")
    (kept,) = journal.records(kinds={"kept"})
    assert (kept.payload["order_type"], kept.payload["price"]) == ("Stop", 9.0)
    assert kept.payload["extras"] == {"note": "<object>"}


def test_a_stop_that_cannot_be_written_down_is_refused():
    journal = MemoryJournal(SimulatedClock(T0))
    session = session_on(journal=journal)
    session.bars(10, 8)

    def disk_full(s):
        journal.fail("disk full")
        return stop()(s)

    diary = session.run(script={1: disk_full})
    assert statuses(diary)[0][-1] == "Rejected"
    assert diary.made[0].info.reason_code == "JOURNAL"
    assert wire(session) == []
    assert session.broker.trading_state.value == "halted"


def test_a_day_order_goes_to_a_venue_that_knows_only_dates_as_one_until_a_date():
    session = session_on()
    can = dataclasses.replace(session.store.capabilities, tifs=frozenset({TimeInForce.GTD}))
    session.store.capabilities = can
    session.bars(10, 10)
    limit = {"price": 9.0, "exectype": bt.Order.Limit, "valid": bt.Order.DAY}
    diary = session.run(script={1: lambda s: s.buy(size=5, **limit)})
    assert session.request(0).tif is TimeInForce.GTD
    assert session.request(0).expire_ns is not None
    assert not diary.made[0].info.emulated


@pytest.mark.parametrize("name", ["reduce_only", "post_only", "iceberg"])
def test_what_an_order_asks_for_besides_is_refused_where_the_venue_lacks_it(session, name):
    session.bars(10, 10)
    diary = session.run(script={1: lambda s: s.buy(size=5, **{name: True})})
    assert diary.made[0].info.reason_code == "UNSUPPORTED"
    assert diary.made[0].info.reason == f"the venue has no {name} orders"


@pytest.mark.parametrize(
    ("tif", "valid"),
    [("GTC", datetime.timedelta(minutes=3)), ("DAY", datetime.timedelta(3)), ("IOC", 0)],
)
def test_a_tif_and_a_validity_that_contradict_each_other_are_refused(session, tif, valid):
    session.bars(10, 10)
    limit = {"price": 9.0, "exectype": bt.Order.Limit}
    diary = session.run(script={1: lambda s: s.buy(size=5, tif=tif, valid=valid, **limit)})
    assert diary.made[0].info.reason_code == "TIF_INVALID"


def test_a_change_that_succeeds_takes_the_reason_of_the_refused_one_along(session):
    session.bars(10, 10, 10)

    def change(**changes):
        return lambda s: [][: s.broker.modify(s.made[0], **changes)]

    diary = session.run(script={1: stop(), 2: change(price=-1), 3: change(price=8.5)})
    info = diary.made[0].info
    assert statuses(diary) == [["Submitted", "Accepted", "Accepted", "Accepted"]]
    assert (info.reason, info.reason_code, info.denied_by, info.problems) == (None,) * 3 + ((),)


def listed(session, *reports):
    """Let the venue list these orders and fills when it is asked for all."""
    orders = tuple(r for r in reports if isinstance(r, OrderReport))
    fills = tuple(r for r in reports if isinstance(r, FillReport))
    session.venue.status = MassStatus(0, orders=orders, fills=fills)


def test_a_finished_wire_in_a_mass_status_is_no_news_of_the_order(session):
    def come_back():
        entry, target = session.request(0), session.request(1)
        done = FillReport("F1@130", "A", Side.SELL, 4.0, 12.0, T0, target.client_order_id, "V1")
        listed(
            session,
            OrderReport(OrderEvent.ACCEPTED, T0, entry.client_order_id, "V0", size=10.0),
            OrderReport(OrderEvent.ACCEPTED, T0, target.client_order_id, "V1", size=4.0),
            done,
        )
        session.venue.break_link()

    session.bars(10, 10, 10, 10)
    session.fill(65, size=4)
    session.fill(130, 1, size=4, price=12.0)
    session.at(150, come_back)
    session.fill(200, size=6)
    diary = session.run(script={1: bracket})
    assert wire(session)[1:] == [("Limit", "sell", 4, 12.0), ("Limit", "sell", 6, 12.0)]
    assert diary.made[1].alive()
    assert diary.made[2].alive()


def test_a_cancel_without_an_answer_can_be_asked_for_again_and_is_by_itself():
    session = session_on()
    session.bars(10, 10, 10, 10)
    session.accept(61)
    day = {"valid": datetime.timedelta(days=2)}
    limit = {"price": 9.0, "exectype": bt.Order.Limit, **day}

    def cancel_in_vain(s):
        session.venue.cancel_error = TimeoutError("no answer")
        s.cancel(s.made[0])
        session.venue.cancel_error = None

    def listed():
        one = session.request(0)
        alive = OrderReport(OrderEvent.ACCEPTED, T0, one.client_order_id, "V0", request=one)
        session.venue.status = MassStatus(T0, (alive,))

    counts = []
    session.at(70, listed)
    session.at(120.5, lambda: counts.append(len(session.venue.cancelled)))
    session.at(130, lambda: counts.append(len(session.venue.cancelled)))
    diary = session.run(script={1: lambda s: s.buy(size=5, **limit), 2: cancel_in_vain})
    assert counts == [0, 1], "once more after a while"
    assert diary.made[0].alive()


def test_what_is_told_of_an_earlier_wire_by_its_venue_id_alone_ends_nothing(session):
    session.bars(10, 10, 10, 10)
    session.fill(65, size=4)
    session.accept(66, 1)
    session.fill(125, size=6)
    session.order(130, OrderEvent.CANCELED, 1)
    session.order(135, OrderEvent.ACCEPTED, 2)
    old = OrderReport(OrderEvent.CANCELED, T0, None, "V1")
    session.say(140, old)
    session.at(
        150,
        lambda: (
            session.cerebro.runningstrats[0]
            .made[2]
            .broker.cancel(session.cerebro.runningstrats[0].made[2])
        ),
    )
    diary = session.run(script={1: bracket})
    assert diary.made[1].alive()
    assert session.venue.cancelled[-1] == session.request(2).client_order_id
    record = session.store.book.find(diary.made[2].info.client_order_id)
    assert record.venue_order_id == "V2"


def test_a_journal_that_fails_does_not_keep_an_exit_from_being_sent():
    journal = MemoryJournal(SimulatedClock(T0))
    session = session_on(journal=journal)
    session.bars(10, 10, 8)
    session.at(70, lambda: journal.fail("disk full"))
    session.run(script={1: stop()})
    assert wire(session) == [("Market", "sell", 5, None)]


def test_where_nobody_may_be_short_a_stop_waits_until_its_target_has_made_room():
    session = session_on()
    can = dataclasses.replace(session.store.capabilities, short=False)
    session.store.capabilities = can
    session.bars(10, 10, 8, 8)
    session.fill(65)
    sent = []
    session.at(185, lambda: sent.append((len(session.venue.placed), len(session.venue.cancelled))))
    session.order(190, OrderEvent.CANCELED, 1)
    session.run(script={1: bracket})
    assert sent == [(2, 1)], "the target is cancelled first"
    assert wire(session)[2] == ("Market", "sell", 10, None)


@pytest.mark.parametrize("lacks", [{"short": False}, {"freezes": True}])
def test_a_stop_that_a_venue_has_is_kept_here_where_it_would_freeze_what_the_target_sells(lacks):
    session = session_on()
    session.store.capabilities = dataclasses.replace(
        BARE, order_types=BARE.order_types | {OrderType.STOP}, **lacks
    )
    session.bars(10, 10, 8, 8)
    session.fill(65)
    session.order(190, OrderEvent.CANCELED, 1)
    session.run(script={1: bracket})
    assert [kind for kind, *_ in wire(session)] == ["Limit", "Limit", "Market"]


def test_a_larger_exit_does_not_ask_for_more_than_is_open():
    session = session_on(modify=["size"])
    session.bars(10, 10, 10)
    session.fill(65, size=4)
    session.accept(66, 1)
    diary = session.run(script={1: bracket, 2: lambda s: [][: s.broker.modify(s.made[2], size=8)]})
    assert session.venue.modified == []
    assert diary.made[2].created.size == -8


def test_a_triggered_stop_limit_has_no_stop_to_be_moved():
    session = session_on(modify=["price"])
    session.bars(10, 8, 8, 8)
    stop_limit = {"price": 9.0, "plimit": 8.9, "exectype": bt.Order.StopLimit}
    session.accept(125)
    diary = session.run(
        script={
            1: lambda s: s.sell(size=5, **stop_limit),
            3: lambda s: [][: s.broker.modify(s.made[0], price=9.6)],
            4: lambda s: [][: s.broker.modify(s.made[0], plimit=8.5)],
        }
    )
    assert [change.price for change in session.venue.modified] == [8.5]
    assert diary.made[0].info.reason_code == "MODIFY_USELESS"


def test_a_stop_made_in_the_middle_of_a_bar_is_not_triggered_by_what_was_before(session):
    session.bars(10, 10, 10)
    session.fill(90, price=10.0)

    def protect(strategy, order):
        if order.status == order.Completed and order.isbuy():
            strategy.made.append(stop(9.6)(strategy))

    sent = []
    session.at(125, lambda: sent.append(len(session.venue.placed)))
    session.run(script={1: lambda s: s.buy(size=5)}, answer=protect)
    assert sent == [1], "the bar's low of 9.5 may be from before"
    assert len(session.venue.placed) == 2, "that of the next is not"


def test_a_half_filled_exit_may_change_its_price_where_nobody_may_be_short():
    session = session_on(modify=["price"])
    session.store.capabilities = dataclasses.replace(session.store.capabilities, short=False)
    session.bars(10, 10, 10, 10)
    session.fill(65)
    session.accept(125, 1)
    session.fill(126, 1, size=6, price=11.0)
    limit = {"price": 11.0, "exectype": bt.Order.Limit}
    session.run(
        script={
            1: lambda s: s.buy(size=10),
            2: lambda s: s.sell(size=10, **limit),
            3: lambda s: [][: s.broker.modify(s.made[1], price=10.8)],
        }
    )
    assert [change.price for change in session.venue.modified] == [10.8]


def test_an_exit_larger_than_its_entry_is_refused(session):
    def too_large(s):
        parent = s.buy(size=5, price=9.0, exectype=bt.Order.Limit, transmit=False)
        return [parent, s.sell(size=1000, price=11.0, exectype=bt.Order.Limit, parent=parent)]

    session.bars(10, 10)
    diary = session.run(script={1: too_large})
    assert [order.info.reason_code for order in diary.made] == ["BRACKET_INVALID", "SIZE_TOO_LARGE"]


def test_an_entry_that_ends_before_its_last_fill_arrives_keeps_its_exits(session):
    session.bars(10, 10, 10)
    session.order(130, OrderEvent.CANCELED, 0, filled=3.0)
    session.fill(140, size=3)
    diary = session.run(script={1: bracket})
    assert wire(session)[1] == ("Limit", "sell", 3, 12.0)
    assert [order.alive() for order in diary.made] == [False, True, True]


def test_an_oco_with_an_order_that_was_never_sent_is_refused(session):
    session.bars(10, 10)

    def refused_partner(s):
        first = s.buy(size=-1 * float("nan"), price=9.0, exectype=bt.Order.Limit)
        return [first, s.sell(size=5, price=11.0, exectype=bt.Order.Limit, oco=first)]

    diary = session.run(script={1: refused_partner})
    assert diary.made[1].info.reason_code == "OCO_GONE"
    assert wire(session) == []


def test_nothing_is_sent_after_the_log_out():
    session = session_on()
    session.bars(10, 10)
    session.fill(65, size=4)
    session.accept(66, 1)
    session.fill(119.9, size=6)
    session.run(script={1: bracket})
    placed = len(session.venue.placed)
    request = session.request(1)
    session.store.put(OrderReport(OrderEvent.CANCELED, T0, request.client_order_id, "V1"))
    session.store.process_events()
    assert len(session.venue.placed) == placed
