"""United States stocks: ticks, sizes, settlement, short sales.

There are no limits of the day: Limit Up-Limit Down pauses trading, and its bands move with the
price. Fractions of a share are the broker's offer, so the venue has to tell of them.
"""

from __future__ import annotations

import datetime
from typing import Optional, Tuple

from btstores.markets.rules import (
    MarketRules,
    SettlementRule,
    ShortSaleRule,
    SizeRule,
    Source,
    TickTable,
    in_force,
)

__all__ = ["HALF_PENNY", "RULES", "SETTLEMENT", "SHORT_SALE", "SIZES", "TICKS", "UsRules"]

_RULE_612 = Source(
    "Regulation NMS, Rule 612 (17 CFR 242.612)",
    "https://www.law.cornell.edu/cfr/text/17/242.612",
    datetime.date(2006, 1, 31),
)

#: From then on the tick of a stock from 1 dollar is 0.005 or 0.01, as its listing exchange finds
#: twice a year from the quoted spread. The date was put off twice and may be again.
HALF_PENNY = Source(
    "SEC Release 34-105656 of 11 June 2026 (91 FR, 2026-11997): relief from Rule 612 as amended "
    "until the first business day of November 2027",
    "https://www.sec.gov/files/rules/exorders/2026/34-105656.pdf",
    datetime.date(2027, 11, 1),
)

TICKS: Tuple[TickTable, ...] = (TickTable(((0.0, 0.0001), (1.0, 0.01)), _RULE_612),)

SIZES: Tuple[SizeRule, ...] = (
    SizeRule(
        Source(
            "Regulation NMS, Rule 600(b) (17 CFR 242.600): an odd lot is an order like others; "
            "less than one share is each broker's own offer",
            "https://www.law.cornell.edu/cfr/text/17/242.600",
            datetime.date(2006, 1, 31),
        ),
        least=1.0,
        step=1.0,
    ),
)

SETTLEMENT: Tuple[SettlementRule, ...] = (
    SettlementRule(
        Source(
            "SEC Rule 15c6-1 as amended in 2017 (82 FR 15564)",
            "https://thefederalregister.org/documents/2017-06037/"
            "securities-transaction-settlement-cycle",
            datetime.date(2017, 9, 5),
        ),
        2,
    ),
    SettlementRule(
        Source(
            "SEC Rule 15c6-1 as amended in 2023 (Release 34-96930)",
            "https://www.sec.gov/files/rules/final/2023/34-96930.pdf",
            datetime.date(2024, 5, 28),
        ),
        1,
    ),
)

SHORT_SALE = ShortSaleRule(
    Source(
        "Regulation SHO, Rule 201 (17 CFR 242.201)",
        "https://www.law.cornell.edu/cfr/text/17/242.201",
        datetime.date(2011, 2, 28),
    ),
    listed_only=False,
    floor="bid",
    floor_after_fall=0.1,
)


class UsRules(MarketRules):
    """United States stocks. Symbols are such as 'US.AAPL'."""

    sources = (
        *(rule.source for rule in TICKS),
        HALF_PENNY,
        *(rule.source for rule in SIZES),
        *(rule.source for rule in SETTLEMENT),
        SHORT_SALE.source,
    )
    short_sale = SHORT_SALE

    def tick_table_of(
        self, symbol: str, day: datetime.date, kind: Optional[str] = None
    ) -> Optional[TickTable]:
        if not symbol.startswith("US.") or day >= HALF_PENNY.effective:
            return None
        return in_force(TICKS, day)

    def size_rule_of(
        self, symbol: str, day: datetime.date, lot: Optional[float] = None
    ) -> Optional[SizeRule]:
        return in_force(SIZES, day) if symbol.startswith("US.") else None

    def settlement_days(self, symbol: str, day: datetime.date) -> Optional[int]:
        rule = in_force(SETTLEMENT, day)
        return None if rule is None or not symbol.startswith("US.") else rule.days


RULES = UsRules()
