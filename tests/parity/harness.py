"""Run a strategy on upstream's BackBroker and play the same session into `BarExchange`.

Upstream is the oracle. `TwinBroker` is a BackBroker that hands every request, as it is made, to
a `BarExchange` too, and shows it the same bars; both write down what they do as `News` and
`Row`. A trace is compared with ``==``, but for what a test says it forgives.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

import backtrader as bt
from backtrader.position import Position

from btstores.feeds.times import ns_to_num, num_to_ns
from btstores.reports import (
    AccountReport,
    FillReport,
    OrderEvent,
    OrderModification,
    OrderReport,
    OrderRequest,
    OrderType,
    Side,
)
from btstores.sim.bars.exchange import BarExchange, BarOptions
from btstores.sim.bars.view import view_of

ENDS = {
    OrderEvent.ACCEPTED: "Accepted",
    OrderEvent.CANCELED: "Canceled",
    OrderEvent.EXPIRED: "Expired",
    OrderEvent.MARGIN: "Margin",
    OrderEvent.REJECTED: "Rejected",
}

Bars = Sequence[Tuple[datetime.datetime, float, float, float, float, float]]


@dataclasses.dataclass(frozen=True)
class Series:
    """One data: bars of (time, open, high, low, close, volume), and how Cerebro gets it.

    ``how`` is "add", "resample" or "replay"; the last two make ``to`` out of it. ``of`` is the
    index of an earlier series whose feed is used again instead of ``bars``; with the feeds of a
    store it may also be a "clone".
    """

    bars: Bars = ()
    timeframe: int = bt.TimeFrame.Minutes
    compression: int = 1
    how: str = "add"
    to: Tuple[int, int] = (bt.TimeFrame.Minutes, 5)
    of: Optional[int] = None
    sessionend: Optional[datetime.time] = None
    compensates: Optional[int] = None


@dataclasses.dataclass(frozen=True)
class Setup:
    """A broker: BackBroker's parameters, commission schemes by data name, how Cerebro runs."""

    broker: Dict[str, Any] = dataclasses.field(default_factory=dict)
    commissions: Sequence[Dict[str, Any]] = ()
    cerebro: Dict[str, Any] = dataclasses.field(default_factory=dict)
    restart_every: int = 0  # snapshot and restore the exchange every so many steps
    deposits: Dict[int, float] = dataclasses.field(default_factory=dict)


class News(NamedTuple):
    """One notification: in which cycle, of which order, and its execution if there is one."""

    step: int
    order: int
    status: str
    execution: Tuple[Any, ...] = ()


class Row(NamedTuple):
    """The account at the end of a cycle."""

    step: int
    cash: float
    value: float
    fund_value: float = 0.0
    fund_shares: float = 0.0
    stops: Tuple[Any, ...] = ()


@dataclasses.dataclass
class Trace:
    """Everything that a run did, in order."""

    news: List[News] = dataclasses.field(default_factory=list)
    rows: List[Row] = dataclasses.field(default_factory=list)

    @property
    def executions(self) -> int:
        return sum(1 for item in self.news if item.execution)


def differences(
    expected: Trace, actual: Trace, same: Optional[Callable[[Any, Any], bool]] = None
) -> List[str]:
    """Return a line for each thing that is not equal; NaN equals NaN.

    ``same`` may take two notifications for equal that are not so to the last bit.
    """
    lines = []
    for name in ("news", "rows"):
        left, right = getattr(expected, name), getattr(actual, name)
        for index in range(max(len(left), len(right))):
            one = left[index] if index < len(left) else None
            two = right[index] if index < len(right) else None
            if one == two or repr(one) == repr(two):
                continue
            if name == "rows" or same is None or not same(one, two):
                lines.append(f"{name}[{index}]: upstream {one}, ours {two}")
    return lines


class ListFeed(bt.feed.DataBase):
    """Bars from a list."""

    params = (("bars", ()),)

    def start(self) -> None:
        super().start()
        self._rows = iter(self.p.bars)

    def _load(self) -> bool:
        row = next(self._rows, None)
        if row is None:
            return False
        self.lines.datetime[0] = bt.date2num(row[0])
        names = ("open", "high", "low", "close", "volume")
        for name, value in zip(names, row[1:]):
            getattr(self.lines, name)[0] = value
        self.lines.openinterest[0] = 0.0
        return True


def add_datas(cerebro: bt.Cerebro, datas: Sequence[Series]) -> None:
    """Give Cerebro the feeds of ``datas``, named d0, d1 and so on."""
    feeds: List[Any] = []
    for index, series in enumerate(datas):
        if series.of is None:
            session = {} if series.sessionend is None else {"sessionend": series.sessionend}
            feed = ListFeed(
                bars=series.bars,
                timeframe=series.timeframe,
                compression=series.compression,
                **session,
            )
        else:
            feed = feeds[series.of]
        name = f"d{index}"
        if series.how == "add":
            feeds.append(cerebro.adddata(feed, name=name))
        else:
            convert = cerebro.resampledata if series.how == "resample" else cerebro.replaydata
            timeframe, compression = series.to
            feeds.append(convert(feed, name=name, timeframe=timeframe, compression=compression))
        if series.compensates is not None:
            feeds[-1].compensate(feeds[series.compensates])


def request_of(order: bt.Order, oco: Optional[bt.Order], check: bool = True) -> OrderRequest:
    """Return the request that an order of backtrader becomes."""
    extras: Dict[str, Any] = {}
    if not order.info.get("coc", True):
        extras["coc"] = False
    if not check:
        extras["checksubmit"] = False
    return OrderRequest(
        client_order_id=str(order.ref),
        symbol=order.data._name,
        side=Side.BUY if order.isbuy() else Side.SELL,
        size=abs(order.created.size),
        order_type=OrderType(order.getordername()),
        price=order.p.price,
        limit_price=order.p.pricelimit,
        trail_amount=order.p.trailamount,
        trail_percent=order.p.trailpercent,
        # 0 stays 0 in upstream's order and never expires.
        expire_ns=num_to_ns(order.valid) if order.valid else None,
        parent_id=None if order.parent is None else str(order.parent.ref),
        oco_id=None if oco is None else str(oco.ref),
        reference_price=order.created.pclose,
        bar_time_ns=num_to_ns(order.created.dt),
        session_end_ns=num_to_ns(order.dteos),
        extras=extras,
    )


class TwinBroker(bt.brokers.BackBroker):
    """Upstream's broker with a `BarExchange` beside it that gets the same requests."""

    restart_every = 0

    def init(self) -> None:
        super().init()
        self.step = 0
        self.upstream, self.ours = Trace(), Trace()
        self.numbers: Dict[int, int] = {}  # order ref -> in order of creation
        self.sizes: Dict[int, float] = {}
        self.ocos: Dict[int, Optional[bt.Order]] = {}
        self.held: List[OrderRequest] = []
        self.marks: Dict[str, Any] = {}
        self.bits: Dict[int, int] = {}
        self.exchange = self._exchange()
        self.ledger = Ledger(self)

    def _exchange(self) -> BarExchange:
        names = {field.name for field in dataclasses.fields(BarOptions)}
        options = {name: getattr(self.p, name) for name in names}
        return BarExchange(self._put, self._info, cash=self.p.cash, options=BarOptions(**options))

    def _put(self, report: Any) -> None:
        self.ledger.put(report)

    def _info(self, name: str) -> Any:
        return self.comminfo.get(name, self.comminfo[None])

    # What strategies call

    def _ocoize(self, order: bt.Order, oco: Optional[bt.Order]) -> None:
        self.numbers[order.ref] = len(self.numbers)
        self.sizes[order.ref] = order.created.size
        self.ocos[order.ref] = oco
        super()._ocoize(order, oco)

    def submit(self, order: bt.Order, check: bool = True) -> bt.Order:
        request = request_of(order, self.ocos[order.ref], check)
        taken = super().submit(order, check=check)
        self.held.append(request)
        if order.transmit:
            group, self.held = self.held, []
            self.exchange.submit(group)
        return taken

    def cancel(self, order: bt.Order, bracket: bool = False) -> bool:
        if not bracket:
            self.exchange.cancel(str(order.ref))
        return super().cancel(order, bracket=bracket)

    def change(self, order: bt.Order, price: float) -> None:
        """Move a live order: upstream by writing to it, ours by the contract."""
        if order.alive():
            self.exchange.modify(OrderModification(str(order.ref), price=price))
            order.created.price = price

    def add_cash(self, cash: float) -> None:
        super().add_cash(cash)
        self.exchange.deposit(cash)

    def getposition(self, data: Any) -> Position:
        self.exchange.position(data._name)
        return super().getposition(data)

    def get_value(self, datas: Any = None, mkt: bool = False, lever: bool = False) -> float:
        for data in datas or ():
            self.exchange.position(data._name)
        if datas is not None:
            self.exchange.take_deposits()
        return super().get_value(datas, mkt, lever)

    getvalue = get_value

    # What happens

    def notify(self, order: bt.Order) -> None:
        super().notify(order)
        status = order.getstatusname()
        if status == "Submitted":
            return  # the broker's own news, not the venue's
        news = News(self.step, self.numbers[order.ref], status)
        bits = order.executed.exbits
        if len(bits) > self.bits.get(order.ref, 0):
            self.bits[order.ref] = len(bits)
            bit = bits[-1]
            held = order.data if order.data._compensate is None else order.data._compensate
            # When only the closing part was paid for, upstream still tells the position as if
            # all had been executed: not compared.
            told = bit.psize == self.positions[held].size
            news = news._replace(
                execution=(
                    *(bit.dt, bit.size, bit.price, bit.closed, bit.opened, bit.pnl, bit.comm),
                    *(bit.closedvalue, bit.openedvalue, bit.openedcomm),
                    *((bit.psize, bit.pprice) if told else (None, None)),
                    order.executed.size,
                    order.executed.price,
                    order.executed.remsize,
                )
            )
            self.ledger.told.append(told)
        self.upstream.news.append(news)

    def next(self) -> None:
        self.step += 1
        super().next()
        self.upstream.rows.append(
            Row(self.step, self.cash, self._value, self._fundval, self._fundshares, self._stops())
        )
        self.exchange.step(self._views())
        if self.restart_every and self.step % self.restart_every == 0:
            state = json.loads(json.dumps(self.exchange.snapshot()))
            self.exchange = self._exchange()
            self.exchange.restore(state)

    def _views(self) -> Dict[str, Any]:
        # Nothing is idle in a backtest, also when a replayed tick changes nothing to be seen.
        datas = [data for data in self.cerebro.datas if len(data)]
        marks = {data._name: (len(data), data.datetime[0]) for data in datas}
        still = self.marks if marks != self.marks else {}
        self.marks = marks
        return {
            data._name: view_of(data, marks[data._name] != still.get(data._name)) for data in datas
        }

    def _stops(self) -> Tuple[Any, ...]:
        kinds = (bt.Order.StopTrail, bt.Order.StopTrailLimit)
        return tuple(
            (self.numbers[order.ref], order.created.price)
            for order in self.pending
            if order.exectype in kinds
        )


class Ledger:
    """What a broker on our side of the contract makes of the reports: backtrader's numbers."""

    def __init__(self, twin: TwinBroker) -> None:
        self.twin = twin
        self.positions: Dict[str, Position] = {}
        self.executed: Dict[str, bt.order.OrderData] = {}
        self.requests: Dict[str, OrderRequest] = {}
        self.told: List[bool] = []

    def put(self, report: Any) -> None:
        if isinstance(report, OrderReport) and report.event in ENDS:
            number = self.twin.numbers[int(report.client_order_id or 0)]
            self.twin.ours.news.append(News(self.twin.step, number, ENDS[report.event]))
        elif isinstance(report, FillReport):
            self.fill(report)
        elif isinstance(report, AccountReport):
            assert (report.cash, report.value) == (
                self.twin.exchange.cash,
                self.twin.exchange.value,
            ) or report.value != report.value
            self.row(report)

    def row(self, report: AccountReport) -> None:
        exchange = self.twin.exchange
        stops = tuple(
            (self.twin.numbers[int(id_)], stop)
            for id_, (stop, _) in exchange.trailing_stops().items()
        )
        self.twin.ours.rows.append(
            Row(
                self.twin.step,
                report.cash or 0.0,
                report.value or 0.0,
                exchange.fund_value,
                exchange.fund_shares,
                stops,
            )
        )

    def fill(self, fill: FillReport) -> None:
        twin = self.twin
        ref = int(fill.client_order_id or 0)
        data = next(data for data in twin.cerebro.datas if data._name == fill.symbol)
        held = data._name if data._compensate is None else data._compensate._name
        info, fees = twin._info(fill.symbol), twin._info(held)
        size = fill.side.sign * fill.size
        position = self.positions.setdefault(held, Position())
        before = position.price
        psize, pprice, opened, closed = position.update(size, fill.price)
        valued = info.getvaluesize if twin.p.shortcash else info.getoperationcost
        closed_value = 0.0
        if closed:
            closed_value = valued(-closed if twin.p.shortcash else closed, before)
        opened_value = valued(opened, fill.price) if opened else 0.0
        opened_commission = fees.getcommission(opened, fill.price) if opened else 0.0
        pnl = info.profitandloss(-closed, before, fill.price)
        executed = self.executed.get(fill.client_order_id or "")
        if executed is None:
            total = twin.sizes[ref]
            executed = bt.order.OrderData(remsize=total)
            self.executed[fill.client_order_id or ""] = executed
        days = ns_to_num(fill.time_ns)
        executed.add(
            days, size, fill.price, closed, closed_value, 0.0, opened, opened_value, 0.0, pnl
        )
        told = self.told.pop(0) if self.told else True
        execution = (
            *(days, size, fill.price, closed, opened, pnl, fill.commission),
            *(closed_value, opened_value, opened_commission),
            *((psize, pprice) if told else (None, None)),
            *(executed.size, executed.price, executed.remsize),
        )
        status = "Partial" if executed.remsize else "Completed"
        twin.ours.news.append(News(twin.step, twin.numbers[ref], status, execution))


Act = Callable[[bt.Strategy], Any]


class Planned(bt.Strategy):
    """Does what the plan says: cycle number -> list of actions on the strategy."""

    params = (("plan", None), ("unit", 1.0))

    def __init__(self) -> None:
        self.cycle = 0
        self.made: List[bt.Order] = []

    def add(self, *orders: Optional[bt.Order]) -> None:
        self.made += [order for order in orders if order is not None]

    def _act(self) -> None:
        self.cycle += 1
        for action in self.p.plan.get(self.cycle, ()):
            action(self)

    def prenext(self) -> None:
        self.next()

    def next(self) -> None:
        if not self.cerebro.p.cheat_on_open:
            self._act()

    def prenext_open(self) -> None:
        self.next_open()

    def next_open(self) -> None:
        self._act()


def run_upstream(strategy: Any, datas: Sequence[Series], setup: Setup, **params: Any) -> TwinBroker:
    """Run ``strategy`` on a `TwinBroker`; its ``upstream`` and ``ours`` are the two traces."""
    cerebro = bt.Cerebro(runonce=False, stdstats=False, **setup.cerebro)
    broker = TwinBroker(**setup.broker)
    broker.restart_every = setup.restart_every
    for commission in setup.commissions:
        broker.setcommission(**commission)
    cerebro.setbroker(broker)
    add_datas(cerebro, datas)
    cerebro.addstrategy(strategy, **params)
    cerebro.run()
    return broker
