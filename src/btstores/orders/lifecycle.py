"""The states of an order, and the one table that moves it from state to state.

What is not in the table is impossible: it is logged and ignored, never applied. Events are
those of `btstores.reports.OrderEvent`, plus our own sending and the two kinds of fill.
"""

from __future__ import annotations

import enum
from typing import Dict, Optional, Tuple, Union

from btstores.reports import OrderEvent

__all__ = ["FINAL", "LIVE", "OrderState", "OwnEvent", "next_state"]


class OrderState(enum.Enum):
    """Where an order stands, in backtrader's words."""

    CREATED = "created"
    SUBMITTED = "submitted"
    ACCEPTED = "accepted"
    PARTIAL = "partial"
    COMPLETED = "completed"
    CANCELED = "canceled"
    EXPIRED = "expired"
    MARGIN = "margin"
    REJECTED = "rejected"


class OwnEvent(enum.Enum):
    """Events that are not an `OrderEvent`."""

    SUBMIT = "submit"
    FILL_PART = "fill_part"
    FILL_ALL = "fill_all"


Event = Union[OrderEvent, OwnEvent]

FINAL = frozenset(
    {
        OrderState.COMPLETED,
        OrderState.CANCELED,
        OrderState.EXPIRED,
        OrderState.MARGIN,
        OrderState.REJECTED,
    }
)
LIVE = frozenset({OrderState.SUBMITTED, OrderState.ACCEPTED, OrderState.PARTIAL})

_S, _E, _O = OrderState, OrderEvent, OwnEvent

_TABLE: Dict[Tuple[OrderState, Event], OrderState] = {
    (_S.CREATED, _O.SUBMIT): _S.SUBMITTED,
    (_S.CREATED, _E.REJECTED): _S.REJECTED,  # denied before it was sent
    (_S.SUBMITTED, _E.ACCEPTED): _S.ACCEPTED,
    (_S.SUBMITTED, _E.REJECTED): _S.REJECTED,
    (_S.SUBMITTED, _E.MARGIN): _S.MARGIN,
    (_S.SUBMITTED, _E.CANCELED): _S.CANCELED,
    (_S.SUBMITTED, _E.EXPIRED): _S.EXPIRED,
    (_S.SUBMITTED, _E.TRIGGERED): _S.ACCEPTED,  # the ack is late or lost
    (_S.SUBMITTED, _E.MODIFIED): _S.ACCEPTED,
    (_S.SUBMITTED, _O.FILL_PART): _S.PARTIAL,  # fill before ack
    (_S.SUBMITTED, _O.FILL_ALL): _S.COMPLETED,
    (_S.SUBMITTED, _E.OUTCOME_UNKNOWN): _S.SUBMITTED,
    (_S.SUBMITTED, _E.CANCEL_REJECTED): _S.SUBMITTED,
    (_S.SUBMITTED, _E.MODIFY_REJECTED): _S.SUBMITTED,
    (_S.ACCEPTED, _E.TRIGGERED): _S.ACCEPTED,
    (_S.ACCEPTED, _E.MODIFIED): _S.ACCEPTED,
    (_S.ACCEPTED, _E.CANCEL_REJECTED): _S.ACCEPTED,
    (_S.ACCEPTED, _E.MODIFY_REJECTED): _S.ACCEPTED,
    (_S.ACCEPTED, _E.OUTCOME_UNKNOWN): _S.ACCEPTED,
    (_S.ACCEPTED, _E.REJECTED): _S.REJECTED,  # some venues accept first, then check
    (_S.ACCEPTED, _E.MARGIN): _S.MARGIN,
    (_S.ACCEPTED, _E.CANCELED): _S.CANCELED,
    (_S.ACCEPTED, _E.EXPIRED): _S.EXPIRED,
    (_S.ACCEPTED, _O.FILL_PART): _S.PARTIAL,
    (_S.ACCEPTED, _O.FILL_ALL): _S.COMPLETED,
    (_S.PARTIAL, _E.TRIGGERED): _S.PARTIAL,
    (_S.PARTIAL, _E.MODIFIED): _S.PARTIAL,
    (_S.PARTIAL, _E.CANCEL_REJECTED): _S.PARTIAL,
    (_S.PARTIAL, _E.MODIFY_REJECTED): _S.PARTIAL,
    (_S.PARTIAL, _E.OUTCOME_UNKNOWN): _S.PARTIAL,
    (_S.PARTIAL, _E.REJECTED): _S.REJECTED,  # the rest is refused, the fills stand
    (_S.PARTIAL, _E.MARGIN): _S.MARGIN,
    (_S.PARTIAL, _E.CANCELED): _S.CANCELED,
    (_S.PARTIAL, _E.EXPIRED): _S.EXPIRED,
    (_S.PARTIAL, _O.FILL_PART): _S.PARTIAL,
    (_S.PARTIAL, _O.FILL_ALL): _S.COMPLETED,
    # A fill that was on its way when the order ended. The fill is real and is told; the
    # order is complete when nothing of it was left to cancel.
    (_S.CANCELED, _O.FILL_PART): _S.CANCELED,
    (_S.CANCELED, _O.FILL_ALL): _S.COMPLETED,
    (_S.EXPIRED, _O.FILL_PART): _S.EXPIRED,
    (_S.EXPIRED, _O.FILL_ALL): _S.COMPLETED,
    (_S.MARGIN, _O.FILL_PART): _S.MARGIN,
    (_S.MARGIN, _O.FILL_ALL): _S.COMPLETED,
    (_S.REJECTED, _O.FILL_PART): _S.REJECTED,
    (_S.REJECTED, _O.FILL_ALL): _S.COMPLETED,
    (_S.COMPLETED, _O.FILL_ALL): _S.COMPLETED,  # more than was ordered
    # The answer to a cancel or a change that lost its race.
    (_S.COMPLETED, _E.CANCEL_REJECTED): _S.COMPLETED,
    (_S.COMPLETED, _E.MODIFY_REJECTED): _S.COMPLETED,
    (_S.CANCELED, _E.CANCEL_REJECTED): _S.CANCELED,
    (_S.CANCELED, _E.MODIFY_REJECTED): _S.CANCELED,
    (_S.EXPIRED, _E.CANCEL_REJECTED): _S.EXPIRED,
    (_S.EXPIRED, _E.MODIFY_REJECTED): _S.EXPIRED,
    (_S.MARGIN, _E.CANCEL_REJECTED): _S.MARGIN,
    (_S.MARGIN, _E.MODIFY_REJECTED): _S.MARGIN,
    (_S.REJECTED, _E.CANCEL_REJECTED): _S.REJECTED,
    (_S.REJECTED, _E.MODIFY_REJECTED): _S.REJECTED,
}


def next_state(state: OrderState, event: Event) -> Optional[OrderState]:
    """Return the state after ``event``, or None when that cannot happen in ``state``."""
    return _TABLE.get((state, event))
