"""Orders for an option."""

from __future__ import annotations

from typing import Any, Dict

import backtrader as bt

from btstores.testing.case import Script, case
from btstores.testing.cases.changes import cancel_one
from btstores.testing.cases.entry import fok_through, limit_buy_rests, limit_sell_rests
from btstores.testing.cases.restart import restart_long
from btstores.testing.desk import Desk

Order = bt.Order

_ARGUMENTS: Dict[str, Dict[str, Any]] = {
    "Market": {},
    "Stop": {"price": 1},
    "StopLimit": {"price": 1, "plimit": 1.2},
    "StopTrail": {"trailpercent": 0.1},
    "StopTrailLimit": {"price": 0, "plimit": 0.2, "trailpercent": 0.1},
    "Close": {},
}


@case("E90", needs=("options",), option=True)
def option_limit_buy(t: Desk) -> Script:
    """A limit buy of an option rests."""
    yield from limit_buy_rests(t)


@case("E91", needs=("options", "short"), option=True)
def option_limit_sell(t: Desk) -> Script:
    """A limit sale of an option rests."""
    yield from limit_sell_rests(t)


def barred(t: Desk, name: str) -> Script:
    """Send an order of a type that is barred; it must end without an execution."""
    arguments = {
        key: t.step(value) if key in ("price", "plimit") else value
        for key, value in _ARGUMENTS[name].items()
    }
    order = t.buy(exectype=getattr(Order, name), **arguments)
    yield t.told(order, "Rejected")
    assert t.last(order).info["reason"]
    assert order.executed.size == 0
    assert t.position == 0


@case("E94", needs=("options",), option=True)
def option_type_barred(t: Desk) -> Script:
    """An order type that the venue bars for options is refused."""
    names = [name for name in t.venue.barred if not name.startswith("Stop")]
    if not names:
        t.skip("no order type is barred for options")
    for name in names:
        yield from barred(t, name)


@case("E96", needs=("options",), option=True)
def option_stop_barred(t: Desk) -> Script:
    """A conditional order that the venue bars for options is refused."""
    names = [name for name in t.venue.barred if name.startswith("Stop")]
    if not names:
        t.skip("no conditional order is barred for options")
    for name in names:
        yield from barred(t, name)


@case("E99", needs=("options", "tif FOK"), option=True)
def option_fok(t: Desk) -> Script:
    """A limit order with FOK for an option trades whole."""
    yield from fok_through(t)


@case("E100", needs=("options",), option=True)
def option_cancel(t: Desk) -> Script:
    """An order for an option is cancelled."""
    yield from cancel_one(t)


@case("E101", needs=("options",), option=True)
def option_restart(t: Desk) -> Script:
    """A position in an option is there after a restart, and can be closed."""
    yield from restart_long(t)
