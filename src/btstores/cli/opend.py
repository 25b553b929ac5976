"""`btstores sim opend`: a simulated OpenD on a port, until somebody ends it."""

from __future__ import annotations

import argparse
from typing import Any, Dict, TextIO

from btstores.cli.show import JsonLines
from btstores.cli.simulators import Ending, file_of, read_fields
from btstores.cli.text import Screen
from btstores.errors import ConfigError
from btstores.stores.futu.opend import (
    DEFAULT_ACCOUNTS,
    AccountConfig,
    OpenDConfig,
    make_opend,
)

__all__ = ["opend_command", "read_account"]


def opend_command(args: argparse.Namespace, out: TextIO, err: TextIO) -> int:
    """Run an OpenD until SIGINT, SIGTERM or "quit" on the control port; return 0."""
    from btstores.stores.futu.opend.control import Control

    config = _config(args)
    # Before anything else, so that whoever ends us early does not see a traceback.
    with Ending() as ending:
        opend = make_opend(config)
        control = Control(opend, args.control_port or 0, ending.now)
        with opend:
            if args.control_port is not None:
                control.start()
            try:
                _tell(args, out, opend, control)
                ending.wait()
            finally:
                if args.control_port is not None:
                    control.stop()
    return 0


def _tell(args: argparse.Namespace, out: TextIO, opend: Any, control: Any) -> None:
    """Say in a line that it listens, and where."""
    told: Dict[str, Any] = {
        "event": "listening",
        "host": opend.host,
        "port": opend.port,
        "control_port": control.port if args.control_port is not None else None,
        "accounts": sorted(opend.accounts),
        "symbols": list(opend.world.instruments),
    }
    if args.json:
        JsonLines(out)(told)
        return
    where = f"OpenD on {opend.host}:{opend.port}"
    if told["control_port"] is not None:
        where += f", control port {told['control_port']}"
    accounts = ", ".join(map(str, told["accounts"]))
    Screen(out).line(f"{where}; accounts {accounts}; symbols {', '.join(told['symbols'])}")


def _config(args: argparse.Namespace) -> OpenDConfig:
    given = {
        name: getattr(args, name)
        for name in (
            "host",
            "port",
            "seed",
            "speed",
            "bars",
            "history",
            "faults",
            "aes",
            "tier",
            "start",
            "state",
        )
        if getattr(args, name) is not None
    }
    accounts = [read_account(text) for text in args.account]
    numbers = [one.acc_id for one in accounts]
    for number in numbers:
        if numbers.count(number) > 1:
            raise ConfigError.of("--account", number, "each acc_id once")
    return OpenDConfig(
        data=dict(file_of(text) for text in args.data),
        symbols=[one for text in args.symbols for one in text.split(",") if one],
        accounts=accounts or DEFAULT_ACCOUNTS,
        rsa_key=args.rsa,
        **given,
    )


def read_account(text: str) -> AccountConfig:
    """Return the account of ``acc_id=7,trd_env=REAL,markets=HK+US,HKD=1000000,margin=yes``.

    Three capital letters are a currency and its cash, everything else is a field of
    `AccountConfig`. Raises `ConfigError`.
    """
    values, cash = read_fields(text, AccountConfig, cash="cash")
    if cash:
        values["cash"] = cash
    if "acc_id" not in values:
        raise ConfigError.of("--account", text, "acc_id=NUMBER among them")
    return AccountConfig(**values)
