"""One account of the simulated OpenD: it takes orders, changes and ends them, and is kept."""

from __future__ import annotations

import dataclasses
from typing import Any, Dict, List, Mapping, Optional

from btstores.errors import ConfigError
from btstores.reports import OrderModification
from btstores.reports import Side as OurSide
from btstores.stores.futu.opend.accountconfig import DEFAULT_ACCOUNTS, AccountConfig
from btstores.stores.futu.opend.codes import Kind, Op, Side, Status, purse_of
from btstores.stores.futu.opend.floor import FUTURES_TYPES, Floor, refusal_text
from btstores.stores.futu.opend.orders import (
    FutuFill,
    FutuOrder,
    Ticket,
    expiry_of,
    order_from,
    request_of,
)
from btstores.stores.futu.opend.purses import Holding
from btstores.stores.futu.opend.rules import check_prices, check_size, check_ticket, side_of
from btstores.stores.futu.opend.session import Refused
from btstores.stores.futu.opend.views import funds_of, positions_of, sellable_of

__all__ = ["DEFAULT_ACCOUNTS", "AccountConfig", "TradingAccount"]

#: Fields that an order has from its ticket as they are.
_COPIED = (
    "remark",
    "outside",
    "session",
    "aux_price",
    "trail_type",
    "trail_value",
    "trail_spread",
    "expire_time",
)


class TradingAccount(Floor):
    """One account. All methods may be called from any thread."""

    # Orders

    def place(self, ticket: Ticket) -> FutuOrder:
        """Take an order. Raises `Refused` for one that is not taken."""
        with self.guard():
            order = self._made(ticket)
            if self.config.order_delay > 0 or self._reject_next is not None:
                self._emit(order)
                reason, self._reject_next = self._reject_next, None
                if reason is not None:
                    self._end(order, Status.FAILED, reason)
                else:
                    self._later(lambda: self._send(order))
                return order
            self._placing = order
            try:
                self._send(order)
            finally:
                self._placing = None
            refusal = self._refused()
            if refusal is not None:
                del self.orders[order.key]
                self._active.pop(order.key, None)
                raise Refused(refusal_text(refusal))
            return order

    def modify(
        self,
        key: str,
        qty: Optional[float] = None,
        price: Optional[float] = None,
        adjust: Optional[float] = None,
        **trigger: Any,
    ) -> FutuOrder:
        """Change an order: ``qty`` is the new total, what is filled included. Raises `Refused`.

        ``trigger`` may have aux_price, trail_type, trail_value and trail_spread. A trailing order
        starts anew from the last price.
        """
        with self.guard():
            order = self.found(key)
            self._check_alive(order, "modified")
            new = self._changed(order, qty, price, adjust, trigger)
            if self.config.order_delay > 0:
                self._later(lambda: self._try_change(order, new))
            else:
                self._change(order, new)
            return order

    def cancel(self, key: str) -> FutuOrder:
        """Cancel an order. Raises `Refused`."""
        with self.guard():
            order = self.found(key)
            self._check_alive(order, "cancelled")
            if self.config.order_delay > 0:
                order.status = Status.CANCELLING_PART if order.filled else Status.CANCELLING_ALL
                self._emit(order)
                self._later(lambda: self._end(order) if order.active else None)
            else:
                self._end(order)
            return order

    def apply(self, key: str, op: int) -> FutuOrder:
        """Cancel, disable, enable or delete an order. Raises `Refused`."""
        if op == Op.CANCEL:
            return self.cancel(key)
        with self.guard():
            order = self.found(key)
            if op == Op.DELETE:
                if order.filled or order.status == Status.DELETED:
                    raise Refused(f"order {key} cannot be deleted: it is {_name(order)}")
                self._end(order, Status.DELETED)
            elif op == Op.DISABLE:
                self._check_alive(order, "disabled")
                self._park(order, "disabled")
                order.status = Status.DISABLED
                self._emit(order)
            else:
                if order.status != Status.DISABLED:
                    raise Refused(f"order {key} cannot be enabled: it is {_name(order)}")
                order.status = Status.SUBMITTING
                self._send(order)
            return order

    def found(self, key: str) -> FutuOrder:
        """Return an order by its key. Raises `Refused` for one that is not there."""
        order = self.orders.get(key)
        if order is None:
            raise Refused(f"order {key!r} does not exist in account {self.config.acc_id}")
        return order

    def _made(self, ticket: Ticket) -> FutuOrder:
        """Check a ticket and return the new order. Raises `Refused`."""
        symbol, now = ticket.symbol, self.clock.time_ns()
        instrument, config = self.instrument(symbol), self.config_of(ticket.symbol)
        if not instrument.tradable:
            raise Refused(f"trading of {symbol} is suspended")
        simulated, margin = self.config.simulated, self.config.margin
        check_ticket(ticket, config, simulated, margin, now)
        size = check_size(ticket.qty, instrument)
        ticket = check_prices(ticket, instrument, config)
        side = side_of(self, ticket, size, instrument)
        self._counts["order"] += 1
        number = self._number("order")
        order = FutuOrder(
            number,
            f"FT{number:013X}",
            symbol,
            instrument.name or symbol,
            int(self.market_of(symbol)),
            int(side),
            int(ticket.kind),
            size,
            ticket.price,
            purse_of(instrument.currency),
            now,
            now,
            int(Status.SUBMITTING),
            int(ticket.tif),
            expire_ns=expiry_of(ticket, config, now),
            **{name: getattr(ticket, name) for name in _COPIED},
        )
        self.orders[order.key] = self._active[order.key] = order
        self.dirty = True
        return order

    def _check_alive(self, order: FutuOrder, done: str) -> None:
        if not order.active or order.status in (Status.CANCELLING_ALL, Status.CANCELLING_PART):
            raise Refused(f"order {order.key} cannot be {done}: it is {_name(order)}")

    def _changed(
        self,
        order: FutuOrder,
        qty: Optional[float],
        price: Optional[float],
        adjust: Optional[float],
        trigger: Mapping[str, Any],
    ) -> Dict[str, Any]:
        """Return the new values of an order. Raises `Refused`."""
        instrument, config = self.instrument(order.symbol), self.config_of(order.symbol)
        size = order.qty if qty is None else check_size(qty, instrument)
        if size <= order.filled:
            raise Refused(f"qty {size:g}: {order.filled:g} of the order is filled already")
        terms = {name: getattr(order, name) for name in _COPIED}
        terms.update({name: value for name, value in trigger.items() if value is not None})
        asked = order.price if price is None else price
        ticket = Ticket(
            order.symbol, order.side, size, asked, order.kind, order.tif, adjust=adjust, **terms
        )
        ticket = check_prices(ticket, instrument, config)
        if size > order.qty and config.market not in FUTURES_TYPES:
            free, more = sellable_of(self, order.symbol), size - order.qty
            if Side(order.side).sells and self.size_of(order.symbol) > 0 and more > free:
                raise Refused(f"qty {size:g}: only {free:g} more can be sold")
        names = ("price", "aux_price", "trail_type", "trail_value", "trail_spread")
        return {"qty": size, **{name: getattr(ticket, name) for name in names}}

    def _try_change(self, order: FutuOrder, new: Mapping[str, Any]) -> None:
        if order.active and order.filled < new["qty"]:
            try:
                self._change(order, new)
            except Refused as refused:
                order.error = refused.text

    def _change(self, order: FutuOrder, new: Mapping[str, Any]) -> None:
        """Apply a modification, at the exchange too. Raises `Refused` if that says no."""
        old = {name: getattr(order, name) for name in new}
        live_id = order.live_id
        for name, value in new.items():
            setattr(order, name, value)
        if live_id is None:
            self._emit(order)
            return
        if order.trail_value is not None:
            self._park(order, "")
            self._emit(order)
            self._send(order)
            return
        request = request_of(order, None, 0)
        self.purse_for(order.symbol).exchange.modify(
            OrderModification(
                live_id,
                size=round(order.qty - order.base, 10),
                price=request.price,
                limit_price=request.limit_price,
            )
        )
        refusal = self._refused()
        if refusal is not None:
            for name, value in old.items():
                setattr(order, name, value)
            raise Refused(refusal_text(refusal))

    # By hand: what a person does in the app, and what a test wants to happen

    def place_by_hand(
        self,
        symbol: str,
        side: str,
        qty: float,
        price: Optional[float] = None,
        kind: Optional[int] = None,
        **terms: Any,
    ) -> Dict[str, Any]:
        """Place an order outside the API, 'buy' or 'sell'; without a price at market.

        ``terms`` are further fields of a `Ticket`. Raises `Refused`, and `ConfigError` for a side
        that is none.
        """
        if side.upper() not in ("BUY", "SELL"):
            raise ConfigError.of("side", side, "'buy' or 'sell'")
        if kind is None:
            kind = Kind.MARKET if price is None else Kind.NORMAL
        number = int(Side[side.upper()])
        ticket = Ticket(symbol, number, float(qty), price or 0.0, kind, **terms)
        return self.place(ticket).as_dict()

    def cancel_by_hand(self, order: Any) -> Dict[str, Any]:
        """Cancel an order outside the API, by its key or number. Raises `Refused`."""
        return self.cancel(self._key_of(order)).as_dict()

    def cancel_fill(self, fill: Any) -> Dict[str, Any]:
        """Take a fill back, by its key or number, or the last one of an order.

        The order ends with status 24; position, cash and fees are as if it had not been. Raises
        `Refused` for what is not there.
        """
        with self.guard():
            found = self._fill_of(fill)
            order = self.found(found.order_key)
            back = OurSide.BUY if Side(found.side).sells else OurSide.SELL
            instrument = self.instrument(found.symbol)
            money = self.purse_for(found.symbol).account
            money.trade(found.symbol, back, found.qty, found.price, -found.fee)
            self.holding(found.symbol).trade(back, found.qty, found.price, instrument.multiplier)
            found.status, found.updated_ns = 1, self.clock.time_ns()
            order.filled = round(order.filled - found.qty, 10)
            order.value -= found.qty * found.price
            self._end(order, Status.FILL_CANCELLED)
            self.tell_fill(self, found)
            return dataclasses.asdict(found)

    def deposit(self, amount: float, currency: Optional[str] = None) -> None:
        """Add to the cash, or take away with a negative amount. Raises `ConfigError`."""
        with self.guard():
            name = purse_of(currency) if currency else next(iter(self.purses))
            if name not in self.purses:
                raise ConfigError.of("currency", currency, "one of " + ", ".join(self.purses))
            self.purses[name].exchange.deposit(amount)
            self.dirty = True

    def halt(self, symbol: str, halted: bool = True) -> None:
        """Stop the trading of a symbol for this account, or resume it: orders wait meanwhile."""
        with self.guard():
            self.instrument(symbol)
            exchange = self.purse_for(symbol).exchange
            if halted:
                exchange.halt(symbol)
            else:
                exchange.resume(symbol)

    def reject_next(self, reason: str) -> None:
        """Let the next order be taken, and then fail (status 21) with this text."""
        with self.guard():
            self._reject_next = reason

    def positions(self) -> List[Dict[str, Any]]:
        """Return the positions as plain JSON values."""
        with self.guard():
            return [
                {**one, "today": dataclasses.asdict(one["today"])} for one in positions_of(self)
            ]

    def order_list(self) -> List[Dict[str, Any]]:
        """Return all orders as plain JSON values."""
        with self.guard():
            return [one.as_dict() for one in self.orders.values()]

    def fill_list(self) -> List[Dict[str, Any]]:
        """Return all fills as plain JSON values."""
        with self.guard():
            return [dataclasses.asdict(one) for one in self.fills]

    def funds(self, currency: Optional[str] = None) -> Dict[str, Any]:
        """Return the money as plain JSON values."""
        with self.guard():
            return funds_of(self, currency)

    def _key_of(self, order: Any) -> str:
        for one in self.orders.values():
            if str(order) in (one.key, str(one.order_id)):
                return one.key
        return str(order)

    def _fill_of(self, fill: Any) -> FutuFill:
        for one in reversed(self.fills):
            names = (one.key, one.fill_id, one.order_key, one.order_id)
            if str(fill) in map(str, names) and one.status == 0:
                return one
        raise Refused(f"fill {fill!r} does not exist in account {self.config.acc_id}")

    # Keeping

    def to_dict(self) -> Dict[str, Any]:
        """Return all that must outlive this process as plain JSON values."""
        # Not as a change, which would be saved, which would ask again.
        with self._lock:
            self.dirty = False
            return {
                "counts": dict(self._counts),
                "orders": [one.as_dict() for one in self.orders.values()],
                "fills": [dataclasses.asdict(one) for one in self.fills],
                "holdings": {s: dataclasses.asdict(one) for s, one in self.holdings.items()},
                "purses": {name: one.exchange.snapshot() for name, one in self.purses.items()},
            }

    def load(self, record: Mapping[str, Any]) -> None:
        """Become the account that `to_dict` described."""
        with self.guard():
            self._counts = dict(record["counts"])
            self.orders = {one["key"]: order_from(one) for one in record["orders"]}
            self.fills = [FutuFill(**one) for one in record["fills"]]
            self.holdings = {s: Holding(**one) for s, one in record["holdings"].items()}
            self._active = {key: one for key, one in self.orders.items() if one.active}
            self._by_client = {
                one.live_id: one for one in self._active.values() if one.live_id is not None
            }
            for name, state in record["purses"].items():
                if name not in self.purses:
                    self._open_purse(name, 0.0)
                self.purses[name].exchange.restore(state)
            for order in list(self._active.values()):
                self._take_up(order)
            self.dirty = False

    def _take_up(self, order: FutuOrder) -> None:
        """Go on with an order that was not at the exchange when the account was saved."""
        if order.waits:
            self._wake_at_expiry(order)
        elif order.live_id is None:
            self._later(lambda: self._send(order))


def _name(order: FutuOrder) -> str:
    return Status(order.status).name
