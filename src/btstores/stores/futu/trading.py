"""The account half of the gateway: orders, fills, positions and balances."""

from __future__ import annotations

import logging
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

from btstores.clock import NS_PER_SECOND, Clock
from btstores.errors import ConfigError, LinkError, OutcomeUnknown, VenueRefused
from btstores.reports import (
    AccountReport,
    FillReport,
    MassStatus,
    OrderEvent,
    OrderModification,
    OrderReport,
    OrderRequest,
    PositionReport,
)
from btstores.stores.futu.link import Connection
from btstores.stores.futu.orders import (
    CURRENCIES,
    Terms,
    account_report,
    fill_change,
    fill_header,
    fill_order,
    position_report,
    time_text,
)
from btstores.stores.futu.symbols import REAL, SIMULATE, FutuMarket
from btstores.stores.futu.tracker import Tracker, lacks_power
from btstores.stores.gateway import PutReport

__all__ = ["Trading", "choose_account"]

log = logging.getLogger(__name__)

_CURRENCY_NUMBERS = {name: number for number, name in CURRENCIES.items()}
_CURRENCY_NUMBERS["CNY"] = _CURRENCY_NUMBERS["CNH"]  # outside the mainland it is called so
_CANCEL = 2
_ACTIVE = 0
#: Around the times that a list of the past is asked for: clocks differ.
_SLACK_NS = 60 * NS_PER_SECOND


class Trading:
    """One account at OpenD. ``put`` is set while the link is up."""

    def __init__(self, clock: Clock, terms: Terms, currency: str) -> None:
        self._clock = clock
        self.terms = terms
        self._currency = currency
        self.put: Optional[PutReport] = None
        self.connection: Optional[Connection] = None
        #: Whether something has happened that changes balances and positions.
        self.stale = False
        self._tracker = Tracker(terms)
        self._pushes: Dict[str, Callable[[Any], None]] = {
            "Trd_UpdateOrder": self._on_order,
            "Trd_UpdateOrderFill": self._on_fill,
        }
        self._told: Tuple[Any, ...] = ()

    @property
    def pushes(self) -> Dict[str, Callable[[Any], None]]:
        """Return what is done with each kind of push."""
        return self._pushes

    def _ask(self, name: str, fill: Callable[[Any], None]) -> Any:
        if self.connection is None:
            raise VenueRefused(f"OpenD is not connected: {name} was not sent")
        return self.connection.ask(name, fill)

    def _ask_about(self, name: str, fresh: bool = False) -> Any:
        """Ask for a list of the account; ``fresh`` past OpenD's cache, where it may be asked."""

        def fill(c2s: Any) -> None:
            fill_header(c2s.header, self.terms)
            c2s.refreshCache = fresh

        return self._ask(name, fill)

    # Requests, on the sending thread

    def place(self, request: OrderRequest) -> None:
        """Send an order. Raises `VenueRefused`, or `OutcomeUnknown`."""
        try:
            answer = self._ask("Trd_PlaceOrder", lambda c2s: fill_order(c2s, request, self.terms))
        except VenueRefused as error:
            if self.put is None or not lacks_power(str(error)):
                raise
            key, now_ns = request.client_order_id, self._clock.time_ns()
            self.put(OrderReport(OrderEvent.MARGIN, now_ns, key, reason=str(error)))
            return
        self._tracker.sent(request, answer.orderIDEx or str(answer.orderID))

    def cancel(self, client_order_id: str, order_id: Optional[str]) -> None:
        """Ask for a cancellation. Raises `VenueRefused`, or `OutcomeUnknown`."""
        known = self._order_id(client_order_id, order_id)

        def fill(c2s: Any) -> None:
            fill_header(c2s.header, self.terms)
            c2s.orderID, c2s.orderIDEx, c2s.modifyOrderOp = 0, known, _CANCEL

        self._ask("Trd_ModifyOrder", fill)

    def modify(self, change: OrderModification) -> None:
        """Ask for a change. Raises `VenueRefused`, or `OutcomeUnknown`."""
        order_id = self._order_id(change.client_order_id, change.venue_order_id)
        known = self._tracker.find(change.client_order_id, order_id)
        if known is None:
            raise VenueRefused(f"OpenD has told nothing of order {order_id}")
        now = known.request
        self._ask(
            "Trd_ModifyOrder", lambda c2s: fill_change(c2s, order_id, change, now, self.terms)
        )

    def _order_id(self, client_order_id: str, order_id: Optional[str]) -> str:
        """Return OpenD's id of an order, asking for it when its answer has not come."""
        if order_id is not None:
            return order_id
        known = self._tracker.find(client_order_id, None)
        if known is None:
            for order in self._ask_about("Trd_GetOrderList", fresh=True).orderList:
                self._hear(order)
            known = self._tracker.find(client_order_id, None)
        if known is None:
            raise VenueRefused(f"OpenD has no order {client_order_id}", "ORDER_UNKNOWN")
        return known.order_id

    # Pushes, on the client's network thread

    def _on_order(self, s2c: Any) -> None:
        if s2c.header.accID == self.terms.account:
            self._hear(s2c.order)

    def _hear(self, order: Any) -> None:
        put = self.put
        for report in self._tracker.hear(order, self._clock.time_ns()):
            self.stale = True
            if put is not None:
                put(report)

    def _on_fill(self, s2c: Any) -> None:
        if s2c.header.accID != self.terms.account:
            return
        report = self._tracker.hear_fill(s2c.orderFill)
        self.stale = True
        put = self.put
        if report is not None and put is not None:
            put(report)

    # The state of the account

    def mass_status(self, since_ns: Optional[int] = None) -> MassStatus:
        """Return orders, fills, positions and balances. Raises what a query raises.

        OpenD lists what is alive or of the day; ``since_ns`` asks for what has ended since too.
        """
        now_ns = self._clock.time_ns()
        told = list(self._ask_about("Trd_GetOrderList", fresh=True).orderList)
        if since_ns is not None:
            listed = {order.orderIDEx for order in told}
            past = self._ask_past("Trd_GetHistoryOrderList", since_ns, now_ns).orderList
            told += [order for order in past if order.orderIDEx not in listed]
        fills = self._fills(told, since_ns, now_ns)
        orders = [self._tracker.status(order, now_ns) for order in told]
        # What OpenD has not decided on is there all the same.
        pending = [order.remark for order, status in zip(told, orders) if status is None]
        positions, account = self._positions(fresh=True), self._account(fresh=True)
        return MassStatus(
            now_ns,
            tuple(order for order in orders if order is not None),
            tuple(fills),
            tuple(positions),
            (account,),
            pending=tuple(pending),
        )

    def _ask_past(self, name: str, since_ns: int, now_ns: int) -> Any:
        """Ask for a list of the account's past. It is not said which time of an order counts."""

        def fill(c2s: Any) -> None:
            fill_header(c2s.header, self.terms)
            c2s.filterConditions.beginTime = time_text(since_ns - _SLACK_NS, self.terms.timezone)
            c2s.filterConditions.endTime = time_text(now_ns + _SLACK_NS, self.terms.timezone)

        return self._ask(name, fill)

    def _fills(
        self, orders: Sequence[Any], since_ns: Optional[int], now_ns: int
    ) -> List[FillReport]:
        if self.terms.environment == SIMULATE:
            return [fill for order in orders for fill in self._tracker.fills_of(order, now_ns)]
        for order in orders:
            self._tracker.hear(order, now_ns)
        told = list(self._ask_about("Trd_GetOrderFillList", fresh=True).orderFillList)
        if since_ns is not None:
            told += self._ask_past("Trd_GetHistoryOrderFillList", since_ns, now_ns).orderFillList
        found = {fill.fillIDEx: self._tracker.hear_fill(fill) for fill in told}
        return [report for report in found.values() if report is not None]

    def _positions(self, fresh: bool = False) -> List[PositionReport]:
        now_ns = self._clock.time_ns()
        told = self._ask_about("Trd_GetPositionList", fresh).positionList
        found = [position_report(position, self.terms, now_ns) for position in told]
        return [report for report in found if report is not None and report.size]

    def _account(self, fresh: bool = False) -> AccountReport:
        def fill(c2s: Any) -> None:
            fill_header(c2s.header, self.terms)
            c2s.refreshCache = fresh
            c2s.currency = _CURRENCY_NUMBERS.get(self._currency, 0)

        funds = self._ask("Trd_GetFunds", fill).funds
        return account_report(funds, self.terms, self._currency, self._clock.time_ns())

    def refresh(self) -> None:
        """Tell balances and positions if they have changed; on the gateway's own thread."""
        self.stale = False
        try:
            positions, account = self._positions(), self._account()
            if self._tracker.lacking_fills() and self.terms.environment == REAL:
                self._fetch_fills()
        except (LinkError, VenueRefused, OutcomeUnknown) as error:
            log.warning("futu.refresh_failed account=%s error=%s", self.terms.account, error)
            return
        told = (account._replace(time_ns=0), *(one._replace(time_ns=0) for one in positions))
        put = self.put
        if told == self._told or put is None:
            return
        held = {one.symbol for one in self._told[1:]} - {one.symbol for one in positions}
        self._told = told
        put(account)
        for report in positions:
            put(report)
        for symbol in sorted(held):
            put(PositionReport(symbol, 0.0, time_ns=self._clock.time_ns()))

    def _fetch_fills(self) -> None:
        """Ask for the fills that the orders speak of and nobody has told."""
        put = self.put
        for fill in self._ask_about("Trd_GetOrderFillList", fresh=True).orderFillList:
            report = self._tracker.hear_fill(fill)
            if report is not None and put is not None:
                put(report)

    def poll(self) -> None:
        """Look at the orders: OpenD has been seen to end one without a word."""
        try:
            for order in self._ask_about("Trd_GetOrderList").orderList:
                self._hear(order)
        except (LinkError, VenueRefused, OutcomeUnknown) as error:
            log.warning("futu.poll_failed account=%s error=%s", self.terms.account, error)


def choose_account(
    accounts: Sequence[Any],
    market: FutuMarket,
    environment: str,
    wanted: Optional[str],
    firm: Optional[int],
) -> Any:
    """Return the account to trade on, a Trd_Common.TrdAcc.

    Raises `ConfigError` when none or more than one fits; the message names what there is.
    """
    number = market.real if environment == REAL else market.simulate
    env = 1 if environment == REAL else 0
    fit = [
        each
        for each in accounts
        if each.trdEnv == env
        and number in each.trdMarketAuthList
        and each.accStatus == _ACTIVE
        and (environment == REAL or not each.simAccType or each.simAccType in market.accounts)
        and (firm is None or not each.securityFirm or each.securityFirm == firm)
    ]
    if wanted is not None:
        named = [each for each in fit if wanted in (str(each.accID), each.cardNum)]
        if named:
            return named[0]
    elif len(fit) == 1:
        return fit[0]
    known = ", ".join(str(each.accID) for each in fit) or "none"
    expected = f"one of the {environment} accounts for this market: {known}"
    raise ConfigError.of("account", wanted, expected)
