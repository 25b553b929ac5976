"""Orders of which one cancels the other."""

from __future__ import annotations

import backtrader as bt

from btstores.reports import OrderEvent
from btstores.testing.case import Script, case
from btstores.testing.desk import Desk
from btstores.testing.faults import fills, of_event

Order = bt.Order


def pair(t: Desk) -> Script:
    """Rest two limit buys of which one cancels the other; for ``yield from``."""
    near = t.buy(exectype=Order.Limit, price=t.step(-1))
    yield t.told(near, "Accepted")
    far = t.buy(exectype=Order.Limit, price=t.step(-2), oco=near)
    yield t.told(far, "Accepted")
    yield t.moment()
    assert near.alive()
    assert far.alive()
    return near, far


@case("N04", needs=("oco", "trade"))
def oco_filled(t: Desk) -> Script:
    """One order of a group is executed, the other one Canceled."""
    near, far = yield from pair(t)
    t.venue.trade(near.created.price)
    yield t.told(near, "Completed")
    yield t.told(far, "Canceled")
    assert t.position == t.venue.size
    assert t.venue_orders() == []


@case("N05", needs=("oco",))
def oco_cancelled(t: Desk) -> Script:
    """One order of a group is cancelled, and the other one with it."""
    near, far = yield from pair(t)
    t.cancel(near)
    yield t.told(near, "Canceled")
    yield t.told(far, "Canceled")
    assert t.venue_orders() == []


@case("N51", needs=("oco", "trade"))
def oco_race(t: Desk) -> Script:
    """Both orders of a group are executed in a race: both are told, the surplus is named."""
    near, far = yield from pair(t)
    held = t.faults.hold(fills)
    canceled = t.faults.hold(of_event(OrderEvent.CANCELED))
    t.venue.trade(near.created.price)
    t.venue.trade(far.created.price)
    yield lambda: bool(held.reports)
    held.release()
    canceled.release()
    yield lambda: not near.alive() and not far.alive()
    yield t.moment()
    executed = near.executed.size + far.executed.size
    assert t.position == executed
    if executed > t.venue.size:
        codes = {told.info.get("reason_code") for told in t.notices}
        assert "SURPLUS" in codes or any("surplus" in msg for msg in t.messages())


@case("N71", needs=("oco", "short", "trade", "partial"))
def oco_partial(t: Desk) -> Script:
    """One order of a group is executed in part: the other one is for no more than the rest."""
    half = t.venue.size / 2
    buy_price, sell_price = t.step(-1), t.step(1)
    buy = t.buy(exectype=Order.Limit, price=buy_price)
    yield t.told(buy, "Accepted")
    sell = t.sell(exectype=Order.Limit, price=sell_price, oco=buy)
    yield t.told(sell, "Accepted")
    t.venue.trade(buy_price, half)
    yield t.told(buy, "Partial")
    yield t.moment()
    t.venue.trade(sell_price)
    yield lambda: not buy.alive() and not sell.alive()
    yield t.moment()
    assert buy.executed.size == half
    assert sell.executed.size == half - t.venue.size
    assert t.venue_orders() == []
