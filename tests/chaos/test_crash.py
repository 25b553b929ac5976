"""A process is killed at every step of an order's life, and another one goes on with its files.

What a killed process leaves is its files as they are at that moment. So a session is run once, and
photographed at each step: before and after every request to the venue, every commit of the journal
and every report. Then a new session is run from each picture, and compared with the venue's book.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional

import backtrader as bt
import pytest

from btstores.journal.base import ChainJournal
from btstores.journal.replay import replay
from btstores.journal.sqlite import SqliteJournal
from btstores.stores.paper import PaperStore
from btstores.stores.paper.state import StateFile
from tests.support.crash import check_books, image

Order = bt.Order
ROOT = Path(__file__).parents[2]
BEGIN, BARS = 30, 45
SIZE = 10


def at(data: Any, share: float) -> float:
    return round(data.close[0] * (1 + share), 2)


def plain(**terms: Any) -> Callable[[Any], Any]:
    return lambda strategy: strategy.buy(size=SIZE, **terms)


def priced(exectype: int, share: float, **terms: Any) -> Callable[[Any], Any]:
    return lambda s: s.buy(size=SIZE, exectype=exectype, price=at(s.data, share), **terms)


def trailing(exectype: int) -> Callable[[Any], Any]:
    return lambda s: s.buy(size=SIZE, exectype=exectype, trailpercent=0.0005)


def bracket(s: Any) -> Any:
    return s.buy_bracket(
        size=SIZE,
        exectype=Order.Market,
        stopprice=at(s.data, -0.002),
        limitprice=at(s.data, 0.002),
    )


def oco(s: Any) -> Any:
    first = s.buy(size=SIZE, exectype=Order.Limit, price=at(s.data, -0.0005))
    other = s.buy(size=SIZE, exectype=Order.Stop, price=at(s.data, 0.0005), oco=first)
    return [first, other]


def stop_limit(s: Any) -> Any:
    price, limit = at(s.data, 0.0005), at(s.data, 0.001)
    return s.buy(size=SIZE, exectype=Order.StopLimit, price=price, plimit=limit)


class Plan(NamedTuple):
    """What a strategy does: an order, and after some bars a change or a cancel of it."""

    order: Callable[[Any], Any]
    after: int = 0
    then: Callable[[Any, Any], Any] = lambda strategy, order: None


def cancel(strategy: Any, order: Any) -> None:
    strategy.cancel(order)


def change(strategy: Any, order: Any) -> None:
    strategy.broker.modify(order, price=at(strategy.data, 0.001))


PLANS: Dict[str, Plan] = {
    "market": Plan(plain()),
    "limit": Plan(priced(Order.Limit, -0.0005)),
    "limit that is cancelled": Plan(priced(Order.Limit, -0.05), 3, cancel),
    "limit that is changed": Plan(priced(Order.Limit, -0.05), 3, change),
    "stop": Plan(priced(Order.Stop, 0.0005)),
    "stop that is cancelled": Plan(priced(Order.Stop, 0.05), 3, cancel),
    "stop limit": Plan(stop_limit),
    "trailing stop": Plan(trailing(Order.StopTrail)),
    "close": Plan(plain(exectype=Order.Close)),
    "bracket": Plan(bracket),
    "bracket that is cancelled": Plan(bracket, 2, cancel),
    "oco": Plan(oco),
}
WAYS: Dict[str, Dict[str, Any]] = {"by the venue": {}, "kept here": {"emulate": "all"}}


class Trader(bt.Strategy):
    """Does what its plan says once, from the first live bar on; remembers what it is told."""

    params = (("plan", None), ("camera", None))

    def __init__(self) -> None:
        self.bars = 0
        self.orders: Any = None
        self.copies: List[Any] = []
        self.news: List[Any] = []

    def next(self) -> None:
        if self.p.plan is None or not self.data.is_live:
            return
        self.bars += 1
        if self.bars == 2:
            self.orders = self.p.plan.order(self)
        elif self.orders is not None and self.p.plan.after and self.bars == 2 + self.p.plan.after:
            first = self.orders[0] if isinstance(self.orders, list) else self.orders
            self.p.plan.then(self, first)

    def notify_order(self, order: Any) -> None:
        self.copies.append(order)

    def notify_store(self, msg: Any, *args: Any, **kwargs: Any) -> None:
        self.news.append((msg, args))


class Camera:
    """Takes pictures of the files of a session, one for each state that they are in.

    With a ``kill`` it kills the process in place of taking the picture of that number.
    """

    def __init__(self, folder: Path, kill: Optional[int] = None) -> None:
        folder.mkdir(exist_ok=True)
        self.folder, self.kill = folder, kill
        self.store: Any = None
        #: When each was taken, by the session's clock.
        self.times: List[int] = []
        self._seen: Any = None

    def journal(self, name: object = "account") -> Path:
        return self.folder / f"{name}.journal"

    def state(self, name: object = "account") -> Path:
        return self.folder / f"{name}.json"

    def shoot(self) -> None:
        files = [self.journal(), Path(f"{self.journal()}-wal"), self.state()]
        seen = [(one.stat().st_mtime_ns, one.stat().st_size) for one in files if one.exists()]
        if self.store is None or seen == self._seen or not self.journal().exists():
            return
        self._seen = seen
        number = len(self.times)
        self.times.append(self.store.clock.time_ns())
        if number == self.kill:
            (self.folder / "time").write_text(str(self.times[-1]))
            os.kill(os.getpid(), signal.SIGKILL)
        image(self.journal(), self.journal(number))
        if self.state().exists():
            image(self.state(), self.state(number))

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function with a picture before it and one after."""

        def photographed(*args: Any, **kwargs: Any) -> Any:
            self.shoot()
            try:
                return function(*args, **kwargs)
            finally:
                self.shoot()

        return photographed


def make_store(journal: Path, state: Path, history: int = BEGIN, **params: Any) -> PaperStore:
    make: Any = PaperStore
    store: PaperStore = make(
        account=str(journal),
        bars=BARS,
        seed=5,
        history=history,
        journal=str(journal),
        state=str(state),
        cash=1_000_000.0,
        trigger_on="bars",
        **params,
    )
    return store


def run(store: PaperStore, **params: Any) -> Any:
    """Run a session; return its strategy, and what the venue says at the end."""
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.setbroker(store.getbroker())
    cerebro.adddata(store.getdata(dataname="DEMO", timeframe=bt.TimeFrame.Minutes))
    cerebro.addstrategy(Trader, **params)
    said: List[Any] = []
    log_out: Any = store.gateway.disconnect

    def disconnect() -> None:
        said.append(store.gateway.mass_status())
        log_out()

    store.gateway.disconnect = disconnect  # type: ignore[method-assign]
    (strategy,) = cerebro.run()
    return strategy, said[0]


def session(camera: Camera, way: str, history: int = BEGIN, plan: Optional[Plan] = None) -> None:
    """Run a session whose files are photographed at every step."""
    store = make_store(camera.journal(), camera.state(), history, **WAYS[way])
    camera.store = store
    handle: Any = store.handle

    def handle_and_commit(report: Any) -> None:
        handle(report)
        store.idle()  # as in a market where there is time between two reports

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SqliteJournal, "_write", camera.around(SqliteJournal._write))
        patch.setattr(StateFile, "save", camera.around(StateFile.save))
        patch.setattr(store, "handle", handle_and_commit)
        run(store, plan=plan)


def check(journal: Path, state: Path, time_ns: int, name: str, way: str) -> None:
    """Go on from what was left, and compare with the venue."""
    store = make_store(journal, state, time_ns, **WAYS[way])
    strategy, status = run(store)
    check_books(strategy, store, status, "DEMO", journal, name == "bracket")
    again = replay(str(journal))
    assert again.differences == ()


@pytest.fixture(autouse=True)
def _snapshots(monkeypatch):
    monkeypatch.setattr(ChainJournal, "snapshot_every", 10)


CELLS = [(name, way) for name in PLANS for way in WAYS]
EVERY = pytest.mark.parametrize(("name", "way"), CELLS)
QUICK = ("limit", "stop", "bracket")


@pytest.mark.parametrize(
    ("name", "way"),
    [pytest.param(*cell, marks=[pytest.mark.long] * (cell[0] not in QUICK)) for cell in CELLS],
)
def test_a_session_goes_on_from_every_step(tmp_path, name, way):
    camera = Camera(tmp_path / "first")
    session(camera, way, plan=PLANS[name])
    assert len(camera.times) > 10
    assert replay(str(camera.journal())).snapshots > 1
    for number, time_ns in enumerate(camera.times):
        check(camera.journal(number), camera.state(number), time_ns, name, way)
    print(f"{name}, {way}: {len(camera.times)} steps")


@pytest.mark.long
@EVERY
def test_a_session_goes_on_from_every_step_of_a_recovery(tmp_path, name, way):
    first, steps = Camera(tmp_path / "first"), 0
    session(first, way, plan=PLANS[name])
    for number, time_ns in list(enumerate(first.times))[::4]:
        second = Camera(tmp_path / str(number))
        image(first.journal(number), second.journal())
        if first.state(number).exists():
            image(first.state(number), second.state())
        session(second, way, time_ns)
        for again, then_ns in enumerate(second.times):
            check(second.journal(again), second.state(again), then_ns, name, way)
        steps += len(second.times)
    print(f"{name}, {way}: {steps} steps")


@pytest.mark.long
@pytest.mark.parametrize("name", ["limit", "bracket"])
def test_a_process_that_is_killed_leaves_what_the_pictures_show(tmp_path, name):
    way, number = "kept here", 0
    while True:
        folder = tmp_path / str(number)
        code = "from tests.chaos.test_crash import *; import sys; live(*sys.argv[1:])"
        command = [sys.executable, "-c", code, str(folder), name, way, str(number)]
        ended = subprocess.run(command, cwd=ROOT, check=False)
        if ended.returncode == 0:
            break
        assert ended.returncode == -signal.SIGKILL
        camera = Camera(folder)
        time_ns = int((folder / "time").read_text())
        check(camera.journal(), camera.state(), time_ns, name, way)
        number += 1
    assert number > 10
    print(f"{name}, {way}: killed {number} times")


def live(folder: str, name: str, way: str, number: str) -> None:
    """Run a session that kills its own process."""
    session(Camera(Path(folder), int(number)), way, plan=PLANS[name])
