"""What became of the cases, and the table of it."""

from __future__ import annotations

import enum
from typing import Dict, List, Mapping, NamedTuple, Sequence

__all__ = ["Outcome", "Result", "matrix", "summary"]


class Outcome(enum.Enum):
    """How a case ended."""

    PASSED = "passed"
    EMULATED = "emulated"  # passed, with part of it done by the core
    SKIPPED = "skipped"
    FAILED = "failed"


class Result(NamedTuple):
    """One case on one venue. ``reason`` says why it was skipped or failed."""

    id: str
    title: str
    outcome: Outcome
    reason: str = ""

    @property
    def cell(self) -> str:
        """Return it as a table shows it."""
        return self.reason if self.outcome is Outcome.SKIPPED else str(self.outcome.value)


def summary(results: Sequence[Result]) -> Dict[str, int]:
    """Return how many passed (emulated or not), failed and were skipped."""
    counts = [result.outcome for result in results]
    passed = counts.count(Outcome.PASSED) + counts.count(Outcome.EMULATED)
    return {
        "passed": passed,
        "failed": counts.count(Outcome.FAILED),
        "skipped": counts.count(Outcome.SKIPPED),
    }


def matrix(results: Mapping[str, Sequence[Result]]) -> str:
    """Return a Markdown table with a row a case and a column a venue, in their order."""
    titles: Dict[str, str] = {}
    cells: Dict[str, Dict[str, str]] = {}
    for venue, column in results.items():
        for result in column:
            titles.setdefault(result.id, result.title)
            cells.setdefault(result.id, {})[venue] = result.cell
    lines: List[List[str]] = [["case", "what it shows", *results]]
    lines.append(["---"] * len(lines[0]))
    for key, title in titles.items():
        lines.append([key, title, *(cells[key].get(venue, "") for venue in results)])
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)
