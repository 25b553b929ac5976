"""Requests about orders at the simulated OANDA."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

from btstores.stores.oanda.simulator.account import Account
from btstores.stores.oanda.simulator.answers import tell, tell_done, tell_refusal
from btstores.stores.oanda.simulator.dealing import Dealer
from btstores.stores.oanda.simulator.ledger import Transaction
from btstores.stores.oanda.simulator.orders import EXITS, BadRequest, Order, Refused, read_order
from btstores.stores.oanda.simulator.requests import ACCOUNT, Answer, Failure, Request, Route
from btstores.stores.oanda.simulator.venue import Oanda

__all__ = ["OrderRoutes"]


class OrderRoutes:
    """Answers them; its caller holds the lock."""

    def __init__(self, venue: Oanda) -> None:
        self.venue = venue

    def paths(self) -> List[Route]:
        """Return the paths that are answered here."""
        account = ACCOUNT
        return [
            ("POST", account + "/orders", self._create),
            ("GET", account + "/orders", self._orders),
            ("GET", account + "/pendingOrders", self._pending),
            ("GET", account + r"/orders/(?P<order>[^/]+)", self._order),
            ("PUT", account + r"/orders/(?P<order>[^/]+)", self._replace),
            ("PUT", account + r"/orders/(?P<order>[^/]+)/cancel", self._cancel),
        ]

    def _dealer(self, account: Account) -> Dealer:
        return self.venue.dealers[account.account_id]

    def _create(self, request: Request, account: Account) -> Answer:
        body = request.body().get("order")
        if not isinstance(body, dict):
            raise BadRequest("Invalid value specified for 'order'")
        return self._place(request, account, body, None)

    def _place(
        self, request: Request, account: Account, body: Dict[str, Any], replaces: Optional[Order]
    ) -> Answer:
        dealer = self._dealer(account)
        kind = str(body.get("type"))
        with account.ledger.batch(request.number) as batch:
            try:
                if kind in EXITS.values():
                    return self._place_exit(request, account, kind, body, replaces, batch)
                now_ns = account.now_ns()
                order = read_order(body, self.venue.rates.listings, now_ns)
                self._check_names(account, order, replaces)
            except Refused as error:
                told = account.ledger.add(
                    f"{kind}_ORDER_REJECT",
                    **{name: value for name, value in body.items() if name != "type"},
                    rejectReason=error.code,
                    reason="REPLACEMENT" if replaces is not None else "CLIENT_ORDER",
                )
                return tell_refusal(request, account, told, error, batch)
            done: Dict[str, Transaction] = {}
            if replaces is not None:
                next_id = str(int(account.ledger.last_id) + 2)
                reason = "CLIENT_REQUEST_REPLACED"
                done["orderCancelTransaction"] = dealer.cancel(replaces, reason, next_id)
                taken = dealer.take(order, "REPLACEMENT", replaces)
                if "orderCancelTransaction" in taken:
                    done["replacingOrderCancelTransaction"] = taken.pop("orderCancelTransaction")
                done.update(taken)
            else:
                done = dealer.take(order)
            return tell_done(request, account, done, batch, 201)

    def _check_names(self, account: Account, order: Order, replaces: Optional[Order]) -> None:
        name = order.client.get("id")
        if name is None:
            return
        if any(one.client.get("id") == name and one is not replaces for one in account.pending()):
            raise Refused("CLIENT_ORDER_ID_ALREADY_EXISTS", "The client order ID is already in use")

    def _place_exit(
        self,
        request: Request,
        account: Account,
        kind: str,
        body: Dict[str, Any],
        replaces: Optional[Order],
        batch: List[Transaction],
    ) -> Answer:
        trade = account.trade_of(str(body.get("tradeID", "")))
        if trade is None or not trade.is_open:
            raise Refused("TRADE_DOESNT_EXIST", "The Trade specified does not exist")
        if replaces is not None and (replaces.kind, replaces.trade_id) != (kind, trade.trade_id):
            raise Refused("REPLACING_ORDER_INVALID", "The Order cannot take the other's place")
        if replaces is None and kind in trade.exits:
            raise Refused(f"{kind}_ORDER_ALREADY_EXISTS", "The Trade has such an Order already")
        done = self._dealer(account).read_exit(trade, kind, body, "CLIENT_ORDER")
        names = {"cancel": "orderCancel", "create": "orderCreate", "fill": "orderFill"}
        named = {f"{names[part]}Transaction": told for part, told in done.items()}
        return tell_done(request, account, named, batch, 201)

    def _orders(self, request: Request, account: Account) -> Answer:
        state = request.text("state", "PENDING")
        ids, name = request.names("ids"), request.text("instrument", "")
        count = request.number_of("count", 50, 500) or 50
        found = [
            one
            for one in account.orders.values()
            if state in ("ALL", one.state)
            and (not ids or one.order_id in ids)
            and name in ("", one.instrument)
        ]
        newest = found[::-1][:count]
        views = [account.order_view(one, request.unix) for one in newest]
        return tell(account, {"orders": views})

    def _pending(self, request: Request, account: Account) -> Answer:
        found = [account.order_view(one, request.unix) for one in account.pending()[::-1]]
        return tell(account, {"orders": found})

    def _order_named(self, account: Account, specifier: str) -> Order:
        order = account.order_of(specifier)
        if order is None:
            raise Failure(404, "The order ID specified does not exist", "NO_SUCH_ORDER")
        return order

    def _order(self, request: Request, account: Account, order: str) -> Answer:
        found = self._order_named(account, order)
        return tell(account, {"order": account.order_view(found, request.unix)})

    def _replace(self, request: Request, account: Account, order: str) -> Answer:
        body = request.body().get("order")
        if not isinstance(body, dict):
            raise BadRequest("Invalid value specified for 'order'")
        old = account.order_of(order)
        if old is None or old.state != "PENDING":
            return self._no_such_order(request, account, order)
        return self._place(request, account, body, old)

    def _cancel(self, request: Request, account: Account, order: str) -> Answer:
        found = account.order_of(order)
        if found is None or found.state != "PENDING":
            return self._no_such_order(request, account, order)
        with account.ledger.batch(request.number) as batch:
            told = self._dealer(account).cancel(found)
            return tell_done(request, account, {"orderCancelTransaction": told}, batch)

    def _no_such_order(self, request: Request, account: Account, specifier: str) -> Answer:
        named = specifier.startswith("@")
        with account.ledger.batch(request.number) as batch:
            told = account.ledger.add(
                "ORDER_CANCEL_REJECT",
                orderID=None if named else specifier,
                clientOrderID=specifier[1:] if named else None,
                rejectReason="ORDER_DOESNT_EXIST",
            )
            error = Refused("ORDER_DOESNT_EXIST", "The Order specified does not exist")
            name = "orderCancelRejectTransaction"
            return tell_refusal(request, account, told, error, batch, name, 404)
