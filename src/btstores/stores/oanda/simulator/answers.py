"""Answers as OANDA gives them: what was asked for, and the id of the last transaction."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping

from btstores.stores.oanda.simulator.account import Account
from btstores.stores.oanda.simulator.ledger import Transaction, view
from btstores.stores.oanda.simulator.orders import Refused
from btstores.stores.oanda.simulator.requests import Answer, Request

__all__ = ["tell", "tell_done", "tell_refusal"]


def tell(account: Account, body: Mapping[str, Any], status: int = 200) -> Answer:
    """Return an answer of an account."""
    return Answer(status, {**body, "lastTransactionID": account.ledger.last_id})


def tell_done(
    request: Request,
    account: Account,
    transactions: Mapping[str, Transaction],
    batch: List[Transaction],
    status: int = 200,
) -> Answer:
    """Return what a request has done, by the names of the transactions."""
    body: Dict[str, Any] = {name: view(one, request.unix) for name, one in transactions.items()}
    body["relatedTransactionIDs"] = [one["id"] for one in batch]
    return tell(account, body, status)


def tell_refusal(
    request: Request,
    account: Account,
    transaction: Transaction,
    error: Refused,
    batch: List[Transaction],
    name: str = "orderRejectTransaction",
    status: int = 400,
) -> Answer:
    """Return why a request was refused."""
    body = {
        name: view(transaction, request.unix),
        "errorCode": error.code,
        "errorMessage": str(error),
        "relatedTransactionIDs": [one["id"] for one in batch],
    }
    return tell(account, body, status)
