"""What goes wrong on purpose at the simulated OANDA; see `btstores.sim.switches`."""

from __future__ import annotations

import os
from typing import Dict, List, Union

from btstores.config import Param
from btstores.sim import faults as plans
from btstores.sim.faults import Planned
from btstores.sim.switches import FaultKind, make_fault

__all__ = ["FAULTS", "read_plan"]

_STREAM = Param("stream", None, (str,), "only these streams", ("pricing", "transactions"))
_PATH = Param("path", None, (str,), "only requests for this: orders, candles, summary ...")


def _seconds(default: float, doc: str) -> Param:
    return Param("seconds", default, (float,), doc, minimum=0)


#: All faults by name.
FAULTS: Dict[str, FaultKind] = {
    "stream_end": FaultKind("now", "streams end", (_STREAM,)),
    "stream_cut": FaultKind("now", "streams end in the middle of a line", (_STREAM,)),
    "reset": FaultKind("now", "all connections are reset"),
    "listener_down": FaultKind(
        "now",
        "OANDA is away: connections end, new ones are refused",
        (_seconds(5.0, "until it is back"),),
    ),
    "silence": FaultKind("while", "streams stay open and send nothing", (_STREAM,)),
    "no_heartbeat": FaultKind("while", "streams send no heartbeats", (_STREAM,)),
    "status": FaultKind(
        "next",
        "a request is answered with a status",
        (_PATH, Param("code", 503, (int,), "such as 401, 429, 500 or 503", minimum=400)),
    ),
    "ack_lost": FaultKind("next", "a request is carried out and not answered", (_PATH,)),
    "ack_late": FaultKind(
        "next", "a request is carried out and answered late", (_PATH, _seconds(3.0, "late"))
    ),
    "unanswered": FaultKind("next", "a request is neither carried out nor answered", (_PATH,)),
    "not_json": FaultKind("next", "a request is answered with a page of HTML", (_PATH,)),
    "transaction_twice": FaultKind("next", "a transaction comes twice"),
    "transaction_late": FaultKind("next", "a transaction comes after the next one"),
    "transaction_lost": FaultKind("next", "a transaction does not come in the stream"),
    "garbage_line": FaultKind("next", "a line of a stream is no JSON", (_STREAM,)),
    "empty_price": FaultKind("next", "a price comes without bids and asks"),
}


def read_plan(path: Union[str, os.PathLike[str]]) -> List[Planned]:
    """Return the plan in a TOML file, see `btstores.sim.faults.read_plan`."""
    return plans.read_plan(path, lambda name, options: make_fault(FAULTS, name, options))
