"""The prices of all instruments, and what an amount is worth in another currency."""

from __future__ import annotations

from typing import Callable, Dict, Iterable, List, Mapping, Optional

from btstores.markets import MarketType, get_market_config
from btstores.markets.sessions import Sessions
from btstores.reports import Quote
from btstores.stores.oanda.simulator.board import Board, Price
from btstores.stores.oanda.simulator.listings import LISTINGS, Listing

__all__ = ["Rates"]


class Rates:
    """The boards of the venue, each for one of ``listings``. Its owner holds the lock."""

    def __init__(
        self,
        symbols: Iterable[str],
        now_ns: Callable[[], int],
        listings: Mapping[str, Listing] = LISTINGS,
    ) -> None:
        self._now_ns = now_ns
        self.listings: Dict[str, Listing] = {name: listings[name] for name in symbols}
        self.boards: Dict[str, Board] = {name: Board(one) for name, one in self.listings.items()}
        sessions = get_market_config(MarketType.FOREX).sessions_of("EUR_USD")
        self._sessions: Optional[Sessions] = sessions
        #: Whether all trade at all hours, for tests.
        self.always_open = False

    def take(self, quote: Quote) -> Optional[Board]:
        """Take a price; return its board, or None for what is no price of ours."""
        board = self.boards.get(quote.symbol)
        if board is None or quote.bid is None or quote.ask is None or board.halted:
            return None
        precision = board.listing.precision
        price = Price(quote.time_ns, round(quote.bid, precision), round(quote.ask, precision))
        board.take(price)
        return board

    def is_open(self, name: str) -> bool:
        """Return whether an instrument can be dealt in now."""
        board = self.boards[name]
        if board.halted or board.price is None:
            return False
        return self.always_open or self._sessions is None or self._sessions.is_open(self._now_ns())

    def factor(self, currency: str, home: str) -> float:
        """Return what one of a currency is worth in another, by the middle of the pairs there are.

        Where there is neither a pair nor one by way of the US dollar, it is 1.
        """
        direct = self._factor(currency, home)
        if direct is not None:
            return direct
        one, other = self._factor(currency, "USD"), self._factor("USD", home)
        return one * other if one is not None and other is not None else 1.0

    def _factor(self, currency: str, home: str) -> Optional[float]:
        if currency == home:
            return 1.0
        board = self.boards.get(f"{currency}_{home}")
        if board is not None and board.price is not None:
            return board.price.mid
        board = self.boards.get(f"{home}_{currency}")
        if board is not None and board.price is not None:
            return 1.0 / board.price.mid
        return None

    def names(self) -> List[str]:
        """Return the instruments there are."""
        return list(self.boards)
