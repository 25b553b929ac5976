"""The command `python -m benchmarks.peers`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import Any, Dict, Optional, Sequence

from benchmarks.harness import load_average, machine
from benchmarks.peers import environments, report, results
from benchmarks.peers.plan import SIDES
from benchmarks.peers.run import FULL, QUICK, Extent, last_core, run_all

RESULTS = os.path.join(environments.ROOT, "benchmarks", "peers.json")
NAMES = sorted({side.environment for side in SIDES if side.environment})
#: Of the cores.
MOST_LOAD = 0.5


def too_loaded(load: Optional[float], cores: int) -> str:
    """Return why not to measure now, or ""."""
    if load is None or load <= MOST_LOAD * cores:
        return ""
    return (
        f"the load average is {load:g} on {cores} cores; more than {MOST_LOAD * cores:g} makes the "
        "figures worse and less certain. Wait, or say --force"
    )


def parsed(argv: Optional[Sequence[str]]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a fifth of the samples, two rounds")
    parser.add_argument("--rounds", type=int, help=f"rounds; the default is {FULL.rounds}")
    parser.add_argument(
        "--only",
        action="append",
        choices=NAMES,
        help="a peer to compare with; may be repeated. btstores always takes part",
    )
    parser.add_argument("--force", action="store_true", help="measure on a busy machine too")
    parser.add_argument(
        "--json",
        metavar="PATH",
        help="where to write the results; the default of a full run is benchmarks/peers.json, and "
        "it renews docs/performance.md; other runs write nothing",
    )
    parser.add_argument(
        "--docs",
        action="store_true",
        help="measure nothing: write benchmarks/peers.json into docs/performance.md",
    )
    return parser.parse_args(argv)


def read() -> Dict[str, Any]:
    with open(RESULTS, encoding="utf-8") as file:
        found: Dict[str, Any] = json.load(file)
    return found


def main(argv: Optional[Sequence[str]] = None) -> int:
    options = parsed(argv)
    if options.docs:
        report.update(read())
        return 0
    facts = machine()
    refused = environments.refusal()
    if not refused and not options.force:
        refused = too_loaded(load_average(), os.cpu_count() or 1)
    if refused:
        print(refused, file=sys.stderr)
        return 2
    for name in options.only or NAMES:
        environments.make(name)
    extent = QUICK if options.quick else FULL
    if options.rounds:
        extent = Extent(options.rounds, extent.scale)
    found = run_all(extent, options.only)
    print(results.text_table(found.values))
    for failure in found.failed:
        print(f"failed: {failure}", file=sys.stderr)
    record = results.record(
        found.values,
        facts,
        rounds=extent.rounds,
        scale=extent.scale,
        core=last_core(),
        loads=found.loads,
        versions=found.versions,
        failed=found.failed,
    )
    print(report.facts(record))
    is_full = not (options.quick or options.only)
    path = options.json or (RESULTS if is_full else None)
    if path is not None:
        with open(path, "w", encoding="utf-8") as file:
            json.dump(record, file, indent=1)
            file.write("\n")
    if is_full and options.json is None:
        report.update(record)
    return 1 if found.failed else 0


if __name__ == "__main__":
    sys.exit(main())
