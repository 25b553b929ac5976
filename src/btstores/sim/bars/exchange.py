"""A simulated venue that fills orders from bars exactly as backtrader's BackBroker does.

`BarExchange` knows no Cerebro and no threads. Whoever runs it calls `step` once in each engine
cycle, where upstream calls ``BackBroker.next()``, and shows it what each data holds.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Callable, Deque, Dict, Mapping, Optional, Sequence, Tuple

from backtrader.position import Position

from btstores.errors import ConfigError, VenueRefused
from btstores.feeds.times import ns_to_num
from btstores.reports import (
    AccountReport,
    FillReport,
    MassStatus,
    OrderEvent,
    OrderModification,
    OrderReport,
    OrderRequest,
    OrderType,
    PositionReport,
    Report,
    Side,
    to_record,
)
from btstores.sim.bars.book import BarBook
from btstores.sim.bars.ledger import BarLedger
from btstores.sim.bars.order import RULES, BarOptions, BarOrder, Execution, FillerOrder
from btstores.sim.bars.view import BarView
from btstores.sim.book.order import request_from

__all__ = ["BarExchange", "BarOptions", "BarView"]

#: A mass status tells of as many orders that ended, and of as many fills.
KEEP = 10_000

SNAPSHOT_VERSION = 1


class BarExchange:
    """One account and its orders, matched against bars as BackBroker matches them.

    For the same bars and requests its executions, cash, value and order news are BackBroker's,
    to the last digit, because the same operations run in the same order. ``comminfo`` returns
    backtrader's commission scheme for a symbol. ``options`` may be replaced at any time.

    A symbol stands for one data: where a strategy trades two datas of one instrument, give
    each its own symbol, as BackBroker keeps a position for each.

    Old bars. BackBroker tries every order in every cycle, against whatever bar its data shows.
    In a backtest that is the same bar again when only another, faster data moved: an order may
    fill on a bar that had closed before the order was made. Parity asks for the same, so with
    ``old_bars`` True (the default) every order is tried in each step in which at least one view
    is fresh. A step without any fresh view, an idle cycle of a live run, accepts new orders and
    matches nothing. With ``old_bars`` False an order is tried only when its own data has
    delivered, which keeps live bars that arrive one after the other from filling orders in
    hindsight; for one data, or datas that move together, both give the same.

    Every method runs on the caller's thread and reports to ``put`` before it returns.
    """

    def __init__(
        self,
        put: Callable[[Report], None],
        comminfo: Callable[[str], Any],
        cash: float = 10_000.0,
        account: str = "paper",
        currency: str = "USD",
        options: Optional[BarOptions] = None,
        old_bars: bool = True,
        fund_start: float = 100.0,
    ) -> None:
        self.account = account
        self.currency = currency
        self.old_bars = old_bars
        self.put = put
        self._ledger = BarLedger(comminfo, options or BarOptions(), cash, fund_start)
        self._book = BarBook(self._tell)
        self._views: Dict[str, BarView] = {}
        self._now_ns = 0
        self._order_count = 0
        self._fill_count = 0
        self._fills: Deque[FillReport] = deque(maxlen=KEEP)
        self._ended: Deque[OrderReport] = deque(maxlen=KEEP)

    # The account

    @property
    def options(self) -> BarOptions:
        """The parameters of BackBroker; give it another `BarOptions` to change them."""
        return self._ledger.options

    @options.setter
    def options(self, options: BarOptions) -> None:
        self._ledger.options = options

    @property
    def cash(self) -> float:
        """Return the cash as of the last step."""
        return self._ledger.cash

    @property
    def value(self) -> float:
        """Return the value of the account as of the last step."""
        return self._ledger.value

    @property
    def fund_value(self) -> float:
        """Return the value of one share, when the account is seen as a fund."""
        return self._ledger.fund_value

    @property
    def fund_shares(self) -> float:
        """Return the number of shares, when the account is seen as a fund."""
        return self._ledger.fund_shares

    def set_cash(self, amount: float) -> None:
        """Start over with ``amount`` as cash, value and fund; positions stay."""
        self._ledger.set_cash(amount)

    def deposit(self, amount: float) -> None:
        """Add cash, or take it when negative, at the end of the next step."""
        self._ledger.deposit(amount)

    def take_deposits(self) -> None:
        """Let deposits count now, as BackBroker does when asked for the value of some datas."""
        self._ledger.take_deposits()

    def position(self, symbol: str) -> Position:
        """Return the position, a ``backtrader.Position``; not to be changed.

        As BackBroker's ``getposition``, the first use of a symbol decides its place in the
        sums over all positions, which floats can tell.
        """
        return self._ledger.position(symbol)

    # Orders

    def submit(self, group: Sequence[OrderRequest]) -> None:
        """Take one order, or a bracket: the parent first, then its children.

        With ``checksubmit`` the order is checked against cash, and accepted, in the next step;
        without, it is accepted at once. A child whose parent is not open is rejected. Raises
        `VenueRefused`, and takes none, when a client order id is in use or an order without
        prices comes before any price of its symbol.
        """
        orders = [self._new(request) for request in group]
        for order in [order for order in orders if self._book.add(order)]:
            if self.options.checksubmit and order.request.extras.get("checksubmit", True):
                self._book.wait_for_check(order)
            else:
                self._book.accept(order)

    def cancel(self, client_order_id: str) -> None:
        """Cancel an accepted order, its OCO group and its bracket.

        As BackBroker, an order that waits for its check cannot be cancelled yet: like an order
        that is unknown or done, it is answered by CANCEL_REJECTED.
        """
        order = self._book.get(client_order_id)
        if order is None:
            self._refuse(OrderEvent.CANCEL_REJECTED, client_order_id, "NOT_OPEN", "it is not open")
        elif not self._book.cancel(order):
            reason = "it has not been accepted yet"
            self._refuse(OrderEvent.CANCEL_REJECTED, client_order_id, "TOO_EARLY", reason)

    def modify(self, modification: OrderModification) -> None:
        """Change a live order at once; answered by MODIFIED or MODIFY_REJECTED.

        BackBroker has no such call; the effect is that of writing to ``order.created``. A new
        ``price`` of a trailing stop is where the stop stands now, a new ``limit_price`` where
        its limit stands; both keep that distance from then on. A new trail counts from the
        next bar. Cash is checked when the order is executed.
        """
        id_, terms = modification.client_order_id, modification._asdict()
        new = {n: v for n, v in terms.items() if v is not None and not n.endswith("order_id")}
        order = self._book.get(id_)
        if order is None:
            self._refuse(OrderEvent.MODIFY_REJECTED, id_, "NOT_OPEN", "it is not open")
            return
        problem = order.problem(new)
        if problem is not None:
            self._refuse(OrderEvent.MODIFY_REJECTED, id_, *problem)
        else:
            order.change(new)
            self.put(order.report(OrderEvent.MODIFIED, self._time_of(order)))

    def mass_status(self, since_ns: Optional[int] = None) -> MassStatus:
        """Return live orders, what ended and was filled since ``since_ns``, and balances."""
        since = since_ns or 0
        ended = [report for report in self._ended if report.time_ns >= since]
        live = [
            order.report(OrderEvent.ACCEPTED, self._time_of(order), request=order.request)
            for order in self._book
        ]
        return MassStatus(
            self._now_ns,
            orders=tuple(ended + live),
            fills=tuple(fill for fill in self._fills if fill.time_ns >= since),
            positions=tuple(self._position_report(symbol) for symbol in self._ledger.held()),
            accounts=(self._account_report(),),
        )

    def trailing_stops(self) -> Dict[str, Tuple[float, float]]:
        """Return stop and limit of each live trailing order, by client order id, as of now."""
        return {order.id: (order.price, order.limit) for order in self._book if order.trails}

    # One engine cycle

    def step(self, views: Mapping[str, BarView]) -> None:
        """Do what BackBroker does in ``next()``, with what each data shows now.

        Reports order news and fills in upstream's order, then what changed of positions, then
        the account. Data without a bar yet has no view.
        """
        self._views.update(views)
        self._now_ns = max([self._now_ns, *(view.time_ns for view in views.values())])
        self._book.wake()
        if self.options.checksubmit:
            self._check_submitted()
        fresh = {symbol for symbol, view in views.items() if view.fresh}
        if not fresh:
            return
        self._ledger.charge_interest(self._views)
        moved: Dict[str, None] = {}
        for order in self._book.round():
            view = self._views.get(order.request.symbol)
            if view is None:
                continue
            if order.expired(view.days):
                self._book.end(order, OrderEvent.EXPIRED)
            elif order.active and (self.old_bars or order.request.symbol in fresh):
                self._try(order, view, moved)
        self._ledger.settle(self._views)
        self._ledger.work_out_value(self._views)
        for symbol in moved:
            self.put(self._position_report(symbol))
        self.put(self._account_report())

    def _check_submitted(self) -> None:
        """Accept the orders that the cash is enough for, one after the other."""
        cash = self.cash
        positions: Dict[str, Position] = {}
        for order in self._book.submitted():
            symbol = order.request.symbol
            if symbol not in positions:
                positions[symbol] = self.position(symbol).clone()
            view = self._views.get(symbol)
            price = order.price
            if self.options.coo and order.kind is OrderType.MARKET and view is not None:
                price = view.bar_open
            held = self._held(order)
            cash = self._ledger.after(order, held, cash, positions[symbol], price)
            if cash >= 0.0:
                self._book.accept(order)
            else:
                self._book.end(order, OrderEvent.MARGIN, "not enough cash")

    def _try(self, order: BarOrder, view: BarView, moved: Dict[str, None]) -> None:
        trails = order.trails and not order.triggered
        execution = RULES[order.kind](order, view, self.options)
        if execution is not None:
            self._execute(order, view, execution, moved)
        if trails and order.live:
            order.trail(view.close)

    def _execute(
        self, order: BarOrder, view: BarView, execution: Execution, moved: Dict[str, None]
    ) -> None:
        size = order.remaining
        if self.options.filler is not None:
            filler_order = FillerOrder(order, view.data)
            size = self.options.filler(filler_order, execution.price, execution.ago)
            size *= order.request.side.sign
        held = self._held(order)
        held_view = self._views[held]
        trade = self._ledger.trade(order, held, size, execution.price, held_view.when)
        if trade.size:
            moved[held] = None
            order.fill(trade.size)
            time_ns = execution.time_ns(order, held_view)
            self._tell_fill(order, trade.size, execution.price, time_ns, trade.commission)
            self._book.fire_oco(order)
        if trade.refused:
            self._book.end(order, OrderEvent.MARGIN, "not enough cash")

    def _new(self, request: OrderRequest) -> BarOrder:
        if self._book.get(request.client_order_id) is not None:
            raise VenueRefused(f"order id {request.client_order_id} is in use", "DUPLICATE")
        view = self._views.get(request.symbol)
        reference = request.reference_price
        if reference is None:
            reference = request.price or request.limit_price if view is None else view.bar_close
        if reference is None:
            raise VenueRefused(f"{request.symbol} has no price yet", "NO_PRICE")
        if request.bar_time_ns is not None:
            created = ns_to_num(request.bar_time_ns)
        else:
            created = 0.0 if view is None else view.days
        self._order_count += 1
        return BarOrder.of(request, f"{self.account}-o{self._order_count}", created, reference)

    def _held(self, order: BarOrder) -> str:
        """Return the symbol whose position the order changes."""
        view = self._views.get(order.request.symbol)
        return (view and view.compensates) or order.request.symbol

    def _time_of(self, order: BarOrder) -> int:
        view = self._views.get(order.request.symbol)
        return max(self._now_ns, order.request.time_ns) if view is None else view.time_ns

    # Reports

    def _tell(self, order: BarOrder, event: OrderEvent, reason: Optional[str]) -> None:
        report = order.report(event, self._time_of(order), reason=reason)
        if event is OrderEvent.CANCELED and reason is not None:
            report = report._replace(reason_code="RELATED")
        if not order.live:
            self._ended.append(report._replace(request=order.request))
        self.put(report)

    def _refuse(self, event: OrderEvent, id_: str, code: str, why: str) -> None:
        reason = f"order {id_}: {why}"
        self.put(OrderReport(event, self._now_ns, id_, reason=reason, reason_code=code))

    def _tell_fill(
        self, order: BarOrder, size: float, price: float, time_ns: int, commission: float
    ) -> None:
        self._fill_count += 1
        fill = FillReport(
            f"{self.account}-{self._fill_count}",
            order.request.symbol,
            order.request.side,
            abs(size),
            price,
            time_ns,
            client_order_id=order.id,
            venue_order_id=order.venue_id,
            commission=commission,
            commission_currency=self.currency,
        )
        self._fills.append(fill)
        self.put(fill)

    def _position_report(self, symbol: str) -> PositionReport:
        position, view = self.position(symbol), self._views.get(symbol)
        return PositionReport(
            symbol,
            position.size,
            position.price if position else None,
            self._now_ns if view is None else view.time_ns,
            market_price=None if view is None else view.bar_close,
        )

    def _account_report(self) -> AccountReport:
        return AccountReport(self.account, self.currency, self.cash, self.value, self._now_ns)

    # Over a restart

    def snapshot(self) -> Dict[str, Any]:
        """Return all that `restore` needs as plain JSON values; not in the middle of a step."""
        return {
            "version": SNAPSHOT_VERSION,
            "account": self.account,
            "now_ns": self._now_ns,
            "order_count": self._order_count,
            "fill_count": self._fill_count,
            "ledger": self._ledger.to_dict(),
            "book": self._book.to_dict(),
            "fills": [to_record(fill) for fill in self._fills],
            "ended": [to_record(report) for report in self._ended],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `snapshot` returned; options and commission schemes stay as they are.

        Raises `ConfigError` for a snapshot of another version or account.
        """
        for field, expected in (("version", SNAPSHOT_VERSION), ("account", self.account)):
            if state.get(field) != expected:
                raise ConfigError.of(f"snapshot {field}", state.get(field), repr(expected))
        self._ledger.load(state["ledger"])
        self._book.load(state["book"])
        self._now_ns = state["now_ns"]
        self._order_count, self._fill_count = state["order_count"], state["fill_count"]
        self._fills = deque((_fill_from(record) for record in state["fills"]), maxlen=KEEP)
        self._ended = deque((_report_from(record) for record in state["ended"]), maxlen=KEEP)


def _fill_from(record: Mapping[str, Any]) -> FillReport:
    return FillReport(**dict(record, side=Side(record["side"])))


def _report_from(record: Mapping[str, Any]) -> OrderReport:
    values = dict(record, event=OrderEvent(record["event"]))
    if "request" in values:
        values["request"] = request_from(values["request"])
    return OrderReport(**values)
