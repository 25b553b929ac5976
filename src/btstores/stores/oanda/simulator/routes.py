"""The REST interface of the simulated OANDA: each path, and what it does."""

from __future__ import annotations

import re
from typing import Any, Dict, List, Optional, Pattern, Tuple
from urllib.parse import unquote

from btstores.stores.oanda.simulator.account import Account
from btstores.stores.oanda.simulator.answers import tell
from btstores.stores.oanda.simulator.candles import GRANULARITIES, Alignment, Granularity, merge
from btstores.stores.oanda.simulator.ledger import view
from btstores.stores.oanda.simulator.orderroutes import OrderRoutes
from btstores.stores.oanda.simulator.orders import BadRequest
from btstores.stores.oanda.simulator.requests import (
    ACCOUNT,
    Answer,
    Failure,
    Handler,
    Request,
    Route,
)
from btstores.stores.oanda.simulator.streams import price_view
from btstores.stores.oanda.simulator.text import price_text, time_text
from btstores.stores.oanda.simulator.traderoutes import TradeRoutes
from btstores.stores.oanda.simulator.venue import Oanda

__all__ = ["Routes"]

#: So many candles come at most, and so many without ``count``.
MOST_CANDLES, USUAL_CANDLES = 5000, 500
_PAGE = 1000
_PARTS = {"B": ("bid", "bid"), "M": ("mid", "mid"), "A": ("ask", "ask")}


class Routes:
    """Answers requests about the accounts of a venue; its caller holds the lock."""

    def __init__(self, venue: Oanda) -> None:
        self.venue = venue
        self._table: List[Tuple[str, Pattern[str], Handler]] = [
            (method, re.compile(f"/v3{path}"), handler)
            for method, path, handler in (
                *self._paths(),
                *OrderRoutes(venue).paths(),
                *TradeRoutes(venue).paths(),
            )
        ]

    def _paths(self) -> List[Route]:
        account = ACCOUNT
        return [
            ("GET", "/accounts", self._accounts),
            ("GET", account, self._account),
            ("GET", account + "/summary", self._summary),
            ("GET", account + "/instruments", self._instruments),
            ("PATCH", account + "/configuration", self._configure),
            ("GET", account + "/changes", self._changes),
            ("GET", account + r"(?:/instruments/(?P<name>[^/]+))/candles", self._candles),
            ("GET", r"/instruments/(?P<name>[^/]+)/candles", self._candles),
            ("GET", account + "/pricing", self._pricing),
            ("GET", account + "/transactions", self._pages),
            ("GET", account + "/transactions/idrange", self._range),
            ("GET", account + "/transactions/sinceid", self._since),
            ("GET", account + r"/transactions/(?P<number>\d+)", self._transaction),
        ]

    def answer(self, request: Request) -> Answer:
        """Return what OANDA says to a request."""
        try:
            for method, path, handler in self._table:
                found = path.fullmatch(request.path)
                if found is not None and method == request.method:
                    named = {
                        name: unquote(value)
                        for name, value in found.groupdict().items()
                        if value is not None
                    }
                    if "account" in named:
                        named["account"] = self.account_of(named["account"])
                    return handler(request, **named)
            if any(path.fullmatch(request.path) for _, path, _ in self._table):
                raise Failure(405, "Method Not Allowed")
            raise Failure(404, "Not Found")
        except BadRequest as error:
            return Failure(400, str(error)).answer
        except Failure as error:
            return error.answer

    def account_of(self, account_id: str) -> Any:
        """Return an account. Raises `Failure`."""
        if not re.fullmatch(r"\d{3}-\d{3}-\d+-\d{3}", account_id):
            raise Failure(400, "Invalid value specified for 'accountID'")
        account = self.venue.accounts.get(account_id)
        if account is None:
            raise Failure(403, "Forbidden")
        return account

    # The account

    def _accounts(self, request: Request) -> Answer:
        known = [{"id": name, "tags": []} for name in self.venue.accounts]
        return Answer(200, {"accounts": known})

    def _account(self, request: Request, account: Account) -> Answer:
        unix, told = request.unix, account.summary(request.unix)
        told["orders"] = [account.order_view(one, unix) for one in account.pending()]
        told["trades"] = [account.trade_view(one, unix) for one in account.open_trades()]
        told["positions"] = list(account.positions(only_open=False))
        return tell(account, {"account": told})

    def _summary(self, request: Request, account: Account) -> Answer:
        return tell(account, {"account": account.summary(request.unix)})

    def _instruments(self, request: Request, account: Account) -> Answer:
        names = request.names("instruments") or self.venue.rates.names()
        listings = self.venue.rates.listings
        for name in names:
            if name not in listings:
                raise BadRequest("Invalid value specified for 'instruments'")
        return tell(account, {"instruments": [listings[name].view() for name in names]})

    def _configure(self, request: Request, account: Account) -> Answer:
        body = request.body()
        with account.ledger.batch(request.number):
            told = account.ledger.add("CLIENT_CONFIGURE", alias=body.get("alias"))
        return tell(account, {"clientConfigureTransaction": view(told, request.unix)})

    def _changes(self, request: Request, account: Account) -> Answer:
        seen = self._id_of(request, "sinceTransactionID", account)
        told = account.changes(seen, request.unix)
        return tell(account, {"changes": told, "state": account.moving(request.unix)})

    # Prices

    def _pricing(self, request: Request, account: Account) -> Answer:
        names = self.instruments_of(request)
        rates = self.venue.rates
        prices = [
            price_view(rates.boards[name], rates.is_open(name), request.unix) for name in names
        ]
        now = time_text(self.venue.clock.time_ns(), request.unix)
        return Answer(200, {"prices": prices, "time": now})

    def instruments_of(self, request: Request) -> List[str]:
        """Return the instruments that a request names. Raises `BadRequest`."""
        names = request.names("instruments")
        if not names or any(name not in self.venue.rates.boards for name in names):
            raise BadRequest("Invalid value specified for 'instruments'")
        return names

    def _candles(self, request: Request, name: str, account: Optional[Account] = None) -> Answer:
        board = self.venue.rates.boards.get(name)
        if board is None:
            raise BadRequest("Invalid value specified for 'instrument'")
        size = request.text("granularity", "S5")
        if size not in GRANULARITIES:
            raise BadRequest("Invalid value specified for 'granularity'")
        parts = request.text("price", "M")
        if not parts or any(part not in _PARTS for part in parts):
            raise BadRequest("Invalid value specified for 'price'")
        count = request.number_of("count", None, MOST_CANDLES)
        begin, end = request.time_of("from"), request.time_of("to")
        if count is not None and begin is not None and end is not None:
            raise BadRequest("'count' cannot be specified when 'from' and 'to' are provided")
        granularity = Granularity(size, self._alignment(request))
        now_ns = self.venue.clock.time_ns()
        since = None if begin is None else granularity.start_of(begin)
        if begin is not None and not request.flag("includeFirst", True) and since == begin:
            since = granularity.end_of(begin)
        found = merge(board.slots(since), granularity, 10**9 if begin is not None else MOST_CANDLES)
        if end is not None:
            found = [one for one in found if one.start_ns < end]
        most = count or (MOST_CANDLES if begin is not None and end is not None else USUAL_CANDLES)
        if begin is not None and end is not None and len(found) > MOST_CANDLES:
            text = "Maximum value for 'count' exceeded"
            raise BadRequest(text)
        found = found[:most] if begin is not None else found[-most:]
        precision = board.listing.precision
        told = []
        for candle in found:
            row: Dict[str, Any] = {
                "complete": granularity.end_of(candle.start_ns) <= now_ns,
                "volume": candle.volume,
                "time": time_text(candle.start_ns, request.unix),
            }
            for part in parts:
                field, attribute = _PARTS[part]
                values = [price_text(one, precision) for one in getattr(candle, attribute)]
                row[field] = dict(zip("ohlc", values))
            told.append(row)
        return Answer(200, {"instrument": name, "granularity": size, "candles": told})

    def _alignment(self, request: Request) -> Alignment:
        hour = request.text("dailyAlignment", "17")
        try:
            return Alignment(
                int(hour),
                request.text("alignmentTimezone", "America/New_York"),
                request.text("weeklyAlignment", "Friday"),
            ).check()
        except ValueError as error:
            raise BadRequest(str(error)) from None

    # Transactions

    def _id_of(self, request: Request, name: str, account: Account) -> int:
        text = request.query.get(name, "")
        if not text.isdigit():
            raise BadRequest(f"Invalid value specified for '{name}'")
        if int(text) > int(account.ledger.last_id):
            raise Failure(416, f"The specified {name} is greater than the last transaction ID")
        return int(text)

    def _since(self, request: Request, account: Account) -> Answer:
        found = account.ledger.since(self._id_of(request, "id", account))[:_PAGE]
        return tell(account, {"transactions": [view(one, request.unix) for one in found]})

    def _range(self, request: Request, account: Account) -> Answer:
        first, last = self._id_of(request, "from", account), self._id_of(request, "to", account)
        found = account.ledger.between(first, last)[:_PAGE]
        return tell(account, {"transactions": [view(one, request.unix) for one in found]})

    def _transaction(self, request: Request, account: Account, number: str) -> Answer:
        found = account.ledger.find(number)
        if found is None:
            raise Failure(404, "The transaction ID specified does not exist")
        return tell(account, {"transaction": view(found, request.unix)})

    def _pages(self, request: Request, account: Account) -> Answer:
        begin, end = request.time_of("from"), request.time_of("to")
        size = request.number_of("pageSize", 100, _PAGE) or 100
        now_ns = account.now_ns()
        found = account.ledger.in_time(begin or 0, end if end is not None else now_ns)
        root = f"/v3/accounts/{account.account_id}/transactions/idrange"
        pages = [
            f"{root}?from={found[at]['id']}&to={found[min(at + size, len(found)) - 1]['id']}"
            for at in range(0, len(found), size)
        ]
        body = {
            "pages": pages,
            "pageSize": size,
            "count": len(found),
            "from": time_text(begin or 0, request.unix),
            "to": time_text(end if end is not None else now_ns, request.unix),
        }
        return tell(account, body)
