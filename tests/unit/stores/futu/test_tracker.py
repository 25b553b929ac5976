"""What messages on orders add to what is known. With the client's own message classes."""

from __future__ import annotations

import pytest

pytest.importorskip("futu", reason="futu-api is not installed")

from btstores.reports import FillReport, OrderEvent, OrderRequest, OrderType, Side
from btstores.stores.futu import sdk
from btstores.stores.futu.orders import Terms
from btstores.stores.futu.tracker import Tracker

PAPER = Terms(1001, "SIMULATE", 1, "Asia/Hong_Kong")
REAL = Terms(2001, "REAL", 1, "Asia/Hong_Kong")
NOW = 1_700_000_000_000_000_000


def order(status, filled=0.0, average=0.0, updated=1.0, **fields):
    made = sdk.pb("Trd_Common").Order()
    values = {
        "trdSide": 1,
        "orderType": 1,
        "orderID": 7,
        "orderIDEx": "F7",
        "code": "00700",
        "name": "TENCENT",
        "qty": 300.0,
        "price": 320.0,
        "createTime": "2023-11-15 06:13:20",
        "updateTime": "2023-11-15 06:13:20",
        "secMarket": 1,
        "trdMarket": 1,
        "remark": "c1",
        "createTimestamp": 1_700_000_000.0,
        "updateTimestamp": 1_700_000_000.0 + updated,
        "fillQty": filled,
        "fillAvgPrice": average,
        **fields,
    }
    for name, value in values.items():
        setattr(made, name, value)
    made.orderStatus = status
    return made


def fill(number=1, size=100.0, price=319.8, status=0):
    made = sdk.pb("Trd_Common").OrderFill()
    made.trdSide, made.fillID, made.fillIDEx = 1, number, f"X{number}"
    made.orderID, made.orderIDEx, made.code, made.name = 7, "F7", "00700", "TENCENT"
    made.qty, made.price, made.createTime = size, price, "2023-11-15 06:13:20"
    made.secMarket, made.createTimestamp, made.status = 1, 1_700_000_000.5, status
    return made


def told(reports):
    return [
        (report.size, report.price) if isinstance(report, FillReport) else report.event
        for report in reports
    ]


def test_a_simulated_account_tells_fills_by_what_its_orders_say():
    tracker = Tracker(PAPER)
    assert told(tracker.hear(order(2), NOW)) == []
    assert told(tracker.hear(order(5, updated=2), NOW)) == [OrderEvent.ACCEPTED]
    assert told(tracker.hear(order(10, 100, 320.0, 3), NOW)) == [(100.0, 320.0)]
    reports = tracker.hear(order(11, 300, 319.0, 4), NOW)
    assert told(reports) == [(200.0, 318.5)]
    assert (reports[0].fill_id, reports[0].client_order_id) == ("F7/300", "c1")
    assert reports[0].venue_order_id == "F7"
    assert told(tracker.hear(order(11, 300, 319.0, 4), NOW)) == [], "told twice"


def test_the_fill_may_be_faster_than_the_acknowledgement():
    tracker = Tracker(PAPER)
    assert told(tracker.hear(order(11, 300, 320.0), NOW)) == [OrderEvent.ACCEPTED, (300.0, 320.0)]
    assert told(tracker.hear(order(5, updated=0.5), NOW)) == [], "an old word out of order"


@pytest.mark.parametrize(
    ("status", "event"),
    [
        (15, OrderEvent.CANCELED),
        (14, OrderEvent.CANCELED),
        (23, OrderEvent.CANCELED),
        (21, OrderEvent.REJECTED),
        (3, OrderEvent.REJECTED),
    ],
)
def test_how_an_order_ends(status, event):
    tracker = Tracker(REAL)
    tracker.hear(order(5), NOW)
    reports = tracker.hear(order(status, updated=2, lastErrMsg="because"), NOW)
    assert told(reports) == [event]
    assert (reports[0].reason, reports[0].client_order_id) == ("because", "c1")
    assert told(tracker.hear(order(5, updated=3), NOW)) == [], "it never lives again"


def test_an_order_that_is_refused_was_never_accepted():
    assert told(Tracker(REAL).hear(order(21, lastErrMsg="no"), NOW)) == [OrderEvent.REJECTED]
    text = "Insufficient buying power"
    assert told(Tracker(REAL).hear(order(21, lastErrMsg=text), NOW)) == [OrderEvent.MARGIN]


@pytest.mark.parametrize("status", [0, 1, 2, 4, -1, 12, 13, 22])
def test_what_says_nothing_changes_nothing(status):
    tracker = Tracker(REAL)
    tracker.hear(order(5), NOW)
    assert told(tracker.hear(order(status, updated=2), NOW)) == []


def test_a_part_that_is_filled_before_the_cancel_is_told_first():
    tracker = Tracker(PAPER)
    tracker.hear(order(5), NOW)
    reports = tracker.hear(order(14, 100, 320.0, 2), NOW)
    assert told(reports) == [(100.0, 320.0), OrderEvent.CANCELED]


def test_new_terms_are_told():
    tracker = Tracker(REAL)
    tracker.hear(order(5), NOW)
    (report,) = tracker.hear(order(5, updated=2, price=321.0, qty=400.0), NOW)
    assert (report.event, report.size, report.price) == (OrderEvent.MODIFIED, 400.0, 321.0)
    assert told(tracker.hear(order(5, updated=1.5), NOW)) == [], "the terms before, late"


def test_fills_of_a_real_account_come_by_themselves():
    tracker = Tracker(REAL)
    tracker.hear(order(5), NOW)
    assert told(tracker.hear(order(10, 100, 319.8, 2), NOW)) == []
    assert tracker.lacking_fills() == ["F7"]
    report = tracker.hear_fill(fill())
    assert (report.fill_id, report.size, report.price) == ("X1", 100.0, 319.8)
    assert (report.client_order_id, report.venue_order_id) == ("c1", "F7")
    assert report.time_ns == 1_700_000_000_500_000_000
    assert tracker.lacking_fills() == []
    assert tracker.hear_fill(fill(2, status=1)) is None, "a fill that was cancelled"


def test_a_fill_before_any_word_of_its_order_names_it_by_the_venues_id():
    report = Tracker(REAL).hear_fill(fill())
    assert (report.client_order_id, report.venue_order_id) == (None, "F7")


def test_an_order_is_found_by_what_the_answer_said_before_any_push():
    tracker = Tracker(REAL)
    request = OrderRequest("c1", "HK.00700", Side.BUY, 300.0, OrderType.LIMIT, 320.0)
    tracker.sent(request, "F7")
    assert tracker.find("c1", None).order_id == "F7"
    assert tracker.client_id_of("F7") == "c1"
    assert told(tracker.hear(order(5), NOW)) == [OrderEvent.ACCEPTED]


def test_an_order_of_another_program_is_told_with_its_terms():
    (report,) = Tracker(REAL).hear(
        order(5, remark="", orderType=11, auxPrice=310.0, price=309.0, trdSide=2), NOW
    )
    request = report.request
    assert (request.client_order_id, request.symbol, request.side) == ("F7", "HK.00700", Side.SELL)
    assert (request.order_type, request.price, request.limit_price) == (
        OrderType.STOP_LIMIT,
        310.0,
        309.0,
    )


def test_the_state_of_an_order_for_a_mass_status():
    tracker = Tracker(REAL)
    report = tracker.status(order(10, 100, 320.0), NOW)
    assert (report.event, report.filled, report.request.size) == (OrderEvent.ACCEPTED, 100, 300)
    assert tracker.status(order(2), NOW) is None, "it may yet be refused"
    assert tracker.status(order(15), NOW).event is OrderEvent.CANCELED


def test_a_mass_status_has_the_fills_that_were_told_before():
    tracker = Tracker(PAPER)
    tracker.hear(order(10, 100, 320.0, 2), NOW)
    fills = tracker.fills_of(order(11, 300, 319.0, 3), NOW)
    assert [(fill.fill_id, fill.size) for fill in fills] == [("F7/100", 100.0), ("F7/300", 200.0)]
