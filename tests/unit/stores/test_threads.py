"""What waits for what, on real threads."""

from __future__ import annotations

import threading

import pytest

from btstores.clock import RealClock
from btstores.errors import LinkError
from btstores.orders.book import OrderRecord
from btstores.reports import OrderRequest, OrderType, Side, Subscription
from tests.support.venue import ScriptedGateway, new_store

SOON = 30.0


class SlowHistory(ScriptedGateway):
    """Answers a question for history when it is told to, and says when it got an order."""

    def __init__(self):
        super().__init__()
        self.asked, self.go_on, self.ordered = (threading.Event() for _ in range(3))

    def history(self, *args, **kwargs):
        self.asked.set()
        assert self.go_on.wait(SOON)
        return super().history(*args, **kwargs)

    def place(self, group):
        super().place(group)
        self.ordered.set()


def test_an_order_does_not_wait_behind_a_question_for_history():
    venue, answers = SlowHistory(), []
    store = new_store(gateway=venue, clock=RealClock())
    store.connect()
    try:
        store.request_history(Subscription("A", 4), None, None, None, answers.append)
        assert venue.asked.wait(SOON)
        request = OrderRequest("1", "A", Side.BUY, 1.0, OrderType.MARKET)
        store.order_create(OrderRecord(request))
        assert venue.ordered.wait(SOON)
        assert answers == []
    finally:
        venue.go_on.set()
        store.stop()


def test_an_order_does_not_wait_behind_history_that_was_given_up():
    venue = SlowHistory()
    store = new_store(gateway=venue, clock=RealClock())
    store.connect()
    store.params.timeout = 0.1
    try:
        with pytest.raises(LinkError, match="history"):
            store.get_history_data("A", 4)
        request = OrderRequest("1", "A", Side.BUY, 1.0, OrderType.MARKET)
        store.order_create(OrderRecord(request))
        assert venue.ordered.wait(SOON)
    finally:
        venue.go_on.set()
        store.stop()


def test_history_is_asked_for_after_the_stream_it_belongs_to():
    venue = SlowHistory()
    venue.go_on.set()
    store = new_store(gateway=venue, clock=RealClock())
    store.connect()
    started, release = threading.Event(), threading.Event()

    def subscribe(subscription):
        started.set()
        assert release.wait(SOON)

    venue.subscribe = subscribe
    try:
        store.subscribe_market_data("A", 4)
        store.request_history(Subscription("A", 4), None, None, None, lambda report: None)
        assert started.wait(SOON)
        assert not venue.asked.is_set()
        release.set()
        assert venue.asked.wait(SOON)
    finally:
        release.set()
        store.stop()
