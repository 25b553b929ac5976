"""A recorded session once more: the same reports at the same moments, from a journal."""

from __future__ import annotations

from btstores.stores.replay.store import ReplayStore

__all__ = ["ReplayStore"]
