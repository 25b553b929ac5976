"""`btstores sim oanda`: a simulated OANDA on a port, until somebody ends it."""

from __future__ import annotations

import argparse
from typing import Any, Dict, TextIO

from btstores.cli.show import JsonLines
from btstores.cli.simulators import Ending, file_of, read_fields
from btstores.cli.text import Screen
from btstores.errors import ConfigError
from btstores.stores.oanda.simulator import (
    DEFAULT_ACCOUNTS,
    AccountConfig,
    OandaConfig,
    make_oanda,
)

__all__ = ["oanda_command"]

_GIVEN = ("host", "port", "seed", "speed", "prices", "every", "history", "start", "token", "faults")


def oanda_command(args: argparse.Namespace, out: TextIO, err: TextIO) -> int:
    """Run an OANDA until SIGINT or SIGTERM; return 0."""
    config = _config(args)
    # Before anything else, so that whoever ends us early does not see a traceback.
    with Ending() as ending:
        server = make_oanda(config)
        with server:
            told: Dict[str, Any] = {
                "event": "listening",
                "url": server.url,
                "accounts": list(server.venue.accounts),
                "symbols": server.venue.rates.names(),
            }
            if args.json:
                JsonLines(out)(told)
            else:
                accounts, symbols = ", ".join(told["accounts"]), ", ".join(told["symbols"])
                Screen(out).line(f"OANDA on {server.url}; accounts {accounts}; symbols {symbols}")
            ending.wait()
    return 0


def _config(args: argparse.Namespace) -> OandaConfig:
    given = {name: getattr(args, name) for name in _GIVEN if getattr(args, name) is not None}
    accounts = [AccountConfig(**read_fields(text, AccountConfig)[0]) for text in args.account]
    names = [one.account_id for one in accounts]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError.of("--account", name, "each account_id once")
    return OandaConfig(
        data=dict(file_of(text) for text in args.data),
        symbols=[one for text in args.symbols for one in text.split(",") if one],
        accounts=accounts or DEFAULT_ACCOUNTS,
        **given,
    )
