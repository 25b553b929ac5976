"""What changes seldom: securities, contracts, trading days; and snapshots of prices."""

from __future__ import annotations

import datetime
import zlib
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from btstores.clock import NS_PER_SECOND, Clock
from btstores.markets import MarketType, get_market_config
from btstores.markets.sessions import SessionInfo, Sessions
from btstores.sim.switches import Faults
from btstores.stores.futu import sdk
from btstores.stores.futu.opend.asked import Throttle, find_symbol, find_symbols
from btstores.stores.futu.opend.board import Board, DayFigures
from btstores.stores.futu.opend.listings import exchange_of, listed_seconds, listing_of
from btstores.stores.futu.opend.messages import (
    amplitude_of,
    fill_outside,
    fill_security,
    strip_numbers,
)
from btstores.stores.futu.opend.session import Refused, Route, Session
from btstores.stores.futu.opend.text import (
    date_text,
    day_ns,
    is_future,
    market_type_of,
    rule_symbol,
    security_of,
    time_text,
)
from btstores.stores.futu.opend.world import World

__all__ = ["Statics"]

_SNAPSHOTS = 400
_LIST = 400

#: Numbers of Qot_Common.SecurityType.
_EQUITY, _TRUST, _WARRANT, _OPTION, _FUTURE = 3, 4, 5, 8, 10
_KINDS = {"etf": _TRUST, "warrant": _WARRANT}
_NORMAL, _SUSPENDED = 1, 9

#: Markets whose days both count, by Qot_Common.TradeDateMarket, and the zone of the days.
_TRADE_DATES: Dict[int, Tuple[Tuple[MarketType, ...], str]] = {
    1: ((MarketType.HK_STOCK,), "Asia/Hong_Kong"),
    2: ((MarketType.US_STOCK,), "America/New_York"),
    3: ((MarketType.CN_STOCK,), "Asia/Shanghai"),
    4: ((MarketType.CN_STOCK, MarketType.HK_STOCK), "Asia/Shanghai"),
    5: ((MarketType.HK_STOCK, MarketType.CN_STOCK), "Asia/Hong_Kong"),
}
_WHOLE, _MORNING = 0, 1
_LONGEST = datetime.timedelta(days=366 * 20)


class Statics:
    """Answers requests of what a security is; limited in the time of ``clock`` if there is one."""

    def __init__(self, world: World, faults: Faults, clock: Optional[Clock]) -> None:
        self.world = world
        self.faults = faults
        self._snapshots = Throttle("GetSecuritySnapshot", 60, clock)
        self._trade_dates = Throttle("RequestTradeDate", 30, clock)

    def routes(self) -> Mapping[int, Route]:
        """Return what answers each protocol."""
        own = {
            3202: ("Qot_GetStaticInfo", self._static),
            3203: ("Qot_GetSecuritySnapshot", self._snapshot),
            3218: ("Qot_GetFutureInfo", self._future),
            3219: ("Qot_RequestTradeDate", self._dates),
            3223: ("Qot_GetMarketState", self._state),
        }
        return {
            proto_id: Route(sdk.pb(name).Request, sdk.pb(name).Response, answer)
            for proto_id, (name, answer) in own.items()
        }

    def _static(self, session: Session, c2s: Any, s2c: Any) -> None:
        symbols: Sequence[str]
        if c2s.securityList:
            symbols = find_symbols(self.world, c2s.securityList, _LIST)
        else:
            symbols = [
                symbol
                for symbol, board in self.world.boards.items()
                if security_of(symbol)[0] == c2s.market and c2s.secType in (0, _type_of(board))
            ]
        for symbol in symbols:
            board = self.world.boards[symbol]
            info = s2c.staticInfoList.add()
            basic, listing = info.basic, listing_of(symbol)
            fill_security(basic.security, symbol)
            basic.id = zlib.crc32(symbol.encode())
            basic.lotSize = _lot_of(board)
            basic.secType = _type_of(board)
            basic.name = board.instrument.name
            basic.listTime = listing.listed
            basic.listTimestamp = listed_seconds(symbol)
            basic.delisting = False
            basic.exchType = exchange_of(symbol)
            if is_future(symbol):
                info.futureExData.lastTradeTime = ""
                info.futureExData.isMainContract = _is_main(symbol)

    def _snapshot(self, session: Session, c2s: Any, s2c: Any) -> None:
        symbols = find_symbols(self.world, c2s.securityList, _SNAPSHOTS)
        self._snapshots.take()
        for symbol in symbols:
            snapshot = s2c.snapshotList.add()
            with self.world.lock:
                _fill_snapshot(snapshot, self.world.boards[symbol])
            if self.faults.take("na_numbers", symbol=symbol) is not None:
                strip_numbers(snapshot)

    def _future(self, session: Session, c2s: Any, s2c: Any) -> None:
        for symbol in find_symbols(self.world, c2s.securityList, 200):
            if not is_future(symbol):
                raise Refused(f"{symbol} is not a future")
            board = self.world.boards[symbol]
            instrument = board.instrument
            info = s2c.futureInfoList.add()
            info.name = instrument.name
            fill_security(info.security, symbol)
            info.lastTradeTime = ""
            info.ownerOther = listing_of(symbol).name
            info.exchange = rule_symbol(symbol).partition(".")[0].replace("HK", "HKFE")
            info.contractType = "Index"
            info.contractSize = instrument.multiplier
            info.contractSizeUnit = f"{instrument.currency} per point"
            info.quoteCurrency = instrument.currency
            info.minVar = instrument.tick_at(board.last_price() or 1.0) or 0.01
            info.minVarUnit = "points"
            info.quoteUnit = "points"
            info.timeZone = "CCT" if symbol.startswith("HK.") else "ET"
            info.exchangeFormatUrl = ""
            for begin, end in self._trade_times(board):
                times = info.tradeTime.add()
                times.begin, times.end = begin, end

    def _trade_times(self, board: Board) -> List[Tuple[float, float]]:
        """Return minutes of the day; what begins the day before is negative."""
        now_ns = self.world.now_ns()
        midnight_ns = day_ns(board.hours.trading_day(now_ns), board.hours.timezone)
        found = []
        for period in board.hours.periods_on(board.hours.trading_day(now_ns)):
            begin = (period.start_ns - midnight_ns) / (60 * NS_PER_SECOND)
            end = (period.end_ns - midnight_ns) / (60 * NS_PER_SECOND)
            # The night of a Friday is told as that of the day before, too.
            while begin < -1440:
                begin, end = begin + 1440, end + 1440
            found.append((begin, end))
        return found

    def _dates(self, session: Session, c2s: Any, s2c: Any) -> None:
        if c2s.HasField("security") and c2s.security.code:
            symbol = find_symbol(self.world, c2s.security)
            board = self.world.boards[symbol]
            hours, timezone = [board.hours.sessions], board.hours.timezone
        elif c2s.market in _TRADE_DATES:
            markets, timezone = _TRADE_DATES[c2s.market]
            hours = [get_market_config(market).sessions for market in markets]
        else:
            raise Refused(f"market: {c2s.market} is not a TradeDateMarket that is played")
        day, last = _day("beginTime", c2s.beginTime), _day("endTime", c2s.endTime)
        if not day <= last < day + _LONGEST:
            raise Refused(f"endTime: {c2s.endTime} is not in the 20 years after {c2s.beginTime}")
        self._trade_dates.take()
        while day <= last:
            kind = _kind_of_day(hours, day)
            if kind is not None:
                date = s2c.tradeDateList.add()
                date.time = date_text(day)
                date.timestamp = day_ns(day, timezone) / NS_PER_SECOND
                date.tradeDateType = kind
            day += datetime.timedelta(days=1)

    def _state(self, session: Session, c2s: Any, s2c: Any) -> None:
        for symbol in find_symbols(self.world, c2s.securityList, _LIST):
            info = s2c.marketInfoList.add()
            fill_security(info.security, symbol)
            info.name = self.world.boards[symbol].instrument.name
            info.marketState = self.world.market_state(symbol)


def _type_of(board: Board) -> int:
    market = market_type_of(board.instrument.symbol)
    if market in (MarketType.HK_FUTURE, MarketType.US_FUTURE):
        return _FUTURE
    if market in (MarketType.HK_OPTION, MarketType.US_OPTION):
        return _OPTION
    return _KINDS.get(board.instrument.kind or "", _EQUITY)


def _lot_of(board: Board) -> int:
    """Return the lot of a stock, and of a contract its multiplier."""
    instrument = board.instrument
    if is_future(instrument.symbol):
        return max(1, round(instrument.multiplier))
    return max(1, round(instrument.lot or 1))


def _is_main(symbol: str) -> bool:
    return symbol.endswith("main")


def _fill_snapshot(snapshot: Any, board: Board) -> None:
    basic, instrument, timezone = snapshot.basic, board.instrument, board.hours.timezone
    symbol, listing, quote = instrument.symbol, listing_of(instrument.symbol), board.quote
    figures = board.today if board.today is not None else DayFigures.NOTHING
    fill_security(basic.security, symbol)
    basic.name = instrument.name
    basic.type = _type_of(board)
    basic.isSuspend = board.halted
    basic.secStatus = _SUSPENDED if board.halted else _NORMAL
    basic.listTime = listing.listed
    basic.listTimestamp = listed_seconds(symbol)
    basic.lotSize = _lot_of(board)
    basic.priceSpread = instrument.tick_at(figures.close) or 0.0
    basic.updateTime = time_text(figures.time_ns, timezone) if figures.time_ns else ""
    basic.updateTimestamp = figures.time_ns / NS_PER_SECOND
    basic.highPrice, basic.openPrice = figures.high, figures.open
    basic.lowPrice, basic.lastClosePrice = figures.low, figures.last_close
    basic.curPrice = figures.close
    basic.volume, basic.hpVolume = int(figures.volume), figures.volume
    basic.turnover, basic.turnoverRate = figures.turnover, 0.0
    basic.amplitude = amplitude_of(figures)
    if figures.volume:
        basic.avgPrice = figures.turnover / figures.volume / instrument.multiplier
    if quote is not None:
        _fill_best(basic, quote.bid, quote.bid_size, "bid")
        _fill_best(basic, quote.ask, quote.ask_size, "ask")
    days = board.chart.days.tail(250, 0)
    if days:
        basic.highest52WeeksPrice = max(day.high for day in days)
        basic.lowest52WeeksPrice = min(day.low for day in days)
    basic.enableMargin = False
    basic.enableShortSell = bool(instrument.shortable)
    fill_outside(basic, board)
    if is_future(symbol):
        future = snapshot.futureExData
        future.lastSettlePrice = figures.last_close
        future.position = future.positionChange = 0
        future.lastTradeTime = ""
        future.isMainContract = _is_main(symbol)


def _fill_best(basic: Any, price: Optional[float], size: Optional[float], side: str) -> None:
    if price is not None:
        setattr(basic, f"{side}Price", price)
        setattr(basic, f"{side}Vol", int(size or 0))
        setattr(basic, f"hp{side.capitalize()}Vol", size or 0.0)


def _kind_of_day(hours: Sequence[Optional[Sessions]], day: datetime.date) -> Optional[int]:
    """Return the TradeDateType of a day, None of one without trading."""
    kind = _WHOLE
    for sessions in hours:
        if sessions is None:
            continue
        on_day = sessions.sessions_on(day)
        if not on_day:
            return None
        if _has_break(sessions) and not _has_afternoon(on_day, day, sessions.timezone):
            kind = _MORNING
    return kind


def _has_break(sessions: Sessions) -> bool:
    regular = [one for one in sessions.hours if one.regular]
    return any(before.closes != after.opens for before, after in zip(regular, regular[1:]))


def _has_afternoon(on_day: Sequence[SessionInfo], day: datetime.date, timezone: str) -> bool:
    noon_ns = day_ns(day, timezone) + 12 * 3600 * NS_PER_SECOND
    return any(one.regular and one.end_ns > noon_ns + 3600 * NS_PER_SECOND for one in on_day)


def _day(field: str, text: str) -> datetime.date:
    try:
        return datetime.datetime.strptime(text.partition(" ")[0], "%Y-%m-%d").date()  # noqa: DTZ007
    except ValueError:
        raise Refused(f"{field}: {text!r} is not a date such as 2024-01-31") from None
