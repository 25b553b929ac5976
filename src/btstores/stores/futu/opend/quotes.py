"""Subscriptions to quotes, what is pushed for them, and requests that need one."""

from __future__ import annotations

import threading
from typing import Any, FrozenSet, List, Mapping, Optional, Tuple

from btstores.clock import Clock
from btstores.errors import ConfigError
from btstores.markets import MarketType
from btstores.sim.switches import Faults
from btstores.stores.futu import sdk
from btstores.stores.futu.opend.asked import count_of, find_symbol
from btstores.stores.futu.opend.board import Board
from btstores.stores.futu.opend.faults import FAULTS
from btstores.stores.futu.opend.history import History
from btstores.stores.futu.opend.hours import EXTENDED, OVERNIGHT, REGULAR
from btstores.stores.futu.opend.lines import SUB_TYPES
from btstores.stores.futu.opend.messages import (
    CACHED,
    LEVELS,
    fill_basic,
    fill_book,
    fill_kline,
    fill_security,
    fill_share,
    fill_ticker,
    strip_numbers,
)
from btstores.stores.futu.opend.pushes import Pushes
from btstores.stores.futu.opend.session import Refused, Route, Session
from btstores.stores.futu.opend.statics import Statics
from btstores.stores.futu.opend.subscriptions import (
    BASIC,
    BOOK,
    BROKER,
    RT,
    TICKER,
    Key,
    Sub,
    Subscriptions,
)
from btstores.stores.futu.opend.text import market_type_of
from btstores.stores.futu.opend.world import World

__all__ = ["QUOTAS", "Quotes"]

#: Subscriptions, and symbols of history in 30 days, by tier: from a new account to a busy one.
QUOTAS = (100, 300, 1000, 2000)

_KNOWN = frozenset({BASIC, BOOK, TICKER, RT, BROKER, *SUB_TYPES})
_FORWARD = frozenset({1})

#: Common.Session: what a subscription sees.
_SESSIONS = {1: REGULAR, 2: EXTENDED, 3: OVERNIGHT}


class Quotes:
    """All Qot_* protocols: a service of OpenD, which pushes what the world tells.

    ``tier`` is a row of `QUOTAS`. Trades wait up to ``ticker_batch`` seconds of market time for
    others to share a push. Markets in ``no_rights``, such as 'HK', cannot be subscribed to. The
    minute that a subscription lasts and the limits of requests, which ``throttled`` False takes
    away, are in the time of ``clock``, the market's own by default. Raises `ConfigError`.
    """

    def __init__(
        self,
        world: World,
        faults: Optional[Faults] = None,
        tier: int = 1,
        ticker_batch: float = 0.0,
        throttled: bool = True,
        clock: Optional[Clock] = None,
    ) -> None:
        self.world = world
        self.faults = faults if faults is not None else Faults(FAULTS)
        if tier not in range(len(QUOTAS)):
            raise ConfigError.of("tier", tier, f"0 to {len(QUOTAS) - 1}")
        self.quota = QUOTAS[tier]
        self.no_rights: FrozenSet[str] = frozenset()
        self._clock = clock if clock is not None else world.clock
        limits = self._clock if throttled else None
        self._lock = threading.RLock()
        self._subs = Subscriptions()
        self._pushes = Pushes(world, self.faults, self._subs, self._lock, ticker_batch)
        self._history = History(world, self.faults, self.quota, limits)
        self._statics = Statics(world, self.faults, limits)
        world.listen(self._pushes)

    # The service

    def routes(self) -> Mapping[int, Route]:
        """Return what answers each protocol."""
        own = {
            3001: ("Qot_Sub", self._sub),
            3002: ("Qot_RegQotPush", self._register),
            3003: ("Qot_GetSubInfo", self._sub_info),
            3004: ("Qot_GetBasicQot", self._get_basic),
            3006: ("Qot_GetKL", self._get_klines),
            3008: ("Qot_GetRT", self._get_rt),
            3010: ("Qot_GetTicker", self._get_ticker),
            3012: ("Qot_GetOrderBook", self._get_book),
        }
        routes = {
            proto_id: Route(sdk.pb(name).Request, sdk.pb(name).Response, answer)
            for proto_id, (name, answer) in own.items()
        }
        return {**routes, **self._history.routes(), **self._statics.routes()}

    def session_closed(self, session: Session) -> None:
        """Forget the subscriptions of a connection."""
        with self._lock:
            self._subs.close(session)

    # Subscribing

    def _sub(self, session: Session, c2s: Any, s2c: Any) -> None:
        now_ns = self._clock.monotonic_ns()
        if c2s.isUnsubAll:
            with self._lock:
                self._unsub(session, self._subs.of_session(session), now_ns)
            return
        keys = self._keys(c2s)
        if not c2s.isSubOrUnSub:
            with self._lock:
                self._unsub(session, keys, now_ns)
            return
        self._may_subscribe(keys)
        self.faults.clear("pushes_lost")
        level = _level_of(c2s)
        rehabs = frozenset(c2s.regPushRehabTypeList) or _FORWARD
        with self._lock:
            self._check_quota(keys, now_ns)
            for key in keys:
                self._put(session, key, now_ns, _push_of(c2s), level, rehabs)
        if c2s.isRegOrUnRegPush and (c2s.isFirstPush or not c2s.HasField("isFirstPush")):
            session.after_answer(lambda: self._pushes.push_first(session, keys))

    def _put(
        self,
        session: Session,
        key: Key,
        now_ns: int,
        push: Optional[bool],
        level: Optional[int],
        rehabs: FrozenSet[int],
    ) -> None:
        """Add a subscription, or change what is told and leave the rest as it is."""
        if market_type_of(key[0]) is not MarketType.US_STOCK:
            level = OVERNIGHT
        try:
            before = self._subs.get(session, key)
        except KeyError:
            before = Sub(now_ns, False, REGULAR, _FORWARD)
        changed = before._replace(
            push=before.push if push is None else push,
            level=before.level if level is None else level,
            rehabs=rehabs,
        )
        self._subs.put(session, key, changed)

    def _unsub(self, session: Session, keys: List[Key], now_ns: int) -> None:
        young = self._subs.too_young(session, keys, now_ns)
        if young:
            symbol, kind = young[0]
            raise Refused(
                f"{symbol}: a subscription (subType {kind}) cannot be cancelled "
                "within one minute of being made"
            )
        for key in keys:
            self._subs.remove(session, key)

    def _register(self, session: Session, c2s: Any, s2c: Any) -> None:
        keys = self._keys(c2s)
        rehabs = frozenset(c2s.rehabTypeList) or _FORWARD
        now_ns = self._clock.monotonic_ns()
        with self._lock:
            mine = frozenset(self._subs.of_session(session))
            for key in keys:
                if key in mine:
                    self._put(session, key, now_ns, c2s.isRegOrUnReg, None, rehabs)
                elif c2s.isRegOrUnReg:
                    raise Refused(_not_subscribed(*key))
        if c2s.isRegOrUnReg and (c2s.isFirstPush or not c2s.HasField("isFirstPush")):
            session.after_answer(lambda: self._pushes.push_first(session, keys))

    def _keys(self, c2s: Any) -> List[Key]:
        symbols = [find_symbol(self.world, security) for security in c2s.securityList]
        if not symbols:
            raise Refused("securityList is empty")
        if not c2s.subTypeList:
            raise Refused("subTypeList is empty")
        for kind in c2s.subTypeList:
            if kind not in _KNOWN:
                raise Refused(f"subTypeList: {kind} is not a SubType that is supported")
        return [(symbol, kind) for symbol in symbols for kind in c2s.subTypeList]

    def _may_subscribe(self, keys: List[Key]) -> None:
        for symbol in dict.fromkeys(symbol for symbol, _ in keys):
            fault = self.faults.take("sub_fails", symbol=symbol)
            if fault is not None:
                raise Refused(fault.text or f"Subscribing to {symbol} failed")
            fault = self.faults.take("no_right", symbol=symbol)
            if fault is not None or symbol.partition(".")[0] in self.no_rights:
                text = None if fault is None else fault.text
                raise Refused(text or f"No right to the quotes of {symbol}")

    def _check_quota(self, keys: List[Key], now_ns: int) -> None:
        used = self._subs.used(now_ns)
        needed = len(frozenset(keys) - used)
        fault = self.faults.take("quota_full") if needed else None
        left = 0 if fault is not None else self.quota - len(used)
        if needed > left:
            text = None if fault is None else fault.text
            raise Refused(
                text
                or f"Not enough subscription quota: {needed} needed, {left} of {self.quota} left"
            )

    def _sub_info(self, session: Session, c2s: Any, s2c: Any) -> None:
        with self._lock:
            sessions = self._subs.sessions() if c2s.isReqAllConn else []
            if session not in sessions:
                sessions.insert(0, session)
            for one in sessions:
                keys = self._subs.of_session(one)
                info = s2c.connSubInfoList.add()
                info.usedQuota, info.isOwnConnData = len(keys), one is session
                for kind in sorted({kind for _, kind in keys}):
                    row = info.subInfoList.add()
                    row.subType = kind
                    for symbol, own in keys:
                        if own == kind:
                            fill_security(row.securityList.add(), symbol)
            used = len(self._subs.used(self._clock.monotonic_ns()))
        full = self.faults.is_on("quota_full")
        s2c.totalUsedQuota = used
        s2c.remainQuota = 0 if full else max(0, self.quota - used)

    # Requests that need a subscription

    def _subscribed(self, session: Session, security: Any, kind: int) -> Tuple[Board, Sub]:
        symbol = find_symbol(self.world, security)
        with self._lock:
            try:
                sub = self._subs.get(session, (symbol, kind))
            except KeyError:
                raise Refused(_not_subscribed(symbol, kind)) from None
        return self.world.boards[symbol], sub

    def _get_basic(self, session: Session, c2s: Any, s2c: Any) -> None:
        boards = [self._subscribed(session, one, BASIC)[0] for one in c2s.securityList]
        with self.world.lock:
            for board in boards:
                fill_basic(s2c.basicQotList.add(), board)
        self._spoil(s2c, boards[0].instrument.symbol if boards else "")

    def _get_klines(self, session: Session, c2s: Any, s2c: Any) -> None:
        kinds = {kl_type: kind for kind, kl_type in SUB_TYPES.items()}
        if c2s.klType not in kinds:
            raise Refused(f"klType: {c2s.klType} is not a KLType that is supported")
        count = count_of("reqNum", c2s.reqNum)
        board, sub = self._subscribed(session, c2s.security, kinds[c2s.klType])
        symbol = self._name(s2c, board)
        with self.world.lock:
            bars = board.chart.lines(c2s.klType).tail(count + 1, sub.level)
        last_close = bars[0].close if len(bars) > count else None
        for bar in bars[-count:]:
            fill_kline(s2c.klList.add(), bar, last_close, board.hours.timezone)
            last_close = bar.close
        self._spoil(s2c, symbol)

    def _get_rt(self, session: Session, c2s: Any, s2c: Any) -> None:
        board, _ = self._subscribed(session, c2s.security, RT)
        symbol = self._name(s2c, board)
        with self.world.lock:
            minutes = board.minutes_of_day()
        volume = turnover = 0.0
        for minute in minutes:
            volume, turnover = volume + minute.volume, turnover + minute.turnover
            fill_share(s2c.rtList.add(), minute, board, (volume, turnover))
        self._spoil(s2c, symbol)

    def _get_ticker(self, session: Session, c2s: Any, s2c: Any) -> None:
        count = count_of("maxRetNum", c2s.maxRetNum)
        board, sub = self._subscribed(session, c2s.security, TICKER)
        symbol = self._name(s2c, board)
        with self.world.lock:
            trades = [one for one in board.trades if one.period.level <= sub.level][-count:]
        now_ns = self.world.now_ns()
        for trade in trades:
            fill_ticker(s2c.tickerList.add(), trade, board, now_ns, CACHED)
        self._spoil(s2c, symbol)

    def _get_book(self, session: Session, c2s: Any, s2c: Any) -> None:
        board, _ = self._subscribed(session, c2s.security, BOOK)
        with self.world.lock:
            fill_book(s2c, board, min(count_of("num", c2s.num), LEVELS))
        self._spoil(s2c, board.instrument.symbol)

    def _name(self, s2c: Any, board: Board) -> str:
        fill_security(s2c.security, board.instrument.symbol)
        s2c.name = board.instrument.name
        return board.instrument.symbol

    def _spoil(self, s2c: Any, symbol: str) -> None:
        if self.faults.take("na_numbers", symbol=symbol) is not None:
            strip_numbers(s2c)


def _push_of(c2s: Any) -> Optional[bool]:
    return bool(c2s.isRegOrUnRegPush) if c2s.HasField("isRegOrUnRegPush") else None


def _level_of(c2s: Any) -> int:
    if c2s.session:
        if c2s.session not in _SESSIONS:
            raise Refused(f"session: {c2s.session} is not one of RTH, ETH and ALL")
        return _SESSIONS[c2s.session]
    return EXTENDED if c2s.extendedTime else REGULAR


def _not_subscribed(symbol: str, kind: int) -> str:
    return f"{symbol} must be subscribed to (subType {kind}) first"
