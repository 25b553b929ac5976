"""Times: nanoseconds, backtrader's float days, and time zones of any make."""

from __future__ import annotations

import datetime

import backtrader as bt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btstores.errors import ConfigError
from btstores.feeds.times import LocalizableTz, ns_to_num, num_to_ns, zone
from tests.support.session import START, Diary, Session
from tests.support.venue import T0

UTC = datetime.timezone.utc
EPOCH = datetime.datetime(1970, 1, 1)
MOMENTS = st.datetimes(datetime.datetime(1970, 1, 1), datetime.datetime(2100, 1, 1))


def ns_of(moment):
    return (moment - EPOCH) // datetime.timedelta(microseconds=1) * 1000


@settings(max_examples=200, deadline=None)
@given(MOMENTS)
def test_a_stamp_is_the_number_that_backtrader_makes_of_it_to_the_last_bit(moment):
    assert ns_to_num(ns_of(moment)) == bt.date2num(moment)


@settings(max_examples=200, deadline=None)
@given(MOMENTS)
def test_a_number_comes_back_to_ten_microseconds(moment):
    assert abs(num_to_ns(ns_to_num(ns_of(moment))) - ns_of(moment)) <= 10_000


@settings(max_examples=100, deadline=None)
@given(MOMENTS.map(lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)))
def test_whole_milliseconds_come_back_exactly(moment):
    assert num_to_ns(ns_to_num(ns_of(moment))) == ns_of(moment)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 4 * 10**18), st.integers(0, 10**9))
def test_later_is_never_earlier(time_ns, more):
    assert ns_to_num(time_ns) <= ns_to_num(time_ns + more)


def test_two_stamps_in_one_microsecond_are_one_float():
    assert ns_to_num(T0 + 1) == ns_to_num(T0 + 2), "which is why feeds keep time_ns"


@pytest.mark.parametrize("name", ["Asia/Hong_Kong", "America/New_York", "Asia/Kolkata"])
@pytest.mark.parametrize(
    "moment", [datetime.datetime(2024, 1, 15, 12), datetime.datetime(2024, 7, 15, 12)]
)
def test_a_localized_time_has_the_zones_offset(name, moment):
    tz = LocalizableTz(zone(name))
    local = tz.localize(moment)
    right = moment.replace(tzinfo=zone(name))
    assert local.utcoffset() == right.utcoffset()
    assert local.tzname() == right.tzname()
    assert local.dst() == right.dst()
    assert local.astimezone(UTC) == right.astimezone(UTC)
    assert right.astimezone(UTC).astimezone(tz).replace(tzinfo=None) == moment
    assert name in repr(tz)


def test_an_unknown_zone_is_a_config_error():
    with pytest.raises(
        ConfigError, match="tz='Mars/Olympus': expected an IANA time zone"
    ) as caught:
        zone("Mars/Olympus")
    assert caught.value.field == "tz"


class OwnTz(datetime.tzinfo):
    """A time zone with a ``localize`` of its own, as pytz has."""

    def utcoffset(self, moment):
        return datetime.timedelta(hours=8)

    def dst(self, moment):
        return datetime.timedelta(0)

    def tzname(self, moment):
        return "own"

    def localize(self, moment):
        return moment.replace(tzinfo=self)


@pytest.mark.parametrize(
    "tz",
    [
        "Asia/Hong_Kong",
        zone("Asia/Hong_Kong"),
        datetime.timezone(datetime.timedelta(hours=8)),
        OwnTz(),
    ],
    ids=["a name", "a zoneinfo object", "a fixed offset", "one with localize"],
)
def test_a_feed_shows_local_times_for_a_zone_of_any_make(tz):
    session = Session()
    session.feed(tz=tz)
    session.bars(10)
    seen = []

    class Own(Diary):
        def next(self):
            seen.append((self.data.datetime.datetime(0), self.data.datetime[0]))

    session.run(Own)
    utc = START + datetime.timedelta(minutes=1)
    assert seen == [(utc + datetime.timedelta(hours=8), bt.date2num(utc))]


def test_upstream_takes_no_zoneinfo_object():
    from tests.support.session import bar
    from tests.support.traces import ListFeed

    cerebro = bt.Cerebro(stdstats=False)
    cerebro.adddata(ListFeed(bars=[bar(1)], tz=zone("Asia/Hong_Kong")))

    class Ordering(bt.Strategy):
        def next(self):
            self.buy(valid=datetime.datetime(2030, 1, 1))

    cerebro.addstrategy(Ordering)
    with pytest.raises(AttributeError, match="localize"):
        cerebro.run(runonce=False)
