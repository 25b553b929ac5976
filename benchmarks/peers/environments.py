"""An environment for each peer, made when first asked for."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import venv
from typing import List

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDER = os.path.join(ROOT, ".venv-peers")
#: Their lists are whole by themselves, and leave out what is only for windows.
WITHOUT_DEPENDENCIES = ("vnpy",)
#: What the pinned releases of all peers run on.
FIRST_PYTHON, LAST_PYTHON = (3, 11), (3, 13)


def requirements(name: str) -> str:
    """Return the file that pins what a peer is made of."""
    return os.path.join(ROOT, "requirements", f"peers-{name}.txt")


def install_command(name: str, python: str) -> List[str]:
    command = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    if name in WITHOUT_DEPENDENCIES:
        command.append("--no-deps")
    return [*command, "-r", requirements(name)]


def state_of(name: str) -> str:
    """Return what an environment has to have been made of to be current."""
    with open(requirements(name), "rb") as pinned:
        digest = hashlib.sha256(pinned.read()).hexdigest()
    return f"{sys.version}\n{digest}\n"


def python_of(name: str) -> str:
    """Return the interpreter of a peer's environment; "" is the one that runs this."""
    if not name:
        return sys.executable
    scripts = "Scripts" if os.name == "nt" else "bin"
    return os.path.join(FOLDER, name, scripts, "python")


def make(name: str) -> None:
    """Make the environment, unless it is there and current."""
    if not name:
        return
    ready = os.path.join(FOLDER, name, ".ready")
    wanted = state_of(name)
    if os.path.exists(ready):
        with open(ready, encoding="utf-8") as stamp:
            if stamp.read() == wanted:
                return
    print(f"making .venv-peers/{name} (once; up to a minute)", file=sys.stderr, flush=True)
    venv.create(os.path.join(FOLDER, name), clear=True, with_pip=True)
    subprocess.run(install_command(name, python_of(name)), check=True)
    # The last step: what was interrupted is done again.
    with open(ready, "w", encoding="utf-8") as stamp:
        stamp.write(wanted)


def refusal() -> str:
    """Return why this Python cannot run the peers, or ""."""
    if FIRST_PYTHON <= sys.version_info[:2] <= LAST_PYTHON:
        return ""
    first, last = (".".join(map(str, version)) for version in (FIRST_PYTHON, LAST_PYTHON))
    return f"the peers run on Python {first} to {last}; try: make PYTHON=python{first} bench-peers"
