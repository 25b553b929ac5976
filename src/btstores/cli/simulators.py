"""What the commands of all simulated gateways have in common."""

from __future__ import annotations

import dataclasses
import os
import signal
import socket
from typing import Any, Dict, Mapping, Sequence, Tuple, Type

from btstores.errors import ConfigError

__all__ = ["Ending", "file_of", "read_fields"]


class Ending:
    """Waits until a signal comes, or until somebody calls `now` on any thread.

    Signals are written to a socket by Python itself: one that another thread of the process gets
    would not wake the main thread out of a queue or a lock.
    """

    def __enter__(self) -> Ending:
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


def file_of(text: str) -> Tuple[str, str]:
    """Return symbol and path of ``SYMBOL=FILE.csv``. Raises `ConfigError`."""
    symbol, sign, path = text.partition("=")
    if not sign:
        raise ConfigError.of("--data", text, "SYMBOL=FILE.csv")
    if not os.path.isfile(path):
        raise ConfigError.of("--data", text, "a CSV file")
    return symbol, path


_YES = {"yes": True, "true": True, "no": False, "false": False}


def read_fields(
    text: str, kind: Type[Any], cash: str = ""
) -> Tuple[Dict[str, Any], Dict[str, float]]:
    """Return the fields of an account that is written as ``NAME=VALUE,NAME=VALUE``.

    ``kind`` is its data class. With ``cash``, the name of a field, three capital letters are a
    currency and its amount, which are returned apart. Raises `ConfigError`.
    """
    kinds = _field_kinds(kind, cash)
    values: Dict[str, Any] = {}
    amounts: Dict[str, float] = {}
    for part in text.split(","):
        name, _, value = part.partition("=")
        try:
            if cash and len(name) == 3 and name.isupper():
                amounts[name] = float(value)
            else:
                values[name] = _read(kinds[name], value)
        except (KeyError, ValueError):
            words = "a currency or one of " if cash else "one of "
            expected = f"NAME=VALUE with {words}" + ", ".join(kinds)
            raise ConfigError.of("--account", part, expected) from None
    return values, amounts


def _field_kinds(kind: Type[Any], left_out: str) -> Mapping[str, str]:
    fields: Sequence[Any] = dataclasses.fields(kind)
    return {one.name: str(one.type) for one in fields if one.name != left_out}


def _read(kind: str, value: str) -> Any:
    if kind == "bool":
        return _YES[value.lower()]
    if kind in ("int", "float"):
        return {"int": int, "float": float}[kind](value)
    return tuple(value.split("+")) if kind.startswith("Tuple") else value
