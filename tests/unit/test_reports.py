"""Reports: immutable, comparable, and plain records for the journal."""

from __future__ import annotations

import json

import pytest

from btstores import reports
from btstores.reports import (
    AccountReport,
    Bar,
    FillReport,
    HistoryReport,
    LinkReport,
    LinkState,
    OrderEvent,
    OrderReport,
    OrderRequest,
    OrderType,
    PositionReport,
    Quote,
    Side,
    Subscription,
    Tick,
)

REQUEST = OrderRequest("c1", "A", Side.SELL, 2.0, OrderType.LIMIT, price=9.5, extras={"note": "x"})
EXAMPLES = [
    Bar("A", 4, 1, 7, 1.0, 2.0, 0.5, 1.5),
    Tick("A", 7, 1.0, side=Side.BUY),
    Quote("A", 7, bid=1.0),
    HistoryReport(1, Subscription("A", 4), (Bar("A", 4, 1, 7, 1.0, 2.0, 0.5, 1.5),)),
    OrderReport(OrderEvent.ACCEPTED, 7, "c1", request=REQUEST),
    FillReport("f1", "A", Side.BUY, 1.0, 9.5, 7),
    PositionReport("A", -3.0),
    AccountReport("acc", "USD", 1.0, None),
    LinkReport(LinkState.UP),
    REQUEST,
]
by_kind = pytest.mark.parametrize("report", EXAMPLES, ids=lambda r: type(r).__name__)


@by_kind
def test_a_report_cannot_be_changed_and_holds_nothing_else(report):
    name = report._fields[0]
    with pytest.raises(AttributeError):
        setattr(report, name, None)
    # Named tuples take stray attributes nowhere, which also keeps them small.
    with pytest.raises(AttributeError):
        report.stray = 1


@by_kind
def test_equal_facts_are_equal_reports(report):
    assert type(report)(*report) == report
    assert report._replace() == report


@by_kind
def test_a_record_is_plain_json_and_leaves_out_what_is_missing(report):
    record = reports.to_record(report)
    assert json.loads(json.dumps(record)) == record
    for name, value in zip(report._fields, report):
        assert (name in record) == (value is not None), name


def test_nested_records_and_enums_are_plain_values():
    record = reports.to_record(EXAMPLES[4])
    assert record["event"] == "accepted"
    assert record["request"]["side"] == "sell"
    assert record["request"]["order_type"] == "Limit"
    assert record["request"]["extras"] == {"note": "x"}


def test_a_side_has_a_sign():
    assert (Side.BUY.sign, Side.SELL.sign) == (1, -1)


def test_order_types_are_named_as_backtrader_names_them():
    import backtrader as bt

    assert {kind.value for kind in OrderType} <= set(bt.Order.ExecTypes)


def test_what_may_be_missing_is_none_unless_given():
    may_miss = {
        cls: [n for n, value in cls._field_defaults.items() if value is None]
        for cls in (Bar, Tick, Quote, OrderReport, FillReport, PositionReport)
    }
    assert may_miss[Bar] == ["volume", "openinterest", "received_ns", "flags"]
    assert may_miss[FillReport][:2] == ["client_order_id", "venue_order_id"]
    for cls, names in may_miss.items():
        assert "received_ns" in names, cls
