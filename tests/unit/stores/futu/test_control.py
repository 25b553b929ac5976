"""The control port and the whole OpenD that it controls, seen by the real client."""

from __future__ import annotations

import pytest

pytest.importorskip("futu", reason="futu-api is not installed")

import datetime
import json
import socket
import threading
from pathlib import Path
from typing import Any, Callable, Iterator, List

from btstores.clock import NS_PER_SECOND, SimulatedClock
from btstores.errors import ConfigError
from btstores.stores.futu import sdk
from btstores.stores.futu.opend import (
    DEFAULT_SYMBOLS,
    AccountConfig,
    OpenDConfig,
    make_opend,
)
from btstores.stores.futu.opend.control import Control
from btstores.stores.futu.opend.server import OpenD
from tests.support.opend import RawClient, wait_for

# The client calls Thread.setDaemon.
pytestmark = pytest.mark.filterwarnings("ignore:setDaemon:DeprecationWarning")

SYMBOL, ACCOUNT = "HK.00700", 1001


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock(0)


@pytest.fixture
def opend(clock: SimulatedClock) -> Iterator[OpenD]:
    config = OpenDConfig(port=0, symbols=[SYMBOL, "US.AAPL"], bars=500)
    with make_opend(config, clock) as made:
        yield made


@pytest.fixture
def control(opend: OpenD) -> Iterator[Control]:
    made = Control(opend)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def do(control: Control) -> Iterator[Callable[..., Any]]:
    """Send a command over the wire; return the answer."""
    with socket.create_connection(("127.0.0.1", control.port), timeout=10) as sock:
        file = sock.makefile("rw", encoding="utf-8")
        with file:

            def do(command: str, **options: Any) -> Any:
                file.write(json.dumps({"do": command, **options}) + "\n")
                file.flush()
                return json.loads(file.readline())

            yield do


@pytest.fixture
def pushes(opend: OpenD) -> Iterator[Any]:
    """Orders, ticks and notices as the real client gets them."""
    futu, seen = sdk.futu(), {"orders": [], "ticks": [], "notices": []}

    class Orders(futu.TradeOrderHandlerBase):
        def on_recv_rsp(self, rsp_pb: Any) -> Any:
            order = rsp_pb.s2c.order
            seen["orders"].append((order.orderIDEx, order.orderStatus, order.fillQty))
            return 0, ""

    class Ticks(futu.TickerHandlerBase):
        def on_recv_rsp(self, rsp_pb: Any) -> Any:
            seen["ticks"].extend(one.price for one in rsp_pb.s2c.tickerList)
            return 0, ""

    class Notices(futu.SysNotifyHandlerBase):
        def on_recv_rsp(self, rsp_pb: Any) -> Any:
            seen["notices"].append(rsp_pb.s2c.event.desc)
            return 0, ""

    quotes = futu.OpenQuoteContext("127.0.0.1", opend.port)
    trades = futu.OpenSecTradeContext(
        host="127.0.0.1", port=opend.port, filter_trdmarket=futu.TrdMarket.NONE
    )
    quotes.set_handler(Ticks())
    quotes.set_handler(Notices())
    trades.set_handler(Orders())
    assert quotes.subscribe([SYMBOL], [futu.SubType.TICKER], is_first_push=False)[0] == 0
    # It subscribes to orders without waiting for the answer; the next answer is behind that.
    assert trades.get_acc_list()[0] == 0
    yield seen
    quotes.close()
    trades.close()


def test_the_state_tells_all_there_is(do: Any, opend: OpenD) -> None:
    with RawClient(opend.port) as raw:
        conn_id = raw.init().connID
        opend.faults.on("no_right")
        state = do("state")
        assert state["ok"]
        assert [(one["conn_id"], one["client"]) for one in state["sessions"]] == [(conn_id, "raw")]
    assert [one["name"] for one in state["faults"]] == ["no_right"]
    assert set(state["symbols"]) == {SYMBOL, "US.AAPL"}
    tencent = state["symbols"][SYMBOL]
    assert tencent["bid"] < tencent["ask"]
    assert (tencent["open"], tencent["halted"]) == (True, False)
    assert state["port"] == opend.port
    assert set(state["accounts"]) == {"1001", "1002", "1003", "1004", "1005", "2001"}
    assert state["accounts"]["1001"]["trd_env"] == "SIMULATE"


def test_a_price_happens_at_once(do: Any, pushes: Any) -> None:
    assert do("price", symbol=SYMBOL, price=432.0, size=100, side="buy") == {"ok": True}
    wait_for(lambda: pushes["ticks"] == [432.0])
    assert do("state")["symbols"][SYMBOL]["last"] == 432.0
    do("quote", symbol=SYMBOL, bid=431.0, ask=433.0, bid_size=500, ask_size=500)
    tencent = do("state")["symbols"][SYMBOL]
    assert (tencent["bid"], tencent["ask"]) == (431.0, 433.0)


def test_somebody_else_may_trade_on_the_account(do: Any, pushes: Any) -> None:
    do("quote", symbol=SYMBOL, bid=431.0, ask=433.0, bid_size=5000, ask_size=5000)
    bought = do("order", acc_id=ACCOUNT, symbol=SYMBOL, side="buy", size=100)
    assert bought["ok"]
    key = bought["order"]["key"]
    wait_for(lambda: (key, 11, 100.0) in pushes["orders"])
    waiting = do("order", acc_id=ACCOUNT, symbol=SYMBOL, side="buy", size=100, price=400.0)
    other = waiting["order"]["key"]
    assert do("cancel", acc_id=ACCOUNT, order=other)["ok"]
    wait_for(lambda: (other, 15, 0.0) in pushes["orders"])
    account = do("state")["accounts"]["1001"]
    assert [one["key"] for one in account["orders"]] == [key, other]
    assert len(account["fills"]) == len(account["positions"]) == 1
    assert do("cancel_fill", acc_id=ACCOUNT, fill=key)["ok"]
    wait_for(lambda: (key, 24, 0.0) in pushes["orders"])
    refused = do("cancel", acc_id=ACCOUNT, order="nothing")
    assert refused == {"ok": False, "error": "order 'nothing' does not exist in account 1001"}


def test_the_exchange_may_refuse_and_money_may_come(do: Any, pushes: Any) -> None:
    assert do("reject_next", acc_id=ACCOUNT, reason="no more today") == {"ok": True}
    order = do("order", acc_id=ACCOUNT, symbol=SYMBOL, side="buy", size=100, price=400.0)
    assert order["ok"]
    wait_for(lambda: [one for one in pushes["orders"] if one[1] == 21])
    before = do("state")["accounts"]["1001"]["funds"]["cash"]
    assert do("deposit", acc_id=ACCOUNT, amount=5000) == {"ok": True}
    assert do("state")["accounts"]["1001"]["funds"]["cash"] == before + 5000


def test_a_halted_symbol_does_not_trade(do: Any, clock: SimulatedClock, pushes: Any) -> None:
    assert do("halt", symbol=SYMBOL) == {"ok": True}
    assert do("state")["symbols"][SYMBOL]["halted"] is True
    clock.advance(300)
    assert pushes["ticks"] == []
    do("resume", symbol=SYMBOL)
    clock.advance(300)
    wait_for(lambda: pushes["ticks"])


def test_faults_are_switched(do: Any, opend: OpenD, pushes: Any) -> None:
    answer = do("fault", name="ack_late", seconds=3, times=2)
    assert answer["fault"] == {"name": "ack_late", "times": 2, "seconds": 3.0, "proto_id": 2202}
    assert opend.faults.is_on("ack_late", proto_id=2202)
    assert do("clear", name="silence") == {"ok": True, "cleared": 0}
    assert do("clear") == {"ok": True, "cleared": 1}
    assert do("notify", kind="event", eventType=1, desc="hello") == {"ok": True}
    wait_for(lambda: pushes["notices"] == ["hello"])
    old = {one.conn_id for one in opend.sessions}
    assert do("fault", name="reset")["ok"]
    wait_for(lambda: not old & {one.conn_id for one in opend.sessions})


def test_help_names_everything(do: Any) -> None:
    told = do("help")
    assert {"state", "fault", "price", "halt", "order", "quit"} <= set(told["commands"])
    assert told["faults"]["ack_late"]["options"] == {"proto_id": 2202, "seconds": 15.0}
    json.dumps(told)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("what", "Expecting value"),
        ("[]", "expected an object"),
        ('{"do": "fly"}', "do='fly': expected one of help, state"),
        ('{"do": ["fly"]}', "expected one of help"),
        ('{"do": "price", "symbol": "HK.00700"}', "price lacks price"),
        (
            '{"do": "price", "symbol": "HK.1", "price": 1}',
            "symbol='HK.1': expected one of HK.00700",
        ),
        ('{"do": "price", "symbol": "HK.00700", "price": 0}', "above zero"),
        ('{"do": "price", "symbol": "HK.00700", "price": "1"}', "price='1': expected float"),
        ('{"do": "price", "symbol": "HK.00700", "price": 1, "side": "up"}', "'up'"),
        ('{"do": "halt", "symbols": "HK.00700"}', "halt has no parameter 'symbols'"),
        ('{"do": "fault", "name": "earthquake"}', "name='earthquake'"),
        ('{"do": "fault"}', "name='None'"),
        ('{"do": "notify", "kind": "weather"}', "kind='weather'"),
        ('{"do": "deposit", "acc_id": 7, "amount": 1}', "acc_id=7: expected one of 1001"),
        ('{"do": "order", "acc_id": 1001, "symbol": "HK.9", "side": "buy", "size": 1}', "HK.9"),
        ('{"do": "order", "acc_id": 1001, "symbol": "HK.00700", "side": "up", "size": 1}', "up"),
    ],
)
def test_wrong_commands_are_told(control: Control, line: str, told: str) -> None:
    answer = control.answer(line)
    assert answer["ok"] is False
    assert told in answer["error"]


def test_who_quits_has_an_answer_first(opend: OpenD) -> None:
    asked = threading.Event()
    control = Control(opend, quit=asked.set)
    control.start()
    with socket.create_connection(("127.0.0.1", control.port), timeout=10) as sock:
        sock.sendall(b'\n{"do": "quit"}\n')
        assert json.loads(sock.makefile().readline()) == {"ok": True}
        assert asked.wait(10)
        with pytest.raises(ConfigError, match="control_port"):
            Control(opend, control.port).start()
        control.stop()
        assert sock.recv(1) == b""
    assert not [one for one in threading.enumerate() if "control" in one.name]


def test_who_is_killed_takes_it_along(opend: OpenD) -> None:
    asked = threading.Event()
    control = Control(opend, quit=asked.set)
    control.start()
    try:
        for options, ends in (({}, False), ({"at_close": True}, True)):
            line = {"do": "quit" if options else "state", **options}
            with socket.create_connection(("127.0.0.1", control.port), timeout=10) as sock:
                sock.sendall(json.dumps(line).encode() + b"\n")
                assert json.loads(sock.makefile().readline())["ok"] is True
                assert not asked.is_set()
            if ends:
                assert asked.wait(10)
    finally:
        control.stop()


# Making an OpenD


def test_prices_come_from_files_or_are_made_up(tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    rows = [f"2024-01-03 02:{n:02}:00,10,11,9,10,{100 + n}" for n in range(60)]
    path.write_text("time,open,high,low,close,volume\n" + "\n".join(rows) + "\n")
    clock = SimulatedClock(0)
    config = OpenDConfig(port=0, data={"HK.00005": str(path)}, symbols=["US.AAPL"], history=30)
    opend = make_opend(config, clock)
    assert list(opend.world.instruments) == ["HK.00005", "US.AAPL"]
    start = datetime.datetime(2024, 1, 3, 2, 29, tzinfo=datetime.timezone.utc)
    assert opend.world.now_ns() == int(start.timestamp()) * NS_PER_SECOND
    assert list(make_opend(OpenDConfig(port=0), clock).world.instruments) == list(DEFAULT_SYMBOLS)


def test_made_up_prices_begin_on_the_day_asked_for() -> None:
    config = OpenDConfig(
        port=0, symbols=["US.AAPL"], start=datetime.date(2025, 6, 2), bars=30, history=1, tier=0
    )
    opend = make_opend(config, SimulatedClock(0))
    # The market opens at 13:30 UTC in summer.
    first = datetime.datetime(2025, 6, 2, 13, 31, tzinfo=datetime.timezone.utc)
    assert opend.world.now_ns() == int(first.timestamp()) * NS_PER_SECOND
    assert opend.system.user["subQuota"] == 100


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"symbols": ["00700.HK"]}, "symbol='00700.HK'"),
        ({"symbols": ["HK.00700"], "data": {"HK.00700": "x.csv"}}, "no price file"),
        ({"faults": "/no/plan.toml"}, "faults='/no/plan.toml'"),
        ({"rsa_key": "/no/key.pem"}, "rsa_key='/no/key.pem'"),
        ({"aes": "rot13"}, "aes='rot13'"),
        ({"accounts": [AccountConfig(1), AccountConfig(1)]}, "acc_id=1"),
    ],
)
def test_what_cannot_be_is_told(options: Any, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        make_opend(OpenDConfig(port=0, **options), SimulatedClock(0))


def test_a_plan_is_carried_out(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_text('[[fault]]\nat = 5\nname = "no_right"\n')
    clock = SimulatedClock(0)
    names: List[str] = []
    with make_opend(OpenDConfig(port=0, faults=str(path)), wall=clock) as opend:
        opend.faults.listen(lambda fault, is_on: names.append(fault.name))
        clock.advance(4)
        assert names == []
        clock.advance(2)
        assert names == ["no_right"]
