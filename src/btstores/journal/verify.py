"""Is a journal whole, and what did it leave unfinished?"""

from __future__ import annotations

import json
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Optional, Set, Tuple

from btstores.errors import JournalError
from btstores.journal.reader import (
    SCHEMA_VERSION,
    ChainCheck,
    JournalDamaged,
    JournalReader,
    Run,
    anchor_hash,
)
from btstores.journal.records import KINDS, Record, record_of
from btstores.reports import FillReport, OrderEvent, OrderReport, OrderRequest

__all__ = ["OpenOrders", "Tally", "VerifyResult", "verify"]

#: After so many errors the rest adds nothing.
MAX_ERRORS = 10

_LOWEST_SEQ = -(2**63)

_ENDED = frozenset(
    {OrderEvent.REJECTED, OrderEvent.MARGIN, OrderEvent.CANCELED, OrderEvent.EXPIRED}
)


class VerifyResult(NamedTuple):
    """What `verify` found.

    ``errors`` say why the journal cannot be trusted; ``findings`` are true of a sound one, but
    somebody should know: a crashed run, orders without an end.
    """

    path: str
    schema: Optional[int] = None
    records: int = 0
    first_seq: Optional[int] = None
    last_seq: Optional[int] = None
    runs: Tuple[Run, ...] = ()
    open_orders: Tuple[str, ...] = ()
    findings: Tuple[str, ...] = ()
    errors: Tuple[str, ...] = ()

    @property
    def status(self) -> int:
        """Return 0 when sound, 1 when sound with findings, 2 when broken: an exit status."""
        return 2 if self.errors else 1 if self.findings else 0

    def text(self) -> str:
        """Return the result for people, several lines."""
        verdict = ("sound", "sound, with findings", "BROKEN")[self.status]
        lines = [f"{self.path}: {verdict}"]
        if self.schema is not None:
            span = f", seq {self.first_seq} to {self.last_seq}" if self.records else ""
            counts = f"{_count(self.records, 'record')}{span}, {_count(len(self.runs), 'run')}"
            lines.append(f"  schema {self.schema}, {counts}")
        lines += [f"  error: {error}" for error in self.errors]
        lines += [f"  finding: {finding}" for finding in self.findings]
        return "\n".join(lines) + "\n"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


class OpenOrders:
    """Follows which intents have come to no end yet."""

    def __init__(self) -> None:
        self._left: Dict[str, float] = {}
        self._size: Dict[str, float] = {}
        self._fills: Dict[str, Set[str]] = {}

    def feed(self, report: Any) -> None:
        """Take the next report or request; others than of orders are ignored."""
        order: Any = getattr(report, "client_order_id", None)
        if isinstance(report, OrderRequest):
            self._left[order] = self._size[order] = report.size
            self._fills[order] = set()
        elif order not in self._left:
            return
        elif isinstance(report, OrderReport):
            if report.event in _ENDED:
                self._end(order)
            elif report.event is OrderEvent.MODIFIED and report.size is not None:
                self._left[order] += report.size - self._size[order]
                self._size[order] = report.size
                self._end_if_filled(order)
        elif isinstance(report, FillReport) and report.fill_id not in self._fills[order]:
            self._fills[order].add(report.fill_id)
            self._left[order] -= report.size
            self._end_if_filled(order)

    def _end_if_filled(self, order: str) -> None:
        if self._left[order] <= 1e-9 * self._size[order]:  # sums of floats
            self._end(order)

    def _end(self, order: str) -> None:
        del self._left[order], self._size[order], self._fills[order]

    def __iter__(self) -> Iterator[str]:
        return iter(self._left)

    def to_dict(self) -> Dict[str, Any]:
        """Return all of it as JSON values."""
        return {
            order: [self._size[order], left, sorted(self._fills[order])]
            for order, left in self._left.items()
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> OpenOrders:
        """Return what `to_dict` has written."""
        orders = cls()
        for order, (size, left, fills) in values.items():
            orders._size[order], orders._left[order] = float(size), float(left)
            orders._fills[order] = set(fills)
        return orders


class Tally:
    """What is counted over all records of a journal, those that have been removed included."""

    def __init__(self) -> None:
        self.open = OpenOrders()
        self.unknown: Dict[str, int] = {}
        self.unread = 0

    def feed(self, record: Record) -> None:
        """Take the next record."""
        if record.kind not in KINDS:
            self.unknown[record.kind] = self.unknown.get(record.kind, 0) + 1
        elif record.kind in ("intent", "order", "fill"):
            try:
                self.open.feed(record.report)
            except JournalError:
                self.unread += 1

    def to_text(self) -> str:
        """Return it as it is noted in the meta table under ``removed``."""
        values = {"open": self.open.to_dict(), "unknown": self.unknown, "unread": self.unread}
        return json.dumps(values, sort_keys=True)

    @classmethod
    def from_text(cls, text: Optional[str]) -> Tally:
        """Return what `to_text` has written; for None, the one of no record.

        Raises `ValueError` for anything else.
        """
        tally = cls()
        if text is not None:
            try:
                values = json.loads(text)
                tally.open = OpenOrders.from_dict(values["open"])
                tally.unknown = {str(kind): int(n) for kind, n in values["unknown"].items()}
                tally.unread = int(values["unread"])
            except (AttributeError, KeyError, TypeError, RecursionError, OverflowError) as error:
                raise ValueError(str(error)) from None
        return tally


def verify(path: str) -> VerifyResult:
    """Check the whole journal at ``path``; reads only, also while it is being written.

    Never raises for what is wrong with the file: that is in the result.
    """
    try:
        with JournalReader(path) as reader:
            while True:
                anchor = reader.anchor
                result = _Verification(reader, anchor).run()
                if not result.errors or reader.anchor == anchor:
                    return result
                # Its writer has shortened it meanwhile.
    except JournalDamaged as error:
        return VerifyResult(path, errors=(error.what,))
    except JournalError as error:
        return VerifyResult(path, errors=(str(error).replace(f"{path}: ", "", 1),))


class _Verification:
    def __init__(self, reader: JournalReader, anchor: Tuple[int, bytes]) -> None:
        self.reader = reader
        self.anchor = anchor
        self.errors: List[str] = []
        self.tally = Tally()
        self.starts: Dict[str, Record] = {}
        self.ends: Dict[str, Record] = {}

    def run(self) -> VerifyResult:
        reader = self.reader
        if reader.schema > SCHEMA_VERSION:
            raise JournalError(f"schema {reader.schema} is newer than this version of btstores")
        self.errors += reader.integrity()
        first, count, last = 0, 0, 0
        runs: List[Run] = []
        try:
            first, count, last = self._chain()
            runs = reader.runs()
        except JournalDamaged as error:
            self.errors.append(error.what)
        if not self.errors:
            self._check_meta()
            self._check_runs(runs)
        return VerifyResult(
            reader.path,
            reader.schema,
            count,
            first if count else None,
            last if count else None,
            tuple(runs),
            tuple(self.tally.open),
            tuple(self._findings(runs)),
            tuple(self.errors[:MAX_ERRORS]),
        )

    def _chain(self) -> Tuple[int, int, int]:
        head_seq, head_hash, last_seq = self.reader.span()
        try:
            self.tally = Tally.from_text(self.reader.meta.get("removed"))
        except ValueError:
            self.errors.append("its note of what has been removed cannot be read")
        check = ChainCheck(*self.anchor)
        first, count = check.seq + 1, 0
        for row in self.reader.rows(_LOWEST_SEQ):
            if row[0] > last_seq:
                break  # written since we began
            count += 1
            problem = check.feed(row)
            if problem is not None:
                self.errors.append(problem)
                if len(self.errors) >= MAX_ERRORS:
                    break
            elif not self.errors:
                self._read(record_of(row))
        if not self.errors and (check.seq, check.hash) != (head_seq, head_hash):
            self.errors.append(f"it ends with record {check.seq}, expected {head_seq}")
        return first, count, check.seq

    def _read(self, record: Record) -> None:
        if record.kind == "run_start":
            self.starts[record.run_id] = record
        elif record.kind == "run_end":
            self.ends[record.run_id] = record
        else:
            self.tally.feed(record)

    def _check_meta(self) -> None:
        meta = self.reader.meta
        if meta.get("schema") != str(self.reader.schema):
            self.errors.append("the schema in its meta table has been changed")
        seq, digest = self.anchor
        known = anchor_hash(meta.get("journal_id", ""), meta.get("created_ns", ""))
        if seq == 0 and digest != known:
            self.errors.append("its id or its time of creation has been changed")

    def _check_runs(self, runs: List[Run]) -> None:
        anchor = self.anchor[0]
        listed = set()
        for run in runs:
            listed.add(run.run_id)
            start, end = self.starts.get(run.run_id), self.ends.get(run.run_id)
            if start is not None:
                told = (start.seq, start.time_ns, start.payload.get("pid"))
                sound = told == (run.first_seq, run.started_ns, run.pid)
            else:
                sound = isinstance(run.first_seq, int) and run.first_seq <= anchor
            if run.state == "ended":
                sound = sound and (
                    end.time_ns == run.ended_ns if end is not None else start is None
                )
            else:
                sound = sound and end is None and run.ended_ns is None
                sound = sound and run.state in ("crashed", "running")
            if not sound:
                self.errors.append(f"the run {run.run_id} does not match its records")
        for run_id in set(self.starts) - listed:
            self.errors.append(f"the run {run_id} is missing in the table of runs")

    def _findings(self, runs: List[Run]) -> Iterator[str]:
        for run in runs:
            if run.state == "crashed":
                yield f"the run {run.run_id} (process {run.pid}) crashed"
        running = bool(runs) and runs[-1].state == "running"
        orders = list(self.tally.open)
        if orders and not running:  # whoever is trading has open orders
            named = ", ".join(orders[:5]) + (", ..." if len(orders) > 5 else "")
            yield f"{_count(len(orders), 'order')} without an end: {named}"
        for kind, count in sorted(self.tally.unknown.items()):
            yield f"{_count(count, 'record')} of the unknown kind {kind!r}: from a newer version?"
        if self.tally.unread:
            yield f"{_count(self.tally.unread, 'record')} not understood: from a newer version?"
