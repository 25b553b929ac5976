"""What is compared at a simulated OANDA: stock Cerebro on OandaStore, and oandapyV20 bare.

Bare is a loop over the stream of oandapyV20, which notes the time as soon as it has a line as a
dict.
"""

from __future__ import annotations

import threading
import time
from typing import Any, Callable, Iterator, List, Mapping, Sequence

import backtrader as bt

from benchmarks.oanda_venue import ACCOUNT, SYMBOL
from benchmarks.remote import Remote, Where
from benchmarks.sides import Upstream, run
from btstores.clock import wall_clock
from btstores.sim.replay import ReplayClock
from btstores.stores.oanda.client import endpoint, library
from btstores.stores.oanda.convert import time_of
from btstores.stores.oanda.store import OandaStore

LIMIT = 60.0
#: Seconds between two prices.
GAP = (0.005, 0.025)
WARM = 20


class Probe:
    """What a strategy or a loop has seen, in nanoseconds of the common clock."""

    def __init__(self) -> None:
        self.live = threading.Event()
        self.seen: List[int] = []

    def measure(self, remote: Remote, count: int) -> List[float]:
        """Let prices come, first to warm up; return the milliseconds to what was seen."""
        warm = min(WARM, count)
        before = len(self.seen)
        remote.ask("prices", warm, GAP)
        until(lambda: len(self.seen) >= before + warm, "prices")
        time.sleep(0.2)
        remote.ask("forget")
        del self.seen[:]
        written = remote.ask("prices", count, GAP)
        until(lambda: len(self.seen) >= count, "prices")
        if len(written) != len(self.seen):
            raise RuntimeError(f"{len(written)} prices written, {len(self.seen)} seen")
        return [(end - start) / 1e6 for start, end in zip(written, self.seen)]


def until(done: Callable[[], bool], what: str) -> None:
    """Wait until it is done. Raises `TimeoutError`."""
    deadline = time.monotonic() + LIMIT
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not all come in {LIMIT:g} s")
        time.sleep(0.01)


# Ours


class Ours:
    """Cerebro, OandaStore and its broker at an OANDA."""

    def __init__(
        self, remote: Remote, port: int, symbols: Sequence[str], engine: Any = (), **feed: Any
    ) -> None:
        # The time of a trader is that of the market.
        clock = ReplayClock(wall_clock(), remote.ask("now_ns"))
        clock.run()
        make: Any = OandaStore
        self.store = store = make(port=port, token="token", account=ACCOUNT, clock=clock)
        self.cerebro = bt.Cerebro(**dict(engine))
        self.cerebro.setbroker(store.getbroker())
        for symbol in symbols:
            self.cerebro.adddata(store.getdata(dataname=symbol, **feed))


class Trader(bt.Strategy):
    params = (("probe", None),)

    def notify_data(self, data: Any, status: int, *args: Any, **kwargs: Any) -> None:
        if status == data.LIVE:
            self.p.probe.live.set()

    def next(self) -> None:
        self.p.probe.seen.append(time.perf_counter_ns())


def ours_prices(where: Where, count: int) -> List[float]:
    """Return the milliseconds from lines to `Strategy.next`."""
    probe = Probe()
    found: List[float] = []
    with Remote(*where) as remote:
        port = remote.ask("fresh", [SYMBOL])
        ticks = {"timeframe": bt.TimeFrame.Ticks, "backfill_start": False}
        side = Ours(remote, port, [SYMBOL], **ticks)

        def send() -> None:
            if not probe.live.wait(LIMIT):
                raise TimeoutError("the feed is not live")
            # The stream begins with the price that there was.
            until(lambda: bool(probe.seen), "the first price")
            found.extend(probe.measure(remote, count))

        run(side, Trader, send, probe=probe)
    return _measured(found)


def _measured(found: List[float]) -> List[float]:
    if not found:
        raise RuntimeError("nothing was measured")
    return found


# Bare


class Bare:
    """A stream of oandapyV20, and a thread that calls ``hear`` with each price."""

    def __init__(
        self, port: int, symbols: Sequence[str], hear: Callable[[Mapping[str, Any]], None]
    ) -> None:
        url = f"http://127.0.0.1:{port}"
        environments = library("oandapyV20.oandapyV20").TRADING_ENVIRONMENTS
        environments["benchmark"] = {"api": url, "stream": url}
        # Times as the store asks for them, or the lines would not be the same.
        headers = {"Accept-Datetime-Format": "UNIX"}
        self._api = library().API("token", environment="benchmark", headers=headers)
        self._params = {"instruments": ",".join(symbols)}
        self._hear = hear
        self.began = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        if not self.began.wait(LIMIT):
            raise TimeoutError("the stream does not begin")

    def _lines(self) -> Iterator[Mapping[str, Any]]:
        request = endpoint("pricing", "PricingStream", ACCOUNT, params=self._params)
        lines: Iterator[Mapping[str, Any]] = self._api.request(request)
        return lines

    def _read(self) -> None:
        hear = self._hear
        try:
            for line in self._lines():
                if line["type"] == "PRICE":
                    hear(line)
                    self.began.set()
        except library("requests").RequestException:
            return  # the market has ended


def bare_prices(where: Where, count: int) -> List[float]:
    """Return the milliseconds from lines to the loop that has them as dicts."""
    probe = Probe()
    with Remote(*where) as remote:
        port = remote.ask("fresh", [SYMBOL])
        Bare(port, [SYMBOL], lambda line: probe.seen.append(time.perf_counter_ns()))
        return probe.measure(remote, count)


def engine_prices(where: Where, count: int) -> List[float]:
    """Return the milliseconds from lines to `next` of a queue feed that such a loop fills.

    It is what is left when all of ours is taken away.
    """
    probe = Probe()
    found: List[float] = []
    with Remote(*where) as remote:
        port = remote.ask("fresh", [SYMBOL])
        side = Upstream(1, 0.5)

        def hear(line: Mapping[str, Any]) -> None:
            bid, ask = line["bids"][0]["price"], line["asks"][0]["price"]
            side.tick(0, time_of(line["time"]) or 0, (float(bid) + float(ask)) / 2)

        def send() -> None:
            Bare(port, [SYMBOL], hear)
            # The queue feed's own first price, and that of the stream.
            until(lambda: len(probe.seen) >= 2, "the first price")
            found.extend(probe.measure(remote, count))

        run(side, Trader, send, probe=probe)
    return _measured(found)
