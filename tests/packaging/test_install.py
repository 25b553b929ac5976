"""The built package in throw-away environments: what a user has after ``pip install btstores``."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

import pytest

from tests.packaging.environment import CLEAN, Environment

pytestmark = [pytest.mark.packaging, pytest.mark.timeout(600)]

REPOSITORY = Path(__file__).resolve().parents[2]

SAME_OBJECTS = """
import sys
from backtrader.stores.base import BaseStore
from backtrader.stores.paperstore import PaperStore
from backtrader.brokers.storebroker import StoreBroker, StoreCommInfo
from backtrader.feeds.storefeed import StoreFeed
from backtrader.handlers.order_handler import OrderHandler
from backtrader.stores import PaperStore as SamePaperStore
import backtrader as bt
import backtrader.handlers as handlers
import btstores.brokers.storebroker, btstores.feeds.storefeed, btstores.handlers.order_handler
import btstores.stores.base, btstores.stores.paper
assert BaseStore is bt.stores.BaseStore is btstores.stores.base.BaseStore
assert PaperStore is bt.stores.PaperStore is SamePaperStore is btstores.stores.paper.PaperStore
assert StoreBroker is bt.brokers.StoreBroker is btstores.brokers.storebroker.StoreBroker
assert StoreCommInfo is bt.brokers.StoreCommInfo
assert StoreFeed is bt.feeds.StoreFeed is btstores.feeds.storefeed.StoreFeed
assert issubclass(bt.feeds.PaperData, StoreFeed) and issubclass(bt.brokers.PaperBroker, StoreBroker)
assert handlers is btstores.handlers
assert OrderHandler is btstores.handlers.order_handler.OrderHandler
assert sys.modules["backtrader.stores.base"] is sys.modules["btstores.stores.base"]
"""

NOT_THERE = """
import backtrader
try:
    import backtrader.stores.base
except ModuleNotFoundError as error:
    assert error.name == "backtrader.stores.base", error
else:
    raise AssertionError("found")
assert not hasattr(backtrader.stores, "PaperStore")
"""


def test_the_wheel_holds_what_it_should_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.partition("/")[0] for name in names if ".dist-info/" not in name}
    assert tops == {
        "btstores",
        "_btstores_hook",
        "backtrader-stubs",
        "btstores_hook.pth",
        "btstores_hook.start",
    }
    assert len(names) == len(set(names))
    assert {"btstores/py.typed", "backtrader-stubs/py.typed"} <= set(names)
    assert not [name for name in names if "__pycache__" in name]


def test_the_aliases_are_the_objects_of_btstores(installed):
    installed.run(SAME_OBJECTS)


def test_importing_backtrader_imports_nothing_of_btstores(installed):
    installed.run("import sys, backtrader; assert 'btstores' not in sys.modules")


def test_the_environment_can_say_no(installed):
    installed.run(NOT_THERE, BTSTORES_NO_HOOK="1")
    installed.run("import btstores\n" + NOT_THERE, BTSTORES_NO_HOOK="1")


@pytest.mark.parametrize("options", [[], ["-I"], ["-W", "error"], ["-X", "dev"]], ids=str)
def test_an_interpreter_starts_in_silence(installed, options):
    assert installed.call(*options, "-c", "pass") == ""


def test_an_interpreter_start_costs_next_to_nothing(installed):
    """Measured under one millisecond; the limit allows for a busy machine."""
    installed.call("-c", "pass")

    def microseconds() -> int:
        lines = installed.call("-X", "importtime", "-c", "pass").splitlines()
        (line,) = [line for line in lines if "_btstores_hook" in line]
        return int(line.split("|")[1])

    assert min(microseconds() for _ in range(30)) < 2000


def test_the_command_and_the_entry_point_are_there(installed):
    command = installed.python.parent / "btstores"
    done = subprocess.run([str(command), "--help"], env=CLEAN, stdout=subprocess.PIPE, check=False)
    assert done.returncode == 0
    assert b"demo" in done.stdout
    installed.run("import btstores; assert btstores.open_store('paper')")


def test_reinstalling_backtrader_loses_nothing(fresh):
    fresh.pip("install", "--force-reinstall", "--no-deps", "backtrader>=1.9.78.123,<1.10")
    fresh.run(SAME_OBJECTS)


def test_uninstalling_backtrader_leaves_a_clean_interpreter(fresh):
    fresh.pip("uninstall", "-y", "backtrader")
    assert fresh.call("-c", "pass") == ""
    assert not (fresh.site_packages / "backtrader").exists()
    fresh.run("""
for _ in range(2):
    try:
        import backtrader.stores.base
    except ModuleNotFoundError as error:
        assert error.name == "backtrader", error
    else:
        raise AssertionError("found")
""")


def test_uninstalling_btstores_leaves_nothing(fresh):
    fresh.pip("uninstall", "-y", "btstores")
    assert fresh.files_of_ours() == []
    assert not (fresh.site_packages / "backtrader-stubs").exists()
    assert fresh.call("-c", "pass") == ""
    fresh.run(NOT_THERE)


def test_a_hook_file_left_behind_is_silent(fresh):
    (fresh.site_packages / "_btstores_hook").rename(fresh.folder / "gone")
    assert fresh.call("-c", "pass") == ""
    fresh.run(NOT_THERE)


def test_an_editable_install_has_the_names_too(tmp_path):
    environment = Environment(tmp_path)
    environment.pip("install", "-e", str(REPOSITORY))
    environment.run(SAME_OBJECTS)
    environment.run("import btstores; assert 'site-packages' not in btstores.__file__")
    environment.pip("uninstall", "-y", "btstores")
    assert environment.files_of_ours() == []
    environment.run(NOT_THERE)
