"""What the tests and samples of backtrader run, on the feeds of a store.

Each row of `upstream_tests` and `upstream_samples` names the test or the sample that it follows.
Left out are, of the tests:

- ``comminfo``, ``order``, ``position``, ``trade``, ``metaclass``: they run no Cerebro.
- ``strategy_optimized`` as such: an optimization is of historical feeds. It is run so in
  `test_engine_upstream`; some of its periods are rows.

Of the samples:

- ``ibtest``, ``ib-cash-bid-ask``, ``oandatest``, ``vctest``, ``yahoo-test``: they need an account
  or a service. ``talib``, ``gold-vs-sp500`` and ``pyfolio2`` need libraries.
- ``order-history``: the account of a venue has a history of its own.
- ``rollover``: it chains historical feeds. ``data-pandas``, ``data-bid-ask`` and
  ``bidask-to-ohlc`` are about reading files.
- ``lineplotter``, ``partial-plot``, ``plot-same-axis``: they draw what others have run.
- ``pinkfish-challenge``: its filter ``DaySplitter_Close`` fails on a live feed with either engine.
- ``weekdays-filler``: its filters are its own, and do what those of backtrader do here.
"""

from __future__ import annotations

import dataclasses
import datetime
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

import backtrader as bt

from tests.parity.bars import DAYS, MINUTES, SESSION_END, WEEKS, generated
from tests.parity.engines import Program
from tests.parity.file_programs import file_of, load
from tests.parity.harness import Series, Setup

MONTHS = bt.TimeFrame.Months


@dataclasses.dataclass(frozen=True)
class Prices:
    """Series by what they are: the files that backtrader's samples use, or generated ones."""

    name: str
    day: Series
    day2: Series
    week: Series
    minutes: Series
    volume: Series
    stocks: Tuple[Series, ...]
    ticks: Series

    def short(self, count: int) -> Prices:
        """Return the first bars of all."""

        def first(series: Series, times: int = 1) -> Series:
            return dataclasses.replace(series, bars=series.bars[: times * count])

        return Prices(
            self.name,
            *map(first, (self.day, self.day2, self.week)),
            first(self.minutes, 3),
            first(self.volume, 2),
            tuple(map(first, self.stocks)),
            first(self.ticks, 2),
        )


FILES = {
    "day": "2006-day-001.txt",
    "day2": "2006-day-002.txt",
    "week": "2006-week-001.txt",
    "minutes": "2006-min-005.txt",
    "volume": "2006-01-02-volume-min-001.txt",
    "ticks": "ticksample.csv",
}
STOCKS = ("yhoo-1996-2014.txt", "orcl-1995-2014.txt", "nvda-1999-2014.txt")


def prices_of(folder: Path) -> Optional[Prices]:
    """Return the prices of the files, if they are all there."""
    if not all((folder / name).is_file() for name in (*FILES.values(), *STOCKS)):
        return None
    found = {what: load(folder, file_of(name), 10**4) for what, name in FILES.items()}
    stocks = [load(folder, file_of(name), 10**4) for name in STOCKS]
    begin = datetime.datetime(2005, 1, 1)
    cut = [tuple(row for row in series.bars if row[0] >= begin) for series in stocks]
    found["minutes"] = dataclasses.replace(found["minutes"], sessionend=datetime.time(17, 30))
    return Prices("files", stocks=tuple(Series(rows, DAYS) for rows in cut), **found)


def made_up() -> Prices:
    """Return generated prices."""

    def days(seed: int, step: int = 1) -> Series:
        one = datetime.timedelta(days=1)
        begin = datetime.datetime(2006, 1, 2, 23, 59, 59)
        rows = generated(260, seed=seed)
        dated = [(begin + number * one, *row[1:]) for number, row in enumerate(rows)]
        return Series(tuple(row for row in dated[::step] if row[0].weekday() < 5), DAYS)

    rows = generated(400, seed=5, minutes=5)
    every_five = Series(rows, compression=5, sessionend=SESSION_END)
    weekly = tuple(row for row in days(1).bars if row[0].weekday() == 4)
    return Prices(
        "generated",
        day=days(1),
        day2=days(2, 2),
        week=Series(weekly, WEEKS),
        minutes=every_five,
        volume=Series(generated(400, seed=6)),
        stocks=(days(7), days(8), days(9)),
        ticks=Series(
            tuple(
                (row[0] + datetime.timedelta(seconds=number % 50), *[row[4]] * 4, row[5])
                for number, row in enumerate(generated(300, seed=11))
            ),
            bt.TimeFrame.Ticks,
        ),
    )


def _made_of(what: str, how: str, to: Tuple[int, int]) -> Callable[[Prices], List[Series]]:
    return lambda prices: [dataclasses.replace(getattr(prices, what), how=how, to=to)]


def _with(what: str, *others: Tuple[str, Tuple[int, int]]) -> Callable[[Prices], List[Series]]:
    return lambda prices: [
        getattr(prices, what),
        *(Series(of=0, how=how, to=to) for how, to in others),
    ]


#: How feeds are set up.
FEEDS: Dict[str, Callable[[Prices], List[Series]]] = {
    "day": _with("day"),
    "day, week": lambda prices: [prices.day, prices.week],
    "week, day": lambda prices: [prices.week, prices.day],
    "two days": lambda prices: [prices.day, prices.day2],
    "stock": lambda prices: [prices.stocks[0]],
    "stocks": lambda prices: list(prices.stocks),
    "minutes": _with("minutes"),
    "volume": _with("volume"),
    "weeks of days": _made_of("day", "resample", (WEEKS, 1)),
    "replayed weeks": _made_of("day", "replay", (WEEKS, 1)),
    "replayed days": _made_of("minutes", "replay", (DAYS, 1)),
    "hours of minutes": _made_of("minutes", "resample", (MINUTES, 60)),
    "minutes of ticks": _made_of("ticks", "resample", (MINUTES, 1)),
    "seconds of ticks": _made_of("ticks", "replay", (bt.TimeFrame.Seconds, 30)),
    "day and weeks": _with("day", ("resample", (WEEKS, 1))),
    "day and months": _with("day", ("resample", (MONTHS, 1))),
    "day and replayed weeks": _with("day", ("replay", (WEEKS, 1))),
    "minutes and hours, days": _with(
        "minutes", ("resample", (MINUTES, 60)), ("resample", (DAYS, 1))
    ),
    "day and clone": _with("day", ("clone", (DAYS, 1))),
    "day, clone and weeks": _with("day", ("clone", (DAYS, 1)), ("resample", (WEEKS, 1))),
}

Prepare = Callable[[Any], Any]


class Upstream(NamedTuple):
    """A row: which test or sample, its feeds, what its Cerebro gets.

    ``figures`` tells of a run on the real file what the test ``expected`` there.
    """

    of: str
    feeds: str
    prepare: Sequence[Prepare]
    broker: Dict[str, Any] = {}
    commission: Dict[str, Any] = {}
    cerebro: Dict[str, Any] = {}
    figures: Optional[Callable[[Any], Any]] = None
    expected: Any = None

    def program(self, prices: Prices) -> Program:
        """Return its run on these prices."""

        def prepare(cerebro: Any) -> None:
            for one in self.prepare:
                one(cerebro)

        setup = Setup(
            broker=dict(self.broker),
            commissions=[self.commission] if self.commission else [],
            cerebro=dict(self.cerebro),
        )
        return Program(f"{self.of} ({self.feeds})", FEEDS[self.feeds](prices), prepare, setup)


def runs(strategy: Any, **params: Any) -> Prepare:
    """Return what adds a strategy."""
    return lambda cerebro: cerebro.addstrategy(strategy, **params)


def adds(what: str, *args: Any, **params: Any) -> Prepare:
    """Return what calls one of Cerebro's ``add...``."""
    return lambda cerebro: getattr(cerebro, what)(*args, **params)


def filters(place: int, kind: Any, **params: Any) -> Prepare:
    """Return what gives a feed a filter."""
    return lambda cerebro: cerebro.datas[place].addfilter(kind, **params)
