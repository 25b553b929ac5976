"""The cases, by topic. Importing this package registers them."""

from __future__ import annotations

from btstores.testing.cases import (
    brackets,
    changes,
    entry,
    groups,
    link,
    messages,
    options,
    outcomes,
    refusals,
    restart,
    trailing,
    venue_acts,
)

__all__ = [
    "brackets",
    "changes",
    "entry",
    "groups",
    "link",
    "messages",
    "options",
    "outcomes",
    "refusals",
    "restart",
    "trailing",
    "venue_acts",
]
