"""`btstores demo --store futu`: the same demo on a simulated OpenD, through the genuine client."""

from __future__ import annotations

import argparse
import csv
import datetime
import os
import tempfile
from typing import Any, Dict, List, NamedTuple, Optional, TextIO

import backtrader as bt

from btstores.cli.demo import draw_pictures, introduce, status_of, tell_end, writable_folder
from btstores.cli.demo_link import Break, LinkLines, LinkStory, Proof, show_proof
from btstores.cli.demo_opend import DemoOpenD
from btstores.cli.prices import HISTORY, SEED, DemoPrices, price_digits
from btstores.cli.record import Event, Recorder, watch
from btstores.cli.session import Run
from btstores.cli.show import JsonLines, positions_of, show_open, show_tables, summary_of
from btstores.cli.sma_bracket import SmaBracket
from btstores.cli.strategies import strategy_defaults
from btstores.cli.text import Screen, money, progress
from btstores.clock import NS_PER_SECOND
from btstores.errors import ConfigError
from btstores.instruments import Instrument, TimeFrame
from btstores.reports import Bar
from btstores.sim.prices.generator import Generator

__all__ = ["futu_demo_command"]

SYMBOL = "US.AAPL"
ACCOUNT = 1
CASH = 1_000_000.0
#: A usual minute trades so many full positions. Parts of an order cost: the target of a bracket
#: grows with each part of its entry, and Futu takes twenty changes in half a minute.
MINUTES_OF = 3.5
#: More of them than this would not be the time that orders take to OpenD and back.
MOST_BARS_A_SECOND = 10.0
#: Bars that nobody waits for: the end comes before them.
SPARE = 150
#: So many bars OpenD is away, and so many seconds at least and at most.
AWAY_BARS, AWAY_LEAST, AWAY_MOST = 6, 0.7, 3.0


class Pace(NamedTuple):
    """How fast the markets of OpenD go, for how long, and how long OpenD is away."""

    speed: float
    seconds: float
    bars: int
    away: float
    words: str


def futu_demo_command(args: argparse.Namespace, out: TextIO, err: TextIO) -> int:
    """Run the demo on a simulated OpenD; return the exit status."""
    from btstores.stores.futu import sdk

    symbol, pace = _checked(args), _pace(args)
    folder = "" if args.no_picture else writable_folder(args.out)
    progress(err, "loading futu-api ...")
    sdk.futu()
    prices = made_up(symbol, SEED if args.seed is None else args.seed, pace.bars)
    with tempfile.TemporaryDirectory() as kept:
        file = os.path.join(kept, "prices.csv")
        _write(prices, file)
        progress(err, "starting a simulated OpenD ...")
        with DemoOpenD(*_options(symbol, file, pace)) as opend:
            return _run(args, out, err, opend, prices, pace, folder)


def _checked(args: argparse.Namespace) -> str:
    """Return the symbol to trade. Raises `ConfigError` for what is of the paper demo only."""
    if args.data is not None:
        expected = "nothing with --store futu, whose prices are made up; "
        expected += "btstores sim opend --data plays a file"
        raise ConfigError.of("--data", args.data, expected)
    if args.fill_model != "book":
        expected = "book with --store futu: OpenD fills its orders itself"
        raise ConfigError.of("--fill-model", args.fill_model, expected)
    symbol: str = args.symbol or SYMBOL
    market, _, code = symbol.partition(".")
    if market != "US" or not code:
        expected = "a share of the United States, such as US.AAPL, with --store futu"
        raise ConfigError.of("--symbol", symbol, expected)
    return symbol


def _pace(args: argparse.Namespace) -> Pace:
    if args.speed == "max":
        expected = "a number with --store futu: the client of Futu lives in real time"
        raise ConfigError.of("--speed", args.speed, expected)
    seconds: float = args.seconds
    if args.speed is None:
        bars, speed = args.bars, 60.0 * args.bars / seconds
        words = f"{bars} bars in about {seconds:g} s"
    else:
        speed = args.speed
        bars = max(1, round(speed * seconds / 60))
        words = f"{speed:g} times real time, for {seconds:g} s"
    if bars / seconds > MOST_BARS_A_SECOND:
        field, value = ("--bars", bars) if args.speed is None else ("--speed", speed)
        most = MOST_BARS_A_SECOND
        expected = f"at most {most:g} minutes a second with --store futu: orders take their time"
        raise ConfigError.of(field, value, expected)
    away = min(AWAY_MOST, max(AWAY_LEAST, AWAY_BARS * 60 / speed))
    return Pace(speed, seconds, bars, away, words)


def made_up(symbol: str, seed: int, bars: int) -> DemoPrices:
    """Return minutes of one share in the hours of its market."""
    from btstores.stores.futu.opend.listings import complete, config_for, listing_of

    day = datetime.date(2024, 1, 2)
    price = listing_of(symbol).price
    shares = strategy_defaults(SmaBracket)["part"] * CASH / price
    sessions = config_for(symbol).sessions_of(symbol)
    assert sessions is not None
    generator = Generator(
        seed=seed,
        price=price,
        volatility=1.2,
        volume=MINUTES_OF * shares,
        sessions=sessions,
        instrument=complete(Instrument(symbol), day),
    )
    series = generator.bars(symbol, HISTORY + bars + SPARE)
    live_ns = bars * 60 * NS_PER_SECOND
    about = f"made up from seed {seed}"
    frame = int(TimeFrame.MINUTES)
    return DemoPrices([series], symbol, frame, 1, bars, HISTORY, live_ns, about)


def _write(prices: DemoPrices, path: str) -> None:
    """Write the prices as `btstores sim opend --data` reads them."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["date", "open", "high", "low", "close", "volume"])
        for bar in prices.series[0].events:
            assert isinstance(bar, Bar)
            end = datetime.datetime.fromtimestamp(
                bar.time_ns // NS_PER_SECOND, tz=datetime.timezone.utc
            )
            rows.writerow([end.isoformat(), bar.open, bar.high, bar.low, bar.close, bar.volume])


def _options(symbol: str, file: str, pace: Pace) -> List[str]:
    # The account of someone with real money: its stops may be anything, and its fills are told.
    # OpenD tells no fees with them, so there are none, and what trades earn is what there is.
    account = f"acc_id={ACCOUNT},trd_env=REAL,markets=US,USD={CASH:.0f},margin=yes"
    return [
        *("--data", f"{symbol}={file}"),
        *("--history", str(HISTORY)),
        *("--speed", f"{pace.speed:.6f}"),
        *("--account", f"{account},sim_acc_type=NONE,fees=no"),
    ]


def _open(opend: DemoOpenD, story: LinkStory, pace: Pace) -> Any:
    from btstores.markets import MarketType
    from btstores.stores.futu import FutuStore

    return FutuStore(
        port=opend.port,
        market=MarketType.US_STOCK,
        trade_env="REAL",
        reconnect_interval=pace.away / 6,
        handlers=[story],
    )


def _run(
    args: argparse.Namespace,
    out: TextIO,
    err: TextIO,
    opend: DemoOpenD,
    prices: DemoPrices,
    pace: Pace,
    folder: str,
) -> int:
    screen, story = Screen(out), LinkStory()
    store = _open(opend, story, pace)
    cerebro = bt.Cerebro(stdstats=False)
    broker = store.getbroker()
    cerebro.setbroker(broker)
    feed: Dict[str, Any] = {"timeframe": prices.timeframe, "compression": prices.compression}
    cerebro.adddata(store.getdata(dataname=prices.symbol, bars=HISTORY, **feed))
    chosen = {"digits": price_digits(prices)}
    cerebro.addstrategy(SmaBracket, **chosen)
    recorder = Recorder(JsonLines(out)) if args.json else LinkLines(screen).recorder
    story.tell = recorder.tell
    recorder.tell = Break(opend, recorder.tell, pace.bars, pace.away)
    story.positions = lambda: positions_of(broker)
    watch(cerebro, recorder)
    proof: Event = {}
    looks = {"opend": opend, "store": store, "story": story, "recorder": recorder}
    cerebro.addanalyzer(Proof, account=ACCOUNT, symbol=prices.symbol, result=proof, **looks)
    if not args.json:
        introduce(screen, prices, chosen, _facts(opend, pace))
    run = Run(cerebro)
    try:
        run.go(pace.seconds)
    finally:
        store.stop()
    recorder.finish()
    summary = summary_of(recorder, broker, store.currency or "USD")
    summary.update(breaks=story.breaks, proof=proof)
    _show_end(args, screen, out, recorder, summary, prices, folder)
    if not proof.get("same"):
        err.write("btstores: error: what was told is not what OpenD lists; see above\n")
        return 1
    return status_of(run)


def _facts(opend: DemoOpenD, pace: Pace) -> Any:
    from btstores.stores.futu import sdk

    return (
        ("account", f"{money(CASH)} USD at a simulated OpenD, no commission"),
        ("market", f"OpenD is process {opend.pid} and listens on port {opend.port}"),
        ("client", f"futu-api {sdk.version()}, the genuine one"),
        ("link", f"breaks once, and OpenD is away for {pace.away:.1f} s"),
        ("pace", f"{pace.words}; Ctrl-C ends it"),
    )


def _show_end(
    args: argparse.Namespace,
    screen: Screen,
    out: TextIO,
    recorder: Recorder,
    summary: Event,
    prices: DemoPrices,
    folder: str,
) -> None:
    if not args.json:
        show_tables(screen, recorder, summary)
        show_open(screen, summary)
        show_proof(screen, summary["proof"])
        screen.line()
    pictures: Dict[str, Optional[str]] = {}
    if not args.no_picture:
        pictures = draw_pictures(screen, args, folder, prices, recorder, summary)
    summary["pictures"] = pictures
    if args.json:
        JsonLines(out)(summary)
    else:
        tell_end(screen, summary, pictures)
