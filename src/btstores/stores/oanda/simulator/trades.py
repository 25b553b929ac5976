"""Trades of the simulated OANDA: what a fill has opened, until other fills have closed it."""

from __future__ import annotations

import dataclasses
from typing import Any, Dict, List, Mapping, Optional

from btstores.stores.oanda.simulator.listings import Listing
from btstores.stores.oanda.simulator.text import money, price_text, time_text, units_text

__all__ = ["Trade"]


@dataclasses.dataclass
class Trade:
    """A trade. ``units`` are what is left of it, signed; amounts are in the account's currency."""

    trade_id: str
    instrument: str
    price: float
    initial: float
    opened_ns: int
    units: float = 0.0
    realized: float = 0.0
    financing: float = 0.0
    margin: float = 0.0
    client: Mapping[str, str] = dataclasses.field(default_factory=dict)
    #: By kind the id of the order that ends it.
    exits: Dict[str, str] = dataclasses.field(default_factory=dict)
    closing_ids: List[str] = dataclasses.field(default_factory=list)
    closed_ns: Optional[int] = None
    #: What has been closed, and for how much, in the instrument's currency.
    closed_units: float = 0.0
    closed_value: float = 0.0

    @property
    def is_open(self) -> bool:
        """Return whether something is left of it."""
        return self.closed_ns is None

    def pl(self, price: float, units: float) -> float:
        """Return what closing so many units at a price brings, in the instrument's currency."""
        sign = 1 if self.units > 0 else -1
        return sign * abs(units) * (price - self.price)

    def view(
        self,
        listing: Listing,
        unrealized: float,
        margin_used: float,
        orders: Mapping[str, Dict[str, Any]],
        unix: bool,
    ) -> Dict[str, Any]:
        """Return it as OANDA sends it; ``orders`` are its exits by kind."""
        precision = listing.units_precision
        told: Dict[str, Any] = {
            "id": self.trade_id,
            "instrument": self.instrument,
            "price": price_text(self.price, listing.precision),
            "openTime": time_text(self.opened_ns, unix),
            "state": "OPEN" if self.is_open else "CLOSED",
            "initialUnits": units_text(self.initial, precision),
            "initialMarginRequired": money(self.margin),
            "currentUnits": units_text(self.units, precision),
            "realizedPL": money(self.realized),
            "financing": money(self.financing),
            "dividendAdjustment": money(0.0),
        }
        if self.is_open:
            told["unrealizedPL"] = money(unrealized)
            told["marginUsed"] = money(margin_used)
        else:
            told["closeTime"] = time_text(self.closed_ns or 0, unix)
        if self.closed_units:
            average = self.closed_value / self.closed_units
            told["averageClosePrice"] = price_text(average, listing.precision)
            told["closingTransactionIDs"] = list(self.closing_ids)
        if self.client:
            told["clientExtensions"] = dict(self.client)
        for kind, name in (
            ("TAKE_PROFIT", "takeProfitOrder"),
            ("STOP_LOSS", "stopLossOrder"),
            ("TRAILING_STOP_LOSS", "trailingStopLossOrder"),
        ):
            if kind in orders:
                told[name] = orders[kind]
        return told
