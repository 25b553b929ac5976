"""What a run is given: a TOML file, environment variables and ``--set``, in that order.

A later one counts. Values on the command line and in the environment are written as in TOML;
what TOML cannot read, and what belongs to a parameter that takes text, is taken as text.
"""

from __future__ import annotations

import enum
import os
import sys
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from btstores.config import Param, read_toml
from btstores.errors import ConfigError
from btstores.instruments import TimeFrame

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = [
    "Tables",
    "convert",
    "from_environment",
    "given_values",
    "pairs",
    "parse_timeframe",
    "read_tables",
]


class Tables(NamedTuple):
    """The tables of a configuration file."""

    store: Dict[str, Any]
    data: Dict[str, Any]
    strategy: Dict[str, Any]


def read_tables(path: Optional[str]) -> Tables:
    """Read a TOML file with the tables [store], [data] and [strategy]; all may be missing."""
    if path is None:
        return Tables({}, {}, {})
    content = read_toml("--config", path)
    for name, table in content.items():
        if name not in Tables._fields or not isinstance(table, dict):
            known = ", ".join(f"[{field}]" for field in Tables._fields)
            raise ConfigError(f"{path}: {name!r}: expected only the tables {known}", name)
    return Tables(**{name: dict(content.get(name, {})) for name in Tables._fields})


def pairs(option: str, given: Sequence[str]) -> List[Tuple[str, str]]:
    """Return ``KEY=VALUE`` texts as pairs."""
    found = []
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise ConfigError.of(option, text, "NAME=VALUE")
        found.append((name.strip(), value.strip()))
    return found


def parse(text: str) -> Any:
    """Return a value written as in TOML, or the text itself."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def convert(text: str, spec: Optional[Param] = None) -> Any:
    """Return the value of a parameter given as text."""
    kinds = spec.kinds if spec is not None else ()
    value = parse(text)
    if kinds and not isinstance(value, kinds):
        if str in kinds:
            # An account such as 0123 is text, whatever TOML makes of it.
            return text
        if text.lower() in ("none", "null") and spec is not None and spec.default is None:
            return None
        if (list in kinds or tuple in kinds) and not isinstance(value, dict):
            return [part.strip() for part in text.split(",")]
    return as_enum(value, kinds)


def as_enum(value: Any, kinds: Sequence[type]) -> Any:
    """Return the member of an enumeration that a text names, anything else as it is."""
    for kind in kinds:
        if isinstance(value, str) and issubclass(kind, enum.Enum):
            for member in kind:
                if value.lower() in (member.name.lower(), str(member.value).lower()):
                    return member
    return value


def given_values(store: str, specs: Sequence[Param], texts: Sequence[str]) -> Dict[str, Any]:
    """Return the parameters of a store from the environment and from ``--set``."""
    known = {spec.name: spec for spec in specs}
    found = from_environment(store, specs)
    for name, text in pairs("--set", texts):
        found[name] = convert(text, known.get(name))
    return found


def from_environment(
    store: str, specs: Sequence[Param], environment: Optional[Mapping[str, str]] = None
) -> Dict[str, Any]:
    """Return the parameters of a store that are set as ``BTSTORES_<STORE>_<PARAMETER>``."""
    environment = os.environ if environment is None else environment
    found = {}
    for spec in specs:
        name = f"BTSTORES_{store}_{spec.name}".upper().replace("-", "_")
        if name in environment:
            found[spec.name] = convert(environment[name], spec)
    return found


def parse_timeframe(text: Any) -> int:
    """Return the time frame that a person wrote: minutes, Minute, MINUTES."""
    name = str(text).upper()
    for frame in TimeFrame:
        if name in (frame.name, frame.name[:-1]):
            return int(frame)
    known = ", ".join(frame.name.lower() for frame in TimeFrame)
    raise ConfigError.of("timeframe", text, f"one of {known}")
