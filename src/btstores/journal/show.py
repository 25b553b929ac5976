"""A journal for people and for other programs: table, JSON lines, CSV."""

from __future__ import annotations

import csv
import datetime
import json
from typing import Any, Dict, Iterable, List, TextIO

from btstores.journal.records import Record, decode_class

__all__ = ["as_object", "describe", "table_line", "utc", "write_csv", "write_json", "write_table"]

_EPOCH = datetime.datetime(1970, 1, 1)
_HEAD = f"{'seq':>8}  {'time (UTC)':<26}  {'kind':<13}  {'order':<18}  {'cause':>8}  what"


def utc(time_ns: int) -> str:
    """Return a time as text in UTC, to the microsecond: 2026-01-31 14:30:00.123456."""
    try:
        moment = _EPOCH + datetime.timedelta(microseconds=time_ns // 1000)
    except (OverflowError, TypeError):
        return str(time_ns)
    return moment.isoformat(" ", "microseconds")


def _one_line(text: str) -> str:
    """Return ``text`` without what would break the line or steer a terminal."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def _value(name: str, value: Any) -> str:
    if name.endswith("_ns") and isinstance(value, int) and value > 0:
        return utc(value).replace(" ", "T")
    if isinstance(value, str):
        return value
    if isinstance(value, list) and len(value) > _MOST:
        return f"[{len(value)}]"
    return json.dumps(value, ensure_ascii=False)


#: Of longer lists, such as the bars of history, only the number is shown.
_MOST = 8

#: The fields that need no name, in the order of a sentence.
_SENTENCE = ("side", "size", "symbol", "order_type", "price")
#: The kinds that begin with one.
_ORDERS = frozenset({"intent", "fill"})
#: Fields that have a column of their own, or tell nothing new to a reader.
_LEFT_OUT = frozenset({"client_order_id", "received_ns"})
_USUAL = {"reconciled": False, "complete": True, "detail": "", "extras": {}}


def describe(record: Record) -> str:
    """Return what a record tells, in one line."""
    payload = record.payload
    told = _SENTENCE if record.kind in _ORDERS else ()
    words = [_value("", payload[name]) for name in told if name in payload]
    if record.kind == "run_start":
        words.append(f"run={record.run_id}")
    cls = decode_class(record.kind)
    names = [name for name in cls._fields if name in payload] if cls is not None else []
    for name in names + [name for name in payload if name not in names]:
        value = payload[name]
        if name in told or name in _LEFT_OUT or (name in _USUAL and value == _USUAL[name]):
            continue
        label = name[:-3] if name.endswith("_ns") else name
        words.append(f"{label}={_value(name, value)}")
    return _one_line(" ".join(words))


def table_line(record: Record) -> str:
    """Return a record as one line of the table."""
    order = _one_line(record.correlation or "")
    cause = "" if record.cause is None else record.cause
    line = (
        f"{record.seq:>8}  {utc(record.time_ns):<26}  {record.kind:<13}  {order:<18}"
        f"  {cause:>8}  {describe(record)}"
    )
    return line.rstrip()


def as_object(record: Record) -> Dict[str, Any]:
    """Return a record as plain JSON values, with a readable time."""
    return {
        "seq": record.seq,
        "time": utc(record.time_ns).replace(" ", "T") + "Z",
        "time_ns": record.time_ns,
        "run_id": record.run_id,
        "kind": record.kind,
        "cause": record.cause,
        "correlation": record.correlation,
        "payload": record.payload,
        "hash": record.hash.hex(),
    }


def write_table(records: Iterable[Record], out: TextIO) -> None:
    """Write an aligned table, one line a record."""
    out.write(_HEAD + "\n")
    for record in records:
        out.write(table_line(record) + "\n")


def write_json(records: Iterable[Record], out: TextIO) -> None:
    """Write one JSON object a line."""
    for record in records:
        out.write(json.dumps(as_object(record)) + "\n")


def write_csv(records: Iterable[Record], out: TextIO, kind: str = "") -> None:
    """Write CSV with a header.

    Records of one ``kind`` have a column for each of its fields, those of several have the
    payload as JSON in one.
    """
    writer = csv.writer(out, lineterminator="\n")
    cls = decode_class(kind)
    fields: List[str] = list(cls._fields) if cls is not None else ["payload"]
    writer.writerow(["seq", "time", "run_id", "kind", "cause", "correlation", *fields])
    for record in records:
        payload = record.payload
        if cls is not None:
            cells = [_cell(payload.get(name)) for name in fields]
        else:
            cells = [json.dumps(payload)]
        time = utc(record.time_ns)
        row = [record.seq, time, record.run_id, record.kind, record.cause, record.correlation]
        writer.writerow([*row, *cells])


def _cell(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, (dict, list)) else value
