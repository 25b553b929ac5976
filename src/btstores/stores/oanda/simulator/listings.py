"""What can be traded at the simulated OANDA, and how it is written there."""

from __future__ import annotations

from typing import Any, Dict, NamedTuple

__all__ = ["LISTINGS", "Listing"]


class Listing(NamedTuple):
    """An instrument. ``margin`` is the part of its value that a position binds.

    ``price`` and ``spread``, in pips, are what made-up prices begin with; they follow nobody's
    market. The form is that of ``GET /v3/accounts/{id}/instruments``; margins are those of the
    European Union's retail accounts (3.33 % for the majors, 5 % for gold and most indices).
    """

    name: str
    kind: str
    title: str
    precision: int
    pip: int
    units_precision: int
    margin: float
    price: float
    spread: float
    minimum: float = 1.0
    maximum: float = 100_000_000.0

    @property
    def base(self) -> str:
        """Return what is traded, such as EUR of EUR_USD."""
        return self.name.partition("_")[0]

    @property
    def quote(self) -> str:
        """Return the currency that the price is in."""
        return self.name.partition("_")[2]

    @property
    def tick_size(self) -> float:
        """Return the smallest step of a price."""
        return float(10.0**-self.precision)

    def view(self) -> Dict[str, Any]:
        """Return it as OANDA sends it."""
        least = f"{10.0**-self.units_precision:.{self.units_precision}f}"
        return {
            "name": self.name,
            "type": self.kind,
            "displayName": self.title,
            "pipLocation": self.pip,
            "displayPrecision": self.precision,
            "tradeUnitsPrecision": self.units_precision,
            "minimumTradeSize": least if self.units_precision else f"{self.minimum:g}",
            "maximumTrailingStopDistance": f"{self._pips(10_000):.{self.precision}f}",
            "minimumTrailingStopDistance": f"{self._pips(5):.{self.precision}f}",
            "maximumPositionSize": "0",
            "maximumOrderUnits": f"{self.maximum:.0f}",
            "marginRate": f"{self.margin:g}",
            "guaranteedStopLossOrderMode": "DISABLED",
            "tags": [{"type": "ASSET_CLASS", "name": self.kind}],
            "financing": {"longRate": "-0.02", "shortRate": "-0.005"},
        }

    def _pips(self, number: float) -> float:
        return float(number * 10.0**self.pip)


_ROWS = (
    Listing("EUR_USD", "CURRENCY", "EUR/USD", 5, -4, 0, 0.0333, 1.0850, 1.4),
    Listing("GBP_USD", "CURRENCY", "GBP/USD", 5, -4, 0, 0.0333, 1.2700, 1.8),
    Listing("USD_JPY", "CURRENCY", "USD/JPY", 3, -2, 0, 0.0333, 148.00, 1.5),
    Listing("USD_CHF", "CURRENCY", "USD/CHF", 5, -4, 0, 0.0333, 0.8700, 1.7),
    Listing("USD_CAD", "CURRENCY", "USD/CAD", 5, -4, 0, 0.0333, 1.3500, 2.0),
    Listing("AUD_USD", "CURRENCY", "AUD/USD", 5, -4, 0, 0.05, 0.6600, 1.4),
    Listing("NZD_USD", "CURRENCY", "NZD/USD", 5, -4, 0, 0.05, 0.6150, 1.8),
    Listing("EUR_GBP", "CURRENCY", "EUR/GBP", 5, -4, 0, 0.0333, 0.8550, 1.6),
    Listing("EUR_JPY", "CURRENCY", "EUR/JPY", 3, -2, 0, 0.0333, 160.50, 2.0),
    Listing("XAU_USD", "METAL", "Gold", 3, -2, 0, 0.05, 2030.0, 35.0),
    Listing("DE30_EUR", "CFD", "Germany 30", 1, 0, 1, 0.05, 16700.0, 1.2),
    Listing("SPX500_USD", "CFD", "US SPX 500", 1, 0, 1, 0.05, 4750.0, 0.4),
)
LISTINGS: Dict[str, Listing] = {row.name: row for row in _ROWS}
