"""A process that trades at OpenD is killed with SIGKILL at a step, and another one goes on."""

from __future__ import annotations

import pytest

pytest.importorskip("futu", reason="futu-api is not installed")

from btstores.clock import NS_PER_SECOND
from tests.support.killed import PLANS, kill_at_steps
from tests.support.opend_venue import OpenDVenue


class Afternoon(OpenDVenue):
    """The session goes on for so long that slow processes do not see its end."""

    start_ns = OpenDVenue.start_ns - 5400 * NS_PER_SECOND


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("plan", PLANS)
def test_a_process_goes_on_from_a_step(tmp_path, plan):
    kill_at_steps(Afternoon, tmp_path, plan)
