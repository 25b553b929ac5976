"""The way of requests to the venue: recorded, cancels first, within its rates, none lost."""

from __future__ import annotations

import bisect
import dataclasses
import logging
import queue
import threading
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btstores.clock import RealClock, SimulatedClock
from btstores.errors import LinkError, OutcomeUnknown, UsageError, VenueRefused
from btstores.handlers.base import Handler
from btstores.journal.base import MemoryJournal
from btstores.orders.book import OrderRecord
from btstores.orders.lifecycle import OrderState
from btstores.reports import (
    OrderEvent,
    OrderModification,
    OrderReport,
    OrderRequest,
    OrderType,
    Side,
)
from btstores.stores.gateway import RateLimit
from btstores.stores.sender import OrderSender
from tests.support.venue import T0, ScriptedGateway, ScriptedStore, new_store

LONG = 60.0  # nothing here may take as long as that
S = 10**9
ALL = frozenset({"place", "cancel", "modify"})
PLACE = frozenset({"place"})


class Venue(ScriptedGateway):
    """Writes down each call: kind, client ids, when."""

    def __init__(self):
        super().__init__()
        self.calls = []
        self.error = None
        self.within = lambda: None

    def place(self, group):
        self._called("place", [request.client_order_id for request in group])
        self.placed.extend(group)

    def cancel(self, client_order_id, venue_order_id):
        self._called("cancel", [client_order_id])

    def modify(self, modification):
        self._called("modify", [modification.client_order_id])
        self.modified.append(modification)

    def _called(self, kind, ids):
        self.calls.append((kind, ids, self.clock.monotonic_ns()))
        self.within()
        if self.error is not None:
            raise self.error

    def said(self):
        return [f"{kind} {' '.join(ids)}" for kind, ids, _ in self.calls]


class Blocking(Venue):
    """Tells of each call, and comes back from it when it is let go."""

    def __init__(self):
        super().__init__()
        self.entered, self.free = queue.SimpleQueue(), threading.Semaphore(0)
        self.within = self._block

    def _block(self):
        self.entered.put(self.calls[-1][:2])
        assert self.free.acquire(timeout=LONG)

    def let_go(self):
        """Block no more."""
        self.within = lambda: None
        for _ in range(10):
            self.free.release()


class Heard(Handler):
    reports = (OrderReport,)

    def __init__(self):
        self.all = []

    def handle(self, report):
        self.all.append((report.client_order_id, report.event, report.reason_code))


class Desk:
    """A connected store, and a sender of its own in front of it."""

    def __init__(self, venue=None, rates=(), clock=None, journal=None):
        self.venue = venue or Venue()
        self.clock = self.venue.clock = clock or SimulatedClock(T0)
        self.heard = Heard()
        self.store = new_store(
            gateway=self.venue, clock=self.clock, journal=journal, handlers=[self.heard]
        )
        rates = tuple(RateLimit(*rate) for rate in rates)
        self.store.capabilities = dataclasses.replace(self.store.capabilities, rates=rates)
        self.store.connect()
        self.sender = OrderSender(self.store)

    def make(self, *names, **fields):
        """Take orders into the book; those after the first are its children."""
        records = []
        for name in names:
            parent = names[0] if name != names[0] else None
            request = OrderRequest(name, "A", Side.BUY, 1.0, OrderType.LIMIT, 9.0, **fields)
            records.append(OrderRecord(request._replace(parent_id=parent)))
            self.store.order_handler.submit(records[-1])
        return records

    def place(self, *names):
        records = self.make(*names)
        self.sender.place([(record, record.request) for record in records])
        return records if len(records) > 1 else records[0]

    def settle(self):
        """Let the sending thread do all that it has to do now, and handle what it tells."""
        self.store.outbox.call(len, "", timeout=LONG)
        self.store.process_events()


@pytest.fixture
def threads():
    desk = Desk(Blocking(), clock=RealClock())
    yield desk
    desk.venue.let_go()
    desk.store.stop()


def never_sent(name, event=OrderEvent.CANCELED):
    return (name, event, "NEVER_SENT")


# Into the journal first.


def test_what_goes_over_the_wire_is_durable_before_it_is_sent():
    journal = MemoryJournal(SimulatedClock(T0))
    desk = Desk(journal=journal)
    durable = []
    desk.venue.within = lambda: durable.append((journal.pending, journal.last_seq))
    parent, child = desk.place("p", "c")
    assert durable == [(0, child.journal_seq)]
    first, second = journal.records(kinds=["intent"])
    assert [first.seq, second.seq] == [parent.journal_seq, child.journal_seq]
    assert (first.correlation, second.correlation) == ("p", "c")
    assert (second.payload["client_order_id"], second.payload["parent_id"]) == ("c", "p")
    assert parent.in_flight
    assert child.in_flight


def test_what_is_sent_may_differ_from_what_was_ordered():
    journal = MemoryJournal(SimulatedClock(T0))
    desk = Desk(journal=journal)
    (record,) = desk.make("stop")
    record.wire_id, record.journal_seq, record.in_flight = "stop-2", 1, False
    sent = record.request._replace(client_order_id="stop-2", order_type=OrderType.MARKET)
    desk.sender.place([(record, sent)])
    assert desk.venue.placed == [sent]
    (intent,) = journal.records(kinds=["intent"])
    assert (intent.correlation, intent.cause) == ("stop", 1)
    assert (intent.payload["client_order_id"], intent.payload["order_type"]) == ("stop-2", "Market")
    assert (record.request.order_type, record.journal_seq) == (OrderType.LIMIT, 1)
    assert record.in_flight

    desk.sender.cancel(record)
    desk.sender.modify(record, price=8.0)
    assert desk.venue.said() == ["place stop-2", "cancel stop-2", "modify stop-2"]
    assert desk.venue.modified == [OrderModification("stop-2", None, price=8.0)]
    noted = list(journal.records(kinds=["intent_cancel", "intent_modify"]))
    assert [record.correlation for record in noted] == ["stop", "stop"]
    assert [record.cause for record in noted] == [1, 1]


def test_a_failing_journal_sends_nothing_and_says_so():
    journal = MemoryJournal(SimulatedClock(T0))
    desk = Desk(journal=journal)
    desk.store.get_notifications()
    journal.fail("disk full")
    records = desk.place("p", "c")
    assert desk.venue.calls == []
    for record in records:
        assert (record.state, record.reason_code) == (OrderState.REJECTED, "JOURNAL")
        assert (record.denied_by, record.in_flight) == ("store", False)
        assert "disk full" in record.reason
    told = [args for message, args, _ in desk.store.get_notifications() if "journal" in message]
    assert "disk full" in str(told)


def test_cancels_are_sent_although_the_journal_fails():
    journal = MemoryJournal(SimulatedClock(T0))
    desk = Desk(journal=journal)
    record = desk.place("a")
    journal.fail("disk full")
    desk.sender.cancel(record)
    assert desk.venue.said() == ["place a", "cancel a"]
    assert record.pending_cancel


# What a failure means.

REFUSALS = {
    "place": OrderEvent.REJECTED,
    "cancel": OrderEvent.CANCEL_REJECTED,
    "modify": OrderEvent.MODIFY_REJECTED,
}


@pytest.mark.parametrize("kind", sorted(REFUSALS))
@pytest.mark.parametrize(
    ("error", "code"),
    [
        (VenueRefused("no", "V17"), "V17"),
        (VenueRefused("no"), "REFUSED"),
        (UsageError("no"), "USAGE"),
        (LinkError("no"), "LINK"),
        (OutcomeUnknown("no"), "OUTCOME_UNKNOWN"),
        (OSError("no"), None),
        (TimeoutError(), None),
    ],
    ids=repr,
)
def test_only_a_refusal_is_told_as_one(kind, error, code):
    desk = Desk()
    record = None
    if kind != "place":
        record = desk.place("a")
    desk.venue.error = error
    if kind == "place":
        desk.place("a")
    elif kind == "cancel":
        desk.sender.cancel(record)
    else:
        desk.sender.modify(record, price=1.0)
    desk.settle()
    refused = isinstance(error, (VenueRefused, UsageError))
    event = REFUSALS[kind] if refused else OrderEvent.OUTCOME_UNKNOWN
    assert desk.heard.all == [("a", event, code)]


def test_the_failure_of_a_group_is_told_of_each_that_was_sent():
    desk = Desk()
    desk.venue.error = VenueRefused("no")
    records = desk.place("p", "c")
    desk.settle()
    assert [record.state for record in records] == [OrderState.REJECTED] * 2


# Cancels first. On real threads: the venue is busy while more is asked for.


def test_a_cancel_is_called_before_the_places_that_wait(threads):
    first = threads.place("a")
    assert threads.venue.entered.get(timeout=LONG) == ("place", ["a"])
    for name in "bcd":
        threads.place(name)
    threads.sender.cancel(first)
    threads.venue.let_go()
    threads.settle()
    assert threads.venue.said() == ["place a", "cancel a", "place b", "place c", "place d"]
    assert first.pending_cancel  # the venue has not answered
    assert threads.heard.all == []


def test_a_cancel_is_called_before_other_questions_to_the_venue():
    desk, release, asked = Desk(clock=RealClock()), threading.Event(), []
    record = desk.place("a")
    desk.settle()
    desk.store.outbox.submit(release.wait)
    desk.store.outbox.submit(lambda: asked.append(desk.venue.said()))
    desk.sender.cancel(record)
    release.set()
    desk.settle()
    assert asked == [["place a", "cancel a"]]
    desk.store.stop()


def test_an_order_that_waits_is_withdrawn(threads):
    threads.place("a")
    assert threads.venue.entered.get(timeout=LONG)
    waiting = [threads.place(name) for name in "bcd"]
    threads.sender.cancel(waiting[1])
    threads.venue.let_go()
    threads.settle()
    assert threads.venue.said() == ["place a", "place b", "place d"]
    assert threads.heard.all == [never_sent("c")]
    assert waiting[1].state is OrderState.CANCELED
    assert (waiting[1].in_flight, waiting[1].pending_cancel) == (False, False)


@pytest.mark.parametrize(
    ("cancelled", "placed"),
    [
        (["p"], []),
        (["c1"], ["place p c2"]),
        (["c2", "c1"], ["place p"]),
        (["c1", "p"], []),
        (["p", "c1"], []),
    ],
)
def test_a_waiting_bracket_loses_the_leg_or_goes_with_its_parent(threads, cancelled, placed):
    threads.place("a")
    assert threads.venue.entered.get(timeout=LONG)
    legs = {record.client_order_id: record for record in threads.place("p", "c1", "c2")}
    threads.place("z")
    for name in cancelled:
        threads.sender.cancel(legs[name])
    threads.venue.let_go()
    threads.settle()
    assert threads.venue.said() == ["place a", *placed, "place z"]
    gone = set(legs) - set(" ".join(placed).split())
    assert sorted(threads.heard.all) == sorted(map(never_sent, gone))


def test_a_group_without_a_parent_loses_only_the_leg():
    desk = Desk(rates=[(PLACE, 1, 10.0)])
    desk.place("x")
    (one,), (two,) = desk.make("one"), desk.make("two")
    desk.sender.place([(one, one.request), (two, two.request)])
    desk.sender.cancel(one)
    desk.clock.advance(60)
    assert desk.venue.said() == ["place x", "place two"]


def test_a_parent_is_known_by_its_id_on_the_wire_too():
    desk = Desk(rates=[(PLACE, 1, 10.0)])
    desk.place("x")
    parent, child = desk.make("p", "c")
    parent.wire_id = "p-2"
    sent = parent.request._replace(client_order_id="p-2")
    desk.sender.place([(parent, sent), (child, child.request)])
    desk.sender.cancel(parent)
    desk.clock.advance(60)
    desk.settle()
    assert desk.venue.said() == ["place x"]
    assert desk.heard.all == [never_sent("p-2"), never_sent("c")]


def test_an_order_that_is_just_being_placed_is_cancelled_at_the_venue(threads):
    record = threads.place("a")
    assert threads.venue.entered.get(timeout=LONG)
    threads.sender.cancel(record)
    threads.venue.free.release()
    assert threads.venue.entered.get(timeout=LONG) == ("cancel", ["a"])
    threads.venue.let_go()
    threads.settle()
    assert threads.heard.all == []


def test_what_is_asked_of_a_withdrawn_order_later_does_not_reach_the_venue():
    desk = Desk(rates=[(PLACE, 1, 10.0)])
    desk.place("x")
    record = desk.place("a")
    for _ in range(2):
        desk.sender.cancel(record)
    desk.sender.modify(record, price=1.0)
    desk.clock.advance(60)
    desk.settle()
    assert desk.venue.said() == ["place x"]
    assert desk.heard.all[0] == never_sent("a")
    assert desk.heard.all[1:] == [never_sent("a", OrderEvent.MODIFY_REJECTED)]
    assert not record.pending_modify


def test_an_order_may_come_back_after_it_was_withdrawn():
    desk = Desk(rates=[(PLACE, 1, 10.0)])
    desk.place("x")
    record = desk.place("a")
    desk.sender.cancel(record)
    desk.sender.place([(record, record.request)])
    desk.clock.advance(60)
    desk.sender.cancel(record)
    assert desk.venue.said() == ["place x", "place a", "cancel a"]


def test_withdrawn_orders_are_forgotten_in_the_end(monkeypatch):
    monkeypatch.setattr("btstores.stores.sender._Line.keep", 2)
    desk = Desk(rates=[(PLACE, 1, 10.0)])
    desk.place("x")
    records = [desk.place(name) for name in "abc"]
    for record in records + records:
        desk.sender.cancel(record)
    assert desk.venue.said() == ["place x", "cancel a"]


def test_a_change_follows_its_own_order_and_no_other():
    desk = Desk(rates=[(PLACE, 1, 10.0)])
    first = desk.place("a")
    waiting = desk.place("b")
    desk.place("c")
    desk.sender.modify(waiting, price=1.0)
    desk.sender.modify(first, price=1.0)
    assert desk.venue.said() == ["place a", "modify a"]
    desk.clock.advance(60)
    assert desk.venue.said() == ["place a", "modify a", "place b", "modify b", "place c"]


def test_the_change_of_a_waiting_order_is_refused_when_that_is_withdrawn():
    desk = Desk(rates=[(PLACE, 1, 10.0)])
    desk.place("a")
    parent, child = desk.place("p", "c")
    desk.sender.modify(child, price=1.0)
    desk.sender.modify(parent, price=1.0)
    desk.sender.cancel(child)
    desk.clock.advance(60)
    desk.settle()
    assert desk.venue.said() == ["place a", "place p", "modify p"]
    assert desk.heard.all == [never_sent("c"), never_sent("c", OrderEvent.MODIFY_REJECTED)]


# The venue's rates.


def fullest(times_ns, seconds):
    """Return the most calls in any window of ``seconds``, both of its ends included."""
    times_ns = sorted(times_ns)
    ends = [bisect.bisect_right(times_ns, begin + round(seconds * S)) for begin in times_ns]
    return max((end - number for number, end in enumerate(ends)), default=0)


def test_a_hundred_places_go_at_the_venues_rate_and_cancels_in_front_of_them():
    desk = Desk(rates=[(ALL, 15, 30.0)])
    records = [desk.place(f"o{number}") for number in range(100)]
    assert len(desk.venue.calls) == 14  # one is left to cancels
    desk.clock.advance(1)
    desk.sender.cancel(records[0])  # sent already
    assert desk.venue.calls[14] == ("cancel", ["o0"], T0 + 1 * S)
    for record in records[1:4]:
        desk.sender.cancel(record)
    for record in records[90:]:
        desk.sender.cancel(record)  # not sent yet
    assert len(desk.venue.calls) == 15
    desk.clock.advance(1000)
    desk.settle()
    assert desk.venue.said()[15:18] == ["cancel o1", "cancel o2", "cancel o3"]
    assert desk.venue.calls[15][2] == T0 + 30 * S + 1
    placed = [ids[0] for kind, ids, _ in desk.venue.calls if kind == "place"]
    assert placed == [f"o{number}" for number in range(90)]
    assert desk.heard.all == [never_sent(f"o{number}") for number in range(90, 100)]
    times = [time_ns for _, _, time_ns in desk.venue.calls]
    assert fullest(times, 30.0) == 15
    # 94 calls: 14 places and a cancel at once, then 11 places and 3 cancels, then 14 by 14.
    assert times[-1] - T0 < 7 * 31 * S


def test_after_cancels_whatever_waits_longest_goes_first():
    desk = Desk(rates=[(ALL, 3, 10.0)])
    first, second = desk.place("a"), desk.place("b")
    desk.sender.cancel(first)
    assert desk.venue.said() == ["place a", "place b", "cancel a"]
    desk.place("c")
    desk.sender.modify(second, price=1.0)
    desk.place("d")
    desk.sender.cancel(second)
    desk.clock.advance(60)
    assert desk.venue.said()[3:] == ["cancel b", "place c", "modify b", "place d"]


def test_each_kind_waits_for_its_own_rate():
    desk = Desk(rates=[(PLACE, 1, 10.0), (frozenset({"cancel"}), 1, 1.0)])
    record = desk.place("a")
    desk.place("b")
    desk.sender.cancel(record)
    desk.sender.cancel(record)
    desk.sender.modify(record, price=1.0)
    desk.clock.advance(60)
    assert [(kind, ids[0], time_ns - T0) for kind, ids, time_ns in desk.venue.calls] == [
        ("place", "a", 0),
        ("cancel", "a", 0),
        ("modify", "a", 0),
        ("cancel", "a", 1 * S + 1),
        ("place", "b", 10 * S + 1),
    ]


def test_what_waits_for_the_rate_does_not_keep_the_sending_thread():
    desk = Desk(rates=[(PLACE, 1, 3600.0)], clock=RealClock())
    sent, waiting = desk.place("a"), desk.place("b")
    desk.settle()  # comes back only if the thread is free
    desk.sender.cancel(sent)
    desk.sender.cancel(waiting)
    desk.settle()
    assert desk.venue.said() == ["place a", "cancel a"]
    assert desk.heard.all == [never_sent("b")]
    desk.store.stop()


def test_the_wall_clock_sends_what_waits():
    done = threading.Event()
    desk = Desk(rates=[(PLACE, 4, 0.05)], clock=RealClock())
    desk.venue.within = lambda: len(desk.venue.calls) == 20 and done.set()
    for number in range(20):
        desk.place(f"o{number}")
    assert done.wait(LONG)
    assert desk.venue.said() == [f"place o{number}" for number in range(20)]
    assert fullest([time_ns for _, _, time_ns in desk.venue.calls], 0.05) <= 4
    desk.store.stop()


def test_a_call_counts_until_it_has_come_back():
    desk = Desk(rates=[(PLACE, 1, 10.0)])
    desk.venue.within = lambda: desk.clock.advance(7)
    desk.place("a")
    desk.place("b")
    desk.clock.advance(60)
    assert [time_ns - T0 for _, _, time_ns in desk.venue.calls] == [0, 17 * S + 1]


def test_each_order_of_a_group_counts():
    desk = Desk(rates=[(PLACE, 4, 10.0)])
    desk.place("p1", "c1", "d1")
    desk.place("p2", "c2", "d2")
    assert desk.venue.said() == ["place p1 c1 d1"]
    desk.clock.advance(11)
    assert desk.venue.said() == ["place p1 c1 d1", "place p2 c2 d2"]


def test_a_withdrawn_leg_does_not_count():
    desk = Desk(rates=[(PLACE, 3, 10.0)])
    desk.place("a", "b")
    _, first, second = desk.place("p", "c", "d")
    desk.sender.cancel(first)
    assert desk.venue.said() == ["place a b"]
    desk.sender.cancel(second)
    assert desk.venue.said() == ["place a b", "place p"]


def test_that_something_waits_is_logged_once(caplog):
    desk = Desk(rates=[(PLACE, 2, 10.0)])
    with caplog.at_level(logging.INFO, "btstores.stores.sender"):
        for number in range(9):
            desk.place(f"o{number}")
        desk.clock.advance(100)
        assert len(desk.venue.calls) == 9
        told = [line for line in caplog.messages if line.startswith("throttle.wait")]
        assert told == ["throttle.wait store=scripted kind=place seconds=10.000"]
        for number in range(3):
            desk.place(f"p{number}")
        assert len([line for line in caplog.messages if line.startswith("throttle.wait")]) == 2


# The end.


def test_stopping_tells_what_will_not_be_sent_any_more():
    desk = Desk(rates=[(ALL, 2, 10.0), (PLACE, 1, 20.0)])
    sent = desk.place("a")
    waiting = desk.place("b")
    desk.sender.modify(waiting, price=1.0)
    for _ in range(2):
        desk.sender.cancel(sent)
    desk.sender.stop()
    desk.settle()
    assert desk.venue.said() == ["place a", "cancel a"]
    assert sorted(desk.heard.all, key=str) == [
        never_sent("a", OrderEvent.CANCEL_REJECTED),
        never_sent("b"),
        never_sent("b", OrderEvent.MODIFY_REJECTED),
    ]
    assert waiting.state is OrderState.CANCELED
    assert desk.clock.next_ns() is None  # no timer is left behind


def test_a_sender_goes_on_after_a_stop_and_remembers_what_it_has_sent():
    desk = Desk(rates=[(PLACE, 1, 10.0)])
    desk.place("a")
    desk.sender.stop()
    desk.place("b")
    assert desk.venue.said() == ["place a"]
    desk.clock.advance(11)
    assert desk.venue.said() == ["place a", "place b"]


class RatedStore(ScriptedStore):
    capabilities = dataclasses.replace(
        ScriptedStore.capabilities, rates=(RateLimit(PLACE, 1, 10.0),)
    )


def test_a_store_that_stops_tells_what_was_never_sent():
    store = RatedStore(account="rated")
    store.connect()
    records = [OrderRecord(OrderRequest(n, "A", Side.BUY, 1.0, OrderType.MARKET)) for n in "ab"]
    for record in records:
        store.order_create(record)
    store.stop()
    assert [request.client_order_id for request in store.gateway.placed] == ["a"]
    assert (records[1].state, records[1].reason_code) == (OrderState.CANCELED, "NEVER_SENT")


def test_a_call_that_hangs_over_a_stop_does_not_keep_the_next_run_from_sending(threads):
    threads.place("a")
    assert threads.venue.entered.get(timeout=LONG)
    threads.place("b")
    threads.sender.stop()
    assert not threads.store.outbox.stop(0.001)
    threads.place("c")
    assert threads.venue.entered.get(timeout=LONG) == ("place", ["c"])


# Nothing is lost, whatever is asked for and when.

rates = st.lists(
    st.tuples(
        st.sets(st.sampled_from(sorted(ALL)), min_size=1).map(frozenset),
        st.integers(4, 12),
        st.sampled_from([0.5, 3.0, 10.0]),
    ),
    max_size=2,
)
steps = st.one_of(
    st.tuples(st.just("place"), st.integers(1, 3)),
    st.tuples(st.sampled_from(["cancel", "modify"]), st.integers(0, 30)),
    st.tuples(st.just("advance"), st.sampled_from([0.1, 1.0, 4.0])),
    st.tuples(st.just("stop"), st.just(0)),
)
often = st.lists(steps, max_size=60)


class Random(Desk):
    """Does random steps, some of them while the venue is being called."""

    def __init__(self, given_rates, within):
        super().__init__(rates=given_rates)
        self.records, self.groups = [], []
        self.asked = Counter()
        self._within = list(within)
        self.venue.within = self._step_within

    def _step_within(self):
        if self._within:
            kind, value = self._within.pop()
            if kind in ("place", "cancel", "modify"):
                self.step(kind, value)

    def step(self, kind, value):
        if kind == "place":
            names = [f"o{len(self.records) + number}" for number in range(value)]
            records = self.make(*names)
            self.records += records
            self.groups.append(names)
            self.sender.place([(record, record.request) for record in records])
        elif kind == "advance":
            self.clock.advance(value)
        elif kind == "stop":
            self.sender.stop()
            self.settle()
        elif self.records:
            self._ask(kind, self.records[value % len(self.records)])

    def _ask(self, kind, record):
        if not record.live:
            return  # has been told to be over
        self.asked[kind, record.client_order_id] += 1
        if kind == "cancel":
            self.sender.cancel(record)
        else:
            self.sender.modify(record, size=2)

    def finish(self):
        while self.clock.run_next():
            pass
        self.settle()


@settings(max_examples=200, deadline=None)
@given(rates, often, st.lists(steps, max_size=20))
def test_everything_is_called_or_withdrawn_once_and_within_the_rates(given_rates, story, within):
    desk = Random(given_rates, within)
    for kind, value in story:
        desk.step(kind, value)
    desk.finish()

    called = Counter((kind, name) for kind, ids, _ in desk.venue.calls for name in ids)
    told = Counter(desk.heard.all)
    for record in desk.records:
        name = record.client_order_id
        withdrawn = told[never_sent(name)]
        assert called["place", name] + withdrawn == 1, f"{name} is lost or sent twice"
        cancels, lost = called["cancel", name], told[never_sent(name, OrderEvent.CANCEL_REJECTED)]
        if withdrawn:
            assert cancels == 0
        else:
            assert cancels + lost == desk.asked["cancel", name]
        changes, lost = called["modify", name], told[never_sent(name, OrderEvent.MODIFY_REJECTED)]
        assert changes + lost == desk.asked["modify", name]
        assert not (withdrawn and changes)

    order = [(kind, name) for kind, ids, _ in desk.venue.calls for name in ids]
    for number, (kind, name) in enumerate(order):
        assert kind == "place" or ("place", name) in order[:number], f"{name} was not placed yet"
    placed = [int(name[1:]) for kind, name in order if kind == "place"]
    assert placed == sorted(placed), "places keep their order"
    for parent, *children in desk.groups:
        for child in children:
            assert called["place", parent] or not called["place", child]

    for kinds, count, seconds in given_rates:
        times = [when for kind, ids, when in desk.venue.calls for _ in ids if kind in kinds]
        assert fullest(times, seconds) <= count
