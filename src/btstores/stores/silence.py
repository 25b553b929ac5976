"""Streams that say nothing although their market trades.

A link may be up and a stream dead: the venue has forgotten the subscription, or its push line
hangs. History is the proof: it has bars that did not come, or it has none because nobody trades.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Dict, Iterable, Optional, Tuple

from btstores.clock import NS_PER_SECOND, Timer
from btstores.instruments import TimeFrame, bar_ns, timeframe_name
from btstores.markets.sessions import Sessions
from btstores.reports import (
    HistoryReport,
    LinkReport,
    LinkState,
    Subscription,
    TimerReport,
)

if TYPE_CHECKING:
    from btstores.stores.base import BaseStore

__all__ = ["Silence"]

log = logging.getLogger(__name__)

#: How long a stream may be silent: seconds for ticks and quotes; bars, and seconds on top.
_TICKS, _BARS, _ON_TOP = 120.0, 3, 30.0
_LONGEST_NS = 3600 * NS_PER_SECOND
#: Seconds after its end for which a bar may be on its way.
_LATE_NS = 10 * NS_PER_SECOND
#: A stream that was asked for again so often in vain takes the link with it, and seconds from one
#: such link to the next, which double.
_RENEWALS, _REMAKE = 2, 300.0


class _Stream:
    __slots__ = ("asked", "data_ns", "deaths", "heard_ns", "length_ns", "patience_ns", "sessions")

    def __init__(self, length_ns: int, patience: float, sessions: Optional[Sessions]) -> None:
        self.length_ns = length_ns
        self.patience_ns = round(patience * NS_PER_SECOND)
        self.sessions = sessions
        self.heard_ns = self.data_ns = 0
        self.asked = False
        self.deaths = 0

    def silent_ns(self, now_ns: int) -> int:
        """Return for how long it has been silent while its market traded."""
        since_ns = self.heard_ns
        if self.sessions is not None:
            session = self.sessions.session_of(now_ns)
            if session is None or not session.regular:
                return 0
            since_ns = max(since_ns, session.start_ns)
        return now_ns - since_ns

    def is_overdue(self, now_ns: int) -> bool:
        return not self.asked and self.silent_ns(now_ns) > self.patience_ns


class Silence:
    """Watches the streams of one store. All but the timer runs on Cerebro's thread."""

    def __init__(self, store: BaseStore) -> None:
        self._store = store
        self._streams: Dict[Tuple[str, int, int, bool], _Stream] = {}
        self._timer: Optional[Timer] = None
        self._remade_ns: Optional[int] = None
        self._remake_ns = round(_REMAKE * NS_PER_SECOND)

    def watch(self, subscription: Subscription) -> None:
        """Expect data of a stream from now on, if it is known when its market trades."""
        symbol, timeframe, compression, _ = subscription
        given: Optional[float] = self._store.params.stale_after
        if given == 0 or timeframe >= TimeFrame.DAYS:
            return
        sessions = self._store.get_market_config().sessions_of(symbol)
        if given is None and (sessions is None or not self._store.clock.threaded):
            return
        length_ns = bar_ns(timeframe, compression)
        length = length_ns / NS_PER_SECOND
        patience = given or (_BARS * length + _ON_TOP if length else _TICKS)
        stream = _Stream(length_ns, max(patience, length), sessions)
        stream.heard_ns = self._store.clock.time_ns()
        self._streams[subscription] = stream
        if self._timer is None:
            self._look_again([stream])

    def forget(self, subscription: Subscription) -> None:
        """Expect nothing more of a stream."""
        self._streams.pop(subscription, None)

    def watches(self, subscription: Subscription) -> bool:
        """Return whether data of a stream is expected."""
        return subscription in self._streams

    def clear(self) -> None:
        """Expect nothing more at all."""
        self._streams.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def heard(self, key: Tuple[str, int, int, bool], now_ns: int) -> None:
        """Hear that a stream lives; ``key`` is what equals its subscription."""
        stream = self._streams.get(key)
        if stream is not None:
            stream.heard_ns = stream.data_ns = now_ns
            stream.deaths = 0

    def link_is_back(self) -> None:
        """Be patient again: all streams have been asked for anew."""
        now_ns = self._store.clock.time_ns()
        for stream in self._streams.values():
            stream.heard_ns, stream.asked, stream.deaths = now_ns, False, 0

    # Looking

    def _look_again(self, streams: Iterable[_Stream]) -> None:
        patience = min(stream.patience_ns for stream in streams)
        wait = min(30.0, patience / NS_PER_SECOND / 4)
        self._timer = self._store.clock.call_later(wait, self._look)

    def _look(self) -> None:
        """Bring silent streams to Cerebro's thread, behind the data that waits there."""
        store, now_ns = self._store, self._store.clock.time_ns()
        streams = dict(self._streams)
        if store.stopped or not streams:
            self._timer = None
            return
        if store.authenticated:
            for key, stream in streams.items():
                if stream.is_overdue(now_ns):
                    store.put(TimerReport(now_ns, "", Subscription(*key)))
        self._look_again(streams.values())

    def on_timer(self, report: TimerReport) -> None:
        """Look for a proof that a stream is dead, if it is still silent."""
        subscription, store, now_ns = report.subscription, self._store, self._store.clock.time_ns()
        stream = self._streams.get(subscription) if subscription is not None else None
        if subscription is None or stream is None or not stream.is_overdue(now_ns):
            return
        if not stream.length_ns or not store.capabilities.history:
            self._judge_by_others(subscription, stream, now_ns)
            return
        stream.asked = True
        newest_ns = store.quality.newest_ns(subscription)
        since_ns = stream.heard_ns if newest_ns is None else newest_ns
        store.request_history(
            subscription, since_ns, None, None, lambda answer: self._judge(answer, stream, since_ns)
        )

    def _judge(self, answer: HistoryReport, stream: _Stream, since_ns: int) -> None:
        subscription, now_ns = answer.subscription, self._store.clock.time_ns()
        if not stream.asked or self._streams.get(subscription) is not stream:
            return  # the link was made anew meanwhile, or nobody reads it any more
        if not self._store.authenticated:
            return  # that is all that the failure says
        stream.asked = False
        ended_ns = now_ns - stream.length_ns - _LATE_NS
        missed = sum(since_ns < one.time_ns <= ended_ns for one in answer.bars)
        if answer.error is not None:
            self._is_dead(subscription, stream, f"and no history: {answer.error}")
        elif missed and stream.is_overdue(now_ns):
            self._is_dead(subscription, stream, f"but history has {missed} bars")
        else:
            self._is_quiet(subscription, stream)

    def _judge_by_others(self, subscription: Subscription, stream: _Stream, now_ns: int) -> None:
        if any(now_ns - one.data_ns <= one.patience_ns for one in self._streams.values()):
            self._is_quiet(subscription, stream)
        else:
            self._is_dead(subscription, stream, "of any stream")

    def _is_quiet(self, subscription: Subscription, stream: _Stream) -> None:
        stream.heard_ns = self._store.clock.time_ns()
        stream.patience_ns = min(_LONGEST_NS, 2 * stream.patience_ns)
        log.info("stream.quiet %s patience=%d s", subscription, stream.patience_ns // NS_PER_SECOND)

    def _is_dead(self, subscription: Subscription, stream: _Stream, why: str) -> None:
        store, now_ns = self._store, self._store.clock.time_ns()
        text = f"no data for {stream.silent_ns(now_ns) / NS_PER_SECOND:.0f} s, {why}"
        stream.heard_ns = now_ns
        stream.deaths += 1
        log.warning("stream.dead %s %s", subscription, text)
        symbol, timeframe, compression, quotes = subscription
        frame = "quotes" if quotes else timeframe_name(timeframe, compression)
        store.put_notification("stale data", symbol, frame, text)
        store.desk.risk.on_event("stale_data", f"{symbol}: {text}")
        store.handle(LinkReport(LinkState.SILENT, now_ns, subscription, text))
        if stream.deaths > _RENEWALS and self._may_remake(now_ns):
            store.put(LinkReport(LinkState.DOWN, now_ns, detail=f"{symbol}: {text}"))
        else:
            store.streams.renew(subscription)

    def _may_remake(self, now_ns: int) -> bool:
        if self._remade_ns is not None and now_ns - self._remade_ns < self._remake_ns:
            return False
        if self._remade_ns is not None:
            self._remake_ns = min(_LONGEST_NS, 2 * self._remake_ns)
        self._remade_ns = now_ns
        return True
