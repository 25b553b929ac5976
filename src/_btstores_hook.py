"""The import names under ``backtrader``."""

from __future__ import annotations


def start() -> None:
    """Called at interpreter start."""
