"""LiveCerebro does what `bt.Cerebro` does with the real price files as live feeds."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterator, Sequence

import pytest

from tests.parity.bars import DAYS, generated
from tests.parity.engines import Program
from tests.parity.file_programs import ALL_FILES, ARRANGEMENTS, GROUPS, of_file, of_group, program
from tests.parity.harness import Series

BARS, MANY = 36, 600

HOWS = sorted(ARRANGEMENTS)


def check(one: Program) -> None:
    both = one.twin()
    assert not both.differences()
    assert not both.theirs.error
    assert both.calls > 10, "next to nothing has been compared"


def needed(folder: Path, names: Sequence[str]) -> None:
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        pytest.skip(f"not in {folder}: {', '.join(missing)}")


def cases() -> Iterator[Any]:
    """Yield each file in all arrangements; each alone, and in one more by turns, is quick."""
    for number, file in enumerate(ALL_FILES):
        turns = ("alone", HOWS[number % len(HOWS)])
        for how in HOWS:
            marks = [] if how in turns else [pytest.mark.long]
            yield pytest.param(file, how, id=f"{file.name}, {how}", marks=marks)


@pytest.mark.parametrize(("file", "how"), list(cases()))
def test_a_file(file: Any, how: str, shared_data: Path) -> None:
    needed(shared_data, [file.name])
    check(of_file(shared_data, file, how, BARS))


@pytest.mark.parametrize("names", GROUPS, ids=" + ".join)
def test_files_together(names: Sequence[str], shared_data: Path) -> None:
    needed(shared_data, names)
    check(of_group(shared_data, names, BARS))


@pytest.mark.parametrize("how", HOWS)
def test_without_files(how: str) -> None:
    """Bars that are always there, so that this is never shown by skipped tests alone."""
    check(program(how, ARRANGEMENTS[how](Series(generated(BARS))), history=5))


def test_time_frames_without_files() -> None:
    minutes = generated(BARS, minutes=30)
    days = {row[0].date(): row for row in minutes}.values()
    other = generated(BARS, seed=2, minutes=15)
    datas = [
        Series(tuple(days), DAYS),
        Series(minutes, compression=30),
        Series(other, compression=15),
    ]
    check(program("three time frames", datas))


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("file", ALL_FILES, ids=lambda file: file.name)
def test_more_of_a_file(file: Any, how: str, shared_data: Path) -> None:
    needed(shared_data, [file.name])
    check(of_file(shared_data, file, how, MANY))


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("names", GROUPS, ids=" + ".join)
def test_more_of_files_together(names: Sequence[str], shared_data: Path) -> None:
    needed(shared_data, names)
    check(of_group(shared_data, names, 5 * MANY))
