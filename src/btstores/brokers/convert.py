"""backtrader's orders to ours and back; pure functions and tables."""

from __future__ import annotations

import datetime
from typing import Any, Dict, Optional

import backtrader as bt

from btstores.orders.lifecycle import OrderState
from btstores.reports import OrderRequest, OrderType, Side, TimeInForce

__all__ = [
    "EXEC_TYPES",
    "ORDER_TYPES",
    "STATUS",
    "draft_of",
    "midnight_of",
    "order_type_of",
    "refused_as",
    "request_of",
    "tif_of",
]

ORDER_TYPES: Dict[int, OrderType] = {
    bt.Order.Market: OrderType.MARKET,
    bt.Order.Close: OrderType.CLOSE,
    bt.Order.Limit: OrderType.LIMIT,
    bt.Order.Stop: OrderType.STOP,
    bt.Order.StopLimit: OrderType.STOP_LIMIT,
    bt.Order.StopTrail: OrderType.STOP_TRAIL,
    bt.Order.StopTrailLimit: OrderType.STOP_TRAIL_LIMIT,
}
EXEC_TYPES: Dict[OrderType, int] = {ours: theirs for theirs, ours in ORDER_TYPES.items()}

STATUS: Dict[OrderState, int] = {
    OrderState.CREATED: bt.Order.Created,
    OrderState.SUBMITTED: bt.Order.Submitted,
    OrderState.ACCEPTED: bt.Order.Accepted,
    OrderState.PARTIAL: bt.Order.Partial,
    OrderState.COMPLETED: bt.Order.Completed,
    OrderState.CANCELED: bt.Order.Canceled,
    OrderState.EXPIRED: bt.Order.Expired,
    OrderState.MARGIN: bt.Order.Margin,
    OrderState.REJECTED: bt.Order.Rejected,
}

TRAILING = frozenset({OrderType.STOP_TRAIL, OrderType.STOP_TRAIL_LIMIT})


def request_of(
    order: Any,
    client_order_id: str,
    symbol: str,
    tif: TimeInForce,
    expire_ns: Optional[int],
    time_ns: int,
    bar_time_ns: Optional[int],
    session_end_ns: Optional[int],
    parent_id: Optional[str] = None,
    oco_id: Optional[str] = None,
) -> OrderRequest:
    """Return a ``backtrader.Order`` as it leaves for the venue."""
    created = order.created
    order_type = ORDER_TYPES[order.exectype]
    return OrderRequest(
        client_order_id=client_order_id,
        symbol=symbol,
        side=Side.BUY if order.isbuy() else Side.SELL,
        size=abs(order.created.size),
        order_type=order_type,
        # A trailing order has been moved by backtrader already: what it starts from is sent.
        price=(order.p.price or None) if order_type in TRAILING else created.price,
        limit_price=_limit_of(order, order_type),
        trail_amount=order.trailamount or None,
        trail_percent=order.trailpercent or None,
        expire_ns=expire_ns,
        tif=tif,
        parent_id=parent_id,
        oco_id=oco_id,
        time_ns=time_ns,
        reference_price=created.pclose,
        bar_time_ns=bar_time_ns,
        session_end_ns=session_end_ns,
        strategy=type(order.owner).__name__ if order.owner is not None else None,
        extras=dict(order.info),
    )


def _limit_of(order: Any, order_type: OrderType) -> Optional[float]:
    if order_type is OrderType.STOP_LIMIT:
        return float(order.created.pricelimit)
    # Without a price of its own, a trailing order starts from its limit.
    return (order.p.pricelimit or None) if order_type in TRAILING else None


def order_type_of(exectype: Any) -> Any:
    """Return the type of an order, or what was given in its place if that names none."""
    if exectype is None:
        return OrderType.MARKET
    is_number = isinstance(exectype, int) and not isinstance(exectype, bool)
    return ORDER_TYPES.get(exectype, exectype) if is_number else exectype


def draft_of(asked: Dict[str, Any], size: Any, symbol: str, buys: bool) -> Optional[OrderRequest]:
    """Return what was asked for, sense or nonsense, to be checked and never sent.

    None when there is no such execution type.
    """
    order_type = order_type_of(asked["exectype"])
    if not isinstance(order_type, OrderType):
        return None
    return OrderRequest(
        "",
        symbol,
        Side.BUY if buys else Side.SELL,
        size,
        order_type,
        asked["price"],
        asked["pricelimit"],
        asked["trailamount"],
        asked["trailpercent"],
    )


def tif_of(tif: Any, valid: Any) -> TimeInForce:
    """Return how long an order may wait, from backtrader's ``valid`` and our ``tif``."""
    if tif is not None:
        return TimeInForce[tif.upper()] if isinstance(tif, str) else TimeInForce(tif)
    if valid is None:
        return TimeInForce.GTC
    # Documented as DAY: zero, and a timedelta of nothing.
    return TimeInForce.DAY if not valid else TimeInForce.GTD


def midnight_of(valid: Any) -> Any:
    """Return a validity that backtrader can use: of a bare date its midnight."""
    if isinstance(valid, datetime.date) and not isinstance(valid, datetime.datetime):
        # backtrader means the same, and fails at it in a time zone.
        return datetime.datetime.combine(valid, datetime.time())
    return valid


def refused_as(asked: Dict[str, Any], data: Any) -> Dict[str, Any]:
    """Return the arguments of an order that is refused, to be shown and never sent.

    backtrader makes it without a look at the feed, which may have nothing to show.
    """
    if not asked or not len(data):
        return {"simulated": True}
    price = asked["price"]
    return {**asked, "price": data.close[0] if price is None else price, "simulated": True}
