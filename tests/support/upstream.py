"""The flaws of backtrader's own live feeds, to compare with: same engine, on a clock of its own."""

from __future__ import annotations

import math
from collections import deque
from typing import Any

import backtrader as bt

from btstores.feeds.times import ns_to_num
from tests.support.venue import T0


class OwnTime:
    """Seconds since `T0`; they pass while a feed waits."""

    def __init__(self) -> None:
        self.now = 0.0


class WaitingFeed(bt.feed.DataBase):
    """Waits in ``_load`` for what arrives, as the live feeds of backtrader do.

    ``arrivals`` are (seconds, price). ``always`` says at all times that there is something
    to deliver, which is what ``bool(queue)`` comes to.
    """

    params: Any = (
        ("arrivals", ()),
        ("time", None),
        ("until", 0.0),
        ("qcheck", 0.5),
        ("always", False),
        ("live", True),
    )

    def islive(self):
        return True

    def start(self):
        super().start()
        self._arrivals = deque(self.p.arrivals)
        self.seen_while_waiting = []
        self.put_notification(self.LIVE if self.p.live else self.DELAYED)

    def haslivedata(self):
        return self.p.always or bool(self._arrivals and self._arrivals[0][0] <= self.p.time.now)

    def _load(self):
        time = self.p.time
        if not self._arrivals and time.now >= self.p.until:
            return False
        self.seen_while_waiting.append(math.isnan(self.close[0]))
        if not self._arrivals or self._arrivals[0][0] > time.now + self._qcheck:
            time.now += self._qcheck
            return None
        due, price = self._arrivals.popleft()
        time.now = max(time.now, due)
        self.lines.datetime[0] = ns_to_num(T0 + round(due * 10**9))
        for name in ("open", "high", "low", "close"):
            getattr(self.lines, name)[0] = price
        self.lines.volume[0] = 1.0
        self.lines.openinterest[0] = 0.0
        return True
