"""`btstores sim oanda`, as a process of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from urllib import request

import pytest

from btstores.cli.simulators import read_fields
from btstores.errors import ConfigError
from btstores.stores.oanda.simulator import AccountConfig

COMMAND = [sys.executable, "-c", "import sys; from btstores.cli import main; sys.exit(main())"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_where_it_listens_and_ends_when_told(number):
    options = ["--port", "0", "--prices", "200", "--history", "100", "--json"]
    account = ["--account", "account_id=101-004-1234567-009,currency=EUR,hedging=yes"]
    command = [*COMMAND, "sim", "oanda", *options, *account]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        assert told["accounts"] == ["101-004-1234567-009"]
        where = f"{told['url']}/v3/accounts/{told['accounts'][0]}/summary"
        with request.urlopen(where) as answer:
            summary = json.loads(answer.read())["account"]
        assert (summary["currency"], summary["hedgingEnabled"]) == ("EUR", True)
        process.send_signal(number)
        assert process.wait(timeout=10) == 0


def test_wrong_words(refused):
    said = refused("sim", "oanda", "--account", "colour=red")
    assert said.startswith("--account='colour=red': expected NAME=VALUE with one of account_id")
    said = refused("sim", "oanda", "--data", "EUR_USD")
    assert said == "--data='EUR_USD': expected SYMBOL=FILE.csv"
    twice = ["--account", "account_id=101-004-1-001"] * 2
    assert "each account_id once" in refused("sim", "oanda", *twice)


def test_an_account_is_read_from_words():
    values, _ = read_fields("account_id=a,balance=5,hedging=yes,first_id=9", AccountConfig)
    assert values == {"account_id": "a", "balance": 5.0, "hedging": True, "first_id": 9}
    with pytest.raises(ConfigError):
        read_fields("hedging=perhaps", AccountConfig)
