"""Counting and the table of cases and stores."""

from __future__ import annotations

from btstores.testing import Outcome, Result, matrix, summary

PASSED = Result("E01", "buys", Outcome.PASSED)
EMULATED = Result("E20", "stops", Outcome.EMULATED)
SKIPPED = Result("E03", "at once", Outcome.SKIPPED, "not declared: IOC")
FAILED = Result("N01", "trails", Outcome.FAILED, "line 3:\nassert False")


def test_what_is_emulated_has_passed():
    assert summary([PASSED, EMULATED, SKIPPED, FAILED, FAILED]) == {
        "passed": 2,
        "failed": 2,
        "skipped": 1,
    }
    assert summary([]) == {"passed": 0, "failed": 0, "skipped": 0}


def test_the_matrix_has_a_row_a_case_and_a_column_a_venue():
    table = matrix({"one": [PASSED, SKIPPED, FAILED], "two, too": [PASSED, EMULATED]})
    assert table.splitlines() == [
        "| case | what it shows | one | two, too |",
        "| --- | --- | --- | --- |",
        "| E01 | buys | passed | passed |",
        "| E03 | at once | not declared: IOC |  |",
        "| N01 | trails | failed |  |",
        "| E20 | stops |  | emulated |",
    ]
