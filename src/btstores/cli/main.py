"""The command line: what there is to type, and what is said when it is wrong."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any, Optional, Sequence, TextIO, Union

from btstores import __version__

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
        parser.print_help()
        return 2
    try:
        return int(args.handler(args, sys.stdout, sys.stderr))
    except BrokenPipeError:
        # Whoever read us has gone, as `head` does. Python would complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        return _say(error, sys.stderr)


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


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with the arguments in the form of all our errors."""

    def error(self, message: str) -> Any:
        self.print_usage(sys.stderr)
        self.exit(2, f"btstores: error: {message}\n")


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    parser = _Parser(
        prog="btstores",
        description="Live trading for backtrader: one Store contract, many brokers.",
    )
    parser.add_argument("--version", action="version", version=f"btstores {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", parser_class=_Parser)
    _add_demo(commands)
    return parser


_DEMO = """examples:
  btstores demo                          real prices, about 40 seconds
  btstores demo --seed 7                 made-up minutes
  btstores demo --data MYFILE.csv        your own prices
  btstores demo --speed max --json       at once, for machines: one JSON object a line"""


def _add_demo(commands: Any) -> None:
    parser = commands.add_parser(
        "demo",
        help="watch a strategy trade on a simulated exchange",
        epilog=_DEMO,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", metavar="FILE.csv", help="play the prices of this file")
    parser.add_argument("--symbol", metavar="S", help="AAPL (default), GOOG, IBM or MSFT")
    parser.add_argument("--seed", type=int, metavar="N", help="make the prices up from this seed")
    parser.add_argument(
        "--seconds", type=_above_zero, metavar="N", default=40.0, help="about so long (default 40)"
    )
    parser.add_argument(
        "--speed",
        type=_speed,
        metavar="X",
        help="so many times real time, for --seconds; 0 or max: as fast as possible",
    )
    parser.add_argument(
        "--bars", type=_count, metavar="N", default=100, help="bars to play (default 100)"
    )
    parser.add_argument(
        "--fill-model", choices=("book", "backtrader"), default="book", help="default: book"
    )
    parser.add_argument(
        "--out", metavar="DIR", default="demo-output", help="folder of the pictures"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.set_defaults(handler=_demo)


def _demo(args: argparse.Namespace, out: TextIO, err: TextIO) -> int:
    from btstores.cli.demo import demo_command

    return demo_command(args, out, err)


def _above_zero(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text}: expected a number above zero")
    return value


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text}: expected a whole number above zero")
    return value


def _speed(text: str) -> Union[str, float]:
    if text in ("0", "max"):
        return "max"
    return _above_zero(text)
