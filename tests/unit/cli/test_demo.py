"""`btstores demo`, as fast as possible unless the pace is what is looked at."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import sys

import pytest

QUICK = ("demo", "--speed", "max", "--seed", "10")
BLIND = ("demo", "--speed", "max", "--no-picture")


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """The demo with its default seed, as a user would see it."""
    folder = tmp_path_factory.mktemp("demo")
    pytest.importorskip("matplotlib")
    pytest.importorskip("plotly")
    command = [sys.executable, "-c", "import sys, btstores.cli; sys.exit(btstores.cli.main())"]
    done = subprocess.run([*command, *QUICK, "--out", str(folder)], capture_output=True)
    assert done.returncode == 0
    assert done.stderr == b""
    return done.stdout.decode(), folder


def test_feed_is_delayed_then_live(shown):
    text, _ = shown
    assert 0 < text.index("DEMO is DELAYED") < text.index("40 bars of history")
    assert text.index("40 bars of history") < text.index("DEMO is LIVE")


def test_bars_come_one_by_one(shown):
    text, _ = shown
    assert sum("   value " in line for line in text.splitlines()) == 100


def test_bracket_is_sent_accepted_partly_filled_filled_and_ended(shown):
    text, _ = shown
    told = [
        "#1   entry   buy",
        "#2   stop    sell",
        "#3   target  sell",
        "#1 #2 #3 accepted",
        "#1   entry   bought",
        "#1   entry   filled",
        "#3   target  sold",
        "#3   target  filled",
        "trade ended by its target",
        "#2   stop    cancelled: #3 of the group is filled",
    ]
    places = [text.index(words) for words in told]
    assert places == sorted(places)
    assert "   part 1: " in text
    assert "   part 2: " in text
    assert "trade ended by its stop" in text


def test_account_moves(shown):
    text, _ = shown
    values = {line.split("value")[1].strip() for line in text.splitlines() if "   value " in line}
    assert "1,000,000.00" in values
    assert len(values) > 10


def test_tables_and_last_lines(shown):
    text, folder = shown
    for title in ("Orders (", "Fills (", "Positions ("):
        assert f"\n{title}" in text
    assert text.splitlines()[-3].startswith("Final value: 1,0")
    assert text.splitlines()[-2:] == [
        f"Picture (PNG): {folder / 'demo.png'}",
        f"Picture (HTML): {folder / 'demo.html'}",
    ]


def test_no_colours_but_on_a_terminal(shown):
    assert "\033" not in shown[0]


def test_lines_are_short(shown):
    lines = shown[0].splitlines()
    assert all(len(line) <= 100 for line in lines if not line.startswith("Picture"))


def test_png_is_a_picture(shown):
    content = (shown[1] / "demo.png").read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", content[16:24])
    assert width > 1000
    assert height > 700
    assert len(content) > 30_000


def test_html_holds_everything_and_loads_nothing(shown):
    page = (shown[1] / "demo.html").read_text(encoding="utf-8")
    for words in ("<h2>Orders (", "<h2>Fills (", "Positions", "exit by the target", "Final value"):
        assert words in page
    assert "<script src=" not in page
    assert "<link" not in page
    assert "Plotly.newPlot" in page


def test_same_seed_same_end(command):
    ends = [command(*BLIND, "--seed", "10", "--json").summary for _ in range(2)]
    assert ends[0]["final_value"] == ends[1]["final_value"]
    assert [fill["price"] for fill in ends[0]["fills"]] == [
        fill["price"] for fill in ends[1]["fills"]
    ]
    other = command("demo", "--speed", "0", "--seed", "4", "--json", "--no-picture").summary
    assert other["final_value"] != ends[0]["final_value"]


def test_json_is_one_object_a_line(command):
    said = command(*BLIND, "--seed", "10", "--json")
    kinds = {event["event"] for event in said.events}
    assert kinds == {"data", "history", "store", "bar", "order", "fill", "trade", "summary"}
    summary = said.summary
    assert summary["start_value"] == 1_000_000
    assert sum(trade["pnl_net"] for trade in summary["trades"]) == pytest.approx(
        summary["final_value"] - summary["start_value"], abs=0.01
    )
    parts = [fill["part"] for fill in summary["fills"]]
    assert max(parts) >= 2
    for order in summary["orders"]:
        own = [fill["size"] for fill in summary["fills"] if fill["order"] == order["order"]]
        assert sum(own) == order["filled"]


def test_real_prices_by_default(command):
    pytest.importorskip("bokeh_sampledata")
    summary = command(*BLIND, "--json").summary
    assert {fill["data"] for fill in summary["fills"]} == {"AAPL"}
    assert {trade["ended_by"] for trade in summary["trades"]} == {"stop", "target"}
    assert max(fill["part"] for fill in summary["fills"]) >= 3
    assert summary["positions"] == []


def test_without_the_real_prices_they_are_made_up(command, monkeypatch):
    monkeypatch.setitem(sys.modules, "bokeh_sampledata", None)
    said = command(*BLIND)
    assert said.status == 0
    assert "made up from seed 10" in said.out


def test_fill_model_of_backtrader(command):
    said = command(*BLIND, "--json", "--fill-model", "backtrader")
    assert said.status == 0
    assert max(fill["part"] for fill in said.summary["fills"]) >= 2


def test_own_file(command, prices):
    said = command(*BLIND, "--data", prices)
    assert said.status == 0
    assert f"ABC, daily: {prices}" in said.out
    assert "2024-" in said.out


def test_own_file_under_another_name(command, prices):
    argv = (*BLIND, "--data", prices, "--symbol", "XYZ")
    assert "XYZ is LIVE" in command(*argv).out


def test_without_the_picture_libraries_it_still_ends_well(command, tmp_path, monkeypatch):
    for name in ("matplotlib", "plotly", "plotly.subplots"):
        monkeypatch.setitem(sys.modules, name, None)
    said = command(*QUICK, "--out", tmp_path)
    assert said.status == 0
    for kind, library in (("PNG", "matplotlib"), ("HTML", "plotly")):
        told = f"No {kind}: {library} is not installed. Install it with: pip install"
        assert f"{told} 'btstores[demo]'" in said.out
    assert said.lines[-1].startswith("Final value: ")


def test_pace():
    """Real clock: about as long as asked for, and nothing but the pace is different."""
    code = "import sys, btstores.cli; sys.exit(btstores.cli.main())"
    argv = ["demo", "--seed", "10", "--bars", "20", "--seconds", "2", "--no-picture"]
    done = subprocess.run([sys.executable, "-c", code, *argv], stdout=subprocess.PIPE)
    assert done.returncode == 0
    text = done.stdout.decode()
    assert "20 bars in about 2 s" in text
    # On a machine that is busy the first bars may come before the history is through.
    history = int(re.search(r"(\d+) bars of history", text).group(1))
    assert history >= 40
    assert history + sum("   value " in line for line in text.splitlines()) == 60


# Wrong use


def test_malformed_row(refused, prices, tmp_path):
    lines = prices.read_text().splitlines()
    lines[5] = lines[5].replace(",20000", ",many")
    prices.write_text("\n".join(lines))
    said = refused("demo", "--speed", "max", "--data", prices, "--out", tmp_path)
    assert said == f"{prices}, line 6, column 6 (volume): 'many', expected a number"


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("--data", "nowhere.csv"), "--data='nowhere.csv'"),
        (("--speed", "fast"), "--speed"),
        (("--speed", "-3"), "above zero"),
        (("--seconds", "0"), "above zero"),
        (("--bars", "0"), "above zero"),
        (("--fill-model", "magic"), "--fill-model"),
    ],
)
def test_wrong_argument(refused, tmp_path, argv, words):
    assert words in refused("demo", "--out", tmp_path, *argv)


def test_unknown_symbol(refused, tmp_path):
    pytest.importorskip("bokeh_sampledata")
    assert "AAPL, GOOG, IBM, MSFT" in refused("demo", "--symbol", "ZZZ", "--out", tmp_path)


def test_unwritable_folder(refused, tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    said = refused(*QUICK, "--out", os.path.join(str(file), "below"))
    assert "expected a folder to write to" in said


def test_too_short_a_file(refused, prices, tmp_path):
    prices.write_text("\n".join(prices.read_text().splitlines()[:20]))
    assert "at least 40 bars" in refused("demo", "--data", prices, "--out", tmp_path)
