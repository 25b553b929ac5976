"""What requests have in common: the security they name, and how often they may come."""

from __future__ import annotations

import collections
import threading
from typing import Any, Deque, List, Optional

from btstores.clock import NS_PER_SECOND, Clock
from btstores.stores.futu.opend.session import Refused
from btstores.stores.futu.opend.text import symbol_of
from btstores.stores.futu.opend.world import World

__all__ = ["Throttle", "count_of", "find_symbol", "find_symbols"]

_WINDOW_NS = 30 * NS_PER_SECOND


class Throttle:
    """Lets so many calls through in 30 seconds of a clock; without a clock all of them."""

    def __init__(self, name: str, most: int, clock: Optional[Clock]) -> None:
        self._name = name
        self._most = most
        self._clock = clock
        self._calls: Deque[int] = collections.deque()
        self._lock = threading.Lock()

    def take(self) -> None:
        """Count a call. Raises `Refused` for one too many."""
        if self._clock is None:
            return
        now_ns = self._clock.monotonic_ns()
        with self._lock:
            while self._calls and now_ns - self._calls[0] >= _WINDOW_NS:
                self._calls.popleft()
            if len(self._calls) >= self._most:
                raise Refused(
                    f"{self._name}: more than {self._most} requests in 30 seconds; try later"
                )
            self._calls.append(now_ns)


def find_symbol(world: World, security: Any) -> str:
    """Return the symbol of a security on the wire. Raises `Refused` for an unknown one."""
    symbol = symbol_of(security.market, security.code)
    if symbol is None or symbol not in world.boards:
        raise Refused(f"Unknown stock: market {security.market}, code {security.code!r}")
    return symbol


def find_symbols(world: World, securities: Any, most: int) -> List[str]:
    """Return the symbols of a list of securities. Raises `Refused`, also for none or too many."""
    if not 1 <= len(securities) <= most:
        raise Refused(f"securityList: {len(securities)} securities, expected 1 to {most}")
    return [find_symbol(world, security) for security in securities]


def count_of(field: str, number: int, most: int = 1000) -> int:
    """Return how many items are asked for. Raises `Refused` for none or too many."""
    if not 1 <= number <= most:
        raise Refused(f"{field}: {number} is not from 1 to {most}")
    return number
