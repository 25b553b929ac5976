"""Where threads meet: order, wake-ups and calls to the venue."""

from __future__ import annotations

import threading

import pytest

from btstores.clock import RealClock, SimulatedClock
from btstores.errors import LinkError, VenueRefused
from btstores.inbox import Inbox, Outbox, Wakeup
from btstores.reports import Tick

LONG = 60.0  # nothing here may take as long as that


def tick(number):
    return Tick("A", number, 1.0)


def test_reports_come_out_as_they_went_in():
    inbox = Inbox()
    assert inbox.empty()
    assert inbox.take() is None
    for number in range(3):
        inbox.put(tick(number))
    assert not inbox.empty()
    assert [inbox.take() for _ in range(4)] == [tick(0), tick(1), tick(2), None]


def test_no_report_of_many_threads_is_lost_and_each_threads_own_order_is_kept():
    inbox, wakeup = Inbox(), Wakeup()
    inbox.attach(wakeup)
    per_thread, names = 500, "abcd"

    def produce(name):
        for number in range(per_thread):
            inbox.put(Tick(name, number, 1.0))

    threads = [threading.Thread(target=produce, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    taken = []
    while len(taken) < per_thread * len(names):
        assert wakeup.wait(LONG), "a report was put and nobody was woken"
        entry = inbox.take()
        while entry is not None:
            taken.append(entry)
            entry = inbox.take()
    for thread in threads:
        thread.join()
    assert len(taken) == per_thread * len(names)
    for name in names:
        assert [t.time_ns for t in taken if t.symbol == name] == list(range(per_thread))


def test_a_report_of_another_thread_ends_the_wait():
    inbox, wakeup = Inbox(), Wakeup()
    inbox.attach(wakeup)
    waiting = threading.Event()

    def produce():
        assert waiting.wait(LONG)
        inbox.put(tick(1))

    producer = threading.Thread(target=produce)
    producer.start()
    waiting.set()
    assert wakeup.wait(LONG)  # False would mean that the time was up
    assert inbox.take() == tick(1)
    producer.join()


def test_any_inbox_ends_the_wait_and_a_wait_without_news_says_so():
    wakeup, inboxes = Wakeup(), [Inbox() for _ in range(3)]
    for inbox in inboxes:
        inbox.attach(wakeup)
    for inbox in inboxes:
        assert not wakeup.wait(0)
        inbox.put(tick(1))
        assert wakeup.wait(LONG)
    assert not wakeup.wait(0.001)


def test_reports_that_came_before_the_wakeup_count():
    inbox, wakeup = Inbox(), Wakeup()
    inbox.put(tick(1))
    inbox.attach(wakeup)
    assert wakeup.wait(LONG)


def test_a_thousand_signals_are_one_and_leave_no_tokens_behind():
    wakeup = Wakeup()
    for _ in range(1000):
        wakeup.signal()
    assert wakeup.wait(0)
    assert not wakeup.wait(0)


def test_waiting_on_a_simulated_clock_jumps_to_the_first_timer_that_has_news():
    wakeup, clock, other = Wakeup(), SimulatedClock(0), SimulatedClock(0)
    for one in (clock, other, clock, RealClock()):
        wakeup.drive(one)
    ran = []
    clock.call_at(5, lambda: ran.append("quiet"))
    other.call_at(7, lambda: (ran.append("news"), wakeup.signal()))
    clock.call_at(9, lambda: ran.append("later"))
    assert wakeup.wait(LONG)
    assert ran == ["quiet", "news"]
    assert (clock.time_ns(), other.time_ns()) == (5, 7)


def test_news_at_hand_leave_the_simulated_clock_alone():
    wakeup, clock = Wakeup(), SimulatedClock(0)
    wakeup.drive(clock)
    clock.call_at(5, lambda: None)
    wakeup.signal()
    assert wakeup.wait(LONG)
    assert clock.time_ns() == 0


def test_endless_timers_do_not_hold_up_the_engine(monkeypatch):
    monkeypatch.setattr(Wakeup, "max_steps", 10)
    wakeup, clock = Wakeup(), SimulatedClock(0)
    wakeup.drive(clock)
    ran = []

    def again():
        ran.append(1)
        clock.call_later(1, again)

    again()
    assert not wakeup.wait(LONG)
    assert len(ran) == 11


@pytest.fixture(params=["its own thread", "the caller's thread"])
def outbox(request):
    outbox = Outbox("test", threaded=request.param == "its own thread")
    yield outbox
    assert outbox.stop(LONG)


def test_calls_run_one_after_the_other_in_their_order(outbox):
    ran = []
    for number in range(20):
        outbox.submit(lambda number=number: ran.append((number, threading.current_thread())))
    assert outbox.call(len, "four", timeout=LONG) == 4
    assert [number for number, _ in ran] == list(range(20))
    assert len({thread for _, thread in ran}) == 1


def test_what_a_call_raises_reaches_the_caller(outbox):
    def refuse():
        raise VenueRefused("no")

    with pytest.raises(VenueRefused, match="no"):
        outbox.call(refuse, timeout=LONG)


def test_calls_leave_cerebros_thread_only_where_there_are_threads():
    here = threading.current_thread()
    assert Outbox("x", threaded=False).call(threading.current_thread, timeout=LONG) is here
    outbox = Outbox("x")
    assert outbox.call(threading.current_thread, timeout=LONG).name == "btstores-x"
    assert outbox.stop(LONG)
    assert outbox.stop(LONG)  # twice is once


def test_a_call_that_takes_too_long_is_an_error_that_names_it():
    outbox, release = Outbox("slow"), threading.Event()
    outbox.submit(release.wait)
    with pytest.raises(LinkError, match=r"slow: len did not finish within 0.001 seconds"):
        outbox.call(len, "x", timeout=0.001)
    release.set()
    assert outbox.call(len, "x", timeout=LONG) == 1
    assert outbox.stop(LONG)


def test_stopping_finishes_what_was_submitted_and_one_bad_call_stops_nothing(caplog):
    outbox, ran = Outbox("test"), []
    outbox.submit(lambda: ran.append(1))
    outbox.submit(lambda: 1 // 0)
    outbox.submit(lambda: ran.append(2))
    assert outbox.stop(LONG)
    assert ran == [1, 2]
    assert "outbox.call_failed store=test" in caplog.text


def test_stopping_says_when_it_could_not_finish():
    outbox, release = Outbox("test"), threading.Event()
    outbox.submit(release.wait)
    assert not outbox.stop(0.001)
    release.set()


def test_a_thread_that_hung_when_it_was_stopped_does_not_take_part_in_what_follows():
    outbox, release, ran = Outbox("test"), threading.Event(), []
    outbox.submit(release.wait)
    outbox.submit(lambda: ran.append("left over"))
    assert not outbox.stop(0.001)
    assert outbox.call(len, "x", timeout=LONG) == 1
    assert outbox.call(len, "xx", timeout=LONG) == 2
    assert ran == []
    release.set()
    assert outbox.stop(LONG)


def test_urgent_calls_run_before_those_that_wait_and_keep_their_order():
    outbox, release, ran = Outbox("test"), threading.Event(), []
    outbox.submit(release.wait)
    for name in ("a", "B", "c", "D"):
        outbox.submit(lambda name=name: ran.append(name), urgent=name.isupper())
    release.set()
    assert outbox.stop(LONG)
    assert ran == ["B", "D", "a", "c"]


def test_where_there_are_no_threads_an_urgent_call_runs_at_once_as_any_other():
    outbox, ran = Outbox("test", threaded=False), []
    outbox.submit(lambda: ran.append("a"))
    outbox.submit(lambda: ran.append("b"), urgent=True)
    assert ran == ["a", "b"]


def test_no_call_of_many_threads_is_lost_urgent_or_not():
    outbox, ran, per_thread = Outbox("test"), [], 500
    outbox.submit(lambda: None)  # so that its thread is there

    def produce(name):
        for number in range(per_thread):
            urgent = name.isupper()
            outbox.submit(lambda number=number: ran.append((name, number)), urgent=urgent)

    threads = [threading.Thread(target=produce, args=(name,)) for name in "abCD"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outbox.stop(LONG)
    assert len(ran) == per_thread * len(threads)
    for name in "abCD":
        assert [number for of, number in ran if of == name] == list(range(per_thread))
