"""What happens to orders and trades: taking, filling, ending them, as OANDA does."""

from __future__ import annotations

import datetime
from typing import Any, Dict, List, Mapping, Optional

from btstores.clock import NS_PER_SECOND
from btstores.markets.zones import zone
from btstores.stores.oanda.simulator.account import Account
from btstores.stores.oanda.simulator.board import Board, Price
from btstores.stores.oanda.simulator.ledger import Transaction
from btstores.stores.oanda.simulator.orders import EXITS, Order, read_exit
from btstores.stores.oanda.simulator.text import (
    money,
    parse_time,
    price_text,
    time_text,
    units_text,
)
from btstores.stores.oanda.simulator.trades import Trade

__all__ = ["Dealer"]

_DUST = 1e-9
#: Reasons of a fill by the kind of order.
_REASONS = {
    "MARKET": "MARKET_ORDER",
    "LIMIT": "LIMIT_ORDER",
    "STOP": "STOP_ORDER",
    "MARKET_IF_TOUCHED": "MARKET_IF_TOUCHED_ORDER",
    "TAKE_PROFIT": "TAKE_PROFIT_ORDER",
    "STOP_LOSS": "STOP_LOSS_ORDER",
    "TRAILING_STOP_LOSS": "TRAILING_STOP_LOSS_ORDER",
}
_YEAR_DAYS = 365.0
#: What a long and a short position costs a year, as a part of its value.
_FINANCING = {1: -0.02, -1: -0.005}


class Dealer:
    """Deals with the orders of one account; always within a batch of its ledger."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self._day_end_ns = _next_day_end(account.now_ns())

    # Orders come

    def take(
        self, order: Order, reason: str = "CLIENT_ORDER", replaces: Optional[Order] = None
    ) -> Dict[str, Transaction]:
        """Take an order, and fill it if that can be done now. Returns the transactions by name."""
        account = self.account
        listing = account.listing(order.instrument)
        if replaces is not None:
            order.replaces_id = replaces.order_id
        told = account.ledger.add(
            f"{order.kind}_ORDER",
            **order.terms(listing, unix=False),
            reason=reason,
            replacesOrderID=order.replaces_id,
        )
        order.order_id, order.created_ns = told["id"], told["time_ns"]
        account.orders[order.order_id] = order
        done = {"orderCreateTransaction": told}
        board = account.rates.boards[order.instrument]
        if order.kind == "TRAILING_STOP_LOSS" and board.price is not None:
            self._trail(order, board.price)
        if order.kind == "MARKET" or self._is_due(order, board, is_new=True):
            done.update(self._fill(order, board))
        elif order.tif in ("FOK", "IOC"):
            done["orderCancelTransaction"] = self.cancel(order, "INSUFFICIENT_LIQUIDITY")
        return done

    def cancel(
        self, order: Order, reason: str = "CLIENT_REQUEST", replaced_by: Optional[str] = None
    ) -> Transaction:
        """End an order."""
        told = self.account.ledger.add(
            "ORDER_CANCEL",
            orderID=order.order_id,
            clientOrderID=order.client.get("id"),
            reason=reason,
            replacedByOrderID=replaced_by,
        )
        order.state, order.cancelling_id, order.cancelled_ns = (
            "CANCELLED",
            told["id"],
            told["time_ns"],
        )
        order.replaced_by_id = replaced_by
        trade = self.account.trades.get(order.trade_id or "")
        if trade is not None and trade.exits.get(order.kind) == order.order_id:
            del trade.exits[order.kind]
        return told

    def read_exit(
        self, trade: Trade, kind: str, body: Mapping[str, Any], reason: str
    ) -> Dict[str, Transaction]:
        """Put an exit on a trade as a client has asked for it.

        Raises `BadRequest` and `Refused`.
        """
        listing = self.account.listing(trade.instrument)
        name = next(one for one, its in EXITS.items() if its == kind)
        terms = read_exit(body, name, listing, self.account.now_ns(), kind)
        return self.put_exit(trade, kind, terms, reason)

    def put_exit(
        self, trade: Trade, kind: str, terms: Mapping[str, Any], reason: str
    ) -> Dict[str, Transaction]:
        """Put an exit on a trade, in place of the one there is."""
        old = self.account.orders.get(trade.exits.get(kind, ""))
        order = self._exit_order(trade, kind, terms)
        done: Dict[str, Transaction] = {}
        if old is not None:
            next_id = str(int(self.account.ledger.last_id) + 2)
            done["cancel"] = self.cancel(old, "CLIENT_REQUEST_REPLACED", next_id)
            reason = "REPLACEMENT"
        taken = self.take(order, reason, old)
        trade_exits = self.account.trades[trade.trade_id].exits
        if order.state == "PENDING":
            trade_exits[kind] = order.order_id
        done["create"] = taken["orderCreateTransaction"]
        if "orderFillTransaction" in taken:
            done["fill"] = taken["orderFillTransaction"]
        return done

    def _exit_order(self, trade: Trade, kind: str, terms: Mapping[str, Any]) -> Order:
        order = Order(kind, trade.instrument, trade_id=trade.trade_id)
        order.client_trade_id = trade.client.get("id")
        order.tif = str(terms.get("timeInForce", "GTC"))
        if order.tif == "GTD":
            order.gtd_ns = parse_time(str(terms["gtdTime"]))
        order.trigger = str(terms.get("triggerCondition", "DEFAULT"))
        order.client = dict(terms.get("clientExtensions") or {})
        distance = float(terms["distance"]) if "distance" in terms else None
        if kind == "STOP_LOSS" and distance is not None:
            sign = 1 if trade.units > 0 else -1
            precision = self.account.listing(trade.instrument).precision
            order.price = round(trade.price - sign * distance, precision)
        elif distance is not None:
            order.distance = distance
        if "price" in terms:
            order.price = float(terms["price"])
        return order

    # Prices and time pass

    def on_price(self, board: Board) -> None:
        """Look at what a new price means for the account."""
        price, name = board.price, board.listing.name
        if price is None:
            return
        for order in self.account.pending():
            if order.instrument == name and order.state == "PENDING":
                if order.kind == "TRAILING_STOP_LOSS":
                    self._trail(order, price)
                if self._is_due(order, board):
                    self._fill(order, board)
        self._close_out()

    def on_time(self, now_ns: int) -> None:
        """Look at what has come to its end, and at the end of the day."""
        for order in self.account.pending():
            if order.gtd_ns is not None and order.gtd_ns <= now_ns:
                self.cancel(order, "TIME_IN_FORCE_EXPIRED")
        while now_ns >= self._day_end_ns:
            for order in self.account.pending():
                if order.tif == "GFD" and order.created_ns < self._day_end_ns:
                    self.cancel(order, "TIME_IN_FORCE_EXPIRED")
            self._charge()
            self._day_end_ns = _next_day_end(self._day_end_ns)

    def _trail(self, order: Order, price: Price) -> None:
        trade = self.account.trades[order.trade_id or ""]
        distance = order.distance or 0.0
        precision = self.account.listing(order.instrument).precision
        if trade.units > 0:
            stop = round(price.bid - distance, precision)
            order.trailing = stop if order.trailing is None else max(order.trailing, stop)
        else:
            stop = round(price.ask + distance, precision)
            order.trailing = stop if order.trailing is None else min(order.trailing, stop)

    def _is_due(self, order: Order, board: Board, is_new: bool = False) -> bool:
        price, name = board.price, board.listing.name
        if price is None or not self.account.rates.is_open(name):
            return False
        buys = self._units_of(order) > 0
        seen = _seen(price, order.trigger, buys)
        level = order.trailing if order.kind == "TRAILING_STOP_LOSS" else order.price
        if level is None:
            return False
        if order.kind in ("LIMIT", "TAKE_PROFIT"):
            return seen <= level if buys else seen >= level
        if order.kind == "MARKET_IF_TOUCHED":
            # It is touched from the side on which the price was when it was made.
            if is_new:
                order.from_above = seen > level
                return False
            return seen <= level if order.from_above else seen >= level
        return seen >= level if buys else seen <= level

    def _units_of(self, order: Order) -> float:
        if order.trade_id is None:
            return order.units
        return -self.account.trades[order.trade_id].units

    # Fills

    def _fill(self, order: Order, board: Board) -> Dict[str, Transaction]:
        account, name = self.account, order.instrument
        price = board.price
        if price is None or not account.rates.is_open(name):
            return {"orderCancelTransaction": self.cancel(order, "MARKET_HALTED")}
        units = self._units_of(order)
        at = price.ask if units > 0 else price.bid
        if order.bound is not None and (at - order.bound) * units > 0:
            return {"orderCancelTransaction": self.cancel(order, "BOUNDS_VIOLATION")}
        closes = self._closes(order, units)
        rest = round(units - sum(part for _, part in closes), 9)
        if order.fill == "REDUCE_ONLY" or order.is_exit:
            units, rest = round(units - rest, 9), 0.0
        problem = self._problem(order, units, rest, at, price)
        if problem:
            return {"orderCancelTransaction": self.cancel(order, problem)}
        return {"orderFillTransaction": self._deal(order, units, rest, closes, at, price)}

    def _closes(self, order: Order, units: float) -> List[Any]:
        """Return the trades that an order reduces, and by how much, signed as the order."""
        account = self.account
        if order.trade_id is not None:
            trade = account.trades[order.trade_id]
            return [(trade, -trade.units)] if trade.is_open else []
        opens = order.fill == "OPEN_ONLY" or (order.fill == "DEFAULT" and account.config.hedging)
        if opens:
            return []
        closes, left = [], units
        for trade in account.open_trades(order.instrument):
            if trade.units * units < 0 and abs(left) > _DUST:
                part = min(abs(left), abs(trade.units)) * (1 if units > 0 else -1)
                closes.append((trade, part))
                left -= part
        return closes

    def _problem(self, order: Order, units: float, rest: float, at: float, price: Price) -> str:
        """Return why an order cannot be filled, or an empty string."""
        account = self.account
        if abs(units) <= _DUST:
            return "INSUFFICIENT_LIQUIDITY"
        sign = 1 if units > 0 else -1
        if abs(rest) > _DUST:
            if account.config.fifo and order.exits and self._has_like(order, rest):
                return "FIFO_VIOLATION"
            profit = order.exits.get("takeProfitOnFill", {}).get("price")
            stop = order.exits.get("stopLossOnFill", {}).get("price")
            if profit is not None and (float(profit) - at) * sign <= 0:
                return "TAKE_PROFIT_ON_FILL_LOSS"
            out = price.bid if units > 0 else price.ask
            if stop is not None and (out - float(stop)) * sign <= 0:
                return "STOP_LOSS_ON_FILL_LOSS"
            held = sum(one.units for one in account.open_trades(order.instrument))
            after = account.margin_of(order.instrument, held + units)
            before = account.margin_of(order.instrument, held)
            if account.margin_used() - before + after > account.nav() + _DUST:
                return "INSUFFICIENT_MARGIN"
        return ""

    def _has_like(self, order: Order, units: float) -> bool:
        """Return whether there is a trade of that size: with exits both could end out of turn."""
        return any(
            abs(abs(trade.units) - abs(units)) <= _DUST
            for trade in self.account.open_trades(order.instrument)
        )

    def _deal(
        self, order: Order, units: float, rest: float, closes: List[Any], at: float, price: Price
    ) -> Transaction:
        account, name = self.account, order.instrument
        listing = account.listing(name)
        factor = account.factor(name)
        number = str(int(account.ledger.last_id) + 1)
        parts = [self._reduce(trade, part, at, factor, number) for trade, part in closes]
        pl = sum(part["pl"] for part in parts)
        account.balance = round(account.balance + pl, 10)
        account.pl = round(account.pl + pl, 10)
        opened: Optional[Dict[str, Any]] = None
        if abs(rest) > _DUST:
            trade = Trade(number, name, at, rest, account.now_ns(), units=rest)
            trade.client, trade.margin = order.trade_client, account.margin_of(name, rest)
            account.trades[number] = trade
            opened = {
                "tradeID": number,
                "units": units_text(rest, listing.units_precision),
                "price": price_text(at, listing.precision),
                "guaranteedExecutionFee": money(0.0),
                "halfSpreadCost": money(abs(rest) * (price.ask - price.bid) / 2 * factor),
                "initialMarginRequired": money(trade.margin),
            }
            if trade.client:
                opened["clientExtensions"] = dict(trade.client)
        reduced = [part["told"] for part in parts if not part["closed"]]
        closed = [part["told"] for part in parts if part["closed"]]
        told = account.ledger.add(
            "ORDER_FILL",
            orderID=order.order_id,
            clientOrderID=order.client.get("id"),
            instrument=name,
            units=units_text(units, listing.units_precision),
            requestedUnits=units_text(units, listing.units_precision),
            gainQuoteHomeConversionFactor=f"{factor:.8g}",
            lossQuoteHomeConversionFactor=f"{factor:.8g}",
            price=price_text(at, listing.precision),
            fullVWAP=price_text(at, listing.precision),
            fullPrice={
                "bids": [
                    {"price": price_text(price.bid, listing.precision), "liquidity": "10000000"}
                ],
                "asks": [
                    {"price": price_text(price.ask, listing.precision), "liquidity": "10000000"}
                ],
                "closeoutBid": price_text(price.bid, listing.precision),
                "closeoutAsk": price_text(price.ask, listing.precision),
                "timestamp": time_text(price.time_ns, unix=False),
            },
            reason=order.closes_for or _REASONS[order.kind],
            pl=money(pl),
            quotePL=f"{pl / factor:.5f}",
            financing=money(0.0),
            commission=money(0.0),
            guaranteedExecutionFee=money(0.0),
            halfSpreadCost=money(abs(units) * (price.ask - price.bid) / 2 * factor),
            accountBalance=money(account.balance),
            tradeOpened=opened,
            tradeReduced=reduced[0] if reduced else None,
            tradesClosed=closed or None,
        )
        order.state, order.filling_id, order.filled_ns = "FILLED", told["id"], told["time_ns"]
        order.opened_id = number if opened is not None else None
        order.reduced_id = reduced[0]["tradeID"] if reduced else None
        order.closed_ids = tuple(one["tradeID"] for one in closed)
        self._end_exits(closes)
        for exit_name, kind in EXITS.items():
            if opened is not None and exit_name in order.exits:
                self.put_exit(account.trades[number], kind, order.exits[exit_name], "ON_FILL")
        return told

    def _reduce(
        self, trade: Trade, part: float, at: float, factor: float, number: str
    ) -> Dict[str, Any]:
        account, units = self.account, abs(part)
        listing = account.listing(trade.instrument)
        pl = trade.pl(at, units) * factor
        trade.units = round(trade.units + part, 9)
        trade.realized += pl
        trade.closed_units += units
        trade.closed_value += units * at
        trade.closing_ids.append(number)
        closed = abs(trade.units) <= _DUST
        if closed:
            trade.units, trade.closed_ns = 0.0, account.now_ns()
        told = {
            "tradeID": trade.trade_id,
            "units": units_text(part, listing.units_precision),
            "price": price_text(at, listing.precision),
            "realizedPL": money(pl),
            "financing": money(0.0),
            "guaranteedExecutionFee": money(0.0),
            "halfSpreadCost": money(0.0),
        }
        if trade.client.get("id"):
            told["clientTradeID"] = trade.client["id"]
        return {"pl": pl, "closed": closed, "told": told}

    def _end_exits(self, closes: List[Any]) -> None:
        for trade, _ in closes:
            if trade.is_open:
                continue
            for number in list(trade.exits.values()):
                order = self.account.orders[number]
                if order.state == "PENDING":
                    self.cancel(order, "LINKED_TRADE_CLOSED")
            trade.exits.clear()

    # The account as a whole

    def close(self, trade: Trade, units: float, reason: str) -> Dict[str, Transaction]:
        """Close so many units of a trade at the market."""
        sign = -1 if trade.units > 0 else 1
        order = Order("MARKET", trade.instrument, sign * units, tif="FOK", fill="REDUCE_ONLY")
        told = self.account.ledger.add(
            "MARKET_ORDER",
            **order.terms(self.account.listing(trade.instrument), unix=False),
            reason=reason,
            tradeClose=(
                {"tradeID": trade.trade_id, "units": f"{units:g}"}
                if reason == "TRADE_CLOSE"
                else None
            ),
        )
        order.order_id, order.created_ns = told["id"], told["time_ns"]
        self.account.orders[order.order_id] = order
        done = {"orderCreateTransaction": told}
        board = self.account.rates.boards[trade.instrument]
        price = board.price
        if price is None or not self.account.rates.is_open(trade.instrument):
            done["orderCancelTransaction"] = self.cancel(order, "MARKET_HALTED")
            return done
        at = price.ask if order.units > 0 else price.bid
        order.closes_for = f"MARKET_ORDER_{reason}"
        fill = self._deal(order, order.units, 0.0, [(trade, order.units)], at, price)
        done["orderFillTransaction"] = fill
        return done

    def _close_out(self) -> None:
        """Close all when the account is worth less than half of what its positions bind."""
        used = self.account.margin_used()
        if not used or self.account.nav() > used / 2:
            return
        for trade in self.account.open_trades():
            self.close(trade, abs(trade.units), "MARGIN_CLOSEOUT")

    def _charge(self) -> None:
        """Charge a day's financing."""
        account, total = self.account, 0.0
        parts: Dict[str, float] = {}
        for trade in account.open_trades():
            price = account.rates.boards[trade.instrument].price
            if price is None:
                continue
            rate = _FINANCING[1 if trade.units > 0 else -1]
            value = abs(trade.units) * price.mid * account.factor(trade.instrument)
            amount = round(value * rate / _YEAR_DAYS, 4)
            trade.financing += amount
            parts[trade.instrument] = parts.get(trade.instrument, 0.0) + amount
            total += amount
        if parts:
            account.balance = round(account.balance + total, 10)
            account.financing = round(account.financing + total, 10)
            account.ledger.add(
                "DAILY_FINANCING",
                financing=money(total),
                accountBalance=money(account.balance),
                positionFinancings=[
                    {"instrument": name, "financing": money(amount)}
                    for name, amount in parts.items()
                ],
            )


def _seen(price: Price, trigger: str, buys: bool) -> float:
    """Return the price that triggers: by default where the order would be filled."""
    if trigger == "MID":
        return price.mid
    if trigger in ("BID", "ASK"):
        return price.bid if trigger == "BID" else price.ask
    return price.ask if buys != (trigger == "INVERSE") else price.bid


def _next_day_end(time_ns: int) -> int:
    """Return the next 17:00 in New York."""
    timezone = zone("America/New_York")
    local = datetime.datetime.fromtimestamp(time_ns // NS_PER_SECOND, timezone)
    day = local.date() + datetime.timedelta(days=local.hour >= 17)
    end = datetime.datetime.combine(day, datetime.time(17), timezone)
    return round(end.timestamp()) * NS_PER_SECOND
