"""Mainland China: boards by code, ticks, lots, limits of the day, T+1.

Figures that no exchange's document was at hand for are left to the venue: the ratios of funds on
the STAR board (58) and in Shenzhen, ticks of convertible bonds in Shanghai, the largest order
in Beijing.
"""

from __future__ import annotations

import datetime
import enum
from decimal import Decimal
from typing import Dict, Optional, Tuple

from btstores.markets.rules import (
    LimitRule,
    MarketRules,
    SettlementRule,
    ShortSaleRule,
    SizeRule,
    Source,
    TickTable,
    in_force,
)

__all__ = [
    "FIRST_DAY",
    "FREE_DAYS",
    "LIMITS",
    "LIMITS_ST",
    "RULES",
    "SETTLEMENT",
    "SHORT_SALE",
    "SIZES",
    "TICKS",
    "Board",
    "CnRules",
    "board_of",
    "sells_same_day",
]


class Board(enum.Enum):
    """Kinds of security that the rules tell apart."""

    MAIN = "main"
    STAR = "star"
    CHINEXT = "chinext"
    BSE = "bse"
    B_SHARE_SH = "b_share_sh"
    B_SHARE_SZ = "b_share_sz"
    FUND_SH = "fund_sh"
    FUND_SZ = "fund_sz"
    FUND_STAR = "fund_star"
    CONVERTIBLE_SH = "convertible_sh"
    CONVERTIBLE_SZ = "convertible_sz"


_CODES: Dict[Board, Tuple[str, ...]] = {
    Board.MAIN: ("SH.60", "SZ.000", "SZ.001", "SZ.002", "SZ.003"),
    Board.STAR: ("SH.688", "SH.689"),
    Board.CHINEXT: ("SZ.300", "SZ.301", "SZ.302"),
    Board.BSE: ("BJ.43", "BJ.83", "BJ.87", "BJ.88", "BJ.92"),
    Board.B_SHARE_SH: ("SH.900",),
    Board.B_SHARE_SZ: ("SZ.200",),
    Board.FUND_SH: ("SH.51", "SH.56"),
    Board.FUND_SZ: ("SZ.15", "SZ.16"),
    Board.FUND_STAR: ("SH.58",),
    Board.CONVERTIBLE_SH: ("SH.110", "SH.111", "SH.113", "SH.118"),
    Board.CONVERTIBLE_SZ: ("SZ.123", "SZ.127", "SZ.128"),
}
_BOARDS = {code: board for board, codes in _CODES.items() for code in codes}
_LENGTH = len("SH.600519")

# Documents, and the first days of what they say.
_SSE = "https://www.sse.com.cn/lawandrules/sselawsrules2025/stocks/exchange/c/"
_SSE_2026 = f"{_SSE}c_20260424_10816482.shtml"
_SSE_2023 = f"{_SSE}c_20250519_10779396.shtml"
_SZSE_2026 = (
    "https://docs.static.szse.cn/www/lawrules/rule/trade/current/W020260424690713155663.pdf"
)
_STAR_URL = "https://star.sse.com.cn/star/media/news/c/c_20190719_4866789.shtml"
_CHINEXT_URL = "https://investor.szse.cn/institute/rules/t20200807_580310.html"
_BSE_URL = "https://www.bse.cn/jygl_list/200028217.html"

_STAR_START = datetime.date(2019, 7, 22)
_CHINEXT_START = datetime.date(2009, 10, 30)
_CHINEXT_REFORM = datetime.date(2020, 8, 24)
_REGISTRATION = datetime.date(2023, 4, 10)
_RULES_2006 = datetime.date(2006, 7, 1)
_BSE_START = datetime.date(2021, 11, 15)

_SZSE = Source(
    "SZSE Trading Rules (2026) 3.3.8 to 3.3.13: orders, sizes and ticks", _SZSE_2026, _RULES_2006
)
_SSE_ORDERS = Source(
    "SSE Trading Rules (2023, 2026) 3.3.8 to 3.3.11: orders, sizes and ticks",
    _SSE_2023,
    _RULES_2006,
)
_STAR = Source("SSE, Special Rules on STAR Market Trading, article 20", _STAR_URL, _STAR_START)
_CHINEXT = Source(
    "SZSE, Special Rules on ChiNext Trading (515 of 2020), 2.1 and 2.8",
    _CHINEXT_URL,
    _CHINEXT_REFORM,
)
_CHINEXT_BEFORE = Source(
    "SZSE, questions on the ChiNext reform: 10 % and 5 % under risk warning before it",
    _CHINEXT_URL,
    _CHINEXT_START,
)
_BSE = Source("BSE Trading Rules (17 of 2026), orders and limits", _BSE_URL, _BSE_START)
_CONVERTIBLE = Source(
    "SSE, Rules on Trading Convertible Bonds (as of March 2025): 1,000 yuan of face value a unit, "
    "10 bonds of 100 yuan",
    "https://www.sse.com.cn/lawandrules/sselawsrules2025/bond/trading/currency/c/"
    "c_20250606_10781040.shtml",
    datetime.date(2025, 6, 6),
)
_CONVERTIBLE_SZ = Source(
    "SZSE, bond trading: ticks of 0.001 yuan for 100 yuan of face value",
    _SZSE_2026,
    _CONVERTIBLE.effective,
)
_MAIN_LIMITS = Source(
    "SSE Trading Rules 3.3.13 and SZSE Trading Rules 3.3.13: 10 %, since 16 December 1996",
    _SSE_2026,
    datetime.date(1996, 12, 16),
)
_MAIN_ST = Source(
    "SSE Trading Rules (2023) 4.4.10 and SZSE Trading Rules (2023) 4.5.5: 5 % under risk warning",
    _SSE_2023,
    datetime.date(1998, 4, 28),
)
_MAIN_ST_2026 = Source(
    "SSE Trading Rules (41 of 2026) and SZSE Trading Rules (551 of 2026): risk warning as others",
    "https://www.sse.com.cn/aboutus/mediacenter/hotandd/c/c_20260424_10816474.shtml",
    datetime.date(2026, 7, 6),
)
_FIRST_DAY_2014 = Source(
    "SSE notice 37 of 2014 on the first days of new shares: 64 % to 144 % of the issue price",
    "https://www.sse.com.cn/lawandrules/sselawsrules2025/repeal/rules/c/c_20140613_10785185.shtml",
    datetime.date(2014, 6, 13),
)
_FREE_2023 = Source(
    "SSE Trading Rules (2023) 3.3.13, from the first registered listing: five days without limits",
    _SSE_2023,
    _REGISTRATION,
)


def _ticks(tick: float, source: Source) -> Tuple[TickTable, ...]:
    return (TickTable(((0.0, tick),), source),)


#: In yuan; B shares in US dollars (Shanghai) and Hong Kong dollars (Shenzhen).
TICKS: Dict[Board, Tuple[TickTable, ...]] = {
    Board.MAIN: _ticks(0.01, _SSE_ORDERS),
    Board.STAR: _ticks(0.01, _STAR),
    Board.CHINEXT: _ticks(0.01, _SZSE),
    Board.BSE: _ticks(0.01, _BSE),
    Board.B_SHARE_SH: _ticks(0.001, _SSE_ORDERS),
    Board.B_SHARE_SZ: _ticks(0.01, _SZSE),
    Board.FUND_SH: _ticks(0.001, _SSE_ORDERS),
    Board.FUND_SZ: _ticks(0.001, _SZSE),
    Board.FUND_STAR: _ticks(0.001, _SSE_ORDERS),
    Board.CONVERTIBLE_SZ: _ticks(0.001, _CONVERTIBLE_SZ),
}


def _hundreds(
    source: Source, most: float = 1_000_000.0, at_market: float = 1_000_000.0
) -> SizeRule:
    return SizeRule(source, 100.0, 100.0, most, at_market, odd_sale=True)


#: In shares, units of funds, or bonds of 100 yuan.
SIZES: Dict[Board, Tuple[SizeRule, ...]] = {
    Board.MAIN: (_hundreds(_SSE_ORDERS),),
    Board.STAR: (SizeRule(_STAR, 200.0, 1.0, 100_000.0, 50_000.0, odd_sale=True),),
    Board.CHINEXT: (
        _hundreds(_SZSE._replace(effective=_CHINEXT_START)),
        _hundreds(_CHINEXT, 300_000.0, 150_000.0),
    ),
    Board.BSE: (SizeRule(_BSE, 100.0, 1.0, odd_sale=True),),
    Board.B_SHARE_SH: (_hundreds(_SSE_ORDERS),),
    Board.B_SHARE_SZ: (_hundreds(_SZSE),),
    Board.FUND_SH: (_hundreds(_SSE_ORDERS),),
    Board.FUND_SZ: (_hundreds(_SZSE),),
    Board.FUND_STAR: (_hundreds(_SSE_ORDERS),),
    Board.CONVERTIBLE_SH: (SizeRule(_CONVERTIBLE, 10.0, 10.0, odd_sale=True),),
    Board.CONVERTIBLE_SZ: (SizeRule(_CONVERTIBLE, 10.0, 10.0, odd_sale=True),),
}


def _limit(percent: int, source: Source) -> LimitRule:
    return LimitRule(source, Decimal(percent) / 100, Decimal(percent) / 100)


_MAIN_10 = (_limit(10, _MAIN_LIMITS),)
_MAIN_5 = (_limit(5, _MAIN_ST), _limit(10, _MAIN_ST_2026))

LIMITS: Dict[Board, Tuple[LimitRule, ...]] = {
    Board.MAIN: _MAIN_10,
    Board.STAR: (_limit(20, _STAR),),
    Board.CHINEXT: (_limit(10, _CHINEXT_BEFORE), _limit(20, _CHINEXT)),
    Board.BSE: (_limit(30, _BSE),),
    Board.B_SHARE_SH: _MAIN_10,
    Board.B_SHARE_SZ: _MAIN_10,
    Board.FUND_SH: (_limit(10, _MAIN_LIMITS._replace(effective=_RULES_2006)),),
    Board.CONVERTIBLE_SZ: (_limit(20, _CONVERTIBLE),),
}

#: Under risk warning, where that is a difference.
LIMITS_ST: Dict[Board, Tuple[LimitRule, ...]] = {
    Board.MAIN: _MAIN_5,
    Board.CHINEXT: (_limit(5, _CHINEXT_BEFORE), _limit(20, _CHINEXT)),
    Board.B_SHARE_SH: _MAIN_5,
    Board.B_SHARE_SZ: _MAIN_5,
}

_BAND_OF_2014 = LimitRule(_FIRST_DAY_2014, Decimal("0.36"), Decimal("0.44"))

#: Limits of the first day, from the issue price. Before them there were none on it.
FIRST_DAY: Dict[Board, Tuple[LimitRule, ...]] = {
    Board.MAIN: (_BAND_OF_2014,),
    Board.CHINEXT: (_BAND_OF_2014,),
    Board.CONVERTIBLE_SZ: (LimitRule(_CONVERTIBLE, Decimal("0.433"), Decimal("0.573")),),
}

#: How many first days have no limits, and since when. The board's own rule at a listing goes
#: on for shares that were listed before; for the five days after a change that is not told apart.
FREE_DAYS: Dict[Board, Tuple[int, Source]] = {
    Board.MAIN: (5, _FREE_2023),
    Board.STAR: (5, _STAR),
    Board.CHINEXT: (5, _CHINEXT),
    Board.BSE: (1, _BSE),
}

SETTLEMENT: Tuple[SettlementRule, ...] = (
    SettlementRule(
        Source(
            "Stock Connect comparison: securities settle on the day of the trade, money on T+1",
            "http://oponline.com.hk/rmb_sec/risk.htm",
            datetime.date(2014, 11, 17),
        ),
        1,
    ),
)
SHORT_SALE = ShortSaleRule(
    Source(
        "SSE, Rules on Margin Trading and Securities Lending (2023), articles 2, 12 and 23",
        "https://www.sse.com.cn/lawandrules/sselawsrules2025/trade/",
        datetime.date(2023, 2, 17),
    ),
    listed_only=True,
    floor="last",
)

_SAME_DAY = Source(
    "SSE Trading Rules (2026) 3.1.5: bonds, and funds of bonds, money, gold and foreign shares",
    _SSE_2026,
    _RULES_2006,
)
#: Codes of Shanghai: funds of bonds and money (511), foreign shares (513) and gold (518).
_SAME_DAY_FUNDS = ("SH.511", "SH.513", "SH.518")
_FUNDS = (Board.FUND_SH, Board.FUND_SZ, Board.FUND_STAR)
_SAME_DAY_BOARDS = (Board.CONVERTIBLE_SH, Board.CONVERTIBLE_SZ)


def board_of(symbol: str) -> Optional[Board]:
    """Return the board of a symbol such as 'SH.600519'; None for what the rules do not cover."""
    if len(symbol) != _LENGTH or not symbol[3:].isdigit():
        return None
    return _BOARDS.get(symbol[:6]) or _BOARDS.get(symbol[:5])


def sells_same_day(symbol: str) -> Optional[bool]:
    """Return whether what is bought may be sold on the same day.

    None is said of funds whose code does not tell: most of them may not.
    """
    board = board_of(symbol)
    if board in _SAME_DAY_BOARDS or symbol.startswith(_SAME_DAY_FUNDS):
        return True
    return None if board is None or board in _FUNDS else False


class CnRules(MarketRules):
    """Mainland China. Symbols are such as 'SH.600519', 'SZ.300750' and 'BJ.920799'."""

    sources = (
        _SSE_ORDERS,
        _SZSE,
        _STAR,
        _CHINEXT_BEFORE,
        _CHINEXT,
        _BSE,
        _CONVERTIBLE,
        _CONVERTIBLE_SZ,
        _MAIN_LIMITS,
        _MAIN_ST,
        _MAIN_ST_2026,
        _FIRST_DAY_2014,
        _FREE_2023,
        _SAME_DAY,
        *(rule.source for rule in SETTLEMENT),
        SHORT_SALE.source,
    )
    short_sale = SHORT_SALE

    def kind_of(self, symbol: str) -> str:
        return "etf" if board_of(symbol) in _FUNDS else "stock"

    def tick_table_of(
        self, symbol: str, day: datetime.date, kind: Optional[str] = None
    ) -> Optional[TickTable]:
        board = board_of(symbol)
        return None if board is None else in_force(TICKS.get(board, ()), day)

    def size_rule_of(
        self, symbol: str, day: datetime.date, lot: Optional[float] = None
    ) -> Optional[SizeRule]:
        board = board_of(symbol)
        return None if board is None else in_force(SIZES.get(board, ()), day)

    def limits_of(
        self,
        symbol: str,
        previous_close: float,
        day: datetime.date,
        is_st: bool = False,
        days_listed: Optional[int] = None,
    ) -> Optional[Tuple[float, float]]:
        board, ticks = board_of(symbol), self.tick_table_of(symbol, day)
        if board is None or ticks is None:
            return None
        rule = _limit_rule(board, day, is_st, days_listed)
        tick = ticks.tick_at(previous_close)
        return None if rule is None or tick is None else rule.prices(previous_close, tick)

    def settlement_days(self, symbol: str, day: datetime.date) -> Optional[int]:
        rule = in_force(SETTLEMENT, day)
        return None if rule is None or board_of(symbol) is None else rule.days

    def sellable(self, symbol: str, held: float, bought_today: float) -> float:
        """Return how much of ``held`` may be sold today, of which ``bought_today`` is new.

        What is not known to be sold on the same day is not.
        """
        return held if sells_same_day(symbol) else max(held - bought_today, 0.0)


def _limit_rule(
    board: Board, day: datetime.date, is_st: bool, days_listed: Optional[int]
) -> Optional[LimitRule]:
    if days_listed is not None and board in FREE_DAYS:
        free, source = FREE_DAYS[board]
        if source.effective <= day and days_listed <= free:
            return None
    if days_listed == 1 and board in FIRST_DAY:
        return in_force(FIRST_DAY[board], day)
    history = LIMITS.get(board, ())
    if is_st:
        history = LIMITS_ST.get(board, history)
    return in_force(history, day)


RULES = CnRules()
