"""Why an order is refused here, before anything is sent: one table of stable codes.

The manual lists the codes from this table. A venue's own codes are passed on as they come.
"""

from __future__ import annotations

from typing import Dict, NamedTuple

__all__ = ["REASONS", "Problem", "Reason"]


class Problem(NamedTuple):
    """One reason not to send an order: a code of `REASONS` and a sentence.

    The sentence names the field, the value and what was expected.
    """

    code: str
    text: str


class Reason(NamedTuple):
    """What a code means: who says it, why, and what helps."""

    denied_by: str
    meaning: str
    fix: str


_V, _R, _S = "validation", "risk", "store"

REASONS: Dict[str, Reason] = {
    # The values themselves.
    "SIZE_INVALID": Reason(_V, "the size is no positive finite number", "give a number above 0"),
    "PRICE_INVALID": Reason(
        _V,
        "a price is missing, no number, not finite or not positive",
        "give the price that the order type needs",
    ),
    "TRAIL_INVALID": Reason(
        _V,
        "a trailing order needs one of trailamount (above 0) and trailpercent (0 to 1)",
        "give one of them; 0.02 is two percent",
    ),
    "TYPE_INVALID": Reason(_V, "no execution type of backtrader", "use bt.Order.Market etc."),
    "VALID_INVALID": Reason(
        _V,
        "valid is none of None, 0, a date, a datetime, a timedelta and a date2num number",
        "use one of them",
    ),
    "TIF_INVALID": Reason(
        _V, "tif is unknown or contradicts valid", "use GTC, DAY, GTD, IOC or FOK"
    ),
    # Where it is to go.
    "OTHER_STORE": Reason(
        _V, "the order is for a feed of another store than the broker's", "use that store's broker"
    ),
    "NO_BAR": Reason(_V, "the feed has no bar yet, so there is no price", "wait for the first bar"),
    "NOT_LIVE": Reason(
        _V, "the feed still shows its history", "wait for LIVE, or set trade_history"
    ),
    "INSTRUMENT_UNKNOWN": Reason(
        _V, "the venue does not know the symbol", "check how the venue writes it"
    ),
    "NOT_TRADABLE": Reason(_V, "the instrument is halted or not traded", "wait, or choose another"),
    # The instrument's and the market's rules.
    "SIZE_LOT": Reason(
        _V, "the size is no multiple of the lot", "round it, or set checks={'size': 'round'}"
    ),
    "SIZE_FRACTION": Reason(
        _V,
        "the venue takes whole shares or contracts only",
        "round it, or set checks={'size': 'round'}",
    ),
    "SIZE_TOO_SMALL": Reason(_V, "below the smallest size", "order more"),
    "SIZE_TOO_LARGE": Reason(_V, "above the largest size", "split the order"),
    "PRICE_TICK": Reason(
        _V, "the price is not on the tick grid", "round it, or set checks={'price': 'round'}"
    ),
    "PRICE_BAND": Reason(_V, "the price is outside the limits of the day", "choose a price within"),
    "PRICE_SIDE": Reason(
        _V,
        "the exits of a bracket are on the wrong side of its entry",
        "a stop loses, a target wins",
    ),
    "SHORT_NOT_ALLOWED": Reason(
        _V, "more would be sold than is held, and short sales are not possible", "sell less"
    ),
    "NOT_SELLABLE": Reason(
        _V, "not settled yet: it may be sold later (as T+1 shares)", "wait for settlement"
    ),
    "SESSION_CLOSED": Reason(
        _V, "the market is closed and the venue takes no orders then", "wait for the session"
    ),
    "NO_SESSION": Reason(
        _V, "the end of the session is not known, so Close and DAY cannot be", "register the market"
    ),
    "EXPIRED": Reason(_V, "the order's validity has passed already", "give a later one"),
    "NO_POWER": Reason(_V, "the account cannot pay for it", "order less"),
    # What venue and core can do.
    "UNSUPPORTED": Reason(
        _V,
        "the venue lacks it and it is not emulated",
        "see `btstores stores NAME`; set on_unsupported='emulate'",
    ),
    "NO_TRIGGER_DATA": Reason(
        _V, "an emulated order needs prices that the venue does not give", "use another type"
    ),
    # Orders that hang together.
    "PARENT_GONE": Reason(_V, "the parent of the bracket is not alive", "order without it"),
    "OCO_GONE": Reason(_V, "the other order of the OCO group is not alive", "order without it"),
    "OCO_OTHER_STORE": Reason(
        _V, "the orders of an OCO group are at two venues", "cancel one yourself"
    ),
    "BRACKET_INVALID": Reason(
        _V, "another order of the same bracket is wrong, and it goes whole or not at all", "see it"
    ),
    # Changes and cancels.
    "ORDER_FINISHED": Reason(_V, "the order is over", "make a new one"),
    "ORDER_UNKNOWN": Reason(_V, "the broker does not know the order", "use an order of its own"),
    "MODIFY_UNSUPPORTED": Reason(
        _V, "the venue cannot change this of an order", "cancel it and make a new one"
    ),
    "MODIFY_USELESS": Reason(_V, "this type of order has no such price", "change another value"),
    "MODIFY_BELOW_FILLED": Reason(
        _V, "the new size is below what is filled already", "cancel the rest instead"
    ),
    "MODIFY_BUSY": Reason(
        _V, "the order is just being changed for its bracket or group", "try again later"
    ),
    # Risk.
    "RISK_HALTED": Reason(_R, "trading is halted; only cancels pass", "broker.resume_trading()"),
    "RISK_REDUCING": Reason(
        _R, "only orders that reduce a position pass", "broker.resume_trading()"
    ),
    "RISK_OUTCOME_UNKNOWN": Reason(
        _R, "the outcome of an earlier order on the instrument is unknown", "wait for it"
    ),
    "RISK_ORDER_SIZE": Reason(_R, "above max_order_size", "order less, or change the rules"),
    "RISK_ORDER_VALUE": Reason(_R, "above max_order_value", "order less, or change the rules"),
    "RISK_POSITION": Reason(_R, "the position would exceed max_position", "order less"),
    "RISK_OPEN_ORDERS": Reason(_R, "max_open_orders are open already", "cancel some"),
    "RISK_ORDER_RATE": Reason(_R, "more orders than max_order_rate allows", "order less often"),
    "RISK_PRICE_COLLAR": Reason(
        _R, "the price is further than price_collar from the last one", "choose a closer price"
    ),
    "RISK_DAILY_LOSS": Reason(_R, "the day's loss exceeds max_daily_loss", "stop for today"),
    "RISK_DUPLICATE": Reason(
        _R, "the same order was made within duplicate_seconds", "wait, or change the rules"
    ),
    "RISK_NO_PRICE": Reason(
        _R, "a limit cannot be checked because no price is known", "wait for a price"
    ),
    "RISK_NO_ACCOUNT": Reason(
        _R, "a limit cannot be checked because the account is not known", "wait for the account"
    ),
    # The store.
    "JOURNAL": Reason(_S, "the intent could not be recorded, so nothing was sent", "see the log"),
    "LINK_DOWN": Reason(_S, "there is no connection to the venue", "wait for it"),
    "RECONCILING": Reason(_S, "the account is being reconciled", "wait for `connected`"),
    # What is told of an order that lives or lived.
    "NEVER_SENT": Reason(_S, "cancelled before it left", ""),
    "NEVER_ARRIVED": Reason(
        _S, "the venue does not know the order: it was lost on its way", "order again"
    ),
    "NOT_AT_VENUE": Reason(
        _S, "the venue does not list the order any more and has not told its end", "see its account"
    ),
    "NOT_RECORDED": Reason(
        _S, "the order is not in the recording that is replayed", "see the store's differences"
    ),
    "RELATED": Reason(_S, "another order of its group ended or took the last of it", ""),
    "OVERFILL": Reason(_S, "filled for more than was ordered", "look at the position"),
    "SURPLUS": Reason(
        _S, "two orders of a group were filled in a race; more was traded than wanted", "close it"
    ),
}
