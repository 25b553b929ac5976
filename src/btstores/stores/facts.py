"""What is known of account, instrument and market at the moment of an order."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any, Dict, Iterable, Optional, Sequence

from btstores.instruments import Instrument
from btstores.markets import MarketConfig
from btstores.markets.rules import SizeRule
from btstores.orders import risk, validation
from btstores.orders.book import Group, OrderRecord, group_of
from btstores.reports import OrderRequest, Side

if TYPE_CHECKING:
    from btstores.stores.base import BaseStore

__all__ = ["may_be_short", "risk_facts", "selling", "validation_facts"]


def validation_facts(
    store: BaseStore, request: OrderRequest, position: float, live: Sequence[OrderRecord]
) -> validation.Facts:
    """Return what validation has to know of ``request``; ``position`` is signed."""
    can, now_ns = store.capabilities, store.clock.time_ns()
    config = store.get_market_config()
    day = config.trading_day(now_ns)
    instrument = _by_market(store.known_instrument(request.symbol), config, day)
    sessions = config.sessions_of(request.symbol)
    told = store.position_handler.positions.get(request.symbol)
    sellable = told.sellable if told is not None else None
    if sellable is None and request.side is Side.SELL:
        bought = store.desk.bought_on(request.symbol, day)
        held = max(position, 0.0)
        if bought:
            left = config.rules.sellable(request.symbol, held, min(bought, held))
            sellable = left if left < held else None
    elif sellable is not None:
        # As told, what the venue knows to be for sale is taken off already.
        sellable += sum(_for_sale(request.symbol, live))
    short = may_be_short(store, request.symbol)
    limited = request.side is Side.SELL and not short
    return validation.Facts(
        now_ns,
        instrument,
        fractional=can.fractional,
        short=short,
        position=position,
        sellable=sellable,
        selling=selling(request, live) if limited or sellable is not None else 0.0,
        price=request.reference_price,
        power=None if can.tells_power else _power(store),
        is_open=sessions.is_open(now_ns) if sessions is not None else None,
        orders_when_closed=config.orders_when_closed,
        session_end_ns=sessions.end_of_day(now_ns) if sessions is not None else None,
        size_rule=_size_rule(instrument, config, request.symbol, day),
    )


def may_be_short(store: BaseStore, symbol: str) -> bool:
    """Return whether an instrument may be sold short: its own word, or else the venue's."""
    instrument = store.known_instrument(symbol)
    if instrument is None or instrument.shortable is None:
        return store.capabilities.short
    return instrument.shortable


def risk_facts(
    store: BaseStore, request: OrderRequest, position: float, live: Sequence[OrderRecord]
) -> risk.Facts:
    """Return what the risk control has to know of ``request``; ``position`` is signed."""
    instrument = store.known_instrument(request.symbol)
    return risk.Facts(
        store.clock.monotonic_ns(),
        position,
        request.reference_price,
        instrument.multiplier if instrument is not None else 1.0,
        live,
        store.get_value(),
    )


def _power(store: BaseStore) -> Optional[float]:
    balance = store.balance()
    if balance is None:
        return None
    return balance.cash if balance.power is None else balance.power


def _by_market(
    instrument: Optional[Instrument], config: MarketConfig, day: datetime.date
) -> Optional[Instrument]:
    """Return the instrument with the market's figures where the venue tells none."""
    if instrument is None:
        return None
    changes: Dict[str, Any] = {}
    if instrument.tick_size is None and not instrument.tick_table:
        table = config.rules.tick_table_of(instrument.symbol, day, instrument.kind)
        changes["tick_table"] = table.rows if table is not None else ()
        changes["tick_size"] = config.tick_size
    if instrument.lot is None and config.lot is not None:
        changes["lot"] = config.lot
    return instrument._replace(**changes) if changes else instrument


def _size_rule(
    instrument: Optional[Instrument], config: MarketConfig, symbol: str, day: datetime.date
) -> Optional[SizeRule]:
    """Return the market's rule of sizes, with the venue's own figures where those differ."""
    lot = instrument.lot if instrument is not None else None
    rule = config.rules.size_rule_of(symbol, day, lot)
    if instrument is not None and instrument.fractional:
        return None
    if rule is None or lot is None or lot in (rule.least, rule.step):
        return rule
    return rule._replace(least=lot, step=lot)


def _for_sale(symbol: str, live: Iterable[OrderRecord]) -> Iterable[float]:
    for record in live:
        other = record.request
        at_venue = record.venue_order_id is not None
        if other.symbol == symbol and other.side is Side.SELL and at_venue:
            yield record.remaining


def selling(request: OrderRequest, live: Iterable[OrderRecord]) -> float:
    """Return the size that other live sell orders of the symbol may still sell.

    Of orders that exclude each other only the largest counts, and none that excludes
    ``request`` itself.
    """
    largest: Dict[Group, float] = {}
    own = group_of(request)
    entries = {
        record.client_order_id: record.remaining
        for record in live
        if record.request.side is Side.BUY
    }
    for record in live:
        other = record.request
        if other.symbol != request.symbol or other.side is not Side.SELL:
            continue
        key = group_of(other)
        if key != own:
            # The exits of a bracket may sell what its entry has yet to buy.
            sells = record.remaining - entries.get(other.parent_id or "", 0.0)
            largest[key] = max(largest.get(key, 0.0), sells)
    return sum(largest.values())
