"""The tables of what is compared.

``python -m tests.parity [bars]``: brokers, all cases on generated and on real prices.
``python -m tests.parity engine [bars]``: engines, all runs.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import List, Tuple

from tests.parity import engine_table
from tests.parity.bars import FILES, read
from tests.parity.cases import CASES, generated_series
from tests.parity.harness import Series, differences

REPOSITORY = Path(__file__).resolve().parents[2]


def folder() -> Path:
    """Return where real price files are, if there are any."""
    return Path(os.environ.get("BTSTORES_TEST_DATA") or REPOSITORY.parent / "shared" / "data")


def sources(count: int) -> List[Tuple[str, Series]]:
    """Return the generated series and those of the real files that are here."""
    found = [("generated", generated_series(count))]
    for file in FILES:
        if (folder() / file.name).is_file():
            found.append((file.name, read(folder(), file, count)))
    if len(found) == 1:
        print(f"no real price files: {folder()} is not there (set BTSTORES_TEST_DATA)")
    return found


def main(count: int = 400) -> int:
    """Print the table; return the number of differences."""
    datas = sources(count)
    print(f"{len(datas)} price series, up to {count} bars each\n")
    print(f"{'case':40} {'executions':>10} {'news':>8} {'bars':>8} {'differences':>12}")
    totals = [0, 0, 0, 0]
    for case in CASES:
        counts = [0, 0, 0, 0]
        for name, series in datas:
            try:
                twin = case.run(series)
            except ValueError as error:
                # Cerebro's own: a resampled feed that delivers alone beside a plain one.
                if "min()" not in str(error):
                    raise
                print(f"  {name}: upstream cannot run it ({error})")
                continue
            lines = differences(twin.upstream, twin.ours)
            found = (
                twin.upstream.executions,
                len(twin.upstream.news),
                len(twin.upstream.rows),
                len(lines),
            )
            counts = [one + two for one, two in zip(counts, found)]
            if lines:
                print(f"  {name}: {lines[0]}")
        totals = [one + two for one, two in zip(totals, counts)]
        print(f"{case.name:40} {counts[0]:10} {counts[1]:8} {counts[2]:8} {counts[3]:12}")
        sys.stdout.flush()
    print(f"{'total':40} {totals[0]:10} {totals[1]:8} {totals[2]:8} {totals[3]:12}")
    return totals[3]


if __name__ == "__main__":
    if sys.argv[1:2] == ["engine"]:
        if not folder().is_dir():
            print(f"no real price files: {folder()} is not there (set BTSTORES_TEST_DATA)")
        sys.exit(1 if engine_table.main(folder(), *map(int, sys.argv[2:3])) else 0)
    sys.exit(1 if main(*(int(argument) for argument in sys.argv[1:2])) else 0)
