"""Streams that are dead on a link that is up, and history that does not come."""

import datetime

import backtrader as bt
import pytest

from btstores.errors import UnsupportedError, VenueRefused
from btstores.markets import MarketConfig, MarketType, Sessions
from btstores.orders.riskrules import TradingState
from btstores.reports import HistoryReport, LinkState, Quote, Subscription, Tick
from tests.support.session import SECOND, START, Diary, Session, bar
from tests.support.venue import MINUTE, T0, new_store

SYMBOL = Subscription("A", 4, 1)
TICKS = bt.TimeFrame.Ticks


class Live(Session):
    """A session of minutes whose venue sends nothing while it is dead, but keeps history."""

    def __init__(self, **params):
        super().__init__(new_store(**{"stale_after": 150.0, "quality": "off", **params}))
        self.dead = False
        self.store.link_handler.watch(self._on_link)
        self.links = []

    def _on_link(self, report):
        self.links.append((self.seconds(), report.state))

    def seconds(self):
        return (self.clock.time_ns() - T0) // SECOND

    def minutes(self, *numbers):
        for number in numbers:
            self.at(60 * number, lambda number=number: self.tell(bar(number, 100.0 + number)))

    def tell(self, item):
        self.venue.bars.setdefault("A", []).append(item)
        if self.store.connected and not self.dead:
            self.store.put(item)

    def dies(self, seconds):
        self.at(seconds, lambda: setattr(self, "dead", True))

    def revive_with_subscription(self):
        subscribe = self.venue.subscribe

        def again(subscription):
            self.dead = False
            subscribe(subscription)

        self.venue.subscribe = again


def closes(diary):
    return [row[0] for row in diary.bars]


def news(diary, name):
    return [args for msg, args in diary.news if msg == name]


def test_a_dead_stream_is_asked_for_again_and_nothing_is_missing():
    session = Live()
    session.feed()
    session.minutes(*range(1, 12))
    session.dies(130)
    session.at(200, session.revive_with_subscription)
    diary = session.run()
    assert closes(diary) == [100 + number for number in range(1, 12)]
    assert [status for _, status in diary.statuses] == [
        "DELAYED",
        "LIVE",
        "DELAYED",
        "LIVE",
    ]
    (told,) = news(diary, "stale data")
    assert told[:2] == ("A", "Minutes/1")
    assert "but history has" in told[2]
    assert session.broker.store.desk.risk.state is TradingState.REDUCING
    assert session.venue.connects == 1


class BuysWhenDelayed(Diary):
    problems = ()

    def notify_data(self, data, status, *args, **kwargs):
        super().notify_data(data, status, *args, **kwargs)
        if status == data.DELAYED and len(self.statuses) > 1 and not self.problems:
            self.seconds = (data._store.clock.time_ns() - T0) // SECOND
            order = self.buy(size=1)
            self.problems = [code for code, _ in order.info.problems]


def test_no_order_leaves_on_prices_that_stand_still():
    session = Live()
    session.feed()
    session.minutes(*range(1, 12))
    session.dies(130)
    diary = session.run(BuysWhenDelayed)
    assert diary.seconds > 270
    assert diary.problems == ["NOT_LIVE"]


def test_nobody_trades_is_no_fault():
    session = Live()
    session.feed()
    session.minutes(1, 2, 22)
    diary = session.run()
    assert closes(diary) == [101, 102, 122]
    assert diary.statuses == [("A", "DELAYED"), ("A", "LIVE")]
    assert diary.messages() == ["connected"]
    # Each time it waits twice as long; the next bar makes sure that nothing is missing before it.
    asked = [start for _, start, _, _ in session.venue.asked[1:]]
    assert asked == [T0 + 2 * MINUTE] * 4
    assert session.venue.connects == 1


def test_a_stream_that_stays_dead_takes_the_link_with_it():
    session = Live()
    session.feed()
    session.minutes(*range(1, 90))
    session.dies(130)
    diary = session.run()
    assert session.venue.connects > 1
    downs = [second for second, state in session.links if state is LinkState.DOWN]
    assert all(later - sooner >= 300 for sooner, later in zip(downs, downs[1:]))
    assert len(downs) <= 6
    # All that history knows is shown all the same.
    assert closes(diary)[-1] >= 184


def test_without_an_answer_nothing_is_known():
    session = Live()
    session.feed()
    session.minutes(1, 2)
    session.at(100, lambda: setattr(session.venue, "history_error", OSError("no answer")))
    session.at(400, lambda: None)
    diary = session.run()
    (told, *_) = news(diary, "stale data")
    assert "and no history: no answer" in told[2]


def test_ticks_are_judged_by_the_other_streams():
    session = Live()
    session.feed("A", TICKS)
    session.feed("B", TICKS)
    for second in range(10, 600, 10):
        session.say(second, Tick("B", T0 + second * SECOND, 100.0))
    session.say(10, Tick("A", T0 + 10 * SECOND, 100.0))
    diary = session.run()
    assert diary.messages() == ["connected"], "the link lives: nobody trades A"


def test_when_no_ticks_come_at_all_the_link_is_dead():
    session = Live()
    session.feed("A", TICKS)
    session.feed("B", TICKS)
    for name in "AB":
        session.say(10, Tick(name, T0 + 10 * SECOND, 100.0))
    session.at(400, lambda: None)
    diary = session.run()
    assert {args[0] for args in news(diary, "stale data")} == {"A", "B"}


def test_quotes_are_watched_too():
    session = Live()
    session.feed("A", TICKS, quotes=True)
    for second in range(10, 400, 10):
        session.say(second, Tick("A", T0 + second * SECOND, 100.0))
    session.say(10, Quote("A", T0 + 10 * SECOND, 99.0, 101.0))
    watched = []
    quotes = Subscription("A", 1, 1, True)
    session.at(5, lambda: watched.append(session.store.streams.silence.watches(quotes)))
    diary = session.run()
    assert diary.messages() == ["connected"], "trades show that the link lives"
    assert watched == [True]


MARKET = MarketConfig(
    MarketType.HK_STOCK,
    currency="HKD",
    timezone="UTC",
    # `T0` is 22:14 on a Tuesday.
    sessions=Sessions("UTC", (("22:00", "22:20"), ("23:00", "23:30"))),
)


def test_a_closed_market_is_silent_by_right():
    assert START.strftime("%a %H:%M") == "Tue 22:14"
    session = Live(markets=[MARKET], market=MarketType.HK_STOCK)
    session.feed()
    session.minutes(1, 2, 3, 4, 5, 6, 47, 48)
    diary = session.run()
    assert diary.messages() == ["connected"]
    assert len(session.venue.asked) == 1, "nobody was asked in the break"
    assert session.clock.time_ns() > T0 + datetime.timedelta(minutes=48).seconds * SECOND


def test_days_are_not_watched():
    session = Live()
    session.feed("A", bt.TimeFrame.Days)
    session.run()
    assert not session.store.streams.silence.watches(Subscription("A", 5, 1))


@pytest.mark.parametrize("params", [{"stale_after": 0}, {"stale_after": None}])
def test_nothing_is_watched_without_hours_or_when_switched_off(params):
    session = Live(**params)
    session.feed()
    session.run()
    assert not session.store.streams.silence.watches(SYMBOL)


# A link that is made again


def test_streams_that_the_venue_does_not_send_are_asked_for_again():
    session = Live()
    session.feed()
    session.minutes(1, 2, 3)
    lost = [SYMBOL]
    session.venue.missing = lambda asked: [one for one in asked if one in lost]

    def subscribe(subscription):
        session.venue.subscribed.append(subscription)
        if session.venue.subscribed.count(subscription) == 2:
            lost.clear()

    session.at(90, lambda: setattr(session.venue, "subscribe", subscribe))
    session.at(91, session.venue.break_link)
    session.run()
    assert session.venue.connects == 2


def test_a_link_without_its_streams_is_no_link():
    session = Live()
    session.feed()
    session.minutes(1, 2, 3)
    answers = [[SYMBOL], [SYMBOL], [], []]
    session.venue.missing = lambda asked: answers.pop(0)
    session.at(91, session.venue.break_link)
    diary = session.run()
    assert session.venue.connects == 3
    assert closes(diary) == [101, 102, 103]
    assert answers == []


def test_a_stream_that_is_refused_after_a_break_is_asked_for_again():
    session = Live(stale_after=0, reconnect_interval=0.01)
    session.feed()
    session.minutes(1, 2, 3, 4, 5)
    refusals = [VenueRefused("quota is full"), None]
    subscribe = session.venue.subscribe

    def refuse(subscription):
        error = refusals.pop(0) if refusals else None
        if error is not None:
            raise error
        subscribe(subscription)

    session.at(90, lambda: setattr(session.venue, "subscribe", refuse))
    session.at(91, session.venue.break_link)
    diary = session.run()
    assert refusals == []
    assert closes(diary) == [101, 102, 103, 104, 105]
    names = [status for _, status in diary.statuses]
    assert "NOTSUBSCRIBED" not in names
    assert names[-1] == "LIVE"


def test_a_stream_that_is_refused_at_the_start_has_no_feed():
    session = Live(stale_after=0)
    session.feed()

    def refuse(subscription):
        raise VenueRefused("no right")

    session.venue.subscribe = refuse
    diary = session.run()
    assert ("A", "NOTSUBSCRIBED") in diary.statuses


# History


def test_history_that_failed_is_asked_for_again():
    session = Session()
    session.feed()
    session.venue.bars["A"] = [bar(0, 99.0)]
    session.venue.history_error = OSError("busy")
    session.at(2, lambda: setattr(session.venue, "history_error", None))
    session.bars(100)
    diary = session.run()
    assert closes(diary) == [99, 100]
    assert len(session.venue.asked) == 3
    assert diary.messages() == ["connected"]


def test_what_cannot_be_had_is_not_asked_for_twice():
    session = Session()
    session.feed()
    session.venue.history_error = UnsupportedError("no such history")
    session.bars(100)
    diary = session.run()
    assert len(session.venue.asked) == 1
    assert diary.messages() == ["connected", "history failed"]


# Gaps


def broken(session, says):
    """Run a session whose link is down while the bars of minutes 3 and 4 end."""
    session.feed(**says)
    session.minutes(*range(1, 8))
    session.at(150, session.venue.break_link)
    session.at(149, lambda: setattr(session.venue, "connect_error", OSError("away")))
    session.at(270, lambda: setattr(session.venue, "connect_error", None))
    return session


def test_after_a_break_there_is_no_gap():
    diary = broken(Live(stale_after=0, reconnect_interval=0.01), {}).run()
    assert closes(diary) == [101, 102, 103, 104, 105, 106, 107]
    assert news(diary, "gap") == []


def test_what_history_does_not_have_is_a_gap():
    session = broken(Live(stale_after=0, reconnect_interval=0.01), {})
    session.at(200, lambda: setattr(session.venue, "history_error", OSError("no history")))
    diary = session.run()
    assert closes(diary) == [101, 102, 105, 106, 107]
    assert news(diary, "gap") == [
        ("A", "Minutes/1", T0 + 2 * MINUTE, T0 + 5 * MINUTE, "no history")
    ]


def test_history_that_begins_later_leaves_a_gap():
    session = broken(Live(stale_after=0, reconnect_interval=0.01), {})
    session.at(250, lambda: session.venue.bars["A"].__delitem__(slice(0, 3)))
    diary = session.run()
    assert closes(diary) == [101, 102, 104, 105, 106, 107]
    reason = "the venue's history begins later"
    assert news(diary, "gap") == [("A", "Minutes/1", T0 + 2 * MINUTE, T0 + 4 * MINUTE, reason)]


def test_without_backfill_every_break_leaves_a_gap():
    session = broken(Live(stale_after=0, reconnect_interval=0.01), {"backfill": False})
    diary = session.run()
    assert closes(diary) == [101, 102, 105, 106, 107]
    assert news(diary, "gap") == [
        ("A", "Minutes/1", T0 + 2 * MINUTE, T0 + 5 * MINUTE, "backfill is off")
    ]


def test_a_break_between_two_bars_leaves_no_gap():
    session = Live(stale_after=0, reconnect_interval=0.01)
    session.feed(backfill=False)
    session.minutes(1, 2, 3)
    session.at(130, session.venue.break_link)
    diary = session.run()
    assert closes(diary) == [101, 102, 103]
    assert news(diary, "gap") == []


# Holes


def test_a_bar_that_was_lost_on_the_way_comes_with_the_next():
    session = Live()
    session.feed()
    session.minutes(1, 2, 3, 4, 5)
    session.at(170, lambda: setattr(session, "dead", True))
    session.at(190, lambda: setattr(session, "dead", False))
    diary = session.run()
    assert closes(diary) == [101, 102, 103, 104, 105]
    assert diary.statuses == [("A", "DELAYED"), ("A", "LIVE")]


def test_a_market_without_trades_is_not_asked_about_again_and_again():
    session = Live(stale_after=0)
    session.feed()
    session.minutes(1, 2, *range(4, 60, 2))
    diary = session.run()
    assert len(closes(diary)) == 30
    assert len(session.venue.asked) == 2, "at the start, and about the first hole"


def test_a_hole_that_history_cannot_fill_is_a_gap():
    session = Live(stale_after=0)
    session.feed()
    session.minutes(1, 2, 3, 4)
    session.at(170, lambda: setattr(session, "dead", True))
    session.at(190, lambda: setattr(session, "dead", False))
    session.at(200, lambda: setattr(session.venue, "history_error", OSError("no history")))
    diary = session.run()
    assert closes(diary) == [101, 102, 104]
    assert news(diary, "gap") == [
        ("A", "Minutes/1", T0 + 2 * MINUTE, T0 + 4 * MINUTE, "no history")
    ]


# Answers that come too late


def test_the_answer_to_an_older_question_does_not_count():
    session = Live(stale_after=0, reconnect_interval=0.01)
    feed = session.feed()
    session.minutes(1, 2)
    session.at(130, session.venue.break_link)
    answers = []
    session.at(121, lambda: setattr(session.store, "request_history", late))

    def late(subscription, start_ns, end_ns, count, asker):
        answers.append(asker)

    session.at(150, session.venue.break_link)
    session.minutes(4, 5)
    session.at(310, lambda: answers[0](HistoryReport(1, SYMBOL, (), "no answer")))
    session.at(320, lambda: answers[1](HistoryReport(2, SYMBOL, (bar(2, 102.0), bar(3, 103.0)))))
    diary = session.run()
    assert len(answers) == 2
    assert closes(diary) == [101, 102, 103, 104, 105]
    assert "history failed" not in diary.messages()
    assert feed.dropped == 1


def test_history_alone_ends_when_it_fails_on_a_broken_link():
    session = Live(stale_after=0, reconnect=False)
    session.feed(historical=True)
    session.venue.history_error = OSError("gone")
    session.at(0.5, session.venue.break_link)
    session.at(30, lambda: None)
    diary = session.run()
    assert closes(diary) == []
    assert "history failed" in diary.messages()


def test_a_silence_that_a_broken_link_explains_is_no_dead_stream():
    session = Live()
    session.feed()
    session.minutes(1, 2)
    session.at(100, lambda: setattr(session.venue, "history_error", OSError("no answer")))
    session.at(100, lambda: setattr(session.venue, "connect_error", OSError("away")))
    # The question is asked after 150 s of silence, and answered when the link is down.
    session.at(302, session.venue.break_link)
    session.at(400, lambda: None)
    diary = session.run()
    assert "link lost" in diary.messages()
    assert "stale data" not in diary.messages()
