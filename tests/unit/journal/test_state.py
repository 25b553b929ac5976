"""What a journal says of the account."""

import io
from argparse import Namespace

import pytest

from btstores.clock import SimulatedClock
from btstores.errors import JournalError
from btstores.journal.base import MemoryJournal
from btstores.journal.commands import replay_command
from btstores.journal.replay import replay
from btstores.journal.sqlite import SqliteJournal
from btstores.journal.state import Holding, JournalState, rebuild
from btstores.reports import FillReport, OrderEvent, OrderReport, OrderRequest, OrderType, Side


@pytest.fixture
def journal():
    return MemoryJournal(SimulatedClock(1))


def request(key="a", size=4.0, side=Side.BUY):
    return OrderRequest(key, "A", side, size, OrderType.LIMIT, 9.0)


def fill(fill_id, size, key="a", side=Side.BUY, price=9.0):
    return FillReport(fill_id, "A", side, size, price, 5, key, f"V{key}")


def said(event, key="a", **fields):
    return OrderReport(event, 3, key, f"V{key}", "A", **fields)


def test_an_intent_is_an_order_that_nobody_has_heard_of(journal):
    journal.append_report(request())
    (order,) = rebuild(journal).live()
    assert (order.state, order.filled, order.seq) == ("submitted", 0.0, 2)
    assert not order.wires["a"].heard


def test_raw_reports_count_until_their_outcome_is_noted(journal):
    journal.append_report(request())
    journal.append_report(said(OrderEvent.ACCEPTED))
    journal.append_report(fill("1", 1.0))
    journal.append_report(fill("1", 1.0))
    state = rebuild(journal)
    order = state.orders["a"]
    assert (order.state, order.filled, order.wires["a"].venue_order_id) == ("partial", 1.0, "Va")
    assert state.holdings["A"] == Holding(1.0, 9.0, 0.0)
    journal.append("holding", {"symbol": "A", "own": 1.0, "price": 9.5, "foreign": 2.0})
    journal.append_report(fill("2", 3.0))
    state = rebuild(journal)
    assert state.orders["a"].state == "completed"
    assert state.live() == []
    assert state.holdings["A"] == Holding(4.0, (9.5 + 3 * 9.0) / 4, 2.0)


@pytest.mark.parametrize(
    ("event", "state"),
    [
        (OrderEvent.REJECTED, "rejected"),
        (OrderEvent.CANCELED, "canceled"),
        (OrderEvent.EXPIRED, "expired"),
        (OrderEvent.MARGIN, "margin"),
    ],
)
def test_an_end_is_an_end(journal, event, state):
    journal.append_report(request())
    journal.append_report(said(event))
    journal.append_report(said(OrderEvent.ACCEPTED))
    assert rebuild(journal).orders["a"].state == state


def test_a_fill_of_an_unknown_order_is_others(journal):
    journal.append_report(fill("1", 3.0, key="somebody's", side=Side.SELL))
    assert rebuild(journal).holdings["A"] == Holding(0.0, 0.0, -3.0)


def test_what_is_said_of_a_part_of_an_order_kept_here_does_not_end_it(journal):
    journal.append("kept", {"client_order_id": "a", **request()._asdict(), "extras": {}})
    journal.append("leg", {"client_order_id": "a", "group": [], "parent_id": None})
    journal.append("intent", request("a1", 2.0), correlation="a")
    journal.append_report(said(OrderEvent.CANCELED, "a1"))
    order = rebuild(journal).orders["a"]
    assert order.live
    assert order.request.size == 4.0
    assert order.wires["a1"].ended


def test_a_position_turns_with_its_price(journal):
    journal.append_report(request(size=9.0))
    journal.append_report(fill("1", 4.0, price=10.0))
    journal.append_report(request("b", 9.0, Side.SELL))
    journal.append_report(fill("2", 1.0, "b", Side.SELL, 12.0))
    assert rebuild(journal).holdings["A"] == Holding(3.0, 10.0, 0.0)
    journal.append_report(fill("3", 5.0, "b", Side.SELL, 12.0))
    assert rebuild(journal).holdings["A"] == Holding(-2.0, 12.0, 0.0)


def test_a_snapshot_is_the_whole_state(journal):
    journal.append_report(request())
    journal.append_report(said(OrderEvent.ACCEPTED))
    journal.append_report(fill("1", 1.0))
    journal.append("reconciled", {})
    before = rebuild(journal)
    journal.append("snapshot", before.to_dict())
    after = rebuild(journal)
    assert list(before.differences(after)) == []
    assert after.reconciled
    assert after.find("a", None) is after.find(None, "Va") is after.orders["a"]
    journal.append_report(fill("1", 1.0))
    journal.append_report(fill("2", 3.0))
    assert rebuild(journal).orders["a"].filled == 4.0


def test_finished_orders_are_forgotten_but_for_the_newest():
    state, journal = JournalState(keep=3), MemoryJournal(SimulatedClock(1))
    for number in range(10):
        journal.append_report(request(str(number)))
        journal.append_report(said(OrderEvent.CANCELED, str(number)))
    for record in journal.records():
        state.feed(record)
    assert list(state.orders) == ["7", "8", "9"]


def test_a_record_that_makes_no_sense_is_named(journal):
    journal.append("order_state", {"client_order_id": "a"})
    journal.append_report(request())
    journal.append("order_state", {"client_order_id": "a"})
    with pytest.raises(JournalError, match="record 4 cannot be understood"):
        rebuild(journal)


@pytest.fixture
def path(tmp_path):
    path = str(tmp_path / "j")
    with SqliteJournal(path, SimulatedClock(1)) as journal:
        journal.append_report(request())
        journal.append_report(said(OrderEvent.ACCEPTED))
        journal.append("snapshot", rebuild(journal).to_dict())
        journal.append_report(fill("1", 1.0))
    return path


def run(path, to=None, json=False):
    out, err = io.StringIO(), io.StringIO()
    status = replay_command(Namespace(path=path, to=to, json=json), out, err)
    return status, out.getvalue(), err.getvalue()


def test_the_command_shows_the_state_at_a_record(path):
    status, text, _ = run(path)
    assert status == 0
    assert "a buy 4 A Limit: partial, 1 filled" in text
    assert "A: 1 at 9, others 0" in text
    assert "snapshots compared: 1" in text
    assert "accepted, 0 filled" in run(path, to=3)[1]
    assert '"seq": 3' in run(path, to=3, json=True)[1]


def test_the_command_names_a_snapshot_that_says_otherwise(path):
    with SqliteJournal(path, SimulatedClock(1)) as journal:
        wrong = rebuild(journal)
        wrong.orders["a"].filled = 2.0
        journal.append("snapshot", wrong.to_dict())
    status, text, _ = run(path)
    assert status == 1
    assert "difference: snapshot" in text
    assert len(replay(path).differences) == 1


@pytest.mark.parametrize(
    ("name", "to", "text"),
    [("missing", None, "there is no such file"), ("j", 0, "--to=0: expected a number from 1 on")],
)
def test_the_command_refuses_what_cannot_be(path, tmp_path, name, to, text):
    status, _, error = run(str(tmp_path / name), to=to)
    assert status == 2
    assert text in error
