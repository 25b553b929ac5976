"""The rows of the samples of backtrader. See `upstream_programs`."""

from __future__ import annotations

import datetime
from typing import Any, Dict, Sequence

import backtrader as bt

from tests.parity import upstream_parts as parts
from tests.parity import upstream_strategies as strategies
from tests.parity.plans import filler
from tests.parity.upstream_programs import Upstream, adds, filters, runs

MINUTE = datetime.timedelta(minutes=1)

ALL_ANALYZERS = [
    adds("addanalyzer", getattr(bt.analyzers, name))
    for name in (
        *("AnnualReturn", "Calmar", "DrawDown", "TimeDrawDown", "GrossLeverage", "PeriodStats"),
        *("LogReturnsRolling", "PositionsValue", "PyFolio", "Returns", "SharpeRatio", "SQN"),
        *("SharpeRatio_A", "TimeReturn", "TradeAnalyzer", "Transactions", "VWR"),
    )
]

TIMERS: Dict[str, Sequence[Dict[str, Any]]] = {
    "start of session": [{"when": bt.timer.SESSION_START}],
    "weekdays": [{"when": bt.timer.SESSION_START, "weekdays": [2, 5], "weekcarry": True}],
    "days of months": [{"when": bt.timer.SESSION_START, "monthdays": [3, 17], "monthcarry": True}],
    "end, before": [{"when": bt.timer.SESSION_END, "offset": -5 * MINUTE}],
    "repeated": [{"when": datetime.time(9, 30), "repeat": 10 * MINUTE}],
    "and cheating": [
        {"when": datetime.time(9, 45), "offset": 5 * MINUTE},
        {"when": datetime.time(9, 50), "cheat": True},
    ],
}

SAMPLES = [
    Upstream(
        "analyzer-annualreturn, sratio, sharpe-timereturn, calmar, vwr, pyfoliotest",
        "stock",
        [runs(strategies.Reversing), *ALL_ANALYZERS],
        cerebro={"stdstats": True},
    ),
    *(
        Upstream(f"bracket, {way}", "day", [runs(strategies.Bracketed, way=way)])
        for way in ("one by one", "buy_bracket")
    ),
    *(
        Upstream(
            f"multi-example, {way}",
            "stocks",
            [runs(strategies.Bracketed, way=way), adds("addsizer", parts.Turning)],
            commission={"commission": 0.001},
        )
        for way in ("market", "one by one", "buy_bracket")
    ),
    *(
        Upstream(f"oco, {more}", "stock", [runs(strategies.OneOfThree, **more)])
        for more in ({}, {"chained": True}, {"grouped": False}, {"target": True})
    ),
    *(
        Upstream(f"stoptrail, {more}", "stock", [runs(strategies.Trailed, **more)])
        for more in (
            {"amount": 0.5},
            {"percent": 0.01},
            {"kind": "StopTrailLimit", "percent": 0.01},
        )
    ),
    *(
        Upstream(
            f"order-execution, {kind}, {valid}",
            "day",
            [runs(strategies.Typed, kind=kind, valid=valid)],
        )
        for kind, valid in (
            *(("Market", 0), ("Close", 0), ("Limit", 0), ("Limit", 4), ("Stop", 0), ("Stop", 4)),
            *(("StopLimit", 0), ("StopLimit", 4)),
        )
    ),
    Upstream("order-close, at the end", "minutes", [runs(strategies.Typed, kind="Close")]),
    Upstream(
        "order-close, eosbar",
        "minutes",
        [runs(strategies.Typed, kind="Close")],
        broker={"eosbar": True},
    ),
    *(
        Upstream(f"order_target, {at}", "stock", [runs(strategies.Targeting, at=at)], {"cash": 1e6})
        for at in ("size", "value", "percent")
    ),
    Upstream("cheat-on-open, not", "day", [runs(strategies.AtOpen)]),
    Upstream("cheat-on-open", "day", [runs(strategies.AtOpen)], cerebro={"cheat_on_open": True}),
    Upstream(
        "cheat-on-open, matched at it",
        "day",
        [runs(strategies.AtOpen)],
        {"coo": True},
        cerebro={"cheat_on_open": True},
    ),
    *(
        Upstream(
            f"stop-trading, {way}, trail {trail}",
            "day",
            [runs(strategies.Stopped, way=way, trail=trail)],
        )
        for way in ("told", "at once", "child")
        for trail in (0.0, 20.0)
    ),
    *(
        Upstream(
            f"sizertest, {sizer.__name__}",
            "stock",
            [runs(strategies.Reversing, size=None), adds("addsizer", sizer)],
        )
        for sizer in (
            *(parts.NeverMore, parts.Turning, bt.sizers.FixedSize, bt.sizers.FixedReverser),
            *(bt.sizers.PercentSizer, bt.sizers.AllInSizerInt, bt.sizers.FixedSizeTarget),
        )
    ),
    *(
        Upstream(
            f"signals-strategy, {name}",
            "day",
            [
                adds("add_signal", getattr(bt, f"SIGNAL_{name}"), parts.AboveAverage),
                adds("add_signal", bt.SIGNAL_LONGEXIT, parts.FastAboveSlow),
            ],
        )
        for name in ("LONGSHORT", "LONG", "SHORT")
    ),
    Upstream(
        "signals-strategy, accumulate and concurrent",
        "two days",
        [
            adds("add_signal", bt.SIGNAL_LONGSHORT, parts.AboveAverage),
            adds("signal_accumulate", True),
            adds("signal_concurrent", True),
        ],
    ),
    Upstream(
        "sigsmacross",
        "stock",
        [runs(parts.CrossSignal), adds("addsizer", bt.sizers.SizerFix, stake=20)],
    ),
    Upstream(
        "sigsmacross2, the strategy of the package",
        "stock",
        [runs(bt.strategies.MA_CrossOver, fast=4, slow=9)],
    ),
    Upstream("kselrsi", "day", [runs(parts.ByStrength)]),
    Upstream("multidata-strategy", "stocks", [runs(strategies.OnTwo)]),
    Upstream("multidata-strategy-unaligned", "two days", [runs(strategies.OnTwo)]),
    Upstream(
        "data-multitimeframe, weeks first",
        "week, day",
        [runs(strategies.Reversing, slow=3, signal=1)],
    ),
    Upstream(
        "data-multitimeframe", "day and weeks", [runs(strategies.Reversing, slow=3, signal=1)]
    ),
    Upstream("data-resample", "weeks of days", [runs(strategies.Reversing, slow=3)]),
    Upstream("data-replay", "replayed weeks", [runs(strategies.Reversing, slow=3)]),
    Upstream(
        "data-replay, beside",
        "day and replayed weeks",
        [runs(strategies.Reversing, slow=3, signal=1)],
    ),
    Upstream("daysteps", "replayed days", [runs(strategies.Falls)]),
    Upstream("resample-tickdata", "minutes of ticks", [runs(strategies.Falls, fall=-0.0001)]),
    Upstream(
        "resample-tickdata, replayed", "seconds of ticks", [runs(strategies.Falls, fall=-0.0001)]
    ),
    Upstream("mixing-timeframes", "day and months", [runs(strategies.Pivots)]),
    Upstream(
        "mixing-timeframes, by line", "day and months", [runs(strategies.Pivots, whole=False)]
    ),
    *(
        Upstream(
            f"pivot-point, {kind.__name__}",
            "minutes and hours, days",
            [runs(strategies.Pivots, kind=kind)],
        )
        for kind in (bt.ind.PivotPoint, bt.ind.FibonacciPivotPoint)
    ),
    *(
        Upstream(f"timers, {name}", "minutes", [runs(strategies.Scheduled, timers=timers)])
        for name, timers in TIMERS.items()
    ),
    Upstream(
        "timers, cheating on the open",
        "day",
        [runs(strategies.Scheduled, timers=[{"when": bt.timer.SESSION_START, "cheat": True}])],
        {"coo": True},
        cerebro={"cheat_on_open": True},
    ),
    *(
        Upstream(
            f"multitrades, {ids} ids", "day", [runs(strategies.Reversing, ids=ids, only=ids == 1)]
        )
        for ids in (1, 3)
    ),
    *(
        Upstream(
            f"memory-savings, exactbars {saved}",
            "day, week",
            [runs(strategies.Macd), runs(strategies.CloseCross)],
            cerebro={"exactbars": saved},
        )
        for saved in (1, -1, -2)
    ),
    Upstream(
        "observers, observer-benchmark",
        "day",
        [
            runs(strategies.Reversing),
            adds("addobserver", bt.observers.DrawDown),
            adds("addobserver", bt.observers.TimeReturn),
            adds("addobserver", bt.observers.LogReturns),
            adds("addobserver", bt.observers.FundValue),
            adds("addobservermulti", bt.observers.BuySell, barplot=True),
        ],
        cerebro={"stdstats": True},
    ),
    Upstream(
        "observers-orderobserver",
        "day",
        [runs(strategies.Typed, kind="Limit", valid=3), adds("addobserver", parts.OrderMarks)],
    ),
    Upstream("future-spot", "day and clone", [runs(strategies.FutureAndSpot)]),
    Upstream(
        "multi-copy", "day, clone and weeks", [runs(strategies.CloseCross), runs(strategies.Macd)]
    ),
    Upstream(
        "commission-schemes",
        "day",
        [runs(strategies.Reversing)],
        commission={
            "commission": 0.005,
            "margin": 500.0,
            "mult": 5.0,
            "commtype": 0,
            "percabs": True,
        },
    ),
    Upstream(
        "credit-interest",
        "stock",
        [runs(strategies.Reversing, size=100)],
        commission={"interest": 0.15, "interest_long": True},
    ),
    *(
        Upstream(
            f"slippage, {slip}", "day", [runs(strategies.Reversing)], {**slip, "slip_open": True}
        )
        for slip in ({"slip_perc": 0.005}, {"slip_fixed": 7.5, "slip_limit": True})
    ),
    *(
        Upstream(
            f"volumefilling, {name}",
            "volume",
            [runs(strategies.Typed, away=0.0), adds("addsizer", bt.sizers.FixedSize, stake=300)],
            {"filler": filler(name), "cash": 1e7},
        )
        for name in ("size", "volume", "percent", "point")
    ),
    Upstream(
        "writer-test",
        "day and months",
        [runs(strategies.Reversing), adds("addwriter", bt.WriterStringIO, csv=True)],
    ),
    Upstream(
        "macd-settings", "stock", [runs(strategies.Macd), adds("addsizer", bt.sizers.PercentSizer)]
    ),
    Upstream(
        "psar, lrsi-test",
        "day",
        [runs(strategies.Having, kinds=[(bt.ind.PSAR, {}), (bt.ind.LRSI, {})])],
    ),
    Upstream(
        "psar-intraday", "hours of minutes", [runs(strategies.Having, kinds=[(bt.ind.PSAR, {})])]
    ),
    *(
        Upstream(f"btfd, {of}", "stock", [runs(strategies.Falls, of=of)])
        for of in ("high to low", "close to close", "open to close")
    ),
    *(
        Upstream(
            f"filters, {kind.__name__}",
            "day and weeks",
            [filters(0, kind, **more), runs(strategies.Falls)],
        )
        for kind, more in (
            (bt.filters.HeikinAshi, {}),
            (bt.filters.Renko, {"size": 0.25, "hilo": True}),
            (bt.filters.SessionFilter, {}),
        )
    ),
    Upstream(
        "calendar-days",
        "day",
        [filters(0, bt.filters.CalendarDays, fill_price=0), runs(strategies.Falls)],
    ),
    Upstream(
        "data-filler", "minutes", [filters(0, bt.filters.SessionFiller), runs(strategies.Falls)]
    ),
    Upstream(
        "strategy-selection, optimization: several strategies",
        "day, week",
        [
            runs(strategies.CloseCross),
            runs(strategies.Reversing, fast=3),
            runs(bt.strategies.MA_CrossOver, fast=3, slow=7),
        ],
    ),
    Upstream(
        "tradingcalendar",
        "day and weeks",
        [
            adds("addcalendar", bt.TradingCalendar(holidays=[datetime.date(2006, 1, 6)])),
            runs(strategies.Reversing, slow=3, signal=1),
        ],
    ),
    Upstream(
        "relative-volume", "volume", [runs(strategies.Having, kinds=[(parts.VolumeByTime, {})])]
    ),
]
