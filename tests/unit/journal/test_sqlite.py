from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from btstores.clock import RealClock, SimulatedClock
from btstores.errors import JournalError
from btstores.journal import JournalReader, SqliteJournal
from btstores.journal.verify import verify
from btstores.reports import Tick

linux_only = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals and limits")


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "a.journal")


@pytest.fixture
def clock():
    return SimulatedClock(1_000)


def child(code, *args, **options):
    """Start a Python that runs ``code`` and talks line by line."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *args],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        universal_newlines=True,
        bufsize=1,
        env=dict(os.environ, PYTHONPATH=os.pathsep.join(filter(None, sys.path))),
        **options,
    )


HOLD = """
import sys
from btstores.clock import RealClock
from btstores.journal import SqliteJournal
journal = SqliteJournal(sys.argv[1], RealClock())
print("open", flush=True)
for line in sys.stdin:
    print(journal.append_durable("note", {"said": line.strip()}), flush=True)
journal.close()
"""

ASK = """
import sys
from btstores.journal.lock import holder
print("asking", flush=True)
while True:
    holder(sys.argv[1] + ".lock")
"""

CRASH = """
import sys
from btstores.clock import RealClock
from btstores.journal import SqliteJournal
from btstores.reports import OrderRequest, OrderType, Side, Tick
journal = SqliteJournal(sys.argv[1], RealClock())
for number in range(10**9):
    request = OrderRequest("c%d" % number, "A", Side.BUY, 1.0, OrderType.MARKET)
    print(journal.append_durable("intent", request), flush=True)
    journal.append_report(Tick("A", number, 1.0))  # not durable
"""


def test_a_run_is_started_ended_and_followed_by_the_next(path, clock):
    with SqliteJournal(path, clock, {"store": "paper", "password": "x"}) as journal:
        journal.append("note", {})
        first = journal.run_id
        clock.advance_to(5_000)
    with SqliteJournal(path, clock) as journal:
        assert journal.run_id != first
        assert journal.last_seq == 4
        records = list(journal.records())
        assert [r.kind for r in records] == ["run_start", "note", "run_end", "run_start"]
        assert records[0].payload["store"] == "paper"
        assert records[0].payload["password"] == "***"
        assert records[3].payload["previous"] == first
        assert records[3].payload["previous_state"] == "ended"
    with JournalReader(path) as reader:
        runs = reader.runs()
        assert [(run.state, run.first_seq, run.ended_ns) for run in runs] == [
            ("ended", 1, 5_000),
            ("ended", 4, 5_000),
        ]
        assert runs[0].pid == os.getpid()


def test_a_simulated_clock_may_repeat_its_ids(path):
    ids = set()
    for _ in range(3):
        with SqliteJournal(path, SimulatedClock(seed=7)) as journal:
            ids.add(journal.run_id)
    assert len(ids) == 3


@linux_only
def test_killed_in_the_middle_everything_durable_is_there(path):
    process = child(CRASH, path)
    printed = [int(process.stdout.readline()) for _ in range(50)]
    process.send_signal(signal.SIGKILL)
    printed += [int(line) for line in process.stdout if line.endswith("\n")]
    process.wait()
    process.stdin.close()
    process.stdout.close()

    result = verify(path)
    assert result.status == 1, result.text()
    assert [run.state for run in result.runs] == ["crashed"]
    with SqliteJournal(path, RealClock()) as journal:
        on_disk = {r.seq for r in journal.records(kinds=["intent"])}
        assert set(printed) <= on_disk
        start = list(journal.records(kinds=["run_start"]))[-1]
        assert start.payload["previous_state"] == "crashed"
        assert [r.seq for r in journal.records()] == list(range(1, journal.last_seq + 1))
    result = verify(path)
    assert [run.state for run in result.runs] == ["crashed", "ended"]
    assert not result.errors
    assert len(result.open_orders) == len(on_disk)


def test_a_journal_can_be_verified_while_it_grows(path):
    process = child(CRASH, path)
    try:
        for _ in range(10):
            process.stdout.readline()
            result = verify(path)
            assert (result.status, result.errors) == (0, ())
    finally:
        process.kill()
        process.communicate()


def test_a_second_process_is_refused_and_readers_are_welcome(path):
    process = child(HOLD, path)
    try:
        assert process.stdout.readline() == "open\n"
        with pytest.raises(JournalError, match=f"in use by the process {process.pid}"):
            SqliteJournal(path, RealClock())
        with JournalReader(path) as reader:
            assert [run.state for run in reader.runs()] == ["running"]
            for word in ("one", "two"):
                process.stdin.write(word + "\n")
                process.stdin.flush()
                seq = int(process.stdout.readline())
                newest = list(reader.records())[-1]
                assert (newest.seq, newest.payload) == (seq, {"said": word})
        assert verify(path).status == 0
    finally:
        process.communicate()
    assert process.returncode == 0
    with SqliteJournal(path, RealClock()) as journal:
        assert journal.last_seq == 5


def test_the_same_process_is_refused_too(path, clock):
    with SqliteJournal(path, clock), pytest.raises(JournalError, match="in use by this process"):
        SqliteJournal(path, clock)
    SqliteJournal(path, clock).close()


@linux_only
def test_a_killed_holder_holds_nothing(path):
    for _ in range(3):
        process = child(HOLD, path)
        assert process.stdout.readline() == "open\n"
        with pytest.raises(JournalError, match=f"in use by the process {process.pid}"):
            SqliteJournal(path, RealClock())
        process.kill()
        process.communicate()
    SqliteJournal(path, RealClock()).close()
    result = verify(path)
    assert [run.state for run in result.runs] == ["crashed"] * 3 + ["ended"]
    assert not result.errors


def test_of_processes_that_start_together_one_gets_the_journal(path):
    SqliteJournal(path, RealClock()).close()
    processes = [child(HOLD, path, stderr=subprocess.PIPE) for _ in range(4)]
    outcomes = [process.stdout.readline() for process in processes]
    told = [process.communicate()[1] for process in processes]
    assert sorted(outcomes) == ["", "", "", "open\n"]
    (holder,) = [p.pid for p, line in zip(processes, outcomes) if line]
    refusals = [text for text, line in zip(told, outcomes) if not line]
    assert all(f"in use by the process {holder}" in text for text in refusals)
    assert not verify(path).errors


FORK = r"""
import os, sys
from btstores.clock import RealClock
from btstores.errors import JournalError
from btstores.journal import SqliteJournal
path = sys.argv[1]
journal = SqliteJournal(path, RealClock())
journal.append("note", {"of": "both"})  # in line
pid = os.fork()
if pid == 0:
    for act in (lambda: journal.append("note", {}), journal.commit, journal.idle):
        try:
            act()
        except JournalError as error:
            os.write(1, b"child: %s\n" % str(error).encode())
    journal.close()
    sys.stdin.readline()
    os._exit(0)
journal.append_durable("note", {"of": "parent"})
os.write(1, b"%d\n" % pid)
sys.stdin.readline()
"""


@linux_only
def test_a_forked_child_neither_writes_nor_keeps_the_lock(path):
    process = child(FORK, path)
    try:
        lines = sorted(process.stdout.readline() for _ in range(4))
        assert lines[1:] == ["child: the journal belongs to the process that opened it\n"] * 3
        with pytest.raises(JournalError, match=f"in use by the process {process.pid}"):
            SqliteJournal(path, RealClock())
        process.kill()
        process.wait()
        # The child lives on, and the journal is free.
        with SqliteJournal(path, RealClock()) as journal:
            notes = [r.payload["of"] for r in journal.records(kinds=["note"])]
        assert notes == ["both", "parent"]
        assert not verify(path).errors
    finally:
        process.kill()
        process.communicate("\n")


def test_who_asks_for_the_holder_keeps_nobody_out(path):
    """`verify` and `show` look who runs: a start at that very moment must succeed."""
    process = child(ASK, path)
    try:
        assert process.stdout.readline() == "asking\n"
        for _ in range(100):
            SqliteJournal(path, RealClock()).close()
    finally:
        process.kill()
        process.communicate()


def test_a_reader_in_the_middle_does_not_stop_the_writer(path, clock):
    with SqliteJournal(path, clock) as journal:
        for number in range(3000):
            journal.append_report(Tick("A", number, 1.0))
        journal.commit()
        with JournalReader(path) as reader:
            records = reader.records()
            seen = [next(records).seq]
            journal.append_durable("note", {})
            seen += [record.seq for record in records]
        assert seen == list(range(1, 3003))


def fill_up(journal):
    for number in range(100_000):
        journal.append("note", {"text": "x" * 500, "number": number})


def test_a_full_disk_breaks_the_journal_and_says_what_is_lost(path, clock):
    journal = SqliteJournal(path, clock)
    journal.append_durable("note", {"safe": True})
    pages = journal._db.execute("PRAGMA page_count").fetchone()[0]
    journal._db.execute(f"PRAGMA max_page_count={pages + 5}")
    with pytest.raises(JournalError) as caught:
        fill_up(journal)
    message = str(caught.value)
    assert "disk is full" in message
    assert f"the records 3 to {journal.last_seq} are not on disk" in message
    assert journal.broken is not None
    assert journal.pending == journal.last_seq - 2
    for call in (journal.commit, lambda: journal.append("note", {})):
        with pytest.raises(JournalError, match="the journal is broken"):
            call()
    assert [r.seq for r in journal.records()] == [1, 2]
    journal.close()

    assert [run.state for run in verify(path).runs] == ["crashed"]
    with SqliteJournal(path, clock) as journal:
        assert [r.kind for r in journal.records()] == ["run_start", "note", "run_start"]


FILE_LIMIT = """
import resource, sys
from btstores.clock import RealClock
from btstores.errors import JournalError
from btstores.journal import SqliteJournal
journal = SqliteJournal(sys.argv[1], RealClock())
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
try:
    for number in range(10**6):
        seq = journal.append_durable("note", {"text": "x" * 500})
except JournalError as error:
    print(seq, "broken" if journal.broken else "?", error, flush=True)
journal.close()
"""


@linux_only
def test_a_file_that_may_not_grow_breaks_the_journal(path):
    process = child(FILE_LIMIT, path)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0, out
    seq, state, message = out.split(" ", 2)
    assert state == "broken"
    assert f"the records {int(seq) + 1} to" in message
    with JournalReader(path) as reader:
        assert [r.seq for r in reader.records()] == list(range(1, int(seq) + 1))
    assert verify(path).status == 1


def test_an_interrupt_loses_and_repeats_nothing(path, clock, monkeypatch):
    class Interrupting:
        def __init__(self, db, before, after):
            self._db, self._before, self._after = db, before, after

        def __getattr__(self, name):
            return getattr(self._db, name)

        def execute(self, sql, *values):
            if sql == self._before:
                raise KeyboardInterrupt
            result = self._db.execute(sql, *values)
            if sql == self._after:
                raise KeyboardInterrupt
            return result

    with SqliteJournal(path, clock) as journal:
        db = journal._db
        for before, after in (("BEGIN IMMEDIATE", ""), ("COMMIT", ""), ("", "COMMIT")):
            journal.append("note", {})
            journal._db = Interrupting(db, before, after)
            with pytest.raises(KeyboardInterrupt):
                journal.commit()
            journal._db = db
            assert journal.broken is None
        assert journal.last_seq == 4
        assert [r.seq for r in journal.records()] == [1, 2, 3, 4]
    assert verify(path).status == 0


def test_what_is_not_a_journal_is_refused(path, clock, tmp_path):
    def refused(match):
        before = Path(path).read_bytes()
        with pytest.raises(JournalError, match=match):
            SqliteJournal(path, clock)
        assert Path(path).read_bytes() == before

    Path(path).write_text("time,open,close\n" * 1000)
    refused("not a btstores journal")
    Path(path).write_bytes(b"")
    refused("not a btstores journal")
    os.remove(path)
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE records (x)")
    db.close()
    refused("not a btstores journal")
    with pytest.raises(JournalError, match=r"not a file|cannot be opened"):
        SqliteJournal(tmp_path, clock)
    with pytest.raises(JournalError, match="cannot be opened: No such file"):
        SqliteJournal(tmp_path / "missing" / "a.journal", clock)
    with pytest.raises(JournalError, match="there is no such file"):
        JournalReader(str(tmp_path / "missing"))


def test_a_truncated_or_damaged_file_is_refused_with_instructions(path, clock):
    with SqliteJournal(path, clock) as journal:
        for number in range(2000):
            journal.append("note", {"text": "x" * 100, "number": number})
    whole = Path(path).read_bytes()
    for size in (len(whole) - 4096, len(whole) // 2, 5000, 4096, 100, 0):
        Path(path).write_bytes(whole[:size])
        with pytest.raises(JournalError, match="btstores journal") as caught:
            SqliteJournal(path, clock)
        if size:
            assert "move it away together with its -wal" in str(caught.value)
        assert verify(path).status == 2
        assert os.path.getsize(path) == size
    Path(path).write_bytes(whole)
    SqliteJournal(path, clock).close()


def test_a_changed_tail_is_refused_at_opening(path, clock):
    with SqliteJournal(path, clock) as journal:
        for number in range(50):
            journal.append("note", {"number": number})
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("UPDATE records SET payload = '{}' WHERE seq = 20")
    with pytest.raises(JournalError, match=r"record 20 .*changed"):
        SqliteJournal(path, clock)
    SqliteJournal(path, clock, tail=10).close()  # only `verify` looks at the whole
    db.execute("DELETE FROM records WHERE seq >= 50")
    with pytest.raises(JournalError, match="ends with record 49, expected 54"):
        SqliteJournal(path, clock, tail=10)
    db.execute("DELETE FROM records")
    with pytest.raises(JournalError, match="is missing"):
        SqliteJournal(path, clock, tail=10)
    db.close()


def test_a_newer_schema_is_not_written(path, clock):
    SqliteJournal(path, clock).close()
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA user_version=99")
    db.close()
    with pytest.raises(JournalError, match=r"schema 99.*update btstores"):
        SqliteJournal(path, clock)
    with JournalReader(path) as reader:
        assert [r.kind for r in reader.records()] == ["run_start", "run_end"]


def test_a_lost_file_is_not_replaced_beside_its_log(path, clock):
    Path(path + "-wal").write_bytes(b"")
    with pytest.raises(JournalError, match="bring it back"):
        SqliteJournal(path, clock)


def test_a_path_may_hold_any_character(tmp_path, clock):
    path = str(tmp_path / "a ?mode=rw#1%20 中.journal")
    SqliteJournal(path, clock).close()
    assert verify(path).status == 0
