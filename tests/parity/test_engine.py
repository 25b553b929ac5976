"""LiveCerebro does what `bt.Cerebro` does: the same calls, in the same order, with the same values.

Only indicators of backtrader whose feeds have not moved are not called again; see
`btstores.cerebro`.
"""

from __future__ import annotations

import pytest
from hypothesis import given

from tests.parity.engines import Program
from tests.parity.random_runs import programs
from tests.parity.test_random import profile


def check(program: Program) -> None:
    both = program.twin()
    assert not both.differences()
    assert both.calls


@profile(60)
@given(programs())
def test_the_same_calls(program: Program) -> None:
    check(program)


@pytest.mark.long
@pytest.mark.timeout(1800)
@profile(1_500)
@given(programs())
def test_the_same_calls_of_many(program: Program) -> None:
    check(program)


@profile(20)
@given(programs(stdstats=True))
def test_the_same_observers(program: Program) -> None:
    check(program)
