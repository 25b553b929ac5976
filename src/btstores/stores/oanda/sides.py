"""Streams by price: an instrument at the store's own price, and at another by a name of its own.

``EUR_USD:bid`` is the stream of EUR_USD at its bid. Such a name is in subscriptions and in what
comes of them; orders and positions know the instrument alone.
"""

from __future__ import annotations

from typing import Optional, Tuple

from btstores.reports import Quote, Tick

__all__ = ["PRICES", "price_wanted", "split", "stream_at", "tick_at"]

#: What a tick or a bar can be made of.
PRICES = ("mid", "bid", "ask")
_MARK = ":"


def stream_at(symbol: str, price: str) -> str:
    """Return the name of an instrument's stream at a price."""
    return f"{symbol}{_MARK}{price}"


def split(stream: str, usual: str) -> Tuple[str, str]:
    """Return instrument and price of a stream; ``usual`` is that of one without a price."""
    symbol, _, price = stream.partition(_MARK)
    return symbol, price or usual


def price_wanted(bidask: Optional[bool], useask: Optional[bool]) -> Optional[str]:
    """Return the price that the parameters of backtrader's own feed ask for, if any is given."""
    if bidask is None and useask is None:
        return None
    if bidask is not None and not bidask:
        return "mid"
    return "ask" if useask else "bid"


def tick_at(quote: Quote, stream: str, price: str) -> Optional[Tick]:
    """Return a quote as a tick of a stream at a price; None where it has no such price."""
    bid, ask = quote.bid, quote.ask
    if price == "mid":
        middle = None if bid is None or ask is None else round((bid + ask) / 2, 10)
        return None if middle is None else Tick(stream, quote.time_ns, middle)
    value = bid if price == "bid" else ask
    return None if value is None else Tick(stream, quote.time_ns, value)
