"""One connection of a client: a thread reads it, another writes, and none of them waits for others.

What goes out waits in a bounded line, so that a client that does not read holds nobody up: when
the line is full its connection ends.
"""

from __future__ import annotations

import logging
import socket
import struct
import threading
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Set,
    Tuple,
    Type,
)

from btstores.clock import Clock
from btstores.inbox import Outbox
from btstores.sim.switches import Faults
from btstores.stores.futu.opend.wire import (
    PROTOBUF,
    Cipher,
    Frame,
    FrameReader,
    WireError,
    checksum,
    join_frame,
)

if TYPE_CHECKING:
    from typing import Protocol

    class Service(Protocol):
        """Answers some protocols: the quotes, the trading."""

        def routes(self) -> Mapping[int, Route]: ...
        def session_closed(self, session: Session) -> None: ...

    class Owner(Protocol):
        """Whoever made the session; called on its reader thread."""

        clock: Clock
        faults: Faults

        def handle(self, session: Session, frame: Frame) -> None: ...
        def closed(self, session: Session) -> None: ...

else:
    Service = Owner = object

__all__ = ["Refused", "Route", "Service", "Session", "Silent", "serialise"]

log = logging.getLogger(__name__)

#: Bytes that may wait for a client that does not read.
LONGEST_LINE = 16 * 1024 * 1024
#: Seconds after which a thread that waits for a socket looks up.
_LOOK_UP = 0.5
_CHUNK = 128 * 1024
_RESET = struct.pack("ii", 1, 0)


class Refused(Exception):
    """The answer is retType -1 with this text as retMsg; ``code`` is errCode."""

    def __init__(self, text: str, code: int = 0) -> None:
        super().__init__(text)
        self.text = text
        self.code = code


class Silent(Exception):
    """There is no answer at all (a fault)."""


class Route(NamedTuple):
    """Who answers a protocol: ``answer(session, request.c2s, response.s2c)`` fills s2c in place.

    It runs on the session's reader thread, or on a worker of the session ``in_background``.
    """

    request: Type[Any]
    response: Type[Any]
    answer: Callable[[Session, Any, Any], None]
    in_background: bool = False


def serialise(message: Any, format: int = PROTOBUF) -> bytes:
    """Return a message as bytes of the format. Raises `WireError` naming what is missing."""
    missing = message.FindInitializationErrors()
    if missing:
        raise WireError(f"{message.DESCRIPTOR.full_name} lacks {', '.join(missing)}")
    if format == PROTOBUF:
        return bytes(message.SerializeToString())
    from google.protobuf import json_format

    return str(json_format.MessageToJson(message)).encode()


class _Line:
    """Bytes on their way out. Any thread may put, one takes."""

    def __init__(self) -> None:
        self._waiting: List[bytes] = []
        self._size = 0
        self._ended = False
        self._changed = threading.Condition()

    def put(self, data: bytes) -> bool:
        """Add bytes; return False when there is no room. After the end they are dropped."""
        with self._changed:
            if self._ended:
                return True
            if self._size + len(data) > LONGEST_LINE:
                return False
            self._waiting.append(data)
            self._size += len(data)
            self._changed.notify()
            return True

    def take(self) -> Optional[bytes]:
        """Wait and return all that is there, or None after the end."""
        with self._changed:
            while not self._waiting and not self._ended:
                self._changed.wait()
            data = b"".join(self._waiting)
            del self._waiting[:]
            return data or None

    def sent(self, size: int) -> None:
        """Make room for as many bytes."""
        with self._changed:
            self._size -= size

    def end(self, drop: bool = False) -> None:
        """Take no more; with ``drop`` forget what waits."""
        with self._changed:
            self._ended = True
            if drop:
                del self._waiting[:]
            self._changed.notify()


class Session:
    """One client connection. `push` and `close` may be called from any thread."""

    def __init__(self, owner: Owner, sock: socket.socket, peer: str, conn_id: int) -> None:
        self.conn_id = conn_id
        self.peer = peer
        self.client_ver = 0
        self.client_id = ""
        self.wants_notify = False
        #: True once InitConnect is answered; nothing is pushed before.
        self.ready = False
        self.cipher = Cipher()
        self.push_format = PROTOBUF
        self.last_seen_ns = owner.clock.monotonic_ns()
        #: The last push as (protocol, plain body), for faults that repeat it.
        self.last_push: Optional[Tuple[int, bytes]] = None
        self._owner = owner
        self._sock = sock
        self._line = _Line()
        self._lock = threading.Lock()
        self._pushes = 0
        self._held: Optional[bytes] = None
        self._packets: Set[int] = set()
        self._at_hand = threading.local()
        self._leaving = False
        self._worker = Outbox(f"opend-{conn_id}")
        self._reader = self._thread("read", self._read)
        self._writer = self._thread("write", self._write)

    def __repr__(self) -> str:
        return f"Session({self.conn_id}, {self.peer})"

    def start(self) -> None:
        """Begin to read and write."""
        self._sock.settimeout(_LOOK_UP)
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._writer.start()
        self._reader.start()

    def push(self, proto_id: int, response: Any) -> None:
        """Send a message that nobody asked for; it is dropped when the link is gone."""
        if not self.ready or self._leaving:
            return
        self.push_plain(proto_id, serialise(response, self.push_format))

    def push_plain(self, proto_id: int, plain: bytes) -> None:
        """Send a push that is serialised already."""
        self.last_push = (proto_id, plain)
        faults = self._owner.faults
        sha1 = checksum(plain)
        if faults.take("bad_sha1", proto_id=proto_id):
            sha1 = bytes(20)
        with self._lock:
            self._pushes += 1
            frame = self._frame(proto_id, self._pushes, sha1, plain, self.push_format)
            if frame is None:
                return
            if self._held is None and faults.take("reorder_push", proto_id=proto_id):
                self._held = frame
                # The last push of all would wait for ever.
                self._owner.clock.call_later(1.0, self._release)
                return
            frames = [frame]
            if faults.take("duplicate_push", proto_id=proto_id):
                frames.append(frame)
            if self._held is not None:
                frames.append(self._held)
                self._held = None
            self._put(b"".join(frames))

    def reply(self, request: Frame, plain: bytes) -> None:
        """Answer a request with a serialised response."""
        with self._lock:
            frame = self._frame(
                request.proto_id, request.serial, checksum(plain), plain, request.format
            )
            if frame is not None:
                self._put(frame)

    def put_bytes(self, data: bytes, end: bool = False) -> None:
        """Send bytes as they are, and with ``end`` close behind them (a fault)."""
        self._put(data)
        if end:
            self._line.end()

    def after_answer(self, call: Callable[[], None]) -> None:
        """Run ``call`` once the request that this thread is answering has its answer, or now."""
        calls = getattr(self._at_hand, "calls", None)
        if calls is None:
            call()
        else:
            calls.append(call)

    def answering(self, answer: Callable[[], None]) -> None:
        """Run ``answer`` and then what was put off until after it."""
        calls: List[Callable[[], None]] = []
        self._at_hand.calls = calls
        try:
            answer()
        finally:
            self._at_hand.calls = None
        for call in calls:
            call()

    def in_background(self, call: Callable[[], None]) -> None:
        """Run ``call`` on the session's worker, after those that are there."""
        self._worker.submit(call)

    def check_packet(self, packet: Any) -> None:
        """Raise `Refused` for the PacketID of another connection, or one that came before."""
        if packet.connID != self.conn_id:
            raise Refused(f"packetID.connID={packet.connID}: this connection is {self.conn_id}")
        if packet.serialNo in self._packets:
            raise Refused(f"packetID.serialNo={packet.serialNo}: this packet came before")
        self._packets.add(packet.serialNo)

    def close(self, reset: bool = False, flush: bool = False) -> None:
        """End the connection, without waiting: with a reset, or after what is still to be sent."""
        if flush:
            self._line.end()
            return
        self._leaving = True
        if reset:
            try:
                self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            except OSError:
                pass
        self._line.end(drop=True)
        # To end the sending side would say goodbye, which a reset does not.
        self._shut(socket.SHUT_RD if reset else socket.SHUT_RDWR)

    def join(self, timeout: float) -> bool:
        """Wait until its threads are done; return whether they are."""
        if threading.current_thread() is not self._reader:
            self._reader.join(timeout)
        return not self._reader.is_alive()

    def _thread(self, does: str, run: Callable[[], None]) -> threading.Thread:
        return threading.Thread(target=run, name=f"opend-{does}-{self.conn_id}", daemon=True)

    def _frame(
        self,
        proto_id: int,
        serial: int,
        sha1: bytes,
        plain: bytes,
        format: int,
    ) -> Optional[bytes]:
        """Return a frame to be sent, or None when a fault has it."""
        faults = self._owner.faults
        if faults.is_on("silence", conn_id=self.conn_id):
            return None
        body = self.cipher.encrypt(plain)
        frame = join_frame(proto_id, serial, sha1, body, format)
        if faults.take("mid_frame_drop", proto_id=proto_id, conn_id=self.conn_id):
            self.put_bytes(frame[: len(frame) // 2], end=True)
            return None
        return frame

    def _put(self, data: bytes) -> None:
        if not self._line.put(data):
            log.warning(
                "session.dropped conn=%d peer=%s: it does not read", self.conn_id, self.peer
            )
            self.close()

    def _release(self) -> None:
        with self._lock:
            held, self._held = self._held, None
            if held is not None:
                self._put(held)

    def _write(self) -> None:
        try:
            while True:
                data = self._line.take()
                if data is None:
                    break
                self._send_all(memoryview(data))
                self._line.sent(len(data))
        except OSError as error:
            log.debug("session.write_failed conn=%d: %s", self.conn_id, error)
        if not self._leaving:
            self._shut(socket.SHUT_RDWR)

    def _send_all(self, data: memoryview) -> None:
        while data and not self._leaving:
            try:
                data = data[self._sock.send(data) :]
            except socket.timeout:
                pass

    def _read(self) -> None:
        reader = FrameReader()
        try:
            while True:
                try:
                    data = self._sock.recv(_CHUNK)
                except socket.timeout:
                    continue
                if not data or self._leaving:
                    break
                self.last_seen_ns = self._owner.clock.monotonic_ns()
                for frame in reader.feed(data):
                    self._owner.handle(self, frame)
        except WireError as error:
            log.warning("session.dropped conn=%d peer=%s: %s", self.conn_id, self.peer, error)
        except OSError as error:
            log.debug("session.read_failed conn=%d: %s", self.conn_id, error)
        except Exception:
            log.exception("session.failed conn=%d", self.conn_id)
        self._end()

    def _end(self) -> None:
        reset = self._leaving
        self._leaving = True
        self._line.end(drop=True)
        if not reset:
            self._shut(socket.SHUT_RDWR)
        self._writer.join()
        self._sock.close()
        self._worker.stop(1.0)
        self._owner.closed(self)

    def _shut(self, how: int) -> None:
        try:
            self._sock.shutdown(how)
        except OSError:
            pass  # the other side was faster
