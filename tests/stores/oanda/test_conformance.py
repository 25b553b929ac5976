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


@pytest.mark.long
class TestOandaHedging(StoreConformance):
    """A hedging account, whose transactions pass from 999 to 1000."""

    def make_venue(self):
        return HedgingVenue()
