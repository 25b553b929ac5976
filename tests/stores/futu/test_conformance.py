"""FutuStore runs the conformance suite: the genuine client against a simulated OpenD."""

from __future__ import annotations

import pytest

pytest.importorskip("futu", reason="futu-api is not installed")

from btstores.testing import StoreConformance
from tests.support.opend_venue import MarginVenue, OpenDVenue, RealVenue


class TestFutuPaper(StoreConformance):
    """A simulated account, without stops, fills and orders beyond the day."""

    def make_venue(self):
        return OpenDVenue()

    # These wait for the end of a session or of a limit.

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
class TestFutuReal(StoreConformance):
    """A cash account in Hong Kong: working sales freeze what they sell."""

    def make_venue(self):
        return RealVenue()


@pytest.mark.long
class TestFutuMargin(StoreConformance):
    """A margin account in the United States: short sales, and stops at the venue."""

    def make_venue(self):
        return MarginVenue()
