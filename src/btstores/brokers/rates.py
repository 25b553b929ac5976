"""Rates of exchange in whatever form a user has them."""

from __future__ import annotations

import math
from typing import Any, Callable, Mapping, Optional

from btstores.errors import ConfigError
from btstores.markets.currencies import RateError, Rates

__all__ = ["RateOf", "read_rates"]

#: What one unit of a currency is worth in the base currency; None while it is not known.
RateOf = Callable[[str], Optional[float]]


def read_rates(rates: Any, base: str, now_ns: Callable[[], int]) -> RateOf:
    """Return how to ask for a rate to ``base``.

    ``rates`` is a mapping of currencies to what one unit is worth in ``base``, each a number or
    a feed whose close it is; a `Rates` table; a callable that is given both currencies and
    returns a number or None; or None for no rates at all. Raises `ConfigError` for anything
    else.
    """
    if not isinstance(base, str) or not base:
        raise ConfigError.of("currency", base, "a currency such as 'USD'")
    ask = _asker(rates, now_ns)

    def rate_of(currency: str) -> Optional[float]:
        if currency == base:
            return 1.0
        rate = ask(currency, base)
        return rate if rate is not None and 0 < rate < math.inf else None

    return rate_of


def _asker(rates: Any, now_ns: Callable[[], int]) -> Callable[[str, str], Optional[float]]:
    if rates is None:
        return lambda source, target: None
    if isinstance(rates, Rates):
        return lambda source, target: _in_table(rates, source, target, now_ns())
    if isinstance(rates, Mapping):
        for currency, value in rates.items():
            _check(currency, value)
        return lambda source, target: _now(rates.get(source))
    if callable(rates):
        ask: Callable[[str, str], Optional[float]] = rates
        return ask
    raise ConfigError.of("rates", rates, "a mapping, a Rates table or a callable")


def _in_table(rates: Rates, source: str, target: str, now_ns: int) -> Optional[float]:
    try:
        return rates.rate(source, target, now_ns)
    except RateError:
        return None


def _check(currency: str, value: Any) -> None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not (hasattr(value, "close") or (is_number and 0 < value < math.inf)):
        raise ConfigError.of(f"rates[{currency!r}]", value, "a number above 0, or a feed")


def _now(value: Any) -> Optional[float]:
    """Return a number as it is, and of a feed its close."""
    if value is not None and hasattr(value, "close"):
        value = value.close[0] if len(value) else None
    return None if value is None else float(value)
