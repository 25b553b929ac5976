"""Whatever OpenD says becomes records with numbers that are numbers, or typed errors."""

from __future__ import annotations

import datetime
import math

import hypothesis
import pytest
from hypothesis import strategies as st

pytest.importorskip("futu", reason="futu-api is not installed")

from google.protobuf.descriptor import FieldDescriptor as Field

from btstores.errors import BtstoresError
from btstores.instruments import TimeFrame
from btstores.markets import MarketType, get_market_config
from btstores.reports import OrderModification, OrderRequest, OrderType, Side, TimeInForce
from btstores.stores.futu import orders, quotes, sdk, symbols
from btstores.stores.futu.tracker import Tracker

CONFIG = get_market_config(MarketType.HK_STOCK)
TERMS = orders.Terms(1, "REAL", 1, "Asia/Hong_Kong")
NOW_NS = 1_700_000_000 * 10**9

TEXTS = st.one_of(
    st.text(max_size=8),
    st.sampled_from(["", "N/A", "2024-01-02 10:00:00", "2024-13-40", "9999-12-31 23:59:59", "HK"]),
)
FLOATS = st.one_of(st.floats(), st.sampled_from([0.0, -1.0, 1e300, 400.0, 1.7e9]))
BY_KIND = {
    Field.CPPTYPE_BOOL: st.booleans(),
    Field.CPPTYPE_DOUBLE: FLOATS,
    Field.CPPTYPE_FLOAT: st.floats(width=32),
    Field.CPPTYPE_INT32: st.one_of(st.integers(-(2**31), 2**31 - 1), st.integers(-1, 30)),
    Field.CPPTYPE_INT64: st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(0, 100)),
    Field.CPPTYPE_UINT32: st.integers(0, 2**32 - 1),
    Field.CPPTYPE_UINT64: st.integers(0, 2**64 - 1),
    Field.CPPTYPE_STRING: TEXTS,
}


def _is(field, what):
    """Old versions of protobuf have labels, new ones properties."""
    if hasattr(field, f"is_{what}"):
        return getattr(field, f"is_{what}")
    return field.label == getattr(Field, f"LABEL_{what.upper()}")


@st.composite
def messages(draw, cls, depth=2):
    """Draw a message with any fields, set to anything that their types allow."""
    message = cls()
    for field in cls.DESCRIPTOR.fields:
        repeated = _is(field, "repeated")
        if not repeated and not _is(field, "required") and not draw(st.booleans()):
            continue
        if field.message_type is not None:
            inner = field.message_type._concrete_class
            for _ in range(draw(st.integers(0, 2)) if repeated else 1):
                if depth:
                    value = draw(messages(inner, depth - 1))
                    target = getattr(message, field.name)
                    (target.add() if repeated else target).CopyFrom(value)
        elif field.enum_type is not None:
            number = draw(st.sampled_from([value.number for value in field.enum_type.values]))
            _set(message, field, repeated, number)
        else:
            is_bytes = field.type == Field.TYPE_BYTES
            _set(message, field, repeated, b"" if is_bytes else draw(BY_KIND[field.cpp_type]))
    return message


def _set(message, field, repeated, value):
    if repeated:
        getattr(message, field.name).append(value)
    else:
        setattr(message, field.name, value)


def part(module, name):
    return getattr(sdk.pb(module), name)


def numbers(report):
    """Yield all floats of a record."""
    for value in report:
        if isinstance(value, float):
            yield value
        elif hasattr(value, "_fields"):
            yield from numbers(value)


def translate(function, *args):
    """Call a translation; only errors of ours may come out of it."""
    try:
        found = function(*args)
    except BtstoresError:
        return
    for report in found if isinstance(found, list) else [found]:
        if isinstance(report, tuple):
            assert all(math.isfinite(value) for value in numbers(report)), report


FRAMES = [(TimeFrame.MINUTES, 1), (TimeFrame.DAYS, 1), (TimeFrame.MONTHS, 1)]


@hypothesis.settings(deadline=None)
@hypothesis.given(messages(part("Qot_Common", "KLine")), st.sampled_from(FRAMES))
def test_bars(line, frame):
    timezone = CONFIG.timezone
    translate(quotes.bar_of, line, "HK.00700", *map(int, frame), timezone, CONFIG.sessions, 1)


@hypothesis.settings(deadline=None)
@hypothesis.given(messages(part("Qot_Common", "Ticker")))
def test_ticks(ticker):
    translate(quotes.tick_of, ticker, "HK.00700", CONFIG.timezone, NOW_NS)


@hypothesis.settings(deadline=None)
@hypothesis.given(messages(part("Qot_UpdateOrderBook", "S2C")))
def test_quotes(book):
    translate(quotes.quote_of, book, "HK.00700", NOW_NS)


@hypothesis.settings(deadline=None)
@hypothesis.given(
    messages(part("Qot_Common", "SecurityStaticInfo")),
    st.none() | messages(part("Qot_GetSecuritySnapshot", "Snapshot")),
    st.none() | messages(part("Qot_GetFutureInfo", "FutureInfo")),
)
def test_instruments(static, snapshot, future):
    day = datetime.date(2026, 1, 5)
    translate(quotes.instrument_of, static, snapshot, future, "HK.00700", CONFIG, day)


@hypothesis.settings(deadline=None)
@hypothesis.given(messages(part("Trd_Common", "Order")))
def test_orders(order):
    translate(orders.request_of, order, TERMS)


@hypothesis.settings(deadline=None)
@hypothesis.given(messages(part("Trd_Common", "OrderFill")))
def test_fills(fill):
    translate(orders.fill_report, fill, TERMS, "ours")


@hypothesis.settings(deadline=None)
@hypothesis.given(messages(part("Trd_Common", "Position")))
def test_positions(position):
    translate(orders.position_report, position, TERMS, NOW_NS)


@hypothesis.settings(deadline=None)
@hypothesis.given(messages(part("Trd_Common", "Funds")))
def test_accounts(funds):
    translate(orders.account_report, funds, TERMS, "HKD", NOW_NS)


@hypothesis.settings(deadline=None)
@hypothesis.given(
    st.lists(
        messages(part("Trd_Common", "Order")) | messages(part("Trd_Common", "OrderFill")),
        max_size=4,
    )
)
def test_what_orders_add_up_to(told):
    tracker = Tracker(TERMS)
    for message in told:
        if message.DESCRIPTOR.name == "Order":
            translate(tracker.hear, message, NOW_NS)
        else:
            translate(tracker.hear_fill, message)


@hypothesis.settings(deadline=None)
@hypothesis.given(TEXTS | st.sampled_from(["HK.700", "us.aapl", "700.HK", "SH.600519", ".", "HK."]))
def test_symbols(text):
    security = part("Qot_Common", "Security")()
    for function, args in (
        (symbols.written, (text,)),
        (symbols.quote_security, (text, security)),
        (symbols.trading_code, (text,)),
    ):
        translate(function, *args)


PRICES = st.none() | st.floats(0.01, 1e9)


@hypothesis.settings(deadline=None)
@hypothesis.given(
    st.tuples(
        st.text(min_size=1, max_size=16),
        st.sampled_from(["HK.00700", "US.AAPL"]),
        st.sampled_from(Side),
        st.floats(1, 1e9),
        st.sampled_from(OrderType),
        PRICES,
        PRICES,
        PRICES,
        st.none() | st.floats(0.0001, 0.99),
        st.none(),
        st.sampled_from(TimeInForce),
    ),
    st.tuples(st.just("ours"), st.none(), PRICES, PRICES, PRICES),
)
def test_requests(terms, changes):
    request, change = OrderRequest(*terms), OrderModification(*changes)
    for name, fill, args in (
        ("Trd_PlaceOrder", orders.fill_order, (request, TERMS)),
        ("Trd_ModifyOrder", orders.fill_change, ("1", change, request, TERMS)),
    ):
        message = sdk.pb(name).C2S()
        try:
            fill(message, *args)
        except BtstoresError:
            continue
        assert all(
            math.isfinite(value)
            for field, value in message.ListFields()
            if isinstance(value, float)
        ), message
