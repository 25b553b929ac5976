"""`btstores doctor`: what keeps a store from working, and what to do about it."""

from __future__ import annotations

import argparse
import json
from typing import Any, TextIO

from btstores.cli.settings import given_values
from btstores.cli.text import Screen
from btstores.stores.examine import Finding, examine
from btstores.stores.registry import find_store

__all__ = ["doctor_command"]


def doctor_command(args: argparse.Namespace, out: TextIO, err: TextIO) -> int:
    """Look at a store and tell of each step; return 0 when all is well, else 1."""
    kind: Any = find_store(args.store)
    store = kind(**given_values(args.store, kind.all_params(), args.set))
    screen, bad = Screen(out), 0
    for finding in examine(store):
        bad += not finding.good
        if args.json:
            out.write(json.dumps(finding._asdict()) + "\n")
        else:
            _show(screen, finding)
        out.flush()
    if not args.json:
        screen.line("all is well" if not bad else f"{bad} to mend", "good" if not bad else "bad")
    return 1 if bad else 0


def _show(screen: Screen, finding: Finding) -> None:
    mark, style = ("ok  ", "good") if finding.good else ("FAIL", "bad")
    screen.line(f"{mark} {finding.what}: {finding.text}", style)
    if finding.cure:
        screen.line(f"     {finding.cure}")
