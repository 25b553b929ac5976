"""Bars for parity tests: generated ones that are always there, and real files."""

from __future__ import annotations

import dataclasses
import datetime
import random
import re
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

import backtrader as bt

from tests.parity.harness import Bars, Series

DAY_END = datetime.time(23, 59, 59, 999990)  # where backtrader's CSV feeds put a daily bar

SESSION_END = datetime.time(10, 9)  # of the generated bars, which begin at 9:30

DAYS, MINUTES, WEEKS = bt.TimeFrame.Days, bt.TimeFrame.Minutes, bt.TimeFrame.Weeks


class File(NamedTuple):
    """A real price file: what its bars are, and the first row to use.

    ``columns`` says where time, open, high, low, close and volume are when they are elsewhere
    than usual; the file may have no volume.
    """

    name: str
    timeframe: int
    compression: int = 1
    start: int = 0
    columns: Tuple[int, ...] = ()


FILES = (
    File("2006-day-001.txt", DAYS),
    File("2006-week-001.txt", WEEKS),
    File("2006-min-005.txt", MINUTES, 5),
    File("2006-01-02-volume-min-001.txt", MINUTES, 1, start=300),
    File("RB1601.csv", MINUTES, 30),
    File("XAUUSD_H1.csv", MINUTES, 60, start=5000),
    File("EURUSD_1d.csv", DAYS, start=9000),
    File("nvda-1999-2014.txt", DAYS),
    File("orcl-1995-2014.txt", DAYS),
    File("ticksample.csv", bt.TimeFrame.Ticks),
)

#: Of these what is compared has been compared on others like them, or they are no bars.
MORE_FILES = (
    File("2006-day-002.txt", DAYS),
    File("RB1605.csv", MINUTES, 30),
    File("yhoo-1996-2014.txt", DAYS),
    File("113013.csv", DAYS, columns=(2, 3, 4, 5, 6, 7)),
    File("SSE50_ETF.csv", DAYS, columns=(0, 1, 1, 1, 1)),
    File("bidask.csv", bt.TimeFrame.Seconds, columns=(0, 1, 2, 1, 2)),
    File("tick_ETHUSDT_20240101.csv", bt.TimeFrame.Ticks, columns=(0, 4, 4, 4, 4, 5)),
)


def generated(
    count: int,
    seed: int = 1,
    minutes: int = 1,
    start: datetime.datetime = datetime.datetime(2024, 1, 2, 9, 30),
) -> Bars:
    """Return a random walk with gaps, flat bars, nights and volumes from nothing to plenty."""
    chance = random.Random(seed)
    rows: List[Tuple[Any, ...]] = []
    price, when = 100.0, start
    for _ in range(count):
        opened = price + (chance.uniform(-2, 2) if chance.random() < 0.2 else 0.0)
        closed = opened + chance.choice([0.0, chance.uniform(-1, 1)])
        high = max(opened, closed) + chance.choice([0.0, chance.uniform(0, 1)])
        low = min(opened, closed) - chance.choice([0.0, chance.uniform(0, 1)])
        volume = chance.choice([0.0, 2.0, 9.0, 400.0])
        rows.append((when, *(round(value, 2) for value in (opened, high, low, closed)), volume))
        price = max(closed, 10.0)
        when += datetime.timedelta(minutes=minutes)
        if when.time() > SESSION_END:
            when = when.replace(hour=9, minute=30) + datetime.timedelta(days=1)
    return tuple(rows)


def read(folder: Path, file: File, count: int) -> Series:
    """Return up to ``count`` bars of a real file."""
    lines = (folder / file.name).read_text(encoding="utf-8-sig").splitlines()
    header = lines[0].lower()
    rows = []
    for line in lines[1 + file.start : 1 + file.start + count]:
        fields = line.replace("\t", ",").split(",")
        if file.columns:
            fields = [fields[column] for column in file.columns]
        day, _, clock = fields.pop(0).replace("T", " ").partition(" ")
        if ":" in fields[0]:
            clock = fields.pop(0)
        prices = [float(field) for field in fields[:4]]
        volumes = fields[5:] if "adj close" in header else fields[4:]
        volume = float(volumes[0]) if volumes else 0.0
        rows.append((_time(day, clock, file.timeframe), *prices, volume))
    return Series(tuple(rows), file.timeframe, file.compression)


def _time(day: str, clock: str, timeframe: int) -> datetime.datetime:
    parts = [int(part) for part in re.split(r"[-./]", day)]
    if len(parts) < 3:  # seconds since 1970
        return datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=float(day))
    date = datetime.date(*(parts if parts[0] > 31 else reversed(parts)))
    if timeframe >= DAYS or not clock:
        return datetime.datetime.combine(date, DAY_END)
    hours, minutes, seconds = (clock + ":00").split(":")[:3]
    whole, _, fraction = seconds.partition(".")
    micro = int((fraction + "000000")[:6])
    return datetime.datetime.combine(
        date, datetime.time(int(hours), int(minutes), int(whole), micro)
    )


def unit_of(bars: Bars) -> float:
    """Return the mean height of a bar: the unit of the distances in plans."""
    heights = [row[2] - row[3] for row in bars]
    return round(sum(heights) / len(heights), 6) or 0.01


def _flat(row: Tuple[Any, ...]) -> Tuple[Any, ...]:
    """Return the bar with its close at its open."""
    when, opened, high, low, _, volume = row
    return (when, opened, high, low, opened, volume)


def shaped(series: Series, shape: str, other: Optional[Bars] = None) -> List[Series]:
    """Return the datas of a case made from one series: alone, with others, in other frames."""
    to = (series.timeframe, series.compression * 5)
    shapes: Dict[str, List[Series]] = {
        "one": [series],
        "flat": [dataclasses.replace(series, bars=[_flat(row) for row in series.bars])],
        "resample": [series, Series(of=0, how="resample", to=to)],
        "resample only": [
            Series(series.bars, series.timeframe, series.compression, "resample", to)
        ],
        "replay": [series, Series(of=0, how="replay", to=to)],
        "replay only": [Series(series.bars, series.timeframe, series.compression, "replay", to)],
        "slower": [series, Series(series.bars[::4], series.timeframe, series.compression * 4)],
        "later, shorter": [series, Series(series.bars[20:-20], series.timeframe)],
        "compensate": [series, Series(series.bars, series.timeframe, compensates=0)],
        "three": [
            series,
            Series(series.bars[1::2], series.timeframe, series.compression),
            Series(other or series.bars[::-1][::-1], series.timeframe, series.compression),
        ],
    }
    return shapes[shape]
