"""The table of order states."""

from __future__ import annotations

import itertools

import pytest

from btstores.orders.lifecycle import FINAL, LIVE, OrderState, OwnEvent, next_state
from btstores.reports import OrderEvent

S, E, O = OrderState, OrderEvent, OwnEvent  # noqa: E741

EVENTS = [*OrderEvent, *OwnEvent]
FILLS = (O.FILL_PART, O.FILL_ALL)
ANSWERS = (E.CANCEL_REJECTED, E.MODIFY_REJECTED)


def test_a_state_is_either_new_live_or_final():
    assert {S.CREATED} | LIVE | FINAL == set(S)
    assert not LIVE & FINAL


@pytest.mark.parametrize(
    ("path", "end"),
    [
        ([O.SUBMIT, E.ACCEPTED, O.FILL_PART, O.FILL_ALL], S.COMPLETED),
        ([O.SUBMIT, O.FILL_PART, O.FILL_ALL], S.COMPLETED),  # fills before the ack
        ([O.SUBMIT, E.REJECTED], S.REJECTED),
        ([E.REJECTED], S.REJECTED),  # denied before it was sent
        ([O.SUBMIT, E.ACCEPTED, E.REJECTED], S.REJECTED),
        ([O.SUBMIT, E.ACCEPTED, E.MARGIN], S.MARGIN),
        ([O.SUBMIT, E.ACCEPTED, E.EXPIRED], S.EXPIRED),
        ([O.SUBMIT, E.ACCEPTED, O.FILL_PART, E.CANCELED], S.CANCELED),
        ([O.SUBMIT, E.ACCEPTED, E.CANCELED, O.FILL_PART], S.CANCELED),  # late, and not all
        ([O.SUBMIT, E.ACCEPTED, E.CANCELED, O.FILL_ALL], S.COMPLETED),  # late, and all of it
        ([O.SUBMIT, E.ACCEPTED, O.FILL_ALL, O.FILL_ALL], S.COMPLETED),  # more than was ordered
        ([O.SUBMIT, E.OUTCOME_UNKNOWN], S.SUBMITTED),  # proves nothing
        ([O.SUBMIT, E.OUTCOME_UNKNOWN, E.ACCEPTED], S.ACCEPTED),
        ([O.SUBMIT, E.TRIGGERED], S.ACCEPTED),  # the ack is late or lost
        ([O.SUBMIT, E.ACCEPTED, E.CANCEL_REJECTED], S.ACCEPTED),
        ([O.SUBMIT, E.ACCEPTED, O.FILL_ALL, E.CANCEL_REJECTED], S.COMPLETED),
    ],
)
def test_a_life_of_an_order_ends_where_it_should(path, end):
    state = S.CREATED
    for event in path:
        state = next_state(state, event)
    assert state is end


@pytest.mark.parametrize(
    ("state", "event"),
    [
        (S.CREATED, E.ACCEPTED),
        (S.CREATED, O.FILL_ALL),
        (S.ACCEPTED, E.ACCEPTED),
        (S.PARTIAL, E.ACCEPTED),
        (S.COMPLETED, E.CANCELED),
        (S.COMPLETED, E.REJECTED),
        (S.CANCELED, E.ACCEPTED),
        (S.CANCELED, E.CANCELED),
        (S.REJECTED, E.CANCELED),
        (S.EXPIRED, E.MODIFIED),
        (S.ACCEPTED, O.SUBMIT),
    ],
)
def test_what_cannot_happen_has_no_next_state(state, event):
    assert next_state(state, event) is None


@pytest.mark.parametrize("state", sorted(FINAL, key=str))
def test_nothing_brings_a_finished_order_back_to_life(state):
    for event in EVENTS:
        assert next_state(state, event) in FINAL | {None}, event


@pytest.mark.parametrize("state", sorted(FINAL | LIVE, key=str))
def test_a_real_fill_is_never_refused(state):
    if state is S.COMPLETED:
        assert next_state(state, O.FILL_ALL) is S.COMPLETED
        return
    for event in FILLS:
        assert next_state(state, event) is not None, event


@pytest.mark.parametrize("state", sorted(FINAL | LIVE, key=str))
def test_a_refused_request_leaves_the_order_as_it_was(state):
    for event in ANSWERS:
        assert next_state(state, event) is state


def test_an_unknown_outcome_never_ends_an_order():
    for state in LIVE:
        assert next_state(state, E.OUTCOME_UNKNOWN) is state


def test_only_sending_leaves_the_new_state_behind():
    reached = {next_state(S.CREATED, event) for event in EVENTS} - {None}
    assert reached == {S.SUBMITTED, S.REJECTED}
    for state, event in itertools.product(LIVE | FINAL, EVENTS):
        assert next_state(state, event) is not S.CREATED
