"""The rows of the tests of backtrader, with the figures that they find. See `upstream_programs`."""

from __future__ import annotations

from typing import Any, Dict

import backtrader as bt

from tests.parity import upstream_strategies as strategies
from tests.parity.engines import Run
from tests.parity.upstream_figures import KNOWN, VALUES_BY_PERIOD
from tests.parity.upstream_programs import Upstream, adds, runs

FUTURES = {"commission": 2.0, "margin": 1000.0, "mult": 10.0}


def sums(run: Run) -> Any:
    """Return what the account has at the end."""
    broker = run.strategies[0].broker
    return (round(broker.getvalue(), 2), round(broker.getcash(), 2))


def trades(run: Run) -> int:
    """Return how many trades SQN has counted."""
    return int(run.strategies[0].analyzers[0].get_analysis()["trades"])


def sqn(run: Run) -> Any:
    """Return the number itself, as far as it is told."""
    return str(run.strategies[0].analyzers[0].get_analysis()["sqn"])[:14]


def first_return(run: Run) -> float:
    """Return the return of the first period."""
    returns: Dict[Any, float] = run.strategies[0].analyzers[0].get_analysis()
    return next(iter(returns.values()))


def began(run: Run) -> int:
    """Return with which bar of the strategy all indicators had enough."""
    return int(run.strategies[0].began)


def average(run: Run) -> Any:
    """Return when the strategy began, and its average at the end, the begin and in the middle."""
    (strategy,) = run.strategies
    begin = strategy.began - len(strategy)
    return (strategy.began, *(f"{strategy.made[0][ago]:f}" for ago in (0, begin, begin // 2)))


def calls_of_average(run: Run) -> Any:
    """Return how often ``next`` was called, and the same."""
    return (run.strategies[0].calls, *average(run))


def written(run: Run) -> int:
    """Return how many lines the writer has for bars, with their head."""
    lines = run.said[-1].splitlines()
    return lines[1:].index(lines[0])


def known(run: Run) -> Any:
    """Return the minimum periods and values of all indicators whose figures are known."""
    made = run.strategies[0].made
    return [(one._minperiod, figures.found(one)) for figures, one in zip(KNOWN, made)]


AVERAGE_OF_WEEKS = (30, "3836.453333", "3703.962333", "3741.802000")

#: As far as an optimization can be done one by one.
OPTIMIZED = [
    Upstream(
        f"test_strategy_optimized, period {period}",
        "day",
        [runs(strategies.CloseCross, period=period, once=True)],
        commission=FUTURES,
        figures=sums,
        expected=(value, value - 1000),
    )
    for period, value in VALUES_BY_PERIOD.items()
]

TESTS = [
    Upstream(
        "test_strategy_unoptimized",
        "day",
        [runs(strategies.CloseCross)],
        commission=FUTURES,
        figures=sums,
        expected=(12795.00, 11795.00),
    ),
    Upstream(
        "test_strategy_unoptimized, of stock",
        "day",
        [runs(strategies.CloseCross)],
        figures=sums,
        expected=(10284.10, 6164.16),
    ),
    *(
        Upstream(
            f"test_analyzer-sqn, {most} trades",
            "day",
            [runs(strategies.CloseCross, trades=most), adds("addanalyzer", bt.analyzers.SQN)],
            commission=FUTURES,
            figures=figures,
            expected=expected,
        )
        for most, figures, expected in (
            (None, sqn, "0.912550316439"),
            (None, trades, 11),
            (0, trades, 0),
            (1, trades, 1),
        )
    ),
    Upstream(
        "test_analyzer-timereturn",
        "day",
        [
            runs(strategies.CloseCross),
            adds("addanalyzer", bt.analyzers.TimeReturn, timeframe=bt.TimeFrame.Years),
        ],
        commission=FUTURES,
        figures=first_return,
        expected=0.2794999999999983,
    ),
    Upstream(
        "test_data_multiframe",
        "day, week",
        [runs(strategies.Having, kinds=[(bt.ind.SMA, {})], everywhere=True)],
        figures=began,
        expected=151,
    ),
    Upstream(
        "test_data_replay",
        "replayed weeks",
        [runs(strategies.Having, kinds=[(bt.ind.SMA, {})])],
        figures=calls_of_average,
        expected=(113, *AVERAGE_OF_WEEKS),
    ),
    Upstream(
        "test_data_resample",
        "weeks of days",
        [runs(strategies.Having, kinds=[(bt.ind.SMA, {})])],
        figures=average,
        expected=AVERAGE_OF_WEEKS,
    ),
    Upstream(
        "test_ind_minperiod",
        "day",
        [
            runs(
                strategies.Having,
                kinds=[
                    (kind, {})
                    for kind in (bt.ind.SMA, bt.ind.Stochastic, bt.ind.MACD, bt.ind.Highest)
                ],
            )
        ],
        figures=began,
        expected=34,
    ),
    Upstream(
        "test_writer",
        "day",
        [
            runs(strategies.Having, kinds=[(bt.ind.SMA, {})]),
            adds("addwriter", bt.WriterStringIO, csv=True),
        ],
        figures=written,
        expected=256,
    ),
    Upstream(
        "test_ind_*, test_study_fractal, all at once",
        "day",
        [runs(strategies.Having, kinds=[(one.make, {}) for one in KNOWN])],
        figures=known,
        expected=[(one.period, list(one.values)) for one in KNOWN],
    ),
]

#: As the tests have it, each alone in its run.
ALONE = [
    Upstream(f"test_{one.test}", "day", [runs(strategies.Having, kinds=[(one.make, {})])])
    for one in KNOWN
]
