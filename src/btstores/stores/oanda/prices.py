"""Prices: the stream of all instruments that are asked for, and bars when they are complete."""

from __future__ import annotations

import logging
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Set, Tuple, Union

from btstores.clock import NS_PER_SECOND, Clock
from btstores.errors import LinkError, VenueRefused
from btstores.inbox import Guard, Outbox
from btstores.instruments import TimeFrame
from btstores.reports import Bar, Subscription, Tick
from btstores.stores.gateway import PutReport
from btstores.stores.oanda.client import Client, Place, endpoint
from btstores.stores.oanda.convert import (
    CANDLES,
    GRANULARITIES,
    bars_of,
    end_of,
    quote_of,
    time_of,
    time_text,
)
from btstores.stores.oanda.sides import split, tick_at

__all__ = ["Prices"]

log = logging.getLogger(__name__)

#: So many candles come with one question (v20 documentation, Instrument endpoints).
MOST_CANDLES = 5000
#: When a candle is asked for after its end, and again in case it was not complete.
_SOON_NS, _AGAIN_NS = 300_000_000, 2 * NS_PER_SECOND


class Prices:
    """Market data of one account; `turn`, `subscribe` and `history` are for a thread each.

    ``wanted`` is the price that ticks and bars are made of, mid, bid or ask, where their stream
    has none of its own (see `btstores.stores.oanda.sides`).
    """

    def __init__(
        self, clock: Clock, place: Place, account: str, wanted: str, silence: float
    ) -> None:
        self._clock = clock
        self._place, self.account, self._wanted = place, account, wanted
        self._silence = silence
        self._lock = Guard()
        #: By instrument the streams that are asked for, and the price of each.
        self._wishes: Dict[str, Dict[Subscription, str]] = {}
        #: The instruments of the stream that is read.
        self._symbols: Set[str] = set()
        self._dirty = False
        self._generation = 0
        self._newest: Dict[str, int] = {}
        #: For each stream of bars when it is asked for next, and the newest bar that was told.
        self._due: Dict[Subscription, Tuple[int, int]] = {}
        self.put: Optional[PutReport] = None
        self.lost: Callable[[str], None] = lambda reason: None
        #: What the venue's clock shows more than ours, where the two are far apart.
        self.offset_ns = 0
        self._latest_ns = 0

    def now_ns(self) -> int:
        """Return the venue's time, which is no earlier than its newest price."""
        return max(self._clock.time_ns() + self.offset_ns, self._latest_ns)

    # Streams

    def subscribe(self, subscription: Subscription) -> None:
        """Ask for a stream."""
        symbol, price = split(subscription.symbol, self._wanted)
        with self._lock:
            self._wishes.setdefault(symbol, {})[subscription] = price
            if subscription.timeframe != TimeFrame.TICKS:
                now_ns = self.now_ns()
                self._due[subscription] = (self._next_end(subscription, now_ns) + _SOON_NS, now_ns)
            self._dirty = self._dirty or symbol not in self._symbols

    def unsubscribe(self, subscription: Subscription) -> None:
        """Ask for it no more."""
        symbol, _ = split(subscription.symbol, self._wanted)
        with self._lock:
            wishes = self._wishes.get(symbol, {})
            wishes.pop(subscription, None)
            if not wishes:
                self._wishes.pop(symbol, None)
            self._due.pop(subscription, None)
            self._dirty = self._dirty or set(self._wishes) != self._symbols

    def close(self) -> None:
        """End all streams; what they still bring is not told."""
        with self._lock:
            self._generation += 1
            self._wishes.clear()
            self._due.clear()
            self._symbols = set()
            self._dirty = False
            self.put = None

    def turn(self, client: Client) -> None:
        """Do what has come due. Raises `LinkError`."""
        with self._lock:
            dirty, self._dirty = self._dirty, False
            if dirty:
                self._generation += 1
                self._symbols = set(self._wishes)
            symbols, generation = sorted(self._symbols), self._generation
            now_ns = self.now_ns()
            due = [one for one, (when_ns, _) in self._due.items() if when_ns <= now_ns]
        if dirty and symbols:
            reader = Outbox("oanda-prices")
            reader.submit(lambda: self._read(symbols, generation))
            reader.stop(0.0)
        for subscription in due:
            self._ask_bars(client, subscription)

    def _read(self, symbols: Sequence[str], generation: int) -> None:
        """Read the stream until another takes its place."""
        client = Client(self._place, self._silence)
        params = {"instruments": ",".join(symbols), "snapshot": "True"}
        request = endpoint("pricing", "PricingStream", self.account, params=params)
        try:
            for line in client.lines(request):
                if generation != self._generation:
                    return
                if line.get("type") == "PRICE":
                    self._hear(line)
        except (LinkError, VenueRefused) as error:
            if generation == self._generation:
                self.lost(str(error))

    def _hear(self, line: Mapping[str, Any]) -> None:
        quote = quote_of(line)
        if quote is None:
            return
        with self._lock:
            put, newest = self.put, self._newest.get(quote.symbol, 0)
            if put is None or quote.time_ns <= newest:
                return  # a new stream begins with the prices that the old one has told
            self._newest[quote.symbol] = quote.time_ns
            self._latest_ns = max(self._latest_ns, quote.time_ns)
            wants_quote, ticks = False, []
            for wish, price in self._wishes.get(quote.symbol, {}).items():
                if wish.quotes:
                    wants_quote = True
                elif wish.timeframe == TimeFrame.TICKS:
                    ticks.append(tick_at(quote, wish.symbol, price))
                else:
                    self._hurry(wish, quote.time_ns)
        if wants_quote:
            put(quote)
        for tick in ticks:
            if tick is not None:
                put(tick)

    def _hurry(self, of: Subscription, time_ns: int) -> None:
        """Ask for a bar now if a price has come from after its end."""
        when_ns, told_ns = self._due[of]
        if time_ns + _SOON_NS >= when_ns:
            self._due[of] = (min(when_ns, time_ns), told_ns)

    # Bars

    def _next_end(self, of: Subscription, time_ns: int) -> int:
        """Return when the candle of a time ends; of days and longer, when to look again."""
        seconds = GRANULARITIES[(of.timeframe, of.compression)][1]
        length = min(seconds, 3600) * NS_PER_SECOND
        return time_ns - time_ns % length + length

    def _ask_bars(self, client: Client, of: Subscription) -> None:
        """Tell the bars that are complete, and plan when to look again."""
        with self._lock:
            if of not in self._due:
                return
            told_ns = self._due[of][1]
        now_ns = self.now_ns()
        bars = [bar for bar in self._candles(client, of, None, 3) if bar.time_ns > told_ns]
        with self._lock:
            put = self.put
            if of not in self._due or put is None:
                return
            newest_ns = bars[-1].time_ns if bars else told_ns
            seconds = GRANULARITIES[(of.timeframe, of.compression)][1]
            end_ns = self._next_end(of, now_ns)
            # The last end may have brought no bar yet, though its prices have been heard.
            last_end_ns = end_ns - min(seconds, 3600) * NS_PER_SECOND
            waits = newest_ns < last_end_ns and now_ns - last_end_ns < _AGAIN_NS
            due_ns = last_end_ns + _AGAIN_NS if waits else end_ns + _SOON_NS
            self._due[of] = (due_ns, newest_ns)
        for bar in bars:
            put(bar)

    # History

    def history(
        self,
        client: Client,
        of: Subscription,
        start_ns: Optional[int],
        end_ns: Optional[int],
        count: Optional[int],
    ) -> Sequence[Union[Bar, Tick]]:
        """Return complete bars between two times; of ticks the venue keeps none."""
        if of.timeframe == TimeFrame.TICKS:
            return ()
        if start_ns is None:
            bars = self._candles(client, of, end_ns, count or 500)
        else:
            bars = self._from(client, of, start_ns)
        found = [
            bar
            for bar in bars
            if (start_ns is None or bar.time_ns >= start_ns)
            and (end_ns is None or bar.time_ns <= end_ns)
        ]
        return found[-count:] if count is not None else found

    def _from(self, client: Client, of: Subscription, start_ns: int) -> List[Bar]:
        """Return all bars that end at a time or later, in as many questions as it takes."""
        seconds = GRANULARITIES[(of.timeframe, of.compression)][1]
        begin_ns = start_ns - seconds * NS_PER_SECOND
        bars: List[Bar] = []
        while True:
            params = self._params(of, count=MOST_CANDLES)
            params["from"] = time_text(max(0, begin_ns))
            candles = self._get(client, of, params)
            bars += bars_of(candles, of, self._price_of(of))
            starts = [time_of(one.get("time")) for one in candles]
            if len(candles) < MOST_CANDLES or starts[-1] is None or starts[-1] <= begin_ns:
                return bars
            begin_ns = end_of(starts[-1], of)

    def _candles(
        self, client: Client, of: Subscription, end_ns: Optional[int], count: int
    ) -> List[Bar]:
        """Return the newest bars, so many at most."""
        params = self._params(of, count=min(MOST_CANDLES, count + 1))
        if end_ns is not None:
            params["to"] = time_text(end_ns + NS_PER_SECOND)
        return bars_of(self._get(client, of, params), of, self._price_of(of))

    def _price_of(self, of: Subscription) -> str:
        return split(of.symbol, self._wanted)[1]

    def _params(self, of: Subscription, count: int) -> Dict[str, Any]:
        name, _ = GRANULARITIES[(of.timeframe, of.compression)]
        return {"granularity": name, "price": CANDLES[self._price_of(of)][0], "count": count}

    def _get(self, client: Client, of: Subscription, params: Dict[str, Any]) -> List[Any]:
        symbol, _ = split(of.symbol, "")
        answer = client.get(endpoint("instruments", "InstrumentsCandles", symbol, params=params))
        candles = answer.get("candles")
        if not isinstance(candles, list):
            raise LinkError("OANDA has answered a question for candles without any")
        return [one for one in candles if isinstance(one, dict)]
