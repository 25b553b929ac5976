"""The strategy of the sides that are backtrader: it hands everything to the shape."""

from __future__ import annotations

from typing import Any, Dict

import backtrader as bt

from benchmarks.peers.shapes import FAR_PRICE, Send, Shape, drive_apart

STATES = {
    bt.Order.Submitted: "submitted",
    bt.Order.Accepted: "accepted",
    bt.Order.Completed: "filled",
    bt.Order.Canceled: "canceled",
}


class Prober(bt.Strategy):
    """Calls ``ready`` when all feeds are LIVE and have a tick."""

    params = (("shape", None), ("ready", None))

    def __init__(self) -> None:
        self._live = 0
        self._is_ready = False
        self._resting: Dict[int, Any] = {}

    def notify_data(self, data: Any, status: int, *args: Any, **kwargs: Any) -> None:
        self._live += status == data.LIVE
        self._look()

    def prenext(self) -> None:
        self._look()

    def next(self) -> None:
        if self._is_ready:
            shape = self.p.shape
            shape.on_tick(self, self.datas[shape.instrument].close[0])
        else:
            self._look()

    def _look(self) -> None:
        if self._is_ready:
            return
        if self._live == len(self.datas) and all(map(len, self.datas)):
            self._is_ready = True
            self.p.ready()

    def notify_order(self, order: Any) -> None:
        self.p.shape.on_order(order.ref, STATES[order.status])

    def buy_at_market(self) -> None:
        self.buy(size=1)

    def buy_far_below(self) -> int:
        order = self.buy(size=1, exectype=bt.Order.Limit, price=FAR_PRICE)
        self._resting[order.ref] = order
        ref: int = order.ref
        return ref

    def cancel_resting(self, key: int) -> None:
        self.cancel(self._resting[key])


def run(cerebro: Any, shape: Shape, send: Send) -> None:
    """Run strategies while another thread sends, and stop when it is done."""
    waiting = [shape.strategies]

    def ready() -> None:
        waiting[0] -= 1
        if waiting[0] == 0:
            drive_apart(shape, send, cerebro.runstop)

    for _ in range(shape.strategies):
        cerebro.addstrategy(Prober, shape=shape, ready=ready)
    cerebro.run()
