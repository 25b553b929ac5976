"""OandaStore at a simulated OANDA in a process of its own, beside oandapyV20 used directly."""

from __future__ import annotations

import importlib.util
import sys
from typing import Any, Iterator, Tuple

from benchmarks.harness import Plan, Row, median, percentile

LOOP, ENGINE = "loop over the stream of oandapyV20", "that loop and a queue feed"
RATIOS = {50: 1.5, 99: None}
SYMBOLS, RATE, SECONDS = 100, 2000.0, 60.0
#: Seconds of prices that are all shown, one by one, which takes longer than they come.
TICKS_SECONDS = 10.0


def rows(plan: Plan) -> Iterator[Row]:
    if importlib.util.find_spec("oandapyV20") is None:
        print("skipped: oandapyV20 is not installed;", end=" ", file=sys.stderr)
        return
    from benchmarks.oanda_venue import running

    with running() as where:
        yield from prices(plan, where)
        yield from flood(plan, where)
        yield from ticks(plan, where)


def prices(plan: Plan, where: Any) -> Iterator[Row]:
    from benchmarks.oanda_sides import bare_prices, engine_prices, ours_prices

    count = plan.count(250, least=5)
    # More and shorter turns, for processors wake up sooner or later by turns.
    turns = plan._replace(repeats=2 * plan.repeats - 1)
    sides = turns.each(ours_prices, bare_prices, engine_prices, args=(where, count))
    title = "OANDA's line to next()"
    for percent, most in RATIOS.items():
        ours, bare, engine = (
            median([percentile(found, percent) for found in side]) for side in sides
        )
        yield Row(f"{title}, p{percent}", ours, "ms", bare, LOOP, ratio_most=most)
        yield Row(f"{title}, {ENGINE} instead, p{percent}", engine, "ms", bare, LOOP)


def flood(plan: Plan, where: Any) -> Iterator[Row]:
    from benchmarks.oanda_load import bare_flood, ours_flood

    symbols, rate, seconds = _flood_of(plan, SECONDS)
    args = (where, symbols, rate, seconds)
    ours, bare = (plan.run(function, *args) for function in (ours_flood, bare_flood))
    title = f"{symbols} instruments, bars and quotes, {rate:,.0f} prices/s for {seconds:g} s"
    yield Row(f"{title}, lost", ours.lost, "prices", most=0)
    yield Row(f"{title}, ended bars lost", abs(ours.bars - ours.bars_heard), "bars", most=0)
    for percent in (50, 99):
        yield Row(
            f"{title}, line to the engine's thread, p{percent}",
            percentile(ours.delays, percent),
            "ms",
            percentile(bare.delays, percent),
            LOOP,
        )
    # A tenth of a second's prices: more could only have piled up.
    most = rate / 10
    yield Row(f"{title}, longest inbox", ours.longest_inbox, "reports", most=most)
    yield Row(f"{title}, on their way, most", ours.most_on_way, "prices", bare.most_on_way, LOOP)
    yield Row(f"{title}, growth of memory", ours.growth / 1024, "MB", most=8)


def ticks(plan: Plan, where: Any) -> Iterator[Row]:
    from benchmarks.oanda_load import ours_ticks

    symbols, rate, seconds = _flood_of(plan, TICKS_SECONDS)
    found = plan.run(ours_ticks, where, symbols, rate, seconds)
    title = f"{symbols} feeds of ticks, {rate:,.0f} prices/s for {seconds:g} s"
    yield Row(f"{title}, lost", found.lost, "prices", most=0)
    yield Row(f"{title}, shown by next()", found.heard / found.taken, "/s")


def _flood_of(plan: Plan, seconds: float) -> Tuple[int, float, float]:
    """Return how many instruments, prices a second and seconds a plan is for."""
    symbols = SYMBOLS if plan.scale >= 0.1 else plan.count(SYMBOLS, least=5)
    return symbols, RATE * symbols / SYMBOLS, max(0.5, seconds * plan.scale)
