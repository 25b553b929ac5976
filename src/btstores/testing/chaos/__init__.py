"""Whole sessions in which things go wrong, compared with the venue's own book at the end."""

from __future__ import annotations

from btstores.testing.chaos.arena import Arena, Book
from btstores.testing.chaos.session import ChaosReport, run_session

__all__ = ["Arena", "Book", "ChaosReport", "run_session"]
