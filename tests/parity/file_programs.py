"""Real price files as live feeds: alone, resampled, replayed, and together with others."""

from __future__ import annotations

import dataclasses
import datetime
from pathlib import Path
from typing import Any, Callable, Iterator, List, Sequence, Tuple

import backtrader as bt

from tests.parity.bars import DAYS, FILES, MINUTES, MORE_FILES, WEEKS, File, read, unit_of
from tests.parity.cases import MIXED, TARGETS
from tests.parity.engines import Program
from tests.parity.harness import Planned, Series, Setup
from tests.parity.plans import Move
from tests.parity.strategies import Wanting

ALL_FILES = (*FILES, *MORE_FILES)

MONTHS, SECONDS = bt.TimeFrame.Months, bt.TimeFrame.Seconds

#: Files that are played together, from where the last of them begins.
GROUPS = (
    ("2006-day-001.txt", "2006-week-001.txt"),
    ("2006-day-002.txt", "2006-day-001.txt", "2006-week-001.txt"),
    ("2006-min-005.txt", "2006-01-02-volume-min-001.txt", "2006-day-001.txt"),
    ("RB1601.csv", "RB1605.csv"),
    ("nvda-1999-2014.txt", "orcl-1995-2014.txt", "yhoo-1996-2014.txt"),
    ("XAUUSD_H1.csv", "EURUSD_1d.csv"),
    ("113013.csv", "SSE50_ETF.csv"),
)

ROUNDS = [
    [action for action in actions if not isinstance(action, Move)] for actions in MIXED + TARGETS
]


def larger(series: Series) -> Tuple[int, int]:
    """Return a time frame that holds several bars of a series."""
    if series.timeframe == bt.TimeFrame.Ticks:
        return (SECONDS, 15)
    if series.timeframe == SECONDS:
        return (SECONDS, 5)
    if series.timeframe == MINUTES:
        return (MINUTES, 60 if series.compression < 30 else series.compression * 4)
    return (WEEKS, 1) if series.timeframe == DAYS else (MONTHS, 1)


def _only(how: str) -> Callable[[Series], List[Series]]:
    return lambda one: [dataclasses.replace(one, how=how, to=larger(one))]


def _besides(*hows: str) -> Callable[[Series], List[Series]]:
    return lambda one: [one, *(Series(of=0, how=how, to=larger(one)) for how in hows)]


#: What is made of one file.
ARRANGEMENTS = {
    "alone": lambda one: [one],
    "resampled": _only("resample"),
    "replayed": _only("replay"),
    "and resampled": _besides("resample"),
    "and replayed": _besides("replay"),
    "and a clone, both": _besides("clone", "resample", "replay"),
}


def trading(datas: Sequence[Series]) -> Callable[[Any], None]:
    """Return what gives a Cerebro indicators on the feeds, timers, and orders of all types."""
    last = len(datas) - 1
    wanted = [("macd", 0, 0), ("laguerre", 0, 0), ("atr", last, last), ("of count", last, 0)]
    wanted += [(name, 0, last) for name in ("cross", "delay", "and", "ema", "highest")]
    cycles = 3 * sum(len(series.bars) for series in datas)
    plan = {cycle: ROUNDS[cycle // 3 % len(ROUNDS)] for cycle in range(3, cycles, 3)}
    unit = unit_of(datas[0].bars)
    # Where nothing but resampled bars is shown, LiveCerebro tells timers between them, on time.
    shows_all = any(series.how != "resample" for series in datas)
    whens = [datetime.time(9, 35), datetime.time(21, 45)] if shows_all else []

    def prepare(cerebro: Any) -> None:
        cerebro.addstrategy(Wanting, wanted=wanted, timers=whens)
        cerebro.addstrategy(Planned, plan=plan, unit=unit)

    return prepare


def program(name: str, datas: Sequence[Series], history: int = 0) -> Program:
    """Return the run of feeds with the strategies that trade on them."""
    return Program(name, datas, trading(datas), Setup(broker={"cash": 100_000.0}), history)


def load(folder: Path, file: File, count: int) -> Series:
    """Return up to ``count`` bars with times of their own, in order, as a venue has them.

    Of ticks at the same time the last is left.
    """
    series = read(folder, file, count)
    by_time = {row[0]: row for row in series.bars}
    return dataclasses.replace(series, bars=tuple(by_time[when] for when in sorted(by_time)))


def of_file(folder: Path, file: File, arrangement: str, count: int) -> Program:
    """Return the run of an arrangement of one file, of which a tenth is history."""
    datas = ARRANGEMENTS[arrangement](load(folder, file, count))
    return program(f"{file.name} {arrangement}", datas, len(datas[0].bars) // 10)


def of_group(folder: Path, names: Sequence[str], count: int) -> Program:
    """Return the run of several files, up to ``count`` bars of each."""
    found = [load(folder, file, 10**6) for file in map(file_of, names)]
    begin = max(series.bars[0][0] for series in found)
    cut = [[row for row in series.bars if row[0] >= begin] for series in found]
    end = max(min(rows[:count][-1][0] for rows in cut), begin + datetime.timedelta(days=1))
    datas = [
        dataclasses.replace(series, bars=tuple(row for row in rows[:count] if row[0] <= end))
        for series, rows in zip(found, cut)
    ]
    return program(" + ".join(names), datas)


def file_of(name: str) -> File:
    """Return what is known of a file."""
    return next(file for file in ALL_FILES if file.name == name)


def programs(folder: Path, count: int) -> Iterator[Program]:
    """Yield all of them for the files that are there."""
    for file in ALL_FILES:
        if (folder / file.name).is_file():
            for arrangement in ARRANGEMENTS:
                yield of_file(folder, file, arrangement, count)
    for names in GROUPS:
        if all((folder / name).is_file() for name in names):
            yield of_group(folder, names, count)
