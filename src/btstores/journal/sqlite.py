"""The journal on disk: one SQLite file in write-ahead mode.

Pending records are written in one transaction with ``synchronous=FULL``: a commit returns
after the operating system has put them on the disk, and after a crash at any moment the file
holds all that was committed and nothing half. One process writes, any number may read
meanwhile (`btstores.journal.reader`). Keep ``PATH``, ``PATH-wal`` and ``PATH-shm`` together.
In quiet moments the oldest records go (`btstores.journal.retention`).
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
from typing import Any, Collection, Iterator, List, Mapping, Optional, Sequence, Tuple, Union

import btstores
from btstores.clock import Clock
from btstores.errors import JournalError
from btstores.journal.base import ChainJournal
from btstores.journal.lock import FileLock
from btstores.journal.reader import (
    APPLICATION_ID,
    SCHEMA_VERSION,
    UNREADABLE,
    JournalReader,
    anchor_hash,
    lock_path,
    unreadable,
)
from btstores.journal.records import Record, Row
from btstores.journal.retention import Retention, check_limits, newest_snapshot

__all__ = ["SqliteJournal"]

log = logging.getLogger(__name__)

_TABLES = (
    """CREATE TABLE records (
        seq INTEGER PRIMARY KEY,
        run_id TEXT NOT NULL,
        time_ns INTEGER NOT NULL,
        kind TEXT NOT NULL,
        cause INTEGER,
        correlation TEXT,
        payload TEXT NOT NULL,
        hash BLOB NOT NULL
    )""",
    """CREATE INDEX records_correlation ON records (correlation)
        WHERE correlation IS NOT NULL""",
    """CREATE TABLE runs (
        run_id TEXT NOT NULL UNIQUE,
        started_ns INTEGER NOT NULL,
        ended_ns INTEGER,
        state TEXT NOT NULL,
        pid INTEGER NOT NULL,
        first_seq INTEGER NOT NULL
    )""",
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)",
)
#: Bytes of a record besides its payload.
_OVERHEAD = 150
_INSERT = "INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?)"

_Statement = Tuple[str, Tuple[Any, ...]]


class SqliteJournal(ChainJournal):
    """The journal in the file ``path``, made when it is not there.

    ``info`` goes into the run_start record (store, account, parameters; secrets are redacted).
    ``tail`` is how many of the newest records are checked on opening, at least; all from the
    newest snapshot on are. Raises `JournalError` when the file is in use by another process
    (naming it), is not a journal, was written by a newer version, or fails the check.

    Records older than ``keep_days`` go, and the oldest ones before the file is larger than
    ``keep_bytes``, but none that follows the newest snapshot; None keeps all. Raises
    `ConfigError` for limits that cannot be.

    It belongs to the first thread that appends or commits; any thread may close it.
    """

    def __init__(
        self,
        path: Union[str, os.PathLike[str]],
        clock: Clock,
        info: Optional[Mapping[str, Any]] = None,
        tail: int = 1000,
        keep_days: Optional[float] = None,
        keep_bytes: Optional[int] = 1 << 30,
    ) -> None:
        super().__init__(clock)
        check_limits(keep_days, keep_bytes)
        self._keep_bytes = keep_bytes
        #: Records since the last look at the limits, bytes since the newest snapshot.
        self._written = self._grown = 0
        self.path = os.path.abspath(path)
        self._lock = FileLock(lock_path(self.path))
        try:
            if not os.path.exists(self.path):
                _create(self.path, clock)
            self._db = _connect(self.path)
            try:
                self._reader = JournalReader(self.path, self._db)
                self._prepare()
                self._snapshot_seq = newest_snapshot(self._reader)
                self._tail = self._reader.check_tail(tail, self._snapshot_seq)
                retention = Retention(self._db, self._reader, keep_days, keep_bytes)
                self._grown = self._grown_before(retention.used())
                self._retention: Optional[Retention] = retention
                self._begin_run(info or {})
                self._shorten()
            except BaseException:
                self._db.close()
                raise
        except BaseException:
            self._closed = True
            self._lock.release()
            raise

    def _prepare(self) -> None:
        if self._reader.schema != SCHEMA_VERSION:
            raise JournalError(
                f"{self.path}: written in schema {self._reader.schema}, this version of btstores "
                f"writes {SCHEMA_VERSION}: update btstores, or use another file"
            )
        try:
            mode = self._db.execute("PRAGMA journal_mode=WAL").fetchone()[0]
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.execute("PRAGMA fullfsync=ON")  # a plain fsync is not enough on macOS
            self._db.execute(f"PRAGMA journal_size_limit={64 << 20}")
            self._db.execute("PRAGMA secure_delete=OFF")  # zeros over what goes cost as much
        except UNREADABLE as error:
            raise unreadable(self.path, error) from None
        if mode != "wal":
            raise JournalError(f"{self.path}: write-ahead mode is refused; use a local disk")

    def _grown_before(self, used: int) -> int:
        """Return about how much of the file follows the newest snapshot."""
        first, last = self._reader.anchor[0], self._tail[0]
        return used * (last - max(first, self._snapshot_seq)) // max(1, last - first)

    def _begin_run(self, info: Mapping[str, Any]) -> None:
        runs = self._reader.runs()
        taken = {run.run_id for run in runs}
        self.run_id = self._clock.new_id()
        while self.run_id in taken:  # a simulated clock repeats its ids
            self.run_id = self._clock.new_id()
        payload = dict(info, pid=os.getpid(), version=btstores.__version__, schema=SCHEMA_VERSION)
        statements: List[_Statement] = []
        if runs:
            # Our lock says that nobody writes: a run still called running has crashed.
            crashed = runs[-1].state == "running"
            payload["previous"] = runs[-1].run_id
            payload["previous_state"] = "crashed" if crashed else runs[-1].state
            statements.append(("UPDATE runs SET state = 'crashed' WHERE state = 'running'", ()))
            if crashed:
                log.warning("journal.crashed_run path=%s run=%s", self.path, runs[-1].run_id)
        seq = self.append("run_start", payload)
        run = (self.run_id, self._pending[0][2], None, "running", os.getpid(), seq)
        statements.append(("INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?)", run))
        self._write(*statements)
        self._thread = None

    def records(self, start: int = 1, kinds: Optional[Collection[str]] = None) -> Iterator[Record]:
        if self.broken is None:
            self.commit()
        return self._reader.records(start, kinds)

    def idle(self) -> None:
        super().idle()
        self._shorten()

    def _shorten(self) -> None:
        """Let a few records go. What fails here takes nothing away, and is not tried again."""
        if self._retention is None:
            return
        written, self._written = self._written, 0
        try:
            self._retention.step(self._clock.time_ns(), self._snapshot_seq, written)
        except (JournalError, *UNREADABLE) as error:
            self._retention = None
            log.error("journal.not_shortened path=%s error=%s", self.path, error)

    def abandon(self) -> None:
        """Let go of the file as a process that is killed does: what waits is not written."""
        if not self._closed:
            self._closed = True
            self._db.close()
            self._lock.release()

    def _end(self) -> None:
        if not self._lock.held:
            return  # a forked child: all of it is the parent's
        try:
            if self.broken is None:
                self.append("run_end", {})
                sql = "UPDATE runs SET state = 'ended', ended_ns = ? WHERE run_id = ?"
                self._write((sql, (self._pending[-1][2], self.run_id)))
        finally:
            self._db.close()
            self._lock.release()

    def _write(self, *statements: _Statement) -> None:
        rows = self._pending
        db = self._db
        try:
            db.execute("BEGIN IMMEDIATE")
            db.executemany(_INSERT, rows)
            head = f"{rows[-1][0]} {rows[-1][7].hex()}"
            db.execute("UPDATE meta SET value = ? WHERE key = 'head'", (head,))
            for sql, values in statements:
                db.execute(sql, values)
            db.execute("COMMIT")
            self._tail = (rows[-1][0], rows[-1][7])
            self._pending = []
            self._count(rows)
        except sqlite3.Error as error:
            self._break(error)
            raise JournalError(f"the journal is broken: {self.broken}") from error
        except BaseException:  # Ctrl-C: keep in line exactly what is not on disk
            self._roll_back()
            self._tail = self._reader.head
            self._pending = [row for row in rows if row[0] > self._tail[0]]
            raise

    def _count(self, rows: Sequence[Row]) -> None:
        self._written += len(rows)
        if self._snapshot_seq >= rows[0][0]:
            self._grown = 0
        else:
            self._grown += sum([len(row[6]) for row in rows]) + _OVERHEAD * len(rows)

    @property
    def snapshot_due(self) -> bool:
        # Only what is before a snapshot can go: there must be one in time.
        part = self._keep_bytes is not None and self._grown > self._keep_bytes // 10
        return part or super().snapshot_due

    def newest(self, kind: str) -> Optional[Record]:
        if self.broken is None:
            self.commit()
        return next(self._reader.records(kinds=(kind,), last=1), None)

    def _check(self) -> None:
        super()._check()
        if not self._lock.held:
            raise JournalError("the journal belongs to the process that opened it")

    def _break(self, error: sqlite3.Error) -> None:
        rows = self._pending
        self.broken = (
            f"{self.path}: {error}; the records {rows[0][0]} to {rows[-1][0]} are not on disk"
        )
        log.error("journal.broken %s", self.broken)
        self._roll_back()

    def _roll_back(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")


def _connect(path: str) -> sqlite3.Connection:
    try:
        # Made on one thread, used on another: `append` and `commit` see to it that it is one.
        return sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    except sqlite3.Error as error:
        raise JournalError(f"{path}: cannot be opened: {error}") from None


def _create(path: str, clock: Clock) -> None:
    """Make an empty journal, whole or not at all."""
    if os.path.exists(path + "-wal"):
        raise JournalError(
            f"{path}: the file is missing but its {path}-wal is there: bring it back, "
            "or move that away too"
        )
    journal_id, created_ns = clock.new_id(), clock.time_ns()
    anchor = f"0 {anchor_hash(journal_id, created_ns).hex()}"
    meta = {
        "schema": str(SCHEMA_VERSION),
        "journal_id": journal_id,
        "created_ns": str(created_ns),
        "anchor": anchor,
        "head": anchor,
    }
    draft = path + ".new"
    try:
        for leftover in (draft, draft + "-journal"):
            if os.path.exists(leftover):
                os.remove(leftover)
        with contextlib.closing(sqlite3.connect(draft, isolation_level=None)) as db:
            db.execute("PRAGMA auto_vacuum=INCREMENTAL")  # only before anything is written
            db.execute(f"PRAGMA application_id={APPLICATION_ID}")
            db.execute("BEGIN")
            for table in _TABLES:
                db.execute(table)
            db.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
            db.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
            db.execute("COMMIT")
        os.replace(draft, path)
    except (OSError, sqlite3.Error) as error:
        raise JournalError(f"{path}: cannot be made: {error}") from None
