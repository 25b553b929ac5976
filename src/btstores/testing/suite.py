"""The suite as pytest sees it: one class to subclass, one test a case."""

from __future__ import annotations

import importlib
from typing import Any, Callable

from btstores.testing.case import Case, all_cases
from btstores.testing.driver import run_case
from btstores.testing.results import Outcome
from btstores.testing.venue import Venue

__all__ = ["StoreConformance"]


class StoreConformance:
    """All cases as tests. A store's test file subclasses it and says on what to run.

    class TestMyStore(StoreConformance):
        def make_venue(self):
            return MyVenue()
    """

    def make_venue(self) -> Venue:
        """Return the venue for one case."""
        raise NotImplementedError(f"{type(self).__name__} must make its venue")


def _test_of(one: Case) -> Callable[[Any], None]:
    def test(self: StoreConformance) -> None:
        pytest: Any = importlib.import_module("pytest")  # a command line needs none
        result = run_case(one, self.make_venue())
        if result.outcome is Outcome.SKIPPED:
            pytest.skip(result.reason)
        if result.outcome is Outcome.FAILED:
            pytest.fail(result.reason, pytrace=False)
        print(f"{one.id} {result.outcome.value}")  # noqa: T201

    test.__doc__ = one.title
    test.__name__ = f"test_{one.id}_{one.name}"
    return test


for _one in all_cases():
    setattr(StoreConformance, f"test_{_one.id}_{_one.name}", _test_of(_one))
