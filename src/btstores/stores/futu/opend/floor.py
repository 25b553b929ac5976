"""The floor of an account: its orders at the exchange, what comes back, and what waits here.

An account keeps one `btstores.sim.exchange.Exchange` for each currency that it holds, and all of
them see the prices of the world. Orders that the exchange cannot hold wait here: those to be
touched, those of regular hours at night, and those that are disabled.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterator, List, Optional

from btstores.clock import Clock
from btstores.instruments import Instrument
from btstores.markets import MarketConfig, MarketType
from btstores.reports import FillReport, OrderEvent, OrderReport, Quote, Report, Tick
from btstores.stores.futu.opend.accountconfig import AccountConfig
from btstores.stores.futu.opend.bills import bill_of
from btstores.stores.futu.opend.codes import (
    Kind,
    Side,
    Status,
    TrdMarket,
    purse_of,
    trd_market_of,
)
from btstores.stores.futu.opend.orders import TOUCH, FutuFill, FutuOrder, request_of
from btstores.stores.futu.opend.purses import GuardedClock, Holding, Purse, listed
from btstores.stores.futu.opend.session import Refused
from btstores.stores.futu.opend.text import rule_symbol

if TYPE_CHECKING:
    from btstores.stores.futu.opend.world import World

__all__ = ["FUTURES_TYPES", "Floor", "refusal_text"]

log = logging.getLogger(__name__)

FUTURES_TYPES = (MarketType.HK_FUTURE, MarketType.US_FUTURE)

OrderListener = Callable[["Floor", FutuOrder], None]
FillListener = Callable[["Floor", FutuFill], None]


class Floor:
    """One account. All methods may be called from any thread.

    ``tell_order`` and ``tell_fill`` are called under its lock, in order, for each change that
    Futu pushes; ``settled`` after the lock is free again. A DAY order ends with the session as
    cancelled: how the real OpenD tells that is not verified.
    """

    def __init__(self, config: AccountConfig, world: World) -> None:
        self.config = config
        self.world = world
        self.markets = frozenset(TrdMarket[name] for name in config.markets)
        self.tell_order: OrderListener = lambda account, order: None
        self.tell_fill: FillListener = lambda account, fill: None
        self.settled: Callable[[], None] = lambda: None
        self.orders: Dict[str, FutuOrder] = {}
        self.fills: List[FutuFill] = []
        self.holdings: Dict[str, Holding] = {}
        self.purses: Dict[str, Purse] = {}
        #: Whether anything has changed that is worth saving.
        self.dirty = False
        self._active: Dict[str, FutuOrder] = {}
        self._by_client: Dict[str, FutuOrder] = {}
        self._counts = {"order": 0, "fill": 0, "position": 0}
        self._reject_next: Optional[str] = None
        self._placing: Optional[FutuOrder] = None
        self._refusal: Optional[OrderReport] = None
        self._lock = threading.RLock()
        self._depth = 0
        self.clock: Clock = GuardedClock(world.clock, self.guard)
        for currency, cash in config.cash.items():
            self._open_purse(purse_of(currency), cash)
        for instrument in world.instruments.values():
            self._list(instrument)

    @contextlib.contextmanager
    def guard(self) -> Iterator[None]:
        """Let nobody else change the account meanwhile; afterwards changes are told."""
        self._lock.acquire()
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
            last = self._depth == 0
            self._lock.release()
            if last:
                self.settled()

    # What it can trade

    def market_of(self, symbol: str) -> TrdMarket:
        """Return where the account would trade a symbol of the world."""
        return trd_market_of(self.config_of(symbol).market, self.config.simulated)

    def config_of(self, symbol: str) -> MarketConfig:
        """Return the market of a symbol."""
        config: MarketConfig = self.world.config_of(symbol)
        return config

    def instrument(self, symbol: str) -> Instrument:
        """Return what the account may trade under ``symbol``. Raises `Refused`."""
        found = self.world.instruments.get(symbol)
        if found is None:
            raise Refused(f"unknown stock {symbol}")
        if self.market_of(symbol) not in self.markets:
            raise Refused(f"account {self.config.acc_id} has no authority to trade {symbol}")
        purse = self.purse_for(symbol)
        if symbol not in purse.account.instruments:
            self._list(found)
        return purse.exchange.instrument(symbol)

    def purse_for(self, symbol: str) -> Purse:
        """Return the purse that pays for a symbol of the world."""
        currency = purse_of(self.world.instruments[symbol].currency)
        if currency not in self.purses:
            self._open_purse(currency, 0.0)
        return self.purses[currency]

    def size_of(self, symbol: str) -> float:
        """Return the signed size of a position."""
        return self.purse_for(symbol).account.position(symbol).size

    def active(self, symbol: Optional[str] = None) -> List[FutuOrder]:
        """Return the orders to which anything can still happen."""
        return [one for one in self._active.values() if symbol in (None, one.symbol)]

    def holding(self, symbol: str) -> Holding:
        """Return what is remembered of a symbol, with the sums of the day that runs."""
        held = self.holdings.get(symbol)
        if held is None:
            self._counts["position"] += 1
            number = self._number("position")
            held = self.holdings[symbol] = Holding(number)
        sessions = self.config_of(symbol).sessions_of(rule_symbol(symbol))
        now = self.clock.time_ns()
        held.begin("" if sessions is None else sessions.trading_day(now).isoformat())
        return held

    # Prices in, on the world's thread

    def on_tick(self, tick: Tick) -> None:
        """Let a trade of the market pass."""
        purse = self._purse_with(tick.symbol)
        if purse is not None:
            with self.guard():
                self._prepare(tick.symbol, tick.time_ns, tick.price)
                purse.exchange.on_tick(tick)

    def on_quote(self, quote: Quote) -> None:
        """Take a new best bid and ask."""
        purse = self._purse_with(quote.symbol)
        if purse is not None:
            with self.guard():
                self._prepare(quote.symbol, quote.time_ns, None)
                purse.exchange.on_quote(quote)

    def _purse_with(self, symbol: str) -> Optional[Purse]:
        for purse in self.purses.values():
            if symbol in purse.account.instruments:
                return purse
        return None

    def _prepare(self, symbol: str, time_ns: int, price: Optional[float]) -> None:
        """Bring orders to the exchange, or take them away, before it sees the price."""
        orders = self.active(symbol)
        if not orders:
            return
        regular = self._is_regular(symbol, time_ns)
        for order in orders:
            if order.expire_ns is not None and order.expire_ns < time_ns and order.waits:
                self._end(order)
            elif order.waits == "hours" and (regular or order.extended):
                self._send(order)
            elif order.live_id is not None and not (regular or order.extended):
                self._park(order, "hours")
            elif order.waits == "touch" and (regular or order.extended):
                order.touched = price is not None and _is_touched(order, price)
                if order.touched:
                    self._send(order)

    def _is_regular(self, symbol: str, time_ns: int) -> bool:
        """Return whether orders of regular hours may trade; it only matters in the US."""
        config = self.config_of(symbol)
        sessions = config.sessions_of(rule_symbol(symbol))
        if config.market is not MarketType.US_STOCK or sessions is None:
            return True
        return sessions.is_open(time_ns)

    # To and from the exchange

    def _send(self, order: FutuOrder) -> None:
        """Bring an order to the exchange, or let it wait for its time."""
        if not order.active:
            return
        order.attempts += 1
        order.waits, order.base = "", order.filled
        purse, now = self.purse_for(order.symbol), self.clock.time_ns()
        if order.kind in TOUCH and not order.touched:
            self._wait(order, "touch")
        elif not (order.extended or self._is_regular(order.symbol, now)):
            self._wait(order, "hours")
        elif order.kind == Kind.ABSOLUTE_LIMIT and not self._meets(order):
            self._end(order, Status.FAILED, "the price is not that of the market")
        else:
            order.live_id = f"{order.key}-{order.attempts}"
            self._by_client[order.live_id] = order
            purse.exchange.submit([request_of(order, purse.last(order.symbol), now)])

    def _wait(self, order: FutuOrder, why: str) -> None:
        order.waits = why
        self._accepted(order)
        self._wake_at_expiry(order)

    def _wake_at_expiry(self, order: FutuOrder) -> None:
        if order.expire_ns is not None:
            self.clock.call_at(order.expire_ns + 1, lambda: self._expire(order))

    def _expire(self, order: FutuOrder) -> None:
        if order.active and order.waits:
            self._end(order)

    def _park(self, order: FutuOrder, why: str) -> None:
        """Take an order away from the exchange."""
        live_id, order.live_id, order.waits = order.live_id, None, why
        if live_id is not None:
            # What the exchange says of it now is no news.
            del self._by_client[live_id]
            self.purse_for(order.symbol).exchange.cancel(live_id)
        if why:
            self._wake_at_expiry(order)
        self.dirty = True

    def _end(
        self, order: FutuOrder, status: Optional[Status] = None, error: Optional[str] = None
    ) -> None:
        """End an order: as cancelled unless another status is given."""
        self._park(order, "")
        if status is None:
            status = Status.CANCELLED_PART if order.filled else Status.CANCELLED_ALL
        order.status = status
        if error is not None:
            order.error = error
        self._active.pop(order.key, None)
        self._emit(order)

    def _meets(self, order: FutuOrder) -> bool:
        quote = self.world.quote(order.symbol)
        best = None if quote is None else quote.bid if Side(order.side).sells else quote.ask
        return best == order.price

    def _accepted(self, order: FutuOrder) -> None:
        if order.told is None:
            self._emit(order)
        order.status = Status.FILLED_PART if order.filled else Status.SUBMITTED
        self._emit(order)

    def _refused(self) -> Optional[OrderReport]:
        """Return what the exchange has refused just now."""
        refusal, self._refusal = self._refusal, None
        return refusal

    def _on_report(self, report: Report) -> None:
        if isinstance(report, FillReport):
            self._on_fill(report)
        elif isinstance(report, OrderReport):
            order = self._by_client.get(report.client_order_id or "")
            if order is not None:
                self._on_order(order, report)

    def _on_order(self, order: FutuOrder, report: OrderReport) -> None:
        event = report.event
        if event is OrderEvent.ACCEPTED:
            self._accepted(order)
        elif event is OrderEvent.MODIFIED:
            self._emit(order)
        elif event in (OrderEvent.MODIFY_REJECTED, OrderEvent.CANCEL_REJECTED):
            self._refusal = report
        elif event in (OrderEvent.CANCELED, OrderEvent.EXPIRED):
            self._end(order, error=report.reason)
        elif event in (OrderEvent.REJECTED, OrderEvent.MARGIN):
            if order is self._placing and order.told is None:
                self._refusal = report
                self._by_client.pop(report.client_order_id or "", None)
            else:
                status = Status.CANCELLED_PART if order.filled else Status.FAILED
                self._end(order, status, refusal_text(report))

    def _on_fill(self, report: FillReport) -> None:
        order = self._by_client.get(report.client_order_id or "")
        if order is None:
            log.warning("account.fill_unknown id=%s", report.client_order_id)
            return
        order.filled = round(order.filled + report.size, 10)
        order.value += report.size * report.price
        fee = self._charge(order, report)
        instrument = self.instrument(order.symbol)
        self.holding(order.symbol).trade(
            report.side, report.size, report.price, instrument.multiplier
        )
        order.status = Status.FILLED_PART if order.rest else Status.FILLED_ALL
        if not order.rest:
            self._by_client.pop(order.live_id or "", None)
            self._active.pop(order.key, None)
            order.live_id = None
        self._emit(order)
        self._counts["fill"] += 1
        number = self._number("fill")
        fill = FutuFill(
            number,
            f"FX{number:013X}",
            order.order_id,
            order.key,
            order.symbol,
            order.name,
            order.trd_market,
            order.side,
            report.size,
            report.price,
            report.time_ns,
            report.time_ns,
            fee,
        )
        self.fills.append(fill)
        self.tell_fill(self, fill)

    def _charge(self, order: FutuOrder, report: FillReport) -> float:
        """Take the fees of a fill, so that those of the whole order are right; return them."""
        if not self.config.fees:
            return 0.0
        config, sells = self.config_of(order.symbol), Side(order.side).sells
        before = sum(amount for _, amount in order.fees)
        order.fees = bill_of(
            config, order.symbol, sells, order.filled, order.average, report.time_ns
        )
        fee = round(sum(amount for _, amount in order.fees) - before, 2)
        # The exchange has taken those of an order of this size alone.
        self.purse_for(order.symbol).account.cash += (report.commission or 0.0) - fee
        return fee

    def _fees(self, symbol: str, side: Any, size: float, price: float) -> float:
        if not self.config.fees:
            return 0.0
        config, now = self.config_of(symbol), self.clock.time_ns()
        lines = bill_of(config, symbol, side.sign < 0, size, price, now)
        return sum(amount for _, amount in lines)

    def _emit(self, order: FutuOrder) -> None:
        """Tell a change of an order, if it is one that Futu tells."""
        now = order.watched()
        if now != order.told:
            order.told = now
            order.updated_ns = self.clock.time_ns()
            self.dirty = True
            self.tell_order(self, order)

    def _later(self, call: Callable[[], Any]) -> None:
        self.clock.call_later(self.config.order_delay, call)

    def _number(self, name: str) -> int:
        # Unique in this OpenD, and the same after a restart.
        return self.config.acc_id % 1_000_000 * 1_000_000_000 + self._counts[name]

    def _open_purse(self, currency: str, cash: float) -> None:
        config = self.config
        self.purses[currency] = Purse(
            currency, cash, self.clock, self._fees, config.margin, config.leverage, self._on_report
        )

    def _list(self, instrument: Instrument) -> None:
        symbol = instrument.symbol
        if self.market_of(symbol) in self.markets:
            config = self.config_of(symbol)
            exchange = self.purse_for(symbol).exchange
            exchange.add_instrument(listed(instrument, config))
            quote = self.world.quote(symbol)
            if quote is not None:
                exchange.on_quote(quote)


def refusal_text(report: OrderReport) -> str:
    """Return how OpenD says why an exchange refused."""
    reason = report.reason or "refused by the exchange"
    if report.reason_code == "MARGIN" or report.event is OrderEvent.MARGIN:
        return f"insufficient buying power: {reason}"
    return reason


def _is_touched(order: FutuOrder, price: float) -> bool:
    trigger = order.aux_price or 0.0
    return price >= trigger if Side(order.side).sells else price <= trigger
