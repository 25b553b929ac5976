"""Rates of exchange, and amounts in another currency. An unknown rate is an error, never 1."""

from __future__ import annotations

import math
import re
from typing import Dict, Iterator, NamedTuple, Optional, Tuple

from btstores.errors import ConfigError, UsageError

__all__ = ["Rate", "RateError", "RateStaleError", "Rates", "convert"]

_CODE = re.compile(r"[A-Z][A-Z0-9]{1,11}")


class RateError(UsageError):
    """No rate is known for a pair of currencies."""

    code = "RATE_MISSING"

    def __init__(self, message: str, source: str, target: str) -> None:
        super().__init__(message)
        self.pair = (source, target)


class RateStaleError(RateError):
    """The rate of a pair of currencies is older than allowed."""

    code = "RATE_STALE"


class Rate(NamedTuple):
    """One unit of ``source`` is worth ``value`` of ``target``. ``time_ns`` None never ages."""

    source: str
    target: str
    value: float
    time_ns: Optional[int] = None


class Rates:
    """A table of rates, from a feed, a store or by hand.

    ``base`` is the currency that crosses go through. ``max_age_ns`` is how old a rate may be
    when it is used; None means that rates do not age.
    """

    def __init__(self, base: str = "USD", max_age_ns: Optional[int] = None) -> None:
        self.base = _checked("base", base)
        self.max_age_ns = max_age_ns
        self._rates: Dict[Tuple[str, str], Rate] = {}

    def set(self, source: str, target: str, value: float, time_ns: Optional[int] = None) -> None:
        """Remember that one ``source`` is worth ``value`` of ``target``.

        It replaces an earlier rate of the pair, in whichever direction that was given. Raises
        `ConfigError` for a value that is no number above 0.
        """
        _checked("source", source)
        _checked("target", target)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ConfigError.of("value", value, "a number above 0")
        if source == target or not (math.isfinite(value) and value > 0):
            expected = "a number above 0, between two currencies"
            raise ConfigError.of(f"{source}/{target}", value, expected)
        self._rates.pop((target, source), None)
        self._rates[source, target] = Rate(source, target, float(value), time_ns)

    def __iter__(self) -> Iterator[Rate]:
        return iter(self._rates.values())

    def rate(self, source: str, target: str, now_ns: Optional[int] = None) -> float:
        """Return what one ``source`` is worth in ``target``.

        It is the pair's own rate, the inverse of the other direction, or a cross through the
        base. Raises `RateError` when there is none and `RateStaleError` when it is too old at
        ``now_ns``, which a table with ``max_age_ns`` needs.
        """
        _checked("source", source)
        _checked("target", target)
        if source == target:
            return 1.0
        if self.max_age_ns is not None and now_ns is None:
            raise ConfigError.of("now_ns", now_ns, "the time, as the rates may be too old")
        direct = self._leg(source, target, now_ns)
        if direct is not None:
            return direct
        first = self._leg(source, self.base, now_ns)
        second = self._leg(self.base, target, now_ns)
        if first is None or second is None:
            text = f"no rate is known for {source}/{target}, nor a cross through {self.base}"
            raise RateError(text, source, target)
        return first * second

    def _leg(self, source: str, target: str, now_ns: Optional[int]) -> Optional[float]:
        """Return a rate that needs no cross, or None."""
        found = self._rates.get((source, target))
        if found is not None:
            self._check_age(found, now_ns)
            return found.value
        found = self._rates.get((target, source))
        if found is not None:
            self._check_age(found, now_ns)
            return 1.0 / found.value
        return None

    def _check_age(self, rate: Rate, now_ns: Optional[int]) -> None:
        if self.max_age_ns is None or now_ns is None or rate.time_ns is None:
            return
        age = now_ns - rate.time_ns
        if age > self.max_age_ns:
            text = (
                f"the rate of {rate.source}/{rate.target} is {age / 1e9:g} s old, "
                f"{self.max_age_ns / 1e9:g} s are allowed"
            )
            raise RateStaleError(text, rate.source, rate.target)


def convert(
    amount: float, source: str, target: str, rates: Rates, now_ns: Optional[int] = None
) -> float:
    """Return ``amount`` of ``source`` in ``target``. Raises what `Rates.rate` raises."""
    return amount * rates.rate(source, target, now_ns)


def _checked(field: str, code: str) -> str:
    if not isinstance(code, str) or not _CODE.fullmatch(code):
        raise ConfigError.of(field, code, "a currency such as 'HKD' or 'USDT'")
    return code
