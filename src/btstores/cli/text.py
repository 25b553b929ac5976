"""What is printed: colours for terminals, numbers, tables."""

from __future__ import annotations

import datetime
import os
from typing import Any, List, Mapping, Optional, Sequence, TextIO

__all__ = [
    "Screen",
    "clock_text",
    "frame_text",
    "money",
    "percent",
    "price_text",
    "progress",
    "size_text",
    "table",
]

# Told apart by people who cannot tell red from green.
CODES = {"dim": "2", "bold": "1", "good": "36", "bad": "33", "loud": "1;35", "blue": "1;34"}


class Screen:
    """Lines to a stream, in colour when that is a terminal and ``NO_COLOR`` is not set."""

    def __init__(self, out: TextIO, environment: Optional[Mapping[str, str]] = None) -> None:
        environment = os.environ if environment is None else environment
        self._out = out
        plain = bool(environment.get("NO_COLOR")) or environment.get("TERM") == "dumb"
        self.coloured = out.isatty() and not plain

    def paint(self, text: str, style: str) -> str:
        """Return ``text`` in a style of `CODES`, or as it is."""
        if not self.coloured or style not in CODES:
            return text
        return f"\033[{CODES[style]}m{text}\033[0m"

    def line(self, text: str = "", style: str = "") -> None:
        """Print a line at once, so that who reads a pipe sees it when it happens."""
        self._out.write(self.paint(text.rstrip(), style) + "\n")
        self._out.flush()


def progress(err: TextIO, text: str) -> None:
    """Say what takes a moment, if somebody sits there."""
    if err.isatty():
        err.write(f"{text}\n")
        err.flush()


def money(value: float) -> str:
    """Return an amount of money with cents and thousands."""
    return f"{value:,.2f}"


def percent(fraction: float) -> str:
    """Return a change as a signed percentage."""
    return f"{100 * fraction:+.2f} %"


def size_text(size: float) -> str:
    """Return shares or contracts, with as many digits as there are."""
    return f"{size:,.10g}"


def price_text(price: Optional[float], decimals: int = 2) -> str:
    """Return a price, or nothing when there is none."""
    return "" if price is None else f"{price:,.{decimals}f}"


_UNITS = {1: "tick", 2: "microsecond", 3: "second", 4: "minute", 5: "day", 6: "week", 7: "month"}
_USUAL = {5: "daily", 6: "weekly", 7: "monthly", 8: "yearly"}


def frame_text(timeframe: int, compression: int) -> str:
    """Return a time frame as people say it: daily, 5-minute."""
    if compression == 1 and timeframe in _USUAL:
        return _USUAL[timeframe]
    return f"{compression}-{_UNITS.get(timeframe, 'year')}"


def clock_text(when: datetime.datetime, timeframe: int) -> str:
    """Return a time as short as bars of the time frame need it."""
    if timeframe >= 5:
        return f"{when:%Y-%m-%d}"
    return f"{when:%m-%d %H:%M}" if timeframe == 4 else f"{when:%d %H:%M:%S}"


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> List[str]:
    """Return the lines of a table. A column whose name starts with ``>`` is set to the right."""
    names = [name.lstrip(">") for name in columns]
    cells = [names] + [["" if cell is None else str(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(names))]
    lines = []
    for row in cells:
        parts = []
        for name, cell, width in zip(columns, row, widths):
            parts.append(cell.rjust(width) if name.startswith(">") else cell.ljust(width))
        lines.append("  ".join(parts).rstrip())
    lines.insert(1, "  ".join("-" * width for width in widths))
    return lines
