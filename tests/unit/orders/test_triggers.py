"""Emulated stops: which ones a price hits, and that the others cost nothing."""

from __future__ import annotations

import gc
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btstores.errors import UsageError
from btstores.orders.triggers import Trigger, TriggerIndex
from btstores.reports import Side

BUY, SELL = Side.BUY, Side.SELL


class Naive:
    """The rules, followed for each trigger at each price."""

    def __init__(self):
        self.watched = {}

    def add(self, trigger):
        self.watched[trigger.key] = trigger

    def remove(self, key):
        return self.watched.pop(key, None)

    def best(self, key):
        return self.watched[key].best

    def level(self, key):
        _, side, stop, amount, percent, best = self.watched[key]
        if stop is not None or best is None:
            return stop
        if amount is not None:
            return best - amount if side is SELL else best + amount
        return best * (1 - percent) if side is SELL else best * (1 + percent)

    def on_price(self, sell_price, buy_price):
        return [hit for key in list(self.watched) for hit in self.look(key, sell_price, buy_price)]

    def look(self, key, sell_price, buy_price):
        trigger = self.watched[key]
        price, better = (sell_price, max) if trigger.side is SELL else (buy_price, min)
        if price is None:
            return
        if trigger.stop is None:
            best = price if trigger.best is None else better(trigger.best, price)
            self.watched[key] = trigger._replace(best=best)
        level = self.level(key)
        if price <= level if trigger.side is SELL else price >= level:
            del self.watched[key]
            yield key, level


class Counted(float):
    """A number that counts how often such numbers are compared."""

    compared = 0

    def count(self, result):
        Counted.compared += 1
        return result

    def __lt__(self, other):
        return self.count(float.__lt__(self, other))

    def __le__(self, other):
        return self.count(float.__le__(self, other))

    def __gt__(self, other):
        return self.count(float.__gt__(self, other))

    def __ge__(self, other):
        return self.count(float.__ge__(self, other))

    def __eq__(self, other):
        return self.count(float.__eq__(self, other))

    def __ne__(self, other):
        return self.count(float.__ne__(self, other))

    __hash__ = float.__hash__

    def __add__(self, other):
        return Counted(float.__add__(self, other))

    def __sub__(self, other):
        return Counted(float.__sub__(self, other))

    def __rsub__(self, other):
        return Counted(float.__rsub__(self, other))

    def __mul__(self, other):
        return Counted(float.__mul__(self, other))

    def __neg__(self):
        return Counted(float.__neg__(self))

    __radd__ = __add__
    __rmul__ = __mul__


@pytest.fixture
def index():
    return TriggerIndex()


@pytest.mark.parametrize(
    ("trigger", "quiet", "hit", "level"),
    [
        (Trigger("a", SELL, stop=95.0), 95.01, 95.0, 95.0),
        (Trigger("a", SELL, stop=95.0), 120.0, 80.0, 95.0),
        (Trigger("a", BUY, stop=105.0), 104.99, 105.0, 105.0),
        (Trigger("a", BUY, stop=105.0), 80.0, 120.0, 105.0),
        (Trigger("a", SELL, trail_amount=5.0), 110.0, 105.0, 105.0),
        (Trigger("a", SELL, trail_amount=5.0), 110.0, 90.0, 105.0),
        (Trigger("a", BUY, trail_amount=5.0), 90.0, 95.0, 95.0),
        (Trigger("a", SELL, trail_percent=0.25), 120.0, 90.0, 90.0),
        (Trigger("a", BUY, trail_percent=0.25), 80.0, 101.0, 100.0),
        (Trigger("a", SELL, trail_amount=5.0, trail_percent=0.5), 110.0, 105.0, 105.0),
        (Trigger("a", BUY, trail_amount=30.0, trail_percent=0.125), 80.0, 110.0, 110.0),
        (Trigger("a", SELL, trail_amount=5.0, best=130.0), 125.5, 124.0, 125.0),
        (Trigger("a", BUY, trail_amount=5.0, best=70.0), 74.5, 76.0, 75.0),
        (Trigger("a", SELL, stop=-5.0), -4.0, -6.0, -5.0),
    ],
)
def test_a_stop_is_hit_when_its_level_is_reached(index, trigger, quiet, hit, level):
    index.add(trigger)
    assert index.on_price(quiet, quiet) == []
    assert index.level("a") == level
    assert index.on_price(hit, hit) == [("a", level)]
    assert index.on_price(hit, hit) == []


def test_a_trailing_stop_follows_the_best_price_only(index):
    index.add(Trigger("long", SELL, trail_amount=10.0))
    index.add(Trigger("short", BUY, trail_percent=0.5))
    assert [index.level("long"), index.best("long")] == [None, None]
    seen = []
    for price in (100.0, 104.0, 95.0, 103.0):
        assert index.on_price(price, price) == []
        seen.append([index.best(key) for key in ("long", "short")])
    assert seen == [[100.0, 100.0], [104.0, 100.0], [104.0, 95.0], [104.0, 95.0]]
    assert [index.level(key) for key in ("long", "short")] == [94.0, 142.5]


def test_a_distance_of_nothing_is_hit_by_the_first_price(index):
    index.add(Trigger("a", SELL, trail_amount=0.0))
    index.add(Trigger("b", BUY, trail_percent=0.0))
    assert index.on_price(100.0, 101.0) == [("a", 100.0), ("b", 101.0)]


def test_each_side_looks_at_its_own_price(index):
    index.add(Trigger("sell", SELL, stop=99.0))
    index.add(Trigger("buy", BUY, stop=101.0))
    index.add(Trigger("trail", BUY, trail_amount=5.0))
    assert index.on_price(None, 100.0) == []
    assert index.on_price(99.5, None) == []
    assert index.on_price(None, None) == []
    assert index.best("trail") == 100.0
    assert index.on_price(99.0, None) == [("sell", 99.0)]
    assert index.on_price(None, 101.0) == [("buy", 101.0)]
    assert list(filter(index.__contains__, ("sell", "buy", "trail"))) == ["trail"]


def test_hits_come_in_the_order_of_adding(index):
    index.add(Trigger("c", BUY, stop=100.0))
    index.add(Trigger("b", SELL, trail_amount=1.0, best=110.0))
    index.add(Trigger("a", SELL, stop=104.0))
    index.add(Trigger("d", SELL, trail_percent=0.5, best=400.0))
    levels = [("c", 100.0), ("b", 109.0), ("a", 104.0), ("d", 200.0)]
    assert index.on_price(101.0, 102.0) == levels
    assert len(index) == 0


def test_what_is_removed_can_be_watched_again_from_where_it_was(index):
    index.add(Trigger("a", SELL, trail_amount=5.0))
    index.add(Trigger("b", SELL, stop=90.0))
    index.on_price(120.0, 120.0)
    taken = index.remove("a")
    assert taken == Trigger("a", SELL, trail_amount=5.0, best=120.0)
    assert "a" not in index
    assert index.on_price(100.0, 100.0) == []
    index.add(taken)
    assert len(index) == 2
    assert index.level("a") == 115.0
    assert index.on_price(80.0, 80.0) == [("b", 90.0), ("a", 115.0)]


def test_a_key_is_watched_once(index):
    index.add(Trigger("a", SELL, stop=5.0))
    with pytest.raises(KeyError, match="a"):
        index.add(Trigger("a", BUY, stop=6.0))
    assert (len(index), index.level("a")) == (1, 5.0)


def test_an_unknown_key_is_told_by_none(index):
    assert index.remove("a") is index.level("a") is index.best("a") is None
    assert "a" not in index


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "expected a stop"),
        ({"best": 5.0}, "expected a stop"),
        ({"stop": 5.0, "trail_amount": 1.0}, "expected a stop"),
        ({"trail_amount": -1.0}, "trail_amount=-1.0"),
        ({"trail_percent": -0.1, "trail_amount": 1.0}, "trail_percent=-0.1"),
        ({"stop": NAN}, "stop=nan: expected a finite number"),
        ({"stop": INF}, "stop=inf: expected a finite number"),
        ({"trail_amount": "1"}, "trail_amount='1': expected a finite number"),
        ({"trail_percent": NAN}, "trail_percent=nan: expected a finite number"),
        ({"trail_amount": 1.0, "best": NAN}, "best=nan: expected a finite number"),
    ],
)
def test_a_trigger_that_cannot_be_followed_is_refused(index, fields, text):
    with pytest.raises(UsageError) as caught:
        index.add(Trigger("a", SELL, **fields))
    assert text in str(caught.value)
    assert "a" not in index


@pytest.mark.parametrize("price", [NAN, INF, -INF])
def test_a_price_that_is_none_changes_nothing(index, price):
    index.add(Trigger("a", SELL, trail_amount=5.0, best=100.0))
    with pytest.raises(UsageError, match="sell_price"):
        index.on_price(price, 1.0)
    with pytest.raises(UsageError, match="buy_price"):
        index.on_price(200.0, price)
    assert index.best("a") == 100.0


def same(index, naive, step):
    """Do one step on both; compare what comes of it."""
    name, *args = step
    if name == "add" and args[0].key in naive.watched:
        return
    assert getattr(index, name)(*args) == getattr(naive, name)(*args)
    assert len(index) == len(naive.watched)
    for key in naive.watched:
        assert key in index
        assert index.level(key) == naive.level(key)
        assert index.best(key) == naive.best(key)


# Few prices, so that they meet; and any, so that levels are rounded.
prices = st.integers(90, 110).map(float) | st.floats(1, 200) | st.integers(-3, 3).map(float)
distances = st.integers(0, 12).map(float) | st.floats(0, 20)
fractions = st.sampled_from([0.0, 0.01, 0.05, 0.1, 1.0, 1.5]) | st.floats(0, 0.2)
maybe_price = st.none() | prices
keys = st.integers(0, 30).map(str)
sides = st.sampled_from(Side)
none = st.none()
triggers = st.one_of(
    st.builds(Trigger, keys, sides, *fields)
    for fields in (
        (prices, none, none, none),
        (none, distances, none, maybe_price),
        (none, none, fractions, maybe_price),
        (none, distances, fractions, maybe_price),
    )
)
steps = (
    st.tuples(st.just("add"), triggers)
    | st.tuples(st.just("remove"), keys)
    | st.tuples(st.just("on_price"), maybe_price, maybe_price)
)


@settings(max_examples=300, deadline=None)
@given(st.lists(steps, max_size=80))
def test_any_story_ends_as_the_rules_say(story):
    index, naive = TriggerIndex(), Naive()
    for step in story:
        same(index, naive, step)


def random_trigger(rng, key, price, near=0.0):
    """Return a trigger of any kind whose level is up to 30 % away, but at least ``near``."""
    side = rng.choice([BUY, SELL])
    fraction = rng.uniform(near, 0.3)
    kind = rng.choice(["stop", "trail_amount", "trail_percent"])
    value = {
        "stop": price * (1 + side.sign * fraction),
        "trail_amount": price * fraction,
        "trail_percent": fraction,
    }[kind]
    best = rng.choice([None, price]) if kind != "stop" else None
    return Trigger(key, side, best=best, **{kind: type(price)(value)})


@pytest.mark.parametrize("seed", range(3))
def test_a_long_random_walk_ends_as_the_rules_say(seed):
    rng = random.Random(seed)
    index, naive = TriggerIndex(), Naive()
    price = 100.0
    for number in range(1000):
        price = max(1.0, price + rng.gauss(0, 1))
        trigger = random_trigger(rng, str(number), price, near=0.01)
        same(index, naive, ("add", trigger))
        if rng.random() < 0.4:
            same(index, naive, ("remove", rng.choice(list(naive.watched))))
        same(index, naive, ("on_price", price, price + 0.1))


def compared(index, walk):
    """Return how many numbers the index compares for one price of the walk, on average."""
    Counted.compared = 0
    hits = [hit for price in walk for hit in index.on_price(price, price)]
    assert hits == []
    return Counted.compared / len(walk)


def walk(count, drift, rng):
    """Return a random walk from 100 which stays so near that no stop is hit."""
    price, prices = 100.0, []
    for _ in range(count):
        price += drift + rng.uniform(-0.05, 0.05)
        prices.append(Counted(price))
    return prices


def filled(index, count, rng):
    """Fill the index with triggers that are 10 % and more away."""
    for number in range(count):
        index.add(random_trigger(rng, str(number), Counted(100.0), near=0.1))
    index.on_price(Counted(100.0), Counted(100.0))
    return index


@pytest.mark.parametrize("drift", [0.0, 0.003, -0.003])
def test_a_price_costs_the_same_however_many_triggers_are_far(drift):
    few, many = (
        compared(filled(TriggerIndex(), count, random.Random(1)), walk(1000, drift, rng))
        for count, rng in ((10, random.Random(2)), (10_000, random.Random(2)))
    )
    assert many < 30
    assert many < 2 * few + 10


def test_a_price_costs_the_same_however_many_best_prices_there_are(index):
    for number in range(5000):
        away = Counted(1 + number / 10_000)
        index.add(Trigger(f"s{number}", SELL, trail_percent=Counted(0.5), best=100 * away))
        index.add(Trigger(f"b{number}", BUY, trail_amount=Counted(150.0), best=100 - 50 * away))
    assert compared(index, walk(1000, 0.003, random.Random(2))) < 30


def test_a_price_costs_the_same_while_orders_come_and_go(index):
    rng = random.Random(3)
    prices = walk(4000, 0.0, rng)
    Counted.compared = 0
    for number, price in enumerate(prices):
        index.add(random_trigger(rng, str(number), price, near=0.1))
        index.remove(str(number - 1000))
        assert index.on_price(price, price) == []
    assert len(index) == 1000
    assert Counted.compared / len(prices) < 60


def test_new_highs_cost_no_look_at_each_trailing_stop():
    index = filled(TriggerIndex(), 10_000, random.Random(1))
    highs = [Counted(100 + 0.005 * step) for step in range(1, 1001)]
    assert compared(index, highs) < 30
    naive = filled(Naive(), 1000, random.Random(1))
    assert compared(naive, highs[:10]) > 1000  # the numbers do count


def test_one_stop_joins_many_at_the_cost_of_one():
    index = filled(TriggerIndex(), 10_000, random.Random(1))
    Counted.compared = 0
    for step in range(500):
        index.add(Trigger(f"new{step}", SELL, trail_amount=Counted(20.0)))
        for price in (Counted(99.995 + 0.01 * step), Counted(100.01 + 0.01 * step)):
            assert index.on_price(price, None) == []
    assert Counted.compared < 500 * 100


def test_many_hits_cost_as_many_looks():
    index = filled(TriggerIndex(), 10_000, random.Random(1))
    before = len(index)
    Counted.compared = 0
    hits = index.on_price(Counted(85.0), None)
    assert len(index) == before - len(hits)
    assert len(hits) > 500
    assert Counted.compared < 100 * len(hits)


def churn(index, number):
    """Add and remove, hit, and move the stops that stay."""
    high = 100 + 0.001 * number
    for trigger in (
        Trigger("removed", SELL, stop=-1.0 - number),
        Trigger("trailing", SELL, trail_amount=1e6, best=1e6 - number),
        Trigger("waiting", BUY, trail_percent=0.5),
    ):
        index.add(trigger)
        index.remove(trigger.key)
    index.add(Trigger("hit", SELL, trail_amount=0.0))
    assert [key for key, _ in index.on_price(high, high)] == ["hit"]


def highs_only(index, number):
    assert index.on_price(100 + 0.001 * number, 100 + 0.001 * number) == []


@pytest.mark.parametrize("step", [churn, highs_only])
def test_what_is_forgotten_does_not_pile_up(index, step):
    for number in range(10):
        index.add(Trigger(str(number), SELL, trail_amount=10.0 + number))
        index.add(Trigger(f"f{number}", SELL, stop=0.0))  # what is removed stands behind it
    sizes = []
    for number in range(4000):
        if number % 2000 == 1000:
            gc.collect()
            sizes.append(len(gc.get_objects()))
        step(index, number)
    assert sizes[1] - sizes[0] < 300
    assert len(index) == 20
