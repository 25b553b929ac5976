"""Random strategies on random bars: ours does what BackBroker does."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, Dict, List

import pytest
from hypothesis import HealthCheck, assume, given, settings

from tests.parity import fullstack, plans
from tests.parity.harness import Planned, Series, Setup, differences, run_upstream

BARS = 14

Plan = Dict[int, List[Any]]

anything = given(plans.datas(BARS), plans.setups(), plans.plans(BARS))


def profile(examples: int) -> Any:
    """Return settings for so many examples; a failure prints how to repeat it."""
    return settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )


def near(one: Any, two: Any) -> bool:
    """Tell whether two notifications are equal but for the last bits of their figures."""
    if isinstance(one, tuple) and isinstance(two, tuple):
        return len(one) == len(two) and all(map(near, one, two))
    if isinstance(one, float) and isinstance(two, float):
        return math.isclose(one, two, rel_tol=1e-12, abs_tol=1e-9)
    return bool(one == two)


def check_engine(datas: List[Series], setup: Setup, plan: Plan) -> None:
    """Compare `BarExchange` with BackBroker."""
    twin = run_upstream(Planned, datas, setup, plan=plan)
    lines = differences(twin.upstream, twin.ours)
    assert not lines, "\n".join(lines[:8])


def check_store(datas: List[Series], setup: Setup, plan: Plan) -> None:
    """Compare PaperStore with BackBroker, without what differs by design."""
    assume(all(series.of is None and series.compensates is None for series in datas))
    plan = {
        cycle: [action for action in actions if not isinstance(action, plans.Move)]
        for cycle, actions in plan.items()
    }
    setup = dataclasses.replace(setup, restart_every=0)
    upstream = fullstack.run_upstream(datas, setup, plan=plan)
    ours = fullstack.run_paper(datas, setup, plan=plan)
    # A fill has one commission, and so has its report. Where interest is part of it, what of it
    # is for closing is a difference of two numbers: its last bit may be another.
    charged = any("interest" in commission for commission in setup.commissions)
    lines = differences(upstream, ours, same=near if charged else None)
    assert not lines, "\n".join(lines[:8])


@profile(120)
@anything
def test_random_strategies(datas: List[Series], setup: Setup, plan: Plan) -> None:
    check_engine(datas, setup, plan)


@pytest.mark.long
@pytest.mark.timeout(1800)
@profile(1_500)
@anything
def test_many_random_strategies(datas: List[Series], setup: Setup, plan: Plan) -> None:
    check_engine(datas, setup, plan)


@pytest.mark.long
@pytest.mark.timeout(1800)
@profile(300)
@anything
def test_random_strategies_on_the_store(datas: List[Series], setup: Setup, plan: Plan) -> None:
    check_store(datas, setup, plan)
