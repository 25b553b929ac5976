"""What others trade on the same account: counted apart from what strategies trade.

A strategy sizes its orders by its own position. What somebody does by hand must not become a
part of it, or the strategy would close what it has never opened. Only where both cannot be
true is the strategy's own part touched: nobody holds more than the account does.
"""

from __future__ import annotations

from typing import Dict, NamedTuple, Set

__all__ = ["ForeignPositions", "Split"]


class Split(NamedTuple):
    """A foreign trade in signed sizes: what it changes of our own part, and of the others'."""

    own: float
    foreign: float


class ForeignPositions:
    """The part of each position that others hold, by symbol, signed."""

    def __init__(self) -> None:
        self._sizes: Dict[str, float] = {}

    def clear(self) -> None:
        """Forget all."""
        self._sizes.clear()

    def symbols(self) -> Set[str]:
        """Return the symbols of which others hold something."""
        return set(self._sizes)

    def size(self, symbol: str) -> float:
        """Return what others hold."""
        return self._sizes.get(symbol, 0.0)

    def add(self, symbol: str, size: float) -> None:
        """Count a signed size as the others'."""
        self._sizes[symbol] = round(self.size(symbol) + size, 10)
        if not self._sizes[symbol]:
            del self._sizes[symbol]

    def trade(self, symbol: str, size: float, own: float) -> Split:
        """Count a foreign trade of signed ``size``, with our ``own`` part as it is.

        It takes from the others' part first, then from ours, and opens a part of theirs with
        the rest. Returns what it changes; ours is for the caller to change.
        """
        theirs = _closing(size, self.size(symbol))
        ours = _closing(size - theirs, own)
        rest = size - ours
        self.add(symbol, rest)
        return Split(ours, rest)


def _closing(size: float, position: float) -> float:
    """Return how much of a trade closes a position; with the trade's sign."""
    if size * position >= 0:
        return 0.0
    return size if abs(size) <= abs(position) else -position
