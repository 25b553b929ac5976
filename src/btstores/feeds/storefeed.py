"""StoreFeed: prices of one symbol, first its history and then live, without a seam.

The engine is stock backtrader's. What hurts live trading there and can be cured from a feed
is cured here: see `btstores.feeds.cycle` for the waiting, and the comments on each override.
"""

from __future__ import annotations

import datetime
import functools
import logging
from typing import Any, List, Optional, Tuple, Union, cast

import backtrader as bt

from btstores.clock import wall_clock
from btstores.errors import ConfigError, UnsupportedError
from btstores.feeds.backfill import BackfillSource
from btstores.feeds.cycle import Cycle
from btstores.feeds.resampling import closes_by_check, is_bar_due
from btstores.feeds.seam import Seam
from btstores.feeds.times import LocalizableTz, ns_to_num, num_to_ns, zone
from btstores.feeds.writer import LineWriter
from btstores.instruments import bar_ns, timeframe_name
from btstores.reports import (
    Bar,
    HistoryReport,
    LinkReport,
    LinkState,
    Quote,
    Subscription,
    Tick,
)

__all__ = ["StoreFeed"]

log = logging.getLogger(__name__)

_NO_END = float("inf")
_MARGIN_NS = 100_000_000


class StoreFeed(bt.feed.DataBase):
    """A live feed of one symbol of a store. Made by `BaseStore.getdata`.

    Parameters besides backtrader's own: ``historical`` loads history and ends;
    ``backfill_start`` and ``backfill`` ask for history at the start and after a break;
    ``backfill_from`` is another feed to take older bars from; ``bars`` is how many bars of
    history to ask for when ``fromdate`` is not given (None: what the venue gives);
    ``qcheck`` is how many seconds the engine may sleep when nothing happens. ``usehist``
    and ``reconnect`` are other names of ``backfill_start`` and ``backfill``.

    Lines hold UTC times as backtrader's float days; `time_ns` is exact.
    """

    params = (
        ("qcheck", 0.5),
        ("historical", False),
        ("backfill_start", True),
        ("backfill", True),
        ("backfill_from", None),
        ("bars", None),
        ("usehist", None),
        ("reconnect", None),
        ("reconnect_pause", None),
    )

    _store: Any = None

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        for name, other in (("backfill_start", self.p.usehist), ("backfill", self.p.reconnect)):
            if other is not None:
                setattr(self.p, name, other)
        self._resampling = 0
        self._cycle: Optional[Cycle] = None
        self._writer = LineWriter(self)
        self._loads_more = type(self)._load is not StoreFeed._load or self.p.tzinput is not None
        self._forget()

    def _forget(self) -> None:
        self._seam = Seam(bar_ns(self.p.timeframe, self.p.compression), self._tell_gap)
        self._rewound: Optional[List[float]] = None
        self._deferred = False
        self._other: Optional[BackfillSource] = None
        self._question = 0
        self._ended = self._down = self._silent = False
        #: Exact time of the current bar in epoch nanoseconds, UTC.
        self.time_ns: Optional[int] = None
        #: The checks that found something about the current bar, see `btstores.handlers.quality`.
        self.flags: Tuple[str, ...] = ()
        #: How often a bar, or a tick of a bar that is replayed, has been shown.
        self.deliveries = 0

    # What the engine asks before it starts.

    def islive(self) -> bool:
        return True

    def setenvironment(self, env: Any) -> None:
        super().setenvironment(env)
        # Orders are told at once, not with the next bar, which may be hours away.
        env.p.quicknotify = True
        env.addstore(self._store)
        self._cycle = cycle = Cycle.of(env)
        cycle.add_store(self._store)
        cycle.add_feed(self)
        other = self.p.backfill_from
        if other is not None:
            other.setenvironment(env)
            if isinstance(other, StoreFeed):
                # It is read by this feed and not polled by the engine.
                cycle.remove_feed(other)
                other._cycle = None

    def qbuffer(self, savemem: int = 0, replaying: bool = False) -> None:
        # One more slot, so that a bar can be taken back without losing the oldest one.
        for line in self.lines:
            line.qbuffer(savemem=savemem, extrasize=1)

    def _gettz(self) -> Any:
        tz = self.p.tz
        if tz is None or hasattr(tz, "localize"):
            return tz
        return LocalizableTz(zone(tz) if isinstance(tz, str) else tz)

    def _timeoffset(self) -> datetime.timedelta:
        # Bars are closed by the store's clock, which may be a simulated one. The resampler
        # adds this to its own reading of the wall clock, taken a moment earlier; whether a
        # bar is due has been decided without it, in _is_bar_due.
        offset_ns = self._store.clock.time_ns() - wall_clock().time_ns() + _MARGIN_NS
        return datetime.timedelta(microseconds=offset_ns / 1000)

    @property
    def resampling(self) -> int:
        # The engine computes the minimum over no bars at all when only resampled feeds
        # deliver next to plain ones. It does not when it takes none for resampled.
        return 0

    @resampling.setter
    def resampling(self, value: int) -> None:
        self._resampling = value

    @property
    def is_resampled(self) -> bool:
        """Return whether this feed shows bars made from finer ones."""
        return bool(self._resampling) and not self.replaying

    def clone(self, **kwargs: Any) -> StoreFeed:
        from btstores.feeds.clone import StoreClone

        clone: StoreFeed = StoreClone(dataname=self, **kwargs)
        return clone

    def copyas(self, _dataname: str, **kwargs: Any) -> StoreFeed:
        clone = self.clone(**kwargs)
        clone._dataname = clone._name = _dataname
        return clone

    @property
    def is_live(self) -> bool:
        """Return whether strategies have been told LIVE, and nothing else since."""
        return bool(self._laststatus == self.LIVE)

    # Start and stop.

    @property
    def symbol(self) -> str:
        """Return the symbol as the store writes it."""
        return str(self.p.dataname)

    @property
    def subscription(self) -> Subscription:
        """Return the stream that this feed reads. Resampling changes only what it shows."""
        return Subscription(self.symbol, int(self.p.timeframe), int(self.p.compression))

    @property
    def _streams(self) -> Tuple[Subscription, ...]:
        """Return the streams whose news it wants."""
        return (self.subscription,)

    def start(self) -> None:
        super().start()
        self._forget()
        if self._cycle is not None:
            self._cycle.add_feed(self)  # again, when Cerebro runs a second time
        if self.p.backfill_from is not None:
            self.p.backfill_from._start()
            self._other = BackfillSource(self.p.backfill_from)
        self._store.start(data=self)
        # This may already raise for an unknown symbol, before anything is asked for.
        self.instrument = self._store.instrument(self.symbol)
        problem = self._store.problem_of(self.subscription)
        if problem:
            self.put_notification(self.NOTSUPPORTED_TF, problem)
            raise UnsupportedError(f"{self.symbol}: {problem}")

    def _start(self) -> None:
        super()._start()
        # fromdate and todate are known now.
        if self.todate != _NO_END:
            self._seam.end_ns = num_to_ns(self.todate)
        self._seam.sessions = self._store.get_market_config().sessions_of(self.symbol)
        self._checks_holes = self.p.backfill and self._store.capabilities.history
        self._store.link_handler.watch(self._on_link, *self._streams)
        if not self.p.historical:
            subscription = self.subscription
            self._store.data_handler.add_consumer(subscription, self._on_data)
            self._store.subscribe_market_data(*subscription[:3])
        if self.p.historical or self.p.backfill_start:
            self._ask_history()

    def stop(self) -> None:
        super().stop()
        store = self._store
        store.link_handler.unwatch(self._on_link, *self._streams)
        store.data_handler.remove_consumer(self.subscription, self._on_data)
        if not self.p.historical:
            store.unsubscribe_market_data(*self.subscription[:3])
        if self.p.backfill_from is not None:
            self.p.backfill_from.stop()
        if self._cycle is not None:
            self._cycle.remove_feed(self)
        store.stop()

    @property
    def dropped(self) -> int:
        """Return how many bars or ticks came late or twice and were not shown."""
        return self._seam.dropped

    def _ask_history(self) -> None:
        start_ns = self._seam.newest_ns
        if start_ns is None and self.fromdate != float("-inf"):
            start_ns = num_to_ns(self.fromdate)
        self._seam.awaits = True
        self.put_notification(self.DELAYED)
        self._request_history(start_ns)

    def _request_history(self, start_ns: Optional[int]) -> None:
        count = self.p.bars if start_ns is None else None
        self._question += 1
        asked = (self.subscription, start_ns, self._seam.end_ns, count)
        self._store.request_history(*asked, functools.partial(self._on_history, self._question))

    # What the store brings, on Cerebro's thread.

    def _touch(self) -> None:
        """Say that there may be something to show or to tell."""
        if self._cycle is not None:
            self._cycle.touch(self)

    def put_notification(self, status: int, *args: Any, **kwargs: Any) -> None:
        super().put_notification(status, *args, **kwargs)
        self._touch()

    def _on_history(self, question: int, report: HistoryReport) -> None:
        if question != self._question:
            return  # what came early waits for the answer to a newer one
        self._touch()
        if report.error is not None:
            if self._down and self.p.backfill and not self.p.historical:
                return  # it is asked for again when the link is back
            log.warning("history.failed symbol=%s error=%s", self.symbol, report.error)
            self._store.put_notification("history failed", self.symbol, report.error)
        self._seam.join(report.bars, report.error)
        self._ended = self._ended or self._seam.over or self.p.historical
        self._store.recorder.brought(self)

    def _on_data(self, item: Union[Bar, Tick, Quote]) -> None:
        if isinstance(item, Quote) or (isinstance(item, Bar) and not item.complete):
            return
        seam = self._seam
        if self._checks_holes and seam.has_hole_before(item):
            seam.check_hole(item)
            self._request_history(seam.newest_ns)
        seam.add(item)
        self._ended = self._ended or seam.over
        self._store.recorder.brought(self)
        self._touch()

    def _tell_gap(self, start_ns: int, end_ns: int, reason: str) -> None:
        log.warning("data.gap symbol=%s from=%d to=%d %s", self.symbol, start_ns, end_ns, reason)
        what = (self.symbol, timeframe_name(self.p.timeframe, self.p.compression))
        self._store.put_notification("gap", *what, start_ns, end_ns, reason)

    def _on_link(self, report: LinkReport) -> None:
        self._touch()
        if report.subscription is not None:
            if report.subscription == self.subscription:
                self._on_subscription(report)
        elif report.state is LinkState.DOWN and not self._down:
            self._down = True
            self.put_notification(self.CONNBROKEN, report.detail)
        elif report.state is LinkState.READY and self._down:
            self._down = self._silent = False
            self.put_notification(self.CONNECTED)
            self._fill_gap()

    def _on_subscription(self, report: LinkReport) -> None:
        if report.state is LinkState.REFUSED:
            self.put_notification(self.NOTSUBSCRIBED, report.detail)
        if report.state in (LinkState.REFUSED, LinkState.ENDED):
            self._ended = True
        elif report.state is LinkState.SILENT:
            self._silent = True
            self.put_notification(self.DELAYED, report.detail)
        elif report.state is LinkState.SUBSCRIBED and self._silent:
            self._silent = False
            self._fill_gap()

    def _fill_gap(self) -> None:
        if self.p.backfill and not self.p.historical:
            self._ask_history()
        else:
            self._seam.suspect("backfill is off")

    # What the engine asks in each cycle.

    @property
    def is_plain(self) -> bool:
        """Return whether it shows what its store brings and nothing else: as it is, by itself."""
        return not (self._filters or self._clone or self._other is not None or self.replaying)

    def haslivedata(self) -> bool:
        return bool(self.backlog or self._has_other())

    @property
    def backlog(self) -> int:
        """Return how many bars or ticks are at hand and not shown yet."""
        # A bar that the engine has put back counts, or bursts take a second.
        put_back = len(self._barstack) + len(self._barstash) + (self._rewound is not None)
        return len(self._seam.line) + put_back

    def head_ns(self) -> Optional[int]:
        """Return the time of the next thing to deliver, None for nothing."""
        if self._rewound is not None:
            return num_to_ns(self._rewound[self.DateTime])
        for bars in (self._barstack, self._barstash):
            if bars:
                return num_to_ns(bars[0][self.DateTime])
        return self._next_ns()

    @property
    def awaits_first_history(self) -> bool:
        """Return whether the history asked for at the start is still to come."""
        if not self._has_other() and self._other is not None:
            return True
        return self._seam.awaits and self._seam.newest_ns is None

    def do_qcheck(self, onoff: bool, qlapse: float) -> None:
        # The cycle decides whether to wait, from what is at hand and not from the clock.
        self._qcheck = self.p.qcheck

    def next(self, datamaster: Any = None, ticks: bool = True) -> Optional[bool]:
        cycle = self._cycle
        if cycle is None:
            raise ConfigError(f"the feed {self.symbol} belongs to no Cerebro")
        if datamaster is None:
            self._deferred = False
            if self._is_caught_up():
                self.put_notification(self.LIVE)
            cycle.begin(self._qcheck)
            if self.is_resampled and cycle.plain_due:
                # The engine shows a resampled bar together with the plain bar that ended
                # it, which it can only do when the plain one is there first.
                self._deferred = True
                return None
            head_ns = self.head_ns()
            if head_ns is None:
                return False if self.is_over() else None
            if cycle.horizon_ns is not None and head_ns > cycle.horizon_ns:
                return None
        if self._rewound is not None:
            return self._bring_back(datamaster, ticks)
        if datamaster is not None:
            if self._deferred:
                self._deferred = False
                if self.load_next(datamaster, ticks):
                    return True
                self._check(forcedata=datamaster)
            head_ns = self.head_ns()
            if head_ns is None:
                return False if self.is_over() else None
            if cycle.horizon_ns is not None and head_ns > cycle.horizon_ns and not self._filters:
                return False
        return self.load_next(datamaster, ticks)

    def load_next(self, datamaster: Any = None, ticks: bool = False) -> Optional[bool]:
        """Load the next bar, without regard to other feeds: True, None (not yet) or False."""
        if datamaster is None and not ticks:
            return self.load()
        return cast("Optional[bool]", super().next(datamaster=datamaster, ticks=ticks))

    def load(self) -> Optional[bool]:
        if self._barstack or self._barstash or self._loads_more or not self.is_plain:
            return cast("Optional[bool]", super().load())
        # The same without filters: most of what a tick costs are the steps of its lines.
        while self._seam.line:
            item = self._take()
            when = ns_to_num(item.time_ns)
            if when > self.todate:
                return False
            if when >= self.fromdate:
                self._writer.append(item)
                return True
        return False if self.is_over() else None

    def _take(self) -> Union[Bar, Tick]:
        item: Union[Bar, Tick] = self._seam.line.popleft()
        self.time_ns, self.flags = item.time_ns, item.flags or ()
        return item

    def is_over(self) -> bool:
        """Return whether nothing more will come."""
        return (
            self._ended and not self._seam.awaits and not self.haslivedata() and self._other is None
        )

    def _is_caught_up(self) -> bool:
        return (
            self._laststatus != self.LIVE
            and not (self._seam.awaits or self._ended or self._down or self._silent)
            and not self.haslivedata()
            and self._other is None
        )

    def _tick_fill(self, force: bool = False) -> None:
        # The engine forces it for exactly what it goes on to show.
        self.deliveries += force
        if force or getattr(self, "tick_close", None) is None:
            self._writer.fill_tick()

    def rewind(self, size: int = 1) -> None:
        # The bar is taken out and kept, because a ring buffer (exactbars) cannot be
        # advanced again over what it has rewound.
        self._rewound = [line[0] for line in self.itersize()]
        self.backwards(force=True)

    def _bring_back(self, datamaster: Any, ticks: bool) -> bool:
        values = self._rewound
        if values is None:
            return False
        when = values[self.DateTime]
        if datamaster is not None and when > datamaster.lines.datetime[0]:
            return False
        self._rewound = None
        if ticks:
            self._tick_nullify()
        self.forward()
        self._updatebar(values)
        if ticks:
            self._tick_fill()
        return True

    def _check(self, forcedata: Any = None) -> None:
        # Of a live feed the clock closes bars, not the time of a busier feed. Of one that
        # still shows history the clock would close each bar after its first minute.
        if not self._filters or self._deferred or not closes_by_check(self):
            return
        if not self.is_live:
            if forcedata is not None:
                super()._check(forcedata=forcedata)
        elif is_bar_due(self, self._store.clock.time_ns()):
            super()._check()

    def _load(self) -> Optional[bool]:
        head_ns = self._next_ns()
        if head_ns is None:
            return False if self.is_over() else None
        horizon_ns = self._cycle.horizon_ns if self._cycle is not None else None
        if self._filters and horizon_ns and head_ns > horizon_ns:
            return None  # a resampler takes all it can get, but not what is yet to come
        if self._other is not None:
            self._other.show(self.lines)
            self.time_ns = head_ns
            self._seam.newest_ns = max(head_ns, self._seam.newest_ns or head_ns)
            return True
        self._writer.show(self._take())
        return True

    def _next_ns(self) -> Optional[int]:
        """Return the time of the next thing to load, or None when there is nothing."""
        if self._other is not None:
            return self._other.time_ns if self._has_other() else None
        return self._seam.line[0].time_ns if self._seam.line else None

    def _has_other(self) -> bool:
        """Return whether a bar of ``backfill_from`` is at hand."""
        if self._other is None or self._other.ready():
            return self._other is not None
        if self._other.over:
            self._other = None
            # What the venue's history has of the same time is shown already.
            line = self._seam.line
            while line and line[0].time_ns <= (self.time_ns or 0):
                line.popleft()
                self._seam.dropped += 1
        return False
