"""What a process leaves behind when it is killed: its files as they are at that moment."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Callable, Dict

from btstores.handlers.order_handler import ALIVE
from btstores.journal.verify import verify
from btstores.orders.riskrules import TradingState
from btstores.reports import MassStatus

__all__ = ["check_books", "image", "killed_at"]


def image(path: Path, copy: Path) -> Path:
    """Copy a journal, or another file, with what belongs to it; but for its lock."""
    for ending in ("", "-wal"):
        part = Path(f"{path}{ending}")
        if part.exists():
            shutil.copyfile(part, f"{copy}{ending}")
    return copy


def killed_at(session: Any, seconds: float, path: Path) -> Callable[[], Path]:
    """Let a session be killed in a quiet moment; return where its journal is then.

    The session itself goes on, but what it does after that moment is forgotten.
    """
    copy = path.with_name(f"killed-{path.name}")

    def kill() -> None:
        session.store.idle()
        image(path, copy)

    session.at(seconds, kill)
    return lambda: copy


def check_books(
    strategy: Any, store: Any, status: MassStatus, symbol: str, journal: Path, has_exits: bool
) -> None:
    """Compare what a process knows that has gone on, of one instrument, with the venue's book.

    ``has_exits`` is whether what is held has to have the exits of a bracket.
    """
    broker = store.getbroker()
    held = {one.symbol: one.size for one in status.positions}.get(symbol, 0.0)
    assert broker.account_size(symbol) == held
    assert broker.foreign.size(symbol) == 0
    assert broker.trading_state is TradingState.ACTIVE, strategy.news
    live = store.book.live()
    working = {
        one.client_order_id
        for one in status.orders
        if one.event in ALIVE and (one.filled or 0.0) < one.request.size
    }
    out = [one for one in live if store.desk.is_at_venue(one)]
    assert {one.wire_id or one.client_order_id for one in out} == working
    sent = [one.client_order_id for one in status.orders]
    assert len(sent) == len(set(sent))
    filled: Dict[Any, float] = {}
    for fill in status.fills:
        record = store.book.find(fill.client_order_id, fill.venue_order_id)
        assert record is not None, fill
        filled[record.client_order_id] = filled.get(record.client_order_id, 0.0) + fill.size
    for record in store.book:
        assert record.filled == filled.get(record.client_order_id, 0.0), record
    if has_exits and held:
        exits = [one for one in live if one.request.parent_id is not None]
        assert sorted(one.request.order_type.value for one in exits) == ["Limit", "Stop"]
    assert verify(str(journal)).status < 2
