"""Runs the command in process and gives back what it said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, List, NamedTuple

import pytest

from btstores.cli import main


class Said(NamedTuple):
    status: int
    out: str
    err: str

    @property
    def lines(self) -> List[str]:
        return self.out.splitlines()

    @property
    def events(self) -> List[Dict[str, Any]]:
        return [json.loads(line) for line in self.lines]

    @property
    def summary(self) -> Dict[str, Any]:
        summary = self.events[-1]
        assert summary["event"] == "summary"
        return summary


@pytest.fixture
def command(capsys):
    def run(*argv: Any) -> Said:
        capsys.readouterr()
        status = main([str(one) for one in argv])
        captured = capsys.readouterr()
        return Said(status, captured.out, captured.err)

    return run


@pytest.fixture
def refused(command):
    """Run what is wrong use: one line on standard error, status 2, no traceback."""

    def run(*argv: Any) -> str:
        said = command(*argv)
        assert said.status == 2
        assert "Traceback" not in said.err
        last = said.err.splitlines()[-1]
        assert last.startswith("btstores: error: ")
        return last[len("btstores: error: ") :]

    return run


TRADER = """
import backtrader as bt


class Trader(bt.Strategy):
    params = (("fast", 3), ("label", "x"))

    def next(self):
        if len(self) == 20:
            self.buy(size=10)
        if len(self) == 30:
            self.sell(size=4)
            self.sell(size=1, exectype=bt.Order.Limit, price=500)
"""


@pytest.fixture
def trader(tmp_path) -> Path:
    path = tmp_path / "trader.py"
    path.write_text(TRADER)
    return path


@pytest.fixture
def prices(tmp_path) -> Path:
    """A file with 80 daily bars of a price that rises and falls."""
    path = tmp_path / "ABC.csv"
    rows = ["Date,Open,High,Low,Close,Volume"]
    for day in range(80):
        price = 50 + 8 * abs((day % 24) - 12) / 12
        date = f"2024-{1 + day // 28:02d}-{1 + day % 28:02d}"
        rows.append(f"{date},{price},{price + 1},{price - 1},{price + 0.25},20000")
    path.write_text("\n".join(rows) + "\n")
    return path
