"""The simulated OANDA on a port: HTTP for requests, and for streams that do not end."""

from __future__ import annotations

import http.server
import itertools
import json
import logging
import socket
import socketserver
import struct
import threading
from typing import Any, Iterator, List, Optional, Set, Tuple
from urllib.parse import unquote

from btstores.clock import NS_PER_SECOND, Clock
from btstores.errors import ConfigError
from btstores.sim.switches import Fault, Faults
from btstores.stores.oanda.simulator.control import Control
from btstores.stores.oanda.simulator.orders import BadRequest
from btstores.stores.oanda.simulator.requests import Answer, Failure, Request
from btstores.stores.oanda.simulator.routes import Routes
from btstores.stores.oanda.simulator.streams import Stream, Streams
from btstores.stores.oanda.simulator.venue import Oanda

__all__ = ["OandaServer"]

log = logging.getLogger(__name__)

#: So many requests a second are answered, more get status 429.
_RATE = 120
_RESET = struct.pack("ii", 1, 0)
_HTML = b"<html><head><title>502 Bad Gateway</title></head><body>cloud</body></html>"


class _Listener(socketserver.ThreadingMixIn, http.server.HTTPServer):
    """Accepts connections; each is served on a thread of its own."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, address: Tuple[str, int], owner: OandaServer) -> None:
        self.owner = owner
        super().__init__(address, _Connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.debug("connection.ended peer=%s", client_address)


class OandaServer:
    """Answers requests and feeds streams, and lets both go wrong on purpose.

    ``token`` is the only one that is let in; None lets anybody in. ``heartbeat`` is in real
    seconds. Use it as a context manager, or `start` and `stop` it.
    """

    def __init__(
        self,
        venue: Oanda,
        faults: Faults,
        wall: Clock,
        host: str = "127.0.0.1",
        port: int = 0,
        token: Optional[str] = None,
        heartbeat: float = 5.0,
        throttled: bool = True,
    ) -> None:
        self.venue = venue
        self.faults = faults
        self.wall = wall
        self.host = host
        self.port = port
        self.token = token
        self.routes = Routes(venue)
        self.streams = Streams(venue, faults, heartbeat)
        self.control = Control(venue, faults)
        self.numbers: Iterator[int] = itertools.count(1)
        self._throttled = throttled
        self._second, self._count = 0, 0
        self._listener: Optional[_Listener] = None
        self._sockets: Set[socket.socket] = set()
        self._lock = threading.Lock()
        faults.listen(self._on_fault)

    @property
    def url(self) -> str:
        """Return where it listens, such as http://127.0.0.1:8080."""
        return f"http://{self.host}:{self.port}"

    def start(self) -> None:
        """Listen, and let prices come. Raises `ConfigError` when the port is taken."""
        try:
            self._listen()
        except OSError as error:
            raise ConfigError.of("port", self.port, f"a port that is free ({error})") from None
        self.faults.start()
        self.venue.start()

    def stop(self) -> None:
        """End all connections, and listen no more."""
        self.faults.stop()
        self.venue.stop()
        self._leave()

    def __enter__(self) -> OandaServer:
        self.start()
        return self

    def __exit__(self, *details: object) -> None:
        self.stop()

    def _listen(self) -> None:
        self._listener = listener = _Listener((self.host, self.port), self)
        self.port = listener.server_address[1]
        threading.Thread(
            target=listener.serve_forever, args=(0.05,), name="oanda-simulator", daemon=True
        ).start()

    def _leave(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.shutdown()
            listener.server_close()
        self.streams.end_all()
        self._cut()

    def _cut(self) -> None:
        with self._lock:
            sockets, self._sockets = self._sockets, set()
        for one in sockets:
            try:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # it has ended by itself

    # Connections, on their threads

    def came(self, one: socket.socket) -> None:
        """Hear of a new connection."""
        with self._lock:
            self._sockets.add(one)

    def went(self, one: socket.socket) -> None:
        """Hear of the end of one."""
        with self._lock:
            self._sockets.discard(one)

    def is_too_much(self) -> bool:
        """Count a request; return whether there are too many in this second."""
        if not self._throttled:
            return False
        second = self.wall.monotonic_ns() // NS_PER_SECOND
        with self._lock:
            if second != self._second:
                self._second, self._count = second, 0
            self._count += 1
            return self._count > _RATE

    def answer(self, request: Request) -> Answer:
        """Return the answer to a request that is no stream."""
        if self.token is not None and request.token != self.token:
            return Failure(401, "Insufficient authorization to perform request.").answer
        if self.is_too_much():
            return Failure(429, "Request rate exceeded, please slow down.").answer
        with self.venue.lock:
            return self.routes.answer(request)

    def stream_of(self, request: Request) -> Stream:
        """Return the stream that is asked for. Raises `Failure` and `BadRequest`."""
        if self.token is not None and request.token != self.token:
            raise Failure(401, "Insufficient authorization to perform request.")
        account = self.routes.account_of(unquote(request.path.split("/")[3]))
        kind = "pricing" if request.path.endswith("/pricing/stream") else "transactions"
        names = self.routes.instruments_of(request) if kind == "pricing" else []
        return Stream(kind, account.account_id, frozenset(names), request.unix)

    def _on_fault(self, fault: Fault, is_on: bool) -> None:
        if not is_on:
            return
        if fault.name in ("stream_end", "stream_cut"):
            self.streams.end_all(fault.stream, fault.name == "stream_cut")
        elif fault.name == "reset":
            self.streams.end_all()
            self._cut()
        elif fault.name == "listener_down":
            self._leave()
            self.wall.call_later(fault.seconds, self._come_back)

    def _come_back(self) -> None:
        if self._listener is None:
            self._listen()


class _Connection(http.server.BaseHTTPRequestHandler):
    """One connection of a client, which may ask many things one after the other."""

    protocol_version = "HTTP/1.1"
    server: _Listener

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.server.owner.came(self.connection)

    def finish(self) -> None:
        try:
            super().finish()
        except OSError:
            log.debug("connection.cut")
        finally:
            self.server.owner.went(self.connection)

    def log_message(self, format: str, *args: Any) -> None:
        log.debug(format, *args)

    def do_GET(self) -> None:
        self._serve()

    do_POST = do_PUT = do_PATCH = do_GET

    def _serve(self) -> None:
        owner = self.server.owner
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else b""
        number = str(next(owner.numbers))
        request = Request(self.command, self.path, dict(self.headers), body, number)
        if request.path.startswith("/control"):
            self._send(owner.control.answer(request), number)
            return
        part = _part_of(request.path)
        if owner.faults.take("unanswered", path=part):
            self.close_connection = True
            return
        status = owner.faults.take("status", path=part)
        if status is not None:
            self._send(Failure(status.code, "on purpose").answer, number)
            return
        if owner.faults.take("not_json", path=part):
            self._write(200, "text/html", _HTML, number)
            return
        if request.path.endswith("/stream") and request.method == "GET":
            self._stream(request, number)
            return
        answer = owner.answer(request)
        if owner.faults.take("ack_lost", path=part):
            self.close_connection = True
            return
        late = owner.faults.take("ack_late", path=part)
        if late is not None:
            threading.Event().wait(late.seconds)
        self._send(answer, number)

    def _stream(self, request: Request, number: str) -> None:
        owner = self.server.owner
        try:
            stream = owner.stream_of(request)
        except Failure as error:
            self._send(error.answer, number)
            return
        except BadRequest as error:
            self._send(Failure(400, str(error)).answer, number)
            return
        self.close_connection = True
        self.send_response(200)
        # Said, so that no client asks again on a connection that ends with its stream.
        self.send_header("Connection", "close")
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("RequestID", number)
        self.end_headers()
        owner.streams.open(stream, request.flag("snapshot", True))
        try:
            owner.streams.run(stream, self._chunk)
            if not stream.cut:
                self.wfile.write(b"0\r\n\r\n")
        except OSError:
            log.debug("stream.left")

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def _send(self, answer: Answer, number: str) -> None:
        self._write(answer.status, "application/json", json.dumps(answer.body).encode(), number)

    def _write(self, status: int, kind: str, data: bytes, number: str) -> None:
        try:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("RequestID", number)
            self.end_headers()
            self.wfile.write(data)
        except OSError:
            self.close_connection = True


def _part_of(path: str) -> str:
    """Return what a request is about: the last part of its path that is a word."""
    words: List[str] = [part for part in path.split("/") if part.isalpha()]
    return words[-1] if words else ""
