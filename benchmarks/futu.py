"""FutuStore at a simulated OpenD in a process of its own, beside futu-api used directly."""

from __future__ import annotations

import importlib.util
import sys
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence

from benchmarks.harness import Plan, Row, median, percentile

PUSHES = {"tick": "OpenD's tick to next()", "order": "OpenD's order push to notify_order()"}
RATIOS = {50: 1.5, 99: 2.0}
RAW, TABLE = "handler that reads the message", "default DataFrame handler"
SYMBOLS, RATE, SECONDS = 300, 5000.0, 60.0
BACKFILLS, BARS = 100, 1000
#: Minutes that OpenD knows: a feed asks for some days more than it needs, for holidays.
PAST = 5000
#: First pages of history in thirty seconds.
PAGES, WINDOW = 60, 30.0


def rows(plan: Plan) -> Iterator[Row]:
    if importlib.util.find_spec("futu") is None:
        print("skipped: futu-api is not installed;", end=" ", file=sys.stderr)
        return
    from benchmarks.futu_opend import running

    with running() as where:
        yield from pushes(plan, where)
        yield from orders(plan, where)
        yield from flood(plan, where)
        yield from backfill(plan, where)


def _turns(plan: Plan) -> Plan:
    """Return a plan of more and shorter turns, for processors wake up sooner or later by turns."""
    return plan._replace(repeats=2 * plan.repeats - 1)


def _each(results: Sequence[Dict[str, List[float]]], kind: str, percent: float) -> float:
    return median([percentile(found[kind], percent) for found in results])


def _compared(
    title: str,
    kind: str,
    ours: Sequence[Dict[str, List[float]]],
    others: Mapping[str, Sequence[Dict[str, List[float]]]],
    ratios: Dict[int, Optional[float]],
) -> Iterator[Row]:
    """Yield ours and then the others beside the first of the others."""
    (first, baseline), *rest = others.items()
    for percent, ratio in ratios.items():
        bare = _each(baseline, kind, percent)
        found = _each(ours, kind, percent)
        yield Row(f"{title}, p{percent}", found, "ms", bare, first, ratio_most=ratio)
        for name, results in rest:
            found = _each(results, kind, percent)
            yield Row(f"{title}, {name} instead, p{percent}", found, "ms", bare, first)


def pushes(plan: Plan, where: Any) -> Iterator[Row]:
    from benchmarks.futu_sides import bare_pushes, engine_ticks, ours_pushes, table_pushes

    count = plan.count(250, least=5)
    functions = (ours_pushes, bare_pushes, table_pushes, engine_ticks)
    ours, bare, table, engine = _turns(plan).each(*functions, args=(where, count))
    for kind, title in PUSHES.items():
        others = {RAW: bare, TABLE: table}
        if kind == "tick":
            others["that handler and a queue feed"] = engine
        yield from _compared(title, kind, ours, others, dict(RATIOS))


def orders(plan: Plan, where: Any) -> Iterator[Row]:
    from benchmarks.futu_sides import bare_orders, engine_orders, ours_orders, public_orders

    count = plan.count(150, least=5)
    functions = (ours_orders, bare_orders, public_orders, engine_orders)
    ours, bare, public, engine = _turns(plan).each(*functions, args=(where, count))
    others = {
        "handler that sends the request itself": bare,
        "place_order() of futu-api": public,
        "BackBroker on a queue feed and that request": engine,
    }
    title = "OpenD's tick to buy() to the order request at OpenD"
    yield from _compared(title, "placed", ours, others, {50: 1.5, 99: None})


def flood(plan: Plan, where: Any) -> Iterator[Row]:
    from benchmarks.futu_load import bare_flood, ours_flood

    symbols, seconds = plan.count(SYMBOLS, least=5), max(0.5, SECONDS * plan.scale)
    if plan.scale >= 0.1:
        symbols = SYMBOLS
    rate = RATE * symbols / SYMBOLS
    args = (where, symbols, rate, seconds)
    ours, bare = (plan.run(function, *args) for function in (ours_flood, bare_flood))
    title = f"{symbols} symbols, bars and quotes, {rate:,.0f} pushes/s for {seconds:g} s"
    yield Row(f"{title}, quotes lost", ours.quotes - ours.quotes_heard, "quotes", most=0)
    yield Row(f"{title}, ended bars lost", ours.bars - ours.bars_heard, "bars", most=0)
    for percent in (50, 99):
        yield Row(
            f"{title}, quote to the engine's thread, p{percent}",
            percentile(ours.delays, percent),
            "ms",
            percentile(bare.delays, percent),
            RAW,
        )
    # A tenth of a second's pushes: more could only have piled up.
    most = rate / 10
    yield Row(f"{title}, longest inbox", ours.longest_inbox, "reports", most=most)
    yield Row(
        f"{title}, quotes on their way, most", ours.most_on_way, "quotes", bare.most_on_way, RAW
    )
    yield Row(f"{title}, growth of memory", ours.growth / 1024, "MB", most=8)


def backfill(plan: Plan, where: Any) -> Iterator[Row]:
    from benchmarks.futu_load import backfill as measure

    count, bars = plan.count(BACKFILLS, least=2), plan.count(BARS, least=50)
    past = max(PAST, bars) if plan.scale >= 0.1 else 2 * bars
    taken = plan.run(measure, where, count, bars, past)
    title = f"history of {count} symbols, {bars:,} one-minute bars each"
    least = WINDOW * ((count - 1) // PAGES)
    if least:
        yield Row(title, taken, "s", least, "what OpenD's limit takes", ratio_most=1.1)
    else:
        yield Row(f"{title}, below OpenD's limit", taken, "s")
