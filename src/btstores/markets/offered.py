"""Markets from outside: those of other packages, and what a file changes of any market."""

from __future__ import annotations

import dataclasses
import datetime
import functools
import os
from typing import Any, Dict, Mapping, Optional

from btstores.config import Param, check_params, read_toml
from btstores.entrypoints import entry_points_of
from btstores.errors import ConfigError
from btstores.markets import MarketConfig, MarketType, Sessions, get_market_config
from btstores.markets.zones import zone

__all__ = ["GROUP", "VARIABLE", "offered_market", "read_markets"]

#: The entry-point group by which a package offers markets: each a `MarketConfig`.
GROUP = "btstores.markets"

#: The environment variable with the path of the file that counts for all stores of a user.
VARIABLE = "BTSTORES_MARKETS"

_OF_MARKET = (
    Param("name", None, (str,), "what it is called"),
    Param("currency", None, (str,), "ISO 4217 code"),
    Param("timezone", None, (str,), "IANA name"),
    Param("tick_size", None, (float,), "in currency", minimum=1e-12),
    Param("lot", None, (float,), "in shares or contracts", minimum=1e-12),
    Param("orders_when_closed", None, (bool,), "False if orders are refused while it is closed"),
)
_OF_SESSIONS = (
    Param("hours", None, (list,), "pairs of times such as ['09:30', '16:00']"),
    Param("calendar", None, (str,), "exchange whose holidays hold"),
    Param("holidays", None, (list,), "dates that are closed too"),
    Param("half_days", None, (dict,), "dates that end early too, with the time"),
)


def offered_market(market: MarketType, known: MarketConfig) -> MarketConfig:
    """Return ``market`` with what an installed package and the user's file say of it.

    A package's offer replaces what is known; the file changes either. Raises `ConfigError` for a
    bad file, and for a package that offers something else.
    """
    base = _packages().get(market, known)
    path = os.environ.get(VARIABLE)
    if not path:
        return base
    table = _tables_of(path).get(market.name)
    return base if table is None else _changed(path, market, table, base)


def read_markets(path: str) -> Dict[MarketType, MarketConfig]:
    """Return the markets of a TOML file, a table for each that is called like its `MarketType`.

    A table changes what `get_market_config` returns. Holidays and half days are added to those
    that are known. Raises `ConfigError` naming the file, the table and the field.
    """
    markets = {}
    for name, table in _tables_of(path).items():
        market = MarketType[name]
        markets[market] = _changed(path, market, table, get_market_config(market))
    return markets


def _tables_of(path: str) -> Mapping[str, Any]:
    tables = read_toml("markets", path)
    for name, table in tables.items():
        if name not in MarketType.__members__ or not isinstance(table, dict):
            names = ", ".join(f"[{each.name}]" for each in MarketType)
            raise ConfigError(f"{path}: {name}: expected a table of {names}", name, table, names)
    return tables


def _changed(
    path: str, market: MarketType, table: Dict[str, Any], base: MarketConfig
) -> MarketConfig:
    try:
        check_params("a market", (*_OF_MARKET, *_OF_SESSIONS), table)
        market_zone = table.get("timezone", base.timezone)
        zone(market_zone)
        values = {each.name: table[each.name] for each in _OF_MARKET if each.name in table}
        if any(each.name in table for each in _OF_SESSIONS) or "timezone" in table:
            values["sessions"] = _sessions(table, market_zone, base.sessions)
            # Hours that are given are those of all; other changes are changes of each.
            values["product_sessions"] = {
                product: _sessions(table, market_zone, sessions)
                for product, sessions in base.product_sessions.items()
                if "hours" not in table
            }
        return dataclasses.replace(base, **values)
    except ConfigError as error:
        message = f"{path}: [{market.name}] {error}"
        raise ConfigError(message, error.field, error.value, error.expected) from None


def _sessions(table: Dict[str, Any], timezone: str, base: Optional[Sessions]) -> Optional[Sessions]:
    values: Dict[str, Any] = {"timezone": timezone}
    if "hours" in table:
        hours = [tuple(pair) if isinstance(pair, list) else pair for pair in table["hours"]]
        values["hours"] = tuple(hours)
    if "calendar" in table:
        values["calendar"] = table["calendar"]
    if "holidays" in table:
        values["holidays"] = [*(base.holidays if base else ()), *table["holidays"]]
    if "half_days" in table:
        added = {_date(text): closes for text, closes in table["half_days"].items()}
        values["half_days"] = {**dict(base.half_days if base else ()), **added}
    if base is not None:
        return dataclasses.replace(base, **values)
    if "hours" not in values:
        if len(values) == 1:
            return None
        raise ConfigError("its hours are not known: expected hours", "hours", None, "hours")
    return Sessions(**values)


def _date(text: str) -> datetime.date:
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        raise ConfigError.of("half_days", text, "a date such as '2026-12-24'") from None


@functools.lru_cache(maxsize=None)
def _packages() -> Dict[MarketType, MarketConfig]:
    found: Dict[MarketType, MarketConfig] = {}
    for name, point in entry_points_of(GROUP).items():
        config: Any = point.load()  # type: ignore[no-untyped-call]
        if not isinstance(config, MarketConfig):
            raise ConfigError.of(f"entry point {name} of {GROUP}", config, "a MarketConfig")
        found[config.market] = config
    return found
