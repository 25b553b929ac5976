"""Plans of what goes wrong and when: by hand, or by chance from a seed."""

from __future__ import annotations

import os
import random
from typing import Any, Callable, List, Mapping, NamedTuple, Union

from btstores.config import read_toml
from btstores.errors import ConfigError

__all__ = ["Chance", "Planned", "draws", "plan_of_seed", "read_plan"]


class Planned(NamedTuple):
    """A fault to switch on ``at`` so many seconds after the start."""

    at: float
    name: str
    options: Mapping[str, Any] = {}


class Chance(NamedTuple):
    """How likely a fault is next to others, and how many seconds it lasts at most."""

    weight: float
    longest: float
    doc: str


def draws(purpose: str, seed: int) -> random.Random:
    """Return random numbers of a seed; those for one purpose do not depend on another's."""
    return random.Random(f"{purpose} {seed}")


def plan_of_seed(
    chances: Mapping[str, Chance], seed: int, seconds: float, per_minute: float
) -> List[Planned]:
    """Return what goes wrong within ``seconds``, the same for the same arguments.

    A fault that lasts has its length in the option ``seconds``. Short ones are as frequent as
    long ones.
    """
    chance = draws("faults", seed)
    names = sorted(chances)
    weights = [chances[name].weight for name in names]
    plan: List[Planned] = []
    at = chance.expovariate(per_minute / 60.0)
    while names and at < seconds:
        (name,) = chance.choices(names, weights)
        longest = chances[name].longest
        length = longest ** chance.random() if longest > 1.0 else longest
        options = {"seconds": round(length, 3)} if longest else {}
        plan.append(Planned(round(at, 3), name, options))
        at += chance.expovariate(per_minute / 60.0)
    return plan


def read_plan(
    path: Union[str, os.PathLike[str]], check: Callable[[str, Mapping[str, Any]], Any]
) -> List[Planned]:
    """Return the plan in a TOML file: tables ``[[fault]]`` with ``at``, ``name`` and options.

    ``at`` is in seconds after the start. ``check`` is called with each name and its options.
    Raises `ConfigError` with the number of the table.
    """
    tables = read_toml("faults", path)
    wrong = sorted(set(tables) - {"fault"})
    rows = tables.get("fault", [])
    if wrong or not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ConfigError(f"{os.fspath(path)}: expected tables [[fault]] and nothing else")
    plan: List[Planned] = []
    for number, row in enumerate(rows, 1):
        try:
            plan.append(_planned(row, check))
        except ConfigError as error:
            text = f"{os.fspath(path)}, fault {number}: {error}"
            raise ConfigError(text, error.field) from None
    return plan


def _planned(row: Mapping[str, Any], check: Callable[[str, Mapping[str, Any]], Any]) -> Planned:
    options = {name: value for name, value in row.items() if name not in ("at", "name")}
    at = row.get("at", 0.0)
    if isinstance(at, bool) or not isinstance(at, (int, float)) or not at >= 0:
        raise ConfigError.of("at", at, "seconds after the start")
    check(str(row.get("name")), options)
    return Planned(float(at), str(row["name"]), options)
