"""The paper venue as a gateway: data, history, orders, its thread, its state file."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading

import pytest

import btstores
from btstores.clock import RealClock, SimulatedClock
from btstores.errors import ConfigError, LinkError, UnknownInstrumentError, UnsupportedError
from btstores.instruments import Instrument, TimeFrame
from btstores.reports import (
    AccountReport,
    Bar,
    FillReport,
    LinkReport,
    LinkState,
    MassStatus,
    OrderEvent,
    OrderModification,
    OrderReport,
    OrderRequest,
    OrderType,
    Quote,
    Side,
    Subscription,
    Tick,
)
from btstores.sim.book.account import Account
from btstores.sim.exchange import Exchange
from btstores.sim.market import Market
from btstores.sim.prices.generator import Generator
from btstores.sim.prices.loaders import bars_from_list
from btstores.sim.prices.series import series_of
from btstores.stores.paper.gateway import PaperGateway, TapGateway, capabilities_of

S = 1_000_000_000
DAY = 86_400 * S
MINUTES = Subscription("A", 4)


def minute_bars(symbol="A", count=10, start=0, step=1.0):
    bars = []
    for i in range(count):
        open_ = 100.0 + i * step
        high, low = max(open_, open_ + step), min(open_, open_ + step)
        bars.append(Bar(symbol, 4, 1, start + (i + 1) * 60 * S, open_, high, low, open_ + step))
    return bars


class Venue:
    """A paper gateway on given series, and what it reported."""

    def __init__(self, series=None, clock=None, state=None, cash=100_000.0, **options):
        series = series or [bars_from_list(minute_bars())]
        self.market = Market(series, clock or SimulatedClock(0), **options)
        instruments = self.market.instruments.values()
        self.engine = Exchange(self.market.clock, instruments, Account(cash=cash))
        self.gateway = PaperGateway(self.engine, self.market, state)
        self.reports = []
        self.gateway.connect(self.reports.append, 5.0)

    def run(self):
        while self.market.clock.run_next():
            pass

    def of(self, kind):
        return [report for report in self.reports if isinstance(report, kind)]

    def place(self, name, size=10, kind=OrderType.MARKET, side=Side.BUY, **terms):
        self.gateway.place([OrderRequest(name, "A", side, size, kind, **terms)])


# ------------------------------------------------------------------ data


def test_bars_come_one_by_one_and_the_end_is_told():
    venue = Venue()
    venue.gateway.subscribe(MINUTES)
    assert venue.reports == []
    venue.market.clock.advance(60)
    assert venue.reports == minute_bars()[:1]
    venue.run()
    assert venue.of(Bar) == minute_bars()
    (ended,) = venue.of(LinkReport)
    assert (ended.state, ended.subscription) == (LinkState.ENDED, MINUTES)
    assert venue.reports[-1] is ended


def test_the_order_after_one_bar_meets_the_next_and_its_fill_comes_before_that_bar():
    venue = Venue()
    venue.gateway.subscribe(MINUTES)
    venue.market.clock.advance(60)
    venue.place("a")
    venue.market.clock.advance(60)
    kinds = [type(report).__name__ for report in venue.reports]
    assert kinds == [
        "Bar",
        "OrderReport",
        "FillReport",
        "PositionReport",
        "AccountReport",
        "AccountReport",
        "Bar",
    ]
    assert venue.of(FillReport)[0].price == 101.0
    assert venue.of(FillReport)[0].time_ns == 120 * S


def test_an_order_alone_makes_the_prices_run():
    venue = Venue()
    venue.place("a")
    venue.run()
    assert venue.of(FillReport)[0].price == 100.0
    assert venue.of(Bar) == []


def test_unsubscribed_streams_are_silent():
    venue = Venue()
    venue.gateway.subscribe(MINUTES)
    venue.market.clock.advance(120)
    venue.gateway.unsubscribe(MINUTES)
    venue.gateway.unsubscribe(MINUTES)
    venue.run()
    assert len(venue.reports) == 2


def test_subscribing_to_what_is_over_is_told_so():
    venue = Venue()
    venue.gateway.subscribe(MINUTES)
    venue.run()
    venue.reports.clear()
    venue.gateway.subscribe(MINUTES)
    venue.run()
    assert [report.state for report in venue.reports] == [LinkState.ENDED]


def test_coarser_bars_are_made_and_finer_refused():
    venue = Venue([bars_from_list(minute_bars(count=12))])
    five, day = Subscription("A", 4, 5), Subscription("A", 5)
    venue.gateway.subscribe(five)
    venue.gateway.subscribe(day)
    venue.run()
    bars = venue.of(Bar)
    # The third is cut short by the end of the prices, not by anything that is known: it comes
    # when its time is over.
    assert [(bar.compression, bar.time_ns // S, bar.close) for bar in bars] == [
        (5, 300, 105.0),
        (5, 600, 110.0),
        (5, 900, 112.0),
        (1, 86_399, 112.0),
    ]
    assert [report.subscription for report in venue.of(LinkReport)] == [five, day]
    with pytest.raises(UnsupportedError, match="Minutes/1; Seconds/30 cannot"):
        venue.gateway.subscribe(Subscription("A", 3, 30))
    with pytest.raises(UnsupportedError, match="quotes"):
        venue.gateway.subscribe(Subscription("A", 1, 1, True))
    with pytest.raises(UnknownInstrumentError, match="it knows A"):
        venue.gateway.subscribe(Subscription("ZZZ", 4))


def test_history_and_live_coarse_bars_join_without_a_seam():
    bars = list(Generator(seed=2).bars("A", 200).events)
    seven = Subscription("A", 4, 7)
    whole = Venue([bars_from_list(bars)])
    whole.gateway.subscribe(seven)
    whole.run()
    for start in (1, 6, 7, 8, 50):
        venue = Venue([bars_from_list(bars)], start=start)
        before = venue.gateway.history(seven, None, None)
        venue.gateway.subscribe(seven)
        venue.run()
        assert [*before, *venue.of(Bar)] == whole.of(Bar)


def test_history():
    venue = Venue(start=4)
    bars = minute_bars()
    assert venue.gateway.history(MINUTES, None, None) == bars[:4]
    assert venue.gateway.history(MINUTES, 120 * S, 180 * S) == bars[1:3]
    assert venue.gateway.history(MINUTES, 121 * S, None) == bars[2:4]
    assert venue.gateway.history(MINUTES, None, None, 1) == bars[3:4]
    assert venue.gateway.history(MINUTES, 900 * S, None) == []
    assert [b.close for b in venue.gateway.history(Subscription("A", 4, 2), None, None)] == [
        102,
        104,
    ]
    venue.gateway.subscribe(MINUTES)
    venue.run()
    assert venue.gateway.history(MINUTES, None, None) == bars
    assert venue.of(Bar) == bars[4:]
    with pytest.raises(UnsupportedError, match="quotes"):
        venue.gateway.history(Subscription("A", 1, 1, True), None, None)


def test_bars_stamped_at_their_start():
    series = bars_from_list(minute_bars(), stamp="start")
    venue = Venue([series])
    two = Subscription("A", 4, 2)
    venue.gateway.subscribe(MINUTES)
    venue.gateway.subscribe(two)
    venue.market.clock.advance(120)
    assert venue.of(Bar)[0] == minute_bars()[0]
    assert venue.of(Bar)[0].time_ns == 60 * S
    venue.run()
    ends = [bar.time_ns // S for bar in venue.of(Bar) if bar.compression == 2]
    assert ends == [120, 240, 360, 480, 600, 720]


def test_orders_meet_bars_stamped_at_their_start_when_those_end():
    venue = Venue([bars_from_list(minute_bars(), stamp="start")])
    venue.place("a", kind=OrderType.LIMIT, price=50.0, expire_ns=150 * S)
    venue.place("b", kind=OrderType.CLOSE, session_end_ns=180 * S)
    venue.run()
    assert venue.of(OrderReport)[-1].event is OrderEvent.EXPIRED
    (fill,) = venue.of(FillReport)
    # The bar from 120 to 180 seconds.
    assert (fill.client_order_id, fill.price, fill.time_ns) == ("b", 102.0, 180 * S)


def test_ticks_and_quotes():
    series = Generator(seed=1, start_ns=0).ticks("A", 40)
    venue = Venue(series)
    ticks, quotes = Subscription("A", 1), Subscription("A", 1, 1, True)
    for subscription in (ticks, quotes, Subscription("A", 3, 10)):
        venue.gateway.subscribe(subscription)
    venue.place("a")
    venue.run()
    assert venue.of(Tick) == list(series[1].events)
    assert venue.of(Quote) == list(series[0].events)
    assert sum(bar.volume for bar in venue.of(Bar)) == sum(tick.size for tick in venue.of(Tick))
    # The market order traded with the first quote, at the ask.
    assert venue.of(FillReport)[0].price == series[0].events[0].ask
    assert venue.gateway.history(ticks, None, None, 3) == list(series[1].events[-3:])


def test_orders_are_matched_against_the_finest_prices_only():
    minutes = bars_from_list(minute_bars())
    daily = bars_from_list([Bar("A", 5, 1, 300 * S, 50.0, 200.0, 10.0, 100.0)])
    venue = Venue([daily, minutes])
    venue.gateway.subscribe(Subscription("A", 5))
    venue.place("a", kind=OrderType.LIMIT, price=20.0)
    venue.run()
    assert venue.of(FillReport) == []
    assert len(venue.of(Bar)) == 1


def test_instrument():
    venue = Venue()
    assert venue.gateway.instrument("A") == Instrument("A")
    with pytest.raises(UnknownInstrumentError):
        venue.gateway.instrument("ZZZ")


def test_capabilities_follow_from_the_prices():
    bars = capabilities_of([bars_from_list(minute_bars())])
    assert bars.has_timeframe(4, 7)
    assert bars.has_timeframe(5, 1)
    assert not bars.has_timeframe(3, 1)
    assert not bars.ticks
    assert not bars.quotes
    ticks = capabilities_of(Generator().ticks("A", 5))
    assert ticks.ticks
    assert ticks.quotes
    assert ticks.has_timeframe(TimeFrame.SECONDS, 10)
    assert set(OrderType) == bars.order_types


# ------------------------------------------------------------------ orders and the account


def test_cancel_modify_and_mass_status():
    venue = Venue()
    venue.place("a", kind=OrderType.LIMIT, price=50.0)
    venue.place("b", kind=OrderType.LIMIT, price=50.0)
    venue.gateway.modify(OrderModification("a", size=7))
    venue.gateway.cancel("b", None)
    events = [(r.client_order_id, r.event) for r in venue.of(OrderReport)]
    assert events == [
        ("a", OrderEvent.ACCEPTED),
        ("b", OrderEvent.ACCEPTED),
        ("a", OrderEvent.MODIFIED),
        ("b", OrderEvent.CANCELED),
    ]
    status = venue.gateway.mass_status()
    assert isinstance(status, MassStatus)
    assert [(o.client_order_id, o.size) for o in status.orders] == [("a", 7), ("b", 10)]


def test_expiry_between_two_bars_is_told_at_once():
    venue = Venue()
    venue.gateway.subscribe(MINUTES)
    venue.market.clock.advance(60)
    venue.place("a", kind=OrderType.LIMIT, price=50.0, expire_ns=90 * S)
    venue.market.clock.advance(40)
    assert venue.of(OrderReport)[-1].event is OrderEvent.EXPIRED
    assert venue.market.clock.time_ns() == 100 * S


def test_deposit_is_reported():
    venue = Venue()
    venue.gateway.deposit(5.0)
    assert venue.of(AccountReport)[-1].cash == 100_005.0


def test_after_disconnect_nothing_is_told_and_prices_wait():
    venue = Venue()
    venue.gateway.subscribe(MINUTES)
    venue.market.clock.advance(120)
    venue.gateway.disconnect()
    venue.gateway.disconnect()
    venue.market.clock.advance(10_000)
    assert len(venue.reports) == 2
    venue.gateway.connect(venue.reports.append, 5.0)
    assert len(venue.gateway.history(MINUTES, None, None)) == 2
    venue.gateway.subscribe(MINUTES)
    venue.run()
    assert venue.of(Bar) == minute_bars()


def test_disconnect_without_connect():
    market = Market([bars_from_list(minute_bars())], SimulatedClock(0))
    PaperGateway(Exchange(market.clock), market).disconnect()


# ------------------------------------------------------------------ an engine that is stepped


class SteppedEngine:
    """Takes orders and fills them when stepped, like the bar exchange."""

    def __init__(self):
        self.put = None
        self.waiting = []

    def submit(self, group):
        self.waiting += group
        for request in group:
            self.put(OrderReport(OrderEvent.ACCEPTED, 0, request.client_order_id))

    def step(self):
        for request in self.waiting:
            self.put(FillReport("1", "A", request.side, request.size, 1.0, 0))
            self.put(OrderReport(OrderEvent.ACCEPTED, 0, request.client_order_id))
        self.waiting = []

    def mass_status(self, since_ns=None):
        return MassStatus(0)

    def snapshot(self):
        return {"waiting": len(self.waiting)}


def test_a_stepped_engine_is_not_fed_and_reports_at_once(tmp_path):
    market = Market([bars_from_list(minute_bars())], SimulatedClock(0))
    engine, reports = SteppedEngine(), []
    gateway = PaperGateway(engine, market, tmp_path / "paper.json")
    gateway.connect(reports.append, 5.0)
    gateway.subscribe(MINUTES)
    gateway.place([OrderRequest("a", "A", Side.BUY, 1, OrderType.MARKET)])
    assert len(reports) == 1
    market.clock.advance(120)
    assert len(reports) == 3
    gateway.run(engine.step)
    assert len(reports) == 5
    saved = json.loads((tmp_path / "paper.json").read_text())
    assert saved["engine"] == {"waiting": 0}
    engine.put(reports[0])
    assert len(reports) == 6


# ------------------------------------------------------------------ state


def test_a_restart_goes_on_where_the_account_was(tmp_path):
    state = tmp_path / "paper.json"
    first = Venue(state=state)
    first.gateway.subscribe(MINUTES)
    first.market.clock.advance(120)
    first.place("filled")
    first.market.clock.advance(60)
    first.place("live", kind=OrderType.STOP, price=107.5)
    first.market.clock.advance(60)  # 240 s: nothing happened to save

    second = Venue(state=state, clock=SimulatedClock(0))
    status = second.gateway.mass_status()
    assert [order.client_order_id for order in status.orders] == ["filled", "live"]
    assert status.positions[0].size == 10
    assert status.fills == first.gateway.mass_status().fills
    assert second.gateway.history(MINUTES, None, None)[-1].time_ns >= 180 * S
    second.place("filled")
    assert second.of(OrderReport)[-1].reason_code == "DUPLICATE_ID"
    second.run()
    assert [(f.client_order_id, f.price) for f in second.of(FillReport)] == [("live", 107.5)]
    assert not {f.fill_id for f in second.of(FillReport)} & {
        f.fill_id for f in first.of(FillReport)
    }


def test_each_report_leaves_after_the_state_it_tells_of_is_saved(tmp_path):
    state = tmp_path / "paper.json"
    venue = Venue(state=state)
    seen = []

    def put(report):
        saved = json.loads(state.read_text())["engine"]
        orders = {o["request"]["client_order_id"]: o for o in saved["orders"]}
        if isinstance(report, OrderReport):
            seen.append((report.event, orders[report.client_order_id]["state"]))
        elif isinstance(report, FillReport):
            seen.append(("fill", report.fill_id in {f["fill_id"] for f in saved["fills"]}))

    venue.gateway.connect(put, 5.0)
    venue.gateway.subscribe(MINUTES)
    venue.place("a")
    venue.place("b", kind=OrderType.LIMIT, price=1.0, expire_ns=90 * S)
    venue.run()
    assert seen == [
        (OrderEvent.ACCEPTED, "working"),
        (OrderEvent.ACCEPTED, "working"),
        ("fill", True),
        (OrderEvent.EXPIRED, "expired"),
    ]
    assert os.listdir(tmp_path) == ["paper.json"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 99}', "\x00"])
def test_a_broken_state_file_is_named(tmp_path, text):
    state = tmp_path / "paper.json"
    state.write_text(text)
    with pytest.raises(ConfigError, match=r"paper\.json"):
        Venue(state=state)
    assert state.read_text() == text


def test_a_state_file_needs_a_folder(tmp_path):
    with pytest.raises(ConfigError, match="a folder that exists"):
        Venue(state=tmp_path / "folder" / "paper.json")


def test_a_venue_that_cannot_save_is_down(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    venue = Venue(state=folder / "paper.json")
    venue.gateway.subscribe(MINUTES)
    folder.rmdir()
    with pytest.raises(LinkError, match="cannot be saved"):
        venue.place("a")
    # Not a word of the order: nobody may hear of what may be forgotten.
    (down,) = venue.reports
    assert down.state is LinkState.DOWN
    assert str(folder) in down.detail
    venue.run()
    assert len(venue.reports) == 1
    with pytest.raises(LinkError):
        venue.gateway.connect(venue.reports.append, 5.0)
    venue.gateway.disconnect()


CHILD = textwrap.dedent(
    """
    import sys
    from btstores.clock import RealClock
    from btstores.reports import OrderReport, OrderRequest, OrderType, Side
    from btstores.sim.book.account import Account
    from btstores.sim.exchange import Exchange
    from btstores.sim.prices.generator import Generator
    from btstores.sim.market import Market
    from btstores.stores.paper.gateway import PaperGateway

    market = Market([Generator(seed=1).bars("A", 5000)], RealClock(), speed=60000.0)
    engine = Exchange(market.clock, market.instruments.values(), Account(cash=1e9))
    gateway = PaperGateway(engine, market, sys.argv[1])

    def put(report):
        if isinstance(report, OrderReport):
            sys.stdout.write(report.client_order_id + "\\n")
            sys.stdout.flush()

    gateway.connect(put, 5.0)
    for number in range(100000):
        gateway.place([OrderRequest(f"o{number}", "A", Side.BUY, 10, OrderType.LIMIT, 1.0)])
    """
)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
@pytest.mark.parametrize("told", [1, 7, 40])
def test_what_was_told_survives_sigkill(tmp_path, told):
    state = tmp_path / "paper.json"
    source = os.path.dirname(os.path.dirname(btstores.__file__))
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(state)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": source},
        universal_newlines=True,
    )
    try:
        names = [process.stdout.readline().strip() for _ in range(told)]
    finally:
        process.kill()
        names += process.stdout.read().split("\n")[:-1]
        process.stdout.close()
        process.wait()
    venue = Venue([Generator(seed=1).bars("A", 5000)], state=state)
    known = {order.client_order_id for order in venue.gateway.mass_status().orders}
    assert set(names) <= known


# ------------------------------------------------------------------ threads


@pytest.fixture
def real():
    venues = []

    def make(**options):
        venue = Venue([Generator(seed=1).bars("A", 2000)], RealClock(), **options)
        venues.append(venue)
        return venue

    yield make
    for venue in venues:
        venue.gateway.disconnect()


def test_real_time_runs_on_the_clocks_thread(real):
    venue = real(speed=60_000.0, start=10)
    arrived, threads = threading.Event(), set()

    def put(report):
        threads.add(threading.current_thread().name)
        venue.reports.append(report)
        if isinstance(report, FillReport):
            arrived.set()

    venue.gateway.connect(put, 5.0)
    assert len(venue.gateway.history(MINUTES, None, None)) == 10
    assert venue.gateway.mass_status().orders == ()
    venue.gateway.subscribe(MINUTES)
    venue.place("a")
    assert arrived.wait(10)
    assert threads == {"btstores-clock"}
    venue.gateway.disconnect()
    bars = venue.of(Bar)
    expected = list(Generator(seed=1).bars("A", 2000).events)[10 : 10 + len(bars)]
    assert bars == expected
    fill = venue.of(FillReport)[0]
    # Fills carry the very time of the prices that made them.
    assert fill.time_ns in {bar.time_ns for bar in expected}


def test_orders_from_several_threads_while_prices_run(real):
    venue = real(speed=600_000.0, cash=1e9)
    venue.gateway.subscribe(MINUTES)

    def send(prefix):
        for number in range(50):
            venue.place(f"{prefix}{number}", size=1)
            status = venue.gateway.mass_status()
            filled = sum(order.filled for order in status.orders)
            assert filled == sum(p.size for p in status.positions)

    threads = [threading.Thread(target=send, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    status = venue.gateway.mass_status()
    assert len(status.orders) == 200
    assert len({order.client_order_id for order in status.orders}) == 200


def test_prices_that_come_faster_than_they_can_be_told_do_not_lock_orders_out(real):
    venue = real(speed=1e9)

    def put(report):
        for _ in range(2000):
            pass

    venue.gateway.connect(put, 5.0)
    venue.gateway.timeout = 2.0
    venue.gateway.subscribe(MINUTES)
    for number in range(5):
        venue.place(f"o{number}")
    assert len(venue.gateway.mass_status().orders) == 5


def test_a_venue_that_does_not_answer(real):
    venue = real(speed=1.0)
    blocked, done = threading.Event(), threading.Event()

    def block():
        blocked.set()
        done.wait(10)

    venue.market.clock.call_soon(block)
    blocked.wait(10)
    venue.gateway.timeout = 0.05
    try:
        with pytest.raises(LinkError, match=r"did not answer in 0\.05 s"):
            venue.gateway.mass_status()
    finally:
        venue.gateway.timeout = 5.0
        done.set()


# ------------------------------------------------------------------ on another store's data


class OtherStore:
    def __init__(self):
        self.listeners = []

    def tap(self, listener):
        self.listeners.append(listener)

    def instrument(self, symbol):
        if symbol == "ZZZ":
            raise UnknownInstrumentError(symbol, "other")
        return Instrument(symbol, tick_size=0.5)

    def tell(self, report):
        for listener in self.listeners:
            listener(report)


@pytest.fixture
def tapped():
    other, clock, reports = OtherStore(), SimulatedClock(1000 * S), []
    exchange = Exchange(clock, (), Account(cash=100_000.0))
    gateway = TapGateway(exchange, clock, other.tap, other.instrument)
    gateway.connect(reports.append, 5.0)
    return other, gateway, reports


def test_tap_trades_on_the_other_stores_prices(tapped):
    other, gateway, reports = tapped
    other.tell(LinkReport(LinkState.UP))
    other.tell(Tick("A", 1000 * S, 100.0, 50.0))
    gateway.place([OrderRequest("a", "A", Side.BUY, 10, OrderType.MARKET)])
    other.tell(Tick("A", 1001 * S, 101.0, 50.0))
    assert [type(report).__name__ for report in reports] == [
        "OrderReport",
        "FillReport",
        "PositionReport",
        "AccountReport",
    ]
    assert reports[1].price == 101.0


def test_tap_knows_the_other_stores_instruments(tapped):
    _, gateway, reports = tapped
    assert gateway.instrument("A").tick_size == 0.5
    limit = OrderRequest("a", "A", Side.BUY, 10, OrderType.LIMIT, 99.3)
    gateway.place([limit])
    assert reports[-1].reason_code == "BAD_TICK"
    with pytest.raises(UnknownInstrumentError):
        gateway.place([limit._replace(symbol="ZZZ")])
    with pytest.raises(UnsupportedError):
        gateway.subscribe(MINUTES)
    with pytest.raises(UnsupportedError):
        gateway.history(MINUTES, None, None)
    gateway.unsubscribe(MINUTES)


def test_tap_listens_once_and_survives_a_restart(tmp_path):
    other, clock = OtherStore(), SimulatedClock(1000 * S)

    def make():
        exchange = Exchange(clock, (), Account(cash=100_000.0))
        gateway = TapGateway(exchange, clock, other.tap, other.instrument, tmp_path / "s.json")
        gateway.connect(lambda report: None, 5.0)
        return gateway

    first = make()
    first.disconnect()
    first.connect(lambda report: None, 5.0)
    assert len(other.listeners) == 1
    first.place([OrderRequest("a", "A", Side.BUY, 10, OrderType.LIMIT, 90.0)])
    other.listeners.clear()
    second = make()
    other.tell(Bar("A", 4, 1, 1060 * S, 95.0, 95.0, 89.0, 90.0))
    assert second.mass_status().positions[0].size == 10


def test_series_of_mixed_symbols_share_the_account():
    series = [bars_from_list(minute_bars(name)) for name in "AB"]
    venue = Venue(series)
    venue.gateway.subscribe(MINUTES)
    venue.gateway.place([OrderRequest("a", "B", Side.SELL, 10, OrderType.MARKET)])
    venue.run()
    assert venue.of(FillReport)[0].symbol == "B"
    assert {bar.symbol for bar in venue.of(Bar)} == {"A"}
    assert series_of(Instrument("A"), [], 4).known_at(0) == 0
