"""Requests whose outcome nobody knows, and requests that the venue refuses."""

from __future__ import annotations

from typing import Any, Tuple

import backtrader as bt

from btstores.errors import LinkError, OutcomeUnknown, VenueRefused
from btstores.reports import OrderEvent
from btstores.testing.case import Script, case
from btstores.testing.cases.changes import resting
from btstores.testing.desk import Desk
from btstores.testing.faults import of_event

Order = bt.Order


def failures() -> Tuple[Exception, ...]:
    """Return what may become of a request without telling whether it arrived."""
    return (
        LinkError("the connection was closed"),
        OutcomeUnknown("no answer within 10 seconds; all attempts failed"),
        OSError("broken pipe"),
        ValueError("the answer cannot be read"),
    )


def proves_nothing(t: Desk, order: Any) -> None:
    """Check that a failure has ended nothing."""
    assert order.alive()
    assert not set(t.statuses(order)) & {"Rejected", "Canceled", "Margin", "Expired"}


@case("E74")
def place_fails(t: Desk) -> Script:
    """A failure in sending is no rejection: the order is in flight until the venue tells."""
    for error in failures():
        acks = t.faults.hold(of_event(OrderEvent.ACCEPTED))
        t.faults.fail("place", error, reached=True)
        order = t.buy(exectype=Order.Limit, price=t.step(-1))
        yield lambda order=order: bool(order.info.outcome_unknown)
        yield t.moment()
        proves_nothing(t, order)
        acks.release()
        yield t.told(order, "Accepted")
        assert not order.info.outcome_unknown
        t.cancel(order)
        yield t.told(order, "Canceled")
    t.faults.fail("place", failures()[1], reached=False)
    order = t.buy(exectype=Order.Limit, price=t.step(-1))
    yield lambda: bool(order.info.outcome_unknown)
    yield t.moment()
    proves_nothing(t, order)
    assert t.venue_orders() == []


@case("N56")
def place_fails_after_ack(t: Desk) -> Script:
    """A failure in sending that comes after the ack leaves no doubt about the order."""
    t.faults.fail("place", OutcomeUnknown("no answer"), reached=True)
    order = t.buy(exectype=Order.Limit, price=t.step(-1))
    yield t.told(order, "Accepted")
    yield t.moment()
    proves_nothing(t, order)
    assert not order.info.outcome_unknown
    other = t.buy(exectype=Order.Limit, price=t.step(-1.5))
    yield t.told(other, "Accepted")


@case("E75")
def cancel_fails(t: Desk) -> Script:
    """A failure in cancelling tells nothing of the order; another cancel may follow."""
    for error in failures():
        order = yield from resting(t)
        t.faults.fail("cancel", error, reached=False)
        assert t.cancel(order)
        yield t.told(order, "Canceled")  # the core asks again by itself
        assert not order.info.outcome_unknown
        assert t.at_venue(order) is None
    order = yield from resting(t)
    t.faults.fail("cancel", failures()[1], reached=True)
    t.cancel(order)
    yield t.told(order, "Canceled")


@case("E76", needs=("modify price",))
def amend_fails(t: Desk) -> Script:
    """A failure in changing tells nothing of the order; what the venue tells counts."""
    order = yield from resting(t)
    old, new = order.created.price, t.step(-1.5)
    for error in failures():
        t.faults.fail("modify", error, reached=False)
        assert t.modify(order, price=new)
        yield t.moment()
        proves_nothing(t, order)
        assert order.created.price == old
        at_venue = t.at_venue(order)
        assert at_venue is not None
        assert at_venue.price == old
    t.faults.fail("modify", failures()[1], reached=True)
    t.modify(order, price=new)
    yield lambda: order.created.price == new


@case("E77", needs=("native-bracket",))
def group_fails(t: Desk) -> Script:
    """A failure in sending a whole bracket rejects none of its orders."""
    t.faults.fail("place", OutcomeUnknown("no answer"), reached=False)
    orders = t.bracket(price=t.step(-1), stopprice=t.step(-2), limitprice=t.step(1))
    yield lambda: bool(t.sent())
    if len(t.sent()) < len(orders):
        t.skip("the bracket is emulated: no group is sent")
    yield lambda: all(order.info.outcome_unknown for order in orders)
    yield t.moment()
    for order in orders:
        proves_nothing(t, order)


@case("E78", needs=("native-bracket",))
def group_refused(t: Desk) -> Script:
    """A bracket that the venue refuses is Rejected, each order with the venue's words."""
    t.faults.fail("place", VenueRefused("no margin today", "V42"), reached=False)
    orders = t.bracket(price=t.step(-1), stopprice=t.step(-2), limitprice=t.step(1))
    yield lambda: bool(t.sent())
    if len(t.sent()) < len(orders):
        t.skip("the bracket is emulated: no group is sent")
    for order in orders:
        yield t.told(order, "Rejected")
        info = t.last(order).info
        assert info["reason"] == "no margin today"
        assert info["reason_code"] == "V42"
        assert info["denied_by"] == "venue"


@case("N57")
def place_refused(t: Desk) -> Script:
    """An order that the venue refuses is Rejected once, with the venue's words."""
    t.faults.fail("place", VenueRefused("too many requests", "V429"), reached=False)
    order = t.buy(exectype=Order.Limit, price=t.step(-1))
    yield t.told(order, "Rejected")
    yield t.moment()
    assert t.statuses(order) == ["Submitted", "Rejected"]
    assert t.last(order).info["reason"] == "too many requests"
    assert t.last(order).info["reason_code"] == "V429"


@case("N58")
def cancel_refused(t: Desk) -> Script:
    """A cancel that the venue refuses leaves the order as it was, with the reason."""
    order = yield from resting(t)
    t.faults.fail("cancel", VenueRefused("too late", "V1"), reached=False)
    assert t.cancel(order)
    yield lambda: t.last(order).info.get("reason_code") == "V1"
    assert t.statuses(order) == ["Submitted", "Accepted"]
    assert not order.info.pending_cancel
    assert t.at_venue(order) is not None


@case("N76")
def unknown_holds_entries_back(t: Desk) -> Script:
    """While an outcome is unknown no other entry passes; what reduces a position does."""
    yield from t.open_position()
    t.faults.fail("place", OutcomeUnknown("no answer"), reached=False)
    order = t.buy(exectype=Order.Limit, price=t.step(-1))
    yield lambda: bool(order.info.outcome_unknown)
    entry = t.buy(exectype=Order.Limit, price=t.step(-1.5))
    yield t.told(entry, "Rejected")
    assert t.last(entry).info["reason_code"] == "RISK_OUTCOME_UNKNOWN"
    exit_ = t.close()
    yield t.told(exit_, "Completed")
    assert t.position == 0
