"""`btstores sim opend`: a simulated OpenD on a port, until somebody ends it."""

from __future__ import annotations

import argparse
import dataclasses
import os
import signal
import socket
from typing import Any, Dict, Mapping, Sequence, TextIO, Tuple

from btstores.cli.show import JsonLines
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
    with _Ending() as ending:
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


class _Ending:
    """Waits until a signal comes, or until somebody calls `now` on any thread.

    Signals are written to a socket by Python itself: one that another thread of the process gets
    would not wake the main thread out of a queue or a lock.
    """

    def __enter__(self) -> _Ending:
        self._woken, self._wake = socket.socketpair()
        self._wake.setblocking(False)
        self._old_fd = signal.set_wakeup_fd(self._wake.fileno())
        self._before = {
            number: signal.signal(number, lambda *_: None)
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        return self

    def __exit__(self, *exc: object) -> None:
        for number, old in self._before.items():
            signal.signal(number, old)
        signal.set_wakeup_fd(self._old_fd)
        self._wake.close()
        self._woken.close()

    def now(self) -> None:
        """End the wait."""
        self._wake.send(b"x")

    def wait(self) -> None:
        """Wait."""
        self._woken.recv(1)


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
        data=dict(_file_of(text) for text in args.data),
        symbols=[one for text in args.symbols for one in text.split(",") if one],
        accounts=accounts or DEFAULT_ACCOUNTS,
        rsa_key=args.rsa,
        **given,
    )


def _file_of(text: str) -> Tuple[str, str]:
    symbol, sign, path = text.partition("=")
    if not sign:
        raise ConfigError.of("--data", text, "SYMBOL=FILE.csv")
    if not os.path.isfile(path):
        raise ConfigError.of("--data", text, "a CSV file")
    return symbol, path


_YES = {"yes": True, "true": True, "no": False, "false": False}


def read_account(text: str) -> AccountConfig:
    """Return the account of ``acc_id=7,trd_env=REAL,markets=HK+US,HKD=1000000,margin=yes``.

    Three capital letters are a currency and its cash, everything else is a field of
    `AccountConfig`. Raises `ConfigError`.
    """
    values: Dict[str, Any] = {}
    cash: Dict[str, float] = {}
    kinds = _field_kinds()
    for part in text.split(","):
        name, _, value = part.partition("=")
        try:
            if len(name) == 3 and name.isupper():
                cash[name] = float(value)
            else:
                values[name] = _read(kinds[name], value)
        except (KeyError, ValueError):
            expected = "NAME=VALUE with a currency or one of " + ", ".join(kinds)
            raise ConfigError.of("--account", part, expected) from None
    if cash:
        values["cash"] = cash
    if "acc_id" not in values:
        raise ConfigError.of("--account", text, "acc_id=NUMBER among them")
    return AccountConfig(**values)


def _field_kinds() -> Mapping[str, str]:
    fields: Sequence[Any] = dataclasses.fields(AccountConfig)
    return {one.name: str(one.type) for one in fields if one.name != "cash"}


def _read(kind: str, value: str) -> Any:
    if kind == "bool":
        return _YES[value.lower()]
    if kind in ("int", "float"):
        return {"int": int, "float": float}[kind](value)
    return tuple(value.split("+")) if kind.startswith("Tuple") else value
