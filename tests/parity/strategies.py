"""Indicators by name, and a strategy that has those that it is told to have."""

from __future__ import annotations

import datetime
from typing import Any, Dict

import backtrader as bt


class Count(bt.Indicator):
    """Remembers something besides its lines, so that it differs when it is called more often."""

    lines = ("count",)

    def __init__(self) -> None:
        self.calls = 0

    def next(self) -> None:
        self.calls += 1
        self.lines.count[0] = self.calls + self.data[0]


#: Indicators by name: of one feed, of the close of one, or of two feeds.
INDICATORS: Dict[str, Any] = {
    "sma": lambda one, two: bt.ind.SMA(one, period=3),
    "ema": lambda one, two: bt.ind.EMA(one.close, period=2),
    "macd": lambda one, two: bt.ind.MACDHisto(one, period_me1=2, period_me2=4, period_signal=2),
    "atr": lambda one, two: bt.ind.ATR(one, period=2),
    "laguerre": lambda one, two: bt.ind.LRSI(one, period=3),
    "psar": lambda one, two: bt.ind.PSAR(one),
    "highest": lambda one, two: bt.ind.Highest(one.high, period=3),
    "delay": lambda one, two: one.close(-1) + 1.0,
    "spread": lambda one, two: one.close - two.close(0),
    "cross": lambda one, two: bt.ind.CrossOver(bt.ind.SMA(one, period=2), one.close),
    "and": lambda one, two: bt.And(one.close > one.open, one.high > 5.0),
    "count": lambda one, two: Count(one),
    "of count": lambda one, two: bt.ind.SMA(Count(one), period=2),
}


class Wanting(bt.Strategy):
    """Has the indicators and timers that it is told to have."""

    params = (("wanted", ()), ("timers", ()))

    def __init__(self) -> None:
        datas = self.datas
        for name, one, two in self.p.wanted:
            INDICATORS[name](datas[one % len(datas)], datas[two % len(datas)])
        for when in self.p.timers:
            self.add_timer(when=when, repeat=datetime.timedelta(minutes=3))
