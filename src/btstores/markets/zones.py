"""Time zones by name."""

from __future__ import annotations

import datetime
import sys

from btstores.errors import ConfigError

if sys.version_info >= (3, 9):
    from zoneinfo import ZoneInfo
else:
    from backports.zoneinfo import ZoneInfo

__all__ = ["zone"]


def zone(name: str) -> datetime.tzinfo:
    """Return the IANA time zone ``name``. Raises `ConfigError` for an unknown one."""
    try:
        found: datetime.tzinfo = ZoneInfo(name)
    except Exception as error:
        raise ConfigError.of("tz", name, "an IANA time zone such as 'Asia/Hong_Kong'") from error
    return found
