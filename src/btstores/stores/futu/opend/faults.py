"""What goes wrong on purpose: one table of faults, switched at run time or by a plan.

A fault of the kind "now" happens to the connections at once, the server sees to that. One of the
kind "next" waits until a part of OpenD takes it, so many ``times``; "while" is on until it is
cleared. Both may be given ``lasts``, the seconds after which they are cleared by themselves.
"""

from __future__ import annotations

import functools
import logging
import os
import threading
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

from btstores.clock import Clock, Timer, wall_clock
from btstores.config import Param, check_params
from btstores.errors import ConfigError
from btstores.sim import faults as plans
from btstores.sim.faults import Planned

__all__ = ["FAULTS", "Fault", "FaultKind", "Faults", "read_plan"]

log = logging.getLogger(__name__)


class FaultKind(NamedTuple):
    """A row of the table: when it strikes, what it does, and its options."""

    when: str
    doc: str
    options: Tuple[Param, ...] = ()


def _seconds(default: float, doc: str) -> Param:
    return Param("seconds", default, (float,), doc, minimum=0)


_CONN = Param("conn_id", None, (int,), "only the connection with this id")
_PROTO = Param("proto_id", None, (int,), "only frames of this protocol, such as 2202")
_ORDERS = Param("proto_id", 2202, (int,), "the protocol whose answer it is")
_ACCOUNT = Param("acc_id", None, (int,), "only this account")
_SYMBOL = Param("symbol", None, (str,), "only this symbol, such as HK.00700")
_TEXT = Param("text", None, (str,), "what OpenD says")

#: All faults by name.
FAULTS: Dict[str, FaultKind] = {
    "clean_close": FaultKind("now", "connections end as on a regular exit", (_CONN,)),
    "reset": FaultKind("now", "connections are reset", (_CONN,)),
    "mid_frame_drop": FaultKind(
        "now",
        "half a frame, then the end; of the next frame of proto_id if that is given",
        (_CONN, _PROTO),
    ),
    "garbage": FaultKind(
        "now", "bytes that are no frame", (_CONN, Param("bytes", 100, (int,), minimum=1))
    ),
    "flood": FaultKind(
        "now",
        "the last push of each connection again and again",
        (
            _CONN,
            Param("rate", 1000.0, (float,), "pushes a second", minimum=1),
            _seconds(5.0, "for so long"),
        ),
    ),
    "listener_down": FaultKind(
        "now",
        "OpenD is away: all connections end, new ones are refused",
        (_seconds(10.0, "until it is back"),),
    ),
    "silence": FaultKind("while", "nothing is read or sent, connections stay", (_CONN,)),
    "upstream_down": FaultKind(
        "while",
        "OpenD has lost Futu and says so",
        (Param("quotes", True, (bool,)), Param("trading", True, (bool,))),
    ),
    "init_refused": FaultKind("next", "InitConnect is refused", (_TEXT,)),
    "init_unanswered": FaultKind("next", "InitConnect is not answered"),
    "ack_lost": FaultKind("next", "a request is carried out and not answered", (_ORDERS,)),
    "ack_late": FaultKind(
        "next", "a request is carried out and answered late", (_ORDERS, _seconds(15.0, "late"))
    ),
    "bad_sha1": FaultKind("next", "a push with a wrong checksum", (_PROTO,)),
    "duplicate_push": FaultKind("next", "a push comes twice", (_PROTO,)),
    "reorder_push": FaultKind("next", "a push comes after the one behind it", (_PROTO,)),
    "sub_fails": FaultKind("next", "a subscription is refused", (_SYMBOL, _TEXT)),
    "history_fails": FaultKind("next", "a request of history is refused", (_SYMBOL, _TEXT)),
    "pushes_lost": FaultKind(
        "while", "prices are not pushed until somebody subscribes again", (_SYMBOL,)
    ),
    "quota_full": FaultKind("while", "no subscription is left", (_TEXT,)),
    "no_right": FaultKind("while", "no right to see quotes", (_SYMBOL, _TEXT)),
    "na_numbers": FaultKind("while", "optional numbers are missing", (_SYMBOL,)),
    "unlock_fails": FaultKind("next", "trading stays locked", (_TEXT,)),
    "push_before_ack": FaultKind("while", "pushes of an order come before its answer", (_ACCOUNT,)),
    "order_list_lag": FaultKind(
        "while", "a new order is not in the list at once", (_ACCOUNT, _seconds(2.0, "late"))
    ),
}


class Fault:
    """One fault that was switched on, with all its options. Reads as true."""

    def __init__(self, name: str, options: Mapping[str, Any], times: int = 1) -> None:
        self.name = name
        self.options = options
        #: How often it may still be taken; 0 until it is cleared.
        self.times = times

    def __getattr__(self, name: str) -> Any:
        # Each option is an attribute: fault.seconds, fault.text.
        try:
            return self.__dict__["options"][name]
        except KeyError:
            raise AttributeError(name) from None

    def __repr__(self) -> str:
        told = {name: value for name, value in self.options.items() if value is not None}
        return f"Fault({self.name!r}, {told}, times={self.times})"

    def fits(self, where: Mapping[str, Any]) -> bool:
        """Return whether it may strike there: an option that is not given fits anything."""
        return all(
            self.options.get(name) is None or self.options[name] == value
            for name, value in where.items()
        )

    def as_dict(self) -> Dict[str, Any]:
        """Return it for JSON."""
        told = {name: value for name, value in self.options.items() if value is not None}
        return {"name": self.name, "times": self.times, **told}


Listener = Callable[[Fault, bool], None]


class Faults:
    """The faults that wait or are on. Any thread may use it."""

    def __init__(self, plan: Sequence[Planned] = (), clock: Optional[Clock] = None) -> None:
        for planned in plan:
            _make(planned.name, planned.options)
        self.plan = tuple(plan)
        self.clock = clock if clock is not None else wall_clock()
        self._lock = threading.Lock()
        self._on: List[Fault] = []
        self._timers: List[Timer] = []
        self._listeners: List[Listener] = []

    def start(self) -> None:
        """Begin with the plan."""
        for planned in self.plan:
            self._later(planned.at, functools.partial(self.on, planned.name, **planned.options))

    def stop(self) -> None:
        """Forget what is planned and what is on."""
        with self._lock:
            timers, self._timers, self._on = self._timers, [], []
        for timer in timers:
            timer.cancel()

    def listen(self, listener: Listener) -> None:
        """Call ``listener(fault, True)`` for each that is switched on, False when it is over."""
        self._listeners.append(listener)

    def on(self, name: str, **options: Any) -> Fault:
        """Switch a fault of `FAULTS` on.

        Besides its own options each that waits takes ``times``, 0 for any number, and
        ``lasts`` in seconds. Raises `ConfigError` for a name or option that is not known.
        """
        fault, lasts = _make(name, options)
        if _waits(fault):
            with self._lock:
                self._on.append(fault)
            if lasts is not None:
                self._later(lasts, lambda: self._end(fault))
        log.info("fault.on %r", fault)
        self._tell(fault, True)
        return fault

    def clear(self, name: Optional[str] = None) -> int:
        """End the faults of this name, or all; return how many there were."""
        with self._lock:
            ended = [one for one in self._on if name in (None, one.name)]
        for fault in ended:
            self._end(fault)
        return len(ended)

    def take(self, name: str, **where: Any) -> Optional[Fault]:
        """Return a fault that strikes here and now, and count it; None when all is well.

        ``where`` says what is about to happen, such as ``proto_id=2202``. One that was given
        another value of the same option waits for that.
        """
        if not self._on:
            return None
        with self._lock:
            for fault in self._on:
                if fault.name == name and fault.fits(where):
                    if fault.times == 0:
                        return fault
                    fault.times -= 1
                    if fault.times == 0:
                        self._on.remove(fault)
                    return fault
        return None

    def is_on(self, name: str, **where: Any) -> bool:
        """Return whether such a fault waits or is on, and leave it there."""
        if not self._on:
            return False
        with self._lock:
            return any(one.name == name and one.fits(where) for one in self._on)

    def current(self) -> List[Dict[str, Any]]:
        """Return what waits or is on, for JSON."""
        with self._lock:
            return [one.as_dict() for one in self._on]

    def _end(self, fault: Fault) -> None:
        with self._lock:
            if fault not in self._on:
                return
            self._on.remove(fault)
        log.info("fault.over %r", fault)
        self._tell(fault, False)

    def _tell(self, fault: Fault, is_on: bool) -> None:
        for listener in self._listeners:
            listener(fault, is_on)

    def _later(self, seconds: float, call: Callable[[], Any]) -> None:
        timer = self.clock.call_later(seconds, call)
        with self._lock:
            self._timers = [one for one in self._timers if not one.cancelled]
            self._timers.append(timer)


def _waits(fault: Fault) -> bool:
    # Half a frame of a protocol needs a frame of that protocol first.
    return FAULTS[fault.name].when != "now" or fault.options.get("proto_id") is not None


def _make(name: str, options: Mapping[str, Any]) -> Tuple[Fault, Optional[float]]:
    kind = FAULTS.get(name)
    if kind is None:
        raise ConfigError.of("name", name, "one of " + ", ".join(sorted(FAULTS)))
    common = (
        Param("times", 0 if kind.when == "while" else 1, (int,), minimum=0),
        Param("lasts", None, (float,), minimum=0),
    )
    values = dict(check_params(f"the fault {name!r}", common + kind.options, options))
    times, lasts = values.pop("times"), values.pop("lasts")
    return Fault(name, values, times), lasts


def read_plan(path: Union[str, os.PathLike[str]]) -> List[Planned]:
    """Return the plan in a TOML file, see `btstores.sim.faults.read_plan`."""
    return plans.read_plan(path, lambda name, options: _make(name, options))
