"""Risk rules and their control: limits from three sources, trading states, the way out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btstores.errors import ConfigError
from btstores.orders.book import OrderRecord
from btstores.orders.lifecycle import OrderState
from btstores.orders.reasons import REASONS
from btstores.orders.risk import (
    Facts,
    Limits,
    Rate,
    RiskControl,
    RiskRules,
    TradingState,
    read_rules,
)
from btstores.reports import OrderRequest, OrderType, Side

ACTIVE, REDUCING, HALTED = TradingState.ACTIVE, TradingState.REDUCING, TradingState.HALTED
BUY, SELL = Side.BUY, Side.SELL
SECOND = 1_000_000_000
MANUAL = Path(__file__).resolve().parents[3] / "docs" / "risk.md"


def order(side=BUY, size=10.0, order_type=OrderType.MARKET, name="new", **fields):
    fields = {"symbol": "AAPL", "strategy": "Sma", **fields}
    return OrderRequest(client_order_id=name, side=side, size=size, order_type=order_type, **fields)


def live(side=BUY, size=10.0, name="old", filled=0.0, outcome_unknown=False, **fields):
    request = order(side, size, name=name, **fields)
    record = OrderRecord(request, OrderState.ACCEPTED, filled=filled)
    record.outcome_unknown = outcome_unknown
    return record


def facts(**known):
    return Facts(**{"now_ns": 100 * SECOND, "price": 100.0, "value": 1000.0, **known})


def codes(control, request, known=None):
    return [problem.code for problem in control.problems(request, known or facts())]


def in_state(state, rules=None, cause="test"):
    control = RiskControl(rules or RiskRules())
    control.set_state(state, cause)
    return control


SOURCES = {
    "the account": lambda limits: RiskRules(account=limits),
    "instrument AAPL": lambda limits: RiskRules(instruments={"AAPL": limits}),
    "every instrument": lambda limits: RiskRules(instruments={"*": limits}),
    "strategy Sma": lambda limits: RiskRules(strategies={"Sma": limits}),
    "every strategy": lambda limits: RiskRules(strategies={"*": limits}),
}
every_source = pytest.mark.parametrize("source", SOURCES)


def control_of(source="the account", **limits):
    return RiskControl(SOURCES[source](Limits(**limits)))


# Limits, each below, at and above its bound.


def sized(size):
    return order(size=size), facts()


def valued(value):
    return order(size=value / 500.0), facts(price=50.0, multiplier=10.0)


def positioned(worst):
    waiting = live(size=30.0, filled=10.0)
    return order(size=worst - 60.0), facts(position=40.0, live=[waiting])


def short(worst):
    return order(SELL, size=worst - 40.0), facts(position=-40.0)


def opened(count):
    return order(), facts(live=[live(name=f"o{n}") for n in range(count - 1)])


def limited(price):
    return order(order_type=OrderType.LIMIT, price=price), facts()


def stopped(price):
    return order(order_type=OrderType.STOP_LIMIT, price=price, limit_price=100.0), facts()


def stop_limited(price):
    return order(order_type=OrderType.STOP_LIMIT, price=100.0, limit_price=price), facts()


LIMITS = [
    ("max_order_size", 100, sized, (99.0, 100.0, 100.5), "RISK_ORDER_SIZE", "100.5 is above 100"),
    ("max_order_value", 5000, valued, (4000.0, 5000.0, 5500.0), "RISK_ORDER_VALUE", "5500 is"),
    ("max_position", 100, positioned, (99.0, 100.0, 101.0), "RISK_POSITION", "101 long is above"),
    ("max_position", 100, short, (99.0, 100.0, 101.0), "RISK_POSITION", "101 short is above 100"),
    ("max_open_orders", 3, opened, (2, 3, 4), "RISK_OPEN_ORDERS", "4 is above 3"),
    ("price_collar", 0.1, limited, (109.0, 110.0, 110.1), "RISK_PRICE_COLLAR", "price=110.1 is"),
    ("price_collar", 0.1, limited, (91.0, 90.0, 89.9), "RISK_PRICE_COLLAR", "last price 100"),
    ("price_collar", 0.1, stopped, (91.0, 90.0, 89.9), "RISK_PRICE_COLLAR", "price=89.9 is"),
    ("price_collar", 0.1, stop_limited, (91, 90, 89.9), "RISK_PRICE_COLLAR", "limit_price=89.9"),
]


@every_source
@pytest.mark.parametrize(("limit", "bound", "make", "values", "code", "text"), LIMITS)
def test_a_limit_holds_from_just_above_its_bound(source, limit, bound, make, values, code, text):
    control = control_of(source, **{limit: bound})
    below, at, above = values
    assert control.problems(*make(below)) == []
    assert control.problems(*make(at)) == []
    (problem,) = control.problems(*make(above))
    assert problem.code == code
    assert problem.text.startswith(f"{limit} for AAPL: ")
    assert text in problem.text
    assert problem.text.endswith(f"(limit of {source})")


@every_source
def test_the_rate_is_counted_in_a_window_that_slides(source):
    control = control_of(source, max_order_rate="3 per 2 s")
    for number, at in enumerate((10.0, 11.0, 11.5)):
        now = int(at * SECOND)
        assert codes(control, order(), facts(now_ns=now)) == []
        control.note(order(name=f"o{number}"), now)
    (problem,) = control.problems(order(), facts(now_ns=12 * SECOND - 1))
    assert problem.code == "RISK_ORDER_RATE"
    assert problem.text == (f"max_order_rate for AAPL: 4 within 2 s is above 3 (limit of {source})")
    assert codes(control, order(), facts(now_ns=12 * SECOND)) == []
    control.note(order(name="o3"), 12 * SECOND)
    assert codes(control, order(), facts(now_ns=13 * SECOND - 1)) == ["RISK_ORDER_RATE"]
    assert codes(control, order(), facts(now_ns=13 * SECOND)) == []


@every_source
def test_the_same_order_is_a_duplicate_for_some_seconds(source):
    control = control_of(source, duplicate_seconds=2)
    control.note(order(name="first"), 10 * SECOND)
    (problem,) = control.problems(order(), facts(now_ns=12 * SECOND - SECOND // 2))
    assert problem.code == "RISK_DUPLICATE"
    assert "duplicate_seconds for AAPL: the same order first was sent 1.5 s ago" in problem.text
    assert problem.text.endswith(f"less than 2 (limit of {source})")
    assert codes(control, order(), facts(now_ns=12 * SECOND - 1)) == ["RISK_DUPLICATE"]
    assert codes(control, order(), facts(now_ns=12 * SECOND)) == []
    assert codes(control, order(name="first"), facts(now_ns=10 * SECOND)) == []  # itself


@pytest.mark.parametrize(
    "other",
    [
        {"side": SELL},
        {"size": 11.0},
        {"price": 99.5},
        {"limit_price": 99.5},
        {"trail_amount": 1.0},
        {"trail_percent": 0.1},
        {"order_type": OrderType.STOP},
        {"symbol": "MSFT"},
        {"strategy": "Rsi"},
    ],
)
def test_an_order_that_differs_is_no_duplicate(other):
    control = control_of(duplicate_seconds=5)
    asked = {"order_type": OrderType.LIMIT, "price": 99.0}
    control.note(order(name="first", **asked), 100 * SECOND)
    assert codes(control, order(**asked)) == ["RISK_DUPLICATE"]
    assert codes(control, order(**{**asked, **other})) == []


def test_the_price_that_backtrader_fills_into_a_market_order_tells_no_two_apart():
    control = control_of(duplicate_seconds=5)
    control.note(order(name="first", price=99.0), 100 * SECOND)
    assert codes(control, order(price=99.1)) == ["RISK_DUPLICATE"]


def test_what_is_remembered_of_orders_does_not_grow():
    control = control_of(duplicate_seconds=5, max_order_rate="10 per 1 s")
    for number in range(1000):
        control.note(order(size=1.0 + number, name=f"o{number}"), number * SECOND)
        control.note(order(size=0.5, name=f"again{number}"), number * SECOND)
    assert len(control._account.same) == 6  # five seconds, and the one that is made each second
    assert len(control._account.sent) == 10


def test_problems_changes_nothing():
    control = control_of(max_order_rate="1 per 1 s", duplicate_seconds=1)
    for _ in range(3):
        assert codes(control, order()) == []


# Where a limit comes from.


def test_each_source_that_objects_is_told_once():
    rules = RiskRules(
        account=Limits(max_order_size=50),
        instruments={"AAPL": Limits(max_order_size=20)},
        strategies={"Sma": Limits(max_order_size=30)},
    )
    texts = [problem.text for problem in RiskControl(rules).problems(order(size=100.0), facts())]
    assert texts == [
        "max_order_size for AAPL: 100 is above 50 (limit of the account)",
        "max_order_size for AAPL: 100 is above 20 (limit of instrument AAPL)",
        "max_order_size for AAPL: 100 is above 30 (limit of strategy Sma)",
    ]


def test_everything_wrong_is_told_at_once():
    limits = Limits(max_order_size=5, max_order_value=500, price_collar=0.01, max_position=9)
    control = in_state(HALTED, RiskRules(account=limits))
    asked = order(order_type=OrderType.LIMIT, price=90.0)
    known = facts(live=[live(outcome_unknown=True)])
    assert sorted(codes(control, asked, known)) == [
        "RISK_HALTED",
        "RISK_ORDER_SIZE",
        "RISK_ORDER_VALUE",
        "RISK_OUTCOME_UNKNOWN",
        "RISK_POSITION",
        "RISK_PRICE_COLLAR",
    ]


def test_a_table_of_its_own_takes_the_place_of_the_star():
    stars = {"*": Limits(max_order_size=5)}
    rules = RiskRules(
        instruments={**stars, "AAPL": Limits(max_order_value=9999)},
        strategies={**stars, "Sma": Limits()},
    )
    control = RiskControl(rules)
    assert codes(control, order()) == []
    assert codes(control, order(symbol="MSFT")) == ["RISK_ORDER_SIZE"]
    assert codes(control, order(strategy="Rsi")) == ["RISK_ORDER_SIZE"]
    assert codes(control, order(strategy=None)) == ["RISK_ORDER_SIZE"]


@pytest.mark.parametrize(
    ("source", "others"),
    [
        ("the account", []),
        ("instrument AAPL", [{"symbol": "MSFT"}]),
        ("every instrument", [{"symbol": "MSFT"}]),
        ("strategy Sma", [{"strategy": "Rsi"}, {"strategy": None}]),
        ("every strategy", [{"strategy": "Rsi"}, {"strategy": None}]),
    ],
)
def test_orders_count_where_they_belong(source, others):
    control = control_of(source, max_open_orders=1, max_order_rate="1 per 9 s")
    for number, other in enumerate(others):
        control.note(order(name=f"n{number}", **other), 100 * SECOND)
    known = facts(live=[live(name=f"l{n}", **other) for n, other in enumerate(others)])
    assert codes(control, order(), known) == []
    control.note(order(name="mine"), 100 * SECOND)
    known = facts(live=[live(name="mine")])
    assert codes(control, order(), known) == ["RISK_OPEN_ORDERS", "RISK_ORDER_RATE"]
    elsewhere = order(symbol="MSFT", strategy="Rsi")
    hindered = ["RISK_OPEN_ORDERS", "RISK_ORDER_RATE"] if source == "the account" else []
    fresh = control_of(source, max_open_orders=1, max_order_rate="1 per 9 s")
    fresh.note(order(name="mine"), 100 * SECOND)
    assert codes(fresh, elsewhere, known) == hindered


# Details of single limits.


def test_value_is_taken_at_the_limit_then_at_the_stop_then_at_the_last_price():
    control = control_of(max_order_value=1000)

    def value_of(order_type, **prices):
        asked = order(size=1000.0, order_type=order_type, **prices)
        (problem,) = control.problems(asked, facts(price=2.0, multiplier=3.0))
        return re.search(r": (\S+) is above", problem.text)[1]

    assert value_of(OrderType.LIMIT, price=5.0) == "15000"
    assert value_of(OrderType.STOP_LIMIT, price=5.0, limit_price=7.0) == "21000"
    assert value_of(OrderType.STOP, price=5.0) == "15000"
    assert value_of(OrderType.STOP_TRAIL, trail_amount=1.0) == "6000"
    assert value_of(OrderType.MARKET, price=5.0) == "6000"  # filled in by backtrader
    assert value_of(OrderType.CLOSE, price=5.0) == "6000"


def test_a_negative_price_has_a_value_and_a_collar_too():
    control = control_of(max_order_value=1000, price_collar=0.1)
    asked = order(size=50.0, order_type=OrderType.LIMIT, price=-37.0)
    assert codes(control, asked, facts(price=-30.0)) == ["RISK_ORDER_VALUE", "RISK_PRICE_COLLAR"]
    assert codes(control, asked._replace(size=1.0), facts(price=-35.0)) == []


@pytest.mark.parametrize("limit", [{"max_order_value": 1e9}, {"price_collar": 0.5}])
def test_a_limit_that_needs_a_price_refuses_without_one(limit):
    control = control_of(**limit)
    order_type = OrderType.MARKET if "max_order_value" in limit else OrderType.LIMIT
    (problem,) = control.problems(order(order_type=order_type, price=1.0), facts(price=None))
    (name,) = limit
    assert problem.code == "RISK_NO_PRICE"
    assert problem.text.startswith(f"{name} for AAPL: cannot be checked, no price is known")
    assert codes(control, order(order_type=order_type, price=100.0)) == []


def test_a_price_that_is_no_number_is_within_no_limit():
    control = control_of(max_order_value=1e9, price_collar=0.5)
    asked = order(order_type=OrderType.LIMIT, price=float("nan"))
    assert codes(control, asked) == ["RISK_ORDER_VALUE", "RISK_PRICE_COLLAR"]


def test_an_order_without_a_price_needs_no_collar():
    control = control_of(price_collar=0.1)
    assert codes(control, order(price=500.0), facts(price=None)) == []
    trailing = order(order_type=OrderType.STOP_TRAIL, trail_amount=50.0)
    assert codes(control, trailing, facts(price=None)) == []


def test_rounding_errors_refuse_nothing():
    control = control_of(max_position=0.3)
    assert 0.1 + 0.2 > 0.3
    assert codes(control, order(size=0.2), facts(position=0.1)) == []
    reducing = in_state(REDUCING)
    known = facts(position=0.3, live=[live(SELL, size=0.1)])
    assert codes(reducing, order(SELL, size=0.2), known) == []


def test_a_position_counts_the_worst_that_its_side_can_come_to():
    control = control_of(max_position=100)
    beside = [
        live(BUY, 30.0, name="half", filled=10.0),
        live(SELL, 500.0, name="other side"),
        live(BUY, 500.0, name="other instrument", symbol="MSFT"),
    ]
    known = facts(position=50.0, live=beside)
    assert codes(control, order(BUY, 30.0), known) == []
    assert codes(control, order(BUY, 31.0), known) == ["RISK_POSITION"]


def test_of_an_oco_group_the_largest_counts_for_the_position():
    control = control_of(max_position=100)
    known = facts(live=[live(BUY, 60.0, name="a"), live(BUY, 80.0, name="b", oco_id="a")])
    assert codes(control, order(BUY, 20.0), known) == []
    assert codes(control, order(BUY, 21.0), known) == ["RISK_POSITION"]
    assert codes(control, order(BUY, 100.0, oco_id="a"), known) == []
    assert codes(control, order(BUY, 101.0, oco_id="a"), known) == ["RISK_POSITION"]


def test_a_position_above_its_limit_can_shrink_and_cannot_grow_on_either_side():
    control = control_of(max_position=100)
    known = facts(position=-500.0)
    assert codes(control, order(BUY, 10.0), known) == []
    assert codes(control, order(BUY, 500.0), known) == []
    assert codes(control, order(BUY, 600.0), known) == []
    assert codes(control, order(BUY, 601.0), known) == ["RISK_POSITION"]
    assert codes(control, order(SELL, 1.0), known) == ["RISK_POSITION"]


def test_a_change_is_checked_as_the_order_that_it_leads_to():
    control = control_of(max_position=100, max_open_orders=1)
    known = facts(live=[live(BUY, 80.0, name="mine")])
    assert codes(control, order(BUY, 100.0, name="mine"), known) == []
    assert codes(control, order(BUY, 101.0, name="mine"), known) == ["RISK_POSITION"]
    assert codes(control, order(BUY, 70.0, name="mine"), known._replace(position=30.0)) == []


# The way out.

TIGHT = Limits(max_order_value=1, max_position=1, max_open_orders=1, max_daily_loss=1)


def test_what_only_reduces_passes_the_limits_that_would_bar_the_way_out():
    control = RiskControl(RiskRules(account=TIGHT))
    control.on_value(2000.0, "today")
    known = facts(position=50.0, live=[live(symbol="MSFT")])
    assert codes(control, order(SELL, 50.0), known) == []
    assert codes(control, order(SELL, 50.0), known._replace(price=None, value=None)) == []
    barred = ["RISK_ORDER_VALUE", "RISK_POSITION", "RISK_OPEN_ORDERS", "RISK_DAILY_LOSS"]
    assert codes(control, order(BUY, 50.0), known) == barred
    assert codes(control, order(SELL, 60.0), known) == barred


def test_what_only_reduces_keeps_to_the_other_limits():
    control = control_of(
        max_order_size=5, max_order_rate="1 per 1 s", price_collar=0.01, duplicate_seconds=1
    )
    asked = order(SELL, 6.0, OrderType.LIMIT, price=90.0)
    control.note(asked._replace(client_order_id="first"), 100 * SECOND)
    assert codes(control, asked, facts(position=50.0)) == [
        "RISK_ORDER_SIZE",
        "RISK_ORDER_RATE",
        "RISK_PRICE_COLLAR",
        "RISK_DUPLICATE",
    ]


def test_exits_of_a_bracket_count_as_open_orders_and_pass():
    control = RiskControl(RiskRules(account=Limits(max_position=10, max_open_orders=2)))
    entry = live(BUY, 5.0, name="entry")
    stop = order(SELL, 5.0, OrderType.STOP, name="stop", price=95.0, parent_id="entry")
    target = stop._replace(client_order_id="target", order_type=OrderType.LIMIT, price=105.0)
    known = facts(position=-8.0, live=[entry])
    assert codes(control, stop, known) == []
    known = known._replace(live=[entry, OrderRecord(stop)])
    assert codes(control, target, known) == []
    known = known._replace(live=[entry, OrderRecord(stop), OrderRecord(target)])
    assert codes(control, order(SELL, 2.0), known) == ["RISK_OPEN_ORDERS"]
    filled = known._replace(position=5.0, live=[])
    assert codes(control, stop, filled) == []
    # Waiting exits open nothing.
    assert codes(control, order(SELL, 3.0), known) == ["RISK_POSITION", "RISK_OPEN_ORDERS"]


def test_a_child_on_the_side_of_its_parent_opens_as_the_parent_does():
    control = control_of(max_position=10)
    known = facts(live=[live(BUY, 5.0, name="entry")])
    assert codes(control, order(BUY, 5.0, parent_id="entry"), known) == []
    assert codes(control, order(BUY, 6.0, parent_id="entry"), known) == ["RISK_POSITION"]
    more = facts(live=[*known.live, live(BUY, 5.0, name="child", parent_id="entry")])
    assert codes(control, order(BUY, 1.0), more) == ["RISK_POSITION"]


# Unknown outcomes.


def test_an_unknown_outcome_holds_back_what_does_not_reduce():
    control = RiskControl()
    known = facts(position=20.0, live=[live(SELL, 5.0, name="c7", outcome_unknown=True)])
    (problem,) = control.problems(order(BUY), known)
    assert problem.code == "RISK_OUTCOME_UNKNOWN"
    assert "c7" in problem.text
    assert "AAPL" in problem.text
    assert codes(control, order(SELL, 15.0), known) == []
    assert codes(control, order(SELL, 16.0), known) == ["RISK_OUTCOME_UNKNOWN"]
    assert codes(control, order(BUY, symbol="MSFT"), known) == []
    assert codes(control, order(BUY), facts(position=20.0, live=[live(SELL, 5.0)])) == []


# Trading states.


def test_without_rules_everything_passes_until_it_is_halted():
    control = RiskControl()
    known = facts(position=50.0, price=None, value=None)
    assert control.state is ACTIVE
    assert codes(control, order(size=1e9), known) == []
    assert control.set_state(HALTED, "lunch")
    assert [problem.code for problem in control.problems(order(), known)] == ["RISK_HALTED"]
    assert codes(control, order(SELL, 1.0), known) == ["RISK_HALTED"]
    assert "lunch" in control.problems(order(), known)[0].text
    assert control.set_state(ACTIVE, "back")
    assert codes(control, order(), known) == []


def test_changes_of_state_are_told_once():
    told = []
    control = RiskControl(tell=lambda *change: told.append(change))
    assert not control.set_state(ACTIVE, "no change")
    assert control.set_state(REDUCING, "careful")
    assert not control.set_state(REDUCING, "again")
    assert control.set_state(HALTED, "stop")
    assert control.set_state(ACTIVE, "go")
    assert told == [
        (ACTIVE, REDUCING, "careful"),
        (REDUCING, HALTED, "stop"),
        (HALTED, ACTIVE, "go"),
    ]


def test_a_state_that_does_not_exist_is_refused():
    control = RiskControl()
    with pytest.raises(ValueError, match="closed"):
        control.set_state("closed", "typo")
    assert control.state is ACTIVE


@pytest.mark.parametrize(
    ("event", "state"),
    [
        ("link_down", ACTIVE),
        ("stale_data", REDUCING),
        ("bad_data", HALTED),
        ("mismatch", REDUCING),
        ("journal_failed", HALTED),
        ("daily_loss", REDUCING),
    ],
)
def test_events_have_a_default(event, state):
    control = RiskControl()
    control.on_event(event)
    assert control.state is state


def test_events_make_the_state_stricter_and_never_looser():
    told = []
    rules = read_rules({"on": {"link_down": "halted", "mismatch": "reducing"}})
    control = RiskControl(rules, lambda *change: told.append(change))
    control.on_event("mismatch", "5 held, 4 known")
    control.on_event("stale_data", "AAPL")
    control.on_event("link_down")
    control.on_event("mismatch")
    assert told == [
        (ACTIVE, REDUCING, "mismatch: 5 held, 4 known"),
        (REDUCING, HALTED, "link_down"),
    ]
    with pytest.raises(ConfigError, match=r"event='link_up': expected one of .*mismatch"):
        control.on_event("link_up")


@pytest.mark.parametrize(
    ("position", "asked", "beside", "passes"),
    [
        (50.0, order(SELL, 50.0), [], True),
        (50.0, order(SELL, 51.0), [], False),
        (50.0, order(BUY, 1.0), [], False),
        (-50.0, order(BUY, 50.0), [], True),
        (-50.0, order(BUY, 51.0), [], False),
        (-50.0, order(SELL, 1.0), [], False),
        (0.0, order(BUY, 1.0), [], False),
        (0.0, order(SELL, 1.0), [], False),
        # Live orders on the side count with what is left of them.
        (50.0, order(SELL, 30.0), [live(SELL, 20.0)], True),
        (50.0, order(SELL, 31.0), [live(SELL, 20.0)], False),
        (50.0, order(SELL, 40.0), [live(SELL, 20.0, filled=10.0)], True),
        (50.0, order(SELL, 41.0), [live(SELL, 20.0, filled=10.0)], False),
        (50.0, order(SELL, 50.0), [live(SELL, 20.0, symbol="MSFT")], True),
        (50.0, order(SELL, 50.0), [live(BUY, 20.0)], True),
        (50.0, order(SELL, 50.0), [live(SELL, 20.0, name="new")], True),  # a change of it
        # Of a group in which one fill ends the others the largest counts.
        (
            50.0,
            order(SELL, 20.0),
            [live(SELL, 20.0, name="a"), live(SELL, 30.0, name="b", oco_id="a")],
            True,
        ),
        (
            50.0,
            order(SELL, 21.0),
            [live(SELL, 20.0, name="a"), live(SELL, 30.0, name="b", oco_id="a")],
            False,
        ),
        (50.0, order(SELL, 50.0, oco_id="a"), [live(SELL, 20.0, name="a")], True),
        # An entry that closes is no parent of the order on the other side of its OCO group.
        (50.0, order(SELL, 51.0, oco_id="a"), [live(BUY, 20.0, name="a")], False),
    ],
)
def test_in_reducing_only_what_reduces_passes(position, asked, beside, passes):
    found = codes(in_state(REDUCING), asked, facts(position=position, live=beside))
    assert found == ([] if passes else ["RISK_REDUCING"])


EXITS = [
    live(SELL, 20.0, name="stop", parent_id="entry"),
    live(SELL, 20.0, name="target", parent_id="entry"),
]


@pytest.mark.parametrize(
    ("position", "asked", "beside", "passes"),
    [
        # The entry waits: its exits close what it will open, and nothing of what is held.
        (0.0, order(SELL, 20.0, parent_id="entry"), [live(BUY, 20.0, name="entry")], True),
        (0.0, order(SELL, 21.0, parent_id="entry"), [live(BUY, 20.0, name="entry")], False),
        (50.0, order(SELL, 50.0), [live(BUY, 20.0, name="entry"), *EXITS], True),
        (50.0, order(SELL, 51.0), [live(BUY, 20.0, name="entry"), *EXITS], False),
        # Filled in part: as much as has been filled is closed by them.
        (
            8.0,
            order(SELL, 20.0, parent_id="entry"),
            [live(BUY, 20.0, name="entry", filled=8.0)],
            True,
        ),
        (50.0, order(SELL, 42.0), [live(BUY, 20.0, name="entry", filled=8.0), *EXITS], True),
        (50.0, order(SELL, 43.0), [live(BUY, 20.0, name="entry", filled=8.0), *EXITS], False),
        # Filled: the exits are as other orders, and count once.
        (50.0, order(SELL, 30.0), EXITS, True),
        (50.0, order(SELL, 31.0), EXITS, False),
        (20.0, order(SELL, 20.0, parent_id="entry"), EXITS, True),
        (20.0, order(SELL, 20.0, parent_id="another"), EXITS, False),
        # The entry is on another instrument.
        (
            0.0,
            order(SELL, 20.0, parent_id="entry"),
            [live(BUY, 20.0, name="entry", symbol="MSFT")],
            False,
        ),
        # An entry that closes a position: its exits would open it again.
        (-50.0, order(SELL, 20.0, parent_id="entry"), [live(BUY, 20.0, name="entry")], False),
        # A child on the same side opens.
        (0.0, order(BUY, 20.0, parent_id="entry"), [live(BUY, 20.0, name="entry")], False),
    ],
)
def test_in_reducing_exits_may_close_what_their_entry_opens(position, asked, beside, passes):
    found = codes(in_state(REDUCING), asked, facts(position=position, live=beside))
    assert found == ([] if passes else ["RISK_REDUCING"])


def test_the_refusal_says_what_is_held_and_why_it_matters():
    control = in_state(REDUCING, cause="stale_data: AAPL")
    (problem,) = control.problems(order(SELL, 60.0), facts(position=50.0))
    assert "sell 60 of AAPL" in problem.text
    assert "position 50" in problem.text
    assert "stale_data: AAPL" in problem.text


class World:
    """A position and live orders, filled as a venue would: one exit's fill shrinks the others."""

    def __init__(self, position, waiting):
        self.control = in_state(REDUCING)
        self.position = float(position)
        self.live = {record.client_order_id: record for record in waiting}
        self.passed = 0

    def ask(self, side, size, bracket, group):
        entry = next((r for r in self.live.values() if r.client_order_id[:5] == "entry"), None)
        asked = order(side, float(size), name=f"o{self.passed}")
        if bracket and entry is not None:
            asked = asked._replace(parent_id=entry.client_order_id)
        elif group:
            asked = asked._replace(oco_id="group")
        known = facts(position=self.position, live=list(self.live.values()))
        if not self.control.problems(asked, known):
            self.live[asked.client_order_id] = OrderRecord(asked, OrderState.ACCEPTED)
            self.passed += 1

    def fill(self, which, size):
        names = sorted(self.live)
        if not names:
            return
        record = self.live[names[which % len(names)]]
        size = min(float(size), record.remaining, self.awake(record))
        before = self.position
        self.position += record.request.side.sign * size
        if record.request.client_order_id.startswith("o"):
            assert abs(self.position) <= abs(before)
            assert self.position * before >= 0
        record.filled += size
        for other in list(self.live.values()):
            if other is not record and related(other.request, record.request):
                left = max(0.0, other.request.size - size)
                other.request = other.request._replace(size=left)
            # A finished entry stays: the exits are awake in full.
            if not other.remaining and not other.client_order_id.startswith("entry"):
                del self.live[other.client_order_id]

    def awake(self, record):
        entry = self.live.get(record.request.parent_id)
        if entry is None:
            return record.remaining
        return max(0.0, record.remaining - entry.remaining)


def related(one, other):
    same_parent = one.parent_id is not None and one.parent_id == other.parent_id
    return same_parent or (one.oco_id is not None and one.oco_id == other.oco_id)


sizes = st.one_of(st.integers(1, 25), st.sampled_from((1, 20, 25)))
asks = st.tuples(st.just("ask"), st.sampled_from(Side), sizes, st.booleans(), st.booleans())
fills = st.tuples(st.just("fill"), st.integers(0, 9), sizes)


@settings(max_examples=400)
@given(
    st.integers(-20, 20),
    st.one_of(st.none(), st.integers(1, 20)),
    st.sampled_from(Side),
    st.lists(st.one_of(asks, fills), max_size=30),
)
def test_in_reducing_a_position_never_grows_and_never_turns(position, entry, side, actions):
    waiting = [] if entry is None else [live(side, float(entry), name="entry")]
    world = World(position, waiting)
    for kind, *what in actions:
        getattr(world, kind)(*what)
    for number in range(200):
        world.fill(number, 25)


# The day's loss.


def test_a_loss_is_counted_from_the_first_value_of_the_day():
    told = []
    rules = RiskRules(account=Limits(max_daily_loss=100))
    control = RiskControl(rules, lambda *change: told.append(change))
    control.on_value(None, "monday")
    control.on_value(1000.0, "monday")
    control.on_value(1500.0, "monday")  # a gain is no new start
    control.on_value(900.0, "monday")
    assert control.state is ACTIVE
    assert codes(control, order(), facts(value=900.0)) == []
    control.on_value(899.0, "monday")
    text = "daily_loss: a loss of 101 is above max_daily_loss 100"
    assert told == [(ACTIVE, REDUCING, text)]
    (problem,) = control.problems(order(SELL, 1.0), facts(value=899.0, position=-5.0))[1:]
    assert problem == (
        "RISK_DAILY_LOSS",
        "max_daily_loss for AAPL: 101 is above 100 (limit of the account)",
    )
    control.on_value(500.0, "tuesday")
    assert control.state is REDUCING  # until somebody says otherwise
    control.set_state(ACTIVE, "a new day")
    assert codes(control, order(), facts(value=401.0)) == []
    control.on_value(399.0, "tuesday")
    assert control.state is REDUCING


def test_a_loss_that_is_known_does_not_undo_a_resumption():
    control = control_of(max_daily_loss=100)
    control.on_value(1000.0, 1)
    control.on_value(800.0, 1)
    control.set_state(ACTIVE, "by hand")
    control.on_value(790.0, 1)
    assert control.state is ACTIVE
    assert codes(control, order(), facts(value=790.0)) == ["RISK_DAILY_LOSS"]
    assert codes(control, order(SELL, 5.0), facts(value=790.0, position=5.0)) == []
    control.on_value(950.0, 1)
    control.on_value(890.0, 1)  # above it once more
    assert control.state is REDUCING


def test_a_loss_that_cannot_be_known_refuses():
    control = control_of(max_daily_loss=100)
    assert codes(control, order()) == ["RISK_NO_ACCOUNT"]  # the day has not begun
    control.on_value(1000.0, "monday")
    assert codes(control, order()) == []
    (problem,) = control.problems(order(), facts(value=None))
    assert problem.code == "RISK_NO_ACCOUNT"
    assert problem.text.startswith("max_daily_loss for AAPL: cannot be checked")
    control.on_value(None, "tuesday")
    assert codes(control, order()) == ["RISK_NO_ACCOUNT"]


def test_a_day_may_start_with_nothing():
    control = control_of(max_daily_loss=100)
    control.on_value(0.0, 1)
    control.on_value(-101.0, 1)
    assert control.state is REDUCING


def test_without_a_limit_no_loss_matters():
    control = RiskControl()
    control.on_value(1000.0, 1)
    control.on_value(1.0, 1)
    assert control.state is ACTIVE
    assert codes(control, order()) == []


# The codes.


def test_every_code_of_risk_can_come_and_is_in_the_table():
    source = Path(RiskControl.__init__.__code__.co_filename).parent
    text = "".join(path.read_text(encoding="utf-8") for path in source.glob("risk*.py"))
    used = set(re.findall(r'"(RISK_[A-Z_]+)"', text))
    assert used == {code for code, reason in REASONS.items() if reason.denied_by == "risk"}


# Reading rules.

WRITTEN = """
[account]
max_order_value = 50_000
max_order_rate = "10 per 1 s"
[instruments."*"]
max_order_size = 500
[instruments."00700.HK"]
price_collar = 0.05
[strategies.Sma]
max_open_orders = 4
[on]
mismatch = "reducing"
"""
READ = RiskRules(
    account=Limits(max_order_value=50_000.0, max_order_rate=Rate(10, 1.0)),
    instruments={"*": Limits(max_order_size=500.0), "00700.HK": Limits(price_collar=0.05)},
    strategies={"Sma": Limits(max_open_orders=4)},
    on={"mismatch": REDUCING},
)


def test_rules_are_read_from_a_file_a_mapping_or_taken_as_they_are(tmp_path):
    path = tmp_path / "risk.toml"
    path.write_text(WRITTEN, encoding="utf-8")
    mapping = {
        "account": {"max_order_value": 50_000, "max_order_rate": " 10  per 1s"},
        "instruments": {"*": {"max_order_size": 500}, "00700.HK": {"price_collar": 0.05}},
        "strategies": {"Sma": {"max_open_orders": 4}},
        "on": {"mismatch": REDUCING},
    }
    assert read_rules(path) == read_rules(str(path)) == read_rules(mapping) == READ
    assert read_rules(READ) is READ
    assert read_rules(None) == read_rules({}) == read_rules({"account": {}}) == RiskRules()
    assert read_rules(path).on["journal_failed"] is HALTED


def test_the_example_of_the_manual_is_a_rule_file(tmp_path):
    page = MANUAL.read_text(encoding="utf-8")
    path = tmp_path / "risk.toml"
    path.write_text(re.search(r"```toml\n(.*?)```", page, re.DOTALL)[1], encoding="utf-8")
    rules = read_rules(path)
    assert rules.instruments["00700.HK"] == Limits(2000.0, None, 10_000.0, price_collar=0.05)
    assert rules.strategies["SmaCross"].max_order_rate == Rate(30, 60.0)
    # What it shows of [on] are the defaults.
    assert rules.on == RiskRules().on


def test_the_manual_names_every_limit_event_and_state():
    page = MANUAL.read_text(encoding="utf-8")
    names = [*Limits.__dataclass_fields__, *RiskRules().on, *(s.value for s in TradingState)]
    assert [name for name in names if f"| `{name}` |" not in page] == []


NAN, INFINITE = float("nan"), float("inf")
ABOVE_0 = "expected a finite number above 0"
FRACTION = "expected a number between 0 and 1: 0.05 is five percent"
WHOLE = "expected a whole number above 0"
PER = "expected a text such as '10 per 1 s'"


@pytest.mark.parametrize(
    ("limit", "value", "expected"),
    [
        *(
            (limit, value, ABOVE_0)
            for limit in (
                "max_order_size",
                "max_order_value",
                "max_position",
                "max_daily_loss",
                "duplicate_seconds",
            )
            for value in (0, -1, -0.5, NAN, INFINITE, -INFINITE, 10**400, True, "5", [5])
        ),
        *(
            ("price_collar", value, FRACTION)
            for value in (0, 1, 5, -0.1, NAN, INFINITE, True, "0.1", [0.1])
        ),
        *(
            ("max_open_orders", value, WHOLE)
            for value in (0, -1, 1.5, 5.0, NAN, INFINITE, 10**400, True, "5")
        ),
        *(
            ("max_order_rate", value, PER)
            for value in (
                "0 per 1 s",
                "10 per 0 s",
                "-1 per 1 s",
                "1.5 per 1 s",
                "10 per nan s",
                "10 per 1 min",
                "10/1",
                "",
                "9" * 400 + " per 1 s",
                "1 per " + "9" * 400 + " s",
                10,
                True,
                [10, 1.0],
                (10, 1.0),
                Rate(0, 1.0),
                Rate(10, NAN),
            )
        ),
    ],
)
def test_a_limit_that_cannot_be_is_named(limit, value, expected):
    with pytest.raises(ConfigError) as caught:
        read_rules({"account": {limit: value}})
    assert str(caught.value) == f"risk: [account] {limit}={value!r}: {expected}"
    assert caught.value.field == f"account.{limit}"
    with pytest.raises(ConfigError, match=re.escape(expected)):
        Limits(**{limit: value})


@pytest.mark.parametrize(
    ("given", "fragments", "field"),
    [
        ({"acount": {}}, ["no table 'acount'", "account, instruments, strategies, on"], "acount"),
        ({"account": 5}, ["account=5", "a table of limits"], "account"),
        ({"account": None}, ["account=None", "a table of limits"], "account"),
        (
            {"account": {"max_size": 5}},
            ["[account] there is no limit 'max_size'", "max_order_size, "],
            "account.max_size",
        ),
        ({"account": {5: 5}}, ["no limit 5"], "account.5"),
        (
            {"instruments": {"max_order_size": 5}},
            ["max_order_size=5", "a table of limits"],
            "instruments.max_order_size",
        ),
        ({"instruments": [1]}, ["instruments=[1]", "[instruments.NAME]"], "instruments"),
        (
            {"instruments": {"A": {"max_position": "5"}}},
            ["[instruments.A] max_position='5'", ABOVE_0],
            "instruments.A.max_position",
        ),
        (
            {"instruments": {"00700": {"HK": {"max_position": 5}}}},
            ["[instruments.00700] HK=", 'a name with a dot needs quotes: ["A.B"]'],
            "instruments.00700.HK",
        ),
        (
            {"instruments": {"A": {"max_daily_loss": 5}}},
            ["[instruments.A] max_daily_loss=5", "in [account] only"],
            "instruments.A.max_daily_loss",
        ),
        (
            {"strategies": {"*": {"max_daily_loss": 5}}},
            ["[strategies.*] max_daily_loss=5", "in [account] only"],
            "strategies.*.max_daily_loss",
        ),
        ({"on": "halted"}, ["on='halted'", "a table of events"], "on"),
        ({"on": {"link_up": "halted"}}, ["[on] there is no event 'link_up'"], "on.link_up"),
        (
            {"on": {"mismatch": "stop"}},
            ["[on] mismatch='stop'", "one of 'active', 'reducing', 'halted'"],
            "on.mismatch",
        ),
        ({"on": {"mismatch": ["halted"]}}, ["[on] mismatch=['halted']"], "on.mismatch"),
        (5, ["risk=5", "the path of a TOML file, a mapping or RiskRules"], "risk"),
    ],
)
def test_rules_that_cannot_be_are_named(given, fragments, field):
    with pytest.raises(ConfigError) as caught:
        read_rules(given)
    text = str(caught.value)
    assert [fragment for fragment in fragments if fragment not in text] == []
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("content", "fragments"),
    [
        (b"[account]\nmax_order_size = nan\n", ["[account] max_order_size=nan", ABOVE_0]),
        (b"[account]\nmax_order_size = 10_000%\n", ["not TOML", "line 2"]),
        (b"[account]\n# \xff\n", ["not TOML"]),
        (b"max_order_size = 5\n", ["no table 'max_order_size'"]),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path, content, fragments):
    path = tmp_path / "rules.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read_rules(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: ")
    assert [fragment for fragment in fragments if fragment not in text] == []


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.toml.*expected a file to read"):
        read_rules(tmp_path / "none.toml")
