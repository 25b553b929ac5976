"""The paper venue as a gateway: on prices of its own, or on those of another store."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Dict,
    Iterable,
    List,
    Optional,
    Sequence,
    Set,
    Union,
    cast,
)

from btstores.clock import Clock
from btstores.errors import UnknownInstrumentError, UnsupportedError, UsageError
from btstores.handlers.data_handler import subscription_of
from btstores.instruments import Instrument, TimeFrame
from btstores.reports import (
    Bar,
    LinkReport,
    LinkState,
    OrderRequest,
    Quote,
    Report,
    Subscription,
    Tick,
)
from btstores.sim.exchange import Exchange
from btstores.sim.market import Market, Published
from btstores.sim.prices.series import Event, Series
from btstores.stores.gateway import Capabilities
from btstores.stores.paper.streams import CoarseStream, Streams, between
from btstores.stores.paper.venue import PAPER_CAPABILITIES, PaperVenue

if TYPE_CHECKING:
    from btstores.stores.paper.venue import Engine

__all__ = ["PaperGateway", "TapGateway", "capabilities_of"]

Tap = Callable[[Callable[[Report], None]], None]


def capabilities_of(series: Iterable[Series]) -> Capabilities:
    """Return what a paper venue with these prices can do."""
    names = [one.subscription for one in series]
    frames = [frame for frame in TimeFrame if any(frame >= name.timeframe for name in names)]
    ticks = [name for name in names if name.timeframe == TimeFrame.TICKS]
    return dataclasses.replace(
        PAPER_CAPABILITIES,
        timeframes=frozenset((int(frame), 0) for frame in frames if frame != TimeFrame.TICKS),
        ticks=any(not name.quotes for name in ticks),
        quotes=any(name.quotes for name in ticks),
    )


def feed_engine(engine: Any, event: Union[Event, Report]) -> None:
    """Show an engine a bar, a trade or a quote; ignore anything else."""
    if isinstance(event, Bar):
        engine.on_bar(event)
    elif isinstance(event, Tick):
        engine.on_tick(event)
    elif isinstance(event, Quote):
        engine.on_quote(event)


class PaperGateway(PaperVenue):
    """A paper venue that plays a market.

    Prices begin to come with the first subscription or order. At each time the engine sees
    them first: an order sent after one bar meets the next. An engine that is stepped by the
    broker is not shown them. ``state`` also keeps how far the prices have been played.
    """

    def __init__(
        self, engine: Engine, market: Market, state: Union[str, Path, None] = None
    ) -> None:
        self.market = market
        self._streams = Streams(market.series)
        self._driving = {
            one.subscription for chosen in self._streams.driving().values() for one in chosen
        }
        self._subscribed: Dict[Subscription, Union[Series, CoarseStream]] = {}
        super().__init__(engine, market.clock, state)

    def restored(self, saved: Dict[str, Any]) -> None:
        self.market.resume_from(saved["market_ns"])

    def to_save(self) -> Dict[str, Any]:
        return {"market_ns": self.market.position_ns}

    def closed(self) -> None:
        self.market.stop()
        self._subscribed.clear()

    def instrument(self, symbol: str) -> Instrument:
        """Return what is known of ``symbol``. Raises `UnknownInstrumentError`."""
        found = self.market.instruments.get(symbol)
        if found is None:
            known = ", ".join(sorted(self.market.instruments))
            raise UnknownInstrumentError(symbol, "the paper venue", known)
        return found

    def place(self, group: Sequence[OrderRequest]) -> None:
        """Send one order, or a bracket whose first request is the parent."""
        super().place(group)
        self.on_clock(self._play)

    def subscribe(self, subscription: Subscription) -> None:
        """Start a stream of bars, ticks or quotes, and the prices with the first one."""
        self.on_clock(self._subscribe, subscription)

    def problem_of(self, subscription: Subscription) -> str:
        """Return why the prices at hand do not make this stream, or an empty string."""
        try:
            self._streams.find(subscription)
        except UsageError as error:
            return str(error)
        return ""

    def unsubscribe(self, subscription: Subscription) -> None:
        """Stop a stream."""
        self.on_clock(self._subscribed.pop, subscription, None)

    def history(
        self,
        subscription: Subscription,
        start_ns: Optional[int],
        end_ns: Optional[int],
        count: Optional[int] = None,
    ) -> Sequence[Union[Bar, Tick]]:
        """Return what has been published so far with start <= time <= end."""
        if subscription.quotes:
            raise UnsupportedError("the paper venue has no history of quotes")
        found = self.on_clock(self._history, subscription, start_ns, end_ns, count)
        return cast("List[Union[Bar, Tick]]", found)

    def show(self, event: Event) -> None:
        """Let something happen on the market now, beside the prices that are played."""
        self.on_clock(self._show, event)

    # On the owner's thread

    def _show(self, event: Event) -> None:
        if self.fed_by_market:
            self.run(feed_engine, self.engine, event)
        if subscription_of(event) in self._subscribed:
            self.publish(event)

    def _history(
        self,
        subscription: Subscription,
        start_ns: Optional[int],
        end_ns: Optional[int],
        count: Optional[int],
    ) -> List[Event]:
        source = self._streams.find(subscription)
        if isinstance(source, Series):
            known = source.known_at(self.market.position_ns)
            return between(source.events, source.times, start_ns, end_ns, count, known)
        source.catch_up(self.market.position_ns, self.clock.time_ns())
        times = [bar.time_ns for bar in source.bars]
        return between(source.bars, times, start_ns, end_ns, count, len(times))

    def _subscribe(self, subscription: Subscription) -> None:
        source = self._subscribed[subscription] = self._streams.find(subscription)
        if isinstance(source, CoarseStream):
            source.catch_up(self.market.position_ns, self.clock.time_ns())
            source.skip()
            self._watch(subscription, source)
        if self._has_ended(source):
            self.clock.call_soon(lambda: self._end(subscription))
        self._play()

    def _play(self) -> None:
        self.market.play(self._publish)

    def _publish(self, batch: Sequence[Published]) -> None:
        """Match what is published at one time, then tell of it."""
        if self.fed_by_market:
            self.run(self._match, batch)
        for item in batch:
            if item.series.subscription in self._subscribed:
                self.publish(item.event)
        changed = {item.series.subscription for item in batch}
        for subscription, source in list(self._subscribed.items()):
            if isinstance(source, CoarseStream) and source.source.subscription in changed:
                self._tell_coarse(subscription, source)
        for item in batch:
            if item.last:
                self._end(item.series.subscription)

    def _match(self, batch: Sequence[Published]) -> None:
        for item in batch:
            if item.series.subscription in self._driving:
                feed_engine(self.engine, item.series.ends(item.event))

    def _tell_coarse(self, subscription: Subscription, stream: CoarseStream) -> None:
        stream.catch_up(self.market.position_ns, self.clock.time_ns())
        for bar in stream.new_bars():
            self.publish(bar)
        if self._has_ended(stream):
            self._end(subscription)
        else:
            self._watch(subscription, stream)

    def _watch(self, subscription: Subscription, stream: CoarseStream) -> None:
        """Have the open bar closed when its time is over, also if nothing comes then."""

        def close() -> None:
            if self._subscribed.get(subscription) is stream:
                self._tell_coarse(subscription, stream)

        if stream.due_ns is not None and stream.due_ns != stream.watched_ns:
            stream.watched_ns = stream.due_ns
            self.clock.call_at(stream.due_ns + 1, close)

    def _has_ended(self, source: Union[Series, CoarseStream]) -> bool:
        if isinstance(source, Series):
            return self.market.ended(source)
        return source.due_ns is None and self.market.ended(source.source)

    def _end(self, subscription: Subscription) -> None:
        if self._subscribed.pop(subscription, None) is not None:
            detail = "the recorded prices are over"
            now = self.clock.time_ns()
            self.publish(LinkReport(LinkState.ENDED, now, subscription, detail))


class TapGateway(PaperVenue):
    """A paper venue on another store's live data; it serves none itself.

    ``tap`` is called once, when first connected, with a function to call with each report
    of that store, from any thread. ``instrument`` asks that store what a symbol is.
    """

    capabilities = dataclasses.replace(
        PAPER_CAPABILITIES, timeframes=frozenset(), ticks=False, quotes=False, history=False
    )

    def __init__(
        self,
        engine: Exchange,
        clock: Clock,
        tap: Tap,
        instrument: Callable[[str], Instrument] = Instrument,
        state: Union[str, Path, None] = None,
    ) -> None:
        self._tap: Optional[Tap] = tap
        self._look_up = instrument
        self._exchange = engine
        self._listed: Set[str] = set()
        super().__init__(engine, clock, state)

    def connect(self, put: Callable[[Report], None], timeout: float) -> None:
        """Report to ``put``, and listen to the other store, from now on."""
        super().connect(put, timeout)
        tap, self._tap = self._tap, None
        if tap is not None:
            tap(self.overhear)

    def instrument(self, symbol: str) -> Instrument:
        """Return what the other store knows of ``symbol``, and let it be traded here."""
        found = self._look_up(symbol)
        self._listed.add(symbol)
        self.owned(self._exchange.add_instrument, found)
        return found

    def place(self, group: Sequence[OrderRequest]) -> None:
        """Send one order, or a bracket whose first request is the parent."""
        for symbol in sorted({request.symbol for request in group} - self._listed):
            self.instrument(symbol)
        super().place(group)

    def subscribe(self, subscription: Subscription) -> None:
        """Refuse: data comes from the other store."""
        raise UnsupportedError("ask the store that has the data for it")

    def unsubscribe(self, subscription: Subscription) -> None:
        """Do nothing: there is no stream."""

    def overhear(self, report: Report) -> None:
        """Take a report of the other store; any thread may call it."""
        if not isinstance(report, (Bar, Tick, Quote)):
            return
        event: Event = report
        if self.clock.threaded:
            self.clock.call_soon(lambda: self.run(self._match, event))
        else:
            self.run(self._match, event)

    def _match(self, event: Event) -> None:
        if event.symbol not in self._listed:
            self._listed.add(event.symbol)
            self._exchange.add_instrument(Instrument(event.symbol))
        feed_engine(self._exchange, event)
