"""The examples for Futu run against a simulated OpenD, each in a process of its own."""

from __future__ import annotations

import pytest

pytest.importorskip("futu", reason="futu-api is not installed")

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict

from btstores.stores.futu.opend import OpenDConfig, make_opend
from tests.support.opend import wait_for

pytestmark = pytest.mark.long

EXAMPLES = Path(__file__).resolve().parents[4] / "examples"


def run(script: str, *arguments: str, **environment: str) -> Any:
    settings: Dict[str, str] = {
        name: value for name, value in os.environ.items() if not name.startswith("FUTU_")
    }
    settings.update(environment, PYTHONWARNINGS="ignore")
    return subprocess.run(
        [sys.executable, str(EXAMPLES / script), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env=settings,
    )


@pytest.mark.parametrize(
    ("market", "symbol", "seed", "currency"),
    [("HK", "HK.00700", 3, "HKD"), ("US", "US.AAPL", 0, "USD")],
)
def test_the_bracket_trades_and_ends(market: str, symbol: str, seed: int, currency: str) -> None:
    with make_opend(OpenDConfig(port=0, symbols=(symbol,), seed=seed, speed=600.0)) as opend:
        done = run("futu_bracket.py", market, "60", FUTU_PORT=str(opend.port))
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert [line.split() for line in lines[:2]] == [
        [symbol, "is", "DELAYED"],
        [symbol, "is", "LIVE"],
    ]
    assert any("market to" in line and "Completed: " in line for line in lines)
    assert any("stop to" in line and "Accepted" in line for line in lines)
    assert lines[-1].startswith(f"Final value: {currency} ")


def test_the_live_check_looks_orders_and_cancels_on_a_simulated_account() -> None:
    with make_opend(OpenDConfig(port=0, symbols=("HK.00700",), speed=60.0)) as opend:
        # What is there already is none of its business.
        account = opend.accounts[1001]
        account.place_by_hand("HK.00700", "buy", 200.0, None)
        wait_for(account.positions)
        done = run(
            "futu_live_check.py",
            FUTU_HOST="127.0.0.1",
            FUTU_PORT=str(opend.port),
            FUTU_ACCOUNT="1001",
            FUTU_SYMBOL="HK.00700",
        )
        orders = account.order_list()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\nbar " in done.stdout
    canceled = 15
    mine = [one for one in orders if one["remark"]]
    assert [(one["side"], one["qty"], one["status"]) for one in mine] == [(1, 100.0, canceled)]
    assert "nothing is left" in done.stdout


@pytest.mark.parametrize("missing", ["FUTU_HOST", "FUTU_PORT", "FUTU_ACCOUNT", "FUTU_SYMBOL"])
def test_the_live_check_does_nothing_without_its_variables(missing: str) -> None:
    given = {
        "FUTU_HOST": "127.0.0.1",
        "FUTU_PORT": "1",
        "FUTU_ACCOUNT": "1001",
        "FUTU_SYMBOL": "HK.00700",
    }
    del given[missing]
    done = run("futu_live_check.py", **given)
    assert done.returncode != 0
    assert done.stdout == ""
    assert missing in done.stderr


@pytest.mark.parametrize("meant", ["", "no", "YES"])
def test_the_live_check_wants_to_be_told_twice_that_it_is_real_money(meant: str) -> None:
    done = run(
        "futu_live_check.py",
        FUTU_HOST="127.0.0.1",
        FUTU_PORT="1",
        FUTU_ACCOUNT="2001",
        FUTU_SYMBOL="HK.00700",
        FUTU_ENV="REAL",
        FUTU_I_MEAN_IT=meant,
    )
    assert done.returncode != 0
    assert done.stdout == ""
    assert "FUTU_I_MEAN_IT=yes" in done.stderr


def test_the_live_check_can_be_imported_without_doing_anything() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import futu_live_check"],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=str(EXAMPLES),
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
