"""What a store provides so that the conformance suite can run on it."""

from __future__ import annotations

import abc
from typing import Any, ClassVar, Optional, Tuple

import backtrader as bt

from btstores.instruments import TimeFrame
from btstores.reports import OrderRequest
from btstores.stores.base import BaseStore
from btstores.stores.gateway import Gateway

__all__ = ["POWERS", "Venue"]

#: What only a venue under control can do. Whatever else the cases need they do themselves.
POWERS = ("trade", "quote", "halt")


class Venue(abc.ABC):
    """An account that the suite may trade on.

    ``size`` is a valid order size of at least two lots. ``away`` and ``reach`` are fractions
    of the price: a limit order that far away rests, one that far through the market trades.
    Of seconds, ``timeout`` is how long any one thing may take, ``patience`` the longest that
    a case may wait for (the end of a session, say), ``expiry`` the shortest validity of an
    order, ``qcheck`` how often to look when nothing happens. ``barred`` names the order
    types that the venue does not take for options; ``engine`` is the class of Cerebro that
    cases run on.

    A power (`POWERS`) that a subclass does not define is not there; cases that need it are
    skipped.
    """

    symbol: str = ""
    option_symbol: Optional[str] = None
    timeframe: int = TimeFrame.MINUTES
    compression: int = 1
    size: float = 2.0
    away: float = 0.05
    reach: float = 0.01
    timeout: float = 30.0
    patience: float = 300.0
    expiry: float = 60.0
    qcheck: float = 0.1
    engine: ClassVar[Any] = bt.Cerebro
    barred: Tuple[str, ...] = ()

    @abc.abstractmethod
    def make_store(self, **params: Any) -> BaseStore:
        """Return a store for the account; called again, a new one for the same account.

        ``params`` are parameters of `BaseStore` that the case wants.
        """

    def has(self, power: str) -> bool:
        """Return whether the venue can do what only some can."""
        return getattr(type(self), power) is not getattr(Venue, power)

    def close(self) -> None:
        """Free what the venue holds; called after each case."""
        return

    # Powers.

    def trade(self, price: float, size: Optional[float] = None) -> None:
        """Let the market trade at ``price`` now and stay there.

        With ``size`` it trades only that much, and is back where it was afterwards.
        """
        raise NotImplementedError

    def quote(self, bid: float, ask: float) -> None:
        """Let the best bid and ask be these from now on."""
        raise NotImplementedError

    def halt(self, halted: bool) -> None:
        """Stop the trading in ``symbol``, or let it go on."""
        raise NotImplementedError

    # Behind the store's back. What is here serves any venue; one may know a better way.

    def foreign_order(self, gateway: Gateway, request: OrderRequest) -> None:
        """Send an order that the store knows nothing of; on the sending thread."""
        gateway.place([request])

    def foreign_cancel(
        self, gateway: Gateway, client_order_id: str, venue_order_id: Optional[str]
    ) -> None:
        """Cancel an order of the store as somebody else would; on the sending thread."""
        gateway.cancel(client_order_id, venue_order_id)
