"""A store for an imaginary venue with a small REST API; see "Write your own store"."""

from __future__ import annotations

import http.client
import json
from typing import Any, Dict, Optional, Sequence

from btstores import BaseStore, Capabilities, Gateway, Instrument
from btstores.clock import NS_PER_SECOND, Clock
from btstores.config import Param
from btstores.errors import OutcomeUnknown, UnknownInstrumentError, VenueRefused
from btstores.inbox import Outbox
from btstores.instruments import TimeFrame
from btstores.reports import (
    AccountReport,
    Bar,
    FillReport,
    LinkReport,
    LinkState,
    MassStatus,
    OrderEvent,
    OrderReport,
    OrderRequest,
    OrderType,
    PositionReport,
    Report,
    Side,
    Subscription,
)
from btstores.stores.gateway import PutReport

MINUTES = int(TimeFrame.MINUTES)


# The venue's words to ours: pure functions, to be tested with recorded answers.


def bar_of(item: Dict[str, Any]) -> Bar:
    """Return a bar; the venue stamps its end, in seconds."""
    prices = (item["open"], item["high"], item["low"], item["close"])
    return Bar(item["symbol"], MINUTES, 1, item["time"] * NS_PER_SECOND, *prices, item["volume"])


def request_of(item: Dict[str, Any]) -> OrderRequest:
    """Return the order behind one that the venue lists."""
    kind = OrderType.MARKET if item["limit"] is None else OrderType.LIMIT
    tag, symbol, side = item["tag"], item["symbol"], Side(item["side"])
    return OrderRequest(tag, symbol, side, item["size"], kind, item["limit"])


def order_of(item: Dict[str, Any], request: Optional[OrderRequest] = None) -> OrderReport:
    """Return what became of an order."""
    event, time_ns = OrderEvent(item["state"]), item["time"] * NS_PER_SECOND
    filled = item.get("filled")
    return OrderReport(event, time_ns, item["tag"], item["order"], filled=filled, request=request)


def fill_of(item: Dict[str, Any]) -> FillReport:
    """Return an execution."""
    side, time_ns = Side(item["side"]), item["time"] * NS_PER_SECOND
    what = (item["fill"], item["symbol"], side, item["size"], item["price"], time_ns)
    return FillReport(*what, item["tag"], item["order"], commission=item["fee"])


def account_of(item: Dict[str, Any]) -> AccountReport:
    """Return the balances."""
    time_ns = item["time"] * NS_PER_SECOND
    return AccountReport(item["account"], item["currency"], item["cash"], item["value"], time_ns)


def closed_of(item: Dict[str, Any]) -> LinkReport:
    """Return the news that a stream is over."""
    subscription = Subscription(item["symbol"], MINUTES, 1)
    return LinkReport(LinkState.ENDED, item["time"] * NS_PER_SECOND, subscription)


CONVERT = {
    "bar": bar_of,
    "order": order_of,
    "fill": fill_of,
    "account": account_of,
    "closed": closed_of,
}


class TinyGateway(Gateway):
    """Sends requests as they come and asks for news twice a second."""

    capabilities = Capabilities(
        order_types=frozenset({OrderType.MARKET, OrderType.LIMIT}),
        timeframes=frozenset({(MINUTES, 1)}),
        history=True,
    )

    def __init__(self, host: str, port: int, token: Optional[str], clock: Clock) -> None:
        self._address, self._token, self._clock = (host, port), token, clock
        self._poller = Outbox("tiny-poll", clock.threaded)
        self._seen: Optional[int] = None
        self._open = False

    def connect(self, put: PutReport, timeout: float) -> None:
        self._put, self._timeout = put, timeout
        newest = self._ask("GET", "/newest")
        if self._seen is None:  # after a broken link we go on where we stopped
            self._seen = newest
        self._open = True
        self._poll_later()

    def disconnect(self) -> None:
        self._open = False

    def instrument(self, symbol: str) -> Instrument:
        known = self._ask("GET", "/instruments")
        if symbol not in known:
            raise UnknownInstrumentError(symbol, "tiny", ", ".join(sorted(known)))
        return Instrument(symbol, "tiny", known[symbol]["currency"])

    def subscribe(self, subscription: Subscription) -> None:
        self._ask("POST", "/streams/" + subscription.symbol)

    def unsubscribe(self, subscription: Subscription) -> None:
        self._ask("DELETE", "/streams/" + subscription.symbol)

    def history(
        self,
        subscription: Subscription,
        start_ns: Optional[int],
        end_ns: Optional[int],
        count: Optional[int] = None,
    ) -> Sequence[Bar]:
        bars = [bar_of(item) for item in self._ask("GET", "/bars/" + subscription.symbol)]
        bars = [bar for bar in bars if start_ns is None or bar.time_ns >= start_ns]
        bars = [bar for bar in bars if end_ns is None or bar.time_ns <= end_ns]
        return bars if count is None else bars[-count:]

    def place(self, group: Sequence[OrderRequest]) -> None:
        (request,) = group  # what the capabilities do not have has been refused already
        limit = request.price if request.order_type is OrderType.LIMIT else None
        terms = {"tag": request.client_order_id, "symbol": request.symbol, "limit": limit}
        self._ask("POST", "/orders", {**terms, "side": request.side.value, "size": request.size})

    def cancel(self, client_order_id: str, venue_order_id: Optional[str]) -> None:
        self._ask("DELETE", "/orders/" + client_order_id)

    def mass_status(self, since_ns: Optional[int] = None) -> MassStatus:
        said = self._ask("GET", "/status")
        orders = tuple(order_of(item, request_of(item)) for item in said["orders"])
        fills = tuple(fill_of(item) for item in said["fills"])
        held = tuple(PositionReport(*position) for position in said["positions"])
        now_ns = said["account"]["time"] * NS_PER_SECOND
        return MassStatus(now_ns, orders, fills, held, (account_of(said["account"]),))

    # News

    def _poll_later(self) -> None:
        self._clock.call_later(0.5, lambda: self._poller.submit(self._poll))

    def _poll(self) -> None:
        if not self._open:
            return
        try:
            for item in self._ask("GET", f"/news/{self._seen}"):
                self._seen = item["number"]
                self._put(report_of(item))
        except Exception as error:
            self._open = False
            self._put(LinkReport(LinkState.DOWN, self._clock.time_ns(), detail=str(error)))
        else:
            self._poll_later()

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        link = http.client.HTTPConnection(*self._address, timeout=self._timeout)
        try:
            headers = {"Authorization": f"Bearer {self._token}"}
            link.request(method, path, json.dumps(body), headers)
            answer = link.getresponse()
            text = answer.read().decode()
        finally:
            link.close()
        if answer.status in (400, 403, 404):  # it was read and refused: it had no effect
            raise VenueRefused(text, str(answer.status))
        if answer.status != 200:  # anything else proves nothing
            raise OutcomeUnknown(f"{answer.status}: {text}")
        return json.loads(text)


def report_of(item: Dict[str, Any]) -> Report:
    """Return one piece of news as a report."""
    return CONVERT[item["type"]](item)


class TinyStore(BaseStore):
    """An account at the imaginary venue."""

    name = "tiny"
    capabilities = TinyGateway.capabilities
    PARAMS = (
        Param("port", 8000, (int,), "port of the venue", minimum=1),
        Param("token", None, (str,), "the account's key", secret=True),
    )

    def make_gateway(self) -> Gateway:
        """Return a new gateway for the parameters."""
        params = self.params
        return TinyGateway(params.host, params.port, params.token, self.clock)
