"""Make ``backtrader.stores.paperstore`` and its like importable, as the very objects of btstores.

Nothing is written into backtrader's folder. A name that upstream itself could import stays
upstream's: names are added, never replaced. Importing backtrader imports nothing of btstores.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any, Callable, Dict, Iterator, Mapping, Optional, Sequence, Tuple

from _btstores_hook import starter, wanted

# Import name -> the module it is. A package stands for all that is in it.
ALIASES = {
    "backtrader.brokers.storebroker": "btstores.brokers.storebroker",
    "backtrader.feeds.storefeed": "btstores.feeds.storefeed",
    "backtrader.handlers": "btstores.handlers",
    "backtrader.stores.base": "btstores.stores.base",
}

# What each package of backtrader gets as attributes beyond the rule that ``bt.stores.PaperStore``
# is looked for in ``backtrader.stores.paperstore``, and so on.
ATTRIBUTES: Dict[str, Dict[str, str]] = {
    "backtrader.brokers": {"StoreCommInfo": "backtrader.brokers.storebroker"},
    "backtrader.feeds": {},
    "backtrader.stores": {"BaseStore": "backtrader.stores.base"},
}

# Venues have no rows. ``btstores/stores/<venue>/store.py`` is ``backtrader.stores.<venue>store``,
# ``backtrader.brokers.<venue>broker`` and ``backtrader.feeds.<venue>data``, and what a file
# ``aliases.txt`` beside it lists, one full import name a line.
VENUE_SUFFIXES = {
    "backtrader.brokers": "broker",
    "backtrader.feeds": "data",
    "backtrader.stores": "store",
}
VENUES = "btstores.stores"


class AliasFinder:
    """Finds the alias modules, and gives backtrader's packages the names that go with them.

    The tables are arguments for the sake of tests; ``venues`` is the package of the store folders.
    """

    def __init__(
        self,
        aliases: Mapping[str, str] = ALIASES,
        attributes: Mapping[str, Mapping[str, str]] = ATTRIBUTES,
        venues: str = VENUES,
    ) -> None:
        self._aliases = aliases
        self._attributes = attributes
        self._venues = venues
        self._backtrader_is_loading = False

    def find_spec(
        self,
        name: str,
        path: Optional[Sequence[str]] = None,
        target: Optional[ModuleType] = None,
    ) -> Optional[ModuleSpec]:
        """Answer Python's import system."""
        if name == "backtrader":
            return self._watched_spec(name, path, target)
        # While backtrader loads it tries its own live stores: ours would import it in a circle.
        if self._backtrader_is_loading or not name.startswith("backtrader."):
            return None
        real_name = self.real_name(name)
        if real_name is None:
            return None
        return ModuleSpec(name, _AliasLoader(real_name), origin=real_name)  # type: ignore[arg-type]

    def real_name(self, name: str) -> Optional[str]:
        """Return the module that the alias ``name`` stands for, or None. Imports nothing."""
        if name in self._aliases:
            return self._aliases[name]
        package, _, leaf = name.rpartition(".")
        if not package:
            return None
        outer = self.real_name(package)
        if outer is not None:
            return outer + "." + leaf
        return self._venue_module(name, VENUE_SUFFIXES.get(package))

    def attach(self) -> None:
        """Give the loaded packages of backtrader their attributes; more than once is no harm."""
        for package, rows in self._attributes.items():
            module = sys.modules.get(package)
            if module is None:
                continue
            present = module.__dict__.get("__getattr__")
            if not (isinstance(present, _LazyAttributes) and present.finder is self):
                attributes = _LazyAttributes(self, package, rows, present)
                module.__getattr__ = attributes  # type: ignore[method-assign]

    def _venue_module(self, name: str, suffix: Optional[str]) -> Optional[str]:
        if suffix is None:
            return None
        for venue, folder in self._venue_folders():
            if name.endswith("." + venue + suffix) or name in _lines(folder, "aliases.txt"):
                return self._venues + "." + venue + ".store"
        return None

    def _venue_folders(self) -> Iterator[Tuple[str, str]]:
        """Yield name and folder of each store, read from the disk: btstores is not imported."""
        package, *rest = self._venues.split(".")
        spec = find_spec(package)
        for root in (spec and spec.submodule_search_locations) or ():
            stores = os.path.join(root, *rest)
            for venue in sorted(os.listdir(stores)) if os.path.isdir(stores) else ():
                folder = os.path.join(stores, venue)
                if os.path.isfile(os.path.join(folder, "store.py")):
                    yield venue, folder

    def _watched_spec(
        self, name: str, path: Optional[Sequence[str]], target: Optional[ModuleType]
    ) -> Optional[ModuleSpec]:
        """Return backtrader's own spec, with a loader that tells us when it has run."""
        for finder in sys.meta_path[sys.meta_path.index(self) + 1 :]:
            ask = getattr(finder, "find_spec", None)
            spec: Optional[ModuleSpec] = ask and ask(name, path, target)
            if spec is not None:
                if hasattr(spec.loader, "exec_module"):
                    spec.loader = _WatchedLoader(spec.loader, self)  # type: ignore[assignment]
                return spec
        return None

    def load_backtrader(self, loader: Any, module: ModuleType) -> None:
        """Run the true loader of backtrader, then add our attributes."""
        self._backtrader_is_loading = True
        try:
            loader.exec_module(module)
        finally:
            self._backtrader_is_loading = False
        self.attach()


class _AliasLoader:
    """Loads an alias by putting the real module in its place: one class object, not two."""

    def __init__(self, real_name: str) -> None:
        self._real_name = real_name

    def create_module(self, spec: ModuleSpec) -> None:
        # Not the real module: the import system would overwrite its __spec__.
        return None

    def exec_module(self, module: ModuleType) -> None:
        sys.modules[module.__name__] = import_module(self._real_name)


class _WatchedLoader:
    """Stands in for backtrader's loader until it runs; afterwards nothing of it is left."""

    def __init__(self, loader: Any, finder: AliasFinder) -> None:
        self._loader = loader
        self._finder = finder

    def __getattr__(self, name: str) -> Any:
        if name == "_loader":  # being copied: not set yet
            raise AttributeError(name)
        return getattr(self._loader, name)

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._finder.load_backtrader(self._loader, module)


class _LazyAttributes:
    """The ``__getattr__`` of ``backtrader.stores``: called only for names it does not have."""

    def __init__(
        self,
        finder: AliasFinder,
        package: str,
        rows: Mapping[str, str],
        previous: Optional[Callable[[str], Any]],
    ) -> None:
        self.finder = finder
        self._package = package
        self._rows = rows
        self._previous = previous

    def __call__(self, name: str) -> Any:
        alias = self._rows.get(name)
        if alias is None and name[:1].isupper():
            alias = self._package + "." + name.lower()
        if alias is not None and self.finder.real_name(alias) is not None:
            return getattr(import_module(alias), name)
        if self._previous is not None:
            return self._previous(name)
        raise AttributeError(f"module {self._package!r} has no attribute {name!r}")


def _lines(folder: str, file: str) -> Sequence[str]:
    try:
        with open(os.path.join(folder, file), encoding="utf-8") as stream:
            return stream.read().split()
    except OSError:
        return ()


finder = AliasFinder()


def install(finder: AliasFinder = finder) -> None:
    """Make the names importable from now on, unless the environment says no."""
    if not wanted():
        return
    if starter in sys.meta_path:
        sys.meta_path.remove(starter)
    if finder not in sys.meta_path:
        sys.meta_path.insert(0, finder)
    if "backtrader" in sys.modules:
        finder.attach()
