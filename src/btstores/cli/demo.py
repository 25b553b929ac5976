"""`btstores demo`: a strategy trades on a simulated exchange while somebody watches."""

from __future__ import annotations

import argparse
import os
from typing import Any, Dict, NamedTuple, Optional, Sequence, TextIO, Tuple

import backtrader as bt

from btstores.cli.prices import DemoPrices, find_prices, first_price, price_digits, usual_volume
from btstores.cli.record import Recorder, watch
from btstores.cli.session import Run
from btstores.cli.show import JsonLines, Lines, show_open, show_tables, summary_of
from btstores.cli.sma_bracket import SmaBracket
from btstores.cli.strategies import strategy_defaults
from btstores.cli.text import Screen, frame_text, money, percent, progress
from btstores.errors import ConfigError

__all__ = [
    "demo_command",
    "draw_pictures",
    "introduce",
    "sizes_for",
    "status_of",
    "tell_end",
    "writable_folder",
]

CASH = 1_000_000.0
COMMISSION = 0.0001
#: A full position is to need about so many bars, as a large order does.
PARTS = 2.5
#: We are at most so much of a market, and of single trades we take so many.
MOST = 0.25
TICKS = 10


def demo_command(args: argparse.Namespace, out: TextIO, err: TextIO) -> int:
    """Run the demo; return the exit status."""
    if args.store == "futu":
        from btstores.cli.demo_futu import futu_demo_command

        return futu_demo_command(args, out, err)
    folder = "" if args.no_picture else writable_folder(args.out)
    progress(err, "reading the prices ...")
    prices = find_prices(args.data, args.symbol, args.seed, args.bars)
    sizes = sizes_for(prices)
    store = _open(args, prices, sizes)
    cerebro = bt.Cerebro(stdstats=False)
    broker = store.getbroker()
    cerebro.setbroker(broker)
    broker.setcommission(commission=COMMISSION)
    if args.fill_model == "backtrader":
        broker.set_filler(bt.fillers.FixedBarPerc(perc=100 * sizes.share))
    cerebro.adddata(
        store.getdata(
            dataname=prices.symbol, timeframe=prices.timeframe, compression=prices.compression
        )
    )
    chosen = {"part": round(sizes.part, 4), "digits": price_digits(prices)}
    cerebro.addstrategy(SmaBracket, **chosen)
    screen = Screen(out)
    recorder = Recorder(JsonLines(out)) if args.json else Lines(screen).recorder
    watch(cerebro, recorder)
    if not args.json:
        facts = [
            ("account", f"{money(CASH)}, commission {100 * COMMISSION:.2f} %"),
            ("market", _market(prices)),
            ("pace", f"{_pace(args, prices)}; Ctrl-C ends it"),
        ]
        introduce(screen, prices, chosen, facts)
    run = Run(cerebro)
    paced = args.speed is not None and args.speed != "max"
    run.go(args.seconds if paced else None)
    recorder.finish()
    summary = summary_of(recorder, broker, store.currency or "USD")
    if not args.json:
        show_tables(screen, recorder, summary)
        show_open(screen, summary)
        screen.line()
    pictures: Dict[str, Optional[str]] = {}
    if not args.no_picture:
        pictures = draw_pictures(screen, args, folder, prices, recorder, summary)
    summary["pictures"] = pictures
    if args.json:
        JsonLines(out)(summary)
    else:
        tell_end(screen, summary, pictures)
    return status_of(run)


def status_of(run: Run) -> int:
    """Return the exit status of a run that has not failed."""
    return {"SIGINT": 130, "SIGTERM": 143}.get(run.ended_by or "", 0)


def _open(args: argparse.Namespace, prices: DemoPrices, sizes: Sizes) -> Any:
    from btstores import PaperStore

    speed: Optional[float] = None
    max_pause: Optional[float] = None
    if args.speed is None:
        speed = max(1e-9, prices.live_ns / 1e9 / args.seconds)
        # Nights and week-ends take no longer than anything else.
        max_pause = 2.0 if prices.is_ticks else args.seconds / prices.bars
    elif args.speed != "max":
        speed, max_pause = args.speed, 5.0
    return PaperStore(
        prices=prices.series,
        history=prices.start,
        speed=speed,
        max_pause=max_pause,
        cash=CASH,
        participation=sizes.share,
        fill_model=args.fill_model,
    )


class Sizes(NamedTuple):
    """How large to trade: the part of the account in a position, and of the volume for us."""

    part: float
    share: float


def sizes_for(prices: DemoPrices) -> Sizes:
    """Return sizes with which a position of the strategy fills in a few parts."""
    part = strategy_defaults(SmaBracket)["part"]
    price, volume = first_price(prices), usual_volume(prices)
    if not volume:
        return Sizes(part, MOST)
    if prices.is_ticks:
        return Sizes(min(part, max(price, TICKS * volume * price) / CASH), MOST)
    share = CASH * part / price / PARTS / volume
    if share > MOST:
        part, share = max(price, MOST * volume * PARTS * price) / CASH, MOST
    return Sizes(part, share)


def writable_folder(folder: str) -> str:
    """Return the folder, which is made if need be. Raises `ConfigError`."""
    try:
        os.makedirs(folder, exist_ok=True)
        probe = os.path.join(folder, ".probe")
        with open(probe, "w", encoding="utf-8"):
            pass
        os.remove(probe)
    except OSError as error:
        expected = f"a folder to write to ({error.strerror})"
        raise ConfigError.of("--out", folder, expected) from None
    return folder


def introduce(
    screen: Screen,
    prices: DemoPrices,
    chosen: Dict[str, Any],
    facts: Sequence[Tuple[str, str]],
) -> None:
    """Say what is about to run: the strategy, the prices, and other facts by name."""
    screen.line("btstores demo: an ordinary backtrader strategy trades through a store", "bold")
    frame = frame_text(prices.timeframe, prices.compression)
    values = dict(strategy_defaults(SmaBracket), **chosen)
    parameters = ", ".join(f"{name}={value}" for name, value in values.items())
    screen.line(f"  strategy  SmaBracket({parameters})")
    screen.line(f"  prices    {prices.symbol}, {frame}: {prices.about}")
    for name, text in facts:
        screen.line(f"  {name:<8}  {text}")
    screen.line()


def _market(prices: DemoPrices) -> str:
    if prices.is_ticks:
        return "orders trade with the trades of the market, up to their size"
    if not usual_volume(prices):
        return "the volume is not known: orders fill whole"
    return f"at most {100 * sizes_for(prices).share:.3g} % of a bar's volume trades with us"


def _pace(args: argparse.Namespace, prices: DemoPrices) -> str:
    if args.speed == "max":
        return "as fast as possible"
    if args.speed is not None:
        return f"{args.speed:g} times real time, for {args.seconds:g} s"
    return f"{prices.bars} bars in about {args.seconds:g} s"


def draw_pictures(
    screen: Screen,
    args: argparse.Namespace,
    folder: str,
    prices: DemoPrices,
    recorder: Recorder,
    summary: Dict[str, Any],
) -> Dict[str, Optional[str]]:
    """Draw both pictures; for one whose library is missing say what to install."""
    from btstores.cli.page import draw_html
    from btstores.cli.picture import PictureData, draw_png

    frame = frame_text(prices.timeframe, prices.compression)
    title = f"SmaBracket on {prices.symbol}, {frame}"
    picture = PictureData.of(title, prices.about, prices.symbol, recorder, summary)
    made: Dict[str, Optional[str]] = {}
    if not args.json:
        screen.line("Drawing the picture ...", "dim")
    for kind, draw in (("png", draw_png), ("html", draw_html)):
        path = os.path.join(folder, f"demo.{kind}")
        try:
            draw(picture, path)
            made[kind] = path
        except ImportError as error:
            made[kind] = None
            library = str(error.name or error).split(".")[0]
            if not args.json:
                text = f"No {kind.upper()}: {library} is not installed."
                screen.line(f"{text} Install it with: pip install 'btstores[demo]'", "bad")
    return made


def tell_end(screen: Screen, summary: Dict[str, Any], pictures: Dict[str, Optional[str]]) -> None:
    """Print the result, and where the pictures are."""
    start, final = summary["start_value"], summary["final_value"]
    text = f"Final value: {money(final)} {summary['currency']} ({percent(final / start - 1)})"
    screen.line(text, "bold")
    for kind, path in pictures.items():
        if path is not None:
            screen.line(f"Picture ({kind.upper()}): {os.path.abspath(path)}")
