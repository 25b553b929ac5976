"""The suite on a store that is not ours: that of the manual, over HTTP, with market and limit
orders only. The core does the rest."""

from __future__ import annotations

import importlib
import itertools
import sys
from pathlib import Path

import pytest

from btstores.clock import SimulatedClock
from btstores.testing import Outcome, Venue, all_cases, run_case

EXAMPLES = Path(__file__).resolve().parents[3] / "docs" / "examples"
CASES = {one.id: one for one in all_cases()}


@pytest.fixture
def example(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    yield importlib.import_module("test_tiny_store")
    for name in ("tiny_store", "test_tiny_store"):
        sys.modules.pop(name, None)


class TinyAccount(Venue):
    """The example's venue, with bars for more than a day and an account that lasts."""

    symbol = "TINY"
    size = 10.0
    away = 0.2
    qcheck = 0.01
    expiry = 30.0

    def __init__(self, example):
        self._store = example.TinyStore
        self._clock = SimulatedClock(example.START * 10**9)
        self._serving = example.serve(lasting(example))
        self._port = self._serving.__enter__()

    def make_store(self, **params):
        return self._store(port=self._port, clock=self._clock, **params)

    def close(self):
        self._serving.__exit__(None, None, None)


def lasting(example):
    """Return a venue that keeps its price, its ids apart and its fills in mind."""

    class Lasting(example.TinyVenue):
        def __init__(self):
            super().__init__()
            self.bars = [self._flat(minute) for minute in range(2000)]
            self.cash = 10_000.0
            self.fills = []
            self.ids = itertools.count()

        def _flat(self, minute):
            prices = {"open": 10.0, "high": 10.5, "low": 9.5, "close": 10.0, "volume": 100.0}
            return dict(prices, symbol="TINY", time=example.START + 60 * minute)

        def _take_order(self, order):
            self.orders = Numbered(self.orders, next(self.ids))
            return super()._take_order(order)

        def _tell(self, kind, item):
            super()._tell(kind, item)
            if kind == "fill":
                self.fills.append(self.news[-1])

        def answer(self, method, path, body):
            tag = path.rpartition("/")[2]
            if method == "DELETE" and path.startswith("/orders") and tag not in self.orders:
                return 404, "no such order"
            status, said = super().answer(method, path, body)
            if path == "/status":
                said["fills"] = self.fills
            return status, said

    return Lasting()


class Numbered(dict):
    """Orders whose number counts those that are gone as well."""

    def __init__(self, orders, number):
        super().__init__(orders)
        self.number = number

    def __len__(self):
        return self.number


PASS = ["E01", "E06", "E10", "E36", "E40", "E74", "E75", "E81", "E84", "E86", "N09", "N11", "N12"]
PASS += ["N16", "N18", "N19", "N21", "N33", "N39", "N57", "N62", "N76"]
EMULATED = ["E18", "E20", "E22", "E35", "E50", "N05", "N31", "N34"]
SKIPPED = ["E02", "E03", "E30", "E43", "E77", "E90", "N01", "N24", "N25", "N60"]


@pytest.mark.parametrize(
    ("number", "outcome"),
    [
        *((number, Outcome.PASSED) for number in PASS),
        *((number, Outcome.EMULATED) for number in EMULATED),
        *((number, Outcome.SKIPPED) for number in SKIPPED),
    ],
)
def test_a_case(example, number, outcome):
    result = run_case(CASES[number], TinyAccount(example))
    assert result.outcome is outcome, result
