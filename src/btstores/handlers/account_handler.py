"""Keeps what the venue says of cash and value."""

from __future__ import annotations

from typing import Dict, Optional

from btstores.handlers.base import Handler, Listener
from btstores.reports import AccountReport

__all__ = ["AccountHandler"]

_FIGURES = ("cash", "value", "power", "margin")


class AccountHandler(Handler):
    """The newest balances by currency. What a report leaves out keeps its last value."""

    reports = (AccountReport,)

    def __init__(self, listener: Optional[Listener] = None) -> None:
        self.listener = listener if listener is not None else Listener()
        self.accounts: Dict[str, AccountReport] = {}

    def handle(self, report: AccountReport) -> None:
        known = self.accounts.get(report.currency)
        if known is not None:
            if report.time_ns < known.time_ns:
                return
            left_out = [name for name in _FIGURES if getattr(report, name) is None]
            report = report._replace(**{name: getattr(known, name) for name in left_out})
        self.accounts[report.currency] = report
        self.on_account_update(report)

    def balance(self, currency: str) -> Optional[AccountReport]:
        """Return the newest balance in ``currency``, or None before the first report."""
        return self.accounts.get(currency)

    def on_account_update(self, report: AccountReport) -> None:
        """Hear of a balance."""
        self.listener.on_account(report)
