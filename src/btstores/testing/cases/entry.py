"""Orders on their way in: each type and each validity, resting and trading."""

from __future__ import annotations

import datetime
from typing import Any

import backtrader as bt

from btstores.reports import FillReport, OrderType, TimeInForce
from btstores.testing.case import Script, case
from btstores.testing.desk import Desk

Order = bt.Order


def trades_at_once(t: Desk, order: Any) -> Script:
    """Wait for an order that meets the market, and check how it went."""
    price, cash = t.price, t.cash
    yield t.told(order, "Completed")
    assert t.statuses(order)[0] == "Submitted"
    assert t.statuses(order).count("Completed") == 1
    assert abs(order.executed.size) == t.venue.size
    assert order.executed.remsize == 0
    assert abs(order.executed.price / price - 1) <= t.venue.away
    yield lambda: t.cash != cash


def rests(t: Desk, order: Any) -> Script:
    """Wait until an order works, and check that it goes on doing so as it was asked for."""
    yield t.told(order, "Accepted")
    yield t.moment()
    assert t.statuses(order) == ["Submitted", "Accepted"]
    assert order.alive()
    assert order.executed.size == 0
    assert order in t.open_orders()
    at_venue, wire = t.at_venue(order), t.wire(order)
    if t.is_emulated(order):
        return
    assert at_venue is not None
    assert wire is not None
    assert wire.side.sign == (1 if order.isbuy() else -1)
    assert wire.size == t.venue.size


def wire_is(t: Desk, order: Any, **terms: Any) -> None:
    """Check what left for the venue; what the core does itself leaves later or never."""
    wire = t.wire(order)
    if t.is_emulated(order):
        return
    assert wire is not None
    for name, value in terms.items():
        assert getattr(wire, name) == value, (name, wire)


@case("E01")
def market_buy(t: Desk) -> Script:
    """A market buy opens a long position."""
    order = t.buy()
    yield from trades_at_once(t, order)
    wire_is(t, order, order_type=OrderType.MARKET)
    assert t.position == t.venue.size


@case("E02", needs=("short",))
def market_sell(t: Desk) -> Script:
    """A market sale opens a short position."""
    order = t.sell()
    yield from trades_at_once(t, order)
    assert t.position == -t.venue.size


@case("E03", needs=("tif IOC",))
def market_ioc(t: Desk) -> Script:
    """A market order with IOC trades, and leaves with that validity."""
    order = t.buy(tif="IOC")
    yield from trades_at_once(t, order)
    wire_is(t, order, tif=TimeInForce.IOC)


@case("E04", needs=("tif FOK",))
def market_fok(t: Desk) -> Script:
    """A market order with FOK trades whole."""
    order = t.buy(tif="FOK")
    yield from trades_at_once(t, order)
    wire_is(t, order, tif=TimeInForce.FOK)
    assert sum(isinstance(report, FillReport) for report in t.faults.heard) == 1


@case("E06")
def close_position(t: Desk) -> Script:
    """A close leaves no position and no order."""
    yield from t.open_position()
    order = t.close()
    assert order.issell()
    yield t.told(order, "Completed")
    assert t.position == 0
    assert t.open_orders() == []
    yield lambda: t.venue_orders() == []
    yield lambda: any(trade.isclosed for trade in t.trades)


@case("E10")
def limit_buy_rests(t: Desk) -> Script:
    """A limit buy below the market rests."""
    order = t.buy(exectype=Order.Limit, price=t.step(-1))
    yield from rests(t, order)
    wire_is(t, order, order_type=OrderType.LIMIT, price=order.created.price, tif=TimeInForce.GTC)


@case("E11", needs=("short",))
def limit_sell_rests(t: Desk) -> Script:
    """A limit sale above the market rests."""
    order = t.sell(exectype=Order.Limit, price=t.step(1))
    yield from rests(t, order)
    wire_is(t, order, order_type=OrderType.LIMIT, price=order.created.price, tif=TimeInForce.GTC)


@case("E12", needs=("short",))
def limits_on_both_sides(t: Desk) -> Script:
    """A limit buy and a limit sale rest side by side."""
    buy = t.buy(exectype=Order.Limit, price=t.step(-1))
    sell = t.sell(exectype=Order.Limit, price=t.step(1))
    yield from rests(t, buy)
    yield from rests(t, sell)


@case("E13", needs=("tif IOC",))
def ioc_through(t: Desk) -> Script:
    """A limit order with IOC through the market trades."""
    order = t.buy(exectype=Order.Limit, price=t.through("buy"), tif="IOC")
    yield from trades_at_once(t, order)


@case("E14", needs=("tif IOC",))
def ioc_away(t: Desk) -> Script:
    """A limit order with IOC away from the market is Canceled, not Expired."""
    order = t.buy(exectype=Order.Limit, price=t.step(-1), tif="IOC")
    yield t.over(order)
    yield t.moment()
    assert t.statuses(order)[-1] == "Canceled"
    assert order.executed.size == 0


@case("E15", needs=("tif FOK",))
def fok_through(t: Desk) -> Script:
    """A limit order with FOK through the market trades in one piece."""
    order = t.buy(exectype=Order.Limit, price=t.through("buy"), tif="FOK")
    yield from trades_at_once(t, order)
    assert sum(isinstance(report, FillReport) for report in t.faults.heard) == 1


@case("E16", needs=("tif FOK",))
def fok_away(t: Desk) -> Script:
    """A limit order with FOK away from the market is Canceled without an execution."""
    order = t.buy(exectype=Order.Limit, price=t.step(-1), tif="FOK")
    yield t.over(order)
    yield t.moment()
    assert t.statuses(order)[-1] == "Canceled"
    assert order.executed.size == 0


@case("E17", needs=("tif GTD",))
def gtd_rests(t: Desk) -> Script:
    """An order valid for an hour is accepted with that end."""
    until = t.in_seconds(3600)
    order = t.buy(exectype=Order.Limit, price=t.step(-1), valid=until)
    yield from rests(t, order)
    wire = t.wire(order)
    if not t.is_emulated(order):
        assert wire is not None
        assert wire.tif is TimeInForce.GTD
        assert wire.expire_ns is not None
        # A feed's time is a float of days: it cannot tell ten microseconds apart.
        wanted_s = (until - datetime.datetime(1970, 1, 1)).total_seconds()
        assert abs(wire.expire_ns / 1e9 - wanted_s) < 0.001


@case("E18", needs=("tif GTD",))
def gtd_expires(t: Desk) -> Script:
    """An order whose time is over is Expired."""
    seconds = t.venue.expiry
    order = t.buy(exectype=Order.Limit, price=t.step(-1), valid=t.in_seconds(seconds))
    yield t.told(order, "Accepted")
    yield t.within(seconds, t.over(order))
    yield t.moment()
    assert t.statuses(order) == ["Submitted", "Accepted", "Expired"]
    assert t.at_venue(order) is None


@case("E19", needs=("tif DAY",))
def day_rests(t: Desk) -> Script:
    """An order for the day is accepted with the end of the session."""
    order = t.buy(exectype=Order.Limit, price=t.step(-1), valid=Order.DAY)
    yield from rests(t, order)
    wire = t.wire(order)
    if not t.is_emulated(order):
        assert wire is not None
        assert wire.tif is TimeInForce.DAY
        assert wire.expire_ns is None or wire.expire_ns > t.store.clock.time_ns()


@case("E20", needs=("type Stop",))
def stop_buy_rests(t: Desk) -> Script:
    """A stop to buy above the market waits."""
    order = t.buy(exectype=Order.Stop, price=t.step(1))
    yield from rests(t, order)
    wire_is(t, order, order_type=OrderType.STOP, price=order.created.price)


@case("E21", needs=("type Stop",))
def stop_sell_rests(t: Desk) -> Script:
    """A stop to sell below the market waits."""
    yield from t.open_position()
    order = t.sell(exectype=Order.Stop, price=t.step(-1))
    yield from rests(t, order)
    wire_is(t, order, order_type=OrderType.STOP, price=order.created.price)


@case("E22", needs=("type StopLimit",))
def stop_limit_buy_rests(t: Desk) -> Script:
    """A stop-limit order to buy waits with trigger and limit."""
    order = t.buy(exectype=Order.StopLimit, price=t.step(1), plimit=t.step(1.2))
    yield from rests(t, order)
    wire_is(t, order, price=order.created.price, limit_price=order.created.pricelimit)


@case("E23", needs=("type StopLimit",))
def stop_limit_sell_rests(t: Desk) -> Script:
    """A stop-limit order to sell waits with trigger and limit."""
    yield from t.open_position()
    order = t.sell(exectype=Order.StopLimit, price=t.step(-1), plimit=t.step(-1.2))
    yield from rests(t, order)
    wire_is(t, order, price=order.created.price, limit_price=order.created.pricelimit)
