"""What a venue can do, as data."""

from __future__ import annotations

import json

import pytest

from btstores.instruments import TimeFrame
from btstores.reports import OrderType, Subscription
from btstores.stores.gateway import Capabilities, RateLimit

SOME = Capabilities(
    ticks=True,
    timeframes=frozenset({(int(TimeFrame.MINUTES), 1)}),
    bracket=True,
    exits=frozenset({OrderType.LIMIT, OrderType.STOP_TRAIL}),
    rates=(RateLimit(frozenset({"place"}), 10, 1.0),),
)


def test_a_journal_keeps_them():
    assert Capabilities.from_dict(json.loads(json.dumps(SOME.to_dict()))) == SOME


@pytest.mark.parametrize(
    ("timeframe", "compression", "quotes", "problem"),
    [
        (TimeFrame.TICKS, 1, False, ""),
        (TimeFrame.TICKS, 5, False, "Ticks/5 bars; it has: Minutes/1"),
        (TimeFrame.TICKS, 1, True, "quotes"),
        (TimeFrame.MINUTES, 1, False, ""),
        (TimeFrame.MINUTES, 5, False, "Minutes/5 bars; it has: Minutes/1"),
    ],
)
def test_what_of_a_stream_is_lacking(timeframe, compression, quotes, problem):
    assert SOME.problem_of(Subscription("A", int(timeframe), compression, quotes)) == problem
