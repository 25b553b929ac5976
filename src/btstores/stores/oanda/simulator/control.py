"""Paths of the simulated OANDA that no real one has: for tests, and for who plays with it.

`POST /control/faults` with ``{"name": ...}`` and options switches a fault on, `DELETE` is
``{"clear": name or null}``; `POST /control/price` with ``instrument``, ``bid`` and ``ask`` lets a
price come; `POST /control/halt` with ``instrument`` and ``halted`` halts one; `POST
/control/funds` with ``account`` and ``amount`` moves money; `GET /control/book` tells what each
account has done.
"""

from __future__ import annotations

from typing import Any, Callable, Dict

from btstores.errors import BtstoresError
from btstores.reports import Quote
from btstores.sim.switches import Faults
from btstores.stores.oanda.simulator.ledger import view
from btstores.stores.oanda.simulator.orders import BadRequest
from btstores.stores.oanda.simulator.requests import Answer, Failure, Request
from btstores.stores.oanda.simulator.venue import Oanda

__all__ = ["Control"]


class Control:
    """Answers requests below ``/control``."""

    def __init__(self, venue: Oanda, faults: Faults) -> None:
        self._venue = venue
        self._faults = faults
        self._table: Dict[str, Callable[[Dict[str, Any]], Dict[str, Any]]] = {
            "POST /control/faults": self._fault,
            "GET /control/faults": lambda body: {"faults": self._faults.current()},
            "POST /control/price": self._price,
            "POST /control/halt": self._halt,
            "POST /control/funds": self._funds,
            "GET /control/book": self._book,
        }

    def answer(self, request: Request) -> Answer:
        """Return what came of a request."""
        act = self._table.get(f"{request.method} {request.path}")
        if act is None:
            known = ", ".join(self._table)
            return Failure(404, f"there is no {request.path}; there are: {known}").answer
        try:
            return Answer(200, act(request.body()))
        except (BtstoresError, BadRequest, KeyError, TypeError, ValueError) as error:
            return Failure(400, str(error) or type(error).__name__).answer

    def _fault(self, body: Dict[str, Any]) -> Dict[str, Any]:
        if "clear" in body:
            return {"cleared": self._faults.clear(body["clear"])}
        options = {name: value for name, value in body.items() if name != "name"}
        return {"fault": self._faults.on(str(body.get("name")), **options).as_dict()}

    def _price(self, body: Dict[str, Any]) -> Dict[str, Any]:
        name = body["instrument"]
        if name not in self._venue.rates.boards:
            raise KeyError(f"instrument={name!r}: not listed")
        now_ns = self._venue.clock.time_ns()
        self._venue.happen(Quote(name, now_ns, float(body["bid"]), float(body["ask"])))
        return {}

    def _halt(self, body: Dict[str, Any]) -> Dict[str, Any]:
        with self._venue.lock:
            self._venue.rates.boards[body["instrument"]].halted = bool(body.get("halted", True))
        return {}

    def _funds(self, body: Dict[str, Any]) -> Dict[str, Any]:
        with self._venue.lock:
            account = self._venue.accounts[body["account"]]
            with account.ledger.batch():
                account.transfer(float(body["amount"]))
        return {}

    def _book(self, body: Dict[str, Any]) -> Dict[str, Any]:
        with self._venue.lock:
            return {
                name: {
                    "summary": account.summary(unix=False),
                    "orders": [account.order_view(one, False) for one in account.orders.values()],
                    "trades": [account.trade_view(one, False) for one in account.trades.values()],
                    "transactions": [view(one, False) for one in account.ledger.since(0)],
                }
                for name, account in self._venue.accounts.items()
            }
