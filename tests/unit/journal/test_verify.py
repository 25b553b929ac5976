from __future__ import annotations

import io
import os
import random
import shutil
import sqlite3
from pathlib import Path

import pytest

from btstores.clock import SimulatedClock
from btstores.errors import JournalError
from btstores.journal import JournalReader, SqliteJournal
from btstores.journal.show import write_table
from btstores.journal.verify import OpenOrders, verify
from btstores.reports import FillReport, OrderEvent, OrderReport, OrderRequest, OrderType, Side


def request(order, size=10.0):
    return OrderRequest(order, "A", Side.BUY, size, OrderType.LIMIT, 5.0)


def report(order, event, **more):
    return OrderReport(event, 1, order, "v" + order, "A", **more)


def fill(order, number, size):
    return FillReport(f"f{number}", "A", Side.BUY, size, 5.0, 2, order)


@pytest.fixture(scope="module")
def master(tmp_path_factory):
    """A sound journal of two runs whose orders all have an end."""
    path = str(tmp_path_factory.mktemp("master") / "a.journal")
    clock = SimulatedClock(1_700_000_000_000_000_000)
    for run in range(2):
        with SqliteJournal(path, clock) as journal:
            for number in range(5):
                order = f"c{run}{number}"
                intent = journal.append_durable("intent", request(order))
                clock.advance(1)
                journal.append_report(report(order, OrderEvent.ACCEPTED), intent)
                journal.append_report(fill(order, number, 10.0), intent)
    return path


@pytest.fixture
def path(master, tmp_path):
    return shutil.copy(master, str(tmp_path / "a.journal"))


def change(path, *statements):
    db = sqlite3.connect(path, isolation_level=None)
    for sql in statements:
        db.execute(sql)
    db.close()


def test_a_sound_journal(path):
    result = verify(path)
    assert (result.status, result.errors, result.findings) == (0, (), ())
    assert (result.schema, result.records, result.first_seq, result.last_seq) == (1, 34, 1, 34)
    assert [run.state for run in result.runs] == ["ended", "ended"]
    assert result.text() == (f"{path}: sound\n  schema 1, 34 records, seq 1 to 34, 2 runs\n")


@pytest.mark.parametrize(
    ("sql", "error"),
    [
        ("UPDATE records SET payload = replace(payload, '5.0', '6.0') WHERE seq = 8", "record 8 "),
        ("UPDATE records SET payload = payload || ' ' WHERE seq = 8", "record 8 "),
        ("UPDATE records SET payload = CAST(payload AS BLOB) WHERE seq = 8", "record 8 "),
        ("UPDATE records SET payload = 7 WHERE seq = 8", "record 8 "),
        ("UPDATE records SET time_ns = time_ns + 1 WHERE seq = 8", "record 8 "),
        ("UPDATE records SET kind = 'note' WHERE seq = 8", "record 8 "),
        ("UPDATE records SET cause = 3 WHERE seq = 8", "record 8 "),
        ("UPDATE records SET correlation = 'other' WHERE seq = 8", "record 8 "),
        ("UPDATE records SET correlation = NULL WHERE seq = 8", "record 8 "),
        ("UPDATE records SET run_id = 'other' WHERE seq = 8", "record 8 "),
        ("UPDATE records SET hash = zeroblob(32) WHERE seq = 8", "record 8 "),
        ("UPDATE records SET hash = 'text' WHERE seq = 8", "record 8 "),
        ("DELETE FROM records WHERE seq = 8", "record 8 is missing"),
        ("DELETE FROM records WHERE seq BETWEEN 8 AND 10", "records 8 to 10 are missing"),
        ("DELETE FROM records WHERE seq = 1", "record 1 is missing"),
        ("DELETE FROM records WHERE seq > 30", "ends with record 30, expected 34"),
        ("DELETE FROM records", "ends with record 0, expected 34"),
        ("UPDATE records SET seq = seq + 1000 WHERE seq = 8", "record 8 is missing"),
        ("UPDATE records SET seq = -5 WHERE seq = 8", "record -5 stands before the first"),
        (
            "INSERT INTO records SELECT 35, run_id, time_ns, kind, cause, correlation, payload, "
            "hash FROM records WHERE seq = 34",
            "record 35 ",
        ),
        ("UPDATE meta SET value = '1' WHERE key = 'created_ns'", "time of creation"),
        ("UPDATE meta SET value = 'x' WHERE key = 'journal_id'", "its id"),
        ("UPDATE meta SET value = '9' WHERE key = 'schema'", "schema"),
        ("UPDATE meta SET value = 'x' WHERE key = 'head'", "head cannot be read"),
        ("UPDATE meta SET value = 7 WHERE key = 'anchor'", "anchor cannot be read"),
        ("DELETE FROM meta", "cannot be read"),
        ("DROP TABLE meta", "no such table"),
        ("DROP TABLE records", "no such table"),
        ("DELETE FROM runs WHERE rowid = 1", "missing in the table of runs"),
        ("UPDATE runs SET state = 'crashed' WHERE rowid = 1", "does not match"),
        ("UPDATE runs SET started_ns = 1 WHERE rowid = 1", "does not match"),
        ("UPDATE runs SET ended_ns = 1 WHERE rowid = 1", "does not match"),
        ("UPDATE runs SET pid = 1 WHERE rowid = 1", "does not match"),
        ("UPDATE runs SET first_seq = 'x' WHERE rowid = 1", "does not match"),
        ("UPDATE runs SET run_id = 'x' WHERE rowid = 1", "run x does not match"),
        ("PRAGMA user_version = 2", "newer than this version"),
        ("PRAGMA application_id = 2", "not a btstores journal"),
    ],
)
def test_tampering_is_found(path, sql, error):
    change(path, sql)
    result = verify(path)
    assert result.status == 2
    assert error in "\n".join(result.errors)
    assert "BROKEN" in result.text()


def test_two_records_that_changed_places_are_found(path):
    change(
        path,
        "UPDATE records SET seq = -1 WHERE seq = 8",
        "UPDATE records SET seq = 8 WHERE seq = 9",
        "UPDATE records SET seq = 9 WHERE seq = -1",
    )
    assert verify(path).status == 2


def test_no_flipped_byte_changes_what_is_read_unseen(path):
    def content():
        with JournalReader(path) as reader:
            return list(reader.records()), reader.runs(), reader.meta

    true = content()
    whole = Path(path).read_bytes()
    chance = random.Random(5)
    found = 0
    for position in sorted(chance.sample(range(len(whole)), 300)) + list(range(100)):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << chance.randrange(8)
        Path(path).write_bytes(damaged)
        result = verify(path)
        if result.status == 2:
            found += 1
        else:
            assert content() == true, position
    assert found > 100


def test_a_damaged_file_raises_nothing_but_journal_errors(path):
    whole = Path(path).read_bytes()
    chance = random.Random(6)
    refused = 0
    for _ in range(60):
        damaged = bytearray(whole)
        for position in chance.sample(range(len(whole)), 20):
            damaged[position] = chance.randrange(256)
        Path(path).write_bytes(damaged)
        try:
            with JournalReader(path) as reader:
                text = io.StringIO()
                write_table(reader.records(), text)
            with SqliteJournal(path, SimulatedClock()) as journal:
                journal.append_durable("note", {})
        except JournalError:
            refused += 1
        for leftover in ("-wal", "-shm"):
            if os.path.exists(path + leftover):
                os.remove(path + leftover)
    assert refused > 30


def test_errors_are_not_listed_without_end(path):
    change(path, "UPDATE records SET payload = '{}'")
    assert len(verify(path).errors) == 10


def test_what_is_not_there_or_not_a_journal_is_an_error(tmp_path):
    missing = verify(str(tmp_path / "none"))
    assert (missing.status, missing.errors) == (2, ("there is no such file",))
    assert verify(str(tmp_path)).errors == ("not a file",)


def test_findings_of_a_sound_journal(path):
    clock = SimulatedClock(1_700_000_000_000_000_000)
    journal = SqliteJournal(path, clock)
    journal.append("hologram", {})
    journal.append("order", {"event": "teleported", "time_ns": 1})
    for number in range(7):
        journal.append("intent", request(f"open{number}"))
    journal.commit()
    result = verify(path)
    assert len(result.open_orders) == 7
    assert not any(
        "without an end" in finding for finding in result.findings
    )  # it is still running
    journal.close()
    result = verify(path)
    assert result.status == 1
    assert result.findings == (
        "7 orders without an end: open0, open1, open2, open3, open4, ...",
        "1 record of the unknown kind 'hologram': from a newer version?",
        "1 record not understood: from a newer version?",
    )
    assert "sound, with findings" in result.text()


def test_a_journal_shortened_from_the_front_is_sound(path):
    with JournalReader(path) as reader:
        tenth = next(reader.rows(10))
    change(
        path,
        "DELETE FROM records WHERE seq <= 10",
        f"UPDATE meta SET value = '10 {tenth[7].hex()}' WHERE key = 'anchor'",
    )
    result = verify(path)
    assert result.status == 0, result.text()
    assert (result.first_seq, result.records) == (11, 24)
    clock = SimulatedClock()
    for tail in (1000, 24, 5):
        SqliteJournal(path, clock, tail=tail).close()
    change(path, "UPDATE meta SET value = '11 ' || substr(value, 4) WHERE key = 'anchor'")
    assert verify(path).status == 2
    with pytest.raises(JournalError):
        SqliteJournal(path, clock)


def test_which_orders_are_open():
    orders = OpenOrders()

    def after(*reports):
        for one in reports:
            orders.feed(one)
        return sorted(orders)

    assert after(request("a"), request("b"), request("c", 0.3)) == ["a", "b", "c"]
    assert after(report("a", OrderEvent.ACCEPTED), fill("a", 1, 6.0)) == ["a", "b", "c"]
    assert after(fill("a", 1, 6.0)) == ["a", "b", "c"]  # the same again
    assert after(report("a", OrderEvent.MODIFIED, size=8.0)) == ["a", "b", "c"]
    assert after(fill("a", 2, 2.0), fill("a", 3, 2.0)) == ["b", "c"]
    assert after(report("b", OrderEvent.OUTCOME_UNKNOWN)) == ["b", "c"]
    assert after(report("b", OrderEvent.CANCEL_REJECTED)) == ["b", "c"]
    assert after(report("b", OrderEvent.CANCELED)) == ["c"]
    assert after(report("b", OrderEvent.CANCELED), fill("x", 1, 1.0)) == ["c"]
    assert after(*[fill("c", number, 0.1) for number in range(3)]) == []
