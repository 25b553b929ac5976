"""How long an order is good for, as the venue is told."""

from __future__ import annotations

import datetime

import backtrader as bt
import pytest

from btstores.feeds.times import num_to_ns
from tests.support.session import SECOND, Session
from tests.support.venue import T0

# The first bar ends at T0 + 60 s: 2023-11-14 22:15:00 UTC, 2023-11-15 06:15:00 in Hong Kong.
UTC = datetime.timezone.utc


def ns(*moment, tz=UTC):
    return round(datetime.datetime(*moment, tzinfo=tz).timestamp()) * SECOND


HK = datetime.timezone(datetime.timedelta(hours=8))

FORMS = [
    ("nothing", None, None, None),
    ("a date", datetime.date(2023, 11, 20), ns(2023, 11, 20), ns(2023, 11, 20, tz=HK)),
    (
        "a time",
        datetime.datetime(2023, 11, 20, 9, 30),
        ns(2023, 11, 20, 9, 30),
        ns(2023, 11, 20, 9, 30, tz=HK),
    ),
    (
        "so long",
        datetime.timedelta(hours=2),
        T0 + 7260 * SECOND,
        T0 + 7260 * SECOND,
    ),
]


@pytest.fixture(params=[None, "Asia/Hong_Kong"], ids=["UTC", "Hong Kong"])
def tz(request):
    return request.param


def expiry(valid, tz):
    session = Session()
    session.feed(tz=tz)
    session.bars(10, 11)
    session.run(
        script={1: lambda s: s.buy(size=1, price=9.0, exectype=bt.Order.Limit, valid=valid)}
    )
    return session.request(0).expire_ns


@pytest.mark.parametrize(
    ("valid", "utc", "local"), [form[1:] for form in FORMS], ids=[f[0] for f in FORMS]
)
def test_a_form_of_validity_is_an_exact_moment_in_the_feeds_time_zone(valid, utc, local, tz):
    expected = local if tz else utc
    found = expiry(valid, tz)
    if expected is None:
        assert found is None
    else:
        # backtrader's floats know a time of day to ten microseconds.
        assert abs(found - expected) <= 20_000


@pytest.mark.parametrize("valid", [0, bt.Order.DAY], ids=["zero", "Order.DAY"])
def test_an_order_for_the_day_ends_with_the_day_of_its_bar(valid, tz):
    end = ns(2023, 11, 15, 23, 59, 59, tz=HK) if tz else ns(2023, 11, 14, 23, 59, 59)
    assert 0 <= expiry(valid, tz) - end < SECOND


def test_a_number_is_taken_as_backtraders_own_time():
    num = bt.date2num(datetime.datetime(2023, 11, 20, 9, 30))
    assert expiry(num, None) == num_to_ns(num) == ns(2023, 11, 20, 9, 30)
