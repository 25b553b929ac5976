"""The gateway that breaks what passes through it."""

from __future__ import annotations

import pytest

from btstores.clock import SimulatedClock
from btstores.errors import LinkError, OutcomeUnknown
from btstores.reports import (
    FillReport,
    LinkReport,
    LinkState,
    OrderEvent,
    OrderModification,
    OrderReport,
    OrderRequest,
    OrderType,
    Side,
    Subscription,
    Tick,
)
from btstores.testing.faults import FaultGateway, fills, news, of_event
from tests.support.venue import ScriptedGateway

ACCEPTED = OrderReport(OrderEvent.ACCEPTED, 1, "A")
CANCELED = OrderReport(OrderEvent.CANCELED, 2, "A")
FILL = FillReport("F1", "S", Side.BUY, 1.0, 10.0, 3, "A")
TICK = Tick("S", 4, 10.0)
REQUEST = OrderRequest("A", "S", Side.BUY, 1.0, OrderType.MARKET)


class Link:
    def __init__(self):
        self.venue = ScriptedGateway()
        self.faults = FaultGateway(self.venue, SimulatedClock(7))
        self.got = []
        self.faults.connect(self.got.append, 1.0)

    def say(self, *reports):
        for report in reports:
            self.venue.put(report)


@pytest.fixture
def link():
    return Link()


def test_unbroken_everything_passes_both_ways(link):
    link.say(ACCEPTED, FILL, TICK)
    assert link.got == [ACCEPTED, FILL, TICK]
    assert link.faults.heard == [ACCEPTED, FILL]
    link.faults.place([REQUEST])
    link.faults.cancel("A", "V")
    link.faults.modify(OrderModification("A", price=3.0))
    assert link.venue.placed == [REQUEST]
    assert link.venue.cancelled == ["A"]
    assert link.venue.modified == [OrderModification("A", price=3.0)]
    assert [(call.name, call.time_ns) for call in link.faults.calls] == [
        ("place", 7),
        ("cancel", 7),
        ("modify", 7),
    ]
    assert link.faults.calls[0].what == ((REQUEST,),)


def test_the_rest_of_the_contract_is_handed_on(link):
    stream = Subscription("S", 4)
    assert link.faults.capabilities is ScriptedGateway.capabilities
    assert link.faults.instrument("S").symbol == "S"
    link.faults.subscribe(stream)
    assert link.venue.subscribed == [stream]
    assert link.faults.history(stream, None, None) == []
    assert link.faults.mass_status() is link.venue.status
    assert link.faults.problem_of(stream) == ""
    link.faults.unsubscribe(stream)
    assert link.venue.unsubscribed == [stream]
    assert link.faults.connects == 1, "what a gateway has besides is there as well"


@pytest.mark.parametrize("reverse", [False, True])
def test_held_reports_come_when_they_are_released(link, reverse):
    held = link.faults.hold(news)
    link.say(ACCEPTED, TICK, FILL)
    assert link.got == [TICK]
    assert held.reports == [ACCEPTED, FILL]
    held.release(reverse=reverse)
    assert link.got[1:] == ([FILL, ACCEPTED] if reverse else [ACCEPTED, FILL])
    link.say(CANCELED)
    assert link.got[-1] is CANCELED
    assert held.reports == []


def test_dropped_repeated_and_changed(link):
    drop = link.faults.drop(of_event(OrderEvent.ACCEPTED))
    link.faults.repeat(fills)
    link.faults.change(
        of_event(OrderEvent.CANCELED), lambda report: [report._replace(event=OrderEvent.EXPIRED)]
    )
    link.say(ACCEPTED, FILL, CANCELED)
    assert link.got == [FILL, FILL, CANCELED._replace(event=OrderEvent.EXPIRED)]
    drop.end()
    link.say(ACCEPTED)
    assert link.got[-1] is ACCEPTED


@pytest.mark.parametrize("reached", [False, True])
def test_a_call_fails_once_before_or_after_it_arrives(link, reached):
    link.faults.fail("place", OutcomeUnknown("no answer"), reached=reached)
    with pytest.raises(OutcomeUnknown, match="no answer"):
        link.faults.place([REQUEST])
    assert link.venue.placed == ([REQUEST] if reached else [])
    link.faults.place([REQUEST])
    assert link.venue.placed[-1] is REQUEST


def test_a_broken_link_lets_nothing_through(link):
    link.faults.break_link()
    assert link.got == [LinkReport(LinkState.DOWN, 7, detail="cut by the test")]
    link.say(FILL, TICK)
    assert len(link.got) == 1
    assert link.faults.heard == [FILL]
    for call in (
        lambda: link.faults.place([REQUEST]),
        lambda: link.faults.cancel("A", None),
        lambda: link.faults.modify(OrderModification("A")),
        link.faults.mass_status,
        lambda: link.faults.instrument("S"),
        lambda: link.faults.subscribe(Subscription("S", 4)),
        lambda: link.faults.unsubscribe(Subscription("S", 4)),
        lambda: link.faults.history(Subscription("S", 4), None, None),
        lambda: link.faults.connect(link.got.append, 1.0),
    ):
        with pytest.raises(LinkError):
            call()
    assert link.venue.placed == link.venue.cancelled == link.venue.modified == []
    link.faults.restore_link()
    link.faults.connect(link.got.append, 1.0)
    link.say(TICK)
    assert link.got[-1] is TICK


def test_market_data_after_the_log_out_is_counted(link):
    link.say(TICK)
    link.faults.disconnect()
    link.say(TICK, FILL)
    assert link.faults.after_logout == 1


def test_healed_it_breaks_nothing(link):
    held = link.faults.hold(of_event(OrderEvent.ACCEPTED))
    link.faults.drop(fills)
    link.faults.fail("cancel", OutcomeUnknown("no answer"))
    link.say(ACCEPTED, FILL)
    link.faults.heal()
    assert link.got == [ACCEPTED]
    assert held.reports == []
    link.say(FILL)
    link.faults.cancel("A", None)
    assert link.got == [ACCEPTED, FILL]
    assert link.venue.cancelled == ["A"]


def test_reports_can_be_made_up(link):
    link.faults.say(FILL, FILL)
    assert link.got == [FILL, FILL]
    assert link.faults.heard == []
