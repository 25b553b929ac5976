"""A strategy's step, of which only that is done which the bars that have moved make necessary."""

from __future__ import annotations

from collections import Counter
from typing import Any, Dict, List, Sequence, Set, Union

import backtrader as bt
from backtrader.lineiterator import LineIterator

from btstores.cerebro.depends import Dependencies

__all__ = ["Stepper", "Whole", "stepper_of"]

#: What `Stepper` does in the strategy's place.
_DONE_HERE = ("_next", "_clk_update", "_getminperstatus", "_next_observers")
#: By these a strategy hears of cash and value with each bar. Of orders and trades it has heard at
#: once, with ``quicknotify``.
_OF_CASH = ("_notify", "notify_cashvalue", "notify_fund")


class Whole:
    """A strategy that steps as backtrader has it."""

    def __init__(self, strategy: Any) -> None:
        self._strategy = strategy

    def step(self, moved: Sequence[int]) -> None:
        """Take a step; ``moved`` are the numbers of the feeds with a bar to show."""
        self._strategy._next()


class Stepper:
    """Does what `bt.Strategy._next` does, without what would come to the same."""

    def __init__(self, strategy: Any) -> None:
        self._strategy = strategy
        self._datas = datas = strategy.datas
        strategy._dlens = self._lens = [0] * len(datas)
        #: By feed the time of its bar, and the newest of them; -inf for none.
        self._times = [_NEVER] * len(datas)
        self._newest = _NEVER
        #: By feed how many bars its indicators still need, how many feeds need so many, and the
        #: most that one needs.
        self._needs = list(strategy._minperiods)
        self._needing = Counter(self._needs)
        self._most = max(self._needs)
        self._is_told = not strategy.cerebro.p.quicknotify or any(
            _is_own(strategy, name) for name in _OF_CASH
        )
        self._indicators = _Chosen(strategy._lineiterators[LineIterator.IndType])
        self._observers = _Chosen(strategy._lineiterators[LineIterator.ObsType])
        #: Places of observers of one feed each that have something to show.
        self._marking: Set[int] = set()

    def step(self, moved: Sequence[int]) -> None:
        """Take a step; ``moved`` are the numbers of the feeds with a bar to show."""
        strategy = self._strategy
        self._look_at(moved)
        if self._indicators.is_old:
            dependencies = Dependencies(strategy)
            self._indicators.learn([dependencies.of(one) for one in self._indicators.all])
        for indicator in self._indicators.of(moved):
            indicator._next()
        if self._is_told or strategy.analyzers or strategy._slave_analyzers:
            strategy._notify()
        status = strategy._minperstatus = self._most
        if status < 0:
            strategy.next()
        elif status == 0:
            strategy.nextstart()
        else:
            strategy.prenext()
        strategy._next_analyzers(status)
        self._observe(moved, status)
        strategy.clear()

    def _look_at(self, moved: Sequence[int]) -> None:
        """Take note of feeds that have moved, as `bt.Strategy._clk_update` does of all."""
        strategy, grown = self._strategy, False
        for number in moved:
            data = self._datas[number]
            length, before = len(data), self._lens[number]
            if length != before:
                grown = grown or length > before
                self._lens[number] = length
                self._need(number, self._needs[number] + before - length)
            self._set_time(number, data.datetime[0] if length else _NEVER)
        if grown:
            strategy.forward()
        strategy.lines.datetime[0] = self._newest

    def _need(self, number: int, need: int) -> None:
        needing, old = self._needing, self._needs[number]
        self._needs[number] = need
        needing[need] += 1
        needing[old] -= 1
        if not needing[old]:
            del needing[old]
            if old == self._most:
                self._most = max(needing)
        self._most = max(self._most, need)

    def _set_time(self, number: int, time: float) -> None:
        old, self._times[number] = self._times[number], time
        if time >= self._newest:
            self._newest = time
        elif old == self._newest:
            self._newest = max(self._times)

    def _observe(self, moved: Sequence[int], status: int) -> None:
        strategy, chosen = self._strategy, self._observers
        if chosen.is_old:
            numbers = {id(data): number for number, data in enumerate(self._datas)}
            chosen.learn([_feed_of(one, numbers) for one in chosen.all])
        # An order is marked on its feed whether that has moved or not.
        every = bool(strategy._orderspending)
        for observer in chosen.all if every else chosen.of(moved, self._marking):
            for analyzer in observer._analyzers:
                if status < 0:
                    analyzer._next()
                elif status == 0:
                    analyzer._nextstart()
                else:
                    analyzer._prenext()
            observer._next()
        if every or self._marking:
            self._marking = {
                place
                for place, feeds in enumerate(chosen.feeds)
                if feeds is not None and _shows_something(chosen.all[place])
            }


_NEVER = float("-inf")


class _Chosen:
    """A list of indicators or observers, and which of them are to be taken when feeds move."""

    def __init__(self, listed: List[Any]) -> None:
        self.all = listed
        self.feeds: List[Any] = []
        self._always: List[int] = []
        self._by_feed: Dict[int, List[int]] = {}
        self._ready: Dict[int, List[Any]] = {}

    @property
    def is_old(self) -> bool:
        """Return whether some have been added since the last look."""
        return len(self.feeds) != len(self.all)

    def learn(self, feeds: List[Any]) -> None:
        """Take for each of them the feeds that it depends on; None takes it always."""
        self.feeds = feeds
        self._always, self._by_feed, self._ready = [], {}, {}
        for place, its in enumerate(feeds):
            if its is None:
                self._always.append(place)
                continue
            for number in its:
                self._by_feed.setdefault(number, []).append(place)

    def of(self, moved: Sequence[int], besides: Union[Set[int], Sequence[int]] = ()) -> List[Any]:
        """Return those to take, in their order."""
        if len(moved) == 1 and not besides:
            (number,) = moved
            ready = self._ready.get(number)
            if ready is None:
                places = sorted({*self._always, *self._by_feed.get(number, ())})
                ready = self._ready[number] = [self.all[place] for place in places]
            return ready
        chosen = {*self._always, *besides}
        for number in moved:
            chosen.update(self._by_feed.get(number, ()))
        return [self.all[place] for place in sorted(chosen)]


def _feed_of(observer: Any, numbers: Dict[int, int]) -> Any:
    """Return the one feed that an observer marks orders on; None for any other kind."""
    number = numbers.get(id(observer.data)) if type(observer) is bt.observers.BuySell else None
    return None if number is None or observer._analyzers else frozenset({number})


def _shows_something(observer: Any) -> bool:
    """Return whether a mark is on the bar: it would be moved by another look."""
    return bool(len(observer)) and any(line[0] == line[0] for line in observer.lines)


def stepper_of(strategy: Any) -> Union[Stepper, Whole]:
    """Return what steps a strategy: the whole of it, if it has a way of its own to step."""
    has_own = any(_is_own(strategy, name) for name in _DONE_HERE)
    return Whole(strategy) if has_own else Stepper(strategy)


def _is_own(strategy: Any, name: str) -> bool:
    """Return whether a method is another than that of `bt.Strategy`."""
    method = getattr(strategy, name)
    return getattr(method, "__func__", method) is not getattr(bt.Strategy, name)
