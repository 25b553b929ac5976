"""Who does what of an order."""

from __future__ import annotations

import dataclasses

import pytest

from btstores.errors import ConfigError
from btstores.orders.legs import Emulated
from btstores.reports import OrderRequest, OrderType, Side, TimeInForce
from btstores.stores.emulation import EMULATED_NAMES, Relations, has_bracket, plan_of, read_emulate
from btstores.stores.gateway import ALL_ORDER_TYPES, Capabilities

T, E = OrderType, Emulated
ALL = Capabilities(order_types=ALL_ORDER_TYPES, bracket=True, oco=True, tifs=frozenset(TimeInForce))
#: What any venue has.
LEAST = Capabilities(order_types=frozenset({T.MARKET, T.LIMIT}), tifs=frozenset({TimeInForce.GTC}))


def order(order_type=T.MARKET, **values):
    return OrderRequest("c1", "A", Side.BUY, 1.0, order_type, **values)


def plan(request, can, relations=None, emulate=(), allowed=True):
    return plan_of(request, relations or Relations(), can, frozenset(emulate), allowed)


DEMANDS = [
    (order(T.STOP, price=9.0), Relations(), {E.STOP}),
    (order(T.STOP_LIMIT, price=9.0, limit_price=9.0), Relations(), {E.STOP}),
    (order(T.STOP_TRAIL, trail_amount=1.0), Relations(), {E.STOP}),
    (order(T.CLOSE), Relations(), {E.CLOSE}),
    (order(tif=TimeInForce.GTD, expire_ns=5), Relations(), {E.EXPIRY}),
    (order(), Relations(in_bracket=True, children=2), {E.BRACKET}),
    (order(), Relations(in_oco=True), {E.OCO}),
]


@pytest.mark.parametrize(("request_", "relations", "does"), DEMANDS)
def test_what_a_venue_lacks_is_done_here_or_refused(request_, relations, does):
    assert plan(request_, ALL, relations) == (frozenset(), ())
    assert plan(request_, LEAST, relations) == (does, ())
    refused = plan(request_, LEAST, relations, allowed=False)
    assert (refused.does, len(refused.lacking)) == (frozenset(), 1)


@pytest.mark.parametrize(("request_", "relations", "does"), DEMANDS)
def test_what_a_venue_has_is_done_here_if_that_is_wanted(request_, relations, does):
    everything = read_emulate("all")
    assert plan(request_, ALL, relations, everything, allowed=False).does == does


@pytest.mark.parametrize("tif", [TimeInForce.IOC, TimeInForce.FOK])
def test_what_nobody_can_do_here_is_lacking(tif):
    assert plan(order(tif=tif), LEAST).lacking == (f"{tif.value} orders",)
    extra = order(extras={"iceberg": 5})
    assert plan(extra, ALL).lacking == ("iceberg orders",)


def test_a_stop_needs_the_order_that_it_becomes():
    only_limits = dataclasses.replace(LEAST, order_types=frozenset({T.LIMIT}))
    assert plan(order(T.STOP, price=9.0), only_limits).lacking == ("Stop orders",)
    assert plan(order(T.STOP_LIMIT, price=9.0, limit_price=9.0), only_limits).does == {E.STOP}


def exit_of(kind, size=10.0, **kw):
    return order(kind, parent_id="entry", **kw)._replace(size=size)


ENTRY = order()._replace(client_order_id="entry", size=10.0)
TARGET = exit_of(T.LIMIT, price=11.0)
STOP = exit_of(T.STOP, price=9.0)
TRAIL = exit_of(T.STOP_TRAIL, trail_amount=1.0)
TIED = dataclasses.replace(
    LEAST,
    bracket=True,
    bracket_children=2,
    exits=frozenset({T.LIMIT, T.STOP, T.STOP_TRAIL}),
)


@pytest.mark.parametrize(
    ("exits", "expected"),
    [
        ([TARGET, STOP], True),
        ([TARGET, TRAIL], True),
        ([STOP], True),
        ([STOP, TRAIL], False),
        ([TARGET, TARGET], False),
        ([TARGET, STOP, TRAIL], False),
        ([TARGET, exit_of(T.STOP, 5.0, price=9.0)], False),
        ([exit_of(T.STOP_TRAIL, trail_percent=0.1)], False),
        ([exit_of(T.STOP_LIMIT, price=9.0, limit_price=9.0)], False),
    ],
)
def test_exits_that_are_tied_to_what_the_entry_opens(exits, expected):
    assert has_bracket([ENTRY, *exits], TIED) is expected


def test_a_bracket_of_more_children_than_the_venue_takes_is_kept_here():
    two = dataclasses.replace(ALL, bracket_children=2)
    assert has_bracket([ENTRY, TARGET, TARGET], two)
    assert not has_bracket([ENTRY, TARGET, TARGET, STOP], two)
    assert not has_bracket([ENTRY, TARGET], LEAST)
    assert plan(order(), two, Relations(in_bracket=True, children=2)).does == frozenset()
    assert plan(order(), two, Relations(True, children=3, fits=False)).does == {E.BRACKET}


def test_a_trailing_stop_that_the_venue_has_only_as_an_exit():
    assert plan(TRAIL, TIED, Relations(True, children=1)).does == frozenset()
    assert plan(TRAIL, TIED, Relations(True, children=1, kept=True)).does == {E.STOP, E.BRACKET}
    assert plan(TRAIL._replace(parent_id=None), TIED).does == {E.STOP}


def test_a_relative_of_what_is_kept_here_is_kept_here():
    kept = Relations(in_bracket=True, children=2, kept=True)
    assert plan(order(), ALL, kept, allowed=False).does == {E.BRACKET}


def test_names_of_what_is_done_here_are_checked():
    assert read_emulate("Stop") == {"Stop"}
    assert read_emulate(["all"]) == set(EMULATED_NAMES)
    with pytest.raises(ConfigError, match="emulate='Limit': expected some of all, Stop"):
        read_emulate(["Limit"])
