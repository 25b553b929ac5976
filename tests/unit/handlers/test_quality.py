"""Bad prices are found, told once a minute, and treated as their policy says."""

from __future__ import annotations

import math

import hypothesis
import hypothesis.strategies as st
import pytest

from btstores.errors import ConfigError
from btstores.handlers.quality import CHECKS, Quality, found_of, read_quality
from btstores.instruments import TimeFrame
from btstores.markets import MarketType, get_market_config
from btstores.reports import Bar, HistoryReport, Quote, Subscription, Tick

SECOND = 10**9
MINUTE = 60 * SECOND
#: 2026-01-05 10:00 in Hong Kong, a Monday.
T0 = 1_767_578_400 * SECOND
NAN, INF = math.nan, math.inf


class Screen:
    """A `Quality` with our clock a second behind what is told."""

    def __init__(self, market=MarketType.UNKNOWN, **policies):
        self.told, self.halts = [], []
        config = get_market_config(market)
        self.quality = Quality(
            read_quality(policies),
            config.sessions_of,
            lambda *told: self.told.append(told),
            self.halts.append,
        )

    def __call__(self, report, late=1):
        return self.quality.screen(report, report.time_ns + late * SECOND)

    def all(self, reports):
        return [passed for passed in map(self, reports) if passed is not None]

    @property
    def found(self):
        return [told[1] for told in self.told]


def bar(minute, close=10.0, open_=None, high=None, low=None, volume=1.0, **fields):
    open_ = close if open_ is None else open_
    high = max(open_, close) if high is None else high
    low = min(open_, close) if low is None else low
    time_ns = T0 + minute * MINUTE
    return Bar("A", 4, 1, time_ns, open_, high, low, close, volume, **fields)


def tick(second, price=10.0, **fields):
    return Tick("A", T0 + second * SECOND, price, **fields)


def quote(bid, ask, second=0):
    return Quote("A", T0 + second * SECOND, bid, ask)


GOOD = [
    bar(1),
    bar(1, volume=None),
    bar(1, volume=0.0),
    bar(1, 10, 9, 11, 8, complete=False),
    tick(0),
    tick(0, size=3.0, trade_id="1"),
    quote(9.0, 10.0),
    quote(None, 10.0),
    quote(9.0, 9.0),
    quote(None, None),
]


@pytest.mark.parametrize("report", GOOD, ids=repr)
def test_a_good_report_passes_as_it_is(report):
    screen = Screen()
    assert screen(report) is report
    assert screen.told == []
    assert screen.quality.counts == {}


BAD = [
    ("number", bar(1, NAN)),
    ("number", bar(1, high=INF)),
    ("number", bar(1, low=-INF)),
    ("number", bar(1)._replace(open=None)),
    ("number", bar(1)._replace(close="N/A")),
    ("number", tick(0, NAN)),
    ("number", tick(0, None)),
    ("number", tick(0, "9.5")),
    ("price", bar(1, 0.0)),
    ("price", bar(1, 5, low=-1.0)),
    ("price", tick(0, -37.63)),
]


@pytest.mark.parametrize(("check", "report"), BAD, ids=repr)
def test_what_is_no_price_is_dropped(check, report):
    screen = Screen()
    assert screen(report) is None
    assert [told[:3] for told in screen.told] == [("A", check, "drop")]
    assert screen.quality.counts == {("A", check): 1}


def test_a_negative_price_is_one_where_it_may_be():
    report = tick(0, -37.63)
    assert Screen(price="off")(report) is report


def test_prices_out_of_their_range_widen_it():
    screen = Screen()
    fixed = screen(bar(1, 12, 10, high=11, low=10.5))
    assert (fixed.high, fixed.low) == (12, 10)
    assert fixed.flags == ("range",)
    assert screen.told == [("A", "range", "fix", "open 10, high 11, low 10.5, close 12", 1)]


@pytest.mark.parametrize("volume", [-1.0, NAN, INF, "N/A"])
def test_a_volume_that_is_none_is_missing(volume):
    screen = Screen()
    assert screen(bar(1, volume=volume)).volume is None
    assert screen(tick(0, size=volume)).size is None
    assert set(screen.found) == {"volume"}


def test_a_volume_grows_while_its_bar_forms():
    screen = Screen()
    forms = [bar(1, volume=volume, complete=False) for volume in (5.0, 9.0, 7.0)]
    assert [one.volume for one in screen.all(forms)] == [5.0, 9.0, None]
    assert screen(bar(2, volume=1.0, complete=False)).volume == 1.0


def test_of_a_quote_only_the_bad_side_is_dropped():
    screen = Screen()
    passed = screen(quote(0.0, 10.0))
    assert (passed.bid, passed.ask) == (None, 10.0)
    passed = screen(quote(9.0, NAN, 1))
    assert (passed.bid, passed.ask) == (9.0, None)
    assert screen.found == ["price", "number"]


def test_a_crossed_quote_is_flagged():
    assert Screen()(quote(10.0, 9.0)).flags == ("crossed",)
    assert Screen(crossed="drop")(quote(10.0, 9.0)) is None


def test_what_comes_late_or_twice_is_dropped():
    screen = Screen()
    bars = [bar(1), bar(2), bar(1), bar(2), bar(3)]
    assert screen.all(bars) == [bars[0], bars[1], bars[4]]
    assert screen.found == ["late", "repeated"]


def test_ticks_share_a_time_but_no_id():
    screen = Screen()
    ticks = [tick(1, trade_id="a"), tick(1, trade_id="b"), tick(1, trade_id="b"), tick(1), tick(1)]
    assert screen.all(ticks) == [ticks[0], ticks[1], ticks[3], ticks[4]]


def test_a_bar_that_forms_is_told_many_times():
    screen = Screen()
    forms = [bar(1, complete=False), bar(1, complete=False), bar(1), bar(2, complete=False)]
    assert screen.all(forms) == forms
    assert screen.told == []


def test_a_revised_bar_is_flagged():
    screen = Screen()
    screen(bar(1, 10.0))
    assert screen(bar(1, 10.1)).flags == ("revised",)
    assert screen.told[0][3] == "10.1/10.1/10.1/10.1 after 10/10/10/10"


def test_history_that_knows_the_last_bar_otherwise_tells():
    screen = Screen()
    screen(bar(1, 10.0))
    answer = HistoryReport(1, Subscription("A", 4, 1), (bar(1, 10.2), bar(2)))
    assert screen.quality.screen_history(answer, T0) is answer
    assert screen.found == ["revised"]


# Spikes


def quiet(count, price=10.0):
    """Minutes that go up and down by a tenth of a percent."""
    return [bar(number, price * (1 + 0.001 * (number % 2))) for number in range(count)]


def test_a_spike_is_flagged_and_what_follows_it_is_not():
    screen = Screen()
    screen.all(quiet(20))
    assert screen(bar(20, 13.0)).flags == ("spike",)
    assert screen(bar(21, 10.0)).flags is None
    assert screen.told == [("A", "spike", "flag", "13 after 10.01, further than 5 %", 1)]


def test_a_wick_is_a_spike():
    screen = Screen()
    screen.all(quiet(20))
    assert screen(bar(20, 10.0, low=0.01)).flags == ("spike",)


def test_the_third_in_a_row_is_a_new_level():
    screen = Screen(spike="drop")
    screen.all(quiet(20))
    assert [screen(bar(20 + number, 14.0)) is None for number in range(4)] == [
        True,
        True,
        False,
        False,
    ]


def test_the_band_is_as_wide_as_the_market_is_wild():
    wild = [bar(number, 10.0 * 1.02 ** (number % 2)) for number in range(20)]
    screen = Screen()
    assert screen.all([*wild, bar(20, 13.0)])[-1].flags is None


def test_after_a_night_a_price_may_be_anywhere():
    screen = Screen()
    screen.all(quiet(20))
    assert screen(bar(20 + 61, 14.0)).flags is None


def test_days_may_jump_further():
    days = [Bar("A", 5, 1, T0 + day * 1440 * MINUTE, *[price] * 4) for day, price in
            enumerate((10.0, 12.0, 16.0))]  # fmt: skip
    assert [one.flags for one in Screen().all(days)] == [None, None, ("spike",)]


def test_history_is_what_the_first_live_price_is_compared_with():
    screen = Screen()
    answer = HistoryReport(1, Subscription("A", 4, 1), tuple(quiet(20)))
    screen.quality.screen_history(answer, T0)
    assert screen(bar(20, 20.0)).flags == ("spike",)


# Time


def test_a_bar_while_the_market_is_closed_is_flagged():
    screen = Screen(MarketType.HK_STOCK)
    # Until 12:00, and from 13:00.
    assert [screen(bar(minute)).flags for minute in (119, 120, 121, 179, 180, 181)] == [
        None,
        None,  # it may be stamped with its end
        ("session",),
        ("session",),
        None,
        None,
    ]


def test_a_tick_in_the_lunch_break_is_flagged():
    screen = Screen(MarketType.HK_STOCK)
    assert [screen(tick(60 * minute)).flags for minute in (119, 121, 150, 180)] == [
        None,
        ("session",),
        ("session",),
        None,
    ]


def test_days_have_no_hours():
    report = Bar("A", 5, 1, T0 + 600 * MINUTE, 10, 10, 10, 10)
    assert Screen(MarketType.HK_STOCK)(report).flags is None


def test_a_price_of_the_future_is_flagged():
    screen = Screen()
    assert screen(tick(0), late=-5).flags is None
    assert screen(tick(1), late=-30).flags == ("clock",)
    # A bar is stamped with its end, and may come before it.
    assert screen(bar(1), late=-60).flags is None
    assert screen(bar(2), late=-70).flags == ("clock",)


# Policies


def test_what_is_off_is_not_looked_for():
    screen = Screen(range="off")
    report = bar(1, 12, 10, high=11, low=10.5)
    assert screen(report) is report
    assert screen.told == []
    assert set(read_quality("off").values()) == {"off"}


def test_halt_drops_the_report_and_halts():
    screen = Screen(number="halt")
    assert screen(bar(1, NAN)) is None
    assert screen.halts == ["A: open nan is not a number"]


BAD_POLICIES = [
    ({"nonsense": "drop"}, "nonsense"),
    ({"late": "fix"}, "late"),
    ({"number": "off"}, "number"),
    ({"range": "mend"}, "range"),
    ("on", "quality"),
    (3, "quality"),
]


@pytest.mark.parametrize(("given", "named"), BAD_POLICIES)
def test_a_policy_that_cannot_be_is_refused(given, named):
    with pytest.raises(ConfigError, match=named):
        read_quality(given)


def test_the_same_is_told_once_a_minute():
    screen = Screen()
    for second in range(150):
        screen(tick(second, NAN))
    assert [told[4] for told in screen.told] == [1, 60, 60]
    assert screen.quality.counts == {("A", "number"): 150}


def test_history_is_screened_and_tells_once():
    screen = Screen()
    bars = (bar(1), bar(3), bar(2), bar(4, NAN), bar(5, high=9.9), bar(6, NAN))
    answer = HistoryReport(7, Subscription("A", 4, 1), bars)
    passed = screen.quality.screen_history(answer, T0)
    assert [one.time_ns for one in passed.bars] == [bars[at].time_ns for at in (0, 1, 4)]
    assert passed.bars[2].high == 10.0
    assert passed.request_id == 7
    assert [(told[1], told[4]) for told in screen.told] == [
        ("late", 1),
        ("number", 2),
        ("range", 1),
    ]


def test_good_history_is_handed_on_as_it_is():
    answer = HistoryReport(7, Subscription("A", 4, 1), tuple(quiet(5)))
    assert Screen().quality.screen_history(answer, T0) is answer


def test_what_was_found_is_listed_by_number():
    counts = {("B", "late"): 2, ("A", "late"): 2, ("A", "spike"): 5}
    assert found_of(counts) == [("A", "spike", 5), ("A", "late", 2), ("B", "late", 2)]


VALUES = st.one_of(st.floats(), st.none(), st.sampled_from(["N/A", "", "--", 0, -1, 10**400, True]))


@hypothesis.settings(deadline=None)
@hypothesis.given(
    rows=st.lists(st.tuples(st.integers(0, 5), *[VALUES] * 5, st.booleans()), max_size=8),
    kind=st.sampled_from([Bar, Tick, Quote]),
    policies=st.fixed_dictionaries(
        {name: st.sampled_from(check.policies) for name, check in CHECKS.items()}
    ),
)
def test_whatever_is_told_nothing_raises_and_what_passes_is_a_price(rows, kind, policies):
    screen = Screen(MarketType.HK_STOCK, **policies)
    for minute, one, two, three, four, five, complete in rows:
        time_ns = T0 + minute * MINUTE
        if kind is Bar:
            report = Bar("A", TimeFrame.MINUTES, 1, time_ns, one, two, three, four, five, None,
                         None, complete)  # fmt: skip
        elif kind is Tick:
            report = Tick("A", time_ns, one, two)
        else:
            report = Quote("A", time_ns, one, two)
        passed = screen(report)
        if passed is None:
            continue
        prices = passed[4:8] if kind is Bar else passed[2:3] if kind is Tick else passed[2:4]
        for price in prices:
            assert (price is None and kind is Quote) or math.isfinite(price)
            assert price is None or price > 0 or policies["price"] in ("off", "flag")
        assert passed.flags is None or set(passed.flags) <= set(CHECKS)
