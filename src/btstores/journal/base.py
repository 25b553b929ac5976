"""The journal as its callers see it, and the two that need no disk.

A journal belongs to one thread, Cerebro's: the first that appends or commits. `append` puts a
record in line, `commit` returns only when everything in line is durable. What must not be
lost before it is acted on (an intent to trade) goes through `append_durable`; what we are
told is appended as it comes and committed once per turn of the loop, by `idle`.

    with SqliteJournal("account.journal", clock) as journal:
        intent = journal.append_durable("intent", request)
        ...
        journal.append_report(fill, cause=intent)
        journal.commit()

A `JournalError` while ``broken`` is None refuses that one record: the caller may mend it and
go on. Once ``broken`` tells a reason the journal takes nothing more, and trading must halt.
"""

from __future__ import annotations

import abc
from threading import get_ident  # noqa: TID251  a guard against threads, not a use of them
from typing import Any, Collection, Iterator, List, Optional, Tuple, Type, TypeVar

from btstores.clock import Clock
from btstores.errors import JournalError
from btstores.journal.records import Payload, Record, Row, kind_of, link, record_of

__all__ = ["ChainJournal", "Journal", "MemoryJournal", "NullJournal"]

_Self = TypeVar("_Self", bound="Journal")


class Journal(abc.ABC):
    """A growing list of records. See the module for how to use it."""

    #: Why nothing can be written any more, or None.
    broken: Optional[str] = None

    #: This process's run, or "" where there are no runs.
    run_id: str = ""

    @property
    @abc.abstractmethod
    def last_seq(self) -> int:
        """The seq of the newest record, durable or not; 0 when there is none."""

    @property
    def snapshot_due(self) -> bool:
        """Whether it is time for a ``snapshot``.

        That is a record whose payload holds all that a restart needs of the records before it;
        they may be removed when it is durable.
        """
        return False

    @abc.abstractmethod
    def append(
        self,
        kind: str,
        payload: Payload,
        cause: Optional[int] = None,
        correlation: Optional[str] = None,
    ) -> int:
        """Put a record in line and return its seq. It is durable after the next `commit`.

        ``payload`` is a report, a request or a mapping of JSON values; ``cause`` the seq of
        the record that led to it; ``correlation`` the client order id, by default the
        payload's own. Raises `JournalError`.
        """

    @abc.abstractmethod
    def commit(self) -> None:
        """Return when every record appended so far is durable. Costs nothing when all are.

        Raises `JournalError`, and the journal is ``broken``, when that cannot be had.
        """

    def idle(self) -> None:
        """Use a quiet moment: commit, and remove a few records that need not be kept any more.

        Raises `JournalError` when the commit fails.
        """
        self.commit()

    @abc.abstractmethod
    def records(self, start: int = 1, kinds: Optional[Collection[str]] = None) -> Iterator[Record]:
        """Yield the records from seq ``start`` on, in order; only of ``kinds`` when given.

        Those appended while it runs may or may not be among them.
        """

    @abc.abstractmethod
    def close(self) -> None:
        """Make everything durable, end the run and free the file. May be called twice."""

    def newest(self, kind: str) -> Optional[Record]:
        """Return the newest record of a kind, or None."""
        newest = None
        for record in self.records(kinds=(kind,)):
            newest = record
        return newest

    def append_report(self, report: Any, cause: Optional[int] = None) -> int:
        """Append a report or request under its own kind and return its seq."""
        return self.append(kind_of(report), report, cause)

    def append_durable(
        self,
        kind: str,
        payload: Payload,
        cause: Optional[int] = None,
        correlation: Optional[str] = None,
    ) -> int:
        """Append a record, return its seq when it is durable."""
        seq = self.append(kind, payload, cause, correlation)
        self.commit()
        return seq

    def __enter__(self: _Self) -> _Self:
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], *details: object) -> None:
        self.close()


class NullJournal(Journal):
    """Keeps nothing and costs nothing; every seq is 0."""

    last_seq = 0

    def append(
        self,
        kind: str,
        payload: Payload,
        cause: Optional[int] = None,
        correlation: Optional[str] = None,
    ) -> int:
        return 0

    def append_report(self, report: Any, cause: Optional[int] = None) -> int:
        return 0

    def commit(self) -> None:
        pass

    def records(self, start: int = 1, kinds: Optional[Collection[str]] = None) -> Iterator[Record]:
        return iter(())

    def close(self) -> None:
        pass


class ChainJournal(Journal):
    """What all journals that keep records share: the chain, the line of pending rows, states.

    A subclass sets ``run_id`` and ``_tail`` and implements `_write`, `records`, `_end`.
    """

    #: So many rows in line are written without waiting for a commit: it bounds memory.
    batch = 4096
    #: So many records from one snapshot to the next: what a restart has to read.
    snapshot_every = 100_000

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._thread: Optional[int] = None
        self._closed = False
        self._pending: List[Row] = []
        #: Seq and hash of the newest record that is not in line any more.
        self._tail: Tuple[int, bytes] = (0, b"")
        #: The newest snapshot; 0 when there is none.
        self._snapshot_seq = 0

    @property
    def last_seq(self) -> int:
        return self._pending[-1][0] if self._pending else self._tail[0]

    @property
    def snapshot_due(self) -> bool:
        return self.last_seq - self._snapshot_seq >= self.snapshot_every

    @property
    def pending(self) -> int:
        """How many records are not durable yet."""
        return len(self._pending)

    def append(
        self,
        kind: str,
        payload: Payload,
        cause: Optional[int] = None,
        correlation: Optional[str] = None,
    ) -> int:
        self._check()
        pending = self._pending
        # The state of the chain is the line itself: an interrupt (Ctrl-C) cannot split them.
        seq, previous = (pending[-1][0], pending[-1][7]) if pending else self._tail
        seq += 1
        pending.append(
            link(
                seq,
                previous,
                self.run_id,
                self._clock.time_ns(),
                kind,
                payload,
                cause,
                correlation,
            )
        )
        if kind == "snapshot":
            self._snapshot_seq = seq
        if len(pending) >= self.batch:
            self.commit()
        return seq

    def commit(self) -> None:
        self._check()
        if self._pending:
            self._write()

    def close(self) -> None:
        if not self._closed:
            self._thread = None  # any thread may close
            try:
                self._end()
            finally:
                self._closed = True

    @abc.abstractmethod
    def _end(self) -> None:
        """Write the run's end, unless broken, and free what is held."""

    @abc.abstractmethod
    def _write(self) -> None:
        """Make the pending rows durable, move ``_tail`` and empty the line."""

    def _check(self) -> None:
        if self.broken is not None:
            raise JournalError(f"the journal is broken: {self.broken}")
        if self._closed:
            raise JournalError("the journal is closed")
        thread = get_ident()
        if self._thread != thread:
            if self._thread is not None:
                raise JournalError("the journal belongs to another thread")
            self._thread = thread


class MemoryJournal(ChainJournal):
    """A journal in memory, for tests: the same records and chain, nothing on disk."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.run_id = clock.new_id()
        self._rows: List[Row] = []
        self.append("run_start", {})
        self._thread = None

    def fail(self, reason: str) -> None:
        """Behave from now on as after a disk error."""
        self.broken = reason

    def records(self, start: int = 1, kinds: Optional[Collection[str]] = None) -> Iterator[Record]:
        for row in self._rows + self._pending:
            if row[0] >= start and (kinds is None or row[3] in kinds):
                yield record_of(row)

    def _end(self) -> None:
        if self.broken is None:
            self.append("run_end", {})
            self.commit()

    def _write(self) -> None:
        self._rows += self._pending
        self._tail = (self._pending[-1][0], self._pending[-1][7])
        self._pending = []
