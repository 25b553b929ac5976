"""What the demo shows of a link that breaks: when it breaks, what was missed, what was lost."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional, Set

import backtrader as bt

from btstores.cli.demo_opend import DemoOpenD
from btstores.cli.record import Event, Recorder
from btstores.cli.show import Lines
from btstores.cli.text import Screen, money, size_text, table
from btstores.clock import NS_PER_SECOND
from btstores.handlers.base import Handler
from btstores.inbox import Signal
from btstores.reports import FillReport, LinkReport, LinkState, MassStatus, OrderReport

__all__ = ["Break", "LinkLines", "LinkStory", "Proof", "show_proof"]

#: Seconds that the last fills may take to arrive.
_LAST_WORDS = 5.0


class LinkLines(Lines):
    """Prints the events of a run, and those of its link in words of their own."""

    def _on_store(self, event: Event) -> None:
        # Each attempt that fails is one more loss; the link's own events tell it once.
        if event["message"] != "link lost":
            super()._on_store(event)

    def _on_fault(self, event: Event) -> None:
        text = "*** the demo breaks the link: half a frame, then OpenD is away for "
        self._put(self._time(event), f"{text}{event['seconds']:.1f} s ***", "loud")

    def _on_link(self, event: Event) -> None:
        if event["state"] == "down":
            text = f"link lost ({event['detail']}); the store connects again by itself"
            self._put("", text, "bad")
            return
        again = f"link is up again after {event['seconds']:.1f} s"
        if event["attempts"] > 1:
            again += f", at attempt {event['attempts']}"
        self._put("", f"{again}; what happened meanwhile?", "loud")

    def _on_reconciled(self, event: Event) -> None:
        text = f"reconciled: {_count(event['orders'], 'order')} and "
        text += f"{_positions_text(event['positions'])} at OpenD, "
        self._put("", f"{text}{_count(len(event['missed']), 'fill')} while we were away", "loud")


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _positions_text(positions: List[Event]) -> str:
    if not positions:
        return "no position"
    held = ", ".join(f"{size_text(one['size'])} {one['symbol']}" for one in positions)
    return f"a position of {held}"


class LinkStory(Handler):
    """Hears all fills and what becomes of the link, and tells the latter to ``tell``."""

    reports = (FillReport, LinkReport, OrderReport)

    def __init__(self) -> None:
        self.tell: Callable[[Event], None] = lambda event: None
        #: Returns what the account holds.
        self.positions: Callable[[], List[Event]] = list
        #: What the store was told to be executed, by the venue's ids.
        self.fills: Dict[str, FillReport] = {}
        #: The breaks that are over, as events.
        self.breaks: List[Event] = []
        self._lost_ns: Optional[int] = None
        self._was_ready = False
        self._attempts = 0
        self._missed: List[FillReport] = []
        self._listed = 0

    def handle(self, report: Any) -> None:
        if isinstance(report, FillReport):
            if report.reconciled and report.fill_id not in self.fills:
                self._missed.append(report)
            self.fills[report.fill_id] = report
        elif isinstance(report, OrderReport):
            self._listed += report.reconciled
        elif report.subscription is None:
            self._on_link(report)

    def _on_link(self, report: LinkReport) -> None:
        if report.state is LinkState.DOWN and self._was_ready:
            self._attempts += self._lost_ns is not None
            if self._lost_ns is None:
                self._lost_ns = report.time_ns
                self.tell({"event": "link", "state": "down", "detail": report.detail})
        elif report.state is LinkState.UP:
            self._missed, self._listed = [], 0
            if self._lost_ns is not None:
                seconds = (report.time_ns - self._lost_ns) / NS_PER_SECOND
                event: Event = {"event": "link", "state": "up", "seconds": round(seconds, 3)}
                self.tell({**event, "attempts": self._attempts + 1})
        elif report.state is LinkState.READY:
            if self._lost_ns is not None:
                self._tell_reconciled((report.time_ns - self._lost_ns) / NS_PER_SECOND)
            self._was_ready, self._lost_ns, self._attempts = True, None, 0

    def _tell_reconciled(self, seconds: float) -> None:
        missed = [
            {"side": one.side.value, "size": one.size, "price": one.price} for one in self._missed
        ]
        event: Event = {"event": "reconciled", "seconds": round(seconds, 3), "missed": missed}
        event.update(orders=self._listed, positions=self.positions())
        self.breaks.append(event)
        self.tell(event)


class Break:
    """Breaks the link once, when it is most worth watching: while a target is near.

    It hears of each event and passes it on to ``tell``. ``bars`` is how many will be played.
    """

    def __init__(
        self, opend: DemoOpenD, tell: Callable[[Event], None], bars: int, seconds: float
    ) -> None:
        self._opend = opend
        self._tell = tell
        self._bars = bars
        self._seconds = seconds
        self._seen = 0
        self._done = False
        self._levels: Dict[str, Dict[int, float]] = {"stop": {}, "target": {}}
        self._parents: Dict[int, str] = {}

    def __call__(self, event: Event) -> None:
        """Take note of an event; on a bar break the link if now is the time."""
        self._tell(event)
        if event["event"] == "order":
            self._on_order(event)
        elif event["event"] == "bar":
            self._seen += 1
            if not self._done and self._is_time(event):
                self._done = True
                self._strike(event)

    def _on_order(self, event: Event) -> None:
        levels = self._levels.get(event["role"])
        if levels is None:
            return
        if event["status"] in ("Accepted", "Partial"):
            levels[event["order"]] = event["price"]
        else:
            levels.pop(event["order"], None)

    def _is_time(self, bar: Event) -> bool:
        part = self._seen / self._bars
        stops, targets = self._levels["stop"], self._levels["target"]
        if not (bar["position"] and stops and targets):
            return part > 0.75
        stop, target = max(stops.values()), max(targets.values())
        is_near = abs(target - bar["close"]) < 0.35 * abs(target - stop)
        return part > 0.6 or (part > 0.25 and is_near)

    def _strike(self, bar: Event) -> None:
        event: Event = {"event": "fault", "data": bar["data"], "time": bar["time"]}
        event.update(name="mid_frame_drop", seconds=self._seconds)
        self._tell(event)
        self._opend.ask("fault", name="mid_frame_drop")
        self._opend.ask("fault", name="listener_down", seconds=self._seconds)


class Proof(bt.Analyzer):
    """Compares, at the end of a run, what was told with what OpenD lists at its control port.

    The market is halted for it, or there would be one more fill while we look.
    """

    params = (
        ("opend", None),
        ("store", None),
        ("story", None),
        ("recorder", None),
        ("account", 0),
        ("symbol", ""),
        ("result", None),
    )

    def stop(self) -> None:
        """Halt the market, hear what is still on its way, and compare."""
        self.p.opend.ask("halt", symbol=self.p.symbol)
        account = self._account()
        lost, waited = self._lacks(account), 0.0
        # Whoever ends the run while OpenD is away learns how it stands as well.
        while waited < _LAST_WORDS and (lost or not self.p.store.authenticated):
            Signal().wait(0.05)
            waited += 0.05
            self._hear()
            lost = self._lacks(account)
        self._look_once_more()
        self.p.result.update(self._compare(self._account(), lost))

    def _account(self) -> Event:
        state: Event = self.p.opend.ask("state")["accounts"][str(self.p.account)]
        return state

    def _lacks(self, account: Event) -> Set[str]:
        return {one["key"] for one in account["fills"]} - set(self.p.story.fills)

    def _hear(self) -> None:
        """Handle what has come, and show the recorder what the strategy hears no more."""
        self.p.store.process_events()
        broker = self.strategy.broker
        for order in iter(broker.get_notification, None):
            self.p.recorder.on_order(order)

    def _look_once_more(self) -> None:
        """Ask for balances: OpenD's own word on them comes every few seconds only."""
        store = self.p.store
        if store.authenticated:
            status: MassStatus = store.outbox.call(store.gateway.mass_status, timeout=_LAST_WORDS)
            store.put(status)
        self._hear()

    def _compare(self, account: Event, lost: Set[str]) -> Event:
        recorder: Recorder = self.p.recorder
        store = self.p.store
        listed, told = account["fills"], recorder.fills
        sides = {True: ("bought", "buy"), False: ("sold", "sell")}
        rows: List[Event] = [{"what": "fills", "opend": len(listed), "told": len(told)}]
        for buys, (word, side) in sides.items():
            there = sum(one["qty"] for one in listed if (one["side"] in _BUYS) is buys)
            here = sum(one["size"] for one in told if one["side"] == side)
            rows.append({"what": f"shares {word}", "opend": there, "told": here})
        positions = {one["symbol"]: one["qty"] for one in account["positions"]}
        held = store.get_positions().get(self.p.symbol)
        size = held.size if held is not None else 0.0
        rows.append({"what": "position", "opend": positions.get(self.p.symbol, 0), "told": size})
        total = account["funds"]["total"]
        rows.append({"what": "value", "opend": total, "told": store.get_value()})
        same = not lost and all(_is_same(one["opend"], one["told"]) for one in rows)
        return {"same": same, "lost": sorted(lost), "rows": rows}


#: Sides of Futu that buy: a purchase, and one that closes a short position.
_BUYS = (1, 4)


def _is_same(one: Optional[float], other: Optional[float]) -> bool:
    return one is not None and other is not None and abs(one - other) < 0.005


def show_proof(screen: Screen, proof: Event) -> None:
    """Print the comparison."""
    rows = []
    for one in proof["rows"]:
        text = money if one["what"] == "value" else size_text
        cells = ["?" if one[side] is None else text(one[side]) for side in ("opend", "told")]
        rows.append([one["what"], *cells])
    screen.line()
    screen.line("What OpenD lists at its control port, and what we were told", "bold")
    for line in table(["", ">OpenD", ">told"], rows):
        screen.line("  " + line)
    if proof["same"]:
        screen.line("  Nothing is lost and nothing is counted twice: the fills have the same ids.")
        return
    words = f": {', '.join(proof['lost'])}" if proof["lost"] else ""
    screen.line(f"  They differ{words}", "bad")
