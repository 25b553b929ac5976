"""The markets behind the simulated OpenD: prices of several symbols, played on one clock."""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

from btstores.clock import NS_PER_SECOND, Clock, SimulatedClock, Timer
from btstores.errors import ConfigError
from btstores.instruments import Instrument, TimeFrame
from btstores.markets import MarketConfig, MarketType, get_market_config
from btstores.markets.zones import date_in
from btstores.reports import Bar, Quote, Tick
from btstores.sim.prices.series import Event, Series
from btstores.sim.replay import ReplayClock
from btstores.stores.futu.opend.board import Board
from btstores.stores.futu.opend.hours import NS_PER_MINUTE
from btstores.stores.futu.opend.lines import KBar
from btstores.stores.futu.opend.listings import complete, config_for
from btstores.stores.futu.opend.states import state_of
from btstores.stores.futu.opend.tape import BarTape, day_of_bar

__all__ = ["World", "WorldListener"]

log = logging.getLogger(__name__)

#: As many trades as can be asked for, and of a long bar.
_TRADES, _MANY = 1000, 600

#: Which of the events of one moment comes first.
_QUOTE, _TICK, _END = range(3)

_MARKETS: Dict[str, MarketType] = {
    "HK": MarketType.HK_STOCK,
    "US": MarketType.US_STOCK,
    "SH": MarketType.CN_STOCK,
    "SZ": MarketType.CN_STOCK,
    "HK_FUTURE": MarketType.HK_FUTURE,
    "US_FUTURE": MarketType.US_FUTURE,
}


class WorldListener:
    """Hears of prices, on the world's thread and in order of time."""

    def on_tick(self, tick: Tick, number: int) -> None:
        """Hear of a trade; ``number`` is Futu's sequence, unique and ascending per symbol."""

    def on_quote(self, quote: Quote) -> None:
        """Hear of the best bid and ask, also of those that are made up before a trade."""

    def on_bar(self, bar: Bar, closed: bool) -> None:
        """Hear of the running minute after each trade, and of its end with ``closed``.

        A late print, as that of a closing auction, runs and ends the last minute once more.
        """


class _MinuteEnd(NamedTuple):
    board: Board
    minute: KBar


class World:
    """Plays series on a clock and keeps what OpenD knows of each symbol.

    ``history`` says what lies in the past at the start: a number of bars of the first series, or
    epoch nanoseconds when it is above ten million. Of the series of one symbol the finest is
    played; the others are its past, as far as that reaches back further. Bars become trades
    (``ticks_per_minute``), with the opening auctions that such bars leave out unless ``auction``
    is False. ``lots`` are by symbol. ``max_pause`` is the longest wait for prices in real
    seconds. ``clock``, the attribute, is the time of the markets: the given one if it is
    simulated, else one that goes ``speed`` times as fast. Raises `ConfigError`.
    """

    def __init__(
        self,
        series: Sequence[Series],
        clock: Clock,
        speed: float = 1.0,
        history: int = 0,
        lots: Mapping[str, float] = {},
        seed: int = 0,
        ticks_per_minute: int = 8,
        auction: bool = True,
        max_pause: Optional[float] = None,
    ) -> None:
        if not series or not all(one.times for one in series):
            raise ConfigError.of("series", series, "at least one series, and prices in each")
        #: Guards all boards; held while they change, not while listeners are called.
        self.lock = threading.RLock()
        self._listeners: Tuple[WorldListener, ...] = ()
        self._heap: List[Tuple[int, int, int, Any, Optional[Iterator[Event]]]] = []
        self._order = itertools.count()
        self._timer: Optional[Timer] = None
        self._running = False
        self._max_pause = max_pause
        self.boards: Dict[str, Board] = {}
        self.instruments: Dict[str, Instrument] = {}
        by_symbol: Dict[str, List[Series]] = {}
        for one in series:
            by_symbol.setdefault(one.instrument.symbol, []).append(one)
        sources: List[Iterator[Event]] = []
        self._start_ns = _start(series, history)
        for symbol, own in by_symbol.items():
            config = config_for(symbol)
            day = date_in("UTC", own[0].times[0])
            instrument = complete(own[0].instrument, day, lots)
            has_quotes = any(one.subscription.quotes for one in own)
            board = Board(instrument, config, seed, makes_quotes=not has_quotes)
            self.boards[symbol], self.instruments[symbol] = board, instrument
            sources += self._load(board, own, seed, ticks_per_minute, auction)
        for source in sources:
            self._feed(source)
        if not history:
            self._start_ns = self._heap[0][0] - 1 if self._heap else self._start_ns
        self._swallow()
        self.clock: Clock = clock
        if clock.threaded:
            self.clock = ReplayClock(clock, self._start_ns, speed)
        elif isinstance(clock, SimulatedClock) and clock.time_ns() < self._start_ns:
            clock.advance_to(self._start_ns)

    # What is asked of it, on any thread

    def listen(self, listener: WorldListener) -> None:
        """Call the methods of ``listener`` from now on."""
        self._listeners += (listener,)

    def now_ns(self) -> int:
        """Return the time of the markets in epoch nanoseconds."""
        return self.clock.time_ns()

    def last_price(self, symbol: str) -> Optional[float]:
        """Return the price of the last trade. Raises `KeyError` for an unknown symbol."""
        with self.lock:
            return self.boards[symbol].last_price()

    def quote(self, symbol: str) -> Optional[Quote]:
        """Return the best bid and ask. Raises `KeyError` for an unknown symbol."""
        with self.lock:
            return self.boards[symbol].quote

    def is_open(self, symbol: str) -> bool:
        """Return whether regular trading runs and the symbol is not halted."""
        board = self.boards[symbol]
        return not board.halted and board.hours.is_open(self.now_ns())

    def market_state(self, market: Union[str, MarketType]) -> int:
        """Return Qot_Common.QotMarketState of a symbol or a market.

        A market is a MarketType, or one of 'HK', 'US', 'SH', 'SZ', 'HK_FUTURE' and 'US_FUTURE'.
        """
        if isinstance(market, str) and market not in _MARKETS:
            return state_of(config_for(market), market, self.now_ns())
        found = _MARKETS[market] if isinstance(market, str) else market
        return state_of(get_market_config(found), "", self.now_ns())

    def config_of(self, symbol: str) -> MarketConfig:
        """Return the figures of the market of a symbol."""
        return config_for(symbol)

    # What makes it run

    def start(self) -> None:
        """Let the clock run and the prices come, where they stopped."""
        if self._running:
            return
        self._running = True
        if isinstance(self.clock, ReplayClock):
            self.clock.run()
        self._schedule()

    def stop(self) -> None:
        """Let the prices rest."""
        self._running = False
        if self._timer is not None:
            self._timer.cancel()
        if isinstance(self.clock, ReplayClock):
            self.clock.stop()

    def inject(self, event: Union[Tick, Quote]) -> None:
        """Make a price happen now: at once on a simulated clock, else on the clock's thread.

        Raises `KeyError` for an unknown symbol.
        """
        if event.symbol not in self.boards:
            raise KeyError(event.symbol)
        if self.clock.threaded:
            self.clock.call_soon(lambda: self._happen(event))
        else:
            self._happen(event)

    def halt(self, symbol: str, halted: bool = True) -> None:
        """Suspend a symbol, or resume it: what its series bring meanwhile does not happen."""
        with self.lock:
            self.boards[symbol].halted = halted

    # Loading

    def _load(
        self, board: Board, own: List[Series], seed: int, per_minute: int, auction: bool
    ) -> List[Iterator[Event]]:
        """Put the past of a symbol into its chart; return what is to be played."""
        live = [one for one in own if not one.is_bars]
        bars = sorted((one for one in own if one.is_bars), key=_fineness)
        if not any(not one.subscription.quotes for one in live) and bars:
            played = bars.pop(0)
            tape = BarTape(played, board.instrument, board.hours, seed, per_minute, auction)
            self._remember(board, bars, tape.span_of(0)[0])
            first = 0
            if _is_past(played):
                # The last ones are played unheard, so that there are trades to ask for.
                per_bar = per_minute if played.subscription.timeframe < TimeFrame.DAYS else _MANY
                first = max(0, played.known_at(self._start_ns) - -(-_TRADES // per_bar))
                self._remember(board, [played], played.published_ns(first), tape)
            return [iter(one.events) for one in live] + [tape.ticks(first)]
        self._remember(board, bars, min(one.times[0] for one in live))
        return [iter(one.events) for one in live]

    def _remember(
        self, board: Board, bars: Sequence[Series], before_ns: int, tape: Optional[BarTape] = None
    ) -> None:
        """Remember the bars that ended before a time, of days or of one minute."""
        for series in reversed(bars):
            if not _is_past(series):
                continue
            is_days = series.subscription.timeframe == TimeFrame.DAYS
            for index in range(series.known_at(before_ns - 1)):
                bar = series.events[index]
                assert isinstance(bar, Bar)
                if is_days:
                    day = day_of_bar(series, index, board.hours.timezone)
                    board.remember(series, index, bar, day)
                    continue
                for tick in tape.auction_of(index) if tape is not None else ():
                    board.trade(tick)
                board.remember(series, index, bar, None)
        board.running = None

    def _feed(self, source: Iterator[Event]) -> None:
        for event in source:
            kind = _QUOTE if isinstance(event, Quote) else _TICK
            entry = (event.time_ns, kind, next(self._order), event, source)
            heapq.heappush(self._heap, entry)
            return

    def _swallow(self) -> None:
        """Let happen unheard what lies before the start."""
        while self._heap and self._heap[0][0] <= self._start_ns:
            _, _, _, event, source = heapq.heappop(self._heap)
            board = self.boards[event.symbol]
            if isinstance(event, Quote):
                board.quote = event
            elif not board.halted:
                board.quote_before(event)
                minute = board.trade(event)
                if minute.end_ns <= self._start_ns:
                    board.running = None
            if source is not None:
                self._feed(source)
        for board in self.boards.values():
            board.make_quote()
            if board.running is not None:
                self._await_end(board, board.running)

    # Playing

    def _schedule(self) -> None:
        with self.lock:
            if not self._running or not self._heap:
                return
            due_ns = self._heap[0][0]
            if self._timer is not None and not self._timer.cancelled:
                if self._timer.when_ns <= due_ns:
                    return
                self._timer.cancel()
            if isinstance(self.clock, ReplayClock) and self._max_pause is not None:
                pause_ns = round(self._max_pause * self.clock.speed * NS_PER_SECOND)
                if due_ns - self.clock.time_ns() > pause_ns:
                    self.clock.jump(due_ns - pause_ns)
            self._timer = self.clock.call_at(due_ns, self._play)

    def _play(self) -> None:
        """Let everything happen that is due."""
        now_ns = self.clock.time_ns()
        try:
            while self._running:
                with self.lock:
                    if not self._heap or self._heap[0][0] > now_ns:
                        break
                    _, _, _, event, source = heapq.heappop(self._heap)
                    if source is not None:
                        self._feed(source)
                if isinstance(event, _MinuteEnd):
                    self._end_minute(event.board, event.minute)
                elif not self.boards[event.symbol].halted:
                    self._happen(event, event.time_ns)
        finally:
            self._schedule()

    def _happen(self, event: Union[Tick, Quote], time_ns: Optional[int] = None) -> None:
        board = self.boards[event.symbol]
        if time_ns is None:
            event = event._replace(time_ns=self.now_ns())
        if isinstance(event, Quote):
            with self.lock:
                board.quote = event
            for listener in self._listeners:
                listener.on_quote(event)
            return
        self._trade(board, event)
        if time_ns is None:
            self._schedule()

    def _trade(self, board: Board, tick: Tick) -> None:
        with self.lock:
            quote = board.quote_before(tick)
            before = board.running
            minute = board.trade(tick)
            is_new = before is not minute
            assert board.last is not None
            tick, number, _ = board.last
            if is_new:
                self._await_end(board, minute)
            running = board.bar_of(minute, closed=False)
        if is_new and before is not None:
            self._tell_end(board, before)
        for listener in self._listeners:
            if quote is not None:
                listener.on_quote(quote)
            listener.on_tick(tick, number)
            listener.on_bar(running, False)

    def _await_end(self, board: Board, minute: KBar) -> None:
        entry = (minute.end_ns, _END, next(self._order), _MinuteEnd(board, minute), None)
        heapq.heappush(self._heap, entry)

    def _end_minute(self, board: Board, minute: KBar) -> None:
        with self.lock:
            # Late prints, as those of a closing auction, may have ended it before.
            if board.running is not minute:
                return
            board.running = None
        self._tell_end(board, minute)

    def _tell_end(self, board: Board, minute: KBar) -> None:
        bar = board.bar_of(minute, closed=True)
        for listener in self._listeners:
            listener.on_bar(bar, True)


def _fineness(series: Series) -> Tuple[int, int]:
    return series.subscription.timeframe, series.subscription.compression


def _is_past(series: Series) -> bool:
    """Return whether bars can be put into a chart as they are: of a minute, or of a day."""
    return _fineness(series) in ((TimeFrame.MINUTES, 1), (TimeFrame.DAYS, 1))


def _start(series: Sequence[Series], history: int) -> int:
    if isinstance(history, bool) or not isinstance(history, int) or history < 0:
        raise ConfigError.of("history", history, "a number of bars or epoch nanoseconds")
    if history > 10_000_000:
        return history
    first = series[0]
    if history > len(first.times):
        raise ConfigError.of("history", history, f"at most the {len(first.times)} there are")
    if history:
        return first.published_ns(history - 1)
    # All is played: before the first auction, too.
    return min(one.published_ns(0) for one in series) - 2 * 1440 * NS_PER_MINUTE
