"""Futu's wire numbers of trading, and what they say of our symbols."""

from __future__ import annotations

import enum
from typing import Dict, Optional

from btstores.markets import MarketType

__all__ = [
    "CURRENCIES",
    "FINAL",
    "FIRMS",
    "FUTURES_MARKETS",
    "MARKET_TYPES",
    "SEC_MARKETS",
    "SIM_TYPES",
    "Kind",
    "Op",
    "Session",
    "Side",
    "Status",
    "Tif",
    "TrdMarket",
    "purse_of",
    "symbol_of",
    "trd_market_of",
]


class TrdMarket(enum.IntEnum):
    """Trading markets."""

    NONE = 0
    HK = 1
    US = 2
    CN = 3
    HKCC = 4
    FUTURES = 5
    SG = 6
    JP = 15
    FUTURES_SIMULATE_HK = 10
    FUTURES_SIMULATE_US = 11
    FUTURES_SIMULATE_SG = 12
    FUTURES_SIMULATE_JP = 13


class Side(enum.IntEnum):
    """Sides as told; clients send only the first two."""

    BUY = 1
    SELL = 2
    SELL_SHORT = 3
    BUY_BACK = 4

    @property
    def sells(self) -> bool:
        """Return whether it is a sale of any kind."""
        return self in (Side.SELL, Side.SELL_SHORT)


class Kind(enum.IntEnum):
    """Order types. NORMAL is a limit order."""

    NORMAL = 1
    MARKET = 2
    ABSOLUTE_LIMIT = 5
    AUCTION = 6
    AUCTION_LIMIT = 7
    SPECIAL_LIMIT = 8
    SPECIAL_LIMIT_ALL = 9
    STOP = 10
    STOP_LIMIT = 11
    MARKET_IF_TOUCHED = 12
    LIMIT_IF_TOUCHED = 13
    TRAILING_STOP = 14
    TRAILING_STOP_LIMIT = 15
    TWAP_MARKET = 16
    TWAP_LIMIT = 17
    VWAP_MARKET = 18
    VWAP_LIMIT = 19


class Status(enum.IntEnum):
    """Order statuses."""

    UNSUBMITTED = 0
    UNKNOWN = -1
    WAITING_SUBMIT = 1
    SUBMITTING = 2
    SUBMIT_FAILED = 3
    TIMEOUT = 4
    SUBMITTED = 5
    FILLED_PART = 10
    FILLED_ALL = 11
    CANCELLING_PART = 12
    CANCELLING_ALL = 13
    CANCELLED_PART = 14
    CANCELLED_ALL = 15
    FAILED = 21
    DISABLED = 22
    DELETED = 23
    FILL_CANCELLED = 24


#: Nothing more happens to an order with one of these.
FINAL = frozenset(
    {
        Status.SUBMIT_FAILED,
        Status.FILLED_ALL,
        Status.CANCELLED_PART,
        Status.CANCELLED_ALL,
        Status.FAILED,
        Status.DELETED,
        Status.FILL_CANCELLED,
    }
)


class Tif(enum.IntEnum):
    """How long an order is good for."""

    DAY = 0
    GTC = 1
    IOC = 2
    GTD = 3


class Session(enum.IntEnum):
    """Sessions of an order in the United States."""

    NONE = 0
    RTH = 1
    ETH = 2
    ALL = 3
    OVERNIGHT = 4


class Op(enum.IntEnum):
    """What a modification does."""

    NORMAL = 1
    CANCEL = 2
    DISABLE = 3
    ENABLE = 4
    DELETE = 5


#: By the first part of our symbols.
SEC_MARKETS: Dict[str, int] = {"HK": 1, "US": 2, "SH": 31, "SZ": 32, "SG": 41, "JP": 51}

CURRENCIES: Dict[str, int] = {"HKD": 1, "USD": 2, "CNH": 3, "JPY": 4, "SGD": 5, "AUD": 6}

FIRMS: Dict[str, int] = {
    "NONE": 0,
    "FUTUSECURITIES": 1,
    "FUTUINC": 2,
    "FUTUSG": 3,
    "FUTUAU": 4,
    "FUTUCA": 5,
    "FUTUMY": 6,
    "FUTUJP": 7,
}

SIM_TYPES: Dict[str, int] = {
    "NONE": 0,
    "STOCK": 1,
    "OPTION": 2,
    "FUTURES": 3,
    "STOCK_AND_OPTION": 4,
    "COMPETITION": 5,
}

FUTURES_MARKETS = frozenset(
    {
        TrdMarket.FUTURES,
        TrdMarket.FUTURES_SIMULATE_HK,
        TrdMarket.FUTURES_SIMULATE_US,
        TrdMarket.FUTURES_SIMULATE_SG,
        TrdMarket.FUTURES_SIMULATE_JP,
    }
)

#: Trading markets of a kind of market: of a real account, of a paper account.
MARKET_TYPES = {
    MarketType.HK_STOCK: (TrdMarket.HK, TrdMarket.HK),
    MarketType.HK_OPTION: (TrdMarket.HK, TrdMarket.HK),
    MarketType.US_STOCK: (TrdMarket.US, TrdMarket.US),
    MarketType.US_OPTION: (TrdMarket.US, TrdMarket.US),
    MarketType.CN_STOCK: (TrdMarket.HKCC, TrdMarket.CN),
    MarketType.HK_FUTURE: (TrdMarket.FUTURES, TrdMarket.FUTURES_SIMULATE_HK),
    MarketType.US_FUTURE: (TrdMarket.FUTURES, TrdMarket.FUTURES_SIMULATE_US),
}


def trd_market_of(market: MarketType, simulated: bool) -> TrdMarket:
    """Return where an account trades what belongs to ``market``; NONE if it cannot."""
    real, paper = MARKET_TYPES.get(market, (TrdMarket.NONE, TrdMarket.NONE))
    return paper if simulated else real


def purse_of(currency: str) -> str:
    """Return the currency in which Futu keeps money: the renminbi is the offshore one."""
    return "CNH" if currency in ("CNY", "CNH", "RMB") else currency


def symbol_of(code: str, sec_market: int, trd_market: int) -> Optional[str]:
    """Return our symbol of a code; None where nothing tells its market."""
    for prefix, number in SEC_MARKETS.items():
        if number == sec_market:
            return f"{prefix}.{code}"
    if trd_market in (TrdMarket.CN, TrdMarket.HKCC):
        return f"{'SH' if code[:1] in '569' else 'SZ'}.{code}"
    if trd_market in (TrdMarket.US, TrdMarket.FUTURES_SIMULATE_US):
        return f"US.{code}"
    if trd_market in (TrdMarket.HK, TrdMarket.FUTURES_SIMULATE_HK, TrdMarket.FUTURES):
        return f"HK.{code}"
    return None
