"""The paper venue under control: prices as the case wants them, on a simulated clock."""

from __future__ import annotations

from typing import Any, ClassVar, Dict, Optional, Sequence, Tuple, Union, overload

from btstores.clock import NS_PER_SECOND, Clock
from btstores.config import Param
from btstores.instruments import Instrument, TimeFrame
from btstores.reports import Quote, Subscription, Tick
from btstores.sim.prices.series import Series
from btstores.stores.gateway import Gateway
from btstores.stores.paper.gateway import PaperGateway
from btstores.stores.paper.store import PaperStore
from btstores.testing.faults import FaultGateway
from btstores.testing.venue import Venue

__all__ = ["ContinuedPaper", "ControlledPaper", "bare"]

SYMBOL = "TEST"
#: 2024-01-03 23:45 UTC: a session ends within the hour.
START_NS = 1_704_325_500 * NS_PER_SECOND
SECONDS = 3600


class _Heartbeat(Sequence[Tick]):
    """A trade each second at the price of the moment, without a limit to its size."""

    def __init__(self, price: float) -> None:
        self.price = price

    def __len__(self) -> int:
        return SECONDS

    @overload
    def __getitem__(self, index: int) -> Tick: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Tick]: ...

    def __getitem__(self, index: Union[int, slice]) -> Union[Tick, Sequence[Tick]]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(SECONDS))]
        if not 0 <= index < SECONDS:
            raise IndexError(index)
        return Tick(SYMBOL, START_NS + index * NS_PER_SECOND, self.price)


class ContinuedPaper(PaperStore):
    """A PaperStore that may go on with the exchange of an earlier one."""

    PARAMS: ClassVar[Tuple[Param, ...]] = (
        Param("earlier", None, (PaperStore,), "whose exchange to go on with"),
    )

    def make_clock(self) -> Clock:
        earlier = self.params.earlier
        if earlier is None:
            return super().make_clock()
        self._market = earlier._market
        clock: Clock = earlier.clock
        return clock

    def make_gateway(self) -> Gateway:
        earlier = self.params.earlier
        if earlier is None:
            return super().make_gateway()
        self.bar_engine = None
        return bare(earlier.gateway)


def bare(gateway: Gateway) -> Gateway:
    """Return the venue's own gateway, without what breaks its messages."""
    while isinstance(gateway, FaultGateway):
        gateway = gateway.inner
    return gateway


class ControlledPaper(Venue):
    """A `PaperStore` with prices under control. ``params`` are for the store."""

    store_name = PaperStore.name
    symbol = SYMBOL
    timeframe = TimeFrame.TICKS
    size = 10.0
    patience = float(SECONDS)
    expiry = 5.0
    qcheck = 0.01

    def __init__(self, **params: Any) -> None:
        self._params: Dict[str, Any] = {"cash": 100_000.0, **params}
        self._beat = _Heartbeat(100.0)
        self._store: Optional[PaperStore] = None
        # Time passes faster then, and real things take as long as ever.
        self.timeout *= params.get("speed") or 1.0

    def make_store(self, **params: Any) -> PaperStore:
        instrument = Instrument(SYMBOL, tick_size=0.01, lot=1.0)
        series = Series(instrument, Subscription(SYMBOL, TimeFrame.TICKS), self._beat)
        make: Any = ContinuedPaper  # the metaclass takes parameters by name
        store: PaperStore = make(
            prices=[series], history=2, earlier=self._store, **{**self._params, **params}
        )
        store.getbroker().setcommission(commission=0.001)
        self._store = store
        return store

    @property
    def _gateway(self) -> PaperGateway:
        assert self._store is not None
        gateway: Any = bare(self._store.gateway)
        found: PaperGateway = gateway
        return found

    def trade(self, price: float, size: Optional[float] = None) -> None:
        if size is None:
            self._beat.price = price
        self._gateway.show(Tick(SYMBOL, self._gateway.clock.time_ns(), price, size))

    def quote(self, bid: float, ask: float) -> None:
        self._gateway.show(Quote(SYMBOL, self._gateway.clock.time_ns(), bid, ask))

    def halt(self, halted: bool) -> None:
        engine: Any = self._gateway.engine
        self._gateway.owned(engine.halt if halted else engine.resume, SYMBOL)
