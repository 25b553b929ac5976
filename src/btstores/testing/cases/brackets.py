"""An entry with its exits."""

from __future__ import annotations

from typing import Any, List

import backtrader as bt

from btstores.testing.case import Script, case
from btstores.testing.desk import Desk

Order = bt.Order


def resting_bracket(t: Desk, side: str) -> Script:
    """Rest a bracket away from the market; check its three orders."""
    sign = 1 if side == "buy" else -1
    orders = t.bracket(
        side, price=t.step(-sign), stopprice=t.step(-2 * sign), limitprice=t.step(sign)
    )
    entry, stop, target = orders
    for order in orders:
        yield t.told(order, "Accepted")
    yield t.moment()
    assert all(t.statuses(order) == ["Submitted", "Accepted"] for order in orders)
    assert entry.isbuy() == (side == "buy")
    assert stop.isbuy() == target.isbuy() == (side != "buy")
    assert sign * stop.created.price < sign * entry.created.price < sign * target.created.price
    assert t.at_venue(entry) is not None
    assert t.position == 0


@case("E50", needs=("bracket",))
def buy_bracket(t: Desk) -> Script:
    """A bracket around a limit buy: three orders, accepted, with prices on the right sides."""
    yield from resting_bracket(t, "buy")


@case("E51", needs=("bracket", "short"))
def sell_bracket(t: Desk) -> Script:
    """A bracket around a limit sale."""
    yield from resting_bracket(t, "sell")


def open_bracket(t: Desk, **kwargs: Any) -> Script:
    """Let the entry of a bracket be executed; for ``yield from``."""
    orders = t.bracket(**kwargs)
    yield t.told(orders[0], "Completed")
    for order in orders[1:]:
        yield t.told(order, "Accepted")
    return orders


@case("E52", needs=("bracket",))
def exits_go_live(t: Desk) -> Script:
    """The exits go live when the entry is executed, and no sooner."""
    entry, stop, target = yield from open_bracket(t)
    yield t.moment()
    assert t.position == t.venue.size
    assert stop.alive()
    assert target.alive()
    if not t.is_emulated(target):
        assert t.at_venue(target) is not None
    assert not entry.alive()


def one_exit_ends_the_other(t: Desk, price: float, orders: List[Any]) -> Script:
    """Let the market come to an exit; the other one must be gone."""
    t.venue.trade(price)
    yield lambda: not any(order.alive() for order in orders)
    yield t.moment()
    assert t.position == 0
    assert t.venue_orders() == []
    assert t.trades[-1].isclosed


@case("N42", needs=("bracket", "trade"))
def target_ends_stop(t: Desk) -> Script:
    """The target is reached: the position is closed and the stop Canceled."""
    orders = yield from open_bracket(t)
    _, stop, target = orders
    yield from one_exit_ends_the_other(t, target.created.price, orders)
    assert t.statuses(target)[-1] == "Completed"
    assert t.statuses(stop)[-1] == "Canceled"
    assert t.trades[-1].pnl > 0


@case("N43", needs=("bracket", "trade"))
def stop_ends_target(t: Desk) -> Script:
    """The stop is reached: the position is closed and the target Canceled."""
    orders = yield from open_bracket(t)
    _, stop, target = orders
    yield from one_exit_ends_the_other(t, t.step(-1.1), orders)
    assert t.statuses(stop)[-1] == "Completed"
    assert t.statuses(target)[-1] == "Canceled"
    assert t.trades[-1].pnl < 0


@case("N30", needs=("bracket", "trade", "partial"))
def partial_entry(t: Desk) -> Script:
    """An entry that is executed in part: the exits are for no more than that."""
    half = t.venue.size / 2
    base = t.price
    entry_price, target_price = t.step(-1), t.step(1)
    entry, stop, target = t.bracket(
        price=entry_price, stopprice=t.step(-2), limitprice=target_price
    )
    yield t.told(entry, "Accepted")
    t.venue.trade(entry_price, half)
    yield t.told(entry, "Partial")
    assert t.position == half
    t.cancel(entry)
    yield t.told(entry, "Canceled")
    yield t.moment()
    assert stop.alive()
    assert target.alive()
    t.venue.trade(t.step(1.1, base))
    yield lambda: not target.alive() and not stop.alive()
    yield t.moment()
    assert abs(target.executed.size) == half
    assert t.position == 0
    assert t.venue_orders() == []


@case("N31", needs=("bracket",))
def cancelled_entry(t: Desk) -> Script:
    """A cancelled entry takes its exits with it."""
    orders = t.bracket(price=t.step(-1), stopprice=t.step(-2), limitprice=t.step(1))
    for order in orders:
        yield t.told(order, "Accepted")
    t.cancel(orders[0])
    for order in orders:
        yield t.told(order, "Canceled")
        assert t.statuses(order).count("Canceled") == 1
    assert t.venue_orders() == []
    assert t.open_orders() == []


@case("N40", needs=("bracket", "trade"))
def four_exits(t: Desk) -> Script:
    """A bracket with two targets and two stops: the first exit ends all the others."""
    most = t.store.capabilities.bracket_children
    if most is not None and most < 4 and dict(t.store.params).get("on_unsupported") == "reject":
        t.skip(f"not declared: {most} exits at most")
    target_price = t.step(1)
    entry = t.buy(exectype=Order.Limit, price=t.through("buy"), transmit=False)
    exits = [
        t.sell(exectype=Order.Stop, price=t.step(-1), parent=entry, transmit=False),
        t.sell(exectype=Order.Stop, price=t.step(-1.5), parent=entry, transmit=False),
        t.sell(exectype=Order.Limit, price=t.step(1.5), parent=entry, transmit=False),
        t.sell(exectype=Order.Limit, price=target_price, parent=entry, transmit=True),
    ]
    yield t.told(entry, "Completed")
    for order in exits:
        yield t.told(order, "Accepted")
    yield t.moment()
    yield from one_exit_ends_the_other(t, target_price, exits)
    assert [t.statuses(order)[-1] for order in exits] == ["Canceled"] * 3 + ["Completed"]


@case("N41", needs=("bracket", "type StopTrail", "trade"))
def trailing_exit(t: Desk) -> Script:
    """A bracket whose stop trails: it follows the market and closes the position."""
    base = t.price
    trail = t.rounded(base * t.venue.away)
    entry, stop, target = yield from open_bracket(
        t,
        stopexec=Order.StopTrail,
        stopprice=None,
        stopargs={"trailamount": trail},
        limitprice=t.step(4),
    )
    yield t.moment()
    t.venue.trade(t.step(2, base))
    yield t.moment()
    assert stop.alive()
    t.venue.trade(t.rounded(t.step(2, base) - trail - t.tick))
    yield t.told(stop, "Completed")
    yield t.told(target, "Canceled")
    assert t.position == 0
    assert stop.executed.price > entry.executed.price


@case("N70", needs=("bracket", "trade", "partial"))
def partial_exit(t: Desk) -> Script:
    """A target that is executed in part: the stop is for no more than the rest."""
    half = t.venue.size / 2
    entry, stop, target = yield from open_bracket(t)
    yield t.moment()
    t.venue.trade(target.created.price, half)
    yield t.told(target, "Partial")
    yield t.moment()
    assert t.position == t.venue.size - half
    t.venue.trade(t.step(-1.1))
    yield t.told(stop, "Completed", "Canceled")
    yield lambda: not any(order.alive() for order in (entry, stop, target))
    yield t.moment()
    assert abs(stop.executed.size) == t.venue.size - half
    assert t.position == 0
    assert t.venue_orders() == []
