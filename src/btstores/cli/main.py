"""The command line: what there is to type, and what is said when it is wrong."""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import sys
from typing import Any, Iterator, Optional, Sequence, TextIO

from btstores import __version__
from btstores.cli.options import Parser, above_zero, add_command, count, date, from_zero, speed
from btstores.cli.trials import add_chaos, add_conformance

__all__ = ["main"]


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command; return 0, 1 (the run failed), 2 (wrong use), 130 (Ctrl-C) or 143."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = _parser(arguments)
    try:
        args = parser.parse_args(arguments)
    except SystemExit as done:
        return int(done.code or 0)
    if not hasattr(args, "handler"):
        parser.print_help(sys.stderr)
        return 2
    try:
        with _log_to(sys.stderr, getattr(args, "verbose", 0)):
            return int(args.handler(args, sys.stdout, sys.stderr))
    except BrokenPipeError:
        # Whoever read us has gone, as `head` does. Python would complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        return _say(error, sys.stderr)


@contextlib.contextmanager
def _log_to(err: TextIO, verbose: int) -> Iterator[None]:
    """Show our log on ``err``: errors in a line each; with -vv all of it."""
    logger = logging.getLogger("btstores")
    handler = logging.StreamHandler(err)
    level, told_up = logger.level, logger.propagate
    handler.setFormatter(_LogLine() if verbose < 2 else logging.Formatter(_LOG))
    logger.addHandler(handler)
    logger.setLevel(logging.ERROR if verbose < 2 else logging.DEBUG)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = told_up


_LOG = "%(asctime)s %(levelname)s %(name)s %(message)s"


class _LogLine(logging.Formatter):
    """One line without a traceback."""

    def format(self, record: logging.LogRecord) -> str:
        error = record.exc_info[1] if record.exc_info else None
        reason = f": {type(error).__name__}: {error}" if error is not None else ""
        return f"btstores: error: {record.getMessage()}{reason}"


def _say(error: Exception, err: TextIO) -> int:
    """Say what went wrong in a line; return the exit status. What is unexpected is raised."""
    from btstores.errors import BtstoresError, UsageError

    if isinstance(error, UsageError):
        err.write(f"btstores: error: {error}\n")
        return 2
    if isinstance(error, BtstoresError):
        err.write(f"btstores: error: {error}\n")
        return 1
    from btstores.cli.session import OwnCodeError

    if isinstance(error, OwnCodeError):
        err.write(f"{error}\nbtstores: error: the strategy failed; see above\n")
        return 1
    raise error


_EXIT = """exit status: 0 all went well; 1 the run failed; 2 wrong use; 130 ended by Ctrl-C,
143 by SIGTERM. Colours are left out where NO_COLOR is set."""


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    parser = Parser(
        prog="btstores",
        description="Live trading for backtrader: one Store contract, many brokers.",
        epilog=_EXIT,
    )
    parser.add_argument("--version", action="version", version=f"btstores {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", parser_class=Parser)
    _add_demo(commands)
    _add_run(commands)
    _add_stores(commands)
    _add_doctor(commands)
    _add_markets(commands)
    add_conformance(commands)
    add_chaos(commands)
    _add_sim(commands)
    if "journal" in arguments:
        from btstores.journal.commands import add_journal_commands

        add_journal_commands(commands)
    else:
        # Its help alone needs nothing of it.
        commands.add_parser("journal", help="show, check or export what was recorded")
    return parser


_DEMO = """examples:
  btstores demo                          real prices, for about 40 seconds
  btstores demo --seed 7                 made-up minutes
  btstores demo --data MYFILE.csv        your own prices
  btstores demo --speed max --json       at once, for machines
  btstores demo --store futu             Futu's client, and a link that breaks

With --store futu the market is a simulated OpenD in a process of its own, the client is the
genuine futu-api, prices are made up, and the link breaks once.

--json: one object a line, its "event" is data, history, bar, order, fill, trade or store, and
with --store futu also fault, link or reconciled; the last one is the "summary" with all orders,
fills and trades, positions, final_value, the pictures and, of Futu, the breaks and the proof
that what was told is what OpenD lists."""


def _add_demo(commands: Any) -> None:
    parser = add_command(commands, "demo", "watch a strategy trade on a simulated exchange", _DEMO)
    parser.add_argument(
        "--store", choices=("paper", "futu"), default="paper", help="through which (default paper)"
    )
    parser.add_argument("--data", metavar="FILE.csv", help="play the prices of this file")
    parser.add_argument("--symbol", metavar="S", help="AAPL (default), GOOG, IBM or MSFT")
    parser.add_argument("--seed", type=int, metavar="N", help="make the prices up from this seed")
    parser.add_argument(
        "--seconds", type=above_zero, metavar="N", default=35.0, help="about so long (default 35)"
    )
    parser.add_argument(
        "--speed",
        type=speed,
        metavar="X",
        help="so many times real time, for --seconds; 0 or max: as fast as possible",
    )
    parser.add_argument(
        "--bars", type=count, metavar="N", default=100, help="bars to play (default 100)"
    )
    parser.add_argument(
        "--fill-model", choices=("book", "backtrader"), default="book", help="default: book"
    )
    parser.add_argument("--no-picture", action="store_true", help="draw nothing")
    parser.add_argument(
        "--out", metavar="DIR", default="demo-output", help="folder of the pictures"
    )
    parser.set_defaults(handler=_demo)


def _demo(args: argparse.Namespace, out: TextIO, err: TextIO) -> int:
    from btstores.cli.demo import demo_command

    return demo_command(args, out, err)


_RUN = """examples:
  btstores run sma.py --store paper --data DEMO --set speed=60 -v
  btstores run sma.py:Fast --store paper --set prices=AAPL.csv --data AAPL --timeframe days
  btstores run sma.py --config live.toml --param fast=10 --journal trades.db
  btstores run sma.py --store replay --journal trades.db --data AAPL

A configuration file holds the tables [store] (name and parameters), [data] (symbols,
timeframe, compression, parameters of feeds) and [strategy] (its parameters):

  [store]
  name = "paper"
  prices = "AAPL.csv"
  [data]
  symbols = ["AAPL"]
  timeframe = "days"
  [strategy]
  fast = 10

Secrets belong in environment variables: BTSTORES_<STORE>_<PARAMETER>, say
BTSTORES_PAPER_ACCOUNT. The command line counts before the environment, and that before the
file. Ctrl-C ends the run and lists what is still open; orders stay at the venue.

--json: one object a line as in `btstores demo`; bars only with -v."""


def _add_run(commands: Any) -> None:
    parser = add_command(commands, "run", "run a strategy from a file on any store", _RUN)
    parser.add_argument("strategy", metavar="STRATEGY.py[:Class]", help="the file, and which in it")
    parser.add_argument("--store", metavar="NAME", help="see btstores stores")
    parser.add_argument("--data", metavar="SYMBOL", action="append", help="may be repeated")
    parser.add_argument("--timeframe", metavar="FRAME", help="ticks, seconds, minutes, days ...")
    parser.add_argument("--compression", type=count, metavar="N", help="so many of them a bar")
    parser.add_argument("--config", metavar="FILE.toml", help="a configuration file, see below")
    parser.add_argument(
        "--set", metavar="NAME=VALUE", action="append", default=[], help="parameter of the store"
    )
    parser.add_argument(
        "--param", metavar="NAME=VALUE", action="append", default=[], help="of the strategy"
    )
    parser.add_argument("--journal", metavar="FILE", help="record orders and reports there")
    parser.add_argument("--seconds", type=above_zero, metavar="N", help="end after so long")
    parser.add_argument(
        "-v", "--verbose", action="count", default=0, help="show bars; -vv: also the log"
    )
    parser.set_defaults(handler=_run)


def _run(args: argparse.Namespace, out: TextIO, err: TextIO) -> int:
    from btstores.cli.run import run_command

    return run_command(args, out, err)


_STORES = """examples:
  btstores stores
  btstores stores paper
  btstores stores --json

--json: one object, {"stores": [...]}, with name, installed, class, what it can do and its
parameters; or, if it cannot be used yet, what is missing and the command that installs it."""


def _add_stores(commands: Any) -> None:
    parser = add_command(commands, "stores", "list the stores and what each can do", _STORES)
    parser.add_argument("name", nargs="?", metavar="NAME", help="tell all of this one")
    parser.set_defaults(handler=_stores)


def _stores(args: argparse.Namespace, out: TextIO, err: TextIO) -> int:
    from btstores.cli.stores import stores_command

    return stores_command(args, out, err)


_DOCTOR = """examples:
  btstores doctor --store futu
  btstores doctor --store futu --set port=11112 --set market=US_STOCK
  btstores doctor --store futu --set trade_env=REAL --set account=281756 --json
  btstores doctor --store oanda --set practice=true

It connects, looks, and sends no order. The exit status is 0 if nothing is to mend. Secrets belong
in environment variables, such as BTSTORES_OANDA_TOKEN.

--json: one object a line, with what, good, text and cure."""


def _add_doctor(commands: Any) -> None:
    about = "tell what keeps a store from working, and what to do about it"
    parser = add_command(commands, "doctor", about, _DOCTOR)
    parser.add_argument("--store", metavar="NAME", required=True, help="see btstores stores")
    parser.add_argument(
        "--set", metavar="NAME=VALUE", action="append", default=[], help="parameter of the store"
    )
    parser.set_defaults(handler=_doctor)


def _doctor(args: argparse.Namespace, out: TextIO, err: TextIO) -> int:
    from btstores.cli.doctor import doctor_command

    return doctor_command(args, out, err)


_MARKETS = """examples:
  btstores markets
  btstores markets HK_STOCK
  btstores markets HK_STOCK --symbol HK.00700 --date 2026-01-05
  btstores markets US_STOCK --json

Hours are local. Without --symbol the rules are told of one symbol of each kind.

--json: one object, {"markets": [...]}, with name, known, currency, timezone and the rest that
is shown; rates are parts as decimal text, "0.001" is 0.1 %."""


def _add_markets(commands: Any) -> None:
    about = "list the markets, or tell the hours, rules and fees of one with their sources"
    parser = add_command(commands, "markets", about, _MARKETS)
    parser.add_argument("name", nargs="?", metavar="NAME", help="tell all of this one")
    parser.add_argument("--symbol", metavar="S", help="tell what applies to it")
    parser.add_argument("--date", type=date, metavar="DAY", help="as of then, such as 2026-01-05")
    parser.set_defaults(handler=_markets)


def _markets(args: argparse.Namespace, out: TextIO, err: TextIO) -> int:
    from btstores.cli.markets import markets_command

    return markets_command(args, out, err)


_OPEND = """examples:
  btstores sim opend --control-port 11112
  btstores sim opend --symbols HK.00700,US.AAPL --speed 60
  btstores sim opend --data HK.00700=TENCENT.csv --port 0 --faults plan.toml
  btstores sim opend --account acc_id=7,trd_env=REAL,markets=HK+US,HKD=1000000,margin=yes

It needs futu-api, and plays Futu's gateway for any program that uses it. One line says when it
listens; it ends with Ctrl-C, SIGTERM or "quit" on the control port, with status 0.

A plan of faults has tables [[fault]] with at (seconds after the start), name and options. The
control port takes a JSON object a line, {"do": "help"} tells which, and answers with one.

--json: one object, its "event" is listening, with host, port, control_port, accounts, symbols."""


def _add_venue(parser: argparse.ArgumentParser, port: str, symbols: str, accounts: str) -> None:
    """Add what all simulated venues take; the words are what they do without."""
    parser.add_argument("--host", metavar="ADDRESS", help="where to listen (default 127.0.0.1)")
    parser.add_argument("--port", type=int, metavar="N", help=f"default {port}; 0: a free one")
    parser.add_argument(
        "--data", metavar="SYMBOL=FILE", action="append", default=[], help="may be repeated"
    )
    parser.add_argument(
        "--symbols",
        metavar="S,S",
        action="append",
        default=[],
        help=f"make prices of these up (without --data: {symbols})",
    )
    parser.add_argument("--seed", type=int, metavar="N", help="make the prices up from this seed")
    parser.add_argument("--start", type=date, metavar="DAY", help="made-up prices begin there")
    parser.add_argument(
        "--speed", type=above_zero, metavar="X", help="so many times real time (default 1)"
    )
    parser.add_argument("--faults", metavar="FILE.toml", help="a plan of faults")
    parser.add_argument(
        "--account",
        metavar="NAME=VALUE,...",
        action="append",
        default=[],
        help=f"an account instead of the usual {accounts}; may be repeated",
    )
    parser.add_argument(
        "-v", "--verbose", action="count", default=0, help="-vv: show the log on stderr"
    )


def _add_sim(commands: Any) -> None:
    sim = commands.add_parser("sim", help="run a simulated gateway", description="Simulators.")
    kinds = sim.add_subparsers(metavar="GATEWAY", parser_class=Parser)
    about = "a simulated OpenD: Futu's gateway without Futu"
    parser = add_command(kinds, "opend", about, _OPEND)
    _add_venue(parser, "11111", "HK.00700,US.AAPL,SH.600519", "six")
    parser.add_argument(
        "--control-port", type=int, metavar="N", help="take orders of tests there; 0: a free one"
    )
    parser.add_argument("--bars", type=count, metavar="N", help="made-up minutes (default 2000)")
    parser.add_argument(
        "--history", type=from_zero, metavar="N", help="so many bars are over (default 400)"
    )
    parser.add_argument("--state", metavar="FILE", help="keep the accounts there between runs")
    parser.add_argument("--rsa", metavar="KEY.pem", help="encrypt with this key of 1024 bit")
    parser.add_argument("--aes", choices=("cbc", "ecb"), help="how (default cbc)")
    parser.add_argument(
        "--tier", type=int, choices=(0, 1, 2, 3), help="of Futu's quotas (default 1)"
    )
    parser.set_defaults(handler=_opend)
    _add_oanda(kinds)


_OANDA = """examples:
  btstores sim oanda
  btstores sim oanda --symbols EUR_USD,XAU_USD --speed 60
  btstores sim oanda --data EUR_USD=EURUSD.csv --port 0 --faults plan.toml
  btstores sim oanda --account account_id=101-004-1234567-009,currency=EUR,hedging=yes

Any program that speaks OANDA's v20 can be pointed at it, for requests and for streams; it takes any
token, or only the one of --token. Accounts are there when they are not given: one that nets and one
that hedges. POST /control/faults and others below /control let tests and users script it.

--json: one object that says where it listens."""


def _add_oanda(kinds: Any) -> None:
    about = "a simulated OANDA: its v20 interface without OANDA"
    parser = add_command(kinds, "oanda", about, _OANDA)
    _add_venue(parser, "8020", "EUR_USD,GBP_USD,USD_JPY,XAU_USD", "two")
    parser.add_argument("--prices", type=count, metavar="N", help="of each (default 20000)")
    parser.add_argument(
        "--every", type=above_zero, metavar="S", help="seconds between two of them (default 2)"
    )
    parser.add_argument(
        "--history", type=from_zero, metavar="N", help="so many prices are over (default 10000)"
    )
    parser.add_argument("--token", metavar="TOKEN", help="the only one that is let in")
    parser.set_defaults(handler=_oanda)


def _oanda(args: argparse.Namespace, out: TextIO, err: TextIO) -> int:
    from btstores.cli.oanda import oanda_command

    return oanda_command(args, out, err)


def _opend(args: argparse.Namespace, out: TextIO, err: TextIO) -> int:
    from btstores.cli.opend import opend_command

    return opend_command(args, out, err)
