"""Faults: how they are switched, and what each of the connection's does to the real client."""

from __future__ import annotations

import pytest

pytest.importorskip("futu", reason="futu-api is not installed")

import socket
import threading
import time
from pathlib import Path
from typing import Any, Callable, Iterator, List

from btstores.clock import SimulatedClock
from btstores.errors import ConfigError
from btstores.sim.faults import Planned
from btstores.sim.switches import Fault, Faults
from btstores.stores.futu import sdk
from btstores.stores.futu.opend.faults import FAULTS, read_plan
from btstores.stores.futu.opend.server import OpenD
from tests.support.opend import RawClient, StubWorld, wait_for

# The client calls Thread.setDaemon.
pytestmark = pytest.mark.filterwarnings("ignore:setDaemon:DeprecationWarning")

STATE, NOTIFY = 1002, 1003

# How they are switched


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock(0)


@pytest.fixture
def faults(clock: SimulatedClock) -> Faults:
    return Faults(FAULTS, clock=clock)


def test_a_fault_is_taken_as_often_as_it_was_given(faults: Faults) -> None:
    assert faults.take("sub_fails") is None
    faults.on("sub_fails", times=2, text="no")
    assert faults.is_on("sub_fails")
    assert [bool(faults.take("sub_fails")) for _ in range(3)] == [True, True, False]
    assert not faults.is_on("sub_fails")


def test_its_options_are_attributes(faults: Faults) -> None:
    assert faults.on("ack_late", seconds=3).seconds == 3.0
    taken = faults.take("ack_late", proto_id=2202)
    assert taken is not None
    assert (taken.seconds, taken.proto_id) == (3.0, 2202)
    with pytest.raises(AttributeError):
        _ = taken.colour


def test_it_strikes_only_where_it_was_told_to(faults: Faults) -> None:
    faults.on("ack_lost", proto_id=2205)
    faults.on("sub_fails", symbol="HK.00700")
    assert faults.take("ack_lost", proto_id=2202) is None
    assert faults.take("ack_lost", proto_id=2205)
    assert faults.take("sub_fails", symbol="US.AAPL") is None
    assert faults.take("sub_fails", symbol="HK.00700")
    faults.on("sub_fails")
    assert faults.take("sub_fails", symbol="US.AAPL")


def test_a_lasting_one_is_on_until_it_is_cleared(faults: Faults, clock: SimulatedClock) -> None:
    heard: List[Any] = []
    faults.listen(lambda fault, is_on: heard.append((fault.name, is_on)))
    faults.on("silence")
    assert [bool(faults.take("silence")) for _ in range(3)] == [True] * 3
    assert faults.clear("silence") == 1
    assert not faults.take("silence")
    faults.on("upstream_down", lasts=5)
    assert faults.current() == [
        {"name": "upstream_down", "times": 0, "quotes": True, "trading": True}
    ]
    clock.advance(6)
    assert faults.current() == []
    assert heard == [
        ("silence", True),
        ("silence", False),
        ("upstream_down", True),
        ("upstream_down", False),
    ]
    faults.on("no_right")
    faults.on("quota_full")
    assert faults.clear() == 2


def test_what_happens_at_once_does_not_wait(faults: Faults) -> None:
    faults.on("reset")
    assert faults.current() == []


def test_wrong_names_and_values_are_told(faults: Faults) -> None:
    for name, options, told in (
        ("sillence", {}, "clean_close"),
        ("silence", {"second": 3}, "no parameter 'second'"),
        ("ack_late", {"seconds": "3"}, "seconds='3'"),
        ("listener_down", {"seconds": -1}, "at least 0"),
        ("sub_fails", {"times": 1.5}, "times=1.5"),
    ):
        with pytest.raises(ConfigError, match=told):
            faults.on(name, **options)
    with pytest.raises(ConfigError, match="sillence"):
        Faults(FAULTS, [Planned(1.0, "sillence")])


def test_a_plan_in_a_file_is_carried_out_in_time(tmp_path: Path, clock: SimulatedClock) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(
        '[[fault]]\nat = 12.0\nname = "ack_late"\nseconds = 20\nproto_id = 2205\n'
        '[[fault]]\nat = 5\nname = "silence"\nlasts = 2\n[[fault]]\nname = "reset"\n'
    )
    faults, heard = Faults(FAULTS, read_plan(path), clock), []
    faults.listen(lambda fault, is_on: heard.append((clock.time_ns() // 10**9, fault.name, is_on)))
    faults.start()
    clock.advance(20)
    assert heard == [
        (0, "reset", True),
        (5, "silence", True),
        (7, "silence", False),
        (12, "ack_late", True),
    ]
    faults.stop()
    faults.start()
    faults.stop()
    clock.advance(20)
    assert len(heard) == 4


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[[fault]]\nname = "reset"\n[[fault]]\nat = -1\nname = "reset"', "fault 2: at=-1"),
        ('[[fault]]\nname = "resett"', "fault 1: name='resett'"),
        ("[[fault]]\nat = 1", "fault 1: name='None'"),
        ("[[faults]]\nat = 1", r"tables \[\[fault\]\]"),
        ("fault = 3", r"tables \[\[fault\]\]"),
        ("fault = [", "not TOML"),
    ],
)
def test_a_bad_plan_is_told(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=told):
        read_plan(path)


def test_the_table_says_what_each_does() -> None:
    for name, kind in FAULTS.items():
        assert kind.when in ("now", "next", "while"), name
        assert kind.doc
        assert repr(Fault(name, {"text": None})) == f"Fault({name!r}, {{}}, times=1)"


# What they do to the client


@pytest.fixture
def opend() -> Iterator[OpenD]:
    with OpenD(StubWorld()) as made:
        yield made


@pytest.fixture
def raw(opend: OpenD) -> Iterator[RawClient]:
    with RawClient(opend.port) as client:
        client.init()
        yield client


@pytest.fixture(autouse=True)
def hasty_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the client wait a twentieth of what it waits."""
    base = sdk.futu().common.open_context_base

    def wait(self: Any) -> None:
        if self.is_sync and not self.event.wait(1.0):
            self.err, self.msg = base.PacketErr.Timeout, "Abnormal event timeout"

    monkeypatch.setattr(base, "Timer", lambda seconds, call: threading.Timer(seconds / 20, call))
    monkeypatch.setattr(base, "sleep", lambda seconds: time.sleep(seconds / 20))
    monkeypatch.setattr(base.ReqInfo, "wait", wait)


@pytest.fixture
def connect(opend: OpenD) -> Iterator[Callable[[], Any]]:
    made = []

    def connect() -> Any:
        context = sdk.futu().OpenQuoteContext("127.0.0.1", opend.port)
        context._query_timeout = 0.3
        made.append(context)
        return context

    yield connect
    for context in made:
        context.close()


def is_ready(context: Any) -> bool:
    return bool(context.status == sdk.futu().ContextStatus.READY)


def stays_dead(context: Any) -> bool:
    """Return whether the client is connected, not ready, and does not try again."""
    connected = sdk.futu().ContextStatus.CONNECTED
    wait_for(lambda: context.status == connected)
    end = time.monotonic() + 1.0
    while time.monotonic() < end:
        if context.status != connected:
            return False
        time.sleep(0.02)
    return True


def notices(context: Any) -> List[int]:
    futu, seen = sdk.futu(), []

    class Handler(futu.SysNotifyHandlerBase):
        def on_recv_rsp(self, rsp_pb: Any) -> Any:
            seen.append(rsp_pb.s2c.event.eventType)
            return 0, ""

    context.set_handler(Handler())
    return seen


def notify(opend: OpenD, number: int) -> None:
    opend.notify("event", eventType=number, desc="")


@pytest.mark.parametrize("name", ["clean_close", "reset"])
def test_the_client_comes_back_after_an_end(opend: OpenD, connect: Any, name: str) -> None:
    context = connect()
    old = context.get_sync_conn_id()
    opend.faults.on(name)
    wait_for(lambda: is_ready(context) and context.get_sync_conn_id() != old)
    assert context.get_global_state()[0] == 0
    assert len(opend.sessions) == 1


def test_a_close_says_goodbye_and_a_reset_does_not(opend: OpenD, raw: RawClient) -> None:
    with RawClient(opend.port) as other:
        conn_id = other.init().connID
        opend.faults.on("reset", conn_id=conn_id)
        with pytest.raises(ConnectionResetError):
            other.read(1)
    opend.faults.on("clean_close")
    with pytest.raises(EOFError):
        raw.read(1)


def test_fact_2_a_drop_within_a_frame_kills_the_client(opend: OpenD, connect: Any) -> None:
    context = connect()
    old = opend.sessions[0]
    opend.faults.on("mid_frame_drop")
    # It comes, InitConnect is answered, and the rest of the frame is in its way.
    wait_for(lambda: [one for one in opend.sessions if one is not old and one.ready])
    assert stays_dead(context)
    assert len(context._recv_buf) > 0


def test_an_answer_may_be_cut_in_half(opend: OpenD, raw: RawClient) -> None:
    opend.faults.on("mid_frame_drop", proto_id=STATE)
    notify(opend, 1)
    assert raw.receive().proto_id == NOTIFY
    request = sdk.pb("GetGlobalState").Request()
    request.c2s.userID = 0
    raw.send(STATE, request.SerializeToString())
    with pytest.raises(EOFError) as raised:
        raw.read(10_000)
    (rest,) = raised.value.args
    assert 20 < len(rest) < int.from_bytes(rest[12:16], "little") + 44


@pytest.mark.parametrize("name", ["init_refused", "init_unanswered"])
def test_fact_1_a_failed_handshake_on_reconnect_kills_the_client(
    opend: OpenD, connect: Any, name: str
) -> None:
    context = connect()
    opend.faults.on(name)
    opend.faults.on("clean_close")
    wait_for(lambda: not opend.faults.is_on(name))
    assert stays_dead(context)


def test_a_handshake_refused_to_the_constructor_is_tried_again(opend: OpenD, connect: Any) -> None:
    opend.faults.on("init_refused", text="not yet")
    assert connect().get_global_state()[0] == 0
    with RawClient(opend.port) as raw:
        opend.faults.on("init_refused", text="not yet")
        with pytest.raises(AssertionError, match="not yet"):
            raw.init()
        raw.init()


def test_the_listener_goes_and_comes_back(opend: OpenD, connect: Any) -> None:
    context = connect()
    opend.faults.on("listener_down", seconds=0.5)
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", opend.port))
    wait_for(lambda: not is_ready(context))
    wait_for(lambda: is_ready(context))
    assert context.get_global_state()[0] == 0


def test_silence_answers_nothing_and_keeps_the_connection(opend: OpenD, connect: Any) -> None:
    context = connect()
    seen = notices(context)
    opend.faults.on("silence")
    notify(opend, 1)
    assert context.get_global_state()[0] == -1
    opend.faults.clear("silence")
    notify(opend, 2)
    assert context.get_global_state()[0] == 0
    wait_for(lambda: seen == [2])
    assert len(opend.sessions) == 1


def test_garbage_stalls_the_client(opend: OpenD, connect: Any) -> None:
    context = connect()
    opend.faults.on("garbage", bytes=100)
    assert context.get_global_state()[0] == -1
    assert is_ready(context)
    assert len(context._recv_buf) > 100


def test_a_lost_ack_is_a_request_that_was_carried_out(opend: OpenD, connect: Any) -> None:
    context = connect()
    opend.faults.on("ack_lost", proto_id=STATE)
    assert context.get_global_state()[0] == -1
    assert context.get_global_state()[0] == 0


def test_a_late_ack_comes_late(opend: OpenD, raw: RawClient) -> None:
    opend.faults.on("ack_late", proto_id=STATE, seconds=0.2)
    request = sdk.pb("GetGlobalState").Request()
    request.c2s.userID = 0
    raw.send(STATE, request.SerializeToString(), serial=1)
    raw.send(STATE, request.SerializeToString(), serial=2)
    assert [raw.receive().serial for _ in range(2)] == [2, 1]


def test_a_push_with_a_wrong_checksum_is_dropped_and_the_next_is_not(
    opend: OpenD, connect: Any
) -> None:
    context = connect()
    seen = notices(context)
    opend.faults.on("bad_sha1", proto_id=NOTIFY)
    for number in (1, 2):
        notify(opend, number)
    wait_for(lambda: seen == [2])
    assert is_ready(context)


def test_pushes_come_twice_or_in_another_order(opend: OpenD, connect: Any) -> None:
    seen = notices(connect())
    opend.faults.on("duplicate_push")
    notify(opend, 1)
    opend.faults.on("reorder_push")
    for number in (2, 3, 4):
        notify(opend, number)
    wait_for(lambda: seen == [1, 1, 3, 2, 4])


def test_the_last_push_of_all_is_not_held_for_ever(clock: SimulatedClock) -> None:
    with OpenD(StubWorld(), clock=clock) as opend, RawClient(opend.port) as raw:
        raw.init()
        opend.faults.on("reorder_push")
        notify(opend, 1)
        clock.advance(2)
        assert raw.receive().proto_id == NOTIFY


def test_a_flood_repeats_the_last_push(clock: SimulatedClock) -> None:
    with OpenD(StubWorld(), clock=clock) as opend, RawClient(opend.port) as raw:
        raw.init()
        opend.faults.on("flood", rate=75, seconds=2)
        clock.advance(3)
        notify(opend, 1)
        opend.faults.on("flood", rate=75, seconds=2)
        clock.advance(1)
        notify(opend, 2)
        clock.advance(2)
        module = sdk.pb("Notify").Response
        kinds = [module.FromString(raw.receive().body).s2c.event.eventType for _ in range(152)]
        assert 70 <= kinds.count(1) <= 80
        assert kinds.count(1) + kinds.count(2) == 152
        raw.sock.settimeout(0.1)
        with pytest.raises(socket.timeout):
            raw.read(1)


def test_opend_loses_futu_and_says_so(opend: OpenD, connect: Any) -> None:
    context = connect()
    seen = notices(context)
    opend.faults.on("upstream_down", trading=False)
    wait_for(lambda: len(seen) == 1)
    state = context.get_global_state()[1]
    assert (state["qot_logined"], state["trd_logined"]) == (False, True)
    opend.faults.clear("upstream_down")
    wait_for(lambda: len(seen) == 2)
    assert context.get_global_state()[1]["qot_logined"] is True
