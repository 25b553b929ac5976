"""What scripts ask of backtrader's own OandaStore besides feeds and broker, in its forms.

That store spoke an older interface of OANDA. Its fields are made here of those of v20: times are
microseconds since 1970 as text and the begin of a candle, prices are numbers. What goes wrong
comes as an object with a ``code``, as it did there.
"""

from __future__ import annotations

import calendar
import datetime
import logging
import queue
from typing import Any, Callable, Dict, List, Mapping, Optional

from btstores.clock import NS_PER_SECOND
from btstores.config import Params
from btstores.errors import ConfigError, LinkError, VenueRefused
from btstores.inbox import Outbox, Signal
from btstores.instruments import timeframe_name
from btstores.stores.base import BaseStore
from btstores.stores.oanda.client import Client, Place, endpoint
from btstores.stores.oanda.convert import GRANULARITIES, number_of, quote_of, time_of, time_text
from btstores.stores.oanda.gateway import OandaGateway

__all__ = ["UpstreamStore"]

log = logging.getLogger(__name__)

Row = Dict[str, Any]
#: What a line of a stream is made into; None for one that is left out.
Form = Callable[[Mapping[str, Any]], Optional[Row]]

#: By ``candleFormat`` the letters that ask for its prices, and their names in v20 and there.
_FORMATS = {
    "bidask": ("BA", (("bid", "Bid"), ("ask", "Ask"))),
    "midpoint": ("M", (("mid", "Mid"),)),
}
_VALUES = (("o", "open"), ("h", "high"), ("l", "low"), ("c", "close"))
#: So many candles come when no begin is given, and at most with one question.
_USUAL, _MOST = 500, 5000
#: The codes and words of backtrader's own store.
_ERRORS = {597: "Not supported TimeFrame", 598: "Failed Streaming", 599: "Request Error"}


class UpstreamStore(BaseStore):
    """A store of OANDA with the methods of backtrader's own.

    They ask OANDA by themselves: a store that is not connected yet answers too.
    """

    gateway: OandaGateway
    place: Place

    def __init__(self, params: Params) -> None:
        self._readers: List[_Reader] = []
        super().__init__(params)

    def stop(self) -> None:
        readers, self._readers = self._readers, []
        for reader in readers:
            reader.end()
        super().stop()

    def get_granularity(self, timeframe: int, compression: int) -> Optional[str]:
        """Return how OANDA calls a time frame, such as 'M5', or None for one that it lacks."""
        found = GRANULARITIES.get((int(timeframe), compression))
        return None if found is None else found[0]

    def get_instrument(self, dataname: str) -> Optional[Row]:
        """Return what OANDA tells of an instrument, or None where it tells nothing.

        It is the row of v20, and ``instrument``, ``pip`` and ``maxTradeUnits`` as they were.
        """
        symbol = self.symbol_of(dataname)
        row = self.gateway.listings.get(symbol)
        try:
            if row is None:
                row = self.queries.call(self._ask_instrument, symbol, timeout=self.params.timeout)
        except (LinkError, VenueRefused) as error:
            log.warning("oanda.no_instrument symbol=%s error=%s", symbol, error)
        return None if row is None else listing_of(row)

    def _ask_instrument(self, symbol: str) -> Optional[Mapping[str, Any]]:
        client = Client(self.place)
        try:
            account, params = self._account(client), {"instruments": symbol}
            answer = client.get(endpoint("accounts", "AccountInstruments", account, params=params))
            rows = answer.get("instruments")
            return rows[0] if isinstance(rows, list) and rows else None
        finally:
            client.close()

    def _account(self, client: Client) -> str:
        """Return the account. Raises `VenueRefused` where none is named and there are several."""
        account = self.gateway.prices.account
        if account:
            return account
        rows = client.get(endpoint("accounts", "AccountList")).get("accounts") or []
        if len(rows) != 1:
            raise VenueRefused(f"the token has {len(rows)} accounts, and none is named")
        return str(rows[0].get("id"))

    # Queues

    def candles(
        self,
        dataname: str,
        dtbegin: Optional[datetime.datetime],
        dtend: Optional[datetime.datetime],
        timeframe: int,
        compression: int,
        candleFormat: str = "bidask",
        includeFirst: bool = True,
    ) -> queue.Queue[Optional[Row]]:
        """Return a queue of candles that ends with an empty one.

        Without a begin they are the newest 500. Times without a zone are UTC. An error is told
        by its row, and then None. Raises `ConfigError` for another format.
        """
        if candleFormat not in _FORMATS:
            raise ConfigError.of("candleFormat", candleFormat, f"one of {', '.join(_FORMATS)}")
        found: queue.Queue[Optional[Row]] = queue.Queue()
        granularity = self.get_granularity(timeframe, compression)
        if granularity is None:
            _fail(found, 597, f"OANDA has no {timeframe_name(timeframe, compression)} bars")
            return found
        begin_ns, end_ns = _ns_of(dtbegin), _ns_of(dtend)
        terms = {"granularity": granularity, "price": _FORMATS[candleFormat][0]}
        if begin_ns is not None:
            terms["includeFirst"] = str(bool(includeFirst))
        asked = (self.symbol_of(dataname), terms, begin_ns, end_ns, candleFormat)
        self.queries.submit(lambda: self._read_candles(found, *asked))
        return found

    def _read_candles(
        self,
        found: queue.Queue[Optional[Row]],
        symbol: str,
        terms: Dict[str, str],
        begin_ns: Optional[int],
        end_ns: Optional[int],
        form: str,
    ) -> None:
        client = Client(self.place)
        try:
            while True:
                params = {**terms, **_range(begin_ns, end_ns)}
                asked = endpoint("instruments", "InstrumentsCandles", symbol, params=params)
                rows = client.get(asked).get("candles") or []
                starts = [time_of(row.get("time")) or 0 for row in rows]
                for row, start_ns in zip(rows, starts):
                    candle = candle_of(row, form)
                    if candle is not None and (end_ns is None or start_ns < end_ns):
                        found.put(candle)
                is_last = begin_ns is None or len(rows) < _MOST
                if is_last or (end_ns is not None and starts[-1] >= end_ns):
                    break
                begin_ns, terms = starts[-1], {**terms, "includeFirst": "False"}
        except (LinkError, VenueRefused) as error:
            _fail(found, 599, str(error))
        else:
            found.put({})
        finally:
            client.close()

    def streaming_prices(
        self, dataname: str, tmout: Optional[float] = None
    ) -> queue.Queue[Optional[Row]]:
        """Return a queue of prices: ``instrument``, ``time``, ``bid`` and ``ask``.

        The stream begins ``tmout`` seconds later. When it breaks a row with a ``code`` comes, and
        None; when the store stops, None. It is not made again.
        """
        params = {"instruments": self.symbol_of(dataname), "snapshot": "True"}
        return self._stream("pricing", "PricingStream", tick_of, tmout, params=params)

    def streaming_events(self, tmout: Optional[float] = None) -> queue.Queue[Optional[Row]]:
        """Return a queue of the account's transactions as v20 has them; it ends like prices."""
        return self._stream("transactions", "TransactionsStream", transaction_of, tmout)

    def _stream(
        self, group: str, name: str, form: Form, tmout: Optional[float], **terms: Any
    ) -> queue.Queue[Optional[Row]]:
        def request(client: Client) -> Any:
            return endpoint(group, name, self._account(client), **terms)

        reader = _Reader(Client(self.place, self.params.silence))
        self._readers.append(reader)
        reader.begin(request, form, tmout)
        return reader.found


class _Reader:
    """A stream on its way into a queue, on a thread of its own."""

    def __init__(self, client: Client) -> None:
        self.found: queue.Queue[Optional[Row]] = queue.Queue()
        self._client = client
        self._ended = Signal()

    def begin(self, request: Callable[[Client], Any], form: Form, pause: Optional[float]) -> None:
        """Read the stream that ``request`` asks for, after ``pause`` seconds."""
        thread = Outbox("oanda-script")
        thread.submit(lambda: self._read(request, form, pause))
        thread.stop(0.0)

    def _read(self, request: Callable[[Client], Any], form: Form, pause: Optional[float]) -> None:
        if pause and self._ended.wait(pause):
            return
        try:
            for line in self._client.lines(request(self._client)):
                if self._ended.is_set():
                    return
                row = form(line)
                if row is not None:
                    self.found.put(row)
        except (LinkError, VenueRefused) as error:
            if not self._ended.is_set():
                self._ended.set()
                _fail(self.found, 598, str(error))

    def end(self) -> None:
        """Let nothing more come."""
        if not self._ended.is_set():
            self._ended.set()
            self.found.put(None)


def listing_of(row: Mapping[str, Any]) -> Row:
    """Return an instrument's row with the names that it had before v20."""
    pip = number_of(row.get("pipLocation"))
    old = {
        "instrument": row.get("name"),
        "pip": None if pip is None else f"{10.0**pip:.{max(0, -int(pip))}f}",
        "maxTradeUnits": number_of(row.get("maximumOrderUnits")),
    }
    return {**row, **old}


def candle_of(row: Mapping[str, Any], form: str) -> Optional[Row]:
    """Return a candle of v20 with the names that it had before, or None for nonsense."""
    start_ns = time_of(row.get("time"))
    told: Row = {"volume": number_of(row.get("volume")), "complete": row.get("complete") is True}
    for field, suffix in _FORMATS[form][1]:
        prices = row.get(field)
        for letter, name in _VALUES:
            value = number_of(prices.get(letter)) if isinstance(prices, dict) else None
            if value is None or start_ns is None:
                return None
            told[name + suffix] = value
    return {"time": _micros(start_ns or 0), **told}


def tick_of(line: Mapping[str, Any]) -> Optional[Row]:
    """Return a line of the pricing stream as it was before v20; None for one without a price."""
    quote = quote_of(line) if line.get("type") == "PRICE" else None
    if quote is None:
        return None
    time = _micros(quote.time_ns)
    return {"instrument": quote.symbol, "time": time, "bid": quote.bid, "ask": quote.ask}


def transaction_of(line: Mapping[str, Any]) -> Optional[Row]:
    """Return a transaction; None for a heartbeat."""
    return None if line.get("type") == "HEARTBEAT" else dict(line)


def _range(begin_ns: Optional[int], end_ns: Optional[int]) -> Dict[str, Any]:
    """Return the parameters of one question for candles."""
    if begin_ns is not None:
        return {"from": time_text(begin_ns), "count": _MOST}
    return {"count": _USUAL, **({} if end_ns is None else {"to": time_text(end_ns)})}


def _ns_of(moment: Optional[datetime.datetime]) -> Optional[int]:
    if moment is None:
        return None
    seconds = calendar.timegm(moment.utctimetuple())
    return seconds * NS_PER_SECOND + moment.microsecond * 1000


def _micros(time_ns: int) -> str:
    return str(time_ns // 1000)


def _fail(found: queue.Queue[Optional[Row]], code: int, text: str) -> None:
    found.put({"code": code, "message": _ERRORS[code], "description": text})
    found.put(None)
