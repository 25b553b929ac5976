"""The command `btstores`."""

from __future__ import annotations

from typing import Optional, Sequence

__all__ = ["main"]


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command with ``argv`` (default: the process's own) and return the exit status."""
    from btstores.cli.main import main as run_main

    return run_main(argv)
