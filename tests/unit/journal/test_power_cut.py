"""What a power cut leaves: a -wal that ends, or goes over into nonsense, at any byte."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
from pathlib import Path

import pytest

from btstores.clock import SimulatedClock
from btstores.errors import JournalError
from btstores.journal import JournalReader, SqliteJournal
from btstores.journal.reader import JournalDamaged
from btstores.journal.verify import verify

WAL_HEADER, FRAME_HEADER = 32, 24


def live_bytes(wal):
    """Return how much of a -wal is of its newest generation: older frames may follow."""
    if len(wal) < WAL_HEADER:
        return 0
    frame = FRAME_HEADER + int.from_bytes(wal[8:12], "big")
    salts, end = wal[16:24], WAL_HEADER
    while wal[end + 8 : end + 16] == salts:
        end += frame
    return end


class Writing:
    """A journal in the middle of being written, as it lies on the disk.

    ``steps`` are what was durable, and how far the -wal was then if it was not begun anew since.
    """

    def __init__(self, path, count, checkpoint_pages=1000, reader_at=None):
        self.steps = []
        journal = SqliteJournal(path, SimulatedClock(1_000))
        journal._db.execute(f"PRAGMA wal_autocheckpoint={checkpoint_pages}")
        other = sqlite3.connect(path, isolation_level=None)
        before = 0
        for number in range(count):
            if number == reader_at:  # what is newer cannot all be copied into the file
                other.execute("BEGIN")
                other.execute("SELECT * FROM meta").fetchall()
            if number == count - 5 and reader_at is None:  # the newest are in the -wal alone
                journal._db.execute("PRAGMA wal_autocheckpoint=0")
            journal.append("note", {"number": number, "text": "x" * (number * 37 % 900)})
            seq = journal.append_durable("note", {"number": number})
            end = live_bytes(Path(path + "-wal").read_bytes())
            if end < before:
                self.steps = [(known, 0) for known, _ in self.steps]
            self.steps.append((seq, end))
            before = end
        self.file = Path(path).read_bytes()
        self.wal = Path(path + "-wal").read_bytes()
        self.shm = Path(path + "-shm").read_bytes()
        other.close()
        journal.close()

    def durable(self, cut):
        """Return the newest record that the disk has, when the -wal is sound until ``cut``."""
        return max([1] + [seq for seq, end in self.steps if end <= cut])

    def put(self, path, wal, shm):
        """Lay it down as a disk would have it."""
        for suffix, content in (("", self.file), ("-wal", wal), ("-shm", shm)):
            if content is not None:
                Path(path + suffix).write_bytes(content)
            elif os.path.exists(path + suffix):
                os.remove(path + suffix)


@pytest.fixture(scope="module", params=[1000, 40], ids=["one wal", "begun anew"])
def writing(request, tmp_path_factory):
    path = str(tmp_path_factory.mktemp("writing") / "a.journal")
    made = Writing(path, 30, request.param)
    assert (made.durable(0) > 1) == (request.param == 40)
    return made


def cuts(writing, count):
    """Return places in a -wal, the edges of commits among them."""
    chance = random.Random(9)
    live = live_bytes(writing.wal)
    edges = [0, 1, WAL_HEADER - 1, WAL_HEADER, WAL_HEADER + 1, live - 1, live]
    edges += [end + delta for _, end in writing.steps[-4:] for delta in (-1, 0, 1)]
    chosen = edges + [chance.randrange(live) for _ in range(count)]
    return sorted({cut for cut in chosen if 0 <= cut <= live})


def torn(wal, cut, way, chance):
    """Return a -wal whose bytes from ``cut`` on never came to the disk, or came as another."""
    rest = len(wal) - cut
    if way == "one bit":
        return wal[:cut] + bytes([wal[cut] ^ 4]) + wal[cut + 1 :] if rest else wal
    tails = {"truncated": b"", "zeros": bytes(rest), "garbage": chance.getrandbits(8 * rest or 1)}
    tail = tails[way]
    return wal[:cut] + (tail if isinstance(tail, bytes) else tail.to_bytes(rest + 1, "big")[1:])


def first_difference(wal, other, start):
    """Return from where on two differ: what came as another byte may have come as the same."""
    while start < min(len(wal), len(other)) and wal[start] == other[start]:
        start += 1
    return start


@pytest.mark.parametrize("way", ["truncated", "zeros", "garbage", "one bit"])
def test_a_torn_tail_is_repaired_and_nothing_durable_is_lost(writing, tmp_path, way):
    path, chance = str(tmp_path / "a.journal"), random.Random(way)
    for number, cut in enumerate(cuts(writing, 25)):
        shm = (None, writing.shm, b"\xff" * 4096)[number % 3]
        wal = torn(writing.wal, cut, way, chance)
        writing.put(path, wal, shm)
        durable = writing.durable(first_difference(writing.wal, wal, cut))
        with SqliteJournal(path, SimulatedClock(2_000)) as journal:
            records = list(journal.records())
            notes = [record.seq for record in records if record.kind == "note"]
            assert notes == list(range(2, durable + 1)), cut
            assert journal.append_durable("note", {"after": cut}) == journal.last_seq
        result = verify(path)
        assert result.errors == (), cut
        assert [run.state for run in result.runs][-1] == "ended"


def test_a_wal_that_lost_what_was_safe_is_refused_or_right(tmp_path):
    # No power cut does this: the file has newer pages than the -wal is sound for.
    path = str(tmp_path / "a.journal")
    writing = Writing(path, 30, 40, reader_at=15)
    assert writing.durable(0) == 1
    refused = 0
    for cut in range(0, live_bytes(writing.wal), 4096 + FRAME_HEADER):
        writing.put(path, writing.wal[:cut], None)
        try:
            with SqliteJournal(path, SimulatedClock(2_000)) as journal:
                notes = [record.seq for record in journal.records(kinds=["note"])]
        except JournalDamaged:
            refused += 1
        else:
            assert notes == list(range(2, len(notes) + 2)), cut
            assert verify(path).errors == ()
    assert refused > 10


def test_readers_see_the_same_before_and_after_the_repair(writing, tmp_path):
    path = str(tmp_path / "a.journal")
    for cut in cuts(writing, 8):
        writing.put(path, writing.wal[:cut], None)
        with JournalReader(path) as reader:
            seen = [record.seq for record in reader.records()]
        assert verify(path).errors == ()
        with SqliteJournal(path, SimulatedClock(2_000)) as journal:
            assert [record.seq for record in journal.records()][:-1] == seen


def test_a_file_without_its_wal_is_what_was_in_the_file(writing, tmp_path):
    path = str(tmp_path / "a.journal")
    writing.put(path, None, None)
    with SqliteJournal(path, SimulatedClock(2_000)) as journal:
        notes = [r.seq for r in journal.records(kinds=["note"])]
    assert notes == list(range(2, writing.durable(0) + 1))
    assert verify(path).errors == ()


def test_a_wal_without_its_file_is_kept(writing, tmp_path):
    path = str(tmp_path / "a.journal")
    for content in (None, b""):
        writing.put(path, writing.wal, writing.shm)
        os.remove(path)
        if content is not None:
            Path(path).write_bytes(content)
        with pytest.raises(JournalError, match=r"move (that|it) away"):
            SqliteJournal(path, SimulatedClock())
        assert verify(path).status == 2
        assert Path(path + "-wal").read_bytes() == writing.wal
        shutil.rmtree(str(tmp_path))
        tmp_path.mkdir()
