"""The Cerebro of live trading: another loop, and stop hooks that are always called."""

from __future__ import annotations

import logging
from typing import Any, Callable, List

import backtrader as bt

from btstores.cerebro.loop import EventLoop
from btstores.feeds.events import EventCycle
from btstores.feeds.storefeed import StoreFeed

__all__ = ["LiveCerebro"]

log = logging.getLogger(__name__)


class LiveCerebro(bt.Cerebro):
    """`bt.Cerebro` with a loop that asks only feeds with news.

    Strategies see the same calls in the same order, with the same values. Three things differ:

    - Timers fire on time while the feeds of stores are LIVE, also without a bar.
    - When a run ends by an exception or Ctrl-C, strategies, broker, feeds and stores are stopped
      before it is raised.
    - Indicators of backtrader whose feeds have not moved are not computed anew; they would come to
      what they are. Indicators of others are.

    Runs without a feed of a store, and those with live feeds that are no `StoreFeed`, are run as
    `bt.Cerebro` runs them.
    """

    _btstores_cycle_kind = EventCycle
    _btstores_cycle: EventCycle
    _is_looping = False

    def runstrategies(self, iterstrat: Any, predata: bool = False) -> Any:
        self._is_looping = False
        try:
            return super().runstrategies(iterstrat, predata)
        except BaseException:
            self._abandon()
            raise

    def _runnext(self, runstrats: List[Any]) -> None:
        self._is_looping = True
        if self._has_own_loop():
            EventLoop(self, runstrats, self._btstores_cycle).run()
        else:
            super()._runnext(runstrats)
        self._is_looping = False

    def _runonce(self, runstrats: List[Any]) -> None:
        self._is_looping = True
        super()._runonce(runstrats)
        self._is_looping = False

    def _has_own_loop(self) -> bool:
        others = [data for data in self.datas if not isinstance(data, StoreFeed)]
        return len(others) < len(self.datas) and not any(data.islive() for data in others)

    def _abandon(self) -> None:
        """Stop all that runs, whatever comes of each."""
        hooks: List[Callable[[], Any]] = []
        if self._is_looping:
            hooks += [strategy._stop for strategy in self.runningstrats]
        hooks.append(self._broker.stop)
        for group in (self.datas, self.feeds, self.stores):
            hooks += [one.stop for one in group]
        for hook in hooks:
            try:
                hook()
            except Exception:
                log.exception("cerebro.stop_failed hook=%s", hook)
