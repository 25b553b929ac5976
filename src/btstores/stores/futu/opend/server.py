"""OpenD: it listens, shakes hands, and brings requests to those who answer them."""

from __future__ import annotations

import functools
import logging
import socket
import threading
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Mapping, Optional, Sequence

from btstores.clock import NS_PER_SECOND, Clock, Timer, wall_clock
from btstores.errors import ConfigError
from btstores.sim.switches import Faults
from btstores.stores.futu import sdk
from btstores.stores.futu.opend import wire
from btstores.stores.futu.opend.faults import FAULTS
from btstores.stores.futu.opend.listener import Listener
from btstores.stores.futu.opend.mishaps import Mishaps
from btstores.stores.futu.opend.session import (
    Refused,
    Route,
    Service,
    Session,
    Silent,
    serialise,
)
from btstores.stores.futu.opend.system import (
    LOGIN_USER_ID,
    SERVER_VERSION,
    System,
    make_notice,
)
from btstores.stores.futu.opend.wire import Cipher, Frame, WireError

if TYPE_CHECKING:
    from btstores.stores.futu.opend.accounts import TradingAccount
    from btstores.stores.futu.opend.world import World

__all__ = ["OpenD", "Refused", "Route", "Service", "Session", "Silent"]

log = logging.getLogger(__name__)

MOST_SESSIONS = 128
#: Intervals of the keepalive after which a client that says nothing is dropped.
_PATIENCE = 3
_FAILED, _INVALID = -1, -500
_NO_ENCRYPTION, _FTAES_ECB, _AES_CBC = -1, 0, 2


class OpenD:
    """A gateway on a port of its own. ``port`` 0 takes a free one, known after `start`.

    ``rsa_key`` is the path or the text of a private key of 1024 bit, without which nothing is
    encrypted. ``aes`` is "cbc", or "ecb" as older ones had it. ``keepalive`` is in seconds. The
    world is started and stopped with it. Raises `ConfigError`.
    """

    def __init__(
        self,
        world: World,
        services: Sequence[Service] = (),
        host: str = "127.0.0.1",
        port: int = 0,
        rsa_key: Optional[str] = None,
        aes: str = "cbc",
        keepalive: int = 10,
        faults: Optional[Faults] = None,
        clock: Optional[Clock] = None,
    ) -> None:
        if aes not in ("cbc", "ecb"):
            raise ConfigError.of("aes", aes, "'cbc' or 'ecb'")
        self.world = world
        self.host = host
        self.port = port
        self.keepalive = keepalive
        #: The trading accounts by number; `make_opend` puts them here.
        self.accounts: Mapping[int, TradingAccount] = {}
        self.clock: Clock = clock if clock is not None else wall_clock()
        self.faults = faults if faults is not None else Faults(FAULTS, clock=self.clock)
        self.system = System(world, self.clock)
        self.services: List[Service] = [self.system, *services]
        self._rsa = wire.Rsa(rsa_key) if rsa_key is not None else None
        self._aes = aes
        self._routes: Dict[int, Route] = {}
        for service in self.services:
            self._routes.update(service.routes())
        self._lock = threading.RLock()
        self._sessions: List[Session] = []
        self._timers: List[Timer] = []
        self._listener: Optional[Listener] = None
        self._running = False
        self.faults.listen(Mishaps(self).strike)

    @property
    def sessions(self) -> List[Session]:
        """Return the connections that are there now."""
        with self._lock:
            return list(self._sessions)

    def start(self) -> None:
        """Listen, and let time pass in the world. Raises `ConfigError` if the port is taken."""
        self._running = True
        try:
            self.listen(True)
        except OSError as error:
            self._running = False
            expected = f"a free port on {self.host} ({error.strerror})"
            raise ConfigError.of("port", self.port, expected) from None
        self._look_after()
        self.faults.start()
        self.world.start()

    def stop(self) -> None:
        """Close all connections, free the port and wait for the threads."""
        self._running = False
        self.world.stop()
        self.faults.stop()
        with self._lock:
            timers, self._timers = self._timers, []
        for timer in timers:
            timer.cancel()
        self.listen(False)
        sessions = self.sessions
        for session in sessions:
            session.close()
        for session in sessions:
            if not session.join(2.0):
                log.warning("session.hangs conn=%d", session.conn_id)

    def __enter__(self) -> OpenD:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def listen(self, wanted: bool) -> None:
        """Take new connections, or refuse them. Raises `OSError` if the port is taken."""
        with self._lock:
            old, self._listener = self._listener, None
        if old is not None:
            old.stop()
        if wanted and self._running:
            listener = Listener(self.host, self.port, self._welcome)
            self.port = listener.port
            with self._lock:
                self._listener = listener
            listener.start()

    def call_later(self, seconds: float, call: Callable[[], None]) -> None:
        """Run ``call`` after so many real seconds unless OpenD has stopped by then."""
        if not self._running:
            return
        timer = self.clock.call_later(seconds, call)
        with self._lock:
            self._timers = [one for one in self._timers if not one.cancelled]
            self._timers.append(timer)

    def notify(self, kind: str, **fields: Any) -> None:
        """Send a notice to all who want it, in the names of Notify.proto.

        ``notify("connectStatus", qotLogined=False, trdLogined=True)``. Raises `ConfigError`.
        """
        notice = make_notice(kind, fields)
        for session in self.sessions:
            if session.wants_notify:
                session.push(wire.NOTIFY, notice)

    def set_logged_in(self, quotes: bool, trading: bool) -> None:
        """Say that OpenD has or has lost Futu's quotes and trading, now and when asked."""
        self.system.logged_in = {"qotLogined": quotes, "trdLogined": trading}
        self.notify("connectStatus", **self.system.logged_in)

    def handle(self, session: Session, frame: Frame) -> None:
        """Answer a frame, or have it answered. Called on the session's reader thread."""
        if self.faults.is_on("silence", conn_id=session.conn_id):
            return
        route = self._routes.get(frame.proto_id)
        work = functools.partial(session.answering, functools.partial(self._answer, session, frame))
        if route is not None and route.in_background and session.ready:
            session.in_background(work)
        else:
            work()

    def closed(self, session: Session) -> None:
        """Forget a connection. Called by the session when it has ended."""
        with self._lock:
            if session in self._sessions:
                self._sessions.remove(session)
        log.info("session.closed conn=%d peer=%s", session.conn_id, session.peer)
        for service in self.services:
            try:
                service.session_closed(session)
            except Exception:
                log.exception("session.closed_failed conn=%d", session.conn_id)

    # Connections

    def _welcome(self, sock: socket.socket, peer: str) -> None:
        with self._lock:
            if len(self._sessions) >= MOST_SESSIONS or not self._running:
                log.warning("session.refused peer=%s: %d connections", peer, len(self._sessions))
                sock.close()
                return
            session = Session(self, sock, peer, self.clock.random.getrandbits(63) | 1)
            self._sessions.append(session)
        log.info("session.opened conn=%d peer=%s", session.conn_id, peer)
        session.start()

    def _look_after(self) -> None:
        """Drop who has been silent for long, now and again and again."""
        oldest = self.clock.monotonic_ns() - _PATIENCE * self.keepalive * NS_PER_SECOND
        for session in self.sessions:
            if session.last_seen_ns < oldest:
                log.warning(
                    "session.dropped conn=%d peer=%s: silent", session.conn_id, session.peer
                )
                session.close()
        self.call_later(self.keepalive / 4, self._look_after)

    # Requests

    def _answer(self, session: Session, frame: Frame) -> None:
        try:
            if frame.proto_id == wire.INIT_CONNECT:
                self._shake_hands(session, frame)
                return
            if not session.ready:
                raise Refused(f"protocol {frame.proto_id}: InitConnect must come first")
            route = self._routes.get(frame.proto_id)
            if route is None:
                raise Refused(f"unknown protocol id {frame.proto_id}")
            plain = self._ask(session, route, frame)
        except Silent:
            return
        except Refused as refused:
            self._refuse(session, frame, refused.text, refused.code)
            return
        except WireError as error:
            self._refuse(session, frame, str(error), 0, _INVALID)
            return
        except Exception as error:
            log.exception("request.failed proto=%d conn=%d", frame.proto_id, session.conn_id)
            self._refuse(session, frame, f"the simulated OpenD failed: {error!r}", 0)
            return
        if self.faults.take("ack_lost", proto_id=frame.proto_id):
            return
        late = self.faults.take("ack_late", proto_id=frame.proto_id)
        if late is not None:
            self.call_later(late.seconds, functools.partial(session.reply, frame, plain))
            return
        session.reply(frame, plain)

    def _ask(self, session: Session, route: Route, frame: Frame) -> bytes:
        request = _parse(route.request(), frame, session.cipher)
        if "packetID" in request.c2s.DESCRIPTOR.fields_by_name:
            session.check_packet(request.c2s.packetID)
        response = route.response(retType=0)
        # Some clients look into it without asking whether it is there.
        response.s2c.SetInParent()
        route.answer(session, request.c2s, response.s2c)
        return serialise(response, frame.format)

    def _refuse(
        self, session: Session, frame: Frame, text: str, code: int, kind: int = _FAILED
    ) -> None:
        log.info("request.refused proto=%d conn=%d: %s", frame.proto_id, session.conn_id, text)
        # All responses begin with the same three fields, also those of unknown protocols.
        response = sdk.pb("KeepAlive").Response(retType=kind, retMsg=text, errCode=code)
        session.reply(frame, serialise(response, frame.format))

    # The handshake

    def _shake_hands(self, session: Session, frame: Frame) -> None:
        if session.ready:
            raise Refused("InitConnect: this connection has had it")
        if self.faults.take("init_unanswered"):
            raise Silent
        module = sdk.pb("InitConnect")
        c2s = _parse(module.Request(), frame, self._rsa or Cipher()).c2s
        algorithm = c2s.packetEncAlgo if c2s.HasField("packetEncAlgo") else _FTAES_ECB
        is_plain = self._rsa is None or algorithm == _NO_ENCRYPTION
        # The answer, also a refusal, travels as the client awaits it.
        session.cipher = Cipher() if is_plain else self._rsa or Cipher()
        fault = self.faults.take("init_refused")
        if fault is not None:
            raise Refused(fault.text or "InitConnect is refused")
        if algorithm not in (_NO_ENCRYPTION, _FTAES_ECB, _AES_CBC):
            raise Refused(f"packetEncAlgo={algorithm}: expected -1, 0 (FTAES-ECB) or 2 (AES-CBC)")
        key, start = self.clock.new_id(), self.clock.new_id()
        response = module.Response(retType=0)
        s2c = response.s2c
        s2c.serverVer, s2c.loginUserID = SERVER_VERSION, LOGIN_USER_ID
        s2c.connID, s2c.connAESKey, s2c.keepAliveInterval = session.conn_id, key, self.keepalive
        cipher = Cipher()
        if not is_plain and (self._aes == "ecb" or algorithm == _FTAES_ECB):
            cipher = wire.FtAesEcb(key)
        elif not is_plain:
            cipher = wire.AesCbc(key, start)
            s2c.aesCBCiv = start
        session.client_ver, session.client_id = c2s.clientVer, c2s.clientID
        session.wants_notify = c2s.recvNotify
        session.push_format = c2s.pushProtoFmt
        session.reply(frame, serialise(response, frame.format))
        session.cipher = cipher
        session.ready = True


def _parse(request: Any, frame: Frame, cipher: Cipher) -> Any:
    """Fill a request from a frame and return it. Raises `WireError`, `Refused`."""
    plain = cipher.decrypt(frame.body)
    if wire.checksum(plain) != frame.sha1:
        raise WireError(f"protocol {frame.proto_id}: the SHA-1 is not that of the plain body")
    name = request.DESCRIPTOR.full_name
    try:
        if frame.format == wire.JSON:
            from google.protobuf import json_format

            json_format.Parse(plain, request)
        else:
            request.ParseFromString(plain)
    except Exception as error:
        # Each implementation of protobuf has an error of its own.
        raise Refused(f"{name}: cannot be read ({error})") from None
    missing = request.FindInitializationErrors()
    if missing:
        raise Refused(f"{name} lacks {', '.join(missing)}")
    return request
