"""Rates of a venue: never more than it takes, in whatever window one looks."""

from __future__ import annotations

import bisect

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btstores.clock import SimulatedClock
from btstores.errors import ConfigError
from btstores.stores.gateway import RateLimit
from btstores.stores.throttle import TokenBuckets

S = 10**9
ALL = frozenset({"place", "cancel", "modify"})
PLACE, CANCEL = frozenset({"place"}), frozenset({"cancel"})


def buckets(*rates):
    clock = SimulatedClock(1_000 * S)
    return clock, TokenBuckets([RateLimit(*rate) for rate in rates], clock)


def burst(throttle, kind):
    """Take as many as go without waiting; return how many."""
    taken = 0
    while throttle.wait_ns(kind) == 0:
        throttle.take(kind)
        taken += 1
        assert taken < 1000
    return taken


def fullest(times_ns, seconds):
    """Return the most requests in any window of ``seconds``, both of its ends included."""
    return max(
        bisect.bisect_right(times_ns, begin + round(seconds * S)) - number
        for number, begin in enumerate(times_ns)
    )


def test_without_rates_nothing_ever_waits():
    _, throttle = buckets()
    for _ in range(100):
        throttle.take("place")
        assert throttle.wait_ns("place") == 0


def test_what_a_rate_does_not_count_does_not_wait_for_it():
    _, throttle = buckets((PLACE, 2, 1.0))
    assert burst(throttle, "place") == 2
    assert throttle.wait_ns("cancel") == throttle.wait_ns("modify") == 0
    throttle.take("cancel")
    assert throttle.wait_ns("place") == 1 * S + 1


def test_a_token_comes_back_when_its_window_has_passed():
    clock, throttle = buckets((PLACE, 3, 10.0))
    for wait in (0, 4, 5):
        clock.advance(wait)
        throttle.take("place")
    assert throttle.wait_ns("place") == 1 * S + 1  # the first is nine seconds old
    clock.advance(1)
    assert throttle.wait_ns("place") == 1  # the window has two ends, and both count
    clock.advance(1e-9)
    assert throttle.wait_ns("place") == 0
    throttle.take("place")
    assert throttle.wait_ns("place") == 4 * S


@pytest.mark.parametrize(
    ("count", "others"), [(1, 1), (2, 1), (9, 8), (15, 14), (20, 18), (39, 36), (100, 90)]
)
@pytest.mark.parametrize("kind", ["place", "modify"])
def test_a_tenth_of_a_common_rate_is_left_to_cancels(count, others, kind):
    _, throttle = buckets((ALL, count, 30.0))
    assert burst(throttle, kind) == others
    assert burst(throttle, "cancel") == count - others


def test_cancels_may_use_all_of_a_common_rate():
    _, throttle = buckets((ALL, 15, 30.0))
    assert burst(throttle, "cancel") == 15
    assert throttle.wait_ns("cancel") == throttle.wait_ns("place") == 30 * S + 1


def test_nothing_is_left_to_cancels_where_a_rate_does_not_count_them():
    _, throttle = buckets((frozenset({"place", "modify"}), 15, 30.0))
    assert burst(throttle, "place") == 15


def test_several_rates_all_hold():
    clock, throttle = buckets((PLACE, 2, 1.0), (PLACE, 3, 60.0))
    assert burst(throttle, "place") == 2
    clock.advance(1.5)
    assert burst(throttle, "place") == 1
    clock.advance(1.5)
    assert throttle.wait_ns("place") == 57 * S + 1


def test_requests_that_go_together_wait_until_all_of_them_may():
    clock, throttle = buckets((PLACE, 4, 10.0))
    throttle.take("place")
    clock.advance(1)
    throttle.take("place")
    assert throttle.wait_ns("place", 2) == 0
    assert throttle.wait_ns("place", 3) == 9 * S + 1
    assert throttle.wait_ns("place", 4) == 10 * S + 1


def test_more_than_a_rate_allows_at_all_wait_for_an_empty_window_and_not_for_ever():
    clock, throttle = buckets((PLACE, 2, 10.0))
    assert throttle.wait_ns("place", 5) == 0
    throttle.take("place", 5)
    assert throttle.wait_ns("place", 5) == throttle.wait_ns("place") == 10 * S + 1
    clock.advance(10.1)
    assert throttle.wait_ns("place", 5) == 0


@pytest.mark.parametrize(
    ("rate", "field"),
    [
        ((frozenset(), 1, 1.0), "kinds=[]"),
        ((frozenset({"plaice"}), 1, 1.0), "kinds=['plaice']: expected some of"),
        ((PLACE, 0, 1.0), "requests=0: expected at least 1"),
        ((PLACE, 1, 0.0), "seconds=0.0: expected a positive number"),
        ((PLACE, 1, float("inf")), "seconds=inf"),
        ((PLACE, 1, float("nan")), "seconds=nan"),
    ],
)
def test_a_rate_that_makes_no_sense_is_named(rate, field):
    with pytest.raises(ConfigError) as caught:
        buckets(rate)
    assert field in str(caught.value)


rates = st.builds(
    RateLimit,
    st.sets(st.sampled_from(sorted(ALL)), min_size=1).map(frozenset),
    st.integers(1, 25),
    st.sampled_from([0.001, 0.1, 1.0, 2.5, 30.0]),
)
requests = st.lists(
    st.tuples(
        st.sampled_from(sorted(ALL)),
        st.sampled_from([0, 0, 0, 1, 10**6, 10**8, S, 7 * S, 31 * S]),
        st.integers(1, 3),
    ),
    max_size=120,
)


@settings(max_examples=200, deadline=None)
@given(st.lists(rates, min_size=1, max_size=3), requests)
def test_no_window_ever_holds_more_than_its_rate(given_rates, asked):
    clock = SimulatedClock(0)
    throttle = TokenBuckets(given_rates, clock)
    sent = []
    for kind, pause_ns, together in asked:
        clock.advance_to(clock.time_ns() + pause_ns)
        together = min([together] + [max(1, rate.requests // 2) for rate in given_rates])
        wait_ns = throttle.wait_ns(kind, together)
        assert 0 <= wait_ns <= max(rate.seconds for rate in given_rates) * S + 1
        clock.advance_to(clock.time_ns() + wait_ns)
        assert throttle.wait_ns(kind, together) == 0, "the wait was too short by its own word"
        throttle.take(kind, together)
        sent += [(kind, clock.time_ns())] * together
    for rate in given_rates:
        times = [time_ns for kind, time_ns in sent if kind in rate.kinds]
        assert not times or fullest(times, rate.seconds) <= rate.requests


@settings(max_examples=100, deadline=None)
@given(st.integers(2, 40), st.integers(0, 60), st.sampled_from(["place", "modify"]))
def test_a_wait_is_never_longer_than_needed(count, pause, kind):
    clock, throttle = buckets((ALL, count, 30.0))
    times = []
    for _ in range(3 * count):
        clock.advance_to(clock.time_ns() + throttle.wait_ns(kind))
        throttle.take(kind)
        times.append(clock.time_ns())
        clock.advance(pause / 10)
    kept = max(1, count // 10)
    assert fullest(times, 30.0) == min(count - kept, fullest_free(pause, 3 * count))


def fullest_free(pause, number):
    """Return how many requests with ``pause`` tenths of a second between them fit in 30 s."""
    return number if pause == 0 else min(number, 300 // pause + 1)
