"""LiveCerebro does what `bt.Cerebro` does: the same calls, in the same order, with the same values.

Only indicators of backtrader whose feeds have not moved are not called again; see
`btstores.cerebro`.
"""

from __future__ import annotations

import datetime
from typing import Any, List

import backtrader as bt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.parity import engines, plans
from tests.parity.harness import ListFeed, Planned, Series, Setup
from tests.parity.strategies import INDICATORS, Wanting
from tests.parity.test_random import profile

START = datetime.datetime(2024, 3, 1, 9, 30)
SECOND = datetime.timedelta(seconds=1)


@st.composite
def series(draw: Any) -> Series:
    """Bars at times of their own, some of which others have too."""
    every = draw(st.sampled_from([30, 60, 60, 120]))
    steps = draw(st.lists(st.integers(1, 4), min_size=1, max_size=25))
    late = draw(st.sampled_from([0, 0, 1, 17]))
    rows, seconds = [], late
    price = draw(st.integers(8, 40)) / 2
    for number, step in enumerate(steps):
        seconds += step * every
        low, high = price - number % 3 / 2 - 0.5, price + number % 4 / 2
        rows.append((START + seconds * SECOND, price, high, low, price, float(number)))
        price = max(2.0, price + (number * 7 % 5 - 2) / 2)
    return Series(tuple(rows))


@st.composite
def sets(draw: Any) -> List[Series]:
    """Feeds, and some of them again, resampled or replayed; or nothing but one of these."""
    found = draw(st.lists(series(), min_size=1, max_size=5))
    if draw(st.integers(0, 5)) == 0:
        minutes = (bt.TimeFrame.Minutes, draw(st.sampled_from([2, 5])))
        alone = Series(found[0].bars, how=draw(st.sampled_from(["resample", "replay"])), to=minutes)
        found.insert(0, alone)
    for of in draw(st.lists(st.integers(0, len(found) - 1), max_size=2, unique=True)):
        if found[of].how != "add":
            continue
        how = draw(st.sampled_from(["resample", "resample", "replay"]))
        minutes = (bt.TimeFrame.Minutes, draw(st.sampled_from([2, 5])))
        found.append(Series(of=of, how=how, to=minutes))
    return found


wanted = st.lists(
    st.tuples(st.sampled_from(sorted(INDICATORS)), st.integers(0, 5), st.integers(0, 5)),
    max_size=5,
)
times = st.lists(st.sampled_from([datetime.time(9, 35), datetime.time(9, 41, 30)]), max_size=2)
cerebros = st.fixed_dictionaries({}, optional={"cheat_on_open": st.just(True)})


def check(datas: List[Series], plan: Any, wanting: List[Any], old: Any, setup: Setup) -> None:
    def prepare(cerebro: Any) -> None:
        if old is not None:
            cerebro.adddata(ListFeed(bars=old.bars, timeframe=bt.TimeFrame.Minutes), name="old")
        for names, whens in wanting:
            cerebro.addstrategy(Wanting, wanted=names, timers=whens)
        cerebro.addstrategy(Planned, plan=plan)

    both = engines.twin(datas, setup, prepare)
    assert not both.differences()
    assert both.calls


runs = st.tuples(
    sets(),
    plans.plans(20),
    st.lists(st.tuples(wanted, times), min_size=1, max_size=3),
    st.none() | series(),
    st.builds(Setup, cerebro=cerebros, broker=st.just({"cash": 10_000.0})),
)


@profile(60)
@given(runs)
def test_the_same_calls(run: Any) -> None:
    check(*run)


@pytest.mark.long
@pytest.mark.timeout(1800)
@profile(1_500)
@given(runs)
def test_the_same_calls_of_many(run: Any) -> None:
    check(*run)


@profile(20)
@given(runs)
def test_the_same_observers(run: Any) -> None:
    *others, setup = run
    check(*others, Setup(cerebro={**setup.cerebro, "stdstats": True}, broker=setup.broker))
