"""StoreBroker: backtrader's broker on top of a store.

It turns backtrader's orders into requests, and what the handlers find out into changes of
those orders, positions and notifications. It runs on Cerebro's thread alone.
"""

from __future__ import annotations

from typing import Any, Collection, List, Optional, Union

import backtrader as bt
from backtrader.position import Position

from btstores.brokers.adopted import order_of_position, order_of_record, order_of_trade
from btstores.brokers.comminfo import StoreCommInfo
from btstores.brokers.convert import STATUS
from btstores.brokers.entry import OrderEntry
from btstores.brokers.foreign import ForeignPositions
from btstores.brokers.positions import symbol_of
from btstores.feeds.cycle import Cycle
from btstores.feeds.times import ns_to_num
from btstores.handlers.base import Listener
from btstores.journal.state import Holding
from btstores.orders.book import OrderRecord
from btstores.orders.lifecycle import OrderState
from btstores.reports import AccountReport, FillReport, OrderEvent, PositionReport
from btstores.stores.base import BaseStore

__all__ = ["StoreBroker", "StoreCommInfo"]


class StoreBroker(OrderEntry, Listener):
    """The broker of one account. Made by `BaseStore.getbroker`.

    Orders are refused while the feed they are made on shows its history, so that a strategy
    may run unchanged over it; ``trade_history`` True sends them all the same.
    ``claim_foreign`` True counts what others trade on the account as the strategy's own.
    ``keep_orders`` bounds what backtrader's strategies remember of finished orders and
    trades, which is 4 kB each and for ever otherwise.
    """

    params: Any = (("keep_orders", 1000), ("trade_history", False), ("claim_foreign", False))

    def __init__(self, store: BaseStore, **kwargs: Any) -> None:
        super().__init__(store, **kwargs)
        self.foreign = ForeignPositions()
        self._adopted: List[str] = []
        self._started = False
        store.set_listener(self)
        store.desk.holdings = self

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
        self.foreign.clear()
        self._adopted.clear()
        for record in self.store.book.live():
            record.foreign, record.user = record.journal_seq is None, None

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
        # Of an earlier run also those that have ended meanwhile.
        for record in [*self.store.recovery.alive, *self.store.book.live()]:
            if record.user is None and record.request.symbol == symbol:
                self._adopt_order(data, record, claimed=True, at_start=True)

    def _adopt_order(
        self, data: Any, record: OrderRecord, claimed: bool, at_start: bool = False
    ) -> None:
        record.claimed = claimed
        order = order_of_record(data, record, self)
        self._tie(order, record)
        order.addinfo(**record.request.extras)
        order.addinfo(reconciled=at_start, foreign=record.foreign)
        self._describe(order, record)
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

    def orderstatus(self, order: Any) -> int:
        record = self._records.get(order.ref)
        return STATUS[record.state] if record is not None else int(order.status)

    def get_orders_open(self, safe: bool = False) -> List[Any]:
        """Return the orders that can still be executed; copies if ``safe``."""
        orders = [record.user for record in self.store.book.live() if record.user is not None]
        return [order.clone() for order in orders] if safe else orders

    # News in: what handlers have found out.

    def on_submitted(self, record: OrderRecord) -> None:
        order = record.user
        if order is None:
            return
        if record.rounded:
            order.addinfo(rounded=dict(record.rounded))
            self._show_changes(order, record)
        if self.tells(order, None):
            self.notify(order)

    def on_order(self, record: OrderRecord, event: OrderEvent) -> None:
        order = record.user
        if order is None:
            return
        self._describe(order, record)
        order.triggered = order.triggered or record.triggered
        if event is OrderEvent.TRIGGERED:
            if record.emulated:
                self._show_changes(order, record)  # where a trailing stop was
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
            emulated=record.emulated,
        )
        order.addinfo(
            reason=record.reason,
            reason_code=record.reason_code,
            denied_by=record.denied_by,
            problems=record.problems,
        )
        if record.rounded:
            order.addinfo(rounded=dict(record.rounded))

    def _show_changes(self, order: Any, record: OrderRecord) -> None:
        request = record.request
        order.created.price = request.price
        if request.limit_price is not None:
            order.created.pricelimit = request.limit_price
        size = request.size * request.side.sign
        order.executed.remsize += size - order.created.size
        order.size = order.created.size = size

    def on_fill(self, record: OrderRecord, fill: FillReport) -> None:
        if self._is_in_position(fill):
            return
        order = record.user
        foreign = record.foreign and not record.claimed
        if order is None:
            self._foreign_trade(fill) if foreign else self._trade(fill)
            return
        if record.request.size != abs(order.created.size):
            self._show_changes(order, record)  # the word of it is still on its way
        self._execute(order, fill, foreign)
        # Rounding, late fills and overfills: the core's own record knows better.
        order.status = STATUS[record.state]
        self._describe(order, record)
        if fill.reconciled:
            order.addinfo(reconciled=True)
        self.notify(order)
        if foreign:
            self._foreign_trade(fill)
        self._forget_finished(record)

    def _is_in_position(self, fill: FillReport) -> bool:
        """Return whether the position that comes with a fill counts it already."""
        if fill.reconciled and not self._started:
            return True
        self.store.recorder.holding_changed(fill.symbol)
        return False

    def _execute(self, order: Any, fill: FillReport, foreign: bool) -> None:
        """Add an execution to an order, and to the position unless it is another's."""
        size, when = fill.size * fill.side.sign, ns_to_num(fill.time_ns)
        position = self.positions[fill.symbol]
        before, psize, pprice, opened, closed = position.price, position.size, position.price, 0, 0
        if not foreign:
            psize, pprice, opened, closed = self._trade(fill)
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

    def _trade(self, fill: FillReport) -> Any:
        size, when = fill.size * fill.side.sign, bt.num2date(ns_to_num(fill.time_ns))
        return self.positions[fill.symbol].update(size, fill.price, when)

    def _value_function(self, comminfo: Any) -> Any:
        """Return how opened and closed values are computed."""
        return comminfo.getvaluesize

    # What others trade on the account.

    def account_size(self, symbol: str) -> float:
        """Return what the account holds of a symbol, others' part included; signed."""
        return float(self.positions[symbol].size) + self.foreign.size(symbol)

    def division(self, symbol: str) -> Holding:
        """Return the strategies' own part of a position, and that of others."""
        own = self.positions.by_symbol.get(symbol, Position())
        return Holding(float(own.size), float(own.price), self.foreign.size(symbol))

    def held_symbols(self) -> Collection[str]:
        """Return the symbols of which something is or was held."""
        return self.positions.by_symbol.keys() | self.foreign.symbols()

    def take_difference(self, symbol: str, size: float, own: bool) -> None:
        """Count a signed size that no fill explains, as the strategies' ``own`` or as others'."""
        told = self.store.get_positions().get(symbol)
        price = (told.market_price or told.price) if told is not None else None
        (self._change_own if own else self._count_foreign)(
            symbol, size, price or self.positions[symbol].price
        )

    def account_position(self, data: Any) -> Position:
        """Return what the account holds of a feed's instrument, others' part included."""
        symbol, position = symbol_of(data), self.positions[data].clone()
        told = self.store.get_positions().get(symbol)
        if not position.size and told is not None:
            position.price = told.price or 0.0
        position.size = self.account_size(symbol)
        return position

    def claim(self, order: Union[Any, str], strategy: Any = None) -> bool:
        """Make an order of somebody else the strategy's own, with what is filled of it.

        ``order`` is one that ``notify_order`` has told with ``info.foreign``, or its client or
        venue id. Returns False when there is no such order, or nothing to claim.
        """
        if isinstance(order, str):
            record = self.store.book.find(order, order)
        else:
            record = self._records.get(order.ref)
        if record is None or not record.foreign or record.claimed:
            return False
        record.claimed = True
        if record.user is not None and strategy is not None:
            record.user.p.owner = strategy
        signed = record.filled * record.request.side.sign
        theirs = self.foreign.size(record.request.symbol)
        if signed * theirs > 0:
            paid = [fill.size * fill.price for fill in record.fills]
            price = sum(paid) / record.filled if paid else record.request.price
            moved = signed if abs(signed) <= abs(theirs) else theirs
            self._take_over(record.request.symbol, moved, price or 0.0)
        return True

    def claim_position(self, data: Any) -> float:
        """Make what others hold of a feed's instrument the strategy's own; return its size."""
        symbol = symbol_of(data)
        theirs = self.foreign.size(symbol)
        if theirs:
            told = self.store.get_positions().get(symbol)
            price = told.price if told is not None else None
            self._take_over(symbol, theirs, price or data.close[0])
        return theirs

    def _take_over(self, symbol: str, size: float, price: float) -> None:
        self.foreign.add(symbol, -size)
        self._change_own(symbol, size, price)

    def _change_own(self, symbol: str, size: float, price: float) -> None:
        """Change our own part without an order of ours, and let the trades follow."""
        self.store.recorder.holding_changed(symbol)
        position = self.positions[symbol]
        before = position.price
        psize, pprice, opened, closed = position.update(size, price)
        data = self.positions.datas.get(symbol)
        if data is not None:
            comminfo = self.getcommissioninfo(data)
            pnl = comminfo.profitandloss(-closed, before, price)
            self.notify(
                order_of_trade(data, size, price, comminfo, opened, closed, pnl, psize, pprice)
            )

    def _foreign_trade(self, fill: FillReport) -> None:
        self._count_foreign(fill.symbol, fill.size * fill.side.sign, fill.price)

    def _count_foreign(self, symbol: str, size: float, price: float) -> None:
        if self.p.claim_foreign:
            self._change_own(symbol, size, price)
            return
        self.store.recorder.holding_changed(symbol)
        split = self.foreign.trade(symbol, size, self.positions[symbol].size)
        if split.own:
            self._change_own(symbol, split.own, price)

    def on_foreign_order(self, record: OrderRecord) -> None:
        data = self.positions.datas.get(record.request.symbol)
        if data is not None:
            self._adopt_order(data, record, claimed=self.p.claim_foreign)

    def on_foreign_fill(self, fill: FillReport) -> None:
        if self._is_in_position(fill):
            return
        self._foreign_trade(fill)
        self.store.put_notification("foreign fill", fill)

    def on_position(self, report: PositionReport) -> None:
        # Later it moves with its fills, or it would be counted twice.
        symbol = report.symbol
        if self._started or not report.reconciled:
            return
        if report.size and symbol not in self.positions.by_symbol:
            share = self.store.recovery.share(report)
            self.positions.by_symbol[symbol] = Position(share.own, share.price)
            self.foreign.add(symbol, share.foreign)
            self.store.recorder.holding_changed(symbol)

    def on_account(self, report: AccountReport) -> None:
        """Balances are read from the store's cache."""

    def _forget_finished(self, record: OrderRecord) -> None:
        if record.state is OrderState.CREATED or record.live:
            return
        if len(self._records) > 2 * self.p.keep_orders:
            over = [ref for ref, known in self._records.items() if not known.live]
            for ref in over[: -self.p.keep_orders]:
                del self._records[ref]

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
