"""The store on a simulated OpenD that fails in every way that is known of the real one."""

from __future__ import annotations

import dataclasses
import logging

import pytest

pytest.importorskip("futu", reason="futu-api is not installed")

from btstores.clock import wall_clock
from btstores.errors import ConfigError, LinkError, UnknownInstrumentError
from btstores.instruments import TimeFrame
from btstores.markets import MarketType, Sessions, get_market_config
from btstores.orders.lifecycle import OrderState
from btstores.reports import (
    LinkState,
    OrderEvent,
    Subscription,
    Tick,
)
from btstores.sim.replay import ReplayClock
from btstores.stores.futu import sdk
from btstores.stores.futu.opend import OpenDConfig, make_opend
from btstores.stores.futu.store import FutuStore
from tests.support.opend import give_key, make_key, wait_for
from tests.support.stage import Stage

SYMBOL = "HK.00700"
TICKS = Subscription(SYMBOL, int(TimeFrame.TICKS))
MINUTES = Subscription(SYMBOL, int(TimeFrame.MINUTES))


class FutuStage(Stage):
    """A store and its OpenD."""

    def __init__(self, opend, **params):
        self.opend = opend
        given = {"timeout": 5.0, "reconnect_interval": 0.02, "market": MarketType.HK_STOCK}
        make = FutuStore
        super().__init__(make(port=opend.port, **{**given, **params}), SYMBOL, 100.0, 400.0)

    def cut(self, name, **options):
        """Break the link and wait until it is back."""
        before = len(self.links)
        self.opend.faults.on(name, **options)
        self.until(lambda: self.is_back(before))


@pytest.fixture(autouse=True)
def quiet(caplog):
    caplog.set_level(logging.CRITICAL, "btstores")


@pytest.fixture
def opend():
    made = make_opend(OpenDConfig(port=0, symbols=(SYMBOL,), speed=1.0, throttled=False))
    made.start()
    yield made
    made.stop()


@pytest.fixture
def stage(opend):
    made = []

    def make(**params):
        made.append(FutuStage(opend, **params))
        return made[-1]

    yield make
    for each in made:
        each.store.stop()


def account_of(opend, acc_id=1001):
    return opend.accounts[acc_id]


# Coming in


def test_where_nobody_listens(stage, opend):
    opend.stop()
    with pytest.raises(LinkError, match=r"OpenD does not listen at 127\.0\.0\.1:\d+.*running"):
        stage().store.connect()


@pytest.mark.parametrize("fault", ["init_refused", "upstream_down"])
def test_an_opend_that_does_not_let_us_in(stage, opend, fault):
    opend.faults.on(fault)
    with pytest.raises(LinkError, match=r"does not let us in|not logged in"):
        stage().store.connect()


def test_an_opend_that_does_not_answer(stage, opend):
    opend.faults.on("init_unanswered", times=5)
    with pytest.raises(LinkError, match="did not finish within"):
        stage(timeout=0.5).store.connect()


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"account": "99"}, "account='99': expected one of the SIMULATE accounts .*: 1001"),
        ({"account": 1002}, "account='1002': expected one of the SIMULATE accounts .*: 1001"),
        ({"market": MarketType.HK_OPTION}, "account=None: expected .*: none"),
        ({"security_firm": "NOBODY"}, "security_firm='NOBODY'"),
    ],
)
def test_an_account_that_is_not_there_is_refused_with_those_that_are(stage, params, message):
    with pytest.raises((ConfigError, LinkError), match=message):
        stage(**params).store.connect()


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"market": MarketType.FOREX}, "market"),
        ({"trade_env": "PLAY"}, "trade_env"),
        ({"unlock": "123456"}, "unlock"),
        ({"port": 0}, "port"),
    ],
)
def test_parameters_that_make_no_sense(params, field):
    with pytest.raises(ConfigError) as caught:
        FutuStore(**params)
    assert caught.value.field == field
    assert "123456" not in str(caught.value)


def test_each_market_finds_its_simulated_account(stage):
    for market, account in (
        (MarketType.HK_STOCK, 1001),
        (MarketType.US_STOCK, 1002),
        (MarketType.CN_STOCK, 1003),
        (MarketType.HK_FUTURE, 1004),
        (MarketType.US_FUTURE, 1005),
    ):
        store = stage(market=market).connect().store
        assert store.gateway.trading.terms.account == account
        assert store.get_value() == 1_000_000.0
        assert store.currency == store.get_market_config().currency.replace("CNY", "CNH")


def test_a_locked_account_refuses_orders_with_the_cure(stage):
    one = stage(trade_env="REAL").connect()
    record = one.order(price=300.0)
    one.until(lambda: not record.live)
    assert record.state is OrderState.REJECTED
    assert "unlock" in record.reason.lower()


def test_the_password_is_asked_for_once_and_kept_nowhere(stage, opend):
    asked = []

    def unlock():
        asked.append(1)
        return "123456"

    one = stage(trade_env="REAL", unlock=unlock).connect()
    record = one.order(price=300.0)
    one.until(lambda: record.state is OrderState.ACCEPTED)
    one.cut("reset")
    assert len(asked) == 1
    assert "123456" not in repr(one.store)
    assert "123456" not in repr(vars(one.store.gateway))


def test_a_wrong_password_is_never_tried_again(stage):
    asked = []

    def unlock():
        asked.append(1)
        return "nonsense"

    one = stage(trade_env="REAL", unlock=unlock)
    with pytest.raises((ConfigError, LinkError), match="does not unlock trading") as caught:
        one.store.connect()
    assert "nonsense" not in str(caught.value)
    one.connect()  # the account can be looked at
    assert len(asked) == 1


@pytest.mark.parametrize("aes", ["cbc", "ecb"])
def test_an_encrypted_link(tmp_path, monkeypatch, aes):
    key = make_key(tmp_path / "rsa.pem")
    give_key(monkeypatch, key)
    made = make_opend(OpenDConfig(port=0, symbols=(SYMBOL,), throttled=False, rsa_key=key, aes=aes))
    made.start()
    one = FutuStage(made, rsa_key=key)
    try:
        record = one.connect().order(price=300.0)
        one.until(lambda: record.state is OrderState.ACCEPTED)
    finally:
        one.store.stop()
        made.stop()


@pytest.mark.parametrize(
    ("text", "message"),
    [(None, "a file to read"), ("nonsense", r"an RSA key \(PKCS#1\) without a password")],
)
def test_a_key_that_is_none_is_named(stage, tmp_path, text, message):
    path = tmp_path / "rsa.pem"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        stage(rsa_key=path).store.connect()
    assert caught.value.field == "rsa_key"


# The link


@pytest.mark.parametrize(
    ("fault", "options"),
    [
        ("clean_close", {}),
        ("reset", {}),
        ("mid_frame_drop", {}),
        ("listener_down", {"seconds": 0.3}),
        ("upstream_down", {"lasts": 0.3}),
    ],
)
def test_after_every_break_all_is_as_before(stage, opend, fault, options):
    one = stage().connect()
    one.store.subscribe_market_data(SYMBOL, TimeFrame.TICKS)
    resting = one.order(price=300.0)
    one.until(lambda: resting.state is OrderState.ACCEPTED and one.ticks)
    one.cut(fault, **options)
    seen = len(one.ticks)
    price = opend.world.last_price(SYMBOL)
    one.until(lambda: opend.world.inject(Tick(SYMBOL, 0, price, 100.0)) or len(one.ticks) > seen)
    assert resting.live
    one.store.order_cancel(resting)
    one.until(lambda: resting.state is OrderState.CANCELED)


def test_the_client_itself_is_not_left_to_reconnect(stage, opend):
    one = stage().connect()
    old = list(one.store.gateway._connections)
    one.cut("reset")
    assert not any(connection.ready for connection in old)
    assert len(opend.sessions) == 2


def test_an_opend_that_falls_silent_is_left(stage, opend):
    one = stage(timeout=1.0).connect()
    for connection in one.store.gateway._connections:
        connection._context._conn_alive_timeout = 0.5  # of 33 seconds
    opend.faults.on("silence", lasts=2.0)
    one.until(lambda: one.has_been(LinkState.DOWN))
    one.until(lambda: one.store.authenticated)


def test_two_markets_are_two_accounts_of_one_opend(stage):
    hong_kong = stage().connect()
    united_states = stage(market=MarketType.US_STOCK).connect()
    assert hong_kong.store is not united_states.store
    assert (hong_kong.store.currency, united_states.store.currency) == ("HKD", "USD")
    order = hong_kong.order()
    hong_kong.until(lambda: order.state is OrderState.COMPLETED)
    united_states.until(lambda: True)
    assert united_states.ears.events == []


def test_an_order_that_is_made_while_opend_is_away_is_refused_and_never_sent(stage, opend):
    one = stage().connect()
    opend.faults.on("listener_down", seconds=0.5)
    one.until(lambda: one.has_been(LinkState.DOWN))
    record = one.order(price=300.0)
    assert (record.state, record.reason_code) == (OrderState.REJECTED, "LINK_DOWN")
    one.until(lambda: one.store.authenticated)
    assert account_of(opend).order_list() == []


def test_a_subscription_that_is_refused_after_a_break_is_told(stage, opend):
    one = stage().connect()
    one.store.subscribe_market_data(SYMBOL, TimeFrame.TICKS)
    one.until(lambda: one.ticks)
    opend.faults.on("sub_fails", text="no luck")
    one.cut("reset")
    silent = [link for link in one.links if link.state is LinkState.SILENT]
    assert [(link.subscription, link.detail) for link in silent] == [(TICKS, "no luck")]


@pytest.mark.parametrize("fault", ["quota_full", "no_right"])
def test_a_stream_that_cannot_be_had_is_refused_with_opends_reason(stage, opend, fault):
    opend.faults.on(fault, text="because")
    one = stage().connect()
    one.store.subscribe_market_data(SYMBOL, TimeFrame.MINUTES)
    one.until(lambda: any(link.state is LinkState.REFUSED for link in one.links))
    assert one.links[-1].detail == "because"


# Orders whose messages are lost, late or doubled


def test_an_answer_that_is_lost_leaves_the_outcome_to_the_pushes(stage, opend):
    one = stage().connect()
    opend.faults.on("ack_lost")
    gateway = one.store.gateway
    gateway.trading.connection._context._query_timeout = 0.3
    record = one.order(price=300.0)
    one.until(lambda: record.state is OrderState.ACCEPTED)
    one.until(lambda: not record.outcome_unknown)
    one.store.order_cancel(record)
    one.until(lambda: record.state is OrderState.CANCELED)


def test_pushes_that_come_before_the_answer_twice_and_out_of_order_change_nothing(stage, opend):
    one = stage().connect()
    opend.faults.on("push_before_ack")
    for name in ("duplicate_push", "reorder_push"):
        opend.faults.on(name, times=3, proto_id=2208)
    record = one.order()
    one.until(lambda: record.state is OrderState.COMPLETED)
    assert record.filled == sum(fill.size for fill in one.ears.fills) == 100.0
    assert one.store.get_positions()[SYMBOL].size == 100.0 or one.until(
        lambda: one.store.get_positions()[SYMBOL].size == 100.0
    )


@pytest.mark.parametrize("environment", ["SIMULATE", "REAL"])
def test_what_was_filled_days_ago_is_told_to_the_next_process(stage, opend, tmp_path, environment):
    """It is in OpenD's lists of the past alone."""
    days_ns, now_ns = 3 * 24 * 3600 * 10**9, opend.world.now_ns()
    params = {"journal": str(tmp_path / "account.journal"), "trade_env": environment}
    if environment == "REAL":
        params["unlock"] = "123456".strip
    before = ReplayClock(wall_clock(), now_ns - days_ns, 1.0)
    before.run()
    first = stage(clock=before, **params).connect()
    record = first.order(price=opend.world.last_price(SYMBOL) - 2.0)
    first.told(OrderEvent.ACCEPTED)
    account = first.store.gateway.trading.terms.account
    first.store.stop()
    opend.world.inject(Tick(SYMBOL, 0, record.request.price - 1.0, 100_000.0))
    venue = opend.accounts[account]
    wait_for(lambda: venue.fills)
    with venue.guard():
        for order in venue.orders.values():
            order.created_ns -= days_ns
            order.updated_ns -= days_ns
        for fill in venue.fills:
            fill.time_ns -= days_ns
            fill.updated_ns -= days_ns
    again = stage(**params).connect()
    again.until(lambda: again.held() == 100.0)
    assert [fill.size for fill in again.ears.fills] == [100.0]
    found = again.store.book.find(record.client_order_id)
    assert (found.state, found.filled) == (OrderState.COMPLETED, 100.0)


def test_fills_that_happen_while_the_link_is_broken_are_told_once(stage, opend):
    one = stage().connect()
    record = one.order(price=opend.world.last_price(SYMBOL) - 2.0)
    one.until(lambda: record.state is OrderState.ACCEPTED)
    opend.faults.on("listener_down", seconds=0.5)
    one.until(lambda: one.has_been(LinkState.DOWN))
    opend.world.inject(Tick(SYMBOL, 0, record.request.price - 1.0, 100_000.0))
    one.until(lambda: record.state is OrderState.COMPLETED)
    assert sum(fill.size for fill in one.ears.fills) == 100.0


def test_an_order_by_hand_is_seen_and_changes_the_position(stage, opend):
    one = stage().connect()
    account_of(opend).place_by_hand(SYMBOL, "buy", 200)
    one.until(lambda: SYMBOL in one.store.get_positions())
    assert one.store.get_positions()[SYMBOL].size == 200.0
    assert one.store.get_cash() < 1_000_000.0


def test_money_that_was_paid_in_is_told_without_an_order(stage, opend):
    one = stage().connect()
    before = one.store.get_cash()
    account_of(opend).deposit(500.0)
    one.until(lambda: one.store.get_cash() == before + 500.0)


def test_a_refusal_has_opends_words(stage, opend):
    one = stage(checks={"size": "off", "power": "off"}).connect()
    lot = one.order(size=50.0, price=300.0)
    dear = one.order(size=1_000_000.0, price=300.0)
    one.until(lambda: not lot.live and not dear.live)
    assert lot.state is OrderState.REJECTED
    assert "lot" in lot.reason.lower()
    assert "buying power" in dear.reason
    assert dear.state is OrderState.MARGIN


def test_an_order_that_futu_refuses_later_is_rejected_with_the_reason(stage, opend):
    one = stage().connect()
    account_of(opend).reject_next("the exchange says no")
    record = one.order(price=300.0)
    one.until(lambda: not record.live)
    assert (record.state, record.reason) == (OrderState.REJECTED, "the exchange says no")


def test_changes_of_size_and_price(stage, opend):
    one = stage().connect()
    record = one.order(size=200.0, price=300.0)
    one.until(lambda: record.state is OrderState.ACCEPTED)
    assert one.store.order_modify(record, price=301.0, size=300.0) == []
    one.until(lambda: OrderEvent.MODIFIED in one.ears.events)
    assert (record.request.price, record.request.size) == (301.0, 300.0)
    (listed,) = account_of(opend).order_list()
    assert (listed["price"], listed["qty"]) == (301.0, 300.0)


def test_of_a_universal_account_only_its_market_counts(stage, opend):
    one = stage(trade_env="REAL", unlock=lambda: "123456").connect()
    trading = one.store.gateway.trading
    order = sdk.pb("Trd_Common").Order()
    order.trdSide, order.orderType, order.orderStatus, order.orderID = 1, 1, 5, 9
    order.orderIDEx, order.code, order.name, order.qty = "F9", "AAPL", "APPLE", 1.0
    order.createTime = order.updateTime = "2024-01-03 10:00:00"
    order.secMarket, order.trdMarket = 2, 2
    assert trading._tracker.hear(order, 1) == []
    order.secMarket, order.trdMarket, order.code = 1, 1, "00700"
    assert [report.symbol for report in trading._tracker.hear(order, 1)] == ["HK.00700"]


# Numbers that are not there


def test_missing_numbers_are_no_prices(stage, opend):
    opend.faults.on("na_numbers")
    one = stage().connect()
    one.store.subscribe_market_data(SYMBOL, TimeFrame.MINUTES)
    one.store.instrument(SYMBOL)
    record = one.order()
    filled = account_of(opend).order_list
    one.until(lambda: filled() and filled()[0]["filled"] == 100.0)
    assert one.ears.fills == [], "at which price?"
    opend.faults.clear()
    one.until(lambda: record.state is OrderState.COMPLETED)
    assert [fill.size for fill in one.ears.fills] == [100.0]
    assert all(bar.close > 0 for bar in one.bars)


def test_an_unknown_code_is_named(stage):
    one = stage().connect()
    with pytest.raises(UnknownInstrumentError, match=r"HK\.99999"):
        one.store.instrument("HK.99999")


def test_what_is_known_of_an_instrument(stage):
    instrument = stage().connect().store.instrument(SYMBOL)
    assert (instrument.lot, instrument.currency, instrument.kind) == (100.0, "HKD", None)
    assert [instrument.tick_at(price) for price in (50.0, 150.0, 400.0)] == [0.05, 0.1, 0.2]


# Bars


def test_bars_are_complete_and_each_comes_once_over_a_break(stage):
    fast = make_opend(OpenDConfig(port=0, symbols=(SYMBOL,), speed=240.0, throttled=False))
    fast.start()
    one = FutuStage(fast)
    try:
        one.connect()
        one.store.subscribe_market_data(SYMBOL, TimeFrame.MINUTES)
        one.until(lambda: len(one.bars) > 3)
        one.cut("mid_frame_drop")
        one.until(lambda: len(one.bars) > 8)
        fast.world.stop()
        history = []
        one.store.request_history(MINUTES, one.bars[0].time_ns, None, None, history.append)
        one.until(lambda: history)
        expected = {bar.time_ns: bar[:9] for bar in history[0].bars}
        stamps = [bar.time_ns for bar in one.bars]
        assert len(stamps) == len(set(stamps))
        assert stamps == sorted(stamps)
        told = [bar for bar in one.bars if bar.time_ns in expected]
        assert len(told) >= len(one.bars) - 1, "history may end before the newest"
        for bar in told:
            assert bar.complete
            assert bar[:9] == expected[bar.time_ns]
    finally:
        one.store.stop()
        fast.stop()


def test_history_is_paged_and_ends_before_the_running_bar(stage, opend):
    one = stage().connect()
    found = one.store.get_history_data(SYMBOL, TimeFrame.MINUTES, count=350)
    assert len(found) == 350
    now_ns = opend.world.now_ns()
    assert all(one.complete for one in found)
    assert found[-1].time_ns <= now_ns
    stamps = [bar.time_ns for bar in found]
    assert stamps == sorted(set(stamps))
    days = one.store.get_history_data(SYMBOL, TimeFrame.DAYS, count=5)
    assert all(bar.time_ns % (24 * 3600 * 10**9) == 8 * 3600 * 10**9 for bar in days), "16:00"


def test_history_that_fails_once_is_asked_for_again(stage, opend):
    one = stage().connect()
    opend.faults.on("history_fails")
    answers = []
    one.store.request_history(MINUTES, None, None, 10, answers.append)
    one.until(lambda: answers)
    assert answers[0].error is None
    assert len(answers[0].bars) == 10


def test_history_that_fails_is_told(stage, opend):
    one = stage().connect()
    opend.faults.on("history_fails", text="no history today", times=0)
    answers = []
    one.store.request_history(MINUTES, None, None, 10, answers.append)
    one.until(lambda: answers)
    assert answers[0].error == "no history today"


ALWAYS_OPEN = dataclasses.replace(
    get_market_config(MarketType.HK_STOCK),
    sessions=Sessions("UTC", (("00:00", "24:00"),), weekdays=frozenset(range(7))),
)


def test_opend_tells_which_streams_it_does_not_send(stage):
    one = stage().connect()
    one.store.subscribe_market_data(*MINUTES[:3])
    one.until(lambda: any(link.subscription == MINUTES for link in one.links))
    assert one.store.gateway.missing([MINUTES, TICKS]) == [TICKS]


def test_a_stream_that_opend_has_forgotten_comes_again(stage, opend):
    one = stage(stale_after=0.3, markets=[ALWAYS_OPEN]).connect()
    one.store.subscribe_market_data(*TICKS[:3])
    one.until(lambda: one.ticks)
    opend.faults.on("pushes_lost", symbol=SYMBOL)
    one.until(lambda: "stale data" in [news[0] for news in one.news])
    assert LinkState.SILENT in [link.state for link in one.links]
    count = len(one.ticks)
    one.until(lambda: len(one.ticks) > count + 1)
    assert not one.has_been(LinkState.DOWN)


def test_symbols_are_written_in_one_way(stage):
    feed = stage().store.getdata(dataname="700.hk")
    assert feed._dataname == "HK.00700"
