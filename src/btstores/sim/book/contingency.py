"""Orders that hang together: brackets (a parent and its exits) and one-cancels-other groups.

A bracket's children are held until the parent is executed, and may then close as much as it
has opened. One child that is cancelled or expires takes its siblings with it, and so does one
that closes the last of it; one that is executed for less shrinks them by as much. A parent
that ends without an execution takes the children with it; one that ends after some shrinks
them to that. Members of a one-cancels-other group treat each other like children of one
parent, but that the end of one is always the end of all.
"""

from __future__ import annotations

from typing import Dict, List, Mapping, Optional

from btstores.reports import OrderRequest
from btstores.sim.book.order import Refusal, SimOrder, State, tidy

__all__ = ["Contingencies"]


class Contingencies:
    """Who belongs to whom, by client order id."""

    def __init__(self, orders: Mapping[str, SimOrder]) -> None:
        self._orders = orders
        self._children: Dict[str, List[str]] = {}
        self._root: Dict[str, str] = {}
        self._members: Dict[str, List[str]] = {}

    def add(self, order: SimOrder) -> None:
        """Take in an order whose relatives are known."""
        request = order.request
        if request.parent_id is not None:
            self._children.setdefault(request.parent_id, []).append(order.id)
        if request.oco_id is not None:
            root = self.group_key(request.oco_id)
            self._root[order.id] = root
            self._members.setdefault(root, [root]).append(order.id)

    def clear(self) -> None:
        """Forget everybody."""
        self._children.clear()
        self._root.clear()
        self._members.clear()

    def forget(self, order: SimOrder) -> None:
        """Drop an order; its relatives must be finished."""
        self._children.pop(order.id, None)
        root = self._root.pop(order.id, order.id)
        members = self._members.get(root, [])
        if order.id in members:
            members.remove(order.id)
        if len(members) <= 1:
            self._members.pop(root, None)

    def refusal(
        self, request: OrderRequest, group: Mapping[str, OrderRequest]
    ) -> Optional[Refusal]:
        """Return why an order cannot hang on the one it names, or None."""
        parent, other = request.parent_id, request.oco_id
        if parent is not None and parent not in group:
            found = self._orders.get(parent)
            if found is None or not (found.live or found.state is State.FILLED):
                return Refusal("PARENT_GONE", f"the parent order {parent} is not alive")
        if other is not None and other not in group:
            found = self._orders.get(other)
            if found is None or not found.live:
                return Refusal("OCO_GONE", f"the order {other} of the group is not alive")
        return None

    def children(self, order: SimOrder) -> List[SimOrder]:
        """Return the exits of a bracket's parent."""
        return self._known(self._children.get(order.id, []))

    def siblings(self, order: SimOrder) -> List[SimOrder]:
        """Return the live orders that end when this one ends."""
        ids = list(self._children.get(order.request.parent_id or "", []))
        ids += self._members.get(self.group_key(order.id), [])
        return [o for o in self._known(ids) if o.live and o.id != order.id]

    def open_size(self, order: SimOrder) -> float:
        """Return how much of an order may be executed now."""
        if order.state is not State.WORKING:
            return 0.0
        parent = self._orders.get(order.request.parent_id or "")
        if parent is None:
            return order.remaining
        return max(0.0, min(order.remaining, self.pool(parent)))

    def pool(self, parent: SimOrder) -> float:
        """Return how much the parent has opened and its children have not closed."""
        return tidy(parent.filled - sum(child.filled for child in self.children(parent)))

    def has_more(self, order: SimOrder, filled: SimOrder) -> bool:
        """Return whether a bracket has more to close than its exit that is filled."""
        parent = self._orders.get(order.request.parent_id or "")
        if parent is None or order.request.parent_id != filled.request.parent_id:
            return False
        return parent.live or self.pool(parent) > 0

    def most(self, order: SimOrder) -> float:
        """Return how large an exit may be, given what its bracket may yet open."""
        parent = self._orders[order.request.parent_id or ""]
        rest = self.pool(parent) + (parent.remaining if parent.live else 0.0)
        return order.filled + min(order.remaining, rest)

    def settled(self, order: SimOrder) -> bool:
        """Return whether neither the order nor a relative of it is alive."""
        parent = self._orders.get(order.request.parent_id or "")
        family = [order, *self.children(order), *self.siblings(order)]
        return not any(o.live for o in family) and not (parent is not None and parent.live)

    def group_key(self, client_order_id: str) -> str:
        """Return the same key for orders of which only one can be executed in full."""
        return self._root.get(client_order_id, client_order_id)

    def _known(self, ids: List[str]) -> List[SimOrder]:
        return [self._orders[key] for key in ids if key in self._orders]
