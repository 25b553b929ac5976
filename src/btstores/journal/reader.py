"""Reading a journal file, also while another process writes it.

The file is an SQLite database: ``records`` holds the chain, ``runs`` one row a process start,
``meta`` the journal's id, the schema, the ``anchor`` (seq and hash that the first record
follows) and the ``head`` (seq and hash of the last one). A journal that has been shortened
from the front has a later anchor, nothing else differs.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pathlib
import sqlite3
from typing import (
    Any,
    Collection,
    Dict,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Tuple,
    Type,
    TypeVar,
    Union,
)

from btstores.errors import JournalError
from btstores.journal import lock
from btstores.journal.records import Record, Row, canonical, digest, record_of

__all__ = [
    "APPLICATION_ID",
    "SCHEMA_VERSION",
    "UNREADABLE",
    "ChainCheck",
    "JournalDamaged",
    "JournalReader",
    "Run",
    "anchor_hash",
    "lock_path",
    "unreadable",
]

SCHEMA_VERSION = 1
APPLICATION_ID = 0x62746A6C  # "btjl", tells `file` and us what this is

_COLUMNS = "seq, run_id, time_ns, kind, cause, correlation, payload, hash"
_PAGE = 1000

#: What reading a damaged file raises; SQLite's own messages may not be text any more.
UNREADABLE = (sqlite3.Error, UnicodeDecodeError)

#: Beginnings of SQLite's messages about the disk, rights and other programs: they say nothing
#: against the file.
_SURROUNDINGS = (
    "database or disk is full",
    "disk I/O error",
    "unable to open database file",
    "database is locked",
    "database table is locked",
    "attempt to write a readonly database",
    "locking protocol",
    "access permission denied",
)

_Self = TypeVar("_Self", bound="JournalReader")


class Run(NamedTuple):
    """One process that wrote the journal. ``state`` is running, ended or crashed."""

    run_id: str
    started_ns: int
    ended_ns: Optional[int]
    state: str
    pid: int
    first_seq: int


class ChainCheck:
    """Follows the chain from a known seq and hash on, row by row."""

    def __init__(self, seq: int, previous: bytes) -> None:
        self.seq = seq
        self.hash = previous

    def feed(self, row: Tuple[Any, ...]) -> Optional[str]:
        """Return what is wrong with the next row, or None. Goes on from it either way."""
        seq, expected, previous = row[0], self.seq + 1, self.hash
        self.seq, self.hash = seq, row[7]
        if seq < expected:
            return f"record {seq} stands before the first, {expected}"
        if seq > expected:
            last = seq - 1
            one = f"record {expected} is missing"
            return one if last == expected else f"records {expected} to {last} are missing"
        if not isinstance(row[7], bytes) or not isinstance(row[6], str):
            self.hash = b""
            return f"record {seq} has been changed: a column has another type"
        try:
            sound = digest(previous, canonical(*row[:7])) == row[7]
        except (JournalError, TypeError, ValueError):
            sound = False
        return None if sound else f"record {seq} or the hash before it has been changed"


def anchor_hash(journal_id: str, created_ns: Union[int, str]) -> bytes:
    """Return what the first record of a new journal follows."""
    return hashlib.sha256(f"btstores journal {journal_id} {created_ns}".encode()).digest()


def lock_path(path: str) -> str:
    """Return the lock file of the journal at ``path``."""
    return path + ".lock"


class JournalDamaged(JournalError):
    """The journal at ``path`` cannot be trusted: ``what`` says why, the message what to do."""

    def __init__(self, path: str, what: object) -> None:
        super().__init__(
            f"{path}: {what}. Nothing was changed. See: btstores journal verify {path}. "
            "To trade on, move it away together with its -wal and -shm files: "
            "a new journal is begun and the state is taken from the venue"
        )
        self.path = path
        self.what = str(what)


def unreadable(path: str, error: Exception, what: str = "{}") -> JournalError:
    """Return the error for what SQLite raised: about the file, unless it is the disk's fault.

    ``what`` is put around SQLite's message.
    """
    if isinstance(error, sqlite3.Error) and str(error).startswith(_SURROUNDINGS):
        return JournalError(
            f"{path}: {error}. Nothing is known to be wrong with the journal: look after "
            "room on the disk, rights and other programs that use the file"
        )
    return JournalDamaged(path, what.format(error))


class JournalReader:
    """Reads the journal at ``path`` and never writes to it.

    Raises `JournalError` when there is no journal, or none that can be read. ``connection``
    is for the writer, which reads through its own.
    """

    def __init__(self, path: str, connection: Optional[sqlite3.Connection] = None) -> None:
        self.path = path
        if os.path.exists(path) and not os.path.getsize(path):
            # SQLite would take its -wal for a leftover and delete it.
            raise JournalDamaged(path, "not a btstores journal any more: it is empty")
        if connection is None:
            connection = self._connect(path)
        self._db = connection
        try:
            self._check_file()
        except BaseException:
            connection.close()
            raise

    @staticmethod
    def _connect(path: str) -> sqlite3.Connection:
        if not os.path.exists(path):
            raise JournalError(f"{path}: there is no such file")
        if not os.path.isfile(path):
            raise JournalError(f"{path}: not a file")
        uri = pathlib.Path(path).absolute().as_uri() + "?mode=ro"
        try:
            return sqlite3.connect(uri, uri=True, isolation_level=None)
        except sqlite3.Error as error:
            raise JournalError(f"{path}: cannot be opened: {error}") from None

    def _check_file(self) -> None:
        try:
            application = self._value("PRAGMA application_id")
            self.schema = int(self._value("PRAGMA user_version"))
        except UNREADABLE as error:
            what = "not a btstores journal, or its beginning is damaged ({})"
            raise unreadable(self.path, error, what) from None
        if application != APPLICATION_ID:
            raise JournalError(f"{self.path}: not a btstores journal")
        self.meta  # noqa: B018  raises when it cannot be read

    def _value(self, sql: str, *parameters: Any) -> Any:
        row = self._db.execute(sql, parameters).fetchone()
        return None if row is None else row[0]

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except UNREADABLE as error:
            raise unreadable(self.path, error) from None

    @property
    def meta(self) -> Dict[str, str]:
        """What the journal says of itself: schema, journal_id, created_ns, anchor, head.

        When records have been removed, also what is counted over them, as ``removed``.
        """
        with self._reading():
            return dict(self._db.execute("SELECT key, value FROM meta"))

    @property
    def anchor(self) -> Tuple[int, bytes]:
        """The seq and hash that the first record follows."""
        return self._point("anchor")

    @property
    def head(self) -> Tuple[int, bytes]:
        """The seq and hash of the last record, noted with each commit."""
        return self._point("head")

    def _point(self, key: str) -> Tuple[int, bytes]:
        text = self.meta.get(key)
        try:
            seq, digest = text.split()  # type: ignore[union-attr]
            point = int(seq), bytes.fromhex(digest)
        except (AttributeError, ValueError):
            point = None
        if point is None or text != f"{point[0]} {point[1].hex()}":
            raise JournalDamaged(self.path, f"its {key} cannot be read")
        return point

    def runs(self) -> List[Run]:
        """Return all runs, oldest first. One that nobody runs any more is shown as crashed."""
        sql = "SELECT run_id, started_ns, ended_ns, state, pid, first_seq FROM runs ORDER BY rowid"
        with self._reading():
            runs = [Run(*row) for row in self._db.execute(sql)]
        running = any(run.state == "running" for run in runs)
        if running and lock.holder(lock_path(self.path)) is None:
            runs = [r._replace(state="crashed") if r.state == "running" else r for r in runs]
        return runs

    def rows(
        self,
        start: int = 1,
        kinds: Optional[Collection[str]] = None,
        correlation: Optional[str] = None,
        run_id: Optional[str] = None,
        last: Optional[int] = None,
    ) -> Iterator[Row]:
        """Yield stored rows from seq ``start`` on that meet all that is given, in order.

        ``last`` keeps only the newest so many. Raises `JournalError` when the file is damaged.
        """
        where, values = ["seq >= ?"], [start]  # type: Tuple[List[str], List[Any]]
        if kinds is not None:
            where.append(f"kind IN ({','.join('?' * len(kinds))})")
            values += kinds
        for column, value in (("correlation", correlation), ("run_id", run_id)):
            if value is not None:
                where.append(f"{column} = ?")
                values.append(value)
        query = f"SELECT {_COLUMNS} FROM records WHERE {' AND '.join(where)} ORDER BY seq"  # noqa: S608
        with self._reading():
            if last is not None:
                newest = self._db.execute(f"{query} DESC LIMIT ?", [*values, last]).fetchall()
                yield from reversed(newest)
                return
            # Page by page: a read that stays open would keep the writer's WAL from shrinking.
            while True:
                page = self._db.execute(f"{query} LIMIT {_PAGE}", values).fetchall()
                yield from page
                if len(page) < _PAGE:
                    return
                values[0] = page[-1][0] + 1

    def records(
        self,
        start: int = 1,
        kinds: Optional[Collection[str]] = None,
        correlation: Optional[str] = None,
        run_id: Optional[str] = None,
        last: Optional[int] = None,
    ) -> Iterator[Record]:
        """Yield what `rows` yields, as records."""
        return map(record_of, self.rows(start, kinds, correlation, run_id, last))

    def has_kind(self, kind: str) -> bool:
        """Return whether there is a record of this kind."""
        with self._reading():
            return self._value("SELECT 1 FROM records WHERE kind = ? LIMIT 1", kind) is not None

    def span(self) -> Tuple[int, bytes, int]:
        """Return seq and hash of the head and the seq of the last record, all of one moment."""
        with self._reading():
            self._db.execute("BEGIN")
            try:
                last = self._value("SELECT max(seq) FROM records")
                return (*self.head, last or 0)
            finally:
                self._db.execute("COMMIT")

    def check_tail(self, count: int, snapshot: int = 0) -> Tuple[int, bytes]:
        """Check the chain over the last ``count`` records; return the seq and hash of the last.

        A ``snapshot`` and all that follows it are checked too: a restart reads them. Raises
        `JournalError` when the journal cannot be trusted.
        """
        head = self.head
        start = head[0] - count + 1
        start = min(start, snapshot) if snapshot else start
        check = ChainCheck(*self.anchor)
        if start > check.seq + 1:
            before = next(self.rows(start - 1), None)
            if before is None:
                raise JournalDamaged(self.path, f"record {start - 1} is missing")
            check = ChainCheck(before[0], before[7])
        for row in self.rows(check.seq + 1):
            problem = check.feed(row)
            if problem is not None:
                raise JournalDamaged(self.path, problem)
        if (check.seq, check.hash) != head:
            raise JournalDamaged(self.path, f"it ends with record {check.seq}, expected {head[0]}")
        return head

    def integrity(self) -> List[str]:
        """Return what SQLite itself finds wrong with the file; empty when nothing."""
        try:
            found = [row[0] for row in self._db.execute("PRAGMA integrity_check(10)")]
        except UNREADABLE as error:
            return [str(error)]
        return [] if found == ["ok"] else found

    def close(self) -> None:
        """Free the file."""
        self._db.close()

    def __enter__(self: _Self) -> _Self:
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], *details: object) -> None:
        self.close()
