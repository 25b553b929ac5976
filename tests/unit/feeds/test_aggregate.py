"""Bars from ticks and from finer bars, against pandas and backtrader as oracles."""

from __future__ import annotations

import datetime
import random

import backtrader as bt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btstores.errors import ConfigError, UnsupportedError
from btstores.feeds.aggregate import Aggregator, can_aggregate
from btstores.feeds.times import ns_to_num
from btstores.reports import Bar, Subscription, Tick
from btstores.sim.prices.csvfile import read_csv
from btstores.sim.prices.generator import Generator

S = 1_000_000_000
DAY = 86_400 * S
SECONDS, MINUTES, DAYS, WEEKS, MONTHS, YEARS = 3, 4, 5, 6, 7, 8


def ns(text):
    moment = datetime.datetime.strptime(text, "%Y-%m-%d %H:%M:%S")
    return int(moment.replace(tzinfo=datetime.timezone.utc).timestamp()) * S


def minute(text, price=10.0, volume=None):
    return Bar("A", MINUTES, 1, ns(text), price, price, price, price, volume)


def run(maker, events, now_ns=None):
    done = []
    for event in events:
        done += maker.add(event)
    if now_ns is not None:
        done += filter(None, [maker.close_at(now_ns)])
    return done


def random_ticks(seed, count=800, gap=7.0):
    source = random.Random(seed)
    time_ns, ticks = ns("2024-02-27 22:00:00"), []
    for _ in range(count):
        time_ns += int(source.expovariate(1 / gap) * 1e6) * 1000
        size = source.choice([1.0, 2.0, 5.0])
        ticks.append(Tick("A", time_ns, round(source.uniform(90, 110), 2), size))
    return ticks


# ------------------------------------------------------------------ oracles

RULES = [
    (SECONDS, 10, "10s"),
    (SECONDS, 90, "90s"),
    (MINUTES, 1, "1min"),
    (MINUTES, 5, "5min"),
    (MINUTES, 60, "60min"),
    (MINUTES, 7, None),
]


def by_pandas(ticks, rule):
    pandas = pytest.importorskip("pandas")
    index = pandas.to_datetime([tick.time_ns for tick in ticks])
    prices = pandas.Series([tick.price for tick in ticks], index)
    sizes = pandas.Series([tick.size for tick in ticks], index)
    options = {"closed": "right", "label": "right"}
    if rule == "D":
        options = {}
    bars = prices.resample(rule, **options).ohlc().dropna()
    bars["volume"] = sizes.resample(rule, **options).sum()
    return [
        (stamp.value, *row)
        for stamp, row in zip(bars.index, bars.itertuples(index=False, name=None))
    ]


@pytest.mark.parametrize(("timeframe", "compression", "rule"), [r for r in RULES if r[2]])
@pytest.mark.parametrize("seed", range(4))
def test_ticks_to_bars_as_pandas_does(timeframe, compression, rule, seed):
    ticks = random_ticks(seed)
    done = run(Aggregator("A", timeframe, compression), ticks, now_ns=ticks[-1].time_ns + DAY)
    assert [(bar.time_ns, *bar[4:9]) for bar in done] == by_pandas(ticks, rule)
    assert all(bar[:3] == ("A", timeframe, compression) and bar.complete for bar in done)


@pytest.mark.parametrize(
    ("timeframe", "compression", "rule"), [r for r in RULES[2:] if r[2]] + [(DAYS, 1, "D")]
)
def test_bars_to_coarser_bars_as_pandas_does(timeframe, compression, rule):
    pandas = pytest.importorskip("pandas")
    bars = list(Generator(seed=3).bars("A", 4000, SECONDS, 30).events)
    frame = pandas.DataFrame(
        [bar[4:9] for bar in bars],
        index=pandas.to_datetime([bar.time_ns for bar in bars]),
        columns=["open", "high", "low", "close", "volume"],
    )
    how = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    options = {} if rule == "D" else {"closed": "right", "label": "right"}
    expected = frame.resample(rule, **options).agg(how).dropna()
    done = run(Aggregator("A", timeframe, compression), bars, now_ns=bars[-1].time_ns + 2 * DAY)
    assert [bar[4:9] for bar in done] == list(expected.itertuples(index=False, name=None))
    if rule != "D":
        assert [bar.time_ns for bar in done] == [stamp.value for stamp in expected.index]


@pytest.mark.parametrize(("timeframe", "period"), [(WEEKS, "W"), (MONTHS, "M"), (YEARS, "Y")])
def test_days_to_weeks_months_and_years(timeframe, period):
    pandas = pytest.importorskip("pandas")
    bars = list(Generator(seed=4).bars("A", 1200, DAYS).events)
    index = pandas.to_datetime([bar.time_ns - 1 for bar in bars])
    bars = [bar._replace(time_ns=stamp.value) for bar, stamp in zip(bars, index)]
    closes = pandas.DataFrame({"close": [bar.close for bar in bars], "t": index}, index)
    groups = closes.groupby(index.to_period(period))
    done = run(Aggregator("A", timeframe), bars, now_ns=bars[-1].time_ns + 400 * DAY)
    assert [bar.close for bar in done] == list(groups["close"].last())
    assert [bar.time_ns for bar in done] == [stamp.value for stamp in groups["t"].last()]


@pytest.mark.parametrize(
    ("timeframe", "compression"),
    [(MINUTES, 15), (MINUTES, 60), (DAYS, 1), (WEEKS, 1), (MONTHS, 1)],
)
def test_what_backtraders_resampler_shows(shared_data, timeframe, compression):
    path = shared_data / "2006-min-005.txt"
    names = ("open", "high", "low", "close", "volume", "openinterest")
    feed = bt.feeds.GenericCSVData(
        dataname=str(path),
        dtformat="%Y-%m-%d",
        tmformat="%H:%M:%S",
        time=1,
        timeframe=bt.TimeFrame.Minutes,
        compression=5,
        **{name: i + 2 for i, name in enumerate(names)},
    )
    seen = []

    class Watch(bt.Strategy):
        def next(self):
            data = self.data
            prices = (data.open[0], data.high[0], data.low[0], data.close[0])
            seen.append((data.datetime[0], *prices))

    cerebro = bt.Cerebro(stdstats=False)
    cerebro.resampledata(feed, timeframe=timeframe, compression=compression)
    cerebro.addstrategy(Watch)
    cerebro.run()

    (series,) = read_csv(path, symbol="A")
    done = run(Aggregator("A", timeframe, compression), series.events, series.times[-1] + 400 * DAY)
    assert [bar[4:8] for bar in done] == [values[1:] for values in seen]
    for bar, (number, *_) in zip(done, seen):
        # A last bar of the day that is cut short gets the session's end there, its own here.
        cut_short = timeframe == MINUTES and number % 1 > 0.99999
        assert cut_short or ns_to_num(bar.time_ns) == number


# ------------------------------------------------------------------ edges


def test_an_end_belongs_to_the_bar_that_it_ends_and_closes_it_at_once():
    maker = Aggregator("A", MINUTES, 5)
    texts = [f"2024-01-31 09:0{i}:00" for i in range(1, 7)]
    done = [maker.add(minute(text)) for text in texts]
    assert [len(bars) for bars in done] == [0, 0, 0, 0, 1, 0]
    assert done[4][0].time_ns == ns("2024-01-31 09:05:00")
    assert maker.due_ns == ns("2024-01-31 09:10:00")


def test_ticks_at_the_end_still_count():
    maker = Aggregator("A", MINUTES, 1)
    end = ns("2024-01-31 09:01:00")
    assert maker.add(Tick("A", end - 1, 10.0)) == []
    assert maker.add(Tick("A", end, 12.0)) == []
    assert maker.close_at(end) is None
    assert maker.add(Tick("A", end, 9.0)) == []
    (bar,) = maker.add(Tick("A", end + 1, 11.0))
    assert bar[3:9] == (end, 10.0, 12.0, 9.0, 9.0, None)


def test_midnight_ends_the_last_bar_of_the_day():
    maker = Aggregator("A", MINUTES, 60)
    (bar,) = maker.add(minute("2024-02-01 00:00:00"))
    assert bar.time_ns == ns("2024-02-01 00:00:00")


def test_midnight_begins_a_day():
    maker = Aggregator("A", DAYS)
    done = run(maker, [minute("2024-01-31 23:59:00"), minute("2024-02-01 00:00:00")])
    assert [bar.time_ns for bar in done] == [ns("2024-02-01 00:00:00") - 10_000]


def test_a_length_that_does_not_divide_the_day_starts_anew_each_day():
    maker = Aggregator("A", MINUTES, 7)
    assert maker.add(minute("2024-01-31 23:58:00")) == []
    assert maker.due_ns == ns("2024-02-01 00:00:00")
    maker.add(minute("2024-02-01 00:03:00"))
    assert maker.due_ns == ns("2024-02-01 00:07:00")


def test_nothing_is_made_up_for_a_gap():
    maker = Aggregator("A", MINUTES, 5)
    done = run(maker, [minute("2024-01-31 09:01:00"), minute("2024-01-31 11:01:00")])
    assert [bar.time_ns for bar in done] == [ns("2024-01-31 09:05:00")]
    assert maker.close_at(ns("2024-01-31 11:05:00")) is None
    assert maker.close_at(ns("2024-01-31 11:05:01")).time_ns == ns("2024-01-31 11:05:00")
    assert maker.close_at(ns("2024-01-31 23:05:01")) is None
    assert maker.due_ns is None


def test_time_zones_and_their_summer():
    for date, offset in (("2024-01-31", 5), ("2024-07-31", 4)):
        maker = Aggregator("A", DAYS, tz="America/New_York")
        late = ns(f"{date} 00:00:00") + 26 * 3600 * S
        assert run(maker, [Tick("A", late, 1.0)], late + DAY)[0].time_ns == (
            ns(f"{date} 00:00:00") + DAY + offset * 3600 * S - 10_000
        )
    hours = Aggregator("A", MINUTES, 240, tz="Asia/Kolkata")
    hours.add(Tick("A", ns("2024-01-31 03:45:00"), 1.0))  # 09:15 there
    assert hours.due_ns == ns("2024-01-31 06:30:00")
    with pytest.raises(ConfigError, match="tz"):
        Aggregator("A", DAYS, tz="Mars/Olympus")


def test_day_of_the_change_to_summer_time_has_23_hours():
    maker = Aggregator("A", DAYS, tz="America/New_York")
    maker.add(Tick("A", ns("2024-03-10 12:00:00"), 1.0))
    assert maker.due_ns == ns("2024-03-11 04:00:00") - 1


def test_own_session_end():
    maker = Aggregator("A", DAYS, session_end=datetime.time(16))
    early = minute("2024-01-31 15:00:00")
    assert run(maker, [early], early.time_ns + DAY)[0].time_ns == ns("2024-01-31 16:00:00")
    late = minute("2024-02-01 17:00:00")
    assert run(maker, [late], late.time_ns + DAY)[0].time_ns == late.time_ns


@pytest.mark.parametrize(
    ("timeframe", "compression"), [(DAYS, 2), (DAYS, 5), (WEEKS, 2), (MONTHS, 3), (YEARS, 2)]
)
def test_compressed_periods_do_not_depend_on_where_the_stream_begins(timeframe, compression):
    start = ns("2023-01-01 12:00:00")
    days = [minute("2023-01-01 12:00:00")._replace(time_ns=start + i * DAY) for i in range(2000)]
    whole = run(Aggregator("A", timeframe, compression), days)
    later = run(Aggregator("A", timeframe, compression), days[13:])
    assert [bar.time_ns for bar in later] == [
        bar.time_ns for bar in whole if bar.time_ns >= days[13].time_ns
    ]
    lengths = {after.time_ns - before.time_ns for before, after in zip(whole, whole[1:])}
    if timeframe in (DAYS, WEEKS):
        assert lengths == {compression * DAY * (7 if timeframe == WEEKS else 1)}


def test_a_stream_joined_late_has_a_partial_first_bar():
    maker = Aggregator("A", MINUTES, 5, joined_late=True)
    done = run(maker, [minute(f"2024-01-31 09:{i:02d}:00") for i in range(3, 16)])
    assert [bar.complete for bar in done] == [False, True, True]


def test_the_open_bar_can_be_seen():
    maker = Aggregator("A", MINUTES, 5)
    assert maker.current is None
    maker.add(minute("2024-01-31 09:01:00", 10.0, 5.0))
    maker.add(minute("2024-01-31 09:02:00", 12.0, 5.0))
    assert maker.current == Bar(
        "A", 4, 5, ns("2024-01-31 09:05:00"), 10.0, 12.0, 10.0, 12.0, 10.0, complete=False
    )


def test_open_interest_is_the_last_and_volume_the_sum_of_what_is_told():
    maker = Aggregator("A", MINUTES, 5)
    first = minute("2024-01-31 09:01:00")._replace(openinterest=7.0)
    second = minute("2024-01-31 09:02:00", volume=5.0)
    done = run(maker, [first, second], ns("2024-01-31 09:06:00"))
    assert (done[0].volume, done[0].openinterest) == (5.0, 7.0)


@pytest.mark.parametrize(
    ("source", "target", "possible"),
    [
        ((1, 1), (MINUTES, 1), True),
        ((1, 1), (WEEKS, 1), True),
        ((1, 1), (1, 1), False),
        ((SECONDS, 30), (MINUTES, 1), True),
        ((SECONDS, 45), (MINUTES, 1), False),
        ((MINUTES, 1), (MINUTES, 1), False),
        ((MINUTES, 5), (MINUTES, 15), True),
        ((MINUTES, 5), (MINUTES, 12), False),
        ((MINUTES, 5), (MINUTES, 1), False),
        ((MINUTES, 5), (SECONDS, 600), True),
        ((MINUTES, 60), (DAYS, 1), True),
        ((MINUTES, 7), (DAYS, 1), False),
        ((DAYS, 1), (MINUTES, 5), False),
        ((DAYS, 1), (DAYS, 5), True),
        ((DAYS, 1), (WEEKS, 1), True),
        ((DAYS, 2), (WEEKS, 1), False),
        ((DAYS, 1), (MONTHS, 3), True),
        ((WEEKS, 1), (WEEKS, 4), True),
        ((WEEKS, 1), (MONTHS, 1), False),
        ((MONTHS, 1), (YEARS, 1), True),
        ((MONTHS, 1), (MONTHS, 3), True),
        ((MINUTES, 1), (DAYS, 0), False),
    ],
)
def test_what_can_be_made_of_what(source, target, possible):
    assert can_aggregate(Subscription("A", *source), *target) is possible


def test_quotes_make_no_bars():
    assert not can_aggregate(Subscription("A", 1, 1, True), MINUTES, 1)
    with pytest.raises(UnsupportedError):
        Aggregator("A", 1)


@given(
    st.lists(st.integers(0, 3 * 86_400), min_size=1, max_size=80),
    st.sampled_from([(SECONDS, 45), (MINUTES, 1), (MINUTES, 90), (DAYS, 1), (WEEKS, 1)]),
    st.sampled_from([None, "America/New_York", "Asia/Kolkata"]),
)
@settings(max_examples=150, deadline=None)
def test_nothing_is_lost_or_invented(seconds, frame, tz):
    start = ns("2024-03-09 00:00:00")
    ticks = [Tick("A", start + s * S, 1.0 + s % 7, 1.0) for s in sorted(seconds)]
    maker = Aggregator("A", *frame, tz=tz)
    done = run(maker, ticks, ticks[-1].time_ns + 30 * DAY)
    assert sum(bar.volume for bar in done) == len(ticks)
    stamps = [bar.time_ns for bar in done]
    assert stamps == sorted(set(stamps))
    assert max(bar.high for bar in done) == max(tick.price for tick in ticks)
    assert done[0].open == ticks[0].price
    assert done[-1].close == ticks[-1].price
    assert maker.current is None
