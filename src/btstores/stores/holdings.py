"""How the positions of an account are divided between its strategies and others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Collection

from btstores.journal.state import Holding

if TYPE_CHECKING:
    from btstores.stores.base import BaseStore

__all__ = ["Holdings"]


class Holdings:
    """Positions by symbol, in shares or contracts, signed. A broker knows them by their fills.

    Without a broker they are what the venue has told last.
    """

    def __init__(self, store: BaseStore) -> None:
        self._store = store

    def account_size(self, symbol: str) -> float:
        """Return what the account holds of a symbol, others' part included."""
        report = self._store.position_handler.positions.get(symbol)
        return report.size if report is not None else 0.0

    def division(self, symbol: str) -> Holding:
        """Return the strategies' own part of a position, and that of others."""
        report = self._store.position_handler.positions.get(symbol)
        return Holding() if report is None else Holding(report.size, report.price or 0.0)

    def held_symbols(self) -> Collection[str]:
        """Return the symbols of which something is or was held."""
        return self._store.position_handler.positions.keys()

    def take_difference(self, symbol: str, size: float, own: bool) -> None:
        """Count a signed size that no fill explains, as the strategies' ``own`` or as others'."""
