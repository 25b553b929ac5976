"""Options that several commands have: how they are read, and what is said when they are wrong."""

from __future__ import annotations

import argparse
import datetime
import sys
from typing import Any, Union

__all__ = ["Parser", "above_zero", "add_command", "count", "date", "from_zero", "speed"]


class Parser(argparse.ArgumentParser):
    """Says what is wrong with the arguments in the form of all our errors."""

    def error(self, message: str) -> Any:
        self.print_usage(sys.stderr)
        self.exit(2, f"btstores: error: {message}\n")


def add_command(commands: Any, name: str, about: str, examples: str) -> argparse.ArgumentParser:
    """Add a command with what all have; return its parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=about,
        description=f"{about[0].upper()}{about[1:]}.",
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="for machines, see below")
    return parser


def from_zero(text: str) -> int:
    """Read a whole number, zero or more."""
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text}: expected a whole number, zero or more")
    return value


def above_zero(text: str) -> float:
    """Read a number above zero."""
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text}: expected a number above zero")
    return value


def date(text: str) -> datetime.date:
    """Read a day such as 2026-01-05."""
    try:
        return datetime.date(*map(int, text.split("-")))
    except (TypeError, ValueError):
        raise argparse.ArgumentTypeError(f"{text}: expected a day such as 2026-01-05") from None


def count(text: str) -> int:
    """Read a whole number above zero."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text}: expected a whole number above zero")
    return value


def speed(text: str) -> Union[str, float]:
    """Read how many times faster than real time; 0 and max for as fast as possible."""
    if text in ("0", "max"):
        return "max"
    return above_zero(text)
