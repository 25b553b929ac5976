"""The state of a market as Qot_Common.QotMarketState has it."""

from __future__ import annotations

from typing import Dict, Optional, Tuple

from btstores.markets import MarketConfig, MarketType
from btstores.markets.segments import Kind, SessionInfo
from btstores.stores.futu.opend.text import rule_symbol

__all__ = ["state_of"]

NONE, AUCTION, WAITING_OPEN, MORNING, REST, AFTERNOON, CLOSED = range(7)
_PRE_MARKET, _PRE_MARKET_END, _AFTER_HOURS, _AFTER_HOURS_END = 8, 9, 10, 11
_NIGHT_OPEN, _NIGHT_END, _DAY_OPEN, _DAY_BREAK, _DAY_CLOSE, _DAY_WAIT = 13, 14, 15, 16, 17, 18
_CLOSING_AUCTION, _FUTURE_OPEN, _FUTURE_BREAK, _FUTURE_CLOSE = 19, 23, 24, 26
_OVERNIGHT_END, _OVERNIGHT = 34, 37

_RUNNING: Dict[Tuple[MarketType, Kind], int] = {
    (MarketType.HK_STOCK, Kind.CLOSING_AUCTION): _CLOSING_AUCTION,
    (MarketType.CN_STOCK, Kind.CLOSING_AUCTION): AFTERNOON,
    (MarketType.US_STOCK, Kind.PRE_MARKET): _PRE_MARKET,
    (MarketType.US_STOCK, Kind.CONTINUOUS): AFTERNOON,
    (MarketType.US_STOCK, Kind.AFTER_HOURS): _AFTER_HOURS,
    (MarketType.US_STOCK, Kind.OVERNIGHT): _OVERNIGHT,
    (MarketType.US_OPTION, Kind.CONTINUOUS): AFTERNOON,
    (MarketType.HK_FUTURE, Kind.NIGHT): _NIGHT_OPEN,
    (MarketType.HK_FUTURE, Kind.OPENING_AUCTION): _DAY_WAIT,
    (MarketType.HK_FUTURE, Kind.CONTINUOUS): _DAY_OPEN,
    (MarketType.US_FUTURE, Kind.CONTINUOUS): _FUTURE_OPEN,
}

#: After the last session of a day, and after a session with a given kind before another one.
_ENDED: Dict[MarketType, int] = {
    MarketType.US_STOCK: _AFTER_HOURS_END,
    MarketType.HK_FUTURE: _DAY_CLOSE,
    MarketType.US_FUTURE: _FUTURE_CLOSE,
}
_BETWEEN: Dict[Tuple[MarketType, Kind], int] = {
    (MarketType.US_STOCK, Kind.OVERNIGHT): _OVERNIGHT_END,
    (MarketType.HK_FUTURE, Kind.NIGHT): _NIGHT_END,
    (MarketType.HK_FUTURE, Kind.CONTINUOUS): _DAY_BREAK,
}


def state_of(config: MarketConfig, symbol: str, time_ns: int) -> int:
    """Return the number of the state in which a symbol's market is at a time."""
    sessions = config.sessions_of(rule_symbol(symbol))
    if sessions is None:
        return MORNING
    market = config.market
    on_day = sessions.sessions_on(sessions.trading_day(time_ns))
    running: Optional[SessionInfo] = None
    before: Optional[SessionInfo] = None
    regular = 0
    for session in on_day:
        if session.start_ns <= time_ns < session.end_ns:
            running = session
        elif session.end_ns <= time_ns:
            before = session
            regular += session.regular
    if running is None:
        return _resting(market, before, time_ns, on_day[0].start_ns)
    found = _RUNNING.get((market, running.kind))
    if found is not None:
        return found
    if running.kind is Kind.OPENING_AUCTION:
        return AUCTION if running.trades else WAITING_OPEN
    return AFTERNOON if regular else MORNING


def _resting(market: MarketType, before: Optional[SessionInfo], time_ns: int, first_ns: int) -> int:
    if before is not None:
        found = _BETWEEN.get((market, before.kind))
        if found is not None:
            return found
        return WAITING_OPEN if before.kind is Kind.OPENING_AUCTION else REST
    # CME rests for an hour each day, and from Friday to Sunday.
    if market is MarketType.US_FUTURE and first_ns - time_ns <= 2 * 3600 * 10**9:
        return _FUTURE_BREAK
    return _ENDED.get(market, CLOSED)
