"""OANDA: its v20 interface, and a simulated one."""

from __future__ import annotations

from btstores.stores.oanda.store import OandaBroker, OandaData, OandaStore

__all__ = ["OandaBroker", "OandaData", "OandaStore"]
