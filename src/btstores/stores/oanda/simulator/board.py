"""Prices of one instrument: the newest, and candles of all that there were."""

from __future__ import annotations

from typing import Iterator, List, NamedTuple, Optional

from btstores.clock import NS_PER_SECOND
from btstores.stores.oanda.simulator.listings import Listing

__all__ = ["Board", "Candle", "Price"]

#: The finest candles; all others are made of them.
_SLOT_NS = 5 * NS_PER_SECOND


class Price(NamedTuple):
    """The best bid and ask at a time."""

    time_ns: int
    bid: float
    ask: float

    @property
    def mid(self) -> float:
        """Return the middle."""
        return (self.bid + self.ask) / 2


class Candle(NamedTuple):
    """Prices from ``start_ns`` on: open, high, low and close of bid, mid and ask; and how many."""

    start_ns: int
    bid: List[float]
    mid: List[float]
    ask: List[float]
    volume: int


class Board:
    """One instrument's prices."""

    def __init__(self, listing: Listing) -> None:
        self.listing = listing
        self.price: Optional[Price] = None
        self.halted = False
        self._slots: List[Candle] = []

    def take(self, price: Price) -> None:
        """Take the newest price; it may be no older than the last."""
        self.price = price
        start_ns = price.time_ns - price.time_ns % _SLOT_NS
        values = (price.bid, price.mid, price.ask)
        if self._slots and self._slots[-1].start_ns == start_ns:
            last = self._slots[-1]
            for candle, value in zip((last.bid, last.mid, last.ask), values):
                candle[1], candle[2] = max(candle[1], value), min(candle[2], value)
                candle[3] = value
            self._slots[-1] = last._replace(volume=last.volume + 1)
        else:
            bid, mid, ask = ([value] * 4 for value in values)
            self._slots.append(Candle(start_ns, bid, mid, ask, 1))

    def slots(self, since_ns: Optional[int] = None) -> Iterator[Candle]:
        """Yield the candles of five seconds, newest first, down to one that began at a time."""
        for candle in reversed(self._slots):
            if since_ns is not None and candle.start_ns < since_ns:
                return
            yield candle
