"""The manual says what the code does: current tables, examples that run, links that lead on."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import os
import re
import shutil
import sys
import textwrap
from pathlib import Path
from typing import Any, FrozenSet, Iterator, List

import pytest

from btstores.cli import main
from btstores.feeds.storefeed import StoreFeed
from btstores.orders.reasons import REASONS
from btstores.sim.prices.generator import Generator
from btstores.stores.futu.opend.faults import read_plan
from btstores.stores.gateway import Capabilities
from btstores.stores.registry import installed_stores
from btstores.testing import all_cases
from btstores.testing.results import Outcome

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
EXAMPLES = DOCS / "examples"


def load(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, str(path))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


generate = load(DOCS / "generate.py")
PAGES: List[Path] = generate.pages()


def ids(pages: List[Path]) -> List[str]:
    return [str(page.relative_to(ROOT)) for page in pages]


@pytest.fixture
def examples(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let ``import quickstart`` find docs/examples, and forget it afterwards."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    yield
    for path in EXAMPLES.glob("*.py"):
        sys.modules.pop(path.stem, None)


@pytest.mark.parametrize("page", PAGES, ids=ids(PAGES))
def test_generated_parts_are_current(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert generate.render(text) == text, "run: .venv/bin/python docs/generate.py"


# Examples


def snippets(page: Path) -> List[str]:
    """Return the code of a page that is not generated from an example."""
    text = re.sub(r"<!-- generated: .*?<!-- end -->", "", page.read_text("utf-8"), flags=re.DOTALL)
    return [
        textwrap.dedent(found[2])
        for found in re.finditer(r"^( *)```python\n(.*?)^\1```", text, re.DOTALL | re.MULTILINE)
    ]


WITH_CODE = [page for page in PAGES if snippets(page) and ".zh" not in page.suffixes]
IN_CHINESE = [page for page in PAGES if ".zh" in page.suffixes]


@pytest.mark.parametrize("page", IN_CHINESE, ids=ids(IN_CHINESE))
def test_a_translated_page_has_the_same_code(page: Path) -> None:
    assert snippets(page) == snippets(page.with_name(page.name.replace(".zh", "")))


@pytest.mark.usefixtures("examples")
@pytest.mark.parametrize("page", WITH_CODE, ids=ids(WITH_CODE))
def test_the_code_of_a_page_runs_from_top_to_bottom(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_prices(tmp_path / "PRICES.csv")
    # A module of its own: backtrader looks up the module of each strategy.
    names = {"__name__": "__main__"}
    for snippet in snippets(page):
        exec(compile(snippet, str(page), "exec"), names)


def write_prices(path: Path) -> None:
    """Write made-up minutes as a user's file would have them."""
    rows = ["datetime,open,high,low,close,volume"]
    for bar in Generator(seed=5).bars("PRICES", 200).events:
        time = f"2024-01-02 {bar.time_ns // 60_000_000_000 // 60 % 24:02}"
        time += f":{bar.time_ns // 60_000_000_000 % 60:02}:00"
        rows.append(f"{time},{bar.open},{bar.high},{bar.low},{bar.close},{bar.volume:.0f}")
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")


def test_the_commands_of_a_page_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    write_prices(tmp_path / "PRICES.csv")
    shutil.copy(str(EXAMPLES / "quickstart.py"), str(tmp_path))
    page = (DOCS / "command_line.md").read_text(encoding="utf-8")
    session, plan = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    (tmp_path / "session.toml").write_text(session, encoding="utf-8")
    (tmp_path / "plan.toml").write_text(plan, encoding="utf-8")
    assert len(read_plan(tmp_path / "plan.toml")) == plan.count("[[fault]]")
    page = page.replace("\\\n", "")
    commands = [line.split()[1:] for line in re.findall(r"^btstores .*", page, re.MULTILINE)]
    assert len(commands) >= 10
    for command in commands:
        # One draws, one waits for Ctrl-C, one needs an OpenD: their own tests run them.
        if command[0] not in ("demo", "sim") and "futu" not in command:
            # Orders are still open at the end: verify says so with the status 1.
            expected = 1 if "verify" in command else 0
            assert main(command) == expected, (command, capsys.readouterr().err)
    assert "fill_id" in (tmp_path / "fills.csv").read_text(encoding="utf-8")


@pytest.mark.usefixtures("examples")
def test_the_tiny_store_passes_its_own_tests() -> None:
    module = importlib.import_module("test_tiny_store")
    tests = [test for name, test in vars(module).items() if name.startswith("test_")]
    assert len(tests) >= 3
    for test in tests:
        test()


def test_code_is_as_old_as_the_oldest_python() -> None:
    as_old = {"feature_version": (3, 7)} if sys.version_info >= (3, 8) else {}
    for path in [*EXAMPLES.glob("*.py"), DOCS / "generate.py"]:
        ast.parse(path.read_text(encoding="utf-8"), **as_old)


# What the pages list


def test_every_reason_code_is_explained() -> None:
    page = (DOCS / "errors.md").read_text(encoding="utf-8")
    ours = re.search(r"<!-- generated: reasons -->(.*?)<!-- end -->(.*)", page, re.DOTALL)
    assert ours is not None
    assert [code for code in REASONS if f"| `{code}` |" not in ours[1]] == []
    codes = {code for source in sources("sim") for code in venue_codes(source)}
    assert {"MARGIN", "NOT_OPEN", "BAD_TICK", "IMMEDIATE", "DUPLICATE_ID", "RELATED"} <= codes
    assert [code for code in sorted(codes) if f"`{code}`" not in ours[2]] == []


def test_every_reason_code_that_is_given_is_in_the_table() -> None:
    rooms = ("orders", "stores", "brokers", "handlers")
    codes = {
        code
        for room in rooms
        for source in sources(room, but=VENUE_NAMES)
        for code in our_codes(source)
    }
    assert {"PRICE_TICK", "LINK_DOWN", "JOURNAL", "NEVER_SENT", "ORDER_FINISHED"} <= codes
    assert codes - set(REASONS) == {"PARAMS"}, "the name of an attribute, and no code"


#: What a venue calls things, in capitals.
VENUE_NAMES = frozenset({"futu", "oanda"})


def sources(room: str, but: FrozenSet[str] = frozenset()) -> List[str]:
    files = (ROOT / "src" / "btstores" / room).rglob("*.py")
    return [path.read_text(encoding="utf-8") for path in files if not but & {*path.parts}]


def venue_codes(source: str) -> set:
    """Return the codes that a file of the simulated venue gives to refusals and ends."""
    givers = r"\b(?:Refusal|ModifyRefused|_refuse|_deny)\([^()]*?|reason_code="
    return set(re.findall(rf'(?:{givers})"([A-Z_]{{4,}})"', source))


def our_codes(source: str) -> set:
    """Return the texts of a file that look like codes, but for the names it offers."""
    found = set()
    for node in ast.parse(source).body:
        if not (isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__"):
            # Python 3.7 has the text in `s`, which the newest ones warn of.
            texts = [
                each.value if hasattr(each, "value") else vars(each).get("s")
                for each in ast.walk(node)
            ]
            found |= {text for text in texts if isinstance(text, str)}
    return {text for text in found if re.fullmatch(r"[A-Z_]{6,}", text)}


def test_every_parameter_of_a_feed_is_explained() -> None:
    page = (DOCS / "feeds.md").read_text(encoding="utf-8")
    theirs = set(StoreFeed.__mro__[1].params._getkeys())
    ours = [name for name in StoreFeed.params._getkeys() if name not in theirs]
    assert "backfill" in ours
    assert [name for name in ours if f"`{name}`" not in page] == []


def test_every_capability_is_named() -> None:
    page = (DOCS / "write_your_own_store.md").read_text(encoding="utf-8")
    assert [n for n in Capabilities.__dataclass_fields__ if f"`{n}`" not in page] == []


@pytest.mark.parametrize("name", ["README.md", "README.zh.md"])
def test_the_readme_lists_the_stores_there_are(name: str) -> None:
    page = (ROOT / name).read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)`.*\| (?:works|可用)", page, re.MULTILINE)
    folders = [path.parent.name for path in ROOT.glob("src/btstores/stores/*/store.py")]
    assert sorted(rows) == sorted(folders)
    assert set(rows) <= set(installed_stores())


@pytest.mark.parametrize("name", ["README.md", "README.zh.md"])
def test_the_readme_shows_what_the_demo_prints(name: str, capsys: pytest.CaptureFixture) -> None:
    pytest.importorskip("bokeh_sampledata")
    assert main(["demo", "--speed", "max", "--no-picture"]) == 0
    printed = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    sample = re.search(r"```text\n(.*?)```", (ROOT / name).read_text("utf-8"), re.DOTALL)
    assert sample is not None
    lines = [" ".join(line.split()) for line in sample[1].splitlines() if line != "..."]
    shown = [line for line in lines if not line.startswith("Picture")]
    assert len(shown) > 10
    assert [line for line in printed if line in shown] == shown


# Links


@pytest.mark.parametrize("page", PAGES, ids=ids(PAGES))
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        there = Path(os.path.normpath(str(page.parent / file))) if file else page
        assert there.exists(), target
        if anchor:
            assert anchor in anchors(there), target


def anchors(page: Path) -> List[str]:
    """Return the anchors of a page's headings, as GitHub and MyST make them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return [
        re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings
    ]


def test_the_measured_cases_are_those_of_the_suite() -> None:
    ids = [one.id for one in all_cases()]
    for name, results in generate.measured_conformance().items():
        assert [result.id for result in results] == ids, f"{name}: run docs/measure_conformance.py"
        assert [result for result in results if result.outcome is Outcome.FAILED] == []
