"""The wheel, built once, and environments that have it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.packaging.environment import Environment

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    options = ["-q", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "wheel", *options, "-w", str(folder), str(REPOSITORY)]
    subprocess.run(command, check=True)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment with the wheel; for tests that leave it as it is."""
    environment = Environment(tmp_path_factory.mktemp("installed"))
    environment.pip("install", str(wheel))
    return environment


@pytest.fixture
def fresh(wheel: Path, tmp_path: Path) -> Environment:
    """The same, for one test alone."""
    environment = Environment(tmp_path)
    environment.pip("install", str(wheel))
    return environment
