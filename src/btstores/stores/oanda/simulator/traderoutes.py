"""Requests about trades and positions at the simulated OANDA."""

from __future__ import annotations

from typing import Any, Dict, List

from btstores.stores.oanda.simulator.account import Account
from btstores.stores.oanda.simulator.answers import tell, tell_done, tell_refusal
from btstores.stores.oanda.simulator.dealing import Dealer
from btstores.stores.oanda.simulator.ledger import Transaction
from btstores.stores.oanda.simulator.orders import BadRequest, Refused
from btstores.stores.oanda.simulator.requests import ACCOUNT, Answer, Failure, Request, Route
from btstores.stores.oanda.simulator.text import read_number
from btstores.stores.oanda.simulator.trades import Trade
from btstores.stores.oanda.simulator.venue import Oanda

__all__ = ["TradeRoutes"]


class TradeRoutes:
    """Answers them; its caller holds the lock."""

    def __init__(self, venue: Oanda) -> None:
        self.venue = venue

    def paths(self) -> List[Route]:
        """Return the paths that are answered here."""
        account = ACCOUNT
        return [
            ("GET", account + "/trades", self._trades),
            ("GET", account + "/openTrades", self._open_trades),
            ("GET", account + r"/trades/(?P<trade>[^/]+)", self._trade),
            ("PUT", account + r"/trades/(?P<trade>[^/]+)/close", self._close_trade),
            ("PUT", account + r"/trades/(?P<trade>[^/]+)/orders", self._exits),
            ("GET", account + "/positions", self._positions),
            ("GET", account + "/openPositions", self._open_positions),
            ("GET", account + r"/positions/(?P<name>[^/]+)", self._position),
            ("PUT", account + r"/positions/(?P<name>[^/]+)/close", self._close_position),
        ]

    def _dealer(self, account: Account) -> Dealer:
        return self.venue.dealers[account.account_id]

    def _trades(self, request: Request, account: Account) -> Answer:
        state, name = request.text("state", "OPEN"), request.text("instrument", "")
        found = [
            account.trade_view(one, request.unix)
            for one in reversed(list(account.trades.values()))
            if state == "ALL" or one.is_open == (state == "OPEN")
            if name in ("", one.instrument)
        ]
        return tell(account, {"trades": found})

    def _open_trades(self, request: Request, account: Account) -> Answer:
        found = [account.trade_view(one, request.unix) for one in account.open_trades()[::-1]]
        return tell(account, {"trades": found})

    def _trade_named(self, account: Account, specifier: str) -> Trade:
        trade = account.trade_of(specifier)
        if trade is None:
            raise Failure(404, "The trade ID specified does not exist", "NO_SUCH_TRADE")
        return trade

    def _trade(self, request: Request, account: Account, trade: str) -> Answer:
        found = self._trade_named(account, trade)
        return tell(account, {"trade": account.trade_view(found, request.unix)})

    def _close_trade(self, request: Request, account: Account, trade: str) -> Answer:
        found, asked = account.trade_of(trade), request.body().get("units", "ALL")
        with account.ledger.batch(request.number) as batch:
            try:
                if found is None or not found.is_open:
                    raise Refused("TRADE_DOESNT_EXIST", "The Trade specified does not exist")
                units = self._units(asked, abs(found.units), "CLOSE_TRADE_UNITS_EXCEED_TRADE_SIZE")
            except Refused as error:
                told = account.ledger.add(
                    "MARKET_ORDER_REJECT",
                    tradeClose={"tradeID": trade, "units": asked},
                    rejectReason=error.code,
                    reason="TRADE_CLOSE",
                )
                status = 404 if error.code == "TRADE_DOESNT_EXIST" else 400
                return tell_refusal(request, account, told, error, batch, status=status)
            done = self._dealer(account).close(found, units, "TRADE_CLOSE")
            return tell_done(request, account, done, batch)

    def _units(self, asked: Any, held: float, code: str) -> float:
        if asked == "ALL":
            return held
        number = read_number(asked)
        if number is None or number <= 0:
            raise BadRequest("Invalid value specified for 'units'")
        if float(number) > held:
            raise Refused(code, "More units are to be closed than there are")
        return float(number)

    def _exits(self, request: Request, account: Account, trade: str) -> Answer:
        found, body = self._trade_named(account, trade), request.body()
        names = {"takeProfit": "TAKE_PROFIT", "stopLoss": "STOP_LOSS"}
        names["trailingStopLoss"] = "TRAILING_STOP_LOSS"
        done: Dict[str, Transaction] = {}
        with account.ledger.batch(request.number) as batch:
            for name, kind in names.items():
                if name not in body:
                    continue
                if body[name] is None:
                    order = account.orders.get(found.exits.get(kind, ""))
                    if order is not None:
                        done[f"{name}OrderCancelTransaction"] = self._dealer(account).cancel(order)
                    continue
                try:
                    if not found.is_open:
                        raise Refused("TRADE_DOESNT_EXIST", "The Trade specified does not exist")
                    put = self._dealer(account).read_exit(found, kind, body[name], "CLIENT_ORDER")
                except Refused as error:
                    told = account.ledger.add(
                        f"{kind}_ORDER_REJECT", tradeID=trade, rejectReason=error.code
                    )
                    key = f"{name}OrderRejectTransaction"
                    return tell_refusal(request, account, told, error, batch, key)
                for part, transaction in put.items():
                    what = {"cancel": "Cancel", "create": "", "fill": "Fill"}[part]
                    done[f"{name}Order{what}Transaction"] = transaction
            return tell_done(request, account, done, batch)

    def _positions(self, request: Request, account: Account) -> Answer:
        return tell(account, {"positions": list(account.positions(only_open=False))})

    def _open_positions(self, request: Request, account: Account) -> Answer:
        return tell(account, {"positions": list(account.positions(only_open=True))})

    def _position(self, request: Request, account: Account, name: str) -> Answer:
        if name not in self.venue.rates.listings:
            raise BadRequest("Invalid value specified for 'instrument'")
        return tell(account, {"position": account.position_view(name)})

    def _close_position(self, request: Request, account: Account, name: str) -> Answer:
        body = request.body()
        done: Dict[str, Transaction] = {}
        with account.ledger.batch(request.number) as batch:
            for side, sign in (("long", 1), ("short", -1)):
                asked = body.get(f"{side}Units", "NONE" if f"{side}Units" not in body else "ALL")
                if asked == "NONE":
                    continue
                trades = [one for one in account.open_trades(name) if one.units * sign > 0]
                held = sum(abs(one.units) for one in trades)
                try:
                    if not trades:
                        text = "The Position requested to be closed out does not exist"
                        raise Refused("CLOSEOUT_POSITION_DOESNT_EXIST", text)
                    left = self._units(asked, held, "CLOSEOUT_POSITION_UNITS_EXCEED_POSITION_SIZE")
                except Refused as error:
                    told = account.ledger.add(
                        "MARKET_ORDER_REJECT", instrument=name, rejectReason=error.code
                    )
                    key = f"{side}OrderRejectTransaction"
                    return tell_refusal(request, account, told, error, batch, key)
                for trade in trades:
                    part = min(left, abs(trade.units))
                    if part > 0:
                        closed = self._dealer(account).close(trade, part, "POSITION_CLOSEOUT")
                        left = round(left - part, 9)
                        for key, transaction in closed.items():
                            done[f"{side}{key[0].upper()}{key[1:]}"] = transaction
            return tell_done(request, account, done, batch)
