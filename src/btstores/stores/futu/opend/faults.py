"""What goes wrong on purpose at the simulated OpenD; see `btstores.sim.switches`."""

from __future__ import annotations

import os
from typing import Dict, List, Union

from btstores.config import Param
from btstores.sim import faults as plans
from btstores.sim.faults import Planned
from btstores.sim.switches import FaultKind, make_fault

__all__ = ["FAULTS", "read_plan"]


def _seconds(default: float, doc: str) -> Param:
    return Param("seconds", default, (float,), doc, minimum=0)


_CONN = Param("conn_id", None, (int,), "only the connection with this id")
_PROTO = Param("proto_id", None, (int,), "only frames of this protocol, such as 2202")
_ORDERS = Param("proto_id", 2202, (int,), "the protocol whose answer it is")
_ACCOUNT = Param("acc_id", None, (int,), "only this account")
_SYMBOL = Param("symbol", None, (str,), "only this symbol, such as HK.00700")
_TEXT = Param("text", None, (str,), "what OpenD says")

#: All faults by name.
FAULTS: Dict[str, FaultKind] = {
    "clean_close": FaultKind("now", "connections end as on a regular exit", (_CONN,)),
    "reset": FaultKind("now", "connections are reset", (_CONN,)),
    "mid_frame_drop": FaultKind(
        "now",
        "half a frame, then the end; of the next frame of proto_id if that is given",
        (_CONN, _PROTO),
    ),
    "garbage": FaultKind(
        "now", "bytes that are no frame", (_CONN, Param("bytes", 100, (int,), minimum=1))
    ),
    "flood": FaultKind(
        "now",
        "the last push of each connection again and again",
        (
            _CONN,
            Param("rate", 1000.0, (float,), "pushes a second", minimum=1),
            _seconds(5.0, "for so long"),
        ),
    ),
    "listener_down": FaultKind(
        "now",
        "OpenD is away: all connections end, new ones are refused",
        (_seconds(10.0, "until it is back"),),
    ),
    "silence": FaultKind("while", "nothing is read or sent, connections stay", (_CONN,)),
    "upstream_down": FaultKind(
        "while",
        "OpenD has lost Futu and says so",
        (Param("quotes", True, (bool,)), Param("trading", True, (bool,))),
    ),
    "init_refused": FaultKind("next", "InitConnect is refused", (_TEXT,)),
    "init_unanswered": FaultKind("next", "InitConnect is not answered"),
    "ack_lost": FaultKind("next", "a request is carried out and not answered", (_ORDERS,)),
    "ack_late": FaultKind(
        "next", "a request is carried out and answered late", (_ORDERS, _seconds(15.0, "late"))
    ),
    "bad_sha1": FaultKind("next", "a push with a wrong checksum", (_PROTO,)),
    "duplicate_push": FaultKind("next", "a push comes twice", (_PROTO,)),
    "reorder_push": FaultKind("next", "a push comes after the one behind it", (_PROTO,)),
    "sub_fails": FaultKind("next", "a subscription is refused", (_SYMBOL, _TEXT)),
    "history_fails": FaultKind("next", "a request of history is refused", (_SYMBOL, _TEXT)),
    "pushes_lost": FaultKind(
        "while", "prices are not pushed until somebody subscribes again", (_SYMBOL,)
    ),
    "quota_full": FaultKind("while", "no subscription is left", (_TEXT,)),
    "no_right": FaultKind("while", "no right to see quotes", (_SYMBOL, _TEXT)),
    "na_numbers": FaultKind("while", "optional numbers are missing", (_SYMBOL,)),
    "unlock_fails": FaultKind("next", "trading stays locked", (_TEXT,)),
    "push_before_ack": FaultKind("while", "pushes of an order come before its answer", (_ACCOUNT,)),
    "order_list_lag": FaultKind(
        "while", "a new order is not in the list at once", (_ACCOUNT, _seconds(2.0, "late"))
    ),
}


def read_plan(path: Union[str, os.PathLike[str]]) -> List[Planned]:
    """Return the plan in a TOML file, see `btstores.sim.faults.read_plan`."""
    return plans.read_plan(path, lambda name, options: make_fault(FAULTS, name, options))
