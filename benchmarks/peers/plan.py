"""Who takes part, what is measured, and what is left out."""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Optional, Tuple


class Side(NamedTuple):
    """One library, used in one way. ``environment`` is a requirements file, or "" for our own."""

    name: str
    title: str
    module: str
    environment: str = ""
    variant: str = "-"


class Figure(NamedTuple):
    """One number of a job. ``key`` is what the shape calls it; all are microseconds."""

    key: str
    title: str


class Job(NamedTuple):
    """One shape with its size, and the figures that are told of it.

    ``fewer`` are counts of sides that take too long; ``without`` says why a side does not do it.
    """

    name: str
    title: str
    shape: str
    count: int
    figures: Tuple[Figure, ...]
    instruments: int = 1
    strategies: int = 1
    fewer: Dict[str, int] = {}
    without: Dict[str, str] = {}

    def sized(self, side: str, scale: float) -> int:
        """Return how many samples the side takes."""
        return max(3, round(self.fewer.get(side, self.count) * scale))


OURS = "btstores"

SIDES: Tuple[Side, ...] = (
    Side(OURS, "btstores, LiveCerebro", "side_btstores", "", "live"),
    Side("btstores-journal", "btstores, LiveCerebro, journal file", "side_btstores", "", "journal"),
    Side("btstores-stock", "btstores, bt.Cerebro", "side_btstores", "", "stock"),
    Side("backtrader", "backtrader alone", "side_backtrader", "backtrader"),
    Side("vnpy", "vnpy", "side_vnpy", "vnpy"),
    Side("nautilus", "nautilus_trader", "side_nautilus", "nautilus", "loop"),
    Side(
        "nautilus-thread", "nautilus_trader, from a thread", "side_nautilus", "nautilus", "thread"
    ),
)

_TRIP = (Figure("p50", "p50"), Figure("p99", "p99"))
EACH_TICK = "each tick"
_EACH = (Figure("each", EACH_TICK),)

_NO_ORDERS = "no order, so nothing that this journal has to keep"
_SAME_ORDERS = "an order takes the same way as without the thread"

JOBS: Tuple[Job, ...] = (
    Job(
        "tick_trip_1",
        "tick to handler, 1 instrument",
        "tick_trip",
        300,
        _TRIP,
        without={"btstores-journal": _NO_ORDERS},
    ),
    Job(
        "tick_trip_1000",
        "tick to handler, 1,000 instruments",
        "tick_trip",
        200,
        _TRIP,
        instruments=1000,
        fewer={"backtrader": 5, "btstores-stock": 60},
        without={"btstores-journal": _NO_ORDERS},
    ),
    Job(
        "tick_burst",
        "burst of ticks, 1 strategy",
        "tick_burst",
        10_000,
        _EACH,
        without={"btstores-journal": _NO_ORDERS},
    ),
    Job(
        "fan_out_10",
        "burst of ticks, 10 strategies",
        "tick_burst",
        3000,
        _EACH,
        strategies=10,
        without={"btstores-journal": _NO_ORDERS},
    ),
    Job(
        "order_trip",
        "order",
        "order_trip",
        200,
        tuple(
            Figure(f"{state}.p{percent}", f"call to {state}, p{percent}")
            for state in ("submitted", "accepted", "filled")
            for percent in (50, 99)
        ),
        without={"nautilus-thread": _SAME_ORDERS},
    ),
    Job(
        "cancels",
        "cancel in a burst of ticks",
        "cancels",
        200,
        _TRIP,
        without={"btstores-journal": "left out for time", "nautilus-thread": _SAME_ORDERS},
    ),
)


def sides_of(job: Job, only: Optional[List[str]] = None) -> List[Side]:
    """Return who does the job; ``only`` names sides or environments, ours are always there."""
    return [
        side
        for side in SIDES
        if side.name not in job.without
        and (not only or not side.environment or {side.name, side.environment} & set(only))
    ]
