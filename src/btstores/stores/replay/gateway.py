"""The venue of a replay: it knows what was said, and does nothing that it is asked for."""

from __future__ import annotations

from typing import Callable, Optional, Sequence, Tuple, Union

from btstores.clock import Clock
from btstores.errors import UnknownInstrumentError
from btstores.instruments import Instrument
from btstores.orders.reasons import REASONS
from btstores.reports import (
    Bar,
    MassStatus,
    OrderEvent,
    OrderModification,
    OrderReport,
    OrderRequest,
    Report,
    Subscription,
    Tick,
)
from btstores.stores.gateway import Gateway, PutReport
from btstores.stores.replay.comparison import Comparison
from btstores.stores.replay.run import RecordedRun

__all__ = ["ReplayGateway"]


class ReplayGateway(Gateway):
    """Answers from a recording. Orders that are not in it are refused by ``tell``."""

    def __init__(
        self,
        run: RecordedRun,
        comparison: Comparison,
        clock: Clock,
        tell: Callable[[Report], None],
    ) -> None:
        self._run = run
        self._comparison = comparison
        self._clock = clock
        self._tell = tell

    def connect(self, put: PutReport, timeout: float) -> None:
        pass

    def disconnect(self) -> None:
        pass

    def instrument(self, symbol: str) -> Instrument:
        try:
            return self._run.instruments[symbol]
        except KeyError:
            raise UnknownInstrumentError(symbol, "the recording") from None

    def subscribe(self, subscription: Subscription) -> None:
        pass

    def unsubscribe(self, subscription: Subscription) -> None:
        pass

    def history(
        self,
        subscription: Subscription,
        start_ns: Optional[int],
        end_ns: Optional[int],
        count: Optional[int] = None,
    ) -> Tuple[Union[Bar, Tick], ...]:
        return ()

    def place(self, group: Sequence[OrderRequest]) -> None:
        for request in group:
            if request.client_order_id in self._comparison.unknown:
                self._tell(
                    OrderReport(
                        OrderEvent.REJECTED,
                        self._clock.time_ns(),
                        request.client_order_id,
                        symbol=request.symbol,
                        reason=REASONS["NOT_RECORDED"].meaning,
                        reason_code="NOT_RECORDED",
                    )
                )

    def cancel(self, client_order_id: str, venue_order_id: Optional[str]) -> None:
        pass

    def modify(self, modification: OrderModification) -> None:
        pass

    def mass_status(self, since_ns: Optional[int] = None) -> MassStatus:
        return self._run.status()
