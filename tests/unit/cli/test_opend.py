"""`btstores sim opend`, as a process of its own."""

from __future__ import annotations

import pytest

pytest.importorskip("futu", reason="futu-api is not installed")

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, Iterator, List

from btstores.cli.opend import read_account
from btstores.errors import ConfigError

REPOSITORY = Path(__file__).resolve().parents[3]
COMMAND = [sys.executable, "-c", "import sys; from btstores.cli import main; sys.exit(main())"]


class Running:
    """An OpenD in a process, and the first line that it printed."""

    def __init__(self, *options: str) -> None:
        self.process = subprocess.Popen(
            [*COMMAND, "sim", "opend", "--port", "0", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.line = self.process.stdout.readline()

    def end(self) -> List[str]:
        """Wait for the end; return what else it said."""
        out, err = self.process.communicate(timeout=10)
        return [out, err]


@pytest.fixture
def run() -> Iterator[Any]:
    made: List[Running] = []

    def run(*options: str) -> Running:
        made.append(Running(*options))
        return made[-1]

    yield run
    for one in made:
        if one.process.poll() is None:
            one.process.kill()
            one.process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_when_it_listens_and_ends_at_once_when_told(run: Any, number: int) -> None:
    opend = run("--control-port", "0", "--json")
    told = json.loads(opend.line)
    assert told["event"] == "listening"
    assert told["accounts"] == [1001, 1002, 1003, 1004, 1005, 2001]
    assert told["symbols"] == ["HK.00700", "US.AAPL", "SH.600519"]
    with socket.create_connection(("127.0.0.1", told["port"])) as sock:
        opend.process.send_signal(number)
        assert opend.end() == ["", ""]
        assert opend.process.returncode == 0
        # Reset is one that OpenD had not come to accept.
        with contextlib.suppress(ConnectionResetError):
            assert sock.recv(1) == b""


def test_it_ends_when_the_control_port_says_so(run: Any) -> None:
    opend = run("--control-port", "0", "--symbols", "HK.00700,HK.02800", "--account", "acc_id=7")
    where, accounts, symbols = opend.line.rstrip().split("; ")
    assert (accounts, symbols) == ("accounts 7", "symbols HK.00700, HK.02800")
    port = int(where.rsplit(" ", 1)[1])
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall(b'{"do": "quit"}\n')
        assert sock.recv(100) == b'{"ok": true}\n'
    assert opend.end() == ["", ""]
    assert opend.process.returncode == 0


def test_a_plain_program_of_futu_api_trades_on_it(run: Any) -> None:
    opend = run("--json", "--speed", "60", "--symbols", "HK.00700")
    port = json.loads(opend.line)["port"]
    done = subprocess.run(
        [sys.executable, str(REPOSITORY / "examples" / "futu_bare.py"), str(port)],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said = [line.split() for line in done.stdout.splitlines()]
    assert [line[0] for line in said if line[0] == "bar"] == ["bar"] * 3
    assert ["FILLED_ALL" in line for line in said if line[0] == "order"][-1] is True
    assert [line[1:3] for line in said if line[0] == "holds"] == [["100", "HK.00700"]]


def test_what_is_wrong_is_told(refused: Any, tmp_path: Path) -> None:
    for options, told in (
        (("--data", "HK.00700"), "SYMBOL=FILE.csv"),
        (("--data", "HK.00700=/no/file.csv"), "--data='HK.00700=/no/file.csv'"),
        (("--symbols", "TENCENT"), "symbol='TENCENT'"),
        (("--faults", "/no/plan.toml"), "/no/plan.toml"),
        (("--account", "acc_id=1", "--account", "acc_id=1"), "--account=1"),
        (("--speed", "0"), "above zero"),
        (("--start", "soon"), "soon"),
    ):
        assert told in refused("sim", "opend", "--port", "0", *options)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        assert f"port={port}" in refused("sim", "opend", "--port", str(port))


def test_its_help_has_examples(command: Any) -> None:
    said = command("sim", "opend", "--help")
    assert said.status == 0
    assert "examples:\n  btstores sim opend" in said.out
    assert "--json: one object" in said.out
    assert command("sim", "--help").status == 0


def test_an_account_is_read_from_a_line() -> None:
    account = read_account("acc_id=7,trd_env=REAL,markets=HK+US,HKD=1000,USD=5,margin=yes,fees=no")
    assert (account.acc_id, account.trd_env, account.markets) == (7, "REAL", ("HK", "US"))
    assert account.cash == {"HKD": 1000.0, "USD": 5.0}
    assert (account.margin, account.fees) == (True, False)
    for text, told in (
        ("trd_env=REAL", "acc_id"),
        ("acc_id=x", "acc_id=x"),
        ("acc_id=1,colour=red", "colour=red"),
        ("acc_id=1,HKD=much", "HKD=much"),
        ("acc_id=1,margin=perhaps", "margin=perhaps"),
        ("acc_id=1,markets=MARS", "MARS"),
    ):
        with pytest.raises(ConfigError, match=told):
            read_account(text)
