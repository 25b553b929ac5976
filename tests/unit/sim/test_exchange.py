"""The simulated exchange: order types, brackets, groups, time, money, and its memory."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from btstores.clock import SimulatedClock
from btstores.errors import ConfigError, UnknownInstrumentError
from btstores.instruments import Instrument
from btstores.reports import (
    Bar,
    FillReport,
    OrderEvent,
    OrderModification,
    OrderReport,
    OrderRequest,
    OrderType,
    PositionReport,
    Quote,
    Side,
    Tick,
)
from btstores.sim.book.account import Account
from btstores.sim.book.matching import Book
from btstores.sim.book.order import TRANSITIONS, State
from btstores.sim.exchange import Exchange

S = 1_000_000_000
BUY, SELL = Side.BUY, Side.SELL
E = OrderEvent


class Bench:
    """An exchange with one symbol on a simulated clock, and all that it tells."""

    def __init__(
        self, cash=1_000_000.0, instrument=None, allow_short=True, leverage=1.0, **options
    ):
        self.clock = SimulatedClock(0)
        self.reports = []
        account = Account(cash=cash, allow_short=allow_short, leverage=leverage)
        self.exchange = Exchange(
            self.clock, [instrument or Instrument("A"), Instrument("B")], account, **options
        )
        self.exchange.put = self.reports.append
        self.count = 0

    def order(self, side, size, kind, price=None, **more):
        self.count += 1
        name = more.pop("id", f"o{self.count}")
        return OrderRequest(name, more.pop("symbol", "A"), side, size, kind, price, **more)

    def send(self, side, size, kind=OrderType.MARKET, price=None, **more):
        request = self.order(side, size, kind, price, **more)
        self.exchange.submit([request])
        return request.client_order_id

    def bracket(self, side, size, kind, price, stop, target):
        other = SELL if side is BUY else BUY
        self.exchange.submit(
            [
                self.order(side, size, kind, price, id="parent"),
                self.order(other, size, OrderType.STOP, stop, id="stop", parent_id="parent"),
                self.order(other, size, OrderType.LIMIT, target, id="target", parent_id="parent"),
            ]
        )

    def bar(self, open_, high=None, low=None, close=None, volume=None, seconds=60, symbol="A"):
        self.clock.advance(seconds)
        high, low, close = high or open_, low or open_, close or open_
        now = self.clock.time_ns()
        self.exchange.on_bar(Bar(symbol, 4, 1, now, open_, high, low, close, volume))

    def tick(self, price, size=None, seconds=1):
        self.clock.advance(seconds)
        self.exchange.on_tick(Tick("A", self.clock.time_ns(), price, size))

    def quote(self, bid, ask, bid_size=None, ask_size=None, seconds=1):
        self.clock.advance(seconds)
        self.exchange.on_quote(Quote("A", self.clock.time_ns(), bid, ask, bid_size, ask_size))

    def modify(self, name, **changes):
        self.exchange.modify(OrderModification(name, **changes))

    def fills(self, name=None):
        fills = [r for r in self.reports if isinstance(r, FillReport)]
        return [(f.size, f.price) for f in fills if name in (None, f.client_order_id)]

    def events(self, name=None):
        told = [r for r in self.reports if isinstance(r, OrderReport)]
        return [r.event for r in told if name in (None, r.client_order_id)]

    def last(self, name=None):
        told = [r for r in self.reports if isinstance(r, OrderReport)]
        return [r for r in told if name in (None, r.client_order_id)][-1]

    def position(self):
        return self.exchange.account.position("A").size


@pytest.fixture
def bench():
    return Bench()


# ------------------------------------------------------------------ order types on bars

RISING = (100.0, 104.0, 98.0, 103.0)  # goes 100, 98, 104, 103
FALLING = (100.0, 104.0, 97.0, 98.0)  # goes 100, 104, 97, 98

#: kind, side, terms, bar, price of the fill or None
BAR_CASES = [
    (OrderType.MARKET, BUY, {}, RISING, 100.0),
    (OrderType.MARKET, SELL, {}, RISING, 100.0),
    (OrderType.LIMIT, BUY, {"price": 99.0}, RISING, 99.0),
    (OrderType.LIMIT, BUY, {"price": 98.0}, RISING, 98.0),
    (OrderType.LIMIT, BUY, {"price": 97.9}, RISING, None),
    (OrderType.LIMIT, BUY, {"price": 101.0}, RISING, 100.0),
    (OrderType.LIMIT, SELL, {"price": 103.5}, RISING, 103.5),
    (OrderType.LIMIT, SELL, {"price": 104.1}, RISING, None),
    (OrderType.LIMIT, SELL, {"price": 99.0}, RISING, 100.0),
    (OrderType.STOP, BUY, {"price": 102.0}, RISING, 102.0),
    (OrderType.STOP, BUY, {"price": 99.0}, RISING, 100.0),  # a gap: the open
    (OrderType.STOP, BUY, {"price": 104.5}, RISING, None),
    (OrderType.STOP, SELL, {"price": 99.0}, RISING, 99.0),
    (OrderType.STOP, SELL, {"price": 101.0}, RISING, 100.0),
    (OrderType.STOP, SELL, {"price": 97.0}, RISING, None),
    (OrderType.STOP_LIMIT, BUY, {"price": 102.0, "limit_price": 102.5}, RISING, 102.0),
    (OrderType.STOP_LIMIT, BUY, {"price": 102.0, "limit_price": 101.0}, RISING, None),
    (OrderType.STOP_LIMIT, BUY, {"price": 102.0, "limit_price": 101.0}, FALLING, 101.0),
    (OrderType.STOP_LIMIT, BUY, {"price": 99.0, "limit_price": 99.5}, RISING, 99.5),
    (OrderType.STOP_LIMIT, SELL, {"price": 99.0, "limit_price": 98.5}, RISING, 99.0),
    (OrderType.STOP_LIMIT, SELL, {"price": 99.0, "limit_price": 101.0}, RISING, 101.0),
    (OrderType.STOP_LIMIT, SELL, {"price": 99.0, "limit_price": 101.0}, FALLING, None),
    (OrderType.STOP_TRAIL, SELL, {"trail_amount": 3.0}, FALLING, 101.0),
    (OrderType.STOP_TRAIL, SELL, {"trail_amount": 3.0}, RISING, None),
    (OrderType.STOP_TRAIL, SELL, {"trail_percent": 0.05}, FALLING, 98.8),
    (OrderType.STOP_TRAIL, BUY, {"trail_amount": 4.0}, RISING, 102.0),
    (OrderType.STOP_TRAIL, BUY, {"trail_percent": 0.05}, RISING, 102.9),
    (OrderType.STOP_TRAIL, BUY, {"trail_amount": 7.0}, RISING, None),
    (
        OrderType.STOP_TRAIL_LIMIT,
        SELL,
        {"price": 100.0, "trail_amount": 3.0, "limit_price": 100.0},
        FALLING,
        101.0,
    ),
    (
        OrderType.STOP_TRAIL_LIMIT,
        SELL,  # triggered at 101, limit 103: out of reach on the way down
        {"price": 100.0, "trail_amount": 3.0, "limit_price": 95.0},
        FALLING,
        101.0,
    ),
    (
        OrderType.STOP_TRAIL_LIMIT,
        BUY,
        {"price": 100.0, "trail_amount": 4.0, "limit_price": 100.0},
        RISING,
        102.0,
    ),
    (OrderType.CLOSE, BUY, {"session_end_ns": 120 * S}, RISING, 103.0),
    (OrderType.CLOSE, SELL, {"session_end_ns": 120 * S}, FALLING, 98.0),
    (OrderType.CLOSE, BUY, {"session_end_ns": 121 * S}, RISING, None),
]


@pytest.mark.parametrize(("kind", "side", "terms", "bar", "price"), BAR_CASES)
def test_each_type_on_a_bar(bench, kind, side, terms, bar, price):
    bench.bar(100.0)
    name = bench.send(side, 10, kind, **terms)
    bench.bar(*bar)
    got = bench.fills(name)
    assert got == ([] if price is None else [(10.0, pytest.approx(price))])
    assert bench.position() == (0 if price is None else 10 * side.sign)


@pytest.mark.parametrize("kind", list(OrderType))
@pytest.mark.parametrize("side", [BUY, SELL])
def test_an_order_meets_the_next_bar_not_the_one_it_saw(bench, kind, side):
    bench.bar(100.0, 110.0, 90.0)
    bench.send(side, 1, kind, 100.0, limit_price=100.0, trail_amount=1.0)
    assert bench.fills() == []


def test_a_stop_and_a_limit_on_opposite_sides_follow_the_path(bench):
    bench.bar(100.0)
    first = bench.send(BUY, 1, OrderType.LIMIT, 99.0)
    second = bench.send(BUY, 1, OrderType.STOP, 103.0)
    bench.bar(*FALLING)
    told = [r.client_order_id for r in bench.reports if isinstance(r, FillReport)]
    assert told == [second, first]


def test_trailing_stop_follows_over_bars_and_never_back(bench):
    bench.bar(100.0)
    name = bench.send(SELL, 1, OrderType.STOP_TRAIL, trail_amount=5.0)
    bench.bar(100.0, 110.0, 100.0, 108.0)
    bench.bar(107.0, 108.0, 106.0, 106.5)
    assert bench.fills(name) == []
    bench.bar(106.0, 106.0, 101.0, 102.0)
    assert bench.fills(name) == [(1.0, 105.0)]


def test_trailing_trigger_lies_on_the_grid():
    bench = Bench(instrument=Instrument("A", tick_size=0.5))
    bench.bar(100.0)
    name = bench.send(SELL, 1, OrderType.STOP_TRAIL, trail_percent=0.013)
    bench.bar(100.0, 100.0, 98.0, 98.0)
    assert bench.fills(name) == [(1.0, 98.5)]


def test_a_trailing_stop_without_any_price_starts_with_the_first(bench):
    name = bench.send(SELL, 1, OrderType.STOP_TRAIL, trail_amount=2.0)
    bench.bar(100.0, 101.0, 99.5, 100.5)
    assert bench.fills(name) == []
    bench.bar(100.0, 100.0, 98.0, 98.5)
    assert bench.fills(name) == [(1.0, 99.0)]


# ------------------------------------------------------------------ liquidity


def test_a_large_order_fills_over_several_bars(bench):
    bench.bar(100.0)
    name = bench.send(BUY, 250)
    bench.bar(101.0, volume=1000)
    bench.bar(102.0, volume=1000)
    assert bench.fills(name) == [(100.0, 101.0), (100.0, 102.0)]
    bench.bar(103.0, volume=1000)
    assert bench.fills(name)[-1] == (50.0, 103.0)
    assert bench.position() == 250


def test_a_bar_that_does_not_tell_its_volume_does_not_limit(bench):
    bench.bar(100.0)
    for volume in (None, 0.0):
        name = bench.send(BUY, 5000)
        bench.bar(100.0, volume=volume)
        assert bench.fills(name) == [(5000.0, 100.0)]


def test_orders_share_the_volume_by_price_then_time(bench):
    bench.bar(100.0)
    late_better = bench.order(BUY, 60, OrderType.LIMIT, 99.0)
    first = bench.send(BUY, 60, OrderType.LIMIT, 98.0)
    second = bench.send(BUY, 60, OrderType.LIMIT, 98.0)
    bench.exchange.submit([late_better])
    bench.bar(100.0, 100.0, 97.0, 97.0, volume=1500)
    assert bench.fills(late_better.client_order_id) == [(60.0, 99.0)]
    assert bench.fills(first) == [(60.0, 98.0)]
    assert bench.fills(second) == [(30.0, 98.0)]


def test_whole_lots_only():
    bench = Bench(instrument=Instrument("A", lot=100))
    bench.bar(100.0)
    name = bench.send(BUY, 500)
    bench.bar(100.0, volume=2590)
    assert bench.fills(name) == [(200.0, 100.0)]


def test_fractions_for_orders_of_fractions(bench):
    bench.bar(100.0)
    name = bench.send(BUY, 2.5)
    bench.bar(100.0, volume=12.5)
    assert bench.fills(name) == [(1.25, 100.0)]
    bench.bar(100.0, volume=1000)
    assert bench.fills(name) == [(1.25, 100.0), (1.25, 100.0)]


def test_all_or_nothing_when_partial_fills_are_off():
    bench = Bench(allow_partial=False)
    bench.bar(100.0)
    name = bench.send(BUY, 100)
    bench.bar(100.0, volume=999)
    assert bench.fills(name) == []
    bench.bar(101.0, volume=1000)
    assert bench.fills(name) == [(100.0, 101.0)]


# ------------------------------------------------------------------ ticks and quotes


def test_a_trade_through_a_limit_fills_it_at_its_price(bench):
    bench.tick(100.0)
    name = bench.send(BUY, 50, OrderType.LIMIT, 99.0)
    bench.tick(98.5, size=1)
    assert bench.fills(name) == [(50.0, 99.0)]


def test_a_trade_at_the_limit_fills_up_to_its_size(bench):
    bench.tick(100.0)
    name = bench.send(BUY, 50, OrderType.LIMIT, 99.0)
    bench.tick(99.0, size=20)
    bench.tick(99.0, size=20)
    assert bench.fills(name) == [(20.0, 99.0), (20.0, 99.0)]


def test_what_was_quoted_before_the_order_goes_first(bench):
    bench.quote(99.0, 99.5, bid_size=30, ask_size=30)
    bench.tick(99.5, size=1)
    name = bench.send(BUY, 50, OrderType.LIMIT, 99.0)
    bench.tick(99.0, size=20)
    assert bench.fills(name) == []
    bench.tick(99.0, size=20)
    assert bench.fills(name) == [(10.0, 99.0)]
    bench.tick(99.0, size=100)
    assert bench.fills(name) == [(10.0, 99.0), (40.0, 99.0)]


def test_market_order_on_ticks_takes_the_next_trades(bench):
    bench.tick(100.0)
    name = bench.send(BUY, 50)
    assert bench.fills(name) == []
    bench.tick(100.5, size=30)
    bench.tick(101.0, size=30)
    assert bench.fills(name) == [(30.0, 100.5), (20.0, 101.0)]


def test_marketable_limit_on_ticks_trades_at_the_trade_not_its_limit(bench):
    bench.tick(100.0)
    name = bench.send(BUY, 5, OrderType.LIMIT, 105.0)
    bench.tick(100.5, size=30)
    assert bench.fills(name) == [(5.0, 100.5)]


@pytest.mark.parametrize(("side", "price", "through"), [(BUY, 102.0, 103.0), (SELL, 98.0, 97.0)])
def test_stop_on_ticks_fills_at_the_trade_that_triggers_it(bench, side, price, through):
    bench.tick(100.0)
    name = bench.send(side, 5, OrderType.STOP, price)
    bench.tick(100.5 if side is SELL else 99.5)
    assert bench.events(name) == [E.ACCEPTED]
    bench.tick(through, size=100)
    assert bench.events(name) == [E.ACCEPTED, E.TRIGGERED]
    assert bench.fills(name) == [(5.0, through)]


def test_market_order_trades_with_the_quote_at_once(bench):
    bench.quote(99.0, 101.0, 10, 10)
    buy = bench.send(BUY, 5)
    sell = bench.send(SELL, 5)
    assert bench.fills(buy) == [(5.0, 101.0)]
    assert bench.fills(sell) == [(5.0, 99.0)]


def test_a_quote_can_be_taken_only_once(bench):
    bench.quote(99.0, 101.0, 10, 10)
    first, second = bench.send(BUY, 8), bench.send(BUY, 8)
    assert bench.fills(first) == [(8.0, 101.0)]
    assert bench.fills(second) == [(2.0, 101.0)]
    bench.quote(99.0, 102.0, 10, 10)
    assert bench.fills(second) == [(2.0, 101.0), (6.0, 102.0)]


def test_resting_limit_is_met_by_the_quote_at_its_own_price(bench):
    bench.quote(99.0, 101.0, 10, 10)
    name = bench.send(BUY, 5, OrderType.LIMIT, 100.0)
    bench.quote(98.0, 99.0, 10, 3)
    assert bench.fills(name) == [(3.0, 100.0)]


def test_limit_better_than_the_quote_takes_the_quote(bench):
    bench.quote(99.0, 101.0, 10, 10)
    assert bench.fills(bench.send(BUY, 5, OrderType.LIMIT, 105.0)) == [(5.0, 101.0)]


def test_stops_look_at_quotes_only_where_there_are_no_trades(bench):
    bench.quote(99.0, 101.0)
    on_quotes = bench.send(SELL, 1, OrderType.STOP, 98.0)
    bench.quote(97.0, 99.0)
    assert bench.fills(on_quotes) == [(1.0, 97.0)]
    bench.tick(98.0, 5)
    on_trades = bench.send(SELL, 1, OrderType.STOP, 96.0)
    bench.quote(95.0, 97.0)
    assert bench.fills(on_trades) == []
    bench.tick(96.0, 5)
    assert bench.fills(on_trades) == [(1.0, 95.0)]


def test_one_sided_quote(bench):
    bench.quote(None, 101.0)
    sell, buy = bench.send(SELL, 1), bench.send(BUY, 1)
    assert bench.fills(sell) == []
    assert bench.fills(buy) == [(1.0, 101.0)]


def test_bars_do_not_fill_where_there_is_something_finer(bench):
    bench.tick(100.0)
    name = bench.send(BUY, 1, OrderType.LIMIT, 99.0)
    bench.bar(100.0, 101.0, 90.0)
    assert bench.fills(name) == []


def test_only_bars_of_the_finest_time_frame_count(bench):
    bench.bar(100.0)
    name = bench.send(BUY, 1, OrderType.LIMIT, 95.0)
    bench.exchange.on_bar(Bar("A", 5, 1, 61 * S, 100.0, 101.0, 90.0, 100.0))
    assert bench.fills(name) == []


# ------------------------------------------------------------------ close, expiry, halts


def test_close_order_without_a_session_end_waits_for_the_end_of_the_day(bench):
    bench.bar(100.0)
    name = bench.send(BUY, 1, OrderType.CLOSE)
    bench.bar(101.0)
    bench.bar(102.0, 104.0, 101.0, 103.0)
    assert bench.fills(name) == []
    bench.clock.advance(86_400)
    assert bench.fills(name) == [(1.0, 103.0)]


def test_close_order_of_a_session_that_has_ended_takes_the_next_close(bench):
    bench.bar(100.0)
    name = bench.send(BUY, 1, OrderType.CLOSE, session_end_ns=bench.clock.time_ns())
    bench.clock.advance(60)
    assert bench.fills(name) == []
    bench.bar(101.0, 103.0, 101.0, 102.0)
    assert bench.fills(name) == [(1.0, 102.0)]


def test_close_order_after_the_session_takes_the_next_quotes_middle(bench):
    bench.quote(99.0, 101.0)
    name = bench.send(BUY, 1, OrderType.CLOSE, session_end_ns=1)
    assert bench.fills(name) == []
    bench.quote(100.0, 103.0)
    assert bench.fills(name) == [(1.0, 101.5)]


def test_an_order_lives_up_to_and_including_its_expiry(bench):
    bench.bar(100.0)
    at_end = bench.send(BUY, 1, OrderType.LIMIT, 95.0, expire_ns=120 * S)
    before = bench.send(BUY, 1, OrderType.LIMIT, 95.0, expire_ns=120 * S - 1)
    bench.bar(94.0)
    assert bench.fills(at_end) == [(1.0, 94.0)]
    assert bench.events(before) == [E.ACCEPTED, E.EXPIRED]
    assert bench.fills(before) == []


def test_an_expiry_before_the_bar_counts_even_if_the_clock_is_late(bench):
    name = bench.send(BUY, 1, OrderType.LIMIT, 95.0, expire_ns=30 * S)
    bench.exchange.on_bar(Bar("A", 4, 1, 60 * S, 94.0, 94.0, 94.0, 94.0))
    assert bench.events(name) == [E.ACCEPTED, E.EXPIRED]


def test_expiry_is_told_in_a_quiet_market_too(bench):
    name = bench.send(BUY, 1, OrderType.LIMIT, 95.0, expire_ns=30 * S)
    bench.clock.advance(29)
    assert bench.events(name) == [E.ACCEPTED]
    bench.clock.advance(2)
    assert bench.events(name) == [E.ACCEPTED, E.EXPIRED]


def test_finished_orders_leave_no_timers(bench):
    name = bench.send(BUY, 1, OrderType.LIMIT, 95.0, expire_ns=30 * S)
    bench.exchange.cancel(name)
    assert bench.clock.next_ns() is None


def test_partly_filled_order_expires_with_the_rest(bench):
    bench.bar(100.0)
    name = bench.send(BUY, 100, expire_ns=150 * S)
    bench.bar(100.0, volume=300)
    bench.bar(100.0, volume=300)
    assert bench.last(name).event is E.EXPIRED
    assert bench.last(name).filled == 30
    assert bench.position() == 30


def test_halt_and_resume(bench):
    bench.bar(100.0)
    bench.exchange.halt("A")
    name, other = bench.send(BUY, 1), bench.send(BUY, 1)
    bench.bar(101.0)
    assert bench.fills() == []
    bench.exchange.cancel(other)
    assert bench.last(other).event is E.CANCELED
    bench.exchange.resume("A")
    bench.bar(102.0)
    assert bench.fills(name) == [(1.0, 102.0)]


def test_resume_with_quotes_matches_at_once(bench):
    bench.quote(99.0, 101.0)
    bench.exchange.halt("A")
    name = bench.send(BUY, 1)
    assert bench.fills(name) == []
    bench.exchange.resume("A")
    assert bench.fills(name) == [(1.0, 101.0)]


def test_halting_an_unknown_symbol_is_the_callers_mistake(bench):
    with pytest.raises(UnknownInstrumentError, match="ZZZ"):
        bench.exchange.halt("ZZZ")


# ------------------------------------------------------------------ cancel and modify


def test_cancel(bench):
    name = bench.send(BUY, 1, OrderType.LIMIT, 95.0)
    bench.exchange.cancel(name)
    bench.bar(90.0)
    assert bench.events(name) == [E.ACCEPTED, E.CANCELED]
    assert bench.fills() == []


@pytest.mark.parametrize("finish", ["fill", "cancel", "expire", "reject"])
def test_what_is_finished_cannot_be_cancelled_or_changed(bench, finish):
    bench.bar(100.0)
    terms = {"expire_ns": 61 * S} if finish == "expire" else {}
    name = bench.send(BUY, math.nan if finish == "reject" else 1, **terms)
    if finish == "fill":
        bench.bar(100.0)
    elif finish == "cancel":
        bench.exchange.cancel(name)
    bench.clock.advance(10)
    events = bench.events(name)
    bench.exchange.cancel(name)
    bench.modify(name, size=5)
    assert bench.events(name) == [*events, E.CANCEL_REJECTED, E.MODIFY_REJECTED]
    assert bench.last(name).reason_code == "ORDER_FINISHED"


def test_unknown_orders(bench):
    bench.exchange.cancel("nobody")
    bench.modify("nobody", size=1)
    assert bench.events("nobody") == [E.CANCEL_REJECTED, E.MODIFY_REJECTED]
    assert bench.last("nobody").reason_code == "UNKNOWN_ORDER"


def test_cancel_on_its_way_loses_against_the_fill():
    bench = Bench(order_delay=5.0)
    bench.send(BUY, 1, id="a")
    bench.clock.advance(10)
    bench.exchange.cancel("a")
    bench.quote(99.0, 101.0, seconds=1)
    bench.clock.advance(10)
    assert bench.fills("a") == [(1.0, 101.0)]
    assert bench.events("a") == [E.ACCEPTED, E.CANCEL_REJECTED]


def test_modify_on_its_way_loses_against_the_fill():
    bench = Bench(order_delay=5.0)
    bench.send(BUY, 1, id="a")
    bench.clock.advance(10)
    bench.modify("a", size=2)
    bench.quote(99.0, 101.0, seconds=1)
    bench.clock.advance(10)
    assert bench.position() == 1
    assert bench.events("a") == [E.ACCEPTED, E.MODIFY_REJECTED]


def test_delays_keep_the_order_of_things():
    bench = Bench(order_delay=1.0, report_delay=0.5)
    bench.send(BUY, 1, OrderType.LIMIT, 95.0, id="a")
    bench.exchange.cancel("a")
    bench.clock.advance(1.2)
    assert bench.reports == []
    bench.clock.advance(1.0)
    assert bench.events("a") == [E.ACCEPTED, E.CANCELED]


@pytest.mark.parametrize(
    ("kind", "terms", "changes", "bar", "price"),
    [
        (OrderType.LIMIT, {"price": 90.0}, {"price": 99.0}, RISING, 99.0),
        (OrderType.STOP, {"price": 110.0}, {"price": 102.0}, RISING, 102.0),
        (
            OrderType.STOP_LIMIT,
            {"price": 110.0, "limit_price": 111.0},
            {"price": 102.0, "limit_price": 102.0},
            RISING,
            102.0,
        ),
        (OrderType.STOP_TRAIL, {"trail_amount": 50.0}, {"trail_amount": 4.0}, RISING, 102.0),
        (OrderType.STOP_TRAIL, {"trail_amount": 50.0}, {"trail_percent": 0.05}, RISING, 102.9),
        (
            OrderType.STOP_TRAIL,
            {"price": 50.0, "trail_amount": 4.0},
            {"price": 100.0},
            RISING,
            102.0,
        ),
    ],
)
def test_modify_prices(bench, kind, terms, changes, bar, price):
    bench.bar(100.0)
    name = bench.send(BUY, 10, kind, **terms)
    bench.modify(name, **changes)
    assert bench.last(name).event is E.MODIFIED
    if "price" in changes and kind is not OrderType.STOP_TRAIL:
        assert bench.last(name).price == changes["price"]
    bench.bar(*bar)
    assert bench.fills(name) == [(10.0, pytest.approx(price))]


def test_modify_size_and_expiry(bench):
    name = bench.send(BUY, 10, OrderType.LIMIT, 95.0, expire_ns=100 * S)
    bench.modify(name, size=4, expire_ns=200 * S)
    bench.clock.advance(150)
    bench.bar(94.0, seconds=10)
    assert bench.fills(name) == [(4.0, 94.0)]


def test_modify_down_to_what_is_filled_is_refused(bench):
    bench.bar(100.0)
    name = bench.send(BUY, 100)
    bench.bar(100.0, volume=400)
    for size in (39, 40):
        bench.modify(name, size=size)
        assert bench.last(name).event is E.MODIFY_REJECTED
        assert bench.last(name).reason_code == "BELOW_FILLED"
    bench.modify(name, size=41)
    bench.bar(100.0, volume=400)
    assert bench.fills(name) == [(40.0, 100.0), (1.0, 100.0)]
    bench.exchange.cancel(name)
    assert bench.last(name).event is E.CANCEL_REJECTED


@pytest.mark.parametrize(
    ("kind", "terms", "changes", "code"),
    [
        (OrderType.MARKET, {}, {"price": 1.0}, "NOT_APPLICABLE"),
        (OrderType.LIMIT, {"price": 90.0}, {"trail_amount": 1.0}, "NOT_APPLICABLE"),
        (OrderType.LIMIT, {"price": 90.0}, {"price": math.nan}, "BAD_PRICE"),
        (OrderType.LIMIT, {"price": 90.0}, {"price": -1.0}, "BAD_PRICE"),
        (OrderType.LIMIT, {"price": 90.0}, {"size": -3}, "BAD_SIZE"),
        (OrderType.LIMIT, {"price": 90.0}, {"expire_ns": 1}, "BAD_EXPIRY"),
        (OrderType.LIMIT, {"price": 90.0}, {"size": 1e9}, "MARGIN"),
    ],
)
def test_refused_changes_leave_the_order_as_it_is(bench, kind, terms, changes, code):
    bench.bar(100.0)
    name = bench.send(BUY, 10, kind, **terms)
    before = bench.exchange.snapshot()
    bench.modify(name, **changes)
    assert bench.last(name).event is E.MODIFY_REJECTED
    assert bench.last(name).reason_code == code
    assert bench.exchange.snapshot() == before


def test_the_trigger_of_a_triggered_stop_cannot_be_changed(bench):
    bench.bar(100.0)
    name = bench.send(BUY, 10, OrderType.STOP_LIMIT, 102.0, limit_price=101.0)
    bench.bar(*RISING)
    assert bench.events(name)[-1] is E.TRIGGERED
    bench.modify(name, price=105.0)
    assert bench.last(name).reason_code == "TRIGGERED"
    bench.modify(name, limit_price=104.0)
    bench.bar(103.5)
    assert bench.fills(name) == [(10.0, 103.5)]


@pytest.mark.parametrize(
    ("changes", "first"),
    [
        ({"size": 50}, "a"),
        ({"expire_ns": 900 * S}, "a"),
        ({"size": 70}, "b"),
        ({"price": 99.0}, "a"),
    ],
)
def test_time_priority_after_a_change(bench, changes, first):
    bench.bar(100.0)
    bench.send(BUY, 60, OrderType.LIMIT, 98.0, id="a")
    bench.send(BUY, 60, OrderType.LIMIT, 98.0, id="b")
    bench.modify("a", **changes)
    bench.bar(100.0, 100.0, 97.0, 97.0, volume=500)
    assert bench.fills(first)
    assert [name for name in ("a", "b") if bench.fills(name)] == [first]


def test_a_price_change_and_back_costs_the_place(bench):
    bench.bar(100.0)
    bench.send(BUY, 60, OrderType.LIMIT, 98.0, id="a")
    bench.send(BUY, 60, OrderType.LIMIT, 98.0, id="b")
    bench.modify("a", price=97.5)
    bench.modify("a", price=98.0)
    bench.bar(100.0, 100.0, 97.0, 97.0, volume=600)
    assert bench.fills("a") == []
    assert bench.fills("b") == [(60.0, 98.0)]


def test_a_moved_limit_queues_anew(bench):
    bench.quote(99.0, 101.0, 30, 30)
    bench.tick(100.0)
    name = bench.send(BUY, 50, OrderType.LIMIT, 98.0)
    bench.modify(name, price=99.0)
    bench.tick(99.0, size=40)
    assert bench.fills(name) == [(10.0, 99.0)]


def test_a_change_that_crosses_the_quote_trades_at_once(bench):
    bench.quote(99.0, 101.0, 10, 10)
    name = bench.send(BUY, 5, OrderType.LIMIT, 100.0)
    bench.modify(name, price=101.0)
    assert bench.fills(name) == [(5.0, 101.0)]


# ------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"size": math.nan}, "BAD_SIZE"),
        ({"size": math.inf}, "BAD_SIZE"),
        ({"size": 0}, "BAD_SIZE"),
        ({"size": -1}, "BAD_SIZE"),
        ({"size": "ten"}, "BAD_SIZE"),
        ({"size": None}, "BAD_SIZE"),
        ({"size": True}, "BAD_SIZE"),
        ({"size": 15}, "BAD_LOT"),
        ({"size": 5000}, "TOO_LARGE"),
        ({"size": 10}, "TOO_SMALL"),
        ({"price": None}, "BAD_PRICE"),
        ({"price": math.nan}, "BAD_PRICE"),
        ({"price": 0.0}, "BAD_PRICE"),
        ({"price": -5.0}, "BAD_PRICE"),
        ({"price": "cheap"}, "BAD_PRICE"),
        ({"price": 95.03}, "BAD_TICK"),
        ({"symbol": "ZZZ"}, "UNKNOWN_SYMBOL"),
        ({"side": "buy"}, "BAD_SIDE"),
        ({"order_type": "Limit"}, "BAD_TYPE"),
        ({"expire_ns": 1}, "BAD_EXPIRY"),
        ({"expire_ns": 1.5e18}, "BAD_EXPIRY"),
        ({"parent_id": "nobody"}, "PARENT_GONE"),
        ({"oco_id": "nobody"}, "OCO_GONE"),
        ({"order_type": OrderType.STOP_LIMIT}, "BAD_PRICE"),
        ({"order_type": OrderType.STOP_TRAIL}, "BAD_TRAIL"),
        ({"order_type": OrderType.STOP_TRAIL, "trail_amount": -1.0}, "BAD_TRAIL"),
        ({"order_type": OrderType.STOP_TRAIL, "trail_percent": 1.0}, "BAD_TRAIL"),
        ({"order_type": OrderType.STOP_TRAIL, "trail_percent": math.nan}, "BAD_TRAIL"),
    ],
)
def test_wrong_orders_are_rejected_with_a_reason(changes, code):
    limits = Instrument("A", tick_size=0.05, lot=10, min_size=20, max_size=1000)
    bench = Bench(instrument=limits)
    bench.bar(100.0)
    request = bench.order(BUY, 20, OrderType.LIMIT, 95.0, id="x")._replace(**changes)
    bench.exchange.submit([request])
    assert bench.events("x") == [E.REJECTED]
    assert bench.last("x").reason_code == code
    assert bench.last("x").reason
    bench.bar(90.0)
    assert bench.fills() == []


def test_prices_on_the_grid_are_taken_whatever_floats_say():
    bench = Bench(instrument=Instrument("A", tick_size=0.01))
    for step in range(1, 400):
        name = bench.send(BUY, 1, OrderType.LIMIT, step * 0.01)
        assert bench.events(name) == [E.ACCEPTED]


def test_a_duplicate_id_is_refused_and_the_first_order_lives_on(bench):
    bench.bar(100.0)
    bench.send(BUY, 1, OrderType.LIMIT, 99.0, id="a")
    bench.send(BUY, 7, id="a")
    refusal = bench.reports[-1]
    assert refusal.event is E.REJECTED
    assert refusal.reason_code == "DUPLICATE_ID"
    # The report must not look as if it told of the first order.
    assert refusal.client_order_id is None
    assert refusal.request.size == 7
    bench.bar(98.0)
    assert bench.fills() == [(1.0, 98.0)]
    bench.send(BUY, 1, id="a")
    assert bench.position() == 1


def test_the_same_id_twice_in_one_group(bench):
    request = bench.order(BUY, 1, OrderType.LIMIT, 99.0, id="a")
    bench.exchange.submit([request, request])
    assert bench.events("a") == [E.ACCEPTED]
    assert bench.reports[0].reason_code == "DUPLICATE_ID"


def test_prices_that_are_none_are_ignored(bench):
    bench.bar(100.0)
    bench.send(BUY, 1)
    bench.bar(math.nan)
    bench.bar(100.0, symbol="ZZZ")
    bench.tick(-1.0)
    bench.quote(math.inf, 1.0)
    assert bench.fills() == []


def test_options_are_checked():
    with pytest.raises(ConfigError, match="participation"):
        Bench(participation=0)
    with pytest.raises(ConfigError, match="leverage"):
        Account(leverage=0)
    with pytest.raises(ConfigError, match="cash"):
        Account(cash=math.nan)
    with pytest.raises(ConfigError, match="amount"):
        Bench().exchange.deposit(math.inf)


# ------------------------------------------------------------------ money


def test_an_order_without_the_money_for_it():
    bench = Bench(cash=1000.0)
    bench.bar(100.0)
    assert bench.events(bench.send(BUY, 11)) == [E.MARGIN]
    assert bench.last().reason_code == "MARGIN"
    assert bench.events(bench.send(BUY, 10)) == [E.ACCEPTED]


def test_working_orders_reserve_money():
    bench = Bench(cash=1000.0)
    bench.bar(100.0)
    first = bench.send(BUY, 6, OrderType.LIMIT, 90.0)
    assert bench.events(bench.send(BUY, 6, OrderType.LIMIT, 90.0)) == [E.MARGIN]
    bench.exchange.cancel(first)
    assert bench.events(bench.send(BUY, 6, OrderType.LIMIT, 90.0)) == [E.ACCEPTED]


def test_one_cancels_other_reserves_once():
    bench = Bench(cash=1000.0)
    bench.bar(100.0)
    first = bench.send(BUY, 9, OrderType.LIMIT, 90.0)
    second = bench.send(BUY, 9, OrderType.STOP, 110.0, oco_id=first)
    assert bench.events(second) == [E.ACCEPTED]


def test_a_gap_that_makes_the_order_too_dear_ends_it():
    bench = Bench(cash=1000.0)
    bench.bar(100.0)
    name = bench.send(BUY, 10)
    bench.bar(101.0)
    assert bench.events(name) == [E.ACCEPTED, E.MARGIN]
    assert bench.fills() == []


def test_closing_is_always_affordable():
    bench = Bench(cash=1000.0)
    bench.bar(100.0)
    bench.send(BUY, 10)
    bench.bar(100.0)
    bench.send(SELL, 10)
    bench.bar(1.0)
    assert bench.position() == 0


def test_a_group_counts_once_against_the_next_order():
    bench = Bench(cash=1000.0)
    bench.bar(100.0)
    first = bench.send(BUY, 4, OrderType.LIMIT, 90.0)
    bench.send(BUY, 4, OrderType.STOP, 110.0, oco_id=first)
    assert bench.events(bench.send(BUY, 5, OrderType.LIMIT, 100.0)) == [E.ACCEPTED]
    assert bench.events(bench.send(BUY, 1, OrderType.LIMIT, 100.0)) == [E.MARGIN]


def test_leverage():
    bench = Bench(cash=1000.0, leverage=4.0)
    bench.bar(100.0)
    assert bench.events(bench.send(BUY, 41)) == [E.MARGIN]
    bench.send(BUY, 40)
    bench.bar(100.0)
    assert bench.position() == 40


def test_shorts_where_they_are_forbidden():
    bench = Bench(allow_short=False)
    bench.bar(100.0)
    assert bench.events(bench.send(SELL, 1)) == [E.REJECTED]
    assert bench.last().reason_code == "SHORT_NOT_ALLOWED"
    bench.send(BUY, 5)
    bench.bar(100.0)
    assert bench.events(bench.send(SELL, 6)) == [E.REJECTED]
    first, second = bench.send(SELL, 5), bench.send(SELL, 5)
    bench.bar(100.0)
    assert bench.fills(first) == [(5.0, 100.0)]
    assert bench.events(second) == [E.ACCEPTED, E.CANCELED]
    assert bench.last(second).reason_code == "SHORT_NOT_ALLOWED"
    assert bench.position() == 0


def test_fees_and_multiplier():
    instrument = Instrument("A", multiplier=10.0)
    bench = Bench(instrument=instrument, fees=lambda s, side, size, price: 1.0 + 0.01 * size)
    bench.bar(100.0)
    bench.send(BUY, 5)
    bench.bar(100.0)
    fill = next(r for r in bench.reports if isinstance(r, FillReport))
    assert fill.commission == pytest.approx(1.05)
    assert bench.exchange.account.cash == pytest.approx(1_000_000 - 5000 - 1.05)
    bench.bar(110.0)
    assert bench.exchange.account.value() == pytest.approx(1_000_000 + 500 - 1.05)


def test_average_price_when_adding_reducing_and_turning_round(bench):
    def trade(side, size, price):
        bench.send(side, size)
        bench.bar(price)
        held = bench.exchange.account.position("A")
        return held.size, held.price

    bench.bar(100.0)
    assert trade(BUY, 10, 100.0) == (10, 100.0)
    assert trade(BUY, 10, 110.0) == (20, 105.0)
    assert trade(SELL, 5, 120.0) == (15, 105.0)
    assert trade(SELL, 20, 90.0) == (-5, 90.0)
    assert trade(SELL, 5, 80.0) == (-10, 85.0)
    assert trade(BUY, 10, 80.0) == (0, 0.0)


def test_after_a_fill_position_and_account_are_told(bench):
    bench.bar(100.0)
    bench.send(BUY, 5)
    bench.reports.clear()
    bench.bar(100.0, 102.0, 99.0, 101.0)
    kinds = [type(r).__name__ for r in bench.reports]
    assert kinds == ["FillReport", "PositionReport", "AccountReport", "AccountReport"]
    assert bench.reports[1][:3] == ("A", 5.0, 100.0)
    assert bench.reports[-1].value == pytest.approx(1_000_005.0)


def test_deposit(bench):
    bench.exchange.deposit(5.0)
    assert bench.reports[-1].cash == 1_000_005.0


# ------------------------------------------------------------------ brackets and groups


def test_bracket_target(bench):
    bench.bar(100.0)
    bench.bracket(BUY, 10, OrderType.LIMIT, 99.0, 95.0, 105.0)
    assert bench.events() == [E.ACCEPTED] * 3
    bench.bar(100.0, 110.0, 99.5, 104.0)
    assert bench.fills() == []  # the children wait
    bench.bar(100.0, 100.0, 98.0, 99.0)
    bench.bar(100.0, 106.0, 99.0, 104.0)
    assert bench.fills() == [(10.0, 99.0), (10.0, 105.0)]
    assert bench.events("stop") == [E.ACCEPTED, E.CANCELED]
    assert bench.position() == 0


def test_short_bracket_stop_within_the_bar_of_the_entry(bench):
    bench.bar(100.0)
    bench.bracket(SELL, 10, OrderType.LIMIT, 101.0, 103.0, 95.0)
    bench.bar(*FALLING)  # up to 104 first: entry at 101, stop at 103
    assert bench.fills() == [(10.0, 101.0), (10.0, 103.0)]
    assert bench.events("target") == [E.ACCEPTED, E.CANCELED]


def test_bracket_with_a_partly_filled_entry(bench):
    bench.bar(100.0)
    bench.bracket(BUY, 100, OrderType.LIMIT, 100.0, 95.0, 105.0)
    bench.bar(100.0, volume=400)
    assert bench.fills("parent") == [(40.0, 100.0)]
    bench.bar(101.0, 106.0, 101.0, 105.0)
    # Only what the entry has opened may be closed.
    assert bench.fills("target") == [(40.0, 105.0)]
    assert bench.last("stop").event is E.MODIFIED
    assert bench.last("stop").size == 60
    assert bench.position() == 0
    bench.bar(100.0)
    assert bench.fills("parent") == [(40.0, 100.0), (60.0, 100.0)]
    bench.bar(94.0)
    assert bench.fills("stop") == [(60.0, 94.0)]
    assert bench.events("target")[-1] is E.CANCELED
    assert bench.last("target").filled == 40
    assert bench.position() == 0


def test_entry_cancelled_after_a_part_leaves_exits_for_that_part(bench):
    bench.bar(100.0)
    bench.bracket(BUY, 100, OrderType.LIMIT, 100.0, 95.0, 105.0)
    bench.bar(100.0, volume=300)
    bench.exchange.cancel("parent")
    assert bench.last("stop").size == bench.last("target").size == 30
    bench.bar(94.0)
    assert bench.fills("stop") == [(30.0, 94.0)]
    assert bench.events("target")[-1] is E.CANCELED
    assert bench.position() == 0


@pytest.mark.parametrize("how", ["cancel", "expire"])
def test_a_parent_that_dies_takes_its_children_along(bench, how):
    bench.bar(100.0)
    bench.exchange.submit(
        [
            bench.order(BUY, 1, OrderType.LIMIT, 90.0, id="parent", expire_ns=90 * S),
            bench.order(SELL, 1, OrderType.STOP, 80.0, id="stop", parent_id="parent"),
        ]
    )
    if how == "cancel":
        bench.exchange.cancel("parent")
    bench.clock.advance(60)
    assert bench.events("stop") == [E.ACCEPTED, E.CANCELED]
    bench.bar(70.0)
    assert bench.fills() == []


def test_a_partly_filled_exit_shrinks_the_other(bench):
    bench.bar(100.0)
    bench.bracket(BUY, 100, OrderType.MARKET, None, 95.0, 105.0)
    bench.bar(100.0)
    bench.bar(104.0, 106.0, 104.0, 104.0, volume=300)
    assert bench.fills("target") == [(30.0, 105.0)]
    assert bench.last("stop").event is E.MODIFIED
    assert bench.last("stop").size == 70
    bench.bar(94.0)
    assert bench.fills("stop") == [(70.0, 94.0)]
    assert bench.last("target").event is E.CANCELED
    assert bench.position() == 0


def test_cancelling_one_exit_cancels_the_other(bench):
    bench.bar(100.0)
    bench.bracket(BUY, 10, OrderType.MARKET, None, 95.0, 105.0)
    bench.bar(100.0)
    bench.exchange.cancel("stop")
    assert bench.last("target").event is E.CANCELED
    assert bench.position() == 10


def test_a_refused_member_refuses_the_whole_bracket(bench):
    bench.bar(100.0)
    bench.bracket(BUY, 10, OrderType.MARKET, None, -5.0, 105.0)
    assert bench.events() == [E.REJECTED] * 3
    codes = [r.reason_code for r in bench.reports if isinstance(r, OrderReport)]
    assert codes == ["GROUP_REJECTED", "BAD_PRICE", "GROUP_REJECTED"]


def test_a_child_that_comes_after_its_parent_was_filled(bench):
    bench.bar(100.0)
    parent = bench.send(BUY, 10)
    bench.bar(100.0)
    child = bench.send(SELL, 10, OrderType.STOP, 95.0, parent_id=parent)
    bench.bar(94.0)
    assert bench.fills(child) == [(10.0, 94.0)]


def test_trailing_child_without_a_price_starts_at_the_entry(bench):
    bench.bar(100.0)
    bench.exchange.submit(
        [
            bench.order(BUY, 1, OrderType.LIMIT, 90.0, id="parent"),
            bench.order(
                SELL, 1, OrderType.STOP_TRAIL, id="trail", parent_id="parent", trail_amount=5.0
            ),
        ]
    )
    bench.bar(90.0, 91.0, 89.0, 90.0)
    assert bench.fills("trail") == []
    bench.bar(90.0, 90.0, 84.0, 84.0)
    assert bench.fills("trail") == [(1.0, 86.0)]


def test_a_close_order_as_exit_takes_no_close_from_before_its_entry(bench):
    bench.bar(100.0)
    bench.exchange.submit(
        [
            bench.order(BUY, 1, OrderType.MARKET, id="parent"),
            bench.order(
                SELL, 1, OrderType.CLOSE, id="exit", parent_id="parent", session_end_ns=60 * S
            ),
        ]
    )
    bench.exchange.halt("A")
    bench.bar(101.0)
    bench.exchange.resume("A")
    bench.bar(102.0, 104.0, 102.0, 103.0)
    assert bench.fills() == [(1.0, 102.0), (1.0, 103.0)]


def test_a_close_order_as_exit_waits_for_a_price_after_its_entry(bench):
    bench.tick(100.0)
    bench.exchange.submit(
        [
            bench.order(BUY, 1, OrderType.MARKET, id="parent"),
            bench.order(SELL, 1, OrderType.CLOSE, id="exit", parent_id="parent", session_end_ns=1),
        ]
    )
    bench.tick(101.0)
    assert bench.fills() == [(1.0, 101.0)]
    bench.tick(102.0)
    assert bench.fills() == [(1.0, 101.0), (1.0, 102.0)]


def test_better_limits_first_when_the_market_opens_beyond_them(bench):
    bench.bar(100.0)
    bench.send(BUY, 60, OrderType.LIMIT, 98.0, id="a")
    bench.send(BUY, 60, OrderType.LIMIT, 99.0, id="b")
    bench.send(SELL, 60, OrderType.LIMIT, 102.0, id="c")
    bench.send(SELL, 60, OrderType.LIMIT, 101.0, id="d")
    bench.bar(97.0, volume=600)
    bench.bar(103.0, volume=600)
    assert bench.fills("a") == bench.fills("c") == []
    assert bench.fills("b") == [(60.0, 97.0)]
    assert bench.fills("d") == [(60.0, 103.0)]


def test_bracket_on_quotes_runs_through_in_one_go(bench):
    bench.quote(104.0, 104.5)
    bench.bracket(BUY, 10, OrderType.MARKET, None, 95.0, 103.0)
    # The target is better than the bid already: it trades with it as soon as it is alive.
    assert bench.fills() == [(10.0, 104.5), (10.0, 104.0)]
    assert bench.last("stop").event is E.CANCELED


def test_one_cancels_other(bench):
    bench.bar(100.0)
    first = bench.send(BUY, 10, OrderType.LIMIT, 95.0)
    second = bench.send(BUY, 10, OrderType.STOP, 105.0, oco_id=first)
    third = bench.send(BUY, 10, OrderType.STOP, 110.0, oco_id=second)
    bench.bar(100.0, 106.0, 99.0, 101.0)
    assert bench.fills(second) == [(10.0, 105.0)]
    assert bench.last(first).event is E.CANCELED
    assert bench.last(third).event is E.CANCELED


def test_one_cancels_other_both_reachable_in_one_bar_fills_once(bench):
    bench.bar(100.0)
    first = bench.send(BUY, 10, OrderType.LIMIT, 98.0)
    bench.send(BUY, 10, OrderType.STOP, 104.0, oco_id=first)
    bench.bar(*RISING)
    assert bench.fills() == [(10.0, 98.0)]


def test_one_cancels_other_partial_fill_shrinks(bench):
    bench.bar(100.0)
    first = bench.send(BUY, 10, OrderType.LIMIT, 98.0)
    second = bench.send(BUY, 10, OrderType.STOP, 104.0, oco_id=first)
    bench.bar(100.0, 100.0, 97.0, 99.0, volume=30)
    assert bench.fills(first) == [(3.0, 98.0)]
    assert bench.last(second).size == 7
    bench.bar(105.0)
    assert bench.fills(second) == [(7.0, 105.0)]
    assert bench.last(first).event is E.CANCELED
    assert bench.position() == 10


def test_a_small_member_that_vanishes_leaves_the_large_one_alone(bench):
    bench.bar(100.0)
    large = bench.send(BUY, 10, OrderType.LIMIT, 98.0)
    small = bench.send(BUY, 3, OrderType.STOP, 104.0, oco_id=large)
    smaller = bench.send(BUY, 2, OrderType.STOP, 105.0, oco_id=large)
    bench.bar(97.0, volume=40)
    assert bench.events(small) == bench.events(smaller) == [E.ACCEPTED, E.CANCELED]
    bench.bar(97.0)
    assert bench.fills(large) == [(4.0, 97.0), (6.0, 97.0)]


def test_close_order_whose_session_ended_in_a_halt_trades_when_that_is_over(bench):
    bench.bar(100.0)
    name = bench.send(BUY, 1, OrderType.CLOSE, session_end_ns=120 * S)
    bench.exchange.halt("A")
    bench.bar(101.0)
    bench.clock.advance(100)
    assert bench.fills(name) == []
    bench.exchange.resume("A")
    assert bench.fills(name) == [(1.0, 101.0)]


def test_close_order_as_exit_of_an_entry_that_never_came(bench):
    bench.bar(100.0)
    parent = bench.send(BUY, 10)
    bench.bar(100.0, volume=30)
    first = bench.send(SELL, 10, OrderType.CLOSE, parent_id=parent, session_end_ns=180 * S)
    second = bench.send(SELL, 10, OrderType.CLOSE, parent_id=parent, session_end_ns=180 * S)
    bench.bar(100.0, volume=1)
    assert bench.fills(first) == [(3.0, 100.0)]
    assert bench.fills(second) == []
    assert bench.position() == 0


def test_a_group_whose_other_member_is_finished_takes_no_more(bench):
    bench.bar(100.0)
    first = bench.send(BUY, 10)
    bench.bar(100.0)
    late = bench.send(BUY, 10, OrderType.STOP, 104.0, oco_id=first)
    assert bench.events(late) == [E.REJECTED]
    assert bench.last(late).reason_code == "OCO_GONE"


# ------------------------------------------------------------------ status and memory


def test_mass_status(bench):
    bench.bar(100.0)
    filled = bench.send(BUY, 10)
    live = bench.send(BUY, 10, OrderType.LIMIT, 90.0)
    gone = bench.send(BUY, 10, OrderType.LIMIT, 90.0)
    bench.exchange.cancel(gone)
    bench.bar(100.0)
    status = bench.exchange.mass_status()
    told = {order.client_order_id: order for order in status.orders}
    assert told[filled].filled == told[filled].size == 10
    assert told[live].event is E.ACCEPTED
    assert told[live].request.price == 90.0
    assert told[gone].event is E.CANCELED
    assert [fill.client_order_id for fill in status.fills] == [filled]
    assert status.positions[0].size == 10
    assert status.accounts[0].cash == pytest.approx(999_000.0)
    later = bench.exchange.mass_status(bench.clock.time_ns() + 1)
    assert [order.client_order_id for order in later.orders] == [live]
    assert later.fills == ()


def test_mass_status_has_no_positions_that_are_flat(bench):
    bench.bar(100.0)
    bench.send(BUY, 1)
    bench.bar(100.0)
    bench.send(SELL, 1)
    bench.bar(100.0)
    assert bench.exchange.mass_status().positions == ()


def test_what_is_remembered_is_bounded():
    bench = Bench(keep=5)
    bench.bar(100.0)
    parent = bench.send(BUY, 1)
    for _ in range(30):
        bench.send(BUY, 1)
    bench.send(SELL, 1, OrderType.STOP, 10.0, parent_id=parent, id="child")
    bench.bar(100.0)
    for _ in range(20):
        bench.exchange.cancel(bench.send(BUY, 1, OrderType.LIMIT, 5.0))
    record = bench.exchange.snapshot()
    assert len(record["fills"]) == 5
    # Beside those: the child that lives, and its parent as long as it does.
    assert len(record["orders"]) == 5 + 2
    assert parent in {order["request"]["client_order_id"] for order in record["orders"]}
    bench.bar(9.0)
    assert bench.fills("child") == [(1.0, 9.0)]


def test_ids_of_two_runs_differ(bench):
    other = Bench()
    other.exchange = Exchange(SimulatedClock(0, seed=1), [Instrument("A")])
    other.exchange.put = other.reports.append
    bench.send(BUY, 1, OrderType.LIMIT, 5.0)
    other.send(BUY, 1, OrderType.LIMIT, 5.0)
    assert bench.reports[0].venue_order_id != other.reports[0].venue_order_id


def test_the_state_table_has_an_entry_for_each_state():
    assert set(TRANSITIONS) == set(State)
    reachable = {after for states in TRANSITIONS.values() for after in states}
    assert reachable == {State.WORKING, State.FILLED, State.CANCELED, State.EXPIRED, State.MARGIN}


# ------------------------------------------------------------------ random sessions

PRICES = st.integers(95, 105).map(float)
SIZES = st.sampled_from([1, 3, 10, 25, 0.5, 7.25])
#: Most random orders come in the first half of the time that a long session takes.
TIMES = st.one_of(st.none(), st.integers(0, 1500).map(lambda s: s * S))


def draw_bar(draw, number):
    values = draw(st.lists(PRICES, min_size=4, max_size=4))
    volume = draw(st.sampled_from([None, 0.0, 20.0, 100.0, 1000.0]))
    return ("bar", values[0], max(values), min(values), values[3], volume)


def earlier(draw, number):
    """Name an order that is likely to be there."""
    return f"o{max(0, number - draw(st.integers(1, 6)))}"


def draw_order(draw, number):
    trail = draw(st.sampled_from([{"trail_amount": 2.0}, {"trail_percent": 0.03}]))
    terms = {
        "client_order_id": f"o{number}" if draw(st.integers(0, 9)) else earlier(draw, number),
        "symbol": draw(st.sampled_from(["A", "A", "A", "B"])),
        "side": draw(st.sampled_from(list(Side))),
        "size": draw(SIZES),
        "order_type": draw(st.sampled_from(list(OrderType))),
        "price": draw(PRICES),
        "limit_price": draw(PRICES),
        "expire_ns": draw(TIMES),
        "session_end_ns": draw(TIMES),
        **trail,
    }
    relative = draw(st.sampled_from(["", "", "", "parent_id", "oco_id"]))
    if relative:
        terms[relative] = earlier(draw, number)
    return ("submit", [terms])


def draw_bracket(draw, number):
    size, side = draw(SIZES), draw(st.sampled_from(list(Side)))
    base = {"symbol": "A", "size": size}
    parent = {**base, "client_order_id": f"o{number}", "side": side, "price": draw(PRICES)}
    parent["order_type"] = draw(st.sampled_from([OrderType.MARKET, OrderType.LIMIT]))
    legs = [
        {
            **base,
            "client_order_id": f"{kind.value}{number}",
            "side": SELL if side is BUY else BUY,
            "order_type": kind,
            "price": draw(PRICES),
            "parent_id": f"o{number}",
        }
        for kind in (OrderType.STOP, OrderType.LIMIT)
    ]
    return ("submit", [parent, *legs])


def draw_tick(draw, number):
    return ("tick", draw(PRICES), draw(st.sampled_from([None, 2.0, 50.0])))


def draw_quote(draw, number):
    spread, size = draw(st.sampled_from([1.0, 2.0])), draw(st.sampled_from([None, 5.0]))
    return ("quote", draw(PRICES), spread, size)


CHANGES = [
    {"size": 4},
    {"size": 30},
    {"price": 99.0},
    {"limit_price": 101.0},
    {"size": 0.25},
    {"expire_ns": 2000 * S},
]


def draw_change(draw, number):
    kind = draw(st.sampled_from(["cancel", "modify", "modify"]))
    more = (draw(st.sampled_from(CHANGES)),) if kind == "modify" else ()
    return (kind, earlier(draw, number), *more)


def draw_other(draw, number):
    kind = draw(st.sampled_from(["wait", "wait", "wait", "halt", "resume", "resume"]))
    return (kind, draw(st.integers(1, 300)))


COARSE = [draw_bar] * 4 + [draw_order] * 4 + [draw_bracket, draw_change, draw_other]
FINE = [*COARSE, draw_tick, draw_tick, draw_quote, draw_quote]


@st.composite
def sessions(draw, least=5, most=40):
    steps = draw(st.sampled_from([COARSE, FINE]))
    count = draw(st.integers(least, most))
    return [draw(st.sampled_from(steps))(draw, number) for number in range(count)]


def random_test(examples):
    # Without the phase that explains: it traces every line, for minutes.
    phases = (Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink)
    return settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=phases,
    )


def apply(exchange, clock, step):
    kind, rest = step[0], step[1:]
    if kind == "bar":
        clock.advance(60)
        exchange.on_bar(Bar("A", 4, 1, clock.time_ns(), *rest))
        exchange.on_bar(Bar("B", 4, 1, clock.time_ns(), *rest))
    elif kind == "tick":
        clock.advance(1)
        exchange.on_tick(Tick("A", clock.time_ns(), *rest))
    elif kind == "quote":
        clock.advance(1)
        bid, spread, size = rest
        exchange.on_quote(Quote("A", clock.time_ns(), bid, bid + spread, size, size))
    elif kind == "submit":
        exchange.submit([OrderRequest(**terms) for terms in rest[0]])
    elif kind == "cancel":
        exchange.cancel(rest[0])
    elif kind == "modify":
        exchange.modify(OrderModification(rest[0], **rest[1]))
    elif kind == "wait":
        clock.advance(rest[0])
    elif kind == "halt":
        exchange.halt("A")
    else:
        exchange.resume("A")


def fee(symbol, side, size, price):
    return 0.35 + size * price * 0.0003


def new_exchange(clock, reports, cash):
    account = Account(cash=cash)
    exchange = Exchange(clock, [Instrument("A"), Instrument("B", multiplier=5.0)], account, fee)
    exchange.put = reports.append
    return exchange


def check_invariants(exchange, reports, cash):
    fills = [r for r in reports if isinstance(r, FillReport)]
    assert len({fill.fill_id for fill in fills}) == len(fills)
    for symbol, multiplier in (("A", 1.0), ("B", 5.0)):
        own = [fill for fill in fills if fill.symbol == symbol]
        held = math.fsum(fill.side.sign * fill.size for fill in own)
        assert exchange.account.position(symbol).size == pytest.approx(held, abs=1e-9)
        cash -= math.fsum(
            fill.side.sign * fill.size * fill.price * multiplier + fill.commission for fill in own
        )
        told = [r.size for r in reports if isinstance(r, PositionReport) and r.symbol == symbol]
        assert (told[-1] if told else 0) == exchange.account.position(symbol).size
    assert exchange.account.cash == pytest.approx(cash, abs=0.005)
    check_orders(exchange.mass_status(), reports, fills)


FINAL = {E.REJECTED, E.MARGIN, E.CANCELED, E.EXPIRED}


def check_orders(status, reports, fills):
    children = {}
    for order in status.orders:
        name = order.client_order_id
        own = [fill.size for fill in fills if fill.client_order_id == name]
        assert order.filled == pytest.approx(math.fsum(own), abs=1e-9)
        assert order.event in (E.REJECTED, E.MARGIN) or order.filled <= order.size + 1e-9
        told = [r for r in reports if getattr(r, "client_order_id", None) == name]
        ends = [i for i, r in enumerate(told) if getattr(r, "event", None) in FINAL]
        assert len(ends) <= 1
        if ends:
            assert not [r for r in told[ends[0] :] if isinstance(r, FillReport)]
        if order.request.parent_id is not None:
            children.setdefault(order.request.parent_id, []).append(order.filled)
    by_name = {order.client_order_id: order for order in status.orders}
    for parent, filled in children.items():
        if parent in by_name:
            assert sum(filled) <= by_name[parent].filled + 1e-9


@given(sessions(), st.sampled_from([1_000_000.0, 2_000.0]))
@random_test(80)
def test_random_sessions_keep_the_books_straight(steps, cash):
    clock, reports = SimulatedClock(0), []
    exchange = new_exchange(clock, reports, cash)
    for step in steps:
        apply(exchange, clock, step)
        check_invariants(exchange, reports, cash)


@given(sessions())
@random_test(60)
def test_a_session_restarted_after_every_step_goes_like_an_uninterrupted_one(steps):
    compare_with_restarts(steps)


def compare_with_restarts(steps):
    clock, reports = SimulatedClock(0), []
    exchange = new_exchange(clock, reports, 100_000.0)
    for step in steps:
        apply(exchange, clock, step)

    clock, again = SimulatedClock(0), []
    restarted = new_exchange(clock, again, 100_000.0)
    for step in steps:
        apply(restarted, clock, step)
        state = json.loads(json.dumps(restarted.snapshot()))
        clock = SimulatedClock(clock.time_ns())
        restarted = new_exchange(clock, again, 0.0)
        restarted.restore(state)
    assert again == reports
    assert restarted.snapshot() == exchange.snapshot()
    assert restarted.mass_status() == exchange.mass_status()


def told_in(steps):
    clock, reports = SimulatedClock(0), []
    exchange = new_exchange(clock, reports, 100_000.0)
    for step in steps:
        apply(exchange, clock, step)
    return reports


@given(sessions())
@random_test(100)
def test_orders_that_no_price_reaches_need_no_look_at_each(steps):
    compare_with_looks(steps)


def compare_with_looks(steps):
    reports = told_in(steps)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Book, "_reach_nobody", lambda *args: False)
        assert told_in(steps) == reports


@pytest.mark.long
@given(sessions(20, 80), st.sampled_from([1_000_000.0, 2_000.0]))
@random_test(300)
def test_many_random_sessions(steps, cash):
    compare_with_looks(steps)
    clock, reports = SimulatedClock(0), []
    exchange = new_exchange(clock, reports, cash)
    for step in steps:
        apply(exchange, clock, step)
    check_invariants(exchange, reports, cash)
    compare_with_restarts(steps)


def test_a_future_binds_its_margin_and_its_profit_is_cash():
    instrument = Instrument("A", multiplier=10.0, margin=0.1)
    bench = Bench(cash=1000.0, instrument=instrument, fees=lambda *of: 1.0)
    bench.bar(100.0)
    assert bench.events(bench.send(BUY, 10)) == [E.MARGIN]  # 1,000 and the fee
    bench.send(BUY, 6)
    bench.bar(100.0)
    account = bench.exchange.account
    assert (account.cash, account.value(), account.used()) == (999.0, 999.0, 600.0)
    bench.bar(102.0)
    assert (account.cash, account.value(), account.used()) == (999.0, 1119.0, 612.0)
    bench.send(SELL, 8)  # 4 of the 6 and more: it turns round
    bench.bar(103.0)
    assert (account.cash, account.value(), account.used()) == (1178.0, 1178.0, 206.0)
    bench.bar(104.0)
    assert account.value() == 1158.0
    bench.send(BUY, 2)
    bench.bar(104.0)
    assert (account.cash, account.used()) == (1157.0, 0.0)


def test_prices_keep_to_the_tick_of_their_size():
    bench = Bench(instrument=Instrument("A", tick_table=((0.0, 0.01), (10.0, 0.05))))
    bench.bar(9.0)
    assert bench.events(bench.send(BUY, 1, OrderType.LIMIT, 9.01)) == [E.ACCEPTED]
    assert bench.events(bench.send(SELL, 1, OrderType.LIMIT, 10.01)) == [E.REJECTED]
    assert bench.last().reason_code == "BAD_TICK"
    assert bench.events(bench.send(SELL, 1, OrderType.LIMIT, 10.05)) == [E.ACCEPTED]
