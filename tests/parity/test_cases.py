"""Every feature of BackBroker, one by one, and on real prices: the same to the last digit."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.parity.bars import FILES, File, read
from tests.parity.cases import CASES, Case, generated_series
from tests.parity.harness import differences

BARS = 70

PARAMS = [
    pytest.param(case, id=case.name, marks=[pytest.mark.long] if case.long else [])
    for case in CASES
]

#: On each real file these run by default; the table runs all on all.
ON_FILES = ("random 0", "datas: replay")


@pytest.mark.parametrize("case", PARAMS)
def test_case_on_generated_bars(case: Case) -> None:
    twin = case.run(generated_series(BARS))
    assert not differences(twin.upstream, twin.ours)
    assert len(twin.upstream.rows) >= BARS or "only" in case.shape
    assert twin.upstream.executions, "the case compares nothing"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
@pytest.mark.parametrize("name", ON_FILES)
def test_case_on_real_prices(name: str, file: File, shared_data: Path) -> None:
    case = next(case for case in CASES if case.name == name)
    twin = case.run(read(shared_data, file, BARS))
    assert not differences(twin.upstream, twin.ours)
    assert twin.upstream.executions, "the case compares nothing"
