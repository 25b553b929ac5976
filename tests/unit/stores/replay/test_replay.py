"""A recorded session goes through Cerebro once more, and strategies live it again."""

from __future__ import annotations

import datetime
import functools
import re

import backtrader as bt
import pytest

from btstores.errors import ConfigError, JournalError, UsageError
from btstores.instruments import TimeFrame
from btstores.journal.sqlite import SqliteJournal
from btstores.reports import (
    AccountReport,
    FillReport,
    MassStatus,
    PositionReport,
    Side,
)
from btstores.stores.paper import PaperStore
from btstores.stores.replay import ReplayStore
from tests.support.crash import killed_at
from tests.support.session import SECOND, START, Diary, Session, bar
from tests.support.venue import T0, new_store

MINUTES = {"timeframe": bt.TimeFrame.Minutes}
STATUS = MassStatus(T0, accounts=(AccountReport("a", "USD", 1000.0, 1000.0),))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "session.journal"


def record(path, script=None, feeds=({},), prepare=None, answer=None, **params):
    """Run a session with a journal; return what its strategy was told."""
    session = Session(new_store(journal=str(path), **params))
    session.venue.status = STATUS
    for feed in feeds:
        session.feed(**feed)
    if prepare is not None:
        prepare(session)
    return session.run(script=script, answer=answer)


def replay(path, script=None, feeds=({},), answer=None, strategy=Diary, **params):
    """Run it again from its journal; return the store and what the strategy was told now."""
    store = ReplayStore(journal=str(path), **params)
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.setbroker(store.getbroker())
    for feed in feeds:
        cerebro.adddata(
            store.getdata(
                **{
                    "dataname": feed.get("symbol", "A"),
                    **MINUTES,
                    **{name: value for name, value in feed.items() if name != "symbol"},
                }
            )
        )
    cerebro.addstrategy(strategy, script=script, answer=answer)
    return store, cerebro.run()[0]


def story(diary):
    """Return all that a strategy has seen, with its orders in the order of their making."""
    numbers = {}
    for told in diary.told:
        numbers.setdefault(told.ref, len(numbers))
    return {
        "orders": [told._replace(ref=numbers[told.ref]) for told in diary.told],
        "trades": diary.trades,
        "statuses": diary.statuses,
        "news": [message for message, _ in diary.news],
        "bars": diary.bars,
        "sums": diary.sums,
    }


def same(then, store, now):
    assert store.differences == []
    lived, told = story(then), story(now)
    for kind in lived:
        different = [pair for pair in zip(lived[kind], told[kind]) if pair[0] != pair[1]]
        assert not different, f"{kind}: {different[:3]}"
    assert told == lived


def limit(diary):
    return diary.buy(size=4, exectype=bt.Order.Limit, price=9.0)


def test_bars_and_fills_come_again(path):
    def prepare(session):
        session.venue.bars["A"] = [bar(minute, 10.0 + minute) for minute in range(-5, 1)]
        session.bars(10, 11, 12, 13)
        session.accept(61)
        session.fill(125, size=1.0)
        session.fill(126, size=3.0, price=9.5)

    script = {7: limit}
    then = record(path, script, prepare=prepare)
    assert [told.status for told in then.told][-1] == "Completed"
    store, now = replay(path, script)
    same(then, store, now)
    assert store.comparison.matched == 1
    assert now.position.size == 4


def test_a_break_is_lived_through_again(path):
    def prepare(session):
        session.bars(10, 11)
        session.at(130, session.venue.break_link)
        session.at(125, lambda: session.venue.bars.update(A=[bar(m, 10.0 + m) for m in (2, 3)]))
        session.bar(5, 15)
        session.bar(6, 16)

    then = record(path, prepare=prepare)
    assert ("A", "CONNBROKEN") in then.statuses
    assert (13.0,) in then.bars
    same(then, *replay(path))


def both(store, minute):
    store.put(bar(minute, minute, "A"))
    store.put(bar(minute, 9 + minute, "B"))


def test_reports_of_one_turn_are_shown_together(path):
    def prepare(session):
        for minute in (1, 2, 3):
            session.at(60 * minute, functools.partial(both, session.store, minute))

    feeds = ({"symbol": "A"}, {"symbol": "B"})
    then = record(path, feeds=feeds, prepare=prepare)
    assert then.bars == [(1.0, 10.0), (2.0, 11.0), (3.0, 12.0)]
    same(then, *replay(path, feeds=feeds))


def test_what_came_while_history_was_shown_comes_between_the_same_bars(path):
    """The fill is heard after two of six old bars: in a replay too."""

    class Puts(Diary):
        def next(self):
            super().next()
            if len(self.bars) == 2 and isinstance(self.data._store, type(new_store())):
                now = AccountReport("a", "USD", 500.0, 500.0)
                self.data._store.put(now)

    session = Session(new_store(journal=str(path)))
    session.venue.status = STATUS
    session.venue.bars["A"] = [bar(minute, 10.0 + minute) for minute in range(-5, 1)]
    session.feed()
    session.bars(10)
    then = session.run(Puts)
    store, now = replay(path, strategy=Puts)
    assert then.sums.index((500.0, 500.0)) < len(then.bars)
    same(then, store, now)


@pytest.mark.parametrize(
    ("fill_model", "emulate"),
    [("book", ()), ("book", ("bracket",)), ("book", "all"), ("backtrader", ())],
)
def test_a_paper_session_goes_the_same_way(path, fill_model, emulate):
    class Trader(Diary):
        def __init__(self):
            super().__init__()
            averages = (bt.indicators.SMA(period=3), bt.indicators.SMA(period=8))
            self.cross = bt.indicators.CrossOver(*averages)
            self.bracket = []

        def next(self):
            super().next()
            if not self.data.is_live:
                return
            price = self.data.close[0]
            if self.cross[0] > 0 and not self.position:
                exits = {"stopprice": round(price - 0.2, 2), "limitprice": round(price + 0.2, 2)}
                self.bracket = self.buy_bracket(size=10, exectype=bt.Order.Market, **exits)
            elif self.cross[0] < 0 and self.position:
                for order in self.bracket:
                    self.cancel(order)
                self.close()

    params = {"bars": 300, "history": 60, "emulate": emulate, "fill_model": fill_model}
    paper = PaperStore(journal=str(path), **params)
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.setbroker(paper.getbroker())
    cerebro.adddata(paper.getdata(dataname="DEMO", **MINUTES))
    cerebro.addstrategy(Trader)
    then = cerebro.run()[0]
    assert len(then.trades) > 10
    store, now = replay(path, feeds=({"symbol": "DEMO"},), strategy=Trader)
    same(then, store, now)
    assert store.comparison.matched > 20


def test_timers_do_what_they_did(path):
    """A DAY order that the core ends: what ended it was a timer."""

    def prepare(session):
        session.bars(10, 10, 10)
        session.accept(61)
        session.at(100, lambda: None)

    valid = START + datetime.timedelta(seconds=90)
    script = {1: lambda diary: diary.buy(size=1, exectype=bt.Order.Limit, price=9.0, valid=valid)}
    then = record(path, script, prepare=prepare, emulate=("expiry",))
    same(then, *replay(path, script))


def test_orders_of_an_earlier_run_are_there_again(path):
    first = Session(new_store(journal=str(path)))
    first.feed()
    first.bars(10, 10)
    first.accept(61)
    left = killed_at(first, 90, path)
    first.run(script={1: limit})
    kept = left()
    order_id = first.venue.placed[0].client_order_id

    second = Session(new_store(journal=str(kept)))
    second.clock.advance_to(T0 + 600 * SECOND)
    fill = FillReport("f", "A", Side.BUY, 4.0, 9.0, T0 + 300 * SECOND, order_id, "V0")
    held = PositionReport("A", 4.0, 9.0)
    second.venue.status = MassStatus(T0 + 600 * SECOND, (), (fill,), (held,))
    second.feed()
    for minute in (11, 12):
        second.bar(minute, 10)
    then = second.run()
    assert [told.status for told in then.told][-1] == "Completed"
    store, now = replay(kept)
    same(then, store, now)
    assert now.position.size == 4
    assert replay(kept, {1: limit}, run=1)[1].bars[0] == (10.0,)


# What is done otherwise


def recorded_order(path):
    def prepare(session):
        session.bars(10, 10, 10, 10)
        session.accept(61)
        session.fill(62)

    return record(path, {1: limit}, prepare=prepare)


@pytest.mark.parametrize(
    ("script", "differences", "size"),
    [
        ({}, [r"buy 4 A Limit 9 \(bar .*\) was in the recording only"], 0),
        (
            {1: lambda diary: diary.buy(size=5, exectype=bt.Order.Limit, price=9.0)},
            [r"buy 5 A Limit 9 \(bar .*\): size 5, recorded size 4"],
            4,
        ),
        (
            {2: limit},
            [r"buy 4 A Limit 9 .*: bar .* 22:16:00.*, recorded bar .* 22:15:00.*"],
            0,  # its fill has been told already
        ),
        (
            {1: lambda diary: [limit(diary), diary.sell(size=1)]},
            [r"sell 1 A Market .* is not in the recording"],
            4,
        ),
    ],
)
def test_another_decision_is_told(path, script, differences, size):
    recorded_order(path)
    store, diary = replay(path, script)
    assert len(store.differences) == len(differences)
    for found, expected in zip(store.differences, differences):
        assert re.fullmatch(expected, found), found
    assert diary.position.size == size


def test_an_order_that_is_not_in_the_recording_is_refused(path):
    recorded_order(path)
    store, diary = replay(path, {1: lambda diary: diary.sell(size=1)})
    assert diary.statuses_of(diary.made[0]) == ["Submitted", "Rejected"]
    assert diary.made[0].info.reason_code == "NOT_RECORDED"
    told = [args for message, args in diary.news if message == "replay differs"]
    assert told[0] == (store.differences[0],)


def test_cancels_and_refusals_are_compared_too(path):
    def prepare(session):
        session.bars(10, 10, 10)
        session.accept(61)

    record(path, {1: limit}, prepare=prepare, risk={"account": {"max_order_size": 5.0}})
    script = {1: limit, 2: lambda diary: diary.cancel(diary.made[0])}
    store, _ = replay(path, script)
    (difference,) = store.differences
    assert re.fullmatch(r"the cancel of buy 4 A Limit 9 \(.*\) is not in the recording", difference)
    script = {1: limit, 2: lambda diary: diary.buy(size=6)}
    store, _ = replay(path, script)
    assert re.match(r"a refusal for A \(.*max_order_size", store.differences[0])


def test_a_stream_and_a_question_that_are_not_in_the_recording(path):
    recorded_order(path)
    _, diary = replay(path, {1: limit}, feeds=({}, {"symbol": "A", "compression": 5}))
    assert ("A", "NOTSUBSCRIBED") in diary.statuses
    assert "history failed" in diary.messages()
    assert len(diary.bars) == 4


# How it is asked for


def test_rules_are_those_of_the_recorded_store_unless_given(path):
    def prepare(session):
        session.bars(10, 10)

    risk = {"account": {"max_order_size": 3.0, "max_order_rate": "2 per 1.5 s"}}
    then = record(path, {1: limit}, prepare=prepare, risk=risk)
    assert then.told[-1].status == "Rejected"
    same(then, *replay(path, {1: limit}))
    store, _ = replay(path, {1: limit}, risk={"account": {}})
    assert "is not in the recording" in store.differences[0]


def test_symbols_may_be_called_what_they_were_called_then(path):
    store = new_store(journal=str(path))
    store.symbol_of = lambda dataname: dataname.upper()
    session = Session(store)
    session.feed("a")
    session.bars(10)
    session.run()
    assert replay(path, feeds=({"symbol": "a"},))[1].bars == [(10.0,)]


def test_speed_and_pauses(path):
    record(path, prepare=lambda session: session.bars(10, 10, 10))
    _, diary = replay(path, speed=60_000.0, max_pause=0.01)
    assert len(diary.bars) == 3


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ({"journal": None}, ConfigError, "journal=None: expected the path of a journal"),
        ({"run": 7}, ConfigError, "run=7: expected 1 to 1, or a run's id"),
        ({"run": "x"}, ConfigError, "run='x': expected 1 to 1"),
        ({"speed": 0.0}, ConfigError, "speed=0.0: expected a number above zero"),
        ({"journal": "nowhere"}, JournalError, "nowhere"),
    ],
)
def test_what_cannot_be_replayed(path, params, error, message):
    record(path, prepare=lambda session: session.bars(10))
    with pytest.raises(error, match=message):
        ReplayStore(**{"journal": str(path), **params})


def test_a_run_that_never_reached_its_venue(path):
    with SqliteJournal(path, new_store().clock) as journal:
        journal.append("store", {"capabilities": {}, "params": {}, "threaded": False})
    with pytest.raises(JournalError, match="never reached its venue"):
        ReplayStore(journal=str(path))


def test_a_run_of_an_older_version(path):
    with SqliteJournal(path, new_store().clock) as journal:
        journal.append("reconciled", {"orders": 0, "fills": 0})
    with pytest.raises(JournalError, match="an older version wrote this run"):
        ReplayStore(journal=str(path))


def test_a_replay_runs_once(path):
    record(path, prepare=lambda session: session.bars(10))
    store, _ = replay(path)
    with pytest.raises(UsageError, match="once"):
        store.connect()
    assert replay(path)[0] is not store


def test_history_by_hand_is_refused_and_says_why(path):
    record(path, prepare=lambda session: session.bars(10))
    store = ReplayStore(journal=str(path))
    store.connect()
    with pytest.raises(UsageError, match="is not in a recording"):
        store.get_history_data("A", int(TimeFrame.MINUTES))
    store.stop()
