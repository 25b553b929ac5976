"""What one journal record is: its kinds, its canonical text, its place in the hash chain.

A record tells that something was intended or heard. Its ``seq`` rises by exactly one within a
journal and is the order of replay; ``time_ns`` only explains. ``cause`` is the seq of the
record that led to it, ``correlation`` the client order id it belongs to. ``hash`` is the
SHA-256 of the previous record's hash followed by the record's canonical text: a JSON object
of all other fields with sorted keys, no spaces, ASCII only. Whoever changes, drops, inserts
or moves a record breaks the chain.

Payloads are JSON objects. Reports are written as by `btstores.reports.to_record` and read back
as equal objects; floats keep every bit, NaN and infinities are refused. Values of keys that
look like secrets are replaced by ``***``.
"""

from __future__ import annotations

import collections.abc
import enum
import hashlib
import json
import math
import numbers
import re
from json.encoder import encode_basestring_ascii as _quote  # type: ignore[attr-defined]
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Tuple, Type, Union

from btstores.errors import JournalError
from btstores.reports import (
    AccountReport,
    Bar,
    ControlReport,
    FillReport,
    FindingReport,
    HistoryReport,
    LinkReport,
    LinkState,
    MassStatus,
    OrderEvent,
    OrderModification,
    OrderReport,
    OrderRequest,
    OrderType,
    PositionReport,
    Quote,
    Report,
    Side,
    Subscription,
    Tick,
    TimeInForce,
    TimerReport,
)

__all__ = [
    "KINDS",
    "REDACTED",
    "Payload",
    "Record",
    "Row",
    "canonical",
    "decode",
    "decode_class",
    "digest",
    "encode",
    "kind_of",
    "link",
    "record_of",
]

Payload = Union[Mapping[str, Any], Report, OrderRequest, OrderModification, MassStatus]

#: A record as it is stored: seq, run_id, time_ns, kind, cause, correlation, payload, hash.
Row = Tuple[int, str, int, str, Optional[int], Optional[str], str, bytes]

REDACTED = "***"

#: Kinds whose payload is one of the classes of `btstores.reports`.
_CLASSES: Dict[str, Type[Any]] = {
    "intent": OrderRequest,
    "intent_modify": OrderModification,
    "order": OrderReport,
    "fill": FillReport,
    "position": PositionReport,
    "account": AccountReport,
    "link": LinkReport,
    "bar": Bar,
    "tick": Tick,
    "quote": Quote,
    "history": HistoryReport,
    "mass_status": MassStatus,
    "timer": TimerReport,
    "control": ControlReport,
    "finding": FindingReport,
}
_KIND_OF = {cls: kind for kind, cls in _CLASSES.items()}

#: The kinds this version writes. Others are kept and read as plain objects: a newer version
#: may have written them.
KINDS = frozenset(_CLASSES) | {
    "run_start",
    "run_end",
    "intent_cancel",
    "snapshot",
    "note",
    "denied",
    "kept",
    "leg",
    "order_state",
    "holding",
    "reconciled",
    "mismatch",
    "unreadable",
    "store",
    "instrument",
    "turn",
    "stop",
    "day",
}

_KIND_FORM = re.compile(r"[a-z][a-z0-9_]*")
_SECRET = re.compile(
    r"passw|passphrase|pwd|secret|token|api_?key|private_?key|access_?key|credential|authorization",
    re.IGNORECASE,
)


class Record(NamedTuple):
    """One record of a journal, as it is read back."""

    seq: int
    run_id: str
    time_ns: int
    kind: str
    payload: Dict[str, Any]
    cause: Optional[int] = None
    correlation: Optional[str] = None
    hash: bytes = b""

    @property
    def report(self) -> Any:
        """Return the report or request that was journaled, or None for other kinds."""
        return decode(self.kind, self.payload)


def kind_of(report: Any) -> str:
    """Return the kind under which a report or request is journaled."""
    try:
        return _KIND_OF[type(report)]
    except KeyError:
        raise JournalError(f"{type(report).__name__} is not a report or request") from None


def decode_class(kind: str) -> Optional[Type[Any]]:
    """Return the class whose objects are journaled under ``kind``, or None."""
    return _CLASSES.get(kind)


# --- to text ---------------------------------------------------------------------------------


_to_json: Callable[[Any], str] = json.JSONEncoder(
    allow_nan=False,
    sort_keys=True,
    separators=(",", ":"),
    check_circular=False,  # all that is nested has been through _plain, which ends
).encode


def _plain(value: Any, field: str) -> Any:
    """Return ``value`` as JSON values without secrets; ``field`` is its path."""
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, enum.Enum):
        return _plain(value.value, field)
    if type(value) in _LAYOUT:
        return {
            name: _plain(item, f"{field}.{name}")
            for name, item in zip(value._fields, value)
            if item is not None
        }
    if isinstance(value, collections.abc.Mapping):
        result = {}
        for key, item in value.items():
            if not isinstance(key, str):
                raise JournalError(f"{field or 'payload'}: the key {key!r} is not a string")
            secret = item is not None and _SECRET.search(key)
            result[key] = REDACTED if secret else _plain(item, f"{field}.{key}" if field else key)
        return result
    if isinstance(value, (list, tuple)):
        return [_plain(item, f"{field}[{index}]") for index, item in enumerate(value)]
    if isinstance(value, numbers.Integral):  # numpy's too
        return int(value)
    if isinstance(value, numbers.Real):
        number = float(value)
        if math.isfinite(number):
            return number
        raise JournalError(f"{field}={value!r}: not a finite number")
    raise JournalError(f"{field}={value!r}: a {type(value).__name__} cannot be journaled")


#: How the common types are written; all others go through `_plain`.
_WRITERS: Dict[type, Callable[[Any], str]] = {str: _quote, int: repr, bool: _to_json}
_WRITERS.update(
    (cls, {member: _quote(member.value) for member in cls}.__getitem__)
    for cls in (Side, OrderType, OrderEvent, LinkState, TimeInForce)
)

#: For each class its fields in the order of their names: ``"name":`` and where it stands.
_LAYOUT: Dict[Type[Any], List[Tuple[str, int]]] = {
    cls: sorted((f'"{name}":', index) for index, name in enumerate(cls._fields))
    for cls in list(_CLASSES.values()) + [Subscription]
}


def _report_text(report: Any) -> str:
    """Return what JSON makes of ``to_record(report)``, in half the time."""
    parts = []
    for key, index in _LAYOUT[type(report)]:
        value = report[index]
        if value is None:
            continue
        cls = type(value)
        if cls is float:
            text = repr(value)
            if "n" in text:  # nan, inf
                raise JournalError(f"{report._fields[index]}={text}: not a finite number")
        elif cls in _WRITERS:
            text = _WRITERS[cls](value)
        else:
            text = _to_json(_plain(value, report._fields[index]))
        parts.append(key + text)
    return "{" + ",".join(parts) + "}"


def encode(payload: Payload) -> str:
    """Return the canonical JSON text of a payload.

    Raises `JournalError` that names the field when a value has no exact JSON form: NaN,
    infinities, keys that are no strings, objects. Tuples become lists.
    """
    try:
        if type(payload) in _LAYOUT:
            return _report_text(payload)
        if isinstance(payload, collections.abc.Mapping):
            return _to_json(_plain(payload, ""))
    except RecursionError:
        raise JournalError("payload: nested too deeply") from None
    except ValueError as error:  # an integer of thousands of digits
        raise JournalError(f"payload: {error}") from None
    raise JournalError(f"payload: a {type(payload).__name__} cannot be journaled")


# --- from text -------------------------------------------------------------------------------


def _bar_or_tick(values: Mapping[str, Any]) -> Union[Bar, Tick]:
    return _build(Bar if "open" in values else Tick, values)  # type: ignore[no-any-return]


def _one(cls: Type[Any]) -> Callable[[Any], Any]:
    return lambda values: _build(cls, values)


def _many(build: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda items: tuple([build(item) for item in items])


#: How to read the fields that are not plain values.
_READERS: Dict[Type[Any], Tuple[Tuple[str, Callable[[Any], Any]], ...]] = {
    Bar: (("flags", tuple),),
    Tick: (("side", Side), ("flags", tuple)),
    Quote: (("flags", tuple),),
    OrderRequest: (("side", Side), ("order_type", OrderType), ("tif", TimeInForce)),
    OrderReport: (("event", OrderEvent), ("request", _one(OrderRequest))),
    FillReport: (("side", Side),),
    LinkReport: (("state", LinkState), ("subscription", _one(Subscription))),
    TimerReport: (("subscription", _one(Subscription)),),
    HistoryReport: (("subscription", _one(Subscription)), ("bars", _many(_bar_or_tick))),
    MassStatus: (
        ("orders", _many(_one(OrderReport))),
        ("fills", _many(_one(FillReport))),
        ("positions", _many(_one(PositionReport))),
        ("accounts", _many(_one(AccountReport))),
        ("pending", tuple),
    ),
}
#: Fields that may be None and yet have no default; None is not written.
_NONE: Dict[Type[Any], Dict[str, Any]] = {AccountReport: {"cash": None, "value": None}}


def _build(cls: Type[Any], values: Mapping[str, Any]) -> Any:
    values = dict(_NONE.get(cls, ()), **values)
    for name, read in _READERS.get(cls, ()):
        value = values.get(name)
        if value is not None:
            values[name] = read(value)
    try:
        return cls(**values)
    except TypeError:  # perhaps fields of a newer version
        return cls(**{name: values[name] for name in cls._fields if name in values})


def decode(kind: str, payload: Mapping[str, Any]) -> Any:
    """Return the report or request of a record, equal to the one that was journaled.

    Returns None for kinds that carry none, and for kinds this version does not know. Fields
    that it does not know are left out. Raises `JournalError` when the payload does not fit.
    """
    cls = _CLASSES.get(kind)
    if cls is None or (cls is HistoryReport and "request_id" not in payload):
        return None  # of the second an older version has kept only the number of bars
    try:
        return _build(cls, payload)
    except (AttributeError, TypeError, ValueError) as error:
        raise JournalError(f"a record of kind {kind} cannot be read: {error}") from None


_from_json = json.JSONDecoder().raw_decode


# --- the chain -------------------------------------------------------------------------------


def canonical(
    seq: int,
    run_id: str,
    time_ns: int,
    kind: str,
    cause: Optional[int],
    correlation: Optional[str],
    payload: str,
) -> str:
    """Return the text that is hashed; ``payload`` is canonical JSON already."""
    return (
        f'{{"cause":{"null" if cause is None else cause}'
        f',"correlation":{"null" if correlation is None else _quote(correlation)}'
        f',"kind":"{kind}","payload":{payload},"run_id":"{run_id}"'
        f',"seq":{seq},"time_ns":{time_ns}}}'
    )


def digest(previous: bytes, text: str) -> bytes:
    """Return the hash of a canonical text that follows a record with the hash ``previous``."""
    return hashlib.sha256(previous + text.encode("utf-8", "surrogatepass")).digest()


def link(
    seq: int,
    previous: bytes,
    run_id: str,
    time_ns: int,
    kind: str,
    payload: Payload,
    cause: Optional[int] = None,
    correlation: Optional[str] = None,
) -> Row:
    """Return the row of a new record that follows one with the hash ``previous``.

    Without a ``correlation`` the payload's ``client_order_id`` is taken. Raises `JournalError`
    when the record makes no sense or cannot be written exactly.
    """
    if _KIND_OF.get(type(payload)) == kind:
        if correlation is None:
            correlation = getattr(payload, "client_order_id", None)
    elif isinstance(payload, collections.abc.Mapping):
        if not _KIND_FORM.fullmatch(kind):
            raise JournalError(f"kind={kind!r}: expected a lower-case name")
        if correlation is None:
            correlation = payload.get("client_order_id")
    else:
        raise JournalError(f"kind={kind!r}: not the kind of a {type(payload).__name__}")
    if cause is not None and not 0 <= cause < seq:
        raise JournalError(f"cause={cause!r}: expected the seq of an earlier record than {seq}")
    if correlation is not None:
        _check_text("correlation", correlation)
    text = encode(payload)
    whole = canonical(seq, run_id, time_ns, kind, cause, correlation, text)
    return (seq, run_id, time_ns, kind, cause, correlation, text, digest(previous, whole))


def _check_text(field: str, value: str) -> None:
    try:
        value.encode()
    except (AttributeError, UnicodeEncodeError):
        raise JournalError(f"{field}={value!r}: expected text") from None


def record_of(row: Row) -> Record:
    """Return the record of a stored row. Raises `JournalError` when it cannot be read."""
    seq, run_id, time_ns, kind, cause, correlation, text, chain = row
    try:
        payload, end = _from_json(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise JournalError(f"record {seq}: its payload is not JSON: {error}") from None
    if not (
        type(time_ns) is int
        and type(kind) is type(run_id) is str
        and type(chain) is bytes
        and (cause is None or type(cause) is int)
        and (correlation is None or type(correlation) is str)
    ):
        raise JournalError(f"record {seq}: a column has another type")
    if not isinstance(payload, dict) or end != len(text):
        raise JournalError(f"record {seq}: its payload is not a JSON object")
    return Record(seq, run_id, time_ns, kind, payload, cause, correlation, chain)
