"""Matching: what a price event does to the working orders of one instrument.

Rules of the `book` fill model
------------------------------
*Priority* among our own orders: those that take any price first, then the better limit,
then the earlier one. A stop that is triggered goes to the end.

*Quotes*: an order that takes liquidity trades at the bid or ask, up to its size. A resting
limit order that the market comes to trades at its own price. Stops look at the quotes only
where no trades are told.

*Ticks*: a trade through a resting limit order fills it at its own price; a trade at its
price fills it up to the size of the trade, after what was quoted in front of it when it
came. Where there are no quotes, market orders trade with the tick, up to its size.

*Bars*, where there is nothing finer: the price is taken to go from the open to the nearer
extreme of the bar's direction (a rising bar: low, high, close; a falling one: high, low,
close) in straight lines. At the open all orders trade at the open, also stops and limits
that it has jumped over; on the way stops and limits trade at their own price. At most
``participation`` times the bar's volume trades in one bar; a bar whose volume is missing
or zero does not tell it, and does not limit.

*Close orders* trade without limit at the last price of the session.
"""

from __future__ import annotations

import logging
import math
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Tuple

from btstores.instruments import Instrument
from btstores.reports import Bar, OrderType, Quote, Side, Tick, TimeInForce
from btstores.sim.book.order import LIMITS, SimOrder, tidy

__all__ = ["Book", "Hooks", "Liquidity"]

log = logging.getLogger(__name__)

_STATE = ("last", "bid", "ask", "ticks_seen", "events", "halted")


class Liquidity:
    """What is on offer; ``left`` None is without limit."""

    __slots__ = ("left",)

    def __init__(self, left: Optional[float] = None) -> None:
        self.left = left

    def take(self, size: float) -> None:
        """Take some away."""
        if self.left is not None:
            self.left = max(0.0, tidy(self.left - size))


class Offer(NamedTuple):
    """What an order can have at this moment: price, source and at most so much of it."""

    price: float
    source: Liquidity
    most: float = math.inf


NOTHING = Offer(0.0, Liquidity(0.0))


class Hooks(NamedTuple):
    """What the book asks of the exchange it belongs to."""

    open_size: Callable[[SimOrder], float]
    execute: Callable[[SimOrder, float, float], float]
    trigger: Callable[[SimOrder], None]


class Book:
    """The working orders of one instrument and the market they meet."""

    def __init__(
        self, instrument: Instrument, hooks: Hooks, participation: float, allow_partial: bool
    ) -> None:
        self.instrument = instrument
        self.orders: List[SimOrder] = []
        self.last: Optional[float] = None
        self.bid: Optional[float] = None
        self.ask: Optional[float] = None
        self.bid_size = Liquidity()
        self.ask_size = Liquidity()
        self.ticks_seen = False
        self.finest: Optional[Tuple[int, int]] = None
        self.events = 0
        self.halted = False
        #: The highest limit to buy and the lowest to sell; None until they are asked for.
        self._limits: Optional[Tuple[float, float]] = None
        self._hooks = hooks
        self._participation = participation
        self._allow_partial = allow_partial

    # What comes in

    def add(self, order: SimOrder) -> None:
        """Add an order. It matches with the next event, or when `retry` is called."""
        self.orders.append(order)
        self._limits = None

    def retry(self) -> None:
        """Match against the quotes again, after an order has come or changed."""
        self._limits = None
        self._meet_quotes()

    def _meet_quotes(self) -> None:
        if self.quoted and not self.halted:
            self._match(self.ask, self.bid, self._quote_offer, triggers=not self.ticks_seen)
        self._rest()

    def remove(self, order: SimOrder) -> None:
        """Forget an order."""
        if order in self.orders:
            self.orders.remove(order)
            self._limits = None

    def on_quote(self, quote: Quote) -> None:
        """Take the new best bid and ask."""
        self.bid, self.ask = quote.bid, quote.ask
        self.bid_size, self.ask_size = Liquidity(quote.bid_size), Liquidity(quote.ask_size)
        if not self.ticks_seen:
            sides = [price for price in (quote.bid, quote.ask) if price is not None]
            if sides:
                self._seen(sum(sides) / len(sides))
        self._meet_quotes()
        self.close_auction(quote.time_ns)

    def on_tick(self, tick: Tick) -> None:
        """Let one trade of the market pass."""
        self.ticks_seen = True
        self._seen(tick.price)
        if self.orders and not self.halted:
            printed = Liquidity(tick.size)
            self._match(tick.price, tick.price, lambda o: self._tick_offer(o, tick, printed))
        self._pass_queue(tick)
        self._rest()
        self.close_auction(tick.time_ns)

    def on_bar(self, bar: Bar) -> None:
        """Let the prices of a bar pass; only bars of the finest time frame count."""
        frame = (bar.timeframe, bar.compression)
        if self.finest is None or frame < self.finest:
            self.finest = frame
        if frame != self.finest:
            return
        if not (self.ticks_seen or self.quoted):
            if self.orders and not self.halted:
                self._walk(bar)
            self._seen(bar.close)
        self.close_auction(bar.time_ns)

    def close_auction(self, now_ns: int) -> None:
        """Execute Close orders whose session has ended, at the last price since they came."""
        if self.halted or self.last is None:
            return
        due = [one for one in self.orders if one.close_ns is not None and one.close_ns <= now_ns]
        for order in due:
            size = self._hooks.open_size(order)
            if size > 0 and self.events > order.born:
                self._hooks.execute(order, self.last, size)

    # Prices of the orders

    def reference(self, order: SimOrder) -> Optional[float]:
        """Return the price at which the order would trade, as far as anyone knows."""
        own = order.limit(self.instrument)
        if own is None and order.waiting:
            own = order.trigger_price(self.instrument)
        if own is not None:
            return own
        quoted = self.ask if order.request.side is Side.BUY else self.bid
        return quoted or self.last or order.request.reference_price

    @property
    def quoted(self) -> bool:
        """Return whether the market's bid or ask is known."""
        return self.bid is not None or self.ask is not None

    def _seen(self, price: float) -> None:
        self.last = price
        self.events += 1

    # Bars

    def _walk(self, bar: Bar) -> None:
        budget = Liquidity(bar.volume * self._participation if bar.volume else None)
        at = bar.open
        self._match(at, at, lambda order: Offer(at, budget))
        rising = bar.close >= bar.open
        first, second = (bar.low, bar.high) if rising else (bar.high, bar.low)
        for target in (first, second, bar.close):
            while at != target:
                at = self._next_level(at, target)
                # The lambda is used before ``at`` moves on.
                self._match(at, at, lambda order: Offer(at, budget))  # noqa: B023

    def _next_level(self, at: float, target: float) -> float:
        """Return the first price on the way to ``target`` that matters to an order."""
        low, high = min(at, target), max(at, target)
        levels = [level for level in map(self._level, self.orders) if level is not None]
        between = [level for level in levels if low < level < high]
        if not between:
            return target
        return max(between) if target < at else min(between)

    def _level(self, order: SimOrder) -> Optional[float]:
        return (
            order.trigger_price(self.instrument) if order.waiting else order.limit(self.instrument)
        )

    # Ticks and quotes

    def _tick_offer(self, order: SimOrder, tick: Tick, printed: Liquidity) -> Offer:
        limit = order.limit(self.instrument)
        if order.maker and limit is not None:
            if limit != tick.price:
                return Offer(limit, Liquidity())
            if tick.size is None:
                return Offer(limit, printed)
            return Offer(limit, printed, max(0.0, tidy(tick.size - order.queue)))
        if self.quoted:
            return self._quote_offer(order)
        return Offer(tick.price, printed)

    def _pass_queue(self, tick: Tick) -> None:
        """Trades at an order's price use up what is in front of it."""
        for order in self.orders:
            if order.queue and order.limit(self.instrument) == tick.price:
                traded = order.queue if tick.size is None else tick.size
                order.queue = max(0.0, tidy(order.queue - traded))

    def _quote_offer(self, order: SimOrder) -> Offer:
        buys = order.request.side is Side.BUY
        price, source = (self.ask, self.ask_size) if buys else (self.bid, self.bid_size)
        if price is None or not self._acceptable(order, price):
            return NOTHING
        limit = order.limit(self.instrument)
        return Offer(limit if order.maker and limit is not None else price, source)

    def _rest(self) -> None:
        """Mark the limit orders that wait for the market to come to them."""
        for order in self.orders:
            if order.maker or order.waiting or order.request.order_type not in LIMITS:
                continue
            buys = order.request.side is Side.BUY
            against = (self.ask if buys else self.bid) if self.quoted else self.last
            if against is not None and not self._acceptable(order, against):
                order.maker = True
                own, size = (self.bid, self.bid_size) if buys else (self.ask, self.ask_size)
                if own is not None and own == order.limit(self.instrument):
                    order.queue = size.left or 0.0

    # Matching at one moment

    def _match(
        self,
        ask: Optional[float],
        bid: Optional[float],
        offer: Callable[[SimOrder], Offer],
        triggers: bool = True,
    ) -> None:
        """Trigger and execute what these prices allow, in the order of priority."""
        if self._reach_nobody(ask, bid):
            return
        passed: List[str] = []
        while True:
            ready = []
            for order in self.orders:
                price = ask if order.request.side is Side.BUY else bid
                if price is not None and order.id not in passed:
                    if triggers:
                        order.trail(price)
                    if self._ready(order, price, triggers):
                        ready.append(order)
            if not ready:
                return
            order = min(ready, key=self._priority)
            if order.waiting:
                self._hooks.trigger(order)
            else:
                passed.append(order.id)
                self._trade(order, offer(order))

    def _reach_nobody(self, ask: Optional[float], bid: Optional[float]) -> bool:
        """Return whether that is known without a look at each order."""
        if self._limits is None:
            self._limits = self._outermost()
        highest, lowest = self._limits
        return (ask is None or ask > highest) and (bid is None or bid < lowest)

    def _outermost(self) -> Tuple[float, float]:
        limits: Dict[Side, List[float]] = {Side.BUY: [-math.inf], Side.SELL: [math.inf]}
        for order in self.orders:
            request = order.request
            if request.order_type is not OrderType.LIMIT or request.price is None:
                return math.inf, -math.inf  # stops trail, and wait for other prices
            limits[request.side].append(request.price)
        return max(limits[Side.BUY]), min(limits[Side.SELL])

    def _trade(self, order: SimOrder, offer: Offer) -> None:
        wanted = self._hooks.open_size(order)
        left = math.inf if offer.source.left is None else offer.source.left
        size = min(wanted, left, offer.most)
        if size < wanted and order.request.tif is TimeInForce.FOK:
            return
        if size < wanted:
            size = self._whole(order, size) if self._allow_partial else 0.0
        if size > 0:
            offer.source.take(self._hooks.execute(order, offer.price, size))

    def _whole(self, order: SimOrder, size: float) -> float:
        """Return the size in whole lots; in whole units for an order of whole units."""
        whole_units = float(order.request.size).is_integer()
        step = self.instrument.lot or (1.0 if whole_units else 0.0)
        return tidy(math.floor(size / step + 1e-9) * step) if step else size

    def _ready(self, order: SimOrder, price: float, triggers: bool) -> bool:
        if order.request.order_type is OrderType.CLOSE:
            return False
        if not order.waiting:
            is_reached = self._acceptable(order, price)
        else:
            trigger = order.trigger_price(self.instrument)
            if not triggers or trigger is None:
                return False
            is_reached = price >= trigger if order.request.side is Side.BUY else price <= trigger
        return is_reached and self._hooks.open_size(order) > 0

    def _acceptable(self, order: SimOrder, price: float) -> bool:
        limit = order.limit(self.instrument)
        if limit is None:
            return True
        return price <= limit if order.request.side is Side.BUY else price >= limit

    def _priority(self, order: SimOrder) -> Tuple[int, float, int]:
        if order.waiting:
            return 2, 0.0, order.sequence
        limit = order.limit(self.instrument)
        if limit is None:
            return 0, 0.0, order.sequence
        return 1, -order.request.side.sign * limit, order.sequence

    # Keeping

    def to_dict(self) -> Dict[str, Any]:
        """Return the market side as plain JSON values; orders are kept by the exchange."""
        record = {name: getattr(self, name) for name in _STATE}
        record["sizes"] = [self.bid_size.left, self.ask_size.left]
        record["finest"] = list(self.finest) if self.finest else None
        record["orders"] = [order.id for order in self.orders]
        return record

    def load(self, record: Mapping[str, Any], orders: Mapping[str, SimOrder]) -> None:
        """Become the book that `to_dict` described."""
        for name in _STATE:
            setattr(self, name, record[name])
        self.bid_size, self.ask_size = (Liquidity(left) for left in record["sizes"])
        self.finest = tuple(record["finest"]) if record["finest"] else None
        self.orders = [orders[key] for key in record["orders"]]
        self._limits = None
