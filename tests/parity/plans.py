"""Random bars, brokers and plans of orders, for hypothesis.

Prices lie on a coarse grid, so that gaps, flat bars and prices that are exactly equal are
common: that is where rules differ.
"""

from __future__ import annotations

import datetime
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

import backtrader as bt
from hypothesis import strategies as st

from tests.parity.harness import Act, Series, Setup

START = datetime.datetime(2024, 3, 1, 9, 30)

TYPES = ("Market", "Close", "Limit", "Stop", "StopLimit", "StopTrail", "StopTrailLimit")


class Order(NamedTuple):
    """An order of a plan; prices are distances from the close at that moment, in units
    of the strategy."""

    side: str
    kind: str = "Market"
    data: int = 0
    size: float = 1
    price: Optional[float] = None
    plimit: Optional[float] = None
    trailamount: Optional[float] = None
    trailpercent: Optional[float] = None
    valid: Any = None
    oco: Optional[int] = None
    coc: bool = True

    def __call__(self, strategy: bt.Strategy) -> None:
        data = _data(strategy, self.data)
        if data is None:
            return
        close, unit = data.close[0], strategy.p.unit
        keywords: Dict[str, Any] = {} if self.coc else {"coc": False}
        oco = None
        if self.oco is not None and strategy.made:
            oco = strategy.made[-1 - self.oco % len(strategy.made)]
        strategy.add(
            getattr(strategy, self.side)(
                data=data,
                size=self.size,
                exectype=getattr(bt.Order, self.kind),
                price=None if self.price is None else close + self.price * unit,
                plimit=None if self.plimit is None else close + self.plimit * unit,
                trailamount=None if self.trailamount is None else self.trailamount * unit,
                trailpercent=self.trailpercent,
                valid=valid_of(self.valid, data),
                oco=oco,
                **keywords,
            )
        )


class Bracket(NamedTuple):
    """A bracket; ``entry`` None is a Market order, a missing leg is ``...Exec=None``."""

    side: str
    data: int = 0
    size: float = 1
    entry: Optional[float] = None
    stop: Optional[float] = -1.0
    limit: Optional[float] = 1.0
    valid: Any = None
    trail: Optional[float] = None
    oco: Optional[int] = None

    def __call__(self, strategy: bt.Strategy) -> None:
        data = _data(strategy, self.data)
        if data is None:
            return
        close, unit = data.close[0], strategy.p.unit
        sign = 1 if self.side == "buy" else -1
        keywords: Dict[str, Any] = {}
        if self.stop is None:
            keywords["stopexec"] = None
        elif self.trail is not None:
            keywords.update(
                stopexec=bt.Order.StopTrail, stopargs={"trailamount": self.trail * unit}
            )
        else:
            keywords["stopprice"] = close + sign * self.stop * unit
        if self.limit is None:
            keywords["limitexec"] = None
        else:
            keywords["limitprice"] = close + sign * self.limit * unit
        if self.oco is not None and strategy.made:
            keywords["oargs"] = {"oco": strategy.made[-1 - self.oco % len(strategy.made)]}
        strategy.add(
            *getattr(strategy, f"{self.side}_bracket")(
                data=data,
                size=self.size,
                exectype=bt.Order.Market if self.entry is None else bt.Order.Limit,
                price=None if self.entry is None else close + self.entry * unit,
                valid=valid_of(self.valid, data),
                **keywords,
            )
        )


class Cancel(NamedTuple):
    """Cancel the order made ``back`` orders ago."""

    back: int = 0

    def __call__(self, strategy: bt.Strategy) -> None:
        if strategy.made:
            strategy.cancel(strategy.made[-1 - self.back % len(strategy.made)])


class Move(NamedTuple):
    """Change the price of the order made ``back`` orders ago."""

    back: int = 0
    price: float = 0.5

    def __call__(self, strategy: bt.Strategy) -> None:
        if strategy.made:
            order = strategy.made[-1 - self.back % len(strategy.made)]
            if order.exectype not in (bt.Order.Market, bt.Order.Close):
                strategy.broker.change(order, order.data.close[0] + self.price * strategy.p.unit)


class Target(NamedTuple):
    """``order_target_size``, ``_value`` or ``_percent``, or ``close``."""

    how: str
    target: float
    data: int = 0

    def __call__(self, strategy: bt.Strategy) -> None:
        data = _data(strategy, self.data)
        if data is None:
            return
        if self.how == "close":
            strategy.add(strategy.close(data=data))
        else:
            order = getattr(strategy, f"order_target_{self.how}")
            strategy.add(order(data=data, target=self.target))


class Deposit(NamedTuple):
    """Add cash."""

    amount: float

    def __call__(self, strategy: bt.Strategy) -> None:
        strategy.broker.add_cash(self.amount)


def _data(strategy: bt.Strategy, index: int) -> Any:
    data = strategy.datas[index % len(strategy.datas)]
    return data if len(data) else None


def valid_of(valid: Any, data: Any) -> Any:
    """Return the ``valid`` of an order: plans name the forms that depend on the bar."""
    now = data.datetime.datetime()
    if isinstance(valid, tuple):
        form, amount = valid
        if form == "datetime":
            return now + datetime.timedelta(minutes=amount)
        if form == "date":
            return now.date() + datetime.timedelta(days=amount)
        if form == "timedelta":
            return datetime.timedelta(minutes=amount)
        return float(amount)
    return bt.Order.DAY if valid == "day" else valid


# Strategies of hypothesis

step = st.integers(-6, 6).map(lambda number: number * 0.5)
sizes = st.sampled_from([1, 2, 3, 5, 10, 0.5, 100])
sides = st.sampled_from(["buy", "sell"])
which = st.integers(0, 2)
valids = st.one_of(
    st.sampled_from([None, None, None, 0, "day"]),
    st.tuples(st.sampled_from(["datetime", "timedelta"]), st.integers(1, 6)),
    st.tuples(st.just("date"), st.integers(0, 2)),
    st.tuples(st.just("float"), st.sampled_from([1.0, 1e6])),
)
backs = st.integers(0, 6)
VOLUMES = (0.0, 1.0, 3.0, 7.0, 50.0, 1000.0)
WAITS = (1, 1, 1, 2, 1500)
shapes = st.integers(0, 9 * 9 * 4 * 4 * len(VOLUMES) * len(WAITS) - 1)


@st.composite
def orders(draw: Any) -> Order:
    kind = draw(st.sampled_from(TYPES))
    trail = kind.startswith("StopTrail")
    percent = draw(st.booleans())
    return Order(
        side=draw(sides),
        kind=kind,
        data=draw(which),
        size=draw(sizes),
        price=draw(st.one_of(st.none(), step)),
        plimit=draw(step) if kind.endswith("Limit") and kind != "Limit" else None,
        trailamount=draw(st.sampled_from([0.5, 1.0, 1.3])) if trail and not percent else None,
        trailpercent=draw(st.sampled_from([0.01, 0.033])) if trail and percent else None,
        valid=draw(valids),
        oco=draw(st.one_of(st.none(), st.none(), backs)),
        coc=draw(st.booleans()),
    )


brackets = st.builds(
    Bracket,
    side=sides,
    data=which,
    size=sizes,
    entry=st.one_of(st.none(), step),
    stop=st.one_of(st.none(), step),
    limit=st.one_of(st.none(), step),
    valid=valids,
    trail=st.sampled_from([None, None, 1.0]),
    oco=st.one_of(st.none(), st.none(), st.none(), backs),
)
targets = st.one_of(
    st.builds(Target, st.just("size"), st.sampled_from([-5, 0, 3, 7]), which),
    st.builds(Target, st.just("value"), st.sampled_from([-300.0, 0.0, 500.0]), which),
    st.builds(Target, st.just("percent"), st.sampled_from([-0.4, 0.0, 0.33, 0.9]), which),
    st.builds(Target, st.just("close"), st.just(0), which),
)
actions = st.one_of(
    orders(),
    orders(),
    orders(),
    brackets,
    targets,
    st.builds(Cancel, backs),
    st.builds(Move, backs, step),
    st.builds(Deposit, st.sampled_from([-7.0, 100.0])),
)


@st.composite
def bars(draw: Any, count: int, start: datetime.datetime, every: datetime.timedelta) -> Any:
    """Bars on a grid of a half, with gaps in price and in time."""
    rows: List[Tuple[Any, ...]] = []
    price, when = 30.0, start
    odd = draw(st.booleans())
    for code in draw(st.lists(shapes, min_size=count, max_size=count)):
        # One number a bar, taken apart here: several draws a bar take too long.
        code, gap = divmod(code, 9)
        code, body = divmod(code, 9)
        code, up = divmod(code, 4)
        code, down = divmod(code, 4)
        wait, traded = divmod(code, len(VOLUMES))
        gap, body = gap - 4, body - 4
        opened = max(10.0, price + gap * 0.5)
        closed = max(10.0, opened + body * 0.5)
        high, low = max(opened, closed) + up * 0.5, max(9.0, min(opened, closed) - down * 0.5)
        row = [opened, high, low, closed]
        if odd:  # prices that floats cannot hold
            row = [value * 1.1 for value in row]
        rows.append((when, *row, VOLUMES[traded]))
        when += every * WAITS[wait]
        price = closed
    return tuple(rows)


MINUTE = datetime.timedelta(minutes=1)


@st.composite
def datas(draw: Any, count: int) -> List[Series]:
    """One to three datas: alone, side by side, slower, resampled or replayed."""
    first = Series(
        draw(bars(count, START, MINUTE)),
        sessionend=draw(st.sampled_from([None, datetime.time(9, 40)])),
    )
    shape = draw(st.sampled_from(["one", "one", "two", "three", "resample", "replay", "slower"]))
    if shape == "one":
        return [first]
    if shape in ("resample", "replay"):
        return [
            first,
            Series(of=0, how=shape, to=(bt.TimeFrame.Minutes, draw(st.sampled_from([2, 5])))),
        ]
    every = MINUTE * draw(st.sampled_from([1, 1, 3]))
    second = Series(
        draw(bars(count // 2 if shape == "slower" else count, START + every, every)),
        compression=int(every / MINUTE),
        compensates=draw(st.sampled_from([None, None, None, 0])),
    )
    if shape != "three":
        return [first, second]
    return [first, second, Series(draw(bars(count, START, MINUTE)))]


commissions = st.sampled_from(
    [
        {},
        {"commission": 0.001},
        {"commission": 0.5, "commtype": bt.CommInfoBase.COMM_FIXED, "stocklike": True},
        {"commission": 2.0, "margin": 15.0, "mult": 3.0},
        {"commission": 0.0005, "margin": 15.0, "mult": 3.0, "commtype": 0},
        {"commission": 1.0, "margin": 1.0, "automargin": 0.3, "mult": 2.0},
        {"commission": 1.0, "margin": 1.0, "automargin": -1, "mult": 2.0},
        {"commission": 0.001, "leverage": 3.0},
        {"commission": 0.001, "interest": 0.3},
        {"commission": 0.001, "interest": 0.3, "interest_long": True},
    ]
)


def filler(name: Optional[str]) -> Any:
    """Return upstream's volume filler of that name."""
    made = {
        "size": lambda: bt.fillers.FixedSize(size=2),
        "volume": lambda: bt.fillers.FixedSize(),
        "percent": lambda: bt.fillers.FixedBarPerc(perc=30.0),
        "point": lambda: bt.fillers.BarPointPerc(minmov=0.5, perc=50.0),
    }
    return None if name is None else made[name]()


flag = st.booleans()


@st.composite
def setups(draw: Any) -> Setup:
    slip = draw(st.sampled_from([{}, {}, {"slip_perc": 0.03}, {"slip_fixed": 0.75}]))
    broker: Dict[str, Any] = {
        "cash": draw(st.sampled_from([10000.0, 300.0, 60.0])),
        "checksubmit": draw(st.sampled_from([True, True, False])),
        "eosbar": draw(flag),
        "int2pnl": draw(flag),
        "shortcash": draw(st.sampled_from([True, True, False])),
        "coc": draw(st.sampled_from([False, False, True])),
        "filler": filler(draw(st.sampled_from([None, None, "size", "volume", "percent", "point"]))),
        **slip,
    }
    if slip:
        names = ("slip_open", "slip_match", "slip_limit", "slip_out")
        broker.update({name: draw(flag) for name in names})
    coo = draw(st.sampled_from([False, False, False, True]))
    schemes = [dict(draw(commissions), name=None)]
    if draw(flag):
        schemes.append(dict(draw(commissions), name="d1"))
    return Setup(
        broker=dict(broker, coo=coo),
        commissions=schemes,
        cerebro={"cheat_on_open": True} if coo else {},
        restart_every=draw(st.sampled_from([0, 0, 1, 3])),
    )


def plans(cycles: int) -> Any:
    """Cycle -> actions."""
    return st.dictionaries(
        st.integers(1, cycles),
        st.lists(actions, min_size=1, max_size=3),
        min_size=1,
        max_size=cycles,
    )


__all__ = [
    "Act",
    "Bracket",
    "Cancel",
    "Deposit",
    "Move",
    "Order",
    "Target",
    "datas",
    "plans",
    "setups",
]
