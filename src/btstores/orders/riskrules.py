"""The rules of the risk control: what they are, and how they are read from a file or a mapping."""

from __future__ import annotations

import collections.abc
import contextlib
import dataclasses
import enum
import os
import re
import sys
from typing import Any, Callable, Dict, Iterator, Mapping, NamedTuple, Optional, Union

from btstores.config import read_toml
from btstores.errors import ConfigError

__all__ = ["EVERY", "Limits", "Rate", "RiskRules", "TradingState", "read_rules", "tables_of"]

#: The key of instruments and strategies for all that have no limits of their own.
EVERY = "*"

_RATE = re.compile(r"\s*(\d+)\s+per\s+(\d+(?:\.\d+)?)\s*s\s*")


class TradingState(enum.Enum):
    """Which orders pass. Cancels always do."""

    ACTIVE = "active"  # all that keep to the limits
    REDUCING = "reducing"  # only those that reduce a position
    HALTED = "halted"  # none


class Rate(NamedTuple):
    """At most so many ``orders`` within any ``seconds``."""

    orders: int
    seconds: float


@dataclasses.dataclass(frozen=True)
class Limits:
    """Limits of the account, of an instrument or of a strategy; None is no limit.

    Sizes and positions are in shares or contracts, ``max_order_value`` is size times price
    times multiplier in the instrument's currency, ``price_collar`` a fraction of the last
    price, and ``max_daily_loss`` in the account's currency. A rate may be given as a text such
    as ``"10 per 1 s"``. Raises `ConfigError` for a value that cannot be.
    """

    max_order_size: Optional[float] = None
    max_order_value: Optional[float] = None
    max_position: Optional[float] = None
    max_open_orders: Optional[int] = None
    max_order_rate: Optional[Rate] = None
    price_collar: Optional[float] = None
    max_daily_loss: Optional[float] = None
    duplicate_seconds: Optional[float] = None

    def __post_init__(self) -> None:
        for name, check in _CHECKS.items():
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, check(name, value))


def _number(name: str, value: Any) -> float:
    # NaN fails every comparison; a bool is an int to Python and a mistake to a person.
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not (is_number and 0 < value <= sys.float_info.max):
        raise ConfigError.of(name, value, "a finite number above 0")
    return float(value)


def _fraction(name: str, value: Any) -> float:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not (is_number and 0 < value < 1):
        raise ConfigError.of(name, value, "a number between 0 and 1: 0.05 is five percent")
    return float(value)


def _whole(name: str, value: Any) -> int:
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    if not (is_whole and 0 < value <= sys.maxsize):
        raise ConfigError.of(name, value, "a whole number above 0")
    return int(value)


def _rate(name: str, value: Any) -> Rate:
    orders, seconds = value if isinstance(value, Rate) else (None, None)
    written = _RATE.fullmatch(value) if isinstance(value, str) else None
    if written is not None:
        orders, seconds = int(written[1]), float(written[2])
    try:
        return Rate(_whole(name, orders), _number(name, seconds))
    except ConfigError:
        raise ConfigError.of(name, value, "a text such as '10 per 1 s'") from None


_CHECKS: Dict[str, Callable[[str, Any], Any]] = {
    "max_order_size": _number,
    "max_order_value": _number,
    "max_position": _number,
    "max_open_orders": _whole,
    "max_order_rate": _rate,
    "price_collar": _fraction,
    "max_daily_loss": _number,
    "duplicate_seconds": _number,
}

#: What an event does to the trading state if the rules do not say otherwise.
_REACTIONS = {
    "link_down": TradingState.ACTIVE,  # the store sends no order without a link anyway
    "stale_data": TradingState.REDUCING,
    "bad_data": TradingState.HALTED,
    "mismatch": TradingState.REDUCING,
    "journal_failed": TradingState.HALTED,
    "daily_loss": TradingState.REDUCING,
}


@dataclasses.dataclass(frozen=True)
class RiskRules:
    """Limits of the account, of instruments by symbol and of strategies by class name.

    The key ``*`` stands for every instrument or strategy that has none of its own; each of
    them is counted for itself. ``on`` maps events to the trading state they bring about; those
    left out keep their defaults. Raises `ConfigError` for a loss limit of anything but the
    account, and for an event that does not exist.
    """

    account: Limits = dataclasses.field(default_factory=Limits)
    instruments: Mapping[str, Limits] = dataclasses.field(default_factory=dict)
    strategies: Mapping[str, Limits] = dataclasses.field(default_factory=dict)
    on: Mapping[str, TradingState] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        for table in ("instruments", "strategies"):
            for name, limits in getattr(self, table).items():
                with _at(f"[{table}.{name}]", f"{table}.{name}"):
                    _refuse_loss(limits.max_daily_loss)
        with _at("[on]", "on"):
            _check_names("event", self.on, _REACTIONS)
        object.__setattr__(self, "on", {**_REACTIONS, **self.on})


def _refuse_loss(value: Optional[float]) -> None:
    if value is not None:
        raise ConfigError.of("max_daily_loss", value, "it in [account] only")


def _check_names(kind: str, given: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    for name in given:
        if name not in known:
            expected = ", ".join(known)
            text = f"there is no {kind} {name!r}; there are: {expected}"
            raise ConfigError(text, str(name), given[name], expected)


@contextlib.contextmanager
def _at(place: str, field: str = "") -> Iterator[None]:
    """Let an error name the file or the table that it is about."""
    try:
        yield
    except ConfigError as error:
        names = [name for name in (field, error.field) if name]
        text = f"{place} {error}"
        raise ConfigError(text, ".".join(names), error.value, error.expected) from None


def read_rules(
    source: Union[str, os.PathLike[str], Mapping[str, Any], RiskRules, None],
) -> RiskRules:
    """Return the rules of a TOML file, of a mapping of the same shape, or as they are.

    None is no limits. Raises `ConfigError` naming table, key, value and what was expected.
    """
    if source is None:
        return RiskRules()
    if isinstance(source, RiskRules):
        return source
    if isinstance(source, collections.abc.Mapping):
        with _at("risk:"):
            return _rules(source)
    if isinstance(source, (str, os.PathLike)):
        tables = read_toml("risk", source)
        with _at(f"{os.fspath(source)}:"):
            return _rules(tables)
    raise ConfigError.of("risk", source, "the path of a TOML file, a mapping or RiskRules")


def tables_of(rules: RiskRules) -> Dict[str, Any]:
    """Return rules as the tables of which `read_rules` makes the same."""

    def limits(of: Limits) -> Dict[str, Any]:
        given = {name: getattr(of, name) for name in _CHECKS if getattr(of, name) is not None}
        if of.max_order_rate is not None:
            given["max_order_rate"] = "{} per {:f} s".format(*of.max_order_rate)
        return given

    return {
        "account": limits(rules.account),
        "instruments": {name: limits(of) for name, of in rules.instruments.items()},
        "strategies": {name: limits(of) for name, of in rules.strategies.items()},
        "on": {name: state.value for name, state in rules.on.items()},
    }


def _rules(tables: Mapping[str, Any]) -> RiskRules:
    _check_names("table", tables, {field.name: None for field in dataclasses.fields(RiskRules)})
    return RiskRules(
        account=_limits("account", tables.get("account", {})),
        instruments=_limits_by_name("instruments", tables.get("instruments", {})),
        strategies=_limits_by_name("strategies", tables.get("strategies", {})),
        on=_reactions(tables.get("on", {})),
    )


def _limits_by_name(table: str, given: Any) -> Dict[str, Limits]:
    _check_table(table, given, f"tables such as [{table}.NAME]")
    return {name: _limits(f"{table}.{name}", values) for name, values in given.items()}


def _limits(table: str, given: Any) -> Limits:
    _check_table(table, given, "a table of limits")
    with _at(f"[{table}]", table):
        for name, value in given.items():
            if isinstance(value, collections.abc.Mapping):
                raise ConfigError.of(
                    str(name), dict(value), 'a limit; a name with a dot needs quotes: ["A.B"]'
                )
        _check_names("limit", given, _CHECKS)
        return Limits(**given)


def _check_table(table: str, given: Any, expected: str) -> None:
    if not isinstance(given, collections.abc.Mapping):
        raise ConfigError.of(table, given, expected)


def _reactions(given: Any) -> Dict[str, TradingState]:
    _check_table("on", given, "a table of events and trading states")
    with _at("[on]", "on"):
        return {name: _state(name, value) for name, value in given.items()}


def _state(name: str, value: Any) -> TradingState:
    try:
        return TradingState(value)
    except ValueError:
        states = ", ".join(repr(state.value) for state in TradingState)
        raise ConfigError.of(name, value, f"one of {states}") from None
