"""Exits that go out with an entry: they are on OANDA's order of it first, and then on its trade.

An exit becomes an order of its own with the entry's fill. Until then it is a part of the entry, and
what happens to that happens to it. Later it is for as much as there is of the trade.
"""

from __future__ import annotations

from typing import Any, Dict, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from btstores.instruments import Instrument
from btstores.reports import OrderEvent, OrderReport, OrderRequest, OrderType, Report, Side
from btstores.stores.oanda.convert import (
    client_of,
    end_of_order,
    number_of,
    number_text,
    request_of,
    time_of,
    timing_of,
)

__all__ = ["Exits", "exits_of"]

#: By the field of an entry the kind of order that its exit becomes.
_FIELDS = {
    "takeProfitOnFill": OrderType.LIMIT,
    "stopLossOnFill": OrderType.STOP,
    "trailingStopLossOnFill": OrderType.STOP_TRAIL,
}
_NAMES = {kind: name for name, kind in _FIELDS.items()}


def exits_of(exits: Sequence[OrderRequest], instrument: Instrument) -> Dict[str, Any]:
    """Return the fields of an entry that hold its exits."""
    told = {}
    tick = instrument.tick_size or 1e-5
    for request in exits:
        terms: Dict[str, Any] = {
            **timing_of(request),
            "clientExtensions": {"id": request.client_order_id},
        }
        if request.trail_amount is not None:
            terms["distance"] = number_text(request.trail_amount, tick)
        else:
            terms["price"] = number_text(request.price or 0.0, tick)
        told[_NAMES[request.order_type]] = terms
    return told


class _Entry(NamedTuple):
    """A pending entry: its own terms, and the exits on it by our ids."""

    order_id: str
    units: float
    price: Optional[float]
    exits: Dict[str, OrderRequest]


class Exits:
    """Knows the exits that wait for their entry, and those of each trade.

    Its owner calls it for one transaction after the other.
    """

    def __init__(self) -> None:
        self._entries: Dict[str, _Entry] = {}
        #: By the id of a trade the ids of its exits, OANDA's and ours.
        self._of_trades: Dict[str, Dict[str, Optional[str]]] = {}

    def entry_of(self, client_order_id: str) -> Optional[Tuple[str, str]]:
        """Return the order on which an exit waits, and the field that it is there."""
        for order_id, entry in list(self._entries.items()):
            request = entry.exits.get(client_order_id)
            if request is not None:
                return order_id, _NAMES[request.order_type]
        return None

    def take(self, rows: Iterable[Mapping[str, Any]], now_ns: int) -> List[OrderReport]:
        """Take the account's pending orders; return the exits on them."""
        reports: List[OrderReport] = []
        for row in rows:
            entry = _entry_of(row)
            if entry is not None and entry.exits:
                self._entries[entry.order_id] = entry
                waiting = entry.exits.values()
                reports += [_word(OrderEvent.ACCEPTED, one, now_ns) for one in waiting]
            self._learn_trade(row)
        return reports

    def hear(
        self, row: Mapping[str, Any], trades: Mapping[str, Mapping[str, Any]], now_ns: int
    ) -> List[Report]:
        """Return what a transaction means for exits beside the order that it is about.

        ``trades`` are as they are after it.
        """
        kind = str(row.get("type"))
        if kind == "ORDER_FILL":
            return [*self._on_entry_fill(row, now_ns), *self._on_trades(row, trades, now_ns)]
        if kind == "ORDER_CANCEL":
            return self._on_cancel(row, now_ns)
        self._learn_trade(row)
        return self._on_entry(row, now_ns)

    def is_same(self, row: Mapping[str, Any]) -> bool:
        """Return whether an entry takes another's place and differs from it in its exits alone."""
        old, new = self._entries.get(str(row.get("replacesOrderID"))), _entry_of(row)
        return old is not None and new is not None and old[1:3] == new[1:3]

    def _on_entry(self, row: Mapping[str, Any], now_ns: int) -> List[Report]:
        entry = _entry_of(row)
        if entry is None:
            return []
        old = self._entries.pop(str(row.get("replacesOrderID")), None)
        before = {} if old is None else old.exits
        if entry.exits:
            self._entries[entry.order_id] = entry
        reports: List[Report] = []
        for key, request in entry.exits.items():
            known = before.get(key)
            if known is None:
                reports.append(_word(OrderEvent.ACCEPTED, request, now_ns))
            elif _terms(known) != _terms(request):
                reports.append(_word(OrderEvent.MODIFIED, request, now_ns))
        gone = [request for key, request in before.items() if key not in entry.exits]
        return [*reports, *(_word(OrderEvent.CANCELED, one, now_ns) for one in gone)]

    def _on_cancel(self, row: Mapping[str, Any], now_ns: int) -> List[Report]:
        order_id = str(row.get("orderID"))
        for known in self._of_trades.values():
            known.pop(order_id, None)
        event, code = end_of_order(row)
        if event is None or order_id not in self._entries:
            return []
        entry, text = self._entries.pop(order_id), code.replace("_", " ").lower()
        if event in (OrderEvent.CANCELED, OrderEvent.EXPIRED):
            event, code, text = OrderEvent.CANCELED, "RELATED", "its entry has ended"
        return [
            _word(event, one, now_ns, reason=text, reason_code=code) for one in entry.exits.values()
        ]

    def _on_entry_fill(self, row: Mapping[str, Any], now_ns: int) -> List[Report]:
        entry = self._entries.pop(str(row.get("orderID")), None)
        if entry is None:
            return []
        trade = row.get("tradeOpened")
        opened = number_of(trade.get("units")) if isinstance(trade, dict) else None
        if not opened:
            text = "its entry has opened no trade"
            return [
                _word(OrderEvent.CANCELED, one, now_ns, reason=text, reason_code="RELATED")
                for one in entry.exits.values()
            ]
        return [
            _word(OrderEvent.MODIFIED, one._replace(size=abs(opened)), now_ns)
            for one in entry.exits.values()
            if abs(opened) < one.size
        ]

    def _on_trades(
        self, row: Mapping[str, Any], trades: Mapping[str, Mapping[str, Any]], now_ns: int
    ) -> List[Report]:
        """Return how large the exits of a trade are that has become smaller."""
        reports: List[Report] = []
        for trade in row.get("tradesClosed") or ():
            if isinstance(trade, dict):
                self._of_trades.pop(str(trade.get("tradeID")), None)
        reduced = row.get("tradeReduced")
        if isinstance(reduced, dict):
            trade_id = str(reduced.get("tradeID"))
            left = number_of(trades.get(trade_id, {}).get("currentUnits"))
            for order_id, client_id in self._of_trades.get(trade_id, {}).items():
                if left:
                    reports.append(
                        OrderReport(
                            OrderEvent.MODIFIED, now_ns, client_id, order_id, size=abs(left)
                        )
                    )
        return reports

    def _learn_trade(self, row: Mapping[str, Any]) -> None:
        trade_id = row.get("tradeID")
        if trade_id is not None and not str(row.get("type")).endswith("_REJECT"):
            self._of_trades.setdefault(str(trade_id), {})[str(row.get("id"))] = client_of(row)


def _entry_of(row: Mapping[str, Any]) -> Optional[_Entry]:
    """Return a row as an entry, with the exits on it that have our ids; None if it is none."""
    request = None if str(row.get("type")).endswith("_REJECT") else request_of(row, {})
    if request is None:
        return None
    side = Side.SELL if request.side is Side.BUY else Side.BUY
    exits = {}
    for name, kind in _FIELDS.items():
        terms = row.get(name)
        if not isinstance(terms, dict):
            continue
        key = client_of(terms)
        if key is not None:
            exits[key] = request._replace(
                client_order_id=key,
                side=side,
                order_type=kind,
                price=number_of(terms.get("price")),
                trail_amount=number_of(terms.get("distance")) if "distance" in terms else None,
                expire_ns=time_of(terms.get("gtdTime")),
                parent_id=request.client_order_id,
            )
    return _Entry(str(row.get("id")), request.side.sign * request.size, request.price, exits)


def _terms(request: OrderRequest) -> Tuple[Any, ...]:
    return request.size, request.price, request.trail_amount, request.expire_ns


def _word(event: OrderEvent, request: OrderRequest, now_ns: int, **more: Any) -> OrderReport:
    return OrderReport(
        event,
        now_ns,
        request.client_order_id,
        symbol=request.symbol,
        filled=0.0,
        size=request.size,
        price=request.price,
        request=request,
        **more,
    )
