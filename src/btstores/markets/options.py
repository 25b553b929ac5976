"""Options: whole contracts, whose premium is settled on the next business day.

Ticks, multipliers and margins differ by class; the venue tells them.
"""

from __future__ import annotations

import datetime
from typing import Optional, Tuple

from btstores.markets.rules import MarketRules, SizeRule, Source

__all__ = ["CN_ETF", "HK_STOCK", "US_STOCK", "OptionRules"]


class OptionRules(MarketRules):
    """Options of one market, as the text of their contracts in ``source`` has it."""

    def __init__(self, source: Source, settlement_days: int) -> None:
        self.sources: Tuple[Source, ...] = (source,)
        self._sizes = SizeRule(source, 1.0, 1.0)
        self._settlement_days = settlement_days

    def size_rule_of(
        self, symbol: str, day: datetime.date, lot: Optional[float] = None
    ) -> Optional[SizeRule]:
        return self._sizes

    def settlement_days(self, symbol: str, day: datetime.date) -> Optional[int]:
        return self._settlement_days


HK_STOCK = OptionRules(
    Source(
        "Stock options traded on HKEX, contract summary",
        "https://www.cmbi.com/en-US/contract",
        datetime.date(2024, 11, 4),
    ),
    1,
)

US_STOCK = OptionRules(
    Source(
        "Characteristics and Risks of Standardized Options",
        "https://www.theocc.com/company-information/documents-and-archives/options-disclosure-document",
        datetime.date(2024, 5, 28),
    ),
    1,
)

CN_ETF = OptionRules(
    Source(
        "上证50ETF期权合约基本条款",
        "https://licai.cofool.com/ask/qa_2228080.html",
        datetime.date(2023, 4, 1),
    ),
    0,
)
