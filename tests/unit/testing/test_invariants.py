"""Which sequences of notifications are possible."""

from __future__ import annotations

import pytest

from btstores.testing.desk import Told
from btstores.testing.invariants import problem_of_sequence


def told(*steps):
    """Return notices of one order; a step is a status, what is executed, and more of the info."""
    return [
        Told(1, step[0], step[1] if len(step) > 1 else 0, None, dict(step[2:]), False)
        for step in steps
    ]


@pytest.mark.parametrize(
    "steps",
    [
        [("Submitted",), ("Accepted",), ("Completed", 10)],
        [("Submitted",), ("Accepted",), ("Partial", 4), ("Partial", 7), ("Completed", 10)],
        [("Submitted",), ("Completed", 10)],
        [("Submitted",), ("Submitted",), ("Accepted",), ("Accepted",), ("Canceled",)],
        [("Submitted",), ("Accepted",), ("Canceled",), ("Canceled", 4)],
        [("Submitted",), ("Accepted",), ("Canceled",), ("Completed", 10)],
        [("Submitted",), ("Completed", 10), ("Completed", 15)],
        [("Submitted",), ("Completed", -10), ("Completed", -10, ("reason", "too late"))],
        [("Rejected",)],
        [],
    ],
)
def test_possible(steps):
    assert problem_of_sequence(told(*steps)) == ""


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([("Accepted",), ("Submitted",)], "Accepted then Submitted cannot be"),
        ([("Partial", 4), ("Accepted", 4)], "Partial then Accepted cannot be"),
        ([("Completed", 10), ("Canceled", 10)], "Completed then Canceled cannot be"),
        ([("Canceled",), ("Expired",)], "Canceled then Expired cannot be"),
        ([("Rejected",), ("Accepted",)], "Rejected then Accepted cannot be"),
        ([("Completed", 10), ("Completed", 10)], "nothing executed in between"),
        ([("Canceled",), ("Canceled",)], "nothing executed in between"),
        ([("Canceled", 4), ("Completed", 4)], "nothing executed in between"),
        ([("Partial", 7), ("Completed", 4)], "executed 7 then 4"),
        ([("Partial", -7), ("Completed", -4)], "executed -7 then -4"),
    ],
)
def test_impossible(steps, words):
    assert words in problem_of_sequence(told(*steps))
