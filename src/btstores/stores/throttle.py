"""How often a venue may be asked: arithmetic on the times of past requests, no I/O."""

from __future__ import annotations

import math
from collections import deque
from typing import Deque, Sequence

from btstores.clock import NS_PER_SECOND, Clock
from btstores.errors import ConfigError
from btstores.stores.gateway import RateLimit

__all__ = ["TokenBuckets"]

_KINDS = frozenset({"place", "cancel", "modify", "history"})


class TokenBuckets:
    """Tells how long a request must wait, so that no rate of the venue is exceeded.

    A token comes back ``seconds`` after it was taken: in any window of that length, both ends
    included, at most ``count`` are taken. Of a rate that counts cancels, all others leave a
    tenth to them, and at least one unless ``count`` is 1. Raises `ConfigError` for a rate that
    makes no sense.
    """

    def __init__(self, rates: Sequence[RateLimit], clock: Clock) -> None:
        self._clock = clock
        self._buckets = [_Bucket(rate) for rate in rates]

    def wait_ns(self, kind: str, requests: int = 1) -> int:
        """Return in how many nanoseconds ``requests`` of a kind may go together; 0 is now.

        More than the rate allows at all go when nothing else is left in its window.
        """
        now_ns = self._clock.monotonic_ns()
        waits = [bucket.wait_ns(kind, requests, now_ns) for bucket in self._buckets]
        return max(waits, default=0)

    def take(self, kind: str, requests: int = 1) -> None:
        """Count requests that have gone just now."""
        now_ns = self._clock.monotonic_ns()
        for bucket in self._buckets:
            if kind in bucket.kinds:
                bucket.taken.extend([now_ns] * requests)


class _Bucket:
    """One rate, and when its newest tokens were taken."""

    def __init__(self, rate: RateLimit) -> None:
        if not rate.kinds or not _KINDS.issuperset(rate.kinds):
            raise ConfigError.of("kinds", sorted(rate.kinds), f"some of {sorted(_KINDS)}")
        if rate.requests < 1:
            raise ConfigError.of("requests", rate.requests, "at least 1")
        if not 0 < rate.seconds < math.inf:
            raise ConfigError.of("seconds", rate.seconds, "a positive number of seconds")
        self.kinds = rate.kinds
        self._window_ns = math.ceil(rate.seconds * NS_PER_SECOND)
        self._count = rate.requests
        self._kept = (
            max(1, rate.requests // 10) if "cancel" in rate.kinds and rate.requests > 1 else 0
        )
        self.taken: Deque[int] = deque(maxlen=rate.requests)

    def wait_ns(self, kind: str, requests: int, now_ns: int) -> int:
        if kind not in self.kinds:
            return 0
        most = self._count if kind == "cancel" else self._count - self._kept
        # So many of the newest requests fill the window; the oldest of them must leave it.
        full = max(1, most - requests + 1)
        if len(self.taken) < full:
            return 0
        return max(0, self.taken[-full] + self._window_ns + 1 - now_ns)
