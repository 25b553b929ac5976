"""The link breaks and comes back."""

from __future__ import annotations

from typing import Any

import backtrader as bt

from btstores.errors import OutcomeUnknown
from btstores.testing.case import Script, case
from btstores.testing.cases.changes import resting
from btstores.testing.desk import Desk, Wait
from btstores.testing.faults import news

Order = bt.Order


def broken(t: Desk) -> Script:
    """Cut the link and wait until the store knows."""
    t.faults.break_link()
    yield lambda: not t.store.authenticated


def restored(t: Desk) -> Script:
    """Let the link come back and wait until orders can be sent again."""
    t.faults.restore_link()
    yield t.within(60.0, t.is_ready)
    yield t.moment()


def cancels(t: Desk, order: Any) -> Script:
    """Check that an order can still be handled."""
    assert t.cancel(order)
    yield t.told(order, "Canceled")
    assert t.venue_orders() == []


@case("N19")
def reconnect_with_open_order(t: Desk) -> Script:
    """An open order outlives a broken link, is told nothing new, and can be cancelled."""
    order = yield from resting(t)
    yield from broken(t)
    assert order.alive()
    yield from restored(t)
    assert t.open_orders() == [order]
    assert t.statuses(order) == ["Submitted", "Accepted"]
    yield from cancels(t, order)


@case("N20")
def cancelled_while_away(t: Desk) -> Script:
    """An order that is cancelled while the link is broken is Canceled after it."""
    order = yield from resting(t)
    yield from broken(t)
    t.cancel_behind(order)
    yield t.moment()
    assert order.alive()
    yield from restored(t)
    yield t.told(order, "Canceled")
    assert t.statuses(order).count("Canceled") == 1
    assert t.open_orders() == []


@case("N21")
def filled_while_away(t: Desk) -> Script:
    """An execution that is missed while the link is broken is told after it, once."""
    lost = t.faults.drop(news)
    order = t.buy()
    yield t.heard(news)
    t.faults.break_link()
    lost.end()
    if t.venue.has("trade"):
        t.venue.trade(t.price)  # a market that nobody is connected to may stand still
    yield lambda: any(fill.client_order_id in t.ids(order) for fill in t.account().fills)
    assert t.position == 0
    yield from restored(t)
    yield t.told(order, "Completed")
    yield t.moment()
    assert t.statuses(order).count("Completed") == 1
    assert order.executed.size == t.venue.size
    assert t.position == t.venue.size


@case("N39")
def unknown_settled_by_reconnect(t: Desk) -> Script:
    """An unknown outcome is settled by what the venue lists after a reconnect."""
    lost = t.faults.drop(news)
    t.faults.fail("place", OutcomeUnknown("no answer"), reached=True)
    order = t.buy(exectype=Order.Limit, price=t.step(-1))
    yield lambda: order.info.outcome_unknown
    assert order.alive()
    yield from broken(t)
    lost.end()
    yield from restored(t)
    yield lambda: not order.info.outcome_unknown
    assert order.alive()
    assert "Rejected" not in t.statuses(order)
    yield from cancels(t, order)


@case("N77")
def unknown_settled_by_asking(t: Desk) -> Script:
    """An unknown outcome is settled by asking the venue, also when the link stays up."""
    lost = t.faults.drop(news)
    t.faults.fail("place", OutcomeUnknown("no answer"), reached=True)
    order = t.buy(exectype=Order.Limit, price=t.step(-1))
    yield lambda: order.info.outcome_unknown
    yield lambda: not order.info.outcome_unknown
    lost.end()
    assert order.alive()
    assert "Rejected" not in t.statuses(order)
    yield from cancels(t, order)


@case("N78")
def unknown_that_never_arrived(t: Desk) -> Script:
    """An order of which nobody has answered and the venue knows nothing is told as Canceled."""
    t.faults.fail("place", OutcomeUnknown("no answer"), reached=False)
    order = t.buy(exectype=Order.Limit, price=t.step(-1))
    yield lambda: order.info.outcome_unknown
    yield Wait(t.told(order, "Canceled"), 20.0)
    assert t.last(order).info["reason_code"] == "NEVER_ARRIVED"
    assert t.venue_orders() == []


@case("N55")
def order_while_away(t: Desk) -> Script:
    """An order made while the link is broken is refused with the reason, and never sent."""
    yield from broken(t)
    sent = len(t.sent())
    order = t.buy(exectype=Order.Limit, price=t.step(-1))
    yield t.told(order, "Rejected")
    assert t.last(order).info["reason_code"] in ("LINK_DOWN", "RECONCILING")
    assert len(t.sent()) == sent
    yield from restored(t)
    assert t.venue_orders() == []


@case("N68", needs=("type Stop", "trade"))
def stop_touched_while_away(t: Desk) -> Script:
    """A stop that the market comes to while the link is broken has traded, or does after it."""
    order = t.buy(exectype=Order.Stop, price=t.step(1))
    yield t.told(order, "Accepted")
    yield t.moment()
    yield from broken(t)
    t.venue.trade(t.step(1.1))
    yield t.moment()
    assert order.executed.size == 0
    yield from restored(t)
    yield t.told(order, "Completed")
    assert t.statuses(order).count("Completed") == 1
    assert t.position == t.venue.size


@case("N69", needs=("bracket", "trade"))
def entry_filled_while_away(t: Desk) -> Script:
    """A bracket whose entry trades while the link is broken has its exits after it."""
    entry_price, target_price = t.step(-1), t.step(1)
    entry, stop, target = t.bracket(
        price=entry_price, stopprice=t.step(-2), limitprice=target_price
    )
    for order in (entry, stop, target):
        yield t.told(order, "Accepted")
    yield t.moment()
    yield from broken(t)
    t.venue.trade(entry_price)
    yield t.moment()
    yield from restored(t)
    yield t.told(entry, "Completed")
    yield t.moment()
    assert t.position == t.venue.size
    assert stop.alive()
    assert target.alive()
    t.venue.trade(target_price)
    yield t.told(target, "Completed")
    yield t.told(stop, "Canceled")
    assert t.position == 0
