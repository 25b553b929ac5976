"""One account at OANDA: orders by requests, what becomes of them by the stream of transactions."""

from __future__ import annotations

import logging
from typing import Any, Dict, List, Mapping, Optional, Sequence, Set, Tuple, Union
from urllib.parse import parse_qs, urlsplit

from btstores.clock import NS_PER_SECOND, Clock, Timer
from btstores.errors import (
    ConfigError,
    LinkError,
    UnknownInstrumentError,
    VenueRefused,
)
from btstores.inbox import Outbox, Signal
from btstores.instruments import Instrument
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
    Subscription,
    Tick,
)
from btstores.stores.gateway import Gateway, PutReport
from btstores.stores.oanda.client import UNAUTHORIZED, Client, Place, endpoint
from btstores.stores.oanda.convert import (
    account_of,
    body_of,
    changed,
    changed_terms,
    instrument_of,
    order_of,
    position_of,
    reports_of,
    time_of,
    time_text,
)
from btstores.stores.oanda.exits import exits_of
from btstores.stores.oanda.prices import Prices
from btstores.stores.oanda.sides import split
from btstores.stores.oanda.transactions import Transactions

__all__ = ["OandaGateway"]

log = logging.getLogger(__name__)

#: Real seconds between two looks at what is due, and monotonic ones between two at the account.
_TURN, _ACCOUNT_NS, _SOON_NS = 0.05, NS_PER_SECOND, 200_000_000
_FAILURES = 3
#: A mass status goes back so far for fills and ends when nobody asks for more.
_PAST_NS = 24 * 3600 * NS_PER_SECOND
_PAGE = 1000
_DONE = frozenset(
    {"orderCreateTransaction", "orderFillTransaction", "orderCancelTransaction"}
    | {"replacingOrderCancelTransaction", "orderReissueTransaction"}
)


class OandaGateway(Gateway):
    """See `btstores.stores.gateway.Gateway`.

    ``silence`` is how many seconds a stream may say nothing; heartbeats come every five (v20
    documentation, Pricing and Transaction stream).
    """

    def __init__(
        self, clock: Clock, place: Place, account: Optional[str], wanted: str, silence: float = 12.0
    ) -> None:
        self._clock = clock
        self._place = place
        self._account = account or ""
        self._silence = silence
        self._orders = Client(place)
        self._asking = Client(place)
        self._turning = Client(place)
        self.transactions = Transactions(clock)
        self.prices = Prices(clock, place, self._account, wanted, silence)
        self._instruments: Dict[str, Instrument] = {}
        #: The same as OANDA has told them.
        self.listings: Dict[str, Mapping[str, Any]] = {}
        #: The instruments that the account has been told to hold.
        self._held: Set[str] = set()
        self._put: Optional[PutReport] = None
        self._generation = self._failures = 0
        self._looked_ns = self._changes = 0
        self._was_behind = False
        self._stop = Signal()
        self._worker = Outbox("oanda-gateway")
        self._timer: Optional[Timer] = None

    # The link

    def connect(self, put: PutReport, timeout: float) -> None:
        self.disconnect()
        self._generation += 1
        self._find_account()
        summary = self._orders.get(endpoint("accounts", "AccountSummary", self._account))
        rows = self._orders.get(endpoint("accounts", "AccountInstruments", self._account))
        for row in rows.get("instruments") or ():
            instrument = instrument_of(row)
            self._instruments[instrument.symbol] = instrument
            self.listings[instrument.symbol] = row
        if not self.transactions.last_id:
            self.transactions.begin(_id_of(summary.get("lastTransactionID")))
        self._put = self.transactions.put = self.prices.put = put
        self._look_at_clocks()
        self.prices.lost = self._loser_of(self._generation)
        self._begin()

    def _find_account(self) -> None:
        """Look whether token and account are good. Raises `ConfigError`."""
        try:
            known = self._orders.get(endpoint("accounts", "AccountList")).get("accounts") or []
        except VenueRefused as error:
            if error.venue_code == UNAUTHORIZED:
                raise ConfigError.of("token", "***", f"one that OANDA takes ({error})") from error
            raise LinkError(str(error)) from error
        names = [str(one.get("id")) for one in known if isinstance(one, dict)]
        if not self._account and len(names) == 1:
            self._account = self.prices.account = names[0]
        if self._account not in names:
            value = self._account or None
            raise ConfigError.of("account", value, "one of the token's: " + ", ".join(names))

    def _look_at_clocks(self) -> None:
        """Note how far the venue's clock is from ours, where that is far: a simulated one."""
        symbol = next(iter(self._instruments), "EUR_USD")
        params = {"instruments": symbol}
        answer = self._orders.get(endpoint("pricing", "PricingInfo", self._account, params=params))
        time_ns = time_of(answer.get("time"))
        offset_ns = 0 if time_ns is None else time_ns - self._clock.time_ns()
        self.prices.offset_ns = offset_ns if abs(offset_ns) > 10 * NS_PER_SECOND else 0

    def disconnect(self) -> None:
        self._generation += 1
        self._stop.set()
        self._put = self.transactions.put = None
        self.prices.close()
        if self._timer is not None:
            self._timer.cancel()
        self._worker.stop(5.0)
        for client in (self._orders, self._asking, self._turning):
            client.close()

    def _loser_of(self, generation: int) -> Any:
        """Return what hears of the end of this link."""

        def lost(reason: str) -> None:
            put = self._put
            if generation != self._generation or put is None:
                return
            self._put = None
            put(LinkReport(LinkState.DOWN, self._clock.time_ns(), detail=reason))

        return lost

    # What comes by itself

    def _begin(self) -> None:
        self._stop = stop = Signal()
        self._failures, self._looked_ns = 0, self._clock.monotonic_ns()
        generation = self._generation
        reader = Outbox("oanda-transactions")
        reader.submit(lambda: self._read(generation))
        reader.stop(0.0)

        def turn() -> None:
            if not stop.is_set():
                self._turn(generation)
                self._timer = self._clock.call_later(_TURN, lambda: self._worker.submit(turn))

        self._worker.submit(turn)

    def _read(self, generation: int) -> None:
        """Read the stream of transactions until the link is given up."""
        client = Client(self._place, self._silence)
        request = endpoint("transactions", "TransactionsStream", self._account)
        try:
            for line in client.lines(request):
                if generation != self._generation:
                    return
                if line.get("type") != "HEARTBEAT":
                    self.transactions.hear(line)
                elif self.transactions.is_behind(line.get("lastTransactionID")):
                    self._was_behind = True
        except (LinkError, VenueRefused) as error:
            self._loser_of(generation)(str(error))

    def _turn(self, generation: int) -> None:
        try:
            self.prices.turn(self._turning)
            now_ns = self._clock.monotonic_ns()
            is_news = self.transactions.changes != self._changes
            if now_ns - self._looked_ns > (_SOON_NS if is_news else _ACCOUNT_NS):
                self._changes = self.transactions.changes
                self._looked_ns = now_ns
                self._look()
            self._failures = 0
        except (LinkError, VenueRefused) as error:
            self._failures += 1
            log.warning("oanda.turn_failed error=%s", error)
            if self._failures >= _FAILURES:
                self._loser_of(generation)(str(error))
        except Exception:
            log.exception("oanda.turn_failed")

    def _look(self) -> None:
        """Ask for the account's sums and positions, and whether a transaction was missed."""
        answer = self._turning.get(endpoint("accounts", "AccountSummary", self._account))
        self._tell_account(answer)
        behind = self.transactions.is_behind(answer.get("lastTransactionID"))
        if behind and self._was_behind:
            self._catch_up()
        self._was_behind = behind
        held = self._turning.get(endpoint("positions", "OpenPositions", self._account))
        put, now_ns = self._put, self._clock.time_ns()
        reports = _positions(held.get("positions"), now_ns)
        gone = self._held - {one.symbol for one in reports}
        self._held = {one.symbol for one in reports}
        # The list is of what is held: what has been closed is only missing in it.
        for report in [*reports, *(PositionReport(one, 0.0, None, now_ns) for one in gone)]:
            if put is not None:
                put(report)

    def _tell_account(self, answer: Mapping[str, Any]) -> None:
        put, row = self._put, answer.get("account")
        if put is not None and isinstance(row, dict):
            put(account_of(row, self._clock.time_ns()))

    def _catch_up(self) -> None:
        """Hear all transactions after the last that was heard. Raises `LinkError`."""
        since = self.transactions.last_id
        while True:
            params = {"id": since}
            request = endpoint("transactions", "TransactionsSinceID", self._account, params=params)
            rows = _rows(self._turning.get(request).get("transactions"))
            for row in rows:
                self.transactions.hear(row)
            if len(rows) < _PAGE:
                return
            since = _id_of(rows[-1].get("id"))

    # What the store asks for

    def instrument(self, symbol: str) -> Instrument:
        try:
            return self._instruments[symbol]
        except KeyError:
            raise UnknownInstrumentError(symbol, "OANDA") from None

    def subscribe(self, subscription: Subscription) -> None:
        self.instrument(split(subscription.symbol, "")[0])
        self.prices.subscribe(subscription)

    def unsubscribe(self, subscription: Subscription) -> None:
        self.prices.unsubscribe(subscription)

    def history(
        self,
        subscription: Subscription,
        start_ns: Optional[int],
        end_ns: Optional[int],
        count: Optional[int] = None,
    ) -> Sequence[Union[Bar, Tick]]:
        return self.prices.history(self._asking, subscription, start_ns, end_ns, count)

    def place(self, group: Sequence[OrderRequest]) -> None:
        entry, instrument = group[0], self.instrument(group[0].symbol)
        data = {"order": {**body_of(entry, instrument), **exits_of(group[1:], instrument)}}
        answer = self._orders.act(endpoint("orders", "OrderCreate", self._account, data=data))
        self._heard_in(answer)

    def cancel(self, client_order_id: str, venue_order_id: Optional[str]) -> None:
        if self._change_exit(client_order_id, None):
            return
        answer = self._orders.act(
            endpoint(
                "orders", "OrderCancel", self._account, self._name(client_order_id, venue_order_id)
            )
        )
        self._heard_in(answer)

    def _change_exit(self, client_order_id: str, changes: Optional[Mapping[str, Any]]) -> bool:
        """Change an exit that waits on its entry, or take it away; False for any other order.

        Raises `VenueRefused` for a change of its size: that is its entry's.
        """
        found = self.transactions.entry_of(client_order_id)
        if found is None:
            return False
        order_id, field = found
        entry = self._pending(order_id)
        if entry is None:
            return False
        instrument = self.instrument(str(entry.get("instrument")))
        terms = None
        if changes is not None:
            _check_size(changes)
            terms = {**entry[field], **changed_terms(instrument, changes)}
        body = changed({**entry, field: terms}, instrument, {})
        answer = self._orders.act(
            endpoint("orders", "OrderReplace", self._account, order_id, data={"order": body})
        )
        self._heard_in(answer)
        return True

    def _pending(self, name: str) -> Optional[Mapping[str, Any]]:
        """Return an order as it is at OANDA, or None if it is not pending any more."""
        found = self._orders.act(endpoint("orders", "OrderDetails", self._account, name))
        order = found.get("order")
        return order if isinstance(order, dict) and order.get("state") == "PENDING" else None

    def modify(self, modification: OrderModification) -> None:
        changes = modification._asdict()
        if self._change_exit(modification.client_order_id, changes):
            return
        name = self._name(modification.client_order_id, modification.venue_order_id)
        order = self._pending(name)
        if order is None:
            raise VenueRefused("the order is not pending any more", "ORDER_DOESNT_EXIST")
        trade = self.transactions.trades.get(str(order.get("tradeID")), {})
        if "tradeID" in order:
            _check_size(changes)
        instrument = self.instrument(str(order.get("instrument", trade.get("instrument"))))
        data = {"order": changed(order, instrument, changes)}
        answer = self._orders.act(
            endpoint("orders", "OrderReplace", self._account, order["id"], data=data)
        )
        self._heard_in(answer)

    def _name(self, client_order_id: str, venue_order_id: Optional[str]) -> str:
        """Return what to call an order: by our id, which a change does not change."""
        if client_order_id and client_order_id != venue_order_id:
            return f"@{client_order_id}"
        return str(venue_order_id)

    def _heard_in(self, answer: Mapping[str, Any]) -> None:
        """Hear the transactions that come with an answer, in their order."""
        rows = [row for name, row in answer.items() if name in _DONE and isinstance(row, dict)]
        for row in sorted(rows, key=lambda row: _id_of(row.get("id"))):
            self.transactions.hear(row)

    # Everything

    def mass_status(self, since_ns: Optional[int] = None) -> MassStatus:
        try:
            return self._status(since_ns)
        except VenueRefused as error:
            raise LinkError(str(error)) from error

    def _status(self, since_ns: Optional[int]) -> MassStatus:
        now_ns = self._clock.time_ns()
        answer = self._orders.get(endpoint("accounts", "AccountDetails", self._account))
        row = answer.get("account")
        if not isinstance(row, dict):
            raise LinkError("OANDA has answered a question for the account without one")
        trades = {str(one.get("id")): one for one in _rows(row.get("trades"))}
        waiting = _rows(row.get("orders"))
        exits = self.transactions.take(waiting, trades)
        orders, fills = self._past(now_ns, since_ns)
        pending = [order_of(one, trades, now_ns) for one in waiting]
        orders += [one for one in pending if one is not None] + exits
        positions = tuple(_positions(row.get("positions"), now_ns))
        self._held |= {one.symbol for one in positions}
        accounts = (account_of(row, now_ns),)
        return MassStatus(now_ns, tuple(orders), tuple(fills), positions, accounts)

    def _past(
        self, now_ns: int, since_ns: Optional[int]
    ) -> Tuple[List[OrderReport], List[FillReport]]:
        """Return how orders have ended and what was filled since then."""
        begin_ns = self.prices.now_ns() - _PAST_NS
        if since_ns is not None:
            begin_ns = min(begin_ns, since_ns + self.prices.offset_ns)
        params = {
            "from": time_text(max(0, begin_ns)),
            "type": "ORDER_FILL,ORDER_CANCEL",
            "pageSize": _PAGE,
        }
        request = endpoint("transactions", "TransactionList", self._account, params=params)
        rows: List[Mapping[str, Any]] = []
        for page in self._orders.get(request).get("pages") or ():
            rows += self._page(str(page))
        orders: List[OrderReport] = []
        fills: List[FillReport] = []
        for row in rows:
            for report in reports_of(row, self.transactions.trades, now_ns):
                if isinstance(report, FillReport):
                    fills.append(report)
                elif isinstance(report, OrderReport) and row.get("type") == "ORDER_CANCEL":
                    orders.append(report)
        return orders, fills

    def _page(self, link: str) -> List[Mapping[str, Any]]:
        """Return the transactions of a page, whose link names its first and last."""
        params = parse_qs(urlsplit(link).query)
        wanted = {name: params[name][0] for name in ("from", "to") if name in params}
        request = endpoint("transactions", "TransactionIDRange", self._account, params=wanted)
        return _rows(self._orders.get(request).get("transactions"))


def _rows(found: Any) -> List[Mapping[str, Any]]:
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _positions(found: Any, now_ns: int) -> List[PositionReport]:
    reports = [position_of(one, now_ns) for one in _rows(found)]
    return [one for one in reports if one is not None]


def _id_of(value: Any) -> int:
    try:
        return int(str(value))
    except ValueError:
        return 0


def _check_size(changes: Mapping[str, Any]) -> None:
    """Raise `VenueRefused` for a change of an exit's size."""
    if changes.get("size") is not None:
        raise VenueRefused("an exit is for all of its trade", "SIZE_OF_TRADE")
