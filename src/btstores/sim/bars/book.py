"""The live orders of a bar exchange, their brackets and OCO groups, in BackBroker's order."""

from __future__ import annotations

from collections import deque
from typing import Any, Callable, Deque, Dict, Iterator, List, Mapping, Optional

from btstores.reports import OrderEvent
from btstores.sim.bars.order import BarOrder, State

__all__ = ["BarBook"]

Tell = Callable[[BarOrder, OrderEvent, Optional[str]], None]


class BarBook:
    """Every order that lives, and what the end of one means for others.

    ``tell`` hears each acceptance and each end but a fill: the order, the event, the reason.
    Which order hears first, and what a group remembers, are BackBroker's ways.
    """

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._orders: Dict[str, BarOrder] = {}  # all that live, by client id
        self._submitted: Deque[BarOrder] = deque()  # wait for the check against cash
        self._queue: List[BarOrder] = []  # accepted
        self._untried: Deque[BarOrder] = deque()  # accepted, still to be tried in this round
        self._waking: List[BarOrder] = []  # children that become active with the next step
        self._brackets: Dict[str, List[str]] = {}  # parent's id -> ids of parent and children
        self._oco_groups: Dict[str, List[str]] = {}  # leader's id -> ids
        self._oco_leaders: Dict[str, str] = {}  # id -> leader's id, when that is another

    def __iter__(self) -> Iterator[BarOrder]:
        return iter(self._orders.values())

    def get(self, client_order_id: str) -> Optional[BarOrder]:
        """Return the live order of that id."""
        return self._orders.get(client_order_id)

    def add(self, order: BarOrder) -> bool:
        """Take a new order; return False when it is a child whose parent is not open."""
        self._orders[order.id] = order
        self._join_oco(order)
        if order.request.parent_id is None:
            self._brackets[order.id] = []
        if self._is_orphan(order):
            return False
        self._brackets[order.bracket_id].append(order.id)
        return True

    def wait_for_check(self, order: BarOrder) -> None:
        """Keep the order until `submitted` hands it out."""
        self._submitted.append(order)

    def submitted(self) -> Iterator[BarOrder]:
        """Hand out, once, the orders that wait for the check; those that lost their parent end."""
        while self._submitted:
            order = self._submitted.popleft()
            if not self._is_orphan(order):
                yield order

    def accept(self, order: BarOrder) -> None:
        """Put the order to work, behind the others."""
        if order.request.parent_id is not None and order.request.parent_id not in self._orders:
            order.active = True  # joins a bracket whose parent has been filled
        self._queue.append(order)
        self._tell(order, OrderEvent.ACCEPTED, None)

    def wake(self) -> None:
        """Make active the children whose parents were filled in the step before."""
        for order in self._waking:
            order.active = True
        self._waking.clear()

    def round(self) -> Iterator[BarOrder]:
        """Hand out every accepted order once; what lives then stays at work."""
        self._untried, self._queue = deque(self._queue), []
        while self._untried:
            order = self._untried.popleft()
            yield order
            if order.live:
                self._queue.append(order)
            elif order.state is State.FILLED:
                self._orders.pop(order.id)
                self._after_fill(order)

    def cancel(
        self, order: BarOrder, reason: Optional[str] = None, with_bracket: bool = True
    ) -> bool:
        """Cancel an accepted order; return False, and do nothing, when it is not one."""
        for orders in (self._untried, self._queue):
            if order in orders:
                orders.remove(order)
                self.end(order, OrderEvent.CANCELED, reason, with_bracket)
                return True
        return False

    def end(
        self,
        order: BarOrder,
        event: OrderEvent,
        reason: Optional[str] = None,
        with_bracket: bool = True,
    ) -> None:
        """End an order without a fill, and with it its OCO group and its bracket."""
        self._finish(order, event, reason)
        self.fire_oco(order)
        if with_bracket:
            self._drop_bracket(order)

    def fire_oco(self, order: BarOrder) -> None:
        """Cancel the others of the group. A group does this once, for the first news of any."""
        group = self._oco_groups.pop(self._oco_leaders.get(order.id, order.id), ())
        for orders in (self._queue, self._untried):
            for other in [other for other in reversed(orders) if other.id in group]:
                orders.remove(other)
                self._finish(other, OrderEvent.CANCELED, f"order {order.id} of its group was first")

    def _finish(self, order: BarOrder, event: OrderEvent, reason: Optional[str]) -> None:
        self._orders.pop(order.id)
        order.state = State.ENDED
        self._tell(order, event, reason)

    def _is_orphan(self, order: BarOrder) -> bool:
        if order.bracket_id in self._brackets:
            return False
        self._finish(order, OrderEvent.REJECTED, "its parent is not open")
        return True

    def _after_fill(self, order: BarOrder) -> None:
        if order.request.parent_id is not None:
            self._drop_bracket(order)
            return
        children = self._brackets[order.id]
        children.remove(order.id)
        self._waking += [self._orders[child] for child in children if child in self._orders]
        if not children:
            del self._brackets[order.id]

    def _drop_bracket(self, order: BarOrder) -> None:
        for other in self._brackets.pop(order.bracket_id, ()):
            if other in self._orders:
                why = f"order {order.id} of its bracket was first"
                self.cancel(self._orders[other], why, with_bracket=False)

    def _join_oco(self, order: BarOrder) -> None:
        other = order.request.oco_id or order.id
        leader = self._oco_leaders.get(other, other)
        if leader != order.id:
            self._oco_leaders[order.id] = leader
        self._oco_groups.setdefault(leader, []).append(order.id)

    def to_dict(self) -> Dict[str, Any]:
        """Return plain JSON values; not in the middle of a round."""
        return {
            "orders": [order.to_dict() for order in self._orders.values()],
            "submitted": [order.id for order in self._submitted],
            "queue": [order.id for order in self._queue],
            "waking": [order.id for order in self._waking if order.live],
            "brackets": {parent: list(ids) for parent, ids in self._brackets.items()},
            "oco_groups": {leader: list(ids) for leader, ids in self._oco_groups.items()},
            "oco_leaders": dict(self._oco_leaders),
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Take over what `to_dict` returned."""
        orders = [BarOrder.from_dict(record) for record in state["orders"]]
        self._orders = {order.id: order for order in orders}
        self._submitted = deque(self._orders[id_] for id_ in state["submitted"])
        self._queue = [self._orders[id_] for id_ in state["queue"]]
        self._waking = [self._orders[id_] for id_ in state["waking"]]
        self._brackets = {parent: list(ids) for parent, ids in state["brackets"].items()}
        self._oco_groups = {leader: list(ids) for leader, ids in state["oco_groups"].items()}
        self._oco_leaders = dict(state["oco_leaders"])
