"""Our own record of each order."""

from __future__ import annotations

import pytest

from btstores.orders.book import OrderBook, OrderRecord
from btstores.orders.lifecycle import OrderState
from btstores.reports import FillReport, OrderRequest, OrderType, Side


def record(client_id="c1", size=10.0, **fields):
    return OrderRecord(OrderRequest(client_id, "A", Side.BUY, size, OrderType.MARKET), **fields)


def fill(fill_id="f1", size=1.0, venue_id=None):
    return FillReport(fill_id, "A", Side.BUY, size, 9.0, 7, venue_order_id=venue_id)


@pytest.fixture
def book():
    return OrderBook()


def test_an_order_is_found_by_our_id_and_by_the_venues(book):
    one = book.add(record("c1"))
    two = book.add(record("c2", venue_order_id="V2"))
    book.set_venue_id(one, "V1")
    book.set_venue_id(one, None)  # no news
    assert book.find("c1") is book.find(None, "V1") is book.find("other", "V1") is one
    assert book.find("c1", "V2") is one  # our own id counts more
    assert book.find(None, "V2") is two
    assert book.find(None) is book.find("c3") is book.find("c3", "V3") is None
    assert one.venue_order_id == "V1"
    assert list(book) == [one, two]


def test_an_id_cannot_be_used_twice(book):
    book.add(record("c1"))
    with pytest.raises(KeyError, match="c1"):
        book.add(record("c1"))
    assert len(book) == 1


def test_live_orders_are_those_that_can_still_be_executed(book):
    records = [book.add(record(state.name, state=state)) for state in OrderState]
    live = {OrderState.CREATED, OrderState.SUBMITTED, OrderState.ACCEPTED, OrderState.PARTIAL}
    assert book.live() == [one for one in records if one.state in live]


def test_what_remains_is_never_negative():
    assert record(size=10.0, filled=4.0).remaining == 6.0
    assert record(size=10.0, filled=12.0).remaining == 0.0


def test_a_fill_is_known_once_it_is_counted(book):
    one = book.add(record())
    assert not book.is_known_fill(fill())
    book.add_fill(one, fill())
    book.add_fill(None, fill("foreign"))
    assert book.is_known_fill(fill())
    assert book.is_known_fill(fill("foreign"))
    assert one.fills == [fill()]


def test_fills_wait_for_the_order_that_the_venue_names(book):
    book.add(record(in_flight=True))
    for number in range(3):
        book.hold_fill(fill(f"f{number}", venue_id="V1"))
    book.hold_fill(fill("x", venue_id="V2"))
    assert [one.fill_id for one in book.take_held_fills("V1")] == ["f0", "f1", "f2"]
    assert book.take_held_fills("V1") == []
    assert book.take_held_fills(None) == []


def test_fills_wait_no_longer_when_no_order_is_left_to_wait_for(book):
    one = book.add(record(in_flight=True))
    book.hold_fill(fill("x", venue_id="V9"))
    assert book.in_flight
    assert book.take_orphan_fills() == []
    one.in_flight = False
    assert [orphan.fill_id for orphan in book.take_orphan_fills()] == ["x"]
    assert book.take_orphan_fills() == []


def test_finished_orders_are_kept_for_late_news_and_no_longer():
    book = OrderBook(keep=3)
    for number in range(6):
        one = book.add(record(f"c{number}", state=OrderState.COMPLETED))
        book.set_venue_id(one, f"V{number}")
        book.finish(one)
    still_live = book.add(record("live"))
    assert [one.client_order_id for one in book] == ["c3", "c4", "c5", "live"]
    assert book.find(None, "V2") is None
    assert book.find(None, "V5").client_order_id == "c5"
    assert book.live() == [still_live]


def test_late_news_of_a_finished_order_keep_it_longer():
    book = OrderBook(keep=2)
    records = [book.add(record(f"c{n}", state=OrderState.CANCELED)) for n in range(3)]
    for one in (records[0], records[1], records[0], records[2]):
        book.finish(one)
    assert [one.client_order_id for one in book] == ["c0", "c2"]


def test_ids_of_fills_are_bounded_too():
    book = OrderBook(keep=1)
    for number in range(150):
        book.add_fill(None, fill(f"f{number}"))
    assert not book.is_known_fill(fill("f0"))
    assert book.is_known_fill(fill("f149"))
    assert book.is_known_fill(fill("f50"))
