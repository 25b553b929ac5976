"""What tests of the simulated OpenD share: a world without prices, a client of bare bytes."""

from __future__ import annotations

import hashlib
import socket
import struct
import time
from pathlib import Path
from typing import Any, Callable, NamedTuple, Optional

HEAD = struct.Struct("<1s1sI2B2I20s8s")


def wait_for(condition: Callable[[], Any], limit: float = 10.0) -> Any:
    """Return what the condition returns as soon as that is true; fail after ``limit`` seconds."""
    end = time.monotonic() + limit
    while True:
        result = condition()
        if result:
            return result
        assert time.monotonic() < end, f"not within {limit:g} seconds"
        time.sleep(0.005)


def make_key(path: Path) -> str:
    """Write a private key as Futu wants it, and return its path."""
    from Crypto.PublicKey import RSA

    path.write_bytes(RSA.generate(1024).export_key())
    return str(path)


def give_key(monkeypatch: Any, path: str) -> None:
    """Let the real client have the key for this test."""
    from Crypto.PublicKey import RSA

    from btstores.stores.futu import sdk

    config = sdk.futu().common.sys_config
    monkeypatch.setattr(config.SysConfig, "INIT_RSA_FILE", path)
    # The client would leave the file open, and keeps a cipher of the first key it sees.
    monkeypatch.setattr(config.SysConfig, "RSA_OBJ", RSA.import_key(Path(path).read_text()))
    monkeypatch.setattr(config.RsaCrypt, "CHIPPER", None)


class StubWorld:
    """A world in which nothing happens: it is morning everywhere."""

    def start(self) -> None: ...
    def stop(self) -> None: ...

    def now_ns(self) -> int:
        return 1_785_000_000 * 10**9

    def market_state(self, market: str) -> int:
        return 3


class Received(NamedTuple):
    proto_id: int
    serial: int
    sha1: bytes
    body: bytes

    @property
    def is_sound(self) -> bool:
        return hashlib.sha1(self.body).digest() == self.sha1


class RawClient:
    """Speaks the protocol byte by byte, so that it can do what a good client never does."""

    def __init__(self, port: int) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.buffer = b""

    def __enter__(self) -> RawClient:
        return self

    def __exit__(self, *exc: object) -> None:
        self.sock.close()

    def send(
        self,
        proto_id: int,
        body: bytes,
        serial: int = 1,
        sha1: Optional[bytes] = None,
        fmt: int = 0,
    ) -> None:
        sha1 = hashlib.sha1(body).digest() if sha1 is None else sha1
        head = HEAD.pack(b"F", b"T", proto_id, fmt, 0, serial, len(body), sha1, bytes(8))
        self.sock.sendall(head + body)

    def ask(self, proto_id: int, request: Any, response: Any, serial: int = 1) -> Any:
        self.send(proto_id, request.SerializePartialToString(), serial)
        return response.FromString(self.receive(proto_id).body)

    def receive(self, proto_id: Optional[int] = None) -> Received:
        while True:
            head = HEAD.unpack(self.read(HEAD.size))
            frame = Received(head[2], head[5], head[7], self.read(head[6]))
            if proto_id in (None, frame.proto_id):
                return frame

    def read(self, size: int) -> bytes:
        while len(self.buffer) < size:
            data = self.sock.recv(65536)
            if not data:
                raise EOFError(self.buffer)
            self.buffer += data
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def init(self, notify: bool = True) -> Any:
        from btstores.stores.futu import sdk

        module = sdk.pb("InitConnect")
        request = module.Request()
        request.c2s.clientVer, request.c2s.clientID = 300, "raw"
        request.c2s.recvNotify, request.c2s.packetEncAlgo = notify, -1
        answer = self.ask(1001, request, module.Response)
        assert answer.retType == 0, answer.retMsg
        return answer.s2c
