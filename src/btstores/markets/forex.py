"""Currency pairs: pips and their tenths. Sizes are the venue's own."""

from __future__ import annotations

import datetime
from typing import Optional

from btstores.markets.rules import MarketRules, Source, TickTable

__all__ = ["CURRENCIES", "RULES", "ForexRules", "pip_of"]

_CONVENTION = Source(
    "Market convention: a pip is 0.0001, and 0.01 for pairs quoted in yen; a pipette is a tenth",
    "http://en.wikipedia.org/wiki/Percentage_in_point",
    datetime.date(2010, 1, 1),
)

#: Those for which the convention holds everywhere; of others the venue has to tell.
CURRENCIES = frozenset({"AUD", "CAD", "CHF", "EUR", "GBP", "JPY", "NZD", "USD"})

_PIPETTES = TickTable(((0.0, 0.00001),), _CONVENTION)
_PIPETTES_YEN = TickTable(((0.0, 0.001),), _CONVENTION)


def pip_of(symbol: str) -> Optional[float]:
    """Return the pip of a pair such as 'EUR_USD', in its second currency."""
    base, _, quote = symbol.partition("_")
    if base not in CURRENCIES or quote not in CURRENCIES:
        return None
    return 0.01 if quote == "JPY" else 0.0001


class ForexRules(MarketRules):
    """Currency pairs. Symbols are such as 'EUR_USD'. Ticks are pipettes."""

    sources = (_CONVENTION,)

    def tick_table_of(
        self, symbol: str, day: datetime.date, kind: Optional[str] = None
    ) -> Optional[TickTable]:
        pip = pip_of(symbol)
        if pip is None:
            return None
        return _PIPETTES_YEN if pip == 0.01 else _PIPETTES


RULES = ForexRules()
