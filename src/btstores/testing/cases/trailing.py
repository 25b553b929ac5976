"""Stops that are touched, that trail, and orders at the end of the session."""

from __future__ import annotations

import datetime
from typing import Any, Optional

import backtrader as bt

from btstores.clock import NS_PER_SECOND
from btstores.testing.case import Script, case
from btstores.testing.desk import Desk

Order = bt.Order


def follows(t: Desk, order: Any, sign: int, trail: float) -> Script:
    """Let the market run ``sign`` away, come back by less than ``trail``, then by more."""
    base = t.price
    best = t.rounded(base + sign * 2 * trail)
    yield t.told(order, "Accepted")
    yield t.moment()
    t.venue.trade(best)
    yield t.moment()
    assert order.alive(), "it must not fire while the market runs its way"
    t.venue.trade(t.rounded(best - sign * trail * 0.5))
    yield t.moment()
    assert order.alive(), "it must not fire before the trail is used up"
    assert order.executed.size == 0
    t.venue.trade(t.rounded(best - sign * (trail + t.tick)))


@case("N01", needs=("type StopTrail", "trade"))
def trail_by_amount(t: Desk) -> Script:
    """A trailing stop to sell follows the market by an amount, and fires on the way back."""
    base = t.price
    trail = t.rounded(base * t.venue.away)
    yield from t.open_position()
    order = t.sell(exectype=Order.StopTrail, trailamount=trail)
    yield from follows(t, order, 1, trail)
    yield t.told(order, "Completed")
    assert base < order.executed.price < base + 1.5 * trail
    assert t.position == 0


@case("N02", needs=("type StopTrail", "trade"))
def trail_by_percent(t: Desk) -> Script:
    """A trailing stop to buy follows the market by a percentage."""
    base = t.price
    order = t.buy(exectype=Order.StopTrail, trailpercent=t.venue.away)
    yield from follows(t, order, -1, base * t.venue.away)
    yield t.told(order, "Completed")
    assert base - 1.5 * base * t.venue.away < order.executed.price < base
    assert t.position == t.venue.size


@case("N03", needs=("type StopTrailLimit", "trade"))
def trail_with_limit(t: Desk) -> Script:
    """A trailing stop with a limit: touched, it rests at its limit."""
    base = t.price
    trail = t.rounded(base * t.venue.away)
    yield from t.open_position()
    order = t.sell(
        exectype=Order.StopTrailLimit,
        price=base,
        plimit=t.rounded(base - trail / 2),
        trailamount=trail,
    )
    yield from follows(t, order, 1, trail)
    yield t.told(order, "Completed")
    assert order.executed.price >= t.rounded(base + trail / 2) - t.tick
    assert t.position == 0


def touched(t: Desk, order: Any, price: float) -> Script:
    """Let the market come to a stop; it must trade there, and not have done so before."""
    yield t.told(order, "Accepted")
    yield t.moment()
    assert order.executed.size == 0
    t.venue.trade(price)
    yield t.told(order, "Completed")
    assert t.statuses(order).count("Completed") == 1


@case("N52", needs=("type Stop", "trade"))
def stop_touched(t: Desk) -> Script:
    """A stop that is touched trades."""
    price = t.step(1)
    order = t.buy(exectype=Order.Stop, price=price)
    yield from touched(t, order, price)
    assert order.executed.price >= price


@case("N53", needs=("type Stop", "trade"))
def stop_jumped_over(t: Desk) -> Script:
    """A stop that the market jumps over trades where the market is, not at the trigger."""
    yield from t.open_position()
    price, gap = t.step(-1), t.step(-2)
    order = t.sell(exectype=Order.Stop, price=price)
    yield from touched(t, order, gap)
    assert abs(order.executed.price - gap) <= t.tick


@case("N54", needs=("type StopLimit", "trade"))
def stop_limit_jumped_over(t: Desk) -> Script:
    """A stop-limit order that the market jumps over rests at its limit until it comes back."""
    price, limit, gap = t.step(1), t.step(1.2), t.step(2)
    order = t.buy(exectype=Order.StopLimit, price=price, plimit=limit)
    yield t.told(order, "Accepted")
    yield t.moment()
    t.venue.trade(gap)
    yield t.moment()
    assert order.alive()
    assert order.executed.size == 0
    t.venue.trade(limit)
    yield t.told(order, "Completed")
    assert order.executed.price <= limit


def left(t: Desk, end_ns: Optional[int]) -> float:
    """Return the seconds until the end of the session; end the case if that takes too long."""
    if end_ns is None:
        t.skip("the end of the session is not known")
    seconds = (end_ns - t.store.clock.time_ns()) / NS_PER_SECOND
    if seconds > t.venue.patience:
        t.skip(f"takes {seconds:.0f} s")
    return seconds


@case("N28", needs=("type Close",))
def close_order(t: Desk) -> Script:
    """A Close order trades at the end of the session."""
    order = t.buy(exectype=Order.Close)
    yield t.told(order, "Accepted")
    seconds = left(t, t.request(order).session_end_ns)
    yield t.seconds(seconds / 2)
    assert order.executed.size == 0
    yield t.within(seconds, t.told(order, "Completed"))
    assert t.position == t.venue.size


@case("N14", needs=("tif DAY",))
def day_expires(t: Desk) -> Script:
    """An order for the day is Expired when the session is over, and not before."""
    order = t.buy(exectype=Order.Limit, price=t.step(-1), valid=Order.DAY)
    yield t.told(order, "Accepted")
    seconds = left(t, t.request(order).expire_ns)
    yield t.seconds(seconds - 1.0)
    assert order.alive()
    yield t.within(seconds, t.over(order))
    yield t.moment()
    assert t.statuses(order) == ["Submitted", "Accepted", "Expired"]
    assert t.venue_orders() == []


@case("N44", needs=("tif DAY", "tif GTD"))
def valid_in_all_forms(t: Desk) -> Script:
    """``valid`` as a time span, a date and 0."""
    tomorrow = t.in_seconds(36 * 3600).date()
    for valid in (datetime.timedelta(hours=1), tomorrow, 0):
        order = t.buy(exectype=Order.Limit, price=t.step(-1), valid=valid)
        yield t.told(order, "Accepted")
        yield t.moment()
        assert order.alive(), valid
