"""Which of an order's wires a report tells of."""

from __future__ import annotations

from btstores.orders.book import OrderRecord
from btstores.orders.legs import Ask, Leg, Wire
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
