"""All transactions of one account, numbered without a gap."""

from __future__ import annotations

import contextlib
from typing import Any, Callable, Dict, Iterator, List, Optional

from btstores.stores.oanda.simulator.text import time_text

__all__ = ["Ledger", "Transaction", "view"]

Transaction = Dict[str, Any]


class Ledger:
    """Transactions in the order of their ids, which are whole numbers written as text.

    Those of one request or event are a batch: they share the id of the first. ``first_id`` is the
    number of the first one. ``time_ns`` is kept as a number; `view` writes it.
    """

    def __init__(self, account_id: str, now_ns: Callable[[], int], first_id: int = 1) -> None:
        self.account_id = account_id
        self._now_ns = now_ns
        self._first_id = first_id
        self._all: List[Transaction] = []
        self._batch: Optional[List[Transaction]] = None
        self._request_id = ""
        #: Called with each new transaction.
        self.listeners: List[Callable[[Transaction], None]] = []

    @property
    def last_id(self) -> str:
        """Return the id of the newest transaction."""
        return str(self._first_id + len(self._all) - 1)

    @contextlib.contextmanager
    def batch(self, request_id: str = "") -> Iterator[List[Transaction]]:
        """Put what is added meanwhile into one batch; gives the list of it."""
        if self._batch is not None:
            yield self._batch  # an event within a request belongs to it
            return
        self._batch, self._request_id = [], request_id
        done = self._batch
        try:
            yield done
        finally:
            self._batch = None
            for transaction in done:
                for listener in self.listeners:
                    listener(transaction)

    def add(self, kind: str, **fields: Any) -> Transaction:
        """Add a transaction; in a batch only."""
        if self._batch is None:
            raise RuntimeError("a transaction outside a batch")
        number = str(self._first_id + len(self._all))
        transaction: Transaction = {
            "id": number,
            "accountID": self.account_id,
            "userID": 1,
            "batchID": self._batch[0]["id"] if self._batch else number,
            "type": kind,
            "time_ns": self._now_ns(),
        }
        if self._request_id:
            transaction["requestID"] = self._request_id
        transaction.update((name, value) for name, value in fields.items() if value is not None)
        self._all.append(transaction)
        self._batch.append(transaction)
        return transaction

    def between(self, first: int, last: int) -> List[Transaction]:
        """Return the transactions with these ids, both included."""
        begin = max(0, first - self._first_id)
        return self._all[begin : max(begin, last - self._first_id + 1)]

    def since(self, last_seen: int) -> List[Transaction]:
        """Return those after an id."""
        return self._all[max(0, last_seen + 1 - self._first_id) :]

    def find(self, number: str) -> Optional[Transaction]:
        """Return the transaction with an id, or None."""
        found = self.between(int(number), int(number)) if number.isdigit() else []
        return found[0] if found else None

    def in_time(self, begin_ns: int, end_ns: int) -> List[Transaction]:
        """Return those of a span of time, both ends included."""
        return [one for one in self._all if begin_ns <= one["time_ns"] <= end_ns]


def view(transaction: Transaction, unix: bool) -> Dict[str, Any]:
    """Return a transaction as OANDA sends it."""
    told = dict(transaction)
    told["time"] = time_text(told.pop("time_ns"), unix)
    return told
