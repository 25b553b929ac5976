"""Positions, balances, market data and the link: what each handler keeps and tells."""

from __future__ import annotations

import pytest

from btstores.handlers.account_handler import AccountHandler
from btstores.handlers.base import Handler, Listener, drop
from btstores.handlers.data_handler import DataHandler, subscription_of
from btstores.handlers.link_handler import LinkHandler
from btstores.handlers.position_handler import PositionHandler
from btstores.reports import (
    AccountReport,
    Bar,
    HistoryReport,
    LinkReport,
    LinkState,
    PositionReport,
    Quote,
    Subscription,
    Tick,
)

MINUTES = Subscription("A", 4, 1)
BAR = Bar("A", 4, 1, 7, 1.0, 2.0, 0.5, 1.5)


class Ears(Listener):
    def __init__(self):
        self.heard = []

    def on_position(self, report):
        self.heard.append(report)

    def on_account(self, report):
        self.heard.append(report)


def test_the_newest_position_of_each_symbol_counts():
    ears = Ears()
    handler = PositionHandler(ears)
    old, new = PositionReport("A", 1.0, time_ns=5), PositionReport("A", 2.0, time_ns=6)
    other = PositionReport("B", -3.0, time_ns=1)
    for report in (new, old, other):
        handler.handle(report)
    assert handler.positions == {"A": new, "B": other}
    assert ears.heard == [new, other]


def test_the_newest_balance_of_each_currency_counts():
    ears = Ears()
    handler = AccountHandler(ears)
    assert handler.balance("USD") is None
    new = AccountReport("acc", "USD", 2.0, 3.0, time_ns=6)
    handler.handle(new)
    handler.handle(AccountReport("acc", "USD", 1.0, 1.0, time_ns=5))
    handler.handle(AccountReport("acc", "HKD", 9.0, 9.0, time_ns=1))
    assert handler.balance("USD") == new
    assert handler.balance("HKD").cash == 9.0
    assert len(ears.heard) == 2


def test_what_a_balance_leaves_out_keeps_its_last_value():
    handler = AccountHandler()
    handler.handle(AccountReport("acc", "USD", 2.0, 3.0, time_ns=6, power=9.0, margin=5.0))
    handler.handle(AccountReport("acc", "USD", None, 4.0, time_ns=7))
    handler.handle(AccountReport("acc", "USD", 1.0, None, time_ns=8))
    assert handler.balance("USD")[2:7] == (1.0, 4.0, 8, 9.0, 5.0)


@pytest.mark.parametrize(
    ("report", "stream"),
    [
        (BAR, MINUTES),
        (Tick("A", 7, 1.0), Subscription("A", 1)),
        (Quote("A", 7), Subscription("A", 1, 1, quotes=True)),
    ],
)
def test_market_data_reaches_those_who_asked_for_its_stream(report, stream):
    handler, got = DataHandler(), []
    consumers = [lambda r: got.append(("one", r)), lambda r: got.append(("two", r))]
    assert subscription_of(report) == stream
    for consumer in consumers:
        handler.add_consumer(stream, consumer)
    handler.add_consumer(Subscription("B", 4), lambda r: got.append(("wrong", r)))
    handler.handle(report)
    handler.remove_consumer(stream, consumers[0])
    handler.remove_consumer(stream, consumers[0])  # not there any more
    handler.remove_consumer(Subscription("C", 4), consumers[0])
    handler.handle(report)
    assert got == [("one", report), ("two", report), ("two", report)]


@pytest.mark.parametrize("kind", ["consumer", "watcher"])
def test_one_that_fails_does_not_keep_the_news_from_the_others(kind):
    heard = []

    def fail(report):
        raise ValueError("a mistake")

    data, link, news = DataHandler(), LinkHandler(), LinkReport(LinkState.UP)
    for listener in (fail, heard.append):
        data.add_consumer(MINUTES, listener)
        link.watch(listener)
    with pytest.raises(ValueError, match="a mistake"):
        data.handle(BAR) if kind == "consumer" else link.handle(news)
    assert heard == [BAR if kind == "consumer" else news]


def test_history_goes_once_and_only_to_the_one_who_asked():
    handler, got = DataHandler(), []
    handler.add_consumer(MINUTES, lambda r: got.append("a live consumer"))
    handler.expect_history(1, lambda r: got.append((1, r)))
    handler.expect_history(2, lambda r: got.append((2, r)))
    answer = HistoryReport(2, MINUTES, (BAR,))
    handler.handle(answer)
    handler.handle(answer)
    handler.handle(HistoryReport(3, MINUTES))
    assert got == [(2, answer)]


@pytest.mark.parametrize(
    ("state", "connected", "ready"),
    [
        (LinkState.UP, True, False),
        (LinkState.READY, True, True),
        (LinkState.DOWN, False, False),
    ],
)
def test_the_link_is_as_last_told(state, connected, ready):
    handler = LinkHandler()
    assert not handler.connected
    handler.handle(LinkReport(state))
    assert (handler.connected, handler.ready) == (connected, ready)


def test_news_of_one_stream_do_not_change_the_link_but_are_told():
    handler, got = LinkHandler(), []
    handler.watch(got.append)
    handler.handle(LinkReport(LinkState.READY))
    refused = LinkReport(LinkState.REFUSED, subscription=MINUTES)
    handler.handle(refused)
    assert handler.ready
    assert got[-1] == refused
    handler.unwatch(got.append)
    handler.unwatch(got.append)
    handler.handle(LinkReport(LinkState.DOWN))
    assert len(got) == 2


def test_news_of_one_stream_go_to_those_who_watch_it():
    handler, ours, all_streams = LinkHandler(), [], []
    handler.watch(ours.append, MINUTES)
    handler.watch(all_streams.append)
    other = LinkReport(LinkState.REFUSED, subscription=MINUTES._replace(symbol="B"))
    for news in (other, other._replace(subscription=MINUTES), LinkReport(LinkState.UP)):
        handler.handle(news)
    assert [news.subscription for news in ours] == [MINUTES, None]
    assert len(all_streams) == 3
    handler.unwatch(ours.append, MINUTES)
    handler.handle(LinkReport(LinkState.REFUSED, subscription=MINUTES))
    assert len(ours) == 2


def test_a_watcher_may_leave_while_it_is_told():
    handler, got = LinkHandler(), []

    def once(report):
        got.append("once")
        handler.unwatch(once)

    handler.watch(once)
    handler.watch(lambda report: got.append("always"))
    handler.handle(LinkReport(LinkState.UP))
    handler.handle(LinkReport(LinkState.READY))
    assert got == ["once", "always", "always"]


def test_a_handler_must_say_how_it_handles():
    with pytest.raises(TypeError, match="abstract"):
        Handler()


def test_a_listener_may_ignore_everything():
    listener = Listener()
    for name in ("on_position", "on_account", "on_foreign_order", "on_foreign_fill"):
        assert getattr(listener, name)(None) is None
    assert listener.on_order(None, None) is listener.on_fill(None, None) is None


def test_hearers_are_known_by_what_they_are_and_not_by_what_is_equal():
    class Line:
        """As a line of backtrader it makes something else of ``==``."""

        __hash__ = None

        def __eq__(self, other):
            raise AssertionError("nobody asked for a new line")

        def hear(self, report):
            return report

    one, two = Line(), Line()
    hearers = [one.hear, two.hear]
    drop(hearers, two.hear)
    drop(hearers, two.hear)
    assert [hearer.__self__ is one for hearer in hearers] == [True]
