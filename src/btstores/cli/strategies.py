"""Finds the strategy in a user's file."""

from __future__ import annotations

import importlib.util
import os
import sys
from types import ModuleType
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

import backtrader as bt

from btstores.cli.session import OwnCodeError, own_traceback
from btstores.cli.settings import parse
from btstores.errors import ConfigError

__all__ = ["Strategy", "load_strategy", "strategy_defaults", "strategy_params"]


class Strategy(NamedTuple):
    """A strategy class and the file it is in."""

    kind: Any
    file: str


def load_strategy(text: str) -> Strategy:
    """Return the strategy of ``FILE.py`` or ``FILE.py:Class``.

    Raises `ConfigError` when there is none or no single one, `OwnCodeError` when the file
    raises.
    """
    path, name = _split(text)
    if not os.path.isfile(path):
        raise ConfigError.of("STRATEGY", path, "a Python file")
    module = _load(path)
    found = _strategies(module)
    names = ", ".join(sorted(found))
    if name is not None:
        if name not in found:
            expected = f"one of: {names}" if names else "a class derived from bt.Strategy"
            raise ConfigError.of("STRATEGY", f"{path}:{name}", expected)
        return Strategy(found[name], path)
    if not found:
        raise ConfigError.of("STRATEGY", path, "a class derived from bt.Strategy in it")
    if len(found) > 1:
        raise ConfigError(
            f"{path} has several strategies: {names}; choose one with {path}:NAME", "STRATEGY", path
        )
    return Strategy(next(iter(found.values())), path)


def _split(text: str) -> Tuple[str, Optional[str]]:
    path, colon, name = text.rpartition(":")
    # The colon of C:\folder\file.py divides nothing.
    return (path, name) if colon and name.isidentifier() and path else (text, None)


def _load(path: str) -> ModuleType:
    name = "btstores_strategy_" + os.path.splitext(os.path.basename(path))[0]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ConfigError.of("STRATEGY", path, "a Python file (its name ends in .py)")
    module = importlib.util.module_from_spec(spec)
    # backtrader looks its classes' modules up there.
    sys.modules[name] = module
    folder = os.path.dirname(os.path.abspath(path))
    if folder not in sys.path:
        sys.path.insert(0, folder)  # what stands beside the file can be imported, as in a script
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        where = f"{error.filename}, line {error.lineno}"
        raise ConfigError(f"{where}: not Python: {error.msg}", "STRATEGY", path) from None
    except Exception as error:
        text = own_traceback(error, path)
        raise OwnCodeError(text or f"{type(error).__name__}: {error}") from error
    return module


def _strategies(module: ModuleType) -> Dict[str, Any]:
    found = {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, type)
        and issubclass(value, bt.Strategy)
        and value.__module__ == module.__name__
        and not name.startswith("_")
    }
    # A name may be bound twice.
    return {value.__name__: value for value in found.values()}


def strategy_defaults(kind: Any) -> Dict[str, Any]:
    """Return the parameters of a strategy class with their defaults."""
    return dict(kind.params._getitems())


def strategy_params(
    kind: Any, from_file: Dict[str, Any], given: Sequence[Tuple[str, str]]
) -> Dict[str, Any]:
    """Return the parameters for a strategy. Raises `ConfigError` for one that it has not."""
    values = dict(from_file)
    values.update((name, parse(text)) for name, text in given)
    known: List[str] = list(kind.params._getkeys())
    for name in values:
        if name not in known:
            has = ", ".join(known) or "none"
            raise ConfigError(f"{kind.__name__} has no parameter {name!r}; it has: {has}", name)
    return values
