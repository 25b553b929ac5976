"""The tables of results in the manual."""

from __future__ import annotations

import os
from typing import Any, Callable, Dict, List, Sequence, Tuple

from benchmarks.harness import number

DOCS = os.path.join(os.path.dirname(os.path.dirname(__file__)), "docs")
BEGIN = "<!-- begin: python -m benchmarks --docs -->"
END = "<!-- end -->"

Record = Dict[str, Any]


def update_pages(
    records: Sequence[Record], head: Sequence[str], cells: Callable[[Record], List[str]]
) -> None:
    """Put the records between the two marks of each page."""
    lines = [cells(record) for record in records]
    update_page("benchmarks.md", f"{_machine(records)}\n\n{table(head, lines)}")
    stages = [record for record in records if record["section"] == "stages"]
    if stages:
        update_page("microseconds.md", f"{_machine(stages)}\n\n{_ways(stages)}")


def update_page(name: str, generated: str) -> None:
    """Put a text between the two marks of a page of the manual."""
    path = os.path.join(DOCS, name)
    with open(path, encoding="utf-8") as page:
        text = page.read()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    with open(path, "w", encoding="utf-8") as page:
        page.write(f"{before}{BEGIN}\n\n{generated}\n\n{END}{after}")


def table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, ["---"] * len(head), *lines])


def _ways(records: Sequence[Record]) -> str:
    """Return a table of stages, of which each has a column for each pace."""
    values: Dict[Tuple[str, str], Dict[str, str]] = {}
    for record in records:
        place, _, stage = record["name"].partition(": ")
        way, _, pace = place.partition(", ")
        values.setdefault((way, stage), {})[pace] = number(record["value"])
    paces = list(dict.fromkeys(pace for found in values.values() for pace in found))
    lines = [
        [way, stage, *(found.get(pace, "") for pace in paces)]
        for (way, stage), found in values.items()
    ]
    return table(("way", "stage", *paces), lines)


def _machine(records: Sequence[Record]) -> str:
    facts = records[0]["machine"]
    loads = [record["machine"]["load"] for record in records]
    known = [load for load in loads if load is not None]
    load = f"{min(known):g} to {max(known):g}" if known else "unknown"
    return (
        f"{facts['python']}, backtrader {facts['backtrader']}, {facts['cpu']}, "
        f"{facts['cores']} cores, {facts['os']}, garbage collection {facts['gc']}, "
        f"load average at the start of the sections {load}."
    )
