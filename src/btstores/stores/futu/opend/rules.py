"""What Futu takes of each account and market, and what it says to the rest.

The tables follow Futu's documents; the texts are ours, as those of the real OpenD are not known
but for their gist. What is told here is told at once; the exchange may still refuse later.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Dict, FrozenSet, Optional

from btstores.instruments import Instrument, is_on_grid, round_to_grid
from btstores.markets import MarketConfig, MarketType
from btstores.markets.segments import Kind as SessionKind
from btstores.stores.futu.opend.codes import Kind, Op, Session, Side, Tif
from btstores.stores.futu.opend.orders import AUCTIONS, TRAILS, Ticket, expiry_of
from btstores.stores.futu.opend.session import Refused
from btstores.stores.futu.opend.text import rule_symbol
from btstores.stores.futu.opend.views import sellable_of

if TYPE_CHECKING:
    from btstores.stores.futu.opend.floor import Floor

__all__ = ["check_op", "check_prices", "check_size", "check_ticket", "fitted", "side_of"]

#: The longest remark, in bytes of UTF-8.
MAX_REMARK = 64

_LIMIT = frozenset({Kind.NORMAL})
_STOP_LIMITS = frozenset({Kind.STOP_LIMIT, Kind.LIMIT_IF_TOUCHED, Kind.TRAILING_STOP_LIMIT})
_STOPS = frozenset({Kind.STOP, Kind.MARKET_IF_TOUCHED, Kind.TRAILING_STOP})
_PLAIN = frozenset({Kind.NORMAL, Kind.MARKET})
_SPECIAL = frozenset({Kind.ABSOLUTE_LIMIT, Kind.SPECIAL_LIMIT, Kind.SPECIAL_LIMIT_ALL})
_ALL_STOPS = _STOPS | _STOP_LIMITS

#: Order types of a real account.
KINDS: Dict[MarketType, FrozenSet[Kind]] = {
    MarketType.HK_STOCK: _PLAIN | AUCTIONS | _SPECIAL | _ALL_STOPS,
    MarketType.HK_OPTION: _LIMIT | _STOP_LIMITS,
    MarketType.HK_FUTURE: _PLAIN | {Kind.AUCTION} | _ALL_STOPS,
    MarketType.US_STOCK: _PLAIN | _ALL_STOPS,
    MarketType.US_OPTION: _PLAIN | _ALL_STOPS,
    MarketType.US_FUTURE: _PLAIN | _ALL_STOPS,
    MarketType.CN_STOCK: _LIMIT | _STOP_LIMITS,
}

#: What may be done to the orders of a real account.
OPS: Dict[MarketType, FrozenSet[Op]] = {
    MarketType.HK_STOCK: frozenset(Op),
    MarketType.HK_OPTION: frozenset(Op),
    MarketType.HK_FUTURE: frozenset({Op.NORMAL, Op.CANCEL, Op.DELETE}),
    MarketType.US_STOCK: frozenset({Op.NORMAL, Op.CANCEL}),
    MarketType.US_OPTION: frozenset({Op.NORMAL, Op.CANCEL}),
    MarketType.US_FUTURE: frozenset({Op.NORMAL, Op.CANCEL, Op.DELETE}),
    MarketType.CN_STOCK: frozenset({Op.CANCEL}),
}
_SIMULATED_OPS = frozenset({Op.NORMAL, Op.CANCEL})

#: Where a market order is good for the day only.
_MARKET_BY_DAY = frozenset({MarketType.HK_STOCK, MarketType.HK_FUTURE, MarketType.US_FUTURE})

#: A trailing stop limit order has its limit from its trail.
_WITH_LIMIT = (_LIMIT | _SPECIAL | _STOP_LIMITS | {Kind.AUCTION_LIMIT}) - {Kind.TRAILING_STOP_LIMIT}
_WITH_TRIGGER = frozenset(
    {Kind.STOP, Kind.STOP_LIMIT, Kind.MARKET_IF_TOUCHED, Kind.LIMIT_IF_TOUCHED}
)
_FUTURES = frozenset({MarketType.HK_FUTURE, MarketType.US_FUTURE})
_SHORTABLE = (MarketType.HK_STOCK, MarketType.US_STOCK)


def check_ticket(
    ticket: Ticket, config: MarketConfig, simulated: bool, margin: bool, now_ns: int
) -> None:
    """Refuse terms that the market or the account does not have. Raises `Refused`."""
    if ticket.side not in (Side.BUY, Side.SELL):
        raise Refused(f"trdSide {ticket.side}: only buy (1) and sell (2) can be placed")
    if ticket.remark is not None and len(ticket.remark.encode("utf-8")) > MAX_REMARK:
        size = len(ticket.remark.encode("utf-8"))
        raise Refused(f"remark is too long: {size} bytes of UTF-8, at most {MAX_REMARK}")
    _check_kind(ticket, config, simulated)
    _check_tif(ticket, config, simulated, now_ns)
    _check_session(ticket, config, simulated, margin, now_ns)


def _check_kind(ticket: Ticket, config: MarketConfig, simulated: bool) -> None:
    kinds = KINDS.get(config.market, _LIMIT)
    if simulated:
        kinds = _PLAIN
    if ticket.kind not in kinds:
        where = "paper trading" if simulated else config.name or config.market.value
        raise Refused(f"orderType {ticket.kind} is not supported in {where}")


def _check_tif(ticket: Ticket, config: MarketConfig, simulated: bool, now_ns: int) -> None:
    if ticket.tif not in tuple(Tif):
        raise Refused(f"timeInForce {ticket.tif} is not known")
    if simulated and ticket.tif != Tif.DAY:
        raise Refused("paper trading supports only orders good for the day (timeInForce DAY)")
    if ticket.kind == Kind.MARKET and config.market in _MARKET_BY_DAY and ticket.tif != Tif.DAY:
        raise Refused("market orders are good for the day only (timeInForce DAY)")
    if ticket.tif == Tif.IOC and ticket.kind not in _PLAIN:
        raise Refused(f"timeInForce IOC is not supported for orderType {ticket.kind}")
    try:
        expire_ns = expiry_of(ticket, config, now_ns)
    except ValueError:
        text = f"expireTime {ticket.expire_time!r}: expected YYYY-MM-DD or YYYY-MM-DD HH:MM:SS"
        raise Refused(text) from None
    if expire_ns is not None and expire_ns <= now_ns:
        raise Refused(f"expireTime {ticket.expire_time!r} has passed")


def _check_session(
    ticket: Ticket, config: MarketConfig, simulated: bool, margin: bool, now_ns: int
) -> None:
    sessions = config.sessions_of(rule_symbol(ticket.symbol))
    if ticket.kind in AUCTIONS and sessions is not None:
        running = sessions.session_of(now_ns)
        auctions = (SessionKind.OPENING_AUCTION, SessionKind.CLOSING_AUCTION)
        if running is None or running.kind not in auctions or not running.trades:
            raise Refused("auction orders are taken during the auction sessions only")
    if config.market is not MarketType.US_STOCK:
        return
    if ticket.extended:
        if simulated and not margin:
            raise Refused("this paper account does not trade outside regular hours")
        if ticket.kind not in _LIMIT | _STOP_LIMITS:
            raise Refused("only limit orders can be filled outside regular trading hours")
        if ticket.session > Session.ETH and ticket.kind != Kind.NORMAL:
            raise Refused("only limit orders can be traded overnight")
        if ticket.session > Session.ETH and ticket.tif not in (Tif.DAY, Tif.GTC):
            raise Refused("overnight orders must be DAY or GTC")
    if ticket.kind == Kind.MARKET and sessions is not None and not sessions.is_open(now_ns):
        raise Refused("market orders are not supported outside regular trading hours")


def side_of(account: Floor, ticket: Ticket, size: float, instrument: Instrument) -> Side:
    """Return how Futu calls the side. Raises `Refused` for what is not there to be sold.

    Long and short of one stock cannot be held at once, and an order cannot turn one into the
    other. Futures are sold and bought as one likes.
    """
    symbol, side = ticket.symbol, Side(ticket.side)
    market, held = account.config_of(symbol).market, account.size_of(symbol)
    if market in _FUTURES:
        return side
    free = sellable_of(account, symbol)
    if side is Side.BUY:
        if held < 0 and size > -free:
            raise Refused(f"qty {size:g}: at most {-free:g} can be bought back in one order")
        return side
    if held > 0:
        if size > free:
            raise Refused(f"qty {size:g}: the position that can be sold is only {free:g}")
        return side
    can_short = account.config.margin and market in _SHORTABLE
    if not can_short or instrument.shortable is False:
        raise Refused(f"short selling is not allowed: there is no position in {symbol}")
    return Side.SELL_SHORT if market is MarketType.US_STOCK else side


def check_op(op: int, config: MarketConfig, simulated: bool) -> None:
    """Refuse what cannot be done to an order of the market. Raises `Refused`."""
    ops = _SIMULATED_OPS if simulated else OPS.get(config.market, _SIMULATED_OPS)
    if op not in ops:
        where = "paper trading" if simulated else config.name or config.market.value
        name = Op(op).name if op in tuple(Op) else str(op)
        raise Refused(f"modifyOrderOp {name} is not supported in {where}")


def check_size(qty: float, instrument: Instrument) -> float:
    """Return the whole number of shares that ``qty`` is taken for. Raises `Refused`."""
    if not math.isfinite(qty):
        raise Refused(f"qty {qty}: expected a number")
    size = truncate(qty, 0)
    if size <= 0:
        raise Refused(f"qty {qty:g}: the quantity must be greater than 0")
    lot = instrument.lot
    if lot and size % lot:
        raise Refused(f"qty {size:g} is not a multiple of the lot size {lot:g}")
    if instrument.min_size and size < instrument.min_size:
        raise Refused(f"qty {size:g}: the least quantity is {instrument.min_size:g}")
    if instrument.max_size and size > instrument.max_size:
        raise Refused(f"qty {size:g}: the largest quantity is {instrument.max_size:g}")
    return size


def check_prices(ticket: Ticket, instrument: Instrument, config: MarketConfig) -> Ticket:
    """Return the ticket with its prices as OpenD takes them. Raises `Refused`."""
    if ticket.kind in _WITH_LIMIT:
        price = fitted("price", ticket.price, instrument, config, ticket.adjust)
        low, high = instrument.price_min, instrument.price_max
        if (low is not None and price < low) or (high is not None and price > high):
            raise Refused(f"price {price:g} is beyond the price limits of the day")
        ticket = ticket._replace(price=price)
    else:
        price = ticket.price if math.isfinite(ticket.price) else 0.0
        ticket = ticket._replace(price=price)
    if ticket.kind in _WITH_TRIGGER:
        if ticket.aux_price is None:
            raise Refused(f"auxPrice is required for orderType {ticket.kind}")
        trigger = fitted("auxPrice", ticket.aux_price, instrument, config, None)
        ticket = ticket._replace(aux_price=trigger)
    if ticket.kind in TRAILS:
        _check_trail(ticket)
    return ticket


def fitted(
    field: str,
    price: float,
    instrument: Instrument,
    config: MarketConfig,
    adjust: Optional[float],
) -> float:
    """Return a price on the grid: cut to Futu's digits, moved if ``adjust`` allows it."""
    if not math.isfinite(price) or price <= 0:
        raise Refused(f"{field} {price:g}: the price must be greater than 0")
    digits = 9 if config.market in _FUTURES else 4 if price < 1 else 3
    price = truncate(price, digits)
    tick = instrument.tick_at(price)
    if not tick or is_on_grid(price, tick):
        return round_to_grid(price, tick) if tick else price
    if adjust:
        moved = round_to_grid(price, tick, 1 if adjust > 0 else -1)
        if moved > 0 and abs(moved - price) <= abs(adjust) * price:
            return moved
    raise Refused(f"{field} {price:g} does not match the price spread {tick:g}")


def truncate(value: float, digits: int) -> float:
    """Return ``value`` without the digits that Futu throws away; float dust is forgiven."""
    factor = 10.0**digits
    return math.floor(value * factor + 1e-6) / factor


def _check_trail(ticket: Ticket) -> None:
    value, spread = ticket.trail_value, ticket.trail_spread
    if ticket.trail_type not in (1, 2):
        raise Refused(f"trailType {ticket.trail_type}: expected ratio (1) or amount (2)")
    if value is None or not math.isfinite(value) or value <= 0:
        raise Refused(f"trailValue {value}: expected a number above 0")
    if ticket.trail_type == 1 and value >= 100:
        raise Refused(f"trailValue {value:g}: expected percents below 100")
    if ticket.kind == Kind.TRAILING_STOP_LIMIT and (spread is None or not math.isfinite(spread)):
        raise Refused("trailSpread is required for a trailing stop limit order")
