"""A gateway around any gateway that breaks, on command, what passes through it.

So the awkward sequences of messages can be had on any venue, a demo account too. Nothing
happens here by itself: there is no time, no chance and no thread.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple, Union

from btstores.clock import Clock
from btstores.errors import LinkError
from btstores.instruments import Instrument
from btstores.reports import (
    Bar,
    FillReport,
    LinkReport,
    LinkState,
    MassStatus,
    OrderEvent,
    OrderModification,
    OrderReport,
    OrderRequest,
    Quote,
    Report,
    Subscription,
    Tick,
)
from btstores.stores.gateway import Gateway, PutReport

__all__ = ["Call", "FaultGateway", "Held", "Rule", "fills", "news", "of_event"]

Predicate = Callable[[Report], bool]
Change = Callable[[Any], Sequence[Report]]


def of_event(*events: OrderEvent) -> Predicate:
    """Return what picks order reports of these events."""
    return lambda report: isinstance(report, OrderReport) and report.event in events


def fills(report: Report) -> bool:
    """Pick executions."""
    return isinstance(report, FillReport)


def news(report: Report) -> bool:
    """Pick all that is told of orders."""
    return isinstance(report, (OrderReport, FillReport))


class Call(NamedTuple):
    """One request for an order: place, cancel or modify; ``what`` are its arguments."""

    name: str
    time_ns: int
    what: Tuple[Any, ...]


class Rule:
    """Changes the reports that a predicate picks, until it is ended."""

    def __init__(self, picks: Predicate, change: Change) -> None:
        self.picks = picks
        self.change = change
        self.active = True

    def end(self) -> None:
        """Let everything pass again."""
        self.active = False


class Held(Rule):
    """Keeps reports back. ``reports`` are those kept so far."""

    def __init__(self, picks: Predicate, put: PutReport) -> None:
        super().__init__(picks, self._keep)
        self.reports: List[Report] = []
        self._put = put

    def _keep(self, report: Report) -> Sequence[Report]:
        self.reports.append(report)
        return ()

    def release(self, reverse: bool = False) -> None:
        """End, and let go what was kept, the last first if ``reverse``."""
        self.end()
        kept, self.reports = self.reports, []
        for report in reversed(kept) if reverse else kept:
            self._put(report)


class FaultGateway(Gateway):
    """Hands everything on to ``inner`` and back, but for what it was told to break.

    ``calls`` are the requests for orders that came, ``heard`` what the venue told of orders
    before it was changed. ``after_logout`` counts market data that came after the log-out.
    """

    def __init__(self, inner: Gateway, clock: Clock) -> None:
        self.inner = inner
        self.capabilities = inner.capabilities  # type: ignore[misc]
        self.calls: List[Call] = []
        self.heard: List[Report] = []
        self.after_logout = 0
        self._clock = clock
        self._up: Optional[PutReport] = None
        self._rules: Tuple[Rule, ...] = ()
        self._failures: Dict[str, List[Tuple[Exception, bool]]] = {}
        self._broken = self._deaf = False
        self._logged_in = False

    def __getattr__(self, name: str) -> Any:
        if name == "inner":
            raise AttributeError(name)
        return getattr(self.inner, name)

    # What to break.

    def hold(self, picks: Predicate) -> Held:
        """Keep back the reports that ``picks`` picks, until they are released."""
        held = Held(picks, self.say)
        self._rules += (held,)
        return held

    def drop(self, picks: Predicate) -> Rule:
        """Lose reports."""
        return self.change(picks, lambda report: ())

    def repeat(self, picks: Predicate) -> Rule:
        """Let reports come twice."""
        return self.change(picks, lambda report: (report, report))

    def change(self, picks: Predicate, change: Change) -> Rule:
        """Put the reports that ``change`` returns in the place of each."""
        rule = Rule(picks, change)
        self._rules += (rule,)
        return rule

    def fail(self, name: str, error: Exception, reached: bool = False) -> None:
        """Let the next call of place, cancel, modify, history or mass_status raise ``error``.

        ``reached`` says whether the venue gets the request all the same.
        """
        self._failures.setdefault(name, []).append((error, reached))

    def say(self, *reports: Report) -> None:
        """Report something as if the venue had."""
        for report in reports:
            if self._up is not None:
                self._up(report)

    def break_link(self) -> None:
        """Cut the link: nothing comes through in either direction."""
        self._broken = self._deaf = True
        self.say(LinkReport(LinkState.DOWN, self._clock.time_ns(), detail="cut by the test"))

    def restore_link(self) -> None:
        """Let the next attempt to connect succeed."""
        self._broken = False

    def heal(self) -> None:
        """Break nothing any more; what is kept back is let go."""
        self._failures.clear()
        rules, self._rules = self._rules, ()
        self.restore_link()
        for rule in rules:
            if isinstance(rule, Held):
                rule.release()

    # The gateway.

    def connect(self, put: PutReport, timeout: float) -> None:
        self._check_link()
        self._up = put
        self._logged_in, self._deaf = True, False
        self.inner.connect(self._hear, timeout)

    def disconnect(self) -> None:
        # Through a cut link no log-out comes either: the venue goes on, and can be looked at.
        if not self._broken:
            self.inner.disconnect()
        self._logged_in = False

    def instrument(self, symbol: str) -> Instrument:
        self._check_link()
        return self.inner.instrument(symbol)

    def subscribe(self, subscription: Subscription) -> None:
        self._check_link()
        self.inner.subscribe(subscription)

    def problem_of(self, subscription: Subscription) -> str:
        return self.inner.problem_of(subscription)

    def unsubscribe(self, subscription: Subscription) -> None:
        self._check_link()
        self.inner.unsubscribe(subscription)

    def history(
        self,
        subscription: Subscription,
        start_ns: Optional[int],
        end_ns: Optional[int],
        count: Optional[int] = None,
    ) -> Sequence[Union[Bar, Tick]]:
        self._check_query("history")
        return self.inner.history(subscription, start_ns, end_ns, count)

    def place(self, group: Sequence[OrderRequest]) -> None:
        self._call("place", tuple(group))

    def cancel(self, client_order_id: str, venue_order_id: Optional[str]) -> None:
        self._call("cancel", client_order_id, venue_order_id)

    def modify(self, modification: OrderModification) -> None:
        self._call("modify", modification)

    def mass_status(self, since_ns: Optional[int] = None) -> MassStatus:
        self._check_query("mass_status")
        return self.inner.mass_status(since_ns)

    def _call(self, name: str, *arguments: Any) -> None:
        self.calls.append(Call(name, self._clock.time_ns(), arguments))
        self._check_link()
        failures = self._failures.get(name)
        error, reached = failures.pop(0) if failures else (None, True)
        if reached:
            getattr(self.inner, name)(*arguments)
        if error is not None:
            raise error

    def _check_query(self, name: str) -> None:
        self._check_link()
        failures = self._failures.get(name)
        if failures:
            raise failures.pop(0)[0]

    def _check_link(self) -> None:
        if self._broken:
            raise LinkError("the link is cut by the test")

    def _hear(self, report: Report) -> None:
        if news(report):
            self.heard.append(report)
        elif not self._logged_in and isinstance(report, (Bar, Tick, Quote)):
            self.after_logout += 1
        if self._deaf:
            return  # until somebody connects again
        for rule in self._rules:
            if rule.active and rule.picks(report):
                self.say(*rule.change(report))
                return
        self.say(report)
