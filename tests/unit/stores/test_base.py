"""What is true of every store: identity, lifecycle, handlers, notifications, reconnecting."""

from __future__ import annotations

import threading

import backtrader as bt
import pytest

from btstores.clock import RealClock
from btstores.errors import (
    ConfigError,
    JournalError,
    LinkError,
    UnknownInstrumentError,
    VenueRefused,
)
from btstores.handlers.base import Handler
from btstores.handlers.order_handler import OrderHandler
from btstores.instruments import Instrument
from btstores.markets import MarketConfig, MarketType
from btstores.orders.book import OrderRecord
from btstores.reports import (
    AccountReport,
    FillReport,
    LinkReport,
    LinkState,
    MassStatus,
    OrderEvent,
    OrderReport,
    OrderRequest,
    OrderType,
    PositionReport,
    Side,
    Subscription,
    Tick,
)
from tests.support.session import SECOND, Session, bar
from tests.support.venue import T0, ScriptedGateway, new_store


@pytest.fixture
def store():
    store = new_store()
    yield store
    store.stop()


# Lifecycle.


def test_starting_connects_once_whoever_asks(store):
    for _ in range(3):
        store.start()
        store.start(broker=store.getbroker())
    assert store.gateway.connects == 1
    assert store.connected
    assert store.authenticated


def test_stopping_may_be_repeated_and_a_stopped_store_may_start_again(store):
    store.stop()  # never started
    store.start()
    for _ in range(3):
        store.stop()
    assert not store.connected
    store.start()
    assert store.connected
    assert store.gateway.connects == 2


def test_a_venue_that_cannot_be_reached_is_a_link_error(store):
    def fail(put, timeout):
        raise OSError("unreachable")

    store.gateway.connect = fail
    with pytest.raises(LinkError, match="scripted: cannot connect: unreachable"):
        store.start()
    assert not store.connected
    del store.gateway.connect
    store.start()
    assert store.connected


def test_a_venue_that_comes_up_late_is_waited_for():
    store = new_store(start_timeout=60.0)
    errors = [LinkError("not up yet"), OSError("refused"), None]
    connect = store.gateway.connect

    def late(put, timeout):
        error = errors.pop(0)
        if error is not None:
            raise error
        connect(put, timeout)

    store.gateway.connect = late
    store.start()
    assert store.authenticated
    assert errors == []
    news = store.get_notifications()
    assert [(msg, args) for msg, args, _ in news[:2]] == [
        ("no link yet", ("not up yet",)),
        ("no link yet", ("refused",)),
    ]
    store.stop()


def test_a_venue_is_waited_for_no_longer_than_is_said():
    store = new_store(start_timeout=60.0)
    began_ns = store.clock.time_ns()

    def fail(put, timeout):
        raise LinkError("not up")

    store.gateway.connect = fail
    with pytest.raises(LinkError, match="not up"):
        store.start()
    assert 10 < (store.clock.time_ns() - began_ns) / 1e9 < 60


def test_what_will_not_become_better_is_not_tried_again():
    store = new_store(start_timeout=60.0)
    calls = []

    def refuse(put, timeout):
        calls.append(1)
        raise VenueRefused("wrong password")

    store.gateway.connect = refuse
    with pytest.raises(VenueRefused, match="wrong password"):
        store.start()
    assert calls == [1]


def test_a_failed_query_is_never_an_empty_account(store):
    def fail(since_ns=None):
        raise OSError("no answer")

    store.gateway.mass_status = fail
    with pytest.raises(LinkError):
        store.start()
    assert not store.authenticated


def test_something_may_be_told_before_the_start(store):
    store.put_notification("early", 1, key=2)
    assert store.get_notifications() == [("early", (1,), {"key": 2})]
    assert store.get_notifications() == []


def test_a_strategy_hears_what_was_told_before_the_start():
    session = Session()
    session.store.put_notification("early", 1)
    session.feed()
    assert ("early", (1,)) in session.run().news


def test_a_store_that_only_a_broker_uses_is_heard_too():
    session = Session()
    other = new_store()
    other.gateway.bars["A"] = [bar(0), bar(1)]
    feed = other.getdata(dataname="A", timeframe=bt.TimeFrame.Minutes, historical=True)
    session.cerebro.adddata(feed)
    session.store.put_notification("from the broker's store")
    assert "from the broker's store" in session.run().messages()


# Handlers.


class Counting(OrderHandler):
    """Takes the place of the standard handler."""

    def __init__(self):
        super().__init__()
        self.accepted = []

    def on_accepted(self, record, report):
        self.accepted.append(record.client_order_id)
        super().on_accepted(record, report)


class Fills(Handler):
    """Is called after the standard handlers."""

    reports = (FillReport, Tick)

    def __init__(self):
        self.seen = []

    def handle(self, report):
        self.seen.append(report)


class Broken(Handler):
    reports = (FillReport,)

    def handle(self, report):
        raise RuntimeError("a mistake of the user")


def run_with(*handlers):
    session = Session(new_store(handlers=list(handlers)))
    session.feed()
    session.bars(10, 11)
    session.accept(61)
    session.fill(62)
    return session, session.run(script={1: lambda s: s.buy(size=5)})


def test_a_handler_of_the_user_takes_the_place_of_a_standard_one():
    own = Counting()
    session, diary = run_with(own)
    assert session.store.order_handler is own
    assert own.accepted == [session.request(0).client_order_id]
    assert [told.status for told in diary.told] == ["Submitted", "Accepted", "Completed"]


def test_a_handler_may_be_added():
    fills = Fills()
    _, diary = run_with(fills)
    assert [type(report) for report in fills.seen] == [FillReport]
    assert diary.position.size == 5


def test_an_error_in_a_handler_is_told_and_loses_no_report():
    fills = Fills()
    _, diary = run_with(Broken(), fills)
    assert len(fills.seen) == 1
    assert diary.position.size == 5
    (told,) = [args for msg, args in diary.news if msg == "handler failed"]
    assert str(told[0]) == "a mistake of the user"
    assert told[1] == fills.seen[0]


def test_reports_are_handled_in_the_order_of_their_arrival(store):
    class Everything(Fills):
        reports = (Tick, FillReport, PositionReport, LinkReport)

    everything = Everything()
    store = new_store(handlers=[everything])
    sent = [
        Tick("A", 1, 1.0),
        PositionReport("A", 1.0),
        Tick("A", 2, 1.0),
        LinkReport(LinkState.UP),
        FillReport("f", "A", Side.BUY, 1.0, 1.0, 3),
    ]
    for report in sent:
        store.put(report)
    assert store.process_events() == len(sent)
    assert store.process_events() == 0
    assert everything.seen == sent


def test_a_start_that_fails_half_way_logs_out_again(store):
    calls = []

    def mass_status(since_ns=None):
        raise LinkError("no answer")

    store.gateway.mass_status = mass_status
    store.gateway.disconnect = lambda: calls.append("disconnect")
    with pytest.raises(LinkError):
        store.connect()
    assert calls == ["disconnect"]
    store.process_events()
    assert not store.connected
    del store.gateway.mass_status
    store.connect()
    assert store.authenticated


def test_a_store_does_not_run_without_the_journal_it_was_given(tmp_path):
    store = new_store(journal=str(tmp_path / "missing" / "journal.db"))
    for _ in range(2):
        with pytest.raises(JournalError):
            store.connect()
    assert not store.gateway.connects


# Reconnecting.


def test_a_broken_link_is_made_again_with_its_subscriptions():
    session = Session()
    session.feed("A")
    session.feed("B")
    session.at(10, session.venue.break_link)
    seen = []
    session.at(60, lambda: seen.extend(session.venue.subscribed))
    diary = session.run()
    assert session.venue.connects == 2
    assert sorted(seen) == [Subscription(symbol, 4, 1) for symbol in "AB"]
    assert [m for m in diary.messages() if m in ("connected", "link lost")] == [
        "connected",
        "link lost",
        "connected",
    ]


def test_a_break_that_is_told_twice_is_mended_once():
    session = Session()
    session.feed()
    session.at(10, session.venue.break_link)
    session.at(10, session.venue.break_link)
    session.at(100, lambda: None)
    session.run()
    assert session.venue.connects == 2


def test_attempts_come_at_growing_and_uneven_intervals():
    session = Session(new_store(reconnect_interval=1.0))
    session.feed()
    session.venue.connect_error = OSError("still down")
    times = []
    disconnect = session.venue.disconnect

    def noted():
        times.append((session.clock.time_ns() - T0) / SECOND)
        disconnect()

    session.venue.disconnect = noted
    session.at(10, session.venue.break_link)
    session.at(600, lambda: setattr(session.venue, "connect_error", None))
    session.at(800, lambda: None)
    session.run()
    waits = [b - a for a, b in zip([10.0, *times], times)]
    for number, wait in enumerate(waits[:6]):
        assert 0.75 * 2**number <= wait <= 1.25 * 2**number
    assert max(waits[:-1]) <= 75.0, "a minute at most, give or take a quarter"
    assert session.venue.connects == 2


def test_a_store_that_shall_not_reconnect_does_not():
    session = Session(new_store(reconnect=False))
    session.feed()
    session.at(10, session.venue.break_link)
    session.at(500, lambda: None)
    session.run()
    assert session.venue.connects == 1


@pytest.mark.parametrize("number", [1, 2], ids=["at first", "after a break"])
def test_a_stream_that_cannot_be_had_for_want_of_a_link_is_asked_for_again(number):
    session = Session()
    subscribe, asked = session.venue.subscribe, []

    def unlucky(subscription):
        asked.append(subscription)
        if len(asked) == number:
            raise LinkError("gone again")
        subscribe(subscription)

    session.venue.subscribe = unlucky
    session.feed()
    session.at(10, session.venue.break_link)
    session.bar(5, 10.0)
    diary = session.run()
    assert len(diary.data) == 1
    assert ("A", "NOTSUBSCRIBED") not in diary.statuses


def test_a_link_that_is_told_lost_many_times_is_tried_once_at_a_time():
    session = Session(new_store(reconnect_interval=1.0))
    attempts = []

    def disconnect():
        attempts.append(session.clock.time_ns())
        session.venue.break_link()  # as client libraries do when they are told to log out

    session.feed()
    session.venue.disconnect = disconnect
    session.venue.connect_error = LinkError("still down")
    session.at(10, session.venue.break_link)
    session.at(10, session.venue.break_link)
    session.at(400, lambda: None)
    session.run()
    assert 8 <= len(attempts) <= 15


def test_a_link_that_is_down_for_days_is_still_tried():
    session = Session()
    session.feed()
    session.venue.connect_error = LinkError("still down")

    def come_back():
        session.venue.connect_error = None

    session.at(10, session.venue.break_link)
    session.at(3 * 86_400, come_back)
    session.at(3 * 86_400 + 100, lambda: None)
    diary = session.run()
    assert diary.statuses[-1] == ("A", "LIVE")


def test_what_happened_while_away_is_applied_once():
    session = Session()
    session.feed()
    session.bars(10, 11)
    session.accept(61)

    def outage():
        request = session.request(0)
        fill = FillReport("F", "A", Side.BUY, 2.0, 10.0, 0, request.client_order_id, "V0")
        order = OrderReport(
            OrderEvent.CANCELED, 0, request.client_order_id, "V0", reason="by the venue"
        )
        session.venue.status = MassStatus(0, (order,), (fill,), (PositionReport("A", 2.0),))
        session.venue.break_link()

    session.at(70, outage)
    session.at(90, session.venue.break_link)
    limit = {1: lambda s: s.buy(size=5, price=9.0, exectype=bt.Order.Limit)}
    diary = session.run(script=limit)
    assert session.venue.connects == 3
    assert diary.position.size == 2
    assert sum(told.status == "Canceled" for told in diary.told) >= 1
    assert diary.told[-1].filled == 2
    assert not diary.made[0].alive()
    assert diary.made[0].info.reconciled


# The account, instruments and markets.


def test_the_account_is_as_last_told_and_unknown_before(store):
    assert store.get_cash() is store.get_value() is store.currency is None
    store.gateway.status = MassStatus(
        0,
        accounts=(AccountReport("acc", "HKD", 5.0, 6.0),),
        positions=(PositionReport("A", 2.0), PositionReport("B", 0.0)),
    )
    store.start()
    assert (store.get_cash(), store.get_value(), store.currency) == (5.0, 6.0, "HKD")
    assert list(store.get_positions()) == ["A"]
    store.put(LinkReport(LinkState.DOWN))
    store.process_events()
    assert store.get_value() == 6.0


def test_an_instrument_is_asked_for_once(store):
    asked = []

    def instrument(symbol):
        asked.append(symbol)
        return Instrument(symbol, currency="HKD")

    store.gateway.instrument = instrument
    store.start()
    assert store.instrument("A").currency == store.instrument("A").currency == "HKD"
    assert asked == ["A"]
    del store.gateway.instrument
    with pytest.raises(UnknownInstrumentError):
        store.instrument("?")


def test_history_can_be_had_without_a_feed(store):
    store.start()
    store.gateway.bars["A"] = [bar(0), bar(1)]
    assert store.get_history_data("A", 4, start_ns=T0 + 1, count=5) == [bar(1)]
    assert store.gateway.asked == [(Subscription("A", 4, 1), T0 + 1, None, 5)]


def test_subscriptions_are_counted(store):
    store.start()
    for _ in range(3):
        store.subscribe_market_data("A", 4)
    store.subscribe_market_data("A", 4, 5)
    assert store.gateway.subscribed == [Subscription("A", 4, 1), Subscription("A", 4, 5)]
    for _ in range(2):
        store.unsubscribe_market_data("A", 4)
    assert store.gateway.unsubscribed == []
    for _ in range(3):
        store.unsubscribe_market_data("A", 4)
    assert store.gateway.unsubscribed == [Subscription("A", 4, 1)]


def test_markets_are_data_of_the_store():
    own = MarketConfig(MarketType.HK_STOCK, "HKD", "Asia/Hong_Kong", lot=100)
    store = new_store(markets=[own], market=MarketType.HK_STOCK)
    assert store.get_market_config() is own
    assert store.get_market_config(MarketType.HK_OPTION).currency == "HKD"
    store.register_market(MarketConfig(MarketType.HK_OPTION, "USD"))
    assert store.get_market_config(MarketType.HK_OPTION).currency == "USD"
    assert new_store().get_market_config(MarketType.HK_STOCK) != own
    with pytest.raises(ConfigError, match="expected a MarketConfig"):
        store.register_market("HK")


def test_the_broker_is_always_the_same_one(store):
    assert store.getbroker() is store.getbroker()


# Threads.


def test_the_venue_is_called_on_the_stores_own_thread_and_heard_on_the_callers():
    gateway = ScriptedGateway()
    threads = {}
    for name in ("connect", "mass_status", "place", "disconnect"):
        call = getattr(gateway, name)

        def noted(*args, name=name, call=call):
            threads[name] = threading.current_thread().name
            return call(*args)

        setattr(gateway, name, noted)
    heard = []

    class Here(Fills):
        def handle(self, report):
            heard.append(threading.current_thread())

    store = new_store(gateway=gateway, clock=RealClock(), handlers=[Here()])
    store.start()
    request = OrderRequest("c1", "A", Side.BUY, 1.0, OrderType.MARKET)
    store.order_create(OrderRecord(request))
    store.outbox.call(len, "", timeout=30)
    store.put(Tick("A", 1, 1.0))
    store.process_events()
    store.stop()
    assert set(threads.values()) == {"btstores-scripted"}
    assert len(threads) == 4
    assert heard == [threading.current_thread()]


@pytest.mark.parametrize(
    ("action", "state", "cancelled"),
    [("halt", "halted", 0), ("reduce", "reducing", 0), ("kill", "halted", 1)],
)
def test_trading_is_controlled_from_outside(action, state, cancelled):
    store = new_store()
    store.connect()
    request = OrderRequest("c1", "A", Side.BUY, 1.0, OrderType.LIMIT, 9.0)
    assert store.order_create(OrderRecord(request))
    store.control(action, "a person")
    store.process_events()
    assert store.desk.risk.state.value == state
    assert len(store.gateway.cancelled) == cancelled
    assert ("trading state", ("active", state, "a person"), {}) in store.get_notifications()
    assert not store.order_create(OrderRecord(request._replace(client_order_id="c2")))
    store.control("resume", "a person")
    store.process_events()
    assert store.order_create(OrderRecord(request._replace(client_order_id="c3")))


def test_what_cannot_be_asked_of_trading_is_named():
    with pytest.raises(ConfigError, match="action='stop': expected one of resume, reduce"):
        new_store().control("stop", "a person")
