"""The life of an order as a strategy sees it."""

from __future__ import annotations

import dataclasses

import backtrader as bt
import pytest

from btstores.errors import UsageError, VenueRefused
from btstores.reports import FillReport, MassStatus, OrderEvent, OrderReport, OrderType, Side
from tests.support.session import Diary, Session
from tests.support.venue import T0

BUY = {1: lambda strategy: strategy.buy(size=5)}
LIMIT = {1: lambda s: s.buy(size=5, price=9.0, exectype=bt.Order.Limit)}


@pytest.fixture
def session():
    session = Session()
    session.feed()
    session.bars(10, 11, 12)
    return session


def statuses(diary):
    return [told.status for told in diary.told]


def test_submitted_accepted_partial_and_completed_are_each_told_once(session):
    session.accept(61)
    session.fill(62, size=2, price=10.0)
    session.fill(63, size=3, price=11.0)
    diary = session.run(script=BUY)
    assert statuses(diary) == ["Submitted", "Accepted", "Partial", "Completed"]
    assert [(told.filled, told.remaining) for told in diary.told[1:]] == [(0, 5), (2, 3), (5, 0)]
    assert diary.copies[-1].executed.price == pytest.approx(10.6)
    assert session.broker.getposition(diary.data).size == 5
    assert session.broker.getposition(diary.data).price == pytest.approx(10.6)


def test_an_order_is_told_although_no_bar_comes():
    session = Session()
    session.feed()
    session.bar(1)
    session.accept(61)
    session.fill(3600)
    diary = session.run(script=BUY)
    assert [(told.status, told.bars) for told in diary.told] == [
        ("Submitted", 1),
        ("Accepted", 1),
        ("Completed", 1),
    ]
    assert len(diary.bars) == 1


def test_every_notification_shows_the_executions_since_the_last_one(session):
    session.fill(61, size=2)
    session.fill(62, size=1)
    session.fill(63, size=2)
    diary = session.run(script=BUY)
    new = [[bit.size for bit in copy.executed.iterpending()] for copy in diary.copies]
    assert new == [[], [2], [1], [2]]


def test_a_stray_clone_does_not_make_a_trade_miss_a_fill(session):
    session.fill(61, size=2)
    session.fill(62, size=3)
    session.fill(130, 1)

    def look(strategy, order):
        order.clone()
        for made in strategy.made:
            made.clone()
        strategy.broker.get_orders_open(safe=True)

    script = {**BUY, 2: lambda strategy: strategy.close()}
    diary = session.run(script=script, answer=look)
    assert diary.trades == [(2, 0.0, False), (0, 0.0, True)]
    assert not diary.position.size


def test_profit_and_commission_reach_the_trade(session):
    session.fill(61, price=10.0, commission=1.5)
    session.fill(121, 1, price=12.0, commission=0.5)
    closed = []

    class Own(Diary):
        def notify_trade(self, trade):
            if trade.isclosed:
                closed.append((trade.pnl, trade.pnlcomm))

    diary = session.run(Own, script={**BUY, 2: lambda strategy: strategy.close()})
    assert closed == [(10.0, 8.0)]
    assert diary.copies[-1].executed.comm == 0.5
    assert diary.copies[-1].executed.pnl == 10.0


def test_a_fill_that_turns_the_position_closes_and_opens(session):
    session.fill(61)
    session.fill(121, 1, price=12.0, commission=8.0)
    script = {**BUY, 2: lambda strategy: strategy.sell(size=8)}
    diary = session.run(script=script)
    bit = diary.copies[-1].executed.exbits[0]
    assert (bit.closed, bit.opened, bit.pnl, bit.psize) == (-5, -3, 10.0, -3)
    assert (bit.closedcomm, bit.openedcomm) == (5.0, 3.0)
    assert diary.trades == [(5, 0.0, False), (0, 10.0, True), (-3, 0.0, False)]


def test_a_fill_before_the_ack_is_told_and_the_late_ack_is_not(session):
    session.fill(61, size=2)
    session.accept(62)
    session.fill(63, size=3)
    diary = session.run(script=BUY)
    assert statuses(diary) == ["Submitted", "Partial", "Completed"]
    assert diary.made[0].info.venue_order_id == "V0"


def test_a_fill_told_twice_counts_once(session):
    for seconds in (61, 62, 130):
        session.fill(seconds, size=2, fill_id="F")
    diary = session.run(script=BUY)
    assert statuses(diary) == ["Submitted", "Partial"]
    assert session.broker.getposition(diary.data).size == 2


def test_an_overfill_completes_the_order_and_is_named(session):
    session.fill(61, size=7)
    diary = session.run(script=BUY)
    order = diary.made[0]
    assert statuses(diary) == ["Submitted", "Completed"]
    assert not order.alive()
    assert (order.info.reason_code, order.info.reason) == ("OVERFILL", "filled 7 of 5")
    assert session.broker.getposition(diary.data).size == 7


@pytest.mark.parametrize(("late", "status"), [(2, "Canceled"), (5, "Completed")])
def test_a_fill_after_the_cancel_is_told_and_counted(session, late, status):
    session.accept(61)
    session.order(122, OrderEvent.CANCELED)
    session.fill(123, size=late)
    diary = session.run(script={**LIMIT, 2: lambda s: s.cancel(s.made[0])})
    assert statuses(diary) == ["Submitted", "Accepted", "Canceled", status]
    assert not diary.made[0].alive()
    assert session.broker.getposition(diary.data).size == late


def test_a_fill_of_nobodys_order_moves_the_accounts_position_and_is_told_as_news(session):
    session.say(61, FillReport("x", "A", Side.SELL, 3.0, 10.0, T0, None, "V99"))
    diary = session.run()
    assert session.broker.account_position(diary.data).size == -3
    assert session.broker.getposition(diary.data).size == 0, "the strategy's own"
    assert "foreign fill" in diary.messages()
    assert diary.told == []


def test_a_foreign_fill_during_an_outage_counts_once(session):
    foreign = FillReport("x", "A", Side.BUY, 5.0, 9.0, 0)

    def back_with_news():
        session.venue.status = MassStatus(0, fills=(foreign,))
        session.venue.break_link()

    session.at(70, back_with_news)
    session.say(100, foreign)
    diary = session.run()
    assert session.venue.connects == 2
    assert session.broker.account_position(diary.data).size == 5


@pytest.mark.parametrize(
    ("event", "status"),
    [
        (OrderEvent.REJECTED, "Rejected"),
        (OrderEvent.MARGIN, "Margin"),
        (OrderEvent.EXPIRED, "Expired"),
        (OrderEvent.CANCELED, "Canceled"),  # by the venue, not by us
    ],
)
def test_the_venue_ends_an_order_and_says_why(session, event, status):
    session.order(61, event, reason="not today", reason_code="E7")
    diary = session.run(script=BUY)
    assert statuses(diary) == ["Submitted", status]
    assert (diary.made[0].info.reason, diary.made[0].info.reason_code) == ("not today", "E7")
    assert session.broker.get_orders_open() == []


def test_a_cancel_is_asked_for_and_told_when_the_venue_has_done_it(session):
    session.accept(61)
    session.order(130, OrderEvent.CANCELED)
    seen = []
    script = {
        **LIMIT,
        2: lambda s: seen.append(s.broker.cancel(s.made[0])),
    }
    session.at(125, lambda: seen.append(session.broker.get_orders_open()[0].info.pending_cancel))
    diary = session.run(script=script)
    assert seen == [True, True]
    assert session.venue.cancelled == [session.request(0).client_order_id]
    assert statuses(diary) == ["Submitted", "Accepted", "Canceled"]
    assert diary.made[0].info.pending_cancel is False
    assert not session.broker.cancel(diary.made[0])
    assert len(session.venue.cancelled) == 1


def test_a_refused_cancel_leaves_the_order_alive(session):
    session.accept(61)
    session.order(125, OrderEvent.CANCEL_REJECTED, reason="too late")
    session.fill(130)
    reasons = []
    diary = session.run(
        script={**LIMIT, 2: lambda s: s.cancel(s.made[0])},
        answer=lambda s, order: reasons.append(order.info.reason),
    )
    assert statuses(diary) == ["Submitted", "Accepted", "Accepted", "Completed"]
    assert reasons == [None, None, "too late", None], "the order has gone on since"


def test_a_cancel_works_with_the_copy_that_was_notified(session):
    session.accept(61)
    session.run(script={**LIMIT, 2: lambda s: s.cancel(s.copies[0])})
    assert session.venue.cancelled == [session.request(0).client_order_id]


def test_a_change_is_sent_and_shows_when_the_venue_confirms_it(session):
    session.accept(61)
    session.order(125, OrderEvent.MODIFIED, size=8.0, price=9.5)
    session.fill(130, size=8)
    asked = []
    script = {**LIMIT, 2: lambda s: asked.append(s.broker.modify(s.made[0], size=8, price=9.5))}
    diary = session.run(script=script)
    assert asked == [True]
    change = session.venue.modified[0]
    assert (change.size, change.price, change.venue_order_id) == (8, 9.5, "V0")
    assert statuses(diary) == ["Submitted", "Accepted", "Accepted", "Completed"]
    order = diary.made[0]
    assert (order.created.price, order.created.size, order.size) == (9.5, 8, 8)
    assert order.executed.remsize == 0
    assert not session.broker.modify(order, size=9)


def test_a_refused_change_leaves_the_order_as_it_was(session):
    session.accept(61)
    session.order(125, OrderEvent.MODIFY_REJECTED, reason="no such price")
    script = {**LIMIT, 2: lambda s: s.broker.modify(s.made[0], price=9.5) and None}
    diary = session.run(script=script)
    order = diary.made[0]
    assert order.alive()
    assert order.created.price == 9.0
    assert order.info.pending_modify is False
    assert order.info.reason == "no such price"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"colour": "red"}, "colour"),
        ({}, "expected some of"),
    ],
)
def test_a_change_of_what_does_not_exist_is_a_usage_error(session, changes, message):
    session.accept(61)
    raised = []

    def try_it(strategy):
        with pytest.raises(UsageError, match=message) as caught:
            strategy.broker.modify(strategy.made[0], **changes)
        raised.append(caught.value)

    session.run(script={**LIMIT, 2: try_it})
    assert len(raised) == 1
    assert session.venue.modified == []


@pytest.mark.parametrize(
    ("changes", "code", "fragment"),
    [
        ({"trailamount": 1.0}, "MODIFY_USELESS", "a Limit order has no trailamount"),
        ({"price": float("nan")}, "PRICE_INVALID", "price=nan"),
        ({"price": "9"}, "PRICE_INVALID", "price='9'"),
        ({"price": 0}, "PRICE_INVALID", "price=0"),
        ({"size": -1}, "SIZE_INVALID", "size=-1"),
        ({"size": None}, "SIZE_INVALID", "size=None"),
        ({"size": 1e300}, "SIZE_TOO_LARGE", "size=1e+300"),
        ({"size": 2}, "MODIFY_BELOW_FILLED", "2 is filled already"),
    ],
)
def test_a_change_that_cannot_be_is_told_with_its_reason_and_nothing_is_sent(
    session, changes, code, fragment
):
    session.accept(61)
    session.fill(62, size=2)
    answers = []
    script = {**LIMIT, 2: lambda s: answers.append(s.broker.modify(s.made[0], **changes))}
    diary = session.run(script=script)
    order = diary.made[0]
    assert answers == [False]
    assert session.venue.modified == []
    assert statuses(diary) == ["Submitted", "Accepted", "Partial", "Partial"]
    assert order.info.reason_code == code
    assert fragment in order.info.reason
    assert order.info.denied_by == "validation"
    assert (order.alive(), order.size, order.created.price) == (True, 5, 9.0)


def test_what_the_venue_cannot_change_is_refused(session):
    can = dataclasses.replace(session.store.capabilities, modify=frozenset({"price"}))
    session.store.capabilities = can
    session.accept(61)
    diary = session.run(script={**LIMIT, 2: lambda s: s.broker.modify(s.made[0], size=7) and None})
    assert diary.made[0].info.reason_code == "MODIFY_UNSUPPORTED"
    assert "cannot change size" in diary.made[0].info.reason
    assert "it can: price" in diary.made[0].info.reason
    assert session.venue.modified == []


def test_a_change_of_a_finished_order_is_told_as_news_and_nothing_is_sent(session):
    session.fill(61)
    answers = []
    script = {**BUY, 2: lambda s: answers.append(s.broker.modify(s.made[0], size=7))}
    diary = session.run(script=script)
    assert answers == [False]
    assert statuses(diary) == ["Submitted", "Completed"]
    told = [args for msg, args in diary.news if msg == "modify refused"]
    assert [(order.ref, code) for order, code in told] == [(diary.made[0].ref, "ORDER_FINISHED")]


def test_a_change_that_changes_nothing_is_no_request(session):
    session.accept(61)
    session.run(script={**LIMIT, 2: lambda s: s.broker.modify(s.made[0], price=9.0) and None})
    assert session.venue.modified == []


def test_an_order_that_the_venue_refuses_at_once_is_rejected(session):
    session.venue.place_error = VenueRefused("market closed", "E9")
    diary = session.run(script=BUY)
    assert statuses(diary) == ["Submitted", "Rejected"]
    order = diary.made[0]
    assert (order.info.reason, order.info.reason_code) == ("market closed", "E9")
    assert order.info.denied_by == "venue"


def test_an_order_whose_fate_is_unknown_stays_alive_until_there_is_evidence(session):
    session.venue.place_error = TimeoutError("no answer")
    seen = []

    def look():
        order = session.broker.get_orders_open()[0]
        seen.append((order.alive(), order.info.outcome_unknown, order.info.in_flight))

    session.at(62, look)

    def evidence():
        one = session.store.book.live()[0].request
        accepted = OrderReport(OrderEvent.ACCEPTED, T0, one.client_order_id, "V0", request=one)
        session.store.put(accepted)
        session.venue.status = MassStatus(T0, (accepted,))

    session.at(63, evidence)
    session.at(64, lambda: seen.append(session.broker.get_orders_open()[0].info.outcome_unknown))
    diary = session.run(script=BUY)
    assert seen == [(True, True, True), False]
    assert "Rejected" not in statuses(diary)
    assert statuses(diary)[-1] == "Accepted"


def test_an_order_while_the_link_is_down_is_refused_and_not_sent(session):
    session.at(30, session.venue.break_link)
    session.venue.connect_error = OSError("unreachable")
    diary = session.run(script=BUY)
    assert session.venue.placed == []
    assert statuses(diary)[-1] == "Rejected"
    assert diary.made[0].info.reason_code in ("LINK_DOWN", "NOT_LIVE")


def listed(session, number=0):
    """Return a mass status with an order that works as it was sent."""
    request = session.request(number)
    return MassStatus(
        0,
        orders=(
            OrderReport(
                OrderEvent.ACCEPTED, T0, request.client_order_id, f"V{number}", request=request
            ),
        ),
    )


def test_a_cancel_while_the_link_is_down_is_asked_for_when_it_is_back(session):
    session.accept(61)
    session.at(100, lambda: setattr(session.venue, "status", listed(session)))
    session.at(119, session.venue.break_link)
    sent = []
    session.at(120.5, lambda: sent.append(list(session.venue.cancelled)))
    session.order(190, OrderEvent.CANCELED)
    diary = session.run(script={**LIMIT, 2: lambda s: s.cancel(s.made[0])})
    assert sent == [[]], "nobody to ask"
    assert session.venue.cancelled == [session.request(0).client_order_id]
    assert statuses(diary)[-1] == "Canceled"


def test_a_cancel_that_nobody_answered_is_asked_for_again_after_a_break(session):
    session.accept(61)
    session.at(130, lambda: setattr(session.venue, "status", listed(session)))
    session.at(131, session.venue.break_link)
    diary = session.run(script={**LIMIT, 2: lambda s: s.cancel(s.made[0])})
    assert session.venue.cancelled == [session.request(0).client_order_id] * 2
    assert diary.made[0].info.pending_cancel


def test_orders_are_found_by_their_number_although_they_cannot_be_hashed(session):
    session.accept(61)
    seen = []

    def look(strategy):
        order = strategy.made[0]
        with pytest.raises(TypeError, match="unhashable"):
            hash(order)
        seen.append(session.broker.orderstatus(order))
        seen.append(session.broker.orderstatus(order.clone()))

    session.run(script={**LIMIT, 2: look})
    assert seen == [bt.Order.Accepted] * 2


def test_what_backtrader_cannot_express_is_in_the_orders_info(session):
    session.accept(61)
    script = {1: lambda s: s.buy(size=5, price=9.0, exectype=bt.Order.Limit, note="mine")}
    diary = session.run(script=script)
    info = diary.made[0].info
    assert info.client_order_id == session.request(0).client_order_id
    assert info.venue_order_id == "V0"
    for name in ("in_flight", "outcome_unknown", "pending_cancel", "pending_modify"):
        assert info[name] is False, name
    for name in ("reason", "reason_code", "denied_by"):
        assert info[name] is None, name
    assert info.note == session.request(0).extras["note"] == "mine"


@pytest.mark.parametrize("kind", sorted(OrderType, key=str))
def test_every_execution_type_reaches_the_venue(session, kind):
    def sell(strategy):
        exectype = getattr(bt.Order, kind.value)
        return strategy.sell(size=2, price=9, plimit=8.5, exectype=exectype, trailpercent=0.02)

    session.run(script={1: sell})
    request = session.request(0)
    assert (request.order_type, request.side, request.size) == (kind, Side.SELL, 2)
    assert request.reference_price == 10
    # A trailing stop without a price of its own would start from its limit.
    has_limit = kind in (OrderType.STOP_LIMIT, OrderType.STOP_TRAIL, OrderType.STOP_TRAIL_LIMIT)
    assert request.limit_price == (8.5 if has_limit else None)
    assert request.trail_percent == 0.02


@pytest.mark.parametrize("prices", [{"price": 9}, {"plimit": 9}])
def test_a_stop_limit_with_one_price_has_it_for_both(session, prices):
    session.run(script={1: lambda s: s.sell(size=2, exectype=bt.Order.StopLimit, **prices)})
    request = session.request(0)
    assert (request.price, request.limit_price) == (9, 9)


def test_a_commission_scheme_is_there_before_the_first_execution_is_told(session):
    session.fill(61)
    seen = []
    session.run(script=BUY, answer=lambda s, order: seen.append(order.comminfo is not None))
    assert seen == [True, True]


def test_what_strategies_remember_of_orders_is_bounded():
    session = Session()
    session.feed()
    session.broker.p.keep_orders = 5
    minutes = 60
    session.bars(*[10.0] * minutes)
    for number in range(minutes - 1):
        session.fill(60 * (number + 1) + 1, number)
    script = {
        n + 1: (lambda s: s.buy(size=1)) if n % 2 == 0 else (lambda s: s.close())
        for n in range(minutes)
    }
    longest = []
    session.run(script=script, answer=lambda s, order: longest.append(len(s._orders)))
    strategy = session.cerebro.runningstrats[0]
    assert len(session.venue.placed) == minutes
    assert max(longest) <= 10 + 3
    assert all(len(t) <= 11 for trades in strategy._trades.values() for t in trades.values())
    assert len(session.broker._records) <= 11
