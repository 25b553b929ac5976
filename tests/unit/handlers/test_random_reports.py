"""Reports in any order, told twice or not at all: what holds whatever happens."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from btstores.handlers.base import Listener
from btstores.handlers.order_handler import OrderHandler
from btstores.handlers.trade_handler import TradeHandler
from btstores.orders.book import OrderRecord
from btstores.orders.lifecycle import FINAL, OrderState
from btstores.reports import FillReport, OrderEvent, OrderReport, OrderRequest, OrderType, Side

SIZE = 10.0
ORDERS = ("c0", "c1", "c2")
SIDES = {"c0": Side.BUY, "c1": Side.SELL, "c2": Side.BUY, "x": Side.BUY}
ENDS = (OrderEvent.CANCELED, OrderEvent.EXPIRED, OrderEvent.REJECTED, OrderEvent.MARGIN)


class Account(Listener):
    """Counts what it is told, and follows each order's state from telling to telling."""

    def __init__(self):
        self.position = 0.0
        self.fills = []
        self.states = {}

    def on_order(self, record, event):
        self._follow(record)

    def on_fill(self, record, fill):
        self._count(fill)
        self._follow(record)

    def on_foreign_fill(self, fill):
        self._count(fill)

    def _count(self, fill):
        self.fills.append(fill.fill_id)
        self.position += fill.size * fill.side.sign

    def _follow(self, record):
        self.states.setdefault(record.client_order_id, []).append(record.state)


def reports_of(number, client_id, sizes, end):
    """Return what a well-behaved venue says of one order; by its own id alone if ``x``."""
    venue_id = f"V{number}"
    ours = None if client_id == "x" else client_id
    said = [OrderReport(OrderEvent.ACCEPTED, 1, ours, venue_id)]
    for n, size in enumerate(sizes):
        # Some venues name our id in a fill, some only their own.
        named = ours if n % 2 else None
        fill_id = f"{client_id}-{n}"
        said.append(FillReport(fill_id, "A", SIDES[client_id], size, 9.0, 2, named, venue_id))
    if end is not None:
        said.append(OrderReport(end, 3, ours, venue_id))
    return said


@st.composite
def stories(draw):
    """Draw what the venue says of three orders of ours and one of somebody else."""
    sent, got = [], []
    for number, client_id in enumerate((*ORDERS, "x")):
        sizes = draw(st.lists(st.sampled_from([1.0, 2.5, 5.0]), max_size=4))
        end = draw(st.sampled_from((None, *ENDS)))
        sent += reports_of(number, client_id, sizes, end)
    for report in draw(st.permutations(sent)):
        # The acks come, sooner or later: without any of them nobody can say whose a fill is.
        is_ack = isinstance(report, OrderReport) and report.event is OrderEvent.ACCEPTED
        got += [report] * draw(st.integers(1 if is_ack else 0, 2))
    return got


def play(story):
    account = Account()
    orders = OrderHandler(listener=account)
    trades = TradeHandler(orders.book, account)
    orders.replay_fill = trades.handle
    records = []
    for client_id in ORDERS:
        request = OrderRequest(client_id, "A", SIDES[client_id], SIZE, OrderType.MARKET)
        records.append(OrderRecord(request))
        orders.submit(records[-1])
    for report in story:
        (trades if isinstance(report, FillReport) else orders).handle(report)
    return account, records


@settings(max_examples=60, deadline=None)
@given(stories())
def test_the_position_is_the_sum_of_the_fills_each_counted_once(story):
    account, records = play(story)
    fills = {report.fill_id: report for report in story if isinstance(report, FillReport)}
    assert sorted(account.fills) == sorted(fills)
    assert account.position == sum(fill.size * fill.side.sign for fill in fills.values())
    for record in records:
        assert record.filled == sum(fill.size for fill in record.fills)


@settings(max_examples=60, deadline=None)
@given(stories())
def test_an_order_that_is_over_stays_over_and_ends_one_way(story):
    account, records = play(story)
    for record in records:
        states = account.states.get(record.client_order_id, [])
        over = [state for state in states if state in FINAL]
        assert states[len(states) - len(over) :] == over, "alive again after its end"
        # The one change of mind: late fills that leave nothing to be cancelled.
        changes = [b for a, b in zip(over, over[1:]) if a is not b]
        assert changes in ([], [OrderState.COMPLETED])
        assert (record.filled >= SIZE) == (record.state is OrderState.COMPLETED)
        assert not record.in_flight


@settings(max_examples=30, deadline=None)
@given(stories())
def test_telling_the_whole_story_again_changes_nothing(story):
    once, records = play(story)
    twice, again = play(story + story)
    assert (once.position, sorted(once.fills)) == (twice.position, sorted(twice.fills))
    for before, after in zip(records, again):
        assert before.filled == after.filled
        assert before.live == after.live or not after.live
