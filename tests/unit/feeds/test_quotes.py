"""Best bid and ask as extra lines."""

from __future__ import annotations

import dataclasses
import math

import backtrader as bt
import pytest

from btstores.errors import UnsupportedError, VenueRefused
from btstores.reports import Quote, Subscription
from tests.support.session import Diary, Session
from tests.support.venue import T0, new_store

EXTRA = ("bid", "ask", "bid_size", "ask_size")
QUOTES = Subscription("A", 1, 1, quotes=True)


class Seeing(Diary):
    def next(self):
        super().next()
        self.quotes = getattr(self, "quotes", [])
        self.quotes.append(tuple(getattr(self.data, name)[0] for name in EXTRA))


def test_a_bar_shows_the_quote_of_its_time():
    session = Session()
    session.feed(quotes=True)
    session.bars(10, 11)
    session.say(90, Quote("A", T0, 9.5, 10.5, 100.0, 200.0))
    session.say(100, Quote("A", T0, 9.6, None, 50.0))
    diary = session.run(Seeing)
    assert all(map(math.isnan, diary.quotes[0])), "there was no quote yet"
    bid, ask, bid_size, ask_size = diary.quotes[1]
    assert (bid, bid_size) == (9.6, 50.0)
    assert math.isnan(ask), "what a quote leaves out is unknown, not zero"
    assert math.isnan(ask_size)
    assert [row[0] for row in diary.bars] == [10, 11]


def test_a_quote_is_no_bar():
    session = Session()
    session.feed(quotes=True)
    session.say(10, Quote("A", T0, 9.5, 10.5))
    assert session.run(Seeing).bars == []


def test_a_quote_feed_has_eleven_lines_with_backtraders_first():
    feed = new_store().getdata(dataname="A", quotes=True)
    names = feed.getlinealiases()
    assert names[:7] == new_store().getdata(dataname="A").getlinealiases()
    assert names[7:] == EXTRA
    assert feed.size() == 11


def test_quotes_and_bars_are_two_subscriptions_and_both_end():
    session = Session()
    session.cerebro.setbroker(bt.brokers.BackBroker())
    session.feed(quotes=True)
    seen = []
    session.at(5, lambda: seen.extend(session.venue.subscribed))
    session.run()
    assert sorted(seen) == sorted([QUOTES, Subscription("A", 4, 1)])
    assert sorted(session.venue.unsubscribed) == sorted(seen)


def test_a_store_without_quotes_says_so_before_anything_is_asked_for():
    session = Session()
    session.store.capabilities = dataclasses.replace(session.store.capabilities, quotes=False)
    session.feed(quotes=True)
    with pytest.raises(UnsupportedError, match="A: scripted has no quotes"):
        session.run()
    assert session.venue.subscribed == session.venue.asked == []


def test_a_resampled_quote_feed_leaves_the_quotes_to_its_source():
    session = Session()
    feed = session.feed(quotes=True)
    session.cerebro.resampledata(feed, timeframe=bt.TimeFrame.Minutes, compression=2)
    session.bars(10, 11, 12, 13)
    diary = session.run()
    assert diary.datas[1].size() == 7
    assert [row[1] for row in diary.bars][-1] in (11.0, 13.0)


def test_a_strategy_hears_that_quotes_are_refused_and_gets_its_bars():
    session = Session()
    subscribe = session.venue.subscribe

    def refuse_quotes(subscription):
        if subscription.quotes:
            raise VenueRefused("no right to quotes")
        subscribe(subscription)

    session.venue.subscribe = refuse_quotes
    session.feed(quotes=True)
    session.bars(10, 11)
    diary = session.run()
    assert ("quotes refused", ("A", "no right to quotes")) in diary.news
    assert len(diary.data) == 2
