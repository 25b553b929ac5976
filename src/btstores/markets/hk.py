"""Hong Kong securities: spread tables by date and kind, order caps, settlement, short sales.

The lot of a security is the issuer's own, so the venue has to tell it; odd lots are not matched
automatically. There are no limits of the day: the volatility control mechanism is a cooling-off
period and not a band that is known before.
"""

from __future__ import annotations

import datetime
from typing import Dict, Optional, Tuple

from btstores.markets.rules import (
    MarketRules,
    SettlementRule,
    ShortSaleRule,
    SizeRule,
    Source,
    TickTable,
    in_force,
)

__all__ = ["MAX_LOTS", "RULES", "SETTLEMENT", "SHORT_SALE", "TICKS", "HkRules"]

_REDUCTION = (
    "https://www.hkex.com.hk/Services/Trading/Securities/Overview/Trading-Mechanism/"
    "Reduction-of-Minimum-Spreads?sc_lang=en"
)

_PHASE_2A = Source(
    "HKEX news release of 2 June 2006, Phase 2A of the spread reduction, in July 2006",
    "https://www.hkex.com.hk/News/News-Release/2006/0606022news?sc_lang=en",
    datetime.date(2006, 8, 1),
)
_PHASE_1 = Source(
    "HKEX, Reduction of Minimum Spreads, Phase 1", _REDUCTION, datetime.date(2025, 8, 4)
)
_PHASE_2 = Source(
    "HKEX, Reduction of Minimum Spreads, Phase 2", _REDUCTION, datetime.date(2026, 8, 3)
)
_FUNDS = Source(
    "HKEX, New Spread Table for ETPs",
    "https://www.hkex.com.hk/Products/Securities/Exchange-Traded-Products/Investors?sc_lang=en",
    datetime.date(2020, 6, 1),
)

_UNTIL_2025 = TickTable(
    (
        (0.01, 0.001),
        (0.25, 0.005),
        (0.50, 0.01),
        (10.0, 0.02),
        (20.0, 0.05),
        (100.0, 0.1),
        (200.0, 0.2),
        (500.0, 0.5),
        (1000.0, 1.0),
        (2000.0, 2.0),
        (5000.0, 5.0),
    ),
    _PHASE_2A,
)
_FROM_2025 = TickTable(
    (
        (0.01, 0.001),
        (0.25, 0.005),
        (0.50, 0.01),
        (20.0, 0.02),
        (50.0, 0.05),
        (100.0, 0.1),
        (200.0, 0.2),
        (500.0, 0.5),
        (1000.0, 1.0),
        (2000.0, 2.0),
        (5000.0, 5.0),
    ),
    _PHASE_1,
)
_FROM_2026 = TickTable(
    (
        (0.01, 0.001),
        (0.25, 0.005),
        (10.0, 0.01),
        (20.0, 0.02),
        (50.0, 0.05),
        (100.0, 0.1),
        (200.0, 0.2),
        (500.0, 0.5),
        (1000.0, 1.0),
        (2000.0, 2.0),
        (5000.0, 5.0),
    ),
    _PHASE_2,
)
_ETF_FROM_2020 = TickTable(
    (
        (0.01, 0.001),
        (1.0, 0.002),
        (5.0, 0.005),
        (10.0, 0.01),
        (20.0, 0.02),
        (100.0, 0.05),
        (200.0, 0.1),
        (500.0, 0.2),
        (1000.0, 0.5),
        (2000.0, 1.0),
    ),
    _FUNDS,
)

#: By kind. The reductions leave exchange traded and structured products (warrants) out.
TICKS: Dict[str, Tuple[TickTable, ...]] = {
    "stock": (_UNTIL_2025, _FROM_2025, _FROM_2026),
    "etf": (_UNTIL_2025, _ETF_FROM_2020),
    "warrant": (_UNTIL_2025,),
}

_MECHANISM = Source(
    "HKEX, Trading Mechanism: the maximum order size for automatch stocks is 3,000 board lots",
    "https://sc.hkex.com.hk/TuniS/www.hkex.com.hk/eng/market/market.htm",
    datetime.date(2020, 10, 19),
)
MAX_LOTS = 3000

SETTLEMENT: Tuple[SettlementRule, ...] = (
    SettlementRule(
        Source(
            "Stock Connect comparison: Hong Kong securities and money settle on T+2",
            "http://oponline.com.hk/rmb_sec/risk.htm",
            datetime.date(2014, 11, 17),
        ),
        2,
    ),
)
SHORT_SALE = ShortSaleRule(
    Source(
        "Rules of the Exchange, Schedule 11; HKEX, Regulated Short Selling",
        "https://www.hkex.com.hk/Services/Trading/Securities/Overview/Regulated-Short-Selling",
        datetime.date(2020, 10, 19),
    ),
    listed_only=True,
    floor="ask",
)

# Derivative warrants, and callable bull and bear contracts: the news release of 23 January 2008
# on five-digit codes. Other products have no ranges of their own that hold without exception.
_WARRANTS = ("1", "2", "6")


class HkRules(MarketRules):
    """Hong Kong. Symbols are such as 'HK.00700'."""

    sources = (
        _PHASE_2A,
        _PHASE_1,
        _PHASE_2,
        _FUNDS,
        _MECHANISM,
        *(rule.source for rule in SETTLEMENT),
        SHORT_SALE.source,
    )
    short_sale = SHORT_SALE

    def kind_of(self, symbol: str) -> str:
        code = _code_of(symbol)
        return "warrant" if code is not None and code.startswith(_WARRANTS) else "stock"

    def tick_table_of(
        self, symbol: str, day: datetime.date, kind: Optional[str] = None
    ) -> Optional[TickTable]:
        if _code_of(symbol) is None:
            return None
        return in_force(TICKS.get(kind or self.kind_of(symbol), ()), day)

    def size_rule_of(
        self, symbol: str, day: datetime.date, lot: Optional[float] = None
    ) -> Optional[SizeRule]:
        if lot is None or _code_of(symbol) is None or day < _MECHANISM.effective:
            return None
        return SizeRule(_MECHANISM, lot, lot, MAX_LOTS * lot, MAX_LOTS * lot)

    def settlement_days(self, symbol: str, day: datetime.date) -> Optional[int]:
        rule = in_force(SETTLEMENT, day)
        return None if rule is None or _code_of(symbol) is None else rule.days


def _code_of(symbol: str) -> Optional[str]:
    exchange, _, code = symbol.partition(".")
    return code if exchange == "HK" and len(code) == 5 and code.isdigit() else None


RULES = HkRules()
