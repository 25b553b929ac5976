"""How symbols, markets and accounts are called: our words and Futu's numbers."""

from __future__ import annotations

from typing import Any, Dict, FrozenSet, NamedTuple, Optional, Tuple

from btstores.errors import ConfigError
from btstores.markets import MarketType

__all__ = [
    "MARKETS",
    "REAL",
    "SIMULATE",
    "FutuMarket",
    "quote_security",
    "symbol_of_order",
    "symbol_of_security",
    "trade_market",
    "trading_code",
    "written",
]

REAL, SIMULATE = "REAL", "SIMULATE"


class _Exchange(NamedTuple):
    """What an exchange is called: in quotes, and in orders."""

    quotes: int
    orders: int


_EXCHANGES: Dict[str, _Exchange] = {
    "HK": _Exchange(1, 1),
    "US": _Exchange(11, 2),
    "SH": _Exchange(21, 31),
    "SZ": _Exchange(22, 32),
    "SG": _Exchange(31, 41),
    "JP": _Exchange(41, 51),
}
_BY_QUOTES = {exchange.quotes: name for name, exchange in _EXCHANGES.items()}
_BY_ORDERS = {exchange.orders: name for name, exchange in _EXCHANGES.items()}
#: Other words for the same exchange.
_ALIASES = {"SS": "SH", "SHSE": "SH", "SZSE": "SZ", "HKEX": "HK"}
_DIGITS = {"HK": 5, "SH": 6, "SZ": 6}

EXPECTED = "a symbol such as 'HK.00700', 'US.AAPL' or 'SH.600519'"


def written(symbol: str) -> str:
    """Return a symbol as we write it: '700.HK' and 'hk.700' are 'HK.00700'.

    Raises `ConfigError` for what names no exchange.
    """
    text = symbol.strip()
    for name, code in (text.partition(".")[::2], text.rpartition(".")[::-2]):
        exchange = _ALIASES.get(name.upper(), name.upper())
        if exchange in _EXCHANGES and code:
            # The name of a future has letters of both cases, such as HSImain.
            known = code.upper() if code.islower() else code
            return f"{exchange}.{known.zfill(_DIGITS.get(exchange, 0) if code.isdigit() else 0)}"
    raise ConfigError.of("dataname", symbol, EXPECTED)


def _parts(symbol: str) -> Tuple[_Exchange, str]:
    name, _, code = symbol.partition(".")
    if name not in _EXCHANGES or not code:
        raise ConfigError.of("symbol", symbol, EXPECTED)
    return _EXCHANGES[name], code


def quote_security(symbol: str, security: Any) -> None:
    """Fill a Qot_Common.Security in."""
    exchange, security.code = _parts(symbol)
    security.market = exchange.quotes


def trading_code(symbol: str) -> Tuple[int, str]:
    """Return the number of the exchange in orders, and the code there."""
    exchange, code = _parts(symbol)
    return exchange.orders, code


def symbol_of_security(security: Any) -> Optional[str]:
    """Return our spelling of a Qot_Common.Security; None for an exchange that we do not know."""
    name = _BY_QUOTES.get(security.market)
    return None if name is None else f"{name}.{security.code}"


def symbol_of_order(sec_market: int, code: str, market: int) -> Optional[str]:
    """Return the symbol of an order, fill or position.

    ``market`` is that of the account, for orders which do not say where the code is from.
    """
    name = _BY_ORDERS.get(sec_market) or _DEFAULTS.get(market)
    return None if name is None else f"{name}.{code}"


class FutuMarket(NamedTuple):
    """A market of ours in Futu's numbers (Trd_Common.TrdMarket), by environment.

    ``exchanges`` are those of its symbols, ``accounts`` the kinds of simulated account
    (SimAccType) that may trade it.
    """

    real: int
    simulate: int
    exchanges: FrozenSet[str]
    futures: bool = False
    accounts: FrozenSet[int] = frozenset({1, 4})


_HK, _US, _CN, _CONNECT, _FUTURES = 1, 2, 3, 4, 5
_FUTURES_HK, _FUTURES_US = 10, 11
_OPTIONS = frozenset({2, 4})
_IN_HK, _IN_US, _IN_CN = frozenset({"HK"}), frozenset({"US"}), frozenset({"SH", "SZ"})

MARKETS: Dict[MarketType, FutuMarket] = {
    MarketType.HK_STOCK: FutuMarket(_HK, _HK, _IN_HK),
    MarketType.US_STOCK: FutuMarket(_US, _US, _IN_US),
    MarketType.CN_STOCK: FutuMarket(_CONNECT, _CN, _IN_CN),
    MarketType.HK_OPTION: FutuMarket(_HK, _HK, _IN_HK, accounts=_OPTIONS),
    MarketType.US_OPTION: FutuMarket(_US, _US, _IN_US, accounts=_OPTIONS),
    MarketType.HK_FUTURE: FutuMarket(_FUTURES, _FUTURES_HK, _IN_HK, True, frozenset({3})),
    MarketType.US_FUTURE: FutuMarket(_FUTURES, _FUTURES_US, _IN_US, True, frozenset({3})),
}

_DEFAULTS = {_HK: "HK", _US: "US", _FUTURES_HK: "HK", _FUTURES_US: "US"}


def trade_market(market: MarketType, environment: str) -> int:
    """Return the number of a market in requests on an account."""
    numbers = MARKETS[market]
    return numbers.real if environment == REAL else numbers.simulate
