"""The import hook, against a stand-in backtrader and stand-in stores in a fresh interpreter."""

from __future__ import annotations

import importlib
import os
import pickle
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from btstores import compat

FILES = {
    # Like upstream's: tries its live stores while it loads, and goes without where that fails.
    "backtrader/__init__.py": "from . import brokers, feeds, stores\n",
    "backtrader/brokers/__init__.py": "",
    "backtrader/feeds/__init__.py": "",
    "backtrader/stores/__init__.py": """
        try:
            from .ibstore import IBStore
        except ImportError:
            pass
        try:
            from .oldstore import OldStore
        except ImportError:
            pass
        """,
    "backtrader/stores/ibstore.py": "import a_library_that_nobody_has\nclass IBStore: pass\n",
    "backtrader/stores/oldstore.py": "class OldStore: upstream = True\n",
    "ours/__init__.py": "",
    "ours/base.py": "class BaseStore: pass\n",
    "ours/broken.py": "import a_library_that_nobody_has\n",
    "ours/handlers/__init__.py": "from .base import Handler\n",
    "ours/handlers/base.py": "class Handler: pass\n",
    "ours/stores/__init__.py": "",
    "ours/stores/gateway.py": "",
    "ours/stores/paper/__init__.py": "",
    "ours/stores/paper/store.py": """
        class PaperStore: pass
        class PaperBroker: pass
        class PaperData: pass
        """,
    "ours/stores/ib/__init__.py": "",
    "ours/stores/ib/store.py": "class IBStore: pass\n",
    "ours/stores/old/__init__.py": "",
    "ours/stores/old/store.py": "class OldStore: upstream = False\n",
    "ours/stores/longname/__init__.py": "",
    "ours/stores/longname/aliases.txt": "backtrader.stores.lnstore\nbacktrader.feeds.ln\n",
    "ours/stores/longname/store.py": "class LNStore: pass\n",
    "ours/stores/empty/__init__.py": "",
}

PRELUDE = """
import os, sys
del os.environ["BTSTORES_NO_HOOK"]
import _btstores_hook.aliases as hook
finder = hook.AliasFinder(
    aliases={
        "backtrader.stores.base": "ours.base",
        "backtrader.stores.brokenstore": "ours.broken",
        "backtrader.handlers": "ours.handlers",
    },
    attributes={
        "backtrader.brokers": {},
        "backtrader.feeds": {},
        "backtrader.stores": {"BaseStore": "backtrader.stores.base"},
    },
    venues="ours.stores",
)
"""


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
    return folder


@pytest.fixture
def run(world: Path):
    def run(program: str, prelude: str = PRELUDE + "hook.install(finder)\n") -> None:
        done = subprocess.run(
            [sys.executable, "-c", prelude + textwrap.dedent(program)],
            cwd=str(world),
            env={**os.environ, "BTSTORES_NO_HOOK": "1", "PYTHONPATH": str(world)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stdout) == (0, "")

    return run


def test_an_alias_is_the_real_module(run):
    run("""
        import backtrader.stores.base as alias, ours.base as real
        assert alias is real
        assert sys.modules["backtrader.stores.base"] is real
        assert real.__name__ == real.__spec__.name == "ours.base"
        import backtrader
        assert backtrader.stores.base is real
        from backtrader.stores import base
        assert base is real
    """)


def test_importing_backtrader_imports_none_of_ours(run):
    run("""
        import backtrader
        assert not [name for name in sys.modules if name.partition(".")[0] == "ours"]
        assert not hasattr(backtrader.stores, "NoSuchStore")
        assert not [name for name in sys.modules if name.partition(".")[0] == "ours"]
    """)


def test_an_aliased_package_stands_for_all_that_is_in_it(run):
    run("""
        from backtrader.handlers.base import Handler
        import backtrader.handlers, ours.handlers
        assert backtrader.handlers is ours.handlers
        assert sys.modules["backtrader.handlers.base"] is ours.handlers.base
        assert Handler is ours.handlers.Handler
        try:
            import backtrader.handlers.nothing
        except ModuleNotFoundError as error:
            assert "handlers.nothing" in str(error)
        else:
            raise AssertionError
    """)


def test_a_store_folder_needs_no_row(run):
    run("""
        import backtrader as bt
        import backtrader.stores.paperstore, backtrader.brokers.paperbroker
        import backtrader.feeds.paperdata
        import ours.stores.paper.store as real
        assert bt.stores.paperstore is bt.brokers.paperbroker is bt.feeds.paperdata is real
        from backtrader.stores import PaperStore
        assert PaperStore is bt.stores.PaperStore is real.PaperStore
        assert bt.brokers.PaperBroker is real.PaperBroker
        assert bt.feeds.PaperData is real.PaperData
    """)


def test_a_store_folder_may_list_more_names(run):
    run("""
        import backtrader as bt
        from backtrader.feeds import ln
        import ours.stores.longname.store as real
        assert ln is real
        assert bt.stores.LNStore is real.LNStore
    """)


@pytest.mark.parametrize("name", ["emptystore", "nosuchstore", "gateway", "store", "paper"])
def test_what_is_no_store_is_not_found(run, name):
    run(f"""
        try:
            import backtrader.stores.{name}
        except ModuleNotFoundError as error:
            assert error.name == "backtrader.stores.{name}"
        else:
            raise AssertionError
    """)


def test_what_upstream_can_import_stays_upstreams(run):
    run("""
        import backtrader as bt
        from backtrader.stores.oldstore import OldStore
        assert OldStore.upstream and bt.stores.OldStore is OldStore
    """)


def test_what_upstream_cannot_import_is_ours(run):
    run("""
        import backtrader as bt
        assert "IBStore" not in vars(bt.stores)
        from backtrader.stores.ibstore import IBStore
        import ours.stores.ib.store
        assert IBStore is bt.stores.IBStore is ours.stores.ib.store.IBStore
    """)


def test_a_missing_attribute_says_so(run):
    run("""
        import backtrader as bt
        for name in "NoSuchStore", "nosuchstore", "_private":
            try:
                getattr(bt.stores, name)
            except AttributeError as error:
                assert repr(name) in str(error) and "backtrader.stores" in str(error)
            else:
                raise AssertionError
    """)


def test_a_broken_target_says_why_and_can_be_tried_again(run):
    run("""
        for _ in range(2):
            try:
                import backtrader.stores.brokenstore
            except ImportError as error:
                assert error.name == "a_library_that_nobody_has"
            else:
                raise AssertionError
        assert "backtrader.stores.brokenstore" not in sys.modules
    """)


def test_install_after_backtrader_and_more_than_once(run):
    run(
        """
        import backtrader as bt
        for _ in range(3):
            hook.install(finder)
        assert sys.meta_path.count(finder) == 1
        from backtrader.stores import PaperStore, BaseStore
        import backtrader.handlers
        attributes = vars(bt.stores)["__getattr__"]
        hook.install(finder)
        assert vars(bt.stores)["__getattr__"] is attributes
        """,
        prelude=PRELUDE,
    )


def test_nothing_stays_on_backtraders_loader(run):
    run("""
        import importlib, inspect, importlib.util, copy
        spec = importlib.util.find_spec("backtrader")
        assert spec.loader.get_filename() == spec.origin
        copy.copy(spec.loader)
        import backtrader
        from importlib.machinery import SourceFileLoader
        assert type(backtrader.__loader__) is type(backtrader.__spec__.loader) is SourceFileLoader
        assert "import brokers" in inspect.getsource(backtrader)
        importlib.reload(backtrader)
        assert backtrader.stores.PaperStore
    """)


def test_two_finders_share_backtrader(run):
    run("""
        second = hook.AliasFinder({}, {"backtrader.stores": {}}, venues="nowhere.stores")
        hook.install(second)
        import backtrader as bt
        assert bt.stores.PaperStore
        assert not hasattr(bt.stores, "NoSuchStore")
    """)


def test_a_failed_import_of_backtrader_is_backtraders_own(run):
    run("""
        os.mkdir("half")
        os.mkdir("half/backtrader")
        with open("half/backtrader/__init__.py", "w") as file:
            file.write("import a_library_that_nobody_has")
        sys.path.insert(0, "half")
        for _ in range(2):
            try:
                import backtrader
            except ImportError as error:
                assert error.name == "a_library_that_nobody_has"
            else:
                raise AssertionError
        sys.path.remove("half")
        import backtrader.stores.paperstore
    """)


def test_the_environment_can_say_no(run):
    run("""
        os.environ["BTSTORES_NO_HOOK"] = "1"
        before = list(sys.meta_path)
        hook.install(hook.AliasFinder())
        assert sys.meta_path == before
    """)


def test_an_interpreter_start_imports_next_to_nothing(run):
    run(
        """
        import os, sys
        del os.environ["BTSTORES_NO_HOOK"]
        sys.modules.pop("_btstores_hook", None)
        before = set(sys.modules)
        import _btstores_hook
        _btstores_hook.start()
        assert set(sys.modules) - before == {"_btstores_hook"}
        import json
        assert "_btstores_hook.aliases" not in sys.modules
        import backtrader
        assert backtrader.stores.__getattr__
        assert _btstores_hook.starter not in sys.meta_path
        assert sys.meta_path.count(_btstores_hook.aliases.finder) == 1
        """,
        prelude="",
    )


def test_the_start_is_no_harm_where_backtrader_is_missing(run):
    run(
        """
        import os, sys
        del os.environ["BTSTORES_NO_HOOK"]
        folders = [path for path in sys.path if os.path.isdir(path or '.')]
        sys.path[:] = [path for path in folders if "backtrader" not in os.listdir(path or ".")]
        import _btstores_hook
        _btstores_hook.start()
        for _ in range(2):
            try:
                import backtrader.stores.base
            except ModuleNotFoundError as error:
                assert error.name == "backtrader"
            else:
                raise AssertionError
        """,
        prelude="",
    )


def test_without_the_hook_file_importing_btstores_is_enough():
    """``-S``, zipped and frozen programs read no .pth file."""
    program = f"""
import sys
sys.path += {[path for path in sys.path if path]!r}
import backtrader as bt
assert not hasattr(bt.stores, "BaseStore")
import btstores
from backtrader.stores.base import BaseStore
import btstores.stores.base
assert BaseStore is btstores.stores.base.BaseStore is bt.stores.BaseStore
"""
    subprocess.run([sys.executable, "-S", "-c", program], check=True)


def test_every_row_leads_to_a_module_of_ours():
    finder = compat.AliasFinder()
    for alias, real_name in compat.ALIASES.items():
        assert importlib.import_module(alias) is importlib.import_module(real_name)
    for package, rows in compat.ATTRIBUTES.items():
        for name, alias in rows.items():
            assert finder.real_name(alias)
            assert getattr(importlib.import_module(package), name).__name__ == name


def test_classes_pickle_by_our_names():
    store_class = importlib.import_module("backtrader.stores.base").BaseStore
    assert store_class.__module__.startswith("btstores.")
    assert pickle.loads(pickle.dumps(store_class)) is store_class
