"""One store object for one connection, with checked parameters."""

from __future__ import annotations

import gc
import weakref

import pytest

from btstores.config import Param
from btstores.errors import ConfigError, JournalError, LinkError
from btstores.stores.base import BaseStore
from tests.support.venue import ScriptedStore


@pytest.fixture
def Keyed():
    """Return a class of stores that are told apart by host, port and account, as most are."""

    class Keyed(ScriptedStore):
        PARAMS = (Param("password", None, (str,), secret=True),)

        @classmethod
        def identity(cls, params):
            return BaseStore.identity.__func__(cls, params)

    return Keyed


def test_the_same_parameters_give_the_same_store(Keyed):
    one = Keyed(host="here", port=1)
    assert Keyed(host="here", port=1) is one
    assert Keyed(port=1, host="here", account=None) is one


def test_other_parameters_of_the_connection_give_another_store_beside_it(Keyed):
    stores = [Keyed(host="here", account=name) for name in ("a", "b")]
    stores.append(Keyed(host="there", account="a"))
    assert len({id(store) for store in stores}) == 3
    assert [store.params.account for store in stores] == ["a", "b", "a"]
    assert len({id(store.getbroker()) for store in stores}) == 3


def test_without_arguments_the_only_store_is_meant(Keyed):
    one = Keyed(host="here", port=1)
    assert Keyed() is one
    assert Keyed(host="there") is not one


def test_stores_of_two_classes_have_nothing_to_do_with_each_other(Keyed):
    class Other(Keyed):
        pass

    one = Keyed(host="here")
    assert Other(host="here") is not one
    assert Other() is not one


def test_a_store_that_is_open_does_not_change_its_parameters(Keyed):
    one = Keyed(host="here", timeout=5)
    assert Keyed(host="here", timeout=5) is one
    with pytest.raises(ConfigError, match="is open already with other parameters: timeout"):
        Keyed(host="here", timeout=6)


def test_a_store_that_nobody_holds_is_not_open(Keyed):
    one = Keyed(host="here", timeout=5)
    one.itself = one
    gone = weakref.ref(one)
    gc.disable()
    try:
        del one
        assert gone() is not None, "it takes a collection to find it"
        assert Keyed(host="here", timeout=6).params["timeout"] == 6
    finally:
        gc.enable()
    assert gone() is None


def test_parameters_that_have_no_plain_equality_are_the_same_or_not(Keyed):
    class Column:
        def __eq__(self, other):
            return [True, False]

        def __ne__(self, other):
            raise ValueError("the truth value is ambiguous")

    journal = Column()
    one = Keyed(host="here", journal=journal)
    assert Keyed(host="here", journal=journal) is one
    with pytest.raises(ConfigError, match="is open already with other parameters: journal"):
        Keyed(host="here", journal=Column())


def test_a_stopped_store_gives_its_place_away_and_an_unused_one_is_forgotten(Keyed):
    one = Keyed(host="here", timeout=5)
    one.start()
    one.stop()
    assert Keyed(host="here", timeout=6) is not one
    del one
    gc.collect()
    assert len(Keyed._instances) == 0


def test_a_store_that_was_never_started_gives_its_place_away_when_it_is_stopped(Keyed):
    one = Keyed(host="here", timeout=5)
    one.stop()
    assert Keyed(host="here", timeout=6) is not one


def test_a_store_that_could_not_connect_gives_its_place_away(Keyed):
    one = Keyed(host="here", timeout=5)

    def refuse(put, timeout):
        raise LinkError("no such account")

    one.gateway.connect = refuse
    with pytest.raises(LinkError, match="no such account"):
        one.start()
    assert Keyed(host="here", timeout=6) is not one


def test_a_store_whose_journal_does_not_open_gives_its_place_away(Keyed, tmp_path):
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"no journal, but longer than a header " * 40)
    one = Keyed(host="here", journal=str(broken))
    with pytest.raises(JournalError):
        one.start()
    assert one.stopped
    assert Keyed(host="here", journal=None) is not one


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"hots": "x"}, "Keyed has no parameter 'hots'; it has: .*host"),
        ({"port": "x"}, "port='x': expected int"),
        ({"market": "HK"}, "market='HK': expected MarketType"),
        ({"clock": 5}, "clock=5: expected Clock"),
    ],
)
def test_a_wrong_parameter_is_named(Keyed, given, message):
    with pytest.raises(ConfigError, match=message):
        Keyed(**given)


def test_parameters_go_by_name(Keyed):
    with pytest.raises(ConfigError, match="takes its parameters by name"):
        Keyed("here")


def test_a_secret_is_never_shown(Keyed):
    store = Keyed(host="here", password="hunter2")
    assert repr(store) == "Keyed(Params(host='here', password=***))"
    assert "hunter2" not in f"{store} {store.params} {store.p!r}"
    with pytest.raises(ConfigError) as caught:
        Keyed(host="here", password="hunter3")
    assert "hunter" not in str(caught.value)


def test_a_store_must_say_how_its_gateway_is_made():
    class Empty(BaseStore):
        pass

    with pytest.raises(NotImplementedError, match="Empty must make its gateway"):
        Empty()
