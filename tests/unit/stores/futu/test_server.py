"""The gateway itself: handshake, keepalive, requests, pushes and its end, with the real client."""

from __future__ import annotations

import pytest

pytest.importorskip("futu", reason="futu-api is not installed")

import logging
import socket
import threading
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Mapping

from btstores.clock import SimulatedClock
from btstores.errors import ConfigError
from btstores.stores.futu import sdk
from btstores.stores.futu.opend import session as sessions
from btstores.stores.futu.opend.server import OpenD, Refused, Route, Session, Silent
from tests.support.opend import RawClient, StubWorld, give_key, make_key, wait_for

# The client calls Thread.setDaemon.
pytestmark = pytest.mark.filterwarnings("ignore:setDaemon:DeprecationWarning")

TICKER, STATIC, TRADE_DATE, MARKET_STATE, PLACE_ORDER = 3011, 3202, 3219, 3223, 2202


class Scripted:
    """A service whose answers the test writes."""

    def __init__(self) -> None:
        self.closed: List[int] = []
        self.answers: Dict[int, Callable[[Session, Any, Any], None]] = {}
        self.background = False

    def on(self, proto_id: int, answer: Callable[[Session, Any, Any], None]) -> None:
        self.answers[proto_id] = answer

    def routes(self) -> Mapping[int, Route]:
        names = {
            MARKET_STATE: ("Qot_GetMarketState", self.background),
            TRADE_DATE: ("Qot_RequestTradeDate", True),
            PLACE_ORDER: ("Trd_PlaceOrder", False),
        }
        return {
            number: Route(
                sdk.pb(name).Request,
                sdk.pb(name).Response,
                lambda *args, number=number: self.answers[number](*args),
                slow,
            )
            for number, (name, slow) in names.items()
        }

    def session_closed(self, session: Session) -> None:
        self.closed.append(session.conn_id)


@pytest.fixture
def service() -> Scripted:
    return Scripted()


@pytest.fixture
def opend(service: Scripted) -> Iterator[OpenD]:
    with OpenD(StubWorld(), [service]) as made:
        yield made


@pytest.fixture
def connect() -> Iterator[Callable[..., Any]]:
    made = []

    def connect(opend: OpenD, **options: Any) -> Any:
        context = sdk.futu().OpenQuoteContext("127.0.0.1", opend.port, **options)
        made.append(context)
        return context

    yield connect
    for context in made:
        context.close()


def tick(number: int) -> Any:
    message = sdk.pb("Qot_UpdateTicker").Response(retType=0)
    s2c = message.s2c
    s2c.security.market, s2c.security.code = 1, "00700"
    s2c.tickerList.add(
        time="2026-01-05 10:00:00", sequence=number, dir=1, price=400.0, volume=100, turnover=4e4
    )
    return message


def listen_to_ticks(context: Any) -> List[int]:
    futu, seen = sdk.futu(), []

    class Handler(futu.TickerHandlerBase):
        def on_recv_rsp(self, rsp_pb: Any) -> Any:
            seen.extend(one.sequence for one in rsp_pb.s2c.tickerList)
            return 0, ""

    context.set_handler(Handler())
    return seen


# The handshake


@pytest.mark.parametrize("way", ["plain", "key without encryption", "cbc", "ecb"])
def test_the_real_client_comes_in_whatever_the_encryption(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, connect: Any
) -> None:
    key = None
    if way != "plain":
        key = make_key(tmp_path / "rsa.pem")
        give_key(monkeypatch, key)
    aes = "ecb" if way == "ecb" else "cbc"
    with OpenD(StubWorld(), rsa_key=key, aes=aes) as opend:
        context = connect(opend, is_encrypt=way in ("cbc", "ecb"))
        seen = listen_to_ticks(context)
        ret, state = context.get_global_state()
        assert (ret, state["market_hk"], state["program_status_type"]) == (0, "MORNING", "READY")
        assert context.get_sync_conn_id() == opend.sessions[0].conn_id
        for number in range(3):
            opend.sessions[0].push(TICKER, tick(number))
        wait_for(lambda: seen == [0, 1, 2])
        ret, text = context.get_market_snapshot(["HK.00700"])
        assert (ret, text) == (-1, "unknown protocol id 3203")
        context.close()


def test_a_client_without_the_key_is_told(tmp_path: Path) -> None:
    with OpenD(StubWorld(), rsa_key=make_key(tmp_path / "k")) as opend, RawClient(
        opend.port
    ) as raw:
        module = sdk.pb("InitConnect")
        request = module.Request()
        request.c2s.clientVer, request.c2s.clientID = 300, "x"
        answer = raw.ask(1001, request, module.Response)
        assert answer.retType == -500
        assert "not encrypted with RSA" in answer.retMsg


def test_what_opend_tells_of_itself(opend: OpenD, connect: Any) -> None:
    context = connect(opend)
    ret, state = context.get_global_state()
    assert ret == 0
    assert (state["qot_logined"], state["trd_logined"]) == (True, True)
    assert state["timestamp"] == "1785000000"
    assert {state[f"market_{one}"] for one in ("hk", "us", "sh", "sz", "hkfuture")} == {"MORNING"}
    ret, user = context.get_user_info()
    assert (ret, user["sub_quota"], user["hk_qot_right"]) == (0, 300, "LV2")
    assert context.get_login_user_id() == user["user_id"]
    ret, user = context.get_user_info([sdk.futu().UserInfoField.API])
    assert (user["sub_quota"], user["nick_name"]) == (300, "N/A")


def test_the_answer_to_the_handshake(opend: OpenD) -> None:
    with RawClient(opend.port) as raw:
        s2c = raw.init(notify=False)
        assert (s2c.keepAliveInterval, len(s2c.connAESKey), s2c.HasField("aesCBCiv")) == (
            10,
            16,
            False,
        )
        session = opend.sessions[0]
        assert (session.conn_id, session.client_ver, session.client_id) == (s2c.connID, 300, "raw")
        assert not session.wants_notify
        module = sdk.pb("KeepAlive")
        request = module.Request()
        request.c2s.time = 1
        assert raw.ask(1004, request, module.Response).s2c.time > 1_700_000_000


# Requests


def keep_alive() -> bytes:
    request = sdk.pb("KeepAlive").Request()
    request.c2s.time = 1
    return bytes(request.SerializeToString())


def response_of(raw: RawClient, name: str = "KeepAlive") -> Any:
    return sdk.pb(name).Response.FromString(raw.receive().body)


def test_nothing_is_answered_before_the_handshake(opend: OpenD) -> None:
    with RawClient(opend.port) as raw:
        raw.send(1004, keep_alive(), serial=5)
        frame = raw.receive()
        assert (frame.proto_id, frame.serial, frame.is_sound) == (1004, 5, True)
        answer = sdk.pb("KeepAlive").Response.FromString(frame.body)
        assert (answer.retType, answer.retMsg) == (
            -1,
            "protocol 1004: InitConnect must come first",
        )
        raw.init()
        raw.send(1004, keep_alive())
        assert response_of(raw).retType == 0
        raw.send(1001, keep_alive())
        assert "has had it" in response_of(raw).retMsg


def test_bad_requests_are_told_what_is_wrong(opend: OpenD) -> None:
    with RawClient(opend.port) as raw:
        raw.init()
        for proto_id, body, sha1, kind, told in (
            (1004, keep_alive(), bytes(20), -500, "SHA-1"),
            (1004, b"\xff\xff\xff", None, -1, "cannot be read"),
            (1004, b"", None, -1, "lacks c2s"),
            (9999, b"x", None, -1, "unknown protocol id 9999"),
        ):
            raw.send(proto_id, body, 3, sha1)
            answer = response_of(raw)
            assert (answer.retType, told in answer.retMsg) == (kind, True), answer.retMsg
        raw.send(1004, keep_alive())
        assert response_of(raw).retType == 0


def test_a_client_may_speak_json(opend: OpenD) -> None:
    with RawClient(opend.port) as raw:
        raw.init()
        raw.send(1004, b'{"c2s": {"time": "1"}}', fmt=1)
        assert b'"retType": 0' in raw.receive().body


def test_what_is_no_frame_ends_the_connection(
    opend: OpenD, caplog: pytest.LogCaptureFixture
) -> None:
    with RawClient(opend.port) as raw:
        raw.sock.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" + bytes(44))
        with pytest.raises(EOFError):
            raw.read(1)
    assert "a frame begins with b'GE'" in caplog.text


def test_refusals_silence_and_bugs_of_services(
    opend: OpenD, service: Scripted, connect: Any, caplog: pytest.LogCaptureFixture
) -> None:
    context = connect(opend)
    context._query_timeout = 0.5

    def refuse(session: Session, c2s: Any, s2c: Any) -> None:
        s2c.marketInfoList.add(name="half")
        raise Refused(f"securityList={c2s.securityList[0].code}: not now", 7)

    def fail(session: Session, c2s: Any, s2c: Any) -> None:
        raise KeyError("oops")

    def forget(session: Session, c2s: Any, s2c: Any) -> None:
        s2c.marketInfoList.add(name="half")

    def hush(session: Session, c2s: Any, s2c: Any) -> None:
        raise Silent

    service.on(MARKET_STATE, refuse)
    assert context.get_market_state(["HK.00700"]) == (-1, "securityList=00700: not now")
    service.on(MARKET_STATE, fail)
    assert "KeyError('oops')" in context.get_market_state(["HK.00700"])[1]
    assert "request.failed proto=3223" in caplog.text
    service.on(MARKET_STATE, forget)
    assert "marketInfoList[0].security" in context.get_market_state(["HK.00700"])[1]
    service.on(MARKET_STATE, hush)
    assert context.get_market_state(["HK.00700"]) == (-1, "PacketErr.Timeout")
    service.on(MARKET_STATE, lambda *args: None)
    assert context.get_market_state(["HK.00700"])[0] == 0


def test_slow_requests_do_not_hold_up_others(opend: OpenD, service: Scripted, connect: Any) -> None:
    context, go_on = connect(opend), threading.Event()
    service.on(TRADE_DATE, lambda *args: go_on.wait(10) and None)
    futu, answers = sdk.futu(), []
    thread = threading.Thread(
        target=lambda: answers.append(context.request_trading_days(futu.TradeDateMarket.HK))
    )
    thread.start()
    assert context.get_global_state()[0] == 0
    assert not answers
    go_on.set()
    thread.join(10)
    assert answers[0][0] == 0


def test_pushes_made_while_answering_go_before_the_answer_or_behind_it(
    opend: OpenD, service: Scripted
) -> None:
    def answer(session: Session, c2s: Any, s2c: Any) -> None:
        session.after_answer(lambda: session.push(TICKER, tick(2)))
        session.push(TICKER, tick(1))

    service.on(MARKET_STATE, answer)
    with RawClient(opend.port) as raw:
        raw.init()
        request = sdk.pb("Qot_GetMarketState").Request()
        request.c2s.SetInParent()
        raw.send(MARKET_STATE, request.SerializeToString())
        assert [raw.receive().proto_id for _ in range(3)] == [TICKER, MARKET_STATE, TICKER]
        opend.sessions[0].after_answer(lambda: opend.sessions[0].push(TICKER, tick(3)))
        assert raw.receive().serial == 3


def order(conn_id: int, serial: int) -> Any:
    request = sdk.pb("Trd_PlaceOrder").Request()
    c2s = request.c2s
    c2s.packetID.connID, c2s.packetID.serialNo = conn_id, serial
    c2s.header.trdEnv, c2s.header.accID, c2s.header.trdMarket = 0, 1, 1
    c2s.trdSide = c2s.orderType = 1
    c2s.code, c2s.qty = "00700", 100
    return request


def test_a_packet_is_carried_out_once_and_for_its_own_connection(
    opend: OpenD, service: Scripted
) -> None:
    orders = []

    def place(session: Session, c2s: Any, s2c: Any) -> None:
        orders.append(c2s.packetID.serialNo)
        s2c.header.CopyFrom(c2s.header)

    service.on(PLACE_ORDER, place)
    module = sdk.pb("Trd_PlaceOrder")
    with RawClient(opend.port) as raw:
        conn_id = raw.init().connID
        for number, serial, told in (
            (conn_id, 1, ""),
            (conn_id, 1, "packetID.serialNo=1: this packet came before"),
            (conn_id + 1, 2, f"packetID.connID={conn_id + 1}: this connection is {conn_id}"),
            (conn_id, 2, ""),
        ):
            assert raw.ask(PLACE_ORDER, order(number, serial), module.Response).retMsg == told
    assert orders == [1, 2]


# Pushes and notices


def test_notices_go_to_who_wants_them(opend: OpenD, connect: Any) -> None:
    futu, context, seen = sdk.futu(), connect(opend), []

    class Handler(futu.SysNotifyHandlerBase):
        def on_recv_rsp(self, rsp_pb: Any) -> Any:
            ret, data = super().on_recv_rsp(rsp_pb)
            seen.append(data)
            return ret, data

    context.set_handler(Handler())
    with RawClient(opend.port) as raw:
        raw.init(notify=False)
        opend.set_logged_in(quotes=False, trading=True)
        kind, _, told = wait_for(lambda: seen and seen[0])
        assert (kind, told["qot_logined"], told["trd_logined"]) == ("CONN_STATUS", False, True)
        assert context.get_global_state()[1]["qot_logined"] is False
        opend.notify("qotRight", hkQotRight=1, usQotRight=5, cnQotRight=5)
        assert wait_for(lambda: len(seen) > 1 and seen[1])[2]["hk_qot_right"] == "BMP"
        opend.notify("event", eventType=7, desc="kicked out")
        assert wait_for(lambda: len(seen) > 2 and seen[2]) == (
            "GTW_EVENT",
            "KickedOut",
            "kicked out",
        )
        raw.send(1004, keep_alive())
        assert raw.receive().proto_id == 1004
    with pytest.raises(ConfigError, match="connectStatus"):
        opend.notify("weather")
    with pytest.raises(ConfigError, match="trdLogined"):
        opend.notify("connectStatus", qotLogined=True)
    with pytest.raises(ConfigError, match="mood"):
        opend.notify("connectStatus", mood=1)


def test_a_client_that_does_not_read_is_dropped_and_holds_nobody_up(
    opend: OpenD, connect: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "LONGEST_LINE", 100_000)
    caplog.set_level(logging.WARNING, "btstores")
    context = connect(opend)
    seen = listen_to_ticks(context)
    with RawClient(opend.port) as lazy:
        conn_id = lazy.init().connID
        slow = next(one for one in opend.sessions if one.conn_id == conn_id)
        quick = next(one for one in opend.sessions if one.conn_id != conn_id)
        message = tick(1)
        message.s2c.tickerList[0].time = "x" * 50_000

        def is_gone() -> bool:
            slow.push(TICKER, message)
            return slow not in opend.sessions

        wait_for(is_gone)
        quick.push(TICKER, tick(2))
        wait_for(lambda: seen == [2])
    assert f"session.dropped conn={conn_id}" in caplog.text
    assert "does not read" in caplog.text
    slow.push(TICKER, message)


def test_pushes_from_many_threads_stay_whole(opend: OpenD, connect: Any) -> None:
    context = connect(opend)
    seen = listen_to_ticks(context)
    session = opend.sessions[0]

    def push(first: int) -> None:
        for number in range(first, first + 200):
            session.push(TICKER, tick(number))

    threads = [threading.Thread(target=push, args=(1000 * n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait_for(lambda: len(seen) == 800)
    for n in range(4):
        mine = [one for one in seen if one // 1000 == n]
        assert mine == list(range(1000 * n, 1000 * n + 200))


# Life


def test_sessions_come_and_go(opend: OpenD, service: Scripted, connect: Any) -> None:
    first, second = connect(opend), connect(opend)
    assert {one.conn_id for one in opend.sessions} == {
        first.get_sync_conn_id(),
        second.get_sync_conn_id(),
    }
    gone = first.get_sync_conn_id()
    first.close()
    wait_for(lambda: service.closed == [gone])
    assert [one.conn_id for one in opend.sessions] == [second.get_sync_conn_id()]


def test_the_real_client_keeps_the_connection_alive(connect: Any) -> None:
    with OpenD(StubWorld(), keepalive=1) as opend:
        context = connect(opend)
        begin = opend.sessions[0].last_seen_ns
        wait_for(lambda: opend.sessions[0].last_seen_ns > begin)
        assert context.get_sync_conn_id() == opend.sessions[0].conn_id
        context.close()


def test_a_client_that_says_nothing_is_dropped(caplog: pytest.LogCaptureFixture) -> None:
    clock = SimulatedClock(1_785_000_000 * 10**9)
    with OpenD(StubWorld(), clock=clock) as opend, RawClient(opend.port) as raw:
        raw.init()
        clock.advance(25)
        raw.send(1004, keep_alive())
        raw.receive()
        clock.advance(25)
        assert len(opend.sessions) == 1
        clock.advance(10)
        with pytest.raises(EOFError):
            raw.read(1)
        wait_for(lambda: not opend.sessions)
    assert "silent" in caplog.text


def test_there_are_at_most_128_connections(opend: OpenD) -> None:
    clients = [RawClient(opend.port) for _ in range(128)]
    try:
        wait_for(lambda: len(opend.sessions) == 128)
        with RawClient(opend.port) as late, pytest.raises((EOFError, ConnectionError)):
            late.read(1)
        clients.pop().sock.close()
        wait_for(lambda: len(opend.sessions) == 127)
        with RawClient(opend.port) as next_one:
            next_one.init()
    finally:
        for client in clients:
            client.sock.close()


def test_stopping_joins_the_threads_and_frees_the_port(service: Scripted, connect: Any) -> None:
    before = set(threading.enumerate())
    opend = OpenD(StubWorld(), [service])
    opend.start()
    port = opend.port
    context = connect(opend)
    with RawClient(port) as raw:
        raw.init()
        with pytest.raises(ConfigError, match=f"port={port}"):
            OpenD(StubWorld(), port=port).start()
        opend.stop()
        opend.stop()
        with pytest.raises(EOFError):
            raw.read(1)
    mine = [one.name for one in set(threading.enumerate()) - before if one.name.startswith("opend")]
    assert mine == []
    assert opend.sessions == []
    assert len(service.closed) == 2
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port))
    context.close()
    again = OpenD(StubWorld(), port=port)
    again.start()
    again.stop()
