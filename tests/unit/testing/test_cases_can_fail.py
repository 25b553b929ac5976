"""A case that cannot fail proves nothing: each of these runs on something that is wrong."""

from __future__ import annotations

import dataclasses
import itertools

import pytest

from btstores.errors import VenueRefused
from btstores.handlers.order_handler import OrderHandler
from btstores.handlers.trade_handler import TradeHandler
from btstores.reports import FillReport, OrderEvent, OrderType, TimeInForce
from btstores.testing import Outcome, all_cases, run_case
from btstores.testing.faults import FaultGateway, fills, news, of_event
from btstores.testing.paper import SYMBOL, ControlledPaper

CASES = {one.id: one for one in all_cases()}
SERIAL = itertools.count(1)


class WrongGateway(FaultGateway):
    """Between the suite and the venue: what it does, the venue does."""

    def __init__(self, inner, clock, spoil):
        super().__init__(inner, clock)
        spoil(self)


class WrongVenue(ControlledPaper):
    def __init__(self, spoil, **params):
        super().__init__(**params)
        self._spoil = spoil

    def make_store(self, **params):
        store = super().make_store(**params)
        store.gateway = WrongGateway(store.gateway, store.clock, self._spoil)
        return store


# Wrong venues


def fills_twice(gateway):
    gateway.change(fills, lambda fill: [fill, fill._replace(fill_id=f"again-{next(SERIAL)}")])


def loses_fills(gateway):
    gateway.drop(fills)


def loses_cancels(gateway):
    gateway.drop(of_event(OrderEvent.CANCELED))


def loses_acks(gateway):
    gateway.drop(of_event(OrderEvent.ACCEPTED))


def calls_cancels_expiries(gateway):
    gateway.change(
        of_event(OrderEvent.CANCELED), lambda report: [report._replace(event=OrderEvent.EXPIRED)]
    )


def never_tells_of_expiries(gateway):
    gateway.drop(of_event(OrderEvent.EXPIRED))


def fills_without_a_market(gateway):
    def with_fill(report):
        fill = FillReport(
            f"made-up-{next(SERIAL)}",
            SYMBOL,
            next(r for r in gateway.placed if r.client_order_id == report.client_order_id).side,
            10.0,
            95.0,
            report.time_ns,
            report.client_order_id,
        )
        return [report, fill]

    gateway.placed = []
    place = gateway.place

    def remember(group):
        gateway.placed.extend(group)
        place(group)

    gateway.place = remember
    gateway.change(of_event(OrderEvent.ACCEPTED), with_fill)


def sends_twice(gateway):
    place = gateway.place

    def again(group):
        place(group)
        place([one._replace(client_order_id=f"copy-{next(SERIAL)}") for one in group])

    gateway.place = again


def says_modified_and_does_nothing(gateway):
    def modify(modification):
        order = gateway.engine.mass_status().orders[-1]
        gateway.say(order._replace(event=OrderEvent.MODIFIED, price=modification.price))

    gateway.modify = modify


def forgets_the_validity(gateway):
    place = gateway.place
    gateway.place = lambda group: place(
        [one._replace(tif=TimeInForce.GTC, expire_ns=None) for one in group]
    )


def ignores_cancels(gateway):
    gateway.cancel = lambda client_order_id, venue_order_id: None


def takes_limits_for_market_orders(gateway):
    place = gateway.place
    gateway.place = lambda group: place(
        [one._replace(order_type=OrderType.MARKET, price=None, limit_price=None) for one in group]
    )


def forgets_what_was_asked_for(gateway):
    place = gateway.place
    gateway.place = lambda group: place([one._replace(oco_id=None) for one in group])


def loses_the_exits(gateway):
    place = gateway.place
    gateway.place = lambda group: place([one for one in group if one.parent_id is None])


def forgets_orders_at_log_out(gateway):
    mass_status = gateway.mass_status
    gateway.mass_status = lambda since_ns=None: mass_status(since_ns)._replace(orders=())


def forgets_fills_at_log_out(gateway):
    mass_status = gateway.mass_status
    gateway.mass_status = lambda since_ns=None: mass_status(since_ns)._replace(fills=())


def tells_half_of_the_cash(gateway):
    mass_status = gateway.mass_status

    def wrong(since_ns=None):
        status = mass_status(since_ns)
        return status._replace(accounts=tuple(a._replace(cash=a.cash / 2) for a in status.accounts))

    gateway.mass_status = wrong


@pytest.mark.parametrize(
    ("number", "spoil"),
    [
        ("E01", fills_twice),
        ("E01", loses_fills),
        ("E01", sends_twice),
        ("E01", tells_half_of_the_cash),
        ("E06", sends_twice),
        ("E10", fills_without_a_market),
        ("E10", takes_limits_for_market_orders),
        ("E10", loses_acks),
        ("E14", forgets_the_validity),
        ("E16", calls_cancels_expiries),
        ("E18", never_tells_of_expiries),
        ("E18", forgets_the_validity),
        ("E20", takes_limits_for_market_orders),
        ("E22", takes_limits_for_market_orders),
        ("E30", says_modified_and_does_nothing),
        ("E32", loses_cancels),
        ("E34", says_modified_and_does_nothing),
        ("E40", loses_cancels),
        ("E40", calls_cancels_expiries),
        ("E40", ignores_cancels),
        ("E41", sends_twice),
        ("E50", loses_the_exits),
        ("E52", loses_the_exits),
        ("E81", ignores_cancels),
        ("E84", forgets_orders_at_log_out),
        ("N04", forgets_what_was_asked_for),
        ("N05", forgets_what_was_asked_for),
        ("N06", fills_twice),
        ("N07", says_modified_and_does_nothing),
        ("N14", forgets_the_validity),
        ("N16", loses_cancels),
        ("N20", ignores_cancels),
        ("N21", forgets_fills_at_log_out),
        ("N42", loses_the_exits),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_on_a_venue_that_is_wrong(number, spoil):
    result = run_case(CASES[number], WrongVenue(spoil))
    assert result.outcome is Outcome.FAILED, result


# A wrong core


class CountsFillsTwice(TradeHandler):
    def handle(self, report):
        self.book._fill_ids.clear()
        super().handle(report)


class HidesOverfills(TradeHandler):
    def on_trade(self, record, fill):
        record.reason = record.reason_code = None
        super().on_trade(record, fill)


class DropsLateFills(TradeHandler):
    def handle(self, report):
        record = self.book.find(report.client_order_id, report.venue_order_id)
        if record is None or record.live:
            super().handle(report)


class RejectsWhatItDoesNotKnow(OrderHandler):
    def handle(self, report):
        if report.event is OrderEvent.OUTCOME_UNKNOWN:
            report = report._replace(event=OrderEvent.REJECTED)
        super().handle(report)


class TellsTwice(OrderHandler):
    def on_cancelled(self, record, report):
        super().on_cancelled(record, report)
        super().on_cancelled(record, report)


class EndsWithTheCancelRequest(OrderHandler):
    def handle(self, report):
        if report.event is OrderEvent.CANCEL_REJECTED:
            report = report._replace(event=OrderEvent.CANCELED)
        super().handle(report)


class ForgetsReasons(OrderHandler):
    def handle(self, report):
        super().handle(report._replace(reason=None, reason_code=None))


@pytest.mark.parametrize(
    ("number", "handler"),
    [
        ("N11", CountsFillsTwice),
        ("N15", CountsFillsTwice),
        ("N13", HidesOverfills),
        ("N10", DropsLateFills),
        ("N49", DropsLateFills),
        ("E74", RejectsWhatItDoesNotKnow),
        ("E75", RejectsWhatItDoesNotKnow),
        ("E77", RejectsWhatItDoesNotKnow),
        ("N39", RejectsWhatItDoesNotKnow),
        ("E40", TellsTwice),
        ("N16", TellsTwice),
        ("N58", EndsWithTheCancelRequest),
        ("E78", ForgetsReasons),
        ("N33", ForgetsReasons),
        ("N36", ForgetsReasons),
        ("N57", ForgetsReasons),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_on_a_core_that_is_wrong(number, handler):
    result = run_case(CASES[number], ControlledPaper(handlers=[handler()]))
    assert result.outcome is Outcome.FAILED, result


# What the paper venue does not declare: cases that run nowhere yet


class OptionVenue(ControlledPaper):
    """Its one symbol is an option, and it takes what the paper venue ignores."""

    option_symbol = SYMBOL
    barred = ("StopTrail", "Close")
    refuses = True

    def make_store(self, **params):
        store = super().make_store(**params)
        store.capabilities = dataclasses.replace(
            store.capabilities,
            options=True,
            batch_cancel=True,
            extras=frozenset({"reduce_only", "iceberg"}),
        )
        spoil = self._refuse_some if self.refuses else lambda gateway: None
        store.gateway = WrongGateway(store.gateway, store.clock, spoil)
        return store

    def _refuse_some(self, gateway):
        place = gateway.place

        def check(group):
            for one in group:
                if one.order_type.value in self.barred:
                    raise VenueRefused(f"no {one.order_type.value} orders for options")
                if "reduce_only" in one.extras and not gateway.engine.account.positions:
                    raise VenueRefused("reduce-only, and there is nothing to reduce")
            place(group)

        gateway.place = check


UNDECLARED = ["E43", "E61", "E62", "E71", "E90", "E91", "E94", "E96", "E99", "E100", "E101"]


@pytest.mark.parametrize("number", UNDECLARED)
def test_what_the_paper_venue_lacks_passes_where_it_is_there(number):
    assert run_case(CASES[number], ControlledPaper()).outcome is Outcome.SKIPPED
    result = run_case(CASES[number], OptionVenue())
    assert result.outcome is Outcome.PASSED, result


@pytest.mark.parametrize("number", ["E71", "E94", "E96"])
def test_what_should_be_refused_and_is_not(number):
    class Careless(OptionVenue):
        refuses = False

    result = run_case(CASES[number], Careless())
    assert result.outcome is Outcome.FAILED, result


def test_no_messages_at_all():
    result = run_case(CASES["E01"], WrongVenue(lambda gateway: gateway.drop(news)))
    assert result.reason.startswith("waited 30 s")
