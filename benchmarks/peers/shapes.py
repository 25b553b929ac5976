"""The work that every side does: what its adapter sends, and what its strategy does about it.

A side is one library, run by an interpreter of its own environment, which need not have anything
else: this module imports the standard library alone. All times are of `time.perf_counter`.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import random
import sys
import threading
import time
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Type

#: All prices are quarters, which every library keeps to the last bit.
FIRST_PRICE = 100.0
STEP = 0.25
#: Where a limit order to buy rests.
FAR_PRICE = 50.0
CASH = 1_000_000_000
LIMIT = 60.0
#: Seconds between two samples, at random.
PAUSE = (0.002, 0.006)

Send = Callable[[int, float], None]
#: A pause in seconds, or None: wait until the strategy has signalled.
Steps = Iterator[Optional[float]]


class Shape:
    """The work: ``steps`` is the adapter's, ``on_tick`` and ``on_order`` are the strategy's.

    ``instrument`` is the one whose tick is on its way; ``has_orders`` tells whether there has to be
    a venue that takes orders. ``fills_with_next_tick`` is set by a side
    whose orders are filled by no tick that the strategy has seen.
    """

    has_orders = False

    def __init__(self, count: int, instruments: int = 1, strategies: int = 1) -> None:
        self.count = count
        self.instruments = instruments
        self.strategies = strategies
        self.instrument = 0
        self.fills_with_next_tick = False
        self.signal: Callable[[], None] = lambda: None
        self._ticks = [0] * instruments

    def next_price(self, instrument: int = 0) -> float:
        """Return a price for the instrument that is not its last."""
        self._ticks[instrument] += 1
        return FIRST_PRICE + STEP * (self._ticks[instrument] % 2)

    def steps(self, send: Send) -> Steps:
        raise NotImplementedError

    def on_tick(self, trader: Any, price: float) -> None:
        raise NotImplementedError

    def on_order(self, key: Any, state: str) -> None:
        """Hear that an order is ``submitted``, ``accepted``, ``filled`` or ``canceled``."""

    def figures(self) -> Dict[str, float]:
        """Return what was measured, by name."""
        raise NotImplementedError


class TickTrip(Shape):
    """One tick, until the strategy's handler has it; a pause; the next."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.delays: List[float] = []
        self._price = 0.0
        self._sent = 0.0

    def steps(self, send: Send) -> Steps:
        chance = random.Random(self.count)
        for _ in range(self.count + warm_up(self.count)):
            yield chance.uniform(*PAUSE)
            self.instrument = chance.randrange(self.instruments)
            self._price = self.next_price(self.instrument)
            self._sent = time.perf_counter()
            send(self.instrument, self._price)
            yield None

    def on_tick(self, trader: Any, price: float) -> None:
        if price == self._price:
            self.delays.append(time.perf_counter() - self._sent)
            self._price = 0.0
            self.signal()

    def figures(self) -> Dict[str, float]:
        return percentiles(self.delays[-self.count :])


class TickBurst(Shape):
    """Ticks as fast as the adapter can, until every strategy has seen all of them."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._left = 0
        self._took = 0.0

    def steps(self, send: Send) -> Steps:
        for count in (warm_up(self.count), self.count):
            self._left = count * self.strategies
            began = time.perf_counter()
            for _ in range(count):
                send(0, self.next_price())
            yield None
            self._took = self._ended - began

    def on_tick(self, trader: Any, price: float) -> None:
        self._left -= 1
        if self._left == 0:
            self._ended = time.perf_counter()
            self.signal()

    def figures(self) -> Dict[str, float]:
        return {"each": 1e6 * self._took / self.count}


class OrderTrip(Shape):
    """A tick on which the strategy buys at the market, until it hears that this is filled.

    Times are from before the call. Where the venue needs another tick to fill, it comes at once.
    """

    has_orders = True
    STATES = ("submitted", "accepted", "filled")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.trips: List[Dict[str, float]] = []
        self._trip: Dict[str, float] = {}
        self._wanted = False
        self._called = 0.0

    def steps(self, send: Send) -> Steps:
        chance = random.Random(self.count)
        for _ in range(self.count + warm_up(self.count)):
            yield chance.uniform(*PAUSE)
            self._wanted = True
            send(0, self.next_price())
            if self.fills_with_next_tick:
                yield None
                send(0, self.next_price())
            yield None

    def on_tick(self, trader: Any, price: float) -> None:
        if not self._wanted:
            return
        self._wanted = False
        self._trip = {}
        self._called = time.perf_counter()
        trader.buy_at_market()
        if self.fills_with_next_tick:
            self.signal()

    def on_order(self, key: Any, state: str) -> None:
        if state in self._trip:
            return
        self._trip[state] = time.perf_counter() - self._called
        if state == "filled":
            self.trips.append(self._trip)
            self.signal()

    def figures(self) -> Dict[str, float]:
        found: Dict[str, float] = {}
        trips = self.trips[-self.count :]
        for state in self.STATES:
            times = [trip[state] for trip in trips if state in trip]
            if len(times) == len(trips):
                for name, value in percentiles(times).items():
                    found[f"{state}.{name}"] = value
        return found


class Cancels(Shape):
    """Resting limit orders, one of which is cancelled with every ``EVERY``-th tick of a burst."""

    has_orders = True
    EVERY = 20

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.delays: List[float] = []
        self._keys: List[Any] = []
        self._accepted: Dict[Any, bool] = {}
        self._called: Dict[Any, float] = {}
        self._placed = False
        self._seen: Optional[int] = None

    def steps(self, send: Send) -> Steps:
        while len(self._accepted) < self.count:
            send(0, self.next_price())
            yield 0.02
        self._seen = 0
        for _ in range(self.count * self.EVERY):
            send(0, self.next_price())
        while len(self.delays) < self.count:
            # Where news of orders waits for a tick, one has to come.
            yield 0.02
            send(0, self.next_price())

    def on_tick(self, trader: Any, price: float) -> None:
        if not self._placed:
            self._placed = True
            self._keys = [trader.buy_far_below() for _ in range(self.count)]
        elif self._seen is not None:
            self._seen += 1
            if self._seen % self.EVERY == 0 and self._keys:
                key = self._keys.pop()
                self._called[key] = time.perf_counter()
                trader.cancel_resting(key)

    def on_order(self, key: Any, state: str) -> None:
        if state == "accepted":
            self._accepted[key] = True
        elif state == "canceled":
            self.delays.append(time.perf_counter() - self._called[key])

    def figures(self) -> Dict[str, float]:
        return percentiles(self.delays)


SHAPES: Dict[str, Type[Shape]] = {
    "tick_trip": TickTrip,
    "tick_burst": TickBurst,
    "order_trip": OrderTrip,
    "cancels": Cancels,
}


def warm_up(count: int) -> int:
    """Return how many samples are taken and thrown away first."""
    return max(2, count // 5)


def percentiles(seconds: Sequence[float]) -> Dict[str, float]:
    """Return microseconds."""
    ordered = sorted(seconds)
    last = len(ordered) - 1
    return {
        f"p{percent}": 1e6 * ordered[min(last, len(ordered) * percent // 100)]
        for percent in (50, 99)
    }


def quiet() -> None:
    """Collect garbage once, and not again while time is taken."""
    gc.collect()
    gc.disable()


def drive(shape: Shape, send: Send) -> None:
    """Do the adapter's steps on this thread."""
    seen = threading.Event()
    shape.signal = seen.set
    quiet()
    for pause in shape.steps(send):
        if pause is not None:
            time.sleep(pause)
        elif not seen.wait(LIMIT):
            raise TimeoutError(f"the strategy did not see it in {LIMIT:g} s")
        else:
            seen.clear()


async def drive_async(shape: Shape, send: Send) -> None:
    """Do the adapter's steps on the running event loop."""
    seen = asyncio.Event()
    shape.signal = seen.set
    quiet()
    for pause in shape.steps(send):
        if pause is not None:
            await asyncio.sleep(pause)
        else:
            await asyncio.wait_for(seen.wait(), LIMIT)
            seen.clear()


def drive_apart(shape: Shape, send: Send, done: Callable[[], None]) -> threading.Thread:
    """Start a thread that does the adapter's steps and then calls ``done``.

    An error ends the process: nobody waits for what does not come.
    """

    def steps() -> None:
        try:
            drive(shape, send)
            done()
        except BaseException as error:  # an exception on a thread would be lost
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
            os._exit(1)

    thread = threading.Thread(target=steps, daemon=True)
    thread.start()
    return thread


def pin(core: Optional[int]) -> None:
    """Keep this process on one core, where the system can."""
    if core is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})


def main(
    run: Callable[[Shape, str], None],
    versions: Callable[[], Dict[str, str]],
    argv: Optional[Sequence[str]] = None,
) -> None:
    """Run one shape by ``run(shape, variant)``, print the figures as a line of JSON, and exit."""
    parser = argparse.ArgumentParser()
    parser.add_argument("shape", choices=list(SHAPES))
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--instruments", type=int, default=1)
    parser.add_argument("--strategies", type=int, default=1)
    parser.add_argument("--variant", default="")
    parser.add_argument("--core", type=int)
    parser.add_argument("--out", help="a file for the line, where a library writes to the terminal")
    options = parser.parse_args(argv)
    pin(options.core)
    shape = SHAPES[options.shape](options.count, options.instruments, options.strategies)
    run(shape, options.variant)
    found = {"figures": shape.figures(), "versions": versions()}
    line = json.dumps(found)
    print(line, flush=True)
    if options.out:
        with open(options.out, "w", encoding="utf-8") as out:
            out.write(line + "\n")
    # Threads and loops of the libraries are not waited for.
    os._exit(0)
