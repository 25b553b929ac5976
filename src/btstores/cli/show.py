"""A run on the screen: a line for each thing that happens, tables at its end."""

from __future__ import annotations

import json
from typing import Any, Dict, List, Optional, TextIO

from btstores.cli.record import ALIVE, Event, Recorder, known, moment
from btstores.cli.text import Screen, clock_text, money, percent, price_text, size_text, table

__all__ = ["JsonLines", "Lines", "show_open", "show_tables", "summary_of"]

_WORDS = {"Completed": "filled", "Canceled": "cancelled", "Margin": "refused: not enough cash"}


class JsonLines:
    """Writes each event as one line of JSON; bars only if wanted."""

    def __init__(self, out: TextIO, bars: bool = True) -> None:
        self._out = out
        self._bars = bars

    def __call__(self, event: Event) -> None:
        """Write an event."""
        if event["event"] == "bar" and not self._bars:
            return
        self._out.write(json.dumps(event) + "\n")
        self._out.flush()


class Lines:
    """Prints each event as a short line. Give it the recorder that tells the events."""

    def __init__(self, screen: Screen, bars: bool = True, keep: Optional[int] = None) -> None:
        self.screen = screen
        self.bars = bars
        self.recorder = Recorder(self, keep)
        self._last_close: Dict[str, float] = {}
        self._unaccepted: List[int] = []
        self._accepted: List[int] = []
        self._width = 11

    def __call__(self, event: Event) -> None:
        """Print an event."""
        if event["event"] == "order" and event["status"] == "Accepted":
            self._on_accepted(event)
            return
        self._flush_accepted()
        getattr(self, "_on_" + str(event["event"]))(event)

    # One method an event

    def _on_data(self, event: Event) -> None:
        style = "loud" if event["status"] == "LIVE" else "blue"
        detail = f"  {event['detail']}" if event["detail"] else ""
        self._put("", f"{event['data']} is {event['status']}{detail}", style)

    def _on_history(self, event: Event) -> None:
        first, last = moment(event["from"]), moment(event["to"])
        frame = self.recorder.timeframes.get(event["data"], 4)
        text = f"{event['bars']} bars of history: {clock_text(first, frame)} to "
        self._put("", f"{event['data']}  {text}{clock_text(last, frame)}", "dim")

    def _on_store(self, event: Event) -> None:
        if event["message"] != "connected":
            self._put("", f"store: {event['message']}", "bad")

    def _on_bar(self, event: Event) -> None:
        name, close = event["data"], event["close"]
        before = self._last_close.get(name)
        self._last_close[name] = close
        if not self.bars:
            return
        change = percent(close / before - 1) if before else ""
        holds = size_text(event["position"]) if event["position"] else "-"
        text = f"{name}  {price_text(close, self._digits(name)):>9}  {change:>9}"
        text += f"   holds {holds:>9}"
        if event["value"] is not None:
            text += f"   value {money(event['value']):>14}"
        self._put(self._time(event), text, "dim")

    def _on_order(self, event: Event) -> None:
        status = event["status"]
        if status == "Submitted":
            self._unaccepted.append(event["order"])
            self._put(self._time(event), f"{self._order(event)}  sent", "blue")
        elif status != "Partial":
            word = _WORDS.get(status, status.lower())
            if event["order"] in self._unaccepted:
                self._unaccepted.remove(event["order"])
            if status == "Completed":
                price = price_text(event["average"], self._digits(event["data"]))
                word = f"{word}, on average at {price}"
            reason = f": {self._reason(event)}" if event["reason"] else ""
            good = status in ("Completed", "Canceled")
            text = f"{_number(event)} {event['role']:<6}  {word}{reason}"
            self._put(self._time(event), text, "bold" if good else "bad")

    def _on_accepted(self, event: Event) -> None:
        if event["order"] in self._unaccepted:
            self._unaccepted.remove(event["order"])
        self._accepted.append(event["order"])
        if not self._unaccepted:
            self._flush_accepted()

    def _flush_accepted(self) -> None:
        if self._accepted:
            numbers = " ".join(f"#{number}" for number in self._accepted)
            self._accepted.clear()
            self._put("", f"{numbers} accepted", "blue")

    def _on_fill(self, event: Event) -> None:
        price = price_text(event["price"], self._digits(event["data"]))
        verb = "bought" if event["side"] == "buy" else "sold"
        text = f"{_number(event)} {event['role']:<6}  {verb} {size_text(event['size'])} at {price}"
        if event["total"] < event["of"] or event["part"] > 1:
            text += f"   part {event['part']}: {size_text(event['total'])} of "
            text += f"{size_text(event['of'])}, {100 * event['total'] / event['of']:.0f} %"
        self._put(self._time(event), text, "good")

    def _on_trade(self, event: Event) -> None:
        word = "profit" if event["pnl_net"] >= 0 else "loss"
        text = f"{event['data']} trade ended by its {event['ended_by']}: "
        if event["ended_by"] not in ("stop", "target"):
            text = f"{event['data']} trade ended: "
        text += f"{word} {money(abs(event['pnl_net']))} after commission"
        self._put(self._time(event), text, "good" if event["pnl_net"] >= 0 else "bad")

    # Words

    def _put(self, time: str, text: str, style: str) -> None:
        self._width = max(self._width, len(time))
        self.screen.line(f"{time:<{self._width}}  {text}", style)

    def _time(self, event: Event) -> str:
        if not event["time"]:
            return ""
        return clock_text(moment(event["time"]), self.recorder.timeframes.get(event["data"], 4))

    def _digits(self, name: str) -> int:
        return self.recorder.decimals.get(name, 2)

    def _reason(self, event: Event) -> str:
        """Return the reason with the numbers on the screen in place of the venue's ids."""
        text = str(event["reason"])
        for one in self.recorder.orders.values():
            if one["client_order_id"]:
                text = text.replace(f"order {one['client_order_id']}", f"#{one['order']}")
        return text

    def _order(self, event: Event) -> str:
        text = f"{_number(event)} {event['role']:<6}  {event['side']} {size_text(event['size'])} "
        text += f"{event['data']} {event['type']}"
        if event["price"] is not None:
            text += f" {price_text(event['price'], self._digits(event['data']))}"
        return f"{text:<44}"


def _number(event: Event) -> str:
    return f"#{event['order']:<3}"


def summary_of(recorder: Recorder, broker: Any, currency: str) -> Event:
    """Return the end of a run as one event."""
    return {
        "event": "summary",
        "orders": list(recorder.orders.values()),
        "fills": list(recorder.fills),
        "trades": list(recorder.trades),
        "positions": positions_of(broker),
        "open_orders": [
            one for one in recorder.orders.values() if one["status"] in ALIVE and one["sent"]
        ],
        "start_value": recorder.start_value,
        "final_value": known(broker.getvalue()),
        "final_cash": known(broker.getcash()),
        "currency": currency,
    }


def positions_of(broker: Any) -> List[Event]:
    """Return what the account holds."""
    held = []
    for symbol, position in sorted(broker.positions.by_symbol.items()):
        if position.size:
            held.append({"symbol": symbol, "size": position.size, "price": position.price})
    return held


def show_tables(screen: Screen, recorder: Recorder, summary: Event) -> None:
    """Print orders, fills and positions."""
    _show_orders(screen, recorder)
    _show_fills(screen, recorder)
    _show_positions(screen, recorder, summary)


def show_open(screen: Screen, summary: Event) -> None:
    """Print what goes on at the venue although the run is over."""
    orders, positions = summary["open_orders"], summary["positions"]
    if not orders and not positions:
        return
    screen.line()
    screen.line("Still open at the venue", "bad")
    for one in orders:
        left = size_text(one["size"] - one["filled"])
        screen.line(f"  order #{one['order']}: {one['side']} {left} {one['data']} {one['type']}")
    for one in positions:
        screen.line(f"  position: {size_text(one['size'])} {one['symbol']}")


def _titled(screen: Screen, title: str, lines: List[str]) -> None:
    screen.line()
    screen.line(title, "bold")
    for line in lines:
        screen.line("  " + line)


def _show_orders(screen: Screen, recorder: Recorder) -> None:
    rows = []
    for one in recorder.orders.values():
        digits = recorder.decimals.get(one["data"], 2)
        status = _WORDS.get(one["status"], one["status"].lower()).split(":")[0]
        rows.append(
            [
                f"#{one['order']}",
                _short(recorder, one, "sent"),
                one["data"],
                one["side"],
                one["type"],
                # What a leg of a bracket was sent with: it shrinks while its sibling fills.
                size_text(one["sent_size"] if one["parent"] else one["size"]),
                price_text(one["price"], digits),
                status,
                size_text(one["filled"]),
                price_text(one["average"], digits),
                f"#{one['parent']}" if one["parent"] else "",
            ]
        )
    names = ["order", "sent", "data", "side", "type", ">size", ">price"]
    names += ["status", ">filled", ">average", "parent"]
    _titled(screen, f"Orders ({len(rows)})", table(names, rows) if rows else ["none"])


def _show_fills(screen: Screen, recorder: Recorder) -> None:
    rows = []
    for one in recorder.fills:
        digits = recorder.decimals.get(one["data"], 2)
        rows.append(
            [
                f"#{one['order']}",
                _short(recorder, one, "time"),
                one["data"],
                one["side"],
                size_text(one["size"]),
                price_text(one["price"], digits),
                money(one["commission"]),
                one["role"],
                f"{one['part']}",
            ]
        )
    names = ["order", "time", "data", "side", ">size", ">price", ">commission", "role", ">part"]
    _titled(screen, f"Fills ({len(rows)})", table(names, rows) if rows else ["none"])


def _show_positions(screen: Screen, recorder: Recorder, summary: Event) -> None:
    rows = []
    for one in summary["positions"]:
        digits = recorder.decimals.get(one["symbol"], 2)
        rows.append([one["symbol"], size_text(one["size"]), price_text(one["price"], digits)])
    lines = table(["symbol", ">size", ">price"], rows) if rows else ["none: everything is closed"]
    _titled(screen, f"Positions ({len(rows)})", lines)


def _short(recorder: Recorder, one: Event, field: str) -> str:
    if not one[field]:
        return ""
    return clock_text(moment(one[field]), recorder.timeframes.get(one["data"], 4))
