"""A simulated OpenD in a process of its own, which does what a benchmark tells it.

It notes when each push is written to the socket and when each order request has come, on the
clock that all processes of the machine share. What is pushed goes through the whole of OpenD,
but for a flood, whose messages are made beforehand: it is to measure the client and not OpenD.
"""

from __future__ import annotations

import random
import socket
import struct
import time
from typing import Any, ContextManager, Dict, List, Sequence, Tuple

from benchmarks.remote import Where, running_venue
from btstores.clock import NS_PER_SECOND, wall_clock
from btstores.instruments import TimeFrame
from btstores.reports import Quote, Tick
from btstores.sim.prices.series import series_of
from btstores.sim.switches import Faults
from btstores.stores.futu import sdk
from btstores.stores.futu.opend.accountconfig import AccountConfig
from btstores.stores.futu.opend.faults import FAULTS
from btstores.stores.futu.opend.listings import made_up
from btstores.stores.futu.opend.messages import fill_security
from btstores.stores.futu.opend.quotes import Quotes
from btstores.stores.futu.opend.server import OpenD
from btstores.stores.futu.opend.session import Session
from btstores.stores.futu.opend.trading import Trading
from btstores.stores.futu.opend.wire import Frame
from btstores.stores.futu.opend.world import World

__all__ = ["FIRST_PRICE", "LIMIT_PRICE", "LOT", "SYMBOL", "running", "symbols_of"]

SYMBOL = "HK.00700"
LOT = 100
FIRST_PRICE, LIMIT_PRICE = 300.0, 290.0
ACCOUNT = 7
#: Wednesday 2024-01-03, 10:00 in Hong Kong.
START_NS = 1_704_247_200 * NS_PER_SECOND
MINUTE = 60

ORDER, KLINE, TICKER, BOOK = 2208, 3007, 3011, 3013
_PLACE_ORDER = 2202
_HEAD = struct.Struct("<2sIBBII")
_HEAD_SIZE = 44
_LEVELS = 10


def symbols_of(count: int) -> List[str]:
    """Return so many symbols of one market."""
    return [f"HK.{number:05d}" for number in range(1, count + 1)]


class _NotedSocket(socket.socket):
    """Notes when each push is written, by protocol."""

    written: Dict[int, List[int]]
    _left = 0

    def send(self, data: Any, flags: int = 0) -> int:
        # The session hands in whole frames, and again what of them has not gone.
        if not self._left:
            now_ns, at, self._left = time.perf_counter_ns(), 0, len(data)
            while at < len(data):
                _, proto_id, _, _, _, size = _HEAD.unpack_from(data, at)
                if proto_id in self.written:
                    self.written[proto_id].append(now_ns)
                at += _HEAD_SIZE + size
        sent = super().send(data, flags)
        self._left -= sent
        return sent


class BenchOpenD(OpenD):
    """Notes when pushes leave and orders arrive."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.written: Dict[int, List[int]] = {ORDER: [], TICKER: [], BOOK: [], KLINE: []}
        self.placed: List[int] = []

    def forget(self) -> None:
        for noted in (*self.written.values(), self.placed):
            del noted[:]

    def handle(self, session: Session, frame: Frame) -> None:
        if frame.proto_id == _PLACE_ORDER:
            self.placed.append(time.perf_counter_ns())
        super().handle(session, frame)

    def _welcome(self, sock: socket.socket, peer: str) -> None:
        noted = _NotedSocket(fileno=sock.detach())
        noted.written = self.written
        super()._welcome(noted, peer)


class _Venue:
    """What can be asked of the process; the methods of `Remote` are these."""

    def __init__(self) -> None:
        self._opend: Any = None
        self._next_end = 0

    def fresh(self, symbols: Sequence[str], bars: int = 0, throttled: bool = False) -> int:
        """Begin with new markets and accounts, with ``bars`` minutes of past; return the port."""
        self.stop()
        self._next_end = 0
        faults = Faults(FAULTS)
        if bars:
            series = made_up(symbols, bars=bars + 10)
            world = World(series, wall_clock(), history=bars)
        else:
            first = [Tick(symbol, START_NS - 1, FIRST_PRICE, 100.0) for symbol in symbols]
            series = [
                series_of(one.instrument, [tick], TimeFrame.TICKS)
                for one, tick in zip(made_up(symbols, bars=1), first)
            ]
            world = World(series, wall_clock(), history=START_NS)
        account = AccountConfig(ACCOUNT, cash={"HKD": 1e12}, fees=False)
        quotes = Quotes(world, faults, tier=3, throttled=throttled, clock=wall_clock())
        trading = Trading(world, [account], faults, throttled=throttled)
        opend = self._opend = BenchOpenD(world, [quotes, trading], faults=faults)
        opend.accounts = trading.accounts
        opend.start()
        return int(opend.port)

    def now_ns(self) -> int:
        """Return the time of the markets."""
        return int(self._opend.world.now_ns())

    def forget(self) -> None:
        """Forget what has been noted."""
        self._opend.forget()

    def placed(self) -> List[int]:
        """Return when order requests have come."""
        return list(self._opend.placed)

    def ticks(self, count: int, gap: Tuple[float, float]) -> List[int]:
        """Trade ``count`` times with pauses; return when the pushes were written."""
        chance, world = random.Random(count), self._opend.world
        for i in range(count):
            time.sleep(chance.uniform(*gap))
            world.inject(Tick(SYMBOL, 0, FIRST_PRICE + 0.2 * (i % 50), 1e6))
        return self._written(TICKER, count)

    def fills(self, count: int, gap: Tuple[float, float]) -> List[int]:
        """Offer a lot below the working order ``count`` times; return when fills were pushed."""
        chance, account = random.Random(count), self._opend.accounts[ACCOUNT]
        for _ in range(count):
            time.sleep(chance.uniform(*gap))
            bid, ask, size = LIMIT_PRICE - 0.4, LIMIT_PRICE - 0.2, float(LOT)
            account.on_quote(Quote(SYMBOL, self.now_ns(), bid, ask, size, size))
        return self._written(ORDER, count)

    def flood(
        self, symbols: Sequence[str], rate: float, seconds: float, minute: float
    ) -> Tuple[int, int]:
        """Push bars and quotes in turns, ``rate`` a second in all; return how many and bars ended.

        Each running minute lasts ``minute`` seconds. A quote carries its number as its size.
        """
        session = self._opend.sessions[0]
        klines = [_kline_of(symbol) for symbol in symbols]
        books = [_book_of(symbol) for symbol in symbols]
        if not self._next_end:
            self._next_end = (self.now_ns() // (MINUTE * NS_PER_SECOND) + 2) * MINUTE
        first_end = self._next_end
        count = round(rate * seconds / 2)
        minutes = [-1] * len(symbols)
        ended = 0
        start = time.perf_counter()
        for i in range(count):
            ahead = start + 2 * i / rate - time.perf_counter()
            if ahead > 0.001:
                time.sleep(ahead)
            which = i % len(symbols)
            now = int(2 * i / rate / minute)
            # The first of a symbol ends the bar that ran before.
            ended += minutes[which] != now
            minutes[which] = now
            line = klines[which].s2c.klList[0]
            line.timestamp, line.volume, line.hpVolume = first_end + MINUTE * now, i + 1, i + 1
            session.push(KLINE, klines[which])
            books[which].s2c.orderBookBidList[0].volume = i
            session.push(BOOK, books[which])
        self._next_end = first_end + MINUTE * (max(minutes) + 1)
        return count, ended

    def written(self, proto_id: int) -> List[int]:
        """Return when pushes of a protocol were written."""
        return list(self._opend.written[proto_id])

    def _written(self, proto_id: int, count: int) -> List[int]:
        deadline = time.monotonic() + 30
        while len(self._opend.written[proto_id]) < count and time.monotonic() < deadline:
            time.sleep(0.01)
        return self.written(proto_id)

    def stop(self) -> None:
        """End the markets."""
        opend, self._opend = self._opend, None
        if opend is not None:
            opend.stop()


def _kline_of(symbol: str) -> Any:
    response = sdk.pb("Qot_UpdateKL").Response(retType=0)
    response.s2c.rehabType, response.s2c.klType = 1, 1
    fill_security(response.s2c.security, symbol)
    line = response.s2c.klList.add()
    line.time, line.isBlank = "2024-01-03 10:01:00", False
    line.highPrice = line.openPrice = line.lowPrice = line.closePrice = FIRST_PRICE
    line.turnover = line.turnoverRate = line.pe = line.changeRate = 0.0
    return response


def _book_of(symbol: str) -> Any:
    response = sdk.pb("Qot_UpdateOrderBook").Response(retType=0)
    fill_security(response.s2c.security, symbol)
    for side, step in ((response.s2c.orderBookBidList, -1), (response.s2c.orderBookAskList, 1)):
        for level in range(_LEVELS):
            one = side.add()
            one.price, one.volume, one.orederCount = FIRST_PRICE + step * level * 0.2, 100, 1
    response.s2c.svrRecvTimeBidTimestamp = START_NS / NS_PER_SECOND
    return response


def running() -> ContextManager[Where]:
    """Start the process; yield what `Remote` is made of."""
    return running_venue(_Venue, "the simulated OpenD")
