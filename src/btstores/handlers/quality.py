"""Checks of market data before anybody reads it: feeds, triggers of stops, paper accounts.

What is found is counted and told, and treated by a policy for each check. The journal keeps the
data as it came.
"""

from __future__ import annotations

import math
import statistics
from collections import deque
from typing import (
    Any,
    Callable,
    Deque,
    Dict,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Tuple,
    Union,
)

from btstores.clock import NS_PER_SECOND
from btstores.errors import ConfigError
from btstores.handlers.data_handler import MarketData, subscription_of
from btstores.instruments import TimeFrame, bar_ns
from btstores.markets.sessions import Sessions
from btstores.reports import Bar, HistoryReport, Quote, Tick

__all__ = ["CHECKS", "Check", "Quality", "found_of", "read_quality"]

_DROP = ("drop", "halt")
_ANY = ("off", "flag", *_DROP)
_MEND = ("fix", *_ANY)


class Check(NamedTuple):
    """What is looked for, what is done about it by default, and what else can be done."""

    default: str
    policies: Tuple[str, ...]
    meaning: str


#: In the order in which they are made.
CHECKS: Dict[str, Check] = {
    "number": Check("drop", _DROP, "a price that is missing, infinite or no number"),
    "price": Check("drop", _ANY, "a price of zero or less"),
    "range": Check("fix", _MEND, "a high below the other prices of its bar, or a low above them"),
    "volume": Check("fix", _MEND, "a volume below zero, no number, or shrinking as its bar forms"),
    "late": Check("drop", _ANY, "older than what came before it"),
    "repeated": Check("drop", _ANY, "told before"),
    "revised": Check("flag", _ANY, "a complete bar told again with other values"),
    "spike": Check("flag", _ANY, "a price far from those before it"),
    "session": Check("flag", _ANY, "at a time at which the market does not trade"),
    "clock": Check("flag", _ANY, "stamped later than our own clock"),
    "crossed": Check("flag", _ANY, "a bid above its ask"),
}

#: A jump counts as a spike above this part of the price and above so many times the median one
#: of the last bars or ticks, where there are enough of them.
_LEAST_JUMP, _LEAST_JUMP_OF_DAYS, _TIMES, _WINDOW, _ENOUGH = 0.05, 0.25, 20.0, 64, 10
#: So many in a row are a new level and no spike.
_NEW_LEVEL = 3
#: After so long without a price the next one may be anywhere.
_PAUSE_NS = 3600 * NS_PER_SECOND
#: So much may our clock be behind, and a tick be told after its session.
_AHEAD_NS, _AFTER_NS = 5 * NS_PER_SECOND, 60 * NS_PER_SECOND
#: The same finding about the same stream is told once in so long.
_TOLD_NS = 60 * NS_PER_SECOND

Key = Tuple[str, int, int, bool]
SessionsOf = Callable[[str], Optional[Sessions]]


def read_quality(given: Union[str, Mapping[str, Any]]) -> Dict[str, str]:
    """Return the policy of each check; "off" stands for none at all. Raises `ConfigError`."""
    if given == "off":
        return dict.fromkeys(CHECKS, "off")
    if not isinstance(given, Mapping):
        raise ConfigError.of("quality", given, "'off', or a policy for some checks")
    for name, policy in given.items():
        if name not in CHECKS:
            raise ConfigError.of("quality", name, f"some of {', '.join(CHECKS)}")
        known = CHECKS[name].policies
        if policy not in known:
            raise ConfigError.of(f"quality[{name!r}]", policy, f"one of {', '.join(known)}")
    return {name: str(given.get(name, check.default)) for name, check in CHECKS.items()}


class _Past:
    """What has been seen of one stream."""

    __slots__ = ("close", "jumps", "length_ns", "newest", "now_ns", "sessions", "spikes", "time_ns")

    def __init__(self, key: Key, sessions: Optional[Sessions]) -> None:
        _, timeframe, compression, _ = key
        self.length_ns = bar_ns(timeframe, compression)
        self.sessions = sessions if timeframe < TimeFrame.DAYS else None
        self.newest: Optional[MarketData] = None
        self.time_ns = 0
        self.close: Optional[float] = None
        self.jumps: Deque[float] = deque(maxlen=_WINDOW)
        self.spikes = 0
        #: The time of our clock; None for history.
        self.now_ns: Optional[int] = None

    def accept(self, report: MarketData) -> None:
        """Take what has passed for the newest."""
        self.newest, self.time_ns = report, report.time_ns
        if isinstance(report, Quote):
            return
        price = report.close if isinstance(report, Bar) else report.price
        if self.close is not None and price > 0 and self.close > 0 and not self.spikes:
            self.jumps.append(abs(math.log(price) - math.log(self.close)))
        if not self.spikes:
            self.close = price


Look = Callable[[Any, _Past], str]


def _is_number(value: Any) -> bool:
    try:
        return math.isfinite(value)
    except (TypeError, OverflowError):
        return False


def _prices(report: MarketData) -> Tuple[Tuple[str, Any], ...]:
    if isinstance(report, Bar):
        return (
            ("open", report.open),
            ("high", report.high),
            ("low", report.low),
            ("close", report.close),
        )
    if isinstance(report, Tick):
        return (("price", report.price),)
    return tuple(
        (name, value)
        for name, value in (("bid", report.bid), ("ask", report.ask))
        if value is not None
    )


def _look_number(report: MarketData, past: _Past) -> str:
    if not isinstance(report, Quote):
        try:
            if isinstance(report, Tick):
                mixed = 0.0 + report.price
            else:
                mixed = 0.0 + report.open + report.high + report.low + report.close
            if mixed - mixed == 0:  # which no infinity and no NaN survives
                return ""
        except (TypeError, OverflowError):
            pass
    return _first(report, "a number", lambda value: not _is_number(value))


def _look_price(report: MarketData, past: _Past) -> str:
    if isinstance(report, Tick) and report.price > 0:
        return ""
    return _first(report, "above zero", lambda value: not value > 0)


def _first(report: MarketData, expected: str, is_bad: Callable[[Any], bool]) -> str:
    for name, value in _prices(report):
        if is_bad(value):
            return f"{name} {value!r} is not {expected}"
    return ""


def _good_side(value: Any) -> Optional[float]:
    return value if _is_number(value) and value > 0 else None


def _look_range(bar: Bar, past: _Past) -> str:
    _, _, _, _, open_, high, low, close = bar[:8]
    if low <= open_ <= high and low <= close <= high:
        return ""
    return f"open {open_:g}, high {high:g}, low {low:g}, close {close:g}"


def _look_volume(report: Union[Bar, Tick], past: _Past) -> str:
    volume = report.volume if isinstance(report, Bar) else report.size
    if volume is None:
        return ""
    if not _is_number(volume) or volume < 0:
        return f"volume {volume!r}"
    before = past.newest
    if isinstance(before, Bar) and not before.complete and before.time_ns == report.time_ns:
        was = before.volume
        if was is not None and volume < was:
            return f"volume {volume:g} after {was:g}"
    return ""


def _look_late(report: MarketData, past: _Past) -> str:
    if past.newest is None or report.time_ns >= past.time_ns:
        return ""
    return f"{(past.time_ns - report.time_ns) / NS_PER_SECOND:g} s older than the one before"


def _look_repeated(report: Union[Bar, Tick], past: _Past) -> str:
    before = past.newest
    if before is None or report.time_ns != past.time_ns:
        return ""
    if isinstance(report, Tick):
        known = isinstance(before, Tick) and report.trade_id and report.trade_id == before.trade_id
        return f"trade {report.trade_id}" if known else ""
    is_told = isinstance(before, Bar) and before.complete and _values(report) == _values(before)
    return "the same bar" if is_told else ""


def _look_revised(bar: Bar, past: _Past) -> str:
    before = past.newest
    if not isinstance(before, Bar) or bar.time_ns != before.time_ns:
        return ""
    if not (before.complete and bar.complete) or _values(bar) == _values(before):
        return ""
    return f"{_text(bar)} after {_text(before)}"


def _look_spike(report: Union[Bar, Tick], past: _Past) -> str:
    """Compare what of a bar is furthest from the price before it."""
    before = past.close
    if isinstance(report, Bar):
        low, high = report.low, report.high
    else:
        low = high = report.price
    if before is None or not (before > 0 and low > 0):
        return ""
    day = past.length_ns >= 86400 * NS_PER_SECOND
    least = _LEAST_JUMP_OF_DAYS if day else _LEAST_JUMP
    is_near = before <= low * (1 + least) and high <= before * (1 + least)
    if is_near or report.time_ns - past.time_ns > max(_PAUSE_NS, 3 * past.length_ns):
        past.spikes = 0
        return ""
    band = least
    if len(past.jumps) >= _ENOUGH:
        band = max(least, math.expm1(_TIMES * statistics.median(past.jumps)))
    far = max(before / low, high / before) - 1
    if far <= band:
        past.spikes = 0
        return ""
    past.spikes += 1
    if past.spikes >= _NEW_LEVEL:
        past.spikes = 0
        return ""
    price = low if before / low > high / before else high
    return f"{price:g} after {before:g}, further than {100 * band:.0f} %"


def _look_session(report: Union[Bar, Tick], past: _Past) -> str:
    sessions, time_ns = past.sessions, report.time_ns
    if sessions is None or sessions.is_open(time_ns, extended=True):
        return ""
    # A bar may be stamped with its end.
    before = past.length_ns or _AFTER_NS
    if sessions.is_open(time_ns - before, extended=True) or (
        past.length_ns and sessions.is_open(time_ns - 1, extended=True)
    ):
        return ""
    return "the market is closed"


def _look_clock(report: MarketData, past: _Past) -> str:
    if past.now_ns is None:
        return ""
    ahead_ns = report.time_ns - past.now_ns
    if ahead_ns <= _AHEAD_NS + past.length_ns:
        return ""
    return f"{ahead_ns / NS_PER_SECOND:g} s ahead of our clock"


def _look_crossed(quote: Quote, past: _Past) -> str:
    if quote.bid is None or quote.ask is None or quote.bid <= quote.ask:
        return ""
    return f"bid {quote.bid:g}, ask {quote.ask:g}"


def _values(bar: Any) -> Tuple[Any, ...]:
    return tuple(bar[4:9])


def _text(bar: Bar) -> str:
    return "/".join(f"{value:g}" for value in bar[4:8])


_LOOKS: Dict[str, Tuple[Look, Tuple[type, ...]]] = {
    "number": (_look_number, (Bar, Tick, Quote)),
    "price": (_look_price, (Bar, Tick, Quote)),
    "range": (_look_range, (Bar,)),
    "volume": (_look_volume, (Bar, Tick)),
    "late": (_look_late, (Bar, Tick, Quote)),
    "repeated": (_look_repeated, (Bar, Tick)),
    "revised": (_look_revised, (Bar,)),
    "spike": (_look_spike, (Bar, Tick)),
    "session": (_look_session, (Bar, Tick)),
    "clock": (_look_clock, (Bar, Tick, Quote)),
    "crossed": (_look_crossed, (Quote,)),
}


def _mend_range(bar: Bar) -> Bar:
    prices = bar[4:8]
    return bar._replace(high=max(prices), low=min(prices))


def _mend_volume(report: Union[Bar, Tick]) -> Union[Bar, Tick]:
    if isinstance(report, Bar):
        return report._replace(volume=None)
    return report._replace(size=None)


def _mend_sides(quote: Quote) -> Quote:
    return quote._replace(bid=_good_side(quote.bid), ask=_good_side(quote.ask))


_MENDS: Dict[str, Callable[[Any], Any]] = {"range": _mend_range, "volume": _mend_volume}


class Quality:
    """Checks the market data of one store.

    ``tell`` is called with symbol, check, policy, words and how often it was found since it was
    told last: at once, then no more than once a minute. ``halt`` is called with the words where
    the policy is to halt.
    """

    def __init__(
        self,
        policies: Mapping[str, str],
        sessions_of: SessionsOf,
        tell: Callable[[str, str, str, str, int], None],
        halt: Callable[[str], None],
    ) -> None:
        self.policies = dict(policies)
        self._sessions_of = sessions_of
        self._tell, self._halt = tell, halt
        #: How often each check has found something, by symbol and check.
        self.counts: Dict[Tuple[str, str], int] = {}
        self._untold: Dict[Tuple[str, str], Tuple[int, str]] = {}
        self._told_ns: Dict[Tuple[str, str], int] = {}
        self._pasts: Dict[Key, _Past] = {}
        self._looks: Dict[type, List[Tuple[str, Look]]] = {
            kind: [
                (name, look)
                for name, (look, kinds) in _LOOKS.items()
                if kind in kinds and self.policies[name] != "off"
            ]
            for kind in (Bar, Tick, Quote)
        }

    def clear(self) -> None:
        """Forget what has been seen: the streams begin anew."""
        self._pasts.clear()

    def newest_ns(self, key: Key) -> Optional[int]:
        """Return the time of the newest that has passed of a stream, or None."""
        past = self._pasts.get(key)
        return past.time_ns if past is not None and past.time_ns else None

    def screen(self, report: MarketData, now_ns: int) -> Optional[MarketData]:
        """Return a report as it may be read, with its ``flags``, or None if it may not be."""
        key = subscription_of(report)
        past = self._pasts.get(key)
        if past is None:
            past = self._pasts[key] = _Past(key, self._sessions_of(report.symbol))
        past.now_ns = now_ns
        passed = self._pass(report, past)
        if self._untold:
            self._tell_all(now_ns)
        return passed

    def screen_history(self, report: HistoryReport, now_ns: int) -> HistoryReport:
        """Return an answer with the bars and ticks that may be read."""
        key: Key = tuple(report.subscription)  # type: ignore[assignment]
        past, live = _Past(key, self._sessions_of(key[0])), self._pasts.get(key)
        bars: List[Any] = []
        for item in report.bars:
            is_known = live is not None and item.time_ns == live.time_ns
            if is_known and live is not None and isinstance(item, Bar):
                self._compare(item, live)
            passed = self._pass(item, past)
            if passed is not None:
                bars.append(passed)
        if live is None:
            live = self._pasts[key] = _Past(key, past.sessions)
        if live.close is None:
            live.close, live.jumps, live.time_ns = past.close, past.jumps, past.time_ns
        self._tell_all(now_ns)
        if len(bars) == len(report.bars) and all(map(_is, bars, report.bars)):
            return report
        return report._replace(bars=tuple(bars))

    def _compare(self, bar: Bar, live: _Past) -> None:
        """Tell of a bar that history knows otherwise than it was told live."""
        text = _look_revised(bar, live) if self.policies["revised"] != "off" else ""
        if text:
            self._found("revised", bar.symbol, text)

    def _pass(self, report: MarketData, past: _Past) -> Optional[MarketData]:
        flags: Tuple[str, ...] = ()
        for name, look in self._looks[type(report)]:
            text = look(report, past)
            if not text:
                continue
            policy = self._found(name, report.symbol, text)
            if policy == "drop" and isinstance(report, Quote) and name in ("number", "price"):
                report = _mend_sides(report)  # the other side is as good as ever
            elif policy in _DROP:
                return None
            elif policy == "fix":
                report = _MENDS[name](report)
            flags += (name,)
        if flags:
            report = report._replace(flags=flags)
        past.accept(report)
        return report

    def _found(self, name: str, symbol: str, text: str) -> str:
        policy, key = self.policies[name], (symbol, name)
        self.counts[key] = self.counts.get(key, 0) + 1
        self._untold[key] = self._untold.get(key, (0, ""))[0] + 1, text
        if policy == "halt":
            self._halt(f"{symbol}: {text}")
        return policy

    def _tell_all(self, now_ns: int) -> None:
        for key, (number, text) in list(self._untold.items()):
            told_ns = self._told_ns.get(key)
            if told_ns is None or now_ns - told_ns >= _TOLD_NS:
                self._told_ns[key] = now_ns
                del self._untold[key]
                self._tell(*key, self.policies[key[1]], text, number)


def _is(one: Any, other: Any) -> bool:
    return one is other


def found_of(counts: Mapping[Tuple[str, str], int]) -> List[Tuple[str, str, int]]:
    """Return symbol, check and number of what was found, the most frequent first."""
    rows = ((symbol, check, number) for (symbol, check), number in counts.items())
    return sorted(rows, key=lambda row: (-row[2], row[:2]))
