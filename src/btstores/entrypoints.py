"""What installed packages offer by entry points."""

from __future__ import annotations

import sys
from typing import Any, Dict

if sys.version_info >= (3, 8):
    from importlib.metadata import EntryPoint, entry_points
else:
    from importlib_metadata import EntryPoint, entry_points

__all__ = ["EntryPoint", "entry_points_of"]


def entry_points_of(group: str) -> Dict[str, EntryPoint]:
    """Return the entry points of a group by name, without importing any of them."""
    found: Any = entry_points()
    if hasattr(found, "select"):
        offered = found.select(group=group)
    else:
        offered = found.get(group, ())  # the form of Python 3.8 and 3.9
    return {point.name: point for point in sorted(offered, key=lambda point: str(point.name))}
