"""A journal's state at any record, and whether it is what the writer had noted."""

from __future__ import annotations

from typing import Iterator, List, NamedTuple, Optional, Tuple

from btstores.journal.reader import JournalReader
from btstores.journal.state import STATE_KINDS, Holding, JournalState, KnownOrder

__all__ = ["Replay", "replay"]

#: So many differences are named; the rest adds nothing.
MAX_DIFFERENCES = 10


class Replay(NamedTuple):
    """The state after the record ``seq``, and where a snapshot on the way says otherwise."""

    path: str
    seq: int
    snapshots: int
    state: JournalState
    differences: Tuple[str, ...] = ()

    @property
    def status(self) -> int:
        """Return 0 when all snapshots agree, else 1: an exit status."""
        return 1 if self.differences else 0

    def text(self) -> str:
        """Return it for people to read."""
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        state = self.state
        live = state.live()
        yield f"{self.path}: state after record {self.seq}"
        yield f"  {len(live)} live orders, {len(state.fill_ids)} fills"
        for order in live:
            yield f"  {_order_text(order)}"
        for symbol, held in sorted(state.holdings.items()):
            yield f"  {_holding_text(symbol, held)}"
        yield f"  snapshots compared: {self.snapshots}"
        for difference in self.differences:
            yield f"  difference: {difference}"


def _order_text(order: KnownOrder) -> str:
    request = order.request
    kind, side = request.order_type.value, request.side.value
    text = f"{order.client_order_id} {side} {request.size:g} {request.symbol} {kind}"
    return f"{text}: {order.state}, {order.filled:g} filled"


def _holding_text(symbol: str, held: Holding) -> str:
    return f"{symbol}: {held.own:g} at {held.price:g}, others {held.foreign:g}"


def replay(path: str, last: Optional[int] = None) -> Replay:
    """Rebuild the state of the journal at ``path`` after the record ``last``, or the newest.

    Each snapshot on the way is compared with what the records before it give. Raises
    `JournalError`.
    """
    state, differences, snapshots, seq = JournalState(), [], 0, 0
    with JournalReader(path) as reader:
        first = reader.anchor[0] + 1
        for record in reader.records(first, STATE_KINDS):
            if last is not None and record.seq > last:
                break
            if record.kind == "snapshot" and record.seq > first:
                snapshots += 1
                noted = JournalState()
                noted.feed(record)
                differences += _named(record.seq, state, noted)
            state.feed(record)
        head = reader.head[0]
        seq = head if last is None else min(last, head)
    return Replay(path, seq, snapshots, state, tuple(differences[:MAX_DIFFERENCES]))


def _named(seq: int, state: JournalState, noted: JournalState) -> List[str]:
    return [f"snapshot {seq}: {difference}" for difference in state.differences(noted)]
