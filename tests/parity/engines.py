"""The same run on `bt.Cerebro` and on `LiveCerebro`, and all that strategies are told in either.

A `Witness` is an analyzer that each strategy of a run gets. It writes down every call of the
strategy's hooks, in their order, with the values that all lines have at that moment, and at the
end all lines whole. So any strategy can be compared, as it is.
"""

from __future__ import annotations

import array
import dataclasses
import functools
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Sequence, Tuple

import backtrader as bt
from backtrader.lineiterator import LineIterator

from btstores import LiveCerebro
from tests.parity import fullstack
from tests.parity.harness import Series, Setup

#: With these all lines are looked at; with the others what the call itself tells.
SHOWN = (
    *("prenext", "nextstart", "next", "prenext_open", "nextstart_open", "next_open"),
    *("notify_timer", "stop"),
)
TOLD = (
    *("start", "notify_order", "notify_trade", "notify_cashvalue", "notify_fund"),
    *("notify_data", "notify_store"),
)

_TICKS = ("tick_open", "tick_high", "tick_low", "tick_close", "tick_volume", "tick_last")


class Call(NamedTuple):
    """A call of a hook: what it told, the lengths of all that has lines, and their values."""

    hook: str
    told: Tuple[Any, ...]
    lens: Tuple[int, ...] = ()
    values: Tuple[float, ...] = ()


class Witness(bt.Analyzer):
    """Writes down the calls of its strategy in a list of its own, which ``calls`` gets."""

    def __init__(self, calls: List[List[Call]]) -> None:
        self.calls: List[Call] = []
        calls.append(self.calls)
        # Others may have made orders and trades before: they count from here.
        self._first_order, self._first_trade = next(bt.Order.refbasis), next(bt.Trade.refbasis)
        self._alive: Dict[int, Any] = {}
        for hook in (*SHOWN, *TOLD):
            setattr(self.strategy, hook, self._heard(hook, getattr(self.strategy, hook)))

    def _heard(self, hook: str, method: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(method)
        def call(*args: Any, **kwargs: Any) -> Any:
            told = tuple(map(self._plain, args))
            if hook in SHOWN:
                self.calls.append(Call(hook, told, *self._look()))
            else:
                self.calls.append(Call(hook, told))
            return method(*args, **kwargs)

        return call

    def _plain(self, told: Any) -> Any:
        """Return what a hook was told, in terms that another run can be compared with."""
        if isinstance(told, bt.Order):
            self._alive[told.ref] = told
            if not told.alive():
                del self._alive[told.ref]
            done = told.executed
            amounts = (
                done.size,
                done.price,
                done.remsize,
                done.value,
                done.comm,
                done.pnl,
                done.dt,
            )
            bits = [(one.dt, one.size, one.price, one.pnl, one.comm) for one in done.getpending()]
            return (told.ref - self._first_order, told.getstatusname(), amounts, bits)
        if isinstance(told, bt.Trade):
            amounts = (told.size, told.price, told.value, told.commission, told.pnl, told.pnlcomm)
            times = (told.baropen, told.barclose, told.barlen, told.dtopen, told.dtclose)
            return (told.ref - self._first_trade, told.tradeid, told.status, amounts, times)
        if isinstance(told, bt.feed.AbstractDataBase):
            return told._name
        return None if isinstance(told, bt.Timer) else told

    def _look(self) -> Tuple[Tuple[int, ...], Tuple[float, ...]]:
        strategy, broker = self.strategy, self.strategy.broker
        lens, values = [], [broker.getcash(), broker.getvalue()]
        for one in (strategy, *strategy.datas, *indicators_of(strategy)):
            lens.append(len(one))
            if lens[-1]:
                values += [line[0] for line in lines_of(one)]
        for data in strategy.datas:
            position = strategy.getposition(data)
            values += [position.size, position.price]
            # Of a replayed feed these tell the tick and not the bar.
            ticks = [getattr(data, name, None) for name in _TICKS]
            values += [float("nan") if tick is None else tick for tick in ticks]
        # Where trailing stops stand.
        values += [order.created.price or 0.0 for order in self._alive.values()]
        return tuple(lens), tuple(values)

    def prenext(self) -> None:
        self.calls.append(Call("analyzer", ("prenext",)))

    def nextstart(self) -> None:
        self.calls.append(Call("analyzer", ("nextstart",)))

    def next(self) -> None:
        self.calls.append(Call("analyzer", ("next",)))

    def stop(self) -> None:
        strategy = self.strategy
        for one in (*strategy.datas, *indicators_of(strategy), *strategy.getobservers()):
            for line in lines_of(one):
                # Couplers are numbered through the whole process.
                name = type(one).__name__.rstrip("_0123456789")
                self.calls.append(Call(name, (), (), tuple(line.array)))


def indicators_of(owner: Any) -> Iterator[Any]:
    """Yield the indicators of a strategy and those inside them."""
    for indicator in getattr(owner, "_lineiterators", {}).get(LineIterator.IndType, ()):
        yield indicator
        yield from indicators_of(indicator)


def lines_of(one: Any) -> Sequence[Any]:
    """Return the lines of something; an operation is its own."""
    return list(one.lines) if hasattr(one, "lines") else [one]


@dataclasses.dataclass
class Run:
    """What came of a run: the calls by strategy, what analyzers and writers say, the error."""

    calls: List[List[Call]] = dataclasses.field(default_factory=list)
    strategies: List[Any] = dataclasses.field(default_factory=list)
    said: List[str] = dataclasses.field(default_factory=list)
    error: str = ""


@dataclasses.dataclass
class Twin:
    """A run on either engine."""

    theirs: Run
    ours: Run

    @property
    def calls(self) -> int:
        """How many calls of strategies have been compared."""
        return sum(call.hook in (*SHOWN, *TOLD) for calls in self.theirs.calls for call in calls)

    @property
    def values(self) -> int:
        """How many values of lines have been compared."""
        return sum(len(call.values) for calls in self.theirs.calls for call in calls)

    def differences(self) -> List[str]:
        """Return a line for each strategy and each report that differs; equal to the last bit."""
        theirs, ours = self.theirs, self.ours
        lines = []
        if theirs.error != ours.error:
            lines.append(f"error: {theirs.error!r}, LiveCerebro {ours.error!r}")
        for number, (one, two) in enumerate(zip(theirs.calls, ours.calls)):
            if theirs.error:
                two = two[: len(one)]  # it also stops what has been running
            lines += [f"strategy {number}, {line}" for line in _difference(one, two)]
        lines += [
            f"report {number}: {one}\nLiveCerebro: {two}"
            for number, (one, two) in enumerate(zip(theirs.said, ours.said))
            if one != two
        ]
        if (len(theirs.calls), len(theirs.said)) != (len(ours.calls), len(ours.said)):
            lines.append("not the same strategies or reports")
        return lines


def _difference(theirs: List[Call], ours: List[Call]) -> Iterator[str]:
    for number, (one, two) in enumerate(zip(theirs, ours)):
        if not same(one, two):
            yield f"call {number}: {_short(one, two)}"
            return
    if len(theirs) != len(ours):
        yield f"{len(theirs)} calls, LiveCerebro {len(ours)}"


def same(one: Call, two: Call) -> bool:
    """Return whether calls are equal, NaN with NaN."""
    return (
        (one.hook, one.lens) == (two.hook, two.lens)
        and (one.told == two.told or repr(one.told) == repr(two.told))
        and (one.values == two.values or _bytes(one.values) == _bytes(two.values))
    )


def _bytes(values: Sequence[float]) -> bytes:
    return array.array("d", values).tobytes()


def _short(one: Call, two: Call) -> str:
    heads = [f"{call.hook} {call.told} {call.lens}" for call in (one, two)]
    if heads[0] != heads[1] or len(one.values) != len(two.values):
        return f"{heads[0]}, LiveCerebro {heads[1]}"
    places = [
        f"[{place}] {left!r}, LiveCerebro {right!r}"
        for place, (left, right) in enumerate(zip(one.values, two.values))
        if repr(left) != repr(right)
    ]
    return f"{heads[0]}: " + "; ".join(places[:4])


def run(
    engine: Any,
    datas: Sequence[Series],
    setup: Setup,
    prepare: Callable[[Any], None],
    history: int = 0,
) -> Run:
    """Play series as feeds of a store; ``prepare`` gives the Cerebro its strategies.

    The first ``history`` bars have gone by when the feeds start.
    """
    cerebro = fullstack.paper_cerebro(datas, setup, engine, history)
    prepare(cerebro)
    return witnessed(cerebro)


def witnessed(cerebro: Any) -> Run:
    """Run a Cerebro that is ready, with a witness of each strategy."""
    found = Run()
    cerebro.addanalyzer(Witness, found.calls)
    try:
        found.strategies = cerebro.run()
    except Exception as caught:
        # Some things fail with either engine alike, as a spread with a feed that has no bar yet.
        found.error = f"{type(caught).__name__}: {caught}"
    for strategy in found.strategies:
        reports = [one for one in strategy.analyzers if not isinstance(one, Witness)]
        found.said += [repr(report.get_analysis()) for report in reports]
    found.said += [one.out.getvalue() for one in cerebro.runwriters if hasattr(one.out, "getvalue")]
    return found


def twin(
    datas: Sequence[Series],
    setup: Setup,
    prepare: Callable[[Any], None],
    history: int = 0,
) -> Twin:
    """Run on both engines."""
    theirs, ours = (run(one, datas, setup, prepare, history) for one in (bt.Cerebro, LiveCerebro))
    return Twin(theirs, ours)


@dataclasses.dataclass(frozen=True)
class Program:
    """A run to compare: its feeds, how the broker and Cerebro are set up, what Cerebro gets."""

    name: str
    datas: Sequence[Series]
    prepare: Callable[[Any], None]
    setup: Setup = dataclasses.field(default_factory=Setup)
    history: int = 0

    def twin(self) -> Twin:
        """Run it on both engines."""
        return twin(self.datas, self.setup, self.prepare, self.history)

    @property
    def bars(self) -> int:
        """How many bars its feeds are given."""
        return sum(len(series.bars) for series in self.datas)
