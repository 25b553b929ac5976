"""The arithmetic of orders that are kept here."""

from __future__ import annotations

import pytest

from btstores.orders.book import OrderRecord
from btstores.orders.legs import Emulated, Ending, Leg, Wire, open_size
from btstores.orders.lifecycle import OrderState
from btstores.reports import OrderEvent, OrderRequest, OrderType, Side

KEPT = frozenset({Emulated.BRACKET})
STOP = KEPT | {Emulated.STOP}


def exits(side=Side.SELL, size=10.0, filled=10.0):
    """Return a parent that is filled, with two targets and a stop, which must take turns."""
    entry_side = Side.BUY if side is Side.SELL else Side.SELL
    entry = OrderRequest("p", "A", entry_side, size, OrderType.MARKET)
    parent = Leg(OrderRecord(entry, OrderState.COMPLETED, filled=filled), frozenset(), size)
    for key, kind, away, does in (
        ("near", OrderType.LIMIT, 1.0, KEPT),
        ("far", OrderType.LIMIT, 2.0, KEPT),
        ("stop", OrderType.STOP, -1.0, STOP),
    ):
        price = 100.0 - side.sign * away
        request = OrderRequest(key, "A", side, size, kind, price, parent_id="p")
        record = OrderRecord(request, OrderState.ACCEPTED)
        parent.children.append(Leg(record, does, size, parent=parent, exclusive=True))
    return parent.children


def sizes(legs):
    return [open_size(leg) for leg in legs]


@pytest.mark.parametrize("side", list(Side))
def test_of_two_targets_the_one_that_is_met_first_works(side):
    assert sizes(exits(side)) == [10.0, 0.0, 0.0]


def test_targets_that_fit_work_together():
    near, far, stop = exits()
    near.wanted = far.wanted = 4.0
    assert sizes([near, far, stop]) == [4.0, 4.0, 0.0]
    far.wanted = 10.0
    assert sizes([near, far, stop]) == [4.0, 6.0, 0.0]


def test_a_triggered_stop_comes_first_when_the_targets_have_made_room():
    near, far, stop = exits()
    near.wire = Wire("near", 10.0)
    stop.triggered = True
    assert sizes([near, far, stop]) == [0.0, 0.0, 0.0], "the target is to be taken back"
    near.wire = Wire("near", 2.0, asked=10.0)
    assert sizes([near, far, stop]) == [0.0, 0.0, 0.0], "it may be larger by now"
    near.wire = None
    assert sizes([near, far, stop]) == [0.0, 0.0, 10.0]


def test_a_target_that_ends_leaves_its_part_when_nothing_of_it_works():
    near, far, stop = exits()
    near.wire, near.ending = Wire("near", 10.0), Ending(OrderEvent.CANCELED)
    assert sizes([near, far, stop]) == [0.0, 0.0, 0.0]
    near.wire = None
    assert sizes([near, far, stop]) == [0.0, 10.0, 0.0]


def test_where_exits_need_not_take_turns_all_of_them_work():
    legs = exits()
    for leg in legs:
        leg.exclusive = False
    assert sizes(legs) == [10.0, 10.0, 0.0]
