"""futu-api, imported so that it does no harm.

The package replaces the handler of SIGINT by one that ends the process at once, writes debug logs
of megabytes a minute, and keeps the process alive by its threads. Import it through this module
alone.
"""

from __future__ import annotations

import functools
import importlib
import logging
import signal
from typing import Any

from btstores.errors import ConfigError, MissingExtraError

__all__ = ["context_status", "firm_number", "futu", "pb", "proto_id", "utils", "version"]


@functools.lru_cache(maxsize=None)
def futu() -> Any:
    """Return the package. Raises `MissingExtraError` when it is not installed."""
    before = _handler_of_interrupts()
    try:
        package = importlib.import_module("futu")
    except ImportError as error:
        raise MissingExtraError("futu-api", "futu") from error
    finally:
        if before is not None:
            signal.signal(signal.SIGINT, before)
    _quieten(package)
    return package


def _handler_of_interrupts() -> Any:
    """Return what handles SIGINT; None on a thread that may not set it, as the package may not."""
    handler = signal.getsignal(signal.SIGINT)
    try:
        signal.signal(signal.SIGINT, handler)
    except (TypeError, ValueError):
        return None
    return handler


def _quieten(package: Any) -> None:
    package.SysConfig.enable_console_log(False)
    package.SysConfig.set_all_thread_daemon(True)
    log = importlib.import_module("futu.common.ft_logger").logger
    log.file_level = logging.WARNING
    log.console_level = logging.CRITICAL


@functools.lru_cache(maxsize=None)
def pb(name: str) -> Any:
    """Return the generated module of a protocol, such as 'Trd_PlaceOrder'."""
    futu()
    return importlib.import_module(f"futu.common.pb.{name}_pb2")


@functools.lru_cache(maxsize=None)
def proto_id(name: str) -> int:
    """Return the number of a protocol, such as 2202 of 'Trd_PlaceOrder'."""
    number: int = getattr(importlib.import_module("futu.common.constant").ProtoId, name)
    return number


def firm_number(firm: str) -> int:
    """Return the number of a broker of the group, such as 1 of 'FUTUSECURITIES'."""
    known, number = futu().SecurityFirm.to_number(firm)
    if not known:
        raise ConfigError.of("security_firm", firm, "a name of futu.SecurityFirm")
    return int(number)


@functools.lru_cache(maxsize=None)
def context_status() -> Any:
    """Return the names of the states of a connection."""
    futu()
    return importlib.import_module("futu.common.constant").ContextStatus


@functools.lru_cache(maxsize=None)
def utils() -> Any:
    """Return the module that packs messages."""
    futu()
    return importlib.import_module("futu.common.utils")


def version() -> str:
    """Return the version of the package."""
    text: str = futu().__version__
    return text
