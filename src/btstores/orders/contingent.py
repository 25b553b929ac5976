"""What a venue lacks, done here: stops, trailing stops, brackets, OCO, expiry, close orders.

The engine keeps a `Leg` for each order that needs it and brings the venue to where the leg
should be: `_sync` compares how much of the order may work now with what works, and places,
resizes or cancels. All that it decides follows from the records of the orders, so it does
not matter in which order the venue's messages come.

It runs on Cerebro's thread. It hears of orders and fills before the broker does, tells what
it does through the inbox, and reaches venue and clock through `Actions` alone.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Dict, Iterable, List, Mapping, Optional, Set, Union

from btstores.clock import NS_PER_SECOND
from btstores.orders.book import OrderRecord
from btstores.orders.legs import (
    TRAILING,
    Ask,
    Emulated,
    Ending,
    Leg,
    Wire,
    changes_at_venue,
    open_size,
    reason_to_end,
    request_at_venue,
    room,
    surplus,
    tidy,
    trigger_of,
)
from btstores.orders.watch import Watches
from btstores.orders.wires import hear, is_news, let_go
from btstores.reports import (
    Bar,
    FillReport,
    OrderEvent,
    OrderReport,
    OrderType,
    Quote,
    Tick,
)

if TYPE_CHECKING:
    from btstores.orders.actions import Actions

__all__ = ["Contingent"]

log = logging.getLogger(__name__)

#: Seconds before a request that was refused or not answered is repeated, at the most.
_LONGEST_WAIT = 60


class Contingent:
    """Keeps the orders of one account that the venue cannot keep itself.

    ``close_lead_ns`` is how long before the session's end a Close order is sent. ``keep`` is
    how many finished orders are remembered, to know a fill that comes too late.
    """

    def __init__(self, actions: Actions, close_lead_ns: int = 0, keep: int = 1000) -> None:
        self._actions = actions
        self._close_lead_ns = close_lead_ns
        self._keep = keep
        self._legs: Dict[str, Leg] = {}
        self._finished: OrderedDict[str, None] = OrderedDict()
        self._watches = Watches(actions.watch, actions.unwatch)
        self._late: Set[str] = set()

    def __contains__(self, record: OrderRecord) -> bool:
        return record.client_order_id in self._legs

    def leg(self, record: OrderRecord) -> Optional[Leg]:
        """Return the leg of an order, or None."""
        return self._legs.get(record.client_order_id)

    # Orders in

    def take(
        self,
        record: OrderRecord,
        does: Iterable[Emulated],
        parent: Optional[OrderRecord] = None,
        oco: Optional[OrderRecord] = None,
        exclusive: bool = False,
    ) -> Leg:
        """Keep an order. Its relatives become legs too, if they are not yet.

        ``exclusive`` is whether the exits of a bracket must not ask for more than it has opened.
        """
        request = record.request
        leg = self._leg_of(record, frozenset(does), new=True)
        leg.exclusive = exclusive
        record.in_flight = False  # until something of it is sent
        leg.since_ns = self._actions.now_ns()
        leg.start = request.price or request.reference_price
        if request.limit_price is not None and leg.start is not None:
            leg.offset = tidy(leg.start - request.limit_price)
        if parent is not None:
            leg.parent = self._leg_of(parent)
            leg.parent.children.append(leg)
        if oco is not None:
            other = self._leg_of(oco)
            other.does |= {Emulated.OCO}
            other.record.emulated = True
            other.group = leg.group = other.group or [other]
            leg.group.append(leg)
        return leg

    def begin(self, leg: Leg) -> None:
        """Bring a leg to where it should be, once all of its group has been taken."""
        held = leg.waits or leg.is_child
        leg.record.emulated = bool(leg.does)
        self._actions.keep(leg)
        if held:
            self._tell(leg, OrderEvent.ACCEPTED)
        self._set_timers(leg)
        self._settle(leg)

    def _set_timers(self, leg: Leg) -> None:
        expire_ns = leg.record.request.expire_ns if Emulated.EXPIRY in leg.does else None
        for time_ns in (expire_ns, self._close_ns(leg), leg.opens_ns or None):
            if time_ns is not None:
                leg.timers.append(self._actions.wake_at(time_ns, leg.key))

    def _leg_of(self, record: OrderRecord, does: Any = frozenset(), new: bool = False) -> Leg:
        known = self._legs.get(record.client_order_id)
        if known is not None:
            return known
        leg = Leg(record, does, record.request.size)
        if not new and record.live:
            # It went to the venue as any other order, and gets relatives only now.
            key, venue_id = record.client_order_id, record.venue_order_id
            leg.wire = Wire(key, record.request.size, record.filled, venue_id)
        self._legs[record.client_order_id] = leg
        return leg

    def restore(self, legs: Iterable[Leg]) -> None:
        """Take the legs of an earlier run; they go on when requests can be sent."""
        for leg in legs:
            self._legs[leg.key] = leg
            if not leg.record.live and leg.wire is None:
                self._finished[leg.key] = None
                continue
            self._set_timers(leg)
            self._late.add(leg.key)

    def leftovers(self) -> List[OrderRecord]:
        """Return finished orders for which something may still work at the venue."""
        legs = self._legs.values()
        return [leg.record for leg in legs if leg.wire is not None and not leg.record.live]

    def lost(self, record: OrderRecord) -> bool:
        """Hear that the venue lacks what was sent; return whether a stop or exit goes out anew."""
        leg = self._legs.get(record.client_order_id)
        if leg is None or (record.live and not (leg.triggered or leg.is_child)):
            return False
        leg.retire()
        record.in_flight = record.outcome_unknown = False
        self._late.add(leg.key)
        self.resume()
        return True

    # What strategies ask

    def cancel(self, record: OrderRecord) -> None:
        """End an order that is kept here; asked again, ask the venue again."""
        leg = self._legs[record.client_order_id]
        if leg.wire is not None and leg.wire.ask is Ask.CANCEL:
            leg.wire.ask, leg.wire.stalled = None, False
        leg.ending = leg.ending or Ending(OrderEvent.CANCELED)
        self._actions.keep(leg)
        self._settle(leg)

    def modify(self, record: OrderRecord, changes: Mapping[str, Any]) -> Dict[str, Any]:
        """Change an order; return what the venue has to be asked for."""
        leg = self._legs[record.client_order_id]
        rest = dict(changes)
        if leg.wire is None or leg.relatives() or not self._actions.can_resize:
            leg.wanted = rest.pop("size", leg.wanted)
        if leg.wire is not None and rest:
            leg.change, leg.wire.ask, leg.wire.stalled = rest, Ask.CHANGE, False
            self._settle(leg)
            return changes_at_venue(leg, rest)
        self._disarm(leg)
        record.request = record.request._replace(**rest)
        request = record.request
        leg.start = rest.get("price", leg.start)
        if "limit_price" in rest and leg.start is not None:
            leg.offset = tidy(leg.start - rest["limit_price"])
        leg.since_ns = self._actions.now_ns()
        size = room(leg) if room(leg) > record.filled else request.size
        if size == request.size or rest:
            record.request = request._replace(size=size)
            self._tell(leg, OrderEvent.MODIFIED)
        self._actions.keep(leg)
        self._settle(leg)
        return {}

    # News of orders

    def screen(self, record: OrderRecord, report: OrderReport) -> Optional[OrderReport]:
        """Return what a venue's report on a wire means for the order; None for nothing."""
        leg = self._legs.get(record.client_order_id)
        if leg is None or report.local:
            return report
        heard = hear(leg, report)
        if heard.stall:
            self._stall(leg)
        self._late.add(leg.key)  # until the report has been applied
        return heard.told

    def on_order(self, record: OrderRecord) -> None:
        """Hear that an order has changed."""
        leg = self._legs.get(record.client_order_id)
        if leg is not None:
            if not record.live:
                self._over(leg)
            self._settle(leg)

    def on_fill(self, record: OrderRecord, fill: FillReport) -> None:
        """Hear of an execution, which the record counts already."""
        leg = self._legs.get(record.client_order_id)
        if leg is None:
            return
        wire = leg.wire
        if is_news(leg, fill.client_order_id, fill.venue_order_id) and wire is not None:
            wire.filled, wire.stalled = tidy(wire.filled + fill.size), False
            let_go(leg)
        else:
            leg.missing = max(0.0, tidy(leg.missing - fill.size))
        for child in leg.children:
            if child.record.filled == 0 and not child.armed:
                child.since_ns = self._actions.now_ns()
                if child.record.request.price is None:
                    child.start = fill.price
        if not record.live:
            self._over(leg)
        self._warn(leg, fill)
        self._settle(leg)

    def _warn(self, leg: Leg, fill: FillReport) -> None:
        """Name what a race has traded beyond what was wanted."""
        record, beyond = leg.record, min(surplus(leg), fill.size)
        if beyond > 0:
            record.reason_code = "SURPLUS"
            record.reason = f"{beyond:g} more than wanted: another order of its group was faster"
            log.error("contingent.surplus client_id=%s size=%g", leg.key, beyond)
            signed = fill.side.sign * beyond
            self._actions.alert("surplus", fill.symbol, signed, record.user)
        if leg.children and not any(child.record.live for child in leg.children):
            naked = record.filled - sum(child.record.filled for child in leg.children)
            if tidy(naked) > 0:
                signed = fill.side.sign * tidy(naked)
                self._actions.alert("bracket without exits", fill.symbol, signed, record.user)

    # Prices and time

    def on_price(self, report: Union[Bar, Tick, Quote]) -> None:
        """Let a price trigger what it triggers."""
        for key, level in self._watches.on_price(report, self._actions.now_ns()):
            leg = self._legs[key]
            leg.armed = False
            self._trigger(leg, level)

    def on_timer(self, client_order_id: str) -> None:
        """Hear that a time has come that was asked for."""
        leg = self._legs.get(client_order_id)
        if leg is None or (not leg.record.live and leg.wire is None):
            return
        request = leg.record.request
        if leg.wire is not None and leg.wire.stalled:
            leg.wire.stalled, leg.wire.ask, leg.wire.asked, leg.change = False, None, None, {}
            self._settle(leg)
        if self._is_due(leg, request.expire_ns if Emulated.EXPIRY in leg.does else None):
            self._end(leg, Ending(OrderEvent.EXPIRED))
        elif leg.ending is None and leg.waits and self._is_due(leg, self._close_ns(leg)):
            self._trigger(leg, None)
        else:
            self._settle(leg)

    def _close_ns(self, leg: Leg) -> Optional[int]:
        end_ns = leg.record.request.session_end_ns
        if Emulated.CLOSE not in leg.does or end_ns is None:
            return None
        return end_ns - self._close_lead_ns

    def _is_due(self, leg: Leg, time_ns: Optional[int]) -> bool:
        """Return whether a time has come; a clock that was set back makes a timer early."""
        if time_ns is None or not leg.record.live:
            return False
        if self._actions.now_ns() >= time_ns:
            return True
        if all(timer.cancelled or timer.when_ns < time_ns for timer in leg.timers):
            leg.timers.append(self._actions.wake_at(time_ns, leg.key))
        return False

    def resume(self) -> None:
        """Do what had to wait until requests can be sent."""
        if not self._actions.ready:
            return
        self._watches.renew()
        self._do_late()

    def _do_late(self) -> None:
        while self._late:
            self._settle(self._legs[min(self._late)])

    def settle_late(self) -> None:
        """Do what the report that has been handled has left to do."""
        if self._late and self._actions.ready:
            self._do_late()

    def save_bests(self) -> None:
        """Let the newest prices of trailing stops be kept, for a restart."""
        for key, best in self._watches.new_bests():
            leg = self._legs[key]
            leg.start = best
            self._actions.keep(leg)

    def _trigger(self, leg: Leg, level: Optional[float]) -> None:
        leg.triggered = True
        request = leg.record.request
        if level is not None and request.order_type in TRAILING:
            limit = None
            if request.order_type is OrderType.STOP_TRAIL_LIMIT:
                limit = self._actions.fit(request, tidy(level - leg.offset))
            leg.record.request = request._replace(price=tidy(level), limit_price=limit)
        self._tell(leg, OrderEvent.TRIGGERED)
        self._actions.keep(leg)
        self._settle(leg)

    # From where it is to where it should be

    def _settle(self, leg: Leg) -> None:
        """Look at a leg and all whose sizes or ends depend on it."""
        for each in [leg, *leg.relatives()]:
            self._late.discard(each.key)
            if each.record.live and each.ending is None:
                reason = reason_to_end(each)
                if reason is not None:
                    self._end(each, Ending(OrderEvent.CANCELED, "RELATED", reason))
                else:
                    self._show_size(each)
                    self._arm(each)
            self._show_surplus(each)
            self._sync(each)

    def _show_size(self, leg: Leg) -> None:
        """Tell the strategy when its relatives leave less to trade, or more again."""
        size = room(leg)
        if size > leg.record.filled:
            self._show(leg, size)

    def _show_surplus(self, leg: Leg) -> None:
        """Tell the strategy of what works beyond its order, until the venue has taken it back."""
        record, wire = leg.record, leg.wire
        if record.live and wire is not None and record.filled >= record.request.size:
            self._show(leg, tidy(record.filled + wire.working))

    def _show(self, leg: Leg, size: float) -> None:
        if size != leg.record.request.size:
            leg.record.request = leg.record.request._replace(size=size)
            self._tell(leg, OrderEvent.MODIFIED)

    def _arm(self, leg: Leg) -> None:
        """Watch for the trigger of a stop that has something to close."""
        if leg.armed or leg.triggered or Emulated.STOP not in leg.does:
            return
        if leg.is_child and leg.parent is not None and not leg.parent.record.filled:
            return
        leg.armed = True
        self._watches.add(leg.record.request.symbol, trigger_of(leg), leg.since_ns)
        self._actions.keep(leg)

    def _disarm(self, leg: Leg) -> None:
        if leg.armed:
            leg.armed = False
            best = self._watches.remove(leg.record.request.symbol, leg.key)
            leg.start = leg.start if best is None else best

    def _sync(self, leg: Leg) -> None:
        """Let as much work at the venue as may work now."""
        want, wire = open_size(leg), leg.wire
        if wire is None:
            if want > 0:
                self._place(leg, want)
            elif leg.ending is not None and leg.record.live and not leg.ended:
                leg.ended = True
                event, code, reason = leg.ending
                self._tell(leg, event, reason=reason, reason_code=code)
        elif not wire.busy and wire.working != want:
            self._correct(leg, wire, want)

    def _place(self, leg: Leg, size: float) -> None:
        if not self._actions.ready:
            self._late.add(leg.key)
            return
        if self._waits_for_the_next_day(leg):
            return
        # A venue must never see one id twice.
        key = self._actions.new_id() if leg.past else leg.key
        leg.wire = Wire(key, size)
        if Emulated.RENEWAL in leg.does:
            leg.wire.ends_ns = self._actions.day_ends_ns(leg.record.request.symbol)
        self._actions.keep(leg)
        self._actions.place(leg.record, request_at_venue(leg, key, size))

    def _waits_for_the_next_day(self, leg: Leg) -> bool:
        """Return whether an order that the venue ended with its day is to go out later."""
        if leg.rests:
            leg.rests = False
            leg.opens_ns = self._actions.opens_ns(leg.record.request.symbol) or 0
            if leg.opens_ns:
                leg.timers.append(self._actions.wake_at(leg.opens_ns, leg.key))
        return self._actions.now_ns() < leg.opens_ns

    def _correct(self, leg: Leg, wire: Wire, want: float) -> None:
        """Change the size of what works, or cancel it: `_sync` then places what should work."""
        if not self._actions.ready:
            self._late.add(leg.key)
            return
        if want > wire.working and self._gathers(leg):
            return
        size = tidy(wire.filled + want)
        if want > 0 and not wire.fixed and self._actions.can_resize:
            wire.ask, wire.asked = Ask.SIZE, size
            self._actions.resize(leg.record, size)
        else:
            wire.ask = Ask.CANCEL
            self._actions.cancel(leg.record)

    def _gathers(self, leg: Leg) -> bool:
        """Return whether an exit may wait before it grows, for more of its entry.

        A venue takes only so many changes, and an entry may be filled in many parts. They are
        needed when a stop is triggered.
        """
        pause_ns, now_ns = self._actions.pause_ns, self._actions.now_ns()
        parent = leg.parent.record if leg.parent is not None else None
        if not pause_ns or leg.triggered or parent is None or not parent.live:
            return False
        if now_ns >= leg.grows_ns:
            leg.grows_ns = now_ns + pause_ns
            return False
        if all(timer.cancelled or timer.when_ns != leg.grows_ns for timer in leg.timers):
            leg.timers.append(self._actions.wake_at(leg.grows_ns, leg.key))
        return True

    def _stall(self, leg: Leg) -> None:
        """Ask nothing more of a wire for a while, which grows from time to time."""
        wire = leg.wire
        if wire is not None:
            wire.stalled = True
            wire.tries += 1
            wait_ns = min(_LONGEST_WAIT, 2**wire.tries) * NS_PER_SECOND
            now_ns = self._actions.now_ns()
            leg.timers.append(self._actions.wake_at(now_ns + wait_ns, leg.key))

    def _end(self, leg: Leg, ending: Ending) -> None:
        if leg.ending is None:
            leg.ending = ending
            self._disarm(leg)
            self._actions.keep(leg)
            self._sync(leg)

    def _over(self, leg: Leg) -> None:
        """Forget the oldest finished legs, when it and its relatives are over."""
        self._disarm(leg)
        if leg.wire is None:
            for timer in leg.timers:
                timer.cancel()
        self._finished[leg.key] = None
        while len(self._finished) > self._keep:
            key, _ = self._finished.popitem(last=False)
            old = self._legs[key]
            if any(each.record.live for each in old.relatives()):
                self._finished[key] = None
                return
            del self._legs[key]

    def _tell(self, leg: Leg, event: OrderEvent, **more: Any) -> None:
        request = leg.record.request
        terms: Dict[str, Any] = {
            "size": request.size,
            "price": request.price,
            "limit_price": request.limit_price,
        }
        terms.update(more)
        report = OrderReport(
            event, self._actions.now_ns(), leg.key, symbol=request.symbol, local=True, **terms
        )
        self._actions.tell(report)
