"""Orders that the moment or the venue does not allow."""

from __future__ import annotations

import dataclasses

import backtrader as bt
import pytest

from btstores.reports import OrderType
from tests.support.session import Session, bar
from tests.support.venue import new_store


@pytest.fixture
def session():
    session = Session()
    session.feed()
    session.bars(10, 11)
    return session


def test_an_order_on_history_is_refused_so_that_a_strategy_may_run_over_it_unchanged(session):
    session.venue.bars["A"] = [bar(-2), bar(-1)]
    diary = session.run(script={n: lambda s: s.buy(size=5) for n in (1, 2, 3)})
    assert [request.bar_time_ns for request in session.venue.placed] == [bar(1).time_ns]
    refused = [order.info.reason_code for order in diary.made if not order.alive()]
    assert refused == ["NOT_LIVE", "NOT_LIVE"]
    assert "A is DELAYED, not LIVE" in diary.made[0].info.reason


def test_a_refused_order_still_shows_what_was_asked_for(session):
    session.venue.bars["A"] = [bar(-2)]
    trail = {"exectype": bt.Order.StopTrail, "trailamount": 1}
    stop = {"exectype": bt.Order.StopLimit, "price": 9.0, "plimit": 8.5}
    script = {1: lambda s: [s.sell(size=5, **stop), s.sell(size=5, **trail)]}
    stop_limit, stop_trail = session.run(script=script).made
    assert (stop_limit.exectype, stop_limit.price, stop_limit.plimit) == (4, 9.0, 8.5)
    assert (stop_trail.exectype, stop_trail.trailamount) == (5, 1)


def test_whoever_asks_for_it_trades_on_history(session):
    session.venue.bars["A"] = [bar(-2), bar(-1)]
    session.broker.p.trade_history = True
    session.run(script={1: lambda s: s.buy(size=5)})
    assert len(session.venue.placed) == 1


MARKET_ONLY = frozenset({OrderType.MARKET})


@pytest.mark.parametrize(
    ("capability", "order", "lacking"),
    [
        ({"order_types": frozenset()}, lambda s: s.buy(size=1), "Market orders"),
        (
            {"order_types": MARKET_ONLY},
            lambda s: s.sell(size=1, exectype=bt.Order.StopTrail, trailamount=1),
            "StopTrail orders",
        ),
        ({"tifs": frozenset()}, lambda s: s.buy(size=1, valid=bt.Order.DAY), "DAY orders"),
        ({"oco": False}, lambda s: s.buy(size=1, oco=s.buy(size=1)), "OCO orders"),
        ({"bracket": False}, lambda s: s.buy_bracket(size=1, price=9), "brackets"),
    ],
)
def test_what_a_venue_lacks_is_refused_before_it_is_sent(capability, order, lacking):
    session = Session(new_store(on_unsupported="reject"))
    session.feed()
    session.bars(10, 11)
    store = session.store
    store.capabilities = dataclasses.replace(store.capabilities, **capability)
    diary = session.run(script={1: order})
    refused = [made for made in diary.made if made.status == made.Rejected]
    assert any(f"the venue has no {lacking}" in made.info.reason for made in refused)
    codes = {made.info.reason_code for made in refused}
    assert codes <= {"UNSUPPORTED", "BRACKET_INVALID", "PARENT_GONE"}
    assert {sent.oco_id or sent.parent_id for sent in session.venue.placed} <= {None}
