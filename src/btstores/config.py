"""Parameters of stores: declared as data, checked when given, never shown when secret."""

from __future__ import annotations

import math
import os
import sys
from typing import Any, Dict, Iterator, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

from btstores.errors import ConfigError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["Param", "Params", "check_params", "read_toml"]


class Param(NamedTuple):
    """One parameter. ``kinds`` are the types it may have besides None; empty means any."""

    name: str
    default: Any = None
    kinds: Tuple[type, ...] = ()
    doc: str = ""
    choices: Tuple[Any, ...] = ()
    minimum: Optional[float] = None
    secret: bool = False

    def check(self, value: Any) -> Any:
        """Return ``value`` if it fits; raise `ConfigError` naming what was expected."""
        if value is None or value is self.default:
            return value
        if self.kinds:
            # A bool is an int to Python and a mistake to a person.
            is_stray_bool = isinstance(value, bool) and bool not in self.kinds
            if float in self.kinds and isinstance(value, int) and not is_stray_bool:
                value = float(value)
            if is_stray_bool or not isinstance(value, self.kinds):
                raise self._error(value, " or ".join(kind.__name__ for kind in self.kinds))
        if isinstance(value, float) and math.isnan(value):
            raise self._error(value, "a number")
        if self.choices and value not in self.choices:
            raise self._error(value, "one of " + ", ".join(map(repr, self.choices)))
        if self.minimum is not None and value < self.minimum:
            raise self._error(value, f"at least {self.minimum:g}")
        return value

    def _error(self, value: Any, expected: str) -> ConfigError:
        return ConfigError.of(self.name, "***" if self.secret else value, expected)


class Params(Mapping[str, Any]):
    """Checked parameters, read as attributes or items."""

    def __init__(self, specs: Sequence[Param], values: Mapping[str, Any]) -> None:
        self._specs = {spec.name: spec for spec in specs}
        self._values: Dict[str, Any] = dict(values)

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["_values"][name]
        except KeyError:
            raise AttributeError(name) from None

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        shown = ", ".join(
            f"{name}={'***' if self._specs[name].secret and value is not None else repr(value)}"
            for name, value in self._values.items()
            if value is not self._specs[name].default
        )
        return f"Params({shown})"


def check_params(owner: str, specs: Sequence[Param], given: Mapping[str, Any]) -> Params:
    """Return all parameters of ``owner`` with defaults filled in.

    Raises `ConfigError` for an unknown name or a value of the wrong kind.
    """
    names = [spec.name for spec in specs]
    for name in given:
        if name not in names:
            raise ConfigError(
                f"{owner} has no parameter {name!r}; it has: {', '.join(sorted(names))}",
                name,
                expected=", ".join(sorted(names)),
            )
    values = {spec.name: spec.check(given.get(spec.name, spec.default)) for spec in specs}
    return Params(specs, values)


def read_toml(field: str, path: Union[str, os.PathLike[str]]) -> Dict[str, Any]:
    """Return the content of a TOML file.

    Raises `ConfigError` naming ``field``, which the path was given for.
    """
    try:
        with open(path, "rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise ConfigError.of(field, path, f"a file to read ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{os.fspath(path)}: not TOML: {error}", field, path) from None
