"""The order desk: all that happens to an order between a strategy and the venue's gateway.

An order is checked (what the venue and the core can do, the instrument's and the market's
rules, risk), then sent as it is or kept by the contingent engine. What is refused here is
never sent, and all that is wrong with it is told at once.
"""

from __future__ import annotations

import datetime
import logging
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Dict,
    Iterable,
    List,
    Mapping,
    Sequence,
    Tuple,
    Union,
)

from btstores.clock import NS_PER_SECOND
from btstores.errors import BtstoresError, UnknownInstrumentError
from btstores.handlers.base import Listener
from btstores.orders.book import OrderRecord
from btstores.orders.contingent import Contingent
from btstores.orders.legs import Emulated
from btstores.orders.lifecycle import OrderState
from btstores.orders.reasons import Problem
from btstores.orders.risk import RiskControl
from btstores.orders.riskrules import TradingState, read_rules
from btstores.orders.validation import bracket_problems, read_policies, validate
from btstores.reports import (
    AccountReport,
    Bar,
    ControlReport,
    FillReport,
    LinkReport,
    LinkState,
    OrderEvent,
    OrderReport,
    OrderRequest,
    Quote,
    Side,
    Tick,
    TimerReport,
)
from btstores.stores.changes import problems_of_change
from btstores.stores.emulation import (
    EMULATED_NAMES,
    Plan,
    Relations,
    has_bracket,
    plan_of,
    read_emulate,
)
from btstores.stores.facts import may_be_short, risk_facts, validation_facts
from btstores.stores.holdings import Holdings
from btstores.stores.sender import OrderSender
from btstores.stores.wiring import Wiring

if TYPE_CHECKING:
    from btstores.stores.base import BaseStore

__all__ = ["CONTROLS", "KILL", "OrderDesk"]

#: What may be asked of the desk from outside, and the trading state that it leads to. The kill
#: switch also cancels all live orders.
KILL = "kill"
CONTROLS: Dict[str, TradingState] = {
    "resume": TradingState.ACTIVE,
    "reduce": TradingState.REDUCING,
    "halt": TradingState.HALTED,
    KILL: TradingState.HALTED,
}

log = logging.getLogger(__name__)

Found = Dict[str, List[Problem]]


class OrderDesk(Listener):
    """Takes orders, changes and cancels of one account. Cerebro's thread only."""

    def __init__(self, store: BaseStore) -> None:
        params = store.params
        self._store = store
        self.policies = read_policies({**store.default_checks, **(params.checks or {})})
        self._emulate = read_emulate(params.emulate)
        self._allowed = params.on_unsupported == "emulate"
        self.risk: RiskControl = RiskControl(read_rules(params.risk), self._state_changed)
        self.sender = OrderSender(store)
        self._wiring = Wiring(store, self.sender)
        self.engine: Contingent = Contingent(self._wiring, round(params.close_lead * NS_PER_SECOND))
        self._bought: Dict[str, Tuple[datetime.date, float]] = {}
        self._broken = ""
        #: What the account holds. The broker knows best, and puts itself here.
        self.holdings: Holdings = Holdings(store)

    # Orders

    def place(self, group: Sequence[OrderRecord]) -> bool:
        """Check one order, or a bracket with its parent first, and send or keep it.

        Returns False when it is refused; then all of the group is, each with its reasons.
        """
        plans = self._plans(group)
        found = self._problems_of_group(group, plans)
        if any(found.values()):
            for record in group:
                self._deny(record, found[record.client_order_id])
            return False
        now_ns = self._store.clock.monotonic_ns()
        for record in group:
            self.risk.note(record.request, now_ns)
            self._store.order_handler.submit(record)
        self._route(group, plans)
        return True

    def problems(self, request: OrderRequest) -> List[Problem]:
        """Return all that is wrong with a single order, and do nothing."""
        record = OrderRecord(request)
        return self._problems_of_group([record], self._plans([record]))[request.client_order_id]

    def cancel(self, record: OrderRecord) -> None:
        """End an order: here, if it is kept here, else by asking the venue.

        While the link is down it is asked for when the link is back, unless the order has ended.
        """
        record.pending_cancel = True
        if record in self.engine:
            self.engine.cancel(record)
        elif self._store.connected:
            self.sender.cancel(record)
        else:
            self.sender.withdraw(record)

    def modify(self, record: OrderRecord, changes: Mapping[str, Any]) -> List[Problem]:
        """Change an order, or return why not. A refusal is told like a venue's.

        ``changes`` are fields of `OrderRequest`; ``size`` is the new total.
        """
        changed = record.request._replace(**changes)
        if changed == record.request:
            return []
        leg = self.engine.leg(record)
        problems = problems_of_change(record, changes, self._store.capabilities, leg)
        if not problems:
            live = [other for other in self._store.book.live() if other is not record]
            position = self.holdings.account_size(changed.symbol)
            facts = validation_facts(self._store, changed, position, live)
            verdict = validate(changed, facts._replace(filled=record.filled), self.policies)
            problems += verdict.problems
            changes = {name: getattr(verdict.request, name) for name in changes}
            record.rounded = dict(verdict.rounded)
        if not problems:
            rest = changed._replace(size=changed.size - record.filled)
            problems += [
                problem
                for problem in self.risk.problems(
                    rest, risk_facts(self._store, rest, position, live)
                )
                if problem.code != "RISK_DUPLICATE"
            ]
        if problems:
            self._tell_refusal(record, problems)
            return problems
        if leg is not None:
            changes = self.engine.modify(record, changes)
        if changes:
            self.sender.modify(record, **changes)
        return []

    def _tell_refusal(self, record: OrderRecord, problems: Sequence[Problem]) -> None:
        now_ns = self._store.clock.time_ns()
        self._store.put(record.refuse(OrderEvent.MODIFY_REJECTED, problems, now_ns))

    def on_control(self, report: ControlReport) -> None:
        """Do what somebody outside the strategies has asked for."""
        if report.action == KILL:
            self.kill(report.cause)
        else:
            self.risk.set_state(CONTROLS[report.action], report.cause)

    def is_at_venue(self, record: OrderRecord) -> bool:
        """Return whether something of a live order was sent and is not known to be over."""
        leg = self.engine.leg(record)
        return leg is None or leg.wire is not None

    def kill(self, reason: str) -> int:
        """Let no order pass any more and cancel all live ones; return how many there were."""
        self.risk.set_state(TradingState.HALTED, reason)
        live = self._store.book.live()
        for record in live:
            self.cancel(record)
        return len(live)

    # Who does what of an order

    def _plans(self, group: Sequence[OrderRecord]) -> Dict[str, Plan]:
        requests, can = [record.request for record in group], self._store.capabilities
        children = sum(request.parent_id is not None for request in requests)
        fits = "bracket" not in self._emulate and has_bracket(requests, can)
        alone = {
            request.client_order_id: self._plan(
                request, Relations(fits and request.parent_id is not None, children=children)
            )
            for request in requests
        }
        if not any(map(_has_relatives, requests)):
            return alone
        kept = any(plan.does for plan in alone.values())
        plans = {}
        for record in group:
            request = record.request
            known = {other.client_order_id for other in group}
            others = [
                self._store.book.find(key)
                for key in (request.parent_id, request.oco_id)
                if key is not None and key not in known
            ]
            relations = Relations(
                request.parent_id is not None,
                request.oco_id is not None,
                children,
                fits,
                kept or any(other is not None and other in self.engine for other in others),
            )
            plans[record.client_order_id] = self._plan(request, relations)
        return plans

    def _plan(self, request: OrderRequest, relations: Relations) -> Plan:
        emulate, can, kind = self._emulate, self._store.capabilities, request.order_type.value
        is_stop = EMULATED_NAMES.get(kind) is Emulated.STOP
        is_exit = relations.in_bracket and relations.children > 1 and not relations.fits
        if is_stop and is_exit and self._take_turns(request):
            # Waiting at the venue it would keep from its target what both would sell.
            emulate |= {kind}
        return plan_of(request, relations, can, emulate, self._allowed)

    def _route(self, group: Sequence[OrderRecord], plans: Mapping[str, Plan]) -> None:
        """Send what the venue does alone, keep the rest."""
        book = self._store.book
        kept = []
        for record in group:
            request, plan = record.request, plans[record.client_order_id]
            parent = book.find(request.parent_id) if Emulated.BRACKET in plan.does else None
            oco = book.find(request.oco_id) if Emulated.OCO in plan.does else None
            is_parent = any(
                Emulated.BRACKET in plans[other.client_order_id].does
                for other in group
                if other.request.parent_id == record.client_order_id
            )
            if plan.does or is_parent:
                leg = self.engine.take(record, plan.does, parent, oco, self._take_turns(request))
                kept.append(leg)
        if kept and not self.sender.record_kept(group, kept):
            return
        if len(kept) < len(group):
            sent = [record for record in group if record not in self.engine]
            self.sender.place([(record, record.request) for record in sent])
        for leg in kept:
            self.engine.begin(leg)

    def _take_turns(self, request: OrderRequest) -> bool:
        """Return whether all exits of a bracket must not ask for more than there is to close."""
        return self._store.capabilities.freezes or not may_be_short(self._store, request.symbol)

    # Checks

    def _problems_of_group(self, group: Sequence[OrderRecord], plans: Mapping[str, Plan]) -> Found:
        live = self._store.book.live()
        found: Found = {}
        for index, record in enumerate(group):
            before = [*live, *group[:index]]
            found[record.client_order_id] = self._problems_of(record, plans, group, before)
        children = [record.request for record in group if record.request.parent_id is not None]
        if children and self.policies["bracket_sides"] != "off":
            first = group[0] if group[0].request.parent_id is None else None
            parent = first or self._store.book.find(children[0].parent_id)
            if parent is not None:
                entry, price = parent.request, parent.request.reference_price
                for key, problem in bracket_problems(entry, children, price).items():
                    found[key].append(problem)
        if len(group) > 1 and any(found.values()):
            # A bracket without one of its orders is another trade than was asked for.
            reason = next(problems[0] for problems in found.values() if problems)
            for problems in found.values():
                if not problems:
                    text = f"another order of the bracket is refused: {reason.text}"
                    problems.append(Problem("BRACKET_INVALID", text))
        return found

    def _problems_of(
        self,
        record: OrderRecord,
        plans: Mapping[str, Plan],
        group: Sequence[OrderRecord],
        live: Sequence[OrderRecord],
    ) -> List[Problem]:
        store, plan = self._store, plans[record.client_order_id]
        problems = self._problems_of_link() + self._problems_of_instrument(record.request)
        problems += [Problem("UNSUPPORTED", f"the venue has no {what}") for what in plan.lacking]
        if Emulated.STOP in plan.does and self._wiring.source_of(record.request.symbol) is None:
            text = f"{record.request.symbol} has no prices to trigger by"
            problems.append(Problem("NO_TRIGGER_DATA", text))
        problems += self._problems_of_relatives(record.request, group)
        position = self.holdings.account_size(record.request.symbol)
        facts = validation_facts(store, record.request, position, live)
        verdict = validate(record.request, facts, self.policies)
        problems += verdict.problems
        if not verdict.problems:
            record.request, record.rounded = verdict.request, dict(verdict.rounded)
            held = risk_facts(store, record.request, position, live)
            problems += self.risk.problems(record.request, held)
        return problems

    def _problems_of_link(self) -> List[Problem]:
        store = self._store
        if store.authenticated:
            return []
        if store.connected:
            return [Problem("RECONCILING", f"{store.name} is being reconciled")]
        return [Problem("LINK_DOWN", f"{store.name} is not connected")]

    def _problems_of_instrument(self, request: OrderRequest) -> List[Problem]:
        if self._store.known_instrument(request.symbol) is not None:
            return []
        try:
            self._store.instrument(request.symbol)
        except UnknownInstrumentError as error:
            return [Problem("INSTRUMENT_UNKNOWN", str(error))]
        except BtstoresError as error:
            return [Problem("LINK_DOWN", str(error))]
        return []

    def _problems_of_relatives(
        self, request: OrderRequest, group: Sequence[OrderRecord]
    ) -> List[Problem]:
        problems: List[Problem] = []
        if self.policies["relatives"] == "off":
            return problems
        new = {record.client_order_id for record in group}
        if request.parent_id is not None and request.parent_id not in new:
            parent = self._store.book.find(request.parent_id)
            if parent is None or not (parent.live or parent.state is OrderState.COMPLETED):
                problems.append(Problem("PARENT_GONE", "the parent order is not alive"))
        if request.oco_id is not None and request.oco_id not in new:
            other = self._store.book.find(request.oco_id)
            if other is None or not other.live:
                problems.append(Problem("OCO_GONE", "the other order of the group is not alive"))
        return problems

    def _deny(self, record: OrderRecord, problems: Sequence[Problem]) -> None:
        """End an order that is not sent."""
        report = record.refuse(OrderEvent.REJECTED, problems, self._store.clock.time_ns())
        self._store.book.add(record)
        self._store.recorder.note(
            "denied",
            {"symbol": record.request.symbol, "reason": report.reason},
            record.client_order_id,
        )
        log.warning(
            "order.denied client_id=%s code=%s reason=%s",
            record.client_order_id,
            report.reason_code,
            report.reason,
        )
        self._store.order_handler.handle(report)

    # News

    def hears(self) -> Dict[type, Callable[[Any], None]]:
        """Return what it wants to hear of besides orders, fills and balances."""
        return {
            OrderReport: self._settle_late,
            FillReport: self._settle_late,
            Bar: self.on_price,
            Tick: self.on_price,
            Quote: self.on_price,
            LinkReport: self.on_link,
            TimerReport: self.on_timer,
            ControlReport: self.on_control,
        }

    def _settle_late(self, report: Any) -> None:
        self.engine.settle_late()

    def on_order(self, record: OrderRecord, event: OrderEvent) -> None:
        self.engine.on_order(record)

    def on_fill(self, record: OrderRecord, fill: FillReport) -> None:
        self.count_bought(fill)
        self.engine.on_fill(record, fill)

    def on_foreign_fill(self, fill: FillReport) -> None:
        self.count_bought(fill)

    def count_bought(self, fill: FillReport) -> None:
        """Count what was bought today, where it may not be sold today."""
        if fill.side is Side.BUY:
            day = self._store.get_market_config().trading_day(fill.time_ns)
            size = fill.size + self.bought_on(fill.symbol, day)
            self._bought[fill.symbol] = (day, size)

    def bought_on(self, symbol: str, day: datetime.date) -> float:
        """Return how much of a symbol has been bought on a day of its market."""
        last_day, size = self._bought.get(symbol, (day, 0.0))
        return size if last_day == day else 0.0

    def on_account(self, report: AccountReport) -> None:
        before = self.risk.day_start
        self.risk.on_value(self._store.get_value(), self._today())
        day, value = after = self.risk.day_start
        if after != before and value is not None:
            self._store.recorder.note("day", {"day": str(day), "value": value})

    def on_price(self, report: Union[Bar, Tick, Quote]) -> None:
        """Hear of a price."""
        self.engine.on_price(report)

    def on_timer(self, report: TimerReport) -> None:
        """Hear that a time has come that was asked for."""
        if report.subscription is None:
            self.engine.on_timer(report.client_order_id)

    def on_link(self, report: LinkReport) -> None:
        """Hear of the link."""
        if report.subscription is not None:
            return
        if report.state is LinkState.READY:
            self.engine.resume()
            self.cancel_again(self._store.book.live())
        elif report.state is LinkState.DOWN:
            self.risk.on_event("link_down", report.detail)

    def cancel_again(self, records: Iterable[OrderRecord]) -> None:
        """Ask again for the cancels of orders that live on: nobody has answered them."""
        for record in records:
            if record.live and record.pending_cancel and record not in self.engine:
                self.sender.cancel(record)

    def journal_failed(self, error: Exception) -> None:
        """Hear that something could not be recorded; of a broken journal strategies hear once."""
        broken = self._store.journal.broken or ""
        if not broken or broken is not self._broken:
            self._store.put_notification("journal failed", error)
        self._broken = broken
        self.risk.on_event("journal_failed", str(error))

    def stop(self) -> None:
        """Forget what ends with the store's streams."""
        self._wiring.stop()

    def idle(self) -> None:
        """Record what has changed without being told."""
        self.engine.save_bests()

    def _state_changed(self, old: TradingState, new: TradingState, cause: str) -> None:
        log.warning("risk.state old=%s new=%s cause=%s", old.value, new.value, cause)
        self._store.put_notification("trading state", old.value, new.value, cause)

    def _today(self) -> datetime.date:
        return self._store.get_market_config().trading_day(self._store.clock.time_ns())


def _has_relatives(request: OrderRequest) -> bool:
    return request.parent_id is not None or request.oco_id is not None
