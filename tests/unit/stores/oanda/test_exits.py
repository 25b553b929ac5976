"""Brackets and trailing stops that are OANDA's own, through the store, with the genuine client."""

from __future__ import annotations

import logging

import pytest

pytest.importorskip("oandapyV20", reason="oandapyV20 is not installed")

from btstores.clock import wall_clock
from btstores.orders.book import OrderRecord
from btstores.orders.lifecycle import OrderState
from btstores.reports import OrderRequest, OrderType, Side
from btstores.stores.oanda import OandaStore
from btstores.stores.oanda.simulator import AccountConfig
from tests.support.oanda import ACCOUNT, Desk
from tests.support.stage import Stage

EUR = "EUR_USD"
TARGET = {"order_type": OrderType.LIMIT, "price": 1.12}
STOP = {"order_type": OrderType.STOP, "price": 1.08}
TRAIL = {"order_type": OrderType.STOP_TRAIL, "trail_amount": 0.01}


class BracketStage(Stage):
    """A store at OANDA that sends brackets."""

    def bracket(self, *exits, price=None, side=Side.BUY, size=1000.0):
        clock = self.store.clock
        kind = OrderType.MARKET if price is None else OrderType.LIMIT
        entry = OrderRequest(
            *(clock.new_id(), EUR, side, size, kind, price),
            reference_price=1.1,
            time_ns=clock.time_ns(),
        )
        back = Side.SELL if side is Side.BUY else Side.BUY
        children = [
            entry._replace(
                **{"client_order_id": clock.new_id(), "side": back, "price": None, **terms},
                parent_id=entry.client_order_id,
            )
            for terms in exits
        ]
        records = [OrderRecord(one) for one in (entry, *children)]
        self.store.order_create(*records)
        return records

    def are(self, *pairs):
        """Wait until orders are in these states."""
        self.until(lambda: all(one.state is state for one, state in pairs))


@pytest.fixture(autouse=True)
def quiet(caplog):
    caplog.set_level(logging.CRITICAL, "btstores")


@pytest.fixture
def hedging():
    return False


@pytest.fixture
def fifo():
    return False


@pytest.fixture
def desk(hedging, fifo):
    made = Desk(wall_clock(), AccountConfig(ACCOUNT, hedging=hedging, fifo=fifo))
    made.venue.rates.always_open = True
    yield made
    made.server.stop()


@pytest.fixture
def stage(desk):
    made = []

    def make(**params):
        given = {"token": "token", "account": ACCOUNT, "timeout": 5.0, "port": desk.server.port}
        given.update(reconnect_interval=0.02, silence=5.5, **params)
        build = OandaStore
        made.append(BracketStage(build(**given), EUR, size=1000.0, price=1.1))
        return made[-1].connect()

    yield make
    for each in made:
        each.store.stop()


def kinds(desk):
    return sorted(one["type"] for one in desk.pending())


ACCEPTED, COMPLETED, CANCELED = OrderState.ACCEPTED, OrderState.COMPLETED, OrderState.CANCELED


@pytest.mark.parametrize("hedging", [False, True])
@pytest.mark.parametrize(
    ("stop", "kind"), [(STOP, "STOP_LOSS"), (TRAIL, "TRAILING_STOP_LOSS")], ids=["stop", "trail"]
)
def test_a_bracket_is_one_order_and_then_its_trades_exits(stage, desk, stop, kind):
    one = stage()
    entry, target, exit_ = one.bracket(TARGET, stop, price=1.09)
    one.are((entry, ACCEPTED), (target, ACCEPTED), (exit_, ACCEPTED))
    assert kinds(desk) == ["LIMIT"]
    desk.price(1.0898, 1.09)
    one.are((entry, COMPLETED))
    assert kinds(desk) == sorted([kind, "TAKE_PROFIT"])
    one.until(lambda: target.venue_order_id is not None and exit_.venue_order_id is not None)
    desk.price(1.1201, 1.1203)
    one.are((target, COMPLETED), (exit_, CANCELED))
    assert [(fill.size, fill.price) for fill in one.ears.fills] == [(1000, 1.09), (1000, 1.1201)]
    one.until(lambda: one.held() == 0.0)


def test_a_trailing_stop_follows_the_price_at_oanda(stage, desk):
    one = stage()
    entry, trail = one.bracket(TRAIL)
    one.are((entry, COMPLETED), (trail, ACCEPTED))
    desk.price(1.13, 1.1302)
    desk.price(1.1199, 1.1201)
    one.are((trail, COMPLETED))
    assert one.ears.fills[-1].price == 1.1199


def test_a_short_bracket(stage, desk):
    one = stage()
    target = {"order_type": OrderType.LIMIT, "price": 1.08}
    stop = {"order_type": OrderType.STOP, "price": 1.12}
    entry, target, stop = one.bracket(target, stop, side=Side.SELL)
    one.are((entry, COMPLETED), (target, ACCEPTED), (stop, ACCEPTED))
    desk.price(1.1199, 1.1201)
    one.are((stop, COMPLETED), (target, CANCELED))
    one.until(lambda: one.held() == 0.0)


def test_a_bracket_whose_entry_is_cancelled(stage, desk):
    one = stage()
    records = one.bracket(TARGET, STOP, price=1.09)
    one.are(*((record, ACCEPTED) for record in records))
    one.store.order_cancel(records[0])
    one.are(*((record, CANCELED) for record in records))
    assert records[1].reason_code == "RELATED"
    assert kinds(desk) == []


def test_a_bracket_whose_entry_is_refused(stage, desk):
    one = stage()
    one.store.desk.policies["bracket_sides"] = "off"
    records = one.bracket({**TARGET, "price": 1.0999}, STOP)
    one.are(*((record, OrderState.REJECTED) for record in records))
    assert {record.reason_code for record in records} == {"TAKE_PROFIT_ON_FILL_LOSS"}


@pytest.mark.parametrize("fifo", [True])
def test_a_second_bracket_of_the_same_size_where_first_in_is_first_out(stage, desk, fifo):
    one = stage()
    first = one.bracket(TARGET, STOP)
    one.are((first[0], COMPLETED))
    second = one.bracket(TARGET, STOP)
    one.are(*((record, OrderState.REJECTED) for record in second))
    assert {record.reason_code for record in second} == {"FIFO_VIOLATION"}


def test_an_exit_is_changed_and_taken_away_while_its_entry_waits(stage, desk):
    one = stage()
    entry, target, stop = one.bracket(TARGET, STOP, price=1.09)
    one.are((entry, ACCEPTED), (stop, ACCEPTED))
    told = len(one.ears.events)
    one.store.order_modify(stop, price=1.07)
    one.until(lambda: stop.request.price == 1.07)
    assert len(one.ears.events) == told + 1, "the entry has not changed"
    one.store.order_cancel(target)
    one.are((target, CANCELED))
    (waiting,) = desk.pending()
    assert waiting["stopLossOnFill"]["price"] == "1.07000"
    assert "takeProfitOnFill" not in waiting
    one.store.order_cancel(entry)
    one.are((entry, CANCELED), (stop, CANCELED))


def test_an_entry_is_changed_and_its_exits_with_it(stage, desk):
    one = stage()
    entry, target, stop = one.bracket(TARGET, STOP, price=1.09)
    one.are((entry, ACCEPTED), (stop, ACCEPTED))
    one.store.order_modify(entry, size=2000.0, price=1.095)
    one.until(lambda: target.request.size == stop.request.size == entry.request.size == 2000.0)
    desk.price(1.0948, 1.095)
    one.are((entry, COMPLETED))
    desk.price(1.0799, 1.0801)
    one.are((stop, COMPLETED), (target, CANCELED))
    assert stop.filled == 2000.0


def test_an_exit_of_a_trade_is_changed_and_cancelled(stage, desk):
    one = stage()
    entry, target, stop = one.bracket(TARGET, TRAIL)
    one.are((entry, COMPLETED))
    one.until(lambda: target.venue_order_id is not None and stop.venue_order_id is not None)
    one.store.order_modify(target, price=1.15)
    one.until(lambda: target.request.price == 1.15)
    one.store.order_modify(stop, trail_amount=0.02)
    one.until(lambda: any(row.get("distance") == "0.02000" for row in desk.pending()))
    one.store.order_modify(target, size=500.0)
    one.until(lambda: target.reason_code == "SIZE_OF_TRADE")
    one.store.order_cancel(target)
    one.are((target, CANCELED))
    assert kinds(desk) == ["TRAILING_STOP_LOSS"]


def test_exits_are_for_what_is_left_of_the_trade(stage, desk):
    one = stage()
    entry, target, stop = one.bracket(TARGET, STOP)
    one.are((entry, COMPLETED), (target, ACCEPTED))
    one.until(lambda: target.venue_order_id is not None and stop.venue_order_id is not None)
    one.order(400.0, side=Side.SELL)
    one.until(lambda: target.request.size == stop.request.size == 600.0)
    desk.price(1.1201, 1.1203)
    one.are((target, COMPLETED), (stop, CANCELED))
    assert target.filled == 600.0
    one.until(lambda: one.held() == 0.0)


def test_an_entry_that_opens_less_or_nothing(stage, desk):
    one = stage()
    one.order(1500.0, side=Side.SELL)
    one.until(lambda: one.held() == -1500.0)
    entry, target, stop = one.bracket(TARGET, STOP)
    one.are((entry, COMPLETED), (target, CANCELED), (stop, CANCELED))
    assert "opened no trade" in target.reason
    entry, target, stop = one.bracket(TARGET, STOP)
    one.are((entry, COMPLETED), (target, ACCEPTED))
    one.until(lambda: target.request.size == stop.request.size == 500.0)


@pytest.mark.parametrize("price", [1.09, None], ids=["waits", "filled"])
def test_the_next_process_goes_on_with_a_bracket(stage, desk, tmp_path, price):
    path = str(tmp_path / "account.journal")
    first = stage(journal=path)
    records = first.bracket(TARGET, STOP, price=price)
    first.are((records[2], ACCEPTED))
    first.until(lambda: price is not None or records[2].venue_order_id is not None)
    first.store.stop()
    again = stage(journal=path)
    _, target, stop = (again.store.book.find(one.client_order_id) for one in records)
    if price is not None:
        again.store.order_modify(target, price=1.115)
        again.until(lambda: target.request.price == 1.115)
        desk.price(1.0898, 1.09)
    desk.price(1.0799, 1.0801)
    again.are((stop, COMPLETED), (target, CANCELED))
    again.until(lambda: again.held() == 0.0)


def test_what_oanda_does_not_take_as_a_bracket_is_kept_here(stage, desk):
    one = stage()
    half = {**TARGET, "size": 500.0}
    entry, *exits = one.bracket(half, half, STOP)
    one.are((entry, COMPLETED), *((each, ACCEPTED) for each in exits))
    assert all(each in one.store.desk.engine for each in exits)
    desk.price(1.1201, 1.1203)
    one.are(*((each, COMPLETED) for each in exits[:2]), (exits[2], CANCELED))
    one.until(lambda: one.held() == 0.0)
