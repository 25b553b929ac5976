"""OandaStore against a simulated OANDA, with the genuine client."""

from __future__ import annotations

import logging

import pytest

pytest.importorskip("oandapyV20", reason="oandapyV20 is not installed")

from btstores.clock import wall_clock
from btstores.errors import ConfigError, LinkError, UnknownInstrumentError
from btstores.instruments import TimeFrame
from btstores.orders.lifecycle import OrderState
from btstores.reports import (
    LinkState,
    OrderEvent,
    Side,
    Subscription,
)
from btstores.stores.oanda import OandaStore
from btstores.stores.oanda.sides import stream_at
from btstores.stores.oanda.simulator import AccountConfig
from tests.support.oanda import ACCOUNT, START, Desk
from tests.support.opend import wait_for
from tests.support.stage import Stage

EUR = "EUR_USD"
MINUTES = Subscription(EUR, int(TimeFrame.MINUTES))
TICKS = Subscription(EUR, int(TimeFrame.TICKS))
QUOTES = TICKS._replace(quotes=True)


def stage_at(desk, **params):
    given = {"token": "token", "account": ACCOUNT, "timeout": 5.0, "port": desk.server.port}
    given.update(reconnect_interval=0.02, silence=5.5, **params)
    make = OandaStore
    return Stage(make(**given), EUR, size=1000.0, price=1.1)


@pytest.fixture(autouse=True)
def quiet(caplog):
    caplog.set_level(logging.CRITICAL, "btstores")


@pytest.fixture
def desk():
    made = Desk(wall_clock())
    made.venue.rates.always_open = True
    yield made
    made.server.stop()


@pytest.fixture
def stage(desk):
    made = []

    def make(**params):
        made.append(stage_at(desk, **params))
        return made[-1]

    yield make
    for each in made:
        each.store.stop()


# Coming in


def test_without_a_token():
    with pytest.raises(ConfigError, match="token='': expected a personal access token"):
        OandaStore(port=1)


def test_a_token_that_is_refused_is_not_shown(stage, desk):
    desk.server.token = "right"
    with pytest.raises(ConfigError, match=r"token='\*\*\*': expected one that OANDA takes") as said:
        stage(token="wr0ng").store.connect()
    assert "wr0ng" not in str(said.value) + repr(stage(token="wr0ng").store)


@pytest.mark.parametrize("token", ["wr0ng\n", " wr0ng", "wr0 ng", "wr\u00f3ng", "wr\u20acng"])
def test_a_token_that_no_header_can_carry_is_not_shown(token):
    with pytest.raises(ConfigError, match=r"token='\*\*\*': expected one without") as said:
        OandaStore(port=1, token=token)
    assert token.strip() not in str(said.value)


def test_an_account_that_is_not_there_is_refused_with_those_that_are(stage):
    with pytest.raises(ConfigError, match=f"account='5': expected one of the token's: {ACCOUNT}"):
        stage(account="5").store.connect()


def test_the_only_account_need_not_be_named(stage):
    one = stage(account=None).connect()
    assert one.store.balance().account == ACCOUNT


def test_where_nobody_listens(desk):
    desk.server.stop()
    with pytest.raises(LinkError, match="OANDA does not answer"):
        stage_at(desk).store.connect()


def test_symbols_and_what_is_known_of_them(stage):
    one = stage().connect()
    assert one.store.symbol_of("eur/usd") == EUR
    assert one.store.instrument("USD_JPY").tick_size == 0.001
    with pytest.raises(UnknownInstrumentError):
        one.store.instrument("NO_WAY")


# Orders


def test_an_order_and_its_fill_are_told_once(stage, desk):
    one = stage().connect()
    record = one.order()
    one.told(OrderEvent.ACCEPTED)
    one.until(lambda: len(one.ears.fills) == 1)
    fill = one.ears.fills[0]
    assert (fill.size, fill.price, fill.client_order_id) == (1000.0, 1.1002, record.client_order_id)
    desk.order(units="7")  # somebody else's, so that the stream has certainly been read
    one.until(lambda: one.held() == 1007.0)
    assert len(one.ears.fills) == 1


def test_value_and_power_follow_the_price(stage, desk):
    one = stage().connect()
    one.order()
    one.until(lambda: bool(one.ears.fills))
    desk.price(1.2, 1.2002)
    one.until(lambda: (one.store.get_value() or 0.0) > 100_090.0)
    balance = one.store.balance()
    assert balance.cash == balance.power
    assert balance.power == pytest.approx(balance.value - balance.margin, abs=0.001)


def test_changes_and_cancels(stage, desk):
    one = stage().connect()
    record = one.order(price=1.0)
    one.told(OrderEvent.ACCEPTED)
    one.store.order_modify(record, size=500.0, price=1.01)
    one.told(OrderEvent.MODIFIED)
    (pending,) = desk.pending()
    assert (pending["units"], pending["price"]) == ("500", "1.01000")
    assert record.venue_order_id == pending["id"]
    one.store.order_cancel(record)
    one.told(OrderEvent.CANCELED)
    assert desk.pending() == []


@pytest.mark.parametrize(
    ("size", "halted", "event", "code"),
    [
        (5e6, False, OrderEvent.MARGIN, "INSUFFICIENT_MARGIN"),
        (1000.0, True, OrderEvent.REJECTED, "MARKET_HALTED"),
    ],
)
def test_orders_that_oanda_ends_at_once(stage, desk, size, halted, event, code):
    one = stage(checks={"power": "off"}).connect()
    desk.control("halt", {"instrument": EUR, "halted": halted})
    record = one.order(size)
    one.told(event)
    assert record.reason_code == code


def test_a_worst_price(stage, desk):
    one = stage().connect()
    beyond = one.order(price_bound=1.1001)
    one.told(OrderEvent.REJECTED)
    assert beyond.reason_code == "BOUNDS_VIOLATION"
    one.order(price_bound=1.1002)
    one.until(lambda: one.held() == 1000.0)


@pytest.mark.parametrize(
    ("terms", "text"),
    [
        ({"price_bound": "high"}, "price_bound='high': expected a price above 0"),
        ({"price_bound": 1.1, "price": 1.0}, "expected none: a limit is its own bound"),
    ],
)
def test_a_worst_price_that_makes_no_sense(stage, desk, terms, text):
    one = stage().connect()
    record = one.order(**terms)
    one.told(OrderEvent.REJECTED)
    assert text in record.reason
    assert desk.since(1)[-1]["type"] == "TRANSFER_FUNDS", "nothing has reached OANDA"


def test_a_refusal_has_oandas_code(stage, desk):
    one = stage().connect()
    desk.faults.on("status", code=429, path="orders")
    record = one.order()
    one.told(OrderEvent.REJECTED)
    assert record.reason_code == "HTTP_429"
    assert desk.trades() == []


@pytest.mark.parametrize("fault", ["ack_lost", "unanswered"])
def test_an_answer_that_is_lost(stage, desk, fault):
    one = stage().connect()
    desk.faults.on(fault, path="orders")
    record = one.order(price=1.0)
    one.until(lambda: record.state.value in ("accepted", "canceled"), limit=20.0)
    listed = [order["clientExtensions"]["id"] for order in desk.pending()]
    if fault == "ack_lost":
        assert listed == [record.client_order_id]
    else:
        assert (listed, record.reason_code) == ([], "NEVER_ARRIVED")


# Streams


def test_what_was_filled_days_ago_is_told_to_the_next_process(stage, desk, tmp_path):
    path = str(tmp_path / "account.journal")
    first = stage(journal=path, clock=desk.clock).connect()
    record = first.order(price=1.05)
    first.told(OrderEvent.ACCEPTED)
    first.store.stop()
    desk.price(1.04, 1.0402)
    desk.clock.advance(5 * 24 * 3600.0)
    again = stage(journal=path, clock=desk.clock).connect()
    again.until(lambda: again.held() == 1000.0)
    assert [(fill.size, fill.price) for fill in again.ears.fills] == [(1000.0, 1.0402)]
    found = again.store.book.find(record.client_order_id)
    assert (found.state, found.filled) == (OrderState.COMPLETED, 1000.0)


def test_a_transaction_that_the_stream_has_lost_is_found(stage, desk):
    one = stage().connect()
    record = one.order(price=1.0)
    one.told(OrderEvent.ACCEPTED)
    desk.faults.on("transaction_lost", times=0)
    desk.price(0.99, 0.9902)
    one.until(lambda: bool(one.ears.fills))
    assert one.ears.fills[0].client_order_id == record.client_order_id


def test_transactions_that_come_late_and_twice_are_told_once(stage, desk):
    one = stage().connect()
    first, second = one.order(price=1.0), one.order(price=1.01)
    one.until(lambda: one.ears.events == [OrderEvent.ACCEPTED] * 2)
    desk.faults.on("transaction_twice")
    desk.faults.on("transaction_late")
    desk.price(0.99, 0.9902)
    one.until(lambda: len(one.ears.fills) == 2)
    desk.order(units="1")
    one.until(lambda: one.held() == 2001.0)
    assert {fill.client_order_id for fill in one.ears.fills} == {
        first.client_order_id,
        second.client_order_id,
    }
    assert len(one.ears.fills) == 2


@pytest.mark.parametrize(
    ("fault", "options"),
    [
        ("stream_end", {"stream": "transactions"}),
        ("stream_cut", {"stream": "pricing"}),
        ("garbage_line", {"stream": "transactions"}),
        ("reset", {}),
        ("listener_down", {"seconds": 0.3}),
    ],
)
def test_a_broken_link_comes_back_with_all_there_was(stage, desk, fault, options):
    one = stage().connect()
    one.store.subscribe_market_data(*TICKS[:3])
    one.until(lambda: bool(one.ticks))
    record = one.order(price=1.0)
    one.told(OrderEvent.ACCEPTED)
    before = len(one.links)
    desk.faults.on(fault, **options)
    desk.price(0.99, 0.9902)
    one.until(lambda: one.is_back(before))
    one.until(lambda: [fill.client_order_id for fill in one.ears.fills] == [record.client_order_id])
    desk.price(1.05, 1.0502)
    one.until(lambda: one.ticks[-1].price == 1.0501)


def test_a_stream_without_heartbeats_is_dead(stage, desk):
    one = stage().connect()
    one.store.gateway._silence = 0.3
    before = len(one.links)
    desk.faults.on("silence", stream="transactions", lasts=1.0)
    one.store.gateway._loser_of(one.store.gateway._generation)("begin again")
    one.until(lambda: one.is_back(before))
    desk.faults.on("silence", stream="transactions", lasts=1.0)
    before = len(one.links)
    one.until(lambda: one.is_back(before))


# Prices


def test_ticks_quotes_and_bars(stage, desk):
    one = stage(price="bid").connect()
    for subscription in (TICKS, QUOTES, MINUTES):
        one.store.subscribe_market_data(*subscription)
    one.until(lambda: bool(one.ticks and one.quotes))
    for _ in range(70):
        desk.price(1.11, 1.1102)
    one.until(lambda: bool(one.bars))
    assert one.ticks[-1].price == 1.11
    assert (one.quotes[-1].bid, one.quotes[-1].ask) == (1.11, 1.1102)
    assert one.bars[0].time_ns == START + 60 * 10**9
    assert one.bars[0].close == 1.11


def test_what_is_wanted_no_more_is_not_told(stage, desk):
    one = stage().connect()
    for subscription in (TICKS, QUOTES):
        one.store.subscribe_market_data(*subscription)
    one.until(lambda: bool(one.ticks and one.quotes))
    one.store.unsubscribe_market_data(*QUOTES)
    one.store.outbox.call(lambda: None, timeout=5.0)
    told = len(one.quotes)
    desk.price(1.2, 1.2002)
    one.until(lambda: one.ticks[-1].price == 1.2001)
    assert len(one.quotes) == told


def test_more_instruments_on_one_stream(stage, desk):
    one = stage().connect()
    one.store.subscribe_market_data(*TICKS[:3])
    one.until(lambda: bool(one.ticks))
    one.store.subscribe_market_data("USD_JPY", int(TimeFrame.TICKS))
    one.until(lambda: {tick.symbol for tick in one.ticks} == {EUR, "USD_JPY"})
    assert len([tick for tick in one.ticks if tick.symbol == EUR]) == 1  # not told twice
    one.store.unsubscribe_market_data(*TICKS[:3])
    wait_for(lambda: desk.server.streams.of("pricing")[-1].symbols == {"USD_JPY"})


def test_history(stage, desk):
    one = stage().connect()
    for _ in range(200):
        desk.price(1.11, 1.1102)
    bars = one.store.get_history_data(EUR, int(TimeFrame.MINUTES))
    assert [bar.time_ns for bar in bars] == [START + k * 60 * 10**9 for k in range(4)]
    some = one.store.get_history_data(
        EUR, int(TimeFrame.MINUTES), start_ns=bars[1].time_ns, end_ns=bars[2].time_ns
    )
    assert some == bars[1:3]
    assert one.store.get_history_data(EUR, int(TimeFrame.MINUTES), count=1) == bars[-1:]
    assert list(one.store.get_history_data(EUR, int(TimeFrame.TICKS))) == []


def test_history_in_pages(stage, desk, monkeypatch):
    monkeypatch.setattr("btstores.stores.oanda.prices.MOST_CANDLES", 3)
    one = stage().connect()
    for _ in range(30):
        desk.clock.advance(4.0)
        desk.price(1.11, 1.1102)
    of = (EUR, int(TimeFrame.SECONDS), 5)
    bars = one.store.get_history_data(*of, start_ns=START)
    assert len(bars) == 30
    assert [bar.time_ns for bar in bars] == sorted({bar.time_ns for bar in bars})


def test_a_page_that_is_no_json_is_told(stage, desk):
    one = stage().connect()
    desk.faults.on("not_json", path="candles")
    with pytest.raises(LinkError, match="does not answer"):
        one.store.get_history_data(EUR, int(TimeFrame.MINUTES))


def test_ids_past_a_digit():
    desk = Desk(wall_clock(), AccountConfig(ACCOUNT, first_id=997))
    desk.venue.rates.always_open = True
    one = stage_at(desk).connect()
    for _ in range(3):
        one.order()
    one.until(lambda: len(one.ears.fills) == 3)
    assert one.store.gateway.transactions.last_id >= 1004
    one.store.stop()
    desk.server.stop()


def test_a_sale_ends_what_was_bought_in_an_account_that_hedges():
    desk = Desk(wall_clock(), AccountConfig(ACCOUNT, hedging=True))
    desk.venue.rates.always_open = True
    one = stage_at(desk).connect()
    one.order()
    one.order(side=Side.SELL)
    one.until(lambda: len(one.ears.fills) == 2)
    assert desk.trades() == []
    one.store.stop()
    desk.server.stop()


def test_ticks_at_several_prices_come_from_one_stream(stage, desk):
    one = stage().connect()
    names = (EUR, stream_at(EUR, "bid"), stream_at(EUR, "ask"))
    for name in names:
        one.store.subscribe_market_data(name, *TICKS[1:3])
    one.until(lambda: {tick.symbol for tick in one.ticks} == set(names))
    desk.price(1.2, 1.2004)
    one.until(lambda: {tick.price for tick in one.ticks} >= {1.2, 1.2002, 1.2004})
    told = {tick.symbol: tick.price for tick in one.ticks}
    assert told == dict(zip(names, (1.2002, 1.2, 1.2004)))
    one.store.unsubscribe_market_data(EUR, *TICKS[1:3])
    desk.price(1.3, 1.3004)
    one.until(lambda: {tick.price for tick in one.ticks} >= {1.3, 1.3004})
    assert 1.3002 not in {tick.price for tick in one.ticks}


def test_a_price_that_no_instrument_has(stage):
    one = stage().connect()
    one.store.subscribe_market_data(stream_at("NO_WAY", "bid"), *TICKS[1:3])
    one.until(lambda: any(link.state is LinkState.REFUSED for link in one.links))
