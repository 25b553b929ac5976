"""The command `btstores journal`: show, verify, replay, export and shorten.

`add_journal_commands` adds them to the program's subcommands and sets ``handler`` on each:
a function of the parsed arguments, a stream for output and one for errors, which returns the
exit status. What a user does wrong is one line on the error stream and the status 2.
"""

from __future__ import annotations

import argparse
import calendar
import datetime
import json
import os
import sys
from typing import Any, Iterator, List, Optional, TextIO

from btstores.clock import NS_PER_SECOND, wall_clock
from btstores.errors import ConfigError, JournalError
from btstores.journal.reader import JournalReader
from btstores.journal.records import KINDS, Record
from btstores.journal.replay import replay
from btstores.journal.retention import age_ns, check_limits, shorten_file
from btstores.journal.show import write_csv, write_json, write_table
from btstores.journal.verify import VerifyResult, verify

__all__ = [
    "add_journal_commands",
    "export_command",
    "replay_command",
    "shorten_command",
    "show_command",
    "verify_command",
]


def add_journal_commands(subparsers: Any) -> argparse.ArgumentParser:
    """Add `journal` with its subcommands to what ``ArgumentParser.add_subparsers`` returned."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "journal", help="show, check, export or shorten what was recorded"
    )
    commands = parser.add_subparsers(dest="journal_command", metavar="COMMAND")
    commands.required = True

    show = commands.add_parser("show", help="print records, a line each")
    _add_filters(show)
    show.add_argument("--json", action="store_true", help="one JSON object a line")
    show.set_defaults(handler=show_command)

    check = commands.add_parser(
        "verify",
        help="check the whole file",
        description="Exit status: 0 sound, 1 sound with findings (a crashed run, orders "
        "without an end), 2 broken.",
    )
    check.add_argument("path", help="the journal")
    check.add_argument("--json", action="store_true", help="the result as one JSON object")
    check.set_defaults(handler=verify_command)

    again = commands.add_parser(
        "replay",
        help="rebuild the state at a record",
        description="Exit status: 0 rebuilt, 1 a snapshot says otherwise, 2 cannot be read.",
    )
    again.add_argument("path", help="the journal")
    again.add_argument("--to", type=int, metavar="SEQ", help="up to this record; default: the end")
    again.add_argument("--json", action="store_true", help="the whole state as one JSON object")
    again.set_defaults(handler=replay_command)

    export = commands.add_parser(
        "export",
        help="write records for other programs",
        description="With a single --kind the CSV has a column for each field of that kind.",
    )
    _add_filters(export)
    export.add_argument("--format", choices=("csv", "jsonl"), default="csv", help="default: csv")
    export.add_argument("--output", metavar="FILE", help="a new file; default: standard output")
    export.set_defaults(handler=export_command)

    shorten = commands.add_parser(
        "shorten",
        help="remove the oldest records",
        description="Only while nobody writes the journal. What a restart needs stays.",
    )
    shorten.add_argument("path", help="the journal")
    age = shorten.add_mutually_exclusive_group(required=True)
    age.add_argument("--before", metavar="YYYY-MM-DD", help="all before that day, UTC")
    age.add_argument("--keep-days", type=float, metavar="N", help="all but the last N days")
    shorten.set_defaults(handler=shorten_command)
    return parser


def _add_filters(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", help="the journal")
    parser.add_argument(
        "--kind", action="append", metavar="KIND", help="only this kind; may be repeated"
    )
    parser.add_argument("--since", type=int, metavar="SEQ", default=1, help="from this record on")
    parser.add_argument("--order", metavar="CLIENT_ID", help="only this client order id")
    parser.add_argument("--run", metavar="RUN_ID", help="only this run; its beginning is enough")
    parser.add_argument("--last", type=int, metavar="N", help="only the newest N of these")


def show_command(args: argparse.Namespace, out: TextIO, err: Optional[TextIO] = None) -> int:
    """Print records as a table or as JSON lines; return the exit status."""
    try:
        with JournalReader(args.path) as reader:
            (write_json if args.json else write_table)(_select(reader, args), out)
    except (ConfigError, JournalError) as error:
        return _refuse(error, err)
    return 0


def export_command(args: argparse.Namespace, out: TextIO, err: Optional[TextIO] = None) -> int:
    """Write records to a new file or to ``out``; return the exit status."""
    try:
        with JournalReader(args.path) as reader:
            records = _select(reader, args)
            if args.output is None:
                _export(records, args, out)
                return 0
            try:
                with open(args.output, "x", encoding="utf-8", newline="") as file:
                    _export(records, args, file)
            except FileExistsError:
                expected = "a file that is not there yet"
                raise ConfigError.of("--output", args.output, expected) from None
            except OSError as error:
                expected = f"a file that can be written ({error.strerror})"
                raise ConfigError.of("--output", args.output, expected) from None
    except (ConfigError, JournalError) as error:
        return _refuse(error, err)
    return 0


def verify_command(args: argparse.Namespace, out: TextIO, err: Optional[TextIO] = None) -> int:
    """Check the journal; return 0, 1 or 2."""
    if not os.path.isfile(args.path):
        return _refuse(JournalError(f"{args.path}: there is no such file"), err)
    result = verify(args.path)
    out.write(json.dumps(_as_object(result)) + "\n" if args.json else result.text())
    return result.status


def replay_command(args: argparse.Namespace, out: TextIO, err: Optional[TextIO] = None) -> int:
    """Rebuild the state; return 0, 1 or 2."""
    try:
        if args.to is not None and args.to < 1:
            raise ConfigError.of("--to", args.to, "a number from 1 on")
        found = replay(args.path, args.to)
    except (ConfigError, JournalError) as error:
        return _refuse(error, err)
    if args.json:
        told = {**found.state.to_dict(), "seq": found.seq, "differences": found.differences}
        out.write(json.dumps(told) + "\n")
    else:
        out.write(found.text())
    return found.status


def shorten_command(args: argparse.Namespace, out: TextIO, err: Optional[TextIO] = None) -> int:
    """Remove the oldest records; return the exit status."""
    try:
        done = shorten_file(args.path, _before_ns(args))
    except (ConfigError, JournalError) as error:
        return _refuse(error, err)
    sizes = f"{done.size_after / 1e6:,.1f} MB, before {done.size_before / 1e6:,.1f} MB"
    out.write(f"removed {done.removed:,} records; it begins with {done.first_seq}: {sizes}\n")
    if not done.snapshot:
        out.write("all of it is needed: there is no snapshot yet to sum it up for a restart\n")
    return 0


def _before_ns(args: argparse.Namespace) -> int:
    if args.keep_days is not None:
        check_limits(args.keep_days, None)
        return wall_clock().time_ns() - age_ns(args.keep_days)
    try:
        day = datetime.date.fromisoformat(args.before)
    except ValueError:
        raise ConfigError.of("--before", args.before, "a date such as 2026-01-31") from None
    return calendar.timegm(day.timetuple()) * NS_PER_SECOND


def _as_object(result: VerifyResult) -> Any:
    runs = [run._asdict() for run in result.runs]
    return dict(result._asdict(), runs=runs, status=result.status)


def _export(records: Iterator[Record], args: argparse.Namespace, out: TextIO) -> None:
    if args.format == "jsonl":
        write_json(records, out)
    else:
        kinds = args.kind or []
        write_csv(records, out, kinds[0] if len(kinds) == 1 else "")


def _select(reader: JournalReader, args: argparse.Namespace) -> Iterator[Record]:
    if args.last is not None and args.last < 1:
        raise ConfigError.of("--last", args.last, "a number from 1 on")
    for kind in args.kind or ():
        if kind not in KINDS and not reader.has_kind(kind):
            raise ConfigError.of("--kind", kind, "one of " + ", ".join(sorted(KINDS)))
    run_id = None if args.run is None else _run(reader, args.run)
    return reader.records(args.since, args.kind, args.order, run_id, args.last)


def _run(reader: JournalReader, text: str) -> str:
    runs: List[str] = [run.run_id for run in reader.runs()]
    found = [run_id for run_id in runs if run_id.startswith(text)]
    if len(found) != 1:
        newest = ", ".join(runs[-5:]) or "none"
        raise ConfigError.of("--run", text, f"the beginning of one run; the newest are: {newest}")
    return found[0]


def _refuse(error: Exception, err: Optional[TextIO]) -> int:
    (sys.stderr if err is None else err).write(f"btstores: error: {error}\n")
    return 2
