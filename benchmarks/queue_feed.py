"""A feed of backtrader's own kind. It needs backtrader alone."""

from __future__ import annotations

import datetime
import queue
from typing import Any, Optional

import backtrader as bt


class QueueFeed(bt.feed.DataBase):
    """A feed as backtrader's IBData and OandaData are: it waits for its own queue alone."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._storedmsg: dict = {}
        self.qlive: queue.Queue = queue.Queue()

    def islive(self) -> bool:
        return True

    def start(self) -> None:
        super().start()
        self.put_notification(self.LIVE)

    def haslivedata(self) -> bool:
        # As written there. A Queue is always true.
        return bool(self._storedmsg or self.qlive)

    def _load(self) -> Optional[bool]:
        try:
            time_ns, price = self.qlive.get(timeout=self._qcheck)
        except queue.Empty:
            return None
        moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=time_ns // 1000)
        self.lines.datetime[0] = bt.date2num(moment)
        for line in (self.lines.open, self.lines.high, self.lines.low, self.lines.close):
            line[0] = price
        self.lines.volume[0] = 0.0
        self.lines.openinterest[0] = 0.0
        return True
