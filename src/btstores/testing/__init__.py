"""The conformance suite: numbered cases that every store runs, ours or a third party's."""

from __future__ import annotations

from btstores.testing.case import Case, all_cases
from btstores.testing.driver import run_case, run_cases
from btstores.testing.faults import FaultGateway
from btstores.testing.results import Outcome, Result, matrix, summary
from btstores.testing.suite import StoreConformance
from btstores.testing.venue import Venue

__all__ = [
    "Case",
    "FaultGateway",
    "Outcome",
    "Result",
    "StoreConformance",
    "Venue",
    "all_cases",
    "matrix",
    "run_case",
    "run_cases",
    "summary",
]
