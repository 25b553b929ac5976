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
        self._makers: Dict[int, Any] = {}
        for indicator in _tree(strategy._lineiterators[LineIterator.IndType]):
            for line in _lines_of(indicator):
                self._makers[id(line)] = indicator

    def of(self, indicator: Any) -> Feeds:
        """Return the feeds whose bars change an indicator, or None if that is not certain."""
        if not all(map(_is_plain, _tree([indicator]))):
            return None
        return self._of(indicator)

    def _of(self, part: Any) -> Feeds:
        key = id(part)
        if key not in self._feeds:
            self._feeds[key] = frozenset()  # it may lead back to itself
            self._feeds[key] = self._union(_parts_of(part))
        return self._feeds[key]

    def _union(self, parts: Iterable[Any]) -> Feeds:
        found: FrozenSet[int] = frozenset()
        for part in parts:
            if isinstance(part, LineSeriesStub):
                part = part.lines[0]  # a line that was given where something with lines is needed
            if id(part) not in self._feeds:
                maker = self._makers.get(id(part))
                if maker is not None and maker is not part:
                    part = maker if _is_plain(maker) else None
                elif not isinstance(part, LineIterator) and not hasattr(part, "_clock"):
                    part = None  # a line of nobody that is known
            feeds = None if part is None else self._of(part)
            if feeds is None:
                return None
            found |= feeds
        return found


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
