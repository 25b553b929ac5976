"""History first, then live, without a seam; and what a feed says of itself."""

from __future__ import annotations

import datetime

import backtrader as bt
import pytest

from btstores.errors import ConfigError, UnknownInstrumentError, UnsupportedError
from btstores.feeds.storefeed import StoreFeed
from btstores.journal.reader import JournalReader
from btstores.reports import LinkReport, LinkState, Subscription, Tick
from tests.support.session import START, Diary, Session, bar
from tests.support.traces import ListFeed
from tests.support.venue import MINUTE, T0, new_store

LINES = ("close", "low", "high", "open", "volume", "openinterest", "datetime")
MINUTES, TICKS = bt.TimeFrame.Minutes, bt.TimeFrame.Ticks


def minute(number):
    return START + datetime.timedelta(minutes=number)


def closes(diary, feed=0):
    return [row[feed] for row in diary.bars]


def history(*minutes):
    return [bar(number, 100.0 + number) for number in minutes]


@pytest.fixture
def session():
    return Session()


# History and live.


def test_history_comes_first_and_then_what_is_live(session):
    session.feed()
    session.venue.bars["A"] = history(-2, -1, 0)
    session.bars(10, 11)
    diary = session.run()
    assert closes(diary) == [98, 99, 100, 10, 11]
    assert diary.statuses == [("A", "DELAYED"), ("A", "LIVE")]


class SlowHistory:
    """Answers history requests when told to, on a clock that stands still."""

    def __init__(self, session):
        self.calls = []
        request = session.store.request_history
        session.store.request_history = lambda *args: self.calls.append(lambda: request(*args))

    def answer(self):
        self.calls.pop(0)()


def test_bars_that_come_while_history_is_fetched_are_shown_after_it(session):
    session.feed()
    slow = SlowHistory(session)
    session.bars(101, 102, 103, 104)  # what the venue says live, from minute 1 on
    session.venue.bars["A"] = history(-1, 0, 1, 2)
    session.at(150, slow.answer)
    diary = session.run()
    assert closes(diary) == [99, 100, 101, 102, 103, 104]
    assert session.feeds[0].dropped == 2, "the two bars at the seam came twice"


@pytest.mark.parametrize("filtered", ["", "A", "B", "AB"])
def test_no_feed_starts_before_the_others_have_their_history(session, filtered):
    """Whether they are plain or have a filter, which lets all pass here."""
    feeds = [session.feed("A")]
    slow = SlowHistory(session)
    feeds.append(session.feed("B"))
    for feed in feeds:
        if feed.symbol in filtered:
            feed.addfilter(lambda data: False)
    session.store.gateway.bars.update(A=history(-1, 0), B=[bar(0, 5.0, "B")])
    session.at(10, slow.answer)
    session.at(20, slow.answer)
    diary = session.run()
    assert diary.bars == [(99.0, None), (100.0, 5.0)]


def test_bars_that_come_late_or_twice_are_counted_and_not_shown():
    session = Session(new_store(quality="off"))
    feed = session.feed()
    session.bars(10, 11)
    session.say(130, bar(1, 99.0), bar(2, 99.0), bar(2, 99.0))
    diary = session.run()
    assert closes(diary) == [10, 11]
    assert feed.dropped == 3


def test_bad_prices_are_told_and_flagged_or_not_shown(session):
    feed = session.feed()
    session.venue.bars["A"] = [bar(0, 100.0), bar(0, 101.0), bar(-1, 99.0)]
    session.bars(100, float("nan"), 100, 200)
    diary = session.run(script={number: lambda diary: [feed.flags] for number in range(1, 5)})
    assert closes(diary) == [100, 100, 100, 200]
    assert diary.made == [(), (), (), ("spike",)]
    told = [args[:4] for msg, args in diary.news if msg == "data quality"]
    assert told == [
        ("A", "revised", "flag", "101/101.5/100.5/101 after 100/100.5/99.5/100"),
        ("A", "late", "drop", "60 s older than the one before"),
        ("A", "number", "drop", "open nan is not a number"),
        ("A", "spike", "flag", "200.5 after 100, further than 5 %"),
    ]


def test_a_bad_price_triggers_no_stop(tmp_path):
    path = str(tmp_path / "account.journal")
    session = Session(new_store(emulate="Stop", trigger_on="bars", journal=path))
    session.feed()
    session.bars(100, 100, 100)
    session.say(130, bar(2, 1.0)._replace(low=float("-inf")), bar(1, 1.0))
    stop = {"exectype": bt.Order.Stop, "price": 50.0}
    diary = session.run(script={1: lambda diary: diary.sell(size=1, **stop)})
    assert session.venue.placed == []
    with JournalReader(path) as journal:
        raw = [record.report.low for record in journal.records(kinds=["bar"])]
        (unreadable,) = journal.records(kinds=["unreadable"])
    assert raw == [99.5, 99.5, 0.5, 99.5]
    assert "low=-inf" in unreadable.payload["text"]
    assert diary.messages() == ["connected", "data quality", "data quality"]


def test_a_policy_may_be_to_halt():
    session = Session(new_store(quality={"number": "halt"}))
    session.feed()
    session.bars(10, float("nan"), 10)
    diary = session.run(script={2: lambda diary: diary.buy(size=1)})
    assert closes(diary) == [10, 10]
    (order,) = diary.made
    assert [code for code, _ in order.info.problems] == ["RISK_HALTED"]


def test_a_bar_that_the_venue_still_changes_is_not_shown(session):
    session.feed()
    session.say(30, bar(1, 99.0)._replace(complete=False))
    session.bars(10)
    assert closes(session.run()) == [10]


def test_history_may_end_with_a_bar_that_the_venue_still_changes(session):
    session.feed()
    session.venue.bars["A"] = [bar(-1, 8.0), bar(0, 99.0)._replace(complete=False)]
    session.say(1, bar(0, 9.0))
    session.bars(10)
    assert closes(session.run()) == [8, 9, 10]


def test_without_backfill_there_is_no_history_and_no_delay(session):
    session.feed(backfill_start=False)
    session.venue.bars["A"] = history(-1, 0)
    session.bars(10)
    diary = session.run()
    assert closes(diary) == [10]
    assert session.venue.asked == []
    assert diary.statuses == [("A", "LIVE")]


def test_history_alone_ends_the_run_and_subscribes_to_nothing(session):
    session.feed(historical=True)
    session.venue.bars["A"] = history(-1, 0)
    session._end = lambda: pytest.fail("the run should have ended by itself")
    diary = session.run()
    assert closes(diary) == [99, 100]
    assert session.venue.subscribed == session.venue.unsubscribed == []
    assert "LIVE" not in [status for _, status in diary.statuses]


def test_a_failed_history_is_told_and_live_bars_go_on(session):
    session.feed()
    session.venue.history_error = OSError("no history today")
    session.bars(10)
    diary = session.run()
    assert closes(diary) == [10]
    assert ("history failed", ("A", "no history today")) in diary.news


def test_the_number_of_bars_is_asked_for_when_no_date_is_given(session):
    session.feed("A", bars=50)
    session.feed("B", bars=50, fromdate=minute(-10))
    session.run()
    stream = Subscription("A", MINUTES, 1)
    assert session.venue.asked[0] == (stream, None, None, 50)
    assert session.venue.asked[1][1:] == (T0 - 10 * MINUTE, None, None)


# From and to.


def test_bars_outside_fromdate_and_todate_are_not_shown(session):
    session.feed(fromdate=minute(-1), todate=minute(2))
    session.venue.bars["A"] = history(-3, -2, -1, 0)
    session.bars(10, 11, 12)
    assert closes(session.run()) == [99, 100, 10, 11]


def test_a_run_ends_when_every_feed_has_passed_its_todate(session):
    session.feed("A", todate=minute(2))
    session.feed("B", todate=minute(1))
    for symbol in "AB":
        session.bars(10, 11, 12, 13, symbol=symbol)
    session._end = lambda: None
    diary = session.run()
    assert diary.bars[-1] == (11.0, 10.0)


def test_the_venue_is_asked_for_no_more_than_is_shown(session):
    session.feed(historical=True, fromdate=minute(0), todate=minute(2))
    session.venue.bars["A"] = history(*range(-3, 6))
    diary = session.run()
    assert closes(diary) == [100, 101, 102]
    assert session.venue.asked[0][1:] == (T0, T0 + 2 * MINUTE, None)


# Older bars from another feed.


@pytest.fixture(params=["a feed of backtrader", "a feed of a store"])
def older(request):
    bars = [bar(number, float(number)) for number in range(-5, 0)]
    if request.param == "a feed of backtrader":
        return ListFeed(bars=bars, timeframe=MINUTES)
    store = new_store(quality={"price": "off"})
    store.gateway.bars["A"] = bars
    return store.getdata(dataname="A", timeframe=MINUTES, historical=True)


def test_older_bars_come_from_another_feed_and_none_of_them_again(session, older):
    session.feed(backfill_from=older)
    session.venue.bars["A"] = history(-2, -1, 0)
    session.bars(10)
    assert closes(session.run()) == [-5, -4, -3, -2, -1, 100, 10]


def test_older_bars_take_their_turn_among_other_feeds(session, older):
    session.feed("B")
    session.feed("A", backfill_from=older)
    session.venue.bars["B"] = [bar(number, 50.0 + number, "B") for number in (-4, -3)]
    diary = session.run()
    expected = [(None, -5.0), (46.0, -4.0), (47.0, -3.0), (47.0, -2.0), (47.0, -1.0)]
    assert diary.bars == expected


# The link and the subscription.


def test_a_break_is_told_and_the_gap_is_filled_without_duplicates(session):
    session.feed()
    session.bars(101, 102, 103)

    def outage():
        session.venue.bars["A"] = history(1, 2, 3, 4, 5)
        session.venue.break_link()

    session.at(190, outage)
    session.bar(6, 106)
    diary = session.run()
    assert closes(diary) == [101, 102, 103, 104, 105, 106]
    assert [status for _, status in diary.statuses] == [
        "DELAYED",
        "LIVE",
        "CONNBROKEN",
        "CONNECTED",
        "DELAYED",
        "LIVE",
    ]
    assert session.venue.asked[-1][1] == bar(3).time_ns


@pytest.mark.parametrize("name", ["backfill", "reconnect"])
def test_the_gap_stays_when_it_is_not_to_be_filled(session, name):
    session.feed(**{name: False})
    session.bars(101, 102)

    def outage():
        session.venue.bars["A"] = history(1, 2, 3)
        session.venue.break_link()

    session.at(130, outage)
    session.bar(6, 106)
    assert closes(session.run()) == [101, 102, 106]
    assert len(session.venue.asked) == 1


def test_a_refused_subscription_is_told_and_ends_the_feed(session):
    session.feed()
    stream = Subscription("A", MINUTES, 1)
    session.say(10, LinkReport(LinkState.REFUSED, 0, stream, "no permission"))
    session._end = lambda: None
    diary = session.run()
    assert diary.statuses[-1] == ("A", "NOTSUBSCRIBED")


def test_news_of_another_subscription_do_not_concern_the_feed(session):
    session.feed()
    session.say(10, LinkReport(LinkState.REFUSED, 0, Subscription("Z", MINUTES, 1), "no"))
    session.bars(10)
    diary = session.run()
    assert closes(diary) == [10]
    assert ("A", "NOTSUBSCRIBED") not in diary.statuses


def test_two_feeds_on_one_symbol_share_one_subscription(session):
    session.feed("A", name="one")
    session.feed("A", name="two")
    session.bars(10, 11)
    seen = []
    session.at(70, lambda: seen.extend(session.venue.subscribed))
    diary = session.run()
    assert seen == [Subscription("A", MINUTES, 1)]
    assert diary.bars == [(10.0, 10.0), (11.0, 11.0)]


def test_a_feed_unsubscribes_when_it_stops():
    session = Session()
    session.cerebro.setbroker(bt.brokers.BackBroker())
    session.feed("A")
    session.run()
    assert session.venue.unsubscribed == [Subscription("A", MINUTES, 1)]


def test_a_second_run_shows_the_bars_of_the_second_run(session):
    session.feed("A")
    session.feed("B")
    session.bars(10, 11)
    session.run()
    session.cerebro.strats.clear()
    session.venue.bars["A"] = history(3, 4)
    for number in (6, 7):
        session.bar(number, float(number), "B")
    diary = session.run()
    assert diary.bars == [(103.0, None), (104.0, None), (104.0, 6.0), (104.0, 7.0)]
    assert [status for name, status in diary.statuses if name == "B"] == ["DELAYED", "LIVE"]


# Ticks.


def test_ticks_with_one_time_stamp_are_all_shown_and_the_same_trade_once(session):
    feed = session.feed("A", TICKS)
    ticks = [Tick("A", T0 + 5, 10.0 + n, 1.0, trade_id=str(n)) for n in range(3)]
    anonymous = [Tick("A", T0 + 6, 20.0), Tick("A", T0 + 6, 21.0)]
    session.at(1, lambda: [session.store.put(t) for t in (*ticks, *ticks, *anonymous)])
    diary = session.run()
    assert closes(diary) == [10, 11, 12, 20, 21]
    assert feed.dropped == 3
    assert feed.time_ns == T0 + 6, "exact, where backtrader's float knows ten microseconds"


def test_a_tick_has_one_price_and_its_size_as_volume(session):
    session.feed("A", TICKS)
    session.say(1, Tick("A", T0 + 5, 10.0, 3.0), Tick("A", T0 + 6, 11.0))
    seen = []

    class Own(Diary):
        def next(self):
            d = self.data
            seen.append((d.open[0], d.high[0], d.low[0], d.close[0], d.volume[0]))

    session.run(Own)
    assert seen == [(10.0, 10.0, 10.0, 10.0, 3.0), (11.0, 11.0, 11.0, 11.0, 0.0)]


# Mistakes.


def test_an_unknown_symbol_is_a_typed_error_and_nothing_is_subscribed(session):
    session.feed("?X")
    with pytest.raises(UnknownInstrumentError, match=r"does not know the symbol '\?X'"):
        session.run()
    assert session.venue.subscribed == session.venue.asked == []


def test_a_time_frame_that_the_venue_lacks_is_a_typed_error(session):
    session.feed("A", bt.TimeFrame.Weeks)
    with pytest.raises(UnsupportedError, match="A: scripted has no Weeks/1 bars; it has:"):
        session.run()
    assert session.venue.subscribed == session.venue.asked == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "dataname=None"),
        ({"dataname": 5}, "dataname=5"),
        ({"dataname": "A", "compression": 0}, "compression=0"),
        ({"dataname": "A", "compression": True}, "compression=True"),
        ({"dataname": "A", "timeframe": 99}, "timeframe=99"),
        ({"dataname": "A", "colour": "red"}, "no parameter 'colour'; it has: .*backfill"),
    ],
)
def test_a_wrong_parameter_of_a_feed_is_named(given, message):
    with pytest.raises(ConfigError, match=message):
        new_store().getdata(**given)


def test_the_symbol_may_come_first():
    assert new_store().getdata("A").symbol == "A"
    with pytest.raises(ConfigError):
        new_store().getdata("A", dataname="A")


def test_a_feed_has_backtraders_seven_lines_in_their_order():
    feed = new_store().getdata(dataname="A")
    assert feed.getlinealiases() == LINES
    assert feed.size() == 7
    assert isinstance(feed, StoreFeed)
    assert feed.islive()
    assert feed.close is feed.lines[0]
