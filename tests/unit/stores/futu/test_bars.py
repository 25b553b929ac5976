"""Closed bars out of pushes of the running one."""

from __future__ import annotations

from btstores.clock import NS_PER_SECOND
from btstores.reports import Bar, Subscription
from btstores.stores.futu.bars import GRACE, BarCloser

MINUTE = 60 * NS_PER_SECOND


def bar(minute, close=1.0, volume=1.0, symbol="HK.00700"):
    return Bar(symbol, 4, 1, minute * MINUTE, 1.0, close, 1.0, close, volume, complete=False)


def hear(closer, one):
    return closer.hear(one, one.time_ns)


def test_a_bar_is_closed_by_the_next_one_as_it_was_last_told():
    closer = BarCloser()
    assert hear(closer, bar(1)) is None
    assert hear(closer, bar(1, 2.0, 5.0)) is None
    assert hear(closer, bar(2)) == bar(1, 2.0, 5.0)
    assert hear(closer, bar(4)) == bar(2), "a minute without a trade has no bar"


def test_what_is_not_newer_is_dropped():
    closer = BarCloser()
    hear(closer, bar(1))
    hear(closer, bar(2))
    assert hear(closer, bar(1, 9.0)) is None, "pushed again after a subscription"
    assert hear(closer, bar(3)) == bar(2)


def test_a_push_that_was_overtaken_does_not_count():
    closer = BarCloser()
    newer, older = bar(1, 10.0)._replace(volume=9.0), bar(1, 11.0)._replace(volume=5.0)
    assert closer.hear(newer, 0) is None
    assert closer.hear(older, 0) is None
    assert closer.hear(bar(2, 12.0), 0) == newer


def test_a_last_push_that_comes_after_the_next_bar_is_told_as_a_revision():
    closer = BarCloser()
    first, last = bar(1, 10.0)._replace(volume=5.0), bar(1, 11.0)._replace(volume=9.0)
    closer.hear(first, 0)
    assert closer.hear(bar(2, 12.0), 0) == first
    assert closer.hear(last, 0) == last
    assert closer.hear(last, 0) is None
    assert closer.hear(first, 0) is None


def test_symbols_and_frames_are_told_apart():
    closer = BarCloser()
    hear(closer, bar(1))
    assert hear(closer, bar(2, symbol="HK.00005")) is None
    assert hear(closer, bar(2)._replace(compression=5)) is None


def test_a_bar_whose_time_is_over_is_confirmed_and_delivered_once():
    closer = BarCloser()
    hear(closer, bar(1))
    over_ns = MINUTE + round(GRACE * NS_PER_SECOND)
    assert closer.next_due_ns() == over_ns
    assert closer.due(over_ns - 1) == []
    assert closer.due(over_ns) == [bar(1)]
    assert closer.due(over_ns) == [], "asked already"
    assert closer.confirm(bar(1, 3.0)) == bar(1, 3.0)
    assert closer.confirm(bar(1, 3.0)) is None
    assert hear(closer, bar(1, 4.0)) is None, "too late"
    assert hear(closer, bar(2)) is None


def test_the_next_bar_may_be_faster_than_the_confirmation():
    closer = BarCloser()
    hear(closer, bar(1))
    (asked,) = closer.due(2 * MINUTE)
    assert hear(closer, bar(2)) == bar(1)
    assert closer.confirm(asked) is None


def test_a_bar_that_is_never_confirmed_is_asked_for_again_and_then_taken_as_it_is():
    closer = BarCloser()
    hear(closer, bar(1))
    now, tries = 2 * MINUTE, 0
    while not closer.gave_up(bar(1)):
        tries += len(closer.due(now))
        now = closer.next_due_ns()
    assert tries == 5


def test_after_a_break_the_running_bars_are_left_to_history():
    closer = BarCloser()
    hear(closer, bar(1))
    closer.pause()
    assert hear(closer, bar(5)) is None
    hear(closer, bar(6))
    closer.forget(Subscription("HK.00700", 4, 1))
    assert closer.next_due_ns() is None
