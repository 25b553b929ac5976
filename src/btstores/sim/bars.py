"""A simulated venue that fills orders from bars exactly as backtrader's BackBroker does.

`BarExchange` knows no Cerebro and no threads. Whoever runs it calls `step` once in each engine
cycle, where upstream calls ``BackBroker.next()``, and shows it what each data holds.
"""

from __future__ import annotations

import datetime
from collections import deque
from typing import Any, Callable, Deque, Dict, List, Mapping, NamedTuple, Optional, Sequence

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
from btstores.sim.barorder import RULES, BarOptions, BarOrder, Execution, State
from btstores.sim.barview import BarView, stamp_of
from btstores.sim.order import UNUSED, request_from

__all__ = ["BarExchange", "BarOptions", "BarView"]

#: As many finished orders, and fills, does a mass status still tell of.
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
        self.options = options or BarOptions()
        self.old_bars = old_bars
        self._put = put
        self._comminfo = comminfo
        self._views: Dict[str, BarView] = {}
        self._now_ns = 0

        self._orders: Dict[str, BarOrder] = {}  # all that live, by client id
        self._submitted: Deque[BarOrder] = deque()  # wait for the check against cash
        self._queue: List[BarOrder] = []  # accepted
        self._untried: Deque[BarOrder] = deque()  # accepted, to be tried in this step
        self._waking: List[BarOrder] = []  # children that become active in the next step
        self._brackets: Dict[str, List[str]] = {}  # parent's id -> ids of parent and children
        self._oco_groups: Dict[str, List[str]] = {}  # leader's id -> ids
        self._oco_leaders: Dict[str, str] = {}  # id -> leader's id, when that is another

        self._positions: Dict[str, Position] = {}
        self._moved: Dict[str, None] = {}  # symbols traded in this step, in order
        self._interest: Dict[str, float] = {}
        self._deposits: List[float] = []
        self._fund_start = fund_start
        self.set_cash(cash)

        self._order_count = 0
        self._fill_count = 0
        self._fills: Deque[FillReport] = deque(maxlen=KEEP)
        self._ended: Deque[OrderReport] = deque(maxlen=KEEP)

    # The account

    def set_cash(self, amount: float) -> None:
        """Start over with ``amount`` as cash, value and fund; positions stay."""
        self.cash = self.value = amount
        self.fund_value = self._fund_start
        self.fund_shares = amount / self.fund_value

    def deposit(self, amount: float) -> None:
        """Add cash, or take it when negative, when the value is next worked out."""
        self._deposits.append(amount)

    def position(self, symbol: str) -> Position:
        """Return the position, a ``backtrader.Position``; not to be changed.

        As BackBroker's ``getposition``, the first use of a symbol decides its place in the
        sums over all positions, which floats can tell.
        """
        position = self._positions.get(symbol)
        if position is None:
            position = self._positions[symbol] = Position()
        return position

    # Orders

    def submit(self, group: Sequence[OrderRequest]) -> None:
        """Take one order, or a bracket: the parent first, then its children.

        With ``checksubmit`` the order is checked against cash, and accepted, in the next step;
        without, it is accepted at once. A child whose parent is not open is rejected. Raises
        `VenueRefused`, and takes none, when a client order id is in use or an order without
        prices comes before any price of its symbol.
        """
        taken = []
        for order in [self._new(request) for request in group]:
            self._orders[order.id] = order
            self._join_oco(order)
            if order.request.parent_id is None:
                self._brackets[order.id] = []
            if self._rejects_child(order):
                continue
            self._brackets[order.bracket_id].append(order.id)
            taken.append(order)
        for order in taken:
            if self.options.checksubmit and order.request.extras.get("checksubmit", True):
                self._submitted.append(order)
            else:
                self._accept(order)

    def cancel(self, client_order_id: str) -> None:
        """Cancel an accepted order, its OCO group and its bracket.

        As BackBroker, an order that waits for its check cannot be cancelled yet: like an order
        that is unknown or done, it is answered by CANCEL_REJECTED.
        """
        order = self._orders.get(client_order_id)
        if order is None or not self._cancel(order):
            reason = "it is not open" if order is None else "it has not been accepted yet"
            self._put(
                OrderReport(
                    OrderEvent.CANCEL_REJECTED,
                    self._now_ns,
                    client_order_id,
                    reason=f"order {client_order_id}: {reason}",
                    reason_code="NOT_OPEN" if order is None else "TOO_EARLY",
                )
            )

    def modify(self, modification: OrderModification) -> None:
        """Change a live order at once; answered by MODIFIED or MODIFY_REJECTED.

        BackBroker has no such call; the effect is that of writing to ``order.created``. A new
        ``price`` of a trailing stop is where the stop stands now, a new ``limit_price`` where
        its limit stands, and both keep their distance from then on. A new trail counts from the
        next bar. Cash is checked when the order is executed.
        """
        order = self._orders.get(modification.client_order_id)
        new = {name: value for name, value in modification._asdict().items() if value is not None}
        del new["client_order_id"]
        new.pop("venue_order_id", None)
        problem = _modify_problem(order, new)
        if order is None or problem is not None:
            self._put(
                OrderReport(
                    OrderEvent.MODIFY_REJECTED,
                    self._now_ns,
                    modification.client_order_id,
                    reason=f"order {modification.client_order_id}: {problem}",
                    reason_code="NOT_OPEN" if order is None else "NOT_APPLICABLE",
                )
            )
            return
        if "trail_percent" in new and "trail_amount" not in new:
            new["trail_amount"] = None
        if "size" in new:
            order.remaining += order.request.side.sign * (new["size"] - order.request.size)
        order.request = order.request._replace(**new)
        order.price = new.get("price", order.price)
        order.limit = new.get("limit_price", order.limit)
        if order.trails and "limit_price" in new:
            order.limit_offset = order.price - order.limit
        self._put(order.report(OrderEvent.MODIFIED, self._time_of(order)))

    def mass_status(self, since_ns: Optional[int] = None) -> MassStatus:
        """Return live orders, those ended and the fills made since ``since_ns``, and balances."""
        live = [
            order.report(OrderEvent.ACCEPTED, self._time_of(order), request=order.request)
            for order in self._orders.values()
        ]
        since = since_ns or 0
        return MassStatus(
            self._now_ns,
            orders=tuple(r for r in self._ended if r.time_ns >= since) + tuple(live),
            fills=tuple(fill for fill in self._fills if fill.time_ns >= since),
            positions=tuple(self._position_report(s) for s, p in self._positions.items() if p),
            accounts=(self._account_report(),),
        )

    # One engine cycle

    def step(self, views: Mapping[str, BarView]) -> None:
        """Do what BackBroker does in ``next()``, with what each data shows now.

        Reports order news and fills in upstream's order, then the positions that changed and
        the account. Data without a bar yet has no view.
        """
        self._views.update(views)
        if views:
            self._now_ns = max(self._now_ns, max(view.time_ns for view in views.values()))
        for order in self._waking:
            order.active = True
        self._waking.clear()
        if self.options.checksubmit:
            self._check_submitted()
        if not any(view.fresh for view in views.values()):
            return
        self._charge_interest()
        self._match(views)
        self._settle()
        self._work_out_value()
        for symbol in self._moved:
            self._put(self._position_report(symbol))
        self._moved.clear()
        self._put(self._account_report())

    def _check_submitted(self) -> None:
        cash = self.cash
        positions: Dict[str, Position] = {}
        while self._submitted:
            order = self._submitted.popleft()
            if self._rejects_child(order):
                continue
            symbol = order.request.symbol
            if symbol not in positions:
                positions[symbol] = self.position(symbol).clone()
            cash = self._cash_after(order, cash, positions[symbol])
            if cash >= 0.0:
                self._accept(order)
            else:
                self._end(order, OrderEvent.MARGIN, reason="not enough cash")

    def _cash_after(self, order: BarOrder, cash: float, position: Position) -> float:
        """Execute at the order's own price on ``position`` only; return the cash it leaves."""
        price = order.price
        view = self._views.get(order.request.symbol)
        if self.options.coo and order.kind is OrderType.MARKET and view is not None:
            price = view.bar_open
        info = self._comminfo(order.request.symbol)
        _, _, opened, closed = position.update(order.remaining, price)
        if closed:
            cash += self._proceeds(info, closed, price)
            cash -= info.getcommission(closed, price)
        if opened:
            cash -= self._cost(info, opened, price)
            cash -= self._comminfo(self._held(order)).getcommission(opened, price)
        return cash

    def _charge_interest(self) -> None:
        total = 0.0
        for symbol, position in self._positions.items():
            view = self._views.get(symbol)
            if position and view is not None:
                info = self._comminfo(symbol)
                interest = info.get_credit_interest(view.data, position, view.when)
                self._interest[symbol] = self._interest.get(symbol, 0.0) + interest
                total += interest
                position.datetime = view.when
        self.cash -= total

    def _match(self, views: Mapping[str, BarView]) -> None:
        self._untried, self._queue = deque(self._queue), []
        while self._untried:
            order = self._untried.popleft()
            view = self._views.get(order.request.symbol)
            if view is not None and order.expired(view.days):
                self._end(order, OrderEvent.EXPIRED)
                continue
            if view is not None and order.active and self._may_try(order, views):
                self._try(order, view)
            if order.live:
                self._queue.append(order)
            elif order.state is State.FILLED:
                self._forget(order)
                self._filled_in_bracket(order)

    def _may_try(self, order: BarOrder, views: Mapping[str, BarView]) -> bool:
        if self.old_bars:
            return True
        view = views.get(order.request.symbol)
        return view is not None and view.fresh

    def _try(self, order: BarOrder, view: BarView) -> None:
        trails = order.trails and not order.triggered
        execution = RULES[order.kind](order, view, self.options)
        if execution is not None:
            self._execute(order, view, execution)
        if trails and order.live:
            order.trail(view.close)

    def _execute(self, order: BarOrder, view: BarView, execution: Execution) -> None:
        price = execution.price
        size = self._executable(order, view, execution)
        held = self._held(order)
        held_view = self._views[held]
        position = self.position(held)
        info = self._comminfo(order.request.symbol)
        old_price = position.price
        new_size, _, opened, closed = position.pseudoupdate(size, price)
        pnl = info.profitandloss(-closed, old_price, price)
        cash = self.cash
        closed_commission = opened_commission = 0.0
        if closed:
            cash += self._proceeds(info, closed, old_price, pnl)
            closed_commission = info.getcommission(closed, price)
            cash -= closed_commission
            cash += info.cashadjust(-closed, position.adjbase, price)
            self.cash = cash
        refused = False
        if opened:
            cash -= self._cost(info, opened, price)
            opened_commission = self._comminfo(held).getcommission(opened, price)
            cash -= opened_commission
            if cash < 0.0:
                refused, opened, opened_commission = True, 0, 0.0
            else:
                if abs(new_size) > abs(opened):
                    # Bring what was held before to this price, the common base from now on.
                    cash += info.cashadjust(new_size - opened, position.adjbase, price)
                position.adjbase = price
                self.cash = cash
        executed = closed + opened
        if executed:
            info.confirmexec(executed, price)
            position.update(executed, price, held_view.when)
            self._moved[held] = None
            if closed and self.options.int2pnl:
                closed_commission += self._interest.pop(held, 0.0)
            order.fill(executed)
            time_ns = _execution_time(order, held_view, execution)
            self._report_fill(
                order, executed, price, time_ns, closed_commission + opened_commission
            )
            self._fire_oco(order)
        if refused:
            self._end(order, OrderEvent.MARGIN, reason="not enough cash")

    def _executable(self, order: BarOrder, view: BarView, execution: Execution) -> float:
        if self.options.filler is None:
            return order.remaining
        size = self.options.filler(_FillerOrder(order, view), execution.price, execution.ago)
        return order.request.side.sign * size

    def _proceeds(self, info: Any, closed: float, price: float, pnl: float = 0) -> float:
        """Return what closing brings, before commission."""
        if self.options.shortcash:
            value: float = info.getvaluesize(-closed, price)
        else:
            value = info.getoperationcost(closed, price)
        cash: float = _unlevered(info, value) + pnl * info.stocklike
        return cash

    def _cost(self, info: Any, opened: float, price: float) -> float:
        """Return what opening takes, before commission."""
        if self.options.shortcash:
            return _unlevered(info, info.getvaluesize(opened, price))
        return _unlevered(info, info.getoperationcost(opened, price))

    def _settle(self) -> None:
        """Pay futures their gain since the last settlement."""
        for symbol, position in self._positions.items():
            view = self._views.get(symbol)
            if position and view is not None:
                info = self._comminfo(symbol)
                self.cash += info.cashadjust(position.size, position.adjbase, view.bar_close)
                position.adjbase = view.bar_close

    def _work_out_value(self) -> None:
        for amount in self._deposits:
            self.fund_shares += amount / self.fund_value
            self.cash += amount
        self._deposits.clear()
        total = 0.0
        for symbol, position in self._positions.items():
            view = self._views.get(symbol)
            if view is None and not position:
                continue
            # Without a view, after a restart, the last settlement's price stands.
            price = position.adjbase if view is None else view.bar_close
            info = self._comminfo(symbol)
            if self.options.shortcash:
                value = info.getvaluesize(position.size, price)
            else:
                value = abs(info.getvalue(position, price))
            gain = info.profitandloss(position.size, position.price, price)
            if value > 0:
                total += (value - gain) / info.get_leverage()
                total += gain
            else:
                total += value
        self.value = self.cash + total
        if self.fund_shares:
            self.fund_value = self.value / self.fund_shares

    # The life of an order

    def _new(self, request: OrderRequest) -> BarOrder:
        if request.client_order_id in self._orders:
            raise VenueRefused(f"order id {request.client_order_id} is in use", "DUPLICATE")
        view = self._views.get(request.symbol)
        reference = request.reference_price
        if reference is None and view is not None:
            reference = view.bar_close
        if reference is None:
            reference = request.price or request.limit_price
        if reference is None:
            raise VenueRefused(f"{request.symbol} has no price yet", "NO_PRICE")
        if request.bar_time_ns is not None:
            created = ns_to_num(request.bar_time_ns)
        else:
            created = 0.0 if view is None else view.days
        self._order_count += 1
        return BarOrder.of(request, f"{self.account}-o{self._order_count}", created, reference)

    def _rejects_child(self, order: BarOrder) -> bool:
        if order.bracket_id in self._brackets:
            return False
        self._forget(order)
        order.state = State.ENDED
        self._tell_end(order, OrderEvent.REJECTED, "its parent is not open")
        return True

    def _accept(self, order: BarOrder) -> None:
        if order.request.parent_id is not None and order.request.parent_id not in self._orders:
            order.active = True  # joins a bracket whose parent has been filled
        order.annotated = None
        self._queue.append(order)
        self._put(order.report(OrderEvent.ACCEPTED, self._time_of(order)))

    def _cancel(self, order: BarOrder, with_bracket: bool = True) -> bool:
        """Cancel an accepted order; return False when it is not one."""
        for orders in (self._untried, self._queue):
            if order in orders:
                orders.remove(order)
                self._end(order, OrderEvent.CANCELED, with_bracket)
                return True
        return False

    def _end(
        self,
        order: BarOrder,
        event: OrderEvent,
        with_bracket: bool = True,
        reason: Optional[str] = None,
    ) -> None:
        self._forget(order)
        order.state = State.ENDED
        self._tell_end(order, event, reason)
        self._fire_oco(order)
        if with_bracket:
            self._drop_bracket(order)

    def _tell_end(self, order: BarOrder, event: OrderEvent, reason: Optional[str] = None) -> None:
        report = order.report(event, self._time_of(order), reason=reason)
        self._ended.append(report._replace(request=order.request))
        self._put(report)

    def _forget(self, order: BarOrder) -> None:
        self._orders.pop(order.id, None)

    def _filled_in_bracket(self, order: BarOrder) -> None:
        if order.request.parent_id is not None:
            self._drop_bracket(order)
            return
        children = self._brackets[order.id]
        children.remove(order.id)
        self._waking += [self._orders[child] for child in children if child in self._orders]
        if not children:
            del self._brackets[order.id]

    def _drop_bracket(self, order: BarOrder) -> None:
        for other in self._brackets.pop(order.bracket_id, ()):
            if other in self._orders:
                self._cancel(self._orders[other], with_bracket=False)

    def _join_oco(self, order: BarOrder) -> None:
        other = order.request.oco_id or order.id
        leader = self._oco_leaders.get(other, other)
        if leader != order.id:
            self._oco_leaders[order.id] = leader
        self._oco_groups.setdefault(leader, []).append(order.id)

    def _fire_oco(self, order: BarOrder) -> None:
        """Cancel the rest of the group, which any news but acceptance does once."""
        group = self._oco_groups.pop(self._oco_leaders.get(order.id, order.id), ())
        for orders in (self._queue, self._untried):
            for other in [other for other in reversed(orders) if other.id in group]:
                orders.remove(other)
                self._forget(other)
                other.state = State.ENDED
                self._tell_end(other, OrderEvent.CANCELED, "another order of its group was first")

    # Reports

    def _held(self, order: BarOrder) -> str:
        """Return the symbol whose position the order changes."""
        view = self._views.get(order.request.symbol)
        return (view and view.compensates) or order.request.symbol

    def _time_of(self, order: BarOrder) -> int:
        view = self._views.get(order.request.symbol)
        return order.request.time_ns if view is None else view.time_ns

    def _report_fill(
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
        self._put(fill)

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
            "cash": self.cash,
            "value": self.value,
            "fund_value": self.fund_value,
            "fund_shares": self.fund_shares,
            "now_ns": self._now_ns,
            "order_count": self._order_count,
            "fill_count": self._fill_count,
            "deposits": list(self._deposits),
            "interest": dict(self._interest),
            "positions": {s: _position_record(p) for s, p in self._positions.items()},
            "orders": [order.to_dict() for order in self._orders.values()],
            "submitted": [order.id for order in self._submitted],
            "queue": [order.id for order in self._queue],
            "waking": [order.id for order in self._waking],
            "brackets": {parent: list(ids) for parent, ids in self._brackets.items()},
            "oco_groups": {leader: list(ids) for leader, ids in self._oco_groups.items()},
            "oco_leaders": dict(self._oco_leaders),
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
        orders = [BarOrder.from_dict(record) for record in state["orders"]]
        self._orders = {order.id: order for order in orders}
        self._submitted = deque(self._orders[id_] for id_ in state["submitted"])
        self._queue = [self._orders[id_] for id_ in state["queue"]]
        # A child that waits to wake may have been cancelled in between.
        self._waking = [self._orders[id_] for id_ in state["waking"] if id_ in self._orders]
        self._brackets = {parent: list(ids) for parent, ids in state["brackets"].items()}
        self._oco_groups = {leader: list(ids) for leader, ids in state["oco_groups"].items()}
        self._oco_leaders = dict(state["oco_leaders"])
        self._positions = {s: _position_from(record) for s, record in state["positions"].items()}
        self._interest = dict(state["interest"])
        self._deposits = list(state["deposits"])
        self.cash, self.value = state["cash"], state["value"]
        self.fund_value, self.fund_shares = state["fund_value"], state["fund_shares"]
        self._now_ns = state["now_ns"]
        self._order_count, self._fill_count = state["order_count"], state["fill_count"]
        self._fills = deque((_fill_from(record) for record in state["fills"]), maxlen=KEEP)
        self._ended = deque((_report_from(record) for record in state["ended"]), maxlen=KEEP)


class _Remaining(NamedTuple):
    """The part of ``order.executed`` that volume fillers read."""

    remsize: float


class _Created(NamedTuple):
    """The part of ``order.created`` that volume fillers may read."""

    dt: float
    price: float
    pricelimit: float
    size: float


class _FillerOrder:
    """An order as a volume filler of backtrader sees it."""

    def __init__(self, order: BarOrder, view: BarView) -> None:
        self.data = view.data
        self.executed = _Remaining(order.remaining)
        size = order.request.side.sign * order.request.size
        self.created = _Created(order.created, order.price, order.limit, size)
        self.size = size
        self._is_buy = order.is_buy

    def isbuy(self) -> bool:
        return self._is_buy

    def issell(self) -> bool:
        return not self._is_buy


def _unlevered(info: Any, value: float) -> float:
    unlevered: float = value / info.get_leverage() if value > 0 else value
    return unlevered


def _execution_time(order: BarOrder, view: BarView, execution: Execution) -> int:
    if execution.days is not None:
        return order.request.bar_time_ns or stamp_of(execution.days)
    if execution.ago and view.previous_days is not None:
        return stamp_of(view.previous_days)
    return view.time_ns


def _modify_problem(order: Optional[BarOrder], new: Mapping[str, Any]) -> Optional[str]:
    if order is None:
        return "it is not open"
    useless = sorted(UNUSED[order.kind] & set(new))
    if useless:
        return f"a {order.kind.value} order has no {useless[0]}"
    if "size" in new and new["size"] <= abs(order.filled):
        return f"size {new['size']:g}: {abs(order.filled):g} has been executed already"
    return None


def _position_record(position: Position) -> Dict[str, Any]:
    when = getattr(position, "datetime", None)
    return {
        "size": position.size,
        "price": position.price,
        "adjbase": position.adjbase,
        "when": None if when is None else when.isoformat(),
    }


def _position_from(record: Mapping[str, Any]) -> Position:
    position = Position(record["size"], record["price"])
    position.adjbase = record["adjbase"]
    when = record["when"]
    position.datetime = None if when is None else datetime.datetime.fromisoformat(when)
    return position


def _fill_from(record: Mapping[str, Any]) -> FillReport:
    return FillReport(**dict(record, side=Side(record["side"])))


def _report_from(record: Mapping[str, Any]) -> OrderReport:
    values = dict(record, event=OrderEvent(record["event"]))
    if "request" in values:
        values["request"] = request_from(values["request"])
    return OrderReport(**values)
