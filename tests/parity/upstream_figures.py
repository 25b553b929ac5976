"""What the tests of backtrader find on its files: facts, by the name of the test.

Indicators: the test, the class, its minimum period, keywords; then for each line the values at
the last bar, at the first that has one, and in the middle between them.
"""

from __future__ import annotations

from typing import Any, Dict, List, NamedTuple, Sequence

import backtrader as bt


class Known(NamedTuple):
    """An indicator on the closes of 2006, or of something else, and values of its lines."""

    test: str
    kind: str
    period: int
    more: Dict[str, Any]
    of: str
    values: Sequence[Sequence[str]]

    def make(self, data: Any) -> Any:
        """Return it, new."""
        kind = getattr(bt.ind, self.kind, None) or getattr(bt.studies, self.kind)
        return kind(getattr(bt.ind, self.of)(data) if self.of else data, **self.more)

    def found(self, indicator: Any) -> List[List[str]]:
        """Return those values of an indicator at the end of a run."""
        begin = self.period - len(indicator)
        return [[f"{line[ago]:f}" for ago in (0, begin, begin // 2)] for line in indicator.lines]


#: CHKVALUES of test_strategy_optimized, by the first period that ends with that value; the cash
#: is 1000 less, as there is one contract in the market.
VALUES_BY_PERIOD = {
    5: 14525.80,
    7: 15408.20,
    9: 14763.90,
    19: 13187.10,
    22: 13684.40,
    28: 13656.10,
    32: 12988.10,
}

_KNOWN = """
ind_accdecosc AccelerationDecelerationOscillator 38
    -2.097441 14.156647 30.408335
ind_aroonoscillator AroonOscillator 15
    35.714286 -50.000000 57.142857
ind_aroonupdown AroonUpDown 15
    42.857143 35.714286 85.714286
    7.142857 85.714286 28.571429
ind_atr ATR 15
    35.866308 34.264286 54.329064
ind_awesomeoscillator AO 34
    50.804206 72.983735 33.655941
ind_bbands BBands 20
    4065.884000 3621.185000 3582.895500
    4190.782310 3712.008864 3709.453081
    3940.985690 3530.361136 3456.337919
ind_cci CCI 39
    69.574287 91.196363 82.175663
ind_dema DEMA 59
    4115.563246 3852.837209 3665.728415
ind_demaenvelope DEMAEnvelope 59
    4115.563246 3852.837209 3665.728415
    4218.452327 3949.158140 3757.371626
    4012.674165 3756.516279 3574.085205
ind_demaosc DEMAOsc 59
    4.376754 7.292791 9.371585
ind_dm DM 42
    15.302485 31.674648 15.961767
    18.839142 26.946536 18.161738
    28.809535 30.460124 31.386311
    24.638772 18.914537 21.564611
ind_dma DMA 30
    4121.903804 3677.634675 3579.962958
ind_downmove DownMove 2
    10.720000 -10.010000 -14.000000
ind_dpo DPO 29
    83.271000 105.625000 1.187000
ind_dv2 DV2 253
    17.460317 55.952381 80.555556
ind_ema EMA 30
    4070.115719 3644.444667 3581.728712
ind_emaenvelope EMAEnvelope 30
    4070.115719 3644.444667 3581.728712
    4171.868612 3735.555783 3671.271930
    3968.362826 3553.333550 3492.185494
ind_emaosc EMAOsc 30
    49.824281 51.185333 -24.648712
ind_envelope Envelope 30 of=SMA
    4063.463000 3644.444667 3554.693333
    4165.049575 3735.555783 3643.560667
    3961.876425 3553.333550 3465.826000
ind_heikinashi HeikinAshi 2
    4119.466107 3591.732500 3578.625259
    4142.010000 3638.420000 3662.920000
    4119.466107 3591.732500 3578.625259
    4128.002500 3614.670000 3653.455000
ind_highest Highest 14 period=14
    4140.660000 3671.780000 3670.750000
ind_hma HMA 34
    4135.661250 3736.429214 3578.389024
ind_ichimoku Ichimoku 78
    4110.000000 3821.030000 3748.785000
    4030.920000 3821.030000 3676.860000
    4057.485000 3753.502500 3546.152500
    3913.300000 3677.815000 3637.130000
    nan 3590.910000 3899.410000
ind_kama KAMA 31
    4054.187922 3648.549000 3592.979190
ind_kamaenvelope SMAEnvelope 30
    4063.463000 3644.444667 3554.693333
    4165.049575 3735.555783 3643.560667
    3961.876425 3553.333550 3465.826000
ind_kamaosc KAMAOsc 31
    65.752078 78.911000 39.950810
ind_kst KST 48
    18.966300 33.688645 27.643797
    11.123593 37.882890 16.602624
ind_lowest Lowest 14 period=14
    4019.890000 3570.170000 3506.070000
ind_lrsi LRSI 6
    0.748915 0.714286 1.000000
ind_macdhisto MACDHisto 34
    25.821368 32.469404 1.772445
    21.977853 26.469735 -2.845646
    3.843516 5.999669 4.618090
ind_momentum Momentum 13
    67.050000 -34.160000 67.630000
ind_momentumoscillator MomentumOscillator 13
    101.654375 99.052251 101.904990
ind_oscillator Oscillator 30 of=SMA
    56.477000 51.185333 2.386667
ind_pctchange PctChange 31
    0.002704 0.034162 0.043717
ind_pctrank PercentRank 50
    0.900000 0.880000 0.980000
ind_pgo PGO 15
    0.543029 -2.347884 0.416325
ind_ppo PPO 34
    0.633439 0.883552 0.049430
    0.540516 0.724136 -0.079820
    0.092923 0.159416 0.129250
ind_pposhort PPOShort 34
    0.629452 0.875813 0.049405
    0.537193 0.718852 -0.080645
    0.092259 0.156962 0.130050
ind_priceosc PriceOsc 26
    25.821368 23.202675 -9.927422
ind_rmi RMI 25
    67.786097 59.856230 38.287526
ind_roc ROC 13
    0.016544 -0.009477 0.019050
ind_rsi RSI 15
    57.644284 41.630968 53.352553
ind_rsi_safe RSI_Safe 15
    57.644284 41.630968 53.352553
ind_sma SMA 30
    4063.463000 3644.444667 3554.693333
ind_smaenvelope SMAEnvelope 30
    4063.463000 3644.444667 3554.693333
    4165.049575 3735.555783 3643.560667
    3961.876425 3553.333550 3465.826000
ind_smaosc SMAOsc 30
    56.477000 51.185333 2.386667
ind_smma SMMA 30
    4021.569725 3644.444667 3616.427648
ind_smmaenvelope SMMAEnvelope 30
    4021.569725 3644.444667 3616.427648
    4122.108968 3735.555783 3706.838340
    3921.030482 3553.333550 3526.016957
ind_smmaosc SMMAOsc 30
    98.370275 51.185333 -59.347648
ind_stochastic Stochastic 18
    88.667626 21.409626 63.796187
    82.845850 15.710059 77.642219
ind_stochasticfull StochasticFull 18
    83.541267 36.818395 41.769503
    88.667626 21.409626 63.796187
    82.845850 15.710059 77.642219
ind_sumn SumN 14 period=14
    57406.490000 50891.010000 50424.690000
ind_tema TEMA 88
    4113.721705 3862.386854 3832.691054
ind_temaenvelope TEMAEnvelope 88
    4113.721705 3862.386854 3832.691054
    4216.564748 3958.946525 3928.508331
    4010.878663 3765.827182 3736.873778
ind_temaosc TEMAOsc 88
    6.218295 15.143146 -23.991054
ind_trix Trix 44
    0.071304 0.181480 0.050954
ind_tsi TSI 38
    16.012364 22.866307 4.990750
ind_ultosc UltimateOscillator 29
    51.991177 62.334055 46.707445
ind_upmove UpMove 2
    -10.720000 10.010000 14.000000
ind_vortex Vortex 15
    1.245434 0.921076 1.062278
    0.707948 0.966375 0.803849
ind_williamsad WilliamsAD 2
    755.050000 12.500000 242.980000
ind_williamsr WilliamsR 14
    -16.458733 -68.298609 -28.602854
ind_wma WMA 30
    4076.212366 3655.193634 3576.228000
ind_wmaenvelope WMAEnvelope 30
    4076.212366 3655.193634 3576.228000
    4178.117675 3746.573475 3665.633700
    3974.307056 3563.813794 3486.822300
ind_wmaosc WMAOsc 30
    43.727634 40.436366 -19.148000
ind_zlema ZLEMA 44
    4125.487746 3778.694000 3620.284712
ind_zlind ZeroLagIndicator 30
    4110.282052 3644.444667 3564.906194
study_fractal Fractal 5
    nan nan nan
    nan nan 3553.692850
"""


def _known() -> List[Known]:
    found: List[Known] = []
    for line in _KNOWN.strip().splitlines():
        if line.startswith(" "):
            found[-1].values.append(line.split())  # type: ignore[attr-defined]
            continue
        test, kind, period, *more = line.split()
        keywords = dict(one.split("=") for one in more)
        of = keywords.pop("of", "")
        found.append(
            Known(test, kind, int(period), {k: int(v) for k, v in keywords.items()}, of, [])
        )
    return found


KNOWN = _known()
