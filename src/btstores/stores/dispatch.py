"""Who hears of which kind of report."""

from __future__ import annotations

import logging
from typing import Any, Callable, Dict, List

from btstores.reports import Report

__all__ = ["Dispatch"]

log = logging.getLogger(__name__)


class Dispatch:
    """Hands each report to all who want its kind, in the order in which they asked.

    An error in one of them is told to ``failed``, and the others hear of the report all the same.
    """

    def __init__(self, name: str, failed: Callable[..., None]) -> None:
        self._name = name
        self._failed = failed
        self._hearers: Dict[type, List[Callable[[Any], None]]] = {}

    def add(self, kind: type, hear: Callable[[Any], None]) -> None:
        """Let ``hear`` be called with each report of a kind."""
        self._hearers.setdefault(kind, []).append(hear)

    def hand(self, report: Report) -> None:
        """Hand a report on."""
        for hear in self._hearers.get(type(report), ()):
            try:
                hear(report)
            except Exception as error:
                log.exception("handler.failed store=%s", self._name)
                self._failed("handler failed", error, report)
