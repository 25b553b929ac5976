"""Orders that wait until the last of their bracket is made."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

__all__ = ["HeldGroups"]


class HeldGroups:
    """Groups of backtrader's orders by the ref of their first one, the parent."""

    def __init__(self) -> None:
        self._groups: Dict[int, List[Any]] = {}

    def hold(self, order: Any) -> List[Any]:
        """Add an order to its group and return the group."""
        group = self._groups.setdefault(leader_of(order).ref, [])
        group.append(order)
        return group

    def take(self, leader: Any) -> List[Any]:
        """Return the group of a parent, and hold it no more."""
        return self._groups.pop(leader.ref, [])

    def has(self, order: Any) -> bool:
        """Return whether an order is held."""
        return any(order in group for group in self._groups.values())

    def withdraw(self, order: Any) -> Optional[List[Any]]:
        """Take an order out, a parent with all its group; None if it is not held."""
        for ref, group in self._groups.items():
            if order in group:
                # Without its parent no other order of the group may be sent.
                gone = list(group) if order.ref == ref else [group[group.index(order)]]
                for one in gone:
                    group.remove(one)
                if not group:
                    del self._groups[ref]
                return gone
        return None


def leader_of(order: Any) -> Any:
    """Return the parent of a bracket's order, or the order itself."""
    return order if order.parent is None else order.parent
