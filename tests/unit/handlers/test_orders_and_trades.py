"""The order handler and the trade handler, alone and together."""

from __future__ import annotations

import pytest

from btstores.handlers.base import Listener
from btstores.handlers.order_handler import OrderHandler
from btstores.handlers.trade_handler import TradeHandler
from btstores.orders.book import OrderRecord
from btstores.orders.lifecycle import OrderState
from btstores.reports import FillReport, OrderEvent, OrderReport, OrderRequest, OrderType, Side


class Ears(Listener):
    def __init__(self):
        self.heard = []

    def on_order(self, record, event):
        self.heard.append((record.client_order_id, event))

    def on_fill(self, record, fill):
        self.heard.append((record.client_order_id, fill.fill_id, record.filled))

    def on_foreign_order(self, record):
        self.heard.append(("foreign order", record.client_order_id))

    def on_foreign_fill(self, fill):
        self.heard.append(("foreign fill", fill.fill_id))


class Desk:
    """Both handlers over one book, as a store wires them."""

    def __init__(self):
        self.ears = Ears()
        self.orders = OrderHandler(listener=self.ears)
        self.book = self.orders.book
        self.trades = TradeHandler(self.book, self.ears)
        self.orders.replay_fill = self.trades.handle

    def send(self, client_id="c1", size=10.0):
        request = OrderRequest(client_id, "A", Side.BUY, size, OrderType.LIMIT, price=9.0)
        record = OrderRecord(request)
        self.orders.submit(record)
        return record

    def hear(self, event, client_id="c1", time_ns=7, **fields):
        self.orders.handle(OrderReport(event, time_ns, client_id, **fields))

    def fill(self, fill_id="f1", size=10.0, client_id="c1", venue_id=None):
        self.trades.handle(
            FillReport(fill_id, "A", Side.BUY, size, 9.0, 7, client_id, venue_order_id=venue_id)
        )


@pytest.fixture
def desk():
    return Desk()


def test_an_order_is_in_flight_until_the_venue_has_said_anything_of_it(desk):
    record = desk.send()
    assert (record.state, record.in_flight) == (OrderState.SUBMITTED, True)
    desk.hear(OrderEvent.ACCEPTED, venue_order_id="V1")
    assert (record.state, record.in_flight) == (OrderState.ACCEPTED, False)
    assert desk.book.find(None, "V1") is record
    assert desk.ears.heard == [("c1", OrderEvent.ACCEPTED)]


@pytest.mark.parametrize(
    ("event", "state"),
    [
        (OrderEvent.REJECTED, OrderState.REJECTED),
        (OrderEvent.MARGIN, OrderState.MARGIN),
        (OrderEvent.CANCELED, OrderState.CANCELED),
        (OrderEvent.EXPIRED, OrderState.EXPIRED),
    ],
)
def test_the_end_of_an_order_is_told_once_with_its_reason(desk, event, state):
    record = desk.send()
    for _ in range(3):
        desk.hear(event, reason="because", reason_code="42")
    assert record.state is state
    assert (record.reason, record.reason_code) == ("because", "42")
    assert desk.ears.heard == [("c1", event)]
    venue_says_no = event in (OrderEvent.REJECTED, OrderEvent.MARGIN)
    assert record.denied_by == ("venue" if venue_says_no else None)


def test_what_cannot_happen_is_ignored(desk):
    record = desk.send()
    desk.fill()
    heard = list(desk.ears.heard)
    for event in (OrderEvent.CANCELED, OrderEvent.ACCEPTED, OrderEvent.REJECTED):
        desk.hear(event, reason="nonsense")
    assert record.state is OrderState.COMPLETED
    assert record.reason is None
    assert desk.ears.heard == heard


def test_an_unknown_outcome_keeps_the_order_alive_and_evidence_settles_it(desk):
    record = desk.send()
    desk.hear(OrderEvent.OUTCOME_UNKNOWN, reason="time-out")
    assert (record.live, record.outcome_unknown, record.in_flight) == (True, True, True)
    desk.hear(OrderEvent.ACCEPTED)
    assert (record.state, record.outcome_unknown) == (OrderState.ACCEPTED, False)


def test_news_that_an_order_still_works_settles_a_cancel_of_unknown_outcome(desk):
    record = desk.send()
    desk.hear(OrderEvent.ACCEPTED)
    record.pending_cancel = True
    desk.hear(OrderEvent.OUTCOME_UNKNOWN, reason="time-out")
    assert (record.outcome_unknown, record.pending_cancel) == (True, True)
    desk.hear(OrderEvent.ACCEPTED)  # it may have been told before the cancel
    assert (record.outcome_unknown, record.pending_cancel) == (True, True)
    desk.hear(OrderEvent.ACCEPTED, reconciled=True)
    assert (record.outcome_unknown, record.pending_cancel) == (False, True), "still wanted"
    assert record.state is OrderState.ACCEPTED


def test_the_refusal_of_a_cancel_is_no_evidence_that_the_order_arrived(desk):
    record = desk.send()
    desk.hear(OrderEvent.OUTCOME_UNKNOWN, reason="time-out")
    record.pending_cancel = True
    desk.hear(OrderEvent.CANCEL_REJECTED, reason="no such order")
    assert (record.live, record.outcome_unknown, record.in_flight) == (True, True, True)
    assert not record.pending_cancel


def test_the_word_that_nobody_knows_is_late_when_the_venue_has_answered(desk):
    record = desk.send()
    desk.hear(OrderEvent.ACCEPTED)
    desk.hear(OrderEvent.OUTCOME_UNKNOWN, reason="time-out")
    assert not record.outcome_unknown


def test_a_change_in_flight_keeps_an_order_that_fills_to_its_old_size_alive(desk):
    record = desk.send()
    desk.hear(OrderEvent.ACCEPTED)
    record.ask_modify(record.request.size + 5)
    desk.fill("F", record.request.size)
    assert (record.state, record.remaining) == (OrderState.PARTIAL, 0)
    desk.hear(OrderEvent.MODIFY_REJECTED, reason="too late")
    assert record.state is OrderState.COMPLETED


def test_an_order_made_as_small_as_what_is_filled_is_complete(desk):
    record = desk.send()
    desk.fill("F", 3.0)
    desk.hear(OrderEvent.MODIFIED, size=3.0)
    assert record.state is OrderState.COMPLETED


def test_a_mass_status_with_other_terms_tells_of_a_change_whose_word_was_lost(desk):
    record = desk.send()
    desk.hear(OrderEvent.ACCEPTED)
    desk.hear(OrderEvent.ACCEPTED, size=7.0, reconciled=True)
    assert record.request.size == 7
    desk.hear(OrderEvent.ACCEPTED, size=5.0)
    assert record.request.size == 7, "an old word out of order"


@pytest.mark.parametrize(
    ("asked", "time_ns", "code", "event"),
    [
        (False, 100, None, OrderState.EXPIRED),
        (False, 99, None, OrderState.CANCELED),  # before its time
        (True, 100, None, OrderState.CANCELED),  # we asked for it
        (False, 100, "RELATED", OrderState.CANCELED),
    ],
)
def test_a_cancel_that_nobody_asked_for_after_the_expiry_is_one(desk, asked, time_ns, code, event):
    record = desk.send()
    record.request = record.request._replace(expire_ns=100)
    record.pending_cancel = asked
    desk.hear(OrderEvent.CANCELED, time_ns=time_ns, reason_code=code)
    assert record.state is event


def test_a_refused_cancel_leaves_the_order_alive(desk):
    record = desk.send()
    desk.hear(OrderEvent.ACCEPTED)
    record.pending_cancel = True
    record.ask_modify(None)
    desk.hear(OrderEvent.CANCEL_REJECTED, reason="too late")
    assert (record.state, record.pending_cancel) == (OrderState.ACCEPTED, False)
    assert record.pending_modify
    desk.hear(OrderEvent.MODIFY_REJECTED)
    assert not record.pending_modify


def test_a_change_shows_in_the_request(desk):
    record = desk.send()
    desk.hear(OrderEvent.ACCEPTED)
    desk.hear(OrderEvent.MODIFIED, size=6.0, price=8.5)
    assert (record.request.size, record.request.price) == (6.0, 8.5)
    desk.hear(OrderEvent.MODIFIED, limit_price=8.0)
    assert record.request[3:7] == (6.0, OrderType.LIMIT, 8.5, 8.0)


def test_fills_add_up_and_complete_the_order(desk):
    record = desk.send()
    desk.fill("f1", 4.0)
    assert (record.state, record.filled, record.remaining) == (OrderState.PARTIAL, 4.0, 6.0)
    desk.fill("f2", 6.0)
    assert (record.state, record.remaining) == (OrderState.COMPLETED, 0.0)
    assert desk.ears.heard == [("c1", "f1", 4.0), ("c1", "f2", 10.0)]


def test_a_fill_counts_once_however_often_it_is_told(desk):
    record = desk.send()
    for _ in range(3):
        desk.fill("f1", 4.0)
        desk.fill("foreign", 1.0, client_id="someone else's")
    assert record.filled == 4.0
    # A foreign fill without a venue's order id is nobody's to wait for.
    assert desk.ears.heard == [("c1", "f1", 4.0), ("foreign fill", "foreign")]


def test_rounding_does_not_leave_an_order_open(desk):
    record = desk.send(size=0.3)
    for number in range(3):
        desk.fill(f"f{number}", 0.1)
    assert record.filled != 0.3
    assert record.state is OrderState.COMPLETED
    assert record.reason_code is None


def test_an_overfill_is_counted_and_named(desk):
    record = desk.send()
    desk.fill("f1", 12.0)
    assert record.state is OrderState.COMPLETED
    assert (record.filled, record.remaining) == (12.0, 0.0)
    assert (record.reason_code, record.reason) == ("OVERFILL", "filled 12 of 10")


def test_a_fill_after_the_cancel_is_counted(desk):
    record = desk.send()
    desk.hear(OrderEvent.ACCEPTED)
    desk.hear(OrderEvent.CANCELED)
    desk.fill("f1", 4.0)
    assert (record.state, record.filled) == (OrderState.CANCELED, 4.0)
    desk.fill("f2", 6.0)
    assert (record.state, record.filled) == (OrderState.COMPLETED, 10.0)


def test_a_fill_that_overtakes_the_ack_waits_for_it(desk):
    record = desk.send()
    desk.fill("f1", 4.0, client_id=None, venue_id="V1")
    assert desk.ears.heard == []
    desk.hear(OrderEvent.ACCEPTED, venue_order_id="V1")
    assert (record.state, record.filled) == (OrderState.PARTIAL, 4.0)
    assert desk.ears.heard == [("c1", OrderEvent.ACCEPTED), ("c1", "f1", 4.0)]


@pytest.mark.parametrize("settled_by", ["ack", "refusal", "fill"])
def test_a_fill_that_waited_in_vain_is_somebody_elses(desk, settled_by):
    desk.send()
    desk.fill("other", 4.0, client_id=None, venue_id="V9")
    assert desk.ears.heard == []
    if settled_by == "ack":
        desk.hear(OrderEvent.ACCEPTED, venue_order_id="V1")
    elif settled_by == "refusal":
        desk.hear(OrderEvent.REJECTED)
    else:
        desk.fill("f1", 1.0)
    assert desk.ears.heard[-1] == ("foreign fill", "other")


def test_a_fill_that_names_another_client_id_is_somebody_elses_at_once(desk):
    desk.send()
    desk.fill("other", 4.0, client_id="by phone", venue_id="V9")
    assert desk.ears.heard == [("foreign fill", "other")]


def test_a_fill_waits_for_nobody_when_nothing_is_in_flight(desk):
    desk.fill("other", 4.0, client_id=None, venue_id="V9")
    assert desk.ears.heard == [("foreign fill", "other")]


def test_an_order_of_somebody_else_is_taken_in_when_it_is_described(desk):
    request = OrderRequest("x1", "A", Side.SELL, 5.0, OrderType.LIMIT, price=11.0)
    desk.hear(OrderEvent.ACCEPTED, "x1", venue_order_id="V7", request=request, filled=2.0)
    record = desk.book.find(None, "V7")
    assert (record.state, record.filled, record.foreign) == (OrderState.PARTIAL, 2.0, True)
    assert desk.ears.heard == [("foreign order", "x1")]


@pytest.mark.parametrize(
    ("event", "described", "filled"),
    [
        (OrderEvent.ACCEPTED, False, None),
        (OrderEvent.CANCELED, True, None),  # over already
        (OrderEvent.ACCEPTED, True, 5.0),  # filled already
    ],
)
def test_other_news_of_unknown_orders_are_logged_and_ignored(
    desk, caplog, event, described, filled
):
    request = OrderRequest("x1", "A", Side.SELL, 5.0, OrderType.LIMIT, price=11.0)
    desk.hear(event, "x1", request=request if described else None, filled=filled)
    assert len(desk.book) == 0
    assert desk.ears.heard == []
    assert "order.unknown client_id=x1" in caplog.text


def test_each_kind_of_news_has_a_method_to_override():
    class Own(OrderHandler):
        def __init__(self):
            super().__init__()
            self.called = []

        def __getattribute__(self, name):
            if name.startswith("on_"):
                return lambda *args: self.called.append(name)
            return super().__getattribute__(name)

    wanted = {
        OrderEvent.ACCEPTED: "on_accepted",
        OrderEvent.TRIGGERED: "on_accepted",
        OrderEvent.MODIFIED: "on_accepted",
        OrderEvent.REJECTED: "on_rejected",
        OrderEvent.MARGIN: "on_rejected",
        OrderEvent.CANCELED: "on_cancelled",
        OrderEvent.EXPIRED: "on_expired",
        OrderEvent.CANCEL_REJECTED: "on_request_rejected",
        OrderEvent.MODIFY_REJECTED: "on_request_rejected",
        OrderEvent.OUTCOME_UNKNOWN: "on_outcome_unknown",
    }
    assert set(wanted) == set(OrderEvent)
    for event, method in wanted.items():
        handler = Own()
        request = OrderRequest("c1", "A", Side.BUY, 1.0, OrderType.MARKET)
        handler.submit(OrderRecord(request))
        handler.handle(OrderReport(event, 7, "c1"))
        assert handler.called == ["on_submitted", method]


def test_a_fill_calls_on_trade_and_then_on_partial_or_on_completed():
    called = []

    class Own(TradeHandler):
        def on_trade(self, record, fill):
            called.append("on_trade")

        def on_partial(self, record, fill):
            called.append("on_partial")

        def on_completed(self, record, fill):
            called.append("on_completed")

    desk = Desk()
    desk.trades = Own(desk.book)
    desk.send()
    desk.fill("f1", 4.0)
    desk.fill("f2", 6.0)
    assert called == ["on_trade", "on_partial", "on_trade", "on_completed"]


def test_a_fill_that_names_both_ids_identifies_those_that_were_held(desk):
    record = desk.send()
    desk.book.add_alias(record, "w2")  # it works under another id by now
    desk.send("c2")  # and the venue owes an answer to another order
    desk.fill("f2", 4.0, client_id=None, venue_id="V9")
    assert desk.ears.heard == []
    desk.fill("f1", 1.0, client_id="w2", venue_id="V9")
    assert [each[1] for each in desk.ears.heard] == ["f1", "f2"]
    assert (record.filled, record.venue_order_id) == (5.0, "V9")


def test_the_venues_id_of_an_earlier_wire_is_known_and_not_the_present_one(desk):
    record = desk.send()
    desk.hear(OrderEvent.ACCEPTED, venue_order_id="V1")
    desk.book.add_alias(record, "w2")
    desk.fill("f1", 1.0, client_id="c1", venue_id="V1b")
    assert record.venue_order_id is None
    desk.fill("f2", 1.0, client_id=None, venue_id="V1b")
    assert record.filled == 2.0
