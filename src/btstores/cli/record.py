"""What a run has shown, as plain records: for the screen, for `--json` and for the picture."""

from __future__ import annotations

import datetime
import math
from collections import deque
from typing import Any, Callable, Deque, Dict, List, Optional, Tuple

import backtrader as bt

__all__ = ["Recorder", "Watch", "watch"]

Event = Dict[str, Any]

#: The status of an order of which more is to be expected.
ALIVE = ("Created", "Submitted", "Accepted", "Partial")


class Recorder:
    """Keeps what happens in a run and tells it to ``tell`` at once, one event after another.

    Each event is a dictionary of JSON values with ``event`` saying which: data, history,
    bar, order, fill, trade or store.

    A run may take weeks: with ``keep`` no bars are kept, and of finished orders, of fills
    and of trades only so many.
    """

    def __init__(self, tell: Callable[[Event], None], keep: Optional[int] = None) -> None:
        self.tell = tell
        self.keep = keep
        self.bars: Dict[str, List[Event]] = {}
        self.bar_counts: Dict[str, int] = {}
        self.orders: Dict[int, Event] = {}
        self.fills: Deque[Event] = deque(maxlen=keep)
        self.trades: Deque[Event] = deque(maxlen=keep)
        self.decimals: Dict[str, int] = {}
        self.timeframes: Dict[str, int] = {}
        self.went_live = False
        #: Why feeds deliver nothing.
        self.failures: List[str] = []
        self.start_value: Optional[float] = None
        self._status: Dict[str, str] = {}
        self._history: Dict[str, Tuple[int, str]] = {}  # how many bars, since when
        self._numbers: Dict[int, int] = {}
        self._count = 0
        self._done: Dict[int, Tuple[int, float]] = {}  # by order: parts and size so far
        self._newest: Dict[str, str] = {}

    # Told by Cerebro

    def on_data(self, data: Any, status: int, *args: Any, **kwargs: Any) -> None:
        """Take a notification of a feed; for ``Cerebro.adddatacb``."""
        name, text = name_of(data), data._getstatusname(status)
        self._status[name] = text
        if text == "LIVE":
            self.went_live = True
            self._tell_history(name)
        if text == "NOTSUBSCRIBED":
            self.failures.append(f"{name}: the store refused its data: {_words(args)}")
        self.tell({"event": "data", "data": name, "status": text, "detail": _words(args)})

    def on_store(self, message: Any, *args: Any, **kwargs: Any) -> None:
        """Take a notification of a store; for ``Cerebro.addstorecb``."""
        text = " ".join(filter(None, [str(message), _words(args)]))
        self.tell({"event": "store", "message": text})

    def on_bar(self, data: Any, broker: Any) -> None:
        """Take the newest bar of a feed."""
        name = name_of(data)
        self.timeframes[name] = int(data._timeframe)
        position = broker.getposition(data)
        values = {field: float(getattr(data, field)[0]) for field in _FIELDS}
        self._learn_decimals(name, data, values)
        event: Event = {"event": "bar", "data": name, "time": data.datetime.datetime(0).isoformat()}
        event.update(values)
        event["live"] = self.is_live(data)
        event["position"] = position.size
        event["position_price"] = position.price if position.size else None
        event["cash"], event["value"] = known(broker.getcash()), known(broker.getvalue())
        self.bar_counts[name] = self.bar_counts.get(name, 0) + 1
        if self.keep is None:
            self.bars.setdefault(name, []).append(event)
        self._newest[name] = max(self._newest.get(name, ""), event["time"])
        if event["live"]:
            self.tell(event)
        else:
            count, since = self._history.get(name, (0, event["time"]))
            self._history[name] = (count + 1, since)

    def _learn_decimals(self, name: str, data: Any, values: Dict[str, float]) -> None:
        """Show prices with the digits of the tick size, or with those that have come."""
        tick = getattr(getattr(data, "instrument", None), "tick_size", None)
        prices = [tick] if tick else [values[field] for field in _FIELDS[:4]]
        needed = max(decimals_of(price) for price in prices)
        self.decimals[name] = max(self.decimals.get(name, 2), needed)

    def is_live(self, data: Any) -> bool:
        """Return whether a feed shows the present; one that is not live always does."""
        return not data.islive() or self._status.get(name_of(data)) == "LIVE"

    def on_order(self, order: Any) -> None:
        """Take a notification of an order, with the executions that came with it."""
        if order.info.get("adopted"):
            return
        number = self._number(order.ref)
        data = name_of(order.data)
        pending = list(order.executed.iterpending())
        if pending and pending[-1].dt:
            when = bt.num2date(pending[-1].dt, getattr(order.data, "_tz", None))
            self._newest[data] = max(self._now(data) or "", when.replace(tzinfo=None).isoformat())
        parent = self._numbers.get(order.parent.ref) if order.parent is not None else None
        event: Event = {
            "event": "order",
            "order": number,
            "data": data,
            "time": self._now(data),
            "side": "buy" if order.isbuy() else "sell",
            "type": order.getordername(),
            "size": abs(order.created.size),
            "price": _priced(order),
            "parent": parent,
            "role": _role(order),
            "status": order.getstatusname(),
            "filled": abs(order.executed.size),
            "average": order.executed.price if order.executed.size else None,
            "reason": order.info.get("reason"),
            "client_order_id": order.info.get("client_order_id"),
        }
        before = self.orders.get(number)
        event["sent"] = before["sent"] if before else event["time"]
        event["sent_size"] = before["sent_size"] if before else event["size"]
        event["sent_bar"] = before["sent_bar"] if before else self._bar_count(data)
        event["bar"] = self._bar_count(data)
        self.orders[number] = event
        for bit in pending:
            self._on_fill(event, order, bit)
        if before is None or before["status"] != event["status"]:
            self.tell(event)
        self._forget_old_orders()

    def _number(self, ref: int) -> int:
        """Return our own number of an order: they count from 1 in each run."""
        if ref not in self._numbers:
            self._count += 1
            self._numbers[ref] = self._count
        return self._numbers[ref]

    def _forget_old_orders(self) -> None:
        if self.keep is None or len(self.orders) <= 2 * self.keep:
            return
        finished = [n for n, order in self.orders.items() if order["status"] not in ALIVE]
        gone = set(finished[: -self.keep])
        for number in gone:
            del self.orders[number]
            self._done.pop(number, None)
        self._numbers = {ref: n for ref, n in self._numbers.items() if n not in gone}

    def _on_fill(self, order_event: Event, order: Any, bit: Any) -> None:
        tz = getattr(order.data, "_tz", None)
        fill: Event = {
            "event": "fill",
            "order": order_event["order"],
            "data": order_event["data"],
            "time": bt.num2date(bit.dt, tz).replace(tzinfo=None).isoformat() if bit.dt else None,
            "side": order_event["side"],
            "size": abs(bit.size),
            "price": bit.price,
            "commission": bit.closedcomm + bit.openedcomm,
            "role": order_event["role"],
            "bar": order_event["bar"],
        }
        parts, size = self._done.get(fill["order"], (0, 0.0))
        fill["part"], fill["total"] = parts + 1, size + fill["size"]
        self._done[fill["order"]] = (fill["part"], fill["total"])
        fill["of"] = order_event["size"]
        self.fills.append(fill)
        self.tell(fill)

    def on_trade(self, trade: Any) -> None:
        """Take a notification of a trade; one that is closed is told."""
        if not trade.isclosed:
            return
        event: Event = {
            "event": "trade",
            "data": name_of(trade.data),
            "time": self._now(name_of(trade.data)),
            "entry": trade.price,
            "pnl": trade.pnl,
            "pnl_net": trade.pnlcomm,
            "bars": trade.barlen,
            "ended_by": self.fills[-1]["role"] if self.fills else "",
        }
        self.trades.append(event)
        self.tell(event)

    def finish(self) -> None:
        """Tell of history that was never followed by a live bar."""
        for name in list(self._history):
            self._tell_history(name)

    def _tell_history(self, name: str) -> None:
        count, since = self._history.pop(name, (0, ""))
        if count:
            event: Event = {"event": "history", "data": name, "bars": count, "from": since}
            event["to"] = self._now(name)
            self.tell(event)

    def _now(self, name: str) -> Optional[str]:
        return self._newest.get(name)

    def _bar_count(self, name: str) -> int:
        return self.bar_counts.get(name, 0)


class Watch(bt.Analyzer):
    """Shows a `Recorder` what the strategy sees, without an edit of the strategy."""

    params = (("recorder", None),)

    def start(self) -> None:
        self._lengths = [0] * len(self.datas)
        self.p.recorder.start_value = known(self.strategy.broker.getvalue())

    def prenext(self) -> None:
        self.next()

    def next(self) -> None:
        for index, data in enumerate(self.datas):
            if len(data) != self._lengths[index]:
                self._lengths[index] = len(data)
                self.p.recorder.on_bar(data, self.strategy.broker)

    def notify_order(self, order: Any) -> None:
        self.p.recorder.on_order(order)

    def notify_trade(self, trade: Any) -> None:
        self.p.recorder.on_trade(trade)


def watch(cerebro: Any, recorder: Recorder) -> None:
    """Let ``recorder`` see everything that happens in a run of ``cerebro``."""
    cerebro.addanalyzer(Watch, recorder=recorder)
    cerebro.adddatacb(recorder.on_data)
    cerebro.addstorecb(recorder.on_store)


_FIELDS = ("open", "high", "low", "close", "volume")


def name_of(data: Any) -> str:
    """Return what a feed is called."""
    return str(data._name or getattr(data, "symbol", "") or data._dataname)


def moment(text: str) -> datetime.datetime:
    """Return the time of an event."""
    # fromisoformat of Python 3.7 reads what isoformat writes.
    return datetime.datetime.fromisoformat(text)


def known(value: float) -> Optional[float]:
    """Return a number, or None for the NaN that stands for one that is not known."""
    return None if math.isnan(value) else value


def _role(order: Any) -> str:
    """Return what an order is for: the entry, stop or target of a bracket, or just an order."""
    if order.parent is None:
        return "order" if order.transmit else "entry"
    return "stop" if order.exectype in _STOPS else "target"


_STOPS = (bt.Order.Stop, bt.Order.StopLimit, bt.Order.StopTrail, bt.Order.StopTrailLimit)


def _priced(order: Any) -> Optional[float]:
    if order.exectype in (bt.Order.Market, bt.Order.Close):
        return None
    return float(order.created.price) if order.created.price is not None else None


def decimals_of(price: float) -> int:
    """Return how many decimals a price has, at most 8."""
    text = f"{price:.8f}".rstrip("0")
    return len(text) - text.index(".") - 1


def _words(args: Any) -> str:
    return " ".join(str(one) for one in args if one is not None and str(one))
