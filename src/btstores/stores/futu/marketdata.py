"""The quote half of the gateway: streams, history and instruments."""

from __future__ import annotations

import datetime
import logging
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple, Union

from btstores.clock import NS_PER_SECOND, Clock
from btstores.errors import LinkError, OutcomeUnknown, UnknownInstrumentError, VenueRefused
from btstores.inbox import Guard
from btstores.instruments import Instrument, TimeFrame
from btstores.markets import MarketConfig, Sessions
from btstores.markets.zones import date_in
from btstores.reports import Bar, Subscription, Tick
from btstores.stores.futu.bars import KL_TYPES, SUB_TYPES, BarCloser, is_intraday
from btstores.stores.futu.link import Connection, NotSent
from btstores.stores.futu.quotes import bar_end_ns, bar_of, instrument_of, quote_of, tick_of
from btstores.stores.futu.symbols import quote_security, symbol_of_security
from btstores.stores.gateway import PutReport, RateLimit
from btstores.stores.throttle import TokenBuckets

__all__ = ["MarketData"]

log = logging.getLogger(__name__)

_TICKER, _ORDER_BOOK = 4, 2
_FORWARD = 1  # the only adjustment that bars are pushed with
_PAGE = 1000
#: So long OpenD keeps a stream at least.
_YOUNG_NS = 61 * NS_PER_SECOND
_MINUTE_NS = 60 * NS_PER_SECOND
_FRAMES = {number: frame for frame, number in KL_TYPES.items()}
#: First pages of history that OpenD answers in a time.
HISTORY_RATE = RateLimit(frozenset({"history"}), 60, 30.0)


class MarketData:
    """Streams, history and instruments of one market.

    ``put`` is set while the link is up. ``pause`` waits for so many seconds, unless the link is
    given up meanwhile.
    """

    def __init__(
        self, clock: Clock, config: Callable[[], MarketConfig], pause: Callable[[float], None]
    ) -> None:
        self._clock = clock
        self._config = config
        self._pause = pause
        self.put: Optional[PutReport] = None
        self.connection: Optional[Connection] = None
        self.offset_ns = 0
        self._heard_ns = 0
        self._closer = BarCloser()
        self._names: Dict[Tuple[int, str], str] = {}
        self._unwanted: Dict[Subscription, int] = {}
        self._buckets = TokenBuckets((HISTORY_RATE,), clock)
        self._first_pages = Guard()
        self._timezone = ""
        self._pushes: Dict[str, Callable[[Any], None]] = {
            "Qot_UpdateKL": self._on_bars,
            "Qot_UpdateTicker": self._on_ticks,
            "Qot_UpdateOrderBook": self._on_book,
        }

    @property
    def pushes(self) -> Dict[str, Callable[[Any], None]]:
        """Return what is done with each kind of push."""
        return self._pushes

    def now_ns(self) -> int:
        """Return the time at the venue: by our clock, or later as its data show."""
        return max(self._clock.time_ns() + self.offset_ns, self._heard_ns)

    def ask(self, name: str, fill: Callable[[Any], None]) -> Any:
        """Ask OpenD. Raises `LinkError` without a link or an answer, and `VenueRefused`."""
        if self.connection is None:
            raise LinkError("OpenD is not connected")
        try:
            return self.connection.ask(name, fill)
        except (OutcomeUnknown, NotSent) as error:
            raise LinkError(str(error)) from error

    # Streams

    def subscribe(self, subscription: Subscription) -> None:
        """Start a stream. Raises `LinkError`, or `VenueRefused` with OpenD's reason."""
        self._unwanted.pop(subscription, None)
        self._closer.forget(subscription)  # what is known of a running bar may be old
        self._timezone = self._config().timezone
        self._sub(subscription, begin=True)

    def unsubscribe(self, subscription: Subscription) -> None:
        """End a stream; within a minute of its start OpenD refuses to, and is asked again."""
        self._closer.forget(subscription)
        try:
            self._sub(subscription, begin=False)
        except VenueRefused:
            self._unwanted[subscription] = self._clock.monotonic_ns() + _YOUNG_NS

    def end_streams(self) -> None:
        """Ask again for the end of streams that were too young for it."""
        now_ns = self._clock.monotonic_ns()
        for subscription, due_ns in list(self._unwanted.items()):
            if due_ns <= now_ns and self._unwanted.pop(subscription, None) is not None:
                self.unsubscribe(subscription)

    def missing(self, subscriptions: Sequence[Subscription]) -> List[Subscription]:
        """Return those for which OpenD knows no subscription. Raises `LinkError`."""
        answer = self.ask("Qot_GetSubInfo", lambda c2s: setattr(c2s, "isReqAllConn", False))
        known = {
            (self._symbol(security), row.subType)
            for connection in answer.connSubInfoList
            if connection.isOwnConnData
            for row in connection.subInfoList
            for security in row.securityList
        }
        return [one for one in subscriptions if (one.symbol, _sub_type(one)) not in known]

    def _sub(self, subscription: Subscription, begin: bool) -> None:
        def fill(c2s: Any) -> None:
            quote_security(subscription.symbol, c2s.securityList.add())
            c2s.subTypeList.append(_sub_type(subscription))
            c2s.isSubOrUnSub = c2s.isRegOrUnRegPush = begin
            c2s.regPushRehabTypeList.append(_FORWARD)
            c2s.isFirstPush = True

        self.ask("Qot_Sub", fill)

    def link_lost(self) -> None:
        """Forget what was on its way."""
        self.connection, self._heard_ns = None, 0
        self._closer.pause()
        self._unwanted.clear()

    # Pushes, on the client's network thread

    def _on_bars(self, s2c: Any) -> None:
        frame = _FRAMES.get(s2c.klType)
        symbol = self._symbol(s2c.security)
        put = self.put
        if frame is None or symbol is None or put is None:
            return
        received_ns = self._clock.time_ns()
        for line in s2c.klList:
            bar = self._bar(line, symbol, frame, received_ns)
            if bar is None:
                continue
            if is_intraday(bar.timeframe):
                began_ns = bar.time_ns - bar.compression * _MINUTE_NS
                self._heard_ns = max(self._heard_ns, began_ns)
            closed = self._closer.hear(bar, self._ends_ns(bar))
            if closed is not None:
                put(closed._replace(complete=True))

    def _on_ticks(self, s2c: Any) -> None:
        symbol, put = self._symbol(s2c.security), self.put
        if symbol is None or put is None:
            return
        received_ns = self._clock.time_ns()
        for ticker in s2c.tickerList:
            tick = tick_of(ticker, symbol, self._timezone, received_ns)
            if tick is not None:
                self._heard_ns = max(self._heard_ns, tick.time_ns)
                put(tick)

    def _on_book(self, s2c: Any) -> None:
        symbol, put = self._symbol(s2c.security), self.put
        if symbol is not None and put is not None:
            put(quote_of(s2c, symbol, self._clock.time_ns()))

    def _symbol(self, security: Any) -> Optional[str]:
        key = (security.market, security.code)
        symbol = self._names.get(key) or symbol_of_security(security)
        if symbol is not None:
            self._names[key] = symbol
        return symbol

    def _bar(
        self, line: Any, symbol: str, frame: Tuple[int, int], received_ns: Optional[int] = None
    ) -> Optional[Bar]:
        config = self._config()
        sessions = config.sessions_of(symbol)
        return bar_of(line, symbol, frame[0], frame[1], config.timezone, sessions, received_ns)

    def _ends_ns(self, bar: Bar) -> int:
        """Return when a bar cannot change any more."""
        if is_intraday(bar.timeframe):
            return bar.time_ns
        return bar_end_ns(self._day(bar.time_ns), self._sessions(bar.symbol)) or bar.time_ns

    def _day(self, time_ns: int) -> datetime.date:
        return date_in(self._config().timezone, time_ns)

    def _sessions(self, symbol: str) -> Optional[Sessions]:
        return self._config().sessions_of(symbol)

    # Bars whose time is over, on the gateway's own thread

    def close_bars(self) -> None:
        """Confirm and deliver the running bars whose time is over."""
        for bar in self._closer.due(self.now_ns()):
            put = self.put
            if put is None:
                return
            confirmed = self._confirmed(bar)
            if confirmed is None and self._closer.gave_up(bar):
                confirmed = bar
            closed = self._closer.confirm(confirmed) if confirmed is not None else None
            if closed is not None:
                put(closed._replace(complete=True))

    def next_bar_ns(self) -> Optional[int]:
        """Return the time at the venue when the next running bar is over."""
        return self._closer.next_due_ns()

    def _confirmed(self, bar: Bar) -> Optional[Bar]:
        """Return the bar as OpenD has it now; None when that cannot be had."""
        frame = (bar.timeframe, bar.compression)

        def fill(c2s: Any) -> None:
            c2s.rehabType, c2s.klType, c2s.reqNum = _FORWARD, KL_TYPES[frame], 2
            quote_security(bar.symbol, c2s.security)

        try:
            lines = self.ask("Qot_GetKL", fill).klList
        except (LinkError, VenueRefused) as error:
            log.warning("futu.bar_not_confirmed symbol=%s error=%s", bar.symbol, error)
            return None
        for line in lines:
            found = self._bar(line, bar.symbol, frame, bar.received_ns)
            if found is not None and found.time_ns == bar.time_ns:
                return found
        return None

    # History

    def history(
        self,
        subscription: Subscription,
        start_ns: Optional[int],
        end_ns: Optional[int],
        count: Optional[int],
    ) -> Sequence[Union[Bar, Tick]]:
        """Return complete bars, or the newest thousand trades, within two times."""
        found: Sequence[Union[Bar, Tick]]
        if subscription.timeframe == TimeFrame.TICKS:
            found = self._past_ticks(subscription.symbol)
        else:
            found = self._past_bars(subscription, start_ns, end_ns, count)
        first = start_ns if start_ns is not None else -1
        last = end_ns if end_ns is not None else self.now_ns()
        kept = [one for one in found if first <= one.time_ns <= last]
        return kept[-count:] if count is not None else kept

    def _past_ticks(self, symbol: str) -> List[Tick]:
        def fill(c2s: Any) -> None:
            quote_security(symbol, c2s.security)
            c2s.maxRetNum = _PAGE

        received_ns, timezone = self._clock.time_ns(), self._config().timezone
        found = [
            tick_of(ticker, symbol, timezone, received_ns)
            for ticker in self.ask("Qot_GetTicker", fill).tickerList
        ]
        return sorted((tick for tick in found if tick is not None), key=_order)

    def _past_bars(
        self,
        subscription: Subscription,
        start_ns: Optional[int],
        end_ns: Optional[int],
        count: Optional[int],
    ) -> List[Bar]:
        symbol, timeframe, compression, _ = subscription
        frame = (timeframe, compression)
        now_ns = self.now_ns()
        last = self._day(end_ns if end_ns is not None else now_ns)
        first = self._first_day(subscription, start_ns, last, count)
        bars: Dict[int, Bar] = {}
        key = b""
        while True:
            page = self._page(symbol, frame, first, last, key)
            for line in page.klList:
                bar = self._bar(line, symbol, frame)
                if bar is not None and self._ends_ns(bar) <= now_ns:
                    bars[bar.time_ns] = bar._replace(complete=True)
            key = page.nextReqKey
            if not key:
                return [bars[stamp] for stamp in sorted(bars)]

    def _first_day(
        self,
        subscription: Subscription,
        start_ns: Optional[int],
        last: datetime.date,
        count: Optional[int],
    ) -> datetime.date:
        """Return the day to ask from, early enough for ``count`` bars, holidays and all."""
        if start_ns is not None:
            return self._day(start_ns)
        if count is None:
            count = _PAGE
        _, timeframe, compression, _ = subscription
        minutes = compression if is_intraday(timeframe) else 0
        days = count * minutes / 240 if minutes else count * _DAYS[timeframe] * compression
        return last - datetime.timedelta(days=int(days * 7 / 5) + 14)

    def _page(
        self,
        symbol: str,
        frame: Tuple[int, int],
        first: datetime.date,
        last: datetime.date,
        key: bytes,
    ) -> Any:
        def fill(c2s: Any) -> None:
            c2s.rehabType, c2s.klType = _FORWARD, KL_TYPES[frame]
            quote_security(symbol, c2s.security)
            c2s.beginTime, c2s.endTime = first.isoformat(), last.isoformat()
            c2s.maxAckKLNum = _PAGE
            if key:
                c2s.nextReqKey = key

        if key:
            return self.ask("Qot_RequestHistoryKL", fill)
        with self._first_pages:
            wait_ns = self._buckets.wait_ns("history", 1)
            while wait_ns:
                self._pause(wait_ns / NS_PER_SECOND)
                wait_ns = self._buckets.wait_ns("history", 1)
            try:
                return self.ask("Qot_RequestHistoryKL", fill)
            finally:
                # Counted from its answer: it came to OpenD at some moment before.
                self._buckets.take("history", 1)

    # Instruments

    def instrument(self, symbol: str) -> Instrument:
        """Return what OpenD knows of a symbol. Raises `UnknownInstrumentError`."""

        def fill(c2s: Any) -> None:
            quote_security(symbol, c2s.securityList.add())

        try:
            found = self.ask("Qot_GetStaticInfo", fill).staticInfoList
        except VenueRefused as error:
            raise UnknownInstrumentError(symbol, f"OpenD ({error})") from error
        if not found:
            raise UnknownInstrumentError(symbol, "OpenD")
        static = found[0]
        is_future = static.basic.secType == _FUTURE
        future = self._first("Qot_GetFutureInfo", "futureInfoList", fill) if is_future else None
        snapshot = self._first("Qot_GetSecuritySnapshot", "snapshotList", fill)
        config = self._config()
        return instrument_of(static, snapshot, future, symbol, config, self._day(self.now_ns()))

    def _first(self, name: str, field: str, fill: Callable[[Any], None]) -> Any:
        """Return the first of a list, or None: without a right to quotes there is none."""
        try:
            found = getattr(self.ask(name, fill), field)
        except VenueRefused as error:
            log.warning("futu.not_told request=%s error=%s", name, error)
            return None
        return found[0] if found else None


_FUTURE = 10
_DAYS = {int(TimeFrame.DAYS): 1, int(TimeFrame.WEEKS): 5, int(TimeFrame.MONTHS): 21}
_DAYS[int(TimeFrame.YEARS)] = 250


def _sub_type(subscription: Subscription) -> int:
    _, timeframe, compression, quotes = subscription
    if quotes:
        return _ORDER_BOOK
    if timeframe == TimeFrame.TICKS:
        return _TICKER
    return SUB_TYPES[timeframe, compression]


def _order(tick: Tick) -> Tuple[int, int]:
    return tick.time_ns, int(tick.trade_id or 0)
