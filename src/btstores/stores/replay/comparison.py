"""What strategies do in a replay, beside what they did when it was recorded."""

from __future__ import annotations

import logging
import re
from typing import Any, Callable, Collection, Dict, Iterator, List, Mapping, Optional, Set

from btstores.journal.base import Journal
from btstores.journal.records import Payload, Record
from btstores.journal.show import utc
from btstores.reports import OrderModification, OrderRequest, to_record
from btstores.stores.replay.run import ACTIONS, RecordedRun

__all__ = ["Comparison"]

log = logging.getLogger(__name__)

#: What makes two orders the same, besides instrument, side and type.
_COMPARED = ("size", "price", "limit_price", "trail_amount", "trail_percent", "tif", "bar_time_ns")
_ID = re.compile(r"\b[0-9a-f]{16}\b")
_CHANGED = ("size", "price", "limit_price", "trail_amount", "trail_percent")


class Comparison(Journal):
    """The journal of a replay: it keeps nothing, and finds for each order the recorded one.

    An order is taken for a recorded one of the same instrument, side and type: the one that
    was made at the same bar, else the next that was made before what is being told now.
    Whatever else is different is told.
    """

    def __init__(self, run: RecordedRun, tell: Callable[[str], None]) -> None:
        self._run = run
        self._tell = tell
        self._seq = 0
        #: What was done and has not been done again yet, by the record's seq.
        self._open: Dict[int, Record] = {record.seq: record for record in run.actions}
        self._legs = list(run.legs)
        #: Orders in words, by their ids then and now.
        self._orders = {
            record.payload["client_order_id"]: _order_words(record.payload)
            for record in run.actions
            if record.kind in ("intent", "kept")
        }
        self._now: Dict[str, str] = {}
        self._then: Dict[str, str] = {}
        self.matched = 0
        self.differences: List[str] = []
        #: Ids of orders that are not in the recording.
        self.unknown: Set[str] = set()
        self._told_seq = 0

    def __repr__(self) -> str:
        return f"<comparison with {self._run!r}>"

    def name_now(self, recorded_id: str) -> Optional[str]:
        """Return the id in this replay of a recorded order, or None if it was not made again.

        Ids of orders that are older than the run, or of others, stay what they are.
        """
        return self._now.get(recorded_id) or (
            None if recorded_id in self._run.wires else recorded_id
        )

    def is_done_before(self, seq: int) -> bool:
        """Return whether all that was done before a record has been done now."""
        legs_done = not self._legs or self._legs[0][0] >= seq
        return legs_done and next(iter(self._open), seq) >= seq

    @property
    def begun(self) -> bool:
        """Return whether anything has been told."""
        return self._told_seq > 0

    def told(self, seq: int) -> None:
        """Hear that the record ``seq`` is being told now."""
        self._told_seq = seq
        while self._legs and self._legs[0][0] < seq:
            del self._legs[0]  # when it is written depends on the time, too

    # The journal

    @property
    def last_seq(self) -> int:
        return self._seq

    def append(
        self,
        kind: str,
        payload: Payload,
        cause: Optional[int] = None,
        correlation: Optional[str] = None,
    ) -> int:
        self._seq += 1
        if kind in ACTIONS:
            done: Mapping[str, Any] = (
                to_record(payload)
                if isinstance(payload, (OrderRequest, OrderModification))
                else payload  # type: ignore[assignment]
            )
            order = correlation or done.get("client_order_id") or ""
            if kind in ("intent", "kept"):
                self._ordered(kind, done, order)
            elif kind == "denied":
                self._denied(done)
            else:
                self._asked(kind, done, order)
        elif kind == "leg":
            self._noted(correlation or str(payload["client_order_id"]))  # type: ignore[call-overload]
        return self._seq

    def append_report(self, report: Any, cause: Optional[int] = None) -> int:
        return self._seq  # it comes from the recording

    def commit(self) -> None:
        pass

    def records(self, start: int = 1, kinds: Optional[Collection[str]] = None) -> Iterator[Record]:
        return self._run.before(start, kinds)

    def close(self) -> None:
        """Tell what was done then, up to here, and has not been done now."""
        for record in list(self._open.values()):
            if record.seq < self._told_seq:
                del self._open[record.seq]
                self._differs(
                    f"{self._words(record.kind, record.payload)} was in the recording only"
                )
        self._run.close()

    # What is done

    def _ordered(self, kind: str, done: Mapping[str, Any], order: str) -> None:
        wire_id = done["client_order_id"]
        self._orders[wire_id] = _order_words(done)
        recorded = self._same_order(kind, done, order)
        if recorded is None:
            self.unknown.add(wire_id)
            self._differs(f"{self._words(kind, done)} is not in the recording")
            return
        self._take(recorded)
        for now, then in (
            (wire_id, recorded.payload["client_order_id"]),
            (order, recorded.correlation or ""),
        ):
            self._now[then], self._then[now] = now, then
        self._compare(self._words(kind, done), done, recorded.payload, _COMPARED)

    def _same_order(self, kind: str, done: Mapping[str, Any], order: str) -> Optional[Record]:
        then, late = self._then.get(order), None
        for record in self._open.values():
            if record.kind != kind or _contract(record.payload) != _contract(done):
                continue
            if then is not None:
                if record.correlation == then:
                    return record
            elif record.correlation not in self._now:
                if record.payload.get("bar_time_ns") == done.get("bar_time_ns"):
                    return record
                if late is None and record.seq < self._told_seq:
                    late = record
        return late

    def _denied(self, done: Mapping[str, Any]) -> None:
        for record in self._open.values():
            if record.kind == "denied" and record.payload.get("symbol") == done.get("symbol"):
                self._take(record)
                named = dict(done, reason=self._as_then(str(done.get("reason"))))
                self._compare("a refusal", named, record.payload, ("reason",))
                return
        self._differs(f"{self._words('denied', done)} is not in the recording")

    def _as_then(self, text: str) -> str:
        """Return a text with the ids that orders had then."""
        return _ID.sub(lambda found: self._then.get(found[0], found[0]), text)

    def _asked(self, kind: str, done: Mapping[str, Any], order: str) -> None:
        then = self._then.get(order, order)
        for record in self._open.values():
            if record.kind == kind and record.correlation == then:
                self._take(record)
                self._compare(self._words(kind, done), done, record.payload, _CHANGED)
                return
        self._differs(f"{self._words(kind, done)} is not in the recording")

    def _noted(self, order: str) -> None:
        then = self._then.get(order, order)
        for noted in self._legs:
            if noted[1] == then:
                self._legs.remove(noted)
                return

    def _take(self, record: Record) -> None:
        del self._open[record.seq]
        self.matched += 1

    def _compare(
        self,
        what: str,
        now: Mapping[str, Any],
        then: Mapping[str, Any],
        names: Collection[str],
    ) -> None:
        for name in names:
            if now.get(name) != then.get(name):
                self._differs(f"{what}: {_value(name, now)}, recorded {_value(name, then)}")

    def _words(self, kind: str, payload: Mapping[str, Any]) -> str:
        """Return an action in words."""
        if kind in ("intent", "kept"):
            return _order_words(payload)
        if kind == "denied":
            return f"a refusal for {payload.get('symbol')} ({payload.get('reason')})"
        what = "the cancel" if kind == "intent_cancel" else "the change"
        return f"{what} of {self._orders.get(payload['client_order_id'], 'an older order')}"

    def _differs(self, text: str) -> None:
        self.differences.append(text)
        log.warning("replay.differs %s", text)
        self._tell(text)


def _contract(payload: Mapping[str, Any]) -> List[Any]:
    return [payload.get(name) for name in ("symbol", "side", "order_type")]


def _order_words(payload: Mapping[str, Any]) -> str:
    """Return an order in words, for example ``buy 100 HK.00700 Limit 320.2``."""
    names = ("side", "size", "symbol", "order_type", "price")
    told = " ".join(_text(payload[name]) for name in names if payload.get(name) is not None)
    bar_ns = payload.get("bar_time_ns")
    return f"{told} (bar {utc(bar_ns)})" if bar_ns else told


def _value(name: str, payload: Mapping[str, Any]) -> str:
    value = payload.get(name)
    if name == "bar_time_ns" and value:
        return f"bar {utc(value)}"
    return f"{name} {_text(value)}"


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, (int, float)) else str(value)
