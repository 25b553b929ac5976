"""The part of the paper venue that takes orders: an engine, its account, its state file.

The engine belongs to one thread, that of the clock's timers. Calls are handed over to it and
waited for; on a simulated clock everything runs on the caller's thread. No report of an
order, an execution or a position leaves before the state that it tells of is on the disk.
"""

from __future__ import annotations

import concurrent.futures
import logging
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Dict,
    List,
    Mapping,
    Optional,
    Sequence,
    TypeVar,
    Union,
)

from btstores.clock import Clock
from btstores.errors import LinkError, UnsupportedError
from btstores.instruments import TimeFrame
from btstores.reports import (
    Bar,
    FillReport,
    LinkReport,
    LinkState,
    MassStatus,
    OrderModification,
    OrderReport,
    OrderRequest,
    PositionReport,
    Report,
    Subscription,
    Tick,
    TimeInForce,
)
from btstores.stores.gateway import ALL_ORDER_TYPES, Capabilities, Gateway, PutReport
from btstores.stores.paper.state import StateFile

if TYPE_CHECKING:
    from typing import Protocol

    class Engine(Protocol):
        """What matches orders: `btstores.sim.exchange.Exchange`, or one like it.

        It hands its reports to the attribute ``put`` if it has one, else to whatever it was
        made with, which must be `PaperVenue.hear`. An engine whose ``fed_by_market`` is not
        True is stepped by its owner, through `PaperVenue.run`, on whose thread all its
        methods are called.
        """

        def submit(self, group: Sequence[OrderRequest]) -> None: ...
        def cancel(self, client_order_id: str) -> None: ...
        def modify(self, modification: OrderModification) -> None: ...
        def mass_status(self, since_ns: Optional[int] = None) -> MassStatus: ...
        def deposit(self, amount: float) -> None: ...
        def snapshot(self) -> Dict[str, Any]: ...
        def restore(self, state: Mapping[str, Any]) -> None: ...


__all__ = ["PAPER_CAPABILITIES", "PaperVenue"]

log = logging.getLogger(__name__)

T = TypeVar("T")

_MODIFIABLE = frozenset(
    {"size", "price", "limit_price", "trail_amount", "trail_percent", "expire_ns"}
)
PAPER_CAPABILITIES = Capabilities(
    order_types=ALL_ORDER_TYPES,
    bracket=True,
    oco=True,
    tifs=frozenset(TimeInForce),
    modify=_MODIFIABLE,
    short=True,
    fractional=True,
    timeframes=frozenset((int(frame), 0) for frame in TimeFrame if frame != TimeFrame.TICKS),
    ticks=True,
    quotes=True,
    history=True,
)

#: Reports of changes that must not be lost.
_KEPT = (OrderReport, FillReport, PositionReport)


class PaperVenue(Gateway):
    """A paper account. Subclasses say where prices come from.

    ``state`` is the file in which the account survives; None keeps it in memory only.
    ``timeout`` is how many seconds the engine's thread may take to answer.
    """

    capabilities = PAPER_CAPABILITIES

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        state: Union[str, Path, None] = None,
        timeout: float = 5.0,
    ) -> None:
        self.engine = engine
        self.clock = clock
        self.timeout = timeout
        self.fed_by_market = bool(getattr(engine, "fed_by_market", False))
        self._put: Optional[PutReport] = None
        self._told: List[Report] = []
        self._depth = 0
        self._flushing = False
        self._broken: Optional[str] = None
        self._file = StateFile(state) if state is not None else None
        if hasattr(engine, "put"):
            engine.put = self.hear
        saved = self._file.load() if self._file else None
        if saved is not None:
            engine.restore(saved["engine"])
            self.restored(saved)

    # For subclasses

    def restored(self, saved: Dict[str, Any]) -> None:
        """Take over the rest of a saved state."""

    def to_save(self) -> Dict[str, Any]:
        """Return what else is to be saved, as plain JSON values."""
        return {}

    def closed(self) -> None:
        """Stop what goes on by itself: nobody is connected any more, or the venue is down."""

    def publish(self, report: Report) -> None:
        """Hand a report up, if anyone is connected."""
        put = self._put  # another thread may disconnect meanwhile
        if put is not None:
            put(report)

    def run(self, function: Callable[..., T], *args: Any) -> T:
        """Run a function that changes the engine, then save and let its reports go."""
        self._depth += 1
        try:
            return function(*args)
        finally:
            self._depth -= 1
            if not self._depth:
                self.flush()

    def owned(self, function: Callable[..., T], *args: Any) -> T:
        """Run a function that changes the engine on the engine's thread; wait for its result."""
        if self.fed_by_market:
            result: T = self.on_clock(self.run, function, *args)
            return result
        if self._broken:
            raise LinkError(self._broken)
        return self.run(function, *args)

    def on_clock(self, function: Callable[..., T], *args: Any) -> T:
        """Run a function on the thread of the clock's timers and wait for its result."""
        if self._broken:
            raise LinkError(self._broken)
        if not self.clock.threaded:
            return function(*args)
        answer: concurrent.futures.Future[T] = concurrent.futures.Future()

        def call() -> None:
            try:
                answer.set_result(function(*args))
            except BaseException as error:
                answer.set_exception(error)

        self.clock.call_soon(call)
        try:
            return answer.result(self.timeout)
        except concurrent.futures.TimeoutError:
            raise LinkError(f"the paper venue did not answer in {self.timeout:g} s") from None

    def hear(self, report: Report) -> None:
        """Take a report of the engine; its ``put``."""
        self._told.append(report)
        if self._depth or self._flushing:
            return
        if self.fed_by_market:
            # A timer of the engine's own: its reports go when it is through.
            self._flushing = True
            self.clock.call_soon(self.flush)
        else:
            self.flush()

    def flush(self) -> None:
        """Save the state if need be, then let the reports go."""
        self._flushing = False
        told, self._told = self._told, []
        if any(isinstance(report, _KEPT) for report in told):
            self.save()
        if not self._broken:
            for report in told:
                self.publish(report)

    def save(self) -> None:
        """Write the state file, if there is one. A venue that cannot is down."""
        if self._file is None or self._broken:
            return
        try:
            self._file.save({"engine": self.engine.snapshot(), **self.to_save()})
        except OSError as error:
            log.exception("paper.state_not_saved file=%s", self._file.path)
            self._broken = f"the paper account cannot be saved in {self._file.path}: {error}"
            self.closed()
            self.publish(LinkReport(LinkState.DOWN, self.clock.time_ns(), detail=self._broken))

    # The gateway

    def connect(self, put: PutReport, timeout: float) -> None:
        """Report to ``put`` from now on."""
        if self._broken:
            raise LinkError(self._broken)
        self._put = put

    def disconnect(self) -> None:
        """Save, stop and tell nobody any more. Connecting again goes on from there."""
        if self._put is not None and not self._broken:
            self.owned(self._close)
        self._put = None

    def _close(self) -> None:
        self.save()
        self.closed()

    def place(self, group: Sequence[OrderRequest]) -> None:
        """Send one order, or a bracket whose first request is the parent."""
        self.owned(self.engine.submit, group)

    def cancel(self, client_order_id: str, venue_order_id: Optional[str]) -> None:
        """Ask for the cancellation of an order."""
        self.owned(self.engine.cancel, client_order_id)

    def modify(self, modification: OrderModification) -> None:
        """Ask for a change of a live order."""
        self.owned(self.engine.modify, modification)

    def mass_status(self, since_ns: Optional[int] = None) -> MassStatus:
        """Return orders, fills since ``since_ns``, positions and balances."""
        return self.owned(self.engine.mass_status, since_ns)

    def deposit(self, amount: float) -> None:
        """Add ``amount`` to the cash of the account."""
        self.owned(self.engine.deposit, amount)
        self.owned(self.save)

    def history(
        self,
        subscription: Subscription,
        start_ns: Optional[int],
        end_ns: Optional[int],
        count: Optional[int] = None,
    ) -> Sequence[Union[Bar, Tick]]:
        """Refuse: whoever has history says so."""
        raise UnsupportedError("this paper venue has no history")
