"""The cases of the parity table: what a strategy does over and over, on which broker."""

from __future__ import annotations

import dataclasses
import random
from typing import Any, Dict, List, Sequence, Tuple

import backtrader as bt

from tests.parity.bars import SESSION_END, generated, shaped, unit_of
from tests.parity.harness import Planned, Series, Setup, TwinBroker, run_upstream
from tests.parity.plans import TYPES, Bracket, Cancel, Deposit, Move, Order, Target, filler

FUTURES = {"commission": 2.0, "margin": 900.0, "mult": 10.0}


@dataclasses.dataclass(frozen=True)
class Case:
    """Every ``period`` cycles the next of ``rounds`` is done; ``shape`` says on which datas."""

    name: str
    rounds: Sequence[Tuple[Any, ...]]
    broker: Dict[str, Any] = dataclasses.field(default_factory=dict)
    commission: Dict[str, Any] = dataclasses.field(default_factory=dict)
    shape: str = "one"
    period: int = 4
    filler: str = ""
    restart_every: int = 0
    long: bool = False

    def plan(self, cycles: int) -> Dict[int, Tuple[Any, ...]]:
        """Return cycle -> actions."""
        return {
            cycle: self.rounds[cycle // self.period % len(self.rounds)]
            for cycle in range(self.period, cycles, self.period)
        }

    def setup(self) -> Setup:
        """Return the broker of the case, new."""
        broker = {"cash": 100_000.0, **self.broker}
        if self.filler:
            broker["filler"] = filler(self.filler)
        return Setup(
            broker=broker,
            commissions=[self.commission] if self.commission else [],
            cerebro={"cheat_on_open": True} if broker.get("coo") else {},
            restart_every=self.restart_every,
        )

    def run(self, series: Series) -> TwinBroker:
        """Run the case on a series, both brokers side by side."""
        plan = self.plan(3 * len(series.bars))
        unit = unit_of(series.bars)
        return run_upstream(Planned, shaped(series, self.shape), self.setup(), plan=plan, unit=unit)


def _types(**more: Any) -> List[Tuple[Any, ...]]:
    """Return rounds with every type of order, buy and sell, near and far."""
    rounds: List[Tuple[Any, ...]] = []
    for kind in TYPES:
        for side, sign in (("buy", 1), ("sell", -1)):
            away = {"Limit": -0.4, "Stop": 0.4, "StopLimit": 0.3}.get(kind, 0.0) * sign
            orders = []
            for distance in (away, 3 * away):
                limited = kind in ("StopLimit", "StopTrailLimit")
                trail = kind.startswith("StopTrail")
                orders.append(
                    Order(
                        side,
                        kind,
                        size=3,
                        price=distance or None,
                        plimit=distance - 0.1 * sign if limited else None,
                        trailamount=0.8 if trail and distance is away else None,
                        trailpercent=0.004 if trail and distance is not away else None,
                        **more,
                    )
                )
            rounds.append(tuple(orders[:1] if kind in ("Market", "Close") else orders))
    return rounds


def _of(kind: str) -> List[Tuple[Any, ...]]:
    return [orders for orders in _types() if orders[0].kind == kind]


VALIDS = {
    "none": None,
    "date": ("date", 1),
    "datetime": ("datetime", 7),
    "timedelta": ("timedelta", 7),
    "0": 0,
    "Order.DAY": "day",
    "float": ("float", 800_000.0),
    "small float": ("float", 1.0),
}

BRACKETS = [
    (Bracket("buy", size=2, stop=-1.0, limit=1.0),),
    (Bracket("sell", size=2, stop=1.0 * -1, limit=1.0),),
    (Bracket("buy", size=2, entry=-0.5, stop=-2.0, limit=1.0),),
    (Bracket("sell", size=2, entry=0.5, stop=-2.0, limit=1.0),),
]

OCO = [
    (
        Order("buy", "Limit", size=1, price=-0.5),
        Order("sell", "Limit", size=2, price=0.6, oco=0),
        Order("buy", "Stop", size=3, price=0.9, oco=0),
    ),
    (
        Order("sell", "Stop", size=2, price=-0.4),
        Order("sell", "StopTrail", size=2, trailamount=0.7, oco=0),
        Order("buy", "Market", size=1, oco=1),
    ),
    (Order("sell", "Limit", size=2, price=0.3, oco=2), Target("close", 0)),
]

#: Stops that trigger inside a bar, with the limit on the near side of the stop.
FLAT = [
    (
        Order(side, "StopLimit", size=1, price=sign * 0.2, plimit=sign * near),
        Order(side, "StopLimit", size=2, price=sign * 0.2, plimit=sign * 0.2),
    )
    for near in (0.0, 0.1, -0.1)
    for side, sign in (("buy", 1), ("sell", -1))
]

MIXED = _types() + BRACKETS + OCO + [(Cancel(1), Cancel(4)), (Move(0, 0.2), Move(3, -0.2))]

TARGETS = [
    (Target("size", 7),),
    (Target("percent", 0.5),),
    (Target("value", -3000.0),),
    (Target("size", -2),),
    (Target("percent", -0.2),),
    (Target("close", 0),),
]

ALL_IN = [(Target("percent", 1.0),), (Target("close", 0),), (Target("percent", -1.0),)]


def _with_data(rounds: Sequence[Tuple[Any, ...]], datas: int) -> List[Tuple[Any, ...]]:
    """Return the rounds on each of the datas in turn."""
    return [
        tuple(
            action._replace(data=(number + index) % datas) if hasattr(action, "data") else action
            for index, action in enumerate(actions)
        )
        for number, actions in enumerate(rounds)
    ]


def _random(seed: int, count: int = 60) -> List[Tuple[Any, ...]]:
    chance = random.Random(seed)
    everything = [action for actions in MIXED + TARGETS for action in actions]
    return [tuple(chance.choices(everything, k=chance.randint(1, 3))) for _ in range(count)]


def _slips() -> List[Case]:
    cases = []
    for name, slip in (("percent", {"slip_perc": 0.004}), ("fixed", {"slip_fixed": 0.37})):
        for flags in range(16):
            names = ("slip_open", "slip_match", "slip_limit", "slip_out")
            on = {name: bool(flags >> bit & 1) for bit, name in enumerate(names)}
            told = " ".join(name[5:] for name in names if on[name]) or "no flags"
            long = flags not in (0, 5, 7, 10, 15)
            options = {**slip, **on}
            cases.append(Case(f"slippage {name}: {told}", MIXED, options, period=3, long=long))
    return cases


CASES: Sequence[Case] = [
    *(Case(f"order type {kind}", _of(kind), period=3) for kind in TYPES),
    *(Case(f"valid {name}", _types(valid=valid)) for name, valid in VALIDS.items()),
    Case("bracket", BRACKETS, period=5),
    Case("bracket without stop", [(b[0]._replace(stop=None),) for b in BRACKETS], period=5),
    Case("bracket without limit", [(b[0]._replace(limit=None),) for b in BRACKETS], period=5),
    Case("bracket with trailing stop", [(b[0]._replace(trail=0.9),) for b in BRACKETS], period=5),
    Case("bracket, entry cancelled", [b for r in BRACKETS for b in (r, (Cancel(2),))], period=2),
    Case("bracket, child cancelled", [b for r in BRACKETS for b in (r, (Cancel(0),))], period=3),
    Case(
        "bracket, children moved",
        [b for r in BRACKETS for b in (r, (Move(0, 0.5), Move(1, -0.6)))],
        period=3,
    ),
    Case("bracket that expires", [(b[0]._replace(valid=("timedelta", 2)),) for b in BRACKETS]),
    Case("oco", OCO),
    Case("bracket in oco", [r + (b[0]._replace(oco=1),) for r, b in zip(OCO, BRACKETS)]),
    Case("targets", TARGETS),
    Case(
        "cancel at random", [a for r in _random(5) for a in (r, (Cancel(0), Cancel(2)))], period=1
    ),
    Case("deposits", [r + (Deposit(500.0), Deposit(-70.0)) for r in MIXED + TARGETS]),
    Case("commission percent", MIXED, commission={"commission": 0.001}),
    Case(
        "commission fixed",
        MIXED,
        commission={
            "commission": 0.7,
            "commtype": bt.CommInfoBase.COMM_FIXED,
            "stocklike": True,
        },
    ),
    Case("futures", MIXED, commission=FUTURES),
    Case("futures, percent", MIXED, commission={**FUTURES, "commission": 0.0002, "commtype": 0}),
    Case("futures, automargin", MIXED, commission={**FUTURES, "automargin": 0.9}),
    Case("futures, automargin by mult", MIXED, commission={**FUTURES, "automargin": -1}),
    Case("futures, little cash", MIXED, {"cash": 6000.0}, FUTURES),
    Case("leverage", MIXED, {"cash": 900.0}, {"commission": 0.0005, "leverage": 4.0}),
    Case("interest short", MIXED, commission={"commission": 0.001, "interest": 0.15}),
    Case("interest long and short", MIXED, commission={"interest": 0.15, "interest_long": True}),
    Case("interest, not in pnl", MIXED, {"int2pnl": False}, {"interest": 0.15}),
    *_slips(),
    Case("cheat on open", MIXED, {"coo": True}),
    Case("cheat on open, all cash", ALL_IN, {"coo": True}, period=2),
    Case("stop-limit, flat bars", FLAT, shape="flat", period=2),
    Case("cheat on close", MIXED, {"coc": True}),
    Case("cheat on close, not for some", _types(coc=False) + _types(), {"coc": True}),
    Case("eosbar", MIXED, {"eosbar": True}),
    Case("filler FixedSize", MIXED, filler="size"),
    Case("filler FixedSize, volume", MIXED, filler="volume"),
    Case("filler FixedBarPerc", MIXED, filler="percent"),
    Case("filler BarPointPerc", MIXED, filler="point"),
    Case("filler, futures, brackets", BRACKETS + OCO, {}, FUTURES, filler="size", period=2),
    Case("shortcash off", MIXED, {"shortcash": False}, {"commission": 0.001}),
    Case("shortcash off, leverage", MIXED, {"shortcash": False, "cash": 900.0}, {"leverage": 3.0}),
    Case("checksubmit off", MIXED, {"checksubmit": False}),
    Case("margin", MIXED, {"cash": 500.0}, {"commission": 0.001}, period=2),
    Case("margin, checksubmit off", MIXED, {"cash": 500.0, "checksubmit": False}, period=2),
    Case(
        "restart at every bar", _random(8), commission={"interest": 0.1}, restart_every=1, period=2
    ),
    *(
        Case(f"datas: {shape}", _with_data(MIXED + TARGETS, datas), shape=shape, period=3)
        for shape, datas in (
            ("resample", 2),
            ("resample only", 1),
            ("replay", 2),
            ("replay only", 1),
            ("slower", 2),
            ("later, shorter", 2),
            ("compensate", 2),
            ("three", 3),
        )
    ),
    Case("datas: three, futures", _with_data(MIXED, 3), {}, FUTURES, "three", period=2),
    *(Case(f"random {seed}", _random(seed), {"cash": 5000.0}, period=1) for seed in range(4)),
]


def generated_series(count: int) -> Series:
    """Return the data that is always there."""
    return Series(generated(count), sessionend=SESSION_END)
