"""A cycle in which only feeds with news are asked, for an engine that can skip the others."""

from __future__ import annotations

import heapq
from typing import Any, Dict, List, Optional, Sequence, Set, Tuple

from btstores.feeds.cycle import NOTHING_YET, Cycle
from btstores.feeds.storefeed import StoreFeed
from btstores.inbox import Wakeup

__all__ = ["EventCycle"]


class EventCycle(Cycle):
    """Knows of each plain feed whether it has news; see `StoreFeed.is_plain`.

    All others (resampled, replayed, clones, feeds of no store) are asked in each cycle, as
    backtrader asks all. A feed is named by its place among those that `arrange` was given.
    """

    def __init__(self, wakeup: Wakeup) -> None:
        super().__init__(wakeup)
        self._order: List[Any] = []
        self._plain: Dict[int, int] = {}
        #: The places of feeds that are asked in each cycle.
        self.asked: List[int] = []
        #: How many plain feeds there are, and the places of those that are over.
        self.plain_count = 0
        self.over: Set[int] = set()
        self._changed: Set[int] = set()
        self._with_news: Set[int] = set()
        self._telling: Set[int] = set()
        self._awaiting: Set[int] = set()
        self._due: List[int] = []
        #: By place the time of what a feed shows next, and the same in order. What is in order
        #: only is out of date.
        self._heads: Dict[int, int] = {}
        self._heap: List[Tuple[int, int]] = []

    def arrange(self, feeds: Sequence[Any]) -> None:
        """Begin a run with its feeds in the order in which the engine asks them."""
        self._order = list(feeds)
        self._plain = {
            id(feed): place
            for place, feed in enumerate(feeds)
            if isinstance(feed, StoreFeed) and feed.is_plain
        }
        self.plain_count = len(self._plain)
        plain = set(self._plain.values())
        self.asked = [place for place in range(len(feeds)) if place not in plain]
        for places in (self.over, self._with_news, self._telling, self._awaiting):
            places.clear()
        self._due, self._heap = [], []
        self._heads.clear()
        self._changed = plain

    def touch(self, feed: Any) -> None:
        place = self._plain.get(id(feed))
        if place is not None:
            self._changed.add(place)

    def take_news(self) -> Set[int]:
        """Return the places of plain feeds to ask, once per cycle, after its begin."""
        self._settle()
        news, self._with_news = self._with_news, set()
        news.update(self._due)
        self._changed.update(self._due)
        self._due = []
        return news

    def take_telling(self) -> List[int]:
        """Return the places of plain feeds that have notifications."""
        self._settle()
        if not self._telling:
            return []
        telling, self._telling = sorted(self._telling), set()
        return telling

    def _settle(self) -> None:
        """Look at the feeds that something has happened to."""
        if not self._changed:
            return
        changed, self._changed = self._changed, set()
        for place in changed:
            feed = self._order[place]
            is_over = feed.is_over()
            for places, holds in (
                (self._awaiting, feed.awaits_first_history),
                (self._telling, feed.notifs),
                (self.over, is_over),
            ):
                places.add(place) if holds else places.discard(place)
            if is_over or not feed.is_live:
                self._with_news.add(place)  # asked, it may tell what it has become
            head_ns = feed.head_ns()
            if head_ns is None:
                self._heads.pop(place, None)
            elif self._heads.get(place) != head_ns:
                self._heads[place] = head_ns
                heapq.heappush(self._heap, (head_ns, place))

    def _others(self) -> List[Any]:
        """Return the feeds of stores that are not plain."""
        if len(self._plain) == len(self.feeds):
            return []
        return [feed for key, feed in self.feeds.items() if key not in self._plain]

    def _anything(self) -> bool:
        self._settle()
        others = self._others()
        held = bool(self._awaiting) or any(feed.awaits_first_history for feed in others)
        return (
            bool(self._telling)
            or (not held and bool(self._heads))
            or any(feed.notifs or (not held and feed.haslivedata()) for feed in others)
            or any(broker.has_notification() for broker in self.brokers)
            or (len(self.over) == self.plain_count and all(feed.is_over() for feed in others))
        )

    def _look(self) -> None:
        self._settle()
        others = self._others()
        if self._awaiting or any(feed.awaits_first_history for feed in others):
            self.horizon_ns, self.plain_due = NOTHING_YET, False
            return
        heap, heads = self._heap, self._heads
        while heap and heads.get(heap[0][1]) != heap[0][0]:
            heapq.heappop(heap)
        horizon_ns: Optional[int] = heap[0][0] if heap else None
        plain_due = horizon_ns is not None
        for feed in others:
            head_ns = feed.head_ns()
            if head_ns is None:
                continue
            if horizon_ns is None or head_ns < horizon_ns:
                horizon_ns, plain_due = head_ns, False
            if head_ns == horizon_ns and not feed.is_resampled:
                plain_due = True
        while heap and heap[0][0] == horizon_ns:
            place = heapq.heappop(heap)[1]
            if heads.pop(place, None) == horizon_ns:
                self._due.append(place)
        self.horizon_ns, self.plain_due = horizon_ns, plain_due
