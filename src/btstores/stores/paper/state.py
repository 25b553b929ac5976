"""The file that lets a paper account survive: written whole, or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Dict, Mapping, Optional, Union

from btstores.errors import ConfigError

__all__ = ["StateFile"]

VERSION = 1


class StateFile:
    """JSON in one file, replaced in one step. What was saved is there after a crash.

    Raises `ConfigError` for a folder that is not there.
    """

    def __init__(self, path: Union[str, Path]) -> None:
        self.path = Path(path)
        if not self.path.parent.is_dir():
            raise ConfigError.of("state", str(path), "a file in a folder that exists")

    def load(self) -> Optional[Dict[str, Any]]:
        """Return what was saved last, None when nothing was. Raises `ConfigError`."""
        try:
            record = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise ConfigError.of("state", str(self.path), f"a paper account ({error})") from error
        if not isinstance(record, dict) or record.get("version") != VERSION:
            raise ConfigError.of("state", str(self.path), f"a paper account, version {VERSION}")
        return record

    def save(self, record: Mapping[str, Any]) -> None:
        """Write ``record``; when this returns it is on the disk."""
        text = json.dumps({"version": VERSION, **record}, default=str, separators=(",", ":"))
        beside = self.path.with_name(self.path.name + ".new")
        with open(beside, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, self.path)
