"""Who gets what: subscriptions of all connections, the quota, and the minute they must last."""

from __future__ import annotations

from typing import Dict, FrozenSet, Iterable, List, NamedTuple, Tuple

from btstores.clock import NS_PER_SECOND
from btstores.stores.futu.opend.session import Session

__all__ = ["BASIC", "BOOK", "BROKER", "RT", "SHORTEST_NS", "TICKER", "Key", "Sub", "Subscriptions"]

#: Numbers of Qot_Common.SubType; those of K-lines are in `lines.SUB_TYPES`.
BASIC, BOOK, TICKER, RT, BROKER = 1, 2, 4, 5, 14

#: A subscription cannot be given up before.
SHORTEST_NS = 60 * NS_PER_SECOND

#: Symbol and Qot_Common.SubType.
Key = Tuple[str, int]


class Sub(NamedTuple):
    """One subscription of one connection.

    ``level`` says how far from regular trading it sees; ``rehabs`` are the RehabTypes in which
    K-lines are pushed.
    """

    since_ns: int
    push: bool
    level: int
    rehabs: FrozenSet[int]


class Subscriptions:
    """The table of subscriptions; whoever uses it has a lock around it."""

    def __init__(self) -> None:
        self._subs: Dict[Key, Dict[Session, Sub]] = {}
        self._lingering: Dict[Key, int] = {}
        self._targets: Dict[Key, Tuple[Tuple[Session, Sub], ...]] = {}
        #: Sub types of which something is pushed, by symbol.
        self.pushed: Dict[str, Tuple[int, ...]] = {}

    def used(self, now_ns: int) -> FrozenSet[Key]:
        """Return what counts towards the quota, over all connections."""
        for key in [key for key, until_ns in self._lingering.items() if until_ns <= now_ns]:
            del self._lingering[key]
        return frozenset(self._subs) | frozenset(self._lingering)

    def get(self, session: Session, key: Key) -> Sub:
        """Return a subscription of a connection. Raises `KeyError`."""
        return self._subs.get(key, {})[session]

    def of_session(self, session: Session) -> List[Key]:
        """Return what a connection has subscribed to."""
        return [key for key, by_session in self._subs.items() if session in by_session]

    def sessions(self) -> List[Session]:
        """Return the connections that have any."""
        return list(dict.fromkeys(one for subs in self._subs.values() for one in subs))

    def put(self, session: Session, key: Key, sub: Sub) -> None:
        """Add a subscription or change it."""
        self._lingering.pop(key, None)
        self._subs.setdefault(key, {})[session] = sub
        self._find_targets(key)

    def remove(self, session: Session, key: Key) -> None:
        """End a subscription, if there is one."""
        by_session = self._subs.get(key, {})
        by_session.pop(session, None)
        if not by_session:
            self._subs.pop(key, None)
        self._find_targets(key)

    def close(self, session: Session) -> None:
        """End all of a connection; the young ones count until they are a minute old."""
        for key in self.of_session(session):
            until_ns = self._subs[key][session].since_ns + SHORTEST_NS
            self.remove(session, key)
            if key not in self._subs:
                self._lingering[key] = max(until_ns, self._lingering.get(key, 0))

    def too_young(self, session: Session, keys: Iterable[Key], now_ns: int) -> List[Key]:
        """Return those that cannot be given up yet."""
        return [
            key
            for key in keys
            if session in self._subs.get(key, {})
            and now_ns - self._subs[key][session].since_ns < SHORTEST_NS
        ]

    def targets(self, key: Key) -> Tuple[Tuple[Session, Sub], ...]:
        """Return to whom something is pushed."""
        return self._targets.get(key, ())

    def _find_targets(self, key: Key) -> None:
        found = tuple(pair for pair in self._subs.get(key, {}).items() if pair[1].push)
        if found:
            self._targets[key] = found
        else:
            self._targets.pop(key, None)
        symbol = key[0]
        self.pushed[symbol] = tuple(kind for name, kind in self._targets if name == symbol)
