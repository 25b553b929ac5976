"""What the bar exchange is shown of one data in one engine cycle."""

from __future__ import annotations

import datetime
from typing import Any, NamedTuple, Optional

from btstores.feeds.times import num_to_ns

__all__ = ["BarView", "view_of"]


class BarView(NamedTuple):
    """One data as it stands in this cycle.

    ``open``, ``high``, ``low`` and ``close`` are what orders are tried against: the newest
    tick of a bar that is still being built (replay), otherwise the bar. ``bar_open`` and
    ``bar_close`` are the lines of the bar itself. ``days`` is the stamp in backtrader's float
    days, ``previous_days`` that of the bar before, ``time_ns`` the same stamp as ``days`` in
    epoch nanoseconds and ``when`` the data's own local time. ``fresh`` says that the data has
    delivered something new in this cycle. ``data`` is the backtrader data, for volume fillers
    and commission schemes that read more of it. ``compensates`` names the symbol whose
    position orders on this data change (``data.compensate(other)``).
    """

    open: float
    high: float
    low: float
    close: float
    bar_open: float
    bar_close: float
    days: float
    time_ns: int
    when: datetime.datetime
    previous_days: Optional[float] = None
    fresh: bool = True
    data: Any = None
    compensates: Optional[str] = None


def view_of(data: Any, fresh: bool = True) -> BarView:
    """Return what ``data``, a backtrader data with at least one bar, shows now.

    ``fresh`` must be False when the data has delivered nothing since it was last looked at.
    """
    bar_open, bar_close, days = data.open[0], data.close[0], data.datetime[0]
    other = data._compensate
    return BarView(
        open=_tick(data, "tick_open", bar_open),
        high=_tick(data, "tick_high", data.high[0]),
        low=_tick(data, "tick_low", data.low[0]),
        close=_tick(data, "tick_close", bar_close),
        bar_open=bar_open,
        bar_close=bar_close,
        days=days,
        time_ns=num_to_ns(days),
        when=data.datetime.datetime(),
        previous_days=data.datetime[-1] if len(data) > 1 else None,
        fresh=fresh,
        data=data,
        compensates=None if other is None else other._name,
    )


def _tick(data: Any, name: str, otherwise: float) -> float:
    value: Optional[float] = getattr(data, name, None)
    return otherwise if value is None else value
