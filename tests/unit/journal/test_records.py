from __future__ import annotations

import enum
import functools
import hashlib
import json
import math
import typing

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btstores.errors import JournalError
from btstores.journal.records import (
    KINDS,
    REDACTED,
    Record,
    canonical,
    decode,
    decode_class,
    encode,
    kind_of,
    link,
    record_of,
)
from btstores.reports import (
    AccountReport,
    Bar,
    FillReport,
    LinkReport,
    LinkState,
    OrderEvent,
    OrderReport,
    OrderRequest,
    OrderType,
    PositionReport,
    Quote,
    Side,
    Tick,
    to_record,
)

CLASSES = [cls for cls in map(decode_class, sorted(KINDS)) if cls is not None]

finite = st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(max_size=8)
plain = st.none() | st.booleans() | st.integers() | finite | texts
# No word of these letters looks like the name of a secret.
extras = st.dictionaries(
    st.text("bdfgäß中 ", max_size=5),
    st.recursive(plain, lambda inner: st.lists(inner, max_size=2), max_leaves=4),
    max_size=3,
)


def of_type(hint: typing.Any) -> st.SearchStrategy:
    origin = getattr(hint, "__origin__", None)
    if origin is typing.Union:
        return st.one_of([of_type(part) for part in hint.__args__])
    if origin is tuple:
        return st.lists(of_type(hint.__args__[0]), max_size=2).map(tuple)
    if origin is not None:
        return extras
    if hint is type(None):
        return st.none()
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return st.sampled_from(hint)
    if hasattr(hint, "_fields"):
        return of_class(hint)
    simple = {float: finite, int: st.integers(-(2**63), 2**63 - 1), str: texts, bool: st.booleans()}
    return simple[hint]


@functools.lru_cache(maxsize=None)
def of_class(cls: typing.Any) -> st.SearchStrategy:
    hints = typing.get_type_hints(cls)
    return st.builds(cls, **{name: of_type(hints[name]) for name in cls._fields})


reports = st.one_of([of_class(cls) for cls in CLASSES])


def test_every_report_and_request_has_a_kind():
    from btstores.reports import Report

    assert set(Report.__args__) <= set(CLASSES)
    assert {kind_of(bar) for bar in [Bar("A", 4, 1, 0, 1.0, 1.0, 1.0, 1.0)]} == {"bar"}
    with pytest.raises(JournalError, match="int is not a report"):
        kind_of(3)


@given(reports)
@settings(max_examples=100, deadline=None)
def test_a_report_comes_back_equal(report):
    text = encode(report)
    back = decode(kind_of(report), json.loads(text))
    assert back == report
    assert encode(back) == text  # also -0.0, and 1 against 1.0


@given(reports)
@settings(max_examples=50, deadline=None)
def test_a_report_is_written_as_to_record_says(report):
    assert encode(report) == json.dumps(to_record(report), sort_keys=True, separators=(",", ":"))


def test_the_form_on_disk_is_fixed():
    fill = FillReport("f1", "00700.HK", Side.BUY, 100.0, 350.2, 5, client_order_id="c1")
    row = link(7, b"\0" * 32, "00aa", 1_700_000_000_000_000_000, "fill", fill, cause=3)
    text = (
        '{"cause":3,"correlation":"c1","kind":"fill","payload":{"client_order_id":"c1",'
        '"fill_id":"f1","price":350.2,"reconciled":false,"side":"buy","size":100.0,'
        '"symbol":"00700.HK","time_ns":5},"run_id":"00aa","seq":7,"time_ns":1700000000000000000}'
    )
    assert canonical(*row[:7]) == text
    assert json.dumps(json.loads(text), sort_keys=True, separators=(",", ":")) == text
    assert row[7] == hashlib.sha256(b"\0" * 32 + text.encode()).digest()
    record = record_of(row)
    assert record == Record(
        7, "00aa", 1_700_000_000_000_000_000, "fill", json.loads(text)["payload"], 3, "c1", row[7]
    )
    assert record.report == fill


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, numpy.float64("nan")])
@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda bad: Bar("A", 4, 1, 0, 1.0, bad, 1.0, 1.0), "high"),
        (lambda bad: AccountReport("A", "USD", bad, None), "cash"),
        (lambda bad: request(extras={"deep": [1, {"x": bad}]}), r"extras\.deep\[1\]\.x"),
        (lambda bad: OrderReport(OrderEvent.ACCEPTED, 0, request=request(price=bad)), "price"),
        (lambda bad: {"a": {"b": bad}}, r"a\.b"),
    ],
)
def test_what_is_not_finite_is_refused_by_name(make, field, bad):
    with pytest.raises(JournalError, match=f"{field}=.*not a finite number"):
        encode(make(bad))


def request(**changes):
    return OrderRequest("c1", "A", Side.BUY, 1.0, OrderType.MARKET)._replace(**changes)


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ({"x": object()}, "x=.*object cannot be journaled"),
        ({1: 2}, "the key 1 is not a string"),
        ({"x": {1: 2}}, "x: the key 1 is not a string"),
        ([1], "list cannot be journaled"),
        (Tick("A", 0, 1.0, size=1j), "size=.*complex"),
    ],
)
def test_what_has_no_json_form_is_refused(payload, message):
    with pytest.raises(JournalError, match=message):
        encode(payload)


def test_what_contains_itself_is_refused():
    loop: dict = {}
    loop["again"] = loop
    with pytest.raises(JournalError, match="nested too deeply"):
        encode(loop)


def test_numbers_of_other_libraries_become_plain():
    bar = Bar("A", 4, 1, numpy.int64(5), *map(numpy.float64, (1.5, 2.5, 0.5, 1)), numpy.float32(3))
    assert decode("bar", json.loads(encode(bar))) == Bar("A", 4, 1, 5, 1.5, 2.5, 0.5, 1.0, 3.0)


@pytest.mark.parametrize(
    "key", ["password", "unlock_password", "apiKey", "api_key", "access_token", "SECRET", "passwd"]
)
def test_secrets_never_reach_the_journal(key):
    hidden = "hunter2"
    for payload in (
        {key: hidden, "host": "h"},
        {"params": {"deep": [{key: hidden}]}, "host": "h"},
        request(extras={key: hidden, "host": "h"}),
        OrderReport(OrderEvent.ACCEPTED, 0, request=request(extras={key: {"a": hidden}})),
    ):
        text = encode(payload)
        assert hidden not in text
        assert REDACTED in text
    assert encode({key: None}) == f'{{"{key}":null}}'


def test_records_of_a_newer_version_are_readable():
    assert decode("hologram", {"x": 1}) is None
    tick = {"symbol": "A", "time_ns": 1, "price": 2.0, "aura": "blue"}
    assert decode("tick", tick) == Tick("A", 1, 2.0)
    with pytest.raises(JournalError, match="kind order cannot be read"):
        decode("order", {"event": "teleported", "time_ns": 1})
    with pytest.raises(JournalError, match="kind fill cannot be read"):
        decode("fill", {})
    with pytest.raises(JournalError, match="kind bar cannot be read"):
        decode("bar", {"symbol": "A"})


def test_history_without_its_bars_is_a_note():
    assert decode("history", {"bars": 500, "error": None}) is None


@given(st.dictionaries(st.text(max_size=6), plain), st.sampled_from(sorted(KINDS)))
@settings(deadline=None)
def test_decode_raises_nothing_but_its_own_error(payload, kind):
    try:
        decode(kind, payload)
    except JournalError:
        pass


def test_link_refuses_what_makes_no_sense():
    def of(kind, payload, **more):
        return link(5, b"", "r", 0, kind, payload, **more)

    with pytest.raises(JournalError, match="lower-case name"):
        of("No Kind", {})
    with pytest.raises(JournalError, match="not the kind of a Quote"):
        of("bar", Quote("A", 0))
    with pytest.raises(JournalError, match="earlier record than 5"):
        of("note", {}, cause=5)
    with pytest.raises(JournalError, match="correlation"):
        of("note", {}, correlation="\ud800")
    with pytest.raises(JournalError, match="correlation"):
        of("note", {"client_order_id": 7})


def test_correlation_is_the_client_order_id():
    assert link(1, b"", "r", 0, "intent", request())[5] == "c1"
    assert link(1, b"", "r", 0, "intent_cancel", {"client_order_id": "c2"})[5] == "c2"
    assert link(1, b"", "r", 0, "note", {}, correlation="c3")[5] == "c3"
    assert link(1, b"", "r", 0, "position", PositionReport("A", 1.0))[5] is None
    assert link(1, b"", "r", 0, "link", LinkReport(LinkState.UP))[5] is None


@pytest.mark.parametrize("text", ["", "[1]", "{} x", "{", None])
def test_a_payload_that_is_no_object_is_told(text):
    with pytest.raises(JournalError, match="record 3: its payload"):
        record_of((3, "r", 0, "note", None, None, text, b""))  # type: ignore[arg-type]
