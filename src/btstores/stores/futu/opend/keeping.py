"""Accounts in a file, so that another OpenD can go on with them."""

from __future__ import annotations

import json
import logging
import os
import threading
from typing import Dict, Mapping

from btstores.errors import ConfigError
from btstores.stores.futu.opend.accounts import TradingAccount

__all__ = ["StateFile"]

log = logging.getLogger(__name__)

_VERSION = 1


class StateFile:
    """A JSON file with all accounts. It is always whole: a new one takes the place of the old.

    It outlives the process, not a loss of power.
    """

    def __init__(self, path: str, accounts: Mapping[int, TradingAccount]) -> None:
        self.path = path
        self._accounts = accounts
        self._texts: Dict[int, str] = {}
        self._lock = threading.Lock()

    def save(self) -> None:
        """Write the accounts if one has changed. What cannot be written is tried again later."""
        if not self._is_dirty():
            return
        with self._lock:
            # Another thread may have saved this change together with its own.
            if not self._is_dirty():
                return
            for key, account in self._accounts.items():
                if account.dirty or key not in self._texts:
                    self._texts[key] = json.dumps(account.to_dict())
            accounts = ", ".join(f'"{key}": {text}' for key, text in self._texts.items())
            part = f"{self.path}.part"
            try:
                with open(part, "w", encoding="utf-8") as file:
                    file.write(f'{{"version": {_VERSION}, "accounts": {{{accounts}}}}}\n')
                os.replace(part, self.path)
            except OSError:
                log.exception("accounts.not_saved file=%s", self.path)
                for account in self._accounts.values():
                    account.dirty = True

    def _is_dirty(self) -> bool:
        return any(one.dirty for one in self._accounts.values())

    def restore(self) -> None:
        """Bring the accounts to what the file says, if there is one.

        Accounts that it does not have stay as they are. Raises `ConfigError` for a file that
        cannot be read.
        """
        if not os.path.exists(self.path):
            return
        try:
            with open(self.path, encoding="utf-8") as file:
                record = json.load(file)
            if record["version"] != _VERSION:
                raise ValueError(f"version {record['version']}")
            for key, state in record["accounts"].items():
                if int(key) in self._accounts:
                    self._accounts[int(key)].load(state)
        except (OSError, ValueError, KeyError, TypeError) as error:
            expected = f"a file of accounts that an OpenD has saved ({error!r})"
            raise ConfigError.of("account_state", self.path, expected) from error
