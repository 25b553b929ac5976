"""Commands that put a store to the test: `btstores conformance` and `btstores chaos`."""

from __future__ import annotations

import argparse
from typing import Any, TextIO

from btstores.cli.options import above_zero, add_command, count

__all__ = ["add_chaos", "add_conformance"]

_CONFORMANCE = """examples:
  btstores conformance paper
  btstores conformance paper --case E10 E40 --set emulate=all
  btstores conformance NAME --set port=11111 --symbol 00700.HK --size 200
  btstores conformance --list

It trades: use a demo account without positions and orders in the symbol. The size should be
at least two lots. The last line is `N passed, N failed, N skipped`; what the core does for the
venue is told as emulated and counts as passed. The exit status is 0 if no case has failed.

--json: one object a line, its "event" is case (id, title, outcome, reason); the last one is
the "summary"."""


def add_conformance(commands: Any) -> None:
    """Add `btstores conformance`."""
    about = "run the conformance suite on a store, with real orders"
    parser = add_command(commands, "conformance", about, _CONFORMANCE)
    parser.add_argument("name", nargs="?", metavar="NAME", help="see btstores stores")
    parser.add_argument(
        "--set", metavar="NAME=VALUE", action="append", default=[], help="parameter of the store"
    )
    parser.add_argument("--symbol", metavar="S", help="what to trade")
    parser.add_argument("--option", metavar="S", help="an option, for the cases with options")
    parser.add_argument(
        "--size", type=above_zero, metavar="N", help="of an order (default 2; paper: 10)"
    )
    parser.add_argument(
        "--timeframe", metavar="FRAME", default="minutes", help="of the feed (default minutes)"
    )
    parser.add_argument("--case", metavar="ID", nargs="+", help="only these, such as E10")
    parser.add_argument("--list", action="store_true", help="list the cases and run none")
    parser.set_defaults(handler=_conformance)


def _conformance(args: argparse.Namespace, out: TextIO, err: TextIO) -> int:
    from btstores.cli.conformance import conformance_command

    return conformance_command(args, out, err)


_CHAOS = """examples:
  btstores chaos --seed 7 --minutes 10
  btstores chaos --store futu --seed 7 --minutes 10
  btstores chaos --sessions 100 --faults drop,kill --rate 5
  btstores chaos --plan plan.toml --keep chaos

A strategy that does what chance wants trades at a simulated venue while links break, answers get
lost, prices stop and processes are killed. Then all comes to rest, and orders, fills, position,
cash and bars are compared with the venue's own book. The exit status is 1 on any difference.

paper runs on a simulated clock: a seed tells the same story each time. futu and oanda are genuine
clients over real sockets, twenty times as fast as real time: a seed has the same faults each time.

A plan has tables [[fault]] with at and name, and seconds for those that last.

--json: one object a line, its "event" is session (seed, faults, orders, fills, bars, gaps,
differences); the last one is the "summary"."""


def add_chaos(commands: Any) -> None:
    """Add `btstores chaos`."""
    about = "let a session go wrong in every way, and compare it with the venue's own book"
    parser = add_command(commands, "chaos", about, _CHAOS)
    parser.add_argument(
        "--store", metavar="NAME", default="paper", help="paper (default), futu or oanda"
    )
    parser.add_argument("--seed", type=int, metavar="N", default=1, help="of the first session")
    parser.add_argument("--sessions", type=count, metavar="N", default=1, help="default 1")
    parser.add_argument(
        "--minutes", type=above_zero, metavar="M", default=10.0, help="of each (default 10)"
    )
    parser.add_argument(
        "--rate", type=above_zero, metavar="R", default=2.0, help="faults a minute (default 2)"
    )
    parser.add_argument("--faults", metavar="A,B", help="only these")
    parser.add_argument("--list", action="store_true", help="list the faults and run nothing")
    parser.add_argument("--plan", metavar="FILE", help="faults by hand, in TOML")
    parser.add_argument("--keep", metavar="FOLDER", help="keep the journals there")
    parser.add_argument(
        "--engine",
        choices=("Cerebro", "LiveCerebro"),
        default="Cerebro",
        help="what runs the strategy: backtrader's own (default) or ours for many feeds",
    )
    parser.set_defaults(handler=_chaos)


def _chaos(args: argparse.Namespace, out: TextIO, err: TextIO) -> int:
    from btstores.cli.chaos import chaos_command

    return chaos_command(args, out, err)
