"""The table and the picture in docs/performance.md."""

from __future__ import annotations

import os
from typing import Any, Dict, List, Sequence

from benchmarks.page import markdown, replace_part
from benchmarks.peers.environments import ROOT
from benchmarks.peers.results import HEAD, Line, cells, grouped, left_out, lines

PAGE = os.path.join(ROOT, "docs", "performance.md")
PICTURE = os.path.join(ROOT, "docs", "images", "peers.svg")
BEGIN = "<!-- begin: python -m benchmarks.peers --docs -->"
OUR_COLOR, FAMILY_COLOR, PEER_COLOR = "#c2410c", "#d98a4e", "#475569"


def facts(record: Dict[str, Any]) -> str:
    """Return on what and with what it was measured."""
    machine = record["machine"]
    versions: Dict[str, str] = {}
    for found in record["versions"].values():
        versions.update(found)
    told = ", ".join(f"{name} {versions[name]}" for name in sorted(versions))
    core = "not pinned" if record["core"] is None else "each process pinned to one core"
    loads = [load for load in record["loads"] if load is not None]
    busy = f"{loads[0]:g} before the first round, {max(loads):g} at most" if loads else "unknown"
    part = "" if record["scale"] == 1 else f", {record['scale']:g} of the samples"
    return (
        f"{told}; {machine['python']}; {machine['cpu']}, {machine['cores']} cores, "
        f"{machine['os']}; {record['rounds']} rounds{part}, {core}; load average {busy}."
    )


def table(record: Dict[str, Any]) -> str:
    """Return one table for each figure."""
    parts = []
    for title, group in grouped(lines(record["values"])).items():
        rows = [[f"**{cell}**" if line.is_ours else cell for cell in cells(line)] for line in group]
        parts.append(markdown([[title, *HEAD[1:]], ["---"] + ["---:"] * (len(HEAD) - 1), *rows]))
    return "\n\n".join(parts)


def text(record: Dict[str, Any]) -> str:
    """Return the generated part of the page."""
    parts = [facts(record), table(record)]
    missing = [f"- {told}" for told in left_out()]
    missing += [f"- failed: {failure}" for failure in sorted(set(record["failed"]))]
    return "\n\n".join([*parts, "Left out:", "\n".join(missing)])


def update(record: Dict[str, Any]) -> None:
    """Renew the page and its picture."""
    draw(record, PICTURE)
    replace_part(PAGE, BEGIN, text(record))


def draw(record: Dict[str, Any], path: str) -> None:
    """Draw a panel for each figure: a dot is the median, its line goes between the quartiles."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    panels = [
        group for group in grouped(lines(record["values"])).values() if "p99" not in group[0].figure
    ]
    rows = -(-len(panels) // 2)
    heights = [max(len(group) for group in panels[2 * i : 2 * i + 2]) for i in range(rows)]
    # The same bytes for the same figures.
    with mpl.rc_context({"svg.hashsalt": "peers", "svg.fonttype": "none", "font.size": 9}):
        figure = Figure(figsize=(11, 0.9 * rows + 0.27 * sum(heights)))
        axes = figure.subplots(rows, 2, gridspec_kw={"height_ratios": heights}, squeeze=False)
        flat = [one for row in axes for one in row]
        for one, group in zip(flat, panels):
            _panel(one, group)
        for one in flat[len(panels) :]:
            one.set_axis_off()
        figure.suptitle(
            "Median of the rounds (dot) and their middle half (bar); further left is faster"
        )
        figure.tight_layout(h_pad=1.2, w_pad=2.5, rect=(0, 0, 1, 0.985))
        figure.savefig(path, metadata={"Date": None} if path.endswith(".svg") else None)


def _panel(axes: Any, group: Sequence[Line]) -> None:
    labels: List[str] = []
    for row, line in enumerate(group):
        color = OUR_COLOR if line.is_ours else PEER_COLOR
        if line.side.startswith("btstores") and not line.is_ours:
            color = FAMILY_COLOR
        axes.plot([line.low, line.high], [row, row], color=color, linewidth=5, alpha=0.35)
        axes.plot([line.median], [row], "o", color=color, markersize=6)
        axes.annotate(
            _told(line.median),
            (line.high, row),
            xytext=(9, 0),
            textcoords="offset points",
            va="center",
            color=color,
            fontsize=8,
        )
        labels.append(line.side)
    axes.set_xscale("log")
    axes.set_yticks(range(len(labels)))
    axes.set_yticklabels(labels)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    ends = [value for line in group for value in (line.low, line.high)]
    axes.set_xlim(min(ends) / 1.6, max(ends) * 3)
    axes.xaxis.set_major_formatter(lambda value, position: _told(value))
    axes.grid(axis="x", color="#e2e8f0")
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", which="minor", length=0, labelbottom=False)
    axes.set_title(f"{group[0].job}: {group[0].figure}", loc="left", fontsize=9, fontweight="bold")


def _told(microseconds: float) -> str:
    """Return a time as a person says it."""
    for unit, size in (("s", 1e6), ("ms", 1e3)):
        if microseconds >= size:
            return f"{microseconds / size:.3g} {unit}"
    return f"{microseconds:.3g} us"
