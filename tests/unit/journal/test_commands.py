from __future__ import annotations

import argparse
import csv
import io
import json
import shutil
import sqlite3

import pytest

from btstores.clock import SimulatedClock
from btstores.journal import SqliteJournal
from btstores.journal.commands import add_journal_commands
from btstores.reports import (
    Bar,
    FillReport,
    LinkReport,
    LinkState,
    OrderEvent,
    OrderReport,
    OrderRequest,
    OrderType,
    Side,
)

NOON = 1_767_268_800_000_000_000  # 2026-01-01 12:00:00 UTC


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("journal") / "a.journal")
    clock = SimulatedClock(NOON, seed=3)
    with SqliteJournal(path, clock, {"store": "paper"}) as journal:
        journal.append("link", LinkReport(LinkState.UP, NOON, detail="line\nbreak\x1b[31m"))
        request = OrderRequest(
            "c1", "00700.HK", Side.BUY, 100.0, OrderType.LIMIT, 350.2, extras={"tif": "GTC"}
        )
        intent = journal.append_durable("intent", request)
        clock.advance(0.25)
        accepted = OrderReport(OrderEvent.ACCEPTED, NOON, "c1", "v1", "00700.HK")
        journal.append_report(accepted, intent)
        for number in (1, 2):
            fill = FillReport(f"f{number}", "00700.HK", Side.BUY, 50.0, 350.2, NOON, "c1")
            journal.append_report(fill, intent)
        journal.append_report(Bar("A", 4, 5, NOON, 1.0, 2.0, 0.5, 1.5, 9.0))
    with SqliteJournal(path, clock) as journal:
        journal.append("note", {"text": "second run, 中文"})
    return path


def run(*words):
    parser = argparse.ArgumentParser()
    add_journal_commands(parser.add_subparsers())
    args = parser.parse_args(["journal", *words])
    out, err = io.StringIO(), io.StringIO()
    status = args.handler(args, out, err)
    return status, out.getvalue(), err.getvalue()


def shown(*words):
    status, out, err = run("show", *words)
    assert (status, err) == (0, "")
    return out.splitlines()


def seqs(*words):
    return [json.loads(line)["seq"] for line in shown(*words, "--json")]


def test_show_is_an_aligned_table(path):
    lines = shown(path)
    assert len(lines) == 12
    assert lines[0].split() == ["seq", "time", "(UTC)", "kind", "order", "cause", "what"]
    column = lines[0].index("what")
    assert all(line.ljust(column)[column - 2 : column] == "  " for line in lines)
    assert "detail=line\\nbreak\\x1b[31m" in lines[2]
    assert "intent         c1" in lines[3]
    assert "2026-01-01 12:00:00.000000" in lines[3]
    assert 'buy 100.0 00700.HK Limit 350.2 tif=GTC time=0 extras={"tif": "GTC"}' in lines[3]
    assert "2026-01-01 12:00:00.250000" in lines[5]
    assert lines[5].split()[5] == "3"  # caused by the intent
    assert "buy 50.0 00700.HK 350.2 fill_id=f1" in lines[5]
    assert "second run, 中文" in lines[10]


def test_show_filters(path):
    assert seqs(path) == list(range(1, 12))
    assert seqs(path, "--kind", "fill") == [5, 6]
    assert seqs(path, "--kind", "fill", "--kind", "bar") == [5, 6, 7]
    assert seqs(path, "--since", "9") == [9, 10, 11]
    assert seqs(path, "--order", "c1") == [3, 4, 5, 6]
    assert seqs(path, "--order", "none") == []
    assert seqs(path, "--last", "2") == [10, 11]
    assert seqs(path, "--order", "c1", "--last", "1") == [6]
    second = json.loads(shown(path, "--json")[-1])["run_id"]
    assert seqs(path, "--run", second) == [9, 10, 11]
    assert seqs(path, "--run", second[:6]) == [9, 10, 11]


def test_show_json_has_everything(path):
    fill = json.loads(shown(path, "--json", "--kind", "fill")[0])
    assert list(fill) == [
        "seq", "time", "time_ns", "run_id", "kind", "cause", "correlation", "payload", "hash",
    ]  # fmt: skip
    assert fill["time"] == "2026-01-01T12:00:00.250000Z"
    assert fill["payload"]["price"] == 350.2
    assert len(fill["hash"]) == 64


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["show", "{missing}"], "there is no such file"),
        (["export", "{missing}"], "there is no such file"),
        (["verify", "{missing}"], "there is no such file"),
        (["show", "{text}"], "not a btstores journal"),
        (["show", "{path}", "--kind", "fil"], "--kind='fil': expected one of account, bar"),
        (["show", "{path}", "--run", "zz"], "--run='zz': expected the beginning of one run"),
        (["show", "{path}", "--last", "0"], "--last=0: expected a number from 1 on"),
        (["export", "{path}", "--output", "{path}"], "expected a file that is not there yet"),
        (["export", "{path}", "--output", "{missing}/x"], "No such file"),
    ],
)
def test_mistakes_are_one_line(path, tmp_path, words, message):
    text = tmp_path / "text"
    text.write_text("hello\n" * 100)
    names = {"path": path, "missing": tmp_path / "missing", "text": text}
    status, out, err = run(*[word.format(**names) for word in words])
    assert (status, out) == (2, "")
    assert err.startswith("btstores: error: ")
    assert message in err
    assert err.count("\n") == 1


def test_a_kind_of_a_newer_version_can_be_asked_for(tmp_path):
    path = str(tmp_path / "a.journal")
    with SqliteJournal(path, SimulatedClock()) as journal:
        journal.append("hologram", {"x": 1})
    assert seqs(path, "--kind", "hologram") == [2]
    assert "x=1" in shown(path)[2]


def test_export_csv_of_one_kind_has_its_fields(path):
    status, out, _ = run("export", path, "--kind", "fill")
    assert status == 0
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [row["fill_id"] for row in rows] == ["f1", "f2"]
    assert float(rows[0]["price"]) == 350.2
    assert rows[0]["commission"] == ""


def test_export_csv_of_all_kinds_has_the_payload(path):
    status, out, _ = run("export", path)
    rows = list(csv.DictReader(io.StringIO(out)))
    assert status == 0
    assert len(rows) == 11
    assert json.loads(rows[9]["payload"]) == {"text": "second run, 中文"}


def test_export_to_a_file(path, tmp_path):
    target = tmp_path / "out.jsonl"
    status, out, err = run("export", path, "--format", "jsonl", "--output", str(target))
    assert (status, out, err) == (0, "", "")
    assert len(target.read_text().splitlines()) == 11


def test_verify(path, tmp_path):
    status, out, err = run("verify", path)
    assert (status, err) == (0, "")
    assert "sound" in out
    status, out, _ = run("verify", path, "--json")
    result = json.loads(out)
    assert (result["status"], result["records"], len(result["runs"])) == (0, 11, 2)
    assert result["runs"][0]["state"] == "ended"


def test_verify_of_a_broken_one(path, tmp_path):
    broken = tmp_path / "b.journal"
    shutil.copy(path, str(broken))
    db = sqlite3.connect(str(broken), isolation_level=None)
    db.execute("UPDATE records SET payload = '[' WHERE seq = 3")
    db.close()
    status, out, _ = run("verify", str(broken))
    assert status == 2
    assert "error: record 3 or the hash before it has been changed" in out
    status, out, err = run("show", str(broken))
    assert status == 2
    assert "record 3: its payload is not JSON" in err
