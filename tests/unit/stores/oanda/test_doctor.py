"""`btstores doctor --store oanda`: what is well, and what it says to do about the rest."""

from __future__ import annotations

import importlib
import socket
import sys

import pytest

pytest.importorskip("oandapyV20", reason="oandapyV20 is not installed")

from btstores.cli import main
from btstores.clock import wall_clock
from btstores.stores.examine import examine as look
from btstores.stores.oanda import OandaStore
from btstores.stores.oanda.client import Client, library
from btstores.stores.oanda.simulator import AccountConfig
from tests.support.oanda import ACCOUNT, Desk

EUR = "EUR_USD"
TOKEN = "s3cret-0f-mine"
HEDGING = AccountConfig("101-004-1234567-002", "EUR", 5000.0, hedging=True)
DAY = 86_400.0
WELL = [
    *("oandapyV20", "OANDA", "token", "account", "balance", "open"),
    *("instruments", "clock", "prices", "history"),
]


@pytest.fixture
def desk():
    made = Desk(wall_clock())
    yield made
    made.server.stop()


@pytest.fixture
def examine(desk):
    """Look at OANDA; return the findings by name."""

    def examine(port=desk.server.port, **params):
        store = OandaStore(port=port, token=TOKEN, **params)
        try:
            findings = list(look(store))
        finally:
            store.stop()  # or the next one with these parameters would be this one
        found = {one.what: one for one in findings}
        assert len(found) == len(findings)
        assert TOKEN not in repr(findings)
        assert all(bool(one.cure) is not one.good for one in findings)
        return found

    return examine


def bad(found):
    return [what for what, one in found.items() if not one.good]


def only(found, what):
    """Return the only thing that is bad."""
    assert bad(found) == [what]
    return found[what]


def test_all_is_well(desk, capsys):
    options = [f"port={desk.server.port}", f"token={TOKEN}"]
    settings = [text for option in options for text in ("--set", option)]
    assert main(["doctor", "--store", "oanda", *settings]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines[:-1]] == [f"ok   {what}" for what in WELL]
    assert lines[0].startswith("ok   oandapyV20: version 0.")
    assert lines[1:] == [
        f"ok   OANDA: answers at http://127.0.0.1:{desk.server.port}, simulated",
        "ok   token: is taken, for one account",
        f"ok   account: {ACCOUNT}, netting",
        "ok   balance: NAV 100,000.00 USD, margin left 100,000.00 USD",
        "ok   open: orders 0, trades 0",
        "ok   instruments: 2 of 2 can be traded now",
        "ok   clock: it is 2024-01-03 15:00 UTC in the simulated market",
        "ok   prices: EUR_USD 1.10000 / 1.10020 by the stream, tradeable",
        "ok   history: minutes of EUR_USD, the newest until 2024-01-03 15:00 UTC",
        "all is well",
    ]


def test_it_changes_nothing(desk, examine):
    before = desk.summary()
    assert bad(examine()) == []
    assert desk.summary() == before


# The client


@pytest.mark.parametrize("name", ["oandapyV20", "requests", "six"])
def test_a_library_is_not_installed(examine, monkeypatch, name):
    library.cache_clear()
    with monkeypatch.context() as without:
        without.setitem(sys.modules, name, None)
        found = examine()
    library.cache_clear()
    assert list(found) == ["oandapyV20"]
    assert found["oandapyV20"].text == f"{name} is not installed"
    assert "pip install 'btstores[oanda]'" in found["oandapyV20"].cure


def test_a_client_that_is_too_old(examine, monkeypatch):
    monkeypatch.setattr(importlib.import_module("oandapyV20"), "__version__", "0.6.3")
    found = only(examine(), "oandapyV20")
    assert found.text.startswith("version 0.6.3")
    assert "--upgrade" in found.cure


# The place and the token


def test_nobody_listens(examine):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    found = only(examine(port=port), "OANDA")
    assert found.text.startswith("no answer: [Errno ")
    assert found.text.endswith(f"refused (http://127.0.0.1:{port})")
    assert "btstores sim oanda" in found.cure


@pytest.mark.parametrize(
    ("fault", "options", "text"),
    [
        ("status", {"code": 503}, "OANDA has failed: status 503"),
        ("not_json", {}, "OANDA does not answer: JSONDecodeError"),
        ("unanswered", {}, "no answer: Remote end closed connection"),
    ],
)
def test_who_listens_is_not_well(desk, examine, fault, options, text):
    desk.faults.on(fault, path="accounts", **options)
    assert only(examine(), "OANDA").text.startswith(text)


def test_there_is_no_way_to_the_real_one(examine, monkeypatch):
    monkeypatch.setattr("btstores.stores.oanda.store.LIVE", ("http://127.0.0.1:1",) * 2)
    assert "HTTPS_PROXY" in only(examine(port=None), "OANDA").cure


@pytest.mark.parametrize(("code", "cure"), [(401, "practice=true"), (429, "120 requests a second")])
def test_the_token_is_refused(desk, examine, code, cure):
    desk.faults.on("status", path="accounts", code=code)
    found = examine()
    assert list(found) == ["oandapyV20", "OANDA", "token"]
    assert only(found, "token").text == "is refused: on purpose"
    assert cure in found["token"].cure


def test_another_token_is_the_right_one(desk, examine):
    desk.server.token = "right"
    found = only(examine(), "token")
    assert "Insufficient authorization" in found.text
    assert "Manage API access" in found.cure


# The account


@pytest.fixture
def two():
    made = Desk(wall_clock(), AccountConfig(ACCOUNT), HEDGING)
    yield made
    made.server.stop()


def test_of_several_accounts_one_has_to_be_said(two, examine):
    found = only(examine(port=two.server.port), "account")
    assert found.text == "which one is not said"
    assert found.cure.endswith(f"{ACCOUNT}, {HEDGING.account_id}")
    found = examine(account=HEDGING.account_id, port=two.server.port)
    assert bad(found) == []
    assert found["token"].text == "is taken, for 2 accounts"
    assert found["account"].text == f"{HEDGING.account_id}, hedging"
    assert found["balance"].text == "NAV 5,000.00 EUR, margin left 5,000.00 EUR"


def test_an_account_that_is_not_there(examine):
    found = only(examine(account="101-004-9-001"), "account")
    assert found.text == "101-004-9-001 is not one of the token's"
    assert ACCOUNT in found.cure


def test_a_token_without_accounts(desk, examine):
    desk.venue.accounts.clear()
    assert "open an account" in only(examine(), "account").cure


def test_an_account_that_may_not_be_seen(desk, examine):
    desk.faults.on("status", path="summary", code=403)
    assert "owner" in only(examine(), "account").cure


def test_no_margin_is_left(desk, examine):
    desk.control("funds", {"account": ACCOUNT, "amount": -100_000})
    found = only(examine(), "balance")
    assert found.text == "NAV 0.00 USD, margin left 0.00 USD"
    assert "put money in" in found.cure


def test_what_is_open_is_counted(desk, examine):
    desk.order(units="1000")
    desk.order(type="LIMIT", price="1.00000")
    desk.order(type="LIMIT", price="1.01000")
    assert examine()["open"].text == "orders 2, trades 1"


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ({}, "OANDA has answered without account"),
        ({"account": {}}, "OANDA has answered without NAV"),
    ],
)
def test_an_answer_without_what_was_asked_for(examine, monkeypatch, answer, text):
    get = Client.get

    def mangled(self, request):
        return answer if type(request).__name__ == "AccountSummary" else get(self, request)

    monkeypatch.setattr(Client, "get", mangled)
    found = examine()
    assert any(one.text.startswith(text) for one in found.values() if not one.good)


# Prices


def test_no_instruments(desk, examine):
    desk.venue.rates.boards.clear()
    found = examine()
    assert list(found)[-1] == "instruments"
    assert "ask OANDA" in only(found, "instruments").cure


def test_a_closed_market_is_nothing_to_mend(desk, examine):
    desk.clock.advance(3 * DAY)
    found = examine()
    assert bad(found) == []
    closed = "none of 2 can be traded now: the market is closed until 2024-01-07 22:00 UTC"
    assert found["instruments"].text == closed
    assert found["prices"].text.endswith("by the stream, not tradeable now")


def test_a_halt_is(desk, examine):
    for name in (EUR, "USD_JPY"):
        desk.control("halt", {"instrument": name})
    found = only(examine(), "instruments")
    assert found.text.startswith("none of 2 can be traded now, at an hour when")
    assert "halted" in found.cure


def test_another_instrument_is_looked_at_where_the_usual_one_is_halted(desk, examine):
    desk.control("halt", {"instrument": EUR})
    found = examine()
    assert found["instruments"].text == "1 of 2 can be traded now"
    assert found["prices"].text == "USD_JPY 150.000 / 150.020 by the stream, tradeable"
    assert "USD_JPY" in found["history"].text


@pytest.mark.parametrize(
    ("path", "what"),
    [("instruments", "instruments"), ("pricing", "instruments"), ("stream", "prices")]
    + [("candles", "history")],
)
@pytest.mark.parametrize(
    ("code", "text", "cure"),
    [(429, "on purpose", "end other programs"), (503, "OANDA has failed", "try again")],
)
def test_a_question_that_is_refused(desk, examine, path, what, code, text, cure):
    desk.faults.on("status", path=path, code=code)
    found = examine()
    assert bad(found) == [what]
    assert text in found[what].text
    assert found[what].cure.startswith(cure)


def test_a_stream_that_ends_at_once(desk, examine):
    desk.faults.on("unanswered", path="stream")
    assert only(examine(), "prices").text.startswith("no answer: Remote end closed")


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ({"type": "HEARTBEAT"}, "the stream is open and tells none of EUR_USD"),
        ({"type": "PRICE", "instrument": EUR, "time": "1.0"}, "without bid and ask"),
    ],
)
def test_a_stream_without_prices(desk, examine, monkeypatch, line, text):
    monkeypatch.setattr(desk.server.streams, "price_line", lambda board, unix: line)
    assert text in only(examine(), "prices").text


def test_no_history(desk, examine, monkeypatch):
    monkeypatch.setattr(desk.venue.rates.boards[EUR], "slots", lambda since: iter(()))
    found = only(examine(), "history")
    assert found.text == "there is no complete minute of EUR_USD"


# The real one


@pytest.fixture
def real(desk, monkeypatch):
    """Let the simulated OANDA be where the genuine one is."""
    for name in ("LIVE", "PRACTICE"):
        monkeypatch.setattr(f"btstores.stores.oanda.store.{name}", (desk.server.url,) * 2)


@pytest.mark.usefixtures("real")
def test_a_clock_that_is_wrong(examine):
    found = only(examine(port=None), "clock")
    assert found.text.endswith("s from ours")
    assert "network" in found.cure


@pytest.mark.usefixtures("real")
@pytest.mark.parametrize("practice", [True, False])
def test_real_money_is_named(desk, examine, monkeypatch, practice):
    monkeypatch.setattr("btstores.stores.oanda.doctor.wall_clock", lambda: desk.clock)
    found = examine(practice=practice, port=None)
    assert bad(found) == []
    assert found["clock"].text == "+0.0 s from ours"
    assert ("real money" in found["account"].text) is not practice
    assert ("real money" in found["OANDA"].text) is not practice
