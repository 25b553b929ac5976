"""`btstores doctor`: what is well, and what it says to do about the rest."""

from __future__ import annotations

import socket
from typing import Any, Dict, Iterator, List

import pytest

pytest.importorskip("futu", reason="futu-api is not installed")

from btstores.stores.futu.opend import OpenDConfig, make_opend

WELL = [
    "futu-api",
    "OpenD",
    "login for quotes",
    "login for trading",
    "clock",
    "streams",
    "right to quotes",
    "account",
    "balance",
]


@pytest.fixture
def opend() -> Iterator[Any]:
    with make_opend(OpenDConfig(port=0, symbols=("HK.00700",), bars=60)) as running:
        yield running


@pytest.fixture
def examine(opend: Any, command: Any) -> Any:
    """Run the doctor on the OpenD; return its status and its findings by name."""

    def examine(*options: str, port: int = opend.port) -> Any:
        settings = [text for option in (f"port={port}", *options) for text in ("--set", option)]
        said = command("doctor", "--store", "futu", "--json", *settings)
        assert said.err == ""
        found: Dict[str, Dict[str, Any]] = {one["what"]: one for one in said.events}
        assert len(found) == len(said.events)
        assert said.status == (0 if all(one["good"] for one in said.events) else 1)
        return found

    return examine


def bad(found: Dict[str, Dict[str, Any]]) -> List[str]:
    return [what for what, one in found.items() if not one["good"]]


def test_all_is_well(opend: Any, command: Any) -> None:
    said = command("doctor", "--store", "futu", "--set", f"port={opend.port}")
    assert (said.status, said.err) == (0, "")
    assert [line.split(":")[0] for line in said.lines[:-1]] == [f"ok   {what}" for what in WELL]
    assert f"OpenD: listens at 127.0.0.1:{opend.port}, version 10.11.7108, simulated" in said.out
    assert "ok   account: 1001, SIMULATE" in said.lines
    assert "ok   balance: 1,000,000.00 HKD" in said.lines
    assert said.lines[-1] == "all is well"


@pytest.mark.parametrize(
    ("market", "environment", "account", "currency"),
    [
        ("US_STOCK", "SIMULATE", 1002, "USD"),
        ("CN_STOCK", "SIMULATE", 1003, "CNH"),
        ("HK_FUTURE", "SIMULATE", 1004, "HKD"),
        ("US_OPTION", "SIMULATE", 1002, "USD"),
        # One account for all of them, which has to be told the currency.
        ("HK_STOCK", "REAL", 2001, "HKD"),
        ("US_STOCK", "REAL", 2001, "USD"),
        ("CN_STOCK", "REAL", 2001, "CNH"),
    ],
)
def test_it_finds_the_account_of_a_market(
    examine: Any, market: str, environment: str, account: int, currency: str
) -> None:
    found = examine(f"market={market}", f"trade_env={environment}")
    assert bad(found) == []
    assert found["account"]["text"] == f"{account}, {environment}"
    assert found["balance"]["text"].endswith(currency)
    assert ("unlock" in found) is (environment == "REAL")


def test_nobody_listens(examine: Any) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    found = examine(port=port)
    assert bad(found) == ["OpenD"]
    assert f"nobody listens at 127.0.0.1:{port}" in found["OpenD"]["text"]
    assert "start OpenD" in found["OpenD"]["cure"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ["login for quotes", "login for trading"]),
        ({"trading": False}, ["login for quotes"]),
        ({"quotes": False}, ["login for trading"]),
    ],
)
def test_opend_is_not_logged_in(
    opend: Any, examine: Any, options: Dict[str, bool], expected: List[str]
) -> None:
    opend.faults.on("upstream_down", **options)
    found = examine()
    assert bad(found) == expected
    assert "log in" in found[expected[0]]["cure"]


def test_opend_lets_nobody_in(opend: Any, examine: Any) -> None:
    opend.faults.on("init_refused", text="too many connections", times=0)
    found = examine()
    assert bad(found) == ["OpenD"]
    assert "too many connections" in found["OpenD"]["text"]


def test_no_right_to_quotes(opend: Any, examine: Any) -> None:
    opend.system.user["hkQotRight"] = 5
    found = examine()
    assert bad(found) == ["right to quotes"]
    assert found["right to quotes"]["text"] == "none for HK_STOCK"


def test_an_account_that_is_not_there(examine: Any) -> None:
    found = examine("account=99")
    assert bad(found) == ["account"]
    assert "1001" in found["account"]["text"]
    assert "1002 SIMULATE" in found["account"]["cure"]
    assert "2001 REAL" in found["account"]["cure"]
    # None of them trades options in Hong Kong.
    assert bad(examine("market=HK_OPTION")) == ["account"]


def test_a_broker_that_is_not_there(examine: Any) -> None:
    found = examine("security_firm=BARINGS")
    assert bad(found) == ["broker"]
    assert "BARINGS" in found["broker"]["text"]


def test_a_key_that_is_not_there(examine: Any, tmp_path: Any) -> None:
    found = examine(f"rsa_key={tmp_path / 'none.pem'}")
    assert bad(found) == ["RSA key"]


def test_a_clock_that_is_wrong(opend: Any, examine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # A genuine OpenD names the servers of Futu, and tells the time by them.
    monkeypatch.setattr("btstores.stores.futu.doctor._NOWHERE", "elsewhere")
    found = examine()
    assert bad(found) == ["clock"]
    assert "s from ours" in found["clock"]["text"]
    assert "network" in found["clock"]["cure"]


def test_what_is_bad_is_counted_and_its_cure_shown(opend: Any, command: Any) -> None:
    opend.faults.on("upstream_down")
    said = command("doctor", "--store", "futu", "--set", f"port={opend.port}")
    assert said.status == 1
    assert said.lines[-1] == "2 to mend"
    line = said.lines.index("FAIL login for quotes: no")
    assert said.lines[line + 1].strip().startswith("log in")


def test_a_store_without_a_doctor_of_its_own_is_connected(command: Any) -> None:
    said = command("doctor", "--store", "paper", "--set", "cash=500")
    assert said.status == 0
    assert said.lines == [
        "ok   connection: connected, and the account is known",
        "ok   account: 500.0 USD",
        "all is well",
    ]


def test_wrong_use_is_told(refused: Any) -> None:
    assert "--store" in refused("doctor")
    assert "no store is called 'none'" in refused("doctor", "--store", "none")
    assert "colour" in refused("doctor", "--store", "futu", "--set", "colour=red")
    # A password has no place on a command line.
    assert "unlock" in refused("doctor", "--store", "futu", "--set", "unlock=123456")


def test_its_help_has_examples(command: Any) -> None:
    said = command("doctor", "--help")
    assert said.status == 0
    assert "examples:\n  btstores doctor --store futu" in said.out
    assert "--json: one object" in said.out
