"""Type checkers find the names under backtrader in an installed btstores."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.packaging.environment import Environment

pytestmark = [pytest.mark.packaging, pytest.mark.timeout(600)]

PROGRAM = """
import backtrader as bt
from backtrader.brokers.storebroker import StoreBroker
from backtrader.feeds.storefeed import StoreFeed
from backtrader.handlers.order_handler import OrderHandler
from backtrader.stores import PaperStore
from backtrader.stores.base import BaseStore
from backtrader.stores.paperstore import PaperStore as SamePaperStore

reveal_type(bt.stores.PaperStore)
reveal_type(PaperStore)
reveal_type(SamePaperStore)
reveal_type(bt.stores.BaseStore)
reveal_type(BaseStore)
reveal_type(bt.brokers.StoreBroker)
reveal_type(StoreBroker)
reveal_type(bt.feeds.StoreFeed)
reveal_type(StoreFeed)
reveal_type(OrderHandler)
reveal_type(bt.Cerebro)
reveal_type(bt.stores.VChartFile)
"""
CLASSES = (
    ["PaperStore"] * 3
    + ["BaseStore"] * 2
    + ["StoreBroker"] * 2
    + ["StoreFeed"] * 2
    + ["OrderHandler"]
)


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "program.py"
    path.write_text(textwrap.dedent(PROGRAM), encoding="utf-8")
    return path


@pytest.fixture
def checker(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return Environment(tmp_path_factory.mktemp("checker"))


@pytest.mark.skipif(sys.version_info < (3, 8), reason="the pinned mypy needs Python 3.8")
def test_mypy(installed, checker, program):
    checker.pip("install", "mypy==1.8.0")
    output = checker.call("-m", "mypy", "--python-executable", str(installed.python), str(program))
    revealed = [line.split('"')[1] for line in output.splitlines() if "Revealed" in line]
    assert len(revealed) == len(CLASSES) + 2, output
    for line, name in zip(revealed, CLASSES):
        assert line.startswith("def ("), line
        assert line.endswith(f".{name}"), line
    assert revealed[-2:] == ["Any", "Any"]


def test_pyright(installed, checker, program):
    checker.pip("install", "pyright==1.1.414")
    try:
        checker.call("-m", "pyright", "--version")
    except AssertionError as error:
        pytest.skip(f"pyright cannot be set up here: {str(error)[-300:]}")
    done = subprocess.run(
        [
            *[str(checker.python), "-m", "pyright", "--outputjson"],
            *["--pythonpath", str(installed.python), str(program)],
        ],
        cwd=str(program.parent),
        stdout=subprocess.PIPE,
        check=False,
    )
    report = json.loads(done.stdout[done.stdout.index(b"{") :].decode())
    messages = report["generalDiagnostics"]
    assert [item for item in messages if item["severity"] == "error"] == []
    revealed = [item["message"] for item in messages if item["severity"] == "information"]
    kinds = [message.rpartition(" is ")[2].strip('"') for message in revealed]
    assert kinds == [f"type[{name}]" for name in CLASSES] + ["Any", "Any"]
