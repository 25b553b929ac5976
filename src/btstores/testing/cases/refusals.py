"""What is refused before it is sent, and what is passed on to the venue as it is."""

from __future__ import annotations

import math
from typing import Any, Dict, List, Tuple

import backtrader as bt

from btstores.reports import OrderType, TimeInForce
from btstores.testing.case import Script, case
from btstores.testing.desk import Desk

Order = bt.Order


def refused(t: Desk, order: Any, *codes: str) -> Script:
    """Check that an order was Rejected here: at once, with a reason, and nothing left."""
    assert order.status == Order.Rejected
    assert t.wire(order) is None
    yield t.told(order, "Rejected")
    info = t.last(order).info
    assert info["reason_code"] in codes, info["reason_code"]
    assert info["reason"]
    assert info["denied_by"] == "validation"
    assert t.statuses(order)[-1] == "Rejected"
    assert t.statuses(order).count("Rejected") == 1


@case("E61", needs=("extra reduce_only",))
def reduce_only(t: Desk) -> Script:
    """A reduce-only order leaves with its flag and closes the position."""
    yield from t.open_position()
    order = t.sell(reduce_only=True)
    yield t.told(order, "Completed")
    wire = t.wire(order)
    assert wire is not None
    assert wire.extras["reduce_only"] is True
    assert t.position == 0


@case("E62", needs=("extra iceberg",))
def iceberg(t: Desk) -> Script:
    """An iceberg order leaves with the size that it shows."""
    order = t.buy(exectype=Order.Limit, price=t.step(-1), iceberg=t.venue.size / 2)
    yield t.told(order, "Accepted")
    wire = t.wire(order)
    assert wire is not None
    assert wire.extras["iceberg"] == t.venue.size / 2


@case("E63")
def own_parameters(t: Desk) -> Script:
    """What else an order is given is passed on to the venue."""
    order = t.buy(exectype=Order.Limit, price=t.step(-1), note="from the suite")
    yield t.told(order, "Accepted")
    wire = t.wire(order)
    assert wire is not None
    assert wire.extras["note"] == "from the suite"
    assert order.info.note == "from the suite"


@case("E71", needs=("extra reduce_only",))
def reduce_only_without_position(t: Desk) -> Script:
    """A reduce-only order without a position is Rejected, and the reason says so."""
    order = t.sell(reduce_only=True)
    yield t.told(order, "Rejected")
    assert "reduce" in str(t.last(order).info["reason"]).lower()
    assert t.position == 0


@case(
    "E72",
    params={"on_unsupported": "reject", "emulate": ()},
    capabilities={"order_types": frozenset({OrderType.MARKET, OrderType.LIMIT})},
)
def type_unsupported(t: Desk) -> Script:
    """An order type that the venue lacks is refused before the wire, with the reason."""
    order = t.buy(exectype=Order.StopTrail, trailpercent=0.02)
    yield from refused(t, order, "UNSUPPORTED")
    assert "StopTrail" in t.last(order).info["reason"]


@case(
    "E73",
    params={"on_unsupported": "reject", "emulate": ()},
    capabilities={"tifs": frozenset({TimeInForce.GTC})},
)
def tif_unsupported(t: Desk) -> Script:
    """A validity that the venue lacks is refused before the wire, with the reason."""
    order = t.buy(exectype=Order.Limit, price=t.step(-1), tif="IOC")
    yield from refused(t, order, "UNSUPPORTED")
    assert "IOC" in t.last(order).info["reason"]
    order = t.buy(exectype=Order.Limit, price=t.step(-1), valid=t.in_seconds(3600))
    yield from refused(t, order, "UNSUPPORTED")


@case("N25", params={"checks": {}})
def price_off_the_grid(t: Desk) -> Script:
    """A price between two ticks is refused, with the tick."""
    tick = t.data.instrument.tick_at(t.price)
    if not tick:
        t.skip("the venue tells no tick size")
    order = t.buy(exectype=Order.Limit, price=t.step(-1) + tick / 4)
    yield from refused(t, order, "PRICE_TICK")


@case("N26", params={"checks": {"price": "round", "size": "round"}})
def rounded(t: Desk) -> Script:
    """Asked to round, an order leaves with a price and size on the grid, and says so."""
    tick, lot = t.data.instrument.tick_at(t.price), t.data.instrument.lot
    if not tick or not lot:
        t.skip("the venue tells no tick size and lot")
    price, size = t.step(-1), t.venue.size
    order = t.buy(exectype=Order.Limit, price=price + tick / 4, size=size + lot / 4)
    yield t.told(order, "Accepted")
    wire = t.wire(order)
    assert wire is not None
    assert math.isclose(wire.price or 0.0, price, rel_tol=1e-12)
    assert wire.size == size
    assert set(order.info.rounded) == {"price", "size"}


@case("N27", params={"checks": {}})
def size_off_the_lot(t: Desk) -> Script:
    """A size between two lots is refused, with the lot."""
    lot = t.data.instrument.lot
    if not lot:
        t.skip("the venue tells no lot")
    order = t.buy(exectype=Order.Limit, price=t.step(-1), size=t.venue.size + lot / 4)
    yield from refused(t, order, "SIZE_LOT", "SIZE_FRACTION")


@case("N29")
def beyond_the_means(t: Desk) -> Script:
    """An order that the account cannot pay ends as Margin, or is refused, with the reason."""
    value = float(t.broker.getvalue())
    lot = t.data.instrument.lot or 1.0
    size = math.ceil(1000 * max(value, 1.0) / t.price / lot) * lot
    order = t.buy(size=size)
    yield t.over(order)
    yield t.moment()
    assert t.statuses(order)[-1] in ("Margin", "Rejected")
    assert t.last(order).info["reason"]
    assert order.executed.size == 0
    assert t.position == 0


@case("N45")
def impossible_values(t: Desk) -> Script:
    """Sizes and prices that cannot be are refused in the same call, each with its code."""
    limit = {"exectype": Order.Limit, "price": t.step(-1)}
    # Past the strategy, which takes the size for a number and its sign away.
    for size in (math.nan, math.inf, -math.inf, -1.0, 0.0, "ten"):
        order = t.broker.buy(t.strategy, t.data, size, **limit)
        yield from refused(t, order, "SIZE_INVALID")
    for price in (math.nan, math.inf, -1.0, "low"):
        order = t.buy(exectype=Order.Limit, price=price)
        yield from refused(t, order, "PRICE_INVALID")
    order = t.buy(exectype=99)
    yield from refused(t, order, "TYPE_INVALID")
    assert t.sent() == []


@case("N59")
def bracket_with_a_wrong_leg(t: Desk) -> Script:
    """A bracket with one wrong order goes out not at all."""
    orders = t.bracket(price=t.step(-1), stopprice=t.step(-2), limitprice=math.nan)
    for order in orders:
        yield t.told(order, "Rejected")
    codes = {t.last(order).info["reason_code"] for order in orders}
    assert codes == {"BRACKET_INVALID", "PRICE_INVALID"}
    assert t.sent() == []


@case("N64", needs=("bracket",))
def parent_gone(t: Desk) -> Script:
    """An exit whose entry has ended without an execution is refused."""
    entry = t.buy(exectype=Order.Limit, price=t.step(-1))
    yield t.told(entry, "Accepted")
    t.cancel(entry)
    yield t.told(entry, "Canceled")
    order = t.sell(exectype=Order.Limit, price=t.step(1), parent=entry)
    yield from refused(t, order, "PARENT_GONE")


@case("N65", needs=("oco",))
def group_gone(t: Desk) -> Script:
    """An order that is to cancel, or be cancelled by, one that has ended is refused."""
    other = yield from t.open_position()
    order = t.buy(exectype=Order.Limit, price=t.step(-1), oco=other)
    yield from refused(t, order, "OCO_GONE")


@case("N66", needs=("modify price", "modify size"))
def impossible_changes(t: Desk) -> Script:
    """Changes to values that cannot be are refused here, told with the code, and not sent."""
    order = t.buy(exectype=Order.Limit, price=t.step(-1))
    yield t.told(order, "Accepted")
    wrong: List[Tuple[Dict[str, Any], str]] = [
        ({"price": math.nan}, "PRICE_INVALID"),
        ({"price": -1.0}, "PRICE_INVALID"),
        ({"size": 0}, "SIZE_INVALID"),
        ({"size": math.inf}, "SIZE_INVALID"),
        ({"trailamount": 1.0}, "MODIFY_USELESS"),
    ]
    for changes, code in wrong:
        before = len(t.notices_of(order))
        assert t.modify(order, **changes) is False
        yield lambda before=before: len(t.notices_of(order)) > before
        assert t.last(order).info["reason_code"] == code, changes
        assert t.last(order).status == "Accepted"
    assert t.changes() == []
    assert t.at_venue(order) is not None


@case("N67", needs=("modify size", "trade", "partial"))
def change_below_filled(t: Desk) -> Script:
    """A change to less than is executed already is refused."""
    half = t.venue.size / 2
    order = t.buy(exectype=Order.Limit, price=t.step(-1))
    yield t.told(order, "Accepted")
    t.venue.trade(order.created.price, half)
    yield t.told(order, "Partial")
    assert t.modify(order, size=half / 5) is False
    yield lambda: t.last(order).info.get("reason_code") == "MODIFY_BELOW_FILLED"
    assert t.statuses(order)[-1] == "Partial"
