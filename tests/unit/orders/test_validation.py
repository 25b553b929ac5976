"""What is wrong with an order before it is sent: one table for each check."""

from __future__ import annotations

import datetime
import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btstores.errors import ConfigError
from btstores.instruments import Instrument
from btstores.orders.reasons import REASONS
from btstores.orders.validation import (
    CHECKS,
    POLICIES,
    Facts,
    bracket_problems,
    problems_of_values,
    read_policies,
    validate,
)
from btstores.reports import OrderRequest, OrderType, Side, TimeInForce

BUY, SELL = Side.BUY, Side.SELL
T, TIF = OrderType, TimeInForce
NOW = 1_718_150_400_000_000_000  # 2024-06-12 00:00 UTC
LATER = NOW + 10**9
TENCENT = Instrument("00700", currency="HKD", tick_size=0.2, lot=100)
ROUND = read_policies({"size": "round", "price": "round"})

# One good order of each type.
GOOD = {
    T.MARKET: {},
    T.CLOSE: {"session_end_ns": LATER},
    T.LIMIT: {"price": 350.0},
    T.STOP: {"price": 350.0},
    T.STOP_LIMIT: {"price": 350.0, "limit_price": 351.0},
    T.STOP_TRAIL: {"trail_amount": 2.0},
    T.STOP_TRAIL_LIMIT: {"trail_percent": 0.02, "price": 350.0, "limit_price": 351.0},
}


def order(order_type=T.LIMIT, side=BUY, size=100.0, **values):
    return OrderRequest("o1", "00700", side, size, order_type, **{**GOOD[order_type], **values})


def facts(instrument=TENCENT, **known):
    return Facts(NOW, instrument, **known)


def codes(verdict):
    return [problem.code for problem in verdict.problems]


def only_problem(verdict):
    (problem,) = verdict.problems
    assert problem.code in REASONS
    return problem


def check(verdict, code, fragments=()):
    """A good order has no problem, a bad one just this, with these words in its sentence."""
    if code is None:
        assert verdict.problems == ()
        return
    problem = only_problem(verdict)
    assert problem.code == code
    for fragment in fragments:
        assert fragment in problem.text


def with_every_type(test):
    return pytest.mark.parametrize("order_type", list(OrderType), ids=lambda each: each.value)(test)


@with_every_type
def test_a_good_order_goes_out_as_it_is(order_type):
    request = order(order_type)
    verdict = validate(request, facts())
    assert verdict.problems == ()
    assert verdict.request is request
    assert dict(verdict.rounded) == {}


# -- the values


@pytest.mark.parametrize(
    ("size", "code", "shown"),
    [
        (None, "SIZE_INVALID", "size=None: expected a number above 0"),
        (math.nan, "SIZE_INVALID", "size=nan"),
        (math.inf, "SIZE_INVALID", "size=inf"),
        (-math.inf, "SIZE_INVALID", "size=-inf"),
        (-100, "SIZE_INVALID", "size=-100"),
        (0, "SIZE_INVALID", "size=0"),
        ("100", "SIZE_INVALID", "size='100'"),
        (True, "SIZE_INVALID", "size=True"),
        (np.bool_(True), "SIZE_INVALID", "size="),
        (1j, "SIZE_INVALID", "size=1j"),
        ([100], "SIZE_INVALID", "size=[100]"),
        (np.array([100.0]), "SIZE_INVALID", "size=array"),
        (Decimal(100), "SIZE_INVALID", "size=Decimal('100')"),
        ("x" * 1000, "SIZE_INVALID", "xxx...: expected"),
        (1e300, "SIZE_TOO_LARGE", "size=1e+300: expected at most 1e15"),
        (1.1e15, "SIZE_TOO_LARGE", "at most 1e15"),
        (10**400, "SIZE_TOO_LARGE", "...: expected at most 1e15"),
        # Python refuses to write it out.
        pytest.param(10**5000, "SIZE_TOO_LARGE", ": expected at most 1e15", id="huge"),
        (1e15, None, ""),
        (100, None, ""),
        (np.float64(100), None, ""),
        (np.float32(100), None, ""),
        (np.int64(100), None, ""),
        (Fraction(100), None, ""),
    ],
)
def test_a_size_is_a_positive_number(size, code, shown):
    check(validate(order(size=size), facts()), code, [shown])


@pytest.mark.parametrize(
    ("order_type", "field", "word", "needed"),
    [
        (T.LIMIT, "price", "price", True),
        (T.STOP, "price", "price", True),
        (T.STOP_LIMIT, "price", "price", True),
        (T.STOP_LIMIT, "limit_price", "plimit", True),
        (T.STOP_TRAIL, "price", "price", False),
        (T.STOP_TRAIL_LIMIT, "price", "price", False),
        (T.STOP_TRAIL_LIMIT, "limit_price", "plimit", False),
    ],
)
def test_a_price_is_a_positive_number_and_there_where_it_is_needed(order_type, field, word, needed):
    for value in (math.nan, math.inf, -1.0, 0, 0.0, "350", True, 1e300, Decimal(350)):
        verdict = validate(order(order_type, **{field: value}), facts())
        check(verdict, "PRICE_INVALID", [f"{word}=", "expected a number above 0 and at most 1e15"])
    verdict = validate(order(order_type, **{field: None}), facts())
    check(verdict, "PRICE_INVALID" if needed else None, [f"{word}=None"])
    assert validate(order(order_type, **{field: 1e15}), facts(None)).problems == ()


@pytest.mark.parametrize("order_type", [T.STOP_TRAIL, T.STOP_TRAIL_LIMIT])
@pytest.mark.parametrize(
    ("amount", "percent", "code", "fragment"),
    [
        (None, None, "TRAIL_INVALID", "trailamount=None, trailpercent=None: expected one of them"),
        (0.0, None, "TRAIL_INVALID", "trailamount=0: expected a number above 0"),
        (-1, None, "TRAIL_INVALID", "trailamount=-1"),
        (math.nan, None, "TRAIL_INVALID", "trailamount=nan"),
        ("2", None, "TRAIL_INVALID", "trailamount='2'"),
        (1e300, None, "TRAIL_INVALID", "at most 1e15"),
        (None, 0, "TRAIL_INVALID", "trailpercent=0: expected a fraction between 0 and 1"),
        (None, 1.0, "TRAIL_INVALID", "trailpercent=1:"),
        (None, 2, "TRAIL_INVALID", "trailpercent=2:"),
        (None, -0.02, "TRAIL_INVALID", "trailpercent=-0.02"),
        (None, math.inf, "TRAIL_INVALID", "trailpercent=inf"),
        (None, True, "TRAIL_INVALID", "trailpercent=True"),
        (2.0, 5, "TRAIL_INVALID", "trailpercent=5"),
        (0.001, None, None, ""),
        (None, 0.999, None, ""),
        (np.float64(2), np.float32(0.02), None, ""),
    ],
)
def test_a_trailing_order_needs_a_distance(order_type, amount, percent, code, fragment):
    request = order(order_type, trail_amount=amount, trail_percent=percent)
    check(validate(request, facts()), code, [fragment])


@with_every_type
def test_values_that_a_type_does_not_use_may_be_any_number_and_nothing_else(order_type):
    used = {
        T.MARKET: set(),
        T.CLOSE: set(),
        T.LIMIT: {"price"},
        T.STOP: {"price"},
        T.STOP_LIMIT: {"price", "limit_price"},
        T.STOP_TRAIL: {"price", "trail_amount", "trail_percent"},
        T.STOP_TRAIL_LIMIT: {"price", "limit_price", "trail_amount", "trail_percent"},
    }
    for field in ("price", "limit_price", "trail_amount", "trail_percent"):
        for nonsense in ("nonsense", -1.0, math.nan, math.inf, 1e300, True):
            verdict = validate(order(order_type, **{field: nonsense}), facts())
            assert verdict.problems, (field, nonsense)
        verdict = validate(order(order_type, **{field: 0}), facts())
        assert bool(verdict.problems) is (field in used[order_type]), field


class Unspeakable:
    def __repr__(self):
        raise RuntimeError("no words")


# None is garbage only where something is needed, see the tests above.
GARBAGE = st.one_of(
    st.sampled_from([math.nan, math.inf, -math.inf, 0, -0.0, 1e300, -1e300, 10**400]),
    st.sampled_from([True, False, "", "100", b"100", (), [], {}, object(), 1j]),
    # An older hypothesis prints what it samples from.
    st.builds(Unspeakable),
    st.sampled_from([np.float64("nan"), np.array([1.0]), np.datetime64("NaT", "ns"), pd.NaT]),
    st.sampled_from([datetime.date(2024, 6, 12), Decimal("NaN"), float, len]),
    st.floats(max_value=0),
    st.integers(max_value=0),
    st.text(),
)
_PRICES_AND_TRAILS = {"price", "limit_price", "trail_amount", "trail_percent"}
JUDGED = ["side", "size", "order_type", "expire_ns", "tif"]


@settings(max_examples=600, deadline=None)
@given(st.sampled_from(sorted(OrderType, key=str)), st.sampled_from(OrderRequest._fields), GARBAGE)
def test_garbage_in_any_field_is_told_and_never_raises(order_type, field, garbage):
    request = order(order_type)._replace(**{field: garbage})
    known = facts(position=1000, sellable=500, power=1e9, price=350.0, is_open=True)
    for policies in (CHECKS, ROUND, dict.fromkeys(CHECKS, "off")):
        verdict = validate(request, known, policies)
        for problem in verdict.problems:
            assert problem.code in REASONS
            assert problem.text
        judged = set(JUDGED)
        judged |= {"price"} if order_type not in (T.MARKET, T.CLOSE) else set()
        judged |= {"limit_price"} if order_type in (T.STOP_LIMIT, T.STOP_TRAIL_LIMIT) else set()
        if order_type in (T.STOP_TRAIL, T.STOP_TRAIL_LIMIT):
            judged |= {"trail_amount", "trail_percent"}
        if field in ("expire_ns", "tif") and policies["validity"] == "off":
            continue
        if field in judged:
            assert verdict.problems, f"{field}={type(garbage)} passed"
        elif field not in _PRICES_AND_TRAILS | {"session_end_ns"}:
            assert not verdict.problems


def test_all_problems_are_told_at_once():
    request = order(T.STOP_LIMIT, SELL, size=150, price=350.1, limit_price=-1, tif=TIF.GTD)
    halted = TENCENT._replace(tradable=False, max_size=120, price_max=300, shortable=False)
    known = facts(halted, is_open=False, orders_when_closed=False, power=0.0)
    assert sorted(codes(validate(request, known))) == sorted(
        [
            "SIZE_LOT",
            "SIZE_TOO_LARGE",
            "PRICE_TICK",
            "PRICE_BAND",
            "PRICE_INVALID",
            "TIF_INVALID",
            "NOT_TRADABLE",
            "SESSION_CLOSED",
            "SHORT_NOT_ALLOWED",
            "NO_POWER",
        ]
    )


@pytest.mark.parametrize(
    "value", [np.float64(350.2), np.float32(350.25), np.int32(350), Fraction(701, 2)]
)
def test_numpys_numbers_leave_as_pythons(value):
    request = order(T.STOP_LIMIT, price=value, limit_price=value, expire_ns=np.int64(LATER))
    sent = validate(request, facts(TENCENT._replace(tick_size=None))).request
    assert sent.price == value
    assert [type(each) for each in (sent.price, sent.limit_price)] in ([float] * 2, [int] * 2)
    assert type(sent.expire_ns) is int
    assert sent.expire_ns == LATER


@pytest.mark.parametrize(
    ("valid", "is_good"),
    [
        (None, True),
        (0, True),
        (738000.5, True),
        (np.float64(738000.5), True),
        (datetime.date(2024, 6, 12), True),
        (datetime.datetime(2024, 6, 12), True),
        (pd.Timestamp("2024-06-12"), True),
        (datetime.timedelta(days=1), True),
        (datetime.timedelta(days=36525), True),
        (datetime.timedelta.max, False),
        (3652059, True),  # 9999-12-31
        (3652060, False),
        (pd.NaT, False),
        (math.nan, False),
        (math.inf, False),
        (-1, False),
        (1e300, False),
        (True, False),
        ("2024-06-12", False),
    ],
)
def test_valid_is_what_backtrader_takes(valid, is_good):
    problems = problems_of_values(100, None, None, None, None, T.MARKET, valid)
    assert [problem.code for problem in problems] == ([] if is_good else ["VALID_INVALID"])
    assert is_good or problems[0].text.startswith("valid=")


@pytest.mark.parametrize("tif", [None, "GTC", "fok", TIF.DAY])
def test_tif_is_a_name_or_the_thing(tif):
    assert problems_of_values(100, None, None, None, None, T.MARKET, None, tif) == []


@pytest.mark.parametrize("tif", ["good", "", 0, "AON", [], True])
def test_another_tif_is_told(tif):
    (problem,) = problems_of_values(100, None, None, None, None, T.MARKET, None, tif)
    assert problem.code == "TIF_INVALID"
    assert "expected one of GTC, DAY, GTD, IOC, FOK" in problem.text


@pytest.mark.parametrize("given", [None, 99, "Market", -1, []])
def test_an_unknown_type_is_told_with_the_other_values(given):
    problems = problems_of_values(-1, "x", None, None, None, given)
    assert [problem.code for problem in problems] == ["SIZE_INVALID", "TYPE_INVALID"]
    assert f"exectype={given!r}: expected one of Market, Close, Limit" in problems[1].text


# -- the size


@pytest.mark.parametrize(
    ("size", "changes", "code", "fragment"),
    [
        (150, {}, "SIZE_LOT", "size=150: expected a multiple of 100 (lot of 00700)"),
        (99.5, {}, "SIZE_LOT", "size=99.5"),
        (100, {}, None, ""),
        (0.25, {"lot": 0.1}, "SIZE_LOT", "a multiple of 0.1"),
        (0.1 + 0.2, {"lot": 0.1}, None, ""),
        (1e-9, {}, "SIZE_LOT", "size=1e-09"),
        (150, {"lot": None}, None, ""),
        (150.5, {"lot": None}, None, ""),
        (150, {"lot": 0}, None, ""),
        (150, {"lot": math.nan}, None, ""),
        (1.5, {"lot": None, "fractional": False}, "SIZE_FRACTION", "size=1.5: expected a whole"),
        (1.5, {"lot": 1, "fractional": False}, "SIZE_FRACTION", "a whole number"),
        (1.5, {"lot": 0.5, "fractional": False}, "SIZE_FRACTION", "a whole number"),
        (1.5, {"lot": 0.5, "fractional": True}, None, ""),
        (2, {"lot": 1, "fractional": False}, None, ""),
        (150.5, {"fractional": False}, "SIZE_LOT", "a multiple of 100"),
        (100, {"min_size": 200}, "SIZE_TOO_SMALL", "size=100: expected at least 200"),
        (200, {"min_size": 200}, None, ""),
        (300, {"max_size": 200}, "SIZE_TOO_LARGE", "size=300: expected at most 200"),
        (200, {"max_size": 200}, None, ""),
    ],
)
def test_a_size_is_one_that_the_instrument_trades_in(size, changes, code, fragment):
    verdict = validate(order(size=size), facts(TENCENT._replace(**changes)))
    check(verdict, code, [fragment])
    assert dict(verdict.rounded) == {}


@pytest.mark.parametrize(
    ("venue", "instrument", "is_good"),
    [
        (True, None, True),
        (False, None, False),
        (False, True, True),
        (True, False, False),
        (True, True, True),
        (False, False, False),
    ],
)
def test_the_instrument_knows_better_than_the_venue_whether_it_has_fractions(
    venue, instrument, is_good
):
    share = Instrument("00700", fractional=instrument)
    verdict = validate(order(size=1.5), facts(share, fractional=venue))
    check(verdict, None if is_good else "SIZE_FRACTION")


def test_the_venues_word_counts_where_the_instrument_is_unknown():
    check(validate(order(size=1.5), facts(None, fractional=False)), "SIZE_FRACTION")
    check(validate(order(size=1.5), facts(None)), None)


@pytest.mark.parametrize(
    ("size", "changes", "sent", "code"),
    [
        (150, {}, 100, None),
        (199.999, {}, 100, None),
        (299.99999999999994, {}, 300, None),  # float dust
        (50, {}, None, "SIZE_TOO_SMALL"),
        (1e-9, {}, None, "SIZE_TOO_SMALL"),
        (250, {"min_size": 300}, 200, "SIZE_TOO_SMALL"),
        (50, {"min_size": 300}, None, "SIZE_TOO_SMALL"),  # told once
        (250, {"max_size": 200}, 200, None),
        (350, {"max_size": 200}, 300, "SIZE_TOO_LARGE"),
        (0.37, {"lot": 0.1}, 0.3, None),
        (1.9, {"lot": None, "fractional": False}, 1, None),
        (0.9, {"lot": None, "fractional": False}, None, "SIZE_TOO_SMALL"),
    ],
)
def test_a_size_is_rounded_down_to_the_lot(size, changes, sent, code):
    verdict = validate(order(size=size), facts(TENCENT._replace(**changes)), ROUND)
    check(verdict, code, [f"size={size:.12g}"])
    assert verdict.request.size == (size if sent is None else sent)


def test_what_was_rounded_is_told_and_dust_is_not():
    verdict = validate(
        order(T.STOP_LIMIT, size=150, price=350.1, limit_price=351.1), facts(), ROUND
    )
    assert verdict.problems == ()
    assert verdict.rounded == {
        "size": (150, 100),
        "price": (350.1, 350.2),
        "plimit": (351.1, 351.0),
    }
    sent = verdict.request
    assert (sent.size, sent.price, sent.limit_price) == (100, 350.2, 351.0)
    for policies in (ROUND, CHECKS):
        dusty = validate(order(price=350.00000000000006), facts(), policies)
        assert dusty.request.price == 350.0
        assert dict(dusty.rounded) == {}


# -- the prices


@pytest.mark.parametrize(
    ("order_type", "values", "code", "fragment"),
    [
        (T.LIMIT, {"price": 350.1}, "PRICE_TICK", "price=350.1: expected a multiple of 0.2"),
        (T.LIMIT, {"price": 350.2}, None, ""),
        (T.LIMIT, {"price": 0.1}, "PRICE_TICK", "price=0.1"),
        (T.LIMIT, {"price": 1e-9}, "PRICE_TICK", "price=1e-09"),
        (T.STOP, {"price": 350.1}, "PRICE_TICK", "(tick of 00700)"),
        (T.STOP_LIMIT, {"price": 350.1}, "PRICE_TICK", "price=350.1"),
        (T.STOP_LIMIT, {"limit_price": 350.1}, "PRICE_TICK", "plimit=350.1"),
        (T.STOP_TRAIL, {"price": 350.1}, None, ""),
        (T.STOP_TRAIL_LIMIT, {"price": 350.1}, None, ""),
        (T.STOP_TRAIL_LIMIT, {"limit_price": 350.1}, "PRICE_TICK", "plimit=350.1"),
        (T.MARKET, {"price": 350.1}, None, ""),
    ],
)
def test_a_price_is_on_the_tick_grid(order_type, values, code, fragment):
    check(validate(order(order_type, **values), facts()), code, [fragment])


@pytest.mark.parametrize("tick", [None, 0, 0.0, -0.2, math.nan])
def test_without_a_tick_any_price_will_do(tick):
    check(validate(order(price=350.123), facts(TENCENT._replace(tick_size=tick))), None)
    check(validate(order(price=350.123), facts(None)), None)


def test_the_tick_is_that_of_the_price():
    share = TENCENT._replace(tick_table=((0.0, 0.01), (10.0, 0.02), (20.0, 0.05)))
    for price, code in ((9.99, None), (10.02, None), (10.01, "PRICE_TICK"), (20.02, "PRICE_TICK")):
        check(validate(order(price=price), facts(share)), code)


@pytest.mark.parametrize(
    ("order_type", "side", "field", "sent"),
    [
        (T.LIMIT, BUY, "price", 350.2),
        (T.LIMIT, SELL, "price", 350.4),
        (T.STOP, BUY, "price", 350.4),
        (T.STOP, SELL, "price", 350.2),
        (T.STOP_LIMIT, BUY, "price", 350.4),
        (T.STOP_LIMIT, SELL, "price", 350.2),
        (T.STOP_LIMIT, BUY, "limit_price", 350.2),
        (T.STOP_LIMIT, SELL, "limit_price", 350.4),
        (T.STOP_TRAIL_LIMIT, BUY, "limit_price", 350.2),
        (T.STOP_TRAIL_LIMIT, SELL, "limit_price", 350.4),
        (T.STOP_TRAIL, SELL, "price", 350.3),
    ],
)
def test_a_limit_never_gets_worse_and_a_stop_never_triggers_earlier(order_type, side, field, sent):
    request = order(order_type, side, **{field: 350.3})
    verdict = validate(request, facts(), ROUND)
    assert verdict.problems == ()
    assert getattr(verdict.request, field) == sent


@pytest.mark.parametrize("price", [0.1, 1e-9])
def test_a_price_that_rounds_to_nothing_is_refused(price):
    verdict = validate(order(price=price), facts(), ROUND)
    check(verdict, "PRICE_TICK", ["a multiple of 0.2"])
    assert verdict.request.price == price


BAND = TENCENT._replace(price_min=300.0, price_max=400.0)


@pytest.mark.parametrize(
    ("order_type", "values", "code", "fragment"),
    [
        (
            T.LIMIT,
            {"price": 299.8},
            "PRICE_BAND",
            "price=299.8: expected at least 300 and at most 4",
        ),
        (T.LIMIT, {"price": 300.0}, None, ""),
        (T.LIMIT, {"price": 400.0}, None, ""),
        (T.LIMIT, {"price": 400.2}, "PRICE_BAND", "price=400.2"),
        (T.STOP, {"price": 400.2}, "PRICE_BAND", "the limits of the day"),
        (T.STOP_LIMIT, {"limit_price": 400.2}, "PRICE_BAND", "plimit=400.2"),
        (T.STOP_TRAIL, {"price": 400.2}, None, ""),
        (T.MARKET, {"price": 400.2}, None, ""),
    ],
)
def test_a_price_is_within_the_limits_of_the_day(order_type, values, code, fragment):
    check(validate(order(order_type, **values), facts(BAND)), code, [fragment])


def test_a_band_may_have_one_side_and_is_looked_at_after_rounding():
    low, high = BAND._replace(price_max=None), BAND._replace(price_min=None)
    check(validate(order(price=200.0), facts(low)), "PRICE_BAND", ["at least 300,"])
    check(validate(order(price=900.0), facts(low)), None)
    check(validate(order(price=900.0), facts(high)), "PRICE_BAND", ["expected at most 400,"])
    check(validate(order(price=400.1), facts(BAND), ROUND), None)
    check(validate(order(side=SELL, price=400.1), facts(BAND), ROUND), "PRICE_BAND")


# -- what is held


@pytest.mark.parametrize(
    ("size", "known", "code", "fragments"),
    [
        (
            200,
            {"position": 100},
            "SHORT_NOT_ALLOWED",
            ["size=200: expected at most 100", "held 100"],
        ),
        (100, {"position": 100}, None, []),
        (100, {"position": 0}, "SHORT_NOT_ALLOWED", ["at most 0"]),
        (100, {"position": -100}, "SHORT_NOT_ALLOWED", ["at most 0", "held 0"]),
        (200, {"position": 300, "selling": 200}, "SHORT_NOT_ALLOWED", ["already being sold 200"]),
        (100, {"position": 300, "selling": 200}, None, []),
        (100, {"position": 100, "selling": 300}, "SHORT_NOT_ALLOWED", ["at most 0"]),
        (
            200,
            {"position": 300, "sellable": 100},
            "NOT_SELLABLE",
            [
                "size=200: expected at most 100 until",
                "sellable 100, held 300, already being sold 0",
            ],
        ),
        (200, {"position": 300, "sellable": 200}, None, []),
        (200, {"position": 400, "sellable": 300, "selling": 200}, "NOT_SELLABLE", ["at most 100"]),
        (100, {"position": 100, "sellable": 0}, "NOT_SELLABLE", ["at most 0"]),
        (200, {"position": 100, "sellable": 0}, "SHORT_NOT_ALLOWED", ["held 100"]),
    ],
)
def test_only_what_is_held_and_settled_can_be_sold(size, known, code, fragments):
    for shortless in (facts(short=False), facts(TENCENT._replace(shortable=False))):
        verdict = validate(order(side=SELL, size=size), shortless._replace(**known))
        check(verdict, code, fragments)
    check(validate(order(side=BUY, size=size), facts(short=False, **known)), None)
    child = order(side=SELL, size=size, parent_id="entry")
    check(validate(child, facts(short=False, **known)), None)


@pytest.mark.parametrize(
    ("venue", "instrument", "code"),
    [
        (True, None, None),
        (True, True, None),
        (True, False, "SHORT_NOT_ALLOWED"),
        (False, None, "SHORT_NOT_ALLOWED"),
        (False, True, "SHORT_NOT_ALLOWED"),
    ],
)
def test_a_short_sale_needs_the_venue_and_the_instrument(venue, instrument, code):
    share = TENCENT._replace(shortable=instrument)
    check(validate(order(side=SELL), facts(share, short=venue)), code)


def test_what_fractions_leave_behind_is_no_short_sale():
    crypto = Instrument("00700", lot=0.1)
    known = facts(crypto, short=False, position=0.3, selling=0.1)
    assert 0.3 - 0.1 < 0.2
    check(validate(order(side=SELL, size=0.2), known), None)


# -- the market and the time


def test_an_instrument_that_is_not_tradable_is_refused():
    halted = TENCENT._replace(tradable=False)
    check(validate(order(), facts(halted)), "NOT_TRADABLE", ["00700 is halted"])
    check(validate(order(), facts(None)), None)


@pytest.mark.parametrize(
    ("is_open", "takes_orders", "code"),
    [
        (False, False, "SESSION_CLOSED"),
        (False, True, None),
        (True, False, None),
        (None, False, None),
    ],
)
def test_a_closed_market_may_take_no_orders(is_open, takes_orders, code):
    known = facts(is_open=is_open, orders_when_closed=takes_orders)
    check(validate(order(), known), code, ["the market of 00700 is closed"])


@pytest.mark.parametrize(
    ("own", "known", "code"),
    [
        (LATER, None, None),
        (None, LATER, None),
        (None, None, "NO_SESSION"),
        ("16:00", None, "NO_SESSION"),
        (math.nan, None, "NO_SESSION"),
    ],
)
def test_a_close_order_needs_the_end_of_the_session(own, known, code):
    request = order(T.CLOSE, session_end_ns=own)
    verdict = validate(request, facts(session_end_ns=known))
    check(verdict, code, ["exectype=Close: the end of the session of 00700 is not known"])


@pytest.mark.parametrize(
    ("order_type", "tif", "expire_ns", "code", "fragment"),
    [
        (T.LIMIT, TIF.GTC, None, None, ""),
        (T.LIMIT, TIF.DAY, LATER, None, ""),
        (T.LIMIT, TIF.DAY, None, "NO_SESSION", "tif=DAY: the end of the session of 00700"),
        (T.LIMIT, TIF.GTD, LATER, None, ""),
        (T.LIMIT, TIF.GTD, None, "TIF_INVALID", "tif=GTD: expected valid"),
        (T.LIMIT, TIF.GTD, NOW + 1, None, ""),
        (T.LIMIT, TIF.GTD, NOW, "EXPIRED", "valid=2024-06-12 00:00:00 UTC"),
        (
            T.LIMIT,
            TIF.GTD,
            NOW - 10**9,
            "EXPIRED",
            "valid=2024-06-11 23:59:59 UTC: expected a time",
        ),
        (T.LIMIT, TIF.DAY, NOW - 1, "EXPIRED", "it is 2024-06-12 00:00:00 UTC"),
        (T.LIMIT, TIF.GTD, -(10**400), "VALID_INVALID", "valid=-1000"),
        (T.LIMIT, TIF.GTD, 2**63, "VALID_INVALID", "before the year 2262"),
        (T.LIMIT, TIF.GTD, 2**63 - 1, None, ""),
        (T.LIMIT, TIF.GTD, float(LATER), "VALID_INVALID", "epoch nanoseconds"),
        (T.LIMIT, TIF.IOC, None, None, ""),
        (T.MARKET, TIF.FOK, None, None, ""),
        (T.LIMIT, TIF.IOC, LATER, "TIF_INVALID", "tif=IOC: expected no valid"),
        (T.STOP, TIF.IOC, None, "TIF_INVALID", "expected a Market or Limit order, not Stop"),
        (T.STOP_LIMIT, TIF.FOK, None, "TIF_INVALID", "tif=FOK: expected"),
        (T.STOP_TRAIL, TIF.FOK, None, "TIF_INVALID", "not StopTrail"),
        (T.STOP_TRAIL_LIMIT, TIF.IOC, None, "TIF_INVALID", "not StopTrailLimit"),
        (T.CLOSE, TIF.IOC, None, "TIF_INVALID", "not Close"),
        (T.LIMIT, "GTC", None, "TIF_INVALID", "tif='GTC': expected one of GTC, DAY"),
    ],
)
def test_how_long_an_order_waits_is_possible(order_type, tif, expire_ns, code, fragment):
    check(validate(order(order_type, tif=tif, expire_ns=expire_ns), facts()), code, [fragment])


# -- the money


@pytest.mark.parametrize(
    ("order_type", "side", "values", "known", "code", "fragment"),
    [
        (T.LIMIT, BUY, {}, {"power": 34_999.9}, "NO_POWER", "size=100: costs 35000 HKD at 350"),
        (T.LIMIT, BUY, {}, {"power": 35_000}, None, ""),
        (T.LIMIT, BUY, {}, {"power": None}, None, ""),
        (T.LIMIT, BUY, {}, {"power": 0.0}, "NO_POWER", "at most 0"),
        (T.LIMIT, BUY, {}, {"power": 35_000, "price": 900.0}, None, ""),
        (T.STOP, BUY, {}, {"power": 34_000, "price": 1.0}, "NO_POWER", "at 350"),
        (T.STOP_LIMIT, BUY, {}, {"power": 35_000}, "NO_POWER", "at 351"),
        (T.STOP_TRAIL, BUY, {}, {"power": 1.0}, None, ""),
        (T.STOP_TRAIL, BUY, {}, {"power": 1.0, "price": 2.0}, "NO_POWER", "costs 200 HKD at 2"),
        (T.MARKET, BUY, {"price": 1.0}, {"power": 100, "price": 2.0}, "NO_POWER", "at 2"),
        (T.MARKET, BUY, {"price": 350.0}, {"power": 1.0}, None, ""),
        (T.LIMIT, SELL, {}, {"power": 1.0}, "NO_POWER", "35000"),
        (T.LIMIT, SELL, {}, {"power": 1.0, "position": 100}, None, ""),
        (T.LIMIT, SELL, {}, {"power": -5.0, "position": 100}, None, ""),
        (T.LIMIT, BUY, {}, {"power": 1.0, "position": -100}, None, ""),
        (T.LIMIT, BUY, {"size": 300}, {"power": 70_000, "position": -100}, None, ""),
        (T.LIMIT, BUY, {"size": 300}, {"power": 69_999, "position": -100}, "NO_POWER", "70000"),
        (T.LIMIT, BUY, {}, {"power": 35_000, "position": 900}, None, ""),
        (T.LIMIT, BUY, {"parent_id": "p"}, {"power": 1.0}, None, ""),
    ],
)
def test_the_account_can_pay_for_what_an_order_opens(
    order_type, side, values, known, code, fragment
):
    check(validate(order(order_type, side, **values), facts(**known)), code, [fragment])


def test_a_contract_costs_its_multiplier():
    future = Instrument("00700", multiplier=50.0)
    check(validate(order(size=2), facts(future, power=35_000)), None)
    check(validate(order(size=3), facts(future, power=35_000)), "NO_POWER", ["costs 52500 USD"])
    check(validate(order(size=3), facts(None, power=1_000)), "NO_POWER", ["costs 1050 at 350"])


def test_power_is_for_what_is_sent():
    check(validate(order(size=150), facts(power=35_000), ROUND), None)


# -- policies


@pytest.mark.parametrize(
    ("check_name", "request_", "known", "code"),
    [
        ("size", order(size=150), {}, "SIZE_LOT"),
        ("price", order(price=350.1), {}, "PRICE_TICK"),
        ("band", order(price=500.0), {"instrument": BAND}, "PRICE_BAND"),
        ("short", order(side=SELL), {"short": False}, "SHORT_NOT_ALLOWED"),
        ("settlement", order(side=SELL), {"position": 100, "sellable": 0}, "NOT_SELLABLE"),
        ("session", order(), {"is_open": False, "orders_when_closed": False}, "SESSION_CLOSED"),
        ("power", order(), {"power": 1.0}, "NO_POWER"),
    ],
)
def test_a_check_that_is_off_says_nothing_and_changes_nothing(check_name, request_, known, code):
    known = facts(**known)
    check(validate(request_, known), code)
    off = validate(request_, known, read_policies({check_name: "off"}))
    assert off.problems == ()
    assert off.request is request_
    others_off = {name: "off" for name in CHECKS if name != check_name}
    check(validate(request_, known, read_policies(others_off)), code)


def test_every_check_rejects_unless_told_otherwise():
    assert read_policies({}) == dict.fromkeys(CHECKS, "reject")
    assert read_policies({"size": "round"})["size"] == "round"
    assert read_policies({"size": "round"})["price"] == "reject"


@pytest.mark.parametrize(
    ("given", "fragment"),
    [
        ({"sise": "reject"}, "checks='sise': expected names of checks: size, price, band"),
        ({3: "reject"}, "checks=3"),
        ({"size": "Round"}, "checks['size']='Round': expected 'reject' or 'round' or 'off'"),
        ({"size": None}, "checks['size']=None"),
        ({"size": []}, "checks['size']=[]"),
        ({"band": "round"}, "checks['band']='round': expected 'reject' or 'off'"),
        ("round", "checks='round': expected a dict"),
        (None, "checks=None"),
    ],
)
def test_other_policies_are_refused(given, fragment):
    with pytest.raises(ConfigError) as caught:
        read_policies(given)
    assert fragment in str(caught.value)


@pytest.mark.parametrize("name", list(CHECKS))
def test_only_size_and_price_can_be_rounded(name):
    for policy in POLICIES:
        if policy == "round" and name not in ("size", "price"):
            with pytest.raises(ConfigError):
                read_policies({name: policy})
        else:
            assert read_policies({name: policy})[name] == policy


# -- rounding, whatever the numbers


def exact(value):
    return Decimal(repr(float(value)))


STEPS = st.sampled_from([0.0001, 0.001, 0.005, 0.01, 0.05, 0.1, 0.2, 0.25, 1.0, 100.0])
DUST = Decimal("1.1e-6")


@settings(max_examples=500, deadline=None)
@given(
    st.sampled_from([BUY, SELL]),
    st.floats(0.001, 1e6),
    st.floats(0.001, 1e5),
    st.floats(0.001, 1e5),
    STEPS,
    STEPS,
)
def test_rounding_is_on_the_grid_never_worse_never_far_and_done_once(
    side, size, price, limit, tick, lot
):
    instrument = Instrument("00700", tick_size=tick, lot=lot)
    request = order(T.STOP_LIMIT, side, size=size, price=price, limit_price=limit)
    verdict = validate(request, facts(instrument), ROUND)
    assert set(codes(verdict)) <= {"SIZE_TOO_SMALL", "PRICE_TICK"}
    sent = verdict.request
    # The way a value may move: a size down, a buy's trigger up and its limit down.
    ways = {"size": -1, "price": side.sign, "limit_price": -side.sign}
    for field, way in ways.items():
        step = exact(lot if field == "size" else tick)
        asked, got = exact(getattr(request, field)), exact(getattr(sent, field))
        moved = (got - asked) / step
        assert moved * way >= -DUST
        assert abs(moved) < 1
        is_refused = asked < step and got == asked
        assert is_refused or (got / step) % 1 == 0
        word = {"limit_price": "plimit"}.get(field, field)
        if not Decimal("0.9e-6") < abs(moved) < DUST:
            assert (word in verdict.rounded) is (abs(moved) > DUST)
    again = validate(sent, facts(instrument), ROUND)
    assert again.request == sent
    assert dict(again.rounded) == {}


# -- brackets


@pytest.mark.parametrize(
    ("parent", "price", "stop", "target", "wrong"),
    [
        (order(T.LIMIT, BUY, price=100.0), None, 95.0, 105.0, {}),
        (order(T.LIMIT, BUY, price=100.0), 90.0, 95.0, 105.0, {}),
        (order(T.LIMIT, BUY, price=100.0), None, 105.0, 95.0, {"stop", "target"}),
        (order(T.LIMIT, BUY, price=100.0), None, 100.0, 100.2, {"stop"}),
        (order(T.LIMIT, BUY, price=100.0), None, 99.8, 100.0, {"target"}),
        (order(T.LIMIT, SELL, price=100.0), None, 105.0, 95.0, {}),
        (order(T.LIMIT, SELL, price=100.0), None, 95.0, 105.0, {"stop", "target"}),
        (order(T.STOP, BUY, price=100.0), 90.0, 95.0, 105.0, {}),
        (order(T.STOP_LIMIT, BUY, price=100.0), 90.0, 95.0, 98.0, {"target"}),
        (order(T.MARKET, BUY, price=1.0), 100.0, 95.0, 105.0, {}),
        (order(T.MARKET, BUY, price=1.0), 100.0, 105.0, 110.0, {"stop"}),
        (order(T.MARKET, BUY), None, 105.0, 95.0, {}),
        (order(T.STOP_TRAIL, BUY), 100.0, 105.0, 95.0, {}),
        (order(T.LIMIT, BUY, price="x"), 100.0, 105.0, 95.0, {}),
    ],
)
def test_a_stop_loses_and_a_target_wins(parent, price, stop, target, wrong):
    exit_side = SELL if parent.side is BUY else BUY
    for stop_type in (T.STOP, T.STOP_LIMIT):
        children = [
            order(stop_type, exit_side, price=stop)._replace(client_order_id="stop"),
            order(T.LIMIT, exit_side, price=target)._replace(client_order_id="target"),
            order(T.STOP_TRAIL, exit_side, price=1e6)._replace(client_order_id="trail"),
        ]
        problems = bracket_problems(parent, children, price)
        assert set(problems) == set(wrong)
        assert {problem.code for problem in problems.values()} <= {"PRICE_SIDE"}


def test_the_wrong_side_is_told_in_words():
    parent = order(T.LIMIT, BUY, price=100.0)
    stop = order(T.STOP, SELL, price=105.0)._replace(client_order_id="stop")
    same = order(T.LIMIT, BUY, price=105.0)._replace(client_order_id="same")
    odd = order(T.LIMIT, SELL, price=None)._replace(client_order_id="odd")
    problems = bracket_problems(parent, [stop, same, odd])
    assert set(problems) == {"stop", "same"}
    assert problems["stop"].text == "price=105: expected a stop below the entry at 100"
    assert problems["same"].text == "side='buy': expected the other side than the entry's"
