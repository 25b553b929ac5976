"""Running the sides in turns, each in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from typing import Any, Callable, Dict, List, NamedTuple, Optional

from benchmarks.harness import load_average
from benchmarks.peers import environments, results
from benchmarks.peers.plan import JOBS, Job, Side, sides_of

LIMIT = 180.0


class Extent(NamedTuple):
    """How much to measure."""

    rounds: int
    scale: float


FULL = Extent(rounds=7, scale=1.0)
QUICK = Extent(rounds=2, scale=0.2)


class Found(NamedTuple):
    """All that a run told. ``loads`` is the load average before each round."""

    values: results.Values
    versions: Dict[str, Dict[str, str]]
    loads: List[Optional[float]]
    failed: List[str]


def last_core() -> Optional[int]:
    """Return the core for the sides; None where a process cannot choose."""
    if not hasattr(os, "sched_getaffinity"):
        return None
    return max(os.sched_getaffinity(0))


def command(side: Side, job: Job, scale: float, core: Optional[int], out: str) -> List[str]:
    """Return the command that has ``side`` do ``job``."""
    words = [environments.python_of(side.environment), "-m", f"benchmarks.peers.{side.module}"]
    words += [job.shape, "--count", str(job.sized(side.name, scale))]
    words += ["--instruments", str(job.instruments), "--strategies", str(job.strategies)]
    words += [f"--variant={side.variant}", "--out", out]
    return words if core is None else [*words, "--core", str(core)]


def run_one(side: Side, job: Job, scale: float, core: Optional[int]) -> Dict[str, Any]:
    """Return what one process found, or ``{"error": why not}``."""
    with tempfile.TemporaryDirectory() as home:
        # vnpy keeps its files in the user's folder.
        places = {"HOME": home, "USERPROFILE": home, "PYTHONPATH": environments.ROOT}
        out = os.path.join(home, "figures.json")
        try:
            done = subprocess.run(
                command(side, job, scale, core, out),
                cwd=home,
                env={**os.environ, **places},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                timeout=LIMIT,
            )
        except subprocess.TimeoutExpired:
            return {"error": f"took more than {LIMIT:g} s"}
        if done.returncode != 0 or not os.path.exists(out):
            said = done.stderr.decode(errors="replace").strip().splitlines()
            return {"error": said[-1] if said else f"exit code {done.returncode}"}
        with open(out, encoding="utf-8") as figures:
            found: Dict[str, Any] = json.load(figures)
    return found


def run_all(
    extent: Extent,
    only: Optional[List[str]] = None,
    one: Callable[..., Dict[str, Any]] = run_one,
) -> Found:
    """Do all jobs by turns, round after round, so that what else the machine does hits all."""
    core = last_core()
    found = Found({}, {}, [], [])
    for number in range(1, extent.rounds + 1):
        found.loads.append(load_average())
        began = time.perf_counter()
        print(f"round {number} of {extent.rounds} ...", end=" ", file=sys.stderr, flush=True)
        for job in JOBS:
            for side in sides_of(job, only):
                told = one(side, job, extent.scale, core)
                if "error" in told:
                    found.failed.append(f"{side.title}: {job.title}: {told['error']}")
                    continue
                found.versions[side.name] = told["versions"]
                results.add(found.values, job.name, side.name, told["figures"])
        print(f"{time.perf_counter() - began:.0f} s", file=sys.stderr)
    return found
