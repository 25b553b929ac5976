"""Which feeds an indicator is made of, as far as that can be known for certain.

backtrader computes every indicator anew with each bar of any feed. For one of its own indicators
whose feeds have not moved the result is what it was: they compute a value from lines alone, and
keep nothing besides. Of others nobody can say that, so they are left to be computed each time.
"""

from __future__ import annotations

from typing import Any, Dict, FrozenSet, Iterable, Iterator, Optional, Sequence

import backtrader as bt
from backtrader.lineiterator import LineIterator, MultiCoupler, SingleCoupler
from backtrader.lineroot import LineRoot
from backtrader.lineseries import Lines, LineSeriesStub

__all__ = ["Dependencies"]

#: Indicators of backtrader that remember something besides their lines.
_REMEMBERING = (
    bt.ind.LaguerreFilter,
    bt.ind.LaguerreRSI,
    bt.ind.ParabolicSAR,
    SingleCoupler,
    MultiCoupler,
)
#: Attributes that lead up and not down.
_UPWARD = frozenset({"_owner", "_parent", "_strategy", "owner", "strategy", "env", "cerebro"})

#: None stands for "nobody knows".
Feeds = Optional[FrozenSet[int]]


class Dependencies:
    """What the indicators of one strategy are made of, as indices into its ``datas``."""

    def __init__(self, strategy: Any) -> None:
        self._feeds: Dict[int, Feeds] = {id(strategy): None, id(strategy.lines): None}
        for line in strategy.lines:
            self._feeds[id(line)] = None
        for index, data in enumerate(strategy.datas):
            its = frozenset({index})
            for part in (data, data.lines, *data.lines):
                self._feeds[id(part)] = its
        #: By the parts of an indicator, those of indicators inside it too, the indicator itself.
        self._wholes: Dict[int, Any] = {}
        for whole in strategy._lineiterators[LineIterator.IndType]:
            for indicator in _tree([whole]):
                for part in (indicator, *_lines_of(indicator)):
                    self._wholes[id(part)] = whole

    def of(self, indicator: Any) -> Feeds:
        """Return the feeds whose bars change an indicator, or None if that is not certain."""
        key = id(indicator)
        if key not in self._feeds:
            self._feeds[key] = None  # if it leads back to itself
            inside = list(_tree([indicator]))
            if all(map(_is_plain, inside)) and not any(map(_is_circular, inside)):
                self._feeds[key] = self._union(indicator, inside)
        return self._feeds[key]

    def _union(self, whole: Any, inside: Iterable[Any]) -> Feeds:
        """Return the feeds of all that these hold, but for parts of the whole."""
        found: FrozenSet[int] = frozenset()
        for indicator in inside:
            for part in _parts_of(indicator):
                part = _unwrapped(part)
                if self._wholes.get(id(part)) is whole:
                    continue
                feeds = self._of_part(part)
                if feeds is None:
                    return None
                found |= feeds
        return found

    def _of_part(self, part: Any) -> Feeds:
        if id(part) in self._feeds:
            return self._feeds[id(part)]
        if id(part) in self._wholes:
            return self.of(self._wholes[id(part)])
        # A line of nobody that is known may be anything; an operation that nobody owns is not.
        return self.of(part) if hasattr(part, "_clock") else None


def _tree(indicators: Sequence[Any]) -> Iterator[Any]:
    """Yield indicators and those inside them."""
    for indicator in indicators:
        yield indicator
        inside = getattr(indicator, "_lineiterators", None)
        if inside:
            yield from _tree(inside[LineIterator.IndType])


def _lines_of(indicator: Any) -> Sequence[Any]:
    return [indicator.lines, *indicator.lines] if hasattr(indicator, "lines") else [indicator]


def _is_plain(indicator: Any) -> bool:
    is_theirs = type(indicator).__module__.startswith("backtrader.")
    return is_theirs and not isinstance(indicator, _REMEMBERING)


def _is_circular(indicator: Any) -> bool:
    """Return whether what is inside reads what the indicator itself computes afterwards.

    Another look at the same bar gives it another value: those inside are computed first.
    """
    if type(indicator).next is bt.Indicator.next:
        return False  # its lines are those of what is inside
    own = {id(line) for line in _lines_of(indicator)}
    _, *inside = _tree([indicator])
    return any(id(_unwrapped(part)) in own for one in inside for part in _parts_of(one))


def _unwrapped(part: Any) -> Any:
    """Return the line that was given where something with lines is due."""
    return part.lines[0] if isinstance(part, LineSeriesStub) else part


def _parts_of(indicator: Any) -> Iterator[Any]:
    """Yield all that an indicator holds of lines and what has lines, but for its own."""
    own = {id(part) for part in _lines_of(indicator)}
    for name, value in vars(indicator).items():
        if name in _UPWARD:
            continue
        for part in _flat(value):
            if isinstance(part, (LineRoot, Lines)) and id(part) not in own:
                yield part


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for one in value:
            yield from _flat(one)
    else:
        yield value
