"""Random strategies on random bars: `BarExchange` does what BackBroker does."""

from __future__ import annotations

from typing import Any, Dict, List

import pytest
from hypothesis import HealthCheck, given, settings

from tests.parity import plans
from tests.parity.harness import Planned, Series, Setup, differences, run_upstream

BARS = 14


def check(datas: List[Series], setup: Setup, plan: Dict[int, List[Any]]) -> None:
    twin = run_upstream(Planned, datas, setup, plan=plan)
    lines = differences(twin.upstream, twin.ours)
    assert not lines, "\n".join(lines[:8])


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
@given(plans.datas(BARS), plans.setups(), plans.plans(BARS))
def test_random_strategies(datas: List[Series], setup: Setup, plan: Dict[int, List[Any]]) -> None:
    check(datas, setup, plan)


@pytest.mark.long
@settings(
    max_examples=20_000, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True
)
@given(plans.datas(BARS), plans.setups(), plans.plans(BARS))
def test_many_random_strategies(
    datas: List[Series], setup: Setup, plan: Dict[int, List[Any]]
) -> None:
    check(datas, setup, plan)
