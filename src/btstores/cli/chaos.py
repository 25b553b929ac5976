"""`btstores chaos`: sessions in which things go wrong, compared with the venue's own book."""

from __future__ import annotations

import argparse
import json
import logging
import tempfile
from pathlib import Path
from typing import Any, Dict, List, Mapping, TextIO, Type

import backtrader as bt

from btstores.cerebro.live import LiveCerebro
from btstores.cli.text import Screen
from btstores.errors import ConfigError
from btstores.sim.faults import Chance, Planned, plan_of_seed, read_plan
from btstores.testing.chaos import Arena, ChaosReport, run_session

__all__ = ["chaos_command"]

_ENGINES: Dict[str, Type[bt.Cerebro]] = {"Cerebro": bt.Cerebro, "LiveCerebro": LiveCerebro}


def chaos_command(args: argparse.Namespace, out: TextIO, err: TextIO) -> int:
    """Run the sessions and tell of each; return 1 if one differs from its venue, else 0."""
    arena = _find_arena(args.store)
    screen = Screen(out)
    if args.list:
        for name, chance in arena.chances.items():
            screen.line(f"{name:<16} {chance.doc}")
        return 0
    chances = _chosen(arena.chances, args.faults)
    # What goes wrong on purpose is no news.
    logging.getLogger("btstores").setLevel(logging.CRITICAL)
    logging.getLogger("FTConsole").setLevel(logging.CRITICAL)
    bad = 0
    for seed in range(args.seed, args.seed + args.sessions):
        report = _play(arena, args, seed, chances)
        bad += bool(report.differences)
        if args.json:
            out.write(json.dumps({"event": "session", **report._asdict()}) + "\n")
            out.flush()
        else:
            _show(screen, report)
    total = f"{args.sessions - bad} sessions agree with the venue, {bad} do not"
    if args.json:
        out.write(json.dumps({"event": "summary", "sessions": args.sessions, "bad": bad}) + "\n")
    else:
        screen.line(total, "bold")
    return 1 if bad else 0


def _find_arena(store: str) -> Type[Arena]:
    if store == "paper":
        from btstores.testing.chaos.paper import PaperArena

        return PaperArena
    if store == "futu":
        from btstores.testing.chaos.opend import OpenDArena

        return OpenDArena
    if store == "oanda":
        from btstores.testing.chaos.oanda import OandaArena

        return OandaArena
    raise ConfigError.of("--store", store, "paper, futu or oanda")


def _chosen(chances: Mapping[str, Chance], text: str) -> Dict[str, Chance]:
    names = [name for name in (text or "").split(",") if name]
    for name in names:
        _check(chances, name)
    return {name: chances[name] for name in names or chances}


def _check(chances: Mapping[str, Chance], name: str) -> None:
    if name not in chances:
        raise ConfigError.of("fault", name, f"one of {', '.join(chances)}")


def _play(
    arena: Any, args: argparse.Namespace, seed: int, chances: Mapping[str, Chance]
) -> ChaosReport:
    seconds = args.minutes * 60.0
    plan: List[Planned]
    if args.plan is not None:
        plan = read_plan(args.plan, lambda name, options: _check(arena.chances, name))
    else:
        plan = plan_of_seed(chances, seed, seconds, args.rate)
    emulations = arena.emulations
    made: Arena = arena(seed, seconds, emulations[seed % len(emulations)])
    engine = _ENGINES[args.engine]
    if args.keep is not None:
        Path(args.keep).mkdir(parents=True, exist_ok=True)
        return run_session(made, seed, seconds, plan, Path(args.keep), engine)
    with tempfile.TemporaryDirectory() as folder:
        return run_session(made, seed, seconds, plan, Path(folder), engine)


def _show(screen: Screen, report: ChaosReport) -> None:
    faults = ", ".join(f"{name} {number}" for name, number in report.faults.items()) or "none"
    text = f"seed {report.seed}: {report.orders} orders, {report.fills} fills, {report.bars} bars"
    gaps = f", {report.gaps} gaps told" if report.gaps else ""
    screen.line(f"{text}{gaps}; {len(report.differences)} differences")
    screen.line(f"  faults: {faults}", "dim")
    for difference in report.differences:
        screen.line(f"  {difference}", "bad")
