"""Signals, sizers and observers as in the samples of backtrader, in our own words."""

from __future__ import annotations

from typing import Any

import backtrader as bt


class OwnMarks(bt.observers.BuySell):
    """As the other, drawn in another way."""


class OrderMarks(bt.Observer):
    """Shows where orders were made and where they expired."""

    lines = ("made", "expired")

    def next(self) -> None:
        for order in self._owner._orderspending:
            if order.data is not self.data:
                continue
            if order.status == order.Accepted:
                self.lines.made[0] = order.created.price or 0.0
            elif order.status == order.Expired:
                self.lines.expired[0] = order.created.price or 0.0


class AboveAverage(bt.Indicator):
    """A signal: how far the price is above its average."""

    lines = ("signal",)
    params = (("period", 10),)

    def __init__(self) -> None:
        self.lines.signal = self.data - bt.ind.SMA(period=self.p.period)


class VolumeByTime(bt.Indicator):
    """The volume beside what has been traded at that time of the day before, which it remembers."""

    lines = ("part",)

    def __init__(self) -> None:
        self.known: Any = {}

    def next(self) -> None:
        time, volume = self.data.datetime.time(), self.data.volume[0]
        count, total = self.known.get(time, (0, 0.0))
        self.lines.part[0] = volume * count / total if total else 1.0
        self.known[time] = (count + 1, total + volume)


class FastAboveSlow(bt.Indicator):
    """A signal: how far one average is above another."""

    lines = ("signal",)

    def __init__(self) -> None:
        self.lines.signal = bt.ind.SMA(period=3) - bt.ind.SMA(period=9)


class ByStrength(bt.SignalStrategy):
    """Enters where RSI comes back from its bounds, leaves in the middle."""

    params = (("low", 45.0), ("high", 55.0))

    def __init__(self) -> None:
        strength = bt.ind.RSI(period=6)
        self.signal_add(bt.SIGNAL_LONG, bt.ind.CrossUp(strength, self.p.low))
        self.signal_add(bt.SIGNAL_LONGEXIT, -(strength > 50.0))
        self.signal_add(bt.SIGNAL_SHORT, -bt.ind.CrossDown(strength, self.p.high))
        self.signal_add(bt.SIGNAL_SHORTEXIT, strength < 50.0)


class CrossSignal(bt.SignalStrategy):
    """Is long by the signal of crossing averages."""

    def __init__(self) -> None:
        cross = bt.ind.CrossOver(bt.ind.SMA(period=4), bt.ind.SMA(period=9))
        self.signal_add(bt.SIGNAL_LONG, cross)


class NeverMore(bt.Sizer):
    """Sells only what there is."""

    params = (("stake", 3),)

    def _getsizing(self, comminfo: Any, cash: float, data: Any, isbuy: bool) -> int:
        if isbuy or self.broker.getposition(data).size:
            return int(self.p.stake)
        return 0


class Turning(bt.Sizer):
    """Doubles the size to turn a position."""

    params = (("stake", 2),)

    def _getsizing(self, comminfo: Any, cash: float, data: Any, isbuy: bool) -> int:
        return int(self.p.stake * (1 + (self.strategy.getposition(data).size != 0)))
