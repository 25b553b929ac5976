"""backtrader's orders for what an account holds already when a run begins."""

from __future__ import annotations

from typing import Any

from backtrader.order import BuyOrder, SellOrder

from btstores.brokers.convert import EXEC_TYPES, STATUS
from btstores.orders.book import OrderRecord
from btstores.reports import Side

__all__ = ["order_of_position", "order_of_record", "order_of_trade"]


def order_of_position(data: Any, size: float, price: float, comminfo: Any) -> Any:
    """Return a completed order that opens a position, signed by side.

    Strategies rebuild their trades from executions: without one, closing the position would
    show up as a trade of its own in the other direction.
    """
    return order_of_trade(data, size, price, comminfo, size, 0, 0.0, size, price)


def order_of_trade(
    data: Any,
    size: float,
    price: float,
    comminfo: Any,
    opened: float,
    closed: float,
    pnl: float,
    psize: float,
    pprice: float,
) -> Any:
    """Return a completed order for a change of the position that no order of ours has made.

    Sizes are signed; the position after it is ``psize`` at ``pprice``.
    """
    kind = BuyOrder if size > 0 else SellOrder
    order = kind(data=data, size=abs(size), price=price, simulated=True)
    order.addinfo(adopted=True)
    order.addcomminfo(comminfo)
    order.execute(0.0, size, price, closed, 0.0, 0.0, opened, 0.0, 0.0, 0.0, pnl, psize, pprice)
    order.completed()
    return order


def order_of_record(data: Any, record: OrderRecord, broker: Any) -> Any:
    """Return the working order that ``record`` is, as far as it is known."""
    request = record.request
    order = (BuyOrder if request.side is Side.BUY else SellOrder)(
        data=data,
        size=request.size,
        # backtrader computes with the price of a trailing order.
        price=request.price if request.price is not None else 0.0,
        pricelimit=request.limit_price,
        exectype=EXEC_TYPES[request.order_type],
        trailamount=request.trail_amount,
        trailpercent=request.trail_percent,
        simulated=True,
    )
    if request.price is None:
        order.created.price, order.created.pricelimit = None, request.limit_price
    order.addcomminfo(broker.getcommissioninfo(data))
    order.submit(broker)
    _show_fills(order.executed, record)
    order.status = STATUS[record.state]
    return order


def _show_fills(executed: Any, record: OrderRecord) -> None:
    """Show what has been executed, without the parts from which strategies make their trades.

    Those are made from the position that the account holds.
    """
    executed.remsize -= record.filled * record.request.side.sign
    size = sum(fill.size for fill in record.fills)
    if size:
        executed.size = size * record.request.side.sign
        executed.price = sum(fill.size * fill.price for fill in record.fills) / size
