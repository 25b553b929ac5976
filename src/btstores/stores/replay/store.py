"""ReplayStore: a whole recorded session through Cerebro again."""

from __future__ import annotations

import os
from typing import Any, ClassVar, Dict, Hashable, List, Optional, Tuple

from btstores.clock import Clock
from btstores.config import Param, Params
from btstores.errors import ConfigError, UsageError
from btstores.feeds.cycle import Cycle
from btstores.feeds.storefeed import StoreFeed
from btstores.inbox import Outbox
from btstores.instruments import TimeFrame
from btstores.journal.base import Journal
from btstores.reports import (
    HistoryReport,
    LinkReport,
    LinkState,
    MassStatus,
    Report,
    TimeInForce,
)
from btstores.stores.base import BaseStore
from btstores.stores.description import params_of
from btstores.stores.gateway import ALL_ORDER_TYPES, Capabilities, Gateway
from btstores.stores.replay.clock import RecordedClock
from btstores.stores.replay.comparison import Comparison
from btstores.stores.replay.gateway import ReplayGateway
from btstores.stores.replay.player import Player, Recorded
from btstores.stores.replay.run import RecordedRun

__all__ = ["ReplayData", "ReplayStore"]


class ReplayData(StoreFeed):
    """A feed of a recorded session."""


class ReplayStore(BaseStore):
    """A session that was recorded in a journal, once more, without its venue.

    Bars, fills, broken links and refusals come in the order in which they came then, those of
    one turn of the engine together, on a clock that shows the recorded times. All runs on one
    thread, so that a debugger may stop anywhere. The strategy's orders are not sent: each is
    compared with the recorded one and gets what that one got. An order that is not in the
    recording is refused; `differences` tells all of it in words.

    ``journal`` is the file, ``run`` which session of it: its number, its id, or None for the
    last. ``speed`` is how many times faster than then; None is as fast as possible. Parameters
    that decide what becomes of an order, such as ``risk`` or ``emulate``, are those of the
    recorded store unless they are given. Raises `ConfigError` and `JournalError`.
    """

    name = "replay"
    #: Of all stores together; one object has those of its recording.
    capabilities = Capabilities(
        order_types=ALL_ORDER_TYPES,
        tifs=frozenset(TimeInForce),
        bracket=True,
        oco=True,
        modify=frozenset({"size", "price", "limit_price"}),
        short=True,
        fractional=True,
        timeframes=frozenset((int(frame), 0) for frame in TimeFrame if frame != TimeFrame.TICKS),
        ticks=True,
        quotes=True,
        history=True,
    )
    data_class = ReplayData
    clock: RecordedClock

    PARAMS: ClassVar[Tuple[Param, ...]] = (
        Param("journal", None, (str, os.PathLike), "the journal to replay"),
        Param("run", None, (int, str), "number or id of the session; None: the last"),
        Param("speed", None, (float,), "times faster than then; None: as fast as possible"),
        Param("max_pause", None, (float,), "longest pause, in seconds", minimum=0),
    )

    @classmethod
    def identity(cls, params: Params) -> Optional[Hashable]:
        journal: Any = params.journal
        return (None if journal is None else os.path.abspath(journal), params.run)

    def __init__(self, params: Params) -> None:
        if params.journal is None:
            raise ConfigError.of("journal", None, "the path of a journal")
        if params.clock is not None:
            raise ConfigError.of("clock", params.clock, "none: the recording has its own")
        if params.speed is not None and not params.speed > 0:
            raise ConfigError.of("speed", params.speed, "a number above zero")
        self.run = RecordedRun(params.journal, params.run)
        self.capabilities = Capabilities.from_dict(
            {**self.run.description["capabilities"], "rates": []}
        )
        self.comparison = Comparison(self.run, self._tell_difference)
        super().__init__(self._with_recorded(params))
        self.outbox = self.queries = Outbox(self.name, threaded=False)
        self.player = Player(
            self.run,
            self.comparison,
            self.clock,
            self.inbox.put,
            params.speed,
            params.max_pause,
            self._end,
        )

    def _with_recorded(self, params: Params) -> Params:
        specs = self.all_params()
        recorded = params_of(self.run.description)
        values: Dict[str, Any] = {}
        for spec in specs:
            value = params[spec.name]
            is_given = value is not spec.default
            values[spec.name] = value if is_given else recorded.get(spec.name, value)
        return Params(specs, {**values, "audit_interval": 0.0})

    @property
    def differences(self) -> List[str]:
        """Return what strategies have done otherwise than then, in words."""
        return self.comparison.differences

    def _tell_difference(self, text: str) -> None:
        self.put_notification("replay differs", text)

    def _end(self) -> bool:
        """Stop the engine where the recorded one was stopped, unless another store goes on."""
        engines = {id(data._env): data._env for data in self.datas.values()}.values()
        stores = [store for engine in engines for store in Cycle.of(engine).stores]
        if any(not isinstance(store, ReplayStore) or not store.player.over for store in stores):
            return False
        for engine in engines:
            engine.runstop()
        return bool(stores)

    def make_clock(self) -> Clock:
        return RecordedClock(self.run.started_ns, self.run.description["threaded"])

    def make_gateway(self) -> Gateway:
        return ReplayGateway(self.run, self.comparison, self.clock, self.inbox.put)

    def make_journal(self) -> Journal:
        return self.comparison

    def symbol_of(self, dataname: str) -> str:
        symbols: Dict[str, str] = self.run.description.get("symbols", {})
        return symbols.get(dataname, dataname)

    def get_history_data(self, *args: Any, **kwargs: Any) -> Any:
        """Raise `UsageError`: what strategies have asked for themselves is not in a recording."""
        raise UsageError("history that was asked for by get_history_data is not in a recording")

    def connect(self) -> None:
        begins = self.stopped
        if begins and self.comparison.begun:
            raise UsageError("a replay runs once: make another ReplayStore")
        super().connect()
        if begins:
            self.player.start()

    def put(self, report: Report) -> None:
        """Take what the core would tell by itself; the recording knows better."""
        if isinstance(report, HistoryReport):
            self.player.question(report)
        elif isinstance(report, MassStatus):
            super().put(report)
        elif isinstance(report, LinkReport):
            if report.subscription is None:
                super().put(report)
            elif report.state is LinkState.SUBSCRIBED:
                self.player.stream(report.subscription)

    def handle(self, report: Any) -> None:
        if isinstance(report, Recorded):
            report = self.player.as_now(report.report)
        if report is not None:
            super().handle(report)

    def process_events(self) -> int:
        count = super().process_events()
        while self.player.answer():
            count += super().process_events()
        return count

    def get_notifications(self) -> List[Tuple[str, Tuple[Any, ...], Dict[str, Any]]]:
        self.player.catch_up(sum(data.backlog for data in self.datas.values()))
        return super().get_notifications()
