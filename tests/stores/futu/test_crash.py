"""A process that trades at OpenD is killed with SIGKILL at a step, and another one goes on.

It is each third step; CRASH_EVERY=1 kills at each and takes half an hour.

OpenD lives on: it is in the test's own process. The order of its messages is not the same in each
run, so a step is that of one run: all that is asserted holds after any.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple

import backtrader as bt
import pytest

pytest.importorskip("futu", reason="futu-api is not installed")

from btstores.clock import wall_clock
from btstores.journal.sqlite import SqliteJournal
from btstores.sim.replay import ReplayClock
from tests.support.crash import check_books, image
from tests.support.opend_venue import SPEED, OpenDVenue

Order = bt.Order
ROOT = Path(__file__).parents[3]
LIMIT = 60.0
EVERY = int(os.environ.get("CRASH_EVERY", "3"))


def limit(s: Any, share: float = 0.95) -> Any:
    return s.buy(size=100, exectype=Order.Limit, price=round(300 * share))


def one_of_two(s: Any) -> Any:
    first = limit(s)
    s.buy(size=100, exectype=Order.Limit, price=280.0, oco=first)
    return first


def bracket(s: Any) -> Any:
    return s.buy_bracket(size=100, exectype=Order.Market, stopprice=280.0, limitprice=320.0)[0]


PLANS: Dict[str, Callable[[Any], Any]] = {
    "market": lambda s: s.buy(size=100),
    "limit": limit,
    "limit that is cancelled": limit,
    "stop": lambda s: s.buy(size=100, exectype=Order.Stop, price=310.0),
    "stop limit": lambda s: s.buy(size=100, exectype=Order.StopLimit, price=310.0, plimit=312.0),
    "trailing stop": lambda s: s.buy(size=100, exectype=Order.StopTrail, trailamount=10.0),
    "oco": one_of_two,
    "bracket": bracket,
}


class Trader(bt.Strategy):
    """Orders what its plan says with the second tick, and ends some ticks later."""

    params = (("plan", ""), ("until", None))

    def __init__(self) -> None:
        self.ticks = 0
        self.order: Any = None
        self.news: List[Any] = []

    def notify_store(self, msg: Any, *args: Any, **kwargs: Any) -> None:
        self.news.append((msg, args))

    def next(self) -> None:
        self.ticks += 1
        if self.p.plan and self.ticks == 2:
            self.order = PLANS[self.p.plan](self)
        if self.p.plan.endswith("cancelled") and self.ticks == 10:
            self.cancel(self.order)
        if self.ticks >= 20 and (self.p.until is None or self.p.until()):
            self.env.runstop()


def run(store: Any, **params: Any) -> Any:
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.setbroker(store.getbroker())
    cerebro.adddata(
        store.getdata(
            dataname="HK.00700", timeframe=bt.TimeFrame.Ticks, backfill_start=False, qcheck=0.05
        )
    )
    cerebro.addstrategy(Trader, **params)
    (strategy,) = cerebro.run()
    return strategy


def live(port: str, journal: str, plan: str, kill: str, start_ns: str) -> None:
    """Run a session that kills its own process at a step: a commit, a request or a report."""
    from btstores import FutuStore

    clock = ReplayClock(wall_clock(), int(start_ns), SPEED)
    clock.run()
    steps = [int(kill)]

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

    make: Any = FutuStore
    armed: List[bool] = []
    store = make(port=int(port), journal=journal, clock=clock, reconnect_interval=0.2)
    place = store.order_create

    def first(*records: Any) -> Any:
        armed.append(True)
        return place(*records)

    store.order_create = first
    store.handle = around(store.handle)
    store.gateway.place = around(store.gateway.place)
    store.gateway.cancel = around(store.gateway.cancel)
    SqliteJournal._write = around(SqliteJournal._write)  # type: ignore[method-assign]
    run(store, plan=plan)


class Left(NamedTuple):
    """What a process has left behind: whether it was killed, and its journal."""

    killed: bool
    journal: Path


def trade(venue: OpenDVenue, folder: Path, plan: str, kill: int) -> Left:
    opend, world = venue._running()
    journal = folder / "account.journal"
    code = "from tests.stores.futu.test_crash import live; import sys; live(*sys.argv[1:])"
    args = [str(opend.port), str(journal), plan, str(kill), str(world.clock.time_ns())]
    ended = subprocess.run(
        [sys.executable, "-c", code, *args],
        cwd=ROOT,
        check=False,
        timeout=LIMIT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(["src", "."])},
    )
    assert ended.returncode in (0, -signal.SIGKILL)
    return Left(ended.returncode != 0, image(journal, folder / "left.journal"))


def check(venue: OpenDVenue, journal: Path, plan: str) -> None:
    """Go on from what was left, and compare with OpenD."""
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

    strategy = run(store, until=settled)
    check_books(strategy, store, status[0], "HK.00700", journal, plan == "bracket")


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("plan", PLANS)
def test_a_process_goes_on_from_a_step(tmp_path, plan):
    kills = 0
    for kill in range(0, 80, EVERY):
        venue = OpenDVenue()
        folder = tmp_path / str(kill)
        folder.mkdir()
        try:
            left = trade(venue, folder, plan, kill)
            check(venue, left.journal, plan)
        finally:
            venue.close()
        kills += left.killed
        if not left.killed:
            break
    # How many steps there are depends on how many reports come in one turn: a dozen at least.
    assert kills * EVERY >= 12
    print(f"{plan}: killed {kills} times")
