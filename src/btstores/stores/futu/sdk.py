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
import warnings
from typing import Any

from btstores.errors import ConfigError, MissingExtraError

__all__ = ["context_status", "firm_number", "futu", "pb", "proto_id", "use_key", "utils", "version"]


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
    with warnings.catch_warnings():
        # Its network thread is started by a method that newer Pythons warn of.
        warnings.simplefilter("ignore", DeprecationWarning)
        importlib.import_module("futu.common.network_manager").NetManager.default()


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


def use_key(path: str) -> None:
    """Let all connections of this process use a private key, which OpenD has too.

    Raises `ConfigError` for a file that is no RSA key of 1024 bits without a password.
    """
    config = importlib.import_module("futu.common.sys_config")
    rsa = importlib.import_module("Crypto.PublicKey.RSA")
    try:
        with open(path, encoding="utf-8") as file:
            key = rsa.import_key(file.read())
    except OSError as error:
        raise ConfigError.of("rsa_key", path, f"a file to read ({error.strerror})") from None
    except (ValueError, IndexError, TypeError):
        raise ConfigError.of("rsa_key", path, "an RSA key (PKCS#1) without a password") from None
    if not key.has_private() or key.size_in_bits() != 1024:
        raise ConfigError.of("rsa_key", path, "a private key of 1024 bits")
    config.SysConfig.set_init_rsa_file(path)
    # The package would read the file again, and leave it open.
    config.SysConfig.RSA_OBJ = key


def version() -> str:
    """Return the version of the package."""
    text: str = futu().__version__
    return text
