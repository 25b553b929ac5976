"""The live check for OANDA runs against a simulated one, in a process of its own."""

from __future__ import annotations

import pytest

pytest.importorskip("oandapyV20", reason="oandapyV20 is not installed")

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict

from btstores.stores.oanda.simulator import OandaConfig, make_oanda

pytestmark = pytest.mark.long

EXAMPLES = Path(__file__).resolve().parents[4] / "examples"
ACCOUNT = "101-004-1234567-001"
TOKEN = "s3cret-0f-mine"
STEPS = ["history", "stream", "place", "change", "cancel"]

#: The check, as if no change were ever answered and its time were over.
STUCK = """
import oanda_live_check as check
go_on = check.Check.go_on

def stuck(self):
    if self.current is not None and self.current[0] == "change":
        self.env.runstop()
    else:
        go_on(self)

check.Check.go_on = stuck
check.main()
"""
HURRIED = "import oanda_live_check as check; check.PATIENCE = 1.0; check.main()"


def run(*arguments: str, **environment: str) -> Any:
    settings: Dict[str, str] = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OANDA_", "BTSTORES_"))
    }
    settings.update(environment, PYTHONWARNINGS="ignore")
    done = subprocess.run(
        [sys.executable, *(arguments or ["oanda_live_check.py"])],
        capture_output=True,
        text=True,
        timeout=60,
        env=settings,
        cwd=str(EXAMPLES),
    )
    assert TOKEN not in done.stdout + done.stderr
    return done


@pytest.fixture
def oanda():
    with make_oanda(OandaConfig(port=0, prices=4000, history=2000, speed=60.0)) as running:
        yield running


@pytest.fixture
def check(oanda):
    """Run it on the simulated OANDA."""

    def check(*arguments: str, **environment: str) -> Any:
        given = {"OANDA_TOKEN": TOKEN, "OANDA_ACCOUNT": ACCOUNT, "OANDA_PORT": str(oanda.port)}
        return run(*arguments, **{**given, **environment})

    return check


def listed(done: Any) -> Dict[str, str]:
    """Return by step whether it held: the last lines."""
    lines = done.stdout.rpartition("\n\n")[2].splitlines()
    return {
        line[7:].split(":")[0]: line.split()[0]
        for line in lines
        if line.startswith(("held", "FAILED"))
    }


def orders_of(oanda: Any) -> Any:
    found = list(oanda.venue.accounts[ACCOUNT].orders.values())
    return [(one.kind, one.units, one.state) for one in found]


def test_all_holds_and_nothing_is_left(oanda, check):
    done = check()
    assert done.returncode == 0, done.stdout + done.stderr
    assert listed(done) == dict.fromkeys([*STEPS, "nothing is left"], "held")
    assert done.stdout.endswith("all 6 held\n")
    placed, changed = orders_of(oanda)
    assert placed[0] == changed[0] == "LIMIT"
    assert {placed[2], changed[2]} == {"CANCELLED"}
    assert oanda.venue.accounts[ACCOUNT].trades == {}


def test_it_trades_when_told_to(oanda, check):
    done = check(OANDA_TRADE="yes", OANDA_SYMBOL="GBP_USD")
    assert done.returncode == 0, done.stdout + done.stderr
    assert listed(done) == dict.fromkeys([*STEPS, "buy", "sell", "nothing is left"], "held")
    (trade,) = oanda.venue.accounts[ACCOUNT].trades.values()
    assert (trade.instrument, trade.initial, trade.is_open) == ("GBP_USD", 1.0, False)


def test_what_is_there_already_is_left_alone(oanda, check):
    venue = oanda.venue
    with venue.lock:
        dealer = venue.dealers[ACCOUNT]
        with dealer.account.ledger.batch():
            dealer.take(market_order(500.0))
    done = check(OANDA_TRADE="yes")
    assert done.returncode == 1
    assert "FAILED buy: the account holds 500 of it: give another OANDA_SYMBOL" in done.stdout
    assert "not tried: sell" in done.stdout
    assert "2 did not hold" in done.stdout
    (trade,) = venue.accounts[ACCOUNT].open_trades()
    assert trade.units == 500.0


def market_order(units: float) -> Any:
    from btstores.stores.oanda.simulator.orders import Order

    order = Order("MARKET", "EUR_USD", units, None)
    order.tif = "FOK"
    return order


def test_an_order_that_is_refused(oanda, check):
    oanda.faults.on("status", path="orders", code=400)
    done = check(OANDA_TRADE="yes")
    assert done.returncode == 1
    assert "FAILED place: Rejected: on purpose" in done.stdout
    assert "not tried: change, cancel, buy, sell" in done.stdout
    assert orders_of(oanda) == []
    assert listed(done)["nothing is left"] == "held"


def test_its_time_is_over(oanda, check):
    done = check("-c", STUCK)
    assert done.returncode == 1
    assert "FAILED change: not within 90 seconds" in done.stdout
    assert listed(done)["nothing is left"] == "held"
    assert orders_of(oanda)[-1][2] == "CANCELLED"


def test_too_few_prices_come():
    # One in two seconds, however long the pauses between them are.
    seldom = OandaConfig(port=0, symbols=("EUR_USD",), prices=300, history=200, every=60.0)
    with make_oanda(seldom) as oanda:
        given = {"OANDA_TOKEN": TOKEN, "OANDA_ACCOUNT": ACCOUNT, "OANDA_PORT": str(oanda.port)}
        done = run("-c", HURRIED, **given)
        assert orders_of(oanda) == []
    assert done.returncode == 1
    assert "FAILED stream: not within 1 seconds" in done.stdout
    assert "not tried: place, change, cancel" in done.stdout


def test_what_the_doctor_finds_comes_first(oanda, check):
    oanda.token = "another"
    done = check()
    assert done.returncode == 1
    assert "FAIL   token: is refused" in done.stdout
    assert "Nothing ordered" in done.stderr
    assert orders_of(oanda) == []


@pytest.mark.parametrize(
    ("environment", "text"),
    [
        ({"OANDA_TOKEN": ""}, "Set OANDA_TOKEN"),
        ({"OANDA_ACCOUNT": ""}, "Set OANDA_ACCOUNT"),
        ({"OANDA_ENV": "REAL"}, "expected practice or live"),
        *(
            ({"OANDA_ENV": "live", "OANDA_I_MEAN_IT": meant}, "Orders with real money")
            for meant in ("", "no", "YES")
        ),
    ],
)
def test_it_does_nothing_until_it_is_told_all(environment, text):
    given = {"OANDA_TOKEN": TOKEN, "OANDA_ACCOUNT": ACCOUNT, "OANDA_PORT": "1"}
    done = run(**{**given, **environment})
    assert done.returncode != 0
    assert done.stdout == ""
    assert done.stderr.startswith("Nothing done. ")
    assert text in done.stderr


def test_importing_it_does_nothing():
    done = run("-c", "import oanda_live_check")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
