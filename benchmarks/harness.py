"""What all benchmarks share: rows, how much to measure, a process of its own, the machine."""

from __future__ import annotations

import gc
import multiprocessing
import os
import platform
import statistics
from concurrent.futures import ProcessPoolExecutor
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple, TypeVar

import backtrader

T = TypeVar("T")


class Row(NamedTuple):
    """One figure, the figure that it is compared with, and what it has to be.

    ``most`` and ``least`` bound the value, ``ratio_most`` bounds value / baseline.
    """

    name: str
    value: float
    unit: str
    baseline: Optional[float] = None
    against: str = ""
    most: Optional[float] = None
    least: Optional[float] = None
    ratio_most: Optional[float] = None

    @property
    def ratio(self) -> Optional[float]:
        return self.value / self.baseline if self.baseline else None

    @property
    def target(self) -> str:
        targets = []
        if self.most is not None:
            targets.append(f"<= {number(self.most)} {self.unit}")
        if self.least is not None:
            targets.append(f">= {number(self.least)} {self.unit}")
        if self.ratio_most is not None:
            targets.append(f"ratio <= {number(self.ratio_most)}")
        return ", ".join(targets)

    @property
    def met(self) -> Optional[bool]:
        """Whether all targets are met; None when there is none."""
        if not self.target:
            return None
        ratio = self.ratio
        return (
            (self.most is None or self.value <= self.most)
            and (self.least is None or self.value >= self.least)
            and (self.ratio_most is None or (ratio is not None and ratio <= self.ratio_most))
        )

    def record(self, machine: Dict[str, Any]) -> Dict[str, Any]:
        """Return the row as it is written to the file."""
        return {
            "name": self.name,
            "value": rounded(self.value),
            "unit": self.unit,
            "baseline": rounded(self.baseline),
            "against": self.against,
            "ratio": rounded(self.ratio),
            "target": self.target,
            "met": self.met,
            "machine": machine,
        }


class Plan(NamedTuple):
    """How much to measure.

    ``scale`` multiplies the numbers of samples, bars and orders; ``qcheck`` is what the
    upstream-style feeds wait; ``isolate`` gives each measurement a fresh process.
    """

    scale: float = 1.0
    repeats: int = 3
    feeds: Tuple[int, ...] = (1, 10, 100)
    qcheck: float = 0.5
    isolate: bool = True

    def count(self, full: int, least: int) -> int:
        """Return ``full`` scaled, but not under ``least``."""
        return max(least, round(full * self.scale))

    def run(self, function: Callable[..., T], *args: Any) -> T:
        """Return ``function(*args)``, run by a new interpreter."""
        if not self.isolate:
            gc.collect()
            return function(*args)
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            return pool.submit(function, *args).result()

    def each(self, *functions: Callable[..., T], args: Tuple[Any, ...] = ()) -> List[List[T]]:
        """Run the functions in turn, ``repeats`` times; return the results of each.

        Taking turns spreads what else the machine does over all of them.
        """
        results: List[List[T]] = [[] for _ in functions]
        for _ in range(self.repeats):
            for function, of_function in zip(functions, results):
                of_function.append(self.run(function, *args))
        return results


FULL = Plan()
QUICK = Plan(scale=0.1, repeats=1)


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the value that ``percent`` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def rounded(value: Optional[float]) -> Optional[float]:
    return None if value is None else float(f"{value:.4g}")


def number(value: float) -> str:
    """Return three significant digits, without an exponent."""
    text = f"{float(f'{value:.3g}'):,f}"
    return text.rstrip("0").rstrip(".")


def machine() -> Dict[str, Any]:
    """Return what the figures depend on, as far as it can be found out."""
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "backtrader": backtrader.__version__,
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "os": " ".join(
            (platform.system(), platform.release().partition("-")[0], platform.machine())
        ),
        "gc": "on" if gc.isenabled() else "off",
        "load": load_average(),
    }


def load_average() -> Optional[float]:
    """Return how many processes wanted to run in the last minute, where that is known."""
    try:
        return round(os.getloadavg()[0], 2)
    except (AttributeError, OSError):
        return None


def _cpu_model() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
