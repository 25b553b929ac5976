"""backtrader's cycle, of which only that is done for which there is a reason.

`bt.Cerebro` asks each feed twice in each cycle, and each strategy looks at all its feeds and
computes all its indicators anew. Here plain feeds of stores are asked when they have news, and
strategies look at what has moved. Steps and their order are those of backtrader's `_runnext`.
"""

from __future__ import annotations

import datetime
from typing import Any, Dict, List, Optional, Sequence, Set

from backtrader import date2num, num2date

from btstores.cerebro.steps import stepper_of
from btstores.feeds.events import EventCycle
from btstores.feeds.storefeed import StoreFeed
from btstores.feeds.times import ns_to_num

__all__ = ["EventLoop"]

#: What a feed answers: a bar is shown, nothing yet (None), or never again.
Shown = Optional[bool]


class EventLoop:
    """One run of a LiveCerebro. A feed is named by its place in the order of the questions."""

    def __init__(self, cerebro: Any, strategies: Sequence[Any], cycle: EventCycle) -> None:
        self._cerebro = cerebro
        self._strategies = list(strategies)
        self._datas = datas = sorted(cerebro.datas, key=lambda x: (x._timeframe, x._compression))
        self._cycle = cycle
        cycle.arrange(datas)
        #: The first feed of a store begins the cycle for all when it is asked.
        self._first = next(i for i, data in enumerate(datas) if isinstance(data, StoreFeed))
        self._resampled = {
            place for place, data in enumerate(datas) if data.resampling and not data.replaying
        }
        numbers = {id(data): number for number, data in enumerate(cerebro.datas)}
        #: By place the number under which strategies know a feed.
        self._numbers = [numbers[id(data)] for data in datas]
        #: The feeds with a bar that was put back. Its time is known as a float alone, which may be
        #: microseconds off: they are asked by the master's time too, as backtrader does.
        self._put_back: Set[int] = set()
        #: By place how many bars those feeds had that are asked in each cycle, as last seen.
        self._lens: Dict[int, int] = {}
        #: The time of the newest bars, as backtrader's number.
        self._at: float = date2num(datetime.datetime(9999, 12, 30))
        self._steppers = [stepper_of(strategy) for strategy in self._strategies]

    def run(self) -> None:
        """Run until all feeds are over, or somebody stops it."""
        shown: Shown = True
        while shown or shown is None:
            if self._tell_stores() or self._tell_feeds():
                return
            answers = self._ask()
            shown = self._result_of(answers)
            moved: Optional[List[int]] = None
            if shown:
                moved = self._agree(answers)
            elif shown is None:
                for place in self._cycle.asked:
                    self._datas[place]._check()
            elif self._ask_the_last():
                moved = list(range(len(self._datas)))
            else:
                break
            if self._tell_feeds() or self._step(moved):
                return
        if not self._tell_feeds():
            self._tell_stores()

    # News that are no bars; each returns whether the run is to end.

    def _tell_stores(self) -> bool:
        self._cerebro._storenotify()
        return bool(self._cerebro._event_stop)

    def _tell_feeds(self) -> bool:
        cerebro = self._cerebro
        places = {*self._cycle.take_telling(), *self._cycle.asked}
        for place in sorted(places, key=self._numbers.__getitem__):
            data = self._datas[place]
            for status, args, kwargs in data.get_notifications():
                cerebro._notify_data(data, status, *args, **kwargs)
                for strategy in self._strategies:
                    strategy.notify_data(data, status, *args, **kwargs)
        return bool(cerebro._event_stop)

    # Bars

    def _ask(self) -> Dict[int, Shown]:
        """Ask feeds for a bar, in their order."""
        answers: Dict[int, Shown] = {}
        first = self._datas[self._first]
        # It has to say LIVE before the wait; after that nobody is asked without news.
        if self._cycle.asked or not first.is_live:
            for place in (*(one for one in self._cycle.asked if one < self._first), self._first):
                self._datas[place].do_qcheck(True, 0.0)
                answers[place] = self._datas[place].next(ticks=False)
        else:
            self._cycle.begin(first.p.qcheck)
        news = self._cycle.take_news()
        news.update(self._cycle.asked)
        for place in sorted(news.difference(answers)):
            answers[place] = self._datas[place].next(ticks=False)
        return answers

    def _result_of(self, answers: Dict[int, Shown]) -> Shown:
        if any(answers.values()):
            return True
        waits = len(self._cycle.over) < self._cycle.plain_count
        return None if waits or None in answers.values() else False

    def _agree(self, answers: Dict[int, Shown]) -> List[int]:
        """Show the earliest of what feeds have, put back what is later; return who has moved."""
        cerebro, datas = self._cerebro, self._datas
        times = {place: datas[place].datetime[0] for place, answer in answers.items() if answer}
        whole = [when for place, when in times.items() if place not in self._resampled]
        self._at = at = min(whole or times.values())
        master = datas[min(place for place, when in times.items() if when == at)]
        cerebro._dtmaster = moment = master.num2date(at)
        cerebro._udtmaster = moment if master._tz is None else num2date(at)
        for place in sorted({*self._cycle.asked, *self._put_back}.difference(times)):
            data = datas[place]
            data._check(forcedata=master)
            if data.next(datamaster=master, ticks=False):
                times[place] = data.datetime[0]
        moved = []
        for place in sorted(times):
            data = datas[place]
            self._put_back.discard(place)
            if times[place] > at:
                data.rewind()
                self._put_back.add(place)
                continue
            if not data.replaying:
                data._tick_fill(force=True)
            moved.append(place)
        moved += self._changed_besides(moved)
        return moved

    def _changed_besides(self, moved: List[int]) -> List[int]:
        """Return which others have another length: a replayed bar that is put back is taken out."""
        lens = {place: len(self._datas[place]) for place in self._cycle.asked}
        before, self._lens = self._lens, lens
        changed = {place for place, length in lens.items() if length != before.get(place, 0)}
        return sorted(changed.difference(moved))

    def _ask_the_last(self) -> int:
        """Let filters show what they still have; return whether there was something."""
        first, *others = self._datas
        return int(first._last() + sum(data._last(datamaster=first) for data in others))

    # Timers, broker, strategies

    def _step(self, moved: Optional[List[int]]) -> bool:
        """Take all a step further; ``moved`` None is a cycle without bars."""
        cerebro, strategies = self._cerebro, self._strategies
        at = self._at if moved is not None else self._now()
        if at is not None:
            cerebro._check_timers(strategies, at, cheat=True)
        if moved is not None and cerebro.p.cheat_on_open:
            for strategy in strategies:
                strategy._next_open()
                if cerebro._event_stop:
                    return True
        cerebro._brokernotify()
        if cerebro._event_stop:
            return True
        if at is not None:
            cerebro._check_timers(strategies, at, cheat=False)
        if moved is None:
            return bool(cerebro._event_stop)
        numbers = [self._numbers[place] for place in moved]
        for stepper in self._steppers:
            stepper.step(numbers)
            if cerebro._event_stop:
                return True
            cerebro._next_writers(strategies)
        return False

    def _now(self) -> Optional[float]:
        """Return the time for timers in a cycle without bars; None while history is shown."""
        cerebro, first = self._cerebro, self._datas[self._first]
        if not (cerebro._timers or cerebro._timerscheat) or not first.is_live:
            return None
        now = ns_to_num(first._store.clock.time_ns())
        return now if len(first) and now >= first.datetime[0] else None
