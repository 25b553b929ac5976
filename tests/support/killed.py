"""A process that trades is killed with SIGKILL at a step, and another one goes on.

The venue lives on: it is in the test's own process. The order of its messages is not the same in
each run, so a step is that of one run: all that is asserted holds after any.
"""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple

import backtrader as bt

from btstores.clock import wall_clock
from btstores.journal.sqlite import SqliteJournal
from btstores.sim.replay import ReplayClock
from btstores.testing.venue import Venue
from tests.support.crash import check_books, image

__all__ = ["PLANS", "kill_at_steps"]

Order = bt.Order
ROOT = Path(__file__).parents[2]
LIMIT = 60.0
STEPS = 80
EVERY = int(os.environ.get("CRASH_EVERY", "3"))


def at(s: Any, share: float) -> float:
    """Return a price as a share of the venue's first."""
    return round(s.p.price * share, 3)


def limit(s: Any) -> Any:
    return s.buy(exectype=Order.Limit, price=at(s, 0.95))


def one_of_two(s: Any) -> Any:
    first = limit(s)
    s.buy(exectype=Order.Limit, price=at(s, 0.93), oco=first)
    return first


def stop_limit(s: Any) -> Any:
    return s.buy(exectype=Order.StopLimit, price=at(s, 1.03), plimit=at(s, 1.04))


def bracket(s: Any, **entry: Any) -> Any:
    prices = {"stopprice": at(s, 0.93), "limitprice": at(s, 1.07)}
    return s.buy_bracket(**{"exectype": Order.Market, **prices, **entry})[0]


PLANS: Dict[str, Callable[[Any], Any]] = {
    "market": lambda s: s.buy(),
    "limit": limit,
    "limit that is cancelled": limit,
    "stop": lambda s: s.buy(exectype=Order.Stop, price=at(s, 1.03)),
    "stop limit": stop_limit,
    "trailing stop": lambda s: s.buy(exectype=Order.StopTrail, trailamount=at(s, 0.03)),
    "oco": one_of_two,
    "bracket": bracket,
    "bracket that waits": lambda s: bracket(s, exectype=Order.Limit, price=at(s, 0.95)),
}


class Trader(bt.Strategy):
    """Orders what its plan says with the second live tick, and ends when that has been answered."""

    params = (("plan", ""), ("price", 0.0), ("until", None))

    def __init__(self) -> None:
        self.is_live = False
        self.ticks = 0
        self.order: Any = None
        self.news: List[Any] = []

    def notify_store(self, msg: Any, *args: Any, **kwargs: Any) -> None:
        self.news.append((msg, args))

    def notify_data(self, data: Any, status: int, *args: Any, **kwargs: Any) -> None:
        self.is_live = status == data.LIVE

    def next(self) -> None:
        # What a slow process is shown before it is LIVE is the past: orders on it are refused.
        if not self.is_live:
            return
        self.ticks += 1
        if self.p.plan and self.ticks == 2:
            self.order = PLANS[self.p.plan](self)
        if self.p.plan.endswith("cancelled") and self.ticks == 10:
            self.cancel(self.order)
        if self.ticks >= 20 and self.is_answered() and (self.p.until is None or self.p.until()):
            self.env.runstop()

    def is_answered(self) -> bool:
        if self.order is None:
            return True
        ends = self.p.plan in ("market", "bracket") or self.p.plan.endswith("cancelled")
        return not self.order.alive() or (not ends and self.order.status != Order.Submitted)


def run(store: Any, venue: Any, **params: Any) -> Any:
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.setbroker(store.getbroker())
    ticks = {"timeframe": bt.TimeFrame.Ticks, "backfill_start": False, "qcheck": 0.05}
    cerebro.adddata(store.getdata(dataname=venue.symbol, **ticks))
    cerebro.addsizer(bt.sizers.FixedSize, stake=venue.lot)
    cerebro.addstrategy(Trader, price=venue.start_price, **params)
    (strategy,) = cerebro.run()
    return strategy


def live(
    module: str, name: str, port: str, journal: str, plan: str, kill: str, then: str, wall: str
) -> None:
    """Run a session that kills its own process at a step: a commit, a request or a report.

    ``then`` is the venue's time when the wall clock was at ``wall``, both in nanoseconds.
    """
    venue = getattr(importlib.import_module(module), name)
    since_ns = round((wall_clock().time_ns() - int(wall)) * venue.speed)
    clock = ReplayClock(wall_clock(), int(then) + since_ns, venue.speed)
    clock.run()
    steps = [int(kill)]
    armed: List[bool] = []

    def around(function: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            step()
            result = function(*args, **kwargs)
            step()
            return result

        return counted

    def step() -> None:
        if armed:
            steps[0] -= 1
        if steps[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    store = venue.store_of_process(int(port), journal, clock)
    place = store.order_create

    def first(*records: Any) -> Any:
        armed.append(True)
        return place(*records)

    store.order_create = first
    store.handle = around(store.handle)
    store.gateway.place = around(store.gateway.place)
    store.gateway.cancel = around(store.gateway.cancel)
    SqliteJournal._write = around(SqliteJournal._write)  # type: ignore[method-assign]
    run(store, venue, plan=plan)


class Left(NamedTuple):
    """What a process has left behind: whether it was killed, and its journal."""

    killed: bool
    journal: Path


def trade(venue: Any, folder: Path, plan: str, kill: int) -> Left:
    port, clock = venue.place()
    journal = folder / "account.journal"
    code = "from tests.support.killed import live; import sys; live(*sys.argv[1:])"
    kind = type(venue)
    args = [kind.__module__, kind.__name__, str(port), str(journal), plan, str(kill)]
    ended = subprocess.run(
        [sys.executable, "-c", code, *args, str(clock.time_ns()), str(wall_clock().time_ns())],
        cwd=ROOT,
        check=False,
        timeout=LIMIT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(["src", "."])},
    )
    assert ended.returncode in (0, -signal.SIGKILL)
    return Left(ended.returncode != 0, image(journal, folder / "left.journal"))


def check(venue: Any, journal: Path, plan: str) -> None:
    """Go on from what was left, and compare with the venue."""
    store = venue.make_store(journal=str(journal), account=None)
    until_ns = store.clock.time_ns() + 20 * 10**9
    status: List[Any] = []

    def settled() -> bool:
        live = store.book.live()
        busy = any(one.in_flight or one.outcome_unknown or one.pending_cancel for one in live)
        if busy or store.clock.time_ns() < until_ns:
            return False
        status.append(store.outbox.call(store.gateway.mass_status, timeout=LIMIT))
        return True

    strategy = run(store, venue, until=settled)
    has_exits = plan.startswith("bracket")
    check_books(strategy, store, status[0], venue.symbol, journal, has_exits)


def kill_at_steps(make_venue: Callable[[], Venue], folder: Path, plan: str) -> None:
    """Kill a process at each third step, or at each with CRASH_EVERY=1, until it ends by itself."""
    kills = 0
    for kill in range(0, STEPS, EVERY):
        venue = make_venue()
        place = folder / str(kill)
        place.mkdir()
        try:
            left = trade(venue, place, plan, kill)
            check(venue, left.journal, plan)
        finally:
            venue.close()
        kills += left.killed
        if not left.killed:
            break
    # Before and after its intent is written, it is sent, and a report is handled. All else depends
    # on how many reports come in one turn.
    assert kills * EVERY >= 6
    print(f"{plan}: killed {kills} times")
