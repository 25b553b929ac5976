"""What a strategy sees, call by call, equals upstream's where upstream is right.

Upstream runs its own feeds over the same bars, one by one. Where it is known to be wrong it
is shown to be, and the right answer is computed here.
"""

from __future__ import annotations

import backtrader as bt
import pytest

from btstores.feeds.times import num_to_ns
from btstores.reports import Bar, LinkReport, LinkState, Tick
from tests.support.session import SECOND, Diary, Session, bar
from tests.support.traces import ListFeed, random_bars, store_trace, upstream_trace
from tests.support.upstream import OwnTime, WaitingFeed
from tests.support.venue import MINUTE, T0

MINUTES, DAYS = bt.TimeFrame.Minutes, bt.TimeFrame.Days
COUNT = 60
HISTORIES = [0, COUNT // 2, COUNT]


def plain(cerebro, feeds):
    for feed in feeds:
        cerebro.adddata(feed)


def resampled_only(cerebro, feeds):
    for feed in feeds:
        cerebro.resampledata(feed, timeframe=MINUTES, compression=5)


def resampled_next_to(cerebro, feeds):
    for feed in feeds:
        cerebro.adddata(feed)
        cerebro.resampledata(feed, timeframe=MINUTES, compression=5)


def resampled_twice(cerebro, feeds):
    for feed in feeds:
        cerebro.resampledata(feed, timeframe=MINUTES, compression=3)
        cerebro.resampledata(feed, timeframe=MINUTES, compression=10)


def replayed(cerebro, feeds):
    for feed in feeds:
        cerebro.replaydata(feed, timeframe=MINUTES, compression=5)


def days(cerebro, feeds):
    for feed in feeds:
        cerebro.adddata(feed)
        cerebro.resampledata(feed, timeframe=DAYS)


def bars_of(symbols, seed, holes, count=COUNT):
    return {symbol: random_bars(seed, symbol, count, holes) for symbol in symbols}


def check_same(bars, add, history, **options):
    ours = store_trace(bars, add, history, **options)
    upstream = upstream_trace(bars, add, **options)
    assert len(ours) == len(upstream)
    for number, (mine, theirs) in enumerate(zip(ours, upstream)):
        assert mine == theirs, f"call {number}"


@pytest.mark.parametrize("history", HISTORIES)
@pytest.mark.parametrize("seed", range(3))
def test_plain_feeds_with_holes_show_the_same(seed, history):
    check_same(bars_of("ABC", seed, holes=0.3), plain, history)


@pytest.mark.parametrize("history", HISTORIES)
@pytest.mark.parametrize("add", [resampled_only, resampled_next_to, resampled_twice, replayed])
def test_one_symbol_made_coarser_shows_the_same(add, history):
    for holes in (0.0, 0.3):
        check_same(bars_of("A", 1, holes), add, history)


@pytest.mark.parametrize("history", [0, 100, 1600])
def test_days_show_the_same(history):
    check_same(bars_of("A", 1, holes=0.7, count=1600), days, history)


@pytest.mark.parametrize("history", HISTORIES)
@pytest.mark.parametrize("add", [resampled_only, resampled_next_to, replayed])
def test_several_symbols_without_holes_show_the_same(add, history):
    check_same(bars_of("AB", 2, holes=0.0), add, history)


@pytest.mark.parametrize("history", HISTORIES)
def test_bounded_memory_changes_nothing(history):
    bars = bars_of("AB", 3, holes=0.3)
    assert store_trace(bars, plain, history, exactbars=1) == store_trace(bars, plain, history)


def test_bounded_memory_changes_nothing_for_resampled_feeds():
    bars = bars_of("AB", 3, holes=0.3)
    with_bound = store_trace(bars, resampled_next_to, COUNT // 2, exactbars=1)
    assert with_bound == store_trace(bars, resampled_next_to, COUNT // 2)


def test_upstream_loses_its_place_with_bounded_memory_and_interleaved_feeds():
    bars = bars_of("AB", 3, holes=0.3)
    with pytest.raises((IndexError, ValueError)):
        upstream_trace(bars, plain, exactbars=1)


@pytest.mark.parametrize("add", [plain, resampled_next_to, replayed])
def test_two_runs_over_the_same_reports_show_the_same(add):
    bars = bars_of("ABC", 4, holes=0.4)
    assert store_trace(bars, add, COUNT // 3) == store_trace(bars, add, COUNT // 3)


# Several symbols with holes, made coarser: what each feed shows, on its own.


def coarser(bars, compression):
    """Return the right bars: what is stamped after a start, up to and including the end."""
    made = {}
    for one in bars:
        end = -(-one.time_ns // (compression * MINUTE)) * compression * MINUTE
        if end in made:
            _, open_, high, low, _ = made[end]
            made[end] = (end, open_, max(high, one.high), min(low, one.low), one.close)
        else:
            made[end] = (end, one.open, one.high, one.low, one.close)
    return list(made.values())


def series(trace, number):
    """Return the distinct bars of one feed in the order of their showing."""
    shown = {}
    for _, feeds in trace:
        length, values, _ = feeds[number]
        if values is not None:
            shown[length] = (num_to_ns(values[0]), *values[1:])
    return list(shown.values())


@pytest.mark.parametrize("history", HISTORIES)
@pytest.mark.parametrize("seed", range(3))
def test_every_resampled_feed_is_right_whatever_its_neighbours_do(seed, history):
    bars = bars_of("ABC", seed, holes=0.4)
    trace = store_trace(bars, resampled_next_to, history)
    for number, symbol in enumerate(bars):
        fine = [(b.time_ns, b.open, b.high, b.low, b.close) for b in bars[symbol]]
        assert series(trace, 2 * number) == fine, symbol
        right = coarser(bars[symbol], 5)
        shown = series(trace, 2 * number + 1)
        # The last bar stays open when nothing comes after it.
        assert shown in (right, right[:-1]), symbol


def clones(cerebro, feeds):
    cerebro.adddata(feeds[0])
    cerebro.adddata(feeds[1])
    cerebro.adddata(feeds[0].clone())


def test_a_clone_shows_every_bar_of_its_source():
    bars = bars_of("AB", 5, holes=0.4)
    trace = store_trace(bars, clones, COUNT // 2)
    assert len(series(trace, 0)) == len(bars["A"])
    assert series(trace, 2) == series(trace, 0)


def test_upstreams_clone_loses_bars():
    bars = bars_of("AB", 5, holes=0.4)
    trace = upstream_trace(bars, clones)
    assert len(series(trace, 0)) == len(bars["A"])
    assert len(series(trace, 2)) < len(bars["A"])


# Live, where the clock closes bars.


def seconds_session():
    """A tick on A, which then is quiet, while B is busy; A's second ends at 1.0."""
    session = Session()
    a = session.store.getdata(dataname="A", timeframe=bt.TimeFrame.Ticks)
    b = session.store.getdata(dataname="B", timeframe=bt.TimeFrame.Ticks)
    session.cerebro.adddata(b)
    session.cerebro.resampledata(a, timeframe=bt.TimeFrame.Seconds, compression=1)
    session.feeds += [a, b]
    session.say(0.5, Tick("A", T0 + SECOND // 2, 10.0, 1.0))
    for n in range(50):
        session.say(n / 10, Tick("B", T0 + n * SECOND // 10, 20.0 + n, 1.0))
    return session


def test_a_bar_of_a_quiet_feed_is_closed_by_the_clock_while_another_is_busy():
    session = seconds_session()
    seen = []

    class Own(Diary):
        def next(self):
            if len(self.datas[1]) and not seen:
                seen.append((session.clock.time_ns() - T0) / SECOND)

        prenext = next

    session.run(Own)
    assert seen
    assert 1.0 <= seen[0] <= 1.3


def test_a_resampled_bar_may_come_alone_next_to_a_plain_feed():
    session = Session()
    a = session.store.getdata(dataname="A", timeframe=bt.TimeFrame.Ticks)
    session.feed("B", bt.TimeFrame.Ticks)
    session.cerebro.resampledata(a, timeframe=bt.TimeFrame.Seconds, compression=1)
    session.feeds.append(a)
    session.say(0.5, Tick("A", T0 + SECOND // 2, 10.0, 1.0))
    session.at(1.5, lambda: session.store.put(LinkReport(LinkState.UP)))
    session.at(2.5, lambda: session.store.put(LinkReport(LinkState.UP)))
    diary = session.run()
    assert [row[1] for row in diary.bars] == [10.0]


def test_upstream_crashes_when_a_resampled_bar_comes_alone():
    time = OwnTime()
    cerebro = bt.Cerebro(stdstats=False)
    options = {"time": time, "until": 5.0, "timeframe": bt.TimeFrame.Ticks}
    cerebro.adddata(WaitingFeed(**options))
    feed = WaitingFeed(arrivals=[(0.5, 10.0)], **options)
    cerebro.resampledata(feed, timeframe=bt.TimeFrame.Seconds, compression=1)
    cerebro.addstrategy(bt.Strategy)
    with pytest.raises(ValueError, match=r"min\(\)"):
        cerebro.run()


# Across midnight.

MIDNIGHT = (T0 // (86400 * SECOND) + 1) * 86400 * SECOND


def around_midnight():
    stamps = [MIDNIGHT + n * 10 * MINUTE for n in (-3, -2, -1, 1, 2, 3)]
    return [
        Bar("A", 4, 1, stamp, 10.0 + n, 11.0 + n, 9.0 + n, 10.0 + n, 1.0)
        for n, stamp in enumerate(stamps)
    ]


def shown_days(add, live):
    session = Session()
    bars = around_midnight()
    feed = session.store.getdata(dataname="A", timeframe=MINUTES)
    session.feeds.append(feed)
    other = session.feed("B")
    add(session.cerebro, [feed])
    if live:
        for one in bars:
            session.say((one.time_ns - T0) / SECOND, one)
    else:
        session.venue.bars["A"] = bars
    # A neighbour that is busy around midnight makes the engine check for bars to close.
    for n in range(-5, 6):
        stamp = MIDNIGHT + n * 5 * MINUTE + MINUTE
        session.say((stamp - T0) / SECOND, Bar("B", 4, 1, stamp, 5.0, 5.0, 5.0, 5.0, 1.0))
    days = []

    class Own(Diary):
        def next(self):
            data = [d for d in self.datas if d is not other][-1]
            if len(data):
                days.append((len(data), data.open[0], data.close[0], data.volume[0]))

        prenext = next

    session.run(Own)
    return list({length: rest for length, *rest in days}.values())


def replayed_day(cerebro, feeds):
    cerebro.replaydata(feeds[0], timeframe=DAYS)


def resampled_day(cerebro, feeds):
    cerebro.resampledata(feeds[0], timeframe=DAYS)


@pytest.mark.parametrize("live", [True, False], ids=["live", "history"])
def test_a_resampled_day_ends_at_midnight(live):
    assert shown_days(resampled_day, live)[0] == [10.0, 12.0, 3.0]


@pytest.mark.parametrize("live", [True, False], ids=["live", "history"])
def test_a_replayed_day_ends_at_midnight(live):
    first, second = shown_days(replayed_day, live)
    assert first == [10.0, 12.0, 3.0]
    assert second == [13.0, 15.0, 3.0]


@pytest.mark.parametrize("live", [True, False], ids=["live", "history"])
def test_a_replayed_hour_ends_with_its_day(live):
    def replayed_hour(cerebro, feeds):
        cerebro.replaydata(feeds[0], timeframe=MINUTES, compression=60)

    first, second = shown_days(replayed_hour, live)
    assert first == [10.0, 12.0, 3.0]
    assert second == [13.0, 15.0, 3.0]


def test_a_window_of_bounded_memory_stays_whole_when_a_bar_is_put_back():
    session = Session(exactbars=1)
    session.feed()
    session.bars(10, 11, 12, 13)
    seen = []

    class Averaging(Diary):
        def __init__(self):
            super().__init__()
            bt.ind.SMA(self.data, period=3)

    def put_back(strategy):
        data = strategy.data
        data.rewind()
        seen.append([data.close[-ago] for ago in range(3)])
        assert data._bring_back(None, False)
        seen.append([data.close[-ago] for ago in range(3)])

    session.run(Averaging, script={4: put_back})
    assert seen == [[12, 11, 10], [13, 12, 11]]


def test_the_oracle_is_upstreams_own_feed():
    bars = [bar(1, 10.0), bar(2, 11.0)]
    trace = upstream_trace({"A": bars}, plain)
    assert isinstance(ListFeed(bars=bars), bt.feed.DataBase)
    assert [num_to_ns(row[0][1][0]) for _, row in trace] == [one.time_ns for one in bars]
