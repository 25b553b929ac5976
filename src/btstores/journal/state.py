"""What a journal says of the account, built record by record.

It is what a new process has to know of the earlier ones: orders and what works at the venue for
them, fills that have been counted, how positions are divided, the legs that are kept here. The
writer notes each order (``order_state``) and each position (``holding``) after a report has been
applied; between such notes the raw reports count, because a crash may come between the two.
"""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from typing import Any, Dict, Iterator, List, Mapping, Optional, Tuple

from btstores.errors import JournalError
from btstores.journal.base import Journal
from btstores.journal.records import Record, decode, encode
from btstores.reports import FillReport, OrderEvent, OrderReport, OrderRequest, to_record

__all__ = ["STATE_KINDS", "Holding", "JournalState", "KnownOrder", "KnownWire", "rebuild"]

#: The kinds that change it.
STATE_KINDS = frozenset(
    {"intent", "intent_cancel", "kept", "leg", "order", "fill", "order_state", "holding"}
    | {"reconciled", "snapshot", "day"}
)

#: Where a report leaves an order that is not kept here.
_AFTER = {
    OrderEvent.ACCEPTED: "accepted",
    OrderEvent.TRIGGERED: "accepted",
    OrderEvent.MODIFIED: "accepted",
    OrderEvent.REJECTED: "rejected",
    OrderEvent.MARGIN: "margin",
    OrderEvent.CANCELED: "canceled",
    OrderEvent.EXPIRED: "expired",
}
_ENDS = frozenset({"completed", "canceled", "expired", "margin", "rejected"})
_ROUNDING = 1e-9  # sizes are sums of floats


@dataclasses.dataclass
class KnownWire:
    """An order at the venue for one of ours.

    ``heard``: the venue has said something of it; ``cancels``: it has been asked to cancel it.
    """

    size: float
    filled: float = 0.0
    venue_order_id: Optional[str] = None
    heard: bool = False
    cancels: bool = False
    ended: bool = False


@dataclasses.dataclass
class KnownOrder:
    """One order of ours. ``wires`` are all that was sent for it, by client id, the newest last.

    ``state`` is the value of an `OrderState`. ``fills`` are kept while it lives.
    """

    request: OrderRequest
    state: str = "submitted"
    filled: float = 0.0
    fills: List[FillReport] = dataclasses.field(default_factory=list)
    wires: Dict[str, KnownWire] = dataclasses.field(default_factory=dict)
    pending_cancel: bool = False
    triggered: bool = False
    emulated: bool = False
    seq: Optional[int] = None

    @property
    def client_order_id(self) -> str:
        return self.request.client_order_id

    @property
    def live(self) -> bool:
        """Return whether it may still be executed."""
        return self.state not in _ENDS


@dataclasses.dataclass
class Holding:
    """A position in shares or contracts, signed: the strategies' own part and that of others.

    ``price`` is the average price of the own part, in the instrument's currency.
    """

    own: float = 0.0
    price: float = 0.0
    foreign: float = 0.0


class JournalState:
    """Orders, fills, holdings and legs as of one record; ``seq`` is that record's.

    ``reconciled`` is whether the account has been compared with a venue before: only then is a
    position that nobody has noted another one than was left.

    The newest ``keep`` finished orders are remembered, and a hundred times as many fill ids.
    """

    def __init__(self, keep: int = 1000) -> None:
        self.seq = 0
        self.reconciled = False
        self.orders: Dict[str, KnownOrder] = {}
        self.legs: Dict[str, Dict[str, Any]] = {}
        self.holdings: Dict[str, Holding] = {}
        self.fill_ids: OrderedDict[str, None] = OrderedDict()
        #: Fills that may be of an order of ours whose id at the venue has not been told.
        self.early: Dict[str, FillReport] = {}
        #: The day of the market that was the last one, and the account's value when it began.
        self.day: Optional[Tuple[str, float]] = None
        self._keep = keep
        self._owner: Dict[str, str] = {}  # wire ids and venue ids -> client order ids
        self._finished: OrderedDict[str, None] = OrderedDict()

    def live(self) -> List[KnownOrder]:
        """Return the orders that may still be executed, oldest first."""
        return [order for order in self.orders.values() if order.live]

    def find(self, client_id: Optional[str], venue_id: Optional[str]) -> Optional[KnownOrder]:
        """Return the order with one of these ids, or None."""
        for key in (client_id, venue_id and _venue_key(venue_id)):
            owner = self._owner.get(key) if key is not None else None
            if owner is not None:
                return self.orders.get(owner)
        return None

    def feed(self, record: Record) -> None:
        """Take the next record. Raises `JournalError` when its payload cannot be read."""
        take = _TAKES.get(record.kind)
        if take is not None:
            try:
                take(self, record)
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                raise JournalError(f"record {record.seq} cannot be understood: {error!r}") from None
        self.seq = record.seq

    # What each kind changes

    def _take_kept(self, record: Record) -> None:
        request = decode("intent", record.payload)
        self._add(KnownOrder(request, seq=record.seq))

    def _take_intent(self, record: Record) -> None:
        request = decode("intent", record.payload)
        known = self.orders.get(record.correlation or request.client_order_id)
        if known is None:
            known = KnownOrder(request, seq=record.seq)
            self._add(known)
        known.wires[request.client_order_id] = KnownWire(request.size)
        self._owner[request.client_order_id] = known.client_order_id

    def _take_cancel(self, record: Record) -> None:
        known = self.find(record.correlation, None)
        if known is not None and known.live:
            known.pending_cancel = True
            wire = known.wires.get(record.payload["client_order_id"])
            if wire is not None:
                wire.cancels = True

    def _take_leg(self, record: Record) -> None:
        self.legs[record.payload["client_order_id"]] = record.payload

    def _take_order(self, record: Record) -> None:
        report: OrderReport = decode("order", record.payload)
        known = self.find(report.client_order_id, report.venue_order_id)
        if known is None or report.local or report.event is OrderEvent.OUTCOME_UNKNOWN:
            return
        wire = self._wire_of(known, report.client_order_id, report.venue_order_id)
        for fill in [one for one in self.early.values() if one.venue_order_id is not None]:
            if fill.venue_order_id == report.venue_order_id:
                self._count(known, fill)
        after = _AFTER.get(report.event)
        if wire is not None and after is not None:
            wire.heard = True
            wire.ended = wire.ended or after in _ENDS
            wire.size = wire.size if report.size is None else report.size
        if known.client_order_id in self.legs or not known.live or after is None:
            return  # what it means for an order that is kept here, the next note says
        known.state = "partial" if after == "accepted" and known.filled else after
        self._end_if_over(known)

    def _take_fill(self, record: Record) -> None:
        fill: FillReport = decode("fill", record.payload)
        if fill.fill_id in self.fill_ids:
            return
        known = self.find(fill.client_order_id, fill.venue_order_id)
        if known is not None:
            self._count(known, fill)
        elif fill.client_order_id is None and any(map(_may_be_unheard, self.live())):
            self.early[fill.fill_id] = fill
        else:
            holding = self.holdings.setdefault(fill.symbol, Holding())
            holding.foreign = _tidy(holding.foreign + fill.side.sign * fill.size)
            self._note_fill_id(fill.fill_id)

    def _count(self, known: KnownOrder, fill: FillReport) -> None:
        self._note_fill_id(fill.fill_id)
        holding = self.holdings.setdefault(fill.symbol, Holding())
        signed = fill.side.sign * fill.size
        holding.price = _average(holding, signed, fill.price)
        holding.own = _tidy(holding.own + signed)
        wire = self._wire_of(known, fill.client_order_id, fill.venue_order_id)
        if wire is not None:
            wire.heard = True
            wire.filled = _tidy(wire.filled + fill.size)
        known.filled = _tidy(known.filled + fill.size)
        if known.live:
            known.fills.append(fill)
            complete = known.filled >= known.request.size * (1 - _ROUNDING)
            known.state = "completed" if complete else "partial"
            self._end_if_over(known)

    def _take_order_state(self, record: Record) -> None:
        noted = record.payload
        known = self.orders.get(noted["client_order_id"])
        if known is None:
            return
        for fill_id in noted.get("fills", ()):
            if fill_id in self.early:
                self._count(known, self.early[fill_id])
        known.state = noted["state"]
        known.filled = float(noted.get("filled", known.filled))
        known.pending_cancel = bool(noted.get("pending_cancel"))
        known.triggered = bool(noted.get("triggered"))
        known.emulated = bool(noted.get("emulated"))
        terms = {name: noted[name] for name in ("size", "price", "limit_price") if name in noted}
        known.request = known.request._replace(**terms)
        self._end_if_over(known)

    def _take_holding(self, record: Record) -> None:
        noted = record.payload
        values = (float(noted.get(name, 0.0)) for name in ("own", "price", "foreign"))
        self.holdings[noted["symbol"]] = Holding(*values)
        for fill_id in noted.get("fills", ()):
            self._note_fill_id(fill_id)

    def _take_day(self, record: Record) -> None:
        self.day = (str(record.payload["day"]), float(record.payload["value"]))

    def _take_reconciled(self, record: Record) -> None:
        self.reconciled = True

    def _take_snapshot(self, record: Record) -> None:
        read = self.from_dict(record.payload, self._keep)
        self.__dict__.update(read.__dict__)

    # Bookkeeping

    def _add(self, known: KnownOrder) -> None:
        self.orders[known.client_order_id] = known
        self._owner[known.client_order_id] = known.client_order_id

    def _wire_of(
        self, known: KnownOrder, client_id: Optional[str], venue_id: Optional[str]
    ) -> Optional[KnownWire]:
        """Return the wire with one of these ids, and note the venue's."""
        wire = known.wires.get(client_id or "")
        if wire is None and venue_id is not None:
            for each in known.wires.values():
                if each.venue_order_id == venue_id:
                    wire = each
        if wire is not None and venue_id is not None:
            wire.venue_order_id = venue_id
            self._owner[_venue_key(venue_id)] = known.client_order_id
        return wire

    def _note_fill_id(self, fill_id: str) -> None:
        self.early.pop(fill_id, None)
        self.fill_ids[fill_id] = None
        if len(self.fill_ids) > 100 * self._keep:
            self.fill_ids.popitem(last=False)

    def _end_if_over(self, known: KnownOrder) -> None:
        key = known.client_order_id
        if known.live or key in self._finished:
            return
        known.fills = []
        self._finished[key] = None
        for old in list(self._finished)[: max(0, len(self._finished) - self._keep)]:
            if old in self.legs and self._is_needed(old):
                continue
            del self._finished[old]
            self._forget(old)

    def _is_needed(self, key: str) -> bool:
        """Return whether what a live relative may trade depends on an order."""
        return any(key in _relatives(self.legs.get(one.client_order_id)) for one in self.live())

    def _forget(self, key: str) -> None:
        known = self.orders.pop(key)
        self.legs.pop(key, None)
        for wire_id, wire in known.wires.items():
            self._owner.pop(wire_id, None)
            self._owner.pop(_venue_key(wire.venue_order_id or ""), None)
        self._owner.pop(key, None)

    # A snapshot

    def to_dict(self) -> Dict[str, Any]:
        """Return all of it as JSON values, for a snapshot."""
        orders = []
        for known in self.orders.values():
            told = {
                field.name: getattr(known, field.name)
                for field in dataclasses.fields(known)
                if field.name not in ("request", "fills", "wires")
            }
            told["request"] = to_record(known.request)
            told["fills"] = [to_record(fill) for fill in known.fills]
            told["wires"] = {key: dataclasses.asdict(wire) for key, wire in known.wires.items()}
            orders.append(told)
        return {
            "orders": orders,
            "legs": list(self.legs.values()),
            "holdings": {
                symbol: dataclasses.asdict(held) for symbol, held in self.holdings.items()
            },
            "fill_ids": list(self.fill_ids),
            "early": {key: to_record(fill) for key, fill in self.early.items()},
            "reconciled": self.reconciled,
            "day": self.day,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], keep: int = 1000) -> JournalState:
        """Return what `to_dict` has written. Raises `KeyError`, `TypeError` or `ValueError`."""
        state = cls(keep)
        for told in values["orders"]:
            rest = dict(told)
            rest["request"] = decode("intent", told["request"])
            rest["fills"] = [decode("fill", fill) for fill in told["fills"]]
            rest["wires"] = {key: KnownWire(**wire) for key, wire in told["wires"].items()}
            known = KnownOrder(**rest)
            state._add(known)
            for wire_id, wire in known.wires.items():
                state._owner[wire_id] = known.client_order_id
                if wire.venue_order_id is not None:
                    state._owner[_venue_key(wire.venue_order_id)] = known.client_order_id
            if not known.live:
                state._finished[known.client_order_id] = None
        state.legs = {leg["client_order_id"]: leg for leg in values["legs"]}
        state.holdings = {symbol: Holding(**held) for symbol, held in values["holdings"].items()}
        state.fill_ids = OrderedDict.fromkeys(values["fill_ids"])
        state.early = {key: decode("fill", fill) for key, fill in values["early"].items()}
        state.reconciled = bool(values["reconciled"])
        day = values.get("day")
        state.day = None if day is None else (str(day[0]), float(day[1]))
        return state

    def differences(self, other: JournalState) -> Iterator[str]:
        """Yield in words where another state is not the same."""
        mine, theirs = self.to_dict(), other.to_dict()
        for name, found in mine.items():
            if name in ("reconciled", "day"):
                continue
            ours, others = _by_key(name, found), _by_key(name, theirs[name])
            for key in sorted(ours.keys() | others.keys()):
                if ours.get(key) != others.get(key):
                    yield f"{name} {key}: {ours.get(key)} here, {others.get(key)} there"


_TAKES = {
    "kept": JournalState._take_kept,
    "intent": JournalState._take_intent,
    "intent_cancel": JournalState._take_cancel,
    "leg": JournalState._take_leg,
    "order": JournalState._take_order,
    "fill": JournalState._take_fill,
    "order_state": JournalState._take_order_state,
    "holding": JournalState._take_holding,
    "day": JournalState._take_day,
    "reconciled": JournalState._take_reconciled,
    "snapshot": JournalState._take_snapshot,
}


def rebuild(journal: Journal) -> JournalState:
    """Return what a journal says of the account; it begins with the newest snapshot.

    Raises `JournalError`.
    """
    state, newest = JournalState(), journal.newest("snapshot")
    for record in journal.records(newest.seq if newest is not None else 1, STATE_KINDS):
        state.feed(record)
    return state


def _may_be_unheard(known: KnownOrder) -> bool:
    return any(not wire.heard and not wire.ended for wire in known.wires.values())


def _venue_key(venue_id: str) -> str:
    # A venue may number its orders as we might.
    return f"venue {venue_id}"


def _tidy(size: float) -> float:
    return round(size, 10)


def _average(holding: Holding, signed: float, price: float) -> float:
    """Return the average price of the own part after a trade, as backtrader counts it."""
    size = holding.own + signed
    if holding.own * signed >= 0:
        return (holding.own * holding.price + signed * price) / size if size else 0.0
    if abs(signed) <= abs(holding.own):
        return holding.price if _tidy(size) else 0.0
    return price


def _relatives(leg: Optional[Mapping[str, Any]]) -> Tuple[str, ...]:
    return () if leg is None else (*leg.get("group", ()), leg.get("parent_id") or "")


def _by_key(name: str, found: Any) -> Dict[str, str]:
    if isinstance(found, dict):
        return {key: encode(value) for key, value in found.items()}
    if name == "fill_ids":
        return dict.fromkeys(found, "counted")
    keys = [one.get("client_order_id") or one["request"]["client_order_id"] for one in found]
    return {key: encode(one) for key, one in zip(keys, found)}
