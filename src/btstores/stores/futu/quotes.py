"""Market data: Futu's messages as our records; pure functions."""

from __future__ import annotations

import datetime
from typing import Any, Optional

from btstores.clock import NS_PER_SECOND
from btstores.instruments import Instrument
from btstores.markets import MarketConfig, Sessions
from btstores.markets.zones import date_in
from btstores.reports import Bar, Quote, Side, Tick
from btstores.stores.futu.bars import is_intraday
from btstores.stores.futu.orders import number, positive, stamp_ns, time_ns

__all__ = ["bar_end_ns", "bar_of", "instrument_of", "quote_of", "tick_of"]

_SIDES = {1: Side.BUY, 2: Side.SELL}

#: Qot_Common.SecurityType.
_TRUST, _WARRANT, _OPTION, _FUTURE = 4, 5, 8, 10
_KINDS = {_TRUST: "etf", _WARRANT: "warrant"}


def bar_end_ns(day: datetime.date, sessions: Optional[Sessions]) -> Optional[int]:
    """Return when trading of a day ends, all its sessions; None when it is no trading day."""
    if sessions is None:
        return None
    parts = sessions.sessions_on(day)
    return parts[-1].end_ns if parts else None


def bar_of(
    line: Any,
    symbol: str,
    timeframe: int,
    compression: int,
    timezone: str,
    sessions: Optional[Sessions],
    received_ns: Optional[int] = None,
) -> Optional[Bar]:
    """Return a Qot_Common.KLine as a bar that may change still; None for one without prices.

    Bars of minutes are stamped with their end. Those of days and longer have the end of regular
    trading on their day, so that their date is right in any time zone.
    """
    prices = [number(line, name + "Price") for name in ("open", "high", "low", "close")]
    if line.isBlank or any(price is None or price <= 0 for price in prices):
        return None
    stamp_ns = time_ns(line, "timestamp", "time", timezone)
    if not is_intraday(timeframe):
        day = date_in(timezone, stamp_ns)
        if sessions is not None and sessions.sessions_on(day):
            ends = [each.end_ns for each in sessions.sessions_on(day) if each.regular]
            stamp_ns = max(ends)
        else:
            stamp_ns += 24 * 3600 * NS_PER_SECOND - 1_000
    volume = number(line, "hpVolume")
    if volume is None and line.HasField("volume"):
        volume = float(line.volume)
    opens, high, low, close = prices
    assert opens is not None
    assert high is not None
    assert low is not None
    assert close is not None
    return Bar(
        symbol,
        timeframe,
        compression,
        stamp_ns,
        opens,
        high,
        low,
        close,
        volume,
        received_ns=received_ns,
        complete=False,
    )


def tick_of(ticker: Any, symbol: str, timezone: str, received_ns: int) -> Optional[Tick]:
    """Return a Qot_Common.Ticker as a trade; None for one without a price."""
    price = number(ticker, "price")
    if price is None or price <= 0:
        return None
    volume = number(ticker, "hpVolume")
    return Tick(
        symbol,
        time_ns(ticker, "timestamp", "time", timezone),
        price,
        float(ticker.volume) if volume is None else volume,
        _SIDES.get(ticker.dir),
        str(ticker.sequence),
        received_ns,
    )


def quote_of(book: Any, symbol: str, received_ns: int) -> Quote:
    """Return the best of an order book; its time is OpenD's, or else when it came."""
    names = ("svrRecvTimeBidTimestamp", "svrRecvTimeAskTimestamp")
    told_ns = max(stamp_ns(book, name) for name in names)
    bid = book.orderBookBidList[0] if book.orderBookBidList else None
    ask = book.orderBookAskList[0] if book.orderBookAskList else None
    return Quote(
        symbol,
        told_ns or received_ns,
        positive(bid.price) if bid is not None else None,
        positive(ask.price) if ask is not None else None,
        float(bid.volume) if bid is not None else None,
        float(ask.volume) if ask is not None else None,
        received_ns,
    )


def instrument_of(
    static: Any,
    snapshot: Any,
    future: Any,
    symbol: str,
    config: MarketConfig,
    day: datetime.date,
) -> Instrument:
    """Return what Futu says of an instrument; ``snapshot`` and ``future`` may be None.

    The spread is told at the price of the moment alone. Where the market's table agrees with it
    there, the table holds.
    """
    basic = static.basic
    kind = _KINDS.get(basic.secType)
    is_derivative = basic.secType in (_OPTION, _FUTURE)
    instrument = Instrument(
        symbol,
        "futu",
        config.currency,
        lot=1.0 if is_derivative else float(basic.lotSize) or None,
        multiplier=(float(basic.lotSize) or 1.0) if is_derivative else 1.0,
        timezone=config.timezone,
        name=basic.name,
        kind=kind,
        tradable=not basic.delisting,
    )
    if future is not None:
        return instrument._replace(
            tick_size=positive(future.minVar), multiplier=positive(future.contractSize) or 1.0
        )
    if snapshot is None:
        return instrument
    told = snapshot.basic
    spread = positive(told.priceSpread)
    table = config.rules.tick_table_of(symbol, day, kind)
    agrees = table is not None and told.curPrice > 0 and table.tick_at(told.curPrice) == spread
    return instrument._replace(
        tick_size=None if agrees else spread,
        tick_table=table.rows if agrees and table is not None else (),
        tradable=instrument.tradable and not told.isSuspend,
    )
