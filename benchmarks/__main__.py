"""The command `python -m benchmarks`."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence

from benchmarks import (
    futu,
    handover,
    history,
    latency,
    livecerebro,
    memory,
    oanda,
    orders,
    recovery,
    reports,
    scale,
    sessions,
    stages,
    ticks,
    triggers,
)
from benchmarks.harness import FULL, QUICK, Plan, Row, load_average, machine, number
from benchmarks.page import update_pages

SECTIONS: Dict[str, Callable[[Plan], Iterator[Row]]] = {
    "latency": latency.rows,
    "ticks": ticks.rows,
    "handover": handover.rows,
    "history": history.rows,
    "memory": memory.rows,
    "orders": orders.rows,
    "recovery": recovery.rows,
    "reports": reports.rows,
    "sessions": sessions.rows,
    "triggers": triggers.rows,
    "livecerebro": livecerebro.rows,
    "stages": stages.rows,
    "scale": scale.rows,
    "futu": futu.rows,
    "oanda": oanda.rows,
}
RESULTS = os.path.join(os.path.dirname(__file__), "results.json")
HEAD = ("name", "value", "unit", "baseline", "ratio", "target", "met", "compared with")


def cells(record: Dict[str, Any]) -> List[str]:
    """Return one row of the table."""
    figures = [record[key] for key in ("value", "baseline", "ratio")]
    value, baseline, ratio = ("" if figure is None else number(figure) for figure in figures)
    met = {None: "", True: "yes", False: "NO"}[record["met"]]
    name, unit, target = record["name"], record["unit"], record["target"]
    return [name, value, unit, baseline, ratio, target, met, record["against"]]


def table(records: Sequence[Dict[str, Any]]) -> str:
    """Return the records as aligned columns."""
    lines = [list(HEAD)] + [cells(record) for record in records]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEAD))]
    right = {1, 3, 4}
    return "\n".join(
        "  ".join(
            cell.rjust(width) if i in right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(line, widths))
        ).rstrip()
        for line in lines
    )


def measure(names: Sequence[str], plan: Plan) -> Iterator[Dict[str, Any]]:
    """Run the sections and yield the records of their rows."""
    for name in names:
        facts = machine()
        start = time.perf_counter()
        print(f"{name} ...", end=" ", file=sys.stderr, flush=True)
        for row in SECTIONS[name](plan):
            yield {"section": name, **row.record(facts)}
        print(f"{time.perf_counter() - start:.0f} s", file=sys.stderr)


def renewed(
    before: Sequence[Dict[str, Any]], records: Sequence[Dict[str, Any]]
) -> List[Dict[str, Any]]:
    """Return the records of a run in the place of those of the same sections."""
    names = {record["section"] for record in records}
    kept = [record for record in before if record.get("section") not in names]
    order = list(SECTIONS)
    return sorted([*kept, *records], key=lambda record: order.index(record["section"]))


def warn_of_load() -> None:
    load, cores = load_average(), os.cpu_count() or 1
    if load is not None and load > 0.5 * cores:
        print(
            f"warning: the load average is {load:g} on {cores} cores; "
            "other work makes these figures worse and less certain",
            file=sys.stderr,
        )


def _read() -> List[Dict[str, Any]]:
    with open(RESULTS, encoding="utf-8") as results:
        records: List[Dict[str, Any]] = json.load(results)
    return records


def main(argv: Optional[Sequence[str]] = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the samples, one run")
    parser.add_argument(
        "--only", action="append", choices=list(SECTIONS), help="a section; may be repeated"
    )
    parser.add_argument(
        "--json",
        metavar="PATH",
        help="where to write the results; the default of a full run is "
        "benchmarks/results.json, other runs write nothing",
    )
    parser.add_argument(
        "--renew",
        action="store_true",
        help="with --only: put the sections into benchmarks/results.json and docs/benchmarks.md, "
        "and leave the others as they are",
    )
    parser.add_argument(
        "--docs",
        action="store_true",
        help="measure nothing: write the results of the last full run into docs/benchmarks.md",
    )
    options = parser.parse_args(argv)
    if options.docs:
        update_pages(_read(), HEAD, cells)
        return 0
    warn_of_load()
    names = options.only or list(SECTIONS)
    records = list(measure(names, QUICK if options.quick else FULL))
    print(table(records))
    path = options.json
    written = records
    if path is None and not options.quick and (options.renew or not options.only):
        path = RESULTS
        written = renewed(_read(), records) if options.only else records
    if path is not None:
        with open(path, "w", encoding="utf-8") as results:
            json.dump(written, results, indent=1)
            results.write("\n")
    if options.renew:
        update_pages(written, HEAD, cells)
    missed = [record["name"] for record in records if record["met"] is False]
    print(f"{len(missed)} of {sum(bool(record['target']) for record in records)} targets missed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
