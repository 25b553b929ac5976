"""A process that trades at OANDA is killed with SIGKILL at a step, and another one goes on."""

from __future__ import annotations

import pytest

pytest.importorskip("oandapyV20", reason="oandapyV20 is not installed")

from tests.support.killed import PLANS, kill_at_steps
from tests.support.oanda_venue import HedgingVenue, OandaVenue


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("plan", PLANS)
def test_a_process_goes_on_from_a_step(tmp_path, plan):
    kill_at_steps(OandaVenue, tmp_path, plan)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("plan", ["market", "bracket", "bracket that waits"])
def test_a_process_on_a_hedging_account(tmp_path, plan):
    kill_at_steps(HedgingVenue, tmp_path, plan)
