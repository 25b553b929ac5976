"""The benchmarks still run; how fast is not asked here."""

from __future__ import annotations

import importlib.util
import json
import os

import pytest

from benchmarks import page
from benchmarks.__main__ import HEAD, SECTIONS, cells, main, renewed, table
from benchmarks.harness import Plan, Row, percentile

TINY = Plan(scale=0.001, repeats=1, feeds=(2,), qcheck=0.02, isolate=False)

#: What a section needs: the module and the package it is in.
CLIENTS = {"futu": ("futu", "futu-api"), "oanda": ("oandapyV20", "oandapyV20")}

#: These take ten seconds and more, as small as they come.
LONG = ("memory", "scale", "futu", "oanda")


@pytest.mark.parametrize(
    "section",
    [pytest.param(name, marks=[pytest.mark.long] * (name in LONG)) for name in SECTIONS],
)
@pytest.mark.filterwarnings("ignore:setDaemon:DeprecationWarning")
def test_each_section_yields_rows(section):
    if section in CLIENTS:
        package, name = CLIENTS[section]
        pytest.importorskip(package, reason=f"{name} is not installed")
    rows = list(SECTIONS[section](TINY))
    assert rows
    for row in rows:
        record = json.loads(json.dumps(row.record({"python": "3"}), allow_nan=False))
        assert record["name"]
        assert record["unit"]
        assert isinstance(record["value"], (int, float))
        assert (record["baseline"] is None) == (record["against"] == "")
        assert (record["met"] is None) == (record["target"] == "")
    assert len({row.name for row in rows}) == len(rows)


@pytest.mark.parametrize("section", CLIENTS)
def test_without_a_venues_client_its_section_says_why_it_has_no_rows(section, monkeypatch, capsys):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert list(SECTIONS[section](TINY)) == []
    assert f"{CLIENTS[section][1]} is not installed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("row", "target", "met"),
    [
        (Row("a", 1.0, "ms"), "", None),
        (Row("a", 1.0, "ms", most=1), "<= 1 ms", True),
        (Row("a", 1.1, "ms", most=1), "<= 1 ms", False),
        (Row("a", 9.0, "/s", least=10_000), ">= 10,000 /s", False),
        (Row("a", 1.0, "s", 2.0, ratio_most=0.5), "ratio <= 0.5", True),
        (Row("a", 1.0, "s", 1.0, ratio_most=0.5), "ratio <= 0.5", False),
        (Row("a", 1.0, "s", 1.0, most=2, ratio_most=0.01), "<= 2 s, ratio <= 0.01", False),
        (Row("a", 1.0, "s", None, ratio_most=0.5), "ratio <= 0.5", False),
    ],
)
def test_a_target_is_met_when_all_of_it_holds(row, target, met):
    assert (row.target, row.met) == (target, met)


def test_sections_that_are_measured_again_take_their_own_place():
    before = [{"section": name, "name": "old"} for name in ("latency", "ticks", "futu")]
    new = [{"section": name, "name": "new"} for name in ("oanda", "ticks")]
    told = [(one["section"], one["name"]) for one in renewed(before, new)]
    assert told == [("latency", "old"), ("ticks", "new"), ("futu", "old"), ("oanda", "new")]


def test_percentiles():
    values = list(range(100, 0, -1))
    assert [percentile(values, percent) for percent in (0, 50, 99, 100)] == [1, 51, 100, 100]


def test_the_command_prints_a_table_and_writes_where_it_is_told(tmp_path, monkeypatch, capsys):
    rows = [Row("slow", 3.0, "ms", most=1.0), Row("a thing", 1234.5, "/s", 0.5, "another")]
    monkeypatch.setitem(SECTIONS, "latency", lambda plan: iter(rows))
    path = tmp_path / "results.json"
    assert main(["--only", "latency", "--json", str(path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert " ".join(lines[0].split()) == " ".join(HEAD)
    assert lines[1].split() == ["slow", "3", "ms", "<=", "1", "ms", "NO"]
    assert lines[2].split() == ["a", "thing", "1,230", "/s", "0.5", "2,470", "another"]
    assert lines[3] == "1 of 1 targets missed"
    records = json.loads(path.read_text(encoding="utf-8"))
    assert [record["value"] for record in records] == [3.0, 1234.0]
    assert {"python", "cpu", "cores", "os", "load"} <= set(records[0]["machine"])


def test_the_pages_get_their_tables(tmp_path, monkeypatch):
    for name in ("benchmarks.md", "microseconds.md"):
        text = f"before\n{page.BEGIN}\nold\n{page.END}\nafter\n"
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.setattr(page, "DOCS", str(tmp_path))
    machine = dict.fromkeys(("python", "backtrader", "cpu", "cores", "os", "gc"), "x")
    rows = [
        Row("slow", 3.0, "ms"),
        Row("tick, 15 ms apart: it is seen", 77.6, "us"),
        Row("tick, 1 ms apart: it is seen", 20.0, "us"),
    ]
    records = [
        {
            "section": "stages" if ":" in row.name else "latency",
            **row.record({**machine, "load": 1}),
        }
        for row in rows
    ]
    page.update_pages(records, HEAD, cells)
    page.update_pages(records, HEAD, cells)
    texts = [(tmp_path / name).read_text(encoding="utf-8") for name in sorted(os.listdir(tmp_path))]
    for text in texts:
        assert text.startswith(f"before\n{page.BEGIN}\n\nx, backtrader x")
        assert text.endswith(f"{page.END}\nafter\n")
        assert "old" not in text
    assert texts[0].count("| slow | 3 | ms |") == 1
    assert "| way | stage | 15 ms apart | 1 ms apart |" in texts[1]
    assert "| tick | it is seen | 77.6 | 20 |" in texts[1]
    assert "slow" in table(records)
