"""OandaStore runs the conformance suite: the genuine client against a simulated OANDA."""

from __future__ import annotations

import pytest

pytest.importorskip("oandapyV20", reason="oandapyV20 is not installed")

from btstores.testing import StoreConformance
from tests.support.oanda_venue import HedgingVenue, OandaVenue


class TestOanda(StoreConformance):
    """A netting account."""

    def make_venue(self):
        return OandaVenue()

    # These wait for the end of a day or of a limit.

    @pytest.mark.long
    def test_N14_day_expires(self):
        super().test_N14_day_expires()

    @pytest.mark.long
    def test_N23_throttled(self):
        super().test_N23_throttled()

    @pytest.mark.long
    def test_N28_close_order(self):
        super().test_N28_close_order()


@pytest.mark.long
class TestOandaHedging(StoreConformance):
    """A hedging account, whose transactions pass from 999 to 1000."""

    def make_venue(self):
        return HedgingVenue()
