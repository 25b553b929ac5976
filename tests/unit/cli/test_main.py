"""The command itself, `btstores stores`, and the small things."""

from __future__ import annotations

import argparse
import datetime
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

import btstores
from btstores.cli import main as main_function
from btstores.cli.settings import convert, from_environment, parse_timeframe
from btstores.cli.text import Screen, clock_text, frame_text, table
from btstores.config import Param
from btstores.markets import MarketType

REPOSITORY = Path(__file__).resolve().parents[3]


def test_version(command):
    assert command("--version").out == f"btstores {btstores.__version__}\n"


def test_help_names_the_commands(command):
    said = command("--help")
    assert said.status == 0
    for name in ("demo", "run", "stores", "journal"):
        assert name in said.out


@pytest.mark.parametrize("name", ["demo", "run", "stores"])
def test_help_of_a_command_has_examples(command, name):
    said = command(name, "--help")
    assert said.status == 0
    assert f"examples:\n  btstores {name}" in said.out
    assert "--json: one object" in said.out


def test_nothing_to_do(command):
    said = command()
    assert said.status == 2
    assert "usage: btstores" in said.err


def test_unknown_command(refused):
    assert "'fly'" in refused("fly")


def test_help_loads_nothing_heavy():
    code = (
        "import sys, btstores.cli\n"
        "btstores.cli.main(['--help'])\n"
        "assert not {'backtrader', 'matplotlib', 'sqlite3'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_reader_that_goes_away_is_no_error(trader):
    code = "import sys, btstores.cli; sys.exit(btstores.cli.main())"
    argv = [sys.executable, "-c", code, "run", str(trader), "--store", "paper", "--data", "DEMO"]
    with subprocess.Popen([*argv, "-v"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(20) == 0


def test_unexpected_errors_are_not_hidden(monkeypatch):
    def fail(args: argparse.Namespace, out: object, err: object) -> int:
        raise RuntimeError("ours")

    monkeypatch.setattr("btstores.cli.stores.stores_command", fail)
    with pytest.raises(RuntimeError, match="ours"):
        main_function(["stores"])


def test_journal_is_there(refused, command, tmp_path):
    assert "COMMAND" in refused("journal")
    said = command("journal", "show", tmp_path / "none.db")
    assert said.status == 2
    assert "there is no such file" in said.err


# stores


def test_stores(command):
    said = command("stores")
    assert said.status == 0
    assert said.lines[0].split()[0] == "store"
    assert any(line.startswith("paper   7 types  yes") for line in said.lines)


def test_one_store(command):
    said = command("stores", "paper")
    for words in ("StopTrailLimit", "participation", "part of a bar's volume", "BTSTORES_PAPER_"):
        assert words in said.out


def test_stores_for_machines(command):
    stores = {one["name"]: one for one in json.loads(command("stores", "--json").out)["stores"]}
    paper = stores["paper"]
    assert paper["installed"] is True
    assert paper["can"]["bracket"] is True
    cash = next(spec for spec in paper["parameters"] if spec["name"] == "cash")
    assert cash["default"] == 10_000.0
    assert cash["types"] == ["float"]


def test_unknown_store(refused):
    assert (
        refused("stores", "nope")
        == "no store is called 'nope'; installed are: futu, oanda, paper, replay"
    )


def test_store_without_its_library(command, refused, monkeypatch):
    class Point:
        name = "ghost"

        def load(self):
            raise ModuleNotFoundError("No module named 'ghostlib'", name="ghostlib")

    for module in ("btstores.stores.registry", "btstores.cli.stores"):
        monkeypatch.setattr(f"{module}.installed_stores", lambda: {"ghost": Point()})
    told = "ghostlib is not installed. Install it with: pip install 'btstores[ghost]'"
    assert f"ghost: not usable yet: {told}" in command("stores").out
    assert refused("stores", "ghost") == told
    one = json.loads(command("stores", "--json").out)["stores"][0]
    assert one == {"name": "ghost", "installed": False, "missing": told}


# Values


@pytest.mark.parametrize(
    ("text", "spec", "value"),
    [
        ("3", None, 3),
        ("words", None, "words"),
        ('"3"', None, "3"),
        ("true", Param("x", False, (bool,)), True),
        ("0123", Param("x", None, (str,)), "0123"),
        ("123", Param("x", None, (str,)), "123"),
        ("none", Param("x", None, (float,)), None),
        ("A, B", Param("x", (), (list, tuple)), ["A", "B"]),
        ('["A"]', Param("x", (), (list, tuple)), ["A"]),
        ("us_stock", Param("x", MarketType.UNKNOWN, (MarketType,)), MarketType.US_STOCK),
    ],
)
def test_convert(text, spec, value):
    assert convert(text, spec) == value


def test_environment_names():
    specs = [Param("api_key", None, (str,), secret=True), Param("port", None, (int,))]
    environment = {"BTSTORES_MY_STORE_API_KEY": "12", "BTSTORES_MY_STORE_PORT": "7", "X": "1"}
    found = from_environment("my-store", specs, environment)
    assert found == {"api_key": "12", "port": 7}


def test_timeframe_words():
    assert [parse_timeframe(text) for text in ("minutes", "Minute", "DAYS")] == [4, 4, 5]


# Text


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("out", "environment", "coloured"),
    [
        (Terminal(), {}, True),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (Terminal(), {"TERM": "dumb"}, False),
        (io.StringIO(), {}, False),
    ],
    ids=["terminal", "no-color", "dumb", "file"],
)
def test_colours(out, environment, coloured):
    Screen(out, environment).line("hello", "good")
    assert out.getvalue() == ("\033[36mhello\033[0m\n" if coloured else "hello\n")


def test_table():
    lines = table(["name", ">size"], [["A", "1"], ["Long", "1,000"]])
    assert lines == ["name   size", "----  -----", "A         1", "Long  1,000"]


def test_times():
    when = datetime.datetime(2024, 3, 5, 14, 30, 15)
    assert [clock_text(when, frame) for frame in (3, 4, 5)] == [
        "05 14:30:15",
        "03-05 14:30",
        "2024-03-05",
    ]
    assert frame_text(5, 1) == "daily"
    assert frame_text(4, 5) == "5-minute"


# Examples


def test_example_is_the_strategy_of_the_demo():
    example = REPOSITORY / "examples" / "sma_bracket.py"
    demo = REPOSITORY / "src" / "btstores" / "cli" / "sma_bracket.py"
    assert example.read_bytes() == demo.read_bytes()


def test_strategy_runs_under_plain_cerebro(prices):
    script = REPOSITORY / "examples" / "backtest.py"
    done = subprocess.run(
        [sys.executable, str(script), str(prices)], stdout=subprocess.PIPE, check=True
    )
    assert done.stdout.decode().splitlines()[-1].startswith("Final value: ")


def test_strategy_runs_by_the_command(command):
    file = REPOSITORY / "examples" / "sma_bracket.py"
    argv = ("run", file, "--store", "paper", "--data", "DEMO", "--set", "history=40", "--json")
    summary = command(*argv).summary
    assert {fill["role"] for fill in summary["fills"]} >= {"entry", "stop"}
