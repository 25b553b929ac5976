"""A session whose disk becomes full: python -m tests.support.full_disk JOURNAL fill|limit

The strategy holds a working limit order when nothing more can be written, and goes on. Then
there is room again, and the next session takes the same journal. What happened is printed as
one JSON object.
"""

from __future__ import annotations

import errno
import json
import os
import resource
import sys
from typing import Any, Callable, Dict, List

import backtrader as bt

from btstores.clock import Clock
from btstores.errors import JournalError
from btstores.journal import JournalReader, SqliteJournal
from btstores.journal.verify import verify
from btstores.reports import OrderEvent
from tests.support.session import Diary, Session
from tests.support.venue import new_store


def fill_up(path: str) -> Callable[[], None]:
    """Write a file until the disk is full; return what makes room again."""
    filler = path + ".filler"
    with open(filler, "wb", buffering=0) as file:
        for size in (65536, 4096, 512, 1):
            error = 0
            while not error:
                try:
                    file.write(b"x" * size)
                except OSError as full:
                    error = full.errno
            assert error == errno.ENOSPC
    return lambda: os.remove(filler)


def limit(path: str) -> Callable[[], None]:
    """Let no file of this process grow beyond what the journal has now."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (os.path.getsize(path + "-wal"), before[1]))
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, before)


def _first(path: str, full: Callable[[str], Callable[[], None]], told: Dict[str, Any]) -> None:
    session = Session(new_store(journal=path))
    session.feed()
    made: Dict[str, Any] = {}
    relieve: List[Callable[[], None]] = []

    def begin(strategy: Diary) -> Any:
        made["working"] = strategy.buy(size=1, exectype=bt.Order.Limit, price=5.0)
        return made["working"]

    def buy_until_refused(strategy: Diary) -> Any:
        relieve.append(full(path))
        bought = []
        while not bought or bought[-1].status != bt.Order.Rejected:
            bought.append(strategy.buy(size=1))
        made["refused"] = bought[-1]
        return bought

    def cancel(strategy: Diary) -> None:
        strategy.cancel(made["working"])

    def buy_again(strategy: Diary) -> Any:
        made["halted"] = strategy.buy(size=1)
        return made["halted"]

    session.bars(*[10.0] * 60)
    session.accept(61)
    session.order(200, OrderEvent.CANCELED)
    script = {1: begin, 2: buy_until_refused, 3: cancel, 4: buy_again}
    strategy = session.run(script=script)
    relieve[0]()
    told.update(
        placed=[request.client_order_id for request in session.venue.placed],
        cancelled=session.venue.cancelled,
        working=made["working"].info.client_order_id,
        working_end=made["working"].getstatusname(),
        refused=[made["refused"].info.reason_code, made["refused"].info.client_order_id],
        halted=made["halted"].info.reason_code,
        news=strategy.messages(),
        state=session.store.desk.risk.state.value,
        bars=len(strategy.bars),
        broken=session.store.journal.broken,
    )


def _start(path: str, clock: Clock) -> str:
    try:
        SqliteJournal(path, clock).close()
    except JournalError as error:
        return str(error)
    return verify(path).text().splitlines()[0].rpartition(": ")[2]


def main(path: str, way: str) -> int:
    full = {"fill": fill_up, "limit": limit}[way]
    told: Dict[str, Any] = {}
    _first(path, full, told)
    with JournalReader(path) as reader:
        told["intents"] = [record.correlation for record in reader.records(kinds=("intent",))]

    session = Session(new_store(journal=path))
    session.feed()
    session.bars(*[10.0] * 4)
    session.run(script={2: lambda strategy: strategy.buy(size=1)})
    told["next_placed"] = len(session.venue.placed)
    result = verify(path)
    told["errors"] = result.errors
    told["runs"] = [run.state for run in result.runs]

    if way == "fill":  # a start on a disk that is full already, with a journal and without
        relieve = full(path)
        told["starts"] = [_start(each, session.clock) for each in (path, path + ".other")]
        relieve()
        told["later_starts"] = [_start(each, session.clock) for each in (path, path + ".other")]
    json.dump(told, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
