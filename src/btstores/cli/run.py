"""`btstores run`: a strategy from a file on any store."""

from __future__ import annotations

import argparse
from typing import Any, Dict, List, NamedTuple, TextIO

from btstores.cerebro.live import LiveCerebro
from btstores.cli.record import Event, Recorder, watch
from btstores.cli.session import Run
from btstores.cli.settings import (
    Tables,
    as_enum,
    given_values,
    pairs,
    parse_timeframe,
    read_tables,
)
from btstores.cli.show import JsonLines, Lines, show_open, show_tables, summary_of
from btstores.cli.strategies import load_strategy, strategy_params
from btstores.cli.text import Screen, frame_text, money, percent, progress
from btstores.errors import ConfigError
from btstores.handlers.quality import found_of
from btstores.stores.registry import find_store
from btstores.stores.replay import ReplayStore

__all__ = ["run_command"]


#: So many finished orders, fills and trades are listed at the end; the journal has them all.
KEEP = 1000


class Plan(NamedTuple):
    """What is to be run."""

    store: Any
    symbols: List[str]
    feed: Dict[str, Any]
    strategy: Any
    file: str
    params: Dict[str, Any]


def run_command(args: argparse.Namespace, out: TextIO, err: TextIO) -> int:
    """Run a strategy until its data ends or somebody stops it; return the exit status."""
    plan = _plan(args, err)
    cerebro = LiveCerebro(stdstats=False)
    broker = plan.store.getbroker()
    cerebro.setbroker(broker)
    for symbol in plan.symbols:
        cerebro.adddata(plan.store.getdata(dataname=symbol, **plan.feed))
    cerebro.addstrategy(plan.strategy, **plan.params)
    screen = Screen(out)
    if args.json:
        recorder = Recorder(JsonLines(out, bars=bool(args.verbose)), KEEP)
    else:
        recorder = Lines(screen, bool(args.verbose), KEEP).recorder
        _introduce(screen, plan)
    watch(cerebro, recorder)
    run = Run(cerebro, plan.file, plan.store)
    ended_by = "error"
    try:
        run.go(args.seconds)
        ended_by = run.ended_by or "data"
    finally:
        plan.store.stop()
        # Also of a run that failed one wants to know what it leaves behind.
        recorder.finish()
        summary = summary_of(recorder, broker, plan.store.currency or "")
        summary["ended_by"] = ended_by
        summary["bad_prices"] = found_of(plan.store.quality.counts)
        if isinstance(plan.store, ReplayStore):
            summary["differences"] = plan.store.differences
        if args.json:
            JsonLines(out)(summary)
        elif recorder.start_value is not None or ended_by != "error":
            _finish(screen, recorder, summary)
    return _status(run, recorder, err) or (1 if summary.get("differences") else 0)


def _status(run: Run, recorder: Recorder, err: TextIO) -> int:
    for problem in recorder.failures:
        err.write(f"btstores: error: {problem}\n")
    if run.ended_by == "SIGINT":
        return 130
    if run.ended_by == "SIGTERM":
        return 143
    if not recorder.failures and not recorder.bar_counts and run.ended_by is None:
        err.write("btstores: error: the data ended before the first bar\n")
        return 1
    return 1 if recorder.failures else 0


def _plan(args: argparse.Namespace, err: TextIO) -> Plan:
    tables = read_tables(args.config)
    strategy = load_strategy(args.strategy)
    params = strategy_params(strategy.kind, tables.strategy, pairs("--param", args.param))
    name = args.store or tables.store.pop("name", None)
    tables.store.pop("name", None)
    if not name:
        raise ConfigError('which store? Give --store NAME, or name = "..." in [store]', "--store")
    feed = _feed(args, tables)
    symbols = args.data or feed.pop("symbols")
    if not symbols:
        raise ConfigError('which symbol? Give --data, or symbols = ["..."] in [data]', "--data")
    feed.pop("symbols", None)
    progress(err, f"opening {name} ...")
    return Plan(_open(name, args, tables), symbols, feed, strategy.kind, strategy.file, params)


def _feed(args: argparse.Namespace, tables: Tables) -> Dict[str, Any]:
    feed = dict(tables.data)
    feed["timeframe"] = parse_timeframe(args.timeframe or feed.get("timeframe", "minutes"))
    if args.compression is not None:
        feed["compression"] = args.compression
    symbols = feed.setdefault("symbols", [])
    if isinstance(symbols, str):
        feed["symbols"] = [symbols]
    elif not isinstance(symbols, list) or not all(isinstance(one, str) for one in symbols):
        raise ConfigError.of("symbols", symbols, "a list of symbols")
    return feed


def _open(name: str, args: argparse.Namespace, tables: Tables) -> Any:
    """Return the store with parameters from the file, the environment and the command line."""
    kind = find_store(name)
    specs = kind.all_params()
    by_name = {spec.name: spec for spec in specs}
    values: Dict[str, Any] = {}
    for key, value in tables.store.items():
        values[key] = as_enum(value, by_name[key].kinds) if key in by_name else value
    values.update(given_values(name, specs, args.set))
    if args.journal is not None:
        values["journal"] = args.journal
    return kind(**values)


def _introduce(screen: Screen, plan: Plan) -> None:
    given = ", ".join(f"{key}={value!r}" for key, value in plan.params.items())
    frame = frame_text(plan.feed["timeframe"], plan.feed.get("compression", 1))
    screen.line(f"{plan.strategy.__name__}({given}) on {plan.store.name}", "bold")
    screen.line(f"  {', '.join(plan.symbols)}, {frame}; Ctrl-C ends it")
    screen.line()


def _compare(screen: Screen, differences: List[str]) -> None:
    screen.line()
    if not differences:
        screen.line("The strategy did what it did then.", "good")
        return
    screen.line(f"What the strategy did otherwise than then ({len(differences)})", "bold")
    for text in differences[:KEEP]:
        screen.line(f"  {text}", "bad")


def _finish(screen: Screen, recorder: Recorder, summary: Event) -> None:
    show_tables(screen, recorder, summary)
    show_open(screen, summary)
    for symbol, check, number in summary["bad_prices"]:
        screen.line(f"Bad prices of {symbol}: {check} ({number})", "bad")
    if "differences" in summary:
        _compare(screen, summary["differences"])
    start, final = summary["start_value"], summary["final_value"]
    screen.line()
    if final is None:
        screen.line("Final value: unknown, the venue has not told it", "bold")
        return
    change = f" ({percent(final / start - 1)})" if start else ""
    screen.line(f"Final value: {money(final)} {summary['currency']}{change}", "bold")
