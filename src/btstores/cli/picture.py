"""The picture of a run, by matplotlib: prices with what was traded, the account, the position."""

from __future__ import annotations

import bisect
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from btstores.cli.record import ALIVE, Event, Recorder, moment
from btstores.cli.text import clock_text, money, percent, price_text, size_text

__all__ = ["COLOURS", "Level", "Mark", "PictureData", "draw_png"]

# Okabe and Ito's, which people see apart who cannot tell red from green; and shapes differ.
COLOURS = {
    "entry": "#0072B2",
    "order": "#0072B2",
    "stop": "#D55E00",
    "target": "#009E73",
    "up": "#FFFFFF",
    "down": "#8C8C8C",
    "edge": "#6B6B6B",
    "value": "#0072B2",
    "drawdown": "#E69F00",
    "position": "#56B4E9",
    "history": "#F0F0F0",
    "link down": "#FBE6D4",
}


class Mark(NamedTuple):
    """An execution at the bar number ``x``."""

    x: int
    fill: Event

    @property
    def is_buy(self) -> bool:
        """Return whether it bought."""
        return bool(self.fill["side"] == "buy")


class Level(NamedTuple):
    """The price of a stop or target, for as long as it stood."""

    role: str
    price: float
    first: int
    last: int


class Shade(NamedTuple):
    """Bars from ``first`` to ``last`` that came late, and why: a key of `COLOURS`."""

    first: int
    last: int
    words: str


class PictureData(NamedTuple):
    """What is drawn; ``x`` counts bars, so that nights and week-ends leave no gaps."""

    title: str
    about: str
    symbol: str
    decimals: int
    bars: List[Event]
    labels: List[str]
    shades: List[Shade]
    marks: List[Mark]
    levels: List[Level]
    values: List[Tuple[int, float]]
    drawdowns: List[float]
    summary: Event
    orders: List[Event]
    fills: List[Event]
    timeframe: int

    @classmethod
    def of(
        cls, title: str, about: str, symbol: str, recorder: Recorder, summary: Event
    ) -> PictureData:
        """Return the picture of one feed of a run."""
        bars = recorder.bars.get(symbol, [])
        frame = recorder.timeframes.get(symbol, 4)
        times = [bar["time"] for bar in bars]
        fills = [fill for fill in recorder.fills if fill["data"] == symbol]
        orders = [order for order in recorder.orders.values() if order["data"] == symbol]
        marks = [Mark(_index(times, fill), fill) for fill in fills]
        values = [(index, bar["value"]) for index, bar in enumerate(bars) if bar["live"]]
        return cls(
            title=title,
            about=about,
            symbol=symbol,
            decimals=recorder.decimals.get(symbol, 2),
            bars=bars,
            labels=[clock_text(moment(time), frame) for time in times],
            shades=_shades(bars),
            marks=marks,
            levels=_levels(orders, marks, len(bars)),
            values=values,
            drawdowns=_drawdowns([value for _, value in values]),
            summary=summary,
            orders=orders,
            fills=fills,
            timeframe=frame,
        )

    @property
    def headline(self) -> str:
        """Return the result in a line."""
        start, final = self.summary["start_value"], self.summary["final_value"]
        wins = sum(trade["pnl_net"] >= 0 for trade in self.summary["trades"])
        trades = len(self.summary["trades"])
        worst = min(self.drawdowns, default=0.0)
        text = f"final value {money(final)} {self.summary['currency']} "
        text += f"({percent(final / start - 1)}), {trades} trades, {wins} won"
        return text + f", deepest drawdown {percent(worst)}"


def _index(times: List[str], fill: Event) -> int:
    """Return the number of the bar in which an execution happened."""
    if not fill["time"]:
        return int(min(fill["bar"], max(0, len(times) - 1)))
    return min(bisect.bisect_left(times, fill["time"]), max(0, len(times) - 1))


def _shades(bars: List[Event]) -> List[Shade]:
    """Return where bars were not live: before the start, and while there was no link."""
    shades: List[Shade] = []
    for x, bar in enumerate(bars):
        if bar["live"]:
            continue
        if shades and shades[-1].last == x - 1:
            shades[-1] = shades[-1]._replace(last=x)
        else:
            shades.append(Shade(x, x, "link down" if x else "history"))
    return shades


def _levels(orders: List[Event], marks: List[Mark], count: int) -> List[Level]:
    levels: List[Level] = []
    # A fill that is told late has its place among the bars that came late with it.
    filled = {mark.fill["order"]: mark.x for mark in marks}
    for one in orders:
        if one["role"] in ("stop", "target") and one["price"] and one["status"] != "Rejected":
            told = count - 1 if one["status"] in ALIVE else one["bar"]
            last = min(max(told, filled.get(one["order"], 0)), count - 1)
            levels.append(Level(one["role"], one["price"], one["sent_bar"] - 1, last))
    return levels


def _drawdowns(values: List[float]) -> List[float]:
    """Return how far below its highest so far the value is, as negative fractions."""
    highest = float("-inf")
    falls = []
    for value in values:
        highest = max(highest, value)
        falls.append(value / highest - 1 if highest > 0 else 0.0)
    return falls


def draw_png(picture: PictureData, path: str) -> None:
    """Write the picture to ``path``. Raises `ImportError` without matplotlib."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(
        3,
        1,
        sharex=True,
        figsize=(13, 9),
        dpi=110,
        gridspec_kw={"height_ratios": [4, 1.7, 1], "hspace": 0.09},
    )
    try:
        _draw_prices(axes[0], picture)
        _draw_account(axes[1], picture)
        _draw_position(axes[2], picture)
        _label(figure, axes, picture)
        figure.savefig(path)
    finally:
        pyplot.close(figure)


def _draw_prices(axis: Any, picture: PictureData) -> None:
    for shade in picture.shades:
        last = shade.last + 0.5
        axis.axvspan(shade.first - 0.5, last, color=COLOURS[shade.words], zorder=0)
        axis.annotate(
            f"{shade.words}  ",
            (last, 0.985),
            xycoords=("data", "axes fraction"),
            ha="right",
            va="top",
            color="#666666",
        )
    for x, bar in enumerate(picture.bars):
        kind = "up" if bar["close"] >= bar["open"] else "down"
        low, high = sorted((bar["open"], bar["close"]))
        edge = COLOURS["edge"]
        axis.vlines(x, bar["low"], bar["high"], color=edge, linewidth=0.8, zorder=2)
        axis.bar(
            x, high - low, 0.66, low, color=COLOURS[kind], edgecolor=edge, linewidth=0.7, zorder=3
        )
    for level in picture.levels:
        style = {"stop": (0, (2, 1.5)), "target": (0, (6, 2))}[level.role]
        axis.hlines(
            level.price,
            level.first,
            level.last + 0.4,
            color=COLOURS[level.role],
            linewidth=1.6,
            linestyle=style,
            zorder=4,
        )
    _draw_marks(axis, picture)
    axis.set_ylabel(f"{picture.symbol} price")
    axis.yaxis.set_major_formatter(lambda value, _: f"{value:,.{min(picture.decimals, 2)}f}")
    axis.legend(
        handles=_legend(),
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        ncol=3,
        frameon=False,
        fontsize=9,
    )


#: How each kind of execution looks: marker and words.
SHAPES = {
    "buy": ("^", "entry, bought"),
    "sell": ("v", "entry, sold"),
    "stop": ("X", "exit by the stop"),
    "target": ("o", "exit by the target"),
}


def shape_of(mark: Mark) -> str:
    """Return the key in `SHAPES`."""
    role = mark.fill["role"]
    return str(role if role in ("stop", "target") else mark.fill["side"])


def _draw_marks(axis: Any, picture: PictureData) -> None:
    biggest = max([mark.fill["size"] for mark in picture.marks] or [1])
    for mark in picture.marks:
        area = 50 + 90 * mark.fill["size"] / biggest
        axis.scatter(
            mark.x,
            mark.fill["price"],
            s=area,
            marker=SHAPES[shape_of(mark)][0],
            color=COLOURS[mark.fill["role"]],
            edgecolors="black",
            linewidths=0.7,
            zorder=6,
        )


def _legend() -> List[Any]:
    from matplotlib.lines import Line2D

    keys: List[Any] = []
    for key, (marker, words) in SHAPES.items():
        colour = COLOURS.get(key, COLOURS["entry"])
        keys.append(
            Line2D(
                [], [], linestyle="", marker=marker, color=colour, markeredgecolor="black",
                markersize=8, label=words,
            )
        )  # fmt: skip
    for role, style in (("stop", (0, (2, 1.5))), ("target", (0, (6, 2)))):
        line = Line2D([], [], color=COLOURS[role], linestyle=style, label=f"{role} price")
        keys.append(line)
    return keys


def _draw_account(axis: Any, picture: PictureData) -> None:
    numbers = [x for x, _ in picture.values]
    values = [value for _, value in picture.values]
    axis.axhline(picture.summary["start_value"], color="#999999", linewidth=0.9, zorder=1)
    axis.plot(numbers, values, color=COLOURS["value"], linewidth=1.8, zorder=3, label="value")
    peaks = [value / (1 + fall) for value, fall in zip(values, picture.drawdowns)]
    axis.fill_between(
        numbers, values, peaks, color=COLOURS["drawdown"], alpha=0.35, linewidth=0,
        label="drawdown",
    )  # fmt: skip
    axis.set_ylabel(f"account, {picture.summary['currency']}")
    axis.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axis.legend(loc="upper left", fontsize=9, ncol=2, framealpha=0.95)


def _draw_position(axis: Any, picture: PictureData) -> None:
    held = [bar["position"] for bar in picture.bars]
    axis.fill_between(
        range(len(held)), held, step="mid", color=COLOURS["position"], linewidth=0, zorder=2
    )
    axis.axhline(0, color="#666666", linewidth=0.9, zorder=3)
    axis.set_ylabel("position")
    axis.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")


def _label(figure: Any, axes: Any, picture: PictureData) -> None:
    figure.subplots_adjust(left=0.085, right=0.985, top=0.905, bottom=0.065)
    figure.text(0.085, 0.963, picture.title, fontsize=15, fontweight="bold")
    figure.text(0.085, 0.938, picture.headline, fontsize=11)
    figure.text(0.085, 0.917, picture.about, fontsize=9, color="#666666")
    for axis in axes:
        axis.grid(axis="y", color="#E4E4E4", linewidth=0.8, zorder=0)
        axis.set_axisbelow(True)
        for side in ("top", "right"):
            axis.spines[side].set_visible(False)
        axis.margins(x=0.01)
    figure.align_ylabels(axes)
    count = len(picture.labels)
    step = max(1, -(-count // 9))
    axes[-1].set_xticks(range(0, count, step))
    axes[-1].set_xticklabels(picture.labels[::step])


def tables_of(picture: PictureData) -> Dict[str, Tuple[List[str], List[List[Optional[str]]]]]:
    """Return the tables that go with the picture: names of columns and rows of texts."""
    digits = picture.decimals
    orders: List[List[Optional[str]]] = [
        [
            f"#{one['order']}",
            clock_text(moment(one["sent"]), picture.timeframe) if one["sent"] else "",
            one["role"],
            one["side"],
            one["type"],
            size_text(one["sent_size"] if one["parent"] else one["size"]),
            price_text(one["price"], digits),
            one["status"],
            size_text(one["filled"]),
            price_text(one["average"], digits),
        ]
        for one in picture.orders
    ]
    fills: List[List[Optional[str]]] = [
        [
            f"#{one['order']}",
            clock_text(moment(one["time"]), picture.timeframe) if one["time"] else "",
            one["role"],
            one["side"],
            size_text(one["size"]),
            price_text(one["price"], digits),
            money(one["commission"]),
        ]
        for one in picture.fills
    ]
    positions: List[List[Optional[str]]] = [
        [one["symbol"], size_text(one["size"]), price_text(one["price"], digits)]
        for one in picture.summary["positions"]
    ]
    names = ["order", "sent", "role", "side", "type", ">size", ">price", "status"]
    return {
        "Orders": (names + [">filled", ">average"], orders),
        "Fills": (["order", "time", "role", "side", ">size", ">price", ">commission"], fills),
        "Positions": (["symbol", ">size", ">price"], positions),
    }
