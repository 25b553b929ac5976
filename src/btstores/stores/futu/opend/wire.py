"""Bytes on the wire: frames with their checksum, and the ciphers of their bodies.

A frame is a head of 44 bytes, little endian, and a body. The checksum is of the plain body, the
length is that on the wire.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import struct
from typing import Any, Iterator, NamedTuple, Optional, Union

from btstores.errors import ConfigError, MissingExtraError

__all__ = [
    "GET_GLOBAL_STATE",
    "GET_USER_INFO",
    "HEAD_SIZE",
    "INIT_CONNECT",
    "JSON",
    "KEEP_ALIVE",
    "NOTIFY",
    "PROTOBUF",
    "AesCbc",
    "Cipher",
    "Frame",
    "FrameReader",
    "FtAesEcb",
    "Rsa",
    "WireError",
    "checksum",
    "join_frame",
]

#: Protocols of the connection itself.
INIT_CONNECT, GET_GLOBAL_STATE, NOTIFY, KEEP_ALIVE, GET_USER_INFO = 1001, 1002, 1003, 1004, 1005

#: Formats of a body.
PROTOBUF, JSON = 0, 1

_HEAD = struct.Struct("<2sIBBIi20s8s")
HEAD_SIZE = _HEAD.size
_FLAG = b"FT"
_RESERVED = bytes(8)

#: Nothing that a client asks is as long; beyond it is not our protocol.
_LONGEST = 16 * 1024 * 1024


class WireError(Exception):
    """What came is no frame, or cannot be read with the key at hand."""


class Frame(NamedTuple):
    """One frame as it came: ``body`` is still encrypted, ``sha1`` is of the plain one."""

    proto_id: int
    format: int
    serial: int
    sha1: bytes
    body: bytes


def checksum(plain: bytes) -> bytes:
    """Return the 20 bytes that the head carries for a plain body."""
    # The protocol's choice: it finds broken frames and keeps no secret.
    return hashlib.sha1(plain).digest()  # noqa: S324


def join_frame(
    proto_id: int, serial: int, sha1: bytes, body: bytes, format: int = PROTOBUF
) -> bytes:
    """Return a frame; ``body`` is as it goes over the wire. Raises `WireError` if it is empty."""
    if not body:
        # The client waits for more than a head before it looks at one.
        raise WireError(f"protocol {proto_id}: a frame must have a body")
    return _HEAD.pack(_FLAG, proto_id, format, 0, serial, len(body), sha1, _RESERVED) + body


class FrameReader:
    """Cuts a stream of bytes into frames."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Add bytes and yield the frames that are complete. Raises `WireError`."""
        self._bytes += data
        while len(self._bytes) >= HEAD_SIZE:
            flag, proto_id, format_, _, serial, length, sha1, _ = _HEAD.unpack_from(self._bytes)
            if flag != _FLAG:
                raise WireError(f"a frame begins with {bytes(flag)!r}, expected {_FLAG!r}")
            if not 0 <= length <= _LONGEST:
                raise WireError(f"protocol {proto_id}: a body of {length} bytes")
            end = HEAD_SIZE + length
            if len(self._bytes) < end:
                return
            body = bytes(self._bytes[HEAD_SIZE:end])
            del self._bytes[:end]
            yield Frame(proto_id, format_, serial, sha1, body)


class Cipher:
    """How bodies travel; this one leaves them plain."""

    def encrypt(self, plain: bytes) -> bytes:
        """Return the body as it goes over the wire."""
        return plain

    def decrypt(self, body: bytes) -> bytes:
        """Return the plain body. Raises `WireError`."""
        return body


_BLOCK = 16


class AesCbc(Cipher):
    """AES-128 in CBC mode with the same start for each body, padded as PKCS #7 says."""

    def __init__(self, key: str, start: str) -> None:
        self._key, self._start = key.encode("ascii"), start.encode("ascii")

    def encrypt(self, plain: bytes) -> bytes:
        missing = _BLOCK - len(plain) % _BLOCK
        return bytes(self._aes().encrypt(plain + bytes([missing]) * missing))

    def decrypt(self, body: bytes) -> bytes:
        _check_blocks(body)
        padded = bytes(self._aes().decrypt(body))
        missing = padded[-1]
        if not 1 <= missing <= _BLOCK or padded[-missing:] != bytes([missing]) * missing:
            raise WireError("the body is not encrypted with the key of this connection")
        return padded[:-missing]

    def _aes(self) -> Any:
        aes = _crypto("Cipher.AES")
        return aes.new(self._key, aes.MODE_CBC, iv=self._start)


class FtAesEcb(Cipher):
    """AES-128 in ECB mode, padded with zeros.

    A plain block behind it tells in its last byte how much of the last block counts, 0 for all.
    """

    def __init__(self, key: str) -> None:
        self._key = key.encode("ascii")

    def encrypt(self, plain: bytes) -> bytes:
        rest = len(plain) % _BLOCK
        padded = plain + bytes(-len(plain) % _BLOCK)
        return bytes(self._aes().encrypt(padded)) + bytes([0] * (_BLOCK - 1) + [rest])

    def decrypt(self, body: bytes) -> bytes:
        _check_blocks(body)
        rest = body[-1]
        if rest >= _BLOCK:
            raise WireError(f"the last byte is {rest}, expected the length of a block")
        if len(body) == _BLOCK:
            return b""
        padded = bytes(self._aes().decrypt(body[:-_BLOCK]))
        return padded[: len(padded) - _BLOCK + rest] if rest else padded

    def _aes(self) -> Any:
        aes = _crypto("Cipher.AES")
        return aes.new(self._key, aes.MODE_ECB)


class Rsa(Cipher):
    """RSA with padding PKCS #1 v1.5, in pieces; only the handshake travels so.

    ``source`` is the path of the private key, or its text. Both sides have the same key.
    Raises `ConfigError` for anything but a key of 1024 bit, the only one clients can use.
    """

    _PIECE, _WIRE = 100, 128

    def __init__(self, source: Union[str, os.PathLike[str]]) -> None:
        text = os.fspath(source)
        if not text.lstrip().startswith("-----BEGIN"):
            text = _read_key(text)
        try:
            key = _crypto("PublicKey.RSA").import_key(text)
        except (ValueError, IndexError, TypeError):
            raise _bad_key("a private RSA key without a password") from None
        if not key.has_private():
            raise _bad_key("the private key, not the public one")
        if key.size_in_bits() != 8 * self._WIRE:
            raise _bad_key(f"1024 bit, not {key.size_in_bits()}")
        self._cipher = _crypto("Cipher.PKCS1_v1_5").new(key)

    def encrypt(self, plain: bytes) -> bytes:
        pieces = range(0, len(plain), self._PIECE)
        return b"".join(self._cipher.encrypt(plain[at : at + self._PIECE]) for at in pieces)

    def decrypt(self, body: bytes) -> bytes:
        if not body or len(body) % self._WIRE:
            raise WireError(f"a body of {len(body)} bytes is not encrypted with RSA")
        plain = b""
        for at in range(0, len(body), self._WIRE):
            try:
                piece: Optional[bytes] = self._cipher.decrypt(body[at : at + self._WIRE], None)
            except ValueError:
                piece = None
            # What cannot be read is None, or empty with an older library; no piece is empty.
            if not piece:
                raise WireError("the body is not encrypted with this RSA key")
            plain += piece
        return plain


def _check_blocks(body: bytes) -> None:
    if not body or len(body) % _BLOCK:
        raise WireError(f"a body of {len(body)} bytes is not encrypted with AES")


def _read_key(path: str) -> str:
    try:
        with open(path, encoding="ascii") as file:
            return file.read()
    except OSError as error:
        raise ConfigError.of("rsa_key", path, f"a file to read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise _bad_key("a key as text (PEM)") from None


def _bad_key(expected: str) -> ConfigError:
    return ConfigError(f"rsa_key: expected {expected}", "rsa_key", None, expected)


def _crypto(name: str) -> Any:
    # futu-api needs pycryptodome too, so whoever has the one has the other.
    try:
        return importlib.import_module(f"Crypto.{name}")
    except ImportError as error:
        raise MissingExtraError("pycryptodome", "futu") from error
