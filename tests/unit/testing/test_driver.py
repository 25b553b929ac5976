"""Running a case: how it goes on, waits, restarts, ends, and leaves the account."""

from __future__ import annotations

import backtrader as bt
import pytest

from btstores.errors import LinkError
from btstores.testing import Outcome, run_case, run_cases
from btstores.testing.case import RESTART, Case, Skip
from btstores.testing.paper import ControlledPaper

Limit = bt.Order.Limit


def play(body, venue=None, **about):
    return run_case(Case("X01", "x", "A case", body, **about), venue or ControlledPaper())


def test_a_case_that_does_nothing_has_passed():
    def body(t):
        yield t.is_ready

    assert play(body) == ("X01", "A case", Outcome.PASSED, "")


def test_a_wrong_assertion_fails_with_its_line_and_what_was_told():
    def body(t):
        order = t.buy(exectype=Limit, price=t.step(-1))
        yield t.told(order, "Accepted")
        assert order.executed.size == 7, "seven it should be"

    result = play(body)
    assert result.outcome is Outcome.FAILED
    assert "seven it should be" in result.reason
    assert "test_driver.py" in result.reason
    assert "executed.size == 7" in result.reason
    assert "Submitted(0) Accepted(0) Canceled(0)" in result.reason


def test_what_does_not_come_in_time_fails_at_the_line_that_waits():
    def body(t):
        yield lambda: "never" == "ever"

    result = play(body)
    assert result.outcome is Outcome.FAILED
    assert result.reason.startswith("waited 30 s\n")
    assert '"never" == "ever"' in result.reason


def test_an_error_in_a_condition_is_raised_where_the_case_waits():
    def body(t):
        try:
            yield lambda: 1 / 0
        except ZeroDivisionError:
            return

    assert play(body).outcome is Outcome.PASSED


def test_seconds_are_those_of_the_stores_clock():
    seen = []

    def body(t):
        seen.append(t.store.clock.time_ns())
        yield t.seconds(600.0)
        seen.append(t.store.clock.time_ns())

    assert play(body).outcome is Outcome.PASSED
    assert 600.0 <= (seen[1] - seen[0]) / 1e9 <= 602.0


def test_a_case_can_find_out_that_it_does_not_apply():
    def body(t):
        yield t.is_ready
        raise Skip("no such thing")

    assert play(body)[2:] == (Outcome.SKIPPED, "no such thing")


def test_a_restart_is_another_run_on_the_same_account():
    def body(t):
        store, strategy = t.store, t.strategy
        yield from t.open_position()
        yield RESTART
        assert t.store is not store
        assert t.strategy is not strategy
        assert t.position == t.venue.size

    assert play(body).outcome is Outcome.PASSED


def test_hooks_run_when_the_feed_is_live_and_when_the_run_stops():
    ran = []

    def body(t):
        yield t.is_ready
        t.at_stop.append(lambda: ran.append("stop"))
        t.at_live.append(lambda: ran.append("live"))
        yield RESTART
        assert ran == ["stop", "live"]

    assert play(body).outcome is Outcome.PASSED


def test_an_error_in_a_hook_fails_the_case():
    def body(t):
        yield t.is_ready
        t.at_stop.append(lambda: 1 / 0)
        yield RESTART

    result = play(body)
    assert result.outcome is Outcome.FAILED
    assert "ZeroDivisionError" in result.reason


@pytest.mark.parametrize("fails", [False, True])
def test_the_account_is_left_as_it_was_found(fails):
    venue = ControlledPaper()
    stores = []

    def body(t):
        stores.append(t.faults.inner)
        yield from t.open_position()
        t.sell(exectype=Limit, price=t.step(1))
        order = t.buy(exectype=Limit, price=t.step(-1))
        yield t.told(order, "Accepted")
        assert not fails

    assert play(body, venue).outcome is (Outcome.FAILED if fails else Outcome.PASSED)
    status = stores[0].mass_status()
    assert [one.size for one in status.positions] == []
    assert not [one for one in status.orders if one.event.value == "accepted" and not one.filled]


def test_an_account_that_is_not_flat_is_refused():
    venue = ControlledPaper()

    def leaves_an_order(t):
        t.buy(exectype=Limit, price=t.step(-1))
        yield t.moment()

    def nothing(t):
        yield t.is_ready

    play(leaves_an_order, venue, lies=True)
    result = play(nothing, venue)
    assert result.outcome is Outcome.FAILED
    assert result.reason.startswith("the account has a position or orders in TEST already")


class Unreachable(ControlledPaper):
    def make_store(self, **params):
        store = super().make_store(**params)

        def connect(put, timeout):
            raise LinkError("nobody listens")

        store.gateway.connect = connect
        return store


def test_a_venue_that_cannot_be_reached_fails_the_case():
    def body(t):
        yield t.is_ready

    result = play(body, Unreachable())
    assert result.outcome is Outcome.FAILED
    assert "nobody listens" in result.reason


def test_prices_that_end_too_early_fail_the_case():
    def body(t):
        yield t.seconds(7200.0)

    result = play(body)
    assert result.outcome is Outcome.FAILED
    assert result.reason.startswith("the prices ended before the case did")


class Closing(ControlledPaper):
    closed = 0

    def close(self):
        type(self).closed += 1


def test_each_case_has_a_venue_of_its_own_and_closes_it():
    def body(t):
        yield t.is_ready

    cases = [Case("X01", "x", "x", body), Case("X02", "y", "y", body, needs=("batch_cancel",))]
    results = run_cases(cases, Closing)
    assert [result.outcome for result in results] == [Outcome.PASSED, Outcome.SKIPPED]
    assert Closing.closed == 2


def test_what_is_emulated_is_said():
    def body(t):
        order = t.buy(exectype=bt.Order.Stop, price=t.step(1))
        yield t.told(order, "Accepted")

    assert play(body).outcome is Outcome.PASSED
    assert play(body, ControlledPaper(emulate="all")).outcome is Outcome.EMULATED
