"""StoreBroker: backtrader's broker on top of a store.

It turns backtrader's orders into requests, and what the handlers find out into changes of
those orders, positions and notifications. It runs on Cerebro's thread alone.
"""

from __future__ import annotations

import datetime
import logging
from collections import deque
from typing import Any, Deque, Dict, List, Optional

import backtrader as bt
from backtrader.order import BuyOrder, SellOrder
from backtrader.position import Position

from btstores.brokers.account import AccountView
from btstores.brokers.adopted import order_of_position, order_of_record
from btstores.brokers.checks import problems_of_data, problems_of_needs, problems_of_values
from btstores.brokers.comminfo import StoreCommInfo
from btstores.brokers.convert import STATUS, midnight_of, refused_as, request_of
from btstores.brokers.positions import symbol_of
from btstores.errors import UsageError
from btstores.feeds.cycle import Cycle
from btstores.feeds.times import ns_to_num, num_to_ns
from btstores.handlers.base import Listener
from btstores.orders.book import OrderRecord
from btstores.orders.lifecycle import OrderState
from btstores.reports import AccountReport, FillReport, OrderEvent, PositionReport
from btstores.stores.base import BaseStore

__all__ = ["StoreBroker", "StoreCommInfo"]

log = logging.getLogger(__name__)

_NAN = float("nan")

# What `modify` calls a value, and what a request calls it.
_CHANGES = {
    "size": "size",
    "price": "price",
    "plimit": "limit_price",
    "trailamount": "trail_amount",
    "trailpercent": "trail_percent",
}


class StoreBroker(AccountView, Listener):
    """The broker of one account. Made by `BaseStore.getbroker`.

    Orders are refused while the feed they are made on shows its history, so that a strategy
    may run unchanged over it; ``trade_history`` True sends them all the same.
    ``keep_orders`` bounds what backtrader's strategies remember of finished orders and
    trades, which is 4 kB each and for ever otherwise.
    """

    params: Any = (("keep_orders", 1000), ("trade_history", False))

    def __init__(self, store: BaseStore, **kwargs: Any) -> None:
        super().__init__(store, **kwargs)
        self._records: Dict[int, OrderRecord] = {}
        self._held: Dict[int, List[Any]] = {}
        self._told: Deque[Any] = deque()
        self._adopted: List[str] = []
        self._started = False
        store.set_listener(self)

    # Lifecycle, called by Cerebro and by the store.

    def start(self) -> None:
        super().start()
        cerebro = getattr(self, "cerebro", None)
        if cerebro is not None:
            cerebro.p.quicknotify = True  # or a refusal is told only with a feed of ours
            cerebro.addstore(self.store)
            cycle = Cycle.of(cerebro)
            cycle.add_store(self.store)
            if self not in cycle.brokers:
                cycle.brokers.append(self)
        self.store.start(broker=self)
        self._started = True
        self._adopted.clear()
        self.begin_account()

    def on_run(self) -> None:
        # Positions and open orders are adopted anew: the strategies are others.
        self.positions.by_symbol.clear()
        self._adopted.clear()
        for record in self.store.book.live():
            record.foreign, record.user = True, None

    def stop(self) -> None:
        super().stop()
        self.store.stop()
        self._started = False

    def data_started(self, data: Any) -> None:
        """Show the strategy what the account holds of a feed's instrument already."""
        self.positions.add_data(data)
        symbol = symbol_of(data)
        if symbol in self._adopted:
            return
        self.name_symbol(symbol, data._name)
        self._adopted.append(symbol)
        position = self.positions[symbol]
        if position.size:
            comminfo = self.getcommissioninfo(data)
            self.notify(order_of_position(data, position.size, position.price, comminfo))
        for record in self.store.book.live():
            if record.foreign and record.user is None and record.request.symbol == symbol:
                self._adopt_order(data, record)

    def _adopt_order(self, data: Any, record: OrderRecord) -> None:
        order = order_of_record(data, record, self)
        self._tie(order, record)
        order.addinfo(reconciled=True, foreign=True)
        self.notify(order)

    def next(self) -> None:
        self.store.process_events()
        self._trim()

    def _trim(self) -> None:
        cerebro = getattr(self, "cerebro", None)
        for strategy in getattr(cerebro, "runningstrats", ()):
            if len(strategy._orders) > 2 * self.p.keep_orders:
                del strategy._orders[: -self.p.keep_orders]
            for trades in strategy._trades.values():
                for listed in trades.values():
                    if len(listed) > 2 * self.p.keep_orders:
                        del listed[: -self.p.keep_orders]

    # Notifications.

    def notify(self, order: Any) -> None:
        """Queue what a strategy is to hear of ``order``: one copy a notification."""
        self._told.append(order.clone())

    def get_notification(self) -> Optional[Any]:
        return self._told.popleft() if self._told else None

    def has_notification(self) -> bool:
        """Return whether a strategy has yet to hear something."""
        return bool(self._told)

    # Orders out.

    def buy(self, owner: Any, data: Any, size: Any, **kwargs: Any) -> Any:
        return self._order(BuyOrder, owner, data, size, **kwargs)

    def sell(self, owner: Any, data: Any, size: Any, **kwargs: Any) -> Any:
        return self._order(SellOrder, owner, data, size, **kwargs)

    def _order(
        self,
        kind: Any,
        owner: Any,
        data: Any,
        size: Any,
        price: Any = None,
        plimit: Any = None,
        exectype: Any = None,
        valid: Any = None,
        tradeid: int = 0,
        oco: Any = None,
        trailamount: Any = None,
        trailpercent: Any = None,
        parent: Any = None,
        transmit: bool = True,
        histnotify: bool = False,
        _checksubmit: bool = True,
        **kwargs: Any,
    ) -> Any:
        problems = problems_of_values(
            size, price, plimit, trailamount, trailpercent, exectype, valid
        )
        asked = {
            "price": price,
            "pricelimit": plimit,
            "exectype": exectype,
            "trailamount": trailamount,
            "trailpercent": trailpercent,
        }
        if problems:
            asked.clear()  # backtrader cannot make an order of these
        problems += problems_of_data(data, self.trades(data), self.p.trade_history)
        asked = refused_as(asked, data) if problems else {**asked, "valid": midnight_of(valid)}
        order = kind(
            owner=owner,
            data=data,
            size=size,
            tradeid=tradeid,
            oco=oco,
            parent=parent,
            transmit=transmit,
            histnotify=histnotify,
            **asked,
        )
        order.addinfo(**kwargs)
        order.addcomminfo(self.getcommissioninfo(data))
        if not problems:
            problems = problems_of_needs(order, self.store.capabilities)
        if not problems:
            return self.submit(order)
        reason = "; ".join(problem.text for problem in problems)
        if parent is not None:
            # A bracket without one of its legs is another trade than was asked for.
            why = f"another order of the bracket is invalid: {reason}"
            self._refuse_held(parent, "BRACKET_INVALID", why)
        return self._refuse(order, problems[0].code, reason)

    def trades(self, data: Any) -> bool:
        """Return whether orders for ``data`` may go to this broker's store."""
        return getattr(data, "_store", None) is self.store

    def _refuse(self, order: Any, code: str, reason: str) -> Any:
        order.submit(self)
        order.reject(self)
        order.addinfo(reason=reason, reason_code=code, denied_by="validation")
        # An ordinary strategy asks on every bar of the history.
        level = logging.DEBUG if code == "NOT_LIVE" else logging.WARNING
        log.log(level, "order.refused ref=%d code=%s reason=%s", order.ref, code, reason)
        self.notify(order)
        return order

    def submit(self, order: Any, check: bool = True) -> Any:
        """Send ``order``, or keep it until the last of its bracket has ``transmit`` set."""
        leader = order if order.parent is None else order.parent
        group = self._held.get(leader.ref, [])
        if order.parent is not None and leader not in group:
            known = self._records.get(leader.ref)
            if known is None or not known.live:
                self._refuse_held(leader, "PARENT_GONE", "the parent order is not alive")
                return self._refuse(order, "PARENT_GONE", "the parent order is not alive")
        group.append(order)
        if order.transmit:
            self._held.pop(leader.ref, None)
            self._send(group)
        else:
            self._held[leader.ref] = group
        return order

    def _refuse_held(self, leader: Any, code: str, reason: str) -> None:
        for held in self._held.pop(leader.ref, ()):
            self._refuse(held, code, reason)

    def _send(self, group: List[Any]) -> None:
        now_ns = self.store.clock.time_ns()
        records = []
        for order in group:
            parent = self._records.get(order.parent.ref) if order.parent is not None else None
            oco = self._records.get(order.oco.ref) if order.oco is not None else None
            request = request_of(
                order,
                self.store.clock.new_id(),
                symbol_of(order.data),
                self.expire_ns(order),
                now_ns,
                getattr(order.data, "time_ns", None) or num_to_ns(order.data.datetime[0]),
                parent_id=parent.client_order_id if parent is not None else None,
                oco_id=oco.client_order_id if oco is not None else None,
            )
            record = OrderRecord(request)
            self._tie(order, record)
            order.submit(self)
            if self.tells(order, None):
                self.notify(order)
            records.append(record)
        self.store.order_create(*records)

    def _tie(self, order: Any, record: OrderRecord) -> None:
        record.user = order
        self._records[order.ref] = record
        order.addinfo(
            client_order_id=record.client_order_id,
            venue_order_id=record.venue_order_id,
            reason=None,
            reason_code=None,
            denied_by=None,
        )

    def expire_ns(self, order: Any) -> Optional[int]:
        """Return when ``order`` expires; None for good till cancelled."""
        if order.p.valid is None:
            return None
        if order.valid == 0:
            # Documented as DAY, left at zero by backtrader.
            day = order.data.datetime.date()
            end = datetime.datetime.combine(day, datetime.time(23, 59, 59, 9999))
            return num_to_ns(order.data.date2num(end))
        return num_to_ns(float(order.valid))

    def cancel(self, order: Any, bracket: bool = False) -> bool:
        """Ask for the cancellation; return False when there is nothing to cancel."""
        for ref, held in self._held.items():
            if order in held:
                # Without its parent no other order of the group may be sent.
                gone = list(held) if order.ref == ref else [held[held.index(order)]]
                for one in gone:
                    held.remove(one)
                    one.cancel()
                    self.notify(one)
                if not held:
                    del self._held[ref]
                return True
        record = self._records.get(order.ref)
        if record is None or not record.live:
            return False
        order.addinfo(pending_cancel=True)
        self.store.order_cancel(record)
        if not self.store.clock.threaded:
            self.store.process_events()
        return True

    def modify(self, order: Any, **changes: Any) -> bool:
        """Ask for a change of size, price, plimit, trailamount or trailpercent.

        ``size`` is the new total, what has been filled included. Returns False when the
        order is finished. Raises `UsageError` for what cannot be changed, before anything
        is sent.
        """
        unknown = sorted(set(changes) - set(_CHANGES))
        if unknown or not changes:
            raise UsageError(f"modify({', '.join(unknown)}): expected some of {sorted(_CHANGES)}")
        problems = problems_of_values(
            changes.get("size", 1),
            changes.get("price"),
            changes.get("plimit"),
            changes.get("trailamount"),
            changes.get("trailpercent"),
            None,
            None,
        )
        if problems:
            raise UsageError("; ".join(problem.text for problem in problems))
        record = self._records.get(order.ref)
        if record is None or not record.live:
            return False
        renamed = {_CHANGES[name]: value for name, value in changes.items()}
        self.store.order_modify(record, **renamed)
        order.addinfo(pending_modify=True)
        if not self.store.clock.threaded:
            self.store.process_events()
        return True

    def orderstatus(self, order: Any) -> int:
        record = self._records.get(order.ref)
        return STATUS[record.state] if record is not None else int(order.status)

    def get_orders_open(self, safe: bool = False) -> List[Any]:
        """Return the orders that can still be executed; copies if ``safe``."""
        orders = [record.user for record in self.store.book.live() if record.user is not None]
        return [order.clone() for order in orders] if safe else orders

    # News in: what handlers have found out.

    def on_order(self, record: OrderRecord, event: OrderEvent) -> None:
        order = record.user
        if order is None:
            return
        self._describe(order, record)
        order.triggered = order.triggered or record.triggered
        if event is OrderEvent.TRIGGERED:
            return
        if event is OrderEvent.ACCEPTED:
            order.accept(self)
        elif event is OrderEvent.REJECTED:
            order.reject(self)
        elif event is OrderEvent.CANCELED:
            order.cancel()
        elif event is OrderEvent.MARGIN:
            order.margin()
        elif event is OrderEvent.EXPIRED:
            order.executed.dt = order.data.datetime[0] if len(order.data) else None
        elif event is OrderEvent.MODIFIED:
            self._show_changes(order, record)
        order.status = STATUS[record.state]
        if self.tells(order, event):
            self.notify(order)
        self._forget_finished(record)

    def tells(self, order: Any, event: Optional[OrderEvent]) -> bool:
        """Return whether a strategy hears of ``event``; None is that the order was sent."""
        return True

    def _describe(self, order: Any, record: OrderRecord) -> None:
        order.addinfo(
            venue_order_id=record.venue_order_id,
            in_flight=record.in_flight,
            outcome_unknown=record.outcome_unknown,
            pending_cancel=record.pending_cancel,
            pending_modify=record.pending_modify,
        )
        if record.reason is not None:
            order.addinfo(
                reason=record.reason, reason_code=record.reason_code, denied_by=record.denied_by
            )

    def _show_changes(self, order: Any, record: OrderRecord) -> None:
        request = record.request
        order.created.price = request.price
        if request.limit_price is not None:
            order.created.pricelimit = request.limit_price
        size = request.size * request.side.sign
        order.executed.remsize += size - order.created.size
        order.size = order.created.size = size

    def on_fill(self, record: OrderRecord, fill: FillReport) -> None:
        if fill.reconciled and not self._started:
            return  # The position that came with it counts it already.
        order = record.user
        size = fill.size * fill.side.sign
        position = self.positions[fill.symbol]
        before = position.price
        when = ns_to_num(fill.time_ns)
        psize, pprice, opened, closed = position.update(size, fill.price, bt.num2date(when))
        if order is None:
            return
        comminfo = self.getcommissioninfo(order.data)
        value_of = self._value_function(comminfo)
        closedcomm, openedcomm = self._split_commission(comminfo, fill, closed, opened)
        order.execute(
            when,
            size,
            fill.price,
            closed,
            value_of(-closed, before) if closed else 0.0,
            closedcomm,
            opened,
            value_of(opened, fill.price) if opened else 0.0,
            openedcomm,
            comminfo.margin,
            comminfo.profitandloss(-closed, before, fill.price),
            psize,
            pprice,
        )
        order.addcomminfo(comminfo)
        # Rounding, late fills and overfills: the core's own record knows better.
        order.status = STATUS[record.state]
        self._describe(order, record)
        if fill.reconciled:
            order.addinfo(reconciled=True)
        self.notify(order)
        self._forget_finished(record)

    def _value_function(self, comminfo: Any) -> Any:
        """Return how opened and closed values are computed."""
        return comminfo.getvaluesize

    def on_foreign_order(self, record: OrderRecord) -> None:
        for data in self.positions:
            if symbol_of(data) == record.request.symbol:
                self._adopt_order(data, record)
                return

    def on_foreign_fill(self, fill: FillReport) -> None:
        if fill.reconciled and not self._started:
            return  # The position that came with it counts it already.
        position = self.positions[fill.symbol]
        position.update(fill.size * fill.side.sign, fill.price)
        self.store.put_notification("foreign fill", fill)

    def on_position(self, report: PositionReport) -> None:
        # Once known, a position moves with its fills, or it would be counted twice.
        if report.reconciled and report.symbol not in self.positions.by_symbol and report.size:
            self.positions.by_symbol[report.symbol] = Position(report.size, report.price or 0.0)

    def on_account(self, report: AccountReport) -> None:
        """Balances are read from the store's cache."""

    def _forget_finished(self, record: OrderRecord) -> None:
        if record.state is OrderState.CREATED or record.live:
            return
        while len(self._records) > 2 * self.p.keep_orders:
            oldest = next(iter(self._records))
            if self._records[oldest].live:
                return
            del self._records[oldest]

    def _split_commission(
        self, comminfo: Any, fill: FillReport, closed: float, opened: float
    ) -> Any:
        """Return the commission of a fill as the closing and the opening part.

        The venue's figure counts. It is split as the scheme would; without a figure the
        scheme's own is taken.
        """
        closedcomm = comminfo.getcommission(closed, fill.price) if closed else 0.0
        openedcomm = comminfo.getcommission(opened, fill.price) if opened else 0.0
        total = fill.commission
        if total is None or total == closedcomm + openedcomm:
            return closedcomm, openedcomm
        share = abs(closed) / fill.size if closed else 0.0
        return total * share, total * (1 - share)
