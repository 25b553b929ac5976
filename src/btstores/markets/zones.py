"""Time zones by name."""

from __future__ import annotations

import datetime
import sys

from btstores.clock import NS_PER_SECOND
from btstores.errors import ConfigError

if sys.version_info >= (3, 9):
    from zoneinfo import ZoneInfo
else:
    from backports.zoneinfo import ZoneInfo

__all__ = ["date_in", "zone"]


def zone(name: str) -> datetime.tzinfo:
    """Return the IANA time zone ``name``. Raises `ConfigError` for an unknown one."""
    try:
        found: datetime.tzinfo = ZoneInfo(name)
    except Exception as error:
        raise ConfigError.of("tz", name, "an IANA time zone such as 'Asia/Hong_Kong'") from error
    return found


def date_in(timezone: str, time_ns: int) -> datetime.date:
    """Return the date in the IANA time zone at a time. Raises `ConfigError` as `zone`."""
    return datetime.datetime.fromtimestamp(time_ns // NS_PER_SECOND, zone(timezone)).date()
