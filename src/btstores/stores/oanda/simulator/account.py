"""One account of the simulated OANDA: its money, orders, trades and transactions."""

from __future__ import annotations

import dataclasses
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

from btstores.errors import ConfigError
from btstores.stores.oanda.simulator.ledger import Ledger, Transaction, view
from btstores.stores.oanda.simulator.listings import Listing
from btstores.stores.oanda.simulator.orders import Order
from btstores.stores.oanda.simulator.rates import Rates
from btstores.stores.oanda.simulator.text import money, price_text, time_text, units_text
from btstores.stores.oanda.simulator.trades import Trade

__all__ = ["Account", "AccountConfig"]


@dataclasses.dataclass(frozen=True)
class AccountConfig:
    """An account to begin with.

    ``hedging`` is whether it may be long and short at once. With ``fifo`` no trade may have exits
    that is as large as an older one, lest it ends before that. ``first_id`` is the number of its
    first transaction.
    """

    account_id: str = "101-004-1234567-001"
    currency: str = "USD"
    balance: float = 100_000.0
    hedging: bool = False
    fifo: bool = False
    first_id: int = 1
    alias: str = "Primary"

    def __post_init__(self) -> None:
        if self.first_id < 1:
            raise ConfigError.of("first_id", self.first_id, "a number of at least 1")
        if len(self.currency) != 3 or not self.currency.isupper():
            raise ConfigError.of("currency", self.currency, "three capital letters")


class Account:
    """State and views. What changes it is in `btstores.stores.oanda.simulator.dealing`."""

    def __init__(self, config: AccountConfig, rates: Rates, now_ns: Callable[[], int]) -> None:
        self.config = config
        self.rates = rates
        self.now_ns = now_ns
        self.ledger = Ledger(config.account_id, now_ns, config.first_id)
        self.orders: Dict[str, Order] = {}
        self.trades: Dict[str, Trade] = {}
        self.balance = 0.0
        self.pl = 0.0
        self.financing = 0.0
        self.created_ns = now_ns()
        with self.ledger.batch():
            self.ledger.add("CREATE", homeCurrency=config.currency, alias=config.alias)
            self.transfer(config.balance)

    @property
    def account_id(self) -> str:
        """Return its id, such as 101-004-1234567-001."""
        return self.config.account_id

    def transfer(self, amount: float, reason: str = "CLIENT_FUNDING") -> Transaction:
        """Put money in, or take it out when negative; within a batch."""
        self.balance = round(self.balance + amount, 10)
        return self.ledger.add(
            "TRANSFER_FUNDS",
            amount=money(amount),
            fundingReason=reason,
            accountBalance=money(self.balance),
        )

    # Finding

    def listing(self, name: str) -> Listing:
        """Return an instrument of the account. Raises `KeyError`."""
        return self.rates.listings[name]

    def order_of(self, specifier: str) -> Optional[Order]:
        """Return the order with an id or with ``@`` and a client's id; of several the last."""
        if not specifier.startswith("@"):
            return self.orders.get(specifier)
        named = [one for one in self.orders.values() if one.client.get("id") == specifier[1:]]
        living = [one for one in named if one.state == "PENDING"]
        return (living or named or [None])[-1]  # type: ignore[list-item]

    def trade_of(self, specifier: str) -> Optional[Trade]:
        """Return the trade with an id or with ``@`` and a client's id."""
        if not specifier.startswith("@"):
            return self.trades.get(specifier)
        named = [one for one in self.trades.values() if one.client.get("id") == specifier[1:]]
        return (named or [None])[-1]  # type: ignore[list-item]

    def pending(self) -> List[Order]:
        """Return the orders that wait, oldest first."""
        return [one for one in self.orders.values() if one.state == "PENDING"]

    def open_trades(self, name: Optional[str] = None) -> List[Trade]:
        """Return the trades that are open, oldest first."""
        return [
            one
            for one in self.trades.values()
            if one.is_open and (name is None or one.instrument == name)
        ]

    # Money, in the account's currency

    def factor(self, name: str) -> float:
        """Return what one of an instrument's currency is worth in the account's."""
        return self.rates.factor(self.listing(name).quote, self.config.currency)

    def unrealized(self, trade: Trade) -> float:
        """Return what a trade would bring if it were closed now."""
        price = self.rates.boards[trade.instrument].price
        if price is None or not trade.is_open:
            return 0.0
        out = price.bid if trade.units > 0 else price.ask
        return trade.pl(out, trade.units) * self.factor(trade.instrument)

    def margin_of(self, name: str, units: float) -> float:
        """Return what a position of so many units binds."""
        price = self.rates.boards[name].price
        value = abs(units) * (price.mid if price is not None else 0.0)
        return value * self.listing(name).margin * self.factor(name)

    def margin_used(self) -> float:
        """Return what all positions bind; of a hedged instrument the larger side counts."""
        return sum(
            self.margin_of(name, max(long, short)) for name, (long, short) in self._sides().items()
        )

    def _sides(self) -> Dict[str, Tuple[float, float]]:
        sides: Dict[str, Tuple[float, float]] = {}
        for trade in self.open_trades():
            long, short = sides.get(trade.instrument, (0.0, 0.0))
            more = max(trade.units, 0.0), max(-trade.units, 0.0)
            sides[trade.instrument] = (long + more[0], short + more[1])
        return sides

    def nav(self) -> float:
        """Return the balance and what open trades would bring."""
        return self.balance + sum(map(self.unrealized, self.open_trades()))

    # Views

    def summary(self, unix: bool) -> Dict[str, Any]:
        """Return the account's sums."""
        nav, used = self.nav(), self.margin_used()
        unrealized = nav - self.balance
        value = sum(
            abs(one.units) * self._mid(one.instrument) * self.factor(one.instrument)
            for one in self.open_trades()
        )
        half = used / 2
        percent = f"{half / nav if nav > 0 else 1.0:.5f}"
        return {
            "id": self.account_id,
            "alias": self.config.alias,
            "currency": self.config.currency,
            "createdByUserID": 1,
            "createdTime": time_text(self.created_ns, unix),
            "guaranteedStopLossOrderMode": "DISABLED",
            "balance": money(self.balance),
            "pl": money(self.pl),
            "resettablePL": money(self.pl),
            "resettablePLTime": time_text(self.created_ns, unix),
            "financing": money(self.financing),
            "commission": money(0.0),
            "dividendAdjustment": money(0.0),
            "guaranteedExecutionFees": money(0.0),
            "marginRate": "0.0333",
            "hedgingEnabled": self.config.hedging,
            "openTradeCount": len(self.open_trades()),
            "openPositionCount": len(self._sides()),
            "pendingOrderCount": len(self.pending()),
            "unrealizedPL": money(unrealized),
            "NAV": money(nav),
            "marginUsed": money(used),
            "marginAvailable": money(max(0.0, nav - used)),
            "positionValue": money(value),
            "marginCloseoutUnrealizedPL": money(unrealized),
            "marginCloseoutNAV": money(nav),
            "marginCloseoutMarginUsed": money(used),
            "marginCloseoutPercent": percent,
            "marginCloseoutPositionValue": money(value),
            "withdrawalLimit": money(max(0.0, min(self.balance, nav - used))),
            "marginCallMarginUsed": money(used),
            "marginCallPercent": f"{used / nav if nav > 0 else 1.0:.5f}",
            "lastTransactionID": self.ledger.last_id,
        }

    def _mid(self, name: str) -> float:
        price = self.rates.boards[name].price
        return price.mid if price is not None else 0.0

    def order_view(self, order: Order, unix: bool) -> Dict[str, Any]:
        """Return an order as OANDA sends it."""
        return order.view(self.listing(order.instrument), unix)

    def trade_view(self, trade: Trade, unix: bool) -> Dict[str, Any]:
        """Return a trade with its exits."""
        exits = {
            kind: self.order_view(self.orders[number], unix) for kind, number in trade.exits.items()
        }
        used = self.margin_of(trade.instrument, trade.units)
        listing = self.listing(trade.instrument)
        return trade.view(listing, self.unrealized(trade), used, exits, unix)

    def position_view(self, name: str) -> Dict[str, Any]:
        """Return what is held of an instrument, long and short."""
        told: Dict[str, Any] = {"instrument": name}
        total, unrealized = 0.0, 0.0
        for side, sign in (("long", 1), ("short", -1)):
            own = [one for one in self.open_trades(name) if one.units * sign > 0]
            past = [
                one
                for one in self.trades.values()
                if one.instrument == name and one.initial * sign > 0
            ]
            told[side] = self._side_view(name, own, past)
            total += float(told[side]["pl"])
            unrealized += float(told[side]["unrealizedPL"])
        long, short = self._sides().get(name, (0.0, 0.0))
        told.update(
            pl=money(total),
            resettablePL=money(total),
            unrealizedPL=money(unrealized),
            marginUsed=money(self.margin_of(name, max(long, short))),
            financing=money(
                sum(one.financing for one in self.trades.values() if one.instrument == name)
            ),
            commission=money(0.0),
            dividendAdjustment=money(0.0),
            guaranteedExecutionFees=money(0.0),
        )
        return told

    def _side_view(self, name: str, own: List[Trade], past: List[Trade]) -> Dict[str, Any]:
        listing = self.listing(name)
        units = sum(one.units for one in own)
        pl = sum(one.realized for one in past)
        told: Dict[str, Any] = {
            "units": units_text(units, listing.units_precision),
            "pl": money(pl),
            "resettablePL": money(pl),
            "financing": money(sum(one.financing for one in past)),
            "guaranteedExecutionFees": money(0.0),
            "dividendAdjustment": money(0.0),
            "unrealizedPL": money(sum(map(self.unrealized, own))),
        }
        if own:
            average = sum(one.units * one.price for one in own) / units
            told["averagePrice"] = price_text(average, listing.precision)
            told["tradeIDs"] = [one.trade_id for one in own]
        return told

    def positions(self, only_open: bool) -> Iterator[Dict[str, Any]]:
        """Yield the positions there are, or have been."""
        names = [one.instrument for one in self.trades.values() if one.is_open or not only_open]
        for name in dict.fromkeys(names):
            yield self.position_view(name)

    def changes(self, last_seen: int, unix: bool) -> Dict[str, Any]:
        """Return what has changed since a transaction, and the state of what moves by itself."""
        new = self.ledger.since(last_seen)
        ids = {one["id"] for one in new}
        orders, trades = list(self.orders.values()), list(self.trades.values())
        touched = {one["instrument"] for one in new if one["type"] == "ORDER_FILL"}

        def of(found: List[Order]) -> List[Dict[str, Any]]:
            return [self.order_view(one, unix) for one in found]

        def views(found: List[Trade]) -> List[Dict[str, Any]]:
            return [self.trade_view(one, unix) for one in found]

        return {
            "ordersCreated": of([one for one in orders if one.order_id in ids]),
            "ordersCancelled": of([one for one in orders if one.cancelling_id in ids]),
            "ordersFilled": of([one for one in orders if one.filling_id in ids]),
            "ordersTriggered": [],
            "tradesOpened": views([one for one in trades if one.trade_id in ids]),
            "tradesReduced": views(
                [one for one in trades if one.is_open and ids & set(one.closing_ids)]
            ),
            "tradesClosed": views(
                [one for one in trades if not one.is_open and ids & set(one.closing_ids[-1:])]
            ),
            "positions": [self.position_view(name) for name in sorted(touched)],
            "transactions": [view(one, unix) for one in new],
        }

    def moving(self, unix: bool) -> Dict[str, Any]:
        """Return what prices change without a transaction."""
        summary = self.summary(unix)
        names = ("unrealizedPL", "NAV", "marginUsed", "marginAvailable", "positionValue")
        told: Dict[str, Any] = {name: summary[name] for name in names}
        told["trades"] = [
            {"id": one.trade_id, "unrealizedPL": money(self.unrealized(one))}
            for one in self.open_trades()
        ]
        told["positions"] = [
            {"instrument": name, "netUnrealizedPL": self.position_view(name)["unrealizedPL"]}
            for name in self._sides()
        ]
        told["orders"] = [
            {"id": one.order_id, "trailingStopValue": f"{one.trailing:.5f}"}
            for one in self.pending()
            if one.trailing is not None
        ]
        return told
