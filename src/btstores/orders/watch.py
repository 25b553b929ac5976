"""The prices that emulated orders are triggered by: ticks, quotes or bars of one instrument.

Ticks trigger by the trade's price. Quotes trigger a sell by the bid and a buy by the ask,
where the position could be closed. A bar is taken to go from its open to the nearer extreme
of its direction (a rising one: low, high, close; a falling one: high, low, close), and
triggers at each of these points; a bar that opens beyond a stop triggers it at the open.
What happened before an order was made does not count: of a bar that had begun by then, only
the close does.
"""

from __future__ import annotations

from typing import Callable, Dict, List, NamedTuple, Optional, Tuple, Union

from btstores.clock import NS_PER_SECOND
from btstores.instruments import TimeFrame
from btstores.orders.triggers import Trigger, TriggerIndex
from btstores.reports import Bar, Quote, Tick

__all__ = ["PriceWatch", "Source", "Watches"]

#: Seconds that one unit of a time frame lasts; weeks and longer begin long before any order.
_SECONDS = {TimeFrame.SECONDS: 1, TimeFrame.MINUTES: 60, TimeFrame.DAYS: 86_400}

Hit = Tuple[str, float]


class Source:
    """The kinds of prices, best first."""

    TICKS = "ticks"
    QUOTES = "quotes"
    BARS = "bars"
    ALL = (TICKS, QUOTES, BARS)


#: How late a bar may arrive, in nanoseconds and in parts of its length.
_LATENESS_NS = 2 * NS_PER_SECOND
_FOREVER = 2**63


class _Open(NamedTuple):
    """A bar that is not complete, and when it was heard."""

    bar: Bar
    heard_ns: int


class _Pending(NamedTuple):
    since_ns: int
    trigger: Trigger


class PriceWatch:
    """Watches one instrument for the stops that are kept here."""

    def __init__(self, source: str) -> None:
        self.source = source
        self._index = TriggerIndex()
        self._pending: List[_Pending] = []
        self._saved: Dict[str, Optional[float]] = {}
        self._frame: Optional[Tuple[int, int]] = None
        self._open_bar: Optional[_Open] = None

    def __len__(self) -> int:
        return len(self._index) + len(self._pending)

    def add(self, trigger: Trigger, since_ns: int) -> None:
        """Watch for a stop; prices from ``since_ns`` on count."""
        if trigger.stop is None:
            self._saved[trigger.key] = trigger.best
        if self.source == Source.BARS:
            self._pending.append(_Pending(since_ns, trigger))
        else:
            self._index.add(trigger)

    def remove(self, key: str) -> Optional[Trigger]:
        """Watch for it no more; return it with the best price that it has seen."""
        self._saved.pop(key, None)
        for pending in self._pending:
            if pending.trigger.key == key:
                self._pending.remove(pending)
                return pending.trigger
        return self._index.remove(key)

    def best(self, key: str) -> Optional[float]:
        """Return the best price that a trailing stop has seen."""
        for pending in self._pending:
            if pending.trigger.key == key:
                return pending.trigger.best
        return self._index.best(key) if key in self._index else None

    def new_bests(self) -> List[Hit]:
        """Return the best prices of trailing stops that have moved since the last call."""
        moved = []
        for key, saved in self._saved.items():
            best = self.best(key)
            if best is not None and best != saved:
                moved.append((key, best))
        self._saved.update(moved)
        return moved

    def restart(self, source: str) -> None:
        """Go on with prices of another kind or time frame."""
        self.source, self._frame, self._open_bar = source, None, None
        if source != Source.BARS:
            self._admit(_FOREVER)

    def on_price(self, report: Union[Bar, Tick, Quote], now_ns: int) -> List[Hit]:
        """Return which stops a price triggers and where they were; they are watched no more."""
        hits = self._hits(report, now_ns)
        for key, _ in hits:
            self._saved.pop(key, None)
        return hits

    def _hits(self, report: Union[Bar, Tick, Quote], now_ns: int) -> List[Hit]:
        if isinstance(report, Bar):
            return self._on_bar(report, now_ns) if self.source == Source.BARS else []
        if isinstance(report, Tick):
            if self.source != Source.TICKS or not _is_price(report.price):
                return []
            return self._index.on_price(report.price, report.price)
        if self.source != Source.QUOTES:
            return []
        bid = report.bid if _is_price(report.bid) else None
        ask = report.ask if _is_price(report.ask) else None
        return self._index.on_price(bid, ask)

    def _on_bar(self, bar: Bar, now_ns: int) -> List[Hit]:
        frame = (bar.timeframe, bar.compression)
        if self._frame is None or frame < self._frame:
            self._frame = frame
        if frame != self._frame or not all(_is_price(price) for price in bar[4:8]):
            return []
        self._admit(self._begin_ns(bar, now_ns))
        hits: List[Hit] = []
        for price in self._points(bar):
            hits += self._index.on_price(price, price)
        self._open_bar = None if bar.complete else _Open(bar, now_ns)
        if self._pending:
            self._admit(now_ns - 1)
            hits += self._index.on_price(bar.close, bar.close)
        return hits

    def _begin_ns(self, bar: Bar, now_ns: int) -> int:
        """Return since when this bar tells of prices that no bar has told of.

        A live bar arrives when it ends, whichever end its stamp shows. What an order that is
        made with one bar meets is the next, though both arrive a little late.
        """
        before = self._open_bar
        if before is not None and before.bar.time_ns == bar.time_ns:
            return before.heard_ns
        length_ns = _length_ns(bar)
        return now_ns - length_ns + min(_LATENESS_NS, length_ns // 10)

    def _admit(self, begin_ns: int) -> None:
        """Let those in for whom prices from ``begin_ns`` on count."""
        for pending in [each for each in self._pending if each.since_ns <= begin_ns]:
            self._pending.remove(pending)
            self._index.add(pending.trigger)

    def _points(self, bar: Bar) -> List[float]:
        before = self._open_bar
        if before is None or before.bar.time_ns != bar.time_ns:
            extremes = [bar.low, bar.high] if bar.close >= bar.open else [bar.high, bar.low]
            return [bar.open, *extremes, bar.close]
        # The bar is told again: only what is new of it has just happened.
        new = [bar.high] if bar.high > before.bar.high else []
        new += [bar.low] if bar.low < before.bar.low else []
        return [*new, bar.close]


class Watches:
    """A `PriceWatch` for each instrument that has stops to watch for.

    ``begin`` is asked for the prices of a symbol, perhaps again, and returns their kind;
    ``end`` wants them no more.
    """

    def __init__(self, begin: Callable[[str], str], end: Callable[[str], None]) -> None:
        self._begin = begin
        self._end = end
        self._watches: Dict[str, PriceWatch] = {}

    def add(self, symbol: str, trigger: Trigger, since_ns: int) -> None:
        """Watch for a stop; prices from ``since_ns`` on count."""
        if symbol not in self._watches:
            self._watches[symbol] = PriceWatch(self._begin(symbol))
        self._watches[symbol].add(trigger, since_ns)

    def renew(self) -> None:
        """Ask for all prices again: another run may have begun."""
        for symbol, watch in self._watches.items():
            watch.restart(self._begin(symbol))

    def remove(self, symbol: str, key: str) -> Optional[float]:
        """Watch for a stop no more; return the best price that a trailing one has seen."""
        watch = self._watches.get(symbol)
        removed = watch.remove(key) if watch is not None else None
        self._end_idle(symbol)
        return removed.best if removed is not None else None

    def on_price(self, report: Union[Bar, Tick, Quote], now_ns: int) -> List[Hit]:
        """Return which stops a price triggers and where they were."""
        watch = self._watches.get(report.symbol)
        if watch is None:
            return []
        hits = watch.on_price(report, now_ns)
        if hits:
            self._end_idle(report.symbol)
        return hits

    def new_bests(self) -> List[Hit]:
        """Return the best prices of trailing stops that have moved since the last call."""
        return [moved for watch in self._watches.values() for moved in watch.new_bests()]

    def _end_idle(self, symbol: str) -> None:
        watch = self._watches.get(symbol)
        if watch is not None and not len(watch):
            del self._watches[symbol]
            self._end(symbol)


def _length_ns(bar: Bar) -> int:
    try:
        return _SECONDS[TimeFrame(bar.timeframe)] * bar.compression * NS_PER_SECOND
    except (KeyError, ValueError):
        return _FOREVER // 2


def _is_price(value: Optional[float]) -> bool:
    return value is not None and value > 0 and value != float("inf")
