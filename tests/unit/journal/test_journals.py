"""What every journal that keeps records promises."""

from __future__ import annotations

import threading

import pytest

from btstores.clock import SimulatedClock
from btstores.errors import JournalError
from btstores.journal import MemoryJournal, NullJournal, SqliteJournal
from btstores.reports import FillReport, OrderRequest, OrderType, Side, Tick

REQUEST = OrderRequest("c1", "A", Side.BUY, 1.0, OrderType.MARKET)
FILL = FillReport("f1", "A", Side.BUY, 1.0, 9.5, 7, client_order_id="c1")


@pytest.fixture
def clock():
    return SimulatedClock(1_000)


@pytest.fixture(params=["memory", "sqlite"])
def journal(request, clock, tmp_path):
    if request.param == "memory":
        journal = MemoryJournal(clock)
    else:
        journal = SqliteJournal(tmp_path / "a.journal", clock)
    with journal:
        yield journal


def test_records_come_back_in_order_with_cause_and_correlation(journal, clock):
    intent = journal.append_durable("intent", REQUEST)
    clock.advance_to(2_000)
    fill = journal.append_report(FILL, cause=intent)
    start, first, second = journal.records()
    assert (start.seq, start.kind, start.time_ns) == (1, "run_start", 1_000)
    assert (first.seq, first.kind, first.cause, first.correlation) == (2, "intent", None, "c1")
    assert first.report == REQUEST
    assert (second.seq, second.cause, second.time_ns) == (fill, intent, 2_000)
    assert second.report == FILL
    assert {record.run_id for record in (start, first, second)} == {journal.run_id}
    assert journal.last_seq == fill == 3


def test_records_can_be_chosen(journal):
    for number in range(2500):
        journal.append_report(Tick("A", number, 1.0))
        if number % 500 == 0:
            journal.append("note", {"number": number})
    assert [r.payload["number"] for r in journal.records(kinds={"note"})] == [
        0, 500, 1000, 1500, 2000,
    ]  # fmt: skip
    assert [r.seq for r in journal.records(start=2)] == list(range(2, journal.last_seq + 1))
    assert list(journal.records(start=journal.last_seq + 1)) == []
    assert list(journal.records(kinds=[])) == []


def test_a_refused_record_leaves_the_journal_whole(journal):
    before = journal.last_seq
    with pytest.raises(JournalError, match="price=nan"):
        journal.append("tick", Tick("A", 0, float("nan")))
    assert journal.broken is None
    assert journal.append("note", {}) == before + 1


def test_a_full_line_is_written_without_a_commit(journal):
    journal.batch = 10
    for _ in range(25):
        journal.append("note", {})
    assert journal.pending < 10


def test_only_one_thread_may_append(journal):
    journal.append("note", {})
    caught = []

    def other():
        for call in (lambda: journal.append("note", {}), journal.commit):
            try:
                call()
            except JournalError as error:
                caught.append(str(error))

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert caught == ["the journal belongs to another thread"] * 2


def test_the_first_to_append_is_the_owner_and_anybody_may_close(journal):
    thread = threading.Thread(target=lambda: journal.append_durable("note", {}))
    thread.start()
    thread.join()
    assert journal.last_seq == 2
    with pytest.raises(JournalError, match="another thread"):
        journal.append("note", {})
    journal.close()
    assert journal.last_seq == 3


def test_nothing_can_be_appended_after_close(journal):
    journal.close()
    journal.close()
    with pytest.raises(JournalError, match="closed"):
        journal.append("note", {})


def test_memory_journal_fails_when_told(clock):
    journal = MemoryJournal(clock)
    journal.append("note", {})
    journal.fail("disk full")
    for call in (journal.commit, lambda: journal.append("note", {})):
        with pytest.raises(JournalError, match="broken: disk full"):
            call()
    journal.close()
    assert [record.kind for record in journal.records()] == ["run_start", "note"]


def test_null_journal_keeps_nothing():
    with NullJournal() as journal:
        assert journal.append_durable("intent", REQUEST) == 0
        assert journal.append_report(FILL, cause=0) == 0
        assert list(journal.records()) == []
        assert journal.last_seq == 0
        assert journal.broken is None
