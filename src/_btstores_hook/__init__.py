"""What an interpreter runs when it starts; it makes ``backtrader.stores.paperstore`` importable.

``btstores_hook.pth`` calls :func:`start` (from Python 3.15 on, ``btstores_hook.start``), also in
interpreters that never see backtrader. So this module imports nothing and only waits for the first
import of backtrader; the work is in :mod:`_btstores_hook.aliases`.
"""

# No `from __future__` and no typing here: either would cost more than all the rest.
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Optional, Sequence


def wanted() -> bool:
    """Return False if the environment says ``BTSTORES_NO_HOOK=1``."""
    return os.environ.get("BTSTORES_NO_HOOK", "0") in ("", "0")


class _Starter:
    """Gives its place to the finder of the aliases as soon as somebody imports backtrader."""

    def find_spec(
        self,
        name: str,
        path: "Optional[Sequence[str]]" = None,
        target: "Optional[ModuleType]" = None,
    ) -> "Optional[ModuleSpec]":
        if name != "backtrader":
            return None
        sys.meta_path.remove(self)
        try:
            from _btstores_hook import aliases
        except Exception:  # half uninstalled, say: no reason to take backtrader away
            return None
        aliases.install()
        return aliases.finder.find_spec(name, path, target)


starter = _Starter()


def start() -> None:
    """Wait for backtrader, unless the environment says no."""
    if wanted():
        sys.meta_path.insert(0, starter)
