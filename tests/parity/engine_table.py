"""The table of all that is compared between `bt.Cerebro` and `LiveCerebro`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

from hypothesis import given, settings

from tests.parity import file_programs, random_runs
from tests.parity.bars import generated
from tests.parity.engines import Program
from tests.parity.harness import Series
from tests.parity.test_random import profile
from tests.parity.upstream_programs import made_up, prices_of
from tests.parity.upstream_samples import SAMPLES
from tests.parity.upstream_tests import ALONE, OPTIMIZED, TESTS

RANDOM = 200

Row = Tuple[int, int, int, int, int]


def programs(folder: Path, count: int) -> Iterator[Tuple[str, Program]]:
    """Yield all runs with the name of their group; those of files that are there."""
    for how, arrange in file_programs.ARRANGEMENTS.items():
        datas = arrange(Series(generated(count)))
        yield "generated bars", file_programs.program(how, datas, count // 10)
    for program in file_programs.programs(folder, count):
        yield "real price files", program
    for prices in (made_up(), prices_of(folder)):
        if prices is not None:
            for group, rows in (
                ("backtrader's tests", [*TESTS, *OPTIMIZED, *ALONE]),
                ("backtrader's samples", SAMPLES),
            ):
                for row in rows:
                    yield f"{group}, {prices.name}", row.program(prices.short(count))


def row_of(program: Program) -> Row:
    """Run a program on both engines; return feeds, bars, calls, values, differences."""
    both = program.twin()
    lines = both.differences()
    for line in lines[:3]:
        print(f"  {line}")
    return len(program.datas), program.bars, both.calls, both.values, len(lines)


def at_random(count: int) -> Iterator[Row]:
    """Yield the rows of so many random runs."""
    rows: List[Row] = []

    @settings(profile(count), database=None, derandomize=True)
    @given(random_runs.programs())
    def play(program: Program) -> None:
        rows.append(row_of(program))

    play()
    return iter(rows)


def show(name: str, runs: Any, row: Row) -> None:
    """Print a line of the table."""
    feeds, bars, calls, values, lines = row
    print(f"{name:72} {runs:>5} {feeds:>6} {bars:>8} {calls:>9} {values:>11} {lines:>12}")
    sys.stdout.flush()


def main(folder: Path, count: int = 120) -> int:
    """Print the table, with up to ``count`` bars of a file; return the number of differences."""
    print(
        f"{'case':72} {'runs':>5} {'feeds':>6} {'bars':>8} {'calls':>9} {'values':>11}"
        f" {'differences':>12}"
    )
    groups: Dict[str, List[Row]] = {}
    for group, program in programs(folder, count):
        row = row_of(program)
        show(program.name, 1, row)
        groups.setdefault(group, []).append(row)
    groups["random sets"] = list(at_random(RANDOM))
    print()
    total: List[Row] = []
    for group, rows in groups.items():
        show(group, len(rows), _sum(rows))
        total += rows
    show("total", len(total), _sum(total))
    return _sum(total)[-1]


def _sum(rows: List[Row]) -> Row:
    feeds, bars, calls, values, lines = (sum(column) for column in zip(*rows))
    return feeds, bars, calls, values, lines
