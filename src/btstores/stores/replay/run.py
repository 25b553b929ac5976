"""One run of a journal, as it is needed to replay it."""

from __future__ import annotations

import os
from collections import Counter
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Set, Tuple, Union

from btstores.errors import ConfigError, JournalError
from btstores.instruments import Instrument
from btstores.journal.reader import JournalReader, Run
from btstores.journal.records import Record
from btstores.reports import HistoryReport, LinkReport, MassStatus, Report, Subscription

__all__ = ["ACTIONS", "Batch", "RecordedRun"]

#: What strategies and the core did, as opposed to what they were told.
ACTIONS = frozenset({"intent", "kept", "denied", "intent_cancel", "intent_modify"})
#: What a report of the same turn may answer.
_ASKED = (ACTIONS - {"denied"}) | {"leg"}
#: Kinds that carry a report.
_TOLD = frozenset(
    {"account", "bar", "control", "fill", "finding", "history", "link", "order", "position"}
    | {"quote", "tick", "timer"}
)
#: What a mass status is made of, in the order of its fields.
_STATUS = ("order", "fill", "position", "account")


class Batch(NamedTuple):
    """Reports that were handled in one turn of the engine.

    ``seq`` is the first one's, ``time_ns`` the last one's. ``backlog`` is how many bars and ticks
    the feeds had still to show then, and ``early`` is True for what was handled before they were
    asked. ``answers`` is True for the later part of a turn, after what was asked for in it.
    """

    seq: int
    time_ns: int
    backlog: int
    early: bool
    answers: bool
    reports: Tuple[Report, ...]


class RecordedRun:
    """A run in the journal at ``path``: the last one, the n-th, or the one with an id.

    Raises `ConfigError` when there is no such run, and `JournalError` when the journal or what
    is left of the run cannot be replayed.
    """

    def __init__(self, path: Union[str, os.PathLike[str]], which: Union[int, str, None]) -> None:
        self.path = os.fspath(path)
        self._reader = JournalReader(self.path)
        try:
            self._run, self._next_seq = self._choose(which)
            self._read()
        except BaseException:
            self._reader.close()
            raise

    def __repr__(self) -> str:
        return f"<run {self._run.run_id} of {self.path}>"

    @property
    def started_ns(self) -> int:
        """Return when the run began, in epoch nanoseconds, UTC."""
        return self._run.started_ns

    def close(self) -> None:
        """Free the file."""
        self._reader.close()

    def _choose(self, which: Union[int, str, None]) -> Tuple[Run, Optional[int]]:
        runs = self._reader.runs()
        numbers = {str(number): number - 1 for number in range(1, len(runs) + 1)}
        numbers.update((run.run_id, number) for number, run in enumerate(runs))
        number = numbers.get(str(len(runs) if which is None else which))
        if number is None:
            raise ConfigError.of("run", which, f"1 to {len(runs)}, or a run's id")
        after = runs[number + 1].first_seq if number + 1 < len(runs) else None
        return runs[number], after

    def _read(self) -> None:
        self.description: Dict[str, Any] = {}
        self.instruments: Dict[str, Instrument] = {}
        self.actions: List[Record] = []
        #: How many answers there are to questions for history of a stream.
        self.answers: Counter[Subscription] = Counter()
        #: The streams that the venue was asked for.
        self.streams: Set[Subscription] = set()
        #: Ids on the wire of what was sent or kept in this run.
        self.wires: Set[str] = set()
        #: Seq and order of each note about an order that is kept here.
        self.legs: List[Tuple[int, str]] = []
        self._turns: List[Tuple[int, int, int, bool]] = []
        self._begin: Optional[Record] = None
        self._stop: Optional[Record] = None
        if self._reader.anchor[0] >= self._run.first_seq:
            raise JournalError(f"{self.path}: the beginning of this run has been removed")
        kinds = ACTIONS | {"store", "instrument", "leg", "turn", "stop"}
        kinds |= {"reconciled", "link", "history"}
        for record in self._records(self._run.first_seq, kinds):
            self._index(record)
        if not self.description:
            raise JournalError(f"{self.path}: an older version wrote this run; it has no 'store'")
        if self._begin is None:
            raise JournalError(f"{self.path}: this run has never reached its venue")

    def _index(self, record: Record) -> None:
        payload = record.payload
        if record.kind in ACTIONS:
            self.actions.append(record)
            if record.kind in ("intent", "kept"):
                self.wires.add(payload["client_order_id"])
        elif record.kind == "leg":
            self.legs.append((record.seq, record.correlation or ""))
        elif record.kind == "turn":
            turn = (payload["since"], record.seq, payload["backlog"], payload["early"])
            self._turns.append(turn)
        elif record.kind == "store":
            self.description = payload
        elif record.kind == "instrument":
            found = dict(payload, tick_table=tuple(map(tuple, payload["tick_table"])))
            self.instruments[payload["symbol"]] = Instrument(**found)
        elif record.kind == "stop":
            self._stop = record
        elif record.kind == "reconciled":
            self._begin = self._begin or record
        else:
            report = record.report
            if isinstance(report, HistoryReport):
                self.answers[report.subscription] += 1
            elif isinstance(report, LinkReport) and report.subscription is not None:
                self.streams.add(report.subscription)

    def _records(self, start: int, kinds: Any) -> Iterator[Record]:
        for record in self._reader.records(start, kinds):
            if self._next_seq is not None and record.seq >= self._next_seq:
                return
            yield record

    def before(self, start: int, kinds: Any) -> Iterator[Record]:
        """Yield what the journal held when the run began."""
        for record in self._reader.records(start, kinds):
            if record.seq >= self._run.first_seq:
                return
            yield record

    def status(self) -> MassStatus:
        """Return the mass status that the run began with."""
        begin = self._begin
        if begin is None:  # looked at when it was read
            raise JournalError(f"{self.path}: this run has never reached its venue")
        parts: Dict[str, List[Any]] = {kind: [] for kind in _STATUS}
        for record in self._records(self._run.first_seq, _STATUS):
            if record.seq > begin.seq:
                break
            report = record.report
            if report.reconciled:
                parts[record.kind].append(report)
        orders, fills, positions, accounts = (tuple(parts[kind]) for kind in _STATUS)
        return MassStatus(begin.time_ns, orders, fills, positions, accounts)

    def batches(self) -> Iterator[Batch]:
        """Yield what came after that status, in order.

        The last one is empty if the engine was stopped, rather than killed.
        """
        stop = self._stop
        turns = iter([*self._turns, (2**63, 2**63, 0, False)])
        turn = next(turns)
        first: Optional[Record] = None
        reports: List[Report] = []
        asked: Set[str] = set()
        backlog, last_seq, last_ns, early, later = 0, 0, 0, False, False
        start = self._begin.seq + 1 if self._begin is not None else 0
        for record in self._records(start, _TOLD | _ASKED):
            if stop is not None and record.seq >= stop.payload["since"]:
                break  # what came later nobody was told
            if record.kind in _ASKED:
                asked.update((record.payload["client_order_id"], record.correlation or ""))
                continue
            report = record.report
            if report is None:
                continue
            # What answers a request of the same turn cannot be told before it.
            answers = getattr(report, "client_order_id", None) in asked
            if first is not None and (record.seq > last_seq or answers):
                yield Batch(first.seq, last_ns, backlog, early, later, tuple(reports))
                first, later = None, record.seq <= last_seq
            if first is None:
                first, reports, asked = record, [], set()
                while turn[1] < record.seq:
                    turn = next(turns)
                together = turn[0] <= record.seq
                last_seq = turn[1] if together else record.seq
                backlog, early = turn[2:] if together else (0, False)
            reports.append(report)
            last_ns = record.time_ns
        if first is not None:
            yield Batch(first.seq, last_ns, backlog, early, later, tuple(reports))
        if stop is not None:
            yield Batch(stop.seq, stop.time_ns, stop.payload["backlog"], True, False, ())
