"""The parameters that every store has."""

from __future__ import annotations

from typing import Tuple

from btstores.clock import Clock
from btstores.config import Param
from btstores.markets import MarketType
from btstores.orders.watch import Source
from btstores.stores.wiring import AUTO

__all__ = ["PARAMS"]

PARAMS: Tuple[Param, ...] = (
    Param("host", "127.0.0.1", (str,), "where the venue's gateway listens"),
    Param("port", None, (int,), "port of the venue's gateway", minimum=1),
    Param("timeout", 30.0, (float,), "seconds that any one step may take", minimum=0.001),
    Param("start_timeout", 0.0, (float,), "seconds to wait for the venue at the start", minimum=0),
    Param("reconnect", True, (bool,), "connect again after the link broke"),
    Param("reconnect_interval", 2.0, (float,), "seconds before a new attempt", minimum=0.01),
    Param("debug", False, (bool,), "log every report at level INFO"),
    Param("account", None, (str,), "account at the venue"),
    Param("journal", None, (), "path of the journal, a Journal, or None for none"),
    Param("handlers", (), (list, tuple), "handlers to add, or to put in place of ours"),
    Param("markets", (), (list, tuple, str), "MarketConfig objects, or a TOML file of them"),
    Param("market", MarketType.UNKNOWN, (MarketType,), "the market this account trades"),
    Param("clock", None, (Clock,), "clock to run on; the wall clock by default"),
    Param("on_unsupported", "emulate", (str,), "what the venue lacks", ("emulate", "reject")),
    Param("emulate", (), (list, tuple, str), "what the core does although the venue could"),
    Param("trigger_on", AUTO, (str,), "prices that trigger", (AUTO, *Source.ALL)),
    Param("close_lead", 5.0, (float,), "seconds before the end for Close orders", minimum=0),
    Param("checks", {}, (dict,), "what checks of orders do: 'reject', 'round' or 'off'"),
    Param("risk", None, (), "risk rules: a TOML file, a dict of its tables, or RiskRules"),
    Param("stale_after", None, (float,), "seconds of silence that are too long; 0: any", minimum=0),
    Param("quality", {}, (dict, str), "what is done about bad prices, or 'off'"),
    Param("reconcile", {}, (dict,), "what is done about differences: see `stores.recovery`"),
    Param("audit_interval", None, (float,), "seconds between two looks; 0: none", minimum=0),
)
