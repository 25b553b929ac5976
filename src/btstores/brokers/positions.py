"""Positions by instrument, looked up by feed as backtrader does."""

from __future__ import annotations

from typing import Any, Dict, Iterator, Mapping

from backtrader.position import Position

__all__ = ["Positions", "symbol_of"]


def symbol_of(data: Any) -> str:
    """Return the symbol that a feed shows; of an unknown kind of feed, its name."""
    symbol = getattr(data, "symbol", None)
    if isinstance(symbol, str):
        return symbol
    return str(data._name or data._dataname)


class Positions(Mapping[Any, Position]):
    """One `Position` an instrument, shared by all feeds that show it."""

    def __init__(self) -> None:
        self.by_symbol: Dict[str, Position] = {}
        #: The first feed of each instrument.
        self.datas: Dict[str, Any] = {}

    def add_data(self, data: Any) -> None:
        """Let iteration show ``data``, unless another feed shows its instrument already."""
        self.datas.setdefault(symbol_of(data), data)

    def __getitem__(self, data: Any) -> Position:
        symbol = data if isinstance(data, str) else symbol_of(data)
        if symbol not in self.by_symbol:
            self.by_symbol[symbol] = Position()
        return self.by_symbol[symbol]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.datas.values())

    def __len__(self) -> int:
        return len(self.datas)
