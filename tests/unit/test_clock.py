"""Time, timers, chance and ids."""

from __future__ import annotations

import threading

import pytest

from btstores.clock import NS_PER_SECOND, RealClock, SimulatedClock, wall_clock

START = 1_700_000_000 * NS_PER_SECOND


@pytest.fixture
def clock():
    return SimulatedClock(START)


def test_a_simulated_clock_stands_still_until_it_is_told_to_move(clock):
    assert clock.time_ns() == clock.monotonic_ns() == START
    clock.advance(1.5)
    assert clock.time_ns() == clock.monotonic_ns() == START + 1_500_000_000
    clock.advance_to(START)  # never back
    assert clock.time_ns() == START + 1_500_000_000


def test_timers_run_by_time_and_then_by_the_order_of_their_making(clock):
    ran = []
    for name, seconds in (("late", 3), ("first of two", 1), ("second of two", 1), ("soon", 0)):
        clock.call_later(seconds, lambda name=name: ran.append((name, clock.time_ns() - START)))
    clock.advance(2)
    assert ran == [
        ("soon", 0),
        ("first of two", NS_PER_SECOND),
        ("second of two", NS_PER_SECOND),
    ]
    assert clock.run_next()
    assert ran[-1] == ("late", 3 * NS_PER_SECOND)
    assert not clock.run_next()


def test_a_timer_in_the_past_runs_next_and_does_not_turn_time_back(clock):
    ran = []
    clock.call_at(START - 5, lambda: ran.append(clock.time_ns()))
    assert clock.run_next()
    assert ran == [START]


def test_a_timer_may_make_another_one_that_is_due_at_once(clock):
    ran = []
    clock.call_later(1, lambda: clock.call_soon(lambda: ran.append(clock.time_ns())))
    clock.advance(1)
    assert ran == [START + NS_PER_SECOND]


def test_a_cancelled_timer_never_runs_and_no_longer_counts(clock):
    ran = []
    timer = clock.call_later(1, lambda: ran.append(1))
    kept = clock.call_later(2, lambda: ran.append(2))
    timer.cancel()
    assert timer.cancelled
    assert not kept.cancelled
    assert clock.next_ns() == kept.when_ns
    clock.advance(5)
    assert ran == [2]
    assert kept.cancelled
    kept.run()
    kept.cancel()
    assert ran == [2]
    assert clock.next_ns() is None


def test_ids_and_chance_of_a_simulated_clock_follow_from_its_seed():
    one, same, other = SimulatedClock(seed=7), SimulatedClock(seed=7), SimulatedClock(seed=8)
    ids = [one.new_id() for _ in range(50)]
    assert ids == [same.new_id() for _ in range(50)]
    assert not set(ids) & {other.new_id() for _ in range(50)}
    assert len(set(ids)) == 50
    assert all(len(new) == 16 and int(new, 16) >= 0 for new in ids)


def test_ids_of_two_wall_clocks_differ():
    one, other = RealClock(), RealClock()
    assert len({clock.new_id() for clock in (one, other) for _ in range(100)}) == 200
    assert RealClock(3).new_id() == RealClock(3).new_id()


def test_there_is_one_wall_clock():
    assert wall_clock() is wall_clock()
    assert wall_clock().threaded
    assert not SimulatedClock().threaded


def test_timers_of_the_wall_clock_run_in_order_on_one_thread_and_survive_an_error(caplog):
    clock = RealClock()
    ran = []
    done = threading.Event()

    def fail():
        ran.append(("bad", threading.current_thread().name))
        raise RuntimeError("a timer went wrong")

    def note(name):
        ran.append((name, threading.current_thread().name))
        if name == "last":
            done.set()

    gate, now = threading.Event(), clock.time_ns()
    clock.call_soon(gate.wait)  # until all of them are there
    clock.call_at(now + 30_000_000, lambda: note("last"))
    clock.call_at(now + 10_000_000, fail)
    clock.call_at(now + 20_000_000, lambda: note("never")).cancel()
    clock.call_at(now + 5_000_000, lambda: note("first"))
    gate.set()
    assert done.wait(10)
    assert ran == [(name, "btstores-clock") for name in ("first", "bad", "last")]
    assert "timer.failed" in caplog.text


def test_the_wall_clock_moves_forward():
    clock = RealClock()
    before = clock.monotonic_ns(), clock.time_ns()
    assert clock.monotonic_ns() >= before[0]
    assert before[1] > START
