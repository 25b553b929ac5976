"""Crypto currencies: every figure is the venue's own, and nothing is settled later."""

from __future__ import annotations

import datetime
from typing import Optional

from btstores.markets.rules import MarketRules

__all__ = ["RULES", "CryptoRules"]


class CryptoRules(MarketRules):
    """Crypto currencies. Symbols are such as 'BTC/USDT'."""

    def settlement_days(self, symbol: str, day: datetime.date) -> Optional[int]:
        return 0


RULES = CryptoRules()
