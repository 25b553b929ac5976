"""K-lines of the past: pages, the throttle and the quota of 30 days."""

from __future__ import annotations

import json
import threading
from typing import Any, Dict, List, Mapping, Optional

from btstores.clock import NS_PER_SECOND, Clock
from btstores.sim.switches import Faults
from btstores.stores.futu import sdk
from btstores.stores.futu.opend.asked import Throttle, find_symbol
from btstores.stores.futu.opend.board import Board
from btstores.stores.futu.opend.hours import EXTENDED, OVERNIGHT, REGULAR
from btstores.stores.futu.opend.lines import CALENDAR, MINUTES
from btstores.stores.futu.opend.messages import fill_kline, fill_security, strip_numbers
from btstores.stores.futu.opend.session import Refused, Route, Session
from btstores.stores.futu.opend.text import read_time, time_text
from btstores.stores.futu.opend.world import World

__all__ = ["History"]

_PAGE = 1000
_FIRST_PAGES = 60
_QUOTA_NS = 30 * 86_400 * NS_PER_SECOND
_LEVELS = {0: REGULAR, 1: REGULAR, 2: EXTENDED, 3: OVERNIGHT}

#: Fields of a K-line by their bits in Qot_Common.KLFields.
_FIELDS = {
    1: ("highPrice",),
    2: ("openPrice",),
    4: ("lowPrice",),
    8: ("closePrice",),
    16: ("lastClosePrice",),
    32: ("volume", "hpVolume"),
    64: ("turnover",),
    128: ("turnoverRate",),
    256: ("pe",),
    512: ("changeRate",),
}


class History:
    """Answers requests of the past.

    ``quota`` is how many symbols 30 days of the market have. First pages are limited in the time
    of ``clock``, and not without one.
    """

    def __init__(self, world: World, faults: Faults, quota: int, clock: Optional[Clock]) -> None:
        self.world = world
        self.faults = faults
        self.quota = quota
        self._throttle = Throttle("RequestHistoryKL", _FIRST_PAGES, clock)
        self._asked: Dict[str, int] = {}
        self._lock = threading.Lock()

    def routes(self) -> Mapping[int, Route]:
        """Return what answers each protocol."""
        own = {
            3103: ("Qot_RequestHistoryKL", self._klines, True),
            3104: ("Qot_RequestHistoryKLQuota", self._quota, False),
            3105: ("Qot_RequestRehab", self._rehab, False),
        }
        return {
            proto_id: Route(sdk.pb(name).Request, sdk.pb(name).Response, answer, slow)
            for proto_id, (name, answer, slow) in own.items()
        }

    def _klines(self, session: Session, c2s: Any, s2c: Any) -> None:
        symbol = find_symbol(self.world, c2s.security)
        fault = self.faults.take("history_fails", symbol=symbol)
        if fault is not None:
            raise Refused(fault.text or f"History of {symbol} is not available")
        if c2s.klType not in MINUTES and c2s.klType not in CALENDAR:
            raise Refused(f"klType: {c2s.klType} is not a KLType that is supported")
        board = self.world.boards[symbol]
        first_ns = _time("beginTime", c2s.beginTime, board, end=False)
        last_ns = _time("endTime", c2s.endTime, board, end=True)
        if first_ns > last_ns:
            raise Refused(f"beginTime: {c2s.beginTime} is after endTime {c2s.endTime}")
        level = _level(c2s)
        asked = [symbol, c2s.klType, c2s.rehabType, level, last_ns]
        if c2s.HasField("nextReqKey") and c2s.nextReqKey:
            first_ns = _read_key(c2s.nextReqKey, asked) + 1
        else:
            self._throttle.take()
            self._count(symbol)
        page = min(c2s.maxAckKLNum, _PAGE) if c2s.maxAckKLNum > 0 else _PAGE
        with self.world.lock:
            lines = board.chart.lines(c2s.klType)
            bars = lines.between(first_ns, last_ns, level, page + 1)
            last_close = lines.close_before(bars[0].end_ns, level) if bars else None
        fill_security(s2c.security, symbol)
        s2c.name = board.instrument.name
        unwanted = _unwanted(c2s.needKLFieldsFlag)
        for bar in bars[:page]:
            kline = s2c.klList.add()
            fill_kline(kline, bar, last_close, board.hours.timezone)
            last_close = bar.close
            for name in unwanted:
                kline.ClearField(name)
        if len(bars) > page:
            s2c.nextReqKey = json.dumps([*asked, bars[page - 1].end_ns]).encode()
        if self.faults.take("na_numbers", symbol=symbol) is not None:
            strip_numbers(s2c)

    def _count(self, symbol: str) -> None:
        """Count a symbol towards the quota. Raises `Refused` when none is left."""
        now_ns = self.world.now_ns()
        with self._lock:
            self._forget(now_ns)
            if symbol not in self._asked and len(self._asked) >= self.quota:
                raise Refused(
                    f"Not enough quota of history: {self.quota} symbols in 30 days are used up"
                )
            # The day of the first request counts; later ones are told but cost nothing.
            self._asked.setdefault(symbol, now_ns)

    def _forget(self, now_ns: int) -> None:
        for symbol in [one for one, at in self._asked.items() if now_ns - at >= _QUOTA_NS]:
            del self._asked[symbol]

    def _quota(self, session: Session, c2s: Any, s2c: Any) -> None:
        with self._lock:
            self._forget(self.world.now_ns())
            asked = dict(self._asked)
        s2c.usedQuota = len(asked)
        s2c.remainQuota = max(0, self.quota - len(asked))
        if not c2s.bGetDetail:
            return
        for symbol, at_ns in asked.items():
            board = self.world.boards[symbol]
            item = s2c.detailList.add()
            fill_security(item.security, symbol)
            item.name = board.instrument.name
            item.requestTime = time_text(at_ns, "Asia/Hong_Kong")
            item.requestTimeStamp = at_ns // NS_PER_SECOND

    def _rehab(self, session: Session, c2s: Any, s2c: Any) -> None:
        # Made-up companies neither split nor pay.
        find_symbol(self.world, c2s.security)


def _time(field: str, text: str, board: Board, end: bool) -> int:
    try:
        return read_time(text, board.hours.timezone, end)
    except ValueError:
        raise Refused(f"{field}: {text!r} is not a date such as 2024-01-31") from None


def _level(c2s: Any) -> int:
    if c2s.session not in _LEVELS:
        raise Refused(f"session: {c2s.session} is not one of RTH, ETH and ALL")
    if c2s.session == 0 and c2s.extendedTime:
        return EXTENDED
    return _LEVELS[c2s.session]


def _unwanted(flag: int) -> List[str]:
    if not flag:
        return []
    return [name for bit, names in _FIELDS.items() if not flag & bit for name in names]


def _read_key(key: bytes, asked: List[Any]) -> int:
    """Return the stamp after which a page begins. Raises `Refused` for another request's key."""
    found: Optional[Any] = None
    try:
        found = json.loads(key.decode())
    except ValueError:
        pass
    if not isinstance(found, list) or found[:-1] != asked or not isinstance(found[-1], int):
        raise Refused("nextReqKey: it does not belong to this request")
    return found[-1]
