"""A store on the simulated exchange through a link that repeats, reorders and loses reports.

`Machine` does one random thing at a time and looks at what must hold after each of them. All
chance comes from the generator it is given: a seed tells the whole story again.
"""

from __future__ import annotations

import collections
import dataclasses
import itertools
from typing import Any, Dict, List, Optional, Sequence, Set, Tuple

from btstores.clock import NS_PER_SECOND, SimulatedClock
from btstores.errors import LinkError
from btstores.handlers.base import Listener
from btstores.instruments import Instrument
from btstores.journal.base import MemoryJournal
from btstores.journal.state import rebuild
from btstores.orders.book import OrderRecord
from btstores.orders.legs import open_size
from btstores.orders.lifecycle import FINAL, OrderState
from btstores.reports import (
    FillReport,
    LinkReport,
    LinkState,
    OrderEvent,
    OrderReport,
    OrderRequest,
    OrderType,
    Side,
    Tick,
    TimeInForce,
)
from btstores.sim.book.account import Account
from btstores.sim.exchange import Exchange
from btstores.stores.base import BaseStore, Param
from btstores.stores.gateway import ALL_ORDER_TYPES, Capabilities, Gateway, PutReport

CASH = 1_000_000.0
FEE = 0.25
SYMBOL = "A"
START_NS = 1_700_000_000 * NS_PER_SECOND

NATIVE = Capabilities(
    order_types=ALL_ORDER_TYPES - {OrderType.CLOSE},
    tifs=frozenset({TimeInForce.GTC, TimeInForce.GTD}),
    bracket=True,
    oco=True,
    modify=frozenset({"size", "price", "limit_price", "trail_amount", "trail_percent"}),
    short=True,
    ticks=True,
)
#: What a venue may be able to do; what it lacks is emulated.
VENUES: Dict[str, Capabilities] = {
    "has all": NATIVE,
    "has stops, changes sizes": dataclasses.replace(NATIVE, bracket=False, oco=False),
    "has stops, changes nothing": dataclasses.replace(
        NATIVE, bracket=False, oco=False, modify=frozenset()
    ),
    "has stops, freezes": dataclasses.replace(NATIVE, bracket=False, oco=False, freezes=True),
    "has stops, keeps days": dataclasses.replace(
        NATIVE, bracket=False, oco=False, tifs=frozenset({TimeInForce.DAY})
    ),
    "has nothing": dataclasses.replace(
        NATIVE,
        order_types=frozenset({OrderType.MARKET, OrderType.LIMIT}),
        tifs=frozenset({TimeInForce.GTC}),
        bracket=False,
        oco=False,
        modify=frozenset(),
    ),
}


class NoisyVenue(Gateway):
    """The exchange behind a link that keeps every report until the machine lets it go."""

    def __init__(self, clock: SimulatedClock, capabilities: Capabilities) -> None:
        self.capabilities = capabilities  # type: ignore[misc]
        self.clock = clock
        self.exchange = Exchange(
            clock,
            [Instrument(SYMBOL, lot=1.0)],
            Account("A1", "USD", CASH),
            fees=lambda symbol, side, size, price: FEE,
        )
        self.exchange.put = self._hear
        self.pending: List[Any] = []
        self.acked: Set[str] = set()
        self.sent: List[str] = []
        self.broken = False
        self.failure: Optional[str] = None
        self._put: Optional[PutReport] = None

    def _hear(self, report: Any) -> None:
        if isinstance(report, (OrderReport, FillReport)) and not self.broken:
            acked = report.venue_order_id in self.acked
            if report.venue_order_id is not None and not acked:
                self.acked.add(report.venue_order_id)
            elif acked and len(self.pending) % 3 == 0:
                # Some venues name our id only when they take the order.
                report = report._replace(client_order_id=None)
            self.pending.append(report)

    def let_go(self, index: int, times: int = 1) -> None:
        report = self.pending.pop(index)
        for _ in range(times):
            if self._put is not None:
                self._put(report)

    def connect(self, put: PutReport, timeout: float) -> None:
        if self.broken:
            raise LinkError("broken")
        self._put = put

    def disconnect(self) -> None:
        self._put = None
        self.pending.clear()

    def instrument(self, symbol: str) -> Instrument:
        return self.exchange.instrument(symbol)

    def subscribe(self, subscription: Any) -> None:
        return

    unsubscribe = subscribe

    def history(self, *args: Any) -> Sequence[Any]:
        return ()

    def place(self, group: Sequence[OrderRequest]) -> None:
        self._call(self._submit, group)

    def _submit(self, group: Sequence[OrderRequest]) -> None:
        self.sent += [request.client_order_id for request in group]
        self.exchange.submit(group)

    def cancel(self, client_order_id: str, venue_order_id: Optional[str]) -> None:
        self._call(self._cancel, client_order_id, venue_order_id)

    def _cancel(self, client_order_id: str, venue_order_id: Optional[str]) -> None:
        """Cancel by the venue's own id, as most do, once we have been told it."""
        for report in self.exchange.mass_status().orders if venue_order_id is not None else ():
            if report.venue_order_id == venue_order_id:
                client_order_id = report.client_order_id
        self.exchange.cancel(client_order_id)

    def modify(self, modification: Any) -> None:
        self._call(self.exchange.modify, modification)

    def mass_status(self, since_ns: Optional[int] = None) -> Any:
        self._check()
        return self.exchange.mass_status(since_ns)

    def _check(self) -> None:
        if self.broken:
            raise LinkError("broken")

    def _call(self, function: Any, *args: Any) -> None:
        """Do what is asked, but for the times when nobody knows whether it was done."""
        self._check()
        failure, self.failure = self.failure, None
        if failure != "before":
            function(*args)
        if failure is not None:
            raise TimeoutError(f"no answer; it failed {failure} it was done")


class MachineStore(BaseStore):
    """The store of a `NoisyVenue`."""

    name = "machine"
    PARAMS = (Param("venue", None, (Gateway,), "the venue"),)
    gateway: NoisyVenue

    @classmethod
    def identity(cls, params: Any) -> Any:
        return None

    def make_gateway(self) -> Gateway:
        return self.params.venue


class Told(Listener):
    """What a strategy would have been told."""

    def __init__(self) -> None:
        self.position = 0.0
        self.fills: List[FillReport] = []
        self.told: Dict[str, List[OrderState]] = collections.defaultdict(list)

    def on_order(self, record: OrderRecord, event: OrderEvent) -> None:
        self.told[record.client_order_id].append(record.state)

    def on_fill(self, record: OrderRecord, fill: FillReport) -> None:
        self._count(fill)
        self.told[record.client_order_id].append(record.state)

    def on_foreign_fill(self, fill: FillReport) -> None:
        self._count(fill)

    def _count(self, fill: FillReport) -> None:
        self.fills.append(fill)
        self.position += fill.size * fill.side.sign


class SurvivingJournal(MemoryJournal):
    """A journal in memory that goes on with what was durable of another one."""

    def __init__(self, clock: SimulatedClock, rows: List[Any]) -> None:
        super().__init__(clock)
        if rows:
            self._rows, self._tail, self._pending = rows, (rows[-1][0], rows[-1][7]), []

    @property
    def durable(self) -> List[Any]:
        return list(self._rows)


class Machine:
    """One account and its venue. ``step`` does something; ``settle`` brings all to an end.

    With ``journal`` the store has one, and the process can be killed.
    """

    def __init__(self, kind: str, journal: bool = False) -> None:
        self.clock = SimulatedClock(START_NS)
        self.venue = NoisyVenue(self.clock, VENUES[kind])
        self.kind = kind
        self.journal = SurvivingJournal(self.clock, []) if journal else None
        self.records: List[OrderRecord] = []
        self._begin()
        self.groups: List[Tuple[str, float, List[OrderRecord]]] = []
        self.price = 100.0
        self.modified: Set[str] = set()
        self.cancelled: Set[str] = set()
        self._foreign = itertools.count()
        self._ids = itertools.count()
        self._told_before: Dict[str, int] = {}
        self._restored: Set[str] = set()
        self.tick(0.0)

    def _begin(self) -> None:
        make: Any = MachineStore
        self.store: MachineStore = make(
            venue=self.venue,
            clock=self.clock,
            account="A1",
            reconnect_interval=0.01,
            journal=self.journal,
        )
        self.store.capabilities = VENUES[self.kind]
        self.account = Told()
        self.store.set_listener(self.account)
        for fill in self._known_fills():
            self.account._count(fill)
        self.store.connect()

    def _known_fills(self) -> List[FillReport]:
        if self.journal is None:
            return []
        counted, told = rebuild(self.journal).fill_ids, self.journal.records(kinds=("fill",))
        fills = {record.report.fill_id: record.report for record in told}
        return [fill for key, fill in fills.items() if key in counted]

    # What happens.

    ACTIONS = (
        ("tick_randomly", 8),
        ("deliver", 10),
        ("buy_or_sell", 3),
        ("bracket", 2),
        ("oco", 1),
        ("cancel", 1),
        ("modify", 1),
        ("lose", 0.3),
        ("reconnect", 0.3),
        ("somebody_else", 0.2),
        ("wait", 1),
        ("fail", 0.2),
    )
    NAMES = tuple(name for name, _ in ACTIONS)
    WEIGHTS = tuple(weight for _, weight in ACTIONS)
    #: The same, and a process that is killed now and then.
    MORTAL = (*NAMES, "die")
    MORTAL_WEIGHTS = (*WEIGHTS, 0.3)

    def step(self, name: str, chance: Any) -> None:
        """Do one thing, then look whether all is as it must be."""
        getattr(self, name)(chance)
        self.store.process_events()
        self.check()

    def tick_randomly(self, chance: Any) -> None:
        self.tick(chance.choice((-1.5, -0.5, -0.5, 0.5, 0.5, 1.5)), chance.choice((None, 1, 3)))

    def tick(self, move: float, size: Optional[float] = None) -> None:
        self.price = max(50.0, self.price + move)
        self.clock.advance(1)
        tick = Tick(SYMBOL, self.clock.time_ns(), self.price, size)
        self.venue.exchange.on_tick(tick)
        if self.store.authenticated:
            self.store.put(tick)

    def deliver(self, chance: Any) -> None:
        """Let one report through: any of those on their way, now and then twice."""
        if self.venue.pending:
            index = chance.randrange(len(self.venue.pending)) if chance.random() < 0.3 else 0
            self.venue.let_go(index, 2 if chance.random() < 0.15 else 1)

    def lose(self, chance: Any) -> None:
        if self.venue.pending:
            self.venue.pending.pop(chance.randrange(len(self.venue.pending)))

    def buy_or_sell(self, chance: Any) -> None:
        self._place([self._order(chance)])

    def bracket(self, chance: Any) -> None:
        side = chance.choice(tuple(Side))
        parent = self._order(chance, side, chance.choice((OrderType.MARKET, OrderType.LIMIT)))
        entry = self.price if parent.request.order_type is OrderType.MARKET else None
        entry = entry or parent.request.price
        other = Side.SELL if side is Side.BUY else Side.BUY
        size = parent.request.size
        away = side.sign * chance.choice((1.0, 2.0))
        exits = [(OrderType.STOP, entry - away, size), (OrderType.LIMIT, entry + away, size)]
        if chance.random() < 0.3:
            exits[1:] = [
                (OrderType.LIMIT, entry + away, max(1.0, size // 2)),
                (OrderType.LIMIT, entry + 2 * away, max(1.0, size // 2)),
            ]
        children = [
            self._order(chance, other, kind, price, size=each, parent_id=parent.client_order_id)
            for kind, price, each in exits
        ]
        if self._place([parent, *children]):
            self.groups.append(("bracket", size, [parent, *children]))

    def oco(self, chance: Any) -> None:
        first = self._order(chance, Side.BUY, OrderType.LIMIT, self.price - 1.0)
        size = first.request.size
        second = self._order(
            chance,
            Side.SELL,
            OrderType.LIMIT,
            self.price + 1.0,
            size=size,
            oco_id=first.client_order_id,
        )
        if self._place([first]) and self._place([second]):
            self.groups.append(("oco", size, [first, second]))

    def cancel(self, chance: Any) -> None:
        live = self.store.book.live()
        if live and self.store.authenticated:
            record = chance.choice(live)
            self.cancelled.add(record.client_order_id)
            self.store.order_cancel(record)

    def modify(self, chance: Any) -> None:
        live = self.store.book.live()
        if not live or not self.store.authenticated:
            return
        record = chance.choice(live)
        changes: Dict[str, Any] = {"size": record.request.size + chance.choice((-1, 1, 2))}
        if record.request.price is not None and chance.random() < 0.5:
            changes["price"] = record.request.price + chance.choice((-0.5, 0.5))
        if not self.store.order_modify(record, **changes):
            self.modified.add(record.client_order_id)

    def reconnect(self, chance: Any = None) -> None:
        """Break the link, lose what is on its way, and come back."""
        self.venue.broken = True
        self.store.put(LinkReport(LinkState.DOWN, self.clock.time_ns(), detail="cut"))
        self.store.process_events()
        self.venue.pending.clear()
        self.venue.broken = False
        while not self.store.authenticated:
            self.clock.advance(1)
            self.store.process_events()

    def die(self, chance: Any) -> None:
        """End without a word: what was not on the disk is gone. Another process goes on."""
        assert self.journal is not None
        if chance.random() < 0.5:
            self.store.idle()
        self.journal = SurvivingJournal(self.clock, self.journal.durable)
        self.venue.disconnect()
        self.store.put = lambda report: None  # type: ignore[method-assign]
        self.store.stopped = True
        self._begin()
        self.records = [self._again(record) for record in self.records if self._is_known(record)]
        self.groups = [
            (kind, size, [self._again(record) for record in group])
            for kind, size, group in self.groups
            if all(self._is_known(record) for record in group)
        ]

    def _is_known(self, record: OrderRecord) -> bool:
        if self.store.book.find(record.client_order_id) is not None or not record.live:
            return True
        assert record.client_order_id not in self.venue.sent, "it was sent and is forgotten"
        return False

    def _again(self, record: OrderRecord) -> OrderRecord:
        self._restored.add(record.client_order_id)
        return self.store.book.find(record.client_order_id) or record

    def somebody_else(self, chance: Any) -> None:
        key = f"foreign-{next(self._foreign)}"
        side = chance.choice(tuple(Side))
        self.venue.exchange.submit([OrderRequest(key, SYMBOL, side, 2.0, OrderType.MARKET)])

    def wait(self, chance: Any) -> None:
        self.clock.advance(chance.choice((1, 10, 100)))

    def fail(self, chance: Any) -> None:
        """Let the next request end without an answer, done or not."""
        self.venue.failure = chance.choice(("before", "after"))

    # Orders.

    def _order(
        self,
        chance: Any,
        side: Optional[Side] = None,
        kind: Optional[OrderType] = None,
        price: Optional[float] = None,
        size: Optional[float] = None,
        **more: Any,
    ) -> OrderRecord:
        side = side or chance.choice(tuple(Side))
        kind = kind or chance.choice([each for each in OrderType if each is not OrderType.CLOSE])
        size = float(size or chance.choice((1, 4, 10)))
        request = OrderRequest(
            f"c{next(self._ids)}",
            SYMBOL,
            side,
            size,
            kind,
            reference_price=self.price,
            bar_time_ns=self.clock.time_ns(),
            time_ns=self.clock.time_ns(),
            **more,
        )
        if kind is OrderType.LIMIT:
            price = price or self.price - side.sign * chance.choice((0.5, 1.0, 3.0))
        elif kind in (OrderType.STOP, OrderType.STOP_LIMIT):
            price = price or self.price + side.sign * chance.choice((0.5, 1.0, 3.0))
        elif kind in (OrderType.STOP_TRAIL, OrderType.STOP_TRAIL_LIMIT):
            request = request._replace(trail_amount=chance.choice((0.5, 1.0, 2.0)))
        if kind is OrderType.STOP_LIMIT:
            request = request._replace(limit_price=price + side.sign)
        if chance.random() < 0.1 and not more:
            later = self.clock.time_ns() + 30 * NS_PER_SECOND
            request = request._replace(tif=TimeInForce.GTD, expire_ns=later)
        return OrderRecord(request._replace(price=price))

    def _place(self, group: List[OrderRecord]) -> bool:
        if not self.store.order_create(*group):
            return False
        self.records += group
        return True

    # What must hold.

    def check(self) -> None:
        book, account = self.store.book, self.account
        ids = [fill.fill_id for fill in account.fills]
        assert len(ids) == len(set(ids)), "a fill was counted twice"
        total = sum(fill.size * fill.side.sign for fill in account.fills)
        assert account.position == total
        assert len(self.venue.sent) == len(set(self.venue.sent)), "an order was sent twice"
        for record in self.records[-40:]:
            if record.client_order_id not in self._restored:
                assert record.filled == sum(fill.size for fill in record.fills)
            states = account.told[record.client_order_id]
            over = [state for state in states if state in FINAL]
            if over:
                first = states.index(over[0])
                assert states[first:] == over, f"{record.client_order_id} lives again: {states}"
                changes = [b for a, b in zip(over, over[1:]) if a is not b]
                assert changes in ([], [OrderState.COMPLETED]), states
            if record.live:
                assert not record.is_filled, record
            else:
                assert not record.outcome_unknown, "an unknown outcome is no end"
        assert all(record.live for record in book.live())

    def settle(self) -> None:
        """Bring everything that is on its way, and compare with the venue's own book."""
        for _ in range(20):
            self._let_all_go()
            self.clock.advance(100)  # what was refused or not answered is asked for again
            self._let_all_go()
            self.reconnect()
            self.store.process_events()
            if not self.venue.pending:
                break
        self.check()
        exchange = self.venue.exchange
        assert self.account.position == exchange.account.position(SYMBOL).size
        fills = self.account.fills
        spent = sum(fill.side.sign * fill.size * fill.price for fill in fills)
        fees = sum(fill.commission or 0.0 for fill in fills)
        assert round(CASH - spent - fees, 2) == round(exchange.account.cash, 2)
        self._compare_orders()
        self._look_at_groups()

    def _let_all_go(self) -> None:
        self.store.process_events()
        while self.venue.pending:
            self.venue.let_go(0)
            self.store.process_events()

    def _compare_orders(self) -> None:
        """Every order that works at the venue is one of ours, and as large."""
        at_venue: Dict[str, float] = {}
        for report in self.venue.exchange.mass_status().orders:
            if report.event is OrderEvent.ACCEPTED and report.filled < report.size:
                record = self.store.book.find(report.client_order_id)
                assert record is not None
                key = record.client_order_id
                assert key not in at_venue, f"{key} works twice"
                at_venue[key] = report.size - report.filled
        for record in self.records:
            working = at_venue.pop(record.client_order_id, 0.0)
            leg = self.store.desk.engine.leg(record)
            if not record.live:
                assert not working, f"{record.client_order_id} is over and still works"
            elif record.outcome_unknown:
                continue
            elif leg is None:
                assert working == record.remaining, record
            else:
                assert leg.ending is None, f"{leg.key} is to end, and does not: {leg}"
                assert working == open_size(leg), f"{working} of {open_size(leg)} works: {leg}"
        assert not [key for key in at_venue if not key.startswith("foreign")]

    def _look_at_groups(self) -> None:
        """When one has taken all, no sibling lives."""
        for kind, _, group in self.groups:
            if kind == "bracket":
                self._look_for_exits(group[0], group[1:])
                self._look_for_turns(group[0], group[1:])
        for kind, size, group in self.groups:
            if self.modified.intersection(record.client_order_id for record in group):
                continue
            if any(record.outcome_unknown for record in group):
                continue  # only evidence may end it, and there is none
            members = group[1:] if kind == "bracket" else group
            opened = group[0].filled if kind == "bracket" else size
            closed = sum(record.filled for record in members)
            ended = kind == "oco" or not group[0].live
            if ended and closed >= opened:
                living = [record for record in members if record.live]
                assert not living, f"{kind}: {closed} of {opened} traded and {living} live"

    def _look_for_turns(self, entry: OrderRecord, exits: List[OrderRecord]) -> None:
        """Exits that must take turns ask for no more together than there is to close."""
        legs = [self.store.desk.engine.leg(record) for record in exits]
        if any(leg is None or not leg.exclusive for leg in legs):
            return
        if any(record.outcome_unknown for record in exits):
            return
        working = sum(leg.wire.working for leg in legs if leg is not None and leg.wire is not None)
        left = entry.filled - sum(record.filled for record in exits)
        assert working <= max(0.0, left), f"{working} of {left} works: {legs}"

    def _look_for_exits(self, entry: OrderRecord, exits: List[OrderRecord]) -> None:
        """What an entry has opened has an exit, unless somebody has cancelled one."""
        family = {record.client_order_id for record in (entry, *exits)}
        if family & (self.cancelled | self.modified):
            return
        if any(record.outcome_unknown for record in (entry, *exits)):
            return
        if any(record.state in (OrderState.REJECTED, OrderState.MARGIN) for record in exits):
            return
        if entry.filled > sum(record.filled for record in exits):
            living = [record for record in exits if record.live]
            assert living, (
                f"{entry.client_order_id} is naked: {[(e.state, e.reason) for e in exits]}"
            )
