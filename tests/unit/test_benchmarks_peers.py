"""The comparison with other libraries, as far as it goes without them: they are not installed here.

The shapes run on a side that hands everything straight on, and btstores' own side as it is.
"""

from __future__ import annotations

import ast
import itertools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List

import pytest

from benchmarks import page
from benchmarks.peers import __main__ as command
from benchmarks.peers import environments, report, results, run, shapes
from benchmarks.peers.plan import JOBS, OURS, SIDES, Job, Side, sides_of

MACHINE = dict.fromkeys(("python", "cpu", "cores", "os"), "x")


class Trader:
    """A strategy's orders, each of which is told at once."""

    def __init__(self, shape: shapes.Shape) -> None:
        self.shape = shape
        self.keys = itertools.count(1)

    def buy_at_market(self) -> None:
        key = next(self.keys)
        for state in ("submitted", "accepted", "filled"):
            self.shape.on_order(key, state)

    def buy_far_below(self) -> int:
        key = next(self.keys)
        self.shape.on_order(key, "accepted")
        return key

    def cancel_resting(self, key: int) -> None:
        self.shape.on_order(key, "canceled")


def driven(name: str, monkeypatch: pytest.MonkeyPatch, **sizes: int) -> Dict[str, float]:
    """Return the figures of a shape whose ticks are seen as soon as they are sent."""
    monkeypatch.setattr(shapes, "PAUSE", (0.0, 0.0))
    monkeypatch.setattr(shapes, "quiet", lambda: None)
    shape = shapes.SHAPES[name](**{"count": 5, **sizes})
    trader = Trader(shape)

    def send(instrument: int, price: float) -> None:
        for _ in range(shape.strategies):
            shape.on_tick(trader, price)

    shapes.drive(shape, send)
    return shape.figures()


@pytest.mark.parametrize(
    ("name", "sizes", "keys"),
    [
        ("tick_trip", {"instruments": 3}, ["p50", "p99"]),
        ("tick_burst", {"strategies": 2}, ["each"]),
        (
            "order_trip",
            {},
            [f"{s}.p{p}" for s in ("submitted", "accepted", "filled") for p in (50, 99)],
        ),
        ("cancels", {}, ["p50", "p99"]),
    ],
)
def test_each_shape_ends_and_has_its_figures(name, sizes, keys, monkeypatch):
    figures = driven(name, monkeypatch, **sizes)
    assert list(figures) == keys
    assert all(0 < value < 1e6 for value in figures.values())


def test_what_a_venue_never_tells_is_no_figure():
    shape = shapes.OrderTrip(1)
    shape.trips = [{"submitted": 1e-6, "filled": 3e-6}]
    assert shape.figures() == pytest.approx(
        {"submitted.p50": 1, "submitted.p99": 1, "filled.p50": 3, "filled.p99": 3}
    )


def test_an_instrument_never_gets_the_same_price_twice_in_a_row():
    shape = shapes.TickTrip(5, instruments=2)
    assert [shape.next_price(0) for _ in range(3)] == [100.25, 100.0, 100.25]
    assert shape.next_price(1) == 100.25


def test_percentiles_are_microseconds():
    found = shapes.percentiles([i / 1e6 for i in range(1, 101)])
    assert found == pytest.approx({"p50": 51, "p99": 100})


# The plan


def test_every_job_asks_for_figures_that_its_shape_has(monkeypatch):
    for job in JOBS:
        figures = driven(job.shape, monkeypatch)
        assert {figure.key for figure in job.figures} <= set(figures)


def test_everyone_is_compared_with_us_in_every_job():
    for job in JOBS:
        assert OURS not in job.without
        assert {*job.fewer, *job.without} <= {side.name for side in SIDES}
        assert OURS in {side.name for side in sides_of(job, ["vnpy"])}


def test_one_peer_is_measured_beside_all_of_ours():
    environment = {side.environment for side in sides_of(JOBS[0], ["nautilus"])}
    assert environment == {"", "nautilus"}


@pytest.mark.parametrize("side", SIDES, ids=lambda side: side.name)
def test_a_side_imports_its_library_and_what_it_has_to_have_for_it_alone(side):
    folder = Path(environments.ROOT, "benchmarks", "peers")
    own = {"benchmarks.peers.shapes", "benchmarks.peers.bt_strategy", "benchmarks.peers"}
    allowed = {
        "backtrader": {"backtrader", "benchmarks.queue_feed"},
        "nautilus": {"nautilus_trader"},
        "vnpy": {"vnpy", "vnpy_ctastrategy", "vnpy_paperaccount"},
        "": {"backtrader", "btstores", "benchmarks.venue"},
    }[side.environment]
    standard = {"__future__", "asyncio", "datetime", "importlib", "os", "tempfile", "threading"}
    for name in imports(folder / f"{side.module}.py"):
        package = name.partition(".")[0]
        assert {name, package} & (own | allowed | standard | {"time", "typing"}), name


def imports(path: Path) -> List[str]:
    found: List[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append(node.module or "")
    return found


# Environments


@pytest.mark.parametrize("name", command.NAMES)
def test_what_a_peer_is_made_of_is_pinned(name):
    lines = Path(environments.requirements(name)).read_text(encoding="utf-8").splitlines()
    pinned = [line for line in lines if line and not line.startswith("#")]
    assert pinned
    assert all("==" in line for line in pinned)
    assert ("--no-deps" in environments.install_command(name, "python")) == (name == "vnpy")


@pytest.mark.parametrize(
    ("version", "refused"), [((3, 10), True), ((3, 11), False), ((3, 13), False), ((3, 14), True)]
)
def test_a_python_that_the_peers_do_not_run_on_is_refused(version, refused, monkeypatch):
    monkeypatch.setattr(sys, "version_info", (*version, 0))
    assert ("3.11 to 3.13" in environments.refusal()) == refused


# Rounds


def made_up(values: Dict[str, List[float]], job: str = "tick_burst") -> results.Values:
    found: results.Values = {}
    for side, all_rounds in values.items():
        for value in all_rounds:
            results.add(found, job, side, {"each": value})
    return found


def test_the_ratio_is_that_of_the_medians_to_ours():
    values = made_up({OURS: [10, 11, 40], "vnpy": [5.5, 4, 5.5], "nautilus": [33]})
    ours, vnpy, nautilus = results.lines(values)
    assert (ours.median, ours.best, ours.ratio, ours.is_ours) == (11, 10, 1, True)
    assert (vnpy.side, vnpy.median, vnpy.best, vnpy.ratio) == ("vnpy", 5.5, 4, 0.5)
    assert nautilus.ratio == 3
    assert (ours.low, ours.high) == (10, 40)


def test_without_ours_there_is_no_ratio():
    (line,) = results.lines(made_up({"vnpy": [5]}))
    assert line.ratio is None
    assert results.cells(line) == ["vnpy", "5 (200,000/s)", "5", "5 to 5", ""]


def test_the_terminal_gets_a_table():
    text = results.text_table(made_up({OURS: [10], "vnpy": [5]}))
    assert " ".join(text.splitlines()[0].split()) == (
        "burst of ticks, 1 strategy: each tick median, us best quartiles ratio"
    )
    assert text.splitlines()[2].split() == ["vnpy", "5", "(200,000/s)", "5", "5", "to", "5", "0.5"]
    assert results.text_table({}) == ""


def test_all_take_turns_and_a_failure_is_told(capsys):
    order = []

    def one(side: Side, job: Job, scale: float, core: Any) -> Dict[str, Any]:
        order.append((job.name, side.name))
        if side.name == "vnpy" and job.name == "cancels":
            return {"error": "gone"}
        return {"figures": {job.figures[0].key: 2.0}, "versions": {side.name: "1"}}

    found = run.run_all(run.Extent(rounds=2, scale=1), one=one)
    once = [(job.name, side.name) for job in JOBS for side in sides_of(job)]
    assert order == once * 2
    assert found.failed == ["vnpy: cancel in a burst of ticks: gone"] * 2
    assert found.values["tick_burst"][OURS] == {"each": [2.0, 2.0]}
    assert found.versions["vnpy"] == {"vnpy": "1"}
    assert len(found.loads) == 2
    assert "round 2 of 2" in capsys.readouterr().err


def test_a_side_that_fails_says_why(monkeypatch):
    monkeypatch.setattr(
        run, "command", lambda *args: [sys.executable, "-c", "import no_such_library"]
    )
    told = run.run_one(SIDES[0], JOBS[0], 1.0, None)
    assert told == {"error": "ModuleNotFoundError: No module named 'no_such_library'"}


def test_a_side_that_takes_too_long_is_given_up(monkeypatch):
    monkeypatch.setattr(run, "LIMIT", 0.2)
    endless = "import threading; threading.Event().wait()"
    monkeypatch.setattr(run, "command", lambda *args: [sys.executable, "-c", endless])
    assert run.run_one(SIDES[0], JOBS[0], 1.0, None) == {"error": "took more than 0.2 s"}


OUR_JOBS = [(side, job) for job in JOBS for side in sides_of(job) if not side.environment]


@pytest.mark.long
@pytest.mark.parametrize(
    ("side", "job"), OUR_JOBS, ids=[f"{side.name}-{job.name}" for side, job in OUR_JOBS]
)
def test_our_own_sides_run(side, job):
    small = job._replace(count=5, instruments=min(job.instruments, 3), fewer={})
    told = run.run_one(side, small, 1.0, run.last_core())
    assert {figure.key for figure in job.figures} <= set(told["figures"])
    assert "btstores" in told["versions"]


@pytest.mark.long
def test_the_side_of_backtrader_runs_where_ours_is_installed_too():
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.peers.side_backtrader", "order_trip", "--count", "5"],
        cwd=environments.ROOT,
        stdout=subprocess.PIPE,
        check=True,
    )
    assert set(json.loads(done.stdout)["versions"]) == {"backtrader"}


# The command


@pytest.mark.parametrize(
    ("load", "cores", "refused"),
    [(1.0, 2, False), (1.01, 2, True), (3.9, 8, False), (None, 2, False)],
)
def test_a_busy_machine_is_refused(load, cores, refused):
    assert bool(command.too_loaded(load, cores)) == refused


@pytest.fixture
def nothing_is_run(monkeypatch):
    """Take the place of the peers, their environments and the machine."""
    found = run.Found(made_up({OURS: [10], "vnpy": [5]}), {"vnpy": {"vnpy": "4"}}, [0.5], [])
    monkeypatch.setattr(command, "run_all", lambda extent, only: found)
    monkeypatch.setattr(environments, "make", lambda name: None)
    monkeypatch.setattr(environments, "refusal", lambda: "")
    monkeypatch.setattr(command, "load_average", lambda: 0.5)
    return found


@pytest.mark.usefixtures("nothing_is_run")
def test_on_a_busy_machine_it_takes_force(monkeypatch, capsys):
    monkeypatch.setattr(command, "load_average", lambda: 99.0)
    monkeypatch.setattr(command, "machine", lambda: {**MACHINE, "load": 99.0})
    assert command.main(["--quick"]) == 2
    assert "--force" in capsys.readouterr().err
    assert command.main(["--quick", "--force"]) == 0


@pytest.mark.usefixtures("nothing_is_run")
def test_a_quick_run_prints_and_writes_nothing_but_what_it_is_told(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(command, "RESULTS", str(tmp_path / "results.json"))
    monkeypatch.setattr(report, "update", lambda record: pytest.fail("the page was written"))
    assert command.main(["--quick"]) == 0
    assert list(tmp_path.iterdir()) == []
    out = capsys.readouterr().out
    assert "burst of ticks, 1 strategy" in out
    assert "vnpy 4" in out
    path = tmp_path / "mine.json"
    assert command.main(["--only", "vnpy", "--json", str(path)]) == 0
    assert json.loads(path.read_text(encoding="utf-8"))["values"]["tick_burst"][OURS]


def test_a_failed_side_fails_the_command(nothing_is_run, monkeypatch, capsys):
    nothing_is_run.failed.append("vnpy: order: gone")
    assert command.main(["--quick"]) == 1
    assert "failed: vnpy: order: gone" in capsys.readouterr().err


# The page


@pytest.fixture
def record():
    values = made_up({OURS: [10, 12], "vnpy": [5, 5]})
    for key in ("p50", "p99"):
        results.add(values, "tick_trip_1", OURS, {key: 1000.0})
    return results.record(
        values, MACHINE, rounds=2, scale=1, core=1, loads=[0.4, 1.5],
        versions={"vnpy": {"vnpy": "4.5.0"}}, failed=[],
    )  # fmt: skip


def test_a_full_run_renews_results_page_and_picture(nothing_is_run, tmp_path, monkeypatch, capsys):
    path = tmp_path / "performance.md"
    path.write_text(f"before\n{report.BEGIN}\nold\n{page.END}\nafter\n", encoding="utf-8")
    monkeypatch.setattr(report, "PAGE", str(path))
    monkeypatch.setattr(report, "draw", lambda record, picture: None)
    monkeypatch.setattr(command, "RESULTS", str(tmp_path / "results.json"))
    assert command.main([]) == 0
    once = path.read_text(encoding="utf-8")
    assert command.main(["--docs"]) == 0
    assert path.read_text(encoding="utf-8") == once
    assert once.startswith(f"before\n{report.BEGIN}\n\nvnpy 4; ")
    assert once.endswith(f"{page.END}\nafter\n")
    assert "| vnpy | 5 (200,000/s) | 5 | 5 to 5 | 0.5 |" in once
    assert "old" not in once


def test_the_page_says_with_what_and_how_busy(record):
    text = report.text(record)
    assert text.startswith("vnpy 4.5.0; x; x, x cores, x; 2 rounds, each process pinned")
    assert "load average 0.4 before the first round, 1.5 at most" in text
    assert "- nautilus_trader, from a thread, order: an order takes the same way" in text


def test_the_picture_is_the_same_for_the_same_figures(record, tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    for name in ("one.svg", "two.svg"):
        report.draw(record, str(tmp_path / name))
    text = (tmp_path / "one.svg").read_text(encoding="utf-8")
    assert text == (tmp_path / "two.svg").read_text(encoding="utf-8")
    assert "burst of ticks, 1 strategy: each tick" in text
    assert "p99" not in text


def test_the_committed_page_has_the_committed_figures():
    text = Path(report.PAGE).read_text(encoding="utf-8")
    assert report.text(command.read()) in text
