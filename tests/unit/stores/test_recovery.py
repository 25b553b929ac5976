"""A process is killed, and another one goes on with its journal."""

import backtrader as bt
import pytest

from btstores.errors import ConfigError, OutcomeUnknown
from btstores.journal.reader import JournalReader
from btstores.orders.riskrules import TradingState
from btstores.reports import (
    AccountReport,
    FillReport,
    MassStatus,
    OrderEvent,
    OrderReport,
    PositionReport,
    Side,
)
from tests.support.crash import killed_at
from tests.support.session import SECOND, Session
from tests.support.venue import T0, new_store

NO_EXITS = {
    "emulate": ("Stop", "StopLimit", "StopTrail", "bracket", "oco"),
    "trigger_on": "bars",
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "account.journal"


def first_run(path, script, *says, killed=150.0, **params):
    """Run a session that is killed after ``killed`` seconds; return it and its journal."""
    session = Session(new_store(journal=str(path), **params))
    session.feed()
    session.bars(10, 10, 10)
    for seconds, say in says:
        say(session, seconds)
    left = killed_at(session, killed, path)
    diary = session.run(script=script)
    return session, diary, left()


def second_run(left, status=None, script=None, prepare=None, **params):
    session = Session(new_store(journal=str(left), **params))
    session.clock.advance_to(T0 + 600 * SECOND)
    session.venue.status = status or MassStatus(T0 + 600 * SECOND)
    session.feed()
    for minute in range(11, 15):
        session.bar(minute, 10)
    if prepare is not None:
        prepare(session)
    return session, session.run(script=script)


def buy(**kwargs):
    return {1: lambda diary: diary.buy(size=4, **kwargs)}


LIMIT = {"exectype": bt.Order.Limit, "price": 9.0}


def accept(session, seconds):
    session.accept(seconds)


def status_of(session, number=0, event=OrderEvent.ACCEPTED, fills=(), positions=(), **fields):
    request = session.request(number)
    report = OrderReport(
        event,
        T0 + 600 * SECOND,
        request.client_order_id,
        f"V{number}",
        request.symbol,
        request=request,
        **fields,
    )
    return MassStatus(T0 + 600 * SECOND, (report,), tuple(fills), tuple(positions))


def fill_of(session, number=0, size=4.0, fill_id="away"):
    request = session.request(number)
    return FillReport(
        fill_id,
        request.symbol,
        request.side,
        size,
        9.0,
        T0 + 500 * SECOND,
        request.client_order_id,
        f"V{number}",
    )


def shown(diary):
    """Return the orders that a strategy was told of, the newest word on each."""
    return list({order.ref: order for order in diary.copies}.values())


def test_a_working_order_is_shown_as_ours_and_can_be_cancelled(path):
    session, _, left = first_run(path, buy(**LIMIT, mine="tag"), (70, accept))
    again, diary = second_run(
        left, status_of(session), {2: lambda diary: diary.cancel(diary.copies[0])}
    )
    (order,) = shown(diary)
    assert order.getstatusname() == "Accepted"
    assert (order.info.reconciled, order.info.foreign, order.info.mine) == (True, False, "tag")
    assert order.info.client_order_id == session.request(0).client_order_id
    assert again.venue.cancelled == [session.request(0).client_order_id]
    assert again.venue.placed == []


def test_what_was_filled_meanwhile_is_told_once(path):
    session, _, left = first_run(path, buy(**LIMIT), (70, accept))
    fill, position = fill_of(session), PositionReport("A", 4.0, 9.0)
    ended = MassStatus(T0 + 600 * SECOND, (), (fill,), (position,))

    def again_said(run):
        run.say(640, fill)

    _, diary = second_run(left, ended, prepare=again_said)
    told = [order for order in diary.copies if not order.info.adopted]
    assert [order.getstatusname() for order in told] == ["Completed"]
    assert (told[0].executed.size, told[0].executed.price) == (4.0, 9.0)
    assert told[0].info.reconciled
    assert diary.position.size == 4.0
    third, diary = second_run(left, ended)
    assert [order for order in diary.copies if not order.info.adopted] == []
    assert diary.position.size == 4.0
    assert third.broker.trading_state is TradingState.ACTIVE


def test_an_order_that_ended_meanwhile_is_told_with_its_end(path):
    session, _, left = first_run(path, buy(**LIMIT), (70, accept))
    _, diary = second_run(left, status_of(session, event=OrderEvent.EXPIRED))
    assert [order.getstatusname() for order in diary.copies] == ["Expired"]


def test_an_order_that_never_arrived_is_told_after_some_looks(path):
    session, _, left = first_run(path, buy(**LIMIT))
    again, diary = second_run(left)
    assert [order.getstatusname() for order in diary.copies] == ["Submitted", "Canceled"]
    assert diary.copies[-1].info.reason_code == "NEVER_ARRIVED"
    assert ("order missing", (session.request(0).client_order_id, "NEVER_ARRIVED")) in diary.news
    assert again.venue.placed == []


def test_an_order_that_the_venue_lists_no_more_is_told_as_ended(path):
    _, _, left = first_run(path, buy(**LIMIT), (70, accept))
    _, diary = second_run(left)
    assert [order.getstatusname() for order in diary.copies] == ["Accepted", "Canceled"]
    assert diary.copies[-1].info.reason_code == "NOT_AT_VENUE"


def test_a_query_that_fails_settles_nothing(path):
    _, _, left = first_run(path, buy(**LIMIT), (70, accept))

    def failing(run):
        said = []

        def mass_status(since_ns=None):
            said.append(1)
            if len(said) > 1:
                raise OSError("no answer")
            return run.venue.status

        run.venue.mass_status = mass_status

    again, diary = second_run(left, prepare=failing)
    assert [order.getstatusname() for order in diary.copies] == ["Accepted"]
    assert "audit failed" in diary.messages()
    assert len(again.store.book.live()) == 1


def test_a_stop_that_is_kept_here_goes_on_waiting(path):
    stop = {"exectype": bt.Order.Stop, "price": 12.0}
    _, diary, left = first_run(path, buy(**stop), **NO_EXITS)
    assert diary.copies[-1].getstatusname() == "Accepted"

    def rise(run):
        run.bar(15, 13)
        run.bar(16, 13)

    again, diary = second_run(left, prepare=rise, **NO_EXITS)
    (sent,) = again.venue.placed
    assert (sent.order_type.value, sent.size) == ("Market", 4.0)
    assert shown(diary)[0].info.emulated


def bracket(diary):
    return diary.buy_bracket(size=4, price=9.5, stopprice=8.0, limitprice=14.0)


def test_a_bracket_that_is_half_filled_keeps_its_exits(path):
    def fill(session, seconds):
        session.fill(seconds, size=1.0, price=9.5)

    session, _, left = first_run(path, {1: bracket}, (70, accept), (80, fill), **NO_EXITS)
    entry, target = session.venue.placed
    assert (target.order_type.value, target.size) == ("Limit", 1.0)
    now = T0 + 600 * SECOND
    working = [
        OrderReport(
            OrderEvent.ACCEPTED, now, entry.client_order_id, "V0", "A", request=entry, filled=1.0
        ),
        OrderReport(OrderEvent.ACCEPTED, now, target.client_order_id, "V1", "A", request=target),
    ]
    status = MassStatus(now, tuple(working), (), (PositionReport("A", 1.0, 9.5),))

    def more(run):
        last = FillReport(
            "more", "A", Side.BUY, 3.0, 9.5, now + SECOND, entry.client_order_id, "V0"
        )
        run.say(630, last)

    again, diary = second_run(left, status, prepare=more, **NO_EXITS)
    assert again.venue.placed == []
    (change,) = again.venue.modified
    assert (change.client_order_id, change.size) == (target.client_order_id, 4.0)
    assert diary.position.size == 4.0
    assert sorted(order.getstatusname() for order in shown(diary) if not order.info.adopted) == [
        "Accepted",
        "Accepted",
        "Completed",
    ]


def test_a_position_that_no_fill_explains_halts_entries(path):
    def trade(session, seconds):
        session.fill(seconds, price=9.0)

    _, _, left = first_run(path, buy(**LIMIT), (70, trade))
    held = MassStatus(T0 + 600 * SECOND, (), (), (PositionReport("A", 7.0, 9.0),))
    again, diary = second_run(left, held, buy())
    assert ("position differs", ("A", 4.0, 7.0, "halt")) in diary.news
    assert diary.position.size == 4.0
    assert again.broker.account_size("A") == 7.0
    assert again.broker.trading_state is TradingState.REDUCING
    assert diary.copies[-1].info.reason_code == "RISK_REDUCING"
    _, diary = second_run(left, held)
    assert "position differs" not in diary.messages()
    assert diary.position.size == 4.0


def test_a_difference_can_be_taken_as_our_own(path):
    _, _, left = first_run(path, buy(**LIMIT), (70, lambda run, at: run.fill(at, price=9.0)))
    held = MassStatus(T0 + 600 * SECOND, (), (), (PositionReport("A", 7.0, 9.0),))
    again, diary = second_run(left, held, reconcile={"position": "align"})
    assert diary.position.size == 7.0
    assert again.broker.trading_state is TradingState.ACTIVE


def test_a_difference_in_a_run_is_looked_at_twice():
    session = Session(new_store(audit_interval=60.0))
    session.feed()
    session.bars(10, 10, 10, 10)
    held = MassStatus(T0, (), (), (PositionReport("A", 2.0, 9.0),))
    session.at(50, lambda: setattr(session.venue, "status", held))
    diary = session.run()
    assert diary.messages().count("position differs") == 1
    assert session.broker.account_size("A") == 2.0
    assert session.broker.trading_state is TradingState.REDUCING


def test_a_cancel_that_nobody_has_answered_is_asked_for_again():
    session = Session(new_store())
    session.feed()
    session.bars(10, 10, 10, 10)
    session.accept(70)
    session.at(110, lambda: setattr(session.venue, "cancel_error", OutcomeUnknown("no answer")))
    session.at(120.5, lambda: setattr(session.venue, "cancel_error", None))

    def alive():
        session.venue.status = status_of(session)._replace(time_ns=session.clock.time_ns())

    session.at(120.2, alive)
    session.run(script={**buy(**LIMIT), 2: lambda diary: diary.cancel(diary.made[0])})
    assert session.venue.cancelled == [session.request(0).client_order_id]


def test_a_second_run_of_a_process_divides_positions_as_before(path):
    store = new_store(journal=str(path))
    first = Session(store)
    first.feed()
    first.bars(10, 10, 10)
    first.fill(70, price=9.0)
    others = FillReport("theirs", "A", Side.BUY, 3.0, 9.0, T0, "somebody's", "V9")
    first.say(80, others)
    first.run(script=buy(**LIMIT))
    assert first.broker.account_size("A") == 7.0
    held = PositionReport("A", 7.0, 9.0)
    store.gateway.status = MassStatus(store.clock.time_ns(), (), (), (held,))
    second = Session(store)
    second.feed()
    second.at(600, lambda: None)
    diary = second.run()
    assert diary.position.size == 4.0
    assert second.broker.foreign.size("A") == 3.0
    assert second.broker.trading_state is TradingState.ACTIVE


def test_the_journal_keeps_what_each_position_consists_of(path):
    first_run(path, buy(**LIMIT), (70, lambda run, at: run.fill(at, price=9.0)))
    with JournalReader(str(path)) as journal:
        (held,) = [record.payload for record in journal.records(kinds=["holding"])]
    assert held == {"symbol": "A", "own": 4.0, "price": 9.0, "foreign": 0.0}


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"cash": "halt"}, "reconcile='cash': expected some of position, order"),
        ({"order": "align"}, r"reconcile\['order'\]='align': expected one of report, halt"),
    ],
)
def test_an_unknown_policy_is_refused(given, text):
    with pytest.raises(ConfigError, match=text):
        new_store(reconcile=given)


def test_a_new_order_need_not_be_in_the_list_at_once():
    session = Session(new_store(audit_interval=1.0))
    session.feed()
    session.bars(100, 100, 100)
    session.accept(61)
    listed = []

    def mass_status(since_ns=None):
        """Return a list that lags eight seconds behind."""
        now_ns = session.clock.time_ns()
        told = []
        if session.venue.placed and now_ns >= T0 + 68 * SECOND:
            (request,) = session.venue.placed
            event, key = OrderEvent.ACCEPTED, request.client_order_id
            told = [OrderReport(event, now_ns, key, "V0", "A", request=request)]
        listed.append(bool(told))
        return MassStatus(now_ns, orders=tuple(told))

    session.venue.mass_status = mass_status
    diary = session.run(script=buy(exectype=bt.Order.Limit, price=90.0))
    assert listed.count(False) > 5
    assert listed.count(True) > 5
    (order,) = diary.made
    assert diary.statuses_of(order) == ["Submitted", "Accepted"]
    assert order.alive()


def test_the_day_goes_on_with_the_value_that_it_began_with(path):
    loss = {"risk": {"account": {"max_daily_loss": 50.0}}}
    rich = AccountReport("a", "USD", 1000.0, 1000.0, T0)

    def told(session, seconds):
        session.say(seconds, rich)

    _, _, left = first_run(path, {}, (65, told), **loss)
    poor = MassStatus(T0, accounts=(rich._replace(value=900.0),))
    again, diary = second_run(left, poor, **loss)
    assert again.broker.trading_state is TradingState.REDUCING
    assert ("active", "reducing") in [args[:2] for _, args in diary.news]


def test_what_was_bought_today_is_counted_over_a_restart(path):
    def filled(session, seconds):
        session.fill(seconds, size=3.0)

    session, _, left = first_run(path, buy(**LIMIT), (70, accept), (80, filled))
    known = fill_of(session, size=3.0, fill_id="F0@80")
    away = fill_of(session, size=1.0)
    position = PositionReport("A", 4.0, 9.0)
    status = MassStatus(T0 + 600 * SECOND, (), (known, away), (position,))
    again, _ = second_run(left, status)
    today = again.store.get_market_config().trading_day(away.time_ns)
    assert again.store.desk.bought_on("A", today) == 4.0
