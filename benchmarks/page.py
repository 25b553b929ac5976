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
    rows = [list(head), ["---"] * len(head)] + [cells(record) for record in records]
    _update("benchmarks.md", _machine(records), rows)
    stages = [record for record in records if record["section"] == "stages"]
    if stages:
        _update("microseconds.md", _machine(stages), _ways(stages))


def _update(name: str, machine: str, rows: Sequence[Sequence[str]]) -> None:
    replace_part(os.path.join(DOCS, name), BEGIN, f"{machine}\n\n{markdown(rows)}")


def replace_part(path: str, begin: str, text: str) -> None:
    """Put ``text`` between ``begin`` and the end mark of the page at ``path``."""
    with open(path, encoding="utf-8") as page:
        before, _, rest = page.read().partition(begin)
    _, _, after = rest.partition(END)
    with open(path, "w", encoding="utf-8") as page:
        page.write(f"{before}{begin}\n\n{text}\n\n{END}{after}")


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """Return a table; the second row is the rule under the head."""
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _ways(records: Sequence[Record]) -> List[List[str]]:
    """Return the table of stages, with a column for each pace."""
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
    return [["way", "stage", *paces], ["---"] * (2 + len(paces)), *lines]


def _machine(records: Sequence[Record]) -> str:
    facts = records[0]["machine"]
    loads = [record["machine"]["load"] for record in records]
    known = [load for load in loads if load is not None]
    bounds = [f"{load:g}" for load in sorted({min(known), max(known)})] if known else ["unknown"]
    return (
        f"{facts['python']}, backtrader {facts['backtrader']}, {facts['cpu']}, "
        f"{facts['cores']} cores, {facts['os']}, garbage collection {facts['gc']}, "
        f"load average at the start of the sections {' to '.join(bounds)}."
    )
