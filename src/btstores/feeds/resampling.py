"""When a resampled bar of a live feed is closed without another bar."""

from __future__ import annotations

from typing import Any

import backtrader as bt
from backtrader.resamplerfilter import _BaseResampler

from btstores.feeds.times import ns_to_num

__all__ = ["closes_by_check", "is_bar_due"]


def is_bar_due(feed: Any, now_ns: int) -> bool:
    """Return whether the bar that a feed's resampler has open is to be closed now."""
    now = ns_to_num(now_ns)
    for one, _, _ in feed._filters:
        if isinstance(one, _BaseResampler) and one.bar.isopen():
            return bool(one.p.timeframe < bt.TimeFrame.Seconds or one._calcadjtime(True) <= now)
    return False


def closes_by_check(feed: Any) -> bool:
    """Return whether the engine's check closes bars of a feed as it should.

    From a check the resampler never delivers days or longer, and the replayer nothing without
    an adjusted time; but both forget the end of the session and then merge the next day into the
    open bar.
    """
    if feed._timeframe >= bt.TimeFrame.Days:
        return False
    return not feed.replaying or any(
        getattr(one, "doadjusttime", False) for one, _, _ in feed._filters
    )
