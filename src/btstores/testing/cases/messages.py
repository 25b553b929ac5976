"""What a venue tells late, twice, too early or in the wrong order."""

from __future__ import annotations

import math
from typing import Any, Callable, List

import backtrader as bt

from btstores.reports import FillReport, OrderEvent, Report
from btstores.testing.case import Script, case
from btstores.testing.cases.changes import resting
from btstores.testing.desk import Desk
from btstores.testing.faults import fills, news, of_event

Order = bt.Order


def nothing_told(t: Desk, order: Any, act: Callable[[], None]) -> Script:
    """Check that ``act`` changes nothing and tells nothing of an order."""
    told, position = len(t.notices_of(order)), t.position
    act()
    yield t.moment()
    assert len(t.notices_of(order)) == told
    assert t.position == position


@case("N06", needs=("trade", "partial"))
def partial_fill(t: Desk) -> Script:
    """An order that is executed in two parts: Partial, then Completed."""
    half = t.venue.size / 2
    order = yield from resting(t)
    price = order.created.price
    t.venue.trade(price, half)
    yield t.told(order, "Partial")
    assert order.executed.size == half
    assert order.executed.remsize == t.venue.size - half
    assert t.position == half
    t.venue.trade(price, t.venue.size - half)
    yield t.told(order, "Completed")
    assert t.statuses(order) == ["Submitted", "Accepted", "Partial", "Completed"]
    assert [abs(one.executed) for one in t.notices_of(order)] == [0, 0, half, t.venue.size]
    assert order.executed.price == price


@case("N10", needs=("trade", "partial"))
def fill_after_cancel(t: Desk) -> Script:
    """An execution that is told after the cancel: it counts, and the order stays Canceled."""
    half = t.venue.size / 2
    order = yield from resting(t)
    held = t.faults.hold(fills)
    t.venue.trade(order.created.price, half)
    yield lambda: bool(held.reports)
    t.cancel(order)
    yield t.told(order, "Canceled")
    assert t.position == 0
    held.release()
    yield t.filled(order, half)
    yield t.moment()
    assert t.statuses(order) == ["Submitted", "Accepted", "Canceled"]
    assert t.position == half


@case("N11")
def duplicate_fill(t: Desk) -> Script:
    """An execution that is told twice, and once more later, counts once."""
    t.faults.repeat(fills)
    order = yield from t.open_position()
    again = [report for report in t.faults.heard if isinstance(report, FillReport)]
    yield from nothing_told(t, order, lambda: t.faults.say(*again))
    assert t.position == t.venue.size
    assert t.statuses(order).count("Completed") == 1


@case("N12")
def fill_before_ack(t: Desk) -> Script:
    """An execution that is told before the order is accepted: the late ack tells nothing."""
    held = t.faults.hold(of_event(OrderEvent.ACCEPTED))
    order = t.buy()
    yield t.told(order, "Completed")
    assert t.statuses(order)[0] == "Submitted"
    assert "Accepted" not in t.statuses(order)
    yield from nothing_told(t, order, held.release)


@case("N13", lies=True)
def overfill(t: Desk) -> Script:
    """More is executed than was ordered: it is told and named, and the position follows."""
    more = 2 * t.venue.size
    t.faults.change(fills, lambda fill: [fill._replace(size=2 * fill.size)])
    order = t.buy()
    yield t.filled(order, more)
    assert t.statuses(order)[-1] == "Completed"
    assert t.last(order).info["reason_code"] == "OVERFILL"
    assert t.position == more


@case("N15")
def late_commission(t: Desk) -> Script:
    """An execution told without its commission, and again with it, is one execution."""
    whole: List[Report] = []

    def without_commission(fill: Any) -> List[Report]:
        whole.append(fill)
        return [fill._replace(commission=None)]

    rule = t.faults.change(fills, without_commission)
    order = yield from t.open_position()
    rule.end()
    yield from nothing_told(t, order, lambda: t.faults.say(*whole))
    assert t.position == t.venue.size


@case("N32")
def duplicate_reports(t: Desk) -> Script:
    """What is told twice of an order is told to the strategy once."""
    t.faults.repeat(news)
    order = yield from resting(t)
    t.cancel(order)
    yield t.told(order, "Canceled")
    yield t.moment()
    told = [one.status for one in t.notices_of(order)]
    assert told == ["Submitted", "Accepted", "Canceled"]


@case("N38")
def late_ack(t: Desk) -> Script:
    """An ack that comes after the end of the order tells nothing."""
    order = yield from resting(t)
    acks = [one for one in t.faults.heard if of_event(OrderEvent.ACCEPTED)(one)]
    t.cancel(order)
    yield t.told(order, "Canceled")
    yield from nothing_told(t, order, lambda: t.faults.say(*acks))


@case("N49", needs=("trade", "partial"))
def reversed_order(t: Desk) -> Script:
    """Ack, part execution and cancel told in the reverse order: the end is the same."""
    half = t.venue.size / 2
    held = t.faults.hold(news)
    order = t.buy(exectype=Order.Limit, price=t.step(-1))
    yield lambda: bool(held.reports)
    t.venue.trade(t.step(-1), half)
    yield t.heard(fills)
    t.cancel_behind(order)
    yield t.heard(of_event(OrderEvent.CANCELED))
    held.release(reverse=True)
    yield t.over(order)
    yield t.filled(order, half)
    yield t.moment()
    assert t.statuses(order) == ["Submitted", "Canceled"]
    assert t.position == half


@case("N62")
def trade_adds_up(t: Desk) -> Script:
    """A closed trade tells profit and commission as the executions have them."""
    yield from t.open_position()
    if t.venue.has("trade"):
        t.venue.trade(t.step(1))
        yield t.moment()
    order = t.close()
    yield t.told(order, "Completed")
    (trade,) = [one for one in t.trades if one.isclosed]
    executed = [report for report in t.faults.heard if isinstance(report, FillReport)]
    mult = t.data.instrument.multiplier
    profit = sum(-one.side.sign * one.size * one.price * mult for one in executed)
    assert math.isclose(trade.pnl, profit, abs_tol=1e-6)
    if all(one.commission is not None for one in executed):
        commission = sum(one.commission or 0.0 for one in executed)
        assert math.isclose(trade.commission, commission, abs_tol=1e-6)
        assert math.isclose(trade.pnlcomm, profit - commission, abs_tol=1e-6)


@case("N63")
def cash_is_told(t: Desk) -> Script:
    """After an execution the strategy is told the cash and the value that the broker shows."""
    yield from t.open_position()
    t.sums.clear()
    yield lambda: bool(t.sums)
    assert t.sums[-1] == (t.cash, t.broker.getvalue())
