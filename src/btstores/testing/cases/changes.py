"""Live orders changed and cancelled."""

from __future__ import annotations

from typing import Any

import backtrader as bt

from btstores.reports import FillReport, OrderEvent
from btstores.testing.case import Script, case
from btstores.testing.desk import Desk
from btstores.testing.faults import Held, fills, of_event

Order = bt.Order


def resting(t: Desk, side: str = "buy", **kwargs: Any) -> Script:
    """Rest a limit order; for ``yield from``."""
    step = -1 if side == "buy" else 1
    kwargs.setdefault("exectype", Order.Limit)
    kwargs.setdefault("price", t.step(step))
    order = getattr(t, side)(**kwargs)
    yield t.told(order, "Accepted")
    return order


def amend_price(t: Desk, order: Any, price: float) -> Script:
    """Change a price and check that it is shown, and at the venue."""
    assert t.modify(order, price=price)
    told = order.info.pending_modify or order.created.price == price
    assert told or t.is_emulated(order)
    yield lambda: order.created.price == price and not order.info.pending_modify
    assert order.alive()
    if not t.is_emulated(order):
        at_venue = t.at_venue(order)
        assert at_venue is not None
        assert at_venue.price == price


@case("E30", needs=("modify price",))
def amend_limit_buy(t: Desk) -> Script:
    """A resting limit buy takes another price."""
    order = yield from resting(t)
    yield from amend_price(t, order, t.step(-1.5))


@case("E31", needs=("modify price", "short"))
def amend_limit_sell(t: Desk) -> Script:
    """A resting limit sale takes another price."""
    order = yield from resting(t, "sell")
    yield from amend_price(t, order, t.step(1.5))


def replaced(t: Desk, order: Any, again: Any) -> Script:
    """Cancel, send another, and check that just that one lives."""
    assert t.cancel(order)
    yield t.told(order, "Canceled")
    other = again()
    yield t.told(other, "Accepted")
    assert t.open_orders() == [other]
    assert t.at_venue(order) is None
    if not t.is_emulated(other):
        assert len(t.venue_orders()) == 1
    assert len({told.ref for told in t.notices if not told.adopted}) >= 2


@case("E32")
def replace_limit_buy(t: Desk) -> Script:
    """A limit buy is cancelled and another one takes its place."""
    order = yield from resting(t)
    price = t.step(-1.5)
    yield from replaced(t, order, lambda: t.buy(exectype=Order.Limit, price=price))


@case("E33", needs=("short",))
def replace_limit_sell(t: Desk) -> Script:
    """A limit sale is cancelled and another one takes its place."""
    order = yield from resting(t, "sell")
    price = t.step(1.5)
    yield from replaced(t, order, lambda: t.sell(exectype=Order.Limit, price=price))


@case("E34", needs=("type Stop", "modify price"))
def amend_stop(t: Desk) -> Script:
    """A waiting stop takes another trigger."""
    order = yield from resting(t, exectype=Order.Stop, price=t.step(1))
    yield from amend_price(t, order, t.step(1.5))


@case("E35", needs=("type Stop",))
def replace_stop(t: Desk) -> Script:
    """A stop is cancelled and another one takes its place, also after a reconnect."""
    order = yield from resting(t, exectype=Order.Stop, price=t.step(1))
    price = t.step(1.5)
    yield from replaced(t, order, lambda: t.buy(exectype=Order.Stop, price=price))
    t.faults.break_link()
    yield lambda: not t.store.authenticated
    t.faults.restore_link()
    yield t.is_ready
    assert len(t.open_orders()) == 1


@case(
    "E36",
    needs=("tif GTC",),
    params={"on_unsupported": "reject", "emulate": ()},
    capabilities={"modify": frozenset()},
)
def amend_unsupported(t: Desk) -> Script:
    """A change that the venue cannot make is refused here, and the order stands."""
    order = yield from resting(t)
    price = order.created.price
    assert not t.modify(order, price=t.step(-1.5))
    yield lambda: t.last(order).info.get("reason_code") == "MODIFY_UNSUPPORTED"
    assert t.last(order).info["reason"]
    assert t.changes() == []
    assert order.created.price == price
    assert t.at_venue(order) is not None
    assert t.statuses(order) == ["Submitted", "Accepted"]


@case("E40")
def cancel_one(t: Desk) -> Script:
    """A cancelled order is gone here and at the venue."""
    order = yield from resting(t)
    assert t.cancel(order)
    yield t.told(order, "Canceled")
    assert t.statuses(order) == ["Submitted", "Accepted", "Canceled"]
    assert not order.info.pending_cancel
    assert t.open_orders() == []
    assert t.venue_orders() == []


def three_resting(t: Desk) -> Script:
    """Rest three limit orders; for ``yield from``."""
    orders = [t.buy(exectype=Order.Limit, price=t.step(-step)) for step in (1, 1.2, 1.4)]
    for order in orders:
        yield t.told(order, "Accepted")
    return orders


@case("E41")
def cancel_all(t: Desk) -> Script:
    """Orders that are cancelled all at once are all Canceled."""
    orders = yield from three_resting(t)
    for order in orders:
        assert t.cancel(order)
    for order in orders:
        yield t.told(order, "Canceled")
        assert t.statuses(order).count("Canceled") == 1
    assert t.venue_orders() == []


@case("E42")
def cancel_one_by_one(t: Desk) -> Script:
    """Orders that are cancelled one after the other are Canceled one after the other."""
    orders = yield from three_resting(t)
    for count, order in enumerate(orders, 1):
        assert t.cancel(order)
        yield t.told(order, "Canceled")
        assert len(t.venue_orders()) == len(orders) - count


@case("E43", needs=("batch_cancel",))
def cancel_batch(t: Desk) -> Script:
    """Orders of one batch are all Canceled."""
    orders = yield from three_resting(t)
    for order in orders:
        assert t.cancel(order)
    yield lambda: all("Canceled" in t.statuses(order) for order in orders)


@case("E44")
def cancel_again(t: Desk) -> Script:
    """The cancel of a cancelled order does nothing and tells nothing."""
    order = yield from resting(t)
    t.cancel(order)
    yield t.told(order, "Canceled")
    told = len(t.notices_of(order))
    assert t.cancel(order) is False
    yield t.moment()
    assert len(t.notices_of(order)) == told


@case("N07", needs=("modify size",))
def amend_size(t: Desk) -> Script:
    """A resting order takes another size, smaller or larger."""
    order = yield from resting(t)
    for size in (t.venue.size / 2, t.venue.size * 2):
        assert t.modify(order, size=size)
        yield lambda size=size: order.created.size == size
        assert order.executed.remsize == size
        at_venue = t.at_venue(order)
        assert at_venue is None or at_venue.size == size
        assert t.is_emulated(order) or at_venue is not None


@case("N08", needs=("modify size", "trade", "partial"))
def amend_size_after_partial(t: Desk) -> Script:
    """The size of an order that is filled in part can be changed; what is filled counts."""
    half = t.venue.size / 2
    order = yield from resting(t)
    t.venue.trade(order.created.price, half)
    yield t.told(order, "Partial")
    assert t.modify(order, size=2 * t.venue.size)
    yield lambda: order.created.size == 2 * t.venue.size
    assert order.executed.remsize == 2 * t.venue.size - half
    assert t.statuses(order)[-1] == "Partial"
    t.venue.trade(order.created.price)
    yield t.told(order, "Completed")
    assert order.executed.size == 2 * t.venue.size


def kept_size(held: Held) -> float:
    """Return how much the executions that are kept back come to."""
    return sum(report.size for report in held.reports if isinstance(report, FillReport))


@case("N09")
def cancel_races_fill(t: Desk) -> Script:
    """A cancel that comes after the execution is refused, and the order is Completed."""
    held = t.faults.hold(fills)
    order = t.buy(exectype=Order.Limit, price=t.through("buy"))
    yield lambda: kept_size(held) >= t.venue.size
    assert t.cancel(order)
    yield t.moment()
    assert "Completed" not in t.statuses(order)
    held.release()
    yield t.told(order, "Completed")
    yield t.moment()
    assert "Canceled" not in t.statuses(order)
    assert not order.info.pending_cancel
    assert t.position == t.venue.size


@case("N35", needs=("modify price",))
def amend_races_fill(t: Desk) -> Script:
    """A change that comes after the execution is refused, and the order is Completed."""
    held = t.faults.hold(fills)
    order = t.buy(exectype=Order.Limit, price=t.through("buy"))
    yield lambda: kept_size(held) >= t.venue.size
    assert t.modify(order, price=t.step(-1))
    yield t.moment()
    held.release()
    yield t.told(order, "Completed")
    yield t.moment()
    assert not order.info.pending_modify
    assert t.statuses(order)[-1] == "Completed"
    assert t.position == t.venue.size


@case("N36", needs=("modify price",))
def amend_refused(t: Desk) -> Script:
    """A change that the venue refuses leaves the order as it was, with the reason."""
    order = yield from resting(t)
    price = order.created.price
    t.faults.change(
        of_event(OrderEvent.MODIFIED),
        lambda report: [
            report._replace(
                event=OrderEvent.MODIFY_REJECTED, price=price, reason="not now", reason_code="V7"
            )
        ],
    )
    before = len(t.notices_of(order))
    assert t.modify(order, price=t.step(-1.5))
    yield lambda: len(t.notices_of(order)) > before
    assert t.last(order).info["reason"] == "not now"
    assert t.last(order).info["reason_code"] == "V7"
    assert t.statuses(order) == ["Submitted", "Accepted"]
    assert order.created.price == price
    assert not order.info.pending_modify


@case("N46")
def cancel_completed(t: Desk) -> Script:
    """The cancel of a completed order does nothing and tells nothing."""
    order = yield from t.open_position()
    told = len(t.notices_of(order))
    assert t.cancel(order) is False
    yield t.moment()
    assert len(t.notices_of(order)) == told


@case("N47", needs=("modify price",))
def amend_finished(t: Desk) -> Script:
    """A change of a finished order is refused with the reason."""
    order = yield from resting(t)
    t.cancel(order)
    yield t.told(order, "Canceled")
    assert t.modify(order, price=t.step(-1.5)) is False
    yield lambda: any(args[-1:] == ("ORDER_FINISHED",) for _, args in t.news)
    assert t.statuses(order)[-1] == "Canceled"
    assert t.changes() == []


@case("N73", needs=("type StopLimit", "modify limit_price"))
def amend_limit_of_stop(t: Desk) -> Script:
    """A waiting stop-limit order takes another limit, and keeps its trigger."""
    trigger, limit = t.step(1), t.step(1.5)
    order = yield from resting(t, exectype=Order.StopLimit, price=trigger, plimit=t.step(1.2))
    assert t.modify(order, plimit=limit)
    yield lambda: order.created.pricelimit == limit
    assert order.created.price == trigger
    if not t.is_emulated(order):
        at_venue = t.at_venue(order)
        assert at_venue is not None
        assert (at_venue.price, at_venue.limit_price) == (trigger, limit)


@case("N74", needs=("type StopTrail", "modify trail_amount", "trade"))
def amend_trail(t: Desk) -> Script:
    """A trailing stop takes a wider trail, and fires by that."""
    base = t.price
    trail = t.rounded(base * t.venue.away)
    yield from t.open_position()
    order = t.sell(exectype=Order.StopTrail, trailamount=trail)
    yield t.told(order, "Accepted")
    assert t.modify(order, trailamount=2 * trail)
    yield t.moment()
    t.venue.trade(t.rounded(base - 1.5 * trail))
    yield t.moment()
    assert order.alive()
    t.venue.trade(t.rounded(base - 2 * trail - t.tick))
    yield t.told(order, "Completed")
    assert t.position == 0


@case("N75")
def kill_switch(t: Desk) -> Script:
    """The kill switch cancels all orders and lets no other pass; cancels always do."""
    order = yield from resting(t)
    t.broker.halt("a case of the suite")
    refused = t.buy(exectype=Order.Limit, price=t.step(-1))
    assert refused.status == Order.Rejected
    assert refused.info.reason_code == "RISK_HALTED"
    assert t.cancel(order)
    yield t.told(order, "Canceled")
    t.broker.resume_trading()
    orders = yield from three_resting(t)
    assert t.broker.kill("a case of the suite") == len(orders)
    for one in orders:
        yield t.told(one, "Canceled")
    assert t.venue_orders() == []
    t.broker.resume_trading()
