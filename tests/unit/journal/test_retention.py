from __future__ import annotations

import argparse
import contextlib
import datetime
import io
import os
import shutil
import sqlite3
import subprocess
import sys

import pytest

from btstores.clock import SimulatedClock
from btstores.errors import ConfigError, JournalError
from btstores.journal import JournalReader, MemoryJournal, SqliteJournal
from btstores.journal.commands import add_journal_commands
from btstores.journal.retention import newest_snapshot, shorten, shorten_file
from btstores.journal.verify import verify
from btstores.reports import (
    FillReport,
    OrderEvent,
    OrderReport,
    OrderRequest,
    OrderType,
    Side,
    Tick,
)
from tests.support.venue import T0, new_store

DAY = 86_400 * 10**9
NOON = 1_700_000_000_000_000_000
MIB = 1 << 20


def request(order):
    return OrderRequest(order, "A", Side.BUY, 10.0, OrderType.LIMIT, 5.0)


def trade(journal, order, fills=1, ends=True):
    """Record an order that is filled by halves, or not to its end."""
    intent = journal.append_durable("intent", request(order))
    journal.append_report(OrderReport(OrderEvent.ACCEPTED, 1, order, f"V{order}", "A"), intent)
    for number in range(fills):
        fill = FillReport(f"F{order}/{number}", "A", Side.BUY, 5.0, 5.0, 2, order)
        journal.append_report(fill, intent)
    if ends:
        journal.append_report(OrderReport(OrderEvent.CANCELED, 3, order, f"V{order}"), intent)


@pytest.fixture(scope="module")
def master(tmp_path_factory):
    """Four days of a run each: orders with and without an end, a crash, odd records."""
    path = str(tmp_path_factory.mktemp("master") / "a.journal")
    clock = SimulatedClock(NOON)
    for day in range(4):
        journal = SqliteJournal(path, clock)
        trade(journal, f"open{day}", ends=False)
        for number in range(20):
            trade(journal, f"d{day}n{number}", fills=number % 3)
            clock.advance(60)
        journal.append("hologram", {"day": day})
        journal.append("order", {"event": "teleported", "time_ns": 1})
        if day < 3:
            journal.append("snapshot", {"day": day})
        journal.append("note", {"day": day})
        journal.commit()
        if day == 1:  # it dies
            for suffix in ("", "-wal"):
                shutil.copy(path + suffix, path + ".copy" + suffix)
        journal.close()
        if day == 1:
            for suffix in ("", "-wal"):
                os.replace(path + ".copy" + suffix, path + suffix)
        clock.advance_to(NOON + (day + 1) * DAY)
    assert verify(path).status == 1
    return path


@pytest.fixture
def path(master, tmp_path):
    return shutil.copy(master, str(tmp_path / "a.journal"))


def verdict(path):
    """Return what `verify` says, but for where the journal begins."""
    result = verify(path)
    return result._replace(records=0, first_seq=None)


def seqs(path):
    with JournalReader(path) as reader:
        return [row[0] for row in reader.rows()]


def by_steps(path, most, before_ns=None):
    """Shorten step by step; yield after each."""
    while True:
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
            reader = JournalReader(path, db)
            removed = shorten(db, reader, newest_snapshot(reader), before_ns, most)
        if not removed:
            return
        yield removed


@pytest.mark.parametrize("most", [1, 7, 64, 10_000])
def test_the_verdict_is_the_same_after_each_step(path, most):
    before, first = verdict(path), seqs(path)
    assert before.open_orders == ("open0", "open1", "open2", "open3")
    assert "4 records of the unknown kind 'hologram'" in "".join(before.findings)
    gone = 0
    for removed in by_steps(path, most):
        gone += removed
        assert removed <= most
        if gone % 10 < most:
            assert verdict(path) == before
            assert seqs(path) == first[gone:]
    assert verdict(path) == before
    with JournalReader(path) as reader:
        begin = next(reader.records())
        assert (begin.kind, begin.payload) == ("snapshot", {"day": 2})


def test_after_shortening_the_journal_goes_on(path):
    for _ in by_steps(path, 50):
        pass
    before = verdict(path)
    last = before.last_seq
    with SqliteJournal(path, SimulatedClock(NOON + 9 * DAY), tail=10_000) as journal:
        assert journal.last_seq == last + 1
        journal.append_report(OrderReport(OrderEvent.CANCELED, 3, "open0", "Vopen0"))
        # The same half again, and the other half: those of before count.
        for number in (0, 1):
            fill = FillReport(f"Fopen1/{number}", "A", Side.BUY, 5.0, 5.0, 2, "open1")
            journal.append_report(fill)
    after = verify(path)
    assert after.status == 1
    assert after.open_orders == ("open2", "open3")
    assert [run.state for run in after.runs] == ["ended", "crashed", "ended", "ended", "ended"]


def test_time_goes_to_the_first_record_that_is_not_older(path):
    total = len(seqs(path))
    for _ in by_steps(path, 10_000, NOON + DAY + 1):
        pass
    with JournalReader(path) as reader:
        begin = next(reader.records())
        assert begin.time_ns > NOON + DAY  # of the second day all but its first moment
        assert begin.kind != "run_start"
        days = {r.payload["day"] for r in reader.records(kinds=["note"])}
    assert days == {1, 2, 3}
    assert 0 < len(seqs(path)) < total


def test_nothing_goes_without_a_snapshot_after_it(path):
    db = sqlite3.connect(path, isolation_level=None)
    reader = JournalReader(path, db)
    assert shorten(db, reader, 0) == 0
    snapshot = newest_snapshot(reader)
    assert shorten(db, reader, snapshot, most=10**6) == snapshot - 1
    assert shorten(db, reader, snapshot, most=10**6) == 0
    db.close()
    assert seqs(path)[0] == snapshot


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE records SET payload = '{}' WHERE seq = 30",
        "UPDATE records SET time_ns = 'long ago' WHERE seq = 30",
        "DELETE FROM records WHERE seq = 30",
        "UPDATE meta SET value = '{\"open\": 7}' WHERE key = 'removed'",
        "UPDATE meta SET value = 'nonsense' WHERE key = 'removed'",
    ],
)
def test_what_is_broken_is_not_shortened(path, sql):
    steps = by_steps(path, 10)
    next(steps)
    db = sqlite3.connect(path, isolation_level=None)
    db.execute(sql)
    db.close()
    before = verify(path)
    assert before.status == 2
    for act in (lambda: list(by_steps(path, 1000)), lambda: shorten_file(path, 0)):
        with pytest.raises(JournalError, match="Nothing was changed"):
            act()
    assert verify(path) == before
    # Trading goes on: only the newest records are needed, and none is removed.
    first = seqs(path)[0]
    with SqliteJournal(path, SimulatedClock(NOON + 9 * DAY), tail=10, keep_days=1) as journal:
        journal.append_durable("note", {})
        journal.idle()
        assert journal.broken is None
    assert seqs(path)[0] in (first, 30)
    assert verify(path).status == 2


# The writer


def test_limits_are_checked(tmp_path):
    clock = SimulatedClock()
    for name, value in (
        ("keep_days", 0),
        ("keep_days", -1.0),
        ("keep_days", float("nan")),
        ("keep_days", float("inf")),
        ("keep_days", True),
        ("keep_days", "30"),
        ("keep_bytes", 0),
        ("keep_bytes", MIB - 1),
        ("keep_bytes", 2e9),
        ("keep_bytes", True),
        ("keep_bytes", "1G"),
    ):
        with pytest.raises(ConfigError, match=name):
            SqliteJournal(tmp_path / "a.journal", clock, **{name: value})
    assert os.listdir(str(tmp_path)) == []


def test_a_writer_removes_what_is_too_old(tmp_path):
    path, clock = str(tmp_path / "a.journal"), SimulatedClock(NOON)
    with SqliteJournal(path, clock, keep_days=2) as journal:
        for day in range(6):
            journal.append("snapshot", {"day": day})
            for number in range(100):
                journal.append("note", {"number": number})
            journal.idle()
            clock.advance(86_400)
        days = [r.payload["day"] for r in journal.records(kinds=["snapshot"])]
        assert days == [3, 4, 5]
    with SqliteJournal(path, clock, keep_days=1) as journal:  # at its start, too
        assert [r.payload["day"] for r in journal.records(kinds=["snapshot"])] == [5]
        clock.advance(86_400 * 30)
        journal.idle()  # what follows the newest snapshot stays, however old it is
        assert [r.payload["day"] for r in journal.records(kinds=["snapshot"])] == [5]
    assert verify(path).status == 0


def test_no_limit_removes_nothing(tmp_path):
    path, clock = str(tmp_path / "a.journal"), SimulatedClock(NOON)
    with SqliteJournal(path, clock, keep_bytes=None) as journal:
        for number in range(3000):
            journal.append("note", {"number": number, "text": "x" * 900})
        journal.append("snapshot", {})
        for _ in range(5):
            clock.advance(86_400 * 365)
            journal.idle()
        assert next(journal.records()).seq == 1


def test_when_a_snapshot_is_due(tmp_path):
    clock = SimulatedClock(NOON)
    memory = MemoryJournal(clock)
    memory.snapshot_every = 10
    path = str(tmp_path / "a.journal")
    assert not memory.snapshot_due
    for _ in range(9):
        memory.append("note", {})
    assert memory.snapshot_due  # with the start of the run
    memory.append("snapshot", {"number": 1})
    assert not memory.snapshot_due

    # By the size, too, and whatever the run it was written in.
    due, runs = False, 0
    while not due:
        with SqliteJournal(path, clock, keep_bytes=MIB) as journal:
            due = journal.snapshot_due
            for _ in range(60):
                journal.append("note", {"text": "x" * 500})
        runs += 1
    assert 2 < runs < 6
    with SqliteJournal(path, clock, keep_bytes=MIB) as journal:
        assert journal.snapshot_due
        assert journal.newest("snapshot") is None
        journal.append("snapshot", {"number": 2})
        assert journal.newest("snapshot").payload == {"number": 2}
        assert not journal.snapshot_due


def test_all_from_the_newest_snapshot_on_is_checked_at_opening(path):
    with JournalReader(path) as reader:
        snapshot = newest_snapshot(reader)
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("UPDATE records SET payload = '{}' WHERE seq = ?", (snapshot - 1,))
    SqliteJournal(path, SimulatedClock(), tail=1, keep_bytes=None).close()
    db.execute("UPDATE records SET payload = '{}' WHERE seq = ?", (snapshot,))
    db.close()
    with pytest.raises(JournalError, match=f"record {snapshot} "):
        SqliteJournal(path, SimulatedClock(), tail=1)


def busy_runs(path, runs, records, keep_bytes):
    """Record ticks and orders in many runs, as a store does; return the largest size in bytes."""
    clock, largest, number = SimulatedClock(NOON), 0, 0
    for run in range(runs):
        with SqliteJournal(path, clock, keep_bytes=keep_bytes) as journal:
            for _ in range(records):
                number += 1
                clock.advance(0.01)
                journal.append_report(Tick("A", clock.time_ns(), 5.0, 100.0, Side.BUY, str(number)))
                if number % 20 == 0:
                    trade(journal, f"{number * 2654435761 % 2**32:08x}")
                if number % 200 == 0:
                    if journal.snapshot_due:
                        journal.append("snapshot", {"run": run, "text": "x" * 2000})
                    journal.idle()
                    largest = max(largest, os.path.getsize(path))
    return largest


def test_a_file_stays_under_its_limit(tmp_path):
    path = str(tmp_path / "a.journal")
    largest = busy_runs(path, runs=6, records=4000, keep_bytes=2 * MIB)
    assert MIB < largest <= 2 * MIB
    result = verify(path)
    assert (result.status, result.last_seq > 25_000) == (0, True)
    assert result.records < 0.6 * result.last_seq
    assert len(result.runs) == 6


@pytest.mark.long
def test_a_file_stays_under_its_limit_for_long(tmp_path):
    path = str(tmp_path / "a.journal")
    largest = busy_runs(path, runs=60, records=10_000, keep_bytes=16 * MIB)
    assert 10 * MIB < largest <= 16 * MIB
    result = verify(path)
    assert result.status == 0
    assert len(result.runs) == 60
    assert result.last_seq > 700_000


def test_a_file_that_was_larger_gives_its_space_back(tmp_path):
    path, clock = str(tmp_path / "a.journal"), SimulatedClock(NOON)
    with SqliteJournal(path, clock, keep_bytes=None) as journal:
        for number in range(6000):
            journal.append("note", {"number": number, "text": "x" * 900})
        journal.append("snapshot", {})
    assert os.path.getsize(path) > 5 * MIB
    with SqliteJournal(path, clock, keep_bytes=2 * MIB) as journal:
        for _ in range(30):
            journal.idle()
    assert os.path.getsize(path) <= 2 * MIB
    assert verify(path).status == 0


WATCH = """
import sys
from btstores.journal.verify import verify
print("begun", flush=True)
wrong = count = 0
while not sys.stdin.closed:
    result = verify(sys.argv[1])
    count += 1
    if result.status != 0:
        print(result.text(), flush=True)
        wrong += 1
    if count % 5 == 0:
        print(count, flush=True)
    if wrong:
        break
"""


def test_a_journal_can_be_verified_while_it_is_shortened(tmp_path):
    path, clock = str(tmp_path / "a.journal"), SimulatedClock(NOON)
    with SqliteJournal(path, clock, keep_days=1) as journal:
        journal.append_durable("note", {})
        watcher = subprocess.Popen(
            [sys.executable, "-c", WATCH, path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            universal_newlines=True,
            env=dict(os.environ, PYTHONPATH=os.pathsep.join(filter(None, sys.path))),
        )
        try:
            assert watcher.stdout.readline() == "begun\n"
            for _ in range(40):
                for number in range(300):
                    journal.append("note", {"number": number})
                journal.append("snapshot", {})
                clock.advance(86_400)
                journal.idle()
        finally:
            watcher.kill()
            out = watcher.communicate()[0]
    assert "BROKEN" not in out
    assert next(iter(seqs(path))) > 10_000


def test_a_store_shortens_in_its_quiet_moments(tmp_path):
    clock = SimulatedClock(T0)
    journal = SqliteJournal(tmp_path / "a.journal", clock, keep_days=1)
    for number in range(100):
        journal.append("note", {"number": number})
    store = new_store(journal=journal, clock=clock)
    store.connect()
    snapshot = journal.append("snapshot", {})
    clock.advance(2 * 86_400)
    store.idle()
    assert next(journal.records()).seq == snapshot
    store.stop()


# By hand


def test_shortening_by_hand(path):
    before = verdict(path)
    size = os.path.getsize(path)
    done = shorten_file(path, NOON + 2 * DAY)
    assert done.removed == done.first_seq - 1 > 100
    assert (done.size_before, done.size_after) == (size, os.path.getsize(path))
    assert done.size_after < size
    assert verdict(path) == before
    again = shorten_file(path, NOON + 2 * DAY)
    assert (again.removed, again.first_seq) == (0, done.first_seq)
    # Whatever is asked for, the newest snapshot stays, and what follows.
    assert shorten_file(path, NOON + 99 * DAY).removed > 0
    with JournalReader(path) as reader:
        assert next(reader.records()).payload == {"day": 2}
    assert verdict(path) == before


def run(*words):
    parser = argparse.ArgumentParser()
    add_journal_commands(parser.add_subparsers())
    args = parser.parse_args(["journal", "shorten", *words])
    out, err = io.StringIO(), io.StringIO()
    status = args.handler(args, out, err)
    return status, out.getvalue(), err.getvalue()


def test_the_command(path):
    day = datetime.date(2023, 11, 16)  # the clock began on the 14th
    status, out, err = run(path, "--before", str(day))
    assert (status, err) == (0, "")
    assert out.startswith("removed ")
    with JournalReader(path) as reader:
        began = next(reader.records()).time_ns // 10**9
    assert datetime.date.fromordinal(719163 + began // 86_400) == day
    status, out, err = run(path, "--keep-days", "1.5")
    assert (status, out.split(" ")[0]) == (0, "removed")
    assert verify(path).open_orders == ("open0", "open1", "open2", "open3")
    for words, name in (
        (("--before", "yesterday"), "--before"),
        (("--keep-days", "0"), "keep_days"),
        (("--keep-days", "nan"), "keep_days"),
    ):
        status, out, err = run(path, *words)
        assert (status, out) == (2, "")
        assert name in err
    for words in ((), ("--before", "2023-11-16", "--keep-days", "1")):
        with pytest.raises(SystemExit):
            run(path, *words)
    with SqliteJournal(path, SimulatedClock(NOON + 5 * DAY)):
        status, out, err = run(path, "--keep-days", "1")
    assert (status, out) == (2, "")
    assert "in use by this process" in err


def test_by_hand_only_what_nobody_writes_and_what_a_snapshot_sums_up(path, tmp_path):
    clock = SimulatedClock(NOON + 5 * DAY)
    with SqliteJournal(path, clock), pytest.raises(JournalError, match="in use by this process"):
        shorten_file(path, NOON)
    with pytest.raises(JournalError, match="there is no such file"):
        shorten_file(str(tmp_path / "other"), NOON)
    assert not os.path.exists(str(tmp_path / "other.lock"))
    young = str(tmp_path / "young.journal")
    SqliteJournal(young, clock).close()
    done = shorten_file(young, NOON + 99 * DAY)
    assert (done.removed, done.first_seq, done.snapshot) == (0, 1, 0)
    assert "there is no snapshot yet" in run(young, "--keep-days", "1")[1]
    assert verify(young).records == 2
