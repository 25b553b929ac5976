"""Orders on their way out: from what a strategy asks for to what the store is given."""

from __future__ import annotations

import datetime
import logging
from collections import deque
from typing import Any, Deque, Dict, List, Optional, Sequence, Tuple

import backtrader as bt
from backtrader.order import BuyOrder, SellOrder

from btstores.brokers.account import AccountView
from btstores.brokers.checks import (
    is_order,
    prices_of,
    problems_of_asked,
    problems_of_data,
    problems_of_relatives,
)
from btstores.brokers.convert import draft_of, midnight_of, refused_as, request_of, tif_of
from btstores.brokers.groups import HeldGroups, leader_of
from btstores.brokers.positions import symbol_of
from btstores.errors import UsageError
from btstores.feeds.times import ns_to_num, num_to_ns
from btstores.orders.book import OrderRecord
from btstores.orders.lifecycle import OrderState
from btstores.orders.reasons import REASONS, Problem
from btstores.orders.riskrules import TradingState
from btstores.reports import TimeInForce
from btstores.stores.base import BaseStore
from btstores.stores.changes import WORDS

__all__ = ["OrderEntry"]

log = logging.getLogger(__name__)

#: What `modify` calls a value, and what a request calls it.
FIELDS = {word: field for field, word in WORDS.items()}


class OrderEntry(AccountView):
    """The half of a broker that takes orders, changes and cancels.

    An order with a problem is Rejected on the spot, all problems told. A bracket is kept
    together until its last order, which has ``transmit`` set.
    """

    def __init__(self, store: BaseStore, **kwargs: Any) -> None:
        super().__init__(store, **kwargs)
        self._records: Dict[int, OrderRecord] = {}
        self._held = HeldGroups()
        self._told: Deque[Any] = deque()

    # Notifications.

    def tell_through(self, queue: Deque[Any]) -> None:
        """Share a queue of notifications with other brokers, so that all keep their order."""
        if queue is not self._told:
            queue.extend(self._told)
            self._told = queue

    def notify(self, order: Any) -> None:
        """Queue what a strategy is to hear of ``order``: one copy a notification."""
        self._told.append(order.clone())

    def get_notification(self) -> Optional[Any]:
        return self._told.popleft() if self._told else None

    def has_notification(self) -> bool:
        """Return whether a strategy has yet to hear something."""
        return bool(self._told)

    # Orders.

    def buy(self, owner: Any, data: Any, size: Any, **kwargs: Any) -> Any:
        return self._order(BuyOrder, owner, data, size, **kwargs)

    def sell(self, owner: Any, data: Any, size: Any, **kwargs: Any) -> Any:
        return self._order(SellOrder, owner, data, size, **kwargs)

    def _order(
        self,
        kind: Any,
        owner: Any,
        data: Any,
        size: Any,
        price: Any = None,
        plimit: Any = None,
        exectype: Any = None,
        valid: Any = None,
        tradeid: int = 0,
        oco: Any = None,
        trailamount: Any = None,
        trailpercent: Any = None,
        parent: Any = None,
        transmit: bool = True,
        histnotify: bool = False,
        _checksubmit: bool = True,
        tif: Any = None,
        **kwargs: Any,
    ) -> Any:
        asked = {
            "price": price,
            "pricelimit": plimit,
            "exectype": exectype,
            "trailamount": trailamount,
            "trailpercent": trailpercent,
        }
        problems = problems_of_data(data, self.trades(data), self.p.trade_history)
        problems += problems_of_relatives(self, parent, oco) + self._problems_of_oco(parent, oco)
        wrong = problems_of_asked(asked, size, valid, tif, data)
        if wrong:
            problems += self._all_problems(wrong, asked, size, data, kind)
            asked.clear()  # backtrader cannot make an order of these
        asked = refused_as(asked, data) if problems else {**asked, "valid": midnight_of(valid)}
        order = kind(
            owner=owner,
            data=data,
            size=size,
            tradeid=tradeid,
            oco=oco if is_order(oco) else None,
            parent=parent if is_order(parent) else None,
            transmit=transmit,
            histnotify=histnotify,
            **asked,
        )
        order.addinfo(**kwargs)
        order.addcomminfo(self.getcommissioninfo(data))
        order.broker = self  # at once: others may hang on an order that is held
        if not problems:
            order.tif = tif
            return self.submit(order)
        if is_order(parent):
            # A bracket without one of its legs is another trade than was asked for.
            why = f"another order of the bracket is refused: {problems[0].text}"
            keeper = parent.broker if isinstance(parent.broker, OrderEntry) else self
            keeper._refuse_held(parent, Problem("BRACKET_INVALID", why))
        return self._refuse(order, problems)

    def _all_problems(
        self, wrong: List[Problem], asked: Dict[str, Any], size: Any, data: Any, kind: Any
    ) -> List[Problem]:
        """Return what else is wrong with an order whose values alone are wrong already."""
        price, plimit = prices_of(asked, data)
        priced = {**asked, "price": price, "pricelimit": plimit}
        draft = draft_of(priced, size, symbol_of(data), kind is BuyOrder)
        if draft is None or not len(data) or not self.trades(data):
            return wrong
        known = {problem.text for problem in wrong}
        return wrong + [each for each in self.store.desk.problems(draft) if each.text not in known]

    def _problems_of_oco(self, parent: Any, oco: Any) -> List[Problem]:
        """Return whether the other order of an OCO group was never sent."""
        if not is_order(oco) or oco.broker not in (None, self) or oco.ref in self._records:
            return []
        if self.store.desk.policies["relatives"] == "off":
            return []
        if is_order(parent) and self._held.has(oco) and leader_of(oco).ref == parent.ref:
            return []
        return [Problem("OCO_GONE", "the other order of the group has not been sent")]

    def trades(self, data: Any) -> bool:
        """Return whether orders for ``data`` may go to this broker's store."""
        return getattr(data, "_store", None) is self.store

    def _refuse(self, order: Any, problems: List[Problem]) -> Any:
        order.submit(self)
        order.reject(self)
        self._describe_refusal(order, problems)
        code, reason = order.info.reason_code, order.info.reason
        # An ordinary strategy asks on every bar of the history.
        level = logging.DEBUG if code == "NOT_LIVE" else logging.WARNING
        log.log(level, "order.refused ref=%d code=%s reason=%s", order.ref, code, reason)
        self.notify(order)
        return order

    def _describe_refusal(self, order: Any, problems: Sequence[Problem]) -> None:
        order.addinfo(
            reason="; ".join(problem.text for problem in problems),
            reason_code=problems[0].code,
            denied_by=REASONS[problems[0].code].denied_by,
            problems=tuple(problems),
        )

    def submit(self, order: Any, check: bool = True) -> Any:
        """Send ``order``, or keep it until the last of its bracket has ``transmit`` set."""
        leader = leader_of(order)
        if order.parent is not None and not self._held.has(leader):
            known = self._records.get(leader.ref)
            if known is None or not (known.live or known.state is OrderState.COMPLETED):
                gone = Problem("PARENT_GONE", "the parent order is not alive")
                self._refuse_held(leader, gone)
                return self._refuse(order, [gone])
        self._held.hold(order)
        if order.transmit:
            self._send(self._held.take(leader))
        return order

    def _refuse_held(self, leader: Any, problem: Problem) -> None:
        for held in self._held.take(leader):
            self._refuse(held, [problem])

    def _send(self, group: List[Any]) -> None:
        now_ns = self.store.clock.time_ns()
        records = []
        for order in group:
            parent = self._records.get(order.parent.ref) if order.parent is not None else None
            oco_id = None
            if order.oco is not None and order.oco.ref in self._records:
                other = self._records[order.oco.ref].request
                oco_id = other.oco_id or other.client_order_id  # the first of the group
            tif, expire_ns = self._validity(order)
            request = request_of(
                order,
                self.store.clock.new_id(),
                symbol_of(order.data),
                tif,
                expire_ns,
                now_ns,
                getattr(order.data, "time_ns", None) or num_to_ns(order.data.datetime[0]),
                self.session_end_ns(order) if order.exectype == order.Close else None,
                parent_id=parent.client_order_id if parent is not None else None,
                oco_id=oco_id,
            )
            record = OrderRecord(request)
            self._tie(order, record)
            order.submit(self)
            records.append(record)
        self.store.order_create(*records)

    def _tie(self, order: Any, record: OrderRecord) -> None:
        record.user = order
        self._records[order.ref] = record
        order.addinfo(
            client_order_id=record.client_order_id,
            venue_order_id=record.venue_order_id,
            reason=None,
            reason_code=None,
            denied_by=None,
        )

    def _validity(self, order: Any) -> Tuple[TimeInForce, Optional[int]]:
        """Return the time in force of an order, and when it ends."""
        tif = tif_of(order.tif, order.p.valid)
        return tif, self.expire_ns(order, tif)

    def session_end_ns(self, order: Any) -> Optional[int]:
        """Return the end of the session that an order is made in."""
        end_ns = self._end_of_day(symbol_of(order.data))
        if end_ns is None and order.dteos:
            return num_to_ns(order.dteos)
        return end_ns

    def _end_of_day(self, symbol: str) -> Optional[int]:
        """Return when a symbol's day ends; None where its hours are not known."""
        sessions = self.store.get_market_config().sessions_of(symbol)
        return None if sessions is None else sessions.end_of_day(self.store.clock.time_ns())

    def expire_ns(self, order: Any, tif: TimeInForce) -> Optional[int]:
        """Return when ``order`` ends by itself; None when it does not.

        A DAY order ends with the market's session, or where no sessions are known with the
        day in the feed's time zone.
        """
        if tif is TimeInForce.GTD:
            return num_to_ns(float(order.valid)) if order.p.valid is not None else None
        if tif is not TimeInForce.DAY:
            return None
        end_ns = self._end_of_day(symbol_of(order.data))
        if end_ns is not None:
            return end_ns
        now_ns: int = self.store.clock.time_ns()
        today = bt.num2date(ns_to_num(now_ns), order.data._tz).date()
        last = datetime.datetime.combine(today, datetime.time(23, 59, 59, 9999))
        return num_to_ns(order.data.date2num(last))

    def cancel(self, order: Any, bracket: bool = False) -> bool:
        """Ask for the cancellation; return False when there is nothing to cancel."""
        for gone in self._held.withdraw(order) or ():
            gone.cancel()
            self.notify(gone)
        record = self._records.get(order.ref)
        if record is None or not record.live:
            return order.status == order.Canceled and record is None
        order.addinfo(pending_cancel=True)
        self.store.order_cancel(record)
        self._settle()
        return True

    def modify(self, order: Any, **changes: Any) -> bool:
        """Ask for a change of size, price, plimit, trailamount or trailpercent.

        ``size`` is the new total, what has been filled included. Returns whether the change
        was asked for. What cannot be changed is told by ``notify_order`` with the reason in
        ``order.info`` and the status as it was, like a venue's refusal; of a finished or
        unknown order by ``notify_store``. Raises `UsageError` for an unknown name only.
        """
        unknown = sorted(set(changes) - set(FIELDS))
        if unknown or not changes:
            raise UsageError(f"modify({', '.join(unknown)}): expected some of {sorted(FIELDS)}")
        record = self._records.get(order.ref)
        if record is None or not record.live:
            code = "ORDER_UNKNOWN" if record is None else "ORDER_FINISHED"
            self.store.put_notification("modify refused", order, code)
            return False
        problems = self.store.order_modify(
            record, **{FIELDS[name]: value for name, value in changes.items()}
        )
        if not problems:
            order.addinfo(pending_modify=record.pending_modify)
        self._settle()
        return not problems

    def _settle(self) -> None:
        """On a simulated clock the answer is there already."""
        if not self.store.clock.threaded:
            self.store.process_events()

    # Trading state: what passes, whatever strategies ask for.

    @property
    def trading_state(self) -> TradingState:
        """Return whether all orders pass, only those that reduce a position, or none."""
        return self.store.desk.risk.state

    def halt(self, reason: str) -> None:
        """Let no order pass any more. Cancels do."""
        self.store.desk.risk.set_state(TradingState.HALTED, reason)

    def reduce_only(self, reason: str) -> None:
        """Let only orders pass that reduce a position."""
        self.store.desk.risk.set_state(TradingState.REDUCING, reason)

    def resume_trading(self, reason: str = "resumed") -> None:
        """Let orders pass again."""
        self.store.desk.risk.set_state(TradingState.ACTIVE, reason)

    def kill(self, reason: str) -> int:
        """Halt and cancel all live orders of the account; return how many there were."""
        return self.store.desk.kill(reason)
