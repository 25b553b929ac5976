"""The two streams of the simulated OANDA: lines of JSON for as long as a client listens."""

from __future__ import annotations

import json
import queue
import threading
from typing import Any, Callable, Dict, FrozenSet, List, Optional

from btstores.sim.switches import Faults
from btstores.stores.oanda.simulator.board import Board
from btstores.stores.oanda.simulator.ledger import Transaction, view
from btstores.stores.oanda.simulator.text import price_text, time_text
from btstores.stores.oanda.simulator.venue import Oanda

__all__ = ["Stream", "Streams", "price_view"]

#: So many lines may wait for a client that does not read; then its stream ends, as OANDA does.
_MOST = 100_000
_END: Dict[str, Any] = {"end": True}


class Stream:
    """One client that listens: to prices of ``symbols``, or to the transactions of an account."""

    def __init__(self, kind: str, account_id: str, symbols: FrozenSet[str], unix: bool) -> None:
        self.kind = kind
        self.account_id = account_id
        self.symbols = symbols
        self.unix = unix
        self._lines: queue.Queue[Dict[str, Any]] = queue.Queue(_MOST)
        self.cut = False

    def put(self, line: Dict[str, Any]) -> None:
        """Let the client have a line."""
        try:
            self._lines.put_nowait(line)
        except queue.Full:
            self.end()

    def end(self, cut: bool = False) -> None:
        """End the stream after what waits, or in the middle of a line."""
        self.cut = cut
        while True:
            try:
                self._lines.put_nowait(_END)
                return
            except queue.Full:
                self._lines.get_nowait()

    def next(self, timeout: float) -> Optional[Dict[str, Any]]:
        """Return the next line, None when there is none in time. Raises `EOFError` at the end."""
        try:
            line = self._lines.get(timeout=timeout)
        except queue.Empty:
            return None
        if line is _END:
            raise EOFError
        return line


class Streams:
    """All clients that listen, and what happens to their lines on purpose."""

    def __init__(self, venue: Oanda, faults: Faults, heartbeat: float) -> None:
        self._venue = venue
        self._faults = faults
        self.heartbeat = heartbeat
        self._all: List[Stream] = []
        self._lock = threading.Lock()
        self._held: List[Transaction] = []
        venue.listen(self._on_price, self._on_transaction)

    def open(self, stream: Stream, snapshot: bool) -> None:
        """Take a client in, with the newest prices first if it wants a ``snapshot``."""
        with self._venue.lock:
            with self._lock:
                self._all.append(stream)
            if stream.kind == "pricing" and snapshot:
                for name in sorted(stream.symbols):
                    board = self._venue.rates.boards[name]
                    if board.price is not None:
                        stream.put(self.price_line(board, stream.unix))

    def close(self, stream: Stream) -> None:
        """Let a client go."""
        with self._lock:
            if stream in self._all:
                self._all.remove(stream)

    def of(self, kind: Optional[str] = None) -> List[Stream]:
        """Return the streams of a kind, or all."""
        with self._lock:
            return [one for one in self._all if kind in (None, one.kind)]

    def end_all(self, kind: Optional[str] = None, cut: bool = False) -> None:
        """End the streams of a kind, or all."""
        for stream in self.of(kind):
            stream.end(cut)

    def run(self, stream: Stream, write: Callable[[bytes], None]) -> None:
        """Write a client's lines until its stream ends or it goes away (`OSError`)."""
        try:
            while True:
                line = stream.next(self.heartbeat)
                if self._faults.is_on("silence", stream=stream.kind):
                    continue
                if line is None:
                    if self._faults.is_on("no_heartbeat", stream=stream.kind):
                        continue
                    line = self._beat(stream)
                if self._faults.take("garbage_line", stream=stream.kind):
                    write(b'{"type": "PRI\x00\xff\n')
                write(json.dumps(line).encode() + b"\n")
        except EOFError:
            if stream.cut:
                write(b'{"type":"PRICE","time":"20')
        finally:
            self.close(stream)

    def _beat(self, stream: Stream) -> Dict[str, Any]:
        now = time_text(self._venue.clock.time_ns(), stream.unix)
        beat = {"type": "HEARTBEAT", "time": now}
        if stream.kind == "transactions":
            beat["lastTransactionID"] = self._venue.accounts[stream.account_id].ledger.last_id
        return beat

    # What the venue tells, while its lock is held

    def _on_price(self, board: Board) -> None:
        listeners = [one for one in self.of("pricing") if board.listing.name in one.symbols]
        if not listeners:
            return
        empty = self._faults.take("empty_price") is not None
        for stream in listeners:
            line = self.price_line(board, stream.unix)
            if empty:
                line.update(bids=[], asks=[])
            stream.put(line)

    def price_line(self, board: Board, unix: bool) -> Dict[str, Any]:
        """Return a price as a line of the stream."""
        is_open = self._venue.rates.is_open(board.listing.name)
        return price_view(board, is_open, unix)

    def _on_transaction(self, account_id: str, transaction: Transaction) -> None:
        if self._faults.take("transaction_lost"):
            return
        if self._faults.take("transaction_late"):
            self._held.append(transaction)
            return
        told = [transaction, *self._held]
        self._held = []
        if self._faults.take("transaction_twice"):
            told.insert(0, transaction)
        for stream in self.of("transactions"):
            if stream.account_id == account_id:
                for one in told:
                    stream.put(view(one, stream.unix))


def price_view(board: Board, is_open: bool, unix: bool) -> Dict[str, Any]:
    """Return a price as OANDA sends it."""
    price, precision = board.price, board.listing.precision
    told: Dict[str, Any] = {"type": "PRICE", "instrument": board.listing.name}
    told["tradeable"], told["status"] = is_open, "tradeable" if is_open else "non-tradeable"
    if price is None:
        return told
    bid, ask = price_text(price.bid, precision), price_text(price.ask, precision)
    told.update(
        time=time_text(price.time_ns, unix),
        bids=[{"price": bid, "liquidity": 10_000_000}],
        asks=[{"price": ask, "liquidity": 10_000_000}],
        closeoutBid=bid,
        closeoutAsk=ask,
    )
    return told
