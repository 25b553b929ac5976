"""Random sets of feeds, with strategies that have indicators, timers and orders, for hypothesis."""

from __future__ import annotations

import datetime
from typing import Any, List

import backtrader as bt
from hypothesis import strategies as st

from tests.parity import plans
from tests.parity.engines import Program
from tests.parity.harness import ListFeed, Planned, Series, Setup
from tests.parity.strategies import INDICATORS, Wanting

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


def program(
    datas: List[Series], plan: Any, wanting: List[Any], old: Any, setup: Setup, stdstats: bool
) -> Program:
    """Return a run: live feeds, an ``old`` one besides, and strategies."""

    def prepare(cerebro: Any) -> None:
        if old is not None:
            cerebro.adddata(ListFeed(bars=old.bars, timeframe=bt.TimeFrame.Minutes), name="old")
        for names, whens in wanting:
            cerebro.addstrategy(Wanting, wanted=names, timers=whens)
        cerebro.addstrategy(Planned, plan=plan)

    setup = Setup(cerebro={**setup.cerebro, "stdstats": stdstats}, broker=setup.broker)
    return Program("random", datas, prepare, setup)


def programs(stdstats: bool = False) -> Any:
    """Return what draws such runs, with backtrader's observers or without."""
    return st.builds(
        program,
        sets(),
        plans.plans(20),
        st.lists(st.tuples(wanted, times), min_size=1, max_size=3),
        st.none() | series(),
        st.builds(Setup, cerebro=cerebros, broker=st.just({"cash": 10_000.0})),
        st.just(stdstats),
    )
