"""Finding stores by name."""

from __future__ import annotations

import pytest

from btstores.errors import ConfigError, MissingExtraError, UnknownStoreError
from btstores.stores import registry
from btstores.stores.base import BaseStore
from tests.support.venue import ScriptedStore


class Point:
    """An entry point, as an installed package offers it."""

    def __init__(self, name, load):
        self.name, self._load = name, load

    def load(self):
        return self._load()


def missing(library):
    def load():
        raise ModuleNotFoundError(f"No module named {library!r}", name=library)

    return load


@pytest.fixture
def offered(monkeypatch):
    def offer(**loaders):
        points = {name: Point(name, load) for name, load in loaders.items()}
        monkeypatch.setattr(registry, "installed_stores", lambda: points)

    return offer


def test_our_own_stores_are_offered_by_the_installed_package():
    stores = registry.installed_stores()
    assert "paper" in stores
    assert list(stores) == sorted(stores)
    assert issubclass(registry.find_store("paper"), BaseStore)


def test_a_store_of_another_package_is_found_and_opened(offered):
    offered(scripted=lambda: ScriptedStore)
    store = registry.open_store("scripted", account="by name")
    assert isinstance(store, ScriptedStore)
    assert store.params.account == "by name"
    assert registry.open_store("scripted", account="by name") is store


def test_an_unknown_name_is_told_with_the_known_ones(offered):
    offered(one=lambda: None, two=lambda: None)
    with pytest.raises(
        UnknownStoreError, match="no store is called 'three'; installed are: one, two"
    ):
        registry.open_store("three")


def test_a_missing_client_library_names_the_command_that_installs_it(offered):
    offered(futu=missing("futu.common"))
    with pytest.raises(MissingExtraError, match=r"pip install 'btstores\[futu\]'") as caught:
        registry.open_store("futu")
    assert caught.value.extra == "futu"


def test_a_missing_module_of_ours_is_a_bug_and_not_a_missing_extra(offered):
    offered(futu=missing("btstores.stores.futu"))
    with pytest.raises(ModuleNotFoundError) as caught:
        registry.open_store("futu")
    assert not isinstance(caught.value, MissingExtraError)


def test_a_wrong_parameter_names_the_store(offered):
    offered(scripted=lambda: ScriptedStore)
    with pytest.raises(ConfigError, match="ScriptedStore has no parameter 'hots'"):
        registry.open_store("scripted", hots="x")
