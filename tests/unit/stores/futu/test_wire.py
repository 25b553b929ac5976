"""Frames and ciphers, held against those of the real client."""

from __future__ import annotations

import pytest

pytest.importorskip("futu", reason="futu-api is not installed")

import hashlib
from typing import Any, Iterator

from hypothesis import given
from hypothesis import strategies as st

from btstores.errors import ConfigError
from btstores.stores.futu import sdk
from btstores.stores.futu.opend import wire
from tests.support.opend import give_key, make_key

KEY, START = "0123456789abcdef", "fedcba9876543210"

bodies = st.binary(min_size=1, max_size=500)


@pytest.fixture(scope="module")
def rsa_file(tmp_path_factory: pytest.TempPathFactory) -> str:
    return make_key(tmp_path_factory.mktemp("key") / "rsa.pem")


@pytest.fixture
def client_key(rsa_file: str, monkeypatch: pytest.MonkeyPatch) -> str:
    give_key(monkeypatch, rsa_file)
    return rsa_file


class Connection:
    """What the client remembers of a connection, for its own ciphers."""

    def __init__(self, start: Any) -> None:
        manager = sdk.futu().common.conn_mng.FutuConnMng
        manager.add_conn({"conn_id": 99, "conn_key": KEY, "conn_iv": start, "is_encrypt": True})
        self.manager = manager

    def encrypt(self, plain: bytes) -> bytes:
        ret, text, body = self.manager.encrypt_conn_data(99, plain)
        assert ret == 0, text
        return bytes(body)

    def decrypt(self, body: bytes) -> bytes:
        ret, text, plain = self.manager.decrypt_conn_data(99, body)
        assert ret == 0, text
        return bytes(plain)


def test_a_frame_is_what_the_client_reads() -> None:
    frame = wire.join_frame(2202, 7, wire.checksum(b"plain"), b"on the wire")
    head = sdk.futu().common.utils.parse_head(frame[:44])
    assert (head["head_1"], head["head_2"]) == (b"F", b"T")
    assert (head["proto_id"], head["serial_no"], head["body_len"]) == (2202, 7, 11)
    assert head["sha20"] == hashlib.sha1(b"plain").digest()
    assert (head["proto_fmt_type"], head["proto_ver"]) == (0, 0)
    assert frame[44:] == b"on the wire"
    assert frame[:6] == b"FT\x9a\x08\x00\x00"


def test_a_frame_without_a_body_is_not_made() -> None:
    with pytest.raises(wire.WireError, match="body"):
        wire.join_frame(1004, 1, wire.checksum(b""), b"")


@given(st.lists(bodies, max_size=5), st.integers(1, 200))
def test_frames_are_found_however_the_stream_is_cut(plains: Any, step: int) -> None:
    frames = [
        wire.join_frame(3000 + n, n, wire.checksum(body), body) for n, body in enumerate(plains)
    ]
    stream = b"".join(frames)
    reader = wire.FrameReader()
    found = [
        frame for at in range(0, len(stream), step) for frame in reader.feed(stream[at : at + step])
    ]
    assert [(one.proto_id, one.serial, one.body) for one in found] == [
        (3000 + n, n, body) for n, body in enumerate(plains)
    ]


def test_what_is_no_frame_is_told() -> None:
    with pytest.raises(wire.WireError, match="GE"):
        list(wire.FrameReader().feed(b"GET / HTTP/1.1\r\n" + bytes(44)))
    head = wire.join_frame(1, 1, bytes(20), b"x")[:12] + b"\xff\xff\xff\x7f" + bytes(28)
    with pytest.raises(wire.WireError, match="2147483647 bytes"):
        list(wire.FrameReader().feed(head))


@pytest.fixture(params=["cbc", "ecb"], scope="module")
def ciphers(request: pytest.FixtureRequest) -> Iterator[Any]:
    if request.param == "cbc":
        yield wire.AesCbc(KEY, START), Connection(START)
    else:
        yield wire.FtAesEcb(KEY), Connection(None)


@given(plain=bodies)
def test_the_client_reads_what_we_encrypt_and_we_what_it_does(ciphers: Any, plain: bytes) -> None:
    ours, client = ciphers
    assert client.decrypt(ours.encrypt(plain)) == plain
    assert ours.decrypt(client.encrypt(plain)) == plain
    assert ours.encrypt(plain) == client.encrypt(plain)


def test_a_body_of_another_key_is_told() -> None:
    ours = wire.AesCbc(KEY, START)
    wrong = wire.AesCbc("another key 0000", START).encrypt(b"a body of some length")
    with pytest.raises(wire.WireError, match="not encrypted with the key"):
        ours.decrypt(wrong)
    for cipher in (ours, wire.FtAesEcb(KEY)):
        with pytest.raises(wire.WireError, match="7 bytes"):
            cipher.decrypt(b"7 bytes")
    with pytest.raises(wire.WireError, match="255"):
        wire.FtAesEcb(KEY).decrypt(b"\xff" * 32)


@pytest.mark.parametrize("size", [1, 99, 100, 101, 250])
def test_rsa_is_the_clients(client_key: str, size: int) -> None:
    client = sdk.futu().common.sys_config.RsaCrypt
    ours = wire.Rsa(client_key)
    plain = bytes(range(256))[:size]
    assert ours.decrypt(client.encrypt(plain)) == plain
    assert client.decrypt(ours.encrypt(plain)) == plain


def test_what_rsa_cannot_read_is_told(rsa_file: str) -> None:
    ours = wire.Rsa(rsa_file)
    with pytest.raises(wire.WireError, match="4 bytes"):
        ours.decrypt(b"what")
    with pytest.raises(wire.WireError, match="this RSA key"):
        ours.decrypt(b"\x01" * 128)


def test_only_keys_that_clients_can_use_are_taken(rsa_file: str) -> None:
    from Crypto.PublicKey import RSA

    with open(rsa_file) as file:
        text = file.read()
    assert wire.Rsa(text).decrypt(wire.Rsa(rsa_file).encrypt(b"same")) == b"same"
    for wrong, told in (
        (RSA.generate(2048).export_key().decode(), "1024 bit, not 2048"),
        (RSA.import_key(text).publickey().export_key().decode(), "not the public one"),
        ("-----BEGIN nothing", "private RSA key"),
        ("/no/such/file", "file to read"),
    ):
        with pytest.raises(ConfigError, match=told) as raised:
            wire.Rsa(wrong)
        assert "BEGIN" not in str(raised.value)
