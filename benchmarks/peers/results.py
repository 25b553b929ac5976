"""What many rounds come to: medians, spreads, and ratios to ours."""

from __future__ import annotations

from typing import Any, Dict, List, NamedTuple, Optional, Sequence

from benchmarks.harness import median, number, percentile, rounded
from benchmarks.peers.plan import EACH_TICK, JOBS, OURS, SIDES

#: Values of all rounds by job, side and figure.
Values = Dict[str, Dict[str, Dict[str, List[float]]]]

HEAD = ("", "median, us", "best", "quartiles", "ratio")


class Line(NamedTuple):
    """One figure of one side, in microseconds. ``ratio`` is its median / that of ours."""

    job: str
    figure: str
    side: str
    median: float
    best: float
    low: float
    high: float
    ratio: Optional[float]
    is_ours: bool


def add(values: Values, job: str, side: str, figures: Dict[str, float]) -> None:
    """Put the figures of one run to the others."""
    of_side = values.setdefault(job, {}).setdefault(side, {})
    for key, value in figures.items():
        found = rounded(value)
        assert found is not None
        of_side.setdefault(key, []).append(found)


def lines(values: Values) -> List[Line]:
    """Return all figures, each with those who have it."""
    found: List[Line] = []
    for job in JOBS:
        for figure in job.figures:
            for side in SIDES:
                measured = values.get(job.name, {}).get(side.name, {}).get(figure.key)
                if not measured:
                    continue
                middle = median(measured)
                base = values[job.name].get(OURS, {}).get(figure.key)
                found.append(
                    Line(
                        job.title,
                        figure.title,
                        side.title,
                        middle,
                        min(measured),
                        percentile(measured, 25),
                        percentile(measured, 75),
                        middle / median(base) if base else None,
                        side.name == OURS,
                    )
                )
    return found


def cells(line: Line) -> List[str]:
    """Return one row of the table."""
    spread = f"{number(line.low)} to {number(line.high)}"
    ratio = "" if line.ratio is None else "1" if line.is_ours else number(line.ratio)
    middle = number(line.median)
    if line.figure == EACH_TICK:
        middle += f" ({number(1e6 / line.median)}/s)"
    return [line.side, middle, number(line.best), spread, ratio]


def heading(line: Line) -> str:
    return f"{line.job}: {line.figure}"


def grouped(found: Sequence[Line]) -> Dict[str, List[Line]]:
    """Return the lines by what they are figures of."""
    groups: Dict[str, List[Line]] = {}
    for line in found:
        groups.setdefault(heading(line), []).append(line)
    return groups


def text_table(values: Values) -> str:
    """Return everything as aligned columns, for a terminal."""
    rows: List[Sequence[str]] = []
    for title, group in grouped(lines(values)).items():
        rows += [(title, *HEAD[1:]), *((f"  {row[0]}", *row[1:]) for row in map(cells, group))]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEAD))] if rows else []
    return "\n".join(
        "  ".join(
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths))
        ).rstrip()
        for row in rows
    )


def left_out() -> List[str]:
    """Return who does not do what, and why."""
    titles = {side.name: side.title for side in SIDES}
    return [
        f"{titles[name]}, {job.title}: {why}" for job in JOBS for name, why in job.without.items()
    ]


def record(values: Values, machine: Dict[str, Any], **facts: Any) -> Dict[str, Any]:
    """Return what is written to the file."""
    return {"machine": machine, **facts, "values": values}
