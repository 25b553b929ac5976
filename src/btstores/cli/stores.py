"""`btstores stores`: what is installed and what each store can do."""

from __future__ import annotations

import argparse
import enum
import inspect
import json
from typing import Any, Dict, List, TextIO

from btstores.cli.text import Screen, table
from btstores.config import Param
from btstores.errors import MissingExtraError
from btstores.instruments import TimeFrame
from btstores.stores.gateway import Capabilities
from btstores.stores.registry import find_store, installed_stores

__all__ = ["stores_command"]


def stores_command(args: argparse.Namespace, out: TextIO, err: TextIO) -> int:
    """List the stores, or tell all of one; return the exit status."""
    if args.name is not None:
        find_store(args.name)
        found = [describe(args.name)]
    else:
        found = [describe(name) for name in installed_stores()]
    if args.json:
        out.write(json.dumps({"stores": found}, indent=1) + "\n")
        return 0
    screen = Screen(out)
    if args.name is not None:
        _show_one(screen, found[0])
    else:
        _show_all(screen, found)
    return 0


def describe(name: str) -> Dict[str, Any]:
    """Return what is known of a store, as JSON values."""
    try:
        kind = find_store(name)
    except MissingExtraError as error:
        return {"name": name, "installed": False, "missing": str(error)}
    about = inspect.cleandoc(kind.__doc__ or "").split("\n\n")
    return {
        "name": name,
        "installed": True,
        "class": f"{kind.__module__}.{kind.__qualname__}",
        "about": about,
        "can": _can(kind.capabilities),
        "parameters": [_parameter(spec) for spec in kind.all_params()],
    }


def _can(can: Capabilities) -> Dict[str, Any]:
    return {
        "order_types": sorted(kind.value for kind in can.order_types),
        "bracket": can.bracket,
        "oco": can.oco,
        "tifs": sorted(tif.value for tif in can.tifs),
        "modify": sorted(can.modify),
        "short": can.short,
        "fractional": can.fractional,
        "timeframes": [_frame(*frame) for frame in sorted(can.timeframes)],
        "ticks": can.ticks,
        "quotes": can.quotes,
        "history": can.history,
    }


def _frame(timeframe: int, compression: int) -> str:
    name = TimeFrame(timeframe).name.lower()
    return f"{compression} {name}" if compression else f"any {name}"


def _parameter(spec: Param) -> Dict[str, Any]:
    return {
        "name": spec.name,
        "default": "***" if spec.secret and spec.default is not None else _plain(spec.default),
        "types": [kind.__name__ for kind in spec.kinds],
        "choices": [_plain(choice) for choice in spec.choices],
        "secret": spec.secret,
        "doc": spec.doc,
    }


def _plain(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


_YES = {True: "yes", False: "-"}


def _show_all(screen: Screen, found: List[Dict[str, Any]]) -> None:
    if not found:
        screen.line("No store is installed.")
        return
    rows = []
    for one in found:
        if one["installed"]:
            can = one["can"]
            marks = [_YES[can[name]] for name in ("bracket", "oco", "ticks", "quotes", "history")]
            modify = _YES[bool(can["modify"])]
            rows.append([one["name"], f"{len(can['order_types'])} types", *marks, modify])
    names = ["store", "orders", "bracket", "oco", "ticks", "quotes", "history", "modify"]
    for line in table(names, rows):
        screen.line(line)
    for one in found:
        if not one["installed"]:
            screen.line(f"{one['name']}: not usable yet: {one['missing']}", "bad")
    screen.line()
    screen.line("btstores stores NAME tells all of one.", "dim")


def _show_one(screen: Screen, one: Dict[str, Any]) -> None:
    can = one["can"]
    screen.line(f"{one['name']}: {one['class']}", "bold")
    screen.line(" ".join(one["about"][0].split()) if one["about"] else "")
    screen.line()
    rows = [
        ["order types", ", ".join(can["order_types"])],
        ["bars", ", ".join(can["timeframes"]) or "none"],
        ["time in force", ", ".join(can["tifs"])],
        ["modify", ", ".join(can["modify"]) or "nothing"],
    ]
    marks = ("bracket", "oco", "short", "fractional", "ticks", "quotes", "history")
    rows += [[name, _YES[can[name]]] for name in marks]
    for line in table(["what", "by itself"], rows):
        screen.line(line)
    screen.line()
    rows = [[spec["name"], _default(spec), _kinds(spec), spec["doc"]] for spec in one["parameters"]]
    for line in table(["parameter", "default", "type", "what it is"], rows):
        screen.line(line)
    screen.line()
    name = one["name"].upper().replace("-", "_")
    screen.line("Set them with --set NAME=VALUE, in [store] of a TOML file, or as", "dim")
    screen.line(f"environment variables: BTSTORES_{name}_NAME.", "dim")


def _default(spec: Dict[str, Any]) -> str:
    value = spec["default"]
    if value is None:
        return ""
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _kinds(spec: Dict[str, Any]) -> str:
    if spec["secret"]:
        return "secret"
    if spec["choices"]:
        return " | ".join(map(str, spec["choices"]))
    return " or ".join(spec["types"]) or "any"
