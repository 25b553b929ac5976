"""What it costs to ask whether a market is open."""

from __future__ import annotations

import dataclasses
import datetime
import time
from typing import Any, Callable, Iterator, List

from benchmarks.harness import Plan, Row, median
from btstores.clock import NS_PER_SECOND
from btstores.instruments import Instrument
from btstores.markets import MarketType, get_market_config
from btstores.markets.hours import CN_STOCK, HK_STOCK, US_STOCK, cn_future
from btstores.orders.validation import Facts, Verdict, read_policies, validate
from btstores.reports import OrderRequest, OrderType, Side

# Tuesday 2024-06-04, 01:30 UTC: the opening in Hong Kong and Shanghai.
OPENING_NS = 1_717_464_600 * NS_PER_SECOND
DAY_NS = 24 * 3600 * NS_PER_SECOND
MARKETS = (HK_STOCK, US_STOCK, CN_STOCK, cn_future("02:30"))
HONG_KONG = datetime.timezone(datetime.timedelta(hours=8))


def timed(ask: Callable[[int], Any], times: List[int]) -> List[float]:
    """Return the microseconds that each question took."""
    took = []
    for time_ns in times:
        start = time.perf_counter_ns()
        ask(time_ns)
        took.append((time.perf_counter_ns() - start) / 1000)
    return took


def ticks(count: int) -> List[int]:
    """Return times through one day, lunch and all."""
    return [OPENING_NS + number * 7 * 3600 * NS_PER_SECOND // count for number in range(count)]


def by_hand(time_ns: int) -> bool:
    """Compare local times as a strategy would that knows one market and no holidays."""
    now = datetime.datetime.fromtimestamp(time_ns / NS_PER_SECOND, HONG_KONG)
    clock = now.hour * 60 + now.minute
    return now.weekday() < 5 and (570 <= clock < 720 or 780 <= clock < 960)


def open_within_a_day(count: int) -> List[float]:
    return timed(HK_STOCK.is_open, ticks(count))


def open_by_hand(count: int) -> List[float]:
    return timed(by_hand, ticks(count))


def session_within_a_day(count: int) -> List[float]:
    return timed(HK_STOCK.session_of, ticks(count))


def open_on_new_days(count: int) -> List[float]:
    """Ask for days that were not asked for before, in turn in four markets."""
    took = []
    for market in MARKETS:
        fresh = dataclasses.replace(market)
        # Loads the calendar, and makes the day before the first.
        fresh.is_open(OPENING_NS - DAY_NS)
        days = [OPENING_NS + number % 250 * DAY_NS for number in range(min(count, 250))]
        took.extend(timed(fresh.is_open, days))
    return took


def bars_of_a_year(count: int) -> List[float]:
    """Count the minute bars of a year, again and again."""
    fresh = dataclasses.replace(HK_STOCK)
    start_ns = OPENING_NS - 365 * DAY_NS
    took = []
    for _ in range(count):
        start = time.perf_counter_ns()
        fresh.bars_between(start_ns, start_ns + 365 * DAY_NS, 60)
        took.append((time.perf_counter_ns() - start) / 1000)
    return took


def checks_of_an_order(count: int) -> List[float]:
    """Judge a limit order by the rules of its market; its price is rounded to the tick."""
    config = get_market_config(MarketType.HK_STOCK)
    request = OrderRequest("o1", "HK.00700", Side.BUY, 200.0, OrderType.LIMIT, 350.1)
    policies = read_policies({"price": "round"})
    day = datetime.date(2024, 6, 4)
    assert config.sessions is not None
    is_open = config.sessions.is_open
    table = config.rules.tick_table_of("HK.00700", day)
    assert table is not None
    instrument = Instrument("HK.00700", tick_table=table.rows, lot=100)
    size_rule = config.rules.size_rule_of("HK.00700", day)

    def ask(time_ns: int) -> Verdict:
        facts = Facts(time_ns, instrument, is_open=is_open(time_ns), size_rule=size_rule)
        return validate(request, facts, policies)

    assert ask(OPENING_NS).request.price == 350.0
    return timed(ask, ticks(count))


def rows(plan: Plan) -> Iterator[Row]:
    count = plan.count(100_000, least=100)
    opened, hand = plan.each(open_within_a_day, open_by_hand, args=(count,))
    yield Row(
        "is_open within a day, p50",
        median([median(took) for took in opened]),
        "us",
        median([median(took) for took in hand]),
        "one market's hours compared by hand",
        most=2,
    )
    (told,) = plan.each(session_within_a_day, args=(count,))
    yield Row("session_of within a day, p50", median([median(t) for t in told]), "us", most=2)
    (judged,) = plan.each(checks_of_an_order, args=(plan.count(20_000, least=100),))
    yield Row(
        "is_open, tick rounding and validation of an order, p50",
        median([median(took) for took in judged]),
        "us",
        most=10,
    )
    (new,) = plan.each(open_on_new_days, args=(plan.count(250, least=20),))
    yield Row("is_open on a new day, p50", median([median(t) for t in new]), "us", most=100)
    (bars,) = plan.each(bars_of_a_year, args=(plan.count(30, least=3),))
    yield Row(
        "minute bars of a year, counted, p50",
        median([median(took) for took in bars]) / 1000,
        "ms",
    )
