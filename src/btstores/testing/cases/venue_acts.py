"""What the venue, or somebody else on the account, does by itself."""

from __future__ import annotations

from typing import Any

import backtrader as bt

from btstores.reports import OrderEvent, OrderType, Side
from btstores.stores.gateway import RateLimit
from btstores.testing.case import Script, case
from btstores.testing.cases.changes import resting
from btstores.testing.desk import Desk
from btstores.testing.faults import FaultGateway, of_event

Order = bt.Order


@case("N16")
def cancelled_by_venue(t: Desk) -> Script:
    """An accepted order that the venue cancels is Canceled, without our asking."""
    order = yield from resting(t)
    t.cancel_behind(order)
    yield t.told(order, "Canceled")
    yield t.moment()
    assert t.statuses(order) == ["Submitted", "Accepted", "Canceled"]
    assert not order.info.pending_cancel
    assert t.open_orders() == []


def rejecting(faults: FaultGateway) -> None:
    """Let the venue call its cancels rejections."""
    faults.change(
        of_event(OrderEvent.CANCELED),
        lambda report: [
            report._replace(event=OrderEvent.REJECTED, reason="risk desk", reason_code="V9")
        ],
    )


@case("N33")
def rejected_after_accept(t: Desk) -> Script:
    """An accepted order that the venue rejects is Rejected, with the venue's words."""
    order = yield from resting(t)
    rejecting(t.faults)
    t.cancel_behind(order)
    yield t.told(order, "Rejected")
    assert t.statuses(order) == ["Submitted", "Accepted", "Rejected"]
    assert t.last(order).info["reason"] == "risk desk"
    assert t.last(order).info["reason_code"] == "V9"
    assert t.last(order).info["denied_by"] == "venue"


@case("N37", needs=("trade", "partial"))
def rejected_after_partial(t: Desk) -> Script:
    """An order that is executed in part and then rejected: the part stands."""
    half = t.venue.size / 2
    order = yield from resting(t)
    t.venue.trade(order.created.price, half)
    yield t.told(order, "Partial")
    rejecting(t.faults)
    t.cancel_behind(order)
    yield t.told(order, "Rejected")
    assert t.statuses(order) == ["Submitted", "Accepted", "Partial", "Rejected"]
    assert order.executed.size == half
    assert t.position == half


@case("N34", needs=("tif GTD",))
def expiry_called_cancel(t: Desk) -> Script:
    """An expiry that the venue calls a cancel is Expired all the same."""
    seconds = t.venue.expiry
    t.faults.change(
        of_event(OrderEvent.EXPIRED), lambda report: [report._replace(event=OrderEvent.CANCELED)]
    )
    order = t.buy(exectype=Order.Limit, price=t.step(-1), valid=t.in_seconds(seconds))
    yield t.told(order, "Accepted")
    yield t.within(seconds, t.over(order))
    yield t.moment()
    assert t.statuses(order)[-1] == "Expired"


def shown(t: Desk, client_order_id: str) -> Any:
    """Return the order that the broker shows under a client id, or None."""
    for order in t.open_orders():
        if order.info.client_order_id == client_order_id:
            return order
    return None


@case("N17")
def foreign_order(t: Desk) -> Script:
    """An order that somebody else sends is shown, and can be claimed and cancelled."""
    request = t.order_behind(Side.BUY, order_type=OrderType.LIMIT, price=t.step(-1))
    yield lambda: shown(t, request.client_order_id) is not None
    order = shown(t, request.client_order_id)
    yield t.told(order, "Accepted")
    assert t.last(order).info["foreign"]
    t.claim(order)
    assert t.cancel(order)
    yield t.told(order, "Canceled")
    assert t.venue_orders() == []


@case("N18")
def foreign_fill(t: Desk) -> Script:
    """What somebody else trades is in the account's position and not in the strategy's."""
    before = t.account_position
    t.order_behind(Side.BUY, order_type=OrderType.MARKET)
    yield lambda: t.account_position == before + t.venue.size
    yield t.moment()
    assert t.position == 0
    assert t.strategy.position.size == 0
    t.order_behind(Side.SELL, order_type=OrderType.MARKET)
    yield lambda: t.account_position == before
    assert t.position == 0


@case("N61", needs=("trade",))
def claimed_fill(t: Desk) -> Script:
    """What is executed of a claimed order is the strategy's."""
    request = t.order_behind(Side.BUY, order_type=OrderType.LIMIT, price=t.step(-1))
    yield lambda: shown(t, request.client_order_id) is not None
    order = shown(t, request.client_order_id)
    t.claim(order)
    t.venue.trade(request.price or 0.0)
    yield t.told(order, "Completed")
    assert t.position == t.venue.size


@case("N22")
def many_at_once(t: Desk) -> Script:
    """Of ten orders sent at once none is lost: each is accepted, or refused with a reason."""
    orders = [t.buy(exectype=Order.Limit, price=t.step(-1 - i / 10)) for i in range(10)]
    for order in orders:
        yield t.told(order, "Accepted", "Rejected", "Margin")
    for order in orders:
        assert order.alive() or t.last(order).info["reason"]
    alive = [order for order in orders if order.alive()]
    assert len(t.venue_orders()) == len(alive)
    for order in alive:
        t.cancel(order)
    for order in alive:
        yield t.told(order, "Canceled")
    assert t.venue_orders() == []


@case("N23", capabilities={"rates": (RateLimit(frozenset({"place"}), 2, 5.0),)})
def throttled(t: Desk) -> Script:
    """Orders above the venue's rate wait their turn; a cancel does not."""
    began_ns = t.store.clock.time_ns()
    orders = [t.buy(exectype=Order.Limit, price=t.step(-1 - i / 10)) for i in range(4)]
    yield t.told(orders[0], "Accepted")
    t.cancel(orders[0])
    yield t.told(orders[0], "Canceled")
    assert t.store.clock.time_ns() - began_ns < 4_000_000_000
    assert len(t.sent()) <= 2
    for order in orders[1:]:
        yield t.within(15.0, t.told(order, "Accepted"))
    times = [call.time_ns for call in t.faults.calls if call.name == "place"]
    assert all(later - sooner >= 4_900_000_000 for sooner, later in zip(times, times[2:]))


@case("N24", needs=("halt",))
def halted(t: Desk) -> Script:
    """While the market is closed orders are taken or refused, none trades, cancels pass."""
    order = yield from resting(t)
    t.venue.halt(True)
    market = t.buy()
    yield t.seconds(5.0)
    assert market.executed.size == 0
    assert market.alive() or t.last(market).info["reason"]
    t.cancel(order)
    yield t.told(order, "Canceled")
    t.venue.halt(False)
    if market.alive():
        yield t.told(market, "Completed")


@case("N50", needs=("quote",))
def trades_at_the_quote(t: Desk) -> Script:
    """A market order trades at the quote: a buy at the ask, a sale at the bid."""
    bid, ask = t.rounded(t.price - 2 * t.tick), t.rounded(t.price + 2 * t.tick)
    t.venue.quote(bid, ask)
    order = yield from t.open_position()
    assert order.executed.price == ask
    order = t.close()
    yield t.told(order, "Completed")
    assert order.executed.price == bid
