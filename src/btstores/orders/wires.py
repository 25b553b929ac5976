"""What the venue says of the orders that carry our legs, and what that means for these.

Each function notes the news on the leg and its wire and returns what is to be told of the
order, which may be nothing: that a wire is cancelled to be replaced is no news of the order.
"""

from __future__ import annotations

from typing import Callable, Dict, NamedTuple, Optional

from btstores.orders.legs import Leg, Wire, tidy
from btstores.reports import OrderEvent, OrderReport

__all__ = ["Heard", "hear", "let_go"]


class Heard(NamedTuple):
    """What comes of a report: what to tell, whether to look at the leg and to replace its wire."""

    told: Optional[OrderReport] = None
    settle: bool = False
    replace: bool = False


def hear(leg: Leg, report: OrderReport) -> Heard:
    """Take a venue's report on an order that is kept here."""
    wire = leg.wire
    named = report.client_order_id
    if wire is None:
        return Heard(None if leg.record.aliases else report)
    if named is not None and named != wire.client_order_id:
        return Heard()  # it tells of an earlier wire, which has been dealt with
    if report.reconciled and report.event in _AT_WORK:
        return _found(leg, wire, report)
    react = _REACTIONS.get(report.event)
    return react(leg, wire, report) if react is not None else Heard(report)


def let_go(leg: Leg) -> None:
    """Forget a wire of which nothing is left and nothing is expected."""
    wire = leg.wire
    if wire is None or wire.asked is not None or wire.replacing or leg.change:
        return
    if wire.filled >= wire.size:
        leg.wire, leg.given_up = None, False


def _ended(leg: Leg, wire: Wire, report: OrderReport) -> Heard:
    leg.wire = None
    if leg.ending is not None:
        event, code, reason = leg.ending
        return Heard(report._replace(event=event, reason_code=code, reason=reason))
    if wire.replacing and not leg.record.pending_cancel:
        leg.record.in_flight = leg.record.outcome_unknown = False
        return Heard(settle=True)
    return Heard(report)


def _refused(leg: Leg, wire: Wire, report: OrderReport) -> Heard:
    leg.wire = None
    return Heard(report)


def _found(leg: Leg, wire: Wire, report: OrderReport) -> Heard:
    """Take what a mass status says of a wire: what was lost meanwhile is made good."""
    size = None
    if report.size is not None and report.size != wire.size:
        if wire.asked is None:
            size = leg.wanted = tidy(report.size + leg.record.filled - wire.filled)
        wire.size = report.size
    wire.asked, wire.replacing, wire.silent = None, False, False
    leg.change = {}
    let_go(leg)
    return Heard(report._replace(size=size, price=None, limit_price=None), settle=True)


def _cancel_refused(leg: Leg, wire: Wire, report: OrderReport) -> Heard:
    leg.record.pending_cancel = False
    if wire.replacing:
        wire.replacing, wire.silent = False, True
        let_go(leg)
        return Heard(settle=True)
    if leg.ending is not None:
        # It may be filled already; if not, whoever asked must look at it.
        leg.ending, leg.given_up = None, True
    return Heard(report)


def _changed(leg: Leg, wire: Wire, report: OrderReport) -> Heard:
    if wire.asked is not None:
        wire.size = wire.asked if report.size is None else report.size
        wire.asked = None
        leg.record.answer_modify()
        let_go(leg)
        return Heard(settle=True)
    change, leg.change = leg.change, {}
    if report.size is not None:
        before = leg.record.filled - wire.filled
        wire.size = report.size
        leg.wanted = change.get("size", tidy(report.size + before))
        report = report._replace(size=leg.wanted)
    let_go(leg)
    if leg.triggered:
        report = report._replace(price=change.get("price"), limit_price=report.price)
    return Heard(report)


def _change_refused(leg: Leg, wire: Wire, report: OrderReport) -> Heard:
    if wire.asked is None:
        leg.change = {}
        let_go(leg)
        return Heard(report)
    wire.asked = None
    leg.record.answer_modify()
    let_go(leg)
    return Heard(settle=True, replace=True)  # what cannot be changed is replaced


_AT_WORK = frozenset({OrderEvent.ACCEPTED, OrderEvent.TRIGGERED, OrderEvent.MODIFIED})

_REACTIONS: Dict[OrderEvent, Callable[[Leg, Wire, OrderReport], Heard]] = {
    OrderEvent.CANCELED: _ended,
    OrderEvent.EXPIRED: _ended,
    OrderEvent.REJECTED: _refused,
    OrderEvent.MARGIN: _refused,
    OrderEvent.CANCEL_REJECTED: _cancel_refused,
    OrderEvent.MODIFIED: _changed,
    OrderEvent.MODIFY_REJECTED: _change_refused,
}
