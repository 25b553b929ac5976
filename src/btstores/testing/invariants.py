"""What holds at the end of every case, whatever it was about."""

from __future__ import annotations

import math
from typing import Any, Dict, FrozenSet, List

from btstores.reports import FillReport
from btstores.testing.desk import Desk, Told

__all__ = ["books_agree", "check_invariants", "problem_of_sequence"]

_ENDS = frozenset({"Completed", "Canceled", "Expired", "Margin", "Rejected"})
_LIVE = frozenset({"Submitted", "Accepted", "Partial"})

#: What may be told after what. Nothing but a late execution follows an end.
_AFTER: Dict[str, FrozenSet[str]] = {
    "Created": _LIVE | _ENDS,
    "Submitted": _LIVE | _ENDS,
    "Accepted": frozenset({"Accepted", "Partial"}) | _ENDS,
    "Partial": frozenset({"Partial"}) | _ENDS,
    "Completed": frozenset({"Completed"}),
    "Canceled": frozenset({"Canceled", "Completed"}),
    "Expired": frozenset({"Expired", "Completed"}),
    "Margin": frozenset({"Margin", "Completed"}),
    "Rejected": frozenset({"Rejected", "Completed"}),
}
#: What the answer to a request that lost its race may repeat.
_ANSWERS = ("reason", "reason_code", "pending_cancel", "pending_modify")


def problem_of_sequence(told: List[Told]) -> str:
    """Return what is impossible in what was told of one order, or an empty string."""
    for before, after in zip(told, told[1:]):
        step = f"{before.status} then {after.status}"
        if after.status not in _AFTER[before.status]:
            return f"{step} cannot be"
        if abs(after.executed) < abs(before.executed):
            return f"{step}: executed {before.executed:g} then {after.executed:g}"
        if before.status in _ENDS and after.executed == before.executed:
            changed = any(before.info.get(name) != after.info.get(name) for name in _ANSWERS)
            if after.status != before.status or not changed:
                return f"{step} with nothing executed in between"
    return ""


def check_invariants(desk: Desk, lies: bool) -> None:
    """Raise AssertionError for what cannot be, or does not add up."""
    for ref in dict.fromkeys(told.ref for told in desk.notices):
        told = [one for one in desk.notices if one.ref == ref and not one.adopted]
        problem = problem_of_sequence(told)
        assert not problem, f"order {ref}: {problem}"
    failures = [msg for msg in desk.messages() if msg.endswith("failed")]
    assert not failures, f"notify_store told: {failures}"
    _check_sent_once(desk)
    _check_known(desk)
    if not lies:
        _check_executions(desk)
        _check_books(desk)


def books_agree(desk: Desk) -> bool:
    """Return whether position and cash are as at the venue by now."""
    try:
        _check_books(desk)
    except AssertionError:
        return False
    return True


def _check_sent_once(desk: Desk) -> None:
    for faults in desk.all_faults:
        groups = [call.what[0] for call in faults.calls if call.name == "place"]
        sent = [request.client_order_id for group in groups for request in group]
        twice = sorted({one for one in sent if sent.count(one) > 1})
        assert not twice, f"sent twice: {twice}"


def _check_known(desk: Desk) -> None:
    """All that was executed belongs to an order that somebody has sent."""
    others = {request.client_order_id for request in desk.others}
    picks = [desk.about(order) for order in desk.own.values()]
    for faults in desk.all_faults:
        for fill in faults.heard:
            if isinstance(fill, FillReport) and fill.symbol == desk.data.symbol:
                known = fill.client_order_id in others or any(pick(fill) for pick in picks)
                assert known, f"executed, and nobody sent it: {fill}"


def _check_executions(desk: Desk) -> None:
    """Each execution of an order of ours is told once, with its own size."""
    if len(desk.all_faults) > 1:
        return  # what happened between two runs is not told one by one
    for order in desk.own.values():
        picks = desk.about(order)
        fills = {
            report.fill_id: report.size
            for report in desk.faults.heard
            if isinstance(report, FillReport) and picks(report)
        }
        sizes = [abs(told.executed) for told in desk.notices_of(order)]
        steps = [after - before for before, after in zip([0.0, *sizes], sizes) if after != before]
        assert _same(sorted(steps), sorted(fills.values())), (
            f"order {order.ref}: executions {fills} at the venue, {steps} told"
        )


def _check_books(desk: Desk) -> None:
    """Position and cash are what the fills come to, and what the venue has."""
    if len(desk.all_faults) == 1:
        executed = sum(order.executed.size for order in desk.own.values())
        assert _close(desk.position, executed), f"position {desk.position:g}, filled {executed:g}"
    shown, held = desk.account_position, desk.held()
    assert _close(shown, held), f"position {shown:g}, at the venue {held:g}"
    cash = [one.cash for one in desk.account().accounts if one.cash is not None]
    assert not cash or _close(desk.cash, cash[0]), f"cash {desk.cash}, at the venue {cash[0]}"


def _same(one: List[float], other: List[float]) -> bool:
    return len(one) == len(other) and all(map(_close, one, other))


def _close(one: Any, other: Any) -> bool:
    return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-6)
