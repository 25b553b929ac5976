"""Keeping a journal within its limits: its oldest records go, and the chain stays whole.

What a restart needs of records that go is in a later ``snapshot``; nothing is removed without
one, and nothing from it on. The anchor moves with each step, so that the first record follows
it as ever, and `verify` is left what it counts over all records.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import sqlite3
import sys
from typing import NamedTuple, Optional

from btstores.clock import NS_PER_SECOND
from btstores.errors import ConfigError, JournalError
from btstores.journal.lock import FileLock
from btstores.journal.reader import (
    UNREADABLE,
    ChainCheck,
    JournalDamaged,
    JournalReader,
    lock_path,
    unreadable,
)
from btstores.journal.records import record_of
from btstores.journal.verify import Tally, verify

__all__ = [
    "Retention",
    "Shortened",
    "age_ns",
    "check_limits",
    "newest_snapshot",
    "shorten",
    "shorten_file",
]

#: Snapshots of a busy account take megabytes: less cannot be kept.
LEAST_BYTES = 1 << 20
MOST_DAYS = 100_000
#: Records that go in one step, those at most when so many come, and pages that one gives back.
STEP, MOST, PAGES = 1000, 10_000, 256

#: By time records go an hour's worth at once.
_SLACK_NS = 3600 * NS_PER_SECOND


def check_limits(keep_days: Optional[float], keep_bytes: Optional[int]) -> None:
    """Raise `ConfigError` for what can be no limit of a journal."""
    if keep_days is not None:
        is_number = isinstance(keep_days, (int, float)) and not isinstance(keep_days, bool)
        if not (is_number and 0 < keep_days <= MOST_DAYS):
            expected = f"a number of days above 0, at most {MOST_DAYS}"
            raise ConfigError.of("keep_days", keep_days, expected)
    if keep_bytes is not None:
        is_whole = isinstance(keep_bytes, int) and not isinstance(keep_bytes, bool)
        if not (is_whole and keep_bytes >= LEAST_BYTES):
            expected = f"a whole number of bytes from {LEAST_BYTES} on"
            raise ConfigError.of("keep_bytes", keep_bytes, expected)


def age_ns(days: float) -> int:
    """Return days as nanoseconds."""
    return round(days * 86_400 * NS_PER_SECOND)


def newest_snapshot(reader: JournalReader) -> int:
    """Return the seq of the newest snapshot, or 0 when there is none."""
    for row in reader.rows(kinds=("snapshot",), last=1):
        return row[0]
    return 0


def shorten(
    db: sqlite3.Connection,
    reader: JournalReader,
    before: int,
    before_ns: Optional[int] = None,
    most: int = STEP,
) -> int:
    """Remove up to ``most`` of the oldest records in one transaction; return how many.

    None from the seq ``before`` on is removed, which is a snapshot, and when ``before_ns`` is
    given, none from the first that is not older. Only for who holds the journal's lock. Raises
    `JournalDamaged`, and removes nothing, when the records cannot be trusted; `sqlite3.Error`
    when the disk fails.
    """
    check = ChainCheck(*reader.anchor)
    first = check.seq
    before = min(before, first + most + 1)
    if before_ns is not None:
        sql = "SELECT min(seq) FROM records WHERE seq BETWEEN ? AND ? AND time_ns >= ?"
        (young,) = db.execute(sql, (first + 1, before - 1, before_ns)).fetchone()
        before = before if young is None else young
    if before <= first + 1:
        return 0
    try:
        tally = Tally.from_text(reader.meta.get("removed"))
    except ValueError:
        raise JournalDamaged(reader.path, "its note of what was removed cannot be read") from None
    for row in itertools.takewhile(lambda row: row[0] < before, reader.rows(first + 1)):
        problem = check.feed(row)
        if problem is not None:
            raise JournalDamaged(reader.path, problem)
        tally.feed(record_of(row))
    anchor = f"{check.seq} {check.hash.hex()}"
    try:
        db.execute("BEGIN IMMEDIATE")
        db.execute("DELETE FROM records WHERE seq <= ?", (check.seq,))
        db.execute("UPDATE meta SET value = ? WHERE key = 'anchor'", (anchor,))
        db.execute("INSERT OR REPLACE INTO meta VALUES ('removed', ?)", (tally.to_text(),))
        db.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            if db.in_transaction:
                db.execute("ROLLBACK")
        raise
    return check.seq - first


class Retention:
    """The limits of a journal, kept step by step by its writer.

    ``keep_days`` is how old a record may become, None for any age; ``keep_bytes`` is how large
    the file may become, None for any size. What follows the newest snapshot stays in any case.
    """

    def __init__(
        self,
        db: sqlite3.Connection,
        reader: JournalReader,
        keep_days: Optional[float],
        keep_bytes: Optional[int],
    ) -> None:
        self._db = db
        self._reader = reader
        self._keep_days = keep_days
        self._keep_bytes = sys.maxsize if keep_bytes is None else keep_bytes
        # Once begun it goes on until there is some room, and rests then.
        self._by_size = self._by_age = False

    def step(self, now_ns: int, snapshot: int, written: int) -> int:
        """Remove a few records if a limit is near, or give back a little space.

        ``snapshot`` is the newest durable one, 0 for none, and ``written`` the number of records
        since the last step. Returns how many are gone. Raises `JournalError` and
        `sqlite3.Error`; the records are all there then.
        """
        used = self.used()
        part = 0.7 if self._by_size else 0.8
        self._by_size = used > part * self._keep_bytes
        before_ns = None
        if not self._by_size and self._keep_days is not None:
            before_ns = now_ns - age_ns(self._keep_days)
            self._by_age = self._begins_before(before_ns - (0 if self._by_age else _SLACK_NS))
        removed = 0
        if snapshot and (self._by_size or self._by_age):
            in_need = used > 0.9 * self._keep_bytes
            most = min(MOST, max(STEP, 2 * written)) if in_need else STEP
            removed = shorten(self._db, self._reader, snapshot, before_ns, most)
        free = self._pragma("freelist_count")
        if not removed and free > PAGES + self._pragma("page_count") // 8:
            # `execute` would stop after the first page.
            self._db.executescript(f"PRAGMA incremental_vacuum({PAGES})")
        return removed

    def used(self) -> int:
        """Return how many bytes of the file hold something."""
        pages = self._pragma("page_count") - self._pragma("freelist_count")
        return pages * self._pragma("page_size")

    def _pragma(self, name: str) -> int:
        value: int = self._db.execute(f"PRAGMA {name}").fetchone()[0]
        return value

    def _begins_before(self, time_ns: int) -> bool:
        sql = "SELECT time_ns < ? FROM records ORDER BY seq LIMIT 1"
        row = self._db.execute(sql, (time_ns,)).fetchone()
        return row is not None and bool(row[0])


class Shortened(NamedTuple):
    """What `shorten_file` did: records gone, the first that is left, sizes in bytes.

    Nothing goes while ``snapshot``, the seq of the newest one, is 0: there is none.
    """

    removed: int
    first_seq: int
    snapshot: int
    size_before: int
    size_after: int


def shorten_file(path: str, before_ns: int) -> Shortened:
    """Remove what is older than ``before_ns`` from a journal that nobody writes.

    Raises `JournalError` when somebody does, when the journal is broken and when the disk fails.
    Space that cannot be given back to the disk is used for new records.
    """
    if not os.path.isfile(path):
        raise JournalError(f"{path}: there is no such file")
    lock = FileLock(lock_path(path))
    try:
        result = verify(path)
        if result.status == 2:
            raise JournalDamaged(path, "; ".join(result.errors))
        size = os.path.getsize(path)
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
            reader = JournalReader(path, db)
            snapshot = newest_snapshot(reader)
            removed = _shorten_all(db, reader, snapshot, before_ns)
            first = reader.anchor[0] + 1
        return Shortened(removed, first, snapshot, size, os.path.getsize(path))
    except UNREADABLE as error:
        raise unreadable(path, error) from None
    finally:
        lock.release()


def _shorten_all(
    db: sqlite3.Connection, reader: JournalReader, snapshot: int, before_ns: int
) -> int:
    removed = 0
    for step in iter(lambda: shorten(db, reader, snapshot, before_ns, MOST), 0):
        removed += step
    if removed:
        with contextlib.suppress(sqlite3.OperationalError):  # the disk is full
            db.execute("PRAGMA auto_vacuum=INCREMENTAL")
            db.execute("VACUUM")
    return removed
