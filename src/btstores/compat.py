"""The import names under ``backtrader``: ``from backtrader.stores.paperstore import PaperStore``.

The names come from a hook in a module of its own, because every interpreter runs it when it starts
(see ``_btstores_hook``), also those that never import btstores. This is its door from inside the
package.
"""

from __future__ import annotations

from _btstores_hook.aliases import ALIASES, ATTRIBUTES, AliasFinder, install

__all__ = ["ALIASES", "ATTRIBUTES", "AliasFinder", "install"]
