"""A second view of a feed, for resampling next to it."""

from __future__ import annotations

from typing import Any, Optional

import backtrader as bt

from btstores.feeds.storefeed import StoreFeed
from btstores.feeds.times import num_to_ns

__all__ = ["StoreClone"]


class StoreClone(StoreFeed):
    """Shows the bars of another feed of the same Cerebro, for resampling next to it."""

    _clone = True

    def __init__(self, **kwargs: Any) -> None:
        self.data = self.p.dataname
        self._store = self.data._store
        self._dataname = self.data._dataname
        for name in ("fromdate", "todate", "sessionstart", "sessionend", "timeframe"):
            setattr(self.p, name, getattr(self.data.p, name))
        self.p.compression = self.data.p.compression
        super().__init__(**kwargs)
        self._taken = 0

    @property
    def symbol(self) -> str:
        return str(self.data.symbol)

    def start(self) -> None:
        bt.feed.DataBase.start(self)
        self._forget()
        if self._cycle is not None:
            self._cycle.add_feed(self)
        self._taken = 0

    def _start(self) -> None:
        self.start()
        source = self.data
        self._tz = source._tz
        self.lines.datetime._settz(self._tz)
        self._tzinput = None
        self._calendar = source._calendar
        self.fromdate, self.todate = source.fromdate, source.todate
        self.sessionstart, self.sessionend = source.sessionstart, source.sessionend
        self.instrument = source.instrument
        self._laststatus = source._laststatus

    def stop(self) -> None:
        bt.feed.DataBase.stop(self)
        if self._cycle is not None:
            self._cycle.remove_feed(self)

    def _is_caught_up(self) -> bool:
        # It has no status of its own.
        self._laststatus = self.data._laststatus
        return False

    def is_over(self) -> bool:
        return bool(self.data.is_over()) and not self.haslivedata()

    def haslivedata(self) -> bool:
        return bool(
            len(self.data) > self._taken
            or self._rewound is not None
            or self._barstack
            or self._barstash
        )

    def head_ns(self) -> Optional[int]:
        if self._rewound is None and not self._barstack and len(self.data) > self._taken:
            return num_to_ns(self.data.datetime[0])
        return super().head_ns()

    def _load(self) -> Optional[bool]:
        source = self.data
        if len(source) <= self._taken:
            return False if self.is_over() else None
        # What was taken of a bar that the source has put back is not taken again when the
        # source brings it back: then its length is the same as before.
        self._taken = len(source)
        self.time_ns = source.time_ns
        for line, source_line in zip(self.lines, source.lines):
            line[0] = source_line[0]
        return True
