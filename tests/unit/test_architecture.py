"""The house keeps its order: arrows point down, venues stay in their folders, doors are used."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

import pytest

import btstores

SOURCE = Path(btstores.__file__).resolve().parent
FILES = sorted(SOURCE.rglob("*.py"))

# From the ground up: a room may use the rooms of the floors below, and itself.
FLOORS = (
    {"errors"},
    {"clock", "config", "entrypoints", "instruments", "reports"},
    {"markets"},
    {"inbox", "journal", "orders", "times"},
    {"aggregate", "handlers", "sim"},
    {"stores"},
    {"feeds"},
    {"brokers"},
    {"venues"},
    {"testing"},
    {"cerebro", "monitor", "recovery"},
    {"compat", "package"},
    {"cli"},
)
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}

# Files that are a room of their own inside another room's folder.
OWN_ROOMS = {"feeds/times.py": "times", "feeds/aggregate.py": "aggregate"}

# What Cerebro is given is made from a store, and only when it is asked for.
UPWARD = {
    ("stores/base.py", "btstores.feeds.make"),
    ("stores/base.py", "btstores.brokers.storebroker"),
}

VENUES = {
    "futu": ("futu", "moomoo", "opend"),
    "ctp": ("ctp", "openctp", "simnow"),
    "ib": ("interactivebrokers", "ibapi", "ib_insync", "ibstore"),
    "oanda": ("oanda", "v20"),
    "xueqiu": ("xueqiu", "easytrader"),
    "ccxt": ("ccxt", "binance", "okx"),
    "paper": ("paperstore", "papergateway"),
}
# Data for all venues: the public names of stores, the order of a user's choices.
MAY_NAME_VENUES = {"__init__.py", "compat.py"}
FOLDERS_THAT_MAY = ("cli/", "sim/", "testing/", "monitor/")

DOORS = {
    "time": {"clock.py"},
    "random": {"clock.py"},
    "uuid": set(),
    "secrets": set(),
    "threading": {"clock.py", "inbox.py"},
    "_thread": set(),
    "asyncio": set(),
    "multiprocessing": set(),
    "concurrent": set(),
}
# A guard against threads, and an answer that one thread waits for; neither starts any.
THROUGH_THE_WINDOW = {
    ("journal/base.py", "threading.get_ident"),
    ("stores/paper/venue.py", "concurrent.futures"),
}
WALL_CLOCK = {"now", "utcnow", "today"}

SIMULATED = ("sim/", "stores/futu/opend/", "stores/oanda/simulator/")

# Longer than the limit for now; a number here may only go down.
LIMIT = 500
LONGER = {"stores/base.py": 560}


def name_of(path):
    return path.relative_to(SOURCE).as_posix()


def room_of(path):
    """Return the room of a file, given as a path inside the package."""
    if path in OWN_ROOMS:
        return OWN_ROOMS[path]
    parts = path.split("/")
    if parts[0] == "stores" and len(parts) > 2:
        return "venues"
    if len(parts) == 1:
        return "package" if path == "__init__.py" else path[: -len(".py")]
    return parts[0]


def file_of(module):
    """Return the file of a module of the package, or None for a name inside one."""
    base = SOURCE.joinpath(*module.split(".")[1:])
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return name_of(path)
    return None


class Imports(ast.NodeVisitor):
    """All imports of a file that run, and whether they run when the file is loaded."""

    def __init__(self, tree):
        self.found = []
        self._depth = 0
        self.visit(tree)

    def visit_If(self, node):
        if "TYPE_CHECKING" not in ast.dump(node.test):
            self.generic_visit(node)

    def visit_FunctionDef(self, node):
        self._depth += 1
        self.generic_visit(node)
        self._depth -= 1

    def visit_Import(self, node):
        for alias in node.names:
            self.found.append((alias.name, bool(self._depth)))

    def visit_ImportFrom(self, node):
        assert node.level == 0, "imports are absolute"
        for alias in node.names:
            self.found.append((f"{node.module}.{alias.name}", bool(self._depth)))


def tree_of(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def imports_of(path):
    return Imports(tree_of(path)).found


every_file = pytest.mark.parametrize("path", FILES, ids=name_of)


def test_the_checks_look_at_the_whole_package():
    assert len(FILES) > 40
    rooms = {room_of(name_of(path)) for path in FILES}
    assert rooms <= set(FLOOR), f"rooms without a floor: {sorted(rooms - set(FLOOR))}"


@every_file
def test_arrows_point_down(path):
    name = name_of(path)
    if name == "__init__.py":
        return  # names everything, loads nothing before it is asked for
    mine = room_of(name)
    wrong = []
    for imported, lazy in imports_of(path):
        if not imported.startswith("btstores."):
            continue
        module = imported if file_of(imported) else imported.rpartition(".")[0]
        target = file_of(module)
        assert target is not None, f"{name} imports {imported}, which is not there"
        room = room_of(target)
        if room != mine and FLOOR[room] >= FLOOR[mine]:
            if (name, module) in UPWARD and lazy:
                continue
            wrong.append(imported)
    assert not wrong, f"{name} ({mine}) uses rooms that are not below it: {wrong}"


def test_the_listed_exceptions_are_still_needed():
    for name, module in UPWARD:
        names = [imported for imported, _ in imports_of(SOURCE / name)]
        assert any(imported.startswith(module) for imported in names), (name, module)


@every_file
def test_a_venues_name_stays_in_its_folder(path):
    name = name_of(path)
    if name in MAY_NAME_VENUES or name.startswith(FOLDERS_THAT_MAY):
        return
    code = ast.dump(tree_of(path)).lower()
    for venue, words in VENUES.items():
        if name.startswith(f"stores/{venue}/"):
            continue
        found = [word for word in words if re.search(rf"\b{word}\b", code)]
        assert not found, f"{name} names {found} of {venue}"


def test_the_search_for_venues_finds_what_it_should():
    code = ast.dump(ast.parse("from futu import OpenD\nx = 'paperstore'")).lower()
    found = [w for words in VENUES.values() for w in words if re.search(rf"\b{w}\b", code)]
    assert found == ["futu", "opend", "paperstore"]


@every_file
def test_time_chance_and_threads_come_through_their_doors(path):
    name = name_of(path)
    if name.startswith(SIMULATED):
        return  # beside the product: seeded prices, and threads of their own
    for imported, _ in imports_of(path):
        if (name, imported) in THROUGH_THE_WINDOW:
            continue
        allowed = DOORS.get(imported.split(".")[0])
        assert allowed is None or name in allowed, f"{name} imports {imported}"


@every_file
def test_nobody_asks_the_wall_clock_for_the_date(path):
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            assert node.func.attr not in WALL_CLOCK, f"{name_of(path)}, line {node.lineno}"


@every_file
def test_a_module_can_be_read_at_a_sitting(path):
    name = name_of(path)
    lines = len(path.read_text(encoding="utf-8").splitlines())
    allowed = LONGER.get(name, LIMIT)
    assert lines <= allowed, f"{name} has {lines} lines, {allowed} are allowed"


@every_file
def test_what_a_module_offers_is_there(path):
    offered = [
        node
        for node in tree_of(path).body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__"
    ]
    if not offered:
        return
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    module = importlib.import_module(name)
    missing = [each for each in module.__all__ if not hasattr(module, each)]
    assert not missing, f"{name} offers {missing} and does not have them"
    assert len(set(module.__all__)) == len(module.__all__)


@every_file
def test_the_core_knows_no_cerebro(path):
    if room_of(name_of(path)) in {
        "brokers",
        "cerebro",
        "feeds",
        "venues",
        "testing",
        "cli",
        "sim",
        "package",
    }:
        return
    for imported, _ in imports_of(path):
        assert imported.split(".")[0] != "backtrader", f"{name_of(path)} imports {imported}"
