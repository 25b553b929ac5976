"""The paper venue behind a link that fails in every way that a gateway can; simulated time."""

from __future__ import annotations

import collections
from typing import Any, Callable, ClassVar, Counter, Dict, List, Mapping, Optional

from btstores.clock import NS_PER_SECOND
from btstores.errors import LinkError, OutcomeUnknown, VenueRefused
from btstores.instruments import Instrument
from btstores.reports import (
    Bar,
    OrderEvent,
    OrderRequest,
    OrderType,
    Report,
    Side,
    Tick,
)
from btstores.sim.faults import Chance
from btstores.sim.prices.generator import Generator
from btstores.stores.paper.store import PaperStore
from btstores.testing.chaos.arena import FOREIGN, Arena, Book
from btstores.testing.faults import Call, FaultGateway, fills, news, of_event
from btstores.testing.paper import ContinuedPaper, bare

__all__ = ["PaperArena"]

_SYMBOL = "CHAOS"
_STOPS, _GROUPS = ("Stop", "StopLimit", "StopTrail"), ("bracket", "oco")
_ALIVE = (OrderEvent.ACCEPTED, OrderEvent.TRIGGERED, OrderEvent.MODIFIED)


class PaperArena(Arena):
    """An account at a paper venue with prices made up from a seed.

    ``emulate`` is what the core does although the venue could.
    """

    symbol = _SYMBOL
    emulations = ((), _STOPS, _GROUPS, (*_STOPS, *_GROUPS))
    chances: ClassVar[Mapping[str, Chance]] = {
        "drop": Chance(3, 60, "the link breaks"),
        "kill": Chance(1, 0, "the process is killed"),
        "unanswered": Chance(4, 0, "a request is not answered, whether done or not"),
        "refused": Chance(1, 0, "a request is refused"),
        "ack_lost": Chance(2, 30, "what is told of orders is lost, but for executions"),
        "fill_lost": Chance(2, 30, "executions are not told"),
        "late": Chance(2, 30, "all that is told of orders comes late"),
        "reordered": Chance(2, 30, "all that is told of orders comes late, the last first"),
        "duplicate": Chance(2, 60, "all that is told of orders comes twice"),
        "silence": Chance(2, 400, "prices do not come, though the link is up"),
        "nonsense": Chance(1, 60, "prices that are none come between the others"),
        "query_fails": Chance(2, 0, "a question for orders and positions is not answered"),
        "history_fails": Chance(1, 0, "a question for history is not answered"),
        "somebody": Chance(1, 0, "somebody else trades on the account"),
    }

    def __init__(self, seed: int, seconds: float, emulate: Any = ()) -> None:
        self._emulate = emulate
        generator = Generator(seed, instrument=Instrument(_SYMBOL, tick_size=0.01, lot=1.0))
        self._series = generator.ticks(_SYMBOL, int(seconds + self.rest + 600))
        self._store: Optional[PaperStore] = None
        self._gateway: Any = None
        self._calls: List[List[Call]] = []
        self._ends: List[Callable[[], None]] = []
        self._others = 0

    def make_store(self, **params: Any) -> PaperStore:
        make: Any = ContinuedPaper
        store: PaperStore = make(
            prices=self._series,
            history=120,
            cash=1_000_000.0,
            emulate=self._emulate,
            earlier=self._store,
            reconnect_interval=0.5,
            **params,
        )
        store.getbroker().setcommission(commission=0.001)
        gateway: Any = FaultGateway(store.gateway, store.clock)
        self._gateway = store.gateway = gateway
        self._calls.append(gateway.calls)
        self._store = store
        return store

    # What goes wrong

    def strike(self, name: str, options: Mapping[str, Any], draw: float) -> None:
        seconds = float(options.get("seconds", 0.0))
        getattr(self, f"_{name}")(draw, seconds)

    def _later(self, seconds: float, end: Callable[[], None]) -> None:
        assert self._store is not None
        self._ends.append(end)
        self._store.clock.call_later(seconds, end)

    def _drop(self, draw: float, seconds: float) -> None:
        self._gateway.break_link()
        self._later(seconds, self._gateway.restore_link)

    def _unanswered(self, draw: float, seconds: float) -> None:
        kind = ("place", "place", "cancel", "modify")[int(draw * 4)]
        self._gateway.fail(kind, OutcomeUnknown("no answer"), reached=draw * 8 % 2 < 1)

    def _refused(self, draw: float, seconds: float) -> None:
        kind = "place" if draw < 0.7 else "cancel"
        self._gateway.fail(kind, VenueRefused("refused by chance"))

    def _ack_lost(self, draw: float, seconds: float) -> None:
        self._later(seconds, self._gateway.drop(of_event(*OrderEvent)).end)

    def _fill_lost(self, draw: float, seconds: float) -> None:
        self._later(seconds, self._gateway.drop(fills).end)

    def _late(self, draw: float, seconds: float) -> None:
        self._later(seconds, self._gateway.hold(news).release)

    def _reordered(self, draw: float, seconds: float) -> None:
        held = self._gateway.hold(news)
        self._later(seconds, lambda: held.release(reverse=True))

    def _duplicate(self, draw: float, seconds: float) -> None:
        self._later(seconds, self._gateway.repeat(news).end)

    def _silence(self, draw: float, seconds: float) -> None:
        self._later(seconds, self._gateway.drop(_is_price).end)

    def _nonsense(self, draw: float, seconds: float) -> None:
        self._later(seconds, self._gateway.change(_is_price, _with_nonsense).end)

    def _query_fails(self, draw: float, seconds: float) -> None:
        for _ in range(1 + int(draw * 3)):
            self._gateway.fail("mass_status", TimeoutError("no answer"))

    def _history_fails(self, draw: float, seconds: float) -> None:
        self._gateway.fail("history", LinkError("no answer"))

    def _somebody(self, draw: float, seconds: float) -> None:
        self._others += 1
        side = Side.BUY if draw < 0.5 else Side.SELL
        request = OrderRequest(
            f"{FOREIGN}-{self._others}", self.symbol, side, 2.0, OrderType.MARKET
        )
        bare(self._gateway).place([request])

    def calm(self) -> None:
        for end in self._ends:
            end()
        self._gateway.heal()

    def sever(self) -> None:
        self._gateway.break_link()
        bare(self._gateway).disconnect()

    # What is true

    def book(self) -> Book:
        status = bare(self._gateway).mass_status()
        orders: Dict[str, Any] = {}
        for report in status.orders:
            filled, size = report.filled or 0.0, report.size
            if size is None:
                size = report.request.size if report.request is not None else filled
            alive = report.event in _ALIVE and filled < size
            orders[report.client_order_id or ""] = (filled, alive)
        found = {
            fill.fill_id: (fill.client_order_id or "", fill.side.sign * fill.size)
            for fill in status.fills
        }
        sizes = [one.size for one in status.positions if one.symbol == self.symbol]
        cash = status.accounts[0].cash or 0.0
        return Book(orders, found, sum(sizes), cash, tuple(self._twice()))

    def _twice(self) -> List[str]:
        """Return the ids that were sent again: the venue takes none twice."""
        sent: Counter[str] = collections.Counter(
            request.client_order_id
            for calls in self._calls
            for call in calls
            if call.name == "place"
            for request in call.what[0]
        )
        return sorted(key for key, number in sent.items() if number > 1)

    def close(self) -> None:
        if self._store is not None:
            self._store.stop()


def _is_price(report: Report) -> bool:
    return isinstance(report, (Bar, Tick))


def _with_nonsense(report: Any) -> Any:
    """Return a price and, before or after it, one that is none."""
    nan = float("nan")
    if isinstance(report, Tick):
        choices = (
            report._replace(price=nan, trade_id=None),
            report._replace(price=-1.0, trade_id=None),
            report._replace(time_ns=report.time_ns - 3600 * NS_PER_SECOND, trade_id=None),
        )
        return (report, choices[report.time_ns // 1000 % 3])
    return (report._replace(high=nan), report)
