"""Which emulated stops of one instrument a price hits, without looking at the others.

Sells are mirrored (prices times -1), so that all stops are hit from below and the best price of
a trailing one is the lowest. Stops stand in groups in which the order of being hit never
changes: all fixed ones are one, and so are trailing ones by amount (or percent) that share
their best price. A group is a heap by stop, amount or percent, hit when its first is. The groups
of a kind are a stack, the highest best on top: those that a new price betters are merged into
one with that price as its best, the smaller heap into the larger. All others keep their levels,
so one heap of levels tells which groups are hit. What is forgotten or out of date stays in its
heap until it comes first or outweighs the rest. So a price costs O(log n) on average, plus hits.
"""

from __future__ import annotations

import bisect
import functools
import heapq
import itertools
import math
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from btstores.errors import UsageError
from btstores.reports import Side

__all__ = ["Trigger", "TriggerIndex"]

# So much waste is not worth clearing away.
SPARE = 16


class Trigger(NamedTuple):
    """A stop to watch, of the order with the client order id ``key``.

    A sell triggers when the price falls to the stop, a buy when it rises to it. A fixed one has
    ``stop``. A trailing one has ``trail_amount`` in currency or ``trail_percent``, a fraction
    (0.02 is two percent); the amount counts more. ``best`` is the best price it has seen.
    """

    key: str
    side: Side
    stop: Optional[float] = None
    trail_amount: Optional[float] = None
    trail_percent: Optional[float] = None
    best: Optional[float] = None


class TriggerIndex:
    """The triggers of one instrument."""

    def __init__(self) -> None:
        self._watched: Dict[str, _Watched] = {}
        self._sells, self._buys = _Half(Side.SELL.sign), _Half(Side.BUY.sign)
        self._numbers = itertools.count()

    def __len__(self) -> int:
        return len(self._watched)

    def __contains__(self, key: object) -> bool:
        return key in self._watched

    def add(self, trigger: Trigger) -> None:
        """Watch one more trigger.

        Raises KeyError if its key is watched already, UsageError if it cannot be followed.
        """
        if trigger.key in self._watched:
            raise KeyError(f"a trigger of order {trigger.key} is watched already")
        _check(trigger)
        watched = self._watched[trigger.key] = _Watched(trigger, next(self._numbers))
        self._half(trigger).add(watched)

    def remove(self, key: str) -> Optional[Trigger]:
        """Return a trigger with its newest best price and forget it; None if not watched."""
        watched = self._watched.pop(key, None)
        if watched is None:
            return None
        trigger = watched.trigger._replace(best=watched.best())
        watched.group = None
        self._half(trigger).tidy(gone=1)
        return trigger

    def level(self, key: str) -> Optional[float]:
        """Return where the stop is now; None before its first price, or if not watched."""
        watched = self._watched.get(key)
        return None if watched is None else watched.level()

    def best(self, key: str) -> Optional[float]:
        """Return the best price that a trailing stop has seen; None if there is none."""
        watched = self._watched.get(key)
        return None if watched is None else watched.best()

    def on_price(
        self, sell_price: Optional[float], buy_price: Optional[float]
    ) -> List[Tuple[str, float]]:
        """Return key and level of what is triggered, in the order of adding, and forget it.

        Sell stops look at the first price (the bid, or the last trade), buy stops at the second
        (the ask, or the last trade); None is no news. Raises UsageError for NaN and infinity.
        """
        _check_number("sell_price", sell_price)
        _check_number("buy_price", buy_price)
        hits = [] if sell_price is None else self._sells.on_price(sell_price)
        if buy_price is not None:
            hits += self._buys.on_price(buy_price)
        hits.sort()
        for _, key, _ in hits:
            del self._watched[key]
        return [(key, level) for _, key, level in hits]

    def _half(self, trigger: Trigger) -> _Half:
        return self._sells if trigger.side is Side.SELL else self._buys


class _Watched:
    """A trigger, its number in the order of adding, and its group as long as it is watched."""

    __slots__ = ("group", "number", "sign", "trigger")

    def __init__(self, trigger: Trigger, number: int) -> None:
        self.trigger = trigger
        self.number = number
        self.sign = trigger.side.sign
        self.group: Optional[_Group] = None

    def best(self) -> Optional[float]:
        best = None if self.group is None else self.group.best
        return None if best is None or math.isinf(best) else self.sign * best

    def level(self) -> Optional[float]:
        _, _, stop, amount, percent, _ = self.trigger
        best = self.best()
        if stop is not None or best is None:
            return stop
        if amount is not None:
            return best + self.sign * amount
        assert percent is not None
        return best * (1 + self.sign * percent)


class _Group:
    """Triggers whose order of being hit never changes.

    ``best`` is mirrored: infinite before a price, which any price betters, and minus infinite
    for fixed stops, which none does. ``heap`` holds (distance, number, watched). ``listed`` is
    the level at which the group stands in the heap of levels, never above its true one.
    """

    __slots__ = ("best", "heap", "listed")

    def __init__(self, best: float) -> None:
        self.best = best
        self.heap: List[Tuple[float, int, _Watched]] = []
        self.listed: Optional[float] = None

    def push(self, distance: float, watched: _Watched) -> None:
        watched.group = self
        heapq.heappush(self.heap, (distance, watched.number, watched))

    def first(self) -> Optional[Tuple[float, _Watched]]:
        """Return what is hit first, after its (mirrored) level; None without a level."""
        while self.heap:
            watched = self.heap[0][2]
            if watched.group is not None:
                level = watched.level()
                return None if level is None else (watched.sign * level, watched)
            heapq.heappop(self.heap)
        return None


def _merged(one: _Group, other: _Group) -> _Group:
    """Return the larger group with what the smaller one watches; leave the smaller empty."""
    large, small = (other, one) if len(one.heap) < len(other.heap) else (one, other)
    for distance, _, watched in small.heap:
        if watched.group is not None:
            large.push(distance, watched)
    small.heap = []
    return large


class _Kind:
    """The groups of one kind of stop; ``bests`` are their best prices, ascending."""

    def __init__(self) -> None:
        self.groups: Dict[float, _Group] = {}
        self.bests: List[float] = []

    def group(self, best: float) -> _Group:
        """Return the group of those that have seen this best price."""
        if best not in self.groups:
            self.groups[best] = _Group(best)
            bisect.insort(self.bests, best)
        return self.groups[best]

    def on_price(self, price: float) -> Optional[_Group]:
        """Return the group whose best price this is now, if it is news to any."""
        passed = []
        while self.bests and self.bests[-1] >= price:
            passed.append(self.groups.pop(self.bests.pop()))
        if not passed:
            return None
        group = functools.reduce(_merged, passed)
        group.best = price
        self.groups[price] = group
        self.bests.append(price)
        return group

    def clear(self) -> None:
        """Drop all that is no longer watched, and groups without any."""
        for group in self.groups.values():
            group.heap = [entry for entry in group.heap if entry[2].group is not None]
            heapq.heapify(group.heap)
        self.groups = {best: group for best, group in self.groups.items() if group.heap}
        self.bests = sorted(self.groups)


class _Half:
    """The triggers of one side; ``sign`` mirrors their prices.

    ``levels`` is a heap of (level, number, group). An entry that is not what the group has
    ``listed`` is out of date. ``gone`` counts what was forgotten since the last clearing.
    """

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.fixed, self.by_amount, self.by_percent = self.kinds = _Kind(), _Kind(), _Kind()
        self.levels: List[Tuple[float, int, _Group]] = []
        self.numbers = itertools.count()
        self.live = self.gone = 0
        self.most_levels = SPARE

    def add(self, watched: _Watched) -> None:
        _, _, stop, amount, percent, best = watched.trigger
        mirrored = math.inf if best is None else self.sign * best
        if stop is not None:
            self.fixed.group(-math.inf).push(self.sign * stop, watched)
        elif amount is not None:
            self.by_amount.group(mirrored).push(amount, watched)
        elif percent is not None:
            self.by_percent.group(mirrored).push(percent, watched)
        self.live += 1
        self._list(watched.group)
        self.tidy(gone=0)

    def on_price(self, price: float) -> List[Tuple[int, str, float]]:
        """Return number, key and level of what is hit, and forget it."""
        mirrored = self.sign * price
        for kind in self.kinds:
            self._list(kind.on_price(mirrored))
        hits: List[Tuple[int, str, float]] = []
        while self.levels and self.levels[0][0] <= mirrored:
            listed, _, group = heapq.heappop(self.levels)
            if listed != group.listed:
                continue
            group.listed = None
            first = group.first()
            if first is not None and first[0] <= mirrored:
                level, watched = first
                watched.group = None
                hits.append((watched.number, watched.trigger.key, self.sign * level))
            self._list(group)
        self.tidy(len(hits))
        return hits

    def _list(self, group: Optional[_Group]) -> None:
        """See to it that the group stands in the heap of levels no higher than its level."""
        first = group.first() if group else None
        if group and first and (group.listed is None or first[0] < group.listed):
            group.listed = first[0]
            heapq.heappush(self.levels, (first[0], next(self.numbers), group))

    def tidy(self, gone: int) -> None:
        """Count what was forgotten; clear away what is dead when it may be more than the rest."""
        self.live -= gone
        self.gone += gone
        if self.gone > self.live + SPARE:
            self.gone = 0
            for kind in self.kinds:
                kind.clear()
        elif len(self.levels) <= self.most_levels:
            return
        self.levels = []
        for group in [group for kind in self.kinds for group in kind.groups.values()]:
            group.listed = None
            self._list(group)
        self.most_levels = 2 * len(self.levels) + SPARE


def _check(trigger: Trigger) -> None:
    for name in ("stop", "trail_amount", "trail_percent", "best"):
        _check_number(name, getattr(trigger, name))
    trails = [trail for trail in trigger[3:5] if trail is not None]
    if bool(trails) == (trigger.stop is not None) or (trails and min(trails) < 0):
        raise UsageError(f"{trigger}: expected a stop, or an amount or percent >= 0 to trail by")


def _check_number(name: str, value: Any) -> None:
    if value is not None and not (isinstance(value, (int, float)) and math.isfinite(value)):
        raise UsageError(f"{name}={value!r}: expected a finite number or None")
