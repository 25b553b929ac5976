"""One session of chaos: a gambling strategy, a plan of faults, and the comparison at the end."""

from __future__ import annotations

import collections
import contextlib
from pathlib import Path
from typing import Any, Counter, Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple, Type

import backtrader as bt

from btstores.clock import NS_PER_SECOND
from btstores.errors import BtstoresError, LinkError
from btstores.instruments import TimeFrame, timeframe_name
from btstores.journal.base import NullJournal
from btstores.journal.reader import JournalReader
from btstores.journal.sqlite import SqliteJournal
from btstores.journal.state import rebuild
from btstores.journal.verify import verify
from btstores.sim.faults import Planned, draws
from btstores.stores.base import BaseStore
from btstores.testing.chaos.arena import FOREIGN, Arena, Book
from btstores.testing.chaos.gambler import Gambler, Shown, shown
from btstores.testing.driver import EachCycle

__all__ = ["CALM", "ChaosReport", "run_session"]

#: What the journal notes when the strategy is told to stop.
CALM = "the session comes to rest"

_DUST = 1e-6
#: Seconds for two audits and what they lead to.
_CALM = 30.0
#: Venue's seconds between two looks whether all has come to rest, and two attempts to cancel.
_LOOK_NS, _CANCEL_NS = NS_PER_SECOND, 20 * NS_PER_SECOND


class ChaosReport(NamedTuple):
    """What happened in a session. ``differences`` are in words; none is what we promise."""

    seed: int
    seconds: float
    faults: Dict[str, int]
    orders: int
    fills: int
    bars: int
    gaps: int
    differences: Tuple[str, ...]


class _Killed(BaseException):
    """Ends a run of Cerebro as a signal would: the store is dead already, whoever is told."""


def run_session(
    arena: Arena,
    seed: int,
    seconds: float,
    plan: Sequence[Planned],
    folder: Path,
    engine: Type[bt.Cerebro] = bt.Cerebro,
) -> ChaosReport:
    """Trade for ``seconds`` of the venue's clock while the plan strikes; then compare.

    The journal is written in ``folder``. The fault ``kill`` ends the process, as far as that can
    be had in one process, and another store goes on with the journal.
    """
    session = _Session(arena, seed, seconds, plan, folder / f"chaos-{seed}.journal", engine)
    try:
        return session.run()
    finally:
        arena.close()


class _Session:
    def __init__(
        self,
        arena: Arena,
        seed: int,
        seconds: float,
        plan: Sequence[Planned],
        path: Path,
        engine: Type[bt.Cerebro],
    ) -> None:
        self.arena = arena
        self.seed = seed
        self.seconds = seconds
        self.path = path
        self.engine = engine
        self.strategy: Any = None
        self._chance = draws("gambler", seed)
        self._draws = draws("strikes", seed)
        self._plan = collections.deque(plan)
        self._struck: Counter[str] = collections.Counter()
        self._store: Any = None
        self._cerebro: Any = None
        self._bars: List[List[Shown]] = []
        self._gaps: List[Tuple[int, int]] = []
        self._revised = 0
        self._executed: Dict[str, float] = {}
        self._intents: Dict[str, str] = {}
        self._start_ns: Optional[int] = None
        self._rests_ns: Optional[int] = None
        self._next_ns = self._cancel_ns = 0
        self._differences: List[str] = []
        self._over = False

    def run(self) -> ChaosReport:
        while not self._over:
            try:
                self._live()
            except _Killed:
                continue
            finally:
                self._collect()
            if not self._over:
                self._differ("the prices ended before the session did")
                self._over = True
        result = verify(str(self.path))
        if result.status == 2:
            self._differ(f"the journal is broken: {result.text()}")
        book = self.arena.book()
        return ChaosReport(
            self.seed,
            self.seconds,
            dict(sorted(self._struck.items())),
            len(book.orders),
            len(book.fills),
            sum(map(len, self._bars)),
            len(self._gaps),
            tuple(self._differences),
        )

    def _live(self) -> None:
        """Run Cerebro from a start to its end, or until the process is killed."""
        arena = self.arena
        store = self._store = arena.make_store(
            journal=str(self.path),
            audit_interval=10.0,
            stale_after=150.0,
            reconcile={"position": "report"},
            risk={"on": {"stale_data": "active", "mismatch": "active", "bad_data": "active"}},
        )
        cerebro = self._cerebro = self.engine(stdstats=False)
        cerebro.setbroker(store.getbroker())
        for frame in (TimeFrame.TICKS, TimeFrame.MINUTES):
            cerebro.adddata(
                store.getdata(dataname=arena.symbol, timeframe=int(frame), qcheck=arena.qcheck)
            )
        cerebro.addstrategy(Gambler, session=self, arena=arena, chance=self._chance)
        cerebro.addstore(EachCycle(self._step))
        try:
            cerebro.run()
        except _Killed:
            raise
        except BaseException:
            store.stop()
            raise
        store.stop()

    # In each cycle

    def _step(self) -> None:
        if self._over or self.strategy is None:
            return
        now_ns: int = self._store.clock.time_ns()
        if self._start_ns is None:
            if not (self._store.authenticated and self.strategy.data.is_live):
                return
            self._start_ns = now_ns
        elapsed = (now_ns - self._start_ns) / NS_PER_SECOND
        while self._plan and self._plan[0].at <= min(elapsed, self.seconds):
            self._strike(self._plan.popleft())
        if elapsed >= self.seconds:
            self._settle(now_ns)

    def _strike(self, planned: Planned) -> None:
        self._struck[planned.name] += 1
        draw = self._draws.random()
        if planned.name == "kill":
            self._bury()
            raise _Killed
        self.arena.strike(planned.name, planned.options, draw)

    def _settle(self, now_ns: int) -> None:
        """Cancel all that is open; compare when all has come to rest, or should have."""
        if self._rests_ns is None:
            self._rests_ns = now_ns
            self._store.recorder.note("note", {"text": CALM})
            self._plan.clear()
            self.arena.calm()
            self.strategy.stopped = True
        if now_ns < self._next_ns:
            return
        self._next_ns = now_ns + _LOOK_NS
        waited = (now_ns - self._rests_ns) / NS_PER_SECOND
        if now_ns >= self._cancel_ns and self._store.authenticated:
            self._cancel_ns = now_ns + _CANCEL_NS
            for order in self.strategy.broker.get_orders_open():
                self.strategy.cancel(order)
        is_last = waited >= self.arena.rest
        found = self._compare(is_last) if waited > _CALM else ["too early to tell"]
        if found and not is_last:
            return
        try:
            found += self._problems_of_bars()
        except LinkError as error:
            if not is_last:
                return  # the link is dead, and the store has not noticed yet
            found.append(f"the venue's bars cannot be had: {error}")
        self._differences += found
        self._over = True
        self._cerebro.runstop()

    # The end of a process

    def _bury(self) -> None:
        """Leave nothing of a killed store but its journal."""
        store: BaseStore = self._store
        self.arena.sever()
        journal = store.journal
        if isinstance(journal, SqliteJournal):
            journal.abandon()
        store.journal = NullJournal()
        with contextlib.suppress(BtstoresError):
            store.stop()

    def _collect(self) -> None:
        """Keep what the strategy of one run was told."""
        strategy, self.strategy = self.strategy, None
        if strategy is None:
            return
        self._executed.update(strategy.executed)
        self._bars.append(strategy.bars)
        counts = self._store.quality.counts
        self._revised += counts.get((self.arena.symbol, "revised"), 0)
        self._differences += strategy.problems
        self._gaps += _gaps_of(strategy)
        failures = [msg for msg, _ in strategy.news if msg in ("handler failed", "journal failed")]
        self._differences += sorted(set(failures))

    # Comparing

    def _differ(self, text: str) -> None:
        self._differences.append(text)

    def _compare(self, is_last: bool) -> List[str]:
        """Return in what the store and the venue differ."""
        store, book = self._store, self.arena.book()
        symbol = self.arena.symbol
        found = list(self._problems_of_orders(book))
        held = store.desk.holdings.account_size(symbol)
        if abs(held - book.position) > _DUST:
            found.append(f"position {held:g}, {book.position:g} at the venue")
        cash = store.get_cash()
        if cash is None or abs(cash - book.cash) > self.arena.cash_slack:
            found.append(f"cash {cash}, {book.cash} at the venue")
        if not found or is_last:
            found += self._problems_of_fills(book)
        return found

    def _problems_of_orders(self, book: Book) -> Iterable[str]:
        for key in book.twice:
            yield f"order {key} was sent twice"
        for key, (_, alive) in book.orders.items():
            if alive and not key.startswith(FOREIGN):
                yield f"order {key} is alive at the venue"
        for record in self._store.book.live():
            yield f"order {record.client_order_id} is alive here: {record.state.value}"

    def _problems_of_fills(self, book: Book) -> Iterable[str]:
        counted = set(rebuild(self._store.journal).fill_ids)
        self._intents = self._read_intents()
        for key in sorted(book.orders.keys() - self._intents.keys()):
            if not key.startswith(FOREIGN):
                yield f"order {key} is at the venue, and nobody sent it"
        for key in sorted(book.fills.keys() - counted):
            yield f"fill {key} is lost: {book.fills[key]}"
        for key in sorted(counted - book.fills.keys()):
            yield f"fill {key} is invented"
        yield from self._problems_of_telling(book)

    def _problems_of_telling(self, book: Book) -> Iterable[str]:
        """Look whether strategies were told of each execution of their orders.

        The strategy of a process that was killed may have been told less than its journal knew,
        and the next one is told only of orders that were alive.
        """
        venue: Dict[str, float] = collections.defaultdict(float)
        for wire, size in book.fills.values():
            if wire in self._intents:
                venue[self._intents[wire]] += size
        last = self.strategy.executed
        told = {**self._executed, **last}
        for key in sorted(venue.keys() | told.keys()):
            was_killed = self._struck["kill"] and key not in last
            heard, true = told.get(key, 0.0), venue.get(key, 0.0)
            if abs(heard - true) > _DUST and not (was_killed and abs(heard) < abs(true)):
                yield f"order {key}: executed {heard:g} as told, {true:g} at the venue"

    def _problems_of_bars(self) -> Iterable[str]:
        """Look whether what each run was shown is what the venue's history says.

        So many bars may differ as have been told to be revised.
        """
        counts = self._store.quality.counts
        revised = self._revised + counts.get((self.arena.symbol, "revised"), 0)
        history = self._store.get_history_data(self.arena.symbol, TimeFrame.MINUTES)
        known: Dict[int, Shown] = {bar.time_ns: shown(bar) for bar in history}
        gaps = [*self._gaps, *_gaps_of(self.strategy)]
        for bars in (*self._bars, self.strategy.bars):
            times = [bar[0] for bar in bars]
            if any(later <= sooner for sooner, later in zip(times, times[1:])):
                yield "bars came twice or in the wrong order"
            for bar in bars:
                if bar != known.get(bar[0], bar):
                    revised -= 1
                if bar != known.get(bar[0], bar) and revised < 0:
                    yield f"bar {bar} is {known[bar[0]]} at the venue"
            span = (times[0], times[-1]) if times else (0, 0)
            for time_ns in sorted(known.keys() - set(times)):
                is_told = any(start_ns < time_ns < end_ns for start_ns, end_ns in gaps)
                if span[0] < time_ns < span[1] and not is_told:
                    yield f"bar {known[time_ns]} is missing"

    def _read_intents(self) -> Dict[str, str]:
        """Return for each id that was sent the id of the strategy's order."""
        with JournalReader(str(self.path)) as reader:
            return {
                record.payload["client_order_id"]: record.correlation or ""
                for record in reader.records(kinds=("intent",))
            }


def _gaps_of(strategy: Gambler) -> List[Tuple[int, int]]:
    """Return the gaps that were told of minutes."""
    minutes = timeframe_name(TimeFrame.MINUTES)
    told = [args for msg, args in strategy.news if msg == "gap"]
    return [args[2:4] for args in told if args[1] == minutes]
