"""Faults that happen to connections at once."""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING, Callable, Dict, List

from btstores.sim.switches import Fault
from btstores.stores.futu.opend import wire
from btstores.stores.futu.opend.session import Session, serialise
from btstores.stores.futu.opend.system import make_notice

if TYPE_CHECKING:
    from btstores.stores.futu.opend.server import OpenD

__all__ = ["Mishaps"]

log = logging.getLogger(__name__)

#: Seconds between two bursts of a flood.
_BURST = 0.02


class Mishaps:
    """Has faults strike the connections of an OpenD."""

    def __init__(self, opend: OpenD) -> None:
        self._opend = opend
        self._acts: Dict[str, Callable[[Fault], None]] = {
            "clean_close": self._clean_close,
            "reset": self._reset,
            "mid_frame_drop": self._mid_frame_drop,
            "garbage": self._garbage,
            "flood": self._flood,
            "listener_down": self._listener_down,
        }

    def strike(self, fault: Fault, is_on: bool) -> None:
        """Listen to `Faults`."""
        if fault.name == "upstream_down":
            self._opend.set_logged_in(
                quotes=not (is_on and fault.quotes), trading=not (is_on and fault.trading)
            )
        act = self._acts.get(fault.name)
        if act is not None and is_on and fault.options.get("proto_id") is None:
            act(fault)

    def _hit(self, fault: Fault) -> List[Session]:
        return [one for one in self._opend.sessions if fault.conn_id in (None, one.conn_id)]

    def _clean_close(self, fault: Fault) -> None:
        for session in self._hit(fault):
            session.close(flush=True)

    def _reset(self, fault: Fault) -> None:
        for session in self._hit(fault):
            session.close(reset=True)

    def _mid_frame_drop(self, fault: Fault) -> None:
        for session in self._hit(fault):
            frame = self._some_frame(session)
            session.put_bytes(frame[: len(frame) // 2], end=True)

    def _some_frame(self, session: Session) -> bytes:
        notice = make_notice("connectStatus", self._opend.system.logged_in)
        proto_id, plain = session.last_push or (wire.NOTIFY, serialise(notice))
        body = session.cipher.encrypt(plain)
        return wire.join_frame(proto_id, 0, wire.checksum(plain), body)

    def _garbage(self, fault: Fault) -> None:
        draw = self._opend.clock.random.getrandbits
        for session in self._hit(fault):
            # Nothing like the flag, so that it is garbage to everybody.
            session.put_bytes(bytes(0x80 | draw(7) for _ in range(fault.bytes)))

    def _flood(self, fault: Fault) -> None:
        self._burst(self._hit(fault), fault.rate, round(fault.rate * fault.seconds), 0.0)

    def _burst(self, sessions: List[Session], rate: float, left: int, part: float) -> None:
        due = min(left, rate * _BURST + part)
        for session in sessions:
            push = session.last_push
            for _ in range(int(due) if push is not None else 0):
                assert push is not None
                session.push_plain(*push)
        left -= int(due)
        if left > 0:
            rest = due - int(due)
            again = functools.partial(self._burst, sessions, rate, left, rest)
            self._opend.call_later(_BURST, again)

    def _listener_down(self, fault: Fault) -> None:
        self._opend.listen(False)
        for session in self._opend.sessions:
            session.close(flush=True)
        self._opend.call_later(fault.seconds, self._listener_up)

    def _listener_up(self) -> None:
        try:
            self._opend.listen(True)
        except OSError as error:
            log.error("opend.not_back port=%d: %s", self._opend.port, error)
