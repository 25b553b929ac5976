"""Runs a case: a strategy under stock Cerebro that does what the case says, step by step.

The case is looked at once in each cycle of the engine, through an object that Cerebro takes
for a store, so that it goes on also when no price comes.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import traceback
from pathlib import Path
from typing import Any, Callable, Iterable, List, Optional

import backtrader as bt

from btstores.clock import NS_PER_SECOND
from btstores.stores.base import BaseStore
from btstores.testing.case import RESTART, Case, Script, Skip, missing
from btstores.testing.desk import Desk, Wait
from btstores.testing.faults import FaultGateway
from btstores.testing.invariants import books_agree, check_invariants
from btstores.testing.results import Outcome, Result
from btstores.testing.venue import Venue

__all__ = ["EachCycle", "run_case", "run_cases"]

log = logging.getLogger(__name__)

#: So many cycles without a move of a simulated clock are a standstill.
_STANDSTILL = 200


def run_cases(cases: Iterable[Case], make_venue: Callable[[], Venue]) -> List[Result]:
    """Run each case on a venue of its own."""
    return [run_case(one, make_venue()) for one in cases]


def run_case(wanted: Case, venue: Venue) -> Result:
    """Run one case; return how it ended. What a case raises ends up in the result."""
    try:
        return _run(wanted, venue)
    finally:
        venue.close()


def _run(wanted: Case, venue: Venue) -> Result:
    lack = missing(wanted, venue)
    if lack:
        return Result(wanted.id, wanted.title, Outcome.SKIPPED, lack)
    store = _make_store(wanted, venue)
    lack = missing(wanted, venue, store)
    if lack:
        return Result(wanted.id, wanted.title, Outcome.SKIPPED, lack)
    player = _Player(wanted, venue)
    player.run(store)
    return player.result()


def _make_store(wanted: Case, venue: Venue) -> BaseStore:
    store = venue.make_store(**wanted.params)
    if wanted.capabilities:
        store.capabilities = dataclasses.replace(store.capabilities, **wanted.capabilities)
        store.desk.sender.keep_to(store.capabilities.rates)
    return store


class _Failure(Exception):
    """A case cannot go on; the message says why."""


class _Trader(bt.Strategy):
    """Writes down what it is told and does what the case has put down for it."""

    params = (("player", None),)

    def __init__(self) -> None:
        self.desk = self.p.player.desk
        self.desk.strategy = self
        self._waits = False

    def notify_order(self, order: Any) -> None:
        self.desk.on_order(order)

    def notify_trade(self, trade: Any) -> None:
        self.desk.trades.append(trade)

    def notify_cashvalue(self, cash: float, value: float) -> None:
        self.desk.sums.append((cash, value))

    def notify_store(self, msg: Any, *args: Any, **kwargs: Any) -> None:
        self.desk.news.append((msg, args))

    def notify_data(self, data: Any, status: int, *args: Any, **kwargs: Any) -> None:
        if status == data.LIVE:
            self._waits = True
            self._greet()

    def next(self) -> None:
        self._greet()

    def _greet(self) -> None:
        """Do what is to be done at once when the feed is LIVE and there is a price."""
        if self._waits and len(self.data):
            self._waits = False
            self.p.player.call(self.desk.at_live)

    def stop(self) -> None:
        self.p.player.call(self.desk.at_stop)


class EachCycle:
    """What Cerebro takes for a store and asks for its news once in each cycle."""

    def __init__(self, step: Callable[[], None]) -> None:
        self._step = step

    def start(self) -> None:
        """Do nothing: Cerebro calls it."""

    def stop(self) -> None:
        """Do nothing: Cerebro calls it."""

    def get_notifications(self) -> List[Any]:
        """Take a step and tell nothing."""
        self._step()
        return []


class _Player:
    """Plays one case over one or more runs of Cerebro."""

    def __init__(self, wanted: Case, venue: Venue) -> None:
        self.wanted = wanted
        self.venue = venue
        self.desk = Desk(venue)
        self.error: Optional[BaseException] = None
        self.skipped: Optional[str] = None
        self._cerebro: Any = None
        self._script = self._play()
        self._waits_for: Callable[[], bool] = lambda: True
        self._due_ns = 0
        self._seen_ns = self._stood = 0
        self._over = self._restarts = False

    def run(self, store: BaseStore) -> None:
        """Run Cerebro as often as the case wants it."""
        while not self._over:
            self._restarts = False
            try:
                self._run_once(store)
            except Exception as error:
                self._end(error)
            finally:
                store.stop()
            if self._restarts and not self._over:
                store = _make_store(self.wanted, self.venue)
            elif not self._over:
                self._end(_Failure("the prices ended before the case did"))

    def _run_once(self, store: BaseStore) -> None:
        faults = FaultGateway(store.gateway, store.clock)
        store.gateway = faults
        cerebro = self.venue.engine(stdstats=False)
        cerebro.setbroker(store.getbroker())
        symbol = self.venue.option_symbol if self.wanted.option else self.venue.symbol
        data = store.getdata(
            dataname=symbol,
            timeframe=int(self.venue.timeframe),
            compression=self.venue.compression,
            qcheck=self.venue.qcheck,
        )
        cerebro.adddata(data)
        cerebro.addstrategy(_Trader, player=self)
        cerebro.addstore(EachCycle(self._step))
        self.desk.attach(store, faults, data)
        self._cerebro = cerebro
        self._wait(self.desk.is_ready)
        cerebro.run()

    def call(self, actions: List[Callable[[], Any]]) -> None:
        """Do once what the case has put down."""
        todo, actions[:] = list(actions), []
        try:
            for action in todo:
                action()
        except Exception as error:
            self.error = self.error or error

    # The script.

    def _play(self) -> Script:
        desk = self.desk
        if desk.held() or desk.venue_orders():
            raise _Failure(f"the account has a position or orders in {desk.data.symbol} already")
        try:
            yield from self.wanted.body(desk)
        except Skip as skip:
            self.skipped = str(skip)
        except Exception as error:
            self.error = error
        desk.faults.heal()
        if not self.wanted.lies:
            yield from _tidy(desk)
        if self.error is None and self.skipped is None:
            if not self.wanted.lies:
                with contextlib.suppress(_Failure):
                    # Many venues tell balances a moment after the fill.
                    yield lambda: books_agree(desk)
            check_invariants(desk, self.wanted.lies)

    def _wait(self, item: Any) -> None:
        more = item.seconds if isinstance(item, Wait) else 0.0
        self._waits_for = item
        now_ns = self.desk.store.clock.time_ns()
        self._due_ns = now_ns + round((self.venue.timeout + more) * NS_PER_SECOND)
        self._stood = 0

    def _step(self) -> None:
        """Go on with the script as long as what it waits for is there."""
        if self._over or self._restarts:
            return
        try:
            while not self._over:
                item = self._next()
                if item is None:
                    return
                if item == RESTART:
                    self._restarts = True
                    self._cerebro.runstop()
                    return
                self._wait(item)
        except StopIteration:
            self._end(None)
        except Exception as error:
            self._end(error)

    def _next(self) -> Any:
        """Return what the script waits for next, or None while it still waits.

        What goes wrong is raised in the script, at the line that waits.
        """
        try:
            ready = self._waits_for()
            if not ready:
                self._check_time()
        except Exception as error:
            return self._script.throw(error)
        return next(self._script) if ready else None

    def _check_time(self) -> None:
        """Raise when the time for what the script waits for is over."""
        now_ns = self.desk.store.clock.time_ns()
        self._stood = self._stood + 1 if now_ns == self._seen_ns else 0
        self._seen_ns = now_ns
        clock_stands = self._stood > _STANDSTILL and not self.desk.store.clock.threaded
        if now_ns > self._due_ns or clock_stands:
            why = "the clock stands still" if clock_stands else f"waited {self.venue.timeout:g} s"
            raise _Failure(why)

    def _end(self, error: Optional[BaseException]) -> None:
        self._over = True
        self.error = self.error or error
        if self._cerebro is not None:
            self._cerebro.runstop()

    # The end.

    def result(self) -> Result:
        """Return how the case ended."""
        one = self.wanted
        if self.error is not None:
            log.info("case.failed id=%s", one.id, exc_info=self.error)
            return Result(one.id, one.title, Outcome.FAILED, describe(self.error, self.desk))
        if self.skipped is not None:
            return Result(one.id, one.title, Outcome.SKIPPED, self.skipped)
        emulated = self.desk.was_emulated()
        return Result(one.id, one.title, Outcome.EMULATED if emulated else Outcome.PASSED)


def _tidy(desk: Desk) -> Script:
    """Leave the account as it was found."""

    def ours() -> List[Any]:
        return [order for order in desk.own.values() if order.alive()]

    for order in ours():
        desk.cancel(order)
    yield lambda: not any(map(desk.at_venue, ours())) if ours() else True
    surplus = desk.position
    if surplus:
        trade = desk.sell if surplus > 0 else desk.buy
        yield desk.over(trade(size=abs(surplus)))
    yield lambda: not desk.broker.has_notification()


_OWN = ("driver.py", "invariants.py")


def describe(error: BaseException, desk: Desk) -> str:
    """Return what went wrong: the line of the case, the error, and what was told."""
    lines = traceback.extract_tb(error.__traceback__)
    in_cases = [line for line in lines if Path(line.filename).name not in _OWN]
    name = "" if isinstance(error, _Failure) else f"{type(error).__name__}: "
    text = f"{name}{error}".rstrip(": ")
    if in_cases:
        frame = in_cases[-1]
        text += f"\n  {Path(frame.filename).name}:{frame.lineno}: {frame.line}"
    for ref in dict.fromkeys(told.ref for told in desk.notices):
        told = [one for one in desk.notices if one.ref == ref]
        steps = " ".join(f"{one.status}({one.executed:g})" for one in told)
        reason = told[-1].info.get("reason")
        text += f"\n  order {ref}: {steps}" + (f" [{reason}]" if reason else "")
    return text
