"""A feed that shows quotes next to its bars."""

from __future__ import annotations

from typing import Any, Optional, Tuple

from btstores.errors import UnsupportedError
from btstores.feeds.storefeed import StoreFeed
from btstores.instruments import TimeFrame
from btstores.reports import LinkReport, LinkState, Quote, Subscription

__all__ = ["QuoteFeed"]

_NAN = float("nan")


class QuoteFeed(StoreFeed):
    """A feed with the best bid and ask at the time of each bar as extra lines."""

    lines = ("bid", "ask", "bid_size", "ask_size")

    @property
    def _quotes(self) -> Subscription:
        return Subscription(self.symbol, TimeFrame.TICKS, 1, quotes=True)

    @property
    def _streams(self) -> Tuple[Subscription, ...]:
        return (*super()._streams, self._quotes)

    def start(self) -> None:
        super().start()
        problem = self._store.problem_of(self._quotes)
        if problem:
            raise UnsupportedError(f"{self.symbol}: {problem}")
        self._quote: Optional[Quote] = None

    def _start(self) -> None:
        super()._start()  # raises before anything is asked for
        self._store.data_handler.add_consumer(self._quotes, self._on_quote)
        self._store.subscribe_market_data(*self._quotes)

    def stop(self) -> None:
        self._store.data_handler.remove_consumer(self._quotes, self._on_quote)
        self._store.unsubscribe_market_data(*self._quotes)
        super().stop()

    def _on_link(self, report: LinkReport) -> None:
        super()._on_link(report)
        if report.state is LinkState.REFUSED and report.subscription == self._quotes:
            # The bars come all the same.
            self._store.put_notification("quotes refused", self.symbol, report.detail)

    def _on_quote(self, quote: Any) -> None:
        self._quote = quote

    def _load(self) -> Optional[bool]:
        loaded = super()._load()
        if loaded:
            quote = self._quote
            for name in ("bid", "ask", "bid_size", "ask_size"):
                value = getattr(quote, name) if quote is not None else None
                getattr(self.lines, name)[0] = _NAN if value is None else value
        return loaded
