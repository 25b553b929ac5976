"""Plans of faults, by chance from a seed."""

import collections

import pytest

from btstores.errors import ConfigError
from btstores.sim.faults import Chance, Planned, draws, plan_of_seed, read_plan

CHANCES = {
    "often": Chance(9, 0, "a moment"),
    "long": Chance(1, 100, "a while"),
    "never": Chance(0, 10, "not at all"),
}


def test_a_seed_is_a_plan():
    plan = plan_of_seed(CHANCES, 7, 600.0, 10.0)
    assert plan == plan_of_seed(dict(reversed(list(CHANCES.items()))), 7, 600.0, 10.0)
    assert plan != plan_of_seed(CHANCES, 8, 600.0, 10.0)


def test_chances_decide_what_and_how_often():
    plan = plan_of_seed(CHANCES, 1, 36_000.0, 10.0)
    counts = collections.Counter(planned.name for planned in plan)
    assert 5500 < len(plan) < 6500
    assert 7 < counts["often"] / counts["long"] < 12
    assert counts["never"] == 0
    assert [planned.at for planned in plan] == sorted(planned.at for planned in plan)
    assert all(planned.at < 36_000.0 for planned in plan)


def test_a_fault_lasts_as_long_as_it_may():
    plan = plan_of_seed(CHANCES, 1, 36_000.0, 10.0)
    lengths = [planned.options["seconds"] for planned in plan if planned.name == "long"]
    assert 1 <= min(lengths) < 2
    assert 80 < max(lengths) <= 100
    assert all(planned.options == {} for planned in plan if planned.name == "often")


def test_without_chances_nothing_goes_wrong():
    assert plan_of_seed({}, 1, 600.0, 10.0) == []


def test_numbers_for_one_purpose_do_not_depend_on_those_for_another():
    first = draws("one", 1)
    draws("two", 1).random()
    assert first.random() == draws("one", 1).random()
    assert draws("one", 1).random() != draws("two", 1).random()


def check(name, options):
    if name != "drop":
        raise ConfigError.of("name", name, "drop")


def test_a_plan_is_read_from_a_file(tmp_path):
    path = tmp_path / "plan.toml"
    path.write_text('[[fault]]\nat = 5\nname = "drop"\nseconds = 2.5\n', encoding="utf-8")
    assert read_plan(path, check) == [Planned(5.0, "drop", {"seconds": 2.5})]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[[fault]]\nname = "jump"', "fault 1: name='jump'"),
        ('[[fault]]\nname = "drop"\n[[fault]]\nat = -1\nname = "drop"', "fault 2: at=-1"),
        ("fault = 3", "expected tables"),
        ('[other]\nname = "drop"', "expected tables"),
    ],
)
def test_a_bad_plan_names_the_table(text, words, tmp_path):
    path = tmp_path / "plan.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=words):
        read_plan(path, check)
