"""The same strategy on BackBroker and on PaperStore: what it sees is the same.

Left out, because it differs by design: orders on a resampled or replayed copy of a feed (ours
are one position with the feed, as at a venue), moved orders (ours tell MODIFIED) and a
compensated data.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.parity import fullstack
from tests.parity.bars import shaped, unit_of
from tests.parity.cases import CASES, Case, generated_series
from tests.parity.harness import differences
from tests.parity.plans import Move

BARS = 45

SHAPES = ("one", "flat", "three", "slower", "later, shorter")

#: The rest is long: the engine under the store has been through all of it already.
QUICK = (
    "order type",
    "bracket",
    "oco",
    "targets",
    "futures",
    "cheat",
    "filler",
    "margin",
    "random",
)

PARAMS = [
    pytest.param(
        case, id=case.name, marks=[] if case.name.startswith(QUICK) else [pytest.mark.long]
    )
    for case in CASES
    if case.shape in SHAPES and not case.restart_every
]


@pytest.mark.parametrize("case", PARAMS)
def test_a_strategy_sees_the_same(case: Case) -> None:
    series = generated_series(BARS)
    datas = shaped(series, case.shape)
    plan = {
        cycle: [action for action in actions if not isinstance(action, Move)]
        for cycle, actions in case.plan(3 * BARS).items()
    }
    params: Any = {"plan": plan, "unit": unit_of(series.bars)}
    upstream = fullstack.run_upstream(datas, case.setup(), **params)
    ours = fullstack.run_paper(datas, case.setup(), **params)
    lines = differences(upstream, ours)
    assert not lines, "\n".join(lines[:4])
    assert upstream.rows
