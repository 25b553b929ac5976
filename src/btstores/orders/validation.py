"""Checks of an order against values, instrument, market and account; pure functions.

All problems of an order are told at once. Texts name the arguments that a strategy writes.
"""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from btstores.errors import ConfigError
from btstores.instruments import Instrument, is_on_grid, round_to_grid
from btstores.markets.rules import SizeRule
from btstores.orders.reasons import Problem
from btstores.orders.values import (
    PRICES,
    TRAILING,
    is_amount,
    plain,
    problem,
    problems_of_time,
    problems_of_values,
)
from btstores.reports import OrderRequest, OrderType, Side

__all__ = [
    "CHECKS",
    "POLICIES",
    "Facts",
    "Verdict",
    "bracket_problems",
    "problems_of_values",
    "read_policies",
    "validate",
]

POLICIES = ("reject", "round", "off")

#: The checks that can be changed, with what they do unless told otherwise.
CHECKS: Mapping[str, str] = MappingProxyType(
    {
        "size": "reject",  # lot, fractions, minimum and maximum
        "price": "reject",  # tick grid
        "band": "reject",
        "short": "reject",
        "settlement": "reject",
        "session": "reject",
        "validity": "reject",  # time in force and expiry
        "power": "reject",
        "bracket_sides": "reject",
        "relatives": "reject",  # parent and OCO group alive
    }
)
_ROUNDABLE = ("size", "price")

#: Sizes that differ by less, as a part of the order, are the same.
_DUST = 1e-9

_NOTHING: Mapping[str, Tuple[float, float]] = MappingProxyType({})


class Facts(NamedTuple):
    """What is known when an order is checked. ``None`` is not known, and checks nothing.

    ``fractional`` and ``short`` are the venue's rules where the instrument has none of its
    own. ``position`` is signed. ``sellable`` is the part of it that is settled; ``selling`` is
    the remaining size of live sell orders, which are not yet taken off ``sellable``. Orders that
    exclude each other count once there, and those that exclude the new order not at all.
    ``price`` is the last known one; ``power`` is what the account can still pay for in the
    instrument's currency, None also where the venue checks it. ``filled`` is what of the order has
    been executed, when a change is checked; ``position`` and ``power`` count it already.
    """

    now_ns: int
    instrument: Optional[Instrument] = None
    fractional: bool = True
    short: bool = True
    position: float = 0.0
    sellable: Optional[float] = None
    selling: float = 0.0
    price: Optional[float] = None
    power: Optional[float] = None
    is_open: Optional[bool] = None
    orders_when_closed: bool = True
    session_end_ns: Optional[int] = None
    filled: float = 0.0
    size_rule: Optional[SizeRule] = None


class Verdict(NamedTuple):
    """What is to be sent, what is wrong with it, and what had to be rounded.

    ``rounded`` maps the argument's name to the value asked for and the value to be sent.
    """

    request: OrderRequest
    problems: Tuple[Problem, ...]
    rounded: Mapping[str, Tuple[float, float]]


_AT_MARKET = (OrderType.MARKET, OrderType.CLOSE)
_STOPS = (OrderType.STOP, OrderType.STOP_LIMIT)


def read_policies(given: Mapping[str, str]) -> Dict[str, str]:
    """Return the policy of every check. Raises `ConfigError` for a wrong name or policy."""
    if not isinstance(given, Mapping):
        raise ConfigError.of("checks", given, "a dict such as {'size': 'round'}")
    for name, policy in given.items():
        if name not in CHECKS:
            names = ", ".join(CHECKS)
            raise ConfigError.of("checks", name, f"names of checks: {names}")
        allowed = [each for each in POLICIES if each != "round" or name in _ROUNDABLE]
        if policy not in allowed:
            raise ConfigError.of(f"checks[{name!r}]", policy, " or ".join(map(repr, allowed)))
    return {**CHECKS, **given}


def validate(request: OrderRequest, facts: Facts, policies: Mapping[str, str] = CHECKS) -> Verdict:
    """Return what is to be sent of an order, and everything that is wrong with it.

    ``policies`` is what `read_policies` returns. Where a check rounds, a size goes down to the
    lot, a limit never gets worse for the trader (a buy's goes down, a sell's up), and a stop
    never triggers earlier than asked (a buy's goes up, a sell's down). Float dust and numpy's
    types are cleaned without a word. Values that the order type does not use are not judged.
    """
    request = plain(request)
    side: Any = request.side
    order_type: Any = request.order_type
    problems = problems_of_values(
        request.size,
        request.price,
        request.limit_price,
        request.trail_amount,
        request.trail_percent,
        order_type,
    )
    if not isinstance(side, Side):
        problems.append(problem("TYPE_INVALID", "side", side, "Side.BUY or Side.SELL"))
    if not isinstance(side, Side) or not isinstance(order_type, OrderType):
        return Verdict(request, tuple(problems), _NOTHING)
    draft = _Draft(request, facts, policies, problems)
    _check_size(draft)
    _check_prices(draft)
    request = draft.finished()
    if policies["validity"] != "off":
        problems.extend(problems_of_time(request, facts.now_ns, facts.session_end_ns))
    problems.extend(_problems_of_market(request, facts, policies))
    if is_amount(request.size):
        problems.extend(_problems_of_sale(request, facts, policies))
        problems.extend(_problems_of_power(request, facts, policies))
    return Verdict(request, tuple(problems), draft.rounded)


def bracket_problems(
    parent: OrderRequest, children: Sequence[OrderRequest], price: Optional[float] = None
) -> Dict[str, Problem]:
    """Return the exits that cannot be those of a bracket's entry, by client order id.

    The entry is the parent's own price, or for a market order the last known ``price``. A stop
    must lose and a limit must win; what has no price to compare is not judged. Whether these
    problems refuse the bracket is for the policy ``bracket_sides``.
    """
    entry = price if parent.order_type in _AT_MARKET else parent.price
    if parent.order_type in TRAILING or not is_amount(entry):
        entry = None
    problems = {}
    for child in children:
        wrong = _problem_of_exit(child, parent.side, entry)
        if wrong is None and _exceeds(child.size, parent.size):
            expected = f"at most {parent.size:.12g}, the size of its entry"
            wrong = problem("SIZE_TOO_LARGE", "size", child.size, expected)
        if wrong is not None:
            problems[child.client_order_id] = wrong
    return problems


class _Draft:
    """An order while it is checked: what is wrong, and what is to be sent in place of what."""

    def __init__(
        self,
        request: OrderRequest,
        facts: Facts,
        policies: Mapping[str, str],
        problems: List[Problem],
    ) -> None:
        self.request = request
        self.facts = facts
        self.policies = policies
        self.problems = problems
        self.rounded: Dict[str, Tuple[float, float]] = {}
        self._changes: Dict[str, Any] = {}

    def refuse(self, code: str, word: str, value: Any, expected: str) -> None:
        """Note a problem."""
        self.problems.append(problem(code, word, value, expected))

    def fit(
        self, check: str, field: str, word: str, step: float, direction: int
    ) -> Optional[float]:
        """Return the multiple of ``step`` that is sent; None when it must not be rounded.

        It is 0 when rounding leaves nothing.
        """
        asked = getattr(self.request, field)
        value = round_to_grid(asked, step)
        if value == asked:
            return value
        if value <= 0 or not is_on_grid(asked, step):
            if self.policies[check] != "round":
                return None
            value = round_to_grid(asked, step, direction)
            if value <= 0:
                return 0.0
            self.rounded[word] = (asked, value)
        self._changes[field] = value
        return value

    def change(self, field: str, word: str, asked: float, value: float) -> float:
        """Send another value than was asked for, and tell so."""
        self.rounded[word] = (asked, value)
        self._changes[field] = value
        return value

    def finished(self) -> OrderRequest:
        """Return the order with the values that are sent."""
        return self.request._replace(**self._changes) if self._changes else self.request


def _check_size(draft: _Draft) -> None:
    """Put the size on the steps of the instrument, and look whether it is within its bounds."""
    asked, instrument = draft.request.size, draft.facts.instrument
    if draft.policies["size"] == "off" or not is_amount(asked):
        return
    size = _in_steps(draft, asked)
    if instrument is None:
        return
    least, most = instrument.min_size, instrument.max_size
    if least is not None and 0 < size < least:
        draft.refuse("SIZE_TOO_SMALL", "size", asked, f"at least {least:.12g}")
    if most is not None and size > most:
        draft.refuse("SIZE_TOO_LARGE", "size", asked, f"at most {most:.12g}")


def _by_rule(draft: _Draft, asked: float, rule: SizeRule) -> float:
    """Return a size that the market's rule accepts, where that is asked for the next lower one."""
    facts, request = draft.facts, draft.request
    held = max(facts.position, 0.0)
    most = rule.most_of(request.order_type)
    if most is not None and asked > most:
        draft.refuse("SIZE_TOO_LARGE", "size", asked, f"at most {most:.12g} in one order")
    if rule.accepts(request.side, asked, held):
        return asked
    expected = f"at least {rule.least:.12g}, and more in steps of {rule.step:.12g}"
    if asked < rule.least:
        draft.refuse("SIZE_TOO_SMALL", "size", asked, expected)
    elif draft.policies["size"] == "round":
        lower = rule.least + math.floor((asked - rule.least) / rule.step) * rule.step
        return draft.change("size", "size", asked, lower)
    else:
        draft.refuse("SIZE_LOT", "size", asked, f"{expected} ({request.symbol})")
    return asked


def _in_steps(draft: _Draft, asked: float) -> float:
    """Return the size in whole lots, 0 when it is rounded to nothing."""
    rule = draft.facts.size_rule
    if rule is not None:
        return _by_rule(draft, asked, rule)
    lot, whole = _lot_and_whole(draft.facts)
    step = 1.0 if whole and (lot is None or lot < 1) else lot
    if step is None:
        return asked
    size = draft.fit("size", "size", "size", step, -1)
    if size is not None:
        if size <= 0:
            draft.refuse("SIZE_TOO_SMALL", "size", asked, f"at least {step:.12g}")
        return size
    if whole and step == 1:
        draft.refuse("SIZE_FRACTION", "size", asked, "a whole number")
    else:
        expected = f"a multiple of {step:.12g} (lot of {draft.request.symbol})"
        draft.refuse("SIZE_LOT", "size", asked, expected)
    return asked


def _lot_and_whole(facts: Facts) -> Tuple[Optional[float], bool]:
    """Return the lot, and whether only whole shares or contracts are taken."""
    instrument = facts.instrument
    if instrument is None:
        return None, not facts.fractional
    fractional, lot = instrument.fractional, instrument.lot
    if lot is not None and not lot > 0:
        lot = None
    return lot, not (facts.fractional if fractional is None else fractional)


def _check_prices(draft: _Draft) -> None:
    """Put limits and triggers on the tick grid, and look whether they are in the day's band."""
    instrument = draft.facts.instrument
    if instrument is None:
        return
    for field, word, _, rounding in PRICES[draft.request.order_type]:
        asked = getattr(draft.request, field)
        if not rounding or not is_amount(asked):
            continue
        price = asked
        if draft.policies["price"] != "off":
            price = _on_tick(draft, field, word, instrument.tick_at(asked), rounding)
        low, high = instrument.price_min, instrument.price_max
        is_outside = (low is not None and price < low) or (high is not None and price > high)
        if is_outside and draft.policies["band"] != "off":
            draft.refuse("PRICE_BAND", word, asked, _between(low, high))


def _on_tick(draft: _Draft, field: str, word: str, tick: Optional[float], rounding: int) -> float:
    asked: float = getattr(draft.request, field)
    if tick is None or not tick > 0:
        return asked
    price = draft.fit("price", field, word, tick, rounding * draft.request.side.sign)
    if not price:
        expected = f"a multiple of {tick:.12g} (tick of {draft.request.symbol})"
        draft.refuse("PRICE_TICK", word, asked, expected)
    return price or asked


def _between(low: Optional[float], high: Optional[float]) -> str:
    bounds = [
        f"{word} {bound:.12g}"
        for word, bound in (("at least", low), ("at most", high))
        if bound is not None
    ]
    return " and ".join(bounds) + ", the limits of the day"


def _problems_of_market(
    request: OrderRequest, facts: Facts, policies: Mapping[str, str]
) -> List[Problem]:
    """Return why the market takes no order now."""
    problems = []
    if facts.instrument is not None and not facts.instrument.tradable:
        problems.append(Problem("NOT_TRADABLE", f"{request.symbol} is halted or not traded"))
    if facts.is_open is False and not facts.orders_when_closed and policies["session"] != "off":
        text = f"the market of {request.symbol} is closed, and takes no orders then"
        problems.append(Problem("SESSION_CLOSED", text))
    return problems


def _problems_of_sale(
    request: OrderRequest, facts: Facts, policies: Mapping[str, str]
) -> List[Problem]:
    """Return why that much cannot be sold. The exits of a bracket sell what it has bought."""
    if request.side is not Side.SELL or request.parent_id is not None:
        return []
    held = max(facts.position, 0.0)
    size, sellable = request.size - facts.filled, facts.sellable
    story = f"held {held:.12g}, already being sold {facts.selling:.12g}"
    if _exceeds(size, held - facts.selling):
        instrument = facts.instrument
        shortable = facts.short and (instrument is None or instrument.shortable is not False)
        if shortable or policies["short"] == "off":
            return []
        expected = f"at most {max(held - facts.selling, 0.0):.12g}, no short sale ({story})"
        return [problem("SHORT_NOT_ALLOWED", "size", size, expected)]
    if sellable is None or policies["settlement"] == "off":
        return []
    if not _exceeds(size, sellable - facts.selling):
        return []
    expected = f"at most {max(sellable - facts.selling, 0.0):.12g}"
    told = f"{expected} until the rest is settled (sellable {sellable:.12g}, {story})"
    return [problem("NOT_SELLABLE", "size", size, told)]


def _exceeds(size: float, available: float) -> bool:
    return size - available > size * _DUST


def _problems_of_power(
    request: OrderRequest, facts: Facts, policies: Mapping[str, str]
) -> List[Problem]:
    """Return whether the part of an order that opens or increases a position is too dear."""
    power = facts.power
    if power is None or policies["power"] == "off" or request.parent_id is not None:
        return []
    closing = max(-facts.position * request.side.sign, 0.0)
    size, price = request.size - facts.filled - closing, _price_to_pay(request, facts)
    if size <= 0 or price is None:
        return []
    instrument = facts.instrument
    cost = size * price
    if instrument is not None:
        margin = 1.0 if instrument.margin is None else instrument.margin
        cost *= instrument.multiplier * margin
    if not _exceeds(cost, power):
        return []
    currency = "" if instrument is None else f" {instrument.currency}"
    text = f"size={request.size:.12g}: costs {cost:.12g}{currency} at {price:.12g}"
    return [Problem("NO_POWER", f"{text}, expected at most {power:.12g}, the account's power")]


def _price_to_pay(request: OrderRequest, facts: Facts) -> Optional[float]:
    """Return the order's limit, or else its stop, or else the last price."""
    for field, _, _, _ in reversed(PRICES[request.order_type]):
        price: Optional[float] = getattr(request, field)
        if is_amount(price):
            return price
    return facts.price if is_amount(facts.price) else None


def _problem_of_exit(
    child: OrderRequest, parent_side: Side, entry: Optional[float]
) -> Optional[Problem]:
    if child.side is parent_side:
        return problem("PRICE_SIDE", "side", child.side.value, "the other side than the entry's")
    price, is_target = child.price, child.order_type is OrderType.LIMIT
    if entry is None or price is None or not is_amount(price):
        return None
    if not is_target and child.order_type not in _STOPS:
        return None
    is_above = is_target is (parent_side is Side.BUY)
    if price > entry if is_above else price < entry:
        return None
    where, what = "above" if is_above else "below", "target" if is_target else "stop"
    return problem("PRICE_SIDE", "price", price, f"a {what} {where} the entry at {entry:.12g}")
