"""The paper venue runs the conformance suite, with its own powers and with the core's."""

from __future__ import annotations

import dataclasses

import pytest

from btstores import LiveCerebro
from btstores.reports import OrderType, TimeInForce
from btstores.testing import StoreConformance, all_cases, run_case
from btstores.testing.paper import ControlledPaper


class TestPaper(StoreConformance):
    def make_venue(self):
        return ControlledPaper()


class TestPaperEmulated(StoreConformance):
    """Stops, brackets, groups and expiries are done by the core."""

    def make_venue(self):
        return ControlledPaper(emulate="all")


class PoorPaper(ControlledPaper):
    """Takes market and limit orders till cancelled, and cancels; nothing else."""

    def make_store(self, **params):
        store = super().make_store(**params)
        store.capabilities = dataclasses.replace(
            store.capabilities,
            order_types=frozenset({OrderType.MARKET, OrderType.LIMIT}),
            tifs=frozenset({TimeInForce.GTC}),
            bracket=False,
            oco=False,
            modify=frozenset(),
        )
        return store


class TestPoorPaper(StoreConformance):
    def make_venue(self):
        return PoorPaper()


@pytest.mark.long
class LivePaper(ControlledPaper):
    """The same under the engine of live trading."""

    engine = LiveCerebro


class TestPaperUnderLiveCerebro(StoreConformance):
    def make_venue(self):
        return LivePaper()


class TestPaperOnTheWall(StoreConformance):
    """With threads and real time, as a venue over a network has them."""

    def make_venue(self):
        return ControlledPaper(speed=20.0)

    # These wait for the end of a session.

    @pytest.mark.long
    def test_N14_day_expires(self):
        super().test_N14_day_expires()

    @pytest.mark.long
    def test_N28_close_order(self):
        super().test_N28_close_order()


def test_the_whole_suite_is_the_same_every_time():
    few = [one for one in all_cases() if one.id in ("E01", "E84", "N21", "N41")]
    first, second = ([run_case(one, ControlledPaper()) for one in few] for _ in range(2))
    assert first == second
