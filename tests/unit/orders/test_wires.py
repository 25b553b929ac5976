"""Which of an order's wires a report tells of."""

from __future__ import annotations

from btstores.orders.book import OrderRecord
from btstores.orders.legs import Ask, Leg, Wire, open_size
from btstores.orders.lifecycle import OrderState
from btstores.orders.wires import hear, is_news, let_go
from btstores.reports import OrderEvent, OrderReport, OrderRequest, OrderType, Side


def leg_of(size: float) -> Leg:
    record = OrderRecord(OrderRequest("c1", "A", Side.BUY, size, OrderType.LIMIT, 9.0))
    return Leg(record, frozenset(), size, wire=Wire("c1", size))


def test_the_venues_id_is_learnt_from_a_fill():
    leg = leg_of(4.0)
    assert is_news(leg, "c1", "v1")
    leg.wire.filled = 4.0
    let_go(leg)
    leg.wire = Wire("c2", 3.0)
    # The refusal of a cancel that the fill has overtaken names only the venue's id.
    assert not is_news(leg, None, "v1")
    assert is_news(leg, None, "v2")


def test_an_earlier_wire_that_is_named_late_is_not_taken_for_the_present_one():
    leg = leg_of(4.0)
    leg.retire()
    leg.wire = Wire("c2", 3.0, ask=Ask.CANCEL)
    accepted = OrderReport(OrderEvent.ACCEPTED, 1, client_order_id="c1", venue_order_id="v1")
    refused = OrderReport(OrderEvent.CANCEL_REJECTED, 2, venue_order_id="v1")
    canceled = OrderReport(OrderEvent.CANCELED, 3, client_order_id="c2", venue_order_id="v2")
    assert hear(leg, accepted).told is None
    assert hear(leg, refused).told is None
    assert leg.wire.ask is Ask.CANCEL, "nobody has answered yet"
    assert hear(leg, canceled).told is None, "asked for by the core, no news of the order"


def canceled(filled: float) -> OrderReport:
    return OrderReport(OrderEvent.CANCELED, 5, client_order_id="c1", filled=filled)


def test_a_cancel_that_nobody_answered_may_have_been_made_although_a_later_one_is_refused():
    leg = leg_of(4.0)
    for event in (OrderEvent.OUTCOME_UNKNOWN, OrderEvent.CANCEL_REJECTED):
        leg.wire.ask = Ask.CANCEL
        hear(leg, OrderReport(event, 1, client_order_id="c1"))
    assert hear(leg, canceled(0.0)).told is None, "asked for by the core, no news of the order"
    assert leg.wire is None


def test_a_cancel_that_was_refused_was_not_made():
    leg = leg_of(4.0)
    leg.wire.ask = Ask.CANCEL
    hear(leg, OrderReport(OrderEvent.CANCEL_REJECTED, 1, client_order_id="c1"))
    assert hear(leg, canceled(0.0)).told.event is OrderEvent.CANCELED


def test_what_a_cancelled_wire_has_filled_is_not_placed_again_though_nobody_has_told_the_fill():
    leg = leg_of(4.0)
    leg.wire.ask = Ask.CANCEL
    leg.wire.filled = leg.record.filled = 1.0
    hear(leg, canceled(3.0))
    leg.record.state = OrderState.PARTIAL
    assert (leg.missing, open_size(leg)) == (2.0, 1.0)
