"""Each indicator of backtrader has the same values under LiveCerebro, where feeds rest by turns."""

from __future__ import annotations

import inspect
import logging
import random
from typing import Any, List

import backtrader as bt
import pytest

from btstores import LiveCerebro
from btstores.cerebro.depends import Dependencies
from btstores.reports import Bar
from tests.support.session import Session
from tests.support.venue import MINUTE, T0

#: These are bases of others, or want more than a feed or two.
_NOT_ALONE = frozenset(
    [
        "ApplyN",
        "FindFirstIndex",
        "FindLastIndex",
        "NZD",
        "NonZeroDifference",
        "OLS_BetaN",
        "BaseApplyN",
        "CointN",
        "ExpSmoothingDynamic",
        "ExponentialSmoothingDynamic",
        "MovingAverageBase",
        "OLS_Slope_InterceptN",
        "OLS_TransformationN",
        "OperationN",
        "OscillatorMixIn",
        "PeriodN",
        "ReduceN",
    ]
)
KINDS = sorted(
    {
        kind
        for kind in vars(bt.ind).values()
        if inspect.isclass(kind)
        and issubclass(kind, bt.Indicator)
        and kind.__module__.startswith("backtrader.indicators")
        and kind.__name__ not in _NOT_ALONE
    },
    key=lambda kind: str(kind.__name__),
)
MINUTES = 200


class Every(bt.Strategy):
    """Has every indicator, on the second feed or on both."""

    def __init__(self) -> None:
        self.values: List[Any] = []
        self.made = [self.make(kind) for kind in KINDS]

    def make(self, kind: Any) -> Any:
        try:
            return kind(self.data1)
        except (AttributeError, IndexError):  # it is of two lines
            return kind(self.data1.close, self.data0.close)

    def start(self) -> None:
        known = Dependencies(self)
        self.known = [known.of(one) is not None for one in self.made]

    def prenext(self) -> None:
        self.next()

    def next(self) -> None:
        self.values.append(
            [tuple(line[0] for line in one.lines) if len(one) else () for one in self.made]
        )


def run(engine: Any) -> Any:
    session, chance = Session(), random.Random(5)
    session.cerebro = engine(stdstats=False)
    session.cerebro.setbroker(session.broker)
    for symbol in "AB":
        session.feed(symbol, backfill_start=False)
    prices = {"A": 100.0, "B": 50.0}
    for minute in range(1, MINUTES):
        for symbol, share in (("A", 0.7), ("B", 0.6)):
            if chance.random() < share:
                prices[symbol] += chance.uniform(-1, 1)
                price, time_ns = prices[symbol], T0 + minute * MINUTE
                bar = Bar(symbol, 4, 1, time_ns, price, price + 1.5, price - 1, price + 0.25, 7.0)
                session.say(60 * minute, bar)
    return session.run(Every)


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "btstores")


def test_every_indicator() -> None:
    pytest.importorskip("pandas", reason="pandas is not installed")
    theirs, ours = run(bt.Cerebro), run(LiveCerebro)
    assert len(theirs.values) == len(ours.values) > MINUTES // 2
    differ = {
        KINDS[number].__name__
        for one, two in zip(theirs.values, ours.values)
        for number, pair in enumerate(zip(one, two))
        if repr(pair[0]) != repr(pair[1])
    }
    assert differ == set()
    # Nearly all are known well enough to rest with their feed.
    assert sum(ours.known) > 0.9 * len(KINDS)
