"""A simulated OANDA in a process of its own, which does what a benchmark tells it.

It notes when each price is written to a stream, on the clock that all processes of the machine
share. Prices go through the whole of OANDA.
"""

from __future__ import annotations

import random
import time
from typing import Any, Callable, ContextManager, List, Sequence, Tuple

from benchmarks.remote import Where, running_venue
from btstores.clock import NS_PER_SECOND, wall_clock
from btstores.instruments import Instrument, TimeFrame
from btstores.reports import Quote
from btstores.sim.prices.series import series_of
from btstores.sim.switches import Faults
from btstores.stores.oanda.simulator.account import AccountConfig
from btstores.stores.oanda.simulator.faults import FAULTS
from btstores.stores.oanda.simulator.listings import LISTINGS
from btstores.stores.oanda.simulator.server import OandaServer
from btstores.stores.oanda.simulator.streams import Stream, Streams
from btstores.stores.oanda.simulator.venue import Oanda

__all__ = ["ACCOUNT", "SYMBOL", "running", "symbols_of"]

SYMBOL = "EUR_USD"
ACCOUNT = AccountConfig().account_id
#: Wednesday 2024-01-03, 15:00 UTC.
START_NS = 1_704_294_000 * NS_PER_SECOND
FIRST_PRICE, STEP = 1.1, 0.00001
#: The stream sleeps no shorter than this in seconds; what has come due meanwhile goes at once.
_REST = 0.001
_PRICE = b'{"type": "PRICE"'


def symbols_of(count: int) -> List[str]:
    """Return so many symbols; the first is listed at OANDA, the others are made up."""
    return [SYMBOL, *(f"X{number:02d}_USD" for number in range(1, count))]


class _NotedStreams(Streams):
    """Notes when each price is written."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.written: List[int] = []

    def run(self, stream: Stream, write: Callable[[bytes], None]) -> None:
        def noted(data: bytes) -> None:
            if data.startswith(_PRICE):
                self.written.append(time.perf_counter_ns())
            write(data)

        super().run(stream, noted)


class BenchOanda(OandaServer):
    """Notes when prices leave."""

    def __init__(self, venue: Oanda) -> None:
        faults = Faults(FAULTS)
        super().__init__(venue, faults, wall_clock(), throttled=False)
        self.streams = self.noted = _NotedStreams(venue, faults, 5.0)


class _Venue:
    """What can be asked of the process; the methods of `Remote` are these."""

    def __init__(self) -> None:
        self._server: Any = None
        self._newest_ns = 0
        self._times: List[int] = []

    def fresh(self, symbols: Sequence[str]) -> int:
        """Begin with a new market and a new account; return the port."""
        self.stop()
        self._newest_ns = 0
        series = [
            series_of(
                Instrument(symbol),
                [Quote(symbol, START_NS - 1, FIRST_PRICE, FIRST_PRICE + STEP)],
                TimeFrame.TICKS,
                quotes=True,
            )
            for symbol in symbols
        ]
        like = LISTINGS[SYMBOL]
        listings = {symbol: like._replace(name=symbol) for symbol in symbols}
        accounts = (AccountConfig(ACCOUNT),)
        venue = Oanda(series, wall_clock(), accounts, START_NS, listings=listings)
        self._server = BenchOanda(venue)
        self._server.start()
        return int(self._server.port)

    def now_ns(self) -> int:
        """Return the time of the market."""
        return int(self._server.venue.clock.time_ns())

    def forget(self) -> None:
        """Forget what has been noted."""
        del self._server.noted.written[:]

    def prices(self, count: int, gap: Tuple[float, float]) -> List[int]:
        """Let ``count`` prices come with pauses; return when they were written."""
        chance = random.Random(count)
        for i in range(count):
            time.sleep(chance.uniform(*gap))
            self._price(SYMBOL, i)
        return self._written(count)

    def flood(self, symbols: Sequence[str], rate: float, seconds: float) -> int:
        """Let prices of all symbols come in turns, ``rate`` a second in all; return how many."""
        count = round(rate * seconds)
        times = self._times = []
        start = time.perf_counter()
        for i in range(count):
            ahead = start + i / rate - time.perf_counter()
            if ahead > 0:
                time.sleep(max(ahead, _REST))
            times.append(self._price(symbols[i % len(symbols)], i // len(symbols)))
        return count

    def flooded(self) -> Tuple[List[int], List[int]]:
        """Return the times of the prices of the last flood, no two the same, and when written."""
        return self._times, self._written(len(self._times))

    def _price(self, symbol: str, number: int) -> int:
        """Let a price come now; return its time."""
        venue = self._server.venue
        self._newest_ns = max(venue.clock.time_ns(), self._newest_ns + 1)
        bid = FIRST_PRICE + STEP * (number % 50)
        venue.happen(Quote(symbol, self._newest_ns, bid, bid + STEP))
        return self._newest_ns

    def _written(self, count: int) -> List[int]:
        deadline = time.monotonic() + 30
        written = self._server.noted.written
        while len(written) < count and time.monotonic() < deadline:
            time.sleep(0.01)
        return list(written)

    def stop(self) -> None:
        """End the market."""
        server, self._server = self._server, None
        if server is not None:
            server.stop()


def running() -> ContextManager[Where]:
    """Start the process; yield what `Remote` is made of."""
    return running_venue(_Venue, "the simulated OANDA")
