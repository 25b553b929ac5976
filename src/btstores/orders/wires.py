"""What the venue says of the orders that carry our legs, and what that means for these.

Each function notes the news on the leg and its wire and returns what is to be told of the
order, which may be nothing: that a wire is cancelled to be replaced is no news of the order.
"""

from __future__ import annotations

from typing import Callable, Dict, NamedTuple, Optional

from btstores.orders.legs import Ask, Leg, Wire, tidy
from btstores.reports import OrderEvent, OrderReport

__all__ = ["Heard", "hear", "is_news", "let_go"]


class Heard(NamedTuple):
    """What comes of a report: what to tell, and whether the venue is to be left alone a while."""

    told: Optional[OrderReport] = None
    stall: bool = False


def hear(leg: Leg, report: OrderReport) -> Heard:
    """Take a venue's report on an order that is kept here."""
    wire = leg.wire
    if not is_news(leg, report.client_order_id, report.venue_order_id) or wire is None:
        # An earlier wire, which has been dealt with; or a plain order that never had another.
        return Heard(None if leg.past else report)
    if report.reconciled and report.event in _AT_WORK:
        return _found(leg, wire, report)
    react = _REACTIONS.get(report.event)
    return react(leg, wire, report) if react is not None else Heard(report)


def is_news(leg: Leg, client_id: Optional[str], venue_id: Optional[str]) -> bool:
    """Return whether a report with these ids tells of the leg's wire, and not of an earlier one.

    The venue's id is noted: a later report may name that alone.
    """
    wire, known = leg.wire, leg.past.intersection((client_id, venue_id))
    if wire is not None and not known and wire.is_meant(client_id, venue_id):
        wire.venue_order_id = venue_id or wire.venue_order_id
        return True
    if venue_id is not None and client_id in leg.past:
        leg.past.add(venue_id)
    return False


def let_go(leg: Leg) -> None:
    """Forget a wire of which nothing is left and nothing is expected."""
    wire = leg.wire
    if wire is not None and wire.ask is not Ask.SIZE and wire.filled >= wire.size:
        leg.retire()


def _canceled(leg: Leg, wire: Wire, report: OrderReport) -> Heard:
    expire_ns = leg.record.request.expire_ns
    asked = wire.ask is Ask.CANCEL or wire.unsure
    asked = asked and (expire_ns is None or report.time_ns < expire_ns)
    leg.rests = not asked and wire.ends_ns is not None and report.time_ns >= wire.ends_ns
    leg.retire()
    if leg.ending is not None:
        event, code, reason = leg.ending
        leg.ended = True
        return Heard(report._replace(event=event, reason_code=code, reason=reason))
    if asked or leg.rests:
        leg.missing = tidy(leg.missing + max(0.0, (report.filled or 0.0) - wire.filled))
        leg.record.in_flight = leg.record.outcome_unknown = False
        leg.record.answer_modify(all_of_them=True)
        return Heard()
    return Heard(report)


def _over(leg: Leg, wire: Wire, report: OrderReport) -> Heard:
    leg.retire()
    return Heard(report)


def _found(leg: Leg, wire: Wire, report: OrderReport) -> Heard:
    """Take what a mass status says of a wire: what was lost meanwhile is made good."""
    size = None
    if report.size is not None and report.size != wire.size:
        if wire.ask is not Ask.SIZE:
            size = leg.wanted = tidy(report.size + leg.record.filled - wire.filled)
        wire.size = report.size
    wire.ask = wire.asked = None
    wire.stalled = False
    leg.change = {}
    let_go(leg)
    return Heard(_in_terms_of_order(leg, report._replace(size=size)))


def _cancel_refused(leg: Leg, wire: Wire, report: OrderReport) -> Heard:
    asked_here = wire.ask is Ask.CANCEL and (leg.ending is None or leg.ending.code is not None)
    wire.ask = None
    leg.record.pending_cancel = False
    if leg.ending is not None and leg.ending.code is None:
        leg.ending = None  # the strategy asked for it, and hears that it may not be
    return Heard(None if leg.ending is None and asked_here else report, stall=asked_here)


def _modified(leg: Leg, wire: Wire, report: OrderReport) -> Heard:
    if wire.ask is Ask.SIZE:
        size = wire.asked if report.size is None else report.size
        wire.size = wire.size if size is None else size
        wire.ask = wire.asked = None
        leg.record.answer_modify()
        let_go(leg)
        return Heard()
    if wire.ask is Ask.CHANGE:
        wire.ask = None
    elif _says_nothing_new(leg, wire, report):
        return Heard()
    change, leg.change = leg.change, {}
    if report.size is not None and report.size != wire.size:
        leg.wanted = tidy(report.size + leg.record.filled - wire.filled)
        wire.size = report.size
    told = _in_terms_of_order(leg, report._replace(size=None))
    let_go(leg)
    return Heard(told._replace(**{name: change[name] for name in change if name in _PRICES}))


def _says_nothing_new(leg: Leg, wire: Wire, report: OrderReport) -> bool:
    request = leg.record.request
    price = request.limit_price if leg.triggered else request.price
    return report.size in (None, wire.size) and report.price in (None, price)


def _in_terms_of_order(leg: Leg, report: OrderReport) -> OrderReport:
    """Return a report on what a stop has become, as one on the stop."""
    if leg.triggered:
        return report._replace(price=None, limit_price=report.price)
    return report


def _modify_refused(leg: Leg, wire: Wire, report: OrderReport) -> Heard:
    asked, wire.ask, wire.asked = wire.ask, None, None
    leg.change = {}
    if asked is not Ask.SIZE:
        let_go(leg)
        return Heard(report)
    wire.fixed = True  # what cannot be changed is replaced
    leg.record.answer_modify()
    let_go(leg)
    return Heard()


def _unknown(leg: Leg, wire: Wire, report: OrderReport) -> Heard:
    if wire.ask is Ask.SIZE:
        wire.fixed = True
    wire.unsure = wire.unsure or wire.ask is Ask.CANCEL
    return Heard(report, stall=wire.ask is not None)


_AT_WORK = frozenset({OrderEvent.ACCEPTED, OrderEvent.TRIGGERED, OrderEvent.MODIFIED})
_PRICES = frozenset({"price", "limit_price"})

_REACTIONS: Dict[OrderEvent, Callable[[Leg, Wire, OrderReport], Heard]] = {
    OrderEvent.CANCELED: _canceled,
    OrderEvent.EXPIRED: _canceled,
    OrderEvent.REJECTED: _over,
    OrderEvent.MARGIN: _over,
    OrderEvent.CANCEL_REJECTED: _cancel_refused,
    OrderEvent.MODIFIED: _modified,
    OrderEvent.MODIFY_REJECTED: _modify_refused,
    OrderEvent.OUTCOME_UNKNOWN: _unknown,
}
