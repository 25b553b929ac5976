"""The table in docs/benchmarks.md."""

from __future__ import annotations

import os
from typing import Any, Callable, Dict, List, Sequence

PAGE = os.path.join(os.path.dirname(os.path.dirname(__file__)), "docs", "benchmarks.md")
BEGIN = "<!-- begin: python -m benchmarks --docs -->"
END = "<!-- end -->"

Record = Dict[str, Any]


def update_page(
    records: Sequence[Record], head: Sequence[str], cells: Callable[[Record], List[str]]
) -> None:
    """Put the records between the two marks of the page."""
    with open(PAGE, encoding="utf-8") as page:
        text = page.read()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    generated = "\n\n".join((_machine(records), _table(records, head, cells)))
    with open(PAGE, "w", encoding="utf-8") as page:
        page.write(f"{before}{BEGIN}\n\n{generated}\n\n{END}{after}")


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


def _table(
    records: Sequence[Record], head: Sequence[str], cells: Callable[[Record], List[str]]
) -> str:
    lines = [list(head), ["---"] * len(head)] + [cells(record) for record in records]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
