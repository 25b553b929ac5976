"""`btstores run`: what it is given, what it shows and how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

PAPER = ("--store", "paper", "--data", "DEMO")


def write(path, code):
    path.write_text(textwrap.dedent(code))
    return path


def test_orders_fills_positions_and_what_is_open(command, trader):
    said = command("run", trader, *PAPER)
    assert said.status == 0
    assert said.err == ""
    assert said.lines[0] == "Trader() on paper"
    for words in ("DEMO is LIVE", "bought 10 at", "Orders (3)", "Fills (2)", "Positions (1)"):
        assert words in said.out
    end = said.lines[said.lines.index("Still open at the venue") :]
    assert end[1] == "  order #3: sell 1 DEMO Limit"
    assert end[2] == "  position: 6 DEMO"
    assert said.lines[-1].startswith("Final value: ")


def test_bars_only_when_asked_for(command, trader):
    assert "   value " not in command("run", trader, *PAPER).out
    assert "   value " in command("run", trader, *PAPER, "-v").out
    quiet = command("run", trader, *PAPER, "--json")
    assert "bar" not in {event["event"] for event in quiet.events}
    assert "bar" in {e["event"] for e in command("run", trader, *PAPER, "--json", "-v").events}


def test_json_summary(command, trader):
    summary = command("run", trader, *PAPER, "--json").summary
    assert summary["ended_by"] == "data"
    assert [order["status"] for order in summary["orders"]] == [
        "Completed",
        "Completed",
        "Accepted",
    ]
    assert [order["order"] for order in summary["open_orders"]] == [3]
    assert [(one["symbol"], one["size"]) for one in summary["positions"]] == [("DEMO", 6)]


def test_prices_from_a_file(command, trader, prices):
    argv = ("run", trader, "--store", "paper", "--data", "ABC", "--timeframe", "days", "--json")
    summary = command(*argv, "--set", f"prices={prices}", "--set", "cash=5000").summary
    assert summary["start_value"] == 5000
    assert [fill["data"] for fill in summary["fills"]] == ["ABC", "ABC"]


def test_bad_prices_are_told_and_counted(command, trader, prices):
    rows = prices.read_text().splitlines()
    date, *_ = rows[60].split(",")
    rows[60] = f"{date},500,500,500,500,20000"
    prices.write_text("\n".join(rows) + "\n")
    argv = ("run", trader, "--store", "paper", "--data", "ABC", "--timeframe", "days")
    given = ("--set", f"prices={prices}")
    assert command(*argv, *given, "--json").summary["bad_prices"] == [["ABC", "spike", 1]]
    said = command(*argv, *given)
    assert "Bad prices of ABC: spike (1)" in said.out
    assert "data quality ABC spike flag 500 after" in said.out


def test_a_recorded_session_once_more(command, trader, tmp_path):
    journal = tmp_path / "account.journal"
    recorded = command("run", trader, *PAPER, "--journal", journal)
    again = ("--store", "replay", "--data", "DEMO", "--journal", journal)
    said = command("run", trader, *again)
    assert said.status == 0
    assert "The strategy did what it did then." in said.out
    assert said.lines[-1] == recorded.lines[-1]
    code = trader.read_text()
    trader.write_text(code.replace("size=4", "size=3"))
    said = command("run", trader, *again)
    assert said.status == 1
    assert "What the strategy did otherwise than then (1)" in said.out
    assert "size 3, recorded size 4" in said.out


def test_two_symbols(command, trader):
    argv = ("run", trader, "--store", "paper", "--data", "A", "--data", "B", "--json", "-v")
    events = command(*argv, "--set", 'symbols=["A", "B"]').events
    assert {event["data"] for event in events if event["event"] == "bar"} == {"A", "B"}


def test_coarser_bars(command, trader):
    said = command("run", trader, *PAPER, "--compression", "5", "--json", "-v")
    assert sum(event["event"] == "bar" for event in said.events) == 390 // 5


def test_configuration_file(command, trader, tmp_path):
    config = write(
        tmp_path / "live.toml",
        """
        [store]
        name = "paper"
        seed = 3
        cash = 777
        [data]
        symbols = ["DEMO"]
        timeframe = "minutes"
        compression = 5
        [strategy]
        label = "from the file"
        """,
    )
    said = command("run", trader, "--config", config)
    assert said.status == 0
    assert said.lines[0] == "Trader(label='from the file') on paper"
    assert "DEMO, 5-minute" in said.lines[1]
    summary = command("run", trader, "--config", config, "--json").summary
    assert summary["start_value"] == 777


def test_command_line_before_environment_before_file(command, trader, tmp_path, monkeypatch):
    config = write(tmp_path / "c.toml", '[store]\nname = "paper"\ncash = 1\n')
    argv = ("run", trader, "--config", config, "--data", "DEMO", "--json")
    monkeypatch.setenv("BTSTORES_PAPER_CASH", "2000")
    assert command(*argv).summary["start_value"] == 2000
    assert command(*argv, "--set", "cash=3000").summary["start_value"] == 3000


def test_parameters_of_the_strategy(command, trader):
    said = command("run", trader, *PAPER, "--param", "fast=7", "--param", "label=some words")
    assert said.lines[0] == "Trader(fast=7, label='some words') on paper"


def test_journal(command, trader, tmp_path):
    journal = tmp_path / "journal.db"
    assert command("run", trader, *PAPER, "--journal", journal).status == 0
    assert command("journal", "verify", journal).status in (0, 1)
    shown = command("journal", "show", journal, "--kind", "intent", "--json")
    assert len(shown.lines) == 3


def test_ends_after_so_many_seconds(command, trader):
    said = command("run", trader, *PAPER, "--set", "speed=1", "--seconds", "0.3", "--json")
    assert said.status == 0
    assert said.summary["ended_by"] == "time"


# Strategies


def test_strategy_is_chosen_by_name(command, refused, tmp_path):
    two = write(
        tmp_path / "two.py",
        """
        import backtrader as bt
        class First(bt.Strategy): pass
        class Second(bt.Strategy): pass
        """,
    )
    assert "First, Second" in refused("run", two, *PAPER)
    assert command("run", f"{two}:Second", *PAPER).lines[0] == "Second() on paper"
    assert "one of: First, Second" in refused("run", f"{two}:Third", *PAPER)


def test_strategy_that_raises_shows_its_own_lines(command, tmp_path):
    file = write(
        tmp_path / "bad.py",
        """
        import backtrader as bt

        class Bad(bt.Strategy):
            def next(self):
                if len(self) == 20:
                    self.buy(size=1, exectype=bt.Order.Limit, price=1)
                if len(self) == 22:
                    self.helper()

            def helper(self):
                return 1 / 0
        """,
    )
    said = command("run", file, *PAPER)
    assert said.status == 1
    assert said.err.startswith("Traceback (most recent call last):\n")
    assert "return 1 / 0" in said.err
    assert "ZeroDivisionError" in said.err
    assert "cerebro.py" not in said.err
    assert f"{os.sep}btstores{os.sep}cli" not in said.err
    assert said.err.splitlines()[-1] == "btstores: error: the strategy failed; see above"
    assert "Still open at the venue" in said.out


def test_file_that_raises(command, tmp_path):
    said = command("run", write(tmp_path / "bad.py", "import nothing_of_that_name"), *PAPER)
    assert said.status == 1
    assert "nothing_of_that_name" in said.err
    assert "importlib" not in said.err


def test_file_that_is_not_python(refused, tmp_path):
    assert "line 1: not Python" in refused("run", write(tmp_path / "bad.py", "def (:"), *PAPER)


def test_file_without_a_strategy(refused, tmp_path):
    assert "bt.Strategy" in refused("run", write(tmp_path / "none.py", "x = 1"), *PAPER)


# Wrong use


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (
            ("--store", "nope", "--data", "X"),
            "no store is called 'nope'; installed are: futu, oanda, paper, replay",
        ),
        (("--store", "paper", "--data", "XX"), "does not know the symbol 'XX'; it knows DEMO"),
        ((*PAPER, "--timeframe", "ticks"), "paper has no ticks"),
        ((*PAPER, "--timeframe", "seconds"), "paper has no Seconds/1 bars; it has: Minutes"),
        ((*PAPER, "--timeframe", "fortnights"), "timeframe='fortnights': expected one of ticks"),
        ((*PAPER, "--compression", "0"), "--compression"),
        ((*PAPER, "--set", "nothing=1"), "PaperStore has no parameter 'nothing'; it has: account"),
        ((*PAPER, "--set", "cash=much"), "cash='much': expected float"),
        ((*PAPER, "--set", "fill_model=magic"), "'book', 'backtrader'"),
        ((*PAPER, "--set", "cash"), "--set='cash': expected NAME=VALUE"),
        ((*PAPER, "--set", "prices=nowhere.csv"), "nowhere.csv"),
        ((*PAPER, "--param", "slow=3"), "Trader has no parameter 'slow'; it has: fast, label"),
        (("--store", "paper"), "which symbol?"),
        (("--data", "DEMO"), "which store?"),
        ((*PAPER, "--config", "nowhere.toml"), "--config='nowhere.toml'"),
    ],
)
def test_wrong_use(refused, trader, argv, words):
    assert words in refused("run", trader, *argv)


def test_no_such_file(refused):
    assert refused("run", "nowhere.py", *PAPER) == "STRATEGY='nowhere.py': expected a Python file"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[shop]\n", "expected only the tables [store], [data], [strategy]"),
        ("name = \n", "not TOML"),
        ("[data]\nsymbols = 3\n", "symbols=3: expected a list of symbols"),
        ('[data]\nsymbols = ["DEMO"]\nspeed = 3\n', "a feed has no parameter 'speed'"),
    ],
)
def test_wrong_configuration(refused, trader, tmp_path, text, words):
    config = write(tmp_path / "c.toml", text)
    assert words in refused("run", trader, "--store", "paper", "--config", config)


def test_missing_extra_names_the_command(refused, trader, monkeypatch):
    class Point:
        name = "ghost"

        def load(self):
            raise ModuleNotFoundError("No module named 'ghostlib'", name="ghostlib")

    monkeypatch.setattr("btstores.stores.registry.installed_stores", lambda: {"ghost": Point()})
    said = refused("run", trader, "--store", "ghost", "--data", "X")
    assert said == "ghostlib is not installed. Install it with: pip install 'btstores[ghost]'"


def test_secret_is_not_printed(refused, trader, monkeypatch):
    from btstores.config import Param
    from btstores.stores.paper import PaperStore

    secret = Param("token", None, (str,), "a secret", choices=("right",), secret=True)
    monkeypatch.setattr(PaperStore, "PARAMS", (*PaperStore.PARAMS, secret))
    monkeypatch.setenv("BTSTORES_PAPER_TOKEN", "hunter2")
    said = refused("run", trader, *PAPER)
    assert "hunter2" not in said
    assert "token='***'" in said


# Signals: another process, with a clock that is the wall's

SLOW = ("--set", "speed=600", "--set", "history=25", "--journal")


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent as POSIX has them")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signal_stops_cleanly_and_lists_what_is_open(trader, tmp_path, number, status):
    code = "import sys, btstores.cli; sys.exit(btstores.cli.main())"
    trader.write_text(trader.read_text().replace("== 20", "== 26"))
    argv = ["run", str(trader), *PAPER, *SLOW, str(tmp_path / "j.db")]
    process = subprocess.Popen(
        [sys.executable, "-c", code, *argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    shown = b""
    while b"sold 4 at" not in shown:
        line = process.stdout.readline()
        assert line, process.stderr.read()
        shown += line
    process.send_signal(number)
    start = time.monotonic()
    rest, err = process.communicate(timeout=20)
    assert time.monotonic() - start < 10
    assert process.returncode == status
    assert b"stopping; once more to leave at once" in err
    assert b"Traceback" not in err
    assert b"Still open at the venue\n  order #3: sell 1 DEMO Limit\n  position:" in rest
    assert b"Final value: " in rest


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent as POSIX has them")
def test_the_kill_switch_cancels_all_and_lets_the_run_go_on(trader, tmp_path):
    code = "import sys, btstores.cli; sys.exit(btstores.cli.main())"
    trader.write_text(trader.read_text().replace("== 20", "== 26"))
    argv = ["run", str(trader), *PAPER, *SLOW, str(tmp_path / "j.db")]
    process = subprocess.Popen(
        [sys.executable, "-c", code, *argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    shown = b""
    for awaited, number in ((b"sold 4 at", signal.SIGUSR1), (b"cancelled", signal.SIGINT)):
        while awaited not in shown:
            line = process.stdout.readline()
            assert line, process.stderr.read()
            shown += line
        process.send_signal(number)
    rest, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert b"kill switch: all orders are cancelled" in err
    assert b"Still open at the venue\n  position:" in rest


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent as POSIX has them")
def test_second_signal_leaves_at_once(tmp_path):
    stuck = write(
        tmp_path / "stuck.py",
        """
        import time
        import backtrader as bt

        class Stuck(bt.Strategy):
            def next(self):
                print("here", flush=True)
                time.sleep(60)
        """,
    )
    code = "import sys, btstores.cli; sys.exit(btstores.cli.main())"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "run", str(stuck), *PAPER],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    while process.stdout.readline().strip() != b"here":
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert process.stderr.readline() + process.stderr.readline()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)
    assert process.returncode == 130


def test_what_is_kept_of_a_long_run_is_bounded(command, tmp_path, monkeypatch):
    busy = write(
        tmp_path / "busy.py",
        """
        import backtrader as bt

        class Busy(bt.Strategy):
            def next(self):
                if len(self) == 5:
                    self.sell(size=1, exectype=bt.Order.Limit, price=500)
                if len(self) < 300:
                    self.buy(size=1) if len(self) % 2 else self.sell(size=1)
        """,
    )
    monkeypatch.setattr("btstores.cli.run.KEEP", 10)
    summary = command("run", busy, *PAPER, "--json").summary
    assert len(summary["fills"]) == 10
    assert 10 <= len(summary["orders"]) <= 21
    assert [order["size"] for order in summary["open_orders"]] == [1]
    assert summary["orders"][-1]["order"] == 300
