"""A virtual environment that a test makes for itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import List

# The caller's own settings must not reach the interpreters under test.
CLEAN = {
    name: value for name, value in os.environ.items() if not name.startswith(("BTSTORES", "PYTHON"))
}


class Environment:
    """A virtual environment of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        self.pip("install", "pip>=21.3")

    def pip(self, *arguments: str) -> None:
        self.call("-m", "pip", *arguments, "-q", "--disable-pip-version-check")

    def call(self, *arguments: str, **environment: str) -> str:
        """Run its Python, which must succeed, and return all that it printed."""
        done = subprocess.run(
            [str(self.python), *arguments],
            cwd=str(self.folder),
            env={**CLEAN, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def run(self, program: str, **environment: str) -> None:
        """Run a program, which must succeed and print nothing at all."""
        assert self.call("-c", program, **environment) == ""

    @property
    def site_packages(self) -> Path:
        return Path(
            self.call("-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
        )

    def files_of_ours(self) -> List[str]:
        return [path.name for path in self.site_packages.iterdir() if "btstores" in path.name]
