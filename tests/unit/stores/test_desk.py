"""What the order desk does between runs and with what goes wrong."""

from __future__ import annotations

import pytest

from btstores.errors import JournalError
from btstores.instruments import TimeFrame
from btstores.orders.book import OrderRecord
from btstores.orders.riskrules import TradingState
from btstores.reports import OrderRequest, OrderType, Side, Subscription, Tick
from tests.support.venue import T0, new_store

TICKS = Subscription("A", int(TimeFrame.TICKS))


@pytest.fixture
def make():
    stores = []

    def make(**params):
        stores.append(new_store(**params))
        stores[-1].connect()
        return stores[-1]

    yield make
    for store in stores:
        store.stop()


def tick(store, seconds, price):
    store.put(Tick("A", T0 + seconds * 10**9, price, 1.0))
    store.process_events()


def test_a_stop_that_waits_here_is_watched_again_in_the_next_run(make):
    store = make(emulate="Stop")
    stop = OrderRecord(OrderRequest("c1", "A", Side.SELL, 5.0, OrderType.STOP, 9.0))
    assert store.order_create(stop)
    store.process_events()
    assert store.gateway.subscribed == [TICKS]
    store.stop()
    assert store.gateway.subscribed == []
    store.connect()
    assert store.gateway.subscribed == [TICKS]
    tick(store, 1, 9.5)
    assert store.gateway.placed == []
    tick(store, 2, 8.9)
    (sent,) = store.gateway.placed
    assert (sent.order_type, sent.size) == (OrderType.MARKET, 5.0)


def test_a_journal_that_fails_changes_the_trading_state_by_the_rules(make):
    store = make(risk={"on": {"journal_failed": "halted"}})
    assert store.desk.risk.state is TradingState.ACTIVE
    store.desk.journal_failed(JournalError("disk full"))
    assert store.desk.risk.state is TradingState.HALTED
    order = OrderRecord(OrderRequest("c1", "A", Side.BUY, 5.0, OrderType.MARKET))
    assert not store.order_create(order)
    assert [problem.code for problem in order.problems] == ["RISK_HALTED"]
    assert store.gateway.placed == []
