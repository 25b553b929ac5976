"""What is known of a symbol, as protobuf messages with all that Futu's client requires."""

from __future__ import annotations

from typing import Any, Iterable, List, Optional, Tuple

from btstores.clock import NS_PER_SECOND
from btstores.instruments import Instrument
from btstores.markets.segments import Kind
from btstores.reports import Side
from btstores.stores.futu.opend.board import Board, DayFigures, Trade, next_price
from btstores.stores.futu.opend.lines import KBar
from btstores.stores.futu.opend.listings import listed_seconds, listing_of
from btstores.stores.futu.opend.text import is_future, security_of, time_text

__all__ = [
    "CACHED",
    "LEVELS",
    "MISSED",
    "REAL_TIME",
    "fill_basic",
    "fill_book",
    "fill_kline",
    "fill_security",
    "fill_share",
    "fill_ticker",
    "strip_numbers",
]

#: Numbers of Qot_Common.PushDataType.
REAL_TIME, MISSED, CACHED = 1, 2, 3
#: Of an order book, on each side.
LEVELS = 10

_NORMAL, _SUSPENDED = 1, 9
_DIRECTIONS = {Side.BUY: 1, Side.SELL: 2}
_AUTOMATCH, _AUCTION = 1, 7

_OUTSIDE = {
    Kind.PRE_MARKET: "preMarket",
    Kind.AFTER_HOURS: "afterMarket",
    Kind.OVERNIGHT: "overnight",
}
#: Of google.protobuf.descriptor.FieldDescriptor: labels, and FLOAT, the last type of a number.
_REQUIRED, _REPEATED, _LAST_NUMBER = 2, 3, 6

#: Optional by the protocol, and yet there in every bar.
_KEPT = frozenset({"openPrice", "highPrice", "lowPrice", "closePrice", "volume"})


def fill_security(security: Any, symbol: str) -> None:
    """Write a symbol."""
    security.market, security.code = security_of(symbol)


def fill_kline(kline: Any, bar: KBar, last_close: Optional[float], timezone: str) -> None:
    """Write a bar; without ``last_close`` the bar before is not known, which is told as 0."""
    if bar.text is None:
        bar.text = time_text(bar.end_ns, timezone)
    kline.time = bar.text
    kline.isBlank = False
    kline.highPrice = bar.high
    kline.openPrice = bar.open
    kline.lowPrice = bar.low
    kline.closePrice = bar.close
    kline.lastClosePrice = last_close or 0.0
    kline.volume = int(bar.volume)
    kline.hpVolume = bar.volume
    kline.turnover = bar.turnover
    kline.turnoverRate = 0.0
    kline.pe = 0.0
    kline.changeRate = (bar.close / last_close - 1) * 100 if last_close else 0.0
    kline.timestamp = bar.end_ns / NS_PER_SECOND


def fill_ticker(ticker: Any, trade: Trade, board: Board, received_ns: int, how: int) -> None:
    """Write a trade; ``how`` is a PushDataType."""
    tick = trade.tick
    size = tick.size or 0.0
    ticker.time = time_text(tick.time_ns, board.hours.timezone)
    ticker.sequence = trade.number
    ticker.dir = 3 if tick.side is None else _DIRECTIONS[tick.side]
    ticker.price = tick.price
    ticker.volume = int(size)
    ticker.hpVolume = size
    ticker.turnover = tick.price * size * board.instrument.multiplier
    ticker.recvTime = received_ns / NS_PER_SECOND
    ticker.type = _AUCTION if tick.time_ns < trade.period.start_ns else _AUTOMATCH
    ticker.typeSign = 0
    ticker.pushDataType = how
    ticker.timestamp = tick.time_ns / NS_PER_SECOND


def fill_basic(basic: Any, board: Board) -> None:
    """Write the quote of a symbol."""
    instrument, today, timezone = board.instrument, board.today, board.hours.timezone
    symbol = instrument.symbol
    fill_security(basic.security, symbol)
    basic.name = instrument.name
    basic.isSuspended = board.halted
    basic.secStatus = _SUSPENDED if board.halted else _NORMAL
    basic.listTime = listing_of(symbol).listed
    basic.listTimestamp = listed_seconds(symbol)
    basic.darkStatus = 0
    figures = today if today is not None else DayFigures.NOTHING
    basic.priceSpread = instrument.tick_at(figures.close) or 0.0
    basic.updateTime = time_text(figures.time_ns, timezone) if figures.time_ns else ""
    basic.updateTimestamp = figures.time_ns / NS_PER_SECOND
    basic.highPrice = figures.high
    basic.openPrice = figures.open
    basic.lowPrice = figures.low
    basic.curPrice = figures.close
    basic.lastClosePrice = figures.last_close
    basic.volume = int(figures.volume)
    basic.hpVolume = figures.volume
    basic.turnover = figures.turnover
    basic.turnoverRate = 0.0
    basic.amplitude = amplitude_of(figures)
    fill_outside(basic, board)
    if is_future(symbol):
        basic.futureExData.lastSettlePrice = figures.last_close
        basic.futureExData.position = 0
        basic.futureExData.positionChange = 0


def amplitude_of(figures: DayFigures) -> float:
    """Return the range of the day in percent of the close before."""
    last_close = figures.last_close
    return (figures.high - figures.low) / last_close * 100 if last_close else 0.0


def fill_outside(message: Any, board: Board) -> None:
    """Write what was traded before and after the regular session of the day."""
    for kind, figures in board.extended.items():
        name = _OUTSIDE.get(kind)
        if name is None:
            continue
        part = getattr(message, name)
        part.price = figures.close
        part.highPrice = figures.high
        part.lowPrice = figures.low
        part.volume = int(figures.volume)
        part.turnover = figures.turnover
        part.changeVal = figures.close - figures.last_close
        if figures.last_close:
            part.changeRate = (figures.close / figures.last_close - 1) * 100
        part.amplitude = amplitude_of(figures)


def fill_book(s2c: Any, board: Board, count: int) -> None:
    """Write up to ``count`` levels on each side; the first ones are the quote."""
    instrument, quote = board.instrument, board.quote
    fill_security(s2c.security, instrument.symbol)
    s2c.name = instrument.name
    s2c.orderBookType = 0
    if quote is None:
        return
    _fill_side(s2c.orderBookBidList, _ladder(instrument, quote.bid, quote.bid_size, -1, count))
    _fill_side(s2c.orderBookAskList, _ladder(instrument, quote.ask, quote.ask_size, 1, count))
    text = time_text(quote.time_ns, board.hours.timezone)
    seconds = quote.time_ns / NS_PER_SECOND
    s2c.svrRecvTimeBid, s2c.svrRecvTimeBidTimestamp = text, seconds
    s2c.svrRecvTimeAsk, s2c.svrRecvTimeAskTimestamp = text, seconds


def _fill_side(side: Any, levels: Iterable[Tuple[float, float]]) -> None:
    for price, size in levels:
        level = side.add()
        level.price = price
        level.volume = int(size)
        level.hpVolume = size
        level.orederCount = 1 + int(size) % 9


def _ladder(
    instrument: Instrument, price: Optional[float], size: Optional[float], step: int, count: int
) -> List[Tuple[float, float]]:
    """Return prices and sizes from the best one on; a price has the same size again and again."""
    if price is None or count < 1:
        return []
    lot = instrument.lot or 1.0
    levels = [(price, size if size is not None else lot * 10)]
    while len(levels) < count:
        price = next_price(instrument, price, step)
        if price <= 0:
            break
        levels.append((price, lot * (1 + round(price * 10_000) * 2_654_435_761 % 97)))
    return levels


def fill_share(share: Any, minute: KBar, board: Board, traded: Tuple[float, float]) -> None:
    """Write a minute of the day's curve; ``traded`` is its volume and turnover so far."""
    if minute.text is None:
        minute.text = time_text(minute.end_ns, board.hours.timezone)
    share.time = minute.text
    share.minute = int(minute.text[11:13]) * 60 + int(minute.text[14:16])
    share.isBlank = False
    share.price = minute.close
    share.lastClosePrice = board.today.last_close if board.today is not None else 0.0
    volume, turnover = traded
    multiplier = board.instrument.multiplier
    share.avgPrice = turnover / volume / multiplier if volume else minute.close
    share.volume = int(minute.volume)
    share.hpVolume = minute.volume
    share.turnover = minute.turnover
    share.timestamp = minute.end_ns / NS_PER_SECOND


def strip_numbers(message: Any) -> None:
    """Take away what is optional and a number, in the message and all below it."""
    for field, value in message.ListFields():
        if field.message_type is not None:
            for one in value if _is_repeated(field) else (value,):
                strip_numbers(one)
        elif (
            not _is_required(field)
            and not _is_repeated(field)
            and field.cpp_type <= _LAST_NUMBER
            and field.name not in _KEPT
        ):
            message.ClearField(field.name)


def _is_required(field: Any) -> bool:
    # protobuf 6 brought the properties and 7 took the labels away.
    found = getattr(field, "is_required", None)
    return bool(field.label == _REQUIRED if found is None else found)


def _is_repeated(field: Any) -> bool:
    found = getattr(field, "is_repeated", None)
    return bool(field.label == _REPEATED if found is None else found)
