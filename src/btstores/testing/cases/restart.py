"""A run ends, and another one begins on the same account."""

from __future__ import annotations

from typing import Any, List

import backtrader as bt

from btstores.testing.case import RESTART, Script, case
from btstores.testing.cases.changes import resting
from btstores.testing.desk import Desk

Order = bt.Order


def shown(t: Desk) -> List[Any]:
    """Return the open orders that the strategy was told of after a restart."""
    return [order for order in t.open_orders() if t.notices_of(order)]


@case("E80")
def order_at_once(t: Desk) -> Script:
    """An order made as soon as the feed is LIVE is executed before anything else happens."""
    orders: List[Any] = []
    t.at_live.append(lambda: orders.append(t.buy()))
    yield RESTART
    yield lambda: bool(orders)  # the feed may be LIVE before its first price
    yield t.told(orders[0], "Completed")
    assert t.position == t.venue.size
    other = yield from resting(t)
    assert t.open_orders() == [other]


@case("E81")
def stop_cancels(t: Desk) -> Script:
    """Orders cancelled in ``stop`` are cancelled, although the run ends."""
    orders = []
    for step in (1, 1.2):
        orders.append(t.buy(exectype=Order.Limit, price=t.step(-step)))
        yield t.told(orders[-1], "Accepted")
    t.at_stop.append(lambda: [t.cancel(order) for order in orders])
    yield RESTART
    assert t.venue_orders() == []
    assert t.open_orders() == []


@case("E82")
def stop_closes(t: Desk) -> Script:
    """A position closed in ``stop`` is closed, although the run ends."""
    yield from t.open_position()
    t.at_stop.append(t.close)
    yield RESTART
    yield lambda: t.held() == 0
    yield lambda: t.venue_orders() == []
    yield t.moment()
    assert t.position == 0


@case("E83")
def stop_ends_streams(t: Desk) -> Script:
    """After the end of a run nothing more comes."""
    old = t.faults
    yield RESTART
    yield t.moment()
    assert old is not t.faults
    assert old.after_logout == 0


@case("E84")
def restart_with_orders(t: Desk) -> Script:
    """Open orders are shown after a restart as they are at the venue, and can be cancelled."""
    for step in (1, 1.2):
        order = t.buy(exectype=Order.Limit, price=t.step(-step))
        yield t.told(order, "Accepted")
    before = {one.venue_order_id: one for one in t.venue_orders()}
    assert len(before) == 2
    yield RESTART
    yield lambda: len(shown(t)) == len(before)
    for order in shown(t):
        one = before[order.info.venue_order_id]
        assert order.exectype == Order.Limit
        assert order.isbuy()
        assert order.created.price == one.price
        assert order.executed.remsize == t.venue.size
        assert t.last(order).status == "Accepted"
        assert t.cancel(order)
    yield lambda: t.venue_orders() == []
    yield lambda: t.open_orders() == []


@case("E85")
def restart_with_fills(t: Desk) -> Script:
    """Earlier executions are in the position after a restart, and are not counted twice."""
    order = yield from t.open_position()
    fills = [one for one in t.account().fills if one.client_order_id in t.ids(order)]
    yield RESTART
    yield t.moment()
    assert t.position == t.venue.size
    t.faults.say(*fills)
    yield t.moment()
    assert t.position == t.venue.size


def manages(t: Desk, size: float, price: float) -> Script:
    """Check a position after a restart, and close it."""
    yield t.moment()
    position = t.broker.getposition(t.data)
    assert t.position == size
    assert abs(position.price - price) <= t.tick
    order = t.close()
    yield t.told(order, "Completed")
    assert t.position == 0
    assert t.trades[-1].isclosed


@case("E86")
def restart_long(t: Desk) -> Script:
    """A long position is there after a restart, with its price, and can be closed."""
    order = yield from t.open_position()
    price = order.executed.price
    yield RESTART
    yield from manages(t, t.venue.size, price)


@case("E87", needs=("short",))
def restart_short(t: Desk) -> Script:
    """A short position is there after a restart, with its price, and can be closed."""
    order = t.sell()
    yield t.told(order, "Completed")
    price = order.executed.price
    yield RESTART
    yield from manages(t, -t.venue.size, price)


@case("N60", needs=("type Stop",))
def restart_with_stop(t: Desk) -> Script:
    """A stop that waits at the venue is shown after a restart."""
    order = t.buy(exectype=Order.Stop, price=t.step(1))
    yield t.told(order, "Accepted")
    yield t.moment()
    if t.is_emulated(order):
        t.skip("the stop is emulated: it is not at the venue")
    price = order.created.price
    yield RESTART
    yield lambda: len(shown(t)) == 1
    (again,) = shown(t)
    assert again.exectype == Order.Stop
    assert again.created.price == price
    assert t.cancel(again)
    yield lambda: t.venue_orders() == []
