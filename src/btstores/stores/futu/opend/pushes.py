"""What is pushed to the connections that subscribed: each message is made once for all of them."""

from __future__ import annotations

import collections
import threading
from typing import Any, Deque, Dict, List, Sequence, Tuple

from btstores.clock import NS_PER_SECOND
from btstores.reports import Quote, Tick
from btstores.sim.switches import Faults
from btstores.stores.futu import sdk
from btstores.stores.futu.opend.board import Board, Trade
from btstores.stores.futu.opend.hours import REGULAR
from btstores.stores.futu.opend.lines import CALENDAR, SUB_TYPES
from btstores.stores.futu.opend.messages import (
    CACHED,
    LEVELS,
    MISSED,
    REAL_TIME,
    fill_basic,
    fill_book,
    fill_kline,
    fill_security,
    fill_share,
    fill_ticker,
    strip_numbers,
)
from btstores.stores.futu.opend.session import Session
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
from btstores.stores.futu.opend.world import World, WorldListener

__all__ = ["Pushes"]

Targets = Sequence[Tuple[Session, Sub]]

#: Trades that OpenD fetches after it had lost Futu.
_MISSED_KEPT = 50


class Pushes(WorldListener):
    """Hears of prices and pushes them. ``lock`` guards the subscriptions."""

    def __init__(
        self,
        world: World,
        faults: Faults,
        subs: Subscriptions,
        lock: threading.RLock,
        batch: float,
    ) -> None:
        self.world = world
        self.faults = faults
        self._subs = subs
        self._lock = lock
        self._batch_ns = round(batch * NS_PER_SECOND)
        self._waiting: Dict[str, List[Trade]] = {}
        self._missed: Dict[str, Deque[Trade]] = {}
        self._updates = {
            name: sdk.pb(f"Qot_Update{name}").Response
            for name in ("BasicQot", "KL", "RT", "Ticker", "OrderBook")
        }

    def on_tick(self, tick: Tick, number: int) -> None:
        symbol = tick.symbol
        kinds = self._subs.pushed.get(symbol)
        if not kinds or self.faults.is_on("pushes_lost", symbol=symbol):
            return
        board = self.world.boards[symbol]
        with self.world.lock:
            period = board.hours.place(tick.time_ns).period
        trade = Trade(tick, number, period)
        if self._is_down():
            kept: Deque[Trade] = collections.deque(maxlen=_MISSED_KEPT)
            self._missed.setdefault(symbol, kept).append(trade)
            return
        with self._lock:
            for kind in kinds:
                if kind == TICKER:
                    self._push_trade(board, trade)
                elif kind not in (BOOK, BROKER):
                    self._push(self._subs.targets((symbol, kind)), board, kind, period.level)

    def on_quote(self, quote: Quote) -> None:
        targets = self._subs.targets((quote.symbol, BOOK))
        is_lost = self.faults.is_on("pushes_lost", symbol=quote.symbol)
        if targets and not is_lost and not self._is_down():
            with self._lock:
                self._push(targets, self.world.boards[quote.symbol], BOOK, REGULAR)

    def push_first(self, session: Session, keys: Sequence[Key]) -> None:
        """Push what is there to a connection that has just subscribed."""
        with self._lock:
            for symbol, kind in keys:
                board = self.world.boards[symbol]
                mine = [one for one in self._subs.targets((symbol, kind)) if one[0] is session]
                if not mine:
                    continue
                if kind == TICKER:
                    with self.world.lock:
                        level = mine[0][1].level
                        seen = [one for one in board.trades if one.period.level <= level][-1:]
                    self._push_trades(mine, board, seen, CACHED)
                elif kind != BROKER:
                    self._push(mine, board, kind, REGULAR)

    def _is_down(self) -> bool:
        """Return whether OpenD has lost Futu."""
        fault = self.faults.take("upstream_down")
        return fault is not None and bool(fault.quotes)

    def _push_trade(self, board: Board, trade: Trade) -> None:
        symbol = trade.tick.symbol
        missed = self._missed.pop(symbol, None)
        if missed:
            self._push_trades(self._subs.targets((symbol, TICKER)), board, list(missed), MISSED)
        if not self._batch_ns:
            self._push_trades(self._subs.targets((symbol, TICKER)), board, [trade], REAL_TIME)
            return
        waiting = self._waiting.setdefault(symbol, [])
        waiting.append(trade)
        if len(waiting) == 1:
            due_ns = trade.tick.time_ns + self._batch_ns
            self.world.clock.call_at(due_ns, lambda: self._push_waiting(symbol))

    def _push_waiting(self, symbol: str) -> None:
        with self._lock:
            trades, board = self._waiting.pop(symbol, []), self.world.boards[symbol]
            self._push_trades(self._subs.targets((symbol, TICKER)), board, trades, REAL_TIME)

    def _push_trades(self, targets: Targets, board: Board, trades: List[Trade], how: int) -> None:
        """Push trades, to each connection those that its subscription sees."""
        for level in {sub.level for _, sub in targets}:
            seen = [trade for trade in trades if trade.period.level <= level]
            if not seen:
                continue
            response = self._updates["Ticker"]()
            symbol = self._name(response.s2c, board)
            now_ns = self.world.now_ns()
            for trade in seen:
                fill_ticker(response.s2c.tickerList.add(), trade, board, now_ns, how)
            self._send([one for one in targets if one[1].level == level], 3011, response, symbol)

    def _push(self, targets: Targets, board: Board, kind: int, level: int) -> None:
        """Push what is now, as one message for all connections that see this level."""
        if level != REGULAR and (kind == RT or SUB_TYPES.get(kind) in CALENDAR):
            return
        if kind in SUB_TYPES:
            targets = [one for one in targets if one[1].level >= level]
        if not targets:
            return
        if kind in SUB_TYPES:
            self._push_kline(targets, board, SUB_TYPES[kind])
            return
        with self.world.lock:
            if kind == BASIC:
                if board.today is None:
                    return
                proto_id, response = 3005, self._updates["BasicQot"]()
                fill_basic(response.s2c.basicQotList.add(), board)
            elif kind == BOOK:
                if board.quote is None:
                    return
                proto_id, response = 3013, self._updates["OrderBook"]()
                fill_book(response.s2c, board, LEVELS)
            else:
                minute = board.chart.minutes.tail(1, REGULAR)
                if not minute or board.today is None:
                    return
                proto_id, response = 3009, self._updates["RT"]()
                self._name(response.s2c, board)
                traded = (board.today.volume, board.today.turnover)
                fill_share(response.s2c.rtList.add(), minute[0], board, traded)
        self._send(targets, proto_id, response, board.instrument.symbol)

    def _push_kline(self, targets: Targets, board: Board, kl_type: int) -> None:
        with self.world.lock:
            lines = board.chart.lines(kl_type)
            level = min(sub.level for _, sub in targets)
            bars = lines.tail(2, level)
        if not bars:
            return
        last_close = bars[0].close if len(bars) > 1 else None
        symbol = board.instrument.symbol
        for rehab in {rehab for _, sub in targets for rehab in sub.rehabs}:
            response = self._updates["KL"]()
            response.s2c.rehabType, response.s2c.klType = rehab, kl_type
            self._name(response.s2c, board)
            fill_kline(response.s2c.klList.add(), bars[-1], last_close, board.hours.timezone)
            self._send([one for one in targets if rehab in one[1].rehabs], 3007, response, symbol)

    def _name(self, s2c: Any, board: Board) -> str:
        fill_security(s2c.security, board.instrument.symbol)
        s2c.name = board.instrument.name
        return board.instrument.symbol

    def _send(self, targets: Targets, proto_id: int, response: Any, symbol: str) -> None:
        response.retType = 0
        if self.faults.take("na_numbers", symbol=symbol) is not None:
            strip_numbers(response.s2c)
        for session, _ in targets:
            session.push(proto_id, response)
