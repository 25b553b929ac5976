"""What kind of store wrote a journal: what its venue can do, and by what rules it went."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, Mapping

from btstores.markets import MarketType
from btstores.orders.riskrules import tables_of

if TYPE_CHECKING:
    from btstores.stores.base import BaseStore

__all__ = ["description_of", "params_of"]

#: Parameters that decide what becomes of an order or a price, besides those written below.
_TAKEN = ("on_unsupported", "emulate", "trigger_on", "close_lead", "stale_after", "reconcile")


def description_of(store: BaseStore) -> Dict[str, Any]:
    """Return the payload of the record ``store``. Objects such as handlers are not in it."""
    params = store.params
    given = {name: params[name] for name in _TAKEN}
    given["market"] = params.market
    given["checks"] = {**store.default_checks, **(params.checks or {})}
    given["quality"] = params.quality or store.default_quality
    given["risk"] = tables_of(store.desk.risk.rules)
    return {
        "name": store.name,
        "capabilities": store.capabilities.to_dict(),
        "symbols": dict(store.symbols),
        "threaded": store.clock.threaded,
        "params": given,
    }


def params_of(description: Mapping[str, Any]) -> Dict[str, Any]:
    """Return the parameters of a record ``store``, as they are given to a store."""
    params = dict(description.get("params", {}))
    if "market" in params:
        params["market"] = MarketType(params["market"])
    return params
