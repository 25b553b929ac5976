"""What goes wrong on purpose at a simulated venue: switched at run time or by a plan.

A venue has a table of its faults. One of the kind "now" happens to the connections at once, the
venue sees to that. One of the kind "next" waits until a part of the venue takes it, so many
``times``; "while" is on until it is cleared. Both may be given ``lasts``, the seconds after which
they are cleared by themselves.
"""

from __future__ import annotations

import functools
import logging
import threading
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from btstores.clock import Clock, Timer, wall_clock
from btstores.config import Param, check_params
from btstores.errors import ConfigError
from btstores.sim.faults import Planned

__all__ = ["Fault", "FaultKind", "Faults", "make_fault"]

log = logging.getLogger(__name__)


class FaultKind(NamedTuple):
    """A row of the table: when it strikes, what it does, and its options."""

    when: str
    doc: str
    options: Tuple[Param, ...] = ()


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
    """The faults of a table that wait or are on. Any thread may use it.

    Raises `ConfigError` for a plan that names what is not in the table.
    """

    def __init__(
        self,
        table: Mapping[str, FaultKind],
        plan: Sequence[Planned] = (),
        clock: Optional[Clock] = None,
    ) -> None:
        self.table = table
        for planned in plan:
            make_fault(table, planned.name, planned.options)
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
        """Switch a fault on.

        Besides its own options each that waits takes ``times``, 0 for any number, and
        ``lasts`` in seconds. Raises `ConfigError` for a name or option that is not known.
        """
        fault, lasts = make_fault(self.table, name, options)
        if self._waits(fault):
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

    def _waits(self, fault: Fault) -> bool:
        # Half a frame of a protocol needs a frame of that protocol first.
        return self.table[fault.name].when != "now" or fault.options.get("proto_id") is not None

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


def make_fault(
    table: Mapping[str, FaultKind], name: str, options: Mapping[str, Any]
) -> Tuple[Fault, Optional[float]]:
    """Return a fault of a table with its options, and after how many seconds it ends by itself.

    Raises `ConfigError`.
    """
    kind = table.get(name)
    if kind is None:
        raise ConfigError.of("name", name, "one of " + ", ".join(sorted(table)))
    common = (
        Param("times", 0 if kind.when == "while" else 1, (int,), minimum=0),
        Param("lasts", None, (float,), minimum=0),
    )
    values = dict(check_params(f"the fault {name!r}", common + kind.options, options))
    times, lasts = values.pop("times"), values.pop("lasts")
    return Fault(name, values, times), lasts
