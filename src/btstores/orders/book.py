"""Our own record of each order, found by client id or venue id, and of the fills seen."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from typing import Any, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple

from btstores.orders.lifecycle import FINAL, OrderState
from btstores.orders.reasons import REASONS, Problem
from btstores.reports import FillReport, OrderEvent, OrderReport, OrderRequest

__all__ = ["ROUNDING", "Group", "OrderBook", "OrderRecord", "group_of"]

#: The parent whose exits exclude each other, or else the order that an OCO group hangs on.
Group = Tuple[Optional[str], Optional[str]]

# Sizes are sums of floats; what is left below this share of the order is a rounding error.
ROUNDING = 1e-9


def group_of(request: OrderRequest) -> Group:
    """Return the same for orders of which only one is meant to be executed.

    A parent is in no group with its exits.
    """
    if request.parent_id is not None:
        return request.parent_id, None
    return None, request.oco_id or request.client_order_id


@dataclasses.dataclass
class OrderRecord:
    """One order as far as we know.

    ``in_flight`` is True from the moment it is sent until the venue has said anything of
    it. ``outcome_unknown`` means that sending, cancelling or changing it failed in a way
    that proves nothing. ``foreign`` is an order that this run has not sent; ``claimed`` says
    that it counts as the strategy's all the same. ``emulated`` says that part of what it asks
    for is done here and not by the venue. ``wire_id`` is the client id under which the venue
    knows it now, where that is not its own; ``aliases`` and ``venue_ids`` are all such ids and
    all of the venue's own. ``told_filled`` is what reports on the order have said to be filled.
    ``asked_sizes`` has an entry for each change that has not been answered: the new size, or
    None. ``sent_ns`` is when its latest request was handed over.

    ``problems`` are all reasons of a refusal here, ``rounded`` what validation has changed:
    field -> (asked, sent). ``user`` belongs to whoever shows the order to a strategy.
    """

    request: OrderRequest
    state: OrderState = OrderState.CREATED
    venue_order_id: Optional[str] = None
    filled: float = 0.0
    told_filled: float = 0.0
    fills: List[FillReport] = dataclasses.field(default_factory=list)
    in_flight: bool = False
    outcome_unknown: bool = False
    pending_cancel: bool = False
    asked_sizes: List[Optional[float]] = dataclasses.field(default_factory=list)
    triggered: bool = False
    sent_ns: int = 0
    foreign: bool = False
    claimed: bool = False
    emulated: bool = False
    wire_id: Optional[str] = None
    aliases: List[str] = dataclasses.field(default_factory=list)
    venue_ids: List[str] = dataclasses.field(default_factory=list)
    problems: Tuple[Problem, ...] = ()
    rounded: Dict[str, Tuple[float, float]] = dataclasses.field(default_factory=dict)
    reason: Optional[str] = None
    reason_code: Optional[str] = None
    denied_by: Optional[str] = None
    journal_seq: Optional[int] = None
    user: Any = None

    @property
    def client_order_id(self) -> str:
        return self.request.client_order_id

    @property
    def live(self) -> bool:
        """Return whether the order can still be executed."""
        return self.state not in FINAL

    @property
    def pending_modify(self) -> bool:
        """Return whether a change has been asked for and not been answered."""
        return bool(self.asked_sizes)

    def refuse(self, event: OrderEvent, problems: Sequence[Problem], time_ns: int) -> OrderReport:
        """Note why the order, or what was asked of it, is refused here; return the report of it."""
        self.denied_by = REASONS[problems[0].code].denied_by
        self.problems = tuple(problems)
        return OrderReport(
            event,
            time_ns,
            self.client_order_id,
            reason="; ".join(problem.text for problem in problems),
            reason_code=problems[0].code,
            local=True,
        )

    def forgive(self) -> None:
        """Forget why something was refused, when the order has gone on since."""
        self.reason = self.reason_code = self.denied_by = None
        self.problems = ()

    @property
    def awaits_answer(self) -> bool:
        """Return whether the venue owes an answer to some request for the order."""
        return self.in_flight or self.pending_cancel or self.pending_modify

    def ask_modify(self, size: Optional[float]) -> None:
        """Note that a change is asked for; ``size`` is the new total or None."""
        self.asked_sizes.append(size)

    def answer_modify(self, all_of_them: bool = False) -> None:
        """Note that the oldest change has been answered, or all."""
        del self.asked_sizes[: None if all_of_them else 1]

    @property
    def is_filled(self) -> bool:
        """Return whether nothing is left to fill, also if all changes asked for are made."""
        return self.filled >= self.largest_size * (1 - ROUNDING)

    @property
    def largest_size(self) -> float:
        """Return the size, or the largest that it may have by now for all we know."""
        return max([self.request.size, *(size or 0.0 for size in self.asked_sizes)])

    @property
    def remaining(self) -> float:
        """Return what is left to fill, in shares or contracts; never negative."""
        return max(0.0, self.request.size - self.filled)


class OrderBook:
    """All orders of one account.

    The newest ``keep`` finished orders are kept for late news, and a hundred times as many
    fill ids to know duplicates by.
    """

    def __init__(self, keep: int = 1000) -> None:
        self._records: Dict[str, OrderRecord] = {}
        self._by_venue_id: Dict[str, OrderRecord] = {}
        self._aliases: Dict[str, OrderRecord] = {}
        self._live: Dict[str, OrderRecord] = {}
        self._fill_ids: OrderedDict[str, None] = OrderedDict()
        self._early_fills: Dict[str, List[FillReport]] = {}
        self._finished: OrderedDict[str, None] = OrderedDict()
        self._keep = keep

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[OrderRecord]:
        return iter(list(self._records.values()))

    def live(self) -> List[OrderRecord]:
        """Return the orders that can still be executed, oldest first."""
        return list(self._live.values())

    def add(self, record: OrderRecord) -> OrderRecord:
        """Take a new order in. Raises KeyError if its client id is known already."""
        if record.client_order_id in self._records:
            raise KeyError(f"client order id {record.client_order_id} is already in the book")
        self._records[record.client_order_id] = record
        if record.live:
            self._live[record.client_order_id] = record
        if record.venue_order_id is not None:
            self._by_venue_id[record.venue_order_id] = record
        return record

    def find(
        self, client_order_id: Optional[str], venue_order_id: Optional[str] = None
    ) -> Optional[OrderRecord]:
        """Return the order with the client id or else the venue id, or None."""
        if client_order_id is not None:
            known = self._records.get(client_order_id) or self._aliases.get(client_order_id)
            if known is not None:
                return known
        if venue_order_id is not None:
            return self._by_venue_id.get(venue_order_id)
        return None

    def add_alias(self, record: OrderRecord, client_order_id: str) -> None:
        """Let an order be found by one more client id, under which the venue knows it now."""
        record.wire_id, record.venue_order_id = client_order_id, None
        record.aliases.append(client_order_id)
        self._aliases[client_order_id] = record

    def set_venue_id(self, record: OrderRecord, venue_order_id: Optional[str]) -> None:
        """Remember how the venue calls the order now."""
        if venue_order_id is not None:
            record.venue_order_id = venue_order_id
            self.learn_venue_id(record, venue_order_id)

    def learn_venue_id(self, record: OrderRecord, venue_order_id: Optional[str]) -> None:
        """Remember that the venue calls the order so, or has called it so."""
        if venue_order_id is not None and venue_order_id not in record.venue_ids:
            record.venue_ids.append(venue_order_id)
            self._by_venue_id[venue_order_id] = record

    def restore(self, record: OrderRecord) -> None:
        """Take an order of an earlier run in, with all ids that it is known by."""
        self.add(record)
        for alias in record.aliases:
            self._aliases[alias] = record
        for venue_id in record.venue_ids:
            self._by_venue_id[venue_id] = record
        if not record.live:
            self.finish(record)

    def count_fills(self, fill_ids: Iterable[str]) -> None:
        """Know fills of earlier runs as duplicates, oldest first."""
        self._fill_ids.update(dict.fromkeys(fill_ids))

    def is_known_fill(self, fill: FillReport) -> bool:
        """Return whether the fill has been applied before."""
        return fill.fill_id in self._fill_ids

    def add_fill(self, record: Optional[OrderRecord], fill: FillReport) -> None:
        """Count a fill, once it has been applied."""
        self._fill_ids[fill.fill_id] = None
        if len(self._fill_ids) > 100 * self._keep:
            self._fill_ids.popitem(last=False)
        if record is not None:
            record.fills.append(fill)

    def hold_fill(self, fill: FillReport) -> None:
        """Keep a fill that names an order which the venue has not yet tied to one of ours."""
        self._early_fills.setdefault(fill.venue_order_id or "", []).append(fill)

    def take_held_fills(self, venue_order_id: Optional[str]) -> List[FillReport]:
        """Return the fills held for a venue order id, and forget them."""
        return self._early_fills.pop(venue_order_id or "", [])

    def take_orphan_fills(self) -> List[FillReport]:
        """Return all held fills once no order is left that they might belong to."""
        if not self._early_fills or self.in_flight:
            return []
        held, self._early_fills = self._early_fills, {}
        return [fill for fills in held.values() for fill in fills]

    @property
    def in_flight(self) -> bool:
        """Return whether the venue still owes a first answer to some order."""
        return any(record.in_flight for record in self._live.values())

    def finish(self, record: OrderRecord) -> None:
        """Note that an order is final; forget the oldest finished ones beyond ``keep``."""
        self._live.pop(record.client_order_id, None)
        self._finished[record.client_order_id] = None
        self._finished.move_to_end(record.client_order_id)
        while len(self._finished) > self._keep:
            client_order_id, _ = self._finished.popitem(last=False)
            self._forget(client_order_id)

    def _forget(self, client_order_id: str) -> None:
        record = self._records.pop(client_order_id, None)
        if record is None:
            return
        for venue_id in {*record.venue_ids, record.venue_order_id}:
            self._by_venue_id.pop(venue_id or "", None)
        for alias in record.aliases:
            self._aliases.pop(alias, None)
