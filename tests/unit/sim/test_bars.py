"""`BarExchange` beyond parity: what it answers, what it remembers, what it refuses."""

from __future__ import annotations

import datetime
import json
from typing import Any, List

import backtrader as bt
import pytest

from btstores.errors import ConfigError, VenueRefused
from btstores.feeds.times import ns_to_num
from btstores.reports import (
    AccountReport,
    FillReport,
    OrderEvent,
    OrderModification,
    OrderReport,
    OrderRequest,
    OrderType,
    PositionReport,
    Report,
    Side,
)
from btstores.sim.bars.exchange import BarExchange, BarOptions, BarView

MINUTE_NS = 60_000_000_000
START_NS = 1_700_000_000_000_000_000 // MINUTE_NS * MINUTE_NS


def view(
    minute: int, low: float, high: float, opened: float = 10.0, close: float = 10.0, **more: Any
) -> BarView:
    time_ns = START_NS + minute * MINUTE_NS
    when = datetime.datetime(2023, 11, 14, 22, 13) + datetime.timedelta(minutes=minute)
    return BarView(
        *(opened, high, low, close, opened, close, ns_to_num(time_ns), time_ns, when),
        previous_days=ns_to_num(time_ns - MINUTE_NS),
        **more,
    )


def request(id_: str, order_type: OrderType = OrderType.MARKET, **more: Any) -> OrderRequest:
    values = {
        "symbol": "X",
        "side": Side.BUY,
        "size": 2,
        "reference_price": 10.0,
        "bar_time_ns": START_NS,
        **more,
    }
    return OrderRequest(id_, order_type=order_type, **values)  # type: ignore[arg-type]


class Venue:
    """An exchange, what it has reported, and a short way to take a step."""

    def __init__(self, **keywords: Any) -> None:
        self.reports: List[Report] = []
        self.info = bt.CommissionInfo(commission=0.001)
        self.exchange = BarExchange(self.reports.append, lambda symbol: self.info, **keywords)

    def step(self, *args: Any, symbol: str = "X", **more: Any) -> List[Report]:
        """Take a step and return what it reported."""
        before = len(self.reports)
        self.exchange.step({symbol: view(*args, **more)})
        return self.reports[before:]

    @property
    def fills(self) -> List[FillReport]:
        return [report for report in self.reports if isinstance(report, FillReport)]

    @property
    def news(self) -> List[Any]:
        return [
            (report.client_order_id, report.event)
            for report in self.reports
            if isinstance(report, OrderReport)
        ]


def test_a_market_order_is_told_from_acceptance_to_the_account() -> None:
    venue = Venue(account="a", cash=100.0)
    venue.step(0, 9.0, 11.0)
    venue.exchange.submit([request("1")])
    accepted, fill, position, account = venue.step(1, 9.0, 12.0, opened=11.0, close=12.0)

    assert isinstance(accepted, OrderReport)
    assert accepted.event is OrderEvent.ACCEPTED
    assert accepted.venue_order_id == "a-o1"
    assert fill == FillReport(
        *("a-1", "X", Side.BUY, 2, 11.0, START_NS + MINUTE_NS, "1", "a-o1", 0.022, "USD")
    )
    assert position == PositionReport("X", 2, 11.0, START_NS + MINUTE_NS, market_price=12.0)
    assert account == AccountReport("a", "USD", 77.978, 101.978, START_NS + MINUTE_NS)


def test_an_idle_cycle_accepts_but_matches_nothing() -> None:
    venue = Venue()
    venue.step(0, 5.0, 11.0)
    venue.exchange.submit([request("1", OrderType.LIMIT, price=6.0)])
    idle = venue.step(0, 5.0, 11.0, fresh=False)
    assert [report.event for report in idle if isinstance(report, OrderReport)] == [
        OrderEvent.ACCEPTED
    ]
    assert len(idle) == 1
    venue.exchange.step({})
    assert not venue.fills


@pytest.mark.parametrize(("old_bars", "fills"), [(True, 1), (False, 0)])
def test_another_datas_bar_tries_the_old_bar_only_as_upstream(old_bars: bool, fills: int) -> None:
    venue = Venue(old_bars=old_bars)
    venue.step(0, 5.0, 11.0)
    venue.exchange.submit([request("1", OrderType.LIMIT, price=6.0)])
    venue.exchange.step({"X": view(0, 5.0, 11.0, fresh=False), "Y": view(1, 9.0, 9.0)})
    assert len(venue.fills) == fills
    venue.step(2, 5.5, 11.0)
    assert len(venue.fills) == 1


def test_an_order_that_waits_for_its_check_cannot_be_cancelled() -> None:
    venue = Venue()
    venue.step(0, 9.0, 11.0)
    venue.exchange.submit([request("1", OrderType.LIMIT, price=1.0)])
    venue.exchange.cancel("1")
    venue.step(1, 9.0, 11.0)
    venue.exchange.cancel("1")
    venue.exchange.cancel("1")
    assert venue.news == [
        ("1", OrderEvent.CANCEL_REJECTED),
        ("1", OrderEvent.ACCEPTED),
        ("1", OrderEvent.CANCELED),
        ("1", OrderEvent.CANCEL_REJECTED),
    ]
    codes = [r.reason_code for r in venue.reports if isinstance(r, OrderReport) and r.reason_code]
    assert codes == ["TOO_EARLY", "NOT_OPEN"]


def test_a_child_without_an_open_parent_is_rejected_with_a_reason() -> None:
    venue = Venue()
    venue.step(0, 9.0, 11.0)
    venue.exchange.submit([request("2", OrderType.STOP, side=Side.SELL, price=8.0, parent_id="1")])
    (report,) = venue.reports[-1:]
    assert isinstance(report, OrderReport)
    assert (report.event, report.reason) == (OrderEvent.REJECTED, "its parent is not open")


def test_a_child_joins_a_bracket_whose_parent_has_been_filled() -> None:
    venue = Venue()
    venue.step(0, 9.0, 11.0)
    stop = request("2", OrderType.STOP, side=Side.SELL, price=8.0, parent_id="1")
    venue.exchange.submit([request("1"), stop])
    venue.step(1, 9.0, 11.0)
    target = request("3", OrderType.LIMIT, side=Side.SELL, price=12.0, parent_id="1")
    venue.exchange.submit([target])
    venue.step(2, 9.0, 13.0)
    assert [fill.client_order_id for fill in venue.fills] == ["1", "3"]
    assert venue.news[-1] == ("2", OrderEvent.CANCELED)


def test_modify_changes_the_terms_at_once() -> None:
    venue = Venue()
    venue.step(0, 9.0, 11.0)
    venue.exchange.submit([request("1", OrderType.LIMIT, price=1.0)])
    venue.step(1, 9.0, 11.0)
    venue.exchange.modify(OrderModification("1", size=5, price=9.5, expire_ns=START_NS * 2))
    report = venue.reports[-1]
    assert isinstance(report, OrderReport)
    assert (report.event, report.size, report.price) == (OrderEvent.MODIFIED, 5, 9.5)
    venue.step(2, 9.0, 11.0)
    assert [(fill.size, fill.price) for fill in venue.fills] == [(5, 9.5)]


def test_modify_moves_a_trailing_stop_and_its_limit() -> None:
    venue = Venue()
    venue.step(0, 9.0, 11.0)
    trailing = request(
        *("1", OrderType.STOP_TRAIL_LIMIT),
        side=Side.SELL,
        price=10.0,
        limit_price=9.5,
        trail_percent=0.1,
    )
    venue.exchange.submit([trailing])
    venue.step(1, 9.5, 11.0)
    venue.exchange.modify(OrderModification("1", price=8.0, limit_price=7.0, trail_amount=3.0))
    (order,) = venue.exchange.mass_status().orders
    assert (order.price, order.limit_price) == (8.0, 7.0)
    venue.step(2, 9.5, 12.5, close=12.0)
    (order,) = venue.exchange.mass_status().orders
    assert (order.price, order.limit_price) == (9.0, 8.0)
    venue.exchange.modify(OrderModification("1", trail_percent=0.1))
    venue.step(3, 9.5, 12.5, close=12.0)
    (order,) = venue.exchange.mass_status().orders
    assert order.price == 12.0 - 12.0 * 0.1


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"client_order_id": "9", "price": 1.0}, "NOT_OPEN"),
        ({"client_order_id": "1", "trail_amount": 1.0}, "NOT_APPLICABLE"),
        ({"client_order_id": "1", "size": 1}, "BELOW_FILLED"),
    ],
)
def test_modify_refuses_what_makes_no_sense(change: Any, code: str) -> None:
    venue = Venue(options=BarOptions(filler=lambda order, price, ago: 1))
    venue.step(0, 9.0, 11.0)
    venue.exchange.submit([request("1", OrderType.LIMIT, price=10.0)])
    venue.step(1, 9.0, 11.0)
    venue.exchange.modify(OrderModification(**change))
    report = venue.reports[-1]
    assert isinstance(report, OrderReport)
    assert (report.event, report.reason_code) == (OrderEvent.MODIFY_REJECTED, code)


def test_refused_requests_take_nothing() -> None:
    venue = Venue()
    with pytest.raises(VenueRefused, match="X has no price yet"):
        venue.exchange.submit([request("1", reference_price=None)])
    venue.exchange.submit([request("1")])
    with pytest.raises(VenueRefused, match="in use"):
        venue.exchange.submit([request("2"), request("1")])
    assert [order.client_order_id for order in venue.exchange.mass_status().orders] == ["1"]


def test_an_order_without_a_reference_takes_the_last_close() -> None:
    venue = Venue(cash=15.0)
    venue.step(0, 5.0, 11.0, close=8.0)
    venue.exchange.submit([request("1", size=2, reference_price=None, bar_time_ns=None)])
    venue.step(1, 5.0, 11.0, close=8.0)
    assert venue.news == [("1", OrderEvent.MARGIN)]


def test_mass_status_tells_everything_since() -> None:
    venue = Venue()
    venue.step(0, 9.0, 11.0)
    venue.exchange.submit([request("1"), request("2", OrderType.LIMIT, price=1.0, parent_id="1")])
    venue.exchange.submit([request("3", OrderType.LIMIT, price=2.0)])
    venue.step(1, 9.0, 11.0)
    venue.exchange.cancel("3")
    status = venue.exchange.mass_status()
    assert [(order.client_order_id, order.event) for order in status.orders] == [
        ("3", OrderEvent.CANCELED),
        ("2", OrderEvent.ACCEPTED),
    ]
    assert status.orders[1].request == request("2", OrderType.LIMIT, price=1.0, parent_id="1")
    assert list(status.fills) == venue.fills
    assert [(position.symbol, position.size) for position in status.positions] == [("X", 2)]
    assert status.accounts[0].cash == venue.exchange.cash
    later = venue.exchange.mass_status(START_NS + 2 * MINUTE_NS)
    assert not later.fills
    assert [order.client_order_id for order in later.orders] == ["2"]


def test_a_restart_keeps_the_account_its_orders_and_the_count_of_fills() -> None:
    venue = Venue(account="a")
    venue.step(0, 9.0, 11.0)
    stop = request("2", OrderType.STOP_TRAIL, side=Side.SELL, trail_amount=1.5, parent_id="1")
    limit = request("3", OrderType.LIMIT, side=Side.SELL, price=14.0, parent_id="1")
    venue.exchange.submit([request("1"), stop, limit])
    venue.step(1, 9.0, 11.0)
    state = json.loads(json.dumps(venue.exchange.snapshot()))

    again = Venue(account="a", cash=1.0)
    again.exchange.restore(state)
    assert again.exchange.mass_status() == venue.exchange.mass_status()._replace(
        positions=tuple(
            position._replace(market_price=None)
            for position in venue.exchange.mass_status().positions
        )
    )
    for run in (venue, again):
        run.step(2, 9.9, 13.0, close=13.0)
        run.step(3, 11.0, 13.0, opened=12.0, close=13.0)
        run.step(4, 11.0, 13.0, opened=12.0, close=13.0)
    assert again.fills == venue.fills[1:]
    assert [fill.fill_id for fill in again.fills] == ["a-2"]
    assert again.exchange.snapshot() == venue.exchange.snapshot()


def test_a_restart_before_any_price_keeps_the_value() -> None:
    venue = Venue()
    venue.step(0, 9.0, 11.0)
    venue.exchange.submit([request("1")])
    venue.step(1, 9.0, 11.0, close=10.5)
    again = Venue()
    again.exchange.restore(venue.exchange.snapshot())
    again.step(2, 3.0, 3.0, symbol="Y")
    assert again.exchange.value == venue.exchange.value


def test_a_snapshot_of_another_account_is_refused() -> None:
    state = Venue(account="a").exchange.snapshot()
    with pytest.raises(ConfigError, match="snapshot account='a': expected 'b'"):
        Venue(account="b").exchange.restore(state)
    with pytest.raises(ConfigError, match="snapshot version=0"):
        Venue(account="a").exchange.restore({**state, "version": 0})


def test_deposits_count_at_the_end_of_the_next_step() -> None:
    venue = Venue(cash=100.0)
    venue.exchange.deposit(50.0)
    assert venue.exchange.cash == 100.0
    venue.step(0, 9.0, 11.0)
    assert (venue.exchange.cash, venue.exchange.value) == (150.0, 150.0)
    assert (venue.exchange.fund_value, venue.exchange.fund_shares) == (100.0, 1.5)


def test_options_can_change_while_it_runs() -> None:
    venue = Venue()
    venue.step(0, 9.0, 11.0)
    venue.exchange.submit(
        [
            request("1"),
        ]
    )
    venue.exchange.options = BarOptions(slip_perc=0.01, slip_open=True)
    venue.step(1, 9.0, 11.0)
    assert venue.fills[0].price == 10.0 * 1.01


def test_a_filler_sees_the_order_as_upstream_shows_it() -> None:
    seen: List[Any] = []

    def filler(order: Any, price: float, ago: int) -> float:
        created = order.created
        seen.append((order.data, order.executed.remsize, order.isbuy(), order.issell(), price, ago))
        seen.append((created.price, created.pricelimit, created.size, order.size))
        return 1

    venue = Venue(options=BarOptions(filler=filler))
    venue.step(0, 9.0, 11.0)
    venue.exchange.submit([request("1", side=Side.SELL)])
    venue.step(1, 9.0, 11.0, data="the data")
    venue.step(2, 9.0, 11.0, data="the data")
    assert seen == [
        ("the data", -2, False, True, 10.0, 0),
        (10.0, 10.0, -2, -2),
        ("the data", -1, False, True, 10.0, 0),
        (10.0, 10.0, -2, -2),
    ]
    assert [fill.size for fill in venue.fills] == [1, 1]
