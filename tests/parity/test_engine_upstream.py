"""LiveCerebro does what `bt.Cerebro` does with the strategies of backtrader's tests and samples.

On the files that backtrader uses, where they are, and on generated prices otherwise. What
backtrader's tests expect of a run must also come of it with the feeds of a store.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List

import backtrader as bt
import pytest

from btstores import LiveCerebro
from tests.parity.harness import ListFeed
from tests.parity.upstream_figures import VALUES_BY_PERIOD
from tests.parity.upstream_programs import Prices, Upstream, made_up, prices_of
from tests.parity.upstream_samples import SAMPLES
from tests.parity.upstream_strategies import CloseCross
from tests.parity.upstream_tests import ALONE, FUTURES, OPTIMIZED, TESTS

BARS = 45


@pytest.fixture(scope="module")
def generated() -> Prices:
    return made_up()


@pytest.fixture(scope="module")
def prices(request: Any, generated: Prices) -> Prices:
    """The files, or what stands for them."""
    try:
        folder: Path = request.getfixturevalue("shared_data")
    except pytest.skip.Exception:
        return generated
    return prices_of(folder) or generated


@pytest.fixture(scope="module")
def files(shared_data: Path) -> Prices:
    found = prices_of(shared_data)
    if found is None:
        pytest.skip(f"some of backtrader's files are not in {shared_data}")
    return found


def name_of(row: Upstream) -> str:
    return f"{row.of} ({row.feeds})"


def quick_samples() -> List[Upstream]:
    """Return two variants of each sample; all are long."""
    found: Dict[str, List[Upstream]] = {}
    for row in SAMPLES:
        found.setdefault(row.of.split(", ")[0], []).append(row)
    return [row for rows in found.values() for row in rows[:2]]


def check(row: Upstream, prices: Prices) -> None:
    both = row.program(prices).twin()
    assert not both.differences()
    assert not both.theirs.error
    assert both.calls > 10, "next to nothing has been compared"
    if row.figures is not None and prices.name == "files" and len(prices.day.bars) > BARS:
        for found in (both.theirs, both.ours):
            assert row.figures(found) == row.expected


@pytest.mark.parametrize("row", [*TESTS, *OPTIMIZED[::3]], ids=name_of)
def test_what_a_test_runs(row: Upstream, prices: Prices) -> None:
    whole = row.figures is not None and prices.name == "files"
    check(row, prices if whole else prices.short(BARS))


@pytest.mark.parametrize("row", quick_samples(), ids=name_of)
def test_what_a_sample_runs(row: Upstream, prices: Prices) -> None:
    check(row, prices.short(BARS))


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("row", [*TESTS, *OPTIMIZED, *SAMPLES, *ALONE], ids=name_of)
def test_on_whole_files(row: Upstream, files: Prices) -> None:
    check(row, files)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("row", [*TESTS, *OPTIMIZED, *SAMPLES, *ALONE], ids=name_of)
def test_on_generated_prices(row: Upstream, generated: Prices) -> None:
    check(row, generated)


def optimized(engine: Any, prices: Prices, periods: Any) -> List[float]:
    cerebro = engine(maxcpus=1, optreturn=False)
    cerebro.adddata(ListFeed(bars=prices.day.bars, timeframe=prices.day.timeframe))
    cerebro.broker.setcommission(**FUTURES)
    values: List[float] = []
    cerebro.optcallback(lambda strategies: values.append(round(cerebro.broker.getvalue(), 2)))
    cerebro.optstrategy(CloseCross, period=periods, once=True)
    cerebro.run()
    return values


def test_an_optimization(prices: Prices) -> None:
    """Follows test_strategy_optimized, of which historical feeds are part."""
    periods = range(5, 45, 3)
    found = optimized(LiveCerebro, prices, periods)
    assert found == optimized(bt.Cerebro, prices, periods)
    if prices.name == "files":
        assert found == [
            VALUES_BY_PERIOD[max(known for known in VALUES_BY_PERIOD if known <= period)]
            for period in periods
        ]
