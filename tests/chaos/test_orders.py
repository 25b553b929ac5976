"""Orders through a link that repeats, reorders and loses what the venue says.

What must hold is checked after every step, and once more against the venue's own book when
everything has come to rest. See `tests.support.machine`.
"""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.support.machine import VENUES, Machine

EPISODE = 400


def play(kind: str, seed: int, steps: int) -> None:
    """Play one account from a seed; the seed is named when it fails."""
    chance = random.Random(f"{kind} {seed}")
    machine = Machine(kind)
    try:
        for name in chance.choices(Machine.NAMES, Machine.WEIGHTS, k=steps):
            machine.step(name, chance)
        machine.settle()
    except Exception as error:
        raise AssertionError(f"play({kind!r}, {seed}, {steps}) failed: {error}") from error


def play_mortally(kind: str, seed: int, steps: int) -> int:
    """The same with processes that are killed; return how many were."""
    chance = random.Random(f"mortal {kind} {seed}")
    machine = Machine(kind, journal=True)
    names = chance.choices(Machine.MORTAL, Machine.MORTAL_WEIGHTS, k=steps)
    try:
        for name in names:
            machine.step(name, chance)
        machine.settle()
    except Exception as error:
        raise AssertionError(f"play_mortally({kind!r}, {seed}, {steps}) failed: {error}") from error
    return names.count("die")


@pytest.mark.parametrize("kind", VENUES)
def test_accounts_from_seeds(kind):
    for seed in range(6):
        play(kind, seed, EPISODE)


@pytest.mark.parametrize("kind", VENUES)
def test_accounts_of_processes_that_are_killed(kind):
    assert sum(play_mortally(kind, seed, EPISODE) for seed in range(3)) > 5


@pytest.mark.parametrize(
    ("kind", "seed"),
    [
        ("has stops, changes sizes", 1523),
        ("has stops, changes sizes", 6216),
        ("has stops, changes nothing", 5205),
        ("has stops, changes nothing", 5791),
        ("has nothing", 5860),
    ],
)
def test_accounts_that_once_went_wrong(kind, seed):
    play(kind, seed, EPISODE)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", VENUES)
def test_a_million_steps(kind):
    episodes = 1_000_000 // len(VENUES) // EPISODE
    first = 1000
    for seed in range(first, first + episodes):
        play(kind, seed, EPISODE)
    print(f"{kind}: {episodes * EPISODE:,} steps, seeds {first} to {first + episodes - 1}")


class Orders(RuleBasedStateMachine):
    """The same steps, chosen by hypothesis, which finds the shortest story that goes wrong."""

    @initialize(kind=st.sampled_from(sorted(VENUES)))
    def begin(self, kind):
        self.machine = Machine(kind)

    @rule(name=st.sampled_from(Machine.NAMES), seed=st.integers(0, 1000))
    def step(self, name, seed):
        self.machine.step(name, random.Random(seed))

    @invariant()
    def holds(self):
        if hasattr(self, "machine"):
            self.machine.check()

    def teardown(self):
        if hasattr(self, "machine"):
            self.machine.settle()


TestOrders = Orders.TestCase
TestOrders.settings = settings(
    max_examples=40,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
