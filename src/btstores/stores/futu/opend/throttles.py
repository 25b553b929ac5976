"""Futu's limits of requests: so many in so many seconds, with a pause between two."""

from __future__ import annotations

import collections
import threading
from typing import Any, Deque, Dict, Hashable, NamedTuple, Optional

from btstores.clock import NS_PER_SECOND, Clock

__all__ = ["LIMITS", "Limit", "Throttles"]


class Limit(NamedTuple):
    """``calls`` requests in ``seconds``, at least ``gap`` seconds apart."""

    calls: int
    seconds: float = 30.0
    gap: float = 0.0


#: By the name that stands in the refusal.
LIMITS: Dict[str, Limit] = {
    "PlaceOrder": Limit(15, gap=0.02),
    "ModifyOrder": Limit(20, gap=0.04),
    "UnlockTrade": Limit(10),
    "GetMarginRatio": Limit(10),
    "GetFunds": Limit(10),
    "GetPositionList": Limit(10),
    "GetOrderList": Limit(10),
    "GetOrderFillList": Limit(10),
    "GetMaxTrdQtys": Limit(10),
    "GetHistoryOrderList": Limit(10),
    "GetHistoryOrderFillList": Limit(10),
    "GetOrderFee": Limit(10),
    "FlowSummary": Limit(20),
}


class Throttles:
    """Counts requests by name and by whom they are for. Any thread may ask.

    The first request and the one after the last allowed are ``seconds`` apart. What is refused
    does not count. ``clock`` is that of the wall: a broker's limits do not run faster with the
    prices.
    """

    def __init__(self, clock: Clock, on: bool = True) -> None:
        self.on = on
        self._clock = clock
        self._taken: Dict[Any, Deque[int]] = {}
        self._lock = threading.Lock()

    def take(self, name: str, key: Hashable) -> Optional[str]:
        """Count a request and return None, or say why it comes too soon."""
        if not self.on:
            return None
        limit = LIMITS[name]
        with self._lock:
            now = self._clock.monotonic_ns()
            taken = self._taken.setdefault((name, key), collections.deque(maxlen=limit.calls))
            if taken and now - taken[-1] < limit.gap * NS_PER_SECOND:
                return (
                    f"request frequency limit: {name} must be at least {limit.gap:g} seconds apart"
                )
            full = len(taken) == limit.calls
            if full and now - taken[0] < limit.seconds * NS_PER_SECOND:
                return (
                    f"request frequency limit: {name} is allowed {limit.calls} times "
                    f"per {limit.seconds:g} seconds"
                )
            taken.append(now)
            return None
