"""`btstores demo --store futu`: real processes, real sockets and the genuine client."""

from __future__ import annotations

import pytest

pytest.importorskip("futu", reason="futu-api is not installed")

import json
import os
import signal
import socket
import subprocess
import sys
from typing import Any, Dict, Iterator, List, NamedTuple, Tuple

from btstores.cli.demo_opend import DemoOpenD
from btstores.cli.record import moment
from btstores.errors import LinkError

pytestmark = pytest.mark.long

COMMAND = [sys.executable, "-m", "btstores.cli", "demo", "--store", "futu"]
#: Within these bars a target is filled while OpenD is away.
SHORT = ("--seed", "10", "--bars", "30", "--seconds", "4", "--no-picture")


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


class Ran(NamedTuple):
    status: int
    lines: List[str]
    err: str

    @property
    def events(self) -> List[Dict[str, Any]]:
        return [json.loads(line) for line in self.lines]


@pytest.fixture(scope="module")
def both() -> Tuple[Ran, Ran]:
    """A short demo as a viewer sees it, and one for a machine, at the same time."""
    running = [
        subprocess.Popen(
            [*COMMAND, *SHORT, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for options in ((), ("--json",))
    ]
    ran = []
    for process in running:
        out, err = process.communicate(timeout=60)
        ran.append(Ran(process.returncode, out.splitlines(), err))
    return ran[0], ran[1]


@pytest.fixture
def shown(both: Tuple[Ran, Ran]) -> Ran:
    return both[0]


@pytest.fixture
def machine(both: Tuple[Ran, Ran]) -> Ran:
    return both[1]


def child_of(lines: List[str]) -> int:
    (line,) = [line for line in lines if "OpenD is process" in line]
    return int(line.split("process ")[1].split()[0])


# What is seen


def test_it_ends_well_and_takes_opend_with_it(shown: Ran) -> None:
    assert (shown.status, shown.err) == (0, "")
    assert not is_running(child_of(shown.lines))


def test_viewer_is_told_of_the_break_in_order(shown: Ran) -> None:
    text = "\n".join(shown.lines)
    told = [
        "US.AAPL is LIVE",
        "accepted",
        "*** the demo breaks the link",
        "link lost (OpenD: ",
        "link is up again after ",
        "reconciled: ",
        " while we were away",
        "US.AAPL is CONNECTED",
        "bars of history",
        "US.AAPL is LIVE",
        "Orders (",
        "What OpenD lists at its control port",
        "Nothing is lost and nothing is counted twice",
        "Final value: ",
    ]
    place = 0
    for words in told:
        place = text.index(words, place) + 1
    assert text.count("link lost") == 1


def test_run_goes_on_after_the_break(machine: Ran) -> None:
    kinds = [event["event"] for event in machine.events]
    after = machine.events[kinds.index("reconciled") :]
    assert sum(event["event"] == "bar" for event in after) >= 3
    # What was missed comes as history, so that no minute is left out or comes twice.
    minutes = sum(one["bars"] for one in machine.events if one["event"] == "history")
    minutes += kinds.count("bar")
    times = [one["time"] for one in machine.events if one["event"] == "bar"]
    first = next(one["from"] for one in machine.events if one["event"] == "history")
    span = moment(times[-1]) - moment(first)
    assert minutes == span.total_seconds() / 60 + 1


# For machines


def test_json_is_one_object_a_line_and_proves_that_nothing_is_lost(machine: Ran) -> None:
    assert (machine.status, machine.err) == (0, "")
    kinds = [event["event"] for event in machine.events]
    assert {"data", "history", "bar", "order", "fill", "fault", "link", "reconciled"} <= set(kinds)
    assert [kinds.count(kind) for kind in ("fault", "reconciled", "summary")] == [1, 1, 1]
    summary = machine.events[-1]
    proof = summary["proof"]
    assert proof["same"] is True
    assert proof["lost"] == []
    rows = {row["what"]: (row["opend"], row["told"]) for row in proof["rows"]}
    assert rows["fills"] == (len(summary["fills"]), len(summary["fills"]))
    assert rows["fills"][0] > 0
    assert summary["final_value"] == pytest.approx(rows["value"][0])
    (told,) = summary["breaks"]
    missed = [(one["side"], one["size"], one["price"]) for one in told["missed"]]
    fills = [(one["side"], one["size"], one["price"]) for one in summary["fills"]]
    assert set(missed) <= set(fills)


# The end of the process


@pytest.fixture
def started() -> Iterator[Any]:
    made: List[Any] = []

    def start(*options: str) -> Any:
        process = subprocess.Popen(
            [*COMMAND, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        made.append(process)
        return process

    yield start
    for process in made:
        process.kill()
        process.communicate()


def lines_until(process: Any, words: str) -> List[str]:
    lines: List[str] = []
    for line in process.stdout:
        lines.append(line.rstrip())
        if words in line:
            return lines
    raise AssertionError(f"never said {words!r}: {lines}")


def test_ctrl_c_ends_both_with_a_summary(started: Any) -> None:
    process = started("--seed", "10", "--seconds", "30", "--no-picture")
    lines = lines_until(process, "is LIVE")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "stopping" in err
    assert "Nothing is lost" in out
    assert "Final value: 1,000,000.00 USD" in out
    assert not is_running(child_of(lines))


def test_opend_ends_with_a_demo_that_is_killed(started: Any) -> None:
    process = started("--seed", "10", "--seconds", "30", "--no-picture")
    (line,) = [line for line in lines_until(process, "listens on port") if "port" in line]
    port = int(line.rsplit(" ", 1)[1])
    with socket.create_connection(("127.0.0.1", port), timeout=20) as sock:
        process.kill()
        # Its last connections end with it. It is no child of ours that could be waited for.
        while sock.recv(4096):
            pass
    with pytest.raises(ConnectionError):
        socket.create_connection(("127.0.0.1", port), timeout=20)


def test_opend_ends_with_an_error() -> None:
    opend = DemoOpenD("--symbols", "US.AAPL")

    def fail() -> None:
        with opend:
            assert is_running(opend.pid)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not is_running(opend.pid)


def test_opend_that_cannot_start_is_told_with_its_own_words() -> None:
    with pytest.raises(LinkError, match="does not start: btstores: error: --data"):
        DemoOpenD("--data", "US.AAPL=nowhere.csv").__enter__()


def test_opend_that_dies_is_told() -> None:
    with DemoOpenD("--symbols", "US.AAPL") as opend:
        assert opend.ask("state")["symbols"]["US.AAPL"]["last"] > 0
        with pytest.raises(LinkError, match="refuses price"):
            opend.ask("price", symbol="HK.00700", price=1.0)
        assert opend.ask("quit") == {"ok": True}
        with pytest.raises(LinkError, match="is gone"):
            [opend.ask("state") for _ in range(100_000)]
    assert not is_running(opend.pid)


# Wrong use


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("--data", "FILE.csv"), "--data='FILE.csv': expected nothing with --store futu"),
        (("--speed", "max"), "--speed='max': expected a number with --store futu"),
        (("--speed", "2000"), "at most 10 minutes a second"),
        (("--bars", "500", "--seconds", "10"), "--bars=500: expected at most 10 minutes a second"),
        (("--fill-model", "backtrader"), "--fill-model='backtrader'"),
        (("--symbol", "HK.00700"), "--symbol='HK.00700'"),
        (("--symbol", "AAPL"), "such as US.AAPL"),
        (("--store", "ib"), "--store"),
    ],
)
def test_wrong_argument(refused: Any, argv: Any, words: str) -> None:
    assert words in refused("demo", "--store", "futu", "--no-picture", *argv)


def test_without_the_client_it_says_what_to_install(refused: Any, monkeypatch: Any) -> None:
    from btstores.stores.futu import sdk

    sdk.futu.cache_clear()
    monkeypatch.setitem(sys.modules, "futu", None)
    said = refused("demo", "--store", "futu", "--no-picture")
    assert said == "futu-api is not installed. Install it with: pip install 'btstores[futu]'"
