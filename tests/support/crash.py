"""What a process leaves behind when it is killed: its files as they are at that moment."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Callable

__all__ = ["image", "killed_at"]


def image(path: Path, copy: Path) -> Path:
    """Copy a journal, or another file, with what belongs to it; but for its lock."""
    for ending in ("", "-wal"):
        part = Path(f"{path}{ending}")
        if part.exists():
            shutil.copyfile(part, f"{copy}{ending}")
    return copy


def killed_at(session: Any, seconds: float, path: Path) -> Callable[[], Path]:
    """Let a session be killed in a quiet moment; return where its journal is then.

    The session itself goes on, but what it does after that moment is forgotten.
    """
    copy = path.with_name(f"killed-{path.name}")

    def kill() -> None:
        session.store.idle()
        image(path, copy)

    session.at(seconds, kill)
    return lambda: copy
