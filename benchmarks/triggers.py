"""What a price costs when many emulated stops are open, none of which it hits."""

from __future__ import annotations

import time
from typing import Any, Callable, Iterator, List

from benchmarks.harness import Plan, Row, median
from btstores.orders.triggers import Trigger, TriggerIndex
from btstores.reports import Side

OPEN = 10_000
FEW = 10
FIRST = 100.0
STEP = 0.001


class Loop:
    """Trailing sells by amount or percent, each of which looks at each price."""

    def __init__(self) -> None:
        self.watched: List[List[Any]] = []

    def add(self, trigger: Trigger) -> None:
        self.watched.append([trigger.trail_amount, trigger.trail_percent, FIRST])

    def on_price(self, sell_price: float, buy_price: float) -> List[Any]:
        hits = []
        for row in self.watched:
            amount, percent, best = row
            row[2] = best = max(best, sell_price)
            level = best - amount if amount is not None else best * (1 - percent)
            if sell_price <= level:
                hits.append(row)
        return hits


def trailing(number: int, side: Side = Side.SELL) -> Trigger:
    """Return a trailing stop, by turns by amount and by percent, 20 to 40 from the best price."""
    distance = 20.0 + number % 997 / 50
    if number % 2:
        return Trigger(str(number), side, trail_amount=distance)
    return Trigger(str(number), side, trail_percent=distance / FIRST)


def mixed(number: int) -> Trigger:
    """Return a stop of either side, by turns a fixed and a trailing one."""
    side = Side.SELL if number % 8 < 4 else Side.BUY
    if number % 4 < 2:
        return Trigger(str(number), side, stop=FIRST + side.sign * (20.0 + number % 997 / 50))
    return trailing(number, side)


def timed(index: Any, prices: List[float]) -> List[float]:
    """Return the microseconds that each price took."""
    on_price = index.on_price
    on_price(FIRST, FIRST)
    took = []
    for price in prices:
        start = time.perf_counter_ns()
        hits = on_price(price, price)
        took.append((time.perf_counter_ns() - start) / 1000)
        assert not hits
    return took


def fill(index: Any, make: Callable[[int], Trigger], count: int) -> Any:
    for number in range(count):
        index.add(make(number))
    return index


def wave(count: int) -> List[float]:
    """Return prices that go up and down, to a new best now and then."""
    return [
        FIRST + STEP * (number % 200 - 100) * (1 + number // 200) / 10 for number in range(count)
    ]


def highs(count: int) -> List[float]:
    return [FIRST + STEP * number for number in range(1, count + 1)]


def many_open(prices: int) -> List[float]:
    return timed(fill(TriggerIndex(), mixed, OPEN), wave(prices))


def few_open(prices: int) -> List[float]:
    return timed(fill(TriggerIndex(), mixed, FEW), wave(prices))


def new_highs(prices: int) -> List[float]:
    return timed(fill(TriggerIndex(), trailing, OPEN), highs(prices))


def loop_of_new_highs(prices: int) -> List[float]:
    return timed(fill(Loop(), trailing, OPEN), highs(min(prices, 200)))


def rows(plan: Plan) -> Iterator[Row]:
    prices = plan.count(10_000, least=20)
    many, few = plan.each(many_open, few_open, args=(prices,))
    yield Row(
        "a price with 10,000 open stops, p50",
        median([median(took) for took in many]),
        "us",
        median([median(took) for took in few]),
        "10 open stops",
        ratio_most=2,
    )
    index, loop = plan.each(new_highs, loop_of_new_highs, args=(prices,))
    yield Row(
        "a new high with 10,000 trailing stops, p50",
        median([median(took) for took in index]),
        "us",
        median([median(took) for took in loop]),
        "a look at each stop",
        ratio_most=0.02,
    )
