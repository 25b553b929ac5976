"""`btstores conformance`: the numbered cases on a store, for somebody with a demo account."""

from __future__ import annotations

import argparse
import gc
import json
import logging
from typing import Any, Dict, List, Optional, TextIO, Union

from btstores.cli.settings import given_values, parse_timeframe
from btstores.cli.text import Screen, size_text
from btstores.errors import ConfigError
from btstores.stores.base import BaseStore
from btstores.stores.registry import find_store
from btstores.testing.case import Case, all_cases
from btstores.testing.driver import run_case
from btstores.testing.paper import ControlledPaper
from btstores.testing.results import Outcome, Result, summary
from btstores.testing.venue import Venue

__all__ = ["conformance_command"]

_STYLES = {Outcome.PASSED: "good", Outcome.EMULATED: "good", Outcome.SKIPPED: "dim"}


def conformance_command(args: argparse.Namespace, out: TextIO, err: TextIO) -> int:
    """Run the cases and tell of each; return 0 when none has failed, else 1."""
    chosen = _chosen(args.case)
    report: Union[_Json, _Lines] = _Json(out) if args.json else _Lines(out)
    if args.list:
        for one in chosen:
            report.listed(one)
        return 0
    bench = _Bench(args)
    _look(bench.venue())
    (err if args.json else out).write(f"{bench.warning}\n")
    # What the suite breaks on purpose is no news.
    logging.getLogger("btstores").setLevel(logging.CRITICAL)
    results: List[Result] = []
    try:
        for one in chosen:
            results.append(run_case(one, bench.venue()))
            report.told(results[-1])
    finally:
        report.summed_up(results)
    return 1 if summary(results)["failed"] else 0


def _chosen(ids: Optional[List[str]]) -> List[Case]:
    known = {one.id: one for one in all_cases()}
    if ids is None:
        return list(known.values())
    for wanted in ids:
        if wanted.upper() not in known:
            raise ConfigError.of("--case", wanted, "a number that --list shows")
    return [known[wanted.upper()] for wanted in ids]


class _Account(Venue):
    """A store by name, as it is."""

    def __init__(self, kind: Any, values: Dict[str, Any], args: argparse.Namespace) -> None:
        self._kind = kind
        self._values = values
        self.symbol = args.symbol
        self.option_symbol = args.option
        self.size = args.size or 2.0
        self.timeframe = parse_timeframe(args.timeframe)

    def make_store(self, **params: Any) -> BaseStore:
        gc.collect()  # one that never ran is known by its account until it is collected
        store: BaseStore = self._kind(**{**self._values, **params})
        return store


class _Bench:
    """What the command line asks to be tested."""

    def __init__(self, args: argparse.Namespace) -> None:
        if not args.name:
            raise ConfigError("which store? btstores stores lists them", "NAME")
        self._args = args
        self._kind = find_store(args.name)
        self._values = given_values(args.name, self._kind.all_params(), args.set)
        self._is_paper = args.name == ControlledPaper.store_name
        if not self._is_paper and not args.symbol:
            raise ConfigError("which symbol? Give --symbol", "--symbol")

    def venue(self) -> Venue:
        """Return the venue for one case."""
        if not self._is_paper:
            return _Account(self._kind, self._values, self._args)
        paper = ControlledPaper(**self._values)
        paper.size = self._args.size or paper.size
        return paper

    @property
    def warning(self) -> str:
        """Return what everybody should know before it begins."""
        venue = self.venue()
        what = f"{size_text(venue.size)} {venue.symbol}"
        return (
            f"This trades on the account of {self._args.name}: it sends, changes and cancels "
            f"orders of {what} and of twice as much. Ctrl-C leaves what is open then."
        )


def _look(venue: Venue) -> None:
    """Connect once, so that a wrong address fails once and not with every case."""
    store = venue.make_store()
    try:
        store.connect()
        store.instrument(venue.symbol)
    finally:
        store.stop()
        venue.close()


class _Lines:
    """For people: a line a case."""

    def __init__(self, out: TextIO) -> None:
        self._screen = Screen(out)

    def listed(self, one: Case) -> None:
        needs = f" (needs {', '.join(one.needs)})" if one.needs else ""
        self._screen.line(f"{one.id:<5} {one.title}{needs}")

    def told(self, result: Result) -> None:
        why = f" ({result.reason})" if result.outcome is Outcome.SKIPPED else ""
        line = f"{result.id:<5} {result.outcome.value:<9} {result.title}{why}"
        self._screen.line(line, _STYLES.get(result.outcome, "bad"))
        if result.outcome is Outcome.FAILED:
            for text in result.reason.splitlines():
                self._screen.line(f"      {text}")

    def summed_up(self, results: List[Result]) -> None:
        counts = summary(results)
        text = ", ".join(f"{counts[name]} {name}" for name in ("passed", "failed", "skipped"))
        self._screen.line(text, "bold")


class _Json:
    """For machines: an object a line."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def _write(self, record: Dict[str, Any]) -> None:
        self._out.write(json.dumps(record) + "\n")
        self._out.flush()

    def listed(self, one: Case) -> None:
        self._write({"id": one.id, "title": one.title, "needs": list(one.needs)})

    def told(self, result: Result) -> None:
        record = {"event": "case", **result._asdict()}
        self._write({**record, "outcome": result.outcome.value})

    def summed_up(self, results: List[Result]) -> None:
        self._write({"event": "summary", **summary(results)})
