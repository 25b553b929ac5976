"""Fixtures for all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytest.register_assert_rewrite("btstores.testing")

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real price files: $BTSTORES_TEST_DATA, or shared/data beside the repository."""
    folder = Path(os.environ.get("BTSTORES_TEST_DATA") or REPOSITORY.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no real price files: {folder} is not there (set BTSTORES_TEST_DATA)")
    return folder


@pytest.fixture(autouse=True)
def markets_of_this_test_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget after each test which markets it registered for the whole process."""
    monkeypatch.setattr("btstores.markets._REGISTERED", {})
    monkeypatch.delenv("BTSTORES_MARKETS", raising=False)
